//! Recommendations for everybody: histories in, lists out, in order and in bounded memory.
//!
//! While the lists of some histories are handed on, those of the next are computed. What is asked is what
//! evaluation asks: the items that the model knows, each once, its first time; oldest first.

use super::recommender::Recommender;
use super::translation::Translation;
use crate::ask::Want;
use crate::error::Result;
use crate::histories::Histories;
use crate::index::Hit;
use crate::models::User;
use crate::vocab::Vocab;
use hashbrown::HashSet;
use serde::Serialize;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Histories computed at a time for each thread: enough to keep it busy, few enough to be handed on soon.
const A_THREAD: usize = 2048;
/// Answers held at a time, at most (8 bytes each, and as many again on their way).
const ANSWERS: usize = 4 << 20;

/// The items of a history, each once: its first time stays, as in evaluation.
#[must_use]
pub fn first_of_each(history: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut seen = HashSet::<u32, foldhash::fast::FixedState>::default();
    history.into_iter().filter(|&item| seen.insert(item)).collect()
}

/// Whom to recommend to, and how.
#[derive(Debug, Clone, Copy)]
pub struct Everybody<'a> {
    /// The histories.
    pub histories: &'a Histories,
    /// The vocabulary of the model.
    pub vocab: &'a Vocab,
    /// How many items, and which.
    pub want: Want<'a>,
    /// See [`Style`](super::Style); 0 is by score alone.
    pub diversity: f32,
    /// Threads to compute on.
    pub threads: usize,
}

/// What was done for everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Histories asked.
    pub histories: u64,
    /// Items listed.
    pub rows: u64,
    /// Histories without an item that the model knows, answered with what is popular.
    pub popular: u64,
    /// Histories for which nothing was left to list.
    pub without_list: u64,
    /// Events of items that the model does not know.
    pub unknown_events: u64,
    /// Items that the model does not know.
    pub unknown_items: u64,
    /// The most frequent of them.
    pub unknown: Vec<String>,
}

impl Recommender {
    /// Hands the list for each history to `list`, with its owner, in the order of the histories.
    ///
    /// # Errors
    /// The first that `list` returns.
    pub fn for_everybody(
        &self,
        asked: Everybody<'_>,
        list: &mut dyn FnMut(&str, &[Hit]) -> Result<()>,
    ) -> Result<Summary> {
        let Everybody { histories, vocab, .. } = asked;
        let translation = Translation::new(histories, vocab, self.tower());
        let rows = &translation.rows;
        let mut summary = Summary { histories: histories.len() as u64, ..Summary::default() };
        for (_, token, count) in histories.items().iter().filter(|(item, ..)| rows[item.row()] == u32::MAX) {
            summary.unknown_items += 1;
            summary.unknown_events += count;
            if summary.unknown.len() < 5 {
                summary.unknown.push(token.to_owned());
            }
        }
        let most = ANSWERS / asked.want.limit.clamp(1, ANSWERS);
        let step = (A_THREAD * asked.threads.max(1)).min(most).max(1);
        let compute = |first: usize| self.some(first..histories.len().min(first + step), asked, &translation);
        std::thread::scope(|scope| -> Result<()> {
            let mut found = compute(0);
            for first in (0..histories.len()).step_by(step) {
                let next = first + step;
                let ahead = (next < histories.len()).then(|| scope.spawn(move || compute(next)));
                for (at, (known, hits)) in found.iter().enumerate() {
                    summary.popular += u64::from(!known);
                    summary.rows += hits.len() as u64;
                    summary.without_list += u64::from(hits.is_empty());
                    list(histories.history(first + at).owner, hits)?;
                }
                match ahead.map(std::thread::ScopedJoinHandle::join) {
                    Some(Ok(next)) => found = next,
                    Some(Err(panic)) => std::panic::resume_unwind(panic),
                    None => {}
                }
            }
            Ok(())
        })?;
        Ok(summary)
    }

