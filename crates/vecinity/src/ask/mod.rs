//! Asking a model: neighbours, similarity, analogies and other arithmetic, the odd one out, and why
//! two tokens are near.
//!
//! An [`Asker`] holds what all questions to one model need: which vectors, which metric, and the
//! matrices and norms that follow from them, made once. Tokens go in through a [`Resolver`], answers
//! come out as strings through [`Asker::answers`].
//!
//! ```
//! use vecinity::ask::{Asker, Want};
//! use vecinity::embeddings::Which;
//! use vecinity::index::Metric;
//! use vecinity::{Embeddings, Matrix, Vocab};
//!
//! let vocab = Vocab::from_counts([("cat", 9), ("dog", 7), ("car", 5)])?;
//! let input = Matrix::new(3, 2, vec![3.0, 4.0, /**/ 4.0, 3.0, /**/ -4.0, 3.0]);
//! let embeddings = Embeddings::new(vocab, input, None)?;
//! let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
//!
//! let hits = asker.neighbors(embeddings.vocab().require("cat")?, Want::best(2));
//! let answers = asker.answers(&hits);
//! assert_eq!(answers[0].id, "dog");
//! assert!((answers[0].score - 0.96).abs() < 1e-6); // (3*4 + 4*3) / (5 * 5)
//! assert!((answers[1].score - 0.0).abs() < 1e-6); // right angles
//! # Ok::<(), vecinity::Error>(())
//! ```
//!
//! May import: `id`, `vocab`, `embeddings`, `metadata`, `index`, `error`.  Used by: `eval`, `cli`, `server`.

mod arithmetic;
pub mod expression;
mod neighbors;
mod outlier;
mod resolve;
mod similarity;
mod why;

pub use arithmetic::Method;
pub(crate) use arithmetic::{EPSILON, shift, unit};
pub use expression::Term;
pub use resolve::{Resolver, Titles};
pub use why::Reason;

use crate::embeddings::{Embeddings, Matrix, Which};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::index::{Exact, Hit, Index, Metric};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A model made ready for questions: which vectors they are asked of, and how vectors are compared.
#[derive(Debug)]
pub struct Asker<'a> {
    embeddings: &'a Embeddings,
    ready: Ready,
    threads: Option<usize>,
}

/// What an [`Asker`] has made ready, without the model itself: kept beside the model by programs that answer many
/// questions. Copies are cheap and share what is computed.
#[derive(Debug, Clone)]
pub struct Ready {
    which: Which,
    metric: Metric,
    /// Vectors of the tokens in the question, shape `[len, d]`.
    questions: Matrix,
    /// Vectors of the tokens that may answer, shape `[len, d]`; another matrix only for in-out.
    answers: Matrix,
    /// `1 / norm` of the rows of `answers`, shape `[len]`.
    scales: Arc<OnceLock<Vec<f32>>>,
    /// What [`Asker::why`] compares with; see there.
    usual: Arc<OnceLock<Vec<f32>>>,
    /// What finds candidates, in large vocabularies.
    index: Option<Arc<Index>>,
}

impl<'a> Asker<'a> {
    /// Makes a model ready. The sum and the concatenation of both matrices are built here, once.
    ///
    /// # Errors
    /// [`Error::Data`] if `which` needs the output matrix and the model has none, or the vectors have
    /// no values.
    pub fn new(embeddings: &'a Embeddings, which: Which, metric: Metric) -> Result<Self> {
        if embeddings.dim() == 0 {
            return Err(Error::data("the vectors of this model have no values", "train again with --dim 1 or more"));
        }
        let answers = embeddings.vectors(which)?;
        let questions = if which == Which::InOut { embeddings.input().clone() } else { answers.clone() };
        let (scales, usual) = (Arc::default(), Arc::default());
        let ready = Ready { which, metric, questions, answers, scales, usual, index: None };
        Ok(Self { embeddings, ready, threads: None })
    }

    /// Goes on with what another asker of the same model has made ready.
    ///
    /// # Panics
    /// If `ready` has another number of rows than the model.
    #[must_use]
    pub fn with(embeddings: &'a Embeddings, ready: &Ready) -> Self {
        assert_eq!(ready.answers.rows(), embeddings.len(), "made ready for another model");
        Self { embeddings, ready: ready.clone(), threads: None }
    }

