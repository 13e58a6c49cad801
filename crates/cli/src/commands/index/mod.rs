//! `vecinity index`: build a nearest-neighbour index for a recall, ask it, measure it.

use crate::args::Limit;
use crate::choices::choice;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vecinity::embeddings::Which;
use vecinity::error::{Error, grouped, shown};
use vecinity::formats::{self, ReadOptions};
use vecinity::index::{self, Measured, Metric, Neighbor, Queries, Scratch, Segment, Settings, Tuned};
use vecinity::model_dir::Model;
use vecinity::vocab::Vocab;
use vecinity::{Embeddings, TokenId};

/// The ids of the vectors, a JSON string a line: line `key` is that of the vector with this key.
const IDS: &str = "ids.jsonl";

/// Build a nearest-neighbour index for a recall; ask it, measure it.
#[derive(Debug, Args)]
pub(crate) struct Index {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Build(Build),
    Search(Search),
    Measure(Measure),
}

impl Index {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        match self.command {
            What::Build(command) => command.run(output),
            What::Search(command) => command.run(output),
            What::Measure(command) => command.run(output),
        }
    }
}

/// Build an index of the vectors of a model or of a file.
///
/// Files: word2vec, GloVe, fastText, npy, safetensors, Parquet, as in vecinity import. The effort of searches is chosen so
/// that the wanted share of the true ten nearest is found, on half of a sample of queries; what is printed was
/// measured on the other half. The same input gives the same bytes on any number of threads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index build words.model -o words.index
  vecinity index build shop.model -o shop.index --vectors output --metric dot --queries users.npy
  vecinity index build vectors.npy -o v.index --recall 0.999")]
struct Build {
    /// The model folder or the file of vectors.
    model: PathBuf,
    /// The index folder to write.
    #[arg(short, long, value_name = "INDEX")]
    output: PathBuf,
    /// Which vectors are indexed.
    #[arg(long, value_parser = choice(&VECTORS), default_value = Which::Input.name())]
    vectors: Which,
    /// How vectors are compared.
    #[arg(long, value_parser = choice(&Metric::ALL), default_value = Metric::Cosine.name())]
    metric: Metric,
    /// The share of the true ten nearest that searches are to find.
    #[arg(long, value_name = "SHARE", default_value_t = 0.99)]
    recall: f64,
    /// A file of vectors to tune with, such as those of users [default: a sample of the indexed ones].
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Links of a row [default: 32; 64 for dot].
    #[arg(long, value_name = "N")]
    degree: Option<usize>,
    /// Candidates that a row chooses its links among [default: 128; 200 for dot].
    #[arg(long, value_name = "N")]
    build_effort: Option<usize>,
    /// Seed of the order in which vectors are put in.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<u16>>,
}

const VECTORS: [(&str, Which); 4] =
    [("input", Which::Input), ("output", Which::Output), ("sum", Which::Sum), ("concat", Which::Concat)];

#[derive(serde::Serialize)]
struct Built {
    index: PathBuf,
    vectors: usize,
    dim: usize,
    metric: &'static str,
    graph: bool,
    unreachable: usize,
    bytes: usize,
    seconds: f64,
    tuned: Tuned,
}

