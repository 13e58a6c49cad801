//! Who looks on while a model is made, and what a stopped run leaves behind.

use super::choose::Choice;
use super::learn::{EpochReport, Evaluation};
use crate::baselines::BaselineKind;
use crate::error::Result;
use crate::train::{Beside, Checkpoint, Control, Progress, Resumed};
use serde::{Deserialize, Serialize};

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A baseline is tuned.
    Baseline(BaselineKind),
    /// The model learns from the training part.
    Train,
    /// The recipe is chosen.
    Recipe,
    /// The model learns from the (longer) training part of the test.
    TrainForTest,
    /// The model learns from everything.
    TrainOnAll,
}

/// Who looks on while a model is made. All of it is optional; `()` looks on in silence.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, _stage: Stage) {}
    /// Called ten times a second while a model is trained.
    fn observe(&mut self, _progress: &Progress) -> Control {
        Control::Continue
    }
    /// Called behind every epoch that was measured.
    fn epoch(&mut self, _report: &EpochReport) {}
    /// Called behind every epoch of every training, with its number from 1; `false` ends that training there.
    fn goes_on(&mut self, _epoch: u32) -> bool {
        true
    }
    /// Called when the model has been measured and judged, before it learns from everything.
    fn judged(&mut self, _evaluation: &Evaluation) {}
    /// The checkpoint of a stopped run with this identity, if there is one and it is wanted.
    ///
    /// # Errors
    /// If it cannot be read.
    fn resume(&mut self, _run: &str) -> Result<Option<Resumed>> {
        Ok(None)
    }
    /// Writes a checkpoint of the run with this identity.
    ///
    /// # Errors
    /// If it cannot be written.
    fn save(&mut self, _run: &str, _checkpoint: &Checkpoint, _beside: &Beside<'_>) -> Result<()> {
        Ok(())
    }
}

impl Watch for () {}

/// How far a stopped run had come: the note beside its checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Note {
    /// In training by validation, with these epochs measured; the best tables lie beside.
    Train {
        /// The epochs.
        epochs: Vec<EpochReport>,
        /// NDCG@10 of each question behind the best of them.
        each: Vec<f64>,
        /// How many epochs in a row have been worse by more than chance.
        worse: u32,
    },
    /// In training for the test, with the recipe chosen.
    TrainForTest {
        /// The epochs of the training by validation.
        epochs: Vec<EpochReport>,
        /// The best of them.
        best_epoch: u32,
        /// The recipe.
        choice: Choice,
    },
    /// In training on everything, with the model judged.
    TrainOnAll {
        /// How good it is.
        evaluation: Evaluation,
        /// The recipe.
        choice: Choice,
    },
}
