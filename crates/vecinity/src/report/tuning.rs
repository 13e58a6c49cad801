//! The page about a search of settings.

use super::charts::{Range, ranges};
use super::page::{Page, escape};
use crate::error::{counted, grouped};
use crate::tune::{Trial, Tuned};

/// Trials that are listed, at most.
const LISTED: usize = 20;

/// What a search of settings has found, as one HTML file that needs nothing else.
///
/// * `name`: that of the file of settings; `tool`: the program that writes it.
#[must_use]
pub fn tuning(name: &str, tool: &str, tuned: &Tuned) -> String {
    let mut page = Page::new(&format!("{name} · vecinity tune"));
    page.add(&format!("<header><p>vecinity tune</p><h1>{}</h1></header>", escape(name)));
    verdict(&mut page, tuned);
    best(&mut page, tuned);
    effects(&mut page, tuned);
    ladder(&mut page, tuned);
    let toml = escape(&tuned.toml());
    page.section("The settings", "As a file for vecinity train --config.");
    page.add(&format!("<details><summary>{}</summary><pre>{toml}</pre></details>", escape(name)));
    page.add(&format!("<footer>Written by {}.</footer>", escape(tool)));
    page.finish()
}

fn verdict(page: &mut Page, tuned: &Tuned) {
    let (class, text) = match &tuned.confirmed {
        Some(found) if found.better => ("good", "<strong>Better settings</strong> were found."),
        Some(_) => ("fair", "The best of the search is <strong>no better</strong> than the start, asked anew."),
        None => ("fair", "<strong>Nothing better</strong> than the start was found."),
    };
    let how = format!(
        "Validation only (--holdout {}): {} in {:.0} s. The best was trained once more beside the start, with another seed.",
        tuned.holdout,
        counted(tuned.trials.len() as u64, "trial"),
        tuned.seconds
    );
    page.add(&format!("<div class=\"verdict {class}\"><p>{text}</p><p class=\"how\">{}</p></div>", escape(&how)));
    let Some(found) = &tuned.confirmed else { return };
    // The interval is that of the difference: it stands at the best, the start is what it is compared with.
    let rows = [
        Range {
            name: "the best",
            value: found.best,
            interval: [found.best - found.interval, found.best + found.interval],
            this: true,
        },
        Range { name: "the start", value: found.start, interval: [found.start, found.start], this: false },
    ];
    page.section("Asked anew", "Another seed, and up to ten thousand questions of validation.");
    let caption = format!("NDCG@10 of {} questions; the line: 95 % of the difference", grouped(found.questions as u64));
    page.charts(&[(caption, ranges("NDCG@10 of the best and of the start", &rows))]);
}

fn row(tuned: &Tuned, trial: &Trial) -> (bool, Vec<String>) {
    let ndcg = trial.ndcg.map_or_else(|| "none".to_owned(), |ndcg| format!("{ndcg:.4}"));
    let start = trial.point == tuned.space.start();
    let settings = escape(&tuned.space.changes(&trial.point));
    (start, vec![settings, ndcg, format!("{:.1}", trial.seconds), escape(&trial.note)])
}

const COLUMNS: [&str; 4] = ["settings, where they differ from the start", "NDCG@10", "seconds", "asked by"];

fn best(page: &mut Page, tuned: &Tuned) {
    let about = "Trained on the whole sample, the best first. A difference in the third digit is often luck.";
    page.section("The best", about);
    let rows: Vec<_> = tuned.best().into_iter().take(LISTED).map(|trial| row(tuned, trial)).collect();
    page.table(&COLUMNS, &rows);
}

fn effects(page: &mut Page, tuned: &Tuned) {
    let about = "Over the trials of the first rung. Half of them are near to the best, so that good values are seen in good \
                 company: a hint, no experiment.";
    page.section("What each value came to", about);
    let mut last = String::new();
    let rows: Vec<_> = (tuned.effects().into_iter())
        .map(|effect| {
            let new = last != effect.setting;
            last.clone_from(&effect.setting);
            let name = if new { escape(&effect.setting) } else { String::new() };
            let numbers = [format!("{:.4}", effect.best), format!("{:.4}", effect.mean), effect.trials.to_string()];
            (new, [vec![name, escape(&effect.value)], numbers.to_vec()].concat())
        })
        .collect();
    page.table(&["setting", "value", "best NDCG@10", "mean", "trials"], &rows);
}

fn ladder(page: &mut Page, tuned: &Tuned) {
    page.section("The ladder", "The best third of a rung is trained again on three times as many histories.");
    let rows: Vec<_> = (tuned.rungs.iter().enumerate())
        .map(|(number, rung)| {
            let trials = tuned.trials.iter().filter(|trial| trial.rung == number);
            let seconds: f64 = trials.clone().map(|trial| trial.seconds).sum();
            let failed = trials.clone().filter(|trial| trial.ndcg.is_none()).count();
            let counts = [rung.histories, trials.count(), failed].map(|count| grouped(count as u64));
            (false, [vec![format!("{}", number + 1)], counts.to_vec(), vec![format!("{seconds:.0}")]].concat())
        })
        .collect();
    page.table(&["rung", "histories", "trials", "of them failed", "seconds"], &rows);
}
