//! `vecinity phrases`: find tokens that belong together, and join them.

use crate::choices::choice;
use crate::output::Output;
use anyhow::Result;
use clap::{Args, Subcommand};
use std::io::{Read, Write};
use std::path::PathBuf;
use vecinity::corpus::{Learning, Options, Phrases as Learned, Tokens, expand, read};
use vecinity::error::grouped;
use vecinity::{Error, publish};

/// Learn and apply phrases such as new york -> `new_york`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity phrases learn news.txt -o news.phrases --show 20
  vecinity train news.txt -o news.model --phrases news.phrases
  vecinity phrases apply news.phrases news.txt -o joined.txt")]
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
    /// The text (UTF-8, tokens between white space).
    #[arg(required = true)]
    data: Vec<String>,
    /// Where to write; - is standard output.
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
        // Checks the text first (encoding, packing), with the positions that reading reports.
        let mut joined = Vec::new();
        for source in &sources {
            let mut bytes = Vec::new();
            source.open()?.read_to_end(&mut bytes).map_err(Error::io(source.path(), "read"))?;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                joined.extend_from_slice(learned.apply(text).as_bytes());
            } else {
                read(std::slice::from_ref(source), &Options { min_count: 1, ..Options::default() })?;
            }
        }
        if self.output.as_os_str() == "-" {
            std::io::stdout().write_all(&joined)?;
            return Ok(());
        }
        publish::file(&self.output, |to| publish::write_all(to, &self.output, &joined))?;
        Ok(())
    }
}
