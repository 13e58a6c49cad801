//! A small next-item network whose first layer can be computed in two ways.
//!
//! The input of an example is its history as a vector with a value an item: `1/n` for each of its `n` items, zero
//! elsewhere. The first layer multiplies it with a matrix `[items, width]`: with **all** of it (a dense layer that knows nothing of
//! zeros), or with the rows that meet something else than zero (an embedding). The mathematics is the same, so are the
//! results; the rest of the network (ReLU layer, linear layer, full softmax) is shared.

use crate::deep::{
    CandidateSums, Candidates, Decay, GROUP, Gradients, LANES, Linear, LinearGradient, Method, Optimizer, Parameter,
    Schedule, Softmax, Turn, padded, relu, relu_backward, sum_rows,
};
use crate::eval::recommend::{Query, Scorer};
use crate::rng::Rng;
use std::time::{Duration, Instant};
use vecinity_kernel::matrix::View;
use vecinity_kernel::tile;

/// Values of a vector and units of the hidden layer.
pub(super) const DIM: usize = 32;
const HIDDEN: usize = 64;
/// Items of a history that are looked at, the newest ones.
pub(super) const HISTORY: usize = 10;
/// Deviation of the first rows.
pub(super) const DEVIATION: f32 = 0.05;

/// How the first layer is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// All of the matrix, zeros included; its gradient and its optimiser too.
    Dense,
    /// Rows of the items of the histories.
    Table,
    /// The same, and its rows stay as they are.
    Frozen,
}

/// What the first layer did in a step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step {
    pub(super) loss: f64,
    /// Time of the first layer: forward, backward and optimiser.
    pub(super) first: Duration,
    /// Its weights with a gradient other than zero.
    pub(super) touched: usize,
    /// Items of all histories, and distinct ones.
    pub(super) places: usize,
    pub(super) distinct: usize,
}

/// A network in training.
#[derive(Debug, Clone)]
pub(super) struct Network {
    kind: First,
    items: usize,
    /// The first layer, shape `[items, DIM]`.
    first: Parameter,
    layers: [Linear; 2],
    output: Parameter,
    bias: Parameter,
    optimizer: Optimizer,
    room: Room,
}

/// Working memory, kept from step to step.
#[derive(Debug, Default)]
struct Room {
    /// The input of a dense first layer, shape `[users, items]`.
    input: Vec<f32>,
    d_first: Vec<f32>,
    x: Vec<f32>,
    hidden: Vec<f32>,
    users: Vec<f32>,
    d_users: Vec<f32>,
    d_hidden: Vec<f32>,
    d_x: Vec<f32>,
    d_rows: Vec<f32>,
    d_offsets: Vec<f32>,
    gradients: [LinearGradient; 2],
    softmax: Softmax,
}

impl Clone for Room {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Network {
    /// A network before training. Networks of one seed begin alike, whatever their first layer.
    ///
    /// * `rows`: the first layer, if it does not begin at random.
    pub(super) fn new(kind: First, items: usize, rate: f32, seed: u64, rows: Option<Vec<f32>>) -> Self {
        let mut rng = Rng::new(seed, u64::from_le_bytes(*b"labfirst"));
        let mut first = Parameter::normal(items, DIM, padded(DIM), DEVIATION, &mut rng);
        if let Some(rows) = rows {
            first = Parameter::new(rows, padded(DIM), false);
        }
        let layers =
            [Linear::new(padded(DIM), |_| true, HIDDEN, &mut rng), Linear::new(HIDDEN, |_| true, DIM, &mut rng)];
        let output = Parameter::normal(items, DIM, padded(DIM), DEVIATION, &mut rng);
        let schedule = Schedule { peak: rate, warm_up: 0, steps: 1 << 30, decay: Decay::Constant };
        let gradients = [layers[0].gradient(), layers[1].gradient()];
        Self {
            kind,
            items,
            first,
            layers,
            output,
            bias: Parameter::new(vec![0.0; items], 1, true),
            optimizer: Optimizer::new(Method::Adam, schedule, 0.0),
            room: Room { gradients, ..Room::default() },
        }
    }

    /// The first layer, shape `[items, DIM]`, behind all steps so far.
    pub(super) fn weights(&self) -> &[f32] {
        &self.first.values
    }

