//! Experiments on histories of items.

use crate::output::Output;
use crate::settings::Events;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vecinity::config::{Config, Kind};
use vecinity::corpus::expand;
use vecinity::error::grouped;
use vecinity::histories::Histories;
use vecinity::lab::{Options, Page, Watch};
use vecinity::{Error, events};

/// Data, and what is spent on it.
#[derive(Debug, Args)]
pub(super) struct Items {
    /// Events or histories: files, folders, patterns, or - for standard input; .gz and .zst are unpacked.
    #[arg(required = true)]
    data: Vec<String>,
    /// The folder for the page (Markdown), its figures (JSON) and pictures (SVG).
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Trainings of each kind: figures are means over them.
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
    /// Examples that a training learns from.
    #[arg(long, value_name = "N", default_value_t = 600_000)]
    examples: u64,
    /// Threads, each with a training of its own [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    events: Events,
}

/// An experiment.
type Experiment = fn(&Histories, &Options, Watch<'_>) -> vecinity::Result<Page>;

#[derive(serde::Serialize)]
struct Answered<'a> {
    question: &'static str,
    summary: &'a [String],
    files: &'a [PathBuf],
    figures: &'a serde_json::Value,
    seconds: f64,
}

impl Items {
    pub(super) fn run(self, question: &'static str, experiment: Experiment, output: Output) -> Result<()> {
        let begun = Instant::now();
        let mut config = Config::profile(Kind::Sequence);
        self.events.given().apply_events(&mut config);
        if config.data.weighted {
            return Err(
                Error::setting("weighted", "given", "nothing of the kind in the lab: events count alike").into()
            );
        }
        if self.output.is_file() {
            return Err(Error::input(self.output, "is a file", "name a folder with -o").into());
        }
        config.train.threads =
            self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
        let (histories, report) = events::read(&expand(&self.data)?, &config.events(None))?;
        let histories = histories.learned_with(config.data.repeats, false);
        output.say(format_args!(
            "read    {} events, {} histories, {} items",
            grouped(report.events),
            grouped(report.histories),
            grouped(histories.items().len() as u64)
        ));
        let name = |file: &String| Path::new(file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names: Vec<String> = self.data.iter().map(name).collect();
        let options = Options {
            seeds: self.seeds,
            examples: self.examples,
            threads: config.train.threads,
            data: names.join(", "),
            command: format!(
                "vecinity lab {question} {} --seeds {} --examples {}",
                names.join(" "),
                self.seeds,
                self.examples
            ),
        };
        let page = experiment(&histories, &options, &mut |line| output.say(line))?;
        let files = page.write(&self.output)?;
        let seconds = begun.elapsed().as_secs_f64();
        let answered = Answered { question, summary: &page.summary, files: &files, figures: &page.figures, seconds };
        output.answer(&answered, |to| {
            for line in &page.summary {
                writeln!(to, "{line}")?;
            }
            let page = files.last().map(|page| page.display().to_string()).unwrap_or_default();
            writeln!(to, "wrote   {page} with its figures and pictures   {seconds:.0} s")
        })
    }
}
