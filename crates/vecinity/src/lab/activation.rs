//! What is the activation of the hidden layer: is it a sigmoid?
//!
//! One network from histories to the next item, four functions of its hidden layer, everything else equal. There is no
//! residual around the hidden layer, so that all that the network knows goes through it.

use super::page::{Page, mean_and_deviation, spread};
use super::problem::{Difference, Problem, Tested, all, histories, mean_of_each};
use super::{Options, Watch, rates};
use crate::deep::Activation;
use crate::error::Result;
use crate::eval::recommend::{mean_ndcg, rank};
use crate::histories::Histories;
use crate::models::youtube::{Config, Epoch, LossKind, Youtube, fit};
use crate::report::charts::{Axes, Line};
use crate::report::plot;
use crate::train::{Control, Settings};

const DIM: usize = 32;
const HIDDEN: usize = 64;
const HISTORY: usize = 20;
const POOLS: usize = 4;
/// A unit whose slope is below this share of the steepest for every history has stopped to learn.
const DEAD: f32 = 0.01;

/// One training.
struct Run {
    rate: f32,
    seed: u64,
    /// Validation behind each epoch: NDCG@10.
    curve: Vec<f64>,
    model: Youtube,
}

impl Run {
    fn best(&self) -> f64 {
        self.curve.iter().copied().fold(0.0, f64::max)
    }
}

/// What one training did, as it is reported.
#[derive(serde::Serialize)]
struct Row {
    seed: u64,
    epoch: usize,
    valid_ndcg: f64,
    test: Tested,
    units: Units,
}

/// How hidden values are.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
struct Units {
    /// Share of hidden values below zero.
    negative: f64,
    /// Share of the values of user vectors below zero.
    negative_of_users: f64,
    /// Share of hidden units that no history can change any more.
    dead: f64,
}

impl Units {
    fn new(activation: Activation, hidden: &[f32], width: usize, users: &[f32]) -> Self {
        let below =
            |values: &[f32]| values.iter().filter(|&&value| value < 0.0).count() as f64 / values.len().max(1) as f64;
        let steepest = if activation == Activation::Sigmoid { 0.25 } else { 1.0 };
        let mut slopes = vec![0.0f32; width];
        for row in hidden.chunks_exact(width) {
            for (most, &y) in slopes.iter_mut().zip(row) {
                *most = most.max(activation.slope(y) / steepest);
            }
        }
        let dead = slopes.iter().filter(|&&slope| slope < DEAD).count() as f64 / width as f64;
        Self { negative: below(hidden), negative_of_users: below(users), dead }
    }
}

/// One function with all its trainings.
#[derive(serde::Serialize)]
struct Arm {
    activation: Activation,
    rate: f32,
    /// NDCG@10 of validation by learning rate, rising, first seed.
    rates: Vec<(f32, f64)>,
    /// NDCG@10 of validation behind each epoch, mean over seeds.
    curve: Vec<f64>,
    seeds: Vec<Row>,
    /// HR@10 and NDCG@10 against ReLU, question by question.
    hr_against_relu: Difference,
    ndcg_against_relu: Difference,
    #[serde(skip)]
    hits: Vec<f64>,
    #[serde(skip)]
    ndcg: Vec<f64>,
}

impl Arm {
    fn each(&self, of: impl Fn(&Row) -> f64) -> Vec<f64> {
        self.seeds.iter().map(of).collect()
    }

    fn name(&self) -> &'static str {
        self.activation.name()
    }
}

