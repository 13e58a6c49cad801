//! Errors of the library as Python's: the type says who is to blame, the text what to do.

use pyo3::exceptions::{PyFileNotFoundError, PyKeyError, PyKeyboardInterrupt, PyValueError};
use pyo3::{PyErr, create_exception};
use serde::de::DeserializeOwned;
use vecinity::Error;

create_exception!(
    _vecinity,
    ModelError,
    PyValueError,
    "A model folder is damaged, incomplete, or made by a newer version."
);

/// The result of a call from Python.
pub(crate) type Result<T> = std::result::Result<T, Failed>;

/// An error on its way to Python.
#[derive(Debug)]
pub(crate) struct Failed(PyErr);

impl From<PyErr> for Failed {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<pythonize::PythonizeError> for Failed {
    fn from(error: pythonize::PythonizeError) -> Self {
        Self(error.into())
    }
}

impl From<Failed> for PyErr {
    fn from(failed: Failed) -> Self {
        failed.0
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        let text = match error.advice() {
            Some(advice) => format!("{message}; {advice}"),
            None => message,
        };
        let text = in_python(&text);
        Self(match error {
            Error::UnknownToken { .. } => PyKeyError::new_err(text),
            Error::Model { .. } => ModelError::new_err(text),
            Error::Interrupted { .. } => PyKeyboardInterrupt::new_err(text),
            Error::Input { place, .. } if place.path.as_os_str() != "-" && !place.path.exists() && missing(&text) => {
                PyFileNotFoundError::new_err(text)
            }
            // With the type that Python has for its kind.
            Error::Io { source, .. } => std::io::Error::new(source.kind(), text).into(),
            _ => PyValueError::new_err(text),
        })
    }
}

fn missing(text: &str) -> bool {
    ["no such file", "no file found", "no such model", "does not exist"].iter().any(|what| text.contains(what))
}

/// A message with settings as Python writes them: `min_count` where a command line has `--min-count`, `min_count=1` for `--min-count 1`.
pub(crate) fn in_python(text: &str) -> String {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let before = rest[..at].chars().next_back();
        let name: &str = &rest[at + 2..];
        let length = name.find(|c: char| !(c.is_ascii_lowercase() || c == '-')).unwrap_or(name.len());
        let flag = length > 1 && &name[..length] != "help" && before.is_none_or(|c| !c.is_alphanumeric() && c != '-');
        said.push_str(&rest[..at]);
        if flag {
            said.push_str(&name[..length].replace('-', "_"));
            // What follows is a value if it is a number, or names columns.
            let value = name[length..].strip_prefix(' ').and_then(|behind| behind.split([' ', ';', ')']).next());
            let value = value.unwrap_or_default();
            if value.starts_with(|c: char| c.is_ascii_digit()) {
                said.push('=');
                rest = &name[length + 1..];
                continue;
            } else if value.contains('=') {
                said.push_str(&format!("=\"{value}\""));
                rest = &name[length + 1 + value.len()..];
                continue;
            }
        } else {
            said.push_str(&rest[at..at + 2 + length]);
        }
        rest = &name[length..];
    }
    said.push_str(rest);
    said
}

/// A value by its name, for arguments that are one of a few.
pub(crate) fn one_of<T: DeserializeOwned>(argument: &'static str, name: &str, names: &[&str]) -> Result<T> {
    let found = serde_json::from_value(serde_json::Value::from(name)).ok();
    found.ok_or_else(|| {
        let expected =
            format!("one of {}", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "));
        Error::setting(argument, format!("'{name}'"), expected).into()
    })
}
