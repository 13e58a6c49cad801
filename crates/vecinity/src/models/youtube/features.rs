//! What is known beside the history: columns of categories, numbers and words, and the age of an example.
//!
//! Categories and words are rows of one table, numbers go to the first layer as they are. Covington et al. 2016, section
//! 3.3 and 4.2: a second bag (search tokens) is averaged as the history is; a number `x` is replaced by its share of smaller
//! values, in `[0, 1]`, and given with `x^2` and the root of `x`; the age of an example is how long before the last event it
//! happened, and 0 when the model is asked, so that what was popular once is not taken for what is popular now.

use super::Config;
use crate::error::{Error, Result, shown};
use crate::histories::{Column, Side, Values};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_segmentation::UnicodeSegmentation;

/// Values of a number: its share of smaller ones, the square and the root of that, and whether it is missing.
pub(super) const A_NUMBER: usize = 4;
/// A category or word has a row of its own if it occurs at least so often in training.
const OFTEN: usize = 2;
/// Steps by which the distribution of a number is known.
const STEPS: usize = 64;
/// Columns of numbers with at most so many different values are taken for categories.
const FEW: usize = 10;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureKind {
    /// One of some values.
    Category,
    /// A number.
    Number,
    /// A text: the words of all earlier events are a bag beside the history.
    Words,
    /// How long before the last event an example happened.
    Age,
}

/// A column that the network reads: its name, and perhaps its kind, as in `query:words`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The name of the column.
    pub name: String,
    /// What it holds; found from its values if absent.
    pub kind: Option<FeatureKind>,
}

impl FromStr for Feature {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, kind) = match text.rsplit_once(':') {
            None => (text, None),
            Some((name, "category")) => (name, Some(FeatureKind::Category)),
            Some((name, "number")) => (name, Some(FeatureKind::Number)),
            Some((name, "words")) => (name, Some(FeatureKind::Words)),
            Some(_) => {
                return Err(Error::setting("features", shown(text), "COLUMN, or COLUMN:category, number or words"));
            }
        };
        if name.trim().is_empty() {
            return Err(Error::setting(
                "features",
                shown(text),
                "names of columns, such as country,device,query:words",
            ));
        }
        Ok(Self { name: name.trim().to_owned(), kind })
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.kind {
            None | Some(FeatureKind::Age) => Ok(()),
            Some(FeatureKind::Category) => f.write_str(":category"),
            Some(FeatureKind::Number) => f.write_str(":number"),
            Some(FeatureKind::Words) => f.write_str(":words"),
        }
    }
}

impl Serialize for Feature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Feature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A field of the [`Schema`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: String,
    kind: FeatureKind,
    /// Categories and words with a row of their own, rising; the row before them stands for all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    /// Numbers: values that a rising share of all is below, from the smallest to the largest. Of items a number is a category: the
    /// step that it is on, written as `values` are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<f32>,
}

impl Field {
    /// Rows in the table.
    fn rows(&self) -> usize {
        match self.kind {
            FeatureKind::Category | FeatureKind::Words => self.values.len() + 1,
            FeatureKind::Number | FeatureKind::Age => 0,
        }
    }

    /// The row of a value, from that of the field's unknown value on.
    fn row(&self, value: &str) -> u32 {
        self.values.binary_search_by(|known| known.as_str().cmp(value)).map_or(0, |at| at as u32 + 1)
    }

    /// The rows of an item's values: of a text with bars all between them.
    fn parts(&self, text: &str) -> Vec<u32> {
        match self.kind {
            FeatureKind::Words => words(text).map(|word| self.row(&word)).collect(),
            FeatureKind::Category if !self.steps.is_empty() => {
                let number = text.trim().parse::<f32>().ok().filter(|number| number.is_finite());
                let step = |number: f32| step_name(self.steps.partition_point(|&step| step <= number));
                number.map(|number| self.row(&step(number))).into_iter().collect()
            }
            _ => text.split('|').map(|part| self.row(part.trim())).collect(),
        }
    }

