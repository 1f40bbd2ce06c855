//! `message`: texts made durable, in a closed loop (each widget sends when its last one was accepted) or in an open one
//! (a constant rate, whatever became of those before).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::open_loop::OpenLoop;
use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Message;
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::ledger::{Ledger, What};
use crate::rig::Rig;

/// How many widgets connect at one time, before the clock starts.
const IN_FLIGHT: u32 = 64;

pub(super) async fn round(asked: &Message, rig: &mut Rig) -> Result<Round, Fault> {
    let begun = begin(rig, Rc::new(rig.tokens(asked.widgets)?), IN_FLIGHT).await?;
    let text = Rc::new("m".repeat(usize::try_from(asked.bytes)?));
    let lasting = Duration::from_secs(asked.seconds.into());
    let meter = rig.meter()?;
    let mut latencies = match asked.rate {
        None => closed_loop(begun, rig.ledger.clone(), &text, lasting, 0).await?.0,
        Some(rate) => {
            let mut open = OpenLoop::new(begun, rig.ledger.clone(), text.len());
            let end = Instant::now() + lasting;
            let sent = open.run(rate, |intended| intended < end).await?;
            sent.into_iter().map(|sent| sent.latency).collect()
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

/// Each widget sends when its last message was accepted; how long that took, and the widgets. Messages are numbered from
/// `first` on, so that none is said twice.
pub(super) async fn closed_loop(
    begun: Vec<Begun>,
    ledger: Rc<RefCell<Ledger>>,
    text: &Rc<String>,
    lasting: Duration,
    first: u64,
) -> Result<(Latencies, Vec<Begun>), Fault> {
    let latencies = Rc::new(RefCell::new(Latencies::default()));
    let end = Instant::now() + lasting;
    let mut talking = JoinSet::new();
    for mut begun in begun {
        let (latencies, ledger, text) = (latencies.clone(), ledger.clone(), text.clone());
        talking.spawn_local(async move {
            for number in first.. {
                let said = Instant::now();
                if said >= end {
                    break;
                }
                let sequence = begun.widget.say(number, &text).await?;
                latencies.borrow_mut().record(said.elapsed());
                ledger.borrow_mut().acknowledge(begun.place, sequence, What::Message(number));
            }
            Ok::<_, Fault>(begun)
        });
    }
    let mut back = Vec::new();
    while let Some(done) = talking.join_next().await {
        back.push(done??);
    }
    Ok((latencies.take(), back))
}