/// Answers the question by measurement.
///
/// # Errors
/// Options out of range, or data that nothing can be learned from.
pub fn activation(of: &Histories, options: &Options, watch: Watch<'_>) -> Result<Page> {
    options.check()?;
    let problem = Problem::new(of)?;
    let budget = Budget::new(&problem, options.examples);
    let job = |job: (Activation, f32, u64)| {
        let run = train(&problem, &budget, job)?;
        let (activation, rate, seed) = job;
        let line = format!("{:<9}rate {rate:<6} seed {seed}   validation NDCG@10 {:.4}", activation.name(), run.best());
        Ok((run, line))
    };
    let kinds = Activation::ALL.map(|(_, kind)| kind);
    let mut tried = |jobs: Vec<(usize, f32)>| {
        let jobs = jobs.into_iter().map(|(arm, rate)| (kinds[arm], rate, 1)).collect();
        all(jobs, options.threads, &mut *watch, job)
    };
    let firsts = rates::choose(kinds.len(), &mut tried, Run::best)?;
    let seeds = |rate: f32| (2..=options.seeds).map(move |seed| (rate, seed));
    let others: Vec<_> = (kinds.iter().zip(&firsts))
        .flat_map(|(&kind, (_, first))| seeds(first.rate).map(move |(rate, seed)| (kind, rate, seed)))
        .collect();
    let mut rest = all(others, options.threads, watch, job)?.into_iter();
    let mut arms: Vec<Arm> = Vec::new();
    for (kind, (rates, first)) in kinds.into_iter().zip(firsts) {
        let runs: Vec<Run> = std::iter::once(first).chain(rest.by_ref().take(options.seeds as usize - 1)).collect();
        arms.push(report(&problem, kind, rates, &runs, arms.first()));
    }
    Ok(page(&problem, options, &budget, &arms))
}

/// How long is trained.
struct Budget {
    per_owner: usize,
    epochs: u32,
}

impl Budget {
    /// Five epochs of some examples of each owner, or more of all, until so many have been learned from.
    fn new(problem: &Problem, examples: u64) -> Self {
        let (all, owners) = (problem.in_an_epoch().max(1), problem.learn.train.len().max(1) as u64);
        let epochs = (examples / all).clamp(5, 50);
        let per_owner = if all * epochs <= examples { 0 } else { (examples / epochs / owners).max(1) };
        Self { per_owner: per_owner as usize, epochs: epochs as u32 }
    }
}

fn train(problem: &Problem, budget: &Budget, (activation, rate, seed): (Activation, f32, u64)) -> Result<Run> {
    let config = Config {
        activation,
        history: HISTORY,
        pools: POOLS,
        attention: false,
        hidden: vec![HIDDEN],
        residual: false,
        dropout: 0.0,
        loss: Some(LossKind::Full),
        temperature: 0.0,
        per_owner: budget.per_owner,
        batch: 256,
        ..Config::default()
    };
    let settings = Settings { dim: DIM, epochs: budget.epochs, learning_rate: rate, seed, ..Settings::default() };
    let (mut curve, mut best): (Vec<f64>, Option<Youtube>) = (Vec::new(), None);
    let mut epoch = |_: &Epoch, model: &Youtube| {
        let ndcg = mean_ndcg(&rank(model, &problem.valid, 1));
        if curve.iter().all(|&before| ndcg > before) {
            best = Some(model.clone());
        }
        curve.push(ndcg);
        Ok(true)
    };
    let fold = &problem.learn;
    let last = fit(fold, None, &config, &settings, None, &mut |_| Control::Continue, &mut |_, _| Ok(()), &mut epoch)?;
    Ok(Run { rate, seed, curve, model: best.unwrap_or(last) })
}

fn report(problem: &Problem, kind: Activation, rates: Vec<(f32, f64)>, runs: &[Run], relu: Option<&Arm>) -> Arm {
    let asked = histories(&problem.test.queries);
    let row = |run: &Run| {
        let best = run.best();
        let hidden = run.model.activations(0, &asked);
        Row {
            seed: run.seed,
            epoch: run.curve.iter().position(|&ndcg| ndcg == best).map_or(0, |at| at + 1),
            valid_ndcg: best,
            test: Tested::new(&run.model, &problem.test),
            units: Units::new(kind, &hidden, HIDDEN, &run.model.user_vectors(&asked)),
        }
    };
    let seeds: Vec<Row> = runs.iter().map(row).collect();
    let hits = mean_of_each(seeds.iter().map(|row| row.test.hit_of_each.as_slice()));
    let ndcg = mean_of_each(seeds.iter().map(|row| row.test.ndcg_of_each.as_slice()));
    let (hr_against_relu, ndcg_against_relu) = match relu {
        Some(relu) => (Difference::new(&hits, &relu.hits), Difference::new(&ndcg, &relu.ndcg)),
        None => (Difference { mean: 0.0, half: 0.0 }, Difference { mean: 0.0, half: 0.0 }),
    };
    let curve = mean_of_each(runs.iter().map(|run| run.curve.as_slice()));
    let rate = runs.first().map_or(0.0, |run| run.rate);
    Arm { activation: kind, rate, rates, curve, seeds, hr_against_relu, ndcg_against_relu, hits, ndcg }
}

