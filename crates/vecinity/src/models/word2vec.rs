//! word2vec: skip-gram and CBOW, with negative sampling or hierarchical softmax.
//!
//! Mikolov et al. 2013 (arXiv:1301.3781, arXiv:1310.4546). As in word2vec.c the *context* words are
//! the inputs and the *centre* is the target, so that all inputs of a window share their target: one
//! training block. What is minimised for one (input, target) pair with `k` noise tokens is
//! `-ln sigmoid(o_target . x) - sum_k ln sigmoid(-o_noise . x)`.
//!
//! **Sharing of noise** ([`Sharing`]) decides the speed. In the form `tile`, eight neighbouring
//! tokens share `N` noise tokens; an input that occurs in `m` windows meets each with the weight
//! `m k / N`, so that the expected gradient is that of word2vec.c. A noise token that is the target of
//! one of these windows leaves that window's share out, as word2vec.c skips it there.

use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::train::{Huffman, Model, Noise, Step};
use crate::vocab::Vocab;
use vecinity_kernel::{Labels, Rows, SharedRows, Window};

/// Neighbouring tokens that share their noise.
const TILE: usize = 32;
/// The longest window.
const LONGEST_WINDOW: usize = 1000;

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
    /// The inputs of a window.
    Window,
    /// The windows of eight neighbouring tokens: the fastest.
    #[default]
    Tile,
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

/// Settings of word2vec.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Skip-gram or CBOW.
    pub model: Architecture,
    /// Negative sampling or hierarchical softmax.
    pub loss: Objective,
    /// Tokens on either side that count as context, 1 to 1000.
    pub window: usize,
    /// Draw each window's size uniformly from 1 to `window` (nearer tokens weigh more), or keep it fixed.
    pub shrink_windows: bool,
    /// Noise tokens for each pair, 1 to 1000 (negative sampling).
    pub negatives: usize,
    /// Noise tokens are drawn with probability `count^noise_exponent`.
    pub noise_exponent: f64,
    /// Which inputs meet the same noise tokens.
    pub noise_sharing: Sharing,
    /// What a context word of CBOW receives.
    pub cbow_gradient: CbowGradient,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: Architecture::default(),
            loss: Objective::default(),
            window: 5,
            shrink_windows: true,
            negatives: 5,
            noise_exponent: 0.75,
            noise_sharing: Sharing::default(),
            cbow_gradient: CbowGradient::default(),
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
}

/// Noise tokens that a tile shares where each pair is to have `negatives`.
fn shared_noise(_n: usize) -> usize {
    static N: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *N.get_or_init(|| std::env::var("VN").unwrap_or("8".into()).parse().unwrap())
}
fn tile_() -> usize {
    static N: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *N.get_or_init(|| std::env::var("VT").unwrap_or("8".into()).parse().unwrap())
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
        Ok(Self { config: config.clone(), candidates })
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// How far the window of each position reaches to either side.
    reach: Vec<usize>,
    /// In how many windows each position is a context.
    windows: Vec<f32>,
    context: Vec<u32>,
    spans: Vec<Window>,
    candidates: Vec<u32>,
    noise: Vec<u32>,
    next_noise: Vec<u32>,
    weights: Vec<f32>,
    /// Means of contexts and their gradients, for CBOW.
    pool: Option<Pool>,
}

#[derive(Debug)]
struct Pool {
    means: SharedRows,
    gradients: SharedRows,
}

