//! The way of items: events become histories, histories a measured recommender.

use super::{Conduct, Done, How, Titles, example, listings};
use crate::figures;
use crate::output::Output;
use crate::settings::Settings;
use anyhow::Result;
use std::path::Path;
use std::time::Instant;
use vecinity::Error;
use vecinity::config::{Config, Kind};
use vecinity::corpus::{Source, expand};
use vecinity::error::{grouped, shown};
use vecinity::events::{self, Report};
use vecinity::histories::Histories;
use vecinity::market::Summary;
use vecinity::model_dir::{self, NewModel, Origin};
use vecinity::models::ModelConfig;
use vecinity::recommend::{EpochReport, Evaluation, Learned, Stage, Watch, learn};
use vecinity::train::{Beside, Checkpoint, Control, Progress, Resumed};

/// Data of items that was read, with what was decided about it.
pub(crate) struct Items {
    pub(crate) config: Config,
    pub(crate) histories: Histories,
    pub(crate) report: Report,
    /// Why this kind, for people.
    pub(crate) kind: String,
    /// Why contexts on both sides are learned from, if nobody said so.
    order: Option<String>,
    /// What the sessions of a marketplace are, if it is one.
    sessions: Option<Summary>,
}

impl Items {
    /// Reads the data; a kind that was guessed is corrected by what the data says.
    pub(crate) fn read(
        config: Config,
        guessed_kind: bool,
        settings: &Settings,
        beside: Option<&Path>,
        output: Output,
    ) -> Result<Self> {
        let begun = Instant::now();
        let sources = expand(&config.data.files)?;
        let work = beside.map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p }).map(Path::to_owned);
        let mut config = config;
        let (mut histories, mut report) = events::read(&sources, &config.events(work.clone()))?;
        let mut sessions = None;
        if matches!(config.model, ModelConfig::Airbnb(_)) {
            let (made, summary) = listings::sessions_of(&histories, &config, &sources, work.clone())?;
            (histories, sessions) = (made, Some(summary));
        }
        let mut kind = "as told".to_owned();
        if guessed_kind {
            kind = reason(config.data.kind, &report);
            if config.data.kind == Kind::Sequence
                && let Some(why) = report.sets()
            {
                if !sources.iter().all(Source::rereadable) {
                    let what = format!("{why}, which is not what --kind sequence is for");
                    return Err(Error::data(
                        what,
                        "say --kind set, or --kind sequence to learn from the order all the same",
                    )
                    .into());
                }
                config = settings.resolve_as(&config.data.files, Kind::Set)?;
                (histories, report) = events::read(&sources, &config.events(work))?;
                kind = format!("{why}; --kind sequence learns from the order all the same");
            }
        }
        let mut order = None;
        if let ModelConfig::Word2vec(model) = &mut config.model
            && model.directed
            && !settings.says_directed()?
        {
            order = report.vague_order();
            model.directed = order.is_none();
        }
        let histories = histories.learned_with(config.data.repeats, config.data.weighted);
        let (columns, beside_items) = config.model.reads();
        let histories = if beside_items { histories.traced() } else { histories };
        let histories = crate::beside::join(histories, &columns, config.data.user_metadata.as_deref(), output)?;
        output.say(format_args!(
            "read    {} events, {} histories, {} items from {} file{}   {:.1} s",
            grouped(report.events),
            grouped(report.histories),
            grouped(histories.items().len() as u64),
            report.files,
            if report.files == 1 { "" } else { "s" },
            begun.elapsed().as_secs_f64()
        ));
        let items = Self { config, histories, report, kind, order, sessions };
        items.say(output);
        Ok(items)
    }

    /// Puts what the model reads of the items beside them.
    pub(crate) fn join_metadata(&mut self, titles: Option<&Titles>) -> Result<()> {
        let fields = self.config.model.reads_of_items();
        if !fields.is_empty() {
            let histories = std::mem::replace(&mut self.histories, Histories::from_lists::<&str, &str>(&[], true)?);
            self.histories = crate::beside::join_items(histories, &fields, titles.map(|titles| &titles.metadata))?;
        }
        Ok(())
    }

    /// Says what was found, and what will probably disappoint.
    fn say(&self, output: Output) {
        for (name, text) in describe(self) {
            output.say(format_args!("{name:<8}{text}"));
        }
        for warning in self.warnings() {
            output.say(format_args!("warning {warning}"));
        }
    }

    /// What will probably disappoint.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.report.warnings(self.config.data.kind == Kind::Sequence && self.sessions.is_none());
        if self.config.data.weighted && !self.histories.weighted() {
            warnings.push("--weighted has no effect: the data has no column of weights (--columns weight=NAME)".into());
        }
        let keep = self.kept();
        if keep < 2.0 && self.config.train.subsample > 0.0 {
            warnings.push(format!(
                "{keep:.2} items a history are left after subsampling; at least 2 are needed to learn from one. \
                 --subsample 0 keeps all"
            ));
        }
        warnings
    }

    /// Items a history that subsampling leaves, on average.
    fn kept(&self) -> f64 {
        let items = self.histories.items();
        let keep = vecinity::train::survival(items, self.config.train.subsample);
        let survivors: f64 = keep.iter().zip(items.counts()).map(|(keep, &count)| keep * count as f64).sum();
        survivors / self.histories.len().max(1) as f64
    }

    /// Trains, measures, and writes the model.
    pub(super) fn train(self, titles: Option<&Titles>, path: &Path, how: How, output: Output) -> Result<()> {
        if let Some(titles) = titles {
            titles.say(self.histories.items(), output)?;
        }
        if how.dry_run {
            return crate::commands::inspect::dry_run_of_items(&self, output);
        }
        if self.report.single == self.report.histories {
            return Err(Error::data(
                format!("nothing to learn from: all {} histories have one item", grouped(self.report.histories)),
                "check --columns: the user column should repeat",
            )
            .into());
        }
        let Self { config, histories, report, .. } = self;
        model_dir::check_space(path, histories.items().len(), config.train.dim)?;
        let mut watcher = Watcher { conduct: Conduct::new(how, path, output)?, output, shown: how.progress.shows() };
        let result = learn(&histories, &config, &mut watcher);
        let Learned { corpus, trained, tower, recipe, blended, metrics } = watcher.conduct.ended(result)?;
        let conduct = watcher.conduct;
        let origin = Origin::Trained {
            data: histories.fingerprint(),
            corpus_tokens: corpus.tokens().len() as u64,
            sequences: corpus.sequences() as u64,
            loss: conduct.last_loss(),
            seconds: trained.progress.seconds,
        };
        let skipped: String =
            report.bad.iter().filter_map(|bad| serde_json::to_string(bad).ok()).map(|line| line + "\n").collect();
        let model = NewModel {
            tower: tower.as_ref(),
            metadata: titles.map(|titles| &titles.metadata),
            config: Some(&config),
            recipe: recipe.as_ref().map(|recipe| (recipe, blended.as_slice())),
            metrics: metrics.as_ref(),
            skipped,
            training: conduct.log(),
            ..NewModel::trained(corpus.vocab(), &trained, origin)
        };
        model.save(path)?;
        conduct.remove_checkpoint()?;
        let done = Done {
            model: path,
            tokens: corpus.vocab().len(),
            dim: config.train.dim,
            epochs: trained.progress.epoch,
            seconds: trained.progress.seconds,
            tokens_per_second: trained.progress.tokens_per_second,
            evaluation: metrics.as_ref().map(|metrics| &metrics.evaluation),
        };
        output.answer(&done, |to| {
            if let Some(evaluation) = done.evaluation {
                figures::write(evaluation, to)?;
            }
            if let Some(recipe) = &recipe {
                writeln!(to, "recipe  {recipe}")?;
            }
            let next = match recipe {
                Some(_) => format!("vecinity recommend {} --history '{}'", path.display(), example(corpus.vocab())),
                None => format!("vecinity neighbors {} '{}'", path.display(), example(corpus.vocab())),
            };
            writeln!(to, "wrote   {}                             Next:  {next}", path.display())
        })
    }
}

