//! `vecinity index add`, `delete` and `merge`: changes of an index folder, on disk when the command ends.

use super::ids::Ids;
use super::{check_dim, open};
use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use vecinity::error::grouped;
use vecinity::index::{Change, Index, Settings};

/// Vectors written to disk together.
const TOGETHER: usize = 1000;
/// Changes that wait before a merge pays: they are looked at one by one.
const MANY: usize = 10_000;

/// Add the vectors of a file to an index, or put them in the place of those of the same ids.
///
/// They are found at once. They are looked at one by one until 'vecinity index merge' builds the graph with them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index add words.index more.txt
  vecinity index add shop.index new.parquet && vecinity index merge shop.index")]
pub(super) struct Add {
    /// The index folder.
    index: PathBuf,
    /// A model folder or a file of vectors.
    vectors: PathBuf,
}

/// Delete vectors from an index.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vecinity index delete shop.index 4711 4712")]
pub(super) struct Delete {
    /// The index folder.
    index: PathBuf,
    /// Ids of the index.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Build the graph of an index anew, with everything that was added and without what was deleted.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// The index folder.
    index: PathBuf,
}

#[derive(serde::Serialize, Default)]
struct Changed {
    added: usize,
    replaced: usize,
    deleted: usize,
    vectors: usize,
    /// Changes that a merge would take into the graph.
    pending: usize,
}

impl Add {
    pub(super) fn run(self, output: Output) -> Result<()> {
        let index = Index::open_to_change(&self.index)?;
        let mut ids = Ids::open(&index, &self.index)?;
        let embeddings = open(&self.vectors)?;
        check_dim(&self.vectors, embeddings.dim(), index.segment().dim())?;
        let names: Vec<&str> = embeddings.vocab().iter().map(|(_, id, _)| id).collect();
        let rows: Vec<&[f32]> = (0..names.len()).map(|row| embeddings.input().row(row)).collect();
        let mut changed = Changed::default();
        for (names, rows) in names.chunks(TOGETHER).zip(rows.chunks(TOGETHER)) {
            let keys = ids.keys(names)?;
            changed.replaced += keys.iter().filter(|&&key| index.contains(key)).count();
            let put = |(&key, row): (&u64, &&[f32])| Change::Put { key, vector: row.to_vec() };
            index.change(&keys.iter().zip(rows).map(put).collect::<Vec<_>>())?;
        }
        changed.added = names.len() - changed.replaced;
        changed.say(&index, &self.index, output)
    }
}

impl Delete {
    pub(super) fn run(self, output: Output) -> Result<()> {
        let index = Index::open_to_change(&self.index)?;
        let ids = Ids::open(&index, &self.index)?;
        let delete =
            |id: &String| -> vecinity::Result<Change> { Ok(Change::Delete { key: ids.vector(&index, id)?.0 }) };
        // All are looked up first: with a typo nothing is deleted.
        let changes = self.ids.iter().map(delete).collect::<vecinity::Result<Vec<_>>>()?;
        let before = index.len();
        index.change(&changes)?;
        Changed { deleted: before - index.len(), ..Changed::default() }.say(&index, &self.index, output)
    }
}

impl Merge {
    pub(super) fn run(self, output: Output) -> Result<()> {
        let index = Index::open_to_change(&self.index)?;
        index.merge(&Settings::for_metric(index.segment().metric()))?;
        Changed::default().say(&index, &self.index, output)
    }
}

impl Changed {
    fn say(mut self, index: &Index, path: &Path, output: Output) -> Result<()> {
        (self.vectors, self.pending) = (index.len(), index.pending());
        if self.pending > MANY {
            output.say(format_args!("note: vecinity index merge {} makes searches fast again", path.display()));
        }
        output.answer(&self, |to| {
            let done = [(self.added, "added"), (self.replaced, "replaced"), (self.deleted, "deleted")];
            let done = done.iter().filter(|(count, _)| *count > 0);
            for (count, what) in done {
                writeln!(to, "{what:<9}{}", grouped(*count as u64))?;
            }
            writeln!(
                to,
                "index    {} vectors, {} changes not merged",
                grouped(self.vectors as u64),
                grouped(self.pending as u64)
            )
        })
    }
}
