//! Python data in, a model folder out.

use crate::errors::{Failed, Result, in_python};
use arrow_array::ffi_stream::RecordBatchStreamReader;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_pyarrow::FromPyArrow;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyInt, PyString};
use pythonize::{depythonize, pythonize};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use vecinity::Error;
use vecinity::corpus::Lists;
use vecinity::run::{self, Data, Given, How, Show};
use vecinity::stop::Stop;
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
    let looks_at_epochs = watcher.getattr(py, "looks_at_epochs")?.extract(py)?;
    let how = How { resume, checkpoint_every };
    with_signals(py, &watcher, |messages| {
        run::train(&given, &data, &output, how, &mut Watcher { messages, looks_at_epochs })
    })
    .map(drop)
}

/// How often it is looked for Ctrl-C.
const TICK: Duration = Duration::from_millis(50);
/// Bytes of the stack of the thread that works: as many as a main thread has.
const STACK: usize = 8 << 20;

/// Something to be done with the watcher by the thread that called, and what it returned, if nothing was raised.
type Call = Box<dyn FnOnce(&Bound<'_, PyAny>) -> PyResult<bool> + Send>;
type Message = (Call, mpsc::SyncSender<bool>);

/// Works on a thread of its own, since only the thread that called may be told of signals, and since callbacks are called where
/// the user is: there. The first exception asks the work to stop; it is raised when the work has ended.
fn with_signals<T: Send>(
    py: Python<'_>,
    watcher: &Py<PyAny>,
    work: impl FnOnce(mpsc::Sender<Message>) -> vecinity::Result<T> + Send,
) -> Result<T> {
    let (stop, mut raised) = (Stop::default(), None::<PyErr>);
    let (to, messages) = mpsc::channel::<Message>();
    let made = py.detach(|| {
        let messages = messages;
        std::thread::scope(|scope| {
            let working = stop.clone();
            let thread = std::thread::Builder::new().name("vecinity".into()).stack_size(STACK);
            let thread = thread.spawn_scoped(scope, move || working.during(|| work(to)));
            let thread = thread.map_err(|error| Error::io("a thread", "start")(error))?;
            loop {
                let message = match messages.recv_timeout(TICK) {
                    Ok(message) => Some(message),
                    Err(mpsc::RecvTimeoutError::Timeout) => None,
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                };
                let result = match message {
                    // Once something was raised nothing is told any more.
                    _ if raised.is_some() => Ok(None),
                    message => Python::attach(|py| {
                        py.check_signals()?;
                        let told = |(call, answer): Message| Ok((call(watcher.bind(py))?, answer));
                        message.map(told).transpose()
                    }),
                };
                match result {
                    // Whoever asked may have gone: a message without an answer is a wish to stop.
                    Ok(Some((told, answer))) => drop(answer.send(told)),
                    Ok(None) => {}
                    Err(error) => {
                        raised = Some(error);
                        stop.request();
                    }
                }
            }
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    });
    match raised {
        Some(error) => Err(error.into()),
        None => Ok(made?),
    }
}

/// Tells Python what goes on, by the thread that called.
struct Watcher {
    messages: mpsc::Sender<Message>,
    looks_at_epochs: bool,
}

impl Watcher {
    /// What the watcher returns; `None` once something was raised.
    fn tell(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<bool> + Send + 'static) -> Option<bool> {
        let (to, answer) = mpsc::sync_channel(1);
        self.messages.send((Box::new(call), to)).ok()?;
        answer.recv().ok()
    }
}

impl Show for Watcher {
    fn say(&mut self, text: &str) {
        let text = in_python(text);
        self.tell(move |watcher| watcher.call_method1("say", (text,)).map(|_| true));
    }

    fn stage(&mut self, text: &str) {
        let text = in_python(text);
        self.tell(move |watcher| watcher.call_method1("stage", (text,)).map(|_| true));
    }

    fn progress(&mut self, progress: &Progress) -> Control {
        let progress = *progress;
        let told = self.tell(move |watcher| {
            let progress = pythonize(watcher.py(), &progress).map_err(PyErr::from)?;
            watcher.call_method1("progress", (progress,)).map(|_| true)
        });
        if told.is_some() { Control::Continue } else { Control::Stop }
    }

    fn note(&mut self, event: &serde_json::Value) {
        let event = event.clone();
        self.tell(move |watcher| {
            let event = pythonize(watcher.py(), &event).map_err(PyErr::from)?;
            watcher.call_method1("note", (event,)).map(|_| true)
        });
    }

    fn looks_at_epochs(&self) -> bool {
        self.looks_at_epochs
    }

    fn goes_on(&mut self, epoch: u32) -> bool {
        if !self.looks_at_epochs {
            return true;
        }
        self.tell(move |watcher| watcher.call_method1("goes_on", (epoch,))?.extract()).unwrap_or(true)
    }
}

/// Sequences after which it is looked for Ctrl-C.
const BETWEEN_SIGNALS: usize = 1 << 10;

/// Reads what Python gives: the names of files, a table, or sequences.
fn data_of(data: &Bound<'_, PyAny>) -> Result<Data> {
    if data.hasattr("__arrow_c_stream__")? {
        let reader = RecordBatchStreamReader::from_pyarrow_bound(data)?;
        let schema = reader.schema();
        let batches = data.py().detach(|| reader.collect::<std::result::Result<Vec<_>, _>>());
        let mut batches = batches.map_err(|error| PyValueError::new_err(error.to_string()))?;
        if batches.is_empty() {
            // An empty table has columns, too.
            batches.push(RecordBatch::new_empty(schema));
        }
        return Ok(Data::Batches(batches));
    }
    if let Ok(files) = data.extract::<Files>() {
        return Ok(Data::Files(files.names));
    }
    let mut lists = Lists::default();
    for sequence in data.try_iter()? {
        if lists.len().is_multiple_of(BETWEEN_SIGNALS) {
            data.py().check_signals()?;
        }
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
    if sequence.is_instance_of::<PyDict>() {
        let what = format!(
            "sequence {place} of the data is a dict; expected a list of tokens, or a table: pandas.DataFrame(data)"
        );
        return Err(PyTypeError::new_err(what).into());
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
