//! Making, listing and lifting revocations.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use super::{ALPHA, Answer, KEPT_FOR, Node, ROOT, authenticated};
use crate::domain::time::UnixTime;
use crate::journal::Fault;

/// Every scope, the tenant `alpha`.
const OTHER: &str = "other.first";
const LISTS: &str = "lists.first";

impl Node {
    async fn revoke(&self, key: &str, body: &Value) -> Answer {
        self.send(Method::POST, key, "/v1/revocations", &body.to_string()).await
    }

    async fn revoked(&self, key: &str, body: &Value) -> String {
        let answer = self.revoke(key, body).await;
        assert_eq!(answer.status, 201, "{body}: {answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    async fn lift(&self, key: &str, id: &str) -> Answer {
        self.send(Method::DELETE, key, &format!("/v1/revocations/{id}"), "").await
    }

    async fn revocations(&self, key: &str) -> Vec<Value> {
        self.get(key, "/v1/revocations").await.items().to_vec()
    }

    /// Until the clock shows another instant, so that each revocation has its own.
    async fn tick(&self) {
        let now = self.clock.now();
        while self.clock.now() == now {
            tokio::task::yield_now().await;
        }
    }

    fn soon(&self) -> UnixTime {
        self.clock.now().plus(Duration::from_hours(1))
    }
}

fn print() -> String {
    "0f".repeat(32)
}

#[tokio::test]
async fn each_kind_is_listed_with_its_own_members_the_newest_first() {
    let node = Node::start();
    let place = node.begin("alpha", authenticated("ada", node.soon())).await;
    let at = "2026-01-31T12:00:00.500Z";
    let targets = [
        json!({"tenant": "alpha", "subject": "ada", "issuer": "https://shop.example", "issued_before": at}),
        json!({"tenant": "alpha", "kid": "a/b+c="}),
        json!({"tenant": "alpha", "fingerprint": print()}),
        json!({"tenant": "alpha", "everyone": true, "issued_before": "2026-01-31T13:00:00.5+01:00"}),
        json!({"conversation": place.id.to_string()}),
    ];
    let mut expected = Vec::new();
    for target in &targets {
        let id = node.revoked(ALPHA, target).await;
        let mut item = target.clone();
        item["id"] = id.into();
        item["tenant"] = "alpha".into();
        item["client"] = "alpha".into();
        expected.insert(0, item);
        node.tick().await;
    }
    expected[1]["issued_before"] = at.into();
    let listed = node.revocations(ALPHA).await;
    let until = UnixTime::parse_rfc3339(at).unwrap().plus(KEPT_FOR).to_string();
    for (mut item, expected) in listed.into_iter().zip(&expected) {
        let members = item.as_object_mut().unwrap();
        let created_at = members.remove("created_at").unwrap();
        let created_at = UnixTime::parse_rfc3339(created_at.as_str().unwrap()).unwrap();
        assert!(members.remove("matched").unwrap().is_u64());
        let kept = members.remove("until");
        let expected_until = match expected.get("issued_before") {
            Some(_) => Some(json!(until)),
            None => expected.get("conversation").map(|_| json!(created_at.plus(KEPT_FOR).to_string())),
        };
        assert_eq!((&item, kept), (expected, expected_until));
    }
    assert_eq!(node.metrics.revocations.get(), 5);
}

#[tokio::test]
async fn matched_counts_the_open_conversations_of_the_tenant_that_such_tokens_authenticate() {
    let node = Node::start();
    let end = node.soon();
    for (tenant, sub) in [("alpha", "ada"), ("alpha", "ada"), ("alpha", "bob"), ("beta", "ada")] {
        node.begin(tenant, authenticated(sub, end)).await;
    }
    node.begin("alpha", authenticated("ada", node.clock.now())).await;
    node.anonymous("alpha").await;
    let issued_at = end.minus(Duration::from_mins(1));
    let after = |millis: i64| UnixTime::from_millis(issued_at.millis() + millis).to_string();
    let ada = |millis| {
        json!({"tenant": "alpha", "subject": "ada", "issuer": "https://shop.example",
               "issued_before": after(millis)})
    };
    let cases = [
        (ada(-1), 0),
        (ada(0), 0),
        (json!({"tenant": "alpha", "kid": "07"}), 0),
        (
            json!({"tenant": "alpha", "subject": "ada", "issuer": "https://else.example",
                "issued_before": after(1)}),
            0,
        ),
        (ada(1), 2),
    ];
    for (body, matched) in cases {
        let answer = node.revoke(ALPHA, &body).await;
        assert_eq!((answer.status, &answer.body["matched"]), (201, &json!(matched)), "{body}");
    }
    let everyone = json!({"tenant": "beta", "everyone": true, "issued_before": after(1)});
    assert_eq!(node.revoke(ROOT, &everyone).await.body["matched"], 1);
}

#[tokio::test]
async fn without_an_instant_it_is_the_second_after_now() {
    let node = Node::start();
    let before = node.clock.now();
    node.revoked(ALPHA, &json!({"tenant": "alpha", "everyone": true})).await;
    let after = node.clock.now();
    let listed = node.revocations(ALPHA).await;
    let instant = UnixTime::parse_rfc3339(listed[0]["issued_before"].as_str().unwrap()).unwrap();
    assert_eq!(instant.millis() % 1000, 0);
    assert!((before.ceil_to_second()..=after.ceil_to_second()).contains(&instant), "{instant}");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_at_once() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let conversation = place.id.to_string();
    let cases: [(Value, &[&str]); 19] = [
        (json!({}), &["exactly one target must be there"]),
        (json!({"tenant": "alpha"}), &["exactly one target must be there"]),
        (json!({"tenant": "alpha", "kid": "a", "everyone": true}), &["exactly one target"]),
        (json!({"kid": "a"}), &["tenant is missing"]),
        (json!({"tenant": 1, "kid": "a"}), &["tenant must be a string"]),
        (json!({"tenant": "alpha", "subject": "ada"}), &["issuer is missing"]),
        (json!({"tenant": "alpha", "issuer": "x"}), &["subject is missing"]),
        (
            json!({"tenant": "alpha", "subject": "", "issuer": " "}),
            &["subject must have 1 to 256", "issuer must have 1"],
        ),
        (
            json!({"tenant": "alpha", "subject": "s".repeat(257), "issuer": "i".repeat(513)}),
            &["subject", "issuer"],
        ),
        (json!({"tenant": "alpha", "kid": ""}), &["kid must have 1 to 256 bytes"]),
        (json!({"tenant": "alpha", "kid": "k".repeat(257)}), &["kid must have 1 to 256 bytes"]),
        (json!({"tenant": "alpha", "fingerprint": print().to_uppercase()}), &["64 lower-case"]),
        (json!({"tenant": "alpha", "everyone": false}), &["everyone must be true"]),
        (
            json!({"tenant": "alpha", "everyone": true, "issued_before": "now"}),
            &["issued_before must be a time"],
        ),
        (
            json!({"tenant": "alpha", "kid": "a", "issued_before": "2026-01-31T12:00:00Z"}),
            &["issued_before goes with"],
        ),
        (
            json!({"conversation": conversation, "issued_before": "2026-01-31T12:00:00Z"}),
            &["issued_before goes with"],
        ),
        (json!({"conversation": conversation, "tenant": "alpha"}), &["tenant must be left out"]),
        (json!({"tenant": "alpha", "kid": "a", "id": ""}), &["id must have 1 to 64 characters"]),
        (
            json!({"tenant": "alpha", "fingerprint": 1, "id": "i".repeat(65), "more": 1, "issued_before": 1}),
            &[
                "fingerprint must be a string",
                "id must have",
                "unknown: \"more\"",
                "issued_before must be a string",
                "issued_before goes with",
            ],
        ),
    ];
    for (body, faults) in cases {
        let answer = node.revoke(ALPHA, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}: {answer:?}");
        for fault in faults {
            assert!(answer.detail().contains(fault), "{fault} is not in {}", answer.detail());
        }
    }
    assert_eq!(node.revocations(ALPHA).await, [] as [Value; 0]);
}

#[tokio::test]
async fn refusals_come_in_their_order() {
    let node = Node::start();
    let foreign = node.begin("beta", authenticated("ada", node.soon())).await;
    let body = |tenant: &str| json!({"tenant": tenant, "kid": "", "more": 1});
    let elsewhere = json!({"tenant": "beta", "conversation": "made-up"});
    let cases = [
        ("", body("beta"), 401, "unauthorized"),
        (LISTS, body("beta"), 403, "insufficient_scope"),
        (ALPHA, body("beta"), 403, "tenant_forbidden"),
        (ALPHA, body("nobody"), 403, "tenant_forbidden"),
        (ALPHA, elsewhere, 403, "tenant_forbidden"),
        (ALPHA, json!({"conversation": "made-up", "more": 1}), 404, "unknown_conversation"),
        (ALPHA, json!({"conversation": foreign.id.to_string(), "more": 1}), 404, "unknown_conversation"),
        (ALPHA, body("alpha"), 400, "invalid_request"),
    ];
    for (key, body, status, code) in cases {
        let answer = node.revoke(key, &body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{key} {body}");
    }
    for (key, status) in [("", 401), (LISTS, 403), (ALPHA, 200)] {
        assert_eq!(node.get(key, "/v1/revocations").await.status, status, "{key}");
    }
    for tenant in ["beta", "nobody"] {
        let answer = node.get(ALPHA, &format!("/v1/revocations?tenant={tenant}")).await;
        assert_eq!((answer.status, answer.code()), (403, "tenant_forbidden"));
    }
    for (key, status) in [("", 401), (LISTS, 403), (ALPHA, 404)] {
        assert_eq!(node.lift(key, &"0".repeat(32)).await.status, status, "{key}");
    }
}

#[tokio::test]
async fn a_client_sees_and_lifts_its_own_tenants_alone() {
    let node = Node::start();
    let foreign = node.revoked(ROOT, &json!({"tenant": "beta", "kid": "a"})).await;
    let own = node.revoked(OTHER, &json!({"tenant": "alpha", "kid": "a"})).await;
    assert_eq!(node.get(ALPHA, "/v1/revocations").await.each("id"), [&*own]);
    assert_eq!(node.revocations(ROOT).await.len(), 2);
    assert_eq!(node.get(ROOT, "/v1/revocations?tenant=beta").await.each("id"), [&*foreign]);
    for id in [&*foreign, "made-up", &own.to_uppercase()] {
        let answer = node.lift(ALPHA, id).await;
        assert_eq!((answer.status, answer.code()), (404, "unknown_revocation"), "{id}");
    }
    assert_eq!(node.metrics.revocations.get(), 2);
    let lifted = node.lift(ALPHA, &own).await;
    assert_eq!((lifted.status, lifted.body), (204, Value::Null));
    assert_eq!(node.lift(ALPHA, &own).await.code(), "unknown_revocation");
    assert_eq!(node.revocations(ROOT).await.len(), 1);
    assert_eq!(node.metrics.revocations.get(), 1);
}

#[tokio::test]
async fn pages_hold_still_while_revocations_come_and_go() {
    let node = Node::start();
    let mut made = Vec::new();
    for number in 0..5 {
        made.insert(0, node.revoked(ALPHA, &json!({"tenant": "alpha", "kid": number.to_string()})).await);
        node.tick().await;
    }
    let first = node.get(ALPHA, "/v1/revocations?limit=2").await;
    assert_eq!(first.each("id"), made[..2]);
    node.lift(ALPHA, &made[1]).await;
    node.revoked(ALPHA, &json!({"tenant": "alpha", "kid": "late"})).await;
    let cursor = first.body["cursor"].as_str().unwrap();
    let second = node.get(ALPHA, &format!("/v1/revocations?limit=3&cursor={cursor}")).await;
    assert_eq!(
        (second.each("id"), &second.body["cursor"]),
        (made[2..].iter().map(|id| &**id).collect(), &Value::Null)
    );
    for query in ["cursor=rubbish", "cursor=", "limit=0", "limit=501", "more=1", "limit=1&limit=2"] {
        let answer = node.get(ALPHA, &format!("/v1/revocations?{query}")).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{query}");
    }
}

#[tokio::test]
async fn the_same_id_again_gives_the_same_answer_and_with_other_content_conflicts() {
    let node = Node::start();
    node.begin("alpha", authenticated("ada", node.soon())).await;
    let at = node.soon().to_string();
    let of = |issued_before: Option<&str>| {
        let mut body = json!({"tenant": "alpha", "everyone": true, "id": "mine"});
        if let Some(instant) = issued_before {
            body["issued_before"] = instant.into();
        }
        body
    };
    let first = node.revoke(ALPHA, &of(None)).await;
    let again = node.revoke(ALPHA, &of(None)).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    for other in [
        of(Some(&at)),
        json!({"tenant": "alpha", "kid": "a", "id": "mine"}),
        json!({"tenant": "alpha", "subject": "ada", "issuer": "x", "id": "mine"}),
    ] {
        let answer = node.revoke(ALPHA, &other).await;
        assert_eq!((answer.status, answer.code()), (409, "id_conflict"), "{other}");
    }
    let of_another = node.revoke(OTHER, &of(Some(&at))).await;
    assert_eq!(of_another.status, 201);
    assert_ne!(of_another.body["id"], first.body["id"]);
    assert_eq!(node.revocations(ALPHA).await.len(), 2);
    // The same id in another tenant is other content.
    assert_eq!(node.revoke(ROOT, &of(None)).await.status, 201);
    let elsewhere = json!({"tenant": "beta", "everyone": true, "id": "mine"});
    assert_eq!(node.revoke(ROOT, &elsewhere).await.code(), "id_conflict");
    // Once it is lifted, the id is free.
    assert_eq!(node.lift(ALPHA, first.body["id"].as_str().unwrap()).await.status, 204);
    assert_eq!(node.revoke(ALPHA, &of(Some(&at))).await.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_repeated_order_ends_no_later_authentication() {
    let node = Node::start();
    let place = node.begin("alpha", authenticated("ada", node.soon())).await;
    let order = json!({"conversation": place.id.to_string(), "id": "mine"});
    let first = node.revoke(ALPHA, &order).await;
    assert_eq!((first.status, &first.body["matched"]), (201, &json!(1)));
    let length = node.journal.read_last(place.id, 1).await.unwrap().unwrap().head.sequence();
    assert_eq!(length.get(), 2);
    let again = node.revoke(ALPHA, &order).await;
    assert_eq!((again.status, again.body), (201, first.body));
    let other = node.revoke(ALPHA, &json!({"conversation": place.id.to_string()})).await;
    assert_eq!((other.status, &other.body["matched"]), (201, &json!(0)));
    assert_eq!(node.journal.read_last(place.id, 1).await.unwrap().unwrap().head.sequence(), length);
}

#[tokio::test]
async fn an_ended_conversation_has_nothing_to_revoke() {
    let node = Node::start();
    let place = node.begin("alpha", authenticated("ada", node.soon())).await;
    let end = format!("/v1/conversations/{}/end", place.id);
    assert_eq!(node.send(Method::POST, ALPHA, &end, "{}").await.status, 204);
    let answer = node.revoke(ALPHA, &json!({"conversation": place.id.to_string()})).await;
    assert_eq!((answer.status, answer.code()), (409, "conversation_ended"));
}

#[tokio::test]
async fn what_is_not_known_to_be_stored_is_not_answered_as_made() {
    let node = Node::start();
    let order = json!({"tenant": "alpha", "kid": "a", "id": "mine"});
    node.journal.provoke(Fault::CommitsFail).await;
    let answer = node.revoke(ALPHA, &order).await;
    assert_eq!((answer.status, answer.code()), (503, "storage_unavailable"));
    assert_eq!(answer.body["temporary"], true);
    node.journal.provoke(Fault::Mended).await;
    node.journal.writable_changes().wait_for(|writable| *writable).await.unwrap();
    let again = node.revoke(ALPHA, &order).await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_eq!(node.revocations(ALPHA).await.len(), 1);
}

#[tokio::test]
async fn one_that_was_stored_without_an_answer_is_found_and_in_force() {
    let node = Node::start();
    node.journal.provoke(Fault::AnswerLost).await;
    node.revoked(ALPHA, &json!({"tenant": "alpha", "kid": "a"})).await;
    assert_eq!(node.revocations(ALPHA).await.len(), 1);
    assert_eq!(node.metrics.revocations.get(), 1);
}
