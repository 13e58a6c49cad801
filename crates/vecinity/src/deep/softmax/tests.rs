use super::*;
use crate::rng::Rng;
use proptest::prelude::*;

fn draw(n: usize, scale: f32, rng: &mut Rng) -> Vec<f32> {
    (0..n).map(|_| scale * (2.0 * rng.f32() - 1.0)).collect()
}

fn wide(v: &[f32]) -> Vec<f64> {
    v.iter().map(|&v| f64::from(v)).collect()
}

/// The loss from its definition. With `positives` the sampled one; `hits` are found by the ids.
struct Oracle<'a> {
    dim: usize,
    ids: &'a [u32],
    targets: &'a [u32],
    sampled: bool,
}

impl Oracle<'_> {
    /// `parts`: users, rows, offsets, positive rows, positive biases.
    fn loss(&self, parts: &[Vec<f64>; 5]) -> f64 {
        let [users, rows, offsets, positives, biases] = parts;
        let dim = self.dim;
        let score = |u: usize, rows: &[f64], c: usize| -> f64 {
            (0..dim).map(|k| users[u * dim + k] * rows[c * dim + k]).sum()
        };
        let mut loss = 0.0;
        for (u, &target) in self.targets.iter().enumerate() {
            let mut scores: Vec<f64> = (0..offsets.len())
                .filter(|&c| !self.sampled || self.ids[c] != target)
                .map(|c| score(u, rows, c) + offsets[c])
                .collect();
            let own = if self.sampled {
                let own = score(u, positives, u) + biases[u];
                scores.push(own);
                own
            } else {
                score(u, rows, target as usize) + offsets[target as usize]
            };
            let top = scores.iter().copied().fold(f64::MIN, f64::max);
            loss += top + scores.iter().map(|s| (s - top).exp()).sum::<f64>().ln() - own;
        }
        loss
    }
}

/// Compares all gradients with differences of the oracle; `scale` makes scores large or small.
fn check(sampled: bool, candidates: usize, n: usize, real: usize, scale: f32) {
    let mut rng = Rng::new(candidates as u64, 4);
    let dim = 16;
    let users = {
        let mut users = draw(n * dim, scale, &mut rng);
        users[real * dim..].fill(0.0);
        users
    };
    let (rows, offsets) = (draw(candidates * dim, 1.0, &mut rng), draw(candidates, 1.0, &mut rng));
    let ids: Vec<u32> = (0..candidates as u32).map(|c| c % 50).collect();
    let targets: Vec<u32> = (0..real).map(|_| rng.below(candidates.min(60) as u32)).collect();
    let (positives, biases) = (draw(real * dim, 1.0, &mut rng), draw(real, 1.0, &mut rng));
    let mut softmax = Softmax::default();
    let (mut du, mut dr, mut d_o) = (vec![7.0; n * dim], vec![7.0; rows.len()], vec![7.0; candidates]);
    let (mut dp, mut db) = (vec![7.0; positives.len()], vec![7.0; real]);
    let all = Candidates { rows: &rows, offsets: &offsets, ready: None };
    // Twice: working memory must not remember.
    let mut loss = 0.0;
    for _ in 0..2 {
        dr.fill(0.0);
        d_o.fill(0.0);
        let candidates = CandidateSums::of(&mut dr, &mut d_o);
        let gradients = &mut Gradients { users: &mut du, candidates: &candidates, turn: &Turn::alone() };
        loss = if sampled {
            let own = Candidates { rows: &positives, offsets: &biases, ready: None };
            let hits = mark_hits(&ids, &targets);
            softmax.sampled(&users, all, own, &hits, 0.5, gradients, &mut dp, &mut db)
        } else {
            softmax.full(&users, all, &targets, 0.5, gradients)
        };
    }
    let oracle = Oracle { dim, ids: &ids, targets: &targets, sampled };
    let mut parts = [wide(&users), wide(&rows), wide(&offsets), wide(&positives), wide(&biases)];
    let expected = oracle.loss(&parts);
    assert!((loss - expected).abs() < 1e-4 * expected.abs().max(1.0), "loss {loss}, expected {expected}");
    let found = [&du, &dr, &d_o, &dp, &db];
    for part in 0..if sampled { 5 } else { 3 } {
        for at in (0..parts[part].len()).step_by(if part == 0 { 3 } else { 11 }) {
            if part == 0 && at >= real * dim {
                assert_eq!(found[part][at], 0.0, "padding has no gradient");
                continue;
            }
            let before = parts[part][at];
            parts[part][at] = before + 1e-5;
            let up = oracle.loss(&parts);
            parts[part][at] = before - 1e-5;
            let expected = 0.5 * (up - oracle.loss(&parts)) / 2e-5;
            parts[part][at] = before;
            let found = f64::from(found[part][at]);
            assert!(
                (expected - found).abs() < 2e-5 * (1.0 + expected.abs() * 10.0),
                "part {part}, {at}: {expected}, {found}"
            );
        }
    }
}

#[test]
fn gradients_of_the_full_softmax_are_those_of_differences() {
    check(false, 300, 32, 20, 1.0);
    check(false, 61, 32, 32, 0.1);
    // A whole group, half of it padding.
    check(false, 140, 64, 30, 1.0);
    // Scores of hundreds: later tiles raise the shift.
    check(false, 300, 32, 20, 60.0);
}

