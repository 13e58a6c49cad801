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
        let similar = similarities(fold, 0.0, shrink, neighbors, threads);
        Self { similar: similar.into(), items: fold.counts.len(), memory }
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

/// From each item to those of the same owners: `(c_ab + goal g_ab) / (sqrt(n_a n_b) + shrink)`, where `g_ab` is how often
/// owners whose goal was `b` have `a`; with repeats both count events.
///
/// What people book is liked better than what they look at on the way there, so that a table for goals has `goal > 0`.
pub(super) fn similarities(fold: &Fold, goal: f32, shrink: f32, neighbors: usize, threads: usize) -> Sparse {
    let items = fold.counts.len();
    let (ends, owners) = sequences_of_items(&fold.train, items);
    let sequences: Vec<&[u32]> = fold.train.iter().collect();
    let goals = fold.train.outcomes().filter(|_| goal > 0.0);
    rows_in_parallel(items, items, threads, |row, dense, touched| {
        let start = if row == 0 { 0 } else { ends[row as usize - 1] };
        let mut add = |item: u32, value: f32| {
            if dense[item as usize] == 0.0 {
                touched.push(item);
            }
            dense[item as usize] += value;
        };
        for &owner in &owners[start..ends[row as usize]] {
            sequences[owner as usize].iter().for_each(|&item| add(item, 1.0));
            // A goal that nobody clicked is not in the catalogue.
            let end = goals.and_then(|goals| goals.goal(owner as usize));
            end.filter(|&end| fold.counts[end as usize] > 0).into_iter().for_each(|end| add(end, goal));
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
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Partner;
    use crate::histories::{Histories, Outcomes};

    #[test]
    fn owners_count_more_for_the_item_they_ended_in() {
        let lists = [("r", vec!["a", "b", "c"]), ("s", vec!["a", "b"]), ("t", vec!["b", "c"])];
        let histories = Histories::from_lists(&lists, true).unwrap();
        let row = |id: &str| histories.items().get(id).unwrap().0;
        let [a, b, c] = ["a", "b", "c"].map(row);
        let plain = Fold::everything(&histories);
        assert!(Partner::of_goals(&plain.train).is_empty());
        let mut outcomes = Outcomes::default();
        [Some(b), None, Some(b)].into_iter().for_each(|goal| outcomes.push(goal, &[]));
        let fold = Fold::everything(&histories.with_outcomes(outcomes));
        let partners = Partner::of_goals(&fold.train);
        assert!(partners.contains(&Partner::Goals { weight: 2.0 }));
        let table = Partner::Goals { weight: 2.0 }.fit(&fold, 2).unwrap();
        let value = |from: u32, to: u32| {
            let (columns, values) = table.row(from);
            columns.iter().position(|&column| column == to).map_or(0.0, |at| values[at])
        };
        // Together twice, once of them on the way to b; the other way round nobody ended.
        let cosine = |together: f32, from: f32, to: f32| together / (from * to).sqrt();
        assert_eq!((value(a, b), value(b, a)), (cosine(4.0, 2.0, 3.0), cosine(2.0, 3.0, 2.0)));
        assert_eq!((value(c, b), value(a, c)), (cosine(6.0, 2.0, 3.0), cosine(1.0, 2.0, 2.0)));
        assert_eq!(similarities(&plain, 2.0, 0.0, 0, 1), *ItemKnn::fit(&fold, 0.0, 0, Memory::ALL, 1).similar());
    }
}
