//! The next token.

use std::time::Duration;

use serde_json::json;

use super::{HOUR, ago, issued, lift, of, refusal, revoke, usher};
use crate::support::keys::{KEY, KID, KeyEndpoint, OTHER_KEY, claims, now};
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

#[tokio::test]
async fn one_issued_before_the_instant_is_refused_and_one_issued_at_it_is_taken() {
    let (usher, _keys) = usher().await;
    let instant = now().floor() - 100.0;
    let issued_at = |at: f64| KEY.sign(KID, &claims("customer-1", at, HOUR));
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    let text = jiff::Timestamp::from_second(instant as i64).unwrap().to_string();
    for mut target in [of("customer-1"), json!({ "tenant": "contoso", "everyone": true })] {
        target["issued_before"] = text.clone().into();
        let (id, _) = revoke(&usher, &target).await;
        for (at, code) in [(-1.0, Some("revoked")), (-0.001, Some("revoked")), (0.0, None), (1.0, None)] {
            let answer = refusal(&usher, "contoso/web", &issued_at(instant + at)).await;
            assert_eq!(answer.as_deref(), code, "{target} {at}");
        }
        lift(&usher, &id).await;
    }
}

#[tokio::test]
async fn without_an_instant_all_issued_until_now_are_refused() {
    let (usher, _keys) = usher().await;
    let (before, next) = (now(), KEY.sign(KID, &claims("customer-1", now().floor() + 30.0, HOUR)));
    revoke(&usher, &of("customer-1")).await;
    let latest = KEY.sign(KID, &claims("customer-1", before, HOUR));
    assert_eq!(refusal(&usher, "contoso/web", &latest).await.as_deref(), Some("revoked"));
    assert_eq!(refusal(&usher, "contoso/web", &next).await, None);
}

#[tokio::test]
async fn a_revoked_key_signs_nothing_whenever_it_does() {
    let both = json!([KEY.entry(KID, None), KEY.entry("renamed", None), OTHER_KEY.entry("other", None)]);
    let keys = KeyEndpoint::publishing(&both).await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let claims = |at: f64| claims("customer-1", now().floor() + at, HOUR);
    let codes = async |usher: &Usher| {
        let mut codes = Vec::new();
        for at in [-60.0, 0.0, 30.0] {
            for (key, kid) in [(&*KEY, KID), (&*KEY, "renamed"), (&*OTHER_KEY, "other")] {
                codes.push(refusal(usher, "contoso/web", &key.sign(kid, &claims(at))).await);
            }
        }
        codes
    };
    let revoked = || Some("revoked".to_owned());
    let thrice = |codes: [Option<String>; 3]| [codes.clone(), codes.clone(), codes].concat();
    let (id, _) = revoke(&usher, &json!({ "tenant": "contoso", "kid": KID })).await;
    assert_eq!(codes(&usher).await, thrice([revoked(), None, None]));
    lift(&usher, &id).await;
    let by_print = json!({ "tenant": "contoso", "fingerprint": KEY.fingerprint() });
    let (id, _) = revoke(&usher, &by_print).await;
    assert_eq!(codes(&usher).await, thrice([revoked(), revoked(), None]));
    lift(&usher, &id).await;
    assert_eq!(codes(&usher).await, thrice([None, None, None]));
}

#[tokio::test]
async fn one_that_is_both_expired_and_revoked_opens_nothing() {
    let (usher, _keys) = usher().await;
    let brief = KEY.sign(KID, &claims("customer-1", now() - 10.0, Duration::from_millis(11_500)));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &brief).await;
    widget.told("token_expired").await;
    let (id, matched) = revoke(&usher, &of("customer-1")).await;
    assert_eq!(matched, 0);
    let mut second = Widget::connect(&usher, "contoso/web").await;
    second.send(ticket.resume_with(&brief)).await;
    second.expect_error("revoked").await;
    lift(&usher, &id).await;
    second.send(ticket.resume_with(&brief)).await;
    assert_eq!(second.expect("resumed").await["authentication"]["status"], "anonymous");
}

#[tokio::test]
async fn a_resume_with_a_revoked_token_is_refused_and_a_later_one_comes_in() {
    let (usher, _keys) = usher().await;
    let token = issued("customer-1", 60.0);
    let (widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    widget.close().await;
    let mut target = of("customer-1");
    target["issued_before"] = ago(30.0).into();
    revoke(&usher, &target).await;
    let mut second = Widget::connect(&usher, "contoso/web").await;
    second.send(ticket.resume_with(&issued("customer-1", 40.0))).await;
    second.expect_error("revoked").await;
    second.send(ticket.resume_with(&issued("customer-1", 20.0))).await;
    assert_eq!(second.expect("resumed").await["authentication"]["status"], "authenticated");
}
