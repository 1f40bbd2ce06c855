//! A conversation's queue follows its tenant's rules, until a consumer has put it somewhere.

use crate::domain::context::{ContextPolicy, Declared, VariableType};
use crate::domain::queue::{Queue, Rule};

use super::*;

/// Those signed in go to `known`, those whose page is `1` to `first`, and nobody else anywhere. Without a page, the
/// second rule fails.
pub(super) fn queues() -> Queues {
    Queues::new(vec![
        queue("known", Some("authenticated"), Some(10)),
        queue("first", Some("claimed.page == \"1\""), None),
    ])
}

fn queue(name: &str, when: Option<&str>, priority: Option<i64>) -> Queue {
    let declared = [("page".to_owned(), Declared { kind: VariableType::Text, signed: false })];
    let policy = ContextPolicy { declared: declared.into(), ..ContextPolicy::default() };
    Queue { name: name.into(), when: when.map(|rule| Rule::compile(rule, &policy).unwrap()), priority }
}

fn and_all_others() -> Queues {
    let mut listed = queues().listed().to_vec();
    listed.push(queue("others", None, None));
    Queues::new(listed)
}

fn decide(queues: &Queues, conversation: &Conversation, now: UnixTime, event: &Event) -> Decision {
    let settings = Settings { revocations: &Revocations::default(), queues };
    conversation.decide(now, settings, event).unwrap()
}

pub(super) fn live(
    queues: &Queues,
    conversation: &mut Conversation,
    now: UnixTime,
    event: &Event,
) -> Result<Vec<Entry>, InvalidTransition> {
    let settings = Settings { revocations: &Revocations::default(), queues };
    let entries = conversation.decide(now, settings, event)?.entries;
    for entry in &entries {
        conversation.apply(entry);
    }
    Ok(entries)
}

fn begun(queues: &Queues, exp: Option<u64>) -> Conversation {
    let mut conversation = Conversation::unborn(place());
    live(queues, &mut conversation, NOW, &start(exp.map(|exp| customer("ada", 0, exp)))).unwrap();
    conversation
}

/// Each entry's kind, and for an assignment the queue and the rule.
fn told(entries: &[Entry]) -> Vec<String> {
    let one = |entry: &Entry| match &entry.fact {
        Fact::Started(started) => format!("started {} by {:?}", started.queue, started.rule.as_deref()),
        Fact::Authenticated(_) => "authenticated".to_owned(),
        Fact::Downgraded(_) => "downgraded".to_owned(),
        Fact::Context(_) => "context".to_owned(),
        Fact::Message(_) => "message".to_owned(),
        Fact::Assigned(now) => format!("assigned {} by {:?}", now.queue, now.rule.as_deref()),
        other => format!("{other:?}"),
    };
    entries.iter().map(one).collect()
}

#[test]
fn a_conversation_begins_in_the_queue_whose_rule_is_true() {
    let begin = |queues: &Queues, exp: Option<u64>| {
        let event = start(exp.map(|exp| customer("ada", 0, exp)));
        decide(queues, &Conversation::unborn(place()), NOW, &event)
    };
    let known = begin(&queues(), Some(60));
    assert_eq!(told(&known.entries), ["started known by Some(\"known\")"]);
    assert!(matches!(&known.entries[0].fact, Fact::Started(started) if started.priority == Some(10)));
    assert_eq!(known.failed, []);
    let nobody = begin(&queues(), None);
    assert_eq!(told(&nobody.entries), ["started default by None"], "no rule matches");
    assert_eq!(nobody.failed, [Arc::from("first")]);
    let other = begin(&and_all_others(), None);
    assert_eq!(told(&other.entries), ["started others by Some(\"others\")"]);
    let unruled = Queues::new(vec![queue("a", None, Some(3)), queue("b", None, None)]);
    let first = begin(&unruled, None);
    assert_eq!(told(&first.entries), ["started a by None"]);
    assert!(matches!(&first.entries[0].fact, Fact::Started(started) if started.priority == Some(3)));
}

