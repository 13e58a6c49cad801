//! Random walks over a graph.
//!
//! A step goes along an edge with probability in proportion to its weight. node2vec (Grover & Leskovec 2016, section 3.2)
//! weighs it with where the walk came from: the edge back to the node before by `1/p`, edges to nodes that the node before has
//! an edge to by 1, all others by `1/q`. The paper keeps an alias table for each pair of nodes, which is as many numbers as
//! the degrees of all neighbours together. Here only the edges have tables: a step is drawn by weight alone and taken with the
//! chance of its factor among the largest one, or drawn again. That is exact, and costs no memory (rejection sampling, as in
//! Yang et al. 2019, KnightKing).
//!
//! Every walk has a stream of chance of its own: the same walks on any number of threads.

use super::Graph;
use crate::corpus::{Corpus, Spool};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::stop;
use std::path::PathBuf;

/// Streams of chance from here on belong to walks, and from the second number on to the order of their nodes.
const WALKS: u64 = 1 << 40;
const ORDERS: u64 = 1 << 60;
/// Walks that a thread makes at a time.
const PART: usize = 1 << 12;

/// How walks are made.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Walks that begin at each node, 1 to 10,000.
    pub walks: usize,
    /// Nodes of a walk, at most, 2 to 10,000; it ends where no edge leads on.
    pub walk_length: usize,
    /// How unlikely it is to go back at once, 0.01 to 100; 1: as likely as any edge.
    pub p: f64,
    /// How unlikely it is to go away from the node before, 0.01 to 100; 1: as likely as any edge.
    pub q: f64,
    /// Edges lead from the first to the second node only.
    pub directed_edges: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { walks: 10, walk_length: 40, p: 1.0, q: 1.0, directed_edges: false }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        if !(1..=10_000).contains(&self.walks) {
            return Err(Error::setting("walks", self.walks, "1 to 10000"));
        }
        if !(2..=10_000).contains(&self.walk_length) {
            return Err(Error::setting("walk_length", self.walk_length, "2 to 10000"));
        }
        for (name, value) in [("p", self.p), ("q", self.q)] {
            if !(0.01..=100.0).contains(&value) {
                return Err(Error::setting(name, value, "0.01 to 100"));
            }
        }
        Ok(())
    }
}

/// Walks over a graph.
#[derive(Debug, Clone, Copy)]
pub struct Walker<'g> {
    graph: &'g Graph,
    length: usize,
    /// The factors of the way back and of the ways away; those to common neighbours have 1.
    back: f64,
    away: f64,
}

impl<'g> Walker<'g> {
    /// * `settings`: checked.
    #[must_use]
    pub fn new(graph: &'g Graph, settings: &Settings) -> Self {
        Self { graph, length: settings.walk_length, back: 1.0 / settings.p, away: 1.0 / settings.q }
    }

    /// Appends the nodes of a walk from `start`.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn walk(&self, start: u32, rng: &mut Rng, to: &mut Vec<u32>) {
        to.push(start);
        let (mut before, mut at) = (None, start);
        for _ in 1..self.length {
            let Some(next) = self.step(before, at, rng) else { break };
            to.push(next);
            (before, at) = (Some(at), next);
        }
    }

    /// The node behind `at`, where the walk came from `before`.
    #[inline]
    fn step(&self, before: Option<u32>, at: u32, rng: &mut Rng) -> Option<u32> {
        let Some(before) = before.filter(|_| self.back != 1.0 || self.away != 1.0) else {
            return self.graph.draw(at, rng);
        };
        let largest = self.back.max(self.away).max(1.0);
        loop {
            let next = self.graph.draw(at, rng)?;
            let chance = largest * rng.f64();
            // The edge is looked up only where the answer hangs on it.
            let factor = if next == before {
                self.back
            } else if chance < self.away.min(1.0) {
                return Some(next);
            } else if chance >= self.away.max(1.0) {
                continue;
            } else if self.graph.has_edge(before, next) {
                1.0
            } else {
                self.away
            };
            if chance < factor {
                return Some(next);
            }
        }
    }
}

