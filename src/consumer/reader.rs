//! One reader of the event stream. It is asked for the next piece when its connection has room, and holds one batch
//! besides its place: of the newest events, which all readers share, or of the journal. A reader too slow reads on from
//! the journal, and costs nothing meanwhile.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use std::vec;

use axum::body::Bytes;
use prometheus::IntGauge;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::config::AllowedTenants;
use crate::conversations::{Conversations, Signal, random};
use crate::domain::conversation::{Authentication, Place};
use crate::domain::id::TenantId;
use crate::journal::{Followed, Journal, JournalError, Position};
use crate::lifecycle::Lifecycle;
use crate::wire::{TYPING_TYPE, event_type, write_typing};

use super::Shared;
use super::access_token::Lease;
use super::recent::{Next, Reading, Written};

/// How long a stream is silent at most.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(15);
/// How old a signal may be when it is told: a reader that was stalled learns nothing from who typed then.
const SIGNAL_WITHIN: Duration = Duration::from_secs(5);
/// Where a piece of the stream ends: with the event that passes so many bytes.
const PIECE_BYTES: usize = 65_536;

/// Which events a reader gets.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) allowed: AllowedTenants,
    pub(super) tenant: Option<TenantId>,
    pub(super) types: Option<BTreeSet<&'static str>>,
}

impl Filter {
    fn admits(&self, place: &Place, kind: &str) -> bool {
        self.allowed.admit(&place.tenant)
            && self.tenant.as_ref().is_none_or(|tenant| *tenant == place.tenant)
            && self.types.as_ref().is_none_or(|types| types.contains(kind))
    }

    fn wants_typing(&self) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(TYPING_TYPE))
    }
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Server-sent events (WHATWG HTML §9.2).
    EventStream,
    /// One JSON text a line. A sign of life is an empty line, which has no place to tell: every event has its own.
    NdJson,
}

impl Format {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::EventStream => "text/event-stream",
            Self::NdJson => "application/x-ndjson",
        }
    }

    pub(super) fn named(media_type: &str) -> Option<Self> {
        [Self::EventStream, Self::NdJson]
            .into_iter()
            .find(|format| format.media_type().eq_ignore_ascii_case(media_type))
    }

    fn write(self, piece: &mut String, position: Option<&str>, event: &str) {
        let written = match (self, position) {
            (Self::EventStream, Some(position)) => write!(piece, "id: {position}\ndata: {event}\n\n"),
            (Self::EventStream, None) => write!(piece, "data: {event}\n\n"),
            (Self::NdJson, _) => writeln!(piece, "{event}"),
        };
        written.expect("a String takes whatever is written");
    }

    fn sign_of_life(self, position: Position) -> Bytes {
        match self {
            Self::EventStream => format!("id: {position}\n\n").into(),
            Self::NdJson => Bytes::from_static(b"\n"),
        }
    }
}

/// Counts a reader for as long as it is there.
#[derive(Debug)]
struct Counted(IntGauge);

