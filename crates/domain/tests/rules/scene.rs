//! A room with its clock and its players' money. Whatever a test does here, the invariants are
//! checked with every input.

use crate::actions::parse;
use crate::other_games::{CoinToss, Duel, Echo};
use crate::pausing::Patience;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::games::{built_in, relay::Relay};
use blazing_sun_domain::room::{
    Action, Effects, EventAudience, Input, Membership, Order, Room, RoomEvent,
};
use blazing_sun_domain::{
    Account, Cents, GameDefinition, Games, Millis, Refusal, SeatedPlayer, Transfer, UserId,
};
use std::collections::{BTreeMap, BTreeSet};

pub const SECRET: RoomSecret = RoomSecret([7; 32]);
pub const START: Millis = Millis(1_705_746_600_000);
pub const GRANT: i64 = 5_000;

pub struct Scene {
    pub games: Games,
    pub now: Millis,
    room: Option<Room>,
    pub money: Money,
    pub events: Vec<RoomEvent>,
    pub journal: Vec<Input>,
    /// Who is in the room by the events' membership alone, as a gateway knows it.
    pub routed: BTreeMap<UserId, Membership>,
}

/// The ledger, kept from transfers alone.
#[derive(Default)]
pub struct Money {
    players: BTreeMap<UserId, i64>,
    pub escrow: i64,
    pub rake: i64,
    keys: BTreeSet<String>,
}

impl Money {
    pub fn of(&self, user: UserId) -> i64 {
        self.players.get(&user).copied().unwrap_or(GRANT)
    }

    pub fn set(&mut self, user: UserId, cents: i64) {
        self.players.insert(user, cents);
    }

    fn apply(&mut self, transfer: &Transfer) {
        assert!(transfer.amount > Cents::ZERO, "{transfer:?}");
        assert!(
            self.keys.insert(transfer.key.clone()),
            "{} twice",
            transfer.key
        );
        for (account, cents) in [
            (&transfer.from, -transfer.amount.0),
            (&transfer.to, transfer.amount.0),
        ] {
            let balance = match account {
                Account::Player(user) => self.players.entry(*user).or_insert(GRANT),
                Account::Escrow(_) => &mut self.escrow,
                Account::HouseRake => &mut self.rake,
                other => panic!("a room does not touch {other}"),
            };
            *balance += cents;
            assert!(*balance >= 0, "{account} below 0 after {}", transfer.key);
        }
    }
}

impl Scene {
    pub fn new() -> Scene {
        let mut games = built_in();
        games.insert(GameDefinition::of::<Relay>());
        games.insert(GameDefinition::of::<Duel>());
        games.insert(GameDefinition::of::<CoinToss>());
        games.insert(GameDefinition::of::<Echo>());
        games.insert(GameDefinition::of::<Patience>());
        Scene {
            games,
            now: START,
            room: None,
            money: Money::default(),
            events: Vec::new(),
            journal: Vec::new(),
            routed: BTreeMap::new(),
        }
    }

    /// A scene where these commands have been done, none of them refused.
    pub fn after(commands: &str) -> Scene {
        let mut scene = Scene::new();
        scene.run(commands);
        scene
    }

