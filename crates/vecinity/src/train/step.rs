//! What a model works with inside one sequence.

use crate::rng::Rng;
use vecinity_kernel::block::Bound;
use vecinity_kernel::{Block, SharedRows, Table};

/// Tables, scratch, chance and rate of one thread.
#[derive(Debug)]
pub struct Step<'t> {
    /// The input table, shape `[Model::input_rows, dim]`.
    pub input: Table<'t>,
    /// The output table, shape `[Model::output_rows, dim]`.
    pub output: Table<'t>,
    /// Further tables of the model: those of [`Model::more`](super::Model::more).
    pub more: &'t [SharedRows],
    /// The training block.
    pub block: Block,
    /// Chance, started afresh for each chunk.
    pub rng: Rng,
    /// The learning rate now.
    pub rate: f32,
    /// What was lost so far.
    pub loss: Loss,
    /// The token that the sequence ended in (a booking), if that is known.
    pub goal: Option<u32>,
    /// Tokens that were refused in the sequence.
    pub refused: &'t [u32],
}

/// The loss per (input, target) pair, from a sample of the blocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loss {
    /// Sum of the negative log likelihoods of the sampled pairs, noise included.
    pub sum: f64,
    /// Sampled pairs.
    pub pairs: f64,
    clock: u32,
}

impl Loss {
    /// True for one in 64 calls: this block is to be looked at.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        self.clock = self.clock.wrapping_add(1);
        self.clock.is_multiple_of(64)
    }

    /// Adds the loss of a scored block of `m` inputs and `n` candidates.
    ///
    /// With `g = rate * w * (y - sigmoid(s))`, the loss of a candidate is `-ln(1 - |g| / (rate * w))`
    /// for either label. `weight` gives `w` of candidate `j`; `pairs` is how many (input, target)
    /// pairs the block stands for.
    pub fn add(&mut self, bound: &Bound<'_>, m: usize, n: usize, rate: f32, weight: impl Fn(usize) -> f32, pairs: f64) {
        for j in 0..n {
            let w = weight(j);
            for i in 0..m {
                let error = f64::from(bound.gradient(i, j).abs() / (rate * w));
                self.sum -= f64::from(w) * (1.0 - error).max(1e-9).ln();
            }
        }
        self.pairs += pairs;
    }
}
