//! `vecinity serve`: models over HTTP, as an API and as pages.

use crate::output::Output;
use anyhow::Result;
use clap::Args;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vecinity::Error;
use vecinity_server::{App, Limits, Settings, log_to_stderr, serve};

/// Serve models over HTTP: an API (described at /docs) and pages to search, combine, map and recommend.
///
/// Every byte of a model is checked before it is served. On another address than this machine's own, a token is demanded:
/// clients send it as 'Authorization: Bearer TOKEN'. Changing models by requests takes another token. Tokens come from files
/// or the environment (VECINITY_TOKEN, VECINITY_ADMIN_TOKEN), never from arguments, which others can read.
///
/// SIGTERM and Ctrl-C end the server when the requests in flight are answered. docs/serve.md shows the API by example.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vecinity serve shop.model
  vecinity serve shop.model words.model --listen 0.0.0.0:7700 --token-file token.txt
  vecinity serve /models/shop --root /models --admin-token-file admin.txt --state /var/lib/vecinity
  vecinity serve --watch shop.model           (while 'vecinity train ... -o shop.model' runs)")]
pub(crate) struct Serve {
    /// Model folders; each is served under the name of its folder.
    models: Vec<PathBuf>,
    /// A model in training: its curve is shown, and it is served when it is done. May be given several times.
    #[arg(long, value_name = "MODEL")]
    watch: Vec<PathBuf>,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7700", env = "VECINITY_LISTEN")]
    listen: SocketAddr,
    /// A file with the token that clients have to send; VECINITY_TOKEN holds it as well.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with the token for adding items and replacing models; VECINITY_ADMIN_TOKEN holds it as well.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Answer everybody on an address that others can reach: a proxy in front asks for tokens.
    #[arg(long)]
    no_auth: bool,
    /// The only folder from which requests may load models (PUT /v1/models/NAME); none may without it.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Where items added by requests are kept; without it they are forgotten when the server ends.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Another name by which clients on this machine may call the server.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// How the log is written.
    #[arg(long, value_enum, default_value_t = Log::Text)]
    log: Log,
    /// Log every request, not faults and changes alone.
    #[arg(long)]
    log_requests: bool,
    #[command(flatten)]
    limits: Limited,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Log {
    /// Lines for people.
    Text,
    /// An object a line.
    Json,
}

/// What clients may ask at most.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct Limited {
    /// Questions computed at once [default: all cores].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Questions that may wait; more are refused with 503.
    #[arg(long, value_name = "N", default_value_t = Limits::default().queue)]
    queue: usize,
    /// Bytes of a body at most.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().body)]
    max_body: usize,
    /// Items of a history at most.
    #[arg(long, value_name = "N", default_value_t = Limits::default().items)]
    max_history: usize,
    /// Results at most.
    #[arg(long, value_name = "N", default_value_t = Limits::default().results)]
    max_limit: usize,
    /// Open connections at most.
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// Seconds for the head of a request, its body, and its turn.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().patience.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Seconds for requests in flight when the server ends.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().drain.as_secs())]
    drain: u64,
}

#[derive(serde::Serialize)]
struct Listening {
    address: String,
    models: Vec<String>,
    ready_s: f64,
}

impl Serve {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let started = Instant::now();
        let token = secret(self.token_file.as_deref(), "VECINITY_TOKEN")?;
        let admin_token = secret(self.admin_token_file.as_deref(), "VECINITY_ADMIN_TOKEN")?;
        if !self.listen.ip().is_loopback() && token.is_none() && !self.no_auth {
            return Err(refused(self.listen.ip()).into());
        }
        if let Some(state) = &self.state {
            std::fs::create_dir_all(state).map_err(Error::io(state, "create"))?;
        }
        log_to_stderr(self.log == Log::Json, self.log_requests);
        let limits = Limits {
            body: self.limits.max_body,
            items: self.limits.max_history,
            results: self.limits.max_limit,
            workers: self.limits.workers.map_or(Limits::default().workers, usize::from),
            queue: self.limits.queue,
            connections: self.limits.max_connections,
            patience: Duration::from_secs(self.limits.timeout),
            drain: Duration::from_secs(self.limits.drain),
            ..Limits::default()
        };
        let settings = Settings {
            models: self.models,
            watched: self.watch,
            listen: self.listen,
            token,
            admin_token,
            state: self.state,
            root: self.root,
            hosts: self.host,
            limits,
        };
        let names: Vec<String> =
            settings.models.iter().chain(&settings.watched).map(|path| path.display().to_string()).collect();
        let kept = settings.state.is_some() || settings.admin_token.is_none();
        let app = Arc::new(App::new(settings)?);
        if !kept {
            output.say("note: items added by requests are kept in memory only (--state FOLDER keeps them)");
        }
        let mut said = Ok(());
        let drained = serve(app, |address| {
            let listening = Listening {
                address: format!("http://{address}"),
                models: names,
                ready_s: started.elapsed().as_secs_f64(),
            };
            said = output.answer(&listening, |to| {
                let Listening { address, models, ready_s } = &listening;
                writeln!(
                    to,
                    "{address}   pages, API (/docs), metrics    {}    ready in {ready_s:.2} s",
                    models.join(" · ")
                )
            });
        })?;
        said?;
        if drained { Ok(()) } else { Err(anyhow::anyhow!("some requests were not answered in time (--drain SECONDS)")) }
    }
}

/// A token from a file or the environment.
fn secret(file: Option<&Path>, variable: &'static str) -> vecinity::Result<Option<String>> {
    let (place, text) = match (file, std::env::var(variable)) {
        (Some(file), _) => {
            (file.display().to_string(), std::fs::read_to_string(file).map_err(Error::io(file, "read"))?)
        }
        (None, Ok(text)) => (variable.to_owned(), text),
        (None, Err(_)) => return Ok(None),
    };
    let token = text.trim();
    if token.len() < 8 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let found = format!("in {place} with {} bytes", token.len());
        return Err(Error::setting("token", found, "8 or more letters, digits and signs, without spaces"));
    }
    Ok(Some(token.to_owned()))
}

fn refused(address: IpAddr) -> Error {
    Error::data(
        format!(
            "refusing to listen on {address} without a token: anybody who reaches the port could read your catalogue"
        ),
        "set VECINITY_TOKEN or --token-file, or say --no-auth if a proxy in front does it",
    )
}
