//! Products by the matrix tiles of x86-64 (AMX): each float as the sum of two of sixteen bits.
//!
//! A tile instruction multiplies 16 x 32 by 32 x 16 values of the type bf16 (8 bits of mantissa) and adds to floats, with 16
//! times the rate of fused multiply-adds of 512 bits. A float is `high + low` to 16 bits of mantissa; `high * high + high * low +
//! low * high` leaves out `low * low`, 2^-16 of the product at most, and as much of what each factor was rounded by (Henry, Tang and
//! Heinecke 2019, arXiv:1904.06376).
//! A third of that rate is left, and the splitting, whose cost grows with the matrices and not with the product.
//!
//! The matrices are split into tiles of 1 KiB that lie as the instruction wants them: a row of a left tile holds 32 terms, a
//! row of a right one two terms of 16 columns, pair by pair.

use crate::isa::Isa;
use crate::matrix::View;
use core::arch::asm;
use core::arch::x86_64::*;
use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Rows of a tile, and floats of a row of sums.
const SIDE: usize = 16;
/// Terms of a tile.
const DEPTH: usize = 32;
/// Bytes of a row of a tile.
const ROW: usize = 64;
/// Bytes of a tile.
const TILE: usize = SIDE * ROW;
/// Bytes of 32 terms of a tile's rows or columns: a tile of high halves, a tile of low ones.
const PAIR: usize = 2 * TILE;
/// Products below so many terms are not worth the splitting.
const WORTH: usize = 1 << 16;

/// Whether a product is faster here: the machine has tiles, and the splitting is small beside the product.
///
/// Rows do not count as long as they fill a tile: a product cut into blocks of whole tiles has the same bits.
pub(super) fn is_worth([m, k, n]: [usize; 3]) -> bool {
    m >= SIDE && k >= SIDE && SIDE * k * n >= WORTH && available()
}

/// Whether this process may use tiles of bf16: the machine has them, and nobody asked for another instruction set.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        let open = Isa::active() == Isa::Avx512 && std::env::var_os("VECINITY_ISA").is_none();
        let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        // What the processor says: structured extended features, bits of EDX.
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        let says = |bits: u32| __get_cpuid_max(0).0 >= 7 && __cpuid_count(7, 0).edx & bits == bits;
        open && vectors && says(AMX_BF16 | AMX_TILE) && permitted()
    })
}

/// Asks the kernel for the tiles' registers, 8 KiB a thread, which it saves only for processes that asked.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    // SAFETY: the call takes two numbers and changes nothing but what this process may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// How the eight tiles are shaped: all 16 rows of 64 bytes.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIG: TileConfig = TileConfig {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// A row of a tile.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; ROW],
}

/// Sums of a tile that reaches over the edge.
#[repr(align(64))]
struct Sums {
    _values: [f32; SIDE * SIDE],
}

/// A split matrix: for each 16 rows of a left one, or 16 columns of a right one, a pair of tiles for each 32 terms.
#[derive(Debug, Clone, Default)]
pub(super) struct Panel {
    lines: Vec<Line>,
    /// Bytes from 16 rows or columns to the next.
    step: usize,
    terms: usize,
}

/// A part of a panel, from some row or column and some term on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    lines: &'a [Line],
    step: usize,
    terms: usize,
}

impl Panel {
    /// Makes room for `outer` rows or columns.
    fn shape(&mut self, outer: usize, terms: usize) -> *mut u8 {
        self.step = terms.div_ceil(DEPTH) * PAIR;
        self.terms = terms;
        self.lines.resize(outer.div_ceil(SIDE) * self.step / ROW, Line { _bytes: [0; ROW] });
        self.lines.as_mut_ptr().cast()
    }