/// The rows of a [`Pool`].
const POOL_ROWS: [u32; TILE] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
    31,
];

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

    /// Counts in how many windows each position is a context: +1 where a window begins, -1 behind its end.
    fn count_windows(&mut self, len: usize) {
        self.windows.clear();
        self.windows.resize(len + 1, 0.0);
        for (at, &reach) in self.reach.iter().enumerate() {
            self.windows[at.saturating_sub(reach)] += 1.0;
            self.windows[(at + reach + 1).min(len)] -= 1.0;
        }
        let mut open = 0.0;
        for windows in &mut self.windows[..len] {
            open += *windows;
            // A position is no context of its own window.
            *windows = open - 1.0;
        }
    }

    /// The context of position `at`; empty only in sequences of one token.
    #[inline]
    fn context_of(&mut self, sequence: &[u32], at: usize) {
        let (from, to) = (at.saturating_sub(self.reach[at]), (at + self.reach[at] + 1).min(sequence.len()));
        self.context.clear();
        self.context.extend_from_slice(&sequence[from..at]);
        self.context.extend_from_slice(&sequence[at + 1..to]);
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
        scratch.draw_windows(sequence.len(), &self.config, &mut step.rng);
        match (self.config.model, &self.candidates, self.config.noise_sharing) {
            (Architecture::SkipGram, Candidates::Noise(noise), Sharing::Tile) => {
                self.skip_gram_tiles(noise, sequence, step, scratch);
            }
            (Architecture::SkipGram, Candidates::Noise(noise), Sharing::Window) => {
                self.skip_gram_windows(noise, sequence, step, scratch);
            }
            (Architecture::SkipGram, Candidates::Noise(noise), Sharing::Pair) => {
                self.skip_gram_pairs(noise, sequence, step, scratch);
            }
            (Architecture::SkipGram, Candidates::Tree(tree), _) => skip_gram_tree(tree, sequence, step, scratch),
            (Architecture::Cbow, candidates, sharing) => self.cbow(candidates, sharing, sequence, step, scratch),
        }
    }
}

impl Word2vec {
    /// Brings rows that will be needed soon into the cache.
    #[inline]
    fn prefetch(&self, sequence: &[u32], at: usize, step: &Step<'_>) {
        if let Some(&entering) = sequence.get(at + self.config.window + 1) {
            step.input.prefetch(entering);
        }
        if let Some(&centre) = sequence.get(at + 2) {
            step.output.prefetch(centre);
        }
    }

    /// Draws shared noise and brings its rows into the cache.
    fn draw_shared(&self, noise: &Noise, step: &mut Step<'_>, to: &mut Vec<u32>) {
        to.clear();
        for _ in 0..shared_noise(self.config.negatives) {
            let token = noise.draw(&mut step.rng);
            step.output.prefetch(token);
            to.push(token);
        }
    }

    fn skip_gram_tiles(&self, noise: &Noise, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        let len = sequence.len();
        scratch.count_windows(len);
        let share = self.config.negatives as f32 / shared_noise(self.config.negatives) as f32;
        self.draw_shared(noise, step, &mut scratch.next_noise);
        for start in (0..len).step_by(tile_()) {
            let end = (start + tile_()).min(len);
            std::mem::swap(&mut scratch.noise, &mut scratch.next_noise);
            if end < len {
                self.draw_shared(noise, step, &mut scratch.next_noise);
            }
            let watch = step.loss.is_due();
            let from = start.saturating_sub(self.config.window);
            let around = &sequence[from..(end + self.config.window).min(len)];
            scratch.spans.clear();
            for at in start..end {
                self.prefetch(sequence, at + tile_() - 2, step);
                let reach = scratch.reach[at];
                scratch.spans.push(Window {
                    from: (at.saturating_sub(reach) - from) as u32,
                    to: ((at + reach + 1).min(len) - from) as u32,
                    except: (at - from) as u32,
                });
            }
            let mut bound =
                step.block.bind(Rows::new(step.input, around), Rows::new(step.output, &sequence[start..end]));
            bound.pull_windows(&scratch.spans, step.rate);
            if watch {
                step.loss.add_windows(&bound, &scratch.spans, step.rate);
            }
            scratch.weights.clear();
            scratch.weights.extend(scratch.windows[start..end].iter().map(|m| m * share));
            let inputs = Rows::new(step.input, &sequence[start..end]);
            let mut bound = step.block.bind(inputs, Rows::new(step.output, &scratch.noise));
            bound.score(Labels::All(0.0), step.rate, Some(&scratch.weights));
            if watch {
                let weights = &scratch.weights;
                step.loss.add(&bound, end - start, scratch.noise.len(), step.rate, |i| weights[i], 0.0);
            }
            for (j, &token) in scratch.noise.iter().enumerate() {
                // Without short circuit: this compiles to vector compares.
                if around.iter().fold(false, |hit, &near| hit | (near == token)) {
                    for i in start..end {
                        let hits = (from..from + around.len())
                            .filter(|&at| sequence[at] == token && at != i && at.abs_diff(i) <= scratch.reach[at]);
                        bound.scale(i - start, j, 1.0 - hits.count() as f32 / scratch.windows[i].max(1.0));
                    }
                }
            }
            bound.update();
        }
    }

