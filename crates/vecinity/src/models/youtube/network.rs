//! The parameters, and the way from a history to a user vector and back.

use super::features::{A_NUMBER, Known};
use super::parts::Parts;
use super::{Config, Schema};
use crate::deep::{
    Activation, InTurn, Linear, LinearGradient, Masks, Optimizer, Parameter, Pooling, Pools, RowGradient, Rows, Turn,
    Weighting, padded, unit_backward, unit_rows,
};
use crate::rng::Rng;
use vecinity_kernel::{prefetch, vector};

/// Deviation of the first item rows.
const DEVIATION: f32 = 0.05;

/// All parameters of a network.
#[derive(Debug, Clone)]
pub struct Network {
    pub(super) items: usize,
    /// Values in a row, padded.
    pub(super) width: usize,
    /// Rows of the items in a history, and of an unknown one: zero.
    pub(super) input: Parameter,
    /// Output rows; absent if tied.
    pub(super) output: Option<Parameter>,
    pub(super) bias: Parameter,
    /// Parts of the items' output vectors beside their own rows.
    pub(super) parts: Parts,
    /// Rows of categories and words.
    pub(super) features: Parameter,
    pub(super) inputs: Inputs,
    pub(super) pools: Pools,
    pub(super) layers: Vec<Linear>,
    /// What hidden layers do to their sums, and their widths without padding.
    pub(super) activation: Activation,
    pub(super) hidden: Vec<usize>,
    pub(super) residual: bool,
    pub(super) biased: bool,
    /// The length of unit vectors: 1 / temperature; 0: vectors are as they are.
    pub(super) length: f32,
}

/// What the first layer reads: blocks of values, each padded to whole registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inputs {
    /// Blocks of a row each: pools of the history, then categories, then perhaps the mean of the words.
    pools: usize,
    categories: usize,
    words: bool,
    /// Values of a row without padding.
    dim: usize,
    /// The last block: values of numbers.
    numbers: usize,
}

impl Inputs {
    pub(super) fn new(pools: usize, schema: &Schema, dim: usize) -> Self {
        let numbers = schema.numbers() * A_NUMBER;
        Self { pools, categories: schema.categories(), words: schema.has_words(), dim, numbers }
    }

    /// The blocks: values in use, and with padding.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.pools + self.categories + usize::from(self.words);
        let numbers = (self.numbers > 0).then_some((self.numbers, padded(self.numbers)));
        std::iter::repeat_n((self.dim, padded(self.dim)), rows).chain(numbers)
    }

    /// Values with padding.
    pub(super) fn width(&self) -> usize {
        self.blocks().map(|(_, padded)| padded).sum()
    }

    /// Which values are no padding.
    fn used(&self) -> Vec<bool> {
        self.blocks().flat_map(|(used, padded)| (0..padded).map(move |at| at < used)).collect()
    }

    /// Values of the pools, with padding.
    fn pooled(&self) -> usize {
        self.pools * padded(self.dim)
    }
}

/// What a batch wants of everything but rows; groups add to it in turn.
#[derive(Debug, Default)]
pub(super) struct TowerGradient {
    pub(super) layers: Vec<InTurn<LinearGradient>>,
    /// Of the pools: by place, shape `[learned, places]`, and of what the newest rows ask.
    pub(super) logits: InTurn<Vec<f32>>,
    pub(super) asks: Option<InTurn<LinearGradient>>,
}

impl TowerGradient {
    /// All zero, before the first group.
    pub(super) fn begin(&mut self) {
        self.layers.iter_mut().chain(&mut self.asks).for_each(|layer| layer.begin().clear());
        self.logits.begin().fill(0.0);
    }
}

/// What one group leaves behind on its way forward, reused from group to group.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Rows of all histories, one behind the other, the newest first, with dropout.
    rows: Vec<f32>,
    /// Of each row its mask; where the rows of each history end.
    masks: Vec<u32>,
    ends: Vec<usize>,
    /// The mask of what is known of each user, and how many words of it there are.
    known: Vec<(u32, usize)>,
    /// Inputs of all layers: the pools, then activations; then what the last one gives.
    activations: Vec<Vec<f32>>,
    /// Users, shape `[users, width]`.
    pub(super) users: Vec<f32>,
    raw: Vec<f32>,
    factors: Vec<f32>,
    d_activations: [Vec<f32>; 2],
    pooling: Pooling,
    d_logits: Vec<f32>,
}

impl Trace {
    /// The activations of a hidden layer, shape `[users, padded width]`; layer 0 is the first.
    pub(super) fn hidden(&self, layer: usize) -> &[f32] {
        &self.activations[layer + 1]
    }
}

