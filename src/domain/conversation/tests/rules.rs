use super::*;

#[test]
fn a_start_is_one_entry_that_tells_everything() {
    let conversation = Conversation::unborn(place());
    let entries = decide(&conversation, NOW, &start(Some(customer("ada", 0, 60)))).unwrap();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.sequence.get(), entry.at), (1, NOW));
    assert!(entry.authentication.is_authenticated());
    let Fact::Started(started) = &entry.fact else { panic!("{entry:?}") };
    assert_eq!(&*started.queue, "default");
}

#[test]
fn nothing_happens_before_the_start_and_no_second_start() {
    let unborn = Conversation::unborn(place());
    assert_eq!(decide(&unborn, NOW, &message("m", "hello")), Err(InvalidTransition::NotStarted));
    assert_eq!(decide(&begun(None), NOW, &start(None)), Err(InvalidTransition::AlreadyStarted));
}

#[test]
fn an_authentication_holds_until_its_end_and_not_at_it() {
    let conversation = begun(Some(60));
    for (now, downgraded) in [
        (UnixTime::from_millis(at(60).millis() - 1), false),
        (at(60), true),
        (UnixTime::from_millis(at(60).millis() + 1), true),
    ] {
        let entries = decide(&conversation, now, &Event::Deadline).unwrap();
        assert_eq!(!entries.is_empty(), downgraded, "at {now}");
    }
    assert_eq!(conversation.next_deadline(), Some(at(60)));
}

#[test]
fn a_downgrade_that_is_due_comes_first_whatever_the_event() {
    for event in
        [message("m", "hello"), end(), Event::Assign(Assign { queue: Some("vip".into()), agent: None })]
    {
        let mut conversation = begun(Some(60));
        let entries = live(&mut conversation, at(61), &event).unwrap();
        let [first, second] = entries.as_slice() else { panic!("{event:?} led to {entries:?}") };
        let Fact::Downgraded(downgraded) = &first.fact else { panic!("{event:?} led to {first:?}") };
        assert_eq!(downgraded.reason, DowngradeReason::TokenExpired);
        assert_eq!(&*downgraded.previous.identity.subject, "ada");
        assert!(!first.authentication.is_authenticated() && !second.authentication.is_authenticated());
    }
}

#[test]
fn an_authentication_ends_once() {
    let mut conversation = begun(Some(60));
    assert_eq!(live(&mut conversation, at(60), &Event::Deadline).unwrap().len(), 1);
    assert_eq!(live(&mut conversation, at(61), &Event::Deadline).unwrap(), []);
    assert_eq!(conversation.next_deadline(), None);
}

#[test]
fn the_reason_says_what_ended_it() {
    let mut conversation = Conversation::unborn(place());
    let by_key = customer("ada", 0, 60).ended_by_key();
    live(&mut conversation, NOW, &start(Some(by_key))).unwrap();
    let entries = live(&mut conversation, at(60), &Event::Deadline).unwrap();
    assert!(matches!(&entries[0].fact, Fact::Downgraded(one) if one.reason == DowngradeReason::KeyExpired));
}

#[test]
fn a_clock_that_steps_back_brings_no_authentication_back() {
    let mut conversation = begun(Some(60));
    live(&mut conversation, at(100), &message("a", "late")).unwrap();
    let entries = live(&mut conversation, at(10), &message("b", "earlier, by the clock")).unwrap();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.at, at(100), "time never goes back within a conversation");
    assert!(matches!(&entry.fact, Fact::Message(said) if !said.authenticated));
}

#[test]
fn the_same_message_again_is_the_same_message() {
    let mut conversation = begun(None);
    let first = live(&mut conversation, at(1), &message("m", "hello")).unwrap();
    let again = decide(&conversation, at(9), &message("m", "hello"));
    let (sequence, at) = (first[0].sequence, first[0].at);
    assert_eq!(again, Err(InvalidTransition::AlreadyStored { sequence, at }));
    assert_eq!(decide(&conversation, at, &message("m", "other")), Err(InvalidTransition::IdConflict));
}

#[test]
fn each_author_has_ids_of_its_own() {
    let mut conversation = begun(None);
    live(&mut conversation, at(1), &message("m", "hello")).unwrap();
    live(&mut conversation, at(1), &said_by(agent("desk"), "m", "hello")).unwrap();
    live(&mut conversation, at(1), &said_by(agent("bot"), "m", "hello")).unwrap();
    assert_eq!(conversation.sequence().get(), 4);
}

#[test]
fn a_message_stored_before_the_end_is_still_known_after_it() {
    let mut conversation = begun(None);
    live(&mut conversation, at(1), &message("m", "hello")).unwrap();
    live(&mut conversation, at(2), &end()).unwrap();
    let again = decide(&conversation, at(3), &message("m", "hello"));
    assert!(matches!(again, Err(InvalidTransition::AlreadyStored { .. })));
    assert_eq!(decide(&conversation, at(3), &message("n", "x")), Err(InvalidTransition::ConversationEnded));
}

