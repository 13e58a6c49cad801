//! How a training run is shown: a bar, lines, or events for programs.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};
use vecinity::train::Progress;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Style {
    /// A bar on a terminal, else lines.
    #[default]
    Auto,
    /// One line that changes.
    Bar,
    /// A line every ten seconds.
    Lines,
    /// A JSON object a second, on standard error.
    Json,
    /// Nothing.
    None,
}

impl Style {
    /// Whether anything is shown to a person.
    pub(crate) fn shows(self) -> bool {
        !matches!(self, Self::Json | Self::None)
    }
}

/// Shows progress.
pub(crate) struct Reporter {
    style: Style,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
    loss: Option<f64>,
}

impl Reporter {
    pub(crate) fn new(style: Style, output: Output) -> Self {
        let style = match style {
            _ if !output.talks() => Style::None,
            Style::Auto if std::io::stderr().is_terminal() => Style::Bar,
            Style::Auto => Style::Lines,
            other => other,
        };
        Self { style, bar: None, last: None, loss: None }
    }

    /// Shows where the run stands.
    pub(crate) fn step(&mut self, progress: &Progress) {
        self.loss = progress.loss.or(self.loss);
        let progress = Progress { loss: self.loss, ..*progress };
        let every = match self.style {
            Style::Bar => return self.draw(&progress),
            Style::Lines => Duration::from_secs(10),
            Style::Json => Duration::from_secs(1),
            Style::Auto | Style::None => return,
        };
        let ended = progress.tokens == progress.total_tokens;
        if self.last.is_some_and(|t| t.elapsed() < every) && !ended {
            return;
        }
        self.last = Some(Instant::now());
        if self.style == Style::Lines {
            let _ = writeln!(std::io::stderr(), "train   {}", line(&progress));
        } else {
            let mut event = serde_json::to_value(progress).unwrap_or_default();
            event["event"] = if ended { "done" } else { "step" }.into();
            event["memory_mib"] = memory_mib().into();
            let _ = writeln!(std::io::stderr(), "{event}");
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Shows an event to programs.
    pub(crate) fn note(&mut self, event: &serde_json::Value) {
        if self.style == Style::Json {
            let _ = writeln!(std::io::stderr(), "{event}");
        }
    }

    fn draw(&mut self, progress: &Progress) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(progress.total_tokens), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("train   {wide_bar:.cyan} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        bar.set_position(progress.tokens);
        bar.set_message(line(progress));
    }
}

fn line(p: &Progress) -> String {
    // At the very start there is no rate to tell the time by.
    let left = (p.tokens > 0).then(|| ((p.total_tokens - p.tokens) as f64 / p.tokens_per_second.max(1.0)) as u64);
    let left = left.map_or_else(|| "-".to_owned(), |s| format!("{}:{:02}", s / 60, s % 60));
    let loss = p.loss.map_or_else(|| "-".to_owned(), |loss| format!("{loss:.3}"));
    format!(
        "epoch {}/{} · {:.2} M tokens/s · loss/pair {loss} · ETA {left} · {} MiB",
        p.epoch,
        p.epochs,
        p.tokens_per_second / 1e6,
        memory_mib(),
    )
}

/// Memory of this process, in MiB; 0 where the system does not say.
pub(crate) fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|l| l.split_whitespace().next()).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
