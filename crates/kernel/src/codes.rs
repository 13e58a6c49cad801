//! Vectors as one byte a value, and the distances of a query to many of them.
//!
//! A value `t` of a row becomes `round(t / s)` in `[-127, 127]`, with `s` the row's largest magnitude divided by 127 (a
//! scale a vector, as in LVQ: Aguerrebere et al. 2023, arXiv:2304.04759), kept as a byte with 128 added. The query has signs
//! and no offset: `sum((c + 128) q) = sum(c q) + 128 sum(q)`, so that one constant a query gives products of signed codes
//! from `vpdpbusd` (AVX-512 VNNI), which wants one side unsigned.
//!
//! ```text
//! row   [ dim codes | 128, 128 ... | factor f32 | bias f32 ]    stride(dim) bytes, a multiple of 64
//! score = constant + bias - factor * scale * sum(c q)           smaller is nearer
//! ```
//!
//! With `factor = 2 s`, `bias = |t|²` and `constant = |q|²` this is the squared Euclidean distance; with `factor = s`
//! and no bias the inner product with its sign turned.

use crate::isa::ByteIsa;
use crate::prefetch::{self, LINE};

/// Bytes of a row of `dim` values: whole cache lines.
#[must_use]
pub const fn stride(dim: usize) -> usize {
    (dim + TAIL).next_multiple_of(LINE)
}

/// Bytes of factor and bias at the end of a row.
const TAIL: usize = 8;
/// Rows whose bytes are asked for ahead of the one that is scored.
const AHEAD: usize = 16;

/// Writes `values` (shape `[dim]`) as a row: `factor = weight * s`.
///
/// # Panics
/// If `row` does not have [`stride`]`(dim)` bytes.
pub fn encode(values: &[f32], weight: f32, bias: f32, row: &mut [u8]) {
    assert_eq!(row.len(), stride(values.len()), "a row has the bytes of its stride");
    let (scale, inverse) = scale(values);
    row.fill(128);
    for (code, value) in row.iter_mut().zip(values) {
        *code = (quantised(*value, inverse) as u8) ^ 0x80;
    }
    set_tail(row, weight * scale, bias);
}

/// Factor and bias of a row.
///
/// # Panics
/// If `row` is shorter than they are.
#[must_use]
pub fn tail(row: &[u8]) -> (f32, f32) {
    let (_, tail) = row.split_last_chunk::<TAIL>().expect("a row has a tail");
    let [a, b, c, d, e, f, g, h] = *tail;
    (f32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]))
}

/// Replaces factor and bias of a row.
///
/// # Panics
/// If `row` is shorter than they are.
pub fn set_tail(row: &mut [u8], factor: f32, bias: f32) {
    let tail = row.last_chunk_mut::<TAIL>().expect("a row has a tail");
    tail[..4].copy_from_slice(&factor.to_le_bytes());
    tail[4..].copy_from_slice(&bias.to_le_bytes());
}

/// The step between codes and its inverse; a row of zeros has a step like any other.
fn scale(values: &[f32]) -> (f32, f32) {
    let largest = values.iter().fold(1e-20f32, |most, value| most.max(value.abs()));
    (largest / 127.0, 127.0 / largest)
}

fn quantised(value: f32, inverse: f32) -> i8 {
    (value * inverse).round_ties_even().clamp(-127.0, 127.0) as i8
}

/// A query as codes: what rows are scored against.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Zero behind the values, so that what a row has there (factor and bias too) adds nothing.
    codes: Vec<i8>,
    dim: usize,
    scale: f32,
    /// 128 times the sum of the codes.
    shift: i32,
    /// Added to every score.
    pub constant: f32,
}

