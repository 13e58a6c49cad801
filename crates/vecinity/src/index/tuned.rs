//! A recall instead of knobs: the least effort that reaches it, found on some queries, measured on others.

use super::pass::Rows;
use super::search::{Effort, Neighbor, Scratch};
use super::{Exact, Metric, Segment, Tuned, coarse, threads_for};
use crate::TokenId;
use crate::rng::Rng;
use std::collections::HashSet;
use std::time::Instant;

/// How far below the last true score a found one may be and still count, as a share of its size: exact scores of the same
/// row differ in their last bits.
const SAME: f32 = 1e-5;

/// Queries, and for each the key that it is the vector of, if any: it is no answer to itself.
#[derive(Debug, Clone, Default)]
pub struct Queries {
    /// Shape `[q, dim]`.
    pub values: Vec<f32>,
    /// Shape `[q]`, or empty.
    pub own: Vec<u64>,
}

/// What an effort gives.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// What was allowed.
    pub effort: Effort,
    /// The share of the true nearest that were found.
    pub recall: f64,
    /// Queries.
    pub queries: usize,
    /// Queries a second, one after the other on one thread.
    pub per_second: f64,
    /// Queries a second in a batch, on all threads of the machine.
    pub batch_per_second: f64,
    /// Half of the queries took at most this long, in microseconds.
    pub median_us: f64,
    /// All but one of a hundred took at most this long, in microseconds.
    pub p99_us: f64,
}

/// What a filter costs, and what it finds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Filtered {
    /// The share of the vectors that pass, in percent.
    pub percent: usize,
    /// Whether those pass that are near to each other, and not some spread evenly.
    pub correlated: bool,
    /// The share of the true nearest that were found.
    pub recall: f64,
    /// Half of the queries took at most this long, in microseconds.
    pub median_us: f64,
    /// The same with a test of keys in the place of a bitmap: [`Segment::search_where`].
    pub test_recall: f64,
    /// In microseconds.
    pub test_median_us: f64,
}

/// At most `count` of the segment's own vectors as queries.
#[must_use]
pub fn sample(segment: &Segment, count: usize, seed: u64) -> Queries {
    let mut rows: Vec<usize> = (0..segment.len()).collect();
    Rng::new(seed, 1).shuffle(&mut rows);
    rows.truncate(count);
    let own = rows.iter().map(|&row| segment.keys()[row]).collect();
    Queries { values: rows.iter().flat_map(|&row| segment.vector(row)).copied().collect(), own }
}

/// For a walk and for a coarse scan the least of a rising series whose recall of the nearest `limit` on half of the queries is
/// at least `target`; the recall that both are stored with is that of the other half.
///
/// # Panics
/// If the queries have not the segment's `dim`.
#[must_use]
pub fn tune(segment: &Segment, queries: &Queries, target: f64, limit: usize) -> Tuned {
    let [first, second] = halves(queries, segment.dim());
    let truth = Truth::new(segment, &first, limit);
    // What costs more than a scan is not done: the series end there.
    let least = |start: usize, effort: &dyn Fn(usize) -> Effort| {
        let mut some = start;
        while some < segment.len() && truth.recall(&run(segment, &first, limit, effort(some)).0) < target {
            some = (some + 1).max(some * 6 / 5);
        }
        some
    };
    let mut effort = Effort { walk: 0, coarse: 0 };
    if segment.graph().is_some() {
        effort.walk = least(limit.max(1) + limit / 2, &Effort::walk);
    }
    if segment.coarse().is_some() {
        // As many again cost little, and other queries may want them.
        effort.coarse = 2 * least(coarse::least(segment.len()).max(1), &Effort::coarse);
    }
    let recall = Truth::new(segment, &second, limit).recall(&run(segment, &second, limit, effort).0);
    Tuned { effort, target, recall, queries: second.values.len() / segment.dim() }
}

/// Recall against the exact search, and times.
///
/// # Panics
/// If the queries have not the segment's `dim`.
#[must_use]
pub fn measure(segment: &Segment, queries: &Queries, limit: usize, effort: Effort) -> Measured {
    let (answers, mut times) = run(segment, queries, limit, effort);
    let recall = Truth::new(segment, queries, limit).recall(&answers);
    times.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| {
        times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).map_or(0.0, |t| t * 1e6)
    };
    let start = Instant::now();
    let _ = std::hint::black_box(segment.search_batch(&queries.values, limit, effort, None, threads_for(usize::MAX)));
    let batch_per_second = times.len() as f64 / start.elapsed().as_secs_f64().max(1e-9);
    let per_second = times.len() as f64 / times.iter().sum::<f64>().max(1e-9);
    Measured { effort, recall, queries: times.len(), per_second, batch_per_second, median_us: at(50), p99_us: at(99) }
}

