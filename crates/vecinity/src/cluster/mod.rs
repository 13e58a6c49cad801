//! Groups of tokens whose vectors are near: k-means.
//!
//! | file | job |
//! |---|---|
//! | `start` | the first centroids: greedy k-means++ |
//! | `write` | a row a token as CSV, TSV or JSON Lines |
//!
//! Lloyd's rounds (1982): every row goes to its nearest centroid, every centroid to the mean of its rows. By cosine
//! all rows and centroids have length 1 (spherical k-means, Dhillon & Modha 2001). The nearest centroid is found
//! by matrix products of blocks of rows, on all cores. The result does not depend on the number of threads: blocks are
//! the same for any, and a centroid is the sum of its rows in their order.
//!
//! May import: `embeddings`, `formats`, `index`, `publish`, `vocab`, `id`, `rng`, `error`.  Used by: `cli`.

mod start;
mod write;

pub use write::{Written, check, write};

use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::index::{Metric, inverse_norm};
use std::sync::Mutex;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::dot;

/// Rows that one thread takes at a time.
const BLOCK: usize = 512;
/// A round that makes the distances smaller by less than this share is the last.
const ENOUGH: f64 = 1e-6;

/// How clusters are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How many, 1 to the number of distinct vectors.
    pub clusters: usize,
    /// [`Metric::Cosine`] or [`Metric::Euclidean`].
    pub metric: Metric,
    /// Seed of the first centroids.
    pub seed: u64,
    /// Rounds, at most.
    pub rounds: u32,
    /// Threads.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clusters: 20, metric: Metric::Cosine, seed: 1, rounds: 200, threads: 1 }
    }
}

/// The clusters of the rows of a matrix. They are numbered from 0, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// The cluster of each row.
    pub of: Vec<u32>,
    /// How far each row is from the centroid of its cluster: `1 - cosine`, in `[0, 2]`, or the Euclidean distance.
    pub distances: Vec<f32>,
    /// Shape `[clusters, dim]`; of length 1 by cosine.
    pub centroids: Vec<f32>,
    /// The rows of each cluster.
    pub sizes: Vec<usize>,
    /// How much of the squared distances to one centroid for all these centroids take away, in `[0, 1]`.
    pub explained: f64,
    /// Rounds until nothing changed much.
    pub rounds: u32,
}

impl Clusters {
    /// Up to `limit` rows of a cluster, those nearest to its centroid first.
    #[must_use]
    pub fn central(&self, cluster: u32, limit: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.of.len()).filter(|&row| self.of[row] == cluster).collect();
        rows.sort_by(|&a, &b| self.distances[a].total_cmp(&self.distances[b]).then(a.cmp(&b)));
        rows.truncate(limit);
        rows
    }
}

/// Groups the rows of a matrix. A row of zeros has no direction: by cosine it is at distance 1 from everything.
///
/// # Errors
/// [`Error::Setting`] for another metric, or for more clusters than there are distinct vectors.
///
/// # Example
/// ```
/// use vecinity::Matrix;
/// use vecinity::cluster::{Settings, kmeans};
/// let rows = Matrix::new(4, 2, vec![1.0, 0.1, 9.0, 1.0, 0.2, 1.0, 3.0, 0.3]);
/// let clusters = kmeans(&rows, &Settings { clusters: 2, ..Settings::default() })?;
/// assert_eq!(clusters.of, [0, 0, 1, 0]);       // by direction; the largest cluster is number 0
/// assert_eq!(clusters.sizes, [3, 1]);
/// # Ok::<(), vecinity::Error>(())
/// ```
pub fn kmeans(matrix: &Matrix, settings: &Settings) -> Result<Clusters> {
    let n = matrix.rows();
    if settings.metric == Metric::Dot {
        return Err(Error::setting("metric", "dot", "cosine or euclidean: a mean minimises no dot products"));
    }
    if settings.clusters == 0 || settings.clusters > n {
        return Err(Error::setting("clusters", settings.clusters, format!("1 to {n}, the number of vectors")));
    }
    if matrix.dim() == 0 {
        return Err(Error::data("the vectors of this model have no values", "train again with --dim 1 or more"));
    }
    let rows = Rows::new(matrix, settings.metric, settings.threads);
    let mut centroids = start::start(&rows, settings)?;
    let (mut of, mut scores) = (vec![u32::MAX; n], vec![0.0f32; n]);
    let (mut before, mut inertia, mut rounds) = (f64::INFINITY, f64::INFINITY, 0);
    while rounds < settings.rounds.max(1) {
        rounds += 1;
        rows.assign(&centroids, &mut of, &mut scores);
        rows.fill_empty(settings.clusters, &mut of, &scores);
        inertia = rows.inertia(&scores);
        if inertia >= before * (1.0 - ENOUGH) {
            break;
        }
        before = inertia;
        centroids = rows.means(settings.clusters, &of);
    }
    let spread = rows.spread();
    let explained = if spread > 0.0 { (1.0 - inertia / spread).clamp(0.0, 1.0) } else { 1.0 };
    Ok(rows.finish(matrix, settings.clusters, &of, explained, rounds))
}

