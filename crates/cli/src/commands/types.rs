//! `vecinity types`: user types and listing types in one space.

use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use vecinity::config::Config;
use vecinity::corpus::{Corpus, expand};
use vecinity::embeddings::Which;
use vecinity::error::grouped;
use vecinity::events::{self, Grouping, Named};
use vecinity::histories::Histories;
use vecinity::index::Metric;
use vecinity::market::{Meeting, TypeRules, Types as Made, sequences};
use vecinity::metadata::Metadata;
use vecinity::model_dir::{self, NewModel, Origin};
use vecinity::models::ModelConfig;
use vecinity::train::{Control, Trained};
use vecinity::{Embeddings, Matrix, TokenId, Vocab};

/// Learn which types of users book which types of listings, in one space (Grbovic & Cheng 2018).
///
/// Rules (TOML) say how fields become types: categories as they are, numbers by edges or quantiles; of users also `bookings`
/// (how many so far) and `mean:COLUMN` (of the listings booked so far), made anew at every booking. A type's vector is the sum
/// of its input and its output vector: what is learned is the product of one type's input and another's output. The last tenth
/// of the bookings and rejections is held out first: how much more alike are a user's type and the listing type it booked than
/// one it was rejected from, with and without learning from rejections?
#[derive(Debug, Args)]
#[command(after_help = "Example:
  vecinity types events.tsv --columns user=guest,item=listing,event=event,time=time --listings listings.tsv \\
    --users guests.tsv --rules types.toml --goal booked --reject rejected -o types.model
with types.toml:
  [[listing]]
  column = \"room_type\"
  [[listing]]
  column = \"price\"
  quantiles = 5
  [[user]]
  column = \"country\"
  [[user]]
  column = \"bookings\"
  edges = [1, 3]")]
pub(crate) struct Types {
    /// Events: files, folders or patterns.
    #[arg(required = true)]
    data: Vec<String>,
    /// Which column holds what: user=NAME,item=NAME,event=NAME,time=NAME.
    #[arg(long, value_name = "ROLE=NAME,...")]
    columns: Option<Named>,
    /// Fields of the listings.
    #[arg(long, value_name = "FILE")]
    listings: PathBuf,
    /// Fields of the users.
    #[arg(long, value_name = "FILE")]
    users: PathBuf,
    /// How fields become types.
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// The kind of event that is a booking.
    #[arg(long, value_name = "EVENT", default_value = "booked")]
    goal: String,
    /// The kind of event that is a rejection by the host.
    #[arg(long, value_name = "EVENT")]
    reject: Option<String>,
    /// For how many negatives a rejection stands; there is one other for each pair.
    #[arg(long, value_name = "X", default_value_t = 10.0)]
    reject_weight: f32,
    /// Values in a vector.
    #[arg(long, value_name = "N", default_value_t = 32)]
    dim: usize,
    /// Passes over the bookings.
    #[arg(long, value_name = "N", default_value_t = 40)]
    epochs: u32,
    /// Where all chance comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The model folder to make.
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
}

/// How alike user types are to listing types that they booked, and that they were rejected from.
#[derive(Debug, Clone, Copy, Serialize)]
struct Alike {
    learned_rejections: bool,
    /// Mean cosines.
    accepted: f64,
    rejected: f64,
    /// The standard error of their difference.
    error: f64,
    /// The share of listing types that the user type is nearer to than to the one it booked, mean; 0.5 is chance.
    rank: f64,
    bookings: usize,
    rejections: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a PathBuf,
    user_types: usize,
    listing_types: usize,
    bookings: usize,
    rejections: usize,
    held_out: Vec<Alike>,
}

