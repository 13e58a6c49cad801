//! The model folder: complete or absent, checksummed, readable by stock tools.
//!
//! ```text
//! shop.model/
//!   MANIFEST.json        what it is, and every other file with its size and BLAKE3 checksum
//!   MANIFEST.b3          the checksum of MANIFEST.json (as `b3sum` writes it)
//!   config.toml          the settings of the run: vecinity train --config shop.model/config.toml
//!   vocab.safetensors    `bytes` U8, `ends` U64 [n], `counts` U64 [n]: token r is bytes[ends[r-1]..ends[r]]
//!   vectors.safetensors  `input` F32 [n, dim], `output` F32 [n, dim] (hierarchical softmax: `nodes` [n-1, dim])
//!   tower.safetensors    the network that makes user vectors (`pools`, `asks.weight`, `layer0.weight`, ...), if it has one
//!   parts.safetensors    what makes vectors of new items: `values` F32 [rows, dim], `weights` F32 [1, fields], if it learned that
//!   features.json        what it reads beside histories, or of the items: columns with their values, if it reads any
//!   recipe.json          how it is asked for recommendations, chosen by validation
//!   blend.safetensors    the item-to-item tables of the recipe that training chose, from number 0: `ends0` U64 [n], `columns0` U32, `values0` F32
//!   metrics.json         figures on held-out data: the model, the baselines, all recipes tried
//!   metadata.jsonl       titles and fields, if given
//!   types.toml           how fields become types of users and listings, in models of types
//!   skipped.jsonl        rows of the data that could not be read, an object a line
//!   training.jsonl       progress of the run, an object a line
//!   index/               indexes for large catalogues, if they were built: neighbors/, recommend/, with checksums of their own
//!   report.html          what it is and how good it is, on one page; absent in imported models
//!   README.md            the model in a few sentences
//! ```
//!
//! `docs/format.md` describes the bytes. Opening a model checks every byte against its checksum, so
//! that nothing is answered from a damaged file.
//!
//! May import: everything it stores.  Used by: programs.

mod change;
mod extend;
mod indexes;
mod manifest;
mod save;

pub use extend::Added;
pub use indexes::{BuiltIndex, IndexOf, WORTH_AN_INDEX};
pub use manifest::{Manifest, Origin, Outputs};
pub use save::{NewModel, check_output, check_space};

use crate::baselines::Sparse;
use crate::checksum;
use crate::config::Config;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, shown};
use crate::index::Metric;
use crate::metadata::Metadata;
use crate::models::eges::Parts;
use crate::models::youtube::{Context, Schema};
use crate::models::{ModelConfig, Tower};
use crate::recommend::{MetricsFile, Pair, Recipe, Recommender};
use crate::report::{self, Subject};
use crate::tensors::Tensors;
use crate::vocab::Vocab;
use std::path::{Path, PathBuf};

pub(crate) const MANIFEST: &str = "MANIFEST.json";
pub(crate) const MANIFEST_SUM: &str = "MANIFEST.b3";
pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const VOCAB: &str = "vocab.safetensors";
pub(crate) const VECTORS: &str = "vectors.safetensors";
pub(crate) const TOWER: &str = "tower.safetensors";
pub(crate) const PARTS: &str = "parts.safetensors";
pub(crate) const FEATURES: &str = "features.json";
pub(crate) const METADATA: &str = "metadata.jsonl";
pub(crate) const RECIPE: &str = "recipe.json";
pub(crate) const BLEND: &str = "blend.safetensors";
pub(crate) const METRICS: &str = "metrics.json";
pub(crate) const TYPES: &str = "types.toml";
pub(crate) const SKIPPED: &str = "skipped.jsonl";
/// The log of the run.
pub const TRAINING: &str = "training.jsonl";
pub(crate) const REPORT: &str = "report.html";
pub(crate) const README: &str = "README.md";

