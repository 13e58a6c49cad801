//! A vocabulary with its vectors, made ready for questions.

use crate::errors::{Result, one_of};
use crate::view::View;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyAny;
use pythonize::pythonize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use vecinity::ask::{Asker, Method, Ready, Resolver, Term, Titles, Want, expression};
use vecinity::embeddings::Which;
use vecinity::formats::{self, Format, ReadOptions};
use vecinity::index::{Hit, Metric};
use vecinity::recommend::Fields;
use vecinity::{Error, Matrix, TokenId, Vocab};

/// Tokens with an input vector each, perhaps with an output vector, titles and fields.
#[pyclass(frozen, module = "vecinity._vecinity")]
pub(crate) struct Embeddings {
    of: Arc<vecinity::Embeddings>,
    titles: Titles,
    ready: Mutex<HashMap<(&'static str, Metric), Ready>>,
}

impl Embeddings {
    pub(crate) fn new(of: Arc<vecinity::Embeddings>) -> Self {
        Self { of, titles: Titles::default(), ready: Mutex::default() }
    }

    pub(crate) fn resolver(&self) -> Resolver<'_> {
        Resolver::with(&self.of, self.titles.clone())
    }

    /// What is asked, ready since it was asked first, which takes a look at all vectors.
    fn asker(&self, py: Python<'_>, vectors: &str, metric: &str) -> Result<Asker<'_>> {
        let (which, metric) = (which(vectors)?, metric_of(metric)?);
        // Nobody waits for the lock with the interpreter's.
        let asker = py.detach(|| {
            let mut kept = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(ready) = kept.get(&(which.name(), metric)) {
                return Ok(Asker::with(&self.of, ready));
            }
            let asker = Asker::new(&self.of, which, metric)?;
            kept.insert((which.name(), metric), asker.ready());
            Ok::<_, Error>(asker)
        })?;
        Ok(asker)
    }

    fn id(&self, row: usize) -> Result<TokenId> {
        let found = u32::try_from(row).ok().filter(|&row| (row as usize) < self.of.len());
        Ok(TokenId(found.ok_or_else(|| {
            Error::setting("row", row, format!("a number from 0 to {}", self.of.len().saturating_sub(1)))
        })?))
    }

    fn ids(&self, rows: &[usize]) -> Result<Vec<TokenId>> {
        rows.iter().map(|&row| self.id(row)).collect()
    }

    fn answers<'py>(&self, py: Python<'py>, asker: &Asker<'_>, hits: &[Hit]) -> Result<Bound<'py, PyAny>> {
        Ok(pythonize(py, &asker.answers(hits))?)
    }
}

/// Which vectors, by their name.
pub(crate) fn which(vectors: &str) -> Result<Which> {
    one_of("vectors", vectors, &Which::ALL.map(|(name, _)| name))
}

/// How vectors are compared, by its name.
pub(crate) fn metric_of(metric: &str) -> Result<Metric> {
    one_of("metric", metric, &Metric::ALL.map(|(name, _)| name))
}

fn method_of(method: &str) -> Result<Method> {
    let found = Method::ALL.iter().find(|(name, _)| *name == method).map(|(_, method)| *method);
    Ok(found.ok_or_else(|| Error::setting("method", format!("'{method}'"), "'3cosadd' or '3cosmul'"))?)
}

/// Rows that may answer: all but some, and perhaps only the first so many.
fn wanted<T>(limit: usize, leave_out: &[usize], first: Option<usize>, ask: impl FnOnce(Want<'_>) -> T) -> T {
    let only = |id: TokenId| first.is_none_or(|first| id.row() < first) && !leave_out.contains(&id.row());
    ask(Want::best(limit).including_asked().only(&only))
}

#[pymethods]
impl Embeddings {
    /// Reads a file of another tool.
    #[staticmethod]
    #[pyo3(signature = (path, format=None, limit=None))]
    fn import_file(py: Python<'_>, path: PathBuf, format: Option<&str>, limit: Option<usize>) -> Result<Self> {
        let format = format.map(str::parse::<Format>).transpose()?;
        let options = ReadOptions { max_vocab: limit, ..ReadOptions::default() };
        let embeddings = py.detach(|| formats::import(&path, format, &options))?;
        Ok(Self::new(Arc::new(embeddings)))
    }

    /// Tokens with vectors of their own: `vectors` flat, one row of `dim` values a token.
    #[staticmethod]
    fn from_arrays(
        tokens: Vec<String>,
        counts: Vec<u64>,
        vectors: PyReadonlyArray1<'_, f32>,
        dim: usize,
    ) -> Result<Self> {
        let values = vectors.as_array().to_vec();
        if tokens.len() != counts.len() || Some(values.len()) != tokens.len().checked_mul(dim) {
            let what = format!("{} tokens, {} counts and {} values", tokens.len(), counts.len(), values.len());
            return Err(Error::data(what, format!("expected a count and {dim} values a token")).into());
        }
        let vocab = Vocab::from_counts(tokens.into_iter().zip(counts))?;
        let matrix = Matrix::new(vocab.len(), dim, values);
        Ok(Self::new(Arc::new(vecinity::Embeddings::new(vocab, matrix, None)?)))
    }

    fn __len__(&self) -> usize {
        self.of.len()
    }

    /// Values in an input vector.
    #[getter]
    fn dim(&self) -> usize {
        self.of.dim()
    }

    /// Whether there is an output matrix.
    #[getter]
    fn has_output(&self) -> bool {
        self.of.output().is_some()
    }

    /// All tokens, by row.
    fn tokens(&self) -> Vec<&str> {
        self.of.vocab().iter().map(|(_, token, _)| token).collect()
    }

    /// How often each token occurred in training, by row.
    fn counts(&self) -> Vec<u64> {
        self.of.vocab().counts().to_vec()
    }

    /// The token of a row.
    fn token(&self, row: usize) -> Result<&str> {
        Ok(self.of.vocab().token(self.id(row)?))
    }

    /// The row of a token, if it is known; titles are not looked at.
    fn row(&self, token: &str) -> Option<usize> {
        self.of.vocab().get(token).map(TokenId::row)
    }

    /// The row of a token or title.
    fn resolve(&self, py: Python<'_>, text: &str) -> Result<usize> {
        match self.row(text) {
            Some(row) => Ok(row),
            // Titles, and what may have been meant, are looked for among all.
            None => Ok(py.detach(|| self.resolver().resolve(text))?.row()),
        }
    }

    /// Fields of a row by their names.
    fn fields<'py>(&self, py: Python<'py>, row: usize) -> Result<Bound<'py, PyAny>> {
        Ok(pythonize(py, &Fields::new(&self.of, self.id(row)?))?)
    }

