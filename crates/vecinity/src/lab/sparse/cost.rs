//! What the first layer costs as the catalogue grows.

use super::super::problem::Problem;
use super::network::{DIM, First, HISTORY, Network, Step, newest};
use crate::deep::GROUP;
use crate::rng::Rng;

/// Catalogues that are measured.
pub(super) const GROWTH: [usize; 5] = [1_000, 3_000, 10_000, 30_000, 100_000];
/// Steps, of which the first warms up.
const STEPS: usize = 12;
const RATE: f32 = 1e-3;

/// A first layer in one of its two forms.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(super) struct Form {
    /// The median of a step.
    pub(super) milliseconds: f64,
    /// Read and written in a step, by the shapes.
    pub(super) bytes: f64,
}

/// Both forms for one catalogue.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Cost {
    pub(super) items: usize,
    /// Share of the values of the input that are not zero.
    pub(super) nonzero_inputs: f64,
    /// Share of the weights with a gradient other than zero in a step.
    pub(super) touched: f64,
    pub(super) dense: Form,
    pub(super) table: Form,
    /// How far the weights of both are apart behind all steps, as a share of the way that they went (root mean squares).
    pub(super) apart: f64,
    /// The largest difference of the losses of a step, as a share of the loss.
    pub(super) losses_apart: f64,
}

/// Catalogues of growing size, with histories drawn by Zipf's law.
pub(super) fn growing() -> Vec<Cost> {
    GROWTH.map(|items| measure(items, STEPS, 1)).to_vec()
}

/// The catalogue and the histories of some data.
pub(super) fn of_data(problem: &Problem) -> Cost {
    let lists = problem.learn.train.iter().filter(|history| history.len() > 1);
    let all: Vec<(&[u32], u32)> =
        lists.map(|history| (newest(&history[..history.len() - 1]), history[history.len() - 1])).collect();
    let batches: Vec<Vec<(&[u32], u32)>> =
        (0..STEPS).map(|step| (0..GROUP).map(|at| all[(step * GROUP + at) % all.len()]).collect()).collect();
    compare(problem.learn.counts.len(), &batches)
}

/// A catalogue of `items`, of which item `i` comes with a chance of `1 / (i + 1)`, up to a factor.
pub(super) fn measure(items: usize, steps: usize, seed: u64) -> Cost {
    let mut rng = Rng::new(seed, u64::from_le_bytes(*b"labgrows"));
    let mut sums = Vec::with_capacity(items);
    let mut sum = 0.0;
    for item in 0..items {
        sum += 1.0 / (item + 1) as f64;
        sums.push(sum);
    }
    let mut draw = || {
        let at = rng.f64() * sum;
        sums.partition_point(|&sum| sum <= at).min(items - 1) as u32
    };
    let batches: Vec<Vec<(Vec<u32>, u32)>> =
        (0..steps).map(|_| (0..GROUP).map(|_| ((0..HISTORY).map(|_| draw()).collect(), draw())).collect()).collect();
    let batches: Vec<Vec<(&[u32], u32)>> = batches
        .iter()
        .map(|batch| batch.iter().map(|(history, target)| (history.as_slice(), *target)).collect())
        .collect();
    compare(items, &batches)
}

fn compare(items: usize, batches: &[Vec<(&[u32], u32)>]) -> Cost {
    let run = |kind: First| {
        let mut network = Network::new(kind, items, RATE, 1, None);
        let start = network.weights().to_vec();
        let steps: Vec<Step> = batches
            .iter()
            .map(|batch| {
                let (histories, targets): (Vec<&[u32]>, Vec<u32>) = batch.iter().copied().unzip();
                network.step(&histories, &targets)
            })
            .collect();
        network.settle();
        (network, steps, start)
    };
    let ((dense, of_dense, start), (table, of_table, _)) = (run(First::Dense), run(First::Table));
    let mean = |of: &dyn Fn(&Step) -> usize| {
        of_table.iter().map(|step| of(step) as f64).sum::<f64>() / of_table.len().max(1) as f64
    };
    let (places, distinct) = (mean(&|step| step.places), mean(&|step| step.distinct));
    let (n, dim, batch) = (items as f64, DIM as f64, GROUP as f64);
    // Dense: the input is written and read twice; the matrix is read, its gradient written; Adam reads the gradient and reads and
    // writes weights and two moments. A table does the same with the rows of the batch, read once a place.
    let bytes = [4.0 * (3.0 * batch * n + 9.0 * n * dim), 4.0 * (2.0 * places * dim + 8.0 * distinct * dim)];
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let apart = distance(dense.weights(), table.weights()) / distance(dense.weights(), &start).max(f64::MIN_POSITIVE);
    let losses = of_dense.iter().zip(&of_table).map(|(a, b)| (a.loss - b.loss).abs() / a.loss);
    Cost {
        items,
        nonzero_inputs: places / (batch * n),
        touched: mean(&|step| step.touched) / (n * dim),
        dense: Form { milliseconds: median(&of_dense), bytes: bytes[0] },
        table: Form { milliseconds: median(&of_table), bytes: bytes[1] },
        apart,
        losses_apart: losses.fold(0.0, f64::max),
    }
}

/// The median of the first layer's milliseconds, the first step left out.
fn median(steps: &[Step]) -> f64 {
    let mut times: Vec<f64> = steps.iter().skip(1).map(|step| 1e3 * step.first.as_secs_f64()).collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
