//! Next-item prediction on somebody's histories.

use super::{Options, Watch};
use crate::deep::{InTurn, in_groups};
use crate::error::{Error, Result, grouped};
use crate::eval::recommend::{Fold, Holdout, Measured, Query, Scorer, Split, rank};
use crate::histories::Histories;
use crate::recommend::difference;

/// Questions of validation and of test, at most.
const CHOOSING: usize = 2000;
const ASKING: usize = 6000;
/// Items, at most: every step and every question goes over all of them.
const LARGEST: usize = 200_000;
/// Histories scored together.
const BLOCK: usize = 16;

/// What is learned from, chosen by and reported on.
#[derive(Debug)]
pub(super) struct Problem {
    /// Histories to learn from, and how often items occur there.
    pub(super) learn: Fold,
    pub(super) valid: Fold,
    pub(super) test: Fold,
}

impl Problem {
    /// Holds the last event of everybody out for the test, and the one before for validation.
    pub(super) fn new(histories: &Histories) -> Result<Self> {
        let split = Split::new(histories, Holdout::Last)?;
        let (valid, test) = (split.valid.sampled(CHOOSING), split.test.sampled(ASKING));
        let items = split.valid.catalogue();
        if items > LARGEST {
            return Err(Error::data(
                format!("{} items; the lab compares with all of them at every step", grouped(items as u64)),
                format!("give data of at most {} items", grouped(LARGEST as u64)),
            ));
        }
        if items < 2 || split.valid.train.iter().all(|history| history.len() < 2) {
            return Err(Error::data(
                "no history has two events beside those held out",
                "give histories of at least four events: the last two are held out",
            ));
        }
        Ok(Self { learn: split.valid, valid, test })
    }

    /// Examples in an epoch: all events but the first of a history.
    pub(super) fn in_an_epoch(&self) -> u64 {
        self.learn.train.iter().map(|history| history.len().saturating_sub(1) as u64).sum()
    }

    /// The facts that every page states.
    pub(super) fn facts(&self, options: &Options) -> String {
        format!(
            "Data: {}: {} items, {} events to learn from; the last event of an owner is the test, the one before validation \
             ({} and {} questions, the whole catalogue ranked). {} seeds, {} examples a training. Made by `{}`, vecinity {}.",
            options.data,
            grouped(self.learn.catalogue() as u64),
            grouped(self.learn.train.events() as u64),
            grouped(self.test.queries.len() as u64),
            grouped(self.valid.queries.len() as u64),
            options.seeds,
            grouped(options.examples),
            options.command,
            env!("CARGO_PKG_VERSION"),
        )
    }
}

/// The mean cross entropy of the next item over the whole catalogue, questions whose item is unknown left out.
pub(super) fn cross_entropy(scorer: &dyn Scorer, fold: &Fold) -> f64 {
    let items = fold.counts.len();
    let mut scores = vec![0.0f32; BLOCK * items];
    let (mut sum, mut asked) = (0.0, 0u32);
    for queries in fold.queries.chunks(BLOCK) {
        let scores = &mut scores[..queries.len() * items];
        scorer.score(queries, scores);
        for (query, scores) in queries.iter().zip(scores.chunks_exact(items)) {
            let Some(&target) = query.targets.iter().find(|&&item| fold.counts[item as usize] > 0) else { continue };
            let known = || scores.iter().zip(&fold.counts).filter(|(_, count)| **count > 0).map(|(&score, _)| score);
            let top = known().fold(f32::NEG_INFINITY, f32::max);
            let total: f64 = known().map(|score| f64::from(score - top).exp()).sum();
            sum += total.ln() - f64::from(scores[target as usize] - top);
            asked += 1;
        }
    }
    sum / f64::from(asked.max(1))
}

/// What the test says of one model.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Tested {
    pub(super) loss: f64,
    pub(super) hr: f64,
    pub(super) ndcg: f64,
    #[serde(skip)]
    pub(super) hit_of_each: Vec<f64>,
    #[serde(skip)]
    pub(super) ndcg_of_each: Vec<f64>,
}

impl Tested {
    pub(super) fn new(scorer: &dyn Scorer, test: &Fold) -> Self {
        let measured = Measured::new(&rank(scorer, test, 1), test);
        let (hit_of_each, ndcg_of_each) = (measured.hits(), measured.ndcg());
        let (hr, ndcg) = (measured.metrics.hr[0], measured.metrics.ndcg[0]);
        Self { loss: cross_entropy(scorer, test), hr, ndcg, hit_of_each, ndcg_of_each }
    }
}