    /// Splits a left matrix. The machine must have tiles.
    pub(super) fn left(&mut self, a: View<'_>) {
        let ((m, k), (row, col), a) = (a.shape(), a.strides(), a.values().as_ptr());
        let (row, col) = (row.unsigned_abs(), col.unsigned_abs());
        let to = self.shape(m, k);
        assert!(available(), "this machine has no matrix tiles");
        for i in (0..m).step_by(SIDE) {
            let rows = (m - i).min(SIDE);
            // SAFETY: the machine has AVX-512 if it has tiles; the view holds `m` rows of `k` terms, of which these are `rows`; the
            // panel was made to hold them.
            unsafe {
                let (from, to) = (a.add(i * row), to.add(i / SIDE * self.step));
                if col == 1 { split_rows(from, row, rows, k, to) } else { split_turned(from, col, rows, k, to) }
            }
        }
    }

    /// Splits a right matrix of `columns` columns, row-major. The machine must have tiles.
    pub(super) fn right(&mut self, b: &[f32], columns: usize) {
        assert!(available(), "this machine has no matrix tiles");
        assert!(
            columns > 0 && columns.is_multiple_of(SIDE) && b.len().is_multiple_of(columns),
            "whole tiles of columns"
        );
        let k = b.len() / columns;
        let to = self.shape(columns, k);
        // SAFETY: the machine has AVX-512; `b` holds `k` rows of `columns` floats; the panel was made to hold them.
        unsafe { split_columns(b.as_ptr(), columns, k, columns, to, self.step) }
    }

    /// From a row or column and a term on, which begin tiles.
    pub(super) fn part(&self, outer: usize, term: usize) -> Part<'_> {
        assert!(outer.is_multiple_of(SIDE) && term.is_multiple_of(DEPTH), "a part begins with a tile");
        assert!(term <= self.terms, "a part lies within the panel");
        let lines = &self.lines[(outer / SIDE * self.step + term / DEPTH * PAIR) / ROW..];
        Part { lines, step: self.step, terms: self.terms - term }
    }
}

impl Part<'_> {
    /// The tiles of `outer` rows or columns, with `terms` terms each.
    fn tiles(&self, outer: usize, terms: usize) -> *const u8 {
        assert!(terms == self.terms || terms < self.terms && terms.is_multiple_of(DEPTH), "a part ends with a tile");
        let bytes = (outer.div_ceil(SIDE) - 1) * self.step + terms.div_ceil(DEPTH) * PAIR;
        assert!(bytes <= size_of_val(self.lines), "the panel holds the matrix");
        self.lines.as_ptr().cast()
    }
}

thread_local! {
    /// Panels of matrices that are split for one product.
    static PANELS: RefCell<[Panel; 2]> = RefCell::default();
}

/// `c = a · b`, or with `add` `c += a · b`, where parts of panels replace the matrices.
///
/// # Panics
/// If the machine has no tiles, or shapes do not agree.
pub(super) fn product(a: View<'_>, b: &[f32], parts: [Option<Part<'_>>; 2], add: bool, c: &mut [f32]) {
    let (m, k) = a.shape();
    let n = c.len() / m;
    assert!(available() && k > 0 && m * n == c.len() && n.is_multiple_of(SIDE), "whole tiles of columns");
    PANELS.with_borrow_mut(|[left, right]| {
        let [a_part, b_part] = parts;
        let a_part = a_part.unwrap_or_else(|| {
            left.left(a);
            left.part(0, 0)
        });
        let b_part = b_part.unwrap_or_else(|| {
            right.right(b, n);
            right.part(0, 0)
        });
        let (left, right, depth) = (a_part.tiles(m, k), b_part.tiles(n, k), k.div_ceil(DEPTH));
        // SAFETY: the machine has tiles, which are configured before and given back behind; the parts were checked to hold
        // all tiles of the shape; `c` has `m` rows of `n` floats.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const CONFIG, options(nostack, readonly));
            for i in (0..m).step_by(2 * SIDE) {
                let left = left.add(i / SIDE * a_part.step);
                for j in (0..n).step_by(2 * SIDE) {
                    let right = right.add(j / SIDE * b_part.step);
                    let c = c.as_mut_ptr().add(i * n + j);
                    block([left, right], [a_part.step, b_part.step], depth, [m - i, n - j], n, add, c);
                }
            }
            asm!("tilerelease", options(nostack, nomem));
        }
    });
}

