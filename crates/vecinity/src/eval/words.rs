//! The vocabulary as evaluation sees it: lower-cased, without `</s>`, with vectors made ready for a metric.

use crate::ask::unit;
use crate::embeddings::{Embeddings, Matrix, Which};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::Metric;
use hashbrown::HashMap;
use vecinity_kernel::vector::dot;

/// The words of a model, in its order (the most frequent first), made ready for evaluation.
#[derive(Debug)]
pub struct Words {
    /// The tokens that are words.
    kept: Vec<TokenId>,
    /// From a word to its place in `kept`.
    places: HashMap<String, u32, foldhash::fast::FixedState>,
    keep_case: bool,
    metric: Metric,
    questions: Matrix,
    answers: Matrix,
}

impl Words {
    /// The words of `embeddings`, with the vectors `which`. With [`Which::InOut`] the words of a question are
    /// input vectors, those of the answers output vectors.
    ///
    /// * `keep_case`: do not turn tokens and questions into lower case.
    ///
    /// # Errors
    /// [`Error::Data`] if `which` needs the output matrix and the model has none, or the vectors have no
    /// values.
    pub fn new(embeddings: &Embeddings, which: Which, keep_case: bool) -> Result<Self> {
        if embeddings.dim() == 0 {
            return Err(Error::data("the vectors of this model have no values", "train again with --dim 1 or more"));
        }
        let answers = embeddings.vectors(which)?;
        let questions = if which == Which::InOut { embeddings.input().clone() } else { answers.clone() };
        let mut kept = Vec::with_capacity(embeddings.len());
        let mut places = HashMap::with_capacity_and_hasher(embeddings.len(), foldhash::fast::FixedState::default());
        for (id, token, _) in embeddings.vocab().iter().filter(|(_, token, _)| *token != "</s>") {
            let place = kept.len() as u32;
            kept.push(id);
            places.entry(if keep_case { token.to_owned() } else { token.to_lowercase() }).or_insert(place);
        }
        Ok(Self { kept, places, keep_case, metric: Metric::Cosine, questions, answers })
    }

    /// The same words compared by another metric than cosine, which the usual scripts take. 3CosMul is made for cosines.
    #[must_use]
    pub fn compared_by(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    /// How words are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Number of words, with those that differ only in case.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The place of a word, from 0 for the most frequent; the first of those that differ only in case.
    #[must_use]
    pub fn place(&self, word: &str) -> Option<usize> {
        let found = if self.keep_case { self.places.get(word) } else { self.places.get(&word.to_lowercase()) };
        found.map(|&place| place as usize)
    }

    /// Values in a vector.
    pub(super) fn dim(&self) -> usize {
        self.answers.dim()
    }

    /// The vector of a word in a question; by cosine at length 1 (a zero vector stays one).
    pub(super) fn question(&self, place: usize) -> Vec<f32> {
        self.ready(self.questions.row(self.kept[place].row()))
    }

    /// The vector of a word as an answer; by cosine at length 1 (a zero vector stays one).
    pub(super) fn answer(&self, place: usize) -> Vec<f32> {
        self.ready(self.answers.row(self.kept[place].row()))
    }

    fn ready(&self, vector: &[f32]) -> Vec<f32> {
        if self.metric == Metric::Cosine { unit(vector) } else { vector.to_vec() }
    }

    /// How alike two words are; larger is more alike, so distances have their sign turned.
    pub(super) fn alike(&self, question: usize, answer: usize) -> f32 {
        let (question, answer) = (self.question(question), self.answer(answer));
        match self.metric {
            Metric::Cosine | Metric::Dot => dot(&question, &answer),
            Metric::Euclidean => -Metric::Euclidean.score(&question, &answer),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Vocab;

    /// A model of words with vectors in the plane.
    pub(in crate::eval) fn words(rows: &[(&str, [f32; 2])], keep_case: bool) -> Words {
        let vocab = Vocab::from_counts(rows.iter().map(|(word, _)| (*word, 1))).unwrap();
        let values = rows.iter().flat_map(|(_, vector)| *vector).collect();
        let embeddings = Embeddings::new(vocab, Matrix::new(rows.len(), 2, values), None).unwrap();
        Words::new(&embeddings, Which::Input, keep_case).unwrap()
    }

    #[test]
    fn words_are_lower_case_the_first_wins_and_the_end_of_a_line_is_none() {
        let rows = [("</s>", [1.0, 0.0]), ("Paris", [2.0, 0.0]), ("paris", [3.0, 0.0]), ("ROME", [0.0, 9.0])];
        let folded = words(&rows, false);
        assert_eq!(folded.len(), 3);
        assert_eq!((folded.place("PARIS"), folded.place("rome"), folded.place("</s>")), (Some(0), Some(2), None));
        assert_eq!(folded.answer(2), [0.0, 1.0]);
        let kept = words(&rows, true);
        assert_eq!((kept.place("paris"), kept.place("rome")), (Some(1), None));
    }
}
