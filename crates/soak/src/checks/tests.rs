//! Each checker on a small history that is right, and on the same with one planted fault.

use super::*;
use crate::Violation;
use crate::history::{Batch, Entry};
use crate::transcript::Transcript;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn entry(topic: &str, offset: u64, json: Value) -> Entry {
    Entry {
        topic: topic.to_owned(),
        partition: 0,
        offset,
        at_ms: 1_000,
        outbox_seq: (topic != "games.commands").then_some(offset),
        payload: json.to_string().into_bytes(),
        json,
    }
}

fn room_event(seq: u64, name: &str, cause: Option<&str>) -> Entry {
    let json = json!({
        "event_id": format!("event-{seq}"),
        "event_type": format!("games.event.{name}"),
        "timestamp": format!("2026-01-01T00:00:0{seq}.000Z"),
        "correlation_id": cause,
        "audience": { "type": "room", "room_id": "r" },
        "payload": {
            "type": name, "room_id": "r", "room_seq": seq, "user_id": "7",
            "deadline": "2026-01-01T00:00:05.000Z",
        },
    });
    entry("games.events", seq - 1, json)
}

fn batch(entries: Vec<Entry>) -> Batch {
    Batch { number: 1, entries }
}

fn named(found: &[Violation]) -> Vec<&'static str> {
    found.iter().map(|violation| violation.invariant).collect()
}

#[test]
fn a_gap_a_swap_and_a_repetition_on_a_topic_are_noticed() {
    let check = |entries: Vec<Entry>| {
        let mut found = Vec::new();
        Events::default().take(&batch(entries), &mut found);
        named(&found)
    };
    let event = |seq| room_event(seq, "x", None);
    assert!(check(vec![event(1), event(2), event(3)]).is_empty());
    assert_eq!(check(vec![event(1), event(3)]), ["I5 order", "I5 order"]);
    assert!(check(vec![event(2), event(1)]).contains(&"I5 order"));
    assert!(check(vec![event(1), event(1)]).contains(&"I2 once"));
}

/// Two events and a private one, and user 7's connection that heard them.
fn heard() -> (Events, Transcript) {
    let mut events = Events::default();
    let mut private = room_event(3, "wallet.balance_changed", None);
    private.json["audience"] = json!({ "type": "user", "user_ids": ["7"], "room_id": "r" });
    private.json["payload"]["room_seq"].take();
    private.json["event_type"] = "wallet.event.balance_changed".into();
    let entries = vec![room_event(1, "x", None), room_event(2, "y", None), private];
    events.take(&batch(entries), &mut Vec::new());
    let frames = (1..=3)
        .map(|seq| sockets::frame_of(&events.recent[&format!("event-{seq}")]))
        .collect();
    let transcript = Transcript {
        user: 7,
        socket_id: "socket".to_owned(),
        known: BTreeMap::from([("r".to_owned(), 0)]),
        frames,
        ..Transcript::default()
    };
    (events, transcript)
}

fn checked(events: &Events, mut transcript: Transcript) -> Vec<&'static str> {
    let mut found = Vec::new();
    check_transcript(&mut transcript, events, &mut found);
    named(&found)
}

#[test]
fn a_connection_that_misses_swaps_or_alters_an_event_is_noticed() {
    let (events, right) = heard();
    assert!(checked(&events, right.clone()).is_empty());
    let mut missing = right.clone();
    missing.frames.remove(0);
    assert_eq!(checked(&events, missing), ["I5 order"]);
    let mut swapped = right.clone();
    swapped.frames.swap(0, 1);
    assert!(checked(&events, swapped).contains(&"I5 order"));
    let mut altered = right.clone();
    altered.frames[1]["user_id"] = "8".into();
    assert_eq!(checked(&events, altered), ["I5 order"]);
    let mut invented = right.clone();
    invented.frames[1]["event_id"] = "event-9".into();
    assert_eq!(checked(&events, invented), ["I5 order"]);
    let mut unasked = right;
    unasked.known.clear();
    assert_eq!(checked(&events, unasked), ["I5 order"]);
}

#[test]
fn a_state_that_is_older_than_what_was_heard_is_noticed() {
    let mut events = Events::default();
    let mut state = room_event(1, "room_state", None);
    state.json["audience"] = json!({ "type": "user", "user_ids": ["7"], "room_id": "r" });
    state.json["payload"]["room"] = json!({ "room_seq": 4 });
    events.take(&batch(vec![state]), &mut Vec::new());
    let transcript = |known| Transcript {
        user: 7,
        known: BTreeMap::from([("r".to_owned(), known)]),
        frames: vec![sockets::frame_of(&events.recent["event-1"])],
        ..Transcript::default()
    };
    assert!(checked(&events, transcript(4)).is_empty());
    assert_eq!(checked(&events, transcript(5)), ["I5 order"]);
}

