//! Python data in, a model folder out.

use crate::errors::{Failed, Result, in_python};
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_pyarrow::FromPyArrow;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyInt, PyString};
use pythonize::{depythonize, pythonize};
use std::path::PathBuf;
use std::time::Duration;
use vecinity::corpus::Lists;
use vecinity::run::{self, Data, Given, How, Show};
use vecinity::train::{Control, Progress};

/// The names of all settings of a training.
#[pyfunction]
pub(crate) fn option_names() -> Vec<String> {
    Given::names()
}

/// Makes a model folder of data; returns what was made.
///
/// * `data`: a list of names of files; an object with `__arrow_c_stream__`; or sequences of tokens.
/// * `watcher`: an object that is told what goes on, see `vecinity._train`.
#[pyfunction]
#[pyo3(signature = (data, output, options, watcher, resume=false, checkpoint_every=None))]
pub(crate) fn train<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    output: PathBuf,
    options: &Bound<'py, PyDict>,
    watcher: Py<PyAny>,
    resume: bool,
    checkpoint_every: Option<f64>,
) -> Result<()> {
    let given = Given::from_json(depythonize(options.as_any())?)?;
    let every = checkpoint_every.map(Duration::try_from_secs_f64).transpose();
    let checkpoint_every = every.map_err(|error| PyValueError::new_err(format!("checkpoint_every: {error}")))?;
    let data = data_of(data)?;
    let mut watch = Watcher { watcher, looks_at_epochs: false, error: None };
    watch.looks_at_epochs = watch.watcher.getattr(py, "looks_at_epochs")?.extract(py)?;
    let how = How { resume, checkpoint_every };
    let made = py.detach(|| run::train(&given, &data, &output, how, &mut watch));
    match watch.error {
        Some(error) => Err(error.into()),
        None => Ok(made.map(|_| ())?),
    }
}

/// Tells Python what goes on. The first exception stops the run; it is raised when the run has ended.
struct Watcher {
    watcher: Py<PyAny>,
    looks_at_epochs: bool,
    error: Option<PyErr>,
}

impl Watcher {
    /// Calls a method, after looking for Ctrl-C; `None` once something was raised.
    fn tell<T>(&mut self, call: impl FnOnce(Python<'_>, &Bound<'_, PyAny>) -> PyResult<T>) -> Option<T> {
        if self.error.is_some() {
            return None;
        }
        Python::attach(|py| py.check_signals().and_then(|()| call(py, self.watcher.bind(py))))
            .map_err(|error| self.error = Some(error))
            .ok()
    }
}

impl Show for Watcher {
    fn say(&mut self, text: &str) {
        self.tell(|_, watcher| watcher.call_method1("say", (in_python(text),)).map(drop));
    }

    fn stage(&mut self, text: &str) {
        self.tell(|_, watcher| watcher.call_method1("stage", (in_python(text),)).map(drop));
    }

    fn progress(&mut self, progress: &Progress) -> Control {
        let told = self.tell(|py, watcher| {
            let progress = pythonize(py, progress).map_err(PyErr::from)?;
            watcher.call_method1("progress", (progress,)).map(drop)
        });
        if told.is_some() { Control::Continue } else { Control::Stop }
    }

    fn note(&mut self, event: &serde_json::Value) {
        self.tell(|py, watcher| {
            let event = pythonize(py, event).map_err(PyErr::from)?;
            watcher.call_method1("note", (event,)).map(drop)
        });
    }

    fn looks_at_epochs(&self) -> bool {
        self.looks_at_epochs
    }

    fn goes_on(&mut self, epoch: u32) -> bool {
        if !self.looks_at_epochs {
            return true;
        }
        self.tell(|_, watcher| watcher.call_method1("goes_on", (epoch,))?.extract()).unwrap_or(true)
    }
}

/// Reads what Python gives: the names of files, a table, or sequences.
fn data_of(data: &Bound<'_, PyAny>) -> Result<Data> {
    if data.hasattr("__arrow_c_stream__")? {
        let reader = RecordBatchStreamReader::from_pyarrow_bound(data)?;
        let batches = data.py().detach(|| reader.collect::<std::result::Result<Vec<_>, _>>());
        return Ok(Data::Batches(batches.map_err(|error| PyValueError::new_err(error.to_string()))?));
    }
    if let Ok(files) = data.extract::<Files>() {
        return Ok(Data::Files(files.names));
    }
    let mut lists = Lists::default();
    for sequence in data.try_iter()? {
        add(&mut lists, &sequence?)?;
    }
    Ok(Data::Lists(lists))
}

/// The names of files, as the Python half hands them on.
#[derive(FromPyObject)]
struct Files {
    #[pyo3(attribute("file_names"))]
    names: Vec<String>,
}

/// Appends a sequence of tokens: texts, or whole numbers.
fn add(lists: &mut Lists, sequence: &Bound<'_, PyAny>) -> Result<()> {
    let place = lists.len();
    if sequence.is_instance_of::<PyString>() {
        return Err(text_for_list(place, &sequence.cast::<PyString>().map_err(PyErr::from)?.to_string_lossy()));
    }
    let tokens = sequence.try_iter().map_err(|_| {
        let kind = sequence.get_type();
        PyTypeError::new_err(format!("sequence {place} of the data is a {kind}, expected a list of tokens"))
    })?;
    for token in tokens {
        let token = token?;
        if let Ok(text) = token.cast::<PyString>() {
            lists.push(text.to_str()?)?;
        } else if token.is_instance_of::<PyInt>() || token.hasattr("__index__")? {
            lists.push(token.str()?.to_str()?)?;
        } else {
            let (token, kind) = (token.repr()?, token.get_type());
            let what = format!("sequence {place} of the data holds {token} of {kind}, expected tokens as str or int");
            return Err(PyTypeError::new_err(what).into());
        }
    }
    lists.end();
    Ok(())
}

fn text_for_list(place: usize, text: &str) -> Failed {
    let start: String = text.chars().take(40).collect();
    let what = format!(
        "sequence {place} of the data is the str {start:?}, whose tokens would be letters; expected a list of tokens. \
         Cut the texts: [text.split() for text in data]; or, if they are names of files: [pathlib.Path(name) for name in data]"
    );
    PyTypeError::new_err(what).into()
}
