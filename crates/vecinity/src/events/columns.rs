//! Which column holds what: named by the user, told by the header, or guessed from the values.

use super::batch::Has;
use super::time;
use crate::error::{Error, Result, shown};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who did it.
    User,
    /// What it was done with; a list of ids makes the row a whole history.
    Item,
    /// When.
    Time,
    /// How much: a rating, a quantity.
    Weight,
    /// What was done: click, buy, ...
    Event,
    /// The visit, basket or order it belongs to.
    Session,
    /// What else is read, by its place in [`Options::beside`](super::Options::beside); never asked for in `--columns`.
    Beside(u8),
}

impl Role {
    const ALL: [Self; 6] = [Self::User, Self::Item, Self::Time, Self::Weight, Self::Event, Self::Session];

    /// Its name, as in `--columns`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
            Self::Time => "time",
            Self::Weight => "weight",
            Self::Event => "event",
            Self::Session => "session",
            Self::Beside(_) => "beside",
        }
    }

    /// Names of columns that mean this, in lower case without anything but letters and digits; the likeliest first.
    fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::User => &[
                "user",
                "userid",
                "uid",
                "customer",
                "customerid",
                "custid",
                "member",
                "memberid",
                "visitor",
                "visitorid",
                "guest",
                "guestid",
                "account",
                "accountid",
                "client",
                "clientid",
                "buyer",
                "reviewerid",
                "person",
                "userhash",
                "useridhash",
                "owner",
            ],
            Self::Item => &[
                "item",
                "itemid",
                "iid",
                "items",
                "itemids",
                "product",
                "productid",
                "products",
                "sku",
                "movie",
                "movieid",
                "film",
                "filmid",
                "song",
                "songid",
                "track",
                "trackid",
                "artist",
                "artistid",
                "listing",
                "listingid",
                "asin",
                "parentasin",
                "stockcode",
                "article",
                "articleid",
                "book",
                "bookid",
                "isbn",
                "game",
                "gameid",
                "video",
                "videoid",
                "poi",
                "venueid",
                "location",
                "locationid",
                "business",
                "businessid",
                "content",
                "contentid",
                "ingredient",
                "ingredients",
                "restaurantid",
                "recipeid",
                "animeid",
                "newsid",
                "history",
                "basket",
            ],
            Self::Time => &[
                "time",
                "timestamp",
                "ts",
                "datetime",
                "date",
                "eventtime",
                "eventdate",
                "createdat",
                "created",
                "invoicedate",
                "orderdate",
                "unixreviewtime",
                "t",
                "when",
                "at",
                "day",
                "checkintime",
                "utctime",
            ],
            Self::Weight => &[
                "weight",
                "rating",
                "ratings",
                "stars",
                "score",
                "overall",
                "quantity",
                "qty",
                "count",
                "plays",
                "playcount",
                "value",
                "purchases",
            ],
            Self::Event => &["event", "eventtype", "action", "actiontype", "behavior", "behaviour", "type"],
            Self::Beside(_) => &[],
            Self::Session => &[
                "session",
                "sessionid",
                "sid",
                "basket",
                "basketid",
                "order",
                "orderid",
                "invoice",
                "invoiceno",
                "invoiceid",
                "transaction",
                "transactionid",
                "cart",
                "cartid",
                "trip",
                "tripid",
                "visit",
                "visitid",
                "receipt",
                "receiptid",
                "playlist",
                "playlistid",
                "recipe",
            ],
        }
    }
}

/// Columns named by the user: `user=uid,item=sku,time=ts`, or by number from 1: `user=1,item=2`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Named(pub BTreeMap<Role, String>);

impl Named {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::setting(
                "columns",
                text,
                "user=NAME,item=NAME,time=NAME,weight=NAME,event=NAME,session=NAME (or numbers from 1)",
            )
        };
        let mut named = BTreeMap::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (role, column) = part.split_once('=').ok_or_else(wrong)?;
            let role = Role::ALL.into_iter().find(|known| known.name() == role.trim()).ok_or_else(wrong)?;
            if column.trim().is_empty() || named.insert(role, column.trim().to_owned()).is_some() {
                return Err(wrong());
            }
        }
        Ok(Self(named))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (role, column)) in self.0.iter().enumerate() {
            write!(f, "{}{}={column}", if at == 0 { "" } else { "," }, role.name())?;
        }
        Ok(())
    }
}

/// What each column of a table is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// Their names; numbers from 1 if the table has no header.
    pub names: Vec<String>,
    /// The column of each role.
    #[serde(skip)]
    pub roles: BTreeMap<Role, usize>,
    /// Whether the first row is a header.
    pub header: bool,
    /// Whether columns were guessed from values, not told by names.
    pub guessed: bool,
}

