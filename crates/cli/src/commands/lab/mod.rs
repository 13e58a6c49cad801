//! `vecinity lab`: questions about embeddings, answered by experiments on the given data.

mod airbnb;
mod items;

use crate::output::Output;
use anyhow::Result;
use clap::Args;

/// Answer a question about embeddings by an experiment on your data.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, clap::Subcommand)]
enum Question {
    /// What is the activation of the hidden layer: is it a sigmoid?
    ///
    /// One network from histories to the next item, with ReLU, sigmoid, tanh or nothing in its hidden layer.
    Activation(items::Items),
    /// Why do deep nets dislike very sparse input?
    ///
    /// One network whose first layer is computed dense and as a table, with growing catalogues; learned from a random start, and
    /// from vectors that were trained before.
    Sparse(items::Items),
    Airbnb(Box<airbnb::Airbnb>),
}

impl Lab {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        match self.question {
            Question::Activation(items) => items.run("activation", vecinity::lab::activation, output),
            Question::Sparse(items) => items.run("sparse", vecinity::lab::sparse, output),
            Question::Airbnb(question) => question.run(output),
        }
    }
}
