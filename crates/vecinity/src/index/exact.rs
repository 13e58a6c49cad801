//! Exact search: every row is looked at. The oracle of any approximate index.

use super::select::{BLOCK, Best, best_rows, threads_for};
use super::{Hit, Metric, inverse_norm};
use crate::id::TokenId;
use std::ops::Range;
use vecinity_kernel::vector;

/// Rows to be searched by one metric.
///
/// # Example
/// ```
/// use vecinity::{TokenId, index::{Exact, Metric}};
/// let rows = [1.0, 0.0, /**/ 0.0, 2.0, /**/ 3.0, 4.0];
/// let search = Exact::new(&rows, 2, Metric::Cosine);
/// let hits = search.nearest(&[1.0, 0.0], 2, &[TokenId(0)]);
/// assert_eq!(hits[0].id, TokenId(2));
/// assert_eq!(hits[0].score, 0.6);         // 3 / 5
/// assert_eq!(hits[1].score, 0.0);         // right angles
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Exact<'a> {
    pub(super) rows: &'a [f32],
    pub(super) dim: usize,
    pub(super) metric: Metric,
    pub(super) scales: Option<&'a [f32]>,
    pub(super) threads: Option<usize>,
}

impl<'a> Exact<'a> {
    /// A search over `rows`, shape `[n, dim]`, row-major, all values finite.
    ///
    /// # Panics
    /// If `dim` is 0 or does not divide `rows.len()`.
    #[must_use]
    pub fn new(rows: &'a [f32], dim: usize, metric: Metric) -> Self {
        assert!(dim > 0 && rows.len().is_multiple_of(dim), "rows must have the shape [n, dim]");
        Self { rows, dim, metric, scales: None, threads: None }
    }

    /// Gives `1 / norm` of every row, shape `[n]`, as [`inverse_norms`](Self::inverse_norms) computes them.
    /// Without them a question by cosine computes them while it reads the rows, which takes up to
    /// half as much again.
    ///
    /// # Panics
    /// If there is not one for each row.
    #[must_use]
    pub fn with_inverse_norms(mut self, scales: &'a [f32]) -> Self {
        assert_eq!(scales.len(), self.len(), "one inverse norm for each row");
        self.scales = Some(scales);
        self
    }

    /// Sets the number of threads; otherwise one for every 4 MiB of rows, at most the machine's. A server that
    /// answers many questions at once wants 1.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() / self.dim
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `1 / norm` of every row, shape `[n]`; 0 for a row of zeros, so that its cosine is 0 with anything.
    #[must_use]
    pub fn inverse_norms(&self) -> Vec<f32> {
        self.rows.chunks_exact(self.dim).map(|row| inverse_norm(vector::dot(row, row))).collect()
    }

    /// The `limit` rows nearest to `query` (shape `[dim]`) without those in `exclude`: the nearest first,
    /// equal scores by row. Fewer if there are not as many. [`Metric`] says what the scores mean.
    ///
    /// # Panics
    /// If `query` does not have `dim` values.
    #[must_use]
    pub fn nearest(&self, query: &[f32], limit: usize, exclude: &[TokenId]) -> Vec<Hit> {
        let mut exclude = exclude.to_vec();
        exclude.sort_unstable();
        self.nearest_where(query, limit, &|id| exclude.binary_search(&id).is_err())
    }

    /// As [`nearest`](Self::nearest), among the rows for which `keep` says yes. It is asked only of rows
    /// that would be among the best so far.
    ///
    /// # Panics
    /// If `query` does not have `dim` values.
    #[must_use]
    pub fn nearest_where(&self, query: &[f32], limit: usize, keep: &(dyn Fn(TokenId) -> bool + Sync)) -> Vec<Hit> {
        assert_eq!(query.len(), self.dim, "the query must have the shape [dim]");
        let threads = self.threads.unwrap_or_else(|| threads_for(size_of_val(self.rows)));
        let length = inverse_norm(vector::dot(query, query));
        let mut hits =
            best_rows(self.len(), limit, threads, keep, &|range, ranks| self.rank(query, length, range, ranks));
        self.ranks_to_scores(&mut hits);
        hits
    }

    /// As [`nearest`](Self::nearest), among some rows, which are given in rising order.
    ///
    /// # Panics
    /// If `query` does not have `dim` values, or there is no such row.
    #[must_use]
    pub fn nearest_of(&self, query: &[f32], limit: usize, rows: &[TokenId]) -> Vec<Hit> {
        assert_eq!(query.len(), self.dim, "the query must have the shape [dim]");
        let length = inverse_norm(vector::dot(query, query));
        let mut best = Best::new(limit.min(rows.len()));
        for &id in rows {
            let mut rank = [0.0];
            self.rank(query, length, id.row()..id.row() + 1, &mut rank);
            best.offer(id.row(), &rank, &|_| true);
        }
        let mut hits = best.take_hits();
        self.ranks_to_scores(&mut hits);
        hits
    }

