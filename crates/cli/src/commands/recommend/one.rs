//! Recommendations after one history.

use super::{Asked, items};
use crate::output::Output;
use crate::table;
use std::io::{self, Write};
use vecinity::Error;
use vecinity::error::{counted, shown};
use vecinity::models::User;
use vecinity::models::youtube::Context;
use vecinity::recommend::{Answer, Recommendation, first_of_each};

/// Reasons that are shown to a person.
const REASONS: usize = 3;

#[derive(serde::Serialize)]
struct Found<'a> {
    results: Vec<Answer<'a>>,
    /// What of the history the model does not know.
    unknown: Vec<&'a str>,
    /// `popular` if the history says nothing: then these are the most frequent items.
    fallback: Option<&'static str>,
    /// How the model was asked.
    recipe: String,
    /// Whether shares are parts of the score; of a network they are what it says without an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons_exact: Option<bool>,
    /// Why there are no results.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl Asked<'_> {
    pub(super) fn one(&self, history: &[String], context: &[String], output: Output) -> anyhow::Result<()> {
        let embeddings = &self.model.embeddings;
        let typed = items::read(history, &self.tokens)?;
        for (_, error) in &typed.unknown {
            output.say(format_args!("note: {error}, left out of the history{}", items::advice(error)));
        }
        let history = first_of_each(typed.known.iter().map(|id| id.0));
        let fallback = history.is_empty().then_some("popular");
        if fallback.is_some() {
            let why = if typed.unknown.is_empty() {
                "no history given (--history ITEMS)"
            } else {
                "nothing of the history is known"
            };
            output.say(format_args!("note: {why}: listed is what is popular"));
        }
        let bound = self.filter.bind(embeddings)?;
        let only = |id| !self.excluded.contains(&id) && bound.allows(id);
        let context = self.context(context)?;
        let user = User { history: &history, known: context.as_ref().map(Context::known), weights: None };
        let found = self.recommender.recommend(&user, self.want(&only), self.style);
        let cause = if found.is_empty() { Some(self.why_nothing()?) } else { None };
        if let Some(cause) = &cause {
            output.say(format_args!("note: nothing to list: {cause}"));
        }
        let answer = Found {
            results: found.iter().map(|found| Answer::new(embeddings, found, self.style.explain)).collect(),
            unknown: typed.unknown.iter().map(|(text, _)| text.as_str()).collect(),
            fallback,
            recipe: self.recommender.recipe().to_string(),
            reasons_exact: self.style.explain.then(|| self.recommender.reasons_are_exact()),
            cause,
        };
        output.answer(&answer, |to| self.write(to, &history, &found))
    }

    /// What else is known of the user, as the network reads it.
    fn context(&self, given: &[String]) -> vecinity::Result<Option<Context>> {
        let pairs = given.iter().flat_map(|all| all.split(',')).map(|pair| {
            let wrong = || Error::setting("context", shown(pair), "COLUMN=VALUE, such as country=France");
            pair.split_once('=').map(|(name, value)| (name.trim(), value.trim())).ok_or_else(wrong)
        });
        self.model.context(&pairs.collect::<vecinity::Result<Vec<_>>>()?)
    }

    fn write(&self, to: &mut dyn Write, history: &[u32], found: &[Recommendation]) -> io::Result<()> {
        if !history.is_empty() {
            let asked = self.recommender.recipe().items_asked(history.len());
            let names = history[history.len() - asked..].iter().rev().take(5).rev();
            let names: Vec<_> = names.map(|&row| self.short(vecinity::TokenId(row))).collect();
            let before = if asked > names.len() {
                format!("{} and ", counted((asked - names.len()) as u64, "item"))
            } else {
                String::new()
            };
            let of = match (asked, history.len()) {
                (asked, all) if asked == all => String::new(),
                (1, all) => format!("   (the last of {all})"),
                (asked, all) => format!("   (the last {asked} of {all})"),
            };
            writeln!(to, "because of your history: {before}{}{of}", names.join(" · "))?;
        }
        if found.is_empty() {
            return Ok(());
        }
        let (vocab, metadata) = (self.model.embeddings.vocab(), self.model.embeddings.metadata());
        let title = |found: &Recommendation| metadata.and_then(|metadata| metadata.title(vocab.token(found.item)));
        let titled = found.iter().any(|found| title(found).is_some());
        let explained = found.iter().any(|found| !found.reasons.is_empty());
        let mut header = vec![">", "item"];
        header.extend(titled.then_some("title"));
        header.push(">score");
        let because = if self.recommender.reasons_are_exact() { "because of" } else { "because of, about" };
        header.extend(explained.then_some(because));
        let rows: Vec<_> = (1..)
            .zip(found)
            .map(|(rank, found)| {
                let mut row = vec![rank.to_string(), shown(vocab.token(found.item))];
                row.extend(titled.then(|| title(found).map(shown).unwrap_or_default()));
                row.push(format!("{:.2}", found.score));
                row.extend(explained.then(|| self.reasons(found)));
                row
            })
            .collect();
        table::write(to, &header, &rows)
    }

    /// The reasons that weigh most: `62% Alien · 38% Blade Runner`.
    fn reasons(&self, found: &Recommendation) -> String {
        let mut reasons = found.reasons.iter().filter(|reason| reason.share >= 0.005);
        let first: Vec<_> = (reasons.by_ref().take(REASONS))
            .map(|reason| {
                let name = reason.item.map_or_else(|| "its popularity".to_owned(), |id| self.short(id));
                format!("{:.0}% {name}", reason.share * 100.0)
            })
            .collect();
        let more = if reasons.next().is_some() { " · ..." } else { "" };
        format!("{}{more}", first.join(" · "))
    }
}
