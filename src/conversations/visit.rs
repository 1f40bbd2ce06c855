//! Coming into a conversation that has begun: whose it is, where it lies and who is asking, all under its lock.

use std::sync::Arc;
use std::time::Duration;

use crate::config::AuthenticationMode;
use crate::domain::context::ContextReport;
use crate::domain::conversation::{
    Admission, AdmissionPolicy, Assignment, Authentication, Credential, Event, InvalidTransition,
    NotAdmitted, Status,
};
use crate::domain::id::{Sequence, TenantId, WidgetId};
use crate::domain::token::{Identity, Refusal, VerifiedCustomer};

use super::live::{Live, Locked};
use super::{CommandError, Conversations, Socket, SocketId};

/// How a visitor shows to know the conversation. It is judged before any token.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// By its `resume_token`.
    ResumeToken(&'a str),
    /// By the `idempotency_key` that it was begun with, a secret as well.
    IdempotencyKey,
    /// By being its customer: the token alone has to show it.
    Identity,
}

/// Somebody who wants into a conversation.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// All conversations.
    pub conversations: &'a Conversations,
    /// The one that is asked for.
    pub live: &'a Arc<Live>,
    /// The tenant of the visitor's widget.
    pub tenant: &'a TenantId,
    /// The visitor's widget.
    pub widget: &'a WidgetId,
    /// What that widget asks of its customers.
    pub mode: AuthenticationMode,
    /// How long a token whose time is up still opens an anonymous conversation of its identity.
    pub expired_for: Duration,
    /// How the visitor knows it.
    pub claim: Claim<'a>,
}

/// A visitor who came in, and the conversation at that moment.
#[derive(Debug)]
pub struct Visited {
    /// The conversation.
    pub live: Arc<Live>,
    /// The socket that has joined it.
    pub socket: SocketId,
    /// What it is resumed with from now on.
    pub resume_token: String,
    /// Its last entry.
    pub sequence: Sequence,
    /// The state of authentication.
    pub authentication: Authentication,
    /// Queue and agent.
    pub assignment: Assignment,
    /// What became of the variables in the visitor's token.
    pub report: ContextReport,
}

/// Why a visitor did not come in. Nothing of the conversation was shown.
#[derive(Debug)]
pub enum NotVisited {
    /// There is no such conversation, here or at all, or the claim is wrong: nobody can tell which.
    Unknown,
    /// The rules about tokens.
    NotAdmitted {
        /// Which.
        why: NotAdmitted,
        /// Whether the visitor may try again with another token: the claim holds.
        may_try_again: bool,
    },
    /// The visitor says to have seen what is not there yet.
    PastTheEnd,
    /// The rules of the conversation, or the journal.
    Command(CommandError),
}

impl From<CommandError> for NotVisited {
    fn from(error: CommandError) -> Self {
        Self::Command(error)
    }
}

