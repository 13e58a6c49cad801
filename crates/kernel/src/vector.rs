//! Products of vectors on ordinary slices.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;

/// The dot product.
///
/// # Panics
/// If the lengths differ.
///
/// # Example
/// ```
/// assert_eq!(vecinity_kernel::vector::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_with(Isa::active(), a, b)
}

/// [`dot`] on a given instruction set (tests and benches).
///
/// # Panics
/// If the lengths differ, or the machine does not have `isa`.
#[must_use]
pub fn dot_with(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "a dot product needs equal lengths");
    check(isa);
    // SAFETY: `check`; equal lengths.
    unsafe { dispatch!(isa, dot_generic(a: &[f32], b: &[f32]) -> f32) }
}

/// The squared Euclidean distance, from the differences: `|a|² - 2ab + |b|²` would lose what is near.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    squared_distance_with(Isa::active(), a, b)
}

/// [`squared_distance`] on a given instruction set (tests and benches).
///
/// # Panics
/// If the lengths differ, or the machine does not have `isa`.
#[must_use]
pub fn squared_distance_with(isa: Isa, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "a distance needs equal lengths");
    check(isa);
    // SAFETY: `check`; equal lengths.
    unsafe { dispatch!(isa, squared_distance_generic(a: &[f32], b: &[f32]) -> f32) }
}

/// The Euclidean norm.
#[must_use]
pub fn norm(a: &[f32]) -> f32 {
    dot(a, a).sqrt()
}

/// `to += factor * from`; the same bits on every instruction set.
///
/// # Panics
/// If the lengths differ.
pub fn axpy(factor: f32, from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "axpy needs equal lengths");
    let isa = Isa::active();
    // SAFETY: the instruction set of this process; equal lengths.
    unsafe { dispatch!(isa, axpy_generic(factor: f32, from: &[f32], to: &mut [f32])) }
}

/// `to += from`; the same bits on every instruction set.
///
/// # Panics
/// If the lengths differ.
pub fn add(from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "a sum needs equal lengths");
    let isa = Isa::active();
    // SAFETY: the instruction set of this process; equal lengths.
    unsafe { dispatch!(isa, add_generic(from: &[f32], to: &mut [f32])) }
}

/// `to *= by`, value by value; the same bits on every instruction set.
///
/// # Panics
/// If the lengths differ.
pub fn multiply(by: &[f32], to: &mut [f32]) {
    assert_eq!(by.len(), to.len(), "a product needs equal lengths");
    let isa = Isa::active();
    // SAFETY: the instruction set of this process; equal lengths.
    unsafe { dispatch!(isa, multiply_generic(by: &[f32], to: &mut [f32])) }
}

/// Dot products of one query with many rows, and the rows' squared norms if asked for.
///
/// * `query`: shape `[dim]`; `rows`: shape `[n, dim]`, row-major, not padded.
/// * `dots`: shape `[n]`, overwritten; `squares`: shape `[n]`, overwritten with `row . row`.
///
/// The limit is the memory: every row is read once.
///
/// # Panics
/// If the shapes do not agree.
pub fn scan(query: &[f32], rows: &[f32], dots: &mut [f32], squares: Option<&mut [f32]>) {
    scan_with(Isa::active(), query, rows, dots, squares);
}

/// [`scan`] on a given instruction set (tests and benches).
///
/// # Panics
/// If the shapes do not agree, or the machine does not have `isa`.
pub fn scan_with(isa: Isa, query: &[f32], rows: &[f32], dots: &mut [f32], squares: Option<&mut [f32]>) {
    assert_eq!(Some(rows.len()), query.len().checked_mul(dots.len()), "rows must have the shape [n, dim]");
    assert!(squares.as_ref().is_none_or(|s| s.len() == dots.len()), "squares must have the shape [n]");
    check(isa);
    // SAFETY: `check`; shapes were asserted.
    unsafe {
        match squares {
            None => {
                dispatch!(isa, scan_dots(query: &[f32], rows: &[f32], dots: &mut [f32]));
            }
            Some(squares) => {
                dispatch!(isa, scan_both(query: &[f32], rows: &[f32], dots: &mut [f32], squares: &mut [f32]));
            }
        }
    }
}

