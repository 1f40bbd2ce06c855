//! The newest events, read from the journal and written once for all readers that are live: the twentieth reader costs
//! the sending alone. Bounded in bytes, and nobody's buffer: a reader that falls behind it reads on from the journal.
//!
//! Nothing rests on it. Where it is not there, or does not hold a reader's place, the journal is asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use crate::domain::conversation::Place;
use crate::journal::{Followed, Journal, JournalError, Position};
use crate::lifecycle::Lifecycle;
use crate::wire::{event_type, write_event};

/// What is kept, in bytes: a second and more of 5 000 short messages a second.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// What a reader takes at one time, in bytes, and the event that passes it: so much it holds while it stalls.
const TAKEN_BYTES_MAX: usize = 65_536;
/// What an event is reckoned at besides its texts, in bytes.
const EVENT_BYTES: usize = 256;
/// Between a fault of the journal and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// An event as readers send it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) position: Position,
    pub(super) place: Place,
    pub(super) kind: &'static str,
    /// The position's text.
    pub(super) id: String,
    /// The event, as JSON on one line.
    pub(super) text: String,
}

impl Written {
    pub(super) fn of(followed: &Followed) -> Self {
        let Followed { position, place, entry, .. } = followed;
        let id = position.to_string();
        let text = write_event(place, &id, entry);
        Self { position: *position, place: place.clone(), kind: event_type(&entry.fact), id, text }
    }

    /// What keeping it takes.
    pub(super) fn bytes(&self) -> usize {
        self.id.len() + self.text.len() + EVENT_BYTES
    }
}

/// The newest events: each follows the one before it in the journal, none between is left out.
#[derive(Debug)]
struct Ring {
    /// The place before the first of them.
    start: Position,
    events: VecDeque<Arc<Written>>,
    bytes: usize,
    bytes_max: usize,
}

/// What a ring has after a place.
#[derive(Debug, PartialEq)]
enum Found<T> {
    Events(T),
    /// The place is its end.
    End,
    /// It doesn't hold the place.
    Nothing,
}

impl Ring {
    const fn new(start: Position, bytes_max: usize) -> Self {
        Self { start, events: VecDeque::new(), bytes: 0, bytes_max }
    }

    fn push(&mut self, event: Written) {
        self.bytes += event.bytes();
        self.events.push_back(Arc::new(event));
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.bytes();
            self.start = oldest.position;
        }
    }

    fn after(&self, place: Position) -> Found<Vec<Arc<Written>>> {
        // Who is live stands near the end.
        let next = match self.events.iter().rposition(|event| event.position == place) {
            Some(seen) => seen + 1,
            None if place == self.start => 0,
            None => return Found::Nothing,
        };
        if next == self.events.len() {
            return Found::End;
        }
        let mut bytes = 0;
        let fits = |event: &&Arc<Written>| {
            let has_room = bytes < TAKEN_BYTES_MAX;
            bytes += event.text.len();
            has_room
        };
        Found::Events(self.events.range(next..).take_while(fits).cloned().collect())
    }
}

/// The newest events while anybody reads. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Recent(Arc<State>);

#[derive(Debug)]
struct State {
    journal: Journal,
    /// None while nobody reads, and where the journal can't be read.
    ring: Mutex<Option<Ring>>,
    bytes_max: usize,
    /// Told whenever the ring has changed.
    changed: watch::Sender<()>,
    readers: watch::Sender<usize>,
}

impl Recent {
    /// Keeps the newest events from now on, whenever somebody reads.
    pub(super) fn start(journal: &Journal, lifecycle: &Lifecycle) -> Self {
        Self::of_size(journal, lifecycle, KEPT_BYTES_MAX)
    }

    /// The same with so many bytes.
    pub(super) fn of_size(journal: &Journal, lifecycle: &Lifecycle, bytes_max: usize) -> Self {
        let recent = Self(Arc::new(State {
            journal: journal.clone(),
            ring: Mutex::default(),
            bytes_max,
            changed: watch::Sender::new(()),
            readers: watch::Sender::new(0),
        }));
        let (keeping, stop) = (recent.clone(), lifecycle.clone());
        lifecycle.spawn(async move {
            tokio::select! {
                () = stop.stopped() => {}
                () = keeping.keep() => {}
            }
            keeping.set(None);
        });
        recent
    }

    /// One more reader.
    pub(super) fn reading(&self) -> Reading {
        self.0.readers.send_modify(|readers| *readers += 1);
        Reading { changed: self.0.changed.subscribe(), recent: self.clone() }
    }

    /// Whether the newest events are kept now.
    #[cfg(test)]
    pub(super) fn is_kept(&self) -> bool {
        self.ring().is_some()
    }

    fn ring(&self) -> MutexGuard<'_, Option<Ring>> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, ring: Option<Ring>) {
        *self.ring() = ring;
        self.0.changed.send_replace(());
    }

    /// Keeps a ring whenever there are readers; until the journal is closed.
    async fn keep(&self) {
        let mut readers = self.0.readers.subscribe();
        while readers.wait_for(|readers| *readers > 0).await.is_ok() {
            let kept = tokio::select! {
                _ = readers.wait_for(|readers| *readers == 0) => Ok(()),
                Err(error) = self.fill() => Err(error),
            };
            self.set(None);
            match kept {
                Ok(()) => {}
                Err(JournalError::Closed) => return,
                // Each reader finds the same fault by itself, and tells it.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Follows the journal from its end on; never ends but by a fault.
    async fn fill(&self) -> Result<(), JournalError> {
        let mut follow = self.0.journal.follow(self.0.journal.latest());
        self.set(Some(Ring::new(follow.position(), self.0.bytes_max)));
        loop {
            let written: Vec<_> = follow.next().await?.iter().map(Written::of).collect();
            if let Some(ring) = &mut *self.ring() {
                for event in written {
                    ring.push(event);
                }
            }
            self.0.changed.send_replace(());
        }
    }
}

/// One reader of the newest events; of older ones, too.
#[derive(Debug)]
pub(super) struct Reading {
    recent: Recent,
    changed: watch::Receiver<()>,
}

/// What follows a place.
#[derive(Debug)]
pub(super) enum Next {
    /// Written already, for everybody.
    Recent(Vec<Arc<Written>>),
    /// Read from the journal for this reader alone.
    Stored(Vec<Followed>),
}

impl Reading {
    /// What follows this place; waits where there is nothing yet. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`crate::journal::Follow::next`].
    pub(super) async fn after(&mut self, place: Position) -> Result<Next, JournalError> {
        let journal = self.recent.0.journal.clone();
        loop {
            self.changed.borrow_and_update();
            let found = self.recent.ring().as_ref().map(|ring| ring.after(place));
            match found {
                Some(Found::Events(events)) => return Ok(Next::Recent(events)),
                Some(Found::End) => {}
                // Read from the journal up to its end, the reader is ahead of the ring, which comes to the same place.
                Some(Found::Nothing) if place == journal.latest() => {}
                Some(Found::Nothing) | None => return journal.follow(place).next().await.map(Next::Stored),
            }
            if self.changed.changed().await.is_err() {
                return Err(JournalError::Closed);
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.recent.0.readers.send_modify(|readers| *readers -= 1);
    }
}
