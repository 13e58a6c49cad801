//! A model as it was behind an epoch.

use super::learn::start;
use super::recommender::Recommender;
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
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
        let copy = |table: &SharedRows| -> Result<SharedRows> {
            let mut copy = SharedRows::zeroed(table.rows(), table.dim()).map_err(Error::io("memory", "allocate"))?;
            for row in 0..table.rows() {
                table.read_into(row, copy.row_mut(row));
            }
            Ok(copy)
        };
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
    Recommender::in_training(vocab, matrix(model.input), matrix(model.output), model.tower.cloned(), recipe)
}

/// A copy of a table.
pub(super) fn matrix(table: &SharedRows) -> Matrix {
    let mut values = vec![0.0; table.rows() * table.dim()];
    for (row, to) in values.chunks_exact_mut(table.dim().max(1)).enumerate() {
        table.read_into(row, to);
    }
    Matrix::new(table.rows(), table.dim(), values)
}

/// As a checkpoint keeps it: its tables, and those of its tower.
pub(super) fn tables_of(tower: &Tower) -> Result<Vec<SharedRows>> {
    let table = |(_, matrix): (String, Matrix)| -> Result<SharedRows> {
        let mut table = SharedRows::zeroed(matrix.rows(), matrix.dim()).map_err(Error::io("memory", "allocate"))?;
        for row in 0..matrix.rows() {
            table.row_mut(row).copy_from_slice(matrix.row(row));
        }
        Ok(table)
    };
    tower.parameters().into_iter().map(table).collect()
}
