//! A disk that fills up, a commit that fails, an answer that is lost, a writer that dies, a log that is torn.

use std::fs;
use std::sync::Arc;

use usher::domain::id::Sequence;
use usher::journal::{Appended, Fault, Journal, Written};
use usher::metrics::Metrics;

use super::support::{Disk, Story, chat, place, record, soon, store};

#[tokio::test]
async fn a_failed_commit_stores_nothing_and_is_unknown() {
    let disk = Disk::new();
    let metrics = Arc::new(Metrics::new());
    let journal = Journal::open(&disk.path(), metrics.clone()).unwrap();
    let mut story = chat(&journal, &place(1), 1).await;
    journal.provoke(Fault::CommitsFail).await;
    let record = record(vec![story.message("lost"), story.message("too")]);
    assert_eq!(journal.append(&place(1), story.head, &record).await, Appended::Unknown);
    assert!(!journal.writable());
    let page = journal.read_last(place(1).id, 1).await.unwrap().unwrap();
    assert_eq!(page.head, story.head, "nothing of it is there");
    assert!(metrics.render().contains("usher_journal_errors_total{operation=\"append\"} 1"));

    journal.provoke(Fault::Mended).await;
    soon(journal.writable_changes().wait_for(|writable| *writable)).await.unwrap();
    let again = journal.append(&place(1), story.head, &record).await;
    let Appended::Stored(head) = again else { panic!("{again:?}") };
    assert_eq!(head.sequence(), Sequence::new(4));
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_record_is_found_by_its_id() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = chat(&journal, &place(1), 1).await;
    journal.provoke(Fault::AnswerLost).await;
    let record = record(vec![story.message("stored all the same")]);
    assert_eq!(journal.append(&place(1), story.head, &record).await, Appended::Unknown);
    let page = journal.read(place(1).id, story.head.sequence(), 10).await.unwrap().unwrap();
    assert_eq!(page.entries.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [record.id()]);
    assert_eq!(journal.append(&place(1), story.head, &record).await, Appended::Conflict);
    assert!(journal.writable());
}

#[tokio::test]
async fn a_full_disk_makes_the_journal_unwritable_until_there_is_space() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = chat(&journal, &place(1), 1).await;
    journal.provoke(Fault::DiskFull).await;
    let words = "x".repeat(20_000);
    let mut refused = None;
    for _ in 0..100 {
        let mut next = story.clone();
        let record = record(vec![next.message(&words)]);
        match journal.append(&place(1), story.head, &record).await {
            Appended::Stored(head) => {
                next.head = head;
                story = next;
            }
            Appended::Unknown => {
                refused = Some((record, next));
                break;
            }
            Appended::Conflict => panic!("nobody else writes"),
        }
    }
    let (record, mut next) = refused.expect("100 records of 20 kB don't fit into a full disk");
    assert!(!journal.writable());
    assert_eq!(journal.read_last(place(1).id, 1).await.unwrap().unwrap().head, story.head);
    assert_eq!(journal.append(&place(1), story.head, &record).await, Appended::Unknown);
    assert_eq!(journal.create("key", Vec::new()).await, Written::Unknown);

    journal.provoke(Fault::Mended).await;
    soon(journal.writable_changes().wait_for(|writable| *writable)).await.unwrap();
    let again = journal.append(&place(1), story.head, &record).await;
    let Appended::Stored(head) = again else { panic!("{again:?}") };
    next.head = head;
    let message = next.message("on it goes");
    store(&journal, &place(1), &mut next, vec![message]).await;
}

#[tokio::test]
async fn a_dead_writer_is_told_and_nothing_more_is_taken() {
    let disk = Disk::new();
    let journal = disk.journal();
    let story = chat(&journal, &place(1), 1).await;
    journal.provoke(Fault::WriterDies).await;
    soon(journal.failed()).await;
    assert!(!journal.writable());
    let record = record(vec![story.clone().message("nobody there")]);
    assert_eq!(soon(journal.append(&place(1), story.head, &record)).await, Appended::Unknown);
    assert_eq!(journal.read_last(place(1).id, 1).await.unwrap().unwrap().head, story.head);
    drop(journal);
    // The dead thread lets its files go: the next start finds all that was stored.
    let journal = disk.journal();
    assert_eq!(journal.read_last(place(1).id, 1).await.unwrap().unwrap().head, story.head);
}

#[tokio::test]
async fn a_closing_journal_stores_what_it_has_taken_and_nothing_after() {
    let disk = Disk::new();
    let journal = disk.journal();
    let records: Vec<_> =
        (1..=50).map(|number| (place(number), record(vec![Story::new().start(None, "general")]))).collect();
    let appends = records.iter().map(|(place, record)| journal.append(place, super::support::EMPTY, record));
    let (outcomes, ()) =
        soon(async { tokio::join!(futures_util::future::join_all(appends), journal.close()) }).await;
    let late = record(vec![Story::new().start(None, "general")]);
    assert_eq!(journal.append(&place(99), super::support::EMPTY, &late).await, Appended::Unknown);
    assert!(!journal.writable());
    let journal = disk.journal();
    for ((place, _), outcome) in records.iter().zip(outcomes) {
        let is_there = journal.read_last(place.id, 1).await.unwrap().is_some();
        assert_eq!(is_there, matches!(outcome, Appended::Stored(_)), "{outcome:?}");
    }
    assert_eq!(journal.read_last(place(99).id, 1).await.unwrap(), None);
}

/// What a crash leaves: the files as they are on the disk, copied while the journal is open.
#[tokio::test]
async fn a_log_torn_anywhere_opens_with_whole_records_and_no_gap() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = chat(&journal, &place(1), 0).await;
    for _ in 0..10 {
        let entries = vec![story.message("one"), story.message("two"), story.message("three")];
        store(&journal, &place(1), &mut story, entries).await;
    }
    let log = fs::metadata(disk.beside("-wal")).unwrap().len();
    let mut lengths = Vec::new();
    for cut in [0, 1, 100, 4096, 5000, 20_000, log / 2, log - 1, log] {
        let crashed = Disk::new();
        fs::copy(disk.path(), crashed.path()).unwrap();
        let kept = fs::read(disk.beside("-wal")).unwrap();
        fs::write(crashed.beside("-wal"), &kept[..usize::try_from(log - cut).unwrap()]).unwrap();
        let opened = Journal::open(&crashed.path(), Arc::new(Metrics::new()));
        // Cut back to nothing, not even the tables were durable.
        let journal = opened.unwrap_or_else(|error| panic!("cut by {cut}: {error:?}"));
        let page = journal.read(place(1).id, Sequence::START, 100).await.unwrap();
        let sequences: Vec<u64> =
            page.iter().flat_map(|page| &page.entries).map(|(_, entry)| entry.sequence.get()).collect();
        let count = sequences.len();
        assert_eq!(sequences, (1..=u64::try_from(count).unwrap()).collect::<Vec<_>>(), "cut by {cut}");
        assert!(
            count == 0 || count % 3 == 1,
            "cut by {cut}: a record is torn apart, {count} entries are left"
        );
        lengths.push(count);
        journal.close().await;
    }
    assert_eq!(lengths[0], 31, "an uncut log has everything");
    assert!(lengths[1] < 31, "a cut one hasn't");
}
