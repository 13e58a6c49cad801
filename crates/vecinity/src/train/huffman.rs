//! The Huffman tree of hierarchical softmax.
//!
//! Every token is a leaf; its path from the root has one inner node a code bit. A model predicts the
//! bits: `p(w | h) = prod_k sigmoid((1 - 2 bit_k) node_k . h)` (Morin & Bengio 2005; Mikolov et al.
//! 2013, arXiv:1301.3781). Frequent tokens have short paths, `log2(V)` on average at worst.

use crate::vocab::Vocab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Paths and codes of all tokens.
#[derive(Debug, Clone)]
pub struct Huffman {
    /// Inner nodes of all paths, root first, one path behind the other. The root is node 0: the nearer to it, the lower the
    /// number, as in a table whose most used rows come first.
    nodes: Vec<u32>,
    /// 1 - code bit: the label of each node in `nodes`.
    labels: Vec<f32>,
    ends: Vec<usize>,
    inner: usize,
}

impl Huffman {
    /// The tree for the counts of `vocab`.
    #[must_use]
    pub fn new(vocab: &Vocab) -> Self {
        let tokens = vocab.len();
        let inner = tokens.saturating_sub(1);
        // Equal counts always give the same tree, that of word2vec.c: inner nodes first, by age; then the rarer tokens.
        let leaf = |row| (tokens + inner + tokens - row, row);
        let mut heap: BinaryHeap<Reverse<(u64, (usize, usize))>> =
            vocab.counts().iter().enumerate().map(|(row, &n)| Reverse((n, leaf(row)))).collect();
        let mut parent = vec![0usize; tokens + inner];
        let mut bit = vec![false; tokens + inner];
        for node in tokens..tokens + inner {
            let (Some(Reverse((m, (_, a)))), Some(Reverse((n, (_, b))))) = (heap.pop(), heap.pop()) else { break };
            (parent[a], parent[b], bit[b]) = (node, node, true);
            heap.push(Reverse((m + n, (node, node))));
        }
        let mut tree = Self { nodes: Vec::new(), labels: Vec::new(), ends: Vec::with_capacity(tokens), inner };
        let root = tokens + inner - 1;
        for leaf in 0..tokens {
            let start = tree.nodes.len();
            let mut at = leaf;
            while at != root && inner > 0 {
                tree.labels.push(f32::from(u8::from(!bit[at])));
                at = parent[at];
                tree.nodes.push((root - at) as u32);
            }
            tree.nodes[start..].reverse();
            tree.labels[start..].reverse();
            tree.ends.push(tree.nodes.len());
        }
        tree
    }

    /// Number of inner nodes: rows of the output table.
    #[must_use]
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// The path of a token: inner nodes from the root on, and the label (1 - code bit) of each.
    ///
    /// # Panics
    /// If the token is not of the vocabulary.
    #[inline]
    #[must_use]
    pub fn path(&self, token: u32) -> (&[u32], &[f32]) {
        let token = token as usize;
        let start = if token == 0 { 0 } else { self.ends[token - 1] };
        (&self.nodes[start..self.ends[token]], &self.labels[start..self.ends[token]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lengths_are_those_of_the_textbook() {
        // Counts 45, 16, 13, 12, 9, 5: lengths 1, 3, 3, 3, 4, 4 (Cormen et al., chapter on greedy algorithms).
        let counts = [("f", 45), ("e", 16), ("c", 13), ("b", 12), ("a", 9), ("d", 5)];
        let tree = Huffman::new(&Vocab::from_counts(counts).unwrap());
        let lengths: Vec<_> = (0..6).map(|t| tree.path(t).0.len()).collect();
        assert_eq!(lengths, [1, 3, 3, 3, 4, 4]);
        // Every path begins at the root, and no two tokens have the same code.
        assert!((0..6).all(|t| tree.path(t).0[0] == 0));
        let mut codes: Vec<_> = (0..6).map(|t| format!("{:?}", tree.path(t).1)).collect();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), 6);
    }

    #[test]
    fn of_equal_counts_inner_nodes_come_first() {
        // `b` and `c` make a node of count 2; with `a` it is the root's, and the second of a pair has the bit 1.
        let tree = Huffman::new(&Vocab::from_counts([("a", 2), ("b", 1), ("c", 1)]).unwrap());
        let labels: Vec<_> = (0..3).map(|t| tree.path(t).1).collect();
        assert_eq!(labels, [&[0.0][..], &[1.0, 0.0], &[1.0, 1.0]]);
    }

    #[test]
    fn a_single_token_has_an_empty_path() {
        let tree = Huffman::new(&Vocab::from_counts([("a", 3)]).unwrap());
        assert_eq!((tree.inner(), tree.path(0).0.len()), (0, 0));
    }
}
