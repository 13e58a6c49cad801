//! What `metrics.json` of a model folder holds: the evaluation, and every recipe that was tried.

use super::{Evaluation, Recipe, Row, Trial};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The name of the model's row in an evaluation.
pub const THIS_MODEL: &str = "this model";
/// The name of the row of the model's vectors without a blend.
pub const VECTORS_ALONE: &str = "its vectors alone";

/// How good a recommender is, and what else was tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Figures on held-out events; absent without a holdout.
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    /// The recipes, in the order of trial.
    #[serde(default)]
    pub trials: Vec<Trial>,
}

impl Figures {
    /// Reads the content of `metrics.json`.
    ///
    /// # Errors
    /// [`Error::Data`] if it has another form.
    pub fn parse(value: &serde_json::Value) -> Result<Self> {
        serde::Deserialize::deserialize(value).map_err(|e| {
            Error::data(format!("metrics.json: {e}"), "the model was written by another version: train it again")
        })
    }

    /// The recipe that validation chose: the first of the best.
    #[must_use]
    pub fn chosen(&self) -> Option<&Trial> {
        self.trials.iter().reduce(|best, trial| if trial.ndcg > best.ndcg { trial } else { best })
    }

    /// All recipes, the best first; of equal ones the first tried.
    #[must_use]
    pub fn ranked(&self) -> Vec<Trial> {
        let mut ranked = self.trials.clone();
        ranked.sort_by(|a, b| b.ndcg.total_cmp(&a.ndcg));
        ranked
    }

    /// The figures of the model itself.
    #[must_use]
    pub fn model(&self) -> Option<&Row> {
        self.evaluation.as_ref()?.rows.iter().find(|row| row.name == THIS_MODEL)
    }

    /// Whether the model's blend table, which belongs to the recipe that was chosen in training, serves this recipe too.
    #[must_use]
    pub fn has_table_for(&self, recipe: &Recipe) -> bool {
        let stored = self.chosen().and_then(|trial| trial.recipe.blend).map(|blend| blend.partner);
        recipe.blend.is_none_or(|blend| Some(blend.partner) == stored)
    }
}

impl Evaluation {
    /// The baselines, without the rows of the model.
    pub fn baselines(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.name != THIS_MODEL && row.name != VECTORS_ALONE)
    }

    /// The baseline with the best NDCG@10 on test.
    #[must_use]
    pub fn strongest(&self) -> Option<&Row> {
        self.baselines().max_by(|a, b| a.test.ndcg[0].total_cmp(&b.test.ndcg[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::Partner;
    use crate::recommend::Blend;

    fn blended(partner: Partner, share: f32) -> Recipe {
        Recipe { blend: Some(Blend { partner, share }), ..Recipe::default() }
    }

    #[test]
    fn the_chosen_recipe_is_the_first_of_the_best_and_its_table_is_the_one_stored() {
        let (ease, knn) = (Partner::Ease { lambda: 10.0 }, Partner::ItemKnn { shrink: 0.0, neighbors: 0 });
        let trial = |recipe, ndcg| Trial { recipe, ndcg };
        let figures = Figures {
            trials: vec![trial(Recipe::default(), 0.1), trial(blended(ease, 0.2), 0.3), trial(blended(knn, 0.2), 0.3)],
            ..Figures::default()
        };
        assert_eq!(figures.chosen().unwrap().recipe, blended(ease, 0.2));
        assert_eq!(
            figures.ranked().iter().map(|t| t.recipe).collect::<Vec<_>>(),
            [blended(ease, 0.2), blended(knn, 0.2), Recipe::default()]
        );
        assert!(figures.has_table_for(&blended(ease, 0.8)) && figures.has_table_for(&Recipe::default()));
        assert!(!figures.has_table_for(&blended(knn, 0.2)));
        assert_eq!(Figures::parse(&serde_json::to_value(&figures).unwrap()).unwrap(), figures);
    }
}