impl Build {
    fn run(self, output: Output) -> Result<()> {
        let start = Instant::now();
        let defaults = Settings::for_metric(self.metric);
        let settings = Settings {
            degree: self.degree.unwrap_or(defaults.degree),
            build_effort: self.build_effort.unwrap_or(defaults.build_effort),
            seed: self.seed,
            threads: self.threads.map_or(defaults.threads, |threads| threads.get().into()),
            ..defaults
        };
        settings.check()?;
        let embeddings = open(&self.model)?;
        let vectors = embeddings.vectors(self.vectors)?;
        let queries = self.queries.as_deref().map(|file| queries(file, vectors.dim())).transpose()?;
        let keys: Vec<u64> = (0..vectors.rows() as u64).collect();
        let segment = Segment::build(vectors.as_slice(), vectors.dim(), &keys, self.metric, &settings)?;
        let ids = ids_file(embeddings.vocab());
        let attached = [(IDS, ids.as_bytes())];
        let tuned = index::Index::create(&self.output, &segment, self.recall, queries.as_ref(), &attached)?;
        if tuned.recall < tuned.target - 0.02 {
            output.say(format_args!(
                "note: the recall is {:.3} on other queries; more of them tune better",
                tuned.recall
            ));
        }
        let built = Built {
            vectors: segment.len(),
            dim: segment.dim(),
            metric: segment.metric().name(),
            graph: segment.degree() > 0,
            unreachable: segment.unreachable(),
            bytes: segment.size(),
            seconds: start.elapsed().as_secs_f64(),
            index: self.output,
            tuned,
        };
        output.answer(&built, |to| {
            let how =
                if built.graph { format!("effort {}", tuned.effort) } else { "few vectors: all are scanned".into() };
            writeln!(
                to,
                "index   {} vectors of {} values, {}",
                grouped(built.vectors as u64),
                built.dim,
                built.metric
            )?;
            writeln!(
                to,
                "recall  {:.4} of the nearest ten, measured on {} queries ({how})",
                tuned.recall,
                grouped(tuned.queries as u64)
            )?;
            let megabytes = built.bytes as f64 / 1e6;
            writeln!(to, "wrote   {} ({megabytes:.1} MB, checksummed, {:.1} s)", built.index.display(), built.seconds)
        })
    }
}

/// The vectors nearest to that of an id, or to those of a file.
///
/// Several ids or vectors are several questions, answered one after the other (as JSON: one object a line).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index search words.index paris
  vecinity index search shop.index --queries users.npy -k 50")]
struct Search {
    /// The index folder.
    index: PathBuf,
    /// Ids of the index.
    #[arg(value_name = "ID", required_unless_present = "queries")]
    ids: Vec<String>,
    /// A file of vectors to ask with.
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    queries: Option<PathBuf>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: &'a str,
    metric: &'a str,
    results: Vec<Near<'a>>,
}

#[derive(serde::Serialize)]
struct Near<'a> {
    id: &'a str,
    score: f32,
}

impl Search {
    fn run(self, output: Output) -> Result<()> {
        let index = index::Index::open(&self.index)?;
        let segment = index.segment();
        let ids = ids(&index, &self.index)?;
        let limit = self.limit.get();
        let id_of = |key: u64| usize::try_from(key).ok().and_then(|key| ids.get(key)).map_or("", String::as_str);
        let print = |query: &str, found: &[Neighbor], first: bool| {
            let results = found.iter().map(|found| Near { id: id_of(found.key), score: found.score }).collect();
            let found = Found { query, metric: segment.metric().name(), results };
            output.answer(&found, |to| {
                if !first || self.ids.len() != 1 {
                    writeln!(to, "{}{}", if first { "" } else { "\n" }, shown(query))?;
                }
                let row = |(at, near): (usize, &Near<'_>)| {
                    vec![(at + 1).to_string(), shown(near.id), format!("{:.4}", near.score)]
                };
                let rows: Vec<_> = found.results.iter().enumerate().map(row).collect();
                table::write(to, &[">", "id", &format!(">{}", found.metric)], &rows)
            })
        };
        if let Some(file) = &self.queries {
            let asked = open(file)?;
            check_dim(file, asked.dim(), segment.dim())?;
            let threads = index::batch_threads(asked.len());
            let effort = index.tuned().effort;
            let answers = segment.search_batch(asked.input().as_slice(), limit, effort, None, threads);
            for (at, found) in answers.iter().enumerate() {
                print(asked.vocab().token(TokenId(at as u32)), found, at == 0)?;
            }
            return Ok(());
        }
        let row = |id: &String| {
            let key = ids.iter().position(|known| known == id);
            key.and_then(|key| segment.row_of(key as u64)).ok_or_else(|| {
                let suggestions = Vec::new();
                Error::UnknownToken { token: id.clone(), vocabulary: ids.len(), suggestions }
            })
        };
        // All are looked up before the first is answered: a typo gives no half answer.
        let rows = self.ids.iter().map(row).collect::<vecinity::Result<Vec<_>>>()?;
        for (at, (&row, id)) in rows.iter().zip(&self.ids).enumerate() {
            let mut found = index.search(segment.vector(row), limit + 1, None);
            found.retain(|found| found.key != segment.keys()[row]);
            found.truncate(limit);
            print(id, &found, at == 0)?;
        }
        Ok(())
    }
}

