//! The deep engine: parts of networks with their gradients, written by hand, and the optimisers.
//!
//! | file | job |
//! |---|---|
//! | `schedule` | the learning rate of a step: warm-up and decay |
//! | `parameter` | a table or a matrix with what its optimiser remembers |
//! | `optimizer` | Adam and Adagrad, dense and row by row; rows that are left out catch up exactly |
//! | `linear` | a dense layer, ReLU |
//! | `activation` | what a hidden layer does to its sums |
//! | `pools` | weighted means of the rows of a history, with learned weights by place, or by what the rows are |
//! | `dropout` | masks |
//! | `unit` | rows scaled to one length |
//! | `softmax` | cross entropy over all items or over sampled ones, tile by tile |
//! | `gbce` | binary cross entropy with a calibrated positive |
//! | `rows` | gradients of the rows that a batch touched |
//! | `team` | groups of examples on threads; what they add up to is added in a fixed order |
//!
//! **Same bytes for any number of threads.** A batch is cut into groups of [`GROUP`] examples. A group is the
//! work of one thread; what groups add up to is added in the order of groups. Chance comes from streams
//! numbered by step and example. So nothing depends on who did what.
//!
//! **Padding.** Rows of matrices are whole registers: widths are multiples of [`LANES`], and what is beyond the
//! wanted width is zero. It stays zero: gradients of products with zeros are zero.
//!
//! May import: `rng`, `error`.  Used by: `models`, `lab`.

mod activation;
mod dropout;
mod gbce;
mod linear;
mod optimizer;
mod parameter;
mod pools;
mod rows;
mod schedule;
mod softmax;
mod team;
mod unit;

pub use activation::Activation;
pub use dropout::Masks;
pub use gbce::{Gbce, beta};
pub use linear::{Linear, LinearGradient, relu, relu_backward};
pub use optimizer::{Method, Optimizer};
pub use parameter::Parameter;
pub use pools::{Asks, Pooling, Pools, Rows, Weighting};
pub use rows::{RowGradient, sum_rows};
pub use schedule::{Decay, Schedule};
pub use softmax::{CandidateSums, Candidates, Gradients, ReadyCandidates, Softmax, mark_hits};
pub use team::{InTurn, Turn, in_groups};
pub use unit::{unit_backward, unit_rows};

/// Examples of a group.
pub const GROUP: usize = 64;
/// Widths of rows are multiples of this.
pub const LANES: usize = vecinity_kernel::tile::COLUMNS;

/// A width rounded up to whole registers.
///
/// ```
/// assert_eq!([1, 16, 17].map(vecinity::deep::padded), [16, 16, 32]);
/// ```
#[must_use]
pub fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}
