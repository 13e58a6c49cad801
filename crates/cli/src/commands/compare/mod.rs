//! `vecinity compare`: which vectors, which distance, how much history?

mod items;
mod words;

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vecinity::Error;
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::model_dir::Model;

/// How well a model does, asked in different ways: which matrices, which metric, how much history.
///
/// Of items: the recipes that training tried on validation, the best first; --use stores another one. Of words:
/// analogies and similarity sets for every pair of matrix and metric.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity compare shop.model
  vecinity compare shop.model --vectors in-out,input --metric dot --no-blend
  vecinity compare shop.model --use 3
  vecinity compare words.model --analogies questions-words.txt --similarity simlex999.tsv")]
#[command(group = clap::ArgGroup::new("words").multiple(true))]
pub(crate) struct Compare {
    /// The model folder.
    model: PathBuf,
    /// Only these vectors: input, output, sum, concat (words), in-out.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = vectors)]
    vectors: Vec<Which>,
    /// Only these metrics: cosine, dot, euclidean (words).
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = metric)]
    metric: Vec<Metric>,
    /// Items: only recipes that look at the last N items of a history; 0: at all of it.
    #[arg(long, value_name = "N,...", value_delimiter = ',', conflicts_with = "words")]
    last: Vec<usize>,
    /// Items: only recipes of vectors alone.
    #[arg(long, conflicts_with = "words")]
    no_blend: bool,
    /// Items: how many recipes are shown; 0: all.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 20, conflicts_with = "words")]
    limit: usize,
    /// Items: store the recipe of this rank (as shown) in the model.
    #[arg(long = "use", value_name = "RANK", conflicts_with = "words")]
    rank: Option<usize>,
    /// Words: files of analogy questions.
    #[arg(long, num_args = 1.., value_name = "FILE", group = "words")]
    analogies: Vec<PathBuf>,
    /// Words: files of word pairs with a score each.
    #[arg(long, num_args = 1.., value_name = "FILE", group = "words")]
    similarity: Vec<PathBuf>,
}

fn vectors(text: &str) -> Result<Which, String> {
    named(text, &Which::ALL)
}

fn metric(text: &str) -> Result<Metric, String> {
    named(text, &Metric::ALL)
}

fn named<T: Copy, const N: usize>(text: &str, all: &[(&str, T); N]) -> Result<T, String> {
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    all.iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("expected one of {}", names()))
}

impl Compare {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        if !self.analogies.is_empty() || !self.similarity.is_empty() {
            return self.words(output);
        }
        let model = Model::open(&self.model)?;
        match &model.metrics {
            Some(metrics) if !metrics.trials.is_empty() => self.items(model, output),
            _ => {
                let what = format!("{} holds no recipes that were tried", self.model.display());
                let advice = "of words: --analogies FILE, --similarity FILE; of items they are tried by vecinity train, unless --holdout none";
                Err(Error::data(what, advice).into())
            }
        }
    }

    fn wants(&self, vectors: Which, metric: Metric) -> bool {
        (self.vectors.is_empty() || self.vectors.contains(&vectors))
            && (self.metric.is_empty() || self.metric.contains(&metric))
    }
}
