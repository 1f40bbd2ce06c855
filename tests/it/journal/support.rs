//! Journals to test with, and things to put into them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use usher::domain::context::{ContextReport, Primitive, Source, Value, Variable, Variables};
use usher::domain::conversation::{
    Authenticated, Authentication, Author, DowngradeReason, Downgraded, Ended, EndedBy, Entry, Fact, Message,
    MessageId, MessageText, Place, SignInReason, SignedIn, Started,
};
use usher::domain::id::{ConversationId, RecordId, Sequence};
use usher::domain::keys::Fingerprint;
use usher::domain::time::UnixTime;
use usher::domain::token::{AuthenticationEnd, Identity};
use usher::journal::{Appended, Follow, Followed, Head, Journal, Record};
use usher::metrics::Metrics;

/// The head of a conversation without entries.
pub(super) const EMPTY: Head = Head::EMPTY;

/// A folder that goes away with the test, and the journal's path in it.
pub(super) struct Disk(TempDir);

impl Disk {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("journal{suffix}"))
    }

    pub(super) fn journal(&self) -> Journal {
        Journal::open(&self.path(), Arc::new(Metrics::new())).unwrap()
    }
}

/// Fails a test that would otherwise hang.
pub(super) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it should have happened by now")
}

pub(super) fn time(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(1_760_000_000 + seconds)
}

/// The `number`-th conversation; a later one begins a second later.
pub(super) fn place(number: u8) -> Place {
    Place {
        id: ConversationId::new(time(i64::from(number)), [number; 10]),
        tenant: "contoso".parse().unwrap(),
        widget: "shop".parse().unwrap(),
    }
}

pub(super) fn identity(subject: &str) -> Identity {
    Identity { issuer: "https://contoso.example".into(), subject: subject.into() }
}

pub(super) fn authenticated(subject: &str, expires_at: UnixTime) -> Authenticated {
    Authenticated {
        identity: identity(subject),
        issued_at: time(0),
        expires_at,
        ends_by: AuthenticationEnd::TokenExpired,
        kid: None,
        fingerprint: Fingerprint([1; 32]),
    }
}

pub(super) fn variables(name: &str) -> Variables {
    let variable = Variable {
        raw: Primitive::Number("2".to_owned()),
        value: Value::Number(2.0),
        source: Source::Token,
        displayable: false,
    };
    Variables::from([(name.to_owned(), variable)])
}

/// Entries of one conversation, one after the other.
#[derive(Clone)]
pub(crate) struct Story {
    pub(super) head: Head,
    sequence: Sequence,
    authentication: Authentication,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self { head: Head::EMPTY, sequence: Sequence::START, authentication: Authentication::Anonymous }
    }

    pub(super) fn entry(&mut self, fact: Fact) -> Entry {
        self.sequence = self.sequence.next();
        let at = time(i64::try_from(self.sequence.get()).unwrap());
        Entry { sequence: self.sequence, at, authentication: self.authentication.clone(), fact }
    }

    pub(crate) fn start(&mut self, customer: Option<Authenticated>, queue: &str) -> Entry {
        if let Some(customer) = customer {
            self.authentication = Authentication::Authenticated(customer);
        }
        self.entry(Fact::Started(Started {
            variables: variables("first"),
            context: ContextReport::default(),
            queue: queue.into(),
            rule: None,
            priority: None,
            locale: None,
            origin: None,
        }))
    }

    pub(super) fn sign_in(&mut self, customer: Authenticated) -> Entry {
        self.authentication = Authentication::Authenticated(customer);
        self.entry(Fact::Authenticated(SignedIn {
            reason: SignInReason::TokenPresented,
            variables: variables("second"),
            changed: vec!["second".to_owned()],
            context: ContextReport::default(),
        }))
    }

    pub(super) fn downgrade(&mut self) -> Entry {
        let Authentication::Authenticated(previous) = self.authentication.clone() else {
            panic!("only an authentication can end")
        };
        self.authentication = Authentication::Anonymous;
        let reason = DowngradeReason::TokenExpired;
        self.entry(Fact::Downgraded(Downgraded { reason, previous, variables: variables("second") }))
    }

    pub(crate) fn message(&mut self, text: &str) -> Entry {
        let message = Message {
            author: Author::Customer,
            id: MessageId::new(&self.sequence.to_string()).unwrap(),
            text: MessageText::new(text, 100_000).unwrap(),
            name: None,
            authenticated: self.authentication.is_authenticated(),
        };
        self.entry(Fact::Message(message))
    }

    pub(crate) fn end(&mut self) -> Entry {
        self.entry(Fact::Ended(Ended { by: EndedBy::Agent, reason: Some("solved".to_owned()) }))
    }
}

pub(super) fn record(entries: Vec<Entry>) -> Record {
    Record::new(RecordId::new(uuid::Uuid::new_v4().into_bytes()), entries).unwrap()
}

/// Appends what has to be stored.
pub(crate) async fn store(journal: &Journal, place: &Place, story: &mut Story, entries: Vec<Entry>) {
    match soon(journal.append(place, story.head, &record(entries))).await {
        Appended::Stored(head) => story.head = head,
        other => panic!("it was not stored: {other:?}"),
    }
}

/// A conversation with `count` messages after its start.
pub(super) async fn chat(journal: &Journal, place: &Place, count: u64) -> Story {
    let mut story = Story::new();
    let start = story.start(None, "general");
    store(journal, place, &mut story, vec![start]).await;
    for number in 0..count {
        let message = story.message(&format!("message {number}"));
        store(journal, place, &mut story, vec![message]).await;
    }
    story
}

/// Follows until `count` entries were seen.
pub(super) async fn take(follow: &mut Follow, count: usize) -> Vec<Followed> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.extend(soon(follow.next()).await.unwrap());
    }
    seen
}
