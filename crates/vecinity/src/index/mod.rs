//! Finding the best rows of a matrix for a query: exactly here, approximately one day.
//!
//! Knows row numbers and `&[f32]` only. Three metrics, one rule for ties: the better score first,
//! among equal scores the lower row, so that the same question has the same answer on any number
//! of threads.
//!
//! May import: `id`, `error`.  Used by: `ask`, `cluster`, `diff`, `eval`, `recommend`, `report`.

mod batch;
mod exact;
mod select;

pub use exact::Exact;
pub(crate) use select::{BLOCK, Best};
pub use select::{best_rows, threads_for};

use crate::id::TokenId;

/// How two vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// The cosine of the angle, in `[-1, 1]`, larger is nearer. With a zero vector it is 0.
    #[default]
    Cosine,
    /// The dot product, any number, larger is nearer. For an input row and an output row it is the
    /// log-odds that the model was trained on.
    Dot,
    /// The Euclidean distance, in `[0, ∞)`, **smaller** is nearer. Not squared.
    Euclidean,
}

impl Metric {
    /// All metrics, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] =
        [("cosine", Self::Cosine), ("dot", Self::Dot), ("euclidean", Self::Euclidean)];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::Euclidean => "euclidean",
        }
    }

    /// Whether a larger score is nearer: true but for distances.
    #[must_use]
    pub fn larger_is_nearer(self) -> bool {
        self != Self::Euclidean
    }

    /// The score of two vectors of the same length; see [`Metric`] for its range.
    ///
    /// # Panics
    /// If the lengths differ.
    ///
    /// # Example
    /// ```
    /// use vecinity::index::Metric;
    /// assert_eq!(Metric::Cosine.score(&[2.0, 0.0], &[3.0, 0.0]), 1.0);
    /// assert_eq!(Metric::Dot.score(&[2.0, 0.0], &[3.0, 4.0]), 6.0);
    /// assert_eq!(Metric::Euclidean.score(&[0.0, 0.0], &[3.0, 4.0]), 5.0);
    /// ```
    #[must_use]
    pub fn score(self, a: &[f32], b: &[f32]) -> f32 {
        use vecinity_kernel::vector::dot;
        match self {
            Self::Cosine => {
                let lengths = inverse_norm(dot(a, a)) * inverse_norm(dot(b, b));
                (dot(a, b) * lengths).clamp(-1.0, 1.0)
            }
            Self::Dot => dot(a, b),
            Self::Euclidean => squared_distance(a, b).sqrt(),
        }
    }
}

/// One found row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The row.
    pub id: TokenId,
    /// Its score; the metric says what it means and whether larger is nearer.
    pub score: f32,
}

/// The squared Euclidean distance, from the differences: `|a|² - 2ab + |b|²` would lose what is near.
///
/// # Panics
/// If the lengths differ.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "a distance needs equal lengths");
    // Eight sums, which the compiler keeps in registers.
    let mut sums = [0.0f32; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (x - y) * (x - y);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| (x - y) * (x - y)).sum();
    sums.iter().sum::<f32>() + rest
}

/// `1 / norm` from the squared norm; 0 for a zero vector, so that its cosine is 0 with anything.
pub(crate) fn inverse_norm(square: f32) -> f32 {
    // The division first: without a branch around it the compiler does four at once.
    let inverse = square.sqrt().recip();
    if square > 0.0 { inverse } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_vector_is_at_right_angles_to_everything() {
        assert_eq!(Metric::Cosine.score(&[0.0, 0.0], &[1.0, 2.0]), 0.0);
        assert_eq!(Metric::Cosine.score(&[0.0], &[0.0]), 0.0);
    }

    #[test]
    fn a_vector_is_at_distance_zero_from_itself_however_long() {
        let long: Vec<f32> = (0..100).map(|i| 1e4 + i as f32 * 0.1).collect();
        assert_eq!(Metric::Euclidean.score(&long, &long), 0.0);
    }

    #[test]
    fn names_and_metrics_go_both_ways() {
        for (name, metric) in Metric::ALL {
            assert_eq!(metric.name(), name);
            assert_eq!(serde_json::to_value(metric).unwrap(), name);
        }
    }
}
