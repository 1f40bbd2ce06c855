//! One run of a lane: some events of one conversation, posted one after the other until one fails.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Webhook;
use crate::domain::id::{ConversationId, Sequence};
use crate::domain::time::UnixTime;
use crate::journal::{Followed, Journal, JournalError};
use crate::metrics::Metrics;
use crate::wire::{event_type, write_event};

use super::lane::End;
use super::post::{DELIVERED, Post};

/// Events that one run reads and posts at most; then others have their turn.
const RUN_EVENTS_MAX: usize = 16;

/// What a run needs.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) webhook: Arc<Webhook>,
    pub(super) post: Arc<dyn Post>,
    pub(super) journal: Journal,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) cut: CancellationToken,
}

/// Which events to post.
pub(super) struct Run {
    pub(super) conversation: ConversationId,
    /// The first.
    pub(super) next: Sequence,
    /// The last; none: the conversation's last.
    pub(super) through: Option<Sequence>,
    /// The first event, where it is at hand.
    pub(super) event: Option<Box<Followed>>,
}

/// How far a run came.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) conversation: ConversationId,
    /// Everything before it is delivered, or not for this endpoint.
    pub(super) next: Sequence,
    /// When the last event happened that was looked at.
    pub(super) at: Option<UnixTime>,
    pub(super) end: End,
}

/// A run that is under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) conversation: ConversationId,
    pub(super) next: Sequence,
    pub(super) task: JoinHandle<Ran>,
}

impl Future for Running {
    type Output = Ran;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ran> {
        let Self { conversation, next, .. } = *self;
        // A run that panics is a fault of usher's, told where panics are; it counts as one that could not read.
        let panicked = |_| Ran { conversation, next, at: None, end: End::Unread };
        Pin::new(&mut self.task).poll(context).map(|ran| ran.unwrap_or_else(panicked))
    }
}

impl Runner {
    pub(super) async fn run(self, run: Run) -> Ran {
        let mut ran = Ran { conversation: run.conversation, next: run.next, at: None, end: End::Interrupted };
        let cut = self.cut.clone();
        tokio::select! {
            () = cut.cancelled() => {}
            () = self.deliver(run, &mut ran) => {}
        }
        ran
    }

    async fn deliver(&self, run: Run, ran: &mut Ran) {
        let Run { through, .. } = run;
        let events = match self.events(run).await {
            Ok(events) => events,
            Err(error) => {
                let (endpoint, conversation) = (&self.webhook.id, ran.conversation);
                tracing::warn!(%endpoint, %conversation, %error, "events to deliver can't be read");
                ran.end = End::Unread;
                return;
            }
        };
        let is_past = |sequence| through.is_some_and(|through| sequence > through);
        if events.is_empty() {
            // Nothing is there any more, or not yet.
            ran.next = through.map_or(ran.next, |through| ran.next.max(through.next()));
            ran.end = End::Through;
            return;
        }
        for Followed { position, place, entry, .. } in events {
            if is_past(entry.sequence) {
                break;
            }
            ran.at = Some(entry.at);
            if self.webhook.admits(&place.tenant, event_type(&entry.fact)) {
                let id = format!("{}/{}", place.id, entry.sequence);
                let body = write_event(&place, &position.to_string(), &entry);
                let tried_at = self.clock.now();
                let posted = self.post.post(&id, body).await;
                let result = posted.as_ref().map_or_else(|failed| failed.result, |()| DELIVERED);
                self.metrics.webhooks.posted(&self.webhook.id, result);
                if let Err(failed) = posted {
                    ran.end = End::Failed(failed, tried_at);
                    return;
                }
            }
            ran.next = entry.sequence.next();
        }
        ran.end = if is_past(ran.next) { End::Through } else { End::More };
    }

    async fn events(&self, run: Run) -> Result<Vec<Followed>, JournalError> {
        match run.event {
            Some(event) if event.entry.sequence == run.next => Ok(vec![*event]),
            _ => self.journal.history(run.conversation, run.next.before(), RUN_EVENTS_MAX).await,
        }
    }
}
