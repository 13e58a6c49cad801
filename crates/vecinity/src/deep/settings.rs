//! The settings every network has.

use super::{Decay, Method};
use crate::error::{Error, Result};

/// Settings of a training run that do not depend on the network.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Values in a vector, 1 to 4,096.
    pub dim: usize,
    /// Passes over the examples, at least 1.
    pub epochs: u32,
    /// Examples of a step, 1 to 1,048,576.
    pub batch: usize,
    /// The largest learning rate.
    pub learning_rate: f32,
    /// Share of all steps in which the rate rises to it, 0 to 1.
    pub warm_up: f32,
    /// How the rate falls afterwards.
    pub decay: Decay,
    /// The optimiser.
    pub optimizer: Method,
    /// What all weights lose at each step, times the rate (decoupled from the gradient).
    pub weight_decay: f32,
    /// Gradients whose norm is above this are scaled down to it; 0: none are.
    pub clip: f32,
    /// Threads; their number does not change a byte of the result.
    pub threads: usize,
    /// Where all chance comes from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dim: 64,
            epochs: 12,
            batch: 1024,
            learning_rate: 2e-3,
            warm_up: 0.1,
            decay: Decay::Cosine,
            optimizer: Method::Adam,
            weight_decay: 0.01,
            clip: 0.0,
            threads: 1,
            seed: 1,
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name, the value and the range.
    pub fn check(&self) -> Result<()> {
        if !(1..=4096).contains(&self.dim) {
            return Err(Error::setting("dim", self.dim, "1 to 4096 for a network"));
        }
        if self.epochs == 0 {
            return Err(Error::setting("epochs", 0, "at least 1"));
        }
        if !(1..=1 << 20).contains(&self.batch) {
            return Err(Error::setting("batch", self.batch, "1 to 1048576"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 10.0) {
            return Err(Error::setting("learning_rate", self.learning_rate, "above 0, at most 10"));
        }
        if !(0.0..=1.0).contains(&self.warm_up) {
            return Err(Error::setting("warm_up", self.warm_up, "0 to 1, a share of all steps"));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay * self.learning_rate < 1.0) {
            return Err(Error::setting("weight_decay", self.weight_decay, "0 (off) to below 1 / learning_rate"));
        }
        if !(self.clip >= 0.0 && self.clip.is_finite()) {
            return Err(Error::setting("clip", self.clip, "0 (off) or a norm above 0"));
        }
        if !(1..=1024).contains(&self.threads) {
            return Err(Error::setting("threads", self.threads, "1 to 1024"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_no_number_is_refused_by_its_name() {
        let settings = Settings { learning_rate: f32::NAN, ..Settings::default() };
        assert_eq!(settings.check().unwrap_err().to_string(), "learning_rate is NaN, expected above 0, at most 10");
        Settings::default().check().unwrap();
    }
}
