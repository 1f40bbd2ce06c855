//! The order in which everything happens to a conversation: decide, store, apply, tell.

use std::sync::Arc;

use crate::domain::conversation::{Conversation, Decision, Entry, Event, Fact, InvalidTransition, Settings};
use crate::domain::id::{RecordId, Sequence};
use crate::journal::{Appended, Head, Record};
use crate::metrics::Metrics;
use crate::wire::{downgrade_reason, role_name, sign_in_reason};

use super::audience::Told;
use super::live::{Locked, PAGE};
use super::{CommandError, SocketId, bar, random};

/// How often an event is decided anew because another node appended first. Each time somebody made progress.
const CONFLICTS_MAX: usize = 32;

impl Locked<'_> {
    /// Decides, stores, applies and tells. `from` is the socket that asked: it gets `accepted` where others get the
    /// message. A downgrade that is due is stored even where the event itself is refused. Nothing is returned where
    /// nothing changed.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer: then nobody was told anything.
    pub async fn execute(
        &mut self,
        event: &Event,
        from: Option<SocketId>,
    ) -> Result<Option<Arc<Record>>, CommandError> {
        let outcome = self.carry_out(event, from, |_| true).await;
        if let Ok(Some(record)) = &outcome
            && record.entries().iter().any(authenticates)
        {
            // A revocation that came while the entry was being stored was not known when it was decided. Should this
            // not be stored now, it comes first in whatever follows.
            let _ = Box::pin(self.carry_out(&Event::Deadline, None, |_| true)).await;
        }
        outcome
    }

    /// The same, showing the conversation to `before` just before each decision; the last is the one that is stored.
    /// Nothing happens where `before` says no: what the event was for may be gone after another node's entry.
    pub(super) async fn carry_out(
        &mut self,
        event: &Event,
        from: Option<SocketId>,
        mut before: impl FnMut(&Conversation) -> bool + Send,
    ) -> Result<Option<Arc<Record>>, CommandError> {
        for _ in 0..CONFLICTS_MAX {
            if !before(self.conversation()) {
                return Ok(None);
            }
            let (decided, refused) = self.decide(event);
            let stored = if decided.entries.is_empty() {
                None
            } else {
                let Some(record) = self.store(decided, from).await? else { continue };
                Some(record)
            };
            return match refused {
                Some(refusal) => Err(CommandError::Refused(refusal)),
                None => Ok(stored),
            };
        }
        Err(CommandError::StorageUnavailable)
    }

    /// What is to be stored, and the rules' refusal: then only what is due anyway.
    fn decide(&self, event: &Event) -> (Decision, Option<InvalidTransition>) {
        let shared = self.live.shared();
        let (now, conversation) = (shared.clock.now(), self.conversation());
        let tenant = &conversation.place().tenant;
        let (revocations, queues) = (shared.in_force.of(tenant), shared.routing.of(tenant));
        let settings = Settings { revocations: &revocations, queues: &queues };
        match conversation.decide(now, settings, event) {
            Ok(decided) => (decided, None),
            Err(refusal) => {
                let due = conversation.decide(now, settings, &Event::Deadline);
                (due.unwrap_or_default(), Some(refusal))
            }
        }
    }

    /// Stores entries as one record, then applies and tells them. Nothing is returned after a conflict: the state
    /// is then that of the journal, and the event has to be decided anew.
    async fn store(
        &mut self,
        Decision { entries, failed }: Decision,
        from: Option<SocketId>,
    ) -> Result<Option<Arc<Record>>, CommandError> {
        let record =
            Record::new(RecordId::new(random()), entries).expect("a decision is 1 to 4 entries in a row");
        let record = Arc::new(record);
        let (place, head) = (self.conversation().place().clone(), self.state().head);
        let journal = self.live.shared().journal.clone();
        let stored = match journal.append(&place, head, &record).await {
            Appended::Stored(head) => {
                self.take(record.entries(), head, from);
                Ok(Some(record))
            }
            Appended::Conflict => {
                // Boxed, as is all that is rare here: every session would hold the room for it.
                Box::pin(self.catch_up(None, from)).await?;
                Ok(None)
            }
            Appended::Unknown => {
                // Nobody is told anything before the tail was read: the record may lie there or not.
                let found = Box::pin(self.catch_up(Some(record.id()), from)).await?;
                if found { Ok(Some(record)) } else { Err(CommandError::StorageUnavailable) }
            }
        };
        if let Ok(Some(_)) = stored {
            for rule in &failed {
                self.live.shared().metrics.queue_rule_failed(&place.tenant, rule);
            }
        }
        stored
    }

    /// Reads, applies and tells what other nodes have stored, where this state ends before `sequence`: nobody is shown
    /// an entry before it was asked who may see it.
    ///
    /// # Errors
    /// The journal can't be read.
    pub async fn learn_up_to(&mut self, sequence: Sequence) -> Result<(), CommandError> {
        if self.conversation().sequence() < sequence { self.catch_up_with_journal().await } else { Ok(()) }
    }

    /// Reads, applies and tells what other nodes have stored, and what is noted beside the journal's entries.
    pub(super) async fn catch_up_with_journal(&mut self) -> Result<(), CommandError> {
        self.catch_up(None, None).await?;
        let journal = self.live.shared().journal.clone();
        bar::recall(&journal, &mut self.state_mut().conversation).await
    }

    /// Reads, applies and tells what the journal has beyond this state; whether a record of this id is among it.
    async fn catch_up(
        &mut self,
        record: Option<RecordId>,
        from: Option<SocketId>,
    ) -> Result<bool, CommandError> {
        let journal = self.live.shared().journal.clone();
        let mut found = false;
        loop {
            let after = self.conversation().sequence();
            let page = journal
                .read(self.live.id(), after, PAGE)
                .await
                .map_err(|_| CommandError::StorageUnavailable)?;
            let Some(page) = page else { return Ok(found) };
            for (id, entry) in &page.entries {
                let ours = Some(*id) == record;
                found |= ours;
                self.take(std::slice::from_ref(entry), page.head, from.filter(|_| ours));
            }
            if page.entries.len() < PAGE {
                return Ok(found);
            }
        }
    }

    /// Applies stored entries and tells the sockets.
    fn take(&mut self, entries: &[Entry], head: Head, from: Option<SocketId>) {
        let shared = self.live.shared().clone();
        let state = self.state_mut();
        state.head = head;
        for entry in entries {
            let generation = state.conversation.generation();
            if from.is_some() && matches!(entry.fact, Fact::Context(_)) {
                state.answer_offer(Some(entry.sequence));
            }
            state.conversation.apply(entry);
            count(&shared.metrics, entry);
            let fresh_token = (state.conversation.generation() != generation)
                .then(|| shared.resume_tokens.derive(state.conversation.place().id, generation + 1));
            let withheld = state.conversation.withholds(entry);
            state.audience.tell(entry, Told { from, fresh_token: fresh_token.as_deref(), withheld });
        }
    }
}

const fn authenticates(entry: &Entry) -> bool {
    entry.authentication.is_authenticated() && matches!(entry.fact, Fact::Started(_) | Fact::Authenticated(_))
}

fn count(metrics: &Metrics, entry: &Entry) {
    match &entry.fact {
        Fact::Started(_) if entry.authentication.is_authenticated() => {
            metrics.authentication_changed(true, "token_presented");
        }
        Fact::Authenticated(signed_in) => {
            metrics.authentication_changed(true, sign_in_reason(signed_in.reason));
        }
        Fact::Downgraded(downgraded) => {
            metrics.authentication_changed(false, downgrade_reason(downgraded.reason));
        }
        Fact::Message(message) => {
            metrics.message_journaled(role_name(&message.author), message.authenticated);
        }
        _ => {}
    }
}
