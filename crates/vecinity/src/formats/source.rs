//! Bytes on their way in: where they are from, how many are left, and room for as many as there are.
//!
//! Formats claim sizes in their first bytes. [`Source::claim`] holds a claim against the length of the
//! file before anything is allocated; where the length is unknown (a pipe), memory grows with what
//! has been read, never with what was claimed.
//!
//! May import: `error`.  Used by: the formats.

use crate::error::{Error, Place, Result, counted};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes to read a format from, with a name for messages.
pub struct Source<'a> {
    reader: Box<dyn BufRead + 'a>,
    path: PathBuf,
    /// Length of the whole, if known.
    length: Option<u64>,
    /// Bytes read so far.
    position: u64,
    /// Lines read so far by [`Source::line`].
    lines: u64,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("path", &self.path).field("position", &self.position).finish_non_exhaustive()
    }
}

impl Source<'static> {
    /// A file, or standard input if the path is `-`.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened, [`Error::Input`] if it is a folder.
    pub fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::new(path, Box::new(std::io::stdin().lock()), None));
        }
        let file = File::open(path).map_err(Error::io(path, "open"))?;
        let metadata = file.metadata().map_err(Error::io(path, "read"))?;
        if metadata.is_dir() {
            return Err(Error::input(path, "a folder, expected a file", "a model folder needs no import"));
        }
        // Pipes and devices say they are empty.
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self::new(path, Box::new(BufReader::with_capacity(1 << 20, file)), length))
    }
}

impl<'a> Source<'a> {
    /// Bytes in memory that are called `name` in messages.
    #[must_use]
    pub fn bytes(name: &Path, bytes: &'a [u8]) -> Self {
        Self::new(name, Box::new(bytes), Some(bytes.len() as u64))
    }

    fn new(path: &Path, reader: Box<dyn BufRead + 'a>, length: Option<u64>) -> Self {
        Self { reader, path: path.to_owned(), length, position: 0, lines: 0, scratch: Vec::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The line read last.
    pub(super) fn line_number(&self) -> u64 {
        self.lines
    }

    /// The line read last, as a place.
    pub(super) fn at_line(&self) -> Place {
        Place::line(&*self.path, self.lines)
    }

    /// The byte that is read next, as a place.
    pub(super) fn at_byte(&self) -> Place {
        Place::byte(&*self.path, self.position + 1)
    }

    /// Bytes that are left, if known.
    pub(super) fn remaining(&self) -> Option<u64> {
        Some(self.length?.saturating_sub(self.position))
    }

    /// How much room to make for `count` things of at least `bytes` bytes each in the file: `count`
    /// where the file is known to be long enough, else none.
    pub(super) fn room(&self, count: u64, bytes: u64) -> usize {
        match (self.remaining(), count.checked_mul(bytes.max(1))) {
            (Some(remaining), Some(needed)) if needed <= remaining => usize::try_from(count).unwrap_or(0),
            _ => 0,
        }
    }

    /// Refuses a claim of `rows` rows of `dim` values that take at least `bytes` more bytes (`None`
    /// if they are more than can be counted) when the file has not that many.
    pub(super) fn claim(&self, rows: u64, dim: u64, bytes: Option<u64>) -> Result<()> {
        let Some(remaining) = self.remaining() else { return Ok(()) };
        if bytes.is_some_and(|bytes| bytes <= remaining) {
            return Ok(());
        }
        let bytes = bytes.map_or_else(|| "more than 2^64 bytes".to_owned(), |b| counted(b, "byte"));
        let what = format!(
            "the header claims {} of {} (at least {bytes}), the file has {} after it",
            counted(rows, "row"),
            counted(dim, "value"),
            counted(remaining, "byte")
        );
        Err(Error::input(&*self.path, what, "the file was cut or is damaged: copy or download it again"))
    }

    /// An error for a file that ends too early.
    pub(super) fn cut(&self, inside: &str) -> Error {
        let advice = "the file was cut or is damaged: copy or download it again";
        Error::input(self.at_byte(), format!("the file ends inside {inside}"), advice)
    }

    /// Passes over a byte order mark, if the source begins with one, and refuses UTF-16.
    pub(super) fn start_of_text(&mut self) -> Result<()> {
        let start = self.reader.fill_buf().map_err(Error::io(&*self.path, "read"))?;
        if start.starts_with("\u{feff}".as_bytes()) {
            self.reader.consume(3);
            self.position += 3;
        } else if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            let advice = "convert it, for example: iconv -f utf-16 -t utf-8";
            return Err(Error::input(&*self.path, "the file is UTF-16, expected UTF-8", advice));
        }
        Ok(())
    }

    /// Reads a line without its end (`\n` or `\r\n`); `false` if there is none.
    pub(super) fn line(&mut self, line: &mut Vec<u8>) -> Result<bool> {
        line.clear();
        if !self.until(b'\n', line)? && line.is_empty() {
            return Ok(false);
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.lines += 1;
        Ok(true)
    }

    /// Appends all bytes before `end` and passes over it; `false` if the source ended without one.
    pub(super) fn until(&mut self, end: u8, bytes: &mut Vec<u8>) -> Result<bool> {
        let read = self.reader.read_until(end, bytes).map_err(Error::io(&*self.path, "read"))?;
        self.position += read as u64;
        let found = read > 0 && bytes.last() == Some(&end);
        if found {
            bytes.pop();
        }
        Ok(found)
    }

    /// The byte that is read next, if any.
    pub(super) fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.reader.fill_buf().map_err(Error::io(&*self.path, "read"))?.first().copied())
    }