#[test]
fn nothing_comes_after_the_end() {
    let mut conversation = begun(Some(60));
    live(&mut conversation, at(1), &end()).unwrap();
    assert_eq!(conversation.next_deadline(), None);
    assert_eq!(decide(&conversation, at(61), &Event::Deadline), Ok(vec![]));
    for event in [end(), sign_in("ada", 2, 90), Event::Assign(Assign::default())] {
        assert_eq!(
            decide(&conversation, at(2), &event),
            Err(InvalidTransition::ConversationEnded),
            "{event:?}"
        );
    }
}

#[test]
fn messages_from_before_a_sign_in_stay_unauthenticated() {
    let mut conversation = begun(None);
    let before = live(&mut conversation, at(1), &message("a", "who?")).unwrap();
    live(&mut conversation, at(2), &sign_in("ada", 0, 60)).unwrap();
    let after = live(&mut conversation, at(3), &message("b", "me")).unwrap();
    assert!(matches!(&before[0].fact, Fact::Message(said) if !said.authenticated));
    assert!(matches!(&after[0].fact, Fact::Message(said) if said.authenticated));
}

#[test]
fn only_a_fresher_token_of_the_same_identity_changes_anything() {
    let mut conversation = begun(Some(60));
    for (event, expected) in [
        (sign_in("ada", 0, 60), Err(InvalidTransition::Unchanged)),
        (sign_in("ada", 0, 59), Err(InvalidTransition::Unchanged)),
        (sign_in("bob", 9, 99), Err(InvalidTransition::SubjectMismatch)),
        (sign_in("ada", 0, 61), Ok(SignInReason::TokenRefreshed)),
        (sign_in("ada", 1, 50), Ok(SignInReason::TokenRefreshed)),
        (sign_in("ada", 0, 99), Err(InvalidTransition::Unchanged)),
    ] {
        let outcome = live(&mut conversation, at(5), &event).map(|entries| match &entries[0].fact {
            Fact::Authenticated(signed_in) => signed_in.reason,
            other => panic!("{other:?}"),
        });
        assert_eq!(outcome, expected, "{event:?}");
    }
    assert_eq!(conversation.next_deadline(), Some(at(50)));
}

#[test]
fn a_token_that_has_run_out_since_it_was_judged_signs_nobody_in() {
    let conversation = begun(None);
    assert_eq!(decide(&conversation, at(60), &sign_in("ada", 0, 60)), Err(InvalidTransition::TokenExpired));
    assert_eq!(
        decide(&Conversation::unborn(place()), at(60), &start(Some(customer("ada", 0, 60)))),
        Err(InvalidTransition::TokenExpired)
    );
}

#[test]
fn the_first_sign_in_and_no_other_replaces_the_resume_token() {
    let mut conversation = begun(None);
    assert_eq!(conversation.generation(), 0);
    live(&mut conversation, at(1), &sign_in("ada", 0, 60)).unwrap();
    assert_eq!(conversation.generation(), 1);
    live(&mut conversation, at(2), &sign_in("ada", 1, 70)).unwrap();
    live(&mut conversation, at(80), &sign_in("ada", 75, 150)).unwrap();
    assert_eq!(conversation.generation(), 1);
    assert_eq!(begun(Some(60)).generation(), 1);
}

#[test]
fn a_widget_that_requires_sign_in_takes_no_message_without() {
    let mut conversation = begun(Some(60));
    let Event::Message(said) = message("m", "hello") else { unreachable!() };
    let event = Event::Message(NewMessage { must_be_authenticated: true, ..said });
    assert_eq!(decide(&conversation, at(60), &event), Err(InvalidTransition::AuthenticationRequired));
    live(&mut conversation, at(59), &event).unwrap();
}

#[test]
fn an_assignment_that_changes_nothing_is_no_entry() {
    let mut conversation = begun(None);
    let assign = Event::Assign(Assign { queue: Some("vip".into()), agent: Some("kim".to_owned()) });
    assert_eq!(live(&mut conversation, at(1), &assign).unwrap().len(), 1);
    assert_eq!(live(&mut conversation, at(2), &assign).unwrap(), []);
    let queue_alone = Event::Assign(Assign { queue: Some("default".into()), agent: None });
    live(&mut conversation, at(3), &queue_alone).unwrap();
    assert_eq!(conversation.assignment().agent.as_deref(), Some("kim"), "what is absent stays");
}

#[test]
#[should_panic(expected = "applied in order")]
fn a_gap_in_the_entries_is_never_passed_over() {
    let mut conversation = begun(None);
    let mut entries = decide(&conversation, at(1), &message("m", "x")).unwrap();
    entries[0].sequence = entries[0].sequence.next();
    conversation.apply(&entries[0]);
}
