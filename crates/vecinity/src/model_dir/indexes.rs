//! The indexes of a model: `index/` of its folder, for catalogues so large that looking at every item takes long.
//!
//! ```text
//! index/neighbors/   the input matrix by cosine, as neighbours are asked for
//! index/recommend/   what the recipe answers from, by inner product
//! ```
//!
//! Each is an index folder with its own checksums, and `of.json`, which says of which vectors it is and what was measured. They are
//! made from the model, so that the manifest does not list them, and they vanish with the version that they were made of.

use super::{Model, VECTORS, VOCAB};
use crate::embeddings::Which;
use crate::error::{Error, Result};
use crate::index::{
    Effort, Exact, Index, Measured, Metric, Queries, Scratch, Segment, Settings, Tuned, measure, sample,
};
use crate::recommend::{Recipe, Recommender};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Models of fewer tokens are asked exactly: an index would not be faster by much.
pub const WORTH_AN_INDEX: usize = 20_000;

/// The folder of the indexes in that of the model.
pub(super) const FOLDER: &str = "index";
/// The attached file that says what an index is of.
const OF: &str = "of.json";
/// Queries that a recall is measured on; as many again are tuned with.
const QUERIES: usize = 1000;
/// Neighbours that a recall counts.
const LIMIT: usize = 10;
/// Candidates of the searches that make trial histories.
const EFFORT: Effort = Effort::walk(60);

/// What an index of a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexOf {
    /// Neighbours: the input matrix by cosine.
    Neighbors,
    /// Recommendations: what the recipe answers from, by inner product.
    Recommend,
}

impl IndexOf {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Neighbors, Self::Recommend];

    /// The name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Neighbors => "neighbors",
            Self::Recommend => "recommend",
        }
    }

    fn metric(self) -> Metric {
        match self {
            Self::Neighbors => Metric::Cosine,
            Self::Recommend => Metric::Dot,
        }
    }
}

/// `of.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Of {
    #[serde(flatten)]
    vectors: Vectors,
    measured: Measured,
}

/// From which an index is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Vectors {
    of: IndexOf,
    /// As recipes name them.
    vectors: String,
    metric: Metric,
    /// Whether the vectors are longer by `ln(count + 1)`.
    popularity: bool,
    vectors_blake3: String,
    vocab_blake3: String,
}

/// An index that was built.
#[derive(Debug, Clone, Serialize)]
pub struct BuiltIndex {
    /// Its folder.
    pub index: PathBuf,
    /// What it answers.
    pub of: IndexOf,
    /// Vectors in it.
    pub vectors: usize,
    /// Values in a vector.
    pub dim: usize,
    /// Whether it has a graph; few vectors are scanned.
    pub graph: bool,
    /// Bytes of its segment.
    pub bytes: usize,
    /// How it is searched.
    pub tuned: Tuned,
    /// On other queries than those it was tuned with.
    pub measured: Measured,
    /// The median of a look at every vector, one thread, in microseconds.
    pub exact_us: f64,
}

/// The indexes of an open model, each opened when it is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Indexes {
    open: [OnceLock<Option<Arc<Index>>>; 2],
}

impl Model {
    /// An index of the model, if its folder has it. Every byte of it is checked when it is asked for the first time.
    ///
    /// # Errors
    /// [`Error::Model`] if it is damaged or of other vectors; [`Error::Io`].
    pub fn index(&self, of: IndexOf) -> Result<Option<Arc<Index>>> {
        let place = &self.indexes.open[of as usize];
        if let Some(known) = place.get() {
            return Ok(known.clone());
        }
        let folder = self.path.join(FOLDER).join(of.name());
        let found = if folder.exists() { Some(Arc::new(self.opened(of, &folder)?)) } else { None };
        Ok(place.get_or_init(|| found).clone())
    }

    fn opened(&self, of: IndexOf, folder: &Path) -> Result<Index> {
        let index = Index::open(folder)?;
        let file = folder.join(OF);
        let advice = "build it again: vecinity index build MODEL";
        let made: Of = serde_json::from_slice(&index.attached(OF)?)
            .map_err(|error| Error::model(&*file, error.to_string(), advice))?;
        let fits = self.indexed(of).is_some_and(|vectors| vectors == made.vectors);
        let segment = index.segment();
        // Keys are rows.
        if !fits
            || segment.len() != self.manifest.tokens
            || segment.keys().iter().any(|&key| key >= segment.len() as u64)
        {
            return Err(Error::model(folder, "the index is of other vectors than the model has", advice));
        }
        Ok(index)
    }

    /// What an index of the model would be made from; `None` if it can have none.
    fn indexed(&self, of: IndexOf) -> Option<Vectors> {
        self.indexed_by(of, &self.asked_by())
    }