    /// What the first layer gets of a number.
    fn number(&self, value: f32) -> [f32; A_NUMBER] {
        if !value.is_finite() {
            return [0.5, 0.25, 0.5f32.sqrt(), 1.0];
        }
        let last = self.steps.len().saturating_sub(1).max(1) as f32;
        let above = self.steps.partition_point(|&step| step <= value);
        let share = match (above.checked_sub(1).map(|at| self.steps[at]), self.steps.get(above)) {
            (None, _) => 0.0,
            (Some(_), None) => 1.0,
            (Some(below), Some(next)) => (above as f32 - 1.0 + (value - below) / (next - below)) / last,
        };
        [share, share * share, share.sqrt(), 0.0]
    }
}

/// What a network reads beside the history, and of which parts its items' vectors are made, as training found it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    users: Vec<Field>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    items: Vec<Field>,
}

/// What is known of a user beside the history, as a network reads it; see [`Schema::context`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// A row of the table for each category.
    pub(super) rows: Vec<u32>,
    /// [`A_NUMBER`] values for each number.
    pub(super) numbers: Vec<f32>,
    /// Rows of the newest words, the oldest first.
    pub(super) words: Vec<u32>,
}

/// The same, borrowed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    pub(super) rows: &'a [u32],
    pub(super) numbers: &'a [f32],
    pub(super) words: &'a [u32],
}

impl Context {
    /// The same, borrowed.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known { rows: &self.rows, numbers: &self.numbers, words: &self.words }
    }
}

/// The words of a text, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(str::to_lowercase)
}

impl Schema {
    /// What the settings ask for, found in the columns beside the events of training.
    ///
    /// # Errors
    /// [`Error::Data`] if a column is missing, holds no numbers, or the events have no times.
    pub fn of(config: &Config, side: Option<&Side>) -> Result<Self> {
        let mut fields = Vec::new();
        for feature in &config.features {
            let column = side.and_then(|side| side.columns.iter().find(|column| column.name == feature.name));
            let Some(column) = column else {
                let there: Vec<&str> = side.iter().flat_map(|side| &side.columns).map(|c| c.name.as_str()).collect();
                let there = if there.is_empty() { "none".into() } else { there.join(", ") };
                return Err(Error::data(
                    format!("there is no column '{}' to learn from; there are: {there}", shown(&feature.name)),
                    "name columns of the events or of --users",
                ));
            };
            fields.push(field(feature, column)?);
        }
        if config.example_age {
            let Some(times) = side.and_then(|side| side.times.as_deref()) else {
                return Err(Error::data("example_age needs the times of events", "name them: --columns time=..."));
            };
            let newest = times.iter().copied().max().unwrap_or(0);
            let ages = times.iter().map(|&time| (newest - time) as f32).collect();
            let name = "example_age".to_owned();
            fields.push(Field { name, kind: FeatureKind::Age, values: Vec::new(), steps: steps(ages) });
        }
        Ok(Self { users: fields, ..Self::of_items(&config.item_features, side)? })
    }

    /// What is known of items alone.
    ///
    /// # Errors
    /// [`Error::Data`] if a field is missing or holds no numbers.
    pub fn of_items(features: &[Feature], side: Option<&Side>) -> Result<Self> {
        let items = features.iter().map(|feature| item_field(feature, side)).collect::<Result<_>>()?;
        Ok(Self { users: Vec::new(), items })
    }

