//! What the commands that ask a model have in common: their flags, and how tokens are looked up.

use crate::choices::choice;
use crate::output::Output;
use clap::Args;
use std::path::PathBuf;
use vecinity::ask::{Asker, Resolver};
use vecinity::embeddings::Which;
use vecinity::error::shown;
use vecinity::index::Metric;
use vecinity::model_dir::Model;
use vecinity::{Embeddings, TokenId};

/// The model, and how it is asked. Comes first in a command, so that the model is its first argument.
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The model folder.
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) vectors: Vectors,
    #[command(flatten)]
    pub(crate) fuzzy: Fuzzy,
    /// How vectors are compared; euclidean is a distance: smaller is nearer.
    #[arg(long, value_parser = choice(&Metric::ALL), default_value = Metric::Cosine.name())]
    pub(crate) metric: Metric,
}

/// Which vectors are asked.
#[derive(Debug, Args)]
pub(crate) struct Vectors {
    /// Which vectors are asked; in-out: the question's from the input matrix, the answers' from the output
    /// matrix, as in training.
    #[arg(long, value_parser = choice(&Which::ALL), default_value = Which::Input.name())]
    pub(crate) vectors: Which,
}

/// What is done about unknown tokens.
#[derive(Debug, Args)]
pub(crate) struct Fuzzy {
    /// Take the likeliest known token for an unknown one.
    #[arg(long)]
    pub(crate) fuzzy: bool,
}

/// How many answers.
#[derive(Debug, Args)]
pub(crate) struct Limit {
    /// How many answers, 1 to 10000.
    #[arg(short = 'k', long = "limit", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
}

impl Limit {
    pub(crate) fn get(&self) -> usize {
        self.limit.into()
    }
}

impl Ask {
    /// Opens the model, after checking every byte of it.
    pub(crate) fn open(&self) -> vecinity::Result<Embeddings> {
        Ok(Model::open(&self.model)?.embeddings)
    }

    /// Makes an opened model ready for questions.
    pub(crate) fn asker<'a>(&self, embeddings: &'a Embeddings) -> vecinity::Result<Asker<'a>> {
        Asker::new(embeddings, self.vectors.vectors, self.metric)
    }
}

/// Looks up what a person typed, and says what was taken for what.
pub(crate) struct Tokens<'a> {
    embeddings: &'a Embeddings,
    resolver: Resolver<'a>,
    fuzzy: bool,
    output: Output,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(embeddings: &'a Embeddings, fuzzy: &Fuzzy, output: Output) -> Self {
        Self { embeddings, resolver: Resolver::new(embeddings), fuzzy: fuzzy.fuzzy, output }
    }

    /// Whether a text names a token.
    pub(crate) fn knows(&self, text: &str) -> bool {
        self.resolver.knows(text)
    }

    /// The token that a text names.
    pub(crate) fn get(&self, text: &str) -> vecinity::Result<TokenId> {
        let (id, guessed) =
            if self.fuzzy { self.resolver.resolve_fuzzy(text)? } else { (self.resolver.resolve(text)?, false) };
        let token = self.embeddings.vocab().token(id);
        if guessed {
            self.output.say(format_args!("note: '{}' is not in this model, taken for {}", shown(text), self.name(id)));
        } else if token != text {
            self.output.say(format_args!("note: '{}' is the title of {}", shown(text), self.name(id)));
        }
        Ok(id)
    }

    /// The tokens that several texts name.
    pub(crate) fn all(&self, texts: &[String]) -> vecinity::Result<Vec<TokenId>> {
        texts.iter().map(|text| self.get(text)).collect()
    }

    /// A token, with its title if it has one, for a person.
    pub(crate) fn name(&self, id: TokenId) -> String {
        let token = self.embeddings.vocab().token(id);
        match self.embeddings.metadata().and_then(|metadata| metadata.title(token)) {
            Some(title) => format!("{} ({})", shown(title), shown(token)),
            None => shown(token),
        }
    }
}
