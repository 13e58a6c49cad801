//! A model as it was behind an epoch.

use super::learn::start;
use super::recommender::Recommender;
use crate::embeddings::Matrix;
use crate::error::Result;
use crate::models::{Behind, Fitted, Tower};
use crate::vocab::Vocab;
use vecinity_kernel::SharedRows;

/// A model as it was behind an epoch.
pub(super) struct Snapshot {
    pub(super) epoch: u32,
    pub(super) input: SharedRows,
    pub(super) output: SharedRows,
    pub(super) tower: Option<Tower>,
}

impl Snapshot {
    /// Copies the model.
    pub(super) fn of(epoch: u32, model: Behind<'_>) -> Result<Self> {
        let copy = |table: &SharedRows| Matrix::copied(table).to_table();
        Ok(Self { epoch, input: copy(model.input)?, output: copy(model.output)?, tower: model.tower.cloned() })
    }

    /// The model that this is.
    pub(super) fn recommender(&self, vocab: &Vocab, ordered: bool) -> Recommender {
        let Self { input, output, tower, .. } = self;
        recommender(vocab, Behind { input, output, tower: tower.as_ref() }, ordered)
    }

    /// Puts it into the place of another.
    pub(super) fn restore(self, fitted: &mut Fitted) {
        fitted.trained.input = self.input;
        fitted.trained.output = self.output;
        fitted.tower = self.tower;
    }
}

/// A model that is still in training, asked in a fixed simple way.
pub(super) fn recommender(vocab: &Vocab, model: Behind<'_>, ordered: bool) -> Recommender {
    let recipe = start(model.tower, ordered);
    Recommender::in_training(
        vocab,
        Matrix::copied(model.input),
        Matrix::copied(model.output),
        model.tower.cloned(),
        recipe,
    )
}
