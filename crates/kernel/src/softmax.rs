//! Exponentials of scores and their sums, column by column.
//!
//! Scores are laid out with a row an item and a column a user, so that a register holds the same item of
//! several users: maxima and sums need no work across lanes. Scores come in tiles of items; each tile is
//! shifted by the largest score seen so far, so that nothing overflows, and the caller corrects what it
//! summed with an earlier, smaller shift (Milakov and Gimelshein 2018, arXiv:1805.02867).

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::tile::COLUMNS;

/// Adds `bias` to a tile of scores and replaces them by `exp(score - shift)`.
///
/// * `scores`: shape `[items, users]`, row-major, `users` a multiple of [`COLUMNS`]; overwritten.
/// * `bias`: shape `[items]`.
/// * `shift`: shape `[users]`: the largest score of each user so far; raised if this tile has a larger one.
///   `f32::MIN` before the first tile.
/// * `sums`: shape `[users]`: sums of exponentials so far, relative to `shift`; this tile is added.
/// * `factors`: shape `[users]`, overwritten: `exp(old shift - new shift)`, by which all that was
///   computed with the old shift has to be multiplied (`sums` has been).
///
/// Returns whether any shift was raised.
///
/// # Panics
/// If the shapes do not agree.
pub fn exponentials(
    scores: &mut [f32],
    bias: &[f32],
    shift: &mut [f32],
    sums: &mut [f32],
    factors: &mut [f32],
) -> bool {
    exponentials_with(Isa::active(), scores, bias, shift, sums, factors)
}

/// [`exponentials`] on a given instruction set (tests and benches).
///
/// # Panics
/// As [`exponentials`], or if the machine does not have `isa`.
pub fn exponentials_with(
    isa: Isa,
    scores: &mut [f32],
    bias: &[f32],
    shift: &mut [f32],
    sums: &mut [f32],
    factors: &mut [f32],
) -> bool {
    let users = shift.len();
    assert_eq!(users % COLUMNS, 0, "users come in multiples of {COLUMNS}");
    assert!(sums.len() == users && factors.len() == users, "shift, sums and factors have one value a user");
    assert_eq!(Some(scores.len()), bias.len().checked_mul(users), "scores must have the shape [items, users]");
    assert!(isa == Isa::active() || Isa::available().contains(&isa), "this machine cannot run {}", isa.name());
    // SAFETY: shapes were asserted; the instruction set is available.
    unsafe {
        dispatch!(isa, tile(
            scores: &mut [f32], bias: &[f32], shift: &mut [f32], sums: &mut [f32], factors: &mut [f32],
        ) -> bool)
    }
}

/// `exp(x)` of every value, which is clamped to `[-87, 87]`.
///
/// # Example
/// ```
/// let mut values = [0.0, 1.0];
/// vecinity_kernel::softmax::exp(&mut values);
/// assert!((values[1] - std::f32::consts::E).abs() < 1e-6 && values[0] == 1.0);
/// ```
pub fn exp(values: &mut [f32]) {
    let isa = Isa::active();
    // SAFETY: the instruction set of this process.
    unsafe { dispatch!(isa, exp_generic(values: &mut [f32])) }
}

/// # Safety
/// The instruction set of `L`.
#[inline(always)]
unsafe fn exp_generic<L: Lanes>(values: &mut [f32]) {
    let mut registers = values.chunks_exact_mut(L::WIDTH);
    // SAFETY: chunks of `WIDTH` floats; `rest` is longer than any register.
    unsafe {
        for register in &mut registers {
            L::load(register.as_ptr()).exp().store(register.as_mut_ptr());
        }
        let last = registers.into_remainder();
        let mut rest = [0.0; COLUMNS];
        rest[..last.len()].copy_from_slice(last);
        L::load(rest.as_ptr()).exp().store(rest.as_mut_ptr());
        last.copy_from_slice(&rest[..last.len()]);
    }
}

/// # Safety
/// The shapes agree, users are a multiple of [`COLUMNS`]; the instruction set of `L`.
#[inline(always)]
unsafe fn tile<L: Lanes>(
    scores: &mut [f32],
    bias: &[f32],
    shift: &mut [f32],
    sums: &mut [f32],
    factors: &mut [f32],
) -> bool {
    let (users, items) = (shift.len(), bias.len());
    let mut raised = false;
    // SAFETY: columns below `users`, rows below `items`.
    unsafe {
        for at in (0..users).step_by(L::WIDTH) {
            let column = scores.as_mut_ptr().add(at);
            let old = L::load(shift.as_ptr().add(at));
            let mut top = old;
            for item in 0..items {
                let to = column.add(item * users);
                let score = L::load(to).add(L::splat(*bias.get_unchecked(item)));
                score.store(to);
                top = top.max(score);
            }
            // Two sums, since one would wait for each addition.
            let mut sum = [L::zero(); 2];
            for item in 0..items {
                let to = column.add(item * users);
                let exp = L::load(to).sub(top).exp();
                exp.store(to);
                sum[item % 2] = sum[item % 2].add(exp);
            }
            top.store(shift.as_mut_ptr().add(at));
            let factor = old.sub(top).exp();
            factor.store(factors.as_mut_ptr().add(at));
            let sums = sums.as_mut_ptr().add(at);
            L::load(sums).mul_add(factor, sum[0].add(sum[1])).store(sums);
            let mut gaps = [0.0; COLUMNS];
            top.sub(old).store(gaps.as_mut_ptr());
            raised |= gaps.iter().any(|&gap| gap > 0.0);
        }
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_exact_to_a_few_units_in_the_last_place() {
        for isa in Isa::available() {
            let values: Vec<f32> = (-8600..8700).map(|i| i as f32 / 100.0).collect();
            for part in values.chunks_exact(COLUMNS) {
                let mut scores = part.to_vec();
                let (mut shift, mut sums, mut factors) = ([0.0; COLUMNS], [0.0; COLUMNS], [0.0; COLUMNS]);
                exponentials_with(isa, &mut scores, &[0.0], &mut shift, &mut sums, &mut factors);
                for (k, &x) in part.iter().enumerate() {
                    let expected = f64::from(x - x.max(0.0)).exp();
                    let error = (f64::from(scores[k]) / expected - 1.0).abs();
                    assert!(error < 1e-6, "{}: exp({x}) is off by {error}", isa.name());
                }
            }
        }
    }

    #[test]
    fn a_softmax_in_tiles_is_that_of_the_definition() {
        let (items, users) = (50, 32);
        let score = |item: usize, user: usize| ((item * 37 + user * 11) % 101) as f32 - 20.0;
        let bias: Vec<f32> = (0..items).map(|item| item as f32 / 7.0).collect();
        for isa in Isa::available() {
            let (mut shift, mut sums, mut factors) = ([f32::MIN; 32], [0.0; 32], [0.0; 32]);
            for first in (0..items).step_by(8) {
                let last = items.min(first + 8);
                let mut tile: Vec<f32> =
                    (first..last).flat_map(|item| (0..users).map(move |user| score(item, user))).collect();
                exponentials_with(isa, &mut tile, &bias[first..last], &mut shift, &mut sums, &mut factors);
            }
            for user in 0..users {
                let all = |item: usize| f64::from(score(item, user) + bias[item]);
                let expected = (0..items).map(|item| all(item).exp()).sum::<f64>().ln();
                let found = f64::from(shift[user]) + f64::from(sums[user]).ln();
                assert!((found - expected).abs() < 1e-5, "{}: {found} for {expected}", isa.name());
            }
        }
    }
}
