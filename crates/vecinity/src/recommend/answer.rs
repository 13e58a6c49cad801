//! Recommendations for people and programs: ids, fields, reasons. The field names are those of `--json` and
//! of the HTTP API.

use super::reasons::Recommendation;
use crate::TokenId;
use crate::embeddings::Embeddings;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A recommended item.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Answer<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its score; what scores are worth depends on the recipe, larger is better.
    pub score: f32,
    /// What is known about it.
    pub metadata: Fields<'a>,
    /// Why it is recommended, if that was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Vec<Because<'a>>>,
}

/// What speaks for a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Because<'a> {
    /// An item of the history; `None` is the popularity of the recommended item itself.
    pub id: Option<&'a str>,
    /// Its share of the score above that of an average item; all shares add to 1.
    pub share: f32,
}

/// The fields of an item: an object of those that are not empty.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    embeddings: &'a Embeddings,
    item: TokenId,
}

impl<'a> Answer<'a> {
    /// What is known about a recommendation.
    ///
    /// * `explain`: whether reasons are shown.
    ///
    /// # Panics
    /// If the item is not of this model.
    #[must_use]
    pub fn new(embeddings: &'a Embeddings, found: &Recommendation, explain: bool) -> Self {
        let vocab = embeddings.vocab();
        let because =
            |reason: &super::Reason| Because { id: reason.item.map(|id| vocab.token(id)), share: reason.share };
        Self {
            id: vocab.token(found.item),
            score: found.score,
            metadata: Fields::new(embeddings, found.item),
            reasons: explain.then(|| found.reasons.iter().map(because).collect()),
        }
    }
}

impl<'a> Fields<'a> {
    /// The fields of an item.
    #[must_use]
    pub fn new(embeddings: &'a Embeddings, item: TokenId) -> Self {
        Self { embeddings, item }
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(metadata) = self.embeddings.metadata() {
            let fields = metadata.fields(self.embeddings.vocab().token(self.item)).unwrap_or_default();
            for (name, text) in metadata.columns().iter().zip(fields).filter(|(_, text)| !text.is_empty()) {
                map.serialize_entry(name, text)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Metadata;
    use crate::recommend::Reason;
    use crate::{Matrix, Vocab};

    #[test]
    fn an_answer_has_the_form_that_is_promised() {
        let vocab = Vocab::from_counts([("1214", 2), ("1200", 1)]).unwrap();
        let films = Metadata::read("id,title,year\n1200,Aliens (1986),\n".as_bytes(), "a.csv".as_ref()).unwrap();
        let embeddings = Embeddings::new(vocab, Matrix::new(2, 1, vec![1.0; 2]), None).unwrap();
        let embeddings = embeddings.with_metadata(Some(films));
        let reasons = vec![Reason { item: Some(TokenId(0)), share: 0.75 }, Reason { item: None, share: 0.25 }];
        let found = Recommendation { item: TokenId(1), score: 8.5, reasons };
        let json = |explain| serde_json::to_string(&Answer::new(&embeddings, &found, explain)).unwrap();
        let start = r#"{"id":"1200","score":8.5,"metadata":{"title":"Aliens (1986)"}"#;
        assert_eq!(
            json(true),
            format!(r#"{start},"reasons":[{{"id":"1214","share":0.75}},{{"id":null,"share":0.25}}]}}"#)
        );
        assert_eq!(json(false), format!("{start}}}"));
    }
}
