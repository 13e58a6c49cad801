//! The recipe that validation chooses, by NDCG@10.
//!
//! In steps, each from the best of the step before: matrices, metric and memory; popularity, if it helps; then the blend.
//! Each table is first asked alone, to find its memory. A blend begins with the vectors, and another with the table that is
//! best alone, if it is better than they are; what helps most is added, as long as it helps. The one with vectors is taken,
//! unless the other is better: an index finds candidates by vectors only. Better always means by more than chance (a
//! standard error, query by query): the best of many recipes on few queries is easily a lucky one.

use super::recipe::{Blend, Pair, Recipe};
use super::recommender::Recommender;
use super::translation::Translation;
use crate::baselines::{Memory, Partner, Sparse};
use crate::eval::recommend::{Fold, ndcg_of_each, rank};
use crate::index::Metric;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One recipe that was tried, with what validation said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The recipe.
    pub recipe: Recipe,
    /// NDCG@10 on (a sample of) validation.
    pub ndcg: f64,
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

/// Scores computed for one trial, at most: of large catalogues fewer queries are asked.
const SCORES: usize = 200_000_000;
/// Queries of a trial, at most and at least.
const QUERIES: (usize, usize) = (10_000, 1000);
/// Weights that a further part of a blend may have.
const SHARES: [f32; 5] = [0.1, 0.2, 0.35, 0.5, 0.7];

/// What of validation is asked when many settings are compared.
pub(super) fn sample(valid: &Fold) -> Fold {
    valid.sampled((SCORES / valid.counts.len().max(1)).clamp(QUERIES.1, QUERIES.0))
}

/// Tries recipes and returns the best with all that was tried, in the order of trial; also the best
/// without any blend.
///
/// * `model`: with any recipe; `translation`: from the histories to its rows;
/// * `ordered`: whether the order of histories means something;
/// * `tables`: what can be blended, by rows of the vocabulary.
pub(super) fn choose(
    model: &Recommender,
    translation: &Translation<'_>,
    valid: &Fold,
    ordered: bool,
    tables: &[(Partner, Arc<Sparse>)],
    threads: usize,
) -> Choice {
    let valid = sample(valid);
    let mut search = Search { translation, valid: &valid, tables, threads, trials: Vec::new() };
    let memories = Memory::grid(ordered);
    let mut plain: Option<Tried> = None;
    if let Some(tower) = model.tower() {
        // How a network is asked was learned with it.
        keep_better(&mut plain, search.attempt(model, Recipe::of_tower(tower)));
    } else {
        for vectors in Pair::OF_TABLES {
            for metric in [Metric::Dot, Metric::Cosine] {
                let asked = model.asked(Recipe { vectors, metric, ..Recipe::default() }, Vec::new());
                for &memory in &memories {
                    let recipe = Recipe { vectors, metric, memory, ..Recipe::default() };
                    keep_better(&mut plain, search.attempt(&asked, recipe));
                }
            }
        }
    }
    let start = plain.as_ref().map_or_else(Recipe::default, |tried| tried.recipe.clone());
    let asked = model.asked(start.clone(), Vec::new());
    // Cosines are small beside logarithms of counts.
    let scale = if start.metric == Metric::Cosine { 0.1 } else { 1.0 };
    let mut corrected = None;
    for popularity in [-0.25, 0.25, 0.5, 0.75, 1.0] {
        let recipe = Recipe { popularity: popularity * scale, ..start.clone() };
        keep_better(&mut corrected, search.attempt(&asked, recipe));
    }
    let plain = plain.expect("recipes were tried");
    let plain = corrected.filter(|corrected| corrected.beats(&plain)).unwrap_or(plain);
    let best = search.blend(&asked, &plain, &memories).trial();
    Choice { best, plain: plain.trial(), trials: search.trials }
}

/// A recipe with the NDCG@10 of each query.
#[derive(Clone)]
struct Tried {
    recipe: Recipe,
    ndcg: f64,
    each: Vec<f64>,
}

impl Tried {
    fn trial(&self) -> Trial {
        Trial { recipe: self.recipe.clone(), ndcg: self.ndcg }
    }

    /// Whether this is better than another by more than chance.
    fn beats(&self, other: &Self) -> bool {
        beyond_chance(&self.each, &other.each, 1.0)
    }
}

