//! Which rows may be answers: all, those of a bitmap, or those that pass a test.

use super::segment::Segment;

/// Rows that a test is asked of to know how many pass.
const SAMPLE: usize = 256;
/// As many are enough if all of them pass.
const FEW: usize = 32;

/// Rows that may be answers: a bit each.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub(super) bits: Vec<u64>,
    pub(super) count: usize,
}

impl Rows {
    /// The rows of a segment whose key passes.
    pub fn of(segment: &Segment, keep: impl Fn(u64) -> bool) -> Self {
        let word = |keys: &[u64]| keys.iter().rev().fold(0, |word, &key| word << 1 | u64::from(keep(key)));
        let bits: Vec<u64> = segment.keys().chunks(64).map(word).collect();
        Self { count: bits.iter().map(|word| word.count_ones() as usize).sum(), bits }
    }

    /// How many pass.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether a row passes.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn contains(&self, row: usize) -> bool {
        self.bits[row / 64] >> (row % 64) & 1 == 1
    }

    pub(super) fn remove(&mut self, row: usize) -> bool {
        let passed = self.contains(row);
        self.bits[row / 64] &= !(1 << (row % 64));
        self.count -= usize::from(passed);
        passed
    }

    /// The rows that pass both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let bits: Vec<u64> = self.bits.iter().zip(&other.bits).map(|(a, b)| a & b).collect();
        Self { count: bits.iter().map(|word| word.count_ones() as usize).sum(), bits }
    }

    /// The numbers of the rows that pass, in rising order.
    pub(super) fn numbers(&self) -> Numbers<'_> {
        Numbers { bits: &self.bits, word: 0, left: self.bits.first().copied().unwrap_or(0) }
    }
}

/// Numbers of rows, some at a time.
pub(super) struct Numbers<'a> {
    bits: &'a [u64],
    word: usize,
    /// What is left of the word.
    left: u64,
}

impl Numbers<'_> {
    /// Puts the next rows, at most `most`, in the place of `rows`; whether there are any.
    pub(super) fn next(&mut self, most: usize, rows: &mut Vec<u32>) -> bool {
        rows.clear();
        while rows.len() < most {
            if self.left == 0 {
                self.word += 1;
                let Some(&next) = self.bits.get(self.word) else { break };
                self.left = next;
                continue;
            }
            rows.push(self.word as u32 * 64 + self.left.trailing_zeros());
            self.left &= self.left - 1;
        }
        !rows.is_empty()
    }
}

/// Which rows may be answers.
#[derive(Clone, Copy)]
pub(super) enum Pass<'a> {
    All,
    Rows(&'a Rows),
    /// Those whose key passes a test, perhaps among some.
    Test {
        among: Option<&'a Rows>,
        keep: &'a dyn Fn(u64) -> bool,
        /// How many pass, by a sample.
        count: usize,
    },
}

impl<'a> Pass<'a> {
    /// Asks a sample of the rows, evenly spread, the test.
    pub(super) fn test(segment: &Segment, among: Option<&'a Rows>, keep: &'a dyn Fn(u64) -> bool) -> Self {
        let asked = Self::Test { among, keep, count: 0 };
        let share = |sample: usize| {
            let rows = (0..segment.len()).step_by(segment.len().div_ceil(sample).max(1));
            let (passed, of) =
                rows.fold((0, 0), |(passed, of), row| (passed + usize::from(asked.contains(segment, row)), of + 1));
            (passed, of.max(1))
        };
        // Most tests leave out a few rows, such as those of a history: that is soon seen.
        let (passed, of) = match share(FEW) {
            (passed, of) if passed == of => (passed, of),
            _ => share(SAMPLE),
        };
        Self::Test { among, keep, count: segment.len() * passed / of }
    }

    /// Whether a row passes.
    #[inline]
    pub(super) fn contains(&self, segment: &Segment, row: usize) -> bool {
        match self {
            Self::All => true,
            Self::Rows(rows) => rows.contains(row),
            Self::Test { among, keep, .. } => among.is_none_or(|rows| rows.contains(row)) && keep(segment.keys()[row]),
        }
    }

    /// How many of `all` rows pass, of a test about.
    pub(super) fn count(&self, all: usize) -> usize {
        match self {
            Self::All => all,
            Self::Rows(rows) => rows.count(),
            Self::Test { count, .. } => *count,
        }
    }

    /// How many pass at most.
    pub(super) fn most(&self, all: usize) -> usize {
        match self {
            Self::Rows(rows) | Self::Test { among: Some(rows), .. } => rows.count(),
            Self::All | Self::Test { .. } => all,
        }
    }
}
