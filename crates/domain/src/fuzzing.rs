//! What corpora and fuzzers run: each function takes any bytes, and panics where something does not hold.

use crate::fairness::RoomSecret;
use crate::games::{self, relay::Relay};
use crate::room::{Input, Room};
use crate::{Account, Cents, GameDefinition, Games};
use std::collections::BTreeMap;

const SECRET: RoomSecret = RoomSecret([7; 32]);

fn all_games() -> Games {
    let mut games = games::built_in();
    games.insert(GameDefinition::of::<Relay>());
    games
}

/// A saved room: what loads is saved as it was loaded.
pub fn room_snapshot(bytes: &[u8]) {
    let games = all_games();
    let Ok(room) = Room::load(bytes, &games, SECRET) else {
        return;
    };
    let saved = room.save().expect("a room saves");
    let again = Room::load(&saved, &games, SECRET).expect("what was saved loads");
    assert_eq!(again.save().expect("a room saves"), saved);
    let _ = (room.summary(), room.next_deadline(), room.is_over());
}

/// Journaled inputs, one a line, the first of which makes the room. Whatever they ask, the room keeps its
/// numbers dense and its escrow at 0 or above, and it loads as it was saved.
pub fn room_inputs(bytes: &[u8]) {
    let games = all_games();
    let inputs = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Input>(line).ok());
    let mut room: Option<Room> = None;
    let mut balances = BTreeMap::<Account, i128>::new();
    for (n, input) in inputs.take(100).enumerate() {
        let effects = match &mut room {
            None => match Room::create(&input, &games, SECRET) {
                Ok((made, effects)) => {
                    room = Some(made);
                    effects
                }
                Err(_) => continue,
            },
            Some(room) => match room.decide(&input, &games) {
                Ok(effects) => effects,
                Err(refusal) => {
                    assert!(refusal.message.len() < 1_024, "{refusal}");
                    continue;
                }
            },
        };
        for transfer in &effects.transfers {
            assert!(transfer.amount > Cents::ZERO, "{transfer:?}");
            *balances.entry(transfer.from.clone()).or_default() -= i128::from(transfer.amount.0);
            *balances.entry(transfer.to.clone()).or_default() += i128::from(transfer.amount.0);
        }
        for (account, balance) in &balances {
            let is_escrow = matches!(account, Account::Escrow(_));
            assert!(!is_escrow || *balance >= 0, "{account:?}: {balance}");
        }
        if let Some(room) = room.as_ref().filter(|_| n % 8 == 0) {
            let saved = room.save().expect("a room saves");
            let again = Room::load(&saved, &games, SECRET).expect("what was saved loads");
            assert_eq!(again.save().expect("a room saves"), saved);
        }
    }
}
