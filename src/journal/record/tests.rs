//! What stands in journals on disks. A test here that fails means: old entries can't be read any more. Raise the
//! journal's format number and write down how to read both, or mend the shape.

use serde_json::{Value as Json, json};

use super::*;

fn authenticated() -> Authenticated {
    Authenticated {
        identity: Identity { issuer: "https://contoso.example".into(), subject: "customer-7".into() },
        issued_at: UnixTime::from_millis(1_760_000_000_000),
        expires_at: UnixTime::from_millis(1_760_000_900_000),
        ends_by: AuthenticationEnd::KeyExpired,
        kid: Some("key-1".into()),
        fingerprint: Fingerprint([0xab; 32]),
    }
}

fn authenticated_json() -> Json {
    json!({
        "identity": {"issuer": "https://contoso.example", "subject": "customer-7"},
        "issued_at": 1_760_000_000_000_i64,
        "expires_at": 1_760_000_900_000_i64,
        "ends_by": "key_expired",
        "kid": "key-1",
        "fingerprint": "ab".repeat(32),
    })
}

fn variables() -> Variables {
    let variable =
        |raw, value, source| Variable { raw, value, source, displayable: source == Source::Widget };
    Variables::from([
        (
            "cart".to_owned(),
            variable(Primitive::Number("1000.10".to_owned()), Value::Number(1000.1), Source::Token),
        ),
        (
            "name".to_owned(),
            variable(Primitive::Text("Ada".to_owned()), Value::Text("Ada".to_owned()), Source::Widget),
        ),
        ("vip".to_owned(), variable(Primitive::Boolean(true), Value::Boolean(true), Source::Token)),
    ])
}

fn variables_json() -> Json {
    json!({
        "cart": {"raw": {"number": "1000.10"}, "value": {"number": "1000.1"}, "source": "token", "displayable": false},
        "name": {"raw": {"text": "Ada"}, "value": {"text": "Ada"}, "source": "widget", "displayable": true},
        "vip": {"raw": {"boolean": true}, "value": {"boolean": true}, "source": "token", "displayable": false},
    })
}

fn report() -> ContextReport {
    let reasons = [
        RejectionReason::Undeclared,
        RejectionReason::WrongType,
        RejectionReason::NameTooLong,
        RejectionReason::ValueTooLong,
        RejectionReason::TooMany,
        RejectionReason::Duplicate,
        RejectionReason::SignedWins,
        RejectionReason::SignedOnly,
    ];
    let rejected = reasons.map(|reason| RejectedVariable { name: "x".to_owned(), reason }).to_vec();
    ContextReport { accepted: vec!["vip".to_owned()], rejected }
}

fn report_json() -> Json {
    let reasons = [
        "undeclared",
        "wrong_type",
        "name_too_long",
        "value_too_long",
        "too_many",
        "duplicate",
        "signed_wins",
        "signed_only",
    ];
    let rejected: Vec<Json> = reasons.iter().map(|reason| json!({"name": "x", "reason": reason})).collect();
    json!({"accepted": ["vip"], "rejected": rejected})
}

fn check(authentication: Authentication, fact: Fact, kind: &str, stored: &Json) {
    let (sequence, at) = (Sequence::new(7), UnixTime::from_millis(1_760_000_000_123));
    assert_eq!(type_of(&fact), kind);
    let entry = Entry { sequence, at, authentication, fact };
    let body = encode(&entry);
    assert_eq!(serde_json::from_str::<Json>(&body).unwrap(), *stored);
    assert_eq!(decode(sequence, at, &body).unwrap(), entry);
}

