//! BLAKE3 checksums of files.
//!
//! May import: `error`.  Used by: `model_dir`, `train`.

use crate::error::{Error, Result};
use std::path::Path;
use vecinity_kernel::mapped::Mapped;

/// The BLAKE3 checksum of a file, in hexadecimal.
///
/// # Errors
/// [`Error::Io`].
pub fn of_file(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).map_err(Error::io(path, "open"))?;
    // Mapped, not read: the pages are the ones the model uses afterwards.
    let map = Mapped::open(&file).map_err(Error::io(path, "map"))?;
    Ok(of_bytes(map.bytes()))
}

/// The BLAKE3 checksum of bytes, in hexadecimal.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
