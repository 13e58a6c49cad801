//! Product quantisation: four bits a pair of values, and the scores of a query against all rows of a table at once.
//!
//! A row is a list of codes below sixteen, one a *group* (of values, which is the caller's affair); a query is what every
//! code of every group is worth to it. The score of a row is a sum of lookups, and a lookup of sixteen bytes is one
//! instruction for a whole register (André, Kermarrec and Le Scouarnec 2015, "Cache locality is not enough", VLDB 9(4);
//! Guo et al. 2020, arXiv:1908.10396). So rows are kept in blocks of 64, group by group:
//!
//! ```text
//! block   [ pairs of groups, 64 bytes ]     a byte: the code of the even group, and above it that of the odd one
//! byte 2i of the 64: row i;  byte 2i + 1: row 32 + i
//! score = square - scale * (offset + step * sum of lookups)          smaller is nearer
//! ```
//!
//! Even and odd bytes are summed apart, in sixteen bits each, and come out in the order of the rows.

use crate::isa::ByteIsa;

/// Rows in a block.
pub const BLOCK: usize = 64;
/// Codes of a group.
pub const CODES: usize = 16;
/// Sums of lookups, of at most 63 each, have to fit into sixteen bits.
pub const MOST_GROUPS: usize = 1024;
/// The largest lookup: four of them fit into a byte. Half a step is far less than what the codes leave out.
const MOST: f32 = 63.0;

/// Bytes of a block of rows of so many groups.
#[must_use]
pub const fn block_bytes(groups: usize) -> usize {
    groups.div_ceil(2) * BLOCK
}

/// Sets a code in a block that was zero there.
///
/// # Panics
/// If there is no such row or group, or the code is not below [`CODES`].
pub fn set_code(block: &mut [u8], row: usize, group: usize, code: u8) {
    assert!(row < BLOCK && usize::from(code) < CODES, "a code of a row in a block");
    let place = if row < BLOCK / 2 { 2 * row } else { 2 * (row - BLOCK / 2) + 1 };
    block[group / 2 * BLOCK + place] |= code << (group % 2 * 4);
}

/// What the codes of every group are worth to a query, as bytes.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Shape `[groups, 16]`, a group of zeros behind an odd number of them.
    bytes: Vec<u8>,
    step: f32,
    offset: f32,
}

impl Table {
    /// Takes a query in.
    ///
    /// * `worth`: shape `[groups, 16]`, finite.
    ///
    /// # Panics
    /// If that is not its shape, or there are more than [`MOST_GROUPS`] groups.
    pub fn set(&mut self, worth: &[f32]) {
        let groups = worth.len() / CODES;
        assert!(worth.len().is_multiple_of(CODES) && groups <= MOST_GROUPS, "worth has the shape [groups, 16]");
        let least = |group: &[f32]| group.iter().fold(f32::INFINITY, |least, &value| least.min(value));
        let most = |group: &[f32]| group.iter().fold(f32::NEG_INFINITY, |most, &value| most.max(value));
        let widest = worth.chunks_exact(CODES).fold(0.0f32, |width, group| width.max(most(group) - least(group)));
        self.step = widest.max(1e-20) / MOST;
        self.offset = worth.chunks_exact(CODES).map(least).sum();
        self.bytes.clear();
        for group in worth.chunks_exact(CODES) {
            let least = least(group);
            self.bytes.extend(group.iter().map(|value| ((value - least) / self.step + 0.5) as u8));
        }
        self.bytes.resize(groups.next_multiple_of(2) * CODES, 0);
    }

    /// The scores of rows, shape `[rows]`, smaller is nearer.
    ///
    /// * `blocks`: shape `[rows / 64, pairs of groups, 64]`; `scales`: shape `[rows]`; `squares`: the same, or empty for none.
    ///
    /// # Panics
    /// If the shapes do not agree.
    pub fn scores(&self, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
        self.scores_with(ByteIsa::active(), blocks, scales, squares, out);
    }

