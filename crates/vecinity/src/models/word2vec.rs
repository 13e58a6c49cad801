//! word2vec: skip-gram and CBOW, with negative sampling or hierarchical softmax.
//!
//! Mikolov et al. 2013 (arXiv:1301.3781, arXiv:1310.4546). As in word2vec.c the *context* words are
//! the inputs and the *centre* is the target, so that all inputs of a window share their target: one
//! training block. What is minimised for one (input, target) pair with `k` noise tokens is
//! `-ln sigmoid(o_target . x) - sum_k ln sigmoid(-o_noise . x)`.
//!
//! **Sharing of noise** ([`Sharing`]) decides the speed. All inputs of a window may meet the same noise
//! tokens (Ji et al. 2016, arXiv:1604.04661), which measures better than fresh noise for each pair.
//! `wide` goes on: three noise tokens of a window stand for five, each with the weight 5/3, so that the
//! expected gradient stays that of word2vec.c. CBOW has one input a window: nothing to share.

use super::Apart;
use super::youtube::Feature;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::train::{Huffman, Model, Noise, Step};
use crate::vocab::Vocab;
use vecinity_kernel::{Labels, Rows};

/// The longest window.
const LONGEST_WINDOW: usize = 1000;
/// Positions whose noise is drawn at once: in a loop of its own, since draws in between cost twice as much.
const SPAN: usize = 256;
/// Rows are asked for this many positions before they are needed; one is too short for a row from memory.
const AHEAD: usize = 2;

/// Which side of the pair is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// Every context word alone predicts the centre.
    #[default]
    SkipGram,
    /// The mean of the context words predicts the centre.
    Cbow,
}

/// How the softmax is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Negative sampling.
    #[default]
    Ns,
    /// Hierarchical softmax.
    Hs,
}

/// Which inputs meet the same noise tokens (negative sampling only).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// None: fresh noise for every (input, target) pair, as word2vec.c does. The reference.
    Pair,
    /// The inputs of a window: the most accurate.
    Window,
    /// The inputs of a window, with fewer noise tokens of greater weight: the fastest.
    #[default]
    Wide,
}

/// What a context word of CBOW receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CbowGradient {
    /// The whole gradient of the mean, undivided: what word2vec.c and gensim do.
    #[default]
    Undivided,
    /// The gradient divided by the number of context words: the true derivative of the loss.
    True,
}

/// How much each part of an item's vector counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// All the same: GES.
    #[default]
    Equal,
    /// As training finds, for each item on its own: EGES.
    Learned,
}

/// Settings of word2vec.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Skip-gram or CBOW.
    pub model: Architecture,
    /// Negative sampling or hierarchical softmax.
    pub loss: Objective,
    /// Tokens on either side that count as context, 1 to 1000.
    pub window: usize,
    /// Draw each window's size uniformly from 1 to `window` (nearer tokens weigh more), or keep it fixed.
    pub shrink_windows: bool,
    /// Predict a token only from those before it, not from those after it.
    pub directed: bool,
    /// Noise tokens for each pair, 1 to 1000 (negative sampling).
    pub negatives: usize,
    /// Noise tokens are drawn with probability `count^noise_exponent`.
    pub noise_exponent: f64,
    /// Which inputs meet the same noise tokens.
    pub noise_sharing: Sharing,
    /// What a context word of CBOW receives.
    pub cbow_gradient: CbowGradient,
    /// Fields of the items that are parts of their input vectors ([`eges`](super::eges)).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub item_features: Vec<Feature>,
    /// How much each of them counts.
    #[serde(skip_serializing_if = "is_equal")]
    pub item_weights: Weights,
}

fn is_equal(weights: &Weights) -> bool {
    *weights == Weights::Equal
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: Architecture::default(),
            loss: Objective::default(),
            window: 5,
            shrink_windows: true,
            directed: false,
            negatives: 5,
            noise_exponent: 0.75,
            noise_sharing: Sharing::default(),
            cbow_gradient: CbowGradient::default(),
            item_features: Vec::new(),
            item_weights: Weights::default(),
        }
    }
}

/// Where a block's candidates come from.
#[derive(Debug)]
enum Candidates {
    Noise(Noise),
    Tree(Huffman),
}

/// The model for one vocabulary.
#[derive(Debug)]
pub struct Word2vec {
    config: Config,
    candidates: Candidates,
    /// Noise tokens drawn at a time, and for how many each stands.
    drawn: usize,
    weight: f32,
}

impl Word2vec {
    /// Checks the settings and prepares noise or tree.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn new(config: &Config, vocab: &Vocab) -> Result<Self> {
        if !(1..=LONGEST_WINDOW).contains(&config.window) {
            return Err(Error::setting("window", config.window, "1 to 1000, or 'all' for sets"));
        }
        if config.loss == Objective::Ns && !(1..=1000).contains(&config.negatives) {
            return Err(Error::setting("negatives", config.negatives, "1 to 1000 (or --loss hs)"));
        }
        let candidates = match config.loss {
            Objective::Ns => Candidates::Noise(Noise::new(vocab, config.noise_exponent)?),
            Objective::Hs => Candidates::Tree(Huffman::new(vocab)),
        };
        let drawn = match (config.noise_sharing, config.model) {
            (Sharing::Wide, Architecture::SkipGram) => (config.negatives * 3).div_ceil(5),
            _ => config.negatives,
        };
        let weight = config.negatives as f32 / drawn as f32;
        Ok(Self { config: config.clone(), candidates, drawn, weight })
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// How far the window of each position reaches to either side.
    reach: Vec<usize>,
    context: Vec<u32>,
    candidates: Vec<u32>,
    noise: Drawn,
}