/// Recall and time of filters of which 1, 10 and 50 percent pass: spread evenly, and all in one corner, which is near to some
/// queries and far from others.
///
/// # Panics
/// If the queries have not the segment's `dim`.
#[must_use]
pub fn measure_filters(segment: &Segment, queries: &Queries, limit: usize, effort: Effort) -> Vec<Filtered> {
    let (n, dim) = (segment.len(), segment.dim());
    let asked = || queries.values.chunks_exact(dim);
    let exact = Exact::new(segment.vectors(), dim, segment.metric());
    // The place of every row by its nearness to the first query.
    let corner: &[f32] = asked().next().unwrap_or(&[]);
    let mut place = vec![0; n];
    for (at, hit) in exact
        .nearest(if corner.is_empty() { &segment.vectors()[..dim.min(n)] } else { corner }, n, &[])
        .iter()
        .enumerate()
    {
        place[hit.id.row()] = at;
    }
    let mut scratch = Scratch::new(dim);
    let mut found = Vec::new();
    for percent in [1, 10, 50] {
        for correlated in [false, true] {
            let passes =
                |row: usize| if correlated { place[row] < n * percent / 100 } else { row * 37 % 100 < percent };
            let keys: HashSet<u64> = (0..n).filter(|&row| passes(row)).map(|row| segment.keys()[row]).collect();
            let rows = Rows::of(segment, |key| keys.contains(&key));
            let keep = |key: u64| keys.contains(&key);
            let truth = Truth::of(
                &exact.nearest_batch(&queries.values, limit, &|_, id: TokenId| passes(id.row())),
                segment.metric(),
            );
            let mut timed = |search: &mut dyn FnMut(&mut Scratch, &[f32]) -> Vec<Neighbor>| {
                let one = |query: &[f32]| {
                    let start = Instant::now();
                    let found = search(&mut scratch, query);
                    (found, start.elapsed().as_secs_f64())
                };
                let (answers, mut times): (Vec<_>, Vec<_>) = asked().map(one).unzip();
                times.sort_unstable_by(f64::total_cmp);
                (truth.recall(&answers), times.get(times.len() / 2).map_or(0.0, |time| time * 1e6))
            };
            let (recall, median_us) =
                timed(&mut |scratch, query| segment.search(scratch, query, limit, effort, Some(&rows)));
            let (test_recall, test_median_us) =
                timed(&mut |scratch, query| segment.search_where(scratch, query, limit, effort, &keep));
            found.push(Filtered { percent, correlated, recall, median_us, test_recall, test_median_us });
        }
    }
    found
}

fn halves(queries: &Queries, dim: usize) -> [Queries; 2] {
    let half = queries.values.len() / dim / 2;
    let (a, b) = queries.values.split_at(half * dim);
    let (own_a, own_b) = queries.own.split_at(half.min(queries.own.len()));
    [(a, own_a), (b, own_b)].map(|(values, own)| Queries { values: values.to_vec(), own: own.to_vec() })
}

/// Answers without the query itself, and seconds.
fn run(segment: &Segment, queries: &Queries, limit: usize, effort: Effort) -> (Vec<Vec<Neighbor>>, Vec<f64>) {
    let mut scratch = Scratch::new(segment.dim());
    let asked = limit + usize::from(!queries.own.is_empty());
    let one = |(at, query): (usize, &[f32])| {
        let start = Instant::now();
        let mut found = segment.search(&mut scratch, query, asked, effort, None);
        let time = start.elapsed().as_secs_f64();
        found.retain(|found| queries.own.get(at) != Some(&found.key));
        found.truncate(limit);
        (found, time)
    };
    queries.values.chunks_exact(segment.dim()).enumerate().map(one).unzip()
}

/// The true nearest.
struct Truth {
    /// How many there are for each query, and the score of the last of them.
    last: Vec<(usize, f32)>,
    larger_is_nearer: bool,
}

impl Truth {
    fn new(segment: &Segment, queries: &Queries, limit: usize) -> Self {
        let own: Vec<Option<usize>> = queries.own.iter().map(|&key| segment.row_of(key)).collect();
        let keep = |query: usize, id: crate::TokenId| own.get(query).is_none_or(|&own| own != Some(id.row()));
        let exact = Exact::new(segment.vectors(), segment.dim(), segment.metric());
        Self::of(&exact.nearest_batch(&queries.values, limit, &keep), segment.metric())
    }

    fn of(found: &[Vec<super::Hit>], metric: Metric) -> Self {
        let last = found.iter().map(|hits| (hits.len(), hits.last().map_or(0.0, |hit| hit.score))).collect();
        Self { last, larger_is_nearer: metric.larger_is_nearer() }
    }

    /// The share of the true nearest that were found; rows of equal scores stand for each other.
    fn recall(&self, answers: &[Vec<Neighbor>]) -> f64 {
        let (mut found, mut wanted) = (0, 0);
        for (answer, &(count, last)) in answers.iter().zip(&self.last) {
            let margin = SAME * last.abs().max(1.0);
            let near = |score: f32| if self.larger_is_nearer { score >= last - margin } else { score <= last + margin };
            found += answer.iter().filter(|answer| near(answer.score)).count().min(count);
            wanted += count;
        }
        if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 }
    }
}
