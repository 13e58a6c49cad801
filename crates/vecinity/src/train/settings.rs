//! The settings every model has.

use crate::error::{Error, Result};

/// Settings of a training run that do not depend on the model.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Values in a vector, 1 to 65,536.
    pub dim: usize,
    /// Passes over the corpus, at least 1.
    pub epochs: u32,
    /// Learning rate at the start; falls linearly to a ten-thousandth of it at the end.
    pub learning_rate: f32,
    /// Relative frequency above which occurrences of a token begin to be left out; 0: none are.
    pub subsample: f64,
    /// Threads; one thread and one seed give the same bytes in every run.
    pub threads: usize,
    /// Where all chance comes from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dim: 100, epochs: 5, learning_rate: 0.025, subsample: 1e-3, threads: 1, seed: 1 }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`] with the name, the value and the range.
    pub fn check(&self) -> Result<()> {
        if !(1..=65_536).contains(&self.dim) {
            return Err(Error::setting("dim", self.dim, "1 to 65536"));
        }
        if self.epochs == 0 {
            return Err(Error::setting("epochs", 0, "at least 1"));
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 10.0) {
            return Err(Error::setting("learning_rate", self.learning_rate, "above 0, at most 10"));
        }
        if !(0.0..=1.0).contains(&self.subsample) {
            return Err(Error::setting("subsample", self.subsample, "0 (off) to 1"));
        }
        if !(1..=1024).contains(&self.threads) {
            return Err(Error::setting("threads", self.threads, "1 to 1024"));
        }
        Ok(())
    }
}
