//! `vecinity tune`: settings that suit the data, searched within a time.

use crate::interrupt;
use crate::output::Output;
use crate::progress::{Reporter, Style};
use crate::settings::{Resolved, Settings, parse_duration};
use crate::table;
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vecinity::config::Kind;
use vecinity::error::{counted, grouped};
use vecinity::run::{Data, Items};
use vecinity::stop::Stop;
use vecinity::train::{Control, Progress};
use vecinity::tune::{Confirmed, Effect, Options, Rung, Space, Trial, Tuned, Wanted, Watch, tune};
use vecinity::{Error, publish, report};

/// Search settings that suit the data, within a time.
///
/// Trains vectors of items with many settings on a part of the data, and with the best on more of it (successive halving).
/// What is held out for the test of `vecinity train` has no say. Settings that a flag gives stay as they are; those of a
/// file (--config) are where the search begins.
#[derive(Debug, Args)]
#[command(
    allow_negative_numbers = true,
    after_help = "Examples:
  vecinity tune clicks.csv -o tuned.toml --budget 30m
  vecinity train clicks.csv -o shop.model --config tuned.toml
  vecinity tune clicks.csv -o tuned.toml --budget 2h --resume             (goes on with an earlier search)
  vecinity tune clicks.csv -o tuned.toml --search dim=32,64,128 --search window=3,5,10

Beside tuned.toml, tuned.trials.jsonl has every trial and tuned.html is a report."
)]
pub(crate) struct Tune {
    /// Files, folders, patterns, or - for standard input; .gz and .zst are unpacked.
    #[arg(required = true)]
    data: Vec<String>,
    /// The file of settings to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How long to search, such as 10m or 2h; with --resume, earlier searches count.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    budget: Duration,
    /// Share of the histories to learn from, such as 10% [default: what the budget allows twenty trials of].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    sample: Option<f64>,
    /// Search this setting among these values, in place of the usual settings; may be given several times.
    #[arg(long, value_name = "NAME=VALUE,...")]
    search: Vec<Wanted>,
    /// Go on with the trials of an earlier search of the same settings on the same data.
    #[arg(long)]
    resume: bool,
    /// How progress is shown: a bar on terminals, else a line every ten seconds.
    #[arg(long, value_enum, default_value = "auto")]
    progress: Style,
    // Last, since the headings of its flags would go on over those behind them.
    #[command(flatten)]
    settings: Settings,
}

/// Trials that take longer show their progress.
const SHORT: Duration = Duration::from_secs(10);

/// A share such as `10%` or `0.1`.
fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().map_err(|_| "expected a share such as 10% or 0.1".to_owned())? / scale;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("expected above 0 %, at most 100 %".into()) }
}

#[derive(serde::Serialize)]
struct Found<'a> {
    settings: &'a Path,
    trials_file: &'a Path,
    report: &'a Path,
    changes: String,
    confirmed: Option<Confirmed>,
    holdout: String,
    seconds: f64,
    rungs: &'a [Rung],
    trials: &'a [Trial],
    effects: Vec<Effect>,
}

impl Tune {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let Resolved { config, guessed_kind } = self.settings.resolve(&self.data)?;
        if matches!(config.data.kind, Kind::Text | Kind::Graph) {
            let advice = "items are --kind sequence or set; of words, vecinity evaluate compares models";
            return Err(Error::data("text and graphs have nothing held out to choose settings by", advice).into());
        }
        let journal = self.output.with_extension("trials.jsonl");
        let page_file = self.page();
        self.check_output(&journal)?;
        let (given, data) = (self.settings.given(), Data::Files(self.data.clone()));
        let mut show = output;
        let stop = interrupt::watch()?;
        let items = stop.during(|| {
            let items = Items::read(config, guessed_kind, &given, &data, self.output.parent(), &mut show)?;
            items.with_titles(&given, &mut show)
        })?;
        let options = Options {
            budget: self.budget,
            sample: self.sample,
            wanted: self.search,
            fixed: given.fixed(),
            journal,
            resume: self.resume,
        };
        let mut watcher = Watcher {
            stop: stop.clone(),
            reporter: Reporter::new(self.progress, output),
            output,
            shown: self.progress.shows(),
            space: None,
            begun: Instant::now(),
        };
        let result = stop.during(|| tune(&items.histories, &items.config, &options, &mut watcher));
        watcher.reporter.end();
        let tuned = result.map_err(|error| match error {
            Error::Interrupted { .. } => Error::Interrupted { checkpoint: Some(options.journal.clone()) },
            other => other,
        })?;
        let name = self.output.file_name().unwrap_or_default().to_string_lossy();
        let page = report::tuning(&name, &format!("vecinity {}", env!("CARGO_PKG_VERSION")), &tuned);
        let text = settings_file(&tuned);
        publish::file(&self.output, |to| publish::write_all(to, &self.output, text.as_bytes()))?;
        publish::file(&page_file, |to| publish::write_all(to, &page_file, page.as_bytes()))?;
        let found = Found {
            settings: &self.output,
            trials_file: &options.journal,
            report: &page_file,
            changes: changes(&tuned),
            confirmed: tuned.confirmed,
            holdout: tuned.holdout.to_string(),
            seconds: tuned.seconds,
            rungs: &tuned.rungs,
            trials: &tuned.trials,
            effects: tuned.effects(),
        };
        output.answer(&found, |to| {
            let row = |(at, trial): (usize, &Trial)| {
                let ndcg = trial.ndcg.map_or_else(String::new, |ndcg| format!("{ndcg:.4}"));
                vec![(at + 1).to_string(), ndcg, format!("{:.1}", trial.seconds), tuned.space.changes(&trial.point)]
            };
            let rows: Vec<_> = tuned.best().into_iter().take(10).enumerate().map(row).collect();
            table::write(to, &[">", ">NDCG@10", ">seconds", "settings, where they differ from the start"], &rows)?;
            writeln!(to, "tuned   {}", verdict(&tuned))?;
            writeln!(to, "        {}", found.changes)?;
            let data = items.config.data.files.join(" ");
            let (settings, page) = (found.settings.display(), found.report.display());
            writeln!(
                to,
                "wrote   {settings}, {page}     Next:  vecinity train {data} -o NAME.model --config {settings}"
            )
        })
    }
}

