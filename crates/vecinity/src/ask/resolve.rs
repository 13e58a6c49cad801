//! From what a person typed to a token: the one place where ids and titles are looked up.
//!
//! A text names, in this order: the token that is spelt so; the token whose title it is, but for case; the
//! token whose title it is up to a last remark in parentheses (`Alien` for `Alien (1979)`). If several
//! tokens have that title, the text names none and the error lists them.

use crate::embeddings::Embeddings;
use crate::error::{Error, Result, shown};
use crate::id::TokenId;
use crate::vocab::Vocab;
use hashbrown::HashMap;
use std::sync::{Arc, OnceLock};

/// How many suggestions an error makes.
const SUGGESTIONS: usize = 3;

type ByTitle = HashMap<String, Vec<TokenId>, foldhash::fast::FixedState>;

/// The titles of a model by what they say, gathered when first needed. Copies share them: programs that answer many
/// questions keep one beside the model.
#[derive(Debug, Clone, Default)]
pub struct Titles(Arc<OnceLock<ByTitle>>);

/// Looks up the tokens of one model. The titles are gathered at the first text that is no token.
#[derive(Debug)]
pub struct Resolver<'a> {
    embeddings: &'a Embeddings,
    titles: Titles,
}

impl<'a> Resolver<'a> {
    /// A look-up of the tokens and titles of `embeddings`.
    #[must_use]
    pub fn new(embeddings: &'a Embeddings) -> Self {
        Self::with(embeddings, Titles::default())
    }

    /// Goes on with the titles that another look-up of the same model has gathered.
    #[must_use]
    pub fn with(embeddings: &'a Embeddings, titles: Titles) -> Self {
        Self { embeddings, titles }
    }

    /// Whether `text` is a token or a title.
    #[must_use]
    pub fn knows(&self, text: &str) -> bool {
        self.embeddings.vocab().get(text).is_some() || !self.titled(text).is_empty()
    }

    /// The token that `text` names.
    ///
    /// # Errors
    /// [`Error::UnknownToken`] with suggestions; [`Error::Data`] if several tokens have that title.
    ///
    /// # Example
    /// ```
    /// # use vecinity::{ask::Resolver, metadata::Metadata, Embeddings, Matrix, Vocab};
    /// let vocab = Vocab::from_counts([("1214", 9), ("541", 7)])?;
    /// let films = "id,title\n1214,Alien (1979)\n541,Blade Runner (1982)\n";
    /// let films = Metadata::read(films.as_bytes(), "films.csv".as_ref())?;
    /// let embeddings = Embeddings::new(vocab, Matrix::new(2, 1, vec![1.0, 2.0]), None)?.with_metadata(Some(films));
    /// let resolver = Resolver::new(&embeddings);
    /// for text in ["541", "Blade Runner (1982)", "blade runner"] {
    ///     assert_eq!(resolver.resolve(text)?.row(), 1);
    /// }
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn resolve(&self, text: &str) -> Result<TokenId> {
        let vocab = self.embeddings.vocab();
        if let Some(id) = vocab.get(text) {
            return Ok(id);
        }
        match self.titled(text) {
            [id] => Ok(*id),
            [] => Err(Error::UnknownToken {
                token: text.to_owned(),
                vocabulary: vocab.len(),
                suggestions: self.suggest(text).into_iter().map(|(id, text)| (text, vocab.count(id))).collect(),
            }),
            several => {
                let listed: Vec<_> = several.iter().take(5).map(|&id| shown(vocab.token(id))).collect();
                let more = if several.len() > listed.len() { " ..." } else { "" };
                Err(Error::data(
                    format!("{} tokens have the title '{}'", several.len(), shown(text)),
                    format!("use the id of one of them: {}{more}", listed.join(" · ")),
                ))
            }
        }
    }

    /// As [`resolve`](Self::resolve), but a text that names nothing stands for the first of the
    /// suggestions the error would make. Says whether it was so taken.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), if there is no suggestion.
    pub fn resolve_fuzzy(&self, text: &str) -> Result<(TokenId, bool)> {
        match self.resolve(text) {
            Ok(id) => Ok((id, false)),
            Err(unknown @ Error::UnknownToken { .. }) => match self.suggest(text).first() {
                Some(&(id, _)) => Ok((id, true)),
                None => Err(unknown),
            },
            Err(other) => Err(other),
        }
    }

