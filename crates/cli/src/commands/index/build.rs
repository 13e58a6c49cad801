//! `vecinity index build`.

use super::{ids, open, queries};
use crate::choices::choice;
use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;
use vecinity::embeddings::Which;
use vecinity::error::{Error, grouped};
use vecinity::index::{self, Metric, Segment, Settings, Tuned};
use vecinity::model_dir::{IndexOf, Model, WORTH_AN_INDEX};

/// Build the indexes of a model, or an index of the vectors of a model or of a file.
///
/// Of a model, without --output: what 'vecinity serve' and 'vecinity recommend' answer from in place of looking at every item, kept
/// in the model's folder. It pays above some 20,000 items; models below are asked exactly, and get none.
///
/// With --output: an index folder of its own, of a model or of a file: word2vec, GloVe, fastText, npy, safetensors, Parquet,
/// as in vecinity import.
///
/// The effort of searches is chosen so that the wanted share of the true ten nearest is found, on half of a sample of
/// queries; what is printed was measured on the other half. The same input gives the same bytes on any number of threads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index build shop.model
  vecinity index build words.model -o words.index
  vecinity index build shop.model -o shop.index --vectors output --metric dot --queries users.npy
  vecinity index build vectors.npy -o v.index --recall 0.999")]
pub(super) struct Build {
    /// The model folder or the file of vectors.
    model: PathBuf,
    /// The index folder to write [default: the model's own].
    #[arg(short, long, value_name = "INDEX")]
    output: Option<PathBuf>,
    /// Which vectors are indexed.
    #[arg(long, value_parser = choice(&VECTORS), default_value = Which::Input.name(), requires = "output")]
    vectors: Which,
    /// How vectors are compared.
    #[arg(long, value_parser = choice(&Metric::ALL), default_value = Metric::Cosine.name(), requires = "output")]
    metric: Metric,
    /// The share of the true ten nearest that searches are to find.
    #[arg(long, value_name = "SHARE", default_value_t = 0.99)]
    recall: f64,
    /// A file of vectors to tune with, such as those of users [default: a sample of the indexed ones].
    #[arg(long, value_name = "FILE", requires = "output")]
    queries: Option<PathBuf>,
    /// Links of a row [default: 32; 64 for dot].
    #[arg(long, value_name = "N")]
    degree: Option<usize>,
    /// Candidates that a row chooses its links among [default: 128].
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
    pub(super) fn run(mut self, output: Output) -> Result<()> {
        match self.output.take() {
            Some(place) => self.alone(place, output),
            None => self.of_model(output),
        }
    }

    fn settings(&self, metric: Metric) -> vecinity::Result<Settings> {
        let defaults = Settings::for_metric(metric);
        let settings = Settings {
            degree: self.degree.unwrap_or(defaults.degree),
            build_effort: self.build_effort.unwrap_or(defaults.build_effort),
            seed: self.seed,
            threads: self.threads.map_or(defaults.threads, |threads| threads.get().into()),
            ..defaults
        };
        settings.check()?;
        Ok(settings)
    }

    /// The indexes in a model's folder.
    fn of_model(&self, output: Output) -> Result<()> {
        if !Model::is_model(&self.model) && self.model.exists() {
            let what = "no model, whose folder the index could be put into";
            return Err(Error::input(&*self.model, what, "name a place for the index: -o INDEX").into());
        }
        let model = Model::open(&self.model)?;
        if model.embeddings.len() < WORTH_AN_INDEX {
            let what =
                format!("its {} items are looked at faster than an index", grouped(model.embeddings.len() as u64));
            return Err(
                Error::input(&*self.model, what, "nothing has to be done; -o INDEX builds one all the same").into()
            );
        }
        for of in IndexOf::ALL {
            let start = Instant::now();
            let metric = if of == IndexOf::Neighbors { Metric::Cosine } else { Metric::Dot };
            let Some(built) = model.build_index(of, self.recall, Some(self.settings(metric)?))? else {
                output.say("note: the recipe asks tables alone, which need no index");
                continue;
            };
            say_recall(&built.tuned, output);
            output.answer(&built, |to| {
                writeln!(to, "index   {} for {}", built.index.display(), built.of.name())?;
                let how = if built.graph { "a walk" } else { "a scan" };
                writeln!(
                    to,
                    "recall  {:.4} of the nearest ten, measured on {} queries; {how} takes {:.0} µs, all items {:.0} µs",
                    built.measured.recall,
                    grouped(built.measured.queries as u64),
                    built.measured.median_us,
                    built.exact_us
                )?;
                let (megabytes, seconds) = (built.bytes as f64 / 1e6, start.elapsed().as_secs_f64());
                writeln!(to, "wrote   {megabytes:.1} MB, checksummed, {seconds:.1} s")
            })?;
        }
        Ok(())
    }

    /// An index folder of its own.
    fn alone(&self, place: PathBuf, output: Output) -> Result<()> {
        let start = Instant::now();
        let settings = self.settings(self.metric)?;
        let embeddings = open(&self.model)?;
        let vectors = embeddings.vectors(self.vectors)?;
        let queries = self.queries.as_deref().map(|file| queries(file, vectors.dim())).transpose()?;
        let keys: Vec<u64> = (0..vectors.rows() as u64).collect();
        let segment = Segment::build(vectors.as_slice(), vectors.dim(), &keys, self.metric, &settings)?;
        let ids = ids::file(embeddings.vocab());
        let attached = [(ids::NAME, ids.as_bytes())];
        let tuned = index::Index::create(&place, &segment, self.recall, queries.as_ref(), &attached)?;
        say_recall(&tuned, output);
        let built = Built {
            vectors: segment.len(),
            dim: segment.dim(),
            metric: segment.metric().name(),
            graph: segment.degree() > 0,
            unreachable: segment.unreachable(),
            bytes: segment.size(),
            seconds: start.elapsed().as_secs_f64(),
            index: place,
            tuned,
        };
        output.answer(&built, |to| {
            let how = if built.graph { tuned.effort.to_string() } else { "few vectors: all are scanned".into() };
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

fn say_recall(tuned: &Tuned, output: Output) {
    if tuned.recall < tuned.target - 0.02 {
        output.say(format_args!("note: the recall is {:.3} on other queries; more of them tune better", tuned.recall));
    }
}
