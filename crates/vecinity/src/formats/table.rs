//! Tables of ids and numbers as a file: CSV, TSV, JSON Lines or Parquet, by the ending of its name.
//!
//! Text files may be packed (`.gz`, `.zst`). In CSV and TSV an id that begins with `=`, `+`, `-`, `@`, a tab or a carriage
//! return, and is no number, gets a `'` in front: spreadsheets would run it as a formula. JSON Lines and Parquet hold ids as
//! they are. A number that is not there is an empty field, or `null`.

use super::safe_cell;
use crate::error::{Error, Result};
use crate::publish::{self, Packed, Packing};
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Tsv,
    JsonLines,
    Parquet,
}

/// The format and packing by the name of a file.
fn format_of(path: &Path) -> Result<(Format, Packing)> {
    let wrong = || {
        Error::setting(
            "output",
            path.display(),
            "a name that ends in .csv, .tsv, .jsonl, .ndjson (each perhaps with .gz or .zst) or .parquet",
        )
    };
    let name = path.file_name().ok_or_else(wrong)?.to_string_lossy().to_lowercase();
    let (name, packing) = Packing::of(&name);
    let format = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("csv") => Format::Csv,
        Some("tsv" | "tab") => Format::Tsv,
        Some("jsonl" | "ndjson") => Format::JsonLines,
        Some("parquet" | "pq") if packing == Packing::None => Format::Parquet,
        _ => return Err(wrong()),
    };
    if format == Format::Parquet && cfg!(not(feature = "parquet")) {
        return Err(Error::setting("output", path.display(), "another ending: Parquet is not built into this program"));
    }
    Ok((format, packing))
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Id,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// A number that may be missing.
    Perhaps,
}

/// The value of a row in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Of [`Kind::Id`].
    Id(&'a str),
    /// Of [`Kind::Whole`].
    Whole(u32),
    /// Of [`Kind::Number`] or [`Kind::Perhaps`].
    Number(f32),
    /// Of [`Kind::Perhaps`].
    Missing,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows, without the header.
    pub rows: u64,
    /// Ids in them that got a `'` in front.
    pub marked: u64,
}

/// A table while it is written.
pub struct Table<'a> {
    path: &'a Path,
    /// The names of the columns, as JSON strings with a colon.
    keys: Vec<String>,
    to: To<'a>,
    text: String,
    written: Written,
}

/// A stream that is perhaps packed.
type Out<'a> = Packed<Box<dyn Write + Send + 'a>>;

enum To<'a> {
    Delimited(Box<csv::Writer<Out<'a>>>),
    JsonLines(Box<Out<'a>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Table<'a>>),
}

impl<'a> Table<'a> {
    /// Writes a file through `write`, and puts it into place at once.
    ///
    /// # Errors
    /// [`Error::Setting`] if the name has no ending that is known, before anything is done; what `write`
    /// returns; [`Error::Io`]. An older file is untouched then.
    pub fn file<T>(
        path: &Path,
        columns: &[(&str, Kind)],
        write: impl FnOnce(&mut Table<'_>) -> Result<T>,
    ) -> Result<(T, Written)> {
        let (format, packing) = format_of(path)?;
        let mut result = None;
        publish::file(path, |file| {
            let mut table = Table::new(format, packing, Box::new(file), path, columns)?;
            let value = write(&mut table)?;
            result = Some((value, table.finish()?));
            Ok(())
        })?;
        // `publish::file` has called the closure, or has returned an error.
        result.ok_or_else(|| Error::data("nothing was written", "this is a bug, please report it"))
    }

    /// Whether a table can be written under this name.
    ///
    /// # Errors
    /// [`Error::Setting`] if not.
    pub fn check(path: &Path) -> Result<()> {
        format_of(path).map(|_| ())
    }

    /// Writes CSV to a stream that is called `name` in messages.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn csv(to: Box<dyn Write + Send + 'a>, name: &'a Path, columns: &[(&str, Kind)]) -> Result<Self> {
        Self::new(Format::Csv, Packing::None, to, name, columns)
    }

