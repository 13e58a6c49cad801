//! The log of changes since a segment was made: a record a change, on disk before it is acknowledged.
//!
//! ```text
//! record  | kind u32 (1 put, 2 delete) | key u64 | CRC-32 of these u32 | then of a put: dim f32 | CRC-32 of all before u32 |
//! ```
//!
//! A record that ends behind the end of the file is the torn tail of a write that was never acknowledged: it is dropped, as are
//! zeros up to the end, which some file systems leave. Anything else that does not agree is damage, and an error.

use super::Change;
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

const PUT: u32 = 1;
const DELETE: u32 = 2;
const START: usize = 16;
const SUM: usize = 4;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    number: u64,
    /// Bytes that are acknowledged.
    length: u64,
    /// Whether a failed write may have left something behind them that could not be taken back.
    broken: bool,
}

impl Log {
    /// Opens log `number` of a folder to go on behind its first `length` bytes; what is behind them is cut off.
    pub(super) fn open(folder: &Path, number: u64, length: u64) -> Result<Self> {
        let path = folder.join(name(number));
        let write = |error| Error::io(&path, "write")(error);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(write)?;
        file.set_len(length).and_then(|()| file.sync_all()).map_err(write)?;
        #[cfg(unix)]
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)?;
        Ok(Self { file, path, number, length, broken: false })
    }

    /// Its number in the folder.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Brings changes to disk.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<()> {
        if self.broken {
            let broken =
                std::io::Error::other("an earlier write failed and could not be taken back; open the index again");
            return Err(Error::io(&self.path, "write")(broken));
        }
        let mut bytes = Vec::new();
        for change in changes {
            record(change, &mut bytes);
        }
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            self.broken = self.file.set_len(self.length).is_err();
            return Err(Error::io(&self.path, "write")(error));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The file of a log.
pub(super) fn name(number: u64) -> String {
    format!("log.{number}")
}

fn record(change: &Change, to: &mut Vec<u8>) {
    let from = to.len();
    let (kind, key) = match change {
        Change::Put { key, .. } => (PUT, *key),
        Change::Delete { key } => (DELETE, *key),
    };
    to.extend(kind.to_le_bytes());
    to.extend(key.to_le_bytes());
    to.extend(crc(&to[from..]).to_le_bytes());
    if let Change::Put { vector, .. } = change {
        to.extend(vector.iter().flat_map(|value| value.to_le_bytes()));
    }
    to.extend(crc(&to[from..]).to_le_bytes());
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The changes of a log, and the length of the part that holds them.
///
/// # Errors
/// [`Error::Model`] if a record is damaged.
pub(super) fn read(path: &Path, dim: usize) -> Result<(Vec<Change>, u64)> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let mut changes = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        match next(rest, dim) {
            Some(Ok((change, length))) => {
                changes.push(change);
                rest = &rest[length..];
            }
            None => return Ok((changes, at as u64)),
            Some(Err(_)) if rest.iter().all(|&byte| byte == 0) => return Ok((changes, at as u64)),
            Some(Err(what)) => {
                let place = crate::Place::byte(path, at as u64 + 1);
                return Err(Error::model(place, what, "build the index again"));
            }
        }
    }
    Ok((changes, bytes.len() as u64))
}

/// The first record and its length; `None` if it is cut off.
fn next(rest: &[u8], dim: usize) -> Option<Result<(Change, usize), &'static str>> {
    let start = rest.get(..START)?;
    if crc(&start[..12]).to_le_bytes() != start[12..] {
        return Some(Err("the start of a record does not agree with its checksum"));
    }
    let word = |at: usize| u32::from_le_bytes([start[at], start[at + 1], start[at + 2], start[at + 3]]);
    let key = u64::from(word(4)) | u64::from(word(8)) << 32;
    let values = match word(0) {
        PUT => 4 * dim,
        DELETE => 0,
        _ => return Some(Err("a record is of an unknown kind")),
    };
    let length = START + values + SUM;
    let record = rest.get(..length)?;
    if crc(&record[..length - SUM]).to_le_bytes() != record[length - SUM..] {
        return Some(Err("a record does not agree with its checksum"));
    }
    let (vector, _) = record[START..length - SUM].as_chunks::<4>();
    let vector: Vec<f32> = vector.iter().map(|value| f32::from_le_bytes(*value)).collect();
    if !vector.iter().all(|value| value.is_finite()) {
        return Some(Err("a record holds a value that is not finite"));
    }
    let change = if word(0) == PUT { Change::Put { key, vector } } else { Change::Delete { key } };
    Some(Ok((change, length)))
}
