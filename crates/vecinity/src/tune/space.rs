//! What is searched: settings with the values they may have.

use crate::config::{Config, Kind};
use crate::error::{Error, Result};
use crate::models::ModelConfig;
use crate::rng::Rng;
use serde::Serialize;
use std::str::FromStr;
use toml::{Table, Value};

/// A setting and the values it may have, rising if they are numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Its name: that of the flag, with `_` for `-`.
    pub name: String,
    /// The section of the configuration it stands in.
    section: &'static str,
    values: Vec<Value>,
}

/// A place in the space: for each setting the number of one of its values.
pub type Point = Vec<usize>;

/// Values for a setting in place of the usual ones: `dim=32,64,128`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    name: String,
    values: Vec<String>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').unwrap_or((text, ""));
        let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if name.is_empty() || values.iter().any(String::is_empty) {
            return Err("expected NAME=VALUE,VALUE,..., such as dim=32,64,128".into());
        }
        Ok(Self { name: name.trim().replace('-', "_"), values })
    }
}

/// All settings that are searched, over a configuration that has the others.
#[derive(Debug, Clone)]
pub struct Space {
    base: Table,
    settings: Vec<Setting>,
}

/// Sections whose settings can be searched, with what cannot be.
const SECTIONS: [(&str, &[&str]); 2] = [("train", &["threads", "seed"]), ("model", &["family"])];

impl Space {
    /// The settings that matter most, of this model.
    ///
    /// Numbers in about equal ratios: how much a step matters is about the same everywhere. The ranges follow what was
    /// found for items by Caselles-Dupré et al. 2018 (arXiv:1804.04212) and Chamberlain et al. 2020 (arXiv:2009.12192):
    /// noise exponent, epochs, window and negatives decide, and far from the defaults for text.
    ///
    /// * `wanted`: search these instead, among these values; `fixed`: names of settings that stay as they are.
    ///
    /// # Errors
    /// [`Error::Setting`] for names that do not exist and values that cannot be.
    pub fn new(config: &Config, wanted: &[Wanted], fixed: &[String]) -> Result<Self> {
        let base = Table::try_from(config).map_err(|error| Error::data(error.to_string(), "this is a bug"))?;
        let mut space = Self { base, settings: Vec::new() };
        let usual: Vec<Wanted>;
        let chosen = if wanted.is_empty() {
            usual = usual_of(config).into_iter().filter(|one| !fixed.contains(&one.name)).collect();
            &usual
        } else {
            wanted
        };
        for one in chosen {
            let setting = space.setting(one, wanted.is_empty())?;
            if space.settings.iter().any(|other| other.name == setting.name) {
                return Err(Error::setting("search", &setting.name, "each setting once"));
            }
            space.settings.push(setting);
        }
        if space.settings.is_empty() {
            return Err(Error::setting("search", "nothing", "at least one setting that no flag has fixed"));
        }
        for at in 0..space.settings.len() {
            for value in 0..space.settings[at].values.len() {
                let mut point = space.start();
                point[at] = value;
                let config = space.config(&point)?;
                config.train.check()?;
            }
        }
        Ok(space)
    }

