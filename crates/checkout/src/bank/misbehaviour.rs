//! How the bank misbehaves: rates, and a seed from which each single decision follows.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How often each thing goes wrong, from 0 (never) to 1 (always). The same seed over the same course of events
/// decides the same each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Misbehaviour {
    /// What all decisions follow from.
    pub seed: u64,
    /// A webhook comes twice.
    pub duplicates: f64,
    /// A webhook waits until a later one has overtaken it, for [`REORDER_MS_MAX`](Self::REORDER_MS_MAX) at most.
    pub reorder: f64,
    /// Each webhook comes late, by up to this.
    pub delay_ms: u64,
    /// A webhook never comes; the event can still be asked for.
    pub drop: f64,
    /// A POST to the API has its effect and is answered with a 500, now and whenever it is sent again.
    pub error_500_after_effect: f64,
    /// A webhook is signed as while secrets are exchanged: also with one that its receiver does not know.
    pub rotate_secret: f64,
    /// Beside a webhook comes another that claims more, signed with a secret that is not the bank's.
    pub forge_signature: f64,
    /// Beside a webhook comes a copy with a signature that was good ten minutes ago.
    pub stale_signature: f64,
    /// Another amount is paid than was asked for.
    pub wrong_amount: f64,
    /// Another currency is paid in than was asked for.
    pub wrong_currency: f64,
}

impl Misbehaviour {
    /// How long a webhook waits to be overtaken.
    pub const REORDER_MS_MAX: i64 = 2_000;
    /// The latest that one can be told to come.
    pub const DELAY_MS_MAX: u64 = 3_600_000;

    fn rates(&self) -> [(&'static str, f64); 9] {
        [
            ("duplicates", self.duplicates),
            ("reorder", self.reorder),
            ("drop", self.drop),
            ("error_500_after_effect", self.error_500_after_effect),
            ("rotate_secret", self.rotate_secret),
            ("forge_signature", self.forge_signature),
            ("stale_signature", self.stale_signature),
            ("wrong_amount", self.wrong_amount),
            ("wrong_currency", self.wrong_currency),
        ]
    }

    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, rate) in self.rates() {
            if !(0.0..=1.0).contains(&rate) {
                return Err(format!("`{name}` is a rate from 0 to 1, not {rate}"));
            }
        }
        match self.delay_ms <= Misbehaviour::DELAY_MS_MAX {
            true => Ok(()),
            false => Err(format!(
                "`delay_ms` is at most {}, not {}",
                Misbehaviour::DELAY_MS_MAX,
                self.delay_ms
            )),
        }
    }

    /// Whether this one of many goes wrong; `what` is the name of the rate.
    pub(super) fn strikes(&self, what: &str, number: i64) -> bool {
        let rates = self.rates();
        let rate = rates.iter().find(|(name, _)| *name == what);
        rate.is_some_and(|(_, rate)| self.draw(what, number) < *rate)
    }

    pub(super) fn delay_ms_of(&self, number: i64) -> i64 {
        (self.draw("delay_ms", number) * (self.delay_ms + 1) as f64) as i64
    }

    /// From 0 on, below 1.
    fn draw(&self, what: &str, number: i64) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        hash.update(what);
        let digest = hash.finalize();
        let bits = digest
            .iter()
            .take(8)
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_same_each_time_and_at_the_rate() {
        let of = |seed| Misbehaviour {
            seed,
            drop: 0.25,
            ..Misbehaviour::default()
        };
        let struck = |seed| -> Vec<i64> {
            let numbers = 0..4_000;
            numbers
                .filter(|number| of(seed).strikes("drop", *number))
                .collect()
        };
        assert_eq!(struck(7), struck(7));
        assert_ne!(struck(7), struck(8));
        assert!(
            (900..1_100).contains(&struck(7).len()),
            "{}",
            struck(7).len()
        );
        assert!(!of(7).strikes("duplicates", 1));
        let always = Misbehaviour { drop: 1.0, ..of(7) };
        assert!((0..1_000).all(|number| always.strikes("drop", number)));
    }

    #[test]
    fn delays_stay_within_their_bound() {
        let late = Misbehaviour {
            delay_ms: 3,
            ..Misbehaviour::default()
        };
        let mut seen = [false; 4];
        for number in 0..100 {
            seen[late.delay_ms_of(number) as usize] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!(Misbehaviour::default().delay_ms_of(5), 0);
    }

    #[test]
    fn what_is_no_rate_is_named() {
        let bad = Misbehaviour {
            reorder: 1.5,
            ..Misbehaviour::default()
        };
        assert_eq!(
            bad.check(),
            Err("`reorder` is a rate from 0 to 1, not 1.5".to_owned())
        );
        let not_a_number = Misbehaviour {
            drop: f64::NAN,
            ..Misbehaviour::default()
        };
        assert!(not_a_number.check().is_err());
    }
}
