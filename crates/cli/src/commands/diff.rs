//! `vecinity diff`: what changed between two models, and may the new one be deployed?

use crate::args::Vectors;
use crate::choices::choice;
use crate::output::{GateFailed, Output};
use crate::table;
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use vecinity::diff::{self, Change, Difference, Gate, Limits, Options};
use vecinity::error::{grouped, shown};
use vecinity::index::Metric;
use vecinity::model_dir::Model;

/// Compare two models: vocabulary, neighbours, figures, alignment of the two spaces, recipe, settings.
///
/// A gate for deployments: exit code 4 if a limit is passed, or cannot be checked. Shares may be written as 0.03
/// or 3%.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity diff shop@2026-11-21 shop@2026-11-22
  vecinity diff old.model new.model --max-metric-drop 3% --min-overlap 0.6

overlap    share of a token's 10 nearest that are the same in both models, among the tokens both have; by frequency
alignment  mean cosine of old and new vectors after the best rotation; 1: only the axes changed")]
pub(crate) struct Diff {
    /// The model folder that is in use.
    old: PathBuf,
    /// The model folder that may replace it.
    new: PathBuf,
    /// HR@10 and NDCG@10 may fall by at most this share.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_metric_drop: Option<f64>,
    /// The least overlap of neighbours.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_overlap: Option<f64>,
    /// The least alignment of the two spaces.
    #[arg(long, value_name = "COSINE", value_parser = share)]
    min_alignment: Option<f64>,
    /// Tokens that are gone may have had at most this share of all occurrences (events).
    #[arg(long, value_name = "SHARE", value_parser = share)]
    max_removed: Option<f64>,
    #[command(flatten)]
    vectors: Vectors,
    /// How neighbours are found.
    #[arg(long, value_parser = choice(&Metric::ALL), default_value = Metric::Cosine.name())]
    metric: Metric,
    /// Tokens whose neighbours are compared, at most: drawn by frequency.
    #[arg(long, value_name = "N", default_value_t = 2000,
          value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
    /// Seed of the draw.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed)]
    seed: u64,
}

/// A share as people write it: 0.03 or 3%.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 0.01));
    let share = number.trim().parse::<f64>().ok().map(|number| number * unit);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "expected a share, 0 to 1, such as 0.03 or 3%".into())
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    old: PathBuf,
    new: PathBuf,
    #[serde(flatten)]
    difference: &'a Difference,
    gates: Vec<Gate>,
    passed: bool,
}

impl Diff {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let (old, new) = (Model::open(&self.old)?, Model::open(&self.new)?);
        let options = Options {
            vectors: self.vectors.vectors,
            metric: self.metric,
            sample: self.sample as usize,
            seed: self.seed,
            ..Options::default()
        };
        let difference = diff::diff(&old, &new, &options)?;
        let limits = Limits {
            max_metric_drop: self.max_metric_drop,
            min_overlap: self.min_overlap,
            min_alignment: self.min_alignment,
            max_removed: self.max_removed,
        };
        let gates = difference.check(&limits);
        if let Some(why) = &difference.incomparable {
            output.say(format_args!("warning {why}: the figures cannot be compared"));
        }
        let passed = gates.iter().all(|gate| gate.passed);
        let answer = Answer { old: self.old, new: self.new, difference: &difference, gates, passed };
        output.answer(&answer, |to| write(&answer, [&old, &new], to))?;
        let failed: Vec<String> = answer.gates.iter().filter(|gate| !gate.passed).map(complaint).collect();
        if failed.is_empty() { Ok(()) } else { Err(GateFailed(failed.join("; ")).into()) }
    }
}

fn complaint(gate: &Gate) -> String {
    match gate.value {
        Some(value) => format!("{} is {value:.3}, the limit is {}", gate.name, gate.limit),
        None => format!("{} cannot be measured, the limit is {}", gate.name, gate.limit),
    }
}