fn page(problem: &Problem, options: &Options, budget: &Budget, arms: &[Arm]) -> Page {
    let mut page = Page::new("activation", "What is the activation of the hidden layer, is it a sigmoid?");
    let against = |arm: &Arm| match arm.activation {
        Activation::Relu => String::new(),
        _ => arm.ndcg_against_relu.to_string(),
    };
    let rows: Vec<Vec<String>> = arms
        .iter()
        .map(|arm| {
            vec![
                arm.name().to_owned(),
                format!("{}", arm.rate),
                spread(&arm.each(|row| row.test.loss), 3),
                spread(&arm.each(|row| row.test.hr), 4),
                spread(&arm.each(|row| row.test.ndcg), 4),
                against(arm),
                percent(&arm.each(|row| row.units.negative)),
                percent(&arm.each(|row| row.units.negative_of_users)),
                percent(&arm.each(|row| row.units.dead)),
            ]
        })
        .collect();
    page.summary = summary(arms);
    page.paragraph(&page.summary.join(" "));
    page.section("A network from histories to the next item");
    let epochs = budget.epochs;
    page.paragraph(&format!(
        "One network, four functions of its hidden layer, all else equal: {POOLS} learned weightings of the last {HISTORY} items, \
         {HIDDEN} hidden units, user vectors of {DIM} values, full softmax, Adam, {epochs} epochs, no dropout, and no \
         residual around the hidden layer, so that everything goes through it. For each function validation chooses the epoch \
         and {}; the test is asked once. ± is the deviation over seeds; differences are \
         of NDCG@10, question by question, with a 95 % interval. A unit is dead if its slope is below {:.0} % of the \
         steepest for every history of the test.",
        rates::in_words(),
        100.0 * DEAD
    ));
    page.table(
        &[
            "activation",
            "rate",
            "loss",
            "HR@10",
            "NDCG@10",
            "against ReLU",
            "negative hidden values",
            "negative values of users",
            "dead units",
        ],
        &rows,
    );
    let curve = |arm: &Arm| Line {
        name: arm.name().to_owned(),
        points: arm.curve.iter().enumerate().map(|(at, &ndcg)| [at as f64 + 1.0, ndcg]).collect(),
    };
    let lines: Vec<Line> = arms.iter().map(curve).collect();
    let label = "NDCG@10 on validation by epoch, for each activation";
    page.picture("curves", label, plot::curves(label, Axes::Linear, ["epoch", "NDCG@10, validation"], &lines));
    let intervals: Vec<(&str, f64, [f64; 2])> = arms
        .iter()
        .map(|arm| {
            let (mean, deviation) = mean_and_deviation(&arm.each(|row| row.test.hr));
            (arm.name(), mean, [(mean - 2.0 * deviation).max(0.0), mean + 2.0 * deviation])
        })
        .collect();
    let label = "HR@10 on the test, two deviations over seeds to either side";
    page.picture("hr", label, plot::intervals(label, &intervals));
    words(&mut page);
    page.section("How it was measured");
    page.paragraph(&problem.facts(options));
    page.figures = serde_json::json!({"data": options.data, "seeds": options.seeds, "epochs": epochs, "arms": arms});
    page
}

