//! Settings as they are given, each by its one name: what flags, and the arguments of other languages, turn into.

use crate::baselines::BaselineKind;
use crate::config::did_you_mean;
use crate::corpus::{BadUtf8, Tokens};
use crate::deep::Activation;
use crate::error::{Error, Result, shown};
use crate::eval::recommend::Holdout;
use crate::events;
use crate::histories::Repeats;
use crate::metadata::Metadata;
use crate::models::word2vec::{Architecture, CbowGradient, Objective, Sharing, Weights};
use crate::models::youtube::{Feature, LossKind};
use serde::de::{self, Deserializer, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// The models, by the names people know them by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelName {
    /// Skip-gram or CBOW.
    Word2vec(Architecture),
    /// The network.
    Youtube,
}

impl ModelName {
    /// All of them, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] = [
        ("skipgram", Self::Word2vec(Architecture::SkipGram)),
        ("cbow", Self::Word2vec(Architecture::Cbow)),
        ("youtube", Self::Youtube),
    ];
}

/// The losses of all models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossName {
    /// Of skip-gram and CBOW.
    Word2vec(Objective),
    /// Of the network.
    Youtube(LossKind),
}

impl LossName {
    /// All of them, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 7] = [
        ("ns", Self::Word2vec(Objective::Ns)),
        ("hs", Self::Word2vec(Objective::Hs)),
        ("full", Self::Youtube(LossKind::Full)),
        ("sampled", Self::Youtube(LossKind::Sampled)),
        ("in-batch", Self::Youtube(LossKind::InBatch)),
        ("mixed", Self::Youtube(LossKind::Mixed)),
        ("gbce", Self::Youtube(LossKind::Gbce)),
    ];
}

/// Fields of ids, one of which may be a title.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected the name of a file, or {\"lines\": ...} with JSON Lines")]
pub enum Fields {
    /// A file, as [`Metadata::parse`] reads it.
    File(PathBuf),
    /// What is in memory, and so has no name that a configuration could keep.
    Lines {
        /// JSON Lines.
        lines: String,
    },
}

impl Fields {
    /// The file of its name, if it has one.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(file) => Some(file.clone()),
            Self::Lines { .. } => None,
        }
    }

    /// Reads what was given as `setting`, or else the file that a configuration names; with what messages call it.
    pub(super) fn read(
        setting: &str,
        given: Option<&Self>,
        file: Option<&Path>,
    ) -> Result<Option<(Metadata, PathBuf)>> {
        let file = match given {
            Some(Self::Lines { lines }) => {
                let name = PathBuf::from(format!("the table {setting}"));
                return Ok(Some((Metadata::read(lines.as_bytes(), &name)?, name)));
            }
            Some(Self::File(file)) => Some(file.as_path()),
            None => file,
        };
        file.map(|file| Ok((Metadata::parse(file)?, file.to_owned()))).transpose()
    }
}

/// What was said of a run. What was not said is taken from a configuration file, or from the profile of the kind of data.
///
/// The fields are the flags of `vecinity train`, which tells what each means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "one line a field would say the names again")]
pub struct Given {
    pub config: Option<PathBuf>,
    pub kind: Option<crate::config::Kind>,
    pub metadata: Option<Fields>,

    #[serde(deserialize_with = "model")]
    pub model: Option<ModelName>,
    #[serde(deserialize_with = "loss")]
    pub loss: Option<LossName>,
    pub dim: Option<usize>,
    /// A number, or `all`.
    #[serde(deserialize_with = "written")]
    pub window: Option<String>,
    pub fixed_window: bool,
    pub directed: Option<bool>,
    pub negatives: Option<usize>,
    pub noise_exponent: Option<f64>,
    pub noise_sharing: Option<Sharing>,
    pub cbow_gradient: Option<CbowGradient>,
    pub largest_set: Option<usize>,
    #[serde(deserialize_with = "list")]
    pub item_features: Vec<Feature>,
    pub item_weights: Option<Weights>,
    pub subsample: Option<f64>,
    pub min_count: Option<u64>,
    /// A number, or `auto`.
    #[serde(deserialize_with = "written")]
    pub epochs: Option<String>,
    pub learning_rate: Option<f32>,
    pub threads: Option<usize>,
    pub seed: Option<u64>,

