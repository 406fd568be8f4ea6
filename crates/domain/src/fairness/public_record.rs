//! What anyone can check of a room from its public events alone, as a player saw them: every
//! commitment against its seed, every roll, and what the game's rules make of the rolls.

mod course;

use super::{Commitment, Seed};
use crate::game::{Games, SeatedPlayer};
use crate::ids::{RoomId, UserId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a frame or an envelope's payload has beside an event's own fields.
const FRAMING: [&str; 8] = [
    "type",
    "event_id",
    "correlation_id",
    "timestamp",
    "room_id",
    "room_seq",
    "after_seq",
    "command_id",
];

/// What of `room_created` is held against later events.
const CREATED: [&str; 3] = ["seed_commitment", "player_count", "prize_cents"];
/// A `room_seq` above this is none: a page could not count there either.
const ROOM_SEQ_MAX: u64 = 1 << 53;

/// The events of one room, in whatever order and however often they were read.
#[derive(Debug, Clone)]
pub struct PublicRecord {
    room_id: RoomId,
    created: Option<Value>,
    /// By the `room_seq` as of which each was told.
    states: BTreeMap<u64, Value>,
    /// Room-wide events by `room_seq`.
    events: BTreeMap<u64, (String, Value)>,
    /// What contradicts itself by itself, in sentences.
    contradictory: BTreeSet<String>,
    /// What each user sent with `ready`.
    sent: BTreeMap<UserId, Vec<Option<String>>>,
}

/// What a check found, in sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Checked and right.
    pub checked: Vec<String>,
    /// What these events do not allow to check.
    pub unchecked: Vec<String>,
    /// Where they contradict each other.
    pub wrong: Vec<String>,
}

impl PublicRecord {
    /// Nothing known yet.
    pub fn new(room_id: RoomId) -> PublicRecord {
        PublicRecord {
            room_id,
            created: None,
            states: BTreeMap::new(),
            events: BTreeMap::new(),
            contradictory: BTreeSet::new(),
            sent: BTreeMap::new(),
        }
    }

    /// Takes an event by its name (`bigger_dice.rolled`) and fields; narrower ones tell nothing that
    /// could be checked.
    pub fn event(&mut self, name: &str, fields: &Value) {
        let room_seq = fields["room_seq"].as_u64();
        let mut own = fields.clone();
        if let Some(own) = own.as_object_mut() {
            own.retain(|field, _| !FRAMING.contains(&field.as_str()));
        }
        match (name, room_seq) {
            ("room_created", _) => match &self.created {
                Some(known) if !is_same(known, &own, &CREATED) => self.twice("room_created"),
                Some(_) => {}
                None => self.created = Some(own),
            },
            ("room_state", _) => {
                let room = &own["room"];
                let seq = room["room_seq"].as_u64().or(fields["after_seq"].as_u64());
                let Some(seq) = seq.filter(|seq| self.is_in_range(*seq)) else {
                    return;
                };
                match self.states.get(&seq) {
                    Some(known) if !is_same(known, room, &["seed_commitment"]) => {
                        self.twice(&format!("room_state as of room_seq {seq}"));
                    }
                    Some(_) => {}
                    None => {
                        self.states.insert(seq, room.clone());
                    }
                }
            }
            (_, Some(seq)) if self.is_in_range(seq) => {
                let event = (name.to_owned(), own);
                match self.events.get(&seq) {
                    Some(known) if *known != event => {
                        self.twice(&format!("events with room_seq {seq}"));
                    }
                    Some(_) => {}
                    None => {
                        self.events.insert(seq, event);
                    }
                }
            }
            _ => {}
        }
    }

    fn twice(&mut self, what: &str) {
        let sentence = format!("there are two different {what}");
        self.contradictory.insert(sentence);
    }

    fn is_in_range(&mut self, seq: u64) -> bool {
        if seq > ROOM_SEQ_MAX {
            let sentence = format!("there is a room_seq above {ROOM_SEQ_MAX}: no room gets there");
            self.contradictory.insert(sentence);
        }
        seq <= ROOM_SEQ_MAX
    }

    /// Takes what a user sent with `ready`.
    pub fn ready(&mut self, user: UserId, commitment: Option<&str>) {
        let commitment = commitment.map(str::to_ascii_lowercase);
        self.sent.entry(user).or_default().push(commitment);
    }

