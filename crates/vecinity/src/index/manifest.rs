//! `INDEX.json`: which segment of a folder is the current one, how it is searched, and what else belongs to it.
//!
//! One line of JSON and one with its BLAKE3 checksum. It is replaced in one step, which is what makes a merge visible.

use super::search::Effort;
use crate::error::{Error, Result};
use crate::{checksum, publish};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) const NAME: &str = "INDEX.json";
const FORMAT: u32 = 2;

/// The effort that reaches a recall, and what was measured.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tuned {
    /// For each way of searching.
    pub effort: Effort,
    /// The recall of the nearest ten that was asked for.
    pub target: f64,
    /// The recall on queries that the effort was not chosen with.
    pub recall: f64,
    /// How many those were.
    pub queries: usize,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The number of the segment, and of the first log that it does not have.
    pub(super) generation: u64,
    pub(super) tuned: Tuned,
    /// Other files of the folder, with their checksums.
    pub(super) files: BTreeMap<String, String>,
}

impl Manifest {
    pub(super) fn new(generation: u64, tuned: Tuned, files: BTreeMap<String, String>) -> Self {
        Self { format: FORMAT, generation, tuned, files }
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(NAME);
        let mut line = serde_json::to_string(self).map_err(|e| Error::io(&path, "write")(e.into()))?;
        let sum = checksum::of_bytes(line.as_bytes());
        line.push('\n');
        line.push_str(&sum);
        line.push('\n');
        publish::file(&path, |to| publish::write_all(to, &path, line.as_bytes()))
    }

    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder.is_dir() => {
                return Err(Error::input(
                    folder,
                    format!("it is no index: {NAME} is missing"),
                    "see vecinity index build",
                ));
            }
            other => other.map_err(Error::io(&path, "open"))?,
        };
        let damaged = |what: &str| Error::model(path.as_path(), what, "build the index again");
        let text = String::from_utf8(text).map_err(|_| damaged("it is not UTF-8"))?;
        let [line, sum, ""] = *text.split('\n').collect::<Vec<_>>() else {
            return Err(damaged("it has not two lines"));
        };
        if checksum::of_bytes(line.as_bytes()) != sum {
            return Err(damaged("its checksum does not agree with its bytes"));
        }
        let manifest: Self = serde_json::from_str(line).map_err(|e| damaged(&format!("it cannot be read: {e}")))?;
        if manifest.format != FORMAT {
            return Err(damaged(&format!("it has the format {}, this program knows {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }
}