impl Columns {
    /// The column of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<usize> {
        self.roles.get(&role).copied()
    }

    /// Whether the column of users is named as items are, and the other way round.
    pub(super) fn swapped(&self) -> bool {
        let named = |role, as_of: Role| {
            self.of(role).is_some_and(|at| as_of.aliases().contains(&plain(&self.names[at]).as_str()))
        };
        named(Role::User, Role::Item) && named(Role::Item, Role::User)
    }

    /// Which roles are taken, beside that of the item.
    pub(super) fn has(&self) -> Has {
        let has = |role| self.of(role).is_some();
        Has {
            user: has(Role::User),
            time: has(Role::Time),
            weight: has(Role::Weight),
            event: has(Role::Event),
            session: has(Role::Session),
            beside: self.roles.keys().filter(|role| matches!(role, Role::Beside(_))).count() as u8,
        }
    }

    /// Reads further columns, as far as they are there and hold nothing else.
    pub(super) fn with_beside(mut self, wanted: &[String]) -> Self {
        for (number, name) in (0..).zip(wanted) {
            let at = self.names.iter().position(|column| column.trim() == name);
            if let Some(at) = at.filter(|at| !self.roles.values().any(|taken| taken == at)) {
                self.roles.insert(Role::Beside(number), at);
            }
        }
        self
    }

    /// Of columns whose names are known, as in JSON and Parquet.
    ///
    /// # Errors
    /// As [`Columns::find`].
    pub(super) fn of_names(names: Vec<String>, named: &Named) -> Result<Self> {
        // A second row keeps the names from being taken for values.
        let values = names.iter().map(|_| "0".to_owned()).collect();
        Self::find(&[names, values], named)
    }

    /// One column of ids without a user: the ids of a line.
    pub(super) fn lines() -> Self {
        Self { names: vec!["ids of a line".into()], roles: [(Role::Item, 0)].into(), header: false, guessed: false }
    }

    /// Finds the columns of a table from its first rows, the first of which may be a header.
    ///
    /// # Errors
    /// [`Error::Data`] if no column of items can be found or a named one does not exist, with what there is.
    pub fn find(rows: &[Vec<String>], named: &Named) -> Result<Self> {
        let Some(first) = rows.first() else {
            return Err(Error::data("the table is empty", "expected rows with at least an item each"));
        };
        let by_number = !named.0.is_empty() && named.0.values().all(|column| number(column, first.len()).is_some());
        let header = is_header(rows, named);
        let names: Vec<String> =
            if header { first.clone() } else { (1..=first.len()).map(|number| number.to_string()).collect() };
        let mut roles = BTreeMap::new();
        for (&role, column) in &named.0 {
            let at = names.iter().position(|name| name.trim() == column);
            let at = at.or_else(|| number(column, names.len()).filter(|_| !header || by_number));
            let at = at.ok_or_else(|| {
                let kind = if header { "" } else { " (the table has no header: name columns by number)" };
                Error::data(
                    format!(
                        "there is no column '{}' for {}; the columns are {}{kind}",
                        shown(column),
                        role.name(),
                        listed(&names)
                    ),
                    "use --columns with names of the header, or numbers from 1",
                )
            })?;
            roles.insert(role, at);
        }
        let mut columns = Self { names, roles, header, guessed: false };
        if header {
            columns.by_names();
        } else if columns.of(Role::Item).is_none() {
            columns.guessed = true;
            columns.by_values(rows);
        }
        if columns.of(Role::Item).is_none() {
            return Err(Error::data(
                format!("no column of items found among {}", listed(&columns.names)),
                "name it: --columns user=...,item=...,time=...",
            ));
        }
        Ok(columns)
    }

    /// By the names of the header; what the user has named is not touched.
    fn by_names(&mut self) {
        let plain: Vec<String> = self.names.iter().map(|name| plain(name)).collect();
        for role in Role::ALL {
            if self.roles.contains_key(&role) {
                continue;
            }
            let free = |at: &usize| !self.roles.values().any(|taken| taken == at);
            let found = role
                .aliases()
                .iter()
                .find_map(|alias| plain.iter().position(|name| name == alias).filter(|at| free(at)));
            if let Some(at) = found {
                self.roles.insert(role, at);
            }
        }
    }

    /// By the values, for tables without a header: times by their size or because they rise within a
    /// user, few small numbers are weights, and of the rest the first are user and item.
    fn by_values(&mut self, rows: &[Vec<String>]) {
        let width = self.names.len();
        let column = |at: usize| rows.iter().filter_map(move |row| row.get(at)).map(String::as_str);
        let mut open: Vec<usize> = (0..width).filter(|at| !self.roles.values().any(|taken| taken == at)).collect();
        let user = self.of(Role::User).unwrap_or(0);
        if self.of(Role::Time).is_none() {
            let dated = |&at: &usize| {
                at >= 2 && column(at).all(|v| time::parse(v.as_bytes()).is_some_and(|(t, _)| t >= 100_000_000_000))
            };
            let rising = |&at: &usize| at >= 2 && rises(rows, user, at);
            if let Some(at) = open.iter().copied().find(dated).or_else(|| open.iter().copied().find(rising)) {
                self.roles.insert(Role::Time, at);
                open.retain(|&other| other != at);
            }
        }
        if self.of(Role::Weight).is_none() {
            let few =
                |&at: &usize| at >= 2 && column(at).all(|v| v.parse::<f32>().is_ok_and(|w| w.is_finite() && w >= 0.0));
            if let Some(at) = open.iter().copied().find(few) {
                self.roles.insert(Role::Weight, at);
                open.retain(|&other| other != at);
            }
        }
        let mut open = open.into_iter();
        if width > 1 && !self.roles.contains_key(&Role::User) {
            self.roles.extend(open.next().map(|at| (Role::User, at)));
        }
        self.roles.extend(open.next().map(|at| (Role::Item, at)));
    }
}

