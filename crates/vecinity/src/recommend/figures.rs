//! Questions about what was measured.

use super::{Evaluation, MetricsFile, Recipe, Row, Trial};

impl MetricsFile {
    /// The recipe that training chose. Not always the best of all: a longer blend had to help by more than chance.
    #[must_use]
    pub fn chosen(&self) -> Option<&Trial> {
        let settings = &self.evaluation.model()?.settings;
        self.trials.iter().find(|trial| trial.recipe.to_string() == *settings)
    }

    /// All recipes, the best first; of equal ones the first tried.
    #[must_use]
    pub fn ranked(&self) -> Vec<Trial> {
        let mut ranked = self.trials.clone();
        ranked.sort_by(|a, b| b.ndcg.total_cmp(&a.ndcg));
        ranked
    }

    /// Which of the tables of the recipe that training chose, which are those that the model holds, another recipe needs, in its
    /// order; `None` if it needs one more.
    #[must_use]
    pub fn tables_for(&self, recipe: &Recipe) -> Option<Vec<usize>> {
        let stored = self.chosen().map_or(&[][..], |trial| &trial.recipe.blend);
        recipe.blend.iter().map(|blend| stored.iter().position(|other| other.partner == blend.partner)).collect()
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
pub(crate) mod tests {
    use super::*;
    use crate::baselines::{Memory, Partner};
    use crate::eval::recommend::{Holdout, Metrics, Verdict};
    use crate::recommend::Blend;

    /// Made-up figures with this HR@10.
    pub(crate) fn metrics(hr: f64) -> Metrics {
        Metrics {
            hr: [hr; 3],
            ndcg: [hr / 2.0; 3],
            recall: [hr; 3],
            mrr: 0.1,
            coverage: 0.5,
            popularity_bias: 1.0,
            hr_interval: [hr - 0.01, hr + 0.01],
            ndcg_interval: [0.0, 1.0],
            queries: 100,
            catalogue: 4,
            by_popularity: Vec::new(),
            by_history: Vec::new(),
            listed_by_tenth: [0.1; 10],
            chosen_by_tenth: [0.1; 10],
        }
    }

    /// An evaluation with these rows: name, settings, HR@10.
    pub(crate) fn evaluation(rows: &[(&str, &str, f64)]) -> Evaluation {
        let row = |&(name, settings, hr): &(&str, &str, f64)| Row {
            name: name.into(),
            settings: settings.into(),
            valid_ndcg: hr / 2.0,
            test: metrics(hr),
        };
        Evaluation {
            holdout: Holdout::Last,
            rows: rows.iter().map(row).collect(),
            verdict: Verdict::Alone,
            epochs: Vec::new(),
            best_epoch: 1,
            refit: true,
        }
    }

    fn blend(parts: &[(Partner, f32)]) -> Recipe {
        let part = |&(partner, share): &(Partner, f32)| Blend { partner, share, memory: Memory::ALL };
        Recipe { blend: parts.iter().map(part).collect(), ..Recipe::default() }
    }

    #[test]
    fn tables_are_those_of_the_recipe_that_training_chose_even_if_it_is_not_the_best() {
        let (ease, knn) = (Partner::Ease { lambda: 10.0 }, Partner::ItemKnn { shrink: 0.0, neighbors: 0 });
        let counts = Partner::NextItem { window: None, discount: 0.5 };
        let chosen = blend(&[(ease, 0.2), (knn, 0.3)]);
        let lucky = blend(&[(ease, 0.1), (counts, 0.1)]);
        let trial = |recipe: &Recipe, ndcg| Trial { recipe: recipe.clone(), ndcg };
        let trials = vec![trial(&Recipe::default(), 0.1), trial(&chosen, 0.3), trial(&lucky, 0.31)];
        let rows =
            [(Row::MODEL, chosen.to_string(), 0.2), (Row::VECTORS, String::new(), 0.9), ("ease", String::new(), 0.1)];
        let rows = rows.each_ref().map(|(name, settings, hr)| (*name, settings.as_str(), *hr));
        let metrics = MetricsFile { evaluation: evaluation(&rows), trials };
        assert_eq!(metrics.chosen().unwrap().recipe, chosen);
        let ranked: Vec<f64> = metrics.ranked().iter().map(|trial| trial.ndcg).collect();
        assert_eq!(ranked, [0.31, 0.3, 0.1]);
        assert_eq!(metrics.tables_for(&blend(&[(knn, 1.0), (ease, 0.5)])), Some(vec![1, 0]));
        assert_eq!(metrics.tables_for(&Recipe::default()), Some(Vec::new()));
        assert_eq!(metrics.tables_for(&lucky), None);
        assert_eq!(metrics.evaluation.model().unwrap().test.hr[0], 0.2);
        assert_eq!(metrics.evaluation.strongest().unwrap().name, "ease");
    }
}
