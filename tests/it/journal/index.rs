//! Entries are found by conversation wherever they lie: in memory, in the table, or on their way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;
use usher::domain::id::Sequence;
use usher::journal::{Appended, Journal, Page, RECORD_ENTRIES_MAX};

use super::support::{Disk, Story, place, record, soon, store};

const CONVERSATIONS: u8 = 50;
/// Times 50 entries times 16, memory is full several times over, and the table is gone through more than once.
const RECORDS: u64 = 75;
const LAST: u64 = RECORDS * RECORD_ENTRIES_MAX as u64;

/// All conversations at once, each as fast as it is answered.
async fn fill(journal: &Journal) {
    let mut talking = JoinSet::new();
    for number in 0..CONVERSATIONS {
        let journal = journal.clone();
        talking.spawn(async move {
            let mut story = Story::new();
            for _ in 0..RECORDS {
                let entries = (0..RECORD_ENTRIES_MAX).map(|_| story.message("x")).collect();
                store(&journal, &place(number), &mut story, entries).await;
            }
        });
    }
    soon(talking.join_all()).await;
}

fn sequences(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|(_, entry)| entry.sequence.get()).collect()
}

/// Every conversation is there from its first entry to its last, whichever way it is asked for.
async fn assert_whole(journal: &Journal) {
    for number in 0..CONVERSATIONS {
        let (id, all) = (place(number).id, usize::try_from(LAST).unwrap() + 1);
        let page = journal.read(id, Sequence::START, all).await.unwrap().unwrap();
        assert_eq!(sequences(&page), (1..=LAST).collect::<Vec<_>>(), "conversation {number}");
        let history = journal.history(id, Sequence::START, all).await.unwrap();
        let told: Vec<_> = history.iter().map(|one| one.entry.sequence.get()).collect();
        assert_eq!(told, (1..=LAST).collect::<Vec<_>>(), "conversation {number}");
        for after in (0..LAST).step_by(97) {
            let page = journal.read(id, Sequence::new(after), 3).await.unwrap().unwrap();
            assert_eq!(sequences(&page), (after + 1..=LAST.min(after + 3)).collect::<Vec<_>>());
            let count = usize::try_from(LAST - after).unwrap();
            let page = journal.read_last(id, count).await.unwrap().unwrap();
            assert_eq!(sequences(&page), (after + 1..=LAST).collect::<Vec<_>>());
        }
    }
}

/// Entries in the table, and in all.
fn moved(disk: &Disk) -> (i64, i64) {
    let file = rusqlite::Connection::open(disk.path()).unwrap();
    let sql = "SELECT (SELECT count(*) FROM conversation_index), (SELECT count(*) FROM entry)";
    file.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_is_found_in_its_conversation_before_and_after_a_restart() {
    let disk = Disk::new();
    let journal = disk.journal();
    fill(&journal).await;
    assert_whole(&journal).await;
    journal.close().await;
    let (in_table, all) = moved(&disk);
    assert!(in_table > all / 2, "{in_table} of {all} have moved");
    assert!(all - in_table < 10_000, "{} of {all} are in memory", all - in_table);

    let journal = disk.journal();
    let (in_table, _) = moved(&disk);
    assert_eq!(in_table, all, "what was in memory alone is in the table after a start");
    assert_whole(&journal).await;
    let late = record(vec![Story::new().start(None, "general")]);
    for number in 0..CONVERSATIONS {
        let appended = journal.append(&place(number), usher::journal::Head::EMPTY, &late).await;
        assert_eq!(appended, Appended::Conflict, "conversation {number} is known");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_while_entries_move_misses_none() {
    let disk = Disk::new();
    let journal = disk.journal();
    let is_done = Arc::new(AtomicBool::new(false));
    let mut reading = JoinSet::new();
    for reader in 0..3 {
        let (journal, is_done) = (journal.clone(), is_done.clone());
        reading.spawn(async move {
            let (mut pages, mut turn) = (0, reader);
            while !is_done.load(Ordering::Relaxed) {
                turn = (turn + 1) % CONVERSATIONS;
                let id = place(turn).id;
                let Some(last) = journal.read_last(id, 20).await.unwrap() else { continue };
                let end = last.head.sequence();
                assert_eq!(
                    sequences(&last),
                    (end.get().saturating_sub(19).max(1)..=end.get()).collect::<Vec<_>>()
                );
                let page = journal.read(id, Sequence::START, 10_000).await.unwrap().unwrap();
                assert!(page.head.sequence() >= end, "what was seen is seen again");
                assert_eq!(sequences(&page), (1..=page.head.sequence().get()).collect::<Vec<_>>());
                pages += 1;
            }
            pages
        });
    }
    fill(&journal).await;
    is_done.store(true, Ordering::Relaxed);
    let pages: u32 = soon(reading.join_all()).await.into_iter().sum();
    assert!(pages > 0, "nobody has read anything meanwhile");
}
