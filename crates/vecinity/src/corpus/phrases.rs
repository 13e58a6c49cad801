//! Phrases: neighbouring tokens that belong together become one, `new york` -> `new_york`.
//!
//! The rule of word2phrase (Mikolov et al. 2013, arXiv:1310.4546, eq. 6, times the number of tokens as in the
//! program): `score(a, b) = (count(ab) - delta) * total / (count(a) * count(b))`; pairs above a threshold
//! are joined, greedily from the left. Several passes make longer phrases.
//!
//! A phrase file is UTF-8 text: `#` lines, then a line a phrase with tab-separated pass, pair, joined
//! token, count and score.

use super::source::Source;
use super::text::{BadUtf8, Blocks, check, count_lines};
use super::{Options, read};
use crate::error::{Error, Place, Result, shown};
use crate::publish;
use foldhash::fast::FixedState;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

type Pairs = hashbrown::HashSet<String, FixedState>;

const HEADER: &str = "# vecinity phrases 1";
/// Distinct pairs counted at a time; beyond, the rarest are forgotten (as word2phrase does).
const MOST_PAIRS: usize = 20_000_000;

/// How phrases are learned.
#[derive(Debug, Clone)]
pub struct Learning {
    /// Pairs must occur this often; also the discount `delta` of the score.
    pub min_count: u64,
    /// Pairs with a higher score are joined.
    pub threshold: f64,
    /// Passes; each may join what the earlier ones joined.
    pub passes: u32,
    /// What stands between the parts of a phrase.
    pub connector: String,
}

impl Default for Learning {
    fn default() -> Self {
        Self { min_count: 5, threshold: 100.0, passes: 1, connector: "_".into() }
    }
}

/// A learned phrase.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Phrase {
    /// The pass that found it, from 1.
    pub pass: u32,
    /// Both parts with a space between them.
    pub pair: String,
    /// The token that stands for it.
    pub joined: String,
    /// How often the pair occurred.
    pub count: u64,
    /// Its score.
    pub score: f64,
}

/// Phrases to be joined while reading.
#[derive(Debug, Clone, Default)]
pub struct Phrases {
    list: Vec<Phrase>,
    connector: String,
    /// The pairs of each pass.
    passes: Vec<Pairs>,
}

impl Phrases {
    /// Learns phrases from `sources`, read as `options` say.
    ///
    /// # Errors
    /// As [`read`], and [`Error::Setting`] for settings out of range.
    pub fn learn(sources: &[Source], options: &Options, how: &Learning) -> Result<Self> {
        if how.connector.is_empty() || how.connector.contains(char::is_whitespace) {
            return Err(Error::setting("connector", format!("'{}'", how.connector), "text without white space"));
        }
        if !(1..=10).contains(&how.passes) || !how.threshold.is_finite() || how.min_count == 0 {
            let found = format!("passes {}, threshold {}, min_count {}", how.passes, how.threshold, how.min_count);
            return Err(Error::setting(
                "phrases",
                found,
                "1 to 10 passes, a finite threshold, min_count of at least 1",
            ));
        }
        let mut phrases = Self { connector: how.connector.clone(), ..Self::default() };
        for pass in 1..=how.passes {
            let earlier = (pass > 1).then(|| Arc::new(phrases.clone()));
            let found = one_pass(sources, &Options { phrases: earlier, min_count: 1, ..options.clone() }, how, pass)?;
            phrases.passes.push(found.iter().map(|p| p.pair.clone()).collect());
            phrases.list.extend(found);
        }
        Ok(phrases)
    }

    /// All phrases, pass by pass, each with the highest score first.
    #[must_use]
    pub fn list(&self) -> &[Phrase] {
        &self.list
    }

    /// The text with all phrases joined. Tokens stand between white space; line ends stay.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for pairs in &self.passes {
            let mut out = String::with_capacity(text.len());
            let mut key = String::new();
            for line in text.split_inclusive('\n') {
                let mut tokens = line.split_whitespace().peekable();
                let mut separator = "";
                while let Some(token) = tokens.next() {
                    out.extend([separator, token]);
                    separator = " ";
                    let Some(&next) = tokens.peek() else { break };
                    key.clear();
                    key.extend([token, " ", next]);
                    if pairs.contains(&key) {
                        out.extend([&self.connector, next]);
                        tokens.next();
                    }
                }
                if line.ends_with('\n') {
                    out.push('\n');
                }
            }
            text = out;
        }
        text
    }

    /// Writes the text of `sources` with all phrases joined, a block at a time; each source ends with a line end.
    /// A phrase across the cut of a line of several MiB is not joined, as it is not in [`read`].
    ///
    /// # Errors
    /// As [`read`] for what it reads, and [`Error::Io`] that names `path` for what is written.
    pub fn rewrite(&self, sources: &[Source], to: &mut impl std::io::Write, path: &Path) -> Result<()> {
        let mut blocks = Blocks::new(sources, encoding_rs::UTF_8, BadUtf8::Fail, false);
        let mut lines = 0;
        while let Some(block) = blocks.next_block()? {
            let ends = count_lines(&block.bytes);
            let text = check(block.bytes, BadUtf8::Fail).map_err(|bad| bad.error(&sources[block.source], lines))?.text;
            let mut joined = self.apply(&text);
            if !joined.is_empty() && !joined.ends_with('\n') {
                // Cut between two tokens, or the end of the source.
                joined.push(if block.last { '\n' } else { ' ' });
            }
            publish::write_all(to, path, joined.as_bytes())?;
            lines = if block.last { 0 } else { lines + ends };
        }
        Ok(())
    }

    /// Writes a phrase file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = format!("{HEADER}\n# connector\t{}\n# pass\tpair\tjoined\tcount\tscore\n", self.connector);
        for p in &self.list {
            let _ = writeln!(text, "{}\t{}\t{}\t{}\t{:.4}", p.pass, p.pair, p.joined, p.count, p.score);
        }
        publish::file(path, |to| publish::write_all(to, path, text.as_bytes()))
    }

    /// Reads a phrase file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Input`] with the line.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path, "read"))?;
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(Error::input(
                Place::line(path, 1),
                format!("no phrase file: its first line is not '{HEADER}'"),
                "vecinity phrases learn makes one",
            ));
        }
        let mut phrases = Self { connector: "_".into(), ..Self::default() };
        for (number, line) in lines.enumerate() {
            if let Some(connector) = line.strip_prefix("# connector\t") {
                connector.clone_into(&mut phrases.connector);
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let phrase = parse(line).ok_or_else(|| {
                Error::input(
                    Place::line(path, number as u64 + 2),
                    format!("'{}', expected pass, 'a b', joined, count and score between tabs", shown(line)),
                    "learn the phrases again",
                )
            })?;
            phrases.passes.resize_with(phrases.passes.len().max(phrase.pass as usize), Pairs::default);
            phrases.passes[phrase.pass as usize - 1].insert(phrase.pair.clone());
            phrases.list.push(phrase);
        }
        Ok(phrases)
    }
}

