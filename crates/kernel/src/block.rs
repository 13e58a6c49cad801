//! The training block: `m` input rows against `n` candidate rows, forward and backward in one go.
//!
//! All log-bilinear models (skip-gram, CBOW, hierarchical softmax, item2vec, listing embeddings) are
//! one update. With inputs `x_i`, candidates `o_j`, labels `y_j` in {0, 1}, weights `w_i` and a rate `r`:
//!
//! ```text
//! s_ij = x_i . o_j                           scores
//! g_ij = r w_i (y_j - sigmoid(s_ij))         r times the gradient of the log likelihood
//! x_i += sum_j g_ij o_j     o_j += sum_i g_ij x_i
//! ```
//!
//! All scores come from the old values. The updates run over groups of at most six inputs; within a
//! group both sides are the values at its start, and the next group sees the candidates as this one
//! left them: the order of plain stochastic gradient descent.
//!
//! Treating a whole block at once is where the speed comes from: each row is loaded once for several
//! inputs, and the multiply-add units are the limit instead of the cache (Ji et al. 2016,
//! arXiv:1604.04661). Scores are computed in register tiles (6x2, 5x2, 4x3, 3x4, 2x6, 1x8 accumulators)
//! whose sums leave as one register a candidate, go through the sigmoid while the next tile is
//! multiplied, and the update is one pass that holds up to six inputs and their gradients in registers
//! while the candidates stream by.
//!
//! Rows that occur twice among the inputs or candidates are updated twice, as they should be.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::rows::{ALIGN, Rows, SharedRows, prefetch};
use std::marker::PhantomData;

/// The most inputs of a group: with their updates they fill twelve of sixteen registers.
const GROUP: usize = 6;
/// Rows of the gradient matrix are padded to a multiple of this many inputs: the widest register.
const LEAD: usize = 16;
/// Sums are written this many at a time.
const SUMS: usize = 8;

/// The size of the next group of inputs when `rest` are left: none larger than [`GROUP`], and nearly
/// equal ones at the end, since small groups wait for their own sums.
#[inline(always)]
fn next_group(rest: usize) -> usize {
    match rest {
        0..=GROUP => rest,
        7..=12 => rest.div_ceil(2),
        _ => GROUP,
    }
}

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

impl Labels<'_> {
    #[inline]
    fn of(self, candidate: usize) -> f32 {
        match self {
            Self::FirstIsTrue | Self::FirstThenNoise(_) => f32::from(u8::from(candidate == 0)),
            Self::All(label) => label,
            Self::Each(labels) => labels[candidate],
        }
    }

    /// Labels and weights of `L::WIDTH` candidates from `j` on; anything behind candidate `n - 1`.
    ///
    /// # Safety
    /// The instruction set of `L`; `Each` has `n` labels.
    #[inline(always)]
    unsafe fn lanes<L: Lanes>(self, j: usize, n: usize) -> (L, L) {
        /// One, then zeros, then zeros again for the lanes behind the first register.
        const FIRST: [f32; 2 * LEAD] = {
            let mut lanes = [0.0; 2 * LEAD];
            lanes[0] = 1.0;
            lanes
        };
        // SAFETY: `FIRST` has `WIDTH` floats from 0 and from 1 on; `each` from `j` on where it is loaded whole.
        unsafe {
            let (one, first) = (L::splat(1.0), L::load(FIRST.as_ptr().add(usize::from(j > 0))));
            match self {
                Self::FirstIsTrue => (first, one),
                Self::FirstThenNoise(weight) => (first, L::splat(1.0 - weight).mul_add(first, L::splat(weight))),
                Self::All(label) => (L::splat(label), one),
                Self::Each(each) if j + L::WIDTH <= n => (L::load(each.as_ptr().add(j)), one),
                Self::Each(each) => {
                    let mut rest = [0.0; LEAD];
                    rest[..n - j].copy_from_slice(&each[j..n]);
                    (L::load(rest.as_ptr()), one)
                }
            }
        }
    }

    /// For how many rows a candidate stands.
    #[inline]
    fn weight_of(self, candidate: usize) -> f32 {
        match self {
            Self::FirstThenNoise(weight) if candidate > 0 => weight,
            _ => 1.0,
        }
    }
}