#[test]
fn gradients_of_the_sampled_softmax_are_those_of_differences() {
    check(true, 300, 32, 20, 1.0);
    check(true, 70, 32, 32, 30.0);
    check(true, 140, 64, 30, 1.0);
}

#[test]
fn two_items_of_equal_score_cost_a_bit() {
    let users = [[0.0; 16]; 16].concat();
    let (rows, offsets) = ([1.0; 32], [0.0; 2]);
    let (mut du, mut dr, mut d_o) = ([0.0; 256], [0.0; 32], [0.0; 2]);
    let candidates = CandidateSums::of(&mut dr, &mut d_o);
    let gradients = &mut Gradients { users: &mut du, candidates: &candidates, turn: &Turn::alone() };
    let loss = Softmax::default().full(
        &users,
        Candidates { rows: &rows, offsets: &offsets, ready: None },
        &[1],
        1.0,
        gradients,
    );
    assert!((loss - 2f64.ln()).abs() < 1e-6);
    assert_eq!(d_o, [0.5, -0.5]);
}

/// Users, items and a skewed proposal; the loss and the users' gradient of `draws` candidates.
fn sampled_loss(draws: usize, sign: f32, seed: u64) -> (f64, Vec<f32>, f64, Vec<f32>) {
    let mut rng = Rng::new(1, 0);
    let (dim, items, real) = (16, 40usize, 16);
    let (users, rows) = (draw(real * dim, 0.5, &mut rng), draw(items * dim, 1.0, &mut rng));
    let offsets = draw(items, 0.5, &mut rng);
    let targets: Vec<u32> = (0..real as u32).map(|u| u * 7 % 40).collect();
    let mut softmax = Softmax::default();
    let (mut du, mut dr, mut d_o) = (vec![0.0; users.len()], vec![0.0; rows.len()], vec![0.0; items]);
    let candidates = CandidateSums::of(&mut dr, &mut d_o);
    let gradients = &mut Gradients { users: &mut du, candidates: &candidates, turn: &Turn::alone() };
    let full =
        softmax.full(&users, Candidates { rows: &rows, offsets: &offsets, ready: None }, &targets, 1.0, gradients);
    // The proposal: item i with probability proportional to 1 / (i + 1).
    let total: f64 = (0..items).map(|i| 1.0 / (i + 1) as f64).sum();
    let mut rng = Rng::new(seed, 9);
    let ids: Vec<u32> = (0..draws)
        .map(|_| {
            let (at, mut sum, mut item) = (rng.f64() * total, 0.0, 0);
            while item < items - 1 {
                sum += 1.0 / (item + 1) as f64;
                if at < sum {
                    break;
                }
                item += 1;
            }
            item as u32
        })
        .collect();
    let expected = |id: u32| draws as f64 / f64::from(id + 1) / total;
    let picked: Vec<f32> = ids.iter().flat_map(|&id| rows[id as usize * dim..][..dim].to_vec()).collect();
    let corrected: Vec<f32> = ids.iter().map(|&id| offsets[id as usize] - sign * expected(id).ln() as f32).collect();
    let own: Vec<f32> = targets.iter().flat_map(|&id| rows[id as usize * dim..][..dim].to_vec()).collect();
    let biases: Vec<f32> = targets.iter().map(|&id| offsets[id as usize]).collect();
    let mut found = vec![0.0; users.len()];
    let (mut dr, mut d_o) = (vec![0.0; picked.len()], vec![0.0; draws]);
    let (mut dp, mut db) = (vec![0.0; own.len()], vec![0.0; real]);
    let candidates = CandidateSums::of(&mut dr, &mut d_o);
    let gradients = &mut Gradients { users: &mut found, candidates: &candidates, turn: &Turn::alone() };
    let loss = softmax.sampled(
        &users,
        Candidates { rows: &picked, offsets: &corrected, ready: None },
        Candidates { rows: &own, offsets: &biases, ready: None },
        &mark_hits(&ids, &targets),
        1.0,
        gradients,
        &mut dp,
        &mut db,
    );
    (full, du, loss, found)
}

#[test]
fn sampled_and_full_softmax_agree_in_the_limit_and_only_with_the_right_sign() {
    let (full, du, loss, found) = sampled_loss(60_000, 1.0, 3);
    assert!((loss / full - 1.0).abs() < 0.005, "{loss} for {full}");
    let off = du.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / du.iter().map(|a| a * a).sum::<f32>();
    assert!(off < 1e-3, "gradients differ by {off}");
    for wrong in [0.0, -1.0] {
        let (full, _, loss, _) = sampled_loss(60_000, wrong, 3);
        assert!((loss / full - 1.0).abs() > 0.5, "with the sign {wrong} it would be {loss} for {full}");
    }
}

proptest! {
    #[test]
    fn hits_are_all_pairs_of_equal_ids(
        candidates in prop::collection::vec(0u32..9, 0..30), targets in prop::collection::vec(0u32..9, 0..20),
    ) {
        let mut expected = Vec::new();
        for (c, candidate) in candidates.iter().enumerate() {
            for (u, target) in targets.iter().enumerate() {
                if candidate == target {
                    expected.push((c as u32, u as u32));
                }
            }
        }
        prop_assert_eq!(mark_hits(&candidates, &targets), expected);
    }
}