/// Where a tile of sums lies: its first row, and the bytes from one row to the next.
#[derive(Clone, Copy)]
#[repr(C)]
struct Place(*mut f32, usize);

/// Up to two by two tiles of sums, of `rows` times `columns` that there are.
///
/// # Safety
/// The panels, `steps` bytes from a row or column of tiles to the next, hold `depth` pairs of tiles of each that exists; `c` points to
/// `rows` rows, `stride` floats from one to the next, of `columns` floats, whole tiles of them; the tiles are configured.
unsafe fn block(
    panels: [*const u8; 2],
    steps: [usize; 2],
    depth: usize,
    [rows, columns]: [usize; 2],
    stride: usize,
    add: bool,
    c: *mut f32,
) {
    let mut edges = [const { MaybeUninit::<Sums>::uninit() }; 4];
    let corner = |at: usize| c.wrapping_add(at / 2 * SIDE * stride + at % 2 * SIDE);
    // Rows that exist of each tile.
    let exist: [usize; 4] =
        std::array::from_fn(
            |at| {
                if at % 2 * SIDE < columns { rows.saturating_sub(at / 2 * SIDE).min(SIDE) } else { 0 }
            },
        );
    // SAFETY: a place is a whole tile: of the sums if all of it exists, else of `edges`, to and from which only rows that exist
    // are copied. A panel that does not exist is replaced by one that does.
    unsafe {
        let mut places = [Place(c, stride * size_of::<f32>()); 4];
        for (at, place) in places.iter_mut().enumerate() {
            place.0 = corner(at);
            if exist[at] < SIDE {
                *place = Place(edges[at].as_mut_ptr().cast(), ROW);
                for r in 0..if add { exist[at] } else { 0 } {
                    place.0.add(r * SIDE).copy_from_nonoverlapping(corner(at).add(r * stride), SIDE);
                }
            }
        }
        let two = |side: usize, exist: usize| {
            let panel = panels[side];
            [panel, if exist > SIDE { panel.add(steps[side]) } else { panel }]
        };
        multiply(two(0, rows), two(1, columns), depth, add, &places);
        for (at, place) in places.iter().enumerate().filter(|(at, _)| exist[*at] < SIDE) {
            for r in 0..exist[at] {
                corner(at).add(r * stride).copy_from_nonoverlapping(place.0.add(r * SIDE), SIDE);
            }
        }
    }
}

