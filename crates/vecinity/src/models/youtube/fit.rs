//! Epochs of steps, progress, stopping and going on.

mod clock;
mod memory;

use super::examples::{Catalogue, Example, Examples};
use super::features::Known;
use super::losses::{Comparison, Losses, Own, Proposal, gather};
use super::network::{OutputGradient, TowerGradient, Trace};
use super::parts::Parts;
use super::{Config, Network, Schema, Youtube};
use crate::deep::{
    CandidateSums, Candidates, GROUP, InTurn, LANES, Masks, Optimizer, RowGradient, Schedule, in_groups, sum_rows,
    unit_backward, unit_rows,
};
use crate::error::{Error, Result};
use crate::eval::recommend::Fold;
use crate::histories::Side;
use crate::rng::Rng;
use crate::train::{Control, Progress, Settings};
use clock::Clock;
pub use memory::memory;
use std::time::Instant;

/// Streams of chance are numbered by what they are for.
const ORDER: u64 = 1 << 60;
const STEP: u64 = 2 << 60;
/// One in so many categories is taken for an unknown one in training, so that its row has a meaning.
const UNKNOWN: u32 = 32;

/// An epoch that is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: u32,
    /// The mean loss of its examples.
    pub loss: f64,
    /// Examples so far.
    pub examples: u64,
    /// Seconds spent in steps so far.
    pub seconds: f64,
}

/// What one thread works with.
#[derive(Debug, Default)]
struct Room {
    trace: Trace,
    losses: Losses,
}

/// One group of a batch.
struct Task<'a> {
    examples: &'a [Example],
    own: Own<'a>,
    /// Categories of the examples.
    rows: &'a [u32],
    /// Gradients of the histories' rows, and of what is known beside them.
    d_rows: &'a mut [f32],
    d_known: &'a mut [f32],
}

struct Run<'a> {
    config: &'a Config,
    settings: &'a Settings,
    network: Network,
    schema: Schema,
    optimizer: Optimizer,
    examples: Examples,
    proposal: Proposal,
    full: bool,
    /// Rows of the categories' unknown values, and of those of the batch.
    unknown: Vec<u32>,
    rows: Vec<u32>,
    masks: Masks,
    rooms: Vec<Room>,
    comparison: Comparison,
    /// Sums of a step.
    tower: TowerGradient,
    d_rows: Vec<f32>,
    d_offsets: Vec<f32>,
    d_history: Vec<f32>,
    d_known: Vec<f32>,
    d_parts: Vec<f32>,
    d_own: Vec<f32>,
    d_own_biases: Vec<f32>,
}

/// A run between two steps: enough to go on to the same bytes.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Steps that are done.
    pub steps: u32,
    /// All parameters with what the optimiser remembers.
    pub parameters: Vec<Vec<f32>>,
}

