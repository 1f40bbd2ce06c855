//! The documents are about what is served, all of it and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::consumer::docs::Documents;
use crate::consumer::problem::Code;
use crate::consumer::routes::routes;
use crate::wire::{ClientFrame, Close, EVENT_TYPES, TYPING_TYPE};

use super::{ALPHA, Node};

/// Characters of a message where nothing is configured.
const MESSAGE_CHARACTERS: usize = 6000;
/// With this in the environment the files are written rather than compared.
const REWRITE: &str = "USHER_GOLDEN";

fn documents() -> Documents {
    Documents::new(&routes(), MESSAGE_CHARACTERS)
}

fn openapi() -> Value {
    serde_json::from_slice(documents().openapi.bytes()).unwrap()
}

/// Every operation of the document: method, path, what it says.
fn operations(document: &Value) -> Vec<(Method, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| {
            let method = method.to_ascii_uppercase().parse().unwrap();
            (method, path.clone(), operation.clone())
        })
    });
    operations.collect()
}

#[test]
fn the_documents_in_the_repository_are_those_that_are_served() {
    let documents = documents();
    for (name, document) in [("openapi.json", &documents.openapi), ("asyncapi.json", &documents.asyncapi)] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os(REWRITE).is_some() {
            std::fs::write(&file, document.bytes()).unwrap();
        }
        let kept = std::fs::read(&file).unwrap_or_default();
        assert!(kept == document.bytes(), "docs/{name} is not what is served: `make golden` writes it anew");
    }
}

#[tokio::test]
async fn what_is_documented_is_served_and_what_is_served_is_documented() {
    let (node, document) = (Node::start(), openapi());
    let operations = operations(&document);
    let of_table: BTreeSet<_> =
        routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let documented: BTreeSet<_> =
        operations.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(documented, of_table);
    for (_, path, _) in &operations {
        let real = path.replace("{id}", "x").replace("{tenant}", "x");
        let answer = node.send(Method::TRACE, ALPHA, &real, "").await;
        assert_eq!(answer.status, 405, "{path}");
        let served = answer.headers[header::ALLOW].to_str().unwrap().split(',').filter(|one| *one != "HEAD");
        let served: BTreeSet<_> = served.map(|method| format!("{method} {path}")).collect();
        let of_path = documented.iter().filter(|one| one.split_once(' ').unwrap().1 == path);
        assert_eq!(served, of_path.cloned().collect(), "{path}");
    }
}

#[test]
fn every_code_of_a_problem_is_documented_where_it_is_answered() {
    let document = openapi();
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.row().1).collect();
    let named =
        document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap();
    assert_eq!(named.iter().map(|code| code.as_str().unwrap()).collect::<BTreeSet<_>>(), all);
    let mut answered = BTreeSet::new();
    for (_, _, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let problem = &response["content"]["application/problem+json"]["schema"];
            for code in problem["properties"]["code"]["enum"].as_array().into_iter().flatten() {
                let code = Code::ALL.iter().find(|one| one.row().1 == code).unwrap();
                assert_eq!(code.row().0.as_str(), status);
                answered.insert(code.row().1);
            }
        }
    }
    // These two belong to no operation: the guide tells them.
    let elsewhere = ["method_not_allowed", "not_found"];
    let guide = document["info"]["description"].as_str().unwrap();
    assert!(elsewhere.iter().all(|code| guide.contains(code)));
    answered.extend(elsewhere);
    assert_eq!(answered, all);
}

#[test]
fn every_type_of_event_has_a_schema() {
    let document = openapi();
    let event = &document["components"]["schemas"]["Event"];
    let mapped = event["discriminator"]["mapping"].as_object().unwrap();
    let types: BTreeSet<_> = EVENT_TYPES.into_iter().chain([TYPING_TYPE]).collect();
    assert_eq!(mapped.keys().map(String::as_str).collect::<BTreeSet<_>>(), types);
    for (kind, reference) in mapped {
        let place = reference.as_str().unwrap().trim_start_matches('#');
        let schema = document.pointer(place).unwrap();
        assert_eq!(schema["properties"]["type"]["const"], **kind);
        let required = schema["properties"]["data"]["required"].as_array().unwrap();
        assert!(required.iter().any(|one| one == "authentication"), "{kind}");
        assert_eq!(required.iter().any(|one| one == "sequence"), kind != TYPING_TYPE, "{kind}");
    }
}

