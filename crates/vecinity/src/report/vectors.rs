//! What the vectors themselves show: norm against frequency, and neighbours of random tokens.

use crate::TokenId;
use crate::embeddings::Matrix;
use crate::eval::stats::spearman;
use crate::index::{Exact, Hit, Metric};
use crate::rng::Rng;
use crate::vocab::Vocab;
use vecinity_kernel::vector::norm;

/// Points of a scatter plot, at most.
const POINTS: usize = 700;
/// Random tokens whose neighbours are shown, and how many of these.
const SHOWN: usize = 10;
const NEAREST: usize = 5;

/// Norm against frequency.
#[derive(Debug)]
pub(super) struct Norms {
    /// `[count, norm]` of tokens taken evenly by rank.
    pub(super) points: Vec<[f64; 2]>,
    /// Spearman's rank correlation of count and norm over all tokens, if both vary.
    pub(super) correlation: Option<f64>,
}

impl Norms {
    /// Measures all rows of a matrix, shape `[vocab.len(), dim]`.
    pub(super) fn of(vocab: &Vocab, matrix: &Matrix) -> Self {
        let norms: Vec<f64> = (0..matrix.rows()).map(|row| f64::from(norm(matrix.row(row)))).collect();
        let counts: Vec<f64> = vocab.counts().iter().map(|&count| count as f64).collect();
        let step = norms.len().div_ceil(POINTS).max(1);
        let points = (0..norms.len()).step_by(step).map(|row| [counts[row], norms[row]]).collect();
        Self { points, correlation: spearman(&counts, &norms) }
    }
}

/// A token and those nearest to it.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) token: TokenId,
    /// Alike: by cosine of input vectors.
    pub(super) nearest: Vec<Hit>,
    /// What it predicts: from its input vector to output vectors, by the metric of the recipe; empty if not asked for.
    pub(super) predicted: Vec<Hit>,
}

/// Ten random tokens with their neighbours, the most frequent first. They are drawn evenly over the logarithm of the rank:
/// frequent and rare ones are both seen.
///
/// * `predictions`: the output matrix and the metric by which it is asked, if what a token predicts is wanted too.
pub(super) fn near(input: &Matrix, predictions: Option<(&Matrix, Metric)>, seed: u64) -> Vec<Near> {
    let n = input.rows();
    if n < 2 || input.dim() == 0 {
        return Vec::new();
    }
    let mut rng = Rng::new(seed, 0);
    let mut rows = std::collections::BTreeSet::new();
    // With few tokens the same ones are drawn again and again: a bound on the draws.
    for _ in 0..100 * SHOWN {
        if rows.len() == SHOWN.min(n) {
            break;
        }
        let rank = ((n as f64 + 1.0).powf(rng.f64()) - 1.0) as usize;
        rows.insert(rank.min(n - 1) as u32);
    }
    let search = |matrix, metric, token: TokenId| {
        let rows = Matrix::as_slice(matrix);
        Exact::new(rows, input.dim(), metric).nearest(input.row(token.row()), NEAREST, &[token])
    };
    let near = |row| {
        let token = TokenId(row);
        let predicted = predictions.map_or_else(Vec::new, |(output, metric)| search(output, metric, token));
        Near { token, nearest: search(input, Metric::Cosine, token), predicted }
    };
    rows.into_iter().map(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_set_against_counts() {
        let vocab = Vocab::from_counts([("a", 90), ("b", 9), ("c", 1)]).unwrap();
        let matrix = Matrix::new(3, 2, vec![3.0, 4.0, 0.0, 2.0, 1.0, 0.0]);
        let norms = Norms::of(&vocab, &matrix);
        assert_eq!(norms.points, [[90.0, 5.0], [9.0, 2.0], [1.0, 1.0]]);
        assert!((norms.correlation.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn few_tokens_are_all_shown_and_none_is_its_own_neighbour() {
        let matrix = Matrix::new(3, 1, vec![1.0, 2.0, -1.0]);
        let shown = near(&matrix, Some((&matrix, Metric::Dot)), 1);
        assert_eq!(shown.iter().map(|near| near.token.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(shown[0].nearest.iter().map(|hit| hit.id.0).collect::<Vec<_>>(), [1, 2]);
        // By dot products -1 is nearest to -1 and farthest from 2.
        assert_eq!(shown[2].predicted.iter().map(|hit| hit.score).collect::<Vec<_>>(), [-1.0, -2.0]);
        assert!(near(&Matrix::new(1, 1, vec![1.0]), None, 1).is_empty());
    }

    #[test]
    fn frequent_and_rare_tokens_are_both_drawn() {
        let matrix = Matrix::new(10_000, 1, (0..10_000).map(|i| i as f32 + 1.0).collect());
        let rows: Vec<u32> = near(&matrix, None, 7).iter().map(|near| near.token.0).collect();
        assert_eq!(rows.len(), SHOWN);
        assert!(rows.is_sorted() && rows[0] < 100 && rows[SHOWN - 1] > 1000, "{rows:?}");
    }
}