/// The mean difference of `a` and `b`, question by question, and its standard error.
#[must_use]
pub fn difference(a: &[f64], b: &[f64]) -> (f64, f64) {
    let n = a.len() as f64;
    let mean = a.iter().zip(b).map(|(a, b)| a - b).sum::<f64>() / n;
    let squares = a.iter().zip(b).map(|(a, b)| (a - b - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
}

/// Whether `a` is larger than `b` by more than so many standard errors.
pub(super) fn beyond_chance(a: &[f64], b: &[f64], errors: f64) -> bool {
    let (mean, error) = difference(a, b);
    mean > errors * error
}

fn keep_better(best: &mut Option<Tried>, tried: Tried) {
    if best.as_ref().is_none_or(|best| tried.ndcg > best.ndcg) {
        *best = Some(tried);
    }
}

struct Search<'a> {
    translation: &'a Translation<'a>,
    valid: &'a Fold,
    tables: &'a [(Partner, Arc<Sparse>)],
    threads: usize,
    trials: Vec<Trial>,
}

impl Search<'_> {
    fn attempt(&mut self, model: &Recommender, recipe: Recipe) -> Tried {
        let table = |blend: &Blend| {
            let found = self.tables.iter().find(|(partner, _)| *partner == blend.partner);
            found.map(|(_, table)| Arc::clone(table))
        };
        let blended = recipe.blend.iter().filter_map(table).collect();
        let recommender = model.asked(recipe.clone(), blended);
        let scorer = self.translation.scorer(&recommender);
        let each = ndcg_of_each(&rank(&scorer, self.valid, self.threads));
        let ndcg = each.iter().sum::<f64>() / each.len().max(1) as f64;
        self.trials.push(Trial { recipe: recipe.clone(), ndcg });
        Tried { recipe, ndcg, each }
    }

    /// The best blend: vectors and tables with their weights.
    fn blend(&mut self, model: &Recommender, plain: &Tried, memories: &[Memory]) -> Tried {
        let mut parts = vec![plain.clone()];
        for (partner, _) in self.tables {
            let mut best = None;
            for &memory in memories {
                let blend = vec![Blend { partner: *partner, share: 1.0, memory }];
                keep_better(&mut best, self.attempt(model, Recipe { blend, ..plain.recipe.clone() }));
            }
            parts.extend(best);
        }
        let first = (1..parts.len()).fold(0, |best, at| if parts[at].beats(&parts[best]) { at } else { best });
        let from_vectors = self.grow(model, parts.clone(), 0);
        if first == 0 {
            return from_vectors;
        }
        let from_first = self.grow(model, parts, first);
        if from_first.beats(&from_vectors) { from_first } else { from_vectors }
    }

    /// Begins with one part, and adds what helps most as long as it helps.
    fn grow(&mut self, model: &Recommender, mut parts: Vec<Tried>, first: usize) -> Tried {
        let mut current = parts.remove(first);
        while !parts.is_empty() {
            let mut best: Option<(usize, Tried)> = None;
            for (at, part) in parts.iter().enumerate() {
                for share in SHARES {
                    let tried = self.attempt(model, mixed(&current.recipe, &part.recipe, share));
                    if best.as_ref().is_none_or(|(_, best)| tried.ndcg > best.ndcg) {
                        best = Some((at, tried));
                    }
                }
            }
            match best {
                Some((at, tried)) if tried.beats(&current) => {
                    parts.remove(at);
                    current = tried;
                }
                _ => break,
            }
        }
        current
    }
}

/// `1 - share` of a recipe with `share` of another, which differ in their blends only.
fn mixed(recipe: &Recipe, other: &Recipe, share: f32) -> Recipe {
    let part = |recipe: &Recipe, share: f32| {
        let scaled = move |blend: &Blend| Blend { share: blend.share * share, ..*blend };
        recipe.blend.iter().map(scaled).collect::<Vec<_>>()
    };
    let mut blend = part(recipe, 1.0 - share);
    blend.extend(part(other, share));
    Recipe { blend, ..recipe.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(each: &[f64]) -> Tried {
        let ndcg = each.iter().sum::<f64>() / each.len() as f64;
        Tried { recipe: Recipe::default(), ndcg, each: each.to_vec() }
    }

    #[test]
    fn a_lucky_query_is_no_reason_to_blend() {
        let (before, mut after) = (tried(&[0.5; 100]), [0.5; 100]);
        (after[7], after[8]) = (1.0, 0.3);
        // The mean of the differences is .003, its standard error .0054.
        assert!(!tried(&after).beats(&before));
        after[8..13].fill(1.0);
        assert!(tried(&after).beats(&before));
        assert!(!before.beats(&before));
    }

    #[test]
    fn shares_of_a_mixture_add_up() {
        let of = |lambda, share| Blend { partner: Partner::Ease { lambda }, share, memory: Memory::ALL };
        let recipe = |blend: &[Blend]| Recipe { blend: blend.to_vec(), ..Recipe::default() };
        let first = mixed(&recipe(&[]), &recipe(&[of(1.0, 1.0)]), 0.2);
        assert_eq!((first.share_of_vectors(), first.blend[0].share), (0.8, 0.2));
        let second = mixed(&first, &recipe(&[of(2.0, 1.0)]), 0.5);
        assert_eq!(second.blend.iter().map(|blend| blend.share).collect::<Vec<_>>(), [0.1, 0.5]);
        assert!((second.share_of_vectors() - 0.4).abs() < 1e-6);
        let vectors_last = mixed(&recipe(&[of(1.0, 1.0)]), &recipe(&[]), 0.35);
        assert!((vectors_last.share_of_vectors() - 0.35).abs() < 1e-6);
    }
}
