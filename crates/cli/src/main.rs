//! `vecinity`: embeddings from sequences and sets, on the command line.
//!
//! One file a subcommand in `commands/`. Data goes to standard output, talk to standard error.
//! Exit codes: 0 ok, 1 internal, 2 usage or input, 3 damaged or incompatible model, 4 a gate
//! failed (`evaluate --min`), 130 interrupted.
#![forbid(unsafe_code)]

mod args;
mod choices;
mod commands;
mod figures;
mod interrupt;
mod output;
mod progress;
mod settings;
mod table;

use clap::Parser;
use output::Output;
use std::process::ExitCode;

/// Embeddings from sequences and sets: train, ask, evaluate, hand on.
#[derive(Debug, Parser)]
#[command(name = "vecinity", version, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,

    /// Print one JSON object (or one a line) instead of text; the default when the output is not a terminal.
    #[arg(long, global = true)]
    json: bool,

    /// Print text even when the output is not a terminal.
    #[arg(long, global = true, conflicts_with = "json")]
    text: bool,

    /// Print nothing but the answer and errors.
    #[arg(long, short, global = true)]
    quiet: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json, cli.text, cli.quiet);
    match cli.command.run(output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.report(&error),
    }
}
