//! Events of several kinds become sessions of clicks, with the listing each was booked with and those that were rejected.

use crate::error::{Error, Result, shown};
use crate::histories::{Histories, History, Names, Outcomes, Parts, Values};
use crate::metadata::Metadata;
use crate::vocab::Vocab;
use std::collections::HashMap;

/// Which events mean what; all others are clicks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// The kind of event that a session ends in: booked, bought.
    pub goal: Option<String>,
    /// The kind of event by which a host rejects a guest.
    pub reject: Option<String>,
    /// Clicks that were looked at for less than this many milliseconds are left out; how long is the time to the next event.
    pub min_dwell: i64,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Sessions with at least one click.
    pub sessions: usize,
    /// Those of them that ended in the goal.
    pub booked: usize,
    /// Clicks.
    pub clicks: usize,
    /// Clicks that were left out since they were too short.
    pub short: usize,
    /// Rejections.
    pub rejected: usize,
}

/// Makes sessions of histories: a session ends with its goal, and holds clicks only.
///
/// Histories of several goals (of users) become as many sessions, named `owner#2` from the second on.
///
/// # Errors
/// [`Error::Data`] if the events have no kinds or not those of the rules, or if `min_dwell` is asked for without times that
/// differ.
pub fn sessions(histories: &Histories, rules: &Rules) -> Result<(Histories, Summary)> {
    let kinds = kinds(histories)?;
    let goal = rules.goal.as_deref().map(|name| kinds.find(name, "global_context")).transpose()?;
    let reject = rules.reject.as_deref().map(|name| kinds.find(name, "reject")).transpose()?;
    if rules.min_dwell > 0 {
        require_pauses(histories)?;
    }
    let mut to = Building::default();
    for history in histories.iter() {
        to.number = 0;
        for (at, &item) in history.items.iter().enumerate() {
            let kind = Some(kinds.codes[history.events.start + at]);
            if kind == goal {
                to.end(&history, Some(item));
            } else if kind == reject {
                to.refused.push(item);
                to.summary.rejected += 1;
            } else if is_short(&history, at, rules.min_dwell) {
                to.summary.short += 1;
            } else {
                to.click(&history, at);
            }
        }
        to.end(&history, None);
    }
    let parts = Parts {
        items: histories.items().clone(),
        owners: to.owners,
        ends: to.ends.into(),
        item: to.item.into(),
        time: histories.timed().then(|| to.time.into()),
        weight: None,
        columns: Vec::new(),
        ordered: histories.ordered(),
    };
    let mut made = Histories::new(parts)?.learned_with(histories.repeats(), false).with_outcomes(to.outcomes);
    if let Some(groups) = histories.groups() {
        made = made.with_groups(groups.to_vec());
    }
    Ok((made, to.summary))
}

/// The kinds of events.
struct Kinds<'a> {
    names: &'a Names,
    codes: &'a [u32],
}

impl Kinds<'_> {
    fn find(&self, name: &str, setting: &'static str) -> Result<u32> {
        let found = self.names.iter().position(|known| known == name);
        found.map(|at| at as u32).ok_or_else(|| {
            let known: Vec<String> = self.names.iter().take(12).map(shown).collect();
            Error::setting(setting, shown(name), format!("one of the events of the data: {}", known.join(", ")))
        })
    }
}

fn kinds(histories: &Histories) -> Result<Kinds<'_>> {
    let column = histories.columns().iter().find(|column| column.name == "event").map(|column| &column.values);
    match column {
        Some(Values::Categories { names, codes }) => Ok(Kinds { names, codes: codes.as_slice() }),
        _ => Err(Error::data(
            "the data has no column that says what each event was",
            "name it: --columns event=NAME,...; --global-context and --reject are values of it",
        )),
    }
}

fn require_pauses(histories: &Histories) -> Result<()> {
    let differ =
        histories.iter().any(|history| history.times.is_some_and(|times| times.windows(2).any(|t| t[0] != t[1])));
    if differ {
        return Ok(());
    }
    let what = "--min-dwell needs the time of every click, and there is none that differs from the next";
    Err(Error::data(what, "name the column: --columns time=NAME,...; or leave --min-dwell out"))
}

/// Whether what was clicked was left again at once; of the last event nobody knows.
fn is_short(history: &History<'_>, at: usize, min_dwell: i64) -> bool {
    min_dwell > 0
        && history.times.is_some_and(|times| times.get(at + 1).is_some_and(|next| next - times[at] < min_dwell))
}

#[derive(Default)]
struct Building {
    owners: Names,
    ends: Vec<u64>,
    item: Vec<u32>,
    time: Vec<i64>,
    outcomes: Outcomes,
    summary: Summary,
    /// Of the session that is open: where it begins, its rejections, its number within the history.
    start: usize,
    refused: Vec<u32>,
    number: u32,
}

impl Building {
    fn click(&mut self, history: &History<'_>, at: usize) {
        self.item.push(history.items[at]);
        if let Some(times) = history.times {
            self.time.push(times[at]);
        }
    }

    /// Ends the session; one without a click teaches nothing and is left out.
    fn end(&mut self, history: &History<'_>, goal: Option<u32>) {
        if self.item.len() > self.start {
            self.number += 1;
            match self.number {
                1 => self.owners.push(history.owner),
                number => self.owners.push(&format!("{}#{number}", history.owner)),
            }
            self.ends.push(self.item.len() as u64);
            self.outcomes.push(goal, &self.refused);
            self.summary.sessions += 1;
            self.summary.booked += usize::from(goal.is_some());
            self.summary.clicks += self.item.len() - self.start;
        }
        self.start = self.item.len();
        self.refused.clear();
    }
}

