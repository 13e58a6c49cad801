//! Products of training, where the last bits of a factor are not worth their time.
//!
//! [`multiply`] is [`tile::multiply`] except on machines with matrix tiles (AMX), where it multiplies floats that
//! are split in two halves of sixteen bits. What is asked of a finished model is multiplied by `tile`.

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod amx;

use crate::matrix::View;
use crate::tile;

/// `out = a · b`, or with `add` `out += a · b`.
///
/// * `a`: shape `[m, k]`, as it lies or transposed; `b`: shape `[k, n]`, row-major, `n` a multiple of
///   [`COLUMNS`](tile::COLUMNS); `out`: shape `[m, n]`, row-major.
///
/// With matrix tiles a factor is the sum of two bf16, and three of the four products are added in `f32`: a term is off by
/// 3 · 2^-16 of itself at most (each half rounds to 8 bits). Without them, and for products too small to be worth the splitting, [`tile::multiply`].
///
/// A product cut into blocks of rows has the same bits as long as blocks hold 16 rows or more, and so has one of matrices that were
/// made ready before ([`Ready`]).
///
/// # Panics
/// As [`tile::multiply`], or if what was made ready is not what is multiplied.
///
/// # Example
/// ```
/// use vecinity_kernel::{matrix::View, split};
/// let (a, b, mut out) = (vec![0.1; 64 * 64], vec![0.1; 64 * 64], vec![0.0; 64 * 64]);
/// split::multiply(View::new(&a, 64, 64), &b, false, &mut out);
/// assert!(out.iter().all(|value| (value - 0.64).abs() < 0.64 / 65536.0));
/// ```
pub fn multiply<'a>(a: impl Into<Left<'a>>, b: impl Into<Right<'a>>, add: bool, out: &mut [f32]) {
    let (a, b) = (a.into(), b.into());
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        let (m, k) = a.view.shape();
        let n = out.len() / m.max(1);
        let fits = out.len() == m * n && Some(b.values.len()) == k.checked_mul(n) && n.is_multiple_of(tile::COLUMNS);
        if fits && amx::is_worth([m, k, n]) {
            return amx::product(a.view, b.values, [a.part, b.part], add, out);
        }
    }
    tile::multiply(a.view, b.values, add, out);
}

/// A matrix that takes part in many products, made ready once for [`multiply`]. Without matrix tiles it is empty.
#[derive(Debug, Clone, Default)]
pub struct Ready {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    panel: amx::Panel,
}

impl Ready {
    /// Makes the left matrix of products ready.
    pub fn left(&mut self, a: View<'_>) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if amx::available() {
            self.panel.left(a);
        }
        let _ = a;
    }

    /// Makes the right matrix of products ready: row-major, so many columns, a multiple of [`COLUMNS`](tile::COLUMNS).
    ///
    /// # Panics
    /// If the columns are none or no such multiple, or rows are not whole.
    pub fn right(&mut self, b: &[f32], columns: usize) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if amx::available() {
            self.panel.right(b, columns);
        }
        let _ = (b, columns);
    }

    /// Bytes of a matrix made ready: `outer` rows of a left one or columns of a right one, with `terms` terms.
    #[must_use]
    pub fn bytes(outer: usize, terms: usize) -> usize {
        if has_matrix_tiles() { 4 * outer.next_multiple_of(16) * terms.next_multiple_of(32) } else { 0 }
    }
}

/// The left matrix of a product.
#[derive(Debug, Clone, Copy)]
pub struct Left<'a> {
    view: View<'a>,
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    part: Option<amx::Part<'a>>,
}

/// The right matrix of a product.
#[derive(Debug, Clone, Copy)]
pub struct Right<'a> {
    values: &'a [f32],
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    part: Option<amx::Part<'a>>,
}

impl<'a> Left<'a> {
    /// A part of a matrix that was made ready, `view` being that part: from a row and a term on, multiples of 32.
    ///
    /// # Panics
    /// If they are no such multiples, or not within the matrix.
    #[must_use]
    pub fn part(view: View<'a>, ready: &'a Ready, row: usize, term: usize) -> Self {
        let _ = (ready, row, term);
        Self {
            view,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            part: amx::available().then(|| ready.panel.part(row, term)),
        }
    }
}

