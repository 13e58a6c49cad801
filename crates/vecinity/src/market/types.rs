//! User types and listing types: who books what kind of listing, where single ids are too rare to learn from.
//!
//! Grbovic & Cheng 2018, section 3.2. Rules map a listing to a type by its fields, and a user by fields and by what was booked
//! so far: the type is made anew at every booking, so that one person moves through types. A user's bookings in the order of
//! time are one sequence `user type, listing type, user type, ...`, so that both live in one space. A rejection by a host is
//! a user type with a listing type as an explicit negative, and the other way round.

use crate::error::{Error, Place, Result, shown};
use crate::histories::{Histories, Outcomes, Values};
use crate::metadata::Metadata;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How a column becomes a part of a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column of the listings, or of the users. For users also `bookings` (how many so far) and `mean:COLUMN` (of the
    /// listings booked so far).
    pub column: String,
    /// Rising edges of ranges: a number belongs to the range above the last edge that it reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<f64>,
    /// Instead of edges: into how many ranges of equally many rows the column is cut, 2 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<usize>,
}

/// The rules of both sides, as TOML: `[[listing]]` and `[[user]]` tables with the keys of [`Feature`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeRules {
    /// What makes a listing's type.
    pub listing: Vec<Feature>,
    /// What makes a user's type.
    pub user: Vec<Feature>,
}

impl TypeRules {
    /// Reads rules.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] with the line of the first mistake.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        Self::parse(&text, path)
    }

    /// As [`TypeRules::read`], from a text.
    ///
    /// # Errors
    /// [`Error::Input`] with the line of the first mistake.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
            let place = Place { path: path.to_owned(), line, byte: None };
            let advice = "expected tables [[listing]] and [[user]] with column, and edges or quantiles for numbers";
            Error::input(place, error.message().to_owned(), advice)
        })
    }
}

impl std::fmt::Display for TypeRules {
    /// A line a side: columns, and the edges of their ranges.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = |features: &[Feature]| {
            let shown = features.iter().map(|feature| {
                let edges: Vec<String> = feature.edges.iter().map(ToString::to_string).collect();
                match feature.quantiles {
                    Some(ranges) => format!("{} in {ranges} ranges", feature.column),
                    None if edges.is_empty() => feature.column.clone(),
                    None => format!("{} at {}", feature.column, edges.join(" ")),
                }
            });
            shown.collect::<Vec<_>>().join(" · ")
        };
        write!(f, "of users: {}\nof listings: {}", side(&self.user), side(&self.listing))
    }
}

/// Where the value of a part comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Column(usize),
    Bookings,
    /// The mean of a column of the listings booked so far; its place among the sums.
    Mean(usize),
}

/// A part of a type, ready to be made.
#[derive(Debug)]
struct Part {
    name: String,
    source: Source,
    /// Of numbers.
    edges: Option<Vec<f64>>,
}

/// What a user has booked so far.
#[derive(Debug, Clone, Default)]
struct Past {
    bookings: usize,
    /// Sum and number of each column of means.
    sums: Vec<(f64, usize)>,
}

/// Rules with the tables they are about.
#[derive(Debug)]
pub struct Types<'a> {
    listings: &'a Metadata,
    users: &'a Metadata,
    listing: Vec<Part>,
    user: Vec<Part>,
    /// Columns of the listings whose means are parts of user types.
    means: Vec<usize>,
}

/// A booking or a rejection, by types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// Whose event it is: the number of the history.
    pub history: usize,
    /// When, in milliseconds; the number of the event without times.
    pub time: i64,
    /// The type of the user just before.
    pub user: String,
    /// The type of the listing.
    pub listing: String,
    /// Booked, or rejected.
    pub accepted: bool,
}

