//! Owners in order, their events by time, cut into histories.
//!
//! What fits into memory is sorted there. What does not lies in a work file: it is dealt out to files of
//! neighbouring owners, each of which fits, and these are sorted one after the other.

use super::batch::{Has, kind_and_beside};
use super::table::{Event, Store, Table, read_all};
use super::{Grouping, Options, Report};
use crate::error::{Error, Result};
use crate::histories::{Column, Histories, Names, Numbers, Parts, Values};
use crate::stop;
use crate::vocab::Vocab;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use vecinity_kernel::mapped::{Mapped, Plain};
use vecinity_kernel::prefetch;

/// Events whose places are asked for in advance.
const AHEAD: usize = 16;
/// Owners after which it is looked whether to go on.
const BETWEEN_CHECKS: usize = 1 << 12;

/// Makes histories of a table.
pub(super) fn histories(table: Table, options: &Options, mut report: Report) -> Result<(Histories, Report)> {
    let has = table.has.unwrap_or_default();
    let Table { owners, items, events, owner_counts, store, limits, by_line, .. } = table;
    // Owners by name, whatever the order of files; lines as they come.
    let mut order: Vec<u32> = (0..owner_counts.len() as u32).collect();
    if !by_line {
        order.sort_unstable_by(|&a, &b| owners.names.get(a as usize).cmp(owners.names.get(b as usize)));
    }
    let mut rank = vec![0u32; order.len()];
    for (at, &owner) in order.iter().enumerate() {
        rank[owner as usize] = at as u32;
    }
    let counts: Vec<u32> = order.iter().map(|&owner| owner_counts[owner as usize]).collect();
    report.owners = counts.iter().filter(|&&count| count > 0).count() as u64;
    report.sorted_on_disk = store.spilled();
    let folder = limits.folder();
    let on_disk = store.spilled();
    let mut sink = Sink::new(on_disk, &folder, has, items.names.len(), store.len as usize)?;
    let ordered = options.grouping != Grouping::Basket;
    let mut cutter = Cutter {
        grouping: if has.session && !ordered { Grouping::Owner } else { options.grouping },
        has_time: has.time,
        by_line,
        names: Names::default(),
        ends: Vec::new(),
        same: 0,
        neighbours: 0,
    };
    let name = |rank: usize| -> String {
        if by_line { (rank + 1).to_string() } else { owners.names.get(order[rank] as usize).to_owned() }
    };
    let mut finish = |first: usize, counts: &[u32], sorted: &mut [Event]| -> Result<()> {
        let mut start = 0;
        for (at, &count) in counts.iter().enumerate() {
            if at % BETWEEN_CHECKS == 0 {
                stop::check()?;
            }
            let of_owner = &mut sorted[start..start + count as usize];
            start += count as usize;
            if has.time && !of_owner.is_sorted_by_key(|event| event.time) {
                of_owner.sort_by_key(|event| event.time);
            }
            cutter.cut(&name(first + at), of_owner);
            for event in &*of_owner {
                sink.push(event)?;
            }
        }
        Ok(())
    };
    if on_disk {
        let parcels = Parcels::deal(store, &rank, &counts, limits.memory, &folder)?;
        for (first, counts, mut file) in parcels.0 {
            let mut sorted = place(counts, first, &rank, |each| file.each(each))?;
            finish(first, counts, &mut sorted)?;
        }
    } else {
        let mut sorted = place(&counts, 0, &rank, |each| store.drain(each))?;
        finish(0, &counts, &mut sorted)?;
    }
    let Cutter { names, ends, same, neighbours, .. } = cutter;
    // A count of events is no instant: only what lies after 1973 is.
    report.latest = (has.time && sink.latest > 100_000_000_000).then_some(sink.latest);
    report.equal_weights = has.weight && report.events > 1 && sink.lightest == sink.heaviest;
    report.same_time = same as f64 / (neighbours as f64).max(1.0);
    lengths(&ends, &mut report);
    let parts = sink.finish(&items.names, &events.names, &options.beside, names, ends, ordered)?;
    let histories = Histories::new(parts)?;
    report.items = histories.items().len() as u64;
    Ok((histories, report))
}

/// Puts events in the order of owners, those of an owner in the order in which they come.
///
/// * `counts`: how many each owner has, for owners of rank `first` and on; `rank`: that of each owner.
fn place(
    counts: &[u32],
    first: usize,
    rank: &[u32],
    feed: impl FnOnce(&mut dyn FnMut(&[Event]) -> Result<()>) -> Result<()>,
) -> Result<Vec<Event>> {
    let mut next: Vec<usize> = counts
        .iter()
        .scan(0, |sum, &count| {
            let start = *sum;
            *sum += count as usize;
            Some(start)
        })
        .collect();
    let total = counts.iter().map(|&count| count as usize).sum();
    let mut sorted = vec![Event::default(); total];
    feed(&mut |events| {
        stop::check()?;
        for (at, event) in events.iter().enumerate() {
            // The places lie all over the memory: they are asked for before they are written to.
            if let Some(later) = events.get(at + AHEAD) {
                prefetch::value(&sorted, next[rank[later.owner as usize] as usize - first]);
            }
            let to = &mut next[rank[event.owner as usize] as usize - first];
            sorted[*to] = *event;
            *to += 1;
        }
        Ok(())
    })?;
    Ok(sorted)
}

