//! What each owner did, event by event: the form in which items are split, evaluated and asked.
//!
//! An *owner* is whoever the events of one history belong to: a user, a session, a basket. A history
//! is in the order of time (if the data has times), otherwise in the order of the data. Items are
//! rows of one vocabulary that counts all events; a training part has a vocabulary of its own.
//!
//! Everything is stored flat: the items of all histories one behind the other, and where each history
//! ends. The numbers live in memory or in mapped work files, which larger-than-memory logs need.
//!
//! May import: `vocab`, `error`.  Used by: `corpus`.

mod outcomes;

pub use outcomes::Outcomes;

use crate::error::{Error, Result};
use crate::vocab::Vocab;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use vecinity_kernel::mapped::{Mapped, Plain};

/// Numbers in memory or in a mapped work file.
#[derive(Debug)]
pub enum Numbers<T> {
    /// In memory.
    Owned(Vec<T>),
    /// In a file of numbers in this machine's byte order.
    Mapped(Mapped),
}

impl<T: Plain> Numbers<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(numbers) => numbers,
            Self::Mapped(map) => map.numbers(0..map.bytes().len()).unwrap_or(&[]),
        }
    }
}

impl<T> From<Vec<T>> for Numbers<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::Owned(numbers)
    }
}

/// Many strings, stored one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    text: String,
    ends: Vec<u64>,
}

impl Names {
    /// Appends a name.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u64);
    }

    /// Name number `row`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.text[start..self.ends[row] as usize]
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

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|row| self.get(row))
    }
}

impl<S: AsRef<str>> FromIterator<S> for Names {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            all.push(name.as_ref());
        }
        all
    }
}

/// What is done with an item that comes again in a history, when histories are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeats {
    /// Only its first time counts, as in evaluation.
    #[default]
    First,
    /// Repeats in a row count once.
    Collapse,
    /// Every event counts.
    Keep,
}

impl Repeats {
    /// All of them, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] =
        [("first", Self::First), ("collapse", Self::Collapse), ("keep", Self::Keep)];
}

/// A further column of the events: one value an event.
#[derive(Debug)]
pub struct Column {
    /// Its name in the data.
    pub name: String,
    /// Its values.
    pub values: Values,
}

impl Column {
    /// How many values it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Categories { codes, .. } => codes.as_slice().len(),
            Values::Numbers(numbers) => numbers.as_slice().len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text of an event or item; `None` if it is empty, or the column holds numbers.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        let Values::Categories { names, codes } = &self.values else { return None };
        let text = names.get(*codes.as_slice().get(row)? as usize);
        (!text.is_empty()).then_some(text)
    }

    /// A column of texts; `None` is as if it were empty.
    fn of_texts<'a>(name: &str, texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let (mut names, mut numbers) = (Names::default(), HashMap::<&str, u32, FixedState>::default());
        let codes = texts.map(|text| {
            let text = text.unwrap_or("");
            *numbers.entry(text).or_insert_with(|| {
                names.push(text);
                names.len() as u32 - 1
            })
        });
        let codes = codes.collect::<Vec<u32>>().into();
        Self { name: name.to_owned(), values: Values::Categories { names, codes } }
    }
}

/// The values of a [`Column`].
#[derive(Debug)]
pub enum Values {
    /// Categories: event `e` has the value `names.get(codes[e])`.
    Categories {
        /// The distinct values.
        names: Names,
        /// One number of a name an event.
        codes: Numbers<u32>,
    },
    /// Numbers; NaN where an event has none.
    Numbers(Numbers<f32>),
}

/// What stands beside some events: columns and times, in their order.
#[derive(Debug, Default)]
pub struct Side {
    /// How many events there are.
    pub events: usize,
    /// Some of the columns.
    pub columns: Vec<Column>,
    /// Their times in milliseconds since 1970, if the data has times.
    pub times: Option<Vec<i64>>,
    /// What is known of the items, by row of the vocabulary that the events are written in.
    pub items: Vec<Column>,
}

