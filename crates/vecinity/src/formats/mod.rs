//! Foreign formats: embeddings from the files of other tools, and back.
//!
//! One format a file. Each has `read(path, options)`, `parse(source, options)` for bytes that are no
//! file, and `write(path, ..)`, which publishes the file whole or not at all.
//!
//! | format | ids | counts | both matrices | read | written |
//! |---|---|---|---|---|---|
//! | `word2vec`, `word2vec-binary` | no spaces | no | no | yes | yes |
//! | `glove` | no spaces | no | no | yes | yes |
//! | `fasttext` | any | yes | if trained without labels and trees | yes | no |
//! | `npy` | no line breaks, in a file beside it | no | no | yes | yes |
//! | `safetensors` | any | yes | yes | yes | yes |
//! | `parquet` | any | yes | no | yes | yes |
//! | `projector` | no tabs, in a file beside it | yes | no | yes | yes |
//!
//! Lists and features of many users are written as a [`table`].
//!
//! The order of rows is kept. A format without counts gives every token the count 0: nothing is
//! invented. Values are `f32`; wider ones are rounded to the nearest.
//!
//! Whatever the bytes, reading ends in embeddings or an [`Error`]: sizes are held against the length
//! of the file before anything is allocated, and a file that is not what it says is refused with the
//! place. Parquet is decoded by its own library, which trusts a page's claim of up to 2 GiB.
//!
//! May import: `vocab`, `embeddings`, `metadata`, `publish`, `error`.  Used by: the programs.

mod detect;
pub mod fasttext;
pub mod glove;
pub mod npy;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod projector;
mod rows;
pub mod safetensors;
mod source;
mod spreadsheet;
pub mod table;
mod text;
pub mod token_list;
pub mod word2vec;

pub use source::Source;
pub(crate) use spreadsheet::safe_cell;

use crate::embeddings::{Embeddings, Matrix, Which};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// A foreign file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Text with a header: `word2vec.c -binary 0`, gensim, fastText's `.vec`.
    Word2vec,
    /// Binary with a text header: `word2vec.c -binary 1`, gensim.
    Word2vecBinary,
    /// Text without a header: GloVe.
    Glove,
    /// fastText's own `.bin` (or its `.vec`, which is `word2vec`).
    Fasttext,
    /// A NumPy array with the ids in a text file beside it.
    Npy,
    /// Hugging Face safetensors.
    Safetensors,
    /// A Parquet table with the columns `id` and `vector`.
    Parquet,
    /// The TensorBoard projector: vectors and metadata in two TSV files.
    Projector,
}

impl Format {
    /// All formats, with the names used by flags.
    pub const ALL: [(&'static str, Self); 8] = [
        ("word2vec", Self::Word2vec),
        ("word2vec-binary", Self::Word2vecBinary),
        ("glove", Self::Glove),
        ("fasttext", Self::Fasttext),
        ("npy", Self::Npy),
        ("safetensors", Self::Safetensors),
        ("parquet", Self::Parquet),
        ("projector", Self::Projector),
    ];

    /// The name used by flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("?", |(name, _)| name)
    }

    /// The file that is written beside `path` in this format, if any: the ids of `npy`, the metadata
    /// of `projector`.
    #[must_use]
    pub fn companion(self, path: &Path) -> Option<PathBuf> {
        match self {
            Self::Npy => Some(beside(path, "ids.txt")),
            Self::Projector => Some(beside(path, "metadata.tsv")),
            _ => None,
        }
    }

    /// The format of a file, by its first bytes and, for the projector, its extension.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] if it looks like none of them or is known to be something
    /// else: a gensim pickle, an archive, a pipe.
    pub fn detect(path: &Path) -> Result<Self> {
        detect::detect(path)
    }
}

impl std::str::FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Error::setting("format", format!("'{name}'"), format!("one of {}", names.join(", ")))
        })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

pub use crate::corpus::BadUtf8;

/// How to read a foreign file.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// What to do with a token that is not UTF-8.
    pub bad_utf8: BadUtf8,
    /// The file with the ids, one a line, for formats that have none of their own; by default
    /// `NAME.ids.txt` beside `NAME.npy`.
    pub ids: Option<PathBuf>,
    /// Read only this many tokens from the start of the file; `None` reads all.
    pub max_vocab: Option<usize>,
}

