//! What a table and pre-trained vectors are worth.

use super::super::problem::{Difference, Problem, Tested, all, cross_entropy, mean_of_each};
use super::super::{Options, Watch, rates};
use super::network::{DEVIATION, DIM, First, Network, newest};
use crate::config::{Config, Kind};
use crate::corpus::Corpus;
use crate::deep::{GROUP, padded};
use crate::embeddings::Matrix;
use crate::error::Result;
use crate::eval::recommend::{Fold, mean_ndcg, rank};
use crate::histories::Histories;
use crate::rng::Rng;
use crate::train::Control;

/// Items that occur less often in what is learned from are rare.
pub(super) const RARE: u64 = 10;
/// How often validation is asked.
const LOOKS: usize = 20;
/// Epochs of the pre-training.
const EPOCHS: u32 = 5;

/// The starts of the first layer.
const STARTS: [(&str, First, bool); 3] = [
    ("random", First::Table, false),
    ("pre-trained, frozen", First::Frozen, true),
    ("pre-trained, learned further", First::Table, true),
];

/// One training.
struct Run {
    rate: f32,
    seed: u64,
    /// Validation by step: loss.
    curve: Vec<[f64; 2]>,
    best: f64,
    network: Network,
}

/// What one training did, as it is reported.
#[derive(Debug, serde::Serialize)]
pub(super) struct Row {
    pub(super) seed: u64,
    pub(super) valid_ndcg: f64,
    /// Steps to the fixed loss.
    pub(super) steps: Option<u64>,
    pub(super) test: Tested,
    /// HR@10 of questions about rare items.
    pub(super) rare_hr: f64,
}

/// A start with all its trainings.
#[derive(Debug, serde::Serialize)]
pub(super) struct Arm {
    pub(super) name: &'static str,
    pub(super) rate: f32,
    pub(super) learned_weights: usize,
    /// The mean loss of validation by step.
    pub(super) curve: Vec<[f64; 2]>,
    pub(super) seeds: Vec<Row>,
    /// HR@10 against the random start, question by question.
    pub(super) against_random: Option<Difference>,
    pub(super) rare_against_random: Option<Difference>,
    #[serde(skip)]
    hits: Vec<f64>,
}

impl Arm {
    pub(super) fn each(&self, of: impl Fn(&Row) -> f64) -> Vec<f64> {
        self.seeds.iter().map(of).collect()
    }
}

/// What was found.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) arms: Vec<Arm>,
    /// The lowest loss of validation that all arms reach.
    pub(super) fixed_loss: f64,
    /// Questions of the test, and those about rare items.
    pub(super) questions: usize,
    pub(super) rare: usize,
}

/// Trains from all starts.
pub(super) fn learn(of: &Histories, problem: &Problem, options: &Options, watch: Watch<'_>) -> Result<Learned> {
    let pretrained = pretrained(of, &problem.learn)?;
    let examples = examples(&problem.learn);
    let job = |(start, rate, seed): (usize, f32, u64)| {
        let (name, kind, warm) = STARTS[start];
        let rows = warm.then(|| pretrained.clone());
        let run = train(problem, &examples, options.examples, (kind, rows), rate, seed);
        let line = format!("{name:<29}rate {rate:<6} seed {seed}   validation NDCG@10 {:.4}", run.best);
        Ok((run, line))
    };
    let mut tried = |jobs: Vec<(usize, f32)>| {
        let jobs = jobs.into_iter().map(|(start, rate)| (start, rate, 1)).collect();
        all(jobs, options.threads, &mut *watch, job)
    };
    let firsts: Vec<Run> =
        rates::choose(STARTS.len(), &mut tried, |run| run.best)?.into_iter().map(|(_, first)| first).collect();
    let others: Vec<_> = (firsts.iter().enumerate())
        .flat_map(|(start, first)| (2..=options.seeds).map(move |seed| (start, first.rate, seed)))
        .collect();
    let mut rest = all(others, options.threads, watch, job)?.into_iter();
    let all_runs: Vec<Vec<Run>> = firsts
        .into_iter()
        .map(|first| std::iter::once(first).chain(rest.by_ref().take(options.seeds as usize - 1)).collect())
        .collect();
    Ok(report(problem, &all_runs))
}

