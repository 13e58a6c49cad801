//! One paper, one file: what a model does with one sequence.
//!
//! A new log-bilinear model is one file here, one variant of [`ModelConfig`] and one arm of its `match`. A network
//! ([`youtube`]) has a folder, and brings a [`Tower`]: its users are no sums of rows.
//!
//! May import: `deep`, `eval`, `histories`, `train`, `corpus`, `vocab`, `embeddings`, `rng`, `error`.

pub mod airbnb;
pub mod eges;
pub mod item2vec;
pub mod word2vec;
pub mod youtube;

pub use youtube::{Asker, Tower, User};

use crate::corpus::Corpus;
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::train::{Checkpoint, Control, Model, Progress, Settings, Step, Trained, fit};
use eges::{Eges, Parts};
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
    /// What makes vectors of new items of their fields, if it learned that.
    pub parts: Option<Parts>,
}

/// A model whose inputs need not be the rows of its tokens.
pub trait Apart: Model {
    /// As [`Model::train`] for inputs that have rows of their own.
    ///
    /// * `inputs`: the row of [`Step::input`] that stands for each token of `sequence`.
    fn train_apart(&self, inputs: &[u32], sequence: &[u32], step: &mut Step<'_>, scratch: &mut Self::Scratch);
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
        let features = match self {
            Self::Word2vec(config) | Self::Airbnb(airbnb::Config { plain: config, .. }) => &config.item_features,
            Self::Youtube(config) => &config.item_features,
            Self::Item2vec(_) => return Vec::new(),
        };
        features.iter().map(|feature| feature.name.as_str()).collect()
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
        epoch: Option<EndOfEpoch<'_>>,
    ) -> Result<Fitted> {
        let run = Run { corpus, settings, from, observe, save, epoch };
        match self {
            Self::Word2vec(config) => run.apart(word2vec::Word2vec::new(config, corpus.vocab())?, config),
            Self::Airbnb(config) => run.apart(airbnb::Airbnb::new(config, corpus)?, &config.plain),
            Self::Item2vec(config) => run.plain(&item2vec::Item2vec::new(config, corpus.vocab())?),
            Self::Youtube(config) => {
                let Run { from, observe, save, epoch, .. } = run;
                youtube::fit_corpus(config, corpus, settings, from, observe, save, epoch)
            }
        }
    }
}

/// What a training is given.
struct Run<'a, 'e> {
    corpus: &'a Corpus,
    settings: &'a Settings,
    from: Option<Checkpoint>,
    observe: &'a mut dyn FnMut(&Progress) -> Control,
    save: &'a mut dyn FnMut(&Checkpoint) -> Result<()>,
    epoch: Option<EndOfEpoch<'e>>,
}

impl Run<'_, '_> {
    /// A model whose input table is what it is asked by.
    fn plain<M: Model>(self, model: &M) -> Result<Fitted> {
        let trained = self.fit(model, &|_| Ok(None))?;
        Ok(Fitted { trained, tower: None, parts: None })
    }

    /// The same, or over vectors that are made of what is known of the items.
    fn apart<M: Apart>(self, model: M, config: &word2vec::Config) -> Result<Fitted> {
        if config.item_features.is_empty() {
            return self.plain(&model);
        }
        let schema = youtube::Schema::of_items(&config.item_features, self.corpus.side())?;
        let model = Eges::new(model, schema, config.item_weights, self.corpus);
        let trained = self.fit(&model, &|state| model.completed(&state.input, &state.more).map(Some))?;
        model.finish(trained)
    }

    /// * `made`: the input table that the model is asked by behind an epoch, if it is not the one in training.
    fn fit<M: Model>(mut self, model: &M, made: &dyn Fn(&Checkpoint) -> Result<Option<SharedRows>>) -> Result<Trained> {
        let wanted = self.epoch.is_some();
        let mut each = |number: u32, state: &Checkpoint| {
            let Some(epoch) = &mut self.epoch else { return Ok(true) };
            let made = made(state)?;
            epoch(number, Behind { input: made.as_ref().unwrap_or(&state.input), output: &state.output, tower: None })
        };
        let tables: Option<crate::train::EndOfEpoch<'_>> = if wanted { Some(&mut each) } else { None };
        fit(model, self.corpus, self.settings, self.from, self.observe, self.save, tables)
    }
}
