//! Titles and fields of tokens: what a person wants to read instead of an id.
//!
//! A metadata file is CSV, TSV (by extension or by its header) or JSON Lines with a column `id` (or
//! its first column) and any other columns; `title` (or `name`, `label`) is shown wherever ids are.
//! All fields stay the strings they were: `007` is not 7.
//!
//! Only fields that are not empty are stored, one behind the other, so that a table of many columns
//! with few entries stays small.
//!
//! May import: `vocab`, `id`, `error`.  Used by: `embeddings`, `model_dir`, `formats`.

mod delimited;
mod json_lines;

use crate::error::{Error, Place, Result, grouped, shown};
use crate::id::TokenId;
use crate::vocab::Vocab;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;

/// More columns than this are taken for a mistake: a table that lies on its side, or damage.
const MOST_COLUMNS: usize = u16::MAX as usize;

/// Fields of tokens, by token.
///
/// # Example
/// ```
/// use vecinity::metadata::Metadata;
/// let csv = "id,title,year\n007,Dr. No,1962\n008,,\n";
/// let metadata = Metadata::read(csv.as_bytes(), "films.csv".as_ref()).unwrap();
/// assert_eq!(metadata.title("007"), Some("Dr. No"));
/// assert_eq!(metadata.title("008"), None);
/// assert_eq!(metadata.field("007", "year"), Some("1962"));
/// assert_eq!(metadata.find_title("dr. no"), ["007"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The name the id column had in the file.
    id_column: String,
    columns: Vec<String>,
    title: Option<usize>,
    /// The ids, in the order of the file; the counts are not used.
    ids: Vocab,
    /// Where the cells of each id end in `cell_columns` and `cell_ends`.
    row_ends: Vec<u64>,
    cell_columns: Vec<u16>,
    /// Where each cell ends in `text`.
    cell_ends: Vec<u64>,
    text: String,
}

