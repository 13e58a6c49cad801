//! The curve of a training run as server-sent events, while it runs.

use crate::app::App;
use crate::problem::Problem;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use vecinity::model_dir::{Model, TRAINING, live_log};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(300);
/// Read at once.
const PIECE: u64 = 256 << 10;

/// The log of a training run as server-sent events: `progress` with each line, `done` at its end.
#[utoipa::path(get, path = "/v1/models/{m}/events", params(("m" = String, Path, description = "the model, served or in training")),
    responses((status = 200, description = "events", body = String, content_type = "text/event-stream"),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn events(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, Problem> {
    let folder = match (app.models.load().get(&name), app.watched.get(&name)) {
        (Some(served), _) => served.trained.path.clone(),
        (None, Some(folder)) => folder.clone(),
        (None, None) => return Err(app.model(&name).err().unwrap_or_else(Problem::internal)),
    };
    let (to, from) = mpsc::channel(4);
    tokio::spawn(follow(app, folder, to));
    let body = Body::from_stream(ReceiverStream::new(from).map(Ok::<_, Infallible>));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// Sends what is in the log, and what comes, until the model is there or the client gone.
async fn follow(app: Arc<App>, folder: PathBuf, to: mpsc::Sender<Bytes>) {
    let (live, stored) = (live_log(&folder), folder.join(TRAINING));
    let (mut at, mut left) = (0u64, Vec::new());
    let mut quiet = 0u32;
    loop {
        let done = Model::is_model(&folder);
        let log = if done { stored.clone() } else { live.clone() };
        let read = tokio::task::spawn_blocking(move || piece(&log, at)).await.unwrap_or_default();
        let mut text = String::new();
        if let Some((piece, restarted)) = read {
            if restarted {
                left.clear();
                at = 0;
                text.push_str("event: restart\ndata: {}\n\n");
            }
            at += piece.len() as u64;
            left.extend_from_slice(&piece);
        }
        let more = at > 0 && left.len() as u64 >= PIECE;
        let whole = left.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for line in String::from_utf8_lossy(&left[..whole]).lines().filter(|line| !line.is_empty()) {
            text.push_str(&format!("event: progress\ndata: {line}\n\n"));
        }
        let came = whole > 0;
        left.drain(..whole);
        if done && !came && !more {
            text.push_str("event: done\ndata: {}\n\n");
        }
        let last = text.ends_with("event: done\ndata: {}\n\n");
        quiet += 1;
        if text.is_empty() && quiet.is_multiple_of(50) {
            // A comment, to find out whether somebody still listens.
            text.push_str(": waiting\n\n");
        }
        if !text.is_empty() && to.send(text.into()).await.is_err() {
            return;
        }
        if last || to.is_closed() || app.ending.load(Ordering::Relaxed) {
            return;
        }
        if !came {
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// What stands in a file from a place on, and whether the file is shorter than that: another run has begun.
fn piece(path: &std::path::Path, at: u64) -> Option<(Vec<u8>, bool)> {
    let mut file = std::fs::File::open(path).ok()?;
    let restarted = file.metadata().ok()?.len() < at;
    file.seek(SeekFrom::Start(if restarted { 0 } else { at })).ok()?;
    let mut bytes = Vec::new();
    file.take(PIECE).read_to_end(&mut bytes).ok()?;
    Some((bytes, restarted))
}
