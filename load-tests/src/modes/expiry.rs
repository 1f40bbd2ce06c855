//! `expiry`: many authentications end at the same instant, while others talk.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::open_loop::{OpenLoop, Sent};
use super::{Begun, Round, begin, begin_from};
use crate::Fault;
use crate::args::Expiry;
use crate::beside::beside;
use crate::clock::unix_now;
use crate::figures::{Figures, Unit};
use crate::latency::Latencies;
use crate::ledger::{Ledger, What};
use crate::rig::Rig;
use crate::widget::{ANSWER, Chat, Frame, Receiving, Sending, Widget, next};

/// How many connect at one time.
const IN_FLIGHT: u32 = 64;
/// Bytes of what the others say.
const TEXT_BYTES: usize = 128;
/// The second of the end, which is looked at whole even where all is told sooner.
const SECOND: Duration = Duration::from_secs(1);
/// No clock reads finer than this together with another.
const CLOCKS_APART: Duration = Duration::from_millis(5);

/// The widgets whose authentications end, on a thread of their own.
struct Brief {
    chat: Chat,
    tokens: Vec<String>,
    /// How many have been told.
    told: Arc<AtomicUsize>,
    /// Told when all are connected.
    connected: oneshot::Sender<()>,
}

/// What they heard.
struct Heard {
    /// When each was told that its authentication has ended.
    told: Vec<Instant>,
    ledger: Ledger,
}

pub(super) async fn round(asked: &Expiry, rig: &mut Rig) -> Result<Round, Fault> {
    let talkers = begin(rig, Rc::new(rig.tokens(asked.talkers)?), IN_FLIGHT).await?;
    let exp = unix_now().as_secs() + u64::from(asked.ahead);
    // The same instant by the clock that measures.
    let end = Instant::now() + Duration::from_secs(exp).saturating_sub(unix_now());
    let tokens = (0..asked.count).map(|number| rig.signer.mint(&format!("brief-{number}"), exp));
    let (tokens, told) = (tokens.collect::<Result<Vec<_>, _>>()?, Arc::<AtomicUsize>::default());
    let (connected, all_connected) = oneshot::channel();
    let brief = Brief { chat: rig.chat.clone(), tokens, told: told.clone(), connected };
    let hearing = beside(|| brief.hear())?;
    if all_connected.await.is_err() {
        return Err(hearing.await.err().unwrap_or_else(|| "the widgets left".into()));
    }
    let usual_from = end - Duration::from_secs(asked.usual.into());
    if Instant::now() > usual_from {
        let late = Instant::now() - usual_from;
        return Err(format!("connecting took too long by {late:.1?}: raise --ahead, or lower --count").into());
    }
    let mut open = OpenLoop::new(talkers, rig.ledger.clone(), TEXT_BYTES);
    // The gateway is quiet, and the notices that an end is near have been sent, most of them.
    sleep_until(usual_from).await;
    let (count, given_up) = (usize::try_from(asked.count)?, end + ANSWER);
    let goes_on =
        move |at: Instant| at < end + SECOND || (told.load(Ordering::Relaxed) < count && at < given_up);
    let meter = rig.meter()?;
    let sent = open.run(asked.rate, goes_on).await?;
    let usage = meter.stop()?;
    let heard = timeout(ANSWER, hearing).await.map_err(|_| "not all were told within a minute")??;
    rig.ledger.borrow_mut().merge(heard.ledger);
    if let Some(early) = heard.told.iter().find(|at| **at + CLOCKS_APART < end) {
        return Err(format!("an authentication ended {:.1?} before its time", end - *early).into());
    }
    let figures = figures(&heard.told, &sent, end);
    let mut round = Round { figures, bound: "no bound: what is asked of the gateway is a rate" };
    usage.tell(heard.told.len() as u64, "ended authentication", &mut round.figures);
    Ok(round)
}

fn figures(told: &[Instant], sent: &[Sent], end: Instant) -> Figures {
    let last = told.iter().max().copied().unwrap_or(end).max(end + SECOND);
    let mut figures = Figures::default();
    figures.count("authentications ended", told.len() as u64);
    let mut late: Latencies = told.iter().map(|at| at.saturating_duration_since(end)).collect();
    late.tell("told late by", &mut figures);
    let within = |from: Option<Instant>, to: Instant| -> Latencies {
        let within = |sent: &&Sent| from.is_none_or(|from| sent.intended >= from) && sent.intended < to;
        sent.iter().filter(within).map(|sent| sent.latency).collect()
    };
    let (mut usual, mut during) = (within(None, end), within(Some(end), last));
    usual.tell("others' ack, usual", &mut figures);
    during.tell("others' ack, at the end", &mut figures);
    figures.add("p99 at the end / usual", Unit::Share, during.quantile(990) / usual.quantile(990));
    figures
}

impl Brief {
    /// Connects all, and waits until each was told that its authentication has ended. Nobody leaves before: whoever's
    /// token ends goes on chatting, and what thousands of closed sockets cost is not asked here.
    async fn hear(self) -> Result<Heard, Fault> {
        let ledger = Rc::<RefCell<Ledger>>::default();
        let begun = begin_from(&self.chat, &ledger, Rc::new(self.tokens), IN_FLIGHT, |_| None).await?;
        let heard = Rc::<RefCell<Vec<Instant>>>::default();
        let mut listening = JoinSet::new();
        for Begun { widget, place, .. } in begun {
            let (heard, ledger, told) = (heard.clone(), ledger.clone(), self.told.clone());
            listening.spawn_local(async move {
                let (sequence, connection) = downgrade(widget).await?;
                heard.borrow_mut().push(Instant::now());
                told.fetch_add(1, Ordering::Relaxed);
                ledger.borrow_mut().acknowledge(place, sequence, What::Downgraded);
                Ok::<_, Fault>(connection)
            });
        }
        // Who waits for this has failed where it can't be sent, and says so.
        let _ = self.connected.send(());
        let mut staying = Vec::with_capacity(listening.len());
        while let Some(done) = listening.join_next().await {
            staying.push(done??);
        }
        drop(staying);
        Ok(Heard { told: heard.take(), ledger: ledger.take() })
    }
}

/// Waits for the downgrade; its sequence, and the connection, still open.
async fn downgrade(widget: Widget) -> Result<(u64, (Sending, Receiving)), Fault> {
    let (sending, mut receiving) = widget.split();
    loop {
        let text = next(&mut receiving).await?;
        let frame = Frame::parse(&text)?;
        if frame.kind == "authentication" && !frame.is_authenticated() {
            let sequence = frame.sequence.ok_or("`authentication` has no sequence")?;
            return Ok((sequence, (sending, receiving)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_and_what_is_at_the_end_are_kept_apart() {
        let start = Instant::now();
        let end = start + Duration::from_secs(5);
        // Slow from the end to the last that is told, and fast before and after.
        let (told, slow) = ([end + Duration::from_millis(1500)], end..end + Duration::from_millis(1500));
        let sent: Vec<_> = (0..80)
            .map(|number| start + Duration::from_millis(100) * number)
            .map(|intended| {
                let latency = Duration::from_millis(if slow.contains(&intended) { 30 } else { 10 });
                Sent { intended, latency }
            })
            .collect();
        let figures = figures(&told, &sent, end);
        let value = |name| figures.value(name).unwrap();
        let close =
            |name, expected: f64| assert!((value(name) - expected).abs() < 1e-9, "{name}: {figures:?}");
        close("told late by max", 1500.0);
        close("others' ack, usual max", 10.0);
        close("others' ack, at the end p50", 30.0);
        close("p99 at the end / usual", 3.0);
    }
}
