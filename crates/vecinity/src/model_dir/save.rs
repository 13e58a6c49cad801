//! A new model becomes a folder.

use super::manifest::{Entry, FORMAT, Manifest, Origin, Outputs, sum_line};
use super::{
    BLEND, CONFIG, FEATURES, MANIFEST, MANIFEST_SUM, METADATA, METRICS, Model, PARTS, README, RECIPE, REPORT, SKIPPED,
    TOWER, TRAINING, TYPES, VECTORS, VOCAB, blend_names, name_of,
};
use crate::baselines::Sparse;
use crate::checksum;
use crate::config::Config;
use crate::embeddings::Embeddings;
use crate::error::{Error, Result};
use crate::metadata::Metadata;
use crate::models::Tower;
use crate::models::eges::Parts;
use crate::publish::{self, Staging};
use crate::recommend::{MetricsFile, Recipe};
use crate::report::{self, Subject};
use crate::tensors::{self, Tensors, Values};
use crate::train::Trained;
use crate::vocab::Vocab;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All parts of a model that is to be written.
#[derive(Debug)]
pub struct NewModel<'a> {
    /// The tokens.
    pub vocab: &'a Vocab,
    /// The input matrix, shape `[vocab.len(), dim]`.
    pub input: Values<'a>,
    /// The second matrix, and what its rows are.
    pub output: Option<(Outputs, Values<'a>)>,
    /// The network that makes user vectors, if the model has one.
    pub tower: Option<&'a Tower>,
    /// What makes vectors of new items of their fields, if the model learned that without a network.
    pub parts: Option<&'a Parts>,
    /// Titles and fields.
    pub metadata: Option<&'a Metadata>,
    /// The settings of the run.
    pub config: Option<&'a Config>,
    /// Where the vectors come from.
    pub origin: Origin,
    /// How it is asked for recommendations, and the tables of the recipe's blend in its order.
    pub recipe: Option<(&'a Recipe, &'a [Sparse])>,
    /// How good it is.
    pub metrics: Option<&'a MetricsFile>,
    /// How fields become types, as TOML, if the tokens are types.
    pub types: String,
    /// Rows of the data that could not be read, an object a line.
    pub skipped: String,
    /// Progress of the run, an object a line.
    pub training: String,
}

impl<'a> NewModel<'a> {
    /// A model straight from training, without a copy of its tables.
    #[must_use]
    pub fn trained(vocab: &'a Vocab, trained: &'a Trained, origin: Origin) -> Self {
        let outputs = if trained.outputs_are_tokens { Outputs::Tokens } else { Outputs::Nodes };
        Self {
            vocab,
            input: Values::Rows(&trained.input),
            output: Some((outputs, Values::Rows(&trained.output))),
            tower: None,
            parts: None,
            metadata: None,
            config: None,
            origin,
            recipe: None,
            metrics: None,
            types: String::new(),
            skipped: String::new(),
            training: String::new(),
        }
    }

    /// A model from a foreign file.
    #[must_use]
    pub fn imported(embeddings: &'a Embeddings, format: &str) -> Self {
        Self::of(embeddings, Origin::Imported { format: format.to_owned() })
    }

    /// A model of vectors in memory.
    #[must_use]
    pub fn of(embeddings: &'a Embeddings, origin: Origin) -> Self {
        Self {
            vocab: embeddings.vocab(),
            input: Values::Matrix(embeddings.input()),
            output: embeddings.output().map(|matrix| (Outputs::Tokens, Values::Matrix(matrix))),
            tower: None,
            parts: None,
            metadata: embeddings.metadata(),
            config: None,
            origin,
            recipe: None,
            metrics: None,
            types: String::new(),
            skipped: String::new(),
            training: String::new(),
        }
    }

