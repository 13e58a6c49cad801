//! Progress, Ctrl-C and checkpoints of a training run.

use super::{How, checkpoint_path};
use crate::interrupt::{self, Interrupt};
use crate::output::Output;
use crate::progress::Reporter;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vecinity::Error;
use vecinity::model_dir::live_log;
use vecinity::train::{Checkpoint, Control, Progress, Resumed};

/// A training run as it is conducted.
pub(super) struct Conduct {
    how: How,
    checkpoint: PathBuf,
    live: PathBuf,
    output: Output,
    interrupt: Interrupt,
    reporter: Reporter,
    saved: Instant,
}

impl Conduct {
    /// Of the run that makes the model at `path`.
    pub(super) fn new(how: How, path: &Path, output: Output) -> anyhow::Result<Self> {
        let live = live_log(path);
        Ok(Self {
            how,
            checkpoint: checkpoint_path(path),
            output,
            interrupt: interrupt::watch()?,
            reporter: Reporter::new(how.progress, output).live(&live),
            live,
            saved: Instant::now(),
        })
    }

    /// The checkpoint to go on from, if one is wanted and there.
    pub(super) fn resume(&self, run: &str) -> vecinity::Result<Option<Resumed>> {
        let folder = self.checkpoint.display();
        if !self.how.resume {
            return Ok(None);
        }
        if !self.checkpoint.exists() {
            self.output.say(format_args!("resume  no checkpoint at {folder}: training from the start"));
            return Ok(None);
        }
        let resumed = Checkpoint::load(&self.checkpoint, run)?;
        self.output.say(format_args!("resume  {folder} (same data, same settings)"));
        Ok(Some(resumed))
    }

    /// Shows progress, and says whether to go on.
    pub(super) fn observe(&mut self, progress: &Progress) -> Control {
        self.reporter.step(progress);
        if self.interrupt.requested() {
            Control::Stop
        } else if self.how.checkpoint_every.is_some_and(|every| self.saved.elapsed() >= every) {
            self.saved = Instant::now();
            Control::Checkpoint
        } else {
            Control::Continue
        }
    }

    /// Where checkpoints go.
    pub(super) fn folder(&self) -> &Path {
        &self.checkpoint
    }

    /// Takes the bar away, before something else is said.
    pub(super) fn pause(&mut self) {
        self.reporter.end();
    }

    /// Adds an event of its own to the log.
    pub(super) fn note(&mut self, event: &serde_json::Value) {
        self.reporter.note(event);
    }

    /// Takes the bar away; an interrupted run names its checkpoint.
    pub(super) fn ended<T>(&mut self, result: vecinity::Result<T>) -> vecinity::Result<T> {
        self.reporter.end();
        result.map_err(|error| match error {
            Error::Interrupted { .. } => Error::Interrupted { checkpoint: Some(self.checkpoint.clone()) },
            other => other,
        })
    }

    /// The loss last seen.
    pub(super) fn last_loss(&self) -> Option<f64> {
        self.reporter.last_loss()
    }

    /// All progress, a JSON object a line.
    pub(super) fn log(&self) -> String {
        self.reporter.log()
    }

    /// The run is over: nothing to go on with.
    pub(super) fn remove_checkpoint(&self) -> vecinity::Result<()> {
        if self.checkpoint.exists() {
            std::fs::remove_dir_all(&self.checkpoint).map_err(Error::io(&self.checkpoint, "remove"))?;
        }
        Ok(())
    }
}

impl Drop for Conduct {
    /// A run that is over, however it ended, is nothing to look on at.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.live);
    }
}
