//! `expiry`: many authentications end at the same instant, while others talk.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::open_loop::{OpenLoop, Sent};
use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Expiry;
use crate::clock::unix_now;
use crate::figures::{Figures, Unit};
use crate::latency::Latencies;
use crate::ledger::{Ledger, What};
use crate::rig::Rig;
use crate::widget::{ANSWER, Frame, next};

/// How many connect at one time.
const IN_FLIGHT: u32 = 64;
/// Bytes of what the others say.
const TEXT_BYTES: usize = 128;
/// The second of the end, which is looked at whole even where all is told sooner.
const SECOND: Duration = Duration::from_secs(1);
/// No clock reads finer than this together with another.
const CLOCKS_APART: Duration = Duration::from_millis(5);

/// When each was told that its authentication has ended.
type Told = Rc<RefCell<Vec<Instant>>>;

pub(super) async fn round(asked: &Expiry, rig: &mut Rig) -> Result<Round, Fault> {
    let talkers = begin(rig, Rc::new(rig.tokens(asked.talkers)?), IN_FLIGHT).await?;
    let exp = unix_now().as_secs() + u64::from(asked.ahead);
    // The same instant by the clock that measures.
    let end = Instant::now() + Duration::from_secs(exp).saturating_sub(unix_now());
    let tokens = (0..asked.count).map(|number| rig.signer.mint(&format!("brief-{number}"), exp));
    let begun = begin(rig, Rc::new(tokens.collect::<Result<Vec<_>, _>>()?), IN_FLIGHT).await?;
    let usual_from = end - Duration::from_secs(asked.usual.into());
    if Instant::now() > usual_from {
        let late = Instant::now() - usual_from;
        return Err(format!("connecting took too long by {late:.1?}: raise --ahead, or lower --count").into());
    }
    let count = begun.len();
    let told = Told::default();
    let mut listening = JoinSet::new();
    for one in begun {
        listening.spawn_local(hear_the_end(one, rig.ledger.clone(), told.clone()));
    }
    let mut open = OpenLoop::new(talkers, rig.ledger.clone(), TEXT_BYTES);
    // The gateway is quiet, and the notices that an end is near have been sent, most of them.
    tokio::time::sleep_until(usual_from).await;
    let (all, given_up) = (told.clone(), end + ANSWER);
    let goes_on = move |at: Instant| at < end + SECOND || (all.borrow().len() < count && at < given_up);
    let meter = rig.meter()?;
    let sent = open.run(asked.rate, goes_on).await?;
    let usage = meter.stop()?;
    while let Some(heard) = timeout(ANSWER, listening.join_next()).await.map_err(|_| "not all were told")? {
        heard??;
    }
    let told = told.take();
    if let Some(early) = told.iter().find(|at| **at + CLOCKS_APART < end) {
        return Err(format!("an authentication ended {:.1?} before its time", end - *early).into());
    }
    let last = told.iter().max().copied().unwrap_or(end).max(end + SECOND);
    let mut figures = Figures::default();
    figures.count("authentications ended", told.len() as u64);
    let mut late: Latencies = told.iter().map(|at| at.saturating_duration_since(end)).collect();
    late.tell("told late by", &mut figures);
    let mut usual = latencies(&sent, |at| at < end);
    let mut during = latencies(&sent, |at| at >= end && at < last);
    usual.tell("others' ack, usual", &mut figures);
    during.tell("others' ack, at the end", &mut figures);
    figures.add("p99 at the end / usual", Unit::Share, during.quantile(990) / usual.quantile(990));
    usage.tell(told.len() as u64, "ended authentication", &mut figures);
    Ok(Round { figures, bound: "no bound: what is asked of the gateway is a rate" })
}

fn latencies(sent: &[Sent], within: impl Fn(Instant) -> bool) -> Latencies {
    sent.iter().filter(|sent| within(sent.intended)).map(|sent| sent.latency).collect()
}

/// Waits for the downgrade, and notes when it was told.
async fn hear_the_end(begun: Begun, ledger: Rc<RefCell<Ledger>>, told: Told) -> Result<(), Fault> {
    let (_sending, mut receiving) = begun.widget.split();
    loop {
        let text = next(&mut receiving).await?;
        let frame = Frame::parse(&text)?;
        if frame.kind == "authentication" && !frame.is_authenticated() {
            told.borrow_mut().push(Instant::now());
            let sequence = frame.sequence.ok_or("`authentication` has no sequence")?;
            ledger.borrow_mut().acknowledge(begun.place, sequence, What::Downgraded);
            return Ok(());
        }
    }
}
