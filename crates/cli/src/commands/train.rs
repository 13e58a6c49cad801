//! `vecinity train`: data in, a model folder out.

use crate::interrupt;
use crate::output::Output;
use crate::progress::{Reporter, Style};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vecinity::config::{Config, Kind};
use vecinity::corpus::{self, BadUtf8, Corpus, Tokens};
use vecinity::error::grouped;
use vecinity::metadata::Metadata;
use vecinity::model_dir::{self, NewModel, Origin};
use vecinity::models::ModelConfig;
use vecinity::models::word2vec::{Architecture, CbowGradient, Objective, Sharing};
use vecinity::train::{Checkpoint, Control};
use vecinity::{Error, TokenId};

/// Train embeddings from text, sequences of ids or sets of ids (one a line).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity train book.txt -o words.model
  vecinity train 'logs/*.txt.gz' -o shop.model --kind sequence --metadata items.csv
  vecinity train baskets.txt -o baskets.model --kind set --dim 64
  vecinity train book.txt -o words.model --resume          (after Ctrl-C or a crash)")]
pub(crate) struct Train {
    /// Files, folders, patterns, or - for standard input; .gz and .zst are unpacked.
    data: Vec<String>,
    /// The model folder to make; an older model there is replaced at the end.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    #[command(flatten)]
    pub(super) settings: Settings,
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
}

/// What is read and how it is learned; everything has a default that depends on the kind of data.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Settings {
    /// Settings from a file; flags go before it.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What the lines are: text, sequence (ids in order) or set (ids without order).
    #[arg(long, value_parser = crate::choices::choice(&Kind::ALL))]
    kind: Option<Kind>,
    /// Skip-gram or CBOW.
    #[arg(long, value_parser = crate::choices::choice(&MODELS))]
    model: Option<Architecture>,
    /// Negative sampling or hierarchical softmax.
    #[arg(long, value_parser = crate::choices::choice(&LOSSES))]
    loss: Option<Objective>,
    /// Values in a vector.
    #[arg(long, value_name = "N")]
    dim: Option<usize>,
    /// Tokens on either side that count as context, or 'all' for the set form.
    #[arg(long, value_name = "N|all")]
    window: Option<String>,
    /// Keep all windows at their full size instead of drawing each from 1 to N.
    #[arg(long)]
    fixed_window: bool,
    /// Noise tokens for each pair.
    #[arg(long, value_name = "N")]
    negatives: Option<usize>,
    /// Noise is drawn with probability count^X; 0 is uniform, negative values prefer rare items.
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    noise_exponent: Option<f64>,
    /// Which inputs meet the same noise: pair (word2vec.c's way), window (most accurate), wide (fastest).
    #[arg(long, value_parser = crate::choices::choice(&SHARING))]
    noise_sharing: Option<Sharing>,
    /// What a context word of CBOW receives: the undivided gradient (word2vec.c's way) or the true one.
    #[arg(long, value_parser = crate::choices::choice(&GRADIENTS))]
    cbow_gradient: Option<CbowGradient>,
    /// Relative frequency above which tokens begin to be left out at random; 0 switches it off.
    #[arg(long, value_name = "T")]
    subsample: Option<f64>,
    /// Leave out tokens that occur less often.
    #[arg(long, value_name = "N")]
    min_count: Option<u64>,
    /// Keep only the N most frequent tokens; bounds the memory of counting.
    #[arg(long, value_name = "N")]
    max_vocab: Option<usize>,
    /// Passes over the data.
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Learning rate at the start (0.025; CBOW 0.05).
    #[arg(long, visible_alias = "lr", value_name = "X")]
    learning_rate: Option<f32>,
    /// Threads; one thread and one seed give the same bytes in every run [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where all chance comes from.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// What a token is: whitespace, words (Unicode words) or chinese (dictionary words).
    #[arg(long, value_parser = crate::choices::choice(&Tokens::ALL))]
    tokens: Option<Tokens>,
    /// Turn text to lower case.
    #[arg(long)]
    lowercase: bool,
    /// Encoding of the text: utf-8, latin1, gbk, utf-16le, ...
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// What to do with bytes that are no UTF-8: fail, skip the line, or replace them.
    #[arg(long, value_parser = crate::choices::choice(&BadUtf8::ALL))]
    bad_utf8: Option<BadUtf8>,
    /// Join these phrases, as learned by `vecinity phrases learn`.
    #[arg(long, value_name = "FILE")]
    phrases: Option<PathBuf>,
    /// Titles and fields of the tokens: CSV, TSV or JSON Lines with a column 'id'.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

