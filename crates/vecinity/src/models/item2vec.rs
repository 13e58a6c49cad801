//! item2vec: sets without order, every pair of a set is a positive.
//!
//! Barkan & Koenigstein 2016 (arXiv:1603.04259), eq. 1: for a set `w_1 .. w_K` maximise
//! `sum_i sum_{j != i} log p(w_j | w_i)` with negative sampling. There is no window: space and time
//! inside a basket mean nothing. The `K x K` scores are computed in tiles of eight inputs and sixteen
//! candidates with label 1, the diagonal taken out; each input then meets `N` shared noise items with
//! the weight `(K - 1) k / N`, which gives the expected gradient of `k` noise items a pair.
//!
//! A set costs `K^2`, and a few large ones would have the say: of the online-retail baskets the
//! largest tenth has 88 % of all pairs. So sets beyond [`Config::largest_set`] are shuffled and cut into
//! parts of at most that size, anew in every epoch: over the epochs all pairs meet, and each item has about
//! as many partners as any other. HR@10 on these baskets: parts of 8 0.225, of 16 0.158, of 256 0.070.

use crate::error::{Error, Result};
use crate::train::{Model, Noise, Step};
use crate::vocab::Vocab;
use vecinity_kernel::{Labels, Rows};

/// Inputs of a tile.
const TILE: usize = 8;
/// Candidates of a tile.
const WIDE: usize = 16;
/// The largest weight of one shared noise item. A block steps from the same old values: sixteen items of
/// weight 8 (128 times the rate at once) diverged on baskets of 28 items, 2 did not.
const HEAVIEST: f32 = 2.0;

/// Settings of item2vec's set form.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Noise items for each pair, 1 to 1000.
    pub negatives: usize,
    /// Noise items are drawn with probability `count^noise_exponent`.
    pub noise_exponent: f64,
    /// Larger sets are cut into random parts of at most this many items, 2 or more, anew in every epoch.
    pub largest_set: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { negatives: 10, noise_exponent: 0.5, largest_set: 8 }
    }
}

/// The model for one vocabulary.
#[derive(Debug)]
pub struct Item2vec {
    config: Config,
    noise: Noise,
}

impl Item2vec {
    /// Checks the settings and prepares the noise.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(config: &Config, vocab: &Vocab) -> Result<Self> {
        if !(1..=1000).contains(&config.negatives) {
            return Err(Error::setting("negatives", config.negatives, "1 to 1000"));
        }
        if config.largest_set < 2 {
            return Err(Error::setting("largest_set", config.largest_set, "at least 2"));
        }
        Ok(Self { config: config.clone(), noise: Noise::new(vocab, config.noise_exponent)? })
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    items: Vec<u32>,
    noise: Vec<u32>,
    weights: Vec<f32>,
}

impl Model for Item2vec {
    type Scratch = Scratch;

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        let mut items = std::mem::take(&mut scratch.items);
        items.clear();
        items.extend_from_slice(sequence);
        items.sort_unstable();
        items.dedup();
        if items.len() > self.config.largest_set {
            step.rng.shuffle(&mut items);
        }
        for set in items.chunks_mut(self.config.largest_set) {
            set.sort_unstable();
            if set.len() > 1 {
                self.train_set(set, step, scratch);
            }
        }
        scratch.items = items;
    }
}

impl Item2vec {
    /// Learns from one set of distinct items, in rising order.
    fn train_set(&self, set: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        let pairs = (set.len() - 1) as f32;
        let wanted = pairs * self.config.negatives as f32;
        for (number, inputs) in set.chunks(TILE).enumerate() {
            let watch = step.loss.is_due();
            let rows = Rows::new(step.input, inputs);
            for (part, targets) in set.chunks(WIDE).enumerate() {
                let mut bound = step.block.bind(rows, Rows::new(step.output, targets));
                bound.score(Labels::All(1.0), step.rate, None);
                for i in 0..inputs.len() {
                    if let Some(j) = (number * TILE + i).checked_sub(part * WIDE).filter(|&j| j < targets.len()) {
                        bound.scale(i, j, 0.0);
                    }
                }
                if watch {
                    // A gradient of 0 counts as a loss of 0: the diagonal is not in the sum.
                    step.loss.add(&bound, inputs.len(), targets.len(), step.rate, |_| 1.0, 0.0);
                }
                bound.update();
            }
            if watch {
                step.loss.pairs += f64::from(pairs) * inputs.len() as f64;
            }
            // As many blocks of noise items as keep the weight of each in bounds.
            let blocks = (wanted / (HEAVIEST * WIDE as f32)).ceil().max(1.0) as usize;
            for _ in 0..blocks {
                self.push_from_noise(set, inputs, wanted / (blocks * WIDE) as f32, step, scratch, watch);
            }
        }
    }

    /// One block of `WIDE` noise items against a tile of inputs.
    fn push_from_noise(
        &self,
        set: &[u32],
        inputs: &[u32],
        weight: f32,
        step: &mut Step<'_>,
        scratch: &mut Scratch,
        watch: bool,
    ) {
        scratch.noise.clear();
        for _ in 0..WIDE {
            scratch.noise.push(self.noise.draw(&mut step.rng));
        }
        scratch.weights.clear();
        scratch.weights.resize(inputs.len(), weight);
        let mut bound = step.block.bind(Rows::new(step.input, inputs), Rows::new(step.output, &scratch.noise));
        bound.score(Labels::All(0.0), step.rate, Some(&scratch.weights));
        if watch {
            step.loss.add(&bound, inputs.len(), WIDE, step.rate, |_| weight, 0.0);
        }
        // Noise that is the target of one pair counts for all pairs but that one.
        let others = 1.0 - 1.0 / (set.len() - 1) as f32;
        for (j, item) in scratch.noise.iter().enumerate() {
            if let Ok(at) = set.binary_search(item) {
                for (i, input) in inputs.iter().enumerate() {
                    if *input != set[at] {
                        bound.scale(i, j, others);
                    }
                }
            }
        }
        bound.update();
    }
}
