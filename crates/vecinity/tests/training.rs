//! Training as a whole: gradients, determinism, resuming, and whether anything is learned.

use std::fmt::Write as _;
use vecinity::Vocab;
use vecinity::corpus::{Corpus, Options, Source, read};
use vecinity::error::Error;
use vecinity::models::{ModelConfig, item2vec, word2vec};
use vecinity::rng::Rng;
use vecinity::train::{Beside, Checkpoint, Control, Loss, Model, Settings, Step, Trained};
use vecinity_kernel::{Block, SharedRows};
use word2vec::{Architecture, CbowGradient, Objective, Sharing};

/// Two topics of 20 words each; a sentence speaks of one topic.
fn two_topics(sentences: usize) -> Corpus {
    let mut rng = Rng::new(9, 9);
    let mut text = String::new();
    for _ in 0..sentences {
        let topic = ["sea", "sky"][rng.below(2) as usize];
        for _ in 0..8 {
            let _ = write!(text, "{topic}{} ", rng.below(20));
        }
        text.push('\n');
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topics.txt");
    std::fs::write(&path, text).unwrap();
    read(&[Source::File(path)], &Options::default()).unwrap()
}

fn settings() -> Settings {
    Settings { dim: 16, epochs: 3, subsample: 0.0, ..Settings::default() }
}

/// Every model there is, by name.
fn models() -> Vec<(String, ModelConfig)> {
    let mut models = vec![("sets".to_owned(), ModelConfig::Item2vec(item2vec::Config::default()))];
    for model in [Architecture::SkipGram, Architecture::Cbow] {
        for (loss, noise_sharing) in [
            (Objective::Ns, Sharing::Pair),
            (Objective::Ns, Sharing::Window),
            (Objective::Ns, Sharing::Wide),
            (Objective::Hs, Sharing::Window),
        ] {
            let config = word2vec::Config { model, loss, noise_sharing, ..word2vec::Config::default() };
            models.push((format!("{model:?} {loss:?} {noise_sharing:?}"), ModelConfig::Word2vec(config)));
        }
    }
    models
}

fn train(model: &ModelConfig, corpus: &Corpus, settings: &Settings) -> Trained {
    model.fit(corpus, settings, None, &mut |_| Control::Continue, &mut |_| Ok(())).unwrap()
}

fn bytes(trained: &Trained) -> Vec<f32> {
    let mut row = vec![0.0; trained.input.dim()];
    let mut all = Vec::new();
    for table in [&trained.input, &trained.output] {
        for r in 0..table.rows() {
            table.read_into(r, &mut row);
            all.extend_from_slice(&row);
        }
    }
    all
}

#[test]
fn every_model_tells_two_topics_apart() {
    let corpus = two_topics(4000);
    for (name, model) in models() {
        let settings = Settings { epochs: 8, learning_rate: 0.05, ..settings() };
        let embeddings = train(&model, &corpus, &settings).into_embeddings(corpus.vocab().clone()).unwrap();
        let unit = |token: &str| {
            let row = embeddings.input().row(embeddings.vocab().get(token).unwrap().row()).to_vec();
            let norm = vecinity_kernel::vector::norm(&row);
            row.into_iter().map(|v| v / norm).collect::<Vec<f32>>()
        };
        let cosine = |a: &str, b: &str| vecinity_kernel::vector::dot(&unit(a), &unit(b));
        let (mut own, mut other) = (0.0, 0.0);
        for i in 0..20 {
            own += cosine(&format!("sea{i}"), &format!("sea{}", (i + 1) % 20)) / 20.0;
            other += cosine(&format!("sea{i}"), &format!("sky{i}")) / 20.0;
        }
        assert!(own > other + 0.4, "{name}: cosine inside a topic {own}, across {other}");
    }
}

#[test]
fn one_thread_and_one_seed_give_the_same_bytes() {
    let corpus = two_topics(6000);
    for (name, model) in models() {
        let (a, b) = (train(&model, &corpus, &settings()), train(&model, &corpus, &settings()));
        assert!(bytes(&a) == bytes(&b), "{name}");
        let other = train(&model, &corpus, &Settings { seed: 2, ..settings() });
        assert!(bytes(&a) != bytes(&other), "{name}: the seed must matter");
    }
}

#[test]
fn a_run_that_was_stopped_and_resumed_gives_the_same_bytes() {
    let corpus = two_topics(12_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.checkpoint");
    for (name, model) in models() {
        let whole = train(&model, &corpus, &settings());
        let mut stops = 0;
        let mut from = None;
        let resumed = loop {
            // Stop at the first look of the first two runs.
            let stop = stops < 2;
            let mut observe = |_: &_| if stop { Control::Stop } else { Control::Continue };
            let mut save = |state: &Checkpoint| state.save(&path, "run", &Beside::default());
            match model.fit(&corpus, &settings(), from.take(), &mut observe, &mut save) {
                Ok(trained) => break trained,
                Err(Error::Interrupted { .. }) => from = Some(Checkpoint::load(&path, "run").unwrap().checkpoint),
                Err(other) => panic!("{name}: {other}"),
            }
            stops += 1;
        };
        assert!(stops > 0, "{name}: the run ended before it could be stopped");
        assert!(bytes(&whole) == bytes(&resumed), "{name} after {stops} stops");
    }
}

#[test]
fn a_checkpoint_of_another_run_or_with_changed_bytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.checkpoint");
    let table = || SharedRows::zeroed(3, 4).unwrap();
    Checkpoint { next_chunk: 7, input: table(), output: table(), more: vec![table(), table()] }
        .save(&path, "mine", &Beside { note: "n", kept: &[&table()] })
        .unwrap();
    let resumed = Checkpoint::load(&path, "mine").unwrap();
    let found =
        (resumed.checkpoint.next_chunk, resumed.note.as_str(), resumed.kept.len(), resumed.checkpoint.more.len());
    assert_eq!(found, (7, "n", 1, 2));
    let error = Checkpoint::load(&path, "yours").unwrap_err();
    assert!(error.to_string().contains("belongs to another run"), "{error}");
    let tables = path.join("tables.safetensors");
    let mut bytes = std::fs::read(&tables).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&tables, bytes).unwrap();
    let error = Checkpoint::load(&path, "mine").unwrap_err();
    assert!(error.to_string().contains("checksum of the tables is wrong"), "{error}");
    assert_eq!(error.exit_code(), 3);
}

