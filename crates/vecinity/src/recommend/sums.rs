//! Sums of sparse rows: what the table of a blend says about a whole history.

use std::sync::{Mutex, PoisonError};

/// Working space for sums over all items, of which few are touched at a time.
#[derive(Debug)]
pub(super) struct Sums {
    values: Vec<f32>,
    /// A bit for each value that was added to, and which words of them are not zero.
    touched: Vec<u64>,
    words: Vec<u32>,
}

/// Working space between two uses: to clear that of a million items would take longer than a question.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Sums>>);

impl Spare {
    /// Does something with sums over `items`, the same number each time.
    pub(super) fn with<T>(&self, items: usize, work: impl FnOnce(&mut Sums) -> T) -> T {
        let spare = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = spare().pop();
        let mut sums = kept.unwrap_or_else(|| Sums::new(items));
        let done = work(&mut sums);
        spare().push(sums);
        done
    }
}

impl Sums {
    /// All zero.
    fn new(items: usize) -> Self {
        Self { values: vec![0.0; items], touched: vec![0; items.div_ceil(64)], words: Vec::new() }
    }

    /// Adds `weight` times the values of a sparse row, given as columns and values.
    pub(super) fn add(&mut self, weight: f32, (columns, values): (&[u32], &[f32])) {
        for (&column, &value) in columns.iter().zip(values) {
            self.add_one(column, weight * value);
        }
    }

    /// Adds `weight` times what an earlier [`take`](Self::take) gave.
    pub(super) fn add_pairs(&mut self, weight: f32, pairs: &[(u32, f32)]) {
        for &(column, value) in pairs {
            self.add_one(column, weight * value);
        }
    }

    fn add_one(&mut self, column: u32, value: f32) {
        let column = column as usize;
        self.values[column] += value;
        let word = &mut self.touched[column / 64];
        if *word == 0 {
            self.words.push((column / 64) as u32);
        }
        *word |= 1 << (column % 64);
    }

    /// The sums by rising column, and all is zero again.
    pub(super) fn take(&mut self) -> Vec<(u32, f32)> {
        let mut sums = Vec::new();
        self.words.sort_unstable();
        for word in self.words.drain(..) {
            let mut bits = std::mem::take(&mut self.touched[word as usize]);
            while bits != 0 {
                let column = word as usize * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                sums.push((column as u32, std::mem::take(&mut self.values[column])));
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_come_by_column_and_leave_nothing_behind() {
        let mut sums = Sums::new(200);
        sums.add(2.0, (&[3, 130], &[1.0, 0.5]));
        sums.add(1.0, (&[0, 130], &[4.0, -1.0]));
        assert_eq!(sums.take(), [(0, 4.0), (3, 2.0), (130, 0.0)]);
        sums.add_pairs(0.5, &[(7, 3.0)]);
        assert_eq!(sums.take(), [(7, 1.5)]);
        assert!(sums.take().is_empty());
    }

    #[test]
    fn working_space_is_used_again() {
        let spare = Spare::default();
        let taken = |column: u32| {
            spare.with(200, |sums| {
                sums.add(1.0, (&[column], &[2.0]));
                (sums.take(), spare.with(200, |other| other.values.len()))
            })
        };
        assert_eq!([taken(5), taken(9)], [(vec![(5, 2.0)], 200), (vec![(9, 2.0)], 200)]);
        assert_eq!(spare.0.lock().unwrap().len(), 2);
    }
}
