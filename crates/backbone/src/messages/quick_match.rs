//! Quick match: what a game's queue, the users' partitions and the rooms' partitions tell each other.

use super::commands::raw;
use super::fields::{Fields, InvalidField};
use super::internal_commands as internal;
use super::replies::to_text;
use super::{MATCH_SETTLED, MATCHED_WHILE_GONE, OPEN_MATCHED_ROOM, QUICK_MATCH_LEFT};
use blazing_sun_domain::{Cents, Refusal, RoomId, SeatedPlayer, UserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What happens around a game's queue.
#[derive(Debug, Clone, PartialEq)]
pub enum QuickMatch {
    /// `quick_match`
    Asked {
        /// The game.
        game_type: String,
        /// Gives the place up.
        cancel: bool,
        /// What a seat is to cost, where the asker says it.
        agreed_fee: Option<Cents>,
    },
    /// Internal: these have been matched, and get a room.
    OpenRoom(MatchedRoom),
    /// Internal: what became of a match.
    Settled(SettledMatch),
    /// Internal: the user is gone, and the place with it.
    Left {
        /// The game.
        game_type: String,
        /// Who.
        user_id: UserId,
    },
    /// Internal: the user was gone before the match had its room; the user's partition knows whether
    /// that is still so.
    MatchedWhileGone {
        /// The room, which does not decide this.
        matched_room_id: RoomId,
        /// Who.
        user_id: UserId,
    },
}

/// A room to be opened for those who were matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MatchedRoom {
    /// The room's id.
    pub room_id: RoomId,
    /// The game.
    pub game_type: String,
    /// In the order of their asking; the first is the host.
    pub players: Vec<SeatedPlayer>,
    /// What each agreed to pay when asking; a seat costs that, whatever new rooms cost meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_fee_cents: Option<Cents>,
    /// The winner's share that was told then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prize_percent: Option<u8>,
}

/// What became of a match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SettledMatch {
    /// The room that was to be opened.
    #[serde(rename = "matched_room_id")]
    pub room_id: RoomId,
    /// The game.
    pub game_type: String,
    /// Who could not be seated, and why; nobody where the room is open.
    pub refused: Vec<(UserId, Refusal)>,
}

impl QuickMatch {
    /// The room that decides it, if one does.
    pub fn room_id(&self) -> Option<&RoomId> {
        match self {
            QuickMatch::OpenRoom(open) => Some(&open.room_id),
            _ => None,
        }
    }

    /// The game whose queue decides it, if one does.
    pub fn queue_of(&self) -> Option<&str> {
        match self {
            QuickMatch::Asked { game_type, .. } | QuickMatch::Left { game_type, .. } => {
                Some(game_type)
            }
            QuickMatch::Settled(settled) => Some(&settled.game_type),
            QuickMatch::OpenRoom(_) | QuickMatch::MatchedWhileGone { .. } => None,
        }
    }

    /// Reads one of them; none: the command is another.
    pub(super) fn read(
        event_type: &str,
        payload: &RawValue,
        f: &Fields<'_>,
    ) -> Result<Option<QuickMatch>, InvalidField> {
        Ok(Some(match event_type {
            OPEN_MATCHED_ROOM => QuickMatch::OpenRoom(whole(payload)?),
            MATCH_SETTLED => QuickMatch::Settled(whole(payload)?),
            QUICK_MATCH_LEFT => QuickMatch::Left {
                game_type: f.required("game_type")?,
                user_id: f.required("user_id")?,
            },
            MATCHED_WHILE_GONE => QuickMatch::MatchedWhileGone {
                matched_room_id: f.required("matched_room_id")?,
                user_id: f.required("user_id")?,
            },
            _ => return Ok(None),
        }))
    }
}

/// Internal commands are our own: one that can not be read is named as a whole.
fn whole<'a, T: Deserialize<'a>>(payload: &'a RawValue) -> Result<T, InvalidField> {
    serde_json::from_str(payload.get()).map_err(|error| InvalidField::Invalid {
        name: "payload",
        expected: error.to_string(),
    })
}

/// The key of a game's queue.
pub fn queue_key(game_type: &str) -> String {
    format!("quick:{game_type}")
}

/// The payload of [`OPEN_MATCHED_ROOM`].
pub fn open_matched_room(command_id: Uuid, room: &MatchedRoom) -> Box<RawValue> {
    raw(&internal::OpenMatchedRoom { command_id, room })
}

/// The payload of [`MATCH_SETTLED`].
pub fn match_settled(command_id: Uuid, settled: &SettledMatch) -> Box<RawValue> {
    raw(&internal::MatchSettled {
        command_id,
        settled,
    })
}

/// The payload of [`QUICK_MATCH_LEFT`].
pub fn quick_match_left(command_id: Uuid, game_type: &str, user: UserId) -> Box<RawValue> {
    raw(&internal::QuickMatchLeft {
        command_id,
        game_type,
        user_id: user,
    })
}

