//! One widget's connection with its clocks: what is queued for it, the heartbeat, the drain and the first frame's
//! limit are served while the next frame is awaited.

use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::conversations::{ConnectionState, Order, Outgoing, Socket, SocketId};
use crate::domain::conversation::{Authentication, Notices};
use crate::domain::id::Sequence;
use crate::wire::{Close, Rfc3339, ServerFrame};

use super::Gateway;
use super::websocket::{Received, WebSocket};

/// Pings that may go unanswered; at the next one the connection is closed.
const UNANSWERED_PINGS_MAX: u8 = 2;

/// A notice that is further away is looked at again after this time: a timer that could hold a token of years would
/// not notice a clock that was set right.
const NOTICE_LOOK_EVERY: Duration = Duration::from_hours(1);

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The gateway closes it.
    Close(Close),
    /// The widget closed it, with this code.
    Closed(u16),
    /// It is gone without a close frame.
    Gone,
}

/// What a session has to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Serve a frame of the widget.
    Frame(Utf8Bytes),
    /// Count a control frame that nobody asked for; a ping is answered already.
    Control {
        /// `ping` or `pong`.
        kind: &'static str,
    },
    /// Read what the widget had to wait for.
    Replay {
        /// The last entry that it has seen.
        after: Sequence,
    },
}

/// A connection and everything that may happen on it besides the widget's frames.
#[derive(Debug)]
pub(super) struct Connection {
    gateway: Arc<Gateway>,
    websocket: WebSocket,
    outgoing: mpsc::Receiver<Outgoing>,
    cut: oneshot::Receiver<Close>,
    first_frame_by: Option<Instant>,
    ping_at: Instant,
    unanswered: u8,
    leave_at: Option<Instant>,
    notices: Option<Notices>,
    notice_at: Option<Instant>,
    replay_after: Option<Sequence>,
    alarm: Pin<Box<Sleep>>,
}

/// What interrupted the wait for a frame.
enum Step {
    Received(Received),
    Outgoing(Option<Outgoing>),
    Cut(Close),
    Draining,
    Alarm,
}

impl Connection {
    /// A connection that has just been upgraded, and its end in a conversation.
    pub(super) fn new(gateway: Arc<Gateway>, websocket: WebSocket) -> (Self, Socket) {
        let (queue, outgoing) = mpsc::channel(gateway.limits.outgoing_queue);
        let (cutter, cut) = oneshot::channel();
        let state = Arc::new(ConnectionState::new(gateway.metrics.clone()));
        let socket = Socket::new(SocketId::next(), queue, cutter, state);
        let now = Instant::now();
        let first_frame_by = now + gateway.limits.first_frame;
        let ping_at = now + jittered(gateway.limits.ping);
        let connection = Self {
            gateway,
            websocket,
            outgoing,
            cut,
            first_frame_by: Some(first_frame_by),
            ping_at,
            unanswered: 0,
            leave_at: None,
            notices: None,
            notice_at: None,
            replay_after: None,
            alarm: Box::pin(tokio::time::sleep_until(first_frame_by.min(ping_at))),
        };
        (connection, socket)
    }

    /// What there is to do next, usually a frame of the widget.
    pub(super) async fn next(&mut self) -> Result<Next, End> {
        loop {
            if let Some(after) = self.replay_after.take() {
                return Ok(Next::Replay { after });
            }
            match self.step(true).await {
                // Bytes of a frame that isn't whole are no sign of life.
                Step::Received(Received::Part) => {}
                Step::Received(received) => {
                    let asked = std::mem::take(&mut self.unanswered) > 0;
                    match received {
                        Received::Text(text) => {
                            self.first_frame_by = None;
                            return Ok(Next::Frame(text));
                        }
                        Received::Ping => return Ok(Next::Control { kind: "ping" }),
                        Received::Pong if !asked => return Ok(Next::Control { kind: "pong" }),
                        Received::Pong | Received::Part => {}
                        Received::Binary(bytes) => {
                            tracing::debug!(bytes = bytes.len(), "a binary frame came");
                            return Err(End::Close(Close::BinaryFrame));
                        }
                        Received::Closed(code) => return Err(End::Closed(code)),
                        Received::Gone => return Err(End::Gone),
                        Received::Fault(close) => return Err(End::Close(close)),
                    }
                }
                other => self.take(other).await?,
            }
        }
    }

