//! The OpenAPI 3.1 document, made from the table of routes.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::config::Scope;
use crate::consumer::answer::EVENT_REF;
use crate::consumer::member::{Form, Member};
use crate::consumer::problem::{Body, Code};
use crate::consumer::route::Route;
use crate::wire::{event_schemas, without_nulls};

/// What is said once for all calls.
const GUIDE: &str = include_str!("guide.md");
const JSON: &str = "application/json";

/// The document.
pub(super) fn document(routes: &[Route], message_characters: usize) -> Value {
    let mut generator = generator("/components/schemas");
    let mut paths = Map::new();
    for route in routes {
        let operation = operation(route, message_characters, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let schemas = schemas(generator);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "usher: the consumer API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": GUIDE,
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": security_schemes() },
    });
    without_nulls(&mut document);
    document
}

/// Schemas of what is written, their definitions at a place of the document.
pub(super) fn generator(definitions: &'static str) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.with(|settings| settings.definitions_path = definitions.into()).into_generator()
}

fn security_schemes() -> Value {
    let scopes: Map<_, _> =
        Scope::ALL.iter().map(|scope| (scope.as_str().to_owned(), about(*scope).into())).collect();
    json!({
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "{id}.{secret}",
            "description": "An API key as the operator gave it out.",
        },
        "client": {
            "type": "http",
            "scheme": "basic",
            "description": "A client's id and secret, for /oauth/token alone.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "An access token, opaque, for the client's id and secret (RFC 6749 §4.4).",
            "flows": { "clientCredentials": { "tokenUrl": "/oauth/token", "scopes": scopes } },
        },
    })
}

const fn about(scope: Scope) -> &'static str {
    match scope {
        Scope::EventsRead => "Read events",
        Scope::ConversationsRead => "List and look at conversations",
        Scope::ConversationsWrite => "Act on conversations",
        Scope::RevocationsRead => "List revocations",
        Scope::RevocationsWrite => "Make and lift revocations",
        Scope::KeysRead => "Look at the cached keys",
        Scope::KeysWrite => "Have keys fetched anew",
    }
}

fn operation(route: &Route, message_characters: usize, generator: &mut SchemaGenerator) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about.title,
        "description": route.about.text,
        "tags": [tag(route.path)],
        "responses": responses(route, generator),
    });
    let path =
        route.parameter().map(|name| parameter("path", &in_path(route.path, name), message_characters));
    let in_query = route.about.query.iter().map(|member| parameter("query", member, message_characters));
    let in_head = route.about.headers.iter().map(|member| parameter("header", member, message_characters));
    let parameters: Vec<_> = path.into_iter().chain(in_query).chain(in_head).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(members) = route.about.body {
        operation["requestBody"] = json!({
            "required": members.iter().any(|member| member.is_required),
            "content": { JSON: { "schema": object(members, message_characters) } },
        });
    }
    if let Some(example) = route.about.example {
        let example: Value = serde_json::from_str(example).expect("the table's examples are JSON");
        operation["requestBody"]["content"][JSON]["example"] = example;
    }
    operation["security"] = match route.scope {
        Some(scope) => json!([{ "apiKey": [scope.as_str()] }, { "oauth2": [scope.as_str()] }]),
        None => json!([]),
    };
    if let Some(besides) = route.about.besides {
        lay_over(&mut operation, besides(generator));
    }
    operation
}

fn operation_id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    route.method.as_str().to_ascii_lowercase() + &path
}

fn tag(path: &str) -> &'static str {
    match path.trim_start_matches("/v1/").split('/').next() {
        Some("events") => "Events",
        Some("conversations") if path.ends_with("/events") => "Events",
        Some("conversations") => "Conversations",
        Some("revocations") => "Revocations",
        Some("tenants") => "Keys",
        _ if path == "/oauth/token" => "Access",
        _ => "Documents",
    }
}

/// What stands in a path.
fn in_path(path: &str, name: &'static str) -> Member {
    let (form, about) = match (tag(path), name) {
        ("Revocations", _) => (Form::RevocationId, "The revocation's id, as the list has it."),
        ("Keys", _) => (Form::Tenant, "The tenant's id."),
        _ => (Form::Uuid, "The conversation's id, as an event or a list has it."),
    };
    Member::required(name, form, about)
}

fn parameter(place: &str, member: &Member, message_characters: usize) -> Value {
    let mut parameter = json!({
        "name": member.name,
        "in": place,
        "description": member.about,
        "schema": member.schema(message_characters),
    });
    if member.is_required {
        parameter["required"] = true.into();
    }
    if matches!(member.form, Form::Types) {
        parameter["style"] = "form".into();
        parameter["explode"] = false.into();
    }
    parameter
}

