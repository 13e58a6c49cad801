//! Cross entropy over all items, or over sampled ones with a correction, tile by tile.
//!
//! With scores `s_c = u . o_c + b_c` the loss of a user whose next item is `y` is `-s_y + ln sum_c exp(s_c)`.
//!
//! * **Full**: the sum goes over all items.
//! * **Sampled** (Bengio and Senécal 2008): `-s_y + ln(exp(s_y) + sum_k exp(s_k - ln e_k))` over candidates `k`
//!   that are not `y`, with `e_k` how often the proposal is expected to bring that item. The expectation of the
//!   inner sum is then the full sum: `s_k - ln e_k`, minus, for an item that is drawn often stands for less. The
//!   true item is there with certainty, so its score is not corrected (Khrylchenko et al. 2025,
//!   arXiv:2507.09331); only so does the loss become the full one as candidates grow in number.
//!
//! Scores are laid out with a row a candidate and a column a user; a tile is scored, exponentiated and
//! multiplied into the users' gradient while it is in the cache. Only the exponentials are kept until the sums are
//! known; then each tile gives the candidates' gradient.

use super::{GROUP, LANES};
use vecinity_kernel::matrix::View;
use vecinity_kernel::softmax::exponentials;
use vecinity_kernel::tile;
use vecinity_kernel::vector::{dot, scan};

/// Candidates of a tile.
pub(super) const TILE: usize = 128;
/// Users of a block: their vectors, transposed, and the scores of a tile fit the fastest cache (64 values a user),
/// the exponentials of a few thousand items the second.
const BLOCK: usize = 64;
/// A score that no exponential survives.
const NEVER: f32 = -1e30;

/// What is scored.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Shape `[candidates, dim]`.
    pub rows: &'a [f32],
    /// Added to the scores, shape `[candidates]`: the bias, minus the logarithm of what is expected.
    pub offsets: &'a [f32],
}

/// Where gradients go; all are overwritten.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// Of the users, shape `[users, dim]`.
    pub users: &'a mut [f32],
    /// Of the candidates, shape `[candidates, dim]`.
    pub rows: &'a mut [f32],
    /// Of their offsets, shape `[candidates]`.
    pub offsets: &'a mut [f32],
}

/// Working memory for the groups of one thread.
#[derive(Debug, Default)]
pub struct Softmax {
    /// Users of a block transposed, shape `[dim, users]`.
    pub(super) turned: Vec<f32>,
    /// Scores, then exponentials: shape `[candidates, users]`.
    pub(super) scores: Vec<f32>,
    /// The largest score so far, after each tile, shape `[tiles, users]`.
    shifts: Vec<f32>,
    /// Users times their weights, shape `[users, dim]`.
    scaled: Vec<f32>,
}

/// A value a user of a block.
type Each = [f32; BLOCK];

