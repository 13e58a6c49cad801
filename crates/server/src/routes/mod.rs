//! What can be asked, one file a kind of question.

pub(crate) mod admin;
pub(crate) mod ask;
pub(crate) mod batch;
pub(crate) mod events;
mod history;
pub(crate) mod items;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod pages;
pub(crate) mod recommend;
pub(crate) mod status;

use crate::app::App;
use crate::guard::guard;
use crate::problem::Problem;
use crate::served::Served;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;
use vecinity::TokenId;
use vecinity::recommend::{Fields, Filter};

/// All routes of a server.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{m}", get(models::one).put(admin::swap))
        .route("/v1/models/{m}/items", get(items::find).post(admin::add).delete(admin::remove))
        .route("/v1/models/{m}/neighbors", post(ask::neighbors))
        .route("/v1/models/{m}/query", post(ask::query))
        .route("/v1/models/{m}/vectors", post(ask::vectors))
        .route("/v1/models/{m}/similarity", post(ask::similarity))
        .route("/v1/models/{m}/why", post(ask::why))
        .route("/v1/models/{m}/recommend", post(recommend::recommend))
        .route("/v1/models/{m}/recommend/batch", post(batch::batch))
        .route("/v1/models/{m}/embed", post(recommend::embed))
        .route("/v1/models/{m}/map", get(map::map))
        .route("/v1/models/{m}/report", get(models::report))
        .route("/v1/models/{m}/events", get(events::events))
        .route("/v1/status", get(status::status))
        .route("/healthz", get(status::alive))
        .route("/livez", get(status::alive))
        .route("/readyz", get(status::ready))
        .route("/metrics", get(status::metrics))
        .route("/openapi.json", get(pages::openapi))
        .route("/", get(pages::start))
        .route("/docs", get(pages::start))
        .route("/assets/{*file}", get(pages::asset))
        .fallback(|request: Request| async move { Problem::unknown_path(request.uri().path()) })
        .method_not_allowed_fallback(|request: Request| async move {
            Problem::method(request.method().as_str(), request.uri().path())
        })
        .layer(from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// An answer about a model.
#[derive(Serialize)]
struct Answer<'a, T> {
    model: &'a str,
    version: String,
    #[serde(flatten)]
    body: T,
    took_ms: f64,
}

/// An answer as JSON; computed where it is called.
fn answer(served: &Served, started: Instant, body: impl Serialize) -> Result<Vec<u8>, Problem> {
    let took_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    write(&Answer { model: &served.name, version: served.version(), body, took_ms })
}

fn write(value: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| {
        tracing::error!("an answer cannot be written: {error}");
        Problem::internal()
    })
}

/// JSON that is written already.
pub(crate) struct Written(Vec<u8>);

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response()
    }
}

/// An item among results.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    metadata: Fields<'a>,
}

impl<'a> Listed<'a> {
    fn new(served: &'a Served, id: TokenId, score: Option<f32>) -> Self {
        let embeddings = served.embeddings();
        let token = embeddings.vocab().token(id);
        Self {
            id: token,
            score,
            count: embeddings.vocab().count(id),
            title: embeddings.metadata().and_then(|metadata| metadata.title(token)),
            metadata: Fields::new(embeddings, id),
        }
    }
}

/// Refuses more than the limits allow, and nothing at all.
fn check_limit(limit: usize, most: usize) -> Result<usize, Problem> {
    if (1..=most).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::invalid(format!("limit is {limit}, expected 1 to {most}")))
    }
}

fn check_many(what: &str, found: usize, most: usize) -> Result<(), Problem> {
    if found <= most { Ok(()) } else { Err(Problem::too_many(what, found, most)) }
}

/// Ids of a list, as far as the model knows them, and the others as they were written. Titles are taken too, if they name
/// one item.
fn look_up<'t>(served: &Served, texts: impl IntoIterator<Item = &'t str>) -> (Vec<TokenId>, Vec<&'t str>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for text in texts {
        match find(served, text) {
            Some(id) => known.push(id),
            None => unknown.push(text),
        }
    }
    (known, unknown)
}

/// What an id or a title names.
fn find(served: &Served, text: &str) -> Option<TokenId> {
    let resolver = served.resolver();
    // What has a title is looked up by it; suggestions, which are dear, are for those who name one item.
    served.embeddings().vocab().get(text).or_else(|| resolver.knows(text).then(|| resolver.resolve(text).ok())?)
}

/// What may be an answer: shown at all, not excluded, and passing the filter.
fn with_allowed<T>(
    served: &Served,
    filter: Option<&Filter>,
    exclude: &[String],
    then: impl FnOnce(&(dyn Fn(TokenId) -> bool + Sync)) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let (mut excluded, _) = look_up(served, exclude.iter().map(String::as_str));
    excluded.sort_unstable();
    let none = Filter::default();
    let bound = filter.unwrap_or(&none).bind(served.embeddings())?;
    then(&|id| served.shows(id) && excluded.binary_search(&id).is_err() && bound.allows(id))
}

fn ten() -> usize {
    10
}
