//! The token endpoint as it is documented.

use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::config::Scope;
use crate::consumer::route::{About, Route, Success};

use super::{Body, Granted, serve};

const ABOUT: About = About::new(
    "Get an access token",
    "The client credentials grant (RFC 6749 §4.4): the client's id and secret by Basic, each form-urlencoded first, or \
     in the form, in one of the two. A token is opaque. It has the scopes that are asked for, or all of the client's, \
     and never more than the client has when it is used. Errors have the form of RFC 6749 §5.2.",
)
.besides(besides);

/// What is refused, by status.
const REFUSALS: [(u16, &str, &[&str]); 7] = [
    (
        400,
        "Not a request as it must be, another grant, or a scope that there isn't or that the client lacks.",
        &["invalid_request", "unsupported_grant_type", "invalid_scope"],
    ),
    (401, "The id is unknown, or the secret wrong; WWW-Authenticate names the scheme.", &["invalid_client"]),
    (405, "Another method.", &["invalid_request"]),
    (408, "The body took over 10 s.", &["invalid_request"]),
    (413, "The body is over 8192 bytes.", &["invalid_request"]),
    (429, "The client calls too often, or too many wrong secrets came.", &["temporarily_unavailable"]),
    (503, "The journal can't store a token.", &["temporarily_unavailable"]),
];

/// The route.
pub(in crate::consumer) fn route() -> Route {
    let success = Success {
        status: StatusCode::OK,
        about: "A token. No cache keeps it.",
        content: |generator| {
            Some(json!({ "application/json": { "schema": generator.subschema_for::<Granted<'_>>() } }))
        },
    };
    Route::open(Method::POST, "/oauth/token", ABOUT, success, serve())
}

fn besides(generator: &mut SchemaGenerator) -> Value {
    let scopes = Scope::ALL.map(Scope::as_str).join(", ");
    let form = json!({
        "type": "object",
        "properties": {
            "grant_type": { "const": "client_credentials" },
            "scope": { "type": "string", "description": format!("Of {scopes}, with blanks between.") },
            "client_id": { "type": "string" },
            "client_secret": { "type": "string" },
        },
        "required": ["grant_type"],
    });
    let base = generator.subschema_for::<Body<'_>>().to_value();
    let refusals: Map<_, _> =
        REFUSALS.iter().map(|refusal| (refusal.0.to_string(), refused(&base, *refusal))).collect();
    json!({
        "security": [{ "client": [] }, {}],
        "requestBody": {
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": form } },
        },
        "responses": refusals,
    })
}

fn refused(base: &Value, (status, about, errors): (u16, &str, &[&str])) -> Value {
    let schema = json!({ "allOf": [base], "properties": { "error": { "enum": errors } } });
    let mut refused =
        json!({ "description": about, "content": { "application/json": { "schema": schema } } });
    let of = |kind: &str| json!({ "type": kind });
    let required = |about: &str, kind| json!({ "description": about, "required": true, "schema": of(kind) });
    match status {
        401 => {
            let challenge = required("Which scheme is taken.", "string");
            refused["headers"] = json!({ "WWW-Authenticate": challenge });
        }
        429 | 503 => refused["headers"] = json!({ "Retry-After": required("Seconds to wait.", "integer") }),
        _ => {}
    }
    refused
}
