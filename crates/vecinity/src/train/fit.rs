//! Epochs, threads, progress, stopping.

use super::checkpoint::Checkpoint;
use super::{Loss, Model, Settings, Step, Subsample};
use crate::corpus::Corpus;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result, counted, shown};
use crate::id::TokenId;
use crate::rng::Rng;
use crate::vocab::Vocab;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vecinity_kernel::{Block, Copies, SharedRows, Table};

/// Tokens of a chunk, nearly: chunks end with sequences, except in sequences of several chunks.
const CHUNK: usize = 1 << 14;
/// Bytes of each table's most used rows that every thread has a copy of: nine in ten uses of a row; twice as many gain little.
const COPIED: usize = 8 << 20;
/// The same of all threads together: what is copied must not outgrow the tables by the number of cores.
const ALL_COPIED: usize = 128 << 20;
/// Uses of an input row, on average, between two reconcilings of a copy, over all other threads; and of an output row,
/// which one use moves by all inputs of a block. Twice as many cost accuracy, half as many a twentieth of the speed.
const INPUT_USES: usize = 32;
const OUTPUT_USES: usize = 16;
/// The least of them for one thread: below it a copy saves nothing.
const LEAST_USES: usize = 2;
/// Streams of chance below this belong to chunks; the one for the first values lies above.
const INIT_STREAM: u64 = u64::MAX;
/// How often the observer is called; the first time sooner.
const TICK: Duration = Duration::from_millis(100);
const FIRST_TICK: Duration = Duration::from_millis(5);

/// Where a run stands.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Progress {
    /// The epoch now running, from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Tokens seen, over all epochs and before subsampling.
    pub tokens: u64,
    /// Tokens in all.
    pub total_tokens: u64,
    /// Loss per (input, target) pair since the last progress with one; `None` if nothing was sampled.
    pub loss: Option<f64>,
    /// The learning rate now.
    pub learning_rate: f32,
    /// Seconds of training in this process.
    pub seconds: f64,
    /// Tokens a second in this process.
    pub tokens_per_second: f64,
}

/// What the observer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Write a checkpoint and go on.
    Checkpoint,
    /// Write a checkpoint and stop.
    Stop,
}

/// What looks at the tables behind every epoch: gets its number from 1, returns whether to go on.
pub type EndOfEpoch<'a> = &'a mut dyn FnMut(u32, &Checkpoint) -> Result<bool>;

/// The result of training: tables as they were trained.
#[derive(Debug)]
pub struct Trained {
    /// The input table, shape `[tokens, dim]`.
    pub input: SharedRows,
    /// The output table.
    pub output: SharedRows,
    /// Further tables of the model, if it has some.
    pub more: Vec<SharedRows>,
    /// Whether row `r` of the output table belongs to token `r`.
    pub outputs_are_tokens: bool,
    /// The last progress.
    pub progress: Progress,
}

impl Trained {
    /// The vectors as ordinary matrices; an output table whose rows are no tokens is left out.
    ///
    /// # Errors
    /// [`Error::Data`] if the training diverged.
    pub fn into_embeddings(self, vocab: Vocab) -> Result<Embeddings> {
        let Self { input, output, outputs_are_tokens, .. } = self;
        let input = Matrix::copied(&input);
        let output = outputs_are_tokens.then(|| Matrix::copied(&output));
        Embeddings::new(vocab, input, output)
    }
}

/// A piece of the token stream that one thread takes at a time.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    start: u64,
    end: u64,
    /// The first sequence that ends behind `start`.
    sequence: u64,
}

/// How many of the `rows` rows of a table, the first and most used, every thread has [`Copies`] of: none if it is alone.
#[must_use]
pub fn copied_rows(rows: usize, settings: &Settings) -> usize {
    let bytes = COPIED.min(ALL_COPIED / settings.threads.max(1));
    if settings.threads == 1 { 0 } else { rows.min(bytes / (4 * settings.dim.max(1))) }
}

/// Cuts the stream of ids into chunks that end with sequences where these are short enough.
fn chunks(ends: &[u64]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut open = Chunk { start: 0, end: 0, sequence: 0 };
    for (sequence, &end) in ends.iter().enumerate() {
        open.end = end;
        while open.end - open.start >= CHUNK as u64 {
            let cut = if open.end - open.start < 2 * CHUNK as u64 { open.end } else { open.start + CHUNK as u64 };
            chunks.push(Chunk { end: cut, ..open });
            let next = if cut == end { sequence + 1 } else { sequence };
            open = Chunk { start: cut, end, sequence: next as u64 };
        }
    }
    if open.end > open.start {
        chunks.push(open);
    }
    chunks
}

