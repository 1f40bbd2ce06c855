//! Widgets that talk at a constant rate together, whatever became of what they said before.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::Begun;
use crate::Fault;
use crate::ledger::{Ledger, Place, What};
use crate::pacer::Pacer;
use crate::schedule::Schedule;
use crate::widget::{ANSWER, Frame, Receiving, Sending, accepted, message, next};

/// A message that was accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// When it was meant to be sent.
    pub(super) intended: Instant,
    /// How long it took from then to its `accepted`.
    pub(super) latency: Duration,
}

/// The widgets, in turn.
pub(super) struct OpenLoop {
    sending: Vec<Sending>,
    hearing: JoinSet<Fault>,
    heard: Rc<Heard>,
    text: String,
    /// The number of the next message; numbers go on from run to run.
    number: u64,
}

/// What they hear.
struct Heard {
    ledger: Rc<RefCell<Ledger>>,
    sent: RefCell<Vec<Sent>>,
    /// When messages are meant to be sent, and the number of the first of them.
    schedule: Cell<(Schedule, u64)>,
    awaited: Cell<u64>,
    none_awaited: Notify,
}

impl OpenLoop {
    pub(super) fn new(begun: Vec<Begun>, ledger: Rc<RefCell<Ledger>>, text_bytes: usize) -> Self {
        let heard = Rc::new(Heard {
            ledger,
            sent: RefCell::default(),
            schedule: Cell::new((Schedule::new(Instant::now(), 1), 0)),
            awaited: Cell::new(0),
            none_awaited: Notify::new(),
        });
        let (mut sending, mut hearing) = (Vec::new(), JoinSet::new());
        for Begun { widget, place, .. } in begun {
            let (out, receiving) = widget.split();
            sending.push(out);
            let heard = heard.clone();
            hearing.spawn_local(async move { heard.listen(receiving, place).await });
        }
        Self { sending, hearing, heard, text: "m".repeat(text_bytes), number: 0 }
    }

    /// Sends at this rate while `goes_on` says so of the next message's time; every message is accepted then.
    pub(super) async fn run(
        &mut self,
        rate: u32,
        goes_on: impl Fn(Instant) -> bool,
    ) -> Result<Vec<Sent>, Fault> {
        let pacer = Pacer::new()?;
        let (schedule, first) = (Schedule::new(Instant::now(), rate), self.number);
        self.heard.schedule.set((schedule, first));
        loop {
            let intended = schedule.intended(self.number - first);
            if !goes_on(intended) {
                break;
            }
            pacer.until(intended).await?;
            let turn = usize::try_from(self.number)? % self.sending.len();
            self.heard.awaited.set(self.heard.awaited.get() + 1);
            let sent = self.sending[turn].send(Message::text(message(self.number, &self.text))).await;
            if let Err(error) = sent {
                // What the gateway said before it left says more.
                let told = self.hearing.try_join_next().transpose()?;
                return Err(told.unwrap_or_else(|| error.into()));
            }
            self.number += 1;
        }
        while self.heard.awaited.get() > 0 {
            tokio::select! {
                () = self.heard.none_awaited.notified() => {}
                Some(ended) = self.hearing.join_next() => return Err(ended?),
                () = sleep(ANSWER) => {
                    return Err(format!("{} messages were not accepted in a minute", self.heard.awaited.get()).into());
                }
            }
        }
        Ok(self.heard.sent.take())
    }
}

impl Heard {
    /// Hears what comes on a connection until it ends; why it ended.
    async fn listen(&self, mut receiving: Receiving, place: Place) -> Fault {
        loop {
            let text = match next(&mut receiving).await {
                Ok(text) => text,
                Err(fault) => return fault,
            };
            match Frame::parse(&text).and_then(|frame| accepted(&frame)) {
                Ok(Some((number, sequence))) => self.accepted(place, number, sequence),
                Ok(None) => {}
                Err(fault) => return fault,
            }
        }
    }

    fn accepted(&self, place: Place, number: u64, sequence: u64) {
        let (schedule, first) = self.schedule.get();
        let (intended, latency) =
            (schedule.intended(number - first), schedule.latency(number - first, Instant::now()));
        self.sent.borrow_mut().push(Sent { intended, latency });
        self.ledger.borrow_mut().acknowledge(place, sequence, What::Message(number));
        self.awaited.set(self.awaited.get() - 1);
        if self.awaited.get() == 0 {
            self.none_awaited.notify_one();
        }
    }
}
