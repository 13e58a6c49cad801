//! Analogies: `Athens Greece Baghdad ?`

mod answer;

use super::{Options, Words, lines, stats};
use crate::error::{Error, Place, Result, shown};
use crate::rng::Rng;
use serde::Serializer;
use std::path::Path;

/// Analogy questions in sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Questions {
    /// The name of the set: that of its file, without folder and ending.
    pub name: String,
    /// The sections, in the order of the file.
    pub sections: Vec<Section>,
}

/// One section of questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name. Those that begin with `gram` ask for syntax, the others for meaning.
    pub name: String,
    /// Four words each: the first is to the second as the third is to the fourth.
    pub questions: Vec<[String; 4]>,
}

impl Section {
    /// Whether the section asks for syntax: its name begins with `gram`.
    #[must_use]
    pub fn is_syntactic(&self) -> bool {
        self.name.to_lowercase().starts_with("gram")
    }
}

impl Questions {
    /// Reads a file in the format of Google's `questions-words.txt`: four words a line, and lines
    /// `: name` that begin a section. Questions before the first section get one named as the file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] with the line, if one has not four words, a section has no name, or
    /// there is no question at all.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&lines::read(path)?, path)
    }

    /// As [`Questions::read`], from a text; `path` is for the name and for errors.
    ///
    /// # Errors
    /// As [`Questions::read`].
    ///
    /// # Example
    /// ```
    /// use vecinity::eval::Questions;
    /// let set = Questions::parse(": capitals\nAthens Greece Oslo Norway\n", "q.txt".as_ref())?;
    /// assert_eq!(set.sections[0].name, "capitals");
    /// assert_eq!(set.sections[0].questions[0][3], "Norway");
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let advice = "a line holds four words, or ': name' at the start of a section";
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut sections: Vec<Section> = Vec::new();
        for (number, line) in lines::numbered(text) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if let Some(section) = line.strip_prefix(':') {
                let section = section.trim();
                if section.is_empty() {
                    return Err(Error::input(Place::line(path, number), "the section has no name", advice));
                }
                sections.push(Section { name: section.to_owned(), questions: Vec::new() });
                continue;
            }
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let question = <[String; 4]>::try_from(words).map_err(|words| {
                let what = format!("{} words in '{}', expected 4", words.len(), shown(line));
                Error::input(Place::line(path, number), what, advice)
            })?;
            match sections.last_mut() {
                Some(section) => section.questions.push(question),
                None => sections.push(Section { name: name.clone(), questions: vec![question] }),
            }
        }
        if sections.iter().all(|section| section.questions.is_empty()) {
            return Err(Error::input(path, "no questions", advice));
        }
        Ok(Self { name, sections })
    }

    /// Asks all questions whose words are known.
    #[must_use]
    pub fn evaluate(&self, words: &Words, options: &Options) -> AnalogyReport {
        let limit = if options.restrict == 0 { words.len() } else { options.restrict.min(words.len()) };
        let place = |word: &String| words.place(word).filter(|&place| place < limit).map(|place| place as u32);
        // All known questions, one section behind the other.
        let (mut known, mut ends) = (Vec::new(), Vec::new());
        let mut unknown = Vec::new();
        for section in &self.sections {
            for question in &section.questions {
                let [a, b, c, d] = question.each_ref().map(place);
                match (a, b, c, d) {
                    (Some(a), Some(b), Some(c), Some(d)) => known.push([a, b, c, d]),
                    _ => unknown.extend(question.iter().filter(|word| place(word).is_none()).cloned()),
                }
            }
            ends.push(known.len());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let right = answer::right(words, limit, &known, options);

        let mut start = 0;
        let sections: Vec<_> = self
            .sections
            .iter()
            .zip(ends)
            .map(|(section, end)| {
                let correct = right[start..end].iter().filter(|&&right| right).count();
                let tally = Tally { correct, seen: end - start, all: section.questions.len() };
                start = end;
                (section, tally)
            })
            .collect();
        let mut stream = 0;
        let mut share = |tally: Tally| {
            stream += 1;
            tally.share(options, Rng::new(options.seed, stream))
        };
        let total = |wanted: &dyn Fn(&Section) -> bool| {
            sections.iter().filter(|(section, _)| wanted(section)).fold(Tally::default(), |sum, (_, t)| sum.plus(*t))
        };
        AnalogyReport {
            name: self.name.clone(),
            all: share(total(&|_| true)),
            semantic: share(total(&|section| !section.is_syntactic())),
            syntactic: share(total(&Section::is_syntactic)),
            sections: sections
                .iter()
                .map(|(section, tally)| SectionReport { name: section.name.clone(), share: share(*tally) })
                .collect(),
            words: limit,
            unknown,
        }
    }
}

/// How well a model answers analogies. The field names are those of `--json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AnalogyReport {
    /// The name of the set.
    pub name: String,
    /// All questions.
    pub all: Share,
    /// Those in sections whose name does not begin with `gram`.
    pub semantic: Share,
    /// Those in sections whose name begins with `gram`.
    pub syntactic: Share,
    /// Section by section, in the order of the file.
    pub sections: Vec<SectionReport>,
    /// Words among which the answers were sought.
    pub words: usize,
    /// Words of the questions that are not among them, sorted.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// One section of an [`AnalogyReport`].
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SectionReport {
    /// Its name.
    pub name: String,
    /// Its share of right answers.
    #[serde(flatten)]
    pub share: Share,
}

/// A share of right answers.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Share {
    /// Right answers in percent of the questions asked (or of all, if unknown words count as wrong), in
    /// `[0, 100]`; `None` without questions. Printed with two decimals.
    #[serde(serialize_with = "rounded")]
    pub percent: Option<f64>,
    /// Its 95 % interval.
    #[serde(serialize_with = "both_rounded")]
    pub interval: Option<[f64; 2]>,
    /// Questions answered right.
    pub correct: usize,
    /// Questions asked: those whose four words are known.
    pub seen: usize,
    /// All questions.
    pub all: usize,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    correct: usize,
    seen: usize,
    all: usize,
}

