//! The modes: what each puts the gateway through.

mod connect;
mod expiry;
mod idle;
mod message;
mod neighbour;
mod open_loop;
mod readers;
mod storm;

use std::cell::RefCell;
use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::Fault;
use crate::args::{Args, Mode};
use crate::cores::{pin, raise_descriptors};
use crate::figures::{Figures, Report};
use crate::ledger::{Ledger, Place};
use crate::rig::{self, Rig, Setup};
use crate::server;
use crate::widget::{Chat, Ticket, Widget};

/// What a round came to.
#[derive(Debug)]
struct Round {
    figures: Figures,
    bound: &'static str,
}

/// Runs all rounds of a mode and tells what they came to.
pub(crate) async fn run(args: &Args) -> Result<(), Fault> {
    let descriptors = raise_descriptors();
    if u64::from(args.mode.connections()) + DESCRIPTORS_BESIDES > descriptors {
        let fault =
            format!("{descriptors} descriptors are too few: ask for fewer connections, or raise `ulimit -n`");
        return Err(fault.into());
    }
    args.common.generator_core.map_or(Ok(()), pin)?;
    let mut report = Report {
        mode: args.mode.name(),
        parameters: args.mode.parameters(),
        versions: versions(args)?,
        rounds: Vec::new(),
        bounds: Vec::new(),
        checked: 0,
    };
    for _ in 0..args.common.rounds {
        let mut rig = Rig::start(&args.common, args.mode.setup()).await?;
        let round = args.mode.round(&mut rig).await?;
        report.checked += rig.check().await?;
        rig.finish()?;
        report.rounds.push(round.figures);
        report.bounds.push(round.bound);
    }
    io::stdout().write_all(report.table().as_bytes())?;
    if let Some(path) = &args.common.json {
        fs::write(path, format!("{:#}\n", report.json()))?;
    }
    Ok(())
}

/// Descriptors for what is no widget's connection.
const DESCRIPTORS_BESIDES: u64 = 64;

impl Mode {
    const fn name(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Message(_) => "message",
            Self::Idle(_) => "idle",
            Self::Storm(_) => "storm",
            Self::Expiry(_) => "expiry",
            Self::Neighbour(_) => "neighbour",
            Self::Readers(_) => "readers",
        }
    }

    /// The most connections at one time.
    fn connections(&self) -> u32 {
        match self {
            Self::Connect(asked) => asked.in_flight,
            Self::Message(asked) => asked.widgets,
            Self::Idle(asked) => asked.count,
            Self::Storm(asked) => asked.count,
            Self::Expiry(asked) => asked.count + asked.talkers,
            Self::Neighbour(asked) => asked.talkers + asked.in_flight,
            Self::Readers(asked) => asked.widgets + asked.counts.iter().max().copied().unwrap_or_default(),
        }
    }

    fn parameters(&self) -> Value {
        match self {
            Self::Connect(asked) => json!(asked),
            Self::Message(asked) => json!(asked),
            Self::Idle(asked) => json!(asked),
            Self::Storm(asked) => json!(asked),
            Self::Expiry(asked) => json!(asked),
            Self::Neighbour(asked) => json!(asked),
            Self::Readers(asked) => json!(asked),
        }
    }

    const fn setup(&self) -> Setup {
        match self {
            Self::Neighbour(_) => Setup { config: "defaults.toml", other_endpoint_hangs: true },
            _ => Setup { config: "usher.toml", other_endpoint_hangs: false },
        }
    }

    async fn round(&self, rig: &mut Rig) -> Result<Round, Fault> {
        match self {
            Self::Connect(asked) => connect::round(asked, rig).await,
            Self::Message(asked) => message::round(asked, rig).await,
            Self::Idle(asked) => idle::round(asked, rig).await,
            Self::Storm(asked) => storm::round(asked, rig).await,
            Self::Expiry(asked) => expiry::round(asked, rig).await,
            Self::Neighbour(asked) => neighbour::round(asked, rig).await,
            Self::Readers(asked) => readers::round(asked, rig).await,
        }
    }
}

fn versions(args: &Args) -> Result<Value, Fault> {
    let first = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let gateway = match &args.common.url {
        Some(url) => url.clone(),
        None => server::version(&rig::usher(&args.common)?)?,
    };
    Ok(json!({
        "gateway": gateway,
        "generator": concat!("usher-load ", env!("CARGO_PKG_VERSION")),
        "kernel": first("/proc/sys/kernel/osrelease", ""),
        "processor": first("/proc/cpuinfo", "model name"),
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    }))
}

/// Runs `work` once for each number below `count`, so many at one time; the first fault ends all.
async fn each<F>(count: usize, in_flight: u32, work: impl Fn(usize) -> F + 'static) -> Result<(), Fault>
where
    F: Future<Output = Result<(), Fault>> + 'static,
{
    let (next, work) = (Rc::new(RefCell::new(0..count)), Rc::new(work));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let (next, work) = (next.clone(), work.clone());
        workers.spawn_local(async move {
            loop {
                let Some(number) = next.borrow_mut().next() else { return Ok::<_, Fault>(()) };
                work(number).await?;
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// A widget that has begun an authenticated conversation.
#[derive(Debug)]
struct Begun {
    widget: Widget,
    ticket: Ticket,
    place: Place,
    /// Which of the tokens began it.
    number: usize,
}

/// Begins a conversation with each of these tokens, so many at one time.
async fn begin(rig: &Rig, tokens: Rc<Vec<String>>, in_flight: u32) -> Result<Vec<Begun>, Fault> {
    begin_from(&rig.chat, &rig.ledger, tokens, in_flight, |_| None).await
}

/// The same, each number from a local address of its own where one is given for it.
async fn begin_from(
    chat: &Chat,
    ledger: &Rc<RefCell<Ledger>>,
    tokens: Rc<Vec<String>>,
    in_flight: u32,
    from: fn(usize) -> Option<IpAddr>,
) -> Result<Vec<Begun>, Fault> {
    let begun = Rc::new(RefCell::new(Vec::with_capacity(tokens.len())));
    let (all, ledger, chat, count) = (begun.clone(), ledger.clone(), chat.clone(), tokens.len());
    each(count, in_flight, move |number| {
        let (all, ledger, chat, tokens) = (all.clone(), ledger.clone(), chat.clone(), tokens.clone());
        async move {
            let mut widget = Widget::connect(&chat, from(number)).await?;
            let ticket = widget.start(&tokens[number]).await?;
            let place = ledger.borrow_mut().started(&ticket.conversation, ticket.sequence);
            all.borrow_mut().push(Begun { widget, ticket, place, number });
            Ok(())
        }
    })
    .await?;
    Ok(begun.take())
}
