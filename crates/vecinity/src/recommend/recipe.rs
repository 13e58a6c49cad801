//! How a model is asked.

use crate::baselines::{Memory, Partner};
use crate::index::Metric;
use crate::models::Tower;
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
    /// History through the network, answers from the output matrix: only for models that have a network.
    Tower,
}

impl Pair {
    /// All pairs, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 5] = [
        ("in-out", Self::InOut),
        ("input", Self::Input),
        ("output", Self::Output),
        ("sum", Self::Sum),
        ("tower", Self::Tower),
    ];
    /// Those that need no network.
    pub const OF_TABLES: [Self; 4] = [Self::InOut, Self::Input, Self::Output, Self::Sum];

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
    /// Its weight, in `(0, 1]`.
    pub share: f32,
    /// How much of a history the table is asked.
    pub memory: Memory,
}

/// How a model is asked. Without a blend the score of item `i` is
///
/// ```text
/// m_i = sum_h w_h v_h . u_i + popularity ln(count_i + 1)
/// ```
///
/// with the items `h` of the history and their weights `w` by the memory, divided by their sum. With tables `t` of
/// shares `s_t`, each with a memory of its own, it is
///
/// ```text
/// (1 - sum_t s_t) m_i / spread(m) + sum_t s_t p_ti / spread(p_t),    p_ti = sum_h w_th table_t(h, i)
/// ```
///
/// where `spread` is the standard deviation over all items. Of a network, `sum_h w_h v_h` is its user vector.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blend: Vec<Blend>,
}

impl Recipe {
    /// A network asked as it was trained.
    #[must_use]
    pub fn of_tower(tower: &Tower) -> Self {
        let memory = Memory { last: tower.places(), decay: 1.0 };
        Self { vectors: Pair::Tower, metric: Metric::Dot, memory, ..Self::default() }
    }

    /// The weight of the vectors beside the tables, in `[0, 1]`.
    #[must_use]
    pub fn share_of_vectors(&self) -> f32 {
        let share = 1.0 - self.blend.iter().map(|blend| blend.share).sum::<f32>();
        // What is left of a rounded sum is nothing.
        if share < 1e-4 { 0.0 } else { share }
    }

    /// How many of the items of a history are asked at all, by the vectors or by a table.
    #[must_use]
    pub fn items_asked(&self, history: usize) -> usize {
        let vectors = (self.share_of_vectors() > 0.0).then_some(self.memory);
        let memories = vectors.into_iter().chain(self.blend.iter().map(|blend| blend.memory));
        memories.map(|memory| if memory.last == 0 { history } else { memory.last.min(history) }).max().unwrap_or(0)
    }

    /// The same with the vectors alone.
    #[must_use]
    pub fn without_blend(&self) -> Self {
        Self { blend: Vec::new(), ..self.clone() }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blend.is_empty() || self.share_of_vectors() > 0.0 {
            if !self.blend.is_empty() {
                write!(f, "{:.0} % ", 100.0 * self.share_of_vectors())?;
            }
            write!(f, "{}, {}, {}", self.vectors.name(), self.metric.name(), self.memory)?;
            if self.popularity != 0.0 {
                write!(f, ", popularity {:+}", self.popularity)?;
            }
        }
        for (at, Blend { partner, share, memory }) in self.blend.iter().enumerate() {
            let and = if at == 0 && self.share_of_vectors() == 0.0 { "" } else { " + " };
            write!(f, "{and}{:.0} % {partner}, {memory}", share * 100.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_reads_like_one() {
        let memory = Memory { last: 10, decay: 0.8 };
        let counts = Blend { partner: Partner::NextItem { window: Some(3), discount: 0.5 }, share: 0.25, memory };
        let ease = Blend { partner: Partner::Ease { lambda: 400.0 }, share: 0.75, memory: Memory::ALL };
        let mut recipe = Recipe { memory, metric: Metric::Dot, ..Recipe::default() };
        assert_eq!(recipe.to_string(), "in-out, dot, last 10 items decayed by 0.8");
        recipe.blend.push(counts);
        assert_eq!(recipe.share_of_vectors(), 0.75);
        assert_eq!((recipe.items_asked(4), recipe.items_asked(40)), (4, 10));
        assert_eq!(
            recipe.to_string(),
            "75 % in-out, dot, last 10 items decayed by 0.8 + 25 % next-item counts (window 3, discount 0.5), last 10 \
             items decayed by 0.8"
        );
        recipe.blend.push(ease);
        assert_eq!(
            recipe.to_string(),
            "25 % next-item counts (window 3, discount 0.5), last 10 items decayed by 0.8 + 75 % EASE (lambda 400), whole history"
        );
        assert_eq!(recipe.items_asked(40), 40);
        let json = serde_json::to_string(&recipe).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
    }
}
