//! The TensorBoard projector (also <https://projector.tensorflow.org>): a TSV file of vectors without
//! a header, and a TSV file of metadata beside it, `NAME.metadata.tsv`, with one row for each vector.
//!
//! Written: the metadata's columns are `id`, `count` and those of the model. Tabs and line breaks in
//! titles and fields become spaces. Read: the column `id`, or else the first; a metadata file of one
//! column has no header. Counts and other columns are not read.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{Format, ReadOptions, beside, refuse_tokens_with, require_rows, text, token_list};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, counted};
use crate::publish;
use std::io::{self, Write};
use std::path::Path;

/// Reads vectors; their names are in [`ReadOptions::ids`] or in `NAME.metadata.tsv` beside `NAME.tsv`.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the line: another number of values, another number of rows.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    let metadata = options.ids.clone().unwrap_or_else(|| beside(path, "metadata.tsv"));
    let source = Source::open(path)?;
    if options.ids.is_none() && !metadata.exists() {
        let what = format!("the vectors have no names: there is no file {}", metadata.display());
        return Err(Error::input(path, what, "--ids FILE names the metadata file, one row for each vector"));
    }
    parse(source, Source::open(&metadata)?, options)
}

/// As [`read`], from the bytes of both files.
///
/// # Errors
/// As [`read`].
pub fn parse(mut source: Source<'_>, mut metadata: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    let mut rows = Rows::new(metadata.path(), Unit::Line, options);
    let kept = read_names(&mut metadata, &mut rows)?;
    source.start_of_text()?;
    let (mut line, mut values, mut dim, mut seen) = (Vec::new(), Vec::new(), None, 0);
    while !(rows.full() && seen == kept.len()) && source.line(&mut line)? {
        if line.is_empty() {
            continue;
        }
        let start = values.len();
        for (at, field) in line.split(|byte| *byte == b'\t').enumerate() {
            let value = text::number(field).filter(|value| value.is_finite()).ok_or_else(|| {
                let field = crate::error::shown(&String::from_utf8_lossy(field));
                let what = format!("value {} is '{field}', expected a finite number", at + 1);
                Error::input(source.at_line(), what, "expected values parted by tabs, and no header")
            })?;
            values.push(value);
        }
        let found = values.len() - start;
        let expected = *dim.get_or_insert(found);
        if found != expected {
            let what = format!("{}, the first line has {expected}", counted(found as u64, "value"));
            return Err(Error::input(source.at_line(), what, "expected as many values on every line"));
        }
        seen += 1;
        if seen > kept.len() {
            break;
        }
    }
    if seen != kept.len() {
        let what = format!(
            "{} of metadata for {} of {}",
            counted(kept.len() as u64, "row"),
            if seen > kept.len() { "more vectors".to_owned() } else { counted(seen as u64, "vector") },
            source.path().display()
        );
        return Err(Error::input(metadata.path(), what, "expected one row for each vector"));
    }
    let dim = dim.unwrap_or(0);
    token_list::keep_rows(&mut values, dim, &kept);
    rows.finish(dim, values, None)
}

/// Reads the ids. Returns for each row whether it was kept.
fn read_names(metadata: &mut Source<'_>, rows: &mut Rows<'_>) -> Result<Vec<bool>> {
    metadata.start_of_text()?;
    let (mut line, mut kept, mut id) = (Vec::new(), Vec::new(), 0);
    while !rows.full() && metadata.line(&mut line)? {
        if line.is_empty() {
            continue;
        }
        let mut fields = line.split(|byte| *byte == b'\t');
        if metadata.line_number() == 1 && line.contains(&b'\t') {
            id = fields.position(|field| field.eq_ignore_ascii_case(b"id")).unwrap_or(0);
            continue;
        }
        let place = metadata.at_line();
        let Some(name) = fields.nth(id) else {
            let what = format!("the row has no field {}, where the ids are", id + 1);
            return Err(Error::input(place, what, "expected as many fields as the header has"));
        };
        let byte = name.as_ptr() as usize - line.as_ptr() as usize + 1;
        let place = Place { byte: Some(byte as u64), ..place };
        kept.push(rows.push(name, 0, metadata.line_number(), place)?);
    }
    Ok(kept)
}

/// Writes the vectors, and the metadata into `NAME.metadata.tsv` beside them. `vectors` has the shape
/// `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a token holds a tab or a line break, [`Error::Io`].
pub fn write(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    refuse_tokens_with(embeddings, &['\t', '\n', '\r'], Format::Projector)?;
    write_names(&beside(path, "metadata.tsv"), embeddings)?;
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            for row in 0..vectors.rows() {
                text::write_values(writer, vectors.row(row), "", "\t")?;
                writer.write_all(b"\n")?;
            }
            Ok(())
        };
        write().map_err(Error::io(path, "write"))
    })
}

fn write_names(path: &Path, embeddings: &Embeddings) -> Result<()> {
    let metadata = embeddings.metadata();
    let one_line = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    publish::file(path, |writer| {
        let mut write = || -> io::Result<()> {
            write!(writer, "id\tcount")?;
            for column in metadata.iter().flat_map(|metadata| metadata.columns()) {
                write!(writer, "\t{}", one_line(column))?;
            }
            for (_, token, count) in embeddings.vocab().iter() {
                write!(writer, "\n{token}\t{count}")?;
                let Some(metadata) = metadata else { continue };
                let fields = metadata.fields(token).unwrap_or_else(|| vec![""; metadata.columns().len()]);
                fields.iter().try_for_each(|field| write!(writer, "\t{}", one_line(field)))?;
            }
            writeln!(writer)
        };
        write().map_err(Error::io(path, "write"))
    })
}
