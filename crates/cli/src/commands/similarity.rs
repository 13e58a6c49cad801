//! `vecinity similarity`: how near are two tokens?

use crate::args::{Ask, Tokens};
use crate::output::Output;
use crate::table;
use clap::Args;
use vecinity::ask::Answer;
use vecinity::index::Hit;

/// How near a token is to one or more others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity similarity words.model paris madrid
  vecinity similarity words.model paris madrid rome 'new york' --metric euclidean")]
pub(crate) struct Similarity {
    #[command(flatten)]
    ask: Ask,
    /// The token that the others are compared with.
    #[arg(value_name = "TOKEN")]
    token: String,
    /// The others, in the order of the answer.
    #[arg(required = true, value_name = "OTHER")]
    others: Vec<String>,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: &'a str,
    metric: &'a str,
    vectors: &'a str,
    results: Vec<Answer<'a>>,
}

impl Similarity {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = self.ask.open()?;
        let asker = self.ask.asker(&embeddings)?;
        let tokens = Tokens::new(&embeddings, &self.ask.fuzzy, output);
        let token = tokens.get(&self.token)?;
        let others = tokens.all(&self.others)?;
        let hits: Vec<Hit> = others.iter().map(|&id| Hit { id, score: asker.similarity(token, id) }).collect();
        let found = Found {
            query: embeddings.vocab().token(token),
            metric: self.ask.metric.name(),
            vectors: self.ask.vectors.vectors.name(),
            results: asker.answers(&hits),
        };
        output.answer(&found, |to| table::answers(to, found.metric, &found.results))
    }
}
