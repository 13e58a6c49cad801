//! The recipe with the best NDCG@10 on validation.
//!
//! In steps, each from the best of the step before: matrices, metric and memory; popularity; the blend with
//! its table, share and memory.

use super::recipe::{Blend, Pair, Recipe};
use super::recommender::{OnItems, Recommender};
use crate::baselines::{Memory, Partner, Sparse};
use crate::eval::recommend::{Fold, mean_ndcg, rank};
use crate::index::Metric;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One recipe that was tried, with what validation said.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The recipe.
    pub recipe: Recipe,
    /// NDCG@10 on (a sample of) validation.
    pub ndcg: f64,
}

/// Scores computed for one trial, at most: of large catalogues fewer queries are asked.
const SCORES: usize = 200_000_000;
/// Queries of a trial, at most and at least.
const QUERIES: (usize, usize) = (10_000, 1000);

/// What of validation is asked when many settings are compared.
pub(super) fn sample(valid: &Fold) -> Fold {
    valid.sampled((SCORES / valid.counts.len().max(1)).clamp(QUERIES.1, QUERIES.0))
}

/// Tries recipes and returns the best with all that was tried, in the order of trial; also the best
/// without any blend.
///
/// * `model`: with any recipe; `rows`: the vocabulary row of each item of the histories, or `u32::MAX`;
/// * `ordered`: whether the order of histories means something;
/// * `tables`: what can be blended, by rows of the vocabulary.
#[must_use]
pub fn choose(
    model: &Recommender,
    rows: &[u32],
    valid: &Fold,
    ordered: bool,
    tables: &[(Partner, Arc<Sparse>)],
    threads: usize,
) -> Choice {
    let valid = sample(valid);
    let mut search = Search { rows, valid: &valid, threads, trials: Vec::new() };
    let memories = Memory::grid(ordered);
    let mut best = Trial { recipe: *model.recipe(), ndcg: -1.0 };
    for vectors in Pair::ALL.map(|(_, pair)| pair) {
        for metric in [Metric::Dot, Metric::Cosine] {
            let asked = model.asked(Recipe { vectors, metric, ..Recipe::default() }, None);
            for &memory in &memories {
                search.try_recipe(&asked, Recipe { vectors, metric, memory, ..Recipe::default() }, None, &mut best);
            }
        }
    }
    let asked = model.asked(Recipe { blend: None, ..best.recipe }, None);
    // Cosines are small beside logarithms of counts.
    let scale = if best.recipe.metric == Metric::Cosine { 0.1 } else { 1.0 };
    for popularity in [-0.25, 0.25, 0.5, 0.75, 1.0] {
        let recipe = Recipe { popularity: popularity * scale, ..best.recipe };
        search.try_recipe(&asked, recipe, None, &mut best);
    }
    let plain = best;
    for (partner, table) in tables {
        for share in [0.2, 0.4, 0.6, 0.8, 1.0] {
            for &memory in &memories {
                let recipe = Recipe { memory, blend: Some(Blend { partner: *partner, share }), ..plain.recipe };
                search.try_recipe(&asked, recipe, Some(table), &mut best);
            }
        }
    }
    Choice { best, plain, trials: search.trials }
}

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The best of all.
    pub best: Trial,
    /// The best without a blend: the vectors alone.
    pub plain: Trial,
    /// All, in the order of trial.
    pub trials: Vec<Trial>,
}

struct Search<'a> {
    rows: &'a [u32],
    valid: &'a Fold,
    threads: usize,
    trials: Vec<Trial>,
}

impl Search<'_> {
    /// Tries a recipe; `best` is replaced if it is better.
    fn try_recipe(&mut self, model: &Recommender, recipe: Recipe, table: Option<&Arc<Sparse>>, best: &mut Trial) {
        let recommender = model.asked(recipe, table.cloned());
        let scorer = OnItems { recommender: &recommender, rows: self.rows };
        let trial = Trial { recipe, ndcg: mean_ndcg(&rank(&scorer, self.valid, self.threads)) };
        self.trials.push(trial);
        if trial.ndcg > best.ndcg {
            *best = trial;
        }
    }
}
