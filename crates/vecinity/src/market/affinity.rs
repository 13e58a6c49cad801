//! What a user's recent events say of a candidate: features for a ranker, in real time.
//!
//! Grbovic & Cheng 2018, section 4.4, table 6: a user's recent listings fall into sets by what was done with them (clicked,
//! clicked for long, skipped, put on a wish-list, asked for, booked). For each set `H` and candidate `l`
//!
//! ```text
//! similarity(l, H) = max over markets m of  cos(v_l, sum over h in H of market m of v_h)
//! ```
//!
//! since a set that spans several markets has no sensible centre: EmbClickSim, EmbLongClickSim, EmbSkipSim, EmbWishlistSim,
//! EmbInqSim, EmbBookSim, and EmbLastLongClickSim, whose set is the last one alone. UserTypeListingTypeSim is the cosine of the
//! user's type at that moment and the listing's type.

use super::Types;
use crate::TokenId;
use crate::embeddings::Embeddings;
use crate::error::{Error, Result, shown};
use crate::histories::{Histories, Names, Values};
use crate::index::Metric;
use std::fmt;
use std::str::FromStr;
use vecinity_kernel::vector::{axpy, dot};

/// Which events make a set: `NAME=KIND`, `NAME=KIND>SECONDSs` for those looked at for longer, `NAME=last:KIND` for the last
/// one alone; `KIND` is `KIND=KIND`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The name of the feature.
    pub name: String,
    /// The kind of event.
    pub kind: String,
    /// Looked at for longer than so many milliseconds: the time to the user's next event.
    pub longer: Option<i64>,
    /// Only the last one.
    pub last: bool,
}

impl FromStr for Set {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::setting("sets", shown(text), "KIND, NAME=KIND, NAME=KIND>60s or NAME=last:KIND>60s");
        let (name, rule) = text.split_once('=').map_or((None, text), |(name, rule)| (Some(name.trim()), rule));
        let (last, rule) = rule.trim().strip_prefix("last:").map_or((false, rule.trim()), |rule| (true, rule));
        let (kind, longer) = match rule.split_once('>') {
            None => (rule, None),
            Some((kind, long)) => {
                let seconds = long.trim().strip_suffix('s').and_then(|number| number.trim().parse::<u32>().ok());
                (kind, Some(i64::from(seconds.ok_or_else(wrong)?) * 1000))
            }
        };
        let kind = kind.trim();
        let name = name.unwrap_or(kind);
        if kind.is_empty() || name.is_empty() {
            return Err(wrong());
        }
        Ok(Self { name: name.to_owned(), kind: kind.to_owned(), longer, last })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}{}", self.name, if self.last { "last:" } else { "" }, self.kind)?;
        self.longer.map_or(Ok(()), |longer| write!(f, ">{}s", longer / 1000))
    }
}

/// An event of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The listing, a row of the model.
    pub row: u32,
    /// What was done.
    pub kind: &'a str,
    /// When, in milliseconds; without times 0 for all.
    pub time: i64,
}

/// A model, ready to compare candidates with what users did.
#[derive(Debug)]
pub struct Affinity<'a> {
    model: &'a Embeddings,
    /// The market of each row; `u32::MAX`: in none.
    markets: Vec<u32>,
    sets: &'a [Set],
    /// Only events at most so many milliseconds before the moment that is asked about.
    within: Option<i64>,
    types: Option<OfTypes<'a>>,
}

/// What compares types of users with types of listings.
#[derive(Debug, Clone, Copy)]
pub struct OfTypes<'a> {
    /// The vectors of the types.
    pub model: &'a Embeddings,
    /// The rules they were made by, with the fields of users and listings.
    pub types: &'a Types<'a>,
    /// The kind of event that is a booking.
    pub goal: &'a str,
}

impl OfTypes<'_> {
    /// The cosine of a user's type and a listing's; nothing if the model does not know one of them.
    ///
    /// * `booked`: what the user has booked so far.
    #[must_use]
    pub fn of<'b>(&self, user: &str, booked: impl IntoIterator<Item = &'b str>, listing: &str) -> Option<f32> {
        let row = |name: &str| Some(self.model.input().row(self.model.vocab().get(name)?.row()));
        let (user, listing) = (row(&self.types.user(user, booked))?, row(&self.types.listing(listing)?)?);
        Some(Metric::Cosine.score(user, listing))
    }
}