impl Tune {
    /// Checks before a long search that its result can be written, and replaces nothing but that of a search.
    fn check_output(&self, journal: &Path) -> Result<(), Error> {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Error::input(folder, "no such folder", "make it, or choose another place for -o"));
        }
        if self.output == self.page() || self.output == journal {
            let found = self.output.display();
            return Err(Error::setting(
                "output",
                found,
                "a name such as tuned.toml: .html and .trials.jsonl are written beside it",
            ));
        }
        let foreign = [self.output.clone(), self.page()].into_iter().find(|file| file.exists() && !journal.exists());
        if let Some(file) = foreign {
            let what = "exists and comes from no search that is here; it will not be replaced";
            return Err(Error::input(file, what, "choose another name, or remove it first"));
        }
        Ok(())
    }

    /// Where the report goes.
    fn page(&self) -> PathBuf {
        self.output.with_extension("html")
    }
}

/// What the settings in the file differ in from those the search began with.
fn changes(tuned: &Tuned) -> String {
    let best = tuned.best();
    match (tuned.confirmed, best.first()) {
        (Some(Confirmed { better: true, .. }), Some(best)) => tuned.space.changes(&best.point),
        _ => "the settings the search began with".into(),
    }
}

fn verdict(tuned: &Tuned) -> String {
    let tried = format!("{} in {:.0} s", counted(tuned.trials.len() as u64, "trial"), tuned.seconds);
    match tuned.confirmed {
        None => format!("{tried}: nothing better than the start"),
        Some(Confirmed { start, best, interval, questions, better }) => format!(
            "{tried}: NDCG@10 {start:.4} -> {best:.4} ({:+.4} ± {interval:.4}), trained and asked anew, {} questions of \
             validation{}",
            best - start,
            grouped(questions as u64),
            if better { "" } else { ": no better than by chance, so the start stays" }
        ),
    }
}

fn settings_file(tuned: &Tuned) -> String {
    format!("# vecinity tune: {}\n# {}\n\n{}", verdict(tuned), changes(tuned), tuned.toml())
}

/// Shows what goes on.
struct Watcher {
    stop: Stop,
    reporter: Reporter,
    output: Output,
    shown: bool,
    space: Option<Space>,
    /// When the trial began.
    begun: Instant,
}

impl Watcher {
    fn say(&mut self, text: String) {
        self.reporter.end();
        if self.shown {
            self.output.say(text);
        }
    }
}

impl Watch for Watcher {
    fn begin(&mut self, space: &Space, rungs: &[Rung], trials: &[Trial]) {
        let one = |setting: &vecinity::tune::Setting| {
            format!("{} {}", setting.name, setting.values().collect::<Vec<_>>().join(" "))
        };
        let settings: Vec<String> = space.settings().iter().map(one).collect();
        self.say(format!("search  {}   (a flag fixes a setting, --search chooses some)", settings.join(" · ")));
        let ladder: Vec<String> = rungs.iter().map(|rung| grouped(rung.histories as u64)).collect();
        self.say(format!(
            "sample  {} histories, the best third goes up   (--sample says otherwise)",
            ladder.join(" -> ")
        ));
        if !trials.is_empty() {
            self.say(format!("resume  {} of an earlier run", counted(trials.len() as u64, "trial")));
        }
        self.space = Some(space.clone());
    }

    fn trying(&mut self, _: &str, _: Rung) {
        self.begun = Instant::now();
    }

    fn observe(&mut self, progress: &Progress) -> Control {
        // Short trials are lines of their own.
        if self.begun.elapsed() > SHORT {
            self.reporter.step(progress);
        }
        if self.stop.requested() { Control::Stop } else { Control::Continue }
    }

    fn tried(&mut self, trial: &Trial, best: bool, left: Duration) -> Control {
        let changes = self.space.as_ref().map_or_else(String::new, |space| space.changes(&trial.point));
        let rung = trial.rung + 1;
        let mark = if best { " ↑" } else { "  " };
        let left = left.as_secs();
        self.say(match trial.ndcg {
            Some(ndcg) => {
                format!("rung {rung}  NDCG@10 {ndcg:.4}{mark} {:>6.1} s, {left:>5} s left   {changes}", trial.seconds)
            }
            None => format!("rung {rung}  {}   {changes}", trial.note),
        });
        Control::Continue
    }

    fn confirm(&mut self) {
        self.say("compare the best with the start, trained anew".into());
    }
}
