//! The flags of graphs and walks.

use clap::Args;
use vecinity::run::Given;

/// How walks over a graph are made.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Graphs (--kind graph; sequences with --walks)")]
pub(super) struct Graph {
    /// Walks that begin at each node [default: 10]. Of sequences: learn from walks over the graph of what follows what in a
    /// session (of a user, if there is no column of sessions), instead of from the sequences.
    #[arg(long, value_name = "N")]
    walks: Option<usize>,
    /// Nodes of a walk, at most [default: 40].
    #[arg(long, value_name = "N")]
    walk_length: Option<usize>,
    /// How unlikely a walk goes back at once; 1: as likely as along any edge, as in DeepWalk [default: 1].
    #[arg(long, value_name = "X")]
    p: Option<f64>,
    /// How unlikely a walk leaves the surroundings of the node before; below 1 it goes far, above 1 it stays near [default: 1].
    #[arg(long, value_name = "X")]
    q: Option<f64>,
    /// Edges lead from the first to the second node only; those of sequences always do.
    #[arg(long)]
    directed_edges: bool,
}

impl Graph {
    pub(super) fn add_to(&self, given: &mut Given) {
        given.walks = self.walks;
        given.walk_length = self.walk_length;
        given.p = self.p;
        given.q = self.q;
        given.directed_edges = self.directed_edges;
    }
}
