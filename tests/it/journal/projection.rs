//! The projection tells what the journal holds.

use std::fs;

use usher::domain::conversation::{
    Assignment, AuthenticationChange, ContextChange, DowngradeReason, EndedBy, Fact, SignInReason,
};
use usher::domain::id::ConversationId;
use usher::domain::time::UnixTime;
use usher::journal::Journal;
use usher::journal::projection::{Filter, OpenCounts, Projection, Summary};
use usher::lifecycle::Lifecycle;

use super::support::{
    Disk, EMPTY, Story, authenticated, chat, identity, place, soon, store, time, variables,
};

async fn projection(journal: &Journal) -> Projection {
    let projection = Projection::start(journal, &Lifecycle::new()).unwrap();
    soon(projection.caught_up(journal.latest())).await.unwrap();
    projection
}

async fn all(projection: &Projection, filter: Filter) -> Vec<Summary> {
    let (found, cursor) = projection.list(filter, 500, None).await.unwrap();
    assert_eq!(cursor, None);
    found
}

async fn ids(projection: &Projection, filter: Filter) -> Vec<ConversationId> {
    all(projection, filter).await.into_iter().map(|summary| summary.place.id).collect()
}

/// Begins authenticated, is downgraded, assigned and ended, each in a record of its own.
async fn life(journal: &Journal, number: u8) {
    let (place, mut story) = (place(number), Story::new());
    let entries = [
        story.start(Some(authenticated("ada", time(60))), "general"),
        story.message("hello"),
        story.downgrade(),
        story.sign_in(authenticated("ada", time(120))),
        story.entry(Fact::Assigned(Assignment::to("vip".into(), Some("agent-1".to_owned())))),
        story.end(),
    ];
    for entry in entries {
        store(journal, &place, &mut story, vec![entry]).await;
    }
}

#[tokio::test]
async fn a_summary_tells_what_the_entries_made() {
    let disk = Disk::new();
    let journal = disk.journal();
    life(&journal, 1).await;
    let summary = projection(&journal).await.summary(place(1).id).await.unwrap().unwrap();
    let ended = summary.ended.unwrap();
    assert_eq!((ended.by, ended.reason.as_deref()), (EndedBy::Agent, Some("solved")));
    assert_eq!(summary.place, place(1));
    assert!(summary.authentication.is_authenticated());
    assert_eq!(summary.changed, Some((AuthenticationChange::SignIn(SignInReason::TokenPresented), time(4))));
    assert_eq!(summary.identity, Some(identity("ada")));
    assert_eq!(summary.variables, variables("second"));
    assert_eq!(summary.assignment, Assignment::to("vip".into(), Some("agent-1".to_owned())));
    assert_eq!(summary.sequence.get(), 6);
    assert_eq!((summary.started_at, summary.updated_at, summary.ended_at), (time(1), time(6), Some(time(6))));
    assert_eq!(projection(&disk_other().await).await.summary(place(1).id).await.unwrap(), None);
}

async fn disk_other() -> Journal {
    let disk = Disk::new();
    let journal = disk.journal();
    // The files stay open, so the folder may go.
    chat(&journal, &place(9), 0).await;
    std::mem::forget(disk);
    journal
}

#[tokio::test]
async fn a_downgraded_conversation_keeps_its_owner_and_has_no_deadline() {
    let disk = Disk::new();
    let journal = disk.journal();
    let mut story = Story::new();
    let entries = vec![story.start(Some(authenticated("ada", time(60))), "general"), story.downgrade()];
    store(&journal, &place(1), &mut story, entries).await;
    let projection = projection(&journal).await;
    let summary = projection.summary(place(1).id).await.unwrap().unwrap();
    assert!(!summary.authentication.is_authenticated());
    assert_eq!(summary.identity, Some(identity("ada")));
    let change = AuthenticationChange::Downgrade(DowngradeReason::TokenExpired);
    assert_eq!(summary.changed, Some((change, time(2))));
    assert_eq!(projection.deadlines(UnixTime::MAX, None, 10).await.unwrap(), []);
    let (tenant, widget) = (place(1).tenant, place(1).widget);
    let newest = projection.newest_open(tenant, widget, identity("ada")).await.unwrap();
    assert_eq!(newest, Some(place(1).id));
}

