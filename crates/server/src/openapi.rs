//! The description of the API, made from its types and their comments (OpenAPI 3.1).

use crate::routes::{admin, ask, batch, events, items, map, models, recommend, status};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(title = "Vecinity", description = "Neighbours and recommendations of embeddings.", license(name = "MIT OR Apache-2.0")),
    paths(
        models::list, models::one, models::report, items::find, ask::neighbors, ask::query, ask::vectors, ask::similarity,
        ask::why, recommend::recommend, batch::batch, recommend::embed, map::map, events::events, admin::add, admin::remove,
        admin::swap, status::status, status::alive, status::ready, status::metrics,
    ),
    modifiers(&Tokens),
    security((), ("token" = []))
)]
struct Description;

struct Tokens;

impl utoipa::Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// As JSON.
pub(crate) fn json() -> String {
    Description::openapi().to_json().unwrap_or_default()
}
