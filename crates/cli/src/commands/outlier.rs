//! `vecinity outlier`: which token does not belong with the others?

use crate::args::{Fuzzy, Tokens, Vectors};
use crate::output::Output;
use crate::table;
use clap::Args;
use std::path::PathBuf;
use vecinity::ask::{Answer, Asker};
use vecinity::index::Metric;
use vecinity::model_dir::Model;

/// The token that belongs least with the others: the lowest mean cosine to them.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vecinity outlier words.model breakfast cereal dinner lunch")]
pub(crate) struct Outlier {
    /// The model folder.
    model: PathBuf,
    /// Three tokens or more, or their exact titles.
    #[arg(required = true, num_args = 3.., value_name = "TOKEN")]
    tokens: Vec<String>,
    #[command(flatten)]
    vectors: Vectors,
    #[command(flatten)]
    fuzzy: Fuzzy,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: Vec<&'a str>,
    metric: &'a str,
    vectors: &'a str,
    outlier: &'a str,
    /// All of them, the odd one first, with their mean cosine to the others.
    results: Vec<Answer<'a>>,
}

impl Outlier {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = Model::open(&self.model)?.embeddings;
        let asker = Asker::new(&embeddings, self.vectors.vectors, Metric::Cosine)?;
        let tokens = Tokens::new(&embeddings, &self.fuzzy, output);
        let asked = tokens.all(&self.tokens)?;
        let order = asker.outlier(&asked)?;
        let results = asker.answers(&order);
        let found = Found {
            query: asked.iter().map(|&id| embeddings.vocab().token(id)).collect(),
            metric: asker.metric().name(),
            vectors: asker.which().name(),
            outlier: results[0].id,
            results,
        };
        output.answer(&found, |to| {
            writeln!(to, "{} does not belong with the others", tokens.name(order[0].id))?;
            table::answers(to, "mean cosine", &found.results)
        })
    }
}
