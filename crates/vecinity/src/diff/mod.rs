//! Two models side by side: what changed, and is it little enough to be deployed?
//!
//! | file | job |
//! |---|---|
//! | `neighbors` | how many of the nearest are still the same |
//! | `align` | how well a rotation explains the change |
//! | `limits` | what may not be passed: the gate |
//!
//! A new training turns and mirrors the space: no vector is what it was, and nothing need have changed. So what is compared
//! is what people see (neighbours, figures) and what a rotation leaves (alignment).
//!
//! May import: `config`, `embeddings`, `eval`, `index`, `model_dir`, `recommend`, `vocab`, `id`, `rng`, `error`.
//! Used by: `cli`.

mod align;
mod limits;
mod neighbors;

pub use align::Alignment;
pub use limits::{Gate, Limits};
pub use neighbors::{Changed, Overlap};

use crate::TokenId;
use crate::embeddings::Which;
use crate::error::Result;
use crate::eval::recommend::Metrics;
use crate::index::Metric;
use crate::model_dir::Model;
use crate::recommend::MetricsFile;
use serde::Serialize;

/// Tokens that came or went, named at most.
const NAMED: usize = 10;

/// How two models are compared.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which vectors.
    pub vectors: Which,
    /// How neighbours are found.
    pub metric: Metric,
    /// Neighbours of a token that are compared.
    pub neighbors: usize,
    /// Tokens whose neighbours are compared, at most: drawn by frequency.
    pub sample: usize,
    /// Seed of the draw.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { vectors: Which::Input, metric: Metric::Cosine, neighbors: 10, sample: 2000, seed: 1 }
    }
}

/// What is different. The field names are those of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The tokens.
    pub vocabulary: Vocabulary,
    /// How many of the nearest are still the same; absent with fewer than three tokens in common.
    pub overlap: Option<Overlap>,
    /// How well a rotation explains the change; absent like the overlap.
    pub alignment: Option<Alignment>,
    /// Figures that both models have.
    pub metrics: Vec<Change>,
    /// Why the figures must not be compared, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomparable: Option<String>,
    /// The recipes, if they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<[String; 2]>,
    /// Settings that differ.
    pub settings: Vec<Setting>,
}

/// How the tokens changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vocabulary {
    /// Tokens of the old model.
    pub old: usize,
    /// Tokens of the new model.
    pub new: usize,
    /// Tokens that only the new model has.
    pub added: usize,
    /// Tokens that only the old model has.
    pub removed: usize,
    /// The share of the old model's occurrences (events) that fell on removed tokens, in `[0, 1]`.
    pub removed_share: f64,
    /// The most frequent of the added.
    pub first_added: Vec<String>,
    /// The most frequent of the removed.
    pub first_removed: Vec<String>,
}

/// A figure in both models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Its name, as in `vecinity evaluate --min`.
    pub name: &'static str,
    /// In the old model.
    pub old: f64,
    /// In the new model.
    pub new: f64,
    /// The difference as a share of the old value.
    pub change: f64,
    /// 95 % intervals of both, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<[[f64; 2]; 2]>,
}

/// A setting with both values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its key in `config.toml`: `train.dim`.
    pub key: String,
    /// In the old model; absent if it is not set there.
    pub old: Option<String>,
    /// In the new model.
    pub new: Option<String>,
}

