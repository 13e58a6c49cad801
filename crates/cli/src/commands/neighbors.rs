//! `vecinity neighbors`: the tokens nearest to a token.

use crate::args::{Ask, Limit, Tokens};
use crate::output::Output;
use crate::table;
use clap::Args;
use vecinity::ask::{Answer, Want};

/// The tokens nearest to a token.
///
/// Several tokens are several questions, answered one after the other (as JSON: one object a line). For the
/// neighbours of a sum, see `vecinity query`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity neighbors words.model paris
  vecinity neighbors shop.model 1214 541 -k 5 --vectors in-out --metric dot")]
pub(crate) struct Neighbors {
    #[command(flatten)]
    ask: Ask,
    /// Tokens, or their exact titles.
    #[arg(required = true, value_name = "TOKEN")]
    tokens: Vec<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: &'a str,
    metric: &'a str,
    vectors: &'a str,
    results: Vec<Answer<'a>>,
}

impl Neighbors {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = self.ask.open()?;
        let asker = self.ask.asker(&embeddings)?;
        let tokens = Tokens::new(&embeddings, &self.ask.fuzzy, output);
        // All are looked up before the first is answered: a typo gives no half answer.
        let asked = tokens.all(&self.tokens)?;
        for (at, &id) in asked.iter().enumerate() {
            let results = asker.answers(&asker.neighbors(id, Want::best(self.limit.get())));
            let found = Found {
                query: embeddings.vocab().token(id),
                metric: self.ask.metric.name(),
                vectors: self.ask.vectors.vectors.name(),
                results,
            };
            output.answer(&found, |to| {
                if asked.len() > 1 {
                    writeln!(to, "{}{}", if at > 0 { "\n" } else { "" }, tokens.name(id))?;
                }
                table::answers(to, found.metric, &found.results)
            })?;
        }
        Ok(())
    }
}
