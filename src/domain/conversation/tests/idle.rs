use super::*;

const END: Duration = Duration::from_secs(100);
const DOWNGRADE: Duration = Duration::from_secs(10);
const AFTER: IdleAfter = IdleAfter { end: Some(END), downgrade: Some(DOWNGRADE) };
const MILLI: Duration = Duration::from_millis(1);

/// Just before this instant, at it and just after it.
fn around(instant: UnixTime) -> [UnixTime; 3] {
    [instant.minus(MILLI), instant, instant.plus(MILLI)]
}

fn left(seconds: u64) -> Presence {
    Presence { left_at: at(seconds), ..Presence::UNKNOWN }
}

fn heard(seconds: u64) -> Presence {
    Presence { heard_at: at(seconds), ..Presence::UNKNOWN }
}

/// Whether it is abandoned just before, at and after this many seconds.
fn abandoned(conversation: &Conversation, seconds: u64, presence: Presence) -> [bool; 3] {
    around(at(seconds)).map(|now| conversation.is_abandoned(now, &presence, &AFTER))
}

fn unheard(conversation: &Conversation, seconds: u64, presence: Presence) -> [bool; 3] {
    around(at(seconds)).map(|now| conversation.is_unheard(now, &presence, &AFTER))
}

#[test]
fn a_conversation_is_abandoned_when_nobody_spoke_and_no_socket_was_there_for_that_long() {
    let mut conversation = begun(None);
    assert_eq!(abandoned(&conversation, 100, Presence::UNKNOWN), [false, true, true]);
    assert_eq!(abandoned(&conversation, 130, left(30)), [false, true, true]);
    live(&mut conversation, at(50), &said_by(agent("desk"), "a1", "Hello?")).unwrap();
    assert_eq!(abandoned(&conversation, 150, left(30)), [false, true, true]);
    assert_eq!(abandoned(&conversation, 160, left(60)), [false, true, true]);
    // Whatever the customer's frames said: only what was said and who was there counts.
    assert_eq!(abandoned(&conversation, 150, heard(140)), [false, true, true]);
}

#[test]
fn with_a_socket_or_without_a_limit_or_once_it_has_ended_it_never_is() {
    let mut conversation = begun(None);
    let connected = Presence { is_connected: true, ..Presence::UNKNOWN };
    assert!(!conversation.is_abandoned(UnixTime::MAX, &connected, &AFTER));
    let without = IdleAfter { end: None, ..AFTER };
    assert!(!conversation.is_abandoned(UnixTime::MAX, &Presence::UNKNOWN, &without));
    live(&mut conversation, at(1), &end()).unwrap();
    assert!(!conversation.is_abandoned(UnixTime::MAX, &Presence::UNKNOWN, &AFTER));
}

#[test]
fn an_authentication_is_unheard_when_no_frame_of_the_customer_came_for_that_long() {
    let mut conversation = begun(Some(1000));
    assert_eq!(unheard(&conversation, 10, Presence::UNKNOWN), [false, true, true]);
    assert_eq!(unheard(&conversation, 15, heard(5)), [false, true, true]);
    live(&mut conversation, at(7), &said_by(agent("desk"), "a1", "Are you there?")).unwrap();
    assert_eq!(unheard(&conversation, 15, heard(5)), [false, true, true]);
    live(&mut conversation, at(8), &message("m1", "Yes")).unwrap();
    assert_eq!(unheard(&conversation, 18, heard(5)), [false, true, true]);
    // A socket that says nothing keeps nobody signed in.
    let silent = Presence { is_connected: true, left_at: at(17), ..heard(5) };
    assert_eq!(unheard(&conversation, 18, silent), [false, true, true]);
}

#[test]
fn what_is_anonymous_or_over_or_has_no_limit_never_is() {
    let mut conversation = begun(Some(1000));
    assert!(!conversation.is_unheard(UnixTime::MAX, &Presence::UNKNOWN, &IdleAfter::NEVER));
    assert!(!begun(None).is_unheard(UnixTime::MAX, &Presence::UNKNOWN, &AFTER));
    live(&mut conversation, at(10), &Event::Idle).unwrap();
    assert!(!conversation.is_unheard(UnixTime::MAX, &Presence::UNKNOWN, &AFTER));
    let mut ended = begun(Some(1000));
    live(&mut ended, at(1), &end()).unwrap();
    assert!(!ended.is_unheard(UnixTime::MAX, &Presence::UNKNOWN, &AFTER));
}

#[test]
fn a_clock_that_was_set_back_ends_nothing() {
    let conversation = begun(Some(1000));
    let later = Presence { heard_at: at(50), left_at: at(50), ..Presence::UNKNOWN };
    assert!(!conversation.is_unheard(NOW, &later, &AFTER));
    assert!(!conversation.is_abandoned(NOW, &later, &AFTER));
}

#[test]
fn the_shortest_and_the_longest_silence_are_those_of_what_is_set() {
    assert_eq!((AFTER.shortest(), AFTER.longest()), (Some(DOWNGRADE), Some(END)));
    let one = IdleAfter { downgrade: None, ..AFTER };
    assert_eq!((one.shortest(), one.longest()), (Some(END), Some(END)));
    assert_eq!((IdleAfter::NEVER.shortest(), IdleAfter::NEVER.longest()), (None, None));
}
