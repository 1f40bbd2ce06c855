//! One tenant's document, and every rule about when it is fetched again. Pure: the instant is an argument, and
//! whoever holds the cache does what it answers.

use std::sync::Arc;
use std::time::Duration;

use super::failure::FetchError;
use super::throttle::Throttle;
use crate::domain::time::UnixTime;

/// `Cache-Control: max-age` is honoured from here…
pub const MIN_MAX_AGE: Duration = Duration::from_mins(1);
/// … to here.
pub const MAX_MAX_AGE: Duration = Duration::from_hours(1);
/// No document is refetched sooner than this, whatever `fresh_for` says.
pub const MIN_FRESH_FOR: Duration = Duration::from_secs(1);
/// The backoff after a first failure…
pub const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// … and the longest.
pub const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// An operator's fetches of one tenant's document are at least this far apart.
pub const FORCED_EVERY: Duration = Duration::from_secs(5);
/// A refresh ahead begins at this part of the freshness…
const REFRESH_AT: f64 = 0.8;
/// … give or take half of this part, so that tenants fetched together drift apart.
const REFRESH_SPREAD: f64 = 0.1;

/// How long documents serve.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// Without being fetched again, where the endpoint gives no `max-age`.
    pub fresh_for: Duration,
    /// After that, where fetches fail.
    pub stale_for: Duration,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { fresh_for: Duration::from_mins(10), stale_for: Duration::from_hours(24) }
    }
}

/// What made usher fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A token came and there was no document.
    Cold,
    /// The document is used and will soon not be fresh.
    RefreshAhead,
    /// A token came and the document was no longer fresh.
    Expired,
    /// A token named a `kid` that the set lacks.
    UnknownKid,
    /// A token's signature failed against a single PEM.
    Signature,
    /// An operator asked.
    Admin,
}

impl Trigger {
    /// The value of the label `trigger` in `usher_key_fetches_total`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::RefreshAhead => "refresh_ahead",
            Self::Expired => "expired",
            Self::UnknownKid => "unknown_kid",
            Self::Signature => "signature",
            Self::Admin => "admin",
        }
    }
}

/// A document in force, `D` being its parsed form.
#[derive(Debug)]
pub struct Served<D> {
    /// The document.
    pub document: Arc<D>,
    /// Grows by one with each fetch that confirmed or replaced the document.
    pub generation: u64,
    /// When the document was last confirmed.
    pub fetched_at: UnixTime,
    /// Served past its freshness because fetches fail.
    pub stale: bool,
}

impl<D> Clone for Served<D> {
    fn clone(&self) -> Self {
        Self { document: Arc::clone(&self.document), ..*self }
    }
}

/// A document and what is known about it.
#[derive(Debug)]
pub(super) struct Held<D> {
    pub(super) document: Arc<D>,
    pub(super) body: Arc<[u8]>,
    pub(super) etag: Option<String>,
    pub(super) generation: u64,
    pub(super) fetched_at: UnixTime,
    pub(super) refresh_at: UnixTime,
    pub(super) fresh_until: UnixTime,
    pub(super) stale_until: UnixTime,
}

/// A document as it was kept.
#[derive(Debug)]
pub(super) struct Kept<D> {
    pub(super) document: Arc<D>,
    pub(super) body: Arc<[u8]>,
    pub(super) etag: Option<String>,
    pub(super) fetched_at: UnixTime,
    pub(super) fresh_until: UnixTime,
}

/// What a use of the keys calls for.
#[derive(Debug)]
pub(super) enum Use<D> {
    /// Serve this; `refresh` also begins a fetch in the background.
    Serve { served: Served<D>, refresh: bool },
    /// Wait for the fetch in flight, or for one begun now.
    Wait(Trigger),
    /// There is nothing to serve until a fetch succeeds, which may be tried again after this long.
    Unavailable { retry_after: Duration },
}

/// What a wish for a newer document calls for.
#[derive(Debug)]
pub(super) enum Refetch<D> {
    /// This is newer already.
    Serve(Served<D>),
    /// Wait for the fetch in flight, or for one begun now.
    Wait,
    /// Not before this long.
    Throttled { retry_after: Duration },
}

/// What the background has to do for a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefreshAhead {
    /// Nothing: it is not fresh, or nobody has used it; a use will say so.
    No,
    /// Nothing before this instant.
    AskAt(UnixTime),
    /// To fetch it.
    Now,
}