impl Softmax {
    /// The full softmax: all items are candidates.
    ///
    /// * `users`: shape `[users, dim]`, `users` a multiple of [`LANES`] and at most [`GROUP`].
    /// * `targets`: the candidate that is true, one a user; users behind the last target are padding.
    /// * `weight`: what the loss of each user counts.
    ///
    /// Returns the sum of the losses, unweighted.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn full(
        &mut self,
        users: &[f32],
        candidates: Candidates<'_>,
        targets: &[u32],
        weight: f32,
        gradients: &mut Gradients<'_>,
    ) -> f64 {
        let dim = shape(candidates, users);
        let mut loss = 0.0;
        let blocks = users.chunks(BLOCK * dim).zip(gradients.users.chunks_mut(BLOCK * dim));
        for (number, (users, d_users)) in blocks.enumerate() {
            let targets = &targets[targets.len().min(number * BLOCK)..targets.len().min((number + 1) * BLOCK)];
            let (shift, sums) = self.forward(users, dim, candidates, &[], d_users);
            let mut weights: Each = [0.0; BLOCK];
            for (weights, sum) in weights.iter_mut().zip(&sums[..targets.len()]) {
                *weights = weight / sum;
            }
            self.backward(users, dim, &shift, &weights, number > 0, gradients.rows, gradients.offsets);
            for (user, d_user) in d_users.chunks_exact_mut(dim).enumerate() {
                let Some(&target) = targets.get(user) else {
                    d_user.fill(0.0);
                    continue;
                };
                let target = target as usize;
                let (u, o) = (&users[user * dim..][..dim], &candidates.rows[target * dim..][..dim]);
                let score = dot(u, o) + candidates.offsets[target];
                loss += f64::from(shift[user]) + f64::from(sums[user]).ln() - f64::from(score);
                let d_row = &mut gradients.rows[target * dim..][..dim];
                for ((d_user, d_row), (u, o)) in d_user.iter_mut().zip(d_row).zip(u.iter().zip(o)) {
                    *d_user = weights[user] * *d_user - weight * o;
                    *d_row -= weight * u;
                }
                gradients.offsets[target] -= weight;
            }
        }
        loss
    }

    /// The sampled softmax: the true item of each user beside shared candidates.
    ///
    /// * `positives`: the true rows and their biases (uncorrected), one a user that is no padding.
    /// * `hits`: `(candidate, user)` where a candidate is the user's true item: left out of the sum.
    /// * `d_positives`: shape of the positives' rows, overwritten; `d_biases`: one a positive, overwritten.
    ///
    /// Everything else as in [`Softmax::full`].
    ///
    /// # Panics
    /// If the shapes do not agree.
    #[expect(clippy::too_many_arguments, reason = "users, candidates and positives, and a gradient of each")]
    pub fn sampled(
        &mut self,
        users: &[f32],
        candidates: Candidates<'_>,
        positives: Candidates<'_>,
        hits: &[(u32, u32)],
        weight: f32,
        gradients: &mut Gradients<'_>,
        d_positives: &mut [f32],
        d_biases: &mut [f32],
    ) -> f64 {
        let dim = shape(candidates, users);
        let mut loss = 0.0;
        let blocks = users.chunks(BLOCK * dim).zip(gradients.users.chunks_mut(BLOCK * dim));
        for (number, (users, d_users)) in blocks.enumerate() {
            let first = number * BLOCK;
            let here = hits.iter().filter(|hit| (first..first + BLOCK).contains(&(hit.1 as usize)));
            let here: Vec<(u32, u32)> = here.map(|&(candidate, user)| (candidate, user - first as u32)).collect();
            let (mut shift, sums) = self.forward(users, dim, candidates, &here, d_users);
            let mut weights: Each = [0.0; BLOCK];
            for (user, d_user) in d_users.chunks_exact_mut(dim).enumerate() {
                let Some(&bias) = positives.offsets.get(first + user) else {
                    d_user.fill(0.0);
                    continue;
                };
                let (u, o) = (&users[user * dim..][..dim], &positives.rows[(first + user) * dim..][..dim]);
                let score = dot(u, o) + bias;
                // The true item may have the largest score of all.
                let top = shift[user].max(score);
                let (others, own) = ((shift[user] - top).exp(), (score - top).exp());
                let sum = sums[user] * others + own;
                loss += f64::from(top) + f64::from(sum).ln() - f64::from(score);
                shift[user] = top;
                weights[user] = weight / sum;
                let d_score = weight * (own / sum - 1.0);
                d_biases[first + user] = d_score;
                let d_row = &mut d_positives[(first + user) * dim..][..dim];
                for ((d_user, d_row), (u, o)) in d_user.iter_mut().zip(d_row).zip(u.iter().zip(o)) {
                    *d_user = weights[user] * others * *d_user + d_score * o;
                    *d_row = d_score * u;
                }
            }
            self.backward(users, dim, &shift, &weights, number > 0, gradients.rows, gradients.offsets);
        }
        loss
    }

    /// Exponentials of all scores, their sums, and the users' gradient without its weights.
    fn forward(
        &mut self,
        users: &[f32],
        dim: usize,
        candidates: Candidates<'_>,
        hits: &[(u32, u32)],
        d_users: &mut [f32],
    ) -> (Each, Each) {
        let n = users.len() / dim;
        let (mut shift, mut sums, mut factors) = ([f32::MIN; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        self.turned.resize(users.len(), 0.0);
        tile::transpose(users, n, dim, &mut self.turned);
        let all = candidates.offsets.len();
        self.scores.resize(all * n, 0.0);
        self.shifts.clear();
        d_users.fill(0.0);
        let mut hits = hits.iter().copied().peekable();
        let tiles = candidates.rows.chunks(TILE * dim).zip(candidates.offsets.chunks(TILE));
        for (number, ((rows, offsets), scores)) in tiles.zip(self.scores.chunks_mut(TILE * n)).enumerate() {
            let size = offsets.len();
            tile::multiply(View::new(rows, size, dim), &self.turned, false, scores);
            let start = hits.clone();
            while let Some((candidate, user)) = hits.next_if(|hit| (hit.0 as usize) < (number + 1) * TILE) {
                scores[(candidate as usize - number * TILE) * n + user as usize] = NEVER;
            }
            let raised = exponentials(scores, offsets, &mut shift[..n], &mut sums[..n], &mut factors[..n]);
            for (candidate, user) in start.take_while(|hit| (hit.0 as usize) < (number + 1) * TILE) {
                scores[(candidate as usize - number * TILE) * n + user as usize] = 0.0;
            }
            if raised && number > 0 {
                for (row, factor) in d_users.chunks_exact_mut(dim).zip(factors) {
                    row.iter_mut().for_each(|value| *value *= factor);
                }
            }
            tile::multiply(View::new(scores, size, n).transposed(), rows, true, d_users);
            self.shifts.extend_from_slice(&shift[..n]);
        }
        (shift, sums)
    }

    /// The candidates' gradient: exponentials times users times `weights` (relative to `shift`); written, or added.
    #[expect(clippy::too_many_arguments, reason = "shapes, weights and two gradients")]
    fn backward(
        &mut self,
        users: &[f32],
        dim: usize,
        shift: &Each,
        weights: &Each,
        add: bool,
        d_rows: &mut [f32],
        d_offsets: &mut [f32],
    ) {
        let n = users.len() / dim;
        let mut current: &[f32] = &[];
        let (mut factors, mut sums): (Each, _) = ([0.0; BLOCK], [0.0; TILE]);
        self.scaled.resize(users.len(), 0.0);
        let tiles = d_rows.chunks_mut(TILE * dim).zip(d_offsets.chunks_mut(TILE));
        let known = self.scores.chunks(TILE * n).zip(self.shifts.chunks(n));
        for ((d_rows, d_offsets), (scores, then)) in tiles.zip(known) {
            if then != current {
                current = then;
                for user in 0..n {
                    factors[user] = weights[user] * (then[user] - shift[user]).exp();
                    let (u, scaled) = (&users[user * dim..][..dim], &mut self.scaled[user * dim..][..dim]);
                    for (scaled, u) in scaled.iter_mut().zip(u) {
                        *scaled = factors[user] * u;
                    }
                }
            }
            tile::multiply(View::new(scores, d_offsets.len(), n), &self.scaled, add, d_rows);
            let sums = &mut sums[..d_offsets.len()];
            scan(&factors[..n], scores, sums, None);
            for (d_offset, sum) in d_offsets.iter_mut().zip(sums) {
                *d_offset = if add { *d_offset + *sum } else { *sum };
            }
        }
    }
}

/// `dim`, and all shapes checked.
fn shape(candidates: Candidates<'_>, users: &[f32]) -> usize {
    let dim = candidates.rows.len() / candidates.offsets.len().max(1);
    assert!(dim.is_multiple_of(LANES) && dim > 0, "rows of whole registers");
    assert_eq!(candidates.rows.len(), candidates.offsets.len() * dim, "one offset a candidate");
    let n = users.len() / dim;
    assert!(n.is_multiple_of(LANES) && n <= GROUP && users.len() == n * dim, "groups of whole registers");
    dim
}

/// Where a candidate is a user's true item: `(candidate, user)`, by candidate.
#[must_use]
pub fn mark_hits(candidates: &[u32], targets: &[u32]) -> Vec<(u32, u32)> {
    let mut order: Vec<(u32, u32)> = targets.iter().zip(0..).map(|(&target, user)| (target, user)).collect();
    order.sort_unstable();
    let mut hits = Vec::new();
    for (candidate, number) in candidates.iter().zip(0..) {
        let first = order.partition_point(|(target, _)| target < candidate);
        let equal = order[first..].iter().take_while(|(target, _)| target == candidate);
        hits.extend(equal.map(|&(_, user)| (number, user)));
    }
    hits
}

#[cfg(test)]
mod tests;
