//! The books of one small history, and what is noticed when the ledger says otherwise.

use super::*;
use serde_json::json;

const ANN: i64 = 1;
const BOB: i64 = 2;

struct Books {
    auditor: Auditor,
    commands: u64,
}

impl Books {
    fn new() -> Books {
        let tariff = Tariff {
            fee_cents: 101,
            prize_percent: 80,
            seats: (2, 10),
            quick_seats: 2,
        };
        let tariffs = BTreeMap::from([("bigger_dice".to_owned(), tariff)]);
        let mut books = Books {
            auditor: Auditor::new(tariffs, 500),
            commands: 0,
        };
        for user in [ANN, BOB] {
            let grant = json!({ "user_id": user.to_string(), "command_id": "grant" });
            books.take("wallet.command.demo_grant", 0, grant, &[]);
        }
        books
    }

    fn take(&mut self, kind: &str, user: i64, payload: Value, events: &[(&str, Value)]) {
        self.commands += 1;
        let id = payload["command_id"].as_str().map(str::to_owned);
        let id = id.unwrap_or_else(|| format!("command-{}", self.commands));
        let mut payload = payload;
        payload["command_id"] = id.as_str().into();
        let command = json!({
            "event_type": kind, "actor": { "user_id": user.to_string() },
            "correlation_id": id, "payload": payload,
        });
        let mut entries = vec![entry("games.commands", command)];
        for (name, event) in events {
            let event = json!({ "event_type": name, "correlation_id": id, "payload": event });
            entries.push(entry("games.events", event));
        }
        let number = self.commands;
        self.auditor.take(&Batch { number, entries });
    }

    fn command(&mut self, user: i64, name: &str, fields: Value) {
        let mut fields = fields;
        fields["room_id"] = "r".into();
        self.take(&format!("games.command.{name}"), user, fields, &[]);
    }

    /// Ann's room, with both seated.
    fn seated() -> Books {
        let mut books = Books::new();
        books.command(ANN, "create_room", json!({ "game_type": "bigger_dice" }));
        books.command(BOB, "join_room", json!({}));
        for user in [ANN, BOB] {
            let target = json!({ "target_user_id": user.to_string() });
            books.command(ANN, "select_player", target);
        }
        books
    }

    fn roll(&mut self, user: i64, roll: i64) {
        let fields = json!({ "room_id": "r" });
        let fell = [("games.event.bigger_dice.rolled", json!({ "roll": roll }))];
        self.take("games.command.bigger_dice.roll", user, fields, &fell);
    }

    fn found(&mut self, ledger: &Ledger) -> Vec<String> {
        let found = self.auditor.compare(ledger).into_iter();
        found.map(|violation| violation.what).collect()
    }
}

fn entry(topic: &str, json: Value) -> Entry {
    Entry {
        topic: topic.to_owned(),
        partition: 0,
        offset: 0,
        at_ms: 0,
        outbox_seq: None,
        payload: Vec::new(),
        json,
    }
}

fn ledger(balances: &[(&str, i64)], transfers: &[(&str, Option<i64>, i64, i64)]) -> Ledger {
    let room = |kind: &str| (kind != "demo_grant").then(|| "r".to_owned());
    let of = |(kind, user, times, cents): &(&str, Option<i64>, i64, i64)| {
        let key = ((*kind).to_owned(), room(kind), *user);
        (key, (*times, *cents))
    };
    let mut ledger = Ledger {
        balances: balances
            .iter()
            .map(|(name, cents)| ((*name).to_owned(), *cents))
            .collect(),
        rake_cents: 0,
        transfers: transfers.iter().map(of).collect(),
    };
    let rakes = ledger
        .transfers
        .iter()
        .filter(|((kind, ..), _)| kind == "rake");
    ledger.rake_cents = rakes.map(|(_, (_, cents))| cents).sum();
    ledger
}

const GRANTS: [(&str, Option<i64>, i64, i64); 2] = [
    ("demo_grant", Some(ANN), 1, 500),
    ("demo_grant", Some(BOB), 1, 500),
];