impl Tally {
    fn plus(self, other: Self) -> Self {
        Self { correct: self.correct + other.correct, seen: self.seen + other.seen, all: self.all + other.all }
    }

    fn share(self, options: &Options, rng: Rng) -> Share {
        let Self { correct, seen, all } = self;
        let of = if options.count_unknown { all } else { seen };
        let percent = (of > 0).then(|| 100.0 * correct as f64 / of as f64);
        let interval = stats::share_interval(correct as u32, of as u32, options.resamples, rng);
        Share { percent, interval: interval.map(|i| i.map(|share| 100.0 * share)), correct, seen, all }
    }
}

/// A figure with two decimals.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
pub(super) fn rounded<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&value.map(stats::round2), serializer)
}

/// An interval with two decimals.
#[expect(clippy::ref_option, reason = "the signature serde asks for")]
pub(super) fn both_rounded<S: Serializer>(value: &Option<[f64; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&value.map(|both| both.map(stats::round2)), serializer)
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::words;
    use super::*;
    use crate::ask::Method;
    use crate::index::Metric;

    fn model() -> Words {
        words(
            &[
                ("man", [1.0, 0.1]),
                ("woman", [1.0, 1.0]),
                ("king", [2.0, 0.2]),
                ("queen", [0.1, 3.0]),
                ("apple", [-1.0, 0.0]),
                ("Queen", [0.0, 1.0]),
            ],
            false,
        )
    }

    fn ask(text: &str, options: &Options) -> AnalogyReport {
        Questions::parse(text, "q.txt".as_ref()).unwrap().evaluate(&model(), options)
    }

    #[test]
    fn unknown_words_are_skipped_or_count_as_wrong() {
        let text = ": family\nMan King Woman Queen\nman king woman emperor\n: gram1-x\nman woman king apple\n";
        let report = ask(text, &Options::default());
        // 3CosAdd asks for king - man + woman = woman, in directions: only queen and apple are left.
        assert_eq!((report.semantic.percent, report.semantic.seen, report.semantic.all), (Some(100.0), 1, 2));
        assert_eq!((report.syntactic.percent, report.syntactic.seen), (Some(0.0), 1));
        assert_eq!((report.all.percent, report.all.correct, report.all.all), (Some(50.0), 1, 3));
        assert_eq!(report.unknown, ["emperor"]);
        let report = ask(text, &Options { count_unknown: true, ..Options::default() });
        assert_eq!(report.semantic.percent, Some(50.0));
        assert_eq!(stats::round2(report.all.percent.unwrap()), 33.33);
    }

    #[test]
    fn words_behind_the_limit_neither_ask_nor_answer() {
        let options = Options { restrict: 4, ..Options::default() };
        let report = ask("man king woman queen\nman king woman apple\n", &options);
        assert_eq!((report.all.seen, report.words, report.sections[0].name.as_str()), (1, 4, "q"));
        assert_eq!(report.unknown, ["apple"]);
    }

    #[test]
    fn a_second_spelling_of_a_word_may_answer_but_is_not_meant() {
        // As in the script: 'Queen' is a candidate, and the question means 'queen'.
        let report = ask("man woman apple queen\n", &Options::default());
        assert_eq!(report.all.correct, 0);
        let report = ask("man woman apple queen\n", &Options { restrict: 5, ..Options::default() });
        assert_eq!(report.all.correct, 1);
    }

    #[test]
    fn distances_find_what_is_near_and_products_what_is_long() {
        // q = b - a + c = (2, 1): near by is (2, 0), the largest product has (9, 0).
        let rows =
            [("a", [0.0, 1.0]), ("b", [1.0, 1.0]), ("c", [1.0, 1.0]), ("near", [2.0, 0.0]), ("long", [9.0, 0.0])];
        let set = Questions::parse("a b c near\n", "q.txt".as_ref()).unwrap();
        let right = |metric| set.evaluate(&words(&rows, false).compared_by(metric), &Options::default()).all.correct;
        assert_eq!((right(Metric::Euclidean), right(Metric::Dot)), (1, 0));
    }

    #[test]
    fn both_methods_give_the_same_on_any_number_of_threads() {
        let text = "man king woman queen\nwoman man queen king\napple man woman queen\nking man queen woman\n";
        for (_, method) in Method::ALL {
            let one = ask(text, &Options { method, threads: Some(1), ..Options::default() });
            let four = ask(text, &Options { method, threads: Some(4), ..Options::default() });
            assert_eq!(one, four);
        }
    }

    #[test]
    fn a_line_with_another_number_of_words_is_refused_with_its_number() {
        let message = |text| Questions::parse(text, "q.txt".as_ref()).unwrap_err().to_string();
        assert_eq!(message(": s\na b c d\na b c\n"), "q.txt, line 3: 3 words in 'a b c', expected 4");
        assert_eq!(message("a b c d\n:\n"), "q.txt, line 2: the section has no name");
        assert_eq!(message(": s\n\n"), "q.txt: no questions");
    }

    #[test]
    fn figures_have_two_decimals_in_json_and_sections_are_flat() {
        let report = ask(
            "man king woman queen\nman king woman apple\nman king apple woman\n",
            &Options { resamples: 0, ..Options::default() },
        );
        let json = serde_json::to_value(&report.sections[0]).unwrap();
        let expected = serde_json::json!({
            "name": "q", "percent": 33.33, "interval": null, "correct": 1, "seen": 3, "all": 3
        });
        assert_eq!(json, expected);
    }
}
