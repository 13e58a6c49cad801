//! Searching a segment: the planner, the walk, the coarse scan and the scan, and the exact scores of the short list.

use super::build::{next, on_threads};
use super::coarse::{self, CoarseScan};
use super::graph::{BLOCK, Walker};
use super::pass::{Pass, Rows};
use super::segment::{Segment, prepared};
use super::{Metric, threads_for};
use std::fmt;
use std::sync::Mutex;
use vecinity_kernel::prefetch;
use vecinity_kernel::vector::{dot, squared_distance};

/// One found vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Its key.
    pub key: u64,
    /// Its score; [`Metric`] says what it means and whether larger is nearer.
    pub score: f32,
}

/// How much a search may cost, for each way of searching; the cheapest one is taken. See [`tune`](super::tune).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Effort {
    /// Candidates of a walk through the graph; at least one and a half times the wanted number is used. 0: no walk.
    pub walk: usize,
    /// Rows that a coarse scan lets through, about, for ten wanted ones and in proportion for more. 0: no coarse scan.
    pub coarse: usize,
}

impl Effort {
    /// A walk, if there is a graph.
    #[must_use]
    pub const fn walk(candidates: usize) -> Self {
        Self { walk: candidates, coarse: 0 }
    }

    /// A coarse scan, if there are coarse codes.
    #[must_use]
    pub const fn coarse(rows: usize) -> Self {
        Self { walk: 0, coarse: rows }
    }
}

/// What a thread needs to search, kept from one question to the next.
#[derive(Debug)]
pub struct Scratch {
    walker: Walker,
    scan: CoarseScan,
    asked: Vec<f32>,
    centred: Vec<f32>,
    pub(super) short: Vec<(f32, u64)>,
}

impl Scratch {
    /// For vectors of `dim` values.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self {
            walker: Walker::new(dim),
            scan: CoarseScan::default(),
            asked: Vec::new(),
            centred: Vec::new(),
            short: Vec::new(),
        }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.walk, self.coarse) {
            (0, 0) => to.write_str("scan"),
            (walk, 0) => write!(to, "walk {walk}"),
            (0, coarse) => write!(to, "coarse {coarse}"),
            (walk, coarse) => write!(to, "walk {walk}, coarse {coarse}"),
        }
    }
}

impl Segment {
    /// The `limit` vectors nearest to `query` (shape `[dim]`), the nearest first, equal scores by key.
    ///
    /// * `effort`: see [`tune`](super::tune).
    /// * `pass`: the rows that may be answers. How many pass decides between a walk, of which those are kept, a coarse scan of
    ///   all and a scan of just those; a walk that meets too few is followed by a scan.
    ///
    /// # Panics
    /// If `query` has not `dim` values, or `scratch` is for vectors of another length.
    #[must_use]
    pub fn search(
        &self,
        scratch: &mut Scratch,
        query: &[f32],
        limit: usize,
        effort: Effort,
        pass: Option<&Rows>,
    ) -> Vec<Neighbor> {
        self.shortlist(scratch, query, limit, effort, pass.map_or(Pass::All, Pass::Rows));
        scored(self.metric(), &scratch.short)
    }

    /// [`Segment::search`] among the rows whose key passes a test: nothing is prepared, and the test is asked of rows that
    /// would be answers, and of a sample that says how many pass.
    ///
    /// # Panics
    /// As [`Segment::search`].
    #[must_use]
    pub fn search_where(
        &self,
        scratch: &mut Scratch,
        query: &[f32],
        limit: usize,
        effort: Effort,
        keep: &dyn Fn(u64) -> bool,
    ) -> Vec<Neighbor> {
        self.shortlist(scratch, query, limit, effort, Pass::test(self, None, keep));
        scored(self.metric(), &scratch.short)
    }

    /// [`Segment::search`] by a scan of all codes: what a walk is measured with is the exact search; this is nearly that.
    ///
    /// # Panics
    /// As [`Segment::search`].
    #[must_use]
    pub fn scan(&self, scratch: &mut Scratch, query: &[f32], limit: usize, pass: Option<&Rows>) -> Vec<Neighbor> {
        self.ask(scratch, query);
        let limit = limit.min(pass.map_or(self.len(), Rows::count));
        self.scan_codes(scratch, reranked(limit, 0), pass.map_or(Pass::All, Pass::Rows));
        self.rerank(scratch, limit, reranked(limit, 0), Pass::All);
        scored(self.metric(), &scratch.short)
    }

