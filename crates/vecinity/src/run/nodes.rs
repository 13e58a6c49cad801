//! The way of graphs: edges become walks, walks a corpus.

use super::{Data, Show, work_dir};
use crate::config::Config;
use crate::corpus::Corpus;
use crate::error::{Result, counted, grouped};
use crate::graph::{self, Graph, Report, Settings};
use std::path::Path;
use std::time::Instant;

/// Reads a graph, says what was found, and walks.
pub(super) fn corpus(
    config: &Config,
    settings: &Settings,
    data: &Data,
    beside: Option<&Path>,
    show: &mut dyn Show,
) -> Result<Corpus> {
    let begun = Instant::now();
    let (graph, report) = data.graph(config, settings.directed_edges)?;
    say(&graph, &report, settings, begun, show);
    let begun = Instant::now();
    let corpus = graph::corpus(&graph, settings, config.train.seed, config.train.threads, work_dir(beside))?;
    show.say(&format!(
        "walks   {}, {} steps   {:.1} s",
        grouped(corpus.sequences() as u64),
        grouped((corpus.tokens().len() - corpus.sequences()) as u64),
        begun.elapsed().as_secs_f64()
    ));
    Ok(corpus)
}

fn say(graph: &Graph, report: &Report, settings: &Settings, begun: Instant, show: &mut dyn Show) {
    let nodes = graph.nodes().len();
    show.say(&format!(
        "read    {} edges of {} nodes from {}   {:.1} s",
        grouped(report.lines),
        grouped(nodes as u64),
        counted(report.files as u64, "file"),
        begun.elapsed().as_secs_f64()
    ));
    let degrees = (0..nodes as u32).map(|node| graph.neighbors(node).len());
    let (most, none) = degrees.fold((0, 0), |(most, none), degree| (degree.max(most), none + usize::from(degree == 0)));
    let edges = if settings.directed_edges { graph.edges() } else { graph.edges() / 2 };
    show.say(&format!(
        "graph   {} different edges, {}, {} · at most {} of a node",
        grouped(edges as u64),
        if settings.directed_edges { "one way" } else { "both ways" },
        if graph.weighted() { "weighted" } else { "all of one weight" },
        grouped(most as u64)
    ));
    if report.loops > 0 {
        show.say(&format!("note    {} from a node to itself left out", counted(report.loops, "edge")));
    }
    if none > 0 && settings.directed_edges {
        show.say(&format!("note    no edge leaves {} nodes: walks end there", grouped(none as u64)));
    }
}