#[test]
fn a_start_is_stored_like_this() {
    let started = |locale: Option<&str>, origin: Option<&str>| {
        Fact::Started(Started {
            variables: variables(),
            context: report(),
            queue: "general".into(),
            rule: origin.map(|_| "general".into()),
            priority: origin.map(|_| -7),
            locale: locale.map(str::to_owned),
            origin: origin.map(str::to_owned),
        })
    };
    let full = json!({
        "authentication": {"authenticated": authenticated_json()},
        "fact": {"started": {
            "variables": variables_json(), "context": report_json(), "queue": "general",
            "rule": "general", "priority": -7, "locale": "de-DE", "origin": "https://shop.example",
        }},
    });
    let fact = started(Some("de-DE"), Some("https://shop.example"));
    check(Authentication::Authenticated(authenticated()), fact, "started", &full);
    let lean = json!({
        "authentication": "anonymous",
        "fact": {"started": {"variables": variables_json(), "context": report_json(), "queue": "general"}},
    });
    check(Authentication::Anonymous, started(None, None), "started", &lean);
}

#[test]
fn a_sign_in_is_stored_like_this() {
    let cases = [
        (SignInReason::TokenPresented, "token_presented"),
        (SignInReason::TokenRefreshed, "token_refreshed"),
    ];
    for (reason, name) in cases {
        let (variables, changed) = (variables(), vec!["vip".to_owned()]);
        let fact = Fact::Authenticated(SignedIn { reason, variables, changed, context: report() });
        let stored = json!({
            "authentication": {"authenticated": authenticated_json()},
            "fact": {"authenticated": {
                "reason": name, "variables": variables_json(), "changed": ["vip"], "context": report_json(),
            }},
        });
        check(Authentication::Authenticated(authenticated()), fact, "authenticated", &stored);
    }
}

#[test]
fn a_downgrade_is_stored_like_this() {
    let cases = [
        (DowngradeReason::TokenExpired, "token_expired"),
        (DowngradeReason::KeyExpired, "key_expired"),
        (DowngradeReason::Revoked, "revoked"),
        (DowngradeReason::SignedOut, "signed_out"),
        (DowngradeReason::Idle, "idle"),
    ];
    for (reason, name) in cases {
        let fact = Fact::Downgraded(Downgraded { reason, previous: authenticated(), variables: variables() });
        let stored = json!({
            "authentication": "anonymous",
            "fact": {"downgraded": {
                "reason": name, "previous": authenticated_json(), "variables": variables_json(),
            }},
        });
        check(Authentication::Anonymous, fact, "downgraded", &stored);
    }
}

#[test]
fn a_message_is_stored_like_this() {
    let consumer = |role| Author::Consumer { client: "desk".parse().unwrap(), role };
    let cases = [
        (Author::Customer, json!("customer")),
        (consumer(Role::Agent), json!({"consumer": {"client": "desk", "role": "agent"}})),
        (consumer(Role::Bot), json!({"consumer": {"client": "desk", "role": "bot"}})),
        (consumer(Role::System), json!({"consumer": {"client": "desk", "role": "system"}})),
    ];
    for (author, author_json) in cases {
        let fact = Fact::Message(Message {
            author,
            id: MessageId::new("m-1").unwrap(),
            text: MessageText::stored("Grüße\n\"quoted\" \u{0} 🚀".to_owned()),
            name: Some("Ada".to_owned()),
            authenticated: false,
        });
        let stored = json!({
            "authentication": "anonymous",
            "fact": {"message": {
                "author": author_json, "id": "m-1", "text": "Grüße\n\"quoted\" \u{0} 🚀", "name": "Ada",
                "authenticated": false,
            }},
        });
        check(Authentication::Anonymous, fact, "message", &stored);
    }
}

#[test]
fn a_change_of_the_pages_variables_is_stored_like_this() {
    let fact = Fact::Context(ContextChange { variables: variables(), changed: vec!["name".to_owned()] });
    let stored = json!({
        "authentication": {"authenticated": authenticated_json()},
        "fact": {"context": {"variables": variables_json(), "changed": ["name"]}},
    });
    check(Authentication::Authenticated(authenticated()), fact, "context", &stored);
}

