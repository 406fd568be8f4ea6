//! Where a dispute of a payment stands. Its stages are told in any order and more than once: what was told is a
//! set, and where the money has to be follows from the set alone.

use crate::money::Cents;
use serde::{Deserialize, Serialize};

/// What is told of a dispute.
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
pub enum DisputeStage {
    /// The payer's bank asks for the money.
    Created,
    /// The provider has taken it.
    FundsWithdrawn,
    /// The provider has given it back.
    FundsReinstated,
    /// It is decided; the outcome says how.
    Closed,
}

impl DisputeStage {
    /// As it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            DisputeStage::Created => "created",
            DisputeStage::FundsWithdrawn => "funds_withdrawn",
            DisputeStage::FundsReinstated => "funds_reinstated",
            DisputeStage::Closed => "closed",
        }
    }
}

/// How a dispute was decided.
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
pub enum DisputeOutcome {
    /// The payment stands.
    Won,
    /// The payer has the money back.
    Lost,
}

/// All that was told of a dispute, as a set of bits that is only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DisputeFacts(u8);

/// Where the disputed money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// With the player: nothing was told, or the payment stands.
    Free,
    /// Held, until more is known.
    Held,
    /// With the payer again.
    Out,
}

impl DisputeState {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            DisputeState::Free => "free",
            DisputeState::Held => "held",
            DisputeState::Out => "out",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<DisputeState> {
        [DisputeState::Free, DisputeState::Held, DisputeState::Out]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A dispute, and where its money is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// `<request>/<dispute>`: what its transfers are known by.
    pub key: String,
    /// How much is disputed.
    pub amount: Cents,
    /// What was told.
    pub facts: DisputeFacts,
    /// Where the money was brought by what was told so far.
    pub state: DisputeState,
    /// How much of it is held: as much as there was.
    pub held: Cents,
    /// How much was not there when it went out, and so was left owing.
    pub short: Cents,
}

impl DisputeFacts {
    const CREATED: u8 = 1;
    const WITHDRAWN: u8 = 2;
    const REINSTATED: u8 = 4;
    const WON: u8 = 8;
    const LOST: u8 = 16;

    /// The bits, to be stored.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Stored bits; none where they are no set of facts.
    pub fn from_bits(bits: u8) -> Option<DisputeFacts> {
        (bits < 32).then_some(DisputeFacts(bits))
    }

    /// These facts and one more. A dispute that was closed without an outcome has none to tell.
    #[must_use]
    pub fn with(self, stage: DisputeStage, outcome: Option<DisputeOutcome>) -> DisputeFacts {
        let told = match (stage, outcome) {
            (DisputeStage::Created, _) | (DisputeStage::Closed, None) => Self::CREATED,
            (DisputeStage::FundsWithdrawn, _) => Self::WITHDRAWN,
            (DisputeStage::FundsReinstated, _) => Self::REINSTATED,
            (DisputeStage::Closed, Some(DisputeOutcome::Won)) => Self::WON,
            (DisputeStage::Closed, Some(DisputeOutcome::Lost)) => Self::LOST,
        };
        DisputeFacts(self.0 | told)
    }

    /// Where the money has to be. What the provider gave back is there, however the dispute was decided.
    pub fn state(self) -> DisputeState {
        let has = |fact| self.0 & fact != 0;
        let is_withdrawn = has(Self::WITHDRAWN) && !has(Self::WON);
        if (has(Self::LOST) || is_withdrawn) && !has(Self::REINSTATED) {
            DisputeState::Out
        } else if self.0 == 0 || has(Self::WON) || has(Self::LOST) {
            DisputeState::Free
        } else {
            DisputeState::Held
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(told: &str) -> DisputeState {
        let told = told.split_whitespace();
        let facts = told.fold(DisputeFacts::default(), |facts, word| match word {
            "won" => facts.with(DisputeStage::Closed, Some(DisputeOutcome::Won)),
            "lost" => facts.with(DisputeStage::Closed, Some(DisputeOutcome::Lost)),
            stage => {
                let stage = serde_json::from_str(&format!("\"{stage}\"")).unwrap();
                facts.with(stage, None)
            }
        });
        assert_eq!(DisputeFacts::from_bits(facts.bits()), Some(facts));
        facts.state()
    }

    #[test]
    fn the_money_is_where_the_facts_say() {
        use DisputeState::{Free, Held, Out};
        for (told, expected) in [
            ("", Free),
            ("created", Held),
            ("closed", Held),
            ("created won", Free),
            ("created lost", Out),
            ("created funds_withdrawn", Out),
            ("funds_withdrawn", Out),
            ("created funds_withdrawn lost", Out),
            ("created funds_withdrawn won", Free),
            ("created funds_withdrawn funds_reinstated", Held),
            ("funds_reinstated", Held),
            ("created funds_withdrawn funds_reinstated won", Free),
            ("won created funds_reinstated funds_withdrawn", Free),
            ("created funds_withdrawn funds_reinstated lost", Free),
        ] {
            assert_eq!(state(told), expected, "{told}");
        }
        assert_eq!(DisputeFacts::from_bits(32), None);
    }

    #[test]
    fn stages_are_written_as_they_are_read() {
        for stage in [
            DisputeStage::Created,
            DisputeStage::FundsWithdrawn,
            DisputeStage::FundsReinstated,
            DisputeStage::Closed,
        ] {
            let json = serde_json::to_string(&stage).unwrap();
            assert_eq!(json, format!("\"{}\"", stage.as_str()));
        }
    }
}
