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

/// A token and those nearest to it by cosine.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) token: TokenId,
    pub(super) nearest: Vec<Hit>,
}

/// Ten random tokens with their neighbours, the most frequent first. They are drawn evenly over the logarithm of the rank:
/// frequent and rare ones are both seen.
pub(super) fn near(matrix: &Matrix, seed: u64) -> Vec<Near> {
    let n = matrix.rows();
    if n < 2 || matrix.dim() == 0 {
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
    let search = Exact::new(matrix.as_slice(), matrix.dim(), Metric::Cosine);
    let near = |row| {
        let token = TokenId(row);
        Near { token, nearest: search.nearest(matrix.row(token.row()), NEAREST, &[token]) }
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
        let shown = near(&matrix, 1);
        assert_eq!(shown.iter().map(|near| near.token.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(shown[0].nearest.iter().map(|hit| hit.id.0).collect::<Vec<_>>(), [1, 2]);
        assert!(near(&Matrix::new(1, 1, vec![1.0]), 1).is_empty());
    }

    #[test]
    fn frequent_and_rare_tokens_are_both_drawn() {
        let matrix = Matrix::new(10_000, 1, (0..10_000).map(|i| i as f32 + 1.0).collect());
        let rows: Vec<u32> = near(&matrix, 7).iter().map(|near| near.token.0).collect();
        assert_eq!(rows.len(), SHOWN);
        assert!(rows.is_sorted() && rows[0] < 100 && rows[SHOWN - 1] > 1000, "{rows:?}");
    }
}
