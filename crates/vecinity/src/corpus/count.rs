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

/// Bytes looked at together.
const WORD: usize = 8;
/// The high bits of eight bytes.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// Short tokens remembered, a power of two: they stay in the nearest cache.
const RECENT: usize = 1024;

/// The tokens of one block: distinct tokens with counts, and the block as numbers of these.
#[derive(Debug, Default)]
pub(super) struct BlockTokens {
    /// All distinct tokens, one behind the other: near each other, unlike their places in the block.
    text: String,
    /// Hash, place in `text`, count: one a distinct token, by first occurrence.
    distinct: Vec<Distinct>,
    /// Numbers into `distinct`, and [`LINE_END`].
    pub(super) stream: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Distinct {
    hash: u64,
    start: u32,
    len: u32,
    count: u64,
}

impl Distinct {
    fn text<'t>(&self, text: &'t str) -> &'t str {
        &text[self.start as usize..(self.start + self.len) as usize]
    }
}

impl BlockTokens {
    /// The distinct tokens, by first occurrence, with their counts.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.distinct.iter().map(|d| (d.text(&self.text), d.count))
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
        tokens: BlockTokens {
            text: String::new(),
            distinct: Vec::with_capacity(1 << 12),
            stream: Vec::with_capacity(bytes.len() / 5),
        },
        table: HashTable::with_capacity(1 << 13),
        hasher: hasher(),
        recent: vec![(0, 0); RECENT],
    };
    let mut at = 0;
    while at < bytes.len() {
        let word = word(bytes, at);
        let spaces = spaces(word);
        if spaces & 0x80 != 0 {
            if bytes[at] == b'\n' {
                counter.tokens.stream.push(LINE_END);
            }
            at += 1;
            continue;
        }
        let start = at;
        if spaces != 0 {
            let len = spaces.trailing_zeros() as usize / 8;
            let head = word & ((1 << (8 * len)) - 1);
            at += len;
            if head & HIGH_BITS == 0 {
                counter.add_short(head, start, at);
                continue;
            }
        } else {
            at = end_of_token(bytes, at + WORD);
        }
        let token = &bytes[start..at];
        if token.is_ascii() {
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

/// Eight bytes from `at` on, the first lowest; behind the end there are spaces.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [b' '; WORD];
    match bytes.get(at..at + WORD) {
        Some(whole) => eight.copy_from_slice(whole),
        None => eight[..bytes.len() - at].copy_from_slice(&bytes[at..]),
    }
    u64::from_le_bytes(eight)
}

/// The high bit of bytes that are ASCII white space or control characters; only the lowest of them is exact.
#[inline]
fn spaces(word: u64) -> u64 {
    word.wrapping_sub(HIGH_BITS / 0x80 * 0x21) & !word & HIGH_BITS
}

/// Where the token ends whose bytes before `at` are known.
#[inline]
fn end_of_token(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match spaces(word(bytes, at)) {
            0 => at += WORD,
            found => return at + found.trailing_zeros() as usize / 8,
        }
    }
    bytes.len()
}

struct BlockCounter<'t> {
    text: &'t str,
    tokens: BlockTokens,
    table: HashTable<u32>,
    hasher: foldhash::fast::FixedState,
    /// Short tokens seen last, as numbers, and their places in `distinct`: most of a text are a few hundred words, which
    /// need no hash and no look at the text.
    recent: Vec<(u64, u32)>,
}

impl BlockCounter<'_> {
    /// An ASCII token of at most seven bytes, `head`: none of them is zero, so that no two tokens have the same.
    #[inline]
    fn add_short(&mut self, head: u64, start: usize, end: usize) {
        // The multiplier of Fibonacci hashing: 2^64 divided by the golden ratio.
        let slot = (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - RECENT.ilog2())) as usize;
        let (known, number) = self.recent[slot];
        if known == head {
            self.tokens.distinct[number as usize].count += 1;
            self.tokens.stream.push(number);
        } else {
            self.add(start, end);
            self.recent[slot] = (head, self.tokens.stream[self.tokens.stream.len() - 1]);
        }
    }

    fn add(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        let token = &self.text.as_bytes()[start..end];
        let hash = self.hasher.hash_one(token);
        let BlockTokens { text, distinct, stream } = &mut self.tokens;
        let found = self.table.find(hash, |&n| {
            let d = &distinct[n as usize];
            d.hash == hash && d.text(text).as_bytes() == token
        });
        let number = if let Some(&number) = found {
            distinct[number as usize].count += 1;
            number
        } else {
            let number = distinct.len() as u32;
            distinct.push(Distinct { hash, start: text.len() as u32, len: (end - start) as u32, count: 1 });
            text.push_str(&self.text[start..end]);
            self.table.insert_unique(hash, number, |&n| distinct[n as usize].hash);
            number
        };
        stream.push(number);
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
    pub(super) fn merge(&mut self, block: &BlockTokens) -> Vec<u32> {
        block.distinct.iter().map(|d| self.add(d.text(&block.text), d.hash, d.count)).collect()
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
        let names: Vec<_> = block.iter().collect();
        assert_eq!(names, [("b", 2), ("a", 2), ("c", 1), ("ü", 1)]);
        assert_eq!(block.stream, [0, 1, 0, LINE_END, LINE_END, 1, 2, 3]);
    }

    /// Against the standard library's idea of tokens, for all lengths around those of a word, at all places.
    #[test]
    fn blocks_are_cut_as_the_standard_library_cuts() {
        let mut rng = crate::rng::Rng::new(4, 0);
        let letters = ["a", "b", "\u{7f}", "ü", "世", "\u{3000}", "\u{a0}", "\t", "\r", " ", " "];
        for _ in 0..300 {
            let mut line = String::new();
            for _ in 0..rng.below(60) {
                let letter = letters[rng.below(letters.len() as u32) as usize];
                line.push_str(&letter.repeat(if letter.trim().is_empty() { 1 } else { 1 + rng.below(9) as usize }));
            }
            let block = count_block(&line);
            let found: Vec<_> = block.stream.iter().map(|&n| block.distinct[n as usize].text(&block.text)).collect();
            assert_eq!(found, line.split_whitespace().collect::<Vec<_>>(), "{line:?}");
            let counts: u64 = block.iter().map(|(_, count)| count).sum();
            assert_eq!(counts as usize, found.len());
        }
    }

    #[test]
    fn pruning_keeps_the_frequent_tokens_and_says_where_all_went() {
        let mut table = Table::new(4);
        let text = "a a a b b c d e";
        let ids = table.merge(&count_block(text));
        assert!(table.is_full());
        let map = table.prune();
        let kept: Vec<_> = (0..table.len() as u32).map(|id| table.get(id)).collect();
        assert_eq!(kept, [("a", 3), ("b", 2)]);
        assert_eq!(ids.iter().map(|&id| map[id as usize]).collect::<Vec<_>>(), [0, 1, GONE, GONE, GONE]);
        assert_eq!(table.threshold, 1);
    }
}
