//! What an endpoint makes durable, in batches: first the conversations that its place is to pass, then the place.
//!
//! In that order a crash at any moment loses nothing: a conversation that is kept with an older event than was
//! delivered, or a place behind what was, leads to deliveries once more.

use futures_util::stream::{self, StreamExt as _};
use std::time::Duration;
use tokio::time::Instant;

use crate::domain::id::ConversationId;
use crate::journal::{Revision, Written};

use super::Standing;
use super::endpoint::Endpoint;
use super::kept::{Place, decode, encode, held_key, place_key};
use super::lane::{Kept, Lane, Phase, Write};

/// Writes that wait for the journal at one time; it commits them together.
const WRITES_AT_ONCE: usize = 64;
/// For so long a node posts alone for an endpoint.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// With less left than this, the lease is renewed.
const RENEWED_WITHIN: Duration = Duration::from_secs(20);

/// What came of a write.
#[derive(Debug, Clone, Copy)]
enum Came {
    Stored(Option<Revision>),
    /// Something else is there, or nobody can tell: this.
    Found(Option<Revision>),
}

impl Endpoint {
    /// Makes durable what has changed; whether the endpoint is still this node's.
    pub(super) async fn checkpoint(&mut self) -> bool {
        self.write_lanes().await;
        let caught_up = self.follow.position() == self.shared.journal.latest();
        self.lanes.retain(|_, lane| !lane.is_over(caught_up));
        self.is_failing &= self.lanes.values().any(Lane::is_retry);
        let is_ours = self.write_place().await;
        self.tell(caught_up);
        is_ours
    }

    async fn write_lanes(&mut self) {
        let (at, now) = (Instant::now(), self.shared.clock.now());
        let due = |(id, lane): (&ConversationId, &Lane)| {
            Some((*id, lane.due_write(at, now)?, lane.kept.map(|kept| kept.revision)))
        };
        let due: Vec<_> = self.lanes.iter().filter_map(due).collect();
        let this = &*self;
        let writes = stream::iter(due).map(async |(id, write, revision)| {
            let came = this.write(id, &write, revision).await;
            (id, write, came)
        });
        let done: Vec<_> = writes.buffer_unordered(WRITES_AT_ONCE).collect().await;
        for (id, write, came) in done {
            self.wrote(id, &write, came);
        }
    }

    async fn write(&self, id: ConversationId, write: &Write, revision: Option<Revision>) -> Came {
        let journal = &self.shared.journal;
        let key = held_key(&self.shared.webhook.id, id);
        let written = match (write, revision) {
            (Write::Put(held), None) => journal.create(&key, encode(held)).await,
            (Write::Put(held), Some(revision)) => journal.put(&key, encode(held), revision).await,
            (Write::Delete, revision) => journal.delete(&key, revision).await,
        };
        match (written, write) {
            (Written::Stored(revision), Write::Put(_)) => Came::Stored(Some(revision)),
            (Written::Stored(_), Write::Delete) => Came::Stored(None),
            (Written::Conflict | Written::Unknown, _) => match journal.get(&key).await {
                Ok(found) => Came::Found(found.map(|item| item.revision)),
                Err(_) => Came::Found(revision),
            },
        }
    }

    fn wrote(&mut self, id: ConversationId, write: &Write, came: Came) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let (revision, is_current) = match came {
            Came::Stored(revision) => (revision, true),
            Came::Found(revision) => (revision, false),
        };
        let (was_held, is_held) = (lane.kept.is_some(), revision.is_some());
        lane.kept = revision.map(|revision| Kept { revision, is_current });
        let (mut held, mut parked) = (i64::from(is_held) - i64::from(was_held), 0);
        let is_parked = lane.phase == Phase::Parking && is_held && is_current;
        if is_parked && let Write::Put(kept) = write {
            parked = 1;
            let (endpoint, sequence) = (&self.shared.webhook.id, kept.next);
            let why = lane.failure.as_ref().map_or("", |failed| &failed.message);
            tracing::error!(
                %endpoint, conversation = %id, sequence,
                "a conversation is parked: its events wait for `usher webhook replay`. {why}"
            );
            self.lanes.remove(&id);
        }
        if let Some(pass) = &mut self.pass
            && !pass.has_passed(&held_key(&self.shared.webhook.id, id))
        {
            // The pass comes by there yet, and counts it then.
            (held, parked) = (0, 0);
        }
        self.held = self.held.saturating_add_signed(held);
        self.parked = self.parked.saturating_add_signed(parked);
    }

    /// Moves the place as far as everything before it is delivered or kept, and renews the lease.
    async fn write_place(&mut self) -> bool {
        let oldest = self.lanes.values().filter(|lane| lane.holds_place()).map(|lane| lane.batch).min();
        while let Some((batch, position)) = self.batches.front().copied()
            && oldest.is_none_or(|oldest| batch < oldest)
        {
            self.reached = position.to_string();
            self.batches.pop_front();
        }
        let now = self.shared.clock.now();
        let stops = self.shared.lifecycle.is_stopping();
        // Where nobody else can come, nobody has to be kept away.
        let renews = !self.shared.alone && self.place.until < now.plus(RENEWED_WITHIN).millis();
        if self.reached == self.place.position && !renews && !stops {
            return true;
        }
        let until = if stops { 0 } else { now.plus(LEASE).millis() };
        let wanted = Place { position: self.reached.clone(), until, ..self.place.clone() };
        let key = place_key(&self.shared.webhook.id);
        match self.shared.journal.put(&key, encode(&wanted), self.place_revision).await {
            Written::Stored(revision) => {
                (self.place, self.place_revision) = (wanted, revision);
                true
            }
            Written::Conflict | Written::Unknown => {
                let Ok(Some(item)) = self.shared.journal.get(&key).await else { return true };
                self.place_revision = item.revision;
                decode::<Place>(&item.value).is_some_and(|found| found.holder == self.shared.node)
            }
        }
    }

    /// Tells the operator how it stands.
    fn tell(&self, caught_up: bool) {
        let (webhook, now) = (&self.shared.webhook, self.shared.clock.now());
        let series = &self.shared.metrics.webhooks;
        let waiting = self.lanes.values().filter(|lane| lane.has_work()).map(|lane| lane.oldest_at);
        let unread = self.read_at.filter(|_| !caught_up);
        let oldest = waiting.chain(unread).min();
        let lag = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest));
        series.lag(&webhook.id).set(lag.as_secs_f64());
        series.parked(&webhook.id).set(i64::try_from(self.parked).unwrap_or(i64::MAX));
        let retrying = self.lanes.values().filter(|lane| lane.is_retry()).count();
        let position = self.place.position.clone();
        self.shared.standing.send_replace(Standing { position, lag, parked: self.parked, retrying });
    }
}
