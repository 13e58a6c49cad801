//! Which events are held out.

use crate::error::{Error, Result};
use crate::histories::Histories;
use std::fmt;
use std::str::FromStr;

/// Which events are held out for validation and test.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Holdout {
    /// `last`: of every owner with three events or more the last is test, the one before it validation.
    #[default]
    Last,
    /// `time:0.1` or `time:2026-11-01`: events from an instant on are test; within those before it the
    /// same share (or the same length of time) is validation.
    Time(Cut),
    /// `basket`: one in ten baskets is test and one in ten validation; of each one item is hidden.
    Basket,
    /// `random:5%`: of this share of the owners one event, drawn at random, is test; of another such
    /// share validation.
    Random(f64),
    /// The goals (bookings) of this share of the histories that end in one, the last in time; the share before is validation.
    Goal(f64),
    /// `none`: everything is learned from, nothing is measured.
    None,
}

/// Where time is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cut {
    /// The last share of all events, 0 to 1.
    Share(f64),
    /// This instant, in milliseconds since 1970.
    At(i64),
}

impl Holdout {
    /// What is held out if nobody says so: goals where they are known, else the last events, or an item of every set.
    #[must_use]
    pub fn usual(histories: &Histories) -> Self {
        match histories.outcomes() {
            Some(_) => Self::Goal(0.1),
            None if histories.ordered() => Self::Last,
            None => Self::Basket,
        }
    }
}

impl FromStr for Holdout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::setting(
                "holdout",
                text,
                "last, time, time:0.1, time:2026-11-01, basket, random, random:5%, goal or none",
            )
        };
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let share = |default: f64| match value {
            None => Ok(default),
            Some(value) => {
                let (number, unit) = value.strip_suffix('%').map_or((value, 1.0), |number| (number, 0.01));
                let share = number.parse::<f64>().map_err(|_| wrong())? * unit;
                if share > 0.0 && share < 0.5 { Ok(share) } else { Err(wrong()) }
            }
        };
        match (name, value) {
            ("last", None) => Ok(Self::Last),
            ("basket", None) => Ok(Self::Basket),
            ("none", None) => Ok(Self::None),
            ("goal", _) => share(0.1).map(Self::Goal),
            ("random", _) => share(0.05).map(Self::Random),
            ("time", Some(value)) if value.matches('-').count() == 2 => {
                let day = format!("{}T00:00:00Z", value.trim());
                let instant = humantime::parse_rfc3339(&day).map_err(|_| wrong())?;
                let since = instant.duration_since(std::time::UNIX_EPOCH).map_err(|_| wrong())?;
                Ok(Self::Time(Cut::At(i64::try_from(since.as_millis()).map_err(|_| wrong())?)))
            }
            ("time", _) => share(0.1).map(|share| Self::Time(Cut::Share(share))),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Holdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Time(Cut::Share(share)) => write!(f, "time:{share}"),
            Self::Time(Cut::At(instant)) => {
                let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(instant.unsigned_abs());
                write!(f, "time:{}", &humantime::format_rfc3339_seconds(at).to_string()[..10])
            }
            Self::Basket => f.write_str("basket"),
            Self::Goal(share) => write!(f, "goal:{share}"),
            Self::Random(share) => write!(f, "random:{share}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl serde::Serialize for Holdout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Holdout {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        let day = 1_793_491_200_000;
        for (text, holdout) in [
            ("last", Holdout::Last),
            ("time:0.2", Holdout::Time(Cut::Share(0.2))),
            ("time:2026-11-01", Holdout::Time(Cut::At(day))),
            ("basket", Holdout::Basket),
            ("random:0.05", Holdout::Random(0.05)),
            ("goal:0.1", Holdout::Goal(0.1)),
            ("none", Holdout::None),
        ] {
            assert_eq!(text.parse::<Holdout>().unwrap(), holdout);
            assert_eq!(holdout.to_string(), text);
        }
        assert_eq!("time".parse::<Holdout>().unwrap(), Holdout::Time(Cut::Share(0.1)));
        assert_eq!("random:5%".parse::<Holdout>().unwrap(), Holdout::Random(0.05));
        for wrong in ["", "lst", "time:2026-13-01", "time:0", "random:60%", "random:x", "last:3"] {
            let message = wrong.parse::<Holdout>().unwrap_err().to_string();
            assert!(message.starts_with("holdout is"), "{message}");
        }
    }
}
