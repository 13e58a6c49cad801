//! A model folder: recommendations, user vectors, figures.

use crate::embeddings::{Embeddings, which};
use crate::errors::Result;
use crate::view::View;
use pyo3::prelude::*;
use pyo3::types::PyAny;
use pythonize::{depythonize, pythonize};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use vecinity::ask::Want;
use vecinity::eval::{Options, Pairs, Questions, Words};
use vecinity::models::User;
use vecinity::models::youtube::Context;
use vecinity::recommend::filter::Condition;
use vecinity::recommend::{Answer, Filter, Recommender, Style, first_of_each};
use vecinity::{Error, Matrix, TokenId};

/// An open model folder.
#[pyclass(frozen, module = "vecinity._vecinity")]
pub(crate) struct Model {
    of: vecinity::model_dir::Model,
    embeddings: Py<Embeddings>,
    recommender: OnceLock<Recommender>,
}

/// What is asked for beside histories.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    limit: usize,
    must: Vec<String>,
    filter: Option<Filter>,
    exclude: Vec<String>,
    include_history: bool,
    diversity: f32,
    reasons: bool,
    context: Vec<(String, String)>,
    threads: usize,
}

/// What is recommended after a history.
#[derive(serde::Serialize)]
struct Found<'a> {
    results: Vec<Answer<'a>>,
    unknown: Vec<String>,
    fallback: Option<&'static str>,
}

impl Model {
    fn recommender(&self) -> Result<&Recommender> {
        if let Some(recommender) = self.recommender.get() {
            return Ok(recommender);
        }
        let recommender = self.of.recommender()?;
        Ok(self.recommender.get_or_init(|| recommender))
    }

    /// The rows of what is known of a history, each once, and what is not known.
    fn history(&self, history: &[String]) -> Result<(Vec<u32>, Vec<String>)> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        let resolver = self.embeddings.get().resolver();
        for text in history {
            match resolver.resolve(text) {
                Ok(id) => known.push(id.0),
                Err(Error::UnknownToken { .. }) => unknown.push(text.clone()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((first_of_each(known), unknown))
    }

    fn recommend_all(&self, histories: &[Vec<String>], asked: &Asked) -> Result<Vec<Found<'_>>> {
        let style = Style { diversity: asked.diversity, explain: asked.reasons }.check()?;
        let mut filter = asked.filter.clone().unwrap_or_default();
        for condition in &asked.must {
            filter.must.push(condition.parse::<Condition>()?);
        }
        let embeddings = &self.of.embeddings;
        let bound = filter.bind(embeddings)?;
        let recommender = self.recommender()?;
        let pairs: Vec<_> = asked.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let context = self.of.context(&pairs)?;
        let (excluded, _) = self.history(&asked.exclude)?;
        let only = |id: TokenId| !excluded.contains(&id.0) && bound.allows(id);
        let want = Want::best(asked.limit).only(&only);
        let want = if asked.include_history { want.including_asked() } else { want };
        let known = histories.iter().map(|history| self.history(history)).collect::<Result<Vec<_>>>()?;
        let of = |history| User { history, known: context.as_ref().map(Context::known), weights: None };
        let users: Vec<_> = known.iter().map(|(history, _)| of(history)).collect();
        let found = if asked.reasons {
            users.iter().map(|user| recommender.recommend(user, want, style)).collect()
        } else {
            let lists = recommender.top(&users, want, asked.diversity, asked.threads.max(1));
            let plain = |hit: vecinity::index::Hit| vecinity::recommend::Recommendation {
                item: hit.id,
                score: hit.score,
                reasons: Vec::new(),
            };
            lists.into_iter().map(|list| list.into_iter().map(plain).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        let told = found.iter().zip(known).map(|(found, (history, unknown))| Found {
            results: found.iter().map(|found| Answer::new(embeddings, found, asked.reasons)).collect(),
            unknown,
            fallback: history.is_empty().then_some("popular"),
        });
        Ok(told.collect())
    }
}

#[pymethods]
impl Model {
    /// Opens a model folder, after checking every byte of it.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> Result<Self> {
        let of = py.detach(|| vecinity::model_dir::Model::open(&path))?;
        let embeddings = Py::new(py, Embeddings::new(Arc::new(of.embeddings.clone())))?;
        Ok(Self { of, embeddings, recommender: OnceLock::new() })
    }

    /// Writes the model to another place, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> Result<()> {
        py.detach(|| self.of.copy_to(&path))?;
        Ok(())
    }

    /// The folder it was read from.
    #[getter]
    fn path(&self) -> PathBuf {
        self.of.path.clone()
    }

    /// Its tokens and vectors.
    #[getter]
    fn embeddings(&self, py: Python<'_>) -> Py<Embeddings> {
        self.embeddings.clone_ref(py)
    }

    /// What it is: origin, sizes, checksums.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(pythonize(py, &self.of.manifest)?)
    }

