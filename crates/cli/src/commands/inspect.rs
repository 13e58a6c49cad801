//! `vecinity inspect`: what a data file or a model is, before any work is spent on it.

use crate::output::Output;
use crate::settings::Settings;
use anyhow::Result;
use clap::Args;
use std::path::Path;
use vecinity::config::Config;
use vecinity::corpus::{Corpus, Report};
use vecinity::error::{grouped, shown};
use vecinity::eval::recommend::Holdout;
use vecinity::graph;
use vecinity::market::TypeRules;
use vecinity::model_dir::{Manifest, Model, Origin, Outputs};
use vecinity::models::word2vec::Weights;
use vecinity::models::youtube::{self, LossKind};
use vecinity::models::{ModelConfig, airbnb, word2vec};
use vecinity::run::{self, Data, Items, Prepared};
use vecinity::vocab::Vocab;

/// Look at data or a model: what is it, what would be trained, is it intact.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity inspect book.txt
  vecinity inspect clicks.csv
  vecinity inspect baskets.txt --kind set --min-count 10
  vecinity inspect edges.tsv --kind graph
  vecinity inspect words.model")]
pub(crate) struct Inspect {
    /// A model folder; or files, folders, patterns, or - for standard input.
    #[arg(required = true)]
    what: Vec<String>,
    #[command(flatten)]
    settings: Settings,
}

impl Inspect {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        if let [one] = self.what.as_slice()
            && Model::is_model(Path::new(one))
        {
            return model(Path::new(one), output);
        }
        match run::prepare(&self.settings.given(), &Data::Files(self.what), None, &mut output.clone())? {
            Prepared::Text(text) => dry_run(&text.config, &text.corpus, output),
            Prepared::Items(items) => dry_run_of_items(&items, output),
        }
    }
}

#[derive(serde::Serialize)]
struct Plan<'a> {
    report: &'a Report,
    sequences: usize,
    vocabulary: usize,
    most_frequent: Vec<(&'a str, u64)>,
    config: &'a Config,
    memory_mib: u64,
    seconds_estimate: f64,
}

/// Shows what training would do.
pub(super) fn dry_run(config: &Config, corpus: &Corpus, output: Output) -> Result<()> {
    let vocab = corpus.vocab();
    let train = &config.train;
    let row = train.dim.next_multiple_of(16) * 4;
    // Two tables, and of their most used rows a copy a thread with what it was made from.
    let rows = 2 * (vocab.len() + 2 * train.threads * vecinity::train::copied_rows(vocab.len(), train));
    let plan = Plan {
        report: corpus.report(),
        sequences: corpus.sequences(),
        vocabulary: vocab.len(),
        most_frequent: vocab.iter().take(10).map(|(_, token, count)| (token, count)).collect(),
        config,
        memory_mib: ((rows * row + vocab.len() * 40) >> 20) as u64 + 16,
        seconds_estimate: seconds(config, vocab, corpus.sequences()),
    };
    output.answer(&plan, |to| {
        let report = plan.report;
        writeln!(
            to,
            "shape   {} sequences · {} tokens · longest line {} tokens",
            grouped(plan.sequences as u64),
            grouped(corpus.tokens().len() as u64),
            grouped(report.longest_line)
        )?;
        let top: Vec<_> = plan.most_frequent.iter().map(|(t, n)| format!("{t} {}", grouped(*n))).collect();
        writeln!(to, "top     {}", top.join(" · "))?;
        writeln!(to, "model   {}", describe(config))?;
        writeln!(
            to,
            "needs   about {} MiB of memory and, roughly, {} on {} thread{}",
            plan.memory_mib,
            human_time(plan.seconds_estimate),
            train.threads,
            if train.threads == 1 { "" } else { "s" }
        )?;
        writeln!(
            to,
            "Next:   vecinity train {} -o NAME.model --kind {}",
            config.data.files.join(" "),
            config.data.kind.name()
        )
    })
}

#[derive(serde::Serialize)]
struct ItemPlan<'a> {
    report: &'a vecinity::events::Report,
    warnings: Vec<String>,
    most_frequent: Vec<(&'a str, u64)>,
    config: &'a Config,
    memory_mib: u64,
    seconds_estimate: f64,
}

