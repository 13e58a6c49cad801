//! YouTube's candidate generation: a network whose softmax columns are items and whose last layer is the user.
//!
//! Covington, Adams, Sargin 2016 (RecSys). `P(next = i | history) = exp(u . o_i + b_i) / sum_j exp(u . o_j + b_j)`,
//! where `u` is made from the history by a tower of ReLU layers and `o_i`, `b_i` are the output row and bias of an
//! item. So serving needs the network once a user, and then the nearest rows.
//!
//! | file | job |
//! |---|---|
//! | `config` | settings of the network, checked |
//! | `corpus` | training on the sequences of a corpus, as every model does |
//! | `examples` | the next event from the past only; histories in the catalogue's numbers |
//! | `network` | the parameters, and the way from a history to a user vector and back |
//! | `losses` | which items a step is compared with, and the loss of a group |
//! | `features` | what is known beside the history, as rows of a table and numbers |
//! | `fit` | epochs of steps, progress, stopping and going on |
//! | `onnx` | the tower as a file for ONNX Runtime |
//! | `parts` | what is known of the items, as parts of their vectors |
//! | `score` | the trained model as a recommender |
//! | `tower` | from a history to a user vector, which is what serving needs of it |
//!
//! The paper takes the mean of the history. **Position-weighted pools** (several learned softmax weightings over the
//! last places, concatenated), their **attention** (weights also hang on what the items are) and a **residual** from the pools to the user vector are ours; on ML-1M they are worth
//! more than depth or width.

mod config;
mod corpus;
mod examples;
mod features;
mod fit;
mod losses;
mod network;
mod onnx;
mod parts;
mod score;
mod tower;

pub use config::{Config, LossKind};
pub use corpus::fit_corpus;
pub use features::{Context, Contexts, Feature, FeatureKind, Known, Schema};
pub use fit::{Epoch, State, fit, memory};
pub use network::Network;
pub use score::Youtube;
pub use tower::{Asker, Tower, User};
