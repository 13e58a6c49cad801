//! `MANIFEST.json`: what a model is, and what belongs to it.

use super::{MANIFEST, MANIFEST_SUM};
use crate::checksum;
use crate::error::{Error, Result};
use crate::report::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The newest format this program reads and the one it writes.
pub(super) const FORMAT: u32 = 1;

/// What a model is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the folder's format.
    pub format: u32,
    /// A name no other model has: 32 hexadecimal digits made from its content.
    pub uuid: String,
    /// The program that wrote it.
    pub tool: String,
    /// When it was written (RFC 3339); `SOURCE_DATE_EPOCH` is respected.
    pub created: String,
    /// Where the vectors come from.
    pub origin: Origin,
    /// Number of tokens.
    pub tokens: usize,
    /// Values in a vector.
    pub dim: usize,
    /// What the rows of the second matrix are.
    pub outputs: Outputs,
    /// All other files.
    pub files: BTreeMap<String, Entry>,
}

/// Where vectors come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "lowercase")]
pub enum Origin {
    /// Trained by this program.
    Trained {
        /// Hash of the corpus.
        data: String,
        /// Tokens of the corpus that were learned from, in one epoch and before subsampling.
        corpus_tokens: u64,
        /// Sequences of the corpus.
        sequences: u64,
        /// Loss per (input, target) pair at the end.
        loss: Option<f64>,
        /// Seconds of training.
        seconds: f64,
    },
    /// Read from a foreign file.
    Imported {
        /// The name of the format.
        format: String,
    },
}

impl Origin {
    /// The run that made it, for its report.
    pub(super) fn run(&self) -> Option<Run> {
        match *self {
            Self::Trained { corpus_tokens: tokens, sequences, seconds, .. } => Some(Run { sequences, tokens, seconds }),
            Self::Imported { .. } => None,
        }
    }
}

/// What the rows of the second matrix are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outputs {
    /// One for each token: `output`.
    Tokens,
    /// Inner nodes of the tree of hierarchical softmax: `nodes`.
    Nodes,
    /// There is none.
    None,
}

/// A file of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its size.
    pub bytes: u64,
    /// Its BLAKE3 checksum, in hexadecimal.
    pub blake3: String,
}

impl Manifest {
    /// Reads the manifest of a model folder and checks it against its own checksum.
    ///
    /// # Errors
    /// [`Error::Input`] if the folder is no model; [`Error::Model`] if the manifest is damaged or newer.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Err(not_a_model(folder));
        }
        let damaged = |what: String| {
            Error::model(&*path, what, "the model is damaged: restore it from a copy, or train it again")
        };
        let bytes = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
        let sum = folder.join(MANIFEST_SUM);
        let expected =
            std::fs::read(&sum).map_err(|e| damaged(format!("its checksum {MANIFEST_SUM} is missing: {e}")))?;
        if expected != sum_line(&bytes).as_bytes() {
            return Err(damaged("the checksum is wrong: some bytes have changed".into()));
        }
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                return Err(Error::model(
                    &*path,
                    format!("model format {format}, this program reads up to {FORMAT}"),
                    "the model was made by a newer vecinity: update this one",
                ));
            }
            Some(_) => {}
            None => return Err(damaged("no format number".into())),
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
        if let Some(name) = manifest.files.keys().find(|name| name.contains(['/', '\\', '\0']) || name.starts_with('.'))
        {
            return Err(damaged(format!("'{name}' is no file name of a model")));
        }
        Ok(manifest)
    }
}

/// The line of `MANIFEST.b3`, as `b3sum MANIFEST.json` prints it.
pub(super) fn sum_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", checksum::of_bytes(manifest))
}

fn not_a_model(path: &Path) -> Error {
    if path.is_file() {
        Error::input(path, "a file, expected a model folder", "vecinity import turns vector files into a model")
    } else if path.exists() {
        Error::input(
            path,
            format!("no model folder: it has no {MANIFEST}"),
            "name the folder that vecinity train -o made",
        )
    } else {
        Error::input(path, "no such model", "check the name; vecinity train DATA -o MODEL makes one")
    }
}
