//! Sums and differences of vectors: analogies and any other expression.

use super::{Asker, Term, Want};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::{Hit, Metric, best_rows, inverse_norm, threads_for};
use vecinity_kernel::vector::{axpy, dot, scan};

/// How the terms of an expression are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum Method {
    /// The answer `x` has the largest `cos(x, Σ w·t/|t|)` for terms `t` with weights `w` (Mikolov et al.
    /// 2013, arXiv:1301.3781; named by Levy and Goldberg 2014). Scores are cosines, in `[-1, 1]`.
    #[default]
    #[serde(rename = "3cosadd")]
    CosAdd,
    /// The answer `x` has the largest `Π cos'(x,p)^w / (Π cos'(x,n)^|w| + 0.001)` for terms `p` with
    /// positive and `n` with negative weights, `cos' = (cos + 1) / 2` (Levy and Goldberg 2014, eq. 5). No term
    /// can outweigh the others as in a sum. Scores are in `[0, 1000]`, about 1 for good answers.
    #[serde(rename = "3cosmul")]
    CosMul,
}

impl Method {
    /// Both methods, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 2] = [("3cosadd", Self::CosAdd), ("3cosmul", Self::CosMul)];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CosAdd => "3cosadd",
            Self::CosMul => "3cosmul",
        }
    }
}

/// Keeps the denominator of 3CosMul from zero (Levy and Goldberg 2014).
pub(crate) const EPSILON: f32 = 0.001;

