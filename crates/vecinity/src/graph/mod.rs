//! Graphs: edges in, random walks out, which are sequences like any others.
//!
//! | file | job |
//! |---|---|
//! | `edges` | edge lists: from, to and perhaps a weight a line |
//! | `walk` | random walks, with node2vec's p and q |
//!
//! DeepWalk (Perozzi et al. 2014) and node2vec (Grover & Leskovec 2016) learn skip-gram of walks over a graph; Wang et al.
//! (KDD 2018, arXiv:1803.02349) make the graph of sessions first: an edge from `i` to `j` weighs how often `j` came next.
//!
//! May import: `corpus`, `vocab`, `id`, `rng`, `error`.  Used by: `config`, `recommend`, `cli`.

mod edges;
mod walk;

pub use edges::{Report, read};
pub use walk::{Settings, Walker, corpus};

use crate::error::{Error, Result};
use crate::rng::{Column, Rng};
use crate::vocab::Vocab;

/// A weighted graph, as the edges that leave each node.
///
/// 12 bytes an edge, 4 if all weigh the same; an undirected edge leaves both of its nodes.
#[derive(Debug)]
pub struct Graph {
    nodes: Vocab,
    /// Where the edges of each node end.
    ends: Vec<u64>,
    /// Where they lead, rising within a node.
    to: Vec<u32>,
    /// An alias table a node; absent if all edges weigh the same.
    chances: Option<Vec<Column>>,
}

/// An edge while a graph is made: from, to, weight.
type Edge = (u32, u32, f32);

impl Graph {
    /// The graph of some edges; the weights of edges between the same nodes are added.
    ///
    /// * `nodes`: the names of the nodes; their counts mean nothing.
    /// * `directed`: edges lead one way only.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no edge.
    fn new(nodes: Vocab, mut edges: Vec<Edge>, directed: bool) -> Result<Self> {
        if edges.is_empty() {
            return Err(Error::data("the graph has no edges", "give at least one line: from, to and perhaps a weight"));
        }
        if !directed {
            for at in 0..edges.len() {
                let (from, to, weight) = edges[at];
                edges.push((to, from, weight));
            }
        }
        // By the weight too: sums of floats hang on their order.
        edges.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        edges.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 += next.2;
            }
            same
        });
        let mut ends = vec![0u64; nodes.len()];
        for &(from, ..) in &edges {
            ends[from as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let equal = edges.iter().all(|edge| edge.2 == edges[0].2);
        let chances = (!equal).then(|| {
            let mut all = Vec::with_capacity(edges.len());
            for edges in edges.chunk_by(|a, b| a.0 == b.0) {
                let weights: Vec<f64> = edges.iter().map(|edge| f64::from(edge.2)).collect();
                all.extend(Column::table(&weights));
            }
            all
        });
        let to = edges.iter().map(|edge| edge.1).collect();
        Ok(Self { nodes, ends, to, chances })
    }

    /// The graph of what follows what in sequences: the edge from `i` to `j` weighs how often `j` came right behind `i`.
    ///
    /// * `items`: the items of the sequences; those that occur less than `min_count` times are passed over.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing follows anything.
    pub fn of_sequences<'a>(
        items: &Vocab,
        sequences: impl Iterator<Item = &'a [u32]> + Clone,
        min_count: u64,
    ) -> Result<Self> {
        let mut counts = vec![0u64; items.len()];
        for &item in sequences.clone().flatten() {
            counts[item as usize] += 1;
        }
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for sequence in sequences {
            let mut kept = sequence.iter().copied().filter(|&item| counts[item as usize] >= min_count);
            let Some(mut before) = kept.next() else { continue };
            for item in kept {
                if item != before {
                    pairs.push((before, item));
                }
                before = item;
            }
        }
        pairs.sort_unstable();
        let edges = pairs.chunk_by(|a, b| a == b).map(|same| (same[0].0, same[0].1, same.len() as f32)).collect();
        Self::new(items.clone(), edges, true)
    }

    /// The names of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &Vocab {
        &self.nodes
    }

    /// Edges that leave a node, of all nodes: an undirected one counts twice.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.to.len()
    }

    /// Whether edges weigh differently.
    #[must_use]
    pub fn weighted(&self) -> bool {
        self.chances.is_some()
    }

    /// The nodes that edges from `node` lead to, rising.
    ///
    /// # Panics
    /// If there is no such node.
    #[must_use]
    #[inline]
    pub fn neighbors(&self, node: u32) -> &[u32] {
        &self.to[self.range(node)]
    }

    #[inline]
    fn range(&self, node: u32) -> std::ops::Range<usize> {
        let start = if node == 0 { 0 } else { self.ends[node as usize - 1] as usize };
        start..self.ends[node as usize] as usize
    }

    /// Whether an edge leads from one node to another.
    #[must_use]
    #[inline]
    pub fn has_edge(&self, from: u32, to: u32) -> bool {
        self.neighbors(from).binary_search(&to).is_ok()
    }

    /// Where an edge of `node` leads, drawn in proportion to its weight; nothing if none leaves it.
    #[inline]
    fn draw(&self, node: u32, rng: &mut Rng) -> Option<u32> {
        let range = self.range(node);
        if range.is_empty() {
            return None;
        }
        let at = match &self.chances {
            Some(chances) => rng.pick(&chances[range.clone()]),
            None => rng.below(range.len() as u32),
        };
        Some(self.to[range.start + at as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn of(edges: &[(u32, u32, f32)], directed: bool) -> Graph {
        let last = edges.iter().map(|edge| edge.0.max(edge.1)).max().unwrap();
        let nodes = Vocab::from_counts((0..=last).map(|node| (node.to_string(), 0))).unwrap();
        Graph::new(nodes, edges.to_vec(), directed).unwrap()
    }

    #[test]
    fn edges_between_the_same_nodes_are_added_and_undirected_ones_lead_both_ways() {
        let graph = of(&[(0, 2, 1.0), (0, 1, 1.0), (2, 0, 2.0)], false);
        assert_eq!((graph.neighbors(0), graph.neighbors(1), graph.neighbors(2)), (&[1, 2][..], &[0][..], &[0][..]));
        assert!(graph.weighted() && graph.has_edge(1, 0) && !graph.has_edge(1, 2));
        let one_way = of(&[(0, 2, 1.0), (0, 1, 1.0)], true);
        assert_eq!((one_way.edges(), one_way.weighted()), (2, false));
        assert!(one_way.neighbors(2).is_empty());
    }

    #[test]
    fn what_follows_what_in_sessions_is_counted() {
        let items = Vocab::from_counts([("a", 4), ("b", 3), ("c", 1)]).unwrap();
        let sequences: [&[u32]; 3] = [&[0, 1, 2, 0], &[0, 0, 1], &[1]];
        let graph = Graph::of_sequences(&items, sequences.iter().copied(), 2).unwrap();
        // `c` is too rare: what stands around it follows on.
        assert_eq!((graph.neighbors(0), graph.neighbors(1)), (&[1][..], &[0][..]));
        let error = Graph::of_sequences(&items, [&[0u32][..]].into_iter(), 1).unwrap_err();
        assert!(error.to_string().contains("no edges"), "{error}");
    }
}
