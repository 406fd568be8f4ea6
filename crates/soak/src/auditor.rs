//! Recomputes every balance, escrow and the rake from the commands of the log, by rules of its own. What
//! no command holds (which dice fell, which deadlines came) it takes from the rooms' events.

mod room;

use crate::Violation;
use crate::history::{Batch, Entry, number, text};
use room::{Moved, Room, Verdict};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

const INVARIANT: &str = "I1-I3 money";

/// What a game costs and how many play it.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// For a seat.
    pub fee_cents: i64,
    /// The winner's share of all fees, in percent.
    pub prize_percent: i64,
    /// Fewest and most seats.
    pub seats: (usize, usize),
    /// Seats where a room asks for none.
    pub quick_seats: usize,
}

/// How often, and how many cents in all.
type Sum = (i64, i64);

/// The kind of a transfer, its room and its player, as the ledger names them.
type Key = (String, Option<String>, Option<i64>);

/// The auditor's books.
pub struct Auditor {
    tariffs: BTreeMap<String, Tariff>,
    grant_cents: i64,
    rooms: HashMap<String, Room>,
    ended: HashSet<String>,
    players: BTreeMap<i64, i64>,
    escrows: BTreeMap<String, i64>,
    rake_cents: i64,
    transfers: BTreeMap<Key, Sum>,
    decided: HashSet<(u32, i64, String)>,
    found: Vec<String>,
    games: u64,
    /// Whether disconnects are decided where they stand, and not behind a batch's deadlines.
    is_in_order: bool,
}

/// What the events of a batch say of a command.
#[derive(Default)]
struct Outcome {
    refused: Option<String>,
    die: Option<i64>,
}

/// Refusals whose reason is not in the command log.
const OUTSIDE: [&str; 10] = [
    "unavailable",
    "internal",
    "invalid_format",
    "unknown_command",
    "command_expired",
    "too_many_rooms",
    "wrong_password",
    "rate_limited",
    "unknown_game",
    "invalid_name",
];

impl Auditor {
    /// Empty books of a deployment whose accounts begin with `grant_cents`.
    pub fn new(tariffs: BTreeMap<String, Tariff>, grant_cents: i64) -> Auditor {
        Auditor {
            tariffs,
            grant_cents,
            rooms: HashMap::new(),
            ended: HashSet::new(),
            players: BTreeMap::new(),
            escrows: BTreeMap::new(),
            rake_cents: 0,
            transfers: BTreeMap::new(),
            decided: HashSet::new(),
            found: Vec::new(),
            games: 0,
            is_in_order: false,
        }
    }

    /// Of a cluster, where what one partition tells another comes back as a record like any other.
    pub fn in_order(self) -> Auditor {
        Auditor {
            is_in_order: true,
            ..self
        }
    }

    /// Games that were played to their end.
    pub fn games(&self) -> u64 {
        self.games
    }

    /// Takes one batch of the log.
    pub fn take(&mut self, batch: &Batch) {
        let mut outcomes: HashMap<&str, Outcome> = HashMap::new();
        for entry in batch.of("games.events") {
            let Some(cause) = entry.json["correlation_id"].as_str() else {
                continue;
            };
            let outcome = outcomes.entry(cause).or_default();
            match text(&entry.json["event_type"]) {
                "games.event.error" if entry.json["payload"]["command_id"] == cause => {
                    outcome.refused = Some(text(&entry.json["payload"]["code"]).to_owned());
                }
                "games.event.bigger_dice.rolled" => {
                    outcome.die = entry.json["payload"]["roll"].as_i64();
                }
                _ => {}
            }
        }
        // Disconnects are told at a batch's end, behind its deadlines.
        let mut told_last = Vec::new();
        for entry in &batch.entries {
            match entry.topic.as_str() {
                "games.commands" if is_disconnect(entry) && !self.is_in_order => {
                    told_last.push(entry);
                }
                "games.commands" => self.command(entry, &outcomes),
                "games.events" if entry.json["correlation_id"].is_null() => self.deadline(entry),
                _ => {}
            }
        }
        for entry in told_last {
            self.command(entry, &outcomes);
        }
    }

