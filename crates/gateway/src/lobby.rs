//! Changes of the list of rooms, gathered for those who watch it: of one room only what matters at the end
//! of the window is said.

use blazing_sun_domain::RoomId;
use bytes::Bytes;
use rustc_hash::FxHashMap;

/// What the wire says of a room in the list; anything else about a room is passed on as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LobbyChange {
    Created,
    Updated,
    Removed,
}

impl LobbyChange {
    pub(crate) fn of(event_type: &str) -> Option<LobbyChange> {
        match event_type {
            "games.event.room_created" => Some(LobbyChange::Created),
            "games.event.room_updated" => Some(LobbyChange::Updated),
            "games.event.room_removed" => Some(LobbyChange::Removed),
            _ => None,
        }
    }
}

/// The changes since they were last sent.
#[derive(Debug, Default)]
pub(crate) struct Lobby {
    /// In order; none where a later one says more.
    changes: Vec<Option<Change>>,
    rooms: FxHashMap<RoomId, Places>,
}

#[derive(Debug)]
struct Change {
    game_type: Option<Box<str>>,
    frame: Bytes,
}

/// Where among the changes a room's are.
#[derive(Debug, Default)]
struct Places {
    created: Option<usize>,
    updated: Option<usize>,
}

impl Lobby {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds a change. A later state of a room replaces an earlier one; its removal all before it.
    pub(crate) fn add(
        &mut self,
        room: RoomId,
        change: Option<LobbyChange>,
        game_type: Option<&str>,
        frame: Bytes,
    ) {
        let at = self.changes.len();
        if let Some(change) = change {
            let places = self.rooms.entry(room).or_default();
            let replaced = match change {
                LobbyChange::Created => [places.created.replace(at), None],
                LobbyChange::Updated => [places.updated.replace(at), None],
                LobbyChange::Removed => [places.created.take(), places.updated.take()],
            };
            for at in replaced.into_iter().flatten() {
                self.changes[at] = None;
            }
        }
        let game_type = game_type.map(Box::from);
        self.changes.push(Some(Change { game_type, frame }));
    }

    /// Takes the oldest changes, at most so many bytes of frames, and always one. What is left may still be replaced.
    pub(crate) fn take(&mut self, bytes_max: usize) -> Lobby {
        let mut bytes = 0;
        let within = self.changes.iter().take_while(|change| {
            bytes += change.as_ref().map_or(0, |change| change.frame.len());
            bytes <= bytes_max
        });
        let count = within.count().max(1).min(self.changes.len());
        let left = self.changes.split_off(count);
        for places in self.rooms.values_mut() {
            for place in [&mut places.created, &mut places.updated] {
                *place = place.and_then(|at| at.checked_sub(count));
            }
        }
        self.rooms
            .retain(|_, places| places.created.is_some() || places.updated.is_some());
        Lobby {
            changes: std::mem::replace(&mut self.changes, left),
            rooms: FxHashMap::default(),
        }
    }

    /// The frames for those who watch this game, or all. What names no game is for everyone.
    pub(crate) fn of_game(&self, wanted: Option<&str>) -> Bytes {
        let mine = self.changes.iter().flatten().filter(|change| {
            let named = wanted.zip(change.game_type.as_deref());
            named.is_none_or(|(wanted, game_type)| wanted == game_type)
        });
        mine.flat_map(|change| change.frame.iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(changes: &[(&str, &str, &str)], wanted: Option<&str>) -> String {
        let mut lobby = Lobby::default();
        for (room, change, said) in changes {
            let change = LobbyChange::of(&format!("games.event.room_{change}"));
            let game = Some("dice").filter(|_| *room != "other");
            let frame = Bytes::copy_from_slice(format!("{said} ").as_bytes());
            lobby.add(room.parse().unwrap(), change, game, frame);
        }
        String::from_utf8(lobby.of_game(wanted).to_vec()).unwrap()
    }

    #[test]
    fn more_than_a_window_takes_is_said_in_the_next_unless_it_is_replaced() {
        let mut lobby = Lobby::default();
        let add = |lobby: &mut Lobby, room: &str, change: &str, said: &str| {
            let change = LobbyChange::of(&format!("games.event.room_{change}"));
            let frame = Bytes::copy_from_slice(said.as_bytes());
            lobby.add(room.parse().unwrap(), change, None, frame);
        };
        for (room, said) in [("a", "a0 "), ("b", "b0 "), ("c", "c0 ")] {
            add(&mut lobby, room, "updated", said);
        }
        assert_eq!(lobby.take(7).of_game(None), "a0 b0 ");
        add(&mut lobby, "a", "updated", "a1 ");
        add(&mut lobby, "c", "updated", "c1 ");
        assert_eq!(lobby.take(2).of_game(None), "", "what was replaced");
        assert_eq!(lobby.take(2).of_game(None), "a1 ", "one, however long");
        assert_eq!(lobby.take(100).of_game(None), "c1 ");
        assert!(lobby.is_empty() && lobby.rooms.is_empty());
    }

    #[test]
    fn the_last_state_of_a_room_is_said_and_a_removal_alone() {
        let changes = [
            ("a", "created", "a0"),
            ("b", "updated", "b1"),
            ("a", "updated", "a1"),
            ("a", "updated", "a2"),
            ("c", "created", "c0"),
            ("c", "updated", "c1"),
            ("c", "removed", "c-"),
            ("b", "noticed", "b!"),
            ("b", "updated", "b2"),
            ("other", "removed", "o-"),
        ];
        assert_eq!(sent(&changes, None), "a0 a2 c- b! b2 o- ");
        assert_eq!(sent(&changes, Some("dice")), "a0 a2 c- b! b2 o- ");
        assert_eq!(sent(&changes, Some("chess")), "o- ");
    }
}
