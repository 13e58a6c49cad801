//! What is known of the items themselves as a part of their output vectors.
//!
//! An item's vector is its own row and, for each feature, the mean of the rows of its values:
//! `o_i = own_i + sum_f mean_{v in f(i)} part_v`. So an item that training has never seen has a vector too: the sum without a row
//! of its own. One item in ten goes without its own row in each step: then the parts have to say on their own what it is, as they
//! must for a new one (Volkovs et al. 2017, DropoutNet).

use super::{Network, Schema};
use crate::deep::{Optimizer, Parameter};
use crate::histories::Side;
use crate::rng::Rng;
use vecinity_kernel::vector::axpy;

/// One item in so many goes without a row of its own in a step.
const WITHOUT: u32 = 10;

/// The parts of all items.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    /// Rows of the values, shape `[schema.item_rows(), width]`.
    pub(super) table: Parameter,
    /// Rows and weights of all items, one behind the other, and where those of each item end.
    rows: Vec<(u32, f32)>,
    ends: Vec<usize>,
    /// Which items go without their own row in this step.
    without: Vec<bool>,
}

impl Parts {
    /// Of no item.
    pub(super) fn of_table(table: Parameter) -> Self {
        Self { table, ..Self::default() }
    }

    /// Of a catalogue.
    ///
    /// * `items`: for each its row in `side.items`.
    pub(super) fn new(schema: &Schema, side: Option<&Side>, items: &[u32], table: Parameter) -> Self {
        let mut parts = Self::of_table(table);
        if schema.item_rows() == 0 {
            return parts;
        }
        let texts = side.map_or(&[][..], |side| &side.items);
        for &item in items {
            let value = |name: &str| texts.iter().find(|column| column.name == name)?.text(item as usize);
            parts.rows.extend(schema.item(&value));
            parts.ends.push(parts.rows.len());
        }
        parts.without = vec![false; items.len()];
        parts
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The parts without what the optimiser remembers.
    pub(super) fn frozen(&self) -> Self {
        let without = vec![false; self.ends.len()];
        Self { table: self.table.frozen(), rows: self.rows.clone(), ends: self.ends.clone(), without }
    }

    fn of(&self, item: usize) -> &[(u32, f32)] {
        let start = if item == 0 { 0 } else { self.ends[item - 1] };
        &self.rows[start..self.ends[item]]
    }

    /// Draws which items go without their own row.
    pub(super) fn redraw(&mut self, rng: &mut Rng) {
        self.without.iter_mut().for_each(|without| *without = rng.below(WITHOUT) == 0);
    }

    /// Whether an item has its own row in this step.
    pub(super) fn has_own(&self, item: u32) -> bool {
        self.without.get(item as usize).is_none_or(|without| !without)
    }

    /// An item's vector from its own row, in place.
    pub(super) fn complete(&self, item: u32, row: &mut [f32]) {
        if !self.has_own(item) {
            row.fill(0.0);
        }
        if !self.is_empty() {
            add(&self.table.values, self.of(item as usize), row);
        }
    }

    /// From the gradients of some items' vectors those of the parts (added); own rows that were left out get none.
    pub(super) fn backward<'a>(
        &self,
        of: impl Iterator<Item = (u32, &'a mut [f32])>,
        width: usize,
        d_table: &mut [f32],
    ) {
        for (item, d_row) in of {
            for &(part, weight) in self.of(item as usize) {
                axpy(weight, d_row, &mut d_table[part as usize * width..][..width]);
            }
            if !self.has_own(item) {
                d_row.fill(0.0);
            }
        }
    }

    pub(super) fn step(&mut self, optimizer: &Optimizer, gradient: &[f32], scale: f32) {
        if !self.is_empty() {
            optimizer.dense(&mut self.table, gradient, scale);
        }
    }
}

/// Adds weighted rows of a table of rows as wide as `to`.
pub(super) fn add(table: &[f32], rows: &[(u32, f32)], to: &mut [f32]) {
    let width = to.len();
    for &(row, weight) in rows {
        axpy(weight, &table[row as usize * width..][..width], to);
    }
}

impl Network {
    /// The vectors of all items, shape `[items, width]`, if they are not their own rows alone.
    pub(super) fn completed_rows(&self) -> Option<Vec<f32>> {
        (!self.parts.is_empty()).then(|| {
            let mut rows = self.output_rows().to_vec();
            for (item, row) in (0..).zip(rows.chunks_exact_mut(self.width)) {
                self.parts.complete(item, row);
            }
            rows
        })
    }
}
