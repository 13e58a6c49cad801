use super::*;
use crate::deep::Activation;
use crate::eval::recommend::{Measured, Query, Sequences, rank};

/// Trains in silence; `epoch` sees the model behind each epoch.
fn silent(fold: &Fold, config: &Config, settings: &Settings, epoch: &mut dyn FnMut(&Youtube)) -> Result<Youtube> {
    let mut each = |_: &Epoch, model: &Youtube| {
        epoch(model);
        Ok(true)
    };
    fit(fold, config, settings, None, &mut |_| Control::Continue, &mut |_, _| Ok(()), &mut each)
}

/// A network that has seen two epochs of walks over 25 items.
pub(in super::super) fn trained(config: &Config, dim: usize) -> Youtube {
    let settings = Settings { dim, epochs: 2, ..small().1 };
    silent(&walks(60, 12, 25), config, &settings, &mut |_| {}).unwrap()
}

/// Walks on a circle of `items` places, each step one or two places on; the last place is asked for.
fn walks(owners: usize, length: usize, items: usize) -> Fold {
    let mut rng = Rng::new(6, 0);
    let mut fold = Fold { counts: vec![0; items], ..Fold::default() };
    for owner in 0..owners {
        let mut at = rng.below(items as u32);
        let mut step = || {
            at = (at + 1 + rng.below(2)) % items as u32;
            at
        };
        let history: Vec<u32> = (0..length).map(|_| step()).collect();
        history.iter().for_each(|&item| fold.counts[item as usize] += 1);
        fold.train.push(&history);
        fold.queries.push(Query { owner, targets: vec![step()], history });
    }
    fold
}

fn small() -> (Config, Settings) {
    let config = Config { history: 5, hidden: vec![20], dropout: 0.0, negatives: 30, ..Config::default() };
    let settings = Settings { dim: 12, batch: 300, epochs: 10, learning_rate: 0.01, ..Settings::default() };
    (config, settings)
}

fn with(loss: LossKind) -> Config {
    let temperature = if loss == LossKind::InBatch { 0.1 } else { 0.0 };
    Config { loss: Some(loss), temperature, tied: loss == LossKind::Mixed, ..small().0 }
}

const LOSSES: [LossKind; 5] = [LossKind::Full, LossKind::Sampled, LossKind::InBatch, LossKind::Mixed, LossKind::Gbce];

#[test]
fn every_loss_learns_where_a_walk_goes() {
    let fold = walks(400, 20, 60);
    for loss in LOSSES {
        // Binary losses first have to learn that hardly any item is the next one.
        let epochs = if loss == LossKind::Gbce { 100 } else { 10 };
        let settings = Settings { epochs, ..small().1 };
        let mut found = Vec::new();
        let mut measure = |model: &Youtube| found.push(Measured::new(&rank(model, &fold, 1), &fold).metrics.hr[0]);
        silent(&fold, &with(loss), &settings, &mut measure).unwrap();
        // Two of sixty items can follow (some of the others are left out as known): chance is 0.25.
        assert!(found.iter().copied().fold(0.0, f64::max) > 0.95, "{loss:?}: {found:?}");
    }
}

