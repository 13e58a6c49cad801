//! `vecinity evaluate`: how good is a model? Analogies and word similarity; or what was measured of items.

use crate::args::Vectors;
use crate::choices::choice;
use crate::figures;
use crate::output::{GateFailed, Output};
use crate::table;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use vecinity::Error;
use vecinity::ask::Method;
use vecinity::error::{grouped, shown};
use vecinity::eval::recommend::{LENGTHS, Metrics};
use vecinity::eval::{AnalogyReport, Options, Pairs, Questions, Share, SimilarityReport, Words};
use vecinity::model_dir::Model;
use vecinity::recommend::{Evaluation, MetricsFile};

/// Quality of a model, with 95 % intervals: of items what was measured on held-out events beside the baselines; of words
/// analogies and similarity judged by people.
///
/// Analogy files hold four words a line and ': name' before each section (Google's questions-words.txt); similarity
/// files hold two words and a score a line. Words are compared in lower case.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity evaluate words.model --analogies questions-words.txt --similarity wordsim353.tsv simlex999.tsv
  vecinity evaluate words.model --analogies questions-words.txt --min analogies=50 --min semantic=60
  vecinity evaluate shop.model --min hr@10=0.2

What --min knows, of items (shares, 0 to 1): hr@10, ndcg@10, recall@10, the same at 20 and 50, mrr, coverage; of words (percent):
analogies, semantic, syntactic (over all files), similarity (the mean of the sets), and the
name of a similarity set (its file without ending) or of a section. Exit code 4 if a figure is lower.")]
pub(crate) struct Evaluate {
    /// The model folder.
    model: PathBuf,
    /// Files of analogy questions.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    analogies: Vec<PathBuf>,
    /// Files of word pairs with a score each.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    similarity: Vec<PathBuf>,
    /// Ask analogies of the N most frequent words only; 0: of all.
    #[arg(long, value_name = "N", default_value_t = Options::default().restrict)]
    restrict: usize,
    /// Count analogies with unknown words as wrong instead of skipping them.
    #[arg(long)]
    count_unknown: bool,
    /// How analogies are answered.
    #[arg(long, value_parser = choice(&Method::ALL), default_value = Method::CosAdd.name())]
    method: Method,
    /// Do not turn words into lower case.
    #[arg(long)]
    keep_case: bool,
    #[command(flatten)]
    vectors: Vectors,
    /// Fail (exit code 4) if a figure is lower than this.
    #[arg(long, value_name = "NAME=VALUE")]
    min: Vec<Gate>,
    /// Seed of the intervals.
    #[arg(long, default_value_t = Options::default().seed)]
    seed: u64,
}

/// A figure and the least it may be.
#[derive(Debug, Clone)]
struct Gate {
    name: String,
    min: f64,
}

impl FromStr for Gate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, min) = text.rsplit_once('=').ok_or("expected a figure and a number, such as semantic=50")?;
        let number = min.parse().ok().filter(|min: &f64| min.is_finite());
        let min = number.ok_or_else(|| format!("'{min}' is no number"))?;
        Ok(Self { name: name.to_owned(), min })
    }
}

#[derive(serde::Serialize)]
struct Report<'a> {
    vectors: &'a str,
    method: &'a str,
    restrict: usize,
    count_unknown: bool,
    analogies: Vec<AnalogyReport>,
    similarity: Vec<SimilarityReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<Checked>,
}

#[derive(serde::Serialize)]
struct Checked {
    name: String,
    value: Option<f64>,
    min: f64,
    passed: bool,
}