impl Types {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        model_dir::check_output(&self.output)?;
        let rules = TypeRules::read(&self.rules)?;
        let (listings, users) = (Metadata::parse(&self.listings)?, Metadata::parse(&self.users)?);
        let columns = self.columns.clone().unwrap_or_default();
        let options = events::Options { columns, grouping: Grouping::Owner, ..events::Options::default() };
        let (histories, _) = events::read(&expand(&self.data)?, &options)?;
        let made = Made::new(&rules, &listings, &users)?;
        let meetings = made.meetings(&histories, &self.goal, self.reject.as_deref())?;
        let rules = toml::to_string(&made.rules())?;
        let mut times: Vec<i64> = meetings.iter().map(|meeting| meeting.time).collect();
        times.sort_unstable();
        let cut = times[times.len() * 9 / 10];
        let (before, after): (Vec<&Meeting>, Vec<&Meeting>) = meetings.iter().partition(|meeting| meeting.time < cut);
        let mut held_out = Vec::new();
        for learned_rejections in [false, true] {
            let sequences = sequences(&before, learned_rejections)?;
            let (corpus, trained) = self.train(&sequences)?;
            let vectors = trained.into_embeddings(corpus.vocab().clone())?.vectors(Which::Sum)?;
            held_out.extend(alike(corpus.vocab(), &vectors, &after, learned_rejections));
            if before.iter().all(|meeting| meeting.accepted) {
                break;
            }
        }
        let all: Vec<&Meeting> = meetings.iter().collect();
        let sequences = sequences(&all, true)?;
        let (corpus, trained) = self.train(&sequences)?;
        let origin = Origin::Trained {
            data: histories.fingerprint(),
            corpus_tokens: corpus.tokens().len() as u64,
            sequences: corpus.sequences() as u64,
            loss: trained.progress.loss,
            seconds: trained.progress.seconds,
        };
        let config = self.config();
        let vectors = trained.into_embeddings(corpus.vocab().clone())?.vectors(Which::Sum)?;
        let embeddings = Embeddings::new(corpus.vocab().clone(), vectors, None)?;
        NewModel { config: Some(&config), types: rules, ..NewModel::of(&embeddings, origin) }.save(&self.output)?;
        let of = |side: &str| corpus.vocab().iter().filter(|(_, token, _)| token.starts_with(side)).count();
        let bookings = meetings.iter().filter(|meeting| meeting.accepted).count();
        let answer = Answer {
            model: &self.output,
            user_types: of("user:"),
            listing_types: of("listing:"),
            bookings,
            rejections: meetings.len() - bookings,
            held_out,
        };
        output.answer(&answer, |to| write(&answer, to))
    }

    /// The settings: skip-gram over bookings, with rejections.
    fn config(&self) -> Config {
        let mut config = Config::listings();
        config.data.min_count = 1;
        config.train.dim = self.dim;
        config.train.epochs = self.epochs;
        config.train.seed = self.seed;
        if let ModelConfig::Airbnb(model) = &mut config.model {
            (model.global_context, model.local_negatives) = (false, 0);
            // One negative a pair: there are few types, and a booked pair met with five others of all kinds says little of them.
            (model.plain.window, model.plain.negatives) = (5, 1);
            model.reject_weight = self.reject_weight;
        }
        config
    }

    fn train(&self, sequences: &Histories) -> vecinity::Result<(Corpus, Trained)> {
        let config = self.config();
        let each = (0..sequences.len()).map(|row| sequences.history(row).items);
        let corpus = Corpus::from_sequences(sequences.items(), each.clone(), None, 1)?;
        let corpus = corpus.with_outcomes(sequences.items(), each, sequences.outcomes(), None);
        let trained = config.model.fit(&corpus, &config.train, None, &mut |_| Control::Continue, &mut |_| Ok(()))?;
        Ok((corpus, trained))
    }
}

/// Cosines of pairs that were not learned from and whose types are both known; nothing without a booking among them.
fn alike(vocab: &Vocab, vectors: &Matrix, meetings: &[&Meeting], learned_rejections: bool) -> Option<Alike> {
    let cosine = |a: TokenId, b: TokenId| f64::from(Metric::Cosine.score(vectors.row(a.row()), vectors.row(b.row())));
    let listings: Vec<TokenId> =
        vocab.iter().filter(|(_, token, _)| token.starts_with("listing:")).map(|(id, ..)| id).collect();
    let known = meetings
        .iter()
        .filter_map(|meeting| Some((meeting.accepted, vocab.get(&meeting.user)?, vocab.get(&meeting.listing)?)));
    let (mut cosines, mut above): ([Vec<f64>; 2], f64) = Default::default();
    for (accepted, user, listing) in known {
        let found = cosine(user, listing);
        cosines[usize::from(accepted)].push(found);
        if accepted {
            let nearer = listings.iter().filter(|&&other| cosine(user, other) > found).count();
            above += nearer as f64 / (listings.len() - 1).max(1) as f64;
        }
    }
    let [rejected, accepted] = cosines.map(|cosines| {
        let n = cosines.len() as f64;
        let mean = cosines.iter().sum::<f64>() / n.max(1.0);
        let squares: f64 = cosines.iter().map(|cosine| (cosine - mean).powi(2)).sum();
        (mean, squares / (n * (n - 1.0)).max(1.0), cosines.len())
    });
    (accepted.2 > 0).then(|| Alike {
        learned_rejections,
        accepted: accepted.0,
        rejected: rejected.0,
        error: (accepted.1 + rejected.1).sqrt(),
        rank: above / accepted.2 as f64,
        bookings: accepted.2,
        rejections: rejected.2,
    })
}

fn write(answer: &Answer<'_>, to: &mut dyn std::io::Write) -> std::io::Result<()> {
    writeln!(
        to,
        "types   {} of users, {} of listings, from {} bookings and {} rejections",
        grouped(answer.user_types as u64),
        grouped(answer.listing_types as u64),
        grouped(answer.bookings as u64),
        grouped(answer.rejections as u64)
    )?;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for alike in &answer.held_out {
        let some = |text: String| if alike.rejections > 0 { text } else { "-".into() };
        rows.push(vec![
            if alike.learned_rejections { "with rejections" } else { "without rejections" }.to_owned(),
            format!("{:.4}", alike.accepted),
            some(format!("{:.4}", alike.rejected)),
            some(format!("{:.4} ± {:.4}", alike.accepted - alike.rejected, alike.error)),
            format!("{} / {}", alike.bookings, alike.rejections),
            format!("{:.3}", alike.rank),
        ]);
    }
    table::write(to, &["held out: cosine", ">booked", ">rejected", ">difference", ">pairs", ">rank of booked"], &rows)?;
    writeln!(
        to,
        "wrote   {}                             Next:  vecinity neighbors {0} 'user:...'",
        answer.model.display()
    )
}
