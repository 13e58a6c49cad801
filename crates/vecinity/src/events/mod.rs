//! Event logs become histories: CSV, TSV, JSON Lines, Parquet, or one history a line.
//!
//! | file | job |
//! |---|---|
//! | `columns` | which column is the user, the item, the time, ... |
//! | `time` | times as people write them |
//! | `batch` | rows to numbers, row by row; what is wrong with a row |
//! | `dictionary` | strings to numbers: the table's, and those of the threads that read |
//! | `delimited` | CSV and TSV, in blocks that end with rows, on all cores |
//! | `json_lines` | one object (or array of ids) a line |
//! | `arrow` | record batches; lists make a row a history |
//! | `parquet` | row groups of files to record batches |
//! | `table` | batches to one table, in memory or in a work file |
//! | `advice` | sets or sequences, and what will probably disappoint |
//! | `build` | owners in order, their events by time: [`Histories`] |
//!
//! Ids are strings from end to end: `007` stays `007`. Bad rows are counted, kept for a file and refused
//! above a share. Owners go by name, so that the order of files does not matter; events of an owner by
//! time, equal times in the order of the data.
//!
//! May import: `corpus`, `formats`, `histories`, `vocab`, `error`.  Used by: `config`, `cli`.

mod advice;
#[cfg(feature = "parquet")]
mod arrow;
mod batch;
mod build;
mod columns;
mod delimited;
mod dictionary;
mod json_lines;
#[cfg(feature = "parquet")]
mod parquet;
mod table;
mod time;

pub use batch::BadRow;
pub use columns::{Columns, Named, Role};
pub use time::{Unit, milliseconds};

use crate::corpus::{Lists, Source};
use crate::error::{Error, Result, grouped};
use crate::histories::Histories;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How a table of events is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Fields between commas or semicolons.
    Csv,
    /// Fields between tabs.
    Tsv,
    /// An object or an array a line.
    Jsonl,
    /// Parquet.
    Parquet,
    /// No table: the ids of one history a line, between white space.
    Lines,
}

impl Format {
    /// All formats, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 5] = [
        ("csv", Self::Csv),
        ("tsv", Self::Tsv),
        ("jsonl", Self::Jsonl),
        ("parquet", Self::Parquet),
        ("lines", Self::Lines),
    ];
}

/// What makes a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// All events of a user (or of a session, if there is no user), in the order of time.
    #[default]
    Owner,
    /// As `Owner`, but a pause of at least this long begins a new one.
    Gap(Duration),
    /// All events of a session in the order of time; of a user, if there is no column of sessions.
    Session,
    /// The events of a session, basket or order (a column), as a set; without such a column those of a
    /// user at the same time; without times too, all of a user.
    Basket,
}

/// What is done about rows that cannot be read: `fail`, or skip up to a share of them (`skip:1%`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BadRows {
    /// The share of all rows that may be skipped, 0 to 1.
    pub share: f64,
}

impl Default for BadRows {
    fn default() -> Self {
        Self { share: 0.01 }
    }
}

impl FromStr for BadRows {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::setting("bad_rows", text, "fail, skip, or skip:SHARE such as skip:1%");
        match text {
            "fail" => Ok(Self { share: 0.0 }),
            "skip" => Ok(Self { share: 1.0 }),
            _ => {
                let share = text.strip_prefix("skip:").ok_or_else(wrong)?;
                let (number, unit) = share.strip_suffix('%').map_or((share, 1.0), |number| (number, 0.01));
                let share = number.parse::<f64>().map_err(|_| wrong())? * unit;
                if (0.0..=1.0).contains(&share) { Ok(Self { share }) } else { Err(wrong()) }
            }
        }
    }
}

impl fmt::Display for BadRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            0.0 => f.write_str("fail"),
            1.0 => f.write_str("skip"),
            share => write!(f, "skip:{}%", share * 100.0),
        }
    }
}

