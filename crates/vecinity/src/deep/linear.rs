//! A dense layer: `y = x W + b`, and ReLU.

use super::{Optimizer, Parameter, padded};
use crate::rng::Rng;
use vecinity_kernel::matrix::View;
use vecinity_kernel::split::{self, Ready, Right};
use vecinity_kernel::{tile, vector};

/// A dense layer.
#[derive(Debug, Clone)]
pub struct Linear {
    /// Shape `[inputs, outputs]`, widths padded.
    pub weights: Parameter,
    /// Shape `[outputs]`.
    pub bias: Parameter,
    /// The weights transposed, for the way back.
    turned: Vec<f32>,
    /// Both made ready for products: the weights, and those transposed.
    ready: [Ready; 2],
}

/// What a batch wants of a layer.
#[derive(Debug, Clone, Default)]
pub struct LinearGradient {
    /// Shape of the weights.
    pub weights: Vec<f32>,
    /// Shape of the bias.
    pub bias: Vec<f32>,
}

impl Linear {
    /// A layer whose weights and bias are drawn uniformly from `[-1/sqrt(inputs), 1/sqrt(inputs)]`.
    ///
    /// * `used`: which of the `inputs` padded inputs are no padding: weights of the others are zero.
    #[must_use]
    pub fn new(inputs: usize, used: impl Fn(usize) -> bool, outputs: usize, rng: &mut Rng) -> Self {
        let width = padded(outputs);
        let bound = 1.0 / ((0..inputs).filter(|&input| used(input)).count().max(1) as f32).sqrt();
        let mut draw = || bound * (2.0 * rng.f32() - 1.0);
        let (mut weights, mut bias) = (vec![0.0; inputs * width], vec![0.0; width]);
        for (input, row) in weights.chunks_exact_mut(width).enumerate().filter(|(input, _)| used(*input)) {
            debug_assert!(input < inputs);
            row[..outputs].fill_with(&mut draw);
        }
        bias[..outputs].fill_with(&mut draw);
        let mut layer = Self {
            turned: vec![0.0; weights.len()],
            ready: Default::default(),
            weights: Parameter::new(weights, width, false),
            bias: Parameter::new(bias, width, true),
        };
        layer.turn();
        layer
    }

    /// A layer that gives zeros.
    ///
    /// * `inputs`, `outputs`: padded.
    #[must_use]
    pub fn zeroed(inputs: usize, outputs: usize) -> Self {
        let mut layer = Self {
            turned: vec![0.0; inputs * outputs],
            ready: Default::default(),
            weights: Parameter::new(vec![0.0; inputs * outputs], outputs, false),
            bias: Parameter::new(vec![0.0; outputs], outputs, true),
        };
        layer.turn();
        layer
    }

    /// A layer that is not learned any more: weights of shape `[inputs, bias.len()]`, both padded.
    #[must_use]
    pub fn fixed(weights: Vec<f32>, bias: Vec<f32>) -> Self {
        let width = bias.len();
        Self {
            weights: Parameter::fixed(weights, width),
            bias: Parameter::fixed(bias, width),
            turned: Vec::new(),
            ready: Default::default(),
        }
    }

    /// Inputs and outputs, padded.
    #[must_use]
    pub fn shape(&self) -> (usize, usize) {
        (self.weights.rows(), self.weights.width())
    }

