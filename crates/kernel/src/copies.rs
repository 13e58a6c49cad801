//! A thread's own copies of the rows that all threads write all the time.
//!
//! A row that another core has written must be fetched from its cache: 27 ns where both share a cache, 160 ns where
//! they do not (measured on an AMD EPYC), against 1 to 10 ns for a row that is here. Words are distributed so unevenly
//! that nearly every block meets some of the few thousand most frequent ones, so two threads that share all rows can
//! be slower than one. With copies, a thread learns with its own and adds what it has learned to the shared row once
//! in so many uses, when it also takes over what the others have learned there: the delayed gradients of Hogwild
//! (Niu et al. 2011, arXiv:1106.5730), at a delay that is chosen here.

use crate::isa::{Isa, dispatch};
use crate::lanes::Lanes;
use crate::prefetch;
use crate::rows::{ALIGN, SharedRows};
use std::cell::Cell;
use std::io;

/// No row.
const NONE: u32 = u32::MAX;

/// Copies of the first rows of a table, for one thread.
///
/// Low row numbers should be the most used rows: tables are ordered by falling frequency. The shared rows hold
/// everything only after [`reconcile_all`](Self::reconcile_all).
#[derive(Debug)]
pub struct Copies {
    isa: Isa,
    rows: usize,
    /// The rows as this thread has them.
    own: SharedRows,
    /// The shared rows as they were when last reconciled.
    base: SharedRows,
    /// Uses, of any row, until one is picked to be reconciled.
    left: Cell<usize>,
    every: usize,
    /// The state of the generator that spreads the picks.
    chance: Cell<u32>,
    /// The row that was picked and asked for: it has until the next pick to come from another core.
    picked: Cell<u32>,
}

impl Copies {
    /// Copies of the first `rows` rows of `table`, or of all if it has fewer.
    ///
    /// * `every`: a row is reconciled with the shared one after so many uses on average, at least 1.
    ///
    /// # Errors
    /// Those of [`SharedRows::zeroed`].
    pub fn of(table: &SharedRows, rows: usize, every: usize) -> io::Result<Self> {
        let rows = rows.min(table.rows()).min(NONE as usize);
        let (mut own, mut base) = (SharedRows::zeroed(rows, table.dim())?, SharedRows::zeroed(rows, table.dim())?);
        for row in 0..rows {
            table.read_into(row, base.row_mut(row));
            own.row_mut(row).copy_from_slice(base.row_mut(row));
        }
        let every = every.max(1);
        let (left, chance, picked) = (Cell::new(every), Cell::new(0), Cell::new(NONE));
        Ok(Self { isa: Isa::active(), rows, own, base, left, every, chance, picked })
    }

    /// Whether these can be copies of the rows of `table`.
    pub(crate) fn fit(&self, table: &SharedRows) -> bool {
        table.dim() == self.own.dim() && table.rows() >= self.rows
    }

    /// Whether there is a copy of `row`.
    #[inline(always)]
    pub(crate) fn has(&self, row: usize) -> bool {
        row < self.rows
    }

    /// The copy of a row, to look at.
    #[inline(always)]
    pub(crate) fn pointer(&self, row: usize) -> *mut f32 {
        self.own.pointer(row)
    }

    /// Says that the rows `ids` of `table` are about to be changed.
    ///
    /// Picks one use in `every` at random, so that no count of uses has to be kept for each row.
    #[inline(always)]
    pub(crate) fn count(&self, table: &SharedRows, ids: &[u32]) {
        let mut at = self.left.get();
        while at < ids.len() {
            at += self.pick(table, ids[at] as usize);
        }
        self.left.set(at - ids.len());
    }

    /// Asks for a row that will be reconciled next time, and draws when that is: in 1 to `2 every - 1` uses.
    #[inline(never)]
    fn pick(&self, table: &SharedRows, row: usize) -> usize {
        if self.picked.get() != NONE {
            self.reconcile(table, self.picked.replace(NONE) as usize);
        }
        if self.has(row) {
            self.picked.set(row as u32);
            for at in (0..table.dim()).step_by(ALIGN) {
                prefetch::line_to_write(table.pointer(row).wrapping_add(at));
                prefetch::line_to_write(self.base.pointer(row).wrapping_add(at));
            }
        }
        // Constants of Numerical Recipes; the upper bits are the better ones.
        let chance = self.chance.get().wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.chance.set(chance);
        1 + ((u64::from(chance) * (2 * self.every as u64 - 1)) >> 32) as usize
    }

