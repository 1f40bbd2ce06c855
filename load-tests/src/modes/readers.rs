//! `readers`: readers of every event while widgets talk: how late each event comes, and what the talking costs more for
//! it. At a constant rate, or in a closed loop that fills the gateway's core.
//!
//! A delay counts from the event's `time`, at which it was decided: so it holds the commit as well, and needs nothing
//! of the widgets' side. That is told in whole milliseconds, by the same machine's clock.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::message::closed_loop;
use super::open_loop::OpenLoop;
use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Readers;
use crate::beside::beside;
use crate::clock::unix_now;
use crate::events::{Consumer, Events, Line};
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::rig::Rig;

/// How many widgets connect at one time, before the clock starts.
const IN_FLIGHT: u32 = 64;
/// Bytes of a text.
const TEXT_BYTES: usize = 128;
/// How long a reader may take to have read everything, once nothing more is said.
const CATCH_UP: Duration = Duration::from_mins(2);
const DAY: u64 = 86_400_000_000;
/// Between the numbers of messages of one measurement and those of the next.
const APART: u64 = 1 << 40;

/// Who talks, in either form.
enum Talk {
    Open { open: OpenLoop, rate: u32 },
    Closed { begun: Vec<Begun>, text: Rc<String>, runs: u64 },
}

pub(super) async fn round(asked: &Readers, rig: &mut Rig) -> Result<Round, Fault> {
    let begun = begin(rig, Rc::new(rig.tokens(asked.widgets)?), IN_FLIGHT).await?;
    let mut talk = if asked.saturate {
        Talk::Closed { begun, text: Rc::new("m".repeat(TEXT_BYTES)), runs: 0 }
    } else {
        Talk::Open { open: OpenLoop::new(begun, rig.ledger.clone(), TEXT_BYTES), rate: asked.rate }
    };
    let lasting = Duration::from_secs(asked.seconds.into());
    let mut figures = Figures::default();
    let mut bound = measure(&mut talk, rig, 0, lasting, &mut figures).await?;
    for readers in &asked.counts {
        bound = measure(&mut talk, rig, *readers, lasting, &mut figures).await?;
        let p99 = |readers: u32| figures.value(&format!("{}: ack p99", name(readers))).unwrap_or(f64::NAN);
        let ratio = p99(*readers) / p99(0);
        figures.add(format!("{}: ack p99 / without", name(*readers)), Unit::Share, ratio);
    }
    Ok(Round { figures, bound })
}

fn name(readers: u32) -> String {
    match readers {
        0 => "no readers".to_owned(),
        1 => "1 reader".to_owned(),
        more => format!("{more} readers"),
    }
}

/// Talks while so many read, and tells both sides; what it was bound by.
async fn measure(
    talk: &mut Talk,
    rig: &Rig,
    readers: u32,
    lasting: Duration,
    figures: &mut Figures,
) -> Result<&'static str, Fault> {
    let name = name(readers);
    let (all_said, said) = watch::channel(None);
    let reading = Reading::begin(readers, rig.consumer.clone(), said).await?;
    let meter = rig.meter()?;
    let mut acks = talk.go(rig, lasting).await?;
    let usage = meter.stop()?;
    all_said.send_replace(Some(acks.len()));
    let rate = float(acks.len()) / usage.lasted.as_secs_f64();
    figures.add(format!("{name}: messages accepted"), Unit::PerSecond, rate);
    acks.tell(&format!("{name}: ack"), figures);
    let mut own = Figures::default();
    let bound = usage.tell(acks.len(), "message", &mut own);
    figures.take(&format!("{name}: "), own);
    let behind = Instant::now();
    let mut delays = reading.end().await?;
    if readers > 0 {
        figures.add(format!("{name}: read to the end after"), Unit::Seconds, behind.elapsed().as_secs_f64());
        tell(&name, &mut delays, figures);
    }
    Ok(bound)
}

/// Each reader's delays, and the worst reader's.
fn tell(name: &str, delays: &mut [Latencies], figures: &mut Figures) {
    for (label, thousandths) in [("p50", 500), ("p99", 990), ("max", 1000)] {
        let each = delays.iter_mut().map(|delays| delays.quantile(thousandths));
        let worst = each.fold(0.0, f64::max);
        figures.add(format!("{name}: event {label}, worst reader"), Unit::Milliseconds, worst);
    }
    for (number, delays) in (1..).zip(delays) {
        for (label, thousandths) in [("p50", 500), ("p99", 990)] {
            let each = format!("{name}: event {label}, reader {number}");
            figures.add(each, Unit::Milliseconds, delays.quantile(thousandths));
        }
    }
}

