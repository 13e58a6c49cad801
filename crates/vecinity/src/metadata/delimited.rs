//! CSV and its kin: a header, then one row a line, fields in quotes where they need to be.

use super::{Builder, FORM, Metadata, id_column};
use crate::error::{Error, Place, Result, counted, shown};
use std::io::BufRead;
use std::path::Path;

/// The separator of a file that begins with `start`: the one of tab, comma and semicolon that its
/// first line has most of.
pub(super) fn separator(start: &[u8]) -> u8 {
    let line = start.split(|b| *b == b'\n').next().unwrap_or_default();
    let often = |separator: &u8| line.iter().filter(|b| *b == separator).count();
    // `max_by_key` takes the last of equals: without any separator it is the comma.
    [b'\t', b';', b','].into_iter().max_by_key(often).unwrap_or(b',')
}

/// Reads a delimited file with a header.
pub(super) fn read(reader: impl BufRead, path: &Path, separator: u8) -> Result<Metadata> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(reader);
    let mut record = csv::ByteRecord::new();
    if !next(&mut reader, &mut record, path)? {
        return Err(Error::input(path, "the file is empty, expected a header and rows", FORM));
    }
    let header = record.clone();
    let place = place(path, &header);
    let names = (0..header.len()).map(|at| utf8(&header, at, None, &place).map(str::trim));
    let names = names.collect::<Result<Vec<_>>>()?;
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            let what = format!("the column '{}' occurs twice", shown(name));
            return Err(Error::input(place, what, "give every column a name of its own"));
        }
    }
    let id = id_column(&names);
    let mut builder = Builder::new(names[id]);
    for (at, name) in names.iter().enumerate() {
        if at != id {
            builder.column(name, &place)?;
        }
    }
    while next(&mut reader, &mut record, path)? {
        let place = self::place(path, &record);
        if record.len() != names.len() {
            let what = format!("{}, the header has {}", counted(record.len() as u64, "field"), names.len());
            let advice = "put fields that hold separators, quotes or line breaks in double quotes";
            return Err(Error::input(place, what, advice));
        }
        let mut cells = Vec::with_capacity(names.len());
        for at in (0..record.len()).filter(|at| *at != id) {
            // Columns are numbered without the id.
            cells.push((at - usize::from(at > id), utf8(&record, at, Some(names[at]), &place)?));
        }
        let token = utf8(&record, id, Some(names[id]), &place)?;
        builder.push(token, place.line.unwrap_or(0), &place, cells.iter().copied())?;
    }
    Ok(builder.finish())
}

fn next(reader: &mut csv::Reader<impl BufRead>, record: &mut csv::ByteRecord, path: &Path) -> Result<bool> {
    reader.read_byte_record(record).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::io(path, "read")(source),
        kind => Error::input(path, format!("not readable as CSV: {kind:?}"), FORM),
    })
}

/// Where a row begins; blank lines before it are taken for its part.
fn place(path: &Path, record: &csv::ByteRecord) -> Place {
    let mut place = Place::file(path);
    place.line = record.position().map(csv::Position::line);
    place
}

fn utf8<'a>(record: &'a csv::ByteRecord, at: usize, name: Option<&str>, place: &Place) -> Result<&'a str> {
    std::str::from_utf8(&record[at]).map_err(|_| {
        let field = name.map_or_else(|| format!("{} of the header", at + 1), |name| format!("'{}'", shown(name)));
        let advice = "convert the file, for example: iconv -f latin1 -t utf-8";
        Error::input(place.clone(), format!("field {field} is not UTF-8 (is the file Latin-1?)"), advice)
    })
}