/// The same question for word2vec, which needs no experiment.
fn words(page: &mut Page) {
    page.section("And in word2vec?");
    page.paragraph(
        "There the hidden layer is the identity: a word's row of the input matrix goes to the products as it is, and the sigmoid \
         stands behind them, in the loss. An experiment with another function in skip-gram would show nothing but its range: one \
         word comes in, so the hidden layer is one row, and a function of every value of a row is another table, confined to what the function \
         can give: (0, 1) of the sigmoid, (-1, 1) of tanh, no negative values of ReLU. Every table that can be learned so \
         can be learned with the identity too, and not the other way round. Vectors without negative values have no angle above 90 degrees: \
         nothing could be the opposite of anything. A function of the hidden layer is of use only where it stands behind a sum of several \
         inputs and a layer of weights, as above.",
    );
}

fn percent(shares: &[f64]) -> String {
    format!("{:.0} %", 100.0 * mean_and_deviation(shares).0)
}

fn summary(arms: &[Arm]) -> Vec<String> {
    let mut lines = vec![
        "No: word2vec has none (the identity), and a network for recommendations may have any; here is what each is worth.".to_owned(),
    ];
    for arm in arms {
        let hr = mean_and_deviation(&arm.each(|row| row.test.hr)).0;
        lines.push(match arm.activation {
            Activation::Relu => format!("ReLU: HR@10 {hr:.4}."),
            _ => format!("{}: HR@10 {hr:.4}, against ReLU {}.", capital(arm.name()), arm.hr_against_relu),
        });
    }
    lines
}

fn capital(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::walks;
    use super::*;

    fn options(threads: usize) -> Options {
        Options { seeds: 2, examples: 20_000, threads, data: "walks".into(), command: "test".into() }
    }

    #[test]
    fn units_are_counted_by_hand() {
        // Two units, three histories: the second never above zero.
        let hidden = [1.0, 0.0, 0.0, 0.0, 2.0, 0.0];
        let units = Units::new(Activation::Relu, &hidden, 2, &[-1.0, 1.0, 2.0, 3.0]);
        assert_eq!(units, Units { negative: 0.0, negative_of_users: 0.25, dead: 0.5 });
        // A sigmoid at 0.999 has a slope of 0.001, four thousandths of the steepest.
        assert_eq!(Units::new(Activation::Sigmoid, &[0.999, 0.5], 2, &[]).dead, 0.5);
        assert_eq!(Units::new(Activation::Identity, &[-9.0, 9.0], 2, &[]).dead, 0.0);
    }

    #[test]
    fn budgets_take_some_of_each_owner_or_all_often() {
        let problem = Problem::new(&walks(100, 12, 40)).unwrap();
        // Ten events are left of each history, nine examples.
        assert_eq!(problem.in_an_epoch(), 900);
        let few = Budget::new(&problem, 1_000);
        assert_eq!((few.per_owner, few.epochs), (2, 5));
        let many = Budget::new(&problem, 20_000);
        assert_eq!((many.per_owner, many.epochs), (0, 22));
    }

    #[test]
    fn all_functions_learn_a_walk_and_threads_change_no_figure() {
        let data = walks(150, 14, 30);
        let one = activation(&data, &options(1), &mut |_| {}).unwrap();
        let three = activation(&data, &options(3), &mut |_| {}).unwrap();
        assert_eq!(one.figures, three.figures);
        assert_eq!(one.markdown(), three.markdown());
        for arm in one.figures["arms"].as_array().unwrap() {
            let hr = arm["seeds"][0]["test"]["hr"].as_f64().unwrap();
            // Two of thirty can follow: ten at random hold the target in a third of all cases (some items are known).
            assert!(hr > 0.9, "{} {hr}", arm["activation"]);
            let negative = arm["seeds"][0]["units"]["negative"].as_f64().unwrap();
            let mixed = ["identity", "tanh"].contains(&arm["activation"].as_str().unwrap());
            assert_eq!(mixed, negative > 0.05, "{} {negative}", arm["activation"]);
        }
        assert!(one.markdown().contains("| sigmoid |"));
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let wrong = Options { seeds: 0, ..options(1) };
        let error = activation(&walks(20, 9, 20), &wrong, &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "seeds is 0, expected 1 to 100");
    }
}
