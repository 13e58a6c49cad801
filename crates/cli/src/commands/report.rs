//! `vecinity report`: what a model is and how good it is, on one page.

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use vecinity::model_dir::Model;
use vecinity::publish;

/// Write the report about a model: one HTML file that needs nothing else.
///
/// The page that `vecinity train` puts into the model folder, made anew: verdict, figures beside baselines, recipe,
/// training curve, popularity, neighbours at random, settings.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The model folder.
    model: PathBuf,
    /// The HTML file to write [default: NAME.html, beside the model].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(serde::Serialize)]
struct Written {
    model: PathBuf,
    report: PathBuf,
    bytes: usize,
}

impl Report {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let page = Model::open(&self.model)?.report()?;
        let file = self.output.unwrap_or_else(|| self.model.with_extension("html"));
        publish::file(&file, |to| publish::write_all(to, &file, page.as_bytes()))?;
        let written = Written { model: self.model, report: file, bytes: page.len() };
        output.answer(&written, |to| {
            writeln!(
                to,
                "wrote   {}   {} KB, open it in a browser",
                written.report.display(),
                written.bytes.div_ceil(1024)
            )
        })
    }
}
