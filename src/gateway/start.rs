//! `start`: a new conversation, or one that this page or this customer has begun before.

use std::borrow::Cow;
use std::sync::Arc;

use crate::config::{AuthenticationMode, InvalidToken};
use crate::conversations::{Begun, Claim, CommandError, IdempotencyKey, Live, NotVisited, Socket};
use crate::domain::context::Offered;
use crate::domain::conversation::{Credential, Fact, InvalidTransition, NotAdmitted, Start};
use crate::domain::id::Sequence;
use crate::domain::queue::DEFAULT_QUEUE;
use crate::domain::token::VerifiedCustomer;
use crate::wire::{AuthenticationView, Close, ContextView, ServerFrame, StartFrame};

use super::Gateway;
use super::authenticate::judge;
use super::connection::{Connection, End};
use super::first_frame::Tried;
use super::member::Member;
use super::refused::Refused;
use super::replay::Past;
use super::resume::{Asked, refuse};
use super::session::Session;

const ABOUT: &str = "start";

impl Session {
    pub(super) async fn start(
        &mut self,
        connection: &mut Connection,
        frame: StartFrame<'_>,
    ) -> Result<Tried, End> {
        let key = frame.idempotency_key.as_deref().map(|key| {
            let (tenant, widget) = (&self.entrance.tenant.id, &self.entrance.widget_id);
            IdempotencyKey::new(tenant, widget, key)
        });
        if let Some(key) = &key {
            match self.gateway.conversations.begun_with(key).await {
                Ok(Some(live)) => return self.repeat(connection, &live, &frame).await,
                Ok(None) => {}
                Err(error) => return Ok(Tried::Refused(Refused::command(error, ABOUT))),
            }
        }
        let token = frame.token.as_deref();
        if self.reads(token)
            && let Err(refused) = self.may_present_token(ABOUT)
        {
            return Ok(Tried::Refused(refused));
        }
        // Keys may have to be fetched, and the drain waits for nobody.
        let judged = judge(&self.gateway, &self.entrance, token);
        let customer = match connection.attend_while(judged).await? {
            Credential::Valid(customer) => Some(customer),
            Credential::Absent if self.mode() == AuthenticationMode::Required => {
                return Ok(Tried::Refused(Refused::authentication_required(ABOUT)));
            }
            Credential::Absent => None,
            Credential::Refused(refusal) => {
                // What passes by itself, as an endpoint that doesn't answer, is no fault of the address.
                if !refusal.temporary {
                    self.count_refused_token();
                }
                let refused = Refused::token(&refusal, ABOUT);
                if self.entrance.widget().invalid_token == InvalidToken::Refuse {
                    return Ok(Tried::Refused(refused));
                }
                self.refuse(connection, refused).await?;
                None
            }
        };
        if let (true, Some(customer)) = (frame.r#continue, &customer)
            && let Some(tried) = self.go_on(connection, customer).await?
        {
            return Ok(tried);
        }
        self.begin(connection, frame, key, customer).await
    }

    /// A repeated key is answered as a `resume` from the beginning.
    async fn repeat(
        &mut self,
        connection: &mut Connection,
        live: &Arc<Live>,
        frame: &StartFrame<'_>,
    ) -> Result<Tried, End> {
        let asked = Asked { claim: Claim::IdempotencyKey, after: Some(Sequence::START), about: ABOUT };
        if self.reads(frame.token.as_deref())
            && let Err(refused) = self.count_authentication(live, ABOUT)
        {
            return Ok(Tried::Refused(refused));
        }
        let judged = judge(&self.gateway, &self.entrance, frame.token.as_deref());
        let credential = connection.attend_while(judged).await?;
        let mut entered = self.enter(live, asked, credential).await;
        if self.entrance.widget().invalid_token == InvalidToken::Anonymous
            && let Err(NotVisited::NotAdmitted { why: NotAdmitted::Refused(refusal), may_try_again: false }) =
                &entered
        {
            // Nobody has ever signed in there. So its first start went on without the token, and so does this one.
            self.refuse(connection, Refused::token(refusal, ABOUT)).await?;
            entered = self.enter(live, asked, Credential::Absent).await;
        }
        match entered {
            Ok(visited) => self.show(connection, visited, asked.after).await,
            Err(not_visited) => Ok(refuse(&not_visited, ABOUT)),
        }
    }

    /// Takes up the customer's newest open conversation. None where there is none that takes this token.
    async fn go_on(
        &mut self,
        connection: &mut Connection,
        customer: &VerifiedCustomer,
    ) -> Result<Option<Tried>, End> {
        let Gateway { projection, journal, conversations, .. } = &*self.gateway;
        projection.nearly_caught_up(journal.latest()).await;
        let (tenant, widget) = (self.entrance.tenant.id.clone(), self.entrance.widget_id.clone());
        let newest = projection.newest_open(tenant, widget, customer.identity().clone()).await;
        let live = match newest {
            Ok(Some(id)) => conversations.get(id),
            Ok(None) => return Ok(None),
            Err(_) => {
                let refused = Refused::command(CommandError::StorageUnavailable, ABOUT);
                return Ok(Some(Tried::Refused(refused)));
            }
        };
        let asked = Asked { claim: Claim::Identity, after: None, about: ABOUT };
        let credential = Credential::Valid(Box::new(customer.clone()));
        match self.enter(&live, asked, credential).await {
            Ok(visited) => self.show(connection, visited, None).await.map(Some),
            Err(NotVisited::Command(error @ CommandError::StorageUnavailable)) => {
                Ok(Some(Tried::Refused(Refused::command(error, ABOUT))))
            }
            // It has ended meanwhile, or the customer has signed out of it since the token was issued.
            Err(_) => Ok(None),
        }
    }

    async fn begin(
        &mut self,
        connection: &mut Connection,
        frame: StartFrame<'_>,
        key: Option<IdempotencyKey>,
        customer: Option<Box<VerifiedCustomer>>,
    ) -> Result<Tried, End> {
        if let Err(refused) = self.count_start(ABOUT) {
            return Ok(Tried::Refused(refused));
        }
        let identity = customer.as_ref().map(|customer| customer.identity().clone());
        let locale = frame.locale.clone().map(Cow::into_owned);
        let mut start = Start::new(customer.map(|customer| *customer), DEFAULT_QUEUE.into())
            .from_page(locale, self.entrance.origin.clone());
        if let Some(context) = &frame.context {
            start = start.with_context(&Offered::read(context, &self.entrance.tenant.policy.context));
        }
        let (tenant, widget) = (self.entrance.tenant.id.clone(), self.entrance.widget_id.clone());
        let mut socket = self.socket.take().map(|socket| socket.having_presented(identity));
        let socket_id = socket.as_ref().map(Socket::id);
        let begun = self.gateway.conversations.start(tenant, widget, start, key.as_ref(), &mut socket).await;
        self.socket = socket;
        match (begun, socket_id, &key) {
            (Ok(begun), Some(socket), _) => {
                let member = Member { live: begun.live.clone(), socket };
                self.member = Some(member.clone());
                self.show_started(connection, &member, &begun).await?;
                Ok(Tried::Joined(member))
            }
            (Err(CommandError::Refused(InvalidTransition::AlreadyStarted)), _, Some(key)) => {
                // Another start with the same key came first.
                match self.gateway.conversations.begun_with(key).await {
                    Ok(Some(live)) => self.repeat(connection, &live, &frame).await,
                    _ => Ok(Tried::Refused(Refused::command(CommandError::StorageUnavailable, ABOUT))),
                }
            }
            (Err(error), ..) => Ok(Tried::Refused(Refused::command(error, ABOUT))),
            (Ok(_), None, _) => Err(End::Close(Close::Internal)),
        }
    }

    async fn show_started(
        &self,
        connection: &mut Connection,
        member: &Member,
        begun: &Begun,
    ) -> Result<(), End> {
        connection.send(self.started(begun).to_json().into()).await?;
        let entry = &begun.record.entries()[0];
        if begun.is_live {
            connection.expect_end_of(&entry.authentication).await
        } else {
            self.replay(connection, member, Past::after(entry.sequence)).await
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
}