/// Whether a column of numbers never falls while the user stays the same.
fn rises(rows: &[Vec<String>], user: usize, at: usize) -> bool {
    let value = |row: &Vec<String>| row.get(at).and_then(|v| time::integer(v.as_bytes()));
    rows.iter().all(|row| value(row).is_some())
        && rows
            .windows(2)
            .filter(|pair| pair[0].get(user) == pair[1].get(user))
            .all(|pair| value(&pair[0]) <= value(&pair[1]))
}

/// Whether the first row names the columns: some of it is named by the user, is an alias, or is a word
/// above a column of numbers.
fn is_header(rows: &[Vec<String>], named: &Named) -> bool {
    let first = &rows[0];
    if first
        .iter()
        .any(|name| named.0.values().any(|column| column == name.trim() && number(column, usize::MAX).is_none()))
    {
        return true;
    }
    let known = |name: &String| Role::ALL.iter().any(|role| role.aliases().contains(&plain(name).as_str()));
    let numeric = |text: &String| text.trim().parse::<f64>().is_ok();
    let words = first.iter().all(|name| !name.trim().is_empty() && !numeric(name));
    if words && first.iter().any(known) {
        return true;
    }
    let above_numbers = |at: usize| {
        rows.len() > 1 && rows[1..].iter().all(|row| row.get(at).is_some_and(numeric)) && !numeric(&first[at])
    };
    words && (0..first.len()).any(above_numbers)
}

/// A column number from 1, as an index.
fn number(text: &str, columns: usize) -> Option<usize> {
    text.parse::<usize>().ok().filter(|&number| (1..=columns).contains(&number)).map(|number| number - 1)
}

/// A name in lower case without anything but letters and digits.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("'{}'", shown(name))).collect();
    format!("{}{}", shown.join(", "), if names.len() > 12 { ", ..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
    }

    fn found(text: &str, named: &str) -> String {
        match Columns::find(&rows(text), &named.parse().unwrap()) {
            Ok(columns) => {
                let mut of: Vec<String> =
                    columns.roles.iter().map(|(role, at)| format!("{}={}", role.name(), columns.names[*at])).collect();
                of.push(format!("header={}", columns.header));
                of.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn headers_are_understood_in_any_dress() {
        assert_eq!(
            found("userId,movieId,rating,timestamp\n1,307,3.5,1256677221", ""),
            "user=userId item=movieId time=timestamp weight=rating header=true"
        );
        assert_eq!(
            found("Invoice,StockCode,Quantity,InvoiceDate,Customer ID\n5,85048,12,2009-12-01,13085", ""),
            "user=Customer ID item=StockCode time=InvoiceDate weight=Quantity session=Invoice header=true"
        );
        assert_eq!(found("who,what\na,b", "user=who,item=what"), "user=who item=what header=true");
        assert_eq!(found("a,b,item\nx,y,z", ""), "item=item header=true");
    }

    #[test]
    fn tables_without_a_header_are_read_from_their_values() {
        assert_eq!(found("196,242,3,881250949\n186,302,3,891717742", ""), "user=1 item=2 time=4 weight=3 header=false");
        assert_eq!(found("u1,i1,0\nu1,i2,5\nu2,i1,3", ""), "user=1 item=2 time=3 header=false");
        assert_eq!(found("u1,i1,5\nu1,i2,3\nu2,i1,3", ""), "user=1 item=2 weight=3 header=false");
        assert_eq!(found("u1,i1\nu1,i2", ""), "user=1 item=2 header=false");
        assert_eq!(found("1,2,3\n4,5,6", "item=1,user=3"), "user=3 item=1 header=false");
    }

    #[test]
    fn what_is_missing_is_said_with_what_there_is() {
        let message = found("who,what\na,b", "user=whom,item=what");
        assert!(message.contains("no column 'whom' for user; the columns are 'who', 'what'"), "{message}");
        let message = found("user,thing\na,b", "");
        assert!(message.contains("no column of items found among 'user', 'thing'"), "{message}");
        assert!("user".parse::<Named>().is_err() && "usr=1".parse::<Named>().is_err());
    }
}
