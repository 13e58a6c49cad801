//! The whole pass: sources in, a [`Corpus`] out.

use super::Corpus;
use super::count::{BlockTokens, GONE, LINE_END, Table, count_block};
use super::phrases::Phrases;
use super::source::Source;
use super::text::{BadByte, BadUtf8, Blocks, TextBlock, check, count_lines};
use super::tokens::{Tokens, is_han_run};
use crate::error::{Error, Result, counted};
use crate::histories::Numbers;
use crate::stop;
use crate::vocab::Vocab;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use vecinity_kernel::mapped::{Mapped, Plain, as_bytes};

/// The table of distinct tokens is pruned beyond this many, if `max_vocab` does not ask for less.
const DISTINCT: usize = 40_000_000;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tokens that occur less often are left out; at least 1.
    pub min_count: u64,
    /// Keep only this many of the most frequent tokens, and bound the memory of counting in proportion.
    pub max_vocab: Option<usize>,
    /// What a token is.
    pub tokens: Tokens,
    /// Turn all text to lower case first.
    pub lowercase: bool,
    /// What to do with bytes that are no UTF-8.
    pub bad_utf8: BadUtf8,
    /// The encoding of the text, a WHATWG label such as `utf-8`, `latin1`, `gbk`, `utf-16le`.
    pub encoding: String,
    /// Phrases to join.
    pub phrases: Option<Arc<Phrases>>,
    /// Threads that cut and count; at least 1.
    pub threads: usize,
    /// Where the work files go; the system's temporary folder if absent.
    pub work_dir: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_count: 5,
            max_vocab: None,
            tokens: Tokens::default(),
            lowercase: false,
            bad_utf8: BadUtf8::default(),
            encoding: "utf-8".into(),
            phrases: None,
            threads: 1,
            work_dir: None,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        if self.min_count == 0 {
            return Err(Error::setting("min_count", 0, "at least 1"));
        }
        if self.max_vocab == Some(0) {
            return Err(Error::setting("max_vocab", 0, "at least 1"));
        }
        Ok(())
    }
}

/// What was read and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Sources read.
    pub files: usize,
    /// Bytes of text after unpacking.
    pub bytes: u64,
    /// Lines, empty ones included.
    pub lines: u64,
    /// Tokens of the longest line.
    pub longest_line: u64,
    /// Lines left out since they were no UTF-8.
    pub skipped_lines: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Distinct tokens seen (a lower bound if the table was pruned).
    pub distinct: u64,
    /// The largest count of a token.
    pub largest_count: u64,
    /// Tokens whose occurrences are kept.
    pub kept_tokens: u64,
    /// Tokens with at most this count may have been forgotten while counting (0: none was).
    pub pruned_below: u64,
    /// Tokens that look like unsegmented Chinese or Japanese.
    pub han_runs: u64,
}

/// Reads all sources into a corpus.
///
/// # Errors
/// [`Error::Input`] for bad bytes and damaged packing, with file, line and byte; [`Error::Data`] if no
/// token is left; [`Error::Io`]; [`Error::Setting`] for an unknown encoding.
pub fn read(sources: &[Source], options: &Options) -> Result<Corpus> {
    let encoding = encoding_rs::Encoding::for_label(options.encoding.as_bytes()).ok_or_else(|| {
        Error::setting("encoding", &options.encoding, "a WHATWG label: utf-8, latin1, gbk, utf-16le, ...")
    })?;
    options.check()?;
    let folder = options.work_dir.clone().unwrap_or_else(std::env::temp_dir);
    let limit = options.max_vocab.map_or(DISTINCT, |most| most.saturating_mul(4).clamp(100_000, DISTINCT));
    let mut merger = Merger {
        sources,
        table: Table::new(limit),
        stream: BufWriter::with_capacity(1 << 20, work_file(&folder)?),
        written: 0,
        segments: Vec::new(),
        lines_before: 0,
        line_tokens: 0,
        report: Report { files: sources.len(), ..Report::default() },
        folder: &folder,
    };
    let mut blocks = Blocks::new(sources, encoding, options.bad_utf8, options.tokens.cut_anywhere());
    if options.threads <= 1 {
        while let Some(block) = blocks.next_block()? {
            merger.merge(Counted::new(block, options))?;
        }
    } else {
        in_parallel(&mut blocks, options, &mut merger)?;
    }
    merger.finish(options)
}

/// A block after the parallel part of the work.
struct Counted {
    source: usize,
    last: bool,
    bytes: u64,
    lines: u64,
    ends_line: bool,
    result: std::result::Result<(BlockTokens, u64), BadByte>,
}