/// Trains `model` on `corpus`.
///
/// * `from`: a checkpoint to go on from; must be of the same corpus and settings, which the caller checks.
/// * `observe`: called ten times a second and at the end.
/// * `save`: writes a checkpoint; called when `observe` asks for one.
/// * `epoch`: called behind every epoch with its number from 1, when no thread is at work; `false` ends the
///   training there, with the tables as they are.
///
/// # Errors
/// [`Error::Setting`] for settings out of range, [`Error::Interrupted`] if `observe` stopped the run,
/// [`Error::Data`] if no sequence has two tokens, there is one token only, or the training diverged, and what
/// `save` returns.
pub fn fit<M: Model>(
    model: &M,
    corpus: &Corpus,
    settings: &Settings,
    from: Option<Checkpoint>,
    observe: &mut dyn FnMut(&Progress) -> Control,
    save: &mut dyn FnMut(&Checkpoint) -> Result<()>,
    mut epoch: Option<EndOfEpoch<'_>>,
) -> Result<Trained> {
    settings.check()?;
    let vocab = corpus.vocab();
    check_learnable(corpus)?;
    let chunks = chunks(corpus.ends());
    // More threads would run epochs side by side: a corpus of one chunk is learned the same way by any number.
    let settings = &Settings { threads: settings.threads.min(chunks.len()), ..settings.clone() };
    let mut state = match from {
        Some(checkpoint) => checkpoint,
        None => Checkpoint {
            next_chunk: 0,
            input: initial(model.input_rows(vocab.len()), settings)?,
            output: SharedRows::zeroed(model.output_rows(vocab.len()), settings.dim)
                .map_err(Error::io("memory", "allocate"))?,
            more: (model.more().into_iter())
                .map(|(rows, dim)| SharedRows::zeroed(rows, dim).map_err(Error::io("memory", "allocate")))
                .collect::<Result<_>>()?,
        },
    };
    let run = Run {
        model,
        corpus,
        settings,
        subsample: Subsample::new(vocab, settings.subsample),
        tokens: corpus.tokens(),
        ends: corpus.ends(),
        chunks: &chunks,
        begun: Instant::now(),
        first_chunk: state.next_chunk,
        loss: Mutex::new(Loss::default()),
    };
    let total = chunks.len() as u64 * u64::from(settings.epochs);
    while state.next_chunk < total {
        let epochs_done = state.next_chunk / chunks.len() as u64;
        let until = if epoch.is_some() { (epochs_done + 1) * chunks.len() as u64 } else { total };
        let control = run.until_control(&mut state, until, observe);
        // Before a checkpoint: a run that goes on from the end of an epoch does not look at it again.
        if let Some(epoch) = &mut epoch
            && state.next_chunk == until
            && !epoch(epochs_done as u32 + 1, &state)?
        {
            break;
        }
        if control != Control::Continue {
            save(&state)?;
        }
        if control == Control::Stop {
            return Err(Error::Interrupted { checkpoint: None });
        }
    }
    let mut progress = run.progress(state.next_chunk);
    // A training that was ended sooner is as long as it was.
    progress.epoch = (state.next_chunk / chunks.len().max(1) as u64) as u32;
    observe(&progress);
    let Checkpoint { input, output, more, .. } = state;
    for table in [&input, &output].into_iter().chain(&more) {
        check_finite(table, settings)?;
    }
    Ok(Trained { input, output, more, outputs_are_tokens: model.outputs_are_tokens(), progress })
}

/// A token is learned from its neighbours: there must be some, and more than one kind.
fn check_learnable(corpus: &Corpus) -> Result<()> {
    let mut ends = corpus.ends().iter().scan(0, |start, &end| Some(end - std::mem::replace(start, end)));
    if ends.all(|length| length < 2) {
        return Err(Error::data(
            format!(
                "nothing to learn from: each of {} holds one token",
                counted(corpus.sequences() as u64, "sequence")
            ),
            "a line is a sequence, its tokens lie between white space; a lower --min-count keeps more of them",
        ));
    }
    if corpus.vocab().len() < 2 {
        return Err(Error::data(
            format!("nothing to learn from: '{}' is the only token", shown(corpus.vocab().token(TokenId(0)))),
            "give more varied data, or a lower --min-count",
        ));
    }
    Ok(())
}