/// What takes the features: gets the user, the listing and a feature for each set, then that of the types, if they are asked.
pub type Add<'a> = &'a mut dyn FnMut(&str, &str, &[Option<f32>]) -> Result<()>;

/// What a user's recent events say: the centre of each market of each set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recent {
    /// For each set its centres, unit vectors one behind the other.
    centres: Vec<Vec<f32>>,
}

impl<'a> Affinity<'a> {
    /// * `markets`: the market of each row of the model, `u32::MAX` where it is not known: those are one market; empty if there
    ///   are no markets.
    /// * `within`: only events at most so many milliseconds old count.
    ///
    /// # Errors
    /// [`Error::Setting`] if two sets have one name.
    pub fn new(model: &'a Embeddings, markets: Vec<u32>, sets: &'a [Set], within: Option<i64>) -> Result<Self> {
        for (at, set) in sets.iter().enumerate() {
            if sets[..at].iter().any(|other| other.name == set.name) {
                return Err(Error::setting("sets", shown(&set.name), "a name of its own for each set"));
            }
        }
        let markets = if markets.len() == model.len() { markets } else { vec![u32::MAX; model.len()] };
        Ok(Self { model, markets, sets, within, types: None })
    }

    /// With one more feature: how alike the user's type and the listing's are.
    #[must_use]
    pub fn with_types(self, types: OfTypes<'a>) -> Self {
        Self { types: Some(types), ..self }
    }

