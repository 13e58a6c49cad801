//! Sums of sparse rows: what the table of a blend says about a whole history.

/// Working space for sums over all items, of which few are touched at a time.
#[derive(Debug)]
pub(super) struct Sums {
    values: Vec<f32>,
    /// A bit for each value that was added to.
    touched: Vec<u64>,
}

impl Sums {
    /// All zero.
    pub(super) fn new(items: usize) -> Self {
        Self { values: vec![0.0; items], touched: vec![0; items.div_ceil(64)] }
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
        self.touched[column / 64] |= 1 << (column % 64);
    }

    /// The sums by rising column, and all is zero again.
    pub(super) fn take(&mut self) -> Vec<(u32, f32)> {
        let mut sums = Vec::new();
        for (word, touched) in self.touched.iter_mut().enumerate() {
            let mut bits = std::mem::take(touched);
            while bits != 0 {
                let column = word * 64 + bits.trailing_zeros() as usize;
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
}
