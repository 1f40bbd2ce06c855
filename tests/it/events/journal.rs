//! The journal's file without a gateway: written before the first start, and read after the last end to judge by.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use usher::domain::conversation::Place;
use usher::domain::id::ConversationId;
use usher::domain::time::UnixTime;
use usher::journal::{Journal, RECORD_ENTRIES_MAX};
use usher::metrics::Metrics;
use usher::wire::event_type;

use crate::journal::support::{Story, store};
use crate::support::soon;

/// Conversations that are written at one time, so that many records share a commit.
const AT_ONCE: usize = 50;

/// What the stream should tell of an entry.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) position: String,
    pub(super) tenant: String,
    pub(super) kind: &'static str,
}

fn open(path: &Path) -> Journal {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    Journal::open(path, Arc::new(Metrics::new())).unwrap()
}

/// Writes so many entries, a conversation with each sixteen messages, in two tenants by turns.
pub(super) async fn write(path: &Path, count: usize, text: &str) {
    let journal = open(path);
    let conversations = count.div_ceil(RECORD_ENTRIES_MAX);
    for some in (0..conversations).collect::<Vec<_>>().chunks(AT_ONCE) {
        join_all(some.iter().map(|number| chat(&journal, *number, text))).await;
    }
    journal.close().await;
}

async fn chat(journal: &Journal, number: usize, text: &str) {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    let place = Place {
        id: ConversationId::new(UnixTime::from_seconds(1_760_000_000), random),
        tenant: ["contoso", "fabrikam"][number % 2].parse().unwrap(),
        widget: "web".parse().unwrap(),
    };
    let mut story = Story::new();
    let mut entries = vec![story.start(None, "general")];
    entries.extend((1..RECORD_ENTRIES_MAX).map(|_| story.message(text)));
    store(journal, &place, &mut story, entries).await;
}

/// All that is stored, in the journal's order.
pub(super) async fn read(path: &Path) -> Vec<Stored> {
    let journal = open(path);
    let (mut follow, end) = (journal.follow(journal.oldest().await.unwrap()), journal.latest());
    let mut stored = Vec::new();
    while follow.position() != end {
        let batch = soon("a batch of the journal", follow.next()).await.unwrap();
        stored.extend(batch.into_iter().map(|one| Stored {
            id: format!("{}/{}", one.place.id, one.entry.sequence),
            position: one.position.to_string(),
            tenant: one.place.tenant.as_str().to_owned(),
            kind: event_type(&one.entry.fact),
        }));
    }
    stored
}

/// Nothing that was acknowledged is missing.
pub(super) fn check_all_are_there(stored: &[Stored], said: &[String]) {
    let there: HashSet<_> = stored.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(there.len(), stored.len(), "an event is stored twice");
    let lost: Vec<_> = said.iter().filter(|id| !there.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}
