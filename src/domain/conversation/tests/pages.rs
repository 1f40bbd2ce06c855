//! What a page does beside talking: its variables, how far its customer has read.

use super::*;
use crate::domain::context::{ContextPolicy, Offered, Primitive, Source, Value, Variable};
use crate::domain::json::{self, Json};

fn offer(text: &str) -> Offered {
    let Ok(Json::Object(object)) = json::parse(text) else { panic!("{text} is no object") };
    Offered::read(&object, &ContextPolicy::default())
}

pub(super) fn set(text: &str) -> Event {
    Event::SetContext(SetContext { offered: offer(text), must_be_authenticated: false })
}

fn signed(name: &str) -> Variables {
    let text = |text: &str| (Primitive::Text(text.to_owned()), Value::Text(text.to_owned()));
    let (raw, value) = text("gold");
    Variables::from([(name.to_owned(), Variable { raw, value, source: Source::Token, displayable: false })])
}

pub(super) fn read(by: Reader, up_to: u64) -> Event {
    Event::Read(Read { by, up_to: Sequence::new(up_to) })
}

#[test]
fn a_page_sets_and_removes_its_own_variables_and_what_changes_nothing_is_no_entry() {
    let mut conversation = begun(None);
    let entries = live(&mut conversation, at(1), &set(r#"{"page":"1","shop":"2"}"#)).unwrap();
    assert!(matches!(&entries[0].fact, Fact::Context(change) if change.changed == ["page", "shop"]));
    for same in [r#"{"page":"1"}"#, "{}", r#"{"other":null}"#] {
        assert_eq!(live(&mut conversation, at(2), &set(same)).unwrap(), [], "{same}");
    }
    let entries = live(&mut conversation, at(3), &set(r#"{"page":null}"#)).unwrap();
    assert!(matches!(&entries[0].fact, Fact::Context(change) if change.changed == ["page"]));
    assert_eq!(conversation.variables().keys().collect::<Vec<_>>(), ["shop"]);
}

#[test]
fn a_name_that_a_token_gave_is_out_of_the_pages_reach_for_good() {
    let mut conversation = begun(None);
    live(&mut conversation, at(1), &set(r#"{"tier":"page"}"#)).unwrap();
    let by_token = VerifiedCustomer::for_tests("ada", at(0), at(60), signed("tier"));
    live(&mut conversation, at(2), &Event::SignIn(Box::new(by_token))).unwrap();
    assert_eq!(conversation.variables()["tier"].source, Source::Token);
    // The next token no longer has it, and the customer is signed in no longer.
    live(&mut conversation, at(3), &sign_in("ada", 1, 60)).unwrap();
    assert!(conversation.variables().is_empty());
    live(&mut conversation, at(60), &Event::Deadline).unwrap();
    assert_eq!(live(&mut conversation, at(61), &set(r#"{"tier":"page"}"#)).unwrap(), []);
    let report = conversation.merge(&offer(r#"{"tier":"page"}"#)).report;
    assert_eq!(report.rejected[0].reason.code(), "signed_wins");
}

#[test]
fn where_sign_in_is_required_a_page_sets_nothing_without() {
    let conversation = begun(Some(60));
    let event =
        Event::SetContext(SetContext { offered: offer(r#"{"page":"1"}"#), must_be_authenticated: true });
    assert!(decide(&conversation, at(59), &event).is_ok());
    assert_eq!(decide(&conversation, at(60), &event), Err(InvalidTransition::AuthenticationRequired));
}

#[test]
fn a_reading_is_journaled_where_it_moves_forward_and_lies_within_the_conversation() {
    let mut conversation = begun(None);
    for id in ["a", "b", "c"] {
        live(&mut conversation, at(1), &message(id, "hello")).unwrap();
    }
    let past = conversation.sequence().get() + 1;
    assert_eq!(
        decide(&conversation, at(2), &read(Reader::Customer, past)),
        Err(InvalidTransition::PastTheEnd)
    );
    assert_eq!(live(&mut conversation, at(2), &read(Reader::Customer, 0)).unwrap(), []);
    assert_eq!(live(&mut conversation, at(2), &read(Reader::Customer, 2)).unwrap().len(), 1);
    for backwards in [1, 2] {
        assert_eq!(live(&mut conversation, at(9), &read(Reader::Customer, backwards)).unwrap(), []);
    }
    assert_eq!(live(&mut conversation, at(9), &read(Reader::Customer, 3)).unwrap().len(), 1);
}

#[test]
fn each_side_is_journaled_at_most_once_a_second() {
    let mut conversation = begun(None);
    for id in ["a", "b", "c"] {
        live(&mut conversation, at(1), &message(id, "hello")).unwrap();
    }
    live(&mut conversation, at(2), &read(Reader::Customer, 2)).unwrap();
    let early = UnixTime::from_millis(at(3).millis() - 1);
    let too_soon = Err(InvalidTransition::TooSoon { until: at(3) });
    assert_eq!(decide(&conversation, early, &read(Reader::Customer, 3)), too_soon);
    assert_eq!(decide(&conversation, at(3), &read(Reader::Customer, 3)).unwrap().len(), 1);
    assert_eq!(decide(&conversation, early, &read(Reader::Agent, 3)).unwrap().len(), 1, "the other side");
}

#[test]
fn what_a_consumer_says_to_a_downgraded_customer_waits_until_the_next_sign_in() {
    let mut conversation = begun(Some(60));
    let before = live(&mut conversation, at(1), &said_by(agent("desk"), "a", "while signed in")).unwrap();
    live(&mut conversation, at(60), &Event::Deadline).unwrap();
    let after = live(&mut conversation, at(61), &said_by(agent("desk"), "b", "after")).unwrap();
    let own = live(&mut conversation, at(61), &message("c", "own")).unwrap();
    assert!(conversation.withholds(&after[0]));
    assert!(!conversation.withholds(&before[0]) && !conversation.withholds(&own[0]));
    live(&mut conversation, at(62), &sign_in("ada", 62, 90)).unwrap();
    assert!(!conversation.withholds(&after[0]));
    live(&mut conversation, at(90), &Event::Deadline).unwrap();
    assert!(!conversation.withholds(&after[0]), "it was shown at the sign-in");
}

#[test]
fn the_customer_is_heard_of_by_what_the_customer_does() {
    let mut conversation = begun(Some(600));
    live(&mut conversation, at(10), &message("a", "hello")).unwrap();
    live(&mut conversation, at(20), &said_by(agent("desk"), "a", "hello")).unwrap();
    live(&mut conversation, at(30), &Event::Assign(Assign { queue: Some("vip".into()), agent: None }))
        .unwrap();
    assert_eq!((conversation.heard_at(), conversation.active_at()), (at(10), at(20)));
    live(&mut conversation, at(40), &set(r#"{"page":"1"}"#)).unwrap();
    assert_eq!((conversation.heard_at(), conversation.active_at()), (at(40), at(40)));
    live(&mut conversation, at(50), &Event::Idle).unwrap();
    assert_eq!(conversation.heard_at(), at(40));
}
