//! A model with its recipe: scores, and the best items for many histories at once.
//!
//! Whole rows of scores are for measuring ([`Recommender::score`]); lists are made tile by tile
//! ([`Recommender::top`]), so that scores never leave the cache. Both go through the same function, and a
//! matrix product gives a value that does not depend on its tile: what is served is what was measured, bit
//! by bit.

use super::asked::Asked;
use super::moments::Moments;
use super::recipe::{Pair, Recipe};
use super::sums::Spare;
use super::turned::Turned;
use crate::TokenId;
use crate::ask::Want;
use crate::baselines::Sparse;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::Result;
use crate::index::{BLOCK, Best, Hit, Index, Metric};
use crate::models::{Asker, Tower, User};
use crate::vocab::Vocab;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use vecinity_kernel::vector::{axpy, norm};

/// Histories scored at a time: enough that packing the items costs little beside the product.
const QUERIES: usize = 256;

/// The trained matrices and counts, by row of the vocabulary.
#[derive(Debug)]
struct Tables {
    input: Matrix,
    output: Matrix,
    /// `ln(count + 1)`.
    log_counts: Vec<f32>,
    /// What makes user vectors, if they are no sums of rows.
    tower: Option<Tower>,
    /// For what tables of a blend say.
    spare: Spare,
}

/// The matrices as a recipe asks them.
#[derive(Debug)]
pub(super) struct Vectors {
    /// What histories are made of, shape `[tokens, dim]`.
    pub(super) from: Matrix,
    /// What is recommended, shape `[tokens, dim]`.
    pub(super) to: Matrix,
    moments: OnceLock<Moments>,
    /// Made when a single history is asked for the first time; `None` in it if that would change bits.
    pub(super) turned: OnceLock<Option<Turned>>,
}

/// A model that answers "what comes after this history", by a recipe.
#[derive(Debug, Clone)]
pub struct Recommender {
    tables: Arc<Tables>,
    recipe: Recipe,
    pub(super) vectors: Arc<Vectors>,
    /// The tables of the blend in the order of the recipe, by rows of the vocabulary.
    tables_blended: Vec<Arc<Sparse>>,
    /// What finds candidates, in large catalogues.
    pub(crate) index: Option<Arc<Index>>,
}

impl Recommender {
    /// Makes a model ready to be asked by a recipe. Matrices are copied only if the recipe asks for
    /// something that is not stored: vectors of length one, or sums.
    ///
    /// * `blended`: the item-to-item tables of the recipe's blend in its order, by rows of the vocabulary;
    /// * `tower`: the network that makes user vectors, if the model has one.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if the recipe needs an output matrix or a network and there is none, or another
    /// number of tables than there are.
    pub fn new(embeddings: &Embeddings, recipe: Recipe, blended: Vec<Sparse>, tower: Option<Tower>) -> Result<Self> {
        if recipe.vectors == Pair::Tower && tower.is_none() {
            let what = "the recipe asks a network, and the model has none";
            return Err(crate::Error::data(what, "the model is incomplete: train it again"));
        }
        if recipe.blend.len() != blended.len() {
            let what = format!("the recipe blends {} tables, there are {}", recipe.blend.len(), blended.len());
            return Err(crate::Error::data(what, "the model is incomplete: train it again"));
        }
        let output = match recipe.vectors {
            Pair::Input => embeddings.output().unwrap_or(embeddings.input()),
            _ => embeddings.require_output()?,
        };
        let tables = Tables::new(embeddings.vocab(), embeddings.input().clone(), output.clone(), tower);
        Ok(Self::of(tables.into(), recipe, blended.into_iter().map(Arc::new).collect()))
    }

    /// From matrices of shape `[vocab.len(), dim]` that are still in training.
    #[must_use]
    pub(super) fn in_training(
        vocab: &Vocab,
        input: Matrix,
        output: Matrix,
        tower: Option<Tower>,
        recipe: Recipe,
    ) -> Self {
        Self::of(Tables::new(vocab, input, output, tower).into(), recipe, Vec::new())
    }

