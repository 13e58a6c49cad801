//! `vecinity affinity`: how alike candidates are to what users did lately, as features for a ranker.

use crate::output::Output;
use crate::settings::parse_duration;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vecinity::Error;
use vecinity::corpus::expand;
use vecinity::error::{counted, grouped};
use vecinity::events::{self, Grouping, Named, Role};
use vecinity::formats::table::{Cell, Kind, Table};
use vecinity::histories::{Histories, Values};
use vecinity::market::{self, Affinities, OfTypes, Set, TypeRules, Types};
use vecinity::metadata::Metadata;
use vecinity::model_dir::Model;

/// The name of the types' feature.
const USER_TYPE: &str = "user_type";

/// How alike candidates are to what users did lately: features for a ranker (Grbovic & Cheng 2018, section 4.4).
///
/// The listings of a user's recent events fall into sets by what was done with them: clicked, clicked for long, skipped, put on a
/// wish-list, booked. For every candidate and every set: the largest cosine between the candidate and the centre of the set in a
/// market. Empty where the set is empty. If candidates have times, only events before each count: a ranker is then trained on
/// what was known.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity affinity stays.model recent.tsv --candidates shown.tsv -o features.parquet
  vecinity affinity stays.model recent.tsv --candidates shown.tsv --within 14d \\
    --sets 'click,long=click>60s,last_long=last:click>60s,skip,wish=wishlist,book=booked' -o -
  vecinity affinity stays.model recent.tsv --candidates shown.tsv --types types.model --users guests.tsv -o features.csv")]
pub(crate) struct Affinity {
    /// The model folder.
    model: PathBuf,
    /// What users did: files, folders or patterns, with a user, an item, a kind of event and, if there is one, a time.
    #[arg(required = true)]
    events: Vec<String>,
    /// The candidates: a row each, with a user, an item and perhaps a time.
    #[arg(long, value_name = "FILE")]
    candidates: String,
    /// Which sets: KIND, NAME=KIND, NAME=KIND>60s (looked at for longer), NAME=last:KIND (the last one alone) [default: each
    /// kind of event].
    #[arg(long, value_name = "SET,...", value_delimiter = ',')]
    sets: Vec<Set>,
    /// Only events at most this long before, such as 14d [default: all].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    within: Option<Duration>,
    /// The column of the items' markets, of the model's metadata or of --metadata [default: that of training].
    #[arg(long, value_name = "COLUMN")]
    market: Option<String>,
    /// Fields of the items, if the model has none.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// A model of `vecinity types`: one more feature, `user_type`, the cosine of the user's type at that moment and the listing's.
    #[arg(long, value_name = "MODEL", requires = "users")]
    types: Option<PathBuf>,
    /// Fields of the users, for --types.
    #[arg(long, value_name = "FILE", requires = "types")]
    users: Option<PathBuf>,
    /// The kind of event that is a booking, for --types.
    #[arg(long, value_name = "EVENT", default_value = "booked")]
    goal: String,
    /// Columns of the events, such as user=guest,item=listing,event=event,time=time.
    #[arg(long, value_name = "ROLE=NAME,...")]
    columns: Option<Named>,
    /// Columns of the candidates [default: user and item as in the events].
    #[arg(long, value_name = "ROLE=NAME,...")]
    candidate_columns: Option<Named>,
    /// Where the features go: .csv, .tsv, .jsonl, each perhaps with .gz or .zst, or .parquet; - is CSV on standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Done<'a> {
    output: &'a Path,
    sets: Vec<String>,
    #[serde(flatten)]
    summary: Affinities,
    seconds: f64,
}

