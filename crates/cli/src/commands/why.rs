//! `vecinity why`: why are two tokens near?

use crate::args::{Fuzzy, Limit, Tokens};
use crate::output::Output;
use crate::table;
use clap::Args;
use std::path::PathBuf;
use vecinity::ask::{Answer, Asker, Want};
use vecinity::embeddings::Which;
use vecinity::error::{grouped, shown};
use vecinity::index::{Hit, Metric};
use vecinity::model_dir::Model;

/// Why two tokens are near: the contexts that both predict.
///
/// Read from the input and the output matrix, without the data. The score of a context is the smaller of two
/// lifts: how much likelier the model holds each token to be seen with that context than the usual token, as a
/// difference of chances.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vecinity why words.model paris madrid")]
pub(crate) struct Why {
    /// The model folder.
    model: PathBuf,
    /// A token, or its exact title.
    a: String,
    /// Another one.
    b: String,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    fuzzy: Fuzzy,
}

#[derive(serde::Serialize)]
struct Found<'a> {
    query: [&'a str; 2],
    /// The cosine of their input vectors.
    similarity: f32,
    results: Vec<Shared<'a>>,
}

#[derive(serde::Serialize)]
struct Shared<'a> {
    #[serde(flatten)]
    answer: Answer<'a>,
    /// The lift of each of the two tokens, in `(0, 1)`.
    lifts: [f32; 2],
}

impl Why {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let embeddings = Model::open(&self.model)?.embeddings;
        let asker = Asker::new(&embeddings, Which::Input, Metric::Cosine)?;
        let tokens = Tokens::new(&embeddings, &self.fuzzy, output);
        let (a, b) = (tokens.get(&self.a)?, tokens.get(&self.b)?);
        let reasons = asker.why(a, b, Want::best(self.limit.get()))?;
        let shared = reasons.iter().map(|reason| Shared {
            answer: Answer::new(&embeddings, Hit { id: reason.id, score: reason.score }),
            lifts: [reason.first, reason.second],
        });
        let found = Found {
            query: [a, b].map(|id| embeddings.vocab().token(id)),
            similarity: asker.similarity(a, b),
            results: shared.collect(),
        };
        if found.results.is_empty() {
            output.say("note: there is no context that both predict more than the usual token does");
        }
        output.answer(&found, |to| {
            writeln!(to, "{} and {}: cosine {:.4}", tokens.name(a), tokens.name(b), found.similarity)?;
            if found.results.is_empty() {
                return Ok(());
            }
            let rows: Vec<_> = (1..)
                .zip(&found.results)
                .map(|(rank, Shared { answer, lifts })| {
                    let name = match answer.title {
                        Some(title) => format!("{} ({})", shown(title), shown(answer.id)),
                        None => shown(answer.id),
                    };
                    let [first, second] = lifts.map(|lift| format!("{lift:+.3}"));
                    vec![format!("{rank}"), name, first, second, grouped(answer.count)]
                })
                .collect();
            let [first, second] = found.query.map(|token| format!(">{}", shown(token)));
            table::write(to, &[">", "both predict", &first, &second, ">count"], &rows)
        })
    }
}
