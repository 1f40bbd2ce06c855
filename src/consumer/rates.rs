//! How often somebody may call: a client so many requests, an address so many wrong keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::address_block::AddressBlock;
use crate::domain::rate::{Bucket, Rate};

/// Addresses that are remembered at one time for their wrong keys.
const ADDRESSES_MAX: usize = 16_384;

/// What is left of one client's rate.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<Bucket>);

impl Requests {
    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&self, rate: Option<Rate>, now: Duration) -> Result<(), Duration> {
        let Some(rate) = rate else { return Ok(()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now)
    }
}

/// What is left of each address's rate of wrong keys. Right ones are never refused for it: many may share an address.
#[derive(Debug)]
pub(super) struct WrongKeys {
    rate: Option<Rate>,
    by_address: Mutex<HashMap<AddressBlock, Bucket>>,
}

impl WrongKeys {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { rate: Rate::per_minute(per_minute), by_address: Mutex::default() }
    }

    /// Whether another one would be taken for what it is.
    pub(super) fn look(&self, address: Option<IpAddr>, now: Duration) -> bool {
        let (Some(rate), Some(address)) = (self.rate, address) else { return true };
        let known = self.by_address().get(&AddressBlock::of(address)).copied();
        known.is_none_or(|bucket| bucket.look(rate, now).is_ok())
    }

    /// Counts one, or says how long this address has to wait.
    pub(super) fn take(&self, address: Option<IpAddr>, now: Duration) -> Result<(), Duration> {
        let (Some(rate), Some(address)) = (self.rate, address) else { return Ok(()) };
        let block = AddressBlock::of(address);
        let mut known = self.by_address();
        if known.len() >= ADDRESSES_MAX && !known.contains_key(&block) {
            known.retain(|_, bucket| !bucket.is_full(now));
            let any = known.keys().next().copied().filter(|_| known.len() >= ADDRESSES_MAX);
            if let Some(any) = any {
                known.remove(&any);
            }
        }
        known.entry(block).or_default().take(rate, now)
    }

    /// Nobody panics while holding it, and half a change can't be seen.
    fn by_address(&self) -> MutexGuard<'_, HashMap<AddressBlock, Bucket>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole seconds to wait, as `Retry-After` has them: never too few.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const NOW: Duration = Duration::from_hours(1);

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn an_address_has_its_wrong_keys_of_a_minute_and_not_one_more() {
        let wrong = WrongKeys::new(3);
        for _ in 0..3 {
            assert!(wrong.look(Some(address(1)), NOW));
            assert_eq!(wrong.take(Some(address(1)), NOW), Ok(()));
        }
        assert!(!wrong.look(Some(address(1)), NOW));
        assert_eq!(wrong.take(Some(address(1)), NOW), Err(Duration::from_secs(20)));
        assert_eq!(wrong.take(Some(address(2)), NOW), Ok(()), "another address has its own");
        assert_eq!(wrong.take(Some(address(1)), NOW + Duration::from_secs(20)), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        let wrong = WrongKeys::new(0);
        assert!((0..10_000).all(|_| wrong.take(Some(address(1)), NOW).is_ok()));
        assert!((0..10_000).all(|_| Requests::default().take(None, NOW).is_ok()));
    }

    #[test]
    fn made_up_addresses_are_forgotten() {
        let wrong = WrongKeys::new(1);
        for number in 0..50_000 {
            wrong.take(Some(address(number)), NOW).unwrap();
        }
        assert!(wrong.by_address().len() <= ADDRESSES_MAX);
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let waits = [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2)];
        assert!(waits.iter().all(|(millis, whole)| seconds(Duration::from_millis(*millis)) == *whole));
    }
}