impl Metadata {
    /// Reads a metadata file: CSV, TSV or JSON Lines, by its extension or else by its first line.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] with the line if the file is empty, not UTF-8, has a column
    /// twice, a row with another number of fields than the header, a row without an id, or two
    /// different rows for one id.
    pub fn parse(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path, "open"))?;
        Self::read(BufReader::with_capacity(1 << 16, file), path)
    }

    /// As [`Metadata::parse`], from bytes that are called `name` in messages.
    ///
    /// # Errors
    /// As [`Metadata::parse`].
    pub fn read(mut reader: impl BufRead, name: &Path) -> Result<Self> {
        let start = reader.fill_buf().map_err(Error::io(name, "read"))?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            let advice = "convert it, for example: iconv -f utf-16 -t utf-8";
            return Err(Error::input(name, "the file is UTF-16, expected UTF-8", advice));
        }
        if start.starts_with("\u{feff}".as_bytes()) {
            reader.consume(3);
        }
        let start = reader.fill_buf().map_err(Error::io(name, "read"))?;
        if start.is_empty() {
            return Err(Error::input(name, "the file is empty, expected a header and rows", FORM));
        }
        let extension = name.extension().map(std::ffi::OsStr::to_ascii_lowercase).unwrap_or_default();
        let json = ["jsonl", "ndjson", "json"].iter().any(|e| extension == *e)
            || start.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        let metadata = if json {
            json_lines::read(reader, &Place::file(name))?
        } else {
            let separator = if extension == "tsv" || extension == "tab" { b'\t' } else { delimited::separator(start) };
            delimited::read(reader, name, separator)?
        };
        if metadata.is_empty() {
            return Err(Error::input(name, "the file has no rows", FORM));
        }
        Ok(metadata)
    }

    /// Reads what [`Metadata::write_jsonl`] wrote: JSON Lines, one object a token. No rows are no error.
    ///
    /// # Errors
    /// [`Error::Input`] with the line if it is not that.
    pub fn read_jsonl(bytes: &[u8], place: &Place) -> Result<Self> {
        json_lines::read(bytes, place)
    }

    /// Writes the fields of the tokens in `vocab`, in its order, as JSON Lines. Other ids are left out.
    ///
    /// # Errors
    /// What `writer` says.
    pub fn write_jsonl(&self, writer: &mut impl std::io::Write, vocab: &Vocab) -> std::io::Result<()> {
        json_lines::write(self, writer, vocab)
    }

    /// The title of a token, if known and not empty.
    #[must_use]
    pub fn title(&self, token: &str) -> Option<&str> {
        self.cell(self.ids.get(token)?.row(), self.title?)
    }

    /// The column names, without the id.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// One field of a token, by the name of its column; `None` also if it is empty.
    #[must_use]
    pub fn field(&self, token: &str, column: &str) -> Option<&str> {
        let column = self.columns.iter().position(|c| c == column)?;
        self.cell(self.ids.get(token)?.row(), column)
    }

    /// Whether there is a row for this id.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.ids.get(token).is_some()
    }

    /// One field of a token, by the number of its column in [`Metadata::columns`]; `None` also if it is empty.
    #[must_use]
    pub fn value(&self, token: &str, column: usize) -> Option<&str> {
        self.cell(self.ids.get(token)?.row(), column)
    }

    /// The fields of a token, in the order of [`Metadata::columns`]; empty strings where nothing is known.
    #[must_use]
    pub fn fields(&self, token: &str) -> Option<Vec<&str>> {
        let mut fields = vec![""; self.columns.len()];
        for (column, text) in self.cells(self.ids.get(token)?.row()) {
            fields[column] = text;
        }
        Some(fields)
    }

    /// Number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The ids, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|(_, id, _)| id)
    }

    /// The tokens that a title stands for: those whose title is `text` but for case, or, if there are
    /// none, all whose title contains it. In the order of the file.
    #[must_use]
    pub fn find_title(&self, text: &str) -> Vec<&str> {
        let wanted = text.to_lowercase();
        let (mut exact, mut containing) = (Vec::new(), Vec::new());
        let Some(title) = self.title.filter(|_| !wanted.is_empty()) else { return exact };
        for (row, id, _) in self.ids.iter() {
            let Some(known) = self.cell(row.row(), title).map(str::to_lowercase) else { continue };
            if known == wanted {
                exact.push(id);
            } else if exact.is_empty() && known.contains(&wanted) {
                containing.push(id);
            }
        }
        if exact.is_empty() { containing } else { exact }
    }

    /// The same with rows for more ids, and with more columns if their fields need them.
    ///
    /// * `vocab`: what this table is of; ids that are not in it are left out.
    ///
    /// # Errors
    /// [`Error::Input`] if an id has a row already, or there are too many columns.
    pub fn extended(&self, vocab: &Vocab, rows: &[(&str, &[(String, String)])]) -> Result<Self> {
        let mut builder = Builder::new(if self.id_column.is_empty() { "id" } else { &self.id_column });
        let place = Place::file("fields");
        for column in &self.columns {
            builder.column(column, &place)?;
        }
        for (row, id, _) in self.ids.iter().filter(|(_, id, _)| vocab.get(id).is_some()) {
            builder.push(id, 0, &place, self.cells(row.row()))?;
        }
        for (id, fields) in rows {
            let mut cells = Vec::with_capacity(fields.len());
            for (name, text) in *fields {
                cells.push((builder.column(name, &place)?, text.as_str()));
            }
            cells.sort_by_key(|&(column, _)| column);
            builder.push(id, 0, &place, cells.into_iter())?;
        }
        Ok(builder.finish())
    }

    /// How many of the ids are tokens of `vocab`.
    #[must_use]
    pub fn matching(&self, vocab: &Vocab) -> Matching {
        let first = |names: &Vocab| (!names.is_empty()).then(|| names.token(TokenId(0)).to_owned());
        Matching {
            ids: self.len(),
            matched: self.ids().filter(|id| vocab.get(id).is_some()).count(),
            first: first(&self.ids).zip(first(vocab)),
            id_column: self.id_column.clone(),
        }
    }

    fn cells(&self, row: usize) -> impl Iterator<Item = (usize, &str)> {
        self.cell_range(row).map(|cell| (usize::from(self.cell_columns[cell]), self.cell_text(cell)))
    }

    fn cell(&self, row: usize, column: usize) -> Option<&str> {
        self.cells(row).find(|(c, _)| *c == column).map(|(_, text)| text)
    }

    fn cell_range(&self, row: usize) -> Range<usize> {
        let start = if row == 0 { 0 } else { self.row_ends[row - 1] as usize };
        start..self.row_ends[row] as usize
    }

    fn cell_text(&self, cell: usize) -> &str {
        let start = if cell == 0 { 0 } else { self.cell_ends[cell - 1] as usize };
        &self.text[start..self.cell_ends[cell] as usize]
    }
}

/// What a metadata file looks like, for advice.
const FORM: &str = "expected CSV, TSV or JSON Lines with a column 'id', for example: id,title";

/// How many ids of a metadata file occur in a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Ids in the metadata.
    pub ids: usize,
    /// Those that are tokens of the model.
    pub matched: usize,
    /// The first id of the metadata and the first token of the model, to compare by eye.
    pub first: Option<(String, String)>,
    id_column: String,
}

