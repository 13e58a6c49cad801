//! Principal components: the two directions in which the vectors differ most, by subspace iteration.

use super::{Point, directions};
use crate::embeddings::Matrix;
use crate::error::Result;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::dot;

/// Rows multiplied at once.
const BLOCK: usize = 1024;
/// More rounds change nothing that could be seen.
const ROUNDS: usize = 300;

/// The places of the first `points` rows along the first two principal components of their directions.
///
/// The picture is centred and as large as `[-1, 1]` in its longer direction; the sign of each axis is such that the
/// largest part of its component is positive.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for less than two rows, or rows without values.
///
/// # Example
/// ```
/// use vecinity::{Matrix, map::principal};
/// let matrix = Matrix::new(3, 2, vec![1.0, 0.0, /**/ 1.0, 0.1, /**/ 0.0, 1.0]);
/// let places = principal(&matrix, 3)?;
/// assert!((places[0][0] - places[1][0]).abs() < 0.2);          // near in direction, near in the picture
/// assert!((places[0][0] - places[2][0]).abs() > 1.0);
/// # Ok::<(), vecinity::Error>(())
/// ```
pub fn principal(matrix: &Matrix, points: usize) -> Result<Vec<Point>> {
    let mut rows = directions(matrix, points)?;
    let mean = centre(&mut rows);
    debug_assert_eq!(mean.len(), rows.dim());
    let dim = rows.dim();
    let spread = covariance(&rows);
    let [first, second] = largest(&spread, dim);
    let mut places: Vec<Point> =
        rows.as_slice().chunks_exact(dim).map(|row| [dot(row, &first), dot(row, &second)]).collect();
    let size = places.iter().flatten().fold(0.0f32, |size, value| size.max(value.abs()));
    if size > 0.0 {
        places.iter_mut().flatten().for_each(|value| *value /= size);
    }
    Ok(places)
}

/// Takes the mean from every row, and returns it.
fn centre(rows: &mut Matrix) -> Vec<f32> {
    let (count, dim) = (rows.rows(), rows.dim());
    let mut sums = vec![0.0f64; dim];
    for row in rows.as_slice().chunks_exact(dim) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();
    let mut values = rows.as_slice().to_vec();
    for row in values.chunks_exact_mut(dim) {
        row.iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
    }
    *rows = Matrix::new(count, dim, values);
    mean
}

/// The sum of the outer products of the rows, shape `[dim, dim]`.
fn covariance(rows: &Matrix) -> Vec<f32> {
    let dim = rows.dim();
    let mut sum = vec![0.0; dim * dim];
    for block in rows.as_slice().chunks(BLOCK * dim) {
        let view = View::new(block, block.len() / dim, dim);
        multiply(1.0, view.transposed(), view, 1.0, &mut sum);
    }
    sum
}

/// The two eigenvectors of a symmetric matrix with the largest values.
fn largest(matrix: &[f32], dim: usize) -> [Vec<f32>; 2] {
    // Any start that is not at right angles to what is looked for; the same for every run.
    let mut pair: [Vec<f64>; 2] = [1.0, 2.0].map(|k: f64| (0..dim).map(|at| (k * (at as f64 + 1.0)).sin()).collect());
    orthonormal(&mut pair);
    for _ in 0..ROUNDS {
        let next: [Vec<f64>; 2] = [0, 1].map(|at| {
            let times = |row: &[f32]| row.iter().zip(&pair[at]).map(|(&a, b)| f64::from(a) * b).sum();
            matrix.chunks_exact(dim).map(times).collect()
        });
        let before = std::mem::replace(&mut pair, next);
        orthonormal(&mut pair);
        let turned = |at: usize| 1.0 - pair[at].iter().zip(&before[at]).map(|(a, b)| a * b).sum::<f64>().abs();
        if turned(0) < 1e-12 && turned(1) < 1e-12 {
            break;
        }
    }
    pair.map(|vector| {
        let largest = vector.iter().copied().fold(0.0, |large: f64, v| if v.abs() > large.abs() { v } else { large });
        vector.iter().map(|value| (value * if largest < 0.0 { -1.0 } else { 1.0 }) as f32).collect()
    })
}

/// Gram and Schmidt's way for two vectors; what has no length stays zero.
fn orthonormal([first, second]: &mut [Vec<f64>; 2]) {
    let unit = |vector: &mut [f64]| {
        let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|v| *v = if norm > 1e-30 { *v / norm } else { 0.0 });
    };
    unit(first);
    let along: f64 = first.iter().zip(&*second).map(|(a, b)| a * b).sum();
    second.iter_mut().zip(&*first).for_each(|(b, a)| *b -= along * a);
    unit(second);
}