#[test]
fn a_tiny_set_is_memorised() {
    let mut train = Sequences::default();
    let mut rng = Rng::new(4, 0);
    // The first item decides on all others, which are drawn at random.
    let histories: Vec<Vec<u32>> =
        (0..30).map(|first| std::iter::once(first).chain((0..4).map(|_| 30 + rng.below(70))).collect()).collect();
    histories.iter().for_each(|history| train.push(history));
    let mut counts = vec![0; 100];
    histories.iter().flatten().for_each(|&item| counts[item as usize] += 1);
    let queries: Vec<Query> = histories
        .iter()
        .enumerate()
        .map(|(owner, h)| Query { owner, history: h[..4].to_vec(), targets: vec![h[4]] })
        .filter(|query| !query.history.contains(&query.targets[0]))
        .collect();
    let fold = Fold { train, queries, counts };
    let (config, settings) = small();
    let settings = Settings { epochs: 300, weight_decay: 0.0, ..settings };
    let model = silent(&fold, &config, &settings, &mut |_| {}).unwrap();
    let ranked = rank(&model, &fold, 1);
    assert!(ranked.ranks.iter().all(|ranks| ranks == &[1]), "{:?}", ranked.ranks);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let fold = walks(100, 12, 40);
    for loss in LOSSES {
        let bytes = |threads: usize| {
            let config = Config { dropout: 0.3, item_dropout: 0.1, ..with(loss) };
            let settings = Settings { epochs: 2, threads, clip: 1.0, ..small().1 };
            let model = silent(&fold, &config, &settings, &mut |_| {}).unwrap();
            let users = model.user_vectors(&[&[1, 2, 3], &[], &[7]]);
            [users, model.item_vectors().to_vec(), model.item_biases().to_vec()]
                .concat()
                .iter()
                .map(|v| v.to_bits())
                .collect::<Vec<_>>()
        };
        let one = bytes(1);
        assert!(one.iter().any(|&bits| bits != 0));
        assert!(one == bytes(2) && one == bytes(3), "{loss:?}");
    }
}

#[test]
fn the_gradient_of_the_whole_network_is_that_of_differences() {
    let fold = walks(30, 9, 25);
    let kinds = [
        (false, 0.0, Activation::Relu),
        (true, 0.5, Activation::Relu),
        (false, 0.0, Activation::Sigmoid),
        (false, 0.0, Activation::Tanh),
        (true, 0.0, Activation::Identity),
    ];
    for (tied, temperature, activation) in kinds {
        let config = Config { mean: true, last: true, tied, temperature, activation, hidden: vec![20, 9], ..small().0 };
        let settings = small().1;
        let catalogue = Catalogue::of(&fold.counts);
        let examples = Examples::of(&fold, &catalogue, 0);
        let mut run = Run::new(&config, &settings, &catalogue, examples);
        // Rows large enough that single-precision differences mean something.
        run.network.input.values.iter_mut().for_each(|value| *value *= 12.0);
        if let Some(output) = &mut run.network.output {
            output.values.iter_mut().for_each(|value| *value *= 12.0);
        }
        // Units far from the corner of their ReLU, two in three of them on: differences are smooth.
        let hidden = config.hidden.len();
        let sizes: &[f32] = if activation == Activation::Relu { &[4.0, 16.0] } else { &[] };
        for (layer, size) in run.network.layers[..hidden].iter_mut().zip(sizes) {
            for (unit, bias) in layer.bias.values.iter_mut().enumerate() {
                *bias = if unit % 3 == 0 { -size } else { *size };
            }
        }
        run.network.layers[hidden].weights.values.iter_mut().for_each(|weight| *weight *= 0.05);
        run.network.layers[hidden].turn();
        let batch = run.examples.draw(&mut Rng::new(1, 1))[..24].to_vec();
        let targets: Vec<u32> = batch.iter().map(|&e| run.examples.target(e)).collect();
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        for &e in &batch {
            for &item in run.examples.history(e, 5).iter().rev() {
                wanted.push((item, wanted.len() as u32));
            }
        }
        let places = wanted.len();
        let loss = |run: &mut Run<'_>| {
            run.compare(&targets, &[], &mut Rng::new(0, 0));
            run.groups(&batch, &targets, 0, places) / batch.len() as f64
        };
        loss(&mut run);
        let width = run.network.width;
        let d_history = run.d_history.clone();
        let history = sum_rows(&mut wanted, width, 1, |place| &d_history[place as usize * width..][..width]);
        let mut d_input = vec![0.0; run.network.input.values.len()];
        history.add_to(&mut d_input);
        let mut d_output = run.d_rows.clone();
        if temperature > 0.0 {
            unit_backward(&run.comparison.rows, width, 1.0, &run.comparison.factors, &mut d_output);
        }
        if tied {
            d_input.iter_mut().zip(&d_output).for_each(|(sum, part)| *sum += part);
        }
        let d_bias = run.d_offsets.clone();
        let d_layers: Vec<Vec<f32>> =
            run.tower.layers.iter().flat_map(|l| [l.weights.clone(), l.bias.clone()]).collect();
        let mut check = |name: &str, gradient: &[f32], at: usize, change: &dyn Fn(&mut Network, f32)| {
            change(&mut run.network, 0.01);
            let up = loss(&mut run);
            change(&mut run.network, -0.02);
            let expected = (up - loss(&mut run)) / 0.02;
            change(&mut run.network, 0.01);
            let found = f64::from(gradient[at]);
            assert!(
                (expected - found).abs() < 1e-4 + 0.01 * expected.abs(),
                "{name} {at}, tied {tied}, {activation:?}: {expected} and {found}"
            );
        };
        for at in (0..24 * width).step_by(5).filter(|at| at % width < 12) {
            check("input", &d_input, at, &|network, by| network.input.values[at] += by);
            if !tied {
                check("output", &d_output, at, &|network, by| network.output.as_mut().unwrap().values[at] += by);
            }
        }
        for at in 0..24 {
            check("bias", &d_bias, at, &|network, by| network.bias.values[at] += by);
        }
        for (layer, gradients) in d_layers.chunks(2).enumerate() {
            for at in (0..gradients[0].len()).step_by(37) {
                check("weights", &gradients[0], at, &|network, by| network.layers[layer].weights.values[at] += by);
            }
            for at in 0..9 {
                check("layer bias", &gradients[1], at, &|network, by| network.layers[layer].bias.values[at] += by);
            }
        }
    }
}