    /// The indexes in the model's folder that stay right with another recipe.
    pub(super) fn kept_by(&self, recipe: &Recipe) -> Vec<IndexOf> {
        let kept = |of: &IndexOf| {
            self.path.join(FOLDER).join(of.name()).is_dir() && self.indexed(*of) == self.indexed_by(*of, recipe)
        };
        IndexOf::ALL.into_iter().filter(kept).collect()
    }

    fn indexed_by(&self, of: IndexOf, recipe: &Recipe) -> Option<Vectors> {
        let sum = |name| self.manifest.files.get(name).map(|entry| entry.blake3.clone()).unwrap_or_default();
        let (vectors, popularity) = match of {
            IndexOf::Neighbors => (Which::Input.name().to_owned(), false),
            IndexOf::Recommend => {
                if recipe.share_of_vectors() == 0.0 {
                    return None;
                }
                (format!("{} {}", recipe.vectors.name(), recipe.metric.name()), recipe.popularity != 0.0)
            }
        };
        let (vectors_blake3, vocab_blake3) = (sum(VECTORS), sum(VOCAB));
        Some(Vectors { of, vectors, metric: of.metric(), popularity, vectors_blake3, vocab_blake3 })
    }

    /// Builds an index of the model in its folder, in the place of an older one, and measures it; `None` if the recipe asks tables
    /// alone, which need none.
    ///
    /// * `recall`: of the nearest ten, above 0 and at most 1; `settings`: [`Settings::for_metric`] if `None`.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Io`], and what [`Model::recommender`] says.
    pub fn build_index(&self, of: IndexOf, recall: f64, settings: Option<Settings>) -> Result<Option<BuiltIndex>> {
        let Some(vectors) = self.indexed(of).filter(|_| !self.embeddings.is_empty()) else { return Ok(None) };
        let settings = settings.unwrap_or_else(|| Settings::for_metric(of.metric()));
        let keys: Vec<u64> = (0..self.embeddings.len() as u64).collect();
        let built = |rows: &crate::Matrix| Segment::build(rows.as_slice(), rows.dim(), &keys, of.metric(), &settings);
        let (segment, queries) = match of {
            IndexOf::Neighbors => {
                let segment = built(self.embeddings.input())?;
                let queries = sample(&segment, 2 * QUERIES, settings.seed);
                (segment, queries)
            }
            IndexOf::Recommend => {
                let recommender = self.exact_recommender()?;
                let segment = built(&recommender.indexed())?;
                let queries = trials(&recommender, &segment, settings.seed);
                (segment, queries)
            }
        };
        let tuned = Tuned::reaching(recall, &segment, Some(&queries))?;
        let measured = measure(&segment, &second_half(&queries, segment.dim()), LIMIT, tuned.effort);
        let parent = self.path.join(FOLDER);
        std::fs::create_dir_all(&parent).map_err(Error::io(&parent, "create"))?;
        let folder = parent.join(of.name());
        let json = serde_json::to_vec_pretty(&Of { vectors, measured }).map_err(|e| Error::data(e.to_string(), ""))?;
        Index::create_tuned(&folder, &segment, tuned, &[(OF, &json)])?;
        Ok(Some(BuiltIndex {
            index: folder,
            of,
            vectors: segment.len(),
            dim: segment.dim(),
            graph: segment.degree() > 0,
            bytes: segment.size(),
            tuned,
            measured,
            exact_us: exact_us(&segment, &queries),
        }))
    }
}

/// Users to tune and to measure with: what their histories have behind the first item comes from the index itself.
fn trials(recommender: &Recommender, segment: &Segment, seed: u64) -> Queries {
    let mut scratch = Scratch::new(segment.dim());
    recommender.trials(2 * QUERIES, seed, &mut |query| {
        segment.search(&mut scratch, query, LIMIT, EFFORT, None).iter().map(|found| found.key as u32).collect()
    })
}

/// Those that an effort is not chosen with.
fn second_half(queries: &Queries, dim: usize) -> Queries {
    let half = queries.values.len() / dim.max(1) / 2;
    let own = queries.own.get(half..).unwrap_or_default().to_vec();
    Queries { values: queries.values[half * dim..].to_vec(), own }
}