/// Runs `rounds` times 96 independent multiply-adds a lane and returns their sum: the arithmetic
/// ceiling that benches compare with. One round is `2 * 96 * lanes` floating point operations.
#[must_use]
pub fn multiply_add_ceiling(isa: Isa, rounds: usize) -> f32 {
    check(isa);
    // SAFETY: `check`.
    unsafe { dispatch!(isa, ceiling(rounds: usize) -> f32) }
}

/// Floats in a register of `isa`.
#[must_use]
pub fn lanes(isa: Isa) -> usize {
    match isa {
        Isa::Avx512 => 16,
        Isa::Scalar | Isa::Avx2 => 8,
        Isa::Neon => 4,
    }
}

/// Without intrinsics: the compiler vectorises such loops by itself, for the instruction set of the function that they are in.
///
/// # Safety
/// The instruction set of `L`.
#[inline(always)]
unsafe fn axpy_generic<L: Lanes>(factor: f32, from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

/// # Safety
/// The instruction set of `L`.
#[inline(always)]
unsafe fn add_generic<L: Lanes>(from: &[f32], to: &mut [f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// # Safety
/// The instruction set of `L`.
#[inline(always)]
unsafe fn multiply_generic<L: Lanes>(by: &[f32], to: &mut [f32]) {
    for (to, by) in to.iter_mut().zip(by) {
        *to *= by;
    }
}

/// # Safety
/// The instruction set of `L`.
#[inline(always)]
unsafe fn ceiling<L: Lanes>(rounds: usize) -> f32 {
    // SAFETY: lane arithmetic only.
    unsafe {
        // Twelve chains hide the latency of two units of four or five cycles.
        let mut acc: [L; 12] = std::array::from_fn(|k| L::splat(k as f32));
        let (factor, addend) = (L::splat(0.999), L::splat(1e-3));
        for _ in 0..rounds * 8 {
            for a in &mut acc {
                *a = a.mul_add(factor, addend);
            }
        }
        acc.iter().fold(L::zero(), |sum, a| sum.add(*a)).sum()
    }
}

fn check(isa: Isa) {
    assert!(isa == Isa::active() || Isa::available().contains(&isa), "this machine cannot run {}", isa.name());
}

/// # Safety
/// `a.len() == b.len()`, and the instruction set of `L`.
#[inline(always)]
unsafe fn dot_generic<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: one row of `a.len()` floats.
    unsafe { rows_dot::<L, 1, false>(a, b.as_ptr()).0[0] }
}

/// # Safety
/// `a.len() == b.len()`, and the instruction set of `L`.
#[inline(always)]
unsafe fn squared_distance_generic<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let dim = a.len();
    // SAFETY: `c + WIDTH <= dim` in the vector loops, `c < dim` in the rest.
    unsafe {
        let mut sums = [L::zero(); 2];
        let mut c = 0;
        while c + 2 * L::WIDTH <= dim {
            let d0 = L::load(a.as_ptr().add(c)).sub(L::load(b.as_ptr().add(c)));
            let d1 = L::load(a.as_ptr().add(c + L::WIDTH)).sub(L::load(b.as_ptr().add(c + L::WIDTH)));
            sums[0] = d0.mul_add(d0, sums[0]);
            sums[1] = d1.mul_add(d1, sums[1]);
            c += 2 * L::WIDTH;
        }
        if c + L::WIDTH <= dim {
            let d = L::load(a.as_ptr().add(c)).sub(L::load(b.as_ptr().add(c)));
            sums[0] = d.mul_add(d, sums[0]);
            c += L::WIDTH;
        }
        let mut sum = sums[0].add(sums[1]).sum();
        while c < dim {
            let d = a.get_unchecked(c) - b.get_unchecked(c);
            sum += d * d;
            c += 1;
        }
        sum
    }
}

/// # Safety
/// `rows.len() == query.len() * dots.len()`, and the instruction set of `L`.
#[inline(always)]
unsafe fn scan_dots<L: Lanes>(query: &[f32], rows: &[f32], dots: &mut [f32]) {
    let dim = query.len();
    let mut chunks = dots.chunks_exact_mut(4);
    let mut at = rows.as_ptr();
    // SAFETY: `at` advances by `dim` a row, `dots.len()` rows in all.
    unsafe {
        for four in &mut chunks {
            four.copy_from_slice(&rows_dot::<L, 4, false>(query, at).0);
            at = at.add(4 * dim);
        }
        for one in chunks.into_remainder() {
            *one = rows_dot::<L, 1, false>(query, at).0[0];
            at = at.add(dim);
        }
    }
}

/// # Safety
/// As [`scan_dots`], and `squares.len() == dots.len()`.
#[inline(always)]
unsafe fn scan_both<L: Lanes>(query: &[f32], rows: &[f32], dots: &mut [f32], squares: &mut [f32]) {
    let dim = query.len();
    let mut at = rows.as_ptr();
    // SAFETY: as in `scan_dots`.
    unsafe {
        let (mut d, mut s) = (dots.chunks_exact_mut(4), squares.chunks_exact_mut(4));
        for (four, square) in (&mut d).zip(&mut s) {
            let (a, b) = rows_dot::<L, 4, true>(query, at);
            four.copy_from_slice(&a);
            square.copy_from_slice(&b);
            at = at.add(4 * dim);
        }
        for (one, square) in d.into_remainder().iter_mut().zip(s.into_remainder()) {
            let (a, b) = rows_dot::<L, 1, true>(query, at);
            (*one, *square) = (a[0], b[0]);
            at = at.add(dim);
        }
    }
}

/// Dots of `query` with `T` consecutive rows, and with `SQUARES` each row's dot with itself.
///
/// # Safety
/// `rows` is valid for `T * query.len()` floats, and the instruction set of `L`.
#[inline(always)]
unsafe fn rows_dot<L: Lanes, const T: usize, const SQUARES: bool>(
    query: &[f32],
    rows: *const f32,
) -> ([f32; T], [f32; T]) {
    let dim = query.len();
    let (mut dots, mut squares) = ([0.0; T], [0.0; T]);
    // SAFETY: `c + WIDTH <= dim` in the vector loop, `c < dim` in the rest.
    unsafe {
        let mut acc = [[L::zero(); 2]; T];
        let mut sq = [[L::zero(); 2]; T];
        let mut c = 0;
        let mut step = |c: usize, half: usize| {
            let q = L::load(query.as_ptr().add(c));
            for t in 0..T {
                let x = L::load(rows.add(t * dim + c));
                acc[t][half] = x.mul_add(q, acc[t][half]);
                if SQUARES {
                    sq[t][half] = x.mul_add(x, sq[t][half]);
                }
            }
        };
        while c + 2 * L::WIDTH <= dim {
            step(c, 0);
            step(c + L::WIDTH, 1);
            c += 2 * L::WIDTH;
        }
        if c + L::WIDTH <= dim {
            step(c, 0);
            c += L::WIDTH;
        }
        for t in 0..T {
            dots[t] = acc[t][0].add(acc[t][1]).sum();
            if SQUARES {
                squares[t] = sq[t][0].add(sq[t][1]).sum();
            }
        }
        while c < dim {
            for t in 0..T {
                let x = *rows.add(t * dim + c);
                dots[t] += x * query.get_unchecked(c);
                if SQUARES {
                    squares[t] += x * x;
                }
            }
            c += 1;
        }
    }
    (dots, squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_products_are_those_of_the_definition_at_any_length() {
        for n in [0, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..n).map(|i| i as f32 * 0.3 - 2.0).collect();
            let b: Vec<f32> = (0..n).map(|i| 5.0 - i as f32 * 0.7).collect();
            let expect = |of: fn(f32, f32) -> f32| a.iter().zip(&b).map(|(&a, &b)| of(a, b)).collect::<Vec<f32>>();
            let mut out = b.clone();
            add(&a, &mut out);
            assert_eq!(out, expect(|a, b| b + a));
            out.clone_from(&b);
            multiply(&a, &mut out);
            assert_eq!(out, expect(|a, b| b * a));
            out.clone_from(&b);
            axpy(0.7, &a, &mut out);
            assert_eq!(out, expect(|a, b| b + 0.7 * a));
        }
    }
}
