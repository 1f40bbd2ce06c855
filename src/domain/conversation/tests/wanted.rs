//! Ends that somebody wanted: a sign-out, a revocation. The tokens taken before are taken no more.

use super::*;

fn token(iat: u64, exp: u64) -> Credential {
    Credential::Valid(Box::new(customer("ada", iat, exp)))
}

fn admitted(conversation: &Conversation, now: UnixTime, credential: Credential) -> bool {
    let revocations = Revocations::default();
    let expired_for = Duration::from_hours(24);
    let policy = AdmissionPolicy { token_required: false, expired_for, revocations: &revocations };
    match conversation.admit(now, credential, policy) {
        Ok(_) => true,
        Err(NotAdmitted::AuthenticationRequired) => false,
        Err(other) => panic!("{other:?}"),
    }
}

/// A conversation whose newest token was issued 10 s after [`NOW`], ended by `event` at 20 s.
fn ended_by(event: &Event) -> Conversation {
    let mut conversation = begun(Some(600));
    live(&mut conversation, at(10), &sign_in("ada", 10, 600)).unwrap();
    live(&mut conversation, at(11), &sign_in("ada", 5, 900)).unwrap_err();
    assert_eq!(live(&mut conversation, at(20), event).unwrap().len(), 1, "{event:?}");
    conversation
}

#[test]
fn a_sign_out_and_a_revocation_end_the_authentication_once() {
    for (event, reason) in
        [(Event::SignOut, DowngradeReason::SignedOut), (Event::Revoke, DowngradeReason::Revoked)]
    {
        let mut conversation = ended_by(&event);
        assert_eq!(conversation.changed(), Some((AuthenticationChange::Downgrade(reason), at(20))));
        assert_eq!(live(&mut conversation, at(21), &event).unwrap(), [], "anonymous already");
        assert_eq!(conversation.next_deadline(), None);
    }
}

#[test]
fn after_it_only_a_token_issued_later_than_the_greatest_accepted_is_taken() {
    for event in [Event::SignOut, Event::Revoke] {
        let conversation = ended_by(&event);
        for (iat, taken) in [(9, false), (10, false), (11, true)] {
            let decided = decide(&conversation, at(30), &sign_in("ada", iat, 600));
            assert_eq!(decided.is_ok(), taken, "{event:?}, iat {iat}");
            assert!(taken || decided == Err(InvalidTransition::Revoked));
            assert_eq!(admitted(&conversation, at(30), token(iat, 600)), taken, "{event:?}, iat {iat}");
        }
    }
}

#[test]
fn the_tokens_of_before_stay_dead_after_a_later_sign_in() {
    let mut conversation = ended_by(&Event::SignOut);
    live(&mut conversation, at(30), &sign_in("ada", 30, 60)).unwrap();
    assert_eq!(decide(&conversation, at(31), &sign_in("ada", 10, 900)), Err(InvalidTransition::Revoked));
    assert_eq!(decide(&conversation, at(31), &sign_in("ada", 20, 900)), Err(InvalidTransition::Unchanged));
    live(&mut conversation, at(60), &Event::Deadline).unwrap();
    assert_eq!(decide(&conversation, at(61), &sign_in("ada", 10, 900)), Err(InvalidTransition::Revoked));
    // Issued after the sign-out, so it is no cached token of before it.
    assert!(decide(&conversation, at(61), &sign_in("ada", 20, 900)).is_ok());
}

#[test]
fn an_expired_token_of_before_it_opens_nothing() {
    let conversation = ended_by(&Event::SignOut);
    for (iat, opens) in [(10, false), (11, true)] {
        let refusal = crate::domain::token::Refusal::expired_for_tests("ada", at(iat), at(25));
        assert_eq!(admitted(&conversation, at(30), Credential::Refused(Box::new(refusal))), opens, "{iat}");
    }
}

