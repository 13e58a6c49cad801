//! The flags of what is read and how it is learned, and how they make a configuration.

mod network;

use anyhow::Result;
use clap::Args;
use network::Network;
use std::path::PathBuf;
use std::time::Duration;
use vecinity::Error;
use vecinity::baselines::BaselineKind;
use vecinity::config::{Config, File, Kind};
use vecinity::corpus::{BadUtf8, Tokens, expand};
use vecinity::eval::recommend::Holdout;
use vecinity::events;
use vecinity::histories::Repeats;
use vecinity::models::word2vec::{Architecture, CbowGradient, Objective, Sharing};
use vecinity::models::youtube::LossKind;
use vecinity::models::{ModelConfig, airbnb};

/// The names of all flags of [`Settings`]: what the environment may set too, as `VECINITY_NAME`.
pub(crate) fn names() -> Vec<String> {
    let command = Settings::augment_args(clap::Command::new("settings"));
    command.get_arguments().map(|argument| argument.get_id().to_string()).collect()
}

/// What is read and how it is learned; everything has a default that depends on the kind of data.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Settings {
    /// Settings from a file (`vecinity config show` prints one); flags, and variables such as VECINITY_DIM, go before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the data is: text, sequence (items in order) or set (items without order); found out if absent.
    #[arg(long, value_parser = crate::choices::choice(&Kind::ALL))]
    kind: Option<Kind>,
    /// Titles and fields of the tokens: CSV, TSV or JSON Lines with a column 'id'.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    learning: Learning,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    text: Text,
    #[command(flatten)]
    events: Events,
    #[command(flatten)]
    judging: Judging,
}

