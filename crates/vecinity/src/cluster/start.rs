//! The first centroids: greedy k-means++ (Arthur & Vassilvitskii 2007).
//!
//! Each next centroid is a row, drawn with a chance proportional to its squared distance from the centroids so far; of
//! `2 + ln k` rows drawn, the one that leaves the smallest sum of distances is taken.

use super::{BLOCK, Rows, Settings, in_parallel};
use crate::error::{Error, Result};
use crate::rng::Rng;
use vecinity_kernel::matrix::{View, multiply};

/// Squared distances that are only rounding, as a share of the squared lengths.
const ROUNDING: f32 = 4e-7;

/// The first centroids, shape `[clusters, dim]`.
///
/// # Errors
/// [`Error::Setting`] if there are fewer distinct rows.
pub(super) fn start(rows: &Rows, settings: &Settings) -> Result<Vec<f32>> {
    let (n, k) = (rows.len(), settings.clusters);
    let mut rng = Rng::new(settings.seed, 0);
    let tries = 2 + (k as f64).ln() as usize;
    let mut chosen = vec![(rng.f64() * n as f64) as usize];
    let mut nearest = vec![f32::INFINITY; n];
    rows.approach(chosen[0], &mut nearest);
    let mut sums = vec![0.0f64; n];
    while chosen.len() < k {
        let mut total = 0.0;
        for (sum, &square) in sums.iter_mut().zip(&nearest) {
            total += f64::from(square);
            *sum = total;
        }
        if total <= 0.0 {
            let expected = format!("at most {}, the number of distinct vectors", chosen.len());
            return Err(Error::setting("clusters", k, expected));
        }
        let candidates: Vec<usize> = (0..tries)
            .map(|_| {
                let at = rng.f64() * total;
                // Rows at distance 0 have the sum of the row before: the first greater sum is never theirs.
                sums.partition_point(|&sum| sum <= at).min(n - 1)
            })
            .collect();
        let left = rows.left(&candidates, &nearest);
        let best = (0..tries).reduce(|best, at| if left[at] < left[best] { at } else { best }).unwrap_or(0);
        rows.approach(candidates[best], &mut nearest);
        chosen.push(candidates[best]);
    }
    Ok(chosen.iter().flat_map(|&row| rows.row(row)).copied().collect())
}

impl Rows {
    fn distance(&self, row: usize, other: usize, product: f32) -> f32 {
        let lengths = self.squares[row] + self.squares[other];
        let square = lengths - 2.0 * product;
        if square <= ROUNDING * lengths { 0.0 } else { square }
    }

    /// The squared distance of each row to the nearest centroid, with one more centroid: the row `new`.
    fn approach(&self, new: usize, nearest: &mut [f32]) {
        let parts = nearest.chunks_mut(BLOCK).enumerate();
        in_parallel(
            self.threads,
            parts,
            || vec![0.0; BLOCK],
            |products, (block, nearest)| {
                let first = block * BLOCK;
                self.products(first, nearest.len(), self.row(new), products);
                for (at, (nearest, &product)) in nearest.iter_mut().zip(&*products).enumerate() {
                    *nearest = nearest.min(self.distance(first + at, new, product));
                }
            },
        );
    }

    /// The sum of squared distances that each candidate would leave.
    fn left(&self, candidates: &[usize], nearest: &[f32]) -> Vec<f64> {
        let tries = candidates.len();
        let asked: Vec<f32> = candidates.iter().flat_map(|&row| self.row(row)).copied().collect();
        let blocks = nearest.len().div_ceil(BLOCK);
        let mut sums = vec![0.0f64; blocks * tries];
        let parts = sums.chunks_exact_mut(tries).zip(nearest.chunks(BLOCK)).enumerate();
        in_parallel(
            self.threads,
            parts,
            || vec![0.0; BLOCK * tries],
            |products, (block, (sums, nearest))| {
                let first = block * BLOCK;
                self.products(first, nearest.len(), &asked, products);
                for (at, (&nearest, products)) in nearest.iter().zip(products.chunks_exact(tries)).enumerate() {
                    for ((sum, &product), &candidate) in sums.iter_mut().zip(products).zip(candidates) {
                        *sum += f64::from(nearest.min(self.distance(first + at, candidate, product)));
                    }
                }
            },
        );
        (0..tries).map(|at| sums.iter().skip(at).step_by(tries).sum()).collect()
    }

    /// Products of `count` rows from `first` on with other rows, shape `[count, others]`.
    fn products(&self, first: usize, count: usize, others: &[f32], products: &mut [f32]) {
        let rows = View::new(&self.values[first * self.dim..][..count * self.dim], count, self.dim);
        let width = others.len() / self.dim;
        let others = View::new(others, width, self.dim).transposed();
        multiply(1.0, rows, others, 0.0, &mut products[..count * width]);
    }
}