/// The median of some looks at every vector.
fn exact_us(segment: &Segment, queries: &Queries) -> f64 {
    let exact = Exact::new(segment.vectors(), segment.dim(), segment.metric()).with_threads(1);
    let mut times: Vec<f64> = (queries.values.chunks_exact(segment.dim()).take(21))
        .map(|query| {
            let start = Instant::now();
            std::hint::black_box(exact.nearest(query, LIMIT, &[]));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Asker, Want};
    use crate::embeddings::Embeddings;
    use crate::model_dir::NewModel;
    use crate::recommend::Pair;
    use crate::rng::Rng;
    use crate::vocab::Vocab;

    /// A model of 2,000 items in its folder.
    fn model(path: &Path, seed: u64) -> Model {
        let (n, dim) = (2000, 8);
        let vocab = Vocab::from_counts((0..n).map(|at| (format!("i{at}"), 1 + 9000 / (at as u64 + 1)))).unwrap();
        let mut rng = Rng::new(seed, 0);
        let mut matrix = || crate::Matrix::new(n, dim, (0..n * dim).map(|_| rng.f32() - 0.5).collect());
        let embeddings = Embeddings::new(vocab, matrix(), Some(matrix())).unwrap();
        NewModel::imported(&embeddings, "test").save(path).unwrap();
        Model::open(path).unwrap()
    }

    fn graphed(of: IndexOf) -> Option<Settings> {
        Some(Settings { least_rows: 0, ..Settings::for_metric(of.metric()) })
    }

    #[test]
    fn a_model_with_indexes_answers_as_without_and_keeps_what_fits_another_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let exact = model(&path, 1);
        assert!(exact.index(IndexOf::Neighbors).unwrap().is_none());
        for of in IndexOf::ALL {
            let built = exact.build_index(of, 1.0, graphed(of)).unwrap().unwrap();
            assert!(built.graph && built.vectors == 2000 && built.measured.recall > 0.99, "{built:?}");
            assert_eq!(built.index, path.join("index").join(of.name()));
        }
        let mut model = Model::open(&path).unwrap();
        let by_index = model.recommender().unwrap();
        assert!(by_index.index.is_some());
        let index = model.index(IndexOf::Neighbors).unwrap().unwrap();
        let looked = Asker::new(&exact.embeddings, Which::Input, Metric::Cosine).unwrap();
        let walked = Asker::new(&model.embeddings, Which::Input, Metric::Cosine).unwrap().with_index(index);
        let (mut same, third) = (0, |id: crate::TokenId| id.0.is_multiple_of(3));
        for at in 0..100 {
            let (id, want) = (crate::TokenId(at * 19), Want::best(10));
            let want = if at % 2 == 0 { want } else { want.only(&third) };
            same += usize::from(looked.neighbors(id, want) == walked.neighbors(id, want));
            let history = [at * 7, at * 11 + 3];
            let lists =
                [&exact.exact_recommender().unwrap(), &by_index].map(|model| model.top(&[&history[..]], want, 0.0, 1));
            same += usize::from(lists[0] == lists[1]);
        }
        assert!(same >= 198, "{same} of 200 lists, scores included, are those of a look at every item");

        // Another weighting of histories asks the same vectors; popularity asks longer ones.
        let recipe = Recipe { vectors: Pair::InOut, metric: Metric::Dot, ..Recipe::default() };
        let last = crate::baselines::Memory { last: 1, decay: 1.0 };
        model.store_recipe(&Recipe { memory: last, ..recipe.clone() }).unwrap();
        let mut model = Model::open(&path).unwrap();
        assert!(IndexOf::ALL.iter().all(|&of| model.index(of).unwrap().is_some()));
        model.store_recipe(&Recipe { popularity: 0.2, ..recipe }).unwrap();
        let model = Model::open(&path).unwrap();
        assert!(
            model.index(IndexOf::Neighbors).unwrap().is_some() && model.index(IndexOf::Recommend).unwrap().is_none()
        );
        assert!(model.recommender().unwrap().index.is_none());
        let built = model.build_index(IndexOf::Recommend, 0.95, graphed(IndexOf::Recommend)).unwrap().unwrap();
        assert_eq!(built.dim, 9);
        assert!(Model::open(&path).unwrap().recommender().unwrap().index.is_some());
    }

    #[test]
    fn an_index_that_is_damaged_or_of_another_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = [("a", 1), ("b", 2)].map(|(name, seed)| model(&folder.path().join(name), seed));
        let of = IndexOf::Neighbors;
        one.build_index(of, 0.9, graphed(of)).unwrap();
        let place = |model: &Model| model.path.join(FOLDER).join(of.name());
        std::fs::create_dir_all(other.path.join(FOLDER)).unwrap();
        std::fs::rename(place(&one), place(&other)).unwrap();
        let error = Model::open(&other.path).unwrap().index(of).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("of other vectors than the model has"), "{error}");
        std::fs::rename(place(&other), place(&one)).unwrap();
        let file = place(&one).join("segment.1");
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
        let error = Model::open(&one.path).unwrap().index(of).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("checksum"), "{error}");
        // Built again, it is whole again.
        one.build_index(of, 0.9, graphed(of)).unwrap();
        assert!(Model::open(&one.path).unwrap().index(of).unwrap().is_some());
        let error = one.build_index(of, 1.5, None).unwrap_err();
        assert!(error.to_string().starts_with("recall is 1.5"), "{error}");
    }
}