    /// Passes over one byte that [`Source::peek`] has seen.
    pub(super) fn step(&mut self) {
        self.reader.consume(1);
        self.position += 1;
    }

    /// Passes over `count` bytes; `false` if there are fewer.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<bool> {
        while count > 0 {
            let available = self.reader.fill_buf().map_err(Error::io(&*self.path, "read"))?.len();
            if available == 0 {
                return Ok(false);
            }
            let step = count.min(available as u64);
            self.reader.consume(step as usize);
            self.position += step;
            count -= step;
        }
        Ok(true)
    }

    /// Appends up to `count` bytes; `false` if there are fewer.
    pub(super) fn take(&mut self, count: u64, bytes: &mut Vec<u8>) -> Result<bool> {
        let read = (&mut self.reader).take(count).read_to_end(bytes).map_err(Error::io(&*self.path, "read"))? as u64;
        self.position += read;
        Ok(read == count)
    }

    /// The next `N` bytes; `inside` names what the file ends in if there are fewer.
    pub(super) fn array<const N: usize>(&mut self, inside: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        let mut filled = 0;
        while filled < N {
            match self.reader.read(&mut array[filled..]) {
                Ok(0) => return Err(self.cut(inside)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&*self.path, "read")(error)),
            }
        }
        self.position += N as u64;
        Ok(array)
    }

    /// Appends `count` numbers of `N` bytes each; `false` if the source has fewer.
    pub(super) fn numbers<const N: usize, T>(
        &mut self,
        count: usize,
        numbers: &mut Vec<T>,
        number: impl Fn([u8; N]) -> T,
    ) -> Result<bool> {
        const PIECE: usize = 1 << 13;
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut left = count;
        let mut whole = true;
        while left > 0 && whole {
            let piece = left.min(PIECE);
            scratch.clear();
            whole = self.take((piece * N) as u64, &mut scratch)?;
            numbers.extend(scratch.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
            left -= piece;
        }
        self.scratch = scratch;
        Ok(whole)
    }

    /// Appends `count` little-endian `f32`; `false` if the source has fewer.
    pub(super) fn floats(&mut self, count: usize, values: &mut Vec<f32>) -> Result<bool> {
        self.numbers(count, values, f32::from_le_bytes)
    }
}
