//! Files become a vocabulary and a stream of token ids, in one pass.
//!
//! | file | job |
//! |---|---|
//! | `source` | files, globs, folders and standard input, packed or not, as one list of streams |
//! | `text` | bytes to checked UTF-8, in blocks that end between tokens |
//! | `tokens` | how a line is cut into tokens |
//! | `phrases` | tokens that belong together become one |
//! | `count` | tokens to provisional ids, in parallel, in bounded memory |
//! | `build` | the whole pass; final ids by falling count |
//!
//! Nothing is parsed twice: while tokens are counted, their provisional ids are written to a work
//! file; afterwards they are renumbered to the final ids (rare tokens leave) and memory-mapped, so
//! that epochs cost no parsing and no memory.
//!
//! May import: `vocab`, `id`, `publish`, `error`.  Used by: `train`, `models`.

mod build;
mod count;
mod phrases;
mod source;
mod text;
mod tokens;

pub use build::{Options, Report, read};
pub use phrases::{Learning, Phrase, Phrases};
pub use source::{Source, expand, unpack};
pub use text::BadUtf8;
pub use tokens::Tokens;

use crate::vocab::Vocab;
use vecinity_kernel::mapped::Mapped;

/// Sequences of token ids with their vocabulary.
///
/// Stored flat: the ids of all sequences one behind the other, and where each sequence ends. Both
/// live in unnamed work files that vanish with the corpus.
#[derive(Debug)]
pub struct Corpus {
    vocab: Vocab,
    tokens: Mapped,
    ends: Mapped,
    fingerprint: String,
    report: Report,
}

impl Corpus {
    /// The tokens that occur, with their counts in this corpus.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The ids of all sequences, each below `vocab().len()`.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        self.tokens.numbers(0..self.tokens.bytes().len()).unwrap_or(&[])
    }

    /// Where each sequence ends in [`Corpus::tokens`]: rising, the last is its length.
    #[must_use]
    pub fn ends(&self) -> &[u64] {
        self.ends.numbers(0..self.ends.bytes().len()).unwrap_or(&[])
    }

    /// Number of sequences that hold at least one token of the vocabulary.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.ends().len()
    }

    /// Tells the system that tokens `from..to` are not needed soon: they stop counting as memory in use.
    pub fn forget(&self, from: usize, to: usize) {
        self.tokens.forget(from * 4..to * 4);
    }

    /// A hash of the sequences and the vocabulary: equal data, equal fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What was read and what was left out.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}
