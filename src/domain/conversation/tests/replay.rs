//! Living through any events and reading the entries back give the same conversation.

use proptest::prelude::*;

use crate::domain::queue::Facts;

use super::*;

/// Something that happens, and how many seconds later than what came before; the clock may step back.
#[derive(Debug, Clone)]
struct Step {
    seconds: i64,
    event: Event,
}

fn subjects() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("ada"), 1 => Just("bob")]
}

fn events() -> impl Strategy<Value = Event> {
    let ids = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    let texts = prop_oneof![3 => Just("hello"), 1 => Just("good-bye")];
    let said = (ids, texts, any::<bool>()).prop_map(|(id, text, by_customer)| {
        said_by(if by_customer { Author::Customer } else { agent("desk") }, id, text)
    });
    let signed_in =
        (subjects(), 0..400_u64, 1..200_u64).prop_map(|(who, iat, life)| sign_in(who, iat, iat + life));
    let queues = prop_oneof![Just("default"), Just("vip")];
    let assigned = (queues, proptest::option::of(Just("kim".to_owned())))
        .prop_map(|(queue, agent)| Event::Assign(Assign { queue: Some(queue.into()), agent }));
    let offered = prop_oneof![Just(r#"{"page":"1"}"#), Just(r#"{"page":null}"#), Just(r#"{"tier":"2"}"#)];
    let set = offered.prop_map(pages::set);
    let read = (any::<bool>(), 0..12_u64).prop_map(|(by_customer, up_to)| {
        pages::read(if by_customer { Reader::Customer } else { Reader::Agent }, up_to)
    });
    let asked = prop_oneof![Just("a"), Just("r")].prop_map(|id| {
        let (client, id) = ("desk".parse().unwrap(), MessageId::new(id).unwrap());
        Event::RequestAuthentication(AuthenticationRequest { client, id, message: None })
    });
    let ended = prop_oneof![Just(Event::SignOut), Just(Event::Revoke), Just(Event::Idle)];
    let started = proptest::option::of((subjects(), 1..200_u64))
        .prop_map(|who| start(who.map(|(subject, life)| customer(subject, 0, life))));
    prop_oneof![
        8 => said,
        4 => signed_in,
        2 => assigned,
        4 => Just(Event::Deadline),
        2 => set,
        2 => read,
        1 => asked,
        2 => ended,
        1 => started,
        1 => Just(end()),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop_oneof![9 => 0..40_i64, 1 => -60..0_i64], events());
    proptest::collection::vec(step.prop_map(|(seconds, event)| Step { seconds, event }), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn replaying_the_entries_yields_the_state_of_living_through_them(
        first in proptest::option::of((subjects(), 1..200_u64)),
        has_rules in any::<bool>(),
        steps in steps(),
    ) {
        let queues = if has_rules { routing::queues() } else { Queues::default() };
        let live = |lived: &mut Conversation, now, event: &Event| routing::live(&queues, lived, now, event);
        let mut lived = Conversation::unborn(place());
        let mut journal = live(&mut lived, NOW, &start(first.map(|(who, life)| customer(who, 0, life)))).unwrap();
        let mut now = NOW;
        for Step { seconds, event } in steps {
            now = UnixTime::from_millis(now.millis() + seconds * 1000);
            if let Ok(entries) = live(&mut lived, now, &event) {
                journal.extend(entries);
            }
        }
        let mut replayed = Conversation::unborn(place());
        for entry in &journal {
            replayed.apply(entry);
        }
        prop_assert_eq!(&replayed, &lived);
        check(&journal)?;
        check_queues(&queues, &journal)?;
    }
}

/// What holds of the queues: after each change the rules decide, and never once a consumer has.
fn check_queues(queues: &Queues, journal: &[Entry]) -> Result<(), TestCaseError> {
    let (mut queue, mut is_placed) = (Arc::from(""), false);
    for (index, entry) in journal.iter().enumerate() {
        let variables = match &entry.fact {
            Fact::Started(started) => {
                queue = started.queue.clone();
                &started.variables
            }
            Fact::Authenticated(signed_in) => &signed_in.variables,
            Fact::Downgraded(downgraded) => &downgraded.variables,
            Fact::Context(change) => &change.variables,
            Fact::Assigned(assignment) => {
                prop_assert!(
                    !(is_placed && assignment.rule.is_some()),
                    "a rule after a consumer: {:?}",
                    entry
                );
                is_placed |= assignment.rule.is_none();
                queue = assignment.queue.clone();
                continue;
            }
            _ => continue,
        };
        let facts = Facts { authenticated: entry.authentication.is_authenticated(), variables };
        let choice = queues.choose(facts).choice.filter(|_| !is_placed);
        let Some(choice) = choice else { continue };
        let next = journal.get(index + 1).map(|next| &next.fact);
        let moved = matches!(next, Some(Fact::Assigned(next)) if next.rule == choice.rule);
        prop_assert_eq!(choice.queue != queue, moved, "after {:?}", entry);
    }
    Ok(())
}

/// What holds of every journal, whatever happened.
fn check(journal: &[Entry]) -> Result<(), TestCaseError> {
    let mut standing: Option<&Authenticated> = None;
    let mut ends = 0;
    let mut sign_ins = 0;
    for (index, entry) in journal.iter().enumerate() {
        prop_assert_eq!(entry.sequence.get(), index as u64 + 1, "sequences have no gap");
        if index > 0 {
            prop_assert!(entry.at >= journal[index - 1].at, "time does not go back");
        }
        if let Authentication::Authenticated(held) = &entry.authentication {
            prop_assert!(entry.at < held.expires_at, "nothing is authenticated past the end: {:?}", entry);
            if standing.is_none() {
                sign_ins += 1;
            }
            standing = Some(held);
        } else if let Some(held) = standing.take() {
            ends += 1;
            let Fact::Downgraded(downgraded) = &entry.fact else {
                return Err(TestCaseError::fail(format!("anonymous without a downgrade: {entry:?}")));
            };
            prop_assert_eq!(&downgraded.previous, held);
        }
        prop_assert!(!matches!(entry.fact, Fact::Ended(_)) || index + 1 == journal.len(), "the end is last");
    }
    prop_assert_eq!(sign_ins, ends + usize::from(standing.is_some()), "each authentication ends once");
    Ok(())
}