/// Two by two tiles of sums, over `depth` tiles of terms: what is small first.
///
/// # Safety
/// Each panel holds `depth` pairs of tiles, each place a whole tile; the tiles are configured.
unsafe fn multiply(left: [*const u8; 2], right: [*const u8; 2], depth: usize, add: bool, places: &[Place; 4]) {
    macro_rules! tiles {
        ($($begin:literal),*) => {
            asm!(
                $($begin,)*
                "2:",
                // high * low
                "tileloadd tmm4, [{a0} + {row}]",
                "tileloadd tmm6, [{b0} + {row} + 1024]",
                "tileloadd tmm7, [{b1} + {row} + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{a1} + {row}]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // high * high
                "tileloadd tmm6, [{b0} + {row}]",
                "tileloadd tmm7, [{b1} + {row}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                // low * high
                "tileloadd tmm4, [{a0} + {row} + 1024]",
                "tileloadd tmm5, [{a1} + {row} + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {a0}, 2048",
                "add {a1}, 2048",
                "add {b0}, 2048",
                "add {b1}, 2048",
                "dec {depth}",
                "jnz 2b",
                "mov {to}, [{places}]",
                "mov {stride}, [{places} + 8]",
                "tilestored [{to} + {stride}], tmm0",
                "mov {to}, [{places} + 16]",
                "mov {stride}, [{places} + 24]",
                "tilestored [{to} + {stride}], tmm1",
                "mov {to}, [{places} + 32]",
                "mov {stride}, [{places} + 40]",
                "tilestored [{to} + {stride}], tmm2",
                "mov {to}, [{places} + 48]",
                "mov {stride}, [{places} + 56]",
                "tilestored [{to} + {stride}], tmm3",
                a0 = inout(reg) left[0] => _,
                a1 = inout(reg) left[1] => _,
                b0 = inout(reg) right[0] => _,
                b1 = inout(reg) right[1] => _,
                depth = inout(reg) depth => _,
                row = in(reg) ROW,
                places = in(reg) places.as_ptr(),
                to = out(reg) _,
                stride = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            )
        };
    }
    // SAFETY: only what the caller promised is read and written; a depth of zero has no product and does not come here.
    unsafe {
        if add {
            tiles!(
                "mov {to}, [{places}]",
                "mov {stride}, [{places} + 8]",
                "tileloadd tmm0, [{to} + {stride}]",
                "mov {to}, [{places} + 16]",
                "mov {stride}, [{places} + 24]",
                "tileloadd tmm1, [{to} + {stride}]",
                "mov {to}, [{places} + 32]",
                "mov {stride}, [{places} + 40]",
                "tileloadd tmm2, [{to} + {stride}]",
                "mov {to}, [{places} + 48]",
                "mov {stride}, [{places} + 56]",
                "tileloadd tmm3, [{to} + {stride}]"
            );
        } else {
            tiles!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3");
        }
    }
}

/// Those of 16 floats whose bit is set; zeros in place of the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load(from: *const f32, mask: u16) -> __m512 {
    // SAFETY: the caller's promise: these floats exist.
    unsafe { _mm512_maskz_loadu_ps(mask, from) }
}

/// The mask of the first `count` of 16.
const fn first(count: usize) -> u16 {
    if count < SIDE { (1 << count) - 1 } else { u16::MAX }
}

/// Pairs of floats as bf16, the nearest ones, and what these leave over: `even` in the lower halves, `odd` in the upper ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn split(even: __m512, odd: __m512) -> [__m512i; 2] {
    let half = _mm512_set1_epi32(0x8000);
    let upper = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let round = |x: __m512| _mm512_add_epi32(_mm512_castps_si512(x), half);
    let pair = |even, odd| _mm512_mask_blend_epi16(0xaaaa_aaaa, _mm512_srli_epi32::<16>(even), odd);
    let high = [round(even), round(odd)];
    let left = |x, high| _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_and_si512(high, upper)));
    [pair(high[0], high[1]), pair(round(left(even, high[0])), round(left(odd, high[1])))]
}

/// The right matrix: `terms` rows of `columns` floats, `stride` floats from one to the next. A row of a tile holds two terms that
/// are 16 apart, so that no value has to change places within a register.
///
/// # Safety
/// The rows exist; `to` holds `deep` bytes for each 16 columns, in which there is a pair of tiles for each 32 terms.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn split_columns(from: *const f32, stride: usize, terms: usize, columns: usize, to: *mut u8, deep: usize) {
    // SAFETY: only rows below `terms` are read; each two of them have their row of each tile.
    unsafe {
        for pair in 0..terms.div_ceil(DEPTH) * SIDE {
            let even = pair / SIDE * DEPTH + pair % SIDE;
            let odd = even + SIDE;
            let masks = [even, odd].map(|term| if term < terms { u16::MAX } else { 0 });
            let rows = [even, odd].map(|term| from.wrapping_add(term * stride));
            let to = to.add(pair / SIDE * PAIR + pair % SIDE * ROW);
            for tile in 0..columns / SIDE {
                let at = |row: *const f32| row.wrapping_add(tile * SIDE);
                let [high, low] = split(load(at(rows[0]), masks[0]), load(at(rows[1]), masks[1]));
                let to = to.add(tile * deep);
                _mm512_store_si512(to.cast(), high);
                _mm512_store_si512(to.add(TILE).cast(), low);
            }
        }
    }
}

