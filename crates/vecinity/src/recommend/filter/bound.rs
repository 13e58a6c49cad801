//! A filter over the items of one model.

use super::{Condition, Filter, Range, Test, Word, is_date};
use crate::TokenId;
use crate::embeddings::Embeddings;
use crate::error::{Error, Result, counted, grouped, shown};
use crate::metadata::Metadata;
use crate::vocab::Vocab;
use hashbrown::HashSet;

/// Distinct values of a field that are looked through for suggestions, at most.
const VALUES: usize = 100_000;

/// A filter whose fields have been found in the metadata of a model.
#[derive(Debug)]
pub struct Bound<'a> {
    embeddings: &'a Embeddings,
    must: Vec<Check<'a>>,
    should: Vec<Check<'a>>,
    must_not: Vec<Check<'a>>,
}

/// One condition, with its field found.
#[derive(Debug)]
struct Check<'a> {
    condition: &'a Condition,
    what: What<'a>,
}

#[derive(Debug)]
enum What<'a> {
    Field(Field, &'a Test),
    HasId(HashSet<&'a str, foldhash::fast::FixedState>),
    IsEmpty(Field),
    Inner(Bound<'a>),
}

/// Where a field stands.
#[derive(Debug, Clone, Copy)]
enum Field {
    Id,
    Count,
    Column(usize),
}

impl Filter {
    /// Finds the fields of the filter in the metadata of a model.
    ///
    /// # Errors
    /// [`Error::Data`] with what there is, if a field is unknown.
    pub fn bind<'a>(&'a self, embeddings: &'a Embeddings) -> Result<Bound<'a>> {
        let [must, should, must_not] = self.clauses().map(|(_, conditions)| {
            conditions.iter().map(|condition| Check::new(condition, embeddings)).collect::<Result<_>>()
        });
        Ok(Bound { embeddings, must: must?, should: should?, must_not: must_not? })
    }
}

impl<'a> Check<'a> {
    fn new(condition: &'a Condition, embeddings: &'a Embeddings) -> Result<Self> {
        let what = match condition {
            Condition::Field(key, test) => What::Field(Field::find(key, embeddings.metadata())?, test),
            Condition::HasId(ids) => What::HasId(ids.iter().map(String::as_str).collect()),
            Condition::IsEmpty(key) => What::IsEmpty(Field::find(key, embeddings.metadata())?),
            Condition::Inner(filter) => What::Inner(filter.bind(embeddings)?),
        };
        Ok(Self { condition, what })
    }

    fn holds(&self, embeddings: &Embeddings, id: TokenId) -> bool {
        match &self.what {
            What::Field(Field::Count, test) => test.holds(&embeddings.vocab().count(id).to_string()),
            What::Field(field, test) => field.text(embeddings, id).is_some_and(|text| test.holds(text)),
            What::HasId(ids) => ids.contains(embeddings.vocab().token(id)),
            What::IsEmpty(Field::Count) => false,
            What::IsEmpty(field) => field.text(embeddings, id).is_none(),
            What::Inner(filter) => filter.allows(id),
        }
    }
}

impl Field {
    fn find(key: &str, metadata: Option<&Metadata>) -> Result<Self> {
        let columns = metadata.map_or(&[][..], Metadata::columns);
        let column = columns.iter().position(|column| column == key);
        match (column, key) {
            (Some(column), _) => Ok(Self::Column(column)),
            (None, "id") => Ok(Self::Id),
            (None, "count") => Ok(Self::Count),
            (None, _) => {
                let known: Vec<_> = columns.iter().map(String::as_str).chain(["id", "count"]).collect();
                let listed: Vec<_> = known.iter().take(20).map(|name| shown(name)).collect();
                let more = if known.len() > listed.len() { ", ..." } else { "" };
                let mut advice = format!("the fields are {}{more}", listed.join(", "));
                if metadata.is_none() {
                    advice.push_str("; give the model titles and fields when it is trained: --metadata FILE");
                }
                let nearest = nearest(key, known.into_iter());
                if let Some(near) = nearest.first() {
                    advice = format!("did you mean {}? {advice}", shown(near));
                }
                Err(Error::data(format!("there is no field '{}' to filter by", shown(key)), advice))
            }
        }
    }

    /// The text of the field of an item; nothing if it has none, or the field is the count.
    fn text(self, embeddings: &Embeddings, id: TokenId) -> Option<&str> {
        let token = embeddings.vocab().token(id);
        match self {
            Self::Id => Some(token),
            Self::Count => None,
            Self::Column(column) => embeddings.metadata()?.value(token, column),
        }
    }
}

/// Names or values that a mistyped text may mean, the likeliest first.
fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut vocab = Vocab::default();
    for name in known.take(VALUES) {
        // A name that occurs twice is not added twice.
        let _ = vocab.push(name, 0);
    }
    vocab.suggest(text, 3).into_iter().map(|id| vocab.token(id).to_owned()).collect()
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        if self.holds_for(text) {
            return true;
        }
        let mut several = false;
        let found = each_value(text, |value| {
            several = true;
            self.holds_for(value)
        });
        several && found
    }

    fn holds_for(&self, value: &str) -> bool {
        match self {
            Self::Any(words) => words.iter().any(|word| word.is(value)),
            Self::Except(words) => !words.iter().any(|word| word.is(value)),
            Self::Text(text) => value.to_lowercase().contains(&text.to_lowercase()),
            Self::Range(range) => range.holds(value),
        }
    }
}

