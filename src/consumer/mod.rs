//! The routing engines' side: HTTP and JSON for the programs that read events and act on conversations.
//!
//! Every handler gets a `call`, which goes the same way: who asks and may they (`auth`), about what, what exactly
//! (`query`, `body`). Then it does it and answers. What goes wrong on the way is a `problem`.

mod access_token;
mod answer;
mod auth;
mod body;
mod call;
mod commands;
mod console;
mod conversations;
mod docs;
mod events;
mod gestures;
mod keys;
mod member;
mod oauth;
mod problem;
mod query;
mod rates;
mod reader;
mod recent;
mod revocation_body;
mod revocations;
mod route;
mod routes;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderValue, Request, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::{BoxError, Router};
use tower::Service;
use tower::util::MapRequest;

use crate::clock::Clock;
use crate::config::{Client, Tenant};
use crate::conversations::{Conversations, Live};
use crate::domain::conversation::{Place, Status};
use crate::domain::id::TenantId;
use crate::journal::Journal;
use crate::journal::projection::Projection;
use crate::key_source::KeySource;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::revocations::Revocations;

pub use access_token::{AccessTokens, TOKENS_PER_CLIENT_MAX};
use auth::Clients;
use docs::Documents;
use problem::{Code, Problem};
use recent::Recent;

/// What the consumer listener works with.
#[derive(Debug)]
pub struct ConsumerState {
    /// The programs that may call.
    pub clients: Vec<Client>,
    /// The tenants that can be asked for by name.
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    /// The conversations.
    pub conversations: Conversations,
    /// The journal, for events.
    pub journal: Journal,
    /// The projection, for lists.
    pub projection: Projection,
    /// The revocations.
    pub revocations: Revocations,
    /// The tenants' keys.
    pub keys: KeySource,
    /// The time.
    pub clock: Clock,
    /// The series.
    pub metrics: Arc<Metrics>,
    /// The stop, which ends the streams. They go on through a drain, for the conversations do.
    pub lifecycle: Lifecycle,
    /// The access tokens.
    pub access_tokens: AccessTokens,
    /// How often somebody may call.
    pub limits: ConsumerLimits,
    /// Characters (Unicode scalar values) of one message.
    pub message_characters: usize,
}

/// How often somebody may call; 0 is no limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConsumerLimits {
    /// Requests of one client in a minute.
    pub requests_per_minute: u32,
    /// Wrong keys, secrets and tokens from one address in a minute; IPv6 by /64.
    pub wrong_keys_per_address_per_minute: u32,
}

/// Whose connection a request came on. Without it nothing counts for an address.
#[derive(Debug, Clone, Copy)]
struct Peer(IpAddr);

/// The same as the handlers share it.
#[derive(Debug)]
struct Shared {
    documents: Documents,
    clients: Clients,
    tenants: BTreeMap<TenantId, Arc<Tenant>>,
    conversations: Conversations,
    journal: Journal,
    recent: Recent,
    projection: Projection,
    revocations: Revocations,
    keys: KeySource,
    clock: Clock,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    access_tokens: AccessTokens,
    message_characters: usize,
}

/// The greatest sequence that a JSON number tells from its neighbours.
const SEQUENCE_MAX: u64 = 1 << 53;

/// The routes of the consumer listener.
pub fn router(state: ConsumerState) -> Router {
    let parts = (state.clock, state.metrics.clone());
    let clients = Clients::new(state.clients, state.access_tokens.clone(), state.limits, parts);
    let routes = routes::routes();
    let shared = Shared {
        documents: Documents::new(&routes, state.message_characters),
        clients,
        tenants: state.tenants,
        conversations: state.conversations,
        recent: Recent::start(&state.journal, &state.lifecycle),
        journal: state.journal,
        projection: state.projection,
        revocations: state.revocations,
        keys: state.keys,
        clock: state.clock,
        metrics: state.metrics,
        lifecycle: state.lifecycle,
        access_tokens: state.access_tokens,
        message_characters: state.message_characters,
    };
    let all = Router::new();
    let all = routes.into_iter().fold(all, |all, route| all.route(route.path, route.serve));
    let all = all.merge(console::routes());
    all.fallback(async || {
        Problem::new(Code::NotFound, "There is nothing at this path; see the consumer API at /docs.")
    })
    .method_not_allowed_fallback(wrong_method)
    .layer(map_response(personal))
    .with_state(Arc::new(shared))
}

/// The router for the requests of one connection, which count for its address too.
#[must_use = "it serves nothing by itself"]
pub fn called_from<B>(
    router: Router,
    peer: SocketAddr,
) -> impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    MapRequest::new(router, move |mut request: Request<B>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request
    })
}

async fn wrong_method() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "This path does not take the method; the header Allow lists what it takes.",
    )
}

/// What is answered is about people: no cache keeps it, unless the answer says that it is for everybody.
async fn personal(mut response: Response) -> Response {
    let control = response.headers_mut().entry(header::CACHE_CONTROL);
    control.or_insert(HeaderValue::from_static("no-store"));
    response
}

impl Shared {
    /// Where a conversation lies that a client names elsewhere than in the path.
    async fn conversation_named(&self, client: &Client, id: &str) -> Result<Place, Problem> {
        let id = id.parse().map_err(|_| Problem::unknown_conversation())?;
        self.place(client, &self.conversations.get(id)).await
    }

    async fn place(&self, client: &Client, live: &Arc<Live>) -> Result<Place, Problem> {
        let place = live.lock().await?.and_then(|locked| {
            let conversation = locked.conversation();
            let place = conversation.place();
            let is_there = *conversation.status() != Status::Unborn && client.tenants.admit(&place.tenant);
            is_there.then(|| place.clone())
        });
        place.ok_or_else(Problem::unknown_conversation)
    }

    /// A tenant that a client asks for by its name.
    fn tenant(&self, client: &Client, name: &str) -> Result<TenantId, Problem> {
        let named = name
            .parse()
            .ok()
            .filter(|tenant| client.tenants.admit(tenant) && self.tenants.contains_key(tenant));
        named.ok_or_else(|| {
            Problem::new(
                Code::TenantForbidden,
                "The tenant is not among this client's: correct its name, or have the operator add it to the \
                 client's tenants.",
            )
        })
    }
}
