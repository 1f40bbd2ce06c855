use super::*;
use crate::domain::token::Refusal;

const DAY: Duration = Duration::from_hours(24);

fn admit(conversation: &Conversation, now: UnixTime, credential: Credential) -> &'static str {
    admit_to(conversation, now, credential, false)
}

fn admit_to(
    conversation: &Conversation,
    now: UnixTime,
    credential: Credential,
    token_required: bool,
) -> &'static str {
    let revocations = Revocations::default();
    let policy = AdmissionPolicy { token_required, expired_for: DAY, revocations: &revocations };
    match conversation.admit(now, credential, policy) {
        Ok(Admission::AsItStands) => "as it stands",
        Ok(Admission::SigningIn(_)) => "signing in",
        Err(NotAdmitted::AuthenticationRequired) => "authentication required",
        Err(NotAdmitted::SubjectMismatch) => "subject mismatch",
        Err(NotAdmitted::Refused(refusal)) => refusal.reason.code(),
    }
}

fn valid(subject: &str) -> Credential {
    Credential::Valid(Box::new(customer(subject, 0, 60)))
}

fn expired(subject: &str, exp: u64) -> Credential {
    Credential::Refused(Box::new(Refusal::expired_for_tests(subject, NOW, at(exp))))
}

#[test]
fn an_anonymous_conversation_opens_to_its_resume_token_alone() {
    let conversation = begun(None);
    assert_eq!(admit(&conversation, at(1), Credential::Absent), "as it stands");
    assert_eq!(admit(&conversation, at(1), valid("ada")), "signing in");
}

#[test]
fn once_authenticated_nobody_comes_back_without_a_token_of_that_identity() {
    let mut conversation = begun(Some(60));
    for _ in 0..2 {
        assert_eq!(admit(&conversation, at(1), Credential::Absent), "authentication required");
        assert_eq!(admit(&conversation, at(1), valid("bob")), "subject mismatch");
        assert_eq!(admit(&conversation, at(1), valid("ada")), "signing in");
        // After the downgrade it is still the same customer's.
        live(&mut conversation, at(60), &Event::Deadline).unwrap();
    }
}

#[test]
fn an_expired_token_opens_an_anonymous_conversation_of_its_identity_for_a_day() {
    let mut conversation = begun(Some(60));
    assert_eq!(admit(&conversation, at(59), expired("ada", 50)), "expired", "it is authenticated still");
    live(&mut conversation, at(60), &Event::Deadline).unwrap();
    let day = DAY.as_secs();
    assert_eq!(admit(&conversation, at(60 + day - 1), expired("ada", 60)), "as it stands");
    assert_eq!(admit(&conversation, at(60 + day), expired("ada", 60)), "as it stands");
    assert_eq!(admit(&conversation, at(60 + day + 1), expired("ada", 60)), "expired");
    assert_eq!(admit(&conversation, at(61), expired("bob", 60)), "subject mismatch");
}

#[test]
fn an_expired_token_does_not_sign_in_where_nobody_ever_did() {
    assert_eq!(admit(&begun(None), at(61), expired("ada", 60)), "expired");
}

#[test]
fn a_widget_that_requires_sign_in_lets_nobody_in_without_a_valid_token() {
    let mut conversation = begun(Some(60));
    live(&mut conversation, at(60), &Event::Deadline).unwrap();
    for credential in [Credential::Absent, expired("ada", 60)] {
        assert!(matches!(
            admit_to(&conversation, at(61), credential, true),
            "authentication required" | "expired"
        ));
    }
    assert_eq!(admit_to(&conversation, at(1), valid("ada"), true), "signing in");
}

#[test]
fn an_ended_conversation_is_shown_and_nobody_signs_in() {
    let mut conversation = begun(Some(60));
    live(&mut conversation, at(1), &end()).unwrap();
    assert_eq!(admit(&conversation, at(2), valid("ada")), "as it stands");
    assert_eq!(admit(&conversation, at(2), Credential::Absent), "authentication required");
}
