//! Questions about what was measured.

use super::{Evaluation, MetricsFile, Recipe, Row, Trial};

impl MetricsFile {
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

    /// Whether the model's blend table, which belongs to the recipe that was chosen in training, serves this recipe too.
    #[must_use]
    pub fn has_table_for(&self, recipe: &Recipe) -> bool {
        let stored = self.chosen().and_then(|trial| trial.recipe.blend).map(|blend| blend.partner);
        recipe.blend.is_none_or(|blend| Some(blend.partner) == stored)
    }
}

impl Evaluation {
    /// The figures of the model itself.
    #[must_use]
    pub fn model(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == Row::MODEL)
    }

    /// The baselines, without the rows of the model.
    pub fn baselines(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.name != Row::MODEL && row.name != Row::VECTORS)
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
    use crate::eval::recommend::{Holdout, Verdict};
    use crate::recommend::Blend;

    fn blended(partner: Partner, share: f32) -> Recipe {
        Recipe { blend: Some(Blend { partner, share }), ..Recipe::default() }
    }

    #[test]
    fn the_chosen_recipe_is_the_first_of_the_best_and_its_table_is_the_one_stored() {
        let (ease, knn) = (Partner::Ease { lambda: 10.0 }, Partner::ItemKnn { shrink: 0.0, neighbors: 0 });
        let trial = |recipe, ndcg| Trial { recipe, ndcg };
        let evaluation = Evaluation {
            holdout: Holdout::Last,
            rows: Vec::new(),
            verdict: Verdict::Alone,
            epochs: Vec::new(),
            best_epoch: 1,
            refit: true,
        };
        let trials = vec![trial(Recipe::default(), 0.1), trial(blended(ease, 0.2), 0.3), trial(blended(knn, 0.2), 0.3)];
        let metrics = MetricsFile { evaluation, trials };
        assert_eq!(metrics.chosen().unwrap().recipe, blended(ease, 0.2));
        let ranked: Vec<Recipe> = metrics.ranked().iter().map(|trial| trial.recipe).collect();
        assert_eq!(ranked, [blended(ease, 0.2), blended(knn, 0.2), Recipe::default()]);
        assert!(metrics.has_table_for(&blended(ease, 0.8)) && metrics.has_table_for(&Recipe::default()));
        assert!(!metrics.has_table_for(&blended(knn, 0.2)));
        assert!(metrics.evaluation.model().is_none() && metrics.evaluation.strongest().is_none());
    }
}