    /// [`Segment::search`] for many queries, shape `[q, dim]`, on several threads: one answer each, in their order.
    ///
    /// # Panics
    /// If `dim` does not divide `queries.len()`.
    #[must_use]
    pub fn search_batch(
        &self,
        queries: &[f32],
        limit: usize,
        effort: Effort,
        pass: Option<&Rows>,
        threads: usize,
    ) -> Vec<Vec<Neighbor>> {
        assert!(queries.len().is_multiple_of(self.dim()), "queries must have the shape [q, dim]");
        let mut answers = vec![Vec::new(); queries.len() / self.dim()];
        let shares = Mutex::new(queries.chunks(16 * self.dim()).zip(answers.chunks_mut(16)));
        on_threads(threads.max(1), || {
            let mut scratch = Scratch::new(self.dim());
            while let Some((queries, answers)) = next(&shares) {
                for (query, answer) in queries.chunks_exact(self.dim()).zip(answers) {
                    *answer = self.search(&mut scratch, query, limit, effort, pass);
                }
            }
        });
        answers
    }

    /// Leaves the answer in the scratch: distances and keys.
    pub(super) fn shortlist(&self, scratch: &mut Scratch, query: &[f32], limit: usize, effort: Effort, pass: Pass<'_>) {
        self.ask(scratch, query);
        let passing = pass.count(self.len());
        let limit = limit.min(pass.most(self.len()));
        let scan = self.scan_cost(pass);
        // What is nearest among some lies deeper among all, where walks miss more and rough scores tell rows apart less well.
        let filtered = passing < self.len() / 10 * 9;
        let coarse = effort.coarse * limit.div_ceil(TUNED_FOR) * if filtered { 2 } else { 1 };
        let coarse = coarse.max(coarse::least(self.len()));
        let coarse_cost = self.len() / COARSE_ROWS + THROUGH * coarse;
        // Narrow filters leave too little of the sample that the bar is found with, and a test is asked of all that get through.
        let wide = match pass {
            Pass::All => true,
            Pass::Rows(_) => passing >= self.len() / 5,
            Pass::Test { .. } => passing >= self.len() / 10 * 9,
        };
        let coarsely = effort.coarse > 0 && self.coarse().is_some() && wide && coarse_cost < scan;
        if let Some(graph) = self.graph().filter(|_| effort.walk > 0) {
            let effort = effort.walk.max(limit + limit / 2) * if filtered { 3 } else { 2 } / 2;
            // As deep as the wanted number of passing rows is expected to lie.
            let depth = (effort as f64 * self.len() as f64 / passing.max(1) as f64).ceil() as usize;
            let otherwise = if coarsely { coarse_cost } else { scan };
            if depth.saturating_mul(self.degree()).saturating_mul(BY_LINK) < otherwise {
                graph.walk(&mut scratch.walker, depth);
                // All nearest rows up to a depth are known: if enough of them pass, those are the nearest that pass, however
                // the filter and the query hang together. If not, a scan has the last word.
                if self.rerank(scratch, limit, reranked(limit, effort), pass) {
                    return;
                }
            }
        }
        if coarsely {
            self.scan_coarsely(scratch, reranked(limit, 0), coarse, pass);
            if self.rerank(scratch, limit, reranked(limit, 0), Pass::All) {
                return;
            }
        }
        self.scan_codes(scratch, reranked(limit, 0), pass);
        self.rerank(scratch, limit, reranked(limit, 0), Pass::All);
    }

    /// What a scan costs, in rows that are read in their turn.
    fn scan_cost(&self, pass: Pass<'_>) -> usize {
        match pass {
            Pass::Rows(rows) => (BY_NUMBER * rows.count()).min(self.len()),
            Pass::All | Pass::Test { .. } => self.len(),
        }
    }

    fn ask(&self, scratch: &mut Scratch, query: &[f32]) {
        assert_eq!(query.len(), self.dim(), "the query must have the shape [dim]");
        prepared(query, self.metric(), &mut scratch.asked);
        if self.metric() == Metric::Dot {
            scratch.walker.query.set(&scratch.asked);
            scratch.walker.query.constant = 0.0;
        } else {
            scratch.centred.clear();
            scratch.centred.extend(scratch.asked.iter().zip(self.mean()).map(|(value, mean)| value - mean));
            scratch.walker.query.set(&scratch.centred);
        }
    }