    /// Whether there is nothing but histories, and nothing but rows of items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.items.is_empty()
    }

    /// Whether the network reads anything beside histories.
    #[must_use]
    pub fn reads_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// The names of what items' vectors are made of, beside rows of their own.
    pub fn item_names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|field| field.name.as_str())
    }

    /// Rows of the table of parts.
    pub(in crate::models) fn item_rows(&self) -> usize {
        self.items.iter().map(Field::rows).sum()
    }

    /// The parts of an item: rows of their table with weights, which add to 1 for each field of which something is known.
    pub(super) fn item<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> Vec<(u32, f32)> {
        self.item_by_field(value).into_iter().flat_map(|(_, parts)| parts).collect()
    }

    /// As `item`, by the fields of which something is known.
    pub(in crate::models) fn item_by_field<'a>(
        &self,
        value: &dyn Fn(&str) -> Option<&'a str>,
    ) -> Vec<(usize, Vec<(u32, f32)>)> {
        let mut all = Vec::new();
        for (number, (first, field)) in placed(&self.items).enumerate() {
            let Some(text) = value(&field.name) else { continue };
            let rows: Vec<u32> = field.parts(text).into_iter().filter(|&row| row > 0).collect();
            let weight = 1.0 / rows.len().max(1) as f32;
            if !rows.is_empty() {
                all.push((number, rows.into_iter().map(|row| (first + row, weight)).collect()));
            }
        }
        all
    }

    /// The names of its columns, without the age.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.users.iter().filter(|field| field.kind != FeatureKind::Age).map(|field| field.name.as_str())
    }

    /// Rows of the table.
    pub(super) fn rows(&self) -> usize {
        self.users.iter().map(Field::rows).sum()
    }

    fn count(&self, kinds: &[FeatureKind]) -> usize {
        self.users.iter().filter(|field| kinds.contains(&field.kind)).count()
    }

    pub(super) fn categories(&self) -> usize {
        self.count(&[FeatureKind::Category])
    }

    pub(super) fn numbers(&self) -> usize {
        self.count(&[FeatureKind::Number, FeatureKind::Age])
    }

    pub(super) fn has_words(&self) -> bool {
        self.count(&[FeatureKind::Words]) > 0
    }

    /// The unknown values of all categories: what stands for a user of whom nothing is known.
    pub(super) fn unknown(&self) -> Context {
        self.context(&|_| None).unwrap_or_default()
    }

    /// What is known of a user, from texts.
    ///
    /// * `value`: the text of a column; `None`: unknown.
    ///
    /// # Errors
    /// [`Error::Setting`] if a number is none.
    pub fn context<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> Result<Context> {
        let mut context = Context::default();
        for (first, field) in placed(&self.users) {
            let text = value(&field.name).filter(|text| !text.trim().is_empty());
            match field.kind {
                FeatureKind::Category => context.rows.push(first + text.map_or(0, |text| field.row(text))),
                FeatureKind::Words => {
                    let all = text.into_iter().flat_map(words);
                    context.words.extend(all.map(|word| first + field.row(&word)));
                }
                FeatureKind::Age => context.numbers.extend(field.number(0.0)),
                FeatureKind::Number => {
                    let number = text.map_or(Ok(f32::NAN), |text| text.trim().parse::<f32>());
                    let given = || format!("{}={}", field.name, shown(text.unwrap_or_default()));
                    let wrong = |_| Error::setting("context", given(), "a number");
                    context.numbers.extend(field.number(number.map_err(wrong)?));
                }
            }
        }
        Ok(context)
    }

    /// All that these columns say, event by event.
    ///
    /// A column that is not there is unknown of everybody.
    ///
    /// * `ages`: whether events have ages, as in training; or are asked about now.
    #[must_use]
    pub fn read(&self, side: &Side, ages: bool) -> Contexts {
        let mut all =
            Contexts { categories: self.categories(), a_number: self.numbers() * A_NUMBER, ..Contexts::default() };
        let events = side.events;
        all.rows.resize(events * all.categories, 0);
        all.numbers.resize(events * all.a_number, 0.0);
        let (mut category, mut number) = (0, 0);
        let mut bags: Vec<Vec<Vec<u32>>> = Vec::new();
        let mut bag_codes: Vec<&[u32]> = Vec::new();
        for (first, field) in placed(&self.users) {
            let numbers = |at: usize, values: [f32; A_NUMBER], all: &mut Contexts| {
                all.numbers[at * all.a_number + number * A_NUMBER..][..A_NUMBER].copy_from_slice(&values);
            };
            if field.kind == FeatureKind::Age {
                let times = side.times.as_deref().filter(|_| ages).unwrap_or(&[]);
                let newest = times.iter().copied().max().unwrap_or(0);
                for at in 0..events {
                    let age = times.get(at).map_or(0.0, |&time| (newest - time) as f32);
                    numbers(at, field.number(age), &mut all);
                }
                number += 1;
                continue;
            }
            let Some((names, codes)) = column(side, &field.name) else {
                // Nothing is known of anybody.
                match field.kind {
                    FeatureKind::Category => {
                        (0..events).for_each(|at| all.rows[at * all.categories + category] = first);
                        category += 1;
                    }
                    FeatureKind::Number => {
                        (0..events).for_each(|at| numbers(at, field.number(f32::NAN), &mut all));
                        number += 1;
                    }
                    FeatureKind::Words | FeatureKind::Age => {}
                }
                continue;
            };
            match field.kind {
                FeatureKind::Category => {
                    let of: Vec<u32> = names.iter().map(|name| first + field.row(name)).collect();
                    for (at, &code) in codes.iter().enumerate() {
                        all.rows[at * all.categories + category] = of[code as usize];
                    }
                    category += 1;
                }
                FeatureKind::Number | FeatureKind::Age => {
                    let parsed = names.iter().map(|name| name.trim().parse::<f32>().unwrap_or(f32::NAN));
                    let of: Vec<[f32; A_NUMBER]> = parsed.map(|value| field.number(value)).collect();
                    for (at, &code) in codes.iter().enumerate() {
                        numbers(at, of[code as usize], &mut all);
                    }
                    number += 1;
                }
                FeatureKind::Words => {
                    bags.push(
                        names.iter().map(|text| words(text).map(|word| first + field.row(&word)).collect()).collect(),
                    );
                    bag_codes.push(codes);
                }
            }
        }
        for at in 0..events {
            for (bag, codes) in bags.iter().zip(&bag_codes) {
                all.words.extend(&bag[codes[at] as usize]);
            }
            all.word_ends.push(all.words.len());
        }
        all
    }
}