/// An open model folder.
#[derive(Debug)]
pub struct Model {
    /// Where it was read from.
    pub path: PathBuf,
    /// What it is.
    pub manifest: Manifest,
    /// The settings it was trained with; absent in imported models.
    pub config: Option<Config>,
    /// Vocabulary, matrices and metadata.
    pub embeddings: Embeddings,
    /// How it is asked for recommendations; absent in models of text and in imported ones.
    pub recipe: Option<Recipe>,
    /// The network that makes user vectors, if the model has one.
    pub tower: Option<Tower>,
    /// What makes vectors of new items of their fields, if the model learned that without a network.
    pub parts: Option<Parts>,
    /// How fields become types, as TOML, if its tokens are types.
    pub types: Option<String>,
    /// The tables of the recipe's blend in its order, by rows of the vocabulary.
    pub blended: Vec<Sparse>,
    /// How good it is, if that was measured, and all recipes that were tried.
    pub metrics: Option<MetricsFile>,
    indexes: indexes::Indexes,
}

impl Model {
    /// Opens a model folder after checking every byte of it against its checksums.
    ///
    /// # Errors
    /// [`Error::Model`] if it is incomplete, damaged or of a newer version; [`Error::Input`] if it is no model folder.
    pub fn open(path: &Path) -> Result<Self> {
        let manifest = Manifest::open(path)?;
        for (name, entry) in &manifest.files {
            check_file(&path.join(name), entry)?;
        }
        let vocab = read_vocab(&path.join(VOCAB))?;
        let tensors = Tensors::open(&path.join(VECTORS))?;
        let output = if tensors.contains("output") { Some(tensors.matrix("output")?) } else { None };
        let input = tensors.matrix("input")?;
        let metadata = if manifest.files.contains_key(METADATA) {
            let file = path.join(METADATA);
            let bytes = std::fs::read(&file).map_err(Error::io(&file, "read"))?;
            Some(Metadata::read_jsonl(&bytes, &Place::file(&file))?)
        } else {
            None
        };
        let config = if manifest.files.contains_key(CONFIG) { Some(Config::read(&path.join(CONFIG))?) } else { None };
        let embeddings = Embeddings::new(vocab, input, output)
            .map_err(|e| Error::model(path, e.to_string(), "the model is damaged, or was written by a faulty program"))?
            .with_metadata(metadata);
        let has = |name: &str| manifest.files.contains_key(name).then(|| path.join(name));
        let schema = has(FEATURES).map(|file| read_json(&file)).transpose()?.unwrap_or_default();
        let parts = has(PARTS).map(|file| read_parts(&file, &schema, embeddings.dim())).transpose()?;
        let tower =
            has(TOWER).map(|file| read_tower(&file, config.as_ref(), schema, embeddings.input())).transpose()?;
        let read = |file: PathBuf| std::fs::read_to_string(&file).map_err(Error::io(file, "read"));
        let types = has(TYPES).map(read).transpose()?;
        let recipe: Option<Recipe> = has(RECIPE).map(|file| read_json(&file)).transpose()?;
        let metrics: Option<MetricsFile> = has(METRICS).map(|file| read_json(&file)).transpose()?;
        let tables = places(recipe.as_ref(), metrics.as_ref());
        let blended =
            has(BLEND).filter(|_| !tables.is_empty()).map(|file| read_blend(&file, &tables, embeddings.len()));
        let blended = blended.transpose()?.unwrap_or_default();
        let (path, indexes) = (path.to_owned(), indexes::Indexes::default());
        Ok(Self { path, manifest, config, embeddings, tower, parts, types, recipe, blended, metrics, indexes })
    }

