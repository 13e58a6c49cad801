//! Similarity as people judge it: pairs of words with a score each.

use super::{Options, Words, lines, stats};
use crate::error::{Error, Place, Result, shown};
use crate::rng::Rng;
use std::path::Path;

/// A set of word pairs with scores given by people.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    /// The name of the set: that of its file, without folder and ending.
    pub name: String,
    /// Two words and their score, on any scale on which more is more alike.
    pub pairs: Vec<(String, String, f64)>,
}

impl Pairs {
    /// Reads a file of lines `word1 word2 score`, separated by tabs, commas or spaces (whichever a line
    /// has, in this order), with or without a header. Empty lines and those that start with `#` are
    /// skipped. Of more columns the score is the first from the third on that holds a number.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Input`] with the line, if one has no score or there is none at all.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&lines::read(path)?, path)
    }

    /// As [`Pairs::read`], from a text; `path` is for the name and for errors.
    ///
    /// # Errors
    /// As [`Pairs::read`].
    ///
    /// # Example
    /// ```
    /// use vecinity::eval::Pairs;
    /// let text = "Word 1,Word 2,Human (mean)\ntiger,cat,7.35\n";
    /// let set = Pairs::parse(text, "sets/wordsim.csv".as_ref())?;
    /// assert_eq!(set.name, "wordsim");
    /// assert_eq!(set.pairs, [("tiger".to_owned(), "cat".to_owned(), 7.35)]);
    /// # Ok::<(), vecinity::Error>(())
    /// ```
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let advice = "a line holds two words and a number, separated by tabs, commas or spaces";
        let mut pairs = Vec::new();
        let mut column = None;
        let mut header = None;
        for (number, line) in lines::numbered(text) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = fields(line);
            let score = |column: usize| fields.get(column)?.parse::<f64>().ok().filter(|score| score.is_finite());
            let at = column.or_else(|| (2..fields.len()).find(|&column| score(column).is_some()));
            match (at.and_then(score), fields.as_slice()) {
                (Some(score), [first, second, ..]) if !first.is_empty() && !second.is_empty() => {
                    column = at;
                    pairs.push(((*first).to_owned(), (*second).to_owned(), score));
                }
                // The first line may be a header; a second one without a score may not.
                _ if header.is_none() && pairs.is_empty() && fields.len() >= 3 => header = Some(number),
                _ => {
                    let what = format!("'{}' is not two words and a score", shown(line));
                    return Err(Error::input(Place::line(path, number), what, advice));
                }
            }
        }
        if pairs.is_empty() {
            return Err(Error::input(path, "no word pairs", advice));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, pairs })
    }

    /// Compares how alike the pairs are (by cosine, or the metric of the words) with the people's scores. Pairs with an unknown word are skipped and
    /// counted.
    #[must_use]
    pub fn evaluate(&self, words: &Words, options: &Options) -> SimilarityReport {
        let mut unknown = Vec::new();
        let (mut alike, mut scores) = (Vec::new(), Vec::new());
        for (first, second, score) in &self.pairs {
            match (words.place(first), words.place(second)) {
                (Some(a), Some(b)) => {
                    alike.push(f64::from(words.alike(a, b)));
                    scores.push(*score);
                }
                (a, b) => {
                    let missing = [(a, first), (b, second)].into_iter().filter(|(place, _)| place.is_none());
                    unknown.extend(missing.map(|(_, word)| word.clone()));
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        // Two pairs always agree or disagree wholly.
        let enough = alike.len() > 2;
        let percent = enough.then(|| stats::spearman(&alike, &scores)).flatten().map(|rho| 100.0 * rho);
        let interval = percent.and_then(|_| {
            let rng = Rng::new(options.seed, 0);
            stats::spearman_interval(&alike, &scores, options.resamples, rng).map(|i| i.map(|rho| 100.0 * rho))
        });
        SimilarityReport {
            name: self.name.clone(),
            spearman: percent,
            interval,
            seen: alike.len(),
            all: self.pairs.len(),
            unknown,
        }
    }
}

/// How well a model agrees with people. The field names are those of `--json`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SimilarityReport {
    /// The name of the set.
    pub name: String,
    /// 100 times Spearman's rank correlation, in `[-100, 100]`; `None` for fewer than three known pairs, or if
    /// all scores are equal. Printed with two decimals.
    #[serde(serialize_with = "super::analogies::rounded")]
    pub spearman: Option<f64>,
    /// Its 95 % interval.
    #[serde(serialize_with = "super::analogies::both_rounded")]
    pub interval: Option<[f64; 2]>,
    /// Pairs of which both words are known.
    pub seen: usize,
    /// All pairs of the set.
    pub all: usize,
    /// The unknown words, sorted.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

fn fields(line: &str) -> Vec<&str> {
    match ['\t', ','].into_iter().find(|&separator| line.contains(separator)) {
        Some(separator) => line.split(separator).map(|field| field.trim().trim_matches('"')).collect(),
        None => line.split_whitespace().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::words;
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, f64)>> {
        Pairs::parse(text, "s.tsv".as_ref()).map(|set| set.pairs)
    }

    #[test]
    fn all_separators_headers_and_more_columns_are_read() {
        let expected = vec![("old".to_owned(), "new".to_owned(), 1.58), ("big".to_owned(), "huge".to_owned(), 9.0)];
        for text in [
            "old new 1.58\nbig huge 9",
            "old\tnew\t1.58\r\nbig\thuge\t9\r\n",
            "# WordSim\nw1,w2,score\nold,new,1.58\n\nbig,huge,9\n",
            "word1\tword2\tPOS\tSimLex999\tconc\nold\tnew\tA\t1.58\t2\nbig\thuge\tA\t9\t3\n",
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_line_without_a_score_is_refused_with_its_number() {
        let message = |text| read(text).unwrap_err().to_string();
        assert_eq!(message("a b 1\nc d x\n"), "s.tsv, line 2: 'c d x' is not two words and a score");
        assert_eq!(message("w1 w2 score\nc d x\n"), "s.tsv, line 2: 'c d x' is not two words and a score");
        assert_eq!(message("a b\n"), "s.tsv, line 1: 'a b' is not two words and a score");
        assert_eq!(message("a b nan\n"), "s.tsv: no word pairs");
        assert_eq!(message("\n"), "s.tsv: no word pairs");
    }

    #[test]
    fn agreement_by_hand() {
        let model = [("a", [1.0, 0.0]), ("b", [4.0, 3.0]), ("c", [0.0, 2.0]), ("d", [-1.0, 0.0])];
        let words = words(&model, false);
        // Cosines 0.8, 0.6, 0, -1 against 9, 5, 6, 1: ranks 4 3 2 1 and 4 2 3 1, so 0.8.
        let text = "a B 9\nb c 5\na c 6\na d 1\na zebra 5\n";
        let set = Pairs::parse(text, "s.tsv".as_ref()).unwrap();
        let report = set.evaluate(&words, &Options::default());
        assert!((report.spearman.unwrap() - 80.0).abs() < 1e-9);
        assert_eq!((report.seen, report.all, report.unknown.as_slice()), (4, 5, ["zebra".to_owned()].as_slice()));
        let [low, high] = report.interval.unwrap();
        assert!(low <= 80.0 && high == 100.0);
    }

    #[test]
    fn distances_agree_with_their_sign_turned() {
        let model = [("a", [1.0, 0.0]), ("b", [4.0, 3.0]), ("c", [0.0, 2.0]), ("d", [-1.0, 0.0])];
        let set = Pairs::parse("a b 1\na c 9\na d 5\n", "s.tsv".as_ref()).unwrap();
        let spearman =
            |metric| set.evaluate(&words(&model, false).compared_by(metric), &Options::default()).spearman.unwrap();
        // Distances sqrt(18), sqrt(5), 2: the nearest has rank 3. Ranks 1 2 3 against 1 3 2.
        assert!((spearman(crate::index::Metric::Euclidean) - 50.0).abs() < 1e-9);
        // Products 4, 0, -1: ranks 3 2 1 against 1 3 2.
        assert!((spearman(crate::index::Metric::Dot) + 50.0).abs() < 1e-9);
    }

    #[test]
    fn too_few_known_pairs_give_no_figure() {
        let words = words(&[("a", [1.0, 0.0]), ("b", [4.0, 3.0])], false);
        let set = Pairs::parse("a b 1\nb a 2\na x 3\n", "s.tsv".as_ref()).unwrap();
        assert_eq!(set.evaluate(&words, &Options::default()).spearman, None);
    }
}
