//! One setting tried: trained on a fold, and asked.

use super::choose::{choose, sample};
use super::learn::behind;
use super::recipe::Recipe;
use super::snapshot::recommender;
use super::translation::{Translation, corpus};
use crate::config::Config;
use crate::error::Result;
use crate::eval::recommend::{Fold, ndcg_of_each, rank};
use crate::histories::Histories;
use crate::stop;
use crate::train::{Control, Progress};

/// What one setting is good for.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// How its vectors are asked best.
    pub recipe: Recipe,
    /// NDCG@10 of every question.
    pub each: Vec<f64>,
}

impl Attempt {
    /// The mean of [`Attempt::each`], 0 to 1.
    #[must_use]
    pub fn ndcg(&self) -> f64 {
        self.each.iter().sum::<f64>() / self.each.len().max(1) as f64
    }
}

/// Trains vectors on a fold, chooses their recipe (without a blend) by some of its questions, and asks them all.
///
/// * `choosing`: how many questions, at most, the recipe is chosen by; `asking`: how many are asked then.
///
/// # Errors
/// As [`crate::models::ModelConfig::fit`]: settings out of range, nothing to learn from, divergence, and
/// [`crate::Error::Interrupted`] if `observe` stopped it.
pub fn attempt(
    histories: &Histories,
    config: &Config,
    fold: &Fold,
    choosing: usize,
    asking: usize,
    observe: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Attempt> {
    let corpus = corpus(histories, config, fold)?;
    let fitted = config.model.fit_by_epoch(&corpus, &config.train, None, observe, &mut |_| Ok(()), None)?;
    let (ordered, threads) = (histories.ordered(), config.train.threads);
    let translation = Translation::new(histories, corpus.vocab(), fitted.tower.as_ref());
    let model = recommender(corpus.vocab(), behind(&fitted), ordered);
    let recipe = choose(&model, &translation, &fold.sampled(choosing), ordered, &[], threads).plain.recipe;
    let model = model.asked(recipe.clone(), Vec::new());
    let scorer = translation.scorer(&model);
    let each = ndcg_of_each(&rank(&scorer, &sample(fold).sampled(asking), threads));
    stop::check()?;
    Ok(Attempt { recipe, each })
}
