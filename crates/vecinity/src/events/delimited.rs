//! CSV and TSV: blocks that end with rows are parsed on all cores; and lines of ids.
//!
//! A block without any quote is cut at separators and line ends with nothing else to think of. One with
//! quotes goes through the `csv` crate. A line end between an odd number of quotes belongs to a field.

use super::batch::{Batch, Encoder, Has, Row};
use super::columns::{Columns, Role};
use super::table::Table;
use super::{Format, Opened, Options};
use crate::corpus::{Lists, Source};
use crate::error::{Error, Result, counted};
use std::io::Read;
use std::path::Path;
use std::sync::mpsc;

/// Bytes of a block, nearly.
const BLOCK: usize = 4 << 20;
/// A row longer than this has an open quote.
const LONGEST: usize = 256 << 20;
/// Rows looked at to find the columns.
const ROWS: usize = 200;

/// The separator: the one of tab, comma and semicolon that the first line has most of.
pub(super) fn separator(start: &[u8]) -> u8 {
    let line = super::first_line(start);
    let often = |separator: &u8| line.iter().filter(|byte| *byte == separator).count();
    [b';', b',', b'\t'].into_iter().max_by_key(often).unwrap_or(b',')
}

/// The first whole rows of a table, as strings.
pub(super) fn first_rows(start: &[u8], separator: u8) -> Vec<Vec<String>> {
    // The last line may be cut.
    let whole =
        if start.len() < super::PEEK { start } else { start.rsplitn(2, |b| *b == b'\n').nth(1).unwrap_or(start) };
    let mut reader = reader(separator, whole);
    let (mut rows, mut record) = (Vec::new(), csv::ByteRecord::new());
    while rows.len() < ROWS && reader.read_byte_record(&mut record).is_ok_and(|more| more) {
        rows.push(record.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect());
    }
    rows
}

fn reader<R: Read>(separator: u8, from: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(from)
}

/// How a row is taken apart.
#[derive(Clone)]
struct Layout {
    separator: u8,
    width: usize,
    /// What each column is for.
    roles: Vec<Option<Role>>,
}

/// Reads a table.
pub(super) fn read(
    source: &Source,
    opened: Opened,
    format: Format,
    options: &Options,
    table: &mut Table,
) -> Result<()> {
    let separator = if format == Format::Tsv { b'\t' } else { separator(&opened.start) };
    let rows = first_rows(&opened.start, separator);
    let columns = Columns::find(&rows, &options.columns).map_err(|error| error.at(source.path()))?;
    let columns = columns.with_beside(&options.beside);
    let mut roles = vec![None; columns.names.len()];
    for (&role, &at) in &columns.roles {
        roles[at] = Some(role);
    }
    let has = columns.has();
    let layout = Layout { separator, width: roles.len(), roles };
    let header = columns.header;
    table.columns(source.path(), &columns, has)?;
    let form = Form { header, quoted: true, has };
    blocks(source, opened, options.threads, form, table, &|block, to| parse(block, &layout, to))
}

/// Reads lines of ids: each line is a history (of the user `line:N`).
pub(super) fn read_lines(source: &Source, opened: Opened, options: &Options, table: &mut Table) -> Result<()> {
    let has = Has { user: true, ..Has::default() };
    table.columns(source.path(), &Columns::lines(), has)?;
    table.lines();
    blocks(source, opened, options.threads, Form::default(), table, &|block, to| {
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            to.batch.lines += 1;
            let number = to.batch.lines;
            let Ok(text) = std::str::from_utf8(line) else {
                to.batch.rows += 1;
                to.refuse(number, "not UTF-8 (is the file Latin-1?)".into());
                continue;
            };
            for item in text.split_whitespace() {
                to.batch.rows += 1;
                // The line within the block; the table makes a name of it.
                to.batch.user.push(number as u32 - 1);
                to.append("", item, "", "", 0, 1.0);
            }
        }
    })
}

/// Reads lists of ids, one history each.
pub(super) fn read_lists(lists: &Lists, table: &mut Table) -> Result<()> {
    let name = Path::new("the lists");
    table.columns(name, &Columns::lines(), Has { user: true, ..Has::default() })?;
    table.lines();
    let (mut encoder, mut lines) = (Encoder::new(0, Has::default()), 0);
    for list in lists.iter() {
        for item in list {
            encoder.batch.rows += 1;
            encoder.batch.user.push(encoder.batch.lines as u32);
            encoder.append("", item, "", "", 0, 1.0);
        }
        encoder.batch.lines += 1;
        if encoder.batch.rows > 1 << 16 {
            table.merge(&encoder.take(), name, &mut lines)?;
        }
    }
    table.merge(&encoder.take(), name, &mut lines)
}

