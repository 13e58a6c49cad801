//! Settings of the network.

use super::Feature;
use crate::deep::{Activation, Decay, Method};
use crate::error::{Error, Result, counted};
use crate::train::Settings;

/// Items below which the default loss goes over all of them.
const FULL_BELOW: usize = 20_000;

/// What the true item is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// All items: exact.
    Full,
    /// Items drawn with probability `count^noise_exponent`, scores corrected by what is expected of them.
    Sampled,
    /// The true items of the other examples of the batch, corrected (Yi et al. 2019).
    InBatch,
    /// Those and items drawn uniformly, corrected (Yang et al. 2020).
    Mixed,
    /// Binary cross entropy with uniform negatives and a calibrated positive (Petrov and Macdonald 2023).
    Gbce,
}

impl LossKind {
    /// All of them, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 5] = [
        ("full", Self::Full),
        ("sampled", Self::Sampled),
        ("in-batch", Self::InBatch),
        ("mixed", Self::Mixed),
        ("gbce", Self::Gbce),
    ];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("full", |(name, _)| name)
    }
}

/// Settings of the network.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Items of a history that are looked at, the newest ones, 1 to 1000.
    pub history: usize,
    /// Learned weightings over them, 0 to 64.
    pub pools: usize,
    /// The learned weightings also depend on what the items are: the newest one asks the others.
    pub attention: bool,
    /// Their plain mean, as in the paper, as a further pool.
    pub mean: bool,
    /// The newest item alone, as a further pool.
    pub last: bool,
    /// Add the mean of all pools to the user vector.
    pub residual: bool,
    /// Widths of the hidden layers between the pools and the user vector; none: a linear map.
    pub hidden: Vec<usize>,
    /// What hidden layers do to their sums.
    pub activation: Activation,
    /// Share of the values left out of item rows and of hidden layers in training, 0 to below 1.
    pub dropout: f32,
    /// Share of the history's items left out in training, 0 to below 1.
    pub item_dropout: f32,
    /// Columns of the events (or of their owners) that are read beside the history.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<Feature>,
    /// Read how long before the last event an example happened; 0 when the network is asked.
    pub example_age: bool,
    /// An event is predicted from those of earlier times only, not from what has its own time, such as the rest of its basket.
    pub strictly_earlier: bool,
    /// Fields of the items that are parts of their output vectors, so that an item without any event has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub item_features: Vec<Feature>,
    /// Words of earlier events that are looked at, the newest ones, 1 to 1000.
    pub words: usize,
    /// Output rows are the input rows.
    pub tied: bool,
    /// A bias for each item.
    pub bias: bool,
    /// Scores are cosines divided by this; 0: scores are products.
    pub temperature: f32,
    /// What the true item is compared with; by default all items if there are fewer than 20,000, otherwise `mixed`.
    pub loss: Option<LossKind>,
    /// Items drawn for a step (`sampled`, `mixed`, `gbce`), 1 to 1,048,576.
    pub negatives: usize,
    /// Items are drawn with probability `count^noise_exponent` (`sampled`).
    pub noise_exponent: f64,
    /// How much of the positive's weight makes up for the sampling, 0 to 1 (`gbce`).
    pub calibration: f64,
    /// Examples of an owner in an epoch, at most, drawn anew each time; 0: all.
    pub per_owner: usize,
    /// Examples of a step, 1 to 1,048,576.
    pub batch: usize,
    /// Share of all steps in which the learning rate rises, 0 to 1.
    pub warm_up: f32,
    /// How the rate falls afterwards.
    pub decay: Decay,
    /// The optimiser.
    pub optimizer: Method,
    /// What all weights lose at each step, times the rate (decoupled from the gradient).
    pub weight_decay: f32,
    /// Gradients whose norm is above this are scaled down to it; 0: none are.
    pub clip: f32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            history: 50,
            pools: 4,
            attention: true,
            mean: false,
            last: false,
            residual: true,
            hidden: vec![256],
            activation: Activation::Relu,
            dropout: 0.3,
            item_dropout: 0.0,
            features: Vec::new(),
            example_age: false,
            strictly_earlier: false,
            item_features: Vec::new(),
            words: 50,
            tied: true,
            bias: true,
            temperature: 0.1,
            loss: None,
            negatives: 4096,
            noise_exponent: 0.75,
            calibration: 0.75,
            per_owner: 0,
            batch: 1024,
            warm_up: 0.1,
            decay: Decay::Cosine,
            optimizer: Method::Adam,
            weight_decay: 0.01,
            clip: 0.0,
        }
    }
}

