//! One endpoint: reads the journal from its place, gives each conversation a lane, and lets the lanes run.
//!
//! The lanes, the events at hand and the runs at one time have bounds of their own; where the lanes are used up, the
//! journal is read no further. What is slow or fails is kept beside the place (`checkpoint`), which goes on without it:
//! a dead endpoint costs its lanes' memory and some keys, and a restart delivers little twice.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use crate::domain::id::ConversationId;
use crate::journal::{FOLLOW_BATCH_MAX, Follow, Followed, Item, JournalError, Revision};
use crate::wire::event_type;

use super::Shared;
use super::kept::{Held, Place, decode, held_key};
use super::lane::{End, Kept, Lane, Phase, READ_AGAIN_AFTER, judge};
use super::pass::Pass;
use super::run::{Ran, Run, Runner, Running};

/// How much an endpoint may take up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Conversations that have something to deliver. Beyond these, the journal is read no further.
    pub(super) lanes: usize,
    /// Of these, conversations that an operator released, or that waited for a retry when the process began: they leave
    /// room for others.
    pub(super) taken_up: usize,
    /// Runs at one time.
    pub(super) runs: usize,
    /// Of these, for conversations that have failed before: what stalls again leaves room for what doesn't.
    pub(super) retries: usize,
    /// Events that are read at a time.
    pub(super) batch: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lanes: 16_384, taken_up: 8192, runs: 64, retries: 32, batch: FOLLOW_BATCH_MAX }
    }
}

/// Events at hand; those of later lanes are read again.
const EVENTS_MAX: usize = 256;
/// Batches of the journal that the place may fall behind.
const BATCHES_MAX: usize = 1024;
/// How often what has changed is made durable.
const KEPT_EVERY: Duration = Duration::from_secs(1);
/// What is under way when the node stops has so long to end.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// Why an endpoint is no longer served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The node stops.
    Stopping,
    /// Another node has it.
    Lost,
}

/// What is known of an endpoint while this node posts for it.
pub(super) struct Endpoint {
    pub(super) shared: Shared,
    pub(super) runner: Runner,
    pub(super) follow: Follow,
    /// The place as it is kept.
    pub(super) place: Place,
    pub(super) place_revision: Revision,
    /// The position that it may have.
    pub(super) reached: String,
    pub(super) lanes: HashMap<ConversationId, Lane>,
    ready: VecDeque<ConversationId>,
    /// By the instant of the next attempt.
    waiting: BinaryHeap<Reverse<(Instant, ConversationId)>>,
    runs: FuturesUnordered<Running>,
    retries: usize,
    events: usize,
    /// The batches that were read and whose end the place has not reached, the oldest first.
    pub(super) batches: VecDeque<(u64, crate::journal::Position)>,
    last_batch: u64,
    /// When the last event that was read happened.
    pub(super) read_at: Option<crate::domain::time::UnixTime>,
    pub(super) pass: Option<Pass>,
    /// Conversations that are kept, and those of them that are parked.
    pub(super) held: u64,
    pub(super) parked: u64,
    pub(super) is_failing: bool,
    read_again_at: Option<Instant>,
}

/// What happens next.
enum Happened {
    Ran(Ran),
    Read(Result<Vec<Followed>, JournalError>),
    Due,
    Tick,
    Woken,
    Passing,
    Stopping,
}

impl Endpoint {
    pub(super) fn new(
        shared: Shared,
        runner: Runner,
        follow: Follow,
        place: Place,
        place_revision: Revision,
    ) -> Self {
        Self {
            shared,
            runner,
            follow,
            reached: place.position.clone(),
            place,
            place_revision,
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            runs: FuturesUnordered::new(),
            retries: 0,
            events: 0,
            batches: VecDeque::new(),
            last_batch: 0,
            read_at: None,
            pass: Some(Pass::default()),
            held: 0,
            parked: 0,
            is_failing: false,
            read_again_at: None,
        }
    }

    /// Delivers until the node stops or another one takes over.
    pub(super) async fn serve(mut self) -> Left {
        let mut tick = interval(KEPT_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.start_runs();
            match self.next(&mut tick).await {
                Happened::Ran(ran) => self.ran(ran),
                Happened::Read(Ok(batch)) => self.take(batch).await,
                Happened::Read(Err(JournalError::Closed)) | Happened::Stopping => break,
                Happened::Read(Err(error)) => {
                    tracing::warn!(endpoint = %self.shared.webhook.id, %error, "events can't be read, nor delivered");
                    self.read_again_at = Some(Instant::now() + READ_AGAIN_AFTER);
                }
                Happened::Due => {}
                Happened::Tick => {
                    self.read_again_at = self.read_again_at.filter(|at| *at > Instant::now());
                    if !self.checkpoint().await {
                        self.runner.cut.cancel();
                        return Left::Lost;
                    }
                }
                Happened::Woken => self.pass = Some(Pass::default()),
                Happened::Passing => self.pass_on().await,
            }
        }
        self.end().await;
        Left::Stopping
    }

    async fn next(&mut self, tick: &mut tokio::time::Interval) -> Happened {
        let bounds = self.shared.bounds;
        let due = self.waiting.peek().map(|Reverse((at, _))| *at).filter(|_| self.retries < bounds.retries);
        let may_read =
            self.read_again_at.is_none() && self.busy() < bounds.lanes && self.batches.len() < BATCHES_MAX;
        let may_pass = self.pass.is_some() && self.lanes.len() < bounds.taken_up;
        tokio::select! {
            () = self.shared.lifecycle.stopped() => Happened::Stopping,
            Some(ran) = self.runs.next() => Happened::Ran(ran),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Happened::Due,
            _ = tick.tick() => Happened::Tick,
            () = self.shared.wake.notified() => Happened::Woken,
            () = std::future::ready(()), if may_pass => Happened::Passing,
            read = self.follow.next_up_to(bounds.batch), if may_read => Happened::Read(read),
        }
    }

