//! What a trained model has to beat: simple recommenders, each fast, each asked with the same histories.
//!
//! | file | job |
//! |---|---|
//! | `popularity` | the same list for everybody |
//! | `next_item` | what came soon after (sequences) or together with (sets) the items of the history |
//! | `item_knn` | items bought by the same owners, by cosine; for recipes also with more weight for the item an owner ended in |
//! | `ease` | the closed-form linear autoencoder (Steck 2019) |
//! | `inverse` | the matrix inverse that EASE needs |
//! | `als` | implicit matrix factorisation (Hu, Koren, Volinsky 2008) |
//! | `partner` | the item-to-item tables that a recipe can blend with vectors |
//! | `tuned` | settings of each by validation |
//!
//! All are [`Scorer`](crate::eval::recommend::Scorer)s. How much of a history is asked matters as much as the method (EASE on
//! ML-1M: 0.109 with whole histories, 0.193 with the last ten items), so every one has a [`Memory`].
//!
//! May import: `eval`, `rng`, `error`.  Used by: `recommend`, `cli`.

mod als;
mod ease;
mod inverse;
mod item_knn;
mod next_item;
mod partner;
mod popularity;
mod tuned;

pub use als::{Als, AlsSettings};
pub use ease::Ease;
pub use item_knn::ItemKnn;
pub use next_item::{NextItem, Window, count};
pub use partner::Partner;
pub use popularity::Popularity;
pub use tuned::{Baseline, BaselineKind, tune};

use crate::eval::recommend::Sequences;
use crate::stop::Stop;
use serde::{Deserialize, Serialize};

/// How much of a history is asked, and how fast it fades.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Only the last so many items; 0 means all.
    pub last: usize,
    /// The weight of an item divided by that of the item after it, in `(0, 1]`; the newest has 1.
    pub decay: f32,
}

impl Default for Memory {
    fn default() -> Self {
        Self::ALL
    }
}

impl Memory {
    /// Whole histories, all items alike.
    pub const ALL: Self = Self { last: 0, decay: 1.0 };

    /// What is tried on validation: for ordered histories how much and how it fades, otherwise all of it.
    #[must_use]
    pub fn grid(ordered: bool) -> Vec<Self> {
        const GRID: [(usize, f32); 12] = [
            (10, 0.8),
            (1, 1.0),
            (2, 1.0),
            (3, 1.0),
            (5, 1.0),
            (10, 1.0),
            (20, 1.0),
            (0, 1.0),
            (5, 0.8),
            (20, 0.8),
            (20, 0.9),
            (50, 0.95),
        ];
        if !ordered {
            return vec![Self::ALL];
        }
        GRID.iter().map(|&(last, decay)| Self { last, decay }).collect()
    }

    /// The items that are asked with their weights, the newest first.
    pub fn of(self, history: &[u32]) -> impl Iterator<Item = (u32, f32)> {
        let most = if self.last == 0 { history.len() } else { self.last };
        let mut weight = 1.0;
        history.iter().rev().take(most).map(move |&item| {
            let now = weight;
            weight *= self.decay;
            (item, now)
        })
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.last {
            0 => f.write_str("whole history")?,
            1 => f.write_str("last item")?,
            last => write!(f, "last {last} items")?,
        }
        if self.decay < 1.0 { write!(f, " decayed by {}", self.decay) } else { Ok(()) }
    }
}

/// The items that occur in training, numbered without gaps.
#[derive(Debug, Clone, Default)]
struct Catalogue {
    /// The items, rising.
    items: Vec<u32>,
    /// The number of each item in the catalogue; `u32::MAX` for the others.
    place: Vec<u32>,
}

impl Catalogue {
    fn of(counts: &[u64]) -> Self {
        let items: Vec<u32> = (0..counts.len() as u32).filter(|&item| counts[item as usize] > 0).collect();
        let mut place = vec![u32::MAX; counts.len()];
        for (at, &item) in items.iter().enumerate() {
            place[item as usize] = at as u32;
        }
        Self { items, place }
    }

    fn place(&self, item: u32) -> Option<usize> {
        self.place.get(item as usize).filter(|&&place| place != u32::MAX).map(|&place| place as usize)
    }

    /// Writes scores of the catalogue into a row of scores of all items; the others get minus infinity.
    fn spread(&self, scores: &[f32], row: &mut [f32]) {
        row.fill(f32::NEG_INFINITY);
        for (&item, &score) in self.items.iter().zip(scores) {
            row[item as usize] = score;
        }
    }
}

/// A sparse matrix by rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparse {
    /// Where each row ends in the other two.
    pub ends: Vec<u64>,
    /// Columns, rising within a row.
    pub columns: Vec<u32>,
    /// Values.
    pub values: Vec<f32>,
}

impl Sparse {
    /// Columns and values of a row; nothing for a row that does not exist.
    #[must_use]
    pub fn row(&self, row: u32) -> (&[u32], &[f32]) {
        let row = row as usize;
        let Some(&end) = self.ends.get(row) else { return (&[], &[]) };
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        let range = start as usize..end as usize;
        (&self.columns[range.clone()], &self.values[range])
    }

