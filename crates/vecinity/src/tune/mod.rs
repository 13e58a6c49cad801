//! Settings that suit the data, searched within a time.
//!
//! | file | job |
//! |---|---|
//! | `space` | which settings, with which values |
//! | `halving` | what is tried next, on how much of the data |
//! | `journal` | the trials on disk, to go on from |
//!
//! Every trial trains vectors on a share of the training histories of *validation*, chooses how they are asked, and is
//! worth its NDCG@10. The test part of the split is dropped before anything begins. The best of many is partly lucky,
//! so it is trained once more with another seed, beside the settings the search began with, and asked more questions:
//! only what is better by more than a standard error then replaces them.
//!
//! May import: `config`, `eval`, `histories`, `models`, `recommend`, `train`, `rng`, `error`.  Used by: `report`, `cli`.

mod halving;
mod journal;
mod space;

pub use halving::{Origin, Trial};
pub use space::{Point, Setting, Space, Wanted};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::eval::recommend::{Fold, Holdout, Split};
use crate::histories::Histories;
use crate::recommend::{Attempt, attempt, difference};
use crate::train::{Control, Progress};
use halving::{Next, next, ranked, rungs};
use journal::{Head, Journal};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Questions a trial is asked, at most.
const QUESTIONS: usize = 3000;
/// Questions the best is asked in the end, at most.
const FINAL_QUESTIONS: usize = 10_000;
/// Training histories of the first rung, at least.
const LEAST_HISTORIES: usize = 2000;
/// Trials on the whole sample that the budget has to allow, if the sample is chosen by it.
const TRIALS: f64 = 20.0;
/// The share of the budget at whose beginning nobody new begins.
const CLOSING: f64 = 1.0 / 3.0;

/// How to search.
#[derive(Debug, Clone)]
pub struct Options {
    /// Time, with all that earlier runs of the same search took.
    pub budget: Duration,
    /// The share of the training histories that the last rung learns from, above 0, at most 1; by default as much as
    /// the budget allows twenty trials of.
    pub sample: Option<f64>,
    /// Settings to search in place of the usual ones.
    pub wanted: Vec<Wanted>,
    /// Names of settings that stay as they are.
    pub fixed: Vec<String>,
    /// Where the trials are written.
    pub journal: PathBuf,
    /// Whether to go on with the trials that are there.
    pub resume: bool,
}

/// Who looks on; `()` does so in silence.
pub trait Watch {
    /// The search begins, or goes on after `trials`.
    fn begin(&mut self, _space: &Space, _rungs: &[Rung], _trials: &[Trial]) {}
    /// A trial begins on a rung.
    fn trying(&mut self, _settings: &str, _rung: Rung) {}
    /// Called ten times a second while vectors are trained.
    fn observe(&mut self, _progress: &Progress) -> Control {
        Control::Continue
    }
    /// A trial has ended, and is kept. `best`: whether it is the best of its rung; `left`: what is left of the time.
    fn tried(&mut self, _trial: &Trial, _best: bool, _left: Duration) -> Control {
        Control::Continue
    }
    /// The best and the start are trained once more.
    fn confirm(&mut self) {}
}

impl Watch for () {}

/// A step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rung {
    /// The share of the training histories.
    pub share: f64,
    /// How many that are.
    pub histories: usize,
}

/// The best and the start, trained and asked anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Confirmed {
    /// NDCG@10 of the settings that the search began with, 0 to 1.
    pub start: f64,
    /// NDCG@10 of the best.
    pub best: f64,
    /// Half the 95 % interval of the difference.
    pub interval: f64,
    /// How many questions both were asked.
    pub questions: usize,
    /// Whether the best is better by more than a standard error.
    pub better: bool,
}

/// What a value of a setting came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The setting.
    pub setting: String,
    /// Its value.
    pub value: String,
    /// Trials that had it.
    pub trials: usize,
    /// Their mean NDCG@10.
    pub mean: f64,
    /// The best of them.
    pub best: f64,
}

/// What a search has found.
#[derive(Debug, Clone)]
pub struct Tuned {
    /// The configuration to train with: the best, or the one the search began with.
    pub config: Config,
    /// What was searched.
    pub space: Space,
    /// The ladder.
    pub rungs: Vec<Rung>,
    /// All trials, in their order.
    pub trials: Vec<Trial>,
    /// The comparison at the end; absent if nothing was better than the start to begin with.
    pub confirmed: Option<Confirmed>,
    /// Seconds it took, with those of earlier runs.
    pub seconds: f64,
    /// What was held out.
    pub holdout: Holdout,
}