/// Compares two models.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) if the vectors need an output matrix and a model has none.
pub fn diff(old: &Model, new: &Model, options: &Options) -> Result<Difference> {
    let (before, after) = (old.embeddings.vocab(), new.embeddings.vocab());
    let common: Vec<(TokenId, TokenId)> =
        before.iter().filter_map(|(id, token, _)| Some((id, after.get(token)?))).collect();
    let spaces = neighbors::Spaces::new(&old.embeddings, &new.embeddings, &common, options.vectors)?;
    let enough = common.len() > 2 && old.embeddings.dim() > 0 && new.embeddings.dim() > 0;
    let (metrics, incomparable) = figures(old.metrics.as_ref(), new.metrics.as_ref());
    let recipes =
        [&old.recipe, &new.recipe].map(|recipe| recipe.as_ref().map_or("none".to_owned(), ToString::to_string));
    Ok(Difference {
        vocabulary: vocabulary(old, new, common.len()),
        overlap: enough.then(|| spaces.overlap(before, after, options)),
        alignment: enough.then(|| align::align(&spaces, options.seed)),
        metrics,
        incomparable,
        recipe: (old.recipe != new.recipe).then_some(recipes),
        settings: settings(old, new),
    })
}

fn vocabulary(old: &Model, new: &Model, common: usize) -> Vocabulary {
    let (before, after) = (old.embeddings.vocab(), new.embeddings.vocab());
    let only = |of: &crate::Vocab, other: &crate::Vocab| {
        let mut only: Vec<(u64, String)> = (of.iter())
            .filter(|(_, token, _)| other.get(token).is_none())
            .map(|(_, token, count)| (count, token.to_owned()))
            .collect();
        only.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        only
    };
    let (removed, added) = (only(before, after), only(after, before));
    let lost: u64 = removed.iter().map(|(count, _)| count).sum();
    let first = |tokens: Vec<(u64, String)>| tokens.into_iter().take(NAMED).map(|(_, token)| token).collect();
    Vocabulary {
        old: before.len(),
        new: after.len(),
        added: after.len() - common,
        removed: before.len() - common,
        removed_share: lost as f64 / before.total_count().max(1) as f64,
        first_added: first(added),
        first_removed: first(removed),
    }
}

/// Figures that both models have, and why they must not be compared.
fn figures(old: Option<&MetricsFile>, new: Option<&MetricsFile>) -> (Vec<Change>, Option<String>) {
    let (Some(old), Some(new)) = (old.map(|m| &m.evaluation), new.map(|m| &m.evaluation)) else {
        return (Vec::new(), None);
    };
    let (Some(before), Some(after)) = (old.model(), new.model()) else { return (Vec::new(), None) };
    let incomparable =
        (old.holdout != new.holdout).then(|| format!("held out differently: {} and {}", old.holdout, new.holdout));
    let (a, b) = (&before.test, &after.test);
    let change = |name, of: fn(&Metrics) -> f64, interval: Option<fn(&Metrics) -> [f64; 2]>| {
        let (old, new) = (of(a), of(b));
        // From nothing to something is no share of anything: as much again as it can be.
        let change = if old == new {
            0.0
        } else if old == 0.0 {
            1.0
        } else {
            (new - old) / old
        };
        Change { name, old, new, change, intervals: interval.map(|of| [of(a), of(b)]) }
    };
    let metrics = vec![
        change("hr@10", |m| m.hr[0], Some(|m| m.hr_interval)),
        change("ndcg@10", |m| m.ndcg[0], Some(|m| m.ndcg_interval)),
        change("mrr", |m| m.mrr, None),
        change("coverage", |m| m.coverage, None),
    ];
    (metrics, incomparable)
}

/// Settings that differ, by their keys.
fn settings(old: &Model, new: &Model) -> Vec<Setting> {
    let keys = |model: &Model| {
        let mut keys = std::collections::BTreeMap::new();
        if let Some(config) = &model.config {
            flatten("", &serde_json::to_value(config).unwrap_or_default(), &mut keys);
        }
        keys
    };
    let (before, after) = (keys(old), keys(new));
    let all: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| Setting { key: key.clone(), old: before.get(key).cloned(), new: after.get(key).cloned() })
        .collect()
}

fn flatten(prefix: &str, value: &serde_json::Value, keys: &mut std::collections::BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, value, keys);
            }
        }
        serde_json::Value::Null => {}
        serde_json::Value::String(text) => drop(keys.insert(prefix.to_owned(), text.clone())),
        other => drop(keys.insert(prefix.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests;
