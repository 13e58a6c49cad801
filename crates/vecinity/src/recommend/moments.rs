//! How much scores differ over the items: what the two sides of a blend are divided by.
//!
//! The score of an item is `user . vector + popularity ln(count + 1)`, one dot product if `ln(count + 1)` is
//! taken for one more value of the vector. So with the covariance `C` of these longer vectors over all items,
//! computed once, the variance of the scores of any user `q` is `q . C q`: no look at the items is needed.

use crate::embeddings::Matrix;
use std::sync::OnceLock;
use vecinity_kernel::matrix::{View, multiply};

/// Items whose products are summed in single precision; sums of blocks are in double precision.
const BLOCK: usize = 512;

/// Means and covariances of the vectors of items, longer by `ln(count + 1)`.
#[derive(Debug)]
pub(super) struct Moments {
    /// Shape `[dim + 1]`.
    pub(super) mean: Vec<f64>,
    /// Shape `[dim + 1, dim + 1]`; only blends need it.
    covariance: OnceLock<Vec<f64>>,
}

impl Moments {
    /// * `to`: the vectors, shape `[n, dim]`; `log_counts`: `ln(count + 1)`, shape `[n]`.
    pub(super) fn new(to: &Matrix, log_counts: &[f32]) -> Self {
        let n = to.rows().max(1) as f64;
        let mut mean = vec![0.0; to.dim() + 1];
        for (row, count) in to.as_slice().chunks_exact(to.dim().max(1)).zip(log_counts) {
            for (mean, &value) in mean.iter_mut().zip(row.iter().chain([count])) {
                *mean += f64::from(value) / n;
            }
        }
        Self { mean, covariance: OnceLock::new() }
    }

    /// The standard deviation over all items of `user . vector + popularity ln(count + 1)`, or 1 if it is 0.
    ///
    /// * `to`, `log_counts`: as in [`Moments::new`].
    pub(super) fn spread(&self, user: &[f32], popularity: f32, to: &Matrix, log_counts: &[f32]) -> f32 {
        let covariance = self.covariance.get_or_init(|| self.covariance(to, log_counts));
        let query: Vec<f64> = user.iter().chain([&popularity]).map(|&value| f64::from(value)).collect();
        let rows = covariance.chunks_exact(query.len()).zip(&query);
        deviation(rows.map(|(row, a)| a * row.iter().zip(&query).map(|(c, b)| c * b).sum::<f64>()).sum())
    }

    fn covariance(&self, to: &Matrix, log_counts: &[f32]) -> Vec<f64> {
        let (dim, n, wide) = (to.dim().max(1), to.rows().max(1) as f64, self.mean.len());
        let (mut covariance, mut centred, mut product) = (vec![0.0; wide * wide], Vec::new(), vec![0.0; wide * wide]);
        for (rows, counts) in to.as_slice().chunks(BLOCK * dim).zip(log_counts.chunks(BLOCK)) {
            centred.clear();
            for (row, count) in rows.chunks_exact(dim).zip(counts) {
                let values = row.iter().chain([count]).zip(&self.mean);
                centred.extend(values.map(|(&value, mean)| (f64::from(value) - mean) as f32));
            }
            let centred = View::new(&centred, counts.len(), wide);
            multiply(1.0, centred.transposed(), centred, 0.0, &mut product);
            for (sum, value) in covariance.iter_mut().zip(&product) {
                *sum += f64::from(*value) / n;
            }
        }
        covariance
    }
}

/// The standard deviation of `n` values of which those that are not given are 0, or 1 if it is 0.
pub(super) fn spread(n: usize, values: impl Iterator<Item = f32>) -> f32 {
    let n = n.max(1) as f64;
    let (mut sum, mut squares) = (0.0f64, 0.0f64);
    for value in values {
        sum += f64::from(value);
        squares += f64::from(value) * f64::from(value);
    }
    deviation(squares / n - (sum / n).powi(2))
}

fn deviation(variance: f64) -> f32 {
    if variance > 0.0 && variance.is_finite() { variance.sqrt() as f32 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_spread_of_one_three_and_zero_is_that_of_the_definition() {
        // Mean 4/3, variance (1 + 9 + 0) / 3 - 16/9 = 14/9.
        assert!((spread(3, [1.0, 3.0].into_iter()) - (14.0f32 / 9.0).sqrt()).abs() < 1e-6);
        assert_eq!(spread(5, [].into_iter()), 1.0);
    }

    proptest! {
        #[test]
        fn the_spread_of_scores_needs_no_look_at_them(
            values in prop::collection::vec(-2.0f32..9.0, 4 * 700), popularity in -1.0f32..1.0,
        ) {
            let to = Matrix::new(700, 3, values[..3 * 700].to_vec());
            let (user, log_counts) = ([0.3, -1.0, 0.7], &values[3 * 700..]);
            let scores = (0..700).map(|item| {
                to.row(item).iter().zip(&user).map(|(a, b)| a * b).sum::<f32>() + popularity * log_counts[item]
            });
            let expected = spread(700, scores);
            let found = Moments::new(&to, log_counts).spread(&user, popularity, &to, log_counts);
            prop_assert!((found - expected).abs() < 1e-4 * expected, "{} {}", found, expected);
        }
    }
}