    /// Serves everything but the widget's frames while something is awaited for one of them: what is queued, the
    /// heartbeat, the drain. The widget's next frames wait for their turn.
    pub(super) async fn attend_while<T>(&mut self, awaited: impl Future<Output = T>) -> Result<T, End> {
        let mut awaited = pin!(awaited);
        loop {
            let waits = self.replay_after.is_some();
            let step = tokio::select! {
                biased;
                output = &mut awaited => return Ok(output),
                step = self.step(false), if !waits => step,
            };
            self.take(step).await?;
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), End> {
        match step {
            Step::Outgoing(Some(Outgoing::Frame(frame))) => self.send(frame).await,
            Step::Outgoing(Some(Outgoing::Order(order))) => self.obey(*order).await,
            Step::Cut(close) => Err(End::Close(close)),
            // The conversation let go of the socket without a word.
            Step::Outgoing(None) => Err(End::Close(Close::Internal)),
            // Boxed is what is rare: every session that waits would hold the room for it.
            Step::Draining => Box::pin(self.announce_drain()).await,
            Step::Alarm => Box::pin(self.alarmed()).await,
            Step::Received(_) => Ok(()),
        }
    }

    async fn obey(&mut self, order: Order) -> Result<(), End> {
        match order {
            Order::Notices(notices) => Box::pin(self.expect(notices)).await,
            Order::Replay { after } => {
                self.replay_after = Some(after);
                Ok(())
            }
            Order::Close(close) => Err(End::Close(close)),
        }
    }

    async fn step(&mut self, listens: bool) -> Step {
        self.set_alarm();
        let (lifecycle, announced) = (&self.gateway.lifecycle, self.leave_at.is_some());
        tokio::select! {
            biased;
            Ok(close) = &mut self.cut, if !self.cut.is_terminated() => Step::Cut(close),
            () = ready(()), if lifecycle.is_stopping() => Step::Cut(Close::Draining),
            () = ready(()), if !announced && lifecycle.is_draining() => Step::Draining,
            () = &mut self.alarm => Step::Alarm,
            outgoing = self.outgoing.recv() => Step::Outgoing(outgoing),
            received = self.websocket.receive(), if listens => Step::Received(received),
            // Last, though they come first where they hold already: only who waits joins those who are to be woken.
            () = lifecycle.stopped() => Step::Cut(Close::Draining),
            () = lifecycle.drained(), if !announced => Step::Draining,
        }
    }

    /// The timer is touched only when another instant is the nearest: not for every frame.
    fn set_alarm(&mut self) {
        let nearest = [self.first_frame_by, self.leave_at, self.notice_at, self.websocket.message_by()]
            .into_iter()
            .flatten()
            .fold(self.ping_at, Instant::min);
        if self.alarm.deadline() != nearest {
            self.alarm.as_mut().reset(nearest);
        }
    }

    async fn alarmed(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.leave_at.is_some_and(|at| now >= at) {
            return Err(End::Close(Close::Draining));
        }
        if self.first_frame_by.is_some_and(|by| now >= by) {
            return Err(End::Close(Close::FirstFrameTimeout));
        }
        self.websocket.message_due(now);
        self.announce_expiry().await?;
        if now >= self.ping_at {
            self.ping_at = now + jittered(self.gateway.limits.ping);
            if self.unanswered >= UNANSWERED_PINGS_MAX {
                return Err(End::Close(Close::NoPong));
            }
            self.unanswered += 1;
            if !self.websocket.ping().await {
                return Err(End::Gone);
            }
        }
        Ok(())
    }

    /// Announces, from now on, the end of this authentication and of no other.
    pub(super) async fn expect_end_of(&mut self, authentication: &Authentication) -> Result<(), End> {
        self.expect(Notices::of(authentication)).await
    }

    async fn expect(&mut self, notices: Option<Notices>) -> Result<(), End> {
        self.notices = notices;
        self.announce_expiry().await
    }

    /// Tells the widget what is due of the notices. It is looked at whenever the alarm rings, so that a stepped clock
    /// makes them late by a heartbeat at most.
    async fn announce_expiry(&mut self) -> Result<(), End> {
        let clock = self.gateway.clock;
        if let Some(notices) = &mut self.notices
            && notices.take_due(clock.now())
        {
            let (expires_at, refresh_by) = (Rfc3339(notices.expires_at), Rfc3339(notices.refresh_by));
            self.send(ServerFrame::TokenExpiring { expires_at, refresh_by }.to_json().into()).await?;
        }
        let next = self.notices.as_ref().and_then(Notices::next);
        self.notice_at = next.map(|at| Instant::now() + clock.until(at).min(NOTICE_LOOK_EVERY));
        Ok(())
    }

    /// Each socket gets its own wait, so that the widgets come back spread over the whole drain.
    async fn announce_drain(&mut self) -> Result<(), End> {
        let wait = self.gateway.limits.drain_for.mul_f64(fastrand::f64());
        self.leave_at = Some(Instant::now() + wait);
        let reconnect_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.send(ServerFrame::Draining { reconnect_after_ms }.to_json().into()).await
    }

    /// Does what is due while a long replay keeps the connection from waiting for frames: announces the drain, and
    /// leaves at its time. A widget that takes the replay needs no ping to prove that it lives.
    pub(super) async fn attend(&mut self) -> Result<(), End> {
        match self.leave_at {
            Some(at) if Instant::now() >= at => Err(End::Close(Close::Draining)),
            None if self.gateway.lifecycle.is_draining() => self.announce_drain().await,
            _ => Ok(()),
        }
    }

    /// Sends a frame before all that is queued.
    pub(super) async fn send(&mut self, frame: Utf8Bytes) -> Result<(), End> {
        let lifecycle = &self.gateway.lifecycle;
        tokio::select! {
            biased;
            Ok(close) = &mut self.cut, if !self.cut.is_terminated() => Err(End::Close(close)),
            () = ready(()), if lifecycle.is_stopping() => Err(End::Close(Close::Draining)),
            sent = self.websocket.send(frame) => if sent { Ok(()) } else { Err(End::Close(Close::SlowConsumer)) },
            () = lifecycle.stopped() => Err(End::Close(Close::Draining)),
        }
    }

    /// Ends the connection; the code that it ended with.
    pub(super) async fn finish(self, end: End) -> u16 {
        match end {
            End::Close(close) => {
                self.websocket.close(Some(close)).await;
                close.code()
            }
            End::Closed(code) => {
                self.websocket.close(None).await;
                code
            }
            End::Gone => 1006,
        }
    }
}

/// ± 10 %, so that sockets opened together aren't pinged together for ever.
fn jittered(period: Duration) -> Duration {
    period.mul_f64(0.9 + 0.2 * fastrand::f64())
}