/// Each field with the row of its unknown value.
fn placed(fields: &[Field]) -> impl Iterator<Item = (u32, &Field)> {
    fields.iter().scan(0, |first, field| {
        let at = *first as u32;
        *first += field.rows();
        Some((at, field))
    })
}

/// A column of categories.
fn column<'a>(side: &'a Side, name: &str) -> Option<(&'a crate::histories::Names, &'a [u32])> {
    side.columns.iter().find(|column| column.name == name).and_then(|column| match &column.values {
        Values::Categories { names, codes } => Some((names, codes.as_slice())),
        Values::Numbers(_) => None,
    })
}

/// A field as its values are.
fn field(feature: &Feature, column: &Column) -> Result<Field> {
    let name = column.name.clone();
    let Values::Categories { names, codes } = &column.values else {
        return Err(Error::data(
            format!("the column '{}' holds no texts", shown(&name)),
            "this is a bug, please report it",
        ));
    };
    let mut counts = vec![0usize; names.len()];
    for &code in codes.as_slice() {
        counts[code as usize] += 1;
    }
    let given = || names.iter().zip(&counts).filter(|(text, count)| !text.trim().is_empty() && **count > 0);
    let wrong = given().find(|(text, _)| !text.trim().parse::<f32>().is_ok_and(f32::is_finite));
    let kind = feature.kind.unwrap_or(match wrong {
        None if given().count() > FEW => FeatureKind::Number,
        _ => FeatureKind::Category,
    });
    let mut found = Field { name, kind, values: Vec::new(), steps: Vec::new() };
    match kind {
        FeatureKind::Number | FeatureKind::Age => {
            if let Some((text, _)) = wrong {
                let what = format!("'{}' in the column '{}' is no number", shown(text), shown(&found.name));
                return Err(Error::data(what, format!("say --features {}:category, or mend the data", found.name)));
            }
            let of: Vec<Option<f32>> = names.iter().map(|text| text.trim().parse().ok()).collect();
            found.steps = steps(codes.as_slice().iter().filter_map(|&code| of[code as usize]).collect());
        }
        FeatureKind::Category => {
            let often = given().filter(|(_, count)| **count >= OFTEN);
            found.values = often.map(|(text, _)| text.to_owned()).collect();
            found.values.sort_unstable();
        }
        FeatureKind::Words => {
            let mut all = HashMap::<String, usize, FixedState>::default();
            for (text, count) in given() {
                words(text).for_each(|word| *all.entry(word).or_default() += count);
            }
            found.values = all.into_iter().filter(|&(_, count)| count >= OFTEN).map(|(word, _)| word).collect();
            found.values.sort_unstable();
        }
    }
    Ok(found)
}

