//! What handlers answer. The type of the answer says status and content, so that the document can't say another.

use std::marker::PhantomData;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

/// The schema of any event.
pub(super) const EVENT_REF: &str = "#/components/schemas/Event";

/// An answer that describes itself.
pub(super) trait Answer: IntoResponse {
    const STATUS: StatusCode;
    /// What it is, in a sentence.
    const ABOUT: &str;

    /// The contents it may have, by media type; none where it has no body.
    fn content(_: &mut SchemaGenerator) -> Option<Value> {
        None
    }
}

/// JSON text of a `T`.
#[derive(Debug)]
pub(super) struct Written<T>(String, PhantomData<fn() -> T>);

impl<T> Written<T> {
    /// The text of a value.
    pub(super) fn of(value: &T) -> Self
    where
        T: Serialize,
    {
        Self::as_if(value)
    }

    /// The text of a value of the same type but for lifetimes.
    pub(super) fn as_if(value: &impl Serialize) -> Self {
        Self::raw(serde_json::to_string(value).expect("an answer has string keys and finite numbers only"))
    }

    /// A text that is JSON already.
    pub(super) const fn raw(text: String) -> Self {
        Self(text, PhantomData)
    }
}

/// Any event as consumers read it.
#[derive(Debug)]
pub(super) struct AnyEvent;

impl JsonSchema for AnyEvent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "$ref": EVENT_REF })
    }
}

/// 200 with what was asked for.
#[derive(Debug)]
pub(super) struct Shown<T>(pub(super) Written<T>);

/// 201 with what was made.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) Written<T>);

/// 202: taken, and told to whom it concerns.
#[derive(Debug)]
pub(super) struct Accepted;

/// 204: done.
#[derive(Debug)]
pub(super) struct NoContent;

/// 200 with a page of a list.
#[derive(Debug)]
pub(super) struct Page<T>(String, PhantomData<fn() -> T>);

/// 200 with events that go on coming.
#[derive(Debug)]
pub(super) struct Stream(pub(super) Response);

impl<T> Page<T> {
    /// A page of these items; `cursor` is where the next one begins, if there is one.
    pub(super) fn of(items: impl Iterator<Item = Written<T>>, cursor: Option<String>) -> Self {
        let mut body = String::from("{\"items\":[");
        for (at, item) in items.enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(&item.0);
        }
        body.push(']');
        if let Some(cursor) = cursor {
            // In the alphabet of base64url: nothing to escape.
            body.push_str(",\"cursor\":\"");
            body.push_str(&cursor);
            body.push('"');
        }
        body.push('}');
        Self(body, PhantomData)
    }
}

fn json_of(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn json_answer(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl<T> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        json_answer(StatusCode::OK, self.0.0)
    }
}

impl<T: JsonSchema> Answer for Shown<T> {
    const STATUS: StatusCode = StatusCode::OK;
    const ABOUT: &str = "What was asked for.";

    fn content(generator: &mut SchemaGenerator) -> Option<Value> {
        Some(json_of(&generator.subschema_for::<T>().to_value()))
    }
}

impl<T> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        json_answer(StatusCode::CREATED, self.0.0)
    }
}

impl<T: JsonSchema> Answer for Created<T> {
    const STATUS: StatusCode = StatusCode::CREATED;
    const ABOUT: &str = "It is durable. The same request once more is answered the same.";

    fn content(generator: &mut SchemaGenerator) -> Option<Value> {
        Some(json_of(&generator.subschema_for::<T>().to_value()))
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

impl Answer for Accepted {
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ABOUT: &str = "Who is connected is told; nothing is stored.";
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Answer for NoContent {
    const STATUS: StatusCode = StatusCode::NO_CONTENT;
    const ABOUT: &str = "Done.";
}

impl<T> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        json_answer(StatusCode::OK, self.0)
    }
}

impl<T: JsonSchema> Answer for Page<T> {
    const STATUS: StatusCode = StatusCode::OK;
    const ABOUT: &str = "A page. Where there is a cursor, there is another one.";

    fn content(generator: &mut SchemaGenerator) -> Option<Value> {
        let item = generator.subschema_for::<T>().to_value();
        Some(json_of(&json!({
            "type": "object",
            "properties": { "items": { "type": "array", "items": item }, "cursor": { "type": "string" } },
            "required": ["items"],
        })))
    }
}

impl IntoResponse for Stream {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Answer for Stream {
    const STATUS: StatusCode = StatusCode::OK;
    const ABOUT: &str = "Events, for as long as the connection stands. text/event-stream unless Accept names \
                         application/x-ndjson first.";

    fn content(_: &mut SchemaGenerator) -> Option<Value> {
        let sse = "Records of `id:` (the event's position) and `data:` (the event on one line), without `event:`. One \
                   of `id:` alone is a sign of life, every 15 s at the least: go on from there. One of `data:` alone \
                   is typing, which has no position.";
        let lines = "An event a line. An empty line is a sign of life, every 15 s at the least.";
        let schema = |about: &str| json!({ "schema": { "type": "string", "description": about } });
        Some(json!({ "text/event-stream": schema(sse), "application/x-ndjson": schema(lines) }))
    }
}
