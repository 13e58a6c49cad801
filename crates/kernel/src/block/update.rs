//! The update: one pass over the dimension for each group of candidates.
//!
//! The candidates of a group and their steps stay in registers while the inputs stream by, each read and
//! written once. So only the number of candidates, which hardly changes from block to block, decides
//! about the code that runs; the number of inputs is a loop.

use super::{Task, part};
use crate::lanes::Lanes;
use crate::prefetch;
use crate::rows::ALIGN;

/// Applies the gradients of a whole block.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn update<L: Lanes>(task: Task<'_>) {
    let n = task.candidates.len();
    let mut j = 0;
    while j < n {
        let size = part(n - j, super::GROUP);
        // SAFETY: `j + size <= n`.
        unsafe {
            match size {
                1 => push::<L, 1>(task, j),
                2 => push::<L, 2>(task, j),
                3 => push::<L, 3>(task, j),
                4 => push::<L, 4>(task, j),
                5 => push::<L, 5>(task, j),
                _ => push::<L, 6>(task, j),
            }
        }
        j += size;
    }
}

/// Prefetches the cache line of column `c` of every expected row.
#[inline(always)]
pub(super) fn expect(task: Task<'_>, c: usize) {
    if c.is_multiple_of(ALIGN) {
        for row in task.expected {
            prefetch::line_to_write(row.wrapping_add(c));
        }
    }
}

/// Updates all inputs and `TO` candidates from `j` on.
#[inline(always)]
unsafe fn push<L: Lanes, const TO: usize>(task: Task<'_>, j: usize) {
    // SAFETY: `j + TO <= n`; see `Task`.
    unsafe {
        let outputs: [*mut f32; TO] = *task.candidates.as_ptr().add(j).cast();
        let mut c = 0;
        // Two columns at a time where there are registers for them: half the loads of gradients.
        if L::WIDTH == 16 {
            while c + 2 * L::WIDTH <= task.width {
                if j == 0 {
                    expect(task, c);
                    expect(task, c + L::WIDTH);
                }
                push_columns::<L, TO, 2>(task, &outputs, j, c);
                c += 2 * L::WIDTH;
            }
        }
        while c + L::WIDTH <= task.width {
            if j == 0 {
                expect(task, c);
            }
            push_columns::<L, TO, 1>(task, &outputs, j, c);
            c += L::WIDTH;
        }
        if c < task.width {
            if j == 0 {
                expect(task, c);
            }
            push_columns::<L::Half, TO, 1>(task, &outputs, j, c);
        }
    }
}

/// [`push`] for `C` registers of each row, from column `c` on.
#[inline(always)]
unsafe fn push_columns<L: Lanes, const TO: usize, const C: usize>(
    task: Task<'_>,
    outputs: &[*mut f32; TO],
    j: usize,
    c: usize,
) {
    // SAFETY: rows are valid for `C` registers from `c` on.
    unsafe {
        let mut y = [[L::zero(); C]; TO];
        for (y, output) in y.iter_mut().zip(outputs) {
            for (k, y) in y.iter_mut().enumerate() {
                *y = L::load(output.add(c + k * L::WIDTH));
            }
        }
        let mut dy = [[L::zero(); C]; TO];
        let mut g = task.gradients.add(j);
        for input in task.inputs {
            let at = input.add(c);
            let mut x = [L::zero(); C];
            for (k, x) in x.iter_mut().enumerate() {
                *x = L::load(at.add(k * L::WIDTH));
            }
            let mut new = x;
            for o in 0..TO {
                let step = L::splat(*g.add(o));
                for k in 0..C {
                    dy[o][k] = step.mul_add(x[k], dy[o][k]);
                    new[k] = step.mul_add(y[o][k], new[k]);
                }
            }
            for (k, new) in new.into_iter().enumerate() {
                new.store(at.add(k * L::WIDTH));
            }
            g = g.add(task.lead);
        }
        // Read again rather than kept: the same row may stand twice among the candidates.
        for (dy, output) in dy.into_iter().zip(outputs) {
            for (k, dy) in dy.into_iter().enumerate() {
                let at = output.add(c + k * L::WIDTH);
                L::load(at).add(dy).store(at);
            }
        }
    }
}
