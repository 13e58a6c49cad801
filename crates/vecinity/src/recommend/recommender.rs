//! A model with its recipe: scores, lists, exact reasons.

use super::recipe::{Pair, Recipe};
use crate::TokenId;
use crate::baselines::Sparse;
use crate::embeddings::Embeddings;
use crate::error::Result;
use crate::eval::recommend::{Query, Scorer, best};
use crate::index::Metric;
use crate::vocab::Vocab;
use std::sync::Arc;
use vecinity_kernel::matrix::{View, multiply};
use vecinity_kernel::vector::{axpy, dot, norm};

/// Histories scored at a time, when many are asked.
const BLOCK: usize = 64;

/// The trained matrices and counts, by row of the vocabulary.
#[derive(Debug)]
struct Tables {
    input: Vec<f32>,
    output: Vec<f32>,
    dim: usize,
    /// `ln(count + 1)`.
    log_counts: Vec<f32>,
}

/// A model that answers "what comes after this history", by a recipe.
#[derive(Debug, Clone)]
pub struct Recommender {
    tables: Arc<Tables>,
    recipe: Recipe,
    /// What histories are made of, shape `[tokens, dim]`.
    from: Arc<Vec<f32>>,
    /// What is recommended, shape `[tokens, dim]`.
    to: Arc<Vec<f32>>,
    /// The mean of `to`, and of the popularity terms: what an average item scores.
    mean: Arc<Vec<f32>>,
    mean_log_count: f32,
    /// The table of the blend, by rows of the vocabulary.
    table: Option<Arc<Sparse>>,
}

/// A recommended item.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Which.
    pub item: TokenId,
    /// Its score; what scores are worth depends on the recipe, larger is better.
    pub score: f32,
    /// Why: what each item of the history adds, the most first; shares add to 1.
    pub reasons: Vec<Reason>,
}

/// What speaks for a recommendation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason {
    /// The item of the history; `None` is the popularity of the recommended item itself.
    pub item: Option<TokenId>,
    /// Its part of the score above that of an average item; negative parts speak against.
    pub share: f32,
}

impl Recommender {
    /// Makes a model ready to be asked by a recipe.
    ///
    /// * `table`: the item-to-item table of the recipe's blend, by rows of the vocabulary.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) if the recipe needs an output matrix and there is none.
    pub fn new(embeddings: &Embeddings, recipe: Recipe, table: Option<Sparse>) -> Result<Self> {
        let output = match recipe.vectors {
            Pair::Input => embeddings.output().unwrap_or(embeddings.input()),
            _ => embeddings.require_output()?,
        };
        let tables = Tables::new(
            embeddings.vocab(),
            embeddings.input().as_slice().to_vec(),
            output.as_slice().to_vec(),
            embeddings.dim(),
        );
        Ok(Self::of(tables.into(), recipe, table.map(Arc::new)))
    }

    /// From matrices of shape `[vocab.len(), dim]` that are still in training.
    #[must_use]
    pub(super) fn in_training(vocab: &Vocab, input: Vec<f32>, output: Vec<f32>, dim: usize, recipe: Recipe) -> Self {
        Self::of(Tables::new(vocab, input, output, dim).into(), recipe, None)
    }

    fn of(tables: Arc<Tables>, recipe: Recipe, table: Option<Arc<Sparse>>) -> Self {
        let Tables { input, output, dim, .. } = &*tables;
        let sum = || input.iter().zip(output).map(|(a, b)| a + b).collect::<Vec<f32>>();
        let (mut from, mut to) = match recipe.vectors {
            Pair::InOut => (input.clone(), output.clone()),
            Pair::Input => (input.clone(), input.clone()),
            Pair::Output => (output.clone(), output.clone()),
            Pair::Sum => (sum(), sum()),
        };
        if recipe.metric == Metric::Cosine {
            for row in from.chunks_exact_mut(*dim).chain(to.chunks_exact_mut(*dim)) {
                let length = norm(row).max(f32::MIN_POSITIVE);
                row.iter_mut().for_each(|value| *value /= length);
            }
        }
        let rows = (to.len() / dim).max(1) as f32;
        let mut mean = vec![0.0; *dim];
        for row in to.chunks_exact(*dim) {
            axpy(1.0 / rows, row, &mut mean);
        }
        let mean_log_count = tables.log_counts.iter().sum::<f32>() / rows;
        Self { recipe, from: from.into(), to: to.into(), mean: mean.into(), mean_log_count, table, tables }
    }

