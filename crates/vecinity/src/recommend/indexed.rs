//! Lists from an index of the items' vectors, for catalogues so large that looking at every item takes long.
//!
//! The index finds candidates only. They are scored by the function that scores all items, so that an item has the same
//! score, bit by bit, whether an index found it or not; and the candidates do not depend on who is asked about in the same
//! breath. What tables of a blend add is known item by item: those items are candidates too, so that nothing is lost by them.
//!
//! An index holds the first items of a catalogue, by row. Items behind them, which came later, are candidates always.

use super::asked::Asked;
use super::recommender::Recommender;
use crate::TokenId;
use crate::ask::Want;
use crate::embeddings::Matrix;
use crate::index::{Hit, Index, Metric, Queries};
use crate::models::User;
use crate::rng::Rng;
use std::sync::Arc;
use vecinity_kernel::matrix::{View, multiply};

/// Candidates beyond those wanted: sums in another order may differ in their last bits.
const SPARE: usize = 8;
/// Items of a trial history at most.
const TRIAL: usize = 5;

impl Recommender {
    /// The vectors that an index for this recommender holds, a row an item. Inner products with [`Recommender::query`] are the
    /// scores of the vectors; where the recipe asks for popularity, they are longer by `ln(count + 1)`.
    #[must_use]
    pub fn indexed(&self) -> Matrix {
        if self.recipe().popularity == 0.0 {
            return self.vectors.to.clone();
        }
        let rows = self.vectors.to.as_slice().chunks_exact(self.dim().max(1)).zip(self.log_counts());
        let values = rows.flat_map(|(row, count)| row.iter().chain([count])).copied().collect();
        Matrix::new(self.len(), self.dim() + 1, values)
    }

    /// What an index is asked for a user vector.
    #[must_use]
    pub fn query(&self, user: &[f32]) -> Vec<f32> {
        let popularity = Some(self.recipe().popularity).filter(|&popularity| popularity != 0.0);
        user.iter().copied().chain(popularity).collect()
    }

    /// Whether an index can serve the recipe: tables alone need none.
    #[must_use]
    pub fn can_be_indexed(&self) -> bool {
        self.recipe().share_of_vectors() > 0.0 && !self.is_empty()
    }

    /// The same with an index over [`Recommender::indexed`] of this model, or of its first items: lists come from it.
    ///
    /// # Panics
    /// If the index has other vectors than those, by length or metric, or more of them.
    #[must_use]
    pub fn with_index(mut self, index: Arc<Index>) -> Self {
        let segment = index.segment();
        let dim = self.dim() + usize::from(self.recipe().popularity != 0.0);
        let fits = segment.dim() == dim && segment.metric() == Metric::Dot && segment.len() <= self.len();
        assert!(fits && self.can_be_indexed(), "the index is not of this recommender");
        self.index = Some(index);
        self
    }

    /// Queries to tune an index with: users with a history of one item, drawn by its count, and of some that the model lists
    /// behind it.
    ///
    /// * `near`: rows of items whose vectors have large products with a query.
    #[must_use]
    pub fn trials(&self, count: usize, seed: u64, near: &mut dyn FnMut(&[f32]) -> Vec<u32>) -> Queries {
        let mut rng = Rng::new(seed, 0);
        let ends: Vec<f64> = (self.log_counts().iter())
            .scan(0.0, |sum, &log| {
                *sum += f64::from(log).exp();
                Some(*sum)
            })
            .collect();
        let all = ends.last().copied().unwrap_or(0.0);
        let mut values = Vec::with_capacity(count * self.dim());
        for number in 0..count {
            let chance = rng.f64() * all;
            let first = ends.partition_point(|&end| end < chance).min(self.len() - 1) as u32;
            let mut history = vec![first];
            if number % 2 == 1 {
                let mut others = near(&self.query(&self.user_vector(&history)));
                rng.shuffle(&mut others);
                history.extend(others.into_iter().filter(|&item| item != first).take(TRIAL - 1));
            }
            values.extend(self.query(&self.user_vector(&User { history: &history, known: None, weights: None })));
        }
        Queries { values, own: Vec::new() }
    }

