//! The subcommands, one file each.

mod export;
mod import;
mod inspect;
mod train;
mod verify;

use crate::output::Output;

/// What the user wants to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Inspect(Box<inspect::Inspect>),
    Train(Box<train::Train>),
    Import(import::Import),
    Export(export::Export),
    Verify(verify::Verify),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Inspect(command) => command.run(output),
            Self::Train(command) => command.run(output),
            Self::Import(command) => command.run(output),
            Self::Export(command) => command.run(output),
            Self::Verify(command) => command.run(output),
        }
    }
}
