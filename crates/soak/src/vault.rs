//! A game for fault runs: each player can hide a text that nobody else may ever see, and can make the
//! game panic. Steps are made in turn; who makes the last one wins.

use blazing_sun_domain::UserId;
use blazing_sun_domain::game::{Game, Outcome, Seat, SeatedPlayer, Spec, Table, To, Viewer};
use blazing_sun_domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Steps of a whole game.
pub const STEPS: usize = 6;

/// What a player can do.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// Keeps a text for this player's eyes.
    Hide {
        /// The text.
        secret: String,
    },
    /// Goes on.
    Step {},
    /// Panics, with the game already changed.
    Break {},
}

/// `vault.stepped`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Stepped {
    /// Who.
    pub player_id: UserId,
    /// How many steps have been made.
    pub steps: usize,
}

/// A game in play.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vault {
    steps: usize,
    secrets: Vec<String>,
    is_broken: bool,
}

impl Vault {
    fn seat_to_act(&self) -> Seat {
        Seat((self.steps % self.secrets.len()) as u32)
    }

    fn step(&mut self, table: &mut Table<'_>, seat: Seat) {
        self.steps += 1;
        let stepped = Stepped {
            player_id: table.player(seat).user_id,
            steps: self.steps,
        };
        table.emit(To::All, "stepped", &stepped);
    }
}

impl Game for Vault {
    const NAME: &'static str = "vault";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            max_seats: 3,
            turn_ms: Some(2_000),
            auto_play_ms: 200,
            hidden_information: true,
            ..Spec::default()
        }
    }

    fn start(table: &mut Table<'_>) -> Vault {
        Vault {
            steps: 0,
            secrets: vec![String::new(); table.players().len()],
            is_broken: false,
        }
    }

    fn to_act(&self) -> Vec<Seat> {
        vec![self.seat_to_act()]
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        // A state that a panic left behind would say so here.
        assert!(
            !self.is_broken,
            "the room did not go on from the state before"
        );
        match chosen {
            Move::Hide { secret } => self.secrets[seat.index()] = secret,
            Move::Step {} => self.step(table, seat),
            Move::Break {} => {
                self.is_broken = true;
                panic!("broken by its player");
            }
        }
        Ok(())
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        if seat == self.seat_to_act() {
            self.step(table, seat);
        }
    }

    fn view(&self, viewer: Viewer, _: &[SeatedPlayer]) -> serde_json::Value {
        let own = match viewer {
            Viewer::Seat(seat) => self.secrets.get(seat.index()).cloned(),
            Viewer::Spectator => None,
        };
        json!({ "steps": self.steps, "secret": own })
    }

    fn outcome(&self) -> Option<Outcome> {
        let last = self.steps.checked_sub(1)? % self.secrets.len();
        (self.steps >= STEPS).then_some(Outcome::Winner(Seat(last as u32)))
    }
}
