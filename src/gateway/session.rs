//! One connection's story in order: the first frame, the conversation, the end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use hyper::upgrade::Upgraded;

use crate::config::AuthenticationMode;
use crate::conversations::{CommandError, Live, Locked, Socket, SocketId, random};
use crate::domain::conversation::{
    Author, EndedBy, Event, InvalidTransition, MessageId, MessageText, NewMessage, TextRefused,
};
use crate::domain::token::{Reason, Refusal};
use crate::wire::{ClientFrame, Close, ErrorCode, ErrorFrame, FrameFault, Rfc3339, ServerFrame};

use super::connection::{Connection, End};
use super::entrance::Entrance;
use super::websocket::WebSocket;
use super::{Gateway, frame_bytes};

/// Violations of the protocol that a connection survives; at the next one it is closed.
const VIOLATIONS_MAX: u8 = 9;
/// How long to wait before asking a journal again that did not answer.
pub(super) const STORAGE_RETRY: std::time::Duration = std::time::Duration::from_secs(1);

/// Everything that one connection's task owns, but the connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) gateway: Arc<Gateway>,
    pub(super) entrance: Entrance,
    /// The socket, until it has joined a conversation.
    pub(super) socket: Option<Socket>,
    /// Where it has joined one.
    pub(super) member: Option<Member>,
    violations: u8,
}

/// A socket's place in a conversation, given up when the session ends.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) live: Arc<Live>,
    pub(super) socket: SocketId,
}

/// A frame that was not served.
#[derive(Debug)]
pub(super) struct Refused {
    error: Box<ErrorFrame>,
    violation: bool,
}

/// Serves a connection until its end. A panic ends this session alone, and is counted.
pub(super) async fn run(session: Session, upgraded: Upgraded) {
    let gateway = session.gateway.clone();
    let story = AssertUnwindSafe(live_through(session, upgraded)).catch_unwind();
    let code = story.await.unwrap_or_else(|_| {
        gateway.metrics.session_panics.inc();
        tracing::error!("a session ended in a panic, which is a fault of usher itself");
        Close::Internal.code()
    });
    gateway.metrics.connection_closed(code);
}

async fn live_through(mut session: Session, upgraded: Upgraded) -> u16 {
    let websocket = WebSocket::new(upgraded, frame_bytes(&session.entrance.tenant)).await;
    let (mut connection, socket) = Connection::new(session.gateway.clone(), websocket);
    let required = session.entrance.widget().authentication == AuthenticationMode::Required;
    session.socket = Some(socket.for_signed_in(required));
    let Err(end) = session.converse(&mut connection).await;
    if let Some(Member { live, socket }) = session.member.take() {
        live.leave(socket).await;
    }
    connection.finish(end).await
}

impl Session {
    pub(super) const fn new(gateway: Arc<Gateway>, entrance: Entrance) -> Self {
        Self { gateway, entrance, socket: None, member: None, violations: 0 }
    }

    async fn converse(&mut self, connection: &mut Connection) -> Result<Infallible, End> {
        let member = self.join(connection).await?;
        loop {
            let frame = connection.next_frame().await?;
            let served = match ClientFrame::parse(&frame) {
                Ok(frame) => self.serve(connection, &member, frame).await?,
                Err(FrameFault::NotAnObject) => return Err(End::Close(Close::NotAnObject)),
                Err(fault) => Err(Refused::fault(fault)),
            };
            if let Err(refused) = served {
                self.refuse(connection, refused).await?;
            }
        }
    }

    /// Serves one frame of a widget that is in a conversation.
    async fn serve(
        &self,
        connection: &mut Connection,
        member: &Member,
        frame: ClientFrame<'_>,
    ) -> Result<Result<(), Refused>, End> {
        let kind = frame.kind();
        let event = match frame {
            ClientFrame::Start(_) | ClientFrame::Resume(_) => {
                let message = format!("{kind} came already on this connection");
                return Ok(Err(Refused::violation(ErrorCode::OutOfOrder, message, kind)));
            }
            ClientFrame::Typing => {
                return Ok(self.typing(member).await);
            }
            ClientFrame::End => Event::End { by: EndedBy::Customer, reason: None },
            ClientFrame::Message { id, text } => match self.message(id, &text) {
                Ok(event) => event,
                Err(refused) => return Ok(Err(refused)),
            },
        };
        let about = match &event {
            Event::Message(message) => message.id.as_str(),
            _ => kind,
        };
        match self.execute(member, &event).await {
            Ok(()) => Ok(Ok(())),
            Err(CommandError::Refused(InvalidTransition::AlreadyStored { sequence, at })) => {
                let accepted = ServerFrame::Accepted { id: about, sequence: sequence.get(), at: Rfc3339(at) };
                connection.send(accepted.to_json().into()).await?;
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(Refused::command(error, about))),
        }
    }

    async fn execute(&self, member: &Member, event: &Event) -> Result<(), CommandError> {
        let mut locked = lock(&member.live).await?;
        locked.execute(event, Some(member.socket)).await.map(|_| ())
    }

