//! The trained model as a recommender.

use super::Network;
use super::examples::Catalogue;
use super::network::Trace;
use crate::deep::{GROUP, LANES, Weighting, padded, unit_rows};
use crate::eval::recommend::{Query, Scorer};
use vecinity_kernel::matrix::View;
use vecinity_kernel::tile;

/// A trained network with its catalogue.
#[derive(Debug, Clone)]
pub struct Youtube {
    pub(super) network: Network,
    pub(super) catalogue: Catalogue,
    weighting: Weighting,
    /// Values in a vector without padding.
    pub(super) dim: usize,
    pub(super) hidden: Vec<usize>,
    /// Output rows, of length 1 if the network's vectors are; absent if they are the network's own.
    unit: Option<Vec<f32>>,
}

impl Youtube {
    pub(super) fn new(network: Network, catalogue: Catalogue, dim: usize, hidden: &[usize]) -> Self {
        let unit = (network.length > 0.0).then(|| {
            let rows = network.output_rows();
            let (mut unit, mut factors) = (vec![0.0; rows.len()], vec![0.0; network.items]);
            unit_rows(rows, network.width, 1.0, &mut unit, &mut factors);
            unit
        });
        let weighting = network.pools.weighting();
        Self { network, catalogue, weighting, dim, hidden: hidden.to_vec(), unit }
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
        self.unit.as_deref().unwrap_or_else(|| self.network.output_rows())
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
        self.network.forward(&self.weighting, numbers.iter().map(Vec::as_slice), users, None, trace);
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