    /// The same with only the `most` values of each row that are largest by magnitude.
    #[must_use]
    pub fn largest(self, most: usize) -> Self {
        let mut cut = Self::default();
        for row in 0..self.ends.len() as u32 {
            let (columns, values) = self.row(row);
            let mut order: Vec<usize> = (0..columns.len()).collect();
            if order.len() > most {
                let by_magnitude = |a: &usize, b: &usize| values[*b].abs().total_cmp(&values[*a].abs()).then(a.cmp(b));
                order.select_nth_unstable_by(most, by_magnitude);
                order.truncate(most);
                order.sort_unstable();
            }
            cut.columns.extend(order.iter().map(|&at| columns[at]));
            cut.values.extend(order.iter().map(|&at| values[at]));
            cut.ends.push(cut.columns.len() as u64);
        }
        cut
    }

    /// The same with rows and columns under new numbers; `u32::MAX` drops one.
    ///
    /// * `numbers`: the new number of each old one; `rows`: how many new ones there are.
    #[must_use]
    pub fn renumbered(&self, numbers: &[u32], rows: usize) -> Self {
        let mut old = vec![u32::MAX; rows];
        for (from, &to) in numbers.iter().enumerate() {
            if to != u32::MAX {
                old[to as usize] = from as u32;
            }
        }
        let (mut new, mut entries) = (Self::default(), Vec::new());
        for from in old {
            let (columns, values) = self.row(from);
            entries.clear();
            let kept = columns.iter().map(|&column| numbers[column as usize]).zip(values.iter().copied());
            entries.extend(kept.filter(|&(column, _)| column != u32::MAX));
            entries.sort_unstable_by_key(|&(column, _)| column);
            new.columns.extend(entries.iter().map(|&(column, _)| column));
            new.values.extend(entries.iter().map(|&(_, value)| value));
            new.ends.push(new.columns.len() as u64);
        }
        new
    }

    /// Adds the rows of a history, each times its weight, to a row of scores.
    pub fn add_rows(&self, memory: Memory, history: &[u32], scores: &mut [f32]) {
        for (item, weight) in memory.of(history) {
            let (columns, values) = self.row(item);
            for (&column, &value) in columns.iter().zip(values) {
                scores[column as usize] += weight * value;
            }
        }
    }
}

/// Builds a sparse matrix row by row on all threads: `fill` adds the values of a row to a dense row of
/// zeros and names every column it touched, as often as it likes.
fn rows_in_parallel(
    rows: usize,
    columns: usize,
    threads: usize,
    fill: impl Fn(u32, &mut [f32], &mut Vec<u32>) + Sync,
) -> Sparse {
    const BLOCK: usize = 64;
    let next = std::sync::atomic::AtomicUsize::new(0);
    let (parts, stop) = (std::sync::Mutex::new(Vec::new()), Stop::current());
    let work = || {
        let (mut dense, mut touched) = (vec![0.0f32; columns], Vec::new());
        loop {
            let first = next.fetch_add(BLOCK, std::sync::atomic::Ordering::Relaxed);
            if first >= rows {
                break;
            }
            let mut part = Sparse::default();
            for row in first..rows.min(first + BLOCK) {
                touched.clear();
                if !stop.requested() {
                    fill(row as u32, &mut dense, &mut touched);
                }
                touched.sort_unstable();
                touched.dedup();
                for &column in &touched {
                    let value = std::mem::take(&mut dense[column as usize]);
                    if value != 0.0 {
                        part.columns.push(column);
                        part.values.push(value);
                    }
                }
                part.ends.push(part.columns.len() as u64);
            }
            parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((first, part));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut parts = parts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    parts.sort_unstable_by_key(|&(first, _)| first);
    let mut all = Sparse::default();
    for (_, part) in parts {
        let before = all.columns.len() as u64;
        all.ends.extend(part.ends.iter().map(|end| before + end));
        all.columns.extend(part.columns);
        all.values.extend(part.values);
    }
    all
}

/// For each item the numbers of the sequences that hold it, rising.
fn sequences_of_items(train: &Sequences, items: usize) -> (Vec<usize>, Vec<u32>) {
    let mut ends = vec![0usize; items];
    for &item in train.iter().flatten() {
        ends[item as usize] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut rows = vec![0u32; sum];
    for (number, sequence) in train.iter().enumerate() {
        for &item in sequence {
            rows[ends[item as usize]] = number as u32;
            ends[item as usize] += 1;
        }
    }
    (ends, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_fades_from_the_newest_item() {
        let memory = Memory { last: 2, decay: 0.5 };
        assert_eq!(memory.of(&[7, 8, 9]).collect::<Vec<_>>(), [(9, 1.0), (8, 0.5)]);
        assert_eq!(Memory::ALL.of(&[7, 8]).collect::<Vec<_>>(), [(8, 1.0), (7, 1.0)]);
    }

    #[test]
    fn rows_built_on_several_threads_are_in_order() {
        let matrix = |threads| {
            rows_in_parallel(1000, 7, threads, |row, dense, touched| {
                for column in [row % 7, (row + 3) % 7] {
                    dense[column as usize] += row as f32;
                    touched.push(column);
                }
            })
        };
        assert_eq!(matrix(1), matrix(3));
        assert_eq!(matrix(2).row(5), (&[1, 5][..], &[5.0, 5.0][..]));
        assert_eq!(matrix(2).row(0), (&[][..], &[][..]));
    }
}