impl Counted {
    fn new(readers: &IntGauge) -> Self {
        readers.inc();
        Self(readers.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Events one after the other.
#[derive(Debug)]
enum Batch {
    Recent(vec::IntoIter<Arc<Written>>),
    Stored(vec::IntoIter<Followed>),
}

/// A reader with its place.
#[derive(Debug)]
pub(super) struct Reader {
    reading: Reading,
    /// What was read and not sent yet.
    batch: Batch,
    /// Everything up to here was written, or is not for this reader.
    place: Position,
    filter: Filter,
    format: Format,
    sign_of_life_at: Instant,
    /// There while the reader is live and wants to know who types.
    signals: Option<broadcast::Receiver<Signal>>,
    journal: Journal,
    conversations: Conversations,
    clock: Clock,
    lifecycle: Lifecycle,
    lease: Lease,
    _counted: Counted,
}

impl Reader {
    pub(super) fn new(
        shared: &Shared,
        lease: Lease,
        (filter, format): (Filter, Format),
        position: Position,
        announced: bool,
    ) -> Self {
        let silent_for = if announced { Duration::ZERO } else { SIGN_OF_LIFE_EVERY };
        Self {
            reading: shared.recent.reading(),
            batch: Batch::Stored(Vec::new().into_iter()),
            place: position,
            filter,
            format,
            sign_of_life_at: Instant::now() + silent_for,
            signals: None,
            journal: shared.journal.clone(),
            conversations: shared.conversations.clone(),
            clock: shared.clock,
            lifecycle: shared.lifecycle.clone(),
            lease,
            _counted: Counted::new(&shared.metrics.event_readers),
        }
    }

    /// The next piece of the stream; none at its end, which is that of its token, of the client's rights, or of the
    /// process.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, JournalError>> {
        loop {
            if self.lifecycle.is_stopping() || self.lease.is_over() {
                return None;
            }
            let piece = self.write_batch();
            if !piece.is_empty() {
                return Some(Ok(self.spoken(piece.into())));
            }
            self.listen_once_live();
            tokio::select! {
                biased;
                () = self.lifecycle.stopped() => return None,
                () = self.lease.over() => return None,
                () = sleep_until(self.sign_of_life_at) => {
                    return Some(Ok(self.spoken(self.format.sign_of_life(self.place))));
                }
                next = self.reading.after(self.place) => match next {
                    Ok(Next::Recent(events)) => self.batch = Batch::Recent(events.into_iter()),
                    Ok(Next::Stored(events)) => self.batch = Batch::Stored(events.into_iter()),
                    Err(JournalError::Closed) => return None,
                    Err(error) => {
                        tracing::warn!(%error, "an event stream breaks off: the journal can't be read");
                        return Some(Err(error));
                    }
                },
                signal = next_signal(&mut self.signals) => {
                    if let Some(piece) = self.write_signal(&signal) {
                        return Some(Ok(self.spoken(piece.into())));
                    }
                }
            }
        }
    }

    /// Writes what there is of the batch, up to a piece's size.
    fn write_batch(&mut self) -> String {
        let mut piece = String::new();
        while piece.len() < PIECE_BYTES {
            match &mut self.batch {
                Batch::Recent(events) => {
                    let Some(event) = events.next() else { break };
                    self.place = event.position;
                    if self.filter.admits(&event.place, event.kind) {
                        self.format.write(&mut piece, Some(&event.id), &event.text);
                    }
                }
                Batch::Stored(events) => {
                    let Some(followed) = events.next() else { break };
                    self.place = followed.position;
                    if self.filter.admits(&followed.place, event_type(&followed.entry.fact)) {
                        let event = Written::of(&followed);
                        self.format.write(&mut piece, Some(&event.id), &event.text);
                    }
                }
            }
        }
        piece
    }

    /// Who types is told from the moment on at which the reader has seen all there is, and not about earlier.
    fn listen_once_live(&mut self) {
        if self.signals.is_none() && self.filter.wants_typing() && self.place == self.journal.latest() {
            self.signals = Some(self.conversations.signals());
        }
    }

    fn write_signal(&self, signal: &Signal) -> Option<String> {
        let Signal::Typing { place, from, at, authentication } = signal;
        let is_stale = self.clock.now().since(*at) > SIGNAL_WITHIN;
        if is_stale || !self.filter.admits(place, TYPING_TYPE) {
            return None;
        }
        let authentication = match authentication {
            Authentication::Authenticated(held) if *at >= held.expires_at => &Authentication::Anonymous,
            stands => stands,
        };
        let nonce = format!("{:016x}", u64::from_be_bytes(random()));
        let mut piece = String::new();
        self.format.write(&mut piece, None, &write_typing(place, &nonce, *at, from, authentication));
        Some(piece)
    }

    fn spoken(&mut self, piece: Bytes) -> Bytes {
        self.sign_of_life_at = Instant::now() + SIGN_OF_LIFE_EVERY;
        piece
    }
}

/// The next signal; never one where nobody listens. What was missed is gone: signals are best effort.
async fn next_signal(signals: &mut Option<broadcast::Receiver<Signal>>) -> Signal {
    let Some(receiver) = signals else { return std::future::pending().await };
    loop {
        match receiver.recv().await {
            Ok(signal) => return signal,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
        }
    }
}
