//! Weighted means of the rows of a history.
//!
//! A pool weighs the last places of a history and adds up its rows. Weights are a softmax over the places that a
//! history has: `w_pl = exp(a_pl) / sum_{l' < n} exp(a_pl')` with place 0 the newest and `n` places. Learned
//! pools have their own `a`; beside them stand the plain mean of the paper (Covington et al. 2016) and the newest
//! row alone. Such weights depend on the history only by its length, so there are few of them: one table a step.
//!
//! With attention a learned pool also looks at what the rows are: `a_pl + q_p e_l / sqrt(dim)`, where the newest row asks,
//! `q_p = e_0 W_p + u_p` (scaled dot products of Vaswani et al. 2017, arXiv:1706.03762, one head a pool and one query a
//! history). With `W` and `u` zero, as they start, these are the pools without it.

use super::{Linear, LinearGradient, Optimizer, Parameter, padded};
use crate::rng::Rng;
use vecinity_kernel::matrix::View;
use vecinity_kernel::tile;
use vecinity_kernel::vector::{self, dot, scan};

/// A set of pools.
#[derive(Debug, Clone)]
pub struct Pools {
    /// Shape `[learned, places]`: the logits `a`.
    logits: Option<Parameter>,
    /// With attention.
    asks: Option<Asks>,
    learned: usize,
    mean: bool,
    last: bool,
    places: usize,
}

/// What the newest row of a history asks the others.
#[derive(Debug, Clone)]
pub struct Asks {
    /// To one query for each learned pool, `[dim, learned * dim]`: `W` and `u`.
    pub queries: Linear,
    /// Their products with rows are multiplied with this, `1 / sqrt(dim)`.
    pub scale: f32,
}

/// The weights of all pools for all lengths of history, as far as they depend on nothing else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weighting {
    /// For `n` = 1, 2, ... places a matrix of shape `[pools, n]`.
    values: Vec<f32>,
    pools: usize,
}

/// The rows of some histories.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// One history behind the other, each the newest row first, shape `[all rows, dim]`.
    pub values: &'a [f32],
    /// Where those of each history end in `values`.
    pub ends: &'a [usize],
    /// Values in a row, padded.
    pub dim: usize,
}

/// What pools of some histories leave behind on their way forward, reused from one time to the next.
#[derive(Debug, Default)]
pub struct Pooling {
    /// The newest row of each history and what it asks, shapes `[users, dim]` and `[users, learned * dim]`.
    newest: Vec<f32>,
    queries: Vec<f32>,
    /// The weights of all pools, shape `[pools, n]` for each history of `n` rows.
    weights: Vec<f32>,
    d_queries: Vec<f32>,
    d_newest: Vec<f32>,
    /// Of the logits, shape `[learned, n]` for the history that is looked at.
    d_places: Vec<f32>,
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
}

