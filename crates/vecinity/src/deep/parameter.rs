//! A table or a matrix, with what its optimiser remembers of every value.

use crate::rng::Rng;
use vecinity_kernel::mapped::prefer_huge_pages;

/// Values that are learned, in rows.
#[derive(Debug, Clone, Default)]
pub struct Parameter {
    /// Shape `[rows, width]`, row-major.
    pub values: Vec<f32>,
    /// The first moment (Adam).
    pub(super) first: Vec<f32>,
    /// The second moment (Adam) or the sum of squares (Adagrad).
    pub(super) second: Vec<f32>,
    /// The step up to which each row is complete.
    pub(super) stamps: Vec<u32>,
    pub(super) width: usize,
    /// Whether weight decay applies: to weights, not to biases.
    pub(super) decays: bool,
}

impl Parameter {
    /// Values as they are at the start; those of a `bias` do not decay.
    ///
    /// # Panics
    /// If the values are no whole rows.
    #[must_use]
    pub fn new(values: Vec<f32>, width: usize, bias: bool) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "values come in rows");
        let [first, second] = [zeros(values.len()), zeros(values.len())];
        let stamps = vec![0; values.len() / width];
        Self { first, second, stamps, values, width, decays: !bias }
    }

    /// Normally distributed values in the first `wanted` columns of each row, zeros in the rest.
    #[must_use]
    pub fn normal(rows: usize, wanted: usize, width: usize, deviation: f32, rng: &mut Rng) -> Self {
        let mut values = zeros(rows * width);
        for row in values.chunks_exact_mut(width) {
            row[..wanted].fill_with(|| deviation * normal(rng));
        }
        Self::new(values, width, false)
    }

    /// Values that are not learned any more.
    #[must_use]
    pub fn fixed(values: Vec<f32>, width: usize) -> Self {
        Self { values, width, ..Self::default() }
    }

    /// Everything that a step changes, for a checkpoint: values, moments, and the steps as bits.
    #[must_use]
    pub fn state(&self) -> [Vec<f32>; 4] {
        let stamps = self.stamps.iter().map(|&step| f32::from_bits(step)).collect();
        [self.values.clone(), self.first.clone(), self.second.clone(), stamps]
    }

    /// Goes on from a state; `false` if it is not one of a parameter of this size.
    #[must_use]
    pub fn restore(&mut self, state: [Vec<f32>; 4]) -> bool {
        let [values, first, second, stamps] = state;
        let fits = (values.len(), first.len(), second.len(), stamps.len())
            == (self.values.len(), self.first.len(), self.second.len(), self.stamps.len());
        if fits {
            let stamps = stamps.into_iter().map(f32::to_bits).collect();
            *self = Self { values, first, second, stamps, ..*self };
        }
        fits
    }

    /// The values without what the optimiser remembers: for asking, not for learning.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self { values: self.values.clone(), width: self.width, decays: self.decays, ..Self::default() }
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    /// Floats in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// A row.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// Bytes in memory of a parameter of this size, moments included.
    #[must_use]
    pub fn bytes(rows: usize, width: usize) -> u64 {
        rows as u64 * (3 * 4 * width as u64 + 4)
    }
}

/// Zeros; where they are many in huge pages, since a step reads rows here and there.
fn zeros(count: usize) -> Vec<f32> {
    let mut zeros = vec![0.0; count];
    prefer_huge_pages(&mut zeros);
    zeros
}

/// A draw from the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.f64()).cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_values_have_the_wanted_deviation_and_an_empty_margin() {
        let parameter = Parameter::normal(1000, 10, 16, 0.5, &mut Rng::new(3, 0));
        let drawn: Vec<f32> = parameter.values.chunks(16).flat_map(|row| row[..10].to_vec()).collect();
        let mean = drawn.iter().sum::<f32>() / 1e4;
        let variance = drawn.iter().map(|v| v * v).sum::<f32>() / 1e4;
        // Standard errors: 0.005 and 0.0035.
        assert!(mean.abs() < 0.02 && (variance - 0.25).abs() < 0.015, "{mean} {variance}");
        assert!(parameter.values.chunks(16).all(|row| row[10..].iter().all(|&v| v == 0.0)));
    }
}
