//! fastText's binary model: the vectors of its words.
//!
//! The vector of a word is the mean of the word's own row and the rows of its character n-grams
//! (lengths `minn..=maxn` in characters, of the word between `<` and `>`), which share `bucket` rows
//! by their hash. This is what `fasttext print-word-vectors` prints for a word of the model; words
//! outside of it, whose vectors come from n-grams alone, do not survive the import.
//!
//! The output matrix is kept where its rows belong to words: cbow and skip-gram models without
//! hierarchical softmax.
//!
//! Source: `fasttext.cc` (`loadModel`), `dictionary.cc` (`load`, `computeSubwords`, `hash`) and
//! `densematrix.cc` of fastText, version 12 of the format; Bojanowski et al. 2017, arXiv:1607.04606.

use super::rows::{Rows, Unit};
use super::source::Source;
use super::{ReadOptions, word2vec};
use crate::embeddings::Embeddings;
use crate::error::{Error, Place, Result, grouped, shown};
use std::ops::Range;
use std::path::Path;

/// The first four bytes, little-endian.
pub(super) const MAGIC: i32 = 793_712_314;
const VERSION: i32 = 12;
/// The word that stands for the end of a line; it has no n-grams.
const END_OF_LINE: &[u8] = b"</s>";

/// Reads a `.bin`; a file without its magic number is read as `.vec`, which is word2vec text.
///
/// # Errors
/// [`Error::Io`], or [`Error::Input`] with the byte; quantised models (`.ftz`) are refused.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Embeddings> {
    parse(Source::open(path)?, options)
}

/// As [`read`], from any bytes.
///
/// # Errors
/// As [`read`].
pub fn parse(mut source: Source<'_>, options: &ReadOptions) -> Result<Embeddings> {
    if source.peek()? != Some(MAGIC.to_le_bytes()[0]) {
        return word2vec::parse_text(source, options);
    }
    let magic = i32::from_le_bytes(source.array("the header")?);
    if magic != MAGIC {
        return Err(Error::input(source.path(), "not a fastText model", "leave --format out to have it found"));
    }
    let arguments = Arguments::read(&mut source)?;
    let dictionary = Dictionary::read(&mut source, options)?;
    let dim = arguments.dim as usize;
    let (input_rows, input) = matrix(&mut source, "input", &arguments)?;
    let expected = dictionary.words + u64::from(arguments.bucket);
    if input_rows != expected {
        let what = format!(
            "the input matrix has {} rows, expected {} words and {} buckets",
            grouped(input_rows),
            grouped(dictionary.words),
            grouped(u64::from(arguments.bucket))
        );
        return Err(damaged(&source, what));
    }
    let mut vectors = Vec::with_capacity(dictionary.tokens.len() * dim);
    for (index, word) in dictionary.kept.iter().enumerate() {
        mean_of_rows(word, dictionary.text(word), &dictionary, &arguments, &input, &mut vectors);
        let place = Place::file(source.path());
        dictionary.tokens.check_row(index, &vectors[vectors.len() - dim..], place)?;
    }
    drop(input);
    let output = output(&mut source, &dictionary, &arguments)?;
    dictionary.tokens.finish(dim, vectors, output)
}

/// The settings of the training that matter for the words' vectors.
struct Arguments {
    dim: u32,
    bucket: u32,
    minn: i32,
    maxn: i32,
    /// Whether the rows of the output matrix belong to words.
    output_words: bool,
}

impl Arguments {
    fn read(source: &mut Source<'_>) -> Result<Self> {
        let version = i32::from_le_bytes(source.array("the header")?);
        if !(11..=VERSION).contains(&version) {
            let what = format!("fastText format version {version}, expected 11 or {VERSION}");
            return Err(Error::input(source.path(), what, "save the model again with a current fastText"));
        }
        // dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate, then t (f64)
        let mut numbers = [0; 12];
        for number in &mut numbers {
            *number = i32::from_le_bytes(source.array("the training settings")?);
        }
        source.array::<8>("the training settings")?;
        let [dim, .., loss, model, bucket, minn, maxn, _] = numbers;
        // fasttext.h: loss hs 1, ns 2, softmax 3, ova 4; model cbow 1, sg 2, sup 3.
        let (hierarchical, supervised) = (loss == 1, model == 3);
        let maxn = if version == 11 && supervised { 0 } else { maxn };
        match (u32::try_from(dim), u32::try_from(bucket)) {
            // Nobody hashes n-grams of hundreds of characters: such a number would only take time.
            (Ok(dim), Ok(bucket)) if dim > 0 && maxn < 256 && (bucket > 0 || maxn <= 0) => {
                Ok(Self { dim, bucket, minn, maxn, output_words: !supervised && !hierarchical })
            }
            _ => Err(damaged(source, format!("dim is {dim}, bucket is {bucket}, maxn is {maxn}"))),
        }
    }
}

