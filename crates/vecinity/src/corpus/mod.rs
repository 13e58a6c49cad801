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
//! | `spool` | sequences that are made instead of read |
//! | `lists` | the same for sequences that are in memory |
//!
//! Nothing is parsed twice: while tokens are counted, their provisional ids are written to a work
//! file; afterwards they are renumbered to the final ids (rare tokens leave) and memory-mapped, so
//! that epochs cost no parsing and no memory.
//!
//! May import: `histories`, `vocab`, `id`, `publish`, `error`.  Used by: `train`, `models`.

mod build;
mod count;
mod lists;
mod phrases;
mod source;
mod spool;
mod text;
mod tokens;

pub use build::{Options, Report, read};
pub use lists::Lists;
pub use phrases::{Learning, Phrase, Phrases};
pub use source::{Source, expand, unpack};
pub use spool::Spool;
pub use text::BadUtf8;
pub use tokens::Tokens;

use crate::error::{Error, Result};
use crate::histories::{Numbers, Outcomes, Side};
use crate::id::TokenId;
use crate::vocab::Vocab;

/// Sequences of token ids with their vocabulary.
///
/// Stored flat: the ids of all sequences one behind the other, and where each sequence ends. Both
/// live in unnamed work files that vanish with the corpus.
#[derive(Debug)]
pub struct Corpus {
    vocab: Vocab,
    tokens: Numbers<u32>,
    ends: Numbers<u64>,
    /// The chance of each token to be learned from in an epoch, if not all have the same.
    chances: Option<Vec<f32>>,
    /// What stands beside the tokens.
    side: Option<Side>,
    /// What became of each sequence, in rows of the vocabulary, if that is known.
    outcomes: Option<Outcomes>,
    /// The group (market) of each row of the vocabulary, if rows have groups; `u32::MAX`: in none.
    groups: Option<Vec<u32>>,
    fingerprint: String,
    report: Report,
}