    fn new(
        format: Format,
        packing: Packing,
        to: Box<dyn Write + Send + 'a>,
        path: &'a Path,
        columns: &[(&str, Kind)],
    ) -> Result<Self> {
        let packed = |to| Packed::new(packing, to).map_err(Error::io(path, "write"));
        let to = match format {
            Format::Csv | Format::Tsv => {
                let delimiter = if format == Format::Csv { b',' } else { b'\t' };
                let mut writer =
                    csv::WriterBuilder::new().delimiter(delimiter).buffer_capacity(1 << 18).from_writer(packed(to)?);
                let names = columns.iter().map(|(name, _)| name);
                writer.write_record(names).map_err(|error| Error::io(path, "write")(error.into()))?;
                To::Delimited(Box::new(writer))
            }
            Format::JsonLines => To::JsonLines(Box::new(packed(to)?)),
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                To::Parquet(Box::new(parquet::Table::new(to, columns).map_err(Error::io(path, "write"))?))
            }
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(Error::setting("output", path.display(), "another ending")),
        };
        let keys = columns.iter().map(|(name, _)| format!("{}:", serde_json::Value::from(*name))).collect();
        Ok(Self { path, keys, to, text: String::new(), written: Written::default() })
    }

    /// Appends a row: a cell for each column, of its kind.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Panics
    /// In Parquet, if the cells are not of the kinds of the columns.
    pub fn add(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        let added = match &mut self.to {
            To::Delimited(writer) => delimited(writer, cells, &mut self.text, &mut self.written.marked),
            To::JsonLines(writer) => json_line(writer, &self.keys, cells),
            #[cfg(feature = "parquet")]
            To::Parquet(table) => table.add(cells),
        };
        self.written.rows += 1;
        added.map_err(Error::io(self.path, "write"))
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<Written> {
        let failed = Error::io(self.path, "write");
        let done = match self.to {
            To::Delimited(writer) => match writer.into_inner() {
                Ok(to) => to.finish(),
                Err(error) => Err(error.into_error()),
            },
            To::JsonLines(to) => to.finish(),
            #[cfg(feature = "parquet")]
            To::Parquet(table) => table.finish(),
        };
        done.map_err(failed)?;
        Ok(self.written)
    }
}

fn delimited(
    writer: &mut csv::Writer<Out<'_>>,
    cells: &[Cell<'_>],
    text: &mut String,
    marked: &mut u64,
) -> std::io::Result<()> {
    use std::fmt::Write as _;
    for cell in cells {
        text.clear();
        // Writing to a string does not fail.
        let _ = match *cell {
            Cell::Id(id) => {
                let safe = safe_cell(id);
                *marked += u64::from(matches!(safe, Cow::Owned(_)));
                writer.write_field(safe.as_bytes())?;
                continue;
            }
            Cell::Whole(number) => write!(text, "{number}"),
            Cell::Number(number) => write!(text, "{number}"),
            Cell::Missing => Ok(()),
        };
        writer.write_field(text.as_bytes())?;
    }
    writer.write_record(None::<&[u8]>).map_err(std::io::Error::from)
}

fn json_line(writer: &mut Out<'_>, keys: &[String], cells: &[Cell<'_>]) -> std::io::Result<()> {
    for (at, (key, cell)) in keys.iter().zip(cells).enumerate() {
        writer.write_all(if at == 0 { b"{" } else { b"," })?;
        writer.write_all(key.as_bytes())?;
        match cell {
            Cell::Id(id) => serde_json::to_writer(&mut *writer, id)?,
            Cell::Whole(number) => serde_json::to_writer(&mut *writer, number)?,
            Cell::Number(number) => serde_json::to_writer(&mut *writer, number)?,
            Cell::Missing => writer.write_all(b"null")?,
        }
    }
    writer.write_all(b"}\n")
}

#[cfg(feature = "parquet")]
mod parquet {
    //! The rows as a Parquet table.

    use super::{Cell, Kind};
    use arrow_array::builder::{Float32Builder, StringBuilder, UInt32Builder};
    use arrow_array::{ArrayRef, RecordBatch};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::errors::ParquetError;
    use parquet::file::properties::WriterProperties;
    use std::io::{Error, Result, Write};
    use std::sync::Arc;

    /// Rows encoded at a time.
    const BATCH: usize = 1 << 15;

