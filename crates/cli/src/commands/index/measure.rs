//! `vecinity index measure`.

use super::queries;
use crate::args::Limit;
use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;
use vecinity::index::{self, Effort, Filtered, Measured, Queries, Scratch};

/// Measure recall and time of an index against the exact search.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity index measure words.index
  vecinity index measure shop.index --queries users.npy --walk 20,50,100 --coarse 1000")]
pub(super) struct Measure {
    /// The index folder.
    index: PathBuf,
    /// A file of vectors to ask with [default: a sample of the indexed ones].
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Most queries that are asked.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    sample: usize,
    /// Measure filters too, of which 1, 10 and 50 percent pass, spread evenly or all in one corner.
    #[arg(long)]
    filters: bool,
    /// Measure walks through the graph with so many candidates [default: the effort of the index, which takes what is cheaper].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    walk: Vec<usize>,
    /// Measure coarse scans that let about so many vectors through.
    #[arg(long, value_name = "N", value_delimiter = ',')]
    coarse: Vec<usize>,
    #[command(flatten)]
    limit: Limit,
}

/// Queries that filters are measured with at most.
const FILTERED: usize = 200;

#[derive(serde::Serialize)]
struct Figures {
    vectors: usize,
    limit: usize,
    measured: Vec<Measured>,
    scan_us: f64,
    exact_us: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Filtered>,
}

impl Measure {
    pub(super) fn run(self, output: Output) -> Result<()> {
        let index = index::Index::open(&self.index)?;
        let segment = index.segment();
        let mut queries = match &self.queries {
            Some(file) => queries(file, segment.dim())?,
            None => index::sample(&segment, self.sample, 2),
        };
        queries.values.truncate(self.sample.saturating_mul(segment.dim()));
        let walks = self.walk.into_iter().map(Effort::walk);
        let mut efforts: Vec<Effort> = walks.chain(self.coarse.into_iter().map(Effort::coarse)).collect();
        if efforts.is_empty() {
            efforts.push(index.tuned().effort);
        }
        let limit = self.limit.get();
        let measured = efforts.iter().map(|&effort| index::measure(&segment, &queries, limit, effort)).collect();
        let few = || queries.values.chunks_exact(segment.dim()).take(100);
        let mut scratch = Scratch::new(segment.dim());
        let scan_us = median(few().map(|query| timed(|| segment.scan(&mut scratch, query, limit, None))));
        let exact = index::Exact::new(segment.vectors(), segment.dim(), segment.metric()).with_threads(1);
        let exact_us = median(few().map(|query| timed(|| exact.nearest(query, limit, &[]))));
        let filters = if self.filters {
            let few = queries.values.len().min(FILTERED * segment.dim());
            let few = Queries { values: queries.values[..few].to_vec(), own: Vec::new() };
            index::measure_filters(&segment, &few, limit, index.tuned().effort)
        } else {
            Vec::new()
        };
        let figures = Figures { vectors: segment.len(), limit, measured, scan_us, exact_us, filters };
        output.answer(&figures, |to| {
            let row = |m: &Measured| {
                let cells = [format!("{:.4}", m.recall), format!("{:.0}", m.per_second)];
                let times = [m.median_us, m.p99_us].map(|us| format!("{us:.1}"));
                [vec![m.effort.to_string()], cells.to_vec(), times.to_vec()].concat()
            };
            let rows: Vec<_> = figures.measured.iter().map(row).collect();
            let header = ["effort", &format!(">recall@{limit}"), ">queries/s", ">median µs", ">p99 µs"];
            table::write(to, &header, &rows)?;
            writeln!(to, "scan of all codes {scan_us:.0} µs, exact search {exact_us:.0} µs; one thread each")?;
            let row = |f: &Filtered| {
                let place = if f.correlated { "in one corner" } else { "spread evenly" };
                let found = [(f.recall, f.median_us), (f.test_recall, f.test_median_us)];
                let found = found.iter().flat_map(|(recall, us)| [format!("{recall:.4}"), format!("{us:.1}")]);
                [format!("{} %", f.percent), place.to_owned()].into_iter().chain(found).collect()
            };
            let rows: Vec<Vec<String>> = figures.filters.iter().map(row).collect();
            let header = [">filter", "pass", ">recall", ">median µs", ">recall, asked as it goes", ">median µs"];
            if rows.is_empty() { Ok(()) } else { table::write(to, &header, &rows) }
        })
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed().as_secs_f64() * 1e6
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}
