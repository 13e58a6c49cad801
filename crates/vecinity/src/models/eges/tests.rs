//! One step by hand, what the parts are worth, and that new items lie where they belong.

use super::*;
use crate::histories::Histories;
use crate::models::{Fitted, ModelConfig, word2vec};
use crate::train::{Checkpoint, Control, Loss, Settings};
use vecinity_kernel::Block;

/// A model whose loss asks for the same change of every input.
struct Push(Vec<f32>);

impl Model for Push {
    type Scratch = ();

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut ()) {
        self.train_apart(sequence, sequence, step, scratch);
    }
}

impl Apart for Push {
    fn train_apart(&self, inputs: &[u32], _: &[u32], step: &mut Step<'_>, (): &mut ()) {
        inputs.iter().for_each(|&input| step.input.add_to(input as usize, 1.0, &self.0));
    }
}

/// Items of two colours and two sizes; of `e` the size is not known.
fn corpus(sequences: &[Vec<&str>]) -> Corpus {
    let lists: Vec<(String, Vec<&str>)> =
        sequences.iter().enumerate().map(|(at, s)| (at.to_string(), s.clone())).collect();
    let histories = Histories::from_lists(&lists, true).unwrap();
    let colour = |item: &str| Some(if "abe".contains(item) { "red" } else { "blue" });
    let size = |item: &str| {
        if "ac".contains(item) {
            Some("small")
        } else if item == "e" {
            None
        } else {
            Some("large")
        }
    };
    let histories = histories.with_column_of_items("colour", &colour).with_column_of_items("size", &size);
    let each = (0..histories.len()).map(|row| histories.history(row).items);
    let corpus = Corpus::from_sequences(histories.items(), each, None, 1).unwrap();
    let items = histories.beside_items(corpus.vocab());
    let events = corpus.tokens().len();
    corpus.with_side(crate::histories::Side { events, items, ..Default::default() }).unwrap()
}

fn schema(corpus: &Corpus) -> Schema {
    let features = ["colour", "size"].map(|name| name.parse().unwrap());
    Schema::of_items(&features, corpus.side()).unwrap()
}

fn row(table: &SharedRows, at: usize) -> Vec<f32> {
    let mut row = vec![0.0; table.dim()];
    table.read_into(at, &mut row);
    row
}

fn assert_near(found: &[f32], expected: &[f32]) {
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near && found.len() == expected.len(), "{found:?}, expected {expected:?}");
}

#[test]
fn a_step_is_the_one_worked_out_by_hand() {
    let corpus = corpus(&[vec!["a", "b", "c", "d", "e"], vec!["a", "b", "c", "d"]]);
    let push = [0.5f32, -1.0];
    let model = Eges::new(Push(push.to_vec()), schema(&corpus), Weights::Learned, &corpus);
    let tokens = corpus.vocab().len();
    // Rows behind the items': for colour "all others", blue, red; for size "all others", large, small.
    assert_eq!((model.input_rows(tokens), model.more()), (tokens + 6, vec![(tokens, 3)]));
    let item = corpus.vocab().get("a").unwrap().row();
    let (own, red, small) = (item, tokens + 2, tokens + 5);
    let mut input = SharedRows::zeroed(tokens + 6, 2).unwrap();
    input.row_mut(own).copy_from_slice(&[1.0, 0.0]);
    input.row_mut(red).copy_from_slice(&[0.0, 2.0]);
    input.row_mut(small).copy_from_slice(&[-1.0, 1.0]);
    let mut logits = SharedRows::zeroed(tokens, 3).unwrap();
    logits.row_mut(item).copy_from_slice(&[0.0, 2f32.ln(), 0.0]);
    let more = [logits];
    // Shares 1/4, 1/2, 1/4: H = (0, 1.25).
    assert_near(&row(&model.completed(&input, &more).unwrap(), item), &[0.0, 1.25]);
    let output = SharedRows::zeroed(tokens, 2).unwrap();
    // With a draw in which the item keeps its own vector.
    let seed = (0..).find(|&seed| Rng::new(seed, 0).below(WITHOUT) != 0).unwrap();
    let mut step = Step {
        input: (&input).into(),
        output: (&output).into(),
        more: &more,
        block: Block::new(),
        rng: Rng::new(seed, 0),
        rate: 0.01,
        loss: Loss::default(),
        goal: None,
        refused: &[],
    };
    model.train(&[item as u32], &mut step, &mut Scratch::default());
    // The sum of the squared shares is 3/8: the parts move by 2/3, 4/3 and 2/3 of the push, H by the whole of it.
    let moved = |from: [f32; 2], factor: f32| [from[0] + factor * push[0], from[1] + factor * push[1]];
    assert_near(&row(&input, own), &moved([1.0, 0.0], 2.0 / 3.0));
    assert_near(&row(&input, red), &moved([0.0, 2.0], 4.0 / 3.0));
    // The last part of a sum is left as the others: nothing else of the table has moved.
    assert_near(&row(&input, small), &moved([-1.0, 1.0], 2.0 / 3.0));
    assert_near(&row(&input, tokens + 1), &[0.0, 0.0]);
    // (W - H) . push: own 0.5 + 1.25 = 1.75; red -2 + 1.25 = -0.75; small -0.5 - 1 + 1.25 = -0.25; times the shares.
    // The pull takes three times the rate of each logit: 3 % of ln 2.
    assert_near(&row(&more[0], item), &[1.75 / 4.0, 2f32.ln() * 0.97 - 0.75 / 2.0, -0.25 / 4.0]);
}

