//! What operators change of a running gateway.

use crate::config::{Limits, Rate};
use crate::events::Envelope;
use crate::frames;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many messages may come: read for each of them, and so in one word each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Of one connection.
    pub connection: Rate,
    /// Of all connections of one user.
    pub user: Rate,
    /// Of all connections from one address.
    pub address: Rate,
}

impl From<&Limits> for Rates {
    fn from(limits: &Limits) -> Rates {
        Rates {
            connection: limits.connection,
            user: limits.user,
            address: limits.address,
        }
    }
}

struct Changing(AtomicU64);

impl Changing {
    fn new(rate: Rate) -> Changing {
        Changing(AtomicU64::new(packed(rate)))
    }

    fn set(&self, rate: Rate) {
        self.0.store(packed(rate), Ordering::Relaxed);
    }

    fn get(&self) -> Rate {
        let packed = self.0.load(Ordering::Relaxed);
        Rate {
            per_second: (packed >> 32) as u32,
            burst: packed as u32,
        }
    }
}

fn packed(rate: Rate) -> u64 {
    u64::from(rate.per_second) << 32 | u64::from(rate.burst)
}

/// What is in force.
pub(crate) struct Live {
    connection: Changing,
    user: Changing,
    address: Changing,
    /// What sockets that come later hear first.
    news: Mutex<Option<Bytes>>,
}

impl Live {
    pub(crate) fn new(limits: &Limits) -> Live {
        Live {
            connection: Changing::new(limits.connection),
            user: Changing::new(limits.user),
            address: Changing::new(limits.address),
            news: Mutex::default(),
        }
    }

    pub(crate) fn set_rates(&self, rates: &Rates) {
        self.connection.set(rates.connection);
        self.user.set(rates.user);
        self.address.set(rates.address);
    }

    pub(crate) fn connection(&self) -> Rate {
        self.connection.get()
    }

    pub(crate) fn user(&self) -> Rate {
        self.user.get()
    }

    pub(crate) fn address(&self) -> Rate {
        self.address.get()
    }

    /// Takes the envelope of an event; none: there is nothing to be told.
    pub(crate) fn set_news(&self, envelope: Option<&[u8]>) {
        let frame = envelope.and_then(|envelope| {
            let mut frame = Vec::new();
            Envelope::parse(envelope)
                .ok()?
                .write_frame(None, &mut frame);
            Some(frames::text(&frame))
        });
        *self.news.lock() = frame;
    }

    pub(crate) fn news(&self) -> Option<Bytes> {
        self.news.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_it_was_set() {
        let live = Live::new(&Limits::default());
        assert_eq!(live.user(), Limits::default().user);
        let rate = |per_second, burst| Rate { per_second, burst };
        live.set_rates(&Rates {
            connection: rate(1, u32::MAX),
            user: rate(u32::MAX, 2),
            address: rate(3, 4),
        });
        assert_eq!(live.connection(), rate(1, u32::MAX));
        assert_eq!(live.user(), rate(u32::MAX, 2));
        assert_eq!(live.address(), rate(3, 4));
    }
}
