//! Ranks to figures: hit rate, NDCG, recall, MRR, coverage, popularity, with intervals.
//!
//! With the targets `T` of a query and `h` of them within the first `K`:
//!
//! ```text
//! HR@K = [h > 0]      Recall@K = h / |T|      MRR@50 = 1 / rank of the first hit, 0 beyond 50
//! NDCG@K = (sum over hits of 1 / log2(rank + 1)) / (the same for ranks 1 .. min(K, |T|))
//! Cov@10 = distinct items in all lists of ten / catalogue
//! PopBias@10 = mean training count of what is listed / mean training count of the catalogue
//! ```

use super::ranking::{LISTED, MISS, Ranked};
use super::split::Fold;
use crate::rng::Rng;
use serde::Serialize;

/// The lengths of lists that are measured.
pub const LENGTHS: [usize; 3] = [10, 20, 50];
const RESAMPLES: usize = 1000;
/// Parts of the catalogue whose share of the lists is counted.
const TENTHS: usize = 10;

/// What was measured of one query.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Measure {
    hit: [f64; 3],
    recall: [f64; 3],
    ndcg: [f64; 3],
    reciprocal: f64,
}

/// Figures of a recommender, with those of each query for comparisons.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The figures.
    pub metrics: Metrics,
    pub(super) each: Vec<Measure>,
}

/// Figures of a recommender: means over the queries.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct Metrics {
    /// HR at 10, 20 and 50.
    pub hr: [f64; 3],
    /// NDCG at 10, 20 and 50.
    pub ndcg: [f64; 3],
    /// Recall at 10, 20 and 50; equal to HR where every query has one target.
    pub recall: [f64; 3],
    /// MRR at 50.
    pub mrr: f64,
    /// Share of the catalogue that stands in a list of ten.
    pub coverage: f64,
    /// How many times more popular than the average item the listed ones are.
    pub popularity_bias: f64,
    /// 95 % bootstrap interval of HR@10 over queries.
    pub hr_interval: [f64; 2],
    /// 95 % bootstrap interval of NDCG@10 over queries.
    pub ndcg_interval: [f64; 2],
    /// Number of queries.
    pub queries: usize,
    /// Items in the catalogue.
    pub catalogue: usize,
    /// HR@10 by how popular the (first) target is.
    pub by_popularity: Vec<Group>,
    /// HR@10 by the number of items in the history.
    pub by_history: Vec<Group>,
    /// How all places of all lists of ten are shared among the tenths of the catalogue, the most popular tenth first.
    #[serde(default)]
    pub listed_by_tenth: [f64; TENTHS],
    /// How the targets are: what was really chosen.
    #[serde(default)]
    pub chosen_by_tenth: [f64; TENTHS],
}

/// A part of the queries.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct Group {
    /// Which part.
    pub name: String,
    /// Its HR@10.
    pub hr: f64,
    /// Its queries.
    pub queries: usize,
}

