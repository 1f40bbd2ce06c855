//! Claims beyond their edges: lists, kinds, order, and what an expired token still says.

use proptest::prelude::*;
use usher::domain::token::{Identity, Reason, Revocations, TokenPolicy, verify};

use super::{at, judge, judge_at, reason};
use crate::mint::{NOW, claims, key_set, token};

fn issuers(listed: &str) -> TokenPolicy {
    TokenPolicy { issuers: vec![listed.to_owned()], ..TokenPolicy::default() }
}

fn from(iss: &str) -> String {
    token(&format!(r#"{{"iss":"{iss}","sub":"s","iat":{NOW},"exp":{}}}"#, NOW + 900))
}

#[test]
fn a_bare_host_is_an_issuer_whatever_its_case() {
    let invalid = Some(Reason::InvalidClaim);
    for (listed, presented, verdict) in [
        ("contosohelp.com", "contosohelp.com", None),
        ("ContosoHelp.com", "contosohelp.COM", None),
        ("contosohelp.com", "contosohelp.com.", invalid),
        ("contosohelp.com", "help.contosohelp.com", invalid),
        ("https://a.example/", "https://A.example/", invalid),
        ("https://a.example/", "https://a.example/", None),
        ("Issuer", "issuer", invalid),
    ] {
        assert_eq!(
            reason(judge(&from(presented), &issuers(listed))),
            verdict,
            "{presented} where {listed} is listed"
        );
    }
}

#[test]
fn an_audience_is_asked_for_where_the_tenant_lists_one() {
    let listed = TokenPolicy { audiences: vec!["chat".to_owned()], ..TokenPolicy::default() };
    for (aud, pinned, open) in [
        ("", Some(Reason::MissingClaim), None),
        (r#","aud":"chat""#, None, None),
        (r#","aud":["x","chat"]"#, None, None),
        (r#","aud":"CHAT""#, Some(Reason::InvalidClaim), None),
        (r#","aud":[]"#, Some(Reason::InvalidClaim), None),
        (r#","aud":["chat",1]"#, Some(Reason::InvalidClaim), Some(Reason::InvalidClaim)),
        (r#","aud":null"#, Some(Reason::InvalidClaim), Some(Reason::InvalidClaim)),
    ] {
        let token = token(&claims(aud));
        assert_eq!(reason(judge(&token, &listed)), pinned, "{aud}, listed");
        assert_eq!(reason(judge(&token, &TokenPolicy::default())), open, "{aud}, open");
    }
}

#[test]
fn a_refresh_token_is_no_access_token() {
    for claim in ["ctyp", "token_use", "usage", "typ", "token_type"] {
        for kind in ["refresh", "Refresh", "REFRESH_TOKEN"] {
            let token = token(&claims(&format!(r#","{claim}":"{kind}""#)));
            assert_eq!(
                reason(judge(&token, &TokenPolicy::default())),
                Some(Reason::InvalidClaim),
                "{claim}: {kind}"
            );
        }
        for other in [r#""access""#, "1", "null", r#"["refresh"]"#] {
            let token = token(&claims(&format!(r#","{claim}":{other}"#)));
            assert_eq!(reason(judge(&token, &TokenPolicy::default())), None, "{claim}: {other}");
        }
    }
}

#[test]
fn a_token_refused_for_its_exp_alone_still_says_whose_it_was() {
    let policy = TokenPolicy { strict_context: true, ..TokenPolicy::default() };
    let late = at(NOW + 900);
    let refusal = judge_at(&token(&claims("")), &policy, late).unwrap_err();
    let customer = refusal.expired_customer().expect("exp is all that is wrong");
    assert_eq!(
        (&*customer.identity().subject, customer.issued_at(), customer.expires_at()),
        ("87b3ab4d", at(NOW), late)
    );
    let nbf = format!(",\"nbf\":{}", NOW + 900 + 61);
    for more in [nbf.as_str(), r#","lwicontexts":[]"#] {
        let refusal = judge_at(&token(&claims(more)), &policy, late).unwrap_err();
        assert_eq!((refusal.reason, refusal.expired_customer()), (Reason::Expired, None), "{more}");
    }
}

#[test]
fn revocations_cover_earlier_tokens_of_the_customer_or_all_by_the_key() {
    let (token, keys, policy) = (token(&claims("")), key_set("set.json"), TokenPolicy::default());
    let judge = |revocations: &Revocations| reason(verify(&token, &keys, revocations, &policy, at(NOW)));
    let me = Identity { issuer: "contosohelp.com".into(), subject: "87b3ab4d".into() };
    let revoked = Some(Reason::Revoked);
    for (before, verdict) in [(NOW - 1, None), (NOW, None), (NOW + 1, revoked)] {
        let (mut mine, mut all) = (Revocations::default(), Revocations::default());
        mine.revoke_identity(me.clone(), at(before));
        mine.revoke_identity(me.clone(), at(0));
        all.revoke_everyone(at(before));
        assert_eq!((judge(&mine), judge(&all)), (verdict, verdict), "issued before {before}");
    }
    let mut another = Revocations::default();
    another.revoke_identity(
        Identity { issuer: "contosohelp.com".into(), subject: "87B3AB4D".into() },
        at(NOW + 1),
    );
    another.revoke_kid("b".into());
    assert_eq!(judge(&another), None);
    let mut kid = Revocations::default();
    kid.revoke_kid("a".into());
    let mut key = Revocations::default();
    key.revoke_key(key_set("single.pem").as_single().unwrap().fingerprint());
    assert_eq!((judge(&kid), judge(&key)), (revoked, revoked));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_changed_in_a_token_it_is_refused(position in 0_usize..10_000, byte in 0_u8..128) {
        let good = token(&claims(""));
        let mut changed = good.clone().into_bytes();
        let position = position % changed.len();
        let at_an_end = position == 0 || position + 1 == good.len();
        prop_assume!(changed[position] != byte && !(byte.is_ascii_whitespace() && at_an_end));
        changed[position] = byte;
        let changed = String::from_utf8(changed).unwrap();
        prop_assert!(judge(&changed, &TokenPolicy::default()).is_err());
    }
}
