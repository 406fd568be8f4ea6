//! Rooms in which somebody waits alone, as the lobby's frames tell of them.

use super::games;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A room that is open to all.
#[derive(Debug, Clone, PartialEq)]
struct OpenRoom {
    host_id: String,
    fee_cents: i64,
    is_invited: bool,
    /// Since when one person has waited here with nobody else.
    lone_since: Option<Instant>,
}

/// A room to join now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub room_id: String,
    /// Whose.
    pub host_id: String,
    /// What a seat costs there.
    pub fee_cents: i64,
}

/// The open rooms of games that the bot plays.
#[derive(Debug)]
pub struct Lobby {
    joins_after: Duration,
    rooms: BTreeMap<String, OpenRoom>,
    /// Left or refused: not before this.
    rests: BTreeMap<String, Instant>,
}

impl Lobby {
    /// Nothing is known yet. A room is due once somebody has waited there alone for `joins_after`.
    pub fn new(joins_after: Duration) -> Lobby {
        Lobby {
            joins_after,
            rooms: BTreeMap::new(),
            rests: BTreeMap::new(),
        }
    }

    /// What was known may be wrong; how long rooms rest is kept.
    pub fn forget(&mut self, now: Instant) {
        self.rooms.clear();
        self.rests.retain(|_, until| now < *until);
    }

    /// There is no such room any more.
    pub fn remove(&mut self, room_id: &str) {
        self.rooms.remove(room_id);
        self.rests.remove(room_id);
    }

    /// Notes what a frame of the lobby says.
    pub fn take(&mut self, frame: &Value, now: Instant) {
        match frame["type"].as_str().unwrap_or_default() {
            "games.event.room_created" => self.note(frame, 1, now),
            "games.event.room_updated" => self.note(frame, people(frame), now),
            "games.event.room_list" => {
                for room in frame["rooms"].as_array().into_iter().flatten() {
                    self.note(room, people(room), now);
                }
            }
            "games.event.room_removed" => {
                if let Some(room_id) = frame["room_id"].as_str() {
                    self.remove(room_id);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, line: &Value, people: u64, now: Instant) {
        let Some(room_id) = line["room_id"].as_str() else {
            return;
        };
        let game_type = line["game_type"].as_str().unwrap_or_default();
        let is_waiting = line["status"].as_str().is_none_or(|is| is == "waiting");
        let is_open = line["is_password_protected"] != true;
        if !is_waiting || !is_open || games::strategy(game_type).is_none() {
            self.rooms.remove(room_id);
            return;
        }
        let is_lone = people == 1 && line["bot_count"].as_u64().unwrap_or(0) == 0;
        let before = self.rooms.get(room_id);
        let lone_since = before.and_then(|room| room.lone_since).unwrap_or(now);
        let room = OpenRoom {
            host_id: line["host_id"].as_str().unwrap_or_default().to_owned(),
            fee_cents: line["entry_fee_cents"].as_i64().unwrap_or(0),
            is_invited: line["invites_bot"] == true,
            lone_since: is_lone.then_some(lone_since),
        };
        self.rooms.insert(room_id.to_owned(), room);
    }

    /// Leaves a room alone until then, or longer if that was said before.
    pub fn rest(&mut self, room_id: &str, until: Instant, now: Instant) {
        self.rests.retain(|_, until| now < *until);
        let rests_until = self.rests.entry(room_id.to_owned()).or_insert(until);
        *rests_until = until.max(*rests_until);
    }

    fn due_at(&self, room_id: &str, room: &OpenRoom) -> Option<Instant> {
        let since = room.lone_since?;
        let wanted = if room.is_invited {
            since
        } else {
            since + self.joins_after
        };
        let rests_until = self.rests.get(room_id);
        Some(rests_until.map_or(wanted, |until| wanted.max(*until)))
    }

    /// Rooms that are due, who waited longest first.
    pub fn due(&self, now: Instant) -> Vec<Due> {
        let mut due: Vec<(Instant, Due)> = Vec::new();
        for (room_id, room) in &self.rooms {
            if let Some(at) = self.due_at(room_id, room).filter(|at| *at <= now) {
                due.push((
                    at,
                    Due {
                        room_id: room_id.clone(),
                        host_id: room.host_id.clone(),
                        fee_cents: room.fee_cents,
                    },
                ));
            }
        }
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, due)| due).collect()
    }

    /// When the next room is due that is not yet.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        let rooms = self.rooms.iter();
        rooms
            .filter_map(|(room_id, room)| self.due_at(room_id, room))
            .filter(|at| *at > now)
            .min()
    }
}

