//! A widget at the end of a socket: it does what the gateway's session does, and keeps what it was shown.

use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::domain::conversation::Fact;
use crate::wire::{Close, replayed_frame};

/// More than any story sends: no socket here is too slow.
const QUEUE: usize = 512;

/// A frame that has a sequence.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) kind: String,
    pub(super) sequence: u64,
    pub(super) frame: serde_json::Value,
    /// Whether it came as it happened, and not out of the past.
    pub(super) is_live: bool,
}

#[derive(Debug)]
pub(super) struct Widget {
    pub(super) id: SocketId,
    pub(super) required: bool,
    pub(super) shown: Vec<Shown>,
    pub(super) closed: Option<u16>,
    /// What of the past it has to read yet.
    pub(super) past: Option<Sequence>,
    outgoing: mpsc::Receiver<Outgoing>,
    cut: oneshot::Receiver<Close>,
}

impl Widget {
    pub(super) fn new(metrics: &Arc<Metrics>, required: bool) -> (Socket, Self) {
        let (queue, outgoing) = mpsc::channel(QUEUE);
        let (cutter, cut) = oneshot::channel();
        let id = SocketId::next();
        let state = Arc::new(ConnectionState::new(metrics.clone()));
        let socket = Socket::new(id, queue, cutter, state).for_signed_in(required);
        (socket, Self { id, required, shown: Vec::new(), closed: None, past: None, outgoing, cut })
    }

    /// Takes all that there is for it; whether it has read the past.
    pub(super) async fn take(&mut self, journal: &Journal, live: &Arc<Live>) -> bool {
        let mut has_read = false;
        while self.closed.is_none() {
            if let Ok(close) = self.cut.try_recv() {
                self.closed = Some(close.code());
            } else if let Some(after) = self.past.take() {
                self.read(journal, live, after).await;
                has_read = true;
            } else {
                match self.outgoing.try_recv() {
                    Ok(Outgoing::Frame(frame)) => self.see(&frame, true),
                    Ok(Outgoing::Order(order)) => match *order {
                        Order::Notices(_) => {}
                        Order::Replay { after } => self.past = Some(after),
                        Order::Close(close) => self.closed = Some(close.code()),
                    },
                    Err(_) => break,
                }
            }
        }
        has_read
    }

    fn see(&mut self, frame: &str, is_live: bool) {
        let frame: serde_json::Value = serde_json::from_str(frame).unwrap();
        let kind = frame["type"].as_str().unwrap().to_owned();
        if let Some(sequence) = frame["sequence"].as_u64() {
            self.shown.push(Shown { kind, sequence, frame, is_live });
        }
    }

    /// What the gateway's replay does.
    async fn read(&mut self, journal: &Journal, live: &Arc<Live>, after: Sequence) {
        let mut seen = after;
        loop {
            let page = journal.read(live.id(), seen, 256).await.unwrap();
            let entries = page.map(|page| page.entries).unwrap_or_default();
            let mut locked = live.lock().await.unwrap().unwrap();
            if let Some((_, last)) = entries.last() {
                locked.learn_up_to(last.sequence).await.unwrap();
            }
            for (_, entry) in &entries {
                if let Ok(close) = self.cut.try_recv() {
                    self.closed = Some(close.code());
                    return;
                }
                if self.required && locked.conversation().withholds(entry) {
                    locked.wait_for_sign_in(self.id, seen);
                    return;
                }
                seen = entry.sequence;
                if let Some(frame) = replayed_frame(entry) {
                    self.see(&frame.to_json(), false);
                }
                if matches!(entry.fact, Fact::Ended(_)) {
                    self.closed = Some(Close::Ended.code());
                    return;
                }
            }
            if locked.conversation().sequence() <= seen {
                if locked.conversation().is_open() {
                    locked.go_live(self.id, seen);
                } else {
                    self.closed = Some(Close::Ended.code());
                }
                return;
            }
        }
    }
}
