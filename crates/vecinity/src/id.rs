//! Typed numbers, so that one cannot stand for another.

/// The row of a token in the vocabulary and in every matrix. Rows go by falling frequency: 0 is the
/// most frequent token. Users never see it; they see the token's string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub u32);

impl TokenId {
    /// As an index into rows.
    #[must_use]
    pub fn row(self) -> usize {
        self.0 as usize
    }
}