#[test]
fn histories_of_one_event_are_refused() {
    let mut train = Sequences::default();
    train.push(&[0]);
    train.push(&[1]);
    let fold = Fold { train, counts: vec![1, 1], ..Fold::default() };
    let (config, settings) = small();
    let error = silent(&fold, &config, &settings, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "2 histories hold no event with one before it");
}

#[test]
fn a_run_that_is_stopped_goes_on_to_the_same_bytes() {
    let fold = walks(100, 12, 40);
    for loss in LOSSES {
        let config = Config { dropout: 0.3, item_dropout: 0.1, ..with(loss) };
        let settings = Settings { epochs: 3, batch: 64, clip: 1.0, ..small().1 };
        let bits = |model: &Youtube| {
            let users = model.user_vectors(&[&[1, 2, 3], &[7]]);
            let all = [&users, model.item_vectors(), model.item_biases()].concat();
            all.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let whole = bits(&silent(&fold, &config, &settings, &mut |_| {}).unwrap());
        let (mut state, mut runs, mut epochs) = (None, 0, Vec::new());
        let model = loop {
            runs += 1;
            assert!(runs < 100);
            let mut left = None;
            // Each process makes one step: the first one is observed.
            let mut observe = |_: &Progress| Control::Stop;
            let mut save = |state: &State, _: &Youtube| {
                left = Some(state.clone());
                Ok(())
            };
            let mut epoch = |epoch: &Epoch, _: &Youtube| {
                epochs.push(epoch.epoch);
                Ok(true)
            };
            match fit(&fold, &config, &settings, state.take(), &mut observe, &mut save, &mut epoch) {
                Ok(model) => break model,
                Err(Error::Interrupted { .. }) => state = left,
                Err(other) => panic!("{other}"),
            }
        };
        assert!(bits(&model) == whole, "{loss:?}");
        // Eighteen steps an epoch, and a process behind the last one.
        assert_eq!((runs, epochs), (3 * 18 + 1, vec![1, 2, 3]), "{loss:?}");
    }
}

#[test]
fn the_caller_ends_training_behind_an_epoch() {
    let (config, settings) = small();
    let mut seen = 0;
    let mut epoch = |epoch: &Epoch, _: &Youtube| {
        seen = epoch.epoch;
        Ok(epoch.epoch < 3)
    };
    let fold = walks(60, 8, 20);
    fit(&fold, &config, &settings, None, &mut |_| Control::Continue, &mut |_, _| Ok(()), &mut epoch).unwrap();
    assert_eq!(seen, 3);
}