impl Tuned {
    /// The best trials of the last rung.
    #[must_use]
    pub fn best(&self) -> Vec<&Trial> {
        ranked(&self.trials, self.rungs.len() - 1)
    }

    /// The trials of a rung that could be trained, the best first.
    #[must_use]
    pub fn of_rung(&self, rung: usize) -> Vec<&Trial> {
        ranked(&self.trials, rung)
    }

    /// What each value of each setting came to, over the trials of the first rung.
    ///
    /// Half of the trials are near to the best, so that good values are seen in good company: a hint, no experiment.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let trials = ranked(&self.trials, 0);
        let of = |(at, setting): (usize, &Setting)| {
            let values = setting.values().enumerate().filter_map(|(value, text)| {
                let seen: Vec<f64> =
                    trials.iter().filter(|trial| trial.point[at] == value).filter_map(|trial| trial.ndcg).collect();
                let best = seen.iter().copied().reduce(f64::max)?;
                let mean = seen.iter().sum::<f64>() / seen.len() as f64;
                Some(Effect { setting: setting.name.clone(), value: text, trials: seen.len(), mean, best })
            });
            values.collect::<Vec<_>>()
        };
        self.space.settings().iter().enumerate().flat_map(of).collect()
    }

    /// The configuration as a file for `--config`: without the data, the threads and the seed.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut table: toml::Table = self.config.to_toml().parse().unwrap_or_default();
        for (section, key) in [("data", "files"), ("train", "threads"), ("train", "seed")] {
            if let Some(toml::Value::Table(section)) = table.get_mut(section) {
                section.remove(key);
            }
        }
        toml::to_string(&table).unwrap_or_default()
    }
}

/// Searches settings.
///
/// # Errors
/// What the first trial says of data or settings; [`Error::Setting`] for a budget in which the settings given cannot be
/// trained once; [`Error::Input`] for a journal of another search, or one that is there without `resume`;
/// [`Error::Interrupted`] if the watch stopped it: the journal has every trial that ended.
pub fn tune(histories: &Histories, config: &Config, options: &Options, watch: &mut dyn Watch) -> Result<Tuned> {
    let begun = Instant::now();
    config.train.check()?;
    if options.sample.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
        return Err(Error::setting("sample", options.sample.unwrap_or(0.0), "above 0 %, at most 100 %"));
    }
    if !config.model.outputs_are_tokens() {
        return Err(Error::setting("loss", "hs", "ns: a tree has no output vectors of items to recommend by"));
    }
    let holdout = config.evaluate.holdout.unwrap_or_else(|| Holdout::usual(histories));
    let Split { valid, .. } = Split::new(histories, holdout)?;
    if valid.queries.is_empty() {
        let what = format!("--holdout {holdout} leaves nothing to choose settings by: {} histories", histories.len());
        return Err(Error::data(what, "give more data, or say another holdout"));
    }
    let space = Space::new(config, &options.wanted, &options.fixed)?;
    let identity = format!(
        "{}, sample {:?}, space {}",
        config.identity_of_items(&histories.fingerprint()),
        options.sample,
        serde_json::to_string(space.settings()).unwrap_or_default()
    );
    let trainer = Trainer { histories, valid: &valid, begun, budget: options.budget, spent: Duration::ZERO };
    let (journal, head, trials) = open(&identity, config, options, &trainer, watch)?;
    let spent = head.seconds + trials.iter().map(|trial| trial.seconds).sum::<f64>();
    let trainer = Trainer { begun: Instant::now(), spent: Duration::from_secs_f64(spent), ..trainer };
    let sequences = valid.train.len();
    let rungs: Vec<Rung> = (head.shares.iter())
        .map(|&share| Rung { share, histories: (share * sequences as f64).round() as usize })
        .collect();
    watch.begin(&space, &rungs, &trials);
    let mut search = Search { trainer, space, rungs, trials, journal };
    search.run(config, watch)?;
    search.finish(config, holdout, watch)
}