/// Noise tokens of a span of positions, the same number for each.
#[derive(Debug, Default)]
struct Drawn {
    tokens: Vec<u32>,
    /// The first position of the span, and tokens for each position.
    start: usize,
    each: usize,
}

impl Drawn {
    /// Draws `number` tokens.
    #[inline]
    fn draw(&mut self, number: usize, noise: &Noise, rng: &mut Rng) {
        self.tokens.clear();
        self.tokens.extend((0..number).map(|_| noise.draw(rng)));
    }

    /// Draws the noise of the next span of a sequence of `len` tokens where one begins at position `at`.
    #[inline]
    fn reach(&mut self, at: usize, len: usize, each: usize, noise: &Noise, rng: &mut Rng) {
        if at.is_multiple_of(SPAN) {
            (self.start, self.each) = (at, each);
            self.draw(each * SPAN.min(len - at), noise, rng);
        }
    }

    /// The noise of position `at`, empty behind the span.
    #[inline]
    fn of(&self, at: usize) -> &[u32] {
        let from = (at - self.start) * self.each;
        self.tokens.get(from..from + self.each).unwrap_or_default()
    }
}

impl Scratch {
    /// Draws the windows of a sequence.
    fn draw_windows(&mut self, len: usize, config: &Config, rng: &mut Rng) {
        self.reach.clear();
        if config.shrink_windows {
            let window = config.window as u32;
            self.reach.extend((0..len).map(|_| rng.below(window) as usize + 1));
        } else {
            self.reach.resize(len, config.window);
        }
    }

    /// Finds the context of position `at`; there is none in a sequence of one token, and none before the
    /// first token if only what comes before counts.
    #[inline]
    fn has_context(&mut self, inputs: &[u32], at: usize, directed: bool) -> bool {
        let (from, to) = (at.saturating_sub(self.reach[at]), (at + self.reach[at] + 1).min(inputs.len()));
        self.context.clear();
        self.context.extend_from_slice(&inputs[from..at]);
        if !directed {
            self.context.extend_from_slice(&inputs[at + 1..to]);
        }
        !self.context.is_empty()
    }
}

impl Model for Word2vec {
    type Scratch = Scratch;

    fn output_rows(&self, tokens: usize) -> usize {
        match &self.candidates {
            Candidates::Noise(_) => tokens,
            Candidates::Tree(tree) => tree.inner(),
        }
    }

    fn outputs_are_tokens(&self) -> bool {
        matches!(self.candidates, Candidates::Noise(_))
    }

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        self.train_apart(sequence, sequence, step, scratch);
    }
}

impl Apart for Word2vec {
    fn train_apart(&self, inputs: &[u32], sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        scratch.draw_windows(sequence.len(), &self.config, &mut step.rng);
        match (self.config.model, &self.candidates) {
            (Architecture::SkipGram, Candidates::Noise(noise)) if self.config.noise_sharing == Sharing::Pair => {
                self.skip_gram_pairs(noise, inputs, sequence, step, scratch);
            }
            (Architecture::SkipGram, Candidates::Noise(noise)) => {
                self.skip_gram_windows(noise, inputs, sequence, step, scratch);
            }
            (Architecture::SkipGram, Candidates::Tree(tree)) => {
                self.skip_gram_tree(tree, inputs, sequence, step, scratch);
            }
            (Architecture::Cbow, candidates) => self.cbow(candidates, inputs, sequence, step, scratch),
        }
    }
}

impl Word2vec {
    /// Names the rows that position `at` will need, and have not been needed before.
    #[inline]
    fn expect(&self, inputs: &[u32], sequence: &[u32], at: usize, noise: &Drawn, step: &mut Step<'_>) {
        if let Some(&entering) = inputs.get(at + self.config.window) {
            step.block.expect(step.input, entering);
        }
        if let Some(&centre) = sequence.get(at) {
            step.block.expect(step.output, centre);
        }
        for &token in noise.of(at) {
            step.block.expect(step.output, token);
        }
    }

    /// As `expect`, where the outputs are nodes of a tree.
    #[inline]
    fn expect_path(&self, tree: &Huffman, inputs: &[u32], sequence: &[u32], at: usize, step: &mut Step<'_>) {
        if let Some(&entering) = inputs.get(at + self.config.window) {
            step.block.expect(step.input, entering);
        }
        if let Some(&next) = sequence.get(at) {
            // The upper part of the tree is always in the cache.
            for &node in tree.path(next).0.iter().skip(6) {
                step.block.expect(step.output, node);
            }
        }
    }

