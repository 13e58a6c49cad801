//! Scores of a block and the gradients made from them.
//!
//! Scores are computed in register tiles of up to three inputs and four candidates; of a single
//! input in strips of up to eight candidates. A tile of one or two sums would wait for its own results,
//! so sides are cut into nearly equal parts.

use super::labels::Labels;
use super::{Scale, Task, part};
use crate::lanes::Lanes;

/// Inputs and candidates of a tile: twelve sums, three inputs and a candidate fill sixteen registers. (Six by
/// four, which AVX-512 would have registers for, is a fifth slower there.)
const TILE: (usize, usize) = (3, 4);
/// Candidates of a strip.
pub(super) const STRIP: usize = 8;

/// Scores, then gradients, of a whole block.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn score<L: Lanes>(task: Task<'_>, labels: Labels<'_>, scale: Scale) {
    let m = task.inputs.len();
    // SAFETY: parts end at or before `m`; see `Task`.
    unsafe {
        if m == 1 {
            strips::<L>(task, *task.inputs.get_unchecked(0), 0);
        } else {
            let mut i = 0;
            while i < m {
                let size = part(m - i, TILE.0);
                match size {
                    1 => tiles::<L, 1>(task, i),
                    2 => tiles::<L, 2>(task, i),
                    _ => tiles::<L, 3>(task, i),
                }
                i += size;
            }
        }
        // In a loop of its own: the sigmoids of several registers then overlap.
        gradients::<L>(task, m, labels, scale);
    }
}

/// Scores of `TI` inputs from `i` on with all candidates.
#[inline(always)]
unsafe fn tiles<L: Lanes, const TI: usize>(task: Task<'_>, i: usize) {
    let n = task.candidates.len();
    let mut j = 0;
    while j < n {
        let size = part(n - j, TILE.1);
        // SAFETY: `i + TI <= m`, and every tile ends at or before `n`.
        unsafe {
            match size {
                1 => tile::<L, TI, 1>(task, i, j),
                2 => tile::<L, TI, 2>(task, i, j),
                3 => tile::<L, TI, 3>(task, i, j),
                _ => tile::<L, TI, 4>(task, i, j),
            }
        }
        j += size;
    }
}

/// Scores of `TI` inputs from `i` on with `TO` candidates from `j` on.
#[inline(always)]
unsafe fn tile<L: Lanes, const TI: usize, const TO: usize>(task: Task<'_>, i: usize, j: usize) {
    // SAFETY: `i + TI <= m`, `j + TO <= n`; rows are valid for `dim` rounded up to a lane width.
    unsafe {
        let inputs: [*mut f32; TI] = *task.inputs.as_ptr().add(i).cast();
        let outputs: [*mut f32; TO] = *task.candidates.as_ptr().add(j).cast();
        let mut acc = [[L::zero(); TO]; TI];
        let mut c = 0;
        while c + L::WIDTH <= task.width {
            add_products(&inputs, &outputs, c, &mut acc);
            c += L::WIDTH;
        }
        let mut sums = [[L::Half::zero(); TO]; TI];
        for (sums, acc) in sums.iter_mut().zip(acc) {
            *sums = fold(acc);
        }
        if c < task.width {
            add_products(&inputs, &outputs, c, &mut sums);
        }
        for (k, sums) in sums.iter().enumerate() {
            // Sums behind the tile are overwritten by the next one, or lie in the padding.
            let at = task.gradients.add((i + k) * task.lead + j);
            let four = [sums[0], sums[1.min(TO - 1)], sums[2.min(TO - 1)], sums[3.min(TO - 1)]];
            L::Half::store_four_sums(four, at);
        }
    }
}

/// Adds the products of one register of each row, from column `c` on.
#[inline(always)]
unsafe fn add_products<L: Lanes, const TI: usize, const TO: usize>(
    inputs: &[*mut f32; TI],
    outputs: &[*mut f32; TO],
    c: usize,
    acc: &mut [[L; TO]; TI],
) {
    // SAFETY: rows are valid for a register from `c` on.
    unsafe {
        // The shorter side stays in registers, the longer one streams: 3x4 then needs just sixteen.
        if TI <= TO {
            let mut x = [L::zero(); TI];
            for (x, input) in x.iter_mut().zip(inputs) {
                *x = L::load(input.add(c));
            }
            for o in 0..TO {
                let y = L::load(outputs[o].add(c));
                for i in 0..TI {
                    acc[i][o] = x[i].mul_add(y, acc[i][o]);
                }
            }
        } else {
            let mut y = [L::zero(); TO];
            for (y, output) in y.iter_mut().zip(outputs) {
                *y = L::load(output.add(c));
            }
            for i in 0..TI {
                let x = L::load(inputs[i].add(c));
                for o in 0..TO {
                    acc[i][o] = x.mul_add(y[o], acc[i][o]);
                }
            }
        }
    }
}