/// The rows as they are compared, shape `[n, dim]`: of length 1, or with their mean at the origin, so that products lose nothing
/// of what is near.
struct Rows {
    values: Vec<f32>,
    dim: usize,
    metric: Metric,
    threads: usize,
    /// The squared length of each.
    squares: Vec<f32>,
    /// What was subtracted from each.
    mean: Vec<f32>,
}

impl Rows {
    fn new(matrix: &Matrix, metric: Metric, threads: usize) -> Self {
        let (dim, mut values) = (matrix.dim(), matrix.as_slice().to_vec());
        let mut mean = vec![0.0; dim];
        if metric == Metric::Cosine {
            for row in values.chunks_exact_mut(dim) {
                let scale = inverse_norm(dot(row, row));
                row.iter_mut().for_each(|value| *value *= scale);
            }
        } else {
            mean = mean_of(values.chunks_exact(dim), dim);
            for row in values.chunks_exact_mut(dim) {
                row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
            }
        }
        let squares = values.chunks_exact(dim).map(|row| dot(row, row)).collect();
        Self { values, dim, metric, threads: threads.max(1), squares, mean }
    }

    fn len(&self) -> usize {
        self.squares.len()
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// The nearest centroid of each row, the first of equally near ones; and `x . c - c . c / 2`, which is largest for it.
    fn assign(&self, centroids: &[f32], of: &mut [u32], scores: &mut [f32]) {
        let k = centroids.len() / self.dim;
        let halves: Vec<f32> = centroids.chunks_exact(self.dim).map(|c| 0.5 * dot(c, c)).collect();
        let parts = of.chunks_mut(BLOCK).zip(scores.chunks_mut(BLOCK)).zip(self.values.chunks(BLOCK * self.dim));
        in_parallel(
            self.threads,
            parts,
            || vec![0.0; BLOCK * k],
            |products, ((of, scores), rows)| {
                let products = &mut products[..of.len() * k];
                let rows = View::new(rows, of.len(), self.dim);
                multiply(1.0, rows, View::new(centroids, k, self.dim).transposed(), 0.0, products);
                for ((of, best), products) in of.iter_mut().zip(scores).zip(products.chunks_exact(k)) {
                    (*of, *best) = (0, f32::NEG_INFINITY);
                    for (cluster, (product, half)) in products.iter().zip(&halves).enumerate() {
                        let score = product - half;
                        if score > *best {
                            (*of, *best) = (cluster as u32, score);
                        }
                    }
                }
            },
        );
    }

    /// The squared distance of a row to the centroid that has this score.
    fn squared(&self, row: usize, score: f32) -> f32 {
        (self.squares[row] - 2.0 * score).max(0.0)
    }

    fn inertia(&self, scores: &[f32]) -> f64 {
        scores.iter().enumerate().map(|(row, &score)| f64::from(self.squared(row, score))).sum()
    }

    /// A cluster that lost all its rows gets the one that is farthest from its centroid.
    fn fill_empty(&self, k: usize, of: &mut [u32], scores: &[f32]) {
        let mut sizes = vec![0usize; k];
        of.iter().for_each(|&cluster| sizes[cluster as usize] += 1);
        if !sizes.contains(&0) {
            return;
        }
        let mut far: Vec<usize> = (0..self.len()).collect();
        far.sort_by(|&a, &b| self.squared(b, scores[b]).total_cmp(&self.squared(a, scores[a])).then(a.cmp(&b)));
        let mut far = far.into_iter();
        for empty in 0..k {
            if sizes[empty] > 0 {
                continue;
            }
            let Some(row) = far.find(|&row| sizes[of[row] as usize] > 1) else { return };
            sizes[of[row] as usize] -= 1;
            sizes[empty] = 1;
            of[row] = empty as u32;
        }
    }

    /// The centroids of clusters, shape `[k, dim]`.
    fn means(&self, k: usize, of: &[u32]) -> Vec<f32> {
        let mut ends = vec![0usize; k + 1];
        of.iter().for_each(|&cluster| ends[cluster as usize + 1] += 1);
        for at in 0..k {
            ends[at + 1] += ends[at];
        }
        let (mut next, mut members) = (ends.clone(), vec![0u32; of.len()]);
        for (row, &cluster) in of.iter().enumerate() {
            members[next[cluster as usize]] = row as u32;
            next[cluster as usize] += 1;
        }
        let mut centroids = vec![0.0; k * self.dim];
        let parts = centroids.chunks_exact_mut(self.dim).zip(ends.windows(2));
        in_parallel(
            self.threads,
            parts,
            || (),
            |(), (centroid, range)| {
                let members = &members[range[0]..range[1]];
                centroid.copy_from_slice(&mean_of(members.iter().map(|&row| self.row(row as usize)), self.dim));
                if self.metric == Metric::Cosine {
                    let scale = inverse_norm(dot(centroid, centroid));
                    centroid.iter_mut().for_each(|value| *value *= scale);
                }
            },
        );
        centroids
    }

    /// The squared distances to one centroid for all.
    fn spread(&self) -> f64 {
        let one = self.means(1, &vec![0; self.len()]);
        let half = 0.5 * dot(&one, &one);
        let scores: Vec<f32> = self.values.chunks_exact(self.dim).map(|row| dot(row, &one) - half).collect();
        self.inertia(&scores)
    }

    /// Numbers the clusters by falling size and measures the distances.
    fn finish(&self, matrix: &Matrix, k: usize, of: &[u32], explained: f64, rounds: u32) -> Clusters {
        let mut members = vec![(0usize, usize::MAX); k];
        for (row, &cluster) in of.iter().enumerate() {
            let (size, first) = &mut members[cluster as usize];
            *size += 1;
            *first = row.min(*first);
        }
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|&cluster| (std::cmp::Reverse(members[cluster].0), members[cluster].1));
        let mut number = vec![0u32; k];
        for (new, &old) in order.iter().enumerate() {
            number[old] = new as u32;
        }
        let of: Vec<u32> = of.iter().map(|&cluster| number[cluster as usize]).collect();
        let mut centroids = self.means(k, &of);
        for centroid in centroids.chunks_exact_mut(self.dim) {
            centroid.iter_mut().zip(&self.mean).for_each(|(value, mean)| *value += mean);
        }
        let distance = |(row, &cluster): (usize, &u32)| {
            let score = self.metric.score(matrix.row(row), &centroids[cluster as usize * self.dim..][..self.dim]);
            if self.metric == Metric::Cosine { 1.0 - score } else { score }
        };
        let distances = of.iter().enumerate().map(distance).collect();
        let sizes = order.iter().map(|&cluster| members[cluster].0).collect();
        Clusters { of, distances, centroids, sizes, explained, rounds }
    }
}

/// The mean of rows, summed in their order.
fn mean_of<'a>(rows: impl Iterator<Item = &'a [f32]>, dim: usize) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0f64; dim], 0usize);
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        count += 1;
    }
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

/// Hands out parts of a work to threads, which take the next one when they are done. Each thread has a buffer.
fn in_parallel<P: Send, B>(
    threads: usize,
    parts: impl Iterator<Item = P> + Send,
    buffer: impl Fn() -> B + Sync,
    work: impl Fn(&mut B, P) + Sync,
) {
    let threads = threads.min(parts.size_hint().0);
    let parts = Mutex::new(parts);
    let run = || {
        let mut buffer = buffer();
        loop {
            let part = parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some(part) = part else { break };
            work(&mut buffer, part);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}

#[cfg(test)]
mod tests;