    /// The centre and the noise tokens; one that is the centre is left out, as word2vec.c does.
    #[inline]
    fn candidates(centre: u32, noise: &[u32], to: &mut Vec<u32>) {
        to.clear();
        to.push(centre);
        to.extend(noise.iter().filter(|&&token| token != centre));
    }

    fn skip_gram_windows(
        &self,
        noise: &Noise,
        inputs: &[u32],
        sequence: &[u32],
        step: &mut Step<'_>,
        scratch: &mut Scratch,
    ) {
        for (at, &centre) in sequence.iter().enumerate() {
            scratch.noise.reach(at, sequence.len(), self.drawn, noise, &mut step.rng);
            self.expect(inputs, sequence, at + AHEAD, &scratch.noise, step);
            if !scratch.has_context(inputs, at, self.config.directed) {
                continue;
            }
            Self::candidates(centre, scratch.noise.of(at), &mut scratch.candidates);
            let rows = Rows::new(step.input, &scratch.context);
            let mut bound = step.block.bind(rows, Rows::new(step.output, &scratch.candidates));
            bound.train(Labels::FirstThenNoise(self.weight), step.rate);
            if step.loss.is_due() {
                let (m, n) = (scratch.context.len(), scratch.candidates.len());
                step.loss.add(&bound, m, n, step.rate, |j| if j == 0 { 1.0 } else { self.weight }, m as f64);
            }
        }
    }

    fn skip_gram_pairs(
        &self,
        noise: &Noise,
        inputs: &[u32],
        sequence: &[u32],
        step: &mut Step<'_>,
        scratch: &mut Scratch,
    ) {
        for (at, &centre) in sequence.iter().enumerate() {
            if !scratch.has_context(inputs, at, self.config.directed) {
                continue;
            }
            for i in 0..scratch.context.len() {
                scratch.noise.draw(self.drawn, noise, &mut step.rng);
                Self::candidates(centre, &scratch.noise.tokens, &mut scratch.candidates);
                let rows = Rows::new(step.input, &scratch.context[i..=i]);
                let mut bound = step.block.bind(rows, Rows::new(step.output, &scratch.candidates));
                bound.train(Labels::FirstIsTrue, step.rate);
                if step.loss.is_due() {
                    step.loss.add(&bound, 1, scratch.candidates.len(), step.rate, |_| 1.0, 1.0);
                }
            }
        }
    }

    /// Hierarchical softmax: the path of the centre is shared by its whole window by nature.
    fn skip_gram_tree(
        &self,
        tree: &Huffman,
        inputs: &[u32],
        sequence: &[u32],
        step: &mut Step<'_>,
        scratch: &mut Scratch,
    ) {
        for (at, &centre) in sequence.iter().enumerate() {
            self.expect_path(tree, inputs, sequence, at + AHEAD, step);
            if !scratch.has_context(inputs, at, self.config.directed) {
                continue;
            }
            let (nodes, labels) = tree.path(centre);
            let rows = Rows::new(step.input, &scratch.context);
            let mut bound = step.block.bind(rows, Rows::new(step.output, nodes));
            bound.train(Labels::Each(labels), step.rate);
            if step.loss.is_due() {
                let m = scratch.context.len();
                step.loss.add(&bound, m, nodes.len(), step.rate, |_| 1.0, m as f64);
            }
        }
    }

    /// CBOW: a centre is predicted from the mean of its context, which is then given the gradient.
    fn cbow(
        &self,
        candidates: &Candidates,
        inputs: &[u32],
        sequence: &[u32],
        step: &mut Step<'_>,
        scratch: &mut Scratch,
    ) {
        for (at, &centre) in sequence.iter().enumerate() {
            match candidates {
                Candidates::Noise(noise) => {
                    scratch.noise.reach(at, sequence.len(), self.drawn, noise, &mut step.rng);
                    self.expect(inputs, sequence, at + AHEAD, &scratch.noise, step);
                }
                Candidates::Tree(tree) => self.expect_path(tree, inputs, sequence, at + AHEAD, step),
            }
            if !scratch.has_context(inputs, at, self.config.directed) {
                continue;
            }
            let (rows, labels) = match candidates {
                Candidates::Noise(_) => {
                    Self::candidates(centre, scratch.noise.of(at), &mut scratch.candidates);
                    (&scratch.candidates[..], Labels::FirstIsTrue)
                }
                Candidates::Tree(tree) => {
                    let (nodes, labels) = tree.path(centre);
                    (nodes, Labels::Each(labels))
                }
            };
            let factor = match self.config.cbow_gradient {
                CbowGradient::Undivided => 1.0,
                CbowGradient::True => 1.0 / scratch.context.len() as f32,
            };
            let mut bound = step.block.bind(Rows::new(step.input, &scratch.context), Rows::new(step.output, rows));
            bound.train_pooled(labels, step.rate, factor);
            if step.loss.is_due() {
                step.loss.add(&bound, 1, rows.len(), step.rate, |_| 1.0, 1.0);
            }
        }
    }
}
