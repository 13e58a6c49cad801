//! `vecinity train`: data in, a model folder out.

use crate::figures;
use crate::interrupt;
use crate::output::Output;
use crate::progress::{Reporter, Style};
use crate::settings::{Settings, parse_duration};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vecinity::error::grouped;
use vecinity::run::{self, Data, Done, How, Prepared, Show};
use vecinity::stop::Stop;
use vecinity::train::{Control, Progress};

/// Train embeddings: of words from text, of items from events, sequences or sets, of nodes from graphs.
#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  vecinity train book.txt -o words.model
  vecinity train clicks.csv -o shop.model --metadata movies.csv
  vecinity train 'logs/*.parquet' -o shop.model --columns user=uid,item=sku,time=ts --holdout time
  vecinity train baskets.txt -o baskets.model --kind set       (one basket of ids a line)
  vecinity train edges.tsv -o graph.model --kind graph         (from, to and perhaps a weight a line)
  vecinity train book.txt -o words.model --resume              (after Ctrl-C or a crash)

Models of items are measured on held-out events beside simple baselines; `--holdout none` leaves that out."
)]
pub(crate) struct Train {
    /// Files, folders, patterns, or - for standard input; .gz and .zst are unpacked.
    data: Vec<String>,
    /// The model folder to make; an older model there is replaced at the end.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// Go on from the checkpoint of a stopped run with the same data and settings.
    #[arg(long)]
    resume: bool,
    /// Write a checkpoint this often, such as 30s, 5m or 1h.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    checkpoint_every: Option<Duration>,
    /// How progress is shown: a bar on terminals, else a line every ten seconds.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Style,
    /// Show what would be trained, and stop.
    #[arg(long)]
    dry_run: bool,
    // Last, since the headings of its flags would go on over those behind them.
    #[command(flatten)]
    settings: Settings,
}

impl Train {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let (given, data) = (self.settings.given(), Data::Files(self.data));
        if self.dry_run {
            return match run::prepare(&given, &data, self.output.parent(), &mut output.clone())? {
                Prepared::Text(text) => super::inspect::dry_run(&text.config, &text.corpus, output),
                Prepared::Items(items) => super::inspect::dry_run_of_items(&items, output),
            };
        }
        let how = How { resume: self.resume, checkpoint_every: self.checkpoint_every };
        let mut shown = Shown::new(self.progress, output)?;
        let done = shown.stop.clone().during(|| run::train(&given, &data, &self.output, how, &mut shown));
        shown.reporter.end();
        finish(&self.output, &done?, output)
    }
}

/// Shows a run, and stops it at Ctrl-C.
struct Shown {
    output: Output,
    stop: Stop,
    reporter: Reporter,
    stages: bool,
}

impl Shown {
    fn new(style: Style, output: Output) -> Result<Self> {
        let (stop, reporter) = (interrupt::watch()?, Reporter::new(style, output));
        Ok(Self { output, stop, reporter, stages: style.shows() })
    }
}

impl Show for Shown {
    fn say(&mut self, text: &str) {
        self.reporter.end();
        self.output.say(text);
    }

    fn stage(&mut self, text: &str) {
        self.reporter.end();
        if self.stages {
            self.output.say(text);
        }
    }

    fn progress(&mut self, progress: &Progress) -> Control {
        self.reporter.step(progress);
        if self.stop.requested() { Control::Stop } else { Control::Continue }
    }

    fn note(&mut self, event: &serde_json::Value) {
        self.reporter.note(event);
    }
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    model: &'a Path,
    tokens: usize,
    dim: usize,
    epochs: u32,
    seconds: f64,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation: Option<&'a vecinity::recommend::Evaluation>,
}

/// Says what was made and what to do next.
fn finish(path: &Path, done: &Done, output: Output) -> Result<()> {
    let Done { tokens, dim, epochs, seconds, tokens_per_second, .. } = *done;
    let evaluation = done.evaluation.as_ref();
    let answer = Answer { model: path, tokens, dim, epochs, seconds, tokens_per_second, evaluation };
    if evaluation.is_none() {
        let rate = grouped(tokens_per_second as u64);
        output.say(format_args!("train   {epochs} epochs in {seconds:.1} s, {rate} tokens/s"));
    }
    output.answer(&answer, |to| {
        if let Some(evaluation) = evaluation {
            figures::write(evaluation, to)?;
        }
        if let Some(recipe) = &done.recipe {
            writeln!(to, "recipe  {recipe}")?;
        }
        let (name, example) = (path.display(), &done.example);
        let next = match done.recipe {
            Some(_) => format!("vecinity recommend {name} --history '{example}'"),
            None => format!("vecinity neighbors {name} '{example}'"),
        };
        writeln!(to, "wrote   {name}                             Next:  {next}")
    })
}