    /// The vectors of all users, shape `[histories.len(), dim()]`, and of how many the model knows no item: theirs are zero.
    ///
    /// What a user's vector is compared with are rows of the matrix that the recipe answers from.
    #[must_use]
    pub fn vectors_of_everybody(&self, histories: &Histories, vocab: &Vocab, threads: usize) -> (Vec<f32>, usize) {
        let translation = Translation::new(histories, vocab, self.tower());
        let dim = self.dim().max(1);
        let (mut vectors, unknown) = (vec![0.0; histories.len() * dim], AtomicUsize::new(0));
        let each = histories.len().div_ceil(threads.max(1)).max(1);
        std::thread::scope(|scope| {
            for (number, part) in vectors.chunks_mut(each * dim).enumerate() {
                let (translation, unknown) = (&translation, &unknown);
                scope.spawn(move || {
                    for (block, to) in part.chunks_mut(A_THREAD * dim).enumerate() {
                        let first = number * each + block * A_THREAD;
                        let range = first..first + to.len() / dim;
                        let known: Vec<Vec<u32>> = range.clone().map(|row| translation.history(row)).collect();
                        let each = known.iter().zip(range);
                        let asked: Vec<User<'_>> = each
                            .map(|(history, row)| User { history, known: translation.behind(row), weights: None })
                            .collect();
                        self.user_vectors(&asked, to);
                        for (_, to) in known.iter().zip(to.chunks_exact_mut(dim)).filter(|(known, _)| known.is_empty())
                        {
                            to.fill(0.0);
                            unknown.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        (vectors, unknown.into_inner())
    }

    /// For some histories: whether the model knows any item of it, and its list.
    fn some(&self, range: Range<usize>, asked: Everybody<'_>, translation: &Translation<'_>) -> Vec<(bool, Vec<Hit>)> {
        let histories: Vec<Vec<u32>> = range.clone().map(|row| translation.history(row)).collect();
        let each = histories.iter().zip(range);
        let users: Vec<User<'_>> =
            each.map(|(history, row)| User { history, known: translation.behind(row), weights: None }).collect();
        let lists = self.top(&users, asked.want, asked.diversity, asked.threads);
        histories.iter().map(|history| !history.is_empty()).zip(lists).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::recommender::tests::model;
    use super::*;
    use crate::recommend::Style;

    #[test]
    fn everybody_gets_the_list_that_a_single_question_gets() {
        let model = model(&[0.3], 0.2);
        let vocab = Vocab::from_counts((0..30).map(|i| (format!("i{i}"), 100 - i as u64))).unwrap();
        // More histories than are computed at a time; some of unknown items, some empty, some with repeats.
        let mut lists: Vec<(String, Vec<String>)> = Vec::new();
        for user in 0..2 * A_THREAD + 100 {
            let items = (0..user % 5).map(|at| format!("i{}", (user * 7 + at * at * 3) % 33));
            lists.push((format!("u{user}"), items.chain((user % 7 == 3).then(|| format!("i{}", user % 30))).collect()));
        }
        let histories = Histories::from_lists(&lists, true).unwrap();
        let asked = Everybody { histories: &histories, vocab: &vocab, want: Want::best(4), diversity: 0.0, threads: 2 };
        let mut found = Vec::new();
        let summary = model
            .for_everybody(asked, &mut |owner, hits| {
                found.push((owner.to_owned(), hits.to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!((summary.histories, found.len()), (lists.len() as u64, lists.len()));
        assert_eq!(summary.rows, 4 * summary.histories);
        let unknown = |item: &&String| vocab.get(item).is_none();
        assert_eq!(summary.unknown_events, lists.iter().flat_map(|(_, items)| items).filter(unknown).count() as u64);
        assert_eq!(summary.unknown_items, 3);
        let mut popular = 0;
        for ((user, items), (owner, hits)) in lists.iter().zip(&found) {
            assert_eq!(user, owner);
            let history = first_of_each(items.iter().filter_map(|item| vocab.get(item)).map(|id| id.0));
            popular += u64::from(history.is_empty());
            let single = model.recommend(&history[..], Want::best(4), Style::default());
            assert!(single.iter().map(|one| (one.item, one.score)).eq(hits.iter().map(|hit| (hit.id, hit.score))));
        }
        assert_eq!(summary.popular, popular);
    }

    #[test]
    fn vectors_of_everybody_are_those_of_each() {
        let model = model(&[], 0.0);
        let vocab = Vocab::from_counts((0..30).map(|i| (format!("i{i}"), 100 - i as u64))).unwrap();
        let lists: Vec<(String, Vec<String>)> =
            (0..A_THREAD + 50).map(|user| (format!("u{user}"), vec![format!("i{}", user % 33), "x".into()])).collect();
        let histories = Histories::from_lists(&lists, true).unwrap();
        let (vectors, unknown) = model.vectors_of_everybody(&histories, &vocab, 3);
        assert_eq!(unknown, lists.iter().filter(|(_, items)| vocab.get(&items[0]).is_none()).count());
        for (at, vector) in vectors.chunks_exact(model.dim()).enumerate() {
            let known = vocab.get(&lists[at].1[0]);
            let expected = known.map_or(vec![0.0; model.dim()], |id| model.user_vector(&[id.0][..]));
            assert_eq!(vector, expected);
        }
    }

    #[test]
    fn an_error_of_the_receiver_ends_it() {
        let model = model(&[], 0.0);
        let vocab = Vocab::from_counts((0..30).map(|i| (format!("i{i}"), 1))).unwrap();
        let histories = Histories::from_lists(&[("u", vec!["i1"]), ("v", vec!["i2"])], true).unwrap();
        let asked = Everybody { histories: &histories, vocab: &vocab, want: Want::best(4), diversity: 0.0, threads: 1 };
        let full = crate::Error::data("disk full", "");
        assert_eq!(
            model.for_everybody(asked, &mut |_, _| Err(crate::Error::data("disk full", ""))).unwrap_err().to_string(),
            full.to_string()
        );
    }

    #[test]
    fn the_first_of_each_stays() {
        assert_eq!(first_of_each([3, 1, 3, 2, 1]), [3, 1, 2]);
    }
}