impl Corpus {
    /// Sequences that are in memory already, as rows of `items`: for the training part of a split.
    ///
    /// Counts and rows are those of these sequences alone: an item that does not occur in them at least
    /// `min_count` times is not in the vocabulary, and sequences without any item left are dropped.
    ///
    /// * `weights`: of all events, one behind the other. An event is learned from with a chance in proportion to
    ///   its weight; the tenth of the events that weigh most have the chance 1.
    ///
    /// # Errors
    /// [`Error::Data`] if no item is left.
    pub fn from_sequences<'a>(
        items: &Vocab,
        sequences: impl Iterator<Item = &'a [u32]> + Clone,
        weights: Option<&[f32]>,
        min_count: u64,
    ) -> Result<Self> {
        let mut counts = vec![0u64; items.len()];
        for &item in sequences.clone().flatten() {
            counts[item as usize] += 1;
        }
        let token = |row: u32| items.token(TokenId(row));
        let mut order: Vec<u32> =
            (0..items.len() as u32).filter(|&row| counts[row as usize] >= min_count.max(1)).collect();
        order.sort_unstable_by(|&a, &b| {
            counts[b as usize].cmp(&counts[a as usize]).then_with(|| token(a).cmp(token(b)))
        });
        if order.is_empty() {
            let most = counts.iter().max().copied().unwrap_or(0).max(1);
            return Err(Error::data(
                format!("no item occurs >= {min_count} times in the training part; the largest count is {most}"),
                format!("use --min-count {most}"),
            ));
        }
        let mut rows = vec![u32::MAX; items.len()];
        for (row, &item) in order.iter().enumerate() {
            rows[item as usize] = row as u32;
        }
        let vocab = Vocab::from_counts(order.iter().map(|&row| (token(row), counts[row as usize])))?;
        let (mut tokens, mut ends, mut report) = (Vec::new(), Vec::new(), Report::default());
        let chances = weights.map(|weights| {
            let certain = certain(weights);
            let kept = sequences.clone().flatten().zip(weights).filter(|(item, _)| rows[**item as usize] != u32::MAX);
            kept.map(|(_, weight)| (weight / certain).min(1.0)).collect::<Vec<f32>>()
        });
        for sequence in sequences {
            let before = tokens.len();
            tokens.extend(sequence.iter().map(|&item| rows[item as usize]).filter(|&row| row != u32::MAX));
            if tokens.len() > before {
                ends.push(tokens.len() as u64);
            }
            report.lines += 1;
            report.tokens += sequence.len() as u64;
            report.longest_line = report.longest_line.max(sequence.len() as u64);
        }
        report.distinct = counts.iter().filter(|&&count| count > 0).count() as u64;
        report.largest_count = counts.iter().max().copied().unwrap_or(0);
        report.kept_tokens = tokens.len() as u64;
        let mut hasher = blake3::Hasher::new();
        for number in &tokens {
            hasher.update(&number.to_le_bytes());
        }
        for chance in chances.iter().flatten() {
            hasher.update(&chance.to_le_bytes());
        }
        for end in &ends {
            hasher.update(&u64::to_le_bytes(*end));
        }
        for (_, token, count) in vocab.iter() {
            hasher.update(token.as_bytes()).update(&[0]).update(&count.to_le_bytes());
        }
        let fingerprint = hasher.finalize().to_hex().to_string();
        let (outcomes, groups) = (None, None);
        Ok(Self {
            vocab,
            tokens: tokens.into(),
            ends: ends.into(),
            chances,
            side: None,
            outcomes,
            groups,
            fingerprint,
            report,
        })
    }

    /// The same corpus with what became of its sequences, and with the groups of its tokens.
    ///
    /// * `items` and `sequences`: those that [`Corpus::from_sequences`] was given;
    /// * `outcomes`: one a sequence; `groups`: one an item, `u32::MAX` for none.
    #[must_use]
    pub fn with_outcomes<'a>(
        mut self,
        items: &Vocab,
        sequences: impl Iterator<Item = &'a [u32]>,
        outcomes: Option<&Outcomes>,
        groups: Option<&[u32]>,
    ) -> Self {
        let rows = self.vocab.rows_of(items);
        let row = |item: u32| Some(rows[item as usize]).filter(|&row| row != u32::MAX);
        if let Some(groups) = groups {
            let mut of_rows = vec![u32::MAX; self.vocab.len()];
            for (item, &group) in groups.iter().enumerate() {
                if let Some(row) = row(item as u32) {
                    of_rows[row as usize] = group;
                }
            }
            self.groups = Some(of_rows);
        }
        if let Some(outcomes) = outcomes {
            let mut kept = Outcomes::default();
            for (number, sequence) in sequences.enumerate() {
                // Sequences without any token are not in the corpus.
                if sequence.iter().any(|&item| row(item).is_some()) {
                    let refused: Vec<u32> = outcomes.refused(number).iter().filter_map(|&item| row(item)).collect();
                    kept.push(outcomes.goal(number).and_then(row), &refused);
                }
            }
            self.outcomes = Some(kept);
        }
        self
    }

    /// What became of each sequence, in rows of the vocabulary, if that is known.
    #[must_use]
    pub fn outcomes(&self) -> Option<&Outcomes> {
        self.outcomes.as_ref()
    }

    /// The group (market) of each row of the vocabulary, if rows have groups; `u32::MAX`: in none.
    #[must_use]
    pub fn groups(&self) -> Option<&[u32]> {
        self.groups.as_deref()
    }

    /// The tokens that occur, with their counts in this corpus.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The ids of all sequences, each below `vocab().len()`.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        self.tokens.as_slice()
    }

    /// The chance of each token to be learned from in an epoch, in `[0, 1]`; `None`: all are.
    #[must_use]
    pub fn chances(&self) -> Option<&[f32]> {
        self.chances.as_deref()
    }

    /// The same corpus with what stands beside its tokens, in their order.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many events as tokens.
    pub fn with_side(self, side: Side) -> Result<Self> {
        if side.events != self.tokens().len() {
            let what = format!("{} events stand beside {} tokens", side.events, self.tokens().len());
            return Err(Error::data(what, "give one event a token"));
        }
        Ok(Self { side: Some(side), ..self })
    }

    /// What stands beside the tokens, in their order.
    #[must_use]
    pub fn side(&self) -> Option<&Side> {
        self.side.as_ref()
    }

    /// Where each sequence ends in [`Corpus::tokens`]: rising, the last is its length.
    #[must_use]
    pub fn ends(&self) -> &[u64] {
        self.ends.as_slice()
    }

    /// Number of sequences that hold at least one token of the vocabulary.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.ends().len()
    }

    /// Tells the system that tokens `from..to` are not needed soon: they stop counting as memory in use.
    pub fn forget(&self, from: usize, to: usize) {
        if let Numbers::Mapped(map) = &self.tokens {
            map.forget(from * 4..to * 4);
        }
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

/// The weight that the heaviest tenth of the events have at least: these are certain to be learned from.
fn certain(weights: &[f32]) -> f32 {
    let mut sorted = weights.to_vec();
    let at = sorted.len() * 9 / 10;
    let found = if sorted.is_empty() { 1.0 } else { *sorted.select_nth_unstable_by(at, f32::total_cmp).1 };
    found.max(f32::MIN_POSITIVE)
}
