//! Which models are there, what are they, and how good.

use super::{Written, write};
use crate::app::App;
use crate::problem::Problem;
use crate::served::Served;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use vecinity::index::Tuned;
use vecinity::model_dir::{IndexOf, Manifest};
use vecinity::recommend::{MetricsFile, Recipe};

#[derive(Serialize)]
struct Models {
    models: Vec<Short>,
    /// Models in training, whose curves are at `/v1/models/{m}/events`.
    training: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Short {
    pub(super) name: String,
    version: String,
    items: usize,
    dim: usize,
    created: String,
    /// How it is asked for recommendations.
    recipe: String,
    /// Whether the recipe was chosen by validation; a model of text has a usual one.
    measured: bool,
    /// Whether it has an output matrix.
    output: bool,
    /// Whether a network makes user vectors.
    network: bool,
    /// Whether items have titles or fields, and which.
    fields: Vec<String>,
    added: usize,
    removed: usize,
}

impl Short {
    pub(super) fn new(served: &Served) -> Self {
        let Served { model, .. } = served;
        Self {
            name: served.name.clone(),
            version: served.version(),
            items: model.embeddings.len(),
            dim: model.embeddings.dim(),
            created: model.manifest.created.clone(),
            recipe: served.recommender.recipe().to_string(),
            measured: model.recipe.is_some(),
            output: model.embeddings.output().is_some(),
            network: model.tower.is_some(),
            fields: model.embeddings.metadata().map(|metadata| metadata.columns().to_vec()).unwrap_or_default(),
            added: served.overlay.added(),
            removed: served.overlay.removed(),
        }
    }
}

#[derive(Serialize)]
struct Long<'a> {
    #[serde(flatten)]
    short: Short,
    manifest: &'a Manifest,
    /// The recipe as it is stored.
    asked: &'a Recipe,
    metrics: Option<&'a MetricsFile>,
    /// What answers in place of a look at every item.
    indexes: Vec<Indexed>,
}

/// An index of the model.
#[derive(Serialize)]
struct Indexed {
    of: IndexOf,
    vectors: usize,
    tuned: Tuned,
}

/// The models.
#[utoipa::path(get, path = "/v1/models", responses((status = 200, description = "the models", body = serde_json::Value)))]
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Written, Problem> {
    let models = app.models.load();
    let training = app.watched.keys().filter(|name| !models.contains_key(*name)).cloned().collect();
    write(&Models { models: models.values().map(|served| Short::new(served)).collect(), training }).map(Written)
}

/// A model: manifest, figures, recipe.
#[utoipa::path(get, path = "/v1/models/{m}", params(("m" = String, Path, description = "the model")),
    responses((status = 200, description = "the model", body = serde_json::Value), (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn one(State(app): State<Arc<App>>, Path(model): Path<String>) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    let model = &served.model;
    let mut indexes = Vec::new();
    for of in IndexOf::ALL {
        if let Some(index) = model.index(of)? {
            indexes.push(Indexed { of, vectors: index.segment().len(), tuned: index.tuned() });
        }
    }
    write(&Long {
        short: Short::new(&served),
        manifest: &model.manifest,
        asked: served.recommender.recipe(),
        metrics: model.metrics.as_ref(),
        indexes,
    })
    .map(Written)
}

/// The report about a model: `report.html`.
#[utoipa::path(get, path = "/v1/models/{m}/report", params(("m" = String, Path, description = "the model")),
    responses((status = 200, description = "a page", body = String, content_type = "text/html"),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn report(State(app): State<Arc<App>>, Path(model): Path<String>) -> Result<Response, Problem> {
    let served = app.model(&model)?;
    let page = app.work(move || Ok(served.trained.report()?)).await?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)).into_response())
}