    fn skip_gram_windows(&self, noise: &Noise, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        self.draw_shared(noise, step, &mut scratch.next_noise);
        for (at, &centre) in sequence.iter().enumerate() {
            self.prefetch(sequence, at, step);
            scratch.context_of(sequence, at);
            scratch.candidates.clear();
            scratch.candidates.push(centre);
            scratch.candidates.extend(scratch.next_noise.iter().filter(|&&token| token != centre));
            self.draw_shared(noise, step, &mut scratch.next_noise);
            let (m, n) = (scratch.context.len(), scratch.candidates.len());
            let inputs = Rows::new(step.input, &scratch.context);
            let mut bound = step.block.bind(inputs, Rows::new(step.output, &scratch.candidates));
            bound.score(Labels::FirstThenNoise(5.0 / shared_noise(5) as f32), step.rate, None);
            if step.loss.is_due() {
                step.loss.add(&bound, m, n, step.rate, |_| 1.0, m as f64);
            }
            bound.update();
        }
    }

    fn skip_gram_pairs(&self, noise: &Noise, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
        for (at, &centre) in sequence.iter().enumerate() {
            scratch.context_of(sequence, at);
            for i in 0..scratch.context.len() {
                self.candidates(noise, centre, step, &mut scratch.candidates);
                let inputs = Rows::new(step.input, &scratch.context[i..=i]);
                let mut bound = step.block.bind(inputs, Rows::new(step.output, &scratch.candidates));
                bound.score(Labels::FirstIsTrue, step.rate, None);
                if step.loss.is_due() {
                    step.loss.add(&bound, 1, scratch.candidates.len(), step.rate, |_| 1.0, 1.0);
                }
                bound.update();
            }
        }
    }

    /// The centre and `negatives` noise tokens; one that is the centre is left out, as word2vec.c does.
    #[inline]
    fn candidates(&self, noise: &Noise, centre: u32, step: &mut Step<'_>, to: &mut Vec<u32>) {
        to.clear();
        to.push(centre);
        for _ in 0..shared_noise(5) {
            let token = noise.draw(&mut step.rng);
            if token != centre {
                to.push(token);
            }
        }
    }

    /// CBOW: the centres of a tile are predicted from the means of their contexts, which are then
    /// given the gradients. Without sharing, and with a tree, a tile is one centre.
    fn cbow(
        &self,
        candidates: &Candidates,
        sharing: Sharing,
        sequence: &[u32],
        step: &mut Step<'_>,
        scratch: &mut Scratch,
    ) {
        let shared = matches!(candidates, Candidates::Noise(_)) && sharing == Sharing::Tile;
        let tile = if shared { tile_() } else { 1 };
        let mut pool = scratch.pool.take().filter(|p| p.means.dim() == step.input.dim());
        if pool.is_none() {
            let table = || SharedRows::zeroed(TILE, step.input.dim());
            pool = table().and_then(|means| Ok(Pool { means, gradients: table()? })).ok();
        }
        // Eight rows: where even these cannot be had, nothing can be.
        let Some(pool) = pool else { return };
        for start in (0..sequence.len()).step_by(tile) {
            let end = (start + tile).min(sequence.len());
            if let (Candidates::Noise(noise), true) = (candidates, shared) {
                self.draw_shared(noise, step, &mut scratch.noise);
            }
            for at in start..end {
                self.prefetch(sequence, at, step);
                scratch.context_of(sequence, at);
                pool.means.set_to_mean((at - start) as u32, Rows::new(step.input, &scratch.context));
                pool.gradients.clear((at - start) as u32);
            }
            let watch = step.loss.is_due();
            match candidates {
                Candidates::Noise(noise) if !shared => {
                    self.candidates(noise, sequence[start], step, &mut scratch.candidates);
                    let outputs = Rows::new(step.output, &scratch.candidates);
                    pooled(step, &pool, 1, outputs, Labels::FirstIsTrue, watch);
                }
                Candidates::Noise(_) => self.cbow_tile(sequence, start, end, step, scratch, &pool, watch),
                Candidates::Tree(tree) => {
                    let (nodes, labels) = tree.path(sequence[start]);
                    pooled(step, &pool, 1, Rows::new(step.output, nodes), Labels::Each(labels), watch);
                }
            }
            for at in start..end {
                scratch.context_of(sequence, at);
                let factor = match self.config.cbow_gradient {
                    CbowGradient::Undivided => 1.0,
                    CbowGradient::True => 1.0 / scratch.context.len() as f32,
                };
                pool.gradients.add_row_to((at - start) as u32, factor, Rows::new(step.input, &scratch.context));
            }
        }
        scratch.pool = Some(pool);
    }

