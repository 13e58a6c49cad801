//! `vecinity completions`: what the tab key of a shell needs.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::{self, ErrorKind, Write};

/// Print a script that teaches a shell to complete commands and flags.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vecinity completions bash > ~/.local/share/bash-completion/completions/vecinity
  vecinity completions zsh > ~/.zfunc/_vecinity                (with ~/.zfunc in fpath)
  vecinity completions fish > ~/.config/fish/completions/vecinity.fish")]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "vecinity", &mut script);
        match io::stdout().write_all(&script) {
            // The reader of a pipe may stop early; that is no failure.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }
}
