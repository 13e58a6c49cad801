//! gBCE: binary cross entropy with a positive that makes up for the sampling (Petrov and Macdonald 2023).
//!
//! With `K` negatives drawn uniformly from `N - 1` items, `alpha = K / (N - 1)` and a calibration `t` in `[0, 1]`:
//!
//! ```text
//! beta = alpha (t (1 - 1/alpha) + 1/alpha)
//! loss = -(beta ln sigmoid(s+) + sum_k ln(1 - sigmoid(s_k))) / (K + 1)
//! ```
//!
//! `t = 0` is plain binary cross entropy (`beta = 1`), `t = 1` gives calibrated probabilities. Negatives are
//! shared by a group; accidental hits are left out.

use super::softmax::TILE;
use super::{Candidates, GROUP, Gradients, LANES};
use vecinity_kernel::matrix::View;
use vecinity_kernel::vector::dot;
use vecinity_kernel::{split, tile};

/// Working memory for the groups of one thread, and the loss.
#[derive(Debug, Default)]
pub struct Gbce {
    turned: Vec<f32>,
    /// Their gradient transposed.
    d_turned: Vec<f32>,
    scores: Vec<f32>,
}

/// `beta` of the loss.
#[must_use]
pub fn beta(negatives: usize, items: usize, calibration: f64) -> f32 {
    let alpha = negatives as f64 / (items.max(2) - 1) as f64;
    (alpha * (calibration * (1.0 - 1.0 / alpha) + 1.0 / alpha)) as f32
}