    fn command(&mut self, entry: &Entry, outcomes: &HashMap<&str, Outcome>) {
        let json = &entry.json;
        let kind = text(&json["event_type"]);
        let payload = &json["payload"];
        let Some(user) = number(&json["actor"]["user_id"]) else {
            return;
        };
        if kind == "wallet.command.demo_grant" {
            return self.grant(payload);
        }
        let Some(name) = kind.strip_prefix("games.command.") else {
            return;
        };
        let Some(id) = payload["command_id"].as_str() else {
            return;
        };
        let room_id = text(&payload["room_id"]).to_owned();
        let cause = json["correlation_id"].as_str().unwrap_or(id);
        if room_id.is_empty() || self.is_passed_over(name) {
            return;
        }
        if name == "open_matched_room" {
            return self.open_matched(&room_id, payload);
        }
        if name == "sync_room" || name == "player_disconnected" {
            if let (Some(room), Some(about)) =
                (self.rooms.get_mut(&room_id), number(&payload["user_id"]))
            {
                match name {
                    "sync_room" => room.sign_in(about),
                    _ => {
                        let moved = room.disconnect(about);
                        self.keep(&room_id, moved);
                    }
                }
            }
            return;
        }
        let key = (entry.partition, user, id.to_owned());
        if self.decided.contains(&key) {
            return;
        }
        let outcome = outcomes.get(cause);
        let refused = outcome.and_then(|outcome| outcome.refused.as_deref());
        if refused == Some("unavailable") {
            return;
        }
        self.decided.insert(key);
        if refused.is_some_and(|code| OUTSIDE.contains(&code)) {
            return;
        }
        let die = outcome.and_then(|outcome| outcome.die);
        let verdict = match name {
            "create_room" => self.create(user, &room_id, payload),
            _ => {
                let players = &self.players;
                let balance = |user: i64| players.get(&user).copied().unwrap_or(0);
                match self.rooms.get_mut(&room_id) {
                    Some(room) => room.command(user, name, payload, die, &balance),
                    None => Err("no such room"),
                }
            }
        };
        let is_applied = verdict.is_ok();
        if is_applied != refused.is_none() {
            self.found.push(format!(
                "{name} {id} of {user} in {room_id}: {}, the server {}",
                match &verdict {
                    Ok(_) => "by the rules it is applied",
                    Err(why) => why,
                },
                refused.map_or("applied it".to_owned(), |code| format!(
                    "refused it: {code}"
                )),
            ));
        }
        if let Ok(moved) = verdict {
            self.keep(&room_id, moved);
        }
    }

    /// What moves no money and changes nobody's place.
    fn is_passed_over(&self, name: &str) -> bool {
        matches!(name, "list_rooms" | "sync_user") || name.ends_with(".enable_auto_play")
    }

    fn create(&mut self, user: i64, room_id: &str, payload: &Value) -> Verdict {
        if self.rooms.contains_key(room_id) || self.ended.contains(room_id) {
            return Err("the room exists");
        }
        let game = text(&payload["game_type"]);
        let Some(tariff) = self.tariffs.get(game) else {
            return Err("no such game");
        };
        let seats = match payload["max_players"].as_u64() {
            Some(seats) => seats as usize,
            None => tariff.quick_seats,
        };
        if !(tariff.seats.0..=tariff.seats.1).contains(&seats) {
            return Err("the game is not played with so many");
        }
        let room = Room::new(game, tariff.clone(), seats, user);
        self.rooms.insert(room_id.to_owned(), room);
        Ok(Moved::default())
    }

    /// Those who were matched are seated, if all can pay.
    fn open_matched(&mut self, room_id: &str, payload: &Value) {
        let game = text(&payload["game_type"]);
        let players = payload["players"].as_array().into_iter().flatten();
        let players: Vec<i64> = players
            .filter_map(|player| number(&player["user_id"]))
            .collect();
        let (Some(tariff), Some(host)) = (self.tariffs.get(game), players.first()) else {
            return;
        };
        let fee = tariff.fee_cents;
        let can_pay = |user: &i64| self.players.get(user).is_some_and(|held| *held >= fee);
        // It may come again, also when the room is long over.
        let is_known = self.rooms.contains_key(room_id) || self.ended.contains(room_id);
        if is_known || !players.iter().all(can_pay) {
            return;
        }
        let mut room = Room::new(game, tariff.clone(), players.len(), *host);
        room.seat_the_matched(&players);
        self.rooms.insert(room_id.to_owned(), room);
        let moved = Moved {
            fees: players.into_iter().map(|user| (user, fee)).collect(),
            ..Moved::default()
        };
        self.keep(room_id, moved);
    }

    fn grant(&mut self, payload: &Value) {
        let Some(user) = number(&payload["user_id"]) else {
            return;
        };
        if !self.players.contains_key(&user) {
            self.players.insert(user, self.grant_cents);
            self.count("demo_grant", None, Some(user), self.grant_cents);
        }
    }

    /// An event that no command caused.
    fn deadline(&mut self, entry: &Entry) {
        let payload = &entry.json["payload"];
        let room_id = text(&payload["room_id"]).to_owned();
        let Some(room) = self.rooms.get_mut(&room_id) else {
            return;
        };
        match room.deadline(payload) {
            Ok(moved) => self.keep(&room_id, moved),
            Err(why) => self.found.push(format!(
                "{room_id}: {why}, yet the server sent {}",
                entry.json["payload"]
            )),
        }
    }

