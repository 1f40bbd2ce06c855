//! Each reason has a fixture that gets exactly it, a message and a remedy.

use usher::domain::keys;
use usher::domain::token::{Identity, Reason, Refusal, Revocations, VerifiedCustomer, verify};

use super::at;
use crate::mint::{NOW, fixture, fixture_text, key_set};

fn judge(token: &str, document: &str, revocations: &Revocations) -> Result<VerifiedCustomer, Refusal> {
    let path = fixture("tenant.toml");
    let policy = usher::config::read_tenant_policy(&path, &fixture_text("tenant.toml")).unwrap();
    let body = fixture_text(&format!("documents/{document}"));
    let document =
        keys::parse(body.as_bytes(), policy.max_key_bits).map_err(|_| Refusal::keys_unavailable(None))?;
    verify(&fixture_text(&format!("tokens/{token}.jwt")), &document.keys, revocations, &policy, at(NOW))
}

#[test]
fn each_reason_has_a_fixture_a_message_and_a_remedy() {
    for reason in Reason::ALL {
        let mut revocations = Revocations::default();
        let (token, document) = match reason {
            Reason::KeysUnavailable => ("accepted", "vendor-missing-quote.json"),
            Reason::Revoked => {
                let me = Identity { issuer: "contosohelp.com".into(), subject: "87b3ab4d".into() };
                revocations.revoke_identity(me, at(NOW + 1));
                ("accepted", "set.json")
            }
            other => (other.code(), "set.json"),
        };
        let refusal = judge(token, document, &revocations).unwrap_err();
        assert_eq!(refusal.reason, reason);
        for words in [&refusal.message, &refusal.action] {
            assert!(words.len() > 20 && !words.contains("  "), "{reason}: {words:?}");
        }
        assert_eq!(refusal.temporary, reason == Reason::KeysUnavailable);
    }
}

#[test]
fn the_good_fixture_is_accepted_by_each_form_of_document() {
    for (document, kid) in [
        ("set.json", Some("a")),
        ("jwks.json", Some("a")),
        ("single.pem", None),
        ("single-on-one-line.pem", None),
    ] {
        let customer = judge("accepted", document, &Revocations::default()).unwrap();
        assert_eq!(customer.kid().map(AsRef::as_ref), kid, "{document}");
        assert_eq!(customer.fingerprint(), key_set("single.pem").as_single().unwrap().fingerprint());
        assert_eq!(&*customer.identity().subject, "87b3ab4d");
        assert_eq!(customer.context().accepted, ["msdyn_cartvalue", "msdyn_isvip"]);
    }
}