impl Word {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text == value,
            Self::Number(number) => value.trim().parse::<f64>().is_ok_and(|value| value == *number),
        }
    }
}

impl Range {
    fn holds(&self, value: &str) -> bool {
        let value = value.trim();
        let number = value.parse::<f64>().ok();
        let date = is_date(value);
        let order = |bound: &Word| match bound {
            Word::Number(bound) => number?.partial_cmp(bound),
            Word::Text(bound) => date.then(|| value.cmp(bound)),
        };
        let passes = |bound: &Option<Word>, passes: fn(std::cmp::Ordering) -> bool| {
            bound.as_ref().is_none_or(|bound| order(bound).is_some_and(passes))
        };
        passes(&self.gt, std::cmp::Ordering::is_gt)
            && passes(&self.gte, std::cmp::Ordering::is_ge)
            && passes(&self.lt, std::cmp::Ordering::is_lt)
            && passes(&self.lte, std::cmp::Ordering::is_le)
    }
}

/// Shows the values of a field of several (`Action|Sci-Fi`, `["Action", "Sci-Fi"]`) until one is right; false
/// if none is, or the field is of one.
fn each_value(text: &str, mut right: impl FnMut(&str) -> bool) -> bool {
    if text.starts_with('[')
        && let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text)
    {
        return values.iter().any(|value| super::text_of(value).is_some_and(|value| right(&value)));
    }
    text.contains('|') && text.split('|').any(|value| right(value.trim()))
}

