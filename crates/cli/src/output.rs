//! How answers and errors are printed: text for people, JSON for programs.

use std::fmt::{self, Display};
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use vecinity::run::Show;

/// A limit that the user set was not reached: no fault of the program, and exit code 4.
#[derive(Debug)]
pub(crate) struct GateFailed(pub(crate) String);

impl Display for GateFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GateFailed {}

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    json_asked: bool,
    quiet: bool,
}

impl Output {
    /// JSON if asked for, or if standard output is no terminal and text was not asked for.
    pub(crate) fn new(json: bool, text: bool, quiet: bool) -> Self {
        Self { json: json || (!text && !io::stdout().is_terminal()), json_asked: json, quiet }
    }

    /// For answers that are text by nature: JSON only if asked for.
    pub(crate) fn text_by_nature(self) -> Self {
        Self { json: self.json_asked, ..self }
    }

    /// Prints an answer: `value` as one line of JSON, or what `text` writes.
    pub(crate) fn answer(
        self,
        value: &impl serde::Serialize,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let result = if self.json {
            serde_json::to_writer(&mut out, value).map_err(io::Error::from).and_then(|()| writeln!(out))
        } else {
            text(&mut out)
        };
        match result.and_then(|()| out.flush()) {
            // The reader of a pipe may stop early; that is no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Says something to the person, on standard error.
    pub(crate) fn say(self, message: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{message}");
        }
    }

    /// Whether talk is wanted.
    pub(crate) fn talks(self) -> bool {
        !self.quiet
    }

    /// Prints an error and says with which code to end.
    pub(crate) fn report(self, error: &anyhow::Error) -> ExitCode {
        let ours = error.downcast_ref::<vecinity::Error>();
        let mut stderr = io::stderr().lock();
        // Ours says all in one sentence; its source would say a part of it again.
        let _ = match ours {
            Some(ours) => writeln!(stderr, "error: {ours}"),
            None => writeln!(stderr, "error: {error:#}"),
        };
        if let Some(advice) = ours.and_then(vecinity::Error::advice) {
            let _ = writeln!(stderr, "       {advice}");
        }
        if error.is::<GateFailed>() {
            return ExitCode::from(4);
        }
        ExitCode::from(ours.map_or(1, vecinity::Error::exit_code))
    }
}

impl Show for Output {
    fn say(&mut self, text: &str) {
        Output::say(*self, text);
    }
}