/// Trains a network on the training part of a fold.
///
/// * `side`: what stands beside the events of training, in their order: for `features` and `example_age`;
/// * `from`: a state to go on from, of the same data and settings;
/// * `observe`: called ten times a second; `save`: called when it asks for a checkpoint;
/// * `epoch`: called behind every epoch with the model as it is; `false` ends the training there.
///
/// # Errors
/// Settings out of range, nothing to learn from, columns that are not there, a loss that is no longer a number, [`Error::Interrupted`] if `observe`
/// stopped it, and what `save` and `epoch` return.
#[expect(clippy::too_many_arguments, reason = "data, settings, and who looks on")]
pub fn fit(
    fold: &Fold,
    side: Option<&Side>,
    config: &Config,
    settings: &Settings,
    from: Option<State>,
    observe: &mut dyn FnMut(&Progress) -> Control,
    save: &mut dyn FnMut(&State, &Youtube) -> Result<()>,
    epoch: &mut dyn FnMut(&Epoch, &Youtube) -> Result<bool>,
) -> Result<Youtube> {
    settings.check()?;
    config.check_with(settings)?;
    let catalogue = Catalogue::of(&fold.counts);
    let schema = Schema::of(config, side)?;
    let contexts = side.filter(|_| schema.reads_users()).map(|side| schema.read(side, true));
    let mut examples = Examples::of(fold, &catalogue, config.per_owner).beside(contexts);
    if config.strictly_earlier {
        let Some(times) = side.and_then(|side| side.times.as_deref()) else {
            return Err(Error::data("strictly_earlier needs the times of events", "name them: --columns time=..."));
        };
        examples = examples.strictly_earlier(times);
    }
    let per_epoch = examples.in_an_epoch();
    if per_epoch == 0 || catalogue.len() < 2 {
        let before = if config.strictly_earlier { "one of an earlier time" } else { "one before it" };
        return Err(Error::data(
            format!("{} histories hold no event with {before}", fold.train.len()),
            "a network needs histories of at least two events and a catalogue of two items",
        ));
    }
    let mut run = Run::new(config, settings, schema, &catalogue, examples).with_parts(side, &catalogue);
    if let Some(state) = from {
        run.go_on(state)?;
    }
    let steps = per_epoch.div_ceil(config.batch) as u32;
    let mut clock = Clock::new(settings.epochs, config.batch, per_epoch, u64::from(run.optimizer.step()));
    for number in run.optimizer.step() / steps + 1..=settings.epochs {
        let order = run.examples.draw(&mut Rng::new(settings.seed, ORDER | u64::from(number)));
        let done = run.optimizer.step() - (number - 1) * steps;
        let (mut loss, mut learned, mut control) = (0.0, 0, Control::Continue);
        for batch in order.chunks(config.batch).skip(done as usize) {
            // The end of an epoch is looked at before a checkpoint: a run that goes on from there does not do it again.
            if run.obey(std::mem::replace(&mut control, Control::Continue), &catalogue, save)? {
                return Err(Error::Interrupted { checkpoint: None });
            }
            let start = Instant::now();
            let of_batch = run.step(batch);
            clock.seconds += start.elapsed().as_secs_f64();
            loss += of_batch;
            learned += batch.len();
            if !loss.is_finite() {
                return Err(Error::data(
                    format!("training diverged in step {} of epoch {number}", run.optimizer.step()),
                    "lower the learning_rate, or set clip to 1",
                ));
            }
            control = clock.tick(number, batch.len(), of_batch, run.optimizer.rate(), observe);
        }
        settle(&run.optimizer, &mut run.network);
        let loss = loss / learned.max(1) as f64;
        let report = Epoch { epoch: number, loss, examples: clock.examples, seconds: clock.seconds };
        if !epoch(&report, &run.model(&run.network, &catalogue))? {
            break;
        }
        if run.obey(control, &catalogue, save)? {
            return Err(Error::Interrupted { checkpoint: None });
        }
    }
    Ok(run.model(&run.network, &catalogue))
}

impl<'a> Run<'a> {
    fn new(
        config: &'a Config,
        settings: &'a Settings,
        schema: Schema,
        catalogue: &Catalogue,
        examples: Examples,
    ) -> Self {
        let items = catalogue.len();
        let network = Network::new(config, &schema, items, settings.dim, settings.seed);
        let steps = examples.in_an_epoch().div_ceil(config.batch) as u32 * settings.epochs;
        let schedule = Schedule {
            peak: settings.learning_rate,
            warm_up: (config.warm_up * steps as f32) as u32,
            steps,
            decay: config.decay,
        };
        let full = config.is_full(items);
        let proposal = Proposal::new(config, &catalogue.counts, &examples);
        Self {
            rooms: (0..settings.threads).map(|_| Room::default()).collect(),
            tower: network.gradient(),
            optimizer: Optimizer::new(config.optimizer, schedule, config.weight_decay),
            masks: Masks::new(config.dropout),
            comparison: Comparison::default(),
            d_rows: Vec::new(),
            d_offsets: Vec::new(),
            d_history: Vec::new(),
            d_known: Vec::new(),
            d_parts: Vec::new(),
            unknown: schema.unknown().rows,
            rows: Vec::new(),
            d_own: Vec::new(),
            d_own_biases: Vec::new(),
            config,
            settings,
            network,
            schema,
            examples,
            proposal,
            full,
        }
    }