    fn scores_with(&self, kind: ByteIsa, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
        let pairs = self.bytes.len() / (2 * CODES);
        assert!(out.len().is_multiple_of(BLOCK) && blocks.len() == out.len() * pairs, "whole blocks of rows");
        assert!(
            scales.len() == out.len() && (squares.is_empty() || squares.len() == out.len()),
            "a scale for each row"
        );
        // SAFETY: there are blocks, scales and squares for every score; `kind` is available.
        unsafe { self.dispatch(kind, blocks, scales, squares, out) }
    }

    /// # Safety
    /// The shapes agree, and the machine can run `kind`.
    unsafe fn dispatch(&self, kind: ByteIsa, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
        unsafe fn avx512(table: &Table, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
            // SAFETY: the caller's promise.
            unsafe { table.run::<x86::Avx512>(blocks, scales, squares, out) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2(table: &Table, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
            // SAFETY: the caller's promise.
            unsafe { table.run::<x86::Avx2>(blocks, scales, squares, out) }
        }
        // SAFETY: the caller's promise.
        unsafe {
            match kind {
                #[cfg(target_arch = "x86_64")]
                ByteIsa::Avx512 => avx512(self, blocks, scales, squares, out),
                #[cfg(target_arch = "x86_64")]
                ByteIsa::Avx2 => avx2(self, blocks, scales, squares, out),
                #[cfg(target_arch = "aarch64")]
                ByteIsa::Neon => self.run::<arm::Neon>(blocks, scales, squares, out),
                ByteIsa::Portable => self.run::<Portable>(blocks, scales, squares, out),
            }
        }
    }

    /// # Safety
    /// The shapes agree; the instruction set of `S` is available.
    #[inline(always)]
    unsafe fn run<S: Sums>(&self, blocks: &[u8], scales: &[f32], squares: &[f32], out: &mut [f32]) {
        let pairs = self.bytes.len() / (2 * CODES);
        let mut sums = [0u16; 2 * BLOCK];
        let mut first = 0;
        while first < out.len() {
            let (blocks, rows) = (&blocks[first * pairs..], (out.len() - first).min(2 * BLOCK));
            // SAFETY: a block has `pairs` times 64 bytes, the table `pairs` times 32; there is a block for every 64 scores.
            unsafe { S::blocks(blocks.as_ptr(), rows / BLOCK, self.bytes.as_ptr(), pairs, &mut sums) };
            let (scales, out) = (&scales[first..][..rows], &mut out[first..][..rows]);
            let mut at = 0;
            while at < rows {
                out[at] = -scales[at] * (self.offset + self.step * f32::from(sums[at]));
                at += 1;
            }
            if !squares.is_empty() {
                let squares = &squares[first..][..rows];
                let mut at = 0;
                while at < rows {
                    out[at] += squares[at];
                    at += 1;
                }
            }
            first += rows;
        }
    }
}

/// Which scores are not above a bar, a bit each, shape `[rows / 64]`.
///
/// # Panics
/// If there are not 64 scores for each number.
pub fn below(scores: &[f32], bar: f32, bits: &mut [u64]) {
    below_with(ByteIsa::active(), scores, bar, bits);
}

fn below_with(kind: ByteIsa, scores: &[f32], bar: f32, bits: &mut [u64]) {
    assert_eq!(scores.len(), bits.len() * BLOCK, "64 scores for each number");
    #[cfg(target_arch = "x86_64")]
    if kind == ByteIsa::Avx512 {
        // SAFETY: the instruction set is available, and there are 64 scores for each number.
        return unsafe { x86::below(scores, bar, bits) };
    }
    let _ = kind;
    for (bits, scores) in bits.iter_mut().zip(scores.chunks_exact(BLOCK)) {
        let near = |part: &[f32]| part.iter().fold(false, |near, &score| near | (score <= bar));
        let mut word = 0;
        for (at, part) in scores.chunks_exact(BLOCK / 4).enumerate() {
            if near(part) {
                word |=
                    part.iter().rev().fold(0, |word, &score| word << 1 | u64::from(score <= bar)) << (at * BLOCK / 4);
            }
        }
        *bits = word;
    }
}

/// The sums of one block, or of two.
trait Sums {
    /// # Safety
    /// `blocks` has `count * pairs * 64` readable bytes, `table` has `pairs * 32`; the count is 1 or 2; the instruction set is
    /// available.
    unsafe fn blocks(blocks: *const u8, count: usize, table: *const u8, pairs: usize, sums: &mut [u16; 2 * BLOCK]) {
        let mut at = 0;
        while at < count {
            // SAFETY: the caller's promise; there is room for two blocks of sums.
            unsafe { Self::block(blocks.add(at * pairs * BLOCK), table, pairs, sums.as_mut_ptr().add(at * BLOCK)) };
            at += 1;
        }
    }

    /// # Safety
    /// As `blocks`, with one; `sums` has room for 64.
    unsafe fn block(block: *const u8, table: *const u8, pairs: usize, sums: *mut u16);
}

struct Portable;

impl Sums for Portable {
    #[inline(always)]
    unsafe fn block(block: *const u8, table: *const u8, pairs: usize, sums: *mut u16) {
        // SAFETY: the caller promises the bytes.
        let (block, table, sums) = unsafe {
            let table = std::slice::from_raw_parts(table, pairs * 2 * CODES);
            (std::slice::from_raw_parts(block, pairs * BLOCK), table, std::slice::from_raw_parts_mut(sums, BLOCK))
        };
        sums.fill(0);
        for (bytes, table) in block.chunks_exact(BLOCK).zip(table.chunks_exact(2 * CODES)) {
            for (at, &byte) in bytes.iter().enumerate() {
                let both = table[usize::from(byte & 15)] + table[CODES + usize::from(byte >> 4)];
                sums[at % 2 * (BLOCK / 2) + at / 2] += u16::from(both);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "intrinsics under the contract of `Sums`")]
    use super::{BLOCK, Sums};
    use core::arch::x86_64::*;

    pub(super) struct Avx512;

    /// What the codes of a pair of groups are worth, 64 rows at once.
    #[inline(always)]
    unsafe fn pair(codes: *const u8, low: __m512i, high: __m512i, nibble: __m512i) -> __m512i {
        unsafe {
            let codes = _mm512_loadu_si512(codes.cast());
            let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), nibble);
            let lower = _mm512_shuffle_epi8(low, _mm512_and_si512(codes, nibble));
            _mm512_add_epi8(lower, _mm512_shuffle_epi8(high, upper))
        }
    }

    /// Sums of `N` blocks: two share the loads of the table.
    #[inline(always)]
    unsafe fn sums<const N: usize>(blocks: *const u8, table: *const u8, pairs: usize, sums: *mut u16) {
        unsafe {
            let nibble = _mm512_set1_epi8(15);
            // Odd bytes alone, and both with the odd ones 256 times: the even ones are what is left.
            let (mut both, mut odd) = ([_mm512_setzero_si512(); N], [_mm512_setzero_si512(); N]);
            let mut at = 0;
            while at < pairs {
                // Two pairs of groups fit into a byte.
                let mut worth = [_mm512_setzero_si512(); N];
                let end = if at + 2 <= pairs { at + 2 } else { pairs };
                while at < end {
                    let low = _mm512_broadcast_i32x4(_mm_loadu_si128(table.add(at * 32).cast()));
                    let high = _mm512_broadcast_i32x4(_mm_loadu_si128(table.add(at * 32 + 16).cast()));
                    let mut k = 0;
                    while k < N {
                        let codes = blocks.add((k * pairs + at) * 64);
                        worth[k] = _mm512_add_epi8(worth[k], pair(codes, low, high, nibble));
                        k += 1;
                    }
                    at += 1;
                }
                let mut k = 0;
                while k < N {
                    both[k] = _mm512_add_epi16(both[k], worth[k]);
                    odd[k] = _mm512_add_epi16(odd[k], _mm512_srli_epi16::<8>(worth[k]));
                    k += 1;
                }
            }
            let mut k = 0;
            while k < N {
                let even = _mm512_sub_epi16(both[k], _mm512_slli_epi16::<8>(odd[k]));
                _mm512_storeu_si512(sums.add(k * BLOCK).cast(), even);
                _mm512_storeu_si512(sums.add(k * BLOCK + 32).cast(), odd[k]);
                k += 1;
            }
        }
    }

    impl Sums for Avx512 {
        #[inline(always)]
        unsafe fn blocks(blocks: *const u8, count: usize, table: *const u8, pairs: usize, to: &mut [u16; 2 * BLOCK]) {
            unsafe {
                match count {
                    2 => sums::<2>(blocks, table, pairs, to.as_mut_ptr()),
                    _ => sums::<1>(blocks, table, pairs, to.as_mut_ptr()),
                }
            }
        }

        #[inline(always)]
        unsafe fn block(block: *const u8, table: *const u8, pairs: usize, to: *mut u16) {
            unsafe { sums::<1>(block, table, pairs, to) }
        }
    }

    /// # Safety
    /// AVX-512F is available; there are 64 scores for each number.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn below(scores: &[f32], bar: f32, bits: &mut [u64]) {
        unsafe {
            let bar = _mm512_set1_ps(bar);
            for (at, bits) in bits.iter_mut().enumerate() {
                let scores = scores.as_ptr().add(at * BLOCK);
                let mut word = 0;
                let mut k = 0;
                while k < 4 {
                    let near = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(_mm512_loadu_ps(scores.add(k * 16)), bar);
                    word |= u64::from(near) << (16 * k);
                    k += 1;
                }
                *bits = word;
            }
        }
    }

