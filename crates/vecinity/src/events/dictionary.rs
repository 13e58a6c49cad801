//! Strings to numbers: the dictionaries of the table, and those of the threads that read.
//!
//! A reading thread has a dictionary of its own, so that no row waits for another thread. It goes on from
//! batch to batch: a batch hands over the names that are new in it and no others, and the table translates
//! the thread's numbers to its own. So a name is looked up in the table once a thread, not once a row.

use crate::histories::Names;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use vecinity_kernel::prefetch;

/// Names that a thread remembers, at most; beyond, it begins afresh with the next batch. About 25 MB.
const REMEMBERED: usize = 1 << 19;
/// Names that wait for their slots to arrive from memory.
const WAITING: usize = 32;

/// Strings, each once, by number.
///
/// Open addressing: a name stands in the first free slot from the one that its hash tells. Logs of many users
/// spend most of their time here, waiting for slots that are in no cache; hence slots that hold
/// the name itself, and [`Dictionary`], which asks for slots in advance.
#[derive(Default)]
pub(super) struct Interner {
    pub(super) names: Names,
    /// A power of two of them, at most two thirds taken.
    slots: Vec<Slot>,
    hasher: FixedState,
}

/// A name and its number.
#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    number: u32,
}

impl Slot {
    const FREE: Self = Self { key: Key([0; Key::SHORT + 1]), number: u32::MAX };
}

/// A short name as it is, with its length at the end; the hash of a long one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key([u8; Key::SHORT + 1]);

impl Key {
    /// Bytes of a short name, at most.
    const SHORT: usize = 11;
    /// In the place of the length.
    const LONG: u8 = u8::MAX;

    #[inline]
    fn new(name: &str, hasher: &FixedState) -> Self {
        let mut key = [0; Self::SHORT + 1];
        if name.len() <= Self::SHORT {
            key[..name.len()].copy_from_slice(name.as_bytes());
            key[Self::SHORT] = name.len() as u8;
        } else {
            key[..8].copy_from_slice(&hasher.hash_one(name).to_ne_bytes());
            key[Self::SHORT] = Self::LONG;
        }
        Self(key)
    }

    #[inline]
    fn is_long(self) -> bool {
        self.0[Self::SHORT] == Self::LONG
    }

    #[inline]
    fn hash(self, hasher: &FixedState) -> u64 {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.0;
        hasher.hash_one((u64::from_ne_bytes([a, b, c, d, e, f, g, h]), u32::from_ne_bytes([i, j, k, l])))
    }
}

impl Interner {
    /// The number of a name.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        let key = Key::new(name, &self.hasher);
        self.find(key, key.hash(&self.hasher), name)
    }

    #[inline]
    fn find(&mut self, key: Key, hash: u64, name: &str) -> u32 {
        if 3 * (self.names.len() + 1) > 2 * self.slots.len() {
            self.grow();
        }
        let last = self.slots.len() - 1;
        let mut at = hash as usize & last;
        loop {
            let slot = self.slots[at];
            if slot.number == Slot::FREE.number {
                break;
            }
            if slot.key == key && (!key.is_long() || self.names.get(slot.number as usize) == name) {
                return slot.number;
            }
            at = (at + 1) & last;
        }
        let number = self.names.len() as u32;
        self.slots[at] = Slot { key, number };
        self.names.push(name);
        number
    }

    #[cold]
    fn grow(&mut self) {
        let slots = vec![Slot::FREE; (2 * self.slots.len()).max(64)];
        for slot in std::mem::replace(&mut self.slots, slots) {
            if slot.number != Slot::FREE.number {
                let last = self.slots.len() - 1;
                let mut at = slot.key.hash(&self.hasher) as usize & last;
                while self.slots[at].number != Slot::FREE.number {
                    at = (at + 1) & last;
                }
                self.slots[at] = slot;
            }
        }
    }

    /// Asks for the slot that [`find`](Self::find) will look at first.
    #[inline]
    fn expect(&self, hash: u64) {
        prefetch::value(&self.slots, hash as usize & self.slots.len().wrapping_sub(1));
    }
}

