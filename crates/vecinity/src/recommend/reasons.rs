//! Recommendations for one history: with exact reasons, and with more variety if wanted.
//!
//! With a pooled history and dot products the score of an item is a sum over the history, and so is what it
//! lies above the score of an average item. The share of an item of the history is its part of that. A network's
//! user vector is no sum: there a share is what the score loses without the item, which is only about its part.

use super::asked::Asked;
use super::recommender::Recommender;
use crate::TokenId;
use crate::ask::Want;
use crate::error::{Error, Result};
use crate::index::Hit;
use crate::models::{Asker, User};
use vecinity_kernel::vector::{dot, norm};

/// A recommended item.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Which.
    pub item: TokenId,
    /// Its score; what scores are worth depends on the recipe, larger is better.
    pub score: f32,
    /// Why: what each item of the history adds, the most first; shares add to 1. Empty if reasons were not
    /// wanted, or nothing speaks for the item: it is no better than an average one, or the history was empty.
    pub reasons: Vec<Reason>,
}

/// What speaks for a recommendation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reason {
    /// The item of the history; `None` is the popularity of the recommended item itself.
    pub item: Option<TokenId>,
    /// Its part of the score above that of an average item; negative parts speak against.
    pub share: f32,
}

/// What is wanted of recommendations beside what [`Want`] says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Style {
    /// 0 is by score alone; towards 1, items like those already listed are put back (maximal marginal
    /// relevance, Carbonell & Goldstein 1998, over the best `4 limit + 50`).
    pub diversity: f32,
    /// Whether reasons are given.
    pub explain: bool,
}

impl Style {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `0 <= diversity <= 1`.
    pub fn check(self) -> Result<Self> {
        if (0.0..=1.0).contains(&self.diversity) {
            Ok(self)
        } else {
            Err(Error::setting("diversity", self.diversity, "0 (by score alone) to 1"))
        }
    }
}

impl Recommender {
    /// Whether weights of the items of a history mean anything: networks weigh by themselves.
    #[must_use]
    pub fn takes_weights(&self) -> bool {
        self.tower().is_none()
    }

    /// Whether the reasons for its recommendations are parts of the score, and not what a network says without an item.
    #[must_use]
    pub fn reasons_are_exact(&self) -> bool {
        self.tower().is_none() || self.recipe().share_of_vectors() == 0.0
    }

    /// What to recommend to a user: after a history, rows of the vocabulary, oldest first, perhaps with what else is known
    /// ([`User`]). As [`top`](Self::top), in the `style` wanted.
    ///
    /// # Panics
    /// If a row of the history does not exist.
    #[must_use]
    pub fn recommend<A: Asker + ?Sized>(&self, user: &A, want: Want<'_>, style: Style) -> Vec<Recommendation> {
        let user = User { history: user.history(), known: user.known(), weights: user.weights() };
        let found = self.top(&[user], want, style.diversity, 1).pop().unwrap_or_default();
        let asked = style.explain.then(|| {
            let vector = self.user_vector(&user);
            let asked = self.prepare(&user, &vector);
            let vectors = self.parts_of(&asked, user, &vector);
            (asked, vectors)
        });
        let each = found.into_iter().map(|hit| Recommendation {
            item: hit.id,
            score: hit.score,
            reasons: asked.as_ref().map_or_else(Vec::new, |(asked, vectors)| self.reasons(asked, vectors, hit.id)),
        });
        each.collect()
    }

    /// Chooses `limit` of the items found, each as good and as unlike those before it as possible.
    pub(super) fn diverse(&self, found: &[Hit], limit: usize, diversity: f32) -> Vec<Hit> {
        let vector = |item: TokenId| self.vectors.to.row(item.row());
        let cosine = |a: TokenId, b: TokenId| {
            dot(vector(a), vector(b)) / (norm(vector(a)) * norm(vector(b))).max(f32::MIN_POSITIVE)
        };
        let (first, last) = (found.first().map_or(0.0, |f| f.score), found.last().map_or(0.0, |f| f.score));
        let relevance = |score: f32| (score - last) / (first - last).max(f32::MIN_POSITIVE);
        let mut open: Vec<(Hit, f32)> = found.iter().map(|&hit| (hit, 0.0)).collect();
        let mut chosen = Vec::new();
        while chosen.len() < limit && !open.is_empty() {
            let value = |&(hit, alike): &(Hit, f32)| (1.0 - diversity) * relevance(hit.score) - diversity * alike;
            let mut at = 0;
            for other in 1..open.len() {
                if value(&open[other]) > value(&open[at]) {
                    at = other;
                }
            }
            let (hit, _) = open.remove(at);
            chosen.push(hit);
            for (other, alike) in &mut open {
                *alike = alike.max(cosine(other.id, hit.id));
            }
        }
        chosen
    }

    /// What each asked item of the history adds to the user's vector, which is `vector`.
    fn parts_of(&self, asked: &Asked, user: User<'_>, vector: &[f32]) -> Vec<(u32, Vec<f32>)> {
        let items = asked.items.iter().filter(|_| asked.factor > 0.0);
        if self.tower().is_none() {
            let scaled = |&(known, weight): &(u32, f32)| {
                let vector = self.vectors.from.row(known as usize);
                (known, vector.iter().map(|value| weight * value).collect())
            };
            return items.map(scaled).collect();
        }
        let items: Vec<u32> = items.map(|&(known, _)| known).collect();
        let others: Vec<Vec<u32>> = (items.iter())
            .map(|left_out| user.history.iter().copied().filter(|item| item != left_out).collect())
            .collect();
        let others: Vec<User<'_>> = others.iter().map(|history| User { history, weights: None, ..user }).collect();
        let mut without = vec![0.0; items.len() * vector.len()];
        self.user_vectors(&others, &mut without);
        let part = |without: &[f32]| vector.iter().zip(without).map(|(with, without)| with - without).collect();
        items.into_iter().zip(without.chunks_exact(vector.len().max(1)).map(part)).collect()
    }

