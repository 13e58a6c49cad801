//! How many of a token's nearest are still the same?

use super::Options;
use crate::TokenId;
use crate::embeddings::{Embeddings, Matrix, Which};
use crate::error::Result;
use crate::index::Exact;
use crate::rng::Rng;
use crate::vocab::Vocab;
use serde::Serialize;
use std::collections::BTreeMap;

/// Tokens that changed most, at most.
const NAMED: usize = 5;

/// How many of the nearest are still the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overlap {
    /// The mean share of the nearest that both models have, in `[0, 1]`: 1 means the same sets. Tokens weigh by their
    /// frequency in the new model.
    pub mean: f64,
    /// Neighbours of each token that were compared.
    pub neighbors: usize,
    /// Tokens whose neighbours were compared.
    pub tokens: usize,
    /// Of these the ones that changed most, the most frequent first.
    pub changed_most: Vec<Changed>,
}

/// A token whose neighbours changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Which.
    pub id: String,
    /// The share of its nearest that both models have.
    pub overlap: f64,
}

/// The vectors of the tokens that two models have in common, row by row.
pub(super) struct Spaces {
    pub(super) old: Space,
    pub(super) new: Space,
    common: Vec<(TokenId, TokenId)>,
}

/// One model's part: vectors of questions (if they are others) and of answers.
pub(super) struct Space {
    questions: Option<Matrix>,
    pub(super) answers: Matrix,
}

impl Space {
    fn new(embeddings: &Embeddings, rows: &[TokenId], which: Which) -> Result<Self> {
        let chosen = |matrix: &Matrix| {
            let values: Vec<f32> = rows.iter().flat_map(|id| matrix.row(id.row())).copied().collect();
            Matrix::new(rows.len(), matrix.dim(), values)
        };
        let questions = (which == Which::InOut).then(|| chosen(embeddings.input()));
        Ok(Self { questions, answers: chosen(&embeddings.vectors(which)?) })
    }

    /// The nearest of each asked row, without itself.
    fn nearest(&self, asked: &[usize], options: &Options) -> Vec<Vec<TokenId>> {
        let questions = self.questions.as_ref().unwrap_or(&self.answers);
        let queries: Vec<f32> = asked.iter().flat_map(|&row| questions.row(row)).copied().collect();
        let search = Exact::new(self.answers.as_slice(), self.answers.dim(), options.metric);
        let hits = search.nearest_batch(&queries, options.neighbors, &|query, id| id.row() != asked[query]);
        hits.into_iter().map(|hits| hits.into_iter().map(|hit| hit.id).collect()).collect()
    }
}

impl Spaces {
    pub(super) fn new(old: &Embeddings, new: &Embeddings, common: &[(TokenId, TokenId)], which: Which) -> Result<Self> {
        let (before, after): (Vec<TokenId>, Vec<TokenId>) = common.iter().copied().unzip();
        Ok(Self {
            old: Space::new(old, &before, which)?,
            new: Space::new(new, &after, which)?,
            common: common.to_vec(),
        })
    }

    /// Compares the neighbours of a sample. Only tokens that both models have are neighbours: what came and went
    /// is counted elsewhere.
    pub(super) fn overlap(&self, before: &Vocab, after: &Vocab, options: &Options) -> Overlap {
        let counts: Vec<u64> = self.common.iter().map(|pair| after.count(pair.1)).collect();
        let weights = sample(&counts, options.sample, options.seed);
        let asked: Vec<usize> = weights.keys().copied().collect();
        let (old, new) = (self.old.nearest(&asked, options), self.new.nearest(&asked, options));
        let shares: Vec<f64> = (old.iter().zip(&new))
            .map(|(old, new)| {
                let kept = old.iter().filter(|id| new.contains(id)).count();
                kept as f64 / old.len().max(1) as f64
            })
            .collect();
        let total: f64 = weights.values().sum();
        let mean = shares.iter().zip(weights.values()).map(|(share, weight)| share * weight).sum::<f64>() / total;
        let mut order: Vec<usize> = (0..asked.len()).filter(|&at| shares[at] < 1.0).collect();
        order.sort_by(|&a, &b| shares[a].total_cmp(&shares[b]).then(counts[asked[b]].cmp(&counts[asked[a]])));
        let changed = order
            .into_iter()
            .take(NAMED)
            .map(|at| Changed { id: before.token(self.common[asked[at]].0).to_owned(), overlap: shares[at] });
        let neighbors = old.first().map_or(0, Vec::len);
        Overlap { mean, neighbors, tokens: asked.len(), changed_most: changed.collect() }
    }
}

/// Rows with their weights: all by frequency if there are at most `most`, otherwise as many draws by frequency.
fn sample(counts: &[u64], most: usize, seed: u64) -> BTreeMap<usize, f64> {
    // Imported models have no counts: all tokens are alike then.
    let total = |sums: &[u64]| sums.last().copied().unwrap_or(0);
    let sums = |counts: &mut dyn Iterator<Item = u64>| -> Vec<u64> {
        counts
            .scan(0u64, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect()
    };
    let mut rising = sums(&mut counts.iter().copied());
    if total(&rising) == 0 {
        rising = sums(&mut counts.iter().map(|_| 1));
    }
    if counts.len() <= most {
        let weight = |row: usize| rising[row] - if row == 0 { 0 } else { rising[row - 1] };
        return (0..counts.len()).map(|row| (row, weight(row) as f64)).collect();
    }
    let mut rng = Rng::new(seed, 0);
    let mut drawn = BTreeMap::new();
    for _ in 0..most {
        let at = (rng.f64() * total(&rising) as f64) as u64;
        *drawn.entry(rising.partition_point(|&sum| sum <= at).min(counts.len() - 1)).or_insert(0.0) += 1.0;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_tokens_are_weighed_and_many_are_drawn_by_frequency() {
        assert_eq!(sample(&[6, 3, 1], 9, 1), BTreeMap::from([(0, 6.0), (1, 3.0), (2, 1.0)]));
        assert_eq!(sample(&[0, 0], 9, 1), BTreeMap::from([(0, 1.0), (1, 1.0)]));
        let counts: Vec<u64> = std::iter::once(5000).chain([1; 5000]).collect();
        let drawn = sample(&counts, 1000, 1);
        assert_eq!(drawn.values().sum::<f64>(), 1000.0);
        // Half of all events fall on the first: 500 draws, standard deviation 16.
        assert!((drawn[&0] - 500.0).abs() < 6.0 * 16.0, "{}", drawn[&0]);
    }
}
