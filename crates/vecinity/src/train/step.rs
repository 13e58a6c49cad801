//! What a model works with inside one sequence.

use crate::rng::Rng;
use vecinity_kernel::block::Bound;
use vecinity_kernel::{Block, SharedRows, Window};

/// Tables, scratch, chance and rate of one thread.
#[derive(Debug)]
pub struct Step<'t> {
    /// The input table, shape `[tokens, dim]`.
    pub input: &'t SharedRows,
    /// The output table, shape `[Model::output_rows, dim]`.
    pub output: &'t SharedRows,
    /// The training block.
    pub block: Block,
    /// Chance, started afresh for each chunk.
    pub rng: Rng,
    /// The learning rate now.
    pub rate: f32,
    /// What was lost so far.
    pub loss: Loss,
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
    /// for either label. `weight` gives `w` of an input; `pairs` is how many (input, target) pairs the block stands for.
    pub fn add(&mut self, bound: &Bound<'_>, m: usize, n: usize, rate: f32, weight: impl Fn(usize) -> f32, pairs: f64) {
        for i in 0..m {
            let w = weight(i);
            if w <= 0.0 {
                continue;
            }
            for j in 0..n {
                let error = f64::from(bound.gradient(i, j).abs() / (rate * w));
                self.sum -= f64::from(w) * (1.0 - error).max(1e-9).ln();
            }
        }
        self.pairs += pairs;
    }

    /// Adds the loss of the true pairs of windows after [`Bound::pull_windows`] (of the last eight inputs of each).
    pub fn add_windows(&mut self, bound: &Bound<'_>, windows: &[Window], rate: f32) {
        for (j, window) in windows.iter().enumerate() {
            let inputs = (window.from..window.to).filter(|&i| i != window.except).count();
            let (last, most) = (inputs.saturating_sub(1) % 8 + 1, inputs.min(8));
            let sum: f64 =
                (0..last.min(most)).map(|i| -(1.0 - f64::from(bound.gradient(i, j).abs() / rate)).max(1e-9).ln()).sum();
            self.sum += sum / last.max(1) as f64 * inputs as f64;
            self.pairs += inputs as f64;
        }
    }
}