/// How it is learned.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Learning")]
struct Learning {
    /// Skip-gram, CBOW, or YouTube's network from histories to user vectors [default: skipgram].
    #[arg(long, value_parser = crate::choices::choice(&MODELS))]
    model: Option<Model>,
    /// Negative sampling (ns) or hierarchical softmax (hs) [default: ns]. Of networks: the whole softmax (full), sampled,
    /// in-batch, mixed or gbce [default: full below 20,000 items, else mixed].
    #[arg(long, value_parser = crate::choices::choice(&LOSSES))]
    loss: Option<Loss>,
    /// Values in a vector [default: 100 for text, 64 for items].
    #[arg(long, value_name = "N")]
    dim: Option<usize>,
    /// Tokens on either side that count as context [default: 5 for text, 10 for items], or 'all' for the set form.
    #[arg(long, value_name = "N|all")]
    window: Option<String>,
    /// Keep all windows at their full size instead of drawing each from 1 to N.
    #[arg(long)]
    fixed_window: bool,
    /// Learn a token only from those before it: what comes next. The default for sequences, unless many events share their
    /// time; say false for both sides.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    directed: Option<bool>,
    /// Noise tokens for each pair [default: 5 for text, 10 for items]. Of networks: items drawn for a step [default: 4096].
    #[arg(long, value_name = "N")]
    negatives: Option<usize>,
    /// Noise is drawn with probability count^X; 0 is uniform, negative values prefer rare items [default: 0.75 for text, 0.5
    /// for items].
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    noise_exponent: Option<f64>,
    /// Which inputs meet the same noise: pair (word2vec.c's way), window (most accurate), wide (fastest)
    /// [default: wide].
    #[arg(long, value_parser = crate::choices::choice(&SHARING))]
    noise_sharing: Option<Sharing>,
    /// What a context word of CBOW receives: the undivided gradient (word2vec.c's way) or the true one
    /// [default: undivided].
    #[arg(long, value_parser = crate::choices::choice(&GRADIENTS))]
    cbow_gradient: Option<CbowGradient>,
    /// Larger sets are cut into random parts of at most N items, anew in every epoch [default: 8].
    #[arg(long, value_name = "N")]
    largest_set: Option<usize>,
    /// Relative frequency above which tokens begin to be left out at random; 0 switches it off [default: 0.001 for text, 0 for items].
    #[arg(long, value_name = "T")]
    subsample: Option<f64>,
    /// Leave out tokens that occur less often [default: 5 for text, 2 for items].
    #[arg(long, value_name = "N")]
    min_count: Option<u64>,
    /// Passes over the data; auto stops when validation gets worse [default: 5 for text, auto for items].
    #[arg(long, value_name = "N|auto")]
    epochs: Option<String>,
    /// Learning rate at the start [default: 0.025; CBOW 0.05]. Of networks: the largest one [default: 0.002].
    #[arg(long, visible_alias = "lr", value_name = "X")]
    learning_rate: Option<f32>,
    /// Threads; one thread and one seed give the same bytes in every run [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Where all chance comes from [default: 1].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// How text is read.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Text")]
struct Text {
    /// Keep only the N most frequent tokens; bounds the memory of counting.
    #[arg(long, value_name = "N")]
    max_vocab: Option<usize>,
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
}

/// How events are read.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Events")]
pub(crate) struct Events {
    /// How tables of events are written: csv, tsv, jsonl, parquet, or lines of ids; from name and first bytes if absent.
    #[arg(long, value_parser = crate::choices::choice(&events::Format::ALL))]
    format: Option<events::Format>,
    /// Which column holds what: user=NAME,item=NAME,time=NAME,weight=NAME,event=NAME,session=NAME, or numbers from 1.
    #[arg(long, value_name = "ROLE=NAME,...")]
    columns: Option<events::Named>,
    /// Only events of these kinds (values of the event column).
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    events: Vec<String>,
    /// A pause of at least this long begins a new sequence, such as 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    session_gap: Option<Duration>,
    /// The kind of event that a session ends in (booked, bought): every click of the session learns it, however far away.
    /// Sessions are those of the session column then.
    #[arg(long, value_name = "EVENT")]
    global_context: Option<String>,
    /// The column of the items' markets, of --metadata or of the events: noise is drawn from the market of a click too.
    #[arg(long, value_name = "COLUMN")]
    local_negatives: Option<String>,
    /// The kind of event by which a request is rejected: the item becomes a negative of the clicks of its session.
    #[arg(long, value_name = "EVENT")]
    reject: Option<String>,
    /// Leave out clicks that were looked at for less, such as 30s (the time to the next event of the session).
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    min_dwell: Option<Duration>,
    /// Learn sessions that end in the goal this many times in an epoch [default: 1].
    #[arg(long, value_name = "N")]
    oversample: Option<u32>,
    /// How many negatives are drawn from the market of a click [default: 5].
    #[arg(long, value_name = "N")]
    market_negatives: Option<usize>,
    /// What to do with an item that comes again in a history: first (only its first time counts), collapse (repeats in
    /// a row count once) or keep.
    #[arg(long, value_parser = crate::choices::choice(&Repeats::ALL))]
    repeats: Option<Repeats>,
    /// Learn more from events of more weight (a rating, a quantity).
    #[arg(long)]
    weighted: bool,
    /// What to do with rows that cannot be read: fail, skip, or skip up to a share of them, such as skip:1%.
    #[arg(long, value_name = "HOW")]
    bad_rows: Option<events::BadRows>,
    /// MiB that events may take in memory; beyond, they are sorted on disk.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    memory_limit: Option<u64>,
}

/// How a model of items is judged and asked.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Judging (items)")]
struct Judging {
    /// What is held out: last, time, time:0.1, time:2026-11-01, basket, random:5% or none.
    #[arg(long, value_name = "WHAT")]
    holdout: Option<Holdout>,
    /// The simple recommenders that the model has to beat: popularity, next-item, item-knn, als, ease.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    baselines: Vec<BaselineKind>,
    /// Stop after so many epochs in a row that are worse on validation than the best, by more than chance; 0: train all.
    #[arg(long, value_name = "N")]
    patience: Option<u32>,
    /// Do not offer a blend of vectors and counts.
    #[arg(long)]
    no_blend: bool,
    /// Keep the model that was measured, instead of training it again on everything.
    #[arg(long)]
    no_refit: bool,
}

/// The models, by the names people know them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    Word2vec(Architecture),
    Youtube,
}

/// The losses of all models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    Word2vec(Objective),
    Youtube(LossKind),
}

const MODELS: [(&str, Model); 3] = [
    ("skipgram", Model::Word2vec(Architecture::SkipGram)),
    ("cbow", Model::Word2vec(Architecture::Cbow)),
    ("youtube", Model::Youtube),
];
const LOSSES: [(&str, Loss); 7] = [
    ("ns", Loss::Word2vec(Objective::Ns)),
    ("hs", Loss::Word2vec(Objective::Hs)),
    ("full", Loss::Youtube(LossKind::Full)),
    ("sampled", Loss::Youtube(LossKind::Sampled)),
    ("in-batch", Loss::Youtube(LossKind::InBatch)),
    ("mixed", Loss::Youtube(LossKind::Mixed)),
    ("gbce", Loss::Youtube(LossKind::Gbce)),
];
const SHARING: [(&str, Sharing); 3] = [("pair", Sharing::Pair), ("window", Sharing::Window), ("wide", Sharing::Wide)];
const GRADIENTS: [(&str, CbowGradient); 2] = [("undivided", CbowGradient::Undivided), ("true", CbowGradient::True)];