    pub fn run(&mut self, commands: &str) {
        for command in commands
            .split(['\n', ';'])
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let outcome = self.line(command);
            assert!(!outcome.starts_with('!'), "{command} => {outcome}");
        }
    }

    pub fn room(&self) -> &Room {
        self.room.as_ref().expect("a room")
    }

    pub fn decide(&mut self, by: &SeatedPlayer, action: Action) -> Result<Effects, Refusal> {
        let mut input = Input {
            now: self.now,
            by: by.clone(),
            balances: Vec::new(),
            action,
        };
        let accounts = input.action.accounts(by.user_id).into_iter();
        input.balances = accounts
            .map(|user| (user, Cents(self.money.of(user))))
            .collect();
        let effects = match &mut self.room {
            None => Room::create(&input, &self.games, SECRET).map(|(room, effects)| {
                self.room = Some(room);
                effects
            }),
            Some(room) => {
                let before = room.save().unwrap();
                let decided = room.decide(&input, &self.games);
                let same = room.save().unwrap() == before;
                match &decided {
                    Err(refusal) => assert!(same, "{refusal} changed the room"),
                    Ok(effects) => assert_eq!(same, !effects.changed, "{input:?}"),
                }
                decided
            }
        }?;
        self.journal.push(input);
        self.take(&effects);
        Ok(effects)
    }

    /// Without the invariants, which cost more the more people there are.
    pub fn decide_quietly(&mut self, by: &SeatedPlayer, action: Action) -> Result<(), Refusal> {
        let balances = vec![(by.user_id, Cents(self.money.of(by.user_id)))];
        let input = Input {
            now: self.now,
            by: by.clone(),
            balances,
            action,
        };
        let effects = self
            .room
            .as_mut()
            .expect("a room")
            .decide(&input, &self.games)?;
        self.journal.push(input);
        self.route(&effects);
        effects
            .transfers
            .iter()
            .for_each(|transfer| self.money.apply(transfer));
        self.events.extend(effects.events);
        Ok(())
    }

    fn route(&mut self, effects: &Effects) {
        for (user, membership) in effects.events.iter().flat_map(|event| &event.membership) {
            match membership {
                Membership::None => drop(self.routed.remove(user)),
                entered => drop(self.routed.insert(*user, *entered)),
            }
        }
    }

    fn take(&mut self, effects: &Effects) {
        let before = self
            .events
            .iter()
            .filter(|e| matches!(e.order, Order::Room(_)))
            .count();
        let mut seq = before as u64;
        for event in &effects.events {
            match event.order {
                Order::Room(at) => {
                    seq += 1;
                    assert_eq!(at, seq, "room_seq is dense: {}", event.name);
                    assert_eq!(event.audience, EventAudience::Room);
                }
                Order::After(after) => assert_eq!(after, seq, "{}", event.name),
                Order::Outside => assert_eq!(event.audience, EventAudience::Broadcast),
            }
            let body = event.body.get();
            assert!(
                serde_json::from_str::<serde_json::Map<_, _>>(body).is_ok(),
                "{body}"
            );
        }
        self.route(effects);
        effects
            .transfers
            .iter()
            .for_each(|transfer| self.money.apply(transfer));
        self.events.extend(effects.events.iter().cloned());

        let room = self.room();
        assert_eq!(room.room_seq(), seq);
        let members: BTreeMap<_, _> = room.members().into_iter().collect();
        assert_eq!(members, self.routed, "gateways know who is in the room");
        let saved = room.save().unwrap();
        let loaded = Room::load(&saved, &self.games, SECRET).unwrap();
        assert_eq!(text(&loaded.save().unwrap()), text(&saved));
        assert!(!text(&saved).contains(&hex::encode(SECRET.0)));
        if room.is_over() {
            assert_eq!(self.money.escrow, 0, "an ended room holds no money");
            let last = self.events.last().map(|event| &*event.name);
            assert_eq!(last, Some("seed_revealed"), "the last word of every room");
        }
    }

    /// From here on with a room that was saved and loaded.
    pub fn reload(&mut self) {
        let saved = self.room().save().unwrap();
        self.room = Some(Room::load(&saved, &self.games, SECRET).unwrap());
    }

    /// Does one command and says in one line what came of it.
    pub fn line(&mut self, command: &str) -> String {
        let (by, action) = parse(self, command);
        match self.decide(&by, action) {
            Err(refusal) => format!("! {}", refusal.code),
            Ok(effects) => told(&effects),
        }
    }

    /// The fields of the last event of this name.
    pub fn last(&self, name: &str) -> serde_json::Value {
        let found = self.events.iter().rev().find(|event| event.name == name);
        let event = found.unwrap_or_else(|| panic!("no {name} yet"));
        serde_json::from_str(event.body.get()).unwrap()
    }
}

pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// `name#room_seq`, `name>user`, `~broadcast`, with `(user:membership)`; after `|` the transfers.
fn told(effects: &Effects) -> String {
    let mut words = Vec::new();
    for event in &effects.events {
        let name = &event.name;
        let mut word = match (&event.audience, event.order) {
            (EventAudience::Broadcast, _) => format!("~{name}"),
            (EventAudience::User(user), _) => format!("{name}>{user}"),
            (_, Order::Room(seq)) => format!("{name}#{seq}"),
            (audience, order) => format!("{name}[{audience:?} {order:?}]"),
        };
        for (user, membership) in &event.membership {
            word += &format!("({user}:{membership:?})").to_lowercase();
        }
        words.push(word);
    }
    if !effects.transfers.is_empty() {
        words.push("|".into());
        words.extend(
            effects
                .transfers
                .iter()
                .map(|t| format!("{}={}", t.key, t.amount)),
        );
    }
    if words.is_empty() {
        if effects.changed {
            "ok".into()
        } else {
            "nothing".into()
        }
    } else {
        words.join(" ")
    }
}

/// Runs a table of `command => outcome`; a mismatch shows the whole table as it is.
pub fn check(scene: &mut Scene, table: &str) {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut expected = String::new();
    let mut found = String::new();
    for line in lines {
        let (command, outcome) = line.split_once("=>").unwrap_or((line, ""));
        let (command, outcome) = (command.trim(), outcome.trim());
        expected += &format!("{command} => {outcome}\n");
        found += &format!("{command} => {}\n", scene.line(command));
    }
    assert!(found == expected, "expected:\n{expected}\nfound:\n{found}");
}