    /// What is known of a user beside the history, as the network reads it; `None` if the model reads histories alone.
    ///
    /// * `known`: columns with their values as text.
    ///
    /// # Errors
    /// [`Error::Setting`] for a column that the model does not read, or a number that is none.
    pub fn context(&self, known: &[(&str, &str)]) -> Result<Option<Context>> {
        let Some(schema) = self.tower.as_ref().map(Tower::schema).filter(|schema| schema.reads_users()) else {
            return match known.first() {
                None => Ok(None),
                Some((name, _)) => {
                    Err(Error::setting("context", shown(name), "nothing: the model reads histories alone"))
                }
            };
        };
        if let Some((name, _)) = known.iter().find(|(name, _)| !schema.names().any(|reads| reads == *name)) {
            let names: Vec<&str> = schema.names().collect();
            let expected = format!("columns that the model reads: {}", names.join(", "));
            return Err(Error::setting("context", shown(name), expected));
        }
        let value = |name: &str| known.iter().rev().find(|(known, _)| *known == name).map(|&(_, value)| value);
        schema.context(&value).map(Some)
    }

    /// The model, ready to recommend by its recipe, or by a usual one if it has none: from the input to the
    /// output matrix by dot products, as it was trained, or by cosines of the one matrix it has; in both
    /// cases of whole histories. If its folder has an index for that, lists come from it.
    ///
    /// # Errors
    /// [`Error::Data`] if its recipe needs an output matrix and there is none; what [`Model::index`] says.
    pub fn recommender(&self) -> Result<Recommender> {
        let recommender = self.exact_recommender()?;
        Ok(match self.index(IndexOf::Recommend)? {
            Some(index) => recommender.with_index(index),
            None => recommender,
        })
    }

    /// [`Model::recommender`] that looks at every item, whatever indexes there are.
    ///
    /// # Errors
    /// [`Error::Data`] if its recipe needs an output matrix and there is none.
    pub fn exact_recommender(&self) -> Result<Recommender> {
        Recommender::new(&self.embeddings, self.asked_by(), self.blended.clone(), self.tower.clone())
    }

    /// Its recipe, or a usual one.
    fn asked_by(&self) -> Recipe {
        self.recipe.clone().unwrap_or_else(|| match (self.embeddings.output(), &self.tower) {
            (_, Some(tower)) => Recipe::of_tower(tower),
            (Some(_), None) => Recipe { vectors: Pair::InOut, metric: Metric::Dot, ..Recipe::default() },
            (None, None) => Recipe { vectors: Pair::Input, metric: Metric::Cosine, ..Recipe::default() },
        })
    }

    /// The report about the model as HTML: the bytes of `report.html`, made anew.
    ///
    /// # Errors
    /// [`Error::Io`] if the log of the run cannot be read.
    pub fn report(&self) -> Result<String> {
        let log = self.path.join(TRAINING);
        let training = if self.manifest.files.contains_key(TRAINING) {
            std::fs::read_to_string(&log).map_err(Error::io(&log, "read"))?
        } else {
            String::new()
        };
        Ok(report::html(&Subject {
            name: &name_of(&self.path),
            tool: &self.manifest.tool,
            created: &self.manifest.created,
            run: self.manifest.origin.run(),
            vocab: self.embeddings.vocab(),
            input: self.embeddings.input(),
            output: self.embeddings.output(),
            metadata: self.embeddings.metadata(),
            config: self.config.as_ref(),
            recipe: self.recipe.as_ref(),
            metrics: self.metrics.as_ref(),
            training: &training,
        }))
    }

    /// Whether `path` looks like a model folder.
    #[must_use]
    pub fn is_model(path: &Path) -> bool {
        path.join(MANIFEST).is_file()
    }
}

/// Where the log of a run grows while the model is made, beside its folder; gone when the model is there.
#[must_use]
pub fn live_log(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".training.jsonl");
    path.with_file_name(name)
}

/// What a model is called: its folder.
fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Compares size and checksum of a file with the manifest.
fn check_file(path: &Path, expected: &manifest::Entry) -> Result<()> {
    let advice = "the model is damaged: restore it from a copy, or train it again";
    let bytes =
        path.metadata().map_err(|e| Error::model(path, format!("a file of the model is missing: {e}"), advice))?.len();
    if bytes != expected.bytes {
        return Err(Error::model(path, format!("{bytes} bytes, the manifest says {}", expected.bytes), advice));
    }
    if checksum::of_file(path)? != expected.blake3 {
        return Err(Error::model(path, "the checksum is wrong: some bytes have changed", advice));
    }
    Ok(())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(Error::io(path, "read"))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::model(path, e.to_string(), "the model was written by another version: train it again"))
}