/// Takes a flag's value over a setting, if the flag was given.
fn set<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(value) = flag {
        *setting = value.clone();
    }
}

/// A configuration, and whether the kind of data was told.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) config: Config,
    /// Whether the kind was guessed and may be corrected once the data is read.
    pub(crate) guessed_kind: bool,
}

impl Settings {
    /// The configuration file, if one is named.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// Names of the settings of learning that a flag or a variable of the environment has fixed.
    pub(crate) fn fixed(&self) -> Vec<String> {
        let flags = &self.learning;
        let all = [
            ("dim", flags.dim.is_some()),
            ("window", flags.window.is_some()),
            ("shrink_windows", flags.fixed_window),
            ("directed", flags.directed.is_some()),
            ("negatives", flags.negatives.is_some()),
            ("noise_exponent", flags.noise_exponent.is_some()),
            ("largest_set", flags.largest_set.is_some()),
            ("subsample", flags.subsample.is_some()),
            ("epochs", flags.epochs.as_deref().is_some_and(|epochs| epochs != "auto")),
            ("learning_rate", flags.learning_rate.is_some()),
        ];
        let learning = all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        learning.chain(self.network.given()).map(str::to_owned).collect()
    }

    /// Whether a flag, a variable or the file says which contexts are learned from.
    pub(crate) fn says_directed(&self) -> Result<bool> {
        let file = self.config.as_deref().map(File::read).transpose()?;
        Ok(self.learning.directed.is_some() || file.is_some_and(|file| file.says("model", "directed")))
    }

    /// The whole configuration: flags over the file over the profile of the kind.
    pub(crate) fn resolve(&self, files: &[String]) -> Result<Resolved> {
        let all = self.learning.window.as_deref() == Some("all");
        let file = self.config.as_deref().map(File::read).transpose()?;
        let named = file.as_ref().filter(|_| files.is_empty()).map(File::files);
        let files = named.as_deref().unwrap_or(files);
        let market = self.events.of_market().then_some(Kind::Sequence);
        let told = self.kind.or(all.then_some(Kind::Set)).or(market).or_else(|| file.as_ref().and_then(File::kind));
        let (kind, guessed_kind) = match told {
            Some(kind) => (kind, false),
            None if self.learning.model == Some(Model::Youtube) || self.is_table(files)? => (Kind::Sequence, true),
            None => (crate::commands::guess_kind(files)?, true),
        };
        let config = self.with_kind(files, kind, file.as_ref())?;
        Ok(Resolved { config, guessed_kind })
    }

    /// The same for a kind of data that was found out.
    pub(crate) fn resolve_as(&self, files: &[String], kind: Kind) -> Result<Config> {
        let file = self.config.as_deref().map(File::read).transpose()?;
        self.with_kind(files, kind, file.as_ref())
    }

    fn with_kind(&self, files: &[String], kind: Kind, file: Option<&File>) -> Result<Config> {
        let all = self.learning.window.as_deref() == Some("all");
        let rate_is_told = file.is_some_and(|file| file.says("train", "learning_rate"));
        let network = self.learning.model == Some(Model::Youtube);
        let mut config = match file {
            Some(file) => file.over_profile(kind)?,
            None if network => Config::network(),
            None if self.events.of_market() && kind == Kind::Sequence => Config::listings(),
            None => Config::profile(kind),
        };
        if network && !matches!(config.model, ModelConfig::Youtube(_)) {
            let expected = format!("{}, which is the family of the model in the file", config.model.family());
            return Err(Error::setting("model", "youtube", expected).into());
        }
        if matches!(config.model, ModelConfig::Youtube(_)) && kind != Kind::Sequence {
            let expected = "skipgram or cbow: a network learns what comes next, from --kind sequence";
            return Err(Error::setting("model", "youtube", expected).into());
        }
        if self.events.of_market() && !matches!(config.model, ModelConfig::Airbnb(_)) {
            let expected = "nothing of the kind for this model; they are for --kind sequence with skip-gram";
            return Err(Error::setting("global_context, local_negatives, reject, min_dwell", "given", expected).into());
        }
        config.data.kind = kind;
        if !files.is_empty() {
            config.data.files = files.to_vec();
        }
        self.refuse_foreign(kind)?;
        self.apply_data(&mut config);
        self.events.apply(&mut config);
        self.judging.apply(&mut config);
        self.apply_train(&mut config, rate_is_told)?;
        self.apply_model(&mut config, all)?;
        config.train.check()?;
        if config.data.weighted && matches!(config.model, ModelConfig::Youtube(_)) {
            return Err(Error::setting("weighted", "given", "no such setting for --model youtube").into());
        }
        Ok(config)
    }

