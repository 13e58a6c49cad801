//! `vecinity types`: user types and listing types in one space.

use crate::output::Output;
use crate::table;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use vecinity::config::Config;
use vecinity::corpus::{Corpus, expand};
use vecinity::error::grouped;
use vecinity::events::{self, Grouping, Named};
use vecinity::histories::Histories;
use vecinity::index::Metric;
use vecinity::market::{Meeting, TypeRules, Types as Made, sequences};
use vecinity::metadata::Metadata;
use vecinity::model_dir::{self, NewModel, Origin};
use vecinity::models::ModelConfig;
use vecinity::train::{Control, Trained};
use vecinity::{Embeddings, Matrix};

/// Learn which types of users book which types of listings, in one space (Grbovic & Cheng 2018).
///
/// Rules (TOML) say how fields become types: categories as they are, numbers by edges or quantiles; of users also `bookings`
/// (how many so far) and `mean:COLUMN` (of the listings booked so far), made anew at every booking. The last tenth of the
/// bookings and rejections is held out first: how much more alike are a user's type and the listing type it booked than one it
/// was rejected from, with and without learning from rejections?
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
    accepted: f64,
    rejected: f64,
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
        let meetings =
            Made::new(&rules, &listings, &users)?.meetings(&histories, &self.goal, self.reject.as_deref())?;
        let mut times: Vec<i64> = meetings.iter().map(|meeting| meeting.time).collect();
        times.sort_unstable();
        let cut = times[times.len() * 9 / 10];
        let (before, after): (Vec<&Meeting>, Vec<&Meeting>) = meetings.iter().partition(|meeting| meeting.time < cut);
        let mut held_out = Vec::new();
        for learned_rejections in [false, true] {
            let sequences = sequences(&before, learned_rejections)?;
            let (corpus, trained) = self.train(&sequences)?;
            let model = trained.into_embeddings(corpus.vocab().clone())?;
            held_out.extend(alike(&model, &after, learned_rejections));
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
        NewModel { config: Some(&config), ..NewModel::trained(corpus.vocab(), &trained, origin) }.save(&self.output)?;
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
            model.plain.window = 5;
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
fn alike(model: &Embeddings, meetings: &[&Meeting], learned_rejections: bool) -> Option<Alike> {
    let matrix: &Matrix = model.input();
    let mean = |accepted: bool| {
        let known = meetings.iter().filter(|meeting| meeting.accepted == accepted).filter_map(|meeting| {
            let (user, listing) = (model.vocab().get(&meeting.user)?, model.vocab().get(&meeting.listing)?);
            Some(f64::from(Metric::Cosine.score(matrix.row(user.row()), matrix.row(listing.row()))))
        });
        let known: Vec<f64> = known.collect();
        (known.iter().sum::<f64>() / known.len().max(1) as f64, known.len())
    };
    let ((accepted, bookings), (rejected, rejections)) = (mean(true), mean(false));
    (bookings > 0).then_some(Alike { learned_rejections, accepted, rejected, bookings, rejections })
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
    let rows: Vec<Vec<String>> = (answer.held_out.iter())
        .map(|alike| {
            vec![
                if alike.learned_rejections { "with rejections" } else { "without rejections" }.to_owned(),
                format!("{:.4}", alike.accepted),
                if alike.rejections > 0 { format!("{:.4}", alike.rejected) } else { "-".into() },
                if alike.rejections > 0 { format!("{:.4}", alike.accepted - alike.rejected) } else { "-".into() },
                format!("{} / {}", alike.bookings, alike.rejections),
            ]
        })
        .collect();
    table::write(to, &["held out: cosine", ">booked", ">rejected", ">difference", ">pairs"], &rows)?;
    writeln!(
        to,
        "wrote   {}                             Next:  vecinity neighbors {0} 'user:...'",
        answer.model.display()
    )
}
