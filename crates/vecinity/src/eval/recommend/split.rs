//! Training parts, queries and targets.
//!
//! The rules are a contract, so that figures can be compared with those of other programs:
//!
//! * repeats of an item in a history are dropped, the first stays (what is learned from may keep them: `Repeats`);
//! * `last`: an owner with at least three events gives its last to test and the one before to validation;
//!   others go wholly to training. The history at test time is training plus validation;
//! * `time`: the cut is the time at position `floor(0.9 n)` of all events by time; earlier events are
//!   training. Test items that the owner has already, that training does not know, or of owners that
//!   training does not know are dropped. Validation is the same construction inside training, with a
//!   training part of its own;
//! * `basket`: basket `b` (from 0) is test if `splitmix64(b) % 10 == 0`, validation if it is 1. Items that
//!   training does not know are dropped, then baskets of fewer than two; the hidden item is number
//!   `splitmix64(b ^ 0x9E3779B97F4A7C15) % n` of its items by their ids;
//! * `goal`: of the histories that end in a goal (a booking), the last tenth in time is test, the tenth before it is
//!   validation. Training is every history that ended before the cut. The target is the goal, the history what else was
//!   clicked before it; goals that training does not know are dropped;
//! * `random`: as `basket`, but over owners by `splitmix64(owner)` and with the given share.
//!
//! The catalogue is what occurs in training. A target outside of it counts as a miss.

use super::Holdout;
use super::holdout::Cut;
use crate::error::{Error, Result};
use crate::histories::{Histories, History, Outcomes, Repeats};

/// Sequences of items, stored flat.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sequences {
    items: Vec<u32>,
    ends: Vec<usize>,
    weights: Vec<f32>,
    /// One outcome a sequence, if outcomes are known.
    outcomes: Option<Outcomes>,
}

impl Sequences {
    /// Appends one; empty ones are kept.
    pub fn push(&mut self, items: &[u32]) {
        self.items.extend_from_slice(items);
        self.ends.push(self.items.len());
    }

    /// The weights of all events one behind the other, if events of more weight are learned more often.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        (self.weights.len() == self.items.len()).then_some(&self.weights)
    }

    /// Appends what is to be learned from the first `until` events of a history, but nothing of `hidden`.
    fn learn(
        &mut self,
        histories: &Histories,
        history: &History<'_>,
        until: usize,
        hidden: Option<u32>,
        seen: &mut Seen,
    ) {
        let items = &history.items[..until];
        let weights = history.weights.filter(|_| histories.weighted());
        let mut push = |at: usize| {
            if Some(items[at]) != hidden {
                self.items.push(items[at]);
                self.weights.extend(weights.map(|weights| weights[at]));
            }
        };
        match histories.repeats() {
            Repeats::First => seen.distinct(items, |at, _| push(at)),
            Repeats::Collapse => (0..until).filter(|&at| at == 0 || items[at] != items[at - 1]).for_each(push),
            Repeats::Keep => (0..until).for_each(push),
        }
        self.ends.push(self.items.len());
        if let Some(all) = histories.outcomes() {
            // What became of a history is known when it is over.
            let over = until == history.items.len() && hidden.is_none();
            let (goal, refused) =
                if over { (all.goal(history.row), all.refused(history.row)) } else { (None, &[][..]) };
            self.outcomes.get_or_insert_default().push(goal, refused);
        }
    }

    /// What became of each, if that is known.
    #[must_use]
    pub fn outcomes(&self) -> Option<&Outcomes> {
        self.outcomes.as_ref()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> + Clone {
        self.ends.iter().enumerate().map(|(row, &end)| {
            let start = if row == 0 { 0 } else { self.ends[row - 1] };
            &self.items[start..end]
        })
    }

    /// Number of events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.items.len()
    }
}

/// One question: after this history, what comes?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Whose history it is: a row of the [`Histories`].
    pub owner: usize,
    /// The items before, oldest first, distinct; also what is left out of the ranking.
    pub history: Vec<u32>,
    /// The right answers, at least one; items outside of the catalogue count as misses.
    pub targets: Vec<u32>,
}

/// A training part and the questions about what follows it.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    /// What is learned from.
    pub train: Sequences,
    /// What is asked.
    pub queries: Vec<Query>,
    /// How often each item occurs in `train`, by row of [`Histories::items`]; the catalogue is what occurs.
    pub counts: Vec<u64>,
}

impl Fold {
    fn new(train: Sequences, queries: Vec<Query>, items: usize) -> Self {
        let mut counts = vec![0; items];
        for &item in &train.items {
            counts[item as usize] += 1;
        }
        Self { train, queries, counts }
    }

