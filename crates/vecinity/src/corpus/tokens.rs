//! How text is cut into tokens.
//!
//! White space is the fast path and needs no copy. The other ways rewrite a block so that its tokens
//! stand between spaces, and then take the same path.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Whatever stands between white space (Unicode's definition): ids and prepared text.
    #[default]
    Whitespace,
    /// Unicode words (UAX #29): punctuation is left out, `don't` stays whole, Han characters stand alone.
    Words,
    /// Chinese words by the jieba dictionary; other scripts as [`Tokens::Words`].
    Chinese,
}

impl Tokens {
    /// All ways, with the names used by flags and files.
    pub const ALL: [(&'static str, Self); 3] =
        [("whitespace", Self::Whitespace), ("words", Self::Words), ("chinese", Self::Chinese)];

    /// Whether a block may be cut between any two characters.
    pub(super) fn cut_anywhere(self) -> bool {
        self != Self::Whitespace
    }

    /// The text with its tokens between white space; line ends stay.
    pub(super) fn prepare(self, text: &str, lowercase: bool) -> Cow<'_, str> {
        let text = if lowercase { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
        match self {
            Self::Whitespace => text,
            Self::Words => Cow::Owned(respace(&text, |line, out| {
                for word in line.unicode_words() {
                    out.push_str(word);
                    out.push(' ');
                }
            })),
            Self::Chinese => Cow::Owned(respace(&text, chinese)),
        }
    }
}

fn respace(text: &str, mut line: impl FnMut(&str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for piece in text.split_inclusive('\n') {
        line(piece, &mut out);
        if piece.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

#[cfg(feature = "chinese")]
fn chinese(line: &str, out: &mut String) {
    static JIEBA: std::sync::OnceLock<jieba_rs::Jieba> = std::sync::OnceLock::new();
    for word in JIEBA.get_or_init(jieba_rs::Jieba::new).cut(line, true) {
        let word = word.word;
        if word.chars().any(char::is_alphanumeric) {
            out.push_str(word);
            out.push(' ');
        }
    }
}

#[cfg(not(feature = "chinese"))]
fn chinese(line: &str, out: &mut String) {
    // The program refuses `--tokens chinese` without the feature; a library user gets single characters.
    for word in line.unicode_words() {
        out.push_str(word);
        out.push(' ');
    }
}

/// Whether a token looks like a piece of unsegmented Chinese or Japanese: many Han characters in a row.
pub(super) fn is_han_run(token: &str) -> bool {
    token.len() >= 18
        && token.chars().filter(|c| matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}')).count() >= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_punctuation_out_and_keep_lines() {
        let text = Tokens::Words.prepare("Don't stop, 3.5 times!\nNaïve café", true);
        assert_eq!(text, "don't stop 3.5 times \nnaïve café ");
    }

    #[cfg(feature = "chinese")]
    #[test]
    fn chinese_words_come_from_the_dictionary() {
        let text = Tokens::Chinese.prepare("我们中出了一个叛徒，北京大学。\n", false);
        assert!(text.contains("我们 ") && text.contains("北京大学 ") && text.ends_with('\n'), "{text}");
        assert!(!text.contains('，'));
    }

    #[test]
    fn a_run_of_han_characters_is_noticed() {
        assert!(is_han_run("这是一个没有空格的句子"));
        assert!(!is_han_run("北京大学") && !is_han_run("internationalisation"));
    }
}
