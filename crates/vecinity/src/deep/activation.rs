//! What a hidden layer does to its sums.

use super::linear::{relu, relu_backward};
use vecinity_kernel::softmax::exp;

/// A function of every value of a hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `x`: layers without anything between them are one linear map.
    Identity,
    /// `1 / (1 + exp(-x))`, in (0, 1).
    Sigmoid,
    /// In (-1, 1).
    Tanh,
    /// `max(x, 0)`.
    #[default]
    Relu,
}

impl Activation {
    /// All of them, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 4] =
        [("relu", Self::Relu), ("identity", Self::Identity), ("sigmoid", Self::Sigmoid), ("tanh", Self::Tanh)];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("relu", |(name, _)| name)
    }

    /// Replaces sums by their activations, row by row of `width` values of which the first `used` are no padding: that
    /// stays zero, also where the function of zero is not.
    ///
    /// # Panics
    /// If `used` is above `width`.
    pub fn forward(self, values: &mut [f32], width: usize, used: usize) {
        match self {
            Self::Identity => {}
            Self::Relu => relu(values),
            Self::Sigmoid => {
                logistic(values, 1.0);
                values.chunks_exact_mut(width).for_each(|row| row[used..].fill(0.0));
            }
            Self::Tanh => {
                logistic(values, 2.0);
                values.iter_mut().for_each(|value| *value = 2.0 * *value - 1.0);
            }
        }
    }

    /// The slope where the activation is `y`.
    #[must_use]
    pub fn slope(self, y: f32) -> f32 {
        match self {
            Self::Identity => 1.0,
            Self::Relu => f32::from(u8::from(y > 0.0)),
            Self::Sigmoid => y * (1.0 - y),
            Self::Tanh => 1.0 - y * y,
        }
    }

    /// The way back through dropout and activation, in place.
    ///
    /// * `activation`: behind dropout, which has multiplied kept values with `scale`; what is exactly zero was left out.
    pub fn backward(self, activation: &[f32], scale: f32, gradient: &mut [f32]) {
        if self == Self::Relu {
            return relu_backward(activation, scale, gradient);
        }
        let share = 1.0 / scale;
        for (gradient, &y) in gradient.iter_mut().zip(activation) {
            *gradient = if y == 0.0 { 0.0 } else { *gradient * scale * self.slope(y * share) };
        }
    }
}

/// `1 / (1 + exp(-steepness x))` of every value.
fn logistic(values: &mut [f32], steepness: f32) {
    values.iter_mut().for_each(|value| *value *= -steepness);
    exp(values);
    values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + *value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_functions_and_padding_stays_zero() {
        let x = [-200.0, -3.0, -0.5, 0.25, 2.0, 200.0, 0.0, 0.0];
        for (name, activation) in Activation::ALL {
            let mut y = x;
            activation.forward(&mut y, 8, 6);
            for (&x, &y) in x[..6].iter().zip(&y) {
                let x = f64::from(x);
                let expected = match activation {
                    Activation::Identity => x,
                    Activation::Relu => x.max(0.0),
                    Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
                    Activation::Tanh => x.tanh(),
                };
                assert!((f64::from(y) - expected).abs() < 1e-6, "{name} of {x} is {y}, expected {expected}");
            }
            assert_eq!(y[6..], [0.0, 0.0], "{name}");
            assert_eq!(activation.name(), name);
        }
    }

    #[test]
    fn slopes_are_those_of_differences_and_pass_through_dropout() {
        for (name, activation) in Activation::ALL {
            for x in [-1.5f32, -0.2, 0.4, 1.1] {
                let at = |x: f32| {
                    let mut y = [x];
                    activation.forward(&mut y, 1, 1);
                    y[0]
                };
                let expected = (at(x + 1e-2) - at(x - 1e-2)) / 2e-2;
                let (kept, mut gradient) = ([at(x) * 1.25, 0.0], [1.0, 1.0]);
                activation.backward(&kept, 1.25, &mut gradient);
                assert!((gradient[0] - 1.25 * expected).abs() < 1e-3, "{name} at {x}: {} {expected}", gradient[0]);
                assert_eq!(gradient[1], 0.0);
            }
        }
    }
}