    /// The blocks of a CBOW tile: each mean with its own centre, all means with the shared noise.
    #[expect(clippy::too_many_arguments, reason = "one tile's whole state")]
    fn cbow_tile(
        &self,
        sequence: &[u32],
        start: usize,
        end: usize,
        step: &mut Step<'_>,
        scratch: &mut Scratch,
        pool: &Pool,
        watch: bool,
    ) {
        let means = &POOL_ROWS[..end - start];
        for (row, at) in means.iter().zip(start..end) {
            let (values, sinks) = (
                Rows::new(&pool.means, std::slice::from_ref(row)),
                Rows::new(&pool.gradients, std::slice::from_ref(row)),
            );
            let mut bound = step.block.bind_pooled(values, sinks, Rows::new(step.output, &sequence[at..=at]));
            bound.score(Labels::All(1.0), step.rate, None);
            if watch {
                step.loss.add(&bound, 1, 1, step.rate, |_| 1.0, 1.0);
            }
            bound.update();
        }
        let share = self.config.negatives as f32 / scratch.noise.len() as f32;
        scratch.weights.clear();
        scratch.weights.resize(end - start, share);
        let (values, sinks) = (Rows::new(&pool.means, means), Rows::new(&pool.gradients, means));
        let mut bound = step.block.bind_pooled(values, sinks, Rows::new(step.output, &scratch.noise));
        bound.score(Labels::All(0.0), step.rate, Some(&scratch.weights));
        if watch {
            step.loss.add(&bound, end - start, scratch.noise.len(), step.rate, |_| share, 0.0);
        }
        for (j, token) in scratch.noise.iter().enumerate() {
            for (i, centre) in sequence[start..end].iter().enumerate() {
                if token == centre {
                    bound.scale(i, j, 0.0);
                }
            }
        }
        bound.update();
    }
}

/// One block with the first `m` means of a pool as inputs.
fn pooled(step: &mut Step<'_>, pool: &Pool, m: usize, outputs: Rows<'_>, labels: Labels<'_>, watch: bool) {
    let (values, sinks) = (Rows::new(&pool.means, &POOL_ROWS[..m]), Rows::new(&pool.gradients, &POOL_ROWS[..m]));
    let mut bound = step.block.bind_pooled(values, sinks, outputs);
    bound.score(labels, step.rate, None);
    if watch {
        step.loss.add(&bound, m, outputs.ids.len(), step.rate, |_| 1.0, m as f64);
    }
    bound.update();
}

/// Hierarchical softmax: the path of the centre is shared by its whole window by nature.
fn skip_gram_tree(tree: &Huffman, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Scratch) {
    for (at, &centre) in sequence.iter().enumerate() {
        if let Some(&next) = sequence.get(at + 1) {
            // The upper part of the tree is always in the cache.
            for &node in tree.path(next).0.iter().skip(4) {
                step.output.prefetch(node);
            }
        }
        scratch.context_of(sequence, at);
        let (nodes, labels) = tree.path(centre);
        let (m, n) = (scratch.context.len(), nodes.len());
        let inputs = Rows::new(step.input, &scratch.context);
        let mut bound = step.block.bind(inputs, Rows::new(step.output, nodes));
        bound.score(Labels::Each(labels), step.rate, None);
        if step.loss.is_due() {
            step.loss.add(&bound, m, n, step.rate, |_| 1.0, m as f64);
        }
        bound.update();
    }
}
