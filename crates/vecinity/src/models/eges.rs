//! Side information: what is known of an item is a part of its vector, so that an item nobody has seen has one, too.
//!
//! Wang et al., KDD 2018 (arXiv:1803.02349), sections 3.3 and 3.4. Item `v` has a vector of its own, `W_v^0`, and one for the
//! value of each of its fields `s`, which it shares with all items of that value. Skip-gram, with whatever is added to it, gets
//!
//! ```text
//! H_v = sum_s a_v^s W_v^s        a_v^s = exp(b_v^s) / sum_j exp(b_v^j)      (EGES; GES: all a the same)
//! ```
//!
//! in the place of input rows. For a change `D` of `H_v` that the loss asks for, its parts get
//! `W_v^s += a_v^s D / sum_j (a_v^j)^2` and `b_v^s += a_v^s (W_v^s - H_v) . D`. The paper has the first without the divisor; with it
//! `H_v` moves by `D`, as far as a row of its own would: otherwise six equal parts learn at a sixth of the rate.
//!
//! Logits are pulled back to equal shares, `b_v^s -= 3 rate b_v^s` a sequence, as by a normal prior on them. Without it, the part
//! that the most items share runs away with the sum: it moves at every click, so it is the longest along `D`, so its share
//! grows, so it moves further; and an item that nobody has seen, which has nothing but that, is like all others.
//!
//! The vectors of a sequence are put together before it is learned from and taken apart behind it, so that the models learn
//! as they are. Parts that are not known are left out of the sum. One item in ten goes without its own vector: then the
//! others have to say on their own what it is, as they must for a new item (Volkovs et al. 2017, DropoutNet).

use super::word2vec::Weights;
use super::youtube::Schema;
use super::{Apart, Fitted};
use crate::corpus::Corpus;
use crate::embeddings::Matrix;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::train::{Model, Step, Trained};
use vecinity_kernel::vector::dot;
use vecinity_kernel::{SharedRows, Table};

/// Tokens that are put together at a time; longer sequences are cut.
const PIECE: usize = 256;
/// How strongly logits are pulled back to equal shares. Chosen on marketplaces other than those of docs/stays.md: from 3 on, new
/// items lie about as well as with equal shares (.02 to .03 of ten nearest below, within the error); with 1 worse, with 0 nowhere.
const PULL: f32 = 3.0;
/// One item in so many goes without its own vector in a sequence.
const WITHOUT: u32 = 10;

/// What trained parts say of items, known or not.
#[derive(Debug, Clone)]
pub struct Parts {
    schema: Schema,
    /// A vector of each value, shape `[schema.item_rows(), dim]`.
    table: Matrix,
    /// What the fields count beside each other, shape `[1, fields]`: the mean over the items of training.
    weights: Matrix,
}

impl Parts {
    /// Parts as they were stored.
    ///
    /// # Errors
    /// [`Error::Data`] if they do not fit each other.
    pub fn new(schema: Schema, table: Matrix, weights: Matrix) -> Result<Self> {
        let fields = schema.item_names().count();
        if table.rows() != schema.item_rows() || (weights.rows(), weights.dim()) != (1, fields) {
            let what = format!("{} parts and {} weights for {fields} fields", table.rows(), weights.dim());
            return Err(Error::data(what, "the model is damaged: train it again"));
        }
        Ok(Self { schema, table, weights })
    }

    /// Which fields there are, with their values.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// A vector of each value, shape `[values, dim]`.
    #[must_use]
    pub fn table(&self) -> &Matrix {
        &self.table
    }

    /// The logits of the fields' weights, shape `[1, fields]`.
    #[must_use]
    pub fn weights(&self) -> &Matrix {
        &self.weights
    }

    /// The share that each field has in the vector of an item of which all fields are known, adding to 1.
    pub fn shares(&self) -> impl Iterator<Item = (&str, f32)> {
        let mut shares = self.weights.row(0).to_vec();
        softmax(&mut shares);
        self.schema.item_names().zip(shares)
    }

