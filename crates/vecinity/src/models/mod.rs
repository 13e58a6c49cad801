//! One paper, one file: what a model does with one sequence.
//!
//! A new log-bilinear model is one file here, one variant of [`ModelConfig`] and one arm of its `match`.
//! Networks ([`youtube`]) learn from histories instead of a corpus and have a `fit` of their own.
//!
//! May import: `deep`, `eval`, `train`, `corpus`, `vocab`, `embeddings`, `error`.

pub mod item2vec;
pub mod word2vec;
pub mod youtube;

use crate::corpus::Corpus;
use crate::error::Result;
use crate::train::{Checkpoint, Control, EndOfEpoch, Progress, Settings, Trained, fit};

/// Which model, with the settings of its own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "family", rename_all = "lowercase")]
pub enum ModelConfig {
    /// Sequences with a window: skip-gram and CBOW.
    Word2vec(word2vec::Config),
    /// Sets without order: every pair.
    Item2vec(item2vec::Config),
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self::Word2vec(word2vec::Config::default())
    }
}

impl ModelConfig {
    /// Whether row `r` of the output table belongs to token `r`; in hierarchical softmax it does not.
    #[must_use]
    pub fn outputs_are_tokens(&self) -> bool {
        !matches!(self, Self::Word2vec(word2vec::Config { loss: word2vec::Objective::Hs, .. }))
    }

    /// Trains the model; see [`fit`].
    ///
    /// # Errors
    /// As [`fit`], and for settings of the model that are out of range.
    pub fn fit(
        &self,
        corpus: &Corpus,
        settings: &Settings,
        from: Option<Checkpoint>,
        observe: &mut dyn FnMut(&Progress) -> Control,
        save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
    ) -> Result<Trained> {
        self.fit_by_epoch(corpus, settings, from, observe, save, None)
    }

    /// As [`ModelConfig::fit`], with a look at the tables behind every epoch.
    ///
    /// # Errors
    /// As [`ModelConfig::fit`].
    pub fn fit_by_epoch(
        &self,
        corpus: &Corpus,
        settings: &Settings,
        from: Option<Checkpoint>,
        observe: &mut dyn FnMut(&Progress) -> Control,
        save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
        epoch: Option<EndOfEpoch<'_>>,
    ) -> Result<Trained> {
        match self {
            Self::Word2vec(config) => {
                fit(&word2vec::Word2vec::new(config, corpus.vocab())?, corpus, settings, from, observe, save, epoch)
            }
            Self::Item2vec(config) => {
                fit(&item2vec::Item2vec::new(config, corpus.vocab())?, corpus, settings, from, observe, save, epoch)
            }
        }
    }
}