    /// With what is known of the items.
    fn with_parts(mut self, side: Option<&Side>, catalogue: &Catalogue) -> Self {
        let table = std::mem::take(&mut self.network.parts.table);
        self.d_parts = vec![0.0; table.values.len()];
        self.network.parts = Parts::new(&self.schema, side, &catalogue.items, table);
        self
    }

    fn model(&self, network: &Network, catalogue: &Catalogue) -> Youtube {
        Youtube::new(network.frozen(), self.schema.clone(), catalogue.clone(), self.settings.dim, self.config)
    }

    /// Writes a checkpoint if one is wanted; returns whether to stop.
    fn obey(
        &mut self,
        control: Control,
        catalogue: &Catalogue,
        save: &mut dyn FnMut(&State, &Youtube) -> Result<()>,
    ) -> Result<bool> {
        if control != Control::Continue {
            // The run goes on from rows as they are: only the copy is settled.
            let mut settled = self.network.clone();
            settle(&self.optimizer, &mut settled);
            save(&self.state(), &self.model(&settled, catalogue))?;
        }
        Ok(control == Control::Stop)
    }

    fn state(&mut self) -> State {
        let parameters = self.network.parameters_mut().into_iter().flat_map(|parameter| parameter.state()).collect();
        State { steps: self.optimizer.step(), parameters }
    }

    fn go_on(&mut self, state: State) -> Result<()> {
        let wrong = || Error::data("the checkpoint is of another network", "delete it and train from the start");
        let mut tables = state.parameters.into_iter();
        for parameter in self.network.parameters_mut() {
            let mut next = || tables.next().ok_or_else(wrong);
            if !parameter.restore([next()?, next()?, next()?, next()?]) {
                return Err(wrong());
            }
        }
        self.network.turn();
        self.optimizer.go_on_behind(state.steps);
        Ok(())
    }

    /// Learns from a batch; returns the sum of its losses.
    fn step(&mut self, batch: &[Example]) -> f64 {
        self.optimizer.begin_step();
        let (width, items) = (self.network.width, self.network.items);
        let targets: Vec<u32> = batch.iter().map(|&example| self.examples.target(example)).collect();
        let chance = STEP | u64::from(self.optimizer.step()) << 24;
        let mut rng = Rng::new(self.settings.seed, chance);
        self.masks.redraw(&mut rng);
        self.network.parts.redraw(&mut rng);
        // Rows of the histories, the newest first, by place in the batch.
        let mut wanted: Vec<(u32, u32)> = Vec::with_capacity(batch.len() * self.config.history);
        for &example in batch {
            for &item in self.examples.history(example, self.config.history).iter().rev() {
                wanted.push((item, wanted.len() as u32));
            }
        }
        self.compare(&targets, &wanted, &mut rng);
        let places = wanted.len();
        let mut known = self.known(batch, &mut rng);
        let loss = self.groups(batch, &targets, chance, places);
        // What everybody wants of the item rows.
        let unit = self.network.length > 0.0;
        if unit {
            let rows = &self.comparison.rows;
            unit_backward(rows, width, 1.0, &self.comparison.factors, &mut self.d_rows[..rows.len()]);
            let own = &self.comparison.own_rows;
            unit_backward(own, width, 1.0, &self.comparison.own_factors, &mut self.d_own[..own.len()]);
        }
        self.parts_backward(&targets);
        let threads = self.settings.threads;
        let d_known = &self.d_known;
        let known = sum_rows(&mut known, width, threads, |place| &d_known[place as usize * width..][..width]);
        let (d_history, d_rows, d_own) = (&self.d_history, &self.d_rows, &self.d_own);
        let drawn = self.comparison.ids.len();
        let output = if self.full {
            let mut rows = std::mem::take(&mut self.d_rows);
            let history = sum_rows(&mut wanted, width, threads, |place| &d_history[place as usize * width..][..width]);
            if self.network.output.is_none() {
                rows.resize((items + 1) * width, 0.0);
                history.add_to(&mut rows);
            }
            (OutputGradient::All { rows, biases: std::mem::take(&mut self.d_offsets) }, history)
        } else {
            // Places behind the histories are candidates, and behind those the true items.
            let ids = self.comparison.ids.iter().chain(&targets);
            let mut outputs: Vec<(u32, u32)> = ids.copied().zip(0..).collect();
            let biases = {
                let (d_offsets, d_biases) = (&self.d_offsets, &self.d_own_biases);
                sum_rows(&mut outputs, 1, 1, |place| {
                    let place = place as usize;
                    if place < drawn { &d_offsets[place..=place] } else { &d_biases[place - drawn..=place - drawn] }
                })
            };
            let row = |place: u32| {
                let place = place as usize;
                let (values, place) = if place < drawn { (d_rows, place) } else { (d_own, place - drawn) };
                &values[place * width..][..width]
            };
            let tied = self.network.output.is_none();
            if tied {
                wanted.extend(outputs.iter().map(|&(id, place)| (id, place + places as u32)));
            }
            let history = sum_rows(&mut wanted, width, threads, |place| match place.checked_sub(places as u32) {
                None => &d_history[place as usize * width..][..width],
                Some(place) => row(place),
            });
            let rows = if tied { Default::default() } else { sum_rows(&mut outputs, width, threads, row) };
            (OutputGradient::Some { rows, biases }, history)
        };
        self.update(output.0, &output.1, &known);
        loss
    }

