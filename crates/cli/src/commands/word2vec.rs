//! `vecinity word2vec`: the flags of the C program, for those who come from it.

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vecinity::config::{Config, Kind};
use vecinity::embeddings::Which;
use vecinity::formats::{self, Format};
use vecinity::models::word2vec::{Architecture, Objective};
use vecinity::run::{Data, Text};
use vecinity::train::Control;
use vecinity::{Error, publish};

/// Train with the flags of the C program: -train FILE -output FILE -size 100 -window 5 ...
#[derive(Debug, Args)]
#[command(disable_help_flag = true, after_help = HELP)]
pub(crate) struct Word2vec {
    /// The C program's flags.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

const HELP: &str = "Flags and defaults of word2vec.c:
  -train FILE   -output FILE   -size 100   -window 5     -sample 1e-3   -hs 0        -negative 5
  -threads 12   -iter 5        -min-count 5   -alpha 0.025 (0.05 with -cbow 1)       -cbow 1
  -binary 0     -debug 2       -save-vocab FILE
-classes and -read-vocab are refused; -hs 1 takes the place of negative sampling.";

/// Flags that the C program knows.
const KNOWN: [&str; 16] = [
    "train",
    "output",
    "size",
    "window",
    "sample",
    "hs",
    "negative",
    "threads",
    "iter",
    "min-count",
    "alpha",
    "classes",
    "debug",
    "binary",
    "save-vocab",
    "cbow",
];

/// What the flags say.
struct Flags<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Flags<'a> {
    fn parse(arguments: &'a [String]) -> Result<Self, Error> {
        let mut flags = Vec::new();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let name = flag.strip_prefix('-').map(|f| f.strip_prefix('-').unwrap_or(f));
            match name {
                Some("read-vocab") => {
                    return Err(Error::data(
                        "-read-vocab is not supported",
                        "the vocabulary is counted in a second; leave the flag out",
                    ));
                }
                Some(name) if KNOWN.contains(&name) => {
                    let value = rest.next().ok_or_else(|| Error::data(format!("-{name} needs a value"), HELP))?;
                    flags.push((name, value.as_str()));
                }
                _ => {
                    let bare = flag.trim_start_matches('-');
                    let near = KNOWN.iter().max_by(|a, b| alike(bare, a).total_cmp(&alike(bare, b)));
                    let advice = near.map_or_else(String::new, |near| format!("did you mean -{near}?"));
                    return Err(Error::data(format!("'{flag}' is no flag of word2vec"), advice));
                }
            }
        }
        Ok(Self(flags))
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str, default: T) -> Result<T, Error> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|_| Error::setting(name, format!("'{text}'"), "a number"))
    }
}

/// How alike two flags are: shared beginnings and pairs of letters.
fn alike(a: &str, b: &str) -> f64 {
    let pairs = |s: &str| s.as_bytes().windows(2).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (x, y) = (pairs(a), pairs(b));
    let shared = x.iter().filter(|pair| y.contains(pair)).count();
    let same_start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    (2 * shared + same_start) as f64 / (x.len() + y.len()).max(1) as f64
}

impl Word2vec {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        if self.flags.is_empty() || self.flags.iter().any(|f| f == "-h" || f == "--help") {
            return output.text_by_nature().answer(&HELP, |to| writeln!(to, "{HELP}"));
        }
        let flags = Flags::parse(&self.flags)?;
        let config = configure(&flags)?;
        let target = flags.text("output").map(PathBuf::from);
        let saved_vocab = flags.text("save-vocab").map(PathBuf::from);
        if target.is_none() && saved_vocab.is_none() {
            return Err(Error::data(
                "neither -output nor -save-vocab given",
                "say where the result goes: -output FILE",
            )
            .into());
        }
        let binary = flags.number("binary", 0u8)? != 0;
        let corpus = Text::corpus(&config, &Data::Files(Vec::new()), None, &mut output.clone())?;
        if let Some(path) = saved_vocab {
            let mut text = String::new();
            for (_, token, count) in corpus.vocab().iter() {
                let _ = writeln!(text, "{token} {count}");
            }
            publish::file(&path, |to| publish::write_all(to, &path, text.as_bytes()))?;
        }
        let Some(target) = target else { return Ok(()) };
        let mut reporter = crate::progress::Reporter::new(crate::progress::Style::Auto, output);
        let mut observe = |progress: &vecinity::train::Progress| {
            reporter.step(progress);
            Control::Continue
        };
        let result = config.model.fit(&corpus, &config.train, None, &mut observe, &mut |_| Ok(()));
        reporter.end();
        let embeddings = result?.into_embeddings(corpus.vocab().clone())?;
        let format = if binary { Format::Word2vecBinary } else { Format::Word2vec };
        formats::export(&target, format, &embeddings, Some(Which::Input))?;
        done(&target, embeddings.len(), embeddings.dim(), output)
    }
}

#[derive(serde::Serialize)]
struct Done<'a> {
    output: &'a Path,
    tokens: usize,
    dim: usize,
}

fn done(path: &Path, tokens: usize, dim: usize, output: Output) -> Result<()> {
    output.answer(&Done { output: path, tokens, dim }, |to| {
        writeln!(to, "wrote   {} ({tokens} tokens of {dim} values)", path.display())
    })
}

/// The C program's flags as a configuration of ours.
fn configure(flags: &Flags<'_>) -> Result<Config, Error> {
    if flags.number("classes", 0u32)? > 0 {
        return Err(Error::data(
            "-classes is not supported",
            "export the vectors and cluster them with a tool of your choice",
        ));
    }
    let mut config = Config::profile(Kind::Text);
    let train = flags.text("train").ok_or_else(|| Error::data("-train is missing", "name the text: -train FILE"))?;
    config.data.files = vec![train.to_owned()];
    config.data.min_count = flags.number("min-count", 5u64)?;
    let cbow = flags.number("cbow", 1u8)? != 0;
    let hs = flags.number("hs", 0u8)? != 0;
    let negatives = flags.number("negative", 5usize)?;
    if hs && negatives > 0 && flags.text("negative").is_some() {
        return Err(Error::data(
            "-hs 1 and -negative train two losses at once, which is not supported",
            "choose one: -hs 1 -negative 0, or -hs 0",
        ));
    }
    flags.number("debug", 2u8)?;
    config.train.dim = flags.number("size", 100)?;
    config.train.subsample = flags.number("sample", 1e-3)?;
    config.train.epochs = flags.number("iter", 5)?;
    config.train.threads = flags.number("threads", 12)?;
    config.train.learning_rate = flags.number("alpha", if cbow { 0.05 } else { 0.025 })?;
    config.train.check()?;
    if let Some(model) = config.model.word2vec_mut() {
        model.model = if cbow { Architecture::Cbow } else { Architecture::SkipGram };
        model.loss = if hs { Objective::Hs } else { Objective::Ns };
        model.window = flags.number("window", 5)?;
        model.negatives = negatives;
    }
    Ok(config)
}
