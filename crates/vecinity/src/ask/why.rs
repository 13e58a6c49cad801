//! Why are two tokens near? Because they predict the same contexts.
//!
//! Skip-gram and CBOW with negative sampling learn `σ(in_x · out_c)`: the chance that the pair of
//! token `x` and context `c` is from the data and not from the noise (Mikolov et al. 2013,
//! arXiv:1310.4546, eq. 4). So the reasons can be read from the two matrices, exactly and without the
//! data. That chance alone is high for contexts that every token predicts: frequent words, bestsellers.
//! What counts is how far both tokens lie above the usual token:
//!
//! ```text
//! lift_x(c) = σ(in_x · out_c) - σ(μ · out_c)          μ: the mean of all input rows
//! score(c)  = min(lift_a(c), lift_b(c))               in (-1, 1)
//! ```
//!
//! `μ · out_c` is the mean over all tokens of their dot product with `c`. The difference of chances is
//! preferred to that of the dot products (a log-odds ratio), which is largest for rare contexts that
//! neither token would ever meet; the minimum to the product, which one of the two could carry alone.

use super::{Asker, Want};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::{best_rows, threads_for};
use vecinity_kernel::vector::{dot, scan};

/// A context that two tokens share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason {
    /// The context.
    pub id: TokenId,
    /// The smaller of the two lifts, in `(0, 1)`.
    pub score: f32,
    /// How much likelier the first token is to be seen with this context than the usual token is, as a
    /// difference of chances, in `(0, 1)`.
    pub first: f32,
    /// The same for the second token.
    pub second: f32,
}

impl Asker<'_> {
    /// The contexts which both tokens predict more than the usual token does, the strongest first; see
    /// the head of this file for the formula. Empty if there is none.
    ///
    /// Reads both matrices, whatever vectors and metric this asker uses for other questions. The numbers mean
    /// what they say for models trained with negative sampling; for others they are a comparison.
    ///
    /// # Errors
    /// [`Error::Data`] if the model has no output matrix.
    ///
    /// # Panics
    /// If a token is not of this model.
    ///
    /// # Example
    /// ```
    /// # use vecinity::{ask::{Asker, Want}, embeddings::Which, index::Metric, Embeddings, Matrix, Vocab};
    /// let vocab = Vocab::from_counts([("tea", 5), ("coffee", 5), ("cup", 5), ("nail", 5)])?;
    /// let input = Matrix::new(4, 1, vec![2.0, 1.0, -1.0, -2.0]);
    /// let output = Matrix::new(4, 1, vec![0.0, 0.0, 3.0, -3.0]);
    /// let embeddings = Embeddings::new(vocab, input, Some(output))?;
    /// let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
    /// let id = |token| embeddings.vocab().require(token);
    ///
    /// let reasons = asker.why(id("tea")?, id("coffee")?, Want::best(10))?;
    /// assert_eq!(reasons.len(), 1);                                 // not the nail
    /// assert_eq!(reasons[0].id, id("cup")?);
    /// assert!((reasons[0].first - 0.4975).abs() < 1e-4);            // σ(2 * 3) - σ(0 * 3)
    /// assert!((reasons[0].score - 0.4526).abs() < 1e-4);            // σ(1 * 3) - σ(0 * 3)
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn why(&self, a: TokenId, b: TokenId, want: Want<'_>) -> Result<Vec<Reason>> {
        let (input, output) = (self.embeddings.input(), self.embeddings.output().ok_or_else(no_output)?);
        let (dim, contexts) = (output.dim(), output.as_slice());
        let (first, second, usual) = (input.row(a.row()), input.row(b.row()), self.usual());

        let threads = self.threads.unwrap_or_else(|| threads_for(size_of_val(contexts)));
        let keep = |id| want.allows(id, &[a, b]);
        let hits = best_rows(output.rows(), want.limit, threads, &keep, &|range, ranks| {
            let rows = &contexts[range.start * dim..range.end * dim];
            let (mut other, mut base) = (vec![0.0; ranks.len()], vec![0.0; ranks.len()]);
            scan(first, rows, ranks, None);
            scan(second, rows, &mut other, None);
            scan(usual, rows, &mut base, None);
            for ((rank, other), base) in ranks.iter_mut().zip(other).zip(base) {
                // The sigmoid rises, so the smaller dot product has the smaller lift.
                *rank = lift(rank.min(other), base);
            }
        });
        let reason = |id: TokenId| {
            let context = output.row(id.row());
            let base = dot(usual, context);
            let (first, second) = (lift(dot(first, context), base), lift(dot(second, context), base));
            Reason { id, score: first.min(second), first, second }
        };
        Ok(hits.iter().take_while(|hit| hit.score > 0.0).map(|hit| reason(hit.id)).collect())
    }

    /// The mean of the input rows, shape `[dim]`.
    fn usual(&self) -> &[f32] {
        self.ready.usual.get_or_init(|| {
            let input = self.embeddings.input();
            let mut sums = vec![0.0f64; input.dim()];
            for row in input.as_slice().chunks_exact(input.dim()) {
                for (sum, &value) in sums.iter_mut().zip(row) {
                    *sum += f64::from(value);
                }
            }
            sums.iter().map(|sum| (sum / input.rows() as f64) as f32).collect()
        })
    }
}

fn no_output() -> Error {
    Error::data(
        "this model has no output vectors of tokens, from which the reasons are read",
        "train it with --loss ns; files of other tools mostly hold the input vectors only",
    )
}

fn lift(score: f32, usual: f32) -> f32 {
    sigmoid(score) - sigmoid(usual)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embeddings::{Embeddings, Matrix, Which};
    use crate::index::Metric;
    use crate::vocab::Vocab;

    fn ask(input: Vec<f32>, output: Vec<f32>) -> Vec<Reason> {
        let n = input.len();
        let vocab = Vocab::from_counts((0..n).map(|i| (format!("t{i}"), 1))).unwrap();
        let embeddings = Embeddings::new(vocab, Matrix::new(n, 1, input), Some(Matrix::new(n, 1, output))).unwrap();
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        asker.why(TokenId(0), TokenId(1), Want::best(10)).unwrap()
    }

    #[test]
    fn a_context_that_every_token_predicts_is_no_reason() {
        // All inputs are alike: token 2 is predicted with certainty, but by all.
        assert!(ask(vec![3.0; 4], vec![0.0, 0.0, 9.0, 1.0]).is_empty());
    }

    #[test]
    fn a_context_that_only_one_of_the_two_predicts_is_no_reason() {
        // The mean is 0: the first token predicts 2, the second 3.
        assert!(ask(vec![2.0, -2.0, 0.0, 0.0], vec![0.0, 0.0, 5.0, -5.0]).is_empty());
    }

    #[test]
    fn reasons_come_strongest_first_and_without_the_two_themselves() {
        let reasons = ask(vec![1.0, 2.0, -1.0, -2.0], vec![9.0, 9.0, 1.0, 2.0]);
        assert_eq!(reasons.iter().map(|reason| reason.id.0).collect::<Vec<_>>(), [3, 2]);
        let expected = 1.0 / (1.0 + (-2.0f32).exp()) - 0.5;
        assert!((reasons[0].score - expected).abs() < 1e-6);
        assert_eq!(reasons[0].score, reasons[0].first);
    }
}
