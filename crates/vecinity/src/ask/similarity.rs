//! How near are two tokens?

use super::Asker;
use crate::id::TokenId;

impl Asker<'_> {
    /// The score of two tokens by this asker's metric; see [`crate::index::Metric`] for its range.
    ///
    /// For [`Which::InOut`](crate::embeddings::Which::InOut) the order matters: how strongly `a` predicts `b`.
    ///
    /// # Panics
    /// If a token is not of this model.
    #[must_use]
    pub fn similarity(&self, a: TokenId, b: TokenId) -> f32 {
        self.ready.metric.score(self.vector(a), self.answer_vector(b))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;
    use crate::embeddings::Which;
    use crate::index::Metric;

    #[test]
    fn similarity_by_hand() {
        let embeddings = model(&[("a", [3.0, 4.0]), ("b", [4.0, 3.0])]);
        let ask = |which, metric| Asker::new(&embeddings, which, metric).unwrap().similarity(TokenId(0), TokenId(1));
        assert!((ask(Which::Input, Metric::Cosine) - 0.96).abs() < 1e-6);
        assert_eq!(ask(Which::Input, Metric::Dot), 24.0);
        assert_eq!(ask(Which::Input, Metric::Euclidean), 2.0f32.sqrt());
        // The output row of b is (-3, 4), that of a (-4, 3).
        assert_eq!(ask(Which::InOut, Metric::Dot), 7.0);
        // The sums are (-1, 7) and (1, 7).
        assert_eq!(ask(Which::Sum, Metric::Dot), 48.0);
        assert_eq!(ask(Which::Concat, Metric::Dot), 48.0);
    }
}