/// Scores of the row `one` with the candidates from `j` on.
///
/// # Safety
/// As [`score`]; `one` is a row like those of `task`.
#[inline(always)]
pub(super) unsafe fn strips<L: Lanes>(task: Task<'_>, one: *const f32, mut j: usize) {
    let n = task.candidates.len();
    while j < n {
        // SAFETY: every strip ends at or before `n`; sums behind it lie in the padding.
        unsafe {
            match n - j {
                1 => strip::<L, 1>(task, one, j),
                2 => strip::<L, 2>(task, one, j),
                3 => strip::<L, 3>(task, one, j),
                4 => strip::<L, 4>(task, one, j),
                5 => strip::<L, 5>(task, one, j),
                6 => strip::<L, 6>(task, one, j),
                7 => strip::<L, 7>(task, one, j),
                _ => strip::<L, STRIP>(task, one, j),
            }
        }
        j += STRIP;
    }
}

/// Scores of the row `one` with `T` candidates from `j` on.
#[inline(always)]
unsafe fn strip<L: Lanes, const T: usize>(task: Task<'_>, one: *const f32, j: usize) {
    // SAFETY: `j + T <= n`; the row of gradients has room for a strip.
    unsafe {
        let rows: [*mut f32; T] = *task.candidates.as_ptr().add(j).cast();
        let mut acc = [L::zero(); T];
        let mut c = 0;
        while c + L::WIDTH <= task.width {
            add_product(L::load(one.add(c)), &rows, c, &mut acc);
            c += L::WIDTH;
        }
        let mut sums = fold(acc);
        if c < task.width {
            add_product(L::Half::load(one.add(c)), &rows, c, &mut sums);
        }
        store_strip(sums, task.gradients.add(j));
    }
}

/// Adds the products of `x` with one register of each row, from column `c` on.
///
/// # Safety
/// The rows are valid for a register from `c` on; the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn add_product<L: Lanes, const T: usize>(x: L, rows: &[*mut f32; T], c: usize, acc: &mut [L; T]) {
    for (acc, row) in acc.iter_mut().zip(rows) {
        // SAFETY: the caller's promise.
        *acc = unsafe { L::load(row.add(c)).mul_add(x, *acc) };
    }
}

/// The registers with their halves added.
///
/// # Safety
/// The instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn fold<L: Lanes, const T: usize>(acc: [L; T]) -> [L::Half; T] {
    // SAFETY: lane arithmetic only.
    unsafe {
        let mut sums = [L::Half::zero(); T];
        for (sum, acc) in sums.iter_mut().zip(acc) {
            *sum = acc.fold();
        }
        sums
    }
}

/// Writes the sums of a strip; eight floats, of which those behind `T` are anything.
///
/// # Safety
/// Eight writable floats at `to`; the instruction set of `L`.
#[inline(always)]
pub(super) unsafe fn store_strip<L: Lanes, const T: usize>(acc: [L; T], to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut eight = [acc[0]; STRIP];
        eight[..T].copy_from_slice(&acc);
        L::store_eight_sums(eight, to);
    }
}

/// Turns the scores of the first `m` rows into gradients.
///
/// # Safety
/// As [`score`].
#[inline(always)]
pub(super) unsafe fn gradients<L: Lanes>(task: Task<'_>, m: usize, labels: Labels<'_>, scale: Scale) {
    let (n, lead) = (task.candidates.len(), task.lead);
    // Short rows share a register, whose labels then repeat; long ones have a register every `lead` floats.
    let (stride, end) = (lead.max(L::WIDTH), m * lead);
    let mut j = 0;
    while j < n {
        // SAFETY: `j < lead`; a register behind the last row lies in the padding.
        unsafe {
            let (label, weight) = labels.lanes::<L>(j, n, lead);
            let rate = weight.mul(L::splat(scale.rate));
            let mut at = j;
            while at < end {
                let g = task.gradients.add(at);
                label.sub(L::load(g).sigmoid()).mul(rate).store(g);
                at += stride;
            }
        }
        j += L::WIDTH;
    }
    if !scale.weights.is_null() {
        for i in 0..m {
            // SAFETY: one weight for each input, `n` gradients in each row.
            unsafe {
                let weight = *scale.weights.add(i);
                for j in 0..n {
                    *task.gradients.add(i * lead + j) *= weight;
                }
            }
        }
    }
}