#[test]
fn what_is_for_others_is_noticed_by_audience_and_by_secret() {
    let (events, right) = heard();
    let mut other = right.clone();
    other.user = 8;
    assert_eq!(checked(&events, other.clone()), ["I8 private"]);

    let mut canaries = Canaries::default();
    canaries.add("event-3".to_owned(), 7);
    let search = |transcript: &Transcript| {
        let mut found = Vec::new();
        canaries.search(transcript, &mut found);
        named(&found)
    };
    assert!(search(&right).is_empty());
    assert_eq!(search(&other), ["I8 private"]);
}

#[test]
fn the_refusal_of_another_socket_is_noticed() {
    let refusal = json!({
        "type": "games.event.error", "command_id": "c", "socket_id": "socket", "code": "not_host",
    });
    let mut transcript = Transcript {
        socket_id: "socket".to_owned(),
        frames: vec![refusal],
        ..Transcript::default()
    };
    transcript.sent.insert("c".to_owned());
    let events = Events::default();
    assert!(checked(&events, transcript.clone()).is_empty());
    transcript.sent.clear();
    assert_eq!(checked(&events, transcript.clone()), ["I8 private"]);
    // The server names a command that came without an id.
    transcript.sent_nameless = true;
    assert!(checked(&events, transcript.clone()).is_empty());
    transcript.socket_id = "another".to_owned();
    assert_eq!(checked(&events, transcript), ["I8 private"]);
}

#[test]
fn a_command_applied_twice_and_one_that_is_lost_are_noticed() {
    let command = |id: &str| {
        entry(
            "games.commands",
            0,
            json!({ "payload": { "command_id": id } }),
        )
    };
    let applied = |seq, cause| room_event(seq, "player_ready_changed", Some(cause));
    let check = |entries: Vec<Entry>, acknowledged: &str| {
        let (mut commands, mut found) = (Commands::default(), Vec::new());
        commands.take(&batch(entries), &mut found);
        commands.check_acknowledged([acknowledged.to_owned()].iter(), &mut found);
        named(&found)
    };
    let right = vec![
        command("a"),
        command("a"),
        command("b"),
        applied(1, "a"),
        applied(2, "b"),
    ];
    assert!(check(right, "a").is_empty());
    let twice = vec![command("a"), command("a"), applied(1, "a"), applied(2, "a")];
    assert_eq!(check(twice, "a"), ["I9 repeats"]);
    assert_eq!(check(vec![command("a")], "lost"), ["durable"]);
    let back = |seq| room_event(seq, "player_rejoined", Some("a"));
    let away = room_event(2, "player_disconnected", None);
    let twice_away = vec![command("a"), command("a"), back(1), away, back(3)];
    assert!(check(twice_away, "a").is_empty());
    let twice = vec![command("a"), command("a"), back(1), back(2)];
    assert_eq!(check(twice, "a"), ["I9 repeats"]);
}

#[test]
fn poison_that_is_dropped_altered_or_late_is_noticed() {
    let mut poison = entry("games.commands", 5, Value::Null);
    poison.payload = b"\xff poison".to_vec();
    let letter = json!({
        "topic": "games.commands", "partition": 0, "offset": 5, "error": "no JSON",
        "original": "/yBwb2lzb24=",
    });
    let check = |letter: Option<Value>, at_ms: i64| {
        let mut entries = vec![poison.clone()];
        entries.extend(letter.map(|letter| Entry {
            at_ms,
            ..entry("events.dead_letter", 0, letter)
        }));
        let mut found = Vec::new();
        Poison::default().take(&batch(entries), &mut found);
        found.len()
    };
    assert_eq!(check(Some(letter.clone()), 1_000), 0);
    assert_eq!(check(None, 1_000), 1);
    assert_eq!(check(Some(letter.clone()), 2_001), 1);
    for (field, value) in [("original", json!("")), ("error", json!(""))] {
        let mut wrong = letter.clone();
        wrong[field] = value;
        assert_eq!(check(Some(wrong), 1_000), 1, "{field}");
    }
    let mut of_another = letter;
    of_another["offset"] = 4.into();
    assert_eq!(check(Some(of_another), 1_000), 2);
}

#[test]
fn a_turn_that_an_outage_used_up_is_noticed() {
    let rolled = |seq: u64, at: &str| {
        let mut rolled = room_event(seq, "bigger_dice.rolled", None);
        rolled.json["timestamp"] = at.into();
        rolled
    };
    let check = |again: bool, at: &str| {
        let (mut outage, mut found) = (Outage::default(), Vec::new());
        outage.take(
            &batch(vec![room_event(1, "turn_changed", None)]),
            0,
            &mut found,
        );
        if again {
            outage.take(
                &batch(vec![room_event(2, "turn_changed", None)]),
                1,
                &mut found,
            );
        }
        outage.take(&batch(vec![rolled(3, at)]), 1, &mut found);
        named(&found)
    };
    assert!(check(true, "2026-01-01T00:00:05.000Z").is_empty());
    assert_eq!(check(true, "2026-01-01T00:00:04.999Z"), ["outage"]);
    assert_eq!(check(false, "2026-01-01T00:00:09.000Z"), ["outage"]);
}