impl Asker<'_> {
    /// What `a` is to `b`, `c` is to the answer: the expression `b - a + c`.
    ///
    /// # Errors
    /// As [`Asker::combine`].
    ///
    /// # Panics
    /// If a token is not of this model.
    pub fn analogy(&self, a: TokenId, b: TokenId, c: TokenId, method: Method, want: Want<'_>) -> Result<Vec<Hit>> {
        let term = |weight, token| Term { weight, token };
        self.combine(&[term(1.0, b), term(-1.0, a), term(1.0, c)], method, want)
    }

    /// The tokens nearest to a weighted sum of vectors, the nearest first; the terms' own tokens are left
    /// out unless wanted.
    ///
    /// * By cosine, every vector is scaled to length 1 first, as all word2vec tools do. By dot product and by
    ///   Euclidean distance the vectors are added as they are.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no term or the sum is zero; [`Error::Setting`] for 3CosMul with another
    /// metric than cosine.
    ///
    /// # Panics
    /// If a token is not of this model.
    ///
    /// # Example
    /// ```
    /// # use vecinity::{ask::{Asker, Method, Want}, embeddings::Which, index::Metric, Embeddings, Matrix, Vocab};
    /// // First number: how royal. Second: how female.
    /// let vocab = Vocab::from_counts([("man", 4), ("woman", 4), ("king", 2), ("queen", 2), ("child", 1)])?;
    /// let input = Matrix::new(5, 2, vec![0.1, 0.1, /**/ 0.1, 1.0, /**/ 1.0, 0.1, /**/ 1.0, 1.1, /**/ -0.1, 0.3]);
    /// let embeddings = Embeddings::new(vocab, input, None)?;
    /// let asker = Asker::new(&embeddings, Which::Input, Metric::Euclidean)?;
    /// let id = |token| embeddings.vocab().require(token);
    /// let hits = asker.analogy(id("man")?, id("woman")?, id("king")?, Method::CosAdd, Want::best(1))?;
    /// assert_eq!(asker.answers(&hits)[0].id, "queen"); // woman - man + king = (1.0, 1.0)
    /// assert!((hits[0].score - 0.1).abs() < 1e-6);
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn combine(&self, terms: &[Term<TokenId>], method: Method, want: Want<'_>) -> Result<Vec<Hit>> {
        if terms.is_empty() {
            return Err(Error::data("the expression has no terms", "name at least one token"));
        }
        let asked: Vec<TokenId> = terms.iter().map(|term| term.token).collect();
        let keep = |id| want.allows(id, &asked);
        match method {
            Method::CosAdd => {
                let sum = self.sum(terms)?;
                Ok(self.nearest(&sum, want.limit, &keep))
            }
            Method::CosMul if self.ready.metric != Metric::Cosine => {
                Err(Error::setting("metric", self.ready.metric.name(), "cosine with --method 3cosmul"))
            }
            Method::CosMul => Ok(self.multiply(terms, want.limit, &keep)),
        }
    }

    /// The weighted sum of the terms' vectors, shape `[d]`: of unit vectors by cosine, else as they are.
    ///
    /// # Errors
    /// [`Error::Data`] if the terms cancel out.
    ///
    /// # Panics
    /// If a token is not of this model.
    pub fn sum(&self, terms: &[Term<TokenId>]) -> Result<Vec<f32>> {
        let mut sum = vec![0.0; self.ready.questions.dim()];
        let mut length = 0.0f32;
        for &Term { weight, token } in terms {
            let vector = self.vector(token);
            let square = dot(vector, vector);
            let (scale, scaled) =
                if self.ready.metric == Metric::Cosine { (inverse_norm(square), 1.0) } else { (1.0, square.sqrt()) };
            axpy(weight * scale, vector, &mut sum);
            length += weight.abs() * scaled;
        }
        // What is left of a + b - a - b is rounding, and its neighbours would be noise.
        if self.ready.metric != Metric::Euclidean && dot(&sum, &sum).sqrt() <= 1e-5 * length {
            return Err(Error::data(
                "the terms of the expression cancel out: their sum is zero",
                "every token is as near to it as any other; take a term away",
            ));
        }
        Ok(sum)
    }

    /// 3CosMul.
    fn multiply(&self, terms: &[Term<TokenId>], limit: usize, keep: &(dyn Fn(TokenId) -> bool + Sync)) -> Vec<Hit> {
        let (dim, rows) = (self.ready.answers.dim(), self.ready.answers.as_slice());
        let scales = self.scales();
        let terms: Vec<(f32, Vec<f32>)> =
            terms.iter().map(|term| (term.weight, unit(self.vector(term.token)))).collect();
        let threads = self.threads.unwrap_or_else(|| threads_for(size_of_val(rows)));
        best_rows(self.ready.answers.rows(), limit, threads, keep, &|range, ranks| {
            let mut cosines = vec![0.0; ranks.len()];
            let mut below = vec![1.0; ranks.len()];
            ranks.fill(1.0);
            for (weight, vector) in &terms {
                scan(vector, &rows[range.start * dim..range.end * dim], &mut cosines, None);
                let factors = if *weight > 0.0 { &mut *ranks } else { &mut below };
                for ((factor, cosine), scale) in factors.iter_mut().zip(&cosines).zip(&scales[range.clone()]) {
                    let shifted = shift((cosine * scale).clamp(-1.0, 1.0));
                    #[expect(clippy::float_cmp, reason = "the usual weights are exactly 1 and -1")]
                    let power = if weight.abs() == 1.0 { shifted } else { shifted.powf(weight.abs()) };
                    *factor *= power;
                }
            }
            if terms.iter().any(|(weight, _)| *weight < 0.0) {
                for (rank, below) in ranks.iter_mut().zip(below) {
                    *rank /= below + EPSILON;
                }
            }
        })
    }
}

/// `cos' = (cos + 1) / 2`, in `[0, 1]`.
pub(crate) fn shift(cosine: f32) -> f32 {
    (cosine + 1.0) / 2.0
}

