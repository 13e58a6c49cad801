//! `vecinity import`: the vectors of another tool as a model folder.

use crate::choices::choice;
use crate::output::Output;
use std::path::PathBuf;
use vecinity::error::grouped;
use vecinity::formats::{self, BadUtf8, Format, ReadOptions};
use vecinity::metadata::Metadata;
use vecinity::model_dir::NewModel;

/// Make a model folder of vectors from another tool.
///
/// The order of the rows is kept. Formats without counts give every token the count 0.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// The file with the vectors; `-` is standard input (needs --format).
    file: PathBuf,

    /// The model folder to write.
    #[arg(long, short = 'o', value_name = "MODEL")]
    output: PathBuf,

    /// What the file is; found out from its first bytes if not given.
    #[arg(long, value_parser = choice(&Format::ALL))]
    format: Option<Format>,

    /// The ids of npy, safetensors and projector files, one a line; by default NAME.ids.txt (or
    /// NAME.metadata.tsv) beside the file.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,

    /// Titles and fields: CSV, TSV or JSON Lines with a column 'id' (or the first) and others.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,

    /// What to do with tokens that are not UTF-8.
    #[arg(long, value_name = "WHAT", default_value = "fail", value_parser = choice(&BadUtf8::ALL))]
    bad_utf8: BadUtf8,

    /// Read only this many tokens from the start of the file.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_vocab: Option<u32>,
}

/// What was done, for programs.
#[derive(Debug, serde::Serialize)]
struct Answer {
    model: PathBuf,
    format: String,
    tokens: usize,
    dim: usize,
    output_matrix: bool,
    metadata_matched: Option<usize>,
}

impl Import {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let format = match self.format {
            Some(format) => format,
            None => Format::detect(&self.file)?,
        };
        let options = ReadOptions {
            bad_utf8: self.bad_utf8,
            ids: self.ids.clone(),
            max_vocab: self.max_vocab.map(|most| most as usize),
        };
        let mut embeddings = formats::import(&self.file, Some(format), &options)?;
        let mut matching = None;
        if let Some(path) = &self.metadata {
            let metadata = Metadata::parse(path)?;
            let found = metadata.matching(embeddings.vocab());
            found.require(path)?;
            embeddings = embeddings.with_metadata(Some(metadata));
            matching = Some(found);
        }
        NewModel::imported(&embeddings, &format.to_string()).save(&self.output)?;
        let answer = Answer {
            model: self.output.clone(),
            format: format.to_string(),
            tokens: embeddings.len(),
            dim: embeddings.dim(),
            output_matrix: embeddings.output().is_some(),
            metadata_matched: matching.as_ref().map(|matching| matching.matched),
        };
        output.answer(&answer, |out| {
            let matrices = if answer.output_matrix { "input and output matrix" } else { "one matrix" };
            let (tokens, dim) = (grouped(answer.tokens as u64), answer.dim);
            writeln!(out, "read    {}   {format}, {tokens} tokens of {dim} values, {matrices}", self.file.display())?;
            if let (Some(path), Some(matching)) = (&self.metadata, &matching) {
                writeln!(out, "fields  {}   {matching}", path.display())?;
            }
            writeln!(out, "wrote   {}", self.output.display())
        })
    }
}