    /// Writes the model to `path`; an older model there is replaced in one step.
    ///
    /// # Errors
    /// [`Error::Input`] if something that is no model stands at `path`, or [`Error::Io`]. What was there
    /// before is untouched then.
    pub fn save(&self, path: &Path) -> Result<Manifest> {
        check_target(path)?;
        let staging = Staging::new(path)?;
        let folder = staging.path();
        let mut files = BTreeMap::new();
        let mut add = |name: &str, write: &mut dyn FnMut(&mut dyn std::io::Write) -> Result<()>| -> Result<()> {
            let file = folder.join(name);
            publish::file(&file, |to| write(to))?;
            files.insert(name.to_owned(), entry(&file)?);
            Ok(())
        };
        let (text, ends) = self.flat_vocab();
        add(VOCAB, &mut |mut to| {
            let counts = self.vocab.counts();
            let tensors =
                [("bytes", Values::U8(text.as_bytes())), ("ends", Values::U64(&ends)), ("counts", Values::U64(counts))];
            tensors::write(&mut to, path, &tensors)
        })?;
        add(VECTORS, &mut |mut to| {
            let mut tensors = vec![("input", self.input)];
            match self.output {
                Some((Outputs::Tokens, values)) => tensors.push(("output", values)),
                Some((Outputs::Nodes, values)) => tensors.push(("nodes", values)),
                Some((Outputs::None, _)) | None => {}
            }
            tensors::write(&mut to, path, &tensors)
        })?;
        if let Some(tower) = self.tower {
            let parameters = tower.parameters();
            let tensors: Vec<(&str, Values<'_>)> =
                parameters.iter().map(|(name, matrix)| (name.as_str(), Values::Matrix(matrix))).collect();
            add(TOWER, &mut |mut to| tensors::write(&mut to, path, &tensors))?;
        }
        if let Some(parts) = self.parts {
            let tensors = [("values", Values::Matrix(parts.table())), ("weights", Values::Matrix(parts.weights()))];
            add(PARTS, &mut |mut to| tensors::write(&mut to, path, &tensors))?;
        }
        let schema = self.tower.map(Tower::schema).or(self.parts.map(Parts::schema));
        if let Some(schema) = schema.filter(|schema| !schema.is_empty()) {
            let json = serde_json::to_vec_pretty(schema).map_err(|e| Error::io(path, "write")(e.into()))?;
            add(FEATURES, &mut |to| to.write_all(&json).map_err(Error::io(path, "write")))?;
        }
        if let Some(config) = self.config {
            add(CONFIG, &mut |to| to.write_all(config.to_toml().as_bytes()).map_err(Error::io(path, "write")))?;
        }
        if let Some(metadata) = self.metadata {
            add(METADATA, &mut |mut to| metadata.write_jsonl(&mut to, self.vocab).map_err(Error::io(path, "write")))?;
        }
        if let Some((recipe, tables)) = self.recipe {
            let json = serde_json::to_vec_pretty(recipe).map_err(|e| Error::io(path, "write")(e.into()))?;
            add(RECIPE, &mut |to| to.write_all(&json).map_err(Error::io(path, "write")))?;
            if !tables.is_empty() {
                let names: Vec<_> = (0..tables.len()).map(blend_names).collect();
                let tensors: Vec<(&str, Values<'_>)> = (names.iter().zip(tables))
                    .flat_map(|([ends, columns, values], table)| {
                        [
                            (ends.as_str(), Values::U64(&table.ends)),
                            (columns.as_str(), Values::U32(&table.columns)),
                            (values.as_str(), Values::F32(&table.values)),
                        ]
                    })
                    .collect();
                add(BLEND, &mut |mut to| tensors::write(&mut to, path, &tensors))?;
            }
        }
        if let Some(metrics) = self.metrics {
            let json = serde_json::to_vec_pretty(metrics).map_err(|e| Error::io(path, "write")(e.into()))?;
            add(METRICS, &mut |to| to.write_all(&json).map_err(Error::io(path, "write")))?;
        }
        for (name, lines) in [(TYPES, &self.types), (SKIPPED, &self.skipped), (TRAINING, &self.training)] {
            if !lines.is_empty() {
                add(name, &mut |to| to.write_all(lines.as_bytes()).map_err(Error::io(path, "write")))?;
            }
        }
        let (tool, created) = (tool(), humantime::format_rfc3339_seconds(now()).to_string());
        if self.origin.run().is_some() {
            // From the matrices just written: a map of the file needs no memory of its own.
            let page = self.report(&name_of(path), &Tensors::open(&folder.join(VECTORS))?, &tool, &created)?;
            add(REPORT, &mut |to| to.write_all(page.as_bytes()).map_err(Error::io(path, "write")))?;
        }
        let card = self.card(path);
        add(README, &mut |to| to.write_all(card.as_bytes()).map_err(Error::io(path, "write")))?;
        let manifest = self.manifest(files, tool, created);
        seal(folder, path, &manifest)?;
        staging.publish()?;
        Ok(manifest)
    }

    fn dim(&self) -> usize {
        match self.input {
            Values::Rows(table) => table.dim(),
            Values::Matrix(matrix) => matrix.dim(),
            _ => 0,
        }
    }

    fn report(&self, name: &str, vectors: &Tensors, tool: &str, created: &str) -> Result<String> {
        let output = if vectors.contains("output") { Some(vectors.matrix("output")?) } else { None };
        Ok(report::html(&Subject {
            name,
            tool,
            created,
            run: self.origin.run(),
            vocab: self.vocab,
            input: &vectors.matrix("input")?,
            output: output.as_ref(),
            metadata: self.metadata,
            config: self.config,
            recipe: self.recipe.map(|(recipe, _)| recipe),
            metrics: self.metrics,
            training: &self.training,
        }))
    }

    fn manifest(&self, files: BTreeMap<String, Entry>, tool: String, created: String) -> Manifest {
        Manifest {
            format: FORMAT,
            uuid: uuid(&files),
            tool,
            created,
            origin: self.origin.clone(),
            tokens: self.vocab.len(),
            dim: self.dim(),
            outputs: self.output.map_or(Outputs::None, |(outputs, _)| outputs),
            files,
        }
    }

    /// All tokens in one text, and where each ends.
    fn flat_vocab(&self) -> (String, Vec<u64>) {
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(self.vocab.len()));
        for (_, token, _) in self.vocab.iter() {
            text.push_str(token);
            ends.push(text.len() as u64);
        }
        (text, ends)
    }

    /// The model in a few sentences.
    fn card(&self, path: &Path) -> String {
        let name = name_of(path);
        let origin = match &self.origin {
            Origin::Trained { corpus_tokens, sequences, .. } => {
                format!("Trained on {sequences} sequences with {corpus_tokens} tokens; the settings are in `{CONFIG}`.")
            }
            Origin::Imported { format } => format!("Imported from a file in the format {format}."),
        };
        let report = if self.origin.run().is_some() { "`report.html` shows how good it is.\n" } else { "" };
        format!(
            "# {name}\n\n{} tokens, {} values a vector. {origin}\n\n\
             Ask it with `vecinity neighbors {name} TOKEN`; check it with `vecinity verify {name}`.\n\
             {report}In Python: `safetensors.numpy.load_file(\"{VECTORS}\")[\"input\"]`, one row a token.\n",
            self.vocab.len(),
            self.dim(),
        )
    }
}

/// Size and checksum of a file.
pub(super) fn entry(file: &Path) -> Result<Entry> {
    let bytes = file.metadata().map_err(Error::io(file, "read"))?.len();
    Ok(Entry { bytes, blake3: checksum::of_file(file)? })
}

/// A name made from the content of all files.
pub(super) fn uuid(files: &BTreeMap<String, Entry>) -> String {
    let mut hasher = blake3::Hasher::new();
    for entry in files.values() {
        hasher.update(entry.blake3.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Writes the manifest of the model that is to stand at `path` into a folder, with its checksum.
pub(super) fn seal(folder: &Path, path: &Path, manifest: &Manifest) -> Result<()> {
    let json = serde_json::to_vec_pretty(manifest).map_err(|e| Error::io(path, "write")(e.into()))?;
    for (name, bytes) in [(MANIFEST, json.as_slice()), (MANIFEST_SUM, sum_line(&json).as_bytes())] {
        std::fs::write(folder.join(name), bytes).map_err(Error::io(path, "write"))?;
    }
    Ok(())
}

/// The name and version of this program.
fn tool() -> String {
    format!("vecinity {}", env!("CARGO_PKG_VERSION"))
}

/// Refuses to replace anything but a model.
fn check_target(path: &Path) -> Result<()> {
    if !path.exists() || Model::is_model(path) {
        return Ok(());
    }
    let empty = path.is_dir() && path.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    if empty {
        return Ok(());
    }
    Err(Error::input(
        path,
        "exists and is no model; it will not be replaced",
        "choose another name, or remove it first",
    ))
}

/// Checks before a long run that its result can be written to `path`.
///
/// # Errors
/// [`Error::Input`] if something that is no model stands there or the folder around it does not exist.
pub fn check_output(path: &Path) -> Result<()> {
    check_target(path)?;
    Staging::new(path).map(drop)
}

/// Checks before a long run that a model of `tokens` tokens and both matrices has room at `path`.
///
/// # Errors
/// [`Error::Input`] with the bytes needed and free.
pub fn check_space(path: &Path, tokens: usize, dim: usize) -> Result<()> {
    // A row in each matrix, and the token itself with its count and end.
    publish::check_space(path, tokens as u64 * (2 * 4 * dim as u64 + 24))
}

/// Now, or the time that `SOURCE_DATE_EPOCH` asks for.
fn now() -> SystemTime {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|s| s.parse().ok());
    fixed.map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds))
}
