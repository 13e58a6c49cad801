//! The subcommands, one file each.

mod export;
mod import;

use crate::output::Output;

/// What the user wants to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Import(import::Import),
    Export(export::Export),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        match self {
            Self::Import(command) => command.run(*output),
            Self::Export(command) => command.run(*output),
        }
    }
}
