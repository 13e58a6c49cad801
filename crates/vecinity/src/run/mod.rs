//! The whole of a run: from data and a few wishes to a model folder.
//!
//! | file | job |
//! |---|---|
//! | `given` | settings as they are given, each by its one name |
//! | `resolve` | what is given, over a configuration file, over the profile of the kind of data |
//! | `data` | files, lists, tables: what is learned from |
//! | `text` | sentences become a corpus, a corpus word vectors |
//! | `nodes` | edges become walks, which are a corpus, too |
//! | `items` | events become histories, histories a measured recommender |
//! | `listings` | events of a marketplace become sessions with goals and markets |
//! | `beside` | what a network reads beside histories |
//! | `conduct` | the log, checkpoints, going on after a stop: what both ways have in common |
//!
//! Programs differ in where settings come from and in how progress is shown ([`Show`]); what happens between is here.
//!
//! May import: `baselines`, `config`, `corpus`, `deep`, `eval`, `events`, `graph`, `histories`, `market`, `metadata`, `model_dir`, `models`,
//! `recommend`, `train`, `vocab`, `id`, `error`.  Used by: programs.

mod beside;
mod conduct;
mod data;
mod given;
mod items;
mod listings;
mod nodes;
mod resolve;
mod text;

pub use beside::join;
pub use data::Data;
pub use given::{Fields, Given, LossName, ModelName, parse_duration, parse_widths};
pub use items::Items;
pub use text::Text;

use crate::config::{Config, Kind};
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::model_dir;
use crate::recommend::{Evaluation, Recipe};
use crate::train::{Control, Progress};
use crate::vocab::Vocab;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A configuration, and whether the kind of data was told.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The whole configuration.
    pub config: Config,
    /// Whether the kind was guessed and may be corrected once the data is read.
    pub guessed_kind: bool,
}

/// How a run is conducted, apart from its settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Go on from the checkpoint of a stopped run with the same data and settings.
    pub resume: bool,
    /// Write a checkpoint this often.
    pub checkpoint_every: Option<Duration>,
}

/// Who looks on while a run goes on. All of it is optional; `()` looks on in silence.
pub trait Show {
    /// Something a person should know: what was found in the data, what will probably disappoint.
    fn say(&mut self, _text: &str) {}
    /// What goes on now.
    fn stage(&mut self, _text: &str) {}
    /// Called ten times a second while a model is trained; decides whether to go on.
    fn progress(&mut self, _progress: &Progress) -> Control {
        Control::Continue
    }
    /// An entry of the log that is no progress, such as `{"event": "eval", "epoch": 3, "valid_ndcg": 0.1, "best": true}`.
    fn note(&mut self, _event: &serde_json::Value) {}
    /// Whether [`Show::goes_on`] is to be asked. Threads wait for each other at the end of an epoch then.
    fn looks_at_epochs(&self) -> bool {
        false
    }
    /// Called behind every epoch of a training, with its number from 1; `false` ends this training there, and the model is
    /// what it has become.
    fn goes_on(&mut self, _epoch: u32) -> bool {
        true
    }
}

impl Show for () {}

/// What was made.
#[derive(Debug)]
pub struct Done {
    /// Tokens of the model.
    pub tokens: usize,
    /// Values in a vector.
    pub dim: usize,
    /// Epochs of the last training.
    pub epochs: u32,
    /// Seconds of the last training.
    pub seconds: f64,
    /// Tokens a second in it.
    pub tokens_per_second: f64,
    /// A token that is neither the most frequent nor rare, for examples.
    pub example: String,
    /// How the model is asked for recommendations, if it is of items.
    pub recipe: Option<Recipe>,
    /// How good it is, if that was measured.
    pub evaluation: Option<Evaluation>,
}

