//! What steps without a gradient amount to, for rows that missed any number of them.

use super::{BETA1, BETA2};

/// Steps after which nothing of a first moment is left: 0.9^200 is 7e-10.
const FADED: usize = 200;

/// For each step `s` the sum of the formula in [`super`] from `s + 1` up to the last step that is over.
///
/// A step adds a term to the sums of the last [`FADED`] steps, and by its decay shrinks what they hold; older ones only shrink,
/// which a product of decays makes up for when they are read. So one step costs a few hundred operations,
/// and a row that is looked at costs the same whatever it missed.
#[derive(Debug, Clone)]
pub(super) struct Missed {
    /// For each step so far the logarithm of the product of all decays up to it.
    shrunk: Vec<f64>,
    /// For each step `s` the sum up to the last one, or up to `s + FADED` if that is over.
    sums: Vec<f64>,
}

impl Default for Missed {
    fn default() -> Self {
        Self { shrunk: vec![0.0], sums: vec![0.0] }
    }
}

impl Missed {
    /// The last step that is over.
    fn last(&self) -> usize {
        self.sums.len() - 1
    }

    /// The next step is over.
    ///
    /// * `rate`: its learning rate; `keep`: what it multiplies weights with, `1 - rate * decay`.
    pub(super) fn pass(&mut self, rate: f64, keep: f64) {
        let step = self.last() + 1;
        let fading = BETA1 / BETA2.sqrt();
        let mut term = unit_term(step, rate);
        for sum in self.sums[step.saturating_sub(FADED).max(1)..].iter_mut().rev() {
            term *= fading;
            *sum = *sum * keep + term;
        }
        self.shrunk.push(self.shrunk[step - 1] + keep.ln());
        self.sums.push(0.0);
    }

    /// What the steps behind `since` up to the last one did to a row: the product of decays, the factor of its first moment
    /// over the root of its second, and how many steps there are.
    pub(super) fn behind(&self, since: usize) -> (f64, f64, usize) {
        let last = self.last();
        let shrinking = |after: usize| (self.shrunk[last] - self.shrunk[after]).exp();
        let by = self.sums[since] * if since + FADED < last { shrinking(since + FADED) } else { 1.0 };
        (shrinking(since), by, last - since)
    }
}

/// What the term of a step has in common for all `s`.
fn unit_term(step: usize, rate: f64) -> f64 {
    let step = step as i32;
    rate * (1.0 - BETA2.powi(step)).sqrt() / (1.0 - BETA1.powi(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carried_on_are_those_of_the_formula() {
        let (rate, keep) = (|i: usize| 1e-3 * (1.0 + (i % 7) as f64), |i: usize| 1.0 - 1e-3 * (1.0 + (i % 3) as f64));
        let mut missed = Missed::default();
        for step in 1..=700 {
            missed.pass(rate(step), keep(step));
        }
        for since in [1usize, 50, 450, 499, 500, 501, 698, 699, 700] {
            let (mut sum, mut power) = (0.0, 1.0);
            for i in since + 1..=700 {
                power *= BETA1 / BETA2.sqrt();
                let kept: f64 = (i + 1..=700).map(keep).product();
                sum += kept * rate(i) * power * (1.0 - BETA2.powi(i as i32)).sqrt() / (1.0 - BETA1.powi(i as i32));
            }
            let (shrink, by, count) = missed.behind(since);
            let kept: f64 = (since + 1..=700).map(keep).product();
            assert!((shrink / kept - 1.0).abs() < 1e-12 && count == 700 - since);
            assert!((by - sum).abs() <= 1e-7 * sum, "{since}: {by} instead of {sum}");
        }
    }
}
