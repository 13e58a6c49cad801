//! The coarse scan: every row is scored roughly, by four bits a pair of values, and about as many as wanted are let through.
//!
//! Codes are those of product quantisation (Jégou, Douze and Schmid 2011) with sixteen codewords a pair of values, of the
//! direction of a row behind the mean; its length is a number of its own, corrected so that the product with the row itself
//! is right (as in RaBitQ: Gao and Long 2024, arXiv:2405.12497). A scan reads a quarter of the
//! bytes that one of whole bytes reads; what it lets through is scored by [codes of bytes](vecinity_kernel::codes) next.

use super::Metric;
use super::build::{next, on_threads};
use super::pass::Pass;
use super::segment::Segment;
use std::sync::Mutex;
use vecinity_kernel::pq::{BLOCK, CODES, MOST_GROUPS, Table, below, block_bytes, set_code};

/// Rows that codewords are learned from, at most.
const LEARNED_FROM: usize = 16_384;
/// Rounds of k-means.
const ROUNDS: usize = 10;
/// Rows whose scores say where the bar is.
const SAMPLE: usize = 2048;
/// Of those, at least so many have to be below it: fewer are too much a matter of chance.
const BELOW: usize = 16;
/// Of those, at least so many have to pass a filter.
const PASSING: usize = 256;

/// Groups of values: pairs, and a last one alone.
pub(super) fn groups(dim: usize) -> usize {
    dim.div_ceil(2)
}

/// Whether vectors of `dim` values can have coarse codes.
pub(super) fn fits(dim: usize) -> bool {
    groups(dim) <= MOST_GROUPS
}

/// Coarse codes of rows, as a segment keeps them; rows are filled up to whole blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coarse<'a> {
    /// Shape `[groups, 2, 16]`: the first values of the codewords of a group, then the second ones.
    pub(super) books: &'a [f32],
    /// Shape `[blocks * 64]`.
    pub(super) scales: &'a [f32],
    /// Squared lengths, shape `[blocks * 64]`, where the metric is a distance; else empty.
    pub(super) squares: &'a [f32],
    /// Shape `[blocks, pairs of groups, 64]`.
    pub(super) codes: &'a [u8],
}

/// The same, just made.
pub(super) struct Made {
    pub(super) books: Vec<f32>,
    pub(super) scales: Vec<f32>,
    pub(super) squares: Vec<f32>,
    pub(super) codes: Vec<u8>,
}

/// What a thread needs for a scan, kept from one question to the next.
#[derive(Debug, Default)]
pub(super) struct CoarseScan {
    worth: Vec<f32>,
    table: Table,
    scores: Vec<f32>,
    sample: Vec<f32>,
    bits: Vec<u64>,
}

/// Learns codewords and encodes `vectors` (shape `[n, dim]`, as a segment keeps them): the same on any number of threads.
pub(super) fn encode(vectors: &[f32], mean: &[f32], metric: Metric, threads: usize) -> Made {
    let (dim, rows) = (mean.len(), vectors.len() / mean.len());
    let mut sample = Vec::new();
    for row in (0..rows).step_by(rows.div_ceil(LEARNED_FROM).max(1)) {
        direction(&vectors[row * dim..][..dim], mean, |value| sample.push(value));
    }
    let mut books = vec![0.0; groups(dim) * 2 * CODES];
    let shares = Mutex::new(books.chunks_exact_mut(2 * CODES).enumerate());
    on_threads(threads, || {
        while let Some((group, book)) = next(&shares) {
            let pair = |row: &[f32]| [row[2 * group], row.get(2 * group + 1).copied().unwrap_or(0.0)];
            let points: Vec<[f32; 2]> = sample.chunks_exact(dim).map(pair).collect();
            learn(&points, book);
        }
    });
    let blocks = rows.div_ceil(BLOCK);
    let mut scales = vec![0.0; blocks * BLOCK];
    let mut squares = if metric == Metric::Euclidean { scales.clone() } else { Vec::new() };
    let mut codes = vec![0; blocks * block_bytes(groups(dim))];
    let to = codes.chunks_exact_mut(block_bytes(groups(dim))).zip(scales.chunks_exact_mut(BLOCK));
    let shares = Mutex::new(vectors.chunks(BLOCK * dim).zip(to));
    on_threads(threads, || {
        let mut unit = Vec::with_capacity(dim);
        while let Some((vectors, (codes, scales))) = next(&shares) {
            for (row, vector) in vectors.chunks_exact(dim).enumerate() {
                unit.clear();
                let length = direction(vector, mean, |value| unit.push(value));
                let mut agreement = 0.0;
                for (group, (pair, book)) in unit.chunks(2).zip(books.chunks_exact(2 * CODES)).enumerate() {
                    let point = [pair[0], pair.get(1).copied().unwrap_or(0.0)];
                    let code = nearest(point, book);
                    agreement += point[0] * book[code] + point[1] * book[CODES + code];
                    set_code(codes, row, group, code as u8);
                }
                // Codewords that have little to do with the row would blow its length up.
                scales[row] = length / agreement.max(0.25);
            }
        }
    });
    for (square, vector) in squares.iter_mut().zip(vectors.chunks_exact(dim)) {
        *square = vector.iter().zip(mean).map(|(value, mean)| (value - mean) * (value - mean)).sum();
    }
    Made { books, scales, squares, codes }
}

