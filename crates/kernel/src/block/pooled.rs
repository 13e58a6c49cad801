//! One step of pooled inputs: the mean of all inputs is the one input, and its update goes to each of them.
//!
//! Two passes over the dimension: the mean and its scores, then the updates of both sides.

use super::labels::Labels;
use super::scores::{STRIP, add_product, fold, gradients, store_strip, strips};
use super::update::expect;
use super::{Scale, Task};
use crate::lanes::Lanes;

/// Both halves of a pooled step; every input receives `factor` times the update of the mean.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`; `mean` is valid for a padded row.
#[inline(always)]
pub(super) unsafe fn train_pooled<L: Lanes>(
    task: Task<'_>,
    mean: *mut f32,
    labels: Labels<'_>,
    scale: Scale,
    factor: f32,
) {
    // SAFETY: the caller's promise; strips end at or before `n`.
    unsafe {
        match task.candidates.len() {
            0 => return,
            1 => pool::<L, 1>(task, mean),
            2 => pool::<L, 2>(task, mean),
            3 => pool::<L, 3>(task, mean),
            4 => pool::<L, 4>(task, mean),
            5 => pool::<L, 5>(task, mean),
            6 => pool::<L, 6>(task, mean),
            7 => pool::<L, 7>(task, mean),
            _ => pool::<L, STRIP>(task, mean),
        }
        strips::<L>(task, mean, STRIP);
        gradients::<L>(task, 1, labels, scale);
        spread::<L>(task, mean, factor);
    }
}

/// Writes the mean of the inputs and its scores with the first `T` candidates.
#[inline(always)]
unsafe fn pool<L: Lanes, const T: usize>(task: Task<'_>, mean: *mut f32) {
    // SAFETY: `T <= n`; see `train_pooled`.
    unsafe {
        let rows: [*mut f32; T] = *task.candidates.as_ptr().cast();
        let mut acc = [L::zero(); T];
        let mut c = 0;
        while c + L::WIDTH <= task.width {
            let x: L = mean_column(task, mean, c);
            add_product(x, &rows, c, &mut acc);
            c += L::WIDTH;
        }
        let mut sums = fold(acc);
        if c < task.width {
            let x: L::Half = mean_column(task, mean, c);
            add_product(x, &rows, c, &mut sums);
        }
        store_strip(sums, task.gradients);
    }
}

/// Writes and returns one register of the mean, from column `c` on.
#[inline(always)]
unsafe fn mean_column<L: Lanes>(task: Task<'_>, mean: *mut f32, c: usize) -> L {
    // SAFETY: rows and mean are valid for a register from `c` on.
    unsafe {
        let mut sum = L::zero();
        for input in task.inputs {
            sum = sum.add(L::load(input.add(c)));
        }
        let x = sum.mul(L::splat(1.0 / task.inputs.len().max(1) as f32));
        x.store(mean.add(c));
        x
    }
}

/// Updates all candidates by the mean, and all inputs by `factor` times the update of the mean.
#[inline(always)]
unsafe fn spread<L: Lanes>(task: Task<'_>, mean: *const f32, factor: f32) {
    // SAFETY: rows and mean are valid for `width` floats.
    unsafe {
        let mut c = 0;
        while c + L::WIDTH <= task.width {
            spread_column::<L>(task, mean, factor, c);
            c += L::WIDTH;
        }
        if c < task.width {
            spread_column::<L::Half>(task, mean, factor, c);
        }
    }
}

/// [`spread`] for one register of each row, from column `c` on.
#[inline(always)]
unsafe fn spread_column<L: Lanes>(task: Task<'_>, mean: *const f32, factor: f32, c: usize) {
    expect(task, c);
    // SAFETY: rows and mean are valid for a register from `c` on.
    unsafe {
        let x = L::load(mean.add(c));
        let mut dx = L::zero();
        for (j, output) in task.candidates.iter().enumerate() {
            let (step, at) = (L::splat(*task.gradients.add(j)), output.add(c));
            let y = L::load(at);
            dx = step.mul_add(y, dx);
            step.mul_add(x, y).store(at);
        }
        let dx = dx.mul(L::splat(factor));
        for input in task.inputs {
            let at = input.add(c);
            L::load(at).add(dx).store(at);
        }
    }
}
