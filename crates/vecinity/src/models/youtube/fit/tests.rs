use super::super::features::FeatureKind;
use super::super::{Feature, LossKind, User};
use super::*;
use crate::deep::Activation;
use crate::eval::recommend::{Measured, Query, Sequences, rank};
use crate::histories::{Column, Names, Values};

/// Trains in silence; `epoch` sees the model behind each epoch.
fn silent(fold: &Fold, config: &Config, settings: &Settings, epoch: &mut dyn FnMut(&Youtube)) -> Result<Youtube> {
    let mut each = |_: &Epoch, model: &Youtube| {
        epoch(model);
        Ok(true)
    };
    let side = beside(fold.train.events());
    fit(fold, Some(&side), config, settings, None, &mut |_| Control::Continue, &mut |_, _| Ok(()), &mut each)
}

/// Columns beside so many events.
fn beside(events: usize) -> Side {
    let column = |name: &str, texts: &[&str], of: &dyn Fn(usize) -> usize| {
        let codes: Vec<u32> = (0..events).map(|event| (of(event) % texts.len()) as u32).collect();
        let values = Values::Categories { names: texts.iter().collect::<Names>(), codes: codes.into() };
        Column { name: name.to_owned(), values }
    };
    let columns = vec![
        column("country", &["FR", "DE", "", "CN"], &|event| event * 7 / 3),
        column("height", &["1.5", "1.75", "", "2"], &|event| event),
        column("query", &["blue dress", "red dress", "", "a blue hat"], &|event| event / 2),
    ];
    let items = vec![
        column("kind", &["hat", "hat|coat", "", "coat"], &|item| item / 3),
        column("title", &["a blue hat", "the red one", "blue", ""], &|item| item),
        column("price", &["1.5", "2", "30", "", "70"], &|item| item),
    ];
    Side { events, columns, times: Some((0..events as i64).map(|event| event * 86_400_000).collect()), items }
}

/// A network that reads all of them.
fn reading(config: Config) -> Config {
    let of = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let features = of(&["country", "height:number", "query:words"]);
    let item_features = of(&["kind", "title:words", "price:number"]);
    Config { features, item_features, example_age: true, words: 3, ..config }
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
        fold.queries.push(Query { owner, targets: vec![step()], history, event: 0 });
    }
    fold
}

fn small() -> (Config, Settings) {
    let config = Config { history: 5, hidden: vec![20], dropout: 0.0, negatives: 30, batch: 300, ..Config::default() };
    let settings = Settings { dim: 12, epochs: 10, learning_rate: 0.01, ..Settings::default() };
    (config, settings)
}

