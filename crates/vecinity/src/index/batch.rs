//! Many questions at once: a matrix product of a block of queries and a block of rows, then selection.

use super::select::{BLOCK, Best, threads_for};
use super::{Exact, Hit, Metric, inverse_norm};
use crate::id::TokenId;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::dot;

/// Queries multiplied at once: enough that packing the rows costs little beside the product.
const QUERIES: usize = 128;

impl Exact<'_> {
    /// [`nearest`](Self::nearest) for many queries, shape `[q, dim]`: one answer each, in their order.
    ///
    /// * `keep`: whether a row may be an answer to a query (by its number).
    ///
    /// Scores may differ from those of single questions in the last bits, since a matrix product sums in
    /// another order. The answer does not depend on the number of threads. With few rows and few queries
    /// one thread does it all.
    ///
    /// # Panics
    /// If `dim` does not divide `queries.len()`.
    #[must_use]
    pub fn nearest_batch(
        &self,
        queries: &[f32],
        limit: usize,
        keep: &(dyn Fn(usize, TokenId) -> bool + Sync),
    ) -> Vec<Vec<Hit>> {
        assert!(queries.len().is_multiple_of(self.dim), "queries must have the shape [q, dim]");
        let count = queries.len() / self.dim;
        let scales: &[f32] = match (self.metric, self.scales) {
            (Metric::Cosine, None) => &self.inverse_norms(),
            (Metric::Cosine, Some(scales)) => scales,
            _ => &[],
        };
        // Each query costs about as much as reading the rows from the cache.
        let work = size_of_val(self.rows).saturating_mul(count) / 16;
        let threads = self.threads.unwrap_or_else(|| threads_for(work)).max(1);
        // Blocks small enough that every thread gets one.
        let block = count.div_ceil(threads).clamp(1, QUERIES);

        let next = AtomicUsize::new(0);
        let answers = Mutex::new(vec![Vec::new(); count]);
        let work = || {
            let mut scores = vec![0.0; block * BLOCK];
            loop {
                let first = next.fetch_add(block, Ordering::Relaxed);
                if first >= count {
                    break;
                }
                let last = count.min(first + block);
                let asked = &queries[first * self.dim..last * self.dim];
                let found = self.answer_block(asked, first, limit, scales, &mut scores, keep);
                let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                for (answer, found) in answers[first..last].iter_mut().zip(found) {
                    *answer = found;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(count.div_ceil(block)) {
                scope.spawn(work);
            }
            work();
        });
        answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The answers to a block of queries whose first has the number `first`.
    fn answer_block(
        &self,
        queries: &[f32],
        first: usize,
        limit: usize,
        scales: &[f32],
        scores: &mut [f32],
        keep: &(dyn Fn(usize, TokenId) -> bool + Sync),
    ) -> Vec<Vec<Hit>> {
        let count = queries.len() / self.dim;
        let query_scales: Vec<f32> = queries.chunks_exact(self.dim).map(|q| inverse_norm(dot(q, q))).collect();
        let mut best: Vec<Best> = (0..count).map(|_| Best::new(limit.min(self.len()))).collect();
        for (part, rows) in self.rows.chunks(BLOCK * self.dim).enumerate() {
            let (start, height) = (part * BLOCK, rows.len() / self.dim);
            let scores = &mut scores[..count * height];
            if self.metric == Metric::Euclidean {
                // By differences: a product would lose what is near. The block of rows stays in the cache.
                for (query, scores) in queries.chunks_exact(self.dim).zip(scores.chunks_exact_mut(height)) {
                    self.rank(query, 0.0, start..start + height, scores);
                }
            } else {
                let rows = View::new(rows, height, self.dim).transposed();
                multiply(1.0, View::new(queries, count, self.dim), rows, 0.0, scores);
            }
            for (query, scores) in scores.chunks_exact_mut(height).enumerate() {
                if self.metric == Metric::Cosine {
                    for (score, scale) in scores.iter_mut().zip(&scales[start..]) {
                        *score = (*score * (query_scales[query] * scale)).clamp(-1.0, 1.0);
                    }
                }
                best[query].offer(start, scores, &|id| keep(first + query, id));
            }
        }
        best.iter_mut()
            .map(|best| {
                let mut hits = best.take_hits();
                self.ranks_to_scores(&mut hits);
                hits
            })
            .collect()
    }
}
