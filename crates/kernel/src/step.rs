//! A step of an optimiser on a run of parameters.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;

/// The numbers of a step of Adam that are the same for all parameters (Kingma and Ba 2015, algorithm 1;
/// decay apart from the gradient as in Loshchilov and Hutter 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// What the parameters are multiplied with first: 1 minus rate times decay.
    pub keep: f32,
    /// What the gradient is multiplied with: clipping.
    pub scale: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Rate divided by `1 - beta1^t`.
    pub rate: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub correction: f32,
    /// Added to the square root.
    pub epsilon: f32,
}

impl Adam {
    /// `m = b1 m + (1-b1) g`, `v = b2 v + (1-b2) g²`, `w = keep w - rate m / (sqrt(v) correction + epsilon)`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let n = values.len();
        assert!([gradient.len(), first.len(), second.len()] == [n; 3], "one gradient and two moments a value");
        let (isa, step) = (Isa::active(), *self);
        // SAFETY: equal lengths; the instruction set of this process.
        unsafe {
            dispatch!(isa, adam(
                step: Adam, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32],
            ));
        }
    }
}

/// # Safety
/// Equal lengths; the instruction set of `L`.
#[inline(always)]
unsafe fn adam<L: Lanes>(s: Adam, values: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
    // SAFETY: `at + WIDTH` is at most the common length.
    unsafe {
        let whole = values.len() / L::WIDTH * L::WIDTH;
        let (keep, scale, rate) = (L::splat(s.keep), L::splat(s.scale), L::splat(-s.rate));
        let (b1, b2) = (L::splat(s.beta1), L::splat(s.beta2));
        let (c1, c2) = (L::splat(1.0 - s.beta1), L::splat(1.0 - s.beta2));
        let (correction, epsilon) = (L::splat(s.correction), L::splat(s.epsilon));
        for at in (0..whole).step_by(L::WIDTH) {
            let g = L::load(gradient.as_ptr().add(at)).mul(scale);
            let (m, v) = (first.as_mut_ptr().add(at), second.as_mut_ptr().add(at));
            let w = values.as_mut_ptr().add(at);
            let new_m = L::load(m).mul_add(b1, c1.mul(g));
            let new_v = L::load(v).mul_add(b2, c2.mul(g).mul(g));
            new_m.store(m);
            new_v.store(v);
            let by = rate.mul(new_m).div(new_v.sqrt().mul_add(correction, epsilon));
            L::load(w).mul_add(keep, by).store(w);
        }
        for at in whole..values.len() {
            let g = gradient[at] * s.scale;
            first[at] = s.beta1 * first[at] + (1.0 - s.beta1) * g;
            second[at] = s.beta2 * second[at] + (1.0 - s.beta2) * g * g;
            values[at] = s.keep * values[at] - s.rate * first[at] / (second[at].sqrt() * s.correction + s.epsilon);
        }
    }
}

/// Steps of Adam without a gradient, made up for at once: what they have in common for all values of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CatchUp {
    /// What the parameters are multiplied with.
    pub keep: f32,
    /// How far they move by `first moment / (sqrt(second moment) + epsilon)`.
    pub by: f32,
    /// What the first moment is multiplied with.
    pub first: f32,
    /// What the second moment is multiplied with.
    pub second: f32,
    /// Added to the square root.
    pub epsilon: f32,
}

impl CatchUp {
    /// `w = keep w - by m / (sqrt(v) + epsilon)`, then `m = first m`, `v = second v`.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, values: &mut [f32], first: &mut [f32], second: &mut [f32]) {
        let n = values.len();
        assert!([first.len(), second.len()] == [n; 2], "two moments a value");
        let (isa, step) = (Isa::active(), *self);
        // SAFETY: equal lengths; the instruction set of this process.
        unsafe {
            dispatch!(isa, catch_up(step: CatchUp, values: &mut [f32], first: &mut [f32], second: &mut [f32]));
        }
    }
}

/// # Safety
/// Equal lengths; the instruction set of `L`.
#[inline(always)]
unsafe fn catch_up<L: Lanes>(s: CatchUp, values: &mut [f32], first: &mut [f32], second: &mut [f32]) {
    // SAFETY: `at + WIDTH` is at most the common length.
    unsafe {
        let whole = values.len() / L::WIDTH * L::WIDTH;
        let (keep, by, epsilon) = (L::splat(s.keep), L::splat(-s.by), L::splat(s.epsilon));
        let (fade_m, fade_v) = (L::splat(s.first), L::splat(s.second));
        for at in (0..whole).step_by(L::WIDTH) {
            let (m, v) = (first.as_mut_ptr().add(at), second.as_mut_ptr().add(at));
            let w = values.as_mut_ptr().add(at);
            let (old_m, old_v) = (L::load(m), L::load(v));
            L::load(w).mul_add(keep, by.mul(old_m).div(old_v.sqrt().add(epsilon))).store(w);
            old_m.mul(fade_m).store(m);
            old_v.mul(fade_v).store(v);
        }
        for at in whole..values.len() {
            values[at] = s.keep * values[at] - s.by * first[at] / (second[at].sqrt() + s.epsilon);
            first[at] *= s.first;
            second[at] *= s.second;
        }
    }
}