fn object(members: &[Member], message_characters: usize) -> Value {
    let properties: Map<_, _> = members
        .iter()
        .map(|member| {
            let mut schema = member.schema(message_characters);
            schema["description"] = member.about.into();
            (member.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<_> =
        members.iter().filter(|member| member.is_required).map(|member| member.name).collect();
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

fn responses(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut success = json!({ "description": route.success.about });
    if let Some(content) = (route.success.content)(generator) {
        success["content"] = content;
    }
    let mut responses = Map::new();
    responses.insert(route.success.status.as_str().to_owned(), success);
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in &route.codes {
        by_status.entry(code.row().0.as_u16()).or_default().push(*code);
    }
    for (status, codes) in by_status {
        responses.insert(status.to_string(), refusal(status, &codes, generator));
    }
    responses.into()
}

/// An answer with one of these codes.
fn refusal(status: u16, codes: &[Code], generator: &mut SchemaGenerator) -> Value {
    let problem = generator.subschema_for::<Body<'_>>().to_value();
    let names: Vec<_> = codes.iter().map(|code| code.row().1).collect();
    let narrowed = json!({
        "allOf": [problem],
        "properties": { "status": { "const": status }, "code": { "enum": names } },
    });
    let mut response = json!({
        "description": codes.iter().map(|code| about_code(*code)).collect::<Vec<_>>().join(" "),
        "content": { "application/problem+json": { "schema": narrowed } },
    });
    if matches!(status, 401 | 403) {
        let about = "Which scheme is taken, and what was lacking (RFC 6750 §3).";
        let schema = json!({ "type": "string" });
        let required = status == 401;
        response["headers"] =
            json!({ "WWW-Authenticate": { "description": about, "required": required, "schema": schema } });
    } else if codes.iter().any(|code| code.is_temporary()) {
        let schema = json!({ "type": "integer", "minimum": 0 });
        let wait = json!({ "description": "Seconds to wait.", "required": true, "schema": schema });
        response["headers"] = json!({ "Retry-After": wait });
    }
    response
}

/// Each code in a sentence.
const fn about_code(code: Code) -> &'static str {
    match code {
        Code::InvalidRequest => {
            "invalid_request: a parameter or the body is not as it must be; detail names all faults."
        }
        Code::BadPosition => "bad_position: this was never a position of this journal.",
        Code::Unauthorized => "unauthorized: no valid key or token.",
        Code::InsufficientScope => "insufficient_scope: the client lacks the scope.",
        Code::TenantForbidden => "tenant_forbidden: the tenant isn't the client's, whether it exists or not.",
        Code::NotFound => "not_found: there is nothing at this path.",
        Code::UnknownConversation => "unknown_conversation: there is none, or it is another tenant's.",
        Code::UnknownRevocation => "unknown_revocation: there is none, or it is another tenant's.",
        Code::MethodNotAllowed => "method_not_allowed: Allow lists the path's methods.",
        Code::RequestTimeout => "request_timeout: the body took too long.",
        Code::IdConflict => "id_conflict: the client has used the id with other content.",
        Code::ConversationEnded => "conversation_ended: it takes nothing more.",
        Code::TooManyRevocations => "too_many_revocations: lift some, or revoke everyone's at once.",
        Code::PositionGone => "position_gone: what follows is no longer kept; oldest is where to begin.",
        Code::BodyTooLarge => "body_too_large: over 65536 bytes.",
        Code::UnsupportedMediaType => "unsupported_media_type: Content-Type must be application/json.",
        Code::RateLimited => {
            "rate_limited: the client, or wrong keys from its address, came too often; wait for Retry-After."
        }
        Code::NoKeyEndpoint => "no_key_endpoint: the tenant has none configured.",
        Code::KeyFetchFailed => "key_fetch_failed: last_error says why; those held before stay.",
        Code::Internal => "internal: a fault of usher.",
        Code::StorageUnavailable => {
            "storage_unavailable: not known to be stored; the very same request again is safe."
        }
    }
}

/// All schemas by name: those that were referred to, the events, and the codes of all problems.
fn schemas(mut generator: SchemaGenerator) -> Value {
    let events = event_schemas(&mut generator);
    let mut schemas = generator.take_definitions(true);
    let mut mapping = Map::new();
    let mut references = Vec::new();
    for (kind, mut schema) in events {
        let name = event_name(&kind);
        let reference = format!("#/components/schemas/{name}");
        schema["title"] = kind.as_str().into();
        references.push(json!({ "$ref": reference }));
        mapping.insert(kind, reference.into());
        schemas.insert(name, schema);
    }
    let event = EVENT_REF.rsplit('/').next().unwrap_or_default().to_owned();
    schemas.insert(
        event,
        json!({
            "description": "An event: CloudEvents 1.0 in the JSON format.",
            "oneOf": references,
            "examples": [example_event()],
            "discriminator": { "propertyName": "type", "mapping": mapping },
        }),
    );
    if let Some(problem) = schemas.get_mut("Problem") {
        let codes: Vec<_> = Code::ALL.iter().map(|code| code.row().1).collect();
        problem["properties"]["code"]["enum"] = codes.into();
        problem["examples"] = json!([{
            "title": "Not Found",
            "status": 404,
            "detail": "There is no such conversation for this client: give an id from an event or a list, unchanged.",
            "code": "unknown_conversation",
            "temporary": false,
            "correlation_id": "0f6c1d7e9a3b5c42",
        }]);
        problem["properties"]["correlation_id"]["pattern"] = "^[0-9a-f]{16}$".into();
    }
    schemas.into()
}

fn example_event() -> Value {
    json!({
        "specversion": "1.0",
        "id": "01990000-0000-7000-8000-000000000001/2",
        "source": "/tenants/contoso/widgets/web",
        "type": "usher.conversation.message",
        "subject": "01990000-0000-7000-8000-000000000001",
        "time": "2026-01-31T12:00:00.000Z",
        "datacontenttype": "application/json",
        "tenant": "contoso",
        "sequence": "2",
        "position": "AAAAAAAAAAI",
        "data": {
            "sequence": 2,
            "authentication": { "status": "anonymous" },
            "from": "customer",
            "text": "Where is my parcel?",
            "id": "m-1",
            "authenticated": false,
        },
    })
}

/// `usher.conversation.authentication_requested` → `AuthenticationRequestedEvent`.
pub(super) fn event_name(kind: &str) -> String {
    pascal(kind.rsplit('.').next().unwrap_or_default()) + "Event"
}

pub(super) fn pascal(snake: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    snake.split('_').map(capital).collect()
}

/// Lays what an operation has besides over what follows from the table.
fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
