//! `neighbour`: a flood at one tenant, whose key endpoint hangs, while another tenant's customers talk. The limits are
//! usher's defaults, since it is they that protect.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Error as WsError;

use super::open_loop::{OpenLoop, Sent};
use super::{Round, begin_from};
use crate::Fault;
use crate::args::Neighbour;
use crate::beside::beside;
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::pacer::Pacer;
use crate::rig::Rig;
use crate::schedule::Schedule;
use crate::tokens::Signer;
use crate::widget::{Chat, Frame, Widget};

/// How many connect at one time.
const IN_FLIGHT: u32 = 32;
/// Bytes of what is said.
const TEXT_BYTES: usize = 128;
/// The flood has begun for so long before anything is measured beside it.
const HEAD_START: Duration = Duration::from_secs(1);

/// A flood that goes on until it is told to stop, on a thread of its own.
struct Flood {
    chat: Chat,
    token: String,
    rate: u32,
    addresses: u32,
    in_flight: usize,
    over: Arc<AtomicBool>,
    /// How many ended in which way.
    outcomes: RefCell<BTreeMap<String, u64>>,
}

pub(super) async fn round(asked: &Neighbour, rig: &mut Rig) -> Result<Round, Fault> {
    let tokens = rig.tokens(asked.talkers)?;
    let over = Arc::new(AtomicBool::new(false));
    let flood = Flood {
        chat: Chat { at: rig.chat.at, path: "/chat/b/web".to_owned() },
        token: tokens[0].clone(),
        rate: asked.storm_rate,
        addresses: asked.addresses,
        in_flight: usize::try_from(asked.in_flight)?,
        over: over.clone(),
        outcomes: RefCell::default(),
    };
    let talkers =
        begin_from(&rig.chat, &rig.ledger, Rc::new(tokens), IN_FLIGHT, |number| Some(talker(number)));
    let talkers = talkers.await?;
    let mut open = OpenLoop::new(talkers, rig.ledger.clone(), TEXT_BYTES);
    let lasting = Duration::from_secs(asked.seconds.into());
    let mut before = measure(&mut open, asked.rate, lasting).await?;
    let meter = rig.meter()?;
    let flooding = beside(|| Rc::new(flood).run())?;
    sleep(HEAD_START).await;
    let mut during = measure(&mut open, asked.rate, lasting).await?;
    over.store(true, Ordering::Relaxed);
    let usage = meter.stop()?;
    let outcomes = flooding.await?;
    let mut figures = Figures::default();
    before.tell("ack before", &mut figures);
    during.tell("ack during", &mut figures);
    figures.add("p99 during / before", Unit::Share, during.quantile(990) / before.quantile(990));
    let attempts: u64 = outcomes.values().sum();
    figures.add("flood", Unit::PerSecond, float(attempts) / (lasting + HEAD_START).as_secs_f64());
    for (outcome, count) in outcomes {
        figures.count(&format!("flood: {outcome}"), count);
    }
    let bound = usage.tell(attempts, "connection of the flood", &mut figures);
    Ok(Round { figures, bound })
}

async fn measure(open: &mut OpenLoop, rate: u32, lasting: Duration) -> Result<Latencies, Fault> {
    let end = Instant::now() + lasting;
    let sent: Vec<Sent> = open.run(rate, |at| at < end).await?;
    Ok(sent.iter().map(|sent| sent.latency).collect())
}

/// The address of a customer who is left alone: each has one, as they have in life.
fn talker(number: usize) -> IpAddr {
    loopback(1, number)
}

/// An address of the flood.
fn flooder(number: usize) -> IpAddr {
    loopback(2, number)
}

fn loopback(net: u8, number: usize) -> IpAddr {
    // Neither 0 nor 255 at the end.
    let part = |number: usize| u8::try_from(number % 250).unwrap_or_default() + 1;
    Ipv4Addr::new(127, net, part(number / 250), part(number)).into()
}

impl Flood {
    async fn run(self: Rc<Self>) -> Result<BTreeMap<String, u64>, Fault> {
        let (pacer, schedule) = (Pacer::new()?, Schedule::new(Instant::now(), self.rate));
        let mut attempts = JoinSet::new();
        for number in 0.. {
            pacer.until(schedule.intended(number)).await?;
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            while attempts.try_join_next().is_some() {}
            if attempts.len() >= self.in_flight {
                self.count("left out: too many at one time");
                continue;
            }
            let flood = self.clone();
            attempts.spawn_local(async move {
                let outcome = flood.attempt(number).await.unwrap_or_else(|fault| outcome_of(&fault));
                flood.count(&outcome);
            });
        }
        let unanswered = attempts.len();
        // Who still waits for an answer is cut, and counted.
        attempts.shutdown().await;
        for _ in 0..unanswered {
            self.count("no answer before the end");
        }
        Ok(self.outcomes.take())
    }

    /// Connects and presents a token by a key that nobody has; how it ended.
    async fn attempt(&self, number: u64) -> Result<String, Fault> {
        let address = flooder(usize::try_from(number % u64::from(self.addresses))?);
        let mut widget = Widget::connect(&self.chat, Some(address)).await?;
        let token = Signer::of_unknown_key(&self.token, &format!("nobody-{number}"));
        widget.send(format!(r#"{{"type":"start","token":"{token}"}}"#)).await?;
        let answer = widget.next().await?;
        let frame = Frame::parse(&answer)?;
        let outcome = format!("answered {}", frame.code.unwrap_or(frame.kind));
        widget.cut()?;
        Ok(outcome)
    }

    fn count(&self, outcome: &str) {
        *self.outcomes.borrow_mut().entry(outcome.to_owned()).or_default() += 1;
    }
}

/// The kind of an end without an answer: kinds are few, their texts are not.
fn outcome_of(fault: &Fault) -> String {
    match fault.downcast_ref::<WsError>() {
        Some(WsError::Http(response)) => format!("refused with {}", response.status().as_u16()),
        Some(_) => "broken off".to_owned(),
        None if fault.downcast_ref::<std::io::Error>().is_some() => "not connected".to_owned(),
        None => "closed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn everybody_has_an_address_of_their_own() {
        let all: BTreeSet<_> = (0..60_000).map(flooder).chain((0..10_000).map(talker)).collect();
        assert_eq!(all.len(), 70_000);
        let ends =
            |address: &IpAddr| matches!(address, IpAddr::V4(four) if [0, 255].contains(&four.octets()[3]));
        assert!(all.iter().all(IpAddr::is_loopback) && !all.iter().any(ends));
    }
}
