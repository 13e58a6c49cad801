//! The parameters, and the way from a history to a user vector and back.

use super::Config;
use crate::deep::{
    Activation, Linear, LinearGradient, Masks, Optimizer, Parameter, Pools, RowGradient, Weighting, padded,
    unit_backward, unit_rows,
};
use crate::rng::Rng;

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

/// What a batch wants of everything but item rows.
#[derive(Debug, Default)]
pub(super) struct TowerGradient {
    pub(super) layers: Vec<LinearGradient>,
    pub(super) weighting: Weighting,
}

impl TowerGradient {
    pub(super) fn add(&mut self, other: &Self) {
        for (own, other) in self.layers.iter_mut().zip(&other.layers) {
            own.add(other);
        }
        self.weighting.add(&other.weighting);
    }

    pub(super) fn clear(&mut self) {
        for layer in &mut self.layers {
            layer.weights.fill(0.0);
            layer.bias.fill(0.0);
        }
        self.weighting.clear();
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
    /// Inputs of all layers: the pools, then activations; then what the last one gives.
    activations: Vec<Vec<f32>>,
    /// Users, shape `[users, width]`.
    pub(super) users: Vec<f32>,
    raw: Vec<f32>,
    factors: Vec<f32>,
    d_activations: [Vec<f32>; 2],
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
    pub fn new(config: &Config, items: usize, dim: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed, u64::from_le_bytes(*b"netstart"));
        let width = padded(dim);
        let mut input = Parameter::normal(items + 1, dim, width, DEVIATION, &mut rng);
        input.values[items * width..].fill(0.0);
        let output = (!config.tied).then(|| Parameter::normal(items, dim, width, DEVIATION, &mut rng));
        let pools = Pools::new(config.pools, config.mean, config.last, config.history, &mut rng);
        let mut layers: Vec<Linear> = Vec::new();
        for &outputs in config.hidden.iter().chain([&dim]) {
            let layer = match config.hidden.get(layers.len().wrapping_sub(1)) {
                None => Linear::new(pools.len() * width, |input| input % width < dim, outputs, &mut rng),
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
            pools: self.pools.frozen(),
            layers: self.layers.iter().map(Linear::frozen).collect(),
            hidden: self.hidden.clone(),
            ..*self
        }
    }

    /// The same from its parameters.
    ///
    /// * `input`: shape `[items + 1, width]`; `logits`: those of the pools.
    pub(super) fn fixed(
        config: &Config,
        items: usize,
        width: usize,
        input: Vec<f32>,
        logits: Vec<f32>,
        layers: Vec<Linear>,
    ) -> Self {
        Self {
            items,
            width,
            input: Parameter::fixed(input, width),
            output: None,
            bias: Parameter::default(),
            pools: Pools::fixed(logits, config.mean, config.last, config.history),
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
        all.extend(&mut self.output);
        all.extend(self.pools.parameter_mut());
        all.extend(self.layers.iter_mut().flat_map(|layer| [&mut layer.weights, &mut layer.bias]));
        all
    }

    /// Takes over parameters that were changed from outside.
    pub(super) fn turn(&mut self) {
        self.layers.iter_mut().for_each(Linear::turn);
    }

    /// Output rows as they are, shape `[items, width]`.
    pub(super) fn output_rows(&self) -> &[f32] {
        match &self.output {
            Some(output) => &output.values,
            None => &self.input.values[..self.items * self.width],
        }
    }

    pub(super) fn gradient(&self) -> TowerGradient {
        TowerGradient { layers: self.layers.iter().map(Linear::gradient).collect(), weighting: self.pools.gradient() }
    }

    /// User vectors of some histories (oldest first, at most `history` items each) into `trace.users`, shape
    /// `[users, width]`; users behind the last history are zero. `masks` and `rng` are for training.
    pub(super) fn forward<'a>(
        &self,
        weighting: &Weighting,
        histories: impl ExactSizeIterator<Item = &'a [u32]>,
        users: usize,
        dropout: Option<(&Masks, f32, &mut Rng)>,
        trace: &mut Trace,
    ) {
        let (width, pools) = (self.width, self.pools.len());
        let given = histories.len();
        trace.activations.resize(self.layers.len(), Vec::new());
        let pooled = &mut trace.activations[0];
        pooled.clear();
        pooled.resize(users * pools * width, 0.0);
        trace.rows.clear();
        trace.masks.clear();
        trace.ends.clear();
        let mut dropout = dropout;
        for (history, pooled) in histories.zip(pooled.chunks_exact_mut(pools * width)) {
            let start = trace.rows.len();
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
                match masks.get(number, width) {
                    [] => trace.rows.extend_from_slice(row),
                    mask => trace.rows.extend(row.iter().zip(mask).map(|(value, mask)| value * mask)),
                }
            }
            trace.ends.push(trace.rows.len());
            self.pools.forward(weighting, &trace.rows[start..], pooled);
        }
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
                for row in y.chunks_exact_mut(outputs) {
                    for (value, mask) in row.iter_mut().zip(masks.get(rng.u32(), outputs)) {
                        *value *= mask;
                    }
                }
            }
        }
        if self.residual {
            let share = 1.0 / pools as f32;
            for (user, pooled) in trace.raw.chunks_exact_mut(width).zip(trace.activations[0].chunks(pools * width)) {
                for pool in pooled.chunks_exact(width) {
                    for (value, pool) in user.iter_mut().zip(pool) {
                        *value += share * pool;
                    }
                }
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

    /// From the gradient of the users that of all layers, of the pools' weights, and of every history's rows
    /// (`d_rows`, in the order of the histories, each with the newest first).
    pub(super) fn backward(
        &self,
        weighting: &Weighting,
        masks: &Masks,
        trace: &mut Trace,
        d_users: &mut [f32],
        gradient: &mut TowerGradient,
        d_rows: &mut [f32],
    ) {
        let (width, pools) = (self.width, self.pools.len());
        if self.length > 0.0 {
            unit_backward(&trace.users, width, self.length, &trace.factors, d_users);
        }
        let users = d_users.len() / width;
        gradient.weighting.clear();
        let [mut d_y, mut d_x] = std::mem::take(&mut trace.d_activations);
        d_y.clear();
        d_y.extend_from_slice(d_users);
        for (number, layer) in self.layers.iter().enumerate().rev() {
            d_x.resize(users * layer.shape().0, 0.0);
            let x = &trace.activations[number];
            layer.backward(x, &d_y, &mut gradient.layers[number], Some(&mut d_x));
            if number > 0 {
                self.activation.backward(x, masks.scale(), &mut d_x);
            }
            std::mem::swap(&mut d_x, &mut d_y);
        }
        // `d_y` is now the gradient of the pools.
        if self.residual {
            let share = 1.0 / pools as f32;
            for (d_pooled, d_user) in d_y.chunks_exact_mut(pools * width).zip(d_users.chunks_exact(width)) {
                for pool in d_pooled.chunks_exact_mut(width) {
                    for (value, d_user) in pool.iter_mut().zip(d_user) {
                        *value += share * d_user;
                    }
                }
            }
        }
        let mut start = 0;
        for (&end, d_pooled) in trace.ends.iter().zip(d_y.chunks_exact(pools * width)) {
            let (rows, d_rows) = (&trace.rows[start..end], &mut d_rows[start..end]);
            self.pools.backward(weighting, rows, d_pooled, &mut gradient.weighting, d_rows);
            for (d_row, &mask) in d_rows.chunks_exact_mut(width).zip(&trace.masks[start / width..]) {
                if mask == u32::MAX {
                    d_row.fill(0.0);
                    continue;
                }
                for (value, mask) in d_row.iter_mut().zip(masks.get(mask, width)) {
                    *value *= mask;
                }
            }
            start = end;
        }
        trace.d_activations = [d_y, d_x];
    }

    /// A step of the optimiser for the tower.
    pub(super) fn step_tower(&mut self, optimizer: &Optimizer, gradient: &TowerGradient, logits: &[f32], scale: f32) {
        for (layer, gradient) in self.layers.iter_mut().zip(&gradient.layers) {
            layer.step(optimizer, gradient, scale);
        }
        self.pools.step(optimizer, logits, scale);
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
