//! The two files of `word2vec.c`, which gensim and fastText (`.vec`) write too.
//!
//! Both begin with the line `V D`. Text then has a line `token v1 .. vD` for each token; binary has
//! the token, a space, and `D` little-endian `f32`, with a newline after them (`word2vec.c`) or
//! without one (gensim). Tokens hold no spaces in binary files; neither file holds counts.
//!
//! Source: `word2vec.c` (`TrainModel`) and `distance.c` of Mikolov et al. 2013.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{Format, ReadOptions, refuse_tokens_with, require_rows, text};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result, counted, grouped, shown};
use crate::publish;
use std::io::{self, Write};
use std::path::Path;

/// Reads a text file.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the line.
pub fn read_text(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse_text(Source::open(path)?, options)
}

/// Reads a binary file.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the row and byte.
pub fn read_binary(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse_binary(Source::open(path)?, options)
}

/// As [`read_text`], from any bytes.
///
/// # Errors
/// As [`read_text`].
pub fn parse_text(mut source: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    let (rows, dim) = header(&mut source)?;
    // A row is at least a character, a space and a digit for each value, and a line end.
    let bytes = dim.checked_mul(2).and_then(|b| b.checked_add(2)).and_then(|b| b.checked_mul(rows));
    source.claim(rows, dim, bytes.map(|b| b.saturating_sub(1)))?;
    let dim = usize::try_from(dim).unwrap_or(usize::MAX);
    let mut tokens = Rows::new(source.path(), Unit::Line, options);
    let (dim, values) = text::read(&mut source, Some(dim), Some(rows), &mut tokens)?;
    tokens.finish(dim, values, None)
}

/// As [`read_binary`], from any bytes.
///
/// # Errors
/// As [`read_binary`].
pub fn parse_binary(mut source: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    let (rows, dim) = header(&mut source)?;
    // A row is at least a character, a space and the values.
    let bytes = dim.checked_mul(4).and_then(|b| b.checked_add(2)).and_then(|b| b.checked_mul(rows));
    source.claim(rows, dim, bytes)?;
    let (wide, dim) = (dim, usize::try_from(dim).unwrap_or(usize::MAX));
    let mut tokens = Rows::new(source.path(), Unit::Row, options);
    let mut values = Vec::new();
    values.reserve_exact(source.room(tokens.wanted(rows).saturating_mul(wide), 4));
    let mut token = Vec::new();
    for number in 1..=rows {
        if tokens.full() {
            return tokens.finish(dim, values, None);
        }
        if number > 1 && source.peek()? == Some(b'\n') {
            source.step();
        }
        let place = source.at_byte();
        let inside = || format!("row {} of the {} that the header promised", grouped(number), grouped(rows));
        token.clear();
        if !source.until(b' ', &mut token)? {
            return Err(source.cut(&inside()));
        }
        let start = values.len();
        if !source.floats(dim, &mut values)? {
            return Err(source.cut(&inside()));
        }
        if tokens.push(&token, 0, number, place.clone())? {
            tokens.check_finite(&values[start..], place)?;
        } else {
            values.truncate(start);
        }
    }
    if source.peek()? == Some(b'\n') {
        source.step();
    }
    if source.peek()?.is_some() {
        let what = format!("more bytes follow the {} that the header promised", counted(rows, "row"));
        return Err(Error::input(source.at_byte(), what, "is the file text? --format word2vec; else it is damaged"));
    }
    tokens.finish(dim, values, None)
}

/// The numbers of a line `V D`, if it is one.
pub(super) fn header_numbers(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let numbers = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next().is_none().then_some(numbers)
}

/// Reads the first line.
fn header(source: &mut Source<'_>) -> Result<(u64, u64)> {
    source.start_of_text()?;
    let mut line = Vec::new();
    source.line(&mut line)?;
    let (rows, dim) = header_numbers(&line).ok_or_else(|| {
        let what = format!(
            "the header is '{}', expected two numbers: rows and values",
            shown(&String::from_utf8_lossy(&line))
        );
        Error::input(source.at_line(), what, "--format glove reads files without a header")
    })?;
    if rows == 0 || dim == 0 {
        let what = format!(
            "the header promises {} of {}: the file holds no vectors",
            counted(rows, "row"),
            counted(dim, "value")
        );
        return Err(Error::input(source.at_line(), what, "is it the right file?"));
    }
    Ok((rows, dim))
}

/// Writes a text file. `vectors` has the shape `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a token holds white space, [`Error::Io`].
pub fn write_text(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    refuse_tokens_with(embeddings, &[' ', '\t', '\n', '\r'], Format::Word2vec)?;
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            writeln!(writer, "{} {}", vectors.rows(), vectors.dim())?;
            for (id, token, _) in embeddings.vocab().iter() {
                text::write_row(writer, token, vectors.row(id.row()))?;
            }
            Ok(())
        };
        write().map_err(Error::io(path, "write"))
    })
}

/// Writes a binary file as `word2vec.c` does, with a newline after each row. `vectors` has the shape
/// `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a token holds white space, [`Error::Io`].
pub fn write_binary(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    refuse_tokens_with(embeddings, &[' ', '\t', '\n', '\r'], Format::Word2vecBinary)?;
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            writeln!(writer, "{} {}", vectors.rows(), vectors.dim())?;
            for (id, token, _) in embeddings.vocab().iter() {
                write!(writer, "{token} ")?;
                for value in vectors.row(id.row()) {
                    writer.write_all(&value.to_le_bytes())?;
                }
                writer.write_all(b"\n")?;
            }
            Ok(())
        };
        write().map_err(Error::io(path, "write"))
    })
}
