//! Tables from item to item: what a recipe can blend with vectors.
//!
//! Scores of such a table are sums over the history, as those of vectors are, so a blend can still be
//! taken apart into the shares of each item of the history.

use super::item_knn::similarities;
use super::{Ease, ItemKnn, Memory, Sparse, Window, count};
use crate::error::Result;
use crate::eval::recommend::{Fold, Sequences};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Values kept for each item: the largest by magnitude.
const KEPT: usize = 256;

/// A table from item to item, by its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Partner {
    /// Next-item counts divided by `count^discount`; in sets without a window.
    NextItem {
        /// Places behind the item that count; all of a set, if absent.
        window: Option<usize>,
        /// Exponent of the popularity that the counts are divided by.
        discount: f32,
    },
    /// Cosine of items over owners.
    ItemKnn {
        /// Pulls similarities from few owners towards 0.
        shrink: f32,
        /// Similar items kept for each item; 0 means all.
        neighbors: usize,
    },
    /// Cosine of items over owners, where one counts more for the item it ended in (a booking).
    Goals {
        /// How much more, beside the 1 that it counts for every item.
        weight: f32,
    },
    /// EASE.
    Ease {
        /// Its regularisation.
        lambda: f32,
    },
}

/// Weights of goals that are tried: the rarer goals are beside clicks, the more each must weigh to be heard.
const GOAL_WEIGHTS: [f32; 2] = [2.0, 10.0];

impl Partner {
    /// What data with goals allows beside the tables of the baselines, none of which knows goals; nothing for other data.
    #[must_use]
    pub fn of_goals(train: &Sequences) -> Vec<Self> {
        let known = train.outcomes().is_some_and(|outcomes| outcomes.reached() > 0);
        GOAL_WEIGHTS.into_iter().filter(|_| known).map(|weight| Self::Goals { weight }).collect()
    }

    /// Computes the table from a training part; the 256 largest values of each item are kept.
    ///
    /// # Errors
    /// As [`Ease::fit`].
    pub fn fit(self, fold: &Fold, threads: usize) -> Result<Sparse> {
        let table = match self {
            Self::NextItem { window, discount } => {
                let mut table = count(fold, window.map_or(Window::Set, Window::Behind), threads);
                for (value, &column) in table.values.iter_mut().zip(&table.columns) {
                    *value *= (fold.counts[column as usize].max(1) as f32).powf(-discount);
                }
                table
            }
            Self::ItemKnn { shrink, neighbors } => {
                ItemKnn::fit(fold, shrink, neighbors, Memory::ALL, threads).similar().clone()
            }
            Self::Goals { weight } => similarities(fold, weight, 0.0, 0, threads),
            Self::Ease { lambda } => Ease::fit(fold, lambda, Memory::ALL, threads)?.table(KEPT, threads),
        };
        Ok(table.largest(KEPT))
    }
}

impl fmt::Display for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextItem { window: Some(window), discount } => {
                write!(f, "next-item counts (window {window}, discount {discount})")
            }
            Self::NextItem { window: None, discount } => write!(f, "counts of pairs (discount {discount})"),
            Self::ItemKnn { shrink, neighbors: 0 } => write!(f, "item-kNN (shrink {shrink})"),
            Self::ItemKnn { shrink, neighbors } => write!(f, "item-kNN (shrink {shrink}, {neighbors} neighbours)"),
            Self::Goals { weight } => write!(f, "item-kNN to goals × {weight}"),
            Self::Ease { lambda } => write!(f, "EASE (lambda {lambda})"),
        }
    }
}