/// Threads share the chunks of an epoch; this corpus has one.
#[test]
fn a_small_corpus_gives_the_same_bytes_on_any_number_of_threads() {
    let corpus = two_topics(100);
    for (name, model) in models() {
        let [one, eight] = [1, 8].map(|threads| bytes(&train(&model, &corpus, &Settings { threads, ..settings() })));
        assert!(one == eight, "{name}");
    }
}

#[test]
fn two_threads_learn_what_one_learns() {
    let corpus = two_topics(8000);
    let model = ModelConfig::Word2vec(word2vec::Config::default());
    let mut losses = Vec::new();
    for threads in [1, 2] {
        let mut last = None;
        let settings = Settings { threads, epochs: 40, ..settings() };
        let mut observe = |p: &vecinity::train::Progress| {
            last = p.loss.or(last);
            Control::Continue
        };
        model.fit(&corpus, &settings, None, &mut observe, &mut |_| Ok(())).unwrap();
        losses.push(last.expect("a run this long samples the loss"));
    }
    assert!((losses[0] - losses[1]).abs() < 0.15, "{losses:?}");
}

/// Tables with small values, and a model's step over one sequence from them.
struct Probe {
    input: SharedRows,
    output: SharedRows,
}

impl Probe {
    const TOKENS: usize = 12;
    const DIM: usize = 6;

    fn new(output_rows: usize) -> Self {
        let mut rng = Rng::new(4, 4);
        let mut table = |rows: usize| {
            let mut table = SharedRows::zeroed(rows, Self::DIM).unwrap();
            for row in 0..rows {
                for v in table.row_mut(row) {
                    *v = rng.f32() - 0.5;
                }
            }
            table
        };
        Self { input: table(Self::TOKENS), output: table(output_rows) }
    }

    fn values(&self) -> Vec<f64> {
        let mut row = vec![0.0; Self::DIM];
        let mut all = Vec::new();
        for table in [&self.input, &self.output] {
            for r in 0..table.rows() {
                table.read_into(r, &mut row);
                all.extend(row.iter().map(|&v| f64::from(v)));
            }
        }
        all
    }

    fn train<M: Model>(&self, model: &M, sequence: &[u32], rate: f32, seed: u64) {
        let mut step = Step {
            input: (&self.input).into(),
            output: (&self.output).into(),
            more: &[],
            block: Block::new(),
            rng: Rng::new(seed, 0),
            rate,
            loss: Loss::default(),
            goal: None,
            refused: &[],
        };
        model.train(sequence, &mut step, &mut M::Scratch::default());
    }
}