/// A word of the file that was kept.
struct Word {
    /// Its row in the input matrix.
    row: u64,
    /// Where its bytes are in `Dictionary::bytes`.
    bytes: Range<usize>,
}

struct Dictionary<'o> {
    /// Words in the file, kept or not; labels not counted.
    words: u64,
    tokens: Rows<'o>,
    kept: Vec<Word>,
    /// The words as they are in the file: n-grams are made of bytes that may be no UTF-8.
    bytes: Vec<u8>,
}

impl<'o> Dictionary<'o> {
    fn read(source: &mut Source<'_>, options: &'o ReadOptions) -> Result<Self> {
        let [size, words, labels] = {
            let mut sizes = [0; 3];
            for size in &mut sizes {
                *size = i32::from_le_bytes(source.array("the dictionary")?);
            }
            sizes
        };
        source.array::<8>("the dictionary")?;
        let pruned = i64::from_le_bytes(source.array("the dictionary")?);
        if pruned >= 0 {
            return Err(quantised(source));
        }
        if size < 0 || words < 0 || labels < 0 || i64::from(words) + i64::from(labels) != i64::from(size) {
            return Err(damaged(source, format!("the dictionary has {size} entries, {words} words, {labels} labels")));
        }
        let mut dictionary = Self {
            words: words as u64,
            tokens: Rows::new(source.path(), Unit::Row, options),
            kept: Vec::new(),
            bytes: Vec::new(),
        };
        for entry in 0..size as u64 {
            dictionary.read_entry(source, entry)?;
        }
        Ok(dictionary)
    }

    fn read_entry(&mut self, source: &mut Source<'_>, entry: u64) -> Result<()> {
        let place = source.at_byte();
        let start = self.bytes.len();
        if !source.until(0, &mut self.bytes)? {
            return Err(source.cut("the dictionary"));
        }
        let count = i64::from_le_bytes(source.array("the dictionary")?);
        let [label] = source.array("the dictionary")?;
        let is_word = entry < self.words;
        if (label != 0) == is_word || label > 1 {
            return Err(damaged(
                source,
                format!("entry {} of the dictionary has the type {label}", grouped(entry + 1)),
            ));
        }
        let Ok(count) = u64::try_from(count) else {
            let word = shown(&String::from_utf8_lossy(&self.bytes[start..]));
            return Err(damaged(source, format!("the count of '{word}' is {count}")));
        };
        if is_word && !self.tokens.full() && self.tokens.push(&self.bytes[start..], count, entry + 1, place)? {
            self.kept.push(Word { row: entry, bytes: start..self.bytes.len() });
        } else {
            self.bytes.truncate(start);
        }
        Ok(())
    }

    fn text(&self, word: &Word) -> &[u8] {
        &self.bytes[word.bytes.clone()]
    }
}

/// Appends the mean of the rows that make up a word.
fn mean_of_rows(
    word: &Word,
    text: &[u8],
    dictionary: &Dictionary<'_>,
    arguments: &Arguments,
    input: &[f32],
    vectors: &mut Vec<f32>,
) {
    let dim = arguments.dim as usize;
    let row = |row: u64| &input[row as usize * dim..][..dim];
    let start = vectors.len();
    vectors.extend_from_slice(row(word.row));
    let sum = &mut vectors[start..];
    let mut rows = 1;
    if text != END_OF_LINE {
        each_ngram(text, arguments.minn, arguments.maxn, |ngram| {
            let bucket = u64::from(hash(ngram) % arguments.bucket);
            sum.iter_mut().zip(row(dictionary.words + bucket)).for_each(|(sum, value)| *sum += value);
            rows += 1;
        });
    }
    // As fastText: the sum times the inverse, not divided.
    let inverse = (1.0 / f64::from(rows)) as f32;
    sum.iter_mut().for_each(|value| *value *= inverse);
}

