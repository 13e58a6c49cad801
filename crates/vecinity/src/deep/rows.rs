//! Gradients of the rows that a batch touched.

use vecinity_kernel::{prefetch, vector};

/// Places that are asked for ahead of the one that is added: those of a row lie all over a batch.
const AHEAD: usize = 8;

/// A gradient that is zero but for some rows.
#[derive(Debug, Clone, Default)]
pub struct RowGradient {
    /// Which rows, rising.
    pub rows: Vec<u32>,
    /// Their gradients, one behind the other.
    pub values: Vec<f32>,
}

impl RowGradient {
    /// Adds it to a gradient of all rows.
    pub fn add_to(&self, all: &mut [f32]) {
        let width = self.values.len() / self.rows.len().max(1);
        for (&row, values) in self.rows.iter().zip(self.values.chunks_exact(width.max(1))) {
            vector::add(values, &mut all[row as usize * width..][..width]);
        }
    }
}

/// Sums what several places of a batch want of the same rows.
///
/// * `wanted`: `(row, place)` in any order; sorted here. Places of a row are added by rising number.
/// * `at(place)`: the gradient of that place, `width` long.
///
/// The sums are made on `threads`; their number changes no bit.
pub fn sum_rows<'a>(
    wanted: &mut [(u32, u32)],
    width: usize,
    threads: usize,
    at: impl Fn(u32) -> &'a [f32] + Sync,
) -> RowGradient {
    wanted.sort_unstable();
    let mut ends = Vec::new();
    let mut rows: Vec<u32> = Vec::new();
    for (end, (row, _)) in wanted.iter().enumerate() {
        if rows.last() != Some(row) {
            ends.push(end);
            rows.push(*row);
        }
    }
    ends.push(wanted.len());
    let mut values = vec![0.0; rows.len() * width];
    let part = rows.len().div_ceil(threads.max(1)).max(1);
    let wanted = &*wanted;
    std::thread::scope(|scope| {
        let mut parts = ends.windows(part + 1).step_by(part).collect::<Vec<_>>();
        let covered = parts.len() * part;
        parts.extend((covered < rows.len()).then(|| &ends[covered..]));
        for (number, (values, ends)) in values.chunks_mut(part * width).zip(parts).enumerate() {
            let at = &at;
            let mut sum = move || {
                for (sum, places) in values.chunks_exact_mut(width).zip(ends.windows(2)) {
                    for number in places[0]..places[1] {
                        if let Some(&(_, later)) = wanted.get(number + AHEAD) {
                            prefetch::slice(at(later));
                        }
                        vector::add(at(wanted[number].1), sum);
                    }
                }
            };
            if number == 0 && part == rows.len() {
                sum();
            } else {
                scope.spawn(sum);
            }
        }
    });
    RowGradient { rows, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_row_are_added_whatever_their_order_and_the_threads() {
        let values: Vec<f32> = (0..12).map(|v| v as f32).collect();
        for threads in 1..6 {
            let mut wanted = [(7, 3), (2, 5), (7, 0), (9, 1), (7, 4)];
            let sum = sum_rows(&mut wanted, 2, threads, |place| &values[place as usize * 2..][..2]);
            assert_eq!(sum.rows, [2, 7, 9]);
            // 7: places 0, 3 and 4 are (0, 1), (6, 7), (8, 9).
            assert_eq!(sum.values, [10.0, 11.0, 14.0, 17.0, 2.0, 3.0]);
            let mut all = vec![1.0; 20];
            sum.add_to(&mut all);
            assert_eq!((all[4], all[15], all[0]), (11.0, 18.0, 1.0));
        }
        assert!(sum_rows(&mut [], 2, 3, |_| &values[..2]).rows.is_empty());
    }
}
