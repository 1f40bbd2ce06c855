//! The frames of a widget that is in a conversation.

use crate::conversations::{CommandError, Locked, SocketId};
use crate::domain::context::Offered;
use crate::domain::conversation::{
    Author, Credential, EndedBy, Event, InvalidTransition, MessageId, MessageText, NewMessage, Reader,
    SetContext, TextRefused,
};
use crate::domain::id::Sequence;
use crate::domain::json::Object;
use crate::domain::token::VerifiedCustomer;
use crate::wire::{ClientFrame, ErrorCode, Rfc3339, ServerFrame};

use super::member::{Member, lock};
use super::refused::Refused;
use super::session::Session;

impl Session {
    /// Stores a message. What answers it goes through the socket's queue, so that it comes in its order.
    pub(super) async fn say(&self, member: &Member, id: MessageId, text: &str) -> Result<(), Refused> {
        let message = Event::Message(self.message(id, text)?);
        let said = match present(member).await {
            Ok(Some(mut locked)) => journal_message(&mut locked, &message, member.socket).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        said.map_err(|error| Refused::command(error, message_id(&message)))
    }

    /// Serves any other frame, answered the same way.
    pub(super) async fn serve(&self, member: &Member, frame: ClientFrame<'_>) -> Result<(), Refused> {
        let kind = frame.kind();
        let served = match frame {
            ClientFrame::Start(_) | ClientFrame::Resume(_) => {
                let message = format!("{kind} came already on this connection");
                return Err(Refused::violation(ErrorCode::OutOfOrder, message, kind));
            }
            ClientFrame::Message { id, text } => return self.say(member, id, &text).await,
            // Both are served where the connection is at hand.
            ClientFrame::Authenticate { .. } | ClientFrame::Ping => return Ok(()),
            ClientFrame::Typing => Served::Typing,
            ClientFrame::Read { sequence } => Served::Read(sequence),
            ClientFrame::SetContext { context } => Served::SetContext(self.context(&context)),
            ClientFrame::SignOut => Served::SignOut,
            ClientFrame::End => Served::End,
        };
        let acted = self.act(member, &served).await;
        acted.map_err(|error| Refused::command(error, kind))
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
        let acted = self.act(member, &Served::SignIn(customer)).await;
        acted.map_err(|error| Refused::command(error, ABOUT))
    }

    async fn act(&self, member: &Member, served: &Served) -> Result<(), CommandError> {
        let Some(mut locked) = present(member).await? else { return Ok(()) };
        let socket = member.socket;
        match served {
            Served::SignIn(customer) => locked.sign_in(customer.clone(), socket).await,
            Served::SetContext(set) => locked.set_context(set.clone(), socket).await,
            Served::Read(up_to) => locked.read(Reader::Customer, *up_to).await,
            Served::SignOut => locked.sign_out().await,
            Served::Typing => {
                locked.typing(&Author::Customer, Some(socket));
                Ok(())
            }
            Served::End => {
                let end = Event::End { by: EndedBy::Customer, reason: None };
                locked.execute(&end, Some(socket)).await.map(drop)
            }
        }
    }

    fn message(&self, id: MessageId, text: &str) -> Result<NewMessage, Refused> {
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
        Ok(NewMessage { author: Author::Customer, id, text, name: None, must_be_authenticated })
    }

    fn context(&self, context: &Object<'_>) -> SetContext {
        let offered = Offered::read(context, &self.entrance.tenant.policy.context);
        SetContext { offered, must_be_authenticated: self.is_for_signed_in() }
    }
}

/// What a widget wants of its conversation.
enum Served {
    SignIn(Box<VerifiedCustomer>),
    Typing,
    Read(Sequence),
    SetContext(SetContext),
    SignOut,
    End,
}

/// Locks the conversation, unless the socket was cut while its frame waited: then whoever sent it is not in it any
/// more, and is about to learn so.
async fn present(member: &Member) -> Result<Option<Locked<'_>>, CommandError> {
    let locked = lock(&member.live).await?;
    Ok(locked.has(member.socket).then_some(locked))
}

fn message_id(event: &Event) -> &str {
    match event {
        Event::Message(message) => message.id.as_str(),
        _ => "",
    }
}

/// Says something; what was stored before is accepted again.
async fn journal_message(
    locked: &mut Locked<'_>,
    event: &Event,
    socket: SocketId,
) -> Result<(), CommandError> {
    match locked.execute(event, Some(socket)).await {
        Err(CommandError::Refused(InvalidTransition::AlreadyStored { sequence, at })) => {
            let (id, sequence, at) = (message_id(event), sequence.get(), Rfc3339(at));
            locked.answer(socket, &ServerFrame::Accepted { id, sequence, at });
            Ok(())
        }
        outcome => outcome.map(drop),
    }
}