    async fn typing(&self, member: &Member) -> Result<(), Refused> {
        let mut locked = lock(&member.live).await.map_err(|error| Refused::command(error, "typing"))?;
        locked.typing(&Author::Customer, Some(member.socket));
        Ok(())
    }

    fn message(&self, id: MessageId, text: &str) -> Result<Event, Refused> {
        let characters_max = self.gateway.limits.message_characters;
        let text = MessageText::new(text, characters_max).map_err(|refused| match refused {
            TextRefused::Blank => Refused::violation(
                ErrorCode::BadFrame,
                "text is empty or only white space".to_owned(),
                id.as_str(),
            ),
            TextRefused::TooLong { characters } => {
                let message = format!("text has {characters} characters, {characters_max} are taken");
                Refused::protocol(ErrorCode::MessageTooLong, message, id.as_str())
            }
        })?;
        let must_be_authenticated = self.entrance.widget().authentication == AuthenticationMode::Required;
        Ok(Event::Message(NewMessage {
            author: Author::Customer,
            id,
            text,
            name: None,
            must_be_authenticated,
        }))
    }

    /// Tells the widget why, and closes where it was once too often.
    pub(super) async fn refuse(&mut self, connection: &mut Connection, refused: Refused) -> Result<(), End> {
        let frame = &refused.error;
        tracing::info!(
            tenant = %self.entrance.tenant.id,
            widget = %self.entrance.widget_id,
            code = frame.code,
            correlation_id = frame.correlation_id,
            "a frame was refused"
        );
        connection.send(ServerFrame::Error(frame).to_json().into()).await?;
        if refused.violation {
            self.violations += 1;
            if self.violations > VIOLATIONS_MAX {
                return Err(End::Close(Close::Protocol));
            }
        }
        Ok(())
    }
}

/// Locks a conversation that is known to exist.
pub(super) async fn lock(live: &Arc<Live>) -> Result<Locked<'_>, CommandError> {
    live.lock().await?.ok_or(CommandError::StorageUnavailable)
}

impl Refused {
    /// A refusal that says nothing against the widget's programming.
    pub(super) fn protocol(code: ErrorCode, message: String, about: &str) -> Self {
        let error = ErrorFrame::protocol(code, message).answering(about, correlation_id());
        Self { error: Box::new(error), violation: false }
    }

    /// A violation of the protocol, of which a connection survives nine.
    pub(super) fn violation(code: ErrorCode, message: String, about: &str) -> Self {
        Self { violation: true, ..Self::protocol(code, message, about) }
    }

    pub(super) fn fault(fault: FrameFault) -> Self {
        let (code, message, about) = fault.into_parts();
        Self::violation(code, message, &about)
    }

    pub(super) fn token(refusal: &Refusal, about: &str) -> Self {
        let error = ErrorFrame::refusal(refusal).answering(about, correlation_id());
        Self { error: Box::new(error), violation: false }
    }

    /// The token was good when it was judged, and its time ran out before it was stored.
    pub(super) fn expired_meanwhile(about: &str) -> Self {
        let mut refused =
            Self::protocol(ErrorCode::AuthenticationRequired, "the token has just expired".to_owned(), about);
        refused.error.code = Reason::Expired.code();
        refused
    }

    /// What the rules or the journal said to a command.
    pub(super) fn command(error: CommandError, about: &str) -> Self {
        let (code, message) = match error {
            CommandError::StorageUnavailable => {
                (ErrorCode::StorageUnavailable, "the journal did not confirm that it is stored")
            }
            CommandError::Refused(InvalidTransition::ConversationEnded) => {
                (ErrorCode::ConversationEnded, "the conversation has ended")
            }
            CommandError::Refused(InvalidTransition::AuthenticationRequired) => {
                (ErrorCode::AuthenticationRequired, "this widget takes messages of signed-in customers only")
            }
            CommandError::Refused(InvalidTransition::SubjectMismatch) => {
                (ErrorCode::SubjectMismatch, "the token is another customer's than the conversation")
            }
            CommandError::Refused(InvalidTransition::IdConflict) => {
                (ErrorCode::IdConflict, "this id was used for another text")
            }
            CommandError::Refused(
                InvalidTransition::AlreadyStarted
                | InvalidTransition::NotStarted
                | InvalidTransition::TokenExpired
                | InvalidTransition::Unchanged
                | InvalidTransition::AlreadyStored { .. },
            ) => (ErrorCode::Internal, "the gateway asked what makes no sense here"),
        };
        let mut refused = Self::protocol(code, message.to_owned(), about);
        if code == ErrorCode::StorageUnavailable {
            refused.error.retry_after_ms = u64::try_from(STORAGE_RETRY.as_millis()).ok();
        }
        refused
    }

    /// The close that follows where this refuses a first frame.
    pub(super) fn first_frame_close(&self) -> Close {
        if self.error.temporary {
            Close::TryAgain { retry_after: self.error.retry_after_ms.map(std::time::Duration::from_millis) }
        } else {
            Close::TokenRefused
        }
    }
}

/// 64 random bits in hex: stands in the error and in the log line.
pub(super) fn correlation_id() -> String {
    format!("{:016x}", u64::from_be_bytes(random()))
}
