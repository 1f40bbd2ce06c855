//! What the gateway knows of the addresses that connect: how many connections each holds, and what is left of its
//! rates. Bounded, whatever addresses are made up.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::Limits;
use crate::domain::address_block::AddressBlock;
use crate::domain::rate::{Bucket, Rate};

/// Addresses remembered, some 12 MiB of them. One without a connection whose buckets are full again isn't missed;
/// where there are only others, any that holds no connection is forgotten.
const ADDRESSES_MAX: usize = 131_072;
/// Parts of the table with a lock of their own.
const SHARDS: usize = 16;
/// A full part is searched for what isn't missed at most this often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Why an address may not connect now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// It connects too often.
    TooManyAttempts {
        /// How long to wait.
        wait: Duration,
    },
    /// It holds as many connections as it may.
    TooManyConnections,
}

/// What an address has a rate for, besides connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Conversations begun.
    Starts,
    /// Frames before there is a conversation.
    Frames,
    /// Tokens refused before there is a conversation.
    RefusedTokens,
}

/// The addresses that connect, or did in the last minute.
#[derive(Debug)]
pub struct Addresses {
    connections_max: u32,
    connects: Option<Rate>,
    starts: Option<Rate>,
    frames: Option<Rate>,
    refused_tokens: Option<Rate>,
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
    shard_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    known: HashMap<AddressBlock, Known>,
    sweep_at: Duration,
}

#[derive(Debug, Default)]
struct Known {
    connections: u32,
    connects: Bucket,
    starts: Bucket,
    frames: Bucket,
    refused_tokens: Bucket,
}

impl Known {
    fn is_as_new(&self, now: Duration) -> bool {
        self.connections == 0
            && [self.connects, self.starts, self.frames, self.refused_tokens]
                .iter()
                .all(|bucket| bucket.is_full(now))
    }
}

