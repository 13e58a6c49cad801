//! Noise tokens, drawn with probability proportional to `count^exponent`.
//!
//! The exponent is 0.75 in word2vec (Mikolov et al. 2013, arXiv:1310.4546) and 0.5 in fastText; 0 is
//! uniform, and negative values, which prefer rare items, win on some catalogues (Caselles-Dupré et
//! al. 2018, arXiv:1804.04212). Drawn by the alias method: 8 bytes a token and one random number a draw,
//! where word2vec.c's table of 10^8 entries misses the cache each time.

use crate::error::{Error, Result};
use crate::rng::{Column, Rng};
use crate::vocab::Vocab;

/// A sampler of noise tokens.
#[derive(Debug, Clone)]
pub struct Noise {
    table: Vec<Column>,
}

impl Noise {
    /// The sampler for the counts of `vocab`; tokens that never occurred count as once.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `exponent` is in [-4, 4].
    pub fn new(vocab: &Vocab, exponent: f64) -> Result<Self> {
        if !(-4.0..=4.0).contains(&exponent) {
            return Err(Error::setting("noise_exponent", exponent, "-4 to 4"));
        }
        let weights: Vec<f64> = vocab.counts().iter().map(|&n| (n.max(1) as f64).powf(exponent)).collect();
        Ok(Self::of_weights(&weights))
    }

    /// The sampler that draws each number with probability proportional to its weight, which is positive.
    #[must_use]
    pub fn of_weights(weights: &[f64]) -> Self {
        Self { table: Column::table(weights) }
    }

    /// Draws a token.
    #[inline]
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        rng.pick(&self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_count_to_the_exponent() {
        let vocab = Vocab::from_counts([("a", 1600), ("b", 81), ("c", 16), ("d", 1)]).unwrap();
        for exponent in [0.75, 0.5, 0.0, -0.5] {
            let weights: Vec<f64> = vocab.counts().iter().map(|&n| (n as f64).powf(exponent)).collect();
            let total: f64 = weights.iter().sum();
            let noise = Noise::new(&vocab, exponent).unwrap();
            let (mut rng, draws) = (Rng::new(5, 0), 1_000_000);
            let mut seen = [0u32; 4];
            for _ in 0..draws {
                seen[noise.draw(&mut rng) as usize] += 1;
            }
            for (row, weight) in weights.iter().enumerate() {
                let p = weight / total;
                let sigma = (f64::from(draws) * p * (1.0 - p)).sqrt();
                let off = (f64::from(seen[row]) - f64::from(draws) * p).abs();
                assert!(off < 6.0 * sigma, "exponent {exponent}, row {row}: {} draws", seen[row]);
            }
        }
        assert!(Noise::new(&vocab, f64::NAN).is_err());
    }
}
