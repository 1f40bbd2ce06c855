//! The router on a real journal: what a caller sees.

mod auth;
mod commands;
mod console;
mod conversations;
mod documents;
mod events;
mod gestures;
mod keys;
mod oauth;
mod rates;
mod recent;
mod revocations;
mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::clock::Clock;
use crate::config::{AllowedTenants, Client, Scope, Tenant};
use crate::conversations::{Conversations, random};
use crate::domain::context::{ContextReport, Primitive, Source, Value as Typed, Variable, Variables};
use crate::domain::conversation::{Authenticated, Authentication, Entry, Fact, Message, Place, Started};
use crate::domain::conversation::{Author, MessageId, MessageText};
use crate::domain::id::{ConversationId, RecordId, Sequence};
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;
use crate::domain::token::{AuthenticationEnd, Identity, TokenPolicy};
use crate::journal::projection::Projection;
use crate::journal::{Appended, Head, Journal, Record};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::revocations::{Revocations, Setup};

use super::{AccessTokens, ConsumerLimits, ConsumerState, router};

/// Every scope, every tenant.
const ROOT: &str = "root.first";
/// Every scope, the tenant `alpha`.
const ALPHA: &str = "alpha.first";
/// How long what was revoked of `alpha`'s tokens is kept.
const KEPT_FOR: Duration = Duration::from_hours(48);
/// Characters of a message here.
const CHARACTERS: usize = 20;

struct Node {
    router: Router,
    journal: Journal,
    conversations: Conversations,
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
    projection: Projection,
    clock: Clock,
    /// How many conversations have begun, each a millisecond after the one before: so their ids have an order.
    begun: AtomicU64,
    _folder: tempfile::TempDir,
}

/// What came back, its body read.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    fn items(&self) -> &[Value] {
        self.body["items"].as_array().unwrap()
    }

    /// One member of every item.
    fn each(&self, member: &str) -> Vec<&str> {
        self.items().iter().map(|item| item[member].as_str().unwrap()).collect()
    }
}

fn client(id: &str, scopes: &[Scope], tenants: &[&str]) -> Client {
    let hash = |secret: &str| digest(&SHA256, secret.as_bytes()).as_ref().try_into().unwrap();
    Client {
        id: id.parse().unwrap(),
        secrets: vec![hash("first"), hash("second")],
        scopes: scopes.iter().copied().collect(),
        tenants: if tenants == ["*"] {
            AllowedTenants::Any
        } else {
            AllowedTenants::Listed(tenants.iter().map(|tenant| tenant.parse().unwrap()).collect())
        },
        token_lifetime: Duration::from_mins(5),
        idle_timeout: None,
    }
}

fn tenant(id: &str) -> Tenant {
    Tenant {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        policy: TokenPolicy::default(),
        public_key_url: None,
        javascript_client_function: None,
        widgets: BTreeMap::new(),
        queues: Arc::default(),
    }
}

/// Those who may call where a test says nothing else.
fn clients() -> Vec<Client> {
    vec![
        client("root", &Scope::ALL, &["*"]),
        client("alpha", &Scope::ALL, &["alpha"]),
        client("other", &Scope::ALL, &["alpha"]),
        client("events", &[Scope::EventsRead], &["alpha"]),
        client("lists", &[Scope::ConversationsRead], &["alpha"]),
    ]
}

impl Node {
    fn start() -> Self {
        Self::start_with(clients(), Clock::system(), ConsumerLimits::default())
    }

    fn start_with(clients: Vec<Client>, clock: Clock, limits: ConsumerLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (metrics, lifecycle) = (Arc::new(Metrics::new()), Lifecycle::new());
        let journal = Journal::open(&folder.path().join("usher.journal"), metrics.clone()).unwrap();
        let projection = Projection::start(&journal, &lifecycle).unwrap();
        let conversations = Conversations::new(journal.clone(), clock, metrics.clone(), lifecycle.clone());
        let begun = AtomicU64::new(0);
        let router = Router::new();
        let mut node = Self {
            router,
            journal,
            conversations,
            lifecycle,
            metrics,
            projection,
            clock,
            begun,
            _folder: folder,
        };
        node.router = node.router(clients, limits);
        node
    }