    /// Everything, to learn from before it is served; no queries.
    #[must_use]
    pub fn everything(histories: &Histories) -> Self {
        let (mut seen, mut train) = (Seen::new(histories), Sequences::default());
        for history in histories.iter() {
            train.learn(histories, &history, history.items.len(), None, &mut seen);
        }
        Self::new(train, Vec::new(), histories.items().len())
    }

    /// The same catalogue with at most so many of the queries, evenly taken, and nothing to learn from.
    #[must_use]
    pub fn sampled(&self, queries: usize) -> Self {
        let step = self.queries.len().div_ceil(queries.max(1)).max(1);
        let queries = self.queries.iter().step_by(step).cloned().collect();
        Self { train: Sequences::default(), queries, counts: self.counts.clone() }
    }

    /// The same questions with a share of what is learned from, drawn by number: a larger share holds the smaller ones.
    #[must_use]
    pub fn thinned(&self, share: f64) -> Self {
        if share >= 1.0 {
            return self.clone();
        }
        let (slice, weights) = ((share * u64::MAX as f64) as u64, self.train.weights());
        let (mut train, mut start) = (Sequences::default(), 0);
        for (row, items) in self.train.iter().enumerate() {
            let end = start + items.len();
            if splitmix64(row as u64) < slice {
                train.push(items);
                train.weights.extend(weights.into_iter().flat_map(|weights| &weights[start..end]));
                if let Some(outcomes) = &self.train.outcomes {
                    train.outcomes.get_or_insert_default().push(outcomes.goal(row), outcomes.refused(row));
                }
            }
            start = end;
        }
        Self::new(train, self.queries.clone(), self.counts.len())
    }

    /// Number of items in the catalogue.
    #[must_use]
    pub fn catalogue(&self) -> usize {
        self.counts.iter().filter(|&&count| count > 0).count()
    }
}

/// What is chosen by, and what is reported.
#[derive(Debug, Clone)]
pub struct Split {
    /// Validation: settings, epochs and the recipe are chosen by it.
    pub valid: Fold,
    /// Test: asked once, at the end.
    pub test: Fold,
    /// Whether both have the same training part, so that one model serves for both.
    pub one_training: bool,
}

impl Split {
    /// Splits histories.
    ///
    /// # Errors
    /// [`Error::Data`] if nothing can be held out, [`Error::Setting`] if the data has no times to cut by,
    /// or for [`Holdout::None`], which holds nothing out.
    pub fn new(histories: &Histories, holdout: Holdout) -> Result<Self> {
        let split = match holdout {
            Holdout::Last => last(histories),
            Holdout::Time(cut) => time(histories, cut)?,
            Holdout::Basket => baskets(histories, |b| match splitmix64(b) % 10 {
                0 => Some(Use::Test),
                1 => Some(Use::Validation),
                _ => None,
            }),
            Holdout::Random(share) => random(histories, share),
            Holdout::Goal(share) => goal(histories, share)?,
            Holdout::None => return Err(Error::setting("holdout", "none", "something to hold out, for an evaluation")),
        };
        if split.test.queries.is_empty() {
            return Err(Error::data(
                format!("--holdout {holdout} leaves nothing to test with: {} histories", histories.len()),
                "give more data, or say --holdout none (no evaluation) or another holdout",
            ));
        }
        Ok(split)
    }
}

/// Finds the first time of each item in one list after the other.
struct Seen {
    /// The number of the list that held each item last.
    by: Vec<u32>,
    list: u32,
}

impl Seen {
    fn new(histories: &Histories) -> Self {
        Self { by: vec![0; histories.items().len()], list: 0 }
    }

    /// The items of a list without repeats: the first of each stays.
    fn distinct(&mut self, items: &[u32], mut keep: impl FnMut(usize, u32)) {
        self.list += 1;
        for (at, &item) in items.iter().enumerate() {
            if std::mem::replace(&mut self.by[item as usize], self.list) != self.list {
                keep(at, item);
            }
        }
    }
}

