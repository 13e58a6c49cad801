//! `vecinity export`: the vectors of a model folder as a file for another tool.

use crate::output::Output;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::io::Write;
use std::path::{Path, PathBuf};
use vecinity::embeddings::Which;
use vecinity::error::grouped;
use vecinity::formats::{self, Format, token_list};
use vecinity::model_dir::Model;
use vecinity::{Error, Vocab, publish};

/// Write the vectors of a model in another tool's format.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The model folder.
    model: PathBuf,

    /// The format; 'vocab' is a line for each token: the token, a tab, its count.
    #[arg(long, value_parser = target_parser())]
    format: Target,

    /// The file to write; 'vocab' goes to standard output without it.
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,

    /// Which vectors: the input matrix unless said otherwise; safetensors then gets both matrices.
    #[arg(long, value_parser = which_parser())]
    vectors: Option<Which>,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Vectors(Format),
    Vocab,
}

fn target_parser() -> impl TypedValueParser<Value = Target> {
    let formats = Format::ALL.into_iter().filter(|(_, format)| *format != Format::Fasttext);
    let names = formats.map(|(name, _)| name).chain(["vocab"]);
    PossibleValuesParser::new(names).try_map(|name| match &*name {
        "vocab" => Ok(Target::Vocab),
        name => name.parse().map(Target::Vectors),
    })
}

fn which_parser() -> impl TypedValueParser<Value = Which> {
    let kinds = Which::ALL.into_iter().filter(|(_, which)| *which != Which::InOut);
    PossibleValuesParser::new(kinds.map(|(name, _)| name))
        .map(|name| Which::ALL.into_iter().find(|(known, _)| *known == name).map_or(Which::Input, |(_, which)| which))
}

/// What was done, for programs.
#[derive(Debug, serde::Serialize)]
struct Answer {
    files: Vec<PathBuf>,
    tokens: usize,
}

impl Export {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = Model::open(&self.model)?.embeddings;
        let mut files = Vec::new();
        match (self.format, &self.output) {
            (Target::Vocab, None) => return print_vocab(embeddings.vocab()),
            (Target::Vocab, Some(path)) => {
                publish::file(path, |writer| token_list::write_counts(writer, path, embeddings.vocab()))?;
                files.push(path.clone());
            }
            (Target::Vectors(format), Some(path)) => {
                formats::export(path, format, &embeddings, self.vectors)?;
                files.push(path.clone());
                files.extend(format.companion(path));
            }
            (Target::Vectors(_), None) => Err(Error::setting("output", "missing", "a file: -o FILE"))?,
        }
        let answer = Answer { files, tokens: embeddings.len() };
        output.answer(&answer, |out| {
            let names: Vec<_> = answer.files.iter().map(|file| file.display().to_string()).collect();
            writeln!(out, "wrote   {}   {} tokens", names.join(", "), grouped(answer.tokens as u64))
        })
    }
}

/// Tokens and counts on standard output; a reader that stops early is no failure.
fn print_vocab(vocab: &Vocab) -> anyhow::Result<()> {
    let path = Path::new("standard output");
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = token_list::write_counts(&mut out, path, vocab);
    match written.and_then(|()| out.flush().map_err(Error::io(path, "write"))) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