/// The journal with what is in it; a new one begins with the shares.
fn open(
    identity: &str,
    config: &Config,
    options: &Options,
    trainer: &Trainer<'_>,
    watch: &mut dyn Watch,
) -> Result<(Journal, Head, Vec<Trial>)> {
    let path = &options.journal;
    if path.exists() {
        if options.resume {
            return Journal::go_on(path, identity);
        }
        let advice = "say --resume to go on with it, or delete it to search from the start";
        return Err(Error::input(path.as_path(), "there is a search already", advice));
    }
    let sample = match options.sample {
        Some(share) => share,
        None => trainer.sample(config, watch)?,
    };
    let shares = rungs(sample, trainer.valid.train.len(), LEAST_HISTORIES);
    let head = Head { search: identity.to_owned(), shares, seconds: trainer.begun.elapsed().as_secs_f64() };
    Ok((Journal::begin(path, &head)?, head, Vec::new()))
}

/// Trains on shares of the data while there is time.
struct Trainer<'a> {
    histories: &'a Histories,
    valid: &'a Fold,
    begun: Instant,
    budget: Duration,
    /// What was spent before `begun`.
    spent: Duration,
}

/// How an attempt ended.
enum Ended {
    /// With a figure, or with the reason why there is none.
    Well(Result<Attempt, String>),
    /// There was no time for it.
    Late,
}

impl Trainer<'_> {
    fn elapsed(&self) -> Duration {
        self.spent + self.begun.elapsed()
    }

    /// Trains on a share; `until`: when it is too late.
    fn attempt(
        &self,
        config: &Config,
        share: f64,
        questions: usize,
        until: Option<Duration>,
        watch: &mut dyn Watch,
    ) -> Result<Ended> {
        let fold = self.valid.thinned(share);
        let mut late = false;
        let mut observe = |progress: &Progress| {
            late = until.is_some_and(|until| self.elapsed() >= until);
            if late { Control::Stop } else { watch.observe(progress) }
        };
        match attempt(self.histories, config, &fold, QUESTIONS, questions, &mut observe) {
            Ok(attempt) => Ok(Ended::Well(Ok(attempt))),
            Err(Error::Interrupted { .. }) if late => Ok(Ended::Late),
            // Divergence, or no item frequent enough on this share.
            Err(error @ Error::Data { .. }) => Ok(Ended::Well(Err(error.to_string()))),
            Err(other) => Err(other),
        }
    }

    /// The share of which the budget allows enough trials.
    fn sample(&self, config: &Config, watch: &mut dyn Watch) -> Result<f64> {
        let histories = self.valid.train.len();
        let least = LEAST_HISTORIES as f64 / histories.max(1) as f64;
        if least >= 1.0 {
            return Ok(1.0);
        }
        let begun = self.begun.elapsed();
        watch.trying("", Rung { share: least, histories: LEAST_HISTORIES });
        match self.attempt(config, least, QUESTIONS, Some(self.budget), watch)? {
            Ended::Late => Err(self.too_short()),
            Ended::Well(_) => {
                let seconds = (self.begun.elapsed() - begun).as_secs_f64();
                let affordable = self.budget.as_secs_f64() / TRIALS / seconds.max(1e-3) * least;
                Ok(affordable.clamp(least, 1.0))
            }
        }
    }

    fn too_short(&self) -> Error {
        let enough = "time to train once at least; or a smaller --sample, or --epochs and --dim that train faster";
        Error::setting("budget", format!("{} s", self.budget.as_secs_f32()), enough)
    }
}

struct Search<'a> {
    trainer: Trainer<'a>,
    space: Space,
    rungs: Vec<Rung>,
    trials: Vec<Trial>,
    journal: Journal,
}

