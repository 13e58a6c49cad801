//! Which items may be recommended: conditions on ids, counts and metadata, in Qdrant's shape.
//!
//! ```json
//! {"must": [{"key": "genre", "match": {"value": "Sci-Fi"}}],
//!  "should": [{"key": "year", "range": {"gte": 1979, "lt": 1990}}, {"has_id": ["541"]}],
//!  "must_not": [{"key": "title", "match": {"text": "part ii"}}]}
//! ```
//!
//! All of `must`, none of `must_not`, and at least one of `should` (if there are any) have to hold. A clause
//! is a list of conditions or one condition:
//!
//! | condition | holds if |
//! |---|---|
//! | `{"key": K, "match": {"value": V}}` | the field is the text `V`, or the number if `V` is one; `true` and `false` are texts |
//! | `{"key": K, "match": {"any": [V, ..]}}` | it is one of them |
//! | `{"key": K, "match": {"except": [V, ..]}}` | it is something else |
//! | `{"key": K, "match": {"text": T}}` | it contains `T`, whatever the case |
//! | `{"key": K, "range": {"gt": N, "gte": N, "lt": N, "lte": N}}` | it is a number between the bounds; dates (`2026-11-25`, with or without time) compare as texts |
//! | `{"has_id": [ID, ..]}` | the item is one of them |
//! | `{"is_empty": {"key": K}}` | the item has no such field |
//! | `{"must": .., "should": .., "must_not": ..}` | the inner filter lets it pass |
//!
//! A field of several values is written with bars (`Action|Sci-Fi`) or as a JSON array; a condition on it
//! holds if it holds for one of the values, or for the whole text. A field that an item does not have
//! fulfils nothing but `is_empty`. Beside the columns of the metadata there are `id`, and `count`: how
//! often the item occurred in training.
//!
//! | file | job |
//! |---|---|
//! | `mod` | the conditions, and how they are written in JSON |
//! | `words` | one condition as a person types it: `year>=1990` |
//! | `bound` | a filter over the items of one model: who passes, and why nobody does |

mod bound;
mod words;

pub use bound::Bound;

use crate::error::{Error, Result, shown};
use serde_json::{Map, Value};

/// Conditions that a filter may have, inner ones included.
const MOST: usize = 1000;
/// Filters inside of filters.
const DEEPEST: usize = 8;

/// Which items may be recommended.
///
/// # Example
/// ```
/// use vecinity::recommend::Filter;
/// let filter: Filter = r#"{"must": {"key": "genre", "match": {"value": "Sci-Fi"}}}"#.parse()?;
/// assert_eq!(filter.must, ["genre=Sci-Fi".parse()?]);
/// let error = r#"{"must": [{"key": "genre"}]}"#.parse::<Filter>().unwrap_err();
/// assert_eq!(error.to_string(), "filter is `must[0]` without match or range, expected a condition on the field 'genre'");
/// # Ok::<(), vecinity::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// All of these have to hold.
    pub must: Vec<Condition>,
    /// One of these has to hold, if there are any.
    pub should: Vec<Condition>,
    /// None of these may hold.
    pub must_not: Vec<Condition>,
}

/// What can be asked of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A field passes a test.
    Field(String, Test),
    /// The item is one of these.
    HasId(Vec<String>),
    /// The item has no such field.
    IsEmpty(String),
    /// The item passes a filter.
    Inner(Filter),
}

/// What can be asked of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Is one of these.
    Any(Vec<Word>),
    /// Is something else than these.
    Except(Vec<Word>),
    /// Contains this, whatever the case.
    Text(String),
    /// Lies between bounds.
    Range(Range),
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// A text, compared as it is.
    Text(String),
    /// A number, compared as a number.
    Number(f64),
}

/// Bounds of a field; absent ones do not bind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Range {
    /// Above this.
    pub gt: Option<Word>,
    /// This or above.
    pub gte: Option<Word>,
    /// Below this.
    pub lt: Option<Word>,
    /// This or below.
    pub lte: Option<Word>,
}

impl Filter {
    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.should.is_empty() && self.must_not.is_empty()
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`Error::Setting`] with the place if it is not that, or has more than 1000 conditions or 8 levels.
    pub fn from_json(value: &Value) -> Result<Self> {
        Reader { left: MOST }.filter(value, "", 0)
    }

    /// All conditions with the name of their clause.
    fn clauses(&self) -> [(&'static str, &[Condition]); 3] {
        [("must", &self.must), ("should", &self.should), ("must_not", &self.must_not)]
    }
}

impl std::str::FromStr for Filter {
    type Err = Error;

    /// Reads JSON.
    fn from_str(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).map_err(|error| wrong(format!("no JSON ({error})"), FORM))?;
        Self::from_json(&value)
    }
}

impl<'de> serde::Deserialize<'de> for Filter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What a filter looks like.
const FORM: &str = r#"an object such as {"must": [{"key": "genre", "match": {"value": "Sci-Fi"}}]}"#;
/// What a condition looks like.
const CONDITION: &str =
    r#"{"key": .., "match": ..}, {"key": .., "range": ..}, {"has_id": [..]}, {"is_empty": {"key": ..}} or a filter"#;