/// Why a kind was guessed.
fn reason(kind: Kind, report: &Report) -> String {
    match (kind, report.time_unit.is_some()) {
        (Kind::Set, _) => "--window all".into(),
        (_, true) => format!(
            "there are times, and {:.0} % of neighbouring events differ in theirs; --kind set ignores order",
            100.0 * (1.0 - report.same_time)
        ),
        _ => "in the order of the data; --kind set ignores order, --kind text reads words".into(),
    }
}

/// What was found in the data, line by line: a name and a text.
pub(crate) fn describe(items: &Items) -> Vec<(&'static str, String)> {
    let report = &items.report;
    let mut lines = Vec::new();
    if !report.columns.is_empty() {
        let guessed = if report.guessed_columns { "   (guessed from values; --columns says otherwise)" } else { "" };
        let unit = report.time_unit.map_or_else(String::new, |unit| format!(" (time in {})", unit.name()));
        let columns: Vec<String> = report.columns.iter().map(|column| shown(column)).collect();
        lines.push(("columns", format!("{}{unit}{guessed}", columns.join(" · "))));
    }
    if report.event_values.len() > 1 || report.other_events > 0 {
        let kinds: Vec<String> =
            report.event_values.iter().take(8).map(|(name, n)| format!("{} {}", shown(name), grouped(*n))).collect();
        let left = match report.other_events {
            0 => "; --events chooses some".to_owned(),
            n => format!("; {} left out by --events", grouped(n)),
        };
        lines.push(("events", format!("{}{left}", kinds.join(" · "))));
    }
    lines.push((
        "shape",
        format!(
            "{} histories of {} owners · {} items · median history {}, longest {}",
            grouped(report.histories),
            grouped(report.owners),
            grouped(items.histories.items().len() as u64),
            grouped(report.median),
            grouped(report.longest)
        ),
    ));
    if let Some(summary) = items.sessions {
        let Summary { sessions, booked, clicks, short, rejected } = summary;
        let [sessions, booked, clicks, short, rejected] =
            [sessions, booked, clicks, short, rejected].map(|number| grouped(number as u64));
        let short = if short == "0" { String::new() } else { format!(" ({short} short ones left out)") };
        lines.push((
            "market",
            format!("{sessions} sessions of {clicks} clicks{short} · {booked} end in the goal · {rejected} rejections"),
        ));
    }
    lines.push(("kind", format!("{}   {}", items.config.data.kind.name(), items.kind)));
    if let Some(why) = &items.order {
        lines.push(("order", format!("{why}; --directed true learns what comes next only")));
    }
    if report.bad_rows > 0 {
        let first: Vec<String> = report.bad.iter().take(3).map(ToString::to_string).collect();
        let more = if report.bad_rows > 3 { "; ..." } else { "" };
        lines.push((
            "bad",
            format!("{} rows cannot be read and are left out: {}{more}", grouped(report.bad_rows), first.join("; ")),
        ));
    }
    if report.sorted_on_disk {
        lines.push(("memory", "the events were sorted on disk; --memory-limit MIB allows more memory".into()));
    }
    lines
}

