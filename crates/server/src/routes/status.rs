//! Is the server well, and what has it done?

use super::models::Short;
use super::{Written, write};
use crate::app::App;
use crate::problem::Problem;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;

#[derive(Serialize)]
struct Status {
    version: &'static str,
    uptime_s: f64,
    connections: usize,
    requests_open: usize,
    waiting: usize,
    refused: u64,
    swaps: u64,
    /// Whether items can be added and models replaced by requests.
    admin: bool,
    models: Vec<Short>,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Route {
    route: String,
    requests: u64,
    /// Half, and 99 of 100, were answered within so many milliseconds (bounds of buckets).
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// What the server has done so far.
#[utoipa::path(get, path = "/v1/status", responses((status = 200, description = "figures", body = serde_json::Value)))]
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<Written, Problem> {
    let (p50, p99) = (app.metrics.summary(0.5), app.metrics.summary(0.99));
    let routes = p50.into_iter().zip(p99).map(|((route, requests, p50), (.., p99))| Route {
        route,
        requests,
        p50_ms: p50.map(|s| s * 1e3),
        p99_ms: p99.map(|s| s * 1e3),
    });
    let load = |value: &std::sync::atomic::AtomicUsize| value.load(Ordering::Relaxed);
    write(&Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.metrics.uptime().as_secs_f64(),
        connections: load(&app.metrics.connections),
        requests_open: load(&app.metrics.open),
        waiting: app.waiting(),
        refused: app.metrics.refused.load(Ordering::Relaxed),
        swaps: app.metrics.swaps.load(Ordering::Relaxed),
        admin: app.settings.admin_token.is_some(),
        models: app.models.load().values().map(|served| Short::new(served)).collect(),
        routes: routes.collect(),
    })
    .map(Written)
}

/// The process answers.
#[utoipa::path(get, path = "/livez", responses((status = 200, description = "it lives", body = String, content_type = "text/plain")))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether new requests should be sent here: a model is served, and the server is not about to end.
#[utoipa::path(get, path = "/readyz", responses((status = 200, description = "it is ready", body = String, content_type = "text/plain"),
    (status = 503, description = "not yet, or no longer", body = String, content_type = "text/plain")))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.ending.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response();
    }
    if app.models.load().is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, "no model yet\n").into_response();
    }
    "ok\n".into_response()
}

/// Counters and times for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "text form 0.0.4", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let models: Vec<_> =
        app.models.load().values().map(|served| (served.name.clone(), served.embeddings().len())).collect();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text(&models)).into_response()
}
