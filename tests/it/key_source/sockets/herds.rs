//! A thousand tokens at once, or a thousand worthless ones: what they may cost the endpoint, and the operator.

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use serde_json::json;

use super::stage::{Stage, scenario};
use super::{AS_WRITTEN, Direction, play, scenarios};
use crate::support::keys::{KEY, OTHER_KEY, now};
use crate::support::usher::Usher;

/// One fetch for the cold cache, and the two refetches that are in hand.
const THREE_FETCHES: Direction = Direction { fetches: Some(3), ..AS_WRITTEN };

scenarios! {
    a_thousand_unknown_kids_cause_three_fetches: play("herd/unknown-kids", THREE_FETCHES);
    a_thousand_good_tokens_wait_for_one_fetch: play("herd/cold-start", AS_WRITTEN);
    a_thousand_tokens_of_bad_form_cause_no_fetch: play("herd/malformed-never-fetches", AS_WRITTEN);
    a_thousand_tokens_for_an_endpoint_that_is_down_cause_two_fetches: play("herd/negative-cache", AS_WRITTEN);
    a_thousand_forged_tokens_cause_no_refetch: play("herd/bad-signature-no-refetch", AS_WRITTEN);
    a_thousand_kids_issuers_and_subjects_make_no_series: leave_no_series("leak/metrics-cardinality");
}

async fn series(usher: &Usher) -> u64 {
    let (_, text) = usher.ops("/metrics").await;
    text.lines().filter(|line| !line.starts_with('#')).count() as u64
}

/// As it is written, and then with an issuer and a subject of each token's own, half of them good.
async fn leave_no_series(id: &str) {
    let steps = scenario(id);
    let [serve, present, limit] = &steps[..] else { panic!("{id} has other steps") };
    let max_growth = limit["max_growth"].as_u64().unwrap();
    let mut stage = Stage::of(&steps, 0).await;
    stage.play(serve).await;
    let before = series(&stage.usher).await;
    stage.play(present).await;
    let claims = |number: u64| {
        json!({
            "iss": format!("https://{number}.example"), "sub": format!("subject-{number}"),
            "iat": now(), "exp": now() + 600.0,
        })
    };
    let unknown = (0..100).map(|number| OTHER_KEY.sign(&format!("kid-{number}"), &claims(number)));
    let good = (100..200).map(|number| KEY.sign("k1", &claims(number)));
    let tokens: Vec<_> = unknown.chain(good).collect();
    let presented = iter(&tokens).map(|token| stage.present(present, token));
    let verdicts: Vec<_> = presented.buffer_unordered(50).collect().await;
    assert_eq!(verdicts.iter().filter(|verdict| *verdict == "accept").count(), 100);
    let grown = series(&stage.usher).await - before;
    assert!(grown <= max_growth, "{grown} series more");
}
