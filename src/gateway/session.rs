//! One connection's story in order: the first frame, the conversation, the end.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use crate::config::AuthenticationMode;
use crate::conversations::Socket;
use crate::domain::rate::WithinMinute;
use crate::wire::{ClientFrame, Close, FrameFault, ServerFrame};

use super::authenticate::judge;
use super::connection::{Connection, End, Next};
use super::entrance::Entrance;
use super::member::Member;
use super::refused::Refused;
use super::replay::Past;
use super::websocket::WebSocket;
use super::{Gateway, frame_bytes};

/// Violations of the protocol that a connection survives; at the next one it is closed.
const VIOLATIONS_MAX: u8 = 9;

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
    pub(super) refusals_for_rate: WithinMinute,
}

/// Serves a connection until its end. A panic ends this session alone, and is counted.
pub(super) async fn run(session: Box<Session>, upgraded: Upgraded) {
    let gateway = session.gateway.clone();
    let story = AssertUnwindSafe(live_through(session, upgraded)).catch_unwind();
    let code = story.await.unwrap_or_else(|_| {
        gateway.metrics.session_panics.inc();
        tracing::error!("a session ended in a panic, which is a fault of usher itself");
        Close::Internal.code()
    });
    gateway.metrics.connection_closed(code);
}

async fn live_through(mut session: Box<Session>, upgraded: Upgraded) -> u16 {
    let websocket = WebSocket::new(TokioIo::new(upgraded), frame_bytes(&session.entrance.tenant)).await;
    let (mut connection, socket) = Connection::new(session.gateway.clone(), websocket);
    session.socket = Some(socket.for_signed_in(session.is_for_signed_in()));
    let Err(end) = session.converse(&mut connection).await;
    if let Some(Member { live, socket }) = session.member.take() {
        live.leave(socket).await;
    }
    Box::pin(connection.finish(end)).await
}

impl Session {
    /// Boxed, for it is handed on more than once before it is served.
    pub(super) fn new(gateway: Arc<Gateway>, entrance: Entrance) -> Box<Self> {
        let refusals_for_rate = WithinMinute::default();
        Box::new(Self { gateway, entrance, socket: None, member: None, violations: 0, refusals_for_rate })
    }

    async fn converse(&mut self, connection: &mut Connection) -> Result<Infallible, End> {
        // Boxed, here and below: what is rare would else take its room in every session that waits for a frame.
        let member = Box::pin(self.join(connection)).await?;
        loop {
            let frame = match connection.next().await? {
                Next::Frame(frame) => frame,
                Next::Control { kind } => {
                    if let Err(refused) = self.count_control(&member.live, kind) {
                        Box::pin(self.refuse(connection, refused)).await?;
                    }
                    continue;
                }
                Next::Replay { after } => {
                    Box::pin(self.replay(connection, &member, Past::after(after))).await?;
                    continue;
                }
            };
            let frame = ClientFrame::parse(&frame);
            if matches!(frame, Err(FrameFault::NotAnObject)) {
                return Err(End::Close(Close::NotAnObject));
            }
            if let Err(refused) = self.count_frame(&member.live, &frame) {
                Box::pin(self.refuse(connection, refused)).await?;
                continue;
            }
            let taken = member.live.take_frame().await;
            let served = match (frame, taken) {
                (Err(fault), _) => Err(Refused::fault(fault)),
                (Ok(ClientFrame::Ping), _) => {
                    connection.send(ServerFrame::Pong.to_json().into()).await?;
                    Ok(())
                }
                (Ok(frame), Err(error)) => Err(Refused::command(error, frame.about())),
                (Ok(ClientFrame::Authenticate { token }), Ok(())) => {
                    let judged = judge(&self.gateway, &self.entrance, Some(&token));
                    // Keys may have to be fetched: what is said meanwhile reaches the widget all the same.
                    let credential = Box::pin(connection.attend_while(judged)).await?;
                    Box::pin(self.authenticate(&member, credential)).await
                }
                (Ok(ClientFrame::Message { id, text }), Ok(())) => self.say(&member, id, &text).await,
                (Ok(frame), Ok(())) => Box::pin(self.serve(&member, frame)).await,
            };
            if let Err(refused) = served {
                Box::pin(self.refuse(connection, refused)).await?;
            }
        }
    }

    /// What the widget asks of its customers.
    pub(super) fn mode(&self) -> AuthenticationMode {
        self.entrance.widget().authentication
    }

    /// Whether there is a token that this widget reads.
    pub(super) fn reads(&self, token: Option<&str>) -> bool {
        token.is_some() && self.mode() != AuthenticationMode::Off
    }

    /// Whether the widget takes and shows messages only while its customer is signed in.
    pub(super) fn is_for_signed_in(&self) -> bool {
        self.mode() == AuthenticationMode::Required
    }

    /// Sends the past of a conversation, until the socket is live.
    pub(super) async fn replay(
        &self,
        connection: &mut Connection,
        member: &Member,
        past: Past,
    ) -> Result<(), End> {
        past.replay(&self.gateway.journal, connection, member, self.is_for_signed_in()).await
    }

    /// Tells the widget why, and closes where it was once too often.
    pub(super) async fn refuse(&mut self, connection: &mut Connection, refused: Refused) -> Result<(), End> {
        let frame = refused.error();
        tracing::info!(
            tenant = %self.entrance.tenant.id,
            widget = %self.entrance.widget_id,
            code = frame.code,
            correlation_id = frame.correlation_id,
            "a frame was refused"
        );
        connection.send(ServerFrame::Error(frame).to_json().into()).await?;
        if let Some(close) = refused.reached().and_then(|reached| self.note_rate_limited(reached)) {
            return Err(End::Close(close));
        }
        if refused.is_violation() {
            self.violations += 1;
            if self.violations > VIOLATIONS_MAX {
                return Err(End::Close(Close::Protocol));
            }
        }
        Ok(())
    }
}
