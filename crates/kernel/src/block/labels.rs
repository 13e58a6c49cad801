//! What a block should predict.

use crate::lanes::Lanes;

/// The widest register: rows of gradients of this length or more are padded to a multiple of it.
pub(super) const WIDEST: usize = 16;

/// What a block should predict for its candidates.
#[derive(Debug, Clone, Copy)]
pub enum Labels<'a> {
    /// The first candidate is true, all others are noise.
    FirstIsTrue,
    /// The first candidate is true; each other one is noise and stands for this many noise rows.
    FirstThenNoise(f32),
    /// Every candidate has this label (1: all true, 0: all noise).
    All(f32),
    /// One label a candidate.
    Each(&'a [f32]),
}

/// Ones at the first candidate of rows of 4, of 8, and of 16 or more floats.
const FOUR: [f32; WIDEST] = firsts(4);
const EIGHT: [f32; WIDEST] = firsts(8);
const LONG: [f32; 2 * WIDEST] = firsts(2 * WIDEST);

const fn firsts<const N: usize>(lead: usize) -> [f32; N] {
    let mut lanes = [0.0; N];
    let mut at = 0;
    while at < N {
        lanes[at] = 1.0;
        at += lead;
    }
    lanes
}

impl Labels<'_> {
    /// Labels and weights of a register of gradients that begins at candidate `j`, where rows of `n`
    /// candidates lie `lead` floats apart (4, 8 or a multiple of 16); anything behind candidate `n - 1`.
    ///
    /// # Safety
    /// The instruction set of `L`; `j < lead`, `j` a multiple of `L::WIDTH`; `Each` has `n` labels.
    #[inline(always)]
    pub(super) unsafe fn lanes<L: Lanes>(self, j: usize, n: usize, lead: usize) -> (L, L) {
        // SAFETY: each pattern has `WIDTH` floats from `j` (or its end) on; `each` where it is loaded whole.
        unsafe {
            let first = match lead {
                4 => FOUR.as_ptr(),
                8 => EIGHT.as_ptr().add(j),
                _ => LONG.as_ptr().add(j.min(WIDEST)),
            };
            match self {
                Self::FirstIsTrue => (L::load(first), L::splat(1.0)),
                Self::FirstThenNoise(weight) => {
                    let first = L::load(first);
                    (first, L::splat(1.0 - weight).mul_add(first, L::splat(weight)))
                }
                Self::All(label) => (L::splat(label), L::splat(1.0)),
                Self::Each(each) if j + L::WIDTH <= n => (L::load(each.as_ptr().add(j)), L::splat(1.0)),
                Self::Each(each) => {
                    let mut lanes = [0.0; WIDEST];
                    for row in lanes.chunks_mut(lead) {
                        let given = row.len().min(n.saturating_sub(j));
                        row[..given].copy_from_slice(&each[j..j + given]);
                    }
                    (L::load(lanes.as_ptr()), L::splat(1.0))
                }
            }
        }
    }
}