    /// Tokens that `text` may stand for, and what to type for them: tokens spelt alike, then titles that
    /// contain it, then titles spelt alike.
    fn suggest(&self, text: &str) -> Vec<(TokenId, String)> {
        let vocab = self.embeddings.vocab();
        let mut found: Vec<_> =
            vocab.suggest(text, SUGGESTIONS).into_iter().map(|id| (id, vocab.token(id).to_owned())).collect();
        let Some(metadata) = self.embeddings.metadata() else { return found };
        let mut add = |id: TokenId| {
            if found.len() < SUGGESTIONS && found.iter().all(|(known, _)| *known != id) {
                let token = vocab.token(id);
                found.push((id, metadata.title(token).unwrap_or(token).to_owned()));
            }
            found.len() < SUGGESTIONS
        };
        let containing = metadata.find_title(text);
        if containing.into_iter().filter_map(|token| vocab.get(token)).all(&mut add) {
            self.alike(text).into_iter().all(add);
        }
        found
    }

    /// The tokens whose titles are spelt like `text`, the likeliest first.
    fn alike(&self, text: &str) -> Vec<TokenId> {
        let titles = self.titles();
        let mut spelt = Vocab::default();
        let mut tokens = Vec::new();
        for (title, ids) in titles {
            let Some(&id) = ids.first().filter(|_| !title.is_empty()) else { continue };
            if spelt.push(title, self.embeddings.vocab().count(id)).is_ok() {
                tokens.push(id);
            }
        }
        spelt.suggest(text, SUGGESTIONS).into_iter().map(|title| tokens[title.row()]).collect()
    }

    /// The tokens with a title.
    fn titled(&self, title: &str) -> &[TokenId] {
        self.titles().get(&title.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The tokens of each title in lower case, as it is and without its last remark.
    fn titles(&self) -> &ByTitle {
        self.titles.0.get_or_init(|| {
            let mut titles = ByTitle::default();
            let Some(metadata) = self.embeddings.metadata() else { return titles };
            for token in metadata.ids() {
                let Some((title, id)) = metadata.title(token).zip(self.embeddings.vocab().get(token)) else { continue };
                let title = title.to_lowercase();
                if let Some(short) = without_remark(&title) {
                    titles.entry(short.to_owned()).or_default().push(id);
                }
                titles.entry(title).or_default().push(id);
            }
            titles
        })
    }
}

/// `alien` of `alien (1979)`.
fn without_remark(title: &str) -> Option<&str> {
    let (short, _) = title.strip_suffix(')')?.rsplit_once(" (")?;
    (!short.is_empty()).then_some(short)
}

#[cfg(test)]
mod tests {
    use super::super::tests::model;
    use super::*;
    use crate::metadata::Metadata;

    #[test]
    fn a_typo_is_refused_with_suggestions_or_taken_for_the_best_of_them() {
        let embeddings = model(&[("paris", [1.0, 0.0]), ("parish", [0.0, 1.0])]);
        let resolver = Resolver::new(&embeddings);
        assert_eq!(resolver.resolve("parish").unwrap(), TokenId(1));
        let error = resolver.resolve("pariss").unwrap_err();
        assert_eq!(error.advice().unwrap(), "did you mean: paris (1) · parish (1)");
        assert_eq!(resolver.resolve_fuzzy("pariss").unwrap(), (TokenId(0), true));
        assert_eq!(resolver.resolve_fuzzy("paris").unwrap(), (TokenId(0), false));
        assert!(resolver.resolve_fuzzy("zebra").is_err());
    }

    #[test]
    fn a_title_that_several_tokens_have_is_refused_with_their_ids() {
        let rows = ["7", "8", "9", "Heat"].map(|token| (token, [1.0, 0.0]));
        let table = "id,title\n9,Psycho (1960)\n7,Psycho (1998)\n8,Heat\n5,Not in the model\n";
        let metadata = Metadata::read(table.as_bytes(), "films.csv".as_ref()).unwrap();
        let embeddings = model(&rows).with_metadata(Some(metadata));
        let resolver = Resolver::new(&embeddings);

        assert_eq!(resolver.resolve("psycho (1998)").unwrap(), TokenId(0));
        let error = resolver.resolve("Psycho").unwrap_err();
        assert_eq!(error.to_string(), "2 tokens have the title 'Psycho'");
        assert_eq!(error.advice().unwrap(), "use the id of one of them: 9 · 7");
        assert!(resolver.knows("Psycho") && !resolver.knows("Not in the model"));
        // A token comes before a title.
        assert_eq!(resolver.resolve("Heat").unwrap(), TokenId(3));
        // A part of a title is not enough, but it is suggested.
        let error = resolver.resolve("sych").unwrap_err();
        assert_eq!(error.advice().unwrap(), "did you mean: Psycho (1960) (1) · Psycho (1998) (1)");
        assert_eq!(resolver.resolve_fuzzy("sych").unwrap(), (TokenId(2), true));
        // So is a title that is spelt alike.
        let error = resolver.resolve("Pyscho (1989)").unwrap_err();
        assert_eq!(error.advice().unwrap(), "did you mean: Psycho (1998) (1) · Psycho (1960) (1)");
    }
}
