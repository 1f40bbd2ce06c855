//! What was revoked stays revoked, whatever happens to the process.

use std::sync::Arc;

use serde_json::json;
use usher::journal::{Journal, Written};
use usher::metrics::Metrics;

use super::{consumer, downgrades, is_authenticated, issued, lift, of, refusal, revoke, usher};
use crate::support::keys::{ISSUER, KID};
use crate::support::until;
use crate::support::widget::Widget;

#[tokio::test]
async fn it_outlives_the_process_until_it_is_lifted() {
    let (mut usher, _keys) = usher().await;
    let token = issued("customer-1", 30.0);
    assert_eq!(usher.metric("usher_revocations").await, Some(0.0));
    let (id, _) = revoke(&usher, &of("customer-1")).await;
    revoke(&usher, &json!({ "tenant": "fabrikam", "kid": KID })).await;
    let listed = consumer(&usher).read("/v1/revocations").await;
    assert_eq!(usher.metric("usher_revocations").await, Some(2.0));
    usher.restart().await;
    assert_eq!(consumer(&usher).read("/v1/revocations").await, listed);
    assert_eq!(usher.metric("usher_revocations").await, Some(2.0));
    assert_eq!(refusal(&usher, "contoso/web", &token).await.as_deref(), Some("revoked"));
    assert_eq!(refusal(&usher, "fabrikam/web", &token).await.as_deref(), Some("revoked"));
    lift(&usher, &id).await;
    assert_eq!(usher.metric("usher_revocations").await, Some(1.0));
    usher.restart().await;
    assert_eq!(refusal(&usher, "contoso/web", &token).await, None);
    assert_eq!(refusal(&usher, "fabrikam/web", &token).await.as_deref(), Some("revoked"));
    assert_eq!(usher.metric("usher_revocations").await, Some(1.0));
}

/// As if the process had been killed between storing it and the first downgrade.
#[tokio::test]
async fn one_that_was_stored_and_not_carried_out_is_carried_out_before_anybody_is_let_in() {
    let (mut usher, _keys) = usher().await;
    let token = issued("customer-1", 30.0);
    let (_one, reached) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let (_two, elsewhere) = Widget::sign_in(&usher, "fabrikam/web", &token).await;
    usher.kill().await;
    let journal = Journal::open(&usher.setup().journal(), Arc::new(Metrics::new())).unwrap();
    let stored = json!({ "tenant": "contoso", "subject": "customer-1", "issuer": ISSUER,
        "issued_before": 253_402_300_799_000_i64, "created_at": 0, "matched": 1, "client": "router" });
    let key = "revocations/0123456789abcdef0123456789abcdef";
    let written = journal.create(key, stored.to_string().into_bytes()).await;
    assert!(matches!(written, Written::Stored(_)), "{written:?}");
    journal.close().await;
    drop(journal);
    usher.start_again().await;
    usher.ready().await;
    assert_eq!(downgrades(&usher, &reached.conversation).await, ["revoked"]);
    assert!(is_authenticated(&usher, &elsewhere.conversation).await);
    assert_eq!(refusal(&usher, "contoso/web", &token).await.as_deref(), Some("revoked"));
    usher.restart().await;
    assert_eq!(downgrades(&usher, &reached.conversation).await, ["revoked"]);
}

#[tokio::test]
async fn a_kill_just_after_the_answer_takes_nothing_back() {
    let (mut usher, _keys) = usher().await;
    let token = issued("customer-1", 30.0);
    let mut chats = Vec::new();
    for _ in 0..40 {
        chats.push(Widget::sign_in(&usher, "contoso/web", &token).await);
    }
    let (_, matched) = revoke(&usher, &json!({ "tenant": "contoso", "everyone": true })).await;
    usher.kill_now();
    assert_eq!(matched, 40);
    usher.killed().await;
    usher.start_again().await;
    usher.ready().await;
    for (_, ticket) in &chats {
        assert_eq!(downgrades(&usher, &ticket.conversation).await, ["revoked"]);
    }
}

#[tokio::test]
async fn a_disk_that_is_full_delays_the_downgrades_and_loses_none() {
    let (usher, _keys) = usher().await;
    let token = issued("customer-1", 30.0);
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    usher.limit_files(Some(0));
    let answer = consumer(&usher).post("/v1/revocations", &of("customer-1")).await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("storage_unavailable")));
    usher.limit_files(None);
    usher.ready().await;
    let made = until("a revocation that is stored", async || {
        let answer = consumer(&usher).post("/v1/revocations", &of("customer-1")).await;
        (answer.status == 201).then_some(answer.body)
    })
    .await;
    assert_eq!(made["matched"], 1);
    super::told(&mut widget).await;
    assert_eq!(downgrades(&usher, &ticket.conversation).await, ["revoked"]);
}

#[tokio::test]
async fn a_journal_with_a_revocation_that_is_not_understood_keeps_the_process_from_starting() {
    let (mut usher, _keys) = usher().await;
    usher.kill().await;
    let journal = Journal::open(&usher.setup().journal(), Arc::new(Metrics::new())).unwrap();
    let newer =
        json!({ "tenant": "contoso", "device": "phone", "created_at": 0, "matched": 0, "client": "router" });
    let written = journal.create("revocations/0123", newer.to_string().into_bytes()).await;
    assert!(matches!(written, Written::Stored(_)), "{written:?}");
    journal.close().await;
    drop(journal);
    let (code, said) = crate::support::usher::failing_start(usher.setup()).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("revocations/0123") && said.contains("newer version"), "{said}");
}
