//! How much a player may pay in. Windows roll; a player's own limit is lowered at once, and raised or lifted only a
//! day after that was asked for.

use crate::ids::Millis;
use crate::money::Cents;
use crate::refusal::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;

/// How long a player waits for a higher limit.
pub const RAISE_AFTER_MS: i64 = DAY_MS;

/// The days that players exclude themselves for at most.
pub const EXCLUSION_DAYS_MAX: u32 = 365 * 5;

/// What a limit is for.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 3] = [Period::Day, Period::Week, Period::Month];

    /// How long it is.
    pub fn milliseconds(self) -> i64 {
        match self {
            Period::Day => DAY_MS,
            Period::Week => 7 * DAY_MS,
            Period::Month => 30 * DAY_MS,
        }
    }

    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }
}

/// A limit that is not in force yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingLimit {
    /// None: no limit.
    pub amount_cents: Option<Cents>,
    /// When it will be.
    pub from: Millis,
}

/// A player's limit for one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// None: no limit.
    amount_cents: Option<Cents>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<PendingLimit>,
}

impl Limit {
    /// The limit in force.
    pub fn at(&self, now: Millis) -> Option<Cents> {
        match self.pending {
            Some(pending) if pending.from <= now => pending.amount_cents,
            _ => self.amount_cents,
        }
    }

    /// What will be in force later.
    pub fn pending_at(&self, now: Millis) -> Option<PendingLimit> {
        self.pending.filter(|pending| pending.from > now)
    }

    /// Sets another limit: at once where it is lower or the same, and otherwise later. What was asked for before and
    /// is not in force is forgotten.
    pub fn set(&mut self, wanted: Option<Cents>, now: Millis) {
        let current = self.at(now);
        let is_higher = match (current, wanted) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(current), Some(wanted)) => wanted > current,
        };
        *self = match is_higher {
            true => Limit {
                amount_cents: current,
                pending: Some(PendingLimit {
                    amount_cents: wanted,
                    from: now.plus(RAISE_AFTER_MS),
                }),
            },
            false => Limit {
                amount_cents: wanted,
                pending: None,
            },
        };
    }
}

/// A player's own limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DepositLimits {
    /// Of [`Period::Day`].
    pub day: Limit,
    /// Of [`Period::Week`].
    pub week: Limit,
    /// Of [`Period::Month`].
    pub month: Limit,
}

impl DepositLimits {
    /// The limit of a period.
    pub fn of(&self, period: Period) -> &Limit {
        match period {
            Period::Day => &self.day,
            Period::Week => &self.week,
            Period::Month => &self.month,
        }
    }

    /// The limit of a period, to be set.
    pub fn of_mut(&mut self, period: Period) -> &mut Limit {
        match period {
            Period::Day => &mut self.day,
            Period::Week => &mut self.week,
            Period::Month => &mut self.month,
        }
    }
}

/// What was paid in, or may still be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deposit {
    /// How much, less what was paid back.
    pub amount: Cents,
    /// When it was paid; none while it may still be: then it counts in every period.
    pub paid: Option<Millis>,
}

/// How much was paid in within the period that ends now.
pub fn used(deposits: &[Deposit], period: Period, now: Millis) -> Cents {
    let since = now.plus(-period.milliseconds());
    let counts = |deposit: &&Deposit| deposit.paid.is_none_or(|paid| paid > since);
    let amounts = deposits.iter().filter(counts).map(|deposit| deposit.amount);
    amounts.sum()
}

/// What the operator lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepositRules {
    /// The least at once.
    pub least: Cents,
    /// The most at once.
    pub most: Cents,
    /// The most a day, for each player.
    pub day: Option<Cents>,
    /// The most a week.
    pub week: Option<Cents>,
    /// The most a month.
    pub month: Option<Cents>,
}

impl Default for DepositRules {
    fn default() -> DepositRules {
        DepositRules {
            least: Cents(100),
            most: Cents(100_000),
            day: None,
            week: None,
            month: None,
        }
    }
}

impl DepositRules {
    /// The operator's limit of a period.
    pub fn of(&self, period: Period) -> Option<Cents> {
        match period {
            Period::Day => self.day,
            Period::Week => self.week,
            Period::Month => self.month,
        }
    }

