//! `vecinity query` and `vecinity analogy`: sums and differences of tokens.

use crate::args::{Ask, Limit, Tokens};
use crate::choices::choice;
use crate::output::Output;
use crate::table;
use clap::Args;
use vecinity::TokenId;
use vecinity::ask::expression::parse;
use vecinity::ask::{Answer, Method, Term, Want};

/// The tokens nearest to an expression such as 'madrid - spain + france'.
///
/// Tokens may carry weights (2*paris). A token that the model knows as a whole is one token: if it knows
/// 't-light', the minus sign needs spaces around it to split it. Tokens with spaces, or with signs that the model
/// does not know as a whole, stand in quotes: '"new york" - usa + uk'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity query words.model 'madrid - spain + france'
  vecinity query words.model '2*king - man' --method 3cosmul -k 3
  vecinity query shop.model '\"Alien (1979)\" + \"Blade Runner (1982)\"'")]
pub(crate) struct Query {
    #[command(flatten)]
    ask: Ask,
    /// Tokens with + and - between them.
    #[arg(allow_hyphen_values = true)]
    expression: String,
    #[command(flatten)]
    combine: Combine,
}

/// What C is to as B is to A: the expression 'B - A + C'.
#[derive(Debug, Args)]
#[command(after_help = "Example: Spain is to Madrid as France is to ...
  vecinity analogy words.model spain madrid france")]
pub(crate) struct Analogy {
    #[command(flatten)]
    ask: Ask,
    /// A is to B ...
    a: String,
    /// ... as C is to the answer.
    b: String,
    /// The third token.
    c: String,
    #[command(flatten)]
    combine: Combine,
}

/// How terms are put together.
#[derive(Debug, Args)]
struct Combine {
    #[command(flatten)]
    limit: Limit,
    /// 3cosadd: nearest to the weighted sum; 3cosmul: largest product of shifted cosines, in which no term
    /// outweighs the others.
    #[arg(long, value_parser = choice(&Method::ALL), default_value = Method::CosAdd.name())]
    method: Method,
    /// Let the tokens of the question be answers too.
    #[arg(long)]
    include_asked: bool,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: String,
    method: &'a str,
    metric: &'a str,
    vectors: &'a str,
    results: Vec<Answer<'a>>,
}

impl Query {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = self.ask.open()?;
        let tokens = Tokens::new(&embeddings, &self.ask.fuzzy, output);
        let terms = parse(&self.expression, &|text| tokens.knows(text))?;
        let terms: vecinity::Result<Vec<_>> =
            terms.into_iter().map(|Term { weight, token }| Ok(Term { weight, token: tokens.get(&token)? })).collect();
        answer(&self.ask, &self.combine, &embeddings, &terms?, output)
    }
}

impl Analogy {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = self.ask.open()?;
        let tokens = Tokens::new(&embeddings, &self.ask.fuzzy, output);
        let [a, b, c] = [tokens.get(&self.a)?, tokens.get(&self.b)?, tokens.get(&self.c)?];
        let terms = [(1.0, b), (-1.0, a), (1.0, c)].map(|(weight, token)| Term { weight, token });
        answer(&self.ask, &self.combine, &embeddings, &terms, output)
    }
}

fn answer(
    ask: &Ask,
    combine: &Combine,
    embeddings: &vecinity::Embeddings,
    terms: &[Term<TokenId>],
    output: Output,
) -> anyhow::Result<()> {
    let asker = ask.asker(embeddings)?;
    let want = Want::best(combine.limit.get());
    let want = if combine.include_asked { want.including_asked() } else { want };
    let hits = asker.combine(terms, combine.method, want)?;
    let found = Found {
        query: write(terms, embeddings),
        method: combine.method.name(),
        metric: ask.metric.name(),
        vectors: ask.vectors.vectors.name(),
        results: asker.answers(&hits),
    };
    let score = if combine.method == Method::CosMul { found.method } else { found.metric };
    output.answer(&found, |to| table::answers(to, score, &found.results))
}

/// The expression as it was understood, with tokens instead of titles: `"new york" - 2*paris`.
fn write(terms: &[Term<TokenId>], embeddings: &vecinity::Embeddings) -> String {
    let mut text = String::new();
    for (at, &Term { weight, token }) in terms.iter().enumerate() {
        text.push_str(match (at, weight < 0.0) {
            (0, false) => "",
            (0, true) => "-",
            (_, false) => " + ",
            (_, true) => " - ",
        });
        #[expect(clippy::float_cmp, reason = "the usual weights are exactly 1 and -1")]
        if weight.abs() != 1.0 {
            text.push_str(&format!("{}*", weight.abs()));
        }
        let token = embeddings.vocab().token(token);
        if token.contains(|c: char| c.is_whitespace() || "+-*\"'".contains(c)) {
            let quote = if token.contains('"') { '\'' } else { '"' };
            text.extend([quote.to_string().as_str(), token, quote.to_string().as_str()]);
        } else {
            text.push_str(token);
        }
    }
    text
}
