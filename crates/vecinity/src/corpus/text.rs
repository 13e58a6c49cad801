//! Bytes become checked UTF-8, in blocks that end between tokens.

use super::source::Source;
use crate::error::{Error, Place, Result};
use encoding_rs::{Decoder, DecoderResult, Encoding};
use std::io::{self, Read};

/// Bytes of a block; large enough to amortise its hash table, small enough for the cache of all threads.
const BLOCK: usize = 4 << 20;
/// The longest token: far beyond any name, short enough to hold in memory.
const LONGEST_TOKEN: usize = 1 << 20;

/// What to do with bytes that are not valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadUtf8 {
    /// Stop with the position of the first bad byte.
    #[default]
    Fail,
    /// Leave out the line (or the row).
    Skip,
    /// Put U+FFFD in their place.
    Replace,
}

impl BadUtf8 {
    /// All rules, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] = [("fail", Self::Fail), ("skip", Self::Skip), ("replace", Self::Replace)];
}

/// A piece of one source. Tokens never cross its ends; lines may.
#[derive(Debug)]
pub(super) struct TextBlock {
    /// Index of the source.
    pub(super) source: usize,
    /// The bytes, not yet checked.
    pub(super) bytes: Vec<u8>,
    /// Whether this is the last block of its source, which ends the sequence as a line end does.
    pub(super) last: bool,
}

/// Reads the sources one after another as blocks.
pub(super) struct Blocks<'a> {
    sources: &'a [Source],
    encoding: &'static Encoding,
    rule: BadUtf8,
    /// Whether a block may also end between any two characters (text without spaces).
    cut_anywhere: bool,
    current: Option<Current>,
    next: usize,
}

struct Current {
    reader: Box<dyn Read + Send>,
    decoder: Option<Decoder>,
    /// Bytes read but not yet handed out.
    rest: Vec<u8>,
    /// Bytes of text handed out.
    offset: u64,
    /// Bytes given to the decoder.
    decoded: u64,
    first: bool,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(sources: &'a [Source], encoding: &'static Encoding, rule: BadUtf8, cut_anywhere: bool) -> Self {
        Self { sources, encoding, rule, cut_anywhere, current: None, next: 0 }
    }

    /// The next block, or `None` behind the last source.
    pub(super) fn next_block(&mut self) -> Result<Option<TextBlock>> {
        loop {
            if self.current.is_none() {
                let Some(source) = self.sources.get(self.next) else { return Ok(None) };
                let decoder = (self.encoding != encoding_rs::UTF_8).then(|| self.encoding.new_decoder());
                let reader = source.open()?;
                self.current = Some(Current { reader, decoder, rest: Vec::new(), offset: 0, decoded: 0, first: true });
                self.next += 1;
            }
            let Some(current) = self.current.as_mut() else { continue };
            let source = &self.sources[self.next - 1];
            let ended = current.fill(source, BLOCK, self.rule)?;
            if std::mem::take(&mut current.first) {
                check_beginning(source, &current.rest)?;
                if current.rest.starts_with(b"\xef\xbb\xbf") {
                    current.rest.drain(..3);
                    current.offset = 3;
                }
            }
            let index = self.next - 1;
            if ended {
                let block = TextBlock { source: index, bytes: std::mem::take(&mut current.rest), last: true };
                self.current = None;
                return Ok(Some(block));
            }
            let cut = cut_point(&current.rest, self.cut_anywhere).ok_or_else(|| {
                Error::input(
                    Place::byte(source.path(), current.offset + 1),
                    format!("a token of more than {LONGEST_TOKEN} bytes"),
                    "tokens are separated by white space; is this a text file? --tokens words cuts at word boundaries",
                )
            })?;
            let mut bytes = Vec::with_capacity(BLOCK + LONGEST_TOKEN);
            bytes.extend_from_slice(&current.rest[cut..]);
            std::mem::swap(&mut bytes, &mut current.rest);
            bytes.truncate(cut);
            current.offset += cut as u64;
            return Ok(Some(TextBlock { source: index, bytes, last: false }));
        }
    }
}