    /// What this asker has made ready.
    #[must_use]
    pub fn ready(&self) -> Ready {
        self.ready.clone()
    }

    /// Finds neighbours of tokens and of sums by an index of the answers, or of the first of them, by row: nearly all of those
    /// that a look at every row finds, much sooner. Their scores are the same.
    ///
    /// # Panics
    /// If the index has other vectors, by length or metric, or more of them.
    #[must_use]
    pub fn with_index(mut self, index: Arc<Index>) -> Self {
        let (segment, answers) = (index.segment(), &self.ready.answers);
        let fits = segment.dim() == answers.dim() && segment.metric() == self.ready.metric;
        assert!(fits && segment.len() <= answers.rows(), "the index is not of these vectors");
        self.ready.index = Some(index);
        self
    }

    /// Sets the number of threads for a question; otherwise as many as pay off. A server that answers
    /// many questions at once wants 1.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The model asked.
    #[must_use]
    pub fn embeddings(&self) -> &'a Embeddings {
        self.embeddings
    }

    /// The vectors asked.
    #[must_use]
    pub fn which(&self) -> Which {
        self.ready.which
    }

    /// How vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.ready.metric
    }

    /// The vector of a token in a question, shape `[d]`: `dim` values, twice as many for
    /// [`Which::Concat`].
    ///
    /// # Panics
    /// If `id` is not of this model.
    #[must_use]
    pub fn vector(&self, id: TokenId) -> &[f32] {
        self.ready.questions.row(id.row())
    }

    /// The vector of a token as an answer, shape `[d]`; differs from [`Asker::vector`] only for
    /// [`Which::InOut`].
    ///
    /// # Panics
    /// If `id` is not of this model.
    #[must_use]
    pub fn answer_vector(&self, id: TokenId) -> &[f32] {
        self.ready.answers.row(id.row())
    }

    /// Found rows with all that a person wants to read about them.
    ///
    /// # Panics
    /// If a row is not of this model.
    #[must_use]
    pub fn answers(&self, hits: &[Hit]) -> Vec<Answer<'a>> {
        hits.iter().map(|&hit| Answer::new(self.embeddings, hit)).collect()
    }

    /// The answers nearest to a vector, the nearest first, among those for which `keep` says yes.
    fn nearest(&self, query: &[f32], limit: usize, keep: &(dyn Fn(TokenId) -> bool + Sync)) -> Vec<Hit> {
        let exact = self.search(self.ready.metric);
        let Some(index) = &self.ready.index else { return exact.nearest_where(query, limit, keep) };
        let found = index.search_where(query, limit.saturating_add(SPARE), &|key| keep(TokenId(key as u32)));
        let mut rows: Vec<TokenId> = found.iter().map(|found| TokenId(found.key as u32)).collect();
        rows.sort_unstable();
        // What came behind the index is looked at, all of it.
        let behind = index.segment().len() as u32..exact.len() as u32;
        rows.extend(behind.map(TokenId).filter(|&id| keep(id)));
        exact.nearest_of(query, limit, &rows)
    }

    /// The search over all answers.
    fn search(&self, metric: Metric) -> Exact<'_> {
        let search = Exact::new(self.ready.answers.as_slice(), self.ready.answers.dim(), metric);
        let search = if metric == Metric::Cosine { search.with_inverse_norms(self.scales()) } else { search };
        match self.threads {
            Some(threads) => search.with_threads(threads),
            None => search,
        }
    }

    fn scales(&self) -> &[f32] {
        let answers = &self.ready.answers;
        self.ready.scales.get_or_init(|| Exact::new(answers.as_slice(), answers.dim(), Metric::Dot).inverse_norms())
    }
}

/// Candidates of an index beyond those wanted: its scores may differ in their last bits.
const SPARE: usize = 8;

