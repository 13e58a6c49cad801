//! `vecinity index`: build a nearest-neighbour index for a recall, ask it, change it, measure it.

mod build;
mod change;
mod ids;
mod measure;
mod search;

use crate::output::Output;
use anyhow::Result;
use build::Build;
use change::{Add, Delete, Merge};
use clap::{Args, Subcommand};
use measure::Measure;
use search::Search;
use std::path::Path;
use vecinity::Embeddings;
use vecinity::error::Error;
use vecinity::formats::{self, ReadOptions};
use vecinity::index::Queries;
use vecinity::model_dir::Model;

/// Build a nearest-neighbour index for a recall; ask it, change it, measure it.
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Build(Build),
    Search(Search),
    Add(Add),
    Delete(Delete),
    Merge(Merge),
    Measure(Measure),
}

impl Index {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        match self.command {
            What::Build(command) => command.run(output),
            What::Search(command) => command.run(output),
            What::Add(command) => command.run(output),
            What::Delete(command) => command.run(output),
            What::Merge(command) => command.run(output),
            What::Measure(command) => command.run(output),
        }
    }
}

/// A model folder, or a file in any format that can be imported.
fn open(path: &Path) -> vecinity::Result<Embeddings> {
    if Model::is_model(path) {
        Ok(Model::open(path)?.embeddings)
    } else {
        formats::import(path, None, &ReadOptions::default())
    }
}

fn queries(file: &Path, dim: usize) -> vecinity::Result<Queries> {
    let asked = open(file)?;
    check_dim(file, asked.dim(), dim)?;
    Ok(Queries { values: asked.input().as_slice().to_vec(), own: Vec::new() })
}

fn check_dim(file: &Path, found: usize, expected: usize) -> vecinity::Result<()> {
    if found == expected {
        return Ok(());
    }
    let what = format!("its vectors have {found} values, those of the index {expected}");
    Err(Error::input(file, what, "ask with vectors of the same model"))
}
