//! `vecinity add`: vectors for items that nobody has seen yet.

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use vecinity::Error;
use vecinity::error::shown;
use vecinity::market::{Nearest, New, add_nearest};
use vecinity::metadata::Metadata;
use vecinity::model_dir::Model;

/// Give new items vectors: the mean of the nearest known items of their kind, or what the model learned of their fields.
///
/// A model that was trained with --item-features makes vectors of the fields of new items, and needs no --place.
///
/// Every id of --metadata that the model does not know is new. Its vectors are the mean of those of the three nearest known
/// items (--place) with the same values in --same and in the same range of --range (Grbovic & Cheng 2018). Where too few are
/// in the same range, the range does not count; where none is of the same kind and near, there is no vector.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity add stays.model --metadata listings.tsv --place x,y --same market,room_type --range price
  vecinity add stays.model --metadata listings.csv --place lat,lon --km --radius 16 --same type -o new.model")]
pub(crate) struct Add {
    /// The model folder.
    model: PathBuf,
    /// Fields of the known and the new items: CSV, TSV or JSON Lines.
    #[arg(long, value_name = "FILE")]
    metadata: PathBuf,
    /// The columns of the place.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    place: Vec<String>,
    /// The place is latitude and longitude in degrees: distances are kilometres.
    #[arg(long)]
    km: bool,
    /// Columns that must have the same value: type, market.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    same: Vec<String>,
    /// Columns of numbers that must be in the same range: price.
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    range: Vec<String>,
    /// Into how many ranges of equally many items such a column is cut.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    buckets: u16,
    /// The farthest that an item may lie away [default: any].
    #[arg(long, value_name = "X")]
    radius: Option<f64>,
    /// Of how many items the mean is taken.
    #[arg(short = 'k', long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    neighbors: u16,
    /// Where the larger model goes [default: in the place of the old one].
    #[arg(short, long, value_name = "MODEL")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a PathBuf,
    added: usize,
    left_out: usize,
    new: &'a [New],
}

impl Add {
    /// New items by their fields, of a model that was trained with these.
    fn of_fields(&self, model: &Model, output: Output) -> Result<()> {
        if model.tower.is_some() && !self.place.is_empty() {
            let expected = "nothing of the kind for a network: it makes vectors of the fields of --item-features";
            return Err(Error::setting("place", "given", expected).into());
        }
        let metadata = Metadata::parse(&self.metadata)?;
        let (items, left_out) = model.unseen(&metadata)?;
        let larger = model.with_items(&items)?;
        let path = self.output.as_ref().unwrap_or(&self.model);
        model.save_with(&larger.embeddings, path)?;
        let new: Vec<New> = items.iter().map(|item| New { id: item.id.clone(), of: Vec::new() }).collect();
        let answer = Answer { model: path, added: items.len(), left_out, new: &new };
        output.answer(&answer, |to| {
            let without =
                if left_out > 0 { format!(", {left_out} of which nothing is known left out") } else { String::new() };
            writeln!(to, "wrote   {}   {} items added{without}", path.display(), items.len())
        })
    }

    pub(crate) fn run(self, output: Output) -> Result<()> {
        let model = Model::open(&self.model)?;
        if model.tower.is_some() || (model.parts.is_some() && self.place.is_empty()) {
            return self.of_fields(&model, output);
        }
        if self.place.is_empty() {
            let expected =
                "the columns of the items' place, such as --place x,y; or a model trained with --item-features";
            return Err(Error::setting("place", "missing", expected).into());
        }
        let metadata = Metadata::parse(&self.metadata)?;
        metadata.matching(model.embeddings.vocab()).require(&self.metadata)?;
        let rules = Nearest {
            place: self.place,
            km: self.km,
            same: self.same,
            ranges: self.range,
            buckets: self.buckets.into(),
            radius: self.radius.unwrap_or(f64::INFINITY),
            neighbors: self.neighbors.into(),
        };
        let (larger, new) = add_nearest(&model.embeddings, &metadata, &rules)?;
        let path = self.output.unwrap_or_else(|| self.model.clone());
        model.save_with(&larger, &path)?;
        let added = larger.len() - model.embeddings.len();
        let answer = Answer { model: &path, added, left_out: new.len() - added, new: &new };
        output.answer(&answer, |to| {
            for New { id, of } in new.iter().take(5) {
                let names: Vec<String> = of.iter().map(|id| shown(id)).collect();
                let text =
                    if of.is_empty() { "no vector: nothing near is of its kind".into() } else { names.join(", ") };
                writeln!(to, "{:<16}{text}", shown(id))?;
            }
            writeln!(to, "wrote   {}   {added} items added, {} left out", path.display(), new.len() - added)
        })
    }
}
