use super::*;

/// The notices of a token that lives from [`NOW`] for so many seconds, and when each comes.
fn instants(seconds: u64) -> Vec<u64> {
    let conversation = begun(Some(seconds));
    let mut notices = Notices::of(conversation.authentication()).expect("it is authenticated");
    let mut told = Vec::new();
    while let Some(next) = notices.next() {
        let early = UnixTime::from_millis(next.millis() - 1);
        assert!(!notices.take_due(early), "told before {next}");
        assert!(notices.take_due(next), "not told at {next}");
        assert!(!notices.take_due(next), "told twice at {next}");
        told.push(next.since(NOW).as_secs());
    }
    told
}

#[test]
fn a_widget_is_told_at_three_quarters_and_half_a_minute_before_the_end() {
    assert_eq!(instants(900), [675, 870]);
    // Three quarters of 140 s are 105 s, 5 s before the last half minute; of 136 s they are 102 s, 4 s before it.
    assert_eq!(instants(140), [105, 110]);
    assert_eq!(instants(136), [102]);
    assert_eq!(instants(144), [108, 114]);
    assert_eq!(instants(60), [45]);
}

#[test]
fn whoever_comes_late_is_told_once_and_at_once() {
    let conversation = begun(Some(900));
    for (now, again) in [(at(675), Some(at(870))), (at(869), Some(at(870))), (at(870), None), (at(899), None)]
    {
        let mut notices = Notices::of(conversation.authentication()).expect("it is authenticated");
        assert!(notices.take_due(now), "at {now}");
        assert_eq!(notices.next(), again, "after {now}");
    }
}

#[test]
fn nobody_is_told_of_an_end_that_has_passed_or_that_nobody_awaits() {
    let conversation = begun(Some(900));
    let mut notices = Notices::of(conversation.authentication()).expect("it is authenticated");
    assert!(!notices.take_due(at(900)));
    assert_eq!(Notices::of(begun(None).authentication()), None);
}