fn last(histories: &Histories) -> Split {
    let (mut seen, mut row, mut places) = (Seen::new(histories), Vec::new(), Vec::new());
    let (mut train, mut valid, mut test) = (Sequences::default(), Vec::new(), Vec::new());
    for (owner, history) in histories.iter().enumerate() {
        row.clear();
        places.clear();
        seen.distinct(history.items, |at, item| {
            row.push(item);
            places.push(at);
        });
        let mut until = history.items.len();
        if let [rest @ .., validation, target] = row.as_slice()
            && !rest.is_empty()
        {
            until = places[rest.len()];
            valid.push(Query { owner, history: rest.to_vec(), targets: vec![*validation] });
            let history = row[..row.len() - 1].to_vec();
            test.push(Query { owner, history, targets: vec![*target] });
        }
        train.learn(histories, &history, until, None, &mut seen);
    }
    let items = histories.items().len();
    let valid = Fold::new(train.clone(), valid, items);
    let mut test = Fold::new(train, test, items);
    for query in &mut test.queries {
        // A validation item that training does not know is no part of a history either.
        query.history.retain(|&item| test.counts[item as usize] > 0);
    }
    Split { valid, test, one_training: true }
}

/// Events of all owners with their times, repeats dropped.
struct Timed {
    owner: usize,
    item: u32,
    time: i64,
}

fn time(histories: &Histories, cut: Cut) -> Result<Split> {
    if !histories.timed() {
        return Err(Error::setting("holdout", "time", "data with a time column, or --holdout last"));
    }
    let (mut seen, mut events) = (Seen::new(histories), Vec::with_capacity(histories.events()));
    for (owner, history) in histories.iter().enumerate() {
        let times = history.times.unwrap_or(&[]);
        seen.distinct(history.items, |at, item| {
            events.push(Timed { owner, item, time: times[at] });
        });
    }
    let (share, at) = match cut {
        Cut::Share(share) => (share, cut_time(&events, share)),
        Cut::At(instant) => {
            let after = events.iter().filter(|event| event.time >= instant).count();
            ((after as f64 / events.len().max(1) as f64).clamp(0.01, 0.5), instant)
        }
    };
    let test = before_and_after(&events, at, histories);
    let earlier: Vec<Timed> = events.into_iter().filter(|event| event.time < at).collect();
    let valid = before_and_after(&earlier, cut_time(&earlier, share), histories);
    Ok(Split { valid, test, one_training: false })
}

/// The time at position `floor((1 - share) n)` of all events by time.
fn cut_time(events: &[Timed], share: f64) -> i64 {
    let mut times: Vec<i64> = events.iter().map(|event| event.time).collect();
    times.sort_unstable();
    // Written so that a share of 0.1 gives exactly floor(0.9 n).
    times.get(((1.0 - share) * times.len() as f64) as usize).copied().unwrap_or(i64::MAX)
}

/// Training from the events before `cut` (in the order of owners), questions from those after.
fn before_and_after(events: &[Timed], cut: i64, histories: &Histories) -> Fold {
    let (mut train, mut seen) = (Sequences::default(), Seen::new(histories));
    let mut waiting: Vec<(usize, Vec<u32>, Vec<u32>)> = Vec::new();
    for owner in events.chunk_by(|a, b| a.owner == b.owner) {
        let (before, after): (Vec<&Timed>, Vec<&Timed>) = owner.iter().partition(|event| event.time < cut);
        let history: Vec<u32> = before.iter().map(|event| event.item).collect();
        if !history.is_empty() {
            let whole = histories.history(owner[0].owner);
            let until = whole.times.map_or(0, |times| times.partition_point(|&time| time < cut));
            train.learn(histories, &whole, until, None, &mut seen);
            waiting.push((owner[0].owner, history, after.iter().map(|event| event.item).collect()));
        }
    }
    let mut fold = Fold::new(train, Vec::new(), histories.items().len());
    for (owner, history, mut targets) in waiting {
        targets.retain(|&item| fold.counts[item as usize] > 0);
        if !targets.is_empty() {
            fold.queries.push(Query { owner, history, targets });
        }
    }
    fold
}

/// What a basket is used for, if not for training.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Test,
    Validation,
}

fn baskets(histories: &Histories, held_out: impl Fn(u64) -> Option<Use>) -> Split {
    let token = |item: u32| histories.items().token(crate::TokenId(item));
    let (mut train, mut seen) = (Sequences::default(), Seen::new(histories));
    for (b, basket) in histories.iter().enumerate() {
        if held_out(b as u64).is_none() {
            train.learn(histories, &basket, basket.items.len(), None, &mut seen);
        }
    }
    let items = histories.items().len();
    let mut test = Fold::new(train, Vec::new(), items);
    let mut valid = test.clone();
    for (b, basket) in histories.iter().enumerate() {
        let Some(used) = held_out(b as u64) else { continue };
        let mut row: Vec<u32> = basket.items.iter().copied().filter(|&item| test.counts[item as usize] > 0).collect();
        row.sort_unstable_by_key(|&item| token(item));
        row.dedup();
        if row.len() < 2 {
            continue;
        }
        let hidden = splitmix64(b as u64 ^ 0x9E37_79B9_7F4A_7C15) % row.len() as u64;
        let target = row.remove(hidden as usize);
        let query = Query { owner: b, history: row, targets: vec![target] };
        if used == Use::Test { &mut test } else { &mut valid }.queries.push(query);
    }
    Split { valid, test, one_training: true }
}