/// How the rows of a stream are written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Form {
    /// Whether the first row names the columns.
    pub(super) header: bool,
    /// Whether a line break between quotes belongs to a row.
    pub(super) quoted: bool,
    /// What the rows hold.
    pub(super) has: Has,
}

/// Cuts a stream into blocks that end with rows, parses them on all threads and merges them in order.
pub(super) fn blocks(
    source: &Source,
    opened: Opened,
    threads: usize,
    form: Form,
    table: &mut Table,
    parse: &(dyn Fn(&[u8], &mut Encoder) + Sync),
) -> Result<()> {
    let Form { header, quoted, has } = form;
    // A small file is whole in what was peeked at: threads would cost more than they save, most of all for 10^5 files.
    let small = opened.start.len() < super::PEEK - "\u{feff}".len();
    let encode = |block: &[u8], encoder: &mut Encoder| {
        parse(block, encoder);
        encoder.batch.bytes = block.len() as u64;
        encoder.take()
    };
    let mut cutter = Cutter { rest: opened.rest, open: opened.start, ended: false, quoted };
    if header {
        cutter.drop_header();
    }
    let mut lines = u64::from(header);
    if threads <= 1 || small {
        let mut encoder = Encoder::new(0, has);
        while let Some(block) = cutter.next(source)? {
            table.merge(&encode(&block, &mut encoder), source.path(), &mut lines)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (to_parse, waiting) = mpsc::sync_channel::<(u64, Vec<u8>)>(threads);
        let waiting = std::sync::Arc::new(std::sync::Mutex::new(waiting));
        let (parsed, done) = mpsc::sync_channel::<(u64, Batch)>(2 * threads);
        // Blocks on their way: where one thread is held up, the others must not run away from it.
        let (starts, merged) = mpsc::sync_channel::<()>(4 * threads);
        for thread in 0..threads {
            let (waiting, parsed) = (std::sync::Arc::clone(&waiting), parsed.clone());
            scope.spawn(move || {
                let mut encoder = Encoder::new(thread, has);
                loop {
                    let next = waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
                    let Ok((number, block)) = next else { break };
                    if parsed.send((number, encode(&block, &mut encoder))).is_err() {
                        break;
                    }
                }
            });
        }
        drop((parsed, waiting));
        // A thread of its own reads: unpacking takes as long as parsing.
        let read = scope.spawn(move || -> Result<()> {
            let mut number = 0;
            while let Some(block) = cutter.next(source)? {
                if starts.send(()).is_err() || to_parse.send((number, block)).is_err() {
                    break;
                }
                number += 1;
            }
            Ok(())
        });
        let mut early = std::collections::BTreeMap::new();
        let mut next = 0;
        for (number, batch) in done {
            early.insert(number, batch);
            while let Some(batch) = early.remove(&next) {
                table.merge(&batch, source.path(), &mut lines)?;
                // One block fewer; if the reader has ended there is nobody to tell.
                let _ = merged.try_recv();
                next += 1;
            }
        }
        read.join().unwrap_or_else(|_| Err(Error::data("a reading thread failed", "this is a bug, please report it")))
    })
}

/// A stream in blocks that end with rows.
struct Cutter {
    rest: Box<dyn Read + Send>,
    open: Vec<u8>,
    ended: bool,
    quoted: bool,
}

impl Cutter {
    fn drop_header(&mut self) {
        // The header was parsed from the start, so it ends within it; a header that is all there is ends nowhere.
        let end = row_end(&self.open).unwrap_or(self.open.len());
        self.open.drain(..end);
    }

