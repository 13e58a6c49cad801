//! Adam and Adagrad, dense and row by row.
//!
//! A table of a million rows of which a batch touches a few thousand cannot be updated whole at each step.
//! But a row that is left out is not one that stands still: in Adam with decoupled decay it goes on
//! moving by its fading first moment, and shrinks. [`Optimizer::refresh`] makes up for the steps that a
//! row was left out of, in closed form, before the row is read again. So row-sparse training is dense training,
//! up to rounding; "lazy" variants that forget the moments or the decay are not.
//!
//! With `k` steps left out since step `s`, moments `m`, `v` at `s`, `c_i = 1 - rate_i decay`:
//!
//! ```text
//! w = w C(s) - m / (sqrt(v) + eps) * sum_{i=s+1}^{s+k} C(i) rate_i b1^(i-s) sqrt(1 - b2^i) / ((1 - b1^i) sqrt(b2^(i-s)))
//! C(i) = c_{i+1} ... c_{s+k}      m = m b1^k      v = v b2^k
//! ```
//!
//! which is exact but for the place of `eps`. Adagrad only decays. The sums of all `s` are carried on from step to step
//! ([`Missed`]): rows of a large table all missed different steps.

mod missed;

use super::{Parameter, RowGradient, Schedule};
use missed::Missed;
use vecinity_kernel::prefetch;
use vecinity_kernel::step::{Adagrad, Adam, CatchUp};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f32 = 1e-8;
/// Rows that are asked for ahead of the one that is computed: tables do not fit into caches.
const AHEAD: usize = 4;

/// The kind of optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Kingma and Ba 2015, with decoupled decay (AdamW); 0.9, 0.999, 1e-8.
    #[default]
    Adam,
    /// Duchi et al. 2011.
    Adagrad,
}

/// An optimiser in the middle of a run.
#[derive(Debug, Clone)]
pub struct Optimizer {
    method: Method,
    schedule: Schedule,
    weight_decay: f64,
    /// The step that is being made, from 1.
    step: u32,
    /// What the steps that are over amount to for a row without gradients, with and without decay.
    missed: [Missed; 2],
}

impl Optimizer {
    /// An optimiser before its first step.
    #[must_use]
    pub fn new(method: Method, schedule: Schedule, weight_decay: f32) -> Self {
        Self { method, schedule, weight_decay: f64::from(weight_decay), step: 0, missed: Default::default() }
    }

    /// Begins the next step, and returns its rate.
    pub fn begin_step(&mut self) -> f32 {
        if self.step > 0 {
            let (rate, keeps) = (f64::from(self.rate()), [true, false].map(|decays| self.keep(decays)));
            self.missed.iter_mut().zip(keeps).for_each(|(missed, keep)| missed.pass(rate, keep));
        }
        self.step += 1;
        self.rate()
    }

    /// The rate of the step that is being made.
    #[must_use]
    pub fn rate(&self) -> f32 {
        self.schedule.rate(self.step)
    }

    /// Goes on behind so many steps.
    pub fn go_on_behind(&mut self, steps: u32) {
        for _ in 0..steps {
            self.begin_step();
        }
    }

    /// The step that is being made, from 1.
    #[must_use]
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Brings rows to where they would be had no step left them out: all steps before this one.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn refresh(&self, parameter: &mut Parameter, rows: impl IntoIterator<Item = u32>) {
        let rows: Vec<u32> = rows.into_iter().collect();
        bring(parameter, &rows, self.step.saturating_sub(1), self.catching_up(parameter.decays));
    }

    /// Brings all rows to where they are behind this step: before they are read as a whole.
    pub fn settle(&self, parameter: &mut Parameter) {
        // What is asked for is where the next step begins.
        let mut next = self.clone();
        next.begin_step();
        let rows: Vec<u32> = (0..parameter.stamps.len() as u32).collect();
        bring(parameter, &rows, self.step, next.catching_up(parameter.decays));
    }

    /// What the steps that are over amount to for a row whose last one was `since`.
    fn catching_up(&self, decays: bool) -> impl Fn(u32) -> CatchUp {
        let (method, missed) = (self.method, &self.missed[usize::from(!decays)]);
        move |since| {
            let (keep, by, steps) = missed.behind(since as usize);
            let keep = keep as f32;
            if method == Method::Adagrad || since == 0 {
                // Before its first gradient a row has no moments.
                return CatchUp { keep, by: 0.0, first: 1.0, second: 1.0, epsilon: EPSILON };
            }
            let (first, second) = (BETA1.powi(steps as i32) as f32, BETA2.powi(steps as i32) as f32);
            CatchUp { keep, by: by as f32, first, second, epsilon: EPSILON }
        }
    }

    fn adam(&self, decays: bool, scale: f32) -> Adam {
        let (rate, step) = (self.schedule.rate(self.step), self.step as i32);
        Adam {
            keep: self.keep(decays) as f32,
            scale,
            beta1: BETA1 as f32,
            beta2: BETA2 as f32,
            rate: (f64::from(rate) / (1.0 - BETA1.powi(step))) as f32,
            correction: (1.0 / (1.0 - BETA2.powi(step)).sqrt()) as f32,
            epsilon: EPSILON,
        }
    }

    fn adagrad(&self, decays: bool, scale: f32) -> Adagrad {
        Adagrad { keep: self.keep(decays) as f32, scale, rate: self.schedule.rate(self.step), epsilon: EPSILON }
    }

    /// What this step multiplies values with before anything else.
    fn keep(&self, decays: bool) -> f64 {
        if decays { 1.0 - f64::from(self.rate()) * self.weight_decay } else { 1.0 }
    }