/// Question by question the mean over seeds.
pub(super) fn mean_of_each<'a>(seeds: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let n = seeds.len().max(1) as f64;
    let mut means = Vec::new();
    for each in seeds {
        means.resize(each.len(), 0.0);
        means.iter_mut().zip(each).for_each(|(mean, value)| *mean += value / n);
    }
    means
}

/// How much larger `a` is than `b`, question by question: the mean and half of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(super) struct Difference {
    pub(super) mean: f64,
    pub(super) half: f64,
}

impl Difference {
    pub(super) fn new(a: &[f64], b: &[f64]) -> Self {
        let (mean, error) = difference(a, b);
        Self { mean, half: 1.96 * error }
    }

    /// In words.
    pub(super) fn verdict(self) -> &'static str {
        match self.mean {
            mean if mean > self.half => "better",
            mean if mean < -self.half => "worse",
            _ => "no difference here",
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:+.4} ± {:.4}, {}", self.mean, self.half, self.verdict())
    }
}

/// Does all jobs, each on one thread, and returns what they found in their order.
pub(super) fn all<J: Send, T: Send>(
    jobs: Vec<J>,
    threads: usize,
    watch: Watch<'_>,
    work: impl Fn(J) -> Result<(T, String)> + Sync,
) -> Result<Vec<T>> {
    let found = InTurn::new((Vec::new(), watch));
    in_groups(jobs, &mut vec![(); threads], |turn, job, ()| {
        let result = work(job);
        turn.add(&found, |(found, watch)| {
            found.push(result.map(|(value, line)| {
                watch(line);
                value
            }));
        });
    });
    found.into_inner().0.into_iter().collect()
}

/// The histories of questions.
pub(super) fn histories(queries: &[Query]) -> Vec<&[u32]> {
    queries.iter().map(|query| query.history.as_slice()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Walks on a circle of `items` places, one or two places a step: the next two are equally likely.
    pub(in super::super) fn walks(owners: usize, length: usize, items: u32) -> Histories {
        let mut rng = Rng::new(6, 0);
        let lists: Vec<(String, Vec<String>)> = (0..owners)
            .map(|owner| {
                let mut at = rng.below(items);
                let mut step = || {
                    at = (at + 1 + rng.below(2)) % items;
                    format!("i{at}")
                };
                (format!("o{owner}"), (0..length).map(|_| step()).collect())
            })
            .collect();
        Histories::from_lists(&lists, true).unwrap()
    }

    struct Equal;

    impl Scorer for Equal {
        fn score(&self, _: &[Query], scores: &mut [f32]) {
            scores.fill(7.0);
        }
    }

    #[test]
    fn equal_scores_cost_the_logarithm_of_the_catalogue() {
        let problem = Problem::new(&walks(50, 9, 30)).unwrap();
        let items = problem.learn.catalogue() as f64;
        assert!((cross_entropy(&Equal, &problem.valid) - items.ln()).abs() < 1e-9);
    }

    #[test]
    fn short_histories_are_refused() {
        let error = Problem::new(&walks(5, 3, 30)).unwrap_err();
        assert_eq!(error.to_string(), "no history has two events beside those held out");
    }

    #[test]
    fn a_difference_within_chance_is_none() {
        let a: Vec<f64> = (0..100).map(|at| f64::from(at % 2)).collect();
        let b: Vec<f64> = (0..100).map(|at| f64::from((at + 1) % 2)).collect();
        assert_eq!(Difference::new(&a, &b).verdict(), "no difference here");
        assert_eq!(Difference::new(&a, &[0.0; 100]).verdict(), "better");
        assert_eq!(Difference::new(&[0.0; 100], &a).verdict(), "worse");
    }

    #[test]
    fn jobs_come_back_in_their_order() {
        let mut lines = Vec::new();
        let mut watch = |line: String| lines.push(line);
        let found = all((0..9).collect(), 3, &mut watch, |job: u32| Ok((job * job, job.to_string()))).unwrap();
        assert_eq!(found, (0..9).map(|job| job * job).collect::<Vec<_>>());
        assert_eq!(lines.len(), 9);
    }
}