impl Measured {
    /// Measures ranks.
    #[must_use]
    pub fn new(ranked: &Ranked, fold: &Fold) -> Self {
        let each: Vec<Measure> = ranked.ranks.iter().map(|ranks| measure(ranks)).collect();
        let n = each.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Measure) -> f64| each.iter().map(of).sum::<f64>() / n;
        let at = |of: &dyn Fn(&Measure) -> [f64; 3]| std::array::from_fn(|k| mean(&|m| of(m)[k]));
        let [hr_interval, ndcg_interval] = intervals(&each);
        let catalogue = fold.catalogue();
        let mut listed = vec![false; fold.counts.len()];
        let mut popularity = 0.0;
        for list in &ranked.lists {
            let mut sum = 0.0;
            for &item in list {
                listed[item as usize] = true;
                sum += fold.counts[item as usize] as f64;
            }
            popularity += sum / LISTED.min(list.len().max(1)) as f64;
        }
        let average = fold.counts.iter().sum::<u64>() as f64 / catalogue.max(1) as f64;
        let metrics = Metrics {
            hr: at(&|m| m.hit),
            ndcg: at(&|m| m.ndcg),
            recall: at(&|m| m.recall),
            mrr: mean(&|m| m.reciprocal),
            coverage: listed.iter().filter(|&&l| l).count() as f64 / catalogue.max(1) as f64,
            popularity_bias: popularity / n / average.max(f64::MIN_POSITIVE),
            hr_interval,
            ndcg_interval,
            queries: each.len(),
            catalogue,
            by_popularity: by_popularity(&each, fold),
            by_history: by_history(&each, fold),
            listed_by_tenth: by_tenth(ranked.lists.iter().flatten(), fold),
            chosen_by_tenth: by_tenth(fold.queries.iter().flat_map(|query| &query.targets), fold),
        };
        Self { metrics, each }
    }

    /// NDCG@10 of each query, in the order of the fold: for comparisons of two recommenders.
    #[must_use]
    pub fn ndcg(&self) -> Vec<f64> {
        self.each.iter().map(|m| m.ndcg[0]).collect()
    }

    /// HR@10 of each query.
    #[must_use]
    pub fn hits(&self) -> Vec<f64> {
        self.each.iter().map(|m| m.hit[0]).collect()
    }
}

/// NDCG@10 of each query, for choices between many settings.
#[must_use]
pub fn ndcg_of_each(ranked: &Ranked) -> Vec<f64> {
    ranked.ranks.iter().map(|ranks| measure(ranks).ndcg[0]).collect()
}

/// Mean NDCG@10, for choices between many settings.
#[must_use]
pub fn mean_ndcg(ranked: &Ranked) -> f64 {
    ndcg_of_each(ranked).iter().sum::<f64>() / ranked.ranks.len().max(1) as f64
}

/// Discount of a rank.
fn discount(rank: u32) -> f64 {
    1.0 / f64::from(rank + 1).log2()
}

fn measure(ranks: &[u32]) -> Measure {
    let mut measure = Measure::default();
    for (k, &length) in LENGTHS.iter().enumerate() {
        let hits: Vec<u32> = ranks.iter().copied().filter(|&rank| rank as usize <= length).collect();
        measure.hit[k] = f64::from(u8::from(!hits.is_empty()));
        measure.recall[k] = hits.len() as f64 / ranks.len().max(1) as f64;
        let ideal: f64 = (1..=length.min(ranks.len()) as u32).map(discount).sum();
        measure.ndcg[k] = if hits.is_empty() { 0.0 } else { hits.into_iter().map(discount).sum::<f64>() / ideal };
    }
    measure.reciprocal = match ranks.first() {
        Some(&first) if first != MISS && first <= 50 => 1.0 / f64::from(first),
        _ => 0.0,
    };
    measure
}

/// Bootstrap intervals of HR@10 and NDCG@10: queries are drawn anew.
fn intervals(each: &[Measure]) -> [[f64; 2]; 2] {
    let n = each.len() as u32;
    if n == 0 {
        return [[0.0; 2]; 2];
    }
    let mut rng = Rng::new(95, 0);
    let (mut hits, mut ndcg) = (Vec::with_capacity(RESAMPLES), Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let (mut hit, mut gain) = (0.0, 0.0);
        for _ in 0..n {
            let measure = &each[rng.below(n) as usize];
            hit += measure.hit[0];
            gain += measure.ndcg[0];
        }
        hits.push(hit / f64::from(n));
        ndcg.push(gain / f64::from(n));
    }
    [hits, ndcg].map(|mut values| {
        values.sort_unstable_by(f64::total_cmp);
        [values[RESAMPLES / 40], values[RESAMPLES - 1 - RESAMPLES / 40]]
    })
}

/// Means of HR@10 by a number of the group that each query belongs to.
fn grouped(each: &[Measure], names: &[&str], group: impl Fn(usize) -> Option<usize>) -> Vec<Group> {
    let mut sums = vec![(0.0, 0usize); names.len()];
    for (query, measure) in each.iter().enumerate() {
        if let Some(group) = group(query) {
            sums[group].0 += measure.hit[0];
            sums[group].1 += 1;
        }
    }
    let named = names.iter().zip(sums).filter(|(_, (_, queries))| *queries > 0);
    named.map(|(name, (sum, queries))| Group { name: (*name).to_owned(), hr: sum / queries as f64, queries }).collect()
}

