//! How a room is saved and loaded. The secret and what derives from it are never in the bytes.

use super::moderation::Sanctions;
use super::pause::{Allowance, allowances};
use super::roster::Roster;
use super::spectators::Spectators;
use super::state::{Config, End, Play, Room, Stage, Turn};
use crate::fairness::RoomSecret;
use crate::game::Games;
use crate::ids::{Millis, UserId};
use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Grows with every change of these rules after which an old room or journal plays differently.
pub const RULES_VERSION: u32 = 1;

/// A saved room that this program cannot play on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not a room.
    #[error("the saved room is not readable")]
    Unreadable(#[source] serde_json::Error),
    /// The game is not registered.
    #[error("the room plays `{0}`, which this server does not have")]
    UnknownGame(String),
    /// A later program saved it.
    #[error("the room was saved with version {saved} of {what}, this server knows {known}")]
    FromLaterVersion {
        /// `the rules`, or the game's name.
        what: &'static str,
        /// In the saved room.
        saved: u32,
        /// Here.
        known: u32,
    },
}

impl From<serde_json::Error> for LoadError {
    fn from(error: serde_json::Error) -> LoadError {
        LoadError::Unreadable(error)
    }
}

/// The version of the rules that a room was saved with.
pub fn saved_rules_version(saved: &[u8]) -> Result<u32, LoadError> {
    let Head { rules } = serde_json::from_slice(saved)?;
    Ok(rules)
}

/// The versions of the rules and of the game that a room was saved with.
pub fn saved_versions(saved: &[u8]) -> Result<(u32, u32), LoadError> {
    #[derive(Deserialize)]
    struct Versions {
        rules: u32,
        game_version: u32,
    }
    let saved: Versions = serde_json::from_slice(saved)?;
    Ok((saved.rules, saved.game_version))
}

#[derive(Deserialize)]
struct Head {
    rules: u32,
}

fn is_empty(users: &BTreeSet<UserId>) -> bool {
    users.is_empty()
}

fn is_none_yet(count: &u64) -> bool {
    *count == 0
}

#[derive(Serialize, Deserialize)]
struct SavedRoom {
    rules: u32,
    game_version: u32,
    config: Arc<Config>,
    roster: Arc<Roster>,
    #[serde(default, skip_serializing_if = "are_unknown")]
    spectators: Arc<Spectators>,
    #[serde(default, skip_serializing_if = "are_none")]
    sanctions: Arc<Sanctions>,
    room_seq: u64,
    seed_number: u32,
    #[serde(default, skip_serializing_if = "is_empty")]
    invited: Arc<BTreeSet<UserId>>,
    #[serde(default, skip_serializing_if = "is_none_yet")]
    chat_count: u64,
    stage: SavedStage,
}

fn are_unknown(spectators: &Arc<Spectators>) -> bool {
    spectators.are_unknown()
}

fn are_none(sanctions: &Arc<Sanctions>) -> bool {
    sanctions.are_none()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedStage {
    Unattended { deadline: Millis },
    Selecting,
    Deserted { deadline: Millis },
    Filled { deadline: Millis },
    Revealing { deadline: Millis },
    Playing(SavedPlay),
    Over(End),
}

#[derive(Serialize, Deserialize)]
struct SavedPlay {
    nonce: u64,
    started_at: Millis,
    turn_number: u64,
    turn: Option<Turn>,
    game: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowances: Vec<Allowance>,
}

impl Room {
    /// The room as bytes, without its secret.
    pub fn save(&self) -> Result<Vec<u8>, serde_json::Error> {
        let stage = match &self.stage {
            Stage::Unattended { deadline } => SavedStage::Unattended {
                deadline: *deadline,
            },
            Stage::Selecting => SavedStage::Selecting,
            Stage::Deserted { deadline } => SavedStage::Deserted {
                deadline: *deadline,
            },
            Stage::Filled { deadline } => SavedStage::Filled {
                deadline: *deadline,
            },
            Stage::Revealing { deadline } => SavedStage::Revealing {
                deadline: *deadline,
            },
            Stage::Playing(play) => SavedStage::Playing(SavedPlay {
                nonce: play.dice.nonce(),
                started_at: play.started_at,
                turn_number: play.turn_number,
                turn: play.turn.clone(),
                game: play.game.save()?,
                allowances: play.allowances.clone(),
            }),
            Stage::Over(end) => SavedStage::Over(end.clone()),
        };
        serde_json::to_vec(&SavedRoom {
            rules: RULES_VERSION,
            game_version: self.game_version,
            config: self.config.clone(),
            roster: self.roster.clone(),
            spectators: self.spectators.clone(),
            sanctions: self.sanctions.clone(),
            room_seq: self.room_seq,
            seed_number: self.seed_number,
            invited: self.invited.clone(),
            chat_count: self.chat_count,
            stage,
        })
    }

    /// The room from [`Room::save`]'s bytes and its secret.
    pub fn load(saved: &[u8], games: &Games, secret: RoomSecret) -> Result<Room, LoadError> {
        let Head { rules } = serde_json::from_slice(saved)?;
        let known = RULES_VERSION;
        if rules > known {
            return Err(LoadError::FromLaterVersion {
                what: "the rules",
                saved: rules,
                known,
            });
        }
        let mut saved: SavedRoom = serde_json::from_slice(saved)?;
        let game = games
            .get(&saved.config.game_type)
            .ok_or_else(|| LoadError::UnknownGame(saved.config.game_type.to_string()))?;
        Arc::make_mut(&mut saved.roster).reindex();
        let mut room = Room {
            game_type: game.name,
            game_version: saved.game_version,
            secret,
            config: saved.config,
            roster: saved.roster,
            spectators: saved.spectators,
            sanctions: saved.sanctions,
            stage: Stage::Selecting,
            room_seq: saved.room_seq,
            seed_number: saved.seed_number,
            invited: saved.invited,
            chat_count: saved.chat_count,
        };
        room.stage = match saved.stage {
            SavedStage::Unattended { deadline } => Stage::Unattended { deadline },
            SavedStage::Selecting => Stage::Selecting,
            SavedStage::Deserted { deadline } => Stage::Deserted { deadline },
            SavedStage::Filled { deadline } => Stage::Filled { deadline },
            SavedStage::Revealing { deadline } => Stage::Revealing { deadline },
            SavedStage::Over(end) => Stage::Over(end),
            SavedStage::Playing(play) => {
                let (what, known) = (game.name, game.spec.version);
                if saved.game_version > known {
                    return Err(LoadError::FromLaterVersion {
                        what,
                        saved: saved.game_version,
                        known,
                    });
                }
                let players = room.players_in_order();
                if play
                    .turn
                    .as_ref()
                    .is_some_and(|turn| turn.seat.index() >= players.len())
                {
                    return Err(LoadError::Unreadable(Error::custom("a turn of no seat")));
                }
                let on_disconnect = game.spec.on_disconnect;
                let fresh = allowances(on_disconnect, players.iter().map(|_| true), Millis(0));
                let is_whole = play.allowances.len() == fresh.len();
                Stage::Playing(Play {
                    game: game.load(&play.game)?,
                    on_disconnect,
                    dice: room.dice(play.nonce),
                    players,
                    started_at: play.started_at,
                    turn_number: play.turn_number,
                    turn: play.turn,
                    allowances: if is_whole { play.allowances } else { fresh },
                })
            }
        };
        Ok(room)
    }
}
