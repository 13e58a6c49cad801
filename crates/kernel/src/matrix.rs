//! Products of matrices: a safe door to `matrixmultiply`, whose functions take bare pointers.

/// A matrix in a slice, seen as it lies or transposed.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl<'a> View<'a> {
    /// `values` as `rows` rows of `cols` floats, row-major and without padding.
    ///
    /// # Panics
    /// If `values.len()` is not `rows * cols`.
    #[must_use]
    pub fn new(values: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(cols), "shape and length must agree");
        Self { values, rows, cols, transposed: false }
    }

    /// Rows and columns as seen.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// The floats.
    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The same floats with rows and columns exchanged. Nothing is moved.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { transposed: !self.transposed, rows: self.cols, cols: self.rows, ..self }
    }

    /// Distance in floats from one row to the next, and from one column to the next.
    #[expect(clippy::cast_possible_wrap, reason = "a slice holds at most isize::MAX bytes")]
    pub(crate) fn strides(&self) -> (isize, isize) {
        if self.transposed { (1, self.rows as isize) } else { (self.cols as isize, 1) }
    }
}

/// `out = factor * a · b + keep * out`, where `keep = 0` does not read `out`.
///
/// * `a`: shape `[m, k]`; `b`: shape `[k, n]`; `out`: shape `[m, n]`, row-major, not padded.
///
/// A value of `out` does not depend on which other rows and columns are computed with it, so a
/// product may be cut into blocks (between threads, say) without changing a bit.
///
/// # Panics
/// If the shapes do not agree.
///
/// # Example
/// ```
/// use vecinity_kernel::matrix::{View, multiply};
/// let (a, b) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0]);
/// let mut out = [0.0; 2];
/// multiply(1.0, View::new(&a, 1, 2), View::new(&b, 2, 2).transposed(), 0.0, &mut out);
/// assert_eq!(out, [11.0, 17.0]); // 1*3 + 2*4, 1*5 + 2*6
/// ```
pub fn multiply(factor: f32, a: View<'_>, b: View<'_>, keep: f32, out: &mut [f32]) {
    assert_eq!(a.cols, b.rows, "the columns of a are the rows of b");
    assert_eq!(Some(out.len()), a.rows.checked_mul(b.cols), "out must have the shape [rows of a, columns of b]");
    let ((row_a, col_a), (row_b, col_b)) = (a.strides(), b.strides());
    #[expect(clippy::cast_possible_wrap, reason = "a slice holds at most isize::MAX bytes")]
    let row_out = b.cols as isize;
    // SAFETY: `View::new` and the assertions above make each slice hold exactly its rows times its
    // columns under these strides; `out` is borrowed mutably, so it overlaps neither input.
    unsafe {
        matrixmultiply::sgemm(
            a.rows,
            a.cols,
            b.cols,
            factor,
            a.values.as_ptr(),
            row_a,
            col_a,
            b.values.as_ptr(),
            row_b,
            col_b,
            keep,
            out.as_mut_ptr(),
            row_out,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A small integer, so that every order of summation gives the same float.
    fn value(seed: usize) -> f32 {
        f32::from((seed.wrapping_mul(2_654_435_761) >> 7) as u8) - 128.0
    }

    proptest! {
        #[test]
        fn products_agree_with_the_definition(
            m in 0usize..20, k in 0usize..20, n in 0usize..20, ta: bool, tb: bool, keep in 0u8..2,
        ) {
            let a: Vec<f32> = (0..m * k).map(value).collect();
            let b: Vec<f32> = (0..k * n).map(|i| value(i + 1000)).collect();
            let at = |i: usize, j: usize| if ta { a[j * m + i] } else { a[i * k + j] };
            let bt = |i: usize, j: usize| if tb { b[j * k + i] } else { b[i * n + j] };
            let mut out = vec![3.0; m * n];
            let view = |v, r, c, t| if t { View::new(v, c, r).transposed() } else { View::new(v, r, c) };
            multiply(2.0, view(&a, m, k, ta), view(&b, k, n, tb), f32::from(keep), &mut out);
            for i in 0..m {
                for j in 0..n {
                    let sum: f32 = (0..k).map(|c| at(i, c) * bt(c, j)).sum();
                    prop_assert_eq!(out[i * n + j], 2.0 * sum + 3.0 * f32::from(keep));
                }
            }
        }
    }

    #[test]
    fn a_product_cut_into_blocks_has_the_same_bits() {
        let (m, k, n) = (37, 300, 53);
        let a: Vec<f32> = (0..m * k).map(|i| (i as f32).sin()).collect();
        let b: Vec<f32> = (0..n * k).map(|i| (i as f32 * 0.7).cos()).collect();
        let mut whole = vec![0.0; m * n];
        multiply(1.0, View::new(&a, m, k), View::new(&b, n, k).transposed(), 0.0, &mut whole);
        for rows in [1, 5, 37] {
            for (start, part) in a.chunks(rows * k).zip(whole.chunks(rows * n)).map(|(a, w)| (a, w.to_vec())) {
                let mut out = vec![0.0; part.len()];
                let m = start.len() / k;
                multiply(1.0, View::new(start, m, k), View::new(&b, n, k).transposed(), 0.0, &mut out);
                assert_eq!(out, part);
            }
        }
    }

    #[test]
    #[should_panic(expected = "the columns of a are the rows of b")]
    fn shapes_that_do_not_agree_are_refused() {
        multiply(1.0, View::new(&[0.0; 6], 2, 3), View::new(&[0.0; 6], 2, 3), 0.0, &mut [0.0; 4]);
    }
}
