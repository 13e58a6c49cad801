//! The model folder: complete, checksummed, published at once, readable by stock tools.
use crate::embeddings::Embeddings;
use crate::error::Result;
use std::path::{Path, PathBuf};

/// An open model folder.
#[derive(Debug)]
pub struct Model {
    /// Where it was read from.
    pub path: PathBuf,
    /// Vocabulary, matrices and metadata.
    pub embeddings: Embeddings,
}

impl Model {
    /// Opens a model folder after checking every byte of it against its checksums.
    ///
    /// # Errors
    /// [`crate::Error::Model`] if it is incomplete, damaged or of a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let _ = path;
        todo!()
    }
}