/// A vector at length 1; a zero vector stays one.
pub(crate) fn unit(vector: &[f32]) -> Vec<f32> {
    let scale = inverse_norm(dot(vector, vector));
    vector.iter().map(|value| value * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{model, names};
    use super::*;
    use crate::embeddings::{Embeddings, Which};

    fn people() -> Embeddings {
        model(&[("man", [0.1, 0.1]), ("woman", [0.1, 1.0]), ("king", [1.0, 0.1]), ("queen", [1.0, 1.1])])
    }

    fn term(weight: f32, row: u32) -> Term<TokenId> {
        Term { weight, token: TokenId(row) }
    }

    #[test]
    fn a_cosine_sum_is_of_unit_vectors() {
        let embeddings = model(&[("a", [5.0, 0.0]), ("b", [0.0, 0.1]), ("c", [3.0, 3.0]), ("d", [5.0, 0.1])]);
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        let hits = asker.combine(&[term(1.0, 0), term(1.0, 1)], Method::CosAdd, Want::best(2)).unwrap();
        assert_eq!(names(&embeddings, &hits), ["c", "d"]);
        assert!((hits[0].score - 1.0).abs() < 1e-6);
        // As they are, the vectors sum to d.
        let asker = Asker::new(&embeddings, Which::Input, Metric::Euclidean).unwrap();
        let hits = asker.combine(&[term(1.0, 0), term(1.0, 1)], Method::CosAdd, Want::best(1)).unwrap();
        assert_eq!((names(&embeddings, &hits), hits[0].score), (vec!["d"], 0.0));
    }

    #[test]
    fn three_cos_mul_by_hand() {
        // Right angles: cos' is 1 with itself, 0.5 with the other axis, (0.6 + 1) / 2 and (0.8 + 1) / 2 with x.
        let embeddings = model(&[("a", [1.0, 0.0]), ("b", [0.0, 2.0]), ("x", [3.0, 4.0]), ("y", [-1.0, 0.0])]);
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        let hits = asker.combine(&[term(1.0, 1), term(-1.0, 0)], Method::CosMul, Want::best(2)).unwrap();
        assert_eq!(names(&embeddings, &hits), ["y", "x"]);
        assert!((hits[0].score - 0.5 / 0.001).abs() < 1e-2, "{}", hits[0].score);
        assert!((hits[1].score - 0.9 / 0.801).abs() < 1e-6, "{}", hits[1].score);
        // A weight is a power.
        let hits = asker.combine(&[term(2.0, 1), term(0.5, 0)], Method::CosMul, Want::best(1)).unwrap();
        assert_eq!(names(&embeddings, &hits), ["x"]);
        assert!((hits[0].score - 0.9f32.powi(2) * 0.8f32.sqrt()).abs() < 1e-6, "{}", hits[0].score);
    }

    #[test]
    fn both_methods_find_the_queen() {
        let embeddings = people();
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        for (name, method) in Method::ALL {
            let hits = asker.analogy(TokenId(0), TokenId(1), TokenId(2), method, Want::best(1)).unwrap();
            assert_eq!(names(&embeddings, &hits), ["queen"], "{name}");
            assert_eq!(serde_json::to_value(method).unwrap(), name);
        }
    }

    #[test]
    fn terms_that_cancel_out_are_refused() {
        let embeddings = people();
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        let terms = [term(1.0, 1), term(1.0, 2), term(-1.0, 1), term(-1.0, 2)];
        let error = asker.combine(&terms, Method::CosAdd, Want::best(1)).unwrap_err();
        assert_eq!(error.to_string(), "the terms of the expression cancel out: their sum is zero");
        assert!(asker.combine(&[], Method::CosAdd, Want::best(1)).is_err());
    }

    #[test]
    fn three_cos_mul_is_for_the_cosine_only() {
        let embeddings = people();
        let asker = Asker::new(&embeddings, Which::Input, Metric::Dot).unwrap();
        let error = asker.combine(&[term(1.0, 0)], Method::CosMul, Want::best(1)).unwrap_err();
        assert_eq!(error.to_string(), "metric is dot, expected cosine with --method 3cosmul");
    }
}
