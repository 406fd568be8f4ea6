//! What every game has to hold, as property tests from one line:
//!
//! ```
//! blazing_sun_game_suite::game_suite!(blazing_sun_domain::games::bigger_dice::BiggerDice);
//! ```
//!
//! The games are played as the server plays them: in a room, with moves made from their own schemas and
//! with garbage, by players and by others, with time-outs, and with players who go and come back.
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more cases, or for others.

mod moves;
mod played;
mod script;
mod secrets;

use blazing_sun_domain::GameDefinition;
use blazing_sun_domain::game::OnDisconnect;
use played::Played;
use script::{Script, every_script};
use std::fmt;

/// One test for each property of a game; a second game in the same module needs a name for its
/// tests: `game_suite!(MyGame, my_game)`.
#[macro_export]
macro_rules! game_suite {
    ($game:ty) => {
        $crate::game_suite!($game, game_suite);
    };
    ($game:ty, $module:ident) => {
        mod $module {
            #[allow(unused_imports, reason = "the game may be named by its whole path")]
            use super::*;

            $crate::game_suite!(@each $game:
                describes_itself never_panics ends_under_time_outs_alone conserves_the_pot
                keeps_secrets replays_as_played survives_json);
        }
    };
    (@each $game:ty: $($property:ident)*) => {
        $(
            #[test]
            fn $property() {
                $crate::$property(&$crate::definition::<$game>()).unwrap_or_else(|broken| panic!("{broken}"));
            }
        )*
    };
}

/// The definition of a game, as a server registers it.
pub fn definition<G: blazing_sun_domain::Game>() -> GameDefinition {
    GameDefinition::of::<G>()
}

/// How a game breaks a property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The game.
    pub game: &'static str,
    /// What is wrong, and after which shortest course.
    pub reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.game, self.reason)
    }
}

/// Whether a property holds.
pub type Verdict = Result<(), Broken>;

/// What is wrong with one course of a game.
pub(crate) type Checked = Result<(), String>;

/// A property, by name.
pub type Property = (&'static str, fn(&GameDefinition) -> Verdict);

/// All of them.
pub const PROPERTIES: [Property; 7] = [
    ("describes_itself", describes_itself),
    ("never_panics", never_panics),
    ("ends_under_time_outs_alone", ends_under_time_outs_alone),
    ("conserves_the_pot", conserves_the_pot),
    ("keeps_secrets", keeps_secrets),
    ("replays_as_played", replays_as_played),
    ("survives_json", survives_json),
];

/// Name, seats, times and moves can be what they are said to be.
pub fn describes_itself(game: &GameDefinition) -> Verdict {
    let spec = &game.spec;
    let wrong = if !game.has_plain_name() {
        Some("NAME is not lower snake case: it becomes part of topics and event types")
    } else if spec.open_table {
        Some("the suite is for games with seats, and this is an open table")
    } else if spec.min_seats < 1 || spec.min_seats > spec.max_seats {
        Some("min_seats is not between 1 and max_seats")
    } else if !(spec.min_seats..=spec.max_seats).contains(&spec.quick_seats) {
        Some("quick_seats is not between min_seats and max_seats")
    } else if spec.turn_ms.is_none_or(|turn_ms| turn_ms <= 0) {
        Some("a turn has no time: a player who does nothing would hold the pot for ever")
    } else if matches!(spec.on_disconnect, OnDisconnect::Pause { .. }) && spec.end_event.is_none() {
        Some(
            "a game that pauses is ended by the room when somebody stays away, and without \
             ending(..) nobody would be told how",
        )
    } else if game.moves.is_empty() {
        Some("there are no moves: Move is an enum whose variants are the moves")
    } else {
        None
    };
    match wrong {
        Some(reason) => Err(broken(game, reason.to_owned())),
        None => Ok(()),
    }
}

/// Whatever anyone does, in any state: a refusal is a refusal, and not a panic.
pub fn never_panics(game: &GameDefinition) -> Verdict {
    for_every_script(game, |script| Played::by(game, script).map(drop))
}

/// From wherever a game has come to, it ends although nobody does anything any more, whether they
/// are there or gone.
pub fn ends_under_time_outs_alone(game: &GameDefinition) -> Verdict {
    for_every_script(game, |script| {
        let mut played = Played::by(game, script)?;
        if script.dice.is_multiple_of(2) {
            played.all_go()?;
        }
        played.left_alone()
    })
}

/// Nobody's money comes from nowhere or gets lost, and the escrow is empty in the end.
pub fn conserves_the_pot(game: &GameDefinition) -> Verdict {
    for_every_script(game, |script| {
        let mut played = Played::by(game, script)?;
        played.left_alone()?;
        played.is_paid_out()
    })
}

/// No view, no event, no points, no turn and no end shows what
/// [`Game::secrets`](blazing_sun_domain::Game::secrets) keeps from its viewer: two games that differ in nothing else look the same. A game that does not hide
/// anything looks the same to all.
pub fn keeps_secrets(game: &GameDefinition) -> Verdict {
    secrets::check(game).map_err(|reason| broken(game, reason))
}

/// The journal gives the same events and the same state again.
pub fn replays_as_played(game: &GameDefinition) -> Verdict {
    for_every_script(game, |script| {
        let mut played = Played::by(game, script)?;
        played.left_alone()?;
        played.replays(false)
    })
}

/// A game that is saved and loaded before every input plays as one that never was.
pub fn survives_json(game: &GameDefinition) -> Verdict {
    for_every_script(game, |script| {
        let mut played = Played::by(game, script)?;
        played.left_alone()?;
        played.replays(true)
    })
}

fn broken(game: &GameDefinition, reason: String) -> Broken {
    Broken {
        game: game.name,
        reason,
    }
}

fn for_every_script(game: &GameDefinition, check: impl Fn(&Script) -> Checked) -> Verdict {
    every_script(check).map_err(|reason| broken(game, reason))
}