#[tokio::test]
async fn a_rebuilt_projection_equals_one_that_grew() {
    let disk = Disk::new();
    let journal = disk.journal();
    let lifecycle = Lifecycle::new();
    let grown = Projection::start(&journal, &lifecycle).unwrap();
    for number in 1..=20 {
        life(&journal, number).await;
        chat(&journal, &place(100 + number), u64::from(number) % 4).await;
    }
    soon(grown.caught_up(journal.latest())).await.unwrap();
    let before = all(&grown, Filter::default()).await;
    journal.close().await;
    soon(lifecycle.finished()).await;
    fs::remove_file(disk.beside(".projection")).unwrap();

    let journal = disk.journal();
    let rebuilt = projection(&journal).await;
    assert_eq!(before.len(), 40);
    assert_eq!(all(&rebuilt, Filter::default()).await, before);
}

#[tokio::test]
async fn a_reopened_projection_goes_on_where_it_stood() {
    let disk = Disk::new();
    let journal = disk.journal();
    let lifecycle = Lifecycle::new();
    let first = Projection::start(&journal, &lifecycle).unwrap();
    life(&journal, 1).await;
    soon(first.caught_up(journal.latest())).await.unwrap();
    journal.close().await;
    soon(lifecycle.finished()).await;
    // A mark that a rebuilt one wouldn't have.
    let file = rusqlite::Connection::open(disk.beside(".projection")).unwrap();
    file.execute("UPDATE conversation SET queue = 'mark'", []).unwrap();
    drop(file);

    let journal = disk.journal();
    life(&journal, 2).await;
    let marked = projection(&journal).await;
    let queues: Vec<String> = all(&marked, Filter::default())
        .await
        .into_iter()
        .map(|summary| summary.assignment.queue.to_string())
        .collect();
    assert_eq!(queues, ["vip", "mark"]);
}

#[tokio::test]
async fn a_projection_of_another_journal_another_form_or_of_rubbish_is_built_anew() {
    let damages: [fn(&Disk); 3] = [
        |disk| {
            let file = rusqlite::Connection::open(disk.beside(".projection")).unwrap();
            file.execute("UPDATE place SET incarnation = x'0000000000000000'", []).unwrap();
        },
        |disk| {
            let file = rusqlite::Connection::open(disk.beside(".projection")).unwrap();
            file.pragma_update(None, "user_version", 999).unwrap();
        },
        |disk| fs::write(disk.beside(".projection"), "rubbish".repeat(1000)).unwrap(),
    ];
    for damage in damages {
        let disk = Disk::new();
        let journal = disk.journal();
        let lifecycle = Lifecycle::new();
        let first = Projection::start(&journal, &lifecycle).unwrap();
        life(&journal, 1).await;
        soon(first.caught_up(journal.latest())).await.unwrap();
        let before = all(&first, Filter::default()).await;
        journal.close().await;
        soon(lifecycle.finished()).await;
        drop(first);
        damage(&disk);
        let journal = disk.journal();
        assert_eq!(all(&projection(&journal).await, Filter::default()).await, before);
    }
}

