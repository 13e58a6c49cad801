//! Errors as RFC 9457 problems: what was wrong, what to do, and what may have been meant.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vecinity::Error;

/// An error as it is answered: `application/problem+json`.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// The kind, as a name: `urn:vecinity:unknown-item`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The kind, in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was found, and what was expected.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// What may have been meant, the likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suggestions: Vec<String>,
    /// Seconds after which to try again.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            advice: None,
            suggestions: Vec::new(),
            retry_after: None,
        }
    }

    pub(crate) fn advised(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    pub(crate) fn suggesting(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }

    /// A body that is not what it should be.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "urn:vecinity:malformed", "The request cannot be read", detail)
    }

    /// A value that cannot work.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "urn:vecinity:invalid-value", "A value cannot be used", detail)
    }

    /// More than the limits allow.
    pub(crate) fn too_many(what: &str, found: usize, most: usize) -> Self {
        Self::invalid(format!("{found} {what}, at most {most} are allowed"))
    }

    pub(crate) fn unknown_model(name: &str, known: &[String]) -> Self {
        let detail = format!("there is no model '{}'", vecinity::error::shown(name));
        let near = known.iter().filter(|known| strsim::damerau_levenshtein(known, name) <= 3).cloned().collect();
        let problem =
            Self::new(StatusCode::NOT_FOUND, "urn:vecinity:unknown-model", "No such model", detail).suggesting(near);
        problem.advised("GET /v1/models lists them")
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        let detail = format!("there is nothing at {}", vecinity::error::shown(path));
        let problem = Self::new(StatusCode::NOT_FOUND, "urn:vecinity:unknown-path", "No such page", detail);
        problem.advised("GET /docs shows the API, / the pages")
    }

    pub(crate) fn method(method: &str, path: &str) -> Self {
        let detail = format!("{method} is not understood at {}", vecinity::error::shown(path));
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "urn:vecinity:method", "Wrong method", detail)
            .advised("GET /docs shows the API")
    }

    pub(crate) fn media_type(found: &str, expected: &str) -> Self {
        let detail = format!("the body is {}, expected {expected}", vecinity::error::shown(found));
        let problem =
            Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "urn:vecinity:media-type", "Wrong type of body", detail);
        problem.advised(format!("send the header Content-Type: {expected}"))
    }

    pub(crate) fn too_large(most: usize) -> Self {
        let detail = format!("the body has more than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "urn:vecinity:too-large", "The body is too large", detail)
            .advised("send less at once, or use recommend/batch with an object a line")
    }

    pub(crate) fn slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "urn:vecinity:too-slow",
            "The body did not come in time",
            "the body stopped coming",
        )
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "urn:vecinity:unauthorized", "A token is needed", detail)
            .advised("send the header Authorization: Bearer TOKEN")
    }

    pub(crate) fn forbidden(detail: &str, advice: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "urn:vecinity:forbidden", "Not allowed", detail).advised(advice)
    }

    pub(crate) fn wrong_host(host: &str) -> Self {
        let detail = format!("this server does not answer to the name '{}'", vecinity::error::shown(host));
        Self::new(StatusCode::MISDIRECTED_REQUEST, "urn:vecinity:wrong-host", "Wrong host", detail)
            .advised("start it with --host NAME to allow the name")
    }

    pub(crate) fn busy() -> Self {
        let detail = "as many questions are waiting as may wait";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "urn:vecinity:busy", "The server is busy", detail);
        problem.retry_after = Some(1);
        problem.advised("try again in a second")
    }

    pub(crate) fn internal() -> Self {
        let detail = "the question could not be answered; the log of the server says more";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "urn:vecinity:internal", "A fault of the server", detail)
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Errors of the library, about what a client asked.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        let advice = error.advice();
        match error {
            Error::UnknownToken { suggestions, .. } => {
                let suggestions = suggestions.into_iter().map(|(token, _)| token).collect();
                let kind = Self::new(StatusCode::NOT_FOUND, "urn:vecinity:unknown-item", "No such item", detail);
                kind.suggesting(suggestions)
            }
            Error::Setting { .. } | Error::Data { .. } | Error::Input { .. } => {
                Self { advice, ..Self::invalid(detail) }
            }
            Error::Model { .. } => {
                let title = "The model cannot be used";
                Self {
                    advice,
                    ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "urn:vecinity:unusable-model", title, detail)
                }
            }
            _ => {
                tracing::error!("{detail}");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
