//! What every request goes through: a name for it, the host, tokens, headers that protect, figures, the log.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Scripts and data from here alone; styles of pages and of the report stand in the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                      connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Passes a request on if it may be answered.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    app.metrics.open.fetch_add(1, Ordering::Relaxed);
    let mut response = match allowed(&app, &request, &route) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    app.metrics.open.fetch_sub(1, Ordering::Relaxed);
    let took = started.elapsed();
    let status = response.status();
    app.metrics.answered(&route, status.as_u16(), took);
    let ms = took.as_secs_f64() * 1e3;
    let id_text = id.to_str().unwrap_or_default();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), ms, request = id_text, "answered");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), ms, request = id_text, "answered");
    }
    let ending = app.ending.load(Ordering::Relaxed);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if ending {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The name of a request: the client's, if it is short and plain, or the next number.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let plain = |value: &&HeaderValue| value.len() <= 128 && value.as_bytes().iter().all(u8::is_ascii_graphic);
    headers.get(REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn allowed(app: &App, request: &Request, route: &str) -> Result<(), Problem> {
    check_host(app, request)?;
    if !(route.starts_with("/v1/") || route == "/metrics") {
        return Ok(());
    }
    let given = bearer(request.headers());
    if changes(request.method(), route) {
        let Some(admin) = &app.settings.admin_token else {
            let advice = "start the server with VECINITY_ADMIN_TOKEN or --admin-token-file";
            return Err(Problem::forbidden("this server lets nobody change its models", advice));
        };
        return match given {
            Some(given) if same(given, admin) => Ok(()),
            Some(_) => Err(Problem::unauthorized("this is not the admin token")),
            None => Err(Problem::unauthorized("changing a model takes the admin token")),
        };
    }
    let Some(token) = &app.settings.token else { return Ok(()) };
    match given {
        // Who may change models may read them.
        Some(given) if same(given, token) || app.settings.admin_token.as_ref().is_some_and(|a| same(given, a)) => {
            Ok(())
        }
        Some(_) => Err(Problem::unauthorized("this is not the token")),
        None => Err(Problem::unauthorized("this server answers with a token only")),
    }
}

/// Whether a request changes models.
fn changes(method: &Method, route: &str) -> bool {
    matches!(*method, Method::PUT | Method::DELETE) || (*method == Method::POST && route.ends_with("/items"))
}

/// A page of somebody else could make a browser ask a server on the same machine by a name of its own: without tokens, only
/// addresses and known names are answered.
fn check_host(app: &App, request: &Request) -> Result<(), Problem> {
    if !app.settings.listen.ip().is_loopback() || app.settings.token.is_some() {
        return Ok(());
    }
    let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()) else { return Ok(()) };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let fine = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok()
        || app.settings.hosts.iter().any(|known| known.eq_ignore_ascii_case(bare));
    if fine { Ok(()) } else { Err(Problem::wrong_host(host)) }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether two tokens are the same, in a time that does not tell how much of them is: their hashes are compared, and hashes
/// compare in constant time.
fn same(a: &str, b: &str) -> bool {
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}
