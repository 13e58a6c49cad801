//! How well does a rotation explain the change? The orthogonal Procrustes problem (Schönemann 1966).
//!
//! With the rows of both models at length 1, `A` and `B` of shape `[n, d]`, the mean cosine of a token's old vector, rotated by
//! `Q`, and its new one is `tr(Qᵀ AᵀB) / n`. Over all orthogonal `Q` the largest is the sum of the singular values of `M =
//! AᵀB / n`, reached by its polar factor. That factor is found without a decomposition: the Newton-Schulz iteration `X <- (3 X -
//! X XᵀX) / 2` (Higham 2008, ch. 8) takes every singular value to 1 by matrix products alone. Small ones come last, and
//! add next to nothing to the sum.

use super::neighbors::Spaces;
use crate::embeddings::Matrix;
use crate::index::inverse_norm;
use crate::rng::Rng;
use serde::Serialize;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::dot;

/// Singular values grow by half in a step while they are small: from a millionth of the norm to 1 in 35.
const STEPS: usize = 40;

/// How well a rotation explains the change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Alignment {
    /// The mean cosine of old and new vectors after the best rotation (or reflection), in `[0, 1]`: 1 means that nothing changed
    /// but the axes. Every token weighs the same.
    pub cosine: f64,
    /// The same with the tokens mixed up: what a rotation finds in nothing.
    pub by_chance: f64,
}

/// Aligns the answers' vectors of two models.
pub(super) fn align(spaces: &Spaces, seed: u64) -> Alignment {
    let (old, new) = (units(&spaces.old.answers), units(&spaces.new.answers));
    let mut order: Vec<u32> = (0..new.rows() as u32).collect();
    Rng::new(seed, 1).shuffle(&mut order);
    let mixed = order.iter().flat_map(|&row| new.row(row as usize)).copied().collect();
    let mixed = Matrix::new(new.rows(), new.dim(), mixed);
    Alignment { cosine: best_cosine(&old, &new), by_chance: best_cosine(&old, &mixed) }
}

fn units(matrix: &Matrix) -> Matrix {
    let mut values = matrix.as_slice().to_vec();
    for row in values.chunks_exact_mut(matrix.dim()) {
        let scale = inverse_norm(dot(row, row));
        row.iter_mut().for_each(|value| *value *= scale);
    }
    Matrix::new(matrix.rows(), matrix.dim(), values)
}

/// The sum of the singular values of `AᵀB / n`.
fn best_cosine(a: &Matrix, b: &Matrix) -> f64 {
    // The product of fewer rows than columns has the smaller square: the narrower matrix comes first.
    let (a, b) = if a.dim() <= b.dim() { (a, b) } else { (b, a) };
    let (rows, columns) = (a.dim(), b.dim());
    let mut product = vec![0.0; rows * columns];
    let transposed = View::new(a.as_slice(), a.rows(), rows).transposed();
    multiply(1.0 / a.rows().max(1) as f32, transposed, View::new(b.as_slice(), b.rows(), columns), 0.0, &mut product);
    singular_sum(&product, rows, columns).min(1.0)
}

/// The sum of the singular values of a matrix, shape `[rows, columns]` with `rows <= columns`.
fn singular_sum(matrix: &[f32], rows: usize, columns: usize) -> f64 {
    let norm = matrix.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    if norm == 0.0 {
        return 0.0;
    }
    let mut x: Vec<f32> = matrix.iter().map(|&value| (f64::from(value) / norm) as f32).collect();
    let (mut square, mut next) = (vec![0.0; rows * rows], vec![0.0; x.len()]);
    for _ in 0..STEPS {
        let view = View::new(&x, rows, columns);
        multiply(1.0, view, view.transposed(), 0.0, &mut square);
        next.copy_from_slice(&x);
        multiply(-0.5, View::new(&square, rows, rows), view, 1.5, &mut next);
        std::mem::swap(&mut x, &mut next);
    }
    x.iter().zip(matrix).map(|(&x, &m)| f64::from(x) * f64::from(m)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn singular_values_by_hand() {
        // [[3, 0], [4, 5]]: singular values sqrt(45) and sqrt(5).
        let sum = singular_sum(&[3.0, 0.0, 4.0, 5.0], 2, 2);
        assert!((sum - (45f64.sqrt() + 5f64.sqrt())).abs() < 1e-4, "{sum}");
        // One of length 5 beside one of 0.
        assert!((singular_sum(&[3.0, 4.0, 0.0, 0.0, 0.0, 0.0], 2, 3) - 5.0).abs() < 1e-5);
        assert_eq!(singular_sum(&[0.0; 4], 2, 2), 0.0);
    }

    #[test]
    fn two_right_angles_that_became_one_direction_have_half_the_root_of_two() {
        let a = Matrix::new(2, 2, vec![1.0, 0.0, 0.0, 1.0]);
        let b = Matrix::new(2, 2, vec![1.0, 0.0, 1.0, 0.0]);
        assert!((best_cosine(&a, &b) - 0.5f64.sqrt()).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn a_rotated_space_is_the_same_space(
            values in prop::collection::vec(-9i8..9, 30..120), angle in 0f32..6.3, mirror: bool, wider in 0usize..2,
        ) {
            let n = values.len() / 3;
            let a = units(&Matrix::new(n, 3, values[..3 * n].iter().map(|&v| f32::from(v) + 0.5).collect()));
            let (sin, cos) = angle.sin_cos();
            let sign = if mirror { -1.0 } else { 1.0 };
            let turned = a.as_slice().chunks_exact(3).flat_map(|v| {
                let row = [cos * v[0] - sin * v[1], sin * v[0] + cos * v[1], sign * v[2]];
                row.into_iter().chain(std::iter::repeat_n(0.0, wider))
            });
            let b = Matrix::new(n, 3 + wider, turned.collect());
            prop_assert!((best_cosine(&a, &b) - 1.0).abs() < 1e-4);
            prop_assert!((best_cosine(&b, &a) - 1.0).abs() < 1e-4);
        }
    }
}
