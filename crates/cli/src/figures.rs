//! Figures of a recommender as a table: the model, its vectors, the baselines, the verdict.

use crate::table;
use std::io::{self, Write};
use vecinity::error::grouped;
use vecinity::eval::recommend::{Group, LENGTHS, Metrics};
use vecinity::recommend::Evaluation;

/// The short form, behind a training.
pub(crate) fn write(evaluation: &Evaluation, to: &mut dyn Write) -> io::Result<()> {
    let header = ["  test", ">HR@10", ">95 % interval", ">NDCG@10", ">coverage", ">popularity"];
    let rows: Vec<Vec<String>> = evaluation.rows.iter().map(|row| row_of(&row.name, &row.test)).collect();
    table::write(to, &header, &rows)?;
    let test = evaluation.rows.first().map(|row| &row.test);
    let (queries, catalogue) = test.map_or((0, 0), |test| (test.queries, test.catalogue));
    writeln!(
        to,
        "  held out: {}, {} questions, {} items ranked, none left out but the history's",
        evaluation.holdout,
        grouped(queries as u64),
        grouped(catalogue as u64)
    )?;
    writeln!(to, "verdict {}", evaluation.verdict)
}

fn row_of(name: &str, metrics: &Metrics) -> Vec<String> {
    let [low, high] = metrics.hr_interval;
    vec![
        format!("  {name}"),
        format!("{:.4}", metrics.hr[0]),
        format!("{low:.3} .. {high:.3}"),
        format!("{:.4}", metrics.ndcg[0]),
        format!("{:.3}", metrics.coverage),
        format!("{:.1} x", metrics.popularity_bias),
    ]
}

/// The long form: every figure, by popularity and by history length, and what validation chose.
pub(crate) fn write_all(evaluation: &Evaluation, to: &mut dyn Write) -> io::Result<()> {
    write(evaluation, to)?;
    writeln!(to)?;
    let mut header = vec!["  all figures".to_owned()];
    for name in ["HR", "NDCG", "Recall"] {
        header.extend(LENGTHS.map(|length| format!(">{name}@{length}")));
    }
    header.push(">MRR@50".into());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = (evaluation.rows.iter())
        .map(|row| {
            let m = &row.test;
            let figures = m.hr.iter().chain(&m.ndcg).chain(&m.recall).chain(std::iter::once(&m.mrr));
            std::iter::once(format!("  {}", row.name)).chain(figures.map(|figure| format!("{figure:.4}"))).collect()
        })
        .collect();
    table::write(to, &header, &rows)?;
    for (title, groups) in [
        ("  HR@10 by the target's popularity", groups(evaluation, |m| &m.by_popularity)),
        ("  HR@10 by the length of the history", groups(evaluation, |m| &m.by_history)),
    ] {
        let Some((names, rows)) = groups else { continue };
        writeln!(to)?;
        let mut header = vec![title];
        header.extend(names.iter().map(String::as_str));
        table::write(to, &header, &rows)?;
    }
    writeln!(to)?;
    let rows: Vec<Vec<String>> = (evaluation.rows.iter())
        .map(|row| vec![format!("  {}", row.name), format!("{:.4}", row.valid_ndcg), row.settings.clone()])
        .collect();
    table::write(to, &["  chosen by validation", ">NDCG@10", "settings"], &rows)
}

/// Columns and rows of a table of groups.
fn groups(evaluation: &Evaluation, of: impl Fn(&Metrics) -> &Vec<Group>) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let first = of(&evaluation.rows.first()?.test);
    let names = first.iter().map(|group| format!(">{} ({})", group.name, grouped(group.queries as u64))).collect();
    let rows = evaluation.rows.iter().map(|row| {
        let figures = of(&row.test).iter().map(|group| format!("{:.4}", group.hr));
        std::iter::once(format!("  {}", row.name)).chain(figures).collect()
    });
    Some((names, rows.collect()))
}
