//! What can go wrong, said so that the reader knows where, what was found, and what to do.
//!
//! Library calls return these; only binaries print. The message of an error is one sentence in
//! `Display`; [`Error::advice`] is the sentence that says what to do about it.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The result of most library calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that cannot work.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// The setting, by its one name (flag, config key and argument alike).
        name: &'static str,
        /// The value that was given.
        found: String,
        /// What would be right.
        expected: String,
    },

    /// A file (or standard input) holds something that cannot be used.
    #[error("{place}: {what}")]
    Input {
        /// Where.
        place: Place,
        /// What was found and what was expected.
        what: String,
        /// What to do about it.
        advice: String,
    },

    /// Data that was read well but cannot be learned from or asked.
    #[error("{what}")]
    Data {
        /// What was found and what was expected.
        what: String,
        /// What to do about it.
        advice: String,
    },

    /// A token that the model does not know.
    #[error("'{token}' is not in this model ({vocabulary} tokens)")]
    UnknownToken {
        /// The token asked for.
        token: String,
        /// Number of tokens of the model.
        vocabulary: usize,
        /// Alike tokens with their counts, the best first.
        suggestions: Vec<(String, u64)>,
    },

    /// A model folder is damaged, incomplete, or made by a newer version.
    #[error("{place}: {what}")]
    Model {
        /// Where.
        place: Place,
        /// What was found and what was expected.
        what: String,
        /// What to do about it.
        advice: String,
    },

    /// The operating system refused something.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as a verb: "read", "create".
        action: &'static str,
        /// The system's own words.
        source: std::io::Error,
    },

    /// The user stopped the run.
    #[error("stopped before the end")]
    Interrupted {
        /// The checkpoint that `--resume` can go on from.
        checkpoint: Option<PathBuf>,
    },
}

impl Error {
    /// An [`Error::Io`], for `map_err`.
    pub fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, action, source }
    }

    /// An [`Error::Input`].
    pub fn input(place: impl Into<Place>, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Input { place: place.into(), what: what.into(), advice: advice.into() }
    }

    /// An [`Error::Data`].
    pub fn data(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Data { what: what.into(), advice: advice.into() }
    }

    /// An error about data, said of a file.
    #[must_use]
    pub fn at(self, path: &Path) -> Self {
        match self {
            Self::Data { what, advice } => Self::input(path, what, advice),
            other => other,
        }
    }

    /// An [`Error::Model`].
    pub fn model(place: impl Into<Place>, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Model { place: place.into(), what: what.into(), advice: advice.into() }
    }

    /// An [`Error::Setting`].
    pub fn setting(name: &'static str, found: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self::Setting { name, found: found.to_string(), expected: expected.into() }
    }

    /// What to do about it, if there is more to say than the message says.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Input { advice, .. } | Self::Data { advice, .. } | Self::Model { advice, .. } => {
                (!advice.is_empty()).then(|| advice.clone())
            }
            Self::UnknownToken { suggestions, .. } if !suggestions.is_empty() => {
                let listed: Vec<_> = suggestions.iter().map(|(t, n)| format!("{t} ({n})")).collect();
                Some(format!("did you mean: {}", listed.join(" · ")))
            }
            Self::Interrupted { checkpoint: Some(path) } => {
                Some(format!("checkpoint written to {}, continue with --resume", path.display()))
            }
            _ => None,
        }
    }

    /// The exit code of a program that ends with this error: 2 usage or input, 3 a damaged or
    /// incompatible model, 130 interrupted, 1 anything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } | Self::Input { .. } | Self::Data { .. } | Self::UnknownToken { .. } => 2,
            Self::Io { action, source, .. } => {
                // What the user named cannot be used; all else is ours or the machine's.
                let theirs = matches!(
                    source.kind(),
                    ErrorKind::NotFound
                        | ErrorKind::PermissionDenied
                        | ErrorKind::StorageFull
                        | ErrorKind::QuotaExceeded
                        | ErrorKind::FileTooLarge
                        | ErrorKind::ReadOnlyFilesystem
                        | ErrorKind::NotADirectory
                        | ErrorKind::IsADirectory
                );
                if theirs || matches!(*action, "open" | "read" | "find") { 2 } else { 1 }
            }
            Self::Model { .. } => 3,
            Self::Interrupted { .. } => 130,
        }
    }
}

/// A place in a file: the path, and the line, byte or row if one is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user named it; `-` is standard input.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: Option<u64>,
    /// Byte, from 1: within the line if one is given, else within the file.
    pub byte: Option<u64>,
}

impl Place {
    /// A whole file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), line: None, byte: None }
    }

    /// A line of a file, from 1.
    pub fn line(path: impl Into<PathBuf>, line: u64) -> Self {
        Self { path: path.into(), line: Some(line), byte: None }
    }

    /// A byte of a file, from 1.
    pub fn byte(path: impl Into<PathBuf>, byte: u64) -> Self {
        Self { path: path.into(), line: None, byte: Some(byte) }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_os_str() == "-" {
            f.write_str("standard input")?;
        } else {
            write!(f, "{}", self.path.display())?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, ", byte {byte}")?;
        }
        Ok(())
    }
}

/// A number with commas between its thousands, for messages.
///
/// ```
/// assert_eq!(vecinity::error::grouped(1_234_567), "1,234,567");
/// ```
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, for messages.
///
/// ```
/// assert_eq!(vecinity::error::counted(1, "row"), "1 row");
/// assert_eq!(vecinity::error::counted(2000, "row"), "2,000 rows");
/// ```
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A token or field as it may stand in a message: control characters, and those that turn the direction of the text
/// around them, escaped; cut after 60 characters.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == 60 {
            shown.push('…');
            break;
        }
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_file_line_and_byte() {
        let place = Place { path: "a.txt".into(), line: Some(3), byte: Some(7) };
        assert_eq!(place.to_string(), "a.txt, line 3, byte 7");
        assert_eq!(Place::file("-").to_string(), "standard input");
    }

    #[test]
    fn what_would_upset_a_terminal_is_escaped() {
        assert_eq!(
            shown("a\u{1b}[31m\u{202e}b\u{1f469}\u{200d}\u{1f467}"),
            "a\\u{1b}[31m\\u{202e}b\u{1f469}\u{200d}\u{1f467}"
        );
        assert_eq!(shown(&"x".repeat(61)), format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn an_unknown_token_comes_with_suggestions() {
        let error = Error::UnknownToken {
            token: "pariss".into(),
            vocabulary: 9,
            suggestions: vec![("paris".into(), 20), ("parish".into(), 3)],
        };
        assert_eq!(error.to_string(), "'pariss' is not in this model (9 tokens)");
        assert_eq!(error.advice().unwrap(), "did you mean: paris (20) · parish (3)");
        assert_eq!(error.exit_code(), 2);
    }
}