fn played() -> (Books, Ledger) {
    let mut books = Books::seated();
    for user in [ANN, BOB] {
        books.command(user, "ready", json!({}));
    }
    for round in 0..10 {
        let mut turns = [(ANN, 6), (BOB, 5)];
        // Who begins changes with each round.
        turns.rotate_left(round % 2);
        for (user, roll) in turns {
            books.roll(user, roll);
        }
    }
    let mut transfers = GRANTS.to_vec();
    transfers.extend([
        ("fee", Some(ANN), 1, 101),
        ("fee", Some(BOB), 1, 101),
        ("prize", Some(ANN), 1, 161),
        ("rake", None, 1, 41),
    ]);
    let right = [
        ("player/1", 500 - 101 + 161),
        ("player/2", 399),
        ("escrow/r", 0),
    ];
    (books, ledger(&right, &transfers))
}

#[test]
fn a_game_from_its_commands_comes_to_the_same_cents() {
    let (mut books, right) = played();
    assert_eq!(books.found(&right), [""; 0]);
    assert_eq!(books.auditor.games(), 1);
}

#[test]
fn a_cent_a_doubled_and_a_lost_transfer_are_noticed() {
    let (mut books, right) = played();
    let mut a_cent = right.clone();
    *a_cent.balances.get_mut("player/1").unwrap() += 1;
    assert_eq!(
        books.found(&a_cent),
        ["player/1 holds 561, by the commands 560"]
    );
    let key = ("fee".to_owned(), Some("r".to_owned()), Some(BOB));
    let mut doubled = right.clone();
    doubled.transfers.insert(key.clone(), (2, 202));
    assert_eq!(books.found(&doubled).len(), 1);
    let mut lost = right.clone();
    lost.transfers.remove(&key);
    assert_eq!(books.found(&lost).len(), 1);
    let mut kept = right;
    kept.rake_cents = 0;
    assert_eq!(books.found(&kept), ["the rake is 0, by the commands 41"]);
}

#[test]
fn a_repeated_command_moves_nothing_more() {
    let mut books = Books::new();
    books.command(ANN, "create_room", json!({ "game_type": "bigger_dice" }));
    for _ in 0..3 {
        let select = json!({ "target_user_id": "1", "command_id": "the-same" });
        books.command(ANN, "select_player", select);
    }
    let mut transfers = GRANTS.to_vec();
    transfers.push(("fee", Some(ANN), 1, 101));
    let right = [("player/1", 399), ("player/2", 500), ("escrow/r", 101)];
    assert_eq!(books.found(&ledger(&right, &transfers)), [""; 0]);
}

#[test]
fn a_deadline_refunds_whom_it_drops() {
    let mut books = Books::seated();
    let event = json!({
        "event_type": "games.event.player_deselected", "correlation_id": null,
        "payload": { "type": "player_deselected", "room_id": "r", "user_id": "2" },
    });
    let entries = vec![entry("games.events", event)];
    books.auditor.take(&Batch { number: 9, entries });
    let mut transfers = GRANTS.to_vec();
    transfers.extend([
        ("fee", Some(ANN), 1, 101),
        ("fee", Some(BOB), 1, 101),
        ("refund", Some(BOB), 1, 101),
    ]);
    let right = [("player/1", 399), ("player/2", 500), ("escrow/r", 101)];
    assert_eq!(books.found(&ledger(&right, &transfers)), [""; 0]);
}

#[test]
fn a_command_that_the_server_should_have_refused_is_noticed() {
    let mut books = Books::seated();
    books.command(BOB, "deselect_player", json!({ "target_user_id": "1" }));
    let found = books.auditor.compare(&Ledger::default());
    assert!(
        found[0]
            .what
            .contains("not the host, the server applied it"),
        "{}",
        found[0]
    );
    // And one that it refused without a reason.
    let refused = [(
        "games.event.error",
        json!({ "command_id": "c", "code": "not_host" }),
    )];
    let fields = json!({ "room_id": "r", "target_user_id": "2", "command_id": "c" });
    books.take("games.command.deselect_player", ANN, fields, &refused);
    let found = books.auditor.compare(&Ledger::default());
    assert!(
        found[0]
            .what
            .contains("by the rules it is applied, the server refused it"),
        "{}",
        found[0]
    );
}
