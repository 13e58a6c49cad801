//! Making the graph: rows are put in by batches that double in size, each against the graph before it.
//!
//! A batch's rows look for their neighbours in the frozen graph of all rows before them, in parallel; then the rows that
//! they chose get links back, in parallel too, a target at a time in a fixed order (as in ParlayANN: Manohar et al. 2024,
//! arXiv:2305.04359). So the graph is the same for any number of threads, without locks.
//!
//! As long as they are few, all rows before are scored instead: a walk that finds a few hundred looks at thousands of rows all over
//! the memory. What it would have found is among the nearest then, without exception.
//!
//! Neighbours are chosen among the nearest by relaxed pruning (Subramanya et al. 2019, DiskANN, algorithm 2): a candidate
//! is left out if a chosen one is nearer to it than the row is, by a factor. All distances are those of codes.

use super::graph::{Graph, Walker};
use std::num::NonZero;
use std::sync::Mutex;
use vecinity_kernel::codes::Query;

/// How a graph is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Links of a row, 2 to 1024: more find more, in more memory and time.
    pub degree: usize,
    /// Candidates that a row chooses its neighbours among, 8 to 4096.
    pub build_effort: usize,
    /// How much nearer a chosen neighbour must be to a candidate to stand for it, a factor of squared distances from 1 to 4.
    pub alpha: f32,
    /// Where walks begin: this many rows.
    pub entries: usize,
    /// Fewer rows get no graph: they are scanned.
    pub least_rows: usize,
    /// Seed of the order of the rows.
    pub seed: u64,
    /// Threads; they change nothing but the time.
    pub threads: usize,
}

impl Settings {
    /// What suits a metric. Inner products want a graph of more links, less pruned: what is near by inner product may be far.
    #[must_use]
    pub fn for_metric(metric: super::Metric) -> Self {
        let inner = metric == super::Metric::Dot;
        Self {
            degree: if inner { 64 } else { 32 },
            build_effort: 128,
            alpha: if inner { 1.5 } else { 1.1 },
            entries: 256,
            least_rows: 4096,
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        }
    }

    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a number out of its range.
    pub fn check(&self) -> crate::Result<()> {
        let wrong = |name, found: String, expected: &str| Err(crate::Error::setting(name, found, expected));
        if !(2..=1024).contains(&self.degree) {
            return wrong("degree", self.degree.to_string(), "2 to 1024");
        }
        if !(8..=4096).contains(&self.build_effort) {
            return wrong("build-effort", self.build_effort.to_string(), "8 to 4096");
        }
        if !(1.0..=4.0).contains(&self.alpha) {
            return wrong("alpha", self.alpha.to_string(), "1 to 4");
        }
        if !(1..=1 << 16).contains(&self.entries) {
            return wrong("entries", self.entries.to_string(), "1 to 65536");
        }
        if self.threads == 0 {
            return wrong("threads", self.threads.to_string(), "at least 1");
        }
        Ok(())
    }
}

/// Rows that a thread takes at a time.
const SHARE: usize = 64;
/// What a link costs that a walk of many candidates follows, in rows that are scored in their turn.
const BY_LINK: usize = 4;
/// Scores that say where the bar of a scan is.
const SAMPLE: usize = 1024;

/// The links of all rows, shape `[rows, degree]`, from their codes (those of squared distances).
pub(super) fn link(codes: &[u8], stride: usize, dim: usize, settings: &Settings) -> Vec<u32> {
    let (rows, degree) = (codes.len() / stride, settings.degree);
    let mut links: Vec<u32> = (0..rows as u32).flat_map(|row| std::iter::repeat_n(row, degree)).collect();
    let most = (rows / 50).max(256);
    // Whether the links of a row were chosen together, so that none stands for another one.
    let mut settled = vec![false; rows];
    let mut done = 1;
    while done < rows {
        let batch = done.min(most).min(rows - done);
        let (old, new) = links.split_at_mut(done * degree);
        let graph = Graph { codes, stride, links: old, degree, entries: settings.entries };
        let mut back = neighbours(&graph, &mut new[..batch * degree], dim, settings);
        back.sort_unstable();
        let changed = linked_back(&graph, &back, &settled, dim, settings);
        settled[done..done + batch].fill(true);
        for (row, whole, new) in changed {
            links[row as usize * degree..][..degree].copy_from_slice(&new);
            settled[row as usize] = whole;
        }
        done += batch;
    }
    links
}

