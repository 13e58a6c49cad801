//! The tokens of a model with their counts: row number to string and back.
//!
//! Rows go by falling count, ties by the tokens' bytes, so that the same data gives the same rows.
//! Tokens are any non-empty UTF-8 strings; ids like `007` stay strings.
//!
//! May import: `id`, `error`.  Used by: nearly all.

use crate::error::Error;
use crate::id::TokenId;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Tokens, their counts, and the way back from a string to its row.
///
/// # Example
/// ```
/// use vecinity::Vocab;
/// let vocab = Vocab::from_counts([("emu", 3), ("the", 9)]).unwrap();
/// assert_eq!(vocab.get("emu").unwrap().row(), 0);          // the order given is kept
/// assert_eq!(vocab.token(vocab.get("the").unwrap()), "the");
/// assert_eq!(vocab.total_count(), 12);
/// ```
#[derive(Clone, Default)]
pub struct Vocab {
    /// All tokens, one behind the other.
    text: String,
    /// Where token `row` ends in `text`.
    ends: Vec<u64>,
    counts: Vec<u64>,
    total: u64,
    rows: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl std::fmt::Debug for Vocab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocab").field("len", &self.len()).field("total", &self.total).finish_non_exhaustive()
    }
}

impl Vocab {
    /// A vocabulary in the order given.
    ///
    /// # Errors
    /// [`Error::Data`] if a token is empty or occurs twice, or there are more than `u32::MAX - 1` of them.
    pub fn from_counts<T: AsRef<str>>(counts: impl IntoIterator<Item = (T, u64)>) -> Result<Self, Error> {
        let mut vocab = Self::default();
        for (token, count) in counts {
            vocab.push(token.as_ref(), count)?;
        }
        Ok(vocab)
    }

    /// The row here of each token of another vocabulary; `u32::MAX` for those that are not here.
    #[must_use]
    pub fn rows_of(&self, other: &Self) -> Vec<u32> {
        other.iter().map(|(_, token, _)| self.get(token).map_or(u32::MAX, |id| id.0)).collect()
    }

    /// Appends a token and returns its row.
    ///
    /// # Errors
    /// As [`Vocab::from_counts`].
    pub fn push(&mut self, token: &str, count: u64) -> Result<TokenId, Error> {
        if token.is_empty() {
            return Err(Error::data(format!("token {} is empty", self.len()), "give every row a name"));
        }
        if self.get(token).is_some() {
            return Err(Error::data(format!("token '{token}' occurs twice"), "make the names unique"));
        }
        let row = u32::try_from(self.len()).ok().filter(|&row| row < u32::MAX - 1);
        let row = row.ok_or_else(|| Error::data("more than 4,294,967,294 tokens", "raise --min-count"))?;
        self.text.push_str(token);
        self.ends.push(self.text.len() as u64);
        self.counts.push(count);
        self.total += count;
        let hash = self.hasher.hash_one(token);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        self.rows.insert_unique(hash, row, |&row| hasher.hash_one(slice(text, ends, row as usize)));
        Ok(TokenId(row))
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The token of a row.
    ///
    /// # Panics
    /// If `id` is not of this vocabulary.
    #[must_use]
    pub fn token(&self, id: TokenId) -> &str {
        slice(&self.text, &self.ends, id.row())
    }

    /// How often the token of a row occurred.
    ///
    /// # Panics
    /// If `id` is not of this vocabulary.
    #[must_use]
    pub fn count(&self, id: TokenId) -> u64 {
        self.counts[id.row()]
    }

    /// All counts, shape `[len]`.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The sum of all counts.
    #[must_use]
    pub fn total_count(&self) -> u64 {
        self.total
    }

    /// The row of a token.
    #[must_use]
    pub fn get(&self, token: &str) -> Option<TokenId> {
        let hash = self.hasher.hash_one(token);
        self.rows.find(hash, |&row| slice(&self.text, &self.ends, row as usize) == token).map(|&row| TokenId(row))
    }

    /// The row of a token.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] with the most alike tokens.
    pub fn require(&self, token: &str) -> Result<TokenId, Error> {
        self.get(token).ok_or_else(|| Error::UnknownToken {
            token: token.to_owned(),
            vocabulary: self.len(),
            suggestions: self
                .suggest(token, 3)
                .into_iter()
                .map(|id| (self.token(id).to_owned(), self.count(id)))
                .collect(),
        })
    }

    /// All tokens with their counts, by row.
    pub fn iter(&self) -> impl Iterator<Item = (TokenId, &str, u64)> {
        (0..self.len()).map(|row| {
            let id = TokenId(row as u32);
            (id, self.token(id), self.counts[row])
        })
    }

    /// Up to `limit` tokens that a mistyped `token` may stand for, the likeliest first.
    ///
    /// A token qualifies if it differs only in case, begins with `token`, or is within edit distance
    /// (Damerau-Levenshtein) 1 for up to 4 characters, 2 for up to 8, 3 beyond.
    #[must_use]
    pub fn suggest(&self, token: &str, limit: usize) -> Vec<TokenId> {
        let wanted: Vec<char> = token.to_lowercase().chars().collect();
        let allowed = match wanted.len() {
            0 => return Vec::new(),
            1..=4 => 1,
            5..=8 => 2,
            _ => 3,
        };
        let mut found = Vec::new();
        for (id, known, count) in self.iter() {
            // Characters are at most 4 bytes: a quick look at the length leaves most tokens out.
            if known.len() + allowed < wanted.len() {
                continue;
            }
            let known: Vec<char> = known.to_lowercase().chars().collect();
            let distance = if known == wanted {
                0
            } else if known.len().abs_diff(wanted.len()) <= allowed {
                strsim::generic_damerau_levenshtein(&known, &wanted)
            } else if wanted.len() >= 3 && known.starts_with(&wanted) {
                allowed
            } else {
                continue;
            };
            if distance <= allowed {
                found.push((distance, std::cmp::Reverse(count), id));
            }
        }
        found.sort_unstable();
        found.into_iter().take(limit).map(|(_, _, id)| id).collect()
    }
}

fn slice<'a>(text: &'a str, ends: &[u64], row: usize) -> &'a str {
    let start = if row == 0 { 0 } else { ends[row - 1] as usize };
    &text[start..ends[row] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_occur_only_once_and_must_not_be_empty() {
        assert_eq!(Vocab::from_counts([("a", 1), ("a", 2)]).unwrap_err().to_string(), "token 'a' occurs twice");
        assert_eq!(Vocab::from_counts([("", 1)]).unwrap_err().to_string(), "token 0 is empty");
    }

    #[test]
    fn suggestions_know_case_typos_and_beginnings() {
        let vocab = Vocab::from_counts([("Paris", 20), ("parish", 30), ("london", 9), ("parisian", 2)]).unwrap();
        let names = |t: &str| vocab.suggest(t, 3).into_iter().map(|id| vocab.token(id)).collect::<Vec<_>>();
        assert_eq!(names("paris"), ["Paris", "parish", "parisian"]);
        assert_eq!(names("lodnon"), ["london"]);
        assert!(names("zebra").is_empty());
        assert!(names("").is_empty());
    }
}
