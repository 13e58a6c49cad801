//! `vecinity lab airbnb`: what the booked listing as global context and market negatives are good for.

use crate::output::Output;
use crate::settings::{Resolved, Settings};
use crate::table;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vecinity::baselines::BaselineKind;
use vecinity::config::Config;
use vecinity::eval::recommend::{Holdout, Split};
use vecinity::market::{self, Alike, FARTHEST, Measured};
use vecinity::metadata::Metadata;
use vecinity::models::ModelConfig;
use vecinity::recommend::{Evaluation, learn};
use vecinity::run::{Data, Items};
use vecinity::{Error, publish};

/// What do the two additions of listing embeddings do? (Grbovic & Cheng 2018)
///
/// Trains plain skip-gram, with the booked listing as global context, with market negatives, and with both; each with the
/// same seeds on the sessions before the last tenth of the bookings, which then are asked: where does the booked listing
/// stand in its market, so many clicks before the booking (0 first, 1 last)? With what is HR@10 over all listings? Are the
/// neighbours of the right market, and what have they in common inside it?
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vecinity lab airbnb events.tsv --columns session=session,item=listing,event=event,time=time --metadata listings.tsv \\
    --global-context booked --local-negatives market --reject rejected -o lab.svg")]
pub(crate) struct Airbnb {
    /// Events: files, folders or patterns.
    data: Vec<String>,
    /// How often everything is trained, with seeds from 1.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    seeds: u8,
    /// Also write the curves as a picture (SVG).
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// A mean over seeds, and their standard deviation.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    mean: f64,
    deviation: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n.max(1.0);
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: (squares / (n - 1.0).max(1.0)).sqrt() }
    }

    fn text(self, factor: f64, digits: usize) -> String {
        format!("{:.digits$} ± {:.digits$}", factor * self.mean, factor * self.deviation)
    }
}

/// One way to train, over all seeds.
#[derive(Debug, Serialize)]
struct Variant {
    name: &'static str,
    /// Mean rank of the booked listing over all distances.
    mean_rank: Spread,
    /// The same by clicks before the booking, from the farthest.
    by_clicks: Vec<(usize, Spread)>,
    hit_rate_10: Spread,
    right_market: Spread,
    accepted_minus_rejected: Option<Spread>,
    seconds: Spread,
    alike: Vec<(String, bool, Spread)>,
}

/// What the lab found.
#[derive(Debug, Serialize)]
struct Answer {
    sessions_asked: usize,
    seeds: u8,
    variants: Vec<Variant>,
    /// HR@10 of the simple recommenders.
    baselines: Vec<(String, f64)>,
    /// Mean rank by clicks before the booking: clicks, sessions, the last click alone (of the whole loss), popularity.
    simple: Vec<(usize, usize, f64, f64)>,
}

/// A run: its figures, its evaluation, seconds of training.
type Run = (Measured, Evaluation, f64);