    fn setting(&self, wanted: &Wanted, usual: bool) -> Result<Setting> {
        let name = &wanted.name;
        let found = SECTIONS.iter().find_map(|&(section, barred)| {
            let value = self.base.get(section)?.get(name)?;
            (!barred.contains(&name.as_str())).then_some((section, value))
        });
        let Some((section, base)) = found else {
            return Err(Error::setting("search", name, format!("one of {}", self.names().join(", "))));
        };
        let parse = |text: &String| {
            let value = match base {
                Value::Integer(_) => text.parse().ok().map(Value::Integer),
                Value::Float(_) => text.parse().ok().filter(|x: &f64| x.is_finite()).map(Value::Float),
                Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
                _ => Some(Value::String(text.clone())),
            };
            value.ok_or_else(|| Error::setting("search", format!("{name}={text}"), format!("values such as {base}")))
        };
        let mut values = wanted.values.iter().map(parse).collect::<Result<Vec<_>>>()?;
        // Where the search starts from is always a place of its own; told values are meant to be all.
        if usual && !values.iter().any(|value| same(value, base)) {
            values.push(base.clone());
        }
        values.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal));
        values.dedup_by(|a, b| same(a, b));
        Ok(Setting { name: name.clone(), section, values })
    }

    /// What can be searched.
    fn names(&self) -> Vec<&str> {
        let of = |&(section, barred): &(&str, &'static [&'static str])| {
            let keys = self.base.get(section).and_then(Value::as_table).into_iter().flat_map(Table::keys);
            keys.map(String::as_str).filter(move |key| !barred.contains(key))
        };
        SECTIONS.iter().flat_map(of).collect()
    }

    /// The settings that are searched.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// How many places there are.
    #[must_use]
    pub fn places(&self) -> f64 {
        self.settings.iter().map(|setting| setting.values.len() as f64).product()
    }

    /// The place of the configuration itself, or the one nearest to it.
    #[must_use]
    pub fn start(&self) -> Point {
        let place = |setting: &Setting| {
            let base = self.base.get(setting.section).and_then(|section| section.get(&setting.name));
            let values = &setting.values;
            let exact = base.and_then(|base| values.iter().position(|value| same(value, base)));
            let near = |base: &Value| {
                let far = |at: &usize| (number(&values[*at]) - number(base)).abs();
                (0..values.len()).min_by(|a, b| far(a).total_cmp(&far(b)))
            };
            exact.or_else(|| base.and_then(near)).unwrap_or(0)
        };
        self.settings.iter().map(place).collect()
    }

    /// Any place.
    #[must_use]
    pub fn anywhere(&self, rng: &mut Rng) -> Point {
        self.settings.iter().map(|setting| rng.below(setting.values.len() as u32) as usize).collect()
    }

    /// A place one or two steps away.
    #[must_use]
    pub fn near(&self, point: &[usize], rng: &mut Rng) -> Point {
        let mut near = point.to_vec();
        for _ in 0..=rng.below(2) {
            let at = rng.below(self.settings.len() as u32) as usize;
            let last = self.settings[at].values.len() - 1;
            near[at] = match near[at] {
                0 => 1.min(last),
                value if value == last => last - 1,
                value if rng.below(2) == 0 => value - 1,
                value => value + 1,
            };
        }
        near
    }

    /// The configuration at a place.
    ///
    /// # Errors
    /// [`Error::Setting`] if a value cannot be.
    pub fn config(&self, point: &[usize]) -> Result<Config> {
        let mut table = self.base.clone();
        for (setting, &at) in self.settings.iter().zip(point) {
            if let Some(Value::Table(section)) = table.get_mut(setting.section) {
                section.insert(setting.name.clone(), setting.values[at].clone());
            }
        }
        table.try_into().map_err(|error: toml::de::Error| {
            Error::setting("search", self.describe(point), error.message().to_owned())
        })
    }

    /// The value of a setting at a place, as text.
    #[must_use]
    pub fn value(&self, point: &[usize], setting: usize) -> String {
        text(&self.settings[setting].values[point[setting]])
    }

    /// What is different from the start, in words: `epochs 80, window 5`; `as given` if nothing is.
    #[must_use]
    pub fn changes(&self, point: &[usize]) -> String {
        let start = self.start();
        let changed = |&(at, _): &(usize, &Setting)| point[at] != start[at];
        let one = |(at, setting): (usize, &Setting)| format!("{} {}", setting.name, self.value(point, at));
        let changes: Vec<String> = self.settings.iter().enumerate().filter(changed).map(one).collect();
        if changes.is_empty() { "as given".into() } else { changes.join(", ") }
    }

    /// A place in words: `dim 64, epochs 40, ...`.
    #[must_use]
    pub fn describe(&self, point: &[usize]) -> String {
        let one = |(at, setting): (usize, &Setting)| format!("{} {}", setting.name, self.value(point, at));
        self.settings.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl Setting {
    /// How many values it may have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it may have none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Its values as text.
    pub fn values(&self) -> impl Iterator<Item = String> {
        self.values.iter().map(text)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // A rate of single precision is no longer number than it was given as.
        Value::Float(number) => (*number as f32).to_string(),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Boolean(yes) => f64::from(u8::from(*yes)),
        _ => f64::NAN,
    }
}

/// Equal, as numbers of single precision where they are numbers.
fn same(a: &Value, b: &Value) -> bool {
    a == b || number(a) as f32 == number(b) as f32
}

/// What is searched if nothing is said.
fn usual_of(config: &Config) -> Vec<Wanted> {
    let owned = |(name, values): (&str, &str)| Wanted {
        name: name.to_owned(),
        values: values.split(',').map(str::to_owned).collect(),
    };
    let mut usual = vec![("dim", "32,64,128")];
    if let ModelConfig::Youtube(_) = &config.model {
        usual.extend([
            ("epochs", "6,12,24"),
            ("learning_rate", "0.0005,0.001,0.002,0.004"),
            ("history", "20,50,100"),
            ("pools", "2,4,8"),
            ("dropout", "0,0.1,0.2,0.4"),
            ("weight_decay", "0,0.01,0.1"),
            ("batch", "256,512,1024"),
            ("attention", "false,true"),
            ("tied", "false,true"),
        ]);
        return usual.into_iter().map(owned).collect();
    }
    usual.extend([
        ("epochs", "10,20,40,80"),
        ("learning_rate", "0.01,0.025,0.05,0.1"),
        ("subsample", "0,0.0001,0.001,0.01"),
        ("negatives", "3,5,10,20"),
        ("noise_exponent", "-0.5,0,0.25,0.5,0.75,1"),
    ]);
    match &config.model {
        ModelConfig::Word2vec(_) | ModelConfig::Airbnb(_) => {
            usual.push(("window", "2,3,5,10,20"));
            if config.data.kind == Kind::Sequence {
                usual.extend([("directed", "false,true"), ("shrink_windows", "false,true")]);
            }
        }
        _ => usual.push(("largest_set", "4,8,16,32")),
    }
    usual.into_iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Wanted {
        text.parse().unwrap()
    }

    #[test]
    fn the_defaults_are_a_place_in_the_usual_space() {
        for kind in [Kind::Sequence, Kind::Set] {
            let config = Config::profile(kind);
            let space = Space::new(&config, &[], &[]).unwrap();
            assert_eq!(space.config(&space.start()).unwrap(), config);
        }
    }

    #[test]
    fn values_that_are_told_replace_the_usual_ones_and_what_is_fixed_stays() {
        let config = Config::profile(Kind::Sequence);
        let space = Space::new(&config, &[wanted("dim=8,4"), wanted("noise-exponent=-1,1")], &[]).unwrap();
        assert_eq!(space.places(), 4.0);
        assert_eq!(space.describe(&[0, 1]), "dim 4, noise_exponent 1");
        // 64 is no value: the nearest is where the search starts.
        assert_eq!(space.value(&space.start(), 0), "8");
        let fixed = Space::new(&config, &[], &["dim".into()]).unwrap();
        assert!(fixed.settings().iter().all(|setting| setting.name != "dim"));
        assert_eq!(fixed.config(&fixed.start()).unwrap().train.dim, config.train.dim);
    }

    #[test]
    fn steps_lead_to_neighbouring_values() {
        let space = Space::new(&Config::profile(Kind::Set), &[], &[]).unwrap();
        let (start, mut rng) = (space.start(), Rng::new(3, 0));
        for _ in 0..200 {
            let near = space.near(&start, &mut rng);
            let steps: usize = near.iter().zip(&start).map(|(a, b)| a.abs_diff(*b)).sum();
            assert!(steps <= 2, "{near:?} from {start:?}");
            assert!(near.iter().zip(space.settings()).all(|(&value, setting)| value < setting.len()));
        }
    }

    #[test]
    fn what_cannot_be_searched_is_said_with_what_can() {
        let config = Config::profile(Kind::Sequence);
        for (text, expected) in [
            ("seed=1,2", "search is seed, expected one of dim, epochs"),
            ("largest_set=4,8", "search is largest_set, expected one of dim, epochs"),
            ("dim=small,large", "search is dim=small, expected values such as 64"),
            ("dim=0,8", "dim is 0, expected 1 to 65536"),
            ("model=skipgram,cbwo", "unknown variant `cbwo`"),
            ("learning_rate=nan", "search is learning_rate=nan"),
        ] {
            let message = Space::new(&config, &[wanted(text)], &[]).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert!("dim".parse::<Wanted>().is_err() && "dim=8,".parse::<Wanted>().is_err());
        let twice = Space::new(&config, &[wanted("dim=8"), wanted("dim=16")], &[]).unwrap_err();
        assert!(twice.to_string().contains("each setting once"), "{twice}");
    }
}