    fn of(tables: Arc<Tables>, recipe: Recipe, tables_blended: Vec<Arc<Sparse>>) -> Self {
        let Tables { input, output, .. } = &*tables;
        let (from, to) = match recipe.vectors {
            Pair::InOut | Pair::Tower => (input.clone(), output.clone()),
            Pair::Input => (input.clone(), input.clone()),
            Pair::Output => (output.clone(), output.clone()),
            Pair::Sum => {
                let sum = input.as_slice().iter().zip(output.as_slice()).map(|(a, b)| a + b).collect();
                let sum = Matrix::new(input.rows(), input.dim(), sum);
                (sum.clone(), sum)
            }
        };
        let (from, to) = match (recipe.metric, recipe.vectors) {
            // A network has learned products, of vectors of length one if it was told so.
            (_, Pair::Tower) => (from, to),
            (Metric::Cosine, Pair::InOut) => (of_length_one(&from), of_length_one(&to)),
            (Metric::Cosine, _) => {
                let both = of_length_one(&to);
                (both.clone(), both)
            }
            _ => (from, to),
        };
        Self {
            recipe,
            vectors: Vectors { from, to, moments: OnceLock::new(), turned: OnceLock::new() }.into(),
            tables_blended,
            tables,
            index: None,
        }
    }

    /// The same model asked by another recipe, with the tables of its blend in its order; without an index.
    #[must_use]
    pub fn asked(&self, recipe: Recipe, blended: Vec<Arc<Sparse>>) -> Self {
        if recipe.vectors == self.recipe.vectors && recipe.metric == self.recipe.metric {
            return Self { recipe, tables_blended: blended, index: None, ..self.clone() };
        }
        Self::of(Arc::clone(&self.tables), recipe, blended)
    }

    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The network that makes user vectors, if the recipe asks it.
    pub(super) fn tower(&self) -> Option<&Tower> {
        self.tables.tower.as_ref().filter(|_| self.recipe.vectors == Pair::Tower)
    }

    /// The tables of the blend in the order of the recipe, by rows of the vocabulary.
    pub(super) fn blended(&self) -> &[Arc<Sparse>] {
        &self.tables_blended
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.log_counts.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `ln(count + 1)` of every item, shape `[len()]`.
    pub(super) fn log_counts(&self) -> &[f32] {
        &self.tables.log_counts
    }

    /// Means and covariances of what is recommended, computed when first asked for.
    pub(super) fn moments(&self) -> &Moments {
        self.vectors.moments.get_or_init(|| Moments::new(&self.vectors.to, &self.tables.log_counts))
    }

    /// Working space for sums over all items.
    pub(super) fn spare(&self) -> &Spare {
        &self.tables.spare
    }

    /// The standard deviation of the scores of the vectors over all items.
    pub(super) fn spread(&self, user: &[f32]) -> f32 {
        self.moments().spread(user, self.recipe.popularity, &self.vectors.to, &self.tables.log_counts)
    }

    /// The vector of a user: what the recipe's metric compares with the vectors of items, shape `[dim]`.
    #[must_use]
    pub fn user_vector<A: Asker + ?Sized>(&self, user: &A) -> Vec<f32> {
        let mut vector = vec![0.0; self.vectors.to.dim()];
        self.user_vectors(
            &[User { history: user.history(), known: user.known(), weights: user.weights() }],
            &mut vector,
        );
        vector
    }

    /// Values of a user vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.vectors.to.dim()
    }

    /// The vectors of users into zeros of the shape `[users.len(), dim]`.
    pub(super) fn user_vectors<A: Asker>(&self, users: &[A], to: &mut [f32]) {
        if let Some(tower) = self.tower() {
            return tower.users(users, to);
        }
        for (user, to) in users.iter().zip(to.chunks_exact_mut(self.vectors.to.dim().max(1))) {
            for (item, weight) in Self::weighted(self.recipe.memory, user) {
                axpy(weight, self.vectors.from.row(item as usize), to);
            }
        }
    }

