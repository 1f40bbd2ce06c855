//! Append, read and follow.

use std::time::Duration;

use tokio::task::JoinSet;
use usher::domain::id::{RecordId, Sequence};
use usher::journal::{
    Appended, FOLLOW_BATCH_MAX, Head, JournalError, Position, PositionRefused, Record, RecordRefused,
};

use super::support::{Disk, Story, chat, place, record, soon, store, take};

#[tokio::test]
async fn what_was_stored_is_read_back_after_a_reopening() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = Story::new();
    let entries = vec![story.start(None, "general"), story.message("hello")];
    let record = record(entries.clone());
    let stored = journal.append(&place(1), Head::EMPTY, &record).await;
    let Appended::Stored(head) = stored else { panic!("{stored:?}") };
    assert_eq!(head.sequence(), Sequence::new(2));
    journal.close().await;

    let page = disk.journal().read(place(1).id, Sequence::START, 10).await.unwrap().unwrap();
    assert_eq!((page.place, page.head), (place(1), head));
    assert_eq!(page.entries, entries.into_iter().map(|entry| (record.id(), entry)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_unknown_conversation_is_none() {
    let disk = Disk::new();
    let journal = disk.journal();
    assert_eq!(journal.read(place(1).id, Sequence::START, 10).await.unwrap(), None);
    assert_eq!(journal.read_last(place(1).id, 10).await.unwrap(), None);
}

#[tokio::test]
async fn a_page_begins_after_its_sequence_and_ends_at_its_limit() {
    let disk = Disk::new();
    let journal = disk.journal();
    chat(&journal, &place(1), 9).await;
    for (after, limit, first, last) in
        [(0, 10, 1, 10), (0, 9, 1, 9), (0, 11, 1, 10), (3, 2, 4, 5), (9, 5, 10, 10)]
    {
        let page = journal.read(place(1).id, Sequence::new(after), limit).await.unwrap().unwrap();
        let sequences: Vec<u64> = page.entries.iter().map(|(_, entry)| entry.sequence.get()).collect();
        assert_eq!(sequences, (first..=last).collect::<Vec<_>>(), "after {after}, limit {limit}");
        assert_eq!(page.head.sequence().get(), last);
    }
    let page = journal.read(place(1).id, Sequence::new(10), 5).await.unwrap().unwrap();
    assert_eq!((page.entries.len(), page.head.sequence().get(), page.place), (0, 10, place(1)));
    let page = journal.read_last(place(1).id, 3).await.unwrap().unwrap();
    let sequences: Vec<u64> = page.entries.iter().map(|(_, entry)| entry.sequence.get()).collect();
    assert_eq!((sequences, page.head.sequence().get()), (vec![8, 9, 10], 10));
}

#[tokio::test]
async fn an_old_head_is_a_conflict_and_stores_nothing() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = chat(&journal, &place(1), 1).await;
    let (mut late, head) = (story.clone(), story.head);
    let first = story.message("first");
    store(&journal, &place(1), &mut story, vec![first]).await;
    let (one, two) = (late.message("late"), late.message("later"));
    assert_eq!(journal.append(&place(1), head, &record(vec![one, two])).await, Appended::Conflict);
    let page = journal.read(place(1).id, Sequence::START, 10).await.unwrap().unwrap();
    assert_eq!(page.head, story.head);
    assert_eq!(page.entries.len(), 3);
}

#[tokio::test]
async fn a_record_that_does_not_begin_after_its_head_is_a_conflict() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = Story::new();
    story.start(None, "general");
    let gap = record(vec![story.message("a second entry without a first")]);
    assert_eq!(journal.append(&place(1), Head::EMPTY, &gap).await, Appended::Conflict);
    assert_eq!(journal.read(place(1).id, Sequence::START, 1).await.unwrap(), None);
}

