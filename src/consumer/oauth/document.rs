//! What is said about the token endpoint: its form is RFC 6749's, not that of the other calls.

use axum::http::StatusCode;
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use crate::consumer::route::{About, Success};

use super::{Error, Granted};

/// What it is for.
pub(crate) const ABOUT: About = About::new(
    "An access token",
    "Gives an access token for a client's id and secret (client credentials grant, RFC 6749 §4.4), which come by Basic \
     or in the form, never in the URL. The token is opaque, is good for what it was asked for, and ends after \
     expires_in seconds; where the operator set an idle timeout, sooner if it is not used. Unknown parameters are \
     ignored.",
)
.besides(operation);

/// What a token comes in.
pub(crate) const GRANTED: Success = Success {
    status: StatusCode::OK,
    about: "The token. Nobody may keep this answer.",
    content: |generator| {
        Some(json!({ "application/json": { "schema": generator.subschema_for::<Granted<'_>>() } }))
    },
};

/// Each status of a refusal, its `error`s, and when it comes.
const REFUSALS: [(&str, &[&str], &str); 6] = [
    (
        "400",
        &["invalid_request", "invalid_scope", "unsupported_grant_type"],
        "A parameter is missing, given twice or of another form; a scope is unknown or not the client's; another grant.",
    ),
    ("401", &["invalid_client"], "The client's id and secret are not valid."),
    ("408", &["invalid_request"], "The body took too long."),
    ("413", &["invalid_request"], "The body is over 8192 bytes."),
    (
        "429",
        &["temporarily_unavailable"],
        "Too many requests of the client, or wrong secrets of the address.",
    ),
    ("503", &["temporarily_unavailable"], "Nothing can be stored now, so no token was issued."),
];

fn operation(generator: &mut SchemaGenerator) -> Value {
    let base = generator.subschema_for::<Error<'_>>().to_value();
    let refusals = REFUSALS.iter().map(|(status, errors, about)| {
        let schema = json!({ "allOf": [base], "properties": { "error": { "enum": errors } } });
        (
            (*status).to_owned(),
            json!({ "description": about, "content": { "application/json": { "schema": schema } } }),
        )
    });
    let responses: Map<_, _> = refusals.collect();
    let text = json!({ "type": "string" });
    json!({
        "security": [{ "client": [] }, {}],
        "requestBody": {
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": {
                "type": "object",
                "properties": {
                    "grant_type": { "type": "string", "const": "client_credentials" },
                    "scope": {
                        "type": "string",
                        "description": "Scopes with single blanks between them; all of the client's where none is given.",
                    },
                    "client_id": text,
                    "client_secret": text,
                },
                "required": ["grant_type"],
            } } },
        },
        "responses": responses,
    })
}
