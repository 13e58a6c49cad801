//! Rows to numbers: what a thread makes of the rows that it reads.

use super::columns::Role;
use super::dictionary::{Dictionary, News};
use super::time::{self, Unit};
use crate::error::shown;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The file.
    pub file: PathBuf,
    /// The line, or the row of a Parquet file, from 1.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file.display(), self.line, self.what)
    }
}

/// Bad rows that are kept for the user to look at, at most.
pub(super) const KEPT: usize = 10_000;

/// Which columns there are, beside items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Has {
    pub(super) user: bool,
    pub(super) time: bool,
    pub(super) weight: bool,
    pub(super) event: bool,
    pub(super) session: bool,
    /// How many further columns.
    pub(super) beside: u8,
}

/// One row, still as text.
#[derive(Debug, Clone, Default)]
pub(super) struct Row<'a> {
    /// The time in milliseconds, where it comes as a number that needs no reading.
    pub(super) known_time: Option<(i64, Unit)>,
    /// The weight, likewise: finite and not negative.
    pub(super) known_weight: Option<f32>,
    pub(super) user: &'a [u8],
    pub(super) item: &'a [u8],
    pub(super) time: &'a [u8],
    pub(super) weight: &'a [u8],
    pub(super) event: &'a [u8],
    pub(super) session: &'a [u8],
    /// Further columns with their numbers.
    beside: Vec<(u8, &'a [u8])>,
}

impl<'a> Row<'a> {
    pub(super) fn set(&mut self, role: Role, value: &'a [u8]) {
        match role {
            Role::User => self.user = value,
            Role::Item => self.item = value,
            Role::Time => self.time = value,
            Role::Weight => self.weight = value,
            Role::Event => self.event = value,
            Role::Session => self.session = value,
            Role::Beside(number) => self.beside.push((number, value)),
        }
    }
}

/// What stands between the parts of [`kind_and_beside`].
const BETWEEN: char = '\u{1f}';

/// What happened and the values of the further columns, by their numbers: all that is known of an event but who, what and when
/// is one name of one dictionary, so that an event takes no more memory than without.
pub(super) fn kind_and_beside(name: &str) -> (&str, impl Iterator<Item = (u8, &str)>) {
    let mut parts = name.split(BETWEEN);
    let kind = parts.next().unwrap_or("");
    let numbered =
        |part: &'_ str| -> Option<(u8, usize)> { Some((part.split_once('=')?.0.parse().ok()?, part.find('=')? + 1)) };
    (kind, parts.filter_map(move |part| numbered(part).map(|(number, at)| (number, &part[at..]))))
}

/// Rows as numbers of the dictionaries of one thread; columns that do not exist are empty.
#[derive(Default)]
pub(super) struct Batch {
    /// Which thread.
    pub(super) thread: usize,
    /// What its dictionaries have learned by this batch: of users, items, sessions and events.
    pub(super) news: [News; 4],
    pub(super) user: Vec<u32>,
    pub(super) item: Vec<u32>,
    pub(super) session: Vec<u32>,
    pub(super) event: Vec<u32>,
    pub(super) time: Vec<i64>,
    pub(super) weight: Vec<f32>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) unit: Option<Unit>,
    /// Bad rows with their line within the batch, from 1; the number of all of them.
    pub(super) bad: Vec<(u64, String)>,
    pub(super) bad_rows: u64,
    /// Lines of the batch.
    pub(super) lines: u64,
}

impl Batch {
    pub(super) fn bad_rows(&self, file: &Path, lines_before: u64) -> impl Iterator<Item = BadRow> {
        self.bad.iter().map(move |(line, what)| BadRow {
            file: file.to_owned(),
            line: lines_before + line,
            what: what.clone(),
        })
    }
}

/// A thread's dictionaries, and the batch that it is at.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) batch: Batch,
    has: Has,
    users: Dictionary,
    items: Dictionary,
    sessions: Dictionary,
    events: Dictionary,
    /// The name of an event with its further columns.
    composed: String,
}

impl Encoder {
    /// For the thread of this number, from 0 without gaps.
    pub(super) fn new(thread: usize, has: Has) -> Self {
        Self { batch: Batch { thread, ..Batch::default() }, has, ..Self::default() }
    }

