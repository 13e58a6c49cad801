//! Parameter tables that several threads read and write at the same time.
//!
//! Lock-free stochastic gradient descent (Niu et al. 2011, "Hogwild", arXiv:1106.5730) lets every
//! thread update the shared rows without locks: collisions are rare and the lost updates are noise.
//! This file and [`copies`](crate::copies) are the only places of the project where that happens.

use crate::copies::Copies;
use memmap2::MmapMut;
use std::io;

/// Rows start at multiples of this many floats (64 bytes, one cache line).
pub(crate) const ALIGN: usize = 16;
/// Tables from this size on ask for huge pages: random rows would miss the TLB otherwise.
const HUGE_PAGE: usize = 2 << 20;

/// A table of `rows` vectors of `dim` floats, shared by training threads.
///
/// Rows are padded with zeros to a multiple of 16 floats and start on cache lines, so that kernels
/// need no remainder loops. A fresh table is all zeros; its memory is reserved but not touched.
///
/// # Sharing
/// [`Block`](crate::Block) reads and writes rows through `&SharedRows`, also from several threads at
/// once. One thread alone gets the same result in every run. Several threads race by design: a
/// reader may see part of another thread's update, and one of two updates of the same float may be lost.
#[derive(Debug)]
pub struct SharedRows {
    map: MmapMut,
    /// Floats between the start of the map and row 0 (huge-page alignment).
    offset: usize,
    rows: usize,
    dim: usize,
    stride: usize,
}

// SAFETY: the fields but `map` are constants. The mapped floats are reached in two ways. Through
// `&mut self`, exclusively, as ordinary slices. Through `&self`, only by raw pointers inside this
// crate's kernels and copies (`read_into`, `Table`, `Copies`); no `&[f32]` or `&mut [f32]` to shared rows exists while
// threads may race. The races themselves are plain vector loads and stores of `f32`: on every
// supported processor each aligned 32-bit part is read and written whole, every bit pattern is a
// valid `f32`, and no pointer, length or index is ever derived from a raced value, so that a race can
// change numbers but not memory safety. The Rust memory model still calls this undefined; relaxed
// atomics would be defined, and were measured at 2.9 to 5.2 times the instructions since nothing vectorises.
unsafe impl Sync for SharedRows {}

impl SharedRows {
    /// A table of zeros.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] if the size overflows, or what the system says.
    pub fn zeroed(rows: usize, dim: usize) -> io::Result<Self> {
        let stride = dim.max(1).next_multiple_of(ALIGN);
        let bytes = rows.checked_mul(stride).and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(HUGE_PAGE));
        let bytes = bytes.filter(|&n| isize::try_from(n).is_ok()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(bytes)?;
        #[cfg(target_os = "linux")]
        if bytes >= 2 * HUGE_PAGE {
            // A refusal costs speed only.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        let offset = map.as_ptr().align_offset(HUGE_PAGE).min(HUGE_PAGE) / 4;
        Ok(Self { map, offset, rows, dim, stride })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Floats in a row, without padding.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `row`, exclusively.
    ///
    /// # Panics
    /// If `row` is out of range.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let start = self.start(row);
        // SAFETY: `start` checked the row; `&mut self` excludes all other access; the map lives as long as `self`.
        unsafe { std::slice::from_raw_parts_mut(self.map.as_mut_ptr().cast::<f32>().add(start), self.dim) }
    }

    /// Copies row `row` into `to`; while other threads train, a mixture of old and new values.
    ///
    /// # Panics
    /// If `row` is out of range or `to` is not of length `dim`.
    pub fn read_into(&self, row: usize, to: &mut [f32]) {
        assert_eq!(to.len(), self.dim, "a row has `dim` floats");
        let from = self.pointer(row);
        for (k, value) in to.iter_mut().enumerate() {
            // SAFETY: `pointer` checked the row, `k < dim <= stride`; a race can only yield another `f32`.
            *value = unsafe { from.add(k).read() };
        }
    }

    #[inline]
    fn start(&self, row: usize) -> usize {
        if row >= self.rows {
            out_of_range(row, self.rows);
        }
        self.offset + row * self.stride
    }

    /// Pointer to the first float of a row; `stride` floats from it belong to the row.
    #[inline]
    pub(crate) fn pointer(&self, row: usize) -> *mut f32 {
        let start = self.start(row);
        // SAFETY: `start` lies inside the map, which `zeroed` made large enough for `rows` padded rows
        // behind `offset`. Writing through a pointer from `as_ptr` is fine for a `MmapMut`: it keeps a raw
        // pointer to the mapping, not a reference into it.
        unsafe { self.map.as_ptr().cast::<f32>().cast_mut().add(start) }
    }
}

/// One cache line of floats: what scratch memory of the kernels is made of.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [f32; ALIGN]);

#[cold]
#[inline(never)]
fn out_of_range(row: usize, rows: usize) -> ! {
    panic!("row {row} of a table of {rows} rows")
}

/// A table as one thread sees it: the shared rows, and in place of the most used ones its own [`Copies`].
#[derive(Debug, Clone, Copy)]
pub struct Table<'t> {
    shared: &'t SharedRows,
    copies: Option<&'t Copies>,
}