    /// The input vector of a new item, shape `[dim]`; nothing if no field of it is known.
    ///
    /// * `value`: the text of a field.
    #[must_use]
    pub fn new_item<'a>(&self, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<Vec<f32>> {
        let known = self.schema.item_by_field(value);
        let mut shares: Vec<f32> = known.iter().map(|&(field, _)| self.weights.row(0)[field]).collect();
        softmax(&mut shares);
        let mut vector = vec![0.0; self.table.dim()];
        for ((_, parts), share) in known.iter().zip(&shares) {
            for &(row, weight) in parts {
                let row = self.table.row(row as usize);
                vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += share * weight * value);
            }
        }
        (!known.is_empty()).then_some(vector)
    }
}

/// Shares from logits, in place.
fn softmax(logits: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
    let sum: f32 = logits.iter().sum();
    logits.iter_mut().for_each(|share| *share /= sum);
}

/// A model over items that are made of parts.
///
/// The input table holds the items' own vectors, then those of the values; the one further table the logits `b`, a row an item:
/// of its own vector, then of each field.
#[derive(Debug)]
pub struct Eges<M> {
    plain: M,
    schema: Schema,
    learned: bool,
    /// Fields of all items that are known, one item behind the other: the field, and where its parts end.
    known: Vec<(u32, usize)>,
    /// Rows of the values behind the items', with weights that add to 1 for each field.
    parts: Vec<(u32, f32)>,
    /// Where the known fields of each item end.
    ends: Vec<usize>,
}

impl<M> Eges<M> {
    /// Puts what is known of the items of a corpus under a model.
    pub fn new(plain: M, schema: Schema, weights: Weights, corpus: &Corpus) -> Self {
        let items = corpus.side().map_or(&[][..], |side| &side.items);
        let tokens = corpus.vocab().len();
        let (mut known, mut parts, mut ends) = (Vec::new(), Vec::new(), Vec::with_capacity(tokens));
        for row in 0..tokens {
            let value = |name: &str| items.iter().find(|column| column.name == name)?.text(row);
            for (field, of) in schema.item_by_field(&value) {
                parts.extend(of.into_iter().map(|(part, weight)| (tokens as u32 + part, weight)));
                known.push((field as u32, parts.len()));
            }
            ends.push(known.len());
        }
        Self { plain, schema, learned: weights == Weights::Learned, known, parts, ends }
    }

    /// The known fields of an item with their parts.
    fn of(&self, item: usize) -> impl Iterator<Item = (usize, &[(u32, f32)])> {
        let first = if item == 0 { 0 } else { self.ends[item - 1] };
        (first..self.ends[item]).map(|at| {
            let start = if at == 0 { 0 } else { self.known[at - 1].1 };
            let (field, end) = self.known[at];
            (field as usize, &self.parts[start..end])
        })
    }

    fn fields(&self) -> usize {
        self.schema.item_names().count()
    }

    /// The shares of an item's parts: of its own vector (0 if `without`), then of each known field.
    fn shares(&self, item: usize, without: bool, logits: &SharedRows, row: &mut Vec<f32>, shares: &mut Vec<f32>) {
        row.resize(logits.dim(), 0.0);
        if self.learned {
            logits.read_into(item, row);
        }
        shares.clear();
        let alone = self.of(item).next().is_none();
        shares.push(if without && !alone { f32::NEG_INFINITY } else { row[0] });
        shares.extend(self.of(item).map(|(field, _)| row[field + 1]));
        softmax(shares);
    }

    /// Adds up an item's vector.
    fn complete(&self, item: usize, shares: &[f32], input: Table<'_>, to: &mut [f32]) {
        to.fill(0.0);
        if shares[0] > 0.0 {
            input.add_from(item, shares[0], to);
        }
        for ((_, parts), share) in self.of(item).zip(&shares[1..]) {
            parts.iter().for_each(|&(row, weight)| input.add_from(row as usize, share * weight, to));
        }
    }