/// Shows what training on items would do; what was found is said already.
pub(super) fn dry_run_of_items(items: &Items, output: Output) -> Result<()> {
    let Items { config, histories, report, .. } = items;
    let vocab = histories.items();
    let row = config.train.dim.next_multiple_of(16) * 4;
    // Tables in training, the best so far, and the copies that are asked; events with times and weights.
    let tables = match &config.model {
        ModelConfig::Youtube(model) => youtube::memory(model, &config.train, vocab.len(), histories.events()) as usize,
        _ => 8 * vocab.len() * row,
    };
    let bytes = tables + histories.events() * 24;
    let plan = ItemPlan {
        report,
        warnings: items.warnings(),
        most_frequent: vocab.iter().take(10).map(|(_, token, count)| (token, count)).collect(),
        config,
        memory_mib: (bytes >> 20) as u64 + 16,
        seconds_estimate: seconds(config, vocab, histories.len()),
    };
    output.answer(&plan, |to| {
        // What is talk beside training is the answer here.
        if !output.talks() {
            for (name, text) in items.describe() {
                writeln!(to, "{name:<8}{text}")?;
            }
        }
        let top: Vec<_> = plan.most_frequent.iter().map(|(t, n)| format!("{} {}", shown(t), grouped(*n))).collect();
        writeln!(to, "top     {}", top.join(" · "))?;
        writeln!(to, "model   {}", describe(config))?;
        let holdout = config.evaluate.holdout.unwrap_or_else(|| Holdout::usual(histories));
        writeln!(to, "judged  by holding out: {holdout} (--holdout says otherwise)")?;
        writeln!(
            to,
            "needs   about {} MiB of memory and, roughly, {} of training on {} thread{}, three times that with tuning and judging",
            plan.memory_mib,
            human_time(plan.seconds_estimate),
            config.train.threads,
            if config.train.threads == 1 { "" } else { "s" }
        )?;
        let files = config.data.files.join(" ");
        writeln!(to, "Next:   vecinity train {files} -o NAME.model --kind {}", config.data.kind.name())
    })
}

/// The model in one line.
fn describe(config: &Config) -> String {
    let walks = config.graph.as_ref().map_or_else(String::new, |graph| {
        let graph::Settings { walks, walk_length, p, q, .. } = graph;
        format!("; {walks} walks of {walk_length} nodes from each, p {p}, q {q}")
    });
    format!("{}{walks}", describe_model(config))
}

fn describe_model(config: &Config) -> String {
    let train = &config.train;
    let common = format!(
        "dim {}, {} epochs, rate {}, subsample {:e}, seed {}",
        train.dim, train.epochs, train.learning_rate, train.subsample, train.seed
    );
    match &config.model {
        ModelConfig::Word2vec(m) => windows(m, &common),
        ModelConfig::Airbnb(m) => format!("{}; {}", windows(&m.plain, &common), m.added()),
        ModelConfig::Item2vec(m) => {
            format!("sets, every pair, {} negatives (exponent {}), {common}", m.negatives, m.noise_exponent)
        }
        ModelConfig::Youtube(m) => format!(
            "network: {}{}, hidden layers {:?}, dim {}, {} epochs of steps of {}, rate {}, seed {}",
            m.pooling(),
            beside(m),
            m.hidden,
            train.dim,
            train.epochs,
            m.batch,
            train.learning_rate,
            train.seed
        ),
    }
}

/// What a network reads beside histories.
fn beside(model: &youtube::Config) -> String {
    let mut parts = Vec::new();
    if !model.features.is_empty() {
        parts.push(listed(&model.features));
    }
    if model.example_age {
        parts.push("the age of an example".to_owned());
    }
    if !model.item_features.is_empty() {
        parts.push(format!("of items {}", listed(&model.item_features)));
    }
    if parts.is_empty() { String::new() } else { format!(" with {}", parts.join(", ")) }
}

