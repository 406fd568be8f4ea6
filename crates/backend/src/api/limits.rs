//! How often one address and one email may ask. In memory: a restart forgets it.

use super::ApiConfig;
use super::problem::Problem;
use crate::live::Live;
use blazing_sun_backbone::client_address::subscriber;
use blazing_sun_backbone::rest::RateLimit;
use blazing_sun_backbone::rest::problem::RATE_LIMITED;
use blazing_sun_domain::UserId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What one address and one email may ask for. Each is the size of a bucket that fills up evenly
/// over its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// New guests of an address, an hour. 10.
    pub guests_per_address_hour: NonZeroU32,
    /// Registrations and sign-ins of an address, right or wrong, a quarter of an hour. 30.
    pub attempts_per_address_quarter_hour: NonZeroU32,
    /// Registrations and sign-ins with an email, right or wrong, a quarter of an hour. 10.
    pub attempts_per_email_quarter_hour: NonZeroU32,
    /// Mails to one address, an hour. 5.
    pub mails_per_email_hour: NonZeroU32,
    /// Renewals and sign-outs of an address, a minute. 60.
    pub renewals_per_address_minute: NonZeroU32,
    /// Payments that a user asks for, a minute. 20.
    pub payments_per_user_minute: NonZeroU32,
    /// Ended rooms that a user has shown again, a minute. 60.
    pub transcripts_per_user_minute: NonZeroU32,
}

impl Default for Rates {
    fn default() -> Rates {
        let count = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Rates {
            guests_per_address_hour: count(10),
            attempts_per_address_quarter_hour: count(30),
            attempts_per_email_quarter_hour: count(10),
            mails_per_email_hour: count(5),
            renewals_per_address_minute: count(60),
            payments_per_user_minute: count(20),
            transcripts_per_user_minute: count(60),
        }
    }
}

/// As the document tells them: the defaults.
impl Rates {
    /// New guests.
    pub(super) fn of_guests() -> [RateLimit; 1] {
        let rates = Rates::default();
        [limit("address", rates.guests_per_address_hour, 60)]
    }

    /// With an email and a password.
    pub(super) fn of_attempts() -> [RateLimit; 2] {
        let rates = Rates::default();
        [
            limit("address", rates.attempts_per_address_quarter_hour, 15),
            limit("email", rates.attempts_per_email_quarter_hour, 15),
        ]
    }

    /// With a link of a mail, or for one.
    pub(super) fn of_mails() -> [RateLimit; 2] {
        let rates = Rates::default();
        [
            limit("address", rates.attempts_per_address_quarter_hour, 15),
            limit("email", rates.mails_per_email_hour, 60),
        ]
    }

    /// With the refresh token.
    pub(super) fn of_renewals() -> [RateLimit; 1] {
        let rates = Rates::default();
        [limit("address", rates.renewals_per_address_minute, 1)]
    }

    /// About a payment.
    pub(super) fn of_payments() -> [RateLimit; 1] {
        let rates = Rates::default();
        [limit("user", rates.payments_per_user_minute, 1)]
    }

    /// Ended rooms, shown again.
    pub(super) fn of_transcripts() -> [RateLimit; 1] {
        let rates = Rates::default();
        [limit("user", rates.transcripts_per_user_minute, 1)]
    }
}

