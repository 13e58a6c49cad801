//! The pages: files that are part of the program.

use crate::openapi;
use crate::problem::Problem;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

macro_rules! files {
    ($($name:literal $kind:literal),* $(,)?) => {
        /// Name, type, content.
        const FILES: &[(&str, &str, &str)] = &[$(($name, $kind, include_str!(concat!("../../../../web/", $name)))),*];
    };
}

files! {
    "style.css" "text/css; charset=utf-8",
    "icon.svg" "image/svg+xml",
    "js/main.js" "text/javascript; charset=utf-8",
    "js/api.js" "text/javascript; charset=utf-8",
    "js/dom.js" "text/javascript; charset=utf-8",
    "js/words.js" "text/javascript; charset=utf-8",
    "js/picker.js" "text/javascript; charset=utf-8",
    "js/scatter.js" "text/javascript; charset=utf-8",
    "js/pages/search.js" "text/javascript; charset=utf-8",
    "js/pages/arithmetic.js" "text/javascript; charset=utf-8",
    "js/pages/map.js" "text/javascript; charset=utf-8",
    "js/pages/recommend.js" "text/javascript; charset=utf-8",
    "js/pages/report.js" "text/javascript; charset=utf-8",
    "js/pages/training.js" "text/javascript; charset=utf-8",
    "js/pages/status.js" "text/javascript; charset=utf-8",
    "js/pages/docs.js" "text/javascript; charset=utf-8",
}

/// The page that all others are parts of.
pub(crate) async fn start() -> Response {
    page("text/html; charset=utf-8", include_str!("../../../../web/index.html"))
}

/// A file of the pages.
pub(crate) async fn asset(Path(file): Path<String>) -> Result<Response, Problem> {
    let found = FILES.iter().find(|(name, ..)| *name == file);
    let (_, kind, text) = found.ok_or_else(|| Problem::unknown_path(&format!("/assets/{file}")))?;
    Ok(page(kind, text))
}

/// Kept by browsers, but asked after each time: the next version of the program has other files.
fn page(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}

/// The description of the API.
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::json()).into_response()
}
