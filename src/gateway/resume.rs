//! `resume`, and every `start` that takes up what was begun before.

use std::sync::Arc;

use crate::conversations::{Claim, Live, NotVisited, Visit, Visited};
use crate::domain::conversation::{Credential, NotAdmitted};
use crate::domain::id::{ConversationId, Sequence};
use crate::wire::{AuthenticationView, ContextView, ErrorCode, Limits, ResumeFrame, ServerFrame};

use super::authenticate::judge;
use super::connection::{Connection, End};
use super::first_frame::Tried;
use super::member::Member;
use super::refused::Refused;
use super::replay::{Past, storage_end};
use super::session::Session;

/// What every refusal of a `resume` says: a conversation elsewhere must not be told from none.
const UNKNOWN: &str = "there is no such conversation here, or the resume_token is another's";

/// How a conversation is asked for, whichever frame does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) claim: Claim<'a>,
    pub(super) after: Option<Sequence>,
    /// The frame's type.
    pub(super) about: &'static str,
}

impl Session {
    pub(super) async fn resume(
        &mut self,
        connection: &mut Connection,
        frame: ResumeFrame<'_>,
    ) -> Result<Tried, End> {
        let Ok(id) = frame.conversation.parse::<ConversationId>() else {
            return Ok(Tried::Refused(unknown("resume")));
        };
        let live = self.gateway.conversations.get(id);
        let claim = Claim::ResumeToken(&frame.resume_token);
        let asked = Asked { claim, after: frame.after, about: "resume" };
        self.take_up(connection, &live, asked, frame.token.as_deref()).await
    }

    /// Takes up a conversation: place and claim are judged before the token.
    pub(super) async fn take_up(
        &mut self,
        connection: &mut Connection,
        live: &Arc<Live>,
        asked: Asked<'_>,
        token: Option<&str>,
    ) -> Result<Tried, End> {
        if let Err(not_visited) = self.visit(live, asked).knock().await {
            return Ok(refuse(&not_visited, asked.about));
        }
        if self.reads(token)
            && let Err(refused) = self.count_authentication(live, asked.about)
        {
            return Ok(Tried::Refused(refused));
        }
        let credential = connection.attend_while(judge(&self.gateway, &self.entrance, token)).await?;
        match self.enter(live, asked, credential).await {
            Ok(visited) => self.show(connection, visited, asked.after).await,
            Err(not_visited) => Ok(refuse(&not_visited, asked.about)),
        }
    }

    fn visit<'v>(&'v self, live: &'v Arc<Live>, asked: Asked<'v>) -> Visit<'v> {
        Visit {
            conversations: &self.gateway.conversations,
            live,
            tenant: &self.entrance.tenant.id,
            widget: &self.entrance.widget_id,
            mode: self.mode(),
            expired_for: self.gateway.resume_expired_for,
            claim: asked.claim,
        }
    }

    /// Comes in with a token that was judged, or without one.
    pub(super) async fn enter(
        &mut self,
        live: &Arc<Live>,
        asked: Asked<'_>,
        credential: Credential,
    ) -> Result<Visited, NotVisited> {
        let mut socket = self.socket.take();
        let entered = self.visit(live, asked).enter(credential, asked.after, &mut socket).await;
        self.socket = socket;
        if let Ok(visited) = &entered {
            self.member = Some(Member { live: visited.live.clone(), socket: visited.socket });
        }
        entered
    }

    /// Shows the conversation as it stood when the socket joined, its past, and what has happened since.
    pub(super) async fn show(
        &self,
        connection: &mut Connection,
        visited: Visited,
        after: Option<Sequence>,
    ) -> Result<Tried, End> {
        let journal = &self.gateway.journal;
        let past = Past::survey(journal, visited.live.id(), after, visited.sequence).await;
        let past = past.map_err(|error| storage_end(&error))?;
        connection.send(resumed(&visited, &past, self.limits()).to_json().into()).await?;
        let member = Member { live: visited.live, socket: visited.socket };
        self.replay(connection, &member, past).await?;
        Ok(Tried::Joined(member))
    }
}

fn resumed<'v>(visited: &'v Visited, past: &Past, limits: Limits) -> ServerFrame<'v> {
    ServerFrame::Resumed {
        conversation: visited.live.id().to_string(),
        resume_token: &visited.resume_token,
        sequence: visited.sequence.get(),
        authentication: AuthenticationView::from(&visited.authentication),
        queue: &visited.assignment.queue,
        agent: visited.assignment.agent.as_deref(),
        context: ContextView(&visited.report),
        limits,
        replayed: past.frames(),
        truncated: past.is_truncated(),
    }
}

fn unknown(about: &str) -> Refused {
    Refused::protocol(ErrorCode::UnknownConversation, UNKNOWN.to_owned(), about)
}

/// What a visitor is told who did not come in.
pub(super) fn refuse(not_visited: &NotVisited, about: &str) -> Tried {
    match not_visited {
        NotVisited::Unknown => Tried::Refused(unknown(about)),
        NotVisited::NotAdmitted { why, may_try_again } => {
            let refused = match why {
                NotAdmitted::AuthenticationRequired => Refused::authentication_required(about),
                NotAdmitted::SubjectMismatch => Refused::subject_mismatch(about),
                NotAdmitted::Refused(refusal) => Refused::token(refusal, about),
            };
            if *may_try_again { Tried::Again(refused) } else { Tried::Refused(refused) }
        }
        NotVisited::PastTheEnd => {
            let message = "after lies past the conversation's last entry".to_owned();
            Tried::Again(Refused::violation(ErrorCode::BadFrame, message, about))
        }
        NotVisited::Command(error) => Tried::Refused(Refused::command(*error, about)),
    }
}