impl Evaluate {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        if self.analogies.is_empty() && self.similarity.is_empty() {
            return self.items(output);
        }
        // All files are read before the model is: a typo in the last one should not cost a minute.
        let questions: vecinity::Result<Vec<_>> = self.analogies.iter().map(|path| Questions::read(path)).collect();
        let pairs: vecinity::Result<Vec<_>> = self.similarity.iter().map(|path| Pairs::read(path)).collect();
        let (questions, pairs) = (questions?, pairs?);
        let embeddings = Model::open(&self.model)?.embeddings;
        let words = Words::new(&embeddings, self.vectors.vectors, self.keep_case)?;
        let options = Options {
            restrict: self.restrict,
            count_unknown: self.count_unknown,
            method: self.method,
            seed: self.seed,
            ..Options::default()
        };
        let mut report = Report {
            vectors: self.vectors.vectors.name(),
            method: self.method.name(),
            restrict: self.restrict,
            count_unknown: self.count_unknown,
            analogies: questions.iter().map(|set| set.evaluate(&words, &options)).collect(),
            similarity: pairs.iter().map(|set| set.evaluate(&words, &options)).collect(),
            gates: Vec::new(),
        };
        let figures = figures(&report);
        let gates: vecinity::Result<Vec<_>> = self.min.iter().map(|gate| check(gate, &figures)).collect();
        report.gates = gates?;

        for set in &report.analogies {
            unknown(&set.name, &set.unknown, set.words, output);
        }
        for set in &report.similarity {
            unknown(&set.name, &set.unknown, words.len(), output);
        }
        output.answer(&report, |to| write(&report, to))?;
        passed(&report.gates)
    }

    /// What was measured when a model of items was trained.
    fn items(self, output: Output) -> anyhow::Result<()> {
        let model = Model::open(&self.model)?;
        let Some(MetricsFile { evaluation, .. }) = &model.metrics else {
            let what = format!("{} holds no measurements of items", self.model.display());
            let advice = "of words: --analogies FILE, --similarity FILE; items are measured by vecinity train, unless --holdout none";
            return Err(Error::data(what, advice).into());
        };
        let figures = evaluation.rows.first().map_or_else(Vec::new, |row| item_figures(&row.test));
        let gates: vecinity::Result<Vec<_>> = self.min.iter().map(|gate| check(gate, &figures)).collect();
        let report = ItemReport { evaluation, gates: gates? };
        output.answer(&report, |to| {
            figures::write_all(evaluation, to)?;
            write_gates(&report.gates, to)
        })?;
        passed(&report.gates)
    }
}

/// An error that names every gate that failed.
fn passed(gates: &[Checked]) -> anyhow::Result<()> {
    let failed: Vec<_> = gates.iter().filter(|gate| !gate.passed).map(complaint).collect();
    if failed.is_empty() { Ok(()) } else { Err(GateFailed(failed.join("; ")).into()) }
}

#[derive(serde::Serialize)]
struct ItemReport<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<Checked>,
}

/// All figures of items by the names that `--min` knows.
fn item_figures(metrics: &Metrics) -> Vec<(String, Option<f64>)> {
    let mut figures = Vec::new();
    for (name, values) in [("hr", metrics.hr), ("ndcg", metrics.ndcg), ("recall", metrics.recall)] {
        figures.extend(LENGTHS.iter().zip(values).map(|(length, value)| (format!("{name}@{length}"), Some(value))));
    }
    figures.push(("mrr".to_owned(), Some(metrics.mrr)));
    figures.push(("coverage".to_owned(), Some(metrics.coverage)));
    figures
}

/// Says which words of a set are unknown.
fn unknown(set: &str, unknown: &[String], words: usize, output: Output) {
    if !unknown.is_empty() {
        let first: Vec<_> = unknown.iter().take(5).map(|word| shown(word)).collect();
        output.say(format_args!(
            "note: {}: {} words are not among the {} asked: {}{}",
            shown(set),
            grouped(unknown.len() as u64),
            grouped(words as u64),
            first.join(", "),
            if unknown.len() > first.len() { ", ..." } else { "" }
        ));
    }
}

