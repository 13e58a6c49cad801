//! Weighted means of the rows of a history.
//!
//! A pool weighs the last places of a history and adds up its rows. Weights are a softmax over the places that a
//! history has: `w_pl = exp(a_pl) / sum_{l' < n} exp(a_pl')` with place 0 the newest and `n` places. Learned
//! pools have their own `a`; beside them stand the plain mean of the paper (Covington et al. 2016) and the newest
//! row alone. Weights depend on the history only by its length, so there are few of them: one table a step.

use super::{Optimizer, Parameter};
use crate::rng::Rng;
use vecinity_kernel::matrix::View;
use vecinity_kernel::tile;
use vecinity_kernel::vector::{self, dot, scan};

/// A set of pools.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Shape `[learned, places]`: the logits `a`.
    logits: Option<Parameter>,
    learned: usize,
    mean: bool,
    last: bool,
    places: usize,
}

/// The weights of all pools for all lengths of history, or gradients of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weighting {
    /// For `n` = 1, 2, ... places a matrix of shape `[pools, n]`.
    values: Vec<f32>,
    pools: usize,
}

impl Weighting {
    fn run(&self, places: usize) -> std::ops::Range<usize> {
        let start = self.pools * (places * (places - 1) / 2);
        start..start + self.pools * places
    }

    /// The weights of a history of `places` rows, shape `[pools, places]`.
    ///
    /// # Panics
    /// If it has no row, or more than the pools have places.
    #[must_use]
    pub fn of(&self, places: usize) -> &[f32] {
        &self.values[self.run(places)]
    }

    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.values.fill(0.0);
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        vector::add(&other.values, &mut self.values);
    }
}

impl Pools {
    /// `learned` weightings over the last `places`, and the mean and the newest if wanted.
    ///
    /// The first weighting starts nearly flat, the others fall off faster and faster.
    #[must_use]
    pub fn new(learned: usize, mean: bool, last: bool, places: usize, rng: &mut Rng) -> Self {
        let mut logits = Vec::with_capacity(learned * places);
        for pool in 0..learned {
            // For four pools e^0, e^-0.1, e^-0.4 and e^-1.6 a place.
            let steps = (learned.max(3) - 2) as f32;
            let fall = if pool == 0 { 0.0 } else { 0.1 * 16f32.powf((pool - 1) as f32 / steps) };
            logits.extend((0..places).map(|place| 0.1 * (2.0 * rng.f32() - 1.0) - fall * place as f32));
        }
        let logits = (learned > 0).then(|| Parameter::new(logits, places, true));
        Self { logits, learned, mean, last, places }
    }

    /// Pools that are not learned any more, with these logits (shape `[learned, places]`).
    #[must_use]
    pub fn fixed(logits: Vec<f32>, mean: bool, last: bool, places: usize) -> Self {
        let learned = logits.len() / places.max(1);
        Self { logits: (learned > 0).then(|| Parameter::fixed(logits, places)), learned, mean, last, places }
    }

    /// The logits as they are learned.
    pub fn parameter_mut(&mut self) -> Option<&mut Parameter> {
        self.logits.as_mut()
    }

