//! Titles and fields of tokens: what a person wants to read instead of an id.
//!
//! A metadata file is CSV, TSV (by extension or by its header) or JSON Lines with a column `id` (or
//! its first column) and any other columns; `title` (or `name`, `label`) is shown wherever ids are.
//!
//! May import: `vocab`, `error`.  Used by: `embeddings`, `model_dir`.

/// Fields of tokens, by token.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    columns: Vec<String>,
    rows: hashbrown::HashMap<String, Vec<String>, foldhash::fast::FixedState>,
    title: Option<usize>,
}

impl Metadata {
    /// The title of a token, if known and not empty.
    #[must_use]
    pub fn title(&self, token: &str) -> Option<&str> {
        let title = self.rows.get(token)?.get(self.title?)?;
        (!title.is_empty()).then_some(title.as_str())
    }

    /// The column names, without the id.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The fields of a token, in the order of [`Metadata::columns`].
    #[must_use]
    pub fn fields(&self, token: &str) -> Option<&[String]> {
        self.rows.get(token).map(Vec::as_slice)
    }
}
