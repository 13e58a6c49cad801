//! Scores of a whole catalogue to ranks and top lists, on all cores.

use super::split::{Fold, Query};
use crate::stop::Stop;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Queries that are scored together: enough rows for a matrix product, few enough for the cache.
const BLOCK: usize = 64;
/// Scores that are computed at a time by one thread, at most.
const SCORES: usize = 16 << 20;
/// The rank of a target that cannot be found.
pub(super) const MISS: u32 = u32::MAX;
/// Items of the lists by which coverage and popularity are measured.
pub(super) const LISTED: usize = 10;

/// Something that scores every item for a history.
pub trait Scorer: Sync {
    /// Writes the scores of all items, shape `[queries.len(), items]` with `items` the rows of
    /// [`Histories::items`](crate::histories::Histories::items); larger is better, NaN means never.
    ///
    /// Items of the history and outside of the catalogue need not be treated: ranking leaves them out.
    fn score(&self, queries: &[Query], scores: &mut [f32]);
}

/// The ranks of all targets.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// For each query the ranks of its targets from 1, rising; a target that cannot be found has `u32::MAX`.
    pub ranks: Vec<Vec<u32>>,
    /// For each query the first ten items.
    pub lists: Vec<Vec<u32>>,
}

/// Ranks the targets of all queries within the catalogue, histories left out.
///
/// The rank of a target is 1 plus the number of other items with a score at least as large: ties count
/// against the model. NaN counts as minus infinity, and a target with such a score is never found.
#[must_use]
pub fn rank(scorer: &dyn Scorer, fold: &Fold, threads: usize) -> Ranked {
    let answers = in_blocks(scorer, fold, &fold.queries, threads, |query, scores| {
        let mut ranks: Vec<u32> = query.targets.iter().map(|&target| rank_of(target, scores)).collect();
        ranks.sort_unstable();
        (ranks, best(scores, LISTED))
    });
    let (ranks, lists) = answers.into_iter().unzip();
    Ranked { ranks, lists }
}

/// Scores blocks of queries on all threads and hands each row, masked, to `answer`.
fn in_blocks<T: Send>(
    scorer: &dyn Scorer,
    fold: &Fold,
    queries: &[Query],
    threads: usize,
    answer: impl Fn(&Query, &[f32]) -> T + Sync,
) -> Vec<T> {
    let items = fold.counts.len();
    let foreign: Vec<usize> = (0..items).filter(|&item| fold.counts[item] == 0).collect();
    let block = BLOCK.min(SCORES / items.max(1)).max(1);
    let (next, stop) = (AtomicUsize::new(0), Stop::current());
    let answers = Mutex::new(Vec::new());
    let work = || {
        let mut scores = vec![0.0f32; block.min(queries.len()) * items];
        loop {
            let first = next.fetch_add(block, Ordering::Relaxed);
            let Some(asked) = queries.get(first..queries.len().min(first + block)).filter(|q| !q.is_empty()) else {
                break;
            };
            let scores = &mut scores[..asked.len() * items];
            if !stop.requested() {
                scorer.score(asked, scores);
            }
            let found: Vec<T> = (asked.iter().zip(scores.chunks_exact_mut(items)))
                .map(|(query, scores)| {
                    for &item in &query.history {
                        scores[item as usize] = f32::NEG_INFINITY;
                    }
                    for &item in &foreign {
                        scores[item] = f32::NEG_INFINITY;
                    }
                    answer(query, scores)
                })
                .collect();
            answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((first, found));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(queries.len().div_ceil(block)) {
            scope.spawn(work);
        }
        work();
    });
    let mut answers = answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    answers.sort_unstable_by_key(|&(first, _)| first);
    answers.into_iter().flat_map(|(_, found)| found).collect()
}

fn rank_of(target: u32, scores: &[f32]) -> u32 {
    let score = scores[target as usize];
    if score.is_nan() || score == f32::NEG_INFINITY {
        return MISS;
    }
    // The target counts itself. Comparisons with NaN are false.
    scores.iter().map(|&other| u32::from(other >= score)).sum()
}

/// The rows of the `limit` largest scores, the largest first, ties by row; none that is minus infinity or NaN.
fn best(scores: &[f32], limit: usize) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::with_capacity(limit + 1);
    let mut worst = f32::NEG_INFINITY;
    let by_score = |&a: &u32, &b: &u32| scores[b as usize].total_cmp(&scores[a as usize]).then_with(|| a.cmp(&b));
    // A list of up to twice the limit is cut back when it is full: a sort a limit, not an insertion an item.
    let room = (2 * limit).max(64);
    for (item, &score) in scores.iter().enumerate() {
        if score > worst {
            found.push(item as u32);
            if found.len() == room {
                found.sort_unstable_by(by_score);
                found.truncate(limit);
                worst = found.last().map_or(f32::INFINITY, |&last| scores[last as usize]);
            }
        }
    }
    found.sort_unstable_by(by_score);
    found.truncate(limit);
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Holdout, Split};
    use super::*;
    use crate::histories::Histories;
    use proptest::prelude::*;

    struct Fixed(Vec<f32>);

    impl Scorer for Fixed {
        fn score(&self, queries: &[Query], scores: &mut [f32]) {
            for row in scores.chunks_exact_mut(scores.len() / queries.len()) {
                row.copy_from_slice(&self.0[..row.len()]);
            }
        }
    }

    fn fold() -> Fold {
        let lists = [("u", vec!["a", "b", "c", "d"]), ("v", vec!["c", "d", "e", "f"]), ("w", vec!["e", "f"])];
        let histories = Histories::from_lists(&lists, true).unwrap();
        Split::new(&histories, Holdout::Last).unwrap().test
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_the_definition(
            scores in prop::collection::vec(prop_oneof![(0u8..4).prop_map(f32::from), Just(f32::NAN)], 6),
            threads in 1usize..4,
        ) {
            let fold = fold();
            let ranked = rank(&Fixed(scores.clone()), &fold, threads);
            for (query, ranks) in fold.queries.iter().zip(&ranked.ranks) {
                let value = |item: u32| {
                    let usable = fold.counts[item as usize] > 0 && !query.history.contains(&item);
                    let score = scores[item as usize];
                    if usable && !score.is_nan() { score } else { f32::NEG_INFINITY }
                };
                let target = query.targets[0];
                let others = (0..6).filter(|&o| o != target && value(o) >= value(target)).count() as u32;
                let expected = if value(target) == f32::NEG_INFINITY { MISS } else { others + 1 };
                prop_assert_eq!(ranks, &vec![expected]);
            }
        }

        #[test]
        fn the_best_are_the_first_of_a_full_sort(
            scores in prop::collection::vec((0u16..300).prop_map(f32::from), 0..400), limit in 0usize..100,
        ) {
            let mut order: Vec<u32> = (0..scores.len() as u32).collect();
            order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
            order.truncate(limit);
            prop_assert_eq!(best(&scores, limit), order);
        }
    }
}
