//! The first frame: `start` begins a conversation, `resume` comes back to one.

use crate::wire::{ClientFrame, Close, ErrorCode, FrameFault, Limits};

use super::connection::{Connection, End, Next};
use super::frame_bytes;
use super::member::Member;
use super::rates::about;
use super::refused::Refused;
use super::session::Session;

/// What a first frame led to, where the connection goes on.
pub(super) enum Tried {
    /// The widget is in a conversation.
    Joined(Member),
    /// It may try again on this socket.
    Again(Refused),
    /// It has to go.
    Refused(Refused),
}

impl Session {
    /// Serves frames until one has brought the widget into a conversation.
    pub(super) async fn join(&mut self, connection: &mut Connection) -> Result<Member, End> {
        loop {
            let tried = match connection.next().await? {
                Next::Frame(frame) => self.try_frame(connection, &frame).await?,
                Next::Control { kind } => match self.count_first_frame(kind) {
                    Ok(()) => continue,
                    Err(refused) => Tried::Refused(refused),
                },
                // Nothing has to be replayed to a socket that is in no conversation yet.
                Next::Replay { .. } => continue,
            };
            match tried {
                Tried::Joined(member) => return Ok(member),
                Tried::Again(refused) => self.refuse(connection, refused).await?,
                Tried::Refused(refused) => {
                    let close = refused.first_frame_close();
                    self.refuse(connection, refused).await?;
                    return Err(End::Close(close));
                }
            }
        }
    }

    async fn try_frame(&mut self, connection: &mut Connection, frame: &str) -> Result<Tried, End> {
        let frame = ClientFrame::parse(frame);
        let counted = self.count_first_frame(about(&frame));
        Ok(match (frame, counted) {
            (Err(FrameFault::NotAnObject), _) => return Err(End::Close(Close::NotAnObject)),
            (_, Err(refused)) => Tried::Refused(refused),
            (Ok(ClientFrame::Start(start)), Ok(())) => self.start(connection, start).await?,
            (Ok(ClientFrame::Resume(resume)), Ok(())) => self.resume(connection, resume).await?,
            (Ok(other), Ok(())) => {
                let message = format!("{} came before start or resume", other.kind());
                Tried::Again(Refused::violation(ErrorCode::OutOfOrder, message, other.about()))
            }
            (Err(fault), Ok(())) => Tried::Again(Refused::fault(fault)),
        })
    }

    pub(super) fn limits(&self) -> Limits {
        let limits = &self.gateway.limits;
        Limits {
            message_characters: limits.message_characters,
            frame_bytes: frame_bytes(&self.entrance.tenant),
            messages_per_minute: limits.messages_per_minute,
            ping_seconds: limits.ping.as_secs(),
        }
    }
}