    /// Learns from a batch of at most [`GROUP`] examples.
    pub(super) fn step(&mut self, histories: &[&[u32]], targets: &[u32]) -> Step {
        self.optimizer.begin_step();
        let users = histories.len().next_multiple_of(LANES);
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        let mut step = Step::default();
        let begun = Instant::now();
        for (user, history) in histories.iter().enumerate() {
            wanted.extend(history.iter().map(|&item| (item, user as u32)));
        }
        step.places = wanted.len();
        let mut room = std::mem::take(&mut self.room);
        room.x.resize(users * padded(DIM), 0.0);
        self.first_forward(histories, users, &mut room);
        step.first = begun.elapsed();

        self.middle_forward(histories.len(), &mut room);
        room.d_users.resize(room.users.len(), 0.0);
        for (sum, length) in [(&mut room.d_rows, self.output.values.len()), (&mut room.d_offsets, self.items)] {
            sum.clear();
            sum.resize(length, 0.0);
        }
        let candidates = Candidates { rows: &self.output.values, offsets: &self.bias.values, ready: None };
        let sums = CandidateSums::of(&mut room.d_rows, &mut room.d_offsets);
        let gradients = &mut Gradients { users: &mut room.d_users, candidates: &sums, turn: &Turn::alone() };
        let weight = 1.0 / histories.len() as f32;
        step.loss = room.softmax.full(&room.users, candidates, targets, weight, gradients) / histories.len() as f64;
        room.gradients.iter_mut().for_each(LinearGradient::clear);
        let [first, second] = &mut room.gradients;
        room.d_hidden.resize(room.hidden.len(), 0.0);
        room.d_x.resize(room.x.len(), 0.0);
        self.layers[1].add_gradient(&room.hidden, &room.d_users, second);
        self.layers[1].backward(&room.d_users, &mut room.d_hidden);
        relu_backward(&room.hidden, 1.0, &mut room.d_hidden);
        self.layers[0].add_gradient(&room.x, &room.d_hidden, first);
        self.layers[0].backward(&room.d_hidden, &mut room.d_x);
        for (layer, gradient) in self.layers.iter_mut().zip(&room.gradients) {
            layer.step(&self.optimizer, gradient, 1.0);
        }
        self.optimizer.dense(&mut self.output, &room.d_rows, 1.0);
        self.optimizer.dense(&mut self.bias, &room.d_offsets, 1.0);

        let begun = Instant::now();
        self.first_backward(histories, users, &mut wanted, &mut room);
        step.first += begun.elapsed();
        wanted.dedup_by_key(|(item, _)| *item);
        step.distinct = wanted.len();
        step.touched = room.d_first.iter().filter(|&&value| value != 0.0).count();
        self.room = room;
        step
    }

    /// `x = input · first`.
    fn first_forward(&mut self, histories: &[&[u32]], users: usize, room: &mut Room) {
        match self.kind {
            First::Dense => {
                room.input.clear();
                room.input.resize(users * self.items, 0.0);
                for (row, history) in room.input.chunks_exact_mut(self.items).zip(histories) {
                    history.iter().for_each(|&item| row[item as usize] += 1.0 / history.len() as f32);
                }
                tile::multiply(View::new(&room.input, users, self.items), &self.first.values, false, &mut room.x);
            }
            First::Table => {
                self.optimizer.refresh(&mut self.first, histories.iter().copied().flatten().copied());
                self.means(histories, &mut room.x);
            }
            First::Frozen => self.means(histories, &mut room.x),
        }
    }

    /// Means of the rows of histories; zeros behind the last.
    fn means(&self, histories: &[&[u32]], x: &mut [f32]) {
        x.fill(0.0);
        for (x, history) in x.chunks_exact_mut(padded(DIM)).zip(histories) {
            let share = 1.0 / history.len().max(1) as f32;
            for &item in *history {
                x.iter_mut().zip(self.first.row(item as usize)).for_each(|(x, value)| *x += share * value);
            }
        }
    }