    /// From the gradients of items' vectors those of their parts.
    fn parts_backward(&mut self, targets: &[u32]) {
        let Self { network, d_parts, d_rows, d_own, comparison, .. } = self;
        if network.parts.is_empty() {
            return;
        }
        d_parts.fill(0.0);
        let width = network.width;
        if self.full {
            network.parts.backward((0..).zip(d_rows.chunks_exact_mut(width)), width, d_parts);
        } else {
            let drawn = comparison.ids.iter().copied().zip(d_rows.chunks_exact_mut(width));
            let own = targets.iter().copied().zip(d_own.chunks_exact_mut(width));
            network.parts.backward(drawn.chain(own), width, d_parts);
        }
    }

    /// What is known beside the histories of a batch: its rows with their places, up to date.
    fn known(&mut self, batch: &[Example], rng: &mut Rng) -> Vec<(u32, u32)> {
        let Self { rows, unknown, examples, network, optimizer, .. } = self;
        rows.clear();
        let mut wanted = Vec::new();
        for &example in batch {
            let known = examples.known(example, self.config.words);
            for (&row, &unknown) in known.rows.iter().zip(&*unknown) {
                rows.push(if rng.below(UNKNOWN) == 0 { unknown } else { row });
                wanted.push((rows[rows.len() - 1], wanted.len() as u32));
            }
            for &word in known.words {
                wanted.push((word, wanted.len() as u32));
            }
        }
        optimizer.refresh(&mut network.features, wanted.iter().map(|&(row, _)| row));
        self.d_known.resize(wanted.len() * network.width, 0.0);
        wanted
    }

    /// Makes ready what the batch is compared with, all rows up to date.
    fn compare(&mut self, targets: &[u32], wanted: &[(u32, u32)], rng: &mut Rng) {
        self.gather(targets, wanted, rng);
        let mut ready = std::mem::take(&mut self.comparison.ready);
        ready.set(candidate_rows(&self.network, &self.comparison, self.full), self.network.width);
        self.comparison.ready = ready;
    }

