//! The extra block against sums written out, and nothing added against plain skip-gram.

use super::*;
use crate::histories::{Histories, Outcomes};
use crate::models::ModelConfig;
use crate::train::{Control, Loss, Settings};
use vecinity_kernel::{Block, SharedRows};

const DIM: usize = 4;

/// Seven listings: `a` to `d` of one market, `x` and `y` of another, `n` of none.
fn corpus() -> Corpus {
    let lists = [("s", vec!["a", "b", "x", "a", "n"]), ("t", vec!["c", "d", "y"])];
    let sessions = Histories::from_lists(&lists, true).unwrap();
    let row = |id: &str| sessions.items().get(id).unwrap().0;
    let mut outcomes = Outcomes::default();
    outcomes.push(Some(row("b")), &[row("c"), row("x")]);
    outcomes.push(None, &[]);
    let market = |id: &str| if id == "n" { NONE } else { u32::from(id >= "x") };
    let groups: Vec<u32> = sessions.items().iter().map(|(_, id, _)| market(id)).collect();
    let each = (0..2).map(|row| sessions.history(row).items);
    let corpus = Corpus::from_sequences(sessions.items(), each.clone(), None, 1).unwrap();
    corpus.with_outcomes(sessions.items(), each, Some(&outcomes), Some(&groups))
}

fn table(rows: usize, seed: u64) -> SharedRows {
    let mut rng = Rng::new(seed, 0);
    let mut table = SharedRows::zeroed(rows, DIM).unwrap();
    (0..rows).for_each(|row| table.row_mut(row).iter_mut().for_each(|value| *value = 2.0 * rng.f32() - 1.0));
    table
}

fn values(table: &SharedRows) -> Vec<f64> {
    let mut row = [0.0; DIM];
    let rows = (0..table.rows()).flat_map(|at| {
        table.read_into(at, &mut row);
        row
    });
    rows.map(f64::from).collect()
}

#[test]
fn the_extra_block_is_the_sum_of_its_losses() {
    let corpus = corpus();
    let config = Config { local_negatives: 3, goal_weight: 1.5, reject_weight: 2.0, ..Config::default() };
    let model = Airbnb::new(&config, &corpus).unwrap();
    let (rate, draws, tokens) = (1e-3f32, 20_000u64, corpus.vocab().len());
    let clicks = corpus.tokens()[..5].to_vec();
    let outcomes = corpus.outcomes().unwrap();
    let (goal, refused) = (outcomes.goal(0).unwrap(), outcomes.refused(0));
    let (before_in, before_out) = (values(&table(tokens, 1)), values(&table(tokens, 2)));
    let mut mean = [vec![0.0; tokens * DIM], vec![0.0; tokens * DIM]];
    let mut scratch = Scratch::default();
    for seed in 0..draws {
        let (input, output) = (table(tokens, 1), table(tokens, 2));
        let mut step = Step {
            input: (&input).into(),
            output: (&output).into(),
            more: &[],
            block: Block::new(),
            rng: Rng::new(seed, 0),
            rate,
            loss: Loss::default(),
            goal: Some(goal),
            refused,
        };
        model.train_tile(&clicks, &clicks, &mut step, &mut scratch);
        for (mean, (after, before)) in
            mean.iter_mut().zip([(values(&input), &before_in), (values(&output), &before_out)])
        {
            for (mean, (after, before)) in mean.iter_mut().zip(after.iter().zip(before)) {
                *mean += (after - before) / f64::from(rate) / draws as f64;
            }
        }
    }
    // Written out: what a click gets from a candidate, and the other way round, weighed by how often they meet.
    let mut expected = [vec![0.0; tokens * DIM], vec![0.0; tokens * DIM]];
    let groups = corpus.groups().unwrap();
    let row = |values: &[f64], at: u32| values[at as usize * DIM..][..DIM].to_vec();
    let mut meet = |click: u32, candidate: u32, label: f64, weight: f64| {
        if click == candidate {
            return;
        }
        let (x, o) = (row(&before_in, click), row(&before_out, candidate));
        let score: f64 = x.iter().zip(&o).map(|(a, b)| a * b).sum();
        let gradient = weight * (label - 1.0 / (1.0 + (-score).exp()));
        for k in 0..DIM {
            expected[0][click as usize * DIM + k] += gradient * o[k];
            expected[1][candidate as usize * DIM + k] += gradient * x[k];
        }
    };
    for &click in &clicks {
        meet(click, goal, 1.0, 1.5);
        refused.iter().for_each(|&item| meet(click, item, 0.0, 2.0));
        let market = groups[click as usize];
        let of_market = (0..tokens as u32).filter(|&token| groups[token as usize] == market).collect::<Vec<_>>();
        let share = clicks.iter().filter(|&&other| groups[other as usize] == market).count() as f64 / 5.0;
        for &token in of_market.iter().filter(|&&token| market != NONE && token != goal) {
            meet(click, token, 0.0, 3.0 * share / of_market.len() as f64);
        }
    }
    for (side, (found, expected)) in ["input", "output"].iter().zip(mean.iter().zip(&expected)) {
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 0.03, "{side} {at}: {found}, expected {expected}");
        }
        assert!(expected.iter().any(|value| value.abs() > 0.3), "the test must see real steps");
    }
}

#[test]
fn with_nothing_added_it_is_plain_skip_gram() {
    let corpus = corpus();
    let plain = word2vec::Config::default();
    let nothing =
        Config { global_context: false, local_negatives: 0, reject: false, plain: plain.clone(), ..Config::default() };
    let settings = Settings { dim: DIM, epochs: 30, subsample: 0.0, ..Settings::default() };
    let train = |model: ModelConfig| {
        let trained = model.fit(&corpus, &settings, None, &mut |_| Control::Continue, &mut |_| Ok(())).unwrap();
        (values(&trained.input), values(&trained.output))
    };
    // Sessions of one click are learned only for what became of them.
    assert_eq!(train(ModelConfig::Airbnb(nothing)), train(ModelConfig::Word2vec(plain)));
}