const MODELS: [(&str, Architecture); 2] = [("skipgram", Architecture::SkipGram), ("cbow", Architecture::Cbow)];
const LOSSES: [(&str, Objective); 2] = [("ns", Objective::Ns), ("hs", Objective::Hs)];
const SHARING: [(&str, Sharing); 3] = [("pair", Sharing::Pair), ("window", Sharing::Window), ("wide", Sharing::Wide)];
const GRADIENTS: [(&str, CbowGradient); 2] = [("undivided", CbowGradient::Undivided), ("true", CbowGradient::True)];

/// Takes a flag's value over a setting, if the flag was given.
fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        *setting = value.clone();
    }
}

impl Settings {
    /// The whole configuration: flags over the file over the profile of the kind.
    pub(super) fn resolve(&self, files: &[String], output: Output) -> Result<Config> {
        let all = self.window.as_deref() == Some("all");
        let kind = match self.kind {
            Some(kind) => kind,
            None if all => Kind::Set,
            None => super::inspect::guess_kind(files)?,
        };
        if self.kind.is_none() && self.config.is_none() {
            output.say(format_args!("kind    {} (--kind text|sequence|set says otherwise)", kind.name()));
        }
        let mut config = match &self.config {
            Some(path) => Config::read(path)?,
            None => Config::profile(kind),
        };
        if !files.is_empty() {
            config.data.files = files.to_vec();
        }
        self.apply_data(&mut config, all);
        self.apply_train(&mut config);
        self.apply_model(&mut config, all)?;
        config.train.check()?;
        Ok(config)
    }

    fn apply_data(&self, config: &mut Config, all: bool) {
        let data = &mut config.data;
        set(&mut data.kind, self.kind.as_ref());
        if all {
            data.kind = Kind::Set;
        }
        set(&mut data.min_count, self.min_count.as_ref());
        set(&mut data.tokens, self.tokens.as_ref());
        set(&mut data.encoding, self.encoding.as_ref());
        set(&mut data.bad_utf8, self.bad_utf8.as_ref());
        data.max_vocab = self.max_vocab.or(data.max_vocab);
        data.phrases = self.phrases.clone().or_else(|| data.phrases.take());
        data.metadata = self.metadata.clone().or_else(|| data.metadata.take());
        data.lowercase |= self.lowercase;
    }

    fn apply_train(&self, config: &mut Config) {
        let train = &mut config.train;
        set(&mut train.dim, self.dim.as_ref());
        set(&mut train.epochs, self.epochs.as_ref());
        set(&mut train.subsample, self.subsample.as_ref());
        set(&mut train.seed, self.seed.as_ref());
        train.threads = self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
        if self.model == Some(Architecture::Cbow) && self.config.is_none() {
            train.learning_rate = 0.05;
        }
        set(&mut train.learning_rate, self.learning_rate.as_ref());
    }

