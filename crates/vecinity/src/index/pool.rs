//! The nearest rows of a walk so far, sorted, with a mark on those whose links were followed; and the rows that were seen.
//!
//! A sorted array beats two heaps here: it is short, most candidates fail at its last entry, and the next row to follow
//! is found by going on from where the last one was.

/// Marks a row whose links were followed; rows are below it.
const FOLLOWED: u32 = 1 << 31;

/// The nearest `capacity` rows so far, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    entries: Vec<(f32, u32)>,
    capacity: usize,
    /// All entries before this one are followed.
    next: usize,
}

impl Pool {
    pub(super) fn reset(&mut self, capacity: usize) {
        self.entries.clear();
        self.entries.reserve(capacity);
        (self.capacity, self.next) = (capacity, 0);
    }

    /// The distance that a row has to be below.
    #[inline]
    pub(super) fn bar(&self) -> f32 {
        if self.entries.len() < self.capacity { f32::INFINITY } else { self.entries.last().map_or(0.0, |last| last.0) }
    }

    #[inline]
    pub(super) fn offer(&mut self, distance: f32, row: u32) {
        if distance >= self.bar() || self.capacity == 0 {
            return;
        }
        if self.entries.len() == self.capacity {
            self.entries.pop();
        }
        let at = self.entries.partition_point(|entry| entry.0 <= distance);
        self.entries.insert(at, (distance, row));
        self.next = self.next.min(at);
    }

    /// Takes in scores of rows.
    #[inline]
    pub(super) fn offer_all(&mut self, distances: &[f32], rows: impl Iterator<Item = u32>) {
        for (&distance, row) in distances.iter().zip(rows) {
            self.offer(distance, row);
        }
    }

    /// Takes in distances of which most are above the bar: sixteen are looked at together. `row` says which row it is, if it may
    /// be taken in; it is asked only of those below the bar.
    #[inline]
    pub(super) fn offer_few(&mut self, distances: &[f32], row: impl Fn(usize) -> Option<u32>) {
        for (part, distances) in distances.chunks(16).enumerate() {
            let bar = self.bar();
            if !distances.iter().fold(false, |below, &distance| below | (distance < bar)) {
                continue;
            }
            for (at, &distance) in distances.iter().enumerate() {
                if distance < self.bar()
                    && let Some(row) = row(part * 16 + at)
                {
                    self.offer(distance, row);
                }
            }
        }
    }

    /// The nearest row whose links were not followed, marked from now on.
    #[inline]
    pub(super) fn follow(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.next) {
            self.next += 1;
            if entry.1 & FOLLOWED == 0 {
                let row = entry.1;
                entry.1 |= FOLLOWED;
                return Some(row);
            }
        }
        None
    }

    /// The row that is followed next if nothing nearer comes.
    #[inline]
    pub(super) fn peek(&self) -> Option<u32> {
        self.entries.get(self.next).map(|entry| entry.1 & !FOLLOWED)
    }

    /// Distances and rows, the nearest first.
    pub(super) fn found(&self) -> impl Iterator<Item = (f32, u32)> {
        self.entries.iter().map(|&(distance, row)| (distance, row & !FOLLOWED))
    }
}

/// Rows that a walk has seen: a bit each, and the words that have to be cleared.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bits: Vec<u64>,
    touched: Vec<u32>,
}

impl Seen {
    /// Forgets everything; rows are below `rows`.
    pub(super) fn reset(&mut self, rows: usize) {
        for word in self.touched.drain(..) {
            self.bits[word as usize] = 0;
        }
        self.bits.resize(rows.div_ceil(64), 0);
    }

    /// Whether the row is seen for the first time.
    #[inline]
    pub(super) fn first(&mut self, row: u32) -> bool {
        let word = &mut self.bits[(row >> 6) as usize];
        let bit = 1 << (row & 63);
        if *word & bit != 0 {
            return false;
        }
        if *word == 0 {
            self.touched.push(row >> 6);
        }
        *word |= bit;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pool_keeps_the_nearest_and_follows_each_once(
            rows in prop::collection::vec(0u16..500, 0..200), capacity in 0usize..30, pause in 1usize..9,
        ) {
            let mut pool = Pool::default();
            pool.reset(capacity);
            let mut followed = Vec::new();
            for (row, &distance) in rows.iter().enumerate() {
                pool.offer(f32::from(distance), row as u32);
                if row % pause == 0 {
                    followed.extend(pool.follow());
                }
            }
            while let Some(row) = pool.follow() {
                followed.push(row);
            }
            let found: Vec<_> = pool.found().map(|(_, row)| row).collect();
            let mut wanted: Vec<u32> = (0..rows.len() as u32).collect();
            wanted.sort_by_key(|&row| rows[row as usize]);
            wanted.truncate(capacity);
            prop_assert_eq!(&found, &wanted);
            for row in found {
                prop_assert_eq!(followed.iter().filter(|&&f| f == row).count(), 1);
            }
        }
    }

    #[test]
    fn a_row_is_seen_for_the_first_time_once_a_walk() {
        let mut seen = Seen::default();
        for _ in 0..2 {
            seen.reset(200);
            assert!(seen.first(130) && seen.first(131) && !seen.first(130));
        }
    }
}