fn wrong(found: impl std::fmt::Display, expected: &str) -> Error {
    Error::setting("filter", found, expected)
}

/// Reads JSON, and counts conditions.
struct Reader {
    /// Conditions that may still come.
    left: usize,
}

impl Reader {
    /// * `place`: where in the whole filter, with a dot at the end; empty for all of it.
    fn filter(&mut self, value: &Value, place: &str, depth: usize) -> Result<Filter> {
        let Value::Object(object) = value else { return Err(wrong(kind(value), FORM)) };
        if depth > DEEPEST {
            return Err(wrong(format!("more than {DEEPEST} filters inside of each other"), "fewer"));
        }
        let mut filter = Filter::default();
        for (name, value) in object {
            let clause = match name.as_str() {
                "must" => &mut filter.must,
                "should" => &mut filter.should,
                "must_not" => &mut filter.must_not,
                _ => return Err(wrong(format!("`{place}{}`", shown(name)), "must, should or must_not")),
            };
            match value {
                Value::Null => {}
                Value::Array(conditions) => {
                    for (at, condition) in conditions.iter().enumerate() {
                        clause.push(self.condition(condition, &format!("{place}{name}[{at}]"), depth)?);
                    }
                }
                one => clause.push(self.condition(one, &format!("{place}{name}"), depth)?),
            }
        }
        Ok(filter)
    }

    fn condition(&mut self, value: &Value, place: &str, depth: usize) -> Result<Condition> {
        self.left = self.left.checked_sub(1).ok_or_else(|| wrong(format!("more than {MOST} conditions"), "fewer"))?;
        let Value::Object(object) = value else {
            return Err(wrong(format!("`{place}` that is {}", kind(value)), CONDITION));
        };
        if object.keys().any(|name| ["must", "should", "must_not"].contains(&name.as_str())) {
            return Ok(Condition::Inner(self.filter(value, &format!("{place}."), depth + 1)?));
        }
        if let Some(ids) = object.get("has_id") {
            only(object, &["has_id"], place)?;
            let Value::Array(ids) = ids else {
                return Err(wrong(format!("`{place}.has_id` that is {}", kind(ids)), "a list of ids"));
            };
            let ids = ids.iter().map(|id| {
                text_of(id).ok_or_else(|| wrong(format!("`{place}.has_id` with {}", kind(id)), "a list of ids"))
            });
            return Ok(Condition::HasId(ids.collect::<Result<_>>()?));
        }
        if let Some(field) = object.get("is_empty") {
            only(object, &["is_empty"], place)?;
            let key = field.get("key").and_then(Value::as_str);
            let key = key.ok_or_else(|| {
                wrong(format!("`{place}.is_empty` without a key"), r#"{"is_empty": {"key": "genre"}}"#)
            })?;
            return Ok(Condition::IsEmpty(key.to_owned()));
        }
        only(object, &["key", "match", "range"], place)?;
        let key = object.get("key").and_then(Value::as_str);
        let key = key.ok_or_else(|| wrong(format!("`{place}` without a key"), CONDITION))?;
        let test = match (object.get("match"), object.get("range")) {
            (Some(value), None) => matching(value, &format!("{place}.match"))?,
            (None, Some(value)) => Test::Range(range(value, &format!("{place}.range"))?),
            (None, None) => {
                let expected = format!("a condition on the field '{}'", shown(key));
                return Err(wrong(format!("`{place}` without match or range"), &expected));
            }
            (Some(_), Some(_)) => return Err(wrong(format!("`{place}` with match and range"), "one of them")),
        };
        Ok(Condition::Field(key.to_owned(), test))
    }
}

fn matching(value: &Value, place: &str) -> Result<Test> {
    let expected = "one of value, any, except and text";
    let Some((name, value)) =
        value.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next())
    else {
        return Err(wrong(format!("`{place}` that is {}", kind(value)), expected));
    };
    let word = |value: &Value| {
        word(value)
            .ok_or_else(|| wrong(format!("`{place}.{name}` with {}", kind(value)), "texts, numbers, true or false"))
    };
    let words = || match value {
        Value::Array(values) => values.iter().map(word).collect(),
        other => Err(wrong(format!("`{place}.{name}` that is {}", kind(other)), "a list")),
    };
    match (name.as_str(), value) {
        ("value", value) => Ok(Test::Any(vec![word(value)?])),
        ("any", _) => words().map(Test::Any),
        ("except", _) => words().map(Test::Except),
        ("text", Value::String(text)) => Ok(Test::Text(text.clone())),
        ("text", other) => Err(wrong(format!("`{place}.text` that is {}", kind(other)), "a text")),
        _ => Err(wrong(format!("`{place}.{}`", shown(name)), expected)),
    }
}

