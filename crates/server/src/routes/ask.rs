//! Neighbours, arithmetic, vectors, similarity, and why two items are near.

use super::{Listed, Written, answer, check_limit, check_many, look_up, ten, with_allowed};
use crate::app::App;
use crate::body::Json;
use crate::problem::Problem;
use crate::served::Served;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use vecinity::TokenId;
use vecinity::ask::expression::parse;
use vecinity::ask::{Method, Term, Want};
use vecinity::embeddings::Which;
use vecinity::index::{Hit, Metric};
use vecinity::recommend::Filter;

/// What is near an item, or a vector?
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Neighbors {
    /// Id or title of the item.
    id: Option<String>,
    /// A vector instead of an item, as `vectors` has them.
    vector: Option<Vec<f32>>,
    /// Results, at most.
    #[serde(default = "ten")]
    #[schema(default = 10, minimum = 1)]
    limit: usize,
    /// input, output, sum, concat, or in-out: from the input to the output matrix, as in training.
    #[serde(default)]
    #[schema(value_type = String, default = "input")]
    vectors: Which,
    /// cosine, dot or euclidean, which is a distance: smaller is nearer.
    #[serde(default)]
    #[schema(value_type = String, default = "cosine")]
    metric: Metric,
    /// Conditions on results, in Qdrant's form.
    #[schema(value_type = Option<Object>)]
    filter: Option<Filter>,
    /// Ids that are never results.
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Serialize)]
struct Found<'a> {
    /// The item asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<Listed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms: Option<Vec<Part<'a>>>,
    vectors: &'static str,
    metric: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    results: Vec<Listed<'a>>,
}

/// A term of a question, as it was understood.
#[derive(Serialize)]
struct Part<'a> {
    weight: f32,
    #[serde(flatten)]
    item: Listed<'a>,
}