impl Config {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name, the value and the range.
    pub fn check(&self) -> Result<()> {
        if !(1..=1000).contains(&self.history) {
            return Err(Error::setting("history", self.history, "1 to 1000"));
        }
        if !(1..=1000).contains(&self.words) {
            return Err(Error::setting("words", self.words, "1 to 1000"));
        }
        for (name, features) in [("features", &self.features), ("item_features", &self.item_features)] {
            let twice = |at: &usize| features[..*at].iter().any(|before| before.name == features[*at].name);
            if let Some(twice) = (1..features.len()).find(twice) {
                return Err(Error::setting(name, &features[twice], "each column once"));
            }
        }
        if self.pools > 64 || (self.pools == 0 && !self.mean && !self.last) {
            return Err(Error::setting("pools", self.pools, "1 to 64, or 0 with mean or last"));
        }
        if let Some(width) = self.hidden.iter().find(|width| !(1..=8192).contains(*width)) {
            return Err(Error::setting("hidden", width, "widths of 1 to 8192"));
        }
        for (name, share) in [("dropout", self.dropout), ("item_dropout", self.item_dropout)] {
            if !(0.0..=0.95).contains(&share) {
                return Err(Error::setting(name, share, "0 to 0.95"));
            }
        }
        if !(self.temperature == 0.0 || (1e-3..=100.0).contains(&self.temperature)) {
            return Err(Error::setting("temperature", self.temperature, "0 (products) or 0.001 to 100"));
        }
        if !(1..=1 << 20).contains(&self.negatives) {
            return Err(Error::setting("negatives", self.negatives, "1 to 1048576 for a network"));
        }
        if !(0.0..=2.0).contains(&self.noise_exponent) {
            return Err(Error::setting("noise_exponent", self.noise_exponent, "0 (uniform) to 2"));
        }
        if !(0.0..=1.0).contains(&self.calibration) {
            return Err(Error::setting("calibration", self.calibration, "0 to 1"));
        }
        if !(1..=1 << 20).contains(&self.batch) {
            return Err(Error::setting("batch", self.batch, "1 to 1048576"));
        }
        if !(0.0..=1.0).contains(&self.warm_up) {
            return Err(Error::setting("warm_up", self.warm_up, "0 to 1, a share of all steps"));
        }
        if !(self.clip >= 0.0 && self.clip.is_finite()) {
            return Err(Error::setting("clip", self.clip, "0 (off) or a norm above 0"));
        }
        Ok(())
    }

    /// Checks every range, and what depends on the settings that every model has.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name, the value and the range.
    pub(super) fn check_with(&self, settings: &Settings) -> Result<()> {
        self.check()?;
        if settings.dim > 4096 {
            return Err(Error::setting("dim", settings.dim, "1 to 4096 for a network"));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay * settings.learning_rate < 1.0) {
            return Err(Error::setting("weight_decay", self.weight_decay, "0 (off) to below 1 / learning_rate"));
        }
        Ok(())
    }

    /// Whether there are pools that attend: learned ones.
    #[must_use]
    pub fn attends(&self) -> bool {
        self.attention && self.pools > 0
    }

    /// The pools in words.
    #[must_use]
    pub fn pooling(&self) -> String {
        let pools = self.pools + usize::from(self.mean) + usize::from(self.last);
        let attention = if self.attends() { " with attention" } else { "" };
        format!("{}{attention} over the last {}", counted(pools as u64, "pool"), counted(self.history as u64, "item"))
    }

    /// The loss for a catalogue of `items`.
    #[must_use]
    pub fn loss_for(&self, items: usize) -> LossKind {
        self.loss.unwrap_or(if items < FULL_BELOW { LossKind::Full } else { LossKind::Mixed })
    }

    /// Whether a step goes over all items.
    #[must_use]
    pub(super) fn is_full(&self, items: usize) -> bool {
        self.loss_for(items) == LossKind::Full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_any_pool_is_refused() {
        let config = Config { pools: 0, ..Config::default() };
        assert_eq!(config.check().unwrap_err().to_string(), "pools is 0, expected 1 to 64, or 0 with mean or last");
        Config { pools: 0, mean: true, ..Config::default() }.check().unwrap();
    }

    #[test]
    fn large_catalogues_are_sampled_unless_told_otherwise() {
        let config = Config::default();
        assert_eq!([19_999, 20_000].map(|n| config.loss_for(n)), [LossKind::Full, LossKind::Mixed]);
        assert_eq!(Config { loss: Some(LossKind::Full), ..config }.loss_for(1 << 20), LossKind::Full);
    }
}