    /// One of the matrices, in place where it is one.
    fn matrix(&self, py: Python<'_>, vectors: &str) -> Result<View> {
        let which = which(vectors)?;
        Ok(View(py.detach(|| self.of.vectors(which))?))
    }

    /// The rows nearest to a row.
    #[pyo3(signature = (row, limit, vectors, metric, leave_out, first=None))]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python, by name")]
    fn neighbors<'py>(
        &self,
        py: Python<'py>,
        row: usize,
        limit: usize,
        vectors: &str,
        metric: &str,
        leave_out: Vec<usize>,
        first: Option<usize>,
    ) -> Result<Bound<'py, PyAny>> {
        let (id, asker) = (self.id(row)?, self.asker(py, vectors, metric)?);
        let hits = py.detach(|| wanted(limit, &leave_out, first, |want| asker.neighbors(id, want)));
        self.answers(py, &asker, &hits)
    }

    /// The rows nearest to a vector, shape `[d]`.
    #[pyo3(signature = (vector, limit, vectors, metric, leave_out, first=None))]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python, by name")]
    fn neighbors_of_vector<'py>(
        &self,
        py: Python<'py>,
        vector: Vec<f32>,
        limit: usize,
        vectors: &str,
        metric: &str,
        leave_out: Vec<usize>,
        first: Option<usize>,
    ) -> Result<Bound<'py, PyAny>> {
        let asker = self.asker(py, vectors, metric)?;
        let hits = py.detach(|| wanted(limit, &leave_out, first, |want| asker.neighbors_of_vector(&vector, want)))?;
        self.answers(py, &asker, &hits)
    }

    /// The rows nearest to an expression such as `king - man + woman`.
    fn query<'py>(
        &self,
        py: Python<'py>,
        expression: &str,
        limit: usize,
        method: &str,
        vectors: &str,
        metric: &str,
    ) -> Result<Bound<'py, PyAny>> {
        let terms = py.detach(|| {
            let resolver = self.resolver();
            let terms = expression::parse(expression, &|text| resolver.knows(text))?;
            let resolved = |Term { weight, token }: Term<String>| Ok(Term { weight, token: resolver.resolve(&token)? });
            terms.into_iter().map(resolved).collect::<vecinity::Result<Vec<_>>>()
        })?;
        let (asker, method) = (self.asker(py, vectors, metric)?, method_of(method)?);
        let hits = py.detach(|| asker.combine(&terms, method, Want::best(limit)))?;
        self.answers(py, &asker, &hits)
    }

    /// The rows nearest to a weighted sum of rows.
    #[pyo3(signature = (terms, limit, method, vectors, metric, leave_out, first=None))]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python, by name")]
    fn combine<'py>(
        &self,
        py: Python<'py>,
        terms: Vec<(f32, usize)>,
        limit: usize,
        method: &str,
        vectors: &str,
        metric: &str,
        leave_out: Vec<usize>,
        first: Option<usize>,
    ) -> Result<Bound<'py, PyAny>> {
        let (asker, method) = (self.asker(py, vectors, metric)?, method_of(method)?);
        let terms = terms.into_iter().map(|(weight, row)| Ok(Term { weight, token: self.id(row)? }));
        let terms = terms.collect::<Result<Vec<_>>>()?;
        let hits = py.detach(|| wanted(limit, &leave_out, first, |want| asker.combine(&terms, method, want)))?;
        self.answers(py, &asker, &hits)
    }

    /// How alike two rows are.
    fn similarity(&self, py: Python<'_>, a: usize, b: usize, vectors: &str, metric: &str) -> Result<f32> {
        Ok(self.asker(py, vectors, metric)?.similarity(self.id(a)?, self.id(b)?))
    }

    /// Rows by their mean cosine to the others, the odd one out first.
    fn outlier<'py>(&self, py: Python<'py>, rows: Vec<usize>, vectors: &str) -> Result<Bound<'py, PyAny>> {
        let asker = self.asker(py, vectors, "cosine")?;
        let ids = self.ids(&rows)?;
        let hits = py.detach(|| asker.outlier(&ids))?;
        self.answers(py, &asker, &hits)
    }

    /// The contexts that make two rows near: token, score, and the two lifts.
    fn why(&self, py: Python<'_>, a: usize, b: usize, limit: usize) -> Result<Vec<(&str, f32, f32, f32)>> {
        let (a, b, asker) = (self.id(a)?, self.id(b)?, self.asker(py, "input", "cosine")?);
        let reasons = py.detach(|| asker.why(a, b, Want::best(limit)))?;
        let told = |reason: &vecinity::ask::Reason| {
            (self.of.vocab().token(reason.id), reason.score, reason.first, reason.second)
        };
        Ok(reasons.iter().map(told).collect())
    }

    /// Writes the vectors to a file of another tool.
    #[pyo3(signature = (path, format, vectors=None))]
    fn export(&self, py: Python<'_>, path: PathBuf, format: &str, vectors: Option<&str>) -> Result<()> {
        let (format, which) = (format.parse::<Format>()?, vectors.map(which).transpose()?);
        py.detach(|| formats::export(&path, format, &self.of, which))?;
        Ok(())
    }
}
