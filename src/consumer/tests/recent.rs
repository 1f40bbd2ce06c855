use std::sync::Arc;

use crate::domain::conversation::Place;
use crate::journal::{Followed, JournalError, Position};

use super::super::recent::{Next, Reading, Recent, Written};
use super::Node;

impl Node {
    /// The newest events, in so many bytes.
    fn recent(&self, bytes_max: usize) -> Recent {
        Recent::of_size(&self.journal, &self.lifecycle, bytes_max)
    }

    /// All that is stored.
    async fn stored(&self) -> Vec<Followed> {
        let mut follow = self.journal.follow(self.journal.oldest().await.unwrap());
        let mut stored = Vec::new();
        while follow.position() != self.journal.latest() {
            stored.extend(follow.next().await.unwrap());
        }
        stored
    }

    /// Says this where nobody has said anything, one record after the other.
    async fn talk_alone(&self, count: u64) -> Place {
        let place = self.anonymous("alpha").await;
        for sequence in 1..=count {
            self.talk(&place, sequence, 1, "x").await;
        }
        place
    }
}

async fn until_kept(recent: &Recent, is_kept: bool) {
    while recent.is_kept() != is_kept {
        tokio::task::yield_now().await;
    }
}

/// What comes after this place: the position behind it, and whether everybody got the same.
async fn next(reading: &mut Reading, place: Position) -> (Position, bool) {
    match reading.after(place).await.unwrap() {
        Next::Recent(events) => (events.last().unwrap().position, true),
        Next::Stored(events) => (events.last().unwrap().position, false),
    }
}

#[tokio::test]
async fn an_event_is_written_once_for_all_live_readers() {
    let node = Node::start();
    let recent = node.recent(1 << 20);
    let (mut first, mut second) = (recent.reading(), recent.reading());
    until_kept(&recent, true).await;
    let place = node.journal.latest();
    node.anonymous("alpha").await;
    let (Next::Recent(one), Next::Recent(other)) =
        (first.after(place).await.unwrap(), second.after(place).await.unwrap())
    else {
        panic!("both stand where it begins")
    };
    assert_eq!(one.len(), 1);
    assert!(Arc::ptr_eq(&one[0], &other[0]));
}

#[tokio::test]
async fn what_is_older_is_read_from_the_journal_and_then_what_is_new_is_shared() {
    let node = Node::start();
    let oldest = node.journal.latest();
    let place = node.talk_alone(3).await;
    let recent = node.recent(1 << 20);
    let mut reading = recent.reading();
    until_kept(&recent, true).await;
    let end = node.journal.latest();
    assert_eq!(next(&mut reading, oldest).await, (end, false));
    let (said, got) = tokio::join!(node.talk(&place, 4, 1, "x"), next(&mut reading, end));
    assert_eq!((said.len(), got), (1, (node.journal.latest(), true)));
}

#[tokio::test]
async fn it_holds_the_newest_that_fit_and_nothing_older() {
    let node = Node::start();
    node.talk_alone(9).await;
    let bytes: usize = node.stored().await.iter().rev().take(3).map(|one| Written::of(one).bytes()).sum();
    for (size, is_shared) in [(bytes - 1, false), (bytes, true), (bytes + 1, true)] {
        let node = Node::start();
        let recent = node.recent(size);
        let mut reading = recent.reading();
        until_kept(&recent, true).await;
        node.talk_alone(9).await;
        let stored = node.stored().await;
        // Once the newest is seen, so are those before it.
        while !matches!(reading.after(stored[8].position).await, Ok(Next::Recent(_))) {
            tokio::task::yield_now().await;
        }
        let (last, shared) = next(&mut reading, stored[6].position).await;
        assert_eq!((last, shared), (stored[9].position, is_shared), "{size} bytes");
    }
}

#[tokio::test]
async fn a_reader_takes_no_more_at_one_time_than_a_piece_and_one_event() {
    let node = Node::start();
    let recent = node.recent(4 << 20);
    let mut reading = recent.reading();
    until_kept(&recent, true).await;
    let (began, place) = (node.journal.latest(), node.anonymous("alpha").await);
    node.talk(&place, 1, 200, &"x".repeat(1_000)).await;
    let stored = node.stored().await;
    while !matches!(reading.after(stored[199].position).await, Ok(Next::Recent(_))) {
        tokio::task::yield_now().await;
    }
    let Next::Recent(taken) = reading.after(began).await.unwrap() else { panic!("all of it fits") };
    let bytes: usize = taken.iter().map(|event| event.text.len()).sum();
    let last = taken.last().unwrap().text.len();
    assert!(bytes >= 65_536 && bytes - last < 65_536, "{bytes} bytes, the last {last}");
}

#[tokio::test]
async fn without_readers_nothing_is_kept() {
    let node = Node::start();
    let recent = node.recent(1 << 20);
    assert!(!recent.is_kept());
    let (first, second) = (recent.reading(), recent.reading());
    until_kept(&recent, true).await;
    drop(first);
    node.talk_alone(1).await;
    assert!(recent.is_kept());
    drop(second);
    until_kept(&recent, false).await;
    let _third = recent.reading();
    until_kept(&recent, true).await;
}

#[tokio::test]
async fn a_reader_that_waits_is_told_that_the_journal_was_closed() {
    let node = Node::start();
    let recent = node.recent(1 << 20);
    let mut reading = recent.reading();
    until_kept(&recent, true).await;
    let end = node.journal.latest();
    let (closed, ()) = tokio::join!(reading.after(end), node.journal.close());
    assert!(matches!(closed, Err(JournalError::Closed)), "{closed:?}");
}
