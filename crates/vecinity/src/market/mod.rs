//! Marketplaces: click sessions that end in a booking, listings in markets.
//!
//! Around [`models::airbnb`](crate::models::airbnb), which has the loss, are here the other parts of Grbovic & Cheng, "Real-time
//! Personalization using Embeddings for Search Ranking at Airbnb" (KDD 2018).
//!
//! | file | job |
//! |---|---|
//! | `sessions` | events of several kinds become sessions of clicks with their outcomes |
//! | `affinity` | how alike candidates are to what a user did lately: features for a ranker |
//! | `cold` | vectors of new listings: the mean of the nearest of their kind |
//! | `measure` | where the booked listing stands before it is booked, and what neighbours have in common |
//! | `types` | user types and listing types in one space, with rejections |
//!
//! May import: `embeddings`, `histories`, `index`, `metadata`, `vocab`, `id`, `rng`, `error`.  Used by: `cli`.

mod affinity;
mod cold;
mod measure;
mod sessions;
mod types;

pub use affinity::{Add, Affinity, Event, OfTypes, Recent, Set, Summary as Affinities};
pub use cold::{Nearest, New, add_nearest};
pub use measure::{Alike, Before, FARTHEST, Measured, measure};
pub use sessions::{Rules, Summary, groups, sessions};
pub use types::{Feature, Meeting, TypeRules, Types, sequences};
