//! The log of a training run, its checkpoints, and going on after a stop.

use super::{How, Show};
use crate::error::{Error, Result};
use crate::model_dir::live_log;
use crate::train::{Checkpoint, Control, Progress, Resumed};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A training run as it is conducted.
pub(super) struct Conduct<'a> {
    how: How,
    checkpoint: PathBuf,
    pub(super) show: &'a mut dyn Show,
    loss: Option<f64>,
    log: String,
    /// Where the log can be followed while it grows; a convenience, so that what cannot be written is left out.
    live: (PathBuf, Option<File>),
    logged: Option<Instant>,
    saved: Instant,
}

impl<'a> Conduct<'a> {
    /// Of the run that makes the model at `path`.
    pub(super) fn new(how: How, path: &Path, show: &'a mut dyn Show) -> Self {
        let live = live_log(path);
        let file = File::create(&live).ok();
        Self {
            how,
            checkpoint: checkpoint_path(path),
            show,
            loss: None,
            log: String::new(),
            live: (live, file),
            logged: None,
            saved: Instant::now(),
        }
    }

    /// The checkpoint to go on from, if one is wanted and there.
    pub(super) fn resume(&mut self, run: &str) -> Result<Option<Resumed>> {
        let folder = self.checkpoint.display();
        if !self.how.resume {
            return Ok(None);
        }
        if !self.checkpoint.exists() {
            self.show.say(&format!("resume  no checkpoint at {folder}: training from the start"));
            return Ok(None);
        }
        let resumed = Checkpoint::load(&self.checkpoint, run)?;
        self.show.say(&format!("resume  {folder} (same data, same settings)"));
        Ok(Some(resumed))
    }

    /// Logs and shows progress, and says whether to go on.
    pub(super) fn observe(&mut self, progress: &Progress) -> Control {
        self.loss = progress.loss.or(self.loss);
        let progress = Progress { loss: self.loss, ..*progress };
        if self.logged.is_none_or(|t| t.elapsed() >= Duration::from_secs(1)) || progress.tokens == progress.total_tokens
        {
            self.logged = Some(Instant::now());
            self.append(&serde_json::to_string(&progress).unwrap_or_default());
        }
        match self.show.progress(&progress) {
            Control::Continue if self.how.checkpoint_every.is_some_and(|every| self.saved.elapsed() >= every) => {
                self.saved = Instant::now();
                Control::Checkpoint
            }
            control => control,
        }
    }

    /// Where checkpoints go.
    pub(super) fn folder(&self) -> &Path {
        &self.checkpoint
    }

    /// Adds an event of its own to the log.
    pub(super) fn note(&mut self, event: &serde_json::Value) {
        self.append(&event.to_string());
        self.show.note(event);
    }

    /// What training returned; an interrupted run names its checkpoint, if there is one.
    pub(super) fn ended<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match error {
            Error::Interrupted { .. } => {
                Error::Interrupted { checkpoint: self.checkpoint.exists().then(|| self.checkpoint.clone()) }
            }
            other => other,
        })
    }

    /// The loss last seen.
    pub(super) fn last_loss(&self) -> Option<f64> {
        self.loss
    }

    /// All progress, a JSON object a line.
    pub(super) fn log(&self) -> String {
        self.log.clone()
    }

    /// The run is over: nothing to go on with.
    pub(super) fn remove_checkpoint(&self) -> Result<()> {
        if self.checkpoint.exists() {
            std::fs::remove_dir_all(&self.checkpoint).map_err(Error::io(&self.checkpoint, "remove"))?;
        }
        Ok(())
    }

    fn append(&mut self, line: &str) {
        self.log.push_str(line);
        self.log.push('\n');
        if let Some(live) = &mut self.live.1 {
            let _ = writeln!(live, "{line}");
        }
    }
}

impl Drop for Conduct<'_> {
    /// A run that is over, however it ended, is nothing to look on at.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.live.0);
    }
}

/// Where the checkpoint of a model lies while it is trained.
fn checkpoint_path(model: &Path) -> PathBuf {
    let mut name = model.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoint");
    model.with_file_name(name)
}