    /// Whether the data is a table of events, and not lines.
    fn is_table(&self, files: &[String]) -> Result<bool> {
        let columns = self.events.columns.clone().unwrap_or_default();
        let options = events::Options { format: self.events.format, columns, ..events::Options::default() };
        Ok(match expand(files)?.first() {
            Some(source) => events::is_table(source, &options)?,
            None => false,
        })
    }

    /// Flags of text with items, and flags of items with text, are mistakes.
    fn refuse_foreign(&self, kind: Kind) -> Result<(), Error> {
        let (text, events, judging) = (&self.text, &self.events, &self.judging);
        let foreign = if kind == Kind::Text {
            vec![
                ("format", events.format.is_some()),
                ("columns", events.columns.is_some()),
                ("events", !events.events.is_empty()),
                ("session_gap", events.session_gap.is_some()),
                ("repeats", events.repeats.is_some()),
                ("weighted", events.weighted),
                ("bad_rows", events.bad_rows.is_some()),
                ("memory_limit", events.memory_limit.is_some()),
                ("holdout", judging.holdout.is_some_and(|holdout| holdout != Holdout::None)),
                ("baselines", !judging.baselines.is_empty()),
                ("patience", judging.patience.is_some()),
                ("no_blend", judging.no_blend),
                ("no_refit", judging.no_refit),
            ]
        } else {
            vec![
                ("max_vocab", text.max_vocab.is_some()),
                ("tokens", text.tokens.is_some()),
                ("lowercase", text.lowercase),
                ("encoding", text.encoding.is_some()),
                ("bad_utf8", text.bad_utf8.is_some()),
                ("phrases", text.phrases.is_some()),
            ]
        };
        match foreign.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) if kind == Kind::Text => {
                Err(Error::setting(name, "given", "nothing of the kind for text; items are --kind sequence or set"))
            }
            Some((name, _)) => Err(Error::setting(name, "given", "nothing of the kind for items; text is --kind text")),
        }
    }

    fn apply_data(&self, config: &mut Config) {
        let (data, text) = (&mut config.data, &self.text);
        set(&mut data.min_count, self.learning.min_count.as_ref());
        set(&mut data.tokens, text.tokens.as_ref());
        set(&mut data.encoding, text.encoding.as_ref());
        set(&mut data.bad_utf8, text.bad_utf8.as_ref());
        data.max_vocab = text.max_vocab.or(data.max_vocab);
        data.phrases = text.phrases.clone().or_else(|| data.phrases.take());
        data.metadata = self.metadata.clone().or_else(|| data.metadata.take());
        data.lowercase |= text.lowercase;
    }

    fn apply_train(&self, config: &mut Config, rate_is_told: bool) -> Result<(), Error> {
        let flags = &self.learning;
        let train = &mut config.train;
        set(&mut train.dim, flags.dim.as_ref());
        set(&mut train.subsample, flags.subsample.as_ref());
        set(&mut train.seed, flags.seed.as_ref());
        match flags.epochs.as_deref() {
            Some("auto") if config.data.kind == Kind::Text => {
                return Err(Error::setting("epochs", "auto", "a number for text: auto needs held-out items"));
            }
            None | Some("auto") => {}
            Some(number) => {
                train.epochs = number.parse().map_err(|_| Error::setting("epochs", number, "a number, or 'auto'"))?;
                // A number is a wish: only --patience stops sooner then.
                config.evaluate.patience = self.judging.patience.unwrap_or(0);
            }
        }
        train.threads = flags.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
        if flags.model == Some(Model::Word2vec(Architecture::Cbow)) && !rate_is_told {
            train.learning_rate = 0.05;
        }
        set(&mut train.learning_rate, flags.learning_rate.as_ref());
        Ok(())
    }

    fn apply_model(&self, config: &mut Config, all: bool) -> Result<()> {
        let flags = &self.learning;
        // A window turns a set profile back into a sequence model.
        let windowed = flags.window.is_some() && !all;
        if windowed && matches!(config.model, ModelConfig::Item2vec(_)) {
            if config.data.kind == Kind::Set && self.kind.is_some() {
                let window = flags.window.as_deref().unwrap_or("");
                return Err(Error::setting("window", window, "'all' for --kind set").into());
            }
            config.model = Config::profile(Kind::Sequence).model;
        }
        if all && matches!(config.model, ModelConfig::Airbnb(_)) {
            return Err(Error::setting("window", "all", "a number: sessions are sequences").into());
        }
        if all && matches!(config.model, ModelConfig::Word2vec(_)) {
            config.model = Config::profile(Kind::Set).model;
        }
        match &mut config.model {
            ModelConfig::Word2vec(model) | ModelConfig::Airbnb(airbnb::Config { plain: model, .. }) => {
                if let Some(window) = &flags.window {
                    let number = window.parse();
                    model.window = number.map_err(|_| Error::setting("window", window, "a number, or 'all'"))?;
                }
                match flags.model {
                    Some(Model::Word2vec(architecture)) => model.model = architecture,
                    Some(Model::Youtube) | None => {}
                }
                match flags.loss {
                    Some(Loss::Word2vec(objective)) => model.loss = objective,
                    Some(Loss::Youtube(loss)) => {
                        return Err(Error::setting("loss", loss.name(), "ns or hs, or --model youtube").into());
                    }
                    None => {}
                }
                set(&mut model.directed, flags.directed.as_ref());
                set(&mut model.negatives, flags.negatives.as_ref());
                set(&mut model.noise_exponent, flags.noise_exponent.as_ref());
                set(&mut model.noise_sharing, flags.noise_sharing.as_ref());
                set(&mut model.cbow_gradient, flags.cbow_gradient.as_ref());
                model.shrink_windows &= !flags.fixed_window;
                if flags.largest_set.is_some() {
                    return Err(
                        Error::setting("largest_set", "given", "nothing of the kind but with --kind set").into()
                    );
                }
            }
            ModelConfig::Item2vec(model) => {
                set(&mut model.negatives, flags.negatives.as_ref());
                set(&mut model.noise_exponent, flags.noise_exponent.as_ref());
                set(&mut model.largest_set, flags.largest_set.as_ref());
                let foreign = [
                    ("model", !matches!(flags.model, None | Some(Model::Word2vec(Architecture::SkipGram)))),
                    ("loss", !matches!(flags.loss, None | Some(Loss::Word2vec(Objective::Ns)))),
                    ("noise_sharing", flags.noise_sharing.is_some()),
                    ("fixed_window", flags.fixed_window),
                    ("directed", flags.directed == Some(true)),
                ];
                if let Some((name, _)) = foreign.into_iter().find(|(_, given)| *given) {
                    return Err(Error::setting(name, "given", "no such setting for --kind set: the set form is skip-gram with negative sampling over all pairs").into());
                }
            }
            ModelConfig::Youtube(model) => {
                match flags.loss {
                    Some(Loss::Youtube(loss)) => model.loss = Some(loss),
                    Some(Loss::Word2vec(_)) => {
                        let expected = "full, sampled, in-batch, mixed or gbce for --model youtube";
                        return Err(Error::setting("loss", "ns or hs", expected).into());
                    }
                    None => {}
                }
                set(&mut model.negatives, flags.negatives.as_ref());
                set(&mut model.noise_exponent, flags.noise_exponent.as_ref());
                self.network.apply(model);
                let foreign = [
                    ("model", matches!(flags.model, Some(Model::Word2vec(_)))),
                    ("window", flags.window.is_some()),
                    ("fixed_window", flags.fixed_window),
                    ("directed", flags.directed.is_some()),
                    ("noise_sharing", flags.noise_sharing.is_some()),
                    ("cbow_gradient", flags.cbow_gradient.is_some()),
                    ("largest_set", flags.largest_set.is_some()),
                    ("subsample", flags.subsample.is_some()),
                ];
                if let Some((name, _)) = foreign.into_iter().find(|(_, given)| *given) {
                    return Err(Error::setting(name, "given", "no such setting for --model youtube").into());
                }
                model.check()?;
                return Ok(());
            }
        }
        match self.network.first_given() {
            Some(name) => Err(Error::setting(name, "given", "no such setting but with --model youtube").into()),
            None => Ok(()),
        }
    }
}

