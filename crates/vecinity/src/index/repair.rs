//! Every row can be reached: checked after every build, and repaired.
//!
//! Links back are pruned, so that a row may lose the last link to it; no walk finds it then. A breadth-first search from
//! the entries finds such rows. Each gets a link from a near row that can be reached, in the place of a link that the search
//! did not need: nothing is lost by that.

use super::graph::{Graph, Walker};
use std::collections::VecDeque;

const NOWHERE: u32 = u32::MAX;
/// Near rows among which one with room is looked for first.
const EFFORT: usize = 64;

/// Repairs `links` and returns the order in which the search reached all rows: the entries first.
pub(super) fn reach_all(
    codes: &[u8],
    stride: usize,
    dim: usize,
    links: &mut [u32],
    degree: usize,
    entries: usize,
) -> Vec<u32> {
    let rows = codes.len() / stride;
    let mut search = Search { parent: vec![NOWHERE; rows], order: Vec::with_capacity(rows), queue: VecDeque::new() };
    for entry in 0..entries.min(rows) as u32 {
        search.reach(entry, entry);
    }
    search.run(links, degree);
    let mut walker = Walker::new(dim);
    for row in 0..rows as u32 {
        if search.parent[row as usize] != NOWHERE {
            continue;
        }
        let graph = Graph { codes, stride, links, degree, entries };
        walker.query.set_row(graph.code(row));
        graph.walk(&mut walker, EFFORT);
        // One link of every row but the entries is needed, and each has at least two: some row has room.
        let near = walker.pool.found().map(|(_, row)| row).chain(0..rows as u32);
        let found = near
            .filter(|&from| search.parent[from as usize] != NOWHERE && from != row)
            .find_map(|from| Some(from).zip(search.spare(from, links, degree)));
        if let Some((from, slot)) = found {
            links[slot] = row;
            search.reach(row, from);
            search.run(links, degree);
        }
    }
    search.order
}

/// How many rows the walk can never reach.
pub(super) fn unreachable(graph: &Graph<'_>) -> usize {
    let rows = graph.rows();
    let mut search = Search { parent: vec![NOWHERE; rows], order: Vec::new(), queue: VecDeque::new() };
    for entry in 0..graph.entries.min(rows) as u32 {
        search.reach(entry, entry);
    }
    search.run(graph.links, graph.degree);
    rows - search.order.len()
}

struct Search {
    /// The row from which each was reached first.
    parent: Vec<u32>,
    order: Vec<u32>,
    queue: VecDeque<u32>,
}

impl Search {
    fn reach(&mut self, row: u32, from: u32) {
        self.parent[row as usize] = from;
        self.order.push(row);
        self.queue.push_back(row);
    }

    fn run(&mut self, links: &[u32], degree: usize) {
        while let Some(row) = self.queue.pop_front() {
            for &link in &links[row as usize * degree..][..degree] {
                if self.parent[link as usize] == NOWHERE {
                    self.reach(link, row);
                }
            }
        }
    }

    /// The place of a link of `from` that is free, or the last one through which nothing was reached.
    fn spare(&self, from: u32, links: &[u32], degree: usize) -> Option<usize> {
        let start = from as usize * degree;
        let own = &links[start..][..degree];
        // The first free place, so that the links before it stay in one piece.
        let free = own.iter().position(|&link| link == from);
        let unneeded = || own.iter().rposition(|&link| self.parent[link as usize] != from);
        free.or_else(unneeded).map(|at| start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vecinity_kernel::codes;

    proptest! {
        /// Whatever the links are: after the repair every row is reached, and none that was is lost.
        #[test]
        fn after_a_repair_every_row_is_reached(
            rows in 1usize..80, degree in 2usize..5, entries in 1usize..4, salt in any::<u64>(),
        ) {
            let mut rng = crate::rng::Rng::new(salt, 0);
            let stride = codes::stride(2);
            let mut bytes = vec![0; rows * stride];
            for row in bytes.chunks_mut(stride) {
                let (x, y) = (rng.f32(), rng.f32());
                codes::encode(&[x, y], 2.0, x * x + y * y, row);
            }
            // Few links, many of them to few rows: most rows cannot be reached.
            let target = rows.min(3) as u32;
            let mut links: Vec<u32> = (0..rows * degree).map(|_| rng.below(target)).collect();
            for (row, links) in links.chunks_mut(degree).enumerate() {
                let free = links.iter().position(|&link| link as usize == row).unwrap_or(degree);
                links[free..].fill(row as u32);
            }
            let order = reach_all(&bytes, stride, 2, &mut links, degree, entries);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..rows as u32).collect::<Vec<_>>());
            let graph = Graph { codes: &bytes, stride, links: &links, degree, entries };
            prop_assert_eq!(unreachable(&graph), 0);
        }
    }
}