    /// The settings it was trained with, if it was trained.
    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(pythonize(py, &self.of.config)?)
    }

    /// How it is asked for recommendations, in words.
    #[getter]
    fn recipe(&self, py: Python<'_>) -> Result<String> {
        Ok(py.detach(|| self.recommender())?.recipe().to_string())
    }

    /// Whether shares of reasons are parts of the score; of a network they are what it says without an item.
    #[getter]
    fn reasons_are_exact(&self, py: Python<'_>) -> Result<bool> {
        Ok(py.detach(|| self.recommender())?.reasons_are_exact())
    }

    /// What was measured on held-out events when it was trained, if it was.
    #[getter]
    fn evaluation<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(pythonize(py, &self.of.metrics.as_ref().map(|metrics| &metrics.evaluation))?)
    }

    /// Recommendations after each of some histories.
    fn recommend<'py>(
        &self,
        py: Python<'py>,
        histories: Vec<Vec<String>>,
        asked: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        let asked: Asked = depythonize(asked)?;
        let found = py.detach(|| self.recommend_all(&histories, &asked))?;
        Ok(pythonize(py, &found)?)
    }

    /// The vectors of users after their histories, shape `[users, d]`; zeros where no item is known.
    fn user_vectors(
        &self,
        py: Python<'_>,
        histories: Vec<Vec<String>>,
        context: Vec<(String, String)>,
    ) -> Result<View> {
        let matrix = py.detach(|| {
            let recommender = self.recommender()?;
            let pairs: Vec<_> = context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let context = self.of.context(&pairs)?;
            let mut values = Vec::with_capacity(histories.len() * recommender.dim());
            for history in &histories {
                let (history, _) = self.history(history)?;
                let user = User { history: &history, known: context.as_ref().map(Context::known), weights: None };
                values.extend(recommender.user_vector(&user));
            }
            Ok::<_, crate::errors::Failed>(Matrix::new(histories.len(), recommender.dim(), values))
        })?;
        Ok(View(matrix))
    }

    /// Analogies and similarity sets, asked of the vectors.
    fn evaluate_words<'py>(
        &self,
        py: Python<'py>,
        analogies: Vec<PathBuf>,
        similarity: Vec<PathBuf>,
        vectors: &str,
        restrict: usize,
        keep_case: bool,
    ) -> Result<Bound<'py, PyAny>> {
        let which = which(vectors)?;
        let (analogies, similarity) = py.detach(|| {
            let questions = analogies.iter().map(|path| Questions::read(path)).collect::<vecinity::Result<Vec<_>>>()?;
            let pairs = similarity.iter().map(|path| Pairs::read(path)).collect::<vecinity::Result<Vec<_>>>()?;
            let words = Words::new(&self.of.embeddings, which, keep_case)?;
            let options = Options { restrict, ..Options::default() };
            let analogies: Vec<_> = questions.iter().map(|set| set.evaluate(&words, &options)).collect();
            let similarity: Vec<_> = pairs.iter().map(|set| set.evaluate(&words, &options)).collect();
            Ok::<_, Error>((analogies, similarity))
        })?;
        Ok(pythonize(py, &serde_json::json!({"analogies": analogies, "similarity": similarity}))?)
    }
}
