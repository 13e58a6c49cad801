//! How a model is asked.

use crate::baselines::{Memory, Partner};
use crate::index::Metric;
use serde::{Deserialize, Serialize};
use std::fmt;

/// From which matrix the history is taken, and from which the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pair {
    /// History from the input matrix, answers from the output matrix: what training brought together.
    #[default]
    InOut,
    /// Both from the input matrix: alike in what they predict.
    Input,
    /// Both from the output matrix: alike in what predicts them.
    Output,
    /// Both from the sum of the matrices.
    Sum,
}

impl Pair {
    /// All pairs, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 4] =
        [("in-out", Self::InOut), ("input", Self::Input), ("output", Self::Output), ("sum", Self::Sum)];

    /// The name used by flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, pair)| *pair == self).map_or("in-out", |(name, _)| name)
    }
}

/// A table from item to item that is blended with the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// The table.
    pub partner: Partner,
    /// Its weight against the vectors, in `(0, 1]`; both are divided by their spread over the items first.
    pub share: f32,
}

/// How a model is asked: `score(i) = (1 - share) m_i / spread(m) + share p_i / spread(p)` with
/// `m_i = sum_h w_h v_h . u_i + popularity ln(count_i + 1)` and `p_i = sum_h w_h table(h, i)`, where `w` are the
/// weights of the memory, divided by their sum, and without a blend the score is `m_i`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which matrices.
    pub vectors: Pair,
    /// Dot products, or cosine: dot products of vectors of length one.
    pub metric: Metric,
    /// How much of a history, and how it fades.
    pub memory: Memory,
    /// Popularity correction: positive values prefer frequent items, negative ones rare items.
    pub popularity: f32,
    /// What is blended with the vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<Blend>,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.vectors.name(), self.metric.name(), self.memory)?;
        if self.popularity != 0.0 {
            write!(f, ", popularity {:+}", self.popularity)?;
        }
        match self.blend {
            Some(Blend { partner, share }) => write!(f, ", blended {:.0} % with {partner}", share * 100.0),
            None => Ok(()),
        }
    }
}
