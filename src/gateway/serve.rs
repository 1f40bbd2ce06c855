//! The frames of a widget that is in a conversation.

use crate::conversations::{CommandError, Locked};
use crate::domain::context::Offered;
use crate::domain::conversation::{
    Author, Credential, EndedBy, Event, InvalidTransition, MessageId, MessageText, NewMessage, Reader,
    SetContext, TextRefused,
};
use crate::domain::id::Sequence;
use crate::domain::json::Object;
use crate::wire::{ClientFrame, ErrorCode, Rfc3339, ServerFrame};

use super::refused::Refused;
use super::session::{Member, Session, lock};

impl Session {
    /// Serves one frame. What answers it goes through the socket's queue, so that it comes in its order.
    pub(super) async fn serve(&self, member: &Member, frame: ClientFrame<'_>) -> Result<(), Refused> {
        let kind = frame.kind();
        match frame {
            ClientFrame::Start(_) | ClientFrame::Resume(_) => {
                let message = format!("{kind} came already on this connection");
                Err(Refused::violation(ErrorCode::OutOfOrder, message, kind))
            }
            ClientFrame::Message { id, text } => self.message(member, id, &text).await,
            ClientFrame::Typing => {
                self.locked(member, kind).await?.typing(&Author::Customer, Some(member.socket));
                Ok(())
            }
            ClientFrame::Read { sequence } => self.read(member, sequence).await,
            ClientFrame::SetContext { context } => self.set_context(member, &context).await,
            ClientFrame::SignOut => {
                let signed_out = self.locked(member, kind).await?.sign_out().await;
                signed_out.map_err(|error| Refused::command(error, kind))
            }
            ClientFrame::End => {
                let end = Event::End { by: EndedBy::Customer, reason: None };
                let ended = self.locked(member, kind).await?.execute(&end, Some(member.socket)).await;
                ended.map(drop).map_err(|error| Refused::command(error, kind))
            }
            // Both are served where the connection is at hand.
            ClientFrame::Authenticate { .. } | ClientFrame::Ping => Ok(()),
        }
    }

    async fn locked<'m>(&self, member: &'m Member, about: &str) -> Result<Locked<'m>, Refused> {
        lock(&member.live).await.map_err(|error| Refused::command(error, about))
    }

    /// Signs in with a token that was judged.
    pub(super) async fn authenticate(&self, member: &Member, credential: Credential) -> Result<(), Refused> {
        const ABOUT: &str = "authenticate";
        let customer = match credential {
            Credential::Valid(customer) => customer,
            Credential::Refused(refusal) => return Err(Refused::token(&refusal, ABOUT)),
            Credential::Absent => {
                let message = "this widget takes no tokens".to_owned();
                return Err(Refused::protocol(ErrorCode::NotEnabled, message, ABOUT));
            }
        };
        let signed_in = self.locked(member, ABOUT).await?.sign_in(customer, member.socket).await;
        signed_in.map_err(|error| Refused::command(error, ABOUT))
    }

    async fn message(&self, member: &Member, id: MessageId, text: &str) -> Result<(), Refused> {
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
        let must_be_authenticated = self.is_for_signed_in();
        let message = NewMessage { author: Author::Customer, id, text, name: None, must_be_authenticated };
        let event = Event::Message(message);
        let about = match &event {
            Event::Message(message) => message.id.as_str(),
            _ => "message",
        };
        let mut locked = self.locked(member, about).await?;
        match locked.execute(&event, Some(member.socket)).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused(InvalidTransition::AlreadyStored { sequence, at })) => {
                let (sequence, at) = (sequence.get(), Rfc3339(at));
                locked.answer(member.socket, &ServerFrame::Accepted { id: about, sequence, at });
                Ok(())
            }
            Err(error) => Err(Refused::command(error, about)),
        }
    }

    async fn read(&self, member: &Member, up_to: Sequence) -> Result<(), Refused> {
        let read = self.locked(member, "read").await?.read(Reader::Customer, up_to).await;
        read.map_err(|error| Refused::command(error, "read"))
    }

    async fn set_context(&self, member: &Member, context: &Object<'_>) -> Result<(), Refused> {
        let offered = Offered::read(context, &self.entrance.tenant.policy.context);
        let set = SetContext { offered, must_be_authenticated: self.is_for_signed_in() };
        let set = self.locked(member, "set_context").await?.set_context(set, member.socket).await;
        set.map_err(|error| Refused::command(error, "set_context"))
    }
}