/// What a logit learns, but for the pull, is the slope of what the loss gains: `d (push . H) / d b`, by finite differences.
#[test]
fn logits_move_along_the_slope_of_the_loss() {
    let corpus = corpus(&[vec!["a", "b", "c", "d", "e"], vec!["a", "b", "c", "d"]]);
    let push = [0.3f32, -0.7, 0.2];
    let model = Eges::new(Push(push.to_vec()), schema(&corpus), Weights::Learned, &corpus);
    let tokens = corpus.vocab().len();
    let item = corpus.vocab().get("d").unwrap().row();
    let mut chance = Rng::new(3, 0);
    let mut draw = || (0..3).map(|_| chance.below(2001) as f32 / 1000.0 - 1.0).collect::<Vec<_>>();
    let mut input = SharedRows::zeroed(tokens + 6, 3).unwrap();
    (0..tokens + 6).for_each(|at| input.row_mut(at).copy_from_slice(&draw()));
    let start = draw();
    let logits = |moved: usize, by: f32| {
        let mut logits = SharedRows::zeroed(tokens, 3).unwrap();
        logits.row_mut(item).copy_from_slice(&start);
        logits.row_mut(item)[moved] += by;
        [logits]
    };
    let gain = |moved: usize, by: f32| dot(&row(&model.completed(&input, &logits(moved, by)).unwrap(), item), &push);
    let slope: Vec<f32> = (0..3).map(|at| (gain(at, 0.01) - gain(at, -0.01)) / 0.02).collect();
    let more = logits(0, 0.0);
    let output = SharedRows::zeroed(tokens, 3).unwrap();
    let seed = (0..).find(|&seed| Rng::new(seed, 0).below(WITHOUT) != 0).unwrap();
    let mut step = Step {
        input: (&input).into(),
        output: (&output).into(),
        more: &more,
        block: Block::new(),
        rng: Rng::new(seed, 0),
        rate: 0.025,
        loss: Loss::default(),
        goal: None,
        refused: &[],
    };
    model.train(&[item as u32], &mut step, &mut Scratch::default());
    for ((found, start), slope) in row(&more[0], item).iter().zip(&start).zip(&slope) {
        let learned = found - start + PULL * 0.025 * start;
        assert!((learned - slope).abs() < 1e-4 && slope.abs() > 1e-3, "{learned}, expected {slope}");
    }
}