fn listed(features: &[youtube::Feature]) -> String {
    features.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn windows(model: &word2vec::Config, common: &str) -> String {
    let parts = match model.item_weights {
        _ if model.item_features.is_empty() => String::new(),
        Weights::Learned => format!(", items made of {} by learned weights", listed(&model.item_features)),
        Weights::Equal => format!(", items made of {} in equal parts", listed(&model.item_features)),
    };
    format!(
        "{:?} {:?}, window {}, {} negatives (exponent {}), {common}{parts}",
        model.model, model.loss, model.window, model.negatives, model.noise_exponent
    )
}

/// A rough guess from the multiply-adds of the training block at 30 GFLOP/s a thread.
fn seconds(config: &Config, vocab: &Vocab, sequences: usize) -> f64 {
    let keep = vecinity::train::survival(vocab, config.train.subsample);
    let kept: f64 = keep.iter().zip(vocab.counts()).map(|(k, &n)| k * n as f64).sum();
    let pairs = match &config.model {
        ModelConfig::Word2vec(m) | ModelConfig::Airbnb(airbnb::Config { plain: m, .. }) => {
            (m.window + 1) as f64 * (1 + m.negatives) as f64
        }
        ModelConfig::Item2vec(m) => {
            let mean = kept / sequences.max(1) as f64;
            mean.max(1.0) * 2.0 + m.negatives as f64 * 2.0
        }
        // The softmax and the layers, in products of a user with a row.
        ModelConfig::Youtube(m) => {
            let candidates =
                if m.loss_for(vocab.len()) == LossKind::Full { vocab.len() } else { m.negatives + m.batch };
            let widths: usize = m.hidden.iter().sum();
            let asked = if m.attends() { m.pools * config.train.dim } else { 0 };
            (candidates + widths * (m.pools + 1) + asked) as f64
        }
    };
    kept * pairs * 6.0 * config.train.dim as f64 * f64::from(config.train.epochs) / 30e9 / config.train.threads as f64
}

fn human_time(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => "less than a second".into(),
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Shows what a model is, after checking every byte of it.
fn model(path: &Path, output: Output) -> Result<()> {
    let model = Model::open(path)?;
    let Manifest { uuid, tool, created, origin, tokens, dim, outputs, files, .. } = &model.manifest;
    output.answer(&model.manifest, |to| {
        writeln!(to, "{}   {} tokens, dim {dim}, made {created} by {tool}", path.display(), grouped(*tokens as u64))?;
        match origin {
            Origin::Trained { corpus_tokens, sequences, loss, seconds, .. } => writeln!(
                to,
                "trained on {} tokens in {} sequences, {} (loss/pair {})",
                grouped(*corpus_tokens),
                grouped(*sequences),
                human_time(*seconds),
                loss.map_or_else(|| "unknown".into(), |l| format!("{l:.3}"))
            )?,
            Origin::Imported { format } => writeln!(to, "imported from {format}")?,
        }
        if let Some(config) = &model.config {
            writeln!(to, "model   {}", describe(config))?;
        }
        let second = match outputs {
            Outputs::Tokens => "input and output matrix",
            Outputs::Nodes => "input matrix, and the tree nodes of hierarchical softmax",
            Outputs::None => "input matrix only",
        };
        let rules = model.types.as_deref().and_then(|text| TypeRules::parse(text, path).ok());
        for line in rules.iter().flat_map(|rules| rules.to_string().lines().map(str::to_owned).collect::<Vec<_>>()) {
            writeln!(to, "types   {line}")?;
        }
        if let Some(parts) = &model.parts {
            let shares: Vec<String> =
                parts.shares().map(|(name, share)| format!("{} {:.0} %", shown(name), 100.0 * share)).collect();
            writeln!(to, "new     items get vectors of their fields: {}", shares.join(", "))?;
        }
        let bytes: u64 = files.values().map(|f| f.bytes).sum();
        writeln!(to, "holds   {second}; {} files, {:.1} MB, all checksums right", files.len(), bytes as f64 / 1e6)?;
        if let Some(recipe) = &model.recipe {
            writeln!(to, "recipe  {recipe}")?;
        }
        if let Some(metrics) = &model.metrics {
            let test = metrics.evaluation.rows.first().map(|row| &row.test);
            let (hr, ndcg) = test.map_or((0.0, 0.0), |test| (test.hr[0], test.ndcg[0]));
            writeln!(to, "test    HR@10 {hr:.4}, NDCG@10 {ndcg:.4}: {}", metrics.evaluation.verdict)?;
        }
        if let Some(metadata) = model.embeddings.metadata() {
            writeln!(to, "titles  {} rows, columns {}", metadata.len(), metadata.columns().join(", "))?;
        }
        writeln!(to, "uuid    {uuid}")
    })
}