impl<'a> Right<'a> {
    /// A matrix that was made ready.
    #[must_use]
    pub fn ready(values: &'a [f32], ready: &'a Ready) -> Self {
        let _ = ready;
        Self {
            values,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            part: amx::available().then(|| ready.panel.part(0, 0)),
        }
    }
}

impl<'a> From<View<'a>> for Left<'a> {
    fn from(view: View<'a>) -> Self {
        Self {
            view,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            part: None,
        }
    }
}

impl<'a> From<&'a [f32]> for Right<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self {
            values,
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            part: None,
        }
    }
}

impl<'a> From<&'a Vec<f32>> for Right<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::from(&values[..])
    }
}

/// Whether [`multiply`] uses matrix tiles: the machine has them, and `VECINITY_ISA` names no instruction set.
#[must_use]
pub fn has_matrix_tiles() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    return amx::available();
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (seed..n + seed).map(|i| (i.wrapping_mul(2_654_435_761) % 20_011) as f32 / 1e4 - 1.0).collect()
    }

    proptest! {
        /// Most cases are large enough for matrix tiles, with edges in all three directions.
        #[test]
        fn products_are_near_the_definition(
            m in 1usize..90, k in 1usize..300, n in 1usize..9, transposed: bool, add: bool,
        ) {
            let n = n * tile::COLUMNS;
            let (a, b, mut out) = (values(m * k, 0), values(k * n, 7), vec![0.5; m * n]);
            let view = if transposed { View::new(&a, k, m).transposed() } else { View::new(&a, m, k) };
            multiply(view, &b, add, &mut out);
            for i in 0..m {
                for j in 0..n {
                    let left = |c: usize| a[if transposed { c * m + i } else { i * k + c }];
                    let term = |c: usize| f64::from(left(c)) * f64::from(b[c * n + j]);
                    let sum = (0..k).map(term).sum::<f64>() + if add { 0.5 } else { 0.0 };
                    let size = (0..k).map(|c| term(c).abs()).sum::<f64>() + 1.0;
                    let found = out[i * n + j];
                    prop_assert!((f64::from(found) - sum).abs() < 3.0 * size / 65536.0, "{}, {}: {} for {}", i, j, found, sum);
                }
            }
        }

        #[test]
        fn what_was_made_ready_has_the_same_bits(rows in 0usize..3, m in 16usize..70, terms in 0usize..3, k in 1usize..5) {
            let (row, term, k, n) = (32 * rows, 32 * terms, 32 * k, 80);
            let (height, depth) = (row + m, term + k);
            let (whole, b) = (values(height * depth, 0), values(k * n, 3));
            let part: Vec<f32> = (row..height).flat_map(|i| whole[i * depth + term..][..k].to_vec()).collect();
            let mut expected = vec![0.0; m * n];
            multiply(View::new(&part, m, k), &b, false, &mut expected);
            let (mut left, mut right, mut out) = (Ready::default(), Ready::default(), vec![0.0; m * n]);
            left.left(View::new(&whole, height, depth));
            right.right(&b, n);
            let part = Left::part(View::new(&part, m, k), &left, row, term);
            multiply(part, Right::ready(&b, &right), false, &mut out);
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn blocks_of_whole_tiles_have_the_same_bits() {
        let (m, k, n) = (100, 600, 48);
        let (a, b, mut whole) = (values(m * k, 0), values(k * n, 1), vec![0.0; m * n]);
        multiply(View::new(&a, m, k), &b, false, &mut whole);
        for rows in [20, 48] {
            for (a, whole) in a.chunks(rows * k).zip(whole.chunks(rows * n)).filter(|(a, _)| a.len() >= 16 * k) {
                let mut out = vec![0.0; whole.len()];
                multiply(View::new(a, a.len() / k, k), &b, false, &mut out);
                assert_eq!(out, whole);
            }
        }
    }

    #[test]
    fn another_matrix_than_the_one_made_ready_is_refused() {
        let (a, b) = (values(64 * 64, 0), values(64 * 64, 1));
        let mut ready = Ready::default();
        ready.left(View::new(&a[..32 * 32], 32, 32));
        let multiply = || multiply(Left::part(View::new(&a, 64, 64), &ready, 0, 0), &b, false, &mut vec![0.0; 64 * 64]);
        assert_eq!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(multiply)).is_err(), has_matrix_tiles());
    }
}
