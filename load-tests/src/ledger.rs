//! What the gateway acknowledged, and whether its events tell all of it: each once, in order.

use std::collections::HashMap;

use serde::Deserialize;

use crate::widget::message_number;

/// The most faults that are told one by one.
const FAULTS_TOLD: usize = 10;

/// Something that a widget was told has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Started,
    /// The message of this number.
    Message(u64),
    Downgraded,
}

/// A conversation of this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// All that was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    places: HashMap<String, Place>,
    acknowledged: Vec<Vec<(u64, What)>>,
}

impl Ledger {
    /// Notes that a conversation was begun.
    pub(crate) fn started(&mut self, conversation: &str, sequence: u64) -> Place {
        let place = Place(self.acknowledged.len());
        self.places.insert(conversation.to_owned(), place);
        self.acknowledged.push(vec![(sequence, What::Started)]);
        place
    }

    /// Notes what was said to have this sequence in a conversation.
    pub(crate) fn acknowledge(&mut self, place: Place, sequence: u64, what: What) {
        self.acknowledged[place.0].push((sequence, what));
    }

    /// Begins to compare it with the events.
    pub(crate) fn check(mut self) -> Check {
        for acknowledged in &mut self.acknowledged {
            acknowledged.sort_unstable();
        }
        let seen = vec![Seen::default(); self.acknowledged.len()];
        Check { ledger: self, seen, others: HashMap::new(), faults: Vec::new(), fault_count: 0 }
    }
}

/// An event of the consumer API: what is compared.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    /// The conversation.
    pub(crate) subject: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    #[serde(borrow)]
    pub(crate) data: Data<'a>,
}

/// What an event says.
#[derive(Debug, Deserialize)]
pub(crate) struct Data<'a> {
    pub(crate) sequence: u64,
    /// A message's.
    pub(crate) id: Option<&'a str>,
}

impl Event<'_> {
    fn tells(&self, what: What) -> bool {
        match what {
            What::Started => self.kind == "usher.conversation.started",
            What::Downgraded => self.kind == "usher.conversation.downgraded",
            What::Message(number) => {
                let id = self.data.id.and_then(message_number);
                self.kind == "usher.conversation.message" && id == Some(number)
            }
        }
    }
}

/// How far the events of a conversation have been read.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    sequence: u64,
    /// How much of what was acknowledged has been found.
    found: usize,
}

/// The comparison of a ledger with the events, one after the other.
#[derive(Debug)]
pub(crate) struct Check {
    ledger: Ledger,
    seen: Vec<Seen>,
    /// Conversations that nobody here began, by their last sequence.
    others: HashMap<String, u64>,
    faults: Vec<String>,
    fault_count: u64,
}

