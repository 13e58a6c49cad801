//! Items added and taken out while a model is served. The trained model stays as it is; what is added makes a longer copy
//! of it, so that every kind of question knows the item at once.
//!
//! * An item comes with a vector, or is made `like` others: the mean of their rows, in both matrices; or of its fields alone,
//!   where a network has learned what they say. With a vector of the
//!   input matrix alone, its row of the output matrix is the mean of those of the ten items nearest to it.
//! * An item taken out is never an answer again; histories may still name it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vecinity::ask::{Asker, Want};
use vecinity::embeddings::Which;
use vecinity::index::Metric;
use vecinity::model_dir::{Added, Model};
use vecinity::{Embeddings, Error, Result, Vocab, publish};

/// Items whose output rows stand for that of a new one.
const NEAREST: usize = 10;

/// A new item, as clients send it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    /// Its id.
    pub(crate) id: String,
    /// Ids of items it is like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) like: Vec<String>,
    /// Its row of the input matrix, `dim` numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vector: Option<Vec<f32>>,
    /// Its row of the output matrix, `dim` numbers; only with `vector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Vec<f32>>,
    /// Fields such as the title. Without `like` and `vector`, a network that was trained with item features makes its vector of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

/// What was changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    changes: u64,
    items: BTreeMap<String, Item>,
    removed: BTreeSet<String>,
}

impl Overlay {
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    pub(crate) fn added(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn removed(&self) -> usize {
        self.removed.len()
    }

    /// The same with these items, new or in place of what was added before.
    pub(crate) fn with(&self, trained: &Embeddings, items: Vec<Item>) -> Result<Self> {
        let mut next = self.clone();
        next.changes += 1;
        for item in items {
            next.removed.remove(&item.id);
            if trained.vocab().get(&item.id).is_some() {
                // It was taken out, and is wanted again as it was.
                let bare = item.like.is_empty() && item.vector.is_none() && item.metadata.is_empty();
                if bare && self.removed.contains(&item.id) {
                    continue;
                }
                let what = format!("'{}' is an item of the trained model", vecinity::error::shown(&item.id));
                return Err(Error::data(
                    what,
                    "what was trained is changed by training; send the bare id to undo a removal",
                ));
            }
            next.items.insert(item.id.clone(), item);
        }
        Ok(next)
    }

    /// The same without an item; whether there was one.
    pub(crate) fn without(&self, trained: &Embeddings, id: &str) -> Option<Self> {
        let mut next = self.clone();
        next.changes += 1;
        let found = next.items.remove(id).is_some()
            || (trained.vocab().get(id).is_some() && next.removed.insert(id.to_owned()));
        found.then_some(next)
    }

    /// What still makes sense on top of a newer model: not what it knows itself, and not what is like items it does not know.
    pub(crate) fn carried(&self, model: &Model) -> (Self, Vec<String>) {
        let trained = &model.embeddings;
        let mut next = self.clone();
        let mut dropped = Vec::new();
        let fits = |item: &Item| {
            let length = item.vector.as_ref().is_none_or(|vector| vector.len() == trained.dim());
            length && trained.vocab().get(&item.id).is_none() && made(item, model).is_ok()
        };
        next.items.retain(|id, item| {
            let keep = fits(item);
            if !keep {
                dropped.push(id.clone());
            }
            keep
        });
        next.removed.retain(|id| trained.vocab().get(id).is_some());
        (next, dropped)
    }

    /// The model with the items.
    pub(crate) fn apply(&self, trained: &Arc<Model>) -> Result<Arc<Model>> {
        if self.items.is_empty() {
            return Ok(Arc::clone(trained));
        }
        let items = self.items.values().map(|item| made(item, trained)).collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(trained.with_items(&items)?))
    }

    /// The rows that are never answers.
    pub(crate) fn hidden(&self, vocab: &Vocab) -> HashSet<u32> {
        self.removed.iter().filter_map(|id| vocab.get(id)).map(|id| id.0).collect()
    }

    /// Reads what was kept of a model.
    pub(crate) fn load(state: &Path, model: &str) -> Result<Self> {
        let file = file(state, model);
        if !file.exists() {
            return Ok(Self::default());
        }
        let bytes = std::fs::read(&file).map_err(Error::io(&file, "read"))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::input(&*file, error.to_string(), "it keeps items added by requests: repair it, or move it away")
        })
    }

    /// Keeps it.
    pub(crate) fn save(&self, state: &Path, model: &str) -> Result<()> {
        let file = file(state, model);
        let bytes = serde_json::to_vec(self).map_err(|error| Error::data(error.to_string(), ""))?;
        publish::file(&file, |to| publish::write_all(to, &file, &bytes))
    }
}

fn file(state: &Path, model: &str) -> PathBuf {
    state.join(format!("{model}.items.json"))
}

/// An item with its rows.
fn made(item: &Item, model: &Model) -> Result<Added> {
    let embeddings = &model.embeddings;
    let wrong = |found: &str| {
        let what = format!(
            "item '{}' has {found}, expected `like` or `vector`, or fields that a network of the model has learned",
            vecinity::error::shown(&item.id)
        );
        Err(Error::data(what, r#"for example {"id": "new", "like": ["1214", "541"]}"#))
    };
    let fields: Vec<_> = item.metadata.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    let (input, output) = match (&item.vector, item.like.is_empty()) {
        (None, true) if item.metadata.is_empty() => return wrong("neither"),
        (None, true) => match model.item_of_fields(&item.id, fields) {
            Ok(Some(added)) => return Ok(added),
            Ok(None) => return wrong("fields alone, of which the network has learned none"),
            Err(_) => return wrong("fields alone, and the model has no network that has learned what they say"),
        },
        (Some(_), false) => return wrong("both"),
        (None, false) if item.output.is_some() => return wrong("`output` and `like`"),
        (None, false) => {
            let rows = item.like.iter().map(|id| embeddings.vocab().require(id)).collect::<Result<Vec<_>>>()?;
            means(embeddings, &rows)
        }
        (Some(vector), true) => match &item.output {
            Some(output) => (vector.clone(), output.clone()),
            None => {
                let asker = Asker::new(embeddings, Which::Input, Metric::Cosine)?;
                let hits = asker.neighbors_of_vector(vector, Want::best(NEAREST))?;
                let rows: Vec<_> = hits.iter().map(|hit| hit.id).collect();
                (vector.clone(), means(embeddings, &rows).1)
            }
        },
    };
    Ok(Added { id: item.id.clone(), input, output, fields })
}

/// The means of rows of both matrices.
fn means(embeddings: &Embeddings, rows: &[vecinity::TokenId]) -> (Vec<f32>, Vec<f32>) {
    let mean = |matrix: &vecinity::Matrix| {
        let mut sum = vec![0.0; matrix.dim()];
        for id in rows {
            sum.iter_mut().zip(matrix.row(id.row())).for_each(|(sum, value)| *sum += value);
        }
        sum.iter_mut().for_each(|sum| *sum /= rows.len().max(1) as f32);
        sum
    };
    (mean(embeddings.input()), embeddings.output().map(mean).unwrap_or_default())
}