    /// Refuses an amount that is more than the operator or the player wants.
    pub fn check(
        &self,
        amount: Cents,
        limits: &DepositLimits,
        deposits: &[Deposit],
        now: Millis,
    ) -> Result<(), Refusal> {
        if !(self.least..=self.most).contains(&amount) {
            let (least, most) = (self.least, self.most);
            let why = format!("`amount_cents` must be from {least} to {most}, got {amount}");
            return Err(Refusal::because(RefusalCode::InvalidAmount, why));
        }
        for period in Period::ALL {
            let (own, house) = (limits.of(period).at(now), self.of(period));
            let Some(limit) = own.into_iter().chain(house).min() else {
                continue;
            };
            let left = (limit - used(deposits, period, now)).max(Cents::ZERO);
            if amount > left {
                let (whose, period) = match own == Some(limit) {
                    true => ("your", period.as_str()),
                    false => ("this site's", period.as_str()),
                };
                let why = format!(
                    "{whose} limit for a {period} is {limit} cents, and {left} of them are left"
                );
                return Err(Refusal::because(RefusalCode::DepositLimit, why));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn paid(amount: i64, hours_ago: i64) -> Deposit {
        Deposit {
            amount: Cents(amount),
            paid: Some(NOW.plus(-hours_ago * 3_600_000)),
        }
    }

    fn refused(
        rules: DepositRules,
        limits: DepositLimits,
        deposits: &[Deposit],
        amount: i64,
    ) -> String {
        match rules.check(Cents(amount), &limits, deposits, NOW) {
            Ok(()) => "taken".to_owned(),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn windows_roll_and_open_requests_count() {
        let open = Deposit {
            amount: Cents(50),
            paid: None,
        };
        let deposits = [paid(100, 23), paid(1_000, 24), paid(7, 24 * 30 - 1), open];
        let used = Period::ALL.map(|period| used(&deposits, period, NOW).0);
        assert_eq!(used, [150, 1_150, 1_157]);
    }

    #[test]
    fn a_refusal_says_which_limit_it_is_and_what_is_left() {
        let rules = DepositRules {
            week: Some(Cents(5_000)),
            ..DepositRules::default()
        };
        let mut limits = DepositLimits::default();
        let deposits = [paid(3_000, 30)];
        for (amount, expected) in [
            (
                99,
                "invalid_amount: `amount_cents` must be from 100 to 100000, got 99",
            ),
            (2_000, "taken"),
            (
                2_001,
                "deposit_limit: this site's limit for a week is 5000 cents, and 2000 of them are left",
            ),
        ] {
            assert_eq!(refused(rules, limits, &deposits, amount), expected);
        }
        limits.month.set(Some(Cents(3_500)), NOW);
        assert_eq!(refused(rules, limits, &deposits, 500), "taken");
        assert_eq!(
            refused(rules, limits, &deposits, 501),
            "deposit_limit: your limit for a month is 3500 cents, and 500 of them are left",
        );
        limits.day.set(Some(Cents(0)), NOW);
        assert!(refused(rules, limits, &deposits, 100).contains("a day is 0 cents, and 0 of"));
    }

    #[test]
    fn a_limit_is_lowered_at_once_and_raised_a_day_later() {
        let mut limit = Limit::default();
        let later = NOW.plus(RAISE_AFTER_MS);
        limit.set(Some(Cents(500)), NOW);
        assert_eq!(limit.at(NOW), Some(Cents(500)));
        limit.set(None, NOW);
        assert_eq!(limit.at(later.plus(-1)), Some(Cents(500)));
        assert_eq!(limit.at(later), None);
        assert_eq!(limit.pending_at(NOW).unwrap().from, later);
        assert_eq!(limit.pending_at(later), None);
        limit.set(Some(Cents(600)), NOW.plus(5));
        assert_eq!(limit.at(later), Some(Cents(500)));
        assert_eq!(limit.at(later.plus(5)), Some(Cents(600)));
        limit.set(Some(Cents(500)), NOW.plus(6));
        assert_eq!(limit.at(later.plus(10)), Some(Cents(500)));
        let saved = serde_json::to_string(&limit).unwrap();
        assert_eq!(saved, r#"{"amount_cents":500}"#);
    }

    proptest! {
        /// Whatever a player asks for: within a day of a limit being in force nothing above it is.
        #[test]
        fn no_limit_is_raised_within_a_day(
            asked in prop::collection::vec((0..200_i64, prop::option::of(0..1_000_i64)), 1..12),
            later in 0..200_i64,
        ) {
            let hours = |hours: i64| Millis(hours * 3_600_000);
            let (mut limit, mut now, mut seen) = (Limit::default(), 0, Vec::new());
            for (after, wanted) in asked {
                now += after;
                limit.set(wanted.map(Cents), hours(now));
                if let Some(cents) = limit.at(hours(now)) {
                    seen.push((now, cents));
                }
                if let Some(wanted) = wanted {
                    prop_assert!(limit.at(hours(now)).is_some_and(|it| it <= Cents(wanted) || seen.iter().any(|(_, cents)| *cents == it)));
                }
            }
            let at = now + later;
            for (when, cents) in seen.into_iter().filter(|(when, _)| at - when < 24) {
                prop_assert!(limit.at(hours(at)).is_some_and(|it| it <= cents), "{when} {cents}");
            }
        }
    }
}