impl Done {
    /// A training that was neither measured nor given a recipe.
    fn of(vocab: &Vocab, dim: usize, progress: &Progress) -> Self {
        Self {
            tokens: vocab.len(),
            dim,
            epochs: progress.epoch,
            seconds: progress.seconds,
            tokens_per_second: progress.tokens_per_second,
            example: example(vocab),
            recipe: None,
            evaluation: None,
        }
    }
}

/// Data that was read, with what is to be made of it.
#[derive(Debug)]
pub enum Prepared {
    /// Text, or walks over a graph.
    Text(Box<Text>),
    /// Items.
    Items(Box<Items>),
}

/// Reads the data, and says what was found and decided.
///
/// * `beside`: the folder for work files; the system's temporary folder if absent.
///
/// # Errors
/// What resolving the settings and reading the data say.
pub fn prepare(given: &Given, data: &Data, beside: Option<&Path>, show: &mut dyn Show) -> Result<Prepared> {
    let Resolved { config, guessed_kind } = given.resolve(data)?;
    if data.is_empty() && config.data.files.is_empty() {
        return Err(Error::data("no data given", "name at least one file, or - for standard input"));
    }
    let titles = Titles::of(given, &config)?;
    if matches!(config.data.kind, Kind::Text | Kind::Graph) {
        if guessed_kind {
            show.say("kind    text (--kind text|sequence|set|graph says otherwise)");
        }
        return Ok(Prepared::Text(Box::new(Text::read(config, data, titles, beside, show)?)));
    }
    let mut items = Items::read(config, guessed_kind, given, data, beside, show)?;
    items.add(titles, show)?;
    Ok(Prepared::Items(Box::new(items)))
}

/// Makes the model folder `path` of data: the whole of `vecinity train`.
///
/// # Errors
/// As [`prepare`], what training says, and [`Error::Interrupted`] if `show` stopped it.
///
/// # Example
/// ```
/// use vecinity::run::{Data, Given, How, train};
/// let folder = tempfile::tempdir().unwrap();
/// let text = folder.path().join("a.txt");
/// std::fs::write(&text, "the cat sat on the mat\n".repeat(20)).unwrap();
/// let given = Given { dim: Some(8), epochs: Some("1".into()), threads: Some(1), ..Given::default() };
/// let data = Data::Files(vec![text.display().to_string()]);
/// let done = train(&given, &data, &folder.path().join("a.model"), How::default(), &mut ())?;
/// assert_eq!((done.tokens, done.dim), (5, 8));
/// # Ok::<(), vecinity::Error>(())
/// ```
pub fn train(given: &Given, data: &Data, path: &Path, how: How, show: &mut dyn Show) -> Result<Done> {
    model_dir::check_output(path)?;
    match prepare(given, data, path.parent(), show)? {
        Prepared::Text(text) => text.train(path, how, show),
        Prepared::Items(items) => items.train(path, how, show),
    }
}

/// Metadata with the name of what it comes from.
#[derive(Debug)]
struct Titles {
    metadata: Metadata,
    file: PathBuf,
}

impl Titles {
    /// The metadata that was given or that a configuration names.
    fn of(given: &Given, config: &Config) -> Result<Option<Self>> {
        let read = Fields::read("metadata", given.metadata.as_ref(), config.data.metadata.as_deref())?;
        Ok(read.map(|(metadata, file)| Self { metadata, file }))
    }

    /// Says how many ids match; none is an error.
    fn say(&self, vocab: &Vocab, show: &mut dyn Show) -> Result<()> {
        let matching = self.metadata.matching(vocab);
        matching.require(&self.file)?;
        show.say(&format!("titles  {matching}"));
        Ok(())
    }
}

/// The folder for work files: the current one, if a name has no folder.
fn work_dir(beside: Option<&Path>) -> Option<PathBuf> {
    beside.map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder }).map(Path::to_owned)
}

/// A token that is neither the most frequent nor rare.
fn example(vocab: &Vocab) -> String {
    vocab.iter().nth(vocab.len() / 50).map_or("", |(_, token, _)| token).to_owned()
}
