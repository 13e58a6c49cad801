//! The flags of what is read and how it is learned, and how they make a configuration.

mod graph;
mod network;

use clap::Args;
use graph::Graph;
use network::Network;
use std::path::PathBuf;
use std::time::Duration;
use vecinity::baselines::BaselineKind;
use vecinity::config::Kind;
use vecinity::corpus::{BadUtf8, Tokens};
use vecinity::eval::recommend::Holdout;
use vecinity::events;
use vecinity::histories::Repeats;
use vecinity::models::word2vec::{CbowGradient, Sharing, Weights};
use vecinity::models::youtube::Feature;
use vecinity::run::{Data, Fields, Given, LossName, ModelName};
pub(crate) use vecinity::run::{Resolved, parse_duration};

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
    /// What the data is: text, sequence (items in order), set (items without order) or graph (an edge a line: from, to and perhaps
    /// a weight); found out if absent, but for graphs.
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
    graph: Graph,
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
    #[arg(long, value_parser = crate::choices::choice(&ModelName::ALL))]
    model: Option<ModelName>,
    /// Negative sampling (ns) or hierarchical softmax (hs) [default: ns]. Of networks: the whole softmax (full), sampled,
    /// in-batch, mixed or gbce [default: full below 20,000 items, else mixed].
    #[arg(long, value_parser = crate::choices::choice(&LossName::ALL))]
    loss: Option<LossName>,
    /// Values in a vector [default: 100 for text, 64 for items]; of networks [default: 128].
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
    /// Fields of --metadata that are parts of the items' vectors, such as genre,title:words,price: an item without any event has a
    /// vector of them. Values between bars, as in Action|Comedy, are several.
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',')]
    item_features: Vec<Feature>,
    /// How much these count: equal (GES), or learned for each item (EGES) [default: equal].
    #[arg(long, value_parser = crate::choices::choice(&WEIGHTS))]
    item_weights: Option<Weights>,
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
    /// Passes over the data; auto stops when validation gets worse [default: 5 for text, auto for items]; 5 for graphs.
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
    /// How much that weighs beside a click; 1 in the paper [default: 3].
    #[arg(long, value_name = "X")]
    goal_weight: Option<f32>,
    /// The column of the items' markets, of --metadata or of the events: noise is drawn from the market of a click too.
    #[arg(long, value_name = "COLUMN")]
    local_negatives: Option<String>,
    /// The kind of event by which a request is rejected: the item becomes a negative of the clicks of its session.
    #[arg(long, value_name = "EVENT")]
    reject: Option<String>,
    /// For how many negatives a rejection stands [default: 1].
    #[arg(long, value_name = "X")]
    reject_weight: Option<f32>,
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

const SHARING: [(&str, Sharing); 3] = [("pair", Sharing::Pair), ("window", Sharing::Window), ("wide", Sharing::Wide)];
const WEIGHTS: [(&str, Weights); 2] = [("equal", Weights::Equal), ("learned", Weights::Learned)];
const GRADIENTS: [(&str, CbowGradient); 2] = [("undivided", CbowGradient::Undivided), ("true", CbowGradient::True)];

impl Settings {
    /// The configuration file, if one is named.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// What the flags say, by their names.
    pub(crate) fn given(&self) -> Given {
        let Self { config, kind, metadata, learning, network, graph, text, events, judging } = self;
        let mut given = Given {
            config: config.clone(),
            kind: *kind,
            metadata: metadata.clone().map(Fields::File),
            ..Given::default()
        };
        learning.add_to(&mut given);
        network.add_to(&mut given);
        graph.add_to(&mut given);
        text.add_to(&mut given);
        events.add_to(&mut given);
        judging.add_to(&mut given);
        given
    }

    /// The whole configuration: flags over the file over the profile of the kind.
    pub(crate) fn resolve(&self, files: &[String]) -> vecinity::Result<Resolved> {
        self.given().resolve(&Data::Files(files.to_vec()))
    }
}

impl Learning {
    fn add_to(&self, given: &mut Given) {
        let flags = self.clone();
        given.model = flags.model;
        given.loss = flags.loss;
        given.dim = flags.dim;
        given.window = flags.window;
        given.fixed_window = flags.fixed_window;
        given.directed = flags.directed;
        given.negatives = flags.negatives;
        given.noise_exponent = flags.noise_exponent;
        given.noise_sharing = flags.noise_sharing;
        given.cbow_gradient = flags.cbow_gradient;
        given.largest_set = flags.largest_set;
        given.item_features = flags.item_features;
        given.item_weights = flags.item_weights;
        given.subsample = flags.subsample;
        given.min_count = flags.min_count;
        given.epochs = flags.epochs;
        given.learning_rate = flags.learning_rate;
        given.threads = flags.threads;
        given.seed = flags.seed;
    }
}

impl Text {
    fn add_to(&self, given: &mut Given) {
        let flags = self.clone();
        given.max_vocab = flags.max_vocab;
        given.tokens = flags.tokens;
        given.lowercase = flags.lowercase;
        given.encoding = flags.encoding;
        given.bad_utf8 = flags.bad_utf8;
        given.phrases = flags.phrases;
    }
}

impl Events {
    /// What these flags alone say.
    pub(crate) fn given(&self) -> Given {
        let mut given = Given::default();
        self.add_to(&mut given);
        given
    }

    fn add_to(&self, given: &mut Given) {
        let flags = self.clone();
        given.format = flags.format;
        given.columns = flags.columns;
        given.events = flags.events;
        given.session_gap = flags.session_gap;
        given.global_context = flags.global_context;
        given.goal_weight = flags.goal_weight;
        given.local_negatives = flags.local_negatives;
        given.reject = flags.reject;
        given.reject_weight = flags.reject_weight;
        given.min_dwell = flags.min_dwell;
        given.oversample = flags.oversample;
        given.market_negatives = flags.market_negatives;
        given.repeats = flags.repeats;
        given.weighted = flags.weighted;
        given.bad_rows = flags.bad_rows;
        given.memory_limit = flags.memory_limit;
    }
}

impl Judging {
    fn add_to(&self, given: &mut Given) {
        let flags = self.clone();
        given.holdout = flags.holdout;
        given.baselines = flags.baselines;
        given.patience = flags.patience;
        given.no_blend = flags.no_blend;
        given.no_refit = flags.no_refit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vecinity::config::Config;
    use vecinity::models::ModelConfig;

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
    fn flags_and_settings_have_the_same_names() {
        let (mut flags, mut settings) = (names(), Given::names());
        flags.sort();
        settings.sort();
        assert_eq!(flags, settings);
    }
}
