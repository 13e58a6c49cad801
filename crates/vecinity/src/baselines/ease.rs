//! EASE: the linear autoencoder with a closed form (Steck 2019, "Embarrassingly Shallow Autoencoders").
//!
//! With the Gram matrix `G = X^T X` of owners times items and `P = (G + lambda I)^-1`, the weights are
//! `B = I - P diag(P)^-1`: off the diagonal `-P_hj / P_jj`, on it 0. A history is scored by the sum of its
//! rows. Time and memory grow with the cube and the square of the catalogue.

use super::inverse::invert;
use super::{Catalogue, Memory, Sparse, rows_in_parallel, sequences_of_items};
use crate::error::{Error, Result};
use crate::eval::recommend::{Fold, Query, Scorer};
use crate::stop::Stop;
use std::sync::Arc;

/// Weights between all items, and how they are asked.
#[derive(Debug, Clone)]
pub struct Ease {
    /// Shape `[catalogue, catalogue]`: row of the item that is known, column of the item that is scored.
    weights: Arc<Vec<f32>>,
    catalogue: Arc<Catalogue>,
    memory: Memory,
}

impl Ease {
    /// The largest catalogue: its matrix takes 1.6 GB.
    pub const LIMIT: usize = 20_000;

    /// Solves for the weights with the regularisation `lambda > 0` (the higher, the simpler).
    ///
    /// # Errors
    /// [`Error::Data`] for a catalogue above [`LIMIT`](Self::LIMIT), [`Error::Setting`] if the matrix cannot
    /// be inverted, which means that `lambda` is too small for its numbers.
    pub fn fit(fold: &Fold, lambda: f32, memory: Memory, threads: usize) -> Result<Self> {
        let catalogue = Catalogue::of(&fold.counts);
        let n = catalogue.items.len();
        if n > Self::LIMIT {
            return Err(Error::data(
                format!("EASE would need a matrix of {n} x {n}"),
                format!("it is for catalogues of up to {}; leave it out of the baselines", Self::LIMIT),
            ));
        }
        let mut weights = gram(fold, &catalogue, threads);
        for item in 0..n {
            weights[item * n + item] += lambda;
        }
        invert(&mut weights, n, threads).ok_or_else(|| Error::setting("lambda", lambda, "a larger regularisation"))?;
        let diagonal: Vec<f32> = (0..n).map(|item| weights[item * n + item]).collect();
        for (h, row) in weights.chunks_exact_mut(n.max(1)).enumerate() {
            for (weight, diagonal) in row.iter_mut().zip(&diagonal) {
                *weight /= -diagonal;
            }
            row[h] = 0.0;
        }
        Ok(Self { weights: weights.into(), catalogue: catalogue.into(), memory })
    }

    /// The `most` weights of each item that are largest by magnitude, by items.
    #[must_use]
    pub fn table(&self, most: usize, threads: usize) -> Sparse {
        let n = self.catalogue.items.len();
        let items = self.catalogue.place.len();
        rows_in_parallel(items, items, threads, |item, dense, touched| {
            let Some(place) = self.catalogue.place(item) else { return };
            let row = &self.weights[place * n..][..n];
            let mut order: Vec<u32> = (0..n as u32).collect();
            if n > most {
                let magnitude = |at: &u32| row[*at as usize].abs();
                order.select_nth_unstable_by(most, |a, b| magnitude(b).total_cmp(&magnitude(a)).then(a.cmp(b)));
                order.truncate(most);
            }
            for at in order {
                let other = self.catalogue.items[at as usize];
                dense[other as usize] = row[at as usize];
                touched.push(other);
            }
        })
    }

    /// The same weights asked with another memory.
    #[must_use]
    pub fn asked(&self, memory: Memory) -> Self {
        Self { memory, ..self.clone() }
    }
}

/// How many sequences hold both of two items, shape `[catalogue, catalogue]`.
fn gram(fold: &Fold, catalogue: &Catalogue, threads: usize) -> Vec<f32> {
    let n = catalogue.items.len();
    let (ends, rows) = sequences_of_items(&fold.train, fold.counts.len());
    let sequences: Vec<&[u32]> = fold.train.iter().collect();
    let mut gram = vec![0.0f32; n * n];
    let waiting = std::sync::Mutex::new(gram.chunks_exact_mut(n.max(1)).zip(&catalogue.items));
    let stop = Stop::current();
    let work = || {
        loop {
            let next = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some((sums, &item)) = next.filter(|_| !stop.requested()) else { break };
            let start = if item == 0 { 0 } else { ends[item as usize - 1] };
            for &row in &rows[start..ends[item as usize]] {
                for &other in sequences[row as usize] {
                    sums[catalogue.place[other as usize] as usize] += 1.0;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    gram
}

impl Scorer for Ease {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let n = self.catalogue.items.len();
        let mut sums = vec![0.0f32; n];
        for (query, row) in queries.iter().zip(scores.chunks_exact_mut(self.catalogue.place.len().max(1))) {
            sums.fill(0.0);
            for (item, weight) in self.memory.of(&query.history) {
                if let Some(place) = self.catalogue.place(item) {
                    vecinity_kernel::vector::axpy(weight, &self.weights[place * n..][..n], &mut sums);
                }
            }
            self.catalogue.spread(&sums, row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::recommend::Sequences;

    #[test]
    fn weights_are_those_worked_out_by_hand() {
        // Owners {a b}, {a b}, {a}: G = [3 2; 2 2], with lambda 1: [4 2; 2 3], P = [3 -2; -2 4] / 8.
        let mut train = Sequences::default();
        for row in [&[0u32, 2][..], &[0, 2], &[0]] {
            train.push(row);
        }
        let fold = Fold { train, queries: Vec::new(), counts: vec![3, 0, 2] };
        let ease = Ease::fit(&fold, 1.0, Memory::ALL, 2).unwrap();
        let mut scores = vec![9.0; 6];
        let asked = |item| Query { owner: 0, history: vec![item], targets: vec![], event: 0 };
        ease.score(&[asked(0), asked(2)], &mut scores);
        let expected = [0.0, f32::NEG_INFINITY, 0.5, 2.0 / 3.0, f32::NEG_INFINITY, 0.0];
        for (score, expected) in scores.iter().zip(expected) {
            assert!(score == &expected || (score - expected).abs() < 1e-6, "{scores:?}");
        }
    }
}