impl Matching {
    /// Refuses metadata of which nothing matches: the wrong column, or another model's file.
    ///
    /// # Errors
    /// [`Error::Input`] if no id is a token of the model.
    pub fn require(&self, path: &Path) -> Result<()> {
        if self.matched > 0 {
            return Ok(());
        }
        let advice = if self.id_column.eq_ignore_ascii_case("id") {
            "the ids must be the tokens of the model, letter by letter".to_owned()
        } else {
            format!("the ids were taken from column '{}'; name the right column 'id'", shown(&self.id_column))
        };
        Err(Error::input(path, self.to_string(), advice))
    }
}

impl std::fmt::Display for Matching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (matched, ids) = (grouped(self.matched as u64), grouped(self.ids as u64));
        write!(f, "{matched} of {ids} metadata ids occur in the model")?;
        match &self.first {
            Some((id, token)) if self.matched == 0 => write!(f, "; first: '{}' vs '{}'", shown(id), shown(token)),
            _ => Ok(()),
        }
    }
}

/// Puts metadata together row by row, refusing what cannot be right.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    metadata: Metadata,
    columns: hashbrown::HashMap<String, usize, foldhash::fast::FixedState>,
    /// Where each id was read, for messages.
    lines: Vec<u64>,
}

impl Builder {
    pub(crate) fn new(id_column: &str) -> Self {
        let metadata = Metadata { id_column: id_column.to_owned(), ..Metadata::default() };
        Self { metadata, ..Self::default() }
    }

    /// The number of the column `name`, which is added if it is new.
    pub(crate) fn column(&mut self, name: &str, place: &Place) -> Result<usize> {
        if let Some(at) = self.columns.get(name) {
            return Ok(*at);
        }
        let columns = &mut self.metadata.columns;
        if columns.len() == MOST_COLUMNS {
            let what = format!("more than {} columns", grouped(MOST_COLUMNS as u64));
            return Err(Error::input(place.clone(), what, "expected one row for each id, one column for each field"));
        }
        columns.push(name.to_owned());
        self.columns.insert(name.to_owned(), columns.len() - 1);
        Ok(columns.len() - 1)
    }

    pub(crate) fn column_name(&self, column: usize) -> &str {
        &self.metadata.columns[column]
    }

    /// Appends the row of an id. A second row for it must say the same.
    pub(crate) fn push<'a>(
        &mut self,
        id: &str,
        line: u64,
        place: &Place,
        cells: impl Iterator<Item = (usize, &'a str)>,
    ) -> Result<()> {
        let metadata = &mut self.metadata;
        if id.is_empty() {
            let what = format!("the id (column '{}') is empty", shown(&metadata.id_column));
            return Err(Error::input(place.clone(), what, "give the row an id or remove it"));
        }
        let (cells_before, text_before) = (metadata.cell_columns.len(), metadata.text.len());
        for (column, text) in cells.filter(|(_, text)| !text.is_empty()) {
            metadata.text.push_str(text);
            metadata.cell_columns.push(column as u16);
            metadata.cell_ends.push(metadata.text.len() as u64);
        }
        if let Some(earlier) = metadata.ids.get(id).map(TokenId::row) {
            let same = (cells_before..metadata.cell_columns.len())
                .map(|cell| (usize::from(metadata.cell_columns[cell]), metadata.cell_text(cell)))
                .eq(metadata.cells(earlier));
            if !same {
                let what = format!("the id '{}' is also on line {}, with other fields", shown(id), self.lines[earlier]);
                return Err(Error::input(place.clone(), what, "keep one line for each id"));
            }
            metadata.cell_columns.truncate(cells_before);
            metadata.cell_ends.truncate(cells_before);
            metadata.text.truncate(text_before);
            return Ok(());
        }
        metadata.ids.push(id, 0)?;
        metadata.row_ends.push(metadata.cell_columns.len() as u64);
        self.lines.push(line);
        Ok(())
    }

    pub(crate) fn finish(self) -> Metadata {
        let mut metadata = self.metadata;
        metadata.title = ["title", "name", "label"]
            .iter()
            .find_map(|wanted| metadata.columns.iter().position(|c| c.eq_ignore_ascii_case(wanted)));
        metadata
    }
}

/// Which of the columns holds the ids: `id`, or `ID` in any case, or the first.
fn id_column(names: &[&str]) -> usize {
    let named = |is_id: fn(&str) -> bool| names.iter().position(|name| is_id(name));
    named(|name| name == "id").or_else(|| named(|name| name.eq_ignore_ascii_case("id"))).unwrap_or(0)
}