    /// Adds what was learned to the shared row, and takes over what others have.
    #[inline(never)]
    fn reconcile(&self, table: &SharedRows, row: usize) {
        let (shared, own, base) = (table.pointer(row), self.own.pointer(row), self.base.pointer(row));
        let (isa, width) = (self.isa, table.dim().next_multiple_of(8));
        // SAFETY: `pointer` checked the row of each table; all have the same `dim`, padded to whole registers; the
        // instruction set is that of this process. The shared row is raced for as `SharedRows` says.
        unsafe { dispatch!(isa, reconcile(shared: *mut f32, own: *mut f32, base: *mut f32, width: usize)) }
    }

    /// Reconciles all rows with those of `table`, of which these are copies.
    ///
    /// # Panics
    /// If `table` has fewer rows or another `dim`.
    pub fn reconcile_all(&self, table: &SharedRows) {
        assert!(self.fit(table), "copies are of rows of the same table");
        (0..self.rows).for_each(|row| self.reconcile(table, row));
    }
}

/// `shared += own - base`, then `own = base = shared`.
///
/// # Safety
/// The pointers are valid for `width` floats, a multiple of eight, and up to the next register of `L`; the
/// instruction set of `L`.
#[inline(always)]
unsafe fn reconcile<L: Lanes>(shared: *mut f32, own: *mut f32, base: *mut f32, width: usize) {
    // SAFETY: rows are padded to 16 floats, the widest register.
    unsafe {
        for at in (0..width).step_by(L::WIDTH) {
            let learned = L::load(own.add(at)).sub(L::load(base.add(at)));
            let new = L::load(shared.add(at)).add(learned);
            new.store(shared.add(at));
            new.store(own.add(at));
            new.store(base.add(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Table;

    fn table() -> SharedRows {
        let mut table = SharedRows::zeroed(3, 19).unwrap();
        (0..3).for_each(|row| table.row_mut(row).fill(row as f32));
        table
    }

    fn row(table: &SharedRows, row: usize) -> Vec<f32> {
        let mut values = vec![0.0; table.dim()];
        table.read_into(row, &mut values);
        values
    }

    #[test]
    fn what_two_threads_learned_is_added_up() {
        let shared = table();
        let (one, two) = (Copies::of(&shared, 2, 200).unwrap(), Copies::of(&shared, 2, 200).unwrap());
        let (a, b) = (Table::from(&shared).with(&one), Table::from(&shared).with(&two));
        a.add_to(1, 1.0, &[0.5; 19]);
        a.add_to(1, 1.0, &[0.25; 19]);
        b.add_to(1, 2.0, &[1.0; 19]);
        // A row without a copy is the shared one.
        a.add_to(2, 1.0, &[1.0; 19]);
        assert_eq!(row(&shared, 2), [3.0; 19]);
        let seen = |table: Table<'_>| {
            let mut values = [0.0; 19];
            table.add_from(1, 1.0, &mut values);
            values
        };
        assert_eq!(seen(a), [1.75; 19]);
        one.reconcile_all(&shared);
        two.reconcile_all(&shared);
        assert_eq!(row(&shared, 1), [3.75; 19]);
        // Once more adds nothing, and the first takes over what the second learned.
        one.reconcile_all(&shared);
        assert_eq!((row(&shared, 0), row(&shared, 1), seen(a)), (vec![0.0; 19], vec![3.75; 19], [3.75; 19]));
    }

    #[test]
    fn one_use_in_so_many_is_reconciled() {
        let shared = table();
        let every = 5;
        let copies = Copies::of(&shared, 2, every).unwrap();
        let table = Table::from(&shared).with(&copies);
        let (mut times, mut before) = ([0; 2], [0.0, 1.0]);
        let uses = 30_000;
        for _ in 0..uses {
            for at in 0..2 {
                table.add_to(at, 1.0, &[1.0; 19]);
                let now = row(&shared, at)[18];
                times[at] += usize::from(now != before[at]);
                before[at] = now;
            }
        }
        // Each row about as often as the other, although they take turns.
        let mean = uses / every;
        assert!(times.iter().all(|&times| times.abs_diff(mean) < mean / 5), "{times:?}, expected {mean}");
        copies.reconcile_all(&shared);
        assert_eq!((row(&shared, 0)[0], row(&shared, 1)[0]), (30_000.0, 30_001.0));
    }
}