impl Addresses {
    /// All addresses, under the limits of the configuration; none of them has connected yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections_max: limits.connections_per_address,
            connects: Rate::per_second(limits.connects_per_address_per_second),
            starts: Rate::per_minute(limits.starts_per_address_per_minute),
            frames: Rate::per_minute(limits.frames_per_minute),
            refused_tokens: Rate::per_minute(limits.authentications_per_minute),
            ..Self::unlimited()
        }
    }

    fn unlimited() -> Self {
        Self {
            connections_max: 0,
            connects: None,
            starts: None,
            frames: None,
            refused_tokens: None,
            hasher: RandomState::new(),
            shards: Default::default(),
            shard_max: ADDRESSES_MAX / SHARDS,
        }
    }

    /// Counts an attempt, and the connection if it may be held; [`Self::disconnect`] takes it back.
    pub(super) fn connect(&self, block: AddressBlock, now: Duration) -> Result<(), NotNow> {
        if self.connections_max == 0 && self.connects.is_none() {
            return Ok(());
        }
        let mut shard = self.shard(block);
        let known = self.known(&mut shard, block, now);
        if let Some(rate) = self.connects {
            known.connects.take(rate, now).map_err(|wait| NotNow::TooManyAttempts { wait })?;
        }
        if self.connections_max != 0 {
            if known.connections >= self.connections_max {
                return Err(NotNow::TooManyConnections);
            }
            known.connections += 1;
        }
        Ok(())
    }

    /// A connection that was counted has ended.
    pub(super) fn disconnect(&self, block: AddressBlock) {
        if self.connections_max != 0
            && let Some(known) = self.shard(block).known.get_mut(&block)
        {
            known.connections = known.connections.saturating_sub(1);
        }
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self, counted: Counted, block: AddressBlock, now: Duration) -> Result<(), Duration> {
        self.with(counted, block, now, |bucket, rate| bucket.take(rate, now))
    }

    /// Whether one could be taken, or how long to wait for it.
    pub(super) fn look(&self, counted: Counted, block: AddressBlock, now: Duration) -> Result<(), Duration> {
        self.with(counted, block, now, |bucket, rate| bucket.look(rate, now))
    }

    fn with(
        &self,
        counted: Counted,
        block: AddressBlock,
        now: Duration,
        act: impl FnOnce(&mut Bucket, Rate) -> Result<(), Duration>,
    ) -> Result<(), Duration> {
        let rate = match counted {
            Counted::Starts => self.starts,
            Counted::Frames => self.frames,
            Counted::RefusedTokens => self.refused_tokens,
        };
        let Some(rate) = rate else { return Ok(()) };
        let mut shard = self.shard(block);
        let known = self.known(&mut shard, block, now);
        let bucket = match counted {
            Counted::Starts => &mut known.starts,
            Counted::Frames => &mut known.frames,
            Counted::RefusedTokens => &mut known.refused_tokens,
        };
        act(bucket, rate)
    }

    fn known<'s>(&self, shard: &'s mut Shard, block: AddressBlock, now: Duration) -> &'s mut Known {
        if shard.known.len() >= self.shard_max && !shard.known.contains_key(&block) {
            shard.make_room(self.shard_max, now);
        }
        shard.known.entry(block).or_default()
    }

    /// Nobody panics while holding it, and half a change can't be seen.
    fn shard(&self, block: AddressBlock) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(block);
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn make_room(&mut self, max: usize, now: Duration) {
        if now >= self.sweep_at {
            self.sweep_at = now + SWEEP_EVERY;
            self.known.retain(|_, known| !known.is_as_new(now));
        }
        if self.known.len() >= max
            && let Some(block) =
                self.known.iter().find(|(_, known)| known.connections == 0).map(|(block, _)| *block)
        {
            self.known.remove(&block);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const NOW: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn addresses(connections: u32, connects: u32, starts: u32) -> Addresses {
        Addresses {
            connections_max: connections,
            connects: Rate::per_second(connects),
            starts: Rate::per_minute(starts),
            ..Addresses::unlimited()
        }
    }

    fn block(number: u32) -> AddressBlock {
        AddressBlock::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    impl Addresses {
        fn len(&self) -> usize {
            self.shards.iter().map(|shard| shard.lock().unwrap().known.len()).sum()
        }
    }

    #[test]
    fn an_address_holds_so_many_connections_and_gets_another_when_one_ends() {
        let addresses = addresses(2, 0, 0);
        assert_eq!(addresses.connect(block(1), NOW), Ok(()));
        assert_eq!(addresses.connect(block(1), NOW), Ok(()));
        assert_eq!(addresses.connect(block(1), NOW), Err(NotNow::TooManyConnections));
        assert_eq!(addresses.connect(block(2), NOW), Ok(()), "another address has its own");
        addresses.disconnect(block(1));
        assert_eq!(addresses.connect(block(1), NOW), Ok(()));
        assert_eq!(addresses.connect(block(1), NOW), Err(NotNow::TooManyConnections));
    }

    #[test]
    fn an_address_connects_so_often_at_once_and_as_often_in_every_second_after_it() {
        let addresses = addresses(0, 20, 0);
        let connected = (0..1000).filter(|index| {
            let now = NOW + Duration::from_millis(10) * *index;
            addresses.connect(block(1), now).is_ok()
        });
        assert_eq!(connected.count(), 20 + 199);
        let refused = addresses.connect(block(1), NOW + Duration::from_millis(9990));
        assert_eq!(refused, Err(NotNow::TooManyAttempts { wait: Duration::from_millis(10) }));
    }

    #[test]
    fn a_refused_connection_counts_as_an_attempt_and_not_as_a_connection() {
        let addresses = addresses(1, 2, 0);
        addresses.connect(block(1), NOW).unwrap();
        assert_eq!(addresses.connect(block(1), NOW), Err(NotNow::TooManyConnections));
        assert!(matches!(addresses.connect(block(1), NOW), Err(NotNow::TooManyAttempts { .. })));
        addresses.disconnect(block(1));
        assert_eq!(addresses.connect(block(1), NOW + SECOND), Ok(()));
    }

    #[test]
    fn what_was_only_looked_at_was_not_taken() {
        let addresses = addresses(0, 0, 1);
        for _ in 0..3 {
            assert_eq!(addresses.look(Counted::Starts, block(1), NOW), Ok(()));
        }
        assert_eq!(addresses.take(Counted::Starts, block(1), NOW), Ok(()));
        assert_eq!(addresses.look(Counted::Starts, block(1), NOW), Err(Duration::from_mins(1)));
        assert_eq!(addresses.look(Counted::Frames, block(1), NOW), Ok(()), "0 is no limit");
    }

    #[test]
    fn a_million_made_up_addresses_are_forgotten_and_one_that_holds_a_connection_is_not() {
        let addresses = addresses(1, 20, 30);
        let holder = block(u32::MAX);
        addresses.connect(holder, NOW).unwrap();
        for number in 0..1_000_000 {
            let now = NOW + Duration::from_micros(1) * number;
            addresses.connect(block(number), now).unwrap();
            addresses.disconnect(block(number));
            addresses.take(Counted::Starts, block(number), now).unwrap();
        }
        assert!(addresses.len() <= ADDRESSES_MAX, "{} are remembered", addresses.len());
        assert_eq!(addresses.connect(holder, NOW + SECOND), Err(NotNow::TooManyConnections));
    }

    #[test]
    fn what_is_as_good_as_new_makes_room_before_what_is_not() {
        let mut addresses = addresses(0, 0, 1);
        addresses.shard_max = 4;
        for number in 0..1000 {
            addresses.take(Counted::Starts, block(number), NOW).unwrap();
        }
        let later = NOW + Duration::from_mins(1);
        let owing: Vec<_> = (1000..1004).map(block).collect();
        for block in &owing {
            addresses.take(Counted::Starts, *block, later).unwrap();
        }
        // However they are spread over the parts, none of these four had to go for another.
        let remembered =
            owing.iter().filter(|block| addresses.look(Counted::Starts, **block, later).is_err());
        assert_eq!(remembered.count(), owing.len());
        assert!(addresses.len() <= 4 * SHARDS);
    }
}