fn people(line: &Value) -> u64 {
    let count = |name: &str| line[name].as_u64().unwrap_or(0);
    count("player_count").saturating_sub(count("bot_count"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AFTER: Duration = Duration::from_secs(2);

    fn created(room_id: &str) -> Value {
        json!({
            "type": "games.event.room_created", "room_id": room_id, "game_type": "bigger_dice",
            "host_id": "7", "is_password_protected": false, "player_count": 2, "entry_fee_cents": 1000,
        })
    }

    fn updated(room_id: &str, players: u64, bots: u64) -> Value {
        json!({
            "type": "games.event.room_updated", "room_id": room_id, "game_type": "bigger_dice",
            "host_id": "7", "is_password_protected": false, "status": "waiting",
            "player_count": players, "bot_count": bots, "entry_fee_cents": 1000,
        })
    }

    fn due(lobby: &Lobby, now: Instant) -> Vec<String> {
        lobby.due(now).into_iter().map(|due| due.room_id).collect()
    }

    #[test]
    fn a_room_is_due_once_somebody_has_waited_alone() {
        let (mut lobby, start) = (Lobby::new(AFTER), Instant::now());
        lobby.take(&created("a"), start);
        assert!(due(&lobby, start + AFTER / 2).is_empty());
        assert_eq!(lobby.next_due(start), Some(start + AFTER));
        assert_eq!(due(&lobby, start + AFTER), ["a"]);
        lobby.take(&updated("a", 2, 0), start + AFTER);
        assert!(due(&lobby, start + AFTER * 9).is_empty(), "two people");
        lobby.take(&updated("a", 1, 0), start + AFTER * 9);
        assert!(due(&lobby, start + AFTER * 9).is_empty(), "alone just now");
        assert_eq!(due(&lobby, start + AFTER * 10), ["a"]);
        lobby.take(&updated("a", 2, 1), start + AFTER * 10);
        assert!(due(&lobby, start + AFTER * 99).is_empty(), "a bot is there");
    }

    #[test]
    fn who_asks_for_the_bot_does_not_wait() {
        let (mut lobby, start) = (Lobby::new(AFTER), Instant::now());
        let mut invited = created("a");
        invited["invites_bot"] = true.into();
        lobby.take(&invited, start);
        assert_eq!(due(&lobby, start), ["a"]);
        lobby.rest("a", start + AFTER, start);
        lobby.rest("a", start + AFTER / 2, start);
        assert!(due(&lobby, start + AFTER / 2).is_empty());
        lobby.forget(start);
        lobby.take(
            &json!({ "type": "games.event.room_list", "rooms": [updated("a", 1, 0)] }),
            start,
        );
        assert!(due(&lobby, start).is_empty(), "it still rests");
        assert_eq!(due(&lobby, start + AFTER), ["a"]);
    }

    #[test]
    fn nothing_is_kept_of_rooms_that_are_gone() {
        let (mut lobby, start) = (Lobby::new(Duration::ZERO), Instant::now());
        let list = json!({ "type": "games.event.room_list", "rooms": [updated("a", 1, 0), updated("b", 1, 0)] });
        lobby.take(&list, start);
        lobby.rest("b", start + AFTER, start);
        lobby.remove("a");
        assert!(due(&lobby, start).is_empty());
        assert_eq!(due(&lobby, start + AFTER), ["b"]);
        lobby.remove("b");
        lobby.rest("left", start + AFTER, start);
        lobby.rest("left later", start + AFTER * 2, start);
        lobby.forget(start + AFTER);
        assert!(lobby.rooms.is_empty());
        assert_eq!(lobby.rests.keys().collect::<Vec<_>>(), ["left later"]);
        lobby.rest("at last", start + AFTER * 9, start + AFTER * 2);
        assert_eq!(lobby.rests.keys().collect::<Vec<_>>(), ["at last"]);
    }

    #[test]
    fn closed_other_and_running_rooms_are_left_alone() {
        let (mut lobby, start) = (Lobby::new(Duration::ZERO), Instant::now());
        for (field, value) in [
            ("is_password_protected", json!(true)),
            ("game_type", json!("chess")),
            ("status", json!("in_progress")),
        ] {
            let mut line = updated("a", 1, 0);
            lobby.take(&line, start);
            assert_eq!(due(&lobby, start), ["a"]);
            line[field] = value;
            lobby.take(&line, start);
            assert!(due(&lobby, start).is_empty(), "{field}");
        }
        lobby.take(&created("b"), start);
        lobby.take(
            &json!({ "type": "games.event.room_removed", "room_id": "b" }),
            start,
        );
        lobby.take(&json!({ "type": "games.event.room_created" }), start);
        assert!(due(&lobby, start).is_empty());
    }
}
