//! A command language for tests: `ann select bob`, `bob ready seed`, `deadline`.

use crate::scene::Scene;
use blazing_sun_domain::fairness::Seed;
use blazing_sun_domain::room::{Action, Channel, Measure, PasswordCheck};
use blazing_sun_domain::{Cents, Millis, SeatedPlayer, UserId};
use serde_json::value::RawValue;

const NAMES: [&str; 12] = [
    "system", "ann", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ida", "bot-1", "bot-2",
];

pub fn player(id: u64) -> SeatedPlayer {
    let username = NAMES
        .get(id as usize)
        .map_or(format!("user-{id}"), |name| name.to_string());
    SeatedPlayer {
        is_bot: username.starts_with("bot-"),
        ..SeatedPlayer::person(UserId::new(id).unwrap(), username)
    }
}

pub fn named(name: &str) -> SeatedPlayer {
    let id = NAMES.iter().position(|known| *known == name);
    player(id.unwrap_or_else(|| panic!("nobody is called {name}")) as u64)
}

pub fn channel_named(name: &str) -> Channel {
    let found = Channel::ALL
        .into_iter()
        .find(|channel| channel.as_str() == name);
    found.unwrap_or_else(|| panic!("no channel is called {name}"))
}

/// The seed that this player commits to in every test.
pub fn seed_of(user: UserId) -> Seed {
    Seed([user.get() as u8; 32])
}

pub fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

pub fn roll() -> Action {
    game_move("bigger_dice", "roll", "{}")
}

pub fn game_move(game_type: &str, name: &str, fields: &str) -> Action {
    Action::Move {
        game_type: game_type.into(),
        name: name.into(),
        fields: raw(fields),
    }
}

pub fn create(game_type: &str, max_players: Option<u32>) -> Action {
    Action::Create {
        room_id: "room-1".parse().unwrap(),
        game_type: game_type.into(),
        room_name: "My Game".into(),
        max_players,
        allow_spectators: true,
        is_password_protected: false,
        entry_fee: if game_type == "relay" {
            Cents::ZERO
        } else {
            Cents(1_000)
        },
        prize_percent: 80,
        invites_bot: false,
        seated: Vec::new(),
        limits: Default::default(),
    }
}

/// Who does what, once the scene's clock is where the command wants it.
pub fn parse(scene: &mut Scene, command: &str) -> (SeatedPlayer, Action) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let system = player(0);
    match words[..] {
        ["deadline"] => {
            scene.now = scene
                .room()
                .next_deadline()
                .expect("a deadline")
                .max(scene.now);
            return (system, Action::Deadline);
        }
        ["too", "early"] => {
            let deadline = scene.room().next_deadline().expect("a deadline");
            scene.now = Millis(deadline.0 - 1);
            return (system, Action::Deadline);
        }
        ["call", "off"] => return (system, Action::CallOff),
        ["close"] => return (system, Action::Close),
        ["shift", ms] => {
            return (
                system,
                Action::Shift {
                    by_ms: ms.parse().unwrap(),
                },
            );
        }
        ["gone", name] => {
            return (
                system,
                Action::Disconnected {
                    user: named(name).user_id,
                },
            );
        }
        ["sync", name] => {
            return (
                named(name),
                Action::Sync {
                    user: named(name).user_id,
                },
            );
        }
        _ => {}
    }
    let by = named(words[0]);
    let join = |password| Action::Join { password };
    let spectate = |password| Action::Spectate { password };
    let moderate = |measure, name| Action::Moderate {
        measure,
        target: named(name).user_id,
    };
    let action = match words[1..] {
        ["create", game, seats] => create(game, Some(seats.parse().unwrap())),
        ["create", game] => create(game, None),
        ["join"] => join(PasswordCheck::Absent),
        ["join", "right"] => join(PasswordCheck::Match),
        ["join", "wrong"] => join(PasswordCheck::Mismatch),
        ["spectate"] => spectate(PasswordCheck::Absent),
        ["spectate", "right"] => spectate(PasswordCheck::Match),
        ["spectate", "wrong"] => spectate(PasswordCheck::Mismatch),
        ["guessed", "wrong"] => Action::WrongPassword,
        ["stop", "spectating"] => Action::StopSpectating,
        ["become", "player"] => Action::BecomePlayer,
        ["become", "spectator"] => Action::BecomeSpectator { target: None },
        ["select", "spectator", name] => Action::BecomeSpectator {
            target: Some(named(name).user_id),
        },
        ["kick", name] => moderate(Measure::KickPlayer, name),
        ["kick", "spectator", name] => moderate(Measure::KickSpectator, name),
        ["ban", name] => moderate(Measure::Ban, name),
        ["unban", name] => moderate(Measure::Unban, name),
        ["mute", name] => moderate(Measure::Mute, name),
        ["unmute", name] => moderate(Measure::Unmute, name),
        ["leave"] => Action::Leave,
        ["rejoin"] => Action::Rejoin,
        ["select", name] => Action::Select {
            target: named(name).user_id,
        },
        ["invite", ref names @ ..] => Action::Invite {
            users: names.iter().map(|name| named(name).user_id).collect(),
            rematch_of: Some("room-0".parse().unwrap()),
        },
        ["deselect", name] => Action::Deselect {
            target: named(name).user_id,
        },
        ["ready"] => Action::Ready {
            is_ready: true,
            seed_commitment: None,
        },
        ["ready", "seed"] => Action::Ready {
            is_ready: true,
            seed_commitment: Some(seed_of(by.user_id).commitment()),
        },
        ["unready"] => Action::Ready {
            is_ready: false,
            seed_commitment: None,
        },
        ["reveal"] => Action::RevealSeed {
            client_seed: seed_of(by.user_id),
        },
        ["reveal", "wrong"] => Action::RevealSeed {
            client_seed: Seed([0xff; 32]),
        },
        ["start"] => Action::Start,
        ["auto", "on"] => Action::AutoPlay { enabled: true },
        ["auto", "off"] => Action::AutoPlay { enabled: false },
        ["roll"] => roll(),
        ["writes", channel, content] => Action::Chat {
            channel: channel_named(channel),
            content: content.to_owned(),
        },
        ["says", json] => game_move("relay", "say", &format!("{{\"data\":{json}}}")),
        ["chooses", number] => game_move("duel", "choose", &format!("{{\"number\":{number}}}")),
        ["calls"] => game_move("echo", "call", "{}"),
        ["peeks"] => game_move("duel", "peek", "{}"),
        ["hesitates"] => game_move("duel", "hesitate", "{}"),
        ["move", game, name, fields] => game_move(game, name, fields),
        _ => panic!("no such command: {command}"),
    };
    (by, action)
}