    /// The layer without what the optimiser remembers.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self { weights: self.weights.frozen(), bias: self.bias.frozen(), turned: Vec::new(), ready: Default::default() }
    }

    /// Takes over changed weights for the way back.
    pub(crate) fn turn(&mut self) {
        let (inputs, outputs) = self.shape();
        tile::transpose(&self.weights.values, inputs, outputs, &mut self.turned);
        self.ready[0].right(&self.weights.values, outputs);
        self.ready[1].right(&self.turned, inputs);
    }

    /// An empty gradient.
    #[must_use]
    pub fn gradient(&self) -> LinearGradient {
        LinearGradient { weights: vec![0.0; self.weights.values.len()], bias: vec![0.0; self.bias.values.len()] }
    }

    /// `y = x W + b`: shapes `[examples, inputs]` and `[examples, outputs]`.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let (inputs, outputs) = self.shape();
        for row in y.chunks_exact_mut(outputs) {
            row.copy_from_slice(&self.bias.values);
        }
        let x = View::new(x, x.len() / inputs, inputs);
        if self.turned.is_empty() {
            // A layer that is asked, not trained, gives the same values on every machine that has the instruction set.
            return tile::multiply(x, &self.weights.values, true, y);
        }
        split::multiply(x, Right::ready(&self.weights.values, &self.ready[0]), true, y);
    }

    /// Adds the gradients of `W` and `b`, from the layer's inputs and the gradient of `y`.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn add_gradient(&self, x: &[f32], dy: &[f32], gradient: &mut LinearGradient) {
        let (inputs, outputs) = self.shape();
        split::multiply(View::new(x, x.len() / inputs, inputs).transposed(), dy, true, &mut gradient.weights);
        for row in dy.chunks_exact(outputs) {
            vector::add(row, &mut gradient.bias);
        }
    }

    /// From the gradient of `y` that of `x`, overwritten.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn backward(&self, dy: &[f32], dx: &mut [f32]) {
        let outputs = self.shape().1;
        let turned = Right::ready(&self.turned, &self.ready[1]);
        split::multiply(View::new(dy, dy.len() / outputs, outputs), turned, false, dx);
    }

    /// A step of the optimiser.
    pub fn step(&mut self, optimizer: &Optimizer, gradient: &LinearGradient, scale: f32) {
        optimizer.dense(&mut self.weights, &gradient.weights, scale);
        optimizer.dense(&mut self.bias, &gradient.bias, scale);
        self.turn();
    }
}

impl LinearGradient {
    /// Sets everything to zero.
    pub fn clear(&mut self) {
        self.weights.fill(0.0);
        self.bias.fill(0.0);
    }
}

/// Negative values become zero.
pub fn relu(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

/// The way back through dropout and ReLU, in place: where the activation is zero, so is the gradient;
/// elsewhere it is multiplied with `scale`, as dropout did with the activation.
pub fn relu_backward(activation: &[f32], scale: f32, gradient: &mut [f32]) {
    for (gradient, &activation) in gradient.iter_mut().zip(activation) {
        *gradient = if activation > 0.0 { *gradient * scale } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss of the test: a fixed weighting of all outputs behind a ReLU, in `f64`.
    fn loss(x: &[f64], w: &[f64], b: &[f64], outputs: usize, weight: &[f64]) -> f64 {
        let (inputs, examples) = (w.len() / outputs, x.len() * outputs / w.len());
        let mut sum = 0.0;
        for e in 0..examples {
            for o in 0..outputs {
                let y: f64 = b[o] + (0..inputs).map(|i| x[e * inputs + i] * w[i * outputs + o]).sum::<f64>();
                sum += weight[e * outputs + o] * y.max(0.0);
            }
        }
        sum
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let mut rng = Rng::new(2, 0);
        let (examples, inputs, outputs) = (5, 16, 16);
        let layer = Linear::new(inputs, |_| true, outputs, &mut rng);
        let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.f32() * 2.0 - 1.0).collect() };
        let (x, weight) = (draw(examples * inputs), draw(examples * outputs));
        let mut y = vec![0.0; examples * outputs];
        layer.forward(&x, &mut y);
        relu(&mut y);
        let mut dy = weight.clone();
        relu_backward(&y, 1.0, &mut dy);
        let (mut gradient, mut dx) = (layer.gradient(), vec![0.0; x.len()]);
        layer.add_gradient(&x, &dy, &mut gradient);
        layer.backward(&dy, &mut dx);
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut parts = [wide(&x), wide(&layer.weights.values), wide(&layer.bias.values)];
        let weight = wide(&weight);
        for (part, found) in [&dx, &gradient.weights, &gradient.bias].into_iter().enumerate() {
            for at in 0..parts[part].len() {
                let mut shifted = |by: f64| {
                    parts[part][at] += by;
                    let loss = loss(&parts[0], &parts[1], &parts[2], outputs, &weight);
                    parts[part][at] -= by;
                    loss
                };
                let expected = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
                assert!((expected - f64::from(found[at])).abs() < 1e-4, "part {part}, {at}: {expected}, {}", found[at]);
            }
        }
    }
}