    pub history: Option<usize>,
    pub pools: Option<usize>,
    pub attention: Option<bool>,
    pub mean: bool,
    pub last: bool,
    #[serde(deserialize_with = "widths")]
    pub hidden: Option<Vec<usize>>,
    pub activation: Option<Activation>,
    pub dropout: Option<f32>,
    pub item_dropout: Option<f32>,
    #[serde(deserialize_with = "list")]
    pub features: Vec<Feature>,
    pub example_age: bool,
    pub strictly_earlier: bool,
    pub words: Option<usize>,
    pub user_metadata: Option<Fields>,
    pub tied: Option<bool>,
    pub temperature: Option<f32>,
    pub per_owner: Option<usize>,
    pub batch: Option<usize>,
    pub weight_decay: Option<f32>,
    pub clip: Option<f32>,

    pub walks: Option<usize>,
    pub walk_length: Option<usize>,
    pub p: Option<f64>,
    pub q: Option<f64>,
    pub directed_edges: bool,

    pub max_vocab: Option<usize>,
    pub tokens: Option<Tokens>,
    pub lowercase: bool,
    pub encoding: Option<String>,
    pub bad_utf8: Option<BadUtf8>,
    pub phrases: Option<PathBuf>,

    pub format: Option<events::Format>,
    #[serde(deserialize_with = "columns")]
    pub columns: Option<events::Named>,
    #[serde(deserialize_with = "list")]
    pub events: Vec<String>,
    #[serde(deserialize_with = "duration")]
    pub session_gap: Option<Duration>,
    pub global_context: Option<String>,
    pub goal_weight: Option<f32>,
    pub local_negatives: Option<String>,
    pub reject: Option<String>,
    pub reject_weight: Option<f32>,
    #[serde(deserialize_with = "duration")]
    pub min_dwell: Option<Duration>,
    pub oversample: Option<u32>,
    pub market_negatives: Option<usize>,
    pub repeats: Option<Repeats>,
    pub weighted: bool,
    pub bad_rows: Option<events::BadRows>,
    pub memory_limit: Option<u64>,

    pub holdout: Option<Holdout>,
    #[serde(deserialize_with = "list")]
    pub baselines: Vec<BaselineKind>,
    pub patience: Option<u32>,
    pub no_blend: bool,
    pub no_refit: bool,
}

impl Given {
    /// Settings from an object of names and values. Lists may be written as one text with commas, lengths of time as numbers
    /// of seconds or as `30m`.
    ///
    /// # Errors
    /// [`Error::Data`] that names the first setting that does not exist, or has a value it cannot have.
    ///
    /// # Example
    /// ```
    /// use vecinity::run::Given;
    /// let given = |json: &str| Given::from_json(serde_json::from_str(json).unwrap());
    /// assert_eq!(given(r#"{"dim": 32, "window": 5}"#)?.dim, Some(32));
    /// let error = given(r#"{"epoch": 3}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "there is no setting 'epoch'");
    /// assert_eq!(error.advice().unwrap(), "did you mean `epochs`?");
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn from_json(settings: Map<String, Value>) -> Result<Self> {
        let read = |settings: Map<String, Value>| Self::deserialize(Value::Object(settings));
        let mut wrong = None;
        for (name, value) in &settings {
            // One by one: so it is known which one is wrong.
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            if let Err(error) = read(alone) {
                let message = error.to_string();
                wrong = Some(if message.starts_with("unknown field") {
                    let advice = did_you_mean(&message).unwrap_or_else(|| {
                        "the settings are the flags of `vecinity train --help`, with _ for -".into()
                    });
                    Error::data(format!("there is no setting '{}'", shown(name)), advice)
                } else if ["usize", "u64", "u32"].iter().any(|kind| message.ends_with(kind)) {
                    Error::data(format!("{name} is {}, expected a whole number from 0", shown(&value.to_string())), "")
                } else {
                    Error::data(format!("{name} is {}: {message}", shown(&value.to_string())), "")
                });
                break;
            }
        }
        match (wrong, read(settings)) {
            (Some(error), _) => Err(error),
            (None, read) => read.map_err(|error| Error::data(error.to_string(), "")),
        }
    }

