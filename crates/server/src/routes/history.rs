//! The history of a request: ids or titles alone, or with how much each counts and when it was.

use super::find;
use crate::problem::Problem;
use crate::served::Served;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::HashSet;
use std::fmt;
use vecinity::events::milliseconds;

/// Items of a history as they were sent.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct History(Vec<Entry>);

/// An item of a history.
#[derive(Debug, utoipa::ToSchema)]
pub(crate) struct Entry {
    /// An id or a title.
    id: String,
    /// How much it counts beside where it stands, above 0 [1]. Networks weigh by themselves and refuse it.
    weight: Option<f32>,
    /// When it was, as a date of ISO 8601 or a number since 1970: the order, in place of that of the list.
    at: Option<i64>,
}

/// What of a history a model knows.
pub(super) struct Known<'a> {
    /// Rows, oldest first, each once.
    pub(super) items: Vec<u32>,
    /// How much each counts, if that was said of any.
    pub(super) weights: Option<Vec<f32>>,
    /// What the model does not know.
    pub(super) unknown: Vec<&'a str>,
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What of it the model knows.
    pub(super) fn known(&self, served: &Served) -> Result<Known<'_>, Problem> {
        let mut entries: Vec<&Entry> = self.0.iter().collect();
        let timed = entries.iter().filter(|entry| entry.at.is_some()).count();
        if timed != 0 && timed != entries.len() {
            let problem =
                Problem::invalid(format!("{timed} of the {} items of the history have a time", entries.len()));
            return Err(problem.advised("give \"at\" with each of them, or with none"));
        }
        entries.sort_by_key(|entry| entry.at);
        let weighted = entries.iter().any(|entry| entry.weight.is_some());
        if weighted && !served.recommender.takes_weights() {
            let problem = Problem::invalid("this model is a network, which weighs the items of a history by itself");
            return Err(problem.advised("leave \"weight\" out"));
        }
        let (mut items, mut weights, mut unknown, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
        for entry in entries {
            match find(served, &entry.id) {
                // The first time of each stays, as in evaluation.
                Some(id) if seen.insert(id.0) => {
                    items.push(id.0);
                    weights.push(entry.weight.unwrap_or(1.0));
                }
                Some(_) => {}
                None => unknown.push(entry.id.as_str()),
            }
        }
        Ok(Known { items, weights: weighted.then_some(weights), unknown })
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Told)
    }
}

struct Told;

impl<'de> Visitor<'de> for Told {
    type Value = Entry;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a string, or an object with id, weight and at")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<Entry, E> {
        Ok(Entry { id: id.to_owned(), weight: None, at: None })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Entry, M::Error> {
        /// The object as it is written.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object {
            id: String,
            weight: Option<f32>,
            at: Option<At>,
        }
        let Object { id, weight, at } = Object::deserialize(MapAccessDeserializer::new(map))?;
        if let Some(weight) = weight.filter(|weight| !(weight.is_finite() && *weight > 0.0)) {
            return Err(M::Error::custom(format!("the weight of '{id}' is {weight}, expected a number above 0")));
        }
        let time = |at: At| {
            let text = match at {
                At::Text(text) => text,
                At::Number(number) => number.to_string(),
            };
            milliseconds(&text).ok_or_else(|| {
                let wanted = "expected a date such as 2026-11-20T10:00:00Z, or seconds since 1970";
                M::Error::custom(format!("'{text}' is no time, {wanted}"))
            })
        };
        Ok(Entry { weight, at: at.map(time).transpose()?, id })
    }
}

/// A time as it is written.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum At {
    Text(String),
    Number(serde_json::Number),
}