/// The walks over a graph as a corpus: from each node as many as the settings say, in an order that chance decides.
///
/// * `folder`: where the work files go; the system's temporary folder if absent.
///
/// # Errors
/// As [`Settings::check`]; [`Error::Io`].
pub fn corpus(
    graph: &Graph,
    settings: &Settings,
    seed: u64,
    threads: usize,
    folder: Option<PathBuf>,
) -> Result<Corpus> {
    settings.check()?;
    let nodes = graph.nodes().len();
    let walker = Walker::new(graph, settings);
    let mut spool = Spool::new(nodes, folder)?;
    let mut order: Vec<u32> = (0..nodes as u32).filter(|&node| !graph.neighbors(node).is_empty()).collect();
    for round in 0..settings.walks as u64 {
        Rng::new(seed, ORDERS + round).shuffle(&mut order);
        for starts in order.chunks(PART * threads.max(1)) {
            stop::check()?;
            let walks = |starts: &[u32]| {
                let (mut all, mut ends) = (Vec::with_capacity(starts.len() * settings.walk_length), Vec::new());
                for &start in starts {
                    let mut rng = Rng::new(seed, WALKS + round * nodes as u64 + u64::from(start));
                    walker.walk(start, &mut rng, &mut all);
                    ends.push(all.len());
                }
                (all, ends)
            };
            let parts = std::thread::scope(|scope| {
                let made: Vec<_> = starts.chunks(PART).map(|starts| scope.spawn(move || walks(starts))).collect();
                made.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
            });
            for part in parts {
                let failed = |_| Error::data("a walking thread failed", "this is a bug, please report it");
                let (all, ends) = part.map_err(failed)?;
                let mut start = 0;
                for end in ends {
                    spool.push(&all[start..end])?;
                    start = end;
                }
            }
        }
    }
    spool.finish(graph.nodes())
}

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    /// Chi-square of `seen` against probabilities, beside what chance leaves it below in all but one of a million cases.
    fn assert_follows(seen: &[u64], expected: &[f64], what: &str) {
        let total: u64 = seen.iter().sum();
        let sum: f64 = expected.iter().sum();
        let mut chi = 0.0;
        for (&seen, weight) in seen.iter().zip(expected) {
            let mean = total as f64 * weight / sum;
            if mean == 0.0 {
                assert_eq!(seen, 0, "{what}: a step that cannot be");
            } else {
                chi += (seen as f64 - mean).powi(2) / mean;
            }
        }
        let degrees = expected.iter().filter(|weight| **weight > 0.0).count() as f64 - 1.0;
        // Wilson and Hilferty's cube, at 4.75 standard deviations.
        let (mean, deviation) = (1.0 - 2.0 / (9.0 * degrees), (2.0 / (9.0 * degrees)).sqrt());
        let limit = degrees * (mean + 4.75 * deviation).powi(3);
        assert!(chi < limit, "{what}: chi-square {chi:.1} of {degrees} degrees, limit {limit:.1}");
    }

    #[test]
    fn steps_go_by_the_weights_of_the_edges() {
        let mut rng = Rng::new(1, 0);
        let edges: Vec<(u32, u32, f32)> = (0..20u32)
            .flat_map(|from| (0..20u32).map(move |to| (from, to)))
            .filter(|(from, to)| from != to && (from * 7 + to * 3) % 4 == 0)
            .map(|(from, to)| (from, to, 0.25 + rng.f32() * 8.0))
            .collect();
        let graph = of(&edges, true);
        let walker = Walker::new(&graph, &Settings { walk_length: 60, ..Settings::default() });
        let mut seen = vec![[0u64; 20]; 20];
        for walk in 0..20_000u64 {
            let mut nodes = Vec::new();
            walker.walk((walk % 20) as u32, &mut Rng::new(2, walk), &mut nodes);
            nodes.windows(2).for_each(|pair| seen[pair[0] as usize][pair[1] as usize] += 1);
        }
        for (from, seen) in seen.iter().enumerate() {
            let mut expected = [0.0; 20];
            edges.iter().filter(|edge| edge.0 as usize == from).for_each(|e| expected[e.1 as usize] = f64::from(e.2));
            assert_follows(seen, &expected, &format!("from {from}"));
        }
    }

    #[test]
    fn p_and_q_give_the_probabilities_of_the_paper() {
        // 0 came to 1, whose neighbours are 0 (back), 2 (a neighbour of 0, too) and 3, 4 (farther away).
        let edges = [(0, 1, 2.0), (0, 2, 1.0), (1, 2, 3.0), (1, 3, 1.0), (1, 4, 0.5), (3, 4, 1.0)];
        let graph = of(&edges, false);
        for (p, q) in [(1.0, 1.0), (0.25, 4.0), (4.0, 0.25), (2.0, 8.0), (0.1, 0.1), (100.0, 0.01)] {
            let walker = Walker::new(&graph, &Settings { p, q, ..Settings::default() });
            let mut rng = Rng::new(3, 0);
            let mut seen = [0u64; 5];
            for _ in 0..200_000 {
                seen[walker.step(Some(0), 1, &mut rng).unwrap() as usize] += 1;
            }
            assert_follows(&seen, &[2.0 / p, 0.0, 3.0, 1.0 / q, 0.5 / q], &format!("p {p}, q {q}"));
        }
    }

    #[test]
    fn walks_end_where_no_edge_leads_on_and_are_the_same_on_any_number_of_threads() {
        let graph = of(&[(0, 1, 1.0), (1, 2, 1.0), (3, 1, 1.0)], true);
        let settings = Settings { walks: 3, walk_length: 9, ..Settings::default() };
        let made = corpus(&graph, &settings, 7, 1, None).unwrap();
        // 0 1 2, 1 2 and 3 1 2, three times each; nothing begins at 2.
        assert_eq!((made.sequences(), made.tokens().len()), (9, 24));
        let many: Vec<(u32, u32, f32)> = (0..9000).map(|node| (node, (node * 31 + 7) % 9000, 1.0)).collect();
        let graph = of(&many, false);
        let one = corpus(&graph, &settings, 7, 1, None).unwrap();
        let two = corpus(&graph, &settings, 7, 2, None).unwrap();
        assert_eq!(one.fingerprint(), two.fingerprint());
        assert_ne!(one.fingerprint(), corpus(&graph, &settings, 8, 1, None).unwrap().fingerprint());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let usual = Settings::default;
        for (settings, says) in [
            (Settings { walks: 0, ..usual() }, "walks is 0, expected 1 to 10000"),
            (Settings { walk_length: 1, ..usual() }, "walk_length is 1, expected 2 to 10000"),
            (Settings { p: 0.0, ..usual() }, "p is 0, expected 0.01 to 100"),
            (Settings { q: f64::NAN, ..usual() }, "q is NaN, expected 0.01 to 100"),
        ] {
            assert_eq!(settings.check().unwrap_err().to_string(), says);
        }
    }
}