#[test]
fn every_frame_and_every_close_code_is_documented() {
    let document: Value = serde_json::from_slice(documents().asyncapi.bytes()).unwrap();
    let messages = document["components"]["messages"].as_object().unwrap();
    let sent = |side: &str| messages.keys().filter(|name| name.starts_with(side)).count();
    assert_eq!((sent("Client"), sent("Server")), (10, 15), "as many as the protocol's tables have rows");
    for (name, message) in messages {
        assert_eq!(message["payload"]["properties"]["type"]["const"], message["name"], "{name}");
    }
    // What the document says is taken is taken: each frame of the widget's, with what it needs and no more.
    for (name, message) in messages.iter().filter(|(name, _)| name.starts_with("Client")) {
        let payload = &message["payload"];
        let needed = payload["required"].as_array().unwrap().iter().map(|field| field.as_str().unwrap());
        let fields = needed.map(|field| {
            let value = match (field, payload["properties"][field]["type"].as_str().unwrap()) {
                ("type", _) => message["name"].clone(),
                (_, "string") => "x".into(),
                (_, "integer") => 1.into(),
                (_, "object") => Value::Object(serde_json::Map::new()),
                other => panic!("{name}: {other:?}"),
            };
            (field.to_owned(), value)
        });
        let frame: serde_json::Map<_, _> = fields.collect();
        for field in frame.keys() {
            let mut without = frame.clone();
            without.remove(field);
            let without = Value::Object(without).to_string();
            assert!(ClientFrame::parse(&without).is_err(), "{name} needs {field}");
        }
        let frame = Value::Object(frame).to_string();
        assert_eq!(ClientFrame::parse(&frame).unwrap().kind(), message["name"], "{frame}");
    }
    assert!(!document.to_string().contains("x-optional"), "a mark that was meant for the making alone");
    let closes = document["x-close-codes"].as_array().unwrap();
    assert_eq!(closes.len(), Close::ALL.len());
    for close in closes {
        let code = close["code"].as_u64().unwrap();
        assert_eq!(close["reconnect"] == true, matches!(code, 1011..=1013 | 4000..=4499), "{code}");
    }
}

#[test]
fn every_operation_says_who_may_call_and_is_told_apart() {
    let document = openapi();
    let operations = operations(&document);
    let ids: BTreeSet<_> = operations.iter().map(|one| one.2["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for (method, path, operation) in &operations {
        let security = operation["security"].as_array().unwrap();
        let is_for_clients = path.starts_with("/v1/") || path == "/oauth/token";
        assert_eq!(!security.is_empty(), is_for_clients, "{method} {path}");
        for one in security {
            assert!(
                one.as_object().unwrap().keys().all(|name| schemes.contains_key(name)),
                "{method} {path}"
            );
        }
        assert!(!operation["description"].as_str().unwrap().is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn anybody_may_read_the_documents_and_caches_keep_them() {
    let node = Node::start();
    for (path, media_type) in [
        ("/openapi.json", "application/json"),
        ("/asyncapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
    ] {
        let get = |tag: &str| {
            let request = Request::get(path).header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
            node.router.clone().oneshot(request)
        };
        let fresh = get("\"other\"").await.unwrap();
        assert_eq!(fresh.status(), StatusCode::OK, "{path}");
        assert_eq!(fresh.headers()[header::CONTENT_TYPE], media_type);
        assert_eq!(fresh.headers()[header::CACHE_CONTROL], "public, no-cache");
        let tag = fresh.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert!(!fresh.into_body().collect().await.unwrap().to_bytes().is_empty());
        for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".to_owned()] {
            let kept = get(&known).await.unwrap();
            assert_eq!(kept.status(), StatusCode::NOT_MODIFIED, "{path} {known}");
            assert_eq!(kept.headers()[header::ETAG], *tag);
            assert!(kept.into_body().collect().await.unwrap().to_bytes().is_empty());
        }
    }
}

#[tokio::test]
async fn the_page_needs_no_script_and_nothing_from_elsewhere() {
    let node = Node::start();
    let request = Request::get("/docs").body(Body::empty()).unwrap();
    let answer = node.router.clone().oneshot(request).await.unwrap();
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let page = answer.into_body().collect().await.unwrap().to_bytes();
    let page = std::str::from_utf8(&page).unwrap();
    for absent in ["<script", "<img", "<link", " style=", " src=", "href=\"http"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for (method, path, operation) in operations(&openapi()) {
        assert!(page.contains(&path) && page.contains(method.as_str()), "{method} {path}");
        assert!(page.contains(&format!("id=\"{}\"", operation["operationId"].as_str().unwrap())), "{path}");
    }
    for link in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "nothing is at #{link}");
    }
    for code in Code::ALL {
        assert!(page.contains(code.row().1), "{code:?}");
    }
}