impl Coarse<'_> {
    /// Leaves about `count` rows of those that pass in `rows`: those whose rough scores are best.
    ///
    /// * `query`: shape `[dim]`, without the mean where the metric is a distance.
    pub(super) fn let_through(
        &self,
        segment: &Segment,
        scan: &mut CoarseScan,
        query: &[f32],
        count: usize,
        pass: Pass<'_>,
        rows: &mut Vec<u32>,
    ) {
        let CoarseScan { worth, table, scores, sample, bits } = scan;
        // Squared distances have the product twice.
        let weight = if self.squares.is_empty() { 1.0 } else { 2.0 };
        worth.clear();
        for (pair, book) in query.chunks(2).zip(self.books.chunks_exact(2 * CODES)) {
            let [first, second] = [pair[0], pair.get(1).copied().unwrap_or(0.0)].map(|value| weight * value);
            let (left, right) = book.split_at(CODES);
            worth.extend(left.iter().zip(right).map(|(a, b)| first * a + second * b));
        }
        table.set(worth);
        scores.resize(self.scales.len(), 0.0);
        table.scores(self.codes, self.scales, self.squares, scores);
        let all = segment.len();
        sample.clear();
        for row in (0..all).step_by(all.div_ceil(SAMPLE).max(1)) {
            if pass.contains(segment, row) {
                sample.push(scores[row]);
            }
        }
        let wanted = least(all).max(count) * sample.len() / pass.count(all).max(1);
        let bar = if sample.len() < PASSING || wanted >= sample.len() {
            f32::INFINITY
        } else {
            *sample.select_nth_unstable_by(wanted, f32::total_cmp).1
        };
        bits.resize(scores.len() / BLOCK, 0);
        below(scores, bar, bits);
        rows.clear();
        for (block, &bits) in bits.iter().enumerate() {
            let mut left = bits;
            while left != 0 {
                let row = block * BLOCK + left.trailing_zeros() as usize;
                left &= left - 1;
                if row < segment.len() && pass.contains(segment, row) {
                    rows.push(row as u32);
                }
            }
        }
    }
}

/// The least that a scan of `rows` rows lets through.
pub(super) fn least(rows: usize) -> usize {
    rows * BELOW / SAMPLE
}

/// The values of a vector behind the mean, with the length one; returns the length.
fn direction(vector: &[f32], mean: &[f32], mut value: impl FnMut(f32)) -> f32 {
    let square: f32 = vector.iter().zip(mean).map(|(value, mean)| (value - mean) * (value - mean)).sum();
    let inverse = super::inverse_norm(square);
    vector.iter().zip(mean).for_each(|(own, mean)| value((own - mean) * inverse));
    square.sqrt()
}

/// The codeword nearest to a point, the first of equals.
fn nearest(point: [f32; 2], book: &[f32]) -> usize {
    let (left, right) = book.split_at(CODES);
    let mut distances = [0.0f32; CODES];
    for (distance, (a, b)) in distances.iter_mut().zip(left.iter().zip(right)) {
        let (a, b) = (point[0] - a, point[1] - b);
        *distance = a * a + b * b;
    }
    let mut best = 0;
    for (code, &distance) in distances.iter().enumerate() {
        if distance < distances[best] {
            best = code;
        }
    }
    best
}