/// Goals of the last histories in time are hidden; without times, of the last ones.
fn goal(histories: &Histories, share: f64) -> Result<Split> {
    let Some(outcomes) = histories.outcomes() else {
        let expected = "data with goals (--global-context EVENT), or --holdout last";
        return Err(Error::setting("holdout", "goal", expected));
    };
    let moment =
        |history: &History<'_>| history.times.and_then(|times| times.last()).map_or(history.row as i64, |&t| t);
    let mut reached: Vec<i64> = histories
        .iter()
        .filter(|history| outcomes.goal(history.row).is_some())
        .map(|history| moment(&history))
        .collect();
    reached.sort_unstable();
    let cut = |share: f64| {
        let at = ((1.0 - share) * reached.len() as f64) as usize;
        reached.get(at).copied().unwrap_or(i64::MAX)
    };
    let (valid, test) = (cut(2.0 * share), cut(share));
    let fold = |from: i64, until: i64| {
        let (mut train, mut seen) = (Sequences::default(), Seen::new(histories));
        for history in histories.iter().filter(|history| moment(history) < from) {
            train.learn(histories, &history, history.items.len(), None, &mut seen);
        }
        let mut fold = Fold::new(train, Vec::new(), histories.items().len());
        for history in histories.iter().filter(|history| (from..until).contains(&moment(history))) {
            let Some(target) = outcomes.goal(history.row).filter(|&goal| fold.counts[goal as usize] > 0) else {
                continue;
            };
            let mut others = Vec::new();
            seen.distinct(history.items, |_, item| {
                if item != target && fold.counts[item as usize] > 0 {
                    others.push(item);
                }
            });
            if !others.is_empty() {
                fold.queries.push(Query { owner: history.row, history: others, targets: vec![target] });
            }
        }
        fold
    };
    Ok(Split { valid: fold(valid, test), test: fold(test, i64::MAX), one_training: false })
}

fn random(histories: &Histories, share: f64) -> Split {
    let (mut seen, mut train) = (Seen::new(histories), Sequences::default());
    let (mut valid, mut test) = (Vec::new(), Vec::new());
    let slice = (share * u64::MAX as f64) as u64;
    for (owner, history) in histories.iter().enumerate() {
        let mut row = Vec::new();
        seen.distinct(history.items, |_, item| row.push(item));
        let (draw, until) = (splitmix64(owner as u64), history.items.len());
        if draw >= slice.saturating_mul(2) || row.len() < 2 {
            train.learn(histories, &history, until, None, &mut seen);
            continue;
        }
        let hidden = splitmix64(owner as u64 ^ 0x9E37_79B9_7F4A_7C15) % row.len() as u64;
        let target = row.remove(hidden as usize);
        train.learn(histories, &history, until, Some(target), &mut seen);
        let query = Query { owner, history: row, targets: vec![target] };
        if draw < slice { &mut test } else { &mut valid }.push(query);
    }
    let items = histories.items().len();
    let valid = Fold::new(train.clone(), valid, items);
    Split { valid, test: Fold::new(train, test, items), one_training: true }
}

