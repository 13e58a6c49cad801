//! `report.html`: what a model is and how good it is, on one page that needs nothing else.
//!
//! | file | job |
//! |---|---|
//! | `quality` | the sections about figures: verdict, baselines, recipe, training, groups, popularity |
//! | `vectors` | norm against frequency, neighbours of random tokens |
//! | `training` | the loss by epoch, from the log of the run |
//! | `tuning` | another page: what a search of settings has tried and found |
//! | `charts` | one chart a file, as SVG |
//! | `plot` | charts as files of their own, for other pages |
//! | `svg`, `page` | small writers of SVG and HTML; the escape that all text goes through |
//!
//! The page has no scripts, loads nothing, and is readable in light and dark mode, on a phone and in print.
//! Titles and ids come from strangers: they are escaped, and the page's policy forbids scripts in any case.
//!
//! May import: `baselines`, `config`, `embeddings`, `eval`, `index`, `metadata`, `models`, `recommend`, `tune`,
//! `vocab`, `id`, `rng`, `error`.  Used by: `lab`, `model_dir`, `cli`.

pub(crate) mod charts;
mod page;
pub(crate) mod plot;
mod quality;
mod svg;
mod training;
mod tuning;
mod vectors;

use crate::TokenId;
use crate::config::Config;
use crate::embeddings::Matrix;
use crate::error::{counted, grouped, shown};
use crate::index::Hit;
use crate::metadata::Metadata;
use crate::models::{ModelConfig, word2vec};
use crate::recommend::{MetricsFile, Pair, Recipe};
use crate::vocab::Vocab;
use charts::{Marked, curve, scatter};
use page::{Page, escape, foreign};
use std::fmt::Write;

pub use tuning::tuning;

/// What a report is about.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The name of the model: that of its folder.
    pub name: &'a str,
    /// The program that wrote it.
    pub tool: &'a str,
    /// When (RFC 3339).
    pub created: &'a str,
    /// The run it comes from; absent in imported models.
    pub run: Option<Run>,
    /// The tokens.
    pub vocab: &'a Vocab,
    /// The input matrix, shape `[vocab.len(), dim]`.
    pub input: &'a Matrix,
    /// The output matrix, if its rows are tokens.
    pub output: Option<&'a Matrix>,
    /// Titles.
    pub metadata: Option<&'a Metadata>,
    /// The settings of the run.
    pub config: Option<&'a Config>,
    /// How it is asked for recommendations.
    pub recipe: Option<&'a Recipe>,
    /// How good it is.
    pub metrics: Option<&'a MetricsFile>,
    /// The log of the run, an object a line.
    pub training: &'a str,
}

/// The run a model comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Sequences it was trained on.
    pub sequences: u64,
    /// Tokens it was trained on, before subsampling.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
}

/// The report as one HTML file. The same subject gives the same bytes.
#[must_use]
pub fn html(subject: &Subject<'_>) -> String {
    let mut page = Page::new(&format!("{} · vecinity report", subject.name));
    header(&mut page, subject);
    let seed = subject.config.map_or(1, |config| config.train.seed);
    match subject.metrics {
        Some(metrics) => quality::sections(&mut page, metrics, subject.recipe, subject.training),
        None => training(&mut page, subject),
    }
    norms(&mut page, subject);
    neighbours(&mut page, subject, seed);
    facts(&mut page, subject);
    page.finish()
}

fn header(page: &mut Page, subject: &Subject<'_>) {
    page.add(&format!("<header><p>vecinity report</p><h1>{}</h1></header>", foreign(subject.name)));
    if let Some(metrics) = subject.metrics {
        quality::verdict(page, &metrics.evaluation);
        return;
    }
    let (words, next) = match subject.recipe {
        Some(_) => (
            "Nothing was held out: how good it is, is not known.",
            "vecinity train --holdout last measures it beside baselines",
        ),
        None => (
            "Word vectors. No figures are stored with them.",
            "vecinity evaluate MODEL --analogies FILE --similarity FILE measures them",
        ),
    };
    page.add(&format!(
        "<div class=\"verdict\"><p>{}</p><p class=\"how\"><code>{}</code></p></div>",
        escape(words),
        escape(next)
    ));
}

/// The training curve of a model without a validation.
fn training(page: &mut Page, subject: &Subject<'_>) {
    let (losses, epochs) = training::losses(subject.training);
    if losses.is_empty() {
        return;
    }
    let last = losses.last().map(|&at| Marked { at, text: format!("{:.3} at the end", at[1]) });
    page.section("Training", "Loss of a pair of input and target, over the epochs.");
    page.charts(&[("Loss by epoch".into(), curve("Loss by epoch", &losses, last.as_ref(), epochs))]);
}

