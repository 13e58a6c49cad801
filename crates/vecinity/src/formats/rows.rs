//! Tokens on their way into a vocabulary: once each, UTF-8, with the place where each was read.

use super::{BadUtf8, ReadOptions};
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Place, Result, grouped, shown};
use crate::vocab::Vocab;
use std::path::PathBuf;

/// How a format counts its rows in messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// By lines of the file, which the place of an error names already.
    Line,
    /// By rows, from 1.
    Row,
}

/// A vocabulary that grows while a file is read.
pub(super) struct Rows<'o> {
    options: &'o ReadOptions,
    path: PathBuf,
    unit: Unit,
    vocab: Vocab,
    /// Where each token was read: line or row of the file, from 1.
    numbers: Vec<u64>,
}

impl<'o> Rows<'o> {
    pub(super) fn new(path: impl Into<PathBuf>, unit: Unit, options: &'o ReadOptions) -> Self {
        Self { options, path: path.into(), unit, vocab: Vocab::default(), numbers: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.vocab.len()
    }

    /// Whether as many tokens as wanted were read.
    pub(super) fn full(&self) -> bool {
        self.options.max_vocab.is_some_and(|most| self.len() >= most)
    }

    /// The smaller of `rows` and the number of tokens wanted.
    pub(super) fn wanted(&self, rows: u64) -> u64 {
        self.options.max_vocab.map_or(rows, |most| rows.min(most as u64))
    }

    /// Appends the token of line or row `number`, whose first byte is at `place`. `false` if it is not
    /// UTF-8 and such rows are to be skipped.
    pub(super) fn push(&mut self, token: &[u8], count: u64, number: u64, place: Place) -> Result<bool> {
        let replaced;
        let token = match (std::str::from_utf8(token), self.options.bad_utf8) {
            (Ok(token), _) => token,
            (Err(_), BadUtf8::Skip) => return Ok(false),
            (Err(_), BadUtf8::Replace) => {
                replaced = String::from_utf8_lossy(token).into_owned();
                &replaced
            }
            (Err(error), BadUtf8::Fail) => {
                let byte = place.byte.unwrap_or(1) + error.valid_up_to() as u64;
                let what = format!("the token '{}' is not UTF-8", shown(&String::from_utf8_lossy(token)));
                let advice = "--bad-utf8 skip leaves such rows out, --bad-utf8 replace puts U+FFFD in";
                return Err(Error::input(Place { byte: Some(byte), ..place }, what, advice));
            }
        };
        // A line's own number is place enough.
        let place = if let Unit::Line = self.unit { Place { byte: None, ..place } } else { place };
        if token.is_empty() {
            return Err(Error::input(
                place,
                format!("{}the token is empty", self.prefix(number)),
                "give every row a name",
            ));
        }
        if let Some(earlier) = self.vocab.get(token) {
            let unit = if let Unit::Line = self.unit { "on line" } else { "in row" };
            let earlier = grouped(self.numbers[earlier.row()]);
            let what = format!("{}the token '{}' is also {unit} {earlier}", self.prefix(number), shown(token));
            return Err(Error::input(place, what, "a token has one vector: remove one of the two"));
        }
        if self.vocab.total_count().checked_add(count).is_none() {
            return Err(Error::input(place, "the counts add up to more than 2^64", "the file is damaged"));
        }
        self.vocab.push(token, count)?;
        self.numbers.push(number);
        Ok(true)
    }

    /// Refuses the values of the token pushed last if one is not finite.
    pub(super) fn check_finite(&self, values: &[f32], place: Place) -> Result<()> {
        self.check_row(self.len().saturating_sub(1), values, place)
    }

    /// Refuses the values of the token in `row` if one is not finite.
    pub(super) fn check_row(&self, row: usize, values: &[f32], place: Place) -> Result<()> {
        let Some(at) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let token = shown(self.vocab.token(crate::TokenId(row as u32)));
        // Ids of a file of their own have lines, the vectors' file has rows of the same numbers.
        let row = if place.line.is_some() { String::new() } else { format!("row {}: ", grouped(self.numbers[row])) };
        let what = format!("{row}value {} of '{token}' is {}, expected a finite number", at + 1, values[at]);
        Err(Error::input(place, what, "the training diverged or the file is damaged; leave the row out or train again"))
    }

    /// The token pushed last.
    #[cfg(feature = "parquet")]
    pub(super) fn last_token(&self) -> &str {
        self.vocab.len().checked_sub(1).map_or("", |row| self.vocab.token(crate::TokenId(row as u32)))
    }

    fn prefix(&self, number: u64) -> String {
        match self.unit {
            Unit::Line => String::new(),
            Unit::Row => format!("row {}: ", grouped(number)),
        }
    }

    /// Embeddings of the tokens and their values, shape `[len, dim]`.
    pub(super) fn finish(self, dim: usize, input: Vec<f32>, output: Option<Vec<f32>>) -> Result<Embeddings> {
        if self.vocab.is_empty() || dim == 0 {
            return Err(Error::input(self.path, "the file holds no vectors", "is it the right file?"));
        }
        let rows = self.vocab.len();
        let output = output.map(|values| Matrix::new(rows, dim, values));
        Embeddings::new(self.vocab, Matrix::new(rows, dim, input), output)
    }
}
