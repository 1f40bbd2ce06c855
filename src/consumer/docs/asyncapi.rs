//! The AsyncAPI 3.0 document of the widget protocol, made from the frames, the codes and the reasons for a close.

use serde_json::{Map, Value, json};

use crate::wire::{ClientFrame, Close, SUBPROTOCOL, ServerFrame, without_nulls};

use super::openapi::{generator, pascal};

/// What is said once for all frames.
const GUIDE: &str = include_str!("widgets.md");
const CHANNEL: &str = "#/channels/chat";

/// The document; `message_characters` is the configured length of a message.
pub(super) fn document(message_characters: usize) -> Value {
    let mut generator = generator("/components/schemas");
    let mut messages = Map::new();
    let mut from_client = ClientFrame::schemas(&mut generator);
    if let Some((_, message)) = from_client.iter_mut().find(|(kind, _)| kind == "message") {
        let text = &mut message["properties"]["text"];
        text["minLength"] = 1.into();
        text["maxLength"] = message_characters.into();
        text["pattern"] = "\\S".into();
    }
    let sent = take(&mut messages, "Client", from_client);
    let received = take(&mut messages, "Server", ServerFrame::schemas(&mut generator));
    let in_channel: Map<_, _> = messages
        .keys()
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "usher: the widget protocol",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0" },
            "description": GUIDE,
        },
        "defaultContentType": "application/json",
        "channels": { "chat": {
            "address": "/chat/{tenant}/{widget}",
            "description": "One WebSocket of a widget.",
            "parameters": {
                "tenant": { "description": "The tenant's id: [a-z0-9][a-z0-9-]{0,62}." },
                "widget": { "description": "The widget's id: [a-z0-9][a-z0-9-]{0,62}." },
            },
            "messages": in_channel,
            "bindings": { "ws": { "method": "GET", "headers": {
                "type": "object",
                "properties": { "Sec-WebSocket-Protocol": { "type": "string", "const": SUBPROTOCOL } },
            } } },
        } },
        "operations": {
            "fromWidget": operation("receive", "What widgets send.", &sent),
            "toWidget": operation("send", "What the gateway sends.", &received),
        },
        "components": { "messages": messages, "schemas": generator.take_definitions(true) },
        "x-close-codes": Close::ALL.map(close),
    });
    without_nulls(&mut document);
    document
}

/// Takes frames over as messages; their names.
fn take(messages: &mut Map<String, Value>, side: &str, frames: Vec<(String, Value)>) -> Vec<String> {
    let mut names = Vec::new();
    for (kind, schema) in frames {
        let name = format!("{side}{}", pascal(&kind));
        messages.insert(name.clone(), json!({ "name": kind, "title": kind, "payload": schema }));
        names.push(name);
    }
    names
}

fn operation(action: &str, about: &str, messages: &[String]) -> Value {
    let messages: Vec<_> =
        messages.iter().map(|name| json!({ "$ref": format!("{CHANNEL}/messages/{name}") })).collect();
    json!({ "action": action, "channel": { "$ref": CHANNEL }, "summary": about, "messages": messages })
}

/// Why a socket is closed, and whether to come back.
fn close(close: Close) -> Value {
    json!({ "code": close.code(), "slug": close.slug(), "meaning": close.meaning(), "reconnect": close.is_passing() })
}
