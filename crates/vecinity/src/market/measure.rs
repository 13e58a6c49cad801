//! How good listing vectors are, as the paper measures it: where the booked listing stands before it is booked.
//!
//! For every session that ended in a booking and every number of clicks before it, the listings of the booked one's market
//! are ranked by the cosine between their vector and the mean of the (unit) vectors of the clicks so far. The rank is told
//! as a share of the list, 0 the first, 1 the last: markets differ in size. Ties count half.
//!
//! Beside it: the last click alone, the most booked of the market first, and chance, which is 1/2.

use crate::TokenId;
use crate::embeddings::{Embeddings, Matrix};
use crate::error::{Error, Result};
use crate::histories::{Histories, History};
use crate::index::{Exact, Metric};
use crate::metadata::Metadata;
use crate::rng::Rng;
use vecinity_kernel::vector::dot;

/// The most clicks before the booking.
pub const FARTHEST: usize = 17;
/// Neighbours that are looked at.
const NEIGHBORS: usize = 10;

/// The booked listing so many clicks before the booking.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Before {
    /// Clicks before the booking that are not known yet, from 1.
    pub clicks: usize,
    /// Sessions that were so long.
    pub sessions: usize,
    /// Mean rank by the mean of the clicks so far, as a share of the market's list: 0 first, 1 last.
    pub mean_rank: f64,
    /// The standard error of `mean_rank` over sessions.
    pub error: f64,
    /// The same by the last click alone.
    pub last_click: f64,
    /// The same by how often a listing was booked and clicked in training.
    pub popularity: f64,
}

/// How alike neighbours of the same market are in a field, beside random listings of that market.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Alike {
    /// The column of the metadata.
    pub column: String,
    /// Of numbers: the mean difference of neighbours divided by that of random pairs, the lower the better. Of words: the
    /// share of neighbours with the same word divided by that of random pairs, the higher the better.
    pub ratio: f64,
    /// Whether the column holds numbers.
    pub number: bool,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Measured {
    /// From the farthest to one click before the booking.
    pub before: Vec<Before>,
    /// The share of the ten nearest neighbours that are of the listing's own market.
    pub right_market: f64,
    /// Inside the market: how alike neighbours are, column by column.
    pub alike: Vec<Alike>,
    /// Mean cosine of the mean of a session's clicks and the listing it booked, and one it was rejected from.
    pub accepted: f64,
    /// See `accepted`; absent without rejections.
    pub rejected: Option<f64>,
}

impl Measured {
    /// The mean rank over all distances, each distance alike.
    #[must_use]
    pub fn mean_rank(&self) -> f64 {
        self.before.iter().map(|before| before.mean_rank).sum::<f64>() / self.before.len().max(1) as f64
    }
}

/// Unit vectors of listings, by items of the sessions.
struct View<'a> {
    sessions: &'a Histories,
    /// Row of each item in the model, or `u32::MAX`.
    rows: Vec<u32>,
    unit: Matrix,
    groups: Vec<u32>,
    /// The rows of each group.
    members: Vec<Vec<u32>>,
}

/// Measures vectors by sessions they were not trained on.
///
/// * `sessions`: with outcomes and groups; `held_out`: which of them are asked, by number.
///
/// # Errors
/// [`Error::Data`] if the sessions have no goals or no groups, or none of those asked can be.
pub fn measure(
    model: &Embeddings,
    sessions: &Histories,
    held_out: &[usize],
    metadata: Option<&Metadata>,
) -> Result<Measured> {
    let (Some(outcomes), Some(groups)) = (sessions.outcomes(), sessions.groups()) else {
        let advice = "say which event is the goal and which column the market: --global-context, --local-negatives";
        return Err(Error::data("goals or markets are not known", advice));
    };
    let view = View::new(model, sessions, groups);
    let before = view.before(held_out, outcomes);
    if before.is_empty() {
        let advice = "give more data: sessions of at least two clicks that end in a booking";
        return Err(Error::data("no session that was held out can be asked", advice));
    }
    let (right_market, pairs) = view.neighbors();
    let alike = metadata.map(|metadata| view.alike(model, metadata, &pairs)).unwrap_or_default();
    let (mut accepted, mut rejected) = (Mean::default(), Mean::default());
    for &row in held_out {
        let history = sessions.history(row);
        let mut known: Vec<u32> = history.items.iter().filter_map(|&item| view.row(item)).collect();
        let asked = |item: u32, known: &[u32]| -> Option<f64> {
            let row = view.row(item)?;
            // What was clicked is not compared with itself.
            let others: Vec<u32> = known.iter().copied().filter(|&click| click != row).collect();
            (!others.is_empty())
                .then(|| f64::from(Metric::Cosine.score(&view.mean(&others), view.unit.row(row as usize))))
        };
        known.dedup();
        outcomes.goal(row).and_then(|goal| asked(goal, &known)).into_iter().for_each(|cosine| accepted.add(cosine));
        for &item in outcomes.refused(row) {
            asked(item, &known).into_iter().for_each(|cosine| rejected.add(cosine));
        }
    }
    let rejected = (rejected.n > 0.0).then(|| rejected.mean());
    Ok(Measured { before, right_market, alike, accepted: accepted.mean(), rejected })
}