/// The payload of [`MATCHED_WHILE_GONE`].
pub fn matched_while_gone(command_id: Uuid, room: &RoomId, user: UserId) -> Box<RawValue> {
    raw(&internal::MatchedWhileGone {
        command_id,
        matched_room_id: room,
        user_id: user,
    })
}

/// How many wait for a game. To each who does, and to one who gave the place up.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct QuickMatchWaiting<'a> {
    /// The game.
    pub game_type: &'a str,
    /// Whether the one addressed is among them.
    pub is_waiting: bool,
    /// How many.
    pub waiting: usize,
}

/// The fields of `quick_match_waiting`.
pub fn quick_match_waiting_body(game_type: &str, waiting: usize, is_waiting: bool) -> String {
    to_text(&QuickMatchWaiting {
        game_type,
        is_waiting,
        waiting,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse_command};
    use super::*;
    use blazing_sun_domain::RefusalCode;

    fn read(event_type: &str, payload: &str) -> Result<QuickMatch, String> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        match parse_command(event_type, &payload) {
            Ok((_, Command::QuickMatch(quick))) => Ok(quick),
            Ok(other) => panic!("{other:?}"),
            Err(invalid) => Err(invalid.refusal.to_string()),
        }
    }

    #[test]
    fn what_is_asked_is_read_and_what_is_missing_named() {
        let asked = |payload| read("games.command.quick_match", payload);
        let game_type = || "bigger_dice".to_owned();
        assert_eq!(
            asked(r#"{"game_type":"bigger_dice","entry_fee_cents":250}"#),
            Ok(QuickMatch::Asked {
                game_type: game_type(),
                cancel: false,
                agreed_fee: Some(Cents(250)),
            })
        );
        assert_eq!(
            asked(r#"{"game_type":"bigger_dice","cancel":true}"#),
            Ok(QuickMatch::Asked {
                game_type: game_type(),
                cancel: true,
                agreed_fee: None,
            })
        );
        assert!(asked("{}").unwrap_err().contains("`game_type` is missing"));
        let error = asked(r#"{"game_type":"g","cancel":"yes"}"#).unwrap_err();
        assert!(error.contains("`cancel`"), "{error}");
        let error = asked(r#"{"game_type":"g","entry_fee_cents":"2.50"}"#).unwrap_err();
        assert!(error.contains("`entry_fee_cents`"), "{error}");
        let error = read(OPEN_MATCHED_ROOM, r#"{"room_id":"r"}"#).unwrap_err();
        assert!(error.contains("game_type"), "{error}");
    }

    #[test]
    fn internal_commands_are_read_as_they_are_written() {
        let id = Uuid::from_u128(7);
        let player = SeatedPlayer::person(UserId::new(7).unwrap(), "P7");
        let open = MatchedRoom {
            room_id: "r".parse().unwrap(),
            game_type: "bigger_dice".to_owned(),
            players: vec![player.clone()],
            entry_fee_cents: Some(Cents(250)),
            prize_percent: Some(90),
        };
        let payload = open_matched_room(id, &open);
        assert_eq!(
            payload.get(),
            concat!(
                r#"{"command_id":"00000000-0000-0000-0000-000000000007","room_id":"r","#,
                r#""game_type":"bigger_dice","players":[{"user_id":"7","username":"P7"}],"#,
                r#""entry_fee_cents":250,"prize_percent":90}"#,
            )
        );
        assert_eq!(
            read(OPEN_MATCHED_ROOM, payload.get()),
            Ok(QuickMatch::OpenRoom(open))
        );
        let settled = SettledMatch {
            room_id: "r".parse().unwrap(),
            game_type: "bigger_dice".to_owned(),
            refused: vec![(player.user_id, RefusalCode::InsufficientBalance.into())],
        };
        let payload = match_settled(id, &settled);
        assert_eq!(
            read(MATCH_SETTLED, payload.get()),
            Ok(QuickMatch::Settled(settled))
        );
        let payload = quick_match_left(id, "bigger_dice", player.user_id);
        let left = QuickMatch::Left {
            game_type: "bigger_dice".to_owned(),
            user_id: player.user_id,
        };
        assert_eq!(read(QUICK_MATCH_LEFT, payload.get()), Ok(left));
        let room_id: RoomId = "r".parse().unwrap();
        let payload = matched_while_gone(id, &room_id, player.user_id);
        let gone = QuickMatch::MatchedWhileGone {
            matched_room_id: room_id,
            user_id: player.user_id,
        };
        assert_eq!(gone.room_id(), None, "the user's partition decides it");
        assert_eq!(read(MATCHED_WHILE_GONE, payload.get()), Ok(gone));
    }

    #[test]
    fn the_answer_is_pinned() {
        assert_eq!(
            quick_match_waiting_body("bigger_dice", 1, true),
            r#"{"game_type":"bigger_dice","is_waiting":true,"waiting":1}"#
        );
    }
}
