//! `vecinity verify`: is every byte of a model what it was when it was written?

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vecinity::model_dir::{IndexOf, Model};

/// Check every byte of a model against its checksums.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The model folder.
    model: PathBuf,
}

#[derive(serde::Serialize)]
struct Intact {
    model: PathBuf,
    intact: bool,
    files: usize,
    bytes: u64,
}

impl Verify {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let model = Model::open(&self.model)?;
        for of in IndexOf::ALL {
            model.index(of)?;
        }
        let bytes = model.manifest.files.values().map(|f| f.bytes).sum();
        let intact = Intact { model: self.model, intact: true, files: model.manifest.files.len(), bytes };
        output.answer(&intact, |to| {
            writeln!(
                to,
                "{}   intact: {} files, {bytes} bytes, all checksums right",
                intact.model.display(),
                intact.files
            )
        })
    }
}