/// Work files of neighbouring owners.
struct Parcels<'a>(Vec<(usize, &'a [u32], WorkFile)>);

impl<'a> Parcels<'a> {
    /// Deals the events out to files that each fit into a third of the memory (but one owner is never cut).
    fn deal(store: Store, rank: &[u32], counts: &'a [u32], memory: u64, folder: &Path) -> Result<Self> {
        let most = (memory / 3 / Event::BYTES as u64).max(1);
        let (mut parts, mut start, mut sum) = (Vec::new(), 0, 0u64);
        let mut part_of = vec![0u32; counts.len()];
        for (at, &count) in counts.iter().enumerate() {
            if sum > 0 && sum + u64::from(count) > most {
                parts.push((start, &counts[start..at], WorkFile::new(folder)?));
                (start, sum) = (at, 0);
            }
            sum += u64::from(count);
            part_of[at] = parts.len() as u32;
        }
        parts.push((start, &counts[start..], WorkFile::new(folder)?));
        store.drain(&mut |events| {
            events.iter().try_for_each(|event| {
                let part = part_of[rank[event.owner as usize] as usize];
                parts[part as usize].2.push(&event.to_bytes())
            })
        })?;
        Ok(Self(parts))
    }
}

/// An unnamed file that is written and then read.
struct WorkFile {
    file: BufWriter<File>,
    bytes: u64,
}

impl WorkFile {
    fn new(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io(folder, "make a work file in"))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 18, file), bytes: 0 })
    }

    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::io("work file", "write"))
    }

    fn each(&mut self, each: &mut dyn FnMut(&[Event]) -> Result<()>) -> Result<()> {
        self.file.flush().map_err(Error::io("work file", "read"))?;
        read_all(self.file.get_mut(), self.bytes / Event::BYTES as u64, each)
    }

    fn map(self) -> Result<Mapped> {
        let file = self.file.into_inner().map_err(|error| Error::io("work file", "write")(error.into_error()))?;
        Mapped::open(&file).map_err(Error::io("work file", "map"))
    }
}

/// Cuts the sorted events of an owner into histories and counts what the report tells.
struct Cutter {
    grouping: Grouping,
    has_time: bool,
    by_line: bool,
    names: Names,
    ends: Vec<u64>,
    same: u64,
    neighbours: u64,
}

impl Cutter {
    fn cut(&mut self, owner: &str, events: &[Event]) {
        let begin = self.ends.last().copied().unwrap_or(0);
        let mut number = 0;
        let mut close = |at: usize, last: bool| {
            number += 1;
            if number == 1 && last {
                self.names.push(owner);
            } else {
                self.names.push(&format!("{owner}#{number}"));
            }
            self.ends.push(begin + at as u64);
        };
        for (at, pair) in events.windows(2).enumerate() {
            let pause = pair[1].time - pair[0].time;
            self.neighbours += 1;
            self.same += u64::from(self.has_time && pause == 0);
            let cut = self.has_time
                && match self.grouping {
                    Grouping::Owner | Grouping::Session => false,
                    Grouping::Gap(gap) => pause as u128 >= gap.as_millis(),
                    Grouping::Basket => pause > 0,
                };
            if cut {
                close(at + 1, false);
            }
        }
        // Lines without ids are kept, so that the number of a line stays its number.
        if !events.is_empty() || self.by_line {
            close(events.len(), true);
        }
    }
}

fn lengths(ends: &[u64], report: &mut Report) {
    let mut lengths: Vec<u64> =
        ends.iter().scan(0, |before, &end| Some(end - std::mem::replace(before, end))).collect();
    report.histories = lengths.len() as u64;
    report.single = lengths.iter().filter(|&&length| length == 1).count() as u64;
    report.longest = lengths.iter().max().copied().unwrap_or(0);
    let middle = lengths.len() / 2;
    report.median = if lengths.is_empty() { 0 } else { *lengths.select_nth_unstable(middle).1 };
}

/// Numbers that grow in memory or in a work file.
enum Growing<T> {
    Memory(Vec<T>),
    File(WorkFile),
}

impl<T: Plain> Growing<T> {
    fn new(on_disk: bool, folder: &Path, len: usize) -> Result<Self> {
        Ok(if on_disk { Self::File(WorkFile::new(folder)?) } else { Self::Memory(Vec::with_capacity(len)) })
    }

    fn push(&mut self, number: T, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Memory(numbers) => {
                numbers.push(number);
                Ok(())
            }
            Self::File(file) => file.push(bytes),
        }
    }

    fn finish(self) -> Result<Numbers<T>> {
        Ok(match self {
            Self::Memory(numbers) => Numbers::Owned(numbers),
            Self::File(file) => Numbers::Mapped(file.map()?),
        })
    }
}