    fn apply_model(&self, config: &mut Config, all: bool) -> Result<()> {
        // A window turns a set profile back into a sequence model.
        let windowed = self.window.is_some() && !all;
        if windowed && matches!(config.model, ModelConfig::Item2vec(_)) {
            if config.data.kind == Kind::Set && self.kind.is_some() {
                return Err(
                    Error::setting("window", self.window.as_deref().unwrap_or(""), "'all' for --kind set").into()
                );
            }
            config.model = Config::profile(Kind::Sequence).model;
        }
        if all && matches!(config.model, ModelConfig::Word2vec(_)) {
            config.model = Config::profile(Kind::Set).model;
        }
        match &mut config.model {
            ModelConfig::Word2vec(model) => {
                if let Some(window) = &self.window {
                    let number = window.parse();
                    model.window = number.map_err(|_| Error::setting("window", window, "a number, or 'all'"))?;
                }
                set(&mut model.model, self.model.as_ref());
                set(&mut model.loss, self.loss.as_ref());
                set(&mut model.negatives, self.negatives.as_ref());
                set(&mut model.noise_exponent, self.noise_exponent.as_ref());
                set(&mut model.noise_sharing, self.noise_sharing.as_ref());
                set(&mut model.cbow_gradient, self.cbow_gradient.as_ref());
                model.shrink_windows &= !self.fixed_window;
            }
            ModelConfig::Item2vec(model) => {
                set(&mut model.negatives, self.negatives.as_ref());
                set(&mut model.noise_exponent, self.noise_exponent.as_ref());
                let foreign = [
                    ("model", self.model == Some(Architecture::Cbow)),
                    ("loss", self.loss == Some(Objective::Hs)),
                    ("noise_sharing", self.noise_sharing.is_some()),
                    ("fixed_window", self.fixed_window),
                ];
                if let Some((name, _)) = foreign.into_iter().find(|(_, given)| *given) {
                    return Err(Error::setting(name, "given", "no such setting for --kind set: the set form is skip-gram with negative sampling over all pairs").into());
                }
            }
        }
        Ok(())
    }
}

impl Train {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let config = self.settings.resolve(&self.data, output)?;
        train(&config, &self.output, self.how(), output).map(drop)
    }

    fn how(&self) -> How {
        How {
            resume: self.resume,
            checkpoint_every: self.checkpoint_every,
            progress: self.progress,
            dry_run: self.dry_run,
        }
    }
}

/// How a training run is conducted, apart from its settings.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct How {
    pub(crate) resume: bool,
    pub(crate) checkpoint_every: Option<Duration>,
    pub(crate) progress: Style,
    pub(crate) dry_run: bool,
}

/// Trains and writes the model. Also what `vecinity word2vec` and `vecinity demo` do.
pub(crate) fn train(config: &Config, path: &Path, how: How, output: Output) -> Result<()> {
    if config.data.files.is_empty() {
        return Err(Error::data("no data given", "name at least one file, or - for standard input").into());
    }
    if !how.dry_run {
        model_dir::check_output(path)?;
    }
    let metadata = config.data.metadata.as_deref().map(Metadata::parse).transpose()?;
    let corpus = read(config, path.parent(), output)?;
    if let (Some(metadata), Some(file)) = (&metadata, &config.data.metadata) {
        let matching = metadata.matching(corpus.vocab());
        matching.require(file)?;
        output.say(format_args!("titles  {matching}"));
    }
    warn(config, &corpus, output);
    if how.dry_run {
        return super::inspect::dry_run(config, &corpus, output);
    }
    let checkpoint = checkpoint_path(path);
    let run = config.identity(corpus.fingerprint());
    let from = how.resume.then(|| resume(&checkpoint, &run, output)).transpose()?.flatten();
    let interrupt = interrupt::watch()?;
    let mut reporter = Reporter::new(how.progress, output);
    let mut saved = Instant::now();
    let mut observe = |progress: &vecinity::train::Progress| {
        reporter.step(progress);
        if interrupt.requested() {
            Control::Stop
        } else if how.checkpoint_every.is_some_and(|every| saved.elapsed() >= every) {
            saved = Instant::now();
            Control::Checkpoint
        } else {
            Control::Continue
        }
    };
    let mut save = |state: &Checkpoint| state.save(&checkpoint, &run);
    let result = config.model.fit(&corpus, &config.train, from, &mut observe, &mut save);
    reporter.end();
    let trained = result.map_err(|error| match error {
        Error::Interrupted { .. } => Error::Interrupted { checkpoint: Some(checkpoint.clone()) },
        other => other,
    })?;
    let origin = Origin::Trained {
        data: corpus.fingerprint().to_owned(),
        corpus_tokens: corpus.tokens().len() as u64,
        sequences: corpus.sequences() as u64,
        loss: reporter.last_loss(),
        seconds: trained.progress.seconds,
    };
    let model = NewModel {
        metadata: metadata.as_ref(),
        config: Some(config),
        training: reporter.into_log(),
        ..NewModel::trained(corpus.vocab(), &trained, origin)
    };
    model.save(path)?;
    if checkpoint.exists() {
        std::fs::remove_dir_all(&checkpoint).map_err(Error::io(&checkpoint, "remove"))?;
    }
    finish(config, path, &corpus, &trained.progress, output)
}

