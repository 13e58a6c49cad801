//! Rank correlation, bootstrap intervals, rounding.

use crate::rng::Rng;

/// The rank of each value, from 1 for the smallest; equal values share the average of their ranks.
///
/// ```
/// use vecinity::eval::stats::average_ranks;
/// assert_eq!(average_ranks(&[10.0, 30.0, 20.0, 20.0]), [1.0, 4.0, 2.5, 2.5]);
/// ```
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    Order::new(values).ranks(&vec![1; values.len()])
}

/// Spearman's rank correlation, in `[-1, 1]`: Pearson's correlation of the average ranks.
///
/// `None` for fewer than two pairs, or if all values of one side are equal.
///
/// # Panics
/// If the lengths differ.
///
/// # Example
/// ```
/// use vecinity::eval::stats::spearman;
/// // Ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / (4 * 15).
/// assert!((spearman(&[1.0, 2.0, 3.0, 4.0], &[5.0, 7.0, 6.0, 8.0]).unwrap() - 0.8).abs() < 1e-15);
/// assert_eq!(spearman(&[1.0, 2.0], &[5.0, 5.0]), None);
/// ```
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "a correlation needs pairs");
    let once = vec![1; x.len()];
    correlation(&Order::new(x).ranks(&once), &Order::new(y).ranks(&once), &once)
}

/// A 95 % percentile bootstrap interval of Spearman's rank correlation.
///
/// `None` without pairs that vary, or with `resamples` 0.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn spearman_interval(x: &[f64], y: &[f64], resamples: usize, mut rng: Rng) -> Option<[f64; 2]> {
    assert_eq!(x.len(), y.len(), "a correlation needs pairs");
    // The orders stay; a resample only changes how often each pair occurs, so nothing is sorted again.
    let (x, y) = (Order::new(x), Order::new(y));
    let n = x.order.len() as u32;
    let mut counts = vec![0u32; n as usize];
    let found = (0..resamples).filter_map(|_| {
        counts.fill(0);
        for _ in 0..n {
            counts[rng.below(n) as usize] += 1;
        }
        correlation(&x.ranks(&counts), &y.ranks(&counts), &counts)
    });
    middle(found.collect())
}

/// A 95 % percentile bootstrap interval of a share, in `[0, 1]`: `hits` of `total` questions were answered
/// right, and questions are drawn anew.
///
/// `None` if `total` or `resamples` is 0.
#[must_use]
pub fn share_interval(hits: u32, total: u32, resamples: usize, mut rng: Rng) -> Option<[f64; 2]> {
    if total == 0 {
        return None;
    }
    let drawn = (0..resamples).map(|_| {
        let again = (0..total).filter(|_| rng.below(total) < hits).count();
        again as f64 / f64::from(total)
    });
    middle(drawn.collect())
}

/// `value` to two decimals, as Python's `round(value, 2)`: the nearest, ties (of the exact value) to even.
///
/// ```
/// use vecinity::eval::stats::round2;
/// assert_eq!(round2(57.005), 57.01); // its exact value lies above the tie
/// assert_eq!((round2(3.125), round2(3.375)), (3.12, 3.38));
/// ```
#[must_use]
pub fn round2(value: f64) -> f64 {
    format!("{value:.2}").parse().unwrap_or(value)
}

/// The 2.5 % and 97.5 % quantiles, with linear interpolation.
fn middle(mut values: Vec<f64>) -> Option<[f64; 2]> {
    let last = values.len().checked_sub(1)?;
    values.sort_unstable_by(f64::total_cmp);
    Some([0.025, 0.975].map(|quantile| {
        let at = quantile * last as f64;
        let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
        low + (high - low) * at.fract()
    }))
}

/// Values by size: which one is where, and where equal values end.
struct Order {
    order: Vec<u32>,
    /// For each group of equal values where it ends in `order`.
    ends: Vec<usize>,
}

impl Order {
    fn new(values: &[f64]) -> Self {
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        let mut ends: Vec<usize> =
            (1..values.len()).filter(|&at| values[order[at] as usize] != values[order[at - 1] as usize]).collect();
        ends.extend((!values.is_empty()).then_some(values.len()));
        Self { order, ends }
    }

    /// The average rank of each value, if it occurs `counts` times.
    fn ranks(&self, counts: &[u32]) -> Vec<f64> {
        let mut ranks = vec![0.0; counts.len()];
        let (mut start, mut before) = (0, 0);
        for &end in &self.ends {
            let group = &self.order[start..end];
            let size: u32 = group.iter().map(|&i| counts[i as usize]).sum();
            let rank = f64::from(before) + f64::from(size + 1) / 2.0;
            for &i in group {
                ranks[i as usize] = rank;
            }
            (start, before) = (end, before + size);
        }
        ranks
    }
}

/// Pearson's correlation of ranks that occur `counts` times.
fn correlation(x: &[f64], y: &[f64], counts: &[u32]) -> Option<f64> {
    let n: u32 = counts.iter().sum();
    // Average ranks have the mean of all ranks.
    let mean = (f64::from(n) + 1.0) / 2.0;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for ((x, y), &count) in x.iter().zip(y).zip(counts) {
        let (dx, dy, count) = (x - mean, y - mean, f64::from(count));
        xx += count * dx * dx;
        yy += count * dy * dy;
        xy += count * dx * dy;
    }
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::prelude::*;

    #[test]
    fn the_interval_of_a_share_is_close_to_the_normal_one() {
        // Standard error sqrt(0.2 * 0.8 / 10000) = 0.004, so +-0.00784.
        let [low, high] = share_interval(2000, 10_000, 2000, Rng::new(1, 0)).unwrap();
        assert!((low - 0.19216).abs() < 0.001 && (high - 0.20784).abs() < 0.001, "{low} {high}");
        assert_eq!(share_interval(0, 0, 1000, Rng::new(1, 0)), None);
        assert_eq!(share_interval(5, 5, 1000, Rng::new(1, 0)), Some([1.0, 1.0]));
        assert_eq!(share_interval(1, 2, 0, Rng::new(1, 0)), None);
    }

    #[test]
    fn the_interval_of_a_perfect_correlation_is_a_point() {
        let x: Vec<f64> = (0..50).map(f64::from).collect();
        let [low, high] = spearman_interval(&x, &x, 200, Rng::new(1, 0)).unwrap();
        assert!((low - 1.0).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
        assert_eq!(spearman_interval(&[], &[], 200, Rng::new(1, 0)), None);
    }

    proptest! {
        #[test]
        fn counting_a_pair_twice_is_writing_it_twice(
            pairs in prop::collection::vec((0u8..9, 0u8..9, 0u32..4), 2..30),
        ) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (f64::from(p.0), f64::from(p.1))).unzip();
            let counts: Vec<u32> = pairs.iter().map(|p| p.2).collect();
            let repeat = |values: &[f64]| -> Vec<f64> {
                values.iter().zip(&counts).flat_map(|(&v, &n)| std::iter::repeat_n(v, n as usize)).collect()
            };
            let written = spearman(&repeat(&x), &repeat(&y));
            let counted = correlation(&Order::new(&x).ranks(&counts), &Order::new(&y).ranks(&counts), &counts);
            match (written, counted) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