impl Talk {
    async fn go(&mut self, rig: &Rig, lasting: Duration) -> Result<Latencies, Fault> {
        match self {
            Self::Open { open, rate } => {
                let end = Instant::now() + lasting;
                let sent = open.run(*rate, |intended| intended < end).await?;
                Ok(sent.into_iter().map(|sent| sent.latency).collect())
            }
            Self::Closed { begun, text, runs } => {
                let all = std::mem::take(begun);
                let (latencies, back) =
                    closed_loop(all, rig.ledger.clone(), text, lasting, *runs * APART).await?;
                *begun = back;
                *runs += 1;
                Ok(latencies)
            }
        }
    }
}

/// Readers at work on a thread of their own.
struct Reading<F>(F);

impl Reading<()> {
    /// Returns once each of them follows live. They end when they have seen as many messages as `said` tells.
    async fn begin(
        readers: u32,
        consumer: Consumer,
        said: watch::Receiver<Option<u64>>,
    ) -> Result<Reading<impl Future<Output = Result<Vec<Latencies>, Fault>>>, Fault> {
        let (follows, mut following) = mpsc::channel(usize::try_from(readers)?.max(1));
        let reading = beside(move || async move {
            let mut all = JoinSet::new();
            for _ in 0..readers {
                all.spawn_local(read(consumer.clone(), follows.clone(), said.clone()));
            }
            drop(follows);
            let mut delays = Vec::new();
            while let Some(done) = all.join_next().await {
                delays.push(done??);
            }
            Ok(delays)
        })?;
        for _ in 0..readers {
            if following.recv().await.is_none() {
                // Those who can't read say why.
                return Err(reading.await.err().unwrap_or_else(|| "a reader ended before it began".into()));
            }
        }
        Ok(Reading(reading))
    }
}

impl<F: Future<Output = Result<Vec<Latencies>, Fault>>> Reading<F> {
    async fn end(self) -> Result<Vec<Latencies>, Fault> {
        let late = || format!("a reader has not read everything {CATCH_UP:?} after the last message");
        timeout(CATCH_UP, self.0).await.map_err(|_| late())?
    }
}

/// What matters of an event here.
#[derive(Deserialize)]
struct Told<'a> {
    r#type: &'a str,
    time: &'a str,
}

async fn read(
    consumer: Consumer,
    follows: mpsc::Sender<()>,
    mut said: watch::Receiver<Option<u64>>,
) -> Result<Latencies, Fault> {
    let mut events = Events::open(&consumer, Some("latest")).await?;
    let (mut delays, mut is_over) = (Latencies::default(), false);
    // The gateway says at once where a reader stands that begins now.
    events.next().await?;
    follows.send(()).await?;
    drop(follows);
    loop {
        if said.borrow().is_some_and(|said| delays.len() >= said) {
            return Ok(delays);
        }
        let line = tokio::select! {
            line = events.next() => line?,
            changed = said.changed(), if !is_over => {
                // The run has failed where nobody tells any more.
                changed?;
                is_over = true;
                continue;
            }
        };
        if let Line::Data(data) = line {
            let event: Told<'_> = serde_json::from_slice(&data)?;
            if event.r#type == "usher.conversation.message" {
                delays.record(delay(event.time, unix_now())?);
            }
        }
    }
}

/// From an event's `time` until now. The date is left out: no event is half a day late.
fn delay(time: &str, now: Duration) -> Result<Duration, Fault> {
    let part = |from: usize, digits: usize| -> Result<u64, Fault> {
        let part = time.get(from..from + digits).ok_or_else(|| format!("{time} is no time"))?;
        Ok(part.parse()?)
    };
    let minutes = part(11, 2)? * 60 + part(14, 2)?;
    let micros = ((minutes * 60 + part(17, 2)?) * 1000 + part(20, 3)?) * 1000;
    let now = u64::try_from(now.as_micros() % u128::from(DAY))?;
    let late = (now + DAY - micros) % DAY;
    // Clocks of different grain may put the arrival before the event.
    Ok(Duration::from_micros(if late > DAY / 2 { 0 } else { late }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(time: &str, now: u64) -> u128 {
        delay(time, Duration::from_micros(now)).unwrap().as_micros()
    }

    #[test]
    fn a_delay_counts_from_the_events_time_of_day() {
        assert_eq!(micros("1970-01-01T00:00:01.500Z", 1_500_250), 250);
        assert_eq!(micros("1970-01-01T00:00:01.500Z", 1_499_999), 0, "nothing is early");
        assert_eq!(micros("1970-01-01T23:59:59.999Z", DAY + 1_000), 2_000, "over midnight");
        assert_eq!(
            micros("2026-11-22T10:20:30.040Z", ((10 * 60 + 20) * 60 + 30) * 1_000_000 + 41_000),
            1_000
        );
        assert!(delay("yesterday", Duration::ZERO).is_err());
    }
}