    /// The vectors of all items, shape `[tokens, dim]`.
    ///
    /// # Errors
    /// [`Error::Io`] if memory does not suffice.
    pub fn completed(&self, input: &SharedRows, more: &[SharedRows]) -> Result<SharedRows> {
        let tokens = self.ends.len();
        let mut made = SharedRows::zeroed(tokens, input.dim()).map_err(Error::io("memory", "allocate"))?;
        let (mut row, mut shares) = (Vec::new(), Vec::new());
        for item in 0..tokens {
            self.shares(item, false, &more[0], &mut row, &mut shares);
            self.complete(item, &shares, input.into(), made.row_mut(item));
        }
        Ok(made)
    }

    /// The trained model: the vectors of all items, and the parts that make those of new ones.
    ///
    /// # Errors
    /// [`Error::Io`] if memory does not suffice.
    pub fn finish(self, trained: Trained) -> Result<Fitted> {
        let Trained { input, more, .. } = &trained;
        let made = self.completed(input, more)?;
        let (tokens, dim, fields) = (self.ends.len(), input.dim(), self.fields());
        let (mut sums, mut counts) = (vec![0.0f32; fields], vec![0usize; fields]);
        let mut logits = vec![0.0; fields + 1];
        for item in 0..tokens {
            more[0].read_into(item, &mut logits);
            for (field, _) in self.of(item) {
                sums[field] += logits[field + 1];
                counts[field] += 1;
            }
        }
        let weights = sums.iter().zip(&counts).map(|(sum, &count)| sum / count.max(1) as f32).collect();
        let mut table = vec![0.0; self.schema.item_rows() * dim];
        table.chunks_exact_mut(dim).enumerate().for_each(|(part, row)| input.read_into(tokens + part, row));
        let table = Matrix::new(self.schema.item_rows(), dim, table);
        let parts = Parts::new(self.schema, table, Matrix::new(1, fields, weights))?;
        let trained = Trained { input: made, more: Vec::new(), ..trained };
        Ok(Fitted { trained, tower: None, parts: Some(parts) })
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch<S> {
    plain: S,
    /// The vectors of a sequence's items, as they are learned, and before.
    made: Option<SharedRows>,
    before: Vec<f32>,
    /// The items of the sequence, each once, and the place of each of its tokens among them.
    items: Vec<u32>,
    places: Vec<u32>,
    /// The shares of all of them, one behind the other.
    shares: Vec<f32>,
    some: Vec<f32>,
    logits: Vec<f32>,
    change: Vec<f32>,
    part: Vec<f32>,
}

impl<M: Apart> Model for Eges<M> {
    type Scratch = Scratch<M::Scratch>;

    fn input_rows(&self, tokens: usize) -> usize {
        tokens + self.schema.item_rows()
    }

    fn more(&self) -> Vec<(usize, usize)> {
        vec![(self.ends.len(), self.fields() + 1)]
    }

    fn output_rows(&self, tokens: usize) -> usize {
        self.plain.output_rows(tokens)
    }

    fn outputs_are_tokens(&self) -> bool {
        self.plain.outputs_are_tokens()
    }

    fn train(&self, sequence: &[u32], step: &mut Step<'_>, scratch: &mut Self::Scratch) {
        for piece in sequence.chunks(PIECE) {
            if scratch.made.as_ref().is_none_or(|made| made.dim() != step.input.dim()) {
                // Without memory for some rows there was none for the tables.
                scratch.made = SharedRows::zeroed(PIECE, step.input.dim()).ok();
            }
            if let Some(mut made) = scratch.made.take() {
                self.put_together(piece, step, &mut made, scratch);
                self.learn(piece, step, &made, scratch);
                self.take_apart(step, &made, scratch);
                scratch.made = Some(made);
            }
        }
    }
}

impl<M: Apart> Eges<M> {
    /// The vectors of the items of a piece.
    fn put_together(
        &self,
        piece: &[u32],
        step: &mut Step<'_>,
        made: &mut SharedRows,
        scratch: &mut Scratch<M::Scratch>,
    ) {
        scratch.items.clear();
        scratch.items.extend_from_slice(piece);
        scratch.items.sort_unstable();
        scratch.items.dedup();
        scratch.places.clear();
        // Each token is among its items.
        scratch.places.extend(piece.iter().map(|item| scratch.items.binary_search(item).unwrap_or(0) as u32));
        scratch.shares.clear();
        scratch.before.clear();
        for (place, &item) in scratch.items.iter().enumerate() {
            let without = step.rng.below(WITHOUT) == 0;
            self.shares(item as usize, without, &step.more[0], &mut scratch.logits, &mut scratch.some);
            self.complete(item as usize, &scratch.some, step.input, made.row_mut(place));
            scratch.shares.extend_from_slice(&scratch.some);
            scratch.before.extend_from_slice(made.row_mut(place));
        }
    }

    /// The plain model over these vectors.
    fn learn(&self, piece: &[u32], step: &mut Step<'_>, made: &SharedRows, scratch: &mut Scratch<M::Scratch>) {
        let mut inner = Step {
            input: made.into(),
            output: step.output,
            more: &[],
            block: std::mem::take(&mut step.block),
            rng: std::mem::replace(&mut step.rng, Rng::new(0, 0)),
            rate: step.rate,
            loss: step.loss,
            goal: step.goal,
            refused: step.refused,
        };
        self.plain.train_apart(&scratch.places, piece, &mut inner, &mut scratch.plain);
        (step.block, step.rng, step.loss) = (inner.block, inner.rng, inner.loss);
    }

    /// Gives the parts what their items have learned.
    fn take_apart(&self, step: &Step<'_>, made: &SharedRows, scratch: &mut Scratch<M::Scratch>) {
        let dim = made.dim();
        let Scratch { items, shares, before, change, part, logits, some, .. } = scratch;
        let mut first = 0;
        for (place, &item) in items.iter().enumerate() {
            let item = item as usize;
            let count = self.of(item).count() + 1;
            let shares = &shares[first..first + count];
            first += count;
            let before = &before[place * dim..][..dim];
            change.resize(dim, 0.0);
            made.read_into(place, change);
            change.iter_mut().zip(before).for_each(|(change, before)| *change -= before);
            let divisor: f32 = shares.iter().map(|share| share * share).sum();
            logits.clear();
            logits.resize(self.fields() + 1, 0.0);
            // How far each part points where the vector goes, before anything has moved.
            let along = dot(before, change);
            part.resize(dim, 0.0);
            let own = [(item as u32, 1.0)];
            let all = std::iter::once((0, &own[..]))
                .chain(self.of(item).map(|(field, parts)| (field + 1, parts)))
                .zip(shares);
            for ((slot, parts), share) in all.filter(|(_, share)| **share > 0.0) {
                if self.learned {
                    part.fill(0.0);
                    parts.iter().for_each(|&(row, weight)| step.input.add_from(row as usize, weight, part));
                    logits[slot] = share * (dot(part, change) - along);
                }
                for &(row, weight) in parts {
                    step.input.add_to(row as usize, share * weight / divisor, change);
                }
            }
            if self.learned {
                some.resize(logits.len(), 0.0);
                step.more[0].read_into(item, some);
                let back = (PULL * step.rate).min(1.0);
                logits.iter_mut().zip(some.iter()).for_each(|(change, logit)| *change -= back * logit);
                Table::from(&step.more[0]).add_to(item, 1.0, logits);
            }
        }
    }
}

#[cfg(test)]
mod tests;
