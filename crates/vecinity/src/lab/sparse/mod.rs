//! Why do deep nets dislike very sparse input?
//!
//! | file | job |
//! |---|---|
//! | `network` | a next-item network whose first layer is dense, a table, or a table that stays |
//! | `cost` | what the first layer costs as the catalogue grows |
//! | `learning` | what a table and pre-trained vectors are worth |
//!
//! Two questions are in this one. The **cost**: a first layer that multiplies with zeros grows with the catalogue, though a
//! history has ten items; rows by number (an embedding) give the same result. And the **learning**: a weight learns only
//! from examples that hold its item, so rare items have hardly any; vectors from elsewhere can help, or not.

mod cost;
mod learning;
mod network;

use super::page::{Page, mean_and_deviation, spread};
use super::problem::Problem;
use super::{Options, Watch, rates};
use crate::error::{Result, grouped};
use crate::histories::Histories;
use crate::report::charts::{Axes, Line};
use crate::report::plot;
use cost::Cost;
use learning::{Arm, Learned, RARE};
use network::{DIM, HISTORY};

/// Answers the question by measurement.
///
/// # Errors
/// Options out of range, or data that nothing can be learned from.
pub fn sparse(of: &Histories, options: &Options, watch: Watch<'_>) -> Result<Page> {
    options.check()?;
    let problem = Problem::new(of)?;
    let mut costs = cost::growing();
    costs.push(cost::of_data(&problem));
    for cost in &costs {
        let faster = cost.dense.milliseconds / cost.table.milliseconds.max(1e-9);
        let items = grouped(cost.items as u64);
        watch(format!("{items:>9} items   rows by number are {faster:.0} times faster than the whole matrix"));
    }
    let learned = learning::learn(of, &problem, options, watch)?;
    Ok(page(&problem, options, &costs, &learned))
}

fn page(problem: &Problem, options: &Options, costs: &[Cost], learned: &Learned) -> Page {
    let mut page = Page::new("sparse", "Why do deep nets dislike very sparse input?");
    page.summary = summary(costs, learned);
    page.paragraph(&page.summary.join(" "));
    cost_section(&mut page, costs);
    learning_section(&mut page, learned, options.seeds);
    page.section("How it was measured");
    page.paragraph(&problem.facts(options));
    page.figures = serde_json::json!({
        "data": options.data, "seeds": options.seeds, "costs": costs, "fixed_loss": learned.fixed_loss, "arms": learned.arms,
    });
    page
}

fn cost_section(page: &mut Page, costs: &[Cost]) {
    page.section("What the first layer costs");
    page.paragraph(&format!(
        "One network: histories of up to {HISTORY} items come in as a vector with a value an item (1/n for each of its n items), \
         a first layer of {DIM} values, a ReLU layer, a softmax over all items; batches of {} examples, one thread. Its first layer is \
         computed twice, from the same start on the same batches: **dense**, as a product with the whole matrix, whose gradient and \
         optimiser (Adam) go over all of it too; and as a **table**, of which only the rows of the batch's items are read \
         and written. Milliseconds are medians of a step's forward, backward and optimiser of that layer alone; bytes are \
         counted from the shapes: every value read or written once (f32). Events are drawn by Zipf's law; the last line is the given data.",
        crate::deep::GROUP
    ));
    let rows: Vec<Vec<String>> = costs
        .iter()
        .map(|cost| {
            vec![
                grouped(cost.items as u64),
                grouped((cost.items * DIM) as u64),
                format!("{:.3} %", 100.0 * cost.nonzero_inputs),
                format!("{:.2} %", 100.0 * cost.touched),
                format!("{:.3}", cost.dense.milliseconds),
                format!("{:.3}", cost.table.milliseconds),
                megabytes(cost.dense.bytes),
                megabytes(cost.table.bytes),
                format!("{:.0e}", cost.losses_apart),
                format!("{:.0e}", cost.apart),
            ]
        })
        .collect();
    page.table(
        &[
            "items",
            "weights of layer 1",
            "inputs other than zero",
            "weights with a gradient in a step",
            "dense, ms",
            "table, ms",
            "dense, MB moved",
            "table, MB moved",
            "losses apart",
            "weights apart",
        ],
        &rows,
    );
    let grown = || costs.iter().take(cost::GROWTH.len());
    let line = |name: &str, of: &dyn Fn(&Cost) -> f64| Line {
        name: name.into(),
        points: grown().map(|cost| [cost.items as f64, of(cost)]).collect(),
    };
    let lines = [line("dense", &|cost| cost.dense.milliseconds), line("table", &|cost| cost.table.milliseconds)];
    let label = "Milliseconds of the first layer in a step, by items of the catalogue";
    page.picture("cost", label, plot::curves(label, Axes::Powers, ["items", "ms a step"], &lines));
    page.paragraph(
        "The last columns say that the results are the same: the largest difference of the losses of a step, as a share of the loss, and \
         the distance of the weights behind all steps, as a share of the way they went. (What remains is rounding, enlarged by Adam, \
         which makes steps of one size of gradients of any size.) So the dense form buys nothing: what is disliked is not sparse \
         input but multiplying with its zeros. An embedding **is** a dense layer on one-hot input, computed without them.",
    );
}