/// How many answers are wanted, and which tokens may be among them.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// At most so many answers.
    pub limit: usize,
    /// Whether the tokens of the question may be answers. Usually not: they are nearest to themselves.
    pub include_asked: bool,
    /// Which other tokens may be answers; all, if `None`. Asked only of those good enough.
    pub only: Option<&'a (dyn Fn(TokenId) -> bool + Sync)>,
}

impl<'a> Want<'a> {
    /// The best `limit` tokens that are not in the question.
    #[must_use]
    pub fn best(limit: usize) -> Self {
        Self { limit, include_asked: false, only: None }
    }

    /// Lets the tokens of the question be answers too.
    #[must_use]
    pub fn including_asked(mut self) -> Self {
        self.include_asked = true;
        self
    }

    /// Lets only tokens be answers for which `keep` says yes.
    #[must_use]
    pub fn only(mut self, keep: &'a (dyn Fn(TokenId) -> bool + Sync)) -> Self {
        self.only = Some(keep);
        self
    }

    /// Whether `id` may answer a question in which `asked` occur.
    fn allows(&self, id: TokenId, asked: &[TokenId]) -> bool {
        (self.include_asked || !asked.contains(&id)) && self.only.is_none_or(|keep| keep(id))
    }
}

impl fmt::Debug for Want<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Want")
            .field("limit", &self.limit)
            .field("include_asked", &self.include_asked)
            .finish_non_exhaustive()
    }
}

/// One answer, for people and programs. The field names are those of `--json` and of the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Answer<'a> {
    /// The token.
    pub id: &'a str,
    /// Its score; the metric says what it means.
    pub score: f32,
    /// How often the token occurred in the training data.
    pub count: u64,
    /// Its title, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
}

impl<'a> Answer<'a> {
    /// What is known about a found row.
    ///
    /// # Panics
    /// If the row is not of this model.
    #[must_use]
    pub fn new(embeddings: &'a Embeddings, hit: Hit) -> Self {
        let id = embeddings.vocab().token(hit.id);
        let title = embeddings.metadata().and_then(|metadata| metadata.title(id));
        Self { id, score: hit.score, count: embeddings.vocab().count(hit.id), title }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Vocab;

    /// A model of tokens with vectors written by hand; output rows are the input rows turned by 90°.
    pub(crate) fn model(rows: &[(&str, [f32; 2])]) -> Embeddings {
        let vocab = Vocab::from_counts(rows.iter().map(|(token, _)| (*token, 1))).unwrap();
        let input = rows.iter().flat_map(|(_, v)| *v).collect();
        let output = rows.iter().flat_map(|(_, [x, y])| [-y, *x]).collect();
        Embeddings::new(vocab, Matrix::new(rows.len(), 2, input), Some(Matrix::new(rows.len(), 2, output))).unwrap()
    }

    pub(crate) fn names<'a>(embeddings: &'a Embeddings, hits: &[Hit]) -> Vec<&'a str> {
        hits.iter().map(|hit| embeddings.vocab().token(hit.id)).collect()
    }

    #[test]
    fn sums_and_concatenations_need_an_output_matrix() {
        let vocab = Vocab::from_counts([("a", 1)]).unwrap();
        let embeddings = Embeddings::new(vocab, Matrix::new(1, 1, vec![1.0]), None).unwrap();
        for (name, which) in Which::ALL {
            let asker = Asker::new(&embeddings, which, Metric::Cosine);
            assert_eq!(asker.is_ok(), which == Which::Input, "{name}");
        }
    }

    #[test]
    fn vectors_without_values_are_refused() {
        let vocab = Vocab::from_counts([("a", 1)]).unwrap();
        let embeddings = Embeddings::new(vocab, Matrix::new(1, 0, Vec::new()), None).unwrap();
        let error = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap_err();
        assert_eq!(error.to_string(), "the vectors of this model have no values");
    }

    #[test]
    fn an_answer_without_a_title_says_nothing_of_it() {
        let embeddings = model(&[("a", [1.0, 0.0])]);
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine).unwrap();
        let answers = asker.answers(&[Hit { id: TokenId(0), score: 0.25 }]);
        assert_eq!(serde_json::to_string(&answers).unwrap(), r#"[{"id":"a","score":0.25,"count":1}]"#);
    }
}