impl Query {
    /// A query of zeros for rows of `dim` values.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self { codes: vec![0; stride(dim)], dim, scale: 0.0, shift: 0, constant: 0.0 }
    }

    /// Asks for the rows near `values`, shape `[dim]`; the constant becomes their squared norm.
    ///
    /// # Panics
    /// If there are not `dim` values.
    pub fn set(&mut self, values: &[f32]) {
        assert_eq!(values.len(), self.dim, "the query must have the shape [dim]");
        let (scale, inverse) = scale(values);
        for (code, value) in self.codes.iter_mut().zip(values) {
            *code = quantised(*value, inverse);
        }
        self.scale = scale;
        self.constant = values.iter().map(|value| value * value).sum();
        self.finish();
    }

    /// Asks for the rows near a row: one made by [`encode`] with weight 2 and its squared norm as bias.
    ///
    /// # Panics
    /// If `row` has not the bytes of a row of `dim` values.
    pub fn set_row(&mut self, row: &[u8]) {
        assert_eq!(row.len(), self.codes.len(), "a row has the bytes of its stride");
        for (code, byte) in self.codes[..self.dim].iter_mut().zip(row) {
            *code = (byte ^ 0x80) as i8;
        }
        let (factor, bias) = tail(row);
        self.scale = factor * 0.5;
        self.constant = bias;
        self.finish();
    }

    fn finish(&mut self) {
        self.shift = 128 * self.codes.iter().map(|&code| i32::from(code)).sum::<i32>();
    }

    /// The scores of some rows, shape `[ids.len()]`; smaller is nearer.
    ///
    /// * `rows`: all rows, shape `[n, stride]`.
    ///
    /// # Panics
    /// If `out` has another length than `ids`, or an id is not below `n`.
    pub fn score(&self, rows: &[u8], ids: &[u32], out: &mut [f32]) {
        self.score_with(ByteIsa::active(), rows, ids, out);
    }

    /// The scores of the `out.len()` rows from `first` on.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn score_from(&self, rows: &[u8], first: usize, out: &mut [f32]) {
        self.score_from_with(ByteIsa::active(), rows, first, out);
    }

    fn score_with(&self, kind: ByteIsa, rows: &[u8], ids: &[u32], out: &mut [f32]) {
        assert_eq!(ids.len(), out.len(), "one score for each row");
        let most = ids.iter().fold(0, |most, &id| most.max(id));
        assert!(ids.is_empty() || (most as usize) < rows.len() / self.codes.len(), "row {most} is out of range");
        let gathered = Gathered { rows: rows.as_ptr(), stride: self.codes.len(), ids };
        // SAFETY: every id is below the number of rows; `kind` is available.
        unsafe { self.dispatch(kind, gathered, out) }
    }

    fn score_from_with(&self, kind: ByteIsa, rows: &[u8], first: usize, out: &mut [f32]) {
        let rows = &rows[first * self.codes.len()..][..out.len() * self.codes.len()];
        let run = Run { rows: rows.as_ptr(), stride: self.codes.len() };
        // SAFETY: the slice holds a row for each score; `kind` is available.
        unsafe { self.dispatch(kind, run, out) }
    }

    /// # Safety
    /// `rows` has a readable row for each score, and the machine can run `kind`.
    unsafe fn dispatch<R: Source>(&self, kind: ByteIsa, rows: R, out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
        unsafe fn vnni<R: Source>(query: &Query, rows: R, out: &mut [f32]) {
            // SAFETY: the caller's promise.
            unsafe { query.run::<x86::Vnni, R>(rows, out) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2<R: Source>(query: &Query, rows: R, out: &mut [f32]) {
            // SAFETY: the caller's promise.
            unsafe { query.run::<x86::Avx2, R>(rows, out) }
        }
        // SAFETY: the caller's promise.
        unsafe {
            match kind {
                #[cfg(target_arch = "x86_64")]
                ByteIsa::Avx512 => vnni(self, rows, out),
                #[cfg(target_arch = "x86_64")]
                ByteIsa::Avx2 => avx2(self, rows, out),
                #[cfg(target_arch = "aarch64")]
                ByteIsa::Neon => self.run::<arm::Neon, R>(rows, out),
                ByteIsa::Portable => self.run::<Portable, R>(rows, out),
            }
        }
    }

    /// # Safety
    /// `rows` has a readable row for each score, and the instruction set of `D`.
    #[inline(always)]
    unsafe fn run<D: Products, R: Source>(&self, rows: R, out: &mut [f32]) {
        let (query, stride, count) = (self.codes.as_ptr(), self.codes.len(), out.len());
        // SAFETY: rows are below `count`; each has `stride` bytes, as the query has.
        unsafe {
            if R::SCATTERED {
                for at in 0..count.min(AHEAD) {
                    prefetch::bytes(rows.row(at), stride);
                }
            }
            let mut at = 0;
            while at + 4 <= count {
                if R::SCATTERED {
                    let mut next = at + AHEAD;
                    while next < count.min(at + AHEAD + 4) {
                        prefetch::bytes(rows.row(next), stride);
                        next += 1;
                    }
                }
                let four = [rows.row(at), rows.row(at + 1), rows.row(at + 2), rows.row(at + 3)];
                let sums = D::four(query, four, stride);
                let mut k = 0;
                while k < 4 {
                    *out.get_unchecked_mut(at + k) = self.scored(sums[k], four[k]);
                    k += 1;
                }
                at += 4;
            }
            while at < count {
                let row = rows.row(at);
                let sums = D::four(query, [row; 4], stride);
                *out.get_unchecked_mut(at) = self.scored(sums[0], row);
                at += 1;
            }
        }
    }

    /// # Safety
    /// `row` has `stride` readable bytes.
    #[inline(always)]
    unsafe fn scored(&self, sum: i32, row: *const u8) -> f32 {
        // SAFETY: the last eight bytes of a row are two floats, little-endian as every supported machine is.
        let [factor, bias] = unsafe { row.add(self.codes.len() - TAIL).cast::<[f32; 2]>().read_unaligned() };
        (self.constant + bias) - factor * (self.scale * (sum - self.shift) as f32)
    }
}

/// Where rows come from.
trait Source: Copy {
    /// Whether it pays to ask for rows ahead.
    const SCATTERED: bool;
    /// # Safety
    /// `at` is below the number of rows.
    unsafe fn row(self, at: usize) -> *const u8;
}

#[derive(Clone, Copy)]
struct Gathered<'a> {
    rows: *const u8,
    stride: usize,
    ids: &'a [u32],
}