/// A mean with its standard error.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f64 {
        self.sum / self.n.max(1.0)
    }

    fn error(&self) -> f64 {
        let variance = (self.squares / self.n.max(1.0) - self.mean().powi(2)).max(0.0);
        (variance / (self.n - 1.0).max(1.0)).sqrt()
    }
}

impl<'a> View<'a> {
    fn new(model: &Embeddings, sessions: &'a Histories, of_items: &[u32]) -> Self {
        let rows = model.vocab().rows_of(sessions.items());
        let mut groups = vec![u32::MAX; model.len()];
        for (item, &row) in rows.iter().enumerate() {
            if let Some(group) = groups.get_mut(row as usize) {
                *group = of_items[item];
            }
        }
        let count = groups.iter().filter(|&&group| group != u32::MAX).max().map_or(0, |&last| last as usize + 1);
        let mut members = vec![Vec::new(); count];
        for (row, &group) in groups.iter().enumerate().filter(|(_, group)| **group != u32::MAX) {
            members[group as usize].push(row as u32);
        }
        let mut values = model.input().as_slice().to_vec();
        for row in values.chunks_exact_mut(model.dim()) {
            let length = dot(row, row).sqrt().max(f32::MIN_POSITIVE);
            row.iter_mut().for_each(|value| *value /= length);
        }
        Self { sessions, rows, unit: Matrix::new(model.len(), model.dim(), values), groups, members }
    }

    fn row(&self, item: u32) -> Option<u32> {
        Some(self.rows[item as usize]).filter(|&row| row != u32::MAX)
    }

    fn mean(&self, rows: &[u32]) -> Vec<f32> {
        let mut mean = vec![0.0; self.unit.dim()];
        for &row in rows {
            mean.iter_mut().zip(self.unit.row(row as usize)).for_each(|(sum, value)| *sum += value);
        }
        mean
    }

    /// Where a member of a market stands by some score, 0 to 1.
    fn share(&self, target: u32, score: impl Fn(u32) -> f32) -> f64 {
        let members = &self.members[self.groups[target as usize] as usize];
        let own = score(target);
        let (mut better, mut equal) = (0usize, 0usize);
        for &other in members.iter().filter(|&&other| other != target) {
            let other = score(other);
            better += usize::from(other > own);
            equal += usize::from(other == own);
        }
        (better as f64 + 0.5 * equal as f64) / (members.len() - 1).max(1) as f64
    }

    fn before(&self, held_out: &[usize], outcomes: &crate::histories::Outcomes) -> Vec<Before> {
        // How popular a listing is, in what is not held out.
        let mut popularity = vec![0.0f32; self.unit.rows()];
        let mut asked = vec![false; self.sessions.len()];
        held_out.iter().for_each(|&row| asked[row] = true);
        for history in self.sessions.iter().filter(|history: &History<'_>| !asked[history.row]) {
            let goal = outcomes.goal(history.row).into_iter();
            for row in history.items.iter().copied().chain(goal).filter_map(|item| self.row(item)) {
                popularity[row as usize] += 1.0;
            }
        }
        let mut sums = vec![[Mean::default(); 3]; FARTHEST + 1];
        for &session in held_out {
            let Some(goal) = outcomes.goal(session).and_then(|goal| self.row(goal)) else { continue };
            if self.groups[goal as usize] == u32::MAX || self.members[self.groups[goal as usize] as usize].len() < 2 {
                continue;
            }
            let clicks = self.sessions.history(session).items;
            for (distance, sums) in sums.iter_mut().enumerate().skip(1) {
                let Some(far) = clicks.len().checked_sub(distance) else { break };
                let known: Vec<u32> = clicks[..far].iter().filter_map(|&item| self.row(item)).collect();
                let Some(&last) = known.last() else { continue };
                let mean = self.mean(&known);
                sums[0].add(self.share(goal, |row| dot(&mean, self.unit.row(row as usize))));
                sums[1].add(self.share(goal, |row| dot(self.unit.row(last as usize), self.unit.row(row as usize))));
                sums[2].add(self.share(goal, |row| popularity[row as usize]));
            }
        }
        let each = sums.iter().enumerate().skip(1).rev().filter(|(_, [mean, ..])| mean.n > 0.0);
        let told = each.map(|(clicks, [mean, last, popularity])| Before {
            clicks,
            sessions: mean.n as usize,
            mean_rank: mean.mean(),
            error: mean.error(),
            last_click: last.mean(),
            popularity: popularity.mean(),
        });
        told.collect()
    }