#[test]
fn a_reading_is_stored_like_this() {
    for (by, name) in [(Reader::Customer, "customer"), (Reader::Agent, "agent")] {
        let stored =
            json!({"authentication": "anonymous", "fact": {"read": {"by": name, "up_to": 1_u64 << 53}}});
        let fact = Fact::Read(Read { by, up_to: Sequence::new(1 << 53) });
        check(Authentication::Anonymous, fact, "read", &stored);
    }
}

#[test]
fn a_request_to_sign_in_is_stored_like_this() {
    let cases = [
        (Some("Please sign in"), json!({"client": "desk", "id": "r-1", "message": "Please sign in"})),
        (None, json!({"client": "desk", "id": "r-1"})),
    ];
    for (message, requested) in cases {
        let fact = Fact::AuthenticationRequested(AuthenticationRequest {
            client: "desk".parse().unwrap(),
            id: MessageId::new("r-1").unwrap(),
            message: message.map(str::to_owned),
        });
        let stored = json!({"authentication": "anonymous", "fact": {"authentication_requested": requested}});
        check(Authentication::Anonymous, fact, "authentication_requested", &stored);
    }
}

#[test]
fn an_assignment_is_stored_like_this() {
    let cases = [
        (
            Assignment::to("vip".into(), Some("agent-1".to_owned())),
            json!({"queue": "vip", "agent": "agent-1"}),
        ),
        (Assignment::to("vip".into(), None), json!({"queue": "vip"})),
        (
            Assignment { rule: Some("vip".into()), priority: Some(10), ..Assignment::to("vip".into(), None) },
            json!({"queue": "vip", "rule": "vip", "priority": 10}),
        ),
    ];
    for (assignment, assigned) in cases {
        let stored = json!({"authentication": "anonymous", "fact": {"assigned": assigned}});
        let fact = Fact::Assigned(assignment);
        check(Authentication::Anonymous, fact, "assigned", &stored);
    }
}

#[test]
fn an_end_is_stored_like_this() {
    let cases = [
        (EndedBy::Customer, None, json!({"by": "customer"})),
        (EndedBy::Agent, Some("solved".to_owned()), json!({"by": "agent", "reason": "solved"})),
        (EndedBy::System, Some("idle".to_owned()), json!({"by": "system", "reason": "idle"})),
    ];
    for (by, reason, ended) in cases {
        let stored = json!({"authentication": "anonymous", "fact": {"ended": ended}});
        check(Authentication::Anonymous, Fact::Ended(Ended { by, reason }), "ended", &stored);
    }
}

#[test]
fn what_a_newer_version_stored_is_refused_with_its_name() {
    let read =
        |body: Json| decode(Sequence::new(1), UnixTime::EPOCH, &body.to_string()).unwrap_err().to_string();
    let unknown_fact = read(json!({"authentication": "anonymous", "fact": {"transferred": {}}}));
    assert!(unknown_fact.contains("unknown variant `transferred`"), "{unknown_fact}");
    let unknown_field =
        read(json!({"authentication": "anonymous", "fact": {"ended": {"by": "agent", "mood": 1}}}));
    assert!(unknown_field.contains("unknown field `mood`"), "{unknown_field}");
    let unknown_part =
        read(json!({"authentication": "anonymous", "fact": {"ended": {"by": "agent"}}, "geo": "x"}));
    assert!(unknown_part.contains("unknown field `geo`"), "{unknown_part}");
}

#[test]
fn a_number_keeps_its_last_bit() {
    for number in [0.1 + 0.2, f64::MIN_POSITIVE, 9_007_199_254_740_991.0, -1.797_693_134_862_315_7e308] {
        let variable = Variable {
            raw: Primitive::Number("1".to_owned()),
            value: Value::Number(number),
            source: Source::Token,
            displayable: false,
        };
        let all = Variables::from([("n".to_owned(), variable)]);
        assert_eq!(decode_variables(&encode_variables(&all)).unwrap(), all);
    }
}