impl Check {
    /// Takes the next event.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        let sequence = event.data.sequence;
        let Some(&Place(place)) = self.ledger.places.get(event.subject) else {
            let last = self.others.insert(event.subject.to_owned(), sequence);
            if let Some(last) = last.filter(|last| last + 1 != sequence) {
                self.order_fault(event, last);
            }
            return;
        };
        let seen = self.seen[place];
        if sequence != seen.sequence + 1 {
            self.order_fault(event, seen.sequence);
        }
        let mut found = seen.found;
        while let Some(&(due, what)) = self.ledger.acknowledged[place].get(found) {
            if due > sequence {
                break;
            }
            if due < sequence || !event.tells(what) {
                let fault = format!("{}: {what:?} was acknowledged as {due} and is not there", event.subject);
                self.fault(fault);
            }
            found += 1;
        }
        self.seen[place] = Seen { sequence: seen.sequence.max(sequence), found };
    }

    fn order_fault(&mut self, event: &Event<'_>, last: u64) {
        let what = if event.data.sequence <= last { "comes again" } else { "leaves a gap" };
        self.fault(format!("{}: {} {what} after {last}", event.subject, event.data.sequence));
    }

    fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault);
        }
    }

    /// The verdict after the last event: how many acknowledged things were found, or what is wrong.
    pub(crate) fn finish(mut self) -> Result<u64, String> {
        let (mut missing, mut checked) = (Vec::new(), 0);
        for (conversation, &Place(place)) in &self.ledger.places {
            let acknowledged = &self.ledger.acknowledged[place];
            checked += acknowledged.len() as u64;
            for (sequence, what) in &acknowledged[self.seen[place].found.min(acknowledged.len())..] {
                missing.push(format!("{conversation}: {what:?}, acknowledged as {sequence}, has no event"));
            }
        }
        for fault in missing {
            self.fault(fault);
        }
        if self.fault_count == 0 {
            return Ok(checked);
        }
        Err(format!(
            "{} faults in the events, of {checked} acknowledged things; the first:\n  {}",
            self.fault_count,
            self.faults.join("\n  ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event<'a>(subject: &'a str, sequence: u64, kind: &'a str, id: Option<&'a str>) -> Event<'a> {
        Event { subject, kind, data: Data { sequence, id } }
    }

    fn started(subject: &str) -> Event<'_> {
        event(subject, 1, "usher.conversation.started", None)
    }

    fn said(sequence: u64, id: &str) -> Event<'_> {
        event("c", sequence, "usher.conversation.message", Some(id))
    }

    /// A conversation with two messages, of which the first was acknowledged later than the second.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        let place = ledger.started("c", 1);
        ledger.acknowledge(place, 3, What::Message(1));
        ledger.acknowledge(place, 2, What::Message(0));
        ledger
    }

    fn verdict(ledger: Ledger, events: &[Event<'_>]) -> Result<u64, String> {
        let mut check = ledger.check();
        for event in events {
            check.take(event);
        }
        check.finish()
    }

    #[test]
    fn all_that_was_acknowledged_is_found_beside_what_others_did() {
        let other = event("o", 7, "usher.conversation.message", Some("x"));
        let next = event("o", 8, "usher.conversation.read", None);
        let more = event("c", 4, "usher.conversation.disconnected", None);
        let events = [started("c"), other, said(2, "m0"), next, said(3, "m1"), more];
        assert_eq!(verdict(ledger(), &events), Ok(3));
    }

    #[test]
    fn a_gap_is_found() {
        let told = verdict(ledger(), &[started("c"), said(3, "m1")]).unwrap_err();
        assert!(told.starts_with("2 faults"), "{told}");
        assert!(told.contains("c: 3 leaves a gap after 1"), "{told}");
        assert!(told.contains("c: Message(0) was acknowledged as 2 and is not there"), "{told}");
    }

    #[test]
    fn what_comes_twice_is_found() {
        let events = [started("c"), said(2, "m0"), said(2, "m0"), said(3, "m1")];
        let told = verdict(ledger(), &events).unwrap_err();
        assert!(told.contains("c: 2 comes again after 2"), "{told}");
    }

    #[test]
    fn another_order_is_found() {
        let told = verdict(ledger(), &[started("c"), said(3, "m1"), said(2, "m0")]).unwrap_err();
        assert!(told.contains("leaves a gap") && told.contains("comes again"), "{told}");
    }

    #[test]
    fn an_end_that_is_missing_is_found() {
        let told = verdict(ledger(), &[started("c"), said(2, "m0")]).unwrap_err();
        assert!(told.contains("c: Message(1), acknowledged as 3, has no event"), "{told}");
        let told = verdict(ledger(), &[]).unwrap_err();
        assert!(told.starts_with("3 faults"), "{told}");
    }

    #[test]
    fn another_message_in_the_place_of_one_is_found() {
        let told = verdict(ledger(), &[started("c"), said(2, "m9"), said(3, "m1")]).unwrap_err();
        assert!(told.contains("Message(0) was acknowledged as 2"), "{told}");
    }

    #[test]
    fn a_fault_in_what_others_did_is_found_too() {
        let twice = [started("o"), started("o")];
        assert!(verdict(Ledger::default(), &twice).unwrap_err().contains("o: 1 comes again after 1"));
    }
}