/// A run whose steps were too large ends in infinities: nothing to save.
fn check_finite(table: &SharedRows, settings: &Settings) -> Result<()> {
    let mut values = vec![0.0f32; table.dim()];
    for row in 0..table.rows() {
        table.read_into(row, &mut values);
        if !values.iter().all(|v| v.is_finite()) {
            return Err(Error::data(
                format!("the training diverged: row {row} holds NaN or infinity"),
                format!("use a --learning-rate below {}, or more data", settings.learning_rate),
            ));
        }
    }
    Ok(())
}

/// The input table at the start: uniform in `(-0.5, 0.5) / dim`, as in word2vec.c.
fn initial(rows: usize, settings: &Settings) -> Result<SharedRows> {
    let mut table = SharedRows::zeroed(rows, settings.dim).map_err(Error::io("memory", "allocate"))?;
    let mut rng = Rng::new(settings.seed, INIT_STREAM);
    for row in 0..rows {
        for value in table.row_mut(row) {
            *value = (rng.f32() - 0.5) / settings.dim as f32;
        }
    }
    Ok(table)
}

struct Run<'a, M> {
    model: &'a M,
    corpus: &'a Corpus,
    settings: &'a Settings,
    subsample: Subsample,
    tokens: &'a [u32],
    ends: &'a [u64],
    chunks: &'a [Chunk],
    begun: Instant,
    first_chunk: u64,
    loss: Mutex<Loss>,
}

impl<M: Model> Run<'_, M> {
    /// Trains until the end or until the observer wants something else; no thread is inside a chunk then.
    fn until_control(
        &self,
        state: &mut Checkpoint,
        total: u64,
        observe: &mut dyn FnMut(&Progress) -> Control,
    ) -> Control {
        let (next, finished) = (AtomicU64::new(state.next_chunk), AtomicU64::new(state.next_chunk));
        let halt = AtomicBool::new(false);
        let mut control = Control::Continue;
        let tables = [&state.input, &state.output];
        let more = state.more.as_slice();
        std::thread::scope(|scope| {
            let (done, all_done) = std::sync::mpsc::channel::<()>();
            for _ in 0..self.settings.threads {
                let (next, finished, halt, done) = (&next, &finished, &halt, done.clone());
                scope.spawn(move || {
                    // Dropped when the thread ends, whatever the reason.
                    let _done = done;
                    let copies = [self.copies(tables[0], INPUT_USES), self.copies(tables[1], OUTPUT_USES)];
                    let [input, output] = std::array::from_fn(|side| {
                        let table = Table::from(tables[side]);
                        copies[side].as_ref().map_or(table, |copies| table.with(copies))
                    });
                    let mut worker = Worker::new(self, input, output, more);
                    while !halt.load(Ordering::Relaxed) {
                        // The number is the only thing threads agree on: no other memory hangs on it.
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= total {
                            break;
                        }
                        worker.chunk(number);
                        finished.fetch_add(1, Ordering::Relaxed);
                    }
                    for (copies, table) in copies.iter().zip(tables) {
                        copies.iter().for_each(|copies| copies.reconcile_all(table));
                    }
                });
            }
            drop(done);
            // Nothing is ever sent: the receiver wakes by time, or when the last thread is gone.
            let mut tick = FIRST_TICK;
            while all_done.recv_timeout(tick) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                tick = TICK;
                if control == Control::Continue {
                    control = observe(&self.progress(finished.load(Ordering::Relaxed)));
                    halt.store(control != Control::Continue, Ordering::Relaxed);
                }
            }
        });
        state.next_chunk = next.load(Ordering::Relaxed).min(total);
        control
    }

    /// A thread's own copies of the most used rows of a table; a thread alone needs none.
    ///
    /// A thread sees what `uses` uses of a row have taught all other threads only later: more threads reconcile more often.
    fn copies(&self, table: &SharedRows, uses: usize) -> Option<Copies> {
        let rows = copied_rows(table.rows(), self.settings);
        let every = (uses / self.settings.threads.saturating_sub(1).max(1)).max(LEAST_USES);
        // Without memory for them the shared rows will do.
        if rows == 0 { None } else { Copies::of(table, rows, every).ok() }
    }

    fn progress(&self, chunk: u64) -> Progress {
        let total = self.tokens.len() as u64;
        let position = |chunk: u64| {
            let (epoch, number) = (chunk / self.chunks.len() as u64, chunk % self.chunks.len() as u64);
            epoch * total + self.chunks[number as usize].start
        };
        let (tokens, epochs) = (position(chunk), self.settings.epochs);
        let seconds = self.begun.elapsed().as_secs_f64();
        let loss = self.loss.lock().map(|mut loss| std::mem::take(&mut *loss)).unwrap_or_default();
        Progress {
            epoch: ((chunk / self.chunks.len() as u64) as u32 + 1).min(epochs),
            epochs,
            tokens,
            total_tokens: total * u64::from(epochs),
            loss: (loss.pairs > 0.0).then(|| loss.sum / loss.pairs),
            learning_rate: self.rate(tokens),
            seconds,
            tokens_per_second: (tokens - position(self.first_chunk)) as f64 / seconds.max(1e-9),
        }
    }

    /// The learning rate after `position` tokens: linear, down to a ten-thousandth.
    fn rate(&self, position: u64) -> f32 {
        let total = self.tokens.len() as f64 * f64::from(self.settings.epochs);
        (f64::from(self.settings.learning_rate) * (1.0 - position as f64 / total).max(1e-4)) as f32
    }
}