fn range(value: &Value, place: &str) -> Result<Range> {
    let expected = "gt, gte, lt and lte with numbers or dates";
    let Some(object) = value.as_object().filter(|object| !object.is_empty()) else {
        return Err(wrong(format!("`{place}` that is {}", kind(value)), expected));
    };
    let mut range = Range::default();
    for (name, value) in object {
        let bound = match name.as_str() {
            "gt" => &mut range.gt,
            "gte" => &mut range.gte,
            "lt" => &mut range.lt,
            "lte" => &mut range.lte,
            _ => return Err(wrong(format!("`{place}.{}`", shown(name)), expected)),
        };
        *bound = match word(value) {
            _ if value.is_null() => None,
            Some(word) => {
                Some(checked_bound(word).map_err(|found| wrong(format!("`{place}.{name}` with '{found}'"), expected))?)
            }
            None => return Err(wrong(format!("`{place}.{name}` with {}", kind(value)), expected)),
        };
    }
    Ok(range)
}

/// A bound is a number or a date; the text is given back if it is neither.
fn checked_bound(word: Word) -> Result<Word, String> {
    match word {
        Word::Text(text) if !is_date(&text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Word::Number(number)),
            _ => Err(shown(&text)),
        },
        word => Ok(word),
    }
}

/// Whether a text begins with a date: `2026-11-25`.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 10
        && (0..10).all(|at| if at == 4 || at == 7 { bytes[at] == b'-' } else { bytes[at].is_ascii_digit() })
}

fn word(value: &Value) -> Option<Word> {
    match value {
        // Whole numbers beyond 2^53 are told apart by their digits only.
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.abs() < 9e15 => Some(Word::Number(float)),
            _ => Some(Word::Text(number.to_string())),
        },
        other => text_of(other).map(Word::Text),
    }
}

/// Ids and words as texts: numbers as they are written.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

fn only(object: &Map<String, Value>, names: &[&str], place: &str) -> Result<()> {
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(other) => Err(wrong(format!("`{place}.{}`", shown(other)), CONDITION)),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (json, message) in [
            ("[1]", "filter is a list, expected an object such as"),
            ("{", "filter is no JSON (EOF while parsing an object at line 1 column 1), expected"),
            (r#"{"most": []}"#, "filter is `most`, expected must, should or must_not"),
            (r#"{"must": [3]}"#, "filter is `must[0]` that is a number, expected"),
            (r#"{"must": [{"match": {"value": 1}}]}"#, "filter is `must[0]` without a key, expected"),
            (r#"{"must": {"key": "a", "mtch": 1}}"#, "filter is `must.mtch`, expected"),
            (
                r#"{"should": {"key": "a", "match": {"is": 1}}}"#,
                "filter is `should.match.is`, expected one of value, any",
            ),
            (
                r#"{"must": {"key": "a", "match": {"any": 1}}}"#,
                "filter is `must.match.any` that is a number, expected a list",
            ),
            (
                r#"{"must": {"key": "a", "range": {"ge": 1}}}"#,
                "filter is `must.range.ge`, expected gt, gte, lt and lte",
            ),
            (r#"{"must": {"key": "a", "range": {"gt": "x"}}}"#, "filter is `must.range.gt` with 'x', expected gt, gte"),
            (r#"{"must": [{"must": [{"key": "a"}]}]}"#, "filter is `must[0].must[0]` without match or range, expected"),
            (r#"{"must": {"has_id": "7"}}"#, "filter is `must.has_id` that is a text, expected a list of ids"),
            (r#"{"must": {"is_empty": "a"}}"#, "filter is `must.is_empty` without a key, expected"),
        ] {
            let error = json.parse::<Filter>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{json}: {error}");
        }
    }

    #[test]
    fn depth_and_number_of_conditions_are_bounded() {
        let deep = format!("{}{}", r#"{"must":"#.repeat(20), r#"{"key":"a","match":{"value":1}}"#) + &"}".repeat(20);
        assert!(deep.parse::<Filter>().unwrap_err().to_string().contains("more than 8 filters inside of each other"));
        let many = format!(r#"{{"should":[{}]}}"#, vec![r#"{"key":"a","match":{"value":1}}"#; 1001].join(","));
        assert!(many.parse::<Filter>().unwrap_err().to_string().contains("more than 1000 conditions"));
    }

    #[test]
    fn numbers_in_quotes_bound_ranges_too_and_large_ones_stay_texts() {
        let filter: Filter = r#"{"must": [{"key": "a", "range": {"gt": "3.5", "lt": null}},
            {"key": "b", "match": {"any": [12345678901234567890, 7, true]}}]}"#
            .parse()
            .unwrap();
        let range = Range { gt: Some(Word::Number(3.5)), ..Range::default() };
        let any = vec![Word::Text("12345678901234567890".into()), Word::Number(7.0), Word::Text("true".into())];
        assert_eq!(filter.must[0], Condition::Field("a".into(), Test::Range(range)));
        assert_eq!(filter.must[1], Condition::Field("b".into(), Test::Any(any)));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_ends_in_a_filter_or_an_error(
            text in r#"[\[\]{}",: a-z0-9<>=~|-]{0,60}"#, key in "(must|key|match|range|gt|has_id|any|value|is_empty)",
        ) {
            let _ = text.parse::<Condition>();
            for json in [text.clone(), format!(r#"{{"{key}": {text}}}"#), format!(r#"{{"must": {{"{key}": {text}}}}}"#)] {
                let _ = json.parse::<Filter>();
            }
        }
    }
}