    /// A router of its own on the same journal, as another node has it, or this one after a restart.
    fn router(&self, clients: Vec<Client>, limits: ConsumerLimits) -> Router {
        let (journal, clock, metrics) = (self.journal.clone(), self.clock, self.metrics.clone());
        let lifecycle = self.lifecycle.clone();
        let revocations = Revocations::new(Setup {
            kept_for: HashMap::from([("alpha".parse().unwrap(), KEPT_FOR)]),
            conversations: self.conversations.clone(),
            journal: journal.clone(),
            projection: self.projection.clone(),
            clock,
            metrics: metrics.clone(),
            lifecycle: lifecycle.clone(),
        });
        router(ConsumerState {
            clients,
            tenants: ["alpha", "beta"].map(|id| (id.parse().unwrap(), Arc::new(tenant(id)))).into(),
            conversations: self.conversations.clone(),
            access_tokens: AccessTokens::new(journal.clone(), clock, metrics.clone(), lifecycle.clone()),
            journal,
            projection: self.projection.clone(),
            revocations,
            keys: keys::of_nobody(clock, &metrics, &lifecycle),
            clock,
            metrics,
            lifecycle,
            limits,
            message_characters: CHARACTERS,
        })
    }

    async fn respond(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.respond(request).await.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn get(&self, key: &str, path: &str) -> Answer {
        self.answer(request(Method::GET, key, path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, method: Method, key: &str, path: &str, body: &str) -> Answer {
        let request = request(method, key, path).header(header::CONTENT_TYPE, "application/json");
        self.answer(request.body(body.to_owned().into()).unwrap()).await
    }

    /// Journals records of one conversation, each of these entries in a row.
    async fn store(&self, place: &Place, after: Sequence, entries: Vec<(Authentication, Fact)>) {
        let mut sequence = after;
        let entries = entries.into_iter().map(|(authentication, fact)| {
            sequence = sequence.next();
            Entry { sequence, at: self.clock.now(), authentication, fact }
        });
        let record = Record::new(RecordId::new(random()), entries.collect()).unwrap();
        let head = match self.journal.read_last(place.id, 1).await.unwrap() {
            Some(page) => page.head,
            None => Head::EMPTY,
        };
        assert!(matches!(self.journal.append(place, head, &record).await, Appended::Stored(_)));
    }

    /// A conversation that has begun.
    async fn begin(&self, tenant: &str, authentication: Authentication) -> Place {
        let millis = self.begun.fetch_add(1, Ordering::Relaxed);
        let id = ConversationId::new(UnixTime::EPOCH.plus(Duration::from_millis(millis)), random());
        let place = Place { id, tenant: tenant.parse().unwrap(), widget: "web".parse().unwrap() };
        let variable = Variable {
            raw: Primitive::Text("true".to_owned()),
            value: Typed::Boolean(true),
            source: if authentication.is_authenticated() { Source::Token } else { Source::Widget },
            displayable: false,
        };
        let started = Started {
            variables: Variables::from([("vip".to_owned(), variable)]),
            context: ContextReport::default(),
            queue: "default".into(),
            rule: None,
            priority: None,
            locale: None,
            origin: None,
        };
        self.store(&place, Sequence::START, vec![(authentication, Fact::Started(started))]).await;
        place
    }

    async fn anonymous(&self, tenant: &str) -> Place {
        self.begin(tenant, Authentication::Anonymous).await
    }
}

fn request(method: Method, key: &str, path: &str) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    if key.is_empty() { request } else { request.header(header::AUTHORIZATION, format!("Bearer {key}")) }
}

/// `sub` as signed in until `expires_at`.
fn authenticated(sub: &str, expires_at: UnixTime) -> Authentication {
    Authentication::Authenticated(Authenticated {
        identity: Identity { issuer: "https://shop.example".into(), subject: sub.into() },
        issued_at: expires_at.minus(Duration::from_mins(1)),
        expires_at,
        ends_by: AuthenticationEnd::TokenExpired,
        kid: None,
        fingerprint: Fingerprint([7; 32]),
    })
}

/// Something that the customer said.
fn said(id: &str, text: &str) -> (Authentication, Fact) {
    let message = Message {
        author: Author::Customer,
        id: MessageId::new(id).unwrap(),
        text: MessageText::new(text, usize::MAX).unwrap(),
        name: None,
        authenticated: false,
    };
    (Authentication::Anonymous, Fact::Message(message))
}

fn at(place: &Place, rest: &str) -> String {
    format!("/v1/conversations/{}{rest}", place.id)
}
