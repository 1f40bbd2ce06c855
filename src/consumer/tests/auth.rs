//! Who may call, in which order refusals come, and what they look like.

use axum::body::Body;
use axum::http::{Method, Request, header};

use super::{ALPHA, Node, ROOT, at, request};

/// A call for each route: method, what follows the conversation's path (or the whole path), body.
const CALLS: [(Method, &str, &str); 5] = [
    (Method::GET, "", ""),
    (Method::GET, "/events", ""),
    (Method::POST, "/messages", r#"{"id":"m1","text":"hello"}"#),
    (Method::PUT, "/assignment", r#"{"queue":"vip"}"#),
    (Method::POST, "/end", "{}"),
];

#[tokio::test]
async fn without_a_valid_key_every_call_is_401_with_a_challenge() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut paths =
        vec![(Method::GET, "/v1/events".to_owned()), (Method::GET, "/v1/conversations".to_owned())];
    paths.extend(CALLS.map(|(method, rest, _)| (method, at(&place, rest))));
    for (method, path) in paths {
        for key in
            ["", "nobody.first", "alpha", "alpha.", "alpha.wrong", "alpha.firs", "alpha.first ,", ".first"]
        {
            let answer = node.send(method.clone(), key, &path, "{").await;
            assert_eq!((answer.status, answer.code()), (401, "unauthorized"), "{method} {path} {key}");
            let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.starts_with("Bearer realm=\"usher\""), "{challenge}");
            assert_eq!(challenge.contains("invalid_token"), !key.is_empty(), "{challenge}");
        }
    }
}

#[tokio::test]
async fn only_one_bearer_header_is_a_key() {
    let node = Node::start();
    let status = async |values: &[&str]| {
        let mut request = Request::get("/v1/conversations");
        for value in values {
            request = request.header(header::AUTHORIZATION, *value);
        }
        node.answer(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(status(&["bearer alpha.first"]).await, 200, "the scheme's case does not matter");
    assert_eq!(status(&["Basic alpha.first"]).await, 401);
    assert_eq!(status(&["Beareralpha.first"]).await, 401);
    assert_eq!(status(&["Bearer alpha.first", "Bearer alpha.first"]).await, 401);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_are_taken() {
    let node = Node::start();
    for (key, status) in [("alpha.first", 200), ("alpha.second", 200), ("alpha.third", 401)] {
        assert_eq!(node.get(key, "/v1/conversations").await.status, status, "{key}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_403_before_tenant_conversation_and_body_are_looked_at() {
    let node = Node::start();
    let calls = [
        (Method::GET, "lists.first", "/v1/events?tenant=beta&bad", "events:read"),
        (Method::GET, "events.first", "/v1/conversations?tenant=beta&bad", "conversations:read"),
        (Method::GET, "events.first", "/v1/conversations/none", "conversations:read"),
        (Method::GET, "lists.first", "/v1/conversations/none/events", "events:read"),
        (Method::POST, "lists.first", "/v1/conversations/none/messages", "conversations:write"),
        (Method::PUT, "lists.first", "/v1/conversations/none/assignment", "conversations:write"),
        (Method::POST, "lists.first", "/v1/conversations/none/end", "conversations:write"),
    ];
    for (method, key, path, scope) in calls {
        let answer = node.send(method, key, path, "{").await;
        assert_eq!((answer.status, answer.code()), (403, "insufficient_scope"), "{path}");
        assert!(answer.detail().contains(scope), "{}", answer.detail());
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_the_clients_is_403_whether_it_exists_or_not() {
    let node = Node::start();
    for path in ["/v1/conversations", "/v1/events"] {
        let mut details = Vec::new();
        for tenant in ["beta", "none", "No%20Tenant"] {
            let answer = node.get(ALPHA, &format!("{path}?tenant={tenant}&bad=1")).await;
            assert_eq!((answer.status, answer.code()), (403, "tenant_forbidden"), "{path} {tenant}");
            details.push(answer.detail().to_owned());
        }
        assert!(details.iter().all(|detail| *detail == details[0]), "{details:?}");
    }
    assert_eq!(node.get(ALPHA, "/v1/conversations?tenant=alpha").await.status, 200);
    assert_eq!(node.get(ROOT, "/v1/conversations?tenant=beta").await.status, 200);
    assert_eq!(node.get(ROOT, "/v1/conversations?tenant=none").await.status, 403);
}

#[tokio::test]
async fn another_tenants_conversation_is_answered_as_one_that_is_not() {
    let node = Node::start();
    let foreign = node.anonymous("beta").await;
    for (method, rest, body) in CALLS {
        let mut seen = Vec::new();
        let unused = "/v1/conversations/01990000-0000-7000-8000-000000000000".to_owned() + rest;
        let malformed = "/v1/conversations/%FF".to_owned() + rest;
        for path in [at(&foreign, rest), unused, malformed] {
            let mut answer = node.send(method.clone(), ALPHA, &path, body).await;
            assert_eq!((answer.status, answer.code()), (404, "unknown_conversation"), "{method} {path}");
            answer.body["correlation_id"] = "".into();
            answer.headers.remove(header::CONTENT_LENGTH);
            seen.push((answer.headers, answer.body));
        }
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
        let faulty = node.send(method.clone(), ALPHA, &at(&foreign, &format!("{rest}?bad=1")), "{").await;
        assert_eq!(faulty.status, 404, "what is wrong with the request is not looked at: {method} {rest}");
    }
    let untouched = node.journal.read_last(foreign.id, 9).await.unwrap().unwrap();
    assert_eq!(untouched.entries.len(), 1, "nothing was done to it");
    assert_eq!(node.get(ROOT, &at(&foreign, "")).await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_problems_too() {
    let node = Node::start();
    for path in ["/", "/v1", "/v1/conversations/", "/v1/webhooks", "/metrics"] {
        let answer = node.get(ALPHA, path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/conversations", "GET,HEAD"),
        (Method::POST, "/v1/events", "GET,HEAD"),
        (Method::GET, "/v1/conversations/x/messages", "POST"),
        (Method::POST, "/v1/conversations/x/assignment", "PUT"),
    ] {
        let answer = node.send(method, ALPHA, path, "{}").await;
        assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"), "{path}");
        assert_eq!(answer.headers[header::ALLOW], allow, "{path}");
    }
}

#[tokio::test]
async fn a_problem_has_the_form_of_rfc_9457_and_a_correlation_id_of_its_own() {
    let node = Node::start();
    let (first, second) = (node.get(ALPHA, "/none").await, node.get("", "/v1/events").await);
    let mut ids = Vec::new();
    for answer in [&first, &second] {
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.body["status"], answer.status);
        assert_eq!(answer.body["temporary"], false);
        assert!(!answer.detail().is_empty() && answer.body["title"].is_string());
        let id = answer.body["correlation_id"].as_str().unwrap();
        assert!(id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_key_in_the_query_is_no_key_and_is_not_repeated() {
    let node = Node::start();
    let plain = request(Method::GET, "", "/v1/conversations?access_token=alpha.first");
    assert_eq!(node.answer(plain.body(Body::empty()).unwrap()).await.status, 401);
    let answer = node.get(ALPHA, "/v1/conversations?access_token=alpha.first").await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
    assert!(
        answer.detail().contains("access_token") && !answer.detail().contains("first"),
        "{}",
        answer.detail()
    );
}
