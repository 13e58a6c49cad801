//! The sections about figures.

use super::charts::{Bar, Heat, Marked, Range, bars, columns, curve, heat, ranges};
use super::page::{Page, escape};
use super::training;
use crate::baselines::Memory;
use crate::error::{counted, grouped};
use crate::eval::recommend::{Group, Holdout, Metrics, Verdict};
use crate::index::Metric;
use crate::recommend::{Evaluation, MetricsFile, Pair, Recipe, Row, Trial};

/// The verdict, and the three figures to remember.
pub(super) fn verdict(page: &mut Page, evaluation: &Evaluation) {
    let class = match evaluation.verdict {
        Verdict::Ship { .. } => "good",
        Verdict::Tie { .. } => "fair",
        Verdict::DoNotShip { .. } => "poor",
        Verdict::Alone => "",
    };
    let text = evaluation.verdict.to_string();
    let mut words = text.chars();
    let text = words.next().map_or_else(String::new, |first| first.to_uppercase().chain(words).collect());
    // What it comes to stands out.
    let text = escape(&text);
    let what = ["do not ship.", "Worth serving.", "A tie"].into_iter().find(|what| text.contains(what));
    let text = what.map_or(text.clone(), |what| text.replacen(what, &format!("<strong>{what}</strong>"), 1));
    page.add(&format!(
        "<div class=\"verdict {class}\"><p>{text}</p><p class=\"how\">{}</p></div>",
        escape(&how(evaluation))
    ));
    let Some(model) = evaluation.model() else { return };
    let test = &model.test;
    let numbers = [
        (format!("{:.3}", test.hr[0]), "HR@10: the next one is among ten"),
        (format!("{:.3}", test.ndcg[0]), "NDCG@10: and how far up"),
        (format!("{:.0} %", 100.0 * test.coverage), "of the catalogue is ever listed"),
    ];
    let items: String =
        numbers.iter().map(|(value, about)| format!("<li><b>{value}</b><span>{about}</span></li>")).collect();
    page.add(&format!("<ul class=\"numbers\">{items}</ul>"));
}

fn how(evaluation: &Evaluation) -> String {
    let what = match evaluation.holdout {
        Holdout::Last => "the last event of every history",
        Holdout::Time(_) => "what happened after an instant",
        Holdout::Basket => "one item of held-out baskets",
        Holdout::Random(_) => "one event of some histories, drawn at random",
        Holdout::Goal(_) => "the goals of the last sessions that reached one",
        Holdout::None => "nothing",
    };
    let (queries, catalogue) = evaluation.rows.first().map_or((0, 0), |row| (row.test.queries, row.test.catalogue));
    format!(
        "Held out: {what} (--holdout {}). {} queries, each ranks all {} items. By NDCG@10; a difference within two standard errors is a tie.",
        evaluation.holdout,
        grouped(queries as u64),
        grouped(catalogue as u64)
    )
}

/// Everything below the verdict.
pub(super) fn sections(page: &mut Page, metrics: &MetricsFile, recipe: Option<&Recipe>, log: &str) {
    let evaluation = &metrics.evaluation;
    against_baselines(page, evaluation);
    if !metrics.trials.is_empty() {
        recipes(page, metrics, recipe);
    }
    curves(page, evaluation, log);
    groups(page, evaluation);
    popularity(page, evaluation);
}

fn against_baselines(page: &mut Page, evaluation: &Evaluation) {
    let mut rows: Vec<&Row> = evaluation.rows.iter().collect();
    rows.sort_by(|a, b| b.test.ndcg[0].total_cmp(&a.test.ndcg[0]));
    page.section(
        "Against simple baselines",
        "Figures on test, with 95 % intervals. Every baseline was tuned on validation and is asked with the same histories.",
    );
    let chart = |label: &str, of: &dyn Fn(&Metrics) -> (f64, [f64; 2])| {
        let ranges_of: Vec<Range<'_>> = (rows.iter())
            .map(|row| {
                let (value, interval) = of(&row.test);
                Range { name: &row.name, value, interval, this: row.name == Row::MODEL }
            })
            .collect();
        (label.to_owned(), ranges(&format!("{label} of the model and the baselines"), &ranges_of))
    };
    page.charts(&[
        chart("NDCG@10", &|test| (test.ndcg[0], test.ndcg_interval)),
        chart("HR@10", &|test| (test.hr[0], test.hr_interval)),
    ]);
    let several = rows.iter().any(|row| row.test.recall != row.test.hr);
    let mut header = vec!["", "HR@10", "@20", "@50", "NDCG@10", "@20", "@50", "MRR@50", "coverage", "popularity"];
    if several {
        header.insert(4, "recall@10");
    }
    let cells = |row: &&Row| {
        let test = &row.test;
        let mut cells = vec![format!("{}<small>{}</small>", escape(&row.name), escape(&row.settings))];
        cells.extend(test.hr.iter().map(|value| format!("{value:.3}")));
        cells.extend(several.then(|| format!("{:.3}", test.recall[0])));
        cells.extend(test.ndcg.iter().map(|value| format!("{value:.3}")));
        cells.push(format!("{:.3}", test.mrr));
        cells.push(format!("{:.2}", test.coverage));
        cells.push(format!("{:.1} ×", test.popularity_bias));
        (row.name == Row::MODEL, cells)
    };
    page.table(&header, &rows.iter().map(cells).collect::<Vec<_>>());
}

