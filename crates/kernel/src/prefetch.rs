//! Asking for memory before it is read: hints to the processor, without any effect that a program could see.

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the cache line at `address`, which may be any.
#[inline(always)]
pub(crate) fn line<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch is no access in the language's sense and never faults; SSE is part of x86-64.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Asks for the cache line at `address`, which will be written: takes it away from other cores at once, not only when
/// the first store comes.
#[inline(always)]
pub(crate) fn line_to_write<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: as in `line`; x86-64 processors without the instruction take it for an empty one. (The intrinsic with
    // the hint to write becomes a plain prefetch unless the feature is on.)
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Asks for so many bytes from `address` on.
#[inline(always)]
pub(crate) fn bytes(address: *const u8, count: usize) {
    let mut at = 0;
    while at < count {
        line(address.wrapping_add(at));
        at += LINE;
    }
}

/// Asks for the memory of a slice, which will be read soon.
#[inline]
pub fn slice<T>(values: &[T]) {
    bytes(values.as_ptr().cast(), size_of_val(values));
}

/// Asks for `values[at]`, which will be read soon; nothing behind the end.
#[inline]
pub fn value<T>(values: &[T], at: usize) {
    if let Some(value) = values.get(at) {
        line(std::ptr::from_ref(value));
    }
}