    /// The best items for a user, from the candidates of the index.
    pub(super) fn best_by_index(
        &self,
        index: &Index,
        history: &[u32],
        asked: &Asked,
        user: &[f32],
        want: Want<'_>,
    ) -> Vec<Hit> {
        let mut left_out = if want.include_asked { Vec::new() } else { history.to_vec() };
        left_out.sort_unstable();
        let keep = |row: u32| left_out.binary_search(&row).is_err() && want.only.is_none_or(|only| only(TokenId(row)));
        let (limit, query) = (want.limit.min(self.len()), self.query(user));
        let by_table = |row: u32| asked.added.binary_search_by_key(&row, |&(item, _)| item).is_ok();
        // Those that tables know are candidates already: as many as are wanted have to be found beside them.
        let mut wanted = limit.saturating_add(SPARE);
        let mut rows: Vec<u32> = loop {
            let found = index.search_where(&query, wanted, &|key| keep(key as u32));
            let beside = found.iter().filter(|found| !by_table(found.key as u32)).count();
            if beside >= limit || found.len() < wanted || wanted >= limit + SPARE + asked.added.len() {
                break found.iter().map(|found| found.key as u32).collect();
            }
            wanted = wanted.saturating_mul(4);
        };
        rows.extend(asked.added.iter().map(|&(item, _)| item).filter(|&row| keep(row)));
        rows.extend((index.segment().len() as u32..self.len() as u32).filter(|&row| keep(row)));
        rows.sort_unstable();
        rows.dedup();
        let mut hits: Vec<Hit> = (rows.iter().zip(self.scores_of(asked, user, &rows)))
            // As whole rows of scores are ranked.
            .map(|(&row, score)| Hit { id: TokenId(row), score: (score + 0.0).max(f32::MIN) })
            .collect();
        hits.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        hits.truncate(limit);
        hits
    }

