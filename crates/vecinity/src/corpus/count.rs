//! Tokens become provisional ids: per block in parallel, then merged in the order of the text.
//!
//! A block is counted on its own, so that threads share nothing; its few thousand distinct tokens
//! are then looked up in the table of the whole corpus. Provisional ids go by first occurrence,
//! whatever the number of threads.
//!
//! If the table outgrows its limit, the rarest tokens leave it (as `ReduceVocab` of word2vec.c does:
//! all with a count at or below a threshold that rises each time). The survivors are renumbered and
//! the old-to-new table is kept in a work file, so that memory stays bounded.

use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Stands for a line end in the provisional stream.
pub(super) const LINE_END: u32 = u32::MAX;
/// Stands for a token that was pruned.
pub(super) const GONE: u32 = u32::MAX - 1;

/// The tokens of one block: distinct tokens with counts, and the block as numbers of these.
#[derive(Debug, Default)]
pub(super) struct BlockTokens {
    /// Hash, place in the text, count: one a distinct token, by first occurrence.
    pub(super) distinct: Vec<Distinct>,
    /// Numbers into `distinct`, and [`LINE_END`].
    pub(super) stream: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Distinct {
    hash: u64,
    start: u32,
    len: u32,
    pub(super) count: u64,
}

impl Distinct {
    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..(self.start + self.len) as usize]
    }
}

/// One hash for blocks and table, so that no token is hashed twice.
fn hasher() -> foldhash::fast::FixedState {
    foldhash::fast::FixedState::with_seed(0x5eed)
}

/// Cuts `text` (at most 4 GiB) into tokens at white space and counts them.
pub(super) fn count_block(text: &str) -> BlockTokens {
    let bytes = text.as_bytes();
    let mut counter = BlockCounter {
        text,
        tokens: BlockTokens { distinct: Vec::with_capacity(1 << 12), stream: Vec::with_capacity(bytes.len() / 5) },
        table: HashTable::with_capacity(1 << 13),
        hasher: hasher(),
    };
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte <= b' ' {
            if byte == b'\n' {
                counter.tokens.stream.push(LINE_END);
            }
            at += 1;
            continue;
        }
        let start = at;
        let mut seen = 0u8;
        while at < bytes.len() && bytes[at] > b' ' {
            seen |= bytes[at];
            at += 1;
        }
        if seen < 0x80 {
            counter.add(start, at);
        } else {
            // Unicode has more white space than ASCII (no-break and ideographic space, ...).
            let mut from = start;
            for (offset, space) in text[start..at].match_indices(char::is_whitespace) {
                counter.add(from, start + offset);
                from = start + offset + space.len();
            }
            counter.add(from, at);
        }
    }
    counter.tokens
}

struct BlockCounter<'t> {
    text: &'t str,
    tokens: BlockTokens,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
}

impl BlockCounter<'_> {
    #[inline]
    fn add(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        let token = &self.text.as_bytes()[start..end];
        let hash = self.hasher.hash_one(token);
        let (distinct, text) = (&mut self.tokens.distinct, self.text.as_bytes());
        let found = self.table.find(hash, |&n| {
            let d = &distinct[n as usize];
            d.hash == hash && &text[d.start as usize..(d.start + d.len) as usize] == token
        });
        let number = if let Some(&number) = found {
            distinct[number as usize].count += 1;
            number
        } else {
            let number = distinct.len() as u32;
            distinct.push(Distinct { hash, start: start as u32, len: (end - start) as u32, count: 1 });
            self.table.insert_unique(hash, number, |&n| distinct[n as usize].hash);
            number
        };
        self.tokens.stream.push(number);
    }
}

/// The tokens of the whole corpus so far.
pub(super) struct Table {
    /// All tokens, one behind the other.
    text: String,
    entries: Vec<Entry>,
    rows: HashTable<u32>,
    /// Prune when there are more tokens than this.
    limit: usize,
    /// Tokens with at most this count left at the last pruning.
    pub(super) threshold: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    start: u64,
    len: u32,
    count: u64,
}

impl Table {
    pub(super) fn new(limit: usize) -> Self {
        Self { text: String::new(), entries: Vec::new(), rows: HashTable::new(), limit, threshold: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Token and count of a provisional id.
    pub(super) fn get(&self, id: u32) -> (&str, u64) {
        let e = &self.entries[id as usize];
        (&self.text[e.start as usize..][..e.len as usize], e.count)
    }

    /// Adds one occurrence of a token; the result is its provisional id.
    pub(super) fn push(&mut self, token: &str) -> u32 {
        self.add(token, hasher().hash_one(token.as_bytes()), 1)
    }

    /// Adds the tokens of a block; the result maps the block's numbers to provisional ids.
    pub(super) fn merge(&mut self, text: &str, block: &BlockTokens) -> Vec<u32> {
        block.distinct.iter().map(|d| self.add(d.text(text), d.hash, d.count)).collect()
    }

    fn add(&mut self, token: &str, hash: u64, count: u64) -> u32 {
        let (entries, text) = (&mut self.entries, &mut self.text);
        let found = self.rows.find(hash, |&id| {
            let e = &entries[id as usize];
            e.hash == hash && &text[e.start as usize..][..e.len as usize] == token
        });
        if let Some(&id) = found {
            entries[id as usize].count += count;
            return id;
        }
        let id = entries.len() as u32;
        entries.push(Entry { hash, start: text.len() as u64, len: token.len() as u32, count });
        text.push_str(token);
        self.rows.insert_unique(hash, id, |&id| entries[id as usize].hash);
        id
    }

    /// Whether the table is over its limit.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() > self.limit
    }

    /// Drops the rarest tokens until at most half of the limit is used (or only one count is left);
    /// the result maps old ids to new ones or [`GONE`].
    pub(super) fn prune(&mut self) -> Vec<u32> {
        while self.entries.iter().filter(|e| e.count > self.threshold).count() > self.limit / 2 {
            self.threshold += 1;
        }
        let old = std::mem::replace(self, Self { threshold: self.threshold, ..Self::new(self.limit) });
        (0..old.entries.len() as u32)
            .map(|id| {
                let (token, count) = old.get(id);
                if count > old.threshold { self.add(token, old.entries[id as usize].hash, count) } else { GONE }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_counted_by_white_space_of_any_kind() {
        let text = "b a\tb\r\n\n a\u{a0}c\u{3000}ü ";
        let block = count_block(text);
        let names: Vec<_> = block.distinct.iter().map(|d| (d.text(text), d.count)).collect();
        assert_eq!(names, [("b", 2), ("a", 2), ("c", 1), ("ü", 1)]);
        assert_eq!(block.stream, [0, 1, 0, LINE_END, LINE_END, 1, 2, 3]);
    }

    #[test]
    fn pruning_keeps_the_frequent_tokens_and_says_where_all_went() {
        let mut table = Table::new(4);
        let text = "a a a b b c d e";
        let ids = table.merge(text, &count_block(text));
        assert!(table.is_full());
        let map = table.prune();
        let kept: Vec<_> = (0..table.len() as u32).map(|id| table.get(id)).collect();
        assert_eq!(kept, [("a", 3), ("b", 2)]);
        assert_eq!(ids.iter().map(|&id| map[id as usize]).collect::<Vec<_>>(), [0, 1, GONE, GONE, GONE]);
        assert_eq!(table.threshold, 1);
    }
}