/// A memory in few letters.
fn memory(memory: Memory) -> String {
    let last = match memory.last {
        0 => "whole history".to_owned(),
        1 => "last item".to_owned(),
        last => format!("last {last}"),
    };
    if memory.decay < 1.0 { format!("{last}, × {}", memory.decay) } else { last }
}

/// The best validation figure of the trials that a rule lets through.
fn best(trials: &[Trial], of: impl Fn(&Recipe) -> bool) -> Option<f64> {
    trials.iter().filter(|trial| of(&trial.recipe)).map(|trial| trial.ndcg).reduce(f64::max)
}

fn recipes(page: &mut Page, metrics: &MetricsFile, recipe: Option<&Recipe>) {
    let trials = &metrics.trials;
    let mut about = format!("{} ways to ask the same vectors were tried on validation", grouped(trials.len() as u64));
    if let Some(chosen) = metrics.chosen() {
        about += &format!(". Chosen: {}, NDCG@10 {:.3}", chosen.recipe, chosen.ndcg);
        if recipe.is_some_and(|recipe| *recipe != chosen.recipe) {
            about += ". Stored now is another one";
        }
    }
    page.section("The recipe", &(about + ". vecinity compare lists all of them."));
    let plain = |recipe: &Recipe| recipe.blend.is_empty() && recipe.popularity == 0.0;
    let mut memories: Vec<Memory> = Vec::new();
    for trial in trials.iter().filter(|trial| plain(&trial.recipe)) {
        if !memories.contains(&trial.recipe.memory) {
            memories.push(trial.recipe.memory);
        }
    }
    memories.sort_by(|a, b| {
        let length = |memory: &Memory| if memory.last == 0 { usize::MAX } else { memory.last };
        length(a).cmp(&length(b)).then(a.decay.total_cmp(&b.decay))
    });
    let compared = [Metric::Dot, Metric::Cosine];
    let row = |asked: &Memory| {
        let cells = compared.iter().flat_map(|&metric| Pair::ALL.map(|(_, vectors)| (metric, vectors)));
        let cells = cells.map(|(metric, vectors)| {
            best(trials, |r| plain(r) && r.metric == metric && r.vectors == vectors && r.memory == *asked)
        });
        (memory(*asked), cells.collect())
    };
    let names: Vec<String> = Pair::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut charts = vec![(
        "Matrices, metric and memory: NDCG@10".to_owned(),
        heat(
            "NDCG@10 on validation by matrices, metric and memory",
            &Heat {
                groups: compared.iter().map(|metric| (metric.name().to_owned(), names.clone())).collect(),
                rows: memories.iter().map(row).collect(),
            },
        ),
    )];
    charts.extend(blends(trials, metrics.chosen()));
    page.charts(&charts);
}

