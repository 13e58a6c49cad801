//! Finding the best rows of a matrix for a query: exactly ([`Exact`]), or by an index, nearly exactly and much sooner.
//!
//! * [`Segment`]: an immutable file of vectors, codes of one byte a value and of four bits a pair of values, and a graph of
//!   near rows.
//! * [`Index`]: a folder with a segment and what changed since: added, replaced and deleted vectors are seen at once.
//! * [`tune`] finds the effort that reaches a recall, [`measure`] what a segment does with it.
//!
//! Knows numbers and `&[f32]` only. Three metrics, one rule for ties: the better score first,
//! among equal scores the lower row, so that the same question has the same answer on any number
//! of threads.
//!
//! May import: `id`, `error`, `rng`, `checksum`, `publish`.  Used by: `ask`, `cluster`, `diff`, `eval`, `recommend`, `report`.

mod batch;
mod build;
mod coarse;
mod exact;
mod graph;
mod head;
mod layout;
mod live;
mod log;
mod manifest;
mod pass;
mod pool;
mod repair;
mod search;
mod segment;
mod select;
#[cfg(test)]
mod tests;
mod tuned;

pub use build::Settings;
pub use exact::Exact;
pub use live::{Change, Filter, Index};
pub use manifest::Tuned;
pub use pass::Rows;
pub use search::{Effort, Neighbor, Scratch, batch_threads};
pub use segment::Segment;
pub(crate) use select::{BLOCK, Best};
pub use select::{best_rows, threads_for};
pub use tuned::{Filtered, Measured, Queries, measure, measure_filters, sample, tune};

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
        use vecinity_kernel::vector::{self, dot};
        match self {
            Self::Cosine => {
                let lengths = inverse_norm(dot(a, a)) * inverse_norm(dot(b, b));
                (dot(a, b) * lengths).clamp(-1.0, 1.0)
            }
            Self::Dot => dot(a, b),
            Self::Euclidean => vector::squared_distance(a, b).sqrt(),
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

/// `1 / norm` from the squared norm; 0 for a zero vector, so that its cosine is 0 with anything.
pub(crate) fn inverse_norm(square: f32) -> f32 {
    // The division first: without a branch around it the compiler does four at once.
    let inverse = square.sqrt().recip();
    if square > 0.0 { inverse } else { 0.0 }
}
