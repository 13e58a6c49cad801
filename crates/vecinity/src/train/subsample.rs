//! Subsampling: leave out some occurrences of the most frequent tokens.
//!
//! An occurrence of a token with relative frequency `f = count / total` survives with probability
//! `min(1, sqrt(t/f) + t/f)`. This is the rule of word2vec.c; the paper prints `sqrt(t/f)` alone
//! (Mikolov et al. 2013, arXiv:1310.4546, eq. 5). We follow the program, since its output is what
//! ours is compared with.

use crate::rng::Rng;
use crate::vocab::Vocab;

/// The survival rule for one vocabulary and threshold.
#[derive(Debug, Clone)]
pub struct Subsample {
    /// Survival probability times 2^32, for the rows before `always`.
    keep: Vec<u32>,
    /// Rows from here on always survive (rows go by falling count).
    always: u32,
}

impl Subsample {
    /// The rule with threshold `t` (relative frequency; 0 switches it off).
    #[must_use]
    pub fn new(vocab: &Vocab, threshold: f64) -> Self {
        let probability = survival(vocab, threshold);
        let always = probability.iter().rposition(|&p| p < 1.0).map_or(0, |row| row + 1);
        let keep = probability[..always].iter().map(|&p| (p * f64::from(u32::MAX)) as u32).collect();
        Self { keep, always: always as u32 }
    }

    /// Appends the survivors of `tokens` to `kept`.
    #[inline]
    pub fn apply(&self, tokens: &[u32], rng: &mut Rng, kept: &mut Vec<u32>) {
        if self.always == 0 {
            kept.extend_from_slice(tokens);
            return;
        }
        for &token in tokens {
            if token >= self.always || rng.u32() <= self.keep[token as usize] {
                kept.push(token);
            }
        }
    }
}

/// Chance that one occurrence of each token survives, shape `[vocab.len()]`, values in `(0, 1]`.
///
/// # Example
/// ```
/// use vecinity::{Vocab, train::survival};
/// let vocab = Vocab::from_counts([("the", 900), ("emu", 100)])?;
/// let keep = survival(&vocab, 0.1);
/// assert_eq!(keep[1], 1.0);                       // rare enough: always kept
/// assert!((keep[0] - 0.4444).abs() < 1e-4);       // sqrt(1/9) + 1/9
/// # Ok::<(), vecinity::Error>(())
/// ```
#[must_use]
pub fn survival(vocab: &Vocab, threshold: f64) -> Vec<f64> {
    let total = vocab.total_count() as f64;
    let chance = |&count: &u64| {
        let ratio = threshold * total / count as f64; // t / f
        if threshold > 0.0 && count > 0 { (ratio.sqrt() + ratio).min(1.0) } else { 1.0 }
    };
    vocab.counts().iter().map(chance).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_half_the_corpus_survives_once_in_twenty() {
        // f = 1/2, t = 1e-3: sqrt(0.002) + 0.002 = 0.0467, computed by hand.
        let vocab = Vocab::from_counts([("a", 500), ("b", 500)]).unwrap();
        assert!((survival(&vocab, 1e-3)[0] - 0.0467).abs() < 1e-4);
        let rule = Subsample::new(&vocab, 1e-3);
        let mut kept = Vec::new();
        rule.apply(&vec![0; 1_000_000], &mut Rng::new(3, 0), &mut kept);
        // 46,721 expected, standard deviation 211.
        assert!((kept.len() as f64 - 46_721.0).abs() < 6.0 * 211.0, "{}", kept.len());
    }

    #[test]
    fn a_threshold_of_zero_keeps_everything() {
        let vocab = Vocab::from_counts([("a", 500)]).unwrap();
        let mut kept = Vec::new();
        Subsample::new(&vocab, 0.0).apply(&[0, 0, 0], &mut Rng::new(3, 0), &mut kept);
        assert_eq!(kept, [0, 0, 0]);
    }
}
