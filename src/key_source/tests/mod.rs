//! The whole key source on paused time, against an endpoint that does as it is told.

mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{advance, sleep};

use crate::key_source::cache::FORCED_EVERY;
use crate::key_source::failure::FailureKind;
use crate::key_source::*;

use self::world::*;

#[tokio::test(start_paused = true)]
async fn herd_cold_start_a_thousand_tokens_share_one_fetch() {
    let world = World::new();
    let answers = join_all((0..1000).map(|_| world.generation("a"))).await;
    assert!(answers.iter().all(|answer| *answer == Ok(1)));
    assert_eq!(world.endpoint.fetches(), 1);
    assert!(world.counted("usher_key_fetches_total{result=\"ok\",trigger=\"cold\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_cancels_nothing_for_the_others() {
    let world = World::new();
    let impatient = tokio::time::timeout(FETCH_TAKES / 2, world.generation("a"));
    let (left, stayed) = tokio::join!(impatient, world.generation("a"));
    assert!(left.is_err());
    assert_eq!((stayed, world.endpoint.fetches()), (Ok(1), 1));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_everyone_has_left() {
    let world = World::new();
    assert!(tokio::time::timeout(FETCH_TAKES / 2, world.generation("a")).await.is_err());
    settle().await;
    assert_eq!((world.generation("a").await, world.endpoint.fetches()), (Ok(1), 1));
}

#[tokio::test(start_paused = true)]
async fn herd_negative_cache_an_endpoint_that_is_down_is_left_alone_until_the_backoff_is_over() {
    let world = World::new();
    world.endpoint.fail("a");
    let answers = join_all((0..1000).map(|_| world.generation("a"))).await;
    let unavailable = |retry_after| KeysUnavailable {
        message:
            "the tenant's public keys can't be had at the moment: the key endpoint did not answer in time"
                .to_owned(),
        retry_after,
    };
    // After every eighth there is a pause of a millisecond, which is one less until the backoff is over.
    for (number, answer) in (0..).zip(answers) {
        let retry_after = Duration::from_millis(1000 - number / 8);
        assert_eq!(answer, Err(unavailable(retry_after)), "{number}");
    }
    for _ in 0..1000 {
        assert!(world.generation("a").await.is_err());
    }
    assert_eq!(world.endpoint.fetches(), 1);
    assert_eq!(world.generation("b").await, Ok(1), "another tenant was affected");
    world.endpoint.serve("a", FIRST, None);
    advance(Duration::from_secs(1)).await;
    assert_eq!(world.generation("a").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn herd_unknown_kids_fetch_twice_at_once_and_once_more_every_30_s() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    let shared = join_all((0..1000).map(|_| world.refetch(1))).await;
    assert!(shared.iter().all(|answer| *answer == Ok(2)), "{:?}", shared[0]);
    assert_eq!(world.endpoint.fetches(), 2);
    assert_eq!(world.refetch(2).await, Ok(3));
    let refused = join_all((0..1000).map(|_| world.refetch(3))).await;
    assert!(
        refused.iter().all(|answer| matches!(answer, Err(NoNewer::Throttled { .. }))),
        "{:?}",
        refused[0]
    );
    assert_eq!(world.endpoint.fetches(), 3);
    assert!(world.counted("usher_key_fetch_throttled_total 1000"));
    assert_eq!(world.generation("a").await, Ok(3));
    advance(Duration::from_secs(30)).await;
    assert_eq!(world.refetch(3).await, Ok(4));
}

#[tokio::test(start_paused = true)]
async fn a_token_judged_by_an_older_document_gets_the_newer_one_without_a_fetch() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    assert_eq!(world.refetch(1).await, Ok(2));
    assert_eq!((world.refetch(1).await, world.endpoint.fetches()), (Ok(2), 2));
}

#[tokio::test(start_paused = true)]
async fn a_refetch_that_fails_leaves_the_document_and_says_when_to_try_again() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    world.endpoint.fail("a");
    assert_eq!(world.refetch(1).await, Err(NoNewer::Throttled { retry_after: Duration::from_secs(1) }));
    assert_eq!(world.generation("a").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_document_in_use_is_refreshed_in_the_background_before_it_ages() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    advance(EIGHTY_PERCENT.saturating_sub(SETTLING)).await;
    settle().await;
    assert_eq!(world.endpoint.fetches(), 1, "too early");
    settle().await;
    assert_eq!(world.endpoint.fetches(), 2, "not in the background");
    assert!(world.counted("usher_key_fetches_total{result=\"not_modified\",trigger=\"refresh_ahead\"} 1"));
    sleep(EIGHTY_PERCENT * 2).await;
    assert_eq!(world.endpoint.fetches(), 2, "refreshed for nobody");
}

#[tokio::test(start_paused = true)]
async fn past_its_freshness_a_token_waits_for_the_fetch_and_gets_the_new_document() {
    let world = World::new();
    let first = world.source.keys(&id("a")).await.unwrap();
    advance(Duration::from_mins(10)).await;
    world.endpoint.serve("a", SECOND, None);
    let second = world.source.keys(&id("a")).await.unwrap();
    assert!(!Arc::ptr_eq(&first.document, &second.document) && !second.stale);
}

#[tokio::test(start_paused = true)]
async fn endpoint_goes_bad_after_good_the_old_document_serves_until_its_time_is_over() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    world.endpoint.serve("a", RUBBISH, None);
    sleep(Duration::from_mins(10)).await;
    let stale = world.source.keys(&id("a")).await.unwrap();
    assert!(stale.stale && stale.generation == 1);
    assert!(world.metrics.render().contains("usher_key_fetches_total{result=\"parse\","));
    sleep(Duration::from_hours(24)).await;
    let error = world.generation("a").await.unwrap_err();
    assert!(error.message.ends_with("holds no usable key"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_kept_document_serves_after_a_restart_while_the_endpoint_is_down() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    settle().await;
    world.endpoint.fail("a");
    let fresh = world.restarted(url("a")).keys(&id("a")).await.unwrap();
    assert!(!fresh.stale && fresh.fetched_at == START.plus(FETCH_TAKES));
    assert_eq!(world.endpoint.fetches(), 1, "a fresh document was fetched again");
    sleep(Duration::from_mins(10)).await;
    let stale = world.restarted(url("a")).keys(&id("a")).await.unwrap();
    assert!(stale.stale);
}

#[tokio::test(start_paused = true)]
async fn a_document_kept_from_another_url_is_not_used() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    settle().await;
    let moved = world.restarted(url("b")).keys(&id("a")).await.unwrap();
    assert_eq!((moved.generation, world.endpoint.fetches()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_broken_delays_nobody() {
    let world = World::new();
    let broken =
        source(&world.endpoint, Arc::new(Broken), world.clock, &world.metrics, &world.lifecycle, url("a"));
    assert_eq!(broken.keys(&id("a")).await.map(|served| served.generation), Ok(1));
    assert_eq!(world.clock.now(), START.plus(FETCH_TAKES));
}

#[tokio::test(start_paused = true)]
async fn an_etag_is_sent_and_an_unmodified_document_stays() {
    let world = World::new();
    world.endpoint.serve("a", FIRST, Some("\"1\""));
    let first = world.source.keys(&id("a")).await.unwrap();
    world.endpoint.not_modified("a");
    let second = world.source.refetch(&id("a"), 1, Reason::Signature).await.unwrap();
    assert!(Arc::ptr_eq(&first.document, &second.document) && second.generation == 2);
    assert_eq!(*world.endpoint.conditional.lock().unwrap(), [None, Some("\"1\"".to_owned())]);
    assert!(world.counted("usher_key_fetches_total{result=\"not_modified\",trigger=\"signature\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn cache_two_tenants_with_one_url_fetch_for_themselves() {
    let world = World::new();
    let source = world.restarted(url("b"));
    let ids = [id("a"), id("b")];
    let (a, b) = tokio::join!(source.keys(&ids[0]), source.keys(&ids[1]));
    assert!(!Arc::ptr_eq(&a.unwrap().document, &b.unwrap().document));
    assert_eq!(world.endpoint.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_fetch_during_the_backoff_and_sees_the_failure() {
    let world = World::new();
    world.endpoint.fail("a");
    let Err(NotRefreshed::Failed(status)) = world.source.refresh(&id("a")).await else {
        panic!("a fetch that fails is told to have failed")
    };
    assert!(status.document.is_none());
    assert!(matches!(&status.last_failure, Some((_, error)) if error.kind == FailureKind::Timeout));
    assert!(status.next_try_at.is_some_and(|at| at > world.clock.now()));
    world.endpoint.serve("a", FIRST, None);
    sleep(FORCED_EVERY).await;
    world.endpoint.fail("b");
    world.source.refresh(&id("b")).await.unwrap_err();
    let began = world.clock.now();
    let status = world.source.refresh(&id("a")).await.unwrap();
    assert!(status.last_failure.is_none() && status.next_try_at.is_none());
    assert_eq!(status.document.map(|served| served.generation), Some(1));
    assert_eq!(status.fresh_until, Some(began.plus(FETCH_TAKES + Duration::from_mins(10))));
    assert!(world.counted("usher_key_fetches_total{result=\"ok\",trigger=\"admin\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn an_operator_has_one_fetch_in_five_seconds_for_each_tenant() {
    let world = World::new();
    world.endpoint.serve("a", FIRST, None);
    world.endpoint.serve("b", FIRST, None);
    let began = world.clock.now();
    world.source.refresh(&id("a")).await.unwrap();
    let refused = async |wait: Duration| match world.source.refresh(&id("a")).await {
        Err(NotRefreshed::Throttled { retry_after }) => assert_eq!(retry_after, wait),
        other => panic!("{other:?}"),
    };
    refused(FORCED_EVERY.saturating_sub(FETCH_TAKES)).await;
    world.source.refresh(&id("b")).await.unwrap();
    sleep(world.clock.until(began.plus(FORCED_EVERY)).saturating_sub(Duration::from_millis(1))).await;
    refused(Duration::from_millis(1)).await;
    assert_eq!(world.endpoint.fetches(), 2);
    sleep(Duration::from_millis(1)).await;
    world.source.refresh(&id("a")).await.unwrap();
    assert_eq!(world.endpoint.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_operators_fetch_begins_after_the_one_in_flight_and_is_shared_by_tokens() {
    let world = World::new();
    world.endpoint.serve("a", FIRST, None);
    let a = id("a");
    let (token, refreshed, late) = tokio::join!(
        world.source.keys(&a),
        async {
            sleep(FETCH_TAKES / 2).await;
            world.source.refresh(&a).await
        },
        async {
            sleep(FETCH_TAKES * 5 / 4).await;
            world.endpoint.serve("a", SECOND, None);
            world.source.refetch(&a, 1, Reason::UnknownKid).await
        },
    );
    assert_eq!(world.endpoint.fetches(), 2, "the first in flight, and one for both who came later");
    let generations = [token.unwrap().generation, late.unwrap().generation];
    let document = refreshed.unwrap().document.unwrap();
    assert_eq!((generations, document.generation), ([1, 2], 2));
    assert_eq!(document.document.form.name(), "jwk_set");
}

#[tokio::test(start_paused = true)]
async fn an_operator_sees_what_was_kept_before_it_is_needed_and_nothing_is_fetched() {
    let world = World::new();
    assert!(world.source.status(&id("a")).await.unwrap().document.is_none());
    assert_eq!(world.generation("a").await, Ok(1));
    let after = world.restarted(url("a"));
    let status = after.status(&id("a")).await.unwrap();
    assert!(status.document.is_some_and(|served| !served.stale));
    assert_eq!(world.endpoint.fetches(), 1);
    assert!(matches!(world.source.status(&id("c")).await, Err(NoEndpoint)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_fetch_is_a_failed_fetch() {
    let world = World::new();
    world.endpoint.panics.store(true, Ordering::SeqCst);
    assert!(world.generation("a").await.is_err());
    assert!(world.generation("a").await.is_err());
    assert_eq!(world.endpoint.fetches(), 1, "the backoff was forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_fetch_and_answers_those_who_wait() {
    let world = World::new();
    let (answer, ()) = tokio::join!(world.generation("a"), async {
        sleep(FETCH_TAKES / 2).await;
        world.lifecycle.stop();
    });
    assert!(answer.is_err());
    world.lifecycle.finished().await;
    assert_eq!(world.clock.now(), START.plus(FETCH_TAKES / 2));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_without_a_key_endpoint_has_no_keys() {
    let world = World::new();
    assert!(world.generation("c").await.is_err());
    assert_eq!(world.endpoint.fetches(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_document_is_shown() {
    let world = World::new();
    assert_eq!(world.generation("a").await, Ok(1));
    sleep(Duration::from_secs(30)).await;
    let age = world.metrics.key_set_age(&id("a")).get();
    assert!((15.0..=30.0).contains(&age), "{age}");
}
