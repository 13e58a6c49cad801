//! Which format a file is in, by its first bytes.

use super::{Format, fasttext, npy, text, word2vec};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes to look at: a line of a few thousand values must fit in.
const LOOK: u64 = 1 << 18;

/// See [`Format::detect`].
pub(super) fn detect(path: &Path) -> Result<Format> {
    let advice = "--format says what it is";
    if path.as_os_str() == "-" {
        return Err(Error::input(path, "its format cannot be found out before it is read", advice));
    }
    let file = File::open(path).map_err(Error::io(path, "open"))?;
    let metadata = file.metadata().map_err(Error::io(path, "read"))?;
    if metadata.is_dir() {
        return Err(Error::input(path, "a folder, expected a file", "a model folder needs no import"));
    }
    if !metadata.is_file() {
        return Err(Error::input(path, "its format cannot be found out before it is read", advice));
    }
    let mut start = Vec::new();
    file.take(LOOK).read_to_end(&mut start).map_err(Error::io(path, "read"))?;
    if start.is_empty() {
        return Err(Error::input(path, "the file is empty", "is it the right file?"));
    }
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
    if let Some(format) = by_content(&start, metadata.len(), extension == "tsv") {
        return Ok(format);
    }
    let (what, advice) = known_to_be_else(&start).unwrap_or((
        "the format is none that is known",
        "--format says what it is: word2vec, word2vec-binary, glove, fasttext, npy, safetensors, parquet or projector",
    ));
    Err(Error::input(path, what, advice))
}

/// The format of a file of `length` bytes that begins with `start`.
fn by_content(start: &[u8], length: u64, tsv: bool) -> Option<Format> {
    if start.starts_with(&fasttext::MAGIC.to_le_bytes()) {
        return Some(Format::Fasttext);
    }
    if start.starts_with(npy::MAGIC) {
        return Some(Format::Npy);
    }
    if start.starts_with(b"PAR1") {
        return Some(Format::Parquet);
    }
    if let Some((header, rest)) = start.split_first_chunk::<8>()
        && u64::from_le_bytes(*header) <= length.saturating_sub(8)
        && rest.starts_with(b"{")
    {
        return Some(Format::Safetensors);
    }
    let text = start.strip_prefix("\u{feff}".as_bytes()).unwrap_or(start);
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let first = first.strip_suffix(b"\r").unwrap_or(first);
    let is_number = |field: &[u8]| text::number(field).is_some();
    if tsv && first.split(|byte| *byte == b'\t').all(is_number) {
        return Some(Format::Projector);
    }
    if let Some((_, dim)) = word2vec::header_numbers(first) {
        let row = lines.next().unwrap_or_default();
        let row = row.strip_suffix(b"\r").unwrap_or(row);
        let dim = usize::try_from(dim).ok()?;
        // Damaged text is text all the same: then the message is about its line.
        let is_text = text::parse(row, Some(dim), &mut Vec::new()).is_ok() || !text.iter().any(is_control);
        return Some(if is_text { Format::Word2vec } else { Format::Word2vecBinary });
    }
    // A token and at least two values, or one that is no whole number: two columns may be anything.
    let mut fields = first.split(|byte| *byte == b' ' || *byte == b'\t').filter(|field| !field.is_empty()).skip(1);
    let values: Vec<_> = fields.by_ref().collect();
    let vector = values.iter().all(|field| is_number(field)) && values.iter().any(|field| field.contains(&b'.'));
    vector.then_some(Format::Glove)
}

/// Bytes that text hardly has and a few `f32` nearly always have.
fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !byte.is_ascii_whitespace()
}

/// Files that people take for vectors.
fn known_to_be_else(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let known: [(&[u8], _, _); 6] = [
        (b"\x1f\x8b", "gzip-compressed", "unpack it first: gunzip"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed", "unpack it first: unzstd"),
        (b"BZh", "bzip2-compressed", "unpack it first: bunzip2"),
        (b"PK\x03\x04", "a zip archive", "unpack it first: unzip; a PyTorch file can be saved as safetensors"),
        (b"\x89HDF", "an HDF5 file", "save the vectors as npy or safetensors"),
        (
            b"\x80",
            "a Python pickle, which can run any program and is never loaded",
            "in gensim: vectors.save_word2vec_format('NAME.bin', binary=True)",
        ),
    ];
    known.into_iter().find(|(magic, ..)| start.starts_with(magic)).map(|(_, what, advice)| (what, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: &[u8]) -> Option<Format> {
        by_content(start, start.len() as u64, false)
    }

    #[test]
    fn formats_are_told_apart_by_their_first_bytes() {
        assert_eq!(found(b"2 3\na 1 2 3\nb 1 2 3\n"), Some(Format::Word2vec));
        assert_eq!(found(b"2 1\na \x00\x00\x80\x3f\nb "), Some(Format::Word2vecBinary));
        assert_eq!(found(b"the 0.1 0.2\nof 0.3 0.4\n"), Some(Format::Glove));
        assert_eq!(found(b"\x93NUMPY\x01\x00"), Some(Format::Npy));
        assert_eq!(found(b"PAR1"), Some(Format::Parquet));
        assert_eq!(found(&[0xba, 0x16, 0x4f, 0x2f, 12, 0, 0, 0]), Some(Format::Fasttext));
        assert_eq!(found(b"\x02\0\0\0\0\0\0\0{}"), Some(Format::Safetensors));
        assert_eq!(by_content(b"0.5\t1\n2\t3\n", 10, true), Some(Format::Projector));
        assert_eq!(by_content(b"5\t1\n2\t3\n", 8, true), Some(Format::Projector));
        assert_eq!(found(b"user,item\n1,2\n"), None);
        assert_eq!(found(b"hello world\n"), None);
    }

    #[test]
    fn a_damaged_text_file_is_still_text() {
        assert_eq!(found(b"2 3\na 1 2\n"), Some(Format::Word2vec));
    }
}
