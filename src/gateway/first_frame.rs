//! The first frame: `start` begins a conversation, `resume` comes back to one.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::{AuthenticationMode, InvalidToken};
use crate::conversations::{Begun, CommandError, Live, Locked};
use crate::domain::context::ContextReport;
use crate::domain::conversation::{
    Admission, Assignment, Authentication, Credential, Event, Fact, InvalidTransition, NotAdmitted, Start,
};
use crate::domain::id::{ConversationId, Sequence};
use crate::wire::{
    AuthenticationView, ClientFrame, Close, ContextView, ErrorCode, FrameFault, Limits, ResumeFrame,
    ServerFrame, StartFrame,
};

use super::authenticate::authenticate;
use super::connection::{Connection, End};
use super::frame_bytes;
use super::replay::{Past, storage_end};
use super::session::{Member, Refused, Session};

/// What a first frame led to, where the connection goes on.
pub(super) enum Tried {
    /// The widget is in a conversation.
    Joined(Member),
    /// It may try again on this socket.
    Again(Refused),
    /// It has to go.
    Refused(Refused),
}

/// What every refusal of a `resume` says: a conversation elsewhere must not be told from none.
const UNKNOWN: &str = "there is no such conversation here, or the resume_token is another's";

impl Session {
    /// Serves frames until one has brought the widget into a conversation.
    pub(super) async fn join(&mut self, connection: &mut Connection) -> Result<Member, End> {
        loop {
            let frame = connection.next_frame().await?;
            let tried = match ClientFrame::parse(&frame) {
                Ok(ClientFrame::Start(start)) => self.start(connection, start).await?,
                Ok(ClientFrame::Resume(resume)) => self.resume(connection, resume).await?,
                Ok(other) => {
                    let message = format!("{} came before start or resume", other.kind());
                    Tried::Again(Refused::violation(ErrorCode::OutOfOrder, message, other.about()))
                }
                Err(FrameFault::NotAnObject) => return Err(End::Close(Close::NotAnObject)),
                Err(fault) => Tried::Again(Refused::fault(fault)),
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

    async fn start(&mut self, connection: &mut Connection, frame: StartFrame<'_>) -> Result<Tried, End> {
        let customer = match self.judge(frame.token.as_deref()).await {
            Credential::Valid(customer) => Some(*customer),
            Credential::Absent if self.mode() == AuthenticationMode::Required => {
                return Ok(Tried::Refused(authentication_required("start")));
            }
            Credential::Absent => None,
            Credential::Refused(refusal) => {
                let refused = Refused::token(&refusal, "start");
                if self.entrance.widget().invalid_token == InvalidToken::Refuse {
                    return Ok(Tried::Refused(refused));
                }
                self.refuse(connection, refused).await?;
                None
            }
        };
        let Some(socket) = self.socket.take() else { return Err(End::Close(Close::Internal)) };
        let (id, presented) = (socket.id(), customer.is_some());
        let queue = self.entrance.tenant.queues[0].clone();
        let mut start = Start::new(customer, queue)
            .from_page(frame.locale.map(Cow::into_owned), self.entrance.origin.clone());
        if let Some(offered) = &frame.context {
            start = start.with_context(offered, &self.entrance.tenant.policy.context);
        }
        let (tenant, widget) = (self.entrance.tenant.id.clone(), self.entrance.widget_id.clone());
        let socket = socket.having_presented(presented);
        match self.gateway.conversations.start(tenant, widget, start, socket).await {
            Ok(begun) => {
                let member = Member { live: begun.live.clone(), socket: id };
                self.member = Some(member.clone());
                connection.send(self.started(&begun).to_json().into()).await?;
                Ok(Tried::Joined(member))
            }
            Err(CommandError::Refused(InvalidTransition::TokenExpired)) => {
                Ok(Tried::Refused(Refused::expired_meanwhile("start")))
            }
            Err(error) => Ok(Tried::Refused(Refused::command(error, "start"))),
        }
    }

    fn started<'a>(&self, begun: &'a Begun) -> ServerFrame<'a> {
        let entry = &begun.record.entries()[0];
        let Fact::Started(started) = &entry.fact else {
            unreachable!("a start stores the entry `started` alone")
        };
        ServerFrame::Started {
            conversation: begun.live.id().to_string(),
            resume_token: &begun.resume_token,
            sequence: entry.sequence.get(),
            authentication: AuthenticationView::from(&entry.authentication),
            queue: &started.queue,
            context: ContextView(&started.context),
            limits: self.limits(),
        }
    }

    fn limits(&self) -> Limits {
        let limits = &self.gateway.limits;
        Limits {
            message_characters: limits.message_characters,
            frame_bytes: frame_bytes(&self.entrance.tenant),
            messages_per_minute: limits.messages_per_minute,
            ping_seconds: limits.ping.as_secs(),
        }
    }

    fn mode(&self) -> AuthenticationMode {
        self.entrance.widget().authentication
    }

    /// Judges a frame's token; where the widget is `off`, there is none.
    async fn judge(&self, token: Option<&str>) -> Credential {
        let Some(token) = token.filter(|_| self.mode() != AuthenticationMode::Off) else {
            return Credential::Absent;
        };
        match authenticate(&self.gateway, &self.entrance.tenant, token).await {
            Ok(customer) => Credential::Valid(Box::new(customer)),
            Err(refusal) => Credential::Refused(Box::new(refusal)),
        }
    }

    async fn resume(&mut self, connection: &mut Connection, frame: ResumeFrame<'_>) -> Result<Tried, End> {
        let Ok(id) = frame.conversation.parse::<ConversationId>() else {
            return Ok(Tried::Refused(unknown()));
        };
        let live = self.gateway.conversations.get(id);
        let resumed = match self.try_resume(&live, &frame).await {
            Ok(resumed) => resumed,
            Err(tried) => return Ok(tried),
        };
        let past = Past::survey(&self.gateway.journal, id, frame.after, resumed.sequence).await;
        let past = past.map_err(|error| storage_end(&error))?;
        connection.send(resumed.frame(&past, self.limits()).to_json().into()).await?;
        past.replay(&self.gateway.journal, connection, &resumed.member).await?;
        Ok(Tried::Joined(resumed.member))
    }

    /// Conversation and `resume_token` are judged before the token, and once more after it: keys may be fetched
    /// meanwhile, and the conversation isn't locked for so long.
    async fn try_resume(&mut self, live: &Arc<Live>, frame: &ResumeFrame<'_>) -> Result<Resumed, Tried> {
        drop(self.find(live, frame).await?);
        let credential = self.judge(frame.token.as_deref()).await;
        let mut locked = self.find(live, frame).await?;
        let admission = self.admit(&mut locked, credential).await?;
        if frame.after.is_some_and(|after| after > locked.conversation().sequence()) {
            let message = "after lies past the conversation's last entry".to_owned();
            return Err(Tried::Again(Refused::violation(ErrorCode::BadFrame, message, "resume")));
        }
        let report = sign_in(&mut locked, admission).await?;
        let socket = self.socket.take().ok_or_else(|| Tried::Refused(no_socket()))?;
        let member = Member { live: live.clone(), socket: socket.id() };
        locked.join(socket.having_presented(report.is_some()));
        self.member = Some(member.clone());
        let conversation = locked.conversation();
        let generation = conversation.generation();
        Ok(Resumed {
            member,
            resume_token: self.gateway.conversations.resume_tokens().derive(live.id(), generation),
            sequence: conversation.sequence(),
            authentication: conversation.authentication().clone(),
            assignment: conversation.assignment().clone(),
            report: report.unwrap_or_default(),
        })
    }

    /// The conversation that a `resume` names, where it belongs to this widget and the `resume_token` holds.
    async fn find<'l>(&self, live: &'l Arc<Live>, frame: &ResumeFrame<'_>) -> Result<Locked<'l>, Tried> {
        let storage = |error| Tried::Refused(Refused::command(error, "resume"));
        let locked = live.lock().await.map_err(storage)?.ok_or_else(|| Tried::Refused(unknown()))?;
        let conversation = locked.conversation();
        let place = conversation.place();
        let here = place.tenant == self.entrance.tenant.id && place.widget == self.entrance.widget_id;
        let tokens = self.gateway.conversations.resume_tokens();
        let known = tokens.holds(&frame.resume_token, live.id(), conversation.generation());
        let hidden = self.mode() == AuthenticationMode::Off && conversation.identity().is_some();
        if here && known && !hidden { Ok(locked) } else { Err(Tried::Refused(unknown())) }
    }

    /// Judges whether a resume is let in. What is due has happened before.
    async fn admit(&self, locked: &mut Locked<'_>, credential: Credential) -> Result<Admission, Tried> {
        if let Err(error) = locked.execute(&Event::Deadline, None).await {
            return Err(Tried::Refused(Refused::command(error, "resume")));
        }
        let token_required = self.mode() == AuthenticationMode::Required;
        let (now, expired_for) = (self.gateway.clock.now(), self.gateway.resume_expired_for);
        let admitted = locked.conversation().admit(now, credential, token_required, expired_for);
        admitted.map_err(|not_admitted| {
            let refused = not_admitted_refusal(&not_admitted);
            let may_try_again = !token_required && locked.conversation().identity().is_some();
            if may_try_again { Tried::Again(refused) } else { Tried::Refused(refused) }
        })
    }
}

/// Signs in where the resume brought a valid token: then what became of its variables is returned.
async fn sign_in(locked: &mut Locked<'_>, admission: Admission) -> Result<Option<ContextReport>, Tried> {
    let Admission::SigningIn(customer) = admission else { return Ok(None) };
    let report = customer.context().clone();
    match locked.execute(&Event::SignIn(customer), None).await {
        Ok(_) | Err(CommandError::Refused(InvalidTransition::Unchanged)) => Ok(Some(report)),
        Err(CommandError::Refused(InvalidTransition::TokenExpired)) => {
            Err(Tried::Again(Refused::expired_meanwhile("resume")))
        }
        Err(error) => Err(Tried::Refused(Refused::command(error, "resume"))),
    }
}

/// What `resumed` tells, as it stood when the socket joined.
struct Resumed {
    member: Member,
    resume_token: String,
    sequence: Sequence,
    authentication: Authentication,
    assignment: Assignment,
    report: ContextReport,
}

impl Resumed {
    fn frame(&self, past: &Past, limits: Limits) -> ServerFrame<'_> {
        ServerFrame::Resumed {
            conversation: self.member.live.id().to_string(),
            resume_token: &self.resume_token,
            sequence: self.sequence.get(),
            authentication: AuthenticationView::from(&self.authentication),
            queue: &self.assignment.queue,
            agent: self.assignment.agent.as_deref(),
            context: ContextView(&self.report),
            limits,
            replayed: past.frames(),
            truncated: past.is_truncated(),
        }
    }
}

fn unknown() -> Refused {
    Refused::protocol(ErrorCode::UnknownConversation, UNKNOWN.to_owned(), "resume")
}

fn no_socket() -> Refused {
    Refused::protocol(ErrorCode::Internal, "the socket is in a conversation already".to_owned(), "resume")
}

fn authentication_required(about: &str) -> Refused {
    let message = "this needs a valid token, and none came with it".to_owned();
    Refused::protocol(ErrorCode::AuthenticationRequired, message, about)
}

fn not_admitted_refusal(not_admitted: &NotAdmitted) -> Refused {
    match not_admitted {
        NotAdmitted::AuthenticationRequired => authentication_required("resume"),
        NotAdmitted::SubjectMismatch => {
            let message = "the token is another customer's than the conversation".to_owned();
            Refused::protocol(ErrorCode::SubjectMismatch, message, "resume")
        }
        NotAdmitted::Refused(refusal) => Refused::token(refusal, "resume"),
    }
}