    /// The share of neighbours of the right market, and the pairs of neighbours inside of markets.
    fn neighbors(&self) -> (f64, Vec<(u32, u32)>) {
        let exact = Exact::new(self.unit.as_slice(), self.unit.dim(), Metric::Dot).with_threads(1);
        let (mut right, mut all, mut pairs) = (0usize, 0usize, Vec::new());
        let step = self.unit.rows().div_ceil(3000).max(1);
        for row in (0..self.unit.rows()).step_by(step) {
            let group = self.groups[row];
            if group == u32::MAX || self.members[group as usize].len() <= NEIGHBORS {
                continue;
            }
            for hit in exact.nearest(self.unit.row(row), NEIGHBORS, &[TokenId(row as u32)]) {
                all += 1;
                if self.groups[hit.id.row()] == group {
                    right += 1;
                    pairs.push((row as u32, hit.id.0));
                }
            }
        }
        (right as f64 / all.max(1) as f64, pairs)
    }

    /// How alike pairs are, beside random pairs of the same markets.
    fn alike(&self, model: &Embeddings, metadata: &Metadata, pairs: &[(u32, u32)]) -> Vec<Alike> {
        let mut rng = Rng::new(1, 0);
        let random: Vec<(u32, u32)> = (pairs.iter())
            .map(|&(row, _)| {
                let members = &self.members[self.groups[row as usize] as usize];
                (row, members[rng.below(members.len() as u32) as usize])
            })
            .filter(|(a, b)| a != b)
            .collect();
        let mut told = Vec::new();
        for (column, name) in metadata.columns().iter().enumerate() {
            let value = |row: u32| metadata.value(model.vocab().token(TokenId(row)), column);
            let numbers: Vec<Option<f64>> =
                (0..model.len() as u32).map(|row| value(row).and_then(|text| text.parse().ok())).collect();
            let known = numbers.iter().filter(|number| number.is_some()).count();
            let number = known * 10 > model.len() * 9;
            let mean = |pairs: &[(u32, u32)]| {
                let mut mean = Mean::default();
                for &(a, b) in pairs {
                    if number {
                        let (Some(a), Some(b)) = (numbers[a as usize], numbers[b as usize]) else { continue };
                        mean.add((a - b).abs());
                    } else if let (Some(a), Some(b)) = (value(a), value(b)) {
                        mean.add(f64::from(u8::from(a == b)));
                    }
                }
                mean.mean()
            };
            let ratio = mean(pairs) / mean(&random);
            // The market itself, and what no two listings have in common, tell nothing.
            if ratio.is_finite() && (ratio - 1.0).abs() > 1e-9 {
                told.push(Alike { column: name.clone(), ratio, number });
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::Outcomes;
    use crate::vocab::Vocab;

    /// Two markets of three listings; the vectors of a market point one way, nearly.
    fn model() -> Embeddings {
        let vocab = Vocab::from_counts([("a", 9), ("b", 8), ("c", 7), ("x", 6), ("y", 5), ("z", 4)]).unwrap();
        let angle = |degrees: f32| [degrees.to_radians().cos(), degrees.to_radians().sin()];
        let values = [0.0, 10.0, 30.0, 180.0, 190.0, 210.0].map(angle).concat();
        Embeddings::new(vocab, Matrix::new(6, 2, values), None).unwrap()
    }

    fn sessions() -> Histories {
        let lists = [("s", vec!["a", "a", "c"]), ("t", vec!["x", "y"]), ("u", vec!["b", "z"])];
        let made = Histories::from_lists(&lists, true).unwrap();
        let row = |id: &str| made.items().get(id).unwrap().0;
        let mut outcomes = Outcomes::default();
        outcomes.push(Some(row("b")), &[row("x")]);
        outcomes.push(Some(row("z")), &[]);
        outcomes.push(None, &[]);
        let groups: Vec<u32> = made.items().iter().map(|(_, id, _)| u32::from(id >= "x")).collect();
        made.with_outcomes(outcomes).with_groups(groups)
    }

    #[test]
    fn ranks_are_those_worked_out_by_hand() {
        let measured = measure(&model(), &sessions(), &[0, 1], None).unwrap();
        // One click before the booking: `s` knows a, a: b is second behind a of three: 1/2. `t` knows x, and z is last: 1.
        // Two before: `s` knows a: 1/2.
        let told: Vec<(usize, usize, f64)> =
            measured.before.iter().map(|b| (b.clicks, b.sessions, b.mean_rank)).collect();
        assert_eq!(told, [(2, 1, 0.5), (1, 2, 0.75)]);
        // Only `u` is no session that is asked: b and z have one click each, all others none.
        assert_eq!(measured.before[1].popularity, 0.0);
        // `s` booked b: a, c and it lie 0, 30 and 10 degrees; the mean of a and c points to 15.
        let expected = (5f64.to_radians().cos() + 25f64.to_radians().cos()) / 2.0;
        assert!((measured.accepted - expected).abs() < 1e-5, "{}", measured.accepted);
        assert!((measured.rejected.unwrap() - 165f64.to_radians().cos()).abs() < 1e-5);
    }

    #[test]
    fn sessions_without_goals_are_refused() {
        let plain = Histories::from_lists(&[("s", vec!["a", "b"])], true).unwrap();
        assert!(measure(&model(), &plain, &[0], None).unwrap_err().advice().unwrap().contains("--global-context"));
        let message = measure(&model(), &sessions(), &[2], None).unwrap_err().to_string();
        assert!(message.contains("no session"), "{message}");
    }
}
