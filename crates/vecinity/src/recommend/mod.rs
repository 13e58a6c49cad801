//! From vectors to recommendations: the recipe by which a model is asked, chosen by validation.
//!
//! | file | job |
//! |---|---|
//! | `recipe` | which matrices, metric, how much history, popularity, which blend |
//! | `recommender` | a model with its recipe: scores, lists, exact reasons |
//! | `choose` | the recipe with the best NDCG@10 on validation |
//! | `watch` | who looks on, and what a stopped run leaves behind |
//! | `snapshot` | tables as they were behind an epoch |
//! | `learn` | the whole way: split, train, stop early, choose, measure, judge, train again on everything |
//!
//! How trained matrices are asked changes the result several times over, so it is not left to the user.
//! With a pooled history and dot products every score is a sum over the history: the reasons given for a
//! recommendation are arithmetic, not a story.
//!
//! May import: `baselines`, `config`, `corpus`, `embeddings`, `eval`, `histories`, `index`, `models`, `train`,
//! `vocab`, `error`.  Used by: `model_dir`, `cli`.

mod choose;
mod learn;
mod recipe;
mod recommender;
mod snapshot;
mod watch;

pub use choose::{Choice, Trial, choose};
pub use learn::{EpochReport, Evaluation, Learned, MetricsFile, Row, learn};
pub use recipe::{Blend, Pair, Recipe};
pub use recommender::{Reason, Recommendation, Recommender};
pub use watch::{Stage, Watch};