impl Events {
    /// Whether a flag asks for the listing model.
    fn of_market(&self) -> bool {
        self.global_context.is_some()
            || self.local_negatives.is_some()
            || self.reject.is_some()
            || self.min_dwell.is_some()
            || self.oversample.is_some()
            || self.market_negatives.is_some()
    }

    pub(crate) fn apply(&self, config: &mut Config) {
        let data = &mut config.data;
        data.format = self.format.or(data.format);
        set(&mut data.columns, self.columns.as_ref());
        if !self.events.is_empty() {
            data.events.clone_from(&self.events);
        }
        let told = |flag: &Option<String>, setting: &mut Option<String>| *setting = flag.clone().or(setting.take());
        told(&self.global_context, &mut data.global_context);
        told(&self.local_negatives, &mut data.local_negatives);
        told(&self.reject, &mut data.reject);
        data.min_dwell = self.min_dwell.map(|dwell| dwell.as_secs()).or(data.min_dwell);
        if let ModelConfig::Airbnb(model) = &mut config.model {
            model.global_context &= data.global_context.is_some();
            model.reject &= data.reject.is_some();
            set(&mut model.local_negatives, self.market_negatives.as_ref());
            if data.local_negatives.is_none() {
                model.local_negatives = 0;
            }
            set(&mut model.oversample, self.oversample.as_ref());
        }
        data.session_gap = self.session_gap.map(|gap| gap.as_secs()).or(data.session_gap);
        set(&mut data.repeats, self.repeats.as_ref());
        data.weighted |= self.weighted;
        set(&mut data.bad_rows, self.bad_rows.as_ref());
        set(&mut data.memory_limit, self.memory_limit.as_ref());
    }
}