fn write(answer: &Answer<'_>, models: [&Model; 2], to: &mut dyn Write) -> io::Result<()> {
    let difference = answer.difference;
    writeln!(to, "{}{}", headline(difference), verdict(answer))?;
    let vocabulary = &difference.vocabulary;
    for (sign, count, first, model) in [
        ("+", vocabulary.added, &vocabulary.first_added, models[1]),
        ("-", vocabulary.removed, &vocabulary.first_removed, models[0]),
    ] {
        if count > 0 {
            let names: Vec<String> = first.iter().take(5).map(|id| name(model, id)).collect();
            let more = if count > names.len() { " · ..." } else { "" };
            writeln!(to, "{sign} {:<7}{}{more}", grouped(count as u64), names.join(" · "))?;
        }
    }
    if vocabulary.removed > 0 {
        writeln!(to, "removed  had {:.2} % of the old occurrences", 100.0 * vocabulary.removed_share)?;
    }
    if let Some(overlap) = &difference.overlap {
        writeln!(
            to,
            "overlap  {:.3} of the {} nearest are the same ({} tokens asked, by frequency)",
            overlap.mean,
            overlap.neighbors,
            grouped(overlap.tokens as u64)
        )?;
        let most: Vec<String> =
            overlap.changed_most.iter().map(|c| format!("{} {:.1}", name(models[1], &c.id), c.overlap)).collect();
        if !most.is_empty() {
            writeln!(to, "         changed most: {}", most.join(" · "))?;
        }
    }
    if let Some(alignment) = difference.alignment {
        let (cosine, chance) = (alignment.cosine, alignment.by_chance);
        writeln!(to, "aligned  mean cosine {cosine:.3} after the best rotation ({chance:.3} by chance)")?;
    }
    if !difference.metrics.is_empty() {
        let interval =
            |of: Option<[f64; 2]>| of.map_or_else(String::new, |[low, high]| format!("{low:.3} .. {high:.3}"));
        let row = |change: &Change| {
            vec![
                format!("  {}", change.name),
                format!("{:.4}", change.old),
                interval(change.intervals.map(|both| both[0])),
                format!("{:.4}", change.new),
                interval(change.intervals.map(|both| both[1])),
                format!("{:+.1} %", 100.0 * change.change),
            ]
        };
        let rows: Vec<_> = difference.metrics.iter().map(row).collect();
        table::write(to, &["  figure", ">old", ">95 % interval", ">new", ">95 % interval", ">change"], &rows)?;
    }
    if let Some([old, new]) = &difference.recipe {
        writeln!(to, "recipe   {old}\n      -> {new}")?;
    }
    for setting in &difference.settings {
        let [old, new] = [&setting.old, &setting.new].map(|value| value.as_deref().map_or("-".to_owned(), shown));
        writeln!(to, "setting  {}: {old} -> {new}", setting.key)?;
    }
    for gate in &answer.gates {
        let value = gate.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        writeln!(to, "{}     {} {value}, limit {}", if gate.passed { "pass" } else { "FAIL" }, gate.name, gate.limit)?;
    }
    Ok(())
}

/// All of it in one line.
fn headline(difference: &Difference) -> String {
    let vocabulary = &difference.vocabulary;
    let mut parts =
        vec![format!("tokens +{} -{}", grouped(vocabulary.added as u64), grouped(vocabulary.removed as u64))];
    parts.extend(difference.overlap.as_ref().map(|overlap| format!("neighbour overlap {:.2}", overlap.mean)));
    parts.extend(
        difference
            .metrics
            .first()
            .map(|change| format!("HR@10 {:.3} -> {:.3} ({:+.1} %)", change.old, change.new, 100.0 * change.change)),
    );
    parts.join(" · ")
}

fn verdict(answer: &Answer<'_>) -> &'static str {
    match (answer.gates.is_empty(), answer.passed) {
        (true, _) => "        no limit set",
        (false, true) => "        pass",
        (false, false) => "        FAIL",
    }
}

/// A token by its title, if it has one.
fn name(model: &Model, id: &str) -> String {
    shown(model.embeddings.metadata().and_then(|metadata| metadata.title(id)).unwrap_or(id))
}