fn norms(page: &mut Page, subject: &Subject<'_>) {
    if subject.input.dim() == 0 || subject.vocab.is_empty() {
        return;
    }
    let matrices = [("Input matrix", Some(subject.input)), ("Output matrix", subject.output)];
    let charts: Vec<(String, String)> = (matrices.into_iter())
        .filter_map(|(name, matrix)| Some((name, vectors::Norms::of(subject.vocab, matrix?))))
        .map(|(name, norms)| {
            let rho = norms.correlation.map_or_else(String::new, |rho| format!(", rank correlation {rho:+.2}"));
            (format!("{name}{rho}"), scatter(&format!("{name}: length of vectors by frequency"), &norms.points))
        })
        .collect();
    page.section(
        "Length of vectors by frequency",
        "Dot products prefer long vectors, cosines do not look at length. Where length follows frequency, dot products \
         prefer what is popular.",
    );
    page.charts(&charts);
}

fn neighbours(page: &mut Page, subject: &Subject<'_>, seed: u64) {
    // For items what comes next is what they are asked for.
    let metric = subject.recipe.filter(|recipe| recipe.vectors == Pair::InOut).map(|recipe| recipe.metric);
    let near = vectors::near(subject.input, subject.output.zip(metric), seed);
    if near.is_empty() {
        return;
    }
    let mut about = "Nearest by cosine of input vectors, as vecinity neighbors answers.".to_owned();
    if let Some(metric) = metric {
        about +=
            &format!(" Below, after the arrow: what each predicts, from input to output vectors by {}.", metric.name());
    }
    page.section("Neighbours of ten at random", &(about + " Drawn from frequent and rare ones alike, not chosen."));
    let listed = |hits: &[Hit], sign: &str| {
        let one = |hit: &Hit| format!("<li>{} <small>{:.2}</small></li>", subject.title(hit.id), hit.score);
        let hits: String = hits.iter().map(one).collect();
        if hits.is_empty() { String::new() } else { format!("<ol>{sign}{hits}</ol>") }
    };
    let mut list = String::from("<ul class=\"near\">\n");
    for near in near {
        let count = format!("seen {} ×", grouped(subject.vocab.count(near.token)));
        let _ = writeln!(
            list,
            "<li><div><b>{}</b><br><small>{count}</small></div><div>{}{}</div></li>",
            subject.title(near.token),
            listed(&near.nearest, ""),
            listed(&near.predicted, "<li><i>→</i></li>")
        );
    }
    page.add(&(list + "</ul>"));
}

impl Subject<'_> {
    /// The title of a token, or else the token, as safe HTML.
    fn title(&self, id: TokenId) -> String {
        let token = self.vocab.token(id);
        foreign(&shown(self.metadata.and_then(|metadata| metadata.title(token)).unwrap_or(token)))
    }
}

fn facts(page: &mut Page, subject: &Subject<'_>) {
    let items = subject.recipe.is_some();
    let (thing, sequence) = if items { ("items", "histories") } else { ("tokens", "sequences") };
    let mut facts =
        vec![(thing, grouped(subject.vocab.len() as u64)), ("values a vector", subject.input.dim().to_string())];
    if let Some(Run { sequences, tokens, seconds }) = subject.run {
        facts.push((sequence, grouped(sequences)));
        facts.push((if items { "events" } else { "occurrences" }, grouped(tokens)));
        facts.push(("trained in", format!("{seconds:.1} s")));
    }
    if let Some(config) = subject.config {
        let model = match &config.model {
            ModelConfig::Word2vec(model) => windows(model),
            ModelConfig::Airbnb(model) => format!("{}; {}", windows(&model.plain), model.added()),
            ModelConfig::Item2vec(model) => {
                format!("sets, every pair, {} negatives (exponent {})", model.negatives, model.noise_exponent)
            }
            ModelConfig::Youtube(model) => format!(
                "network: {}, hidden layers {:?}, {} loss",
                model.pooling(),
                model.hidden,
                model.loss_for(subject.vocab.len()).name()
            ),
        };
        facts.push(("model", model.replace("SkipGram", "skip-gram").replace("Cbow", "CBOW").replace("Ns", "ns")));
        facts.push((
            "learning rate, epochs",
            format!("{}, {}", config.train.learning_rate, counted(config.train.epochs.into(), "epoch")),
        ));
        facts.push(("kind of data", config.data.kind.name().to_owned()));
        facts.push(("seed", config.train.seed.to_string()));
    }
    if let Some(recipe) = subject.recipe {
        facts.push(("recipe", recipe.to_string()));
    }
    page.section("Data and settings", "");
    page.facts(&facts);
    if let Some(config) = subject.config {
        let toml = escape(&config.to_toml());
        page.add(&format!("<details><summary>All settings (config.toml)</summary><pre>{toml}</pre></details>"));
    }
    page.add(&format!(
        "<footer>Written by {} on {}. Print it again with <code>vecinity report {}</code>.</footer>",
        escape(subject.tool),
        escape(&subject.created.replace('T', " at ")),
        foreign(subject.name)
    ));
}

/// Skip-gram or CBOW in words.
fn windows(model: &word2vec::Config) -> String {
    format!(
        "{:?}, {:?}, window {}{}, {} negatives (exponent {})",
        model.model,
        model.loss,
        model.window,
        if model.directed { " behind" } else { "" },
        model.negatives,
        model.noise_exponent
    )
}

#[cfg(test)]
mod tests;