/// The columns of the histories.
struct Sink {
    item: Growing<u32>,
    time: Option<Growing<i64>>,
    weight: Option<Growing<f32>>,
    event: Option<Growing<u32>>,
    has_events: bool,
    counts: Vec<u64>,
    latest: i64,
    lightest: f32,
    heaviest: f32,
    on_disk: bool,
    folder: std::path::PathBuf,
}

impl Sink {
    fn new(on_disk: bool, folder: &Path, has: Has, items: usize, events: usize) -> Result<Self> {
        Ok(Self {
            item: Growing::new(on_disk, folder, events)?,
            time: has.time.then(|| Growing::new(on_disk, folder, events)).transpose()?,
            weight: has.weight.then(|| Growing::new(on_disk, folder, events)).transpose()?,
            event: (has.event || has.beside > 0).then(|| Growing::new(on_disk, folder, events)).transpose()?,
            has_events: has.event,
            counts: vec![0; items],
            latest: i64::MIN,
            lightest: f32::INFINITY,
            heaviest: f32::NEG_INFINITY,
            on_disk,
            folder: folder.to_owned(),
        })
    }

    fn push(&mut self, event: &Event) -> Result<()> {
        self.counts[event.item as usize] += 1;
        self.latest = self.latest.max(event.time);
        self.lightest = self.lightest.min(event.weight);
        self.heaviest = self.heaviest.max(event.weight);
        self.item.push(event.item, &event.item.to_ne_bytes())?;
        if let Some(time) = &mut self.time {
            time.push(event.time, &event.time.to_ne_bytes())?;
        }
        if let Some(weight) = &mut self.weight {
            weight.push(event.weight, &event.weight.to_ne_bytes())?;
        }
        if let Some(column) = &mut self.event {
            column.push(event.event, &event.event.to_ne_bytes())?;
        }
        Ok(())
    }

    fn finish(
        self,
        names: &Names,
        events: &Names,
        beside: &[String],
        owners: Names,
        ends: Vec<u64>,
        ordered: bool,
    ) -> Result<Parts> {
        // Rows by falling count, ties by the ids' bytes.
        let mut order: Vec<u32> = (0..names.len() as u32).filter(|&item| self.counts[item as usize] > 0).collect();
        let count = |item: u32| self.counts[item as usize];
        let id = |item: u32| names.get(item as usize);
        order.sort_unstable_by(|&a, &b| count(b).cmp(&count(a)).then_with(|| id(a).cmp(id(b))));
        let items = Vocab::from_counts(order.iter().map(|&item| (id(item), count(item))))?;
        let mut rows = vec![0u32; names.len()];
        for (row, &item) in order.iter().enumerate() {
            rows[item as usize] = row as u32;
        }
        let item = match self.item.finish()? {
            Numbers::Owned(mut numbers) => {
                for number in &mut numbers {
                    *number = rows[*number as usize];
                }
                Numbers::Owned(numbers)
            }
            mapped => {
                let mut renumbered = Growing::new(self.on_disk, &self.folder, 0)?;
                for &number in mapped.as_slice() {
                    let row = rows[number as usize];
                    renumbered.push(row, &row.to_ne_bytes())?;
                }
                renumbered.finish()?
            }
        };
        let columns = match self.event {
            Some(event) => self::columns(events, event.finish()?, self.has_events, beside),
            None => Vec::new(),
        };
        Ok(Parts {
            items,
            owners,
            ends: ends.into(),
            item,
            time: self.time.map(Growing::finish).transpose()?,
            weight: self.weight.map(Growing::finish).transpose()?,
            columns,
            ordered,
        })
    }
}

/// The column of what happened and the further ones, taken apart.
fn columns(names: &Names, codes: Numbers<u32>, has_events: bool, beside: &[String]) -> Vec<Column> {
    let taken_apart = |number: Option<u8>| -> (Names, Vec<u32>) {
        let (mut own, mut of, mut numbers) = (Names::default(), Vec::with_capacity(names.len()), HashMap::new());
        for name in names.iter() {
            let (kind, mut further) = kind_and_beside(name);
            let value = match number {
                None => kind,
                Some(number) => further.find(|(known, _)| *known == number).map_or("", |(_, value)| value),
            };
            of.push(*numbers.entry(value).or_insert_with(|| {
                own.push(value);
                own.len() as u32 - 1
            }));
        }
        (own, of)
    };
    let there: BTreeSet<u8> = names.iter().flat_map(|name| kind_and_beside(name).1.map(|(number, _)| number)).collect();
    if there.is_empty() {
        let values = Values::Categories { names: names.clone(), codes };
        return if has_events { vec![Column { name: "event".into(), values }] } else { Vec::new() };
    }
    let numbers = has_events.then_some(None).into_iter().chain(there.into_iter().map(Some));
    let column = |number: Option<u8>| {
        let (names, of) = taken_apart(number);
        let codes: Vec<u32> = codes.as_slice().iter().map(|&code| of[code as usize]).collect();
        let name = number.and_then(|number| beside.get(usize::from(number))).map_or("event", String::as_str);
        Column { name: name.to_owned(), values: Values::Categories { names, codes: codes.into() } }
    };
    numbers.map(column).collect()
}
