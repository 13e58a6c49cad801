//! `vecinity index search`.

use super::ids::Ids;
use super::{check_dim, open};
use crate::args::Limit;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vecinity::TokenId;
use vecinity::error::shown;
use vecinity::index::{self, Neighbor};

/// The vectors nearest to that of an id, or to those of a file.
///
/// Several ids or vectors are several questions, answered one after the other (as JSON: one object a line).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index search words.index paris
  vecinity index search shop.index --queries users.npy -k 50")]
pub(super) struct Search {
    /// The index folder.
    index: PathBuf,
    /// Ids of the index.
    #[arg(value_name = "ID", required_unless_present = "queries")]
    ids: Vec<String>,
    /// A file of vectors to ask with.
    #[arg(long, value_name = "FILE", conflicts_with = "ids")]
    queries: Option<PathBuf>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: &'a str,
    metric: &'a str,
    results: Vec<Near<'a>>,
}

#[derive(serde::Serialize)]
struct Near<'a> {
    id: &'a str,
    score: f32,
}

impl Search {
    pub(super) fn run(self, output: Output) -> Result<()> {
        let index = index::Index::open(&self.index)?;
        let (dim, metric) = (index.segment().dim(), index.segment().metric());
        let ids = Ids::open(&index, &self.index)?;
        let limit = self.limit.get();
        let id_of = |key: u64| ids.id(key);
        let print = |query: &str, found: &[Neighbor], first: bool| {
            let results = found.iter().map(|found| Near { id: id_of(found.key), score: found.score }).collect();
            let found = Found { query, metric: metric.name(), results };
            output.answer(&found, |to| {
                if !first || self.ids.len() != 1 {
                    writeln!(to, "{}{}", if first { "" } else { "\n" }, shown(query))?;
                }
                let row = |(at, near): (usize, &Near<'_>)| {
                    vec![(at + 1).to_string(), shown(near.id), format!("{:.4}", near.score)]
                };
                let rows: Vec<_> = found.results.iter().enumerate().map(row).collect();
                table::write(to, &[">", "id", &format!(">{}", found.metric)], &rows)
            })
        };
        if let Some(file) = &self.queries {
            let asked = open(file)?;
            check_dim(file, asked.dim(), dim)?;
            let threads = index::batch_threads(asked.len());
            let answers = index.search_batch(asked.input().as_slice(), limit, None, threads);
            for (at, found) in answers.iter().enumerate() {
                print(asked.vocab().token(TokenId(at as u32)), found, at == 0)?;
            }
            return Ok(());
        }
        // All are looked up before the first is answered: a typo gives no half answer.
        let asked = self.ids.iter().map(|id| ids.vector(&index, id)).collect::<vecinity::Result<Vec<_>>>()?;
        for (at, ((key, vector), id)) in asked.iter().zip(&self.ids).enumerate() {
            let mut found = index.search(vector, limit + 1, None);
            found.retain(|found| found.key != *key);
            found.truncate(limit);
            print(id, &found, at == 0)?;
        }
        Ok(())
    }
}