impl Bound<'_> {
    /// Whether an item may be recommended.
    ///
    /// # Panics
    /// If `id` is not of the model.
    #[must_use]
    pub fn allows(&self, id: TokenId) -> bool {
        let holds = |check: &Check<'_>| check.holds(self.embeddings, id);
        self.must.iter().all(holds)
            && (self.should.is_empty() || self.should.iter().any(holds))
            && !self.must_not.iter().any(holds)
    }

    /// For each item of the model whether it may be recommended: for many questions with one filter.
    #[must_use]
    pub fn all(&self) -> Vec<bool> {
        self.ids().map(|id| self.allows(id)).collect()
    }

    fn ids(&self) -> impl Iterator<Item = TokenId> + use<> {
        (0..self.embeddings.len() as u32).map(TokenId)
    }

    /// Why no item passes, in words: the condition that none fulfils, with what may have been meant, or how
    /// many items each condition leaves. `None` if there are items that pass.
    #[must_use]
    pub fn why_none(&self) -> Option<String> {
        if self.ids().any(|id| self.allows(id)) {
            return None;
        }
        let items = counted(self.embeddings.len() as u64, "item");
        let count = |check: &Check<'_>| self.ids().filter(|&id| check.holds(self.embeddings, id)).count();
        for check in &self.must {
            if count(check) == 0 {
                return Some(format!("{} holds for none of {items}{}", check.condition, self.meant(check)));
            }
        }
        if !self.should.is_empty() && self.should.iter().all(|check| count(check) == 0) {
            let listed: Vec<_> = self.should.iter().take(3).map(|check| check.condition.to_string()).collect();
            return Some(format!("none of {items} fulfils {}{}", listed.join(" or "), self.meant(&self.should[0])));
        }
        let mut counts: Vec<String> = Vec::new();
        for (clause, checks) in [("", &self.must), ("should ", &self.should), ("not ", &self.must_not)] {
            counts.extend(
                checks
                    .iter()
                    .take(5)
                    .map(|check| format!("{clause}{}: {}", check.condition, grouped(count(check) as u64))),
            );
        }
        Some(format!(
            "no item of {} fulfils all conditions ({})",
            grouped(self.embeddings.len() as u64),
            counts.join("; ")
        ))
    }

    /// Values of the field that a text may have meant, as the end of a sentence.
    fn meant(&self, check: &Check<'_>) -> String {
        let What::Field(field @ Field::Column(_), Test::Any(words)) = &check.what else { return String::new() };
        let Some(Word::Text(wanted)) = words.first() else { return String::new() };
        let mut values = HashSet::<String, foldhash::fast::FixedState>::default();
        for text in self.ids().filter_map(|id| field.text(self.embeddings, id)) {
            each_value(text, |value| {
                values.insert(value.to_owned());
                false
            });
            values.insert(text.to_owned());
            if values.len() > VALUES {
                break;
            }
        }
        let mut sorted: Vec<&str> = values.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        match nearest(wanted, sorted.into_iter()).as_slice() {
            [] => String::new(),
            near => format!("; did you mean {}?", near.iter().map(|name| shown(name)).collect::<Vec<_>>().join(" · ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Matrix;

    /// Five films; the last has no metadata.
    fn films() -> Embeddings {
        let vocab = Vocab::from_counts([("1", 50), ("2", 40), ("3", 30), ("4", 20), ("5", 10)]).unwrap();
        let table = "id,title,year,genre,day\n1,Alien,1979,Horror|Sci-Fi,1979-05-25\n2,Aliens,1986,Action|Sci-Fi,1986-07-18\n\
                     3,Heat,1995,\"[\"\"Action\"\",\"\"Crime\"\"]\",1995-12-15\n4,Fargo,1996.0,Crime,\n";
        let metadata = Metadata::read(table.as_bytes(), "films.csv".as_ref()).unwrap();
        Embeddings::new(vocab, Matrix::new(5, 1, vec![1.0; 5]), None).unwrap().with_metadata(Some(metadata))
    }

    fn passing(filter: &Filter) -> String {
        let films = films();
        let all = filter.bind(&films).unwrap().all();
        all.iter()
            .enumerate()
            .filter(|(_, yes)| **yes)
            .map(|(row, _)| films.vocab().token(TokenId(row as u32)))
            .collect()
    }

    fn must(condition: &str) -> Filter {
        Filter { must: vec![condition.parse().unwrap()], ..Filter::default() }
    }

    #[test]
    fn conditions_hold_for_one_of_several_values_and_numbers_are_numbers() {
        for (condition, expected) in [
            ("genre=Sci-Fi", "12"),
            ("genre=Crime", "34"),
            ("genre=Horror|Sci-Fi", "1"),
            ("genre=sci-fi", ""),
            ("genre~sci", "12"),
            ("title~ALIEN", "12"),
            ("year=1996", "4"),
            ("year>=1986", "234"),
            ("year<1986", "1"),
            ("day>1986-07-18", "3"),
            ("day<=1986-07-18", "12"),
            ("day>5", ""),
            ("count>25", "123"),
            ("count=10", "5"),
            ("id=3", "3"),
        ] {
            assert_eq!(passing(&must(condition)), expected, "{condition}");
        }
    }

    #[test]
    fn clauses_are_those_of_qdrant() {
        for (json, expected) in [
            ("{}", "12345"),
            (r#"{"must_not": {"key": "genre", "match": {"value": "Sci-Fi"}}}"#, "345"),
            (r#"{"should": [{"key": "year", "match": {"value": 1979}}, {"has_id": ["5", 2]}]}"#, "125"),
            (r#"{"must": {"key": "genre", "match": {"any": ["Horror", "Crime"]}}}"#, "134"),
            (r#"{"must": {"key": "genre", "match": {"except": ["Crime", "[\"Action\",\"Crime\"]"]}}}"#, "123"),
            (r#"{"must": {"is_empty": {"key": "day"}}}"#, "45"),
            (r#"{"must": {"key": "year", "range": {"gte": 1979, "lt": 1995}}}"#, "12"),
            (
                r#"{"must_not": {"must": [{"key": "genre", "match": {"value": "Action"}},
                 {"key": "year", "range": {"lt": 1990}}]}}"#,
                "1345",
            ),
        ] {
            assert_eq!(passing(&json.parse().unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_with_those_there_are() {
        let films = films();
        let filter = must("gener=Crime");
        let error = filter.bind(&films).unwrap_err();
        assert_eq!(error.to_string(), "there is no field 'gener' to filter by");
        assert_eq!(error.advice().unwrap(), "did you mean genre? the fields are title, year, genre, day, id, count");
    }

    #[test]
    fn it_is_said_why_nothing_passes() {
        let films = films();
        let why = |filter: &Filter| filter.bind(&films).unwrap().why_none();
        assert_eq!(why(&must("genre=Crime")), None);
        let typo = why(&must("genre=SciFi")).unwrap();
        assert_eq!(typo, "genre=SciFi holds for none of 5 items; did you mean Sci-Fi?");
        let filter = Filter { must_not: vec!["year>=1979".parse().unwrap()], ..must("genre=Crime") };
        let both = "no item of 5 fulfils all conditions (genre=Crime: 2; not year>=1979: 4)";
        assert_eq!(why(&filter).unwrap(), both);
    }
}
