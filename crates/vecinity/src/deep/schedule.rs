//! The learning rate of a step.

/// How the rate falls behind the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Not at all.
    Constant,
    /// In a straight line to zero.
    Linear,
    /// Along half a cosine to zero (Loshchilov and Hutter 2017, without restarts; with the warm-up
    /// it is the one-cycle policy of Smith and Topin 2018).
    #[default]
    Cosine,
}

/// Warm-up and decay over a known number of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The largest rate.
    pub peak: f32,
    /// Steps in which the rate rises in a straight line.
    pub warm_up: u32,
    /// All steps.
    pub steps: u32,
    /// How it falls.
    pub decay: Decay,
}

impl Schedule {
    /// The rate of step `step`, from 1; in `[0, peak]`, and above 0 for steps up to the last.
    ///
    /// # Example
    /// ```
    /// use vecinity::deep::{Decay, Schedule};
    /// let schedule = Schedule { peak: 1.0, warm_up: 2, steps: 9, decay: Decay::Linear };
    /// assert_eq!([1, 2, 4, 8].map(|step| schedule.rate(step)), [0.5, 1.0, 0.75, 0.25]);
    /// ```
    #[must_use]
    pub fn rate(&self, step: u32) -> f32 {
        if step <= self.warm_up {
            return self.peak * step as f32 / self.warm_up.max(1) as f32;
        }
        // The steps behind the warm-up divide the way down; the last one still learns.
        let way = f64::from(step - self.warm_up) / f64::from((self.steps - self.warm_up.min(self.steps)) + 1);
        let left = match self.decay {
            Decay::Constant => 1.0,
            Decay::Linear => 1.0 - way,
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * way).cos()),
        };
        self.peak * left.max(0.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_from_there() {
        for decay in [Decay::Constant, Decay::Linear, Decay::Cosine] {
            let schedule = Schedule { peak: 0.1, warm_up: 10, steps: 100, decay };
            let rates: Vec<f32> = (1..=100).map(|step| schedule.rate(step)).collect();
            assert!(rates[..10].is_sorted() && rates[9..].is_sorted_by(|a, b| a >= b), "{decay:?}");
            assert!(rates.iter().all(|&rate| rate > 0.0 && rate <= 0.1) && rates[9] == 0.1, "{decay:?}");
        }
        // Half of the way down a cosine is half of the rate: steps 3 to 11 are nine tenths, step 7 is five of ten.
        let schedule = Schedule { peak: 1.0, warm_up: 2, steps: 11, decay: Decay::Cosine };
        assert!((schedule.rate(7) - 0.5).abs() < 1e-6);
    }
}