/// The names of one column that a thread has met, and how many of them the table knows.
#[derive(Default)]
pub(super) struct Dictionary {
    interner: Interner,
    told: usize,
    /// Names on their way: keys, hashes and where each ends in the text.
    waiting: Vec<(Key, u64, usize)>,
    text: String,
}

impl Dictionary {
    /// Appends the thread's number of a name to `numbers`: now, or together with the names behind it.
    #[inline]
    pub(super) fn push(&mut self, name: &str, numbers: &mut Vec<u32>) {
        let key = Key::new(name, &self.interner.hasher);
        let hash = key.hash(&self.interner.hasher);
        self.interner.expect(hash);
        self.text.push_str(name);
        self.waiting.push((key, hash, self.text.len()));
        if self.waiting.len() >= WAITING {
            self.settle(numbers);
        }
    }

    /// Appends the numbers of the names that wait.
    pub(super) fn settle(&mut self, numbers: &mut Vec<u32>) {
        let mut start = 0;
        for (key, hash, end) in self.waiting.drain(..) {
            numbers.push(self.interner.find(key, hash, &self.text[start..end]));
            start = end;
        }
        self.text.clear();
    }

    /// What the table does not know yet.
    pub(super) fn news(&mut self) -> News {
        let names = &self.interner.names;
        let news = News { first: self.told, names: (self.told..names.len()).map(|number| names.get(number)).collect() };
        self.told = names.len();
        if self.told > REMEMBERED {
            *self = Self::default();
        }
        news
    }
}

/// The names behind a thread's numbers from `first` on. What it called so before is forgotten.
#[derive(Default)]
pub(super) struct News {
    first: usize,
    names: Names,
}

impl News {
    /// Carries a thread's translation on: the table's number for each of the thread's.
    pub(super) fn translate(&self, table: &mut Interner, translation: &mut Vec<u32>) {
        translation.truncate(self.first);
        translation.extend(self.names.iter().map(|name| table.number(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_differ_in_their_end_or_length_have_numbers_of_their_own() {
        let names = ["", "a", "a\0", "\0a", "elevenbytes", "elevenbytez", "twelve bytes", "twelve bytez", "a"];
        let mut interner = Interner::default();
        let numbers: Vec<u32> = names.iter().map(|name| interner.number(name)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 1]);
        assert_eq!(interner.names.iter().collect::<Vec<_>>(), names[..8]);
    }

    proptest! {
        /// Whatever two threads see and when they forget, the table knows each name by its first place in the data.
        #[test]
        fn translations_lead_to_the_names(
            batches in prop::collection::vec((0usize..2, prop::bool::ANY, prop::collection::vec("[ab]{1,3}|[ab]{12}", 0..80)), 0..12),
        ) {
            let mut threads = [Dictionary::default(), Dictionary::default()];
            let mut translations = [Vec::new(), Vec::new()];
            let (mut table, mut in_order) = (Interner::default(), Vec::<String>::new());
            for (thread, forgets, names) in batches {
                let mut numbers = Vec::new();
                names.iter().for_each(|name| threads[thread].push(name, &mut numbers));
                threads[thread].settle(&mut numbers);
                threads[thread].news().translate(&mut table, &mut translations[thread]);
                for (name, number) in names.iter().zip(numbers) {
                    let number = translations[thread][number as usize];
                    prop_assert_eq!(table.names.get(number as usize), name);
                    if !in_order.contains(name) {
                        in_order.push(name.clone());
                    }
                }
                if forgets {
                    threads[thread] = Dictionary::default();
                }
            }
            prop_assert_eq!(table.names.iter().collect::<Vec<_>>(), in_order);
        }
    }
}
