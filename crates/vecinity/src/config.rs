//! The whole of a run: what `vecinity.toml` holds, and what is stored in every model.
//!
//! ```toml
//! [data]
//! kind = "text"          # text | sequence | set | graph
//! min_count = 5
//! [train]
//! dim = 100
//! epochs = 5
//! [model]
//! family = "word2vec"
//! window = 5
//! ```
//!
//! One word a thing: a flag, a key here and an argument have the same name.
//!
//! May import: `baselines`, `corpus`, `eval`, `events`, `graph`, `histories`, `models`, `train`, `error`.  Used by: `recommend`, `model_dir`.

mod file;

pub use file::File;
pub(crate) use file::did_you_mean;

use crate::baselines::BaselineKind;
use crate::corpus::{BadUtf8, Options, Phrases, Tokens};
use crate::error::Result;
use crate::eval::recommend::Holdout;
use crate::events;
use crate::graph;
use crate::histories::Repeats;
use crate::models::{ModelConfig, airbnb, item2vec, word2vec, youtube};
use crate::train::Settings;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the lines of the data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Text: the order of words carries meaning, frequent words carry little.
    Text,
    /// Sequences of ids in the order of time.
    Sequence,
    /// Sets of ids: the order within a line means nothing.
    Set,
    /// Edges between nodes.
    Graph,
}

impl Kind {
    /// All kinds, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 4] =
        [("text", Self::Text), ("sequence", Self::Sequence), ("set", Self::Set), ("graph", Self::Graph)];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("text", |(name, _)| name)
    }
}

/// The part of a run that says what is read and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Files, folders, patterns, or `-`.
    pub files: Vec<String>,
    /// What the data is.
    pub kind: Kind,
    /// How event logs are written; found from names and first bytes by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<events::Format>,
    /// Which columns hold what: `user`, `item`, `time`, `weight`, `event`, `session`.
    #[serde(skip_serializing_if = "events::Named::is_empty")]
    pub columns: events::Named,
    /// Only events whose `event` is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// A pause of at least so many seconds begins a new sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_gap: Option<u64>,
    /// The kind of event that a session ends in (booked, bought): the global context of its clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_context: Option<String>,
    /// The column of the items' markets, of the metadata or of the events: negatives are drawn from the market too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_negatives: Option<String>,
    /// The kind of event by which a host rejects a guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// Clicks that were looked at for fewer seconds are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_dwell: Option<u64>,
    /// What to do with an item that comes again in a history.
    pub repeats: Repeats,
    /// Learn more from events of more weight.
    pub weighted: bool,
    /// What to do with rows that cannot be read.
    pub bad_rows: events::BadRows,
    /// MiB that events may take before they are sorted on disk.
    pub memory_limit: u64,
    /// Tokens that occur less often are left out.
    pub min_count: u64,
    /// Keep only this many of the most frequent tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_vocab: Option<usize>,
    /// What a token is.
    pub tokens: Tokens,
    /// Turn text to lower case.
    pub lowercase: bool,
    /// The encoding of the text.
    pub encoding: String,
    /// What to do with bytes that are no UTF-8.
    pub bad_utf8: BadUtf8,
    /// Phrases to join, as learned by `vecinity phrases learn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phrases: Option<PathBuf>,
    /// Titles and fields of the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PathBuf>,
    /// Fields of the users, for networks that read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<PathBuf>,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            kind: Kind::Text,
            format: None,
            columns: events::Named::default(),
            events: Vec::new(),
            session_gap: None,
            global_context: None,
            local_negatives: None,
            reject: None,
            min_dwell: None,
            repeats: Repeats::default(),
            weighted: false,
            bad_rows: events::BadRows::default(),
            memory_limit: 8 << 10,
            min_count: 5,
            max_vocab: None,
            tokens: Tokens::default(),
            lowercase: false,
            encoding: "utf-8".into(),
            bad_utf8: BadUtf8::default(),
            phrases: None,
            metadata: None,
            user_metadata: None,
        }
    }
}

