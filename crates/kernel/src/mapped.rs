//! A file as a slice of bytes or numbers, without reading it first; and memory that can be seen the same way.

use memmap2::{Mmap, MmapMut};
use std::fs::File;
use std::io;
use std::ops::Range;

/// Bytes of a huge page.
const HUGE_PAGE: usize = 2 << 20;

/// A number type whose every bit pattern is a value.
///
/// # Safety
/// Implementing types have no padding and no invalid bit patterns.
pub unsafe trait Plain: Copy + 'static {}
// SAFETY: plain numbers.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}

/// A read-only memory map of a whole file.
///
/// The file must not be cut while it is mapped: reading behind the new end would end the process.
/// Vecinity's own files are replaced, never changed in place, so that a map keeps the old version.
#[derive(Debug)]
pub struct Mapped {
    map: Option<Mmap>,
}

impl Mapped {
    /// Maps `file`; an empty file gives an empty map.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self { map: None });
        }
        // SAFETY: the map is private and read-only. The documented rule of this type is that mapped
        // files are replaced, not changed; see above.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self { map: Some(map) })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or(&[])
    }

    /// The bytes `range` as numbers in this machine's byte order.
    ///
    /// `None` if the range is outside of the file, does not start at a multiple of the number's
    /// alignment, or is no whole count of numbers long.
    #[must_use]
    pub fn numbers<T: Plain>(&self, range: Range<usize>) -> Option<&[T]> {
        as_numbers(self.bytes().get(range)?)
    }

    /// Tells the system that these bytes will not be needed again soon, so that they no longer count
    /// as this process's memory. They can still be read.
    pub fn forget(&self, range: Range<usize>) {
        #[cfg(target_os = "linux")]
        if let Some(map) = &self.map {
            const PAGE: usize = 4096;
            let start = range.start.next_multiple_of(PAGE);
            let end = range.end.min(map.len()) / PAGE * PAGE;
            if start < end {
                // SAFETY: the map is a read-only file mapping: dropped pages are read from the file again.
                let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }
}

/// Memory of zeros that starts on a page, in huge pages where the system has them: what is read here and there misses the
/// translation cache less.
#[derive(Debug)]
pub struct Buffer {
    map: Option<MmapMut>,
    length: usize,
}

impl Buffer {
    /// `length` bytes of zeros, reserved but not touched.
    ///
    /// # Errors
    /// What the system says, which may be that there is no memory.
    pub fn zeroed(length: usize) -> io::Result<Self> {
        if length == 0 {
            return Ok(Self { map: None, length });
        }
        let whole = if length < HUGE_PAGE { Some(length) } else { length.checked_next_multiple_of(HUGE_PAGE) };
        let whole = whole.filter(|&n| isize::try_from(n).is_ok()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(whole)?;
        #[cfg(target_os = "linux")]
        if whole >= HUGE_PAGE {
            // A refusal costs speed only.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { map: Some(map), length })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().map_or(&[], |bytes| &bytes[..self.length])
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.map.as_deref_mut().map_or(&mut [], |bytes| &mut bytes[..self.length])
    }
}

/// Asks the system to hold this memory in huge pages, best before it is written for the first time; changes nothing else.
pub fn prefer_huge_pages<T: Plain>(memory: &mut [T]) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const PAGE: usize = 4096;
        let start = memory.as_mut_ptr().addr().next_multiple_of(PAGE) - memory.as_mut_ptr().addr();
        let length = (size_of_val(memory).saturating_sub(start)) / PAGE * PAGE;
        if length >= HUGE_PAGE {
            // SAFETY: whole pages inside of the slice, which stay as they are but for their size. A refusal costs speed only.
            let _ = unsafe {
                rustix::mm::madvise(
                    memory.as_mut_ptr().byte_add(start).cast(),
                    length,
                    rustix::mm::Advice::LinuxHugepage,
                )
            };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = memory;
}

/// Bytes as numbers in this machine's byte order; `None` if they do not start at a multiple of the number's alignment
/// or are no whole count of numbers long.
#[must_use]
pub fn as_numbers<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: `Plain` types have no invalid bit patterns.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// [`as_numbers`], to be written.
#[must_use]
pub fn as_numbers_mut<T: Plain>(bytes: &mut [u8]) -> Option<&mut [T]> {
    // SAFETY: `Plain` types have no invalid bit patterns and no padding: whatever is written is bytes again.
    let (before, numbers, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// Numbers as bytes.
#[must_use]
pub fn as_bytes<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: `Plain` types have no padding: every byte is initialised.
    unsafe { numbers.align_to::<u8>().1 }
}