/// The n-grams of `<word>` with `minn` to `maxn` characters, but for `<` and `>` alone. A character
/// is a byte with the continuation bytes of UTF-8 (`10xxxxxx`) behind it.
fn each_ngram(word: &[u8], minn: i32, maxn: i32, mut visit: impl FnMut(&[u8])) {
    let word = [b"<", word, b">"].concat();
    let continues = |at: usize| word.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    for start in (0..word.len()).filter(|start| !continues(*start)) {
        let (mut end, mut characters) = (start, 1);
        while end < word.len() && characters <= maxn {
            end += 1;
            while continues(end) {
                end += 1;
            }
            let bracket = characters == 1 && (start == 0 || end == word.len());
            if characters >= minn && !bracket {
                visit(&word[start..end]);
            }
            characters += 1;
        }
    }
}

/// FNV-1a of 32 bits, with fastText's sign extension of each byte.
fn hash(ngram: &[u8]) -> u32 {
    ngram.iter().fold(2_166_136_261, |hash: u32, byte| (hash ^ (*byte as i8) as u32).wrapping_mul(16_777_619))
}

/// Reads a matrix: a byte that says whether it is quantised, the shape, the values.
fn matrix(source: &mut Source<'_>, name: &str, arguments: &Arguments) -> Result<(u64, Vec<f32>)> {
    let inside = format!("the {name} matrix");
    if source.array::<1>(&inside)? != [0] {
        return Err(quantised(source));
    }
    let rows = i64::from_le_bytes(source.array(&inside)?);
    let dim = i64::from_le_bytes(source.array(&inside)?);
    let Ok(rows) = u64::try_from(rows).map_err(drop) else {
        return Err(damaged(source, format!("{inside} has {rows} rows")));
    };
    if dim != i64::from(arguments.dim) {
        return Err(damaged(source, format!("{inside} has {dim} columns, the settings say {}", arguments.dim)));
    }
    let wide = u64::from(arguments.dim);
    source.claim(rows, wide, rows.checked_mul(wide * 4))?;
    let count = rows.checked_mul(wide).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or_else(|| source.cut(&inside))?;
    let mut values = Vec::new();
    values.reserve_exact(source.room(count as u64, 4));
    if !source.floats(count, &mut values)? {
        return Err(source.cut(&inside));
    }
    Ok((rows, values))
}

/// Reads the output matrix and keeps the rows of kept words, if its rows belong to words.
fn output(source: &mut Source<'_>, dictionary: &Dictionary<'_>, arguments: &Arguments) -> Result<Option<Vec<f32>>> {
    let (rows, values) = matrix(source, "output", arguments)?;
    if source.peek()?.is_some() {
        return Err(damaged(source, "more bytes follow the output matrix".to_owned()));
    }
    if !arguments.output_words {
        return Ok(None);
    }
    if rows != dictionary.words {
        let what = format!("the output matrix has {} rows for {} words", grouped(rows), grouped(dictionary.words));
        return Err(damaged(source, what));
    }
    if dictionary.kept.len() as u64 == rows {
        return Ok(Some(values));
    }
    let dim = arguments.dim as usize;
    let kept = dictionary.kept.iter().flat_map(|word| &values[word.row as usize * dim..][..dim]);
    Ok(Some(kept.copied().collect()))
}

fn quantised(source: &Source<'_>) -> Error {
    let advice = "import the .bin it was made from, or its .vec";
    Error::input(source.path(), "a quantised fastText model (.ftz), whose vectors are not stored", advice)
}

fn damaged(source: &Source<'_>, what: String) -> Error {
    Error::input(source.at_byte(), what, "the file is damaged: copy or download it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ngrams(word: &str, minn: i32, maxn: i32) -> Vec<String> {
        let mut found = Vec::new();
        each_ngram(word.as_bytes(), minn, maxn, |ngram| found.push(String::from_utf8(ngram.to_vec()).unwrap()));
        found
    }

    #[test]
    fn ngrams_count_characters_and_leave_the_brackets_out() {
        assert_eq!(ngrams("où", 1, 2), ["<o", "o", "où", "ù", "ù>"]);
        assert_eq!(ngrams("ab", 3, 4), ["<ab", "<ab>", "ab>"]);
        assert!(ngrams("ab", 0, 0).is_empty());
    }

    #[test]
    fn the_hash_extends_the_sign_of_each_byte() {
        // FNV-1a test vectors for ASCII, which has no sign.
        assert_eq!(hash(b"a"), 0xe40c_292c);
        assert_eq!(hash(b"foobar"), 0xbf9c_f968);
        // 0xe9 as a signed char is -23: all upper bits are set. Worked out by hand from fastText's line.
        assert_eq!(hash(&[0xe9]), (2_166_136_261_u32 ^ 0xffff_ffe9).wrapping_mul(16_777_619));
    }
}
