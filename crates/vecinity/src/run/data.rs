//! What is learned from: files, or what is in memory.

use super::Given;
use crate::config::{Config, Kind};
use crate::corpus::{self, Corpus, Lists, Source, expand};
use crate::error::{Error, Result};
use crate::events::{self, Report};
use crate::graph::{self, Graph};
use crate::histories::Histories;
use std::path::PathBuf;

/// What is learned from.
#[derive(Debug)]
pub enum Data {
    /// Files, folders, patterns, or `-`; if there are none, those that the configuration names.
    Files(Vec<String>),
    /// Sequences of tokens.
    Lists(Lists),
    /// Record batches of one table of events.
    #[cfg(feature = "parquet")]
    Batches(Vec<arrow_array::RecordBatch>),
}

impl Data {
    /// Whether there is nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Files(files) => files.is_empty(),
            Self::Lists(_) => false,
            #[cfg(feature = "parquet")]
            Self::Batches(_) => false,
        }
    }

    /// Whether it can be read a second time.
    pub(super) fn rereadable(&self, config: &Config) -> Result<bool> {
        match self {
            Self::Files(_) => Ok(expand(&config.data.files)?.iter().all(Source::rereadable)),
            _ => Ok(true),
        }
    }

    /// As a corpus of text.
    pub(super) fn corpus(&self, config: &Config, work_dir: Option<PathBuf>) -> Result<Corpus> {
        match self {
            Self::Files(_) => corpus::read(&expand(&config.data.files)?, &config.reading(work_dir)?),
            Self::Lists(lists) => lists.corpus(&config.reading(work_dir)?),
            #[cfg(feature = "parquet")]
            Self::Batches(_) => Err(Error::setting("kind", "text", "sequence or set: a table holds events")),
        }
    }

    /// As a graph.
    pub(super) fn graph(&self, config: &Config, directed: bool) -> Result<(Graph, graph::Report)> {
        match self {
            Self::Files(_) => graph::read(&expand(&config.data.files)?, directed),
            _ => Err(Error::setting("kind", "graph", "text, sequence or set: edges are read from files")),
        }
    }

    /// As histories of items.
    pub(super) fn events(&self, config: &Config, options: &events::Options) -> Result<(Histories, Report)> {
        match self {
            Self::Files(_) => events::read(&expand(&config.data.files)?, options),
            Self::Lists(lists) => events::read_lists(lists, options),
            #[cfg(feature = "parquet")]
            Self::Batches(batches) => events::read_batches(batches, options),
        }
    }

    /// Settings of how files are read, with data that is in memory, are mistakes.
    pub(super) fn refuse_foreign(&self, given: &Given, kind: Kind) -> Result<()> {
        let (what, columns) = match self {
            Self::Files(_) => return Ok(()),
            Self::Lists(_) => ("lists, which hold tokens as they are", given.columns.is_some()),
            #[cfg(feature = "parquet")]
            Self::Batches(_) if kind == Kind::Text => {
                return Err(Error::setting("kind", "text", "sequence or set: a table holds events"));
            }
            #[cfg(feature = "parquet")]
            Self::Batches(_) => ("a table", false),
        };
        let _ = kind;
        let foreign = [
            ("format", given.format.is_some()),
            ("columns", columns),
            ("tokens", given.tokens.is_some()),
            ("lowercase", given.lowercase),
            ("encoding", given.encoding.is_some()),
            ("bad_utf8", given.bad_utf8.is_some()),
            ("phrases", given.phrases.is_some()),
        ];
        match foreign.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Error::setting(name, "given", format!("nothing of the kind for {what}"))),
            None => Ok(()),
        }
    }
}
