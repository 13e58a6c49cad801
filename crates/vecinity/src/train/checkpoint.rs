//! A stopped run on disk, and back.
//!
//! A checkpoint is a folder with two files, published at once like a model: `tables.safetensors`
//! (both tables as they are) and `state.json` (what the run was, where it stands, and the checksum of
//! the tables). Nothing else is needed to go on: chunks carry their own chance and rate. Whoever conducts
//! the run may keep a note and further tables beside ([`Beside`]).

use crate::checksum;
use crate::error::{Error, Place, Result};
use crate::publish::{self, Staging};
use crate::tensors::{self, Tensors, Values};
use std::path::Path;
use vecinity_kernel::SharedRows;

/// Since format 2 the root of a Huffman tree is row 0 of the output table.
const FORMAT: u32 = 2;
const STATE: &str = "state.json";
const TABLES: &str = "tables.safetensors";

/// Everything a run needs to go on, between two chunks.
#[derive(Debug)]
pub struct Checkpoint {
    /// The next chunk, counted over all epochs.
    pub next_chunk: u64,
    /// The input table.
    pub input: SharedRows,
    /// The output table.
    pub output: SharedRows,
    /// What else the model needs to go on; nothing for log-bilinear ones.
    pub more: Vec<SharedRows>,
}

/// What is kept beside a checkpoint by whoever conducts the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// A note, as text.
    pub note: &'a str,
    /// Tables that are not in training.
    pub kept: &'a [&'a SharedRows],
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Resumed {
    /// Where the run stood.
    pub checkpoint: Checkpoint,
    /// The note beside it.
    pub note: String,
    /// The tables beside it.
    pub kept: Vec<SharedRows>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct State {
    format: u32,
    next_chunk: u64,
    /// The corpus and the settings, as one text: both must be the same to go on.
    run: String,
    tables_blake3: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    kept: usize,
    #[serde(default)]
    more: usize,
}

impl Checkpoint {
    /// Writes the checkpoint of the run described by `run` (data fingerprint and settings) to a folder.
    ///
    /// # Errors
    /// [`Error::Io`]; an older checkpoint is untouched then.
    pub fn save(&self, folder: &Path, run: &str, beside: &Beside<'_>) -> Result<()> {
        let staging = Staging::new(folder)?;
        let tables = staging.path().join(TABLES);
        let names: Vec<String> = (0..beside.kept.len()).map(kept_name).collect();
        let more: Vec<String> = (0..self.more.len()).map(more_name).collect();
        let mut all = vec![("input", Values::Rows(&self.input)), ("output", Values::Rows(&self.output))];
        all.extend(names.iter().zip(beside.kept).map(|(name, table)| (name.as_str(), Values::Rows(table))));
        all.extend(more.iter().zip(&self.more).map(|(name, table)| (name.as_str(), Values::Rows(table))));
        publish::file(&tables, |to| tensors::write(to, &tables, &all))?;
        let state = State {
            format: FORMAT,
            next_chunk: self.next_chunk,
            run: run.to_owned(),
            tables_blake3: checksum::of_file(&tables)?,
            note: beside.note.to_owned(),
            kept: beside.kept.len(),
            more: self.more.len(),
        };
        let path = staging.path().join(STATE);
        let json = serde_json::to_vec_pretty(&state).map_err(|e| Error::io(&path, "write")(e.into()))?;
        std::fs::write(&path, json).map_err(Error::io(&path, "write"))?;
        staging.publish()
    }

    /// Reads a checkpoint of the run described by `run`.
    ///
    /// # Errors
    /// [`Error::Model`] if it is damaged, [`Error::Data`] if it is of another run.
    pub fn load(folder: &Path, run: &str) -> Result<Resumed> {
        let path = folder.join(STATE);
        let damaged =
            |what: &str| Error::model(Place::file(folder), what, "delete the folder and train from the start");
        let json = std::fs::read(&path).map_err(Error::io(&path, "read"))?;
        let state: State = serde_json::from_slice(&json).map_err(|e| damaged(&format!("damaged state: {e}")))?;
        if state.format != FORMAT {
            return Err(damaged(&format!("checkpoint format {}, this program reads {FORMAT}", state.format)));
        }
        if state.run != run {
            return Err(Error::data(
                format!("{} belongs to another run (other data or settings)", folder.display()),
                format!(
                    "use the settings and data it was made with, or delete it\n       then: {}\n       now:  {run}",
                    state.run
                ),
            ));
        }
        let path = folder.join(TABLES);
        if checksum::of_file(&path)? != state.tables_blake3 {
            return Err(damaged("the checksum of the tables is wrong"));
        }
        let tensors = Tensors::open(&path)?;
        let table = |name: &str| tensors.matrix(name)?.to_table();
        let kept = (0..state.kept).map(|number| table(&kept_name(number))).collect::<Result<_>>()?;
        let more = (0..state.more).map(|number| table(&more_name(number))).collect::<Result<_>>()?;
        let (input, output) = (table("input")?, table("output")?);
        let checkpoint = Self { next_chunk: state.next_chunk, input, output, more };
        Ok(Resumed { checkpoint, note: state.note, kept })
    }
}

/// The name of a table that the model needs.
fn more_name(number: usize) -> String {
    format!("more{number}")
}

/// The name of a table that is kept beside.
fn kept_name(number: usize) -> String {
    format!("kept{number}")
}