    /// The scores of some items, by rising row.
    fn scores_of(&self, asked: &Asked, user: &[f32], rows: &[u32]) -> Vec<f32> {
        let (dim, mut scores) = (self.dim(), vec![0.0; rows.len()]);
        let vectors: Vec<f32> = rows.iter().flat_map(|&row| self.vectors.to.row(row as usize)).copied().collect();
        let items = View::new(&vectors, rows.len(), dim).transposed();
        multiply(1.0, View::new(user, 1, dim), items, 0.0, &mut scores);
        let log_counts: Vec<f32> = rows.iter().map(|&row| self.log_counts()[row as usize]).collect();
        self.finish(asked, &log_counts, &mut scores);
        let mut added = asked.added.iter().peekable();
        for (&row, score) in rows.iter().zip(&mut scores) {
            while added.next_if(|(item, _)| *item < row).is_some() {}
            if let Some((_, value)) = added.next_if(|(item, _)| *item == row) {
                *score += value;
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::{Memory, Partner, Sparse};
    use crate::embeddings::Embeddings;
    use crate::index::{Segment, Settings};
    use crate::recommend::{Blend, Recipe};
    use crate::vocab::Vocab;

    /// A catalogue with a graph, of which `indexed` items are in the index.
    fn model(share: f32, popularity: f32) -> Recommender {
        let (n, dim) = (3000, 12);
        let vocab = Vocab::from_counts((0..n).map(|i| (format!("i{i}"), 1 + 9000 / (i as u64 + 1)))).unwrap();
        let mut rng = Rng::new(5, 0);
        let mut draw = |n: usize| (0..n).map(|_| rng.f32() - 0.4).collect::<Vec<f32>>();
        let matrix = |values| Matrix::new(n, dim, values);
        let embeddings = Embeddings::new(vocab, matrix(draw(n * dim)), Some(matrix(draw(n * dim)))).unwrap();
        let table = Sparse {
            ends: (1..=n as u64).map(|row| 3 * row).collect(),
            columns: (0..n as u32).flat_map(|row| [row % 500, 600 + row % 100, 700 + row % 600]).collect(),
            values: draw(3 * n),
        };
        let memory = Memory { last: 0, decay: 0.9 };
        let blend = (share > 0.0).then_some(Blend { partner: Partner::Ease { lambda: 1.0 }, share, memory });
        let tables = blend.iter().map(|_| table.clone()).collect();
        let recipe =
            Recipe { metric: Metric::Dot, popularity, blend: blend.into_iter().collect(), memory, ..Recipe::default() };
        Recommender::new(&embeddings, recipe, tables, None).unwrap()
    }

    fn index(model: &Recommender, items: usize, recall: f64, folder: &std::path::Path) -> Arc<Index> {
        let rows = model.indexed();
        let keys: Vec<u64> = (0..items as u64).collect();
        let settings = Settings { least_rows: 0, ..Settings::for_metric(Metric::Dot) };
        let values = &rows.as_slice()[..items * rows.dim()];
        let segment = Segment::build(values, rows.dim(), &keys, Metric::Dot, &settings).unwrap();
        let queries = model.trials(60, 1, &mut |_| vec![3, 5, 900]);
        Index::create(folder, &segment, recall, Some(&queries), &[]).unwrap();
        Arc::new(Index::open(folder).unwrap())
    }

    /// Items behind the index included, whatever else is asked for.
    #[test]
    fn lists_by_an_index_are_those_of_all_items_bit_by_bit() {
        for (share, popularity) in [(0.0, 0.0), (0.0, 0.3), (0.4, 0.0), (0.4, -0.1)] {
            let model = model(share, popularity);
            let folder = tempfile::tempdir().unwrap();
            let by_index = model.clone().with_index(index(&model, 2900, 1.0, &folder.path().join("i")));
            let mut rng = Rng::new(6, 0);
            let histories: Vec<Vec<u32>> = (0..60).map(|at| (0..at % 9).map(|_| rng.below(3000)).collect()).collect();
            let asked: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
            let odd = |id: TokenId| !id.0.is_multiple_of(2);
            let rare = |id: TokenId| id.0 > 2950;
            let wants = [
                Want::best(20),
                Want::best(5).including_asked().only(&odd),
                Want::best(30).only(&rare),
                Want::best(3000),
            ];
            for want in wants {
                let (mut same, mut all) = (0, 0);
                let lists = by_index.top(&asked, want, 0.0, 2);
                for (exact, list) in model.top(&asked, want, 0.0, 1).iter().zip(&lists) {
                    assert_eq!(exact.len(), list.len());
                    same += list.iter().filter(|hit| exact.contains(hit)).count();
                    all += exact.len();
                }
                // A recall of 1 was measured on other questions.
                assert!(same * 1000 >= all * 995, "{share} {popularity} {want:?}: {same} of {all}");
                for at in [0, 1, 7, 59] {
                    assert_eq!(by_index.top(&asked[at..=at], want, 0.0, 1)[0], lists[at], "alone or together");
                }
            }
            let varied = by_index.top(&asked[..8], Want::best(10), 0.5, 1);
            assert_eq!(varied, model.top(&asked[..8], Want::best(10), 0.5, 1));
        }
    }

    #[test]
    fn another_recipe_is_asked_without_the_index() {
        let model = model(0.0, 0.0);
        let folder = tempfile::tempdir().unwrap();
        let by_index = model.clone().with_index(index(&model, 3000, 0.9, &folder.path().join("i")));
        let other = Recipe { popularity: 0.5, ..model.recipe().clone() };
        assert!(by_index.index.is_some() && by_index.asked(other, Vec::new()).index.is_none());
    }

    #[test]
    fn trial_histories_are_users_of_the_model() {
        let model = model(0.0, 0.3);
        let queries = model.trials(9, 1, &mut |query| {
            assert_eq!(query.len(), 13);
            vec![1, 2, 3]
        });
        assert_eq!(queries.values.len(), 9 * 13);
        assert!(queries.values.chunks(13).all(|query| query[12] == 0.3));
    }
}
