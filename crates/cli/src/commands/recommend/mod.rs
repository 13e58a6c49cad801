//! `vecinity recommend`: a history, or a file of histories, in; items out.

mod everybody;
mod items;
mod one;

use crate::args::{Fuzzy, Limit, Tokens};
use crate::output::Output;
use clap::Args;
use std::path::PathBuf;
use vecinity::TokenId;
use vecinity::ask::Want;
use vecinity::error::shown;
use vecinity::model_dir::Model;
use vecinity::recommend::filter::Condition;
use vecinity::recommend::{Filter, Recommender, Style};
use vecinity::{Error, events};

/// Recommend items after a history, with reasons; or after each history of a file.
///
/// A model is asked by its recipe: the one that validation chose when it was trained. Items of the history
/// are left out. A history without any item that the model knows is answered with what is popular.
///
/// With --input everybody in the file gets a list: any table of events that `vecinity train` reads (all
/// events of a user in the order of time), or a history a line. The lists have the columns user, item, rank
/// and score.
///
/// Conditions of filters are FIELD=VALUE, FIELD~TEXT (contains it), FIELD<NUMBER, <=, >, >=. Fields are those
/// of the metadata, `id`, and `count` (how often the item occurred in training). A field of several values is
/// written with bars, as in 'Action|Sci-Fi'; a condition holds if it holds for one of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity recommend shop.model --history 'Alien,Blade Runner' -k 5
  vecinity recommend shop.model --history 1214 --history 541 --must genre=Sci-Fi --must-not 'year<1980'
  vecinity recommend shop.model --input users.parquet --output recs.parquet -k 50
  cut -f2- carts.txt | vecinity recommend shop.model --input - > recs.csv")]
pub(crate) struct Recommend {
    /// The model folder.
    model: PathBuf,
    /// Ids or titles, oldest first, with commas between them; may be given several times. An id or title
    /// that itself holds a comma is understood.
    #[arg(long, value_name = "ITEMS", conflicts_with = "input")]
    history: Vec<String>,
    /// What else is known of the user, for networks that read it, such as country=France,age=35.
    #[arg(long, value_name = "COLUMN=VALUE,...", conflicts_with = "input")]
    context: Vec<String>,
    #[command(flatten)]
    limit: Limit,
    #[command(flatten)]
    which: Which,
    /// 0 is by score alone; towards 1, items like those already listed are put back.
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    diversity: f32,
    /// List items of the history too.
    #[arg(long)]
    include_history: bool,
    /// Leave out the reasons.
    #[arg(long)]
    no_reasons: bool,
    #[command(flatten)]
    fuzzy: Fuzzy,
    #[command(flatten)]
    files: Files,
}

/// Which items may be recommended.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which items")]
struct Which {
    /// Never list these: ids or titles, written as in --history.
    #[arg(long, value_name = "ITEMS")]
    exclude: Vec<String>,
    /// A condition that every listed item fulfils.
    #[arg(long, value_name = "CONDITION")]
    must: Vec<Condition>,
    /// Conditions of which every listed item fulfils one or more.
    #[arg(long, value_name = "CONDITION")]
    should: Vec<Condition>,
    /// A condition that no listed item fulfils.
    #[arg(long, value_name = "CONDITION")]
    must_not: Vec<Condition>,
    /// A filter in Qdrant's form, as JSON or in a file.
    #[arg(long, value_name = "FILE|JSON")]
    filter: Option<String>,
}