/// The part of a run that says how a recommender is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Evaluate {
    /// What is held out; by default `last` for sequences and `basket` for sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// The baselines; by default all that suit the size of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baselines: Option<Vec<BaselineKind>>,
    /// Stop after so many epochs in a row whose validation is worse than the best by more than chance, and keep the
    /// best; 0: all epochs are trained, and none is measured.
    pub patience: u32,
    /// Whether a blend of vectors and baselines is offered.
    pub blend: bool,
    /// Whether the model is trained again on everything once it is measured.
    pub refit: bool,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self { holdout: None, baselines: None, patience: 5, blend: true, refit: true }
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is read and how.
    #[serde(default)]
    pub data: Data,
    /// Settings that every model has.
    #[serde(default)]
    pub train: Settings,
    /// The model with its own settings.
    #[serde(default)]
    pub model: ModelConfig,
    /// How walks are made: over a graph, or over what follows what in sequences instead of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<graph::Settings>,
    /// How a recommender is judged.
    #[serde(default)]
    pub evaluate: Evaluate,
}

impl Config {
    /// The starting point for a kind of data.
    ///
    /// Text: the settings of word2vec. Items: fewer values, more noise nearer to uniform, more epochs,
    /// since catalogues are smaller than languages (Caselles-Dupré et al. 2018, arXiv:1804.04212).
    #[must_use]
    pub fn profile(kind: Kind) -> Self {
        // Catalogues are short beside vocabularies: an item seen twice is worth a vector.
        let min_count = if kind == Kind::Text { 5 } else { 2 };
        let data = Data { kind, min_count, ..Data::default() };
        let evaluate = Evaluate::default();
        // Frequent items are no stop words, and histories are short: every event is learned from.
        let items = Settings { dim: 64, epochs: 40, subsample: 0.0, ..Settings::default() };
        match kind {
            Kind::Text => {
                let model = ModelConfig::Word2vec(word2vec::Config::default());
                Self { data, train: Settings::default(), model, graph: None, evaluate }
            }
            Kind::Sequence => Self {
                data,
                train: items,
                // With windows of 10 instead of 5 and every event learned from, NDCG@10 on the validation of
                // ML-100K (three seeds) .118 against .113.
                model: ModelConfig::Word2vec(word2vec::Config {
                    window: 10,
                    negatives: 10,
                    noise_exponent: 0.5,
                    noise_sharing: word2vec::Sharing::Wide,
                    // What comes next is asked, so what comes next is learned: HR@10 on ML-1M 0.267 against 0.249.
                    directed: true,
                    ..word2vec::Config::default()
                }),
                graph: None,
                evaluate,
            },
            Kind::Set => {
                let model = ModelConfig::Item2vec(item2vec::Config::default());
                Self { data, train: items, model, graph: None, evaluate }
            }
            Kind::Graph => {
                let mut config = Self::profile(Kind::Sequence);
                config.data = Data { kind, min_count: 1, ..Data::default() };
                // Every node is the start of walks, ten times an epoch; nobody is asked what comes next.
                config.train.epochs = 5;
                if let Some(model) = config.model.word2vec_mut() {
                    model.directed = false;
                }
                config.graph = Some(graph::Settings::default());
                config
            }
        }
    }

    /// The starting point for a network ([`youtube`]): another rate and fewer epochs, since its optimiser is another; and wider
    /// vectors. NDCG@10 on the validation of ML-1M, one seed, 12 epochs and dropout .2: .1664 with 64 values and 4 pools of 20 places,
    /// .1694 with 8 pools of 50, .1740 with 128 values and 4 pools of 20, .1724 with both; .1737 with 512 hidden units, .1701 with the
    /// last item as a further pool; .1777 with 128 values, 4 pools of 20, 18 epochs and dropout .3; .1895 with one vector an item;
    /// and .1942 with attention over 50 places, which is the start (.1863 over 20). On that of ML-100K the last step brings .1258 to
    /// .1311, means of three seeds.
    #[must_use]
    pub fn network() -> Self {
        let mut config = Self::profile(Kind::Sequence);
        config.train = Settings { dim: 128, epochs: 18, learning_rate: 2e-3, ..config.train };
        config.model = ModelConfig::Youtube(youtube::Config::default());
        config
    }

    /// The starting point for sessions that end in a goal, of items in markets ([`airbnb`]).
    ///
    /// Clicks on both sides are contexts, as in the paper: what is asked is which items are alike. Repeats say what was liked.
    #[must_use]
    pub fn listings() -> Self {
        let mut config = Self::profile(Kind::Sequence);
        config.data.repeats = Repeats::Collapse;
        if let ModelConfig::Word2vec(plain) = config.model {
            let plain = word2vec::Config { directed: false, ..plain };
            config.model = ModelConfig::Airbnb(airbnb::Config { plain, ..airbnb::Config::default() });
        }
        config
    }

