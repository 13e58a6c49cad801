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
//! known; then each tile gives the candidates' gradient, which goes straight into the sum over all groups.

use super::{GROUP, InTurn, LANES, Turn};
use vecinity_kernel::matrix::View;
use vecinity_kernel::softmax::exponentials;
use vecinity_kernel::split::{self, Left, Ready, Right};
use vecinity_kernel::tile;
use vecinity_kernel::vector::{self, dot, scan};

/// Candidates of a tile.
pub(super) const TILE: usize = 128;
/// A score that no exponential survives.
const NEVER: f32 = -1e30;

/// What is scored.
#[derive(Debug, Clone, Copy)]
pub struct Candidates<'a> {
    /// Shape `[candidates, dim]`.
    pub rows: &'a [f32],
    /// Added to the scores, shape `[candidates]`: the bias, minus the logarithm of what is expected.
    pub offsets: &'a [f32],
    /// The rows made ready for products; without, each product does it by itself.
    pub ready: Option<&'a ReadyCandidates>,
}

/// Rows of candidates made ready for the products of all groups of a step.
#[derive(Debug, Default)]
pub struct ReadyCandidates {
    rows: Ready,
    turned: Ready,
}

impl ReadyCandidates {
    /// Makes rows ready, shape `[candidates, dim]`.
    pub fn set(&mut self, rows: &[f32], dim: usize) {
        let view = View::new(rows, rows.len() / dim, dim);
        self.rows.left(view);
        self.turned.left(view.transposed());
    }

    /// Bytes for so many candidates.
    #[must_use]
    pub fn bytes(candidates: usize, dim: usize) -> usize {
        Ready::bytes(candidates, dim) + Ready::bytes(dim, candidates)
    }
}

impl<'a> Candidates<'a> {
    /// The rows of a tile, as they lie and turned.
    pub(super) fn tile(&self, number: usize, rows: &'a [f32], size: usize) -> [Left<'a>; 2] {
        let view = View::new(rows, size, rows.len() / size);
        let Some(ready) = self.ready else { return [view.into(), view.transposed().into()] };
        let first = number * TILE;
        [Left::part(view, &ready.rows, first, 0), Left::part(view.transposed(), &ready.turned, 0, first)]
    }
}

/// What groups want of the candidates, tile by tile: rows, and offsets.
#[derive(Debug)]
pub struct CandidateSums<'a>(Vec<InTurn<(&'a mut [f32], &'a mut [f32])>>);

impl<'a> CandidateSums<'a> {
    /// Sums that are added to these, shapes `[candidates, dim]` and `[candidates]`.
    pub fn of(rows: &'a mut [f32], offsets: &'a mut [f32]) -> Self {
        let dim = rows.len() / offsets.len().max(1);
        let tiles = rows.chunks_mut((TILE * dim).max(1)).zip(offsets.chunks_mut(TILE));
        Self(tiles.map(InTurn::new).collect())
    }

    /// Adds to a tile what `add` says, in turn.
    pub(super) fn add(&self, turn: &Turn<'_>, tile: usize, add: impl FnOnce(&mut [f32], &mut [f32])) {
        turn.add(&self.0[tile], |(rows, offsets)| add(rows, offsets));
    }
}

/// Where gradients go.
#[derive(Debug)]
pub struct Gradients<'a, 's> {
    /// Of the users, shape `[users, dim]`; overwritten.
    pub users: &'a mut [f32],
    /// Of the candidates; added.
    pub candidates: &'a CandidateSums<'s>,
    /// When this group may add to them.
    pub turn: &'a Turn<'a>,
}

/// Working memory for the groups of one thread.
#[derive(Debug, Default)]
pub struct Softmax {
    /// Users transposed, shape `[dim, users]`.
    turned: Vec<f32>,
    /// Those, ready for products.
    turned_ready: Ready,
    /// Their gradient transposed.
    d_turned: Vec<f32>,
    /// Scores, then exponentials: shape `[candidates, users]`.
    scores: Vec<f32>,
    /// The largest score so far, after each tile, shape `[tiles, users]`.
    shifts: Vec<f32>,
    /// Users times their weights, shape `[users, dim]`.
    scaled: Vec<f32>,
    /// Those, ready for products.
    scaled_ready: Ready,
}

