//! `vecinity train`: data in, a model folder out.
//!
//! | file | job |
//! |---|---|
//! | `text` | lines of text become word vectors |
//! | `items` | events become a measured recommender |
//! | `listings` | events of a marketplace become sessions with goals and markets |
//! | `conduct` | progress, Ctrl-C, checkpoints: what both have in common |

mod conduct;
mod items;
mod listings;
mod text;

use crate::output::Output;
use crate::progress::Style;
use crate::settings::{Resolved, Settings, parse_duration};
use anyhow::Result;
use clap::Args;
use conduct::Conduct;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vecinity::Error;
use vecinity::config::{Config, Kind};
use vecinity::corpus::Corpus;
use vecinity::error::grouped;
use vecinity::metadata::Metadata;
use vecinity::model_dir::{self, Origin};
use vecinity::train::{Progress, Trained};
use vecinity::vocab::Vocab;

pub(crate) use items::{Items, describe as describe_items};
pub(crate) use text::{read as read_text, warn as warn_of_text};

/// Train embeddings: of words from text, of items from events, sequences or sets.
#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  vecinity train book.txt -o words.model
  vecinity train clicks.csv -o shop.model --metadata movies.csv
  vecinity train 'logs/*.parquet' -o shop.model --columns user=uid,item=sku,time=ts --holdout time
  vecinity train baskets.txt -o baskets.model --kind set       (one basket of ids a line)
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

/// How a training run is conducted, apart from its settings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) resume: bool,
    pub(crate) checkpoint_every: Option<Duration>,
    pub(crate) progress: Style,
    pub(crate) dry_run: bool,
}

impl Train {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let how = How {
            resume: self.resume,
            checkpoint_every: self.checkpoint_every,
            progress: self.progress,
            dry_run: self.dry_run,
        };
        let Resolved { config, guessed_kind } = self.settings.resolve(&self.data)?;
        if config.data.files.is_empty() {
            return Err(Error::data("no data given", "name at least one file, or - for standard input").into());
        }
        if !how.dry_run {
            model_dir::check_output(&self.output)?;
        }
        if config.data.kind == Kind::Text {
            if guessed_kind {
                output.say("kind    text (--kind text|sequence|set says otherwise)");
            }
            return text::train(&config, &self.output, how, output);
        }
        let metadata = load_metadata(&config)?;
        let mut items = Items::read(config, guessed_kind, &self.settings, self.output.parent(), output)?;
        items.join_metadata(metadata.as_ref())?;
        items.train(metadata.as_ref(), &self.output, how, output)
    }
}

/// Metadata with the file it comes from.
pub(crate) struct Titles {
    pub(crate) metadata: Metadata,
    file: PathBuf,
}

/// The metadata of a configuration, if it names some.
pub(crate) fn load_metadata(config: &Config) -> vecinity::Result<Option<Titles>> {
    let read = |file: &PathBuf| Ok(Titles { metadata: Metadata::parse(file)?, file: file.clone() });
    config.data.metadata.as_ref().map(read).transpose()
}

impl Titles {
    /// Says how many ids match; none is an error.
    pub(crate) fn say(&self, vocab: &Vocab, output: Output) -> vecinity::Result<()> {
        let matching = self.metadata.matching(vocab);
        matching.require(&self.file)?;
        output.say(format_args!("titles  {matching}"));
        Ok(())
    }
}

/// Where the checkpoint of a model lies while it is trained.
fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    model.with_file_name(name)
}

fn origin(corpus: &Corpus, trained: &Trained, conduct: &Conduct) -> Origin {
    Origin::Trained {
        data: corpus.fingerprint().to_owned(),
        corpus_tokens: corpus.tokens().len() as u64,
        sequences: corpus.sequences() as u64,
        loss: conduct.last_loss(),
        seconds: trained.progress.seconds,
    }
}

#[derive(serde::Serialize)]
struct Done<'a> {
    model: &'a Path,
    tokens: usize,
    dim: usize,
    epochs: u32,
    seconds: f64,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation: Option<&'a vecinity::recommend::Evaluation>,
}

/// Says what was made and what to do next: `next` is a command that takes a model and a token.
fn finish(config: &Config, path: &Path, vocab: &Vocab, end: &Progress, next: &str, output: Output) -> Result<()> {
    let done = Done {
        model: path,
        tokens: vocab.len(),
        dim: config.train.dim,
        epochs: config.train.epochs,
        seconds: end.seconds,
        tokens_per_second: end.tokens_per_second,
        evaluation: None,
    };
    output.say(format_args!(
        "train   {} epochs in {:.1} s, {} tokens/s",
        config.train.epochs,
        end.seconds,
        grouped(end.tokens_per_second as u64)
    ));
    output.answer(&done, |to| {
        let name = path.display();
        writeln!(to, "wrote   {name}                             Next:  vecinity {next} {name} '{}'", example(vocab))
    })
}

/// A token that is neither the most frequent nor rare.
fn example(vocab: &Vocab) -> &str {
    vocab.iter().nth(vocab.len() / 50).map_or("", |(_, token, _)| token)
}