/// How the step of a number is written, so that names rise as steps do.
fn step_name(step: usize) -> String {
    format!("step {step:03}")
}

/// A field of the items; every item counts once.
fn item_field(feature: &Feature, side: Option<&Side>) -> Result<Field> {
    let columns = side.map_or(&[][..], |side| &side.items);
    let Some(column) = columns.iter().find(|column| column.name == feature.name) else {
        return Err(Error::data(
            format!("there is no field '{}' of the items to learn from", shown(&feature.name)),
            "name fields of --metadata in --item-features",
        ));
    };
    let mut found = field(feature, column)?;
    match found.kind {
        FeatureKind::Number | FeatureKind::Age => {
            let few = |step: usize| found.steps[step * (found.steps.len() - 1) / FEW];
            found.steps = if found.steps.is_empty() { Vec::new() } else { (1..FEW).map(few).collect() };
            found.steps.dedup();
            found.values = (0..=found.steps.len()).map(step_name).collect();
            found.kind = FeatureKind::Category;
        }
        FeatureKind::Category => {
            let mut counts = HashMap::<&str, usize, FixedState>::default();
            let all = (0..column.len()).filter_map(|row| column.text(row));
            all.flat_map(|text| text.split('|')).for_each(|part| *counts.entry(part.trim()).or_default() += 1);
            let often = counts.into_iter().filter(|(part, count)| !part.is_empty() && *count >= OFTEN);
            found.values = often.map(|(part, _)| part.to_owned()).collect();
            found.values.sort_unstable();
        }
        FeatureKind::Words => {}
    }
    Ok(found)
}

/// Values that a rising share of all values is not above, each once.
fn steps(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let at = |step: usize| values[step * (values.len() - 1) / STEPS];
    let mut steps: Vec<f32> = if values.is_empty() { Vec::new() } else { (0..=STEPS).map(at).collect() };
    steps.dedup();
    steps
}

/// What is known beside the histories, event by event.
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    categories: usize,
    a_number: usize,
    rows: Vec<u32>,
    numbers: Vec<f32>,
    words: Vec<u32>,
    /// Where the words of each event end.
    word_ends: Vec<usize>,
}

impl Contexts {
    /// What is known at an event: its categories and numbers, and the newest words of the events `start..until`.
    ///
    /// * `most`: words, at most.
    ///
    /// # Panics
    /// If there is no such event.
    #[must_use]
    pub fn at(&self, event: usize, start: usize, until: usize, most: usize) -> Known<'_> {
        let end_of = |events: usize| if events == 0 { 0 } else { self.word_ends.get(events - 1).copied().unwrap_or(0) };
        let (first, end) = (end_of(start), end_of(until));
        Known {
            rows: &self.rows[event * self.categories..][..self.categories],
            numbers: &self.numbers[event * self.a_number..][..self.a_number],
            words: &self.words[first.max(end.saturating_sub(most))..end],
        }
    }
}
