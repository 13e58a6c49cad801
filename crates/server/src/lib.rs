//! Vecinity over HTTP: neighbours and recommendations as an API and as pages.
//!
//! | file | job |
//! |---|---|
//! | `settings` | what the server is told: address, tokens, limits |
//! | `app` | the models being served, and the pool that computes |
//! | `served` | one model, ready for questions |
//! | `overlay` | items added and taken out while it is served |
//! | `complete` | what a person may mean who has typed a few letters |
//! | `picture` | the map of a model: computed once, in the background |
//! | `problem` | errors as RFC 9457 problems |
//! | `body` | JSON in, checked |
//! | `guard` | what every request goes through: names, tokens, headers, figures, log |
//! | `metrics` | counters and times in Prometheus' text form |
//! | `routes` | one file a kind of question |
//! | `openapi` | the description of the API |
//! | `listen` | sockets, limits of connections, an orderly end |
//!
//! The server computes nothing of its own: questions go to `vecinity::ask` and `vecinity::recommend`, as those of the
//! command line do. An approximate index behind those two is an approximate index here.
#![forbid(unsafe_code)]

mod app;
mod body;
mod complete;
mod guard;
mod listen;
mod metrics;
mod openapi;
mod overlay;
mod picture;
mod problem;
mod routes;
mod served;
mod settings;

pub use app::App;
pub use listen::{log_to_stderr, serve};
pub use picture::{Drawn, Method, page};
pub use routes::router;
pub use settings::{Limits, Settings};
