//! GloVe's text file: a line `token v1 .. vD` for each token and no header.
//!
//! The first line says how many values there are. Some published files have tokens with spaces; they
//! are kept. No counts.
//!
//! Source: the output of `glove.c`, Pennington et al. 2014.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{Format, ReadOptions, refuse_tokens_with, require_rows, text};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result};
use crate::publish;
use std::path::Path;

/// Reads a file.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the line.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse(Source::open(path)?, options)
}

/// As [`read`], from any bytes.
///
/// # Errors
/// As [`read`].
pub fn parse(mut source: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    source.start_of_text()?;
    let mut rows = Rows::new(source.path(), Unit::Line, options);
    let (dim, values) = text::read(&mut source, None, None, &mut rows)?;
    rows.finish(dim, values, None)
}

/// Writes a file. `vectors` has the shape `[embeddings.len(), any]`.
///
/// # Errors
/// [`Error::Data`] if a token holds white space, [`Error::Io`].
pub fn write(path: &Path, embeddings: &Embeddings, vectors: &Matrix) -> Result<()> {
    require_rows(embeddings, vectors)?;
    refuse_tokens_with(embeddings, &[' ', '\t', '\n', '\r'], Format::Glove)?;
    publish::file(path, |writer| {
        let mut rows = embeddings.vocab().iter();
        rows.try_for_each(|(id, token, _)| text::write_row(writer, token, vectors.row(id.row())))
            .map_err(Error::io(path, "write"))
    })
}
