//! What a new model may not fall below: the gate of a deployment.

use super::Difference;
use serde::Serialize;

/// Limits; those that are absent are not checked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// HR@10 and NDCG@10 may fall by at most this share of the old value, 0 to 1.
    pub max_metric_drop: Option<f64>,
    /// The least overlap of neighbours, 0 to 1.
    pub min_overlap: Option<f64>,
    /// The least alignment, 0 to 1.
    pub min_alignment: Option<f64>,
    /// Removed tokens may have had at most this share of the old occurrences, 0 to 1.
    pub max_removed: Option<f64>,
}

/// A limit, and whether it was kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gate {
    /// What is limited.
    pub name: &'static str,
    /// Its value; absent if it could not be measured, which keeps no limit.
    pub value: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Whether it was kept.
    pub passed: bool,
}

impl Difference {
    /// Checks the limits that are given.
    #[must_use]
    pub fn check(&self, limits: &Limits) -> Vec<Gate> {
        let mut gates = Vec::new();
        let least = |name, value: Option<f64>, limit: f64| Gate {
            name,
            value,
            limit,
            passed: value.is_some_and(|value| value >= limit),
        };
        let most = |name, value: Option<f64>, limit: f64| Gate {
            name,
            value,
            limit,
            passed: value.is_some_and(|value| value <= limit),
        };
        if let Some(limit) = limits.max_metric_drop {
            for (name, figure) in [("drop of hr@10", "hr@10"), ("drop of ndcg@10", "ndcg@10")] {
                let change = self.metrics.iter().find(|change| change.name == figure);
                let drop = change.filter(|_| self.incomparable.is_none()).map(|change| (-change.change).max(0.0));
                gates.push(most(name, drop, limit));
            }
        }
        if let Some(limit) = limits.min_overlap {
            gates.push(least("overlap", self.overlap.as_ref().map(|overlap| overlap.mean), limit));
        }
        if let Some(limit) = limits.min_alignment {
            gates.push(least("alignment", self.alignment.map(|alignment| alignment.cosine), limit));
        }
        if let Some(limit) = limits.max_removed {
            gates.push(most("removed", Some(self.vocabulary.removed_share), limit));
        }
        gates
    }
}
