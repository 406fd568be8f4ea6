//! Relay: an open table where whatever one says reaches all, unchanged. It has no rules, no money
//! and no end, so what it costs is what the machinery around games costs.

use crate::game::{Game, Outcome, Seat, SeatedPlayer, Spec, Table, To, Viewer};
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a member can do.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Sends a value to everyone at the table.
    Say {
        /// Any JSON value.
        #[schemars(with = "serde_json::Value")]
        data: Box<RawValue>,
    },
}

/// `relay.said`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Said<'a> {
    /// The bytes that came in.
    #[schemars(with = "serde_json::Value")]
    pub data: &'a RawValue,
}

/// The table, which remembers nothing.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Relay {}

impl Game for Relay {
    const NAME: &'static str = "relay";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            min_seats: 1,
            max_seats: u32::MAX,
            quick_seats: 1,
            turn_ms: None,
            push_state: false,
            open_table: true,
            ..Spec::default()
        }
    }

    fn start(_: &mut Table<'_>) -> Relay {
        Relay {}
    }

    fn to_act(&self) -> Vec<Seat> {
        Vec::new()
    }

    fn apply(&mut self, table: &mut Table<'_>, _: Seat, chosen: Move) -> Result<(), Refusal> {
        let Move::Say { data } = chosen;
        table.emit(To::All, "said", &Said { data: &data });
        Ok(())
    }

    fn on_timeout(&mut self, _: &mut Table<'_>, _: Seat) {}

    fn view(&self, _: Viewer, _: &[SeatedPlayer]) -> serde_json::Value {
        serde_json::json!({})
    }

    fn outcome(&self) -> Option<Outcome> {
        None
    }
}
