//! The way of items: events become histories, histories a measured recommender.

use super::conduct::Conduct;
use super::{Data, Done, Fields, Given, How, Show, Titles, beside, listings, work_dir};
use crate::config::{Config, Kind};
use crate::error::{Error, Result, grouped, shown};
use crate::events::Report;
use crate::histories::Histories;
use crate::market::Summary;
use crate::model_dir::{self, NewModel, Origin};
use crate::models::ModelConfig;
use crate::recommend::{EpochReport, Evaluation, Learned, Stage, Watch, learn};
use crate::train::{Beside, Checkpoint, Control, Progress, Resumed};
use std::path::Path;
use std::time::Instant;

/// Data of items that was read, with what was decided about it.
#[derive(Debug)]
pub struct Items {
    /// What is made of it.
    pub config: Config,
    /// Who did what, in order.
    pub histories: Histories,
    /// What was read and what was left out.
    pub report: Report,
    titles: Option<Titles>,
    /// Why this kind, for people.
    kind: String,
    /// Why contexts on both sides are learned from, if nobody said so.
    order: Option<String>,
    /// What the sessions of a marketplace are, if it is one.
    sessions: Option<Summary>,
}

impl Items {
    /// Reads the data; a kind that was guessed is corrected by what the data says.
    ///
    /// # Errors
    /// As [`events::read`](crate::events::read).
    pub fn read(
        config: Config,
        guessed_kind: bool,
        given: &Given,
        data: &Data,
        beside: Option<&Path>,
        show: &mut dyn Show,
    ) -> Result<Self> {
        if config.data.kind == Kind::Graph {
            return Err(Error::setting("kind", "graph", "sequence or set: this needs histories, not edges"));
        }
        let begun = Instant::now();
        let work = work_dir(beside);
        let mut config = config;
        let (mut histories, mut report) = data.events(&config, &config.events(work.clone()))?;
        let mut sessions = None;
        if matches!(config.model, ModelConfig::Airbnb(_)) {
            let (made, summary) = listings::sessions_of(&histories, &config, given, data, work.clone())?;
            (histories, sessions) = (made, Some(summary));
        }
        let mut kind = "as told".to_owned();
        if guessed_kind {
            kind = reason(config.data.kind, &report);
            if config.data.kind == Kind::Sequence
                && let Some(why) = report.sets()
            {
                if !data.rereadable(&config)? {
                    let what = format!("{why}, which is not what --kind sequence is for");
                    return Err(Error::data(
                        what,
                        "say --kind set, or --kind sequence to learn from the order all the same",
                    ));
                }
                config = given.resolve_as(data, Kind::Set)?;
                (histories, report) = data.events(&config, &config.events(work))?;
                kind = format!("{why}; --kind sequence learns from the order all the same");
            }
        }
        let mut order = None;
        if let ModelConfig::Word2vec(model) = &mut config.model
            && model.directed
            && !given.says_directed()?
        {
            order = report.vague_order();
            model.directed = order.is_none();
        }
        let histories = histories.learned_with(config.data.repeats, config.data.weighted);
        let (columns, beside_items) = config.model.reads();
        let histories = if beside_items { histories.traced() } else { histories };
        let users = Fields::read("user_metadata", given.user_metadata.as_ref(), config.data.user_metadata.as_deref())?;
        let histories = beside::join(histories, &columns, users, show)?;
        let from = if matches!(data, Data::Files(_)) {
            format!(" from {} file{}", report.files, if report.files == 1 { "" } else { "s" })
        } else {
            String::new()
        };
        show.say(&format!(
            "read    {} events, {} histories, {} items{from}   {:.1} s",
            grouped(report.events),
            grouped(report.histories),
            grouped(histories.items().len() as u64),
            begun.elapsed().as_secs_f64()
        ));
        let items = Self { config, histories, report, titles: None, kind, order, sessions };
        items.say(show);
        Ok(items)
    }

    /// Adds titles and fields, and puts what the model reads of the items beside them.
    pub(super) fn add(&mut self, titles: Option<Titles>, show: &mut dyn Show) -> Result<()> {
        let fields = self.config.model.reads_of_items();
        if !fields.is_empty() {
            let histories = std::mem::replace(&mut self.histories, Histories::from_lists::<&str, &str>(&[], true)?);
            self.histories = beside::join_items(histories, &fields, titles.as_ref().map(|titles| &titles.metadata))?;
        }
        if let Some(titles) = &titles {
            titles.say(self.histories.items(), show)?;
        }
        self.titles = titles;
        Ok(())
    }

    /// Adds the titles and fields that were given or that the configuration names.
    ///
    /// # Errors
    /// If they cannot be read, or none is of an item.
    pub fn with_titles(mut self, given: &Given, show: &mut dyn Show) -> Result<Self> {
        let titles = Titles::of(given, &self.config)?;
        self.add(titles, show)?;
        Ok(self)
    }

    /// Says what was found, and what will probably disappoint.
    fn say(&self, show: &mut dyn Show) {
        for (name, text) in self.describe() {
            show.say(&format!("{name:<8}{text}"));
        }
        for warning in self.warnings() {
            show.say(&format!("warning {warning}"));
        }
    }

    /// Whether the order of events that share a moment is learned from.
    fn learns_order(&self) -> bool {
        let strict = matches!(&self.config.model, ModelConfig::Youtube(network) if network.strictly_earlier);
        self.config.data.kind == Kind::Sequence && self.sessions.is_none() && !strict
    }