    /// Ends the batch and begins another one.
    pub(super) fn take(&mut self) -> Batch {
        let batch = &mut self.batch;
        for (dictionary, numbers) in [
            (&mut self.users, &mut batch.user),
            (&mut self.items, &mut batch.item),
            (&mut self.sessions, &mut batch.session),
            (&mut self.events, &mut batch.event),
        ] {
            dictionary.settle(numbers);
        }
        let news = [self.users.news(), self.items.news(), self.sessions.news(), self.events.news()];
        let next = Batch { thread: self.batch.thread, ..Batch::default() };
        Batch { news, ..std::mem::replace(&mut self.batch, next) }
    }

    /// Appends an event, or counts it among the bad.
    pub(super) fn push(&mut self, row: &Row<'_>, line: u64) {
        self.batch.rows += 1;
        if let Err(what) = self.try_push(row) {
            self.refuse(line, what);
        }
    }

    /// Counts a row that could not be read.
    pub(super) fn refuse(&mut self, line: u64, what: String) {
        self.batch.bad_rows += 1;
        if self.batch.bad.len() < KEPT {
            self.batch.bad.push((line, what));
        }
    }

    fn try_push(&mut self, row: &Row<'_>) -> Result<(), String> {
        let time = if self.has.time {
            let (time, unit) = row.known_time.or_else(|| time::parse(row.time)).ok_or_else(|| {
                format!("the time is '{}', expected seconds, milliseconds or ISO 8601", text(row.time))
            })?;
            self.batch.unit = Some(unit);
            time
        } else {
            0
        };
        let weight = match row.known_weight {
            Some(weight) => weight,
            None if self.has.weight => parse_weight(row.weight)?,
            None => 1.0,
        };
        let item = name(row.item, "item")?;
        let user = if self.has.user { name(row.user, "user")? } else { "" };
        let session = if self.has.session { name(row.session, "session")? } else { "" };
        let event = if self.has.event { utf8(row.event, "event")? } else { "" };
        if self.has.beside == 0 {
            self.append(user, item, session, event, time, weight);
            return Ok(());
        }
        let mut composed = std::mem::take(&mut self.composed);
        composed.clear();
        composed.push_str(event);
        for &(number, value) in &row.beside {
            use std::fmt::Write;
            // Writing to a string does not fail.
            let _ = write!(composed, "{BETWEEN}{number}=");
            composed.extend(utf8(value, "text beside an event")?.chars().filter(|&c| c != BETWEEN));
        }
        self.append(user, item, session, &composed, time, weight);
        self.composed = composed;
        Ok(())
    }

    /// Appends an event that is known to be good.
    pub(super) fn append(&mut self, user: &str, item: &str, session: &str, event: &str, time: i64, weight: f32) {
        let Self { batch, has, users, items, sessions, events, .. } = self;
        items.push(item, &mut batch.item);
        if has.user {
            users.push(user, &mut batch.user);
        }
        if has.session {
            sessions.push(session, &mut batch.session);
        }
        if has.event || has.beside > 0 {
            events.push(event, &mut batch.event);
        }
        if has.time {
            batch.time.push(time);
        }
        if has.weight {
            batch.weight.push(weight);
        }
    }
}

/// A weight: a finite number that is not negative; an empty field is 1.
pub(super) fn parse_weight(field: &[u8]) -> Result<f32, String> {
    let field = field.trim_ascii();
    if field.is_empty() {
        return Ok(1.0);
    }
    if let Some(number) = time::integer(field).filter(|&number| number >= 0) {
        return Ok(number as f32);
    }
    let number = std::str::from_utf8(field).ok().and_then(|text| text.parse::<f32>().ok());
    number
        .filter(|weight| weight.is_finite() && *weight >= 0.0)
        .ok_or_else(|| format!("the weight is '{}', expected a number of at least 0", text(field)))
}

fn utf8<'a>(field: &'a [u8], column: &str) -> Result<&'a str, String> {
    std::str::from_utf8(field.trim_ascii()).map_err(|_| format!("the {column} is not UTF-8 (is the file Latin-1?)"))
}

fn name<'a>(field: &'a [u8], column: &str) -> Result<&'a str, String> {
    match utf8(field, column)? {
        "" => Err(format!("the {column} is empty")),
        name => Ok(name),
    }
}

/// A field for a message.
fn text(field: &[u8]) -> String {
    shown(&String::from_utf8_lossy(field))
}