    /// The rows that the batch is compared with.
    fn gather(&mut self, targets: &[u32], wanted: &[(u32, u32)], rng: &mut Rng) {
        let Self { network, optimizer, comparison, proposal, .. } = self;
        let width = network.width;
        let unit = network.length > 0.0;
        optimizer.refresh(&mut network.input, wanted.iter().map(|&(row, _)| row));
        if self.full {
            let completed = network.completed_rows();
            if unit {
                let rows = completed.as_deref().unwrap_or(network.output_rows());
                comparison.rows.resize(rows.len(), 0.0);
                comparison.factors.resize(network.items, 0.0);
                unit_rows(rows, width, 1.0, &mut comparison.rows, &mut comparison.factors);
            } else if let Some(completed) = completed {
                comparison.rows = completed;
            }
            return;
        }
        let (ids, logs) = proposal.draw(targets, rng);
        let both = || ids.iter().chain(targets).copied();
        optimizer.refresh(network.output.as_mut().unwrap_or(&mut network.input), both());
        optimizer.refresh(&mut network.bias, both());
        gather(&ids, network, &mut comparison.rows, &mut comparison.factors);
        gather(targets, network, &mut comparison.own_rows, &mut comparison.own_factors);
        let bias = |&id: &u32| network.bias.values[id as usize];
        comparison.offsets = ids.iter().zip(logs).map(|(id, log)| bias(id) - log).collect();
        comparison.own_biases = targets.iter().map(bias).collect();
        comparison.ids = ids;
    }

