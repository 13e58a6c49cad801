//! Training of log-bilinear models: what all of them share.
//!
//! | file | job |
//! |---|---|
//! | `settings` | the settings every model has, checked |
//! | `subsample` | which occurrences of frequent tokens are left out |
//! | `noise` | noise tokens with probability `count^exponent` |
//! | `huffman` | the tree of hierarchical softmax |
//! | `step` | what a model works with inside one sequence: tables, block, chance, rate, loss |
//! | `fit` | epochs, threads, progress, stopping |
//! | `checkpoint` | a stopped run on disk, and back |
//!
//! A model says what to do with one sequence ([`Model`]); everything around it is here.
//!
//! The token stream is cut into *chunks* of about 16,000 tokens that do not depend on the number of
//! threads. Each chunk has its own stream of chance, made from the seed, the epoch and its number, and
//! its own place in the learning-rate schedule. Hence one thread gives the same bytes in every run,
//! and a run that stops between two chunks can go on from there as if it had never stopped.
//!
//! May import: `corpus`, `vocab`, `embeddings`, `publish`, `rng`, `id`, `error`.  Used by: `models`.

mod checkpoint;
mod fit;
mod huffman;
mod noise;
mod settings;
mod step;
mod subsample;

pub use checkpoint::{Beside, Checkpoint, Resumed};
pub use fit::{Control, EndOfEpoch, Progress, Trained, copied_rows, fit};
pub use huffman::Huffman;
pub use noise::Noise;
pub use settings::Settings;
pub use step::{Loss, Step};
pub use subsample::{Subsample, survival};

/// What one model does with one sequence: the only thing a new model has to write.
pub trait Model: Sync {
    /// Buffers that one thread keeps from sequence to sequence.
    type Scratch: Default;

    /// Rows of the input table for a vocabulary of `tokens` tokens.
    fn input_rows(&self, tokens: usize) -> usize {
        tokens
    }

    /// Rows and values in a row of each further table, which are zeros at the start: what [`Step::more`] is.
    fn more(&self) -> Vec<(usize, usize)> {
        Vec::new()
    }

    /// Rows of the output table for a vocabulary of `tokens` tokens.
    fn output_rows(&self, tokens: usize) -> usize {
        tokens
    }

    /// Whether row `r` of the output table belongs to token `r` (in hierarchical softmax it does not).
    fn outputs_are_tokens(&self) -> bool {
        true
    }

    /// Learns from one sequence: `sequence` holds at least two ids, after subsampling, or one if its goal or a refusal is known.
    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Self::Scratch);
}
