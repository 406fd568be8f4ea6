//! Money: integer minor units of the deployment's one currency.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in minor units (cents).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Cents(pub i64);

impl Cents {
    /// Nothing.
    pub const ZERO: Cents = Cents(0);

    /// `floor(self × percent / 100)`, for amounts that are not negative.
    pub fn percent(self, percent: u8) -> Cents {
        let exact = i128::from(self.0) * i128::from(percent) / 100;
        Cents(i64::try_from(exact).unwrap_or(i64::MAX))
    }
}

impl std::ops::Add for Cents {
    type Output = Cents;

    fn add(self, other: Cents) -> Cents {
        Cents(self.0.saturating_add(other.0))
    }
}

impl std::ops::Sub for Cents {
    type Output = Cents;

    fn sub(self, other: Cents) -> Cents {
        Cents(self.0.saturating_sub(other.0))
    }
}

impl std::iter::Sum for Cents {
    fn sum<I: Iterator<Item = Cents>>(amounts: I) -> Cents {
        amounts.fold(Cents::ZERO, |sum, amount| sum + amount)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_never_overflows() {
        let shares = [
            (2_000, 80, 1_600),
            (999, 77, 769),
            (1, 99, 0),
            (0, 80, 0),
            (7, 100, 7),
        ];
        for (amount, percent, share) in shares {
            assert_eq!(
                Cents(amount).percent(percent),
                Cents(share),
                "{percent} % of {amount}"
            );
        }
        assert_eq!(Cents(i64::MAX).percent(100), Cents(i64::MAX));
        assert_eq!(Cents(i64::MAX).percent(255), Cents(i64::MAX));
        assert_eq!(Cents(i64::MAX) + Cents(1), Cents(i64::MAX));
    }
}