/// Reads the data and says what was found.
pub(super) fn read(config: &Config, beside: Option<&Path>, output: Output) -> Result<Corpus> {
    let begun = Instant::now();
    let sources = corpus::expand(&config.data.files)?;
    let work = beside.map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p }).map(Path::to_owned);
    let corpus = corpus::read(&sources, &config.reading(work)?)?;
    let report = corpus.report();
    let seconds = begun.elapsed().as_secs_f64();
    output.say(format_args!(
        "read    {} lines, {} tokens, {:.1} MB from {} file{}   {seconds:.1} s",
        grouped(report.lines),
        grouped(report.tokens),
        report.bytes as f64 / 1e6,
        report.files,
        if report.files == 1 { "" } else { "s" },
    ));
    output.say(format_args!(
        "vocab   {} of {} distinct tokens (min-count {}), {} occurrences kept",
        grouped(corpus.vocab().len() as u64),
        grouped(report.distinct),
        config.data.min_count,
        grouped(report.kept_tokens),
    ));
    Ok(corpus)
}

/// Says aloud what will probably disappoint.
pub(super) fn warn(config: &Config, corpus: &Corpus, output: Output) {
    let report = corpus.report();
    if report.skipped_lines > 0 {
        output.say(format_args!("note    {} lines left out: not UTF-8", grouped(report.skipped_lines)));
    }
    if report.pruned_below > 0 {
        output.say(format_args!(
            "note    counting ran over --max-vocab: tokens seen {} times or less may have been forgotten",
            report.pruned_below
        ));
    }
    if report.han_runs * 20 > report.tokens && config.data.tokens == Tokens::Whitespace {
        output.say("warning Chinese or Japanese text without spaces: each 'token' is a phrase. --tokens chinese cuts it into words");
    }
    let keep = vecinity::train::survival(corpus.vocab(), config.train.subsample);
    let survivors: f64 = corpus.vocab().iter().map(|(TokenId(row), _, n)| keep[row as usize] * n as f64).sum();
    let per_sequence = survivors / corpus.sequences().max(1) as f64;
    if per_sequence < 2.0 {
        output.say(format_args!(
            "warning {per_sequence:.2} tokens a sequence are left after subsampling; at least 2 are needed to learn from one. \
             --subsample 0 keeps all"
        ));
    }
}

/// Where the checkpoint of a model lies while it is trained.
fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    model.with_file_name(name)
}

fn resume(folder: &Path, run: &str, output: Output) -> Result<Option<Checkpoint>> {
    if !folder.exists() {
        output.say(format_args!("resume  no checkpoint at {}: training from the start", folder.display()));
        return Ok(None);
    }
    let checkpoint = Checkpoint::load(folder, run)?;
    output.say(format_args!("resume  {} (same data, same settings)", folder.display()));
    Ok(Some(checkpoint))
}

#[derive(serde::Serialize)]
struct Done<'a> {
    model: &'a Path,
    tokens: usize,
    dim: usize,
    epochs: u32,
    seconds: f64,
    tokens_per_second: f64,
}

fn finish(
    config: &Config,
    path: &Path,
    corpus: &Corpus,
    end: &vecinity::train::Progress,
    output: Output,
) -> Result<()> {
    let done = Done {
        model: path,
        tokens: corpus.vocab().len(),
        dim: config.train.dim,
        epochs: config.train.epochs,
        seconds: end.seconds,
        tokens_per_second: end.tokens_per_second,
    };
    output.say(format_args!(
        "train   {} epochs in {:.1} s, {} tokens/s",
        config.train.epochs,
        end.seconds,
        grouped(end.tokens_per_second as u64)
    ));
    output.answer(&done, |to| {
        let name = path.display();
        let (token, _) = (corpus.vocab().token(TokenId(0)), ());
        let example = corpus.vocab().iter().nth(corpus.vocab().len() / 50).map_or(token, |(_, token, _)| token);
        writeln!(to, "wrote   {name}                             Next:  vecinity neighbors {name} '{example}'")
    })
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("'{unit}' is no unit of time; use s, m or h")),
    };
    let number: f64 = number.parse().map_err(|_| format!("'{number}' is no number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|e| e.to_string())
}