    pub(super) struct Avx2;

    impl Sums for Avx2 {
        #[inline(always)]
        unsafe fn block(block: *const u8, table: *const u8, pairs: usize, sums: *mut u16) {
            unsafe {
                let nibble = _mm256_set1_epi8(15);
                let (mut both, mut odd) = ([_mm256_setzero_si256(); 2], [_mm256_setzero_si256(); 2]);
                let mut at = 0;
                while at < pairs {
                    let low = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.add(at * 32).cast()));
                    let high = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.add(at * 32 + 16).cast()));
                    let mut half = 0;
                    while half < 2 {
                        let codes = _mm256_loadu_si256(block.add(at * 64 + half * 32).cast());
                        let even_group = _mm256_shuffle_epi8(low, _mm256_and_si256(codes, nibble));
                        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(codes), nibble);
                        let worth = _mm256_add_epi8(even_group, _mm256_shuffle_epi8(high, upper));
                        both[half] = _mm256_add_epi16(both[half], worth);
                        odd[half] = _mm256_add_epi16(odd[half], _mm256_srli_epi16::<8>(worth));
                        half += 1;
                    }
                    at += 1;
                }
                let mut half = 0;
                while half < 2 {
                    let even = _mm256_sub_epi16(both[half], _mm256_slli_epi16::<8>(odd[half]));
                    _mm256_storeu_si256(sums.add(half * 16).cast(), even);
                    _mm256_storeu_si256(sums.add(32 + half * 16).cast(), odd[half]);
                    half += 1;
                }
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "intrinsics under the contract of `Sums`")]
    use super::{BLOCK, Sums};
    use core::arch::aarch64::*;

    pub(super) struct Neon;

    impl Sums for Neon {
        #[inline(always)]
        unsafe fn block(block: *const u8, table: *const u8, pairs: usize, sums: *mut u16) {
            unsafe {
                let nibble = vdupq_n_u8(15);
                let (mut both, mut odd) = ([vdupq_n_u16(0); 4], [vdupq_n_u16(0); 4]);
                let mut at = 0;
                while at < pairs {
                    let (low, high) = (vld1q_u8(table.add(at * 32)), vld1q_u8(table.add(at * 32 + 16)));
                    let mut quarter = 0;
                    while quarter < 4 {
                        let codes = vld1q_u8(block.add(at * 64 + quarter * 16));
                        let even_group = vqtbl1q_u8(low, vandq_u8(codes, nibble));
                        let worth = vaddq_u8(even_group, vqtbl1q_u8(high, vshrq_n_u8::<4>(codes)));
                        let pairs = vreinterpretq_u16_u8(worth);
                        both[quarter] = vaddq_u16(both[quarter], pairs);
                        odd[quarter] = vsraq_n_u16::<8>(odd[quarter], pairs);
                        quarter += 1;
                    }
                    at += 1;
                }
                let mut quarter = 0;
                while quarter < 4 {
                    let even = vsubq_u16(both[quarter], vshlq_n_u16::<8>(odd[quarter]));
                    vst1q_u16(sums.add(quarter * 8), even);
                    vst1q_u16(sums.add(32 + quarter * 8), odd[quarter]);
                    quarter += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn scores_are_sums_of_what_codes_are_worth(
            groups in prop_oneof![1usize..60, Just(MOST_GROUPS)], blocks in 0usize..4, salt in any::<u32>(),
            loud in any::<bool>(), squared in any::<bool>(),
        ) {
            let random = |i: usize| (i as u32 ^ salt).wrapping_mul(2_654_435_761) >> 8;
            let value = |i: usize| random(i) as f32 / (1 << 23) as f32 - 1.0;
            let rows = blocks * BLOCK;
            // Loud: nothing but the largest lookups, where narrow sums would overflow.
            let code = |row: usize, group: usize| if loud { 15 } else { random(row * 1009 + group) as usize % CODES };
            let mut bytes = vec![0; blocks * block_bytes(groups)];
            for row in 0..rows {
                for group in 0..groups {
                    let block = &mut bytes[row / BLOCK * block_bytes(groups)..][..block_bytes(groups)];
                    set_code(block, row % BLOCK, group, code(row, group) as u8);
                }
            }
            let worth: Vec<f32> = (0..groups * CODES).map(|i| if loud { (i % CODES) as f32 } else { value(i) }).collect();
            let scales: Vec<f32> = (0..rows).map(|row| value(row + 77).abs()).collect();
            let squares: Vec<f32> = (0..rows).map(|row| value(row + 777)).collect();
            let squares = if squared { &squares[..] } else { &[] };
            let mut table = Table::default();
            table.set(&worth);
            let mut first = None;
            for kind in ByteIsa::available() {
                let mut found = vec![0.0; rows];
                table.scores_with(kind, &bytes, &scales, squares, &mut found);
                for (row, &score) in found.iter().enumerate() {
                    let sum: f32 = (0..groups).map(|group| worth[group * CODES + code(row, group)]).sum();
                    let wanted = squares.get(row).copied().unwrap_or(0.0) - scales[row] * sum;
                    // Half a step in each group, of which the widest has 63.
                    let bound = groups as f32 * if loud { 15.0 } else { 2.0 } / 63.0 * 0.51 + 1e-3 * groups as f32;
                    prop_assert!((score - wanted).abs() <= bound, "{kind:?}, row {row}: {score}, {wanted}");
                }
                let bar = found.get(rows / 3).copied().unwrap_or(0.0);
                let mut bits = vec![0; blocks];
                below_with(kind, &found, bar, &mut bits);
                for (row, &score) in found.iter().enumerate() {
                    prop_assert_eq!(bits[row / BLOCK] >> (row % BLOCK) & 1 == 1, score <= bar);
                }
                let first = first.get_or_insert_with(|| found.clone());
                for (a, b) in found.iter().zip(first.iter()) {
                    prop_assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{kind:?}: {a}, {b}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "whole blocks of rows")]
    fn blocks_that_are_not_there_are_refused() {
        let mut table = Table::default();
        table.set(&[0.0; 32]);
        table.scores(&[0; 32], &[0.0; 64], &[], &mut [0.0; 64]);
    }
}