    /// Checks all of it.
    pub fn check(&self, games: &Games) -> Findings {
        let mut check = Check::new(self);
        check.walk();
        check.end(games);
        check.findings
    }
}

/// How the game began.
struct Started {
    players: Vec<SeatedPlayer>,
    /// What each seat committed to and revealed.
    seats: Vec<Option<(Commitment, Seed)>>,
    game_type: String,
}

struct Check<'a> {
    record: &'a PublicRecord,
    findings: Findings,
    /// The commitment in force, as far as known.
    current: Option<Commitment>,
    /// All commitments that were in force, and those whose seed is known.
    seen: BTreeSet<Commitment>,
    revealed: u32,
    selected: Vec<UserId>,
    /// Why the seed has to be renewed before anyone may commit.
    must_renew: Option<String>,
    renewals_in_time: u32,
    frozen: Option<Vec<Option<Commitment>>>,
    started: Option<Started>,
    server_seed: Option<Seed>,
    /// The game's own events, by `room_seq`.
    told: Vec<(u64, &'a str, &'a Value)>,
    /// Whether events are missing in between, so that the rest can not be held to be complete.
    has_gap: bool,
    has_gap_in_play: bool,
}

impl<'a> Check<'a> {
    fn new(record: &'a PublicRecord) -> Check<'a> {
        Check {
            record,
            findings: Findings::default(),
            current: None,
            seen: BTreeSet::new(),
            revealed: 0,
            selected: Vec::new(),
            must_renew: None,
            renewals_in_time: 0,
            frozen: None,
            started: None,
            server_seed: None,
            told: Vec::new(),
            has_gap: false,
            has_gap_in_play: false,
        }
    }

    fn wrong(&mut self, what: impl Into<String>) {
        self.findings.wrong.push(what.into());
    }

    fn walk(&mut self) {
        let record = self.record;
        for sentence in &record.contradictory {
            self.wrong(sentence);
        }
        let mut next = match (&record.created, record.states.first_key_value()) {
            (Some(created), _) => {
                self.current = self.commitment(created, "seed_commitment", "room_created");
                if let Some(state) = record.states.get(&0) {
                    self.take_state(state, 0);
                }
                1
            }
            (None, Some((seq, state))) => {
                self.take_state(state, *seq);
                let before = "what came before the first room_state can not be checked: it is not in the transcript";
                self.findings.unchecked.push(before.to_owned());
                seq + 1
            }
            (None, None) => {
                let first = record.events.first_key_value().map_or(1, |(seq, _)| *seq);
                let before = "neither room_created nor a room_state is in the transcript: what its first server seed was committed to can not be checked";
                self.findings.unchecked.push(before.to_owned());
                first
            }
        };
        self.seen.extend(self.current);
        for (seq, (name, fields)) in record.events.range(next..) {
            if *seq > next {
                let last = seq - 1;
                let which = if last == next {
                    format!("{next} is")
                } else {
                    format!("{next} to {last} are")
                };
                let gap = format!("room_seq {which} not in the transcript");
                self.findings.unchecked.push(gap);
                self.has_gap = true;
                self.has_gap_in_play |= self.started.is_some();
                self.current = None;
                self.must_renew = None;
                self.frozen = None;
                // A state in between tells what is in force again.
                let between = record.states.range(next..=last).next_back();
                if let Some((at, state)) = between {
                    self.take_state(state, *at);
                }
            }
            next = seq + 1;
            self.take(*seq, name, fields);
            if let Some(state) = record.states.get(seq) {
                self.take_state(state, *seq);
            }
        }
    }

    /// A room's state: what is in force as of a `room_seq`.
    fn take_state(&mut self, state: &Value, seq: u64) {
        let place = format!("room_state as of room_seq {seq}");
        let stated = self.commitment(state, "seed_commitment", &place);
        if let (Some(current), Some(stated)) = (self.current, stated)
            && current != stated
        {
            self.wrong(format!(
                "{place}: its seed_commitment is not the one in force"
            ));
        }
        self.current = self.current.or(stated);
        let selected = state["selected_players"].as_array();
        if let Some(selected) = selected {
            self.selected = selected.iter().filter_map(user).collect();
        }
    }

    fn take(&mut self, seq: u64, name: &'a str, fields: &'a Value) {
        let place = format!("{name} (room_seq {seq})");
        if self.server_seed.is_some() {
            self.wrong(format!("{place}: it comes after the room's end"));
        }
        let subject = user(&fields["user_id"]);
        match name {
            "player_selected" => {
                let player = user(&fields["player"]["user_id"]);
                self.selected.extend(player);
                self.must_renew = Some(place);
            }
            "player_deselected" | "seed_voided" => {
                self.selected.retain(|user| Some(*user) != subject);
                self.must_renew = Some(place);
            }
            "player_left" | "player_kicked" | "player_banned" if self.started.is_none() => {
                if self.selected.iter().any(|user| Some(*user) == subject) {
                    self.must_renew = Some(place);
                }
                self.selected.retain(|user| Some(*user) != subject);
            }
            "seed_renewed" => self.renewed(&place, fields),
            "player_ready_changed" if fields["is_ready"] == true => self.committing(&place),
            "seeds_requested" => self.requested(&place, fields),
            "game_started" => self.begun(&place, fields),
            "seed_revealed" => self.ended(&place, fields),
            _ => {
                let game = self
                    .started
                    .as_ref()
                    .map(|started| started.game_type.as_str());
                let own = game.and_then(|game| name.strip_prefix(game)?.strip_prefix('.'));
                if let Some(own) = own.filter(|own| *own != "state") {
                    self.told.push((seq, own, fields));
                }
            }
        }
    }

    /// Somebody commits, or the commitments stand: the seed must be of this selection.
    fn committing(&mut self, place: &str) {
        if let Some(change) = self.must_renew.take() {
            self.wrong(format!(
                "{place}: the server seed was not renewed after {change}"
            ));
        }
    }

    fn renewed(&mut self, place: &str, fields: &Value) {
        let previous = self.seed(fields, "previous_server_seed", place);
        let next = self.commitment(fields, "seed_commitment", place);
        if let Some(previous) = previous {
            let commitment = previous.commitment();
            match self.current {
                Some(current) if current != commitment => {
                    self.wrong(format!(
                        "{place}: the previous server seed is not the one committed to"
                    ));
                }
                Some(_) => self.revealed += 1,
                None => {}
            }
            self.seen.insert(commitment);
        }
        if let Some(next) = next
            && !self.seen.insert(next)
        {
            self.wrong(format!(
                "{place}: this server seed was in force before, so others may know it"
            ));
        }
        self.renewals_in_time += u32::from(self.must_renew.take().is_some());
        self.current = next;
        self.frozen = None;
    }

    fn requested(&mut self, place: &str, fields: &Value) {
        self.committing(place);
        self.in_force(place, fields);
        let Some(listed) = fields["commitments"].as_array() else {
            return self.wrong(format!("{place}: it has no list of commitments"));
        };
        let Some(seats) = self.optional_list::<Commitment>(listed, "commitments", place) else {
            return;
        };
        if self.selected.len() == seats.len() {
            for (user, commitment) in self.selected.clone().iter().zip(&seats) {
                self.as_sent(place, *user, *commitment);
            }
        }
        self.frozen = Some(seats);
    }

    /// What the room says a user committed to, against what that user sent.
    fn as_sent(&mut self, place: &str, user: UserId, commitment: Option<Commitment>) {
        let Some(sent) = self.record.sent.get(&user) else {
            return;
        };
        let commitment = commitment.map(|commitment| commitment.to_string());
        if sent.contains(&commitment) {
            let words =
                format!("{place}: the commitment of user {user} is what that user sent with ready");
            self.findings.checked.push(words);
        } else {
            self.wrong(format!(
                "{place}: the commitment of user {user} is not what that user sent with ready"
            ));
        }
    }

    fn in_force(&mut self, place: &str, fields: &Value) {
        let stated = self.commitment(fields, "seed_commitment", place);
        match (self.current, stated) {
            (Some(current), Some(stated)) if current != stated => {
                self.wrong(format!(
                    "{place}: its seed_commitment is not the one in force"
                ));
            }
            _ => self.current = self.current.or(stated),
        }
    }

    fn begun(&mut self, place: &str, fields: &Value) {
        self.committing(place);
        let game_type = fields["game_type"].as_str().unwrap_or_default().to_owned();
        let players = fields["players"].as_array().map_or(&[][..], Vec::as_slice);
        let players: Vec<SeatedPlayer> = players.iter().filter_map(player).collect();
        let empty = Vec::new();
        let list = |name: &str| fields[name].as_array().unwrap_or(&empty);
        let (commitments, seeds) = (list("commitments"), list("seeds"));
        if players.is_empty() || commitments.len() != players.len() || seeds.len() != players.len()
        {
            return self.wrong(format!(
                "{place}: it does not list a commitment and a seed for each player"
            ));
        }
        let commitments: Option<Vec<Option<Commitment>>> =
            self.optional_list(commitments, "commitments", place);
        let seeds: Option<Vec<Option<Seed>>> = self.optional_list(seeds, "seeds", place);
        let (Some(commitments), Some(seeds)) = (commitments, seeds) else {
            return;
        };
        match &self.frozen {
            Some(frozen) if *frozen != commitments => {
                self.wrong(format!(
                    "{place}: its commitments are not those of seeds_requested"
                ));
            }
            None if !self.has_gap && commitments.iter().any(Option::is_some) => {
                self.wrong(format!(
                    "{place}: there are commitments, and seeds were never requested"
                ));
            }
            _ => {}
        }
        let mut seats = Vec::new();
        for ((player, commitment), seed) in players.iter().zip(commitments).zip(seeds) {
            let name = player.username.escape_debug();
            let seat = match (commitment, seed) {
                (Some(commitment), Some(seed)) if seed.commitment() == commitment => {
                    Some((commitment, seed))
                }
                (Some(_), Some(_)) => {
                    self.wrong(format!(
                        "{place}: the seed of {name} does not match its commitment"
                    ));
                    return;
                }
                (None, None) => None,
                _ => {
                    self.wrong(format!(
                        "{place}: {name} has a commitment or a seed, and not both"
                    ));
                    return;
                }
            };
            seats.push(seat);
        }
        self.started = Some(Started {
            players,
            seats,
            game_type,
        });
    }

    fn ended(&mut self, place: &str, fields: &Value) {
        self.in_force(place, fields);
        let Some(seed) = self.seed(fields, "server_seed", place) else {
            return;
        };
        let stated = self.commitment(fields, "seed_commitment", place);
        if stated.is_some_and(|stated| stated != seed.commitment()) {
            self.wrong(format!(
                "{place}: the server seed does not match its commitment"
            ));
        }
        self.server_seed = Some(seed);
    }

    fn commitment(&mut self, fields: &Value, name: &str, place: &str) -> Option<Commitment> {
        self.hex(&fields[name], name, place)
    }

    fn seed(&mut self, fields: &Value, name: &str, place: &str) -> Option<Seed> {
        self.hex(&fields[name], name, place)
    }

    fn hex<T: std::str::FromStr>(&mut self, value: &Value, name: &str, place: &str) -> Option<T> {
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            self.wrong(format!("{place}: {name} is not 32 bytes as 64 hex digits"));
        }
        parsed
    }

    /// A list in which null stands for a seat that takes no part.
    fn optional_list<T: std::str::FromStr>(
        &mut self,
        list: &[Value],
        name: &str,
        place: &str,
    ) -> Option<Vec<Option<T>>> {
        list.iter()
            .enumerate()
            .map(|(index, value)| match value {
                Value::Null => Some(None),
                value => self
                    .hex(value, &format!("{name}[{index}]"), place)
                    .map(Some),
            })
            .collect()
    }
}

fn is_same(one: &Value, other: &Value, fields: &[&str]) -> bool {
    fields.iter().all(|field| one[*field] == other[*field])
}

fn user(value: &Value) -> Option<UserId> {
    serde_json::from_value(value.clone()).ok()
}

fn player(value: &Value) -> Option<SeatedPlayer> {
    Some(SeatedPlayer {
        is_bot: value["is_bot"].as_bool().unwrap_or(false),
        ..SeatedPlayer::person(user(&value["user_id"])?, value["username"].as_str()?)
    })
}