    /// What a user's events say at a moment.
    ///
    /// * `events`: in the order of time.
    /// * `until`: only events before this moment count; absent: all, and the last one is the moment.
    #[must_use]
    pub fn recent(&self, events: &[Event<'_>], until: Option<i64>) -> Recent {
        let known = until.map_or(events.len(), |until| events.partition_point(|event| event.time < until));
        let now = until.or(events.last().map(|event| event.time)).unwrap_or(0);
        let from = self.within.map_or(0, |within| events.partition_point(|event| event.time < now - within));
        let centres = self.sets.iter().map(|set| {
            let belongs = |at: &usize| {
                let event = events[*at];
                // Of the last event before the moment nobody knows for how long it will be looked at, but until then.
                let left = events[..known].get(at + 1).map(|next| next.time).or(until);
                event.kind == set.kind
                    && set.longer.is_none_or(|longer| left.is_some_and(|left| left - event.time > longer))
            };
            let mut rows: Vec<u32> = (from.min(known)..known).rev().filter(belongs).map(|at| events[at].row).collect();
            if set.last {
                rows.truncate(1);
            }
            self.centres(rows)
        });
        Recent { centres: centres.collect() }
    }

    /// The centre of each market, as unit vectors.
    fn centres(&self, mut rows: Vec<u32>) -> Vec<f32> {
        let dim = self.model.dim();
        let mut centres = Vec::new();
        rows.sort_by_key(|&row| self.markets[row as usize]);
        for market in rows.chunk_by(|&a, &b| self.markets[a as usize] == self.markets[b as usize]) {
            let start = centres.len();
            centres.resize(start + dim, 0.0);
            let sum = &mut centres[start..];
            market.iter().for_each(|&row| axpy(1.0, self.model.input().row(row as usize), sum));
            let length = dot(sum, sum).sqrt();
            if length > 0.0 {
                sum.iter_mut().for_each(|value| *value /= length);
            } else {
                centres.truncate(start);
            }
        }
        centres
    }

    /// How alike a candidate is to each set, in the order of the sets: -1 to 1, nothing where a set is empty.
    ///
    /// * `to`: what is found is appended.
    ///
    /// # Panics
    /// If `candidate` is no row of the model.
    pub fn of(&self, recent: &Recent, candidate: u32, to: &mut Vec<Option<f32>>) {
        let vector = self.model.input().row(candidate as usize);
        let length = dot(vector, vector).sqrt().max(f32::MIN_POSITIVE);
        let best = |centres: &Vec<f32>| {
            let cosines = centres.chunks_exact(vector.len()).map(|centre| dot(centre, vector) / length);
            cosines.reduce(f32::max)
        };
        to.extend(recent.centres.iter().map(best));
    }

    /// The features of many candidates, user by user.
    ///
    /// * `events`: what users did, with a column `event`; `candidates`: a history a user, of listings to be ranked. If these have
    ///   times, only what was done before each counts, so that a ranker is not trained on what came later.
    ///
    /// # Errors
    /// [`Error::Data`] if the events have no kinds; [`Error::Setting`] if one of a set, or the goal of the types, is not among them; what
    /// `add` returns.
    pub fn for_everybody(&self, events: &Histories, candidates: &Histories, add: Add<'_>) -> Result<Summary> {
        let (names, codes) = kinds(events)?;
        let asked = self.sets.iter().map(|set| ("sets", set.kind.as_str()));
        let goal = self.types.iter().map(|types| ("goal", types.goal));
        if let Some((setting, kind)) = asked.chain(goal).find(|(_, kind)| !names.iter().any(|name| name == *kind)) {
            let known: Vec<String> = names.iter().take(12).map(shown).collect();
            let expected = format!("events of the data: {}", known.join(", "));
            return Err(Error::setting(setting, shown(kind), expected));
        }
        if self.sets.iter().any(|set| set.longer.is_some()) && !events.timed() {
            let advice = "name the column of times: --columns time=NAME,...";
            return Err(Error::data("how long was looked at is known only with the time of every event", advice));
        }
        let mut owners: Vec<(&str, usize)> = events.iter().map(|history| (history.owner, history.row)).collect();
        owners.sort_unstable();
        let rows = self.model.vocab().rows_of(events.items());
        let of_candidates = self.model.vocab().rows_of(candidates.items());
        let mut summary = Summary::default();
        let (mut done, mut features) = (Vec::new(), Vec::new());
        for user in candidates.iter() {
            done.clear();
            let found = owners.binary_search_by(|(owner, _)| owner.cmp(&user.owner)).ok().map(|at| owners[at].1);
            if let Some(found) = found {
                let history = events.history(found);
                let all = history.items.iter().enumerate().filter_map(|(at, &item)| {
                    let row = Some(rows[item as usize]).filter(|&row| row != u32::MAX)?;
                    let kind = names.get(codes[history.events.start + at] as usize);
                    Some(Event { row, kind, time: history.times.map_or(0, |times| times[at]) })
                });
                done.extend(all);
            } else {
                summary.without_events += 1;
            }
            summary.users += 1;
            let mut recent: Option<(Option<i64>, Recent)> = None;
            for (at, &item) in user.items.iter().enumerate() {
                let row = of_candidates[item as usize];
                if row == u32::MAX {
                    summary.unknown += 1;
                    continue;
                }
                let until = user.times.filter(|_| events.timed()).map(|times| times[at]);
                if recent.as_ref().is_none_or(|(of, _)| *of != until) {
                    recent = Some((until, self.recent(&done, until)));
                }
                features.clear();
                if let Some((_, recent)) = &recent {
                    self.of(recent, row, &mut features);
                }
                let listing = candidates.items().token(TokenId(item));
                if let Some(types) = &self.types {
                    let booked = found.iter().flat_map(|&found| booked_before(events, found, types.goal, until));
                    features.push(types.of(user.owner, booked, listing));
                }
                add(user.owner, listing, &features)?;
                summary.rows += 1;
            }
        }
        Ok(summary)
    }
}

/// What was done for everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Users with candidates.
    pub users: u64,
    /// Those of them of whom no event is known.
    pub without_events: u64,
    /// Candidates with features.
    pub rows: u64,
    /// Candidates that the model does not know: they are left out.
    pub unknown: u64,
}

/// What the history `row` booked before a moment.
fn booked_before<'h>(
    events: &'h Histories,
    row: usize,
    goal: &'h str,
    until: Option<i64>,
) -> impl Iterator<Item = &'h str> {
    let history = events.history(row);
    let known = kinds(events).ok();
    let before = move |at: usize| until.zip(history.times).is_none_or(|(until, times)| times[at] < until);
    history.items.iter().enumerate().filter_map(move |(at, &item)| {
        let (names, codes) = known?;
        let booked = names.get(codes[history.events.start + at] as usize) == goal;
        (booked && before(at)).then(|| events.items().token(TokenId(item)))
    })
}