impl Search<'_> {
    fn top(&self) -> usize {
        self.rungs.len() - 1
    }

    /// Tries settings until the time is over that is not needed for the comparison at the end.
    fn run(&mut self, config: &Config, watch: &mut dyn Watch) -> Result<()> {
        let budget = self.trainer.budget;
        loop {
            let until = budget.saturating_sub(self.comparison());
            let left = until.saturating_sub(self.trainer.elapsed());
            let closing = left.as_secs_f64() < CLOSING * budget.as_secs_f64();
            if left.is_zero() && !self.trials.is_empty() {
                return Ok(());
            }
            let seed = config.train.seed;
            let Some(next) = next(&self.trials, &self.space, self.rungs.len(), seed, closing) else { return Ok(()) };
            let Some(trial) = self.attempt(next, until, watch)? else {
                return if self.trials.is_empty() { Err(self.trainer.too_short()) } else { Ok(()) };
            };
            self.journal.add(&trial)?;
            let others = ranked(&self.trials, trial.rung);
            let best = trial.ndcg.is_some() && others.first().is_none_or(|other| trial.ndcg > other.ndcg);
            self.trials.push(trial);
            let left = budget.saturating_sub(self.trainer.elapsed());
            if watch.tried(&self.trials[self.trials.len() - 1], best, left) == Control::Stop {
                return Err(Error::Interrupted { checkpoint: None });
            }
        }
    }

    /// Tries one setting; nothing if there is no time for it.
    fn attempt(&self, next: Next, until: Duration, watch: &mut dyn Watch) -> Result<Option<Trial>> {
        let begun = Instant::now();
        let Next { point, rung, origin } = next;
        let config = self.space.config(&point)?;
        let settings = self.space.describe(&point);
        watch.trying(&settings, self.rungs[rung]);
        let Ended::Well(ended) =
            self.trainer.attempt(&config, self.rungs[rung].share, QUESTIONS, Some(until), watch)?
        else {
            return Ok(None);
        };
        let (ndcg, note) = match ended {
            Ok(attempt) => (Some(attempt.ndcg()), attempt.recipe.to_string()),
            // Nothing can be said about the others if not even the start can be trained.
            Err(error) if origin == Origin::Start => {
                return Err(Error::data(error, "a larger --sample, or other settings to begin with"));
            }
            Err(error) => (None, error),
        };
        Ok(Some(Trial { point, rung, origin, ndcg, seconds: begun.elapsed().as_secs_f64(), settings, note }))
    }

    /// About the time that the comparison at the end will take.
    fn comparison(&self) -> Duration {
        let top = self.top();
        let start = self.trials.iter().find(|trial| trial.origin == Origin::Start);
        let best = ranked(&self.trials, top).into_iter().find(|trial| trial.origin != Origin::Start);
        let seconds = start.map_or(0.0, |trial| trial.seconds) + best.or(start).map_or(0.0, |trial| trial.seconds);
        Duration::from_secs_f64(1.1 * seconds)
    }

    /// Compares the best with the start.
    fn finish(self, config: &Config, holdout: Holdout, watch: &mut dyn Watch) -> Result<Tuned> {
        let best = ranked(&self.trials, self.top()).first().map(|trial| trial.point.clone());
        let mut confirmed = None;
        let mut chosen = config.clone();
        if let Some(best) = best.filter(|best| *best != self.space.start()) {
            watch.confirm();
            let found = self.space.config(&best)?;
            let (before, after) = (self.anew(config, watch)?, self.anew(&found, watch)?);
            let comparison = compare(&before, &after);
            if comparison.better {
                chosen = found;
            }
            confirmed = Some(comparison);
        }
        Ok(Tuned {
            config: chosen,
            rungs: self.rungs,
            seconds: self.trainer.elapsed().as_secs_f64(),
            trials: self.trials,
            space: self.space,
            confirmed,
            holdout,
        })
    }

    /// Trains with another seed on the whole sample, and asks more questions.
    fn anew(&self, config: &Config, watch: &mut dyn Watch) -> Result<Vec<f64>> {
        let mut config = config.clone();
        config.train.seed = config.train.seed.wrapping_add(1);
        let share = self.rungs[self.top()].share;
        match self.trainer.attempt(&config, share, FINAL_QUESTIONS, None, watch)? {
            Ended::Well(Ok(attempt)) => Ok(attempt.each),
            // What diverges with one seed of two is worth nothing.
            Ended::Well(Err(_)) | Ended::Late => Ok(Vec::new()),
        }
    }
}

/// The best against the start, question by question; either has no figure if it could not be trained.
fn compare(start: &[f64], best: &[f64]) -> Confirmed {
    let mean = |each: &[f64]| each.iter().sum::<f64>() / each.len().max(1) as f64;
    let both = !start.is_empty() && start.len() == best.len();
    let (by, error) = if both { difference(best, start) } else { (0.0, 0.0) };
    Confirmed {
        start: mean(start),
        best: mean(best),
        interval: 1.96 * error,
        questions: start.len(),
        better: by > error,
    }
}

#[cfg(test)]
mod tests;