impl<'a> Rows<'a> {
    /// The values of each history.
    fn each(self) -> impl Iterator<Item = &'a [f32]> {
        let start = |at: usize| if at == 0 { 0 } else { self.ends[at - 1] };
        self.ends.iter().enumerate().map(move |(at, &end)| &self.values[start(at)..end])
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
        Self { logits, asks: None, learned, mean, last, places }
    }

    /// The same, and the learned ones attend to rows of `dim` values.
    #[must_use]
    pub fn attending(self, dim: usize) -> Self {
        let queries = || Linear::zeroed(padded(dim), self.learned * padded(dim));
        Self { asks: (self.learned > 0).then(|| Asks::new(queries(), dim)), ..self }
    }

    /// Pools that are not learned any more, with these logits (shape `[learned, places]`) and, with attention, what is asked.
    #[must_use]
    pub fn fixed(logits: Vec<f32>, asks: Option<Asks>, mean: bool, last: bool, places: usize) -> Self {
        let learned = logits.len() / places.max(1);
        Self { logits: (learned > 0).then(|| Parameter::fixed(logits, places)), asks, learned, mean, last, places }
    }

    /// All that is learned, in a fixed order.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let asks = self.asks.iter_mut().flat_map(|Asks { queries, .. }| [&mut queries.weights, &mut queries.bias]);
        self.logits.iter_mut().chain(asks)
    }

    /// Takes over parameters that were changed from outside.
    pub(crate) fn turn(&mut self) {
        self.asks.iter_mut().for_each(|asks| asks.queries.turn());
    }

    /// The pools without what the optimiser remembers.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self {
            logits: self.logits.as_ref().map(Parameter::frozen),
            asks: self.asks.as_ref().map(|asks| Asks { queries: asks.queries.frozen(), ..*asks }),
            ..*self
        }
    }

    /// What the newest row asks, with attention.
    #[must_use]
    pub fn asks(&self) -> Option<&Asks> {
        self.asks.as_ref()
    }

    /// How many pools are learned.
    #[must_use]
    pub fn learned(&self) -> usize {
        self.learned
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

    /// The weights by place as they are now; zero for pools that attend.
    #[must_use]
    pub fn weighting(&self) -> Weighting {
        let pools = self.len();
        let mut all = Weighting { values: vec![0.0; pools * (self.places * (self.places + 1) / 2)], pools };
        for n in 1..=self.places {
            let run = all.run(n);
            let mut rows = all.values[run].chunks_exact_mut(n);
            // Logits first: `zip` takes from the first one before it finds the second empty.
            for (logits, row) in self.logits().chunks_exact(self.places).zip(&mut rows) {
                if self.asks.is_none() {
                    row.copy_from_slice(&logits[..n]);
                    softmax(row);
                }
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

    /// The pools of some histories.
    ///
    /// * `rows`: at most [`Pools::places`] a history; `to`: shape `[users, stride]`, whose first `pools * dim` values are
    ///   overwritten, with zeros for an empty history; `users` is a multiple of [`LANES`](super::LANES), those behind the
    ///   last history stay as they are.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward(&self, weighting: &Weighting, rows: Rows<'_>, to: &mut [f32], stride: usize, pooling: &mut Pooling) {
        let (pools, dim) = (self.len(), rows.dim);
        let asked = self.learned * dim;
        pooling.weights.clear();
        if let Some(asks) = &self.asks {
            let users = to.len() / stride;
            pooling.newest.clear();
            pooling.newest.resize(users * dim, 0.0);
            for (newest, rows) in pooling.newest.chunks_exact_mut(dim).zip(rows.each()) {
                let row = rows.get(..dim).unwrap_or(&[]);
                newest[..row.len()].copy_from_slice(row);
            }
            pooling.queries.resize(users * asked, 0.0);
            asks.queries.forward(&pooling.newest, &mut pooling.queries);
        }
        for (user, (rows, to)) in rows.each().zip(to.chunks_exact_mut(stride)).enumerate() {
            let (to, n) = (&mut to[..pools * dim], rows.len() / dim);
            if n == 0 {
                to.fill(0.0);
                continue;
            }
            let start = pooling.weights.len();
            pooling.weights.extend_from_slice(weighting.of(n));
            let weights = &mut pooling.weights[start..];
            if let Some(Asks { scale, .. }) = self.asks {
                let queries = pooling.queries[user * asked..][..asked].chunks_exact(dim);
                let logits = self.logits().chunks_exact(self.places);
                for ((weights, query), logits) in weights.chunks_exact_mut(n).zip(queries).zip(logits) {
                    scan(query, rows, weights, None);
                    weights.iter_mut().zip(logits).for_each(|(weight, logit)| *weight = *weight * scale + logit);
                    softmax(weights);
                }
            }
            tile::multiply(View::new(weights, pools, n), rows, false, to);
        }
    }

    /// From the gradient of the pools, which lies as [`Pools::forward`] writes them, those of the rows (overwritten), of the
    /// logits (added, shape `[learned, places]`) and, with attention, of what the newest rows ask (`pooling.d_queries`).
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn backward(
        &self,
        rows: Rows<'_>,
        d_to: &[f32],
        stride: usize,
        pooling: &mut Pooling,
        d_logits: &mut [f32],
        d_rows: &mut [f32],
    ) {
        let (pools, dim) = (self.len(), rows.dim);
        let asked = self.learned * dim;
        let Pooling { queries, weights, d_queries, d_newest, d_places, .. } = pooling;
        d_queries.clear();
        d_queries.resize(queries.len(), 0.0);
        let (mut weights, mut left) = (&weights[..], &mut *d_rows);
        for (user, (rows, d_to)) in rows.each().zip(d_to.chunks_exact(stride)).enumerate() {
            let n = rows.len() / dim;
            if n == 0 {
                continue;
            }
            let of = &weights[..pools * n];
            weights = &weights[pools * n..];
            let (d_rows, rest) = left.split_at_mut(rows.len());
            left = rest;
            let d_pooled = &d_to[..pools * dim];
            tile::multiply(View::new(of, pools, n).transposed(), d_pooled, false, d_rows);
            d_places.resize(self.learned * n, 0.0);
            let learned =
                d_pooled.chunks_exact(dim).zip(of.chunks_exact(n)).zip(d_logits.chunks_exact_mut(self.places));
            for (((d_pooled, weights), d_logits), d_places) in learned.zip(d_places.chunks_exact_mut(n)) {
                scan(d_pooled, rows, d_places, None);
                let mean = dot(weights, d_places);
                for ((d_place, weight), d_logit) in d_places.iter_mut().zip(weights).zip(d_logits) {
                    *d_place = weight * (*d_place - mean);
                    *d_logit += *d_place;
                }
            }
            if let Some(Asks { scale, .. }) = self.asks {
                d_places.iter_mut().for_each(|d_place| *d_place *= scale);
                let d_places = View::new(d_places, self.learned, n);
                let of_user = user * asked..(user + 1) * asked;
                tile::multiply(d_places, rows, false, &mut d_queries[of_user.clone()]);
                tile::multiply(d_places.transposed(), &queries[of_user], true, d_rows);
            }
        }
        if let Some(asks) = &self.asks {
            d_newest.resize(d_queries.len() / self.learned, 0.0);
            asks.queries.backward(d_queries, d_newest);
            let starts = rows.ends.iter().scan(0, |start, &end| Some((std::mem::replace(start, end), end)));
            for ((start, end), d_newest) in starts.zip(d_newest.chunks_exact(dim)) {
                if start < end {
                    vector::add(d_newest, &mut d_rows[start..start + dim]);
                }
            }
        }
    }

    /// Adds the gradient of what the newest rows ask, behind [`Pools::backward`]; nothing without attention.
    pub fn add_gradient(&self, pooling: &Pooling, gradient: &mut LinearGradient) {
        if let Some(asks) = &self.asks {
            asks.queries.add_gradient(&pooling.newest, &pooling.d_queries, gradient);
        }
    }

    /// A step of the optimiser, with the gradient of the logits and, with attention, of what the newest rows ask.
    pub fn step(&mut self, optimizer: &Optimizer, d_logits: &[f32], d_asks: Option<&LinearGradient>, scale: f32) {
        if let Some(logits) = &mut self.logits {
            optimizer.dense(logits, d_logits, scale);
        }
        if let (Some(asks), Some(d_asks)) = (&mut self.asks, d_asks) {
            asks.queries.step(optimizer, d_asks, scale);
        }
    }
}

impl Asks {
    /// * `queries`: shape `[padded(dim), learned * padded(dim)]`.
    #[must_use]
    pub fn new(queries: Linear, dim: usize) -> Self {
        Self { queries, scale: 1.0 / (dim as f32).sqrt() }
    }
}

/// Logits become weights.
fn softmax(logits: &mut [f32]) {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    logits.iter_mut().for_each(|logit| *logit -= top);
    vecinity_kernel::softmax::exp(logits);
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|weight| *weight /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(n: usize, rng: &mut Rng) -> Vec<f32> {
        (0..n).map(|_| rng.f32() * 2.0 - 1.0).collect()
    }

    #[test]
    fn a_history_of_two_has_its_mean_and_its_newest_row() {
        let pools = Pools::new(1, true, true, 3, &mut Rng::new(1, 0));
        let values = [[2.0; 16], [4.0; 16]].concat();
        // The second history is empty; behind the pools there is more in a row.
        let (mut to, mut pooling) = (vec![7.0; 2 * 64], Pooling::default());
        let rows = Rows { values: &values, ends: &[32, 32], dim: 16 };
        pools.forward(&pools.weighting(), rows, &mut to, 64, &mut pooling);
        // The learned one starts as a flat softmax, but for a tenth.
        assert!((to[0] - 3.0).abs() < 0.11);
        assert_eq!((to[16], to[32], to[48]), (3.0, 2.0, 7.0));
        assert_eq!((&to[64..112], &to[112..]), (&[0.0; 48][..], &[7.0; 16][..]));
    }

    #[test]
    fn attention_starts_as_weights_by_place() {
        let mut rng = Rng::new(3, 0);
        let pools = Pools::new(2, true, false, 5, &mut rng);
        let values = draw(7 * 16, &mut rng);
        let rows = Rows { values: &values, ends: &[5 * 16, 7 * 16], dim: 16 };
        let mut pooled = [pools.clone(), pools.attending(13)].map(|pools| {
            let mut to = vec![0.0; 16 * 48];
            pools.forward(&pools.weighting(), rows, &mut to, 48, &mut Pooling::default());
            to
        });
        let [without, with] = &mut pooled;
        assert!(without.iter().zip(with).all(|(a, b)| (*a - *b).abs() < 1e-6));
    }

    /// The loss of the test: a fixed weighting of all pooled values, from the definition, in `f64`.
    fn loss(pools: &Pools, parts: &[Vec<f64>; 4], ends: &[usize], wanted: &[f64], dim: usize) -> f64 {
        let [values, logits, asks, bias] = parts;
        let (learned, places) = (pools.learned(), pools.places());
        let mut sum = 0.0;
        for (history, wanted) in wanted.chunks(pools.len() * dim).enumerate() {
            let rows = &values[if history == 0 { 0 } else { ends[history - 1] }..ends[history]];
            let n = rows.len() / dim;
            for (pool, wanted) in wanted.chunks(dim).enumerate().take(if n == 0 { 0 } else { pools.len() }) {
                let weights: Vec<f64> = if pool == learned {
                    vec![1.0 / n as f64; n]
                } else if pool == learned + 1 {
                    (0..n).map(|l| f64::from(u8::from(l == 0))).collect()
                } else {
                    let query = |at: usize| {
                        let at = pool * dim + at;
                        bias.get(at).copied().unwrap_or(0.0)
                            + asks.chunks(learned * dim).zip(rows).map(|(w, x)| w[at] * x).sum::<f64>()
                    };
                    let product = |l: usize| (0..dim).map(|at| query(at) * rows[l * dim + at]).sum::<f64>();
                    let logit = |l: usize| logits[pool * places + l] + product(l) / (dim as f64).sqrt();
                    let e: Vec<f64> = (0..n).map(|l| logit(l).exp()).collect();
                    let total: f64 = e.iter().sum();
                    e.iter().map(|e| e / total).collect()
                };
                for (weight, row) in weights.iter().zip(rows.chunks(dim)) {
                    sum += weight * row.iter().zip(wanted).map(|(r, w)| r * w).sum::<f64>();
                }
            }
        }
        sum
    }

    /// Gradients of rows, logits, and of what is asked, beside differences of the loss.
    fn gradients(mut pools: Pools, lengths: &[usize], rng: &mut Rng) {
        let (dim, users) = (16, 16);
        if let Some(asks) = &mut pools.asks {
            asks.queries.weights.values = draw(asks.queries.weights.values.len(), rng);
            asks.queries.bias.values = draw(asks.queries.bias.values.len(), rng);
            asks.queries.turn();
        }
        let ends: Vec<usize> = lengths
            .iter()
            .scan(0, |end, n| {
                *end += n * dim;
                Some(*end)
            })
            .collect();
        let values = draw(ends[ends.len() - 1], rng);
        // A block of something else lies behind the pools of each history.
        let stride = (pools.len() + 1) * dim;
        let d_to = draw(users * stride, rng);
        let rows = Rows { values: &values, ends: &ends, dim };
        let (mut to, mut pooling) = (vec![0.0; users * stride], Pooling::default());
        pools.forward(&pools.weighting(), rows, &mut to, stride, &mut pooling);
        let (mut d_logits, mut d_rows) = (vec![0.0; pools.logits().len()], vec![9.0; values.len()]);
        pools.backward(rows, &d_to, stride, &mut pooling, &mut d_logits, &mut d_rows);
        let mut d_asks = LinearGradient::default();
        if let Some(asks) = pools.asks() {
            d_asks = asks.queries.gradient();
            pools.add_gradient(&pooling, &mut d_asks);
        }
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let of_pools = d_to.chunks(stride).take(lengths.len()).flat_map(|d| wide(&d[..pools.len() * dim]));
        let wanted: Vec<f64> = of_pools.collect();
        let asks = |part: fn(&Linear) -> &Parameter| pools.asks().map_or(vec![], |a| wide(&part(&a.queries).values));
        let mut parts = [wide(&values), wide(pools.logits()), asks(|l| &l.weights), asks(|l| &l.bias)];
        for (part, found) in [&d_rows, &d_logits, &d_asks.weights, &d_asks.bias].into_iter().enumerate() {
            assert_eq!(parts[part].len(), found.len());
            for at in (0..found.len()).step_by(7) {
                let mut shifted = |by: f64| {
                    parts[part][at] += by;
                    let loss = loss(&pools, &parts, &ends, &wanted, dim);
                    parts[part][at] -= by;
                    loss
                };
                let expected = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!((expected - f64::from(found[at])).abs() < 2e-4, "part {part}, {at}: {expected}, {}", found[at]);
            }
        }
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Rng::new(9, 0);
        let pools = Pools::new(3, true, true, 70, &mut rng);
        gradients(pools, &[1, 4, 0, 70, 4], &mut rng);
    }

    #[test]
    fn gradients_of_attention_are_those_of_differences() {
        let mut rng = Rng::new(10, 0);
        let pools = Pools::new(2, true, true, 9, &mut rng);
        gradients(pools.attending(16), &[1, 4, 0, 9, 4], &mut rng);
        let pools = Pools::new(3, false, false, 9, &mut rng);
        gradients(pools.attending(16), &[0, 2, 9], &mut rng);
    }
}