impl Airbnb {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let Resolved { config, guessed_kind } = self.settings.resolve(&self.data)?;
        if config.data.global_context.is_none() || config.data.local_negatives.is_none() {
            let what = "the lab needs goals and markets";
            return Err(Error::data(what, "name them: --global-context EVENT --local-negatives COLUMN").into());
        }
        let metadata = config.data.metadata.as_deref().map(Metadata::parse).transpose()?;
        let items = Items::read(
            config,
            guessed_kind,
            &self.settings.given(),
            &Data::Files(self.data),
            None,
            &mut output.clone(),
        )?;
        let (histories, mut config) = (items.histories, items.config);
        let holdout = Holdout::usual(&histories);
        let asked: Vec<usize> = Split::new(&histories, holdout)?.test.queries.iter().map(|query| query.owner).collect();
        config.evaluate.holdout = Some(holdout);
        config.evaluate.blend = false;
        config.evaluate.refit = false;
        let reject = config.data.reject.is_some();
        let ways = [
            ("plain", false, false),
            ("+ global context", true, false),
            ("+ market", false, true),
            ("both", true, true),
        ];
        let (mut variants, mut baselines, mut simple) = (Vec::new(), Vec::new(), Vec::new());
        for (name, global, local) in ways {
            let mut runs: Vec<Run> = Vec::new();
            for seed in 1..=u64::from(self.seeds) {
                let mut config = varied(&config, global, local, reject && global && local);
                config.train.seed = seed;
                // They do not change with the loss.
                let simple = baselines
                    .is_empty()
                    .then(|| vec![BaselineKind::Popularity, BaselineKind::ItemKnn, BaselineKind::Ease]);
                config.evaluate.baselines = Some(simple.unwrap_or_default());
                let learned = learn(&histories, &config, &mut ())?;
                let (Some(metrics), vocab) = (learned.metrics, learned.corpus.vocab().clone()) else { continue };
                let seconds = learned.trained.progress.seconds;
                let model = learned.trained.into_embeddings(vocab)?;
                let measured = market::measure(&model, &histories, &asked, metadata.as_ref())?;
                let rows = metrics.evaluation.rows.iter().skip(1);
                baselines.extend(rows.map(|row| (row.name.clone(), row.test.hr[0])));
                output.say(format_args!(
                    "{name:<18}seed {seed}   rank {:.4}   HR@10 {:.4}   right market {:.3}   {seconds:.1} s",
                    measured.mean_rank(),
                    metrics.evaluation.rows[0].test.hr[0],
                    measured.right_market
                ));
                runs.push((measured, metrics.evaluation, seconds));
            }
            simple = runs[0].0.before.iter().map(|b| (b.clicks, b.sessions, b.last_click, b.popularity)).collect();
            variants.push(together(name, &runs));
        }
        let answer = Answer { sessions_asked: asked.len(), seeds: self.seeds, variants, baselines, simple };
        if let Some(path) = &self.output {
            draw(&answer, path)?;
        }
        output.answer(&answer, |to| write(&answer, to))
    }
}

/// The settings with a part of the loss.
fn varied(config: &Config, global: bool, local: bool, reject: bool) -> Config {
    let mut config = config.clone();
    if let ModelConfig::Airbnb(model) = &mut config.model {
        model.global_context = global;
        model.reject = reject;
        model.local_negatives = if local { model.local_negatives } else { 0 };
        // What is compared is the loss, not how often sessions are seen.
        model.oversample = 1;
    }
    config
}

fn together(name: &'static str, runs: &[Run]) -> Variant {
    let of = |value: &dyn Fn(&Run) -> f64| Spread::of(runs.iter().map(value));
    let before = &runs[0].0.before;
    let by_clicks = (0..before.len()).map(|at| (before[at].clicks, of(&|run| run.0.before[at].mean_rank)));
    let alike = runs[0].0.alike.iter().map(|Alike { column, number, .. }| {
        let ratio =
            |run: &Run| run.0.alike.iter().find(|alike| alike.column == *column).map_or(1.0, |alike| alike.ratio);
        (column.clone(), *number, of(&ratio))
    });
    let difference = runs[0].0.rejected.map(|_| of(&|run| run.0.accepted - run.0.rejected.unwrap_or(0.0)));
    Variant {
        name,
        mean_rank: of(&|run| run.0.mean_rank()),
        by_clicks: by_clicks.collect(),
        hit_rate_10: of(&|run| run.1.rows[0].test.hr[0]),
        right_market: of(&|run| run.0.right_market),
        accepted_minus_rejected: difference,
        seconds: of(&|run| run.2),
        alike: alike.collect(),
    }
}

