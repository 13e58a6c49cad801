//! Which instruction set the kernels use. Detected once per process.

use std::sync::OnceLock;

/// An instruction set for which the kernels are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Portable code on arrays of eight floats: the reference, and the fallback.
    Scalar,
    /// x86-64 with AVX2 and FMA (8 floats a register).
    Avx2,
    /// x86-64 with AVX-512F (16 floats a register).
    Avx512,
    /// aarch64 with NEON (4 floats a register).
    Neon,
}

impl Isa {
    /// The instruction sets this machine can run, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut found = vec![Self::Scalar];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
        }
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        found.push(Self::Neon);
        found
    }

    /// The instruction set of this process: the fastest available one, unless the environment variable
    /// `VECINITY_ISA` names another available one (`scalar`, `avx2`, `avx512`, `neon`).
    #[must_use]
    pub fn active() -> Self {
        static ACTIVE: OnceLock<Isa> = OnceLock::new();
        *ACTIVE.get_or_init(|| {
            let available = Self::available();
            let wanted = std::env::var("VECINITY_ISA").ok();
            let named = wanted.and_then(|name| available.iter().copied().find(|isa| isa.name() == name));
            named.unwrap_or_else(|| available.last().copied().unwrap_or(Self::Scalar))
        })
    }

    /// The name used by `VECINITY_ISA` and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }
}

/// How kernels of bytes are compiled: instructions for bytes come with other features than those for floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteIsa {
    /// Portable code: the reference, and the fallback.
    Portable,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512F, BW and VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// aarch64 with NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl ByteIsa {
    /// The one that goes with an instruction set that this machine has.
    fn with(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") => {
                Self::Avx512
            }
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx2 if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") => {
                Self::Avx2
            }
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Self::Neon,
            _ => Self::Portable,
        }
    }

    /// That of this process, see [`Isa::active`].
    pub(crate) fn active() -> Self {
        Self::with(Isa::active())
    }

    /// Those that this machine can run.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Self> {
        let mut found: Vec<Self> = Isa::available().into_iter().map(Self::with).collect();
        found.dedup();
        found
    }
}

/// Runs the generic function `$generic::<L>(args)` with the lanes of `$isa`.
///
/// Expands to one `#[target_feature]` wrapper an instruction set, so that the generic code, all of
/// it `#[inline(always)]`, is compiled with that set enabled. Must be used in an `unsafe` context:
/// the caller promises that `$isa` is available on this machine.
macro_rules! dispatch {
    ($isa:expr, $generic:ident ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $ret:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: the caller upholds the contract of the generic function; AVX2 and FMA are enabled here.
            unsafe { $generic::<core::arch::x86_64::__m256>($($arg),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn avx512($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above, with AVX-512F.
            unsafe { $generic::<core::arch::x86_64::__m512>($($arg),*) }
        }
        #[cfg(target_arch = "aarch64")]
        #[target_feature(enable = "neon")]
        unsafe fn neon($($arg: $ty),*) $(-> $ret)? {
            // SAFETY: as above, with NEON.
            unsafe { $generic::<core::arch::aarch64::float32x4_t>($($arg),*) }
        }
        match $isa {
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx2 => avx2($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::isa::Isa::Avx512 => avx512($($arg),*),
            #[cfg(target_arch = "aarch64")]
            $crate::isa::Isa::Neon => neon($($arg),*),
            _ => $generic::<$crate::lanes::F32x8>($($arg),*),
        }
    }};
}
pub(crate) use dispatch;
