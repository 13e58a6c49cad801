//! From vectors to recommendations: the recipe by which a model is asked, chosen by validation.
//!
//! | file | job |
//! |---|---|
//! | `recipe` | which matrices, metric, how much history, popularity, which blend |
//! | `recommender` | a model with its recipe: scores, and the best items for many histories |
//! | `asked` | a history made ready: its items with weights, and what tables say about it |
//! | `moments` | how much scores differ over the items, which a blend has to know |
//! | `turned` | the items as they lie ready for single questions |
//! | `sums` | what the table of a blend says about a whole history |
//! | `reasons` | one history: exact reasons, more variety |
//! | `filter` | which items may be recommended |
//! | `answer` | recommendations with ids and fields, for people and programs |
//! | `batch` | many histories, block by block |
//! | `lists` | their lists as CSV, TSV, JSON Lines or Parquet |
//! | `attempt` | one setting tried: trained on a fold, and asked |
//! | `choose` | the recipe with the best NDCG@10 on validation |
//! | `figures` | what was measured: the chosen recipe, all of them by rank, the strongest baseline |
//! | `watch` | who looks on, and what a stopped run leaves behind |
//! | `snapshot` | a model as it was behind an epoch |
//! | `translation` | from histories to what a model is asked: its rows, and what else it reads |
//! | `learn` | the whole way: split, train, stop early, choose, measure, judge, train again on everything |
//!
//! How trained matrices are asked changes the result several times over, so it is not left to the user.
//! With a pooled history and dot products every score is a sum over the history: the reasons given for a
//! recommendation are arithmetic, not a story.
//!
//! May import: `ask`, `baselines`, `config`, `corpus`, `embeddings`, `eval`, `formats`, `graph`, `histories`, `index`, `metadata`,
//! `models`, `publish`, `train`, `vocab`, `error`.  Used by: `diff`, `model_dir`, `report`, `tune`, `cli`.

mod answer;
mod asked;
mod attempt;
mod batch;
mod choose;
mod figures;
pub mod filter;
mod indexed;
mod learn;
mod lists;
mod moments;
mod reasons;
mod recipe;
mod recommender;
mod snapshot;
mod sums;
mod translation;
mod turned;
mod watch;

pub use answer::{Answer, Because, Fields};
pub use attempt::{Attempt, attempt};
pub use batch::{Everybody, Summary, first_of_each};
pub use choose::{Choice, Trial, difference};
pub use filter::Filter;
pub use learn::{EpochReport, Evaluation, Learned, MetricsFile, Row, learn};
pub use lists::{Lists, Written};
pub use reasons::{Reason, Recommendation, Style};
pub use recipe::{Blend, Pair, Recipe};
pub use recommender::Recommender;
pub use watch::{Stage, Watch};

#[cfg(test)]
pub(crate) use figures::tests;