/// Head: the items that together make half of all training events; middle: up to 80 %; tail: the rest.
fn by_popularity(each: &[Measure], fold: &Fold) -> Vec<Group> {
    let mut order: Vec<usize> = (0..fold.counts.len()).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(fold.counts[item]));
    let total = fold.counts.iter().sum::<u64>() as f64;
    let (mut part, mut sum) = (vec![2usize; fold.counts.len()], 0.0);
    for item in order {
        part[item] = if sum < 0.5 * total {
            0
        } else if sum < 0.8 * total {
            1
        } else {
            2
        };
        sum += fold.counts[item] as f64;
    }
    grouped(each, &["head (half of all events)", "middle (the next 30 %)", "tail (the rest)"], |query| {
        fold.queries[query].targets.first().map(|&target| part[target as usize])
    })
}

/// How items are shared among the tenths of the catalogue, the most popular first; foreign items are left out.
fn by_tenth<'a>(items: impl Iterator<Item = &'a u32>, fold: &Fold) -> [f64; TENTHS] {
    let mut order: Vec<usize> = (0..fold.counts.len()).filter(|&item| fold.counts[item] > 0).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(fold.counts[item]));
    let mut tenth = vec![TENTHS; fold.counts.len()];
    for (rank, &item) in order.iter().enumerate() {
        tenth[item] = TENTHS * rank / order.len();
    }
    let mut counts = [0u64; TENTHS];
    for &item in items {
        if let Some(count) = counts.get_mut(tenth[item as usize]) {
            *count += 1;
        }
    }
    let total = counts.iter().sum::<u64>().max(1) as f64;
    counts.map(|count| count as f64 / total)
}

fn by_history(each: &[Measure], fold: &Fold) -> Vec<Group> {
    const NAMES: [&str; 5] = ["1 item", "2 to 4", "5 to 19", "20 to 99", "100 and more"];
    grouped(each, &NAMES, |query| match fold.queries[query].history.len() {
        0 => None,
        1 => Some(0),
        2..=4 => Some(1),
        5..=19 => Some(2),
        20..=99 => Some(3),
        _ => Some(4),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_at_rank_three_has_half_the_gain() {
        // 1 / log2(4) = 0.5; the first hit is at rank 3.
        let m = measure(&[3]);
        assert_eq!((m.hit[0], m.recall[0], m.ndcg[0], m.reciprocal), (1.0, 1.0, 0.5, 1.0 / 3.0));
        assert_eq!(measure(&[MISS]), Measure::default());
        assert_eq!(measure(&[11]).hit, [0.0, 1.0, 1.0]);
        assert_eq!(measure(&[51]).reciprocal, 0.0);
    }

    #[test]
    fn lists_are_shared_among_the_tenths_of_the_catalogue() {
        // Twenty items, two a tenth; item 20 is foreign. The most popular item has the largest number.
        let fold = Fold { counts: (1..=20).chain([0]).collect(), ..Fold::default() };
        let shares = by_tenth([19, 18, 17, 0, 20].iter(), &fold);
        assert_eq!(shares, [0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]);
        assert_eq!(by_tenth([].iter(), &fold), [0.0; 10]);
    }

    #[test]
    fn several_targets_are_weighed_against_the_ideal_list() {
        // Hits at 1 and 3 of three targets: (1 + 1/2) / (1 + 1/log2(3) + 1/2).
        let m = measure(&[1, 3, MISS]);
        let ideal = 1.0 + 1.0 / 3f64.log2() + 0.5;
        assert!((m.ndcg[0] - 1.5 / ideal).abs() < 1e-15);
        assert!((m.recall[0] - 2.0 / 3.0).abs() < 1e-15);
    }
}
