//! Many histories: an object a line in, an object a line out, while they come, in bounded memory.
//!
//! Each line is a body of `recommend`. A line that cannot be answered is answered with a problem, in its place. The client's
//! lines are read no faster than its answers are taken.

use super::recommend::Recommend;
use crate::app::App;
use crate::body::{read, require_type};
use crate::problem::Problem;
use crate::served::Served;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// Lines answered together, in one turn of the pool.
const TOGETHER: usize = 32;

const NDJSON: &str = "application/x-ndjson";

#[derive(Serialize)]
struct Failed {
    /// From 1.
    line: u64,
    error: Problem,
}

/// Recommendations for many histories: a body of `recommend` a line.
#[utoipa::path(post, path = "/v1/models/{m}/recommend/batch", params(("m" = String, Path, description = "the model")),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, description = "an answer a line", body = String, content_type = "application/x-ndjson"),
    (status = "4XX", description = "what was wrong", body = serde_json::Value)))]
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let served = app.model(&model)?;
    require_type(&request, NDJSON)?;
    let (to, from) = mpsc::channel::<Bytes>(2);
    tokio::spawn(answer_all(app, served, request.into_body(), to));
    let body = Body::from_stream(ReceiverStream::new(from).map(Ok::<_, Infallible>));
    Ok(([(header::CONTENT_TYPE, NDJSON)], body).into_response())
}

/// Answers lines until they end, or the client goes away.
async fn answer_all(app: Arc<App>, served: Arc<Served>, mut body: Body, to: mpsc::Sender<Bytes>) {
    let most = app.settings.limits.body;
    let (mut left, mut number) = (Vec::new(), 0u64);
    loop {
        let frame = tokio::time::timeout(app.settings.limits.patience, body.frame()).await;
        let (data, ended) = match frame {
            Ok(Some(Ok(frame))) => (frame.into_data().unwrap_or_default(), false),
            Ok(None) => (Bytes::new(), true),
            // The client went away or stopped sending: the answers so far are all it gets.
            Err(_) | Ok(Some(Err(_))) => {
                let _ = to.send(failed(number + 1, Problem::slow())).await;
                return;
            }
        };
        left.extend_from_slice(&data);
        if ended && !left.is_empty() {
            left.push(b'\n');
        }
        let whole = left.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<(u64, Vec<u8>)> = (left[..whole].split(|&byte| byte == b'\n'))
            .map(|line| {
                number += 1;
                (number, line.to_vec())
            })
            .collect();
        // What stands behind the last line end is an empty piece.
        number -= 1;
        left.drain(..whole);
        for some in lines[..lines.len() - 1].chunks(TOGETHER) {
            let (app_of, served, some) = (Arc::clone(&app), Arc::clone(&served), some.to_vec());
            let answered = patiently(&app, move || Ok(answer_some(&app_of, &served, &some))).await;
            if to.send(answered.into()).await.is_err() {
                return;
            }
        }
        if left.len() > most {
            let _ = to.send(failed(number + 1, Problem::too_large(most))).await;
            return;
        }
        if ended {
            return;
        }
    }
}

/// Computes in the pool, and waits where single questions would be refused: the client waits too.
async fn patiently(app: &App, work: impl FnOnce() -> Result<Vec<u8>, Problem> + Clone + Send + 'static) -> Vec<u8> {
    loop {
        match app.work(work.clone()).await {
            Ok(answered) => return answered,
            Err(problem) if problem.status() == axum::http::StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
            Err(problem) => return failed(0, problem).to_vec(),
        }
    }
}

fn answer_some(app: &App, served: &Served, lines: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut answers = Vec::new();
    for (number, line) in lines.iter().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let answered = read::<Recommend>(line).and_then(|ask| {
            ask.check(app)?;
            ask.answer(served)
        });
        match answered {
            Ok(mut answered) => {
                answers.append(&mut answered);
                answers.push(b'\n');
            }
            Err(problem) => answers.extend_from_slice(&failed(*number, problem)),
        }
    }
    answers
}

fn failed(line: u64, error: Problem) -> Bytes {
    let mut text = serde_json::to_vec(&Failed { line, error }).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
