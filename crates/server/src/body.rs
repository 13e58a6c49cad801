//! JSON in: of the right type, not too long, in time, and without unknown fields.

use crate::app::App;
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The body of a request as a value.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let limits = &app.settings.limits;
        require_type(&request, "application/json")?;
        let body = Limited::new(request.into_body(), limits.body).collect();
        let body = match tokio::time::timeout(limits.patience, body).await {
            Err(_) => return Err(Problem::slow()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Problem::too_large(limits.body)),
            Ok(Err(error)) => return Err(Problem::malformed(format!("the body broke off: {error}"))),
            Ok(Ok(body)) => body.to_bytes(),
        };
        read(&body).map(Self)
    }
}

/// Refuses bodies of another type: what a page of somebody else can make a browser send is none of these.
pub(crate) fn require_type(request: &Request, expected: &str) -> Result<(), Problem> {
    let found = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    match found {
        Some(found) if found.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(expected)) => Ok(()),
        found => Err(Problem::media_type(found.unwrap_or("of no stated type"), expected)),
    }
}

/// Reads a value; a mistyped field gets a suggestion.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Readers of structs take lists for fields in order; nobody should.
    if body.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
        return Err(Problem::malformed("no JSON object").advised("the body must be one JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        if error.is_data() {
            let suggestions = suggestions(&text);
            return Problem::invalid(text).suggesting(suggestions);
        }
        let advice = if body.is_empty() { "send a JSON object" } else { "the body must be one JSON object" };
        Problem::malformed(format!("no JSON: {text}")).advised(advice)
    })
}

/// Which of the expected names is meant by an unknown one, from the message of the reader:
/// ``unknown field `histroy`, expected one of `history`, `limit` ``.
fn suggestions(message: &str) -> Vec<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(found) = quoted.next().filter(|_| message.starts_with("unknown ")) else { return Vec::new() };
    let found = found.to_lowercase();
    let mut near: Vec<(usize, &str)> = (quoted.map(|name| (strsim::damerau_levenshtein(name, &found), name)))
        .filter(|&(distance, name)| distance <= 3 && distance < name.len())
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_field_gets_a_suggestion() {
        let message = "unknown field `histroy`, expected one of `history`, `limit`, `filter` at line 1 column 10";
        assert_eq!(suggestions(message), ["history"]);
        assert!(suggestions("invalid type: null, expected `history`").is_empty());
        assert!(suggestions("unknown field `zzzzzzzz`, expected `id`").is_empty());
    }
}