impl<'a> Types<'a> {
    /// Finds the columns, and the edges of quantiles.
    ///
    /// # Errors
    /// [`Error::Setting`] for columns that do not exist or hold no numbers, and for edges that do not rise.
    pub fn new(rules: &TypeRules, listings: &'a Metadata, users: &'a Metadata) -> Result<Self> {
        let mut means = Vec::new();
        let listing = rules.listing.iter().map(|feature| {
            let column = find(listings, &feature.column)?;
            part(feature, Source::Column(column), (listings, column))
        });
        let listing = listing.collect::<Result<Vec<_>>>()?;
        let user = rules.user.iter().map(|feature| {
            if feature.column == "bookings" {
                return part(feature, Source::Bookings, (users, usize::MAX));
            }
            if let Some(name) = feature.column.strip_prefix("mean:") {
                let column = find(listings, name)?;
                means.push(column);
                return part(feature, Source::Mean(means.len() - 1), (listings, column));
            }
            let column = find(users, &feature.column)?;
            part(feature, Source::Column(column), (users, column))
        });
        let user = user.collect::<Result<Vec<_>>>()?;
        if listing.is_empty() || user.is_empty() {
            return Err(Error::data(
                "a type needs at least one column",
                "give the rules a [[listing]] and a [[user]] table",
            ));
        }
        Ok(Self { listings, users, listing, user, means })
    }

    /// The rules as they are applied: quantiles are edges now.
    #[must_use]
    pub fn rules(&self) -> TypeRules {
        let feature = |part: &Part| Feature {
            column: part.name.clone(),
            edges: part.edges.clone().unwrap_or_default(),
            quantiles: None,
        };
        let all = |parts: &[Part]| parts.iter().map(feature).collect();
        TypeRules { listing: all(&self.listing), user: all(&self.user) }
    }

    /// The type of a listing; nothing if the table does not have it.
    #[must_use]
    pub fn listing(&self, id: &str) -> Option<String> {
        self.listings.fields(id)?;
        Some(named("listing", &self.listing, |source| match source {
            Source::Column(column) => self.listings.value(id, column).map(str::to_owned),
            _ => None,
        }))
    }