/// The parts of the blends that were tried, alone and together.
fn blends(trials: &[Trial], chosen: Option<&Trial>) -> Option<(String, String)> {
    let parts = |recipe: &Recipe| recipe.blend.len() + usize::from(recipe.share_of_vectors() > 0.0);
    let mut bars_of: Vec<(String, f64, bool)> = Vec::new();
    let mut add = |name: String, of: &dyn Fn(&Recipe) -> bool| {
        if let Some(ndcg) = best(trials, of) {
            bars_of.push((name, ndcg, chosen.is_some_and(|chosen| of(&chosen.recipe))));
        }
    };
    add("vectors alone".into(), &|recipe| recipe.blend.is_empty());
    let mut partners = Vec::new();
    for blend in trials.iter().flat_map(|trial| &trial.recipe.blend) {
        if !partners.contains(&blend.partner) {
            partners.push(blend.partner);
        }
    }
    for partner in &partners {
        let name = partner.to_string();
        let name = name.split(" (").next().unwrap_or(&name).to_owned();
        add(name, &|recipe| parts(recipe) == 1 && recipe.blend.iter().any(|blend| blend.partner == *partner));
    }
    for together in 2..=partners.len() + 1 {
        add(format!("best of {together} together"), &|recipe| parts(recipe) == together);
    }
    if partners.is_empty() {
        return None;
    }
    let note = |chosen| if chosen { "chosen".to_owned() } else { String::new() };
    let rows: Vec<Bar<'_>> = (bars_of.iter())
        .map(|(name, value, chosen)| Bar { name, note: note(*chosen), value: *value, other: None })
        .collect();
    Some(("Vectors and tables, blended: NDCG@10".into(), bars("NDCG@10 on validation of parts and blends", &rows)))
}

fn curves(page: &mut Page, evaluation: &Evaluation, log: &str) {
    let (losses, planned) = training::losses(log);
    let epochs = evaluation.epochs.iter().map(|report| report.epoch).max().unwrap_or(planned);
    if evaluation.epochs.is_empty() && losses.is_empty() {
        return;
    }
    let kept = evaluation.best_epoch;
    let mut about = if evaluation.epochs.is_empty() {
        format!("All {kept} epochs were trained.")
    } else {
        format!("Epoch {kept} of {epochs} was kept: the best on validation, asked in one simple way.")
    };
    if evaluation.refit {
        about += " Then the model was trained again on everything, for as many epochs.";
    }
    page.section("Training", &about);
    let ndcg: Vec<[f64; 2]> = evaluation.epochs.iter().map(|report| [f64::from(report.epoch), report.ndcg]).collect();
    let best = ndcg.iter().find(|point| point[0] == f64::from(kept));
    let best = best.map(|&at| Marked { at, text: format!("epoch {kept}: {:.3}", at[1]) });
    let mut charts = vec![("Loss of a pair, by epoch".to_owned(), curve("Loss by epoch", &losses, None, epochs))];
    if !ndcg.is_empty() {
        let chart = curve("NDCG@10 on validation by epoch", &ndcg, best.as_ref(), epochs);
        charts.push(("NDCG@10 on validation, by epoch".into(), chart));
    }
    page.charts(&charts);
}

fn groups(page: &mut Page, evaluation: &Evaluation) {
    let Some(model) = evaluation.model() else { return };
    let strongest = evaluation.strongest();
    let mark =
        strongest.map_or_else(String::new, |row| format!(" The upright line is {}, the strongest baseline.", row.name));
    page.section("For whom it works", &format!(
            "HR@10 of the model by parts of the queries. Head: the items of half of all events; middle: of the next 30 %.{mark}"
        ));
    let chart = |label: &str, of: fn(&Metrics) -> &Vec<Group>| {
        let other = |name: &str| of(&strongest?.test).iter().find(|group| group.name == name).map(|group| group.hr);
        let parts: Vec<Bar<'_>> = (of(&model.test).iter())
            .map(|part| {
                let name = part.name.split(" (").next().unwrap_or(&part.name);
                Bar {
                    name,
                    note: counted(part.queries as u64, "query").replace("querys", "queries"),
                    value: part.hr,
                    other: other(&part.name),
                }
            })
            .collect();
        (label.to_owned(), bars(&format!("HR@10 {label}"), &parts))
    };
    page.charts(&[
        chart("By popularity of the item", |test| &test.by_popularity),
        chart("By items in the history", |test| &test.by_history),
    ]);
}

fn popularity(page: &mut Page, evaluation: &Evaluation) {
    let Some(model) = evaluation.model() else { return };
    let test = &model.test;
    page.section(
        "What is recommended",
        &format!(
            "{:.0} % of the catalogue stands in some list of ten. What is listed is {:.1} times as popular as the average item.",
            100.0 * test.coverage,
            test.popularity_bias
        ),
    );
    let mut charts = vec![(
        "Recommendations by tenth of the catalogue".to_owned(),
        columns("Share of recommendations by tenth of the catalogue", &test.listed_by_tenth, &test.chosen_by_tenth),
    )];
    charts.extend(evaluation.strongest().map(|row| {
        let of = &row.test;
        let chart = columns("Share of the strongest baseline", &of.listed_by_tenth, &of.chosen_by_tenth);
        (format!("The same of {}", row.name), chart)
    }));
    page.charts(&charts);
}
