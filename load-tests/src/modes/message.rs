//! `message`: texts made durable, in a closed loop (each widget sends when its last one was accepted) or in an open one
//! (a constant rate, whatever became of those before).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::SinkExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Message;
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::ledger::{Ledger, Place, What};
use crate::pacer::Pacer;
use crate::rig::Rig;
use crate::schedule::Schedule;
use crate::widget::{ANSWER, Frame, Receiving, Sending, Widget, message, message_number, next};

/// How many widgets connect at one time, before the clock starts.
const IN_FLIGHT: u32 = 64;

pub(super) async fn round(asked: &Message, rig: &mut Rig) -> Result<Round, Fault> {
    let begun = begin(rig, rig.tokens(asked.widgets)?, IN_FLIGHT).await?;
    let text = Rc::new("m".repeat(usize::try_from(asked.bytes)?));
    let lasting = Duration::from_secs(asked.seconds.into());
    let meter = rig.meter()?;
    let latencies = match asked.rate {
        None => closed_loop(begun, rig.ledger.clone(), &text, lasting).await?,
        Some(rate) => {
            let mut open = OpenLoop::new(begun, rig.ledger.clone(), text);
            open.run(rate, lasting).await?
        }
    };
    let usage = meter.stop()?;
    let mut figures = Figures::default();
    let rate = float(latencies.len()) / usage.lasted.as_secs_f64();
    figures.add("messages accepted", Unit::PerSecond, rate);
    latencies.tell("ack", &mut figures);
    let bound = usage.tell(latencies.len(), "message", &mut figures);
    Ok(Round { figures, bound })
}

async fn closed_loop(
    begun: Vec<Begun>,
    ledger: Rc<RefCell<Ledger>>,
    text: &Rc<String>,
    lasting: Duration,
) -> Result<Latencies, Fault> {
    let latencies = Rc::new(RefCell::new(Latencies::new()));
    let end = Instant::now() + lasting;
    let mut talking = JoinSet::new();
    for Begun { mut widget, place } in begun {
        let (latencies, ledger, text) = (latencies.clone(), ledger.clone(), text.clone());
        talking.spawn_local(async move {
            for number in 0.. {
                let said = Instant::now();
                if said >= end {
                    break;
                }
                let sequence = say(&mut widget, number, &text).await?;
                latencies.borrow_mut().record(said.elapsed());
                ledger.borrow_mut().acknowledge(place, sequence, What::Message(number));
            }
            Ok::<_, Fault>(())
        });
    }
    while let Some(done) = talking.join_next().await {
        done??;
    }
    Ok(latencies.replace(Latencies::new()))
}

/// Says this; the sequence that it was accepted with.
async fn say(widget: &mut Widget, number: u64, text: &str) -> Result<u64, Fault> {
    widget.send(message(number, text)).await?;
    loop {
        let answer = widget.next().await?;
        let frame = Frame::parse(&answer)?;
        if let Some((accepted, sequence)) = accepted(&frame)? {
            if accepted != number {
                return Err(format!("message {accepted} was accepted where {number} was said").into());
            }
            return Ok(sequence);
        }
    }
}

/// A message that was accepted, by number and sequence; none for a frame that answers nothing.
fn accepted(frame: &Frame<'_>) -> Result<Option<(u64, u64)>, Fault> {
    match frame.kind {
        "accepted" => {
            let number = frame.id.and_then(message_number).ok_or("`accepted` has no id of ours")?;
            Ok(Some((number, frame.sequence.ok_or("`accepted` has no sequence")?)))
        }
        "error" => Err(frame.instead_of("accepted")),
        _ => Ok(None),
    }
}

/// Widgets that talk at a constant rate together, one after the other.
pub(super) struct OpenLoop {
    sending: Vec<Sending>,
    hearing: JoinSet<Fault>,
    heard: Rc<Heard>,
    text: Rc<String>,
    /// The number of the next message; numbers go on from run to run.
    number: u64,
}

/// What the widgets hear.
struct Heard {
    ledger: Rc<RefCell<Ledger>>,
    latencies: RefCell<Latencies>,
    /// When messages were meant to be sent, and the number of the first of them.
    schedule: Cell<(Schedule, u64)>,
    all: tokio::sync::Notify,
    awaited: Cell<u64>,
}

impl OpenLoop {
    pub(super) fn new(begun: Vec<Begun>, ledger: Rc<RefCell<Ledger>>, text: Rc<String>) -> Self {
        let heard = Rc::new(Heard {
            ledger,
            latencies: RefCell::new(Latencies::new()),
            schedule: Cell::new((Schedule::new(Instant::now(), 1), 0)),
            all: tokio::sync::Notify::new(),
            awaited: Cell::new(0),
        });
        let (mut sending, mut hearing) = (Vec::new(), JoinSet::new());
        for Begun { widget, place } in begun {
            let (out, receiving) = widget.split();
            sending.push(out);
            let heard = heard.clone();
            hearing.spawn_local(async move { heard.listen(receiving, place).await });
        }
        Self { sending, hearing, heard, text, number: 0 }
    }

    /// Sends at this rate for so long; how long each took from when it was meant to be sent to its `accepted`.
    pub(super) async fn run(&mut self, rate: u32, lasting: Duration) -> Result<Latencies, Fault> {
        let pacer = Pacer::new()?;
        let schedule = Schedule::new(Instant::now(), rate);
        let (first, count) = (self.number, schedule.count(lasting));
        self.heard.schedule.set((schedule, first));
        self.heard.awaited.set(count);
        for number in 0..count {
            pacer.until(schedule.intended(number)).await?;
            let turn = usize::try_from(self.number)? % self.sending.len();
            let frame = WsMessage::text(message(self.number, &self.text));
            self.sending[turn].send(frame).await?;
            self.number += 1;
        }
        while self.heard.awaited.get() > 0 {
            tokio::select! {
                () = self.heard.all.notified() => {}
                Some(ended) = self.hearing.join_next() => return Err(ended?),
                () = tokio::time::sleep(ANSWER) => {
                    return Err(format!("{} messages were not accepted in a minute", self.heard.awaited.get()).into());
                }
            }
        }
        Ok(self.heard.latencies.replace(Latencies::new()))
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
            let accepted = Frame::parse(&text).and_then(|frame| accepted(&frame));
            match accepted {
                Ok(Some((number, sequence))) => self.accepted(place, number, sequence),
                Ok(None) => {}
                Err(fault) => return fault,
            }
        }
    }

    fn accepted(&self, place: Place, number: u64, sequence: u64) {
        let (schedule, first) = self.schedule.get();
        let latency = schedule.latency(number - first, Instant::now());
        self.latencies.borrow_mut().record(latency);
        self.ledger.borrow_mut().acknowledge(place, sequence, What::Message(number));
        self.awaited.set(self.awaited.get() - 1);
        if self.awaited.get() == 0 {
            self.all.notify_one();
        }
    }
}
