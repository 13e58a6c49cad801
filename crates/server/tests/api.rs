//! Every route, asked well and badly, without a socket.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt;
use vecinity::index::Metric;
use vecinity::metadata::Metadata;
use vecinity::model_dir::{IndexOf, Model, NewModel};
use vecinity::models::User;
use vecinity::recommend::Style;
use vecinity::{Embeddings, Matrix, Vocab, ask::Want};
use vecinity_server::{App, Limits, Settings, router};

const XSS: &str = "<img src=x onerror=alert(1)>";
const ADMIN: &str = "admin-token-1";

/// Forty items in two groups of directions; item `a/b` has a title that is markup.
fn save(path: &Path, shift: f32) {
    let names = (0..40).map(|at| if at == 3 { "a/b".to_owned() } else { format!("i{at}") });
    let vocab = Vocab::from_counts(names.clone().zip((1..=40).rev().map(|count| 10 * count))).unwrap();
    let row = |at: usize| {
        let turn = at as f32 * 0.03 + shift;
        if at.is_multiple_of(2) { [turn.cos(), turn.sin(), 0.1, 0.0] } else { [0.0, 0.1, turn.cos(), turn.sin()] }
    };
    let matrix = |times: f32| Matrix::new(40, 4, (0..40).flat_map(|at| row(at).map(|v| v * times)).collect());
    let mut titles = "id,title,genre,year\n".to_owned();
    for (at, name) in names.enumerate() {
        let title = if at == 3 { XSS.to_owned() } else { format!("Film number {at} (19{:02})", at + 10) };
        titles.push_str(&format!(
            "{name},{title},{},{}\n",
            if at.is_multiple_of(2) { "Even" } else { "Odd" },
            1910 + at
        ));
    }
    let metadata = Metadata::read(titles.as_bytes(), "t.csv".as_ref()).unwrap();
    let embeddings = Embeddings::new(vocab, matrix(1.0), Some(matrix(2.0))).unwrap().with_metadata(Some(metadata));
    NewModel::imported(&embeddings, "test").save(path).unwrap();
}

struct Server {
    folder: tempfile::TempDir,
    router: Router,
}

fn server(change: impl FnOnce(&mut Settings)) -> Server {
    let folder = tempfile::tempdir().unwrap();
    save(&folder.path().join("shop"), 0.0);
    save(&folder.path().join("shop2"), 0.3);
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
    settings.models = vec![folder.path().join("shop")];
    settings.admin_token = Some(ADMIN.into());
    settings.root = Some(folder.path().to_owned());
    change(&mut settings);
    Server { router: router(Arc::new(App::new(settings).unwrap())), folder }
}

impl Server {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&str>, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() && headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let response = self.send(request.body(body).unwrap()).await;
        let status = response.status();
        let problem = response.headers()["content-type"] == "application/problem+json";
        assert_eq!(problem, status.is_client_error() || status.is_server_error(), "{method} {path}: {status}");
        for header in ["content-security-policy", "x-content-type-options", "x-request-id", "referrer-policy"] {
            assert!(response.headers().contains_key(header), "{path} has no {header}");
        }
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", &format!("/v1/models/shop/{path}"), Some(&body.to_string()), &[]).await;
        assert_eq!(status, 200, "{path} {body}: {answer}");
        assert_eq!(answer["model"], "shop");
        assert!(answer["took_ms"].is_number() && answer["version"].is_string());
        answer
    }

    async fn refused(&self, path: &str, body: &str, status: u16, says: &str) -> Value {
        let (found, answer) = self.ask("POST", &format!("/v1/models/shop/{path}"), Some(body), &[]).await;
        assert_eq!(found, status, "{path} {body}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains(says), "{path} {body}: {answer}");
        assert_eq!(answer["status"], status);
        answer
    }

    async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let token = format!("Bearer {ADMIN}");
        let body = body.map(|body| body.to_string());
        self.ask(method, &format!("/v1/models/{path}"), body.as_deref(), &[("authorization", &token)]).await
    }
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn neighbours_are_those_of_the_library() {
    let server = server(|_| {});
    let model = Model::open(&server.folder.path().join("shop")).unwrap();
    let asker = vecinity::ask::Asker::new(&model.embeddings, Default::default(), Default::default()).unwrap();
    let expected = asker.neighbors(model.embeddings.vocab().get("i0").unwrap(), Want::best(7));
    let answer = server.post("neighbors", json!({"id": "i0", "limit": 7})).await;
    let expected: Vec<_> = asker.answers(&expected).iter().map(|a| (a.id, f64::from(a.score))).collect();
    let found: Vec<_> = answer["results"].as_array().unwrap().iter().collect();
    assert_eq!(found.len(), 7);
    for (found, (id, score)) in found.iter().zip(expected) {
        assert_eq!(found["id"], id);
        assert!((found["score"].as_f64().unwrap() - score).abs() < 1e-6);
    }
    assert_eq!(answer["query"]["title"], "Film number 0 (1910)");
    // By title, by vector, with a filter, an exclusion, another metric.
    let by_title = server.post("neighbors", json!({"id": "film number 0", "limit": 7})).await;
    assert_eq!(ids(&by_title), ids(&answer));
    let by_vector =
        server.post("neighbors", json!({"vector": [1.0, 0.0, 0.1, 0.0], "metric": "dot", "limit": 1})).await;
    assert_eq!(ids(&by_vector), ["i0"]);
    let must = json!({"must": [{"key": "genre", "match": {"value": "Odd"}}]});
    let odd = server.post("neighbors", json!({"id": "i0", "limit": 5, "filter": must, "exclude": ["i1", "zzz"]})).await;
    assert!(
        ids(&odd).iter().all(|id| *id != "i1" && (id[1..].parse::<u32>().is_ok_and(|n| n % 2 == 1) || *id == "a/b"))
    );
    assert_eq!(ids(&odd).len(), 5);
}