    /// Leaves the nearest `count` passing rows by their codes in the pool.
    fn scan_codes(&self, scratch: &mut Scratch, count: usize, pass: Pass<'_>) {
        let walker = &mut scratch.walker;
        walker.pool.reset(count);
        walker.scores.resize(walker.scores.len().max(BLOCK), 0.0);
        match pass {
            // Fewer than half pass: those alone are read.
            Pass::Rows(rows) if BY_NUMBER * rows.count() < self.len() => {
                let mut numbers = rows.numbers();
                while numbers.next(BLOCK, &mut walker.ids) {
                    walker.score(self.codes());
                    let Walker { pool, ids, scores, .. } = &mut *walker;
                    pool.offer_few(&scores[..ids.len()], |at| Some(ids[at]));
                }
            }
            _ => {
                for first in (0..self.len()).step_by(BLOCK) {
                    let length = BLOCK.min(self.len() - first);
                    walker.query.score_from(self.codes(), first, &mut walker.scores[..length]);
                    let row = |at: usize| Some((first + at) as u32).filter(|&row| pass.contains(self, row as usize));
                    walker.pool.offer_few(&walker.scores[..length], row);
                }
            }
        }
    }

    /// Leaves in the pool the nearest `count` by their codes of about `through` passing rows that a coarse scan lets through.
    fn scan_coarsely(&self, scratch: &mut Scratch, count: usize, through: usize, pass: Pass<'_>) {
        let Some(coarse) = self.coarse() else { return };
        let Scratch { walker, scan, asked, centred, .. } = scratch;
        let query = if self.metric() == Metric::Euclidean { centred } else { asked };
        coarse.let_through(self, scan, query, through, pass, &mut walker.ids);
        walker.score(self.codes());
        let Walker { pool, ids, scores, .. } = walker;
        pool.reset(count);
        pool.offer_few(&scores[..ids.len()], |at| Some(ids[at]));
    }

    /// Scores the nearest `count` passing rows of the pool exactly and keeps the best `limit`; whether there are as many.
    fn rerank(&self, scratch: &mut Scratch, limit: usize, count: usize, pass: Pass<'_>) -> bool {
        let Scratch { walker, asked, short, .. } = scratch;
        walker.ids.clear();
        let passing = walker.pool.found().map(|(_, row)| row).filter(|&row| pass.contains(self, row as usize));
        walker.ids.extend(passing.take(count));
        for &row in walker.ids.iter().take(AHEAD) {
            prefetch::slice(self.vector(row as usize));
        }
        short.clear();
        for (at, &row) in walker.ids.iter().enumerate() {
            if let Some(&next) = walker.ids.get(at + AHEAD) {
                prefetch::slice(self.vector(next as usize));
            }
            short.push((distance(self.metric(), asked, self.vector(row as usize)), self.keys()[row as usize]));
        }
        nearest(short, limit);
        short.len() == limit
    }
}

/// What a row costs whose code is fetched by its number, among others in rising order: this many that are read in their turn.
const BY_NUMBER: usize = 2;
/// Rows of a coarse scan that cost as much as one whose code of whole bytes is read in its turn. Both are bound by the cache
/// that they read from.
const COARSE_ROWS: usize = 2;
/// What a row costs that a coarse scan lets through.
const THROUGH: usize = 3;
/// Wanted rows that efforts are tuned for.
pub(super) const TUNED_FOR: usize = 10;
/// What a link costs that a walk follows: the code that it leads to may lie anywhere.
const BY_LINK: usize = 7;
/// Vectors asked for ahead of the one that is scored.
const AHEAD: usize = 8;

/// Candidates that are scored exactly.
fn reranked(limit: usize, effort: usize) -> usize {
    3 * limit + effort / 8
}

/// Keeps the nearest `limit`, in order.
pub(super) fn nearest(short: &mut Vec<(f32, u64)>, limit: usize) {
    short.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    short.truncate(limit);
}

/// The order of a metric as a distance, from prepared vectors: smaller is nearer.
pub(super) fn distance(metric: Metric, query: &[f32], row: &[f32]) -> f32 {
    match metric {
        Metric::Euclidean => squared_distance(query, row),
        Metric::Cosine | Metric::Dot => 0.0 - dot(query, row),
    }
}

/// Distances as scores of the metric.
pub(super) fn scored(metric: Metric, short: &[(f32, u64)]) -> Vec<Neighbor> {
    let score = |distance: f32| match metric {
        Metric::Cosine => (0.0 - distance).clamp(-1.0, 1.0),
        Metric::Dot => 0.0 - distance,
        Metric::Euclidean => distance.sqrt(),
    };
    short.iter().map(|&(distance, key)| Neighbor { key, score: score(distance) }).collect()
}

/// Threads for a batch of queries.
#[must_use]
pub fn batch_threads(queries: usize) -> usize {
    // A query costs about what reading 256 KiB costs.
    threads_for(queries << 18)
}