/// The items nearest to an item or a vector.
#[utoipa::path(post, path = "/v1/models/{m}/neighbors", params(("m" = String, Path, description = "the model")),
    request_body = Neighbors, responses((status = 200, description = "the nearest first", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn neighbors(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Neighbors>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    let limit = check_limit(ask.limit, app.settings.limits.results)?;
    check_many("excluded ids", ask.exclude.len(), app.settings.limits.items)?;
    app.work(move || {
        let started = Instant::now();
        let asker = served.asker(ask.vectors, ask.metric)?;
        with_allowed(&served, ask.filter.as_ref(), &ask.exclude, |allowed| {
            let want = Want::best(limit).only(allowed);
            let (query, hits) = match (&ask.id, &ask.vector) {
                (Some(id), None) => {
                    let id = served.item(id)?;
                    (Some(Listed::new(&served, id, None)), asker.neighbors(id, want))
                }
                (None, Some(vector)) => (None, asker.neighbors_of_vector(vector, want)?),
                (both, _) => {
                    let found = if both.is_some() { "id and vector" } else { "neither id nor vector" };
                    return Err(Problem::invalid(format!("{found}, expected one of them"))
                        .advised(r#"for example {"id": "1214", "limit": 10}"#));
                }
            };
            let (vectors, metric) = (ask.vectors.name(), ask.metric.name());
            let results = listed(&served, &hits);
            answer(&served, started, Found { query, terms: None, vectors, metric, method: None, results })
        })
    })
    .await
    .map(Written)
}

fn listed<'a>(served: &'a Served, hits: &[Hit]) -> Vec<Listed<'a>> {
    hits.iter().map(|hit| Listed::new(served, hit.id, Some(hit.score))).collect()
}

/// A sum of vectors: `madrid - spain + france`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// The sum as text; weights are written `2*paris`, items with spaces in quotes.
    expression: Option<String>,
    /// Items to go towards, instead of an expression.
    #[serde(default)]
    positive: Vec<String>,
    /// Items to go away from.
    #[serde(default)]
    negative: Vec<String>,
    /// 3cosadd, or 3cosmul, in which no term outweighs the others.
    #[serde(default)]
    #[schema(value_type = String, default = "3cosadd")]
    method: Method,
    /// Whether the items of the question may be results.
    #[serde(default)]
    include_asked: bool,
    /// Results, at most.
    #[serde(default = "ten")]
    #[schema(default = 10, minimum = 1)]
    limit: usize,
    /// As for neighbors.
    #[serde(default)]
    #[schema(value_type = String, default = "input")]
    vectors: Which,
    /// As for neighbors.
    #[serde(default)]
    #[schema(value_type = String, default = "cosine")]
    metric: Metric,
    /// Conditions on results, in Qdrant's form.
    #[schema(value_type = Option<Object>)]
    filter: Option<Filter>,
    /// Ids that are never results.
    #[serde(default)]
    exclude: Vec<String>,
}

/// The items nearest to a sum of vectors.
#[utoipa::path(post, path = "/v1/models/{m}/query", params(("m" = String, Path, description = "the model")),
    request_body = Query, responses((status = 200, description = "the nearest first", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Query>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    let most = app.settings.limits.items;
    let limit = check_limit(ask.limit, app.settings.limits.results)?;
    check_many("terms", ask.positive.len() + ask.negative.len(), most.min(1000))?;
    check_many("excluded ids", ask.exclude.len(), most)?;
    check_many("bytes of expression", ask.expression.as_ref().map_or(0, String::len), 10_000)?;
    app.work(move || {
        let started = Instant::now();
        let terms = terms(&served, &ask)?;
        let asker = served.asker(ask.vectors, ask.metric)?;
        with_allowed(&served, ask.filter.as_ref(), &ask.exclude, |allowed| {
            let want = Want::best(limit).only(allowed);
            let want = if ask.include_asked { want.including_asked() } else { want };
            let hits = asker.combine(&terms, ask.method, want)?;
            let part =
                |term: &Term<TokenId>| Part { weight: term.weight, item: Listed::new(&served, term.token, None) };
            let found = Found {
                query: None,
                terms: Some(terms.iter().map(part).collect()),
                vectors: ask.vectors.name(),
                metric: ask.metric.name(),
                method: Some(ask.method.name()),
                results: listed(&served, &hits),
            };
            answer(&served, started, found)
        })
    })
    .await
    .map(Written)
}

fn terms(served: &Served, ask: &Query) -> Result<Vec<Term<TokenId>>, Problem> {
    let lists = !(ask.positive.is_empty() && ask.negative.is_empty());
    let texts = match &ask.expression {
        Some(_) if lists => {
            return Err(Problem::invalid("an expression and lists of items, expected one of them"));
        }
        Some(expression) => {
            let resolver = served.resolver();
            parse(expression, &|text| resolver.knows(text))?
        }
        None => {
            let term = |weight: f32| move |token: &String| Term { weight, token: token.clone() };
            ask.positive.iter().map(term(1.0)).chain(ask.negative.iter().map(term(-1.0))).collect()
        }
    };
    texts.into_iter().map(|term| Ok(Term { weight: term.weight, token: served.item(&term.token)? })).collect()
}

/// Vectors of items.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vectors {
    /// Ids or titles.
    ids: Vec<String>,
    /// As for neighbors; of in-out, those of the input matrix.
    #[serde(default)]
    #[schema(value_type = String, default = "input")]
    vectors: Which,
}

#[derive(Serialize)]
struct VectorsFound<'a> {
    vectors: &'static str,
    results: Vec<VectorOf<'a>>,
    unknown: Vec<&'a str>,
}

#[derive(Serialize)]
struct VectorOf<'a> {
    id: &'a str,
    vector: &'a [f32],
}

