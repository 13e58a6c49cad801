//! Keeping the best few of many ranked rows, on one thread or several.
//!
//! A *rank* is a float of which larger is better; distances enter with their sign turned. Ranks are
//! computed a block of rows at a time, so that finding the few above the bar costs little beside
//! reading the rows.

use super::Hit;
use crate::id::TokenId;
use std::num::NonZero;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows ranked at once: their ranks (2 KiB) stay in the first-level cache.
pub(crate) const BLOCK: usize = 512;

/// A thread more is worth its start only if it has this much to read (bytes).
const BYTES_A_THREAD: usize = 4 << 20;

/// How many threads to use for a pass over `bytes`: one for every 4 MiB, at most the machine's.
#[must_use]
pub fn threads_for(bytes: usize) -> usize {
    static MACHINE: OnceLock<usize> = OnceLock::new();
    let machine = *MACHINE.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get));
    (bytes / BYTES_A_THREAD).clamp(1, machine)
}

/// The best `limit` of `rows` rows, best first, equal ranks by row. The answer does not depend on
/// `threads`.
///
/// * `keep`: which rows may be answers; asked only of rows that would be among the best so far.
/// * `rank`: writes the ranks (larger is better) of a range of rows, shape `[range.len()]`; a range has
///   at most 512 rows. NaN counts as the worst.
///
/// The `score` of each [`Hit`] is its rank.
pub fn best_rows(
    rows: usize,
    limit: usize,
    threads: usize,
    keep: &(dyn Fn(TokenId) -> bool + Sync),
    rank: &(dyn Fn(Range<usize>, &mut [f32]) + Sync),
) -> Vec<Hit> {
    let limit = limit.min(rows);
    let threads = threads.clamp(1, rows.div_ceil(BLOCK).max(1));
    // Several stretches for each thread, handed out as they are asked for: a thread that is held up holds
    // up nobody. Each thread sees its rows in rising order, and the best of all are the same however
    // the rows were shared.
    let stretch = rows.div_ceil(threads * 8).next_multiple_of(BLOCK);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut best = Best::new(limit);
        let mut ranks = [0.0; BLOCK];
        loop {
            let start = next.fetch_add(stretch, Ordering::Relaxed);
            if start >= rows {
                return best;
            }
            let end = rows.min(start + stretch);
            for start in (start..end).step_by(BLOCK) {
                let ranks = &mut ranks[..end.min(start + BLOCK) - start];
                rank(start..start + ranks.len(), ranks);
                best.offer(start, ranks, keep);
            }
        }
    };
    let mut best = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut best = work();
        for other in others {
            match other.join() {
                Ok(other) => best.kept.extend(other.kept),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        best
    });
    best.take_hits()
}

/// The best rows seen so far.
pub(crate) struct Best {
    limit: usize,
    kept: Vec<(f32, u32)>,
    /// Ranks up to here are not among the best.
    bar: f32,
}

impl Best {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), bar: f32::NEG_INFINITY }
    }

    /// Takes in the rows from `first` on. Rows must be offered in rising order: a later row with the
    /// rank of the bar has lost.
    pub(crate) fn offer(&mut self, first: usize, ranks: &[f32], keep: &dyn Fn(TokenId) -> bool) {
        if self.limit == 0 {
            return;
        }
        // Most are below the bar: sixteen are looked at together, which the compiler does in a few instructions.
        for (part, ranks) in ranks.chunks(16).enumerate() {
            if !ranks.iter().fold(false, |above, rank| above | above_or_nan(*rank, self.bar)) {
                continue;
            }
            for (at, &rank) in ranks.iter().enumerate() {
                // NaN and -∞ become the lowest finite number, -0 becomes 0: an order without surprises.
                let rank = (rank + 0.0).max(f32::MIN);
                let row = (first + part * 16 + at) as u32;
                if rank > self.bar && keep(TokenId(row)) {
                    self.kept.push((rank, row));
                    if self.kept.len() >= 2 * self.limit + 32 {
                        self.prune();
                    }
                }
            }
        }
    }

    /// Keeps the best `limit` and raises the bar.
    fn prune(&mut self) {
        if self.kept.len() > self.limit {
            self.kept.select_nth_unstable_by(self.limit - 1, better_first);
            self.kept.truncate(self.limit);
            self.bar = self.kept[self.limit - 1].0;
        }
    }

    /// The best, in order; leaves nothing behind.
    pub(crate) fn take_hits(&mut self) -> Vec<Hit> {
        if self.limit == 0 {
            return Vec::new();
        }
        self.prune();
        self.kept.sort_unstable_by(better_first);
        self.bar = f32::NEG_INFINITY;
        self.kept.drain(..).map(|(score, row)| Hit { id: TokenId(row), score }).collect()
    }
}

/// Whether a rank is above the bar or no number: what counts as a number then is decided later.
fn above_or_nan(rank: f32, bar: f32) -> bool {
    !matches!(rank.partial_cmp(&bar), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal))
}

fn better_first(a: &(f32, u32), b: &(f32, u32)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_those_a_full_sort_finds(
            ranks in prop::collection::vec(-3i8..3, 0..3000), limit in 0usize..40, threads in 1usize..4, gap in 2u32..9,
        ) {
            let keep = |id: TokenId| !id.0.is_multiple_of(gap);
            let hits = best_rows(ranks.len(), limit, threads, &keep, &|range, out| {
                for (out, &rank) in out.iter_mut().zip(&ranks[range]) {
                    *out = f32::from(rank);
                }
            });
            let mut all: Vec<_> = (0..ranks.len() as u32).filter(|&row| keep(TokenId(row))).collect();
            all.sort_by_key(|&row| (-ranks[row as usize], row));
            all.truncate(limit);
            prop_assert_eq!(hits.iter().map(|hit| hit.id.0).collect::<Vec<_>>(), all);
        }
    }

    #[test]
    fn what_is_not_a_number_comes_last_and_zeros_are_equal() {
        let ranks = [f32::NAN, -0.0, f32::NEG_INFINITY, 0.0, -1.0];
        let hits = best_rows(5, 5, 1, &|_| true, &|range, out| out.copy_from_slice(&ranks[range]));
        assert_eq!(hits.iter().map(|hit| hit.id.0).collect::<Vec<_>>(), [1, 3, 4, 0, 2]);
    }
}
