//! The past of a conversation, read from the journal as fast as the socket takes it.

use crate::domain::conversation::{Authentication, Entry, Fact};
use crate::domain::id::{ConversationId, Sequence};
use crate::journal::{Journal, JournalError};
use crate::wire::{Close, replayed_frame};

use super::connection::{Connection, End};
use super::member::{Member, lock};
use super::refused::STORAGE_RETRY;

/// Frames replayed to a widget that doesn't say what it has seen.
const NEWEST_FRAMES: usize = 1000;
/// Entries read at once.
const PAGE: usize = 256;

/// Which part of the past a socket is to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past {
    after: Sequence,
    frames: u64,
    truncated: bool,
}

impl Past {
    /// Everything after `after` up to `until`, or the newest 1000 frames where the widget doesn't say.
    ///
    /// # Errors
    /// Where the journal can't be read.
    pub(super) async fn survey(
        journal: &Journal,
        id: ConversationId,
        after: Option<Sequence>,
        until: Sequence,
    ) -> Result<Self, JournalError> {
        if let Some(after) = after {
            let frames = frames_within(journal, id, after, until).await?.len() as u64;
            return Ok(Self { after, frames, truncated: false });
        }
        let mut window = NEWEST_FRAMES as u64 + 1;
        loop {
            let start = Sequence::new(until.get().saturating_sub(window));
            let frames = frames_within(journal, id, start, until).await?;
            if let Some(surplus) = frames.len().checked_sub(NEWEST_FRAMES + 1) {
                return Ok(Self { after: frames[surplus], frames: NEWEST_FRAMES as u64, truncated: true });
            }
            if start == Sequence::START {
                return Ok(Self { after: start, frames: frames.len() as u64, truncated: false });
            }
            window *= 2;
        }
    }

    /// Everything after `after`, to a socket that was told already what is to come.
    pub(super) const fn after(after: Sequence) -> Self {
        Self { after, frames: 0, truncated: false }
    }

    /// How many frames of the past follow.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether there were more.
    pub(super) const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Sends the past, then what has happened meanwhile, each once, until the socket can go live.
    ///
    /// # Errors
    /// The connection's end; the conversation's, where that has ended.
    pub(super) async fn replay(
        self,
        journal: &Journal,
        connection: &mut Connection,
        member: &Member,
        for_signed_in: bool,
    ) -> Result<(), End> {
        let mut seen = self.after;
        loop {
            let page =
                journal.read(member.live.id(), seen, PAGE).await.map_err(|error| storage_end(&error))?;
            let entries = page.map(|page| page.entries).unwrap_or_default();
            if let Some((_, last)) = entries.last() {
                learn_up_to(member, last.sequence).await?;
            }
            for (_, entry) in &entries {
                connection.attend().await?;
                if for_signed_in && waits(member, entry, seen).await? {
                    return Ok(());
                }
                seen = entry.sequence;
                if let Some(frame) = replayed_frame(entry) {
                    connection.send(frame.to_json().into()).await?;
                }
                if matches!(entry.fact, Fact::Ended(_)) {
                    return Err(End::Close(Close::Ended));
                }
            }
            if entries.len() < PAGE
                && let Some(authentication) = go_live(member, seen).await?
            {
                return connection.expect_end_of(&authentication).await;
            }
        }
    }
}

/// Another node may have stored what is about to be shown: then this socket may have to wait, or to go.
async fn learn_up_to(member: &Member, last: Sequence) -> Result<(), End> {
    let mut locked = lock(&member.live).await.map_err(|_| close_for_storage())?;
    locked.learn_up_to(last).await.map_err(|_| close_for_storage())
}

/// Goes live where nothing has come since: the state of authentication at that moment.
async fn go_live(member: &Member, seen: Sequence) -> Result<Option<Authentication>, End> {
    let mut locked = lock(&member.live).await.map_err(|_| close_for_storage())?;
    let conversation = locked.conversation();
    if conversation.sequence() > seen {
        return Ok(None);
    }
    if !conversation.is_open() {
        return Err(End::Close(Close::Ended));
    }
    let authentication = conversation.authentication().clone();
    locked.go_live(member.socket, seen);
    Ok(Some(authentication))
}

/// Whether the customer was downgraded meanwhile and this has to wait for the next sign-in; then the socket does.
async fn waits(member: &Member, entry: &Entry, seen: Sequence) -> Result<bool, End> {
    if entry.authentication.is_authenticated() {
        return Ok(false);
    }
    let mut locked = lock(&member.live).await.map_err(|_| close_for_storage())?;
    let is_withheld = locked.conversation().withholds(entry);
    if is_withheld {
        locked.wait_for_sign_in(member.socket, seen);
    }
    Ok(is_withheld)
}

/// The places of the frames after `after` up to `until`.
async fn frames_within(
    journal: &Journal,
    id: ConversationId,
    after: Sequence,
    until: Sequence,
) -> Result<Vec<Sequence>, JournalError> {
    let (mut seen, mut frames) = (after, Vec::new());
    while seen < until {
        let Some(page) = journal.read(id, seen, PAGE).await? else { break };
        let Some((_, last)) = page.entries.last() else { break };
        seen = last.sequence;
        let within = page.entries.iter().map(|(_, entry)| entry).filter(|entry| entry.sequence <= until);
        frames.extend(within.filter(|entry| replayed_frame(entry).is_some()).map(|entry| entry.sequence));
    }
    Ok(frames)
}

/// The end of a connection whose conversation can't be read.
pub(super) fn storage_end(error: &JournalError) -> End {
    tracing::warn!(%error, "a replay could not be read");
    close_for_storage()
}

const fn close_for_storage() -> End {
    End::Close(Close::StorageUnavailable { retry_after: STORAGE_RETRY })
}
