//! What is said of the progress of a run.

use crate::train::{Control, Progress};
use std::time::{Duration, Instant};

/// How often the observer is called, from the first step on.
const TICK: Duration = Duration::from_millis(100);

/// What is said of the progress.
pub(super) struct Clock {
    epochs: u32,
    total: u64,
    /// Examples so far, those of earlier processes included, and of this process.
    pub(super) examples: u64,
    here: u64,
    /// Seconds in steps.
    pub(super) seconds: f64,
    next: Duration,
    begun: Instant,
    loss: (f64, usize),
}

impl Clock {
    /// Of so many epochs of `per_epoch` examples, behind `steps` steps of `batch` examples.
    pub(super) fn new(epochs: u32, batch: usize, per_epoch: usize, steps: u64) -> Self {
        let total = per_epoch as u64 * u64::from(epochs);
        let examples = (steps * batch as u64).min(total);
        let begun = Instant::now();
        Self { epochs, total, examples, here: 0, seconds: 0.0, next: Duration::ZERO, begun, loss: (0.0, 0) }
    }

    /// A step of `examples` has been made.
    pub(super) fn tick(
        &mut self,
        epoch: u32,
        examples: usize,
        loss: f64,
        learning_rate: f32,
        observe: &mut dyn FnMut(&Progress) -> Control,
    ) -> Control {
        self.examples += examples as u64;
        self.here += examples as u64;
        self.loss = (self.loss.0 + loss, self.loss.1 + examples);
        let ended = self.examples >= self.total;
        if self.begun.elapsed() < self.next && !ended {
            return Control::Continue;
        }
        self.next = self.begun.elapsed() + TICK;
        let (sum, count) = std::mem::take(&mut self.loss);
        observe(&Progress {
            epoch,
            epochs: self.epochs,
            tokens: self.examples,
            total_tokens: self.total,
            loss: (count > 0).then(|| sum / count as f64),
            learning_rate,
            seconds: self.seconds,
            tokens_per_second: self.here as f64 / self.seconds.max(1e-9),
        })
    }
}
