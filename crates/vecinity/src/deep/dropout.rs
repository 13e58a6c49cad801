//! Dropout masks.
//!
//! A mask is a window of a table of 65,536 draws that are made anew for every step; where the window
//! begins is drawn for every use. So a mask costs one draw for a row instead of one a value. Two rows of a
//! batch can meet overlapping windows; each value is still left out with its probability.

use super::LANES;
use crate::rng::Rng;
use vecinity_kernel::vector;

/// Draws of a step.
const DRAWS: usize = 1 << 16;
/// Windows are at most this long.
const LONGEST: usize = 1 << 14;

/// Masks of a step.
#[derive(Debug, Clone)]
pub struct Masks {
    /// Zero, or `1 / (1 - rate)`.
    draws: Vec<f32>,
    rate: f32,
}

impl Masks {
    /// Masks that leave values out with probability `rate`, in `[0, 1)`.
    #[must_use]
    pub fn new(rate: f32) -> Self {
        Self { draws: if rate > 0.0 { vec![0.0; DRAWS + LONGEST] } else { Vec::new() }, rate }
    }

    /// Draws anew.
    pub fn redraw(&mut self, rng: &mut Rng) {
        let (scale, threshold) = (self.scale(), (f64::from(self.rate) * 65536.0) as u64);
        for four in self.draws.chunks_mut(4) {
            let mut bits = rng.u64();
            for draw in four {
                *draw = if bits & 0xffff < threshold { 0.0 } else { scale };
                bits >>= 16;
            }
        }
    }

    /// What kept values are multiplied with.
    #[must_use]
    pub fn scale(&self) -> f32 {
        1.0 / (1.0 - self.rate)
    }

    /// Multiplies a row with its mask number `number`.
    ///
    /// # Panics
    /// As [`Masks::get`].
    pub fn apply(&self, number: u32, row: &mut [f32]) {
        match self.get(number, row.len()) {
            [] => {}
            mask => vector::multiply(mask, row),
        }
    }

    /// The mask number `number` of a row of `width` values; empty where nothing is left out.
    ///
    /// # Panics
    /// If the width is above 16,384.
    #[must_use]
    pub fn get(&self, number: u32, width: usize) -> &[f32] {
        assert!(width <= LONGEST, "masks are at most {LONGEST} wide");
        if self.draws.is_empty() {
            return &[];
        }
        let start = number as usize % (DRAWS / LANES) * LANES;
        &self.draws[start..start + width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_is_left_out_and_the_mean_stays() {
        let mut masks = Masks::new(0.2);
        masks.redraw(&mut Rng::new(1, 1));
        let mean = masks.draws.iter().sum::<f32>() / masks.draws.len() as f32;
        let zeros = masks.draws.iter().filter(|&&draw| draw == 0.0).count() as f32 / masks.draws.len() as f32;
        // 81,920 draws: a standard deviation of 0.0014.
        assert!((zeros - 0.2).abs() < 0.007 && (mean - 1.0).abs() < 0.01, "{zeros} {mean}");
        assert_eq!(masks.get(4096 + 3, 64), masks.get(3, 64));
        assert!(Masks::new(0.0).get(3, 64).is_empty());
    }
}
