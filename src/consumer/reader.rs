//! One reader of the event stream. It is asked for the next piece when its connection has room, and holds one batch
//! of the journal besides its place: a reader too slow reads on from the journal, and costs nothing meanwhile.

use std::collections::BTreeSet;
use std::fmt::Write as _;
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
use crate::journal::{Follow, Followed, Journal, JournalError, Position};
use crate::lifecycle::Lifecycle;
use crate::wire::{TYPING_TYPE, event_type, write_event, write_typing};

use super::Shared;
use super::access_token::Lease;

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

/// A reader with its place.
#[derive(Debug)]
pub(super) struct Reader {
    follow: Follow,
    /// What was read and not written yet.
    batch: vec::IntoIter<Followed>,
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
            follow: shared.journal.follow(position),
            batch: Vec::new().into_iter(),
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
                batch = self.follow.next() => match batch {
                    Ok(batch) => self.batch = batch.into_iter(),
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
        while piece.len() < PIECE_BYTES
            && let Some(Followed { position, place, entry, .. }) = self.batch.next()
        {
            self.place = position;
            if self.filter.admits(&place, event_type(&entry.fact)) {
                let position = position.to_string();
                self.format.write(&mut piece, Some(&position), &write_event(&place, &position, &entry));
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