impl Judging {
    fn apply(&self, config: &mut Config) {
        let evaluate = &mut config.evaluate;
        evaluate.holdout = self.holdout.or(evaluate.holdout);
        if !self.baselines.is_empty() {
            evaluate.baselines = Some(self.baselines.clone());
        }
        set(&mut evaluate.patience, self.patience.as_ref());
        evaluate.blend &= !self.no_blend;
        evaluate.refit &= !self.no_refit;
    }
}

/// A length of time such as 30s, 5m, 1h or 2d.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("'{unit}' is no unit of time; use s, m, h or d")),
    };
    let number: f64 = number.parse().map_err(|_| format!("'{number}' is no number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_that_the_help_names_are_those_of_the_profiles() {
        let command = Settings::augment_args(clap::Command::new("settings"));
        let help = |name: &str| {
            let argument = command.get_arguments().find(|argument| argument.get_id() == name).unwrap();
            argument.get_help().unwrap().to_string()
        };
        let (text, items, sets) =
            (Config::profile(Kind::Text), Config::profile(Kind::Sequence), Config::profile(Kind::Set));
        let of = |config: &Config| match config.model.clone() {
            ModelConfig::Word2vec(model) => model,
            other => panic!("{other:?}"),
        };
        let ModelConfig::Item2vec(set) = &sets.model else { panic!("{:?}", sets.model) };
        let (words, sequences) = (of(&text), of(&items));
        assert_eq!((set.negatives, set.noise_exponent), (sequences.negatives, sequences.noise_exponent));
        let pair = |text: &dyn ToString, items: &dyn ToString| {
            format!("[default: {} for text, {} for items]", text.to_string(), items.to_string())
        };
        let one = |value: &dyn ToString| format!("[default: {}]", value.to_string());
        for (name, default) in [
            ("dim", pair(&text.train.dim, &items.train.dim)),
            ("negatives", pair(&words.negatives, &sequences.negatives)),
            ("noise_exponent", pair(&words.noise_exponent, &sequences.noise_exponent)),
            ("min_count", pair(&text.data.min_count, &items.data.min_count)),
            ("epochs", pair(&text.train.epochs, &"auto")),
            ("window", pair(&words.window, &sequences.window)),
            ("largest_set", one(&set.largest_set)),
            ("subsample", pair(&text.train.subsample, &items.train.subsample)),
            ("seed", one(&text.train.seed)),
        ] {
            assert!(help(name).contains(&default), "{name}: '{default}' is not in '{}'", help(name));
        }
        assert_eq!((words.noise_sharing, sequences.noise_sharing), (Sharing::Wide, Sharing::Wide));
        assert_eq!(items.train.subsample, sets.train.subsample);
        assert!(help("learning_rate").contains(&text.train.learning_rate.to_string()));
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(parse_duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert!(parse_duration("5x").unwrap_err().contains("use s, m, h or d"));
    }
}