    fn next(&mut self, source: &Source) -> Result<Option<Vec<u8>>> {
        loop {
            if self.ended {
                return Ok((!self.open.is_empty()).then(|| std::mem::take(&mut self.open)));
            }
            let before = self.open.len();
            let mut wanted = BLOCK.max(2 * before);
            if wanted > LONGEST {
                let what = format!("a row longer than {} MB: a quote that is never closed?", LONGEST >> 20);
                return Err(Error::input(source.path(), what, "close the quote, or double it within a field"));
            }
            wanted -= before;
            self.open.reserve(wanted);
            let read = self.rest.by_ref().take(wanted as u64).read_to_end(&mut self.open);
            match read {
                Ok(read) => self.ended = read < wanted,
                Err(error)
                    if error.kind() == std::io::ErrorKind::UnexpectedEof
                        || error.kind() == std::io::ErrorKind::InvalidData =>
                {
                    let what = format!("cannot be unpacked: {error}");
                    return Err(Error::input(source.path(), what, "the file was cut or is damaged: copy it again"));
                }
                Err(error) => return Err(Error::io(source.path(), "read")(error)),
            }
            if self.ended {
                continue;
            }
            let end = if self.quoted {
                last_row_end(&self.open)
            } else {
                memchr::memrchr(b'\n', &self.open).map(|at| at + 1)
            };
            if let Some(end) = end {
                let rest = self.open[end..].to_vec();
                return Ok(Some(std::mem::replace(&mut self.open, rest)).map(|mut block| {
                    block.truncate(end);
                    block
                }));
            }
        }
    }
}

/// Where the first row ends, its line end included.
fn row_end(bytes: &[u8]) -> Option<usize> {
    let mut quotes = 0;
    for at in memchr::memchr2_iter(b'\n', b'"', bytes) {
        match bytes[at] {
            b'"' => quotes += 1,
            _ if quotes % 2 == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where the last whole row ends: the last line end with an even number of quotes before it.
fn last_row_end(bytes: &[u8]) -> Option<usize> {
    let all = memchr::memchr_iter(b'"', bytes).count();
    let (mut behind, mut to) = (0, bytes.len());
    while let Some(at) = memchr::memrchr(b'\n', &bytes[..to]) {
        behind += memchr::memchr_iter(b'"', &bytes[at..to]).count();
        if (all - behind).is_multiple_of(2) {
            return Some(at + 1);
        }
        to = at;
    }
    None
}

fn parse(block: &[u8], layout: &Layout, to: &mut Encoder) {
    if memchr::memchr(b'"', block).is_some() {
        parse_quoted(block, layout, to);
    } else {
        parse_plain(block, layout, to);
    }
}

fn parse_plain(block: &[u8], layout: &Layout, to: &mut Encoder) {
    let mut from = 0;
    while from < block.len() {
        let end = memchr::memchr(b'\n', &block[from..]).map_or(block.len(), |at| from + at);
        let mut line = &block[from..end];
        from = end + 1;
        to.batch.lines += 1;
        if let [all @ .., b'\r'] = line {
            line = all;
        }
        if line.is_empty() {
            continue;
        }
        let mut row = Row::default();
        let (mut at, mut start) = (0, 0);
        // Fields are short: a plain loop is faster than a search for each separator.
        for (position, &byte) in line.iter().enumerate() {
            if byte == layout.separator {
                if let Some(Some(role)) = layout.roles.get(at) {
                    row.set(*role, &line[start..position]);
                }
                (at, start) = (at + 1, position + 1);
            }
        }
        if let Some(Some(role)) = layout.roles.get(at) {
            row.set(*role, &line[start..]);
        }
        finish(&row, at + 1, layout, to, to.batch.lines);
    }
}

fn parse_quoted(block: &[u8], layout: &Layout, to: &mut Encoder) {
    let mut reader = reader(layout.separator, block);
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                to.batch.rows += 1;
                to.refuse(to.batch.lines + 1, error.to_string());
                break;
            }
        }
        let line = record.position().map_or(1, csv::Position::line);
        let mut row = Row::default();
        for (field, role) in record.iter().zip(&layout.roles) {
            if let Some(role) = role {
                row.set(*role, field);
            }
        }
        finish(&row, record.len(), layout, to, line);
    }
    to.batch.lines = memchr::memchr_iter(b'\n', block).count() as u64 + u64::from(block.last() != Some(&b'\n'));
}

fn finish(row: &Row<'_>, fields: usize, layout: &Layout, to: &mut Encoder, line: u64) {
    if fields == layout.width {
        to.push(row, line);
    } else {
        to.batch.rows += 1;
        to.refuse(line, format!("{}, expected {}", counted(fields as u64, "field"), layout.width));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_at_line_ends_outside_of_quotes() {
        let text = b"a,\"x\ny\"\nb,\"z\n";
        assert_eq!(row_end(text), Some(8));
        assert_eq!(last_row_end(text), Some(8));
        assert_eq!(last_row_end(b"a,\"x\n"), None);
        assert_eq!(last_row_end(b"a\nb"), Some(2));
    }
}
