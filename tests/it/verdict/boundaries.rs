//! Every rule with an edge, at one before, at, and one after it.

use std::time::Duration;

use usher::domain::keys;
use usher::domain::time::UnixTime;
use usher::domain::token::{AuthenticationEnd, KeyExpiry, Reason, Revocations, TokenPolicy, verify};

use super::{at, judge, judge_at, reason};
use crate::mint::{NOW, claims, encoded, fixture_text, sign, token};

fn with(iat: &str, exp: &str, more: &str) -> String {
    token(&format!(r#"{{"iss":"contosohelp.com","sub":"s","iat":{iat},"exp":{exp}{more}}}"#))
}

fn edges(policy: &TokenPolicy, wanted: [Option<Reason>; 3], token: impl Fn(i64) -> String) {
    let got = [-1, 0, 1].map(|offset| reason(judge(&token(offset), policy)));
    assert_eq!(got, wanted);
}

#[test]
fn a_token_holds_until_the_millisecond_before_its_exp() {
    let (policy, token) = (TokenPolicy::default(), token(&claims("")));
    let end = at(NOW + 900).millis();
    let got = [-1, 0, 1].map(|offset| reason(judge_at(&token, &policy, UnixTime::from_millis(end + offset))));
    assert_eq!(got, [None, Some(Reason::Expired), Some(Reason::Expired)]);
}

#[test]
fn grace_moves_the_end_and_nothing_else() {
    let policy = TokenPolicy { expiry_grace: Duration::from_secs(30), ..TokenPolicy::default() };
    let token = token(&claims(""));
    let got = [-1, 0, 1].map(|offset| reason(judge_at(&token, &policy, at(NOW + 930 + offset))));
    assert_eq!(got, [None, Some(Reason::Expired), Some(Reason::Expired)]);
    assert_eq!(judge(&token, &policy).unwrap().expires_at(), at(NOW + 930));
}

#[test]
fn nbf_and_iat_may_be_ahead_by_the_clock_skew() {
    let policy = TokenPolicy::default();
    edges(&policy, [None, None, Some(Reason::NotYetValid)], |offset| {
        token(&claims(&format!(",\"nbf\":{}", NOW + 60 + offset)))
    });
    edges(&policy, [None, None, Some(Reason::IssuedInFuture)], |offset| {
        with(&(NOW + 60 + offset).to_string(), &(NOW + 900).to_string(), "")
    });
}

#[test]
fn a_fraction_of_a_date_counts() {
    let policy = TokenPolicy::default();
    let exp = with(&(NOW - 60).to_string(), &format!("{NOW}.0004"), "");
    assert_eq!(
        reason(judge_at(&exp, &policy, UnixTime::from_millis(NOW * 1000))),
        None,
        "exp is still ahead"
    );
    assert_eq!(reason(judge_at(&exp, &policy, UnixTime::from_millis(NOW * 1000 + 1))), Some(Reason::Expired));
    let late = format!("{}.0000001", NOW + 60);
    let iat = with(&late, &(NOW + 900).to_string(), "");
    assert_eq!(reason(judge(&iat, &policy)), Some(Reason::IssuedInFuture));
    let nbf = token(&claims(&format!(",\"nbf\":{late}")));
    assert_eq!(reason(judge(&nbf, &policy)), Some(Reason::NotYetValid));
}

#[test]
fn exp_is_later_than_iat_and_not_by_more_than_the_longest_life() {
    let policy = TokenPolicy::default();
    let invalid = Some(Reason::InvalidClaim);
    edges(&policy, [invalid, invalid, None], |offset| {
        with(&NOW.to_string(), &(NOW + offset).to_string(), "")
    });
    edges(&policy, [None, None, invalid], |offset| {
        with(&NOW.to_string(), &(NOW + 86_400 + offset).to_string(), "")
    });
}

#[test]
fn dates_lie_in_the_years_1970_to_9999() {
    let unbounded = TokenPolicy { max_token_lifetime: Duration::MAX, ..TokenPolicy::default() };
    let policy = TokenPolicy { key_expiry: KeyExpiry::Ignore, ..unbounded };
    let invalid = Some(Reason::InvalidClaim);
    edges(&policy, [None, None, invalid], |offset| with("0", &(253_402_300_799 + offset).to_string(), ""));
    edges(&policy, [invalid, None, None], |offset| with(&offset.to_string(), &(NOW + 900).to_string(), ""));
    let last = judge(&with("0", "253402300799", ""), &policy).unwrap();
    assert_eq!(last.expires_at().to_string(), "9999-12-31T23:59:59.000Z");
}

#[test]
fn iss_and_sub_have_a_longest_length_in_characters() {
    let policy = TokenPolicy::default();
    let invalid = Some(Reason::InvalidClaim);
    for (most, member) in [(512, "iss"), (256, "sub")] {
        edges(&policy, [None, None, invalid], |offset| {
            let text = "ä".repeat(usize::try_from(most + offset).unwrap());
            let (iss, sub) = if member == "iss" { (text.as_str(), "s") } else { ("i", text.as_str()) };
            token(&format!(r#"{{"iss":"{iss}","sub":"{sub}","iat":{NOW},"exp":{}}}"#, NOW + 900))
        });
    }
}

#[test]
fn a_token_has_a_longest_length_without_the_blanks_around_it() {
    let token = token(&claims(""));
    let policy = |most| TokenPolicy { max_token_bytes: most, ..TokenPolicy::default() };
    let padded = format!(" \n{token}\r\n\t ");
    let got =
        [token.len() - 1, token.len(), token.len() + 1].map(|most| reason(judge(&padded, &policy(most))));
    assert_eq!(got, [Some(Reason::TooLarge), None, None]);
}

#[test]
fn header_and_kid_have_a_longest_length() {
    let policy = TokenPolicy::default();
    edges(&policy, [None, None, Some(Reason::TooLarge)], |offset| {
        let head = r#"{"alg":"RS256","kid":"a","x":""}"#;
        let filler = "x".repeat(usize::try_from(4096 + offset).unwrap() - head.len());
        sign("a", &head.replace(r#""x":"""#, &format!(r#""x":"{filler}""#)), &claims(""))
    });
    edges(&policy, [Some(Reason::UnknownKid), Some(Reason::UnknownKid), Some(Reason::Malformed)], |offset| {
        let kid = "k".repeat(usize::try_from(256 + offset).unwrap());
        sign("a", &format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), &claims(""))
    });
}

#[test]
fn a_key_serves_until_its_expiry_which_ends_the_authentication() {
    let (token, policy) = (token(&claims("")), TokenPolicy::default());
    let pem = encoded(&fixture_text("keys/a.public.pem"));
    let verdict = |expiry: i64, policy: &TokenPolicy| {
        let body = format!(r#"[{{"kid":"a","publicKey":"{pem}","expiry":{expiry}}}]"#);
        let keys = keys::parse(body.as_bytes(), 4096).unwrap().keys;
        verify(&token, &keys, &Revocations::default(), policy, at(NOW))
    };
    let got = [-1, 0, 1].map(|offset| reason(verdict(NOW + offset, &policy)));
    assert_eq!(got, [Some(Reason::KeyExpired), Some(Reason::KeyExpired), None]);
    for (expiry, end, by) in [
        (NOW + 899, NOW + 899, AuthenticationEnd::KeyExpired),
        (NOW + 900, NOW + 900, AuthenticationEnd::TokenExpired),
        (NOW + 901, NOW + 900, AuthenticationEnd::TokenExpired),
    ] {
        let customer = verdict(expiry, &policy).unwrap();
        assert_eq!((customer.expires_at(), customer.ends_by()), (at(end), by));
    }
    for (key_expiry, said) in [(KeyExpiry::Warn, true), (KeyExpiry::Ignore, false)] {
        let policy = TokenPolicy { key_expiry, ..TokenPolicy::default() };
        let customer = verdict(NOW - 1, &policy).unwrap();
        assert_eq!((customer.expires_at(), customer.key_past_expiry()), (at(NOW + 900), said));
    }
}