impl Source for Gathered<'_> {
    const SCATTERED: bool = true;
    #[inline(always)]
    unsafe fn row(self, at: usize) -> *const u8 {
        // SAFETY: ids were checked against the number of rows.
        unsafe { self.rows.add(*self.ids.get_unchecked(at) as usize * self.stride) }
    }
}

#[derive(Clone, Copy)]
struct Run {
    rows: *const u8,
    stride: usize,
}

impl Source for Run {
    const SCATTERED: bool = false;
    #[inline(always)]
    unsafe fn row(self, at: usize) -> *const u8 {
        // SAFETY: the caller stays below the number of rows.
        unsafe { self.rows.add(at * self.stride) }
    }
}

/// Four sums of products of bytes.
trait Products {
    /// `sum(row[i] * query[i])` over `stride` bytes, those of the rows unsigned.
    ///
    /// # Safety
    /// All pointers have `stride` readable bytes, a multiple of 64; the instruction set is available.
    unsafe fn four(query: *const i8, rows: [*const u8; 4], stride: usize) -> [i32; 4];
}

struct Portable;

impl Products for Portable {
    #[inline(always)]
    unsafe fn four(query: *const i8, rows: [*const u8; 4], stride: usize) -> [i32; 4] {
        // SAFETY: the caller promises `stride` bytes each.
        rows.map(|row| unsafe {
            let row = std::slice::from_raw_parts(row, stride);
            let query = std::slice::from_raw_parts(query, stride);
            row.iter().zip(query).map(|(&c, &q)| i32::from(c) * i32::from(q)).sum()
        })
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "intrinsics under the contract of `Products`")]
    use super::Products;
    use core::arch::x86_64::*;

    /// The sums of the lanes of four registers.
    #[inline(always)]
    unsafe fn sums(r: [__m256i; 4]) -> [i32; 4] {
        unsafe {
            let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(r[0], r[1]), _mm256_hadd_epi32(r[2], r[3]));
            let sums = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
            std::mem::transmute::<__m128i, [i32; 4]>(sums)
        }
    }

    pub(super) struct Vnni;

    impl Products for Vnni {
        #[inline(always)]
        unsafe fn four(query: *const i8, rows: [*const u8; 4], stride: usize) -> [i32; 4] {
            // No closures: they are compiled without AVX-512.
            unsafe {
                let mut sum = [_mm512_setzero_si512(); 4];
                let mut at = 0;
                while at < stride {
                    let q = _mm512_loadu_si512(query.add(at).cast());
                    let mut k = 0;
                    while k < 4 {
                        sum[k] = _mm512_dpbusd_epi32(sum[k], _mm512_loadu_si512(rows[k].add(at).cast()), q);
                        k += 1;
                    }
                    at += 64;
                }
                let mut folded = [_mm256_setzero_si256(); 4];
                let mut k = 0;
                while k < 4 {
                    let upper = _mm512_extracti64x4_epi64::<1>(sum[k]);
                    folded[k] = _mm256_add_epi32(_mm512_castsi512_si256(sum[k]), upper);
                    k += 1;
                }
                sums(folded)
            }
        }
    }

    pub(super) struct Avx2;

    impl Products for Avx2 {
        #[inline(always)]
        unsafe fn four(query: *const i8, rows: [*const u8; 4], stride: usize) -> [i32; 4] {
            unsafe {
                let mut sum = [_mm256_setzero_si256(); 4];
                let mut at = 0;
                while at < stride {
                    // Sixteen bits a product: the sums of unsigned and signed bytes would not fit.
                    let q = _mm256_loadu_si256(query.add(at).cast());
                    let low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(q));
                    let high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(q));
                    let mut k = 0;
                    while k < 4 {
                        let c = _mm256_loadu_si256(rows[k].add(at).cast());
                        let c_low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(c));
                        let c_high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(c));
                        let both = _mm256_add_epi32(_mm256_madd_epi16(c_low, low), _mm256_madd_epi16(c_high, high));
                        sum[k] = _mm256_add_epi32(sum[k], both);
                        k += 1;
                    }
                    at += 32;
                }
                sums(sum)
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "intrinsics under the contract of `Products`")]
    use super::Products;
    use core::arch::aarch64::*;

    pub(super) struct Neon;

    impl Products for Neon {
        #[inline(always)]
        unsafe fn four(query: *const i8, rows: [*const u8; 4], stride: usize) -> [i32; 4] {
            unsafe {
                let mut sum = [vdupq_n_s32(0); 4];
                let mut at = 0;
                while at < stride {
                    let q = vld1q_s8(query.add(at));
                    let (low, high) = (vmovl_s8(vget_low_s8(q)), vmovl_high_s8(q));
                    let mut k = 0;
                    while k < 4 {
                        let c = vld1q_u8(rows[k].add(at));
                        let c_low = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(c)));
                        let c_high = vreinterpretq_s16_u16(vmovl_high_u8(c));
                        sum[k] = vmlal_s16(sum[k], vget_low_s16(c_low), vget_low_s16(low));
                        sum[k] = vmlal_high_s16(sum[k], c_low, low);
                        sum[k] = vmlal_s16(sum[k], vget_low_s16(c_high), vget_low_s16(high));
                        sum[k] = vmlal_high_s16(sum[k], c_high, high);
                        k += 1;
                    }
                    at += 16;
                }
                [vaddvq_s32(sum[0]), vaddvq_s32(sum[1]), vaddvq_s32(sum[2]), vaddvq_s32(sum[3])]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(rows: &[f32], dim: usize, weight: f32, norms: bool) -> Vec<u8> {
        let mut bytes = vec![0; rows.len() / dim * stride(dim)];
        for (row, to) in rows.chunks(dim).zip(bytes.chunks_mut(stride(dim))) {
            let bias = if norms { row.iter().map(|v| v * v).sum() } else { 0.0 };
            encode(row, weight, bias, to);
        }
        bytes
    }

    proptest! {
        #[test]
        fn scores_are_those_of_the_definition(
            dim in prop_oneof![1usize..140, Just(300)], count in 1usize..23, salt in any::<u32>(), loud in any::<bool>(),
        ) {
            let value = |i: usize| {
                let h = (i as u32 ^ salt).wrapping_mul(2_654_435_761) >> 8;
                // Loud: nothing but the largest codes, where narrow sums would overflow.
                if loud { if h & 1 == 0 { 1.0 } else { -1.0 } } else { h as f32 / (1 << 23) as f32 - 1.0 }
            };
            let rows: Vec<f32> = (0..count * dim).map(value).collect();
            let asked: Vec<f32> = (0..dim).map(|i| value(i + 1_000_003)).collect();
            let bytes = encoded(&rows, dim, 2.0, true);
            let ids: Vec<u32> = (0..3 * count as u32).map(|i| i * 7 % count as u32).collect();
            let mut query = Query::new(dim);
            for by_row in [false, true] {
                if by_row { query.set_row(&bytes[..stride(dim)]) } else { query.set(&asked) }
                // By hand, in whole numbers and double precision.
                let expected = |row: usize| {
                    let row = &bytes[row * stride(dim)..][..stride(dim)];
                    let (factor, bias) = tail(row);
                    let sum: i64 = (0..dim).map(|i| (i64::from(row[i]) - 128) * i64::from(query.codes[i])).sum();
                    let product = f64::from(factor) * f64::from(query.scale) * sum as f64;
                    f64::from(query.constant) + f64::from(bias) - product
                };
                let reference: Vec<f64> = (0..count).map(expected).collect();
                for kind in ByteIsa::available() {
                    let mut found = vec![0.0; ids.len()];
                    query.score_with(kind, &bytes, &ids, &mut found);
                    let mut run = vec![0.0; count];
                    query.score_from_with(kind, &bytes, 0, &mut run);
                    for (&id, &score) in ids.iter().zip(&found) {
                        let wanted = reference[id as usize];
                        prop_assert!((f64::from(score) - wanted).abs() <= 1e-5 * (dim as f64 + 1.0), "{kind:?}: {score}, {wanted}");
                        prop_assert_eq!(score.to_bits(), run[id as usize].to_bits());
                    }
                }
            }
        }

        #[test]
        fn scores_are_near_the_true_distances(dim in 1usize..200, salt in any::<u32>()) {
            let value = |i: usize| ((i as u32 ^ salt).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let rows: Vec<f32> = (0..9 * dim).map(value).collect();
            let asked: Vec<f32> = (0..dim).map(|i| value(i + 1_000_003)).collect();
            let mut query = Query::new(dim);
            query.set(&asked);
            let (mut distances, mut products) = (vec![0.0; 9], vec![0.0; 9]);
            query.score_from(&encoded(&rows, dim, 2.0, true), 0, &mut distances);
            query.constant = 0.0;
            query.score_from(&encoded(&rows, dim, 1.0, false), 0, &mut products);
            for (row, (distance, product)) in rows.chunks(dim).zip(distances.iter().zip(products)) {
                let true_distance: f32 = row.iter().zip(&asked).map(|(a, b)| (a - b) * (a - b)).sum();
                let true_product: f32 = row.iter().zip(&asked).map(|(a, b)| a * b).sum();
                // Half a step of 1/127 in each of two values of a product, most of which cancel.
                let bound = 0.02 * (dim as f32).sqrt() + 0.01;
                prop_assert!((distance - true_distance).abs() < 2.0 * bound, "{distance} {true_distance}");
                prop_assert!((product + true_product).abs() < bound, "{product} {true_product}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "row 2 is out of range")]
    fn a_row_that_is_not_there_is_refused() {
        Query::new(3).score(&[0; 128], &[2], &mut [0.0]);
    }
}