/// Scratch memory for training blocks; one per thread, reused for every block.
///
/// # Example
/// ```
/// use vecinity_kernel::{Block, Labels, Rows, SharedRows};
/// let (mut inputs, mut outputs) = (SharedRows::zeroed(1, 2)?, SharedRows::zeroed(1, 2)?);
/// inputs.row_mut(0).copy_from_slice(&[1.0, 0.0]);
/// outputs.row_mut(0).copy_from_slice(&[0.0, 4.0]);
/// // The score is 0, its sigmoid 1/2; with label 1 and rate 1 the gradient is 1/2.
/// Block::new().train(Rows::new(&inputs, &[0]), Rows::new(&outputs, &[0]), Labels::All(1.0), 1.0);
/// assert_eq!(inputs.row_mut(0), [1.0, 2.0]);
/// assert_eq!(outputs.row_mut(0), [0.5, 4.0]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Block {
    isa: Isa,
    inputs: Vec<*mut f32>,
    sinks: Vec<*mut f32>,
    candidates: Vec<*mut f32>,
    /// Rows that will be needed soon; only ever prefetched.
    expected: Vec<*mut f32>,
    /// Scores, later gradients: a row of `lead` a candidate; of a single input one row of all candidates.
    gradients: Vec<f32>,
    weights: Vec<f32>,
}

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

impl Block {
    /// Scratch for the instruction set of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::for_isa(Isa::active())
    }

    /// Scratch for a given instruction set (tests and benches).
    ///
    /// # Panics
    /// If the machine does not have `isa`.
    #[must_use]
    pub fn for_isa(isa: Isa) -> Self {
        assert!(Isa::available().contains(&isa), "this machine cannot run {}", isa.name());
        Self {
            isa,
            inputs: Vec::new(),
            sinks: Vec::new(),
            candidates: Vec::new(),
            expected: Vec::new(),
            gradients: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Says that `row` of `table` will be needed soon: the next update brings it into the cache, a line
    /// between every few multiplications. (All lines at once would wait for each other.) A hint: rows
    /// out of range are ignored.
    #[inline]
    pub fn expect(&mut self, table: &SharedRows, row: u32) {
        if (row as usize) < table.rows() {
            self.expected.push(table.pointer(row as usize));
        }
    }

    /// One whole step: every input against every candidate, all weights 1.
    ///
    /// # Panics
    /// If a row number is out of range, or the tables differ in `dim`.
    #[inline]
    pub fn train(&mut self, inputs: Rows<'_>, candidates: Rows<'_>, labels: Labels<'_>, rate: f32) {
        self.bind(inputs, candidates).train(labels, rate);
    }

    /// Binds rows for one step whose parts are called one by one.
    ///
    /// # Panics
    /// If a row number is out of range, or the tables differ in `dim`.
    #[inline]
    pub fn bind<'b>(&'b mut self, inputs: Rows<'b>, candidates: Rows<'b>) -> Bound<'b> {
        self.bind_pooled(inputs, inputs, candidates)
    }

    /// Like [`Block::bind`], but the inputs' updates go to other rows, `sinks`, one for each input:
    /// for pooled inputs (the mean of several rows), whose gradient is handed on afterwards.
    ///
    /// # Panics
    /// If a row number is out of range, the tables differ in `dim`, or `sinks` and `inputs` in number.
    #[inline]
    pub fn bind_pooled<'b>(&'b mut self, inputs: Rows<'b>, sinks: Rows<'b>, candidates: Rows<'b>) -> Bound<'b> {
        let (m, n) = (inputs.ids.len(), candidates.ids.len());
        assert_eq!(m, sinks.ids.len(), "one sink for each input");
        let dim = inputs.table.dim();
        assert!(
            dim == candidates.table.dim() && dim == sinks.table.dim(),
            "the tables of a block must have the same dim"
        );
        inputs.table.fill(&mut self.inputs, inputs.ids);
        // In the common case both are the same rows: no second list then.
        let pooled = !std::ptr::eq(inputs.table, sinks.table) || !std::ptr::eq(inputs.ids, sinks.ids);
        if pooled {
            sinks.table.fill(&mut self.sinks, sinks.ids);
        }
        candidates.table.fill(&mut self.candidates, candidates.ids);
        // A single input has one row of all candidates, others a row for each. The last group starts at or
        // before input 6 of 12 and writes `SUMS` sums.
        let lead = if m <= 12 { LEAD } else { (m + SUMS).next_multiple_of(LEAD) };
        let floats = if m == 1 { n.next_multiple_of(LEAD) } else { lead * n };
        if self.gradients.len() < floats {
            self.gradients.resize(floats, 0.0);
        }
        Bound { block: self, dim, m, n, lead, pooled, rows: PhantomData }
    }
}

