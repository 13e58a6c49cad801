//! A model with items added after training, for servers: what was trained stays as it is.

use super::Model;
use crate::baselines::Sparse;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result};
use crate::index::{Exact, Metric};
use crate::metadata::Metadata;
use crate::models::eges::Parts;
use crate::models::{ModelConfig, Tower};
use crate::vocab::Vocab;
use vecinity_kernel::vector::axpy;

/// Of how many known items the output vector of a new one is the mean.
const NEAREST: usize = 10;

/// An item that is added to a model, or takes the place of one that was.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// Its id, new to the model.
    pub id: String,
    /// Its row of the input matrix, shape `[dim]`.
    pub input: Vec<f32>,
    /// Its row of the output matrix, shape `[dim]`; unused if the model has none.
    pub output: Vec<f32>,
    /// Its fields, such as the title.
    pub fields: Vec<(String, String)>,
}

impl Model {
    /// The model with items behind its own, which have never occurred (count 0). Tables of counts say nothing about them.
    ///
    /// # Errors
    /// [`Error::Setting`] if a vector does not have `dim` finite values; [`Error::Data`] if the model has the id.
    pub fn with_items(&self, items: &[Added]) -> Result<Self> {
        let old = &self.embeddings;
        let mut vocab = old.vocab().clone();
        for item in items {
            check("vector", &item.input, old.dim())?;
            if old.output().is_some() {
                check("output", &item.output, old.dim())?;
            }
            vocab.push(&item.id, 0)?;
        }
        let longer = |matrix: &Matrix, row: &dyn Fn(&Added) -> &[f32]| {
            let mut values = Vec::with_capacity(vocab.len() * matrix.dim());
            values.extend_from_slice(matrix.as_slice());
            items.iter().for_each(|item| values.extend_from_slice(row(item)));
            Matrix::new(vocab.len(), matrix.dim(), values)
        };
        let input = longer(old.input(), &|item| &item.input);
        let output = old.output().map(|output| longer(output, &|item| &item.output));
        let metadata = match old.metadata() {
            None if items.iter().all(|item| item.fields.is_empty()) => None,
            metadata => {
                let rows: Vec<_> = items.iter().map(|item| (item.id.as_str(), item.fields.as_slice())).collect();
                Some(metadata.cloned().unwrap_or_default().extended(old.vocab(), &rows)?)
            }
        };
        let tower = self.tower.as_ref().map(|tower| with_input(tower, self.network()?, &input)).transpose()?;
        let blended = self.blended.iter().map(|table| longer_table(table, &vocab)).collect();
        Ok(Self {
            path: self.path.clone(),
            manifest: self.manifest.clone(),
            config: self.config.clone(),
            embeddings: Embeddings::new(vocab, input, output)?.with_metadata(metadata),
            recipe: self.recipe.clone(),
            tower,
            parts: self.parts.clone(),
            types: self.types.clone(),
            blended,
            metrics: self.metrics.clone(),
            // Of the first rows; those behind them are looked at, all of them.
            indexes: self.indexes.clone(),
        })
    }

    /// The items of a file that the model does not know, with vectors of what is known of them, and how many of them have none:
    /// for models that were trained with `item_features`. The bias of a new item of a network is the mean of the rarest tenth; the
    /// output vector of one without a network is the mean of those of the ten items whose input vectors are nearest.
    ///
    /// # Errors
    /// [`Error::Data`] if the model is no such model.
    pub fn unseen(&self, metadata: &Metadata) -> Result<(Vec<Added>, usize)> {
        let maker = self.maker()?;
        let new = metadata.ids().filter(|id| self.embeddings.vocab().get(id).is_none());
        let (mut added, mut all) = (Vec::new(), 0);
        for id in new {
            all += 1;
            let fields =
                metadata.columns().iter().filter_map(|name| Some((name.clone(), metadata.field(id, name)?.to_owned())));
            added.extend(maker.item(id, fields.collect()));
        }
        let without = all - added.len();
        Ok((added, without))
    }

