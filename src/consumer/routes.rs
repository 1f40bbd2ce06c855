//! The table of the consumer listener: every route, who may call it, and what is said about it.

use axum::http::Method;

use crate::config::Scope;

use super::problem::Code;
use super::route::{About, Route};
use super::{commands, conversations, docs, events, gestures, keys, oauth, revocation_body, revocations};

const READ: Scope = Scope::ConversationsRead;
const WRITE: Scope = Scope::ConversationsWrite;

/// Every route.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = documents();
    routes.push(oauth::route());
    routes.extend(of_events());
    routes.extend(of_conversations());
    routes.extend(of_commands());
    routes.extend(of_revocations());
    routes.extend(of_keys());
    routes
}

fn documents() -> Vec<Route> {
    const OPENAPI: About = About::new(
        "This document",
        "The description of this API: OpenAPI 3.1, made from the code that serves it. It has an ETag.",
    )
    .besides(docs::json_content);
    const ASYNCAPI: About = About::new(
        "The widget protocol",
        "The description of the protocol usher.v1 that widgets speak on the public listener: AsyncAPI 3.0. It has an \
         ETag.",
    )
    .besides(docs::json_content);
    const PAGE: About =
        About::new("These documents as a page", "Both documents for people to read, without any script.")
            .besides(docs::html_content);
    vec![
        Route::document("/openapi.json", OPENAPI, |shared| &shared.documents.openapi),
        Route::document("/asyncapi.json", ASYNCAPI, |shared| &shared.documents.asyncapi),
        Route::document("/docs", PAGE, |shared| &shared.documents.page),
    ]
}

fn of_events() -> Vec<Route> {
    const STREAM: About = About::new(
        "Every event, from a place on",
        "Every event of the journal that the client may see, at least once, in order within a conversation and none \
         lost; then as they happen. Last-Event-ID wins over after. The stream ends when the client's rights change or \
         its token runs out; go on from the last position then. A position is good for comparing for equality only.",
    )
    .query(events::STREAM)
    .headers(events::STREAM_HEADERS)
    .refused(&[Code::BadPosition, Code::PositionGone]);
    const JOURNAL: About = About::new(
        "A conversation's events",
        "The journal of one conversation, page by page, from the first entry or from after a sequence.",
    )
    .query(conversations::JOURNAL);
    vec![
        Route::scoped(Method::GET, "/v1/events", Scope::EventsRead, STREAM, events::stream),
        Route::scoped(
            Method::GET,
            "/v1/conversations/{id}/events",
            Scope::EventsRead,
            JOURNAL,
            conversations::journal,
        ),
    ]
}

fn of_conversations() -> Vec<Route> {
    const LIST: About = About::new(
        "Conversations",
        "Those that the client may see and that match everything that is given, the newest first.",
    )
    .query(conversations::LIST);
    const SUMMARY: About = About::new(
        "One conversation",
        "How a conversation stands now. A downgrade that is due is journaled before the answer.",
    )
    .refused(&[Code::InvalidRequest]);
    vec![
        Route::scoped(Method::GET, "/v1/conversations", READ, LIST, conversations::list),
        Route::scoped(Method::GET, "/v1/conversations/{id}", READ, SUMMARY, conversations::summary),
    ]
}

