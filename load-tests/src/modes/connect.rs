//! `connect`: from the TCP connection to `started`, authenticated and durable; then it is gone.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::time::Instant;

use super::{Round, each};
use crate::Fault;
use crate::args::Connect;
use crate::figures::{Figures, Unit, float};
use crate::latency::Latencies;
use crate::rig::Rig;
use crate::widget::Widget;

/// Conversations before the clock starts: the gateway has fetched the keys, and both have their memory.
const WARM_UP: usize = 500;

pub(super) async fn round(asked: &Connect, rig: &mut Rig) -> Result<Round, Fault> {
    let tokens = Rc::new(rig.tokens(asked.count)?);
    let warm_up = tokens.len().min(WARM_UP);
    connect(rig, tokens.clone(), warm_up, asked.in_flight).await?;
    let meter = rig.meter()?;
    let latencies = connect(rig, tokens.clone(), tokens.len(), asked.in_flight).await?;
    let usage = meter.stop()?;
    let mut figures = Figures::default();
    let rate = float(latencies.len()) / usage.lasted.as_secs_f64();
    figures.add("authenticated conversations begun", Unit::PerSecond, rate);
    latencies.tell("start", &mut figures);
    let bound = usage.tell(latencies.len(), "start", &mut figures);
    Ok(Round { figures, bound })
}

/// Begins a conversation with each of the first `count` tokens.
async fn connect(
    rig: &Rig,
    tokens: Rc<Vec<String>>,
    count: usize,
    in_flight: u32,
) -> Result<Latencies, Fault> {
    let latencies = Rc::new(RefCell::new(Latencies::new()));
    let (all, ledger, chat) = (latencies.clone(), rig.ledger.clone(), rig.chat.clone());
    each(count, in_flight, move |number| {
        let (all, ledger, chat, tokens) = (all.clone(), ledger.clone(), chat.clone(), tokens.clone());
        async move {
            let began = Instant::now();
            let mut widget = Widget::connect(&chat, None).await?;
            let ticket = widget.start(&tokens[number]).await?;
            all.borrow_mut().record(began.elapsed());
            ledger.borrow_mut().started(&ticket.conversation, ticket.sequence);
            widget.cut()
        }
    })
    .await?;
    Ok(latencies.replace(Latencies::new()))
}