/// The vectors of items.
#[utoipa::path(post, path = "/v1/models/{m}/vectors", params(("m" = String, Path, description = "the model")),
    request_body = Vectors, responses((status = 200, description = "in the order asked", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn vectors(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Vectors>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    check_many("ids", ask.ids.len(), app.settings.limits.items)?;
    app.work(move || {
        let started = Instant::now();
        let asker = served.asker(ask.vectors, Metric::Dot)?;
        let (known, unknown) = look_up(&served, ask.ids.iter().map(String::as_str));
        let vocab = served.embeddings().vocab();
        let results = known.iter().map(|&id| VectorOf { id: vocab.token(id), vector: asker.vector(id) }).collect();
        answer(&served, started, VectorsFound { vectors: ask.vectors.name(), results, unknown })
    })
    .await
    .map(Written)
}

/// How near are items?
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Similarity {
    /// Pairs of ids or titles.
    pairs: Vec<[String; 2]>,
    /// As for neighbors.
    #[serde(default)]
    #[schema(value_type = String, default = "input")]
    vectors: Which,
    /// As for neighbors.
    #[serde(default)]
    #[schema(value_type = String, default = "cosine")]
    metric: Metric,
}

#[derive(Serialize)]
struct Scores<'a> {
    vectors: &'static str,
    metric: &'static str,
    results: Vec<Score<'a>>,
}

#[derive(Serialize)]
struct Score<'a> {
    a: &'a str,
    b: &'a str,
    score: f32,
}

/// The scores of pairs of items.
#[utoipa::path(post, path = "/v1/models/{m}/similarity", params(("m" = String, Path, description = "the model")),
    request_body = Similarity, responses((status = 200, description = "in the order asked", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn similarity(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Similarity>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    check_many("pairs", ask.pairs.len(), app.settings.limits.items)?;
    app.work(move || {
        let started = Instant::now();
        let asker = served.asker(ask.vectors, ask.metric)?;
        let vocab = served.embeddings().vocab();
        let results: Result<Vec<_>, Problem> = (ask.pairs.iter())
            .map(|[a, b]| {
                let (a, b) = (served.item(a)?, served.item(b)?);
                Ok(Score { a: vocab.token(a), b: vocab.token(b), score: asker.similarity(a, b) })
            })
            .collect();
        answer(&served, started, Scores { vectors: ask.vectors.name(), metric: ask.metric.name(), results: results? })
    })
    .await
    .map(Written)
}

/// Why are two items near?
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    /// Id or title of one.
    a: String,
    /// Id or title of the other.
    b: String,
    /// Reasons, at most.
    #[serde(default = "ten")]
    #[schema(default = 10, minimum = 1)]
    limit: usize,
}

#[derive(Serialize)]
struct Reasons<'a> {
    a: Listed<'a>,
    b: Listed<'a>,
    results: Vec<Context<'a>>,
}

/// A context that both predict; lifts are differences of chances.
#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    item: Listed<'a>,
    first: f32,
    second: f32,
}

/// The contexts that two items share, read from both matrices.
#[utoipa::path(post, path = "/v1/models/{m}/why", params(("m" = String, Path, description = "the model")),
    request_body = Why, responses((status = 200, description = "the strongest first", body = serde_json::Value),
    (status = "4XX", description = "what was wrong", body = Problem)))]
pub(crate) async fn why(
    State(app): State<Arc<App>>,
    Path(model): Path<String>,
    Json(ask): Json<Why>,
) -> Result<Written, Problem> {
    let served = app.model(&model)?;
    let limit = check_limit(ask.limit, app.settings.limits.results)?;
    app.work(move || {
        let started = Instant::now();
        let (a, b) = (served.item(&ask.a)?, served.item(&ask.b)?);
        let asker = served.asker(Which::Input, Metric::Cosine)?;
        let shown = |id| served.shows(id);
        let reasons = asker.why(a, b, Want::best(limit).only(&shown))?;
        let context = |reason: &vecinity::ask::Reason| Context {
            item: Listed::new(&served, reason.id, Some(reason.score)),
            first: reason.first,
            second: reason.second,
        };
        let (a, b) = (Listed::new(&served, a, None), Listed::new(&served, b, None));
        answer(&served, started, Reasons { a, b, results: reasons.iter().map(context).collect() })
    })
    .await
    .map(Written)
}