impl Current {
    /// Reads until `rest` holds `wanted` bytes; whether the source ended before.
    fn fill(&mut self, source: &Source, wanted: usize, rule: BadUtf8) -> Result<bool> {
        if let Some(decoder) = self.decoder.as_mut() {
            let mut raw = vec![0u8; 1 << 16];
            while self.rest.len() < wanted {
                let n = read_some(&mut self.reader, &mut raw).map_err(unreadable(source))?;
                let mut from = &raw[..n];
                loop {
                    let room = decoder.max_utf8_buffer_length(from.len()).unwrap_or(from.len() * 3 + 16);
                    let start = self.rest.len();
                    self.rest.resize(start + room, 0);
                    let (result, read, written) =
                        decoder.decode_to_utf8_without_replacement(from, &mut self.rest[start..], n == 0);
                    self.rest.truncate(start + written);
                    from = &from[read..];
                    self.decoded += read as u64;
                    match result {
                        DecoderResult::InputEmpty => break,
                        DecoderResult::OutputFull => {}
                        // A line cannot be skipped for what it held: there is no telling where it ends.
                        DecoderResult::Malformed(bad, behind) if rule == BadUtf8::Fail => {
                            let place = Place::byte(source.path(), self.decoded + 1 - u64::from(bad + behind));
                            let what = format!("this is not {}", decoder.encoding().name());
                            return Err(Error::input(
                                place,
                                what,
                                "check --encoding; --bad-utf8 replace goes on without",
                            ));
                        }
                        DecoderResult::Malformed(..) => self.rest.extend_from_slice("\u{fffd}".as_bytes()),
                    }
                }
                if n == 0 {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let room = (wanted + LONGEST_TOKEN).saturating_sub(self.rest.len());
        self.rest.reserve(room);
        while self.rest.len() < wanted {
            let missing = (wanted - self.rest.len()) as u64;
            let n = (&mut self.reader).take(missing).read_to_end(&mut self.rest).map_err(unreadable(source))?;
            if n == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A damaged gzip or zstd file is bad input, not a failure of the system.
fn unreadable(source: &Source) -> impl FnOnce(io::Error) -> Error {
    let path = source.path().to_owned();
    move |e| match e.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::InvalidData
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::Other => {
            Error::input(&*path, format!("the packed data is cut or damaged: {e}"), "fetch or pack the file again")
        }
        _ => Error::Io { path, action: "read", source: e },
    }
}

fn read_some(reader: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(to) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Refuses what is plainly no UTF-8 text by its first bytes.
fn check_beginning(source: &Source, bytes: &[u8]) -> Result<()> {
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if utf16 {
        return Err(Error::input(
            source.path(),
            "this is UTF-16, expected UTF-8",
            "say --encoding utf-16le (or utf-16be)",
        ));
    }
    if bytes.starts_with(b"PAR1") {
        return Err(Error::input(
            source.path(),
            "this is a Parquet file, expected text",
            "write one sequence of ids a line, separated by spaces",
        ));
    }
    Ok(())
}

/// Where to end a block: behind the last line end, else the last white space, else (if allowed) the last character.
fn cut_point(bytes: &[u8], anywhere: bool) -> Option<usize> {
    if let Some(at) = memchr::memrchr(b'\n', bytes) {
        return Some(at + 1);
    }
    let from = bytes.len().saturating_sub(LONGEST_TOKEN);
    if let Some(at) = bytes[from..].iter().rposition(|&b| b <= b' ') {
        return Some(from + at + 1);
    }
    if anywhere {
        // A character of UTF-8 begins with any byte but 10xxxxxx.
        return bytes.iter().rposition(|&b| b & 0xc0 != 0x80).filter(|&at| at > 0);
    }
    None
}

/// A block as text: valid UTF-8 is borrowed, else the rule decides.
pub(super) struct Checked {
    /// The text, with bad lines left out or repaired as the rule says.
    pub(super) text: String,
    /// Lines left out.
    pub(super) skipped: u64,
}

/// Checks a block.
///
/// # Errors
/// The first bad byte, as (lines before it in the block, byte in its line, byte in the block), all from 0.
pub(super) fn check(bytes: Vec<u8>, rule: BadUtf8) -> Result<Checked, BadByte> {
    if memchr::memchr(0, &bytes).is_some() && rule == BadUtf8::Fail {
        let at = memchr::memchr(0, &bytes).unwrap_or(0);
        return Err(BadByte::at(&bytes, at));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Checked { text, skipped: 0 }),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            match rule {
                BadUtf8::Fail => Err(BadByte::at(&bytes, at)),
                BadUtf8::Replace => Ok(Checked { text: String::from_utf8_lossy(&bytes).into_owned(), skipped: 0 }),
                BadUtf8::Skip => {
                    let mut checked = Checked { text: String::with_capacity(bytes.len()), skipped: 0 };
                    for line in bytes.split_inclusive(|&b| b == b'\n') {
                        match std::str::from_utf8(line) {
                            Ok(line) => checked.text.push_str(line),
                            Err(_) => checked.skipped += 1,
                        }
                    }
                    Ok(checked)
                }
            }
        }
    }
}

/// Where a block stops being text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadByte {
    /// Line ends before it in its block.
    pub(super) lines: u64,
    /// Bytes before it in its line (as far as the line lies in the block).
    pub(super) column: u64,
    /// The byte itself.
    pub(super) byte: u8,
    /// Whether it begins half of a pair of UTF-16, which is no character: ED A0..BF.
    pub(super) surrogate: bool,
}

impl BadByte {
    fn at(bytes: &[u8], at: usize) -> Self {
        let before = &bytes[..at];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        let surrogate = bytes[at] == 0xed && bytes.get(at + 1).is_some_and(|next| (0xa0..=0xbf).contains(next));
        Self { lines: count_lines(before), column: (at - line_start) as u64, byte: bytes[at], surrogate }
    }

    /// The error, given the lines of the source before the block.
    pub(super) fn error(self, source: &Source, lines_before: u64) -> Error {
        let place = Place {
            path: source.path().to_owned(),
            line: Some(lines_before + self.lines + 1),
            byte: Some(self.column + 1),
        };
        if self.byte == 0 {
            // The high byte of a Latin letter is 0: it comes first in big-endian UTF-16.
            let first = lines_before + self.lines == 0 && self.column.is_multiple_of(2);
            let encoding = if first { "utf-16be" } else { "utf-16le" };
            let advice =
                format!("binary or UTF-16? try --encoding {encoding}; --bad-utf8 replace reads it all the same");
            return Error::input(place, "a NUL byte; this is not text", advice);
        }
        if self.surrogate {
            return Error::input(
                place,
                "a lone surrogate (half of a UTF-16 pair), expected UTF-8",
                "--bad-utf8 skip|replace goes on without; whatever wrote the file cut a character in two",
            );
        }
        Error::input(
            place,
            format!("byte 0x{:02x} is not UTF-8 (looks like Latin-1)", self.byte),
            "--encoding latin1 reads it as such; --bad-utf8 skip|replace goes on without",
        )
    }
}

/// Number of line ends.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
