//! Products of matrices that lie ready for them: register tiles, no packing.
//!
//! `matrix` serves any shapes and strides; it copies both matrices into panels first. The networks of
//! the deep engine multiply matrices of a hundred rows that are in the cache already, with rows of whole
//! registers: there the copies are a third of the time. Here a tile of six rows and up to four
//! registers of columns is held in registers, the rows of the right matrix are read where they lie, and the
//! values of the left one are spread one by one.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::matrix::View;

/// Columns of the right matrix come in multiples of this many floats: the widest register.
pub const COLUMNS: usize = 16;
/// Rows of a tile: with four registers a row they fill 24 of 32 registers, with two 12 of 16.
const ROWS: usize = 6;
/// Terms summed before the next rows of the left matrix: their rows of the right one stay in the cache.
const TERMS: usize = 256;

/// `out = a · b`, or with `add` `out += a · b`.
///
/// * `a`: shape `[m, k]`, as it lies or transposed; `b`: shape `[k, n]`, row-major, `n` a multiple of
///   [`COLUMNS`]; `out`: shape `[m, n]`, row-major.
///
/// A value of `out` is summed in the order of `k`, one multiply-add a term, whatever the shapes: a product
/// cut into blocks of rows has the same bits.
///
/// # Panics
/// If the shapes do not agree, or `n` is no multiple of [`COLUMNS`].
///
/// # Example
/// ```
/// use vecinity_kernel::{matrix::View, tile};
/// let (a, b, mut out) = ([1.0, 2.0], [[3.0; 16], [5.0; 16]].concat(), [0.0; 16]);
/// tile::multiply(View::new(&a, 1, 2), &b, false, &mut out);
/// assert_eq!(out, [13.0; 16]); // 1*3 + 2*5
/// ```
pub fn multiply(a: View<'_>, b: &[f32], add: bool, out: &mut [f32]) {
    multiply_with(Isa::active(), a, b, add, out);
}

/// [`multiply`] on a given instruction set (tests and benches).
///
/// # Panics
/// As [`multiply`], or if the machine does not have `isa`.
pub fn multiply_with(isa: Isa, a: View<'_>, b: &[f32], add: bool, out: &mut [f32]) {
    let (m, k) = a.shape();
    if m == 0 {
        return;
    }
    let n = out.len() / m;
    assert_eq!(out.len(), m * n, "out must have the shape [rows of a, n]");
    assert_eq!(Some(b.len()), k.checked_mul(n), "b must have the shape [columns of a, n]");
    assert_eq!(n % COLUMNS, 0, "columns come in multiples of {COLUMNS}");
    assert!(isa == Isa::active() || Isa::available().contains(&isa), "this machine cannot run {}", isa.name());
    if k == 0 && !add {
        out.fill(0.0);
    }
    let (row, col) = a.strides();
    let (row, col) = (row.unsigned_abs(), col.unsigned_abs());
    let shape = Shape { m, k, n, row, col };
    let a = a.values();
    // SAFETY: the shapes were asserted and `View` keeps its own; the instruction set is available.
    unsafe {
        dispatch!(isa, product(shape: Shape, a: &[f32], b: &[f32], add: bool, out: &mut [f32]));
    }
}

/// `out[n, m] = in[m, n]` transposed.
///
/// # Panics
/// If the lengths are not `m * n`.
pub fn transpose(values: &[f32], m: usize, n: usize, out: &mut [f32]) {
    assert!(values.len() == m * n && out.len() == m * n, "both must have m * n values");
    const SQUARE: usize = 16;
    for top in (0..m).step_by(SQUARE) {
        for left in (0..n).step_by(SQUARE) {
            for i in top..m.min(top + SQUARE) {
                for j in left..n.min(left + SQUARE) {
                    out[j * m + i] = values[i * n + j];
                }
            }
        }
    }
}

/// Rows, terms, columns, and the strides of the left matrix.
#[derive(Clone, Copy)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
    row: usize,
    col: usize,
}

/// # Safety
/// The shapes agree, `n` is a multiple of [`COLUMNS`]; the instruction set of `L`.
#[inline(always)]
unsafe fn product<L: Lanes>(shape: Shape, a: &[f32], b: &[f32], add: bool, out: &mut [f32]) {
    let (a, b, c) = (a.as_ptr(), b.as_ptr(), out.as_mut_ptr());
    // SAFETY: every tile lies within the matrices: its rows are below `m`, its columns below `n`.
    unsafe {
        let mut j = 0;
        while j < shape.n {
            let left = (shape.n - j) / L::WIDTH;
            // Four registers a row leave too few of sixteen.
            let step = if left >= 4 && L::WIDTH != 8 {
                columns::<L, 4>(shape, a, b.add(j), add, c.add(j));
                4
            } else if left >= 2 {
                columns::<L, 2>(shape, a, b.add(j), add, c.add(j));
                2
            } else {
                columns::<L, 1>(shape, a, b.add(j), add, c.add(j));
                1
            };
            j += step * L::WIDTH;
        }
    }
}