/// A step of Adagrad (Duchi et al. 2011): `v += g²`, `w = keep w - rate g / (sqrt(v) + epsilon)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    /// What the parameters are multiplied with first: 1 minus rate times decay.
    pub keep: f32,
    /// What the gradient is multiplied with: clipping.
    pub scale: f32,
    /// The rate.
    pub rate: f32,
    /// Added to the square root.
    pub epsilon: f32,
}

impl Adagrad {
    /// Makes the step.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn step(&self, values: &mut [f32], gradient: &[f32], second: &mut [f32]) {
        let n = values.len();
        assert!([gradient.len(), second.len()] == [n; 2], "one gradient and one sum of squares a value");
        let (isa, step) = (Isa::active(), *self);
        // SAFETY: equal lengths; the instruction set of this process.
        unsafe { dispatch!(isa, adagrad(step: Adagrad, values: &mut [f32], gradient: &[f32], second: &mut [f32])) }
    }
}

/// # Safety
/// Equal lengths; the instruction set of `L`.
#[inline(always)]
unsafe fn adagrad<L: Lanes>(s: Adagrad, values: &mut [f32], gradient: &[f32], second: &mut [f32]) {
    // SAFETY: `at + WIDTH` is at most the common length.
    unsafe {
        let whole = values.len() / L::WIDTH * L::WIDTH;
        let (keep, scale, rate) = (L::splat(s.keep), L::splat(s.scale), L::splat(-s.rate));
        let epsilon = L::splat(s.epsilon);
        for at in (0..whole).step_by(L::WIDTH) {
            let g = L::load(gradient.as_ptr().add(at)).mul(scale);
            let (v, w) = (second.as_mut_ptr().add(at), values.as_mut_ptr().add(at));
            let new_v = g.mul_add(g, L::load(v));
            new_v.store(v);
            let by = rate.mul(g).div(new_v.sqrt().add(epsilon));
            L::load(w).mul_add(keep, by).store(w);
        }
        for at in whole..values.len() {
            let g = gradient[at] * s.scale;
            second[at] += g * g;
            values[at] = s.keep * values[at] - s.rate * g / (second[at].sqrt() + s.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_of_adam_is_the_rate_against_the_sign() {
        // t = 1: m = 0.1 g, v = 0.001 g²; corrected both are g and g², and g / |g| is the sign.
        let step = Adam {
            keep: 0.5,
            scale: 1.0,
            beta1: 0.9,
            beta2: 0.999,
            rate: 0.01 / 0.1,
            correction: 1.0 / 0.001f32.sqrt(),
            epsilon: 1e-8,
        };
        let gradient: Vec<f32> = (0..37).map(|i| if i % 2 == 0 { 3.0 } else { -0.2 }).collect();
        let (mut values, mut m, mut v) = (vec![2.0; 37], vec![0.0; 37], vec![0.0; 37]);
        step.step(&mut values, &gradient, &mut m, &mut v);
        for (value, g) in values.iter().zip(&gradient) {
            assert!((value - (1.0 - 0.01 * g.signum())).abs() < 1e-5, "{value}");
        }
        assert!((m[0] - 0.3).abs() < 1e-6 && (v[0] - 0.009).abs() < 1e-6);
    }

    #[test]
    fn steps_made_up_for_move_by_the_first_moment_over_the_root_of_the_second() {
        let step = CatchUp { keep: 0.5, by: 0.1, first: 0.9, second: 0.25, epsilon: 1.0 };
        let (mut values, mut m, mut v) = (vec![2.0; 19], vec![4.0; 19], vec![9.0; 19]);
        step.step(&mut values, &mut m, &mut v);
        // 0.5 * 2 - 0.1 * 4 / (3 + 1) = 0.9.
        assert!(values.iter().all(|v| (v - 0.9).abs() < 1e-6));
        assert!(m.iter().all(|m| (m - 3.6).abs() < 1e-6) && v.iter().all(|&v| v == 2.25));
    }

    #[test]
    fn adagrad_divides_by_the_root_of_all_squares() {
        let step = Adagrad { keep: 1.0, scale: 0.5, rate: 0.1, epsilon: 0.0 };
        let (mut values, mut squares) = (vec![1.0; 19], vec![16.0; 19]);
        // g = 6 * 0.5 = 3: sqrt(16 + 9) = 5, 1 - 0.1 * 3 / 5 = 0.94.
        step.step(&mut values, &[6.0; 19], &mut squares);
        assert!(values.iter().all(|v| (v - 0.94).abs() < 1e-6) && squares.iter().all(|&s| s == 25.0));
    }
}