fn write(answer: &Answer, to: &mut dyn std::io::Write) -> std::io::Result<()> {
    writeln!(
        to,
        "{} sessions asked, {} seeds; mean ± standard deviation over seeds\n",
        answer.sessions_asked, answer.seeds
    )?;
    let header = ["", ">booked listing's rank %", ">HR@10", ">right market", ">accepted - rejected", ">seconds"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for variant in &answer.variants {
        rows.push(vec![
            variant.name.into(),
            variant.mean_rank.text(100.0, 2),
            variant.hit_rate_10.text(1.0, 3),
            variant.right_market.text(1.0, 3),
            variant.accepted_minus_rejected.map_or("-".into(), |difference| difference.text(1.0, 3)),
            variant.seconds.text(1.0, 1),
        ]);
    }
    for (name, hit_rate) in &answer.baselines {
        rows.push(vec![name.clone(), "-".into(), format!("{hit_rate:.3}"), "-".into(), "-".into(), "-".into()]);
    }
    table::write(to, &header, &rows)?;
    writeln!(to, "\nRank of the booked listing in its market, %, by clicks before the booking (chance: 50)")?;
    let mut header = vec![">clicks".to_owned(), ">sessions".into()];
    header.extend(answer.variants.iter().map(|variant| format!(">{}", variant.name)));
    header.extend([">last click".into(), ">popularity".into()]);
    let rows: Vec<Vec<String>> = (answer.simple.iter().enumerate())
        .map(|(at, &(clicks, sessions, last, popularity))| {
            let mut row = vec![clicks.to_string(), sessions.to_string()];
            row.extend(answer.variants.iter().map(|variant| variant.by_clicks[at].1.text(100.0, 2)));
            row.extend([last, popularity].map(|rank| format!("{:.2}", 100.0 * rank)));
            row
        })
        .collect();
    table::write(to, &header.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
    if answer.variants.iter().all(|variant| variant.alike.is_empty()) {
        return Ok(());
    }
    writeln!(to, "\nNeighbours inside the market beside random listings of it")?;
    let mut header = vec![String::new(), String::new()];
    header.extend(answer.variants.iter().map(|variant| format!(">{}", variant.name)));
    let columns = answer.variants[0].alike.iter().map(|(column, number, _)| (column, *number));
    let rows: Vec<Vec<String>> = columns
        .map(|(column, number)| {
            let what = if number { "difference, lower is better" } else { "share alike, higher is better" };
            let mut row = vec![column.clone(), what.to_owned()];
            for variant in &answer.variants {
                let found = variant.alike.iter().find(|(name, ..)| name == column);
                row.push(found.map_or("-".into(), |(_, _, ratio)| ratio.text(1.0, 3)));
            }
            row
        })
        .collect();
    table::write(to, &header.iter().map(String::as_str).collect::<Vec<_>>(), &rows)
}

/// The curves as a picture: rank by clicks before the booking.
fn draw(answer: &Answer, path: &Path) -> Result<()> {
    const COLOURS: [&str; 6] = ["#7f7f7f", "#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b"];
    let mut curves: Vec<(&str, Vec<(usize, f64)>)> = Vec::new();
    for variant in &answer.variants {
        curves.push((variant.name, variant.by_clicks.iter().map(|(clicks, rank)| (*clicks, rank.mean)).collect()));
    }
    curves.push(("last click", answer.simple.iter().map(|row| (row.0, row.2)).collect()));
    curves.push(("popularity", answer.simple.iter().map(|row| (row.0, row.3)).collect()));
    let x = |clicks: usize| 60.0 + 420.0 * (FARTHEST - clicks) as f64 / (FARTHEST - 1) as f64;
    let y = |rank: f64| 290.0 - 520.0 * rank.clamp(0.0, 0.5);
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 340\" font-family=\"sans-serif\" font-size=\"11\">\
         <rect width=\"640\" height=\"340\" fill=\"#fff\"/>\
         <text x=\"60\" y=\"18\" font-size=\"13\">Mean rank of the booked listing in its market, by clicks before the booking</text>",
    );
    for percent in [0, 10, 20, 30, 40, 50] {
        let at = y(f64::from(percent) / 100.0);
        let _ = write!(
            svg,
            "<line x1=\"60\" x2=\"480\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"54\" y=\"{:.1}\" \
             text-anchor=\"end\">{percent} %</text>",
            at + 4.0
        );
    }
    for clicks in [17, 13, 9, 5, 1] {
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"310\" text-anchor=\"middle\">{clicks}</text>", x(clicks));
    }
    for (at, (name, points)) in curves.iter().enumerate() {
        let line: Vec<String> =
            points.iter().map(|&(clicks, rank)| format!("{:.1},{:.1}", x(clicks), y(rank))).collect();
        let colour = COLOURS[at % COLOURS.len()];
        let label = 60.0 + 18.0 * at as f64;
        let _ = write!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/><line x1=\"496\" x2=\"516\" \
             y1=\"{label}\" y2=\"{label}\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"522\" y=\"{}\">{name}</text>",
            line.join(" "),
            label + 4.0
        );
    }
    svg.push_str("</svg>\n");
    publish::file(path, |to| publish::write_all(to, path, svg.as_bytes()))?;
    Ok(())
}
