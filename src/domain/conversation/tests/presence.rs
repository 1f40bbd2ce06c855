use super::*;

fn kinds(entries: &[Entry]) -> Vec<&Fact> {
    entries.iter().map(|entry| &entry.fact).collect()
}

#[test]
fn whoever_begins_a_conversation_is_there_and_is_not_told_to_be_back() {
    let mut conversation = begun(None);
    assert!(conversation.is_connected());
    assert_eq!(live(&mut conversation, at(1), &Event::Reconnect), Ok(vec![]));
    assert_eq!(kinds(&live(&mut conversation, at(6), &Event::Disconnect).unwrap()), [&Fact::Disconnected]);
    assert!(!conversation.is_connected());
}

#[test]
fn each_absence_and_each_return_is_told_once() {
    let mut conversation = begun(None);
    for round in 1..=3 {
        assert_eq!(live(&mut conversation, at(round * 10), &Event::Disconnect).unwrap().len(), 1);
        assert_eq!(live(&mut conversation, at(round * 10), &Event::Disconnect), Ok(vec![]));
        let back = live(&mut conversation, at(round * 10 + 5), &Event::Reconnect).unwrap();
        assert_eq!(kinds(&back), [&Fact::Reconnected]);
        assert_eq!(live(&mut conversation, at(round * 10 + 5), &Event::Reconnect), Ok(vec![]));
    }
    assert_eq!(conversation.sequence().get(), 7);
}

#[test]
fn after_the_end_and_before_the_beginning_nobody_leaves_or_comes_back() {
    let unborn = Conversation::unborn(place());
    for event in [Event::Disconnect, Event::Reconnect] {
        assert_eq!(decide(&unborn, NOW, &event), Err(InvalidTransition::NotStarted));
    }
    for gone in [false, true] {
        let mut conversation = begun(None);
        if gone {
            live(&mut conversation, at(5), &Event::Disconnect).unwrap();
        }
        live(&mut conversation, at(6), &end()).unwrap();
        assert!(!conversation.is_connected());
        for event in [Event::Disconnect, Event::Reconnect] {
            assert_eq!(live(&mut conversation, at(11), &event), Ok(vec![]));
        }
    }
}

#[test]
fn a_downgrade_that_is_due_comes_before_an_absence() {
    let mut conversation = begun(Some(10));
    let entries = live(&mut conversation, at(10), &Event::Disconnect).unwrap();
    assert!(matches!(kinds(&entries)[..], [Fact::Downgraded(_), Fact::Disconnected]), "{entries:?}");
    assert!(entries.iter().all(|entry| !entry.authentication.is_authenticated()));
}

#[test]
fn leaving_and_coming_back_breaks_no_silence() {
    let mut conversation = begun(Some(100));
    live(&mut conversation, at(5), &Event::Disconnect).unwrap();
    live(&mut conversation, at(9), &Event::Reconnect).unwrap();
    assert_eq!((conversation.heard_at(), conversation.active_at()), (NOW, NOW));
    assert_eq!(conversation.last_at(), at(9));
}
