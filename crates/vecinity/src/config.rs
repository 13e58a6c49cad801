//! The whole of a run: what `vecinity.toml` holds, and what is stored in every model.
//!
//! ```toml
//! [data]
//! kind = "text"          # text | sequence | set
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
//! May import: `corpus`, `models`, `train`, `error`.  Used by: `model_dir`.

use crate::corpus::{BadUtf8, Options, Phrases, Tokens};
use crate::error::{Error, Result};
use crate::models::{ModelConfig, item2vec, word2vec};
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
}

impl Kind {
    /// All kinds, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] = [("text", Self::Text), ("sequence", Self::Sequence), ("set", Self::Set)];

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
    /// What the lines are.
    pub kind: Kind,
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
}

impl Default for Data {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            kind: Kind::Text,
            min_count: 5,
            max_vocab: None,
            tokens: Tokens::default(),
            lowercase: false,
            encoding: "utf-8".into(),
            bad_utf8: BadUtf8::default(),
            phrases: None,
            metadata: None,
        }
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
    pub model: ModelConfig,
}

impl Config {
    /// The starting point for a kind of data.
    ///
    /// Text: the settings of word2vec. Items: fewer values, more noise nearer to uniform, more epochs,
    /// since catalogues are smaller than languages (Caselles-Dupré et al. 2018, arXiv:1804.04212).
    #[must_use]
    pub fn profile(kind: Kind) -> Self {
        let data = Data { kind, ..Data::default() };
        let items = Settings { dim: 64, epochs: 20, ..Settings::default() };
        match kind {
            Kind::Text => {
                Self { data, train: Settings::default(), model: ModelConfig::Word2vec(word2vec::Config::default()) }
            }
            Kind::Sequence => Self {
                data,
                train: items,
                model: ModelConfig::Word2vec(word2vec::Config {
                    negatives: 10,
                    noise_exponent: 0.5,
                    noise_sharing: word2vec::Sharing::Window,
                    ..word2vec::Config::default()
                }),
            },
            Kind::Set => Self { data, train: items, model: ModelConfig::Item2vec(item2vec::Config::default()) },
        }
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] with the line of the first mistake.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
            let place = crate::Place { path: path.to_owned(), line, byte: None };
            Error::input(place, e.message().to_owned(), "the keys are those of `vecinity train --help`, with _ for -")
        })
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

    /// Everything that changes the trained bytes, as one text: two runs with the same text (and data,
    /// by its fingerprint) can continue each other. Threads are left out: a run may go on with more.
    #[must_use]
    pub fn identity(&self, fingerprint: &str) -> String {
        let train = Settings { threads: 1, ..self.train.clone() };
        let model = serde_json::to_string(&(&train, &self.model)).unwrap_or_default();
        format!("data {fingerprint}, settings {model}")
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
