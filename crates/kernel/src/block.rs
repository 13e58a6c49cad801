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
//! All scores come from the old values. The updates run over groups of at most six inputs (eight for a
//! single candidate); within a group both sides are the values at its start, and the next group sees
//! the candidates as this one left them: the order of plain stochastic gradient descent.
//!
//! Treating a whole block at once is where the speed comes from: each row is loaded once for several
//! inputs, and the multiply-add units are the limit instead of the cache (Ji et al. 2016,
//! arXiv:1604.04661). Scores are computed in register tiles (4x3, 3x4, 2x6, 1x8 accumulators), the
//! sigmoid for all of them at once, and the update in one pass that holds up to six inputs and their
//! gradients in registers while the candidates stream by.
//!
//! Rows that occur twice among the inputs or candidates are updated twice, as they should be.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::rows::Rows;
use std::marker::PhantomData;

/// Columns of the gradient matrix are padded to this many inputs.
const LEAD: usize = 16;

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
    /// Scores, later gradients: candidate-major, `[n][lead]`.
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
            gradients: Vec::new(),
            weights: Vec::new(),
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
        let lead = m.next_multiple_of(LEAD);
        if self.gradients.len() < lead * n {
            self.gradients.resize(lead * n, 0.0);
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
            if self.block.weights.len() < self.lead {
                self.block.weights.resize(self.lead, 0.0);
            }
            self.block.weights[..self.m].copy_from_slice(weights);
            scale.weights = self.block.weights.as_ptr();
        }
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: `for_isa` checked the instruction set; `bind` made every pointer valid for a padded row
        // (a multiple of every lane width, at least `dim`), `gradients` for `n * lead`; `weights` is null
        // or valid for `lead`; the tables are borrowed for the life of `self`.
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
    }

    /// Applies the gradients to both sides.
    #[inline]
    pub fn update(&mut self) {
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: as in `score`.
        unsafe { dispatch!(isa, update(task: Task<'_>)) }
    }

    /// Gradient of input `i` and candidate `j`, between `score` and `update`.
    #[must_use]
    pub fn gradient(&self, i: usize, j: usize) -> f32 {
        assert!(i < self.m && j < self.n);
        self.block.gradients[j * self.lead + i]
    }

    /// Multiplies the gradient of input `i` and candidate `j`: 0 takes the pair out of the block.
    pub fn scale(&mut self, i: usize, j: usize, factor: f32) {
        assert!(i < self.m && j < self.n);
        self.block.gradients[j * self.lead + i] *= factor;
    }

    fn task(&mut self) -> Task<'_> {
        let block = &mut *self.block;
        let inputs = &block.inputs[..self.m];
        Task {
            inputs,
            sinks: if self.pooled { &block.sinks[..self.m] } else { inputs },
            candidates: &block.candidates[..self.n],
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
    // SAFETY: in range by construction of the tiles; see `Task`.
    unsafe {
        if n == 1 {
            // One candidate: let the inputs play the long side of the tile.
            scores_of_one::<L>(task, task.candidates[0], task.inputs, task.gradients, 1);
        } else {
            // Four candidates (or a multiple) fill tiles of three inputs, other numbers tiles of four;
            // groups of nearly equal size, since tiles of one row wait for their own sums.
            let groups = m.div_ceil(if n % 4 == 0 { 3 } else { 4 });
            let mut i = 0;
            for group in 0..groups {
                let end = m * (group + 1) / groups;
                let g = task.gradients.add(i);
                match end - i {
                    1 => scores_of_one::<L>(task, task.inputs[i], task.candidates, g, task.lead),
                    2 => scores_of::<L, 2>(task, i, g),
                    3 => scores_of::<L, 3>(task, i, g),
                    _ => scores_of::<L, 4>(task, i, g),
                }
                i = end;
            }
        }
        let mut i = 0;
        while i < m {
            let rate = L::splat(scale.rate);
            let rates = if scale.weights.is_null() { rate } else { L::load(scale.weights.add(i)).mul(rate) };
            for j in 0..n {
                let at = task.gradients.add(j * task.lead + i);
                let (label, weight) = (L::splat(labels.of(j)), L::splat(labels.weight_of(j)));
                label.sub(L::load(at).sigmoid()).mul(rates.mul(weight)).store(at);
            }
            i += L::WIDTH;
        }
    }
}

/// Scores of `TI` inputs from `i` on with all candidates, in tiles of about twelve accumulators.
#[inline(always)]
unsafe fn scores_of<L: Lanes, const TI: usize>(task: Task<'_>, i: usize, g: *mut f32) {
    let n = task.candidates.len();
    let long = 12 / TI;
    let mut j = 0;
    // SAFETY: `i + TI <= m`, and every tile ends at or before `n`.
    unsafe {
        let inputs: [*mut f32; TI] = std::array::from_fn(|k| *task.inputs.get_unchecked(i + k));
        while j < n {
            let rest = (n - j).min(long);
            let g = g.add(j * task.lead);
            match rest {
                1 => tile::<L, TI, 1>(task, &inputs, j, g),
                2 => tile::<L, TI, 2>(task, &inputs, j, g),
                3 => tile::<L, TI, 3>(task, &inputs, j, g),
                4 if TI <= 3 => tile::<L, TI, 4>(task, &inputs, j, g),
                5 if TI <= 2 => tile::<L, TI, 5>(task, &inputs, j, g),
                _ if TI <= 2 => tile::<L, TI, 6>(task, &inputs, j, g),
                _ => std::hint::unreachable_unchecked(),
            }
            j += rest;
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
            let sums = L::sum4(acc[0], acc[1.min(TI - 1)], acc[2.min(TI - 1)], acc[3.min(TI - 1)]);
            for (i, &sum) in sums.iter().enumerate().take(TI) {
                *g.add(o * task.lead + i) = sum;
            }
        }
    }
}

/// Scores of one row with many others; `g` advances by `step` a row.
#[inline(always)]
unsafe fn scores_of_one<L: Lanes>(task: Task<'_>, one: *mut f32, many: &[*mut f32], g: *mut f32, step: usize) {
    let mut j = 0;
    // SAFETY: every tile ends at or before `many.len()`.
    unsafe {
        while j < many.len() {
            let rest = (many.len() - j).min(8);
            let rows = many.as_ptr().add(j);
            let g = g.add(j * step);
            match rest {
                1 => strip::<L, 1>(task.dim, one, rows, g, step),
                2 => strip::<L, 2>(task.dim, one, rows, g, step),
                3 => strip::<L, 3>(task.dim, one, rows, g, step),
                4 => strip::<L, 4>(task.dim, one, rows, g, step),
                5 => strip::<L, 5>(task.dim, one, rows, g, step),
                6 => strip::<L, 6>(task.dim, one, rows, g, step),
                7 => strip::<L, 7>(task.dim, one, rows, g, step),
                _ => strip::<L, 8>(task.dim, one, rows, g, step),
            }
            j += rest;
        }
    }
}

/// Scores of one row with `T` others.
#[inline(always)]
unsafe fn strip<L: Lanes, const T: usize>(
    dim: usize,
    one: *const f32,
    many: *const *mut f32,
    g: *mut f32,
    step: usize,
) {
    // SAFETY: `many` holds `T` row pointers, `g` has room for `T` steps.
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
        for k in (0..T).step_by(4) {
            let last = T - 1;
            let sums = L::sum4(acc[k], acc[(k + 1).min(last)], acc[(k + 2).min(last)], acc[(k + 3).min(last)]);
            for (q, &sum) in sums.iter().enumerate().take(T - k) {
                *g.add((k + q) * step) = sum;
            }
        }
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
    // Several inputs at a time, in groups of nearly equal size.
    let (most, single) = if task.candidates.len() == 1 { (8, true) } else { (6, false) };
    let groups = m.div_ceil(most);
    let mut i = 0;
    for group in 0..groups {
        let end = m * (group + 1) / groups;
        // SAFETY: `i + TI = end <= m`.
        unsafe {
            match (end - i, single) {
                (1, false) => push::<L, 1>(task, i),
                (2, false) => push::<L, 2>(task, i),
                (3, false) => push::<L, 3>(task, i),
                (4, false) => push::<L, 4>(task, i),
                (5, false) => push::<L, 5>(task, i),
                (6, false) => push::<L, 6>(task, i),
                (1, true) => push_one::<L, 1>(task, i),
                (2, true) => push_one::<L, 2>(task, i),
                (3, true) => push_one::<L, 3>(task, i),
                (4, true) => push_one::<L, 4>(task, i),
                (5, true) => push_one::<L, 5>(task, i),
                (6, true) => push_one::<L, 6>(task, i),
                (7, true) => push_one::<L, 7>(task, i),
                (8, true) => push_one::<L, 8>(task, i),
                _ => std::hint::unreachable_unchecked(),
            }
        }
        i = end;
    }
}

/// Updates `TI` inputs from `i` on and all candidates: inputs and their sums stay in registers.
#[inline(always)]
unsafe fn push<L: Lanes, const TI: usize>(task: Task<'_>, i: usize) {
    // SAFETY: `i + TI <= m`; see `Task`.
    unsafe {
        let inputs: [*mut f32; TI] = std::array::from_fn(|k| *task.inputs.get_unchecked(i + k));
        let sinks: [*mut f32; TI] = std::array::from_fn(|k| *task.sinks.get_unchecked(i + k));
        let g = task.gradients.add(i);
        let mut c = 0;
        while c < task.dim {
            let x: [L; TI] = std::array::from_fn(|k| L::load(inputs[k].add(c)));
            let mut dx = [L::zero(); TI];
            for (j, &output) in task.candidates.iter().enumerate() {
                let at = output.add(c);
                let y = L::load(at);
                let mut new = y;
                let g = g.add(j * task.lead);
                for k in 0..TI {
                    let gk = L::splat(*g.add(k));
                    dx[k] = gk.mul_add(y, dx[k]);
                    new = gk.mul_add(x[k], new);
                }
                new.store(at);
            }
            // Read again rather than kept: the same row may stand twice among the inputs.
            for k in 0..TI {
                let at = sinks[k].add(c);
                L::load(at).add(dx[k]).store(at);
            }
            c += L::WIDTH;
        }
    }
}

/// The same for a single candidate: here the candidate and all gradients stay in registers.
#[inline(always)]
unsafe fn push_one<L: Lanes, const TI: usize>(task: Task<'_>, i: usize) {
    // SAFETY: `i + TI <= m`, and there is one candidate; see `Task`.
    unsafe {
        let inputs: [*mut f32; TI] = std::array::from_fn(|k| *task.inputs.get_unchecked(i + k));
        let sinks: [*mut f32; TI] = std::array::from_fn(|k| *task.sinks.get_unchecked(i + k));
        let g: [L; TI] = std::array::from_fn(|k| L::splat(*task.gradients.add(i + k)));
        let output = *task.candidates.get_unchecked(0);
        let mut c = 0;
        while c < task.dim {
            let y = L::load(output.add(c));
            let mut new = y;
            for k in 0..TI {
                new = g[k].mul_add(L::load(inputs[k].add(c)), new);
            }
            for k in 0..TI {
                let at = sinks[k].add(c);
                g[k].mul_add(y, L::load(at)).store(at);
            }
            new.store(output.add(c));
            c += L::WIDTH;
        }
    }
}
