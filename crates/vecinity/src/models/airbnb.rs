//! Listing embeddings: skip-gram of click sessions with the booked listing as global context, market negatives and rejections.
//!
//! Grbovic & Cheng, KDD 2018, equations 4 and 5. To the loss of skip-gram, which is trained as it is, come for every click
//! `l` of a session, with the weight `w` of a goal (1 in the paper),
//!
//! ```text
//! - w ln sigmoid(o_b . x_l)                   the listing b that the session ended in, if it did: however far away it is
//! - sum over m  ln sigmoid(-o_m . x_l)        listings drawn from l's own market
//! - sum over r  ln sigmoid(-o_r . x_l)        listings whose hosts rejected the guest
//! ```
//!
//! The window makes a model that knows markets; markets alone make most of the random negatives trivial. Negatives of the
//! same market are what makes it learn the differences inside. Both are one more block for up to eight clicks at a time:
//! clicks against the booked listing, the rejected ones and the market negatives, which the clicks of a tile share.
//! A negative of another market than the click's is taken out of the block.

use super::Apart;
use super::word2vec::{self, Word2vec};
use crate::corpus::Corpus;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::train::{Model, Step};
use vecinity_kernel::{Labels, Rows};

/// Clicks of a tile.
const TILE: usize = 8;
/// Stands for no market.
const NONE: u32 = u32::MAX;

/// Settings of the listing model.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Learn the goal of a session (the booked listing) at each of its clicks.
    pub global_context: bool,
    /// How much a goal weighs beside a click, above 0 to 100.
    ///
    /// 1 in the paper, and where an earlier build did not write it. More makes better lists of what will be booked, and neighbours a
    /// little less alike (`docs/stays.md`).
    #[serde(default = "one")]
    pub goal_weight: f32,
    /// Negatives drawn from the market of a click, 0 (none) to 100.
    pub local_negatives: usize,
    /// Learn rejected listings as negatives of the clicks of their session.
    pub reject: bool,
    /// For how many negatives a rejection stands, above 0 to 100.
    #[serde(skip_serializing_if = "is_one")]
    pub reject_weight: f32,
    /// How often sessions with a goal are learned in an epoch, 1 to 100.
    pub oversample: u32,
    /// Skip-gram, to which all that is added.
    pub plain: word2vec::Config,
}

fn one() -> f32 {
    1.0
}

fn is_one(weight: &f32) -> bool {
    *weight == 1.0
}

impl Default for Config {
    fn default() -> Self {
        Self {
            global_context: true,
            goal_weight: 3.0,
            local_negatives: 5,
            reject: true,
            reject_weight: 1.0,
            oversample: 1,
            plain: word2vec::Config::default(),
        }
    }
}

impl Config {
    /// What is added to skip-gram, in words.
    #[must_use]
    pub fn added(&self) -> String {
        let mut parts = Vec::new();
        if self.global_context {
            match self.goal_weight {
                1.0 => parts.push("the goal at every click".to_owned()),
                weight => parts.push(format!("the goal at every click with a weight of {weight}")),
            }
        }
        if self.local_negatives > 0 {
            parts.push(format!("{} negatives of the market", self.local_negatives));
        }
        if self.reject {
            match self.reject_weight {
                1.0 => parts.push("rejections".to_owned()),
                weight => parts.push(format!("rejections that weigh {weight}")),
            }
        }
        if self.oversample > 1 {
            parts.push(format!("sessions with a goal {} times", self.oversample));
        }
        if parts.is_empty() { "nothing added".into() } else { format!("with {}", parts.join(", ")) }
    }
}

/// The model for one corpus.
#[derive(Debug)]
pub struct Airbnb<'c> {
    config: Config,
    plain: Word2vec,
    markets: Option<Markets<'c>>,
}

impl<'c> Airbnb<'c> {
    /// Checks the settings and sorts the tokens by their markets.
    ///
    /// # Errors
    /// [`Error::Setting`]; also if the corpus does not know markets or goals that the settings ask for.
    pub fn new(config: &Config, corpus: &'c Corpus) -> Result<Self> {
        if config.plain.loss == word2vec::Objective::Hs {
            return Err(Error::setting("loss", "hs", "ns: goals and market negatives need output vectors of items"));
        }
        if config.plain.model == word2vec::Architecture::Cbow {
            return Err(Error::setting("model", "cbow", "skipgram: every click alone meets the goal of its session"));
        }
        if config.local_negatives > 100 {
            return Err(Error::setting("local_negatives", config.local_negatives, "0 to 100"));
        }
        for (name, weight) in [("goal_weight", config.goal_weight), ("reject_weight", config.reject_weight)] {
            if !(weight > 0.0 && weight <= 100.0) {
                return Err(Error::setting(name, weight, "above 0, at most 100"));
            }
        }
        if !(1..=100).contains(&config.oversample) {
            return Err(Error::setting("oversample", config.oversample, "1 to 100"));
        }
        if (config.global_context || config.reject) && corpus.outcomes().is_none() {
            return Err(Error::setting("global_context", "true", "sessions whose goals are known"));
        }
        let markets = match corpus.groups() {
            _ if config.local_negatives == 0 => None,
            Some(groups) => Some(Markets::new(groups)),
            None => {
                return Err(Error::setting("local_negatives", config.local_negatives, "items whose markets are known"));
            }
        };
        let plain = Word2vec::new(&config.plain, corpus.vocab())?;
        Ok(Self { config: config.clone(), plain, markets })
    }
}

