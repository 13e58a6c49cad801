//! Which token does not belong with the others?

use super::Asker;
use super::arithmetic::unit;
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::Hit;
use vecinity_kernel::vector::{axpy, dot};

impl Asker<'_> {
    /// The tokens by their mean cosine to the others, the lowest (the odd one out) first, equal ones in
    /// the order given. Scores are in `[-1, 1]`.
    ///
    /// The order is that of gensim's `doesnt_match`, which compares each unit vector with the mean of
    /// all: for unit vectors the two differ by the same constant for each token. The metric of
    /// this asker plays no part.
    ///
    /// # Errors
    /// [`Error::Setting`] for fewer than three tokens: of two, neither is the odd one.
    ///
    /// # Panics
    /// If a token is not of this model.
    ///
    /// # Example
    /// ```
    /// # use vecinity::{ask::Asker, embeddings::Which, index::Metric, Embeddings, Matrix, TokenId, Vocab};
    /// let vocab = Vocab::from_counts([("cat", 9), ("dog", 7), ("car", 5)])?;
    /// let input = Matrix::new(3, 2, vec![3.0, 4.0, /**/ 4.0, 3.0, /**/ -4.0, 3.0]);
    /// let embeddings = Embeddings::new(vocab, input, None)?;
    /// let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
    /// let order = asker.outlier(&[TokenId(0), TokenId(1), TokenId(2)])?;
    /// assert_eq!(asker.answers(&order)[0].id, "car");
    /// assert!((order[0].score - -0.14).abs() < 1e-6); // (0 + -0.28) / 2
    /// assert!((order[2].score - 0.48).abs() < 1e-6); // cat: (0.96 + 0) / 2
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn outlier(&self, tokens: &[TokenId]) -> Result<Vec<Hit>> {
        if tokens.len() < 3 {
            let found = format!("{} long", tokens.len());
            return Err(Error::setting("the list of tokens", found, "at least 3 tokens"));
        }
        let answers: Vec<Vec<f32>> = tokens.iter().map(|&id| unit(self.answer_vector(id))).collect();
        let mut all = vec![0.0; self.ready.answers.dim()];
        for answer in &answers {
            axpy(1.0, answer, &mut all);
        }
        let others = (tokens.len() - 1) as f32;
        let mean = |(&id, answer): (&TokenId, &Vec<f32>)| {
            let question = unit(self.vector(id));
            Hit { id, score: (dot(&question, &all) - dot(&question, answer)) / others }
        };
        let mut order: Vec<Hit> = tokens.iter().zip(&answers).map(mean).collect();
        order.sort_by(|a, b| a.score.total_cmp(&b.score));
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;
    use crate::embeddings::Which;
    use crate::index::Metric;

    #[test]
    fn of_two_tokens_neither_is_the_odd_one() {
        let embeddings = model(&[("a", [1.0, 0.0]), ("b", [0.0, 1.0])]);
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        let error = asker.outlier(&[TokenId(0), TokenId(1)]).unwrap_err();
        assert_eq!(error.to_string(), "the list of tokens is 2 long, expected at least 3 tokens");
    }
}
