//! The recipes that training tried.

use super::Compare;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use vecinity::Error;
use vecinity::embeddings::Which;
use vecinity::error::grouped;
use vecinity::model_dir::Model;
use vecinity::recommend::{Pair, Recipe, Trial};

#[derive(serde::Serialize)]
struct Tried<'a> {
    /// By NDCG@10, from 1.
    rank: usize,
    ndcg: f64,
    /// In words.
    settings: String,
    recipe: &'a Recipe,
    /// Whether the model holds the tables that it needs.
    usable: bool,
    /// Whether it is the one that is stored.
    stored: bool,
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    tried: usize,
    matching: usize,
    recipes: Vec<Tried<'a>>,
}

#[derive(serde::Serialize)]
struct Stored {
    rank: usize,
    ndcg: f64,
    recipe: Recipe,
    before: Option<Recipe>,
}

impl Compare {
    pub(super) fn items(self, mut model: Model, output: Output) -> Result<()> {
        let Some(metrics) = &model.metrics else { return Ok(()) };
        let ranked = metrics.ranked();
        if let Some(rank) = self.rank {
            let chosen = rank.checked_sub(1).and_then(|at| ranked.get(at)).cloned();
            let expected = || format!("1 to {}, a rank that vecinity compare shows", ranked.len());
            let Trial { recipe, ndcg } = chosen.ok_or_else(|| Error::setting("use", rank, expected()))?;
            let stored = Stored { rank, ndcg, before: model.recipe.clone(), recipe };
            model.store_recipe(&stored.recipe)?;
            return output.answer(&stored, |to| {
                if let Some(before) = &stored.before {
                    writeln!(to, "before  {before}")?;
                }
                writeln!(to, "stored  {}   NDCG@10 {ndcg:.4} on validation", stored.recipe)?;
                writeln!(to, "note    the figures on test are still those of the recipe that training chose")
            });
        }
        let stored = model.recipe.as_ref();
        let all = ranked.iter().enumerate().map(|(at, trial)| Tried {
            rank: at + 1,
            ndcg: trial.ndcg,
            settings: trial.recipe.to_string(),
            recipe: &trial.recipe,
            usable: metrics.tables_for(&trial.recipe).is_some(),
            stored: Some(&trial.recipe) == stored,
        });
        let mut recipes: Vec<Tried<'_>> = all.filter(|tried| self.lets_through(tried.recipe)).collect();
        let matching = recipes.len();
        if matching == 0 {
            let what = format!("none of {} recipes fits the filters", grouped(ranked.len() as u64));
            return Err(Error::data(what, "loosen --vectors, --metric or --last").into());
        }
        recipes.truncate(if self.limit == 0 { usize::MAX } else { self.limit });
        let answer = Answer { tried: ranked.len(), matching, recipes };
        output.answer(&answer, |to| {
            let row = |tried: &Tried<'_>| {
                let note = match (tried.stored, tried.usable) {
                    (true, _) => "stored",
                    (false, true) => "",
                    (false, false) => "no table",
                };
                vec![tried.rank.to_string(), format!("{:.4}", tried.ndcg), note.to_owned(), tried.settings.clone()]
            };
            let rows: Vec<_> = answer.recipes.iter().map(row).collect();
            table::write(to, &[">rank", ">NDCG@10", "", "recipe"], &rows)?;
            writeln!(
                to,
                "{} of {} recipes, by NDCG@10 on validation; a longer blend is chosen only if it helps by more than chance\n\
                 --use RANK stores another one",
                grouped(answer.recipes.len() as u64),
                grouped(answer.tried as u64)
            )
        })
    }

    fn lets_through(&self, recipe: &Recipe) -> bool {
        let vectors = match recipe.vectors {
            // A network answers with output vectors.
            Pair::InOut | Pair::Tower => Which::InOut,
            Pair::Input => Which::Input,
            Pair::Output => Which::Output,
            Pair::Sum => Which::Sum,
        };
        self.wants(vectors, recipe.metric)
            && (self.last.is_empty() || self.last.contains(&recipe.memory.last))
            && (!self.no_blend || recipe.blend.is_empty())
    }
}
