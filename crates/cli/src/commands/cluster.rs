//! `vecinity cluster`: groups of tokens whose vectors are near.

use crate::choices::choice;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::Args;
use std::num::NonZero;
use std::path::PathBuf;
use vecinity::cluster::{self, Clusters, Settings, kmeans};
use vecinity::embeddings::Which;
use vecinity::error::{grouped, shown};
use vecinity::index::Metric;
use vecinity::model_dir::Model;
use vecinity::{Embeddings, TokenId};

/// Group tokens whose vectors are near (k-means).
///
/// Prints the size of each cluster and its most central tokens: the nearest to its centroid among the more frequent
/// half of its tokens, which a person is likely to know. -o writes a row a token. Clusters are numbered from 1, the
/// largest first. The same seed gives the same clusters on any number of threads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity cluster shop.model -k 50 -o clusters.csv
  vecinity cluster words.model -k 200 --vectors concat --show 12")]
pub(crate) struct Cluster {
    /// The model folder.
    model: PathBuf,
    /// How many clusters [default: 20].
    #[arg(short = 'k', long, value_name = "N")]
    clusters: Option<usize>,
    /// The file to write: columns id, cluster and distance, as CSV, TSV or JSON Lines by its ending.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How vectors are compared: by direction, or by distance.
    #[arg(long, value_parser = choice(&METRICS), default_value = Metric::Cosine.name())]
    metric: Metric,
    /// Which vectors are grouped.
    #[arg(long, value_parser = choice(&VECTORS), default_value = Which::Input.name())]
    vectors: Which,
    /// Tokens shown of each cluster.
    #[arg(long, value_name = "N", default_value_t = 6)]
    show: usize,
    /// Seed of the first centroids.
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<u16>>,
}

const METRICS: [(&str, Metric); 2] = [("cosine", Metric::Cosine), ("euclidean", Metric::Euclidean)];
const VECTORS: [(&str, Which); 4] =
    [("input", Which::Input), ("output", Which::Output), ("sum", Which::Sum), ("concat", Which::Concat)];

#[derive(serde::Serialize)]
struct Grouped<'a> {
    tokens: usize,
    metric: &'a str,
    vectors: &'a str,
    explained: f64,
    rounds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    clusters: Vec<Group<'a>>,
}

#[derive(serde::Serialize)]
struct Group<'a> {
    cluster: u32,
    size: usize,
    central: Vec<Central<'a>>,
}

/// A token near a centroid.
#[derive(serde::Serialize)]
struct Central<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    distance: f32,
}

impl Cluster {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        self.output.as_deref().map(cluster::check).transpose()?;
        let embeddings = Model::open(&self.model)?.embeddings;
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let clusters = self.clusters.unwrap_or_else(|| {
            let clusters = Settings::default().clusters.min(embeddings.len());
            output.say(format_args!("note: {clusters} clusters (-k N makes N)"));
            clusters
        });
        let settings = Settings {
            clusters,
            metric: self.metric,
            seed: self.seed,
            threads: self.threads.map_or_else(all, |threads| threads.get().into()),
            ..Settings::default()
        };
        let found = kmeans(&embeddings.vectors(self.vectors)?, &settings)?;
        if let Some(file) = &self.output {
            let written = cluster::write(file, &found, embeddings.vocab())?;
            if written.marked > 0 {
                let marked = grouped(written.marked as u64);
                output.say(format_args!(
                    "note: {marked} ids look like formulas and got a ' in front; .jsonl keeps ids as they are"
                ));
            }
        }
        let answer = Grouped {
            tokens: embeddings.len(),
            metric: self.metric.name(),
            vectors: self.vectors.name(),
            explained: found.explained,
            rounds: found.rounds,
            output: self.output,
            clusters: groups(&found, &embeddings, self.show),
        };
        output.answer(&answer, |to| write(&answer, to))
    }
}

fn groups<'a>(found: &Clusters, embeddings: &'a Embeddings, show: usize) -> Vec<Group<'a>> {
    let central = |row: usize| {
        let id = embeddings.vocab().token(TokenId(row as u32));
        let title = embeddings.metadata().and_then(|metadata| metadata.title(id));
        Central { id, title, distance: found.distances[row] }
    };
    let counts = embeddings.vocab().counts();
    let group = |(cluster, &size): (u32, &usize)| {
        let rows = found.central(cluster, usize::MAX);
        let mut frequent: Vec<u64> = rows.iter().map(|&row| counts[row]).collect();
        frequent.sort_unstable();
        let median = frequent.get(frequent.len() / 2).copied().unwrap_or(0);
        let known = rows.into_iter().filter(|&row| counts[row] >= median);
        Group { cluster: cluster + 1, size, central: known.take(show).map(central).collect() }
    };
    (0u32..).zip(&found.sizes).map(group).collect()
}

fn write(answer: &Grouped<'_>, to: &mut dyn std::io::Write) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = (answer.clusters.iter())
        .map(|group| {
            let central: Vec<_> = group.central.iter().map(|near| shown(near.title.unwrap_or(near.id))).collect();
            vec![group.cluster.to_string(), grouped(group.size as u64), central.join(" · ")]
        })
        .collect();
    table::write(to, &[">cluster", ">size", "most central"], &rows)?;
    writeln!(
        to,
        "{} tokens, {} of {} vectors; the clusters explain {:.0} % of the spread",
        grouped(answer.tokens as u64),
        answer.metric,
        answer.vectors,
        100.0 * answer.explained
    )?;
    match &answer.output {
        Some(file) => writeln!(to, "wrote   {}", file.display()),
        None => Ok(()),
    }
}