impl Affinity {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let to_stdout = self.output == Path::new("-");
        if !to_stdout {
            Table::check(&self.output)?;
        }
        let model = Model::open(&self.model)?;
        let begun = Instant::now();
        let events = read(&self.events, self.columns.clone().unwrap_or_default())?;
        let candidates = read(std::slice::from_ref(&self.candidates), self.of_candidates())?;
        let sets = if self.sets.is_empty() { each_kind(&events)? } else { self.sets.clone() };
        let of_file = self.metadata.as_deref().map(Metadata::parse).transpose()?;
        let fields = of_file.as_ref().or(model.embeddings.metadata());
        let markets = self.markets(&model, fields, output)?;
        let within = self.within.map(|within| i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        let mut asked = market::Affinity::new(&model.embeddings, markets, &sets, within)?;
        let mut columns = vec![("user", Kind::Id), ("item", Kind::Id)];
        columns.extend(sets.iter().map(|set| (set.name.as_str(), Kind::Perhaps)));
        let types = self.types.as_deref().map(of_types).transpose()?;
        let users = self.users.as_deref().map(Metadata::parse).transpose()?;
        let made = match (&types, &users) {
            (Some((_, rules)), Some(users)) => Some(Types::new(rules, listings(fields)?, users)?),
            _ => None,
        };
        if let (Some((model, _)), Some(types)) = (&types, &made) {
            if sets.iter().any(|set| set.name == USER_TYPE) {
                return Err(Error::setting("sets", USER_TYPE, "another name: it is that of the types' feature").into());
            }
            asked = asked.with_types(OfTypes { model: &model.embeddings, types, goal: &self.goal });
            columns.push((USER_TYPE, Kind::Perhaps));
        }
        let write = |table: &mut Table<'_>| {
            asked.for_everybody(&events, &candidates, &mut |user, item, features| {
                let mut cells = vec![Cell::Id(user), Cell::Id(item)];
                cells.extend(features.iter().map(|value| value.map_or(Cell::Missing, Cell::Number)));
                table.add(&cells)
            })
        };
        let (summary, marked) = if to_stdout {
            let name = Path::new("standard output");
            let mut table = Table::csv(Box::new(BufWriter::new(std::io::stdout())), name, &columns)?;
            match write(&mut table).and_then(|summary| Ok((summary, table.finish()?.marked))) {
                // The reader of a pipe may stop early; that is no failure.
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                result => result?,
            }
        } else {
            let (summary, written) = Table::file(&self.output, &columns, write)?;
            (summary, written.marked)
        };
        say(&summary, marked, output);
        let sets = sets.iter().map(ToString::to_string).collect();
        let done = Done { output: &self.output, sets, summary, seconds: begun.elapsed().as_secs_f64() };
        if to_stdout {
            return Ok(());
        }
        output.answer(&done, |to| {
            let rows = grouped(summary.rows);
            writeln!(to, "wrote   {}   {rows} candidates of {}", self.output.display(), counted(summary.users, "user"))
        })
    }

    /// The columns of the candidates: users and items are called as in the events, if nobody says otherwise.
    fn of_candidates(&self) -> Named {
        let of_events = || {
            let mut named = self.columns.clone().unwrap_or_default();
            named.0.retain(|role, _| matches!(role, Role::User | Role::Item));
            named
        };
        self.candidate_columns.clone().unwrap_or_else(of_events)
    }

    /// The market of each row of the model.
    fn markets(&self, model: &Model, fields: Option<&Metadata>, output: Output) -> Result<Vec<u32>> {
        let trained = model.config.as_ref().and_then(|config| config.data.local_negatives.clone());
        let Some(column) = self.market.clone().or(trained) else {
            output.say("note    no markets are known: a set has one centre (--market COLUMN)");
            return Ok(Vec::new());
        };
        match fields {
            Some(metadata) => {
                let found = market::groups(model.embeddings.vocab(), metadata, &column);
                Ok(found.map_err(|error| match error {
                    Error::Setting { found, .. } => Error::setting(
                        "market",
                        found,
                        format!("a column of the items: {}", metadata.columns().join(", ")),
                    ),
                    other => other,
                })?)
            }
            None if self.market.is_none() => {
                output.say(format_args!(
                    "note    the market was a column of the events, '{column}': a set has one centre (--metadata FILE)"
                ));
                Ok(Vec::new())
            }
            None => Err(Error::setting("market", column, "a column of --metadata: the model has no fields").into()),
        }
    }
}

/// A model of types with its rules.
fn of_types(path: &Path) -> vecinity::Result<(Model, TypeRules)> {
    let model = Model::open(path)?;
    let Some(rules) = &model.types else {
        return Err(Error::setting("types", path.display(), "a model that `vecinity types` made"));
    };
    let rules = TypeRules::parse(rules, path)?;
    Ok((model, rules))
}

fn listings(fields: Option<&Metadata>) -> vecinity::Result<&Metadata> {
    fields
        .ok_or_else(|| Error::data("the fields that make listings' types are not known", "give them: --metadata FILE"))
}

fn read(files: &[String], columns: Named) -> vecinity::Result<Histories> {
    let options = events::Options { columns, grouping: Grouping::Owner, ..events::Options::default() };
    Ok(events::read(&expand(files)?, &options)?.0)
}

/// A set of each kind of event.
fn each_kind(events: &Histories) -> vecinity::Result<Vec<Set>> {
    let column = events.columns().iter().find(|column| column.name == "event").map(|column| &column.values);
    let Some(Values::Categories { names, .. }) = column else {
        let advice = "name it: --columns event=NAME,...";
        return Err(Error::data("the data has no column that says what each event was", advice));
    };
    let set = |name: &str| Set { name: name.to_owned(), kind: name.to_owned(), longer: None, last: false };
    Ok(names.iter().map(set).collect())
}

/// Says what was not as it should be.
fn say(summary: &Affinities, marked: u64, output: Output) {
    if summary.without_events > 0 {
        output.say(format_args!("note    of {} no event is known", counted(summary.without_events, "user")));
    }
    if summary.unknown > 0 {
        output.say(format_args!(
            "note    {} left out: the model does not know them",
            counted(summary.unknown, "candidate")
        ));
    }
    if marked > 0 {
        output.say(format_args!(
            "note    {} begin like a formula and got a ' in front, for spreadsheets",
            counted(marked, "id")
        ));
    }
}