    /// What will probably disappoint.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.report.warnings(self.learns_order());
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
        let keep = crate::train::survival(items, self.config.train.subsample);
        let survivors: f64 = keep.iter().zip(items.counts()).map(|(keep, &count)| keep * count as f64).sum();
        survivors / self.histories.len().max(1) as f64
    }

    /// Trains, measures, and writes the model.
    ///
    /// # Errors
    /// What [`learn`] and writing say.
    pub fn train(self, path: &Path, how: How, show: &mut dyn Show) -> Result<Done> {
        if self.report.single == self.report.histories {
            return Err(Error::data(
                format!("nothing to learn from: all {} histories have one item", grouped(self.report.histories)),
                "check --columns: the user column should repeat",
            ));
        }
        let Self { config, histories, report, titles, .. } = self;
        model_dir::check_space(path, histories.items().len(), config.train.dim)?;
        let mut watcher = Watcher(Conduct::new(how, path, show));
        let result = learn(&histories, &config, &mut watcher);
        let Learned { corpus, trained, tower, parts, recipe, blended, metrics } = watcher.0.ended(result)?;
        let conduct = watcher.0;
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
            parts: parts.as_ref(),
            metadata: titles.as_ref().map(|titles| &titles.metadata),
            config: Some(&config),
            recipe: recipe.as_ref().map(|recipe| (recipe, blended.as_slice())),
            metrics: metrics.as_ref(),
            skipped,
            training: conduct.log(),
            ..NewModel::trained(corpus.vocab(), &trained, origin)
        };
        model.save(path)?;
        conduct.remove_checkpoint()?;
        let evaluation = metrics.map(|metrics| metrics.evaluation);
        Ok(Done { recipe, evaluation, ..Done::of(corpus.vocab(), config.train.dim, &trained.progress) })
    }

    /// What was found in the data, line by line: a name and a text.
    #[must_use]
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        let report = &self.report;
        let mut lines = Vec::new();
        if !report.columns.is_empty() {
            let guessed =
                if report.guessed_columns { "   (guessed from values; --columns says otherwise)" } else { "" };
            let unit = report.time_unit.map_or_else(String::new, |unit| format!(" (time in {})", unit.name()));
            let columns: Vec<String> = report.columns.iter().map(|column| shown(column)).collect();
            lines.push(("columns", format!("{}{unit}{guessed}", columns.join(" · "))));
        }
        if report.event_values.len() > 1 || report.other_events > 0 {
            let kinds: Vec<String> = report
                .event_values
                .iter()
                .take(8)
                .map(|(name, n)| format!("{} {}", shown(name), grouped(*n)))
                .collect();
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
                grouped(self.histories.items().len() as u64),
                grouped(report.median),
                grouped(report.longest)
            ),
        ));
        if let Some(summary) = self.sessions {
            let Summary { sessions, booked, clicks, short, rejected } = summary;
            let [sessions, booked, clicks, short, rejected] =
                [sessions, booked, clicks, short, rejected].map(|number| grouped(number as u64));
            let short = if short == "0" { String::new() } else { format!(" ({short} short ones left out)") };
            lines.push((
                "market",
                format!(
                    "{sessions} sessions of {clicks} clicks{short} · {booked} end in the goal · {rejected} rejections"
                ),
            ));
        }
        lines.push(("kind", format!("{}   {}", self.config.data.kind.name(), self.kind)));
        if let Some(why) = &self.order {
            lines.push(("order", format!("{why}; --directed true learns what comes next only")));
        }
        if report.bad_rows > 0 {
            let first: Vec<String> = report.bad.iter().take(3).map(ToString::to_string).collect();
            let more = if report.bad_rows > 3 { "; ..." } else { "" };
            lines.push((
                "bad",
                format!(
                    "{} rows cannot be read and are left out: {}{more}",
                    grouped(report.bad_rows),
                    first.join("; ")
                ),
            ));
        }
        if report.sorted_on_disk {
            lines.push(("memory", "the events were sorted on disk; --memory-limit MIB allows more memory".into()));
        }
        lines
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

/// Shows what goes on.
struct Watcher<'a>(Conduct<'a>);

impl Watch for Watcher<'_> {
    fn stage(&mut self, stage: Stage) {
        self.0.show.stage(&match stage {
            Stage::Baseline(kind) => format!("tune    {kind}"),
            Stage::Train => "train   as long as validation does not get worse".into(),
            Stage::Recipe => "recipe  how to ask the model, by validation".into(),
            Stage::TrainForTest => "train   up to the test".into(),
            Stage::TrainOnAll => "train   on everything".into(),
        });
    }

    fn observe(&mut self, progress: &Progress) -> Control {
        self.0.observe(progress)
    }

    fn epoch(&mut self, report: &EpochReport) {
        let EpochReport { epoch, ndcg, best } = *report;
        self.0.note(&serde_json::json!({"event": "eval", "epoch": epoch, "valid_ndcg": ndcg, "best": best}));
        let mark = if best { " ↑" } else { "" };
        self.0.show.stage(&format!("epoch   {epoch:<4} validation NDCG@10 {ndcg:.4}{mark}"));
    }

    fn goes_on(&mut self, epoch: u32) -> bool {
        self.0.show.goes_on(epoch)
    }

    fn judged(&mut self, evaluation: &Evaluation) {
        let model = evaluation.rows.first().map_or(0.0, |row| row.test.ndcg[0]);
        self.0.show.stage(&format!("test    NDCG@10 {model:.4}: {}", evaluation.verdict));
    }

    fn resume(&mut self, run: &str) -> Result<Option<Resumed>> {
        self.0.resume(run)
    }

    fn save(&mut self, run: &str, checkpoint: &Checkpoint, beside: &Beside<'_>) -> Result<()> {
        checkpoint.save(self.0.folder(), run, beside)
    }
}