/// Shows what goes on.
struct Watcher {
    conduct: Conduct,
    output: Output,
    shown: bool,
}

impl Watcher {
    fn say(&mut self, text: String) {
        self.conduct.pause();
        if self.shown {
            self.output.say(text);
        }
    }
}

impl Watch for Watcher {
    fn stage(&mut self, stage: Stage) {
        self.say(match stage {
            Stage::Baseline(kind) => format!("tune    {kind}"),
            Stage::Train => "train   as long as validation does not get worse".into(),
            Stage::Recipe => "recipe  how to ask the model, by validation".into(),
            Stage::TrainForTest => "train   up to the test".into(),
            Stage::TrainOnAll => "train   on everything".into(),
        });
    }

    fn observe(&mut self, progress: &Progress) -> Control {
        self.conduct.observe(progress)
    }

    fn epoch(&mut self, report: &EpochReport) {
        let EpochReport { epoch, ndcg, best } = *report;
        self.conduct.note(&serde_json::json!({"event": "eval", "epoch": epoch, "valid_ndcg": ndcg, "best": best}));
        self.say(format!("epoch   {epoch:<4} validation NDCG@10 {ndcg:.4}{}", if best { " ↑" } else { "" }));
    }

    fn judged(&mut self, evaluation: &Evaluation) {
        let model = evaluation.rows.first().map_or(0.0, |row| row.test.ndcg[0]);
        self.say(format!("test    NDCG@10 {model:.4}: {}", evaluation.verdict));
    }

    fn resume(&mut self, run: &str) -> vecinity::Result<Option<Resumed>> {
        self.conduct.resume(run)
    }

    fn save(&mut self, run: &str, checkpoint: &Checkpoint, beside: &Beside<'_>) -> vecinity::Result<()> {
        checkpoint.save(self.conduct.folder(), run, beside)
    }
}