fn kinds(histories: &Histories) -> Result<(&Names, &[u32])> {
    let column = histories.columns().iter().find(|column| column.name == "event").map(|column| &column.values);
    match column {
        Some(Values::Categories { names, codes }) => Ok((names, codes.as_slice())),
        _ => Err(Error::data(
            "the data has no column that says what each event was",
            "name it: --columns event=NAME,...",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embeddings::Matrix;
    use crate::vocab::Vocab;

    /// `a` and `b` of one market, `x` of another; `c` of none.
    fn model() -> Embeddings {
        let vocab = Vocab::from_counts([("a", 1), ("b", 1), ("x", 1), ("c", 1)]).unwrap();
        Embeddings::new(vocab, Matrix::new(4, 2, vec![2.0, 0.0, 0.0, 1.0, -1.0, 0.0, 3.0, 4.0]), None).unwrap()
    }

    fn sets(text: &str) -> Vec<Set> {
        text.split(',').map(|set| set.parse().unwrap()).collect()
    }

    fn event(row: u32, kind: &str, second: i64) -> Event<'_> {
        Event { row, kind, time: second * 1000 }
    }

    #[test]
    fn similarities_are_those_worked_out_by_hand() {
        let (model, sets) = (model(), sets("click,long=click>60s,last=last:click>60s,wish"));
        let asked = Affinity::new(&model, vec![0, 0, 1, u32::MAX], &sets, None).unwrap();
        let done = [event(0, "click", 0), event(2, "click", 10), event(1, "click", 100), event(0, "other", 170)];
        let recent = asked.recent(&done, None);
        let mut found = Vec::new();
        asked.of(&recent, 1, &mut found);
        // Clicks: the centre of market 0 is (2, 1), that of market 1 (-1, 0); b is (0, 1): 1/sqrt(5) and 0.
        // Long ones: x for 90 s and b for 70; the last is b alone. Nothing is wished for.
        let root = 1.0 / 5f32.sqrt();
        let near = |a: Option<f32>, b: f32| (a.unwrap() - b).abs() < 1e-6;
        assert!(near(found[0], root) && near(found[1], 1.0) && near(found[2], 1.0), "{found:?}");
        assert_eq!((found.len(), found[3]), (4, None));
        // At second 100 the click on b was not known, and x had been looked at for 90 s.
        let mut before = Vec::new();
        asked.of(&asked.recent(&done, Some(100_000)), 2, &mut before);
        assert!(near(before[0], 1.0) && near(before[1], 1.0) && near(before[2], 1.0), "{before:?}");
        // Without markets the centre of all clicks is (1, 1).
        let plain = Affinity::new(&model, Vec::new(), &sets, None).unwrap();
        let mut all = Vec::new();
        plain.of(&plain.recent(&done, None), 1, &mut all);
        assert!(near(all[0], 0.5f32.sqrt()), "{all:?}");
        // Within 80 seconds only b was clicked.
        let new = Affinity::new(&model, vec![0, 0, 1, u32::MAX], &sets, Some(80_000)).unwrap();
        let mut found = Vec::new();
        new.of(&new.recent(&done, None), 0, &mut found);
        assert!(near(found[0], 0.0), "{found:?}");
    }

    #[test]
    fn sets_are_written_as_they_are_read() {
        for text in ["click=click", "long=click>60s", "last_long=last:click>60s"] {
            assert_eq!(text.parse::<Set>().unwrap().to_string(), text);
        }
        assert_eq!("click".parse::<Set>().unwrap(), "click=click".parse().unwrap());
        for text in ["", "=click", "a=", "a=click>", "a=click>5x"] {
            let message = text.parse::<Set>().unwrap_err().to_string();
            assert!(message.contains("NAME=KIND>60s"), "{text}: {message}");
        }
        let twice = sets("a=click,a=wish");
        assert!(Affinity::new(&model(), Vec::new(), &twice, None).is_err());
    }
}