    /// Writes the scores of the items `rows` for each history, shape `[asked.len(), rows.len()]`.
    ///
    /// * `users`: the vectors of the histories, shape `[asked.len(), dim]`.
    fn fill(&self, asked: &[Asked], users: &[f32], rows: Range<usize>, scores: &mut [f32]) {
        if self.recipe.share_of_vectors() > 0.0 {
            self.vectors.products(users, asked.len(), rows.clone(), scores);
        } else {
            scores.fill(0.0);
        }
        let log_counts = &self.tables.log_counts[rows.clone()];
        for (asked, scores) in asked.iter().zip(scores.chunks_exact_mut(rows.len().max(1))) {
            self.finish(asked, log_counts, scores);
            let first = asked.added.partition_point(|&(item, _)| (item as usize) < rows.start);
            for &(item, value) in asked.added[first..].iter().take_while(|&&(item, _)| (item as usize) < rows.end) {
                scores[item as usize - rows.start] += value;
            }
        }
    }

    /// Makes products of the vectors scores of the vectors; an empty history scores by popularity alone.
    ///
    /// * `log_counts`: `ln(count + 1)` of the items.
    pub(super) fn finish(&self, asked: &Asked, log_counts: &[f32], scores: &mut [f32]) {
        if asked.items.is_empty() {
            return scores.copy_from_slice(log_counts);
        }
        if self.recipe.popularity != 0.0 && self.recipe.share_of_vectors() > 0.0 {
            axpy(self.recipe.popularity, log_counts, scores);
        }
        if !self.recipe.blend.is_empty() {
            scores.iter_mut().for_each(|score| *score *= asked.factor);
        }
    }

    /// Writes the scores of all items for each user, shape `[askers.len(), len()]`.
    ///
    /// Histories are rows of the vocabulary, oldest first. An empty one scores by popularity alone.
    ///
    /// # Panics
    /// If `scores` has another shape or a row does not exist.
    pub fn score<A: Asker>(&self, askers: &[A], scores: &mut [f32]) {
        let mut users = Vec::new();
        let asked = self.prepare_all(askers, &mut users);
        self.fill(&asked, &users, 0..self.len(), scores);
    }

    fn prepare_all<A: Asker>(&self, askers: &[A], users: &mut Vec<f32>) -> Vec<Asked> {
        let dim = self.vectors.to.dim();
        users.clear();
        users.resize(askers.len() * dim, 0.0);
        self.user_vectors(askers, users);
        let each = askers.iter().zip(users.chunks_exact(dim.max(1)));
        each.map(|(asker, user)| self.prepare(asker, user)).collect()
    }