/// Measure recall and time of an index against the exact search.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index measure words.index
  vecinity index measure shop.index --queries users.npy --effort 20,50,100")]
struct Measure {
    /// The index folder.
    index: PathBuf,
    /// A file of vectors to ask with [default: a sample of the indexed ones].
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Most queries that are asked.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    sample: usize,
    /// Efforts to measure [default: that of the index].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    effort: Vec<usize>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(serde::Serialize)]
struct Figures {
    vectors: usize,
    limit: usize,
    measured: Vec<Measured>,
    scan_us: f64,
    exact_us: f64,
}

impl Measure {
    fn run(self, output: Output) -> Result<()> {
        let index = index::Index::open(&self.index)?;
        let segment = index.segment();
        let mut queries = match &self.queries {
            Some(file) => queries(file, segment.dim())?,
            None => index::sample(&segment, self.sample, 2),
        };
        queries.values.truncate(self.sample.saturating_mul(segment.dim()));
        let efforts = if self.effort.is_empty() { vec![index.tuned().effort] } else { self.effort };
        let limit = self.limit.get();
        let measured = efforts.iter().map(|&effort| index::measure(&segment, &queries, limit, effort)).collect();
        let few = || queries.values.chunks_exact(segment.dim()).take(100);
        let mut scratch = Scratch::new(segment.dim());
        let scan_us = median(few().map(|query| timed(|| segment.scan(&mut scratch, query, limit, None))));
        let exact = index::Exact::new(segment.vectors(), segment.dim(), segment.metric()).with_threads(1);
        let exact_us = median(few().map(|query| timed(|| exact.nearest(query, limit, &[]))));
        let figures = Figures { vectors: segment.len(), limit, measured, scan_us, exact_us };
        output.answer(&figures, |to| {
            let row = |m: &Measured| {
                let cells = [format!("{:.4}", m.recall), format!("{:.0}", m.per_second)];
                let times = [m.median_us, m.p99_us].map(|us| format!("{us:.1}"));
                [vec![m.effort.to_string()], cells.to_vec(), times.to_vec()].concat()
            };
            let rows: Vec<_> = figures.measured.iter().map(row).collect();
            let header = [">effort", &format!(">recall@{limit}"), ">queries/s", ">median µs", ">p99 µs"];
            table::write(to, &header, &rows)?;
            writeln!(to, "scan of all codes {scan_us:.0} µs, exact search {exact_us:.0} µs; one thread each")
        })
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// A model folder, or a file in any format that can be imported.
fn open(path: &Path) -> vecinity::Result<Embeddings> {
    if Model::is_model(path) {
        Ok(Model::open(path)?.embeddings)
    } else {
        formats::import(path, None, &ReadOptions::default())
    }
}

fn queries(file: &Path, dim: usize) -> vecinity::Result<Queries> {
    let asked = open(file)?;
    check_dim(file, asked.dim(), dim)?;
    Ok(Queries { values: asked.input().as_slice().to_vec(), own: Vec::new() })
}

fn check_dim(file: &Path, found: usize, expected: usize) -> vecinity::Result<()> {
    if found == expected {
        return Ok(());
    }
    let what = format!("its vectors have {found} values, those of the index {expected}");
    Err(Error::input(file, what, "ask with vectors of the same model"))
}

fn ids_file(vocab: &Vocab) -> String {
    vocab.iter().map(|(_, id, _)| serde_json::Value::from(id).to_string() + "\n").collect()
}

fn ids(index: &index::Index, path: &Path) -> vecinity::Result<Vec<String>> {
    let bytes = index.attached(IDS)?;
    let wrong = || Error::model(path.join(IDS), "it does not hold a JSON string a line", "build the index again");
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|_| wrong())).collect()
}