/// All figures by the names that `--min` knows.
fn figures(report: &Report<'_>) -> Vec<(String, Option<f64>)> {
    let total = |part: &dyn Fn(&AnalogyReport) -> Share| {
        let (mut correct, mut of) = (0, 0);
        for share in report.analogies.iter().map(part) {
            correct += share.correct;
            of += if report.count_unknown { share.all } else { share.seen };
        }
        (of > 0).then(|| 100.0 * correct as f64 / of as f64)
    };
    let mut figures = Vec::new();
    if !report.analogies.is_empty() {
        figures.push(("analogies".to_owned(), total(&|set| set.all)));
        figures.push(("semantic".to_owned(), total(&|set| set.semantic)));
        figures.push(("syntactic".to_owned(), total(&|set| set.syntactic)));
    }
    if !report.similarity.is_empty() {
        let all: Option<Vec<f64>> = report.similarity.iter().map(|set| set.spearman).collect();
        let mean = all.map(|all| all.iter().sum::<f64>() / all.len() as f64);
        figures.push(("similarity".to_owned(), mean));
    }
    figures.extend(report.similarity.iter().map(|set| (set.name.clone(), set.spearman)));
    let sections = report.analogies.iter().flat_map(|set| &set.sections);
    figures.extend(sections.map(|section| (section.name.clone(), section.share.percent)));
    figures
}

fn check(gate: &Gate, figures: &[(String, Option<f64>)]) -> vecinity::Result<Checked> {
    let Some((name, value)) = figures.iter().find(|(name, _)| *name == gate.name) else {
        let names: Vec<_> = figures.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Error::setting("min", &gate.name, format!("one of {}", names.join(", "))));
    };
    let passed = value.is_some_and(|value| value >= gate.min);
    Ok(Checked { name: name.clone(), value: *value, min: gate.min, passed })
}

fn complaint(gate: &Checked) -> String {
    match gate.value {
        Some(value) => format!("{} is {value:.4}, below the minimum of {}", gate.name, gate.min),
        None => format!("{} has no figure: too few words are known; the minimum is {}", gate.name, gate.min),
    }
}

fn write(report: &Report<'_>, to: &mut dyn Write) -> io::Result<()> {
    for set in &report.analogies {
        let skipped = set.all.all - set.all.seen;
        let how = match (skipped, report.count_unknown) {
            (0, _) => String::new(),
            (_, true) => format!(" ({} with unknown words count as wrong)", grouped(skipped as u64)),
            (_, false) => {
                format!(" ({} have unknown words; --count-unknown counts them as wrong)", grouped(skipped as u64))
            }
        };
        writeln!(
            to,
            "{}   {} of {} questions asked{how}, {}, {} words",
            shown(&set.name),
            grouped(set.all.seen as u64),
            grouped(set.all.all as u64),
            report.method,
            grouped(set.words as u64)
        )?;
        let totals = [("semantic", set.semantic), ("syntactic", set.syntactic), ("all", set.all)];
        let sections = set.sections.iter().map(|section| (section.name.as_str(), section.share));
        let rows: Vec<_> = sections.chain(totals).map(|(name, share)| share_row(name, share)).collect();
        table::write(to, &["  section", ">right %", ">95 % interval", ">right", ">asked", ">of"], &rows)?;
    }
    if !report.similarity.is_empty() {
        if !report.analogies.is_empty() {
            writeln!(to)?;
        }
        let rows: Vec<_> = report
            .similarity
            .iter()
            .map(|set| {
                let (figure, interval) = figure(set.spearman, set.interval);
                let (seen, all) = (grouped(set.seen as u64), grouped(set.all as u64));
                vec![format!("  {}", shown(&set.name)), figure, interval, seen, all]
            })
            .collect();
        table::write(to, &["  similarity", ">Spearman %", ">95 % interval", ">pairs", ">of"], &rows)?;
    }
    write_gates(&report.gates, to)
}

fn write_gates(gates: &[Checked], to: &mut dyn Write) -> io::Result<()> {
    for gate in gates {
        let value = gate.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let verdict = if gate.passed { "pass" } else { "FAIL" };
        writeln!(to, "{verdict}  {} {value}, minimum {}", gate.name, gate.min)?;
    }
    Ok(())
}

fn share_row(name: &str, share: Share) -> Vec<String> {
    let (figure, interval) = figure(share.percent, share.interval);
    let [correct, seen, all] = [share.correct, share.seen, share.all].map(|n| grouped(n as u64));
    vec![format!("  {}", shown(name)), figure, interval, correct, seen, all]
}

fn figure(value: Option<f64>, interval: Option<[f64; 2]>) -> (String, String) {
    (
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")),
        interval.map_or_else(String::new, |[low, high]| format!("{low:.1} .. {high:.1}")),
    )
}