    /// The same model asked by another recipe; the table stays, unless another one is given.
    #[must_use]
    pub fn asked(&self, recipe: Recipe, table: Option<Arc<Sparse>>) -> Self {
        let table = table.or_else(|| self.table.clone());
        if recipe.vectors == self.recipe.vectors && recipe.metric == self.recipe.metric {
            return Self { recipe, table, ..self.clone() };
        }
        Self::of(Arc::clone(&self.tables), recipe, table)
    }

    /// The recipe.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The table of the blend, by rows of the vocabulary.
    #[must_use]
    pub fn table(&self) -> Option<&Sparse> {
        self.table.as_deref()
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

    /// The items of a history that are asked with their weights, which add to 1.
    fn weighted(&self, history: &[u32]) -> Vec<(u32, f32)> {
        let mut items: Vec<(u32, f32)> = self.recipe.memory.of(history).collect();
        let sum: f32 = items.iter().map(|(_, weight)| weight).sum();
        items.iter_mut().for_each(|(_, weight)| *weight /= sum);
        items
    }

    /// The vector of a history: what the recipe's metric compares with the vectors of items, shape `[dim]`.
    #[must_use]
    pub fn user_vector(&self, history: &[u32]) -> Vec<f32> {
        let mut vector = vec![0.0; self.tables.dim];
        self.pool(&self.weighted(history), &mut vector);
        vector
    }

    fn pool(&self, items: &[(u32, f32)], to: &mut [f32]) {
        let dim = self.tables.dim;
        for &(item, weight) in items {
            axpy(weight, &self.from[item as usize * dim..][..dim], to);
        }
    }

    /// Writes the scores of all items for each history, shape `[histories.len(), len()]`.
    ///
    /// Histories are rows of the vocabulary, oldest first. An empty one scores by popularity alone.
    ///
    /// # Panics
    /// If `scores` has another shape or a row does not exist.
    pub fn score(&self, histories: &[&[u32]], scores: &mut [f32]) {
        let (n, dim) = (self.len(), self.tables.dim);
        let share = self.recipe.blend.map_or(0.0, |blend| blend.share);
        if share < 1.0 {
            let mut users = vec![0.0; histories.len() * dim];
            for (history, user) in histories.iter().zip(users.chunks_exact_mut(dim)) {
                self.pool(&self.weighted(history), user);
            }
            let to = View::new(&self.to, n, dim).transposed();
            multiply(1.0, View::new(&users, histories.len(), dim), to, 0.0, scores);
        } else {
            scores.fill(0.0);
        }
        let mut table = vec![0.0; if share > 0.0 { n } else { 0 }];
        for (history, row) in histories.iter().zip(scores.chunks_exact_mut(n.max(1))) {
            if history.is_empty() {
                row.copy_from_slice(&self.tables.log_counts);
                continue;
            }
            if self.recipe.popularity != 0.0 {
                axpy(self.recipe.popularity, &self.tables.log_counts, row);
            }
            if let Some(sparse) = self.table.as_deref().filter(|_| share > 0.0) {
                table.fill(0.0);
                for (item, weight) in self.weighted(history) {
                    let (columns, values) = sparse.row(item);
                    for (&column, value) in columns.iter().zip(values) {
                        table[column as usize] += weight * value;
                    }
                }
                let (model, other) = ((1.0 - share) / spread(row), share / spread(&table));
                for (score, value) in row.iter_mut().zip(&table) {
                    *score = *score * model + other * value;
                }
            }
        }
    }

    /// The `limit` best items for each history, the best first, without those of the history.
    #[must_use]
    pub fn top(
        &self,
        histories: &[&[u32]],
        limit: usize,
        keep: &(dyn Fn(usize, TokenId) -> bool + Sync),
    ) -> Vec<Vec<(TokenId, f32)>> {
        let n = self.len();
        let mut answers = Vec::with_capacity(histories.len());
        let mut scores = vec![0.0; histories.len().min(BLOCK) * n];
        for (block, histories) in histories.chunks(BLOCK).enumerate() {
            let scores = &mut scores[..histories.len() * n];
            self.score(histories, scores);
            for (at, (history, row)) in histories.iter().zip(scores.chunks_exact_mut(n.max(1))).enumerate() {
                history.iter().for_each(|&item| row[item as usize] = f32::NEG_INFINITY);
                for (item, score) in row.iter_mut().enumerate() {
                    if !keep(block * BLOCK + at, TokenId(item as u32)) {
                        *score = f32::NEG_INFINITY;
                    }
                }
                let found = best(row, limit).into_iter().map(|item| (TokenId(item), row[item as usize]));
                answers.push(found.collect());
            }
        }
        answers
    }

    /// As [`top`](Self::top) for one history, with reasons and perhaps more variety.
    ///
    /// * `diversity`: 0 is by score alone; towards 1, items like those already listed are put back (maximal
    ///   marginal relevance, Carbonell & Goldstein 1998, over the best `4 limit + 50`).
    #[must_use]
    pub fn recommend(
        &self,
        history: &[u32],
        limit: usize,
        diversity: f32,
        keep: &(dyn Fn(TokenId) -> bool + Sync),
    ) -> Vec<Recommendation> {
        let wanted = if diversity > 0.0 { 4 * limit + 50 } else { limit };
        let mut found = self.top(&[history], wanted, &|_, item| keep(item)).pop().unwrap_or_default();
        if diversity > 0.0 {
            found = self.diverse(&found, limit, diversity);
        }
        let mut spreads = [1.0, 1.0];
        if let Some(blend) = self.recipe.blend.filter(|_| !history.is_empty()) {
            spreads = self.spreads(history, blend.share);
        }
        let reason = |&(item, score): &(TokenId, f32)| Recommendation {
            item,
            score,
            reasons: self.reasons(history, item, spreads),
        };
        found.iter().map(reason).collect()
    }

    fn diverse(&self, found: &[(TokenId, f32)], limit: usize, diversity: f32) -> Vec<(TokenId, f32)> {
        let dim = self.tables.dim;
        let vector = |item: TokenId| &self.to[item.row() * dim..][..dim];
        let cosine = |a: TokenId, b: TokenId| {
            dot(vector(a), vector(b)) / (norm(vector(a)) * norm(vector(b))).max(f32::MIN_POSITIVE)
        };
        let (first, last) = (found.first().map_or(0.0, |f| f.1), found.last().map_or(0.0, |f| f.1));
        let relevance = |score: f32| (score - last) / (first - last).max(f32::MIN_POSITIVE);
        let mut open: Vec<(TokenId, f32, f32)> = found.iter().map(|&(item, score)| (item, score, 0.0)).collect();
        let mut chosen = Vec::new();
        while chosen.len() < limit && !open.is_empty() {
            let value =
                |&(_, score, alike): &(TokenId, f32, f32)| (1.0 - diversity) * relevance(score) - diversity * alike;
            let mut at = 0;
            for other in 1..open.len() {
                if value(&open[other]) > value(&open[at]) {
                    at = other;
                }
            }
            let (item, score, _) = open.remove(at);
            chosen.push((item, score));
            for (other, _, alike) in &mut open {
                *alike = alike.max(cosine(*other, item));
            }
        }
        chosen
    }

    /// The spreads that the two sides of a blend are divided by, for a history.
    fn spreads(&self, history: &[u32], share: f32) -> [f32; 2] {
        let part = |share| {
            let blend = self.recipe.blend.map(|blend| super::Blend { share, ..blend });
            let mut recipe = Self { recipe: Recipe { blend, ..self.recipe }, ..self.clone() };
            if share == 0.0 {
                recipe.recipe.blend = None;
            }
            let mut scores = vec![0.0; self.len()];
            recipe.score(&[history], &mut scores);
            scores
        };
        // With a share of 1 the scores are the table's, divided by their spread: undo that.
        let model = if share < 1.0 { spread(&part(0.0)) } else { 1.0 };
        let mut table = vec![0.0; self.len()];
        if let Some(sparse) = &self.table {
            for (item, weight) in self.weighted(history) {
                let (columns, values) = sparse.row(item);
                for (&column, value) in columns.iter().zip(values) {
                    table[column as usize] += weight * value;
                }
            }
        }
        [model, spread(&table)]
    }

    /// What each item of the history adds to the score of an item above that of an average item.
    fn reasons(&self, history: &[u32], item: TokenId, spreads: [f32; 2]) -> Vec<Reason> {
        let dim = self.tables.dim;
        let share = self.recipe.blend.map_or(0.0, |blend| blend.share);
        let target = &self.to[item.row() * dim..][..dim];
        let n = self.len().max(1) as f32;
        let mut reasons: Vec<Reason> = Vec::new();
        for (known, weight) in self.weighted(history) {
            let vector = &self.from[known as usize * dim..][..dim];
            let mut part = (1.0 - share) * weight * (dot(vector, target) - dot(vector, &self.mean)) / spreads[0];
            if let Some(sparse) = self.table.as_deref().filter(|_| share > 0.0) {
                let (columns, values) = sparse.row(known);
                let value = columns.binary_search(&(item.row() as u32)).map_or(0.0, |at| values[at]);
                part += share * weight * (value - values.iter().sum::<f32>() / n) / spreads[1];
            }
            reasons.push(Reason { item: Some(TokenId(known)), share: part });
        }
        if self.recipe.popularity != 0.0 && share < 1.0 {
            let part = self.tables.log_counts[item.row()] - self.mean_log_count;
            reasons.push(Reason { item: None, share: (1.0 - share) * self.recipe.popularity * part / spreads[0] });
        }
        let sum: f32 = reasons.iter().map(|reason| reason.share).sum();
        if sum > 0.0 {
            reasons.iter_mut().for_each(|reason| reason.share /= sum);
        }
        reasons.sort_by(|a, b| b.share.total_cmp(&a.share));
        reasons
    }
}

impl Tables {
    fn new(vocab: &Vocab, input: Vec<f32>, output: Vec<f32>, dim: usize) -> Self {
        let log_counts = vocab.counts().iter().map(|&count| (count as f32 + 1.0).ln()).collect();
        Self { input, output, dim, log_counts }
    }
}

/// The standard deviation, or 1 if there is none.
fn spread(values: &[f32]) -> f32 {
    let n = values.len().max(1) as f64;
    let (mut sum, mut squares) = (0.0f64, 0.0f64);
    for &value in values {
        sum += f64::from(value);
        squares += f64::from(value) * f64::from(value);
    }
    let variance = squares / n - (sum / n).powi(2);
    if variance > 0.0 && variance.is_finite() { variance.sqrt() as f32 } else { 1.0 }
}

/// A recommender that is asked in rows of the items of histories, for measurements.
pub(super) struct OnItems<'a> {
    pub(super) recommender: &'a Recommender,
    /// The row in the vocabulary of each item; `u32::MAX` if it is not in it.
    pub(super) rows: &'a [u32],
}