/// The names of the tensors of table number `number` of a blend.
pub(crate) fn blend_names(number: usize) -> [String; 3] {
    ["ends", "columns", "values"].map(|name| format!("{name}{number}"))
}

/// Which of the stored tables a recipe needs, in its order. They are those of the recipe that training chose; another
/// one may have been stored since.
fn places(recipe: Option<&Recipe>, metrics: Option<&MetricsFile>) -> Vec<usize> {
    let Some(recipe) = recipe else { return Vec::new() };
    let by_metrics = metrics.and_then(|metrics| metrics.tables_for(recipe));
    by_metrics.unwrap_or_else(|| (0..recipe.blend.len()).collect())
}

fn read_blend(path: &Path, tables: &[usize], tokens: usize) -> Result<Vec<Sparse>> {
    let tensors = Tensors::open(path)?;
    let read = |number: usize| {
        let [ends, columns, values] = blend_names(number);
        let table =
            Sparse { ends: tensors.u64(&ends)?, columns: tensors.u32(&columns)?, values: tensors.f32(&values)? };
        let last = table.ends.last().copied().unwrap_or(0);
        let whole = table.ends.len() == tokens
            && table.ends.is_sorted()
            && last == table.columns.len() as u64
            && table.columns.len() == table.values.len()
            && table.columns.iter().all(|&column| (column as usize) < tokens)
            && table.values.iter().all(|value| value.is_finite());
        if whole {
            Ok(table)
        } else {
            Err(Error::model(path, "the table does not fit the vocabulary", "the model is damaged: train it again"))
        }
    };
    tables.iter().map(|&number| read(number)).collect()
}

fn read_tower(path: &Path, config: Option<&Config>, schema: Schema, input: &Matrix) -> Result<Tower> {
    let damaged = |what: String| Error::model(path, what, "the model is damaged: train it again");
    let Some(ModelConfig::Youtube(config)) = config.map(|config| &config.model) else {
        return Err(damaged(format!("a network, of which {CONFIG} does not say the settings")));
    };
    let tensors = Tensors::open(path)?;
    Tower::new(config, schema, input, &|name| tensors.matrix(name)).map_err(|error| match error {
        Error::Data { what, .. } => damaged(what),
        other => other,
    })
}

fn read_parts(path: &Path, schema: &Schema, dim: usize) -> Result<Parts> {
    let tensors = Tensors::open(path)?;
    let damaged = |what: String| Error::model(path, what, "the model is damaged: train it again");
    let table = tensors.matrix("values")?;
    if table.dim() != dim {
        return Err(damaged(format!("parts of {} values, vectors of {dim}", table.dim())));
    }
    Parts::new(schema.clone(), table, tensors.matrix("weights")?).map_err(|error| damaged(error.to_string()))
}

fn read_vocab(path: &Path) -> Result<Vocab> {
    let tensors = Tensors::open(path)?;
    let bad = |what: &str| Error::model(path, what, "the vocabulary is damaged, or was written by a faulty program");
    let text = std::str::from_utf8(tensors.u8("bytes")?).map_err(|_| bad("the tokens are no UTF-8"))?;
    let (ends, counts) = (tensors.u64("ends")?, tensors.u64("counts")?);
    if ends.len() != counts.len() {
        return Err(bad("`ends` and `counts` differ in length"));
    }
    let mut start = 0usize;
    let mut tokens = Vec::with_capacity(ends.len());
    for (&end, &count) in ends.iter().zip(&counts) {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        tokens.push((text.get(start..end).ok_or_else(|| bad("`ends` do not rise inside the text"))?, count));
        start = end;
    }
    Vocab::from_counts(tokens).map_err(|e| bad(&e.to_string()))
}