impl Serialize for BadRows {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BadRows {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How events are read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The format; from the name and the first bytes of each file if absent.
    pub format: Option<Format>,
    /// Columns named by the user.
    pub columns: Named,
    /// Only events whose `event` column has one of these values; empty: all.
    pub events: Vec<String>,
    /// Further columns to read, at most 255; those that a table does not have are left out.
    pub beside: Vec<String>,
    /// What makes a history.
    pub grouping: Grouping,
    /// What is done about bad rows.
    pub bad_rows: BadRows,
    /// Threads that parse.
    pub threads: usize,
    /// Bytes of memory that events may take; beyond, they are sorted in work files.
    pub memory_limit: u64,
    /// Where work files go; the system's temporary folder if absent.
    pub work_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            columns: Named::default(),
            events: Vec::new(),
            beside: Vec::new(),
            grouping: Grouping::Owner,
            bad_rows: BadRows::default(),
            threads: 1,
            memory_limit: 8 << 30,
            work_dir: None,
        }
    }
}

/// What was read and what was left out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The format of the first file.
    pub format: Option<Format>,
    /// Files read.
    pub files: usize,
    /// Bytes read, after unpacking.
    pub bytes: u64,
    /// Rows, without headers.
    pub rows: u64,
    /// Events kept.
    pub events: u64,
    /// Rows left out since their `event` was not asked for.
    pub other_events: u64,
    /// Rows that could not be read.
    pub bad_rows: u64,
    /// The first of them.
    pub bad: Vec<BadRow>,
    /// What each column was taken for, in words: `user_id -> user`.
    pub columns: Vec<String>,
    /// Whether columns were guessed from values.
    pub guessed_columns: bool,
    /// The unit of the times.
    pub time_unit: Option<Unit>,
    /// Distinct users (or sessions), before histories are made of their events.
    pub owners: u64,
    /// Distinct items.
    pub items: u64,
    /// Whether the columns of users and items have each other's names.
    pub swapped: bool,
    /// The time of the latest event in milliseconds since 1970, if the times are instants.
    pub latest: Option<i64>,
    /// Whether there are weights, and all are the same.
    pub equal_weights: bool,
    /// Histories.
    pub histories: u64,
    /// The longest history.
    pub longest: u64,
    /// The median length of histories.
    pub median: u64,
    /// Histories of one event, which teach nothing.
    pub single: u64,
    /// The share of neighbouring events of an owner that have the same time.
    pub same_time: f64,
    /// The kinds of events, with how often they occur.
    pub event_values: Vec<(String, u64)>,
    /// Whether a session (basket, order) column was found.
    pub sessions: bool,
    /// Whether events were sorted in work files.
    pub sorted_on_disk: bool,
}

/// Reads events into histories.
///
/// # Errors
/// [`Error::Input`] and [`Error::Data`] if columns cannot be found, too many rows are bad or none is good;
/// [`Error::Io`].
pub fn read(sources: &[Source], options: &Options) -> Result<(Histories, Report)> {
    let mut table = table::Table::new(options);
    let mut report = Report { files: sources.len(), ..Report::default() };
    for source in sources {
        let (format, first) = detect(source, options)?;
        report.format.get_or_insert(format);
        match format {
            Format::Csv | Format::Tsv => delimited::read(source, first, format, options, &mut table)?,
            Format::Jsonl => json_lines::read(source, first, options, &mut table)?,
            Format::Lines => delimited::read_lines(source, first, options, &mut table)?,
            #[cfg(feature = "parquet")]
            Format::Parquet => parquet::read(source, options, &mut table)?,
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => {
                let advice = "build it with the feature `parquet`, or convert the file to CSV";
                return Err(Error::input(source.path(), "Parquet is not built into this program", advice));
            }
        }
    }
    table.check(options, &mut report)?;
    build::histories(table, options, report)
}

/// Makes histories of the record batches of one table, as [`read`] makes them of a Parquet file.
///
/// # Errors
/// As [`read`].
#[cfg(feature = "parquet")]
pub fn read_batches(batches: &[arrow_array::RecordBatch], options: &Options) -> Result<(Histories, Report)> {
    let mut table = table::Table::new(options);
    let mut report = Report { files: 1, ..Report::default() };
    arrow::read(batches, options, &mut table)?;
    table.check(options, &mut report)?;
    build::histories(table, options, report)
}

