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

use clap::{CommandFactory, FromArgMatches, Parser};
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

/// The command line, with the settings of training read from the environment where no flag says them.
fn command() -> clap::Command {
    let settings = settings::names();
    let variables = |command: clap::Command| {
        command.mut_args(|argument| {
            if !settings.iter().any(|name| name == argument.get_id().as_str()) {
                return argument;
            }
            let variable = format!("VECINITY_{}", argument.get_id().as_str().to_uppercase());
            argument.env(variable).hide_env(true)
        })
    };
    Cli::command()
        .mut_subcommand("train", variables)
        .mut_subcommand("tune", variables)
        .mut_subcommand("inspect", variables)
        .mut_subcommand("config", |config| config.mut_subcommand("show", variables))
}

fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    let output = Output::new(cli.json, cli.text, cli.quiet);
    match cli.command.run(output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output.report(&error),
    }
}
