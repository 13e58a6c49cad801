//! Lists of many users as a file: CSV, TSV, JSON Lines or Parquet, by the ending of its name ([`Table`]).
//!
//! A row an item, with the columns `user`, `item`, `rank` (from 1) and `score`.

use crate::error::Result;
use crate::formats::table::{Cell, Kind, Table};
use crate::index::Hit;
use crate::vocab::Vocab;
use std::io::Write;
use std::path::Path;

pub use crate::formats::table::Written;

const COLUMNS: [(&str, Kind); 4] =
    [("user", Kind::Id), ("item", Kind::Id), ("rank", Kind::Whole), ("score", Kind::Number)];

/// Lists while they are written.
pub struct Lists<'a> {
    vocab: &'a Vocab,
    table: Table<'a>,
}

impl<'a> Lists<'a> {
    /// Writes a file through `write`, and puts it into place at once.
    ///
    /// * `vocab`: that of the model, for the ids.
    ///
    /// # Errors
    /// As [`Table::file`].
    pub fn file<T>(
        path: &Path,
        vocab: &Vocab,
        write: impl FnOnce(&mut dyn FnMut(&str, &[Hit]) -> Result<()>) -> Result<T>,
    ) -> Result<(T, Written)> {
        Table::file(path, &COLUMNS, |table| write(&mut |user, hits| add(table, vocab, user, hits)))
    }

    /// Whether lists can be written under this name.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if not.
    pub fn check(path: &Path) -> Result<()> {
        Table::check(path)
    }

    /// Writes CSV to a stream that is called `name` in messages.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn csv(to: Box<dyn Write + Send + 'a>, name: &'a Path, vocab: &'a Vocab) -> Result<Self> {
        Ok(Self { vocab, table: Table::csv(to, name, &COLUMNS)? })
    }

    /// Appends the list of a user.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    ///
    /// # Panics
    /// If an item is not of the vocabulary.
    pub fn add(&mut self, user: &str, hits: &[Hit]) -> Result<()> {
        add(&mut self.table, self.vocab, user, hits)
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io).
    pub fn finish(self) -> Result<Written> {
        self.table.finish()
    }
}

fn add(table: &mut Table<'_>, vocab: &Vocab, user: &str, hits: &[Hit]) -> Result<()> {
    for (rank, hit) in (1u32..).zip(hits) {
        let item = vocab.token(hit.id);
        table.add(&[Cell::Id(user), Cell::Id(item), Cell::Whole(rank), Cell::Number(hit.score)])?;
    }
    Ok(())
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
            lists("007", &hits)?;
            lists("nobody", &[])?;
            lists("-5", &hits[..1])
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
        assert_eq!(
            batch.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
            COLUMNS.map(|(name, _)| name)
        );
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
