//! The subcommands, one file each.

mod add;
mod affinity;
mod cluster;
mod compare;
mod completions;
mod config;
mod demo;
mod diff;
mod evaluate;
mod export;
mod import;
mod index;
mod inspect;
mod lab;
#[cfg(feature = "server")]
mod map;
mod neighbors;
mod outlier;
mod phrases;
mod query;
mod recommend;
mod report;
#[cfg(feature = "server")]
mod serve;
mod similarity;
mod train;
mod tune;
mod types;
mod verify;
mod why;
mod word2vec;

use crate::output::Output;

/// What the user wants to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Inspect(Box<inspect::Inspect>),
    Train(Box<train::Train>),
    Tune(Box<tune::Tune>),
    Query(query::Query),
    Recommend(Box<recommend::Recommend>),
    Evaluate(evaluate::Evaluate),
    #[cfg(feature = "server")]
    Serve(Box<serve::Serve>),
    #[command(visible_aliases = ["nn", "similar"])]
    Neighbors(neighbors::Neighbors),
    Similarity(similarity::Similarity),
    Analogy(query::Analogy),
    Outlier(outlier::Outlier),
    Why(why::Why),
    Phrases(phrases::Phrases),
    Import(import::Import),
    Export(export::Export),
    Compare(compare::Compare),
    Index(index::Index),
    Types(types::Types),
    Add(add::Add),
    Affinity(affinity::Affinity),
    Cluster(cluster::Cluster),
    #[cfg(feature = "server")]
    Map(map::Map),
    Report(report::Report),
    Diff(diff::Diff),
    Lab(Box<lab::Lab>),
    Verify(verify::Verify),
    Word2vec(word2vec::Word2vec),
    Config(Box<config::Config>),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Demo(command) => command.run(output),
            Self::Inspect(command) => command.run(output),
            Self::Train(command) => command.run(output),
            Self::Tune(command) => command.run(output),
            Self::Query(command) => command.run(output),
            Self::Recommend(command) => command.run(output),
            Self::Evaluate(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Serve(command) => command.run(output),
            Self::Neighbors(command) => command.run(output),
            Self::Similarity(command) => command.run(output),
            Self::Analogy(command) => command.run(output),
            Self::Outlier(command) => command.run(output),
            Self::Why(command) => command.run(output),
            Self::Phrases(command) => command.run(output),
            Self::Import(command) => command.run(output),
            Self::Export(command) => command.run(output),
            Self::Compare(command) => command.run(output),
            Self::Index(command) => command.run(output),
            Self::Types(command) => command.run(output),
            Self::Add(command) => command.run(output),
            Self::Affinity(command) => command.run(output),
            Self::Cluster(command) => command.run(output),
            Self::Diff(command) => command.run(output),
            Self::Lab(command) => command.run(output),
            #[cfg(feature = "server")]
            Self::Map(command) => command.run(output),
            Self::Report(command) => command.run(output),
            Self::Verify(command) => command.run(output),
            Self::Word2vec(command) => command.run(output),
            Self::Config(command) => command.run(output),
            Self::Completions(command) => command.run(),
        }
    }
}
