//! Changes: items added and taken out, a model put in place of another. One at a time; questions go on meanwhile.

use super::{Written, check_many, write};
use crate::app::{App, check_name};
use crate::body::Json;
use crate::overlay::Item;
use crate::problem::Problem;
use crate::served::Served;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// New items.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    /// Each with `like` or `vector`; an id that was added before is replaced, the bare id of one that was taken out brings it back.
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Changed<'a> {
    model: &'a str,
    version: String,
    items: usize,
    added: usize,
    removed: usize,
    /// Whether the change outlives the server (`--state`).
    kept: bool,
    /// Items of the overlay that the new model knows itself, or that do not fit it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dropped: Vec<String>,
}

fn changed(app: &App, served: &Served, dropped: Vec<String>) -> Result<Vec<u8>, Problem> {
    write(&Changed {
        model: &served.name,
        version: served.version(),
        items: served.embeddings().len(),
        added: served.overlay.added(),
        removed: served.overlay.removed(),
        kept: app.settings.state.is_some(),
        dropped,
    })
}

/// Does something long beside the questions.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| {
        tracing::error!("a change made the server stumble: {panic}");
        Err(Problem::internal())
    })
}

/// Makes a change: kept first, then seen.
async fn change(
    app: &Arc<App>,
    model: &str,
    edit: impl FnOnce(&Served) -> Result<crate::overlay::Overlay, Problem> + Send + 'static,
) -> Result<Vec<u8>, Problem> {
    let _one_at_a_time = app.changes.lock().await;
    let served = app.model(model)?;
    let state = app.settings.state.clone();
    let next = beside(move || {
        let next = served.changed(edit(&served)?)?;
        if let Some(state) = state {
            next.overlay.save(&state, &next.name)?;
        }
        Ok(next)
    })
    .await?;
    let served = app.put(next);
    tracing::info!(model = served.name, version = served.version(), "items changed");
    changed(app, &served, Vec::new())
}

/// Adds items, visible at once.
#[utoipa::path(post, path = "/v1/models/{m}/items", params(("m" = String, Path, description = "the model")),
    request_body = Add, responses((status = 200, description = "the model as it is now", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(add): Json<Add>,
) -> Result<Written, Problem> {
    check_many("items", add.items.len(), app.settings.limits.items)?;
    for item in &add.items {
        if item.id.is_empty() || item.id.len() > 1000 {
            return Err(Problem::invalid(format!("an id of {} bytes, expected 1 to 1000", item.id.len())));
        }
        check_many("items to be like", item.like.len(), 1000)?;
        check_many("fields", item.metadata.len(), 1000)?;
    }
    change(&app, &model, move |served| Ok(served.overlay.with(&served.trained.embeddings, add.items)?))
        .await
        .map(Written)
}

/// Which item?
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Its id.
    id: String,
}

/// Takes an item out: it is never an answer again. Histories may still name one that was trained.
#[utoipa::path(delete, path = "/v1/models/{m}/items", params(("m" = String, Path, description = "the model"), Which),
    responses((status = 200, description = "the model as it is now", body = serde_json::Value), (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Written, Problem> {
    let Query(which) = which.map_err(|error| Problem::malformed(error.body_text()))?;
    change(&app, &model, move |served| {
        let next = served.overlay.without(&served.trained.embeddings, &which.id);
        match next {
            Some(next) => Ok(next),
            None => Err(served.embeddings().vocab().require(&which.id).map_or_else(Problem::from, |_| {
                Problem::invalid(format!("'{}' is taken out already", vecinity::error::shown(&which.id)))
            })),
        }
    })
    .await
    .map(Written)
}

/// Another model.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Swap {
    /// Its folder, inside of the folder that the server was given for models.
    path: String,
}

/// Serves another model under a name, once every byte of it is checked and it has answered a question of each kind.
/// Requests in flight are answered by the one before.
#[utoipa::path(put, path = "/v1/models/{m}", params(("m" = String, Path, description = "the name")),
    request_body = Swap, responses((status = 200, description = "replaced", body = serde_json::Value), (status = 201, description = "new", body = Value),
    (status = "4XX", description = "what was wrong; the old one is still served", body = Problem)))]
pub(crate) async fn swap(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Json(swap): Json<Swap>,
) -> Result<Response, Problem> {
    check_name(&name)?;
    let Some(root) = app.settings.root.clone() else {
        let advice = "start it with --root FOLDER; models are loaded from there alone";
        return Err(Problem::forbidden("this server was given no folder to load models from", advice));
    };
    let _one_at_a_time = app.changes.lock().await;
    let new = !app.models.load().contains_key(&name);
    let path = inside(&root, &swap.path)?;
    let (app_of, name_of) = (Arc::clone(&app), name.clone());
    let (served, dropped) = beside(move || {
        let (served, dropped) = app_of.replacement(&name_of, &path)?;
        if let Some(state) = &app_of.settings.state {
            served.overlay.save(state, &name_of)?;
        }
        Ok((served, dropped))
    })
    .await?;
    let served = app.put(served);
    app.metrics.swaps.fetch_add(1, Ordering::Relaxed);
    tracing::info!(model = name, version = served.version(), "model replaced");
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Written(changed(&app, &served, dropped)?)).into_response())
}

/// A folder inside of the root, links followed.
fn inside(root: &std::path::Path, path: &str) -> Result<PathBuf, Problem> {
    let outside = || {
        let detail = format!("'{}' is no folder inside of the folder of models", vecinity::error::shown(path));
        Problem::invalid(detail).advised("name a folder relative to it, such as shop@2026-11-22")
    };
    if path.is_empty() || path.contains('\0') {
        return Err(outside());
    }
    let root = root.canonicalize().map_err(|_| outside())?;
    let whole = root.join(path).canonicalize().map_err(|_| outside())?;
    if whole.starts_with(&root) && whole != root { Ok(whole) } else { Err(outside()) }
}
