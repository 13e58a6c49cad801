//! `vecinity phrases`: find tokens that belong together, and join them.

use crate::choices::choice;
use crate::output::Output;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use vecinity::Error;
use vecinity::corpus::{Learning, Options, Phrases as Learned, Tokens, expand};
use vecinity::error::grouped;
use vecinity::publish::{self, Packed, Packing};

/// Learn and apply phrases such as new york -> `new_york`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity phrases learn news.txt -o news.phrases --show 20
  vecinity train news.txt -o news.model --phrases news.phrases
  vecinity phrases apply news.phrases news.txt -o joined.txt.gz")]
pub(crate) struct Phrases {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Learn(Learn),
    Apply(Apply),
}

/// Find pairs of tokens that occur together far more often than by chance.
#[derive(Debug, Args)]
struct Learn {
    /// Files, folders, patterns, or - for standard input (one pass only).
    #[arg(required = true)]
    data: Vec<String>,
    /// The phrase file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Pairs must occur this often.
    #[arg(long, default_value_t = 5, value_name = "N")]
    min_count: u64,
    /// Join pairs with a higher score.
    #[arg(long, default_value_t = 100.0, value_name = "X")]
    threshold: f64,
    /// Passes: each may join what the earlier ones joined.
    #[arg(long, default_value_t = 1, value_name = "N")]
    passes: u32,
    /// What stands between the parts of a phrase.
    #[arg(long, default_value = "_", value_name = "TEXT")]
    connector: String,
    /// Print this many of the best.
    #[arg(long, default_value_t = 10, value_name = "N")]
    show: usize,
    /// What a token is.
    #[arg(long, default_value = "whitespace", value_parser = choice(&Tokens::ALL))]
    tokens: Tokens,
    /// Turn text to lower case.
    #[arg(long)]
    lowercase: bool,
}

/// Write text with its phrases joined.
#[derive(Debug, Args)]
struct Apply {
    /// The phrase file.
    phrases: PathBuf,
    /// The text: files, folders, patterns, or - for standard input (UTF-8, tokens between white space).
    #[arg(required = true)]
    data: Vec<String>,
    /// Where to write, packed if the name ends in .gz or .zst; - is standard output.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(serde::Serialize)]
struct Answer<'a> {
    output: &'a PathBuf,
    phrases: usize,
    best: &'a [vecinity::corpus::Phrase],
}

impl Phrases {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        match self.what {
            What::Learn(learn) => learn.run(output),
            What::Apply(apply) => apply.run(),
        }
    }
}

impl Learn {
    fn run(self, output: Output) -> Result<()> {
        let sources = expand(&self.data)?;
        if self.passes > 1 && sources.iter().any(|s| s.size().is_none()) {
            return Err(
                Error::setting("passes", self.passes, "1 for standard input, which can be read only once").into()
            );
        }
        let options = Options { tokens: self.tokens, lowercase: self.lowercase, ..Options::default() };
        let how = Learning {
            min_count: self.min_count,
            threshold: self.threshold,
            passes: self.passes,
            connector: self.connector,
        };
        let learned = Learned::learn(&sources, &options, &how)?;
        learned.write(&self.output)?;
        let best = &learned.list()[..self.show.min(learned.list().len())];
        output.answer(&Answer { output: &self.output, phrases: learned.list().len(), best }, |to| {
            let shown: Vec<_> =
                best.iter().map(|p| format!("{} {} (score {:.0})", p.joined, grouped(p.count), p.score)).collect();
            writeln!(to, "{}", shown.join(" · "))?;
            writeln!(to, "wrote   {}, {} phrases", self.output.display(), grouped(learned.list().len() as u64))?;
            let data = self.data.join(" ");
            writeln!(to, "Next:   vecinity train {data} -o NAME.model --phrases {}", self.output.display())
        })
    }
}

impl Apply {
    fn run(self) -> Result<()> {
        let learned = Learned::open(&self.phrases)?;
        let sources = expand(&self.data)?;
        if self.output.as_os_str() == "-" {
            let name = Path::new("standard output");
            let mut out = BufWriter::new(std::io::stdout().lock());
            let written = learned.rewrite(&sources, &mut out, name);
            return match written.and_then(|()| out.flush().map_err(Error::io(name, "write"))) {
                // The reader of a pipe may stop early; that is no failure.
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::BrokenPipe => Ok(()),
                result => Ok(result?),
            };
        }
        let (_, packing) = Packing::of(&self.output.to_string_lossy());
        let write = |error| Error::io(&self.output, "write")(error);
        publish::file(&self.output, |to| {
            let mut packed = Packed::new(packing, to).map_err(write)?;
            learned.rewrite(&sources, &mut packed, &self.output)?;
            packed.finish().map_err(write)
        })?;
        Ok(())
    }
}
