//! From what a person typed to a token: the one place where ids are looked up.

use crate::embeddings::Embeddings;
use crate::error::{Error, Result};
use crate::id::TokenId;

/// The token that `text` names: a token as it stands.
///
/// # Errors
/// [`Error::UnknownToken`](crate::Error::UnknownToken) with the most alike tokens.
pub fn resolve(embeddings: &Embeddings, text: &str) -> Result<TokenId> {
    match find(embeddings, text) {
        Some(id) => Ok(id),
        None => embeddings.vocab().require(text),
    }
}

/// As [`resolve`], but a text that names nothing stands for the most alike token (the likeliest of
/// [`Vocab::suggest`](crate::Vocab::suggest)). Says whether it was so taken.
///
/// # Errors
/// [`Error::UnknownToken`](crate::Error::UnknownToken) if nothing is alike.
pub fn resolve_fuzzy(embeddings: &Embeddings, text: &str) -> Result<(TokenId, bool)> {
    match resolve(embeddings, text) {
        Ok(id) => Ok((id, false)),
        Err(unknown @ Error::UnknownToken { .. }) => match embeddings.vocab().suggest(text, 1).first() {
            Some(&id) => Ok((id, true)),
            None => Err(unknown),
        },
        Err(other) => Err(other),
    }
}

/// The token that `text` names, if there is one.
#[must_use]
pub fn find(embeddings: &Embeddings, text: &str) -> Option<TokenId> {
    // Exact titles of the metadata are to be looked up here, after the ids.
    embeddings.vocab().get(text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;

    #[test]
    fn a_typo_is_refused_with_suggestions_or_taken_for_the_best_of_them() {
        let embeddings = model(&[("paris", [1.0, 0.0]), ("parish", [0.0, 1.0])]);
        assert_eq!(resolve(&embeddings, "parish").unwrap(), TokenId(1));
        let error = resolve(&embeddings, "pariss").unwrap_err();
        assert_eq!(error.advice().unwrap(), "did you mean: paris (1) · parish (1)");
        assert_eq!(resolve_fuzzy(&embeddings, "pariss").unwrap(), (TokenId(0), true));
        assert_eq!(resolve_fuzzy(&embeddings, "paris").unwrap(), (TokenId(0), false));
        assert!(resolve_fuzzy(&embeddings, "zebra").is_err());
    }
}
