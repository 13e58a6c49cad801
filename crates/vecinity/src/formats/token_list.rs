//! Tokens in text files: ids one a line, for formats that hold numbers only, and tokens with counts.

use super::rows::Rows;
use super::source::Source;
use crate::error::{Error, Place, Result, counted};
use crate::publish;
use crate::vocab::Vocab;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `token<TAB>count` lines, in the order of the rows.
///
/// # Errors
/// [`Error::Data`] if a token holds a tab or a line break; what `writer` says, about `path`.
pub fn write_counts(writer: &mut impl Write, path: &Path, vocab: &Vocab) -> Result<()> {
    for (_, token, count) in vocab.iter() {
        if token.contains(['\t', '\n', '\r']) {
            let what = format!("the token '{}' holds a tab or a line break", crate::error::shown(token));
            return Err(Error::data(what, "use --format safetensors or parquet, which hold any token"));
        }
        writeln!(writer, "{token}\t{count}").map_err(Error::io(path, "write"))?;
    }
    Ok(())
}

/// Where the ids of `path` are: where the user says, or `NAME.ids.txt` beside it.
pub(super) fn ids_path(path: &Path, given: Option<&PathBuf>) -> PathBuf {
    given.cloned().unwrap_or_else(|| super::beside(path, "ids.txt"))
}

/// Opens the ids of `path`.
pub(super) fn open_ids(path: &Path, given: Option<&PathBuf>) -> Result<Source<'static>> {
    let ids = ids_path(path, given);
    if given.is_none() && !ids.exists() {
        let what = format!("the vectors have no names: there is no file {}", ids.display());
        return Err(Error::input(
            path,
            what,
            "--ids FILE names a text file with one id a line, in the order of the rows",
        ));
    }
    Source::open(&ids)
}

/// Reads ids, one a line, for `count` vectors of the file `vectors`. Returns for each of them whether
/// it was kept.
pub(super) fn read_ids(ids: &mut Source<'_>, count: u64, vectors: &Path, rows: &mut Rows<'_>) -> Result<Vec<bool>> {
    ids.start_of_text()?;
    let (mut line, mut kept) = (Vec::new(), Vec::new());
    while ids.line(&mut line)? {
        // An empty last line is the end of the file.
        if line.is_empty() && ids.peek()?.is_none() {
            break;
        }
        if rows.full() {
            return Ok(kept);
        }
        let number = ids.line_number();
        let place = Place { byte: Some(1), ..ids.at_line() };
        kept.push(rows.push(&line, 0, number, place)?);
        if kept.len() as u64 > count {
            break;
        }
    }
    if rows.full() || kept.len() as u64 == count {
        return Ok(kept);
    }
    let found = if kept.len() as u64 > count { "more ids".to_owned() } else { counted(kept.len() as u64, "id") };
    let what = format!("{found} for the {} of {}", counted(count, "vector"), vectors.display());
    Err(Error::input(ids.path(), what, "expected one id a line, as many as there are vectors"))
}

/// Writes the ids of `vocab`, one a line, into `NAME.ids.txt` beside `path`.
pub(super) fn write_ids(path: &Path, vocab: &Vocab) -> Result<()> {
    let path = super::beside(path, "ids.txt");
    publish::file(&path, |writer| {
        vocab.iter().try_for_each(|(_, token, _)| writeln!(writer, "{token}")).map_err(Error::io(&path, "write"))
    })
}

/// Keeps those rows of a matrix whose flag is set and drops what is behind the flags.
pub(super) fn keep_rows(values: &mut Vec<f32>, dim: usize, kept: &[bool]) {
    let mut to = 0;
    for (row, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
        values.copy_within(row * dim..(row + 1) * dim, to * dim);
        to += 1;
    }
    values.truncate(to * dim);
}