impl Network {
    /// A network before training, for a catalogue of `items`.
    #[must_use]
    pub fn new(config: &Config, schema: &Schema, items: usize, dim: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, u64::from_le_bytes(*b"netstart"));
        let width = padded(dim);
        let mut input = Parameter::normal(items + 1, dim, width, DEVIATION, &mut rng);
        input.values[items * width..].fill(0.0);
        let output = (!config.tied).then(|| Parameter::normal(items, dim, width, DEVIATION, &mut rng));
        let features = Parameter::normal(schema.rows(), dim, width, DEVIATION, &mut rng);
        let table = Parameter::normal(schema.item_rows(), dim, width, DEVIATION, &mut rng);
        let pools = Pools::new(config.pools, config.mean, config.last, config.history, &mut rng);
        let pools = if config.attends() { pools.attending(dim) } else { pools };
        let inputs = Inputs::new(pools.len(), schema, dim);
        let used = inputs.used();
        let mut layers: Vec<Linear> = Vec::new();
        for &outputs in config.hidden.iter().chain([&dim]) {
            let layer = match config.hidden.get(layers.len().wrapping_sub(1)) {
                None => Linear::new(inputs.width(), |input| used[input], outputs, &mut rng),
                Some(&before) => Linear::new(padded(before), |input| input < before, outputs, &mut rng),
            };
            layers.push(layer);
        }
        let bias = Parameter::new(vec![0.0; items], 1, true);
        Self {
            items,
            width,
            input,
            output,
            bias,
            parts: Parts::of_table(table),
            features,
            inputs,
            pools,
            layers,
            activation: config.activation,
            hidden: config.hidden.clone(),
            residual: config.residual,
            biased: config.bias,
            length: length(config),
        }
    }

    /// The network without what the optimiser remembers.
    pub(super) fn frozen(&self) -> Self {
        Self {
            input: self.input.frozen(),
            output: self.output.as_ref().map(Parameter::frozen),
            bias: self.bias.frozen(),
            parts: self.parts.frozen(),
            features: self.features.frozen(),
            pools: self.pools.frozen(),
            layers: self.layers.iter().map(Linear::frozen).collect(),
            hidden: self.hidden.clone(),
            ..*self
        }
    }

    /// The way from a history to a user alone.
    pub(super) fn without_outputs(&self) -> Self {
        Self {
            input: self.input.frozen(),
            output: None,
            bias: Parameter::default(),
            parts: Parts::default(),
            features: self.features.frozen(),
            pools: self.pools.frozen(),
            layers: self.layers.iter().map(Linear::frozen).collect(),
            hidden: self.hidden.clone(),
            ..*self
        }
    }

    /// The same from its parameters.
    ///
    /// * `input`: shape `[items + 1, padded(inputs.dim)]`; `features`: as wide.
    pub(super) fn fixed(
        config: &Config,
        inputs: Inputs,
        input: Vec<f32>,
        features: Vec<f32>,
        pools: Pools,
        layers: Vec<Linear>,
    ) -> Self {
        let width = padded(inputs.dim);
        Self {
            items: input.len() / width - 1,
            width,
            input: Parameter::fixed(input, width),
            output: None,
            bias: Parameter::default(),
            parts: Parts::default(),
            features: Parameter::fixed(features, width),
            inputs,
            pools,
            layers,
            activation: config.activation,
            hidden: config.hidden.clone(),
            residual: config.residual,
            biased: config.bias,
            length: length(config),
        }
    }

    /// All parameters, in a fixed order.
    pub(super) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let mut all = vec![&mut self.input, &mut self.bias];
        let tables = [&mut self.features, &mut self.parts.table];
        all.extend(tables.into_iter().filter(|table| table.rows() > 0));
        all.extend(&mut self.output);
        all.extend(self.pools.parameters_mut());
        all.extend(self.layers.iter_mut().flat_map(|layer| [&mut layer.weights, &mut layer.bias]));
        all
    }

    /// Takes over parameters that were changed from outside.
    pub(super) fn turn(&mut self) {
        self.layers.iter_mut().for_each(Linear::turn);
        self.pools.turn();
    }

    /// Own output rows as they are, without [`Parts`], shape `[items, width]`.
    pub(super) fn output_rows(&self) -> &[f32] {
        match &self.output {
            Some(output) => &output.values,
            None => &self.input.values[..self.items * self.width],
        }
    }

    pub(super) fn gradient(&self) -> TowerGradient {
        TowerGradient {
            layers: self.layers.iter().map(|layer| InTurn::new(layer.gradient())).collect(),
            logits: InTurn::new(vec![0.0; self.pools.logits().len()]),
            asks: self.pools.asks().map(|asks| InTurn::new(asks.queries.gradient())),
        }
    }

    /// User vectors of some histories (oldest first, at most `history` items each) and what else is known into `trace.users`,
    /// shape `[users, width]`; users behind the last history are zero. `masks` and `rng` are for training.
    pub(super) fn forward<'a>(
        &self,
        weighting: &Weighting,
        histories: impl ExactSizeIterator<Item = (&'a [u32], Known<'a>)>,
        users: usize,
        dropout: Option<(&Masks, f32, &mut Rng)>,
        trace: &mut Trace,
    ) {
        let (width, pools, inputs) = (self.width, self.pools.len(), self.inputs.width());
        let given = histories.len();
        trace.activations.resize(self.layers.len(), Vec::new());
        let first = &mut trace.activations[0];
        first.clear();
        first.resize(users * inputs, 0.0);
        trace.rows.clear();
        trace.masks.clear();
        trace.ends.clear();
        trace.known.clear();
        let mut dropout = dropout;
        for ((history, known), first) in histories.zip(first.chunks_exact_mut(inputs)) {
            let beside = &mut first[self.inputs.pooled()..];
            // Rows of a large table lie far apart: all are asked for before the first one is awaited.
            history.iter().for_each(|&item| prefetch::slice(self.input.row(item as usize)));
            for &item in history.iter().rev() {
                let row = self.input.row(item as usize);
                let Some((masks, item_dropout, rng)) = &mut dropout else {
                    trace.rows.extend_from_slice(row);
                    continue;
                };
                let draw = rng.u64();
                // The upper half decides on the item, the lower one on its mask.
                let left_out = ((draw >> 40) as f32) < *item_dropout * (1u64 << 24) as f32;
                let number = if left_out { u32::MAX } else { draw as u32 >> 1 };
                trace.masks.push(number);
                if left_out {
                    trace.rows.resize(trace.rows.len() + width, 0.0);
                    continue;
                }
                let at = trace.rows.len();
                trace.rows.extend_from_slice(row);
                masks.apply(number, &mut trace.rows[at..]);
            }
            trace.ends.push(trace.rows.len());
            if beside.is_empty() {
                continue;
            }
            let number = dropout.as_mut().map_or(0, |(_, _, rng)| rng.u32() >> 1);
            let mask = dropout.as_ref().map_or(&[][..], |(masks, ..)| masks.get(number, width));
            self.place(known, mask, beside);
            trace.known.push((number, known.words.len()));
        }
        let rows = Rows { values: &trace.rows, ends: &trace.ends, dim: width };
        self.pools.forward(weighting, rows, &mut trace.activations[0], inputs, &mut trace.pooling);
        trace.raw.resize(users * width, 0.0);
        for (number, layer) in self.layers.iter().enumerate() {
            let outputs = layer.shape().1;
            if number + 1 == self.layers.len() {
                layer.forward(&trace.activations[number], &mut trace.raw);
                break;
            }
            let (before, behind) = trace.activations.split_at_mut(number + 1);
            let y = &mut behind[0];
            y.resize(users * outputs, 0.0);
            layer.forward(&before[number], y);
            self.activation.forward(y, outputs, self.hidden[number]);
            if let Some((masks, _, rng)) = &mut dropout {
                y.chunks_exact_mut(outputs).for_each(|row| masks.apply(rng.u32(), row));
            }
        }
        if self.residual {
            let share = 1.0 / pools as f32;
            for (user, pooled) in trace.raw.chunks_exact_mut(width).zip(trace.activations[0].chunks(inputs)) {
                pooled[..pools * width].chunks_exact(width).for_each(|pool| vector::axpy(share, pool, user));
            }
        }
        trace.raw[given * width..].fill(0.0);
        trace.users.resize(users * width, 0.0);
        if self.length > 0.0 {
            trace.factors.resize(users, 0.0);
            unit_rows(&trace.raw, width, self.length, &mut trace.users, &mut trace.factors);
        } else {
            trace.users.copy_from_slice(&trace.raw);
        }
    }

    /// What is known of a user to the inputs behind the pools, which are zero.
    fn place(&self, known: Known<'_>, mask: &[f32], to: &mut [f32]) {
        let width = self.width;
        let add = |row: u32, share: f32, to: &mut [f32]| {
            let row = self.features.row(row as usize);
            for (at, (to, value)) in to.iter_mut().zip(row).enumerate() {
                *to += share * value * mask.get(at).copied().unwrap_or(1.0);
            }
        };
        let (rows, numbers) = to.split_at_mut((self.inputs.categories + usize::from(self.inputs.words)) * width);
        for (&row, to) in known.rows.iter().zip(rows.chunks_exact_mut(width)) {
            add(row, 1.0, to);
        }
        for &word in known.words {
            add(word, 1.0 / known.words.len() as f32, &mut rows[self.inputs.categories * width..]);
        }
        numbers[..known.numbers.len()].copy_from_slice(known.numbers);
    }

    /// From the gradient of the users that of all layers, of the pools, and of every history's rows
    /// (`d_rows`, in the order of the histories, each with the newest first) and of what is known of each user (`d_known`, the
    /// categories of each before its words).
    pub(super) fn backward(
        &self,
        masks: &Masks,
        trace: &mut Trace,
        d_users: &mut [f32],
        (gradient, turn): (&TowerGradient, &Turn<'_>),
        d_rows: &mut [f32],
        d_known: &mut [f32],
    ) {
        let (width, pools, inputs) = (self.width, self.pools.len(), self.inputs.width());
        if self.length > 0.0 {
            unit_backward(&trace.users, width, self.length, &trace.factors, d_users);
        }
        let users = d_users.len() / width;
        let [mut d_y, mut d_x] = std::mem::take(&mut trace.d_activations);
        d_y.clear();
        d_y.extend_from_slice(d_users);
        for (number, layer) in self.layers.iter().enumerate().rev() {
            d_x.resize(users * layer.shape().0, 0.0);
            let x = &trace.activations[number];
            turn.add(&gradient.layers[number], |gradient| layer.add_gradient(x, &d_y, gradient));
            layer.backward(&d_y, &mut d_x);
            if number > 0 {
                self.activation.backward(x, masks.scale(), &mut d_x);
            }
            std::mem::swap(&mut d_x, &mut d_y);
        }
        // `d_y` is now the gradient of the first layer's inputs.
        if self.residual {
            let share = 1.0 / pools as f32;
            for (d_first, d_user) in d_y.chunks_exact_mut(inputs).zip(d_users.chunks_exact(width)) {
                d_first[..pools * width].chunks_exact_mut(width).for_each(|pool| vector::axpy(share, d_user, pool));
            }
        }
        let rows = Rows { values: &trace.rows, ends: &trace.ends, dim: width };
        trace.d_logits.clear();
        trace.d_logits.resize(self.pools.logits().len(), 0.0);
        self.pools.backward(rows, &d_y, inputs, &mut trace.pooling, &mut trace.d_logits, d_rows);
        for (d_row, &mask) in d_rows.chunks_exact_mut(width).zip(&trace.masks) {
            if mask == u32::MAX {
                d_row.fill(0.0);
                continue;
            }
            masks.apply(mask, d_row);
        }
        turn.add(&gradient.logits, |gradient| vector::add(&trace.d_logits, gradient));
        if let Some(gradient) = &gradient.asks {
            turn.add(gradient, |gradient| self.pools.add_gradient(&trace.pooling, gradient));
        }
        let mut d_known = d_known.chunks_exact_mut(width);
        for (&(mask, words), d_first) in trace.known.iter().zip(d_y.chunks_exact(inputs)) {
            let mut of = d_first[pools * width..].chunks_exact(width);
            let mask = masks.get(mask, width);
            let mut take = |d_block: &[f32], share: f32, count: usize| {
                for d_row in d_known.by_ref().take(count) {
                    for (at, (to, value)) in d_row.iter_mut().zip(d_block).enumerate() {
                        *to = share * value * mask.get(at).copied().unwrap_or(1.0);
                    }
                }
            };
            for d_block in of.by_ref().take(self.inputs.categories) {
                take(d_block, 1.0, 1);
            }
            if let Some(d_block) = of.next().filter(|_| words > 0) {
                take(d_block, 1.0 / words as f32, words);
            }
        }
        trace.d_activations = [d_y, d_x];
    }

    /// A step of the optimiser for the tower.
    pub(super) fn step_tower(&mut self, optimizer: &Optimizer, gradient: &mut TowerGradient, scale: f32) {
        for (layer, gradient) in self.layers.iter_mut().zip(&mut gradient.layers) {
            layer.step(optimizer, gradient.get_mut(), scale);
        }
        let asks = gradient.asks.as_mut().map(|asks| &*asks.get_mut());
        self.pools.step(optimizer, gradient.logits.get_mut(), asks, scale);
    }

    /// A step for the biases of all items, or of some.
    pub(super) fn step_bias(&mut self, optimizer: &Optimizer, gradient: &OutputGradient, scale: f32) {
        if !self.biased {
            return;
        }
        match gradient {
            OutputGradient::All { biases, .. } => optimizer.dense(&mut self.bias, biases, scale),
            OutputGradient::Some { biases, .. } => optimizer.sparse(&mut self.bias, biases, scale),
        }
    }
}

/// The length of unit vectors, or 0.
fn length(config: &Config) -> f32 {
    if config.temperature > 0.0 { 1.0 / config.temperature } else { 0.0 }
}

/// What a batch wants of the output rows.
#[derive(Debug)]
pub(super) enum OutputGradient {
    /// All rows and biases.
    All { rows: Vec<f32>, biases: Vec<f32> },
    /// Some of them.
    Some { rows: RowGradient, biases: RowGradient },
}
