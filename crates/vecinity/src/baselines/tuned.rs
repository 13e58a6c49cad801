//! The baselines with their settings and the length of their histories chosen by validation.

use super::{Als, AlsSettings, Ease, ItemKnn, Memory, NextItem, Partner, Popularity, Window, count};
use crate::error::{Error, Result};
use crate::eval::recommend::{Fold, Scorer, Split, mean_ndcg, rank};
use std::fmt;
use std::str::FromStr;

/// A kind of baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaselineKind {
    /// [`Popularity`].
    Popularity,
    /// [`NextItem`].
    NextItem,
    /// [`ItemKnn`].
    ItemKnn,
    /// EASE; not for catalogues above 20,000 items.
    Ease,
    /// [`Als`].
    Als,
}

impl BaselineKind {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 5] = [Self::Popularity, Self::NextItem, Self::ItemKnn, Self::Als, Self::Ease];

    /// Its name, as in `--baselines`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Popularity => "popularity",
            Self::NextItem => "next-item",
            Self::ItemKnn => "item-knn",
            Self::Ease => "ease",
            Self::Als => "als",
        }
    }
}

impl serde::Serialize for BaselineKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> serde::Deserialize<'de> for BaselineKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = <String as serde::Deserialize>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for BaselineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for BaselineKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| Error::setting("baselines", text, Self::ALL.map(Self::name).join(", ")))
    }
}

/// A baseline, ready to be asked about the test.
pub struct Baseline {
    /// Which.
    pub kind: BaselineKind,
    /// What validation chose, for people.
    pub settings: String,
    /// NDCG@10 on (a sample of) validation.
    pub valid: f64,
    /// The same as a table that can be blended with vectors, if it is one.
    pub partner: Option<Partner>,
    /// The baseline with these settings, fitted to the training part of the test.
    pub scorer: Box<dyn Scorer + Send>,
}

/// Validation queries that settings are chosen by, at most.
const QUERIES: usize = 10_000;

/// Fits a kind of baseline with several settings and keeps the best by NDCG@10 on validation, fitted to
/// the training part of the test.
///
/// * `ordered`: whether the order of histories means something; if not, they are asked whole.
///
/// # Errors
/// [`Error::Data`] if EASE is asked for and the catalogue is too large for it.
pub fn tune(kind: BaselineKind, split: &Split, ordered: bool, threads: usize) -> Result<Baseline> {
    let valid = split.valid.sampled(QUERIES);
    let tuner = Tuner { split, valid: &valid, memories: Memory::grid(ordered), threads };
    match kind {
        BaselineKind::Popularity => Ok(tuner.popularity()),
        BaselineKind::NextItem => Ok(tuner.next_item(ordered)),
        BaselineKind::ItemKnn => Ok(tuner.item_knn()),
        BaselineKind::Als => Ok(tuner.als()),
        BaselineKind::Ease => tuner.ease(),
    }
}

struct Tuner<'a> {
    split: &'a Split,
    valid: &'a Fold,
    memories: Vec<Memory>,
    threads: usize,
}

/// The best of some options: its NDCG@10, itself, and what was made of it.
type Chosen<T, S> = (f64, T, S);

