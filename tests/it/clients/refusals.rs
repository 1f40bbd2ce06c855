//! In which order refusals come, for every endpoint: 401, 403, 404.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::setup::{FABRIKAMS, READER, ROUTER};
use crate::support::widget::Widget;

use super::{call, plain, token};

/// What there is of a conversation: method, what follows its path, a right body, whether the reader lacks the scope.
const OF_A_CONVERSATION: [(&str, &str, &str, bool); 9] = [
    ("GET", "", "", false),
    ("GET", "/events", "", false),
    ("POST", "/messages", r#"{"id":"m1","text":"hello"}"#, true),
    ("POST", "/typing", "{}", true),
    ("POST", "/read", r#"{"up_to":1}"#, true),
    ("PUT", "/assignment", r#"{"queue":"vip"}"#, true),
    ("POST", "/authentication-request", r#"{"id":"a1"}"#, true),
    ("POST", "/reconnect", "{}", true),
    ("POST", "/end", "{}", true),
];
/// What there is besides: method, path, a body, and whether the reader lacks the scope.
const OTHERS: [(&str, &str, &str, bool); 7] = [
    ("GET", "/v1/events", "", false),
    ("GET", "/v1/conversations", "", false),
    ("GET", "/v1/revocations", "", true),
    ("POST", "/v1/revocations", "{", true),
    ("DELETE", "/v1/revocations/none", "", true),
    ("GET", "/v1/tenants/contoso/keys", "", true),
    ("POST", "/v1/tenants/contoso/keys/refresh", "{}", true),
];

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

#[tokio::test]
async fn each_endpoint_refuses_in_this_order_who_asks_then_what_for_then_about_what() {
    let usher = plain().await;
    let of_a_conversation = OF_A_CONVERSATION.map(|(method, rest, body, lacks)| {
        (method, format!("/v1/conversations/01990000-0000-7000-8000-000000000000{rest}"), body, lacks)
    });
    let others = OTHERS.map(|(method, path, body, lacks)| (method, path.to_owned(), body, lacks));
    let read_token = token(&usher, READER).await;
    for (name, path, body, reader_lacks) in of_a_conversation.into_iter().chain(others) {
        let unknown_token = format!("usher_at_{}", "A".repeat(43));
        for key in ["nobody.secret", "router.wrong", &unknown_token] {
            let (response, body) = call(&usher, key, method(name), &path, "{").await;
            assert_eq!(
                (response.status().as_u16(), &body["code"]),
                (401, &json!("unauthorized")),
                "{name} {path}"
            );
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer realm=\"usher\", error=\"invalid_token\""), "{challenge}");
        }
        if reader_lacks {
            for key in [READER, &read_token] {
                let (response, body) = call(&usher, key, method(name), &path, "{").await;
                let told = (response.status().as_u16(), &body["code"]);
                assert_eq!(told, (403, &json!("insufficient_scope")), "{name} {path}");
                assert!(response.headers().contains_key("www-authenticate"));
            }
        }
        if path.contains("/0199") {
            let (response, answer) = call(&usher, ROUTER, method(name), &path, body).await;
            assert_eq!(response.status(), 404, "{name} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_client_of_one_tenant_cannot_tell_anothers_conversation_from_none() {
    let usher = plain().await;
    let (_widget, started) = Widget::open(&usher, "contoso/open", json!({ "type": "start" })).await;
    let foreign = started["conversation"].as_str().unwrap().to_owned();
    let none = "01990000-0000-7000-8000-000000000000";
    for key in [FABRIKAMS.to_owned(), token(&usher, FABRIKAMS).await] {
        for (name, rest, body, _) in OF_A_CONVERSATION {
            let told = async |id: &str| {
                let path = format!("/v1/conversations/{id}{rest}");
                let (response, body) = call(&usher, &key, method(name), &path, body).await;
                alike(&response, body)
            };
            assert_eq!(told(&foreign).await, told(none).await, "{name} {rest}");
            assert_eq!(told(&foreign).await.0, 404, "{name} {rest}");
        }
        let revoked = async |id: &str| {
            let body = json!({ "conversation": id }).to_string();
            let (response, body) = call(&usher, &key, Method::POST, "/v1/revocations", &body).await;
            alike(&response, body)
        };
        assert_eq!(revoked(&foreign).await, revoked(none).await);
        assert_eq!(revoked(&foreign).await.0, 404);
        let tenant = async |name: &str| {
            let path = format!("/v1/conversations?tenant={name}");
            let (response, body) = call(&usher, &key, Method::GET, &path, "").await;
            alike(&response, body)
        };
        assert_eq!(tenant("contoso").await, tenant("nobody").await);
        assert_eq!(tenant("contoso").await.0, 403);
        assert!(Consumer::new(&usher, &key).all("/v1/conversations").await.is_empty());
    }
    let by_router = Consumer::new(&usher, ROUTER).summary(&foreign).await;
    assert_eq!(by_router["status"], "open", "nothing of all this did anything");
}

/// What an answer tells: its status, its header fields and its body, without what is anew in each.
fn alike(response: &reqwest::Response, mut body: Value) -> (u16, Vec<(String, String)>, Value) {
    body["correlation_id"] = Value::Null;
    let fields = response.headers().iter().filter(|(name, _)| *name != "date");
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    fields.sort();
    (response.status().as_u16(), fields, body)
}
