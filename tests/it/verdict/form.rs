//! What can be said of a token without any key.

use usher::domain::token::{Presented, Reason, Step, TokenPolicy};

use crate::mint::{claims, sign, token};

fn refused(token: &str) -> (Reason, Step, String) {
    let refusal = Presented::parse(token, &TokenPolicy::default()).unwrap_err();
    (refusal.reason, refusal.step, format!("{} {}", refusal.message, refusal.action))
}

#[test]
fn a_mistake_that_people_make_is_named() {
    let good = token(&claims(""));
    for (presented, named) in [
        ("", "empty"),
        ("null", "the word null"),
        ("undefined", "the word null or undefined"),
        ("{\"token\":1}", "JSON"),
        ("<html>", "HTML"),
        ("a.b.c.d.e", "encrypted JWE"),
        ("a.b", "three parts"),
        (&format!("\"{good}\""), "quotation marks"),
        (&format!("Bearer {good}"), "Bearer"),
        (&format!("{good}="), "padding"),
        (&format!("{good}.x"), "three parts"),
    ] {
        let (reason, step, said) = refused(presented);
        assert_eq!((reason, step), (Reason::Malformed, Step::Form), "{presented}");
        assert!(said.contains(named), "{presented}: {said}");
    }
}

#[test]
fn a_shared_secret_is_called_one() {
    for alg in ["HS256", "HS384", "HS512"] {
        let (reason, _, said) = refused(&sign("a", &format!(r#"{{"alg":"{alg}"}}"#), &claims("")));
        assert_eq!(reason, Reason::UnsupportedAlg);
        assert!(said.contains("shared secret") && said.contains("vendor's documentation"), "{said}");
    }
    let unsigned = sign("a", r#"{"alg":"none"}"#, &claims(""));
    let (reason, _, said) = refused(&unsigned[..=unsigned.rfind('.').unwrap()]);
    assert_eq!(reason, Reason::UnsupportedAlg);
    assert!(said.contains("not signed"), "{said}");
}

#[test]
fn no_extension_of_the_header_is_understood() {
    for member in ["crit", "b64", "enc", "zip"] {
        let (reason, _, said) = refused(&sign("a", &format!(r#"{{"alg":"RS256","{member}":null}}"#), "{}"));
        assert_eq!(reason, Reason::Malformed);
        assert!(said.contains(member), "{said}");
    }
}

#[test]
fn a_kid_is_known_before_any_key_is_there() {
    let presented = sign("a", r#"{"kid":"/+=_","alg":"RS256"}"#, "{}");
    assert_eq!(Presented::parse(&presented, &TokenPolicy::default()).unwrap().kid(), Some("/+=_"));
}
