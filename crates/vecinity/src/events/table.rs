//! Batches to one table: numbers of shared dictionaries, in memory or, beyond the limit, in a work file.

use super::batch::{BadRow, Batch, Has, KEPT, kind_and_beside};
use super::columns::{Columns, Role};
use super::dictionary::Interner;
use super::{Options, Report, refuse};
use crate::error::{Error, Result};
use crate::stop;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The share of the memory limit that unsorted events may take; sorting needs the rest.
const SHARE: u64 = 3;

/// One event in numbers of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Event {
    pub(super) owner: u32,
    pub(super) item: u32,
    pub(super) time: i64,
    pub(super) weight: f32,
    pub(super) event: u32,
}

impl Event {
    pub(super) const BYTES: usize = 24;

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.owner.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.item.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.time.to_ne_bytes());
        bytes[16..20].copy_from_slice(&self.weight.to_ne_bytes());
        bytes[20..].copy_from_slice(&self.event.to_ne_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let four = |at: usize| bytes[at..at + 4].try_into().unwrap_or_default();
        Self {
            owner: u32::from_ne_bytes(four(0)),
            item: u32::from_ne_bytes(four(4)),
            time: i64::from_ne_bytes(bytes[8..16].try_into().unwrap_or_default()),
            weight: f32::from_ne_bytes(four(16)),
            event: u32::from_ne_bytes(four(20)),
        }
    }
}

/// Events of a chunk in memory: 50 MB, so that the allocator gives it back to the system when it is let go of.
const CHUNK: usize = 1 << 21;
/// Events read from a work file at a time.
const READ: usize = 1 << 12;

/// What keeps the events: chunks in memory, and before them those in a file.
#[derive(Default)]
pub(super) struct Store {
    chunks: Vec<Vec<Event>>,
    file: Option<BufWriter<File>>,
    in_file: u64,
    pub(super) len: u64,
}

impl Store {
    /// The chunk that has room for `more` events.
    fn open(&mut self, more: usize) -> &mut Vec<Event> {
        if self.chunks.last().is_none_or(|chunk| chunk.capacity() - chunk.len() < more) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(more)));
        }
        let last = self.chunks.len() - 1;
        &mut self.chunks[last]
    }

    /// Counts what was added, and puts it into the file if it is too much.
    fn settle(&mut self, limits: &Limits) -> Result<()> {
        let in_memory = self.chunks.iter().map(Vec::len).sum::<usize>() as u64;
        self.len = self.in_file + in_memory;
        if in_memory * Event::BYTES as u64 > limits.memory / SHARE {
            self.spill(limits)?;
        }
        Ok(())
    }

    fn spill(&mut self, limits: &Limits) -> Result<()> {
        let folder = limits.folder();
        if self.file.is_none() {
            let file = tempfile::tempfile_in(&folder).map_err(Error::io(&folder, "make a work file in"))?;
            self.file = Some(BufWriter::with_capacity(1 << 20, file));
        }
        if let Some(file) = &mut self.file {
            for event in self.chunks.drain(..).flatten() {
                file.write_all(&event.to_bytes()).map_err(Error::io(&folder, "write a work file in"))?;
            }
        }
        self.in_file = self.len;
        Ok(())
    }

    /// Whether events are in a file.
    pub(super) fn spilled(&self) -> bool {
        self.file.is_some()
    }

    /// Calls `each` with all events, many at a time and in the order of the data, and lets go of them.
    pub(super) fn drain(self, each: &mut dyn FnMut(&[Event]) -> Result<()>) -> Result<()> {
        if let Some(file) = self.file {
            let failed = |error| Error::io("work file", "read")(error);
            let mut file = file.into_inner().map_err(|error| failed(error.into_error()))?;
            read_all(&mut file, self.in_file, each)?;
        }
        for chunk in self.chunks {
            each(&chunk)?;
        }
        Ok(())
    }
}