/// Chooses the links of the rows behind the graph; returns them turned round: who is linked, by whom.
fn neighbours(graph: &Graph<'_>, new: &mut [u32], dim: usize, settings: &Settings) -> Vec<(u32, u32)> {
    let (first, degree) = (graph.rows(), graph.degree);
    let back = Mutex::new(Vec::with_capacity(new.len()));
    let shares = Mutex::new(new.chunks_mut(SHARE * degree).enumerate());
    on_threads(settings.threads, || {
        let (mut walker, mut chooser, mut own) = (Walker::new(dim), Chooser::new(dim), Vec::new());
        let mut nearest = Vec::new();
        while let Some((share, links)) = next(&shares) {
            for (at, links) in links.chunks_exact_mut(degree).enumerate() {
                let row = (first + share * SHARE + at) as u32;
                walker.query.set_row(graph.code(row));
                if first < settings.build_effort * degree * BY_LINK {
                    scan(graph, &mut walker, settings.build_effort, &mut nearest);
                } else {
                    graph.walk(&mut walker, settings.build_effort);
                    nearest.clear();
                    nearest.extend(walker.pool.found());
                }
                let candidate = |&(distance, row): &(f32, u32)| Candidate { distance, row, settled: false };
                chooser.candidates.clear();
                chooser.candidates.extend(nearest.iter().map(candidate));
                chooser.choose(graph, degree, settings.alpha);
                for (link, &chosen) in links.iter_mut().zip(&chooser.chosen) {
                    *link = chosen;
                    own.push((chosen, row));
                }
            }
        }
        lock(&back).append(&mut own);
    });
    back.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The rows of the graph that are nearest to the walker's query, at most `count`, the nearest first, by scoring all.
fn scan(graph: &Graph<'_>, walker: &mut Walker, count: usize, found: &mut Vec<(f32, u32)>) {
    let rows = graph.rows();
    let Walker { query, scores, .. } = walker;
    scores.resize(scores.len().max(rows), 0.0);
    let scores = &mut scores[..rows];
    query.score_from(graph.codes, 0, scores);
    found.clear();
    if rows > 4 * SAMPLE {
        // Nearly all rows are farther than a bar that a sample of them is compared with; with room for chance.
        let mut sample: Vec<f32> = scores.iter().step_by(rows / SAMPLE).copied().collect();
        let at = (2 * count * sample.len() / rows + 16).min(sample.len() - 1);
        let bar = *sample.select_nth_unstable_by(at, f32::total_cmp).1;
        for (part, scores) in scores.chunks(16).enumerate() {
            if scores.iter().fold(false, |below, &score| below | (score < bar)) {
                let numbered = scores.iter().copied().zip(part as u32 * 16..);
                found.extend(numbered.filter(|&(score, _)| score < bar));
            }
        }
    }
    if found.len() < count {
        found.clear();
        found.extend(scores.iter().copied().zip(0..));
    }
    let nearer = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if found.len() > count {
        found.select_nth_unstable_by(count, nearer);
        found.truncate(count);
    }
    found.sort_unstable_by(nearer);
}

/// The new links of the rows that were chosen (sorted): each the row's number, whether they were chosen together, and the links.
fn linked_back(
    graph: &Graph<'_>,
    back: &[(u32, u32)],
    settled: &[bool],
    dim: usize,
    settings: &Settings,
) -> Vec<(u32, bool, Vec<u32>)> {
    let groups: Vec<&[(u32, u32)]> = back.chunk_by(|a, b| a.0 == b.0).collect();
    let shares = Mutex::new(groups.chunks(SHARE));
    let changed = Mutex::new(Vec::with_capacity(groups.len()));
    on_threads(settings.threads, || {
        let (mut walker, mut chooser, mut own) = (Walker::new(dim), Chooser::new(dim), Vec::new());
        while let Some(share) = next(&shares) {
            for group in share {
                let row = group[0].0;
                walker.ids.clear();
                walker.ids.extend(graph.links(row));
                // What was chosen together is not compared again.
                let old = if settled[row as usize] { walker.ids.len() } else { 0 };
                walker.ids.extend(group.iter().map(|&(_, from)| from));
                let full = walker.ids.len() > graph.degree;
                if full {
                    walker.query.set_row(graph.code(row));
                    walker.score(graph.codes);
                    let scored = walker.scores.iter().zip(&walker.ids).enumerate();
                    chooser.candidates.clear();
                    chooser.candidates.extend(scored.map(|(at, (&distance, &row))| Candidate {
                        distance,
                        row,
                        settled: at < old,
                    }));
                    chooser
                        .candidates
                        .sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
                    chooser.choose(graph, graph.degree, settings.alpha);
                    walker.ids.clone_from(&chooser.chosen);
                }
                walker.ids.resize(graph.degree, row);
                own.push((row, full, walker.ids.clone()));
            }
        }
        lock(&changed).append(&mut own);
    });
    changed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A row that may become a neighbour.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    distance: f32,
    row: u32,
    /// It and all others that are settled were chosen together before: none of them stands for another one.
    settled: bool,
}

/// Chooses neighbours among candidates.
struct Chooser {
    /// The nearest first.
    candidates: Vec<Candidate>,
    chosen: Vec<u32>,
    query: Query,
    ids: Vec<u32>,
    distances: Vec<f32>,
}

impl Chooser {
    fn new(dim: usize) -> Self {
        let query = Query::new(dim);
        Self { candidates: Vec::new(), chosen: Vec::new(), query, ids: Vec::new(), distances: Vec::new() }
    }

    /// Chooses at most `limit` of the candidates. A chosen one is compared at once with all that are left behind it, but for
    /// those that it was compared with before.
    fn choose(&mut self, graph: &Graph<'_>, limit: usize, alpha: f32) {
        self.chosen.clear();
        while self.chosen.len() < limit && !self.candidates.is_empty() {
            let nearest = self.candidates.remove(0);
            self.chosen.push(nearest.row);
            let known = |candidate: &Candidate| nearest.settled && candidate.settled;
            self.ids.clear();
            self.ids.extend(self.candidates.iter().filter(|other| !known(other)).map(|other| other.row));
            if self.ids.is_empty() {
                continue;
            }
            self.query.set_row(graph.code(nearest.row));
            self.distances.resize(self.ids.len(), 0.0);
            self.query.score(graph.codes, &self.ids, &mut self.distances);
            let mut distances = self.distances.iter();
            self.candidates.retain(|other| {
                known(other) || distances.next().is_none_or(|&between| alpha * between >= other.distance)
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The next share of work. Not in the head of a `while let` itself: the lock would be held while the share is worked on.
pub(super) fn next<T>(shares: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    lock(shares).next()
}

/// Runs the same work on several threads, this one among them.
pub(super) fn on_threads(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use vecinity_kernel::codes::{encode, stride};

    #[test]
    fn a_scan_finds_the_nearest_of_the_rows_before() {
        let (dim, mut rng) = (16, Rng::new(3, 0));
        let stride = stride(dim);
        for (rows, count) in [(1, 8), (7, 8), (300, 20), (9000, 200)] {
            // One row behind those of the graph, which is asked for; a tenth of the rows are the same.
            let mut codes = vec![0; (rows + 1) * stride];
            for (at, code) in codes.chunks_exact_mut(stride).enumerate() {
                let values: Vec<f32> = (0..dim).map(|_| if at % 10 == 0 { 0.5 } else { rng.f32() - 0.5 }).collect();
                let square = values.iter().map(|value| value * value).sum();
                encode(&values, -2.0, square, code);
            }
            let links = vec![0; rows];
            let graph = Graph { codes: &codes, stride, links: &links, degree: 1, entries: 1 };
            let (mut walker, mut found) = (Walker::new(dim), vec![(0.0, 99)]);
            walker.query.set_row(graph.code(rows as u32));
            scan(&graph, &mut walker, count, &mut found);
            let mut scores = vec![0.0; rows];
            walker.query.score(&codes, &(0..rows as u32).collect::<Vec<_>>(), &mut scores);
            let mut expected: Vec<(f32, u32)> = scores.into_iter().zip(0..).collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            expected.truncate(count);
            assert_eq!(found, expected, "{rows} rows");
        }
    }

    #[test]
    fn what_was_chosen_together_need_not_be_compared_again() {
        let (dim, rows, mut rng) = (16, 300u32, Rng::new(4, 0));
        let stride = stride(dim);
        let mut codes = vec![0; rows as usize * stride];
        for code in codes.chunks_exact_mut(stride) {
            let values: Vec<f32> = (0..dim).map(|_| rng.f32() - 0.5).collect();
            encode(&values, -2.0, values.iter().map(|value| value * value).sum(), code);
        }
        let graph = Graph { codes: &codes, stride, links: &[], degree: 1, entries: 1 };
        let mut query = Query::new(dim);
        let mut chooser = Chooser::new(dim);
        let mut choose = |row: u32, among: &[(u32, bool)], limit: usize| {
            let ids: Vec<u32> = among.iter().map(|&(id, _)| id).collect();
            let mut distances = vec![0.0; ids.len()];
            query.set_row(graph.code(row));
            query.score(&codes, &ids, &mut distances);
            let scored = distances.into_iter().zip(among);
            chooser.candidates =
                scored.map(|(distance, &(row, settled))| Candidate { distance, row, settled }).collect();
            chooser.candidates.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
            chooser.choose(&graph, limit, 1.2);
            chooser.chosen.clone()
        };
        let mut pruned = 0;
        for row in 0..20 {
            let first: Vec<(u32, bool)> = (20..150).map(|id| (id, false)).collect();
            let old = choose(row, &first, 12);
            for new in [150..153, 153..300] {
                let with = |settled: bool| -> Vec<(u32, bool)> {
                    old.iter().map(|&id| (id, settled)).chain(new.clone().map(|id| (id, false))).collect()
                };
                let chosen = choose(row, &with(false), 12);
                assert_eq!(choose(row, &with(true), 12), chosen);
                pruned += old.iter().filter(|id| !chosen.contains(id)).count();
            }
        }
        assert!(pruned > 20, "new rows have to replace old ones for this to say anything");
    }
}