impl<'t> From<&'t SharedRows> for Table<'t> {
    fn from(shared: &'t SharedRows) -> Self {
        Self { shared, copies: None }
    }
}

impl<'t> Table<'t> {
    /// The same table with copies of its first rows.
    ///
    /// # Panics
    /// If the copies are of rows of another `dim`, or of more rows than there are.
    #[must_use]
    pub fn with(self, copies: &'t Copies) -> Self {
        assert!(copies.fit(self.shared), "copies are of rows of the same table");
        Self { copies: Some(copies), ..self }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(self) -> usize {
        self.shared.rows()
    }

    /// Floats in a row, without padding.
    #[must_use]
    pub fn dim(self) -> usize {
        self.shared.dim()
    }

    /// Adds `factor` times row `row` to `to`; while other threads train, of a mixture of old and new values.
    ///
    /// # Panics
    /// If `row` is out of range or `to` is not of length `dim`.
    pub fn add_from(self, row: usize, factor: f32, to: &mut [f32]) {
        assert_eq!(to.len(), self.dim(), "a row has `dim` floats");
        let from = self.pointer(row);
        for (k, value) in to.iter_mut().enumerate() {
            // SAFETY: `pointer` checked the row, `k < dim <= stride`; a race can only yield another `f32`.
            *value += factor * unsafe { from.add(k).read() };
        }
    }

    /// Adds `factor * values` to row `row`; while other threads train, one of two updates of a float may be lost.
    ///
    /// # Panics
    /// If `row` is out of range or `values` is not of length `dim`.
    pub fn add_to(self, row: usize, factor: f32, values: &[f32]) {
        assert_eq!(values.len(), self.dim(), "a row has `dim` floats");
        if let Some(copies) = self.copies {
            copies.count(self.shared, &[row as u32]);
        }
        let to = self.pointer(row);
        for (k, value) in values.iter().enumerate() {
            // SAFETY: `pointer` checked the row, `k < dim <= stride`; a race can only yield another `f32`.
            unsafe {
                let to = to.add(k);
                to.write(to.read() + factor * *value);
            }
        }
    }

    /// Writes checked pointers to the rows `ids`, which will be changed, to the beginning of `to`, which grows if it must.
    #[inline]
    pub(crate) fn fill(self, to: &mut Vec<*mut f32>, ids: &[u32]) {
        if to.len() < ids.len() {
            to.resize(ids.len(), std::ptr::null_mut());
        }
        if let Some(copies) = self.copies {
            copies.count(self.shared, ids);
        }
        for (to, &id) in to.iter_mut().zip(ids) {
            *to = self.pointer(id as usize);
        }
    }

    /// Pointer to a row as this thread sees it.
    #[inline(always)]
    pub(crate) fn pointer(self, row: usize) -> *mut f32 {
        match self.copies {
            Some(copies) if copies.has(row) => copies.pointer(row),
            _ => self.shared.pointer(row),
        }
    }
}

/// Some rows of a table, by number: one side of a [`Block`](crate::Block).
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The table.
    pub table: Table<'a>,
    /// Row numbers, each below `table.rows()`. A number may occur more than once.
    pub ids: &'a [u32],
}

impl<'a> Rows<'a> {
    /// Rows `ids` of `table`.
    #[must_use]
    pub fn new(table: impl Into<Table<'a>>, ids: &'a [u32]) -> Self {
        Self { table: table.into(), ids }
    }
}