impl Counted {
    fn new(block: TextBlock, options: &Options) -> Self {
        let (bytes, lines) = (block.bytes.len() as u64, count_lines(&block.bytes));
        let ends_line = block.bytes.last() == Some(&b'\n');
        let result = check(block.bytes, options.bad_utf8).map(|checked| {
            let prepared = match options.tokens.prepare(&checked.text, options.lowercase) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            };
            let text = prepared.unwrap_or(checked.text);
            let text = options.phrases.as_ref().map(|phrases| phrases.apply(&text)).unwrap_or(text);
            let tokens = count_block(&text);
            (tokens, checked.skipped)
        });
        Self { source: block.source, last: block.last, bytes, lines, ends_line, result }
    }
}

/// Reads on this thread, counts on `options.threads` others, merges here in the order of the text.
fn in_parallel(blocks: &mut Blocks<'_>, options: &Options, merger: &mut Merger<'_>) -> Result<()> {
    std::thread::scope(|scope| {
        let (to_workers, work) = mpsc::sync_channel::<(u64, TextBlock)>(options.threads);
        let work = Arc::new(Mutex::new(work));
        let (done, results) = mpsc::channel::<(u64, Counted)>();
        for _ in 0..options.threads {
            let (work, done) = (Arc::clone(&work), done.clone());
            scope.spawn(move || {
                loop {
                    // Only the receiving is locked, not the counting.
                    let next = work.lock().map(|queue| queue.recv());
                    let Ok(Ok((number, block))) = next else { break };
                    if done.send((number, Counted::new(block, options))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let (mut sent, mut merged) = (0u64, 0u64);
        let mut waiting = BTreeMap::new();
        let mut to_workers = Some(to_workers);
        loop {
            // Keep the workers busy, but no more than a few blocks ahead: that bounds the memory.
            while sent - merged < 2 * options.threads as u64 {
                let Some(queue) = &to_workers else { break };
                if let Some(block) = blocks.next_block()? {
                    if queue.send((sent, block)).is_err() {
                        break;
                    }
                    sent += 1;
                } else {
                    to_workers = None;
                }
            }
            if sent == merged {
                return Ok(());
            }
            let Ok((number, counted)) = results.recv() else {
                return Err(Error::data("a reading thread stopped", "this is a bug, please report it"));
            };
            waiting.insert(number, counted);
            while let Some(counted) = waiting.remove(&merged) {
                merger.merge(counted)?;
                merged += 1;
            }
        }
    })
}

/// Takes counted blocks in order and writes the provisional stream.
struct Merger<'a> {
    sources: &'a [Source],
    table: Table,
    stream: BufWriter<File>,
    /// Numbers written to `stream`.
    written: u64,
    /// Where the table was pruned: numbers written before, and the old-to-new table in a work file.
    segments: Vec<(u64, File)>,
    /// Lines of the current source before the next block.
    lines_before: u64,
    /// Tokens of the current line so far.
    line_tokens: u64,
    report: Report,
    folder: &'a Path,
}

impl Merger<'_> {
    fn merge(&mut self, counted: Counted) -> Result<()> {
        stop::check()?;
        let (block, skipped) =
            counted.result.map_err(|bad| bad.error(&self.sources[counted.source], self.lines_before))?;
        let report = &mut self.report;
        report.bytes += counted.bytes;
        report.lines += counted.lines + u64::from(counted.last && counted.bytes > 0 && !counted.ends_line);
        report.skipped_lines += skipped;
        report.han_runs += block.iter().filter(|(token, _)| is_han_run(token)).map(|(_, count)| count).sum::<u64>();
        let ids = self.table.merge(&block);
        let mut numbers = block.stream;
        for number in &mut numbers {
            if *number == LINE_END {
                report.longest_line = report.longest_line.max(self.line_tokens);
                self.line_tokens = 0;
            } else {
                *number = ids[*number as usize];
                report.tokens += 1;
                self.line_tokens += 1;
            }
        }
        if counted.last {
            report.longest_line = report.longest_line.max(self.line_tokens);
            self.line_tokens = 0;
            numbers.push(LINE_END);
        }
        self.lines_before = if counted.last { 0 } else { self.lines_before + counted.lines };
        write_numbers(&mut self.stream, self.folder, &numbers)?;
        self.written += numbers.len() as u64;
        if self.table.is_full() {
            let map = self.table.prune();
            let mut file = work_file(self.folder)?;
            write_numbers(&mut file, self.folder, &map)?;
            self.segments.push((self.written, file));
        }
        Ok(())
    }

    /// Final ids by falling count; the stream renumbered and split into ids and ends.
    fn finish(self, options: &Options) -> Result<Corpus> {
        let Self { table, stream, written, segments, mut report, folder, .. } = self;
        report.distinct = table.len() as u64;
        report.pruned_below = table.threshold;
        report.largest_count = (0..table.len() as u32).map(|id| table.get(id).1).max().unwrap_or(0);
        let (vocab, map) = final_ids(&table, options, &report)?;
        report.kept_tokens = vocab.total_count();
        let stream = stream.into_inner().map_err(|e| Error::io(folder, "write")(e.into_error()))?;
        let maps = Maps::new(segments, map, folder)?;
        let mut hasher = blake3::Hasher::new();
        let (tokens, ends) = renumber(stream, written, maps, folder, &mut hasher, options.threads)?;
        let fingerprint = fingerprint(hasher, &vocab);
        Ok(Corpus { vocab, tokens, ends, chances: None, side: None, outcomes: None, groups: None, fingerprint, report })
    }
}

/// The vocabulary, and the final id of each provisional one ([`GONE`] for those left out).
pub(super) fn final_ids(table: &Table, options: &Options, report: &Report) -> Result<(Vocab, Vec<u32>)> {
    let mut order: Vec<u32> = (0..table.len() as u32).filter(|&id| table.get(id).1 >= options.min_count).collect();
    order.sort_unstable_by(|&a, &b| {
        let ((ta, na), (tb, nb)) = (table.get(a), table.get(b));
        nb.cmp(&na).then_with(|| ta.cmp(tb))
    });
    order.truncate(options.max_vocab.unwrap_or(usize::MAX));
    if order.is_empty() {
        return Err(if report.tokens == 0 && report.skipped_lines > 0 {
            let lines = counted(report.skipped_lines, "line");
            Error::data(
                format!("nothing to read: {lines} left out since they are not UTF-8, and no token besides"),
                "--encoding latin1 (or gbk, ...) reads them; --bad-utf8 fail says where the first bad byte is",
            )
        } else if report.tokens == 0 {
            Error::data("nothing to read: the input holds no token", "give at least one line with a few tokens")
        } else {
            Error::data(
                format!(
                    "0 of {} tokens occur >= {} times; the largest count is {}",
                    report.distinct, options.min_count, report.largest_count
                ),
                format!("use --min-count {}", report.largest_count.max(1)),
            )
        });
    }
    let mut map = vec![GONE; table.len()];
    for (row, &id) in order.iter().enumerate() {
        map[id as usize] = row as u32;
    }
    let vocab = Vocab::from_counts(order.iter().map(|&id| table.get(id)))?;
    Ok((vocab, map))
}

/// The hash of a corpus, from that of its sequences.
pub(super) fn fingerprint(mut hasher: blake3::Hasher, vocab: &Vocab) -> String {
    for (_, token, count) in vocab.iter() {
        hasher.update(token.as_bytes()).update(&[0]).update(&count.to_le_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// From provisional to final ids for each part of the stream between two prunings.
pub(super) struct Maps {
    /// Numbers before the end of each part, and its map in a work file; the last part is in memory.
    parts: std::vec::IntoIter<(u64, File)>,
    last: Option<Vec<u32>>,
}

impl Maps {
    /// Composes the maps from the last part backwards, one in memory at a time.
    pub(super) fn new(segments: Vec<(u64, File)>, last: Vec<u32>, folder: &Path) -> Result<Self> {
        let mut next: Option<Vec<u32>> = None;
        let mut parts = Vec::with_capacity(segments.len());
        for (end, mut file) in segments.into_iter().rev() {
            let mut map = read_numbers(&mut file, folder)?;
            let after = next.as_ref().unwrap_or(&last);
            for id in &mut map {
                *id = if *id == GONE { GONE } else { after[*id as usize] };
            }
            file.rewind().map_err(Error::io(folder, "rewind"))?;
            write_numbers(&mut file, folder, &map)?;
            parts.push((end, file));
            next = Some(map);
        }
        parts.reverse();
        Ok(Self { parts: parts.into_iter(), last: Some(last) })
    }

    /// The next part: where it ends, and its map.
    fn next_part(&mut self, total: u64, folder: &Path) -> Result<Option<(u64, Vec<u32>)>> {
        match self.parts.next() {
            Some((end, mut file)) => Ok(Some((end, read_numbers(&mut file, folder)?))),
            None => Ok(self.last.take().map(|map| (total, map))),
        }
    }
}

/// Rewrites the provisional stream as final ids and sequence ends, which are hashed: on several threads, one reads and
/// another hashes and writes.
pub(super) fn renumber(
    stream: File,
    total: u64,
    maps: Maps,
    folder: &Path,
    hasher: &mut blake3::Hasher,
    threads: usize,
) -> Result<(Numbers<u32>, Numbers<u64>)> {
    let mut renumbered = Renumbered { folder, tokens: work_file(folder)?, ends: work_file(folder)?, hasher };
    if threads <= 1 {
        each_part(stream, total, maps, folder, &mut |part| renumbered.write(&part))?;
    } else {
        let renumbered = &mut renumbered;
        std::thread::scope(|scope| {
            let (parts, queue) = mpsc::sync_channel::<Part>(1);
            let writer = scope.spawn(move || queue.into_iter().try_for_each(|part| renumbered.write(&part)));
            // A writer that is gone says why itself.
            let failed = || Error::data("a writing thread stopped", "this is a bug, please report it");
            let read = each_part(stream, total, maps, folder, &mut |part| parts.send(part).map_err(|_| failed()));
            drop(parts);
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(read)
        })?;
    }
    let map = |file: &File| Mapped::open(file).map_err(Error::io(folder, "map"));
    Ok((Numbers::Mapped(map(&renumbered.tokens)?), Numbers::Mapped(map(&renumbered.ends)?)))
}

/// Final ids of a part of the stream, and where sequences end in it.
type Part = (Vec<u32>, Vec<u64>);

/// Renumbers the stream part by part.
fn each_part(
    mut stream: File,
    total: u64,
    mut maps: Maps,
    folder: &Path,
    take: &mut dyn FnMut(Part) -> Result<()>,
) -> Result<()> {
    stream.rewind().map_err(Error::io(folder, "rewind"))?;
    let (mut done, mut renumbering) = (0u64, Renumbering::default());
    let mut bytes = vec![0u8; PART * 4];
    while let Some((part_end, map)) = maps.next_part(total, folder)? {
        while done < part_end {
            stop::check()?;
            let n = ((part_end - done) as usize * 4).min(bytes.len());
            stream.read_exact(&mut bytes[..n]).map_err(Error::io(folder, "read"))?;
            done += n as u64 / 4;
            let numbers = bytes[..n].chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
            take(renumbering.part(numbers, &map))?;
        }
    }
    Ok(())
}

/// Where a renumbered stream goes.
struct Renumbered<'a> {
    folder: &'a Path,
    tokens: File,
    ends: File,
    hasher: &'a mut blake3::Hasher,
}

impl Renumbered<'_> {
    fn write(&mut self, (ids, ends): &Part) -> Result<()> {
        write_numbers(&mut self.tokens, self.folder, ids)?;
        write_numbers(&mut self.ends, self.folder, ends)?;
        self.hasher.update(as_bytes(ids)).update(as_bytes(ends));
        Ok(())
    }
}

/// Numbers that are renumbered, and hashed, at a time.
pub(super) const PART: usize = 1 << 18;

/// How far a provisional stream has been renumbered.
#[derive(Default)]
pub(super) struct Renumbering {
    kept: u64,
    last_end: u64,
}

impl Renumbering {
    /// The final ids of a part of the stream, and where sequences end in it; empty ones are dropped.
    pub(super) fn part(&mut self, numbers: impl ExactSizeIterator<Item = u32>, map: &[u32]) -> Part {
        let (mut ids, mut ends) = (Vec::with_capacity(numbers.len()), Vec::new());
        for id in numbers {
            if id == LINE_END {
                let end = self.kept + ids.len() as u64;
                if end > self.last_end {
                    ends.push(end);
                    self.last_end = end;
                }
            } else if map[id as usize] != GONE {
                ids.push(map[id as usize]);
            }
        }
        self.kept += ids.len() as u64;
        (ids, ends)
    }
}

/// A file that has no name and vanishes when it is closed.
pub(super) fn work_file(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder).map_err(Error::io(folder, "create a work file in"))
}

/// Writes numbers in this machine's byte order.
pub(super) fn write_numbers<T: Plain>(file: &mut impl Write, folder: &Path, numbers: &[T]) -> Result<()> {
    file.write_all(as_bytes(numbers)).map_err(Error::io(folder, "write a work file in"))
}

fn read_numbers(file: &mut File, folder: &Path) -> Result<Vec<u32>> {
    file.seek(SeekFrom::Start(0)).map_err(Error::io(folder, "rewind"))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(Error::io(folder, "read"))?;
    Ok(bytes.chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect())
}

#[cfg(test)]
mod tests;
