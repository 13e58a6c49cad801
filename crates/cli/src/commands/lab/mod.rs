//! `vecinity lab`: questions that are answered by experiments on your data.

mod airbnb;

use crate::output::Output;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Answer questions about models by experiments on your data.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    Airbnb(Box<airbnb::Airbnb>),
}

impl Lab {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        match self.question {
            Question::Airbnb(question) => question.run(output),
        }
    }
}