    /// The ranks of a block of rows: scores, with the sign of distances turned.
    pub(super) fn rank(&self, query: &[f32], inverse_length: f32, range: Range<usize>, ranks: &mut [f32]) {
        let rows = &self.rows[range.start * self.dim..range.end * self.dim];
        match self.metric {
            Metric::Dot => vector::scan(query, rows, ranks, None),
            Metric::Cosine => {
                let mut fresh = [0.0; BLOCK];
                let scales = if let Some(scales) = self.scales {
                    vector::scan(query, rows, ranks, None);
                    &scales[range]
                } else {
                    let fresh = &mut fresh[..ranks.len()];
                    vector::scan(query, rows, ranks, Some(fresh));
                    for square in fresh.iter_mut() {
                        *square = inverse_norm(*square);
                    }
                    fresh
                };
                for (rank, &scale) in ranks.iter_mut().zip(scales) {
                    *rank = (*rank * (inverse_length * scale)).clamp(-1.0, 1.0);
                }
            }
            Metric::Euclidean => {
                for (rank, row) in ranks.iter_mut().zip(rows.chunks_exact(self.dim)) {
                    *rank = -vector::squared_distance(query, row).sqrt();
                }
            }
        }
    }

    /// Turns the sign of distances back.
    pub(super) fn ranks_to_scores(&self, hits: &mut [Hit]) {
        if !self.metric.larger_is_nearer() {
            for hit in hits {
                hit.score = 0.0 - hit.score;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: score everything, sort, cut.
    fn oracle(rows: &[f32], dim: usize, metric: Metric, query: &[f32], limit: usize, exclude: &[TokenId]) -> Vec<Hit> {
        let mut all: Vec<Hit> = rows
            .chunks(dim)
            .enumerate()
            .map(|(row, values)| Hit { id: TokenId(row as u32), score: metric.score(query, values) })
            .filter(|hit| !exclude.contains(&hit.id))
            .collect();
        let sign = if metric.larger_is_nearer() { -1.0 } else { 1.0 };
        all.sort_by(|a, b| (sign * a.score).partial_cmp(&(sign * b.score)).unwrap().then(a.id.cmp(&b.id)));
        all.truncate(limit);
        all
    }

    proptest! {
        /// Small whole numbers make many ties, and rows of zeros.
        #[test]
        fn the_answer_is_the_oracles_on_any_number_of_threads(
            (dim, values) in (1usize..20).prop_flat_map(|dim| {
                (Just(dim), prop::collection::vec(-2i8..3, dim..dim * 1400))
            }),
            limit in 0usize..50, exclude in prop::collection::vec(0u32..1400, 0..9), threads in 1usize..4,
        ) {
            let rows: Vec<f32> = values[..values.len() / dim * dim].iter().map(|&v| f32::from(v)).collect();
            let exclude: Vec<_> = exclude.into_iter().map(TokenId).collect();
            let query = &rows[rows.len() - dim..];
            for (_, metric) in Metric::ALL {
                let search = Exact::new(&rows, dim, metric).with_threads(threads);
                let expected = oracle(&rows, dim, metric, query, limit, &exclude);
                prop_assert_eq!(&search.nearest(query, limit, &exclude), &expected);
                let kept: Vec<_> = (0..search.len() as u32).map(TokenId).filter(|id| !exclude.contains(id)).collect();
                prop_assert_eq!(&search.nearest_of(query, limit, &kept), &expected);
                let scales = search.inverse_norms();
                prop_assert_eq!(&search.with_inverse_norms(&scales).nearest(query, limit, &exclude), &expected);
            }
        }

        #[test]
        fn a_batch_finds_what_single_questions_find(
            (dim, values) in (1usize..9).prop_flat_map(|dim| {
                (Just(dim), prop::collection::vec(-2i8..3, dim..dim * 700))
            }),
            limit in 0usize..20, queries in 0usize..300, threads in 1usize..4,
        ) {
            let rows: Vec<f32> = values[..values.len() / dim * dim].iter().map(|&v| f32::from(v)).collect();
            let n = rows.len() / dim;
            let asked: Vec<f32> = (0..queries).flat_map(|q| rows[q * 7 % n * dim..][..dim].to_vec()).collect();
            for (_, metric) in Metric::ALL {
                let search = Exact::new(&rows, dim, metric).with_threads(threads);
                let answers = search.nearest_batch(&asked, limit, &|q, id| id.row() != q);
                prop_assert_eq!(answers.len(), queries);
                for (q, hits) in answers.iter().enumerate() {
                    let single = search.nearest(&asked[q * dim..][..dim], limit, &[TokenId(q as u32)]);
                    // A matrix product may round otherwise: the scores agree closely, and where they are
                    // whole numbers exactly.
                    prop_assert_eq!(hits.len(), single.len());
                    for (a, b) in hits.iter().zip(&single) {
                        prop_assert!((a.score - b.score).abs() < 1e-6);
                    }
                    if metric != Metric::Cosine {
                        prop_assert_eq!(hits, &single);
                    }
                }
            }
        }
    }

    #[test]
    fn distances_are_not_squared_and_the_smallest_comes_first() {
        let rows = [0.0, 5.0, /**/ 3.0, 4.0, /**/ 0.0, 1.0];
        let hits = Exact::new(&rows, 2, Metric::Euclidean).nearest(&[0.0, 0.0], 3, &[]);
        let found: Vec<_> = hits.iter().map(|hit| (hit.id.0, hit.score)).collect();
        assert_eq!(found, [(2, 1.0), (0, 5.0), (1, 5.0)]);
    }

    #[test]
    fn an_empty_matrix_has_no_nearest_row() {
        assert!(Exact::new(&[], 3, Metric::Dot).nearest(&[1.0; 3], 5, &[]).is_empty());
    }
}