fn limit(per: &'static str, requests: NonZeroU32, minutes: u32) -> RateLimit {
    RateLimit {
        per,
        requests: requests.get(),
        period_s: 60 * minutes,
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// The buckets of everybody.
pub(super) struct Limits {
    unlimited: bool,
    live: Live,
    guests: Changing<IpAddr>,
    attempts: Changing<IpAddr>,
    emails: Buckets<[u8; 16]>,
    mails: Buckets<[u8; 16]>,
    renewals: Buckets<IpAddr>,
    payments: Buckets<UserId>,
    transcripts: Buckets<UserId>,
}

impl Limits {
    pub(super) fn new(config: &ApiConfig) -> Limits {
        let rates = config.rates;
        Limits {
            unlimited: config.unlimited,
            live: config.live.clone(),
            guests: Changing::new(GUESTS, rates.guests_per_address_hour, 60 * MINUTE),
            attempts: Changing::new(
                ATTEMPTS,
                rates.attempts_per_address_quarter_hour,
                15 * MINUTE,
            ),
            emails: Buckets::new(rates.attempts_per_email_quarter_hour, 15 * MINUTE),
            mails: Buckets::new(rates.mails_per_email_hour, 60 * MINUTE),
            renewals: Buckets::new(rates.renewals_per_address_minute, MINUTE),
            payments: Buckets::new(rates.payments_per_user_minute, MINUTE),
            transcripts: Buckets::new(rates.transcripts_per_user_minute, MINUTE),
        }
    }

    /// One more guest from this address.
    pub(super) fn guest(&self, address: IpAddr) -> Result<(), Problem> {
        self.take(&self.guests.now(&self.live), subscriber(address))
    }

    /// One more registration or sign-in.
    pub(super) fn attempt(&self, address: IpAddr, email: &str) -> Result<(), Problem> {
        self.take(&self.attempts.now(&self.live), subscriber(address))?;
        self.take(&self.emails, key_of(email))
    }

    /// One more try with a link.
    pub(super) fn link(&self, address: IpAddr) -> Result<(), Problem> {
        self.take(&self.attempts.now(&self.live), subscriber(address))
    }

    /// One more mail that this address asks for.
    pub(super) fn mail(&self, address: IpAddr, email: &str) -> Result<(), Problem> {
        self.take(&self.attempts.now(&self.live), subscriber(address))?;
        self.take(&self.mails, key_of(email))
    }

    /// One more renewal or sign-out.
    pub(super) fn renewal(&self, address: IpAddr) -> Result<(), Problem> {
        self.take(&self.renewals, subscriber(address))
    }

    /// One more payment asked for by this user.
    pub(super) fn payment(&self, user: UserId) -> Result<(), Problem> {
        self.take(&self.payments, user)
    }

    /// One more ended room that this user has shown.
    pub(super) fn transcript(&self, user: UserId) -> Result<(), Problem> {
        self.take(&self.transcripts, user)
    }

    fn take<K: Hash + Eq + Clone>(&self, buckets: &Buckets<K>, key: K) -> Result<(), Problem> {
        if self.unlimited {
            return Ok(());
        }
        buckets.take(&key).map_err(|wait| {
            let detail = "Too many attempts; wait a while.";
            Problem::new(RATE_LIMITED, detail).retry_after(wait)
        })
    }
}

/// The same in any case, and of one size.
fn key_of(email: &str) -> [u8; 16] {
    let digest = Sha256::digest(email.trim().to_ascii_lowercase());
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// The setting of new guests of an address, an hour.
pub const GUESTS: &str = "accounts.guests_per_hour";
/// The setting of registrations and sign-ins of an address, a quarter of an hour.
pub const ATTEMPTS: &str = "accounts.attempts_per_quarter_hour";

/// Buckets whose size an operator changes: all are full then.
struct Changing<K: Hash + Eq + Clone> {
    setting: &'static str,
    usual: NonZeroU32,
    period: Duration,
    now: Mutex<(NonZeroU32, Arc<Buckets<K>>)>,
}

impl<K: Hash + Eq + Clone> Changing<K> {
    fn new(setting: &'static str, usual: NonZeroU32, period: Duration) -> Changing<K> {
        Changing {
            setting,
            usual,
            period,
            now: Mutex::new((usual, Arc::new(Buckets::new(usual, period)))),
        }
    }

    fn now(&self, live: &Live) -> Arc<Buckets<K>> {
        let size = live.get().get(self.setting).unwrap_or(self.usual);
        let mut now = self.now.lock();
        if now.0 != size {
            *now = (size, Arc::new(Buckets::new(size, self.period)));
        }
        now.1.clone()
    }
}

struct Buckets<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
    taken: AtomicU32,
}

/// After so many takes, full buckets are forgotten.
const TAKES_PER_SWEEP: u32 = 1_024;

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(size: NonZeroU32, period: Duration) -> Buckets<K> {
        let quota = Quota::with_period(period / size.get());
        let quota = quota.unwrap_or(Quota::per_second(size)).allow_burst(size);
        Buckets {
            limiter: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            taken: AtomicU32::new(1),
        }
    }

    fn take(&self, key: &K) -> Result<(), Duration> {
        if self
            .taken
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(TAKES_PER_SWEEP)
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let refused = |until: governor::NotUntil<_>| until.wait_time_from(self.clock.now());
        self.limiter.check_key(key).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::live::LiveSet;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ten_guests_an_hour_from_an_address() {
        let limits = Limits::new(&ApiConfig::default());
        for _ in 0..10 {
            limits.guest(address("203.0.113.9")).unwrap();
        }
        let refused = limits.guest(address("::ffff:203.0.113.9")).unwrap_err();
        assert_eq!(refused.status().as_u16(), 429);
        limits.guest(address("203.0.113.10")).unwrap();
    }

    #[test]
    fn a_whole_ipv6_subscriber_is_one() {
        let limits = Limits::new(&ApiConfig::default());
        for host in 0..10 {
            limits.guest(address(&format!("2001:db8::{host}"))).unwrap();
        }
        assert!(limits.guest(address("2001:db8::ffff:0:0:1")).is_err());
        limits.guest(address("2001:db8:0:1::")).unwrap();
    }

    #[test]
    fn an_email_is_one_in_any_case_and_from_any_address() {
        let limits = Limits::new(&ApiConfig::default());
        for host in 0..10 {
            limits
                .attempt(address(&format!("203.0.113.{host}")), "ada@b.co")
                .unwrap();
        }
        assert!(
            limits
                .attempt(address("203.0.113.99"), " ADA@b.co")
                .is_err()
        );
        limits.attempt(address("203.0.113.99"), "eve@b.co").unwrap();
    }

    #[test]
    fn what_has_filled_up_again_is_forgotten() {
        let buckets = Buckets::new(NonZeroU32::MIN, Duration::from_nanos(1));
        for key in 0..4 * TAKES_PER_SWEEP {
            let _ = buckets.take(&key);
        }
        assert!(buckets.limiter.len() <= TAKES_PER_SWEEP as usize);
    }

    #[test]
    fn an_operator_changes_how_many_may_come() {
        let config = ApiConfig::default();
        let limits = Limits::new(&config);
        limits.guest(address("203.0.113.9")).unwrap();
        let set = |revision, settings: serde_json::Value| {
            let settings = serde_json::from_value(settings).unwrap();
            config.live.set(LiveSet { revision, settings })
        };
        set(1, serde_json::json!({ GUESTS: 1 }));
        limits.guest(address("203.0.113.9")).unwrap();
        assert!(limits.guest(address("203.0.113.9")).is_err());
        set(2, serde_json::json!({}));
        for _ in 0..10 {
            limits.guest(address("203.0.113.9")).unwrap();
        }
        assert!(limits.guest(address("203.0.113.9")).is_err());
    }

    #[test]
    fn unlimited_is_unlimited() {
        let config = ApiConfig {
            unlimited: true,
            ..ApiConfig::default()
        };
        let limits = Limits::new(&config);
        for _ in 0..100 {
            limits.guest(address("127.0.0.1")).unwrap();
            limits.attempt(address("127.0.0.1"), "ada@b.co").unwrap();
            limits.renewal(address("127.0.0.1")).unwrap();
        }
    }
}