fn parse(line: &str) -> Option<Phrase> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let pass: u32 = next()?.parse().ok().filter(|pass| (1..=10).contains(pass))?;
    let pair = next()?.to_owned();
    (pair.split(' ').count() == 2).then_some(())?;
    Some(Phrase { pass, pair, joined: next()?.to_owned(), count: next()?.parse().ok()?, score: next()?.parse().ok()? })
}

/// The pairs of one pass that score above the threshold, the highest first.
fn one_pass(sources: &[Source], options: &Options, how: &Learning, pass: u32) -> Result<Vec<Phrase>> {
    let corpus = read(sources, options)?;
    let (vocab, tokens) = (corpus.vocab(), corpus.tokens());
    let mut pairs: hashbrown::HashMap<(u32, u32), u64, FixedState> = hashbrown::HashMap::default();
    let (mut start, mut forget) = (0, 1);
    for &end in corpus.ends() {
        for pair in tokens[start..end as usize].windows(2) {
            *pairs.entry((pair[0], pair[1])).or_default() += 1;
        }
        start = end as usize;
        while pairs.len() > MOST_PAIRS {
            pairs.retain(|_, count| *count > forget);
            forget += 1;
        }
    }
    let total = vocab.total_count() as f64;
    let mut found: Vec<Phrase> = pairs
        .into_iter()
        .filter(|&((a, b), count)| {
            count >= how.min_count && vocab.counts()[a as usize].min(vocab.counts()[b as usize]) >= how.min_count
        })
        .filter_map(|((a, b), count)| {
            let product = vocab.counts()[a as usize] as f64 * vocab.counts()[b as usize] as f64;
            let score = (count - how.min_count) as f64 * total / product;
            let (a, b) = (vocab.token(crate::TokenId(a)), vocab.token(crate::TokenId(b)));
            (score > how.threshold).then(|| Phrase {
                pass,
                pair: format!("{a} {b}"),
                joined: format!("{a}{}{b}", how.connector),
                count,
                score,
            })
        })
        .collect();
    found.sort_by(|x, y| y.score.total_cmp(&x.score).then_with(|| x.pair.cmp(&y.pair)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(text: &str, how: &Learning) -> Phrases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        Phrases::learn(&[Source::File(path)], &Options::default(), how).unwrap()
    }

    #[test]
    fn the_score_is_that_of_word2phrase() {
        // total 40, count(new) = count(york) = 10, count(new york) = 10, delta 2: (10 - 2) * 40 / 100 = 3.2.
        let text = "new york a b\n".repeat(10);
        let how = Learning { min_count: 2, threshold: 3.1, ..Learning::default() };
        let phrases = learn(&text, &how);
        let new_york = phrases.list().iter().find(|p| p.pair == "new york").unwrap();
        assert_eq!((new_york.count, new_york.joined.as_str()), (10, "new_york"));
        assert!((new_york.score - 3.2).abs() < 1e-9);
        assert!(learn(&text, &Learning { threshold: 3.3, ..how }).list().is_empty());
    }

    #[test]
    fn joining_is_greedy_from_the_left_and_keeps_lines() {
        let mut phrases = Phrases { connector: "_".into(), ..Phrases::default() };
        phrases.passes.push(["a b", "b c"].map(str::to_owned).into_iter().collect());
        assert_eq!(phrases.apply("a b c\nb  c a\n\nb"), "a_b c\nb_c a\n\nb");
        // A second pass joins what the first one joined.
        phrases.passes.push(std::iter::once("a_b c".to_owned()).collect());
        assert_eq!(phrases.apply("x a b c"), "x a_b_c");
    }

    #[test]
    fn a_phrase_file_survives_a_round_trip_and_a_broken_one_is_named() {
        let text = "new york city x y\nnew york z\n".repeat(10);
        let phrases = learn(&text, &Learning { min_count: 2, threshold: 1.0, passes: 2, ..Learning::default() });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.phrases");
        phrases.write(&path).unwrap();
        let read = Phrases::open(&path).unwrap();
        assert_eq!(read.apply(&text), phrases.apply(&text));
        std::fs::write(&path, format!("{HEADER}\n1\tnew york\tnew_york\tmany\t3\n")).unwrap();
        let message = Phrases::open(&path).unwrap_err().to_string();
        assert!(message.contains("p.phrases, line 2: '1"), "{message}");
        std::fs::write(&path, "hello").unwrap();
        assert!(Phrases::open(&path).unwrap_err().to_string().contains("no phrase file"));
    }
}
