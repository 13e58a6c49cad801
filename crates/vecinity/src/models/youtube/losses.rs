//! Which items a step is compared with, and the loss of a group.

use super::examples::Examples;
use super::{Config, LossKind, Network};
use crate::deep::{
    CandidateSums, Candidates, Gbce, Gradients, ReadyCandidates, Softmax, Turn, beta, mark_hits, unit_rows,
};
use crate::rng::Rng;
use crate::train::Noise;

/// Where candidates come from.
#[derive(Debug)]
pub(super) struct Proposal {
    kind: LossKind,
    draws: usize,
    /// `sampled`: draws items by their counts.
    noise: Option<Noise>,
    /// How often one draw, or one item of the batch, is that item.
    shares: Vec<f64>,
    items: usize,
    beta: f32,
}

impl Proposal {
    pub(super) fn new(config: &Config, counts: &[u64], examples: &Examples) -> Self {
        let (kind, items) = (config.loss_for(counts.len()), counts.len());
        let draws = if kind == LossKind::InBatch { 0 } else { config.negatives };
        let (noise, shares) = match kind {
            LossKind::Sampled => {
                let mut weights: Vec<f64> =
                    counts.iter().map(|&count| (count as f64).powf(config.noise_exponent)).collect();
                let noise = Noise::of_weights(&weights);
                let total: f64 = weights.iter().sum();
                weights.iter_mut().for_each(|weight| *weight /= total);
                (Some(noise), weights)
            }
            LossKind::InBatch | LossKind::Mixed => (None, examples.target_shares(items)),
            LossKind::Full | LossKind::Gbce => (None, Vec::new()),
        };
        Self { kind, draws, noise, shares, items, beta: beta(draws, items, config.calibration) }
    }

    /// Most candidates of a step.
    pub(super) fn most(&self, batch: usize) -> usize {
        match self.kind {
            LossKind::Full => self.items,
            LossKind::Sampled | LossKind::Gbce => self.draws,
            LossKind::InBatch => batch,
            LossKind::Mixed => batch + self.draws,
        }
    }

    /// The candidates of a step and the logarithms of how often each is expected among them.
    pub(super) fn draw(&self, targets: &[u32], rng: &mut Rng) -> (Vec<u32>, Vec<f32>) {
        let others = targets.len().saturating_sub(1) as f64;
        let uniform = self.draws as f64 / self.items as f64;
        let mut ids = Vec::with_capacity(self.most(targets.len()));
        if matches!(self.kind, LossKind::InBatch | LossKind::Mixed) {
            ids.extend_from_slice(targets);
        }
        for _ in 0..self.draws {
            ids.push(match &self.noise {
                Some(noise) => noise.draw(rng),
                None => rng.below(self.items as u32),
            });
        }
        let expected = |&id: &u32| match self.kind {
            LossKind::Full | LossKind::Gbce => 1.0,
            LossKind::Sampled => self.draws as f64 * self.shares[id as usize],
            LossKind::InBatch => others * self.shares[id as usize],
            LossKind::Mixed => others * self.shares[id as usize] + uniform,
        };
        let logs = ids.iter().map(|id| expected(id).max(f64::MIN_POSITIVE).ln() as f32).collect();
        (ids, logs)
    }
}

/// What a step compares with: rows ready to be multiplied.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Candidates of a sampled loss.
    pub(super) ids: Vec<u32>,
    /// Their rows (of length 1 if vectors are), for a full loss the unit rows of all items if needed.
    pub(super) rows: Vec<f32>,
    pub(super) offsets: Vec<f32>,
    pub(super) factors: Vec<f32>,
    pub(super) ready: ReadyCandidates,
    /// The true items' rows and biases.
    pub(super) own_rows: Vec<f32>,
    pub(super) own_biases: Vec<f32>,
    pub(super) own_factors: Vec<f32>,
}

