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
//! All scores come from the old values. The updates run over groups of at most six candidates; within a
//! group both sides are the values at its start, and the next group sees the inputs as this one left
//! them: the order of plain stochastic gradient descent.
//!
//! Treating a whole block at once is where the speed comes from: each row is loaded once for several
//! others, and the multiply-add units are the limit instead of the cache (Ji et al. 2016, arXiv:1604.04661).
//!
//! | file | job |
//! |---|---|
//! | `labels` | what a block should predict |
//! | `scores` | scores in register tiles, then gradients |
//! | `update` | both sides in one pass a group |
//! | `pooled` | the step of inputs that stand for their mean |
//!
//! Rows that occur twice among the inputs or candidates are updated twice, as they should be.

mod labels;
mod pooled;
mod scores;
mod update;

pub use labels::Labels;

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::rows::{Line, Rows, Table};
use labels::WIDEST;
use pooled::train_pooled;
use scores::score;
use std::marker::PhantomData;
use update::update;

/// The most candidates of a group: with their steps they fill twelve of sixteen registers.
const GROUP: usize = 6;

/// The size of the next part when `rest` are left: at most `most`, and nearly equal parts at the end.
#[inline(always)]
fn part(rest: usize, most: usize) -> usize {
    if rest <= most {
        rest
    } else if rest < 2 * most {
        rest.div_ceil(2)
    } else {
        most
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
    candidates: Vec<*mut f32>,
    /// Rows that will be needed soon; only ever prefetched.
    expected: Vec<*mut f32>,
    /// Scores, later gradients: a row of `lead` floats for each input.
    gradients: Vec<Line>,
    /// The mean of pooled inputs.
    mean: Vec<Line>,
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
            candidates: Vec::new(),
            expected: Vec::new(),
            gradients: Vec::new(),
            mean: Vec::new(),
        }
    }

    /// Says that `row` of `table` will be needed soon: the next update brings it into the cache, a line
    /// between every few multiplications. (All lines at once would wait for each other.) A hint: rows
    /// out of range are ignored.
    #[inline]
    pub fn expect<'t>(&mut self, table: impl Into<Table<'t>>, row: u32) {
        let table = table.into();
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
        let (m, n, dim) = (inputs.ids.len(), candidates.ids.len(), inputs.table.dim());
        assert_eq!(dim, candidates.table.dim(), "the tables of a block must have the same dim");
        inputs.table.fill(&mut self.inputs, inputs.ids);
        candidates.table.fill(&mut self.candidates, candidates.ids);
        // Short rows share a register. The last register may end behind the last row.
        let lead = match n {
            0..=4 => 4,
            5..=8 => 8,
            _ => n.next_multiple_of(WIDEST),
        };
        let lines = (m.max(1) * lead).div_ceil(WIDEST) + 1;
        if self.gradients.len() < lines {
            self.gradients.resize(lines, Line::default());
        }
        Bound { block: self, dim, m, n, lead, rows: PhantomData }
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
    /// The tables outlive the pointers in `block`.
    rows: PhantomData<Rows<'b>>,
}

/// What the generic kernels work on. All pointers are valid for `width` floats.
#[derive(Clone, Copy)]
struct Task<'a> {
    inputs: &'a [*mut f32],
    candidates: &'a [*mut f32],
    /// Rows to prefetch; not to be read.
    expected: &'a [*mut f32],
    gradients: *mut f32,
    lead: usize,
    /// `dim` rounded up to a multiple of eight: whole registers, the last perhaps a half one.
    width: usize,
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
            scale.weights = weights.as_ptr();
        }
        let isa = self.block.isa;
        let task = self.task();
        // SAFETY: `for_isa` checked the instruction set; `bind` made every pointer valid for a padded row
        // (a multiple of every lane width, at least `dim`), `gradients` as `bind` says; `weights` is
        // null or valid for `m` floats; the tables are borrowed for the life of `self`.
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

    /// One step of pooled inputs: their mean is the one input of the block, and each of them receives
    /// `factor` times its update. Afterwards [`gradient`](Bound::gradient) `(0, j)` is that of the mean.
    ///
    /// # Panics
    /// If `Labels::Each` has the wrong length.
    #[inline]
    pub fn train_pooled(&mut self, labels: Labels<'_>, rate: f32, factor: f32) {
        if let Labels::Each(each) = labels {
            assert_eq!(each.len(), self.n, "one label for each candidate");
        }
        self.block.mean.resize(self.dim.div_ceil(WIDEST), Line::default());
        let scale = Scale { rate, weights: std::ptr::null() };
        let (isa, mean) = (self.block.isa, self.block.mean.as_mut_ptr().cast::<f32>());
        let task = self.task();
        // SAFETY: as in `score`; `mean` has room for a row padded to the widest register.
        unsafe {
            dispatch!(isa, train_pooled(task: Task<'_>, mean: *mut f32, labels: Labels<'_>, scale: Scale, factor: f32));
        }
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
        let at = self.position(i, j);
        self.block.gradients[at / WIDEST].0[at % WIDEST]
    }

    /// Multiplies the gradient of input `i` and candidate `j`: 0 takes the pair out of the block.
    pub fn scale(&mut self, i: usize, j: usize, factor: f32) {
        let at = self.position(i, j);
        self.block.gradients[at / WIDEST].0[at % WIDEST] *= factor;
    }

    /// Where the gradient of a pair stands.
    fn position(&self, i: usize, j: usize) -> usize {
        assert!(i < self.m && j < self.n, "input {i} of {}, candidate {j} of {}", self.m, self.n);
        i * self.lead + j
    }

    #[inline]
    fn task(&mut self) -> Task<'_> {
        let block = &mut *self.block;
        Task {
            inputs: &block.inputs[..self.m],
            candidates: &block.candidates[..self.n],
            expected: &block.expected,
            gradients: block.gradients.as_mut_ptr().cast(),
            lead: self.lead,
            width: self.dim.next_multiple_of(8),
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