    /// All groups forward and backward; leaves sums of gradients behind and returns the sum of losses.
    fn groups(&mut self, batch: &[Example], targets: &[u32], chance: u64, places: usize) -> f64 {
        let width = self.network.width;
        self.d_history.resize(places * width, 0.0);
        self.d_own.resize(if self.full { 0 } else { batch.len() * width }, 0.0);
        self.d_own_biases.resize(if self.full { 0 } else { batch.len() }, 0.0);
        let Self { network, examples, config, masks, comparison, proposal, tower, d_rows, d_offsets, .. } = self;
        let (mut categories, mut d_beside) = (&self.rows[..], &mut self.d_known[..]);
        let (network, examples, masks, comparison, proposal) =
            (&*network, &*examples, &*masks, &*comparison, &*proposal);
        let candidates = Candidates {
            rows: candidate_rows(network, comparison, self.full),
            offsets: if self.full { &network.bias.values } else { &comparison.offsets },
            ready: Some(&comparison.ready),
        };
        let mut tasks = Vec::new();
        let (mut d_history, mut d_own, mut d_biases) =
            (&mut self.d_history[..], &mut self.d_own[..], &mut self.d_own_biases[..]);
        let (mut own_rows, mut own_biases) = (&comparison.own_rows[..], &comparison.own_biases[..]);
        for (batch, targets) in batch.chunks(GROUP).zip(targets.chunks(GROUP)) {
            let rows: usize = batch.iter().map(|&e| examples.history(e, config.history).len()).sum();
            let (d_rows, rest) = d_history.split_at_mut(rows * width);
            d_history = rest;
            let count = if self.full { 0 } else { batch.len() };
            let (rows, rest) = own_rows.split_at(count * width);
            own_rows = rest;
            let (biases, rest) = own_biases.split_at(count);
            own_biases = rest;
            let (d_own_rows, rest) = d_own.split_at_mut(count * width);
            d_own = rest;
            let (d_own_biases, rest) = d_biases.split_at_mut(count);
            d_biases = rest;
            let own = Own { targets, rows, biases, d_rows: d_own_rows, d_biases: d_own_biases };
            let known = |&e: &Example| examples.known(e, config.words);
            let (rows, rest) = categories.split_at(batch.iter().map(|e| known(e).rows.len()).sum());
            categories = rest;
            let count = rows.len() + batch.iter().map(|e| known(e).words.len()).sum::<usize>();
            let (d_known, rest) = d_beside.split_at_mut(count * width);
            d_beside = rest;
            tasks.push(Task { examples: batch, own, rows, d_rows, d_known });
        }
        let weighting = network.pools.weighting();
        let weight = 1.0 / batch.len() as f32;
        let seed = self.settings.seed;
        tower.begin();
        d_rows.clear();
        d_rows.resize(candidates.rows.len(), 0.0);
        d_offsets.clear();
        d_offsets.resize(candidates.offsets.len(), 0.0);
        let (tower, sums, loss) = (&*tower, CandidateSums::of(d_rows, d_offsets), InTurn::new(0.0));
        in_groups(tasks, &mut self.rooms, |turn, task: Task<'_>, room| {
            let mut rng = Rng::new(seed, chance | (turn.number() as u64 + 1));
            let each = task.rows.len() / task.examples.len();
            let histories = task.examples.iter().enumerate().map(|(at, &e)| {
                let known = Known { rows: &task.rows[at * each..][..each], ..examples.known(e, config.words) };
                (examples.history(e, config.history), known)
            });
            let users = task.examples.len().next_multiple_of(LANES);
            let dropout = Some((masks, config.item_dropout, &mut rng));
            let Room { trace, losses } = room;
            network.forward(&weighting, histories, users, dropout, trace);
            let of_group =
                losses.group(proposal, &trace.users, candidates, &comparison.ids, task.own, weight, &sums, turn);
            let d_users = &mut losses.d_users;
            network.backward(masks, trace, d_users, (tower, turn), task.d_rows, task.d_known);
            turn.add(&loss, |loss| *loss += of_group);
        });
        loss.into_inner()
    }

    /// Clips and makes the step.
    fn update(&mut self, output: OutputGradient, history: &RowGradient, known: &RowGradient) {
        let Self { network, optimizer, tower, d_parts, .. } = self;
        let mut scale = 1.0;
        if self.config.clip > 0.0 {
            let mut runs: Vec<&[f32]> = vec![tower.logits.get_mut(), &known.values, d_parts];
            runs.extend(tower.layers.iter_mut().chain(&mut tower.asks).flat_map(|layer| {
                let layer = &*layer.get_mut();
                [&layer.weights[..], &layer.bias]
            }));
            match &output {
                OutputGradient::All { rows, biases } => runs.extend([&rows[..], biases]),
                OutputGradient::Some { rows, biases } => runs.extend([&rows.values[..], &biases.values]),
            }
            if network.output.is_some() || !self.full {
                runs.push(&history.values);
            }
            let norm = runs.iter().map(|run| f64::from(vecinity_kernel::vector::dot(run, run))).sum::<f64>().sqrt();
            scale = (f64::from(self.config.clip) / norm.max(1e-30)).min(1.0) as f32;
        }
        network.step_tower(optimizer, tower, scale);
        network.step_bias(optimizer, &output, scale);
        optimizer.sparse(&mut network.features, known, scale);
        network.parts.step(optimizer, d_parts, scale);
        match (output, &mut network.output) {
            (OutputGradient::All { rows, biases }, table) => {
                match table {
                    Some(table) => {
                        optimizer.dense(table, &rows, scale);
                        optimizer.sparse(&mut network.input, history, scale);
                    }
                    None => optimizer.dense(&mut network.input, &rows, scale),
                }
                // The memory serves the next step.
                (self.d_rows, self.d_offsets) = (rows, biases);
            }
            (OutputGradient::Some { rows, .. }, table) => {
                if let Some(table) = table {
                    optimizer.sparse(table, &rows, scale);
                }
                optimizer.sparse(&mut network.input, history, scale);
            }
        }
    }
}

/// The rows that a batch is compared with.
fn candidate_rows<'a>(network: &'a Network, comparison: &'a Comparison, full: bool) -> &'a [f32] {
    let own = full && network.length == 0.0 && network.parts.is_empty();
    if own { network.output_rows() } else { &comparison.rows }
}

/// All rows as they are behind this step.
fn settle(optimizer: &Optimizer, network: &mut Network) {
    optimizer.settle(&mut network.input);
    if let Some(output) = &mut network.output {
        optimizer.settle(output);
    }
    optimizer.settle(&mut network.bias);
    optimizer.settle(&mut network.features);
}

#[cfg(test)]
pub(super) mod tests;
