//! `storm`: the gateway is killed with everybody connected and started again, and all come back.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Storm;
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::ledger::{Ledger, What};
use crate::rig::Rig;
use crate::widget::{Chat, Ticket, Widget, next};

/// How many connect at one time before the storm.
const IN_FLIGHT: u32 = 64;
/// The protocol's full jitter: a wait of up to this, doubled at each further try.
const JITTER_LEAST: Duration = Duration::from_millis(500);
/// … and up to this at most.
const JITTER_MOST: Duration = Duration::from_secs(20);
/// Who isn't back after so many tries is lost.
const TRIES_MAX: u32 = 12;

/// When each came back, and how long that took from its connection on.
#[derive(Debug, Default)]
struct Back {
    at: Vec<Instant>,
    took: Latencies,
    tries: u64,
}

/// How they come back.
#[derive(Debug)]
struct Return {
    chat: Chat,
    tokens: Rc<Vec<String>>,
    room: Semaphore,
    spread: bool,
    /// Nobody tries before the gateway listens, unless spread.
    open: Semaphore,
    back: RefCell<Back>,
}

pub(super) async fn round(asked: &Storm, rig: &mut Rig) -> Result<Round, Fault> {
    let tokens = Rc::new(rig.tokens(asked.count)?);
    let mut begun = begin(rig, tokens.clone(), IN_FLIGHT).await?;
    for one in &mut begun {
        speak(one, &rig.ledger).await?;
    }
    let count = begun.len();
    let storm = Rc::new(Return {
        chat: rig.chat.clone(),
        tokens,
        room: Semaphore::new(if asked.spread { count } else { usize::try_from(asked.in_flight)? }),
        spread: asked.spread,
        open: Semaphore::new(0),
        back: RefCell::default(),
    });
    let mut coming = JoinSet::new();
    for Begun { widget, ticket, number, .. } in begun {
        let storm = storm.clone();
        coming.spawn_local(async move { storm.come_back(widget, ticket, number).await });
    }
    let gateway = rig.gateway.as_mut().ok_or("storm kills the gateway, and can't with one at --url")?;
    let killed = Instant::now();
    gateway.server.kill()?;
    let (launch, at) = (gateway.launch.clone(), gateway.server.at);
    // Beside, since the widgets go on trying.
    let started = spawn_blocking(move || launch.start(Some(at))).await?;
    gateway.server = started?;
    let ready = Instant::now();
    let meter = rig.meter()?;
    storm.open.add_permits(count);
    let mut held = Vec::with_capacity(count);
    while let Some(back) = coming.join_next().await {
        held.push(back??);
    }
    let usage = meter.stop()?;
    let mut back = storm.back.take();
    let last = back.at.iter().max().copied().unwrap_or(ready).saturating_duration_since(ready);
    let mut since: Latencies = back.at.iter().map(|at| at.saturating_duration_since(ready)).collect();
    let mut figures = Figures::default();
    figures.count("conversations resumed", held.len() as u64);
    figures.add("from the kill to listening", Unit::Seconds, (ready - killed).as_secs_f64());
    figures.add("from listening to the last resumed", Unit::Seconds, last.as_secs_f64());
    figures.add("resumed", Unit::PerSecond, float(held.len() as u64) / last.as_secs_f64());
    since.tell("back after", &mut figures);
    back.took.tell("resume", &mut figures);
    figures.count("tries", back.tries);
    let bound = usage.tell(held.len() as u64, "resume", &mut figures);
    Ok(Round { figures, bound })
}

/// Says something that must be there afterwards.
async fn speak(begun: &mut Begun, ledger: &RefCell<Ledger>) -> Result<(), Fault> {
    let sequence = begun.widget.say(0, "before the storm").await?;
    ledger.borrow_mut().acknowledge(begun.place, sequence, What::Message(0));
    begun.ticket.sequence = sequence;
    Ok(())
}

impl Return {
    /// Holds the connection until it breaks, and then comes back to the conversation.
    async fn come_back(&self, widget: Widget, ticket: Ticket, number: usize) -> Result<Widget, Fault> {
        let (sending, mut receiving) = widget.split();
        while next(&mut receiving).await.is_ok() {}
        let broke = Instant::now();
        drop((sending, receiving));
        if !self.spread {
            let _open = self.open.acquire().await?;
            return self.resume(&ticket, number).await;
        }
        sleep_until(broke + jitter(0)?).await;
        for attempt in 1..TRIES_MAX {
            if let Ok(widget) = self.resume(&ticket, number).await {
                return Ok(widget);
            }
            sleep(jitter(attempt)?).await;
        }
        self.resume(&ticket, number).await
    }

    async fn resume(&self, ticket: &Ticket, number: usize) -> Result<Widget, Fault> {
        let _room = self.room.acquire().await?;
        self.back.borrow_mut().tries += 1;
        let began = Instant::now();
        let mut widget = Widget::connect(&self.chat, None).await?;
        widget.resume(ticket, &self.tokens[number]).await?;
        let mut back = self.back.borrow_mut();
        back.took.record(began.elapsed());
        back.at.push(Instant::now());
        Ok(widget)
    }
}

/// A random wait before the try of this number, from 0.
fn jitter(attempt: u32) -> Result<Duration, Fault> {
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random)?;
    let most = (JITTER_LEAST * 2_u32.saturating_pow(attempt.min(10))).min(JITTER_MOST);
    Ok(most.mul_f64(f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_longer_than_the_protocol_says() {
        for (attempt, most) in [(0, 500), (1, 1000), (5, 16_000), (6, 20_000), (1000, 20_000)] {
            for _ in 0..100 {
                assert!(jitter(attempt).unwrap() <= Duration::from_millis(most), "attempt {attempt}");
            }
        }
    }
}