fn of_commands() -> Vec<Route> {
    const MESSAGE: About = About::new(
        "Say something",
        "Answered once the message is durable. Stored once for (conversation, client, id): the same again gives the \
         same answer, other content is id_conflict.",
    )
    .body(commands::MESSAGE)
    .example(r#"{"text":"Your parcel left this morning.","id":"reply-1","name":"Ada","from":"agent"}"#)
    .refused(&[Code::ConversationEnded, Code::IdConflict]);
    const ASK: About = About::new(
        "Ask the customer to sign in",
        "Asks the widget for a token. Made once for (conversation, client, id), as a message is.",
    )
    .body(commands::AUTHENTICATION_REQUEST)
    .example(r#"{"message":"To tell about your order, please sign in.","id":"ask-1"}"#)
    .refused(&[Code::ConversationEnded, Code::IdConflict]);
    const ASSIGN: About = About::new(
        "Put it somewhere",
        "Sets the queue, the agent, or both; from then on usher's own rules leave the queue alone.",
    )
    .body(commands::ASSIGNMENT)
    .example(r#"{"queue":"parcels","agent":"ada"}"#)
    .besides(docs::at_least_one)
    .refused(&[Code::ConversationEnded]);
    const END: About = About::new("End it", "Ends the conversation and closes its sockets with 1000.")
        .body(commands::END)
        .example(r#"{"reason":"solved"}"#)
        .refused(&[Code::ConversationEnded]);
    const TYPING: About =
        About::new("Show that the agent types", "Told to who is connected; nothing is stored.")
            .body(gestures::NOTHING)
            .refused(&[Code::ConversationEnded]);
    const SEEN: About = About::new(
        "Tell what the agent has read",
        "Journaled where it moves forward, at most once a second: the newest wins.",
    )
    .body(gestures::READ)
    .example(r#"{"up_to":2}"#)
    .refused(&[Code::ConversationEnded]);
    const RECONNECT: About = About::new(
        "Have the widgets connect anew",
        "Closes the conversation's sockets with 4004: they resume, with a token.",
    )
    .body(gestures::NOTHING)
    .refused(&[Code::ConversationEnded]);
    let post = Method::POST;
    vec![
        Route::scoped(post.clone(), "/v1/conversations/{id}/messages", WRITE, MESSAGE, commands::message),
        Route::scoped(
            post.clone(),
            "/v1/conversations/{id}/authentication-request",
            WRITE,
            ASK,
            commands::request_authentication,
        ),
        Route::scoped(Method::PUT, "/v1/conversations/{id}/assignment", WRITE, ASSIGN, commands::assign),
        Route::scoped(post.clone(), "/v1/conversations/{id}/end", WRITE, END, commands::end),
        Route::scoped(post.clone(), "/v1/conversations/{id}/typing", WRITE, TYPING, gestures::typing),
        Route::scoped(post.clone(), "/v1/conversations/{id}/read", WRITE, SEEN, gestures::read),
        Route::scoped(post, "/v1/conversations/{id}/reconnect", WRITE, RECONNECT, gestures::reconnect),
    ]
}

fn of_revocations() -> Vec<Route> {
    const MAKE: About = About::new(
        "Revoke",
        "Revokes tokens by exactly one target: an identity, a key by name or fingerprint, one conversation's \
         authentication, or everyone's. Whose tenant and which conversation it is about is judged before anything \
         else in the body. With an id, the same again gives the same answer.",
    )
    .body(revocation_body::MEMBERS)
    .example(r#"{"tenant":"contoso","subject":"customer-1","issuer":"https://www.contoso.com","id":"stolen-1"}"#)
    .besides(docs::one_target)
    .refused(&[
        Code::TenantForbidden,
        Code::UnknownConversation,
        Code::ConversationEnded,
        Code::IdConflict,
        Code::TooManyRevocations,
    ]);
    const LIST: About =
        About::new("Revocations", "Those in force for the client's tenants, the newest first.")
            .query(revocations::LIST);
    const LIFT: About =
        About::new("Lift a revocation", "Tokens that it touched are judged anew from then on.")
            .refused(&[Code::UnknownRevocation]);
    let write = Scope::RevocationsWrite;
    vec![
        Route::scoped(Method::GET, "/v1/revocations", Scope::RevocationsRead, LIST, revocations::list),
        Route::scoped(Method::POST, "/v1/revocations", write, MAKE, revocations::revoke),
        Route::scoped(Method::DELETE, "/v1/revocations/{id}", write, LIFT, revocations::lift),
    ]
}

fn of_keys() -> Vec<Route> {
    const SHOW: About = About::new(
        "A tenant's keys",
        "The keys that the tenant's tokens are judged by, as they are held: until when, what was faulty, why the last \
         fetch failed. Public parts alone.",
    )
    .refused(&[Code::InvalidRequest, Code::TenantForbidden, Code::NoKeyEndpoint]);
    const REFRESH: About = About::new(
        "Fetch a tenant's keys now",
        "Fetches the keys and answers with what is held then. Where that fails, those held before stay.",
    )
    .body(gestures::NOTHING)
    .refused(&[Code::TenantForbidden, Code::NoKeyEndpoint, Code::KeyFetchFailed]);
    vec![
        Route::scoped(Method::GET, "/v1/tenants/{tenant}/keys", Scope::KeysRead, SHOW, keys::show),
        Route::scoped(
            Method::POST,
            "/v1/tenants/{tenant}/keys/refresh",
            Scope::KeysWrite,
            REFRESH,
            keys::refresh,
        ),
    ]
}
