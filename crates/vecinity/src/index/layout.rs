//! The bytes of a segment: a header, sections that begin on cache lines, a checksum.
//!
//! ```text
//! magic "VECINDEX" | version u32 | metric u32 | dim u32 | degree u32 | entries u32 | coarse u32 | rows u64 | bytes u64 | zeros to 64
//! mean     f32 [dim]            what was taken off every vector before it became codes
//! keys     u64 [rows]           of the rows, in the order of the walk
//! by_key   u32 [rows]           rows by rising key
//! codes    u8  [rows, stride]   see `vecinity_kernel::codes`
//! links    u32 [rows, degree]   a row with fewer is filled up with itself; degree 0: no graph
//! books    f32 [groups, 2, 16]  coarse 0: these four are empty; see `coarse.rs`
//! scales   f32 [rows of 64]
//! squares  f32 [rows of 64]     where the metric is a distance
//! blocks   u8  [rows / 64, pairs of groups, 64]
//! vectors  f32 [rows, dim]      of unit length where the metric is the cosine
//! checksum [64]                 BLAKE3 of all before, hexadecimal
//! ```

use super::{Metric, coarse};
use std::ops::Range;
use vecinity_kernel::{codes, pq};

const MAGIC: &[u8; 8] = b"VECINDEX";
const VERSION: u32 = 2;
const LINE: usize = 64;
/// Bytes of the checksum at the end.
pub(super) const CHECKSUM: usize = 64;
const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::Euclidean];

/// The numbers of a header, and where the sections are that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) metric: Metric,
    pub(super) dim: usize,
    pub(super) degree: usize,
    pub(super) entries: usize,
    /// Whether there are coarse codes.
    pub(super) coarse: bool,
    pub(super) rows: usize,
    pub(super) mean: Range<usize>,
    pub(super) keys: Range<usize>,
    pub(super) by_key: Range<usize>,
    pub(super) codes: Range<usize>,
    pub(super) links: Range<usize>,
    pub(super) books: Range<usize>,
    pub(super) scales: Range<usize>,
    pub(super) squares: Range<usize>,
    pub(super) blocks: Range<usize>,
    pub(super) vectors: Range<usize>,
    /// Of the whole file.
    pub(super) bytes: usize,
}

impl Layout {
    /// `None` if such a segment would not fit into the address space, has more than 2^31 rows, or coarse codes of more values
    /// than those are made for.
    pub(super) fn new(
        metric: Metric,
        rows: usize,
        dim: usize,
        degree: usize,
        entries: usize,
        coarse: bool,
    ) -> Option<Self> {
        if rows >= 1 << 31 || dim == 0 || dim > 1 << 20 || (coarse && !coarse::fits(dim)) {
            return None;
        }
        let mut at = LINE;
        let mut section = |count: usize, width: usize| {
            let start = at;
            let end = start.checked_add(count.checked_mul(width)?)?;
            at = end.checked_next_multiple_of(LINE)?;
            Some(start..end)
        };
        let mean = section(dim, 4)?;
        let keys = section(rows, 8)?;
        let by_key = section(rows, 4)?;
        let codes = section(rows, codes::stride(dim))?;
        let links = section(rows, degree.checked_mul(4)?)?;
        let (groups, block_count) = if coarse { (coarse::groups(dim), rows.div_ceil(pq::BLOCK)) } else { (0, 0) };
        let books = section(groups, 2 * pq::CODES * 4)?;
        let scales = section(block_count, pq::BLOCK * 4)?;
        let squares = section(if metric == Metric::Euclidean { block_count } else { 0 }, pq::BLOCK * 4)?;
        let blocks = section(block_count, pq::block_bytes(groups))?;
        let vectors = section(rows, dim.checked_mul(4)?)?;
        let bytes = at.checked_add(CHECKSUM)?;
        Some(Self {
            metric,
            dim,
            degree,
            entries,
            coarse,
            rows,
            mean,
            keys,
            by_key,
            codes,
            links,
            books,
            scales,
            squares,
            blocks,
            vectors,
            bytes,
        })
    }

    /// The header.
    pub(super) fn header(&self) -> [u8; LINE] {
        let metric = METRICS.iter().position(|&metric| metric == self.metric).unwrap_or(0) as u32;
        let mut header = [0; LINE];
        header[..8].copy_from_slice(MAGIC);
        let small = [VERSION, metric, self.dim as u32, self.degree as u32, self.entries as u32, u32::from(self.coarse)];
        for (place, number) in header[8..].chunks_exact_mut(4).zip(small) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        header[32..40].copy_from_slice(&(self.rows as u64).to_le_bytes());
        header[40..48].copy_from_slice(&(self.bytes as u64).to_le_bytes());
        header
    }

    /// Reads the header of a file and compares its claims with the length of the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let header = file.get(..LINE).ok_or_else(|| format!("{} bytes are too few for an index", file.len()))?;
        if &header[..8] != MAGIC {
            return Err("it does not begin as an index does".into());
        }
        let small = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let large = |at: usize| u64::from(small(at)) | u64::from(small(at + 4)) << 32;
        if small(8) != VERSION {
            return Err(format!("it has the version {}, this program knows {VERSION}", small(8)));
        }
        let metric = METRICS.get(small(12) as usize).copied();
        let metric = metric.ok_or_else(|| format!("the metric {} is unknown", small(12)))?;
        let rows = usize::try_from(large(32)).map_err(|_| format!("it claims {} rows", large(32)))?;
        let numbers = [small(16), small(20), small(24)].map(|number| number as usize);
        let [dim, degree, entries] = numbers;
        let coarse = match small(28) {
            0 => false,
            1 => true,
            other => return Err(format!("it claims coarse codes of the kind {other}")),
        };
        let layout = Self::new(metric, rows, dim, degree, entries, coarse);
        let layout = layout.ok_or_else(|| format!("it claims {rows} rows of {dim} values"))?;
        if layout.bytes != file.len() || large(40) != file.len() as u64 {
            return Err(format!("its header claims {} bytes, the file has {}", layout.bytes, file.len()));
        }
        if degree > 0 && !(2..=1024).contains(&degree) {
            return Err(format!("it claims {degree} links a row"));
        }
        Ok(layout)
    }
}