    enum Column {
        Id(StringBuilder),
        Whole(UInt32Builder),
        Number(Float32Builder),
    }

    pub(super) struct Table<'a> {
        writer: ArrowWriter<Box<dyn Write + Send + 'a>>,
        schema: Arc<Schema>,
        columns: Vec<Column>,
        rows: usize,
    }

    impl<'a> Table<'a> {
        pub(super) fn new(to: Box<dyn Write + Send + 'a>, columns: &[(&str, Kind)]) -> Result<Self> {
            let fields = columns.iter().map(|&(name, kind)| match kind {
                Kind::Id => Field::new(name, DataType::Utf8, false),
                Kind::Whole => Field::new(name, DataType::UInt32, false),
                Kind::Number => Field::new(name, DataType::Float32, false),
                Kind::Perhaps => Field::new(name, DataType::Float32, true),
            });
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            // Users repeat in a row and items all over: a dictionary holds each once.
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_dictionary_enabled(true)
                .set_max_row_group_bytes(Some(64 << 20))
                .set_created_by(concat!("vecinity ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            let writer = ArrowWriter::try_new(to, schema.clone(), Some(properties)).map_err(failed)?;
            let columns = columns.iter().map(|(_, kind)| match kind {
                Kind::Id => Column::Id(StringBuilder::new()),
                Kind::Whole => Column::Whole(UInt32Builder::new()),
                Kind::Number | Kind::Perhaps => Column::Number(Float32Builder::new()),
            });
            Ok(Self { writer, schema, columns: columns.collect(), rows: 0 })
        }

        pub(super) fn add(&mut self, cells: &[Cell<'_>]) -> Result<()> {
            for (column, cell) in self.columns.iter_mut().zip(cells) {
                match (column, cell) {
                    (Column::Id(column), Cell::Id(id)) => column.append_value(id),
                    (Column::Whole(column), Cell::Whole(number)) => column.append_value(*number),
                    (Column::Number(column), Cell::Number(number)) => column.append_value(*number),
                    (Column::Number(column), Cell::Missing) => column.append_null(),
                    (_, cell) => panic!("{cell:?} is not of the column's kind"),
                }
            }
            self.rows += 1;
            if self.rows == BATCH { self.encode() } else { Ok(()) }
        }

        fn encode(&mut self) -> Result<()> {
            let columns = self.columns.iter_mut().map(|column| -> ArrayRef {
                match column {
                    Column::Id(column) => Arc::new(column.finish()),
                    Column::Whole(column) => Arc::new(column.finish()),
                    Column::Number(column) => Arc::new(column.finish()),
                }
            });
            let columns = columns.collect();
            self.rows = 0;
            let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(|error| failed(error.into()))?;
            self.writer.write(&batch).map_err(failed)
        }

        pub(super) fn finish(mut self) -> Result<()> {
            self.encode()?;
            let mut to = self.writer.into_inner().map_err(failed)?;
            to.flush()
        }
    }

    fn failed(error: ParquetError) -> Error {
        match error {
            ParquetError::External(inner) => Error::other(inner),
            other => Error::other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let columns = [("user", Kind::Id), ("a \"b\"", Kind::Perhaps), ("n", Kind::Whole)];
        Table::file(&path, &columns, |table| {
            table.add(&[Cell::Id("x"), Cell::Number(0.25), Cell::Whole(3)])?;
            table.add(&[Cell::Id("-"), Cell::Missing, Cell::Whole(0)])
        })
        .unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn numbers_that_are_missing_are_empty_or_null() {
        assert_eq!(String::from_utf8(write("t.csv")).unwrap(), "user,\"a \"\"b\"\"\",n\nx,0.25,3\n'-,,0\n");
        let lines = "{\"user\":\"x\",\"a \\\"b\\\"\":0.25,\"n\":3}\n{\"user\":\"-\",\"a \\\"b\\\"\":null,\"n\":0}\n";
        assert_eq!(String::from_utf8(write("t.jsonl")).unwrap(), lines);
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn parquet_has_nulls() {
        use arrow_array::Array;
        let bytes = bytes::Bytes::from(write("t.parquet"));
        let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.column(1).null_count()), (2, 1));
    }
}
