//! A graph of near rows, and the walk through it.
//!
//! Every row has `degree` links; a row with fewer is filled up with itself. The walk (Malkov and Yashunin 2018,
//! arXiv:1603.09320, algorithm 2, on one layer) begins with the first `entries` rows, which are scored one after the other:
//! as good a start as the layers of HNSW, from memory that is read in one go.

use super::pool::{Pool, Seen};
use vecinity_kernel::codes::Query;
use vecinity_kernel::prefetch;

/// Rows scored at once where all are.
pub(super) const BLOCK: usize = 512;

/// Codes and links of rows, borrowed from a segment or from one being built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Graph<'a> {
    /// Shape `[rows, stride]`.
    pub(super) codes: &'a [u8],
    pub(super) stride: usize,
    /// Shape `[rows, degree]`; the rows that have links, which may be fewer than have codes.
    pub(super) links: &'a [u32],
    pub(super) degree: usize,
    pub(super) entries: usize,
}

/// What a thread needs to walk, kept from one question to the next.
#[derive(Debug, Default)]
pub(super) struct Walker {
    pub(super) query: Query,
    pub(super) pool: Pool,
    pub(super) seen: Seen,
    pub(super) ids: Vec<u32>,
    pub(super) scores: Vec<f32>,
}

impl Walker {
    pub(super) fn new(dim: usize) -> Self {
        Self { query: Query::new(dim), ..Self::default() }
    }

    /// Scores the rows in `ids`.
    #[inline]
    pub(super) fn score(&mut self, codes: &[u8]) {
        // Never shorter again: nothing is filled in a second time.
        if self.scores.len() < self.ids.len() {
            self.scores.resize(self.ids.len().max(BLOCK), 0.0);
        }
        self.query.score(codes, &self.ids, &mut self.scores[..self.ids.len()]);
    }
}

impl Graph<'_> {
    /// Rows that have links.
    pub(super) fn rows(&self) -> usize {
        self.links.len() / self.degree
    }

    pub(super) fn code(&self, row: u32) -> &[u8] {
        &self.codes[row as usize * self.stride..][..self.stride]
    }

    /// The links of a row.
    #[inline]
    pub(super) fn links(&self, row: u32) -> impl Iterator<Item = u32> {
        let links = &self.links[row as usize * self.degree..][..self.degree];
        links.iter().copied().take_while(move |&link| link != row)
    }

    /// Leaves the rows nearest to the walker's query in its pool, about `effort` of them.
    pub(super) fn walk(&self, walker: &mut Walker, effort: usize) {
        let entries = self.entries.min(self.rows());
        walker.pool.reset(effort);
        walker.seen.reset(self.rows());
        walker.scores.resize(walker.scores.len().max(entries.max(BLOCK)), 0.0);
        walker.query.score_from(self.codes, 0, &mut walker.scores[..entries]);
        walker.pool.offer_all(&walker.scores[..entries], 0..entries as u32);
        while let Some(row) = walker.pool.follow() {
            walker.ids.clear();
            for link in self.links(row) {
                if link as usize >= entries && walker.seen.first(link) {
                    walker.ids.push(link);
                }
            }
            if let Some(next) = walker.pool.peek() {
                prefetch::slice(&self.links[next as usize * self.degree..][..self.degree]);
            }
            walker.score(self.codes);
            walker.pool.offer_all(&walker.scores, walker.ids.iter().copied());
        }
    }
}
