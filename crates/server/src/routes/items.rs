//! Which items are there? Autocompletion of ids and titles, typos included.

use super::{Listed, Written, answer, check_limit, ten};
use crate::app::App;
use crate::problem::Problem;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use vecinity::TokenId;

/// Which items?
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Find {
    /// Letters of an id or title; what begins with them comes first.
    prefix: Option<String>,
    /// One id, exactly.
    id: Option<String>,
    /// Results, at most.
    #[serde(default = "ten")]
    #[param(default = 10, minimum = 1)]
    limit: usize,
}

#[derive(Serialize)]
struct Found<'a> {
    /// Items of the model.
    total: usize,
    /// Whether nothing holds these letters, and these are spelt alike.
    alike: bool,
    results: Vec<Listed<'a>>,
}

/// Items by the beginning of their id or title, by id, or the most frequent ones.
#[utoipa::path(get, path = "/v1/models/{m}/items", params(("m" = String, Path, description = "the model"), Find),
    responses((status = 200, description = "items", body = serde_json::Value), (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    find: Result<Query<Find>, axum::extract::rejection::QueryRejection>,
) -> Result<Written, Problem> {
    let Query(find) = find.map_err(|error| Problem::malformed(error.body_text()))?;
    let served = app.model(&model)?;
    let limit = check_limit(find.limit, app.settings.limits.results)?;
    app.work(move || {
        let started = Instant::now();
        let shown = |id: TokenId| served.shows(id);
        let mut alike = false;
        let found: Vec<TokenId> = match (&find.id, find.prefix.as_deref().map(str::trim)) {
            (Some(id), None) => vec![served.embeddings().vocab().require(id)?],
            (Some(_), Some(_)) => return Err(Problem::invalid("prefix and id, expected one of them")),
            (None, Some(typed)) if !typed.is_empty() => {
                let typed = typed.get(..200).unwrap_or(typed);
                let found = served.complete().find(typed, limit, &shown);
                alike = found.is_empty();
                if alike { served.complete().alike(typed, limit, &shown) } else { found }
            }
            _ => (0..served.embeddings().len() as u32).map(TokenId).filter(|&id| shown(id)).take(limit).collect(),
        };
        let results = found.iter().map(|&id| Listed::new(&served, id, None)).collect();
        answer(&served, started, Found { total: served.embeddings().len(), alike, results })
    })
    .await
    .map(Written)
}