#[tokio::test]
async fn a_list_is_filtered() {
    let disk = Disk::new();
    let journal = disk.journal();
    life(&journal, 1).await;
    chat(&journal, &place(2), 0).await;
    let mut elsewhere = place(3);
    elsewhere.tenant = "fabrikam".parse().unwrap();
    let mut story = Story::new();
    let start = story.start(Some(authenticated("bob", time(60))), "sales");
    store(&journal, &elsewhere, &mut story, vec![start]).await;
    let projection = projection(&journal).await;
    let (one, two, three) = (place(1).id, place(2).id, elsewhere.id);
    let contoso: usher::domain::id::TenantId = "contoso".parse().unwrap();
    let fabrikam = elsewhere.tenant.clone();
    let none = Filter::default();
    let cases = [
        (none.clone(), vec![three, two, one]),
        (Filter { open: Some(true), ..none.clone() }, vec![three, two]),
        (Filter { open: Some(false), ..none.clone() }, vec![one]),
        (Filter { authenticated: Some(true), ..none.clone() }, vec![three, one]),
        (Filter { authenticated: Some(false), ..none.clone() }, vec![two]),
        (Filter { queue: Some("vip".to_owned()), ..none.clone() }, vec![one]),
        (Filter { subject: Some("bob".to_owned()), ..none.clone() }, vec![three]),
        (Filter { tenant: Some(contoso.clone()), ..none.clone() }, vec![two, one]),
        (Filter { tenant: Some(contoso.clone()), open: Some(true), ..none.clone() }, vec![two]),
        (Filter { allowed: Some(vec![fabrikam.clone()]), ..none.clone() }, vec![three]),
        (
            Filter { allowed: Some(vec![contoso.clone(), fabrikam.clone()]), ..none.clone() },
            vec![three, two, one],
        ),
        (Filter { allowed: Some(vec![fabrikam]), tenant: Some(contoso), ..none.clone() }, vec![]),
        (Filter { allowed: Some(vec![]), ..none.clone() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(ids(&projection, filter.clone()).await, expected, "{filter:?}");
    }
    let counts = projection.open_counts().await.unwrap();
    assert_eq!(counts, OpenCounts { authenticated: 1, anonymous: 1 });
}

#[tokio::test]
async fn pages_hold_still_while_conversations_begin_and_change() {
    let disk = Disk::new();
    let journal = disk.journal();
    for number in 10..17 {
        chat(&journal, &place(number), 0).await;
    }
    let projection = projection(&journal).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    for page in 0.. {
        let (found, next) = projection.list(Filter::default(), 3, cursor).await.unwrap();
        seen.extend(found.into_iter().map(|summary| summary.place.id));
        chat(&journal, &place(100 + page), 2).await;
        soon(projection.caught_up(journal.latest())).await.unwrap();
        let Some(next) = next else { break };
        cursor = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(seen, (10..17).rev().map(|number| place(number).id).collect::<Vec<_>>());
}

#[tokio::test]
async fn deadlines_come_in_order_in_pages_and_the_next_one_is_announced() {
    let disk = Disk::new();
    let journal = disk.journal();
    let projection = Projection::start(&journal, &Lifecycle::new()).unwrap();
    let mut next = projection.next_deadline();
    assert_eq!(*next.borrow(), None);
    let mut stories = Vec::new();
    for (number, expires) in [(1, 90), (2, 60), (3, 60), (4, 120)] {
        let mut story = Story::new();
        let start = story.start(Some(authenticated("ada", time(expires))), "general");
        store(&journal, &place(number), &mut story, vec![start]).await;
        stories.push(story);
    }
    soon(next.wait_for(|next| *next == Some(time(60)))).await.unwrap();
    soon(projection.caught_up(journal.latest())).await.unwrap();
    let due = [(time(60), place(2).id), (time(60), place(3).id), (time(90), place(1).id)];
    assert_eq!(projection.deadlines(time(60), None, 10).await.unwrap(), due[..2]);
    assert_eq!(
        projection.deadlines(UnixTime::from_millis(time(60).millis() - 1), None, 10).await.unwrap(),
        []
    );
    assert_eq!(projection.deadlines(time(90), None, 1).await.unwrap(), due[..1]);
    assert_eq!(projection.deadlines(time(90), Some(due[0]), 10).await.unwrap(), due[1..]);

    let downgrade = stories[1].downgrade();
    let end = stories[2].end();
    let mut two = stories[1].clone();
    store(&journal, &place(2), &mut two, vec![downgrade]).await;
    store(&journal, &place(3), &mut stories[2], vec![end]).await;
    soon(next.wait_for(|next| *next == Some(time(90)))).await.unwrap();
}

/// The story's clock shows 1 s at the start and a second more with each entry.
#[tokio::test]
async fn the_silent_and_the_unheard_come_in_order_in_pages_as_long_as_they_are_open() {
    let disk = Disk::new();
    let journal = disk.journal();
    for number in 1..=4 {
        let (place, mut story) = (place(number), Story::new());
        let mut entries = vec![story.start(Some(authenticated("ada", time(60))), "general")];
        match number {
            1 => entries.push(story.message("heard at 2")),
            2 => {}
            3 => entries.push(story.downgrade()),
            _ => entries.push(story.end()),
        }
        store(&journal, &place, &mut story, entries).await;
    }
    let projection = projection(&journal).await;
    let silent = [(time(1), place(2).id), (time(1), place(3).id), (time(2), place(1).id)];
    let before = UnixTime::from_millis(time(2).millis() - 1);
    assert_eq!(projection.silent_since(before, None, 10).await.unwrap(), silent[..2]);
    assert_eq!(projection.silent_since(time(2), None, 1).await.unwrap(), silent[..1]);
    assert_eq!(projection.silent_since(time(2), Some(silent[0]), 10).await.unwrap(), silent[1..]);
    let unheard = [silent[0], silent[2]];
    assert_eq!(projection.unheard_since(before, None, 10).await.unwrap(), unheard[..1]);
    assert_eq!(projection.unheard_since(time(2), None, 1).await.unwrap(), unheard[..1]);
    assert_eq!(projection.unheard_since(time(2), Some(unheard[0]), 10).await.unwrap(), unheard[1..]);
}

#[tokio::test]
async fn a_closed_journal_ends_the_projection_without_alarm() {
    let disk = Disk::new();
    let journal = disk.journal();
    let lifecycle = Lifecycle::new();
    let projection = Projection::start(&journal, &lifecycle).unwrap();
    chat(&journal, &place(1), 3).await;
    journal.close().await;
    soon(lifecycle.finished()).await;
    soon(projection.caught_up(journal.latest())).await.unwrap();
    assert!(projection.summary(place(1).id).await.unwrap().is_some());
    let alarm = tokio::time::timeout(std::time::Duration::from_millis(1), projection.failed()).await;
    assert!(alarm.is_err(), "closing is no failure");
}

#[tokio::test]
async fn a_projection_that_can_not_be_written_says_so_and_catches_up_later() {
    let disk = Disk::new();
    let journal = disk.journal();
    let projection = projection(&journal).await;
    let mut writable = projection.writable_changes();
    // Another program that holds the file makes every write fail.
    let other = rusqlite::Connection::open(disk.beside(".projection")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    life(&journal, 1).await;
    soon(writable.wait_for(|writable| !writable)).await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    soon(writable.wait_for(|writable| *writable)).await.unwrap();
    soon(projection.caught_up(journal.latest())).await.unwrap();
    assert!(projection.summary(place(1).id).await.unwrap().unwrap().ended.is_some());
}

#[tokio::test]
async fn what_lies_in_the_logs_of_writes_is_copied_into_the_files_and_the_logs_stay_short() {
    const ROUND: u8 = 20;
    let disk = Disk::new();
    let journal = disk.journal();
    let projection = projection(&journal).await;
    let mut stories: Vec<_> = (0..ROUND).map(|_| Story::new()).collect();
    // 12 MiB, more than one of them in each batch of the projection's.
    for round in 'a'..='j' {
        // SQLite leaves alone what is written again as it was.
        let large = variables(&round.to_string().repeat(60 << 10));
        for (number, story) in (0..ROUND).zip(&mut stories) {
            let start = if story.head == EMPTY { vec![story.start(None, "general")] } else { Vec::new() };
            let change = ContextChange { variables: large.clone(), changed: Vec::new() };
            let entries = start.into_iter().chain([story.entry(Fact::Context(change))]).collect();
            store(&journal, &place(number), story, entries).await;
        }
        soon(projection.caught_up(journal.latest())).await.unwrap();
    }
    for log in ["-wal", ".projection-wal"] {
        let length = fs::metadata(disk.beside(log)).unwrap().len();
        assert!((1 << 20..8 << 20).contains(&length), "{log} has {length} B");
    }
}