/// One tenant's document and the state of its fetching.
#[derive(Debug)]
pub(super) struct Cache<D> {
    freshness: Freshness,
    held: Option<Held<D>>,
    used: bool,
    failures: u32,
    blocked_until: UnixTime,
    last_failure: Option<(UnixTime, FetchError)>,
    throttle: Throttle,
    forced_until: UnixTime,
}

impl<D> Cache<D> {
    pub(super) const fn new(freshness: Freshness) -> Self {
        Self {
            freshness,
            held: None,
            used: false,
            failures: 0,
            blocked_until: UnixTime::EPOCH,
            last_failure: None,
            throttle: Throttle::new(),
            forced_until: UnixTime::EPOCH,
        }
    }

    pub(super) const fn held(&self) -> Option<&Held<D>> {
        self.held.as_ref()
    }

    pub(super) const fn last_failure(&self) -> Option<&(UnixTime, FetchError)> {
        self.last_failure.as_ref()
    }

    /// Somebody needs the keys.
    pub(super) fn on_use(&mut self, now: UnixTime, in_flight: bool) -> Use<D> {
        let blocked = self.backoff(now).is_some();
        match &self.held {
            Some(held) if held.is_fresh(now) => {
                self.used = true;
                let refresh = now >= held.refresh_at && !in_flight && !blocked;
                Use::Serve { served: held.serve(now), refresh }
            }
            _ if blocked && !in_flight => match self.after_wait(now) {
                Ok(served) => Use::Serve { served, refresh: false },
                Err(retry_after) => Use::Unavailable { retry_after },
            },
            Some(_) => Use::Wait(Trigger::Expired),
            None => Use::Wait(Trigger::Cold),
        }
    }

    /// The fetch that a use waited for has ended: what there is now is served, fresh or not. Else, when to try again.
    pub(super) fn after_wait(&mut self, now: UnixTime) -> Result<Served<D>, Duration> {
        let retry_after = self.retry_after(now);
        let held = self.held.as_ref().filter(|held| now < held.stale_until).ok_or(retry_after)?;
        self.used = true;
        Ok(held.serve(now))
    }

    /// A token, judged by the document of generation `seen`, asks for a newer one.
    pub(super) fn on_refetch(&mut self, now: UnixTime, seen: u64, in_flight: bool) -> Refetch<D> {
        if let Some(served) = self.newer_than(seen, now) {
            return Refetch::Serve(served);
        }
        if in_flight {
            return Refetch::Wait;
        }
        if let Some(retry_after) = self.backoff(now) {
            return Refetch::Throttled { retry_after };
        }
        match self.throttle.take(now) {
            Ok(()) => Refetch::Wait,
            Err(retry_after) => Refetch::Throttled { retry_after },
        }
    }

    /// An operator asks for a fetch, whatever the backoff says; else, how long until one may be asked for again.
    pub(super) fn on_forced(&mut self, now: UnixTime) -> Result<(), Duration> {
        let left = self.forced_until.since(now);
        // A clock that was set back must not prolong it.
        if !left.is_zero() && left <= FORCED_EVERY {
            return Err(left);
        }
        self.forced_until = now.plus(FORCED_EVERY);
        Ok(())
    }

    /// The document in force where it is newer than generation `seen`.
    pub(super) fn newer_than(&self, seen: u64, now: UnixTime) -> Option<Served<D>> {
        let held = self.held.as_ref().filter(|held| held.generation > seen && now < held.stale_until)?;
        Some(held.serve(now))
    }

    /// Whether the document is to be refreshed ahead.
    pub(super) fn refresh_ahead(&self, now: UnixTime) -> RefreshAhead {
        let Some(held) = self.held.as_ref().filter(|held| held.is_fresh(now)) else {
            return RefreshAhead::No;
        };
        let at = self.backoff(now).map_or(held.refresh_at, |wait| held.refresh_at.max(now.plus(wait)));
        if at >= held.fresh_until {
            RefreshAhead::No
        } else if at > now {
            RefreshAhead::AskAt(at)
        } else if self.used {
            RefreshAhead::Now
        } else {
            RefreshAhead::No
        }
    }