fn with(loss: LossKind) -> Config {
    let temperature = if loss == LossKind::InBatch { 0.1 } else { 0.0 };
    let attention = loss != LossKind::InBatch;
    Config { loss: Some(loss), temperature, tied: loss == LossKind::Mixed, attention, ..small().0 }
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
        .map(|(owner, h)| Query { owner, history: h[..4].to_vec(), targets: vec![h[4]], event: 0 })
        .filter(|query| !query.history.contains(&query.targets[0]))
        .collect();
    let fold = Fold { train, queries, counts };
    let (config, settings) = small();
    let (config, settings) = (Config { weight_decay: 0.0, ..config }, Settings { epochs: 300, ..settings });
    let model = silent(&fold, &config, &settings, &mut |_| {}).unwrap();
    let ranked = rank(&model, &fold, 1);
    assert!(ranked.ranks.iter().all(|ranks| ranks == &[1]), "{:?}", ranked.ranks);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let fold = walks(100, 12, 40);
    for loss in LOSSES {
        let bytes = |threads: usize| {
            let config = reading(Config { dropout: 0.3, item_dropout: 0.1, clip: 1.0, ..with(loss) });
            let settings = Settings { epochs: 2, threads, ..small().1 };
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
        let attention = activation != Activation::Sigmoid;
        let config = Config { mean: true, last: true, attention, tied, temperature, activation, ..small().0 };
        let config = reading(Config { hidden: vec![20, 9], ..config });
        let settings = small().1;
        let catalogue = Catalogue::of(&fold.counts);
        let side = beside(fold.train.events());
        let schema = Schema::of(&config, Some(&side)).unwrap();
        let examples = Examples::of(&fold, &catalogue, 0).beside(Some(schema.read(&side, true)));
        let mut run = Run::new(&config, &settings, schema, &catalogue, examples).with_parts(Some(&side), &catalogue);
        run.network.parts.redraw(&mut Rng::new(3, 3));
        run.network.parts.table.values.iter_mut().for_each(|value| *value *= 12.0);
        run.network.features.values.iter_mut().for_each(|value| *value *= 4.0);
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
        // What the newest row asks, which is nothing at the start.
        let mut chance = Rng::new(4, 4);
        for asks in run.network.pools.parameters_mut().skip(1) {
            // Padding asks nothing and is asked nothing.
            for row in asks.values.chunks_exact_mut(16 * config.pools).take(settings.dim) {
                row.chunks_exact_mut(16)
                    .for_each(|query| query[..settings.dim].fill_with(|| 0.5 * chance.f32() - 0.25));
            }
        }
        run.network.pools.turn();
        let batch = run.examples.draw(&mut Rng::new(1, 1))[..24].to_vec();
        let targets: Vec<u32> = batch.iter().map(|&e| run.examples.target(e)).collect();
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        for &e in &batch {
            for &item in run.examples.history(e, 5).iter().rev() {
                wanted.push((item, wanted.len() as u32));
            }
        }
        let places = wanted.len();
        let mut known = run.known(&batch, &mut Rng::new(2, 2));
        let loss = |run: &mut Run<'_>| {
            run.network.turn();
            run.compare(&targets, &[], &mut Rng::new(0, 0));
            run.groups(&batch, &targets, 0, places) / batch.len() as f64
        };
        loss(&mut run);
        let width = run.network.width;
        let d_history = run.d_history.clone();
        let history = sum_rows(&mut wanted, width, 1, |place| &d_history[place as usize * width..][..width]);
        let mut d_input = vec![0.0; run.network.input.values.len()];
        history.add_to(&mut d_input);
        let d_known = run.d_known.clone();
        let known = sum_rows(&mut known, width, 1, |place| &d_known[place as usize * width..][..width]);
        let mut d_features = vec![0.0; run.network.features.values.len()];
        known.add_to(&mut d_features);
        if temperature > 0.0 {
            unit_backward(&run.comparison.rows, width, 1.0, &run.comparison.factors, &mut run.d_rows);
        }
        run.parts_backward(&targets);
        let (d_parts, d_output) = (run.d_parts.clone(), run.d_rows.clone());
        if tied {
            d_input.iter_mut().zip(&d_output).for_each(|(sum, part)| *sum += part);
        }
        let d_bias = run.d_offsets.clone();
        let d_layers: Vec<Vec<f32>> = run
            .tower
            .layers
            .iter_mut()
            .map(InTurn::get_mut)
            .flat_map(|l| [l.weights.clone(), l.bias.clone()])
            .collect();
        let mut d_pools = vec![run.tower.logits.get_mut().clone()];
        d_pools
            .extend(run.tower.asks.iter_mut().map(InTurn::get_mut).flat_map(|l| [l.weights.clone(), l.bias.clone()]));
        let mut check = |name: &str, gradient: &[f32], at: usize, change: &dyn Fn(&mut Network, f32)| {
            change(&mut run.network, 0.004);
            let up = loss(&mut run);
            change(&mut run.network, -0.008);
            let expected = (up - loss(&mut run)) / 0.008;
            change(&mut run.network, 0.004);
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
        for at in (0..d_features.len()).step_by(3).filter(|at| at % width < 12) {
            check("features", &d_features, at, &|network, by| network.features.values[at] += by);
        }
        for at in (0..d_parts.len()).step_by(3).filter(|at| at % width < 12) {
            check("parts", &d_parts, at, &|network, by| network.parts.table.values[at] += by);
        }
        assert!(d_features.chunks(width).filter(|row| row.iter().any(|&value| value != 0.0)).count() > 5);
        for at in 0..24 {
            check("bias", &d_bias, at, &|network, by| network.bias.values[at] += by);
        }
        assert_eq!(d_pools.len(), if attention { 3 } else { 1 });
        for (part, gradient) in d_pools.iter().enumerate() {
            for at in (0..gradient.len()).step_by(13) {
                check("pools", gradient, at, &|network, by| {
                    network.pools.parameters_mut().nth(part).unwrap().values[at] += by;
                });
            }
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
        let config = reading(Config { dropout: 0.3, item_dropout: 0.1, batch: 64, clip: 1.0, ..with(loss) });
        let side = beside(fold.train.events());
        let settings = Settings { epochs: 3, ..small().1 };
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
            match fit(&fold, Some(&side), &config, &settings, state.take(), &mut observe, &mut save, &mut epoch) {
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
    fit(&fold, None, &config, &settings, None, &mut |_| Control::Continue, &mut |_, _| Ok(()), &mut epoch).unwrap();
    assert_eq!(seen, 3);
}

#[test]
fn what_is_known_of_a_user_decides_where_the_history_does_not() {
    // Histories are noise, but their items are those of the user's country: 0 to 9, 10 to 19, ...
    let mut rng = Rng::new(8, 0);
    let mut fold = Fold { counts: vec![0; 30], ..Fold::default() };
    let (mut codes, mut heights) = (Vec::new(), Vec::new());
    for owner in 0..1500u32 {
        let tall = owner / 3 % 2;
        // Any item first: only the country says where the next ones are, and the height which half of them.
        let history: Vec<u32> =
            (0..2).map(|at| if at == 0 { rng.below(30) } else { owner % 3 * 10 + tall * 5 + rng.below(5) }).collect();
        history.iter().for_each(|&item| fold.counts[item as usize] += 1);
        fold.train.push(&history);
        codes.extend([owner % 3; 2]);
        heights.extend([tall * 20 + owner % 20; 2]);
    }
    let texts: Vec<String> = (0..40).map(|height| format!("{}", 150 + height)).collect();
    let column = |name: &str, names: Names, codes: Vec<u32>| Column {
        name: name.into(),
        values: Values::Categories { names, codes: codes.into() },
    };
    let columns = vec![
        column("country", ["FR", "DE", "CN"].iter().collect(), codes),
        column("height", texts.iter().collect(), heights),
    ];
    let side = Side { events: fold.train.events(), columns, ..Side::default() };
    let (config, settings) = small();
    let features = ["country", "height"].map(|text| text.parse::<Feature>().unwrap());
    let config = Config { history: 1, features: features.into(), ..config };
    let settings = Settings { epochs: 60, ..settings };
    let mut silent =
        (|_: &Progress| Control::Continue, |_: &State, _: &Youtube| Ok(()), |_: &Epoch, _: &Youtube| Ok(true));
    let model = fit(&fold, Some(&side), &config, &settings, None, &mut silent.0, &mut silent.1, &mut silent.2).unwrap();
    let tower = model.tower();
    let (_, output) = model.tables().unwrap();
    let output = crate::embeddings::Matrix::copied(&output);
    for (number, country) in ["FR", "DE", "CN"].into_iter().enumerate() {
        for (half, height) in ["152", "187"].into_iter().enumerate() {
            let value = |name: &str| Some(if name == "country" { country } else { height });
            let context = tower.schema().context(&value).unwrap();
            let mut user = vec![0.0; tower.dim()];
            tower.users(&[User { history: &[4], known: Some(context.known()), weights: None }], &mut user);
            let score = |item: u32| -> f32 { output.row(item as usize).iter().zip(&user).map(|(a, b)| a * b).sum() };
            let best = (0..30).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap() as usize;
            assert_eq!((best / 10, best % 10 / 5), (number, half), "{country}, {height}: item {best}");
        }
    }
    let wrong = tower.schema().context(&|name| (name == "height").then_some("tall")).unwrap_err().to_string();
    assert_eq!(wrong, "context is height=tall, expected a number");
}

#[test]
fn columns_are_what_their_values_say_and_wrong_ones_are_refused() {
    let side = beside(40);
    let schema = |features: &[&str], example_age: bool| {
        let features = features.iter().map(|text| text.parse().unwrap()).collect();
        Schema::of(&Config { features, example_age, ..small().0 }, Some(&side)).map_err(|error| error.to_string())
    };
    let found = schema(&["country", "height", "query:words"], true).unwrap();
    // Four countries of which one is empty, heights that are so few that they are categories, five words.
    assert_eq!((found.categories(), found.numbers(), found.has_words()), (2, 1, true));
    assert_eq!(found.rows(), (3 + 1) + (3 + 1) + (5 + 1));
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), found);
    let missing = schema(&["town"], false).unwrap_err();
    assert_eq!(missing, "there is no column 'town' to learn from; there are: country, height, query");
    assert_eq!(schema(&["country:number"], false).unwrap_err(), "'FR' in the column 'country' is no number");
    assert_eq!(
        "age:years".parse::<Feature>().unwrap_err().to_string(),
        "features is age:years, expected COLUMN, or COLUMN:category, number or words"
    );
    let kind = |text: &str| text.parse::<Feature>().unwrap().kind;
    assert_eq!((kind("a:b:number"), kind("a")), (Some(FeatureKind::Number), None));
    // The newest words of the events before, and what is known at the event.
    let contexts = schema(&["query:words", "height:number"], false).unwrap().read(&side, false);
    let words = |event: usize, most: usize| contexts.at(event, 0, event, most).words.len();
    assert_eq!((words(0, 50), words(1, 50), words(2, 50), words(8, 50), words(8, 3)), (0, 2, 4, 14, 3));
    assert_eq!(contexts.at(2, 0, 2, 1).numbers[3], 1.0, "an empty number is missing");
    let share = |event: usize| contexts.at(event, 0, event, 1).numbers[0];
    assert!(share(0) < share(1) && share(1) < share(3) && share(3) <= 1.0);
}

#[test]
fn an_item_without_events_has_a_vector_of_what_is_known_of_it() {
    // Owners like one kind of item, and one of two words in the titles.
    let mut rng = Rng::new(8, 0);
    let mut fold = Fold { counts: vec![0; 80], ..Fold::default() };
    for owner in 0..600u32 {
        let history: Vec<u32> = (0..8).map(|_| owner % 4 * 20 + owner / 4 % 2 * 10 + rng.below(10)).collect();
        history.iter().for_each(|&item| fold.counts[item as usize] += 1);
        fold.train.push(&history);
    }
    let (kinds, words) = (["hat", "coat", "shoe", "bag"], ["Blue!", "the RED one"]);
    let items = |name: &str, texts: &[&str], of: &dyn Fn(u32) -> u32| {
        let codes: Vec<u32> = (0..80).map(of).collect();
        Column { name: name.into(), values: Values::Categories { names: texts.iter().collect(), codes: codes.into() } }
    };
    let items = vec![items("kind", &kinds, &|item| item / 20), items("title", &words, &|item| item / 10 % 2)];
    let side = Side { events: fold.train.events(), items, ..Side::default() };
    let (config, settings) = small();
    for loss in [LossKind::Full, LossKind::Mixed] {
        let item_features = vec!["kind".parse().unwrap(), "title:words".parse().unwrap()];
        let config = Config { item_features, loss: Some(loss), ..config.clone() };
        let settings = Settings { epochs: 20, ..settings.clone() };
        let mut silent =
            (|_: &Progress| Control::Continue, |_: &State, _: &Youtube| Ok(()), |_: &Epoch, _: &Youtube| Ok(true));
        let model =
            fit(&fold, Some(&side), &config, &settings, None, &mut silent.0, &mut silent.1, &mut silent.2).unwrap();
        let tower = model.tower();
        for (number, kind) in kinds.iter().enumerate() {
            for (half, word) in ["blue", "red"].into_iter().enumerate() {
                let new = tower.new_item(&|name| Some(if name == "kind" { *kind } else { word })).unwrap();
                let score = |user: u32| -> f32 {
                    let history: Vec<u32> = (0..5).map(|at| user * 10 + at).collect();
                    let mut vector = vec![0.0; tower.dim()];
                    tower.users(&[history], &mut vector);
                    vector.iter().zip(&new).map(|(a, b)| a * b).sum()
                };
                let best = (0..8).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap() as usize;
                assert_eq!((best / 2, best % 2), (number, half), "{loss:?}: {kind}, {word}");
            }
        }
        assert!(tower.new_item(&|_| Some("never seen")).is_none());
        // What is served are the scores of the network.
        let (_, output) = model.tables().unwrap();
        let mut row = vec![0.0; tower.dim()];
        output.read_into(7, &mut row);
        let complete = &model.item_vectors()[7 * model.width()..][..12];
        assert_eq!(&row[..12], complete);
    }
}