/// Calls `each` with the events of a work file from its start, many at a time.
pub(super) fn read_all(file: &mut File, events: u64, each: &mut dyn FnMut(&[Event]) -> Result<()>) -> Result<()> {
    let failed = |error| Error::io("work file", "read")(error);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut bytes = vec![0; READ * Event::BYTES];
    let mut read = Vec::with_capacity(READ);
    let mut left = events;
    while left > 0 {
        let now = left.min(READ as u64) as usize;
        let bytes = &mut bytes[..now * Event::BYTES];
        file.read_exact(bytes).map_err(failed)?;
        read.clear();
        read.extend(bytes.chunks_exact(Event::BYTES).map(Event::from_bytes));
        each(&read)?;
        left -= now as u64;
    }
    Ok(())
}

/// How much memory may be used, and where work files go.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) memory: u64,
    work_dir: Option<std::path::PathBuf>,
}

impl Limits {
    pub(super) fn folder(&self) -> std::path::PathBuf {
        self.work_dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}

/// All events of all files.
pub(super) struct Table {
    pub(super) has: Option<Has>,
    pub(super) owners: Interner,
    pub(super) items: Interner,
    pub(super) events: Interner,
    pub(super) event_counts: Vec<u64>,
    /// How often each owner occurs.
    pub(super) owner_counts: Vec<u32>,
    pub(super) store: Store,
    pub(super) limits: Limits,
    /// Owners are lines: numbers in the order of the data.
    pub(super) by_line: bool,
    /// The table's numbers for those of each reading thread: of owners, items and events.
    translations: Vec<[Vec<u32>; 3]>,
    wanted: Vec<String>,
    /// Whether each of `events` is wanted.
    is_wanted: Vec<bool>,
    /// Owners are sessions, where both are known.
    of_sessions: bool,
    report: Report,
}

impl Table {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            has: None,
            owners: Interner::default(),
            items: Interner::default(),
            events: Interner::default(),
            event_counts: Vec::new(),
            owner_counts: Vec::new(),
            store: Store::default(),
            limits: Limits { memory: options.memory_limit, work_dir: options.work_dir.clone() },
            by_line: false,
            translations: Vec::new(),
            wanted: options.events.clone(),
            is_wanted: Vec::new(),
            of_sessions: matches!(options.grouping, super::Grouping::Basket | super::Grouping::Session),
            report: Report::default(),
        }
    }

    /// The columns of the next file, of this name: the same roles as in the files before.
    pub(super) fn columns(&mut self, name: &Path, columns: &Columns, has: Has) -> Result<()> {
        match self.has {
            None => {
                self.has = Some(has);
                let mut said: Vec<(usize, String)> = (columns.roles.iter())
                    .map(|(role, &at)| (at, format!("{} -> {}", columns.names[at], role.name())))
                    .collect();
                said.sort();
                self.report.columns = said.into_iter().map(|(_, text)| text).collect();
                self.report.guessed_columns = columns.guessed;
                self.report.swapped = columns.swapped();
                self.report.sessions = columns.of(Role::Session).is_some();
            }
            Some(before) if before == has => {}
            Some(_) => {
                let what = format!("has other columns than the files before it: {}", columns.names.join(", "));
                return Err(Error::input(name, what, "train on files of one form, or name --columns"));
            }
        }
        if !has.user && !has.session {
            let what = format!("no column of users (or sessions) among {}", columns.names.join(", "));
            return Err(Error::input(name, what, "name it: --columns user=...,item=..."));
        }
        if !self.wanted.is_empty() && !has.event {
            let what = "no column of events to choose by --events";
            return Err(Error::input(name, what, "name it: --columns event=...,item=..."));
        }
        Ok(())
    }

    /// Owners are lines.
    pub(super) fn lines(&mut self) {
        self.by_line = true;
    }

    /// Adds a batch; `lines` is the number of lines of this file before it, and goes on.
    pub(super) fn merge(&mut self, batch: &Batch, name: &Path, lines: &mut u64) -> Result<()> {
        stop::check()?;
        let report = &mut self.report;
        report.rows += batch.rows;
        report.bytes += batch.bytes;
        report.bad_rows += batch.bad_rows;
        if report.time_unit.is_none() {
            report.time_unit = batch.unit;
        }
        let room = KEPT - report.bad.len().min(KEPT);
        report.bad.extend(batch.bad_rows(name, *lines).take(room).collect::<Vec<BadRow>>());
        *lines += batch.lines;
        let has = self.has.unwrap_or_default();
        let lines_before = self.owner_counts.len() as u32;
        // The owner of a basket is its session; otherwise it is the user, if there is one.
        let by_session = has.session && (self.of_sessions || !has.user);
        if self.translations.len() <= batch.thread {
            self.translations.resize(batch.thread + 1, Default::default());
        }
        let [owners, items, events] = &mut self.translations[batch.thread];
        let [new_users, new_items, new_sessions, new_events] = &batch.news;
        if by_session { new_sessions } else { new_users }.translate(&mut self.owners, owners);
        new_items.translate(&mut self.items, items);
        new_events.translate(&mut self.events, events);
        self.event_counts.resize(self.events.names.len(), 0);
        for number in self.is_wanted.len()..self.events.names.len() {
            let (name, _) = kind_and_beside(self.events.names.get(number));
            self.is_wanted.push(self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == name));
        }
        if self.by_line {
            self.owner_counts.resize(lines_before as usize + batch.lines as usize, 0);
        } else {
            self.owner_counts.resize(self.owners.names.len(), 0);
        }
        let of = if by_session { &batch.session } else { &batch.user };
        let chunk = self.store.open(batch.item.len());
        for (at, &item) in batch.item.iter().enumerate() {
            let mut event = Event { item: items[item as usize], weight: 1.0, ..Event::default() };
            if let Some(&kind) = batch.event.get(at) {
                event.event = events[kind as usize];
                self.event_counts[event.event as usize] += 1;
                if !self.is_wanted[event.event as usize] {
                    report.other_events += 1;
                    continue;
                }
            }
            event.owner = if self.by_line { lines_before + of[at] } else { owners[of[at] as usize] };
            self.owner_counts[event.owner as usize] += 1;
            event.time = batch.time.get(at).copied().unwrap_or(0);
            event.weight = batch.weight.get(at).copied().unwrap_or(1.0);
            chunk.push(event);
        }
        self.store.settle(&self.limits)
    }

    /// Refuses a table with too many bad rows, or with nothing in it.
    pub(super) fn check(&mut self, options: &Options, report: &mut Report) -> Result<()> {
        let format = report.format;
        let files = report.files;
        *report = std::mem::take(&mut self.report);
        (report.format, report.files) = (format, files);
        if report.bad_rows as f64 > options.bad_rows.share * report.rows as f64 {
            return Err(refuse(report, options.bad_rows.share));
        }
        report.events = self.store.len;
        let mut kinds = std::collections::BTreeMap::<&str, u64>::new();
        for (name, count) in self.events.names.iter().zip(&self.event_counts) {
            *kinds.entry(kind_and_beside(name).0).or_default() += count;
        }
        let has_events = self.has.is_some_and(|has| has.event);
        let mut values: Vec<(String, u64)> =
            kinds.into_iter().filter(|_| has_events).map(|(name, count)| (name.to_owned(), count)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        report.event_values = values;
        if self.store.len == 0 {
            let what = if report.other_events > 0 {
                let found: Vec<&str> = report.event_values.iter().take(8).map(|(name, _)| name.as_str()).collect();
                format!("no row has one of the --events; there are {}", found.join(", "))
            } else {
                "no events: the data has no rows".to_owned()
            };
            return Err(Error::data(what, "check the files and --columns"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_bytes() {
        let event = Event { owner: 7, item: u32::MAX - 1, time: -5, weight: 0.25, event: 3 };
        assert_eq!(Event::from_bytes(&event.to_bytes()), event);
    }
}
