//! The only source of chance: a seed and a stream number give the same numbers, always.
//!
//! The generator is wyrand (Wang Yi, public domain): a 64-bit counter through one 128-bit product.
//! It is small, passes the usual batteries, and costs about a nanosecond a number. Streams are
//! separated by hashing `(seed, stream)` with the finaliser of `SplitMix64` (Steele et al. 2014).

/// A stream of pseudo-random numbers.
///
/// # Example
/// ```
/// use vecinity::rng::Rng;
/// let (mut a, mut b) = (Rng::new(1, 7), Rng::new(1, 7));
/// assert_eq!(a.u64(), b.u64());
/// assert_ne!(Rng::new(1, 7).u64(), Rng::new(1, 8).u64());
/// ```
#[derive(Debug, Clone)]
pub struct Rng(u64);

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Rng {
    /// Stream `stream` of `seed`. Different streams are independent for all practical purposes.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03)))
    }

    /// A uniform 64-bit number.
    #[inline]
    pub fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        ((product >> 64) ^ product) as u64
    }

    /// A uniform 32-bit number.
    #[inline]
    pub fn u32(&mut self) -> u32 {
        (self.u64() >> 32) as u32
    }

    /// A uniform number in `0..bound` (bias below `bound / 2^32`); 0 if `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A uniform number in `[0, 1)`.
    #[inline]
    pub fn f32(&mut self) -> f32 {
        (self.u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    #[inline]
    pub fn f64(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A row of an alias table, with probability in proportion to its weight; the table must not be empty.
    #[inline]
    pub fn pick(&mut self, table: &[Column]) -> u32 {
        let random = self.u64();
        let row = (((random >> 32) * table.len() as u64) >> 32) as u32;
        let column = table[row as usize];
        // A branch would be mispredicted every third time.
        std::hint::select_unpredictable((random as u32) < column.share, row, column.alias)
    }

    /// Puts the items into a uniformly random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

/// One column of an alias table (Walker 1977, Vose 1991): its own row with probability `share / 2^32`, else `alias`.
///
/// Eight bytes a row and one random number a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    share: u32,
    alias: u32,
}

impl Column {
    /// The table from which [`Rng::pick`] draws row `r` with probability `weights[r] / sum(weights)`.
    ///
    /// * `weights`: finite, at least 0, with a sum above 0.
    #[must_use]
    pub fn table(weights: &[f64]) -> Vec<Self> {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        let mut height: Vec<f64> = weights.iter().map(|w| w * scale).collect();
        let mut columns: Vec<Self> =
            (0..weights.len() as u32).map(|row| Self { alias: row, share: u32::MAX }).collect();
        let (mut low, mut high): (Vec<u32>, Vec<u32>) =
            (0..weights.len() as u32).partition(|&row| height[row as usize] < 1.0);
        while let (Some(l), Some(&h)) = (low.pop(), high.last()) {
            columns[l as usize] = Self { share: (height[l as usize] * 4_294_967_296.0) as u32, alias: h };
            height[h as usize] -= 1.0 - height[l as usize];
            if height[h as usize] < 1.0 {
                high.pop();
                low.push(h);
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_bins_fill_evenly() {
        let mut rng = Rng::new(42, 0);
        let mut bins = [0u32; 1000];
        for _ in 0..1_000_000 {
            bins[rng.below(1000) as usize] += 1;
        }
        // 1000 expected in each, standard deviation 32: chi-square of 999 degrees is within 6 sigma of 999.
        let chi: f64 = bins.iter().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!((chi - 999.0).abs() < 6.0 * (2.0 * 999.0f64).sqrt(), "chi-square {chi}");
    }

    #[test]
    fn neighbouring_seeds_and_streams_do_not_correlate() {
        for (a, b) in [((1, 0), (2, 0)), ((1, 0), (1, 1)), ((0, 0), (0, 1))] {
            let (mut a, mut b) = (Rng::new(a.0, a.1), Rng::new(b.0, b.1));
            let n = 100_000;
            let sum: f64 = (0..n).map(|_| (a.f64() - 0.5) * (b.f64() - 0.5) * 12.0).sum();
            assert!((sum / f64::from(n)).abs() < 6.0 / f64::from(n).sqrt());
        }
    }
}
