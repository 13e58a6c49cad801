//! Questions that people who learn embeddings ask, answered by measurement on their own data.
//!
//! | file | job |
//! |---|---|
//! | `activation` | what is the activation of the hidden layer: is it a sigmoid? |
//! | `sparse` | why do deep nets dislike very sparse input? |
//! | `problem` | next-item prediction on somebody's histories: learned from, chosen by, reported on |
//! | `rates` | a learning rate for each arm of an experiment |
//! | `page` | an answer as Markdown, JSON and pictures |
//!
//! Rules of all of them: validation chooses and test reports, several seeds, intervals, everything equal but what is
//! asked about; "no difference here" is an answer.
//!
//! May import: `config`, `corpus`, `deep`, `embeddings`, `eval`, `histories`, `models`, `publish`, `recommend`, `report`,
//! `train`, `rng`, `error`.  Used by: `cli`.

mod activation;
mod page;
mod problem;
mod rates;
mod sparse;

pub use activation::activation;
pub use page::Page;
pub use sparse::sparse;

use crate::error::{Error, Result};

/// How much is spent on an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seeds, at least 1: every figure is a mean over so many trainings.
    pub seeds: u64,
    /// Examples a training learns from, at least 1,000.
    pub examples: u64,
    /// Threads; each does a training of its own, so that their number changes no figure but times.
    pub threads: usize,
    /// The data in a few words, for the page.
    pub data: String,
    /// The command that gave the answer, for the page.
    pub command: String,
}

impl Options {
    fn check(&self) -> Result<()> {
        if !(1..=100).contains(&self.seeds) {
            return Err(Error::setting("seeds", self.seeds, "1 to 100"));
        }
        if !(1_000..=10_000_000_000).contains(&self.examples) {
            return Err(Error::setting("examples", self.examples, "1000 to 10000000000"));
        }
        if !(1..=1024).contains(&self.threads) {
            return Err(Error::setting("threads", self.threads, "1 to 1024"));
        }
        Ok(())
    }
}

/// What hears of the progress, a line at a time.
pub type Watch<'a> = &'a mut (dyn FnMut(String) + Send);
