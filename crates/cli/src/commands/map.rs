//! `vecinity map`: a picture of a model, as a page that needs nothing else.

use crate::choices::choice;
use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::num::NonZero;
use std::path::PathBuf;
use vecinity::error::grouped;
use vecinity::map::Settings;
use vecinity::model_dir::Model;
use vecinity::publish;
use vecinity_server::{Drawn, Method, page};

/// Draw a map of the most frequent tokens: one HTML file that needs nothing else.
///
/// 'layout' keeps near ones together (as UMAP does) and takes some seconds for 20,000 tokens; 'pca' are the two principal
/// components, at once. The page has colours by cluster or field, search, and a lasso to list what it encloses. The same seed
/// gives the same map on any number of threads.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity map shop.model
  vecinity map words.model -o words.html --method pca --points 50000")]
pub(crate) struct Map {
    /// The model folder.
    model: PathBuf,
    /// The HTML file to write [default: NAME.map.html, beside the model].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How places are found.
    #[arg(long, value_parser = choice(&Method::ALL), default_value = "layout")]
    method: Method,
    /// Tokens drawn: the most frequent so many.
    #[arg(long, value_name = "N", default_value_t = Settings::default().points)]
    points: usize,
    /// Neighbours of each token that are kept near.
    #[arg(long, value_name = "N", default_value_t = Settings::default().neighbors)]
    neighbors: usize,
    /// Seed of the layout.
    #[arg(long, value_name = "N", default_value_t = Settings::default().seed)]
    seed: u64,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<u16>>,
}

#[derive(serde::Serialize)]
struct Written {
    model: PathBuf,
    map: PathBuf,
    points: usize,
    tokens: usize,
    bytes: usize,
}

impl Map {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let embeddings = Model::open(&self.model)?.embeddings;
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let settings = Settings {
            points: self.points.min(embeddings.len()),
            neighbors: self.neighbors,
            seed: self.seed,
            threads: self.threads.map_or_else(all, |threads| threads.get().into()),
            ..Settings::default()
        };
        let drawn = Drawn::new(&embeddings, self.method, settings, &mut |_| true)?;
        let name = self.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let page = page(&name, &drawn)?;
        let file = self.output.unwrap_or_else(|| self.model.with_extension("map.html"));
        publish::file(&file, |to| publish::write_all(to, &file, page.as_bytes()))?;
        let written = Written {
            model: self.model,
            map: file,
            points: settings.points,
            tokens: embeddings.len(),
            bytes: page.len(),
        };
        output.answer(&written, |to| {
            writeln!(
                to,
                "wrote   {}   {} of {} tokens, {} KB, open it in a browser",
                written.map.display(),
                grouped(written.points as u64),
                grouped(written.tokens as u64),
                written.bytes.div_ceil(1024)
            )
        })
    }
}