    fn first_backward(&mut self, histories: &[&[u32]], users: usize, wanted: &mut [(u32, u32)], room: &mut Room) {
        match self.kind {
            First::Dense => {
                room.d_first.resize(self.first.values.len(), 0.0);
                let input = View::new(&room.input, users, self.items).transposed();
                tile::multiply(input, &room.d_x, false, &mut room.d_first);
                self.optimizer.dense(&mut self.first, &room.d_first, 1.0);
                wanted.sort_unstable();
            }
            First::Table => {
                for (d_x, history) in room.d_x.chunks_exact_mut(padded(DIM)).zip(histories) {
                    let share = 1.0 / history.len().max(1) as f32;
                    d_x.iter_mut().for_each(|value| *value *= share);
                }
                let d_x = &room.d_x;
                let rows = sum_rows(wanted, padded(DIM), 1, |user| &d_x[user as usize * padded(DIM)..][..padded(DIM)]);
                self.optimizer.sparse(&mut self.first, &rows, 1.0);
                room.d_first = rows.values;
            }
            First::Frozen => wanted.sort_unstable(),
        }
    }

    /// From means to users: a ReLU layer and a linear one; users behind the last history are zero.
    fn middle_forward(&self, given: usize, room: &mut Room) {
        let users = room.x.len() / padded(DIM);
        room.hidden.resize(users * padded(HIDDEN), 0.0);
        room.users.resize(users * padded(DIM), 0.0);
        self.layers[0].forward(&room.x, &mut room.hidden);
        relu(&mut room.hidden);
        self.layers[1].forward(&room.hidden, &mut room.users);
        room.users[given * padded(DIM)..].fill(0.0);
    }

    /// Brings all rows up to date: before they are asked or compared.
    pub(super) fn settle(&mut self) {
        if self.kind == First::Table {
            self.optimizer.settle(&mut self.first);
        }
    }
}

impl Scorer for Network {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let mut room = Room::default();
        for (queries, scores) in queries.chunks(GROUP).zip(scores.chunks_mut(GROUP * self.items)) {
            let histories: Vec<&[u32]> = queries.iter().map(|query| newest(&query.history)).collect();
            let users = queries.len().next_multiple_of(LANES);
            room.x.resize(users * padded(DIM), 0.0);
            self.means(&histories, &mut room.x);
            self.middle_forward(queries.len(), &mut room);
            let (mut turned, mut products) = (vec![0.0; room.users.len()], vec![0.0; self.items * users]);
            tile::transpose(&room.users, users, padded(DIM), &mut turned);
            tile::multiply(View::new(&self.output.values, self.items, padded(DIM)), &turned, false, &mut products);
            for (item, (products, bias)) in products.chunks_exact(users).zip(&self.bias.values).enumerate() {
                for (scores, product) in scores.chunks_exact_mut(self.items).zip(products) {
                    scores[item] = product + bias;
                }
            }
        }
    }
}

/// What is looked at of a history.
pub(super) fn newest(history: &[u32]) -> &[u32] {
    &history[history.len().saturating_sub(HISTORY)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_first_layer_and_a_table_are_one_function() {
        let items = 50;
        let mut rng = Rng::new(3, 0);
        let [mut dense, mut table, mut frozen] =
            [First::Dense, First::Table, First::Frozen].map(|kind| Network::new(kind, items, 0.01, 1, None));
        let start = frozen.weights().to_vec();
        for number in 0..40 {
            // Few items a step, so that rows are left out; repeats within a history too.
            let histories: Vec<Vec<u32>> =
                (0..20).map(|_| (0..1 + rng.below(4)).map(|_| (number + rng.below(6)) % 50).collect()).collect();
            let histories: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
            let targets: Vec<u32> = (0..20).map(|_| rng.below(50)).collect();
            let [a, b, _] = [&mut dense, &mut table, &mut frozen].map(|network| network.step(&histories, &targets));
            assert!((a.loss - b.loss).abs() < 1e-4, "step {number}: {} and {}", a.loss, b.loss);
            assert_eq!((a.places, a.distinct, a.touched), (b.places, b.distinct, b.touched));
            assert!(a.touched <= a.distinct * DIM && a.touched > a.distinct * DIM / 2);
        }
        table.settle();
        let most = dense.weights().iter().zip(table.weights()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // Forty steps of at most 0.01 each.
        assert!(most < 2e-3, "{most}");
        assert_eq!(frozen.weights(), start);
        assert!(start.iter().zip(dense.weights()).any(|(a, b)| (a - b).abs() > 0.01));
        let query = Query { owner: 0, history: vec![1, 2, 3], targets: vec![4], event: 0 };
        let [mut a, mut b] = [vec![0.0; items], vec![0.0; items]];
        dense.score(std::slice::from_ref(&query), &mut a);
        table.score(std::slice::from_ref(&query), &mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-3), "{a:?} {b:?}");
    }
}