impl Gbce {
    /// Loss and gradients of a group; arguments as in [`Softmax::sampled`](super::Softmax::sampled), with `beta`.
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
        (weight, beta): (f32, f32),
        gradients: &mut Gradients<'_, '_>,
        d_positives: &mut [f32],
        d_biases: &mut [f32],
    ) -> f64 {
        let count = candidates.offsets.len();
        let dim = candidates.rows.len() / count.max(1);
        let (n, real) = (users.len() / dim, positives.offsets.len());
        assert!(dim.is_multiple_of(LANES) && n.is_multiple_of(LANES) && n <= GROUP, "groups of whole registers");
        let share = 1.0 / (count + 1) as f32;
        let weight = weight * share;
        self.turned.resize(users.len(), 0.0);
        tile::transpose(users, n, dim, &mut self.turned);
        self.scores.resize(TILE * n, 0.0);
        self.d_turned.clear();
        self.d_turned.resize(users.len(), 0.0);
        // The product of all 1 - sigmoid(s_k) of a user, whose logarithm is taken before it vanishes.
        let (mut products, mut losses) = ([1.0f64; GROUP], [0.0f64; GROUP]);
        let mut hits = hits.iter().copied().peekable();
        let tiles = candidates.rows.chunks(TILE * dim).zip(candidates.offsets.chunks(TILE));
        for (number, (rows, offsets)) in tiles.enumerate() {
            let scores = &mut self.scores[..offsets.len() * n];
            let [rows, rows_turned] = candidates.tile(number, rows, offsets.len());
            split::multiply(rows, &self.turned, false, scores);
            for (row, offset) in scores.chunks_exact_mut(n).zip(offsets) {
                row.iter_mut().for_each(|score| *score = -(*score + offset));
            }
            vecinity_kernel::softmax::exp(scores);
            for row in scores.chunks_exact_mut(n) {
                for (score, product) in row.iter_mut().zip(&mut products) {
                    // `exp(-s) / (1 + exp(-s))` is `1 - sigmoid(s)`.
                    let miss = *score / (1.0 + *score);
                    *score = weight * (1.0 / (1.0 + *score));
                    *product *= f64::from(miss);
                }
                for (product, loss) in products.iter_mut().zip(&mut losses) {
                    if *product < 1e-200 {
                        *loss -= std::mem::replace(product, 1.0).max(f64::MIN_POSITIVE).ln();
                    }
                }
            }
            while let Some((candidate, user)) = hits.next_if(|hit| (hit.0 as usize) < (number + 1) * TILE) {
                let score = &mut scores[(candidate as usize - number * TILE) * n + user as usize];
                products[user as usize] /= f64::from(1.0 - *score / weight).max(1e-30);
                *score = 0.0;
            }
            for row in scores.chunks_exact_mut(n) {
                row[real..].fill(0.0);
            }
            let view = View::new(scores, offsets.len(), n);
            split::multiply(rows_turned, &*scores, true, &mut self.d_turned);
            gradients.candidates.add(gradients.turn, number, |d_rows, d_offsets| {
                split::multiply(view, users, true, d_rows);
                for (row, d_offset) in scores.chunks_exact(n).zip(d_offsets) {
                    *d_offset += row.iter().sum::<f32>();
                }
            });
        }
        tile::transpose(&self.d_turned, dim, n, gradients.users);
        let mut loss = 0.0;
        for (user, &bias) in positives.offsets.iter().enumerate() {
            let (u, o) = (&users[user * dim..][..dim], &positives.rows[user * dim..][..dim]);
            let score = f64::from(dot(u, o) + bias);
            let chance = 1.0 / (1.0 + (-score).exp());
            let own = score.min(0.0) - (-score.abs()).exp().ln_1p();
            loss += f64::from(share) * (losses[user] - products[user].ln() - f64::from(beta) * own);
            let d_score = weight * beta * (chance - 1.0) as f32;
            d_biases[user] = d_score;
            let (d_user, d_row) = (&mut gradients.users[user * dim..][..dim], &mut d_positives[user * dim..][..dim]);
            for ((d_user, d_row), (u, o)) in d_user.iter_mut().zip(d_row).zip(u.iter().zip(o)) {
                *d_user += d_score * o;
                *d_row = d_score * u;
            }
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CandidateSums, Turn, mark_hits};
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn beta_is_one_without_calibration_and_the_sampling_rate_with_all_of_it() {
        assert!((beta(256, 3417, 0.0) - 1.0).abs() < 1e-6);
        assert!((beta(256, 3417, 1.0) - 256.0 / 3416.0).abs() < 1e-6);
        // alpha = 0.1: 0.1 (0.75 (1 - 10) + 10) = 0.325.
        assert!((beta(10, 101, 0.75) - 0.325).abs() < 1e-6);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Rng::new(8, 0);
        let (dim, n, real, count) = (16, 16, 11, 200);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| 1.4 * rng.f32() - 0.7).collect() };
        let mut users = draw(n * dim);
        users[real * dim..].fill(0.0);
        let (rows, offsets, own, biases) = (draw(count * dim), draw(count), draw(real * dim), draw(real));
        let ids: Vec<u32> = (0..count as u32).map(|c| c % 70).collect();
        let targets: Vec<u32> = (0..real as u32).map(|u| u * 9).collect();
        let (mut du, mut dr, mut d_o) = (vec![0.0; users.len()], vec![0.0; rows.len()], vec![0.0; count]);
        let (mut dp, mut db) = (vec![0.0; own.len()], vec![0.0; real]);
        let loss = Gbce::default().sampled(
            &users,
            Candidates { rows: &rows, offsets: &offsets, ready: None },
            Candidates { rows: &own, offsets: &biases, ready: None },
            &mark_hits(&ids, &targets),
            (1.0, 0.3),
            &mut Gradients { users: &mut du, candidates: &CandidateSums::of(&mut dr, &mut d_o), turn: &Turn::alone() },
            &mut dp,
            &mut db,
        );
        let oracle = |parts: &[Vec<f64>; 5]| -> f64 {
            let [users, rows, offsets, own, biases] = parts;
            let score = |u: usize, rows: &[f64], c: usize| -> f64 {
                (0..dim).map(|k| users[u * dim + k] * rows[c * dim + k]).sum()
            };
            let log_sigmoid = |s: f64| -(1.0 + (-s).exp()).ln();
            let mut loss = 0.0;
            for (u, target) in targets.iter().enumerate() {
                loss -= f64::from(0.3f32) * log_sigmoid(score(u, own, u) + biases[u]);
                for c in (0..count).filter(|&c| ids[c] != *target) {
                    loss -= log_sigmoid(-(score(u, rows, c) + offsets[c]));
                }
            }
            loss / (count + 1) as f64
        };
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut parts = [wide(&users), wide(&rows), wide(&offsets), wide(&own), wide(&biases)];
        assert!((loss - oracle(&parts)).abs() < 1e-4, "{loss} for {}", oracle(&parts));
        for (part, found) in [&du, &dr, &d_o, &dp, &db].into_iter().enumerate() {
            for at in (0..found.len()).step_by(5).filter(|&at| part > 0 || at < real * dim) {
                let before = parts[part][at];
                parts[part][at] = before + 1e-5;
                let up = oracle(&parts);
                parts[part][at] = before - 1e-5;
                let expected = (up - oracle(&parts)) / 2e-5;
                parts[part][at] = before;
                let found = f64::from(found[at]);
                assert!((expected - found).abs() < 1e-5, "part {part}, {at}: {expected}, {found}");
            }
        }
    }
}