#[test]
fn every_change_of_authentication_asks_the_rules_in_the_same_record() {
    let queues = and_all_others();
    let mut conversation = begun(&queues, None);
    let mut act = |now, event: &Event| told(&live(&queues, &mut conversation, now, event).unwrap());
    let up = ["authenticated", "assigned known by Some(\"known\")"];
    let down = ["downgraded", "assigned others by Some(\"others\")"];
    assert_eq!(act(at(1), &sign_in("ada", 1, 60)), up);
    assert_eq!(act(at(2), &sign_in("ada", 2, 60)), ["authenticated"], "only where the queue changes");
    assert_eq!(act(at(3), &Event::SignOut), down);
    assert_eq!(act(at(4), &sign_in("ada", 4, 60)), up);
    assert_eq!(act(at(5), &Event::Revoke), down);
    assert_eq!(act(at(6), &sign_in("ada", 6, 60)), up);
    assert_eq!(act(at(7), &Event::Idle), down);
    assert_eq!(act(at(8), &sign_in("ada", 8, 60)), up);
    assert_eq!(act(at(60), &Event::Deadline), down);
    assert_eq!(act(at(61), &sign_in("ada", 61, 90)), up);
    let late = act(at(90), &message("m", "hello"));
    assert_eq!(late, [down[0], down[1], "message"], "what follows is said in the queue that it is said in");
    assert_eq!(act(at(91), &sign_in("ada", 91, 100)), up);
    let both = act(at(100), &sign_in("ada", 100, 200));
    assert_eq!(both, [down, up].concat());
}

#[test]
fn a_change_of_variables_asks_the_rules_and_no_match_leaves_the_queue() {
    let queues = queues();
    let mut conversation = begun(&queues, None);
    let mut act = |now, event: &Event| told(&live(&queues, &mut conversation, now, event).unwrap());
    let first = ["context", "assigned first by Some(\"first\")"];
    assert_eq!(act(at(1), &pages::set(r#"{"page":"1"}"#)), first);
    assert_eq!(act(at(2), &pages::set(r#"{"page":"2"}"#)), ["context"], "no rule matches");
    assert_eq!(act(at(3), &pages::set(r#"{"page":null}"#)), ["context"], "a rule fails");
    assert_eq!(act(at(4), &message("m", "hello")), ["message"]);
    assert_eq!(&*conversation.assignment().queue, "first");
}

#[test]
fn rules_that_fail_are_told_each_time() {
    let conversation = begun(&queues(), Some(60));
    let decided = decide(&queues(), &conversation, at(60), &pages::set(r#"{"tier":"2"}"#));
    assert_eq!(told(&decided.entries), ["downgraded", "context"]);
    assert_eq!(decided.failed, [Arc::from("first"), Arc::from("first")]);
    let decided = decide(&queues(), &conversation, at(1), &message("m", "hello"));
    assert_eq!(decided.failed, [], "nothing that they ask about has changed");
}

#[test]
fn once_a_consumer_has_put_it_somewhere_the_rules_leave_it_alone() {
    let to_queue = Assign { queue: Some("vip".into()), agent: None };
    let to_agent = Assign { queue: None, agent: Some("kim".to_owned()) };
    let to_where_it_is = Assign { queue: Some("others".into()), agent: None };
    for (assign, queue) in [(to_queue, "vip"), (to_agent, "others"), (to_where_it_is, "others")] {
        let queues = and_all_others();
        let mut conversation = begun(&queues, None);
        let mut act = |now, event: &Event| told(&live(&queues, &mut conversation, now, event).unwrap());
        assert_eq!(act(at(1), &Event::Assign(assign.clone())), [format!("assigned {queue} by None")]);
        assert_eq!(act(at(1), &Event::Assign(assign)), [""; 0], "it is there already");
        assert_eq!(act(at(2), &sign_in("ada", 2, 60)), ["authenticated"]);
        assert_eq!(act(at(3), &pages::set(r#"{"page":"1"}"#)), ["context"]);
        assert_eq!(act(at(60), &Event::Deadline), ["downgraded"]);
        assert_eq!(&*conversation.assignment().queue, queue);
    }
}

#[test]
fn a_consumers_assignment_comes_after_a_downgrade_that_was_due() {
    let queues = and_all_others();
    let conversation = begun(&queues, Some(60));
    let assign = |queue: Option<&str>, agent: Option<&str>| {
        let assign = Assign { queue: queue.map(Into::into), agent: agent.map(str::to_owned) };
        told(&decide(&queues, &conversation, at(60), &Event::Assign(assign)).entries)
    };
    let down = ["downgraded", "assigned others by Some(\"others\")"];
    assert_eq!(assign(Some("known"), None), [down[0], down[1], "assigned known by None"]);
    assert_eq!(assign(None, Some("kim")), [down[0], down[1], "assigned others by None"]);
    assert_eq!(assign(None, None), down);
}
