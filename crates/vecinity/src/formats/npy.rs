//! A NumPy array of shape `[V, D]` with the ids in a text file beside it, one a line.
//!
//! Read: `f4` and `f8`, little-endian, C order. Written: `f4`, version 1.0 of the format, the header
//! padded so that the values begin at a multiple of 64 bytes. No counts.
//!
//! Source: NEP 1, and `numpy.lib.format`.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{Format, ReadOptions, refuse_tokens_with, require_rows, token_list};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, grouped, shown};
use crate::publish;
use std::io::{self, Write};
use std::path::Path;

/// The first bytes.
pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy's own headers are some 120 bytes; it refuses those past 10,000.
const LONGEST_HEADER: u32 = 10_000;

/// Reads an array; its ids are in [`ReadOptions::ids`] or in `NAME.ids.txt` beside `NAME.npy`.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the place: another type or shape, another number of ids.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse_with(Source::open(path)?, || token_list::open_ids(path, options.ids.as_ref()), options)
}

/// As [`read`], from the bytes of an array and of its ids.
///
/// # Errors
/// As [`read`].
pub fn parse(source: Source<'_>, ids: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    parse_with(source, || Ok(ids), options)
}

fn parse_with<'s>(
    mut source: Source<'_>,
    open_ids: impl FnOnce() -> Result<Source<'s>>,
    options: &ReadOptions,
) -> Result<Embeddings> {
    let header = Header::read(&mut source)?;
    let (rows, dim) = (header.rows, header.dim);
    let width = if header.double { 8 } else { 4 };
    source.claim(rows, dim, rows.checked_mul(dim).and_then(|values| values.checked_mul(width)))?;
    let mut ids = open_ids()?;
    let mut tokens = Rows::new(ids.path(), Unit::Line, options);
    let kept = token_list::read_ids(&mut ids, rows, source.path(), &mut tokens)?;
    // The claim was checked, or the ids were read: neither can be past memory.
    let dim = usize::try_from(dim).map_err(|_| source.cut("the array"))?;
    let count = kept.len().checked_mul(dim).ok_or_else(|| source.cut("the array"))?;
    let mut values = Vec::new();
    values.reserve_exact(source.room(count as u64, width));
    let whole = if header.double {
        source.numbers(count, &mut values, |bytes| f64::from_le_bytes(bytes) as f32)?
    } else {
        source.floats(count, &mut values)?
    };
    if !whole {
        return Err(source.cut("the array"));
    }
    if kept.len() as u64 == rows && source.peek()?.is_some() {
        let advice = "the file is damaged: save it again";
        return Err(Error::input(source.at_byte(), "more bytes follow the array", advice));
    }
    token_list::keep_rows(&mut values, dim, &kept);
    for row in 0..tokens.len() {
        tokens.check_row(row, &values[row * dim..][..dim], Place::file(source.path()))?;
    }
    tokens.finish(dim, values, None)
}

/// What the header says.
struct Header {
    rows: u64,
    dim: u64,
    double: bool,
}

impl Header {
    fn read(source: &mut Source<'_>) -> Result<Self> {
        let magic: [u8; 6] = source.array("the header")?;
        let [major, minor] = source.array("the header")?;
        if &magic != MAGIC || !(1..=3).contains(&major) || minor != 0 {
            return Err(Error::input(
                source.path(),
                "not a NumPy array (.npy, versions 1.0 to 3.0)",
                "save it with numpy.save",
            ));
        }
        let length = if major == 1 {
            u32::from(u16::from_le_bytes(source.array("the header")?))
        } else {
            u32::from_le_bytes(source.array("the header")?)
        };
        let mut text = Vec::new();
        if length > LONGEST_HEADER || !source.take(u64::from(length), &mut text)? {
            return Err(source.cut("the header"));
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        Self::parse(&text, source.path())
    }

    /// Reads a Python dictionary of three entries, as NumPy writes it.
    fn parse(text: &str, path: &Path) -> Result<Self> {
        let unreadable = || {
            let what = format!("the header is '{}', expected descr, fortran_order and shape", shown(text.trim()));
            Error::input(path, what, "save the array again with numpy.save")
        };
        let value = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let kind = value("descr").and_then(|v| v.strip_prefix('\'')?.split('\'').next()).ok_or_else(unreadable)?;
        let fortran = value("fortran_order").ok_or_else(unreadable)?.starts_with("True");
        let shape = value("shape").and_then(|v| v.strip_prefix('(')?.split(')').next()).ok_or_else(unreadable)?;
        let double = match kind {
            "<f4" => false,
            "<f8" => true,
            _ => {
                let what = format!("the array has the type '{}', expected '<f4' or '<f8'", shown(kind));
                return Err(Error::input(path, what, "in Python: numpy.save(file, array.astype('<f4'))"));
            }
        };
        if fortran {
            let advice = "in Python: numpy.save(file, numpy.ascontiguousarray(array))";
            return Err(Error::input(path, "the array is in Fortran order, expected C order", advice));
        }
        let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty()).map(str::parse::<u64>);
        let sides: Vec<_> = sides.collect::<Result<_, _>>().map_err(|_| unreadable())?;
        let [rows, dim] = sides[..] else {
            let what = format!("the array has {} dimensions, expected 2: rows and values", sides.len());
            return Err(Error::input(path, what, "in Python: numpy.save(file, array.reshape(rows, -1))"));
        };
        if rows == 0 || dim == 0 {
            let what = format!("the array has the shape ({}, {}): it holds no vectors", grouped(rows), grouped(dim));
            return Err(Error::input(path, what, "is it the right file?"));
        }
        Ok(Self { rows, dim, double })
    }
}

/// Writes an array, and its ids into `NAME.ids.txt` beside it. `vectors` has the shape
/// `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a token holds a line break, [`Error::Io`].
pub fn write(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    refuse_tokens_with(embeddings, &['\n', '\r'], Format::Npy)?;
    token_list::write_ids(path, embeddings.vocab())?;
    let (rows, dim) = (vectors.rows(), vectors.dim());
    let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    // 10 bytes before the dictionary, a newline after it.
    let length = (10 + dictionary.len() + 1).next_multiple_of(64) - 10;
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            writer.write_all(MAGIC)?;
            writer.write_all(&[1, 0])?;
            writer.write_all(&(length as u16).to_le_bytes())?;
            writeln!(writer, "{dictionary:width$}", width = length - 1)?;
            vectors.as_slice().iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))
        };
        write().map_err(Error::io(path, "write"))
    })
}