#[test]
fn a_record_has_1_to_16_entries_without_a_gap() {
    let mut story = Story::new();
    let entries: Vec<_> = (0..17).map(|_| story.message("x")).collect();
    let of = |entries: &[_]| Record::new(RecordId::new([0; 16]), entries.to_vec()).map(drop);
    assert_eq!(of(&[]), Err(RecordRefused::Count(0)));
    assert_eq!(of(&entries[..1]), Ok(()));
    assert_eq!(of(&entries[..16]), Ok(()));
    assert_eq!(of(&entries), Err(RecordRefused::Count(17)));
    assert_eq!(of(&[entries[0].clone(), entries[2].clone()]), Err(RecordRefused::Gap));
}

#[tokio::test]
async fn the_same_record_appended_again_is_stored_once() {
    let disk = Disk::new();
    let journal = disk.journal();
    let record = record(vec![Story::new().start(None, "general")]);
    assert!(matches!(journal.append(&place(1), Head::EMPTY, &record).await, Appended::Stored(_)));
    assert_eq!(journal.append(&place(1), Head::EMPTY, &record).await, Appended::Conflict);
    let page = journal.read_last(place(1).id, 5).await.unwrap().unwrap();
    assert_eq!(page.entries.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [record.id()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_appenders_at_one_head_exactly_one_wins() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = chat(&journal, &place(1), 0).await;
    for round in 0..20 {
        let mut appenders = JoinSet::new();
        for appender in 0..16 {
            let (journal, mut story) = (journal.clone(), story.clone());
            appenders.spawn(async move {
                let entries =
                    vec![story.message(&format!("{round} of {appender}")), story.message("and more")];
                journal.append(&place(1), story.head, &record(entries)).await
            });
        }
        let outcomes = soon(appenders.join_all()).await;
        let won: Vec<Head> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Appended::Stored(head) => Some(*head),
                Appended::Conflict => None,
                Appended::Unknown => panic!("nothing failed"),
            })
            .collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        story.message("taken by the winner");
        story.message("taken by the winner");
        story.head = won[0];
    }
    let page = journal.read(place(1).id, Sequence::START, 100).await.unwrap().unwrap();
    let sequences: Vec<u64> = page.entries.iter().map(|(_, entry)| entry.sequence.get()).collect();
    assert_eq!(sequences, (1..=41).collect::<Vec<_>>());
    for pair in page.entries[1..].chunks(2) {
        assert_eq!(pair[0].0, pair[1].0, "a record was torn apart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_followed_once_in_order_across_a_reopening_and_live() {
    let disk = Disk::new();
    let journal = disk.journal();
    let messages = u64::try_from(FOLLOW_BATCH_MAX).unwrap() / 2 + 10;
    let (one, two) = (place(1), place(2));
    tokio::join!(chat(&journal, &one, messages), chat(&journal, &two, messages));
    let count = usize::try_from(2 * (messages + 1)).unwrap();
    let mut follow = journal.follow(journal.oldest().await.unwrap());
    let seen = take(&mut follow, count).await;
    for place in [place(1), place(2)] {
        let sequences: Vec<u64> =
            seen.iter().filter(|one| one.place == place).map(|one| one.entry.sequence.get()).collect();
        assert_eq!(sequences, (1..=messages + 1).collect::<Vec<_>>());
    }
    let middle = seen[count / 2 - 1].position;
    assert_eq!(follow.position(), journal.latest());
    journal.close().await;

    let journal = disk.journal();
    let middle = journal.locate(&middle.to_string()).await.unwrap().unwrap();
    let mut follow = journal.follow(middle);
    assert_eq!(take(&mut follow, count / 2).await, seen[count / 2..]);
    let three = place(3);
    let (live, _) = tokio::join!(take(&mut follow, 1), chat(&journal, &three, 0));
    assert_eq!((live.len(), &live[0].place), (1, &place(3)));
}

#[tokio::test]
async fn a_follower_dropped_while_it_waits_loses_nothing() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut follow = journal.follow(journal.latest());
    let nothing = tokio::time::timeout(Duration::from_millis(1), follow.next()).await;
    assert!(nothing.is_err(), "nothing was stored yet");
    chat(&journal, &place(1), 0).await;
    assert_eq!(take(&mut follow, 1).await.len(), 1);
}

#[tokio::test]
async fn a_follower_reads_to_the_end_of_a_closed_journal() {
    let disk = Disk::new();
    let journal = disk.journal();
    chat(&journal, &place(1), 2).await;
    journal.close().await;
    let mut follow = journal.follow(journal.oldest().await.unwrap());
    assert_eq!(take(&mut follow, 3).await.len(), 3);
    assert!(matches!(soon(follow.next()).await, Err(JournalError::Closed)));
}

/// A position's text with another number in it.
fn at(position: Position, number: u8) -> String {
    let text = position.to_string();
    format!("{}-{number}", text.rsplit_once('-').unwrap().0)
}

#[tokio::test]
async fn a_position_is_good_bad_or_gone() {
    let (disk, other) = (Disk::new(), Disk::new());
    let journal = disk.journal();
    let beginning = journal.latest();
    chat(&journal, &place(1), 3).await;
    let latest = journal.latest();
    for good in [beginning, latest] {
        assert_eq!(journal.locate(&good.to_string()).await.unwrap(), Ok(good));
    }
    let beyond = at(latest, 5);
    for bad in ["", "latest", "17", &beyond] {
        assert_eq!(journal.locate(bad).await.unwrap(), Err(PositionRefused::Bad), "{bad}");
    }
    let of_another_journal = other.journal().latest().to_string();
    let of_another_engine = latest.to_string().replacen("e1-", "n1-", 1);
    for gone in [of_another_journal, of_another_engine] {
        assert_eq!(
            journal.locate(&gone).await.unwrap(),
            Err(PositionRefused::Gone { oldest: beginning }),
            "{gone}"
        );
    }
}

#[tokio::test]
async fn a_position_before_the_oldest_entry_kept_is_gone() {
    let disk = Disk::new();
    let journal = disk.journal();
    let beginning = journal.latest();
    chat(&journal, &place(1), 3).await;
    journal.close().await;
    let file = rusqlite::Connection::open(disk.path()).unwrap();
    file.execute("DELETE FROM entry WHERE position <= 2", []).unwrap();
    drop(file);

    let journal = disk.journal();
    let oldest = journal.oldest().await.unwrap();
    assert_eq!(oldest.to_string(), at(beginning, 2));
    assert_eq!(journal.locate(&oldest.to_string()).await.unwrap(), Ok(oldest));
    assert_eq!(journal.locate(&beginning.to_string()).await.unwrap(), Err(PositionRefused::Gone { oldest }));
    assert_eq!(take(&mut journal.follow(oldest), 2).await.len(), 2);
}

#[tokio::test]
async fn the_journal_can_be_read_with_any_tool() {
    let disk = Disk::new();
    let journal = disk.journal();
    chat(&journal, &place(1), 1).await;
    journal.close().await;
    let file = rusqlite::Connection::open(disk.path()).unwrap();
    let row: (String, String, String, String) = file
        .query_row("SELECT conversation, at, type, body FROM readable_entry WHERE sequence = 2", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap();
    assert_eq!(row.0, place(1).id.to_string());
    assert_eq!(row.1, "2025-10-09T08:53:22.000Z");
    assert_eq!(row.2, "message");
    assert!(row.3.contains("message 0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_begins_at_the_oldest_place_misses_no_first_entry_that_is_stored_meanwhile() {
    for number in 0..40 {
        let disk = Disk::new();
        let journal = disk.journal();
        let beginning = journal.latest();
        let mut storing = JoinSet::new();
        storing.spawn({
            let journal = journal.clone();
            async move { chat(&journal, &place(number), 3).await }
        });
        while storing.try_join_next().is_none() {
            assert_eq!(soon(journal.oldest()).await.unwrap(), beginning);
        }
    }
}
