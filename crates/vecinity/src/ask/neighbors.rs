//! Which tokens are near a token or a vector?

use super::{Asker, Want};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::Hit;

impl Asker<'_> {
    /// The tokens nearest to a token, the nearest first.
    ///
    /// With [`Which::InOut`](crate::embeddings::Which::InOut) these are the tokens that `id` predicts most strongly.
    ///
    /// # Panics
    /// If `id` is not of this model.
    #[must_use]
    pub fn neighbors(&self, id: TokenId, want: Want<'_>) -> Vec<Hit> {
        let keep = |other| want.allows(other, &[id]);
        self.nearest(self.vector(id), want.limit, &keep)
    }

    /// The tokens nearest to a vector, shape `[d]` as [`Asker::vector`] gives it, the nearest first.
    ///
    /// # Errors
    /// [`Error::Setting`] if the vector does not have `d` values or one of them is not finite.
    ///
    /// # Example
    /// ```
    /// # use vecinity::{ask::{Asker, Want}, embeddings::Which, index::Metric, Embeddings, Matrix, Vocab};
    /// let vocab = Vocab::from_counts([("cat", 9), ("car", 5)])?;
    /// let embeddings = Embeddings::new(vocab, Matrix::new(2, 2, vec![3.0, 4.0, 0.0, 1.0]), None)?;
    /// let asker = Asker::new(&embeddings, Which::Input, Metric::Euclidean)?;
    /// let hits = asker.neighbors_of_vector(&[0.0, 0.0], Want::best(1))?;
    /// assert_eq!(asker.answers(&hits)[0].id, "car"); // at distance 1, "cat" at 5
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn neighbors_of_vector(&self, vector: &[f32], want: Want<'_>) -> Result<Vec<Hit>> {
        let dim = self.ready.questions.dim();
        if vector.len() != dim {
            return Err(Error::setting("vector", format!("{} values long", vector.len()), format!("{dim} values")));
        }
        if let Some(value) = vector.iter().find(|value| !value.is_finite()) {
            return Err(Error::setting("vector", value, "finite values"));
        }
        Ok(self.nearest(vector, want.limit, &|id| want.allows(id, &[])))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{model, names};
    use super::*;
    use crate::embeddings::Which;
    use crate::index::Metric;

    fn animals() -> crate::Embeddings {
        model(&[("cat", [1.0, 0.0]), ("dog", [2.0, 1.0]), ("ant", [0.0, 9.0]), ("bat", [3.0, 0.0])])
    }

    #[test]
    fn each_metric_has_its_own_neighbours() {
        let embeddings = animals();
        for (metric, expected, best) in [
            (Metric::Cosine, ["bat", "dog", "ant"], 1.0),
            (Metric::Dot, ["bat", "dog", "ant"], 3.0),
            (Metric::Euclidean, ["dog", "bat", "ant"], 2.0f32.sqrt()),
        ] {
            let asker = Asker::new(&embeddings, Which::Input, metric).unwrap();
            let hits = asker.neighbors(TokenId(0), Want::best(9));
            assert_eq!(names(&embeddings, &hits), expected, "{}", metric.name());
            assert_eq!(hits[0].score, best, "{}", metric.name());
        }
    }

    #[test]
    fn the_token_asked_comes_first_if_it_is_allowed_to_answer() {
        let embeddings = animals();
        let asker = Asker::new(&embeddings, Which::Input, Metric::Euclidean).unwrap();
        let hits = asker.neighbors(TokenId(1), Want::best(1).including_asked());
        assert_eq!((hits[0].id, hits[0].score), (TokenId(1), 0.0));
    }

    #[test]
    fn in_out_asks_the_input_row_and_answers_from_the_output_rows() {
        let embeddings = animals();
        let asker = Asker::new(&embeddings, Which::InOut, Metric::Dot).unwrap();
        // Outputs are inputs turned by 90°: cat (0, 1), dog (-1, 2), ant (-9, 0), bat (0, 3).
        let hits = asker.neighbors(TokenId(2), Want::best(2));
        assert_eq!(names(&embeddings, &hits), ["bat", "dog"]);
        assert_eq!(hits[0].score, 27.0); // (0, 9) . (0, 3)
    }

    #[test]
    fn a_filter_is_obeyed() {
        let embeddings = animals();
        let asker = Asker::new(&embeddings, Which::Concat, Metric::Cosine).unwrap();
        let hits = asker.neighbors(TokenId(0), Want::best(9).only(&|id| id.0 % 2 == 0));
        assert_eq!(names(&embeddings, &hits), ["ant"]);
    }

    #[test]
    fn a_vector_of_the_wrong_length_or_with_nan_is_refused() {
        let embeddings = animals();
        let asker = Asker::new(&embeddings, Which::Sum, Metric::Cosine).unwrap();
        let error = asker.neighbors_of_vector(&[1.0], Want::best(1)).unwrap_err();
        assert_eq!(error.to_string(), "vector is 1 values long, expected 2 values");
        let error = asker.neighbors_of_vector(&[1.0, f32::NAN], Want::best(1)).unwrap_err();
        assert_eq!(error.to_string(), "vector is NaN, expected finite values");
    }
}