    /// What each item of the history adds to the score of an item above that of an average item.
    ///
    /// * `vectors`: what it adds to the user's vector.
    fn reasons(&self, asked: &Asked, vectors: &[(u32, Vec<f32>)], item: TokenId) -> Vec<Reason> {
        let target = self.vectors.to.row(item.row());
        let (n, moments) = (self.len().max(1) as f32, self.moments());
        let mut parts: Vec<(u32, f32)> = Vec::new();
        for (known, vector) in vectors {
            let average: f64 = vector.iter().zip(&moments.mean).map(|(&value, mean)| f64::from(value) * mean).sum();
            parts.push((*known, asked.factor * (dot(vector, target) - average as f32)));
        }
        for (part, table) in asked.parts.iter().zip(self.blended()) {
            for &(known, weight) in &part.items {
                let (columns, values) = table.row(known);
                let value = columns.binary_search(&item.0).map_or(0.0, |at| values[at]);
                parts.push((known, part.factor * weight * (value - values.iter().sum::<f32>() / n)));
            }
        }
        parts.sort_by_key(|&(known, _)| known);
        let mut reasons: Vec<Reason> = (parts.chunk_by(|a, b| a.0 == b.0))
            .map(|of| Reason { item: Some(TokenId(of[0].0)), share: of.iter().map(|(_, part)| part).sum() })
            .collect();
        let popularity = self.recipe().popularity;
        if popularity != 0.0 && asked.factor > 0.0 && !asked.items.is_empty() {
            let average = moments.mean.last().copied().unwrap_or(0.0) as f32;
            let part = popularity * (self.log_counts()[item.row()] - average);
            reasons.push(Reason { item: None, share: asked.factor * part });
        }
        let sum: f32 = reasons.iter().map(|reason| reason.share).sum();
        if sum <= 0.0 {
            return Vec::new();
        }
        reasons.iter_mut().for_each(|reason| reason.share /= sum);
        reasons.sort_by(|a, b| b.share.total_cmp(&a.share));
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::super::recommender::tests::{BLENDS, model, oracle};
    use super::*;

    const EXPLAINED: Style = Style { diversity: 0.0, explain: true };

    #[test]
    fn reasons_are_the_parts_of_the_score() {
        for (blend, popularity) in BLENDS {
            let model = model(blend, popularity);
            let history = [3, 8, 2, 27];
            let scores = oracle(&model, &history);
            let mean = scores.iter().sum::<f32>() / scores.len() as f32;
            for found in model.recommend(&history[..], Want::best(5), EXPLAINED) {
                assert!(!history.contains(&found.item.0));
                let sum: f32 = found.reasons.iter().map(|reason| reason.share).sum();
                assert!((sum - 1.0).abs() < 1e-4);
                // The part of the newest item, from the definition: a third of its weights is 1 / 1.75, of two 1 / 2.
                let newest = found.reasons.iter().find(|r| r.item == Some(TokenId(27))).unwrap().share;
                let part = newest * (scores[found.item.row()] - mean);
                let asked = model.prepare(&history, &model.user_vector(&history[..]));
                let dots: Vec<f32> =
                    (0..30).map(|i| dot(model.vectors.from.row(27), model.vectors.to.row(i))).collect();
                let lift = dots[found.item.row()] - dots.iter().sum::<f32>() / 30.0;
                let mut expected = asked.factor * lift / 1.75;
                for (of, table) in asked.parts.iter().zip(model.blended()) {
                    let (columns, values) = table.row(27);
                    let at = columns.iter().position(|&c| c == found.item.0).map_or(0.0, |at| values[at]);
                    expected += of.factor * (at - values.iter().sum::<f32>() / 30.0) / 2.0;
                }
                assert!((part - expected).abs() < 1e-4, "{blend:?}: {part} {expected}");
            }
        }
    }

    #[test]
    fn where_nothing_speaks_for_an_item_there_are_no_reasons() {
        let model = model(&[], 0.5);
        let popular = model.recommend(&[][..], Want::best(3), EXPLAINED);
        assert!(popular.iter().all(|found| found.reasons.is_empty()));
        assert_eq!(popular[0].item, TokenId(0), "the most frequent item");
        let all = model.recommend(&[3u32, 8][..], Want::best(30), EXPLAINED);
        assert!(all.last().unwrap().reasons.is_empty(), "far below the average item");
        let silent = model.recommend(&[3u32, 8][..], Want::best(3), Style::default());
        assert!(silent.iter().all(|found| found.reasons.is_empty()));
    }

    #[test]
    fn diversity_puts_look_alikes_back_and_filters_hold() {
        let model = model(&[], 0.0);
        let even = |item: TokenId| item.row().is_multiple_of(2);
        let plain = model.recommend(&[3u32, 8][..], Want::best(8).only(&even), Style::default());
        assert!(plain.iter().all(|found| found.item.row() % 2 == 0));
        assert!(plain.is_sorted_by(|a, b| a.score >= b.score));
        let varied = model.recommend(&[3u32, 8][..], Want::best(8), Style { diversity: 0.9, explain: false });
        let list = |found: &[Recommendation]| found.iter().map(|f| f.item).collect::<Vec<_>>();
        assert_ne!(list(&varied), list(&model.recommend(&[3u32, 8][..], Want::best(8), Style::default())));
        assert_eq!(varied.len(), 8);
        let error = Style { diversity: f32::NAN, explain: false }.check().unwrap_err();
        assert_eq!(error.to_string(), "diversity is NaN, expected 0 (by score alone) to 1");
    }
}