/// The parts of [`Histories`].
#[derive(Debug)]
pub struct Parts {
    /// The items, counted over all events, by falling count.
    pub items: Vocab,
    /// One name a history.
    pub owners: Names,
    /// Where each history ends: rising, the last is the number of events.
    pub ends: Numbers<u64>,
    /// The item of each event, a row of `items`.
    pub item: Numbers<u32>,
    /// The time of each event in milliseconds since 1970, if the data has times.
    pub time: Option<Numbers<i64>>,
    /// The weight of each event (a rating, a quantity), if the data has weights.
    pub weight: Option<Numbers<f32>>,
    /// Further columns.
    pub columns: Vec<Column>,
    /// Whether the order within a history means something; false for baskets.
    pub ordered: bool,
}

/// All histories of a data set.
#[derive(Debug)]
pub struct Histories {
    parts: Parts,
    /// What is known of the items, by their rows.
    columns_of_items: Vec<Column>,
    repeats: Repeats,
    weighted: bool,
    traced: bool,
    outcomes: Option<Outcomes>,
    groups: Option<Vec<u32>>,
}

/// One history.
#[derive(Debug, Clone)]
pub struct History<'a> {
    /// Its number, from 0.
    pub row: usize,
    /// Whose it is.
    pub owner: &'a str,
    /// Its items in order, rows of [`Histories::items`].
    pub items: &'a [u32],
    /// Their times in milliseconds since 1970, if the data has times.
    pub times: Option<&'a [i64]>,
    /// Their weights, if the data has weights.
    pub weights: Option<&'a [f32]>,
    /// Where its events stand among all events: for [`Histories::columns`].
    pub events: Range<usize>,
}

