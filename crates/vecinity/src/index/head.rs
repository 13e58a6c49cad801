//! Vectors that came after the segment was made: few, in memory, all of them looked at.

use super::Metric;
use super::search::distance;
use super::segment::prepared;
use std::collections::HashMap;

#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    keys: Vec<u64>,
    /// Shape `[keys.len(), dim]`, as the segment stores them.
    vectors: Vec<f32>,
    place: HashMap<u64, usize>,
}

impl Head {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.place.contains_key(&key)
    }

    /// The vector of a key.
    pub(super) fn vector(&self, key: u64, dim: usize) -> Option<&[f32]> {
        self.place.get(&key).map(|&at| &self.vectors[at * dim..][..dim])
    }

    /// Adds a vector or replaces that of the same key.
    pub(super) fn put(&mut self, key: u64, vector: &[f32], metric: Metric) {
        let mut row = Vec::with_capacity(vector.len());
        prepared(vector, metric, &mut row);
        if let Some(&at) = self.place.get(&key) {
            self.vectors[at * row.len()..][..row.len()].copy_from_slice(&row);
        } else {
            self.place.insert(key, self.keys.len());
            self.keys.push(key);
            self.vectors.append(&mut row);
        }
    }

    /// Removes a vector; whether it was there.
    pub(super) fn remove(&mut self, key: u64, dim: usize) -> bool {
        let Some(at) = self.place.remove(&key) else { return false };
        let last = self.keys.len() - 1;
        self.keys.swap_remove(at);
        self.vectors.copy_within(last * dim.., at * dim);
        self.vectors.truncate(last * dim);
        if let Some(&moved) = self.keys.get(at) {
            self.place.insert(moved, at);
        }
        true
    }

    /// Keys with their vectors.
    pub(super) fn iter(&self, dim: usize) -> impl Iterator<Item = (u64, &[f32])> {
        self.keys.iter().copied().zip(self.vectors.chunks_exact(dim))
    }

    /// Adds the distances of all vectors for which `keep` says yes to a short list; `query` is prepared.
    pub(super) fn search(
        &self,
        query: &[f32],
        metric: Metric,
        keep: impl Fn(u64) -> bool,
        short: &mut Vec<(f32, u64)>,
    ) {
        let kept = self.iter(query.len()).filter(|(key, _)| keep(*key));
        short.extend(kept.map(|(key, vector)| (distance(metric, query, vector), key)));
    }
}
