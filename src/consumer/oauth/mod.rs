//! `POST /oauth/token`: an access token for a client's id and secret (RFC 6749 §4.4).

mod document;
mod form;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{Client, Scope, Scopes};
use crate::conversations::random;

use super::access_token::Issued;
use super::auth::NotNow;
use super::{Peer, Shared, rates};

pub(super) use document::route;
use form::Form;

/// How a client proves who it is (RFC 7617).
const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"usher\", charset=\"UTF-8\"");

/// A refusal or a failure in the form of RFC 6749 §5.2. Descriptions are of printable ASCII without quotes and
/// backslashes, as that demands.
#[derive(Debug, Clone)]
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    retry_after: Option<u64>,
}

/// A token that is good from now on (RFC 6749 §5.1).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AccessToken")]
struct Granted<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What it is good for, with single blanks between.
    scope: &'a str,
}

/// Why there is no token (RFC 6749 §5.2).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OAuthError")]
struct Body<'a> {
    error: &'static str,
    error_description: &'static str,
    correlation_id: &'a str,
}

impl Refused {
    const INVALID_CLIENT: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        error: "invalid_client",
        description: "the client's id and secret are not valid: send both as the operator gave them out, by Basic or \
                      as client_id and client_secret",
        retry_after: None,
    };
    const UNAVAILABLE: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: "temporarily_unavailable",
        description: "the journal does not answer, so no token was issued: ask again after the wait",
        retry_after: Some(1),
    };

    const fn invalid_request(description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", description, retry_after: None }
    }

    const fn invalid_scope(description: &'static str) -> Self {
        Self { error: "invalid_scope", ..Self::invalid_request(description) }
    }

    const fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn too_often(NotNow(wait): NotNow, description: &'static str) -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            error: "temporarily_unavailable",
            description,
            retry_after: Some(rates::seconds(wait)),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self { status, error, description, retry_after } = self;
        let correlation_id = format!("{:016x}", u64::from_be_bytes(random()));
        if status.is_server_error() {
            tracing::error!(correlation_id, error, "no access token could be issued");
        } else {
            tracing::info!(correlation_id, error, "a request for an access token was refused");
        }
        let body = Body { error, error_description: description, correlation_id: &correlation_id };
        let mut response = answer(status, &body);
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// RFC 6749 §5.1: nobody keeps it.
fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).expect("an answer has string keys");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, body).into_response()
}

/// What serves the route.
fn serve() -> MethodRouter<Arc<Shared>> {
    let wrong_method = async || {
        let refused = Refused::invalid_request("a token is asked for with POST");
        ([(header::ALLOW, "POST")], refused.with_status(StatusCode::METHOD_NOT_ALLOWED))
    };
    post(token).fallback(wrong_method)
}

async fn token(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match issue(shared, request).await {
        Ok((Issued { token, lifetime }, scopes)) => {
            let scope = written(&scopes);
            let expires_in = lifetime.as_secs();
            let granted = Granted { access_token: &token, token_type: "Bearer", expires_in, scope: &scope };
            answer(StatusCode::OK, &granted)
        }
        Err(refused) => refused.into_response(),
    }
}

/// In the order of the refusals: is it a request, who asks, what for.
async fn issue(shared: Arc<Shared>, request: Request) -> Result<(Issued, Scopes), Refused> {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map(|Peer(address)| *address);
    if is_named_in_query(parts.uri.query()) {
        return Err(Refused::invalid_request(
            "the client's credentials never stand in the URL: send them in the body",
        ));
    }
    let form = Form::read(&parts.headers, body).await?;
    let clients = &shared.clients;
    let found = match form.credentials(&parts.headers) {
        Ok(credentials) => {
            clients.by_secret(&credentials.id, &credentials.secret).ok_or(Refused::INVALID_CLIENT)
        }
        Err(refused) if refused.error != Refused::INVALID_CLIENT.error => return Err(refused),
        Err(refused) => Err(refused),
    };
    let (known, secret) = match found {
        Ok(found) => found,
        Err(refused) => {
            let too_often = "too many wrong secrets came from this address: wait, and correct the secret";
            clients.count_wrong_key(peer).map_err(|wait| Refused::too_often(wait, too_often))?;
            return Err(refused);
        }
    };
    let too_often = "the client calls too often: wait, and use a token for as long as it lives";
    clients.count_request(&known).map_err(|wait| Refused::too_often(wait, too_often))?;
    match form.get("grant_type") {
        Some("client_credentials") => {}
        None => return Err(Refused::invalid_request("grant_type is missing: send client_credentials")),
        Some(_) => {
            let description = "usher knows one grant: send grant_type=client_credentials";
            return Err(Refused { error: "unsupported_grant_type", ..Refused::invalid_request(description) });
        }
    }
    let scopes = scopes(&known.client, form.get("scope"))?;
    let granted = scopes.clone();
    // Run to its end whether or not the caller waits, so that what is stored is known here.
    let issuing = shared.lifecycle.spawn({
        let shared = shared.clone();
        async move { shared.access_tokens.issue(&known.client, granted, secret).await }
    });
    match issuing.await {
        Ok(Ok(issued)) => Ok((issued, scopes)),
        Ok(Err(_)) | Err(_) => Err(Refused::UNAVAILABLE),
    }
}

/// RFC 6749 §2.3.1: "The parameters can only be transmitted in the request-body".
fn is_named_in_query(query: Option<&str>) -> bool {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.any(|(name, _)| name == "client_secret")
}

/// What is asked for, all of which the client must have; all that it has where nothing is asked for (RFC 6749 §3.3).
fn scopes(client: &Client, asked: Option<&str>) -> Result<Scopes, Refused> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    let find = |name: &str| Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
    let found: Option<Scopes> = asked.split(' ').filter(|name| !name.is_empty()).map(find).collect();
    let unknown =
        "a scope is unknown: name those of the consumer API with single blanks between them, or none for all";
    let found = found.filter(|found| found.iter().next().is_some()).ok_or(Refused::invalid_scope(unknown))?;
    if found.iter().all(|scope| client.scopes.allow(scope)) {
        return Ok(found);
    }
    Err(Refused::invalid_scope(
        "the client does not have every scope that it asks for: have the operator add it",
    ))
}

fn written(scopes: &Scopes) -> String {
    scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}
