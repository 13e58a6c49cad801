//! A history made ready: which of its items are asked, with which weights, and what the tables of a blend say about it.

use super::moments::spread;
use super::recommender::Recommender;
use super::sums::Sums;
use crate::baselines::Memory;
use crate::models::Asker;

/// A history, ready to be compared with items.
#[derive(Debug)]
pub(super) struct Asked {
    /// What is asked of it, the newest first, with weights that add to 1.
    pub(super) items: Vec<(u32, f32)>,
    /// What the scores of the vectors are multiplied with: 1 without a blend.
    pub(super) factor: f32,
    /// The same for each table, with the items that it is asked.
    pub(super) parts: Vec<Part>,
    /// What the tables add to the scores of which items, by rising row.
    pub(super) added: Vec<(u32, f32)>,
}

/// What a table of the blend is asked.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) items: Vec<(u32, f32)>,
    pub(super) factor: f32,
}

impl Recommender {
    /// The items of a history that are asked with their weights, which add to 1.
    pub(super) fn weighted<A: Asker + ?Sized>(memory: Memory, user: &A) -> Vec<(u32, f32)> {
        let mut items: Vec<(u32, f32)> = memory.of(user.history()).collect();
        if let Some(weights) = user.weights() {
            // The newest first, as the items are.
            items.iter_mut().zip(weights.iter().rev()).for_each(|((_, weight), &own)| *weight *= own);
        }
        let sum: f32 = items.iter().map(|(_, weight)| weight).sum();
        items.iter_mut().for_each(|(_, weight)| *weight /= sum);
        items
    }

    /// Makes the history of an asker ready; `user` is their vector.
    pub(super) fn prepare<A: Asker + ?Sized>(&self, asker: &A, user: &[f32]) -> Asked {
        let items = Self::weighted(self.recipe().memory, asker);
        let mut asked = Asked { items, factor: 1.0, parts: Vec::new(), added: Vec::new() };
        if self.recipe().blend.is_empty() || asker.history().is_empty() {
            return asked;
        }
        let share = self.recipe().share_of_vectors();
        asked.factor = if share > 0.0 { share / self.spread(user) } else { 0.0 };
        self.spare().with(self.len(), |sums| self.ask_tables(asker, &mut asked, sums));
        asked
    }

    /// What the tables of the blend say about a history.
    fn ask_tables<A: Asker + ?Sized>(&self, asker: &A, asked: &mut Asked, sums: &mut Sums) {
        let mut all = Vec::new();
        for (blend, table) in self.recipe().blend.iter().zip(self.blended()) {
            let items = Self::weighted(blend.memory, asker);
            for &(item, weight) in &items {
                sums.add(weight, table.row(item));
            }
            let found = sums.take();
            let factor = blend.share / spread(self.len(), found.iter().map(|&(_, value)| value));
            asked.parts.push(Part { items, factor });
            all.push((factor, found));
        }
        for (factor, found) in all {
            sums.add_pairs(factor, &found);
        }
        asked.added = sums.take();
    }
}
