//! From a history to a user vector: all that serving needs of the network.
//!
//! Items are rows of a matrix, and a user is a row beside them: what comes next has the largest product. A bias is one more
//! value of an item, against a 1 in the user's vector, so that any index of dot products serves both.

use super::network::{Inputs, Network, Trace};
use super::{Config, Context, Known, Schema, Youtube, parts};
use crate::deep::{Activation, Asks, GROUP, LANES, Linear, Parameter, Pools, Weighting, padded};
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use vecinity_kernel::SharedRows;
use vecinity_kernel::vector::norm;

/// The part of a trained network that makes user vectors.
#[derive(Debug, Clone)]
pub struct Tower {
    network: Network,
    schema: Schema,
    weighting: Weighting,
    /// What stands for a user of whom nothing is known but a history.
    unknown: Context,
    /// Words that are looked at, at most.
    words: usize,
    /// Rows of the parts of items, shape `[schema.item_rows(), dim]`.
    parts: Matrix,
    /// Values of a vector without padding and bias.
    dim: usize,
    hidden: Vec<usize>,
}

/// Whose vector is wanted.
pub trait Asker: Sync {
    /// The history: rows of the input table, oldest first.
    fn history(&self) -> &[u32];

    /// What else is known, as the tower's [`Schema`] reads it; `None`: nothing.
    fn known(&self) -> Option<Known<'_>> {
        None
    }

    /// How much each item of the history counts beside its place, positive, shape `[history().len()]`; `None`: all alike.
    /// Networks weigh by themselves and do not ask.
    fn weights(&self) -> Option<&[f32]> {
        None
    }
}

impl<H: AsRef<[u32]> + Sync + ?Sized> Asker for H {
    fn history(&self) -> &[u32] {
        self.as_ref()
    }
}

/// A history with what else is known.
#[derive(Debug, Clone, Copy)]
pub struct User<'a> {
    /// Rows of the input table, oldest first.
    pub history: &'a [u32],
    /// What else is known, if the model reads anything else.
    pub known: Option<Known<'a>>,
    /// How much each item counts: see [`Asker::weights`].
    pub weights: Option<&'a [f32]>,
}

impl Asker for User<'_> {
    fn history(&self) -> &[u32] {
        self.history
    }

    fn known(&self) -> Option<Known<'_>> {
        self.known
    }

    fn weights(&self) -> Option<&[f32]> {
        self.weights
    }
}

impl Youtube {
    /// The tower.
    #[must_use]
    pub fn tower(&self) -> Tower {
        let network = self.network.without_outputs();
        Tower {
            weighting: network.pools.weighting(),
            network,
            schema: self.schema.clone(),
            unknown: self.schema.unknown(),
            words: self.words,
            parts: squeezed(&self.network.parts.table, self.dim),
            dim: self.dim,
            hidden: self.hidden.clone(),
        }
    }

    /// The items as they are served: rows of the input and of the output table, shape `[items, tower().dim()]`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no memory.
    pub fn tables(&self) -> Result<(SharedRows, SharedRows)> {
        let (network, biased) = (&self.network, self.network.biased);
        let dim = self.dim + usize::from(biased);
        let table = |rows: &[f32], last: &dyn Fn(usize) -> f32| {
            let rows = rows.chunks_exact(network.width).take(network.items).enumerate();
            let values = rows.flat_map(|(row, values)| {
                values[..self.dim].iter().copied().chain(biased.then(|| last(row))).collect::<Vec<_>>()
            });
            Matrix::new(network.items, dim, values.collect()).to_table()
        };
        let biases = self.item_biases();
        Ok((table(&network.input.values, &|_| 0.0)?, table(self.item_vectors(), &|row| biases[row])?))
    }
}

