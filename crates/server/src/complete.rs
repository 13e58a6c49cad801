//! What a person may mean who has typed a few letters of an id or a title.

use std::collections::{BTreeMap, BTreeSet};
use vecinity::{Embeddings, TokenId};

/// All ids and titles of a model in lower case, one behind the other, to be searched as one text.
#[derive(Debug, Default)]
pub(crate) struct Complete {
    text: String,
    /// Where each entry starts, by rising place; two entries of a row have the same row.
    starts: Vec<u32>,
    rows: Vec<u32>,
    /// Each word of an id or title, and the rows that have it, rising.
    words: BTreeMap<String, Vec<u32>>,
}

/// Between entries; no id or title that holds it can be found beyond it.
const END: char = '\u{1}';

impl Complete {
    pub(crate) fn new(embeddings: &Embeddings) -> Self {
        let mut all = Self::default();
        for (id, token, _) in embeddings.vocab().iter() {
            let title = embeddings.metadata().and_then(|metadata| metadata.title(token));
            for text in [Some(token), title].into_iter().flatten() {
                // Beyond 4 GB of text nothing is completed; nobody has read so far.
                let Ok(start) = u32::try_from(all.text.len()) else { return all };
                all.starts.push(start);
                all.rows.push(id.0);
                all.text.extend(text.chars().flat_map(char::to_lowercase));
                for word in all.text[start as usize..].split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
                    let rows = all.words.entry(word.to_owned()).or_default();
                    if rows.last() != Some(&id.0) {
                        rows.push(id.0);
                    }
                }
                all.text.push(END);
            }
        }
        all
    }

    /// The rows whose id or title holds what was typed, at most `limit`: those that begin with it, then those of which
    /// a word does, then the others; the more frequent first.
    pub(crate) fn find(&self, typed: &str, limit: usize, allowed: &dyn Fn(TokenId) -> bool) -> Vec<TokenId> {
        let typed = typed.trim().to_lowercase();
        let mut kinds: [Vec<u32>; 3] = Default::default();
        if typed.is_empty() {
            return Vec::new();
        }
        for (at, _) in self.text.match_indices(&typed) {
            let entry = self.starts.partition_point(|&start| start as usize <= at) - 1;
            let start = self.starts[entry] as usize;
            let begins_word = !self.text[..at].ends_with(char::is_alphanumeric);
            let kind = if at == start { 0 } else { 2 - usize::from(begins_word) };
            // Rows come by falling frequency: what is found first is the most frequent.
            if kinds[kind].len() < 4 * limit && kinds[kind].last() != Some(&self.rows[entry]) {
                kinds[kind].push(self.rows[entry]);
            }
            if kinds[0].len() >= 4 * limit {
                break;
            }
        }
        let mut found: Vec<TokenId> = Vec::new();
        for id in kinds.into_iter().flatten().map(TokenId) {
            if found.len() < limit && !found.contains(&id) && allowed(id) {
                found.push(id);
            }
        }
        found
    }

    /// The rows of which, for each word that was typed, some word is spelt nearly so: within an edit distance of 1 up to 5
    /// letters, 2 beyond; the more frequent first.
    pub(crate) fn alike(&self, typed: &str, limit: usize, allowed: &dyn Fn(TokenId) -> bool) -> Vec<TokenId> {
        let typed = typed.to_lowercase();
        let mut common: Option<BTreeSet<u32>> = None;
        for word in typed.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(8) {
            let most = if word.chars().count() <= 5 { 1 } else { 2 };
            let near = |known: &str| {
                known.len().abs_diff(word.len()) <= 4 * most
                    && known.chars().count().abs_diff(word.chars().count()) <= most
                    && strsim::damerau_levenshtein(known, word) <= most
            };
            let beginning = |known: &str| word.chars().count() >= 3 && known.starts_with(word);
            let rows =
                self.words.iter().filter(|(known, _)| beginning(known) || near(known)).flat_map(|(_, rows)| rows);
            let rows: BTreeSet<u32> = match &common {
                None => rows.copied().collect(),
                Some(common) => rows.copied().filter(|row| common.contains(row)).collect(),
            };
            common = Some(rows);
        }
        common.into_iter().flatten().map(TokenId).filter(|&id| allowed(id)).take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vecinity::metadata::Metadata;
    use vecinity::{Matrix, Vocab};

    #[test]
    fn beginnings_come_before_words_and_words_before_middles() {
        let vocab = Vocab::from_counts([("7", 9), ("3", 8), ("5", 7), ("9", 6)]).unwrap();
        let titles = "id,title\n7,Balien\n3,The Alien\n5,ALIENS\n9,Heat\n";
        let metadata = Metadata::read(titles.as_bytes(), "t.csv".as_ref()).unwrap();
        let embeddings = vecinity::Embeddings::new(vocab, Matrix::new(4, 1, vec![1.0; 4]), None).unwrap();
        let complete = Complete::new(&embeddings.with_metadata(Some(metadata)));
        let find = |typed: &str, limit| -> Vec<u32> {
            complete.find(typed, limit, &|id| id.0 != 3).into_iter().map(|id| id.0).collect()
        };
        assert_eq!(find("ALIEN", 9), [2, 1, 0]);
        assert_eq!(find("alien", 1), [2]);
        assert_eq!(find("3", 9), [1]);
        assert!(find("heat", 9).is_empty(), "not allowed");
        assert_eq!(complete.alike("haet ailens", 9, &|_| true), []);
        assert_eq!(complete.alike("alein teh", 9, &|_| true), [TokenId(1)]);
        assert_eq!(complete.alike("aliesn", 9, &|_| true), [TokenId(0), TokenId(1), TokenId(2)]);
        assert!(find(" ", 9).is_empty() && find("zebra", 9).is_empty());
    }
}