/// Reads a foreign file, in the format given or the one that it looks like.
///
/// # Errors
/// [`Error::Io`], [`Error::Input`] with the place, or what [`Format::detect`] says.
pub fn import(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Embeddings> {
    let format = match format {
        Some(format) => format,
        None => Format::detect(path)?,
    };
    match format {
        Format::Word2vec => word2vec::read_text(path, options),
        Format::Word2vecBinary => word2vec::read_binary(path, options),
        Format::Glove => glove::read(path, options),
        Format::Fasttext => fasttext::read(path, options),
        Format::Npy => npy::read(path, options),
        Format::Safetensors => safetensors::read(path, options),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::read(path, options),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(no_parquet()),
        Format::Projector => projector::read(path, options),
    }
}

/// Writes embeddings to a foreign file, whole or not at all.
///
/// `which` vectors to write: the input matrix if `None`, except that safetensors then gets both
/// matrices. Files beside the file (ids, projector metadata) are written first.
///
/// # Errors
/// [`Error::Setting`] for [`Which::InOut`], which is not one matrix, and for formats that are only
/// read; [`Error::Data`] if the model lacks the matrix or a token cannot be written in the format;
/// [`Error::Io`].
pub fn export(path: &Path, format: Format, embeddings: &Embeddings, which: Option<Which>) -> Result<()> {
    if which == Some(Which::InOut) {
        return Err(Error::setting("vectors", "in-out", "input, output, sum or concat: a file holds one matrix"));
    }
    let vectors = embeddings.vectors(which.unwrap_or_default())?;
    match format {
        Format::Word2vec => word2vec::write_text(path, embeddings, &vectors),
        Format::Word2vecBinary => word2vec::write_binary(path, embeddings, &vectors),
        Format::Glove => glove::write(path, embeddings, &vectors),
        Format::Fasttext => {
            Err(Error::setting("format", "fasttext", "another format: fasttext is only read; its .vec is word2vec"))
        }
        Format::Npy => npy::write(path, embeddings, &vectors),
        Format::Safetensors => match (which, embeddings.output()) {
            (None, Some(output)) => safetensors::write(path, embeddings, &[("input", &vectors), ("output", output)]),
            (None | Some(Which::Input), _) => safetensors::write(path, embeddings, &[("input", &vectors)]),
            (Some(_), _) => safetensors::write(path, embeddings, &[("vectors", &vectors)]),
        },
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(path, embeddings, &vectors),
        #[cfg(not(feature = "parquet"))]
        Format::Parquet => Err(no_parquet()),
        Format::Projector => projector::write(path, embeddings, &vectors),
    }
}

#[cfg(not(feature = "parquet"))]
fn no_parquet() -> Error {
    Error::setting("format", "parquet", "another format: this program was built without the feature 'parquet'")
}

/// Refuses tokens that a format cannot hold because it ends tokens at one of `forbidden`.
fn refuse_tokens_with(embeddings: &Embeddings, forbidden: &[char], format: Format) -> Result<()> {
    let Some((_, token, _)) = embeddings.vocab().iter().find(|(_, token, _)| token.contains(forbidden)) else {
        return Ok(());
    };
    let name = match token.chars().find(|c| forbidden.contains(c)) {
        Some(' ') => "a space",
        Some('\t') => "a tab",
        _ => "a line break",
    };
    let what =
        format!("the token '{}' holds {name}, which ends a token in the format {format}", crate::error::shown(token));
    Err(Error::data(what, "use --format safetensors or parquet, which hold any token"))
}

/// The file that belongs to `path` with the extension `suffix` in the place of its own.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    path.with_extension(suffix)
}

/// Refuses a matrix that has not one row for each token. `write` functions are public: theirs is the
/// last look before the disk.
fn require_rows(embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    if vectors.rows() == embeddings.len() {
        return Ok(());
    }
    let what = format!("{} vectors for {} tokens", vectors.rows(), embeddings.len());
    Err(Error::data(what, "vectors and vocabulary do not belong together"))
}
