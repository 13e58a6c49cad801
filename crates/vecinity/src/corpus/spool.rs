//! Sequences that are made instead of read: written to a work file while their tokens are counted.

use super::build::{Maps, fingerprint, renumber, work_file, write_numbers};
use super::count::{GONE, LINE_END};
use super::{Corpus, Report};
use crate::error::{Error, Result};
use crate::id::TokenId;
use crate::vocab::Vocab;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// A corpus while it is made; its memory does not grow with the number of sequences.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    stream: BufWriter<File>,
    /// Numbers written, line ends included.
    written: u64,
    counts: Vec<u64>,
    report: Report,
}

impl Spool {
    /// For sequences of ids below `tokens`.
    ///
    /// * `folder`: where the work files go; the system's temporary folder if absent.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn new(tokens: usize, folder: Option<PathBuf>) -> Result<Self> {
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let stream = BufWriter::with_capacity(1 << 20, work_file(&folder)?);
        Ok(Self { folder, stream, written: 0, counts: vec![0; tokens], report: Report::default() })
    }

    /// Appends a sequence.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Panics
    /// If an id is not below `tokens`.
    pub fn push(&mut self, sequence: &[u32]) -> Result<()> {
        for &id in sequence {
            self.counts[id as usize] += 1;
        }
        write_numbers(&mut self.stream, &self.folder, sequence)?;
        write_numbers(&mut self.stream, &self.folder, &[LINE_END])?;
        self.written += sequence.len() as u64 + 1;
        self.report.lines += 1;
        self.report.tokens += sequence.len() as u64;
        self.report.longest_line = self.report.longest_line.max(sequence.len() as u64);
        Ok(())
    }

    /// The corpus of all that was appended, with rows by falling count.
    ///
    /// * `names`: the token of each id.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Data`] if nothing was appended.
    pub fn finish(self, names: &Vocab) -> Result<Corpus> {
        let Self { folder, stream, written, counts, mut report } = self;
        let name = |id: u32| names.token(TokenId(id));
        let mut order: Vec<u32> = (0..counts.len() as u32).filter(|&id| counts[id as usize] > 0).collect();
        order.sort_unstable_by(|&a, &b| counts[b as usize].cmp(&counts[a as usize]).then_with(|| name(a).cmp(name(b))));
        if order.is_empty() {
            return Err(Error::data("nothing to learn from: no sequence was made", "give more data"));
        }
        let mut map = vec![GONE; counts.len()];
        for (row, &id) in order.iter().enumerate() {
            map[id as usize] = row as u32;
        }
        report.distinct = order.len() as u64;
        report.largest_count = counts[order[0] as usize];
        report.kept_tokens = report.tokens;
        let vocab = Vocab::from_counts(order.iter().map(|&id| (name(id), counts[id as usize])))?;
        let stream = stream.into_inner().map_err(|e| Error::io(&folder, "write")(e.into_error()))?;
        let maps = Maps::new(Vec::new(), map, &folder)?;
        let mut hasher = blake3::Hasher::new();
        let (tokens, ends) = renumber(stream, written, maps, &folder, &mut hasher, 1)?;
        let fingerprint = fingerprint(hasher, &vocab);
        Ok(Corpus { vocab, tokens, ends, chances: None, side: None, outcomes: None, groups: None, fingerprint, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spooled_is_what_would_have_been_built_in_memory() {
        let names = Vocab::from_counts([("never", 0), ("a", 0), ("b", 0), ("c", 0)]).unwrap();
        let sequences: [&[u32]; 3] = [&[1, 3, 3], &[2, 3], &[1]];
        let mut spool = Spool::new(4, None).unwrap();
        sequences.iter().for_each(|sequence| spool.push(sequence).unwrap());
        let made = spool.finish(&names).unwrap();
        let built = Corpus::from_sequences(&names, sequences.iter().copied(), None, 1).unwrap();
        assert_eq!((made.tokens(), made.ends()), (built.tokens(), built.ends()));
        assert_eq!(made.vocab().iter().collect::<Vec<_>>(), built.vocab().iter().collect::<Vec<_>>());
        assert_eq!(made.report(), built.report());
        assert!(Spool::new(4, None).unwrap().finish(&names).is_err());
    }
}
