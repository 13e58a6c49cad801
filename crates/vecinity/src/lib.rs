//! Vecinity turns sequences or sets of anything (sentences, baskets, watch histories) into
//! embeddings, and embeddings into neighbours and answers.
//!
//! The way of the data, one room a step:
//!
//! | room | from | to |
//! |---|---|---|
//! | [`events`] | event logs | [`histories::Histories`] |
//! | [`histories`] | events | who did what, in order |
//! | [`corpus`] | files | a [`vocab::Vocab`] and a stream of token ids |
//! | [`deep`] | gradients | parts of networks and their optimisers |
//! | [`models`] | a configuration | what a model does with one sequence |
//! | [`train`] | corpus and model | [`embeddings::Embeddings`]: an input and an output matrix |
//! | [`model_dir`] | embeddings | a folder: checksummed, published whole or not at all |
//! | [`ask`] | embeddings and a question | neighbours, analogies, reasons |
//! | [`eval`] | embeddings and a test set | figures with intervals |
//! | [`baselines`] | the same test set | what a model has to beat |
//! | [`recommend`] | histories | a measured recommender: the recipe, the figures, the verdict |
//! | [`market`] | click sessions and listings | what a marketplace needs |
//! | [`cluster`] | vectors | groups of near ones |
//! | [`map`] | vectors | a picture of them |
//! | [`diff`] | two models | what changed, and whether it may be deployed |
//! | [`report`] | a model and its figures | `report.html` |
//! | [`tune`] | histories and a time | settings that suit them |
//! | [`lab`] | a question and histories | the answer by measurement |
//! | [`formats`] | foreign files | embeddings, and back |
//! | [`run`] | data and wishes | the whole way to a model folder |
//!
//! Five short programs in `examples/` go this way: `words`, `baskets`, `recommend`, `import`, `own_model`.
//! `ARCHITECTURE.md` walks through them; `tests/architecture.rs` checks who may know whom.
#![forbid(unsafe_code)]

pub mod ask;
pub mod baselines;
pub mod checksum;
pub mod cluster;
pub mod config;
pub mod corpus;
pub mod deep;
pub mod diff;
pub mod embeddings;
pub mod error;
pub mod eval;
pub mod events;
pub mod formats;
pub mod graph;
pub mod histories;
pub mod id;
pub mod index;
pub mod lab;
pub mod map;
pub mod market;
pub mod metadata;
pub mod model_dir;
pub mod models;
pub mod publish;
pub mod recommend;
pub mod report;
pub mod rng;
pub mod run;
pub mod stop;
pub mod tensors;
pub mod train;
pub mod tune;
pub mod vocab;

pub use embeddings::{Embeddings, Matrix};
pub use error::{Error, Place, Result};
pub use id::TokenId;
pub use vocab::Vocab;
