//! A configuration file: checked by itself, then laid over the profile of its kind of data.

use super::{Config, Kind};
use crate::error::{Error, Place, Result};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What earlier builds did without a key that their whole configurations, as they lie in model folders, do not have: keys
/// that nobody writes all of by hand, the key, its value.
const EARLIER: [(&[&str], &str, Value); 2] = [
    (&["history", "pools", "words", "tied", "decay", "clip"], "attention", Value::Boolean(false)),
    (&["global_context", "local_negatives", "reject", "oversample", "plain"], "goal_weight", Value::Float(1.0)),
];

/// A configuration file that says as much as it likes.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
    table: Table,
}

impl File {
    /// Reads a configuration file; unknown keys and wrong values are mistakes.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] with the line of the first mistake and, for a mistyped key, what it may mean.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        let wrong = |error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
            let place = Place { path: path.to_owned(), line, byte: None };
            let advice = did_you_mean(error.message())
                .unwrap_or_else(|| "the keys are those of `vecinity train --help`, with _ for -".into());
            Error::input(place, error.message().to_owned(), advice)
        };
        let table: Table = toml::from_str(&text).map_err(wrong)?;
        // Checked as it stands, where mistakes still have lines.
        toml::from_str::<Config>(&text).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), table })
    }

    /// The kind of data, if the file says it.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        let name = self.table.get("data")?.get("kind")?.as_str()?;
        Kind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The family of the model, if the file says it.
    #[must_use]
    pub fn family(&self) -> Option<&str> {
        self.table.get("model")?.get("family")?.as_str()
    }

    /// The files of data that it names.
    #[must_use]
    pub fn files(&self) -> Vec<String> {
        let files = self.table.get("data").and_then(|data| data.get("files")?.as_array());
        files.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Whether the file says something about a key of a section.
    #[must_use]
    pub fn says(&self, section: &str, key: &str) -> bool {
        self.table.get(section).is_some_and(|section| section.get(key).is_some())
    }

    /// The whole configuration: what the file says, over the profile of `kind`.
    ///
    /// # Errors
    /// [`Error::Input`] if both do not fit together.
    pub fn over_profile(&self, kind: Kind) -> Result<Config> {
        let wrong =
            |error: String| Error::input(self.path.as_path(), error, "the keys are those of `vecinity train --help`");
        let profile = match self.family() {
            Some("youtube") => Config::network(),
            Some("airbnb") => Config::listings(),
            _ => Config::profile(kind),
        };
        let mut whole = Table::try_from(profile).map_err(|error| wrong(error.to_string()))?;
        for (name, section) in &self.table {
            let Some(old) = whole.get_mut(name) else {
                // What the profile does without, such as walks.
                whole.insert(name.clone(), section.clone());
                continue;
            };
            let (Value::Table(old), Value::Table(new)) = (old, section) else { continue };
            // Another family has other keys: nothing of the profile's model is left.
            let other = new.get("family").is_some_and(|family| Some(family) != old.get("family"));
            if name == "model" && other {
                old.clear();
            }
            old.extend(new.clone());
            for (whole, key, value) in EARLIER {
                if name == "model" && whole.iter().all(|key| new.contains_key(*key)) && !new.contains_key(key) {
                    old.insert(key.to_owned(), value);
                }
            }
        }
        whole.try_into().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))
    }
}

/// The known key most like an unknown one, from the message ``unknown field `epoch`, expected one of `dim`, ...``.
pub(crate) fn did_you_mean(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let likeness = |known: &str| strsim::jaro_winkler(unknown, known);
    let best = quoted.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then(|| format!("did you mean `{best}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ModelConfig;

    fn read(text: &str) -> Result<File> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        File::read(&path)
    }

    #[test]
    fn a_file_says_some_things_and_the_profile_the_others() {
        let file = read("[data]\nkind = \"sequence\"\n[train]\ndim = 8\n[model]\nfamily = \"word2vec\"\nwindow = 3\n")
            .unwrap();
        assert_eq!(file.kind(), Some(Kind::Sequence));
        assert!(file.says("train", "dim") && !file.says("train", "epochs"));
        let config = file.over_profile(Kind::Sequence).unwrap();
        assert_eq!((config.train.dim, config.train.epochs), (8, Config::profile(Kind::Sequence).train.epochs));
        let ModelConfig::Word2vec(model) = config.model else { panic!("another family") };
        assert_eq!((model.window, model.directed), (3, true), "the window is the file's, the direction the profile's");
    }

    #[test]
    fn a_file_without_a_model_or_with_another_family_is_whole() {
        assert_eq!(read("").unwrap().over_profile(Kind::Set).unwrap(), Config::profile(Kind::Set));
        let config = read("[model]\nfamily = \"item2vec\"\n").unwrap().over_profile(Kind::Text).unwrap();
        assert_eq!(config.model, Config::profile(Kind::Set).model);
    }

    #[test]
    fn a_whole_configuration_of_an_earlier_build_means_what_it_did() {
        let text = toml::to_string(&Config::listings()).unwrap();
        let goal_weight = |text: &str| {
            let ModelConfig::Airbnb(model) = read(text).unwrap().over_profile(Kind::Sequence).unwrap().model else {
                panic!("another family")
            };
            model.goal_weight
        };
        assert_eq!((goal_weight(&text), text.contains("goal_weight = 3.0")), (3.0, true));
        assert_eq!(goal_weight(&text.replace("goal_weight = 3.0\n", "")), 1.0);
        assert_eq!(goal_weight("[model]\nfamily = \"airbnb\"\noversample = 2\n"), 3.0);
        let network = toml::to_string(&Config::network()).unwrap();
        let earlier = read(&network.replace("attention = true\n", "")).unwrap().over_profile(Kind::Sequence).unwrap();
        assert!(
            matches!(earlier.model, ModelConfig::Youtube(model) if !model.attention)
                && network.contains("attention = true")
        );
    }

    #[test]
    fn mistyped_keys_get_suggestions() {
        for (text, what, advice) in [
            ("[train]\nepoch = 3\n", "line 2: unknown field `epoch`", "did you mean `epochs`?"),
            ("[trian]\nepochs = 3\n", "line 1: unknown field `trian`", "did you mean `train`?"),
            ("[model]\nfamily = \"word2vec\"\nwindw = 3\n", "unknown field `windw`", "did you mean `window`?"),
            ("[train]\nqqq = 3\n", "line 2: unknown field `qqq`", "the keys are those of"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(what), "{error}");
            assert!(error.advice().unwrap().contains(advice), "{error}: {:?}", error.advice());
        }
    }
}