impl Tuner<'_> {
    /// The option with the best NDCG@10 on validation; the first of equal ones.
    fn choose<T: Copy, S: Scorer>(&self, options: &[T], make: impl Fn(T) -> S) -> Chosen<T, S> {
        let mut best: Option<Chosen<T, S>> = None;
        for &option in options {
            let scorer = make(option);
            let ndcg = mean_ndcg(&rank(&scorer, self.valid, self.threads));
            if best.as_ref().is_none_or(|best| ndcg > best.0) {
                best = Some((ndcg, option, scorer));
            }
        }
        best.expect("there are options")
    }

    /// Every option with every memory.
    fn product<T: Copy>(&self, options: impl Iterator<Item = T>) -> Vec<(T, Memory)> {
        options.flat_map(|option| self.memories.iter().map(move |&memory| (option, memory))).collect()
    }

    fn popularity(&self) -> Baseline {
        let (valid, ..) = self.choose(&[()], |()| Popularity::new(&self.split.valid.counts));
        let scorer = Box::new(Popularity::new(&self.split.test.counts));
        Baseline { kind: BaselineKind::Popularity, settings: String::new(), valid, partner: None, scorer }
    }

    fn next_item(&self, ordered: bool) -> Baseline {
        let windows: &[Window] =
            if ordered { &[Window::Behind(1), Window::Behind(3), Window::Behind(10)] } else { &[Window::Set] };
        let counts = &self.split.valid.counts;
        let start = if ordered { Memory { last: 10, decay: 0.8 } } else { Memory::ALL };
        let counted = |window| NextItem::new(count(&self.split.valid, window, self.threads), counts, start, 0.0);
        let (_, window, scorer) = self.choose(windows, counted);
        let options: Vec<(Memory, f32)> =
            self.memories.iter().flat_map(|&memory| [0.0, 0.5].map(|discount| (memory, discount))).collect();
        let (valid, (memory, discount), scorer) =
            self.choose(&options, |(memory, discount)| scorer.asked(counts, memory, discount));
        let settings = match window {
            Window::Set => format!("together in a set, discount {discount}"),
            Window::Behind(window) => format!("window {window}, {memory}, discount {discount}"),
        };
        let scorer = if self.split.one_training {
            scorer
        } else {
            NextItem::new(count(&self.split.test, window, self.threads), &self.split.test.counts, memory, discount)
        };
        let window = match window {
            Window::Behind(window) => Some(window),
            Window::Set => None,
        };
        let partner = Some(Partner::NextItem { window, discount });
        Baseline { kind: BaselineKind::NextItem, settings, valid, partner, scorer: Box::new(scorer) }
    }

    fn item_knn(&self) -> Baseline {
        let fit = |fold, (shrink, neighbors), memory| ItemKnn::fit(fold, shrink, neighbors, memory, self.threads);
        let fitted =
            [(0.0, 0), (20.0, 0), (20.0, 100)].map(|option| (option, fit(&self.split.valid, option, Memory::ALL)));
        let options = self.product(0..fitted.len());
        let (valid, (number, memory), scorer) =
            self.choose(&options, |(number, memory)| fitted[number].1.asked(memory));
        let option @ (shrink, neighbors) = fitted[number].0;
        let kept = if neighbors == 0 { "all".to_owned() } else { neighbors.to_string() };
        let settings = format!("shrink {shrink}, {kept} neighbours, {memory}");
        let scorer = if self.split.one_training { scorer } else { fit(&self.split.test, option, memory) };
        let partner = Some(Partner::ItemKnn { shrink, neighbors });
        Baseline { kind: BaselineKind::ItemKnn, settings, valid, partner, scorer: Box::new(scorer) }
    }

    fn als(&self) -> Baseline {
        let fit =
            |fold, alpha, memory| Als::fit(fold, AlsSettings { alpha, ..AlsSettings::default() }, memory, self.threads);
        let fitted = [1.0, 10.0].map(|alpha| (alpha, fit(&self.split.valid, alpha, Memory::ALL)));
        let options = self.product(0..fitted.len());
        let (valid, (number, memory), scorer) =
            self.choose(&options, |(number, memory)| fitted[number].1.asked(memory));
        let alpha = fitted[number].0;
        let settings = format!("{} factors, alpha {alpha}, {memory}", AlsSettings::default().factors);
        let scorer = if self.split.one_training { scorer } else { fit(&self.split.test, alpha, memory) };
        Baseline { kind: BaselineKind::Als, settings, valid, partner: None, scorer: Box::new(scorer) }
    }

    fn ease(&self) -> Result<Baseline> {
        let mut fitted = Vec::new();
        for lambda in [100.0, 400.0, 1600.0] {
            fitted.push((lambda, Ease::fit(&self.split.valid, lambda, Memory::ALL, self.threads)?));
        }
        let options = self.product(0..fitted.len());
        let (valid, (number, memory), scorer) =
            self.choose(&options, |(number, memory)| fitted[number].1.asked(memory));
        let lambda = fitted[number].0;
        let scorer =
            if self.split.one_training { scorer } else { Ease::fit(&self.split.test, lambda, memory, self.threads)? };
        let settings = format!("lambda {lambda}, {memory}");
        Ok(Baseline {
            kind: BaselineKind::Ease,
            settings,
            valid,
            partner: Some(Partner::Ease { lambda }),
            scorer: Box::new(scorer),
        })
    }
}