/// The tokens of each market, one market behind the other.
#[derive(Debug)]
struct Markets<'c> {
    of: &'c [u32],
    tokens: Vec<u32>,
    ends: Vec<usize>,
}

impl<'c> Markets<'c> {
    fn new(of: &'c [u32]) -> Self {
        let markets = of.iter().filter(|&&market| market != NONE).max().map_or(0, |&last| last as usize + 1);
        let mut ends = vec![0usize; markets];
        for &market in of.iter().filter(|&&market| market != NONE) {
            ends[market as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            // First where the market begins; counted up to where it ends below.
            sum += std::mem::replace(end, sum);
        }
        let mut tokens = vec![0; sum];
        for (token, &market) in of.iter().enumerate().filter(|(_, market)| **market != NONE) {
            tokens[ends[market as usize]] = token as u32;
            ends[market as usize] += 1;
        }
        Self { of, tokens, ends }
    }

    /// A token of a market that has some, each with the same chance.
    #[inline]
    fn draw(&self, market: u32, rng: &mut Rng) -> u32 {
        let market = market as usize;
        let start = if market == 0 { 0 } else { self.ends[market - 1] };
        self.tokens[start + rng.below((self.ends[market] - start) as u32) as usize]
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    plain: word2vec::Scratch,
    candidates: Vec<u32>,
    labels: Vec<f32>,
}

impl Model for Airbnb<'_> {
    type Scratch = Scratch;

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        self.train_apart(sequence, sequence, step, scratch);
    }
}

impl Apart for Airbnb<'_> {
    fn train_apart(&self, inputs: &[u32], sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        let times = if step.goal.is_some() { self.config.oversample } else { 1 };
        for _ in 0..times {
            self.plain.train_apart(inputs, sequence, step, &mut scratch.plain);
            for (inputs, clicks) in inputs.chunks(TILE).zip(sequence.chunks(TILE)) {
                self.train_tile(inputs, clicks, step, scratch);
            }
        }
    }
}

impl Airbnb<'_> {
    /// Some clicks of a session against its goal, its rejections and their markets.
    ///
    /// * `inputs`: their rows of the input table.
    fn train_tile(&self, inputs: &[u32], clicks: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        let Scratch { candidates, labels, .. } = scratch;
        candidates.clear();
        candidates.extend(step.goal.filter(|_| self.config.global_context));
        let goals = candidates.len();
        if self.config.reject {
            candidates.extend_from_slice(step.refused);
        }
        let told = candidates.len();
        if let Some(markets) = &self.markets {
            for _ in 0..self.config.local_negatives {
                let market = markets.of[clicks[step.rng.below(clicks.len() as u32) as usize] as usize];
                if market != NONE {
                    let token = markets.draw(market, &mut step.rng);
                    // What is true is no negative.
                    candidates.extend(Some(token).filter(|token| !candidates[..goals].contains(token)));
                }
            }
        }
        if candidates.is_empty() {
            return;
        }
        labels.clear();
        labels.resize(candidates.len(), 0.0);
        labels[..goals].fill(1.0);
        let mut bound = step.block.bind(Rows::new(step.input, inputs), Rows::new(step.output, candidates));
        bound.score(Labels::Each(labels), step.rate, None);
        for (those, weight) in [(0..goals, self.config.goal_weight), (goals..told, self.config.reject_weight)] {
            if weight != 1.0 {
                (0..clicks.len()).for_each(|i| those.clone().for_each(|j| bound.scale(i, j, weight)));
            }
        }
        if let Some(markets) = &self.markets {
            for (i, &click) in clicks.iter().enumerate() {
                for (j, &token) in candidates.iter().enumerate().skip(told) {
                    if markets.of[click as usize] != markets.of[token as usize] {
                        bound.scale(i, j, 0.0);
                    }
                }
            }
        }
        for (i, click) in clicks.iter().enumerate() {
            for (j, token) in candidates.iter().enumerate() {
                if click == token {
                    // A click on the goal itself says nothing about other listings, and no listing is its own negative.
                    bound.scale(i, j, 0.0);
                }
            }
        }
        bound.update();
    }
}

#[cfg(test)]
mod tests;