/// One thread's part of a run.
struct Worker<'a, M: Model> {
    run: &'a Run<'a, M>,
    step: Step<'a>,
    scratch: M::Scratch,
    kept: Vec<u32>,
    /// The tokens of a sequence that their weight lets be learned from.
    drawn: Vec<u32>,
}

impl<'a, M: Model> Worker<'a, M> {
    fn new(run: &'a Run<'a, M>, input: Table<'a>, output: Table<'a>, more: &'a [SharedRows]) -> Self {
        let step = Step {
            input,
            output,
            more,
            block: Block::new(),
            rng: Rng::new(0, 0),
            rate: 0.0,
            loss: Loss::default(),
            goal: None,
            refused: &[],
        };
        Self { run, step, scratch: M::Scratch::default(), kept: Vec::with_capacity(CHUNK), drawn: Vec::new() }
    }

    /// Learns from chunk `number`, counted over all epochs.
    fn chunk(&mut self, number: u64) {
        let run = self.run;
        let (epoch, index) = (number / run.chunks.len() as u64, number % run.chunks.len() as u64);
        let chunk = run.chunks[index as usize];
        self.step.rng = Rng::new(run.settings.seed, number);
        let before = epoch * run.tokens.len() as u64;
        let (mut start, mut sequence) = (chunk.start, chunk.sequence as usize);
        while start < chunk.end {
            let end = run.ends[sequence].min(chunk.end);
            self.step.rate = run.rate(before + start);
            self.kept.clear();
            let events = start as usize..end as usize;
            let mut tokens = &run.tokens[events.clone()];
            if let Some(chances) = run.corpus.chances() {
                self.drawn.clear();
                let drawn = tokens.iter().zip(&chances[events]).filter(|(_, chance)| self.step.rng.f32() < **chance);
                self.drawn.extend(drawn.map(|(token, _)| *token));
                tokens = &self.drawn;
            }
            run.subsample.apply(tokens, &mut self.step.rng, &mut self.kept);
            if let Some(outcomes) = run.corpus.outcomes() {
                self.step.goal = outcomes.goal(sequence);
                self.step.refused = outcomes.refused(sequence);
            }
            // One token is enough where something is known about its sequence.
            let told = self.step.goal.is_some() || !self.step.refused.is_empty();
            if self.kept.len() > 1 || (self.kept.len() == 1 && told) {
                run.model.train(&self.kept, &mut self.step, &mut self.scratch);
            }
            (start, sequence) = (end, sequence + 1);
        }
        run.corpus.forget(chunk.start as usize, chunk.end as usize);
        let part = std::mem::take(&mut self.step.loss);
        if let Ok(mut loss) = run.loss.lock() {
            loss.sum += part.sum;
            loss.pairs += part.pairs;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_stream_without_holes() {
        let c = CHUNK as u64;
        for ends in [vec![5], vec![c], vec![c - 1, c + 5, 3 * c], vec![7 * c + 3, 7 * c + 4], vec![2 * c, 2 * c + 1]] {
            let chunks = chunks(&ends);
            let mut at = 0;
            for chunk in &chunks {
                assert_eq!(chunk.start, at);
                assert!(chunk.end > chunk.start && chunk.end - chunk.start < 2 * c);
                let first = ends.iter().position(|&end| end > chunk.start).unwrap();
                assert_eq!(chunk.sequence, first as u64, "{ends:?}");
                at = chunk.end;
            }
            assert_eq!(at, *ends.last().unwrap());
        }
    }
}