    /// An item with a vector of what is known of it, as [`Model::unseen`] makes them; `None` if the model knows nothing of that.
    ///
    /// # Errors
    /// [`Error::Data`] if the model was not trained with `item_features`.
    pub fn item_of_fields(&self, id: &str, fields: Vec<(String, String)>) -> Result<Option<Added>> {
        Ok(self.maker()?.item(id, fields))
    }

    fn maker(&self) -> Result<Maker<'_>> {
        if let Some(parts) = &self.parts {
            let input = self.embeddings.input();
            let nearest = Exact::new(input.as_slice(), input.dim(), Metric::Cosine);
            return Ok(Maker::Parts { parts, nearest, output: self.embeddings.output() });
        }
        let advice = "train with --item-features, or name the place of the items: --place";
        let no = |what: &str| Error::data(what, advice);
        let tower = self.tower.as_ref().filter(|tower| tower.schema().item_names().next().is_some());
        let tower = tower.ok_or_else(|| no("the model does not make vectors of what is known of items"))?;
        let output = self.embeddings.require_output()?;
        let biased = tower.dim() > tower.parameters().last().map_or(0, |(_, bias)| bias.dim());
        let bias = biased.then(|| {
            let rarest = output.rows().div_ceil(10).max(1);
            let biases =
                (output.rows().saturating_sub(rarest)..output.rows()).map(|row| output.row(row)[output.dim() - 1]);
            biases.sum::<f32>() / rarest as f32
        });
        Ok(Maker::Network { tower, dim: output.dim(), bias })
    }

    fn network(&self) -> Result<&crate::models::youtube::Config> {
        match self.config.as_ref().map(|config| &config.model) {
            Some(ModelConfig::Youtube(config)) => Ok(config),
            _ => Err(Error::data("a network without its settings", "the model is incomplete: train it again")),
        }
    }
}

/// What makes vectors of fields.
enum Maker<'a> {
    Network {
        tower: &'a Tower,
        dim: usize,
        /// That of a new item, if items have one.
        bias: Option<f32>,
    },
    Parts {
        parts: &'a Parts,
        /// Over the input matrix.
        nearest: Exact<'a>,
        output: Option<&'a Matrix>,
    },
}

impl Maker<'_> {
    fn item(&self, id: &str, fields: Vec<(String, String)>) -> Option<Added> {
        let value = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        let (input, output) = match self {
            Self::Network { tower, dim, bias } => {
                let mut output = tower.new_item(&value)?;
                if let (Some(last), Some(bias)) = (output.last_mut(), bias) {
                    *last = *bias;
                }
                (vec![0.0; *dim], output)
            }
            Self::Parts { parts, nearest, output } => {
                let input = parts.new_item(&value)?;
                let mut mean = vec![0.0; input.len()];
                if let Some(output) = output {
                    let hits = nearest.nearest(&input, NEAREST, &[]);
                    let share = 1.0 / hits.len().max(1) as f32;
                    hits.iter().for_each(|hit| axpy(share, output.row(hit.id.row()), &mut mean));
                }
                (input, mean)
            }
        };
        Some(Added { id: id.to_owned(), input, output, fields })
    }
}

fn check(name: &'static str, vector: &[f32], dim: usize) -> Result<()> {
    if vector.len() != dim {
        return Err(Error::setting(name, format!("{} values long", vector.len()), format!("{dim} values")));
    }
    match vector.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::setting(name, value, "finite values")),
        None => Ok(()),
    }
}

/// The same network over a longer table of items.
fn with_input(tower: &Tower, config: &crate::models::youtube::Config, input: &Matrix) -> Result<Tower> {
    let parameters = tower.parameters();
    Tower::new(config, tower.schema().clone(), input, &|name| {
        let found = parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, matrix)| matrix.clone()).ok_or_else(|| Error::data(format!("no {name}"), "train it again"))
    })
}

/// A table with rows of nothing behind its own.
fn longer_table(table: &Sparse, vocab: &Vocab) -> Sparse {
    let mut table = table.clone();
    let end = table.ends.last().copied().unwrap_or(0);
    table.ends.resize(vocab.len(), end);
    table
}