impl Visit<'_> {
    /// Judges place and claim, so that a token is looked at only where they hold.
    ///
    /// # Errors
    /// [`NotVisited::Unknown`], or the journal's failure.
    pub async fn knock(&self) -> Result<(), NotVisited> {
        let mut locked = self.lock().await?;
        if !self.holds(&locked) {
            // Another node may have stored what makes it hold: a first sign-in replaces the `resume_token`.
            locked.catch_up_with_journal().await?;
        }
        if self.holds(&locked) { Ok(()) } else { Err(NotVisited::Unknown) }
    }

    /// Judges everything and lets the socket in: it is taken out of `socket` then, and only then.
    ///
    /// Place and claim are judged once more, for the token may have taken its time; and by what the journal holds, for
    /// another node may have signed the customer in or out.
    ///
    /// # Errors
    /// Why the visitor is not let in.
    pub async fn enter(
        &self,
        credential: Credential,
        after: Option<Sequence>,
        socket: &mut Option<Socket>,
    ) -> Result<Visited, NotVisited> {
        let mut locked = self.lock().await?;
        locked.catch_up_with_journal().await?;
        if !self.holds(&locked) {
            return Err(NotVisited::Unknown);
        }
        locked.execute(&Event::Deadline, None).await?;
        locked.downgrade_if_unheard().await?;
        let admission = self.admit(&locked, credential)?;
        if after.is_some_and(|after| after > locked.conversation().sequence()) {
            return Err(NotVisited::PastTheEnd);
        }
        let signed_in = match admission {
            Admission::AsItStands => None,
            Admission::SigningIn(customer) => Some(self.sign_in(&mut locked, customer).await?),
        };
        self.reconnect(&mut locked).await?;
        let socket = socket.take().ok_or(CommandError::Refused(InvalidTransition::AlreadyStarted))?;
        let (identity, report) = signed_in.unzip();
        let id = socket.id();
        locked.join(socket.having_presented(identity));
        let conversation = locked.conversation();
        Ok(Visited {
            live: self.live.clone(),
            socket: id,
            resume_token: self
                .conversations
                .resume_tokens()
                .derive(self.live.id(), conversation.generation()),
            sequence: conversation.sequence(),
            authentication: conversation.authentication().clone(),
            assignment: conversation.assignment().clone(),
            report: report.unwrap_or_default(),
        })
    }

    /// Journals that somebody is there again. Should another node have let a customer sign in first meanwhile, whoever
    /// comes with nothing but the `resume_token` of before stays out.
    pub(super) async fn reconnect(&self, locked: &mut Locked<'_>) -> Result<(), NotVisited> {
        let generation = locked.conversation().generation();
        locked.reconnect().await?;
        if locked.conversation().generation() == generation {
            return Ok(());
        }
        if !self.holds(locked) {
            return Err(NotVisited::Unknown);
        }
        // Nobody can have signed in with this visit: that would have been the first one.
        self.admit(locked, Credential::Absent).map(drop)
    }

    async fn lock(&self) -> Result<Locked<'_>, NotVisited> {
        self.live.lock().await?.ok_or(NotVisited::Unknown)
    }

    /// Whether it is the visitor's conversation to ask for, here.
    fn holds(&self, locked: &Locked<'_>) -> bool {
        let conversation = locked.conversation();
        let place = conversation.place();
        let begun = *conversation.status() != Status::Unborn;
        let here = begun && place.tenant == *self.tenant && place.widget == *self.widget;
        let known = match self.claim {
            Claim::ResumeToken(presented) => {
                self.conversations.resume_tokens().holds(presented, self.live.id(), conversation.generation())
            }
            Claim::IdempotencyKey => true,
            Claim::Identity => conversation.identity().is_some(),
        };
        let hidden = self.mode == AuthenticationMode::Off && conversation.identity().is_some();
        here && known && !hidden
    }

    fn admit(&self, locked: &Locked<'_>, credential: Credential) -> Result<Admission, NotVisited> {
        let shared = self.live.shared();
        let token_required = self.mode == AuthenticationMode::Required;
        let revocations = shared.in_force.of(self.tenant);
        let policy =
            AdmissionPolicy { token_required, expired_for: self.expired_for, revocations: &revocations };
        let conversation = locked.conversation();
        conversation.admit(shared.clock.now(), credential, policy).map_err(|why| {
            let may_try_again = !token_required && conversation.identity().is_some();
            NotVisited::NotAdmitted { why, may_try_again }
        })
    }

    /// Signs in, or finds that all stands as it was; as whom, and what became of the token's variables.
    async fn sign_in(
        &self,
        locked: &mut Locked<'_>,
        customer: Box<VerifiedCustomer>,
    ) -> Result<(Identity, ContextReport), NotVisited> {
        let (identity, report) = (customer.identity().clone(), customer.context().clone());
        let again =
            |why| NotVisited::NotAdmitted { why, may_try_again: self.mode != AuthenticationMode::Required };
        match locked.execute(&Event::SignIn(customer), None).await {
            Ok(_) | Err(CommandError::Refused(InvalidTransition::Unchanged)) => Ok((identity, report)),
            Err(CommandError::Refused(InvalidTransition::TokenExpired)) => {
                Err(again(NotAdmitted::Refused(Box::new(Refusal::expired_meanwhile()))))
            }
            Err(CommandError::Refused(InvalidTransition::Revoked)) => {
                Err(again(NotAdmitted::Refused(Box::new(Refusal::revoked()))))
            }
            // Another node let another customer sign in first.
            Err(CommandError::Refused(InvalidTransition::SubjectMismatch)) => {
                Err(again(NotAdmitted::SubjectMismatch))
            }
            Err(error) => Err(error.into()),
        }
    }
}