impl Tower {
    /// Values of a user vector: those of the network, and a 1 if items have a bias.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim + usize::from(self.network.biased)
    }

    /// What it reads beside histories.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many of the newest words it looks at.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// How many of the newest items of a history it looks at.
    #[must_use]
    pub fn places(&self) -> usize {
        self.network.pools.places()
    }

    /// Writes the vectors of users, shape `[askers.len(), dim()]`.
    ///
    /// # Panics
    /// If a row does not exist, `to` has another shape, or what is known is of another [`Schema`].
    pub fn users<A: Asker>(&self, askers: &[A], to: &mut [f32]) {
        let (dim, width, places) = (self.dim(), self.network.width, self.places());
        let mut trace = Trace::default();
        for (askers, to) in askers.chunks(GROUP).zip(to.chunks_mut(GROUP * dim)) {
            let newest = askers.iter().map(|asker| {
                let history = asker.history();
                let known = asker.known().unwrap_or(self.unknown.known());
                (&history[history.len().saturating_sub(places)..], known)
            });
            let users = askers.len().next_multiple_of(LANES);
            self.network.forward(&self.weighting, newest, users, None, &mut trace);
            for (user, to) in trace.users.chunks_exact(width).zip(to.chunks_exact_mut(dim)) {
                to[..self.dim].copy_from_slice(&user[..self.dim]);
                to[self.dim..].fill(1.0);
            }
        }
    }

    /// Values of a vector without that of the bias.
    pub(super) fn width(&self) -> usize {
        self.dim
    }

    pub(super) fn activation(&self) -> Activation {
        self.network.activation
    }

    pub(super) fn residual(&self) -> bool {
        self.network.residual
    }

    /// The length of user vectors; 0: they are as they are.
    pub(super) fn length(&self) -> f32 {
        self.network.length
    }

    /// Rows of the items and one of zeros, shape `[items + 1, width()]`; and logits of all pools, those that are not learned
    /// included, shape `[pools, places()]`.
    pub(super) fn served(&self) -> (Vec<f32>, Vec<f32>) {
        let Network { input, pools, .. } = &self.network;
        let rows = without_padding(&input.values, self.dim);
        let mut logits = pools.logits().to_vec();
        let (mean, last) = pools.fixed_ones();
        if mean {
            logits.extend(vec![0.0; pools.places()]);
        }
        if last {
            logits.extend((0..pools.places()).map(|place| if place == 0 { 0.0 } else { -1e9 }));
        }
        (rows, logits)
    }

    /// With attention what the newest item asks, weights and biases, shapes `[width(), learned * width()]` and
    /// `[1, learned * width()]`, and what products with it are multiplied with.
    pub(super) fn asks(&self) -> Option<([Matrix; 2], f32)> {
        let Asks { queries, scale } = self.network.pools.asks()?;
        let asked = self.network.pools.learned() * self.dim;
        let matrix = |rows: usize, values: &[f32]| {
            let mut values = without_padding(values, self.dim);
            // Rows of padding lie behind the others.
            values.truncate(rows * asked);
            Matrix::new(rows, asked, values)
        };
        Some(([matrix(self.dim, &queries.weights.values), matrix(1, &queries.bias.values)], *scale))
    }

    /// Rows of categories and words without padding, shape `[schema().rows(), width()]`.
    pub(super) fn feature_rows(&self) -> Matrix {
        squeezed(&self.network.features, self.dim)
    }

    /// The vector of an item that training has not seen, from what is known of it, shape `[dim()]`; the bias, if there is one, is 0.
    /// `None` if nothing that the network knows is known of it.
    ///
    /// * `value`: the text of a field of the metadata.
    #[must_use]
    pub fn new_item<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<Vec<f32>> {
        let rows = self.schema.item(value);
        let mut vector = vec![0.0; self.dim];
        parts::add(self.parts.as_slice(), &rows, &mut vector);
        if self.length() > 0.0 {
            let length = norm(&vector).max(f32::MIN_POSITIVE);
            vector.iter_mut().for_each(|value| *value /= length);
        }
        vector.resize(self.dim(), 0.0);
        (!rows.is_empty()).then_some(vector)
    }

    /// Its parameters by name, without padding: `pools` [learned, places], with attention `asks.weight` [dim, learned * dim]
    /// and `asks.bias` [1, learned * dim], `features` [rows of categories and words, dim], `item_features` [rows of the parts
    /// of items, dim], and for each layer `layer0.weight` [inputs, outputs] and `layer0.bias` [1, outputs]. The first layer
    /// reads the pools one behind the other.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Matrix)> {
        let pools = &self.network.pools;
        let mut all = Vec::new();
        if !pools.logits().is_empty() {
            let rows = pools.logits().len() / pools.places();
            all.push(("pools".to_owned(), Matrix::new(rows, pools.places(), pools.logits().to_vec())));
        }
        let asks = ASKS.into_iter().zip(self.asks().into_iter().flat_map(|(asks, _)| asks));
        all.extend(asks.map(|(name, matrix)| (name.to_owned(), matrix)));
        if self.network.features.rows() > 0 {
            all.push(("features".to_owned(), self.feature_rows()));
        }
        if self.parts.rows() > 0 {
            all.push(("item_features".to_owned(), self.parts.clone()));
        }
        for (number, layer) in self.network.layers.iter().enumerate() {
            let shape = Shape::of(number, self.network.inputs, self.dim, &self.hidden);
            let weights = shape.squeezed(&layer.weights.values);
            let bias = layer.bias.values[..shape.outputs].to_vec();
            all.push((format!("layer{number}.weight"), Matrix::new(shape.inputs(), shape.outputs, weights)));
            all.push((format!("layer{number}.bias"), Matrix::new(1, shape.outputs, bias)));
        }
        all
    }

    /// The names of the parameters of a network with these settings, in the order of [`Tower::parameters`].
    #[must_use]
    pub fn names(config: &Config, schema: &Schema) -> Vec<String> {
        let pools = (config.pools > 0).then(|| "pools".to_owned());
        let asks = ASKS.into_iter().filter(|_| config.attends()).map(str::to_owned);
        let features = [("features", schema.rows()), ("item_features", schema.item_rows())];
        let features = features.into_iter().filter(|(_, rows)| *rows > 0).map(|(name, _)| name.to_owned());
        let layers = (0..=config.hidden.len()).flat_map(|n| [format!("layer{n}.weight"), format!("layer{n}.bias")]);
        pools.into_iter().chain(asks).chain(features).chain(layers).collect()
    }

    /// A tower from its parameters, as [`Tower::parameters`] names them, and the input table.
    ///
    /// # Errors
    /// What `parameter` returns, and [`Error::Data`] for a shape that does not fit the settings.
    pub fn new(
        config: &Config,
        schema: Schema,
        input: &Matrix,
        parameter: &dyn Fn(&str) -> Result<Matrix>,
    ) -> Result<Self> {
        config.check()?;
        let dim = input.dim().saturating_sub(usize::from(config.bias));
        let of_shape = |name: &str, rows: usize, columns: usize| {
            let matrix = parameter(name)?;
            if (matrix.rows(), matrix.dim()) == (rows, columns) {
                return Ok(matrix.as_slice().to_vec());
            }
            let what =
                format!("{name} has the shape [{}, {}], expected [{rows}, {columns}]", matrix.rows(), matrix.dim());
            Err(Error::data(what, "the model is damaged: train it again"))
        };
        if dim == 0 {
            return Err(Error::data("vectors without values", "the model is damaged: train it again"));
        }
        let logits = if config.pools > 0 { of_shape("pools", config.pools, config.history)? } else { Vec::new() };
        let asks = if config.attends() {
            let asked = config.pools * dim;
            let mut weights = with_padding(&of_shape(ASKS[0], dim, asked)?, dim);
            weights.resize(padded(dim) * config.pools * padded(dim), 0.0);
            let bias = with_padding(&of_shape(ASKS[1], 1, asked)?, dim);
            Some(Asks::new(Linear::fixed(weights, bias), dim))
        } else {
            None
        };
        let pools = Pools::fixed(logits, asks, config.mean, config.last, config.history);
        let inputs = Inputs::new(pools.len(), &schema, dim);
        let known = if schema.rows() > 0 { of_shape("features", schema.rows(), dim)? } else { Vec::new() };
        let rows = schema.item_rows();
        let parts = Matrix::new(rows, dim, if rows > 0 { of_shape("item_features", rows, dim)? } else { Vec::new() });
        let mut layers = Vec::new();
        for number in 0..=config.hidden.len() {
            let shape = Shape::of(number, inputs, dim, &config.hidden);
            let weights = of_shape(&format!("layer{number}.weight"), shape.inputs(), shape.outputs)?;
            let mut bias = of_shape(&format!("layer{number}.bias"), 1, shape.outputs)?;
            bias.resize(padded(shape.outputs), 0.0);
            layers.push(Linear::fixed(shape.spread(&weights), bias));
        }
        let width = padded(dim);
        // A row of zeros behind the last stands for an unknown item.
        let mut rows = vec![0.0; (input.rows() + 1) * width];
        for (to, row) in rows.chunks_exact_mut(width).zip(input.as_slice().chunks_exact(input.dim())) {
            to[..dim].copy_from_slice(&row[..dim]);
        }
        let network = Network::fixed(config, inputs, rows, with_padding(&known, dim), pools, layers);
        let (unknown, hidden) = (schema.unknown(), config.hidden.clone());
        Ok(Self {
            weighting: network.pools.weighting(),
            network,
            schema,
            unknown,
            words: config.words,
            parts,
            dim,
            hidden,
        })
    }
}

