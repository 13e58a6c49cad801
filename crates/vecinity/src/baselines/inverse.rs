//! The inverse of a positive definite matrix, in its own place.
//!
//! Gauss-Jordan elimination by blocks of rows: with `D` the block on the diagonal, `R = D^-1 A[D, :]` and
//! `C = A[:, D]`, one round makes `A -= C R` and puts `D^-1`, `R` and `-C D^-1` where `D` and its rows and
//! columns were. Nearly all of the work, `2 n^3` multiply-adds and additions, is one matrix product a
//! round (by `matrixmultiply`); no pivots are needed, since what is left of a positive definite matrix
//! stays positive definite. A Cholesky inverse does half of the arithmetic, but with the two further
//! matrices that it needs it would take three times the memory: at 20,000 items 4.8 GB instead of 1.6.

use crate::stop::Stop;
use std::sync::{Mutex, PoisonError};
use vecinity_kernel::matrix::{View, multiply};

/// Rows eliminated in a round: enough to keep the product busy with arithmetic.
const BLOCK: usize = 256;
/// Rows that a thread takes at a time.
const ROWS: usize = 256;

/// Replaces a symmetric, positive definite matrix of shape `[n, n]` by its inverse; `None`, and a matrix
/// of no meaning, if it is not positive definite within the precision of its numbers.
pub(super) fn invert(matrix: &mut [f32], n: usize, threads: usize) -> Option<()> {
    let mut first = 0;
    let stop = Stop::current();
    while first < n && !stop.requested() {
        let size = BLOCK.min(n - first);
        let block = |row: &[f32]| row[first..first + size].to_vec();
        let columns: Vec<f32> = matrix.chunks_exact(n).flat_map(block).collect();
        let pivot = invert_small(&columns[first * size..][..size * size], size)?;
        let mut rows = vec![0.0; size * n];
        let old = View::new(&matrix[first * n..][..size * n], size, n);
        multiply(1.0, View::new(&pivot, size, size), old, 0.0, &mut rows);
        for row in 0..size {
            rows[row * n + first..][..size].copy_from_slice(&pivot[row * size..][..size]);
        }
        let (rows, pivot) = (&rows, &pivot);
        let waiting = Mutex::new(matrix.chunks_mut(ROWS * n).zip(columns.chunks(ROWS * size)).enumerate());
        let work = || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((number, (part, columns))) = next.filter(|_| !stop.requested()) else { break };
                let height = columns.len() / size;
                let columns = View::new(columns, height, size);
                multiply(-1.0, columns, View::new(rows, size, n), 1.0, part);
                let mut left = vec![0.0; height * size];
                multiply(-1.0, columns, View::new(pivot, size, size), 0.0, &mut left);
                for (at, row) in part.chunks_exact_mut(n).enumerate() {
                    let of_block = (number * ROWS + at).checked_sub(first).filter(|&at| at < size);
                    match of_block {
                        Some(at) => row.copy_from_slice(&rows[at * n..][..n]),
                        None => row[first..first + size].copy_from_slice(&left[at * size..][..size]),
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        first += size;
    }
    Some(())
}

/// The same for a block, in double precision and without any haste.
fn invert_small(matrix: &[f32], n: usize) -> Option<Vec<f32>> {
    let mut a: Vec<f64> = matrix.iter().map(|&value| f64::from(value)).collect();
    for k in 0..n {
        let pivot = a[k * n + k];
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        let mut row: Vec<f64> = a[k * n..][..n].iter().map(|value| value / pivot).collect();
        row[k] = 1.0 / pivot;
        for (i, other) in a.chunks_exact_mut(n).enumerate() {
            if i == k {
                other.copy_from_slice(&row);
                continue;
            }
            let factor = std::mem::take(&mut other[k]);
            for (value, r) in other.iter_mut().zip(&row) {
                *value -= factor * r;
            }
        }
    }
    Some(a.into_iter().map(|value| value as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// `X^T X + I` for a random `X`.
    fn positive(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed, 0);
        let x: Vec<f32> = (0..2 * n * n).map(|_| rng.f32() - 0.5).collect();
        let mut matrix = vec![0.0; n * n];
        let x = View::new(&x, 2 * n, n);
        multiply(1.0, x.transposed(), x, 0.0, &mut matrix);
        for i in 0..n {
            matrix[i * n + i] += 1.0;
        }
        matrix
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        for (n, threads) in [(1, 1), (7, 2), (255, 1), (256, 3), (257, 2), (700, 2)] {
            let matrix = positive(n, n as u64);
            let mut inverse = matrix.clone();
            invert(&mut inverse, n, threads).unwrap();
            let mut product = vec![0.0; n * n];
            multiply(1.0, View::new(&matrix, n, n), View::new(&inverse, n, n), 0.0, &mut product);
            for (at, value) in product.iter().enumerate() {
                let expected = f32::from(u8::from(at / n == at % n));
                assert!((value - expected).abs() < 1e-3, "n {n}: {value} at {at}");
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads() {
        let (mut one, mut three) = (positive(600, 5), positive(600, 5));
        invert(&mut one, 600, 1).unwrap();
        invert(&mut three, 600, 3).unwrap();
        assert_eq!(one, three);
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_is_refused() {
        assert_eq!(invert(&mut [1.0, 2.0, 2.0, 1.0], 2, 1), None);
        assert_eq!(invert(&mut [f32::NAN], 1, 1), None);
    }
}