/// The vectors of some items, made unit vectors if the network's are.
pub(super) fn gather(ids: &[u32], network: &Network, rows: &mut Vec<f32>, factors: &mut Vec<f32>) {
    let (table, width) = (network.output_rows(), network.width);
    rows.clear();
    for &id in ids {
        let start = rows.len();
        rows.extend_from_slice(&table[id as usize * width..][..width]);
        network.parts.complete(id, &mut rows[start..]);
    }
    if network.length > 0.0 {
        let raw = rows.clone();
        factors.resize(ids.len(), 0.0);
        unit_rows(&raw, width, 1.0, rows, factors);
    }
}

/// What a thread needs to compute losses.
#[derive(Debug, Default)]
pub(super) struct Losses {
    softmax: Softmax,
    gbce: Gbce,
    pub(super) d_users: Vec<f32>,
}

/// A group's part of what is compared.
#[derive(Debug)]
pub(super) struct Own<'a> {
    pub(super) targets: &'a [u32],
    pub(super) rows: &'a [f32],
    pub(super) biases: &'a [f32],
    pub(super) d_rows: &'a mut [f32],
    pub(super) d_biases: &'a mut [f32],
}

impl Losses {
    /// Loss and gradients of a group, left in `self` and `own` and, in turn, added to `sums`; the loss is a sum over the group.
    #[expect(clippy::too_many_arguments, reason = "users, candidates and true items, and where their gradients go")]
    pub(super) fn group(
        &mut self,
        proposal: &Proposal,
        users: &[f32],
        candidates: Candidates<'_>,
        ids: &[u32],
        own: Own<'_>,
        weight: f32,
        sums: &CandidateSums<'_>,
        turn: &Turn<'_>,
    ) -> f64 {
        self.d_users.resize(users.len(), 0.0);
        let gradients = &mut Gradients { users: &mut self.d_users, candidates: sums, turn };
        if proposal.kind == LossKind::Full {
            return self.softmax.full(users, candidates, own.targets, weight, gradients);
        }
        let hits = mark_hits(ids, own.targets);
        let positives = Candidates { rows: own.rows, offsets: own.biases, ready: None };
        let (d_rows, d_biases) = (own.d_rows, own.d_biases);
        if proposal.kind == LossKind::Gbce {
            let weights = (weight, proposal.beta);
            return self.gbce.sampled(users, candidates, positives, &hits, weights, gradients, d_rows, d_biases);
        }
        self.softmax.sampled(users, candidates, positives, &hits, weight, gradients, d_rows, d_biases)
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::Catalogue;
    use super::*;
    use crate::eval::recommend::{Fold, Sequences};

    #[test]
    fn candidates_come_as_often_as_is_expected_of_them() {
        let mut train = Sequences::default();
        // Targets: 1 thrice, 2 once; item 0 comes first in every history.
        for history in [&[0u32, 1][..], &[0, 1], &[0, 1], &[0, 2]] {
            train.push(history);
        }
        let fold = Fold { train, counts: vec![4, 3, 1], ..Fold::default() };
        let examples = Examples::of(&fold, &Catalogue::of(&fold.counts), 0);
        for kind in [LossKind::Sampled, LossKind::Mixed, LossKind::InBatch] {
            let config = Config { loss: Some(kind), negatives: 4, ..Config::default() };
            let proposal = Proposal::new(&config, &fold.counts, &examples);
            let (mut seen, mut expected) = ([0.0f64; 3], [0.0; 3]);
            let mut rng = Rng::new(1, 0);
            let rounds = 20_000;
            for _ in 0..rounds {
                // A batch of five of which one is the user's own: four others are compared with.
                let targets: Vec<u32> = (0..5).map(|_| if rng.below(4) == 0 { 2 } else { 1 }).collect();
                let (ids, logs) = proposal.draw(&targets, &mut rng);
                let skipped = usize::from(kind != LossKind::Sampled);
                for (id, log) in ids.iter().zip(&logs).skip(skipped) {
                    seen[*id as usize] += 1.0 / f64::from(rounds);
                    expected[*id as usize] = f64::from(log.exp());
                }
            }
            for (seen, expected) in seen.iter().zip(expected) {
                assert!((seen - expected).abs() < 0.03, "{kind:?}: {seen} instead of {expected}");
            }
        }
    }
}