/// The names of the parameters of attention.
const ASKS: [&str; 2] = ["asks.weight", "asks.bias"];

/// Rows without padding.
fn squeezed(table: &Parameter, dim: usize) -> Matrix {
    Matrix::new(table.values.len() / padded(dim), dim, without_padding(&table.values, dim))
}

/// The first `dim` of every `padded(dim)` values.
fn without_padding(values: &[f32], dim: usize) -> Vec<f32> {
    values.chunks_exact(padded(dim)).flat_map(|row| &row[..dim]).copied().collect()
}

/// Zeros behind every `dim` values up to `padded(dim)`.
fn with_padding(values: &[f32], dim: usize) -> Vec<f32> {
    let mut all = vec![0.0; values.len() / dim * padded(dim)];
    for (to, row) in all.chunks_exact_mut(padded(dim)).zip(values.chunks_exact(dim)) {
        to[..dim].copy_from_slice(row);
    }
    all
}

/// How the rows of a layer's weights lie: in blocks, each padded.
struct Shape {
    /// Rows in use and with padding.
    blocks: Vec<(usize, usize)>,
    outputs: usize,
}

impl Shape {
    fn of(layer: usize, inputs: Inputs, dim: usize, hidden: &[usize]) -> Self {
        let outputs = hidden.get(layer).copied().unwrap_or(dim);
        let blocks = match layer.checked_sub(1) {
            None => inputs.blocks().collect(),
            Some(before) => vec![(hidden[before], padded(hidden[before]))],
        };
        Self { blocks, outputs }
    }

