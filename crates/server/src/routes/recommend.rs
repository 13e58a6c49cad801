//! Recommendations after a history, and the vector of a user.

use super::history::{Entry, History};
use super::{Written, answer, check_limit, check_many, ten, with_allowed};
use crate::app::App;
use crate::body::Json;
use crate::problem::Problem;
use crate::served::Served;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use vecinity::TokenId;
use vecinity::ask::Want;
use vecinity::models::User;
use vecinity::models::youtube::Context;
use vecinity::recommend::{Answer as Item, Filter, Style};

/// What comes after a history?
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recommend {
    /// Ids or titles, oldest first; or objects with an `id`, a `weight` and a time (`at`), which then is their order.
    #[serde(default)]
    #[schema(value_type = Vec<Entry>)]
    history: History,
    /// What else is known of the user, for networks that read it: columns with their values.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Known,
    /// Results, at most.
    #[serde(default = "ten")]
    #[schema(default = 10, minimum = 1)]
    limit: usize,
    /// Conditions on results, in Qdrant's form.
    #[schema(value_type = Option<Object>)]
    filter: Option<Filter>,
    /// Ids that are never results.
    #[serde(default)]
    exclude: Vec<String>,
    /// Whether items of the history may be results.
    #[serde(default)]
    include_history: bool,
    /// Whether each result says which items of the history speak for it.
    #[serde(default)]
    explain: bool,
    /// 0 is by score alone; towards 1, items like those already listed are put back.
    #[serde(default)]
    #[schema(default = 0.0, minimum = 0.0, maximum = 1.0)]
    diversity: f32,
    /// What to do with a history of which nothing is known: `popular` lists what is popular, `none` nothing.
    #[serde(default)]
    fallback: Fallback,
    /// Given back as it is, to tell answers of a batch apart.
    user: Option<String>,
}

/// Columns with their values.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Known(BTreeMap<String, Value>);

/// What a column may hold.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(f64),
    Truth(bool),
}

impl Known {
    fn context(&self, served: &Served) -> Result<Option<Context>, Problem> {
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Truth(truth) => truth.to_string(),
        };
        let known: Vec<(&str, String)> = self.0.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        let known: Vec<(&str, &str)> = known.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(served.model.context(&known)?)
    }
}

/// What is listed after a history of which nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fallback {
    #[default]
    Popular,
    None,
}

#[derive(Serialize)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    results: Vec<Counted<'a>>,
    /// What of the history the model does not know.
    unknown: Vec<&'a str>,
    /// `popular` if the history said nothing.
    fallback: Option<Fallback>,
    /// How the model was asked.
    recipe: String,
    /// Whether shares are parts of the score; of a network they are what it says without an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons_exact: Option<bool>,
    /// Why there are no results.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// A recommendation, and how popular the item is.
#[derive(Serialize)]
struct Counted<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    count: u64,
}

impl Recommend {
    /// Refuses what no server should compute.
    pub(super) fn check(&self, app: &App) -> Result<(), Problem> {
        let limits = &app.settings.limits;
        check_limit(self.limit, limits.results)?;
        check_many("items of a history", self.history.len(), limits.items)?;
        check_many("excluded ids", self.exclude.len(), limits.items)
    }

    /// The answer as JSON.
    pub(super) fn answer(&self, served: &Served) -> Result<Vec<u8>, Problem> {
        let started = Instant::now();
        let style = Style { diversity: self.diversity, explain: self.explain }.check()?;
        let super::history::Known { items: history, weights, unknown } = self.history.known(served)?;
        let context = self.context.context(served)?;
        let known = context.as_ref().map(Context::known);
        let user = User { history: &history, known, weights: weights.as_deref() };
        let fallback = history.is_empty().then_some(self.fallback);
        let embeddings = served.embeddings();
        let found = with_allowed(served, self.filter.as_ref(), &self.exclude, |allowed| {
            let want = Want::best(self.limit).only(allowed);
            let want = if self.include_history { want.including_asked() } else { want };
            let nothing = fallback == Some(Fallback::None);
            Ok(if nothing { Vec::new() } else { served.recommender.recommend(&user, want, style) })
        })?;
        let cause = if found.is_empty() && fallback != Some(Fallback::None) { self.cause(served)? } else { None };
        let count = |id: TokenId| embeddings.vocab().count(id);
        let counted = found
            .iter()
            .map(|found| Counted { item: Item::new(embeddings, found, self.explain), count: count(found.item) });
        let body = Found {
            user: self.user.as_deref(),
            results: counted.collect(),
            unknown,
            fallback,
            recipe: served.recommender.recipe().to_string(),
            reasons_exact: self.explain.then(|| served.recommender.reasons_are_exact()),
            cause,
        };
        answer(served, started, body)
    }

    /// Why nothing is listed.
    fn cause(&self, served: &Served) -> Result<Option<String>, Problem> {
        let none = Filter::default();
        let bound = self.filter.as_ref().unwrap_or(&none).bind(served.embeddings())?;
        Ok(Some(bound.why_none().unwrap_or_else(|| "whatever passes the filter is in the history or excluded".into())))
    }
}

/// What to recommend after a history.
#[utoipa::path(post, path = "/v1/models/{m}/recommend", params(("m" = String, Path, description = "the model")),
    request_body = Recommend, responses((status = 200, description = "the best first", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn recommend(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Recommend>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    ask.check(&app)?;
    app.work(move || ask.answer(&served)).await.map(Written)
}

/// The vector of a user.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Embed {
    /// As of a recommendation.
    #[schema(value_type = Vec<Entry>)]
    history: History,
    /// What else is known of the user, for networks that read it: columns with their values.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Known,
}

#[derive(Serialize)]
struct Embedded<'a> {
    /// Its dot products with the vectors that are recommended are the scores of the vectors.
    vector: Vec<f32>,
    unknown: Vec<&'a str>,
    recipe: String,
}

/// The vector of a user, as the recipe of the model (or its network) makes it from a history.
#[utoipa::path(post, path = "/v1/models/{m}/embed", params(("m" = String, Path, description = "the model")),
    request_body = Embed, responses((status = 200, description = "the vector", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn embed(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Embed>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    check_many("items of a history", ask.history.len(), app.settings.limits.items)?;
    app.work(move || {
        let started = Instant::now();
        let super::history::Known { items: history, weights, unknown } = ask.history.known(&served)?;
        if history.is_empty() {
            let problem = Problem::invalid("nothing of the history is known, so that there is no vector of it");
            return Err(problem.advised("give items of the model"));
        }
        let context = ask.context.context(&served)?;
        let known = context.as_ref().map(Context::known);
        let user = User { history: &history, known, weights: weights.as_deref() };
        let vector = served.recommender.user_vector(&user);
        let recipe = served.recommender.recipe().to_string();
        answer(&served, started, Embedded { vector, unknown, recipe })
    })
    .await
    .map(Written)
}