impl Scorer for OnItems<'_> {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let known = |&item: &u32| Some(self.rows[item as usize]).filter(|&row| row != u32::MAX);
        let histories: Vec<Vec<u32>> =
            queries.iter().map(|query| query.history.iter().filter_map(known).collect()).collect();
        let histories: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
        let n = self.recommender.len();
        let mut found = vec![0.0; queries.len() * n];
        self.recommender.score(&histories, &mut found);
        for (found, scores) in found.chunks_exact(n.max(1)).zip(scores.chunks_exact_mut(self.rows.len().max(1))) {
            for (score, &row) in scores.iter_mut().zip(self.rows) {
                *score = if row == u32::MAX { f32::NEG_INFINITY } else { found[row as usize] };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::{Memory, Partner};
    use crate::recommend::Blend;
    use crate::rng::Rng;

    fn model(blend: Option<f32>, popularity: f32) -> Recommender {
        let (n, dim) = (30, 5);
        let vocab = Vocab::from_counts((0..n).map(|i| (format!("i{i}"), 100 - i as u64))).unwrap();
        let mut rng = Rng::new(4, 0);
        let mut draw = |n: usize| (0..n).map(|_| rng.f32() - 0.4).collect::<Vec<f32>>();
        let (input, output, values) = (draw(n * dim), draw(n * dim), draw(n * 4));
        let table = Sparse {
            ends: (1..=n as u64).map(|row| 4 * row).collect(),
            columns: (0..n as u32).flat_map(|row| [row % 7, 9 + row % 3, 15, 20 + row % 10]).collect(),
            values,
        };
        let partner = Partner::NextItem { window: None, discount: 0.0 };
        let recipe = Recipe {
            metric: Metric::Dot,
            memory: Memory { last: 3, decay: 0.5 },
            popularity,
            blend: blend.map(|share| Blend { partner, share }),
            ..Recipe::default()
        };
        Recommender::of(Tables::new(&vocab, input, output, dim).into(), recipe, Some(table.into()))
    }

    /// The formula of [`Recipe`], written out.
    fn oracle(model: &Recommender, history: &[u32]) -> Vec<f32> {
        let weights: Vec<f32> = [1.0f32, 0.5, 0.25].iter().map(|w| w / 1.75).collect();
        let (n, dim) = (model.len(), model.tables.dim);
        let recipe = model.recipe;
        let items: Vec<u32> = history.iter().rev().take(3).copied().collect();
        let row = |table: &[f32], row: usize| table[row * dim..][..dim].to_vec();
        let mut scores = Vec::new();
        let mut others = Vec::new();
        for i in 0..n {
            let (mut score, mut other) = (recipe.popularity * model.tables.log_counts[i], 0.0);
            for (&h, w) in items.iter().zip(&weights) {
                let (v, u) = (row(&model.tables.input, h as usize), row(&model.tables.output, i));
                score += w * v.iter().zip(&u).map(|(a, b)| a * b).sum::<f32>();
                let (columns, values) = model.table.as_ref().unwrap().row(h);
                other += w * columns.iter().position(|&c| c == i as u32).map_or(0.0, |at| values[at]);
            }
            scores.push(score);
            others.push(other);
        }
        match recipe.blend {
            None => scores,
            Some(Blend { share, .. }) => {
                let (a, b) = (spread(&scores), spread(&others));
                scores.iter().zip(&others).map(|(s, o)| (1.0 - share) * s / a + share * o / b).collect()
            }
        }
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        for (blend, popularity) in [(None, 0.0), (None, 0.5), (Some(0.3), -0.2), (Some(1.0), 0.5)] {
            let model = model(blend, popularity);
            let history = [3, 8, 2, 27];
            let mut scores = vec![0.0; 60];
            model.score(&[&history, &[]], &mut scores);
            for (score, expected) in scores.iter().zip(oracle(&model, &history)) {
                assert!((score - expected).abs() < 1e-5, "{blend:?}: {score} {expected}");
            }
            assert_eq!(scores[30..], model.tables.log_counts[..]);
        }
    }

    #[test]
    fn reasons_are_the_parts_of_the_score() {
        for (blend, popularity) in [(None, 0.0), (None, 0.5), (Some(0.3), -0.2), (Some(1.0), 0.5)] {
            let model = model(blend, popularity);
            let history = [3, 8, 2, 27];
            let scores = oracle(&model, &history);
            let mean = scores.iter().sum::<f32>() / scores.len() as f32;
            for found in model.recommend(&history, 5, 0.0, &|_| true) {
                assert!(!history.contains(&(found.item.row() as u32)));
                let sum: f32 = found.reasons.iter().map(|reason| reason.share).sum();
                assert!((sum - 1.0).abs() < 1e-4);
                // Without the newest item, and with the same weights for the others, the score falls by its share.
                let newest = found.reasons.iter().find(|r| r.item == Some(TokenId(27))).unwrap().share;
                let part = newest * (scores[found.item.row()] - mean);
                let spreads = match blend {
                    Some(share) => model.spreads(&history, share),
                    None => [1.0, 1.0],
                };
                let share = blend.unwrap_or(0.0);
                let dim = model.tables.dim;
                let of = |table: &[f32], row: usize| table[row * dim..][..dim].to_vec();
                let dots: Vec<f32> = (0..30).map(|i| dot(&of(&model.from, 27), &of(&model.to, i))).collect();
                let (columns, values) = model.table.as_ref().unwrap().row(27);
                let at = columns.iter().position(|&c| c == found.item.row() as u32).map_or(0.0, |at| values[at]);
                let lift = dots[found.item.row()] - dots.iter().sum::<f32>() / 30.0;
                let other = at - values.iter().sum::<f32>() / 30.0;
                let expected = ((1.0 - share) * lift / spreads[0] + share * other / spreads[1]) / 1.75;
                assert!((part - expected).abs() < 1e-4, "{blend:?}: {part} {expected}");
            }
        }
    }

    #[test]
    fn diversity_puts_look_alikes_back_and_filters_hold() {
        let model = model(None, 0.0);
        let plain = model.recommend(&[3, 8], 8, 0.0, &|item| item.row() % 2 == 0);
        assert!(plain.iter().all(|found| found.item.row() % 2 == 0));
        assert!(plain.is_sorted_by(|a, b| a.score >= b.score));
        let varied = model.recommend(&[3, 8], 8, 0.9, &|_| true);
        let list = |found: &[Recommendation]| found.iter().map(|f| f.item).collect::<Vec<_>>();
        assert_ne!(list(&varied), list(&model.recommend(&[3, 8], 8, 0.0, &|_| true)));
        assert_eq!(varied.len(), 8);
    }
}