/// Makes histories of lists of ids, as [`read`] makes them of a file with one history a line.
///
/// # Errors
/// As [`read`].
pub fn read_lists(lists: &Lists, options: &Options) -> Result<(Histories, Report)> {
    let mut table = table::Table::new(options);
    let mut report = Report { files: 1, format: Some(Format::Lines), ..Report::default() };
    delimited::read_lists(lists, &mut table)?;
    table.check(options, &mut report)?;
    build::histories(table, options, report)
}

/// Bytes looked at to find the format and the columns.
const PEEK: usize = 1 << 16;

/// What an unpacked stream begins with, and the rest of it.
pub(crate) struct Opened {
    start: Vec<u8>,
    rest: Box<dyn std::io::Read + Send>,
}

/// Opens a source and finds its format.
fn detect(source: &Source, options: &Options) -> Result<(Format, Opened)> {
    use std::io::Read;
    let mut rest = source.open()?;
    let mut start = Vec::with_capacity(PEEK);
    rest.by_ref().take(PEEK as u64).read_to_end(&mut start).map_err(Error::io(source.path(), "read"))?;
    let format = options.format.unwrap_or_else(|| guess(source, &start, &options.columns));
    if format != Format::Parquet && (start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff])) {
        let advice = "convert it, for example: iconv -f utf-16 -t utf-8";
        return Err(Error::input(source.path(), "the file is UTF-16, expected UTF-8", advice));
    }
    if start.starts_with("\u{feff}".as_bytes()) {
        start.drain(..3);
    }
    Ok((format, Opened { start, rest }))
}

/// The format by the ending of the name, or else by the first bytes.
fn guess(source: &Source, start: &[u8], named: &Named) -> Format {
    if start.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let name = source.path().to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    for (endings, format) in [
        (&["csv"][..], Format::Csv),
        (&["tsv", "tab"], Format::Tsv),
        (&["jsonl", "ndjson", "json"], Format::Jsonl),
        (&["parquet", "pq"], Format::Parquet),
    ] {
        if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
            return format;
        }
    }
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) && serde_json::from_slice::<serde_json::Value>(first_line(start)).is_ok() {
        return Format::Jsonl;
    }
    // Without an ending a table is believed only if its header tells, or the user names columns.
    let separator = delimited::separator(start);
    let told = || {
        let rows = delimited::first_rows(start, separator);
        let known = Columns::find(&rows, named);
        rows.first().is_some_and(|row| row.len() > 1)
            && known.is_ok_and(|columns| columns.header || !named.0.is_empty())
    };
    match separator {
        b'\t' if told() => Format::Tsv,
        b',' | b';' if told() => Format::Csv,
        _ => Format::Lines,
    }
}

fn first_line(start: &[u8]) -> &[u8] {
    start.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default()
}

/// Whether a file is a table of events, and not lines of text or ids.
///
/// # Errors
/// [`Error::Io`].
pub fn is_table(source: &Source, options: &Options) -> Result<bool> {
    // Standard input and pipes can be read only once: they are a table if the user says so.
    if !source.rereadable() {
        return Ok(options.format.is_some_and(|format| format != Format::Lines) || !options.columns.0.is_empty());
    }
    Ok(detect(source, options)?.0 != Format::Lines)
}

/// Too many bad rows, with the first of them.
fn refuse(report: &Report, share: f64) -> Error {
    let first = report.bad.first().map(|bad| format!("; the first is {bad}")).unwrap_or_default();
    Error::data(
        format!(
            "{} of {} rows cannot be read ({:.2} %, allowed are {} %){first}",
            grouped(report.bad_rows),
            grouped(report.rows),
            100.0 * report.bad_rows as f64 / report.rows.max(1) as f64,
            share * 100.0
        ),
        "mend them, check --columns, or allow more with --bad-rows skip:SHARE",
    )
}