    /// The pools without what the optimiser remembers.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self { logits: self.logits.as_ref().map(Parameter::frozen), ..*self }
    }

    /// Whether there are a plain mean and the newest row alone beside the learned pools, in this order behind them.
    #[must_use]
    pub fn fixed_ones(&self) -> (bool, bool) {
        (self.mean, self.last)
    }

    /// How many pools there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.learned + usize::from(self.mean) + usize::from(self.last)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows of a history that are looked at.
    #[must_use]
    pub fn places(&self) -> usize {
        self.places
    }

    /// The learned logits, shape `[learned, places]`.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        self.logits.as_ref().map_or(&[], |logits| &logits.values)
    }

    /// The weights as they are now.
    #[must_use]
    pub fn weighting(&self) -> Weighting {
        let mut all = self.gradient();
        for n in 1..=self.places {
            let run = all.run(n);
            let mut rows = all.values[run].chunks_exact_mut(n);
            // Logits first: `zip` takes from the first one before it finds the second empty.
            for (logits, row) in self.logits().chunks_exact(self.places).zip(&mut rows) {
                let top = logits[..n].iter().copied().fold(f32::MIN, f32::max);
                for (weight, logit) in row.iter_mut().zip(logits) {
                    *weight = logit - top;
                }
                vecinity_kernel::softmax::exp(row);
                let sum: f32 = row.iter().sum();
                row.iter_mut().for_each(|weight| *weight /= sum);
            }
            if self.mean
                && let Some(row) = rows.next()
            {
                row.fill(1.0 / n as f32);
            }
            if self.last
                && let Some(row) = rows.next()
            {
                row[0] = 1.0;
            }
        }
        all
    }

    /// A gradient of the weights, all zero.
    #[must_use]
    pub fn gradient(&self) -> Weighting {
        let mut gradient = Weighting::default();
        self.clear(&mut gradient);
        gradient
    }

    /// Makes `weighting` a gradient of the weights, all zero, in the memory it has.
    pub fn clear(&self, weighting: &mut Weighting) {
        weighting.pools = self.len();
        weighting.values.clear();
        weighting.values.resize(self.len() * (self.places * (self.places + 1) / 2), 0.0);
    }

    /// The pools of one history.
    ///
    /// * `rows`: shape `[n, dim]`, the newest first, `n` at most [`Pools::places`]; `pooled`: shape `[pools, dim]`,
    ///   overwritten; zero for an empty history.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward(&self, weighting: &Weighting, rows: &[f32], pooled: &mut [f32]) {
        let pools = self.len();
        let n = rows.len() / (pooled.len() / pools);
        if n == 0 {
            return pooled.fill(0.0);
        }
        tile::multiply(View::new(weighting.of(n), pools, n), rows, false, pooled);
    }

    /// From the gradient of the pools those of the rows (overwritten) and of the weights (added).
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn backward(
        &self,
        weighting: &Weighting,
        rows: &[f32],
        d_pooled: &[f32],
        d_weights: &mut Weighting,
        d_rows: &mut [f32],
    ) {
        let pools = self.len();
        let dim = d_pooled.len() / pools;
        let n = rows.len() / dim;
        if n == 0 {
            return;
        }
        tile::multiply(View::new(weighting.of(n), pools, n).transposed(), d_pooled, false, d_rows);
        let run = d_weights.run(n);
        let mut dots = [0.0; 64];
        let learned = d_pooled.chunks_exact(dim).take(self.learned);
        for (d_pooled, d_weights) in learned.zip(d_weights.values[run].chunks_exact_mut(n)) {
            for (rows, d_weights) in rows.chunks(64 * dim).zip(d_weights.chunks_mut(64)) {
                let dots = &mut dots[..d_weights.len()];
                scan(d_pooled, rows, dots, None);
                vector::add(dots, d_weights);
            }
        }
    }

    /// From the gradient of the weights that of the logits, shape `[learned, places]`.
    #[must_use]
    pub fn logit_gradient(&self, weighting: &Weighting, d_weights: &Weighting) -> Vec<f32> {
        let mut gradient = vec![0.0; self.learned * self.places];
        for n in 1..=self.places {
            let rows = weighting.of(n).chunks_exact(n).zip(d_weights.of(n).chunks_exact(n));
            for (gradient, (w, d)) in gradient.chunks_exact_mut(self.places).zip(rows) {
                let mean = dot(w, d);
                for (gradient, (w, d)) in gradient.iter_mut().zip(w.iter().zip(d)) {
                    *gradient += w * (d - mean);
                }
            }
        }
        gradient
    }

    /// A step of the optimiser, with the gradient of the logits.
    pub fn step(&mut self, optimizer: &Optimizer, gradient: &[f32], scale: f32) {
        if let Some(logits) = &mut self.logits {
            optimizer.dense(logits, gradient, scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_of_two_has_its_mean_and_its_newest_row() {
        let pools = Pools::new(1, true, true, 3, &mut Rng::new(1, 0));
        let rows = [[2.0; 16], [4.0; 16]].concat();
        let mut pooled = vec![0.0; 48];
        pools.forward(&pools.weighting(), &rows, &mut pooled);
        // The learned one starts as a flat softmax, but for a tenth.
        assert!((pooled[0] - 3.0).abs() < 0.11);
        assert_eq!((pooled[16], pooled[32]), (3.0, 2.0));
        pools.forward(&pools.weighting(), &[], &mut pooled);
        assert_eq!(pooled, vec![0.0; 48]);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let (places, dim) = (70, 16);
        let mut rng = Rng::new(9, 0);
        let pools = Pools::new(3, true, true, places, &mut rng);
        let lengths = [1usize, 4, 70, 4];
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.f32() * 2.0 - 1.0).collect() };
        let histories: Vec<Vec<f32>> = lengths.iter().map(|&n| draw(n * dim)).collect();
        let wanted: Vec<Vec<f32>> = lengths.iter().map(|_| draw(pools.len() * dim)).collect();
        let (weighting, mut d_weights) = (pools.weighting(), pools.gradient());
        let mut d_histories = Vec::new();
        for (rows, d_pooled) in histories.iter().zip(&wanted) {
            let mut d_rows = vec![0.0; rows.len()];
            pools.backward(&weighting, rows, d_pooled, &mut d_weights, &mut d_rows);
            d_histories.push(d_rows);
        }
        let d_logits = pools.logit_gradient(&weighting, &d_weights);
        // The loss: a fixed weighting of all pooled values, from the definition, in `f64`.
        let loss = |logits: &[f64], histories: &[Vec<f64>]| -> f64 {
            let mut sum = 0.0;
            for (rows, wanted) in histories.iter().zip(&wanted) {
                let n = rows.len() / dim;
                for (pool, wanted) in wanted.chunks(dim).enumerate() {
                    let weights: Vec<f64> = match pool {
                        3 => vec![1.0 / n as f64; n],
                        4 => (0..n).map(|l| f64::from(u8::from(l == 0))).collect(),
                        _ => {
                            let e: Vec<f64> = logits[pool * places..][..n].iter().map(|a| a.exp()).collect();
                            let total: f64 = e.iter().sum();
                            e.iter().map(|e| e / total).collect()
                        }
                    };
                    for (l, weight) in weights.iter().enumerate() {
                        let row = &rows[l * dim..][..dim];
                        sum += weight * row.iter().zip(wanted).map(|(r, &w)| r * f64::from(w)).sum::<f64>();
                    }
                }
            }
            sum
        };
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut logits = wide(pools.logits());
        let mut rows: Vec<Vec<f64>> = histories.iter().map(|h| wide(h)).collect();
        for at in 0..logits.len() {
            logits[at] += 1e-5;
            let up = loss(&logits, &rows);
            logits[at] -= 2e-5;
            let expected = (up - loss(&logits, &rows)) / 2e-5;
            logits[at] += 1e-5;
            assert!((expected - f64::from(d_logits[at])).abs() < 1e-4, "{at}: {expected}, {}", d_logits[at]);
        }
        for h in 0..rows.len() {
            for at in (0..rows[h].len()).step_by(7) {
                rows[h][at] += 1e-5;
                let up = loss(&logits, &rows);
                rows[h][at] -= 2e-5;
                let expected = (up - loss(&logits, &rows)) / 2e-5;
                rows[h][at] += 1e-5;
                assert!((expected - f64::from(d_histories[h][at])).abs() < 1e-4, "history {h}, {at}");
            }
        }
    }
}
