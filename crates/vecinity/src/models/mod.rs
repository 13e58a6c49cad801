//! One paper, one file: what a model does with one sequence.
//!
//! A new log-bilinear model is one file here, one variant of [`ModelConfig`] and one arm of its `match`. A network
//! ([`youtube`]) has a folder, and brings a [`Tower`]: its users are no sums of rows.
//!
//! May import: `deep`, `eval`, `histories`, `train`, `corpus`, `vocab`, `embeddings`, `rng`, `error`.

pub mod airbnb;
pub mod item2vec;
pub mod word2vec;
pub mod youtube;

pub use youtube::{Asker, Tower, User};

use crate::corpus::Corpus;
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::train::{Checkpoint, Control, Progress, Settings, Trained, fit};
use vecinity_kernel::SharedRows;

/// Which model, with the settings of its own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "family", rename_all = "lowercase")]
pub enum ModelConfig {
    /// Sequences with a window: skip-gram and CBOW.
    Word2vec(word2vec::Config),
    /// Sessions with goals, in markets.
    Airbnb(airbnb::Config),
    /// Sets without order: every pair.
    Item2vec(item2vec::Config),
    /// Histories: a tower of layers makes user vectors of them.
    Youtube(youtube::Config),
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self::Word2vec(word2vec::Config::default())
    }
}

/// A model behind an epoch.
#[derive(Debug, Clone, Copy)]
pub struct Behind<'a> {
    /// The input table, shape `[tokens, dim]`.
    pub input: &'a SharedRows,
    /// The output table.
    pub output: &'a SharedRows,
    /// What makes user vectors, if they are no sums of input rows.
    pub tower: Option<&'a Tower>,
}

/// What looks at the model behind every epoch: gets its number from 1, returns whether to go on.
pub type EndOfEpoch<'a> = &'a mut dyn FnMut(u32, Behind<'_>) -> Result<bool>;

/// A trained model.
#[derive(Debug)]
pub struct Fitted {
    /// Its tables.
    pub trained: Trained,
    /// What makes user vectors, if they are no sums of input rows.
    pub tower: Option<Tower>,
}

impl ModelConfig {
    /// The name of the family, as configuration files have it.
    #[must_use]
    pub fn family(&self) -> &'static str {
        match self {
            Self::Word2vec(_) => "word2vec",
            Self::Airbnb(_) => "airbnb",
            Self::Item2vec(_) => "item2vec",
            Self::Youtube(_) => "youtube",
        }
    }

    /// The settings of skip-gram and CBOW, if the model has them.
    #[must_use]
    pub fn word2vec(&self) -> Option<&word2vec::Config> {
        match self {
            Self::Word2vec(config) | Self::Airbnb(airbnb::Config { plain: config, .. }) => Some(config),
            Self::Item2vec(_) | Self::Youtube(_) => None,
        }
    }

    /// As [`ModelConfig::word2vec`], to be changed.
    pub fn word2vec_mut(&mut self) -> Option<&mut word2vec::Config> {
        match self {
            Self::Word2vec(config) | Self::Airbnb(airbnb::Config { plain: config, .. }) => Some(config),
            Self::Item2vec(_) | Self::Youtube(_) => None,
        }
    }

    /// Whether row `r` of the output table belongs to token `r`; in hierarchical softmax it does not.
    #[must_use]
    pub fn outputs_are_tokens(&self) -> bool {
        !matches!(self, Self::Word2vec(word2vec::Config { loss: word2vec::Objective::Hs, .. }))
    }

    /// Which columns of the events it reads beside the items, and whether it reads anything but the items at all.
    #[must_use]
    pub fn reads(&self) -> (Vec<&str>, bool) {
        let Self::Youtube(config) = self else { return (Vec::new(), false) };
        let columns: Vec<&str> = config.features.iter().map(|feature| feature.name.as_str()).collect();
        let times = config.example_age || config.strictly_earlier;
        let any = !columns.is_empty() || times || !config.item_features.is_empty();
        (columns, any)
    }

    /// Which fields of the items are parts of their vectors.
    #[must_use]
    pub fn reads_of_items(&self) -> Vec<&str> {
        let Self::Youtube(config) = self else { return Vec::new() };
        config.item_features.iter().map(|feature| feature.name.as_str()).collect()
    }

    /// The tower of a model trained on this corpus, from its input table and the parameters in the order of
    /// [`Tower::parameters`]; nothing for a log-bilinear model.
    ///
    /// # Errors
    /// [`Error::Data`] if they do not fit the settings.
    pub fn tower(&self, corpus: &Corpus, input: &Matrix, parameters: &[Matrix]) -> Result<Option<Tower>> {
        let Self::Youtube(config) = self else { return Ok(None) };
        let schema = youtube::Schema::of(config, corpus.side())?;
        let names = Tower::names(config, &schema);
        let find = |name: &str| {
            let at = names.iter().position(|known| known == name);
            let found = at.and_then(|at| parameters.get(at)).cloned();
            found.ok_or_else(|| Error::data(format!("{name} is missing"), "the model is damaged: train it again"))
        };
        Tower::new(config, schema, input, &find).map(Some)
    }

    /// Trains the model; see [`fit`]. A network's tower is left out: [`ModelConfig::fit_by_epoch`] has it.
    ///
    /// # Errors
    /// As [`fit`], and for settings of the model that are out of range.
    pub fn fit(
        &self,
        corpus: &Corpus,
        settings: &Settings,
        from: Option<Checkpoint>,
        observe: &mut dyn FnMut(&Progress) -> Control,
        save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
    ) -> Result<Trained> {
        self.fit_by_epoch(corpus, settings, from, observe, save, None).map(|fitted| fitted.trained)
    }

    /// As [`ModelConfig::fit`], with a look at the model behind every epoch.
    ///
    /// # Errors
    /// As [`ModelConfig::fit`].
    pub fn fit_by_epoch(
        &self,
        corpus: &Corpus,
        settings: &Settings,
        from: Option<Checkpoint>,
        observe: &mut dyn FnMut(&Progress) -> Control,
        save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
        mut epoch: Option<EndOfEpoch<'_>>,
    ) -> Result<Fitted> {
        let wanted = epoch.is_some();
        let mut each = |number: u32, state: &Checkpoint| match &mut epoch {
            Some(epoch) => epoch(number, Behind { input: &state.input, output: &state.output, tower: None }),
            None => Ok(true),
        };
        let tables: Option<crate::train::EndOfEpoch<'_>> = if wanted { Some(&mut each) } else { None };
        let trained = match self {
            Self::Word2vec(config) => {
                fit(&word2vec::Word2vec::new(config, corpus.vocab())?, corpus, settings, from, observe, save, tables)
            }
            Self::Airbnb(config) => {
                fit(&airbnb::Airbnb::new(config, corpus)?, corpus, settings, from, observe, save, tables)
            }
            Self::Item2vec(config) => {
                fit(&item2vec::Item2vec::new(config, corpus.vocab())?, corpus, settings, from, observe, save, tables)
            }
            Self::Youtube(config) => return youtube::fit_corpus(config, corpus, settings, from, observe, save, epoch),
        }?;
        Ok(Fitted { trained, tower: None })
    }
}