/// A value a user.
type Each = [f32; GROUP];

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
        gradients: &mut Gradients<'_, '_>,
    ) -> f64 {
        let dim = shape(candidates, users);
        let mut loss = 0.0;
        let (shift, sums) = self.forward(users, dim, candidates, &[], gradients.users);
        let mut weights: Each = [0.0; GROUP];
        for (weights, sum) in weights.iter_mut().zip(&sums[..targets.len()]) {
            *weights = weight / sum;
        }
        for (user, d_user) in gradients.users.chunks_exact_mut(dim).enumerate() {
            let Some(&target) = targets.get(user) else {
                d_user.fill(0.0);
                continue;
            };
            let target = target as usize;
            let (u, o) = (&users[user * dim..][..dim], &candidates.rows[target * dim..][..dim]);
            let score = dot(u, o) + candidates.offsets[target];
            loss += f64::from(shift[user]) + f64::from(sums[user]).ln() - f64::from(score);
            for (d_user, o) in d_user.iter_mut().zip(o) {
                *d_user = weights[user] * *d_user - weight * o;
            }
        }
        let mut truths: Vec<(u32, u32)> = targets.iter().copied().zip(0..).collect();
        truths.sort_unstable();
        self.backward(users, dim, &shift, &weights, (&truths, weight), gradients);
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
        gradients: &mut Gradients<'_, '_>,
        d_positives: &mut [f32],
        d_biases: &mut [f32],
    ) -> f64 {
        let dim = shape(candidates, users);
        let mut loss = 0.0;
        let (mut shift, sums) = self.forward(users, dim, candidates, hits, gradients.users);
        let mut weights: Each = [0.0; GROUP];
        for (user, d_user) in gradients.users.chunks_exact_mut(dim).enumerate() {
            let Some(&bias) = positives.offsets.get(user) else {
                d_user.fill(0.0);
                continue;
            };
            let (u, o) = (&users[user * dim..][..dim], &positives.rows[user * dim..][..dim]);
            let score = dot(u, o) + bias;
            // The true item may have the largest score of all.
            let top = shift[user].max(score);
            let (others, own) = ((shift[user] - top).exp(), (score - top).exp());
            let sum = sums[user] * others + own;
            loss += f64::from(top) + f64::from(sum).ln() - f64::from(score);
            shift[user] = top;
            weights[user] = weight / sum;
            let d_score = weight * (own / sum - 1.0);
            d_biases[user] = d_score;
            let d_row = &mut d_positives[user * dim..][..dim];
            for ((d_user, d_row), (u, o)) in d_user.iter_mut().zip(d_row).zip(u.iter().zip(o)) {
                *d_user = weights[user] * others * *d_user + d_score * o;
                *d_row = d_score * u;
            }
        }
        self.backward(users, dim, &shift, &weights, (&[], weight), gradients);
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
        let (mut shift, mut sums, mut factors) = ([f32::MIN; GROUP], [0.0; GROUP], [0.0; GROUP]);
        self.turned.resize(users.len(), 0.0);
        tile::transpose(users, n, dim, &mut self.turned);
        self.turned_ready.right(&self.turned, n);
        let all = candidates.offsets.len();
        self.scores.resize(all * n, 0.0);
        self.shifts.clear();
        self.d_turned.clear();
        self.d_turned.resize(users.len(), 0.0);
        let mut hits = hits.iter().copied().peekable();
        let tiles = candidates.rows.chunks(TILE * dim).zip(candidates.offsets.chunks(TILE));
        for (number, ((rows, offsets), scores)) in tiles.zip(self.scores.chunks_mut(TILE * n)).enumerate() {
            let [rows, rows_turned] = candidates.tile(number, rows, offsets.len());
            split::multiply(rows, Right::ready(&self.turned, &self.turned_ready), false, scores);
            let start = hits.clone();
            while let Some((candidate, user)) = hits.next_if(|hit| (hit.0 as usize) < (number + 1) * TILE) {
                scores[(candidate as usize - number * TILE) * n + user as usize] = NEVER;
            }
            let raised = exponentials(scores, offsets, &mut shift[..n], &mut sums[..n], &mut factors[..n]);
            for (candidate, user) in start.take_while(|hit| (hit.0 as usize) < (number + 1) * TILE) {
                scores[(candidate as usize - number * TILE) * n + user as usize] = 0.0;
            }
            if raised && number > 0 {
                self.d_turned.chunks_exact_mut(n).for_each(|row| vector::multiply(&factors[..n], row));
            }
            split::multiply(rows_turned, &*scores, true, &mut self.d_turned);
            self.shifts.extend_from_slice(&shift[..n]);
        }
        tile::transpose(&self.d_turned, dim, n, d_users);
        (shift, sums)
    }

    /// The candidates' gradient: exponentials times users times `weights` (relative to `shift`), less what the true items want.
    ///
    /// * `truths`: `(candidate, user)`, by candidate, each of which counts the weight beside it.
    fn backward(
        &mut self,
        users: &[f32],
        dim: usize,
        shift: &Each,
        weights: &Each,
        (mut truths, weight): (&[(u32, u32)], f32),
        gradients: &Gradients<'_, '_>,
    ) {
        let n = users.len() / dim;
        let mut current: &[f32] = &[];
        let (mut factors, mut sums): (Each, _) = ([0.0; GROUP], [0.0; TILE]);
        self.scaled.resize(users.len(), 0.0);
        // The last tile first: its exponentials, and what else it needs, are still in the cache.
        for (tile, (scores, then)) in self.scores.chunks(TILE * n).zip(self.shifts.chunks(n)).enumerate().rev() {
            if then != current {
                current = then;
                for user in 0..n {
                    factors[user] = weights[user] * (then[user] - shift[user]).exp();
                    let (u, scaled) = (&users[user * dim..][..dim], &mut self.scaled[user * dim..][..dim]);
                    for (scaled, u) in scaled.iter_mut().zip(u) {
                        *scaled = factors[user] * u;
                    }
                }
                self.scaled_ready.right(&self.scaled, dim);
            }
            let sums = &mut sums[..scores.len() / n];
            scan(&factors[..n], scores, sums, None);
            let first = tile * TILE;
            let (rest, here) = truths.split_at(truths.partition_point(|truth| (truth.0 as usize) < first));
            truths = rest;
            gradients.candidates.add(gradients.turn, tile, |d_rows, d_offsets| {
                let scaled = Right::ready(&self.scaled, &self.scaled_ready);
                split::multiply(View::new(scores, sums.len(), n), scaled, true, d_rows);
                for (d_offset, sum) in d_offsets.iter_mut().zip(sums) {
                    *d_offset += *sum;
                }
                for &(candidate, user) in here {
                    let (at, u) = (candidate as usize - first, &users[user as usize * dim..][..dim]);
                    for (d_row, u) in d_rows[at * dim..][..dim].iter_mut().zip(u) {
                        *d_row -= weight * u;
                    }
                    d_offsets[at] -= weight;
                }
            });
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