/// The group (market) of each item by a column of its metadata, numbered in the order of the items; `u32::MAX` where the
/// field is empty.
///
/// # Errors
/// [`Error::Setting`] if there is no such column, or no item has a value in it.
pub fn groups(items: &Vocab, metadata: &Metadata, column: &str) -> Result<Vec<u32>> {
    let Some(at) = metadata.columns().iter().position(|known| known == column) else {
        let known: Vec<String> = metadata.columns().iter().take(12).map(|name| shown(name)).collect();
        let expected = format!("a column of --metadata or of the events; --metadata has {}", known.join(", "));
        return Err(Error::setting("local_negatives", shown(column), expected));
    };
    let mut numbers = HashMap::new();
    let groups: Vec<u32> = items
        .iter()
        .map(|(_, id, _)| match metadata.value(id, at) {
            Some(value) => {
                let next = numbers.len() as u32;
                *numbers.entry(value).or_insert(next)
            }
            None => u32::MAX,
        })
        .collect();
    if numbers.is_empty() {
        let expected = "a column in which items of the data have a value";
        return Err(Error::setting("local_negatives", shown(column), expected));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::Column;

    /// Events as `owner item kind second`.
    fn log(rows: &[(&str, &str, &str, i64)]) -> Histories {
        let mut lists: Vec<(&str, Vec<&str>)> = Vec::new();
        for (owner, item, ..) in rows {
            match lists.last_mut().filter(|(last, _)| last == owner) {
                Some((_, items)) => items.push(item),
                None => lists.push((owner, vec![item])),
            }
        }
        let plain = Histories::from_lists(&lists, true).unwrap();
        let names: Names = ["click", "booked", "rejected"].into_iter().collect();
        let code = |kind: &str| names.iter().position(|name| name == kind).unwrap() as u32;
        let codes: Vec<u32> = rows.iter().map(|row| code(row.2)).collect();
        Histories::new(Parts {
            items: plain.items().clone(),
            owners: plain.iter().map(|history| history.owner).collect(),
            ends: plain.iter().map(|history| history.events.end as u64).collect::<Vec<_>>().into(),
            item: plain.iter().flat_map(|history| history.items.to_vec()).collect::<Vec<_>>().into(),
            time: Some(rows.iter().map(|row| row.3 * 1000).collect::<Vec<_>>().into()),
            weight: None,
            columns: vec![Column { name: "event".into(), values: Values::Categories { names, codes: codes.into() } }],
            ordered: true,
        })
        .unwrap()
    }

    fn rules() -> Rules {
        Rules { goal: Some("booked".into()), reject: Some("rejected".into()), min_dwell: 0 }
    }

    fn show(histories: &Histories) -> Vec<String> {
        let id = |item: u32| histories.items().token(crate::TokenId(item)).to_owned();
        let outcomes = histories.outcomes().unwrap();
        let each = histories.iter().map(|history| {
            let clicks: Vec<String> = history.items.iter().map(|&item| id(item)).collect();
            let refused: Vec<String> = outcomes.refused(history.row).iter().map(|&item| id(item)).collect();
            let goal = outcomes.goal(history.row).map(id).unwrap_or_default();
            format!("{}: {} -> {goal} not {}", history.owner, clicks.join(" "), refused.join(" "))
        });
        each.collect()
    }

    #[test]
    fn a_session_ends_with_its_booking_and_holds_clicks_only() {
        let log = log(&[
            ("u", "a", "click", 0),
            ("u", "b", "click", 40),
            ("u", "b", "rejected", 50),
            ("u", "a", "booked", 60),
            ("u", "c", "click", 70),
            ("v", "b", "booked", 0),
            ("w", "c", "click", 5),
        ]);
        let (made, summary) = sessions(&log, &rules()).unwrap();
        // `v` booked without a click: nothing to learn from.
        assert_eq!(show(&made), ["u: a b -> a not b", "u#2: c ->  not ", "w: c ->  not "]);
        assert_eq!(summary, Summary { sessions: 3, booked: 1, clicks: 4, short: 0, rejected: 1 });
        assert_eq!(made.history(0).times, Some(&[0, 40_000][..]));
    }

    #[test]
    fn clicks_that_were_left_at_once_are_left_out() {
        let log =
            log(&[("u", "a", "click", 0), ("u", "b", "click", 10), ("u", "c", "click", 50), ("u", "c", "booked", 52)]);
        let (made, summary) = sessions(&log, &Rules { min_dwell: 30_000, ..rules() }).unwrap();
        assert_eq!(show(&made), ["u: b -> c not "]);
        assert_eq!((summary.short, summary.clicks), (2, 1));
    }

    #[test]
    fn kinds_and_columns_that_are_not_there_are_named() {
        let log = log(&[("u", "a", "click", 0), ("u", "a", "booked", 0), ("u", "a", "rejected", 0)]);
        let wrong = Rules { goal: Some("book".into()), ..rules() };
        let message = sessions(&log, &wrong).unwrap_err().to_string();
        assert!(message.contains("global_context is book") && message.contains("click, booked, rejected"), "{message}");
        let message = sessions(&log, &Rules { min_dwell: 1, ..rules() }).unwrap_err().to_string();
        assert!(message.contains("--min-dwell needs the time"), "{message}");
        let plain = Histories::from_lists(&[("u", vec!["a"])], true).unwrap();
        let error = sessions(&plain, &rules()).unwrap_err();
        assert!(error.advice().unwrap().contains("--columns event=NAME"), "{error}");
    }
}
