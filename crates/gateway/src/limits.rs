//! How much one client may take: rates of messages, and connections per address.

use crate::config::Rate;
use blazing_sun_backbone::client_address::subscriber;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A rate limiter in one word: the time, in microseconds, at which everything taken so far would
/// have been taken at the long-run rate (GCRA).
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    /// Takes one, if the rate allows it at this time.
    pub(crate) fn take(&self, rate: Rate, now_us: u64) -> bool {
        self.take_many(1, rate, now_us)
    }

    /// Takes so many at once, but no more than the rate ever allows at once.
    pub(crate) fn take_many(&self, count: u32, rate: Rate, now_us: u64) -> bool {
        let burst = rate.burst.max(1);
        let count = count.min(burst);
        let step = 1_000_000 / u64::from(rate.per_second.max(1));
        let ahead_max = step * u64::from(burst - count);
        let taken = step * u64::from(count);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
                (due <= now_us + ahead_max).then(|| due.max(now_us) + taken)
            })
            .is_ok()
    }

    /// Whether nothing is left of what was taken: a new meter would say the same.
    pub(crate) fn is_full(&self, now_us: u64) -> bool {
        self.0.load(Ordering::Relaxed) <= now_us
    }
}

/// What is known of an address, or of a /64 of IPv6.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) meter: Meter,
    connections: AtomicU32,
}

/// The addresses with open connections, and those that took something a short time ago.
#[derive(Debug, Default)]
pub(crate) struct Addresses(Mutex<FxHashMap<IpAddr, Arc<Address>>>);

impl Addresses {
    /// Counts another connection, if that many are allowed.
    pub(crate) fn enter(&self, ip: IpAddr, connections_max: u32) -> Option<Arc<Address>> {
        let mut addresses = self.0.lock();
        let address = addresses.entry(subscriber(ip)).or_insert_with(|| {
            Arc::new(Address {
                meter: Meter::default(),
                connections: AtomicU32::new(0),
            })
        });
        if address.connections.load(Ordering::Relaxed) >= connections_max {
            return None;
        }
        address.connections.fetch_add(1, Ordering::Relaxed);
        Some(address.clone())
    }

    /// Counts one connection less. What the address took is not forgotten before it would be allowed again.
    pub(crate) fn leave(&self, address: &Address) {
        address.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Forgets those without connections that may take all again.
    pub(crate) fn sweep(&self, now_us: u64) {
        self.0.lock().retain(|_, address| {
            address.connections.load(Ordering::Relaxed) > 0 || !address.meter.is_full(now_us)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_gives_its_burst_and_then_its_rate() {
        let (meter, rate) = (
            Meter::default(),
            Rate {
                per_second: 10,
                burst: 3,
            },
        );
        let at = |ms: u64| 1_000_000 + ms * 1_000;
        let taken: Vec<bool> = (0..5).map(|_| meter.take(rate, at(0))).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(!meter.take(rate, at(99)));
        assert!(meter.take(rate, at(100)));
        assert!(!meter.take(rate, at(100)));
        let after_a_rest: Vec<bool> = (0..4).map(|_| meter.take(rate, at(5_000))).collect();
        assert_eq!(after_a_rest, [true, true, true, false]);
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let (addresses, ip) = (Addresses::default(), IpAddr::from([10, 0, 0, 1]));
        let first = addresses.enter(ip, 2).unwrap();
        let second = addresses.enter(ip, 2).unwrap();
        assert!(addresses.enter(ip, 2).is_none());
        assert!(addresses.enter(IpAddr::from([10, 0, 0, 2]), 2).is_some());
        addresses.leave(&first);
        let third = addresses.enter(ip, 2).unwrap();
        addresses.leave(&second);
        addresses.leave(&third);
        addresses.sweep(1);
        assert_eq!(addresses.0.lock().len(), 1);
    }

    #[test]
    fn an_address_is_forgotten_when_its_meter_is_full_again() {
        let (addresses, ip) = (Addresses::default(), "2001:db8::1".parse().unwrap());
        let rate = Rate {
            per_second: 1,
            burst: 2,
        };
        let first = addresses.enter(ip, 1).unwrap();
        assert!(first.meter.take_many(9, rate, 1_000), "at most the burst");
        addresses.leave(&first);
        addresses.sweep(1_500_000);
        let neighbour = "2001:db8::2".parse().unwrap();
        let again = addresses.enter(neighbour, 1).unwrap();
        assert!(!again.meter.take_many(2, rate, 1_500_000));
        addresses.leave(&again);
        addresses.sweep(2_001_000);
        assert!(addresses.0.lock().is_empty());
    }
}