    /// The best items for each user, the best first, equal scores by row.
    ///
    /// Items of the history itself are left out, unless `want` includes what was asked. An empty history is
    /// answered with what is popular.
    ///
    /// * `diversity`: see [`Style`](super::Style); 0 is by score alone.
    /// * `threads`: change nothing in the answer.
    ///
    /// # Panics
    /// If a row of a history does not exist.
    #[must_use]
    pub fn top<A: Asker>(&self, askers: &[A], want: Want<'_>, diversity: f32, threads: usize) -> Vec<Vec<Hit>> {
        // Blocks small enough that every thread gets one.
        let block = askers.len().div_ceil(threads.max(1)).clamp(1, QUERIES);
        let several = want.limit.saturating_mul(4).saturating_add(50);
        let wanted = Want { limit: if diversity > 0.0 { several } else { want.limit }, ..want };
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(vec![Vec::new(); askers.len()]);
        let work = || {
            let (mut scores, mut users) = (vec![0.0; block * BLOCK], Vec::new());
            loop {
                let first = next.fetch_add(block, Ordering::Relaxed);
                let Some(askers) = askers.get(first..askers.len().min(first + block)) else { break };
                let asked = self.prepare_all(askers, &mut users);
                let mut found = match &self.index {
                    Some(index) => self.each_by_index(index, askers, &asked, &users, &mut scores, wanted),
                    None => self.best(askers, &asked, &users, &mut scores, wanted),
                };
                if diversity > 0.0 {
                    found.iter_mut().for_each(|found| *found = self.diverse(found, want.limit, diversity));
                }
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                for (answer, found) in answers[first..].iter_mut().zip(found) {
                    *answer = found;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(askers.len().div_ceil(block)) {
                scope.spawn(work);
            }
            work();
        });
        answers.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The best items of each of a block of users, from the candidates of the index; after an empty history those of all.
    fn each_by_index<A: Asker>(
        &self,
        index: &Index,
        askers: &[A],
        asked: &[Asked],
        users: &[f32],
        scores: &mut [f32],
        want: Want<'_>,
    ) -> Vec<Vec<Hit>> {
        let one = |at: usize| {
            let user = &users[at * self.dim()..][..self.dim()];
            if asked[at].items.is_empty() {
                self.best(&askers[at..=at], &asked[at..=at], user, scores, want).pop().unwrap_or_default()
            } else {
                self.best_by_index(index, askers[at].history(), &asked[at], user, want)
            }
        };
        (0..askers.len()).map(one).collect()
    }

    /// The best items of a block of users, tile by tile.
    fn best<A: Asker>(
        &self,
        askers: &[A],
        asked: &[Asked],
        users: &[f32],
        scores: &mut [f32],
        want: Want<'_>,
    ) -> Vec<Vec<Hit>> {
        let limit = want.limit.min(self.len());
        let left_out: Vec<Vec<u32>> = (askers.iter())
            .map(|asker| {
                let mut items = if want.include_asked { Vec::new() } else { asker.history().to_vec() };
                items.sort_unstable();
                items
            })
            .collect();
        let mut best: Vec<Best> = askers.iter().map(|_| Best::new(limit)).collect();
        for start in (0..self.len()).step_by(BLOCK) {
            let rows = start..self.len().min(start + BLOCK);
            let scores = &mut scores[..asked.len() * rows.len()];
            self.fill(asked, users, rows.clone(), scores);
            for ((best, scores), left_out) in best.iter_mut().zip(scores.chunks_exact(rows.len())).zip(&left_out) {
                let keep =
                    |id: TokenId| left_out.binary_search(&id.0).is_err() && want.only.is_none_or(|only| only(id));
                best.offer(start, scores, &keep);
            }
        }
        best.iter_mut().map(Best::take_hits).collect()
    }
}

impl Tables {
    fn new(vocab: &Vocab, input: Matrix, output: Matrix, tower: Option<Tower>) -> Self {
        let log_counts = vocab.counts().iter().map(|&count| (count as f32 + 1.0).ln()).collect();
        Self { input, output, log_counts, tower, spare: Spare::default() }
    }
}

/// The rows divided by their lengths; zero vectors stay.
fn of_length_one(matrix: &Matrix) -> Matrix {
    let mut values = matrix.as_slice().to_vec();
    for row in values.chunks_exact_mut(matrix.dim().max(1)) {
        let length = norm(row).max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|value| *value /= length);
    }
    Matrix::new(matrix.rows(), matrix.dim(), values)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::baselines::{Memory, Partner};
    use crate::recommend::Blend;
    use crate::recommend::moments::spread;
    use crate::rng::Rng;

    /// Memory of the tables: another one than that of the vectors.
    const TWO: Memory = Memory { last: 2, decay: 1.0 };

    /// Thirty items, tables of these shares, vectors with a memory of the last three.
    pub(in super::super) fn model(shares: &[f32], popularity: f32) -> Recommender {
        let (n, dim) = (30, 5);
        let vocab = Vocab::from_counts((0..n).map(|i| (format!("i{i}"), 100 - i as u64))).unwrap();
        let mut rng = Rng::new(4, 0);
        let mut draw = |n: usize| (0..n).map(|_| rng.f32() - 0.4).collect::<Vec<f32>>();
        let (input, output) = (draw(n * dim), draw(n * dim));
        let table = |number: u32, values: Vec<f32>| Sparse {
            ends: (1..=n as u64).map(|row| 4 * row).collect(),
            columns: (0..n as u32).flat_map(|row| [row % 7, 9 + (row + number) % 3, 15, 20 + row % 10]).collect(),
            values,
        };
        let partner = Partner::NextItem { window: None, discount: 0.0 };
        let tables = (0..shares.len()).map(|number| table(number as u32, draw(n * 4)).into()).collect();
        let recipe = Recipe {
            metric: Metric::Dot,
            memory: Memory { last: 3, decay: 0.5 },
            popularity,
            blend: shares.iter().map(|&share| Blend { partner, share, memory: TWO }).collect(),
            ..Recipe::default()
        };
        let matrix = |values| Matrix::new(n, dim, values);
        Recommender::of(Tables::new(&vocab, matrix(input), matrix(output), None).into(), recipe, tables)
    }

    /// The formula of [`Recipe`], written out.
    pub(in super::super) fn oracle(model: &Recommender, history: &[u32]) -> Vec<f32> {
        let (n, recipe) = (model.len(), &model.recipe);
        let newest: Vec<u32> = history.iter().rev().copied().collect();
        let of_vectors = |i: usize| {
            let score = |(&h, w): (&u32, f32)| {
                let (v, u) = (model.tables.input.row(h as usize), model.tables.output.row(i));
                w / 1.75 * v.iter().zip(u).map(|(a, b)| a * b).sum::<f32>()
            };
            let sum: f32 = newest.iter().zip([1.0f32, 0.5, 0.25]).map(score).sum();
            sum + recipe.popularity * model.tables.log_counts[i]
        };
        let vectors: Vec<f32> = (0..n).map(of_vectors).collect();
        if recipe.blend.is_empty() {
            return vectors;
        }
        let spread = |values: &[f32]| spread(n, values.iter().copied());
        let share = 1.0 - recipe.blend.iter().map(|blend| blend.share).sum::<f32>();
        let mut scores: Vec<f32> = vectors.iter().map(|score| share * score / spread(&vectors)).collect();
        for (blend, table) in recipe.blend.iter().zip(model.blended()) {
            let of_table = |i: usize| {
                let value = |&h: &u32| {
                    let (columns, values) = table.row(h);
                    columns.iter().position(|&c| c == i as u32).map_or(0.0, |at| values[at])
                };
                newest.iter().take(2).map(value).sum::<f32>() / 2.0
            };
            let values: Vec<f32> = (0..n).map(of_table).collect();
            for (score, value) in scores.iter_mut().zip(&values) {
                *score += blend.share * value / spread(&values);
            }
        }
        scores
    }

    /// Blends: none, one table, two, and tables alone.
    pub(in super::super) const BLENDS: [(&[f32], f32); 5] =
        [(&[], 0.0), (&[], 0.5), (&[0.3], -0.2), (&[0.3, 0.5], 0.1), (&[0.4, 0.6], 0.5)];

    #[test]
    fn scores_are_those_of_the_formula() {
        for (blend, popularity) in BLENDS {
            let model = model(blend, popularity);
            let history = [3, 8, 2, 27];
            let mut scores = vec![0.0; 60];
            model.score(&[&history[..], &[]], &mut scores);
            for (score, expected) in scores.iter().zip(oracle(&model, &history)) {
                assert!((score - expected).abs() < 1e-5, "{blend:?}: {score} {expected}");
            }
            assert_eq!(scores[30..], model.tables.log_counts[..]);
        }
    }

    /// A model larger than a tile.
    fn large(share: f32) -> Recommender {
        let (n, dim) = (1300, 7);
        let vocab = Vocab::from_counts((0..n).map(|i| (format!("i{i}"), 1 + 9000 / (i as u64 + 1)))).unwrap();
        let mut rng = Rng::new(5, 0);
        let mut draw = |n: usize| (0..n).map(|_| rng.f32() - 0.4).collect::<Vec<f32>>();
        let embeddings =
            Embeddings::new(vocab, Matrix::new(n, dim, draw(n * dim)), Some(Matrix::new(n, dim, draw(n * dim))));
        let table = Sparse {
            ends: (1..=n as u64).map(|row| 3 * row).collect(),
            columns: (0..n as u32).flat_map(|row| [row % 500, 600 + row % 100, 700 + row % 600]).collect(),
            values: draw(3 * n),
        };
        let memory = Memory { last: 0, decay: 0.9 };
        let blend = (share > 0.0).then_some(Blend { partner: Partner::Ease { lambda: 1.0 }, share, memory });
        let tables = blend.iter().map(|_| table.clone()).collect();
        let recipe = Recipe { popularity: 0.1, blend: blend.into_iter().collect(), memory, ..Recipe::default() };
        Recommender::new(&embeddings.unwrap(), recipe, tables, None).unwrap()
    }

    #[test]
    fn lists_are_those_of_whole_rows_of_scores_bit_by_bit_alone_or_together_on_any_threads() {
        for share in [0.0, 0.4, 1.0] {
            let model = large(share);
            let n = model.len();
            let mut rng = Rng::new(6, 0);
            let histories: Vec<Vec<u32>> =
                (0..300).map(|at| (0..at % 40).map(|_| rng.below(n as u32)).collect()).collect();
            let asked: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
            let mut scores = vec![0.0; asked.len() * n];
            model.score(&asked, &mut scores);
            let odd = |id: TokenId| !id.0.is_multiple_of(2);
            for threads in [1, 3] {
                let lists = model.top(&asked, Want::best(20).only(&odd), 0.0, threads);
                for ((history, scores), list) in histories.iter().zip(scores.chunks_exact(n)).zip(&lists) {
                    let mut order: Vec<u32> =
                        (0..n as u32).filter(|i| odd(TokenId(*i)) && !history.contains(i)).collect();
                    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
                    let expected: Vec<_> = order.iter().take(20).map(|&i| (TokenId(i), scores[i as usize])).collect();
                    assert_eq!(list.iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>(), expected);
                }
                for at in [0, 1, 150, 299] {
                    assert_eq!(model.top(&asked[at..=at], Want::best(20).only(&odd), 0.0, 1)[0], lists[at]);
                }
            }
        }
    }

    #[test]
    fn items_of_the_history_come_only_if_wanted() {
        let model = model(&[], 0.0);
        let all = model.top(&[&[3u32, 8][..]], Want::best(50).including_asked(), 0.0, 1);
        assert_eq!(all[0].len(), 30);
        let new = model.top(&[&[3u32, 8][..]], Want::best(50), 0.0, 1);
        assert_eq!(new[0].len(), 28);
        assert!(new[0].iter().all(|hit| hit.id.0 != 3 && hit.id.0 != 8));
    }

    #[test]
    fn matrices_that_are_asked_as_they_are_are_not_copied() {
        let model = large(0.0);
        let dot = model.asked(Recipe { metric: Metric::Dot, vectors: Pair::Output, ..Recipe::default() }, Vec::new());
        assert_eq!(dot.vectors.to.as_slice().as_ptr(), model.tables.output.as_slice().as_ptr());
        assert_eq!(dot.vectors.from.as_slice().as_ptr(), model.tables.output.as_slice().as_ptr());
    }
}