fn report(problem: &Problem, all_runs: &[Vec<Run>]) -> Learned {
    let lowest = |run: &Run| run.curve.iter().map(|point| point[1]).fold(f64::INFINITY, f64::min);
    let fixed_loss = all_runs.iter().flatten().map(lowest).fold(0.0, f64::max);
    let rare: Vec<usize> = (problem.test.queries.iter().enumerate())
        .filter(|(_, query)| query.targets.iter().any(|&item| (1..RARE).contains(&problem.learn.counts[item as usize])))
        .map(|(at, _)| at)
        .collect();
    let of_rare = |hits: &[f64]| rare.iter().map(|&at| hits[at]).collect::<Vec<f64>>();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let mut arms: Vec<Arm> = Vec::new();
    for (&(name, kind, _), runs) in STARTS.iter().zip(all_runs) {
        let row = |run: &Run| {
            let test = Tested::new(&run.network, &problem.test);
            let steps = run.curve.iter().find(|point| point[1] <= fixed_loss).map(|point| point[0] as u64);
            let rare_hr = mean(&of_rare(&test.hit_of_each));
            Row { seed: run.seed, valid_ndcg: run.best, steps, rare_hr, test }
        };
        let seeds: Vec<Row> = runs.iter().map(row).collect();
        let hits = mean_of_each(seeds.iter().map(|row| row.test.hit_of_each.as_slice()));
        let steps: Vec<f64> =
            runs.first().map(|run| run.curve.iter().map(|point| point[0]).collect()).unwrap_or_default();
        let losses: Vec<Vec<f64>> = runs.iter().map(|run| run.curve.iter().map(|point| point[1]).collect()).collect();
        let curve = steps.into_iter().zip(mean_of_each(losses.iter().map(Vec::as_slice)));
        let random = arms.first();
        arms.push(Arm {
            name,
            rate: runs.first().map_or(0.0, |run| run.rate),
            learned_weights: if kind == First::Frozen { 0 } else { problem.learn.catalogue() * DIM },
            curve: curve.map(|(step, loss)| [step, loss]).collect(),
            against_random: random.map(|random| Difference::new(&hits, &random.hits)),
            rare_against_random: random
                .filter(|_| rare.len() > 1)
                .map(|random| Difference::new(&of_rare(&hits), &of_rare(&random.hits))),
            seeds,
            hits,
        });
    }
    Learned { arms, fixed_loss, questions: problem.test.queries.len(), rare: rare.len() }
}

/// An example: what came before, and what came.
type Example<'a> = (&'a [u32], u32);

fn examples(fold: &Fold) -> Vec<Example<'_>> {
    let mut all = Vec::with_capacity(fold.train.events());
    for history in fold.train.iter() {
        all.extend((1..history.len()).map(|at| (newest(&history[..at]), history[at])));
    }
    all
}

fn train(
    problem: &Problem,
    examples: &[Example<'_>],
    budget: u64,
    (kind, rows): (First, Option<Vec<f32>>),
    rate: f32,
    seed: u64,
) -> Run {
    let mut network = Network::new(kind, problem.learn.counts.len(), rate, seed, rows);
    let steps = (budget as usize).div_ceil(GROUP);
    let mut rng = Rng::new(seed, u64::from_le_bytes(*b"laborder"));
    let mut order: Vec<u32> = Vec::new();
    let (mut curve, mut best): (Vec<[f64; 2]>, Option<(f64, Network)>) = (Vec::new(), None);
    for step in 1..=steps {
        let (mut histories, mut targets) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        while histories.len() < GROUP.min(examples.len()) {
            if order.is_empty() {
                order = (0..examples.len() as u32).collect();
                rng.shuffle(&mut order);
            }
            let Some(at) = order.pop() else { break };
            let (history, target) = examples[at as usize];
            histories.push(history);
            targets.push(target);
        }
        network.step(&histories, &targets);
        if step % steps.div_ceil(LOOKS) == 0 || step == steps {
            network.settle();
            curve.push([step as f64, cross_entropy(&network, &problem.valid)]);
            let ndcg = mean_ndcg(&rank(&network, &problem.valid, 1));
            if best.as_ref().is_none_or(|(before, _)| ndcg > *before) {
                best = Some((ndcg, network.clone()));
            }
        }
    }
    let (best, network) = best.unwrap_or((0.0, network));
    Run { rate, seed, curve, best, network }
}

/// Skip-gram vectors of the histories that are learned from, a row an item, with the mean square of a random start.
fn pretrained(of: &Histories, fold: &Fold) -> Result<Vec<f32>> {
    let mut config = Config::profile(Kind::Sequence);
    // One thread: the same bytes in every run.
    (config.train.dim, config.train.epochs, config.train.threads) = (DIM, EPOCHS, 1);
    let corpus = Corpus::from_sequences(of.items(), fold.train.iter(), None, 1)?;
    let trained = config.model.fit(&corpus, &config.train, None, &mut |_| Control::Continue, &mut |_| Ok(()))?;
    let vectors = Matrix::copied(&trained.input);
    let values = vectors.as_slice();
    let square = values.iter().map(|&value| f64::from(value * value)).sum::<f64>() / values.len().max(1) as f64;
    let scale = DEVIATION / (square.sqrt() as f32).max(1e-12);
    let mut rows = vec![0.0; of.items().len() * padded(DIM)];
    for (to, row) in rows.chunks_exact_mut(padded(DIM)).zip(corpus.vocab().rows_of(of.items())) {
        if row != u32::MAX {
            let vector = &values[row as usize * DIM..][..DIM];
            to.iter_mut().zip(vector).for_each(|(to, value)| *to = scale * value);
        }
    }
    Ok(rows)
}
