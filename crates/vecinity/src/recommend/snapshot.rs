//! Tables as they were behind an epoch.

use super::learn::start;
use super::recommender::Recommender;
use crate::train::Trained;
use crate::vocab::Vocab;
use vecinity_kernel::SharedRows;

/// Tables as they were behind an epoch.
pub(super) struct Snapshot {
    pub(super) epoch: u32,
    pub(super) input: SharedRows,
    pub(super) output: SharedRows,
}

impl Snapshot {
    /// Copies the tables.
    pub(super) fn of(epoch: u32, input: &SharedRows, output: &SharedRows) -> crate::Result<Self> {
        let copy = |table: &SharedRows| -> crate::Result<SharedRows> {
            let mut copy =
                SharedRows::zeroed(table.rows(), table.dim()).map_err(crate::Error::io("memory", "allocate"))?;
            for row in 0..table.rows() {
                table.read_into(row, copy.row_mut(row));
            }
            Ok(copy)
        };
        Ok(Self { epoch, input: copy(input)?, output: copy(output)? })
    }

    /// The model that these tables are.
    pub(super) fn recommender(&self, vocab: &Vocab, ordered: bool) -> Recommender {
        recommender(vocab, &self.input, &self.output, ordered)
    }

    /// Puts the tables into the place of others.
    pub(super) fn restore(self, trained: &mut Trained) {
        trained.input = self.input;
        trained.output = self.output;
    }
}

/// Tables that are still in training, asked in a fixed simple way.
pub(super) fn recommender(vocab: &Vocab, input: &SharedRows, output: &SharedRows, ordered: bool) -> Recommender {
    let values = |table: &SharedRows| {
        let mut values = vec![0.0; table.rows() * table.dim()];
        for (row, to) in values.chunks_exact_mut(table.dim()).enumerate() {
            table.read_into(row, to);
        }
        values
    };
    Recommender::in_training(vocab, values(input), values(output), input.dim(), start(ordered))
}