fn learning_section(page: &mut Page, learned: &Learned, seeds: u64) {
    page.section("What the first layer learns");
    page.paragraph(&format!(
        "The same network on the given data, from three starts of its first layer: **random** and learned; **pre-trained** (skip-gram \
         vectors of the same histories, scaled to the same mean square) and frozen; pre-trained and learned further. For each, \
         validation chooses the step and {}; the test is asked once. ± is the deviation over seeds. The \
         fixed loss, {:.3} on validation, is the lowest that all three reach. Rare items occur fewer than {RARE} times in what is learned from: {} \
         of {} questions are about one.",
        rates::in_words(),
        learned.fixed_loss,
        grouped(learned.rare as u64),
        grouped(learned.questions as u64),
    ));
    let mean_steps = |arm: &Arm| {
        let steps: Vec<f64> = arm.seeds.iter().filter_map(|row| row.steps.map(|steps| steps as f64)).collect();
        match steps.len() as u64 {
            0 => "never".to_owned(),
            n if n == seeds => format!("{:.0}", mean_and_deviation(&steps).0),
            n => format!("{:.0} ({n} of {seeds} seeds)", mean_and_deviation(&steps).0),
        }
    };
    let against =
        |difference: Option<super::problem::Difference>| difference.map_or_else(String::new, |d| d.to_string());
    let rows: Vec<Vec<String>> = learned
        .arms
        .iter()
        .map(|arm| {
            vec![
                arm.name.to_owned(),
                format!("{}", arm.rate),
                grouped(arm.learned_weights as u64),
                mean_steps(arm),
                spread(&arm.each(|row| row.test.loss), 3),
                spread(&arm.each(|row| row.test.hr), 4),
                against(arm.against_random),
                spread(&arm.each(|row| row.rare_hr), 4),
                against(arm.rare_against_random),
            ]
        })
        .collect();
    page.table(
        &[
            "first layer",
            "rate",
            "learned weights of layer 1",
            "steps to the fixed loss",
            "loss on the test",
            "HR@10",
            "against random",
            "HR@10 of rare items",
            "against random",
        ],
        &rows,
    );
    let line = |arm: &Arm| Line { name: arm.name.into(), points: arm.curve.clone() };
    let lines: Vec<Line> = learned.arms.iter().map(line).collect();
    let label = "Loss on validation by step, for each start of the first layer";
    page.picture("loss", label, plot::curves(label, Axes::Linear, ["step", "loss, validation"], &lines));
}

fn megabytes(bytes: f64) -> String {
    let mb = bytes / 1e6;
    if mb >= 10.0 { grouped(mb.round() as u64) } else { format!("{mb:.2}") }
}

fn summary(costs: &[Cost], learned: &Learned) -> Vec<String> {
    let mut lines = Vec::new();
    let grown = &costs[..cost::GROWTH.len()];
    if let [small, .., large] = grown {
        let times = |of: &dyn Fn(&Cost) -> f64| of(large) / of(small).max(1e-12);
        lines.push(format!(
            "Not the sparse input is the trouble, but multiplying with its zeros: from {} to {} items a step of a dense first layer takes {:.0} \
             times as long, of a table {:.1} times; at {} items the table moves {:.0} times fewer bytes, and its losses are the same (to {:.0e}).",
            grouped(small.items as u64),
            grouped(large.items as u64),
            times(&|cost| cost.dense.milliseconds),
            times(&|cost| cost.table.milliseconds),
            grouped(large.items as u64),
            large.dense.bytes / large.table.bytes,
            large.losses_apart,
        ));
        lines.push(format!(
            "What stays is that a weight learns only from examples with its item: {:.2} % of the first layer's weights have a gradient in \
             a step.",
            100.0 * large.touched
        ));
    }
    for arm in &learned.arms {
        let hr = mean_and_deviation(&arm.each(|row| row.test.hr)).0;
        let rare = mean_and_deviation(&arm.each(|row| row.rare_hr)).0;
        let against = arm.against_random.map_or_else(String::new, |difference| format!(" ({difference})"));
        lines.push(format!("First layer {}: HR@10 {hr:.4}{against}, of rare items {rare:.4}.", arm.name));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::walks;
    use super::*;

    #[test]
    fn the_page_says_what_was_measured_and_threads_change_nothing_that_is_learned() {
        let data = walks(120, 12, 40);
        let options =
            |threads| Options { seeds: 2, examples: 12_000, threads, data: "walks".into(), command: "test".into() };
        let problem = Problem::new(&data).unwrap();
        let one = learning::learn(&data, &problem, &options(1), &mut |_| {}).unwrap();
        let three = learning::learn(&data, &problem, &options(3), &mut |_| {}).unwrap();
        assert_eq!(serde_json::to_value(&one.arms).unwrap(), serde_json::to_value(&three.arms).unwrap());
        assert_eq!(one.arms.len(), 3);
        for arm in &one.arms {
            // Two of forty can follow; ten at random hold the target in a third of all cases, known items left out.
            let hr = mean_and_deviation(&arm.each(|row| row.test.hr)).0;
            assert!(hr > 0.6, "{} {hr}", arm.name);
            assert!(arm.seeds.iter().any(|row| row.steps.is_some()), "{}", arm.name);
        }
        let costs = [cost::measure(2_000, 6, 3), cost::of_data(&problem)];
        for cost in &costs {
            assert!(cost.losses_apart < 1e-3 && cost.apart < 0.2, "{cost:?}");
        }
        assert!(costs[0].dense.bytes > 5.0 * costs[0].table.bytes, "{:?}", costs[0]);
        // Every seed of a page has its row, and the page has both pictures.
        let costs: Vec<Cost> = cost::GROWTH.iter().map(|_| costs[0].clone()).chain([costs[1].clone()]).collect();
        let page = page(&problem, &options(1), &costs, &one);
        assert!(page.markdown().contains("sparse-cost.svg") && page.markdown().contains("sparse-loss.svg"));
        assert_eq!(page.figures["arms"].as_array().unwrap().len(), 3);
    }
}
