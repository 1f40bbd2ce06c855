//! Strangers' connections that have no answer yet: bounded in number, for the node and for each address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::domain::address_block::AddressBlock;

/// How many a node keeps: twice what 400 connections a second make that need the whole time for a head.
const HALF_OPEN_MAX: usize = 8192;

/// The connections of a listener that haven't said yet what they want, or are still being answered. They cost a
/// descriptor and a task each, and no other limit counts them.
#[derive(Debug)]
pub struct HalfOpen {
    per_address: usize,
    exempt: Vec<IpNet>,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    all: usize,
    /// Only addresses that have one: as many at most as there are connections.
    by_address: HashMap<AddressBlock, usize>,
}

/// A connection that counts as half open until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    half_open: Arc<HalfOpen>,
    /// Where it counts for one.
    address: Option<AddressBlock>,
}

impl HalfOpen {
    /// At most `per_address` of one peer's address at a time, IPv6 by /64; 0 is no limit. Peers in the networks
    /// `exempt` stand for many, and are bounded with all others only.
    #[must_use]
    pub fn new(per_address: u32, exempt: Vec<IpNet>) -> Arc<Self> {
        let per_address = usize::try_from(per_address).unwrap_or(usize::MAX);
        Arc::new(Self { per_address, exempt, now: Mutex::default() })
    }

    /// Counts a new connection; none where there are too many.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Waiting> {
        let peer = peer.to_canonical();
        let counts = self.per_address > 0 && !self.exempt.iter().any(|network| network.contains(&peer));
        let address = counts.then(|| AddressBlock::of(peer));
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.all >= HALF_OPEN_MAX {
            return None;
        }
        if let Some(address) = address {
            let of_address = now.by_address.entry(address).or_default();
            if *of_address >= self.per_address {
                return None;
            }
            *of_address += 1;
        }
        now.all += 1;
        Some(Waiting { half_open: self.clone(), address })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut now = self.half_open.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.all -= 1;
        if let Some(Entry::Occupied(mut of_address)) =
            self.address.map(|address| now.by_address.entry(address))
        {
            *of_address.get_mut() -= 1;
            if *of_address.get() == 0 {
                of_address.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(half_open: &Arc<HalfOpen>, peer: &str) -> Option<Waiting> {
        half_open.admit(peer.parse().unwrap())
    }

    #[test]
    fn one_address_has_so_many_until_one_of_them_is_gone() {
        let half_open = HalfOpen::new(2, Vec::new());
        let first = admit(&half_open, "192.0.2.1");
        let second = admit(&half_open, "::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some());
        assert!(admit(&half_open, "192.0.2.1").is_none());
        let other = admit(&half_open, "192.0.2.2");
        assert!(other.is_some());
        drop(first);
        let third = admit(&half_open, "192.0.2.1");
        assert!(third.is_some() && admit(&half_open, "192.0.2.1").is_none());
        let six: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(|peer| admit(&half_open, peer)).into();
        assert!(six.iter().all(Option::is_some) && admit(&half_open, "2001:db8:0:0:ffff::").is_none());
        drop((second, other, third, six));
        let now = half_open.now.lock().unwrap();
        assert!(now.all == 0 && now.by_address.is_empty(), "{now:?}");
    }

    #[test]
    fn a_proxy_and_a_limit_of_zero_leave_the_bound_of_the_node() {
        for half_open in [HalfOpen::new(0, Vec::new()), HalfOpen::new(1, vec!["10.0.0.0/8".parse().unwrap()])]
        {
            let mut waiting: Vec<_> = (0..HALF_OPEN_MAX).map(|_| admit(&half_open, "10.0.0.1")).collect();
            assert!(waiting.iter().all(Option::is_some));
            assert!(admit(&half_open, "10.0.0.1").is_none() && admit(&half_open, "192.0.2.1").is_none());
            waiting.pop();
            assert!(admit(&half_open, "::ffff:10.0.0.1").is_some());
            assert!(admit(&half_open, "192.0.2.1").is_some());
        }
    }
}