/// Up to 16 rows of the left matrix as they lie, `stride` floats from one to the next.
///
/// # Safety
/// The rows hold `terms` floats; `to` holds a pair of tiles for each 32 terms.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn split_rows(from: *const f32, stride: usize, rows: usize, terms: usize, to: *mut u8) {
    // SAFETY: only `terms` floats of each row are read; each row has its place in each tile.
    unsafe {
        for row in 0..SIDE {
            for deep in 0..terms.div_ceil(DEPTH) {
                let from = from.wrapping_add(row * stride + deep * DEPTH);
                let left = if row < rows { terms - deep * DEPTH } else { 0 };
                let to = to.add(deep * PAIR + row * ROW);
                let odd = load(from.wrapping_add(SIDE), first(left.saturating_sub(SIDE)));
                let [high, low] = split(load(from, first(left)), odd);
                _mm512_store_si512(to.cast(), high);
                _mm512_store_si512(to.add(TILE).cast(), low);
            }
        }
    }
}

/// Up to 16 rows of the left matrix that lie as columns, `stride` floats from one term to the next.
///
/// # Safety
/// The terms hold `rows` floats; `to` holds a pair of tiles for each 32 terms.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn split_turned(from: *const f32, stride: usize, rows: usize, terms: usize, to: *mut u8) {
    // SAFETY: only `rows` floats of terms below `terms` are read; a pair of tiles is written whole.
    unsafe {
        for deep in 0..terms.div_ceil(DEPTH) {
            let (mut high, mut low) = ([_mm512_setzero_si512(); SIDE], [_mm512_setzero_si512(); SIDE]);
            for pair in 0..SIDE {
                let term = |at: usize| load(from.wrapping_add(at * stride), if at < terms { first(rows) } else { 0 });
                let even = deep * DEPTH + pair;
                [high[pair], low[pair]] = split(term(even), term(even + SIDE));
            }
            for (half, tile) in [high, low].into_iter().enumerate() {
                let to = to.add(deep * PAIR + half * TILE);
                for (row, values) in turn(tile).into_iter().enumerate() {
                    _mm512_store_si512(to.add(row * ROW).cast(), values);
                }
            }
        }
    }
}

/// 16 x 16 values of 32 bits with rows and columns exchanged.
#[target_feature(enable = "avx512f,avx512bw")]
fn turn(rows: [__m512i; SIDE]) -> [__m512i; SIDE] {
    let zero = _mm512_setzero_si512();
    // Pairs of values, then of pairs, then of quarters of a register, change places.
    let (mut twos, mut fours, mut eights, mut out) = ([zero; SIDE], [zero; SIDE], [zero; SIDE], [zero; SIDE]);
    for at in (0..SIDE).step_by(2) {
        twos[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        twos[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    for at in (0..SIDE).step_by(4) {
        for odd in 0..2 {
            fours[at + 2 * odd] = _mm512_unpacklo_epi64(twos[at + odd], twos[at + odd + 2]);
            fours[at + 2 * odd + 1] = _mm512_unpackhi_epi64(twos[at + odd], twos[at + odd + 2]);
        }
    }
    for at in (0..SIDE).step_by(8) {
        for column in 0..4 {
            let (above, below) = (fours[at + column], fours[at + column + 4]);
            eights[at + column] = _mm512_shuffle_i32x4::<0x88>(above, below);
            eights[at + column + 4] = _mm512_shuffle_i32x4::<0xdd>(above, below);
        }
    }
    for at in 0..8 {
        out[at] = _mm512_shuffle_i32x4::<0x88>(eights[at], eights[at + 8]);
        out[at + 8] = _mm512_shuffle_i32x4::<0xdd>(eights[at], eights[at + 8]);
    }
    out
}