impl Histories {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`Error::Data`] if their lengths disagree or an item is not in the vocabulary.
    pub fn new(parts: Parts) -> Result<Self> {
        let events = parts.item.as_slice().len();
        let ends = parts.ends.as_slice();
        let whole = ends.len() == parts.owners.len()
            && ends.is_sorted()
            && ends.last().copied().unwrap_or(0) == events as u64
            && parts.time.as_ref().is_none_or(|time| time.as_slice().len() == events)
            && parts.weight.as_ref().is_none_or(|weight| weight.as_slice().len() == events)
            && parts.columns.iter().all(|column| match &column.values {
                Values::Categories { names, codes } => {
                    codes.as_slice().len() == events && codes.as_slice().iter().all(|&c| (c as usize) < names.len())
                }
                Values::Numbers(numbers) => numbers.as_slice().len() == events,
            })
            && parts.item.as_slice().iter().all(|&item| (item as usize) < parts.items.len());
        if !whole {
            return Err(Error::data("the parts of the histories disagree", "this is a bug, please report it"));
        }
        Ok(Self {
            parts,
            columns_of_items: Vec::new(),
            repeats: Repeats::default(),
            weighted: false,
            traced: false,
            outcomes: None,
            groups: None,
        })
    }

    /// Small data in memory: `(owner, items)` in order, without times.
    ///
    /// # Errors
    /// [`Error::Data`] for an empty item id.
    pub fn from_lists<O: AsRef<str>, I: AsRef<str>>(lists: &[(O, Vec<I>)], ordered: bool) -> Result<Self> {
        let mut counts = std::collections::BTreeMap::<&str, u64>::new();
        for item in lists.iter().flat_map(|(_, items)| items) {
            *counts.entry(item.as_ref()).or_default() += 1;
        }
        let mut order: Vec<(&str, u64)> = counts.into_iter().collect();
        order.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let items = Vocab::from_counts(order)?;
        let rows = |id: &I| items.get(id.as_ref()).map_or(0, |id| id.0);
        let item: Vec<u32> = lists.iter().flat_map(|(_, items)| items.iter().map(rows)).collect();
        let ends: Vec<u64> = lists
            .iter()
            .scan(0, |end, (_, items)| {
                *end += items.len() as u64;
                Some(*end)
            })
            .collect();
        let owners = lists.iter().map(|(owner, _)| owner).collect();
        Self::new(Parts {
            items,
            owners,
            ends: ends.into(),
            item: item.into(),
            time: None,
            weight: None,
            columns: Vec::new(),
            ordered,
        })
    }

    /// The same histories, learned from in another way.
    ///
    /// * `weighted`: whether events of more weight are learned more often; without weights it means nothing.
    #[must_use]
    pub fn learned_with(self, repeats: Repeats, weighted: bool) -> Self {
        Self { weighted: weighted && self.parts.weight.is_some(), repeats, ..self }
    }

    /// The same histories with what became of them, one outcome a history.
    ///
    /// # Panics
    /// If there are not as many outcomes as histories.
    #[must_use]
    pub fn with_outcomes(self, outcomes: Outcomes) -> Self {
        assert_eq!(outcomes.len(), self.len(), "one outcome a history");
        Self { outcomes: Some(outcomes), ..self }
    }

    /// The same histories with the group of each item (its market); `u32::MAX`: in none.
    ///
    /// # Panics
    /// If there are not as many numbers as items.
    #[must_use]
    pub fn with_groups(self, groups: Vec<u32>) -> Self {
        assert_eq!(groups.len(), self.items().len(), "one group an item");
        Self { groups: Some(groups), ..self }
    }

    /// What became of each history, if that is known.
    #[must_use]
    pub fn outcomes(&self) -> Option<&Outcomes> {
        self.outcomes.as_ref()
    }

    /// The group of each item, if items have groups; `u32::MAX`: in none.
    #[must_use]
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// What is done with repeats when histories are learned from.
    #[must_use]
    pub fn repeats(&self) -> Repeats {
        self.repeats
    }

    /// Whether events of more weight are learned more often.
    #[must_use]
    pub fn weighted(&self) -> bool {
        self.weighted
    }

    /// The same histories, whose training parts remember which events they are of: for models that read columns or times
    /// beside the items.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { traced: true, ..self }
    }

    /// Whether training parts remember which events they are of.
    #[must_use]
    pub fn is_traced(&self) -> bool {
        self.traced
    }

    /// The same histories with a further column, whose value is the same for all events of an owner.
    ///
    /// * `value`: what is known of an owner; `None` is as if it were empty.
    #[must_use]
    pub fn with_column_of_owners<'a>(mut self, name: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let each = self.iter().flat_map(|history| {
            let text = value(history.owner);
            history.events.map(move |_| text)
        });
        let column = Column::of_texts(name, each);
        self.parts.columns.retain(|column| column.name != name);
        self.parts.columns.push(column);
        self
    }

    /// The same histories with what is known of the items.
    ///
    /// * `value`: of an item; `None` is as if it were empty.
    #[must_use]
    pub fn with_column_of_items<'a>(mut self, name: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Self {
        let column = Column::of_texts(name, self.items().iter().map(|(_, item, _)| value(item)));
        self.columns_of_items.retain(|column| column.name != name);
        self.columns_of_items.push(column);
        self
    }

    /// What stands beside some events.
    ///
    /// * `columns`: which columns are wanted; those that do not exist are left out.
    ///
    /// # Panics
    /// If an event does not exist.
    #[must_use]
    pub fn side(&self, events: &[u64], columns: &[&str]) -> Side {
        fn of<T: Plain + Copy>(numbers: &Numbers<T>, events: &[u64]) -> Vec<T> {
            let numbers = numbers.as_slice();
            events.iter().map(|&event| numbers[event as usize]).collect()
        }
        let wanted = self.columns().iter().filter(|column| columns.contains(&column.name.as_str()));
        let columns = wanted.map(|column| {
            let values = match &column.values {
                Values::Categories { names, codes } => {
                    Values::Categories { names: names.clone(), codes: of(codes, events).into() }
                }
                Values::Numbers(numbers) => Values::Numbers(of(numbers, events).into()),
            };
            Column { name: column.name.clone(), values }
        });
        let times = self.parts.time.as_ref().map(|times| of(times, events));
        Side { events: events.len(), columns: columns.collect(), times, items: Vec::new() }
    }

    /// What is known of the items of a vocabulary, by its rows.
    #[must_use]
    pub fn beside_items(&self, vocab: &Vocab) -> Vec<Column> {
        let rows: Vec<Option<usize>> =
            vocab.iter().map(|(_, item, _)| self.items().get(item).map(crate::id::TokenId::row)).collect();
        let column = |column: &Column| {
            Column::of_texts(&column.name, rows.iter().map(|row| row.and_then(|row| column.text(row))))
        };
        self.columns_of_items.iter().map(column).collect()
    }

    /// The items with their counts over all events.
    #[must_use]
    pub fn items(&self) -> &Vocab {
        &self.parts.items
    }

    /// Number of histories.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.owners.len()
    }

    /// Whether there is no history.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.owners.is_empty()
    }

    /// Number of events.
    #[must_use]
    pub fn events(&self) -> usize {
        self.parts.item.as_slice().len()
    }

    /// Whether the order within a history means something.
    #[must_use]
    pub fn ordered(&self) -> bool {
        self.parts.ordered
    }

    /// Whether events have times.
    #[must_use]
    pub fn timed(&self) -> bool {
        self.parts.time.is_some()
    }

    /// Further columns of the events.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.parts.columns
    }

    /// A hash of everything that is learned from: equal data, equal fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        // In pieces: a call of the hasher for each number would cost more than the hashing.
        fn numbers<T: Copy, const N: usize>(to: &mut blake3::Hasher, numbers: &[T], bytes: impl Fn(T) -> [u8; N]) {
            for piece in numbers.chunks(1 << 14) {
                to.update(&piece.iter().flat_map(|&number| bytes(number)).collect::<Vec<u8>>());
            }
        }
        numbers(&mut hasher, self.parts.item.as_slice(), u32::to_le_bytes);
        numbers(&mut hasher, self.parts.ends.as_slice(), u64::to_le_bytes);
        numbers(&mut hasher, self.parts.time.as_ref().map_or(&[], Numbers::as_slice), i64::to_le_bytes);
        numbers(&mut hasher, self.parts.weight.as_ref().map_or(&[], Numbers::as_slice), f32::to_le_bytes);
        for (_, token, count) in self.parts.items.iter() {
            hasher.update(token.as_bytes()).update(&[0]).update(&count.to_le_bytes());
        }
        for column in self.parts.columns.iter().chain(&self.columns_of_items) {
            hasher.update(column.name.as_bytes()).update(&[0]);
            match &column.values {
                Values::Categories { names, codes } => {
                    for name in names.iter() {
                        hasher.update(name.as_bytes()).update(&[0]);
                    }
                    numbers(&mut hasher, codes.as_slice(), u32::to_le_bytes);
                }
                Values::Numbers(values) => numbers(&mut hasher, values.as_slice(), f32::to_le_bytes),
            }
        }
        if let Some(outcomes) = &self.outcomes {
            outcomes.hash(&mut hasher);
        }
        numbers(&mut hasher, self.groups.as_deref().unwrap_or(&[]), u32::to_le_bytes);
        hasher.update(&[self.repeats as u8, u8::from(self.weighted), u8::from(self.parts.ordered)]);
        hasher.finalize().to_hex().to_string()
    }

    /// History number `row`.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn history(&self, row: usize) -> History<'_> {
        let ends = self.parts.ends.as_slice();
        let events = if row == 0 { 0 } else { ends[row - 1] as usize }..ends[row] as usize;
        History {
            row,
            owner: self.parts.owners.get(row),
            items: &self.parts.item.as_slice()[events.clone()],
            times: self.parts.time.as_ref().map(|time| &time.as_slice()[events.clone()]),
            weights: self.parts.weight.as_ref().map(|weight| &weight.as_slice()[events.clone()]),
            events,
        }
    }

    /// All histories, in order.
    pub fn iter(&self) -> impl Iterator<Item = History<'_>> {
        (0..self.len()).map(|row| self.history(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_histories_with_items_by_falling_count() {
        let lists = [("ann", vec!["b", "a"]), ("bob", vec![]), ("cid", vec!["a"])];
        let histories = Histories::from_lists(&lists, true).unwrap();
        assert_eq!((histories.len(), histories.events()), (3, 3));
        assert_eq!(histories.items().iter().map(|(_, id, n)| (id, n)).collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        let all: Vec<(&str, &[u32])> = histories.iter().map(|h| (h.owner, h.items)).collect();
        assert_eq!(all, [("ann", &[1, 0][..]), ("bob", &[]), ("cid", &[0])]);
    }

    #[test]
    fn parts_that_disagree_are_refused() {
        let parts = Parts {
            items: Vocab::from_counts([("a", 1)]).unwrap(),
            owners: ["x"].into_iter().collect(),
            ends: vec![1].into(),
            item: vec![7].into(),
            time: None,
            weight: None,
            columns: Vec::new(),
            ordered: true,
        };
        assert!(Histories::new(parts).is_err());
    }
}