fn vocab() -> Vocab {
    Vocab::from_counts((0..Probe::TOKENS).map(|i| (format!("t{i}"), 100 - i as u64))).unwrap()
}

fn ln_sigmoid(x: f64) -> f64 {
    -(-x).exp().ln_1p()
}

/// The log likelihood of CBOW with hierarchical softmax over a sequence: no noise, hence no chance in it.
fn cbow_tree_likelihood(values: &[f64], sequence: &[u32], window: usize) -> f64 {
    let dim = Probe::DIM;
    let tree = vecinity::train::Huffman::new(&vocab());
    let row = |r: usize| &values[r * dim..][..dim];
    let mut sum = 0.0;
    for (at, &centre) in sequence.iter().enumerate() {
        let context: Vec<usize> = (at.saturating_sub(window)..(at + window + 1).min(sequence.len()))
            .filter(|&i| i != at)
            .map(|i| sequence[i] as usize)
            .collect();
        let mean: Vec<f64> =
            (0..dim).map(|k| context.iter().map(|&c| row(c)[k]).sum::<f64>() / context.len() as f64).collect();
        let (nodes, labels) = tree.path(centre);
        for (&node, &label) in nodes.iter().zip(labels) {
            let score: f64 = mean.iter().zip(row(Probe::TOKENS + node as usize)).map(|(a, b)| a * b).sum();
            sum += ln_sigmoid(if label > 0.5 { score } else { -score });
        }
    }
    sum
}

#[test]
fn the_true_cbow_gradient_is_the_derivative_of_the_likelihood() {
    let config = word2vec::Config {
        model: Architecture::Cbow,
        loss: Objective::Hs,
        window: 2,
        shrink_windows: false,
        cbow_gradient: CbowGradient::True,
        ..word2vec::Config::default()
    };
    let sequence = [3, 1, 7, 3, 0, 11, 5];
    let rate = 1e-3f32;
    let model = word2vec::Word2vec::new(&config, &vocab()).unwrap();
    let probe = Probe::new(Probe::TOKENS - 1);
    let before = probe.values();
    probe.train(&model, &sequence, rate, 1);
    let after = probe.values();
    let mut largest = 0.0f64;
    for k in 0..before.len() {
        let (mut up, mut down) = (before.clone(), before.clone());
        up[k] += 1e-5;
        down[k] -= 1e-5;
        let slope = (cbow_tree_likelihood(&up, &sequence, 2) - cbow_tree_likelihood(&down, &sequence, 2)) / 2e-5;
        let step = (after[k] - before[k]) / f64::from(rate);
        // Steps within a sequence follow each other, so agreement is to first order in the rate.
        assert!((step - slope).abs() < 2e-2, "value {k}: step {step}, slope {slope}");
        largest = largest.max(slope.abs());
    }
    assert!(largest > 0.3, "the test must see real slopes");
}

#[test]
fn the_undivided_cbow_gradient_is_the_true_one_times_the_context_size() {
    let sequence = [3, 1, 7, 9, 0];
    let steps: Vec<Vec<f64>> = [CbowGradient::True, CbowGradient::Undivided]
        .into_iter()
        .map(|cbow_gradient| {
            let config = word2vec::Config {
                model: Architecture::Cbow,
                loss: Objective::Hs,
                window: 4,
                shrink_windows: false,
                cbow_gradient,
                ..word2vec::Config::default()
            };
            let model = word2vec::Word2vec::new(&config, &vocab()).unwrap();
            let probe = Probe::new(Probe::TOKENS - 1);
            let before = probe.values();
            probe.train(&model, &sequence, 1e-4, 1);
            probe.values().iter().zip(&before).map(|(a, b)| (a - b) / 1e-4).collect()
        })
        .collect();
    // Every centre has all four others as its context.
    let inputs = Probe::TOKENS * Probe::DIM;
    for (divided, undivided) in steps[0].iter().zip(&steps[1]).take(inputs) {
        assert!((4.0 * divided - undivided).abs() < 2e-2, "{divided} and {undivided}");
    }
}