/// Sebastiano Vigna's finaliser: a fixed, well-mixed number for each number.
pub(super) fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::Parts;

    fn ids(histories: &Histories, items: &[u32]) -> String {
        items.iter().map(|&item| histories.items().token(crate::TokenId(item))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_mixing_function_gives_the_published_numbers() {
        // The first outputs of splitmix64 seeded with 0 (Vigna's reference program).
        assert_eq!(splitmix64(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix64(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn last_hides_the_last_two_of_owners_with_three() {
        let lists = [("u", vec!["a", "b", "a", "c", "d"]), ("v", vec!["a", "b"]), ("w", vec!["a", "b", "x", "y"])];
        let histories = Histories::from_lists(&lists, true).unwrap();
        let split = Split::new(&histories, Holdout::Last).unwrap();
        let show = |items: &[u32]| ids(&histories, items);
        assert_eq!(split.test.train.iter().map(show).collect::<Vec<_>>(), ["a b", "a b", "a b"]);
        let (valid, test) = (&split.valid.queries[0], &split.test.queries[0]);
        assert_eq!((show(&valid.history), show(&valid.targets)), ("a b".into(), "c".into()));
        // `c` is not in the catalogue: it is no history, and `d` can only be missed.
        assert_eq!((show(&test.history), show(&test.targets)), ("a b".into(), "d".into()));
        assert_eq!(split.test.catalogue(), 2);
    }

    #[test]
    fn time_cuts_at_nine_tenths_and_drops_what_training_does_not_know() {
        // Ten events, times 0..9: the cut is the time at position 9.
        let owners = [("u", vec![("a", 0), ("b", 1), ("c", 9)]), ("v", vec![("c", 2), ("a", 9), ("n", 9)])];
        let rest = ("w", (3..8).map(|t| ("c", t)).collect::<Vec<_>>());
        let lists: Vec<(&str, Vec<&str>)> = owners
            .iter()
            .chain([&rest])
            .map(|(owner, events)| (*owner, events.iter().map(|(item, _)| *item).collect()))
            .collect();
        let plain = Histories::from_lists(&lists, true).unwrap();
        let time: Vec<i64> = owners.iter().chain([&rest]).flat_map(|(_, e)| e.iter().map(|(_, t)| *t)).collect();
        let histories = Histories::new(Parts {
            items: plain.items().clone(),
            owners: plain.iter().map(|h| h.owner).collect(),
            ends: plain.iter().map(|h| h.events.end as u64).collect::<Vec<_>>().into(),
            item: plain.iter().flat_map(|h| h.items.to_vec()).collect::<Vec<_>>().into(),
            time: Some(time.into()),
            weight: None,
            columns: Vec::new(),
            ordered: true,
        })
        .unwrap();
        // Repeats of `w` go first: seven events are left, and position floor(0.6 * 7) = 4 has the time 9.
        let split = Split::new(&histories, "time:0.4".parse().unwrap()).unwrap();
        let show = |query: &Query| (ids(&histories, &query.history), ids(&histories, &query.targets));
        assert_eq!(show(&split.test.queries[0]), ("a b".into(), "c".into()));
        // `n` is unknown to training.
        assert_eq!(show(&split.test.queries[1]), ("c".into(), "a".into()));
        let message = Split::new(&plain, "time".parse().unwrap()).unwrap_err().to_string();
        assert!(message.contains("expected data with a time column"), "{message}");
    }

    #[test]
    fn baskets_are_chosen_by_number_and_the_hidden_item_by_its_id() {
        let lists: Vec<(String, Vec<&str>)> = (0..200).map(|b| (b.to_string(), vec!["9", "10", "a"])).collect();
        let histories = Histories::from_lists(&lists, false).unwrap();
        let split = Split::new(&histories, Holdout::Basket).unwrap();
        // Worked out with the definition in Python: test baskets, and which of 10, 9, a is hidden.
        let expected: Vec<usize> = (0..200).filter(|&b| splitmix64(b).is_multiple_of(10)).map(|b| b as usize).collect();
        assert_eq!(split.test.queries.iter().map(|q| q.owner).collect::<Vec<_>>(), expected);
        let sorted = ["10", "9", "a"];
        for query in &split.test.queries {
            let hidden = sorted[(splitmix64(query.owner as u64 ^ 0x9E37_79B9_7F4A_7C15) % 3) as usize];
            assert_eq!(ids(&histories, &query.targets), hidden);
        }
    }

    #[test]
    fn a_share_holds_the_smaller_shares_and_asks_the_same() {
        let lists: Vec<(String, Vec<String>)> =
            (0..500).map(|u| (u.to_string(), (0..4).map(|i| ((u + i) % 90).to_string()).collect())).collect();
        let Split { valid, .. } = Split::new(&Histories::from_lists(&lists, true).unwrap(), Holdout::Last).unwrap();
        let [few, more] = [0.1, 0.4].map(|share| valid.thinned(share));
        assert!((30..70).contains(&few.train.len()) && (160..240).contains(&more.train.len()));
        let mut larger = more.train.iter();
        assert!(few.train.iter().all(|sequence| larger.any(|other| other == sequence)));
        assert_eq!(few.queries, valid.queries);
        assert_eq!(few.counts.iter().sum::<u64>() as usize, few.train.events());
        assert_eq!(valid.thinned(1.0).train, valid.train);
    }

    #[test]
    fn data_without_anything_to_hold_out_is_refused() {
        let histories = Histories::from_lists(&[("u", vec!["a", "b"])], true).unwrap();
        let message = Split::new(&histories, Holdout::Last).unwrap_err().to_string();
        assert_eq!(message, "--holdout last leaves nothing to test with: 1 histories");
    }
}