    /// A new document has come, and replaces the old one whole.
    pub(super) fn on_replaced(&mut self, now: UnixTime, document: Arc<D>, body: Arc<[u8]>) {
        let generation = self.generation();
        self.held = Some(Held {
            document,
            body,
            etag: None,
            generation,
            fetched_at: now,
            refresh_at: now,
            fresh_until: now,
            stale_until: now,
        });
    }

    /// The endpoint stands by the document in force: it is fresh again. `random` lies in [0, 1).
    pub(super) fn on_confirmed(
        &mut self,
        now: UnixTime,
        etag: Option<String>,
        max_age: Option<Duration>,
        random: f64,
    ) {
        let lifetime = self.freshness.lifetime(max_age);
        (self.used, self.failures, self.blocked_until, self.last_failure) = (false, 0, UnixTime::EPOCH, None);
        if let Some(held) = &mut self.held {
            held.generation += 1;
            held.etag = etag.or_else(|| held.etag.take());
            held.fetched_at = now;
            held.refresh_at = now.plus(lifetime.mul_f64(REFRESH_AT + REFRESH_SPREAD * (random - 0.5)));
            held.fresh_until = now.plus(lifetime);
            held.stale_until = held.fresh_until.plus(self.freshness.stale_for);
        }
    }

    /// A fetch failed: the document stays as it is. `random` lies in [0, 1).
    pub(super) fn on_failed(&mut self, now: UnixTime, error: FetchError, random: f64) {
        self.failures = self.failures.saturating_add(1);
        let ceiling = 2_u32.checked_pow(self.failures - 1).map_or(MAX_BACKOFF, |factor| MIN_BACKOFF * factor);
        let jitter = ceiling.min(MAX_BACKOFF).saturating_sub(MIN_BACKOFF).mul_f64(random);
        self.blocked_until = now.plus(MIN_BACKOFF + jitter);
        self.last_failure = Some((now, error));
    }

    /// A document kept from an earlier life, or by another node, is taken where it is newer than the one held.
    pub(super) fn on_restored(&mut self, now: UnixTime, kept: Kept<D>) -> bool {
        // One from the future was kept before the clock was set back: it serves, but not as fresh.
        let fetched_at = kept.fetched_at.min(now);
        let longest = MAX_MAX_AGE.max(self.freshness.fresh_for);
        let lifetime = kept.fresh_until.since(kept.fetched_at).min(longest);
        let fresh_until = if kept.fetched_at > now { now } else { fetched_at.plus(lifetime) };
        let stale_until = fresh_until.plus(self.freshness.stale_for);
        let newer = self.held.as_ref().is_none_or(|held| held.fetched_at < fetched_at);
        if !newer || now >= stale_until {
            return false;
        }
        let (generation, refresh_at) = (self.generation() + 1, fetched_at.plus(lifetime.mul_f64(REFRESH_AT)));
        let Kept { document, body, etag, .. } = kept;
        self.held =
            Some(Held { document, body, etag, generation, fetched_at, refresh_at, fresh_until, stale_until });
        true
    }

    pub(super) fn generation(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.generation)
    }

    /// How long no token may start a fetch, where one has failed.
    pub(super) fn backoff(&self, now: UnixTime) -> Option<Duration> {
        let left = self.blocked_until.since(now);
        // A clock that was set back must not prolong the backoff.
        (!left.is_zero() && left <= MAX_BACKOFF).then_some(left)
    }

    /// When to ask again after a failure.
    pub(super) fn retry_after(&self, now: UnixTime) -> Duration {
        self.backoff(now).unwrap_or(MIN_BACKOFF)
    }
}

impl<D> Held<D> {
    /// Fresh from the fetch until `fresh_until`; a clock that was set back to before the fetch proves nothing.
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        self.fetched_at <= now && now < self.fresh_until
    }

    pub(super) fn serve(&self, now: UnixTime) -> Served<D> {
        let (generation, fetched_at, stale) = (self.generation, self.fetched_at, !self.is_fresh(now));
        Served { document: Arc::clone(&self.document), generation, fetched_at, stale }
    }
}

impl Freshness {
    fn lifetime(self, max_age: Option<Duration>) -> Duration {
        max_age.map_or(self.fresh_for.max(MIN_FRESH_FOR), |age| age.clamp(MIN_MAX_AGE, MAX_MAX_AGE))
    }
}

#[cfg(test)]
mod tests;
