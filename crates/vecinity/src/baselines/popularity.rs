//! Popularity: the same list for everybody.

use crate::eval::recommend::{Query, Scorer};

/// Scores every item by its number of training events.
#[derive(Debug, Clone)]
pub struct Popularity {
    counts: Vec<f32>,
}

impl Popularity {
    /// From the training counts of all items.
    #[must_use]
    pub fn new(counts: &[u64]) -> Self {
        Self { counts: counts.iter().map(|&count| count as f32).collect() }
    }
}

impl Scorer for Popularity {
    fn score(&self, _: &[Query], scores: &mut [f32]) {
        for row in scores.chunks_exact_mut(self.counts.len().max(1)) {
            row.copy_from_slice(&self.counts);
        }
    }
}
