//! Reading a small text file whole.

use crate::error::{Error, Place, Result};
use std::path::Path;

/// The text of a file, without a byte order mark.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the line if it is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Error::input(Place::line(path, line), "not UTF-8", "save the file as UTF-8")
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// The lines with their numbers, from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1..).zip(text.lines())
}
