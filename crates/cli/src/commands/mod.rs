//! The subcommands, one file each.

use crate::output::Output;

/// What the user wants to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {}

impl Command {
    /// Does it.
    pub(crate) fn run(self, _output: &Output) -> anyhow::Result<()> {
        match self {}
    }
}
