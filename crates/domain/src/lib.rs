//! The rules of Blazing Sun: rooms, money, games and fairness. Nothing here does I/O, reads a clock
//! or draws randomness of its own; `now` and secrets are arguments, and the same inputs give the
//! same outputs for ever, which is what recovery and replay stand on.

pub mod difference;
pub mod fairness;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod game;
pub mod games;
pub mod ids;
pub mod json;
pub mod ledger;
pub mod money;
pub mod prelude;
pub mod refusal;
pub mod room;
pub mod wallet;

pub use game::{
    Game, GameDefinition, Games, Outcome, Seat, SeatedPlayer, Secret, Spec, Table, Viewer,
};
pub use ids::{CommandId, Millis, RoomId, UserId};
pub use ledger::{Account, Transfer, TransferKind};
pub use money::Cents;
pub use refusal::{Refusal, RefusalCode};