#[test]
fn what_is_not_known_is_left_out_and_new_items_have_no_part_of_their_own() {
    let corpus = corpus(&[vec!["a", "b", "c", "d", "e"], vec!["a", "b", "c", "d"]]);
    let model = Eges::new(Push(vec![0.0, 0.0]), schema(&corpus), Weights::Equal, &corpus);
    let tokens = corpus.vocab().len();
    let mut input = SharedRows::zeroed(tokens + 6, 2).unwrap();
    input.row_mut(tokens + 2).copy_from_slice(&[0.0, 2.0]);
    input.row_mut(tokens + 4).copy_from_slice(&[6.0, 0.0]);
    let more = [SharedRows::zeroed(tokens, 3).unwrap()];
    let made = model.completed(&input, &more).unwrap();
    let of = |item: &str| row(&made, corpus.vocab().get(item).unwrap().row());
    assert_near(&of("e"), &[0.0, 1.0]);
    assert_near(&of("b"), &[2.0, 2.0 / 3.0]);
    let table = Matrix::copied(&input);
    let parts = Matrix::new(6, 2, table.as_slice()[tokens * 2..].to_vec());
    let parts = Parts::new(schema(&corpus), parts, Matrix::new(1, 2, vec![0.0, 3f32.ln()])).unwrap();
    let fields = |name: &str| Some(if name == "colour" { "red" } else { "large" });
    assert_near(&parts.new_item(&fields).unwrap(), &[4.5, 0.5]);
    let colour = |name: &str| (name == "colour").then_some("red");
    assert_near(&parts.new_item(&colour).unwrap(), &[0.0, 2.0]);
    assert!(parts.new_item(&|_| None).is_none() && parts.new_item(&|_| Some("green")).is_none());
    assert!(Parts::new(schema(&corpus), Matrix::new(5, 2, vec![0.0; 10]), Matrix::new(1, 2, vec![0.0; 2])).is_err());
}

/// Sessions of red or of blue items.
fn sessions() -> Corpus {
    let mut rng = Rng::new(1, 0);
    let mut draw = |from: [&'static str; 3]| (0..6).map(|_| from[rng.below(3) as usize]).collect::<Vec<_>>();
    let all: Vec<Vec<&str>> =
        (0..400).map(|at| if at % 2 == 0 { draw(["a", "b", "e"]) } else { draw(["c", "d", "f"]) }).collect();
    corpus(&all)
}

fn fitted(corpus: &Corpus, weights: Weights, until: Option<u64>) -> (Option<Checkpoint>, Option<Fitted>) {
    let config = word2vec::Config {
        item_features: vec!["colour".parse().unwrap(), "size".parse().unwrap()],
        item_weights: weights,
        ..word2vec::Config::default()
    };
    let settings = Settings { dim: 8, epochs: 20, subsample: 0.0, ..Settings::default() };
    let mut kept = None;
    let model = ModelConfig::Word2vec(config);
    let mut save = |state: &Checkpoint| {
        let copy = |table: &SharedRows| Matrix::copied(table).to_table();
        let more = state.more.iter().map(copy).collect::<Result<_>>()?;
        kept = Some(Checkpoint {
            next_chunk: state.next_chunk,
            input: copy(&state.input)?,
            output: copy(&state.output)?,
            more,
        });
        Ok(())
    };
    let mut observe = |_: &crate::train::Progress| Control::Continue;
    let mut stop = |_: u32, _: crate::models::Behind<'_>| Ok(true);
    let made = model.fit_by_epoch(corpus, &settings, None, &mut observe, &mut save, until.map(|_| &mut stop as _));
    (kept, made.ok())
}

#[test]
fn a_new_item_lies_with_the_items_of_its_kind() {
    let corpus = sessions();
    for weights in [Weights::Learned, Weights::Equal] {
        let made = fitted(&corpus, weights, None).1.unwrap();
        let parts = made.parts.unwrap();
        let new = parts.new_item(&|name| (name == "colour").then_some("red")).unwrap();
        let cosine = |item: &str| {
            let known = row(&made.trained.input, corpus.vocab().get(item).unwrap().row());
            dot(&new, &known) / (dot(&new, &new) * dot(&known, &known)).sqrt()
        };
        assert!(cosine("a").min(cosine("b")) > cosine("c").max(cosine("d")) + 0.3, "{weights:?}");
        let shares: f32 = parts.shares().map(|(_, share)| share).sum();
        assert!((shares - 1.0).abs() < 1e-5);
    }
}