    /// A step of all values.
    ///
    /// * `gradient`: as long as the values; `scale`: what it is multiplied with (clipping).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn dense(&self, parameter: &mut Parameter, gradient: &[f32], scale: f32) {
        let Parameter { values, first, second, stamps, decays, .. } = parameter;
        match self.method {
            Method::Adam => self.adam(*decays, scale).step(values, gradient, first, second),
            Method::Adagrad => self.adagrad(*decays, scale).step(values, gradient, second),
        }
        stamps.fill(self.step);
    }

    /// A step of the rows that have a gradient. They have to be refreshed.
    ///
    /// # Panics
    /// If the widths differ or a row does not exist.
    pub fn sparse(&self, parameter: &mut Parameter, gradient: &RowGradient, scale: f32) {
        let (width, gradient_rows) = (parameter.width, &gradient.rows);
        let (adam, adagrad) = (self.adam(parameter.decays, scale), self.adagrad(parameter.decays, scale));
        for (at, gradient) in gradient.values.chunks_exact(width).enumerate() {
            let row = gradient_rows[at] as usize;
            ask_ahead(parameter, gradient_rows, at);
            let run = row * width..(row + 1) * width;
            debug_assert!(parameter.stamps[row] + 1 >= self.step, "row {row} has not been refreshed");
            let (values, second) = (&mut parameter.values[run.clone()], &mut parameter.second[run.clone()]);
            match self.method {
                Method::Adam => adam.step(values, gradient, &mut parameter.first[run], second),
                Method::Adagrad => adagrad.step(values, gradient, second),
            }
            parameter.stamps[row] = self.step;
        }
    }
}

/// Brings rows to where they are behind step `last`; `missed` says what the steps behind one of them amount to.
fn bring(parameter: &mut Parameter, rows: &[u32], last: u32, missed: impl Fn(u32) -> CatchUp) {
    let width = parameter.width;
    for (at, &row) in rows.iter().enumerate() {
        ask_ahead(parameter, rows, at);
        let stamp = &mut parameter.stamps[row as usize];
        let since = std::mem::replace(stamp, last.max(*stamp));
        if since >= last {
            continue;
        }
        let run = row as usize * width..(row as usize + 1) * width;
        let Parameter { values, first, second, .. } = parameter;
        missed(since).step(&mut values[run.clone()], &mut first[run.clone()], &mut second[run]);
    }
}

/// Asks for the memory of a row some places on.
fn ask_ahead(parameter: &Parameter, rows: &[u32], at: usize) {
    if let Some(&row) = rows.get(at + AHEAD) {
        let run = row as usize * parameter.width..(row as usize + 1) * parameter.width;
        for values in [&parameter.values, &parameter.first, &parameter.second] {
            prefetch::slice(&values[run.clone()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decay;
    use super::*;
    use crate::rng::Rng;

    /// Rows with gradients now and then, trained dense and row by row.
    fn both(method: Method, weight_decay: f32) -> (Parameter, Parameter) {
        let (rows, width, steps) = (6, 5, 400);
        let schedule = Schedule { peak: 0.01, warm_up: 40, steps, decay: Decay::Cosine };
        let mut rng = Rng::new(5, 0);
        let start = Parameter::normal(rows, width, width, 1.0, &mut rng);
        let (mut dense, mut sparse) = (start.clone(), start);
        let (mut a, mut b) =
            (Optimizer::new(method, schedule, weight_decay), Optimizer::new(method, schedule, weight_decay));
        for _ in 0..steps {
            a.begin_step();
            b.begin_step();
            // Row r is touched once in 4^r steps: the last ones hardly ever.
            let touched: Vec<u32> = (0..rows as u32).filter(|&r| rng.below(1 << (2 * r)) == 0).collect();
            let values: Vec<f32> = (0..touched.len() * width).map(|_| rng.f32() - 0.3).collect();
            let mut gradient = vec![0.0; rows * width];
            for (&row, values) in touched.iter().zip(values.chunks(width)) {
                gradient[row as usize * width..][..width].copy_from_slice(values);
            }
            a.dense(&mut dense, &gradient, 0.7);
            b.refresh(&mut sparse, touched.iter().copied());
            b.sparse(&mut sparse, &RowGradient { rows: touched, values }, 0.7);
        }
        b.settle(&mut sparse);
        (dense, sparse)
    }

    #[test]
    fn row_by_row_is_dense_training_whatever_the_gaps() {
        for (method, decay) in [(Method::Adam, 0.0), (Method::Adam, 2.0), (Method::Adagrad, 2.0)] {
            let (dense, sparse) = both(method, decay);
            for (at, (d, s)) in dense.values.iter().zip(&sparse.values).enumerate() {
                assert!((d - s).abs() < 2e-5, "{method:?}, decay {decay}, row {}: {d} and {s}", at / 5);
            }
        }
    }

    #[test]
    fn a_row_that_is_never_touched_only_shrinks() {
        let schedule = Schedule { peak: 0.1, warm_up: 0, steps: 10, decay: Decay::Constant };
        let mut optimizer = Optimizer::new(Method::Adam, schedule, 0.5);
        let mut parameter = Parameter::new(vec![1.0; 3], 1, false);
        for _ in 0..4 {
            optimizer.begin_step();
        }
        optimizer.refresh(&mut parameter, [1]);
        // Three steps lie before the fourth: 0.95^3.
        assert!((parameter.values[1] - 0.857_375).abs() < 1e-6 && parameter.values[0] == 1.0);
        let mut bias = Parameter::new(vec![1.0], 1, true);
        optimizer.refresh(&mut bias, [0]);
        assert_eq!(bias.values, [1.0]);
    }
}
