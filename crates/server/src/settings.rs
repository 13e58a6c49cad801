//! What the server is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the server is told when it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Model folders, each served under the name of its folder.
    pub models: Vec<PathBuf>,
    /// Models that are still in training: their curve is shown, and they are served when they are done.
    pub watched: Vec<PathBuf>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who knows it may ask; nobody has to, if `None`.
    pub token: Option<String>,
    /// Who knows it may change models; nobody may, if `None`.
    pub admin_token: Option<String>,
    /// Where items added and taken out are kept; in memory only, if `None`.
    pub state: Option<PathBuf>,
    /// The only folder from which models may be loaded by request; none may, if `None`.
    pub root: Option<PathBuf>,
    /// Names by which clients may call a server on a loopback address, beside `localhost` and addresses.
    pub hosts: Vec<String>,
    /// What clients may ask at most.
    pub limits: Limits,
}

impl Settings {
    /// The usual settings on `listen`, without any model.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            models: Vec::new(),
            watched: Vec::new(),
            listen,
            token: None,
            admin_token: None,
            state: None,
            root: None,
            hosts: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What clients may ask at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body, and of a line of a batch.
    pub body: usize,
    /// Items of a history, terms of a question, ids of a list.
    pub items: usize,
    /// Results of a question.
    pub results: usize,
    /// Questions computed at once; the rest waits.
    pub workers: usize,
    /// Questions that may wait; the rest is refused.
    pub queue: usize,
    /// Open connections; the rest waits to be accepted.
    pub connections: usize,
    /// For the head of a request, for its body, and in the queue.
    pub patience: Duration,
    /// For requests in flight when the server is told to end.
    pub drain: Duration,
    /// Points of a map.
    pub points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            body: 1 << 20,
            items: 10_000,
            results: 1_000,
            workers: cores,
            queue: 512,
            connections: 4_096,
            patience: Duration::from_secs(10),
            drain: Duration::from_secs(20),
            points: 100_000,
        }
    }
}