    /// The names of all settings.
    #[must_use]
    pub fn names() -> Vec<String> {
        let none = Map::from_iter([(String::new(), Value::Null)]);
        let message = Self::deserialize(Value::Object(none)).err().map(|error| error.to_string()).unwrap_or_default();
        message.split('`').skip(3).step_by(2).map(str::to_owned).collect()
    }

    /// Names of the settings of learning that have been given.
    #[must_use]
    pub fn fixed(&self) -> Vec<String> {
        let all = [
            ("dim", self.dim.is_some()),
            ("window", self.window.is_some()),
            ("shrink_windows", self.fixed_window),
            ("directed", self.directed.is_some()),
            ("negatives", self.negatives.is_some()),
            ("noise_exponent", self.noise_exponent.is_some()),
            ("largest_set", self.largest_set.is_some()),
            ("subsample", self.subsample.is_some()),
            ("epochs", self.epochs.as_deref().is_some_and(|epochs| epochs != "auto")),
            ("learning_rate", self.learning_rate.is_some()),
            ("item_features", !self.item_features.is_empty()),
        ];
        let learning = all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
        learning.chain(self.of_network()).map(str::to_owned).collect()
    }

    /// The names of those that only networks have, as far as they were given.
    pub(super) fn of_network(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [
            ("history", self.history.is_some()),
            ("pools", self.pools.is_some()),
            ("attention", self.attention.is_some()),
            ("hidden", self.hidden.is_some()),
            ("activation", self.activation.is_some()),
            ("dropout", self.dropout.is_some()),
            ("item_dropout", self.item_dropout.is_some()),
            ("temperature", self.temperature.is_some()),
            ("per_owner", self.per_owner.is_some()),
            ("batch", self.batch.is_some()),
            ("weight_decay", self.weight_decay.is_some()),
            ("clip", self.clip.is_some()),
            ("features", !self.features.is_empty()),
            ("example_age", self.example_age),
            ("strictly_earlier", self.strictly_earlier),
            ("words", self.words.is_some()),
            ("user_metadata", self.user_metadata.is_some()),
            ("mean", self.mean),
            ("last", self.last),
            ("tied", self.tied.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }

    /// The names of those that only graphs and walks have, as far as they were given.
    pub(super) fn of_graph(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [
            ("walks", self.walks.is_some()),
            ("walk_length", self.walk_length.is_some()),
            ("p", self.p.is_some()),
            ("q", self.q.is_some()),
            ("directed_edges", self.directed_edges),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }

    /// The names of those that only the listing model has, as far as they were given.
    pub(super) fn of_market(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [
            ("global_context", self.global_context.is_some()),
            ("goal_weight", self.goal_weight.is_some()),
            ("local_negatives", self.local_negatives.is_some()),
            ("reject", self.reject.is_some()),
            ("reject_weight", self.reject_weight.is_some()),
            ("min_dwell", self.min_dwell.is_some()),
            ("oversample", self.oversample.is_some()),
            ("market_negatives", self.market_negatives.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

/// A length of time such as 30s, 5m, 1h or 2d; a number alone is seconds.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("'{unit}' is no unit of time; use s, m, h or d")),
    };
    let number: f64 = number.parse().map_err(|_| format!("'{number}' is no number"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|e| e.to_string())
}

/// Widths of layers: `512,256`, or `none`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_widths(text: &str) -> Result<Vec<usize>, String> {
    if text == "none" {
        return Ok(Vec::new());
    }
    let number = |part: &str| {
        part.trim().parse().map_err(|_| format!("'{part}' is no width; expected such as 512,256, or none"))
    };
    text.split(',').map(number).collect()
}

/// A number or a text.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Scalar {
    Number(serde_json::Number),
    Text(String),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// One text, or a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    One(Scalar),
    Many(Vec<Scalar>),
}

fn written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Scalar>::deserialize(from)?.map(Scalar::into_text))
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    written(from)?.map(|text| parse_duration(&text)).transpose().map_err(de::Error::custom)
}

fn widths<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<usize>>, D::Error> {
    let text = match Option::<Listed>::deserialize(from)? {
        None => return Ok(None),
        Some(Listed::One(scalar)) => scalar.into_text(),
        Some(Listed::Many(list)) if list.is_empty() => "none".into(),
        Some(Listed::Many(list)) => list.into_iter().map(Scalar::into_text).collect::<Vec<_>>().join(","),
    };
    parse_widths(&text).map(Some).map_err(de::Error::custom)
}

fn list<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<Vec<T>, D::Error> {
    let parts = match Option::<Listed>::deserialize(from)? {
        None => Vec::new(),
        Some(Listed::One(scalar)) => scalar.into_text().split(',').map(|part| part.trim().to_owned()).collect(),
        Some(Listed::Many(list)) => list.into_iter().map(Scalar::into_text).collect(),
    };
    parts.iter().map(|part| part.parse().map_err(de::Error::custom)).collect()
}

fn columns<'de, D: Deserializer<'de>>(from: D) -> Result<Option<events::Named>, D::Error> {
    match Option::<Value>::deserialize(from)? {
        None => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(de::Error::custom),
        Some(object) => events::Named::deserialize(object.into_deserializer()).map(Some).map_err(de::Error::custom),
    }
}

fn model<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ModelName>, D::Error> {
    named(&ModelName::ALL, from)
}

fn loss<'de, D: Deserializer<'de>>(from: D) -> Result<Option<LossName>, D::Error> {
    named(&LossName::ALL, from)
}

fn named<'de, D: Deserializer<'de>, T: Copy>(all: &[(&str, T)], from: D) -> Result<Option<T>, D::Error> {
    let Some(name) = Option::<String>::deserialize(from)? else { return Ok(None) };
    match all.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Err(de::Error::custom(format!("expected one of {}", names.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(settings: Value) -> Result<Given> {
        let Value::Object(settings) = settings else { panic!("an object") };
        Given::from_json(settings)
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(parse_duration("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse_duration("1.5"), Ok(Duration::from_millis(1500)));
        assert!(parse_duration("5x").unwrap_err().contains("use s, m, h or d"));
    }

    #[test]
    fn settings_come_as_flags_write_them_or_as_other_languages_do() {
        let flags = given(json!({
            "window": "all", "epochs": "3", "hidden": "64,32", "events": "view,buy", "session_gap": "30m",
            "columns": "user=u,item=i", "baselines": "ease", "model": "cbow", "features": "age:number",
        }));
        let values = given(json!({
            "window": "all", "epochs": 3, "hidden": [64, 32], "events": ["view", "buy"], "session_gap": 1800,
            "columns": {"user": "u", "item": "i"}, "baselines": ["ease"], "model": "cbow", "features": ["age:number"],
        }));
        assert_eq!(format!("{:?}", flags.unwrap()), format!("{:?}", values.unwrap()));
        assert_eq!(given(json!({"hidden": []})).unwrap().hidden, Some(Vec::new()));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_was_expected() {
        for (settings, message) in [
            (json!({"seed": 1, "dim": "many"}), "dim is \"many\", expected a whole number from 0"),
            (json!({"model": "glove"}), "model is \"glove\": expected one of skipgram, cbow, youtube"),
            (json!({"holdout": "lst"}), "holdout is \"lst\": holdout is lst, expected last, time"),
            (json!({"min_dwell": "5x"}), "min_dwell is \"5x\": 'x' is no unit of time"),
        ] {
            let error = given(settings).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn all_settings_have_names() {
        let names = Given::names();
        assert!(names.len() > 60 && names.contains(&"dim".to_owned()) && names.contains(&"no_refit".to_owned()));
        assert_eq!(names.first().map(String::as_str), Some("config"));
    }
}
