//! Recommenders on held-out events: split, rank the whole catalogue, measure, compare, judge.
//!
//! | file | job |
//! |---|---|
//! | `holdout` | which events are held out, in words (`last`, `time:0.1`, ...) |
//! | `split` | training parts, queries and targets by these rules |
//! | `ranking` | scores of a catalogue to ranks, on all cores |
//! | `metrics` | ranks to figures with intervals, by popularity and by history length |
//! | `verdict` | is the model better than a baseline, or a tie |
//!
//! Rules of all of them: the whole catalogue is ranked (no sampled metrics), the user's history is left
//! out, ties count against the model, validation chooses and test reports.

mod holdout;
mod metrics;
mod ranking;
mod split;
mod verdict;

pub use holdout::Holdout;
pub use metrics::{Group, LENGTHS, Measured, Metrics, mean_ndcg, ndcg_of_each};
pub use ranking::{Ranked, Scorer, rank};
pub use split::{Fold, Query, Sequences, Split};
pub use verdict::{Verdict, judge};
