//! Nearest neighbours of arrays.

use crate::embeddings::metric_of;
use crate::errors::Result;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use std::collections::HashSet;
use std::path::PathBuf;
use vecinity::Error;
use vecinity::index::{self, Change, Filter, Segment, Settings};

/// An index in a folder: vectors by keys.
#[pyclass(frozen, module = "vecinity._vecinity")]
pub(crate) struct Index {
    of: index::Index,
    settings: Settings,
}

/// Keys and scores of neighbours, flat: `limit` a query, -1 and NaN where there are fewer.
type Found<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f32>>);

#[pymethods]
impl Index {
    /// Builds an index of vectors in a folder, and opens it to search and change it.
    #[staticmethod]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python, by name")]
    fn create(
        py: Python<'_>,
        folder: PathBuf,
        vectors: PyReadonlyArray1<'_, f32>,
        dim: usize,
        keys: PyReadonlyArray1<'_, u64>,
        metric: &str,
        recall: f64,
        threads: usize,
    ) -> Result<Self> {
        let metric = metric_of(metric)?;
        let settings = Settings { threads: threads.max(1), ..Settings::for_metric(metric) };
        let (vectors, keys) = (contiguous(&vectors)?, contiguous(&keys)?);
        let of = py.detach(|| {
            let segment = Segment::build(vectors, dim, keys, metric, &settings)?;
            index::Index::create(&folder, &segment, recall, None, &[])?;
            index::Index::open_to_change(&folder)
        })?;
        Ok(Self { of, settings })
    }

    /// Opens an index folder, to search only unless `change`.
    #[staticmethod]
    fn open(py: Python<'_>, folder: PathBuf, change: bool) -> Result<Self> {
        let of =
            py.detach(|| if change { index::Index::open_to_change(&folder) } else { index::Index::open(&folder) })?;
        let settings = Settings::for_metric(of.segment().metric());
        Ok(Self { of, settings })
    }

    fn __len__(&self) -> usize {
        self.of.len()
    }

    /// Whether there is a vector of this key.
    fn __contains__(&self, key: u64) -> bool {
        self.of.contains(key)
    }

    /// Values in a vector.
    #[getter]
    fn dim(&self) -> usize {
        self.of.segment().dim()
    }

    /// How vectors are compared.
    #[getter]
    fn metric(&self) -> &'static str {
        self.of.segment().metric().name()
    }

    /// The key behind the largest one that has been merged.
    #[getter]
    fn next_key(&self) -> u64 {
        self.of.segment().keys().iter().max().map_or(0, |key| key + 1)
    }

    /// Changes since the last merge: these are looked at one by one.
    #[getter]
    fn pending(&self) -> usize {
        self.of.pending()
    }

    /// The share of the true ten nearest that is found, as measured when the index was built.
    #[getter]
    fn recall(&self) -> f64 {
        self.of.tuned().recall
    }

    /// Adds vectors, or replaces those of the same keys.
    fn put(&self, py: Python<'_>, keys: PyReadonlyArray1<'_, u64>, vectors: PyReadonlyArray1<'_, f32>) -> Result<()> {
        let (keys, vectors, dim) = (contiguous(&keys)?, contiguous(&vectors)?, self.dim());
        if vectors.len() != keys.len() * dim {
            let what = format!("{} values for {} keys", vectors.len(), keys.len());
            return Err(Error::data(what, format!("give {dim} values a key")).into());
        }
        let put = |(&key, row): (&u64, &[f32])| Change::Put { key, vector: row.to_vec() };
        py.detach(|| self.of.change(&keys.iter().zip(vectors.chunks_exact(dim)).map(put).collect::<Vec<_>>()))?;
        Ok(())
    }

    /// Removes the vectors of these keys.
    fn delete(&self, py: Python<'_>, keys: Vec<u64>) -> Result<()> {
        py.detach(|| self.of.change(&keys.into_iter().map(|key| Change::Delete { key }).collect::<Vec<_>>()))?;
        Ok(())
    }

    /// Builds the index anew with all changes; searches go on meanwhile.
    fn merge(&self, py: Python<'_>) -> Result<()> {
        py.detach(|| self.of.merge(&self.settings))?;
        Ok(())
    }

    /// Writes the index to another folder, whole or not at all.
    fn save(&self, py: Python<'_>, folder: PathBuf) -> Result<()> {
        py.detach(|| {
            if self.of.pending() > 0 {
                self.of.merge(&self.settings)?;
            }
            index::Index::create(&folder, &self.of.segment(), self.of.tuned().target, None, &[]).map(drop)
        })?;
        Ok(())
    }

    /// The nearest vectors of each query, on several threads.
    #[pyo3(signature = (queries, limit, keys, threads))]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: PyReadonlyArray1<'py, f32>,
        limit: usize,
        keys: Option<Vec<u64>>,
        threads: usize,
    ) -> Result<Found<'py>> {
        let queries = contiguous(&queries)?;
        let filter = keys.map(|keys| {
            let keys: HashSet<u64> = keys.into_iter().collect();
            Filter::new(move |key| keys.contains(&key))
        });
        let answers = py.detach(|| self.of.search_batch(queries, limit, filter.as_ref(), threads));
        let (mut keys, mut scores) = (Vec::new(), Vec::new());
        for (at, answer) in answers.iter().enumerate() {
            keys.extend(answer.iter().map(|found| found.key.cast_signed()));
            scores.extend(answer.iter().map(|found| found.score));
            keys.resize((at + 1) * limit, -1);
            scores.resize((at + 1) * limit, f32::NAN);
        }
        Ok((PyArray1::from_vec(py, keys), PyArray1::from_vec(py, scores)))
    }
}

fn contiguous<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> Result<&'a [T]> {
    let found = array.as_slice();
    Ok(found.map_err(|_| Error::data("the array is not contiguous", "copy it: numpy.ascontiguousarray"))?)
}
