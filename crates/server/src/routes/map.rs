//! The map of a model.

use super::{Written, write};
use crate::app::App;
use crate::picture::{Answer, Method};
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vecinity::map::Settings;

/// Which map?
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// pca: principal components, at once; layout: near ones together, in a while.
    #[serde(default)]
    method: Method,
    /// The most frequent items drawn, at most.
    points: Option<usize>,
}

/// How far it is.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Soon {
    /// `computing`.
    state: &'static str,
    /// The share that is done.
    done: f32,
}

/// The map of a model: places of items, column by column. 202 while it is computed.
#[utoipa::path(get, path = "/v1/models/{m}/map", params(("m" = String, Path, description = "the model"), Which),
    responses((status = 200, description = "the map", body = crate::picture::Drawn), (status = 202, description = "ask again", body = Soon),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn map(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(which) = which.map_err(|error| Problem::malformed(error.body_text()))?;
    let served = app.model(&model)?;
    let most = app.settings.limits.points;
    let points = which.points.unwrap_or(if which.method == Method::Pca { most } else { Settings::default().points });
    if !(2..=most).contains(&points) {
        return Err(Problem::invalid(format!("points is {points}, expected 2 to {most}")));
    }
    let settings = Settings { points: points.min(served.embeddings().len()), ..Settings::default() };
    // It waits a moment for small maps: not in the pool, which is for questions.
    let found = tokio::task::spawn_blocking(move || served.pictures.get(&served.model, which.method, settings)).await;
    match found.map_err(|_| Problem::internal())? {
        Answer::Drawn(json) => Ok(Written(json.to_vec()).into_response()),
        Answer::Soon(done) => {
            let body = Written(write(&Soon { state: "computing", done })?);
            Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")], body).into_response())
        }
        Answer::Failed => Err(Problem::invalid("this model cannot be drawn: it takes two items with vectors")),
    }
}