/// k-means in two dimensions, from points spread over the sample. A codeword that no point is near to stays where it is.
fn learn(points: &[[f32; 2]], book: &mut [f32]) {
    if points.is_empty() {
        return;
    }
    for code in 0..CODES {
        let [a, b] = points[(code * points.len() + points.len() / 2) / CODES % points.len()];
        (book[code], book[CODES + code]) = (a, b);
    }
    for _ in 0..ROUNDS {
        let mut sums = [[0.0f64; 3]; CODES];
        for &point in points {
            let sum = &mut sums[nearest(point, book)];
            sum[0] += f64::from(point[0]);
            sum[1] += f64::from(point[1]);
            sum[2] += 1.0;
        }
        for (code, [a, b, count]) in sums.into_iter().enumerate() {
            if count > 0.0 {
                book[code] = (a / count) as f32;
                book[CODES + code] = (b / count) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Rows;
    use crate::index::Settings;
    use crate::rng::Rng;

    fn random(count: usize, dim: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, 0);
        (0..count * dim).map(|_| rng.f32() + rng.f32() - 0.7).collect()
    }

    /// The share of the true nearest ten that `count` rows let through contain, on average, and how many those are.
    fn found(metric: Metric, dim: usize, count: usize, pass: Option<&Rows>) -> (f64, f64) {
        let (n, asked) = (5000, 40);
        let rows = random(n, dim, 1);
        let keys: Vec<u64> = (0..n as u64).collect();
        let settings = Settings { degree: 4, build_effort: 8, ..Settings::for_metric(metric) };
        let segment = Segment::build(&rows, dim, &keys, metric, &settings).unwrap();
        let pass = pass.map_or(Pass::All, Pass::Rows);
        let (mut scan, mut through, mut hits, mut lengths) = (CoarseScan::default(), Vec::new(), 0, 0);
        for query in random(asked, dim, 2).chunks_exact(dim) {
            let mut prepared = Vec::new();
            super::super::segment::prepared(query, metric, &mut prepared);
            if metric == Metric::Euclidean {
                prepared.iter_mut().zip(segment.mean()).for_each(|(value, mean)| *value -= mean);
            }
            segment.coarse().unwrap().let_through(&segment, &mut scan, &prepared, count, pass, &mut through);
            let mut truth: Vec<usize> = (0..n).filter(|&row| pass.contains(&segment, row)).collect();
            let score = |row: usize| {
                let score = metric.score(query, segment.vector(row));
                if metric.larger_is_nearer() { -score } else { score }
            };
            truth.sort_by(|&a, &b| score(a).total_cmp(&score(b)));
            hits += truth[..10].iter().filter(|&&row| through.contains(&(row as u32))).count();
            lengths += through.len();
            assert!(through.iter().all(|&row| pass.contains(&segment, row as usize)));
        }
        (hits as f64 / (10 * asked) as f64, lengths as f64 / asked as f64)
    }

    #[test]
    fn a_coarse_scan_lets_the_nearest_through_and_few_others() {
        for (_, metric) in Metric::ALL {
            for dim in [24, 31] {
                let (recall, count) = found(metric, dim, 500, None);
                assert!(recall > 0.97, "{metric:?}, {dim}: {recall}");
                assert!((300.0..800.0).contains(&count), "{metric:?}, {dim}: {count}");
            }
        }
    }

    #[test]
    fn of_rows_that_pass_a_filter_as_many_are_let_through() {
        let dim = 24;
        let keys: Vec<u64> = (0..5000).collect();
        let settings = Settings { degree: 4, build_effort: 8, ..Settings::for_metric(Metric::Cosine) };
        let segment = Segment::build(&random(5000, dim, 1), dim, &keys, Metric::Cosine, &settings).unwrap();
        let rows = Rows::of(&segment, |key| key % 2 == 0);
        let (recall, count) = found(Metric::Cosine, dim, 500, Some(&rows));
        assert!(recall > 0.97 && (300.0..800.0).contains(&count), "{recall}, {count}");
    }

    #[test]
    fn codes_are_the_same_on_any_number_of_threads() {
        let (dim, mean) = (7, [0.1; 7]);
        let rows = random(700, dim, 3);
        let made = [1, 3].map(|threads| encode(&rows, &mean, Metric::Euclidean, threads));
        assert_eq!(made[0].codes, made[1].codes);
        assert_eq!(made[0].scales, made[1].scales);
        assert_eq!(made[0].books, made[1].books);
        // A code points to the codeword that is nearest to the direction, and the corrected length makes the product
        // of a row with itself right.
        for (row, vector) in rows.chunks_exact(dim).enumerate() {
            let mut unit = Vec::new();
            let length = direction(vector, &mean, |value| unit.push(value));
            let book = |group: usize| &made[0].books[group * 2 * CODES..][..2 * CODES];
            let rebuilt: f32 = unit
                .chunks(2)
                .enumerate()
                .map(|(group, pair)| {
                    let point = [pair[0], pair.get(1).copied().unwrap_or(0.0)];
                    let code = nearest(point, book(group));
                    point[0] * book(group)[code] + point[1] * book(group)[CODES + code]
                })
                .sum();
            let product = made[0].scales[row] * rebuilt * length;
            assert!((product - length * length).abs() < 1e-4, "{product}");
        }
    }
}
