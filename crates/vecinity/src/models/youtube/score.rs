//! The trained model as a recommender.

use super::examples::Catalogue;
use super::network::Trace;
use super::{Config, Context, Network, Schema};
use crate::deep::{GROUP, LANES, Weighting, padded, unit_rows};
use crate::eval::recommend::{Query, Scorer};
use vecinity_kernel::matrix::View;
use vecinity_kernel::tile;

/// A trained network with its catalogue.
#[derive(Debug, Clone)]
pub struct Youtube {
    pub(super) network: Network,
    pub(super) schema: Schema,
    pub(super) catalogue: Catalogue,
    weighting: Weighting,
    /// What stands for a user of whom nothing is known but a history.
    unknown: Context,
    /// Values in a vector without padding.
    pub(super) dim: usize,
    pub(super) hidden: Vec<usize>,
    pub(super) words: usize,
    /// Vectors of the items, complete and of length 1 if they should be; absent if they are the network's own rows.
    vectors: Option<Vec<f32>>,
}

impl Youtube {
    pub(super) fn new(network: Network, schema: Schema, catalogue: Catalogue, dim: usize, config: &Config) -> Self {
        let completed = network.completed_rows();
        let unit = (network.length > 0.0).then(|| {
            let rows = completed.as_deref().unwrap_or(network.output_rows());
            let (mut unit, mut factors) = (vec![0.0; rows.len()], vec![0.0; network.items]);
            unit_rows(rows, network.width, 1.0, &mut unit, &mut factors);
            unit
        });
        let vectors = unit.or(completed);
        let weighting = network.pools.weighting();
        let (unknown, hidden) = (schema.unknown(), config.hidden.clone());
        Self { network, schema, catalogue, weighting, unknown, dim, hidden, words: config.words, vectors }
    }

    /// The items that have a vector, rows of [`Histories::items`](crate::histories::Histories::items), rising.
    #[must_use]
    pub fn items(&self) -> &[u32] {
        &self.catalogue.items
    }

    /// Values in a vector, padded with zeros to whole registers.
    #[must_use]
    pub fn width(&self) -> usize {
        self.network.width
    }

    /// Vectors of the items, shape `[items, width]`: the next item has the largest product with the user's vector,
    /// plus its bias.
    #[must_use]
    pub fn item_vectors(&self) -> &[f32] {
        self.vectors.as_deref().unwrap_or_else(|| self.network.output_rows())
    }

    /// Biases of the items.
    #[must_use]
    pub fn item_biases(&self) -> &[f32] {
        &self.network.bias.values
    }

    /// Vectors of users with these histories (oldest first, rows of all items), shape `[histories, width]`.
    #[must_use]
    pub fn user_vectors(&self, histories: &[&[u32]]) -> Vec<f32> {
        let (mut vectors, mut trace) = (Vec::with_capacity(histories.len() * self.width()), Trace::default());
        for group in histories.chunks(GROUP) {
            self.users(group, &mut trace);
            vectors.extend_from_slice(&trace.users[..group.len() * self.width()]);
        }
        vectors
    }

    /// The activations of a hidden layer (0: the first) for these histories, shape `[histories, width of that layer]`.
    ///
    /// # Panics
    /// If there is no such layer.
    #[must_use]
    pub fn activations(&self, layer: usize, histories: &[&[u32]]) -> Vec<f32> {
        let (width, mut values, mut trace) = (self.hidden[layer], Vec::new(), Trace::default());
        for group in histories.chunks(GROUP) {
            self.users(group, &mut trace);
            let rows = trace.hidden(layer).chunks_exact(padded(width)).take(group.len());
            values.extend(rows.flat_map(|row| &row[..width]));
        }
        values
    }

    fn users(&self, histories: &[&[u32]], trace: &mut Trace) {
        let places = self.network.pools.places();
        let numbers: Vec<Vec<u32>> = histories
            .iter()
            .map(|history| {
                let last = &history[history.len().saturating_sub(places)..];
                last.iter().map(|&item| self.catalogue.number(item)).collect()
            })
            .collect();
        let users = histories.len().next_multiple_of(LANES);
        let unknown = self.unknown.known();
        let askers = numbers.iter().map(|numbers| (numbers.as_slice(), unknown));
        self.network.forward(&self.weighting, askers, users, None, trace);
    }
}

impl Scorer for Youtube {
    fn score(&self, queries: &[Query], scores: &mut [f32]) {
        let (items, width) = (scores.len() / queries.len().max(1), self.width());
        scores.fill(f32::NEG_INFINITY);
        let mut trace = Trace::default();
        let (mut turned, mut products) = (Vec::new(), Vec::new());
        for (queries, scores) in queries.chunks(GROUP).zip(scores.chunks_mut(GROUP * items)) {
            let histories: Vec<&[u32]> = queries.iter().map(|query| query.history.as_slice()).collect();
            self.users(&histories, &mut trace);
            let users = trace.users.len() / width;
            turned.resize(trace.users.len(), 0.0);
            tile::transpose(&trace.users, users, width, &mut turned);
            products.resize(self.catalogue.len() * users, 0.0);
            let rows = View::new(self.item_vectors(), self.catalogue.len(), width);
            tile::multiply(rows, &turned, false, &mut products);
            let known = self.catalogue.items.iter().zip(self.item_biases()).zip(products.chunks_exact(users));
            for ((&item, bias), products) in known {
                for (user, product) in products.iter().enumerate().take(queries.len()) {
                    scores[user * items + item as usize] = product + bias;
                }
            }
        }
    }
}