/// Many histories.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Many histories")]
pub(crate) struct Files {
    /// Events or histories to answer: files, folders, patterns, or - for standard input.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) input: Vec<String>,
    /// Where the lists go: .csv, .tsv, .jsonl (or .ndjson), each perhaps with .gz or .zst, or .parquet; - is
    /// CSV on standard output.
    #[arg(long, short, value_name = "FILE", default_value = "-", requires = "input")]
    pub(crate) output: PathBuf,
    /// Columns of the input, such as user=uid,item=sku,time=ts; as in training, or from the header, if absent.
    #[arg(long, value_name = "ROLE=NAME,...", requires = "input")]
    pub(crate) columns: Option<events::Named>,
    /// The form of the input; from names and first bytes if absent.
    #[arg(long, value_parser = crate::choices::choice(&events::Format::ALL), requires = "input")]
    pub(crate) format: Option<events::Format>,
    /// What to do with rows that cannot be read: fail, skip, or skip:SHARE.
    #[arg(long, value_name = "HOW", requires = "input")]
    pub(crate) bad_rows: Option<events::BadRows>,
    /// Fields of the users, for networks that read them; those of training, if absent and still there.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub(crate) user_metadata: Option<PathBuf>,
    /// Threads [default: all cores].
    #[arg(long, value_name = "N", requires = "input", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// An open model with all that is asked of it but histories.
struct Asked<'a> {
    model: &'a Model,
    recommender: Recommender,
    tokens: Tokens<'a>,
    filter: &'a Filter,
    excluded: Vec<TokenId>,
    limit: usize,
    include_history: bool,
    style: Style,
}

impl Recommend {
    pub(crate) fn run(self, output: Output) -> anyhow::Result<()> {
        let style = Style { diversity: self.diversity, explain: !self.no_reasons }.check()?;
        let filter = self.which.filter()?;
        if !self.files.input.is_empty() {
            self.files.check()?;
        }
        let model = Model::open(&self.model)?;
        // Unknown fields are told before anything is computed.
        filter.bind(&model.embeddings)?;
        let recommender = model.recommender()?;
        if model.recipe.is_none() {
            output.say(format_args!(
                "note: this model has no recipe of its own, since it was not judged as a recommender; asked by a usual one: {}",
                recommender.recipe()
            ));
        }
        let tokens = Tokens::new(&model.embeddings, &self.fuzzy, output);
        let excluded = items::read(&self.which.exclude, &tokens)?;
        for (_, error) in &excluded.unknown {
            output.say(format_args!("note: --exclude: {error}{}", items::advice(error)));
        }
        let asked = Asked {
            model: &model,
            recommender,
            tokens,
            filter: &filter,
            excluded: excluded.known,
            limit: self.limit.get(),
            include_history: self.include_history,
            style,
        };
        if self.files.input.is_empty() {
            asked.one(&self.history, &self.context, output)
        } else {
            asked.everybody(&self.files, output)
        }
    }
}

impl Which {
    fn filter(&self) -> vecinity::Result<Filter> {
        let mut filter = match self.filter.as_deref().map(str::trim) {
            None => Filter::default(),
            Some(json) if json.starts_with('{') => json.parse()?,
            Some(path) => std::fs::read_to_string(path).map_err(Error::io(path, "read"))?.parse()?,
        };
        filter.must.extend(self.must.iter().cloned());
        filter.should.extend(self.should.iter().cloned());
        filter.must_not.extend(self.must_not.iter().cloned());
        Ok(filter)
    }
}

impl Asked<'_> {
    fn want<'a>(&self, only: &'a (dyn Fn(TokenId) -> bool + Sync)) -> Want<'a> {
        let want = Want::best(self.limit).only(only);
        if self.include_history { want.including_asked() } else { want }
    }

    /// Why there is nothing to list, as far as filter and exclusions are the cause.
    fn why_nothing(&self) -> vecinity::Result<String> {
        let bound = self.filter.bind(&self.model.embeddings)?;
        let cause = bound.why_none();
        Ok(cause.unwrap_or_else(|| {
            let all = (0..self.model.embeddings.len() as u32).map(TokenId);
            let passing: Vec<TokenId> = all.filter(|&id| bound.allows(id)).collect();
            let names: Vec<_> = passing.iter().take(3).map(|&id| self.tokens.name(id)).collect();
            let more = if passing.len() > names.len() { ", ..." } else { "" };
            format!("whatever passes the filter is in the history or excluded: {}{more}", names.join(", "))
        }))
    }

    /// A title without its last remark in parentheses, or the id: short enough for a reason.
    fn short(&self, id: TokenId) -> String {
        let token = self.model.embeddings.vocab().token(id);
        let title = self.model.embeddings.metadata().and_then(|metadata| metadata.title(token)).unwrap_or(token);
        let short = title.strip_suffix(')').and_then(|title| title.rsplit_once(" (")).map(|(short, _)| short);
        shown(short.filter(|short| !short.is_empty()).unwrap_or(title))
    }
}
