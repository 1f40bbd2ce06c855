//! Keyed state.

use std::sync::Mutex;

use usher::journal::{Item, JournalError, KeepsUp, Revision, Seen, Update, Written};

use super::super::support::until;
use super::support::{Disk, soon};

fn revision(written: Written) -> Revision {
    match written {
        Written::Stored(revision) => revision,
        other => panic!("it was not stored: {other:?}"),
    }
}

fn item(key: &str, value: &str, revision: Revision) -> Item {
    Item { key: key.to_owned(), value: value.into(), revision }
}

#[tokio::test]
async fn a_value_is_created_once_and_replaced_by_revision() {
    let disk = Disk::new();
    let journal = disk.journal();
    assert_eq!(journal.get("a").await.unwrap(), None);
    let first = revision(journal.create("a", b"1".to_vec()).await);
    assert_eq!(journal.create("a", b"2".to_vec()).await, Written::Conflict);
    let second = revision(journal.put("a", b"2".to_vec(), first).await);
    assert!(second > first);
    assert_eq!(journal.put("a", b"3".to_vec(), first).await, Written::Conflict);
    assert_eq!(journal.put("b", b"3".to_vec(), second).await, Written::Conflict);
    journal.close().await;
    assert_eq!(disk.journal().get("a").await.unwrap(), Some(item("a", "2", second)));
}

#[tokio::test]
async fn a_value_that_was_deleted_and_made_again_has_a_revision_of_its_own() {
    let disk = Disk::new();
    let journal = disk.journal();
    let first = revision(journal.create("a", b"1".to_vec()).await);
    let gone = revision(journal.delete("a", Some(first)).await);
    assert_eq!(journal.get("a").await.unwrap(), None);
    assert_eq!(revision(journal.delete("a", None).await), gone);
    journal.close().await;
    let journal = disk.journal();
    let again = revision(journal.create("a", b"1".to_vec()).await);
    assert!(again > gone && gone > first);
    assert_eq!(journal.put("a", b"x".to_vec(), first).await, Written::Conflict);
    assert_eq!(journal.delete("a", Some(first)).await, Written::Conflict);
}

#[tokio::test]
async fn a_list_has_its_prefix_and_its_pages() {
    let disk = Disk::new();
    let journal = disk.journal();
    for key in ["k/b", "k/a", "k/ä", "k", "l/a", "K/a", "k_a", "k%"] {
        revision(journal.create(key, b"1".to_vec()).await);
    }
    revision(journal.create("k/gone", b"1".to_vec()).await);
    revision(journal.delete("k/gone", None).await);
    let keys = async |after: Option<&str>, limit| -> Vec<String> {
        journal.list("k/", after, limit).await.unwrap().into_iter().map(|item| item.key).collect()
    };
    assert_eq!(keys(None, 10).await, ["k/a", "k/b", "k/ä"]);
    assert_eq!(keys(None, 2).await, ["k/a", "k/b"]);
    assert_eq!(keys(Some("k/b"), 2).await, ["k/ä"]);
    assert_eq!(journal.list("", None, 100).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_then_what_changes() {
    let disk = Disk::new();
    let journal = disk.journal();
    let first = revision(journal.create("k/a", b"1".to_vec()).await);
    revision(journal.create("other", b"1".to_vec()).await);
    let mut watch = journal.watch("k/");
    let there = Seen { updates: vec![Update::Put(item("k/a", "1", first))], is_everything: true };
    assert_eq!(soon(watch.next()).await.unwrap(), there);
    let (waiting, _) = tokio::join!(soon(watch.next()), async {
        revision(journal.create("elsewhere", b"1".to_vec()).await);
        revision(journal.put("k/a", b"2".to_vec(), first).await)
    });
    let seen = waiting.unwrap();
    let [Update::Put(changed)] = &seen.updates[..] else { panic!("{seen:?}") };
    assert_eq!((&*changed.value, seen.is_everything), (&b"2"[..], false));
    let gone = revision(journal.delete("k/a", None).await);
    let deleted = Update::Deleted { key: "k/a".to_owned(), revision: gone };
    let change = Seen { updates: vec![deleted], is_everything: false };
    assert_eq!(soon(watch.next()).await.unwrap(), change);
    let nothing = Seen { updates: Vec::new(), is_everything: true };
    assert_eq!(soon(journal.watch("k/").next()).await.unwrap(), nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creators_one_wins() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut creators = tokio::task::JoinSet::new();
    for number in 0..16_u8 {
        let journal = journal.clone();
        creators.spawn(async move { journal.create("key", vec![number]).await });
    }
    let outcomes = soon(creators.join_all()).await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, Written::Stored(_))).count();
    assert_eq!((won, outcomes.len()), (1, 16));
}

#[tokio::test]
async fn a_watch_that_missed_forgotten_deletions_begins_anew() {
    let disk = Disk::new();
    let journal = disk.journal();
    revision(journal.create("k/a", Vec::new()).await);
    let (mut asleep, mut awake) = (journal.watch("k/"), journal.watch("k/"));
    for watch in [&mut asleep, &mut awake] {
        assert_eq!(soon(watch.next()).await.unwrap().updates.len(), 1);
    }
    revision(journal.delete("k/a", None).await);
    assert_eq!(soon(awake.next()).await.unwrap().updates.len(), 1);
    // A creation and a deletion each: as many revisions as make the oldest deletions forgotten.
    let keys: Vec<String> = (0..500).map(|number| format!("other/{number}")).collect();
    for _ in 0..21 {
        for outcome in
            futures_util::future::join_all(keys.iter().map(|key| journal.create(key, Vec::new()))).await
        {
            revision(outcome);
        }
        for outcome in futures_util::future::join_all(keys.iter().map(|key| journal.delete(key, None))).await
        {
            revision(outcome);
        }
    }
    let nothing = Seen { updates: Vec::new(), is_everything: true };
    assert_eq!(soon(asleep.next()).await.unwrap(), nothing);
}

/// Fails the first time that it is handed something.
#[derive(Default)]
struct FailsOnce(Mutex<Vec<Seen>>);

impl KeepsUp for FailsOnce {
    const WHAT: &str = "what a test stores";

    async fn take(&self, seen: Seen) -> Result<(), JournalError> {
        let mut all = self.0.lock().unwrap();
        all.push(seen);
        if all.len() == 1 { Err(JournalError::Lagged) } else { Ok(()) }
    }
}

#[tokio::test]
async fn who_fails_to_take_what_is_there_is_handed_everything_once_more() {
    let disk = Disk::new();
    let journal = disk.journal();
    revision(journal.create("k/a", Vec::new()).await);
    let reader = FailsOnce::default();
    let taken = async {
        let twice = async || (reader.0.lock().unwrap().len() == 2).then_some(());
        until("it is handed over twice", twice).await;
        journal.close().await;
    };
    soon(async { tokio::join!(journal.watch("k/").keep_up(&reader), taken) }).await;
    let seen = reader.0.into_inner().unwrap();
    assert!(seen[0].is_everything && !seen[0].updates.is_empty());
    assert_eq!(seen[0], seen[1]);
}
