//! How good is a model? Answers as figures with intervals.
//!
//! Recommenders are in [`recommend`]. Words: analogies ([`Questions`]) and similarity judged by people ([`Pairs`]). The rules
//! are those of the usual scripts, chosen so that figures can be compared with published ones:
//!
//! * Words are compared in lower case; if two tokens agree in it, the first one is meant. `</s>` is no word.
//! * Analogies are asked of the 30,000 first (most frequent) words: a question with another word in it is
//!   skipped and counted. The three words of the question cannot answer it. Equal scores: the first word wins.
//! * Similarity is Spearman's rank correlation with the people's scores, ties with their average rank.
//!
//! Intervals are 95 % percentile bootstrap intervals over questions (pairs), which are taken as
//! independent; questions that share words are not quite, so the true ones are somewhat wider.
//!
//! May import: `histories`, `id`, `rng`, `vocab`, `embeddings`, `index`, `ask`, `error`.  Used by: `baselines`, `cli`.

mod analogies;
mod lines;
mod pairs;
pub mod recommend;
pub mod stats;
mod words;

pub use analogies::{AnalogyReport, Questions, Section, SectionReport, Share};
pub use pairs::{Pairs, SimilarityReport};
pub use words::Words;

use crate::ask::Method;

/// How words are evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Analogies are asked of the first so many words; 0 means all. Default 30,000.
    pub restrict: usize,
    /// Whether an analogy with an unknown word counts as answered wrong; else (default) it is skipped.
    pub count_unknown: bool,
    /// How analogies are answered. Default 3CosAdd.
    pub method: Method,
    /// Bootstrap resamples for the intervals; 0 for none. Default 1,000.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
    /// Threads; as many as pay off, if `None`.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            restrict: 30_000,
            count_unknown: false,
            method: Method::default(),
            resamples: 1000,
            seed: 1,
            threads: None,
        }
    }
}
