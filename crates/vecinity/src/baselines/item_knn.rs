//! Item-kNN: items of the same owners, by cosine.
//!
//! `sim(a, b) = c_ab / (sqrt(n_a n_b) + shrink)` with `c_ab` the owners that have both and `n` the owners
//! that have each (Sarwar et al. 2001); a history is scored by the sum of its similarities.

use super::{Memory, Sparse, rows_in_parallel, sequences_of_items};
use crate::eval::recommend::{Fold, Query, Scorer};
use std::sync::Arc;

/// Similarities, and how they are asked.
#[derive(Debug, Clone)]
pub struct ItemKnn {
    similar: Arc<Sparse>,
    items: usize,
    memory: Memory,
}

impl ItemKnn {
    /// Computes the similarities: `shrink` pulls those from few owners towards 0; of each item only the
    /// `neighbors` most alike are kept (0: all).
    #[must_use]
    pub fn fit(fold: &Fold, shrink: f32, neighbors: usize, memory: Memory, threads: usize) -> Self {
        let items = fold.counts.len();
        let (ends, owners) = sequences_of_items(&fold.train, items);
        let sequences: Vec<&[u32]> = fold.train.iter().collect();
        let similar = rows_in_parallel(items, items, threads, |row, dense, touched| {
            let start = if row == 0 { 0 } else { ends[row as usize - 1] };
            for &owner in &owners[start..ends[row as usize]] {
                for &item in sequences[owner as usize] {
                    if dense[item as usize] == 0.0 {
                        touched.push(item);
                    }
                    dense[item as usize] += 1.0;
                }
            }
            dense[row as usize] = 0.0;
            let own = fold.counts[row as usize] as f32;
            for &item in touched.iter() {
                let other = fold.counts[item as usize] as f32;
                dense[item as usize] /= (own * other).sqrt() + shrink;
            }
            if neighbors > 0 && touched.len() > neighbors {
                let by_value = |a: &u32, b: &u32| dense[*b as usize].total_cmp(&dense[*a as usize]).then(a.cmp(b));
                touched.select_nth_unstable_by(neighbors - 1, by_value);
                for item in touched.drain(neighbors..) {
                    dense[item as usize] = 0.0;
                }
            }
        });
        Self { similar: similar.into(), items, memory }
    }

    /// The similarities themselves.
    #[must_use]
    pub fn similar(&self) -> &Sparse {
        &self.similar
    }

    /// The same similarities asked with another memory.
    #[must_use]
    pub fn asked(&self, memory: Memory) -> Self {
        Self { memory, ..self.clone() }
    }
}

impl Scorer for ItemKnn {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        for (query, row) in queries.iter().zip(scores.chunks_exact_mut(self.items.max(1))) {
            row.fill(0.0);
            // Similarity is symmetric only before neighbours are cut: rows are those of the history.
            self.similar.add_rows(self.memory, &query.history, row);
        }
    }
}
