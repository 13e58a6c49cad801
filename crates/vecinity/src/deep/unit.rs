//! Rows scaled to one length, so that products are cosines.

use vecinity_kernel::vector::dot;

/// Below this length a row is taken for zero.
const TINY: f32 = 1e-12;

/// `y = length * x / |x|` row by row; the factors `length / |x|` go to `factors`, one a row.
///
/// # Panics
/// If the shapes do not agree.
pub fn unit_rows(x: &[f32], width: usize, length: f32, y: &mut [f32], factors: &mut [f32]) {
    assert!(x.len() == y.len() && x.len() == factors.len() * width, "one factor a row");
    for ((x, y), factor) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(factors) {
        *factor = length / dot(x, x).sqrt().max(TINY);
        for (y, x) in y.iter_mut().zip(x) {
            *y = *factor * x;
        }
    }
}

/// The way back, in place: `dx = factor * (dy - y (y . dy) / length²)`.
///
/// # Panics
/// If the shapes do not agree.
pub fn unit_backward(y: &[f32], width: usize, length: f32, factors: &[f32], gradient: &mut [f32]) {
    assert!(y.len() == gradient.len() && y.len() == factors.len() * width, "one factor a row");
    for ((y, gradient), factor) in y.chunks_exact(width).zip(gradient.chunks_exact_mut(width)).zip(factors) {
        let along = dot(y, gradient) / (length * length);
        for (gradient, y) in gradient.iter_mut().zip(y) {
            *gradient = factor * (*gradient - along * y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_three_and_four_keeps_its_direction() {
        let (mut y, mut factors) = ([0.0; 2], [0.0]);
        unit_rows(&[3.0, 4.0], 2, 10.0, &mut y, &mut factors);
        assert!((y[0] - 6.0).abs() < 1e-6 && (y[1] - 8.0).abs() < 1e-6);
        // Along the row nothing changes; across it everything is twice as far.
        let mut along = [3.0, 4.0];
        unit_backward(&y, 2, 10.0, &factors, &mut along);
        assert!(along.iter().all(|v| v.abs() < 1e-5));
        let mut across = [4.0, -3.0];
        unit_backward(&y, 2, 10.0, &factors, &mut across);
        assert!((across[0] - 8.0).abs() < 1e-5 && (across[1] + 6.0).abs() < 1e-5);
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let x: Vec<f32> = (0..16).map(|i| (i as f32 * 0.7).sin()).collect();
        let weight: Vec<f32> = (0..16).map(|i| (i as f32 * 1.3).cos()).collect();
        let (mut y, mut factors) = ([0.0; 16], [0.0]);
        unit_rows(&x, 16, 3.0, &mut y, &mut factors);
        let mut gradient = weight.clone();
        unit_backward(&y, 16, 3.0, &factors, &mut gradient);
        let loss = |x: &[f64]| {
            let norm = x.iter().map(|v| v * v).sum::<f64>().sqrt();
            x.iter().zip(&weight).map(|(v, &w)| 3.0 * v / norm * f64::from(w)).sum::<f64>()
        };
        let mut wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        for at in 0..16 {
            wide[at] += 1e-6;
            let up = loss(&wide);
            wide[at] -= 2e-6;
            let expected = (up - loss(&wide)) / 2e-6;
            wide[at] += 1e-6;
            assert!((expected - f64::from(gradient[at])).abs() < 1e-5, "{at}: {expected}, {}", gradient[at]);
        }
    }
}