    /// Lanes with something to deliver; those that only wait for the reader to come by don't count.
    fn busy(&self) -> usize {
        self.ready.len() + self.waiting.len() + self.runs.len()
    }

    fn start_runs(&mut self) {
        let now = Instant::now();
        let Shared { lifecycle, clock, alone, bounds, .. } = &self.shared;
        let bounds = *bounds;
        // Where a lease could not be renewed in time, another node may post by now.
        let may_post = *alone || self.place.until > clock.now().millis();
        if lifecycle.is_stopping() || !may_post {
            return;
        }
        while self.runs.len() < bounds.runs && self.retries < bounds.retries {
            let Some(Reverse((at, id))) = self.waiting.peek().copied() else { break };
            if at > now {
                break;
            }
            self.waiting.pop();
            self.start_run(id);
        }
        while self.runs.len() < bounds.runs
            && let Some(id) = self.ready.pop_front()
        {
            self.start_run(id);
        }
    }

    fn start_run(&mut self, conversation: ConversationId) {
        let Some(lane) = self.lanes.get_mut(&conversation) else { return };
        lane.phase = Phase::Running;
        self.retries += usize::from(lane.is_retry());
        let event = lane.event.take();
        self.events -= usize::from(event.is_some());
        let run = Run { conversation, next: lane.next, through: lane.through(), event };
        let next = lane.next;
        let task = self.shared.lifecycle.spawn(self.runner.clone().run(run));
        self.runs.push(Running { conversation, next, task });
    }

    fn ran(&mut self, ran: Ran) {
        let Ran { conversation, next, at, end } = ran;
        let Some(lane) = self.lanes.get_mut(&conversation) else { return };
        self.retries -= usize::from(lane.is_retry());
        let (webhook, now) = (&self.shared.webhook, self.shared.clock.now());
        let failed = match &end {
            End::Failed(failed, _) => Some(failed.clone()),
            _ => None,
        };
        let wait = lane.ran(next, at, end, judge(webhook.retry_for, now, self.shared.jitter.draw()));
        match (lane.phase, wait) {
            (Phase::Ready, _) => self.ready.push_back(conversation),
            (Phase::Waiting, Some(wait)) => self.waiting.push(Reverse((Instant::now() + wait, conversation))),
            _ => {}
        }
        if lane.is_over(false) {
            self.lanes.remove(&conversation);
        }
        if let Some(failed) = failed {
            tracing::debug!(endpoint = %webhook.id, %conversation, sequence = %next, "{}", failed.message);
            if !self.is_failing {
                let (endpoint, why) = (&webhook.id, &failed.message);
                tracing::warn!(%endpoint, "a delivery failed, and is tried again: {why}");
            }
            self.is_failing = true;
        }
    }

    /// Gives each event of a batch to its lane.
    async fn take(&mut self, batch: Vec<Followed>) {
        let Some(last) = batch.last() else { return };
        self.last_batch += 1;
        self.batches.push_back((self.last_batch, last.position));
        self.read_at = Some(last.entry.at);
        for event in batch {
            if self.shared.webhook.admits(&event.place.tenant, event_type(&event.entry.fact)) {
                self.take_one(event).await;
            }
        }
    }

    async fn take_one(&mut self, event: Followed) {
        let conversation = event.place.id;
        if let Some(lane) = self.lanes.get_mut(&conversation) {
            if lane.saw(event.entry.sequence, event.entry.at, self.last_batch) {
                self.ready.push_back(conversation);
            }
            return;
        }
        if let Some(item) = self.held(conversation).await {
            self.load(conversation, &item);
            return;
        }
        let keep_event = self.events < EVENTS_MAX;
        self.events += usize::from(keep_event);
        self.lanes.insert(conversation, Lane::begun_by(event, self.last_batch, keep_event));
        self.ready.push_back(conversation);
    }

    /// What is kept of a conversation that has no lane. It is asked for until the journal tells.
    async fn held(&self, conversation: ConversationId) -> Option<Item> {
        if self.held == 0 && self.pass.is_none() {
            return None;
        }
        let key = held_key(&self.shared.webhook.id, conversation);
        loop {
            match self.shared.journal.get(&key).await {
                Ok(item) => return item,
                Err(error) if self.shared.lifecycle.is_stopping() => {
                    tracing::warn!(endpoint = %self.shared.webhook.id, %error, "what is held can't be read");
                    return None;
                }
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
    }

    /// Takes up what is kept of a conversation, unless it is parked.
    pub(super) fn load(&mut self, conversation: ConversationId, item: &Item) {
        let Some(held) = decode::<Held>(&item.value) else {
            tracing::error!(
                key = item.key,
                "what is kept of a conversation's deliveries is not understood: run the same version on every node"
            );
            return;
        };
        if held.is_parked() || self.lanes.contains_key(&conversation) {
            return;
        }
        let mut lane = Lane::held(&held, self.shared.clock.now());
        lane.kept = Some(Kept { revision: item.revision, is_current: true });
        self.lanes.insert(conversation, lane);
        self.ready.push_back(conversation);
    }

    /// Lets what is under way come to its end, for a short while, and makes the rest durable.
    async fn end(&mut self) {
        let last = async {
            while let Some(ran) = self.runs.next().await {
                self.ran(ran);
            }
        };
        let _ = timeout(STOP_WITHIN, last).await;
        self.runner.cut.cancel();
        while let Some(ran) = self.runs.next().await {
            self.ran(ran);
        }
        self.checkpoint().await;
    }
}
