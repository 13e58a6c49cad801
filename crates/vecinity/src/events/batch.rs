//! Rows to numbers: a batch has a dictionary of its own, so that threads need not share one.

use super::columns::Role;
use super::time::{self, Unit};
use crate::error::shown;
use crate::histories::Names;
use hashbrown::HashTable;
use serde::Serialize;
use std::fmt;
use std::hash::BuildHasher;
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

/// Strings, each once, by number.
#[derive(Default)]
pub(super) struct Interner {
    pub(super) names: Names,
    rows: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    last: u32,
}

impl Interner {
    /// The number of a name. A name like the one before, the usual case for users, is not hashed.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if !self.names.is_empty() && self.names.get(self.last as usize) == name {
            return self.last;
        }
        let hash = self.hasher.hash_one(name);
        let names = &self.names;
        self.last = match self.rows.find(hash, |&row| names.get(row as usize) == name) {
            Some(&row) => row,
            None => {
                let row = names.len() as u32;
                self.names.push(name);
                let (names, hasher) = (&self.names, &self.hasher);
                self.rows.insert_unique(hash, row, |&row| hasher.hash_one(names.get(row as usize)));
                row
            }
        };
        self.last
    }
}

/// Which columns there are, beside items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Has {
    pub(super) user: bool,
    pub(super) time: bool,
    pub(super) weight: bool,
    pub(super) event: bool,
    pub(super) session: bool,
}

/// One row, still as text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row<'a> {
    pub(super) user: &'a [u8],
    pub(super) item: &'a [u8],
    pub(super) time: &'a [u8],
    pub(super) weight: &'a [u8],
    pub(super) event: &'a [u8],
    pub(super) session: &'a [u8],
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
        }
    }
}

/// Rows as numbers of the batch's own dictionaries; columns that do not exist are empty.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) has: Has,
    pub(super) users: Interner,
    pub(super) items: Interner,
    pub(super) sessions: Interner,
    pub(super) events: Interner,
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
    pub(super) fn new(has: Has) -> Self {
        Self { has, ..Self::default() }
    }

    /// Appends an event, or counts it among the bad.
    pub(super) fn push(&mut self, row: &Row<'_>, line: u64) {
        self.rows += 1;
        if let Err(what) = self.try_push(row) {
            self.refuse(line, what);
        }
    }

    /// Counts a row that could not be read.
    pub(super) fn refuse(&mut self, line: u64, what: String) {
        self.bad_rows += 1;
        if self.bad.len() < KEPT {
            self.bad.push((line, what));
        }
    }

    fn try_push(&mut self, row: &Row<'_>) -> Result<(), String> {
        let time = if self.has.time {
            let (time, unit) = time::parse(row.time).ok_or_else(|| {
                format!("the time is '{}', expected seconds, milliseconds or ISO 8601", text(row.time))
            })?;
            self.unit = Some(unit);
            time
        } else {
            0
        };
        let weight = if self.has.weight { parse_weight(row.weight)? } else { 1.0 };
        let item = name(row.item, "item")?;
        let user = if self.has.user { name(row.user, "user")? } else { "" };
        let session = if self.has.session { name(row.session, "session")? } else { "" };
        let event = if self.has.event { utf8(row.event, "event")? } else { "" };
        self.append(user, item, session, event, time, weight);
        Ok(())
    }

    /// Appends an event that is known to be good.
    pub(super) fn append(&mut self, user: &str, item: &str, session: &str, event: &str, time: i64, weight: f32) {
        self.item.push(self.items.number(item));
        if self.has.user {
            self.user.push(self.users.number(user));
        }
        if self.has.session {
            self.session.push(self.sessions.number(session));
        }
        if self.has.event {
            self.event.push(self.events.number(event));
        }
        if self.has.time {
            self.time.push(time);
        }
        if self.has.weight {
            self.weight.push(weight);
        }
    }

    pub(super) fn bad_rows(&self, file: &Path, lines_before: u64) -> impl Iterator<Item = BadRow> {
        self.bad.iter().map(move |(line, what)| BadRow {
            file: file.to_owned(),
            line: lines_before + line,
            what: what.clone(),
        })
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