fn said(channel: &str, by: &str) -> Entry {
    let mut event = room_event(1, "chat_message", None);
    event.json["payload"] = json!({
        "type": "chat_message", "room_id": "r", "channel": channel,
        "message_id": format!("{channel}:{by}"), "user_id": by, "content": format!("{channel} by {by}"),
    });
    event
}

fn told(payload: Value) -> Entry {
    let mut event = room_event(1, "x", None);
    event.json["payload"] = payload;
    event.json["payload"]["room_id"] = "r".into();
    event
}

/// User 1 has a seat, 2 watches, 3 is in the lobby, 4 was in the room.
fn furnished() -> Chat {
    let mut chat = Chat::default();
    let lobby = ["1", "2", "3", "4"].map(|user| json!({ "user_id": user }));
    let moves = vec![
        told(json!({ "type": "room_state", "room": { "lobby": lobby, "players": [] } })),
        told(json!({ "type": "player_selected", "player": { "user_id": "1" } })),
        told(json!({ "type": "spectator_joined", "user_id": "2" })),
        told(json!({ "type": "player_left", "user_id": "4" })),
    ];
    chat.take(&batch(moves), &mut Vec::new());
    chat
}

fn chatted(entries: Vec<Entry>) -> Vec<&'static str> {
    let mut found = Vec::new();
    furnished().take(&batch(entries), &mut found);
    named(&found)
}

#[test]
fn a_message_by_who_may_not_write_there_is_noticed() {
    let allowed = [
        ("lobby", "3"),
        ("lobby", "2"),
        ("players", "1"),
        ("spectators", "2"),
    ];
    for (channel, by) in allowed {
        assert!(
            chatted(vec![said(channel, by)]).is_empty(),
            "{channel} {by}"
        );
    }
    let refused = [
        ("lobby", "4"),
        ("players", "2"),
        ("players", "3"),
        ("spectators", "1"),
    ];
    for (channel, by) in refused {
        assert_eq!(
            chatted(vec![said(channel, by)]),
            ["I8 private"],
            "{channel} {by}"
        );
    }
    let muted = told(json!({ "type": "user_muted", "target_user_id": "1" }));
    assert_eq!(chatted(vec![muted, said("players", "1")]), ["I8 private"]);
}

#[test]
fn a_message_heard_by_who_could_not_read_it_is_noticed() {
    let heard_by = |user: i64, entries: Vec<Entry>, content: &str| {
        let mut chat = furnished();
        let mut found = Vec::new();
        chat.take(&batch(entries), &mut found);
        let transcript = Transcript {
            user,
            frames: vec![json!({ "messages": [{ "content": content }] })],
            ..Transcript::default()
        };
        chat.search(&transcript, &mut found);
        named(&found)
    };
    let spectators = || vec![said("spectators", "2")];
    assert!(heard_by(2, spectators(), "spectators by 2").is_empty());
    assert_eq!(heard_by(1, spectators(), "spectators by 2"), ["I8 private"]);
    let players = || vec![said("players", "1")];
    assert!(heard_by(2, players(), "players by 1").is_empty());
    assert_eq!(heard_by(3, players(), "players by 1"), ["I8 private"]);
    let lobby = || vec![said("lobby", "3")];
    assert!(heard_by(1, lobby(), "lobby by 3").is_empty());
    assert_eq!(heard_by(4, lobby(), "lobby by 3"), ["I8 private"]);
}

#[test]
fn a_history_told_to_who_may_not_read_it_and_one_of_another_channel_are_noticed() {
    let history = |to: &str, channel: &str| {
        let messages = json!([{ "message_id": "players:1", "content": "players by 1" }]);
        let mut told =
            told(json!({ "type": "chat_history", "channel": channel, "messages": messages }));
        told.json["audience"] = json!({ "type": "user", "user_ids": [to] });
        vec![said("players", "1"), told]
    };
    assert!(chatted(history("2", "players")).is_empty());
    assert_eq!(chatted(history("3", "players")), ["I8 private"]);
    assert_eq!(chatted(history("1", "lobby")), ["I8 private"]);
}

#[test]
fn the_lobbys_chat_is_for_who_watches_it() {
    let mut events = Events::default();
    let mut written = room_event(1, "lobby_message", None);
    written.json["event_type"] = "chat.event.lobby_message".into();
    written.json["audience"] = json!({ "type": "broadcast" });
    events.take(&batch(vec![written]), &mut Vec::new());
    let mut transcript = Transcript {
        user: 7,
        frames: vec![sockets::frame_of(&events.recent["event-1"])],
        has_watched: true,
        ..Transcript::default()
    };
    assert!(checked(&events, transcript.clone()).is_empty());
    transcript.has_watched = false;
    assert_eq!(checked(&events, transcript), ["I8 private"]);
}
