//! One condition as a person types it: a field, a comparison, and what it is compared with.
//!
//! `genre=Sci-Fi` is the text; `year=1990` the number; `year<1990`, `<=`, `>`, `>=` compare numbers, or
//! dates; `title~alien` holds if the field contains the text, whatever the case. `007` is a text: a number
//! has no leading zeros.

use super::{Condition, Range, Test, Word, checked_bound, word};
use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |expected: &str| Error::setting("condition", format!("'{text}'"), expected);
        let form = "FIELD=VALUE, FIELD~TEXT, FIELD<NUMBER, FIELD<=NUMBER, FIELD>NUMBER or FIELD>=NUMBER";
        let at = text.find(['=', '~', '<', '>']).ok_or_else(|| wrong(form))?;
        let (key, rest) = text.split_at(at);
        if let Some(key) = key.strip_suffix('!') {
            return Err(wrong(&format!("the opposite: --must-not '{key}{rest}'")));
        }
        let operators = ["<=", ">=", "<", ">", "=", "~"];
        let (operator, value) = operators
            .into_iter()
            .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
            .ok_or_else(|| wrong(form))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() {
            return Err(wrong(form));
        }
        let bound = || {
            let bound = checked_bound(Word::Text(value.to_owned()));
            bound.map(Some).map_err(|_| wrong("a number or a date such as 2026-11-25 behind < or >"))
        };
        let test = match operator {
            "=" => Test::Any(vec![typed(value)]),
            "~" => Test::Text(value.to_owned()),
            "<" => Test::Range(Range { lt: bound()?, ..Range::default() }),
            "<=" => Test::Range(Range { lte: bound()?, ..Range::default() }),
            ">" => Test::Range(Range { gt: bound()?, ..Range::default() }),
            _ => Test::Range(Range { gte: bound()?, ..Range::default() }),
        };
        Ok(Self::Field(key.to_owned(), test))
    }
}

/// A number if JSON would take it for one, else a text.
fn typed(value: &str) -> Word {
    let number = serde_json::from_str::<serde_json::Number>(value).ok();
    number.and_then(|number| word(&number.into())).unwrap_or_else(|| Word::Text(value.to_owned()))
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&crate::error::shown(text)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |words: &[Word]| {
            let first: Vec<_> = words.iter().take(5).map(ToString::to_string).collect();
            format!("{}{}", first.join(","), if words.len() > 5 { ",..." } else { "" })
        };
        match self {
            Self::Field(key, Test::Any(words)) => write!(f, "{key}={}", listed(words)),
            Self::Field(key, Test::Except(words)) => write!(f, "{key} other than {}", listed(words)),
            Self::Field(key, Test::Text(text)) => write!(f, "{key}~{text}"),
            Self::Field(key, Test::Range(range)) => {
                let bounds = [(">", &range.gt), (">=", &range.gte), ("<", &range.lt), ("<=", &range.lte)];
                let bounds = bounds.into_iter().filter_map(|(sign, bound)| Some((sign, bound.as_ref()?)));
                let texts: Vec<_> = bounds.map(|(sign, bound)| format!("{key}{sign}{bound}")).collect();
                f.write_str(&texts.join(" and "))
            }
            Self::HasId(ids) => write!(f, "one of {} ids", ids.len()),
            Self::IsEmpty(key) => write!(f, "no {key}"),
            Self::Inner(_) => f.write_str("the inner filter"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_they_are_typed_and_shown_again() {
        for text in ["genre=Sci-Fi", "year=1990", "year<1990", "year>=1.5", "title~alien", "day>2026-11-25", "sku=007"]
        {
            assert_eq!(text.parse::<Condition>().unwrap().to_string(), text);
        }
        assert_eq!(" year <= -3 ".parse::<Condition>().unwrap().to_string(), "year<=-3");
        let Condition::Field(_, Test::Any(words)) = "sku=007".parse().unwrap() else { panic!() };
        assert_eq!(words, [Word::Text("007".into())]);
        // Only the first sign counts: values may hold others.
        let Condition::Field(key, Test::Any(words)) = "url=a?b=c".parse().unwrap() else { panic!() };
        assert_eq!((key.as_str(), &words[0]), ("url", &Word::Text("a?b=c".into())));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, message) in [
            ("genre", "condition is 'genre', expected FIELD=VALUE"),
            ("=x", "condition is '=x', expected FIELD=VALUE"),
            ("year<", "condition is 'year<', expected FIELD=VALUE"),
            ("year<soon", "condition is 'year<soon', expected a number or a date"),
            ("genre!=Horror", "condition is 'genre!=Horror', expected the opposite: --must-not 'genre=Horror'"),
        ] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
