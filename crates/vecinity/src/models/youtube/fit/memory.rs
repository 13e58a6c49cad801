//! What a training takes of memory, before it begins.

use super::super::features::A_NUMBER;
use super::super::{Config, LossKind};
use crate::deep::{GROUP, Parameter, ReadyCandidates, padded};
use crate::train::Settings;
use vecinity_kernel::split::Ready;

/// Bytes that training takes, at most: parameters with their moments, and the working memory of `threads`. Of categories and
/// words the tables are not counted: they are known when the data is.
#[must_use]
pub fn memory(config: &Config, settings: &Settings, items: usize, events: usize) -> u64 {
    let width = padded(settings.dim);
    let tables = if config.tied { 1 } else { 2 } * Parameter::bytes(items + 1, width) + Parameter::bytes(items, 1);
    let pools = config.pools + usize::from(config.mean) + usize::from(config.last);
    let beside = config.features.len() * width + usize::from(config.example_age) * padded(A_NUMBER);
    let (mut layers, mut before, mut activations) = (0, pools * width + beside, pools * width + beside);
    for &outputs in config.hidden.iter().chain([&settings.dim]) {
        layers += layer(before, padded(outputs));
        activations += padded(outputs);
        before = padded(outputs);
    }
    let asked = if config.attends() { config.pools * width } else { 0 };
    layers += layer(width, asked);
    let batch = config.batch;
    let candidates = match config.loss_for(items) {
        LossKind::Full => items,
        LossKind::Sampled | LossKind::Gbce => config.negatives,
        LossKind::InBatch => batch,
        LossKind::Mixed => batch + config.negatives,
    };
    let weighting = pools * config.history * (config.history + 1) / 2;
    let pooling = pools * config.history + 2 * (width + asked);
    let room = candidates * GROUP + GROUP * (activations * 2 + (config.history + 4) * width + pooling);
    let step = weighting + candidates * (2 * width + 1) + batch * (config.history * (width + 2) + 2 * width);
    let ready = ReadyCandidates::bytes(candidates, width);
    tables + layers + (4 * (settings.threads * room + step + 3 * events) + ready) as u64
}

/// Bytes of a layer: values, two moments, the transposed copy, the sum of the batch, and what is made ready for products.
fn layer(inputs: usize, outputs: usize) -> u64 {
    (inputs * outputs * 5 * 4 + Ready::bytes(outputs, inputs) + Ready::bytes(inputs, outputs)) as u64
}
