//! `idle`: what the gateway's memory grows by for each authenticated connection that says nothing.

use std::time::Duration;

use tokio::time::sleep;

use super::{Begun, Round, begin};
use crate::Fault;
use crate::args::Idle;
use crate::figures::Figures;
use crate::rig::Rig;
use crate::widget::next;

/// The gateway is quiet when it uses less of a core than this over a second.
const QUIET: f64 = 0.02;
/// It is measured then, or after this long.
const WAIT_MAX: u32 = 30;

pub(super) async fn round(asked: &Idle, rig: &mut Rig) -> Result<Round, Fault> {
    let tokens = rig.tokens(asked.count)?;
    quiet(rig).await?;
    let before = rig.memory()?;
    let meter = rig.meter()?;
    let begun = begin(rig, tokens, asked.in_flight).await?;
    let usage = meter.stop()?;
    let count = begun.len() as u64;
    let mut held = tokio::task::JoinSet::new();
    for Begun { widget, .. } in begun {
        // Who reads answers pings, and hears of a close.
        let (_sending, mut receiving) = widget.split();
        held.spawn_local(async move {
            loop {
                match next(&mut receiving).await {
                    Ok(_) => {}
                    Err(fault) => return fault,
                }
            }
        });
    }
    quiet(rig).await?;
    let after = rig.memory()?;
    if let Some(ended) = held.try_join_next() {
        return Err(format!("a connection didn't hold: {}", ended?).into());
    }
    let mut figures = Figures::default();
    figures.count("connections held", count);
    if let (Some(before), Some(after)) = (before, after) {
        figures.memory(before, after, count, "connection");
    }
    usage.tell(count, "start", &mut figures);
    Ok(Round { figures, bound: "no bound: nothing is asked of the gateway while it is measured" })
}

/// Waits until the gateway does nothing.
async fn quiet(rig: &Rig) -> Result<(), Fault> {
    for _ in 0..WAIT_MAX {
        let meter = rig.meter()?;
        sleep(Duration::from_secs(1)).await;
        if meter.stop()?.server_share().is_none_or(|share| share < QUIET) {
            break;
        }
    }
    Ok(())
}