    fn inputs(&self) -> usize {
        self.blocks.iter().map(|(used, _)| used).sum()
    }

    /// The rows in use, with padding counted.
    fn rows(&self) -> impl Iterator<Item = usize> {
        let starts = self.blocks.iter().scan(0, |start, (used, padded)| {
            let at = *start;
            *start += padded;
            Some(at..at + used)
        });
        starts.flatten()
    }

    fn squeezed(&self, weights: &[f32]) -> Vec<f32> {
        let width = padded(self.outputs);
        self.rows().flat_map(|row| &weights[row * width..][..self.outputs]).copied().collect()
    }

    fn spread(&self, weights: &[f32]) -> Vec<f32> {
        let width = padded(self.outputs);
        let padded: usize = self.blocks.iter().map(|(_, padded)| padded).sum();
        let mut all = vec![0.0; padded * width];
        for (row, weights) in self.rows().zip(weights.chunks_exact(self.outputs)) {
            all[row * width..][..self.outputs].copy_from_slice(weights);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::fit::tests::trained;
    use super::*;

    fn configs() -> Vec<Config> {
        let one = Config { history: 5, hidden: vec![20], dropout: 0.0, ..Config::default() };
        vec![
            Config { mean: true, last: true, hidden: vec![20, 9], ..one.clone() },
            Config { mean: true, attention: false, ..one.clone() },
            Config { activation: Activation::Sigmoid, hidden: vec![20, 9], ..one.clone() },
            Config { bias: false, temperature: 0.5, tied: true, ..one.clone() },
            Config { pools: 0, mean: true, hidden: vec![], residual: false, ..one },
        ]
    }

    #[test]
    fn products_with_the_served_items_are_the_scores_of_the_network() {
        for config in configs() {
            let model = trained(&config, 12);
            let tower = model.tower();
            let (_, output) = model.tables().unwrap();
            let histories: [&[u32]; 3] = [&[1, 2, 3, 4, 5, 6, 7], &[9], &[8, 2]];
            let mut users = vec![0.0; 3 * tower.dim()];
            tower.users(&histories, &mut users);
            let wide = model.user_vectors(&histories);
            let mut item = vec![0.0; tower.dim()];
            for (user, wide) in users.chunks_exact(tower.dim()).zip(wide.chunks_exact(model.width())) {
                for (row, (vector, bias)) in
                    model.item_vectors().chunks_exact(model.width()).zip(model.item_biases()).enumerate()
                {
                    output.read_into(row, &mut item);
                    let served: f32 = user.iter().zip(&item).map(|(a, b)| a * b).sum();
                    let own: f32 = wide.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>() + bias;
                    assert!((served - own).abs() < 1e-4, "{served} {own}");
                }
            }
        }
    }

    #[test]
    fn a_tower_survives_its_parameters_and_users_do_not_depend_on_their_company() {
        for config in configs() {
            let model = trained(&config, 12);
            let (tower, (input, _)) = (model.tower(), model.tables().unwrap());
            let input = Matrix::copied(&input);
            let all = tower.parameters();
            assert_eq!(
                all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
                Tower::names(&config, tower.schema())
            );
            let find = |name: &str| Ok(all.iter().find(|(known, _)| known == name).unwrap().1.clone());
            let again = Tower::new(&config, Schema::default(), &input, &find).unwrap();
            let histories: Vec<Vec<u32>> =
                (0..300u32).map(|at| (0..at % 9).map(|i| (at + 3 * i) % 20).collect()).collect();
            let histories: Vec<&[u32]> = histories.iter().map(Vec::as_slice).collect();
            let (mut one, mut two) = (vec![0.0; 300 * tower.dim()], vec![0.0; 300 * tower.dim()]);
            tower.users(&histories, &mut one);
            again.users(&histories, &mut two);
            assert_eq!(one, two);
            let mut alone = vec![0.0; tower.dim()];
            for at in [0, 1, 127, 128, 299] {
                tower.users(&histories[at..=at], &mut alone);
                assert_eq!(alone, one[at * tower.dim()..][..tower.dim()], "{at}");
            }
            let wrong = |name: &str| find(name).map(|matrix| Matrix::new(1, 1, vec![matrix.as_slice()[0]]));
            let message = Tower::new(&config, Schema::default(), &input, &wrong).unwrap_err().to_string();
            assert!(message.contains("has the shape [1, 1], expected"), "{message}");
        }
    }
}