/// The mean step of a model over many draws of noise and windows.
fn mean_step(sharing: Sharing, model: Architecture, draws: u64) -> Vec<f64> {
    let config = word2vec::Config { model, noise_sharing: sharing, window: 3, ..word2vec::Config::default() };
    let model = word2vec::Word2vec::new(&config, &vocab()).unwrap();
    let sequence = [3, 1, 7, 3, 0, 11, 5, 2, 2, 8, 10, 4, 6, 9, 1];
    let mut sum = Vec::new();
    for seed in 0..draws {
        let probe = Probe::new(Probe::TOKENS);
        let before = probe.values();
        probe.train(&model, &sequence, 1e-3, seed);
        let step = probe.values().into_iter().zip(before).map(|(a, b)| (a - b) / 1e-3 / draws as f64);
        if sum.is_empty() {
            sum = step.collect();
        } else {
            sum.iter_mut().zip(step).for_each(|(s, x): (&mut f64, f64)| *s += x);
        }
    }
    sum
}

#[test]
fn shared_noise_has_the_expected_gradient_of_fresh_noise() {
    for model in [Architecture::SkipGram, Architecture::Cbow] {
        let exact = mean_step(Sharing::Pair, model, 4000);
        let size = exact.iter().map(|v| v * v).sum::<f64>().sqrt();
        for sharing in [Sharing::Window, Sharing::Wide] {
            let shared = mean_step(sharing, model, 4000);
            let off = exact.iter().zip(&shared).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(off < 0.04 * size, "{model:?} {sharing:?}: off by {off} of {size}");
        }
    }
}

#[test]
fn a_set_pairs_every_item_with_every_other() {
    // Without noise to speak of, the step of an item is the sum over all others of (1 - sigmoid) times their rows.
    let config = item2vec::Config { negatives: 1, ..item2vec::Config::default() };
    let model = item2vec::Item2vec::new(&config, &vocab()).unwrap();
    let set = [2u32, 5, 9, 11];
    let draws = 4000;
    let mut mean = vec![0.0; Probe::TOKENS * Probe::DIM];
    let before = Probe::new(Probe::TOKENS).values();
    for seed in 0..draws {
        let probe = Probe::new(Probe::TOKENS);
        probe.train(&model, &set, 1e-3, seed);
        for (m, (a, b)) in mean.iter_mut().zip(probe.values().iter().zip(&before)) {
            *m += (a - b) / 1e-3 / draws as f64;
        }
    }
    let row = |table: usize, r: u32| &before[(table * Probe::TOKENS + r as usize) * Probe::DIM..][..Probe::DIM];
    let sigmoid = |a: &[f64], b: &[f64]| 1.0 / (1.0 + (-a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>()).exp());
    let weights: Vec<f64> = vocab().counts().iter().map(|&n| (n as f64).sqrt()).collect();
    let total: f64 = weights.iter().sum();
    for &i in &set {
        for k in 0..Probe::DIM {
            let mut expected = 0.0;
            for &j in set.iter().filter(|&&j| j != i) {
                expected += (1.0 - sigmoid(row(0, i), row(1, j))) * row(1, j)[k];
                for n in (0..Probe::TOKENS as u32).filter(|&n| n != j) {
                    expected -= weights[n as usize] / total * sigmoid(row(0, i), row(1, n)) * row(1, n)[k];
                }
            }
            let found = mean[i as usize * Probe::DIM + k];
            assert!((found - expected).abs() < 0.04, "item {i}, value {k}: found {found}, expected {expected}");
        }
    }
    let untouched = (0..Probe::TOKENS as u32).filter(|i| !set.contains(i));
    assert!(untouched.into_iter().all(|i| mean[i as usize * Probe::DIM..][..Probe::DIM].iter().all(|&v| v == 0.0)));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let corpus = two_topics(10);
    let model = ModelConfig::Word2vec(word2vec::Config::default());
    let refuse = |settings: Settings, message: &str| {
        let error = model.fit(&corpus, &settings, None, &mut |_| Control::Continue, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit_code(), 2);
    };
    refuse(Settings { dim: 0, ..settings() }, "dim is 0, expected 1 to 65536");
    refuse(Settings { epochs: 0, ..settings() }, "epochs is 0, expected at least 1");
    refuse(Settings { learning_rate: f32::NAN, ..settings() }, "learning_rate is NaN, expected above 0, at most 10");
    refuse(Settings { subsample: 2.0, ..settings() }, "subsample is 2, expected 0 (off) to 1");
    let window = ModelConfig::Word2vec(word2vec::Config { window: 0, ..word2vec::Config::default() });
    let error = window.fit(&corpus, &settings(), None, &mut |_| Control::Continue, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "window is 0, expected 1 to 1000, or 'all' for sets");
}
