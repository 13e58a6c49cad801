//! What a search has tried, line by line: the file that a stopped search goes on from.
//!
//! The first line says what is searched and on what; each further line is a trial, written when it has ended. A last
//! line that was cut off by a crash is no trial.

use super::halving::Trial;
use crate::error::{Error, Place, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The first line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The data, the settings and the space, as one text: all must be the same to go on.
    pub(super) search: String,
    /// The share of the training histories on each rung.
    pub(super) shares: Vec<f64>,
    /// Seconds spent before the first trial, on finding the shares.
    pub(super) seconds: f64,
}

/// A file of trials.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Begins a file.
    pub(super) fn begin(path: &Path, head: &Head) -> Result<Self> {
        let file = File::create(path).map_err(Error::io(path, "create"))?;
        let mut journal = Self { path: path.to_owned(), file };
        journal.write(head)?;
        Ok(journal)
    }

    /// Goes on with a file, if it is one of this search.
    pub(super) fn go_on(path: &Path, search: &str) -> Result<(Self, Head, Vec<Trial>)> {
        let text = fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let wrong = |line: usize, error: serde_json::Error| {
            let place = Place { path: path.to_owned(), line: Some(line as u64), byte: None };
            Error::input(place, format!("no trial of a search: {error}"), "delete the file to search from the start")
        };
        let mut lines = text[..whole].lines().enumerate();
        let Some((_, first)) = lines.next() else {
            return Err(Error::input(path, "an empty file", "delete it to search from the start"));
        };
        let head: Head = serde_json::from_str(first).map_err(|error| wrong(1, error))?;
        if head.search != search {
            let advice = "say the same data and settings, or delete the file to search from the start";
            return Err(Error::input(path, "trials of another search: data or settings differ", advice));
        }
        let trials = lines
            .map(|(at, line)| serde_json::from_str(line).map_err(|error| wrong(at + 1, error)))
            .collect::<Result<Vec<Trial>>>()?;
        let file = OpenOptions::new().append(true).open(path).map_err(Error::io(path, "write"))?;
        file.set_len(whole as u64).map_err(Error::io(path, "write"))?;
        Ok((Self { path: path.to_owned(), file }, head, trials))
    }

    /// Adds a trial.
    pub(super) fn add(&mut self, trial: &Trial) -> Result<()> {
        self.write(trial)
    }

    /// In one piece, and down to the disk: a trial may have taken an hour.
    fn write(&mut self, line: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(line).unwrap_or_default() + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(Error::io(&self.path, "write"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::halving::Origin;
    use super::*;

    fn trial(ndcg: f64) -> Trial {
        let (settings, note) = ("dim 8".to_owned(), "whole history".to_owned());
        Trial { point: vec![0, 2], rung: 1, origin: Origin::Near, ndcg: Some(ndcg), seconds: 2.5, settings, note }
    }

    #[test]
    fn a_cut_line_is_no_trial_and_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let head = Head { search: "this".into(), shares: vec![0.1, 0.3], seconds: 1.0 };
        let mut journal = Journal::begin(&path, &head).unwrap();
        journal.add(&trial(0.1)).unwrap();
        journal.add(&trial(0.2)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 9]).unwrap();
        let (mut journal, read, trials) = Journal::go_on(&path, "this").unwrap();
        assert_eq!((read, trials), (head, vec![trial(0.1)]));
        journal.add(&trial(0.3)).unwrap();
        assert_eq!(Journal::go_on(&path, "this").unwrap().2, [trial(0.1), trial(0.3)]);
    }

    #[test]
    fn trials_of_another_search_or_of_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.jsonl");
        let head = Head { search: "this".into(), shares: vec![1.0], seconds: 0.0 };
        Journal::begin(&path, &head).unwrap();
        let message = |search: &str| Journal::go_on(&path, search).unwrap_err().to_string();
        assert!(message("that").contains("another search"));
        fs::write(&path, "").unwrap();
        assert!(message("this").contains("an empty file"));
        fs::write(&path, "{}\n").unwrap();
        assert!(message("this").contains("line 1"), "{}", message("this"));
    }
}
