//! `vecinity export`: the vectors of a model folder as a file for another tool.

use super::recommend::Files;
use crate::output::Output;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::io::Write;
use std::path::{Path, PathBuf};
use vecinity::embeddings::Which;
use vecinity::error::{counted, grouped};
use vecinity::formats::{self, Format, token_list};
use vecinity::model_dir::Model;
use vecinity::{Embeddings, Error, Matrix, Vocab, events, publish};

/// Write the vectors of a model in another tool's format; of its users with --users.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  vecinity export words.model --format glove -o words.txt
  vecinity export shop.model --format parquet -o items.parquet --vectors output
  vecinity export shop.model --format parquet -o users.parquet --users clicks.csv

What comes next for a user is the item whose vector has the largest product with the user's, or the largest cosine,
as the recipe says (vecinity inspect): of the output matrix after in-out and tower, else of the matrix it names.")]
pub(crate) struct Export {
    /// The model folder.
    model: PathBuf,

    /// The format; 'vocab' is a line for each token: the token, a tab, its count; 'onnx' is the network that makes user vectors
    /// (rows of the items, the newest first, -1 for none, to what is compared with their output vectors).
    #[arg(long, value_parser = target_parser())]
    format: Target,

    /// The file to write; 'vocab' goes to standard output without it.
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,

    /// Which vectors: the input matrix unless said otherwise; safetensors then gets both matrices.
    #[arg(long, value_parser = which_parser())]
    vectors: Option<Which>,

    /// The vectors of users instead, from their histories: files, folders, patterns, or - for standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "vectors")]
    users: Vec<String>,

    /// Columns of these files, such as user=uid,item=sku,time=ts; as in training, or from the header, if absent.
    #[arg(long, value_name = "ROLE=NAME,...", requires = "users")]
    columns: Option<events::Named>,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Vectors(Format),
    Vocab,
    Onnx,
}

fn target_parser() -> impl TypedValueParser<Value = Target> {
    let formats = Format::ALL.into_iter().filter(|(_, format)| *format != Format::Fasttext);
    let names = formats.map(|(name, _)| name).chain(["vocab", "onnx"]);
    PossibleValuesParser::new(names).try_map(|name| match &*name {
        "vocab" => Ok(Target::Vocab),
        "onnx" => Ok(Target::Onnx),
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
        let file = match (&self.output, self.format) {
            (Some(file), _) => file.as_path(),
            (None, Target::Vocab) => return print_vocab(self.open(output)?.vocab()),
            (None, _) => return Err(Error::setting("output", "missing", "a file: -o FILE").into()),
        };
        let mut files = vec![file.to_owned()];
        let (tokens, about) = match self.format {
            Target::Onnx => self.onnx(file)?,
            Target::Vocab => {
                let embeddings = self.open(output)?;
                publish::file(file, |writer| token_list::write_counts(writer, file, embeddings.vocab()))?;
                (embeddings.len(), self.counted(embeddings.len()))
            }
            Target::Vectors(format) => {
                let embeddings = self.open(output)?;
                formats::export(file, format, &embeddings, self.vectors)?;
                files.extend(format.companion(file));
                (embeddings.len(), self.counted(embeddings.len()))
            }
        };
        let answer = Answer { files, tokens };
        output.answer(&answer, |out| {
            let names: Vec<_> = answer.files.iter().map(|file| file.display().to_string()).collect();
            writeln!(out, "wrote   {}   {about}", names.join(", "))
        })
    }

    fn counted(&self, rows: usize) -> String {
        let what = if self.users.is_empty() { "tokens" } else { "users" };
        format!("{} {what}", grouped(rows as u64))
    }

    /// What is written: the tokens of the model, or users.
    fn open(&self, output: Output) -> anyhow::Result<Embeddings> {
        let model = Model::open(&self.model)?;
        if self.users.is_empty() { Ok(model.embeddings) } else { self.of_users(&model, output) }
    }

    /// Writes the network for ONNX Runtime; returns the number of its items, and its shape in words.
    fn onnx(&self, file: &Path) -> anyhow::Result<(usize, String)> {
        for (name, given) in [("users", !self.users.is_empty()), ("vectors", self.vectors.is_some())] {
            if given {
                let expected = "nothing of the kind with --format onnx, which is the network itself";
                return Err(Error::setting(name, "given", expected).into());
            }
        }
        let model = Model::open(&self.model)?;
        let Some(tower) = &model.tower else {
            let advice = "only models of vecinity train --model youtube have one; the vectors go by the other formats";
            return Err(Error::data("the model has no network", advice).into());
        };
        let bytes = tower.onnx()?;
        publish::file(file, |to| publish::write_all(to, file, &bytes))?;
        let more = if !tower.schema().reads_users() { "" } else { " and what else it reads (docs/format.md)" };
        let about = format!("history [users, {}]{more} -> user [users, {}]", tower.places(), tower.dim());
        Ok((model.embeddings.len(), about))
    }

    /// The users of some files with their vectors; counts are lengths of histories.
    fn of_users(&self, model: &Model, output: Output) -> anyhow::Result<Embeddings> {
        let files = Files {
            input: self.users.clone(),
            output: self.output.clone().unwrap_or_default(),
            columns: self.columns.clone(),
            ..Files::default()
        };
        let histories = files.read(model, output)?;
        let recommender = model.recommender()?;
        let (vectors, unknown) =
            recommender.vectors_of_everybody(&histories, model.embeddings.vocab(), files.threads());
        if unknown > 0 {
            output.say(format_args!("note    of {} no item is known: zeros", counted(unknown as u64, "user")));
        }
        let users = Vocab::from_counts(histories.iter().map(|history| (history.owner, history.items.len() as u64)))?;
        let matrix = Matrix::new(users.len(), recommender.dim(), vectors);
        Ok(Embeddings::new(users, matrix, None)?)
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
