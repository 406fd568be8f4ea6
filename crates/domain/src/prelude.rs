//! What a game's file needs, in one line: `use blazing_sun_domain::prelude::*;`.

pub use crate::game::{
    Game, OnDisconnect, Outcome, Seat, SeatedPlayer, Secret, Spec, Table, To, Viewer, scores_of,
};
pub use crate::refusal::{Refusal, RefusalCode};
pub use serde::{Deserialize, Serialize};
pub use serde_json::{Value, json};