/// `V` registers of columns of the product.
///
/// # Safety
/// As [`product`]; `b` and `c` point to the first of the columns.
#[inline(always)]
unsafe fn columns<L: Lanes, const V: usize>(shape: Shape, a: *const f32, b: *const f32, add: bool, c: *mut f32) {
    let Shape { m, k, n, row, col } = shape;
    // SAFETY: `i` and `p` stay within the rows and terms.
    unsafe {
        for p in (0..k).step_by(TERMS) {
            let part = Shape { k: (k - p).min(TERMS), ..shape };
            let (a, b, add) = (a.add(p * col), b.add(p * n), add || p > 0);
            let mut i = 0;
            while i < m {
                let (a, c) = (a.add(i * row), c.add(i * n));
                match m - i {
                    1 => tile::<L, 1, V>(part, a, b, add, c),
                    2 => tile::<L, 2, V>(part, a, b, add, c),
                    3 => tile::<L, 3, V>(part, a, b, add, c),
                    4 => tile::<L, 4, V>(part, a, b, add, c),
                    5 => tile::<L, 5, V>(part, a, b, add, c),
                    _ => tile::<L, ROWS, V>(part, a, b, add, c),
                }
                i += ROWS;
            }
        }
    }
}

/// `M` rows and `V` registers of columns, held in registers over all terms.
///
/// # Safety
/// `M` rows of `a` and `c`, `k` rows of `b` and `V` registers of columns exist; the instruction set of `L`.
#[inline(always)]
unsafe fn tile<L: Lanes, const M: usize, const V: usize>(
    shape: Shape,
    a: *const f32,
    b: *const f32,
    add: bool,
    c: *mut f32,
) {
    let Shape { k, n, row, col, .. } = shape;
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[L::zero(); V]; M];
        if add {
            for (i, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(c.add(i * n + v * L::WIDTH));
                }
            }
        }
        let (mut a, mut b) = (a, b);
        for _ in 0..k {
            let right: [L; V] = std::array::from_fn(|v| L::load(b.add(v * L::WIDTH)));
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = L::splat(*a.add(i * row));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
            (a, b) = (a.wrapping_add(col), b.wrapping_add(n));
        }
        for (i, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(c.add(i * n + v * L::WIDTH));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(seed: usize) -> f32 {
        f32::from((seed.wrapping_mul(2_654_435_761) >> 7) as u8) - 128.0
    }

    proptest! {
        #[test]
        fn products_agree_with_the_definition_on_every_instruction_set(
            m in 0usize..20, k in 0usize..20, n in 0usize..7, transposed: bool, add: bool,
        ) {
            let n = n * COLUMNS;
            let a: Vec<f32> = (0..m * k).map(value).collect();
            let b: Vec<f32> = (0..k * n).map(|i| value(i + 1000)).collect();
            let at = |i: usize, j: usize| if transposed { a[j * m + i] } else { a[i * k + j] };
            let view = if transposed { View::new(&a, k, m).transposed() } else { View::new(&a, m, k) };
            for isa in Isa::available() {
                let mut out = vec![3.0; m * n];
                multiply_with(isa, view, &b, add, &mut out);
                for i in 0..m {
                    for j in 0..n {
                        let sum: f32 = (0..k).map(|c| at(i, c) * b[c * n + j]).sum();
                        prop_assert_eq!(out[i * n + j], sum + if add { 3.0 } else { 0.0 });
                    }
                }
            }
        }

        #[test]
        fn a_transposed_matrix_has_rows_for_columns(m in 0usize..40, n in 0usize..40) {
            let values: Vec<f32> = (0..m * n).map(|i| i as f32).collect();
            let mut out = vec![0.0; m * n];
            transpose(&values, m, n, &mut out);
            for i in 0..m {
                for j in 0..n {
                    prop_assert_eq!(out[j * m + i], values[i * n + j]);
                }
            }
        }
    }

    #[test]
    fn a_product_cut_into_blocks_of_rows_has_the_same_bits() {
        let (m, k, n) = (37, 600, 48);
        let a: Vec<f32> = (0..m * k).map(|i| (i as f32).sin()).collect();
        let b: Vec<f32> = (0..k * n).map(|i| (i as f32 * 0.7).cos()).collect();
        let mut whole = vec![0.0; m * n];
        multiply(View::new(&a, m, k), &b, false, &mut whole);
        for rows in [1, 5, 16] {
            for (a, whole) in a.chunks(rows * k).zip(whole.chunks(rows * n)) {
                let mut out = vec![0.0; whole.len()];
                multiply(View::new(a, a.len() / k, k), &b, false, &mut out);
                assert_eq!(out, whole);
            }
        }
    }

    #[test]
    #[should_panic(expected = "columns come in multiples of 16")]
    fn columns_that_fill_no_register_are_refused() {
        multiply(View::new(&[0.0; 6], 2, 3), &[0.0; 24], false, &mut [0.0; 16]);
    }
}