    /// Reads a configuration file over the profile of the kind of data it names, or of text.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), or [`Error::Input`](crate::Error::Input) with the line of the first mistake.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::read(path)?;
        file.over_profile(file.kind().unwrap_or(Kind::Text))
    }

    /// As the text of a configuration file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// How to read the data, with work files in `work_dir`.
    ///
    /// # Errors
    /// As [`Phrases::open`], if there is a phrase file.
    pub fn reading(&self, work_dir: Option<PathBuf>) -> Result<Options> {
        let data = &self.data;
        Ok(Options {
            min_count: data.min_count,
            max_vocab: data.max_vocab,
            tokens: data.tokens,
            lowercase: data.lowercase,
            bad_utf8: data.bad_utf8,
            encoding: data.encoding.clone(),
            phrases: data.phrases.as_deref().map(Phrases::open).transpose()?.map(Arc::new),
            threads: self.train.threads,
            work_dir,
        })
    }

    /// How to read events, with work files in `work_dir`.
    #[must_use]
    pub fn events(&self, work_dir: Option<PathBuf>) -> events::Options {
        let data = &self.data;
        let grouping = match (data.kind, self.evaluate.holdout, data.session_gap) {
            // What a user does next is asked of users: each has one set then.
            (Kind::Set, Some(Holdout::Last | Holdout::Time(_) | Holdout::Random(_)), None) => events::Grouping::Owner,
            (Kind::Set, ..) => events::Grouping::Basket,
            (.., Some(gap)) => events::Grouping::Gap(std::time::Duration::from_secs(gap)),
            // What follows what is a matter of one visit.
            _ if matches!(self.model, ModelConfig::Airbnb(_)) || self.graph.is_some() => events::Grouping::Session,
            _ => events::Grouping::Owner,
        };
        events::Options {
            format: data.format,
            columns: data.columns.clone(),
            events: data.events.clone(),
            beside: self.model.reads().0.iter().map(|&name| name.to_owned()).collect(),
            grouping,
            bad_rows: data.bad_rows,
            threads: self.train.threads,
            memory_limit: data.memory_limit << 20,
            work_dir,
        }
    }

    /// Everything that changes the trained bytes, as one text: two runs with the same text (and data,
    /// by its fingerprint) can continue each other. Threads are left out: a run may go on with more.
    #[must_use]
    pub fn identity(&self, fingerprint: &str) -> String {
        let train = Settings { threads: 1, ..self.train.clone() };
        let model = serde_json::to_string(&(&train, &self.model)).unwrap_or_default();
        let walks = self.graph.as_ref().and_then(|graph| serde_json::to_string(graph).ok());
        let walks = walks.map_or_else(String::new, |walks| format!(", walks {walks}"));
        format!("data {fingerprint}, settings {model}{walks}")
    }

    /// As [`Config::identity`], with everything that decides how a recommender is chosen and judged.
    #[must_use]
    pub fn identity_of_items(&self, fingerprint: &str) -> String {
        let evaluate = serde_json::to_string(&(self.data.min_count, &self.evaluate)).unwrap_or_default();
        format!("{}, evaluation {evaluate}", self.identity(fingerprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_survives_a_round_trip_through_toml() {
        let folder = tempfile::tempdir().unwrap();
        for (name, kind) in Kind::ALL {
            let path = folder.path().join(name);
            let config = Config::profile(kind);
            std::fs::write(&path, config.to_toml()).unwrap();
            assert_eq!(Config::read(&path).unwrap(), config, "{}", config.to_toml());
        }
        let path = folder.path().join("listings");
        std::fs::write(&path, Config::listings().to_toml()).unwrap();
        assert_eq!(Config::read(&path).unwrap(), Config::listings());
        let path = folder.path().join("network");
        std::fs::write(&path, Config::network().to_toml()).unwrap();
        assert_eq!(Config::read(&path).unwrap(), Config::network());
        let attends = |text: &str| {
            std::fs::write(&path, text).unwrap();
            matches!(Config::read(&path).unwrap().model, ModelConfig::Youtube(network) if network.attention)
        };
        assert!(attends("[model]\nfamily = \"youtube\"\nhistory = 20\n"));
        assert!(!attends(&Config::network().to_toml().replace("attention = true\n", "")), "networks once had none");
    }

    #[test]
    fn a_mistyped_key_is_found_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "[model]\nfamily = \"word2vec\"\n[train]\nepoch = 3\n").unwrap();
        let message = Config::read(&path).unwrap_err().to_string();
        assert!(message.contains("c.toml, line 4: unknown field `epoch`"), "{message}");
    }
}