#[test]
fn an_end_that_nobody_wanted_leaves_every_token_good() {
    for (event, now) in [(Event::Idle, at(20)), (Event::Deadline, at(600))] {
        let mut conversation = begun(Some(600));
        live(&mut conversation, at(10), &sign_in("ada", 10, 600)).unwrap();
        assert_eq!(live(&mut conversation, now, &event).unwrap().len(), 1);
        let again = live(&mut conversation, now, &sign_in("ada", 5, 900)).unwrap();
        assert!(
            matches!(&again[0].fact, Fact::Authenticated(one) if one.reason == SignInReason::TokenPresented)
        );
    }
}

#[test]
fn a_sign_out_that_found_nobody_signed_in_bars_the_tokens_by_a_note() {
    let mut conversation = begun(Some(600));
    live(&mut conversation, at(10), &Event::Idle).unwrap();
    assert_eq!(live(&mut conversation, at(20), &Event::SignOut).unwrap(), []);
    assert_eq!(conversation.accepted_until(), Some(at(0)));
    assert!(decide(&conversation, at(30), &sign_in("ada", 0, 600)).is_ok(), "nothing was noted yet");
    conversation.bar(at(0));
    assert_eq!(decide(&conversation, at(30), &sign_in("ada", 0, 600)), Err(InvalidTransition::Revoked));
    assert!(decide(&conversation, at(30), &sign_in("ada", 1, 600)).is_ok());
    conversation.bar(UnixTime::EPOCH);
    assert!(decide(&conversation, at(30), &sign_in("ada", 0, 600)).is_err(), "a bar is never lowered");
}

#[test]
fn a_revoked_token_signs_nobody_in_and_its_authentication_ends_first_whatever_the_event() {
    let mut revocations = Revocations::default();
    revocations.revoke_everyone(at(5));
    let conversation = begun(Some(600));
    for event in [message("m", "hello"), Event::Deadline, end(), sign_in("ada", 5, 600)] {
        let entries = decide_with(&conversation, at(1), &revocations, &event).unwrap();
        let Fact::Downgraded(downgraded) = &entries[0].fact else { panic!("{event:?} led to {entries:?}") };
        assert_eq!(downgraded.reason, DowngradeReason::Revoked);
        let comes_back = matches!(event, Event::SignIn(_));
        assert_eq!(entries.last().is_some_and(|last| last.authentication.is_authenticated()), comes_back);
    }
    for (iat, taken) in [(4, false), (5, true), (6, true)] {
        let fresh = decide_with(&begun(None), at(1), &revocations, &sign_in("ada", iat, 600));
        assert_eq!(fresh.is_ok(), taken, "iat {iat}");
        let started = start(Some(customer("ada", iat, 600)));
        let begun = decide_with(&Conversation::unborn(place()), at(1), &revocations, &started);
        assert_eq!(begun.is_ok(), taken, "iat {iat}");
        assert!(
            taken
                || (fresh, begun.err())
                    == (Err(InvalidTransition::Revoked), Some(InvalidTransition::Revoked))
        );
    }
}

#[test]
fn an_end_whose_time_has_come_is_not_called_a_revocation() {
    let mut revocations = Revocations::default();
    revocations.revoke_everyone(at(5));
    let entries = decide_with(&begun(Some(60)), at(60), &revocations, &Event::Deadline).unwrap();
    assert!(matches!(&entries[0].fact, Fact::Downgraded(one) if one.reason == DowngradeReason::TokenExpired));
}

#[test]
fn a_token_of_another_key_that_finds_a_due_revocation_comes_after_it() {
    let mut conversation = begun(None);
    let by_key =
        |kid, iat| Event::SignIn(Box::new(customer("ada", iat, 600).issued_by("contosohelp.com", kid)));
    live(&mut conversation, at(20), &by_key("stolen", 10)).unwrap();
    let mut revocations = Revocations::default();
    revocations.revoke_kid("stolen".into());
    for (iat, taken) in [(9, false), (10, false), (11, true)] {
        let decided = decide_with(&conversation, at(30), &revocations, &by_key("other", iat));
        assert_eq!(decided.is_ok(), taken, "iat {iat}");
        assert!(taken || decided == Err(InvalidTransition::Revoked), "iat {iat}");
    }
}
