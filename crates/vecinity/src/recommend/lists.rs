//! Lists of many users as a file: CSV, TSV, JSON Lines or Parquet, by the ending of its name.
//!
//! A row an item, with the columns `user`, `item`, `rank` (from 1) and `score`. Text files may be packed
//! (`.gz`, `.zst`). In CSV and TSV an id that begins with `=`, `+`, `-`, `@`, a tab or a carriage return, and
//! is no number, gets a `'` in front: spreadsheets would run it as a formula. JSON Lines and Parquet hold
//! ids as they are.

use crate::error::{Error, Result};
use crate::formats::safe_cell;
use crate::index::Hit;
use crate::publish::{self, Packed, Packing};
use crate::vocab::Vocab;
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

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows, without the header.
    pub rows: u64,
    /// Ids in them that got a `'` in front.
    pub marked: u64,
}

/// Lists while they are written.
pub struct Lists<'a> {
    path: &'a Path,
    vocab: &'a Vocab,
    to: To<'a>,
    score: String,
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

impl<'a> Lists<'a> {
    /// Writes a file through `write`, and puts it into place at once.
    ///
    /// * `vocab`: that of the model, for the ids.
    ///
    /// # Errors
    /// [`Error::Setting`] if the name has no ending that is known, before anything is done; what `write`
    /// returns; [`Error::Io`]. An older file is untouched then.
    pub fn file<T>(
        path: &Path,
        vocab: &Vocab,
        write: impl FnOnce(&mut Lists<'_>) -> Result<T>,
    ) -> Result<(T, Written)> {
        let (format, packing) = format_of(path)?;
        let mut result = None;
        publish::file(path, |file| {
            let mut lists = Lists::new(format, packing, Box::new(file), path, vocab)?;
            let value = write(&mut lists)?;
            result = Some((value, lists.finish()?));
            Ok(())
        })?;
        // `publish::file` has called the closure, or has returned an error.
        result.ok_or_else(|| Error::data("nothing was written", "this is a bug, please report it"))
    }

    /// Whether lists can be written under this name.
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
    pub fn csv(to: Box<dyn Write + Send + 'a>, name: &'a Path, vocab: &'a Vocab) -> Result<Self> {
        Self::new(Format::Csv, Packing::None, to, name, vocab)
    }

    fn new(
        format: Format,
        packing: Packing,
        to: Box<dyn Write + Send + 'a>,
        path: &'a Path,
        vocab: &'a Vocab,
    ) -> Result<Self> {
        let packed = |to| Packed::new(packing, to).map_err(Error::io(path, "write"));
        let to = match format {
            Format::Csv | Format::Tsv => {
                let delimiter = if format == Format::Csv { b',' } else { b'\t' };
                let mut writer =
                    csv::WriterBuilder::new().delimiter(delimiter).buffer_capacity(1 << 18).from_writer(packed(to)?);
                writer.write_record(COLUMNS).map_err(|error| Error::io(path, "write")(error.into()))?;
                To::Delimited(Box::new(writer))
            }
            Format::JsonLines => To::JsonLines(Box::new(packed(to)?)),
            #[cfg(feature = "parquet")]
            Format::Parquet => To::Parquet(Box::new(parquet::Table::new(to).map_err(Error::io(path, "write"))?)),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(Error::setting("output", path.display(), "another ending")),
        };
        Ok(Self { path, vocab, to, score: String::new(), written: Written::default() })
    }

    /// Appends the list of a user.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Panics
    /// If an item is not of the vocabulary.
    pub fn add(&mut self, user: &str, hits: &[Hit]) -> Result<()> {
        for (rank, hit) in (1u32..).zip(hits) {
            let item = self.vocab.token(hit.id);
            let added = match &mut self.to {
                To::Delimited(writer) => {
                    use std::fmt::Write as _;
                    let [user, item] = [user, item].map(|text| {
                        let safe = safe_cell(text);
                        self.written.marked += u64::from(matches!(safe, Cow::Owned(_)));
                        safe
                    });
                    self.score.clear();
                    let _ = write!(self.score, "{rank}");
                    let digits = self.score.len();
                    let _ = write!(self.score, "{}", hit.score);
                    let (rank, score) = self.score.split_at(digits);
                    writer.write_record([&user, &item, rank, score]).map_err(std::io::Error::from)
                }
                To::JsonLines(writer) => {
                    let row = Row { user, item, rank, score: hit.score };
                    serde_json::to_writer(&mut *writer, &row)
                        .map_err(std::io::Error::from)
                        .and_then(|()| writer.write_all(b"\n"))
                }
                #[cfg(feature = "parquet")]
                To::Parquet(table) => table.add(user, item, rank, hit.score),
            };
            added.map_err(Error::io(self.path, "write"))?;
            self.written.rows += 1;
        }
        Ok(())
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

const COLUMNS: [&str; 4] = ["user", "item", "rank", "score"];

#[derive(serde::Serialize)]
struct Row<'a> {
    user: &'a str,
    item: &'a str,
    rank: u32,
    score: f32,
}

#[cfg(feature = "parquet")]
mod parquet {
    //! The rows as a Parquet table.

    use arrow_array::builder::StringBuilder;
    use arrow_array::{ArrayRef, Float32Array, RecordBatch, UInt32Array};
    use arrow_schema::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::errors::ParquetError;
    use parquet::file::properties::WriterProperties;
    use std::io::{Error, Result, Write};
    use std::sync::Arc;

    /// Rows encoded at a time.
    const BATCH: usize = 1 << 15;

    pub(super) struct Table<'a> {
        writer: ArrowWriter<Box<dyn Write + Send + 'a>>,
        schema: Arc<Schema>,
        users: StringBuilder,
        items: StringBuilder,
        ranks: Vec<u32>,
        scores: Vec<f32>,
    }

    impl<'a> Table<'a> {
        pub(super) fn new(to: Box<dyn Write + Send + 'a>) -> Result<Self> {
            let kinds = [DataType::Utf8, DataType::Utf8, DataType::UInt32, DataType::Float32];
            let fields = super::COLUMNS.iter().zip(kinds).map(|(name, kind)| Field::new(*name, kind, false));
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            // Users repeat in a row and items all over: a dictionary holds each once.
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                .set_dictionary_enabled(true)
                .set_max_row_group_bytes(Some(64 << 20))
                .set_created_by(concat!("vecinity ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            let writer = ArrowWriter::try_new(to, schema.clone(), Some(properties)).map_err(failed)?;
            let (users, items) = (StringBuilder::new(), StringBuilder::new());
            Ok(Self { writer, schema, users, items, ranks: Vec::new(), scores: Vec::new() })
        }

        pub(super) fn add(&mut self, user: &str, item: &str, rank: u32, score: f32) -> Result<()> {
            self.users.append_value(user);
            self.items.append_value(item);
            self.ranks.push(rank);
            self.scores.push(score);
            if self.ranks.len() == BATCH { self.encode() } else { Ok(()) }
        }

        fn encode(&mut self) -> Result<()> {
            let columns: Vec<ArrayRef> = vec![
                Arc::new(self.users.finish()),
                Arc::new(self.items.finish()),
                Arc::new(UInt32Array::from(std::mem::take(&mut self.ranks))),
                Arc::new(Float32Array::from(std::mem::take(&mut self.scores))),
            ];
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
    use crate::TokenId;
    use std::io::Read;

    fn write(name: &str) -> (Vec<u8>, Written) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let vocab = Vocab::from_counts([("=1+1", 2), ("a,b", 1)]).unwrap();
        let hits = [Hit { id: TokenId(1), score: 0.5 }, Hit { id: TokenId(0), score: -2.25 }];
        let ((), written) = Lists::file(&path, &vocab, |lists| {
            lists.add("007", &hits)?;
            lists.add("nobody", &[])?;
            lists.add("-5", &hits[..1])
        })
        .unwrap();
        (std::fs::read(path).unwrap(), written)
    }

    #[test]
    fn rows_are_written_as_the_name_says_and_formulas_are_made_harmless_in_tables_of_text() {
        let csv = "user,item,rank,score\n007,\"a,b\",1,0.5\n007,'=1+1,2,-2.25\n-5,\"a,b\",1,0.5\n";
        let (bytes, written) = write("recs.csv");
        assert_eq!(String::from_utf8(bytes).unwrap(), csv);
        assert_eq!(written, Written { rows: 3, marked: 1 });
        let (bytes, _) = write("recs.TSV");
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            csv.replace("\"a,b\"", "a;b").replace(',', "\t").replace(';', ",")
        );
        let (bytes, written) = write("recs.ndjson");
        let second = String::from_utf8(bytes).unwrap().lines().nth(1).unwrap().to_owned();
        assert_eq!(second, r#"{"user":"007","item":"=1+1","rank":2,"score":-2.25}"#);
        assert_eq!(written, Written { rows: 3, marked: 0 });
        for name in ["recs.csv.gz", "recs.csv.zst"] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(name), write(name).0).unwrap();
            let source = crate::corpus::Source::File(folder.path().join(name));
            let mut text = String::new();
            source.open().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, csv, "{name}");
        }
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn parquet_holds_ids_ranks_and_scores_as_they_are() {
        use arrow_array::cast::AsArray;
        use arrow_array::types::{Float32Type, UInt32Type};
        let (bytes, written) = write("recs.parquet");
        assert_eq!(written, Written { rows: 3, marked: 0 });
        let reader =
            ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes));
        let batch = reader.unwrap().build().unwrap().next().unwrap().unwrap();
        assert_eq!(batch.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), COLUMNS);
        let texts = |at: usize| batch.column(at).as_string::<i32>().iter().flatten().collect::<Vec<_>>();
        assert_eq!((texts(0), texts(1)), (vec!["007", "007", "-5"], vec!["a,b", "=1+1", "a,b"]));
        assert_eq!(batch.column(2).as_primitive::<UInt32Type>().values()[..], [1, 2, 1]);
        assert_eq!(batch.column(3).as_primitive::<Float32Type>().values()[..], [0.5, -2.25, 0.5]);
    }

    #[test]
    fn a_name_without_a_known_ending_is_refused_before_anything_is_done() {
        for name in ["recs", "recs.txt", "recs.gz", "recs.parquet.gz", "recs.json"] {
            let error = Lists::check(Path::new(name)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("output is {name}, expected a name that ends in .csv")), "{error}");
        }
    }
}