#[tokio::test]
async fn bad_questions_are_refused_with_what_may_have_been_meant() {
    let server = server(|settings| settings.limits = Limits { items: 50, body: 10_000, ..Limits::default() });
    let problem = server.refused("neighbors", r#"{"id": "i00"}"#, 404, "'i00' is not in this model").await;
    assert!(problem["suggestions"].as_array().unwrap().contains(&json!("i0")), "{problem}");
    let problem = server.refused("recommend", r#"{"histroy": ["i1"]}"#, 422, "unknown field `histroy`").await;
    assert_eq!(problem["suggestions"], json!(["history"]));
    server.refused("neighbors", "{}", 422, "neither id nor vector").await;
    server.refused("neighbors", r#"{"id": "i0", "vector": [1]}"#, 422, "id and vector").await;
    server.refused("neighbors", r#"{"vector": [1]}"#, 422, "1 values long, expected 4 values").await;
    server.refused("neighbors", r#"{"vector": [1e39, 0, 0, 0]}"#, 400, "number out of range").await;
    server.refused("neighbors", r#"{"vector": [NaN, 0, 0, 0]}"#, 400, "no JSON").await;
    server.refused("neighbors", r#"{"vector": [1e400, 0, 0, 0]}"#, 400, "number out of range").await;
    server.refused("neighbors", r#"{"id": "i0", "limit": 0}"#, 422, "limit is 0, expected 1 to 1000").await;
    server.refused("neighbors", r#"{"id": "i0", "limit": 9223372036854775808}"#, 422, "expected 1 to 1000").await;
    server.refused("neighbors", r#"{"id": "i0", "limit": -1}"#, 422, "invalid value").await;
    server.refused("neighbors", r#"{"id": "i0", "id": "i1"}"#, 422, "duplicate field").await;
    server.refused("neighbors", r#"{"id": "i0", "metric": "cosin"}"#, 422, "unknown variant `cosin`").await;
    server
        .refused("neighbors", r#"{"id": "i0", "filter": {"most": []}}"#, 422, "expected must, should or must_not")
        .await;
    server
        .refused(
            "neighbors",
            r#"{"id": "i0", "filter": {"must": {"key": "gerne", "match": {"value": 1}}}}"#,
            422,
            "gerne",
        )
        .await;
    server.refused("neighbors", "", 400, "no JSON").await;
    server.refused("neighbors", "\u{1}", 400, "no JSON object").await;
    server.refused("recommend", "[[\"i1\"], 5]", 400, "no JSON object").await;
    server.refused("recommend", &format!("{{\"filter\":{}", "[".repeat(5000)), 400, "recursion limit").await;
    server.refused("recommend", &json!({"history": vec!["i1"; 51]}).to_string(), 422, "51 items of a history").await;
    server.refused("recommend", &"x".repeat(10_001), 413, "more than 10000 bytes").await;
    server.refused("recommend", r#"{"history": ["i1"], "diversity": 2}"#, 422, "diversity is 2").await;
    server.refused("recommend", r#"{"history": [1]}"#, 422, "expected a string").await;
    server.refused("query", r#"{"expression": "i0 +"}"#, 422, "cannot read the expression").await;
    server.refused("query", r#"{"expression": "i0", "positive": ["i1"]}"#, 422, "expected one of them").await;
    server.refused("query", "{}", 422, "no terms").await;
    server.refused("query", r#"{"positive": ["i0"], "negative": ["i0"]}"#, 422, "cancel out").await;
    server
        .refused("query", r#"{"positive": ["i0"], "method": "3cosmul", "metric": "dot"}"#, 422, "expected cosine")
        .await;
    server.refused("similarity", r#"{"pairs": [["i0"]]}"#, 422, "invalid length").await;
    server.refused("why", r#"{"a": "i0"}"#, 422, "missing field `b`").await;
    server.refused("embed", r#"{"history": ["zzz"]}"#, 422, "nothing of the history is known").await;

    let (status, _) =
        server.ask("POST", "/v1/models/shop/neighbors", Some("{}"), &[("content-type", "text/plain")]).await;
    assert_eq!(status, 415, "what a foreign page can make a browser send is refused");
    let (status, problem) = server.ask("POST", "/v1/models/shpo/neighbors", Some(r#"{"id": "i0"}"#), &[]).await;
    assert_eq!((status.as_u16(), &problem["suggestions"]), (404, &json!(["shop"])));
    assert_eq!(server.ask("GET", "/v1/models/shop/neighbors", None, &[]).await.0, 405);
    assert_eq!(server.ask("GET", "/nothing", None, &[]).await.0, 404);
    assert_eq!(server.ask("GET", "/assets/../Cargo.toml", None, &[]).await.0, 404);
    for query in ["points=1", "points=99999999999", "method=tsne", "point=3"] {
        let (status, _) = server.ask("GET", &format!("/v1/models/shop/map?{query}"), None, &[]).await;
        assert!(status == 400 || status == 422, "{query}: {status}");
    }
    for query in ["limit=0", "limit=x", "prefx=a", "id=a&prefix=b", "id=%FF"] {
        let (status, _) = server.ask("GET", &format!("/v1/models/shop/items?{query}"), None, &[]).await;
        assert!(status.is_client_error(), "{query}: {status}");
    }
}

#[tokio::test]
async fn recommendations_are_those_of_the_library_with_reasons() {
    let server = server(|_| {});
    let model = Model::open(&server.folder.path().join("shop")).unwrap();
    let style = Style { diversity: 0.0, explain: true };
    let expected = model.recommender().unwrap().recommend(&[4, 7], Want::best(5), style);
    let answer =
        server.post("recommend", json!({"history": ["i4", "zzz", "i7", "i4"], "limit": 5, "explain": true})).await;
    assert_eq!(answer["unknown"], json!(["zzz"]));
    assert_eq!(answer["fallback"], Value::Null);
    for (found, expected) in answer["results"].as_array().unwrap().iter().zip(&expected) {
        assert_eq!(found["id"], model.embeddings.vocab().token(expected.item));
        assert!((found["score"].as_f64().unwrap() - f64::from(expected.score)).abs() < 1e-6);
        let shares: f64 = found["reasons"].as_array().unwrap().iter().map(|r| r["share"].as_f64().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-3);
    }
    assert_eq!(expected.len(), 5);
    assert!(!ids(&answer).contains(&"i4"), "items of the history are left out");
    let answer = server.post("recommend", json!({"history": ["i4"], "include_history": true, "limit": 1})).await;
    assert_eq!(ids(&answer), ["i4"]);
    // Entries may say when they were, which is their order, and how much they count, which networks refuse.
    let told = json!([{"id": "i7", "at": "2026-11-20T10:00:00Z"}, {"id": "i4", "at": 1_700_000_000}]);
    let answer = server.post("recommend", json!({"history": told, "limit": 5, "explain": true})).await;
    let plain = server.post("recommend", json!({"history": ["i4", "i7"], "limit": 5, "explain": true})).await;
    assert_eq!(answer["results"], plain["results"]);
    let told = json!([{"id": "i4", "weight": 3}, "zzz", "i7"]);
    let answer = server.post("recommend", json!({"history": told, "limit": 5, "explain": true})).await;
    let user = User { history: &[4, 7], known: None, weights: Some(&[3.0, 1.0]) };
    let expected = model.recommender().unwrap().recommend(&user, Want::best(5), style);
    for (found, expected) in answer["results"].as_array().unwrap().iter().zip(&expected) {
        assert_eq!(found["id"], model.embeddings.vocab().token(expected.item));
        assert!((found["score"].as_f64().unwrap() - f64::from(expected.score)).abs() < 1e-6);
    }
    assert_ne!(answer["results"], plain["results"]);
    assert_eq!(answer["unknown"], json!(["zzz"]));
    for (history, what) in [
        (r#"[{"id": "i4", "weight": 0}]"#, "the weight of 'i4' is 0"),
        (r#"[{"id": "i4", "at": "yesterday"}]"#, "'yesterday' is no time"),
        (r#"[{"id": "i4", "at": 5}, "i7"]"#, "1 of the 2 items of the history have a time"),
        (r#"[{"id": "i4", "when": 5}]"#, "unknown field `when`"),
    ] {
        server.refused("recommend", &format!(r#"{{"history": {history}}}"#), 422, what).await;
    }
    // Nothing known: what is popular, or nothing.
    let answer = server.post("recommend", json!({"history": ["zzz"], "limit": 2})).await;
    assert_eq!((ids(&answer), &answer["fallback"]), (vec!["i0", "i1"], &json!("popular")));
    let answer = server.post("recommend", json!({"history": ["zzz"], "fallback": "none"})).await;
    assert_eq!((ids(&answer).len(), &answer["fallback"]), (0, &json!("none")));
    // Nothing passes: it says why.
    let filter = json!({"must": [{"key": "year", "range": {"gt": 3000}}]});
    let answer = server.post("recommend", json!({"history": ["i4"], "filter": filter})).await;
    assert!(answer["cause"].as_str().unwrap().contains("year>3000"), "{answer}");
    // The user's vector is what the library makes.
    let answer = server.post("embed", json!({"history": ["i4", "i7"]})).await;
    let vector: Vec<f64> = answer["vector"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let expected = model.recommender().unwrap().user_vector(&[4, 7]);
    assert!(vector.iter().zip(expected).all(|(a, b)| (a - f64::from(b)).abs() < 1e-6));
}

#[tokio::test]
async fn a_batch_answers_line_by_line_and_goes_on_after_a_bad_line() {
    let server = server(|_| {});
    let lines: Vec<String> = (0..200)
        .map(|at| match at {
            7 => "{\"history\": [".to_owned(),
            8 => String::new(),
            _ => json!({"history": [format!("i{}", at % 39)], "limit": 2, "user": format!("u{at}")}).to_string(),
        })
        .collect();
    let request = Request::post("/v1/models/shop/recommend/batch").header("content-type", "application/x-ndjson");
    let response = server.send(request.body(Body::from(lines.join("\n"))).unwrap()).await;
    assert_eq!(response.status(), 200);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    let answers: Vec<Value> =
        text.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    assert_eq!(answers.len(), 199, "a blank line is no question");
    assert_eq!((&answers[7]["line"], &answers[7]["error"]["status"]), (&json!(8), &json!(400)));
    let single = server.post("recommend", json!({"history": ["i20"], "limit": 2})).await;
    let of_20 = answers.iter().find(|answer| answer["user"] == "u20").unwrap();
    assert_eq!(of_20["results"], single["results"]);
    let (status, _) = server.ask("POST", "/v1/models/shop/recommend/batch", Some("{}"), &[]).await;
    assert_eq!(status, 415);
}

#[tokio::test]
async fn the_other_questions_answer() {
    let server = server(|_| {});
    let answer = server.post("query", json!({"positive": ["i0", "i4"], "negative": ["i2"], "limit": 3})).await;
    let written = server.post("query", json!({"expression": "i0 - i2 + i4", "limit": 3})).await;
    assert_eq!(ids(&answer), ids(&written));
    assert_eq!(written["terms"][1]["weight"], -1.0);
    let answer = server.post("similarity", json!({"pairs": [["i0", "i0"], ["i0", "i1"]]})).await;
    assert!((answer["results"][0]["score"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    let answer = server.post("vectors", json!({"ids": ["a/b", "zzz"], "vectors": "concat"})).await;
    assert_eq!(answer["results"][0]["vector"].as_array().unwrap().len(), 8);
    assert_eq!(answer["unknown"], json!(["zzz"]));
    let answer = server.post("why", json!({"a": "i0", "b": "i2"})).await;
    assert!(answer["results"][0]["first"].as_f64().unwrap() > 0.0);

    let get = async |path: &str| server.ask("GET", path, None, &[]).await;
    let (_, answer) = get("/v1/models/shop/items?prefix=film%20number%203&limit=3").await;
    assert_eq!(ids(&answer), ["i30", "i31", "i32"]);
    let (_, answer) = get("/v1/models/shop/items?prefix=filn%20nubmer&limit=2").await;
    assert_eq!((ids(&answer), &answer["alike"]), (vec!["i0", "i1"], &json!(true)));
    let (_, answer) = get("/v1/models/shop/items?id=a/b").await;
    assert_eq!(answer["results"][0]["title"], XSS, "in JSON a title is what it is");
    assert_eq!(get("/v1/models/shop/items?id=zzz").await.0, 404);
    let (_, answer) = get("/v1/models").await;
    assert_eq!(answer["models"][0]["items"], 40);
    let (_, answer) = get("/v1/models/shop").await;
    assert_eq!((&answer["manifest"]["tokens"], &answer["asked"]["metric"]), (&json!(40), &json!("dot")));
    for method in ["pca", "layout"] {
        let map = loop {
            let (status, map) = get(&format!("/v1/models/shop/map?method={method}")).await;
            if status == 200 {
                break map;
            }
            assert_eq!(status, 202);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(map["x"].as_array().unwrap().len(), 40);
        assert_eq!(map["fields"][0]["name"], "genre");
    }
    let response = server.send(Request::get("/v1/models/shop/report").body(Body::empty()).unwrap()).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(!policy.contains("script-src") && policy.contains("default-src 'none'"));
    let page = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(page.contains("<h1>") && !page.contains("<img src=x"), "no title is markup");
    for path in ["/livez", "/healthz", "/readyz", "/", "/docs", "/assets/js/main.js", "/v1/status"] {
        assert_eq!(get(path).await.0, 200, "{path}");
    }
    let response = server.send(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(text.contains("vecinity_model_items{model=\"shop\"} 40"));
    assert!(text.contains("vecinity_request_seconds_count{route=\"/v1/models/{m}/why\",status=\"200\"} 1"), "{text}");
}

#[tokio::test]
async fn an_added_item_is_seen_at_once_and_outlives_the_server() {
    let kept = tempfile::tempdir().unwrap();
    let one = server(|settings| settings.state = Some(kept.path().to_owned()));
    let items =
        json!({"items": [{"id": "new", "like": ["i0", "i2"], "metadata": {"title": "Brand new", "genre": "Even"}}]});
    let (status, answer) = one.admin("POST", "shop/items", Some(items.clone())).await;
    assert_eq!((status.as_u16(), &answer["items"], &answer["kept"]), (200, &json!(41), &json!(true)), "{answer}");
    let near = one.post("neighbors", json!({"id": "new", "limit": 2})).await;
    assert_eq!(near["query"]["title"], "Brand new");
    assert!(ids(&near).iter().all(|id| ["i0", "i2", "i4"].contains(id)), "{near}");
    let listed = one.post("recommend", json!({"history": ["i0", "i2"], "limit": 40})).await;
    assert!(ids(&listed).contains(&"new"));
    assert_eq!(ids(&one.post("recommend", json!({"history": ["new"], "limit": 3})).await).len(), 3);
    let vector = json!({"items": [{"id": "v", "vector": [0.0, 0.1, 1.0, 0.0]}]});
    assert_eq!(one.admin("POST", "shop/items", Some(vector)).await.0, 200);
    assert_eq!(ids(&one.post("neighbors", json!({"id": "v", "limit": 1})).await), ["i1"]);

    // Taken out: never an answer, but a history may name it.
    assert_eq!(one.admin("DELETE", "shop/items?id=i0", None).await.0, 200);
    assert!(!ids(&one.post("neighbors", json!({"id": "new", "limit": 40})).await).contains(&"i0"));
    assert!(!ids(&one.post("recommend", json!({"history": ["i2"], "limit": 40})).await).contains(&"i0"));
    assert_eq!(one.post("recommend", json!({"history": ["i0"]})).await["unknown"], json!([]));
    assert_eq!(one.admin("DELETE", "shop/items?id=i0", None).await.0, 422, "taken out already");
    assert_eq!(one.admin("DELETE", "shop/items?id=zzz", None).await.0, 404);

    let again = server(|settings| settings.state = Some(kept.path().to_owned()));
    assert_eq!(again.post("neighbors", json!({"id": "new", "limit": 1})).await["query"]["title"], "Brand new");
    assert!(!ids(&again.post("neighbors", json!({"id": "i2", "limit": 40})).await).contains(&"i0"));
    assert_eq!(again.admin("POST", "shop/items", Some(json!({"items": [{"id": "i0"}]}))).await.0, 200);
    assert!(ids(&again.post("neighbors", json!({"id": "i2", "limit": 40})).await).contains(&"i0"), "wanted again");

    for (bad, says) in [
        (json!({"items": [{"id": "x"}]}), "neither"),
        (json!({"items": [{"id": "x", "like": ["i1"], "vector": [1, 2, 3, 4]}]}), "both"),
        (json!({"items": [{"id": "x", "like": ["zzz"]}]}), "'zzz' is not in this model"),
        (json!({"items": [{"id": "x", "vector": [1.0]}]}), "1 values long"),
        (json!({"items": [{"id": "i1", "like": ["i2"]}]}), "an item of the trained model"),
        (json!({"items": [{"id": "", "like": ["i2"]}]}), "an id of 0 bytes"),
    ] {
        let (status, problem) = again.admin("POST", "shop/items", Some(bad)).await;
        assert!(status.is_client_error() && problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
}

#[tokio::test]
async fn a_model_is_swapped_only_from_inside_the_root_and_only_if_it_is_whole() {
    let server = server(|_| {});
    let before = server.post("neighbors", json!({"id": "i0"})).await;
    server.admin("POST", "shop/items", Some(json!({"items": [{"id": "new", "like": ["i0"]}]}))).await;
    let (status, answer) = server.admin("PUT", "shop", Some(json!({"path": "shop2"}))).await;
    assert_eq!(status, 200, "{answer}");
    let after = server.post("neighbors", json!({"id": "i0"})).await;
    assert_ne!(before["version"], after["version"]);
    assert_eq!(
        server.post("neighbors", json!({"id": "new"})).await["query"]["id"],
        "new",
        "what was added is carried over"
    );
    assert_eq!(server.admin("PUT", "other", Some(json!({"path": "shop2"}))).await.0, 201);

    std::os::unix::fs::symlink("/", server.folder.path().join("link")).unwrap();
    for path in ["..", "../..", "/etc", "link/etc", ".", "", "none", "a\u{0}b"] {
        let (status, problem) = server.admin("PUT", "shop", Some(json!({ "path": path }))).await;
        assert_eq!(status, 422, "{path}: {problem}");
    }
    let vectors = server.folder.path().join("shop2/vectors.safetensors");
    let mut bytes = std::fs::read(&vectors).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::remove_file(&vectors).unwrap();
    std::fs::write(&vectors, bytes).unwrap();
    let (status, problem) = server.admin("PUT", "shop", Some(json!({"path": "shop2"}))).await;
    assert_eq!((status.as_u16(), &problem["type"]), (422, &json!("urn:vecinity:unusable-model")));
    assert_eq!(
        server.post("neighbors", json!({"id": "i0"})).await["version"],
        server.post("neighbors", json!({"id": "i1"})).await["version"]
    );
    for name in ["a%00b", ".hidden", "%2E%2E"] {
        assert_eq!(server.admin("PUT", name, Some(json!({"path": "shop"}))).await.0, 422, "{name}");
    }
}

#[tokio::test]
async fn tokens_and_names_decide_who_is_answered() {
    let server = server(|settings| settings.token = Some("read-token-1".into()));
    let get = async |path: &str, headers: &[(&str, &str)]| server.ask("GET", path, None, headers).await.0.as_u16();
    assert_eq!(get("/v1/models", &[]).await, 401);
    assert_eq!(get("/metrics", &[]).await, 401);
    assert_eq!(get("/livez", &[]).await, 200, "those who watch the process need no token");
    assert_eq!(get("/", &[]).await, 200, "pages hold no data");
    assert_eq!(get("/v1/models", &[("authorization", "Bearer read-token-2")]).await, 401);
    assert_eq!(get("/v1/models", &[("authorization", "Basic read-token-1")]).await, 401);
    assert_eq!(get("/v1/models", &[("authorization", "bearer read-token-1")]).await, 200);
    assert_eq!(get("/v1/models", &[("authorization", "Bearer admin-token-1")]).await, 200);
    let body = json!({"items": [{"id": "n", "like": ["i1"]}]}).to_string();
    let add = async |token: &str| {
        server.ask("POST", "/v1/models/shop/items", Some(&body), &[("authorization", token)]).await.0
    };
    assert_eq!(add("Bearer read-token-1").await, 401, "reading is not changing");
    assert_eq!(add("Bearer admin-token-1").await, 200);

    let open = crate::server(|settings| settings.admin_token = None);
    assert_eq!(open.ask("POST", "/v1/models/shop/items", Some(&body), &[]).await.0, 403);
    assert_eq!(open.ask("DELETE", "/v1/models/shop/items?id=i1", None, &[]).await.0, 403);
    assert_eq!(open.ask("GET", "/v1/models", None, &[("host", "evil.example:7700")]).await.0, 421);
    for host in ["localhost:7700", "127.0.0.1", "[::1]:7700"] {
        assert_eq!(open.ask("GET", "/v1/models", None, &[("host", host)]).await.0, 200, "{host}");
    }
    let named = crate::server(|settings| settings.hosts = vec!["shop.lan".into()]);
    assert_eq!(named.ask("GET", "/v1/models", None, &[("host", "shop.lan:80")]).await.0, 200);
}

#[tokio::test]
async fn a_request_keeps_its_name() {
    let server = server(|_| {});
    let send = async |id: &str| {
        let request = Request::get("/livez").header("x-request-id", id).body(Body::empty()).unwrap();
        server.send(request).await.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(send("abc-1").await, "abc-1");
    assert_ne!(send(&"x".repeat(500)).await.len(), 500);
    assert!(!send("a b").await.contains(' '));
}

#[tokio::test]
async fn too_many_questions_are_refused_and_not_queued_for_ever() {
    let server = server(|settings| settings.limits = Limits { workers: 1, queue: 2, ..Limits::default() });
    let mut all = Vec::new();
    for _ in 0..200 {
        let request = Request::post("/v1/models/shop/recommend").header("content-type", "application/json");
        let body = json!({"history": vec!["i1"; 5000], "limit": 1000, "diversity": 0.5}).to_string();
        all.push(tokio::spawn(server.router.clone().oneshot(request.body(Body::from(body)).unwrap())));
    }
    let (mut fine, mut refused) = (0, 0);
    for one in all {
        let response = one.await.unwrap().unwrap();
        match response.status().as_u16() {
            200 => fine += 1,
            503 => {
                assert_eq!(response.headers()["retry-after"], "1");
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(fine >= 3 && refused > 0, "{fine} fine, {refused} refused");
}

#[tokio::test]
async fn the_description_knows_every_route_and_field() {
    let server = server(|_| {});
    let (_, api) = server.ask("GET", "/openapi.json", None, &[]).await;
    let paths = api["paths"].as_object().unwrap();
    for path in [
        "",
        "/items",
        "/neighbors",
        "/query",
        "/vectors",
        "/similarity",
        "/why",
        "/recommend",
        "/recommend/batch",
        "/embed",
        "/map",
        "/report",
        "/events",
    ] {
        assert!(paths.contains_key(&format!("/v1/models/{{m}}{path}")), "{path}");
    }
    assert_eq!(paths.len(), 18, "{:?}", paths.keys());
    // A field that is described is understood: each is sent alone, and none may be unknown.
    for (path, name) in [
        ("neighbors", "Neighbors"),
        ("query", "Query"),
        ("recommend", "Recommend"),
        ("why", "Why"),
        ("vectors", "Vectors"),
    ] {
        let fields = api["components"]["schemas"][name]["properties"].as_object().unwrap();
        for field in fields.keys() {
            let (_, answer) = server
                .ask("POST", &format!("/v1/models/shop/{path}"), Some(&format!("{{\"{field}\": null}}")), &[])
                .await;
            assert!(!answer["detail"].as_str().unwrap_or("").contains("unknown field"), "{path}.{field}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_run_is_followed_while_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("soon");
    let log = vecinity::model_dir::live_log(&path);
    std::fs::write(&log, "{\"tokens\":1}\n{\"tok").unwrap();
    let watched = path.clone();
    let server = server(|settings| settings.watched = vec![watched]);
    let (_, answer) = server.ask("GET", "/v1/models", None, &[]).await;
    assert_eq!(answer["training"], json!(["soon"]));
    let response = server.send(Request::get("/v1/models/soon/events").body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "event: progress\ndata: {\"tokens\":1}\n\n", "a line that is being written is waited for");
    std::fs::write(&log, "{\"tokens\":1}\n{\"tokens\":2}\n").unwrap();
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(second, "event: progress\ndata: {\"tokens\":2}\n\n");
    assert_eq!(server.ask("GET", "/v1/models/none/events", None, &[]).await.0, 404);
}

/// What an index finds is what a look at every item finds: filters, items added and taken out included.
#[tokio::test]
async fn a_model_with_an_index_answers_as_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop");
    let (n, dim) = (3000, 8);
    let vocab = Vocab::from_counts((0..n).map(|at| (format!("i{at}"), 3000 - at as u64))).unwrap();
    let mut rng = vecinity::rng::Rng::new(3, 0);
    let mut matrix = || Matrix::new(n, dim, (0..n * dim).map(|_| rng.f32() - 0.5).collect());
    let genres: String = (0..n).map(|at| format!("i{at},{}\n", ["one", "two", "three"][at % 3])).collect();
    let metadata = Metadata::read(format!("id,genre\n{genres}").as_bytes(), "t.csv".as_ref()).unwrap();
    let embeddings = Embeddings::new(vocab, matrix(), Some(matrix())).unwrap().with_metadata(Some(metadata));
    NewModel::imported(&embeddings, "test").save(&path).unwrap();
    let serve = || {
        let mut settings = Settings::new("127.0.0.1:0".parse().unwrap());
        settings.models = vec![path.clone()];
        settings.admin_token = Some(ADMIN.into());
        Server { router: router(Arc::new(App::new(settings).unwrap())), folder: tempfile::tempdir().unwrap() }
    };
    let exact = serve();
    for of in IndexOf::ALL {
        let metric = if of == IndexOf::Neighbors { Metric::Cosine } else { Metric::Dot };
        let settings = vecinity::index::Settings { least_rows: 0, ..vecinity::index::Settings::for_metric(metric) };
        let built = Model::open(&path).unwrap().build_index(of, 1.0, Some(settings)).unwrap().unwrap();
        assert!(built.graph && built.tuned.recall > 0.99, "{built:?}");
    }
    let by_index = serve();
    for server in [&exact, &by_index] {
        let items = json!({"items": [{"id": "new", "like": ["i7"], "metadata": {"genre": "two"}}]});
        assert_eq!(server.admin("POST", "shop/items", Some(items)).await.0, 200);
        assert_eq!(server.admin("DELETE", "shop/items?id=i8", None).await.0, 200);
    }
    let genre = json!({"must": [{"key": "genre", "match": {"value": "two"}}]});
    let (mut same, mut all) = (0, 0);
    for at in 0..60 {
        for filter in [Value::Null, genre.clone()] {
            for (path, body) in [
                ("neighbors", json!({"id": format!("i{}", at * 41), "filter": filter})),
                ("recommend", json!({"history": [format!("i{at}"), format!("i{}", at * 17)], "filter": filter})),
            ] {
                let (a, b) = (exact.post(path, body.clone()).await, by_index.post(path, body).await);
                all += 1;
                same += usize::from(a["results"] == b["results"]);
                assert!(!ids(&b).contains(&"i8") && ids(&b).len() == 10);
            }
        }
    }
    assert!(same * 100 >= all * 97, "{same} of {all}");
    let near = by_index.post("neighbors", json!({"id": "i7", "limit": 1})).await;
    assert_eq!(ids(&near), ["new"], "it has the vector of i7, and came behind the index");
    let (_, about) = by_index.ask("GET", "/v1/models/shop", None, &[]).await;
    assert_eq!(about["indexes"][1]["of"], "recommend", "{about}");
    assert!(about["indexes"][0]["tuned"]["recall"].as_f64().unwrap() > 0.99);
    assert_eq!(exact.ask("GET", "/v1/models/shop", None, &[]).await.1["indexes"], json!([]));
}
