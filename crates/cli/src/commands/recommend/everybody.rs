//! Recommendations after every history of a file.

use super::{Asked, Files};
use crate::output::Output;
use std::io::{self, BufWriter};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vecinity::error::{counted, grouped, shown};
use vecinity::histories::Histories;
use vecinity::index::Hit;
use vecinity::metadata::Metadata;
use vecinity::model_dir::Model;
use vecinity::recommend::{Everybody, Lists, Summary, Written};
use vecinity::{Error, TokenId, corpus, events};

/// What was done, for programs.
#[derive(serde::Serialize)]
struct Done {
    output: PathBuf,
    #[serde(flatten)]
    summary: Summary,
    seconds: f64,
    histories_per_second: f64,
}

impl Files {
    /// Refuses names before anything is read.
    pub(super) fn check(&self) -> vecinity::Result<()> {
        if self.to_stdout() { Ok(()) } else { Lists::check(&self.output) }
    }

    fn to_stdout(&self) -> bool {
        self.output == Path::new("-")
    }

    pub(crate) fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.map_or_else(all, usize::from)
    }

    /// Reads histories as the model was trained on them.
    pub(crate) fn read(&self, model: &Model, output: Output) -> anyhow::Result<Histories> {
        let begun = Instant::now();
        let data = model.config.as_ref().map(|config| &config.data);
        let trained = data.filter(|data| self.columns.is_none() && !data.columns.is_empty());
        if let Some(data) = trained {
            output.say(format_args!("columns as in training: {} (--columns says otherwise)", data.columns));
        }
        let options = events::Options {
            format: self.format,
            columns: self.columns.clone().or(trained.map(|data| data.columns.clone())).unwrap_or_default(),
            events: data.map(|data| data.events.clone()).unwrap_or_default(),
            beside: model.tower.iter().flat_map(|tower| tower.schema().names()).map(str::to_owned).collect(),
            bad_rows: self.bad_rows.unwrap_or_default(),
            threads: self.threads(),
            work_dir: self.output.parent().filter(|folder| folder.is_dir()).map(Path::to_owned),
            ..events::Options::default()
        };
        let (histories, report) = events::read(&corpus::expand(&self.input)?, &options)?;
        let columns =
            if report.columns.is_empty() { String::new() } else { format!("   {}", report.columns.join(" · ")) };
        output.say(format_args!(
            "read    {}, {}{columns}   {:.1} s",
            counted(report.events, "event"),
            histories_of(report.histories),
            begun.elapsed().as_secs_f64()
        ));
        if let Some(bad) = report.bad.first() {
            output.say(format_args!("note    {} skipped, the first: {bad}", counted(report.bad_rows, "bad row")));
        }
        let Some(tower) = &model.tower else { return Ok(histories) };
        let columns: Vec<&str> = tower.schema().names().collect();
        let in_training = data.and_then(|data| data.user_metadata.as_deref());
        let users = self.user_metadata.as_deref().or(in_training.filter(|file| file.exists()));
        let users = users.map(|file| Ok::<_, Error>((Metadata::parse(file)?, file.to_owned()))).transpose()?;
        let histories = vecinity::run::join(histories, &columns, users, &mut output.clone())?;
        let there = |name: &str| histories.columns().iter().any(|column| column.name == name);
        let missing: Vec<&str> = columns.iter().copied().filter(|name| !there(name)).collect();
        if !missing.is_empty() {
            let what = missing.join(", ");
            output.say(format_args!(
                "note    the model reads {what}, of which nothing is known here (--user-metadata FILE)"
            ));
        }
        Ok(histories)
    }
}

impl Asked<'_> {
    pub(super) fn everybody(&self, files: &Files, output: Output) -> anyhow::Result<()> {
        let embeddings = &self.model.embeddings;
        let bound = self.filter.bind(embeddings)?;
        let mut allowed = if self.filter.is_empty() { vec![true; embeddings.len()] } else { bound.all() };
        self.excluded.iter().for_each(|id| allowed[id.row()] = false);
        if !allowed.contains(&true) {
            let advice = "loosen the filter, or exclude less";
            return Err(Error::data(format!("there is nothing to list: {}", self.why_nothing()?), advice).into());
        }
        let histories = files.read(self.model, output)?;
        let everything = allowed.iter().all(|&yes| yes);
        let only = |id: TokenId| everything || allowed[id.row()];
        let asked = Everybody {
            histories: &histories,
            vocab: embeddings.vocab(),
            want: self.want(&only),
            diversity: self.style.diversity,
            threads: files.threads(),
        };
        let begun = Instant::now();
        let write =
            |add: &mut dyn FnMut(&str, &[Hit]) -> vecinity::Result<()>| self.recommender.for_everybody(asked, add);
        let (summary, written) = if files.to_stdout() {
            let name = Path::new("standard output");
            let mut lists = Lists::csv(Box::new(BufWriter::new(io::stdout())), name, embeddings.vocab())?;
            match write(&mut |user, hits| lists.add(user, hits)).and_then(|summary| Ok((summary, lists.finish()?))) {
                // The reader of a pipe may stop early; that is no failure.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                result => result?,
            }
        } else {
            Lists::file(&files.output, embeddings.vocab(), write)?
        };
        let seconds = begun.elapsed().as_secs_f64();
        tell(&summary, written, output);
        let done = Done {
            output: files.output.clone(),
            histories_per_second: summary.histories as f64 / seconds.max(1e-9),
            summary,
            seconds,
        };
        if files.to_stdout() {
            output.say(done.to_string());
            return Ok(());
        }
        output.answer(&done, |to| writeln!(to, "{done}"))
    }
}

/// Says what was not as it should be.
fn tell(summary: &Summary, written: Written, output: Output) {
    if summary.unknown_items > 0 {
        let first: Vec<_> = summary.unknown.iter().map(|item| shown(item)).collect();
        output.say(format_args!(
            "note    {} are of {} that the model does not know: {}{}",
            counted(summary.unknown_events, "event"),
            counted(summary.unknown_items, "item"),
            first.join(", "),
            if summary.unknown_items > first.len() as u64 { ", ..." } else { "" }
        ));
    }
    if summary.without_list > 0 {
        output.say(format_args!("note    for {} nothing was left to list", grouped(summary.without_list)));
    }
    if written.marked > 0 {
        output.say(format_args!(
            "note    {} begin like a formula and got a ' in front, for spreadsheets; .jsonl and .parquet hold them as they are",
            counted(written.marked, "id")
        ));
    }
}

fn histories_of(number: u64) -> String {
    format!("{} {}", grouped(number), if number == 1 { "history" } else { "histories" })
}

impl std::fmt::Display for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { output, summary, seconds, histories_per_second } = self;
        let histories = histories_of(summary.histories);
        let to = if output == Path::new("-") { "standard output".into() } else { output.display().to_string() };
        let rate = grouped(*histories_per_second as u64);
        write!(f, "{histories} -> {to}   {}, {seconds:.1} s ({rate}/s", counted(summary.rows, "row"))?;
        if summary.popular > 0 {
            write!(f, "; {} without a known item got 'popular'", grouped(summary.popular))?;
        }
        f.write_str(")")
    }
}