    /// The type of a user who has booked these listings so far.
    #[must_use]
    pub fn user<'b>(&self, id: &str, booked: impl IntoIterator<Item = &'b str>) -> String {
        let mut past = self.nothing_booked();
        booked.into_iter().for_each(|listing| self.book(listing, &mut past));
        self.user_of(id, &past)
    }

    fn nothing_booked(&self) -> Past {
        Past { bookings: 0, sums: vec![(0.0, 0); self.means.len()] }
    }

    /// A listing that the table does not have is no booking.
    fn book(&self, listing: &str, past: &mut Past) {
        if self.listings.fields(listing).is_none() {
            return;
        }
        past.bookings += 1;
        for (sum, &column) in past.sums.iter_mut().zip(&self.means) {
            if let Some(value) = number(self.listings, listing, column) {
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
    }

    fn user_of(&self, id: &str, past: &Past) -> String {
        named("user", &self.user, |source| match source {
            Source::Column(column) => self.users.value(id, column).map(str::to_owned),
            Source::Bookings => Some(past.bookings.to_string()),
            Source::Mean(at) => {
                let (sum, number) = past.sums.get(at).copied().unwrap_or_default();
                (number > 0).then(|| (sum / number as f64).to_string())
            }
        })
    }

    /// All bookings and rejections of histories (one a user), in their order.
    ///
    /// # Errors
    /// [`Error::Data`] if the events have no kinds, or no event has the kind `goal` with a listing of the table.
    pub fn meetings(&self, histories: &Histories, goal: &str, reject: Option<&str>) -> Result<Vec<Meeting>> {
        let kinds = histories.columns().iter().find(|column| column.name == "event").map(|column| &column.values);
        let Some(Values::Categories { names, codes }) = kinds else {
            let advice = "name the column of the kinds: --columns event=NAME,...";
            return Err(Error::data("the data has no column that says what each event was", advice));
        };
        let mut all = Vec::new();
        for history in histories.iter() {
            let mut past = self.nothing_booked();
            let id = history.owner.split('#').next().unwrap_or(history.owner);
            for (at, &item) in history.items.iter().enumerate() {
                let event = history.events.start + at;
                let kind = names.get(codes.as_slice()[event] as usize);
                let accepted = kind == goal;
                if !accepted && Some(kind) != reject {
                    continue;
                }
                let item = histories.items().token(crate::TokenId(item));
                let Some(listing) = self.listing(item) else { continue };
                let time = history.times.map_or(event as i64, |times| times[at]);
                all.push(Meeting { history: history.row, time, user: self.user_of(id, &past), listing, accepted });
                if accepted {
                    self.book(item, &mut past);
                }
            }
        }
        if !all.iter().any(|meeting| meeting.accepted) {
            let what = format!("no event '{}' with a listing of the table", shown(goal));
            return Err(Error::data(what, "check --goal, and that the ids of the events are those of the listings"));
        }
        Ok(all)
    }
}

/// Bookings as sequences of types, and rejections as sequences of one type that refuse another.
///
/// # Errors
/// [`Error::Data`] if there is no booking.
pub fn sequences(meetings: &[&Meeting], rejections: bool) -> Result<Histories> {
    let mut lists: Vec<(String, Vec<&str>)> = Vec::new();
    for user in meetings.chunk_by(|a, b| a.history == b.history) {
        let booked = user.iter().filter(|meeting| meeting.accepted);
        let types: Vec<&str> = booked.flat_map(|meeting| [meeting.user.as_str(), &meeting.listing]).collect();
        if !types.is_empty() {
            lists.push((user[0].history.to_string(), types));
        }
    }
    let refused = |meeting: &&&Meeting| !meeting.accepted && rejections;
    let (booked, mut against) = (lists.len(), Vec::new());
    for (at, meeting) in meetings.iter().filter(refused).enumerate() {
        lists.push((format!("r{at}"), vec![meeting.user.as_str()]));
        lists.push((format!("s{at}"), vec![meeting.listing.as_str()]));
        against.extend([&meeting.listing, &meeting.user]);
    }
    let made = Histories::from_lists(&lists, true)?;
    let mut outcomes = Outcomes::default();
    for row in 0..lists.len() {
        let refused = row.checked_sub(booked).and_then(|at| made.items().get(against[at])).map(|id| id.0);
        outcomes.push(None, refused.as_slice());
    }
    Ok(made.with_outcomes(outcomes))
}

fn find(table: &Metadata, name: &str) -> Result<usize> {
    table.columns().iter().position(|known| known == name).ok_or_else(|| {
        let known: Vec<String> = table.columns().iter().take(16).map(|name| shown(name)).collect();
        Error::setting("column", shown(name), format!("a column of the table: {}", known.join(", ")))
    })
}

fn number(table: &Metadata, id: &str, column: usize) -> Option<f64> {
    table.value(id, column)?.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

fn part(feature: &Feature, source: Source, (table, column): (&Metadata, usize)) -> Result<Part> {
    let name = feature.column.clone();
    if !feature.edges.is_sorted_by(|a, b| a < b) {
        return Err(Error::setting("edges", format!("{:?} of {}", feature.edges, shown(&name)), "numbers that rise"));
    }
    let edges = match feature.quantiles {
        None if feature.edges.is_empty() => None,
        None => Some(feature.edges.clone()),
        Some(ranges) => {
            if !(2..=100).contains(&ranges) {
                return Err(Error::setting("quantiles", ranges, "2 to 100"));
            }
            let mut values: Vec<f64> = match source {
                Source::Bookings => Vec::new(),
                _ => table.ids().filter_map(|id| number(table, id, column)).collect(),
            };
            if values.is_empty() {
                let expected = "a column of numbers; give edges for what is counted";
                return Err(Error::setting("quantiles", shown(&name), expected));
            }
            values.sort_by(f64::total_cmp);
            let mut edges: Vec<f64> = (1..ranges).map(|cut| values[cut * values.len() / ranges]).collect();
            edges.dedup();
            Some(edges)
        }
    };
    Ok(Part { name, source, edges })
}

/// `listing:room_type=private|price=40..60`: the parts with their values or ranges; `?` where there is none.
fn named(side: &str, parts: &[Part], value: impl Fn(Source) -> Option<String>) -> String {
    let parts = parts.iter().map(|part| {
        let value = value(part.source);
        let text = match (&part.edges, value) {
            (_, None) => "?".to_owned(),
            (None, Some(text)) => text,
            (Some(edges), Some(text)) => text.trim().parse::<f64>().map_or("?".into(), |number| range(edges, number)),
        };
        format!("{}={text}", part.name)
    });
    format!("{side}:{}", parts.collect::<Vec<_>>().join("|"))
}

fn range(edges: &[f64], number: f64) -> String {
    match edges.partition_point(|edge| *edge <= number) {
        0 => format!("..{}", edges.first().copied().unwrap_or(f64::INFINITY)),
        at if at == edges.len() => format!("{}..", edges[at - 1]),
        at => format!("{}..{}", edges[at - 1], edges[at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::{Column, Names, Parts};

    const RULES: &str = "[[listing]]\ncolumn = \"room\"\n[[listing]]\ncolumn = \"price\"\nedges = [50, 100]\n\
                         [[user]]\ncolumn = \"country\"\n[[user]]\ncolumn = \"bookings\"\nedges = [1]\n\
                         [[user]]\ncolumn = \"mean:price\"\nquantiles = 2\n";

    fn table(text: &str) -> Metadata {
        Metadata::read(text.as_bytes(), Path::new("t.csv")).unwrap()
    }

    /// One user who books `a`, is rejected at `b`, and books `b` then.
    fn log() -> Histories {
        let plain = Histories::from_lists(&[("u", vec!["a", "a", "b", "b"])], true).unwrap();
        let names: Names = ["click", "booked", "rejected"].into_iter().collect();
        let values = Values::Categories { names, codes: vec![0u32, 1, 2, 1].into() };
        Histories::new(Parts {
            items: plain.items().clone(),
            owners: ["u"].into_iter().collect(),
            ends: vec![4].into(),
            item: plain.history(0).items.to_vec().into(),
            time: None,
            weight: None,
            columns: vec![Column { name: "event".into(), values }],
            ordered: true,
        })
        .unwrap()
    }

    #[test]
    fn types_are_made_anew_at_every_booking() {
        let (listings, users) = (table("id,room,price\na,flat,40\nb,room,100\n"), table("id,country\nu,NL\n"));
        let rules: TypeRules = toml::from_str(RULES).unwrap();
        let types = Types::new(&rules, &listings, &users).unwrap();
        assert_eq!(
            types.rules().to_string(),
            "of users: country · bookings at 1 · mean:price at 100\nof listings: room · price at 50 100"
        );
        let all = types.meetings(&log(), "booked", Some("rejected")).unwrap();
        let shown: Vec<String> = all.iter().map(|m| format!("{} {} {}", m.user, m.listing, m.accepted)).collect();
        // The median of the prices is 100; the mean of what was booked is 40 from the first booking on.
        assert_eq!(
            shown,
            [
                "user:country=NL|bookings=..1|mean:price=? listing:room=flat|price=..50 true",
                "user:country=NL|bookings=1..|mean:price=..100 listing:room=room|price=100.. false",
                "user:country=NL|bookings=1..|mean:price=..100 listing:room=room|price=100.. true",
            ]
        );
        assert_eq!(types.user("u", ["a", "?"]), all[2].user);
        let made = sequences(&all.iter().collect::<Vec<_>>(), true).unwrap();
        let outcomes = made.outcomes().unwrap();
        let lengths: Vec<(usize, usize)> =
            made.iter().map(|history| (history.items.len(), outcomes.refused(history.row).len())).collect();
        assert_eq!(lengths, [(4, 0), (1, 1), (1, 1)]);
        // The user type refuses the listing type, and the other way round.
        assert_eq!(outcomes.refused(1), made.history(2).items);
        assert_eq!(outcomes.refused(2), made.history(1).items);
        assert_eq!(sequences(&all.iter().collect::<Vec<_>>(), false).unwrap().len(), 1);
    }

    #[test]
    fn rules_that_do_not_fit_the_tables_are_refused() {
        let (listings, users) = (table("id,room,price\na,flat,40\n"), table("id,country\nu,NL\n"));
        for (from, to, says) in [
            ("\"room\"", "\"rooms\"", "room, price"),
            ("[50, 100]", "[100, 50]", "numbers that rise"),
            ("quantiles = 2", "quantiles = 1", "2 to 100"),
            ("edges = [1]", "quantiles = 3", "give edges"),
        ] {
            let rules: TypeRules = toml::from_str(&RULES.replace(from, to)).unwrap();
            let message = Types::new(&rules, &listings, &users).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.toml");
        std::fs::write(&path, "[[listing]]\ncolumn = \"room\"\nedge = [1]\n").unwrap();
        let message = TypeRules::read(&path).unwrap_err().to_string();
        assert!(message.contains("rules.toml, line 3: unknown field `edge`"), "{message}");
    }
}
