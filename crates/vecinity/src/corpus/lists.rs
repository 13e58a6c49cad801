//! Sequences that are in memory, gathered token by token: the same corpus as from a file with one of them a line.

use super::build::{self, PART, Renumbering};
use super::count::{LINE_END, Table};
use super::{Corpus, Options, Report};
use crate::error::{Error, Result};
use crate::stop;
use vecinity_kernel::mapped::as_bytes;

/// Sequences of tokens. A token may be any text but the empty one, white space included.
///
/// # Example
/// ```
/// use vecinity::corpus::{Lists, Options};
/// let mut lists = Lists::default();
/// for sequence in [["new york", "is", "big"], ["is", "new york", "old"]] {
///     sequence.iter().try_for_each(|token| lists.push(token))?;
///     lists.end();
/// }
/// let corpus = lists.corpus(&Options { min_count: 2, ..Options::default() })?;
/// assert_eq!(corpus.vocab().iter().map(|(_, token, _)| token).collect::<Vec<_>>(), ["is", "new york"]);
/// assert_eq!((corpus.tokens(), corpus.ends()), (&[1, 0, 0, 1][..], &[2, 4][..]));
/// # Ok::<(), vecinity::Error>(())
/// ```
pub struct Lists {
    table: Table,
    /// Provisional ids, [`LINE_END`] behind each sequence.
    stream: Vec<u32>,
    report: Report,
    /// Tokens of the sequence that is open.
    open: u64,
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").field("report", &self.report).finish_non_exhaustive()
    }
}

impl Default for Lists {
    fn default() -> Self {
        Self { table: Table::new(usize::MAX), stream: Vec::new(), report: Report::default(), open: 0 }
    }
}

impl Lists {
    /// Appends a token to the open sequence.
    ///
    /// # Errors
    /// [`Error::Data`] if the token is empty, or there are more than about four billion distinct ones.
    pub fn push(&mut self, token: &str) -> Result<()> {
        if token.is_empty() {
            let what = format!("token {} of sequence {} is empty", self.open, self.report.lines);
            return Err(Error::data(what, "leave empty tokens out"));
        }
        if self.table.len() >= super::count::GONE as usize {
            return Err(Error::data("there are too many distinct tokens", "split the data"));
        }
        self.stream.push(self.table.push(token));
        self.open += 1;
        self.report.bytes += token.len() as u64;
        Ok(())
    }

    /// Ends the open sequence.
    pub fn end(&mut self) {
        self.stream.push(LINE_END);
        self.report.lines += 1;
        self.report.tokens += self.open;
        self.report.longest_line = self.report.longest_line.max(self.open);
        self.open = 0;
    }

    /// Number of sequences, empty ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.report.lines as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tokens of each sequence, in order.
    pub fn iter(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        let sequences = self.stream.split_inclusive(|&number| number == LINE_END);
        sequences.map(|sequence| sequence.iter().filter(|&&id| id != LINE_END).map(|&id| self.table.get(id).0))
    }

    /// The first tokens, of about so many bytes.
    pub fn start(&self, bytes: usize) -> impl Iterator<Item = &str> {
        let mut left = bytes;
        self.iter().flatten().take_while(move |token| {
            let enough = left > 0;
            left = left.saturating_sub(token.len() + 1);
            enough
        })
    }

    /// The corpus: as [`read`](super::read) makes it of a file with a sequence a line.
    ///
    /// * `options`: only `min_count` and `max_vocab` are looked at; tokens are taken as they are.
    ///
    /// # Errors
    /// [`Error::Data`] if no token is left, [`Error::Setting`].
    pub fn corpus(&self, options: &Options) -> Result<Corpus> {
        options.check()?;
        let mut report = self.report.clone();
        report.distinct = self.table.len() as u64;
        report.largest_count = (0..self.table.len() as u32).map(|id| self.table.get(id).1).max().unwrap_or(0);
        let (vocab, map) = build::final_ids(&self.table, options, &report)?;
        report.kept_tokens = vocab.total_count();
        let (mut tokens, mut ends) = (Vec::with_capacity(vocab.total_count() as usize), Vec::new());
        let (mut hasher, mut renumbering) = (blake3::Hasher::new(), Renumbering::default());
        for part in self.stream.chunks(PART) {
            stop::check()?;
            let (ids, new_ends) = renumbering.part(part.iter().copied(), &map);
            hasher.update(as_bytes(&ids)).update(as_bytes(&new_ends));
            tokens.extend(ids);
            ends.extend(new_ends);
        }
        let fingerprint = build::fingerprint(hasher, &vocab);
        let (chances, side, outcomes, groups) = (None, None, None, None);
        let (tokens, ends) = (tokens.into(), ends.into());
        Ok(Corpus { vocab, tokens, ends, chances, side, outcomes, groups, fingerprint, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{Source, read};

    #[test]
    fn lists_make_the_corpus_of_a_file_with_one_of_them_a_line() {
        let text = "b a b c\n\nrare a b\nc\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let mut lists = Lists::default();
        for line in text.lines() {
            line.split_whitespace().try_for_each(|token| lists.push(token)).unwrap();
            lists.end();
        }
        for (min_count, max_vocab) in [(1, None), (2, None), (1, Some(2))] {
            let options = Options { min_count, max_vocab, ..Options::default() };
            let of_file = read(&[Source::File(path.clone())], &options).unwrap();
            let of_lists = lists.corpus(&options).unwrap();
            assert_eq!(of_lists.fingerprint(), of_file.fingerprint());
            assert_eq!((of_lists.tokens(), of_lists.ends()), (of_file.tokens(), of_file.ends()));
        }
        assert_eq!(lists.iter().map(Iterator::count).collect::<Vec<_>>(), [4, 0, 3, 1]);
        assert_eq!(lists.start(3).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn lists_that_teach_nothing_are_refused() {
        let mut lists = Lists::default();
        assert_eq!(lists.push("").unwrap_err().to_string(), "token 0 of sequence 0 is empty");
        let error = lists.corpus(&Options::default()).unwrap_err();
        assert!(error.to_string().starts_with("nothing to read"), "{error}");
        assert!(lists.corpus(&Options { min_count: 0, ..Options::default() }).is_err());
    }
}
