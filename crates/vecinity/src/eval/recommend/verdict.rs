//! Is the model better than a baseline? A difference under two standard errors is a tie.

use super::metrics::Measured;
use serde::Serialize;
use std::fmt;

/// What to think of a model.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Better than every baseline, by more than chance.
    Ship {
        /// The strongest baseline.
        against: String,
        /// NDCG@10 of the model and of the baseline.
        ndcg: [f64; 2],
    },
    /// As good as the strongest baseline: the difference is within two standard errors.
    Tie {
        /// The strongest baseline.
        against: String,
        /// NDCG@10 of the model and of the baseline.
        ndcg: [f64; 2],
    },
    /// Worse than a baseline, by more than chance.
    DoNotShip {
        /// The strongest baseline.
        against: String,
        /// NDCG@10 of the model and of the baseline.
        ndcg: [f64; 2],
    },
    /// There was no baseline to compare with.
    Alone,
}

/// Compares a model with the strongest of its baselines by NDCG@10, query by query.
#[must_use]
pub fn judge(model: &Measured, baselines: &[(String, Measured)]) -> Verdict {
    let strongest = baselines.iter().max_by(|a, b| a.1.metrics.ndcg[0].total_cmp(&b.1.metrics.ndcg[0]));
    let Some((name, baseline)) = strongest else { return Verdict::Alone };
    let differences: Vec<f64> = model.ndcg().iter().zip(baseline.ndcg()).map(|(a, b)| a - b).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let error = (variance / n).sqrt();
    let ndcg = [model.metrics.ndcg[0], baseline.metrics.ndcg[0]];
    let against = name.clone();
    if mean > 2.0 * error {
        Verdict::Ship { against, ndcg }
    } else if mean < -2.0 * error {
        Verdict::DoNotShip { against, ndcg }
    } else {
        Verdict::Tie { against, ndcg }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ship { against, ndcg: [_, 0.0] } => {
                write!(f, "better than {against}, which finds nothing. Worth serving.")
            }
            Self::Ship { against, ndcg: [model, baseline] } if model / baseline < 2.0 => {
                write!(f, "{:.0} % better than {against}. Worth serving.", (model / baseline - 1.0) * 100.0)
            }
            Self::Ship { against, ndcg: [model, baseline] } => {
                write!(f, "{:.1} x as good as {against}. Worth serving.", model / baseline)
            }
            Self::Tie { against, ndcg: [model, baseline] } => write!(
                f,
                "a tie with {against} ({model:.3} against {baseline:.3}): the simpler one will do, unless you need vectors."
            ),
            Self::DoNotShip { against, ndcg: [model, baseline] } => {
                write!(f, "does not beat {against} ({model:.3} against {baseline:.3}): do not ship.")
            }
            Self::Alone => f.write_str("no baseline to compare with."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranking::Ranked;
    use super::super::split::Fold;
    use super::*;

    fn measured(ranks: &[u32]) -> Measured {
        let ranked =
            Ranked { ranks: ranks.iter().map(|&rank| vec![rank]).collect(), lists: vec![Vec::new(); ranks.len()] };
        let queries = vec![super::super::Query { owner: 0, history: vec![0], targets: vec![0], event: 0 }; ranks.len()];
        Measured::new(&ranked, &Fold { queries, counts: vec![1], ..Fold::default() })
    }

    fn verdict(model: &[u32], baseline: &[u32]) -> String {
        judge(&measured(model), &[("counting".into(), measured(baseline))]).to_string()
    }

    #[test]
    fn every_outcome_has_its_words() {
        let (good, bad) = ([1; 50], [3; 50]);
        assert_eq!(verdict(&good, &bad), "2.0 x as good as counting. Worth serving.");
        assert_eq!(verdict(&[2; 50], &[3; 50]), "26 % better than counting. Worth serving.");
        assert_eq!(verdict(&bad, &good), "does not beat counting (0.500 against 1.000): do not ship.");
        let mixed: Vec<u32> = (0..50).map(|i| if i % 2 == 0 { 1 } else { 3 }).collect();
        let other: Vec<u32> = (0..50).map(|i| if i % 2 == 0 { 3 } else { 1 }).collect();
        assert!(verdict(&mixed, &other).starts_with("a tie with counting (0.750 against 0.750)"));
        assert_eq!(judge(&measured(&good), &[]).to_string(), "no baseline to compare with.");
    }
}