    fn keep(&mut self, room_id: &str, moved: Moved) {
        let room = Some(room_id);
        for (user, cents) in moved.fees {
            *self.players.entry(user).or_default() -= cents;
            *self.escrows.entry(room_id.to_owned()).or_default() += cents;
            self.count("fee", room, Some(user), cents);
        }
        for (user, cents) in moved.refunds {
            *self.players.entry(user).or_default() += cents;
            *self.escrows.entry(room_id.to_owned()).or_default() -= cents;
            self.count("refund", room, Some(user), cents);
        }
        if let Some((user, prize, rake)) = moved.paid_out {
            *self.players.entry(user).or_default() += prize;
            *self.escrows.entry(room_id.to_owned()).or_default() -= prize + rake;
            self.rake_cents += rake;
            self.count("prize", room, Some(user), prize);
            self.count("rake", room, None, rake);
            self.games += 1;
        }
        if moved.is_over {
            self.rooms.remove(room_id);
            self.ended.insert(room_id.to_owned());
        }
    }

    fn count(&mut self, kind: &str, room: Option<&str>, user: Option<i64>, cents: i64) {
        if cents > 0 {
            let key = (kind.to_owned(), room.map(str::to_owned), user);
            let sum = self.transfers.entry(key).or_default();
            *sum = (sum.0 + 1, sum.1 + cents);
        }
    }

    /// Holds the ledger against the books: what is different, in words.
    pub fn compare(&mut self, ledger: &Ledger) -> Vec<Violation> {
        let mut found = std::mem::take(&mut self.found);
        let mut books: BTreeMap<String, i64> = BTreeMap::new();
        for (user, cents) in &self.players {
            books.insert(format!("player/{user}"), *cents);
        }
        for (room, cents) in &self.escrows {
            books.insert(format!("escrow/{room}"), *cents);
            if self.ended.contains(room) && *cents != 0 {
                found.push(format!("{room} has ended with {cents} in escrow"));
            }
        }
        let accounts: BTreeSet<&String> = books.keys().chain(ledger.balances.keys()).collect();
        for account in accounts {
            let ours = books.get(account).copied().unwrap_or(0);
            let theirs = ledger.balances.get(account).copied().unwrap_or(0);
            if ours != theirs {
                found.push(format!("{account} holds {theirs}, by the commands {ours}"));
            }
        }
        for (account, cents) in &ledger.balances {
            if *cents < 0 {
                found.push(format!("{account} holds {cents}"));
            }
        }
        if ledger.rake_cents != self.rake_cents {
            let (theirs, ours) = (ledger.rake_cents, self.rake_cents);
            found.push(format!("the rake is {theirs}, by the commands {ours}"));
        }
        let keys: BTreeSet<&Key> = self
            .transfers
            .keys()
            .chain(ledger.transfers.keys())
            .collect();
        for key in keys {
            let ours = self.transfers.get(key).copied().unwrap_or_default();
            let theirs = ledger.transfers.get(key).copied().unwrap_or_default();
            if ours != theirs {
                found.push(format!(
                    "{key:?}: {} transfers of {} in the ledger, by the commands {} of {}",
                    theirs.0, theirs.1, ours.0, ours.1
                ));
            }
        }
        found
            .into_iter()
            .map(|what| Violation::of(INVARIANT, what))
            .collect()
    }
}

fn is_disconnect(entry: &Entry) -> bool {
    entry.json["event_type"] == "games.command.player_disconnected"
}

/// What the ledger says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// By account, those that hold something or did.
    pub balances: BTreeMap<String, i64>,
    /// All that was moved to the house.
    pub rake_cents: i64,
    /// By kind, room and player.
    pub transfers: BTreeMap<Key, Sum>,
}

impl Ledger {
    /// Reads it.
    pub fn read(connection: &Connection) -> rusqlite::Result<Ledger> {
        let mut ledger = Ledger::default();
        let mut rows = connection.prepare("SELECT account, balance FROM account_balance")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        ledger.balances = rows.collect::<rusqlite::Result<_>>()?;
        let mut rows = connection.prepare(
            "SELECT kind, room_id, user_id, count(*), sum(amount_cents) FROM ledger_transfer
             GROUP BY kind, room_id, user_id",
        )?;
        let rows = rows.query_map([], |row| {
            let key = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((key, (row.get(3)?, row.get(4)?)))
        })?;
        ledger.transfers = rows.collect::<rusqlite::Result<_>>()?;
        let rake = ledger
            .transfers
            .iter()
            .filter(|((kind, ..), _)| kind == "rake");
        ledger.rake_cents = rake.map(|(_, (_, cents))| cents).sum();
        Ok(ledger)
    }
}

#[cfg(test)]
mod tests;