/// A [`Block`] with its rows: call [`score`](Bound::score), then [`update`](Bound::update).
#[derive(Debug)]
pub struct Bound<'b> {
    block: &'b mut Block,
    dim: usize,
    m: usize,
    n: usize,
    lead: usize,
    /// Whether the updates of the inputs go to rows of their own.
    pooled: bool,
    /// The tables outlive the pointers in `block`.
    rows: PhantomData<Rows<'b>>,
}

/// What the generic kernels work on. All pointers are valid for `width` floats.
#[derive(Clone, Copy)]
struct Task<'a> {
    inputs: &'a [*mut f32],
    sinks: &'a [*mut f32],
    candidates: &'a [*mut f32],
    /// Rows to prefetch; not to be read.
    expected: &'a [*mut f32],
    gradients: *mut f32,
    lead: usize,
    dim: usize,
}

/// What the gradients are multiplied with: a rate, and a weight for each input (null: all 1).
#[derive(Clone, Copy)]
struct Scale {
    rate: f32,
    weights: *const f32,
}

impl Bound<'_> {
    /// Computes the scores and from them the gradients `g_ij = rate * w_i * (y_j - sigmoid(s_ij))`.
    ///
    /// `weights`: one a input; all 1 if absent. They say for how many (target, noise) pairs a shared
    /// noise row stands.
    ///
    /// # Panics
    /// If `weights` or `Labels::Each` have the wrong length.
    #[inline]
    pub fn score(&mut self, labels: Labels<'_>, rate: f32, weights: Option<&[f32]>) {
        if let Labels::Each(each) = labels {
            assert_eq!(each.len(), self.n, "one label for each candidate");
        }
        let mut scale = Scale { rate, weights: std::ptr::null() };
        if let Some(weights) = weights {
            assert_eq!(weights.len(), self.m, "one weight for each input");
            if self.block.weights.len() < self.m + LEAD {
                self.block.weights.resize(self.m + LEAD, 0.0);
            }
            self.block.weights[..self.m].copy_from_slice(weights);
            scale.weights = self.block.weights.as_ptr();
        }
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: `for_isa` checked the instruction set; `bind` made every pointer valid for a padded row
        // (a multiple of every lane width, at least `dim`), `gradients` as `bind` says; `weights` is
        // null or valid for `m + LEAD`; the tables are borrowed for the life of `self`.
        unsafe { dispatch!(isa, score(task: Task<'_>, labels: Labels<'_>, scale: Scale)) }
    }

    /// [`score`](Bound::score) without weights and [`update`](Bound::update) in one call.
    #[inline]
    pub fn train(&mut self, labels: Labels<'_>, rate: f32) {
        if let Labels::Each(each) = labels {
            assert_eq!(each.len(), self.n, "one label for each candidate");
        }
        let scale = Scale { rate, weights: std::ptr::null() };
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: as in `score`.
        unsafe { dispatch!(isa, train(task: Task<'_>, labels: Labels<'_>, scale: Scale)) }
        self.block.expected.clear();
    }

    /// Applies the gradients to both sides.
    #[inline]
    pub fn update(&mut self) {
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: as in `score`.
        unsafe { dispatch!(isa, update(task: Task<'_>)) }
        self.block.expected.clear();
    }

    /// Gradient of input `i` and candidate `j`, between `score` and `update`.
    #[must_use]
    pub fn gradient(&self, i: usize, j: usize) -> f32 {
        self.block.gradients[self.position(i, j)]
    }

    /// Multiplies the gradient of input `i` and candidate `j`: 0 takes the pair out of the block.
    pub fn scale(&mut self, i: usize, j: usize, factor: f32) {
        let at = self.position(i, j);
        self.block.gradients[at] *= factor;
    }

    /// Where the gradient of a pair stands.
    fn position(&self, i: usize, j: usize) -> usize {
        assert!(i < self.m && j < self.n, "input {i} of {}, candidate {j} of {}", self.m, self.n);
        if self.m == 1 { j } else { j * self.lead + i }
    }

    fn task(&mut self) -> Task<'_> {
        let block = &mut *self.block;
        let inputs = &block.inputs[..self.m];
        Task {
            inputs,
            sinks: if self.pooled { &block.sinks[..self.m] } else { inputs },
            candidates: &block.candidates[..self.n],
            expected: &block.expected,
            gradients: block.gradients.as_mut_ptr(),
            lead: self.lead,
            dim: self.dim,
        }
    }
}

/// Both halves of a step.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`.
#[inline(always)]
unsafe fn train<L: Lanes>(task: Task<'_>, labels: Labels<'_>, scale: Scale) {
    // SAFETY: the caller's promise.
    unsafe {
        score::<L>(task, labels, scale);
        update::<L>(task);
    }
}

// ---------------------------------------------------------------------------------------- scores

/// Scores, then gradients, of a whole block.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`.
#[inline(always)]
unsafe fn score<L: Lanes>(task: Task<'_>, labels: Labels<'_>, scale: Scale) {
    let (m, n) = (task.inputs.len(), task.candidates.len());
    // SAFETY: groups end at or before `m`; see `Task`.
    unsafe {
        if m == 1 {
            return score_one::<L>(task, labels, scale);
        }
        let mut i = 0;
        while i < m {
            let size = next_group(m - i);
            match size {
                1 => scores_of::<L, 1>(task, i),
                2 => scores_of::<L, 2>(task, i),
                3 => scores_of::<L, 3>(task, i),
                4 => scores_of::<L, 4>(task, i),
                5 => scores_of::<L, 5>(task, i),
                _ => scores_of::<L, 6>(task, i),
            }
            i += size;
        }
        // In a loop of its own: the sigmoids of several candidates then overlap.
        for j in 0..n {
            let rate = L::splat(scale.rate * labels.weight_of(j));
            let label = L::splat(labels.of(j));
            let mut i = 0;
            while i < m {
                let at = task.gradients.add(j * task.lead + i);
                let weights = scale.weights;
                let rate = if weights.is_null() { rate } else { L::load(weights.add(i)).mul(rate) };
                label.sub(L::load(at).sigmoid()).mul(rate).store(at);
                i += L::WIDTH;
            }
        }
    }
}

/// Scores of `TI` inputs from `i` on with all candidates, in tiles of about twelve accumulators.
#[inline(always)]
unsafe fn scores_of<L: Lanes, const TI: usize>(task: Task<'_>, i: usize) {
    let n = task.candidates.len();
    let long = 12 / TI.max(2);
    // SAFETY: `i + TI <= m`, and every tile ends at or before `n`.
    unsafe {
        let inputs: [*mut f32; TI] = std::array::from_fn(|k| *task.inputs.get_unchecked(i + k));
        let mut j = 0;
        while j < n {
            let rest = n - j;
            // Two tiles of equal size at the end: a tile of one candidate waits for its own sums.
            let size = if rest > long && rest < 2 * long { rest.div_ceil(2) } else { rest.min(long) };
            let g = task.gradients.add(j * task.lead + i);
            match size {
                1 => tile::<L, TI, 1>(task, &inputs, j, g),
                2 => tile::<L, TI, 2>(task, &inputs, j, g),
                3 if TI <= 4 => tile::<L, TI, 3>(task, &inputs, j, g),
                4 if TI <= 3 => tile::<L, TI, 4>(task, &inputs, j, g),
                5 if TI <= 2 => tile::<L, TI, 5>(task, &inputs, j, g),
                6 if TI <= 2 => tile::<L, TI, 6>(task, &inputs, j, g),
                _ => std::hint::unreachable_unchecked(),
            }
            j += size;
        }
    }
}

/// Scores of `TI` inputs with `TO` candidates from `j` on.
#[inline(always)]
unsafe fn tile<L: Lanes, const TI: usize, const TO: usize>(
    task: Task<'_>,
    inputs: &[*mut f32; TI],
    j: usize,
    g: *mut f32,
) {
    // SAFETY: `j + TO <= n`; rows are valid for `dim` rounded up to a lane width.
    unsafe {
        let outputs: [*mut f32; TO] = std::array::from_fn(|k| *task.candidates.get_unchecked(j + k));
        let mut acc = [[L::zero(); TI]; TO];
        let mut c = 0;
        while c < task.dim {
            // The shorter side stays in registers, the longer one streams: 4x3 then needs just sixteen.
            if TI <= TO {
                let x: [L; TI] = std::array::from_fn(|k| L::load(inputs[k].add(c)));
                for o in 0..TO {
                    let y = L::load(outputs[o].add(c));
                    for i in 0..TI {
                        acc[o][i] = x[i].mul_add(y, acc[o][i]);
                    }
                }
            } else {
                let y: [L; TO] = std::array::from_fn(|k| L::load(outputs[k].add(c)));
                for i in 0..TI {
                    let x = L::load(inputs[i].add(c));
                    for o in 0..TO {
                        acc[o][i] = x.mul_add(y[o], acc[o][i]);
                    }
                }
            }
            c += L::WIDTH;
        }
        for (o, acc) in acc.iter().enumerate() {
            // Sums behind the group are overwritten by the next one, or lie in the padding.
            L::store_sums(std::array::from_fn(|i| acc[i.min(TI - 1)]), g.add(o * task.lead));
        }
    }
}

/// Gradients of one input with all candidates; here the lanes are candidates.
#[inline(always)]
unsafe fn score_one<L: Lanes>(task: Task<'_>, labels: Labels<'_>, scale: Scale) {
    let n = task.candidates.len();
    let g = task.gradients;
    // SAFETY: every strip ends at or before `n`; `g` has room for `n` rounded up to `LEAD`.
    unsafe {
        let one = *task.inputs.get_unchecked(0);
        let rate = scale.rate * if scale.weights.is_null() { 1.0 } else { *scale.weights };
        let mut j = 0;
        while j < n {
            let (rows, to) = (task.candidates.as_ptr().add(j), g.add(j));
            match n - j {
                1 => strip::<L, 1>(task.dim, one, rows, to),
                2 => strip::<L, 2>(task.dim, one, rows, to),
                3 => strip::<L, 3>(task.dim, one, rows, to),
                4 => strip::<L, 4>(task.dim, one, rows, to),
                5 => strip::<L, 5>(task.dim, one, rows, to),
                6 => strip::<L, 6>(task.dim, one, rows, to),
                7 => strip::<L, 7>(task.dim, one, rows, to),
                _ => strip::<L, 8>(task.dim, one, rows, to),
            }
            j += SUMS;
        }
        let mut j = 0;
        while j < n {
            let at = g.add(j);
            let (label, weight) = labels.lanes::<L>(j, n);
            label.sub(L::load(at).sigmoid()).mul(weight.mul(L::splat(rate))).store(at);
            j += L::WIDTH;
        }
    }
}

/// Scores of one row with `T` others.
#[inline(always)]
unsafe fn strip<L: Lanes, const T: usize>(dim: usize, one: *const f32, many: *const *mut f32, g: *mut f32) {
    // SAFETY: `many` holds `T` row pointers, `g` has room for a strip.
    unsafe {
        let rows: [*mut f32; T] = std::array::from_fn(|k| *many.add(k));
        let mut acc = [L::zero(); T];
        let mut c = 0;
        while c < dim {
            let x = L::load(one.add(c));
            for k in 0..T {
                acc[k] = L::load(rows[k].add(c)).mul_add(x, acc[k]);
            }
            c += L::WIDTH;
        }
        L::store_sums(std::array::from_fn(|k| acc[k.min(T - 1)]), g);
    }
}

// ---------------------------------------------------------------------------------------- update

/// Applies the gradients of a whole block.
///
/// # Safety
/// As [`Task`] says, and the instruction set of `L`.
#[inline(always)]
unsafe fn update<L: Lanes>(task: Task<'_>) {
    let m = task.inputs.len();
    let mut i = 0;
    while i < m {
        let size = next_group(m - i);
        // SAFETY: `i + size <= m`.
        unsafe {
            match size {
                1 => push::<L, 1>(task, i),
                2 => push::<L, 2>(task, i),
                3 => push::<L, 3>(task, i),
                4 => push::<L, 4>(task, i),
                5 => push::<L, 5>(task, i),
                _ => push::<L, 6>(task, i),
            }
        }
        i += size;
    }
}

/// Prefetches the cache line of column `c` of every expected row, once a block.
#[inline(always)]
fn expect(task: Task<'_>, i: usize, c: usize) {
    if i == 0 && c.is_multiple_of(ALIGN) {
        for row in task.expected {
            prefetch(row.wrapping_add(c));
        }
    }
}

/// Updates `TI` inputs from `i` on and all candidates: inputs and their sums stay in registers.
#[inline(always)]
unsafe fn push<L: Lanes, const TI: usize>(task: Task<'_>, i: usize) {
    // SAFETY: the caller's promise; rows are padded to `ALIGN` floats, a multiple of both steps.
    unsafe {
        let mut c = 0;
        if TI <= 2 && 2 * L::WIDTH <= ALIGN {
            // Few inputs make short sums that wait for each other: two registers a row at a time.
            while c < task.dim {
                push_columns::<L, TI, 2>(task, i, c);
                c += 2 * L::WIDTH;
            }
        } else {
            while c < task.dim {
                push_columns::<L, TI, 1>(task, i, c);
                c += L::WIDTH;
            }
        }
    }
}

/// [`push`] for `COLUMNS` registers of each row, from column `c` on.
#[inline(always)]
unsafe fn push_columns<L: Lanes, const TI: usize, const COLUMNS: usize>(task: Task<'_>, i: usize, c: usize) {
    let lead = if task.inputs.len() == 1 { 1 } else { task.lead };
    expect(task, i, c);
    // SAFETY: `i + TI <= m`; see `Task`.
    unsafe {
        let g = task.gradients.add(i);
        let inputs: [*mut f32; TI] = std::array::from_fn(|k| task.inputs.get_unchecked(i + k).add(c));
        let x: [[L; TI]; COLUMNS] =
            std::array::from_fn(|column| std::array::from_fn(|k| L::load(inputs[k].add(column * L::WIDTH))));
        let mut dx = [[L::zero(); TI]; COLUMNS];
        for (j, &output) in task.candidates.iter().enumerate() {
            let g = g.add(j * lead);
            for column in 0..COLUMNS {
                let at = output.add(c + column * L::WIDTH);
                let y = L::load(at);
                // Long sums in two chains: half the wait, and there are units to spare for joining them.
                let (mut new, mut more) = (y, L::zero());
                for k in 0..TI {
                    let gk = L::splat(*g.add(k));
                    dx[column][k] = gk.mul_add(y, dx[column][k]);
                    if TI < 5 || k < 3 {
                        new = gk.mul_add(x[column][k], new);
                    } else {
                        more = gk.mul_add(x[column][k], more);
                    }
                }
                if TI >= 5 {
                    new = new.add(more);
                }
                new.store(at);
            }
        }
        // Read again rather than kept: the same row may stand twice among the inputs.
        for k in 0..TI {
            let sink = task.sinks.get_unchecked(i + k).add(c);
            for (column, dx) in dx.iter().enumerate() {
                let at = sink.add(column * L::WIDTH);
                L::load(at).add(dx[k]).store(at);
            }
        }
    }
}
