//! A register of `f32` lanes: the few operations the kernels need, one implementation an instruction set.
//!
//! Every method is `#[inline(always)]` and `unsafe`: it may only run where its instruction set is
//! available, which `isa::dispatch!` ensures by calling the kernels from `#[target_feature]` wrappers.

/// One register of [`Lanes::WIDTH`] floats.
///
/// # Safety
/// All methods require the instruction set of the implementing type; `load` and `store` also require
/// `WIDTH` readable (writable) floats at the pointer. No alignment is required.
pub(crate) trait Lanes: Copy {
    /// Floats in a register.
    const WIDTH: usize;
    /// A register for the end of a row: half as wide if that is still eight floats, else the same.
    type Half: Lanes;
    /// All lanes zero.
    unsafe fn zero() -> Self;
    /// All lanes `value`.
    unsafe fn splat(value: f32) -> Self;
    /// Reads `WIDTH` floats.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes `WIDTH` floats.
    unsafe fn store(self, to: *mut f32);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * other`.
    unsafe fn mul(self, other: Self) -> Self;
    /// `self / other`.
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once where the instruction set has FMA.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// Every lane clamped to `[-limit, limit]`.
    unsafe fn clamp(self, limit: f32) -> Self;
    /// Every lane rounded to the nearest integer.
    unsafe fn round(self) -> Self;
    /// `2^lane` for lanes that hold integers in `[-126, 127]`.
    unsafe fn exp2_of_integer(self) -> Self;
    /// The sum of both halves; the register itself where `Half` is the same.
    unsafe fn fold(self) -> Self::Half;
    /// The sum of the lanes.
    unsafe fn sum(self) -> f32;
    /// Writes the lane sums of four registers to four floats; cheaper than four [`Lanes::sum`].
    #[inline(always)]
    unsafe fn store_four_sums(registers: [Self; 4], to: *mut f32) {
        for (k, register) in registers.into_iter().enumerate() {
            // SAFETY: the caller promises four writable floats; its promise covers `sum`.
            unsafe { to.add(k).write_unaligned(register.sum()) }
        }
    }
    /// Writes the lane sums of eight registers to eight floats.
    #[inline(always)]
    unsafe fn store_eight_sums(r: [Self; 8], to: *mut f32) {
        // SAFETY: the caller promises eight writable floats.
        unsafe {
            Self::store_four_sums([r[0], r[1], r[2], r[3]], to);
            Self::store_four_sums([r[4], r[5], r[6], r[7]], to.add(4));
        }
    }

    /// The larger of both, lane by lane.
    unsafe fn max(self, other: Self) -> Self;
    /// The square root of every lane.
    unsafe fn sqrt(self) -> Self;

    /// `exp(x)`, with `x` clamped to `[-87, 87]`; relative error below 1e-6.
    ///
    /// As in [`Lanes::sigmoid`], but `2^f` is a polynomial of degree 6, and `n ln 2` is taken off in two
    /// parts (Cody and Waite), so that a large `x` costs no digits.
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        // SAFETY: lane arithmetic only; the caller's promise covers it.
        unsafe {
            let x = self.clamp(87.0);
            let n = x.mul(Self::splat(std::f32::consts::LOG2_E)).round();
            let f = n.mul_add(Self::splat(2.121_944_4e-4), n.mul_add(Self::splat(-0.693_359_4), x));
            let mut p = Self::splat(1.0 / 720.0);
            for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
                p = p.mul_add(f, Self::splat(c));
            }
            p.mul(n.exp2_of_integer())
        }
    }

    /// `1 / (1 + exp(-x))`, with `x` clamped to `[-20, 20]`; absolute error below 2e-6.
    ///
    /// `exp(y) = 2^n * 2^f` with `n` the nearest integer of `y log2(e)`, and `2^f` on `[-0.5, 0.5]` as
    /// a polynomial of degree 5.
    #[inline(always)]
    unsafe fn sigmoid(self) -> Self {
        // SAFETY: lane arithmetic only; the caller's promise covers it.
        unsafe {
            let t = self.clamp(20.0).mul(Self::splat(-std::f32::consts::LOG2_E));
            let n = t.round();
            let f = t.sub(n);
            let mut p = Self::splat(1.333_355_8e-3);
            for c in [9.618_129e-3, 5.550_411e-2, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
                p = p.mul_add(f, Self::splat(c));
            }
            let e = p.mul(n.exp2_of_integer());
            let one = Self::splat(1.0);
            one.div(one.add(e))
        }
    }
}

/// Eight floats in portable code: the reference every other implementation is tested against.
#[derive(Clone, Copy)]
pub(crate) struct F32x8([f32; 8]);

impl F32x8 {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Self(self.0.map(f))
    }
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Lanes for F32x8 {
    const WIDTH: usize = 8;
    type Half = Self;
    #[inline(always)]
    unsafe fn zero() -> Self {
        Self([0.0; 8])
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises eight readable floats.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises eight writable floats.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // Two roundings: `f32::mul_add` is a slow library call where the processor has no FMA.
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + addend.0[i]))
    }
    #[inline(always)]
    unsafe fn clamp(self, limit: f32) -> Self {
        self.map(|x| x.max(-limit).min(limit))
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        self.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn exp2_of_integer(self) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "integers in [-126, 127]")]
        self.map(|x| f32::from_bits(((x as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn fold(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (b + f)) + ((c + g) + (d + h))
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, f32::max)
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "one intrinsic each, under the contract of `Lanes`")]
    use super::Lanes;
    use core::arch::x86_64::*;

    impl Lanes for __m256 {
        const WIDTH: usize = 8;
        type Half = Self;
        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { _mm256_add_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            unsafe { _mm256_sub_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { _mm256_mul_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            unsafe { _mm256_div_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { _mm256_fmadd_ps(self, factor, addend) }
        }
        #[inline(always)]
        unsafe fn clamp(self, limit: f32) -> Self {
            unsafe { _mm256_min_ps(_mm256_max_ps(self, _mm256_set1_ps(-limit)), _mm256_set1_ps(limit)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self) }
        }
        #[inline(always)]
        unsafe fn exp2_of_integer(self) -> Self {
            unsafe {
                let biased = _mm256_add_epi32(_mm256_cvtps_epi32(self), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
            }
        }
        #[inline(always)]
        unsafe fn fold(self) -> Self {
            self
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            unsafe { _mm256_max_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            unsafe { _mm256_sqrt_ps(self) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe {
                let x = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
                let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
                _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
            }
        }
        #[inline(always)]
        unsafe fn store_four_sums(r: [Self; 4], to: *mut f32) {
            unsafe {
                // Pairs of pairs: each half holds half sums of all four registers.
                let halves = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
                let sums = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
                _mm_storeu_ps(to, sums);
            }
        }
    }

    impl Lanes for __m512 {
        const WIDTH: usize = 16;
        type Half = __m256;
        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { _mm512_add_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            unsafe { _mm512_sub_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { _mm512_mul_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            unsafe { _mm512_div_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { _mm512_fmadd_ps(self, factor, addend) }
        }
        #[inline(always)]
        unsafe fn clamp(self, limit: f32) -> Self {
            unsafe { _mm512_min_ps(_mm512_max_ps(self, _mm512_set1_ps(-limit)), _mm512_set1_ps(limit)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self) }
        }
        #[inline(always)]
        unsafe fn exp2_of_integer(self) -> Self {
            unsafe {
                let biased = _mm512_add_epi32(_mm512_cvtps_epi32(self), _mm512_set1_epi32(127));
                _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
            }
        }
        #[inline(always)]
        unsafe fn fold(self) -> __m256 {
            unsafe {
                let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(self)));
                _mm256_add_ps(_mm512_castps512_ps256(self), upper)
            }
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            unsafe { _mm512_max_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            unsafe { _mm512_sqrt_ps(self) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self) }
        }
        // No closures: they are compiled without AVX-512, and every intrinsic in them becomes a call.
        #[inline(always)]
        unsafe fn store_four_sums(r: [Self; 4], to: *mut f32) {
            unsafe { __m256::store_four_sums([r[0].fold(), r[1].fold(), r[2].fold(), r[3].fold()], to) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    #![expect(clippy::undocumented_unsafe_blocks, reason = "one intrinsic each, under the contract of `Lanes`")]
    use super::Lanes;
    use core::arch::aarch64::*;

    impl Lanes for float32x4_t {
        const WIDTH: usize = 4;
        type Half = Self;
        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { vdupq_n_f32(0.0) }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            unsafe { vdupq_n_f32(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { vld1q_f32(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { vst1q_f32(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { vaddq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            unsafe { vsubq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { vmulq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            unsafe { vdivq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { vfmaq_f32(addend, self, factor) }
        }
        #[inline(always)]
        unsafe fn clamp(self, limit: f32) -> Self {
            unsafe { vminq_f32(vmaxq_f32(self, vdupq_n_f32(-limit)), vdupq_n_f32(limit)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            unsafe { vrndnq_f32(self) }
        }
        #[inline(always)]
        unsafe fn exp2_of_integer(self) -> Self {
            unsafe {
                let biased = vaddq_s32(vcvtq_s32_f32(self), vdupq_n_s32(127));
                vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
            }
        }
        #[inline(always)]
        unsafe fn fold(self) -> Self {
            self
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            unsafe { vmaxq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            unsafe { vsqrtq_f32(self) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe { vaddvq_f32(self) }
        }
    }
}
