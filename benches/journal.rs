//! How many messages a second become durable: each appender waits for its own before it sends the next.
//!
//! `cargo bench --bench journal`. The figures are those of this disk's flush; what they are compared with must be
//! measured in the same run. Arguments: seconds a measurement (default 3), runs (default 3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use usher::domain::conversation::{
    Authentication, Author, Entry, Fact, Message, MessageId, MessageText, Place,
};
use usher::domain::id::{ConversationId, RecordId};
use usher::domain::time::UnixTime;
use usher::journal::{Appended, Head, Journal, Record};
use usher::metrics::Metrics;

const APPENDERS: [u32; 3] = [1, 64, 200];
const TEXT_BYTES: usize = 120;

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (seconds, runs) = (numbers.first().copied().unwrap_or(3), numbers.get(1).copied().unwrap_or(3));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    for run in 1..=runs {
        for appenders in APPENDERS {
            let (rate, mut waits) = runtime.block_on(measure(appenders, Duration::from_secs(seconds)));
            waits.sort_unstable();
            let at = |share: usize| waits[(waits.len() - 1) * share / 100].as_secs_f64() * 1000.0;
            println!(
                "run {run}: {appenders:>3} appenders {rate:>7} durable messages/s, p50 {:.2} ms, p99 {:.2} ms",
                at(50),
                at(99)
            );
        }
    }
}

async fn measure(appenders: u32, span: Duration) -> (u64, Vec<Duration>) {
    let folder = tempfile::tempdir_in(".").expect("a folder on the disk at hand");
    let journal = Journal::open(&folder.path().join("journal"), Arc::new(Metrics::new())).expect("a journal");
    let (stop, stored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for appender in 0..appenders {
        tasks.spawn(append(journal.clone(), appender, stop.clone(), stored.clone()));
    }
    tokio::time::sleep(span).await;
    stop.store(true, Ordering::Relaxed);
    let (rate, elapsed) = (stored.load(Ordering::Relaxed), began.elapsed());
    let waits = tasks.join_all().await.concat();
    journal.close().await;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rate"
    )]
    ((rate as f64 / elapsed.as_secs_f64()) as u64, waits)
}

async fn append(
    journal: Journal,
    appender: u32,
    stop: Arc<AtomicBool>,
    stored: Arc<AtomicU64>,
) -> Vec<Duration> {
    let at = UnixTime::from_seconds(1_760_000_000);
    let mut random = [0; 10];
    random[..4].copy_from_slice(&appender.to_be_bytes());
    let place = Place {
        id: ConversationId::new(at, random),
        tenant: "contoso".parse().expect("a tenant's id"),
        widget: "shop".parse().expect("a widget's id"),
    };
    let (mut head, mut waits) = (Head::EMPTY, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let message = Message {
            author: Author::Customer,
            id: MessageId::new(&head.sequence().to_string()).expect("an id"),
            text: MessageText::new(&"x".repeat(TEXT_BYTES), TEXT_BYTES).expect("a text"),
            name: None,
            authenticated: false,
        };
        let entry = Entry {
            sequence: head.sequence().next(),
            at,
            authentication: Authentication::Anonymous,
            fact: Fact::Message(message),
        };
        let record =
            Record::new(RecordId::new(uuid::Uuid::new_v4().into_bytes()), vec![entry]).expect("a record");
        let began = Instant::now();
        match journal.append(&place, head, &record).await {
            Appended::Stored(next) => head = next,
            other => panic!("a message was not stored: {other:?}"),
        }
        waits.push(began.elapsed());
        stored.fetch_add(1, Ordering::Relaxed);
    }
    waits
}
