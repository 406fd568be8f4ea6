//! Host tools, spectators and passwords on a real engine: what is kept over a restart, and which
//! records go out.

use crate::harness::{PARTITIONS, Rig, options};
use blazing_sun_backbone::log::{Start, Topic};
use blazing_sun_backend::audit::audit;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What answers a command: an event's name, or a refusal's code.
async fn said(rig: &mut Rig, user: u64, name: &str, fields: Value) -> String {
    let id = rig.send(user, name, fields).await;
    let answer = rig.answer(id).await;
    let kind = answer["event_type"].as_str().unwrap();
    match kind.strip_prefix("games.event.") {
        Some("error") => answer["payload"]["code"].as_str().unwrap().to_owned(),
        Some(name) => name.to_owned(),
        None => kind.to_owned(),
    }
}

async fn create(rig: &mut Rig, room: &str, name: &str, fields: Value) {
    let mut create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": name });
    let own = fields.as_object().unwrap().clone();
    create.as_object_mut().unwrap().extend(own);
    rig.send(1, "create_room", create).await;
    rig.expect("games.event.room_state").await;
}

/// Refunds of each room, by user, as the topic of its records has them.
async fn refunds(rig: &Rig) -> BTreeMap<(String, i64), Vec<i64>> {
    let topic = Topic::new("bigger_dice.participation_refunded");
    let from = (0..PARTITIONS).map(|p| (topic.clone(), p, Start::Offset(0)));
    let mut records = rig.log.subscribe(from.collect()).unwrap();
    let mut refunds: BTreeMap<_, Vec<i64>> = BTreeMap::new();
    // What is written is there at once; nothing more comes after it.
    while let Ok(read) = tokio::time::timeout(Duration::from_millis(300), records.next()).await {
        for record in read.unwrap() {
            let refund: Value = serde_json::from_slice(&record.payload).unwrap();
            assert_eq!(refund["event_type"], "game.participation.refunded");
            assert_eq!(refund["description"], "REFUND BIGGER DICE GAME");
            let room = refund["room_id"].as_str().unwrap().to_owned();
            let key = (room, refund["user_id"].as_i64().unwrap());
            let cents = refund["amount_cents"].as_i64().unwrap();
            refunds.entry(key).or_default().push(cents);
        }
    }
    refunds
}

#[tokio::test]
async fn every_way_out_before_play_has_its_refund_records() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    let commitment = "ab".repeat(32);
    let mut rooms = Vec::new();
    for phase in ["selecting", "filled", "revealing"] {
        for (event, then) in [
            ("leave_room", "player_left"),
            ("kick_player", "player_kicked"),
            ("ban_player", "player_banned"),
            ("deselect_player", "player_deselected"),
        ] {
            let room = format!("{phase}-{event}");
            let seats = if phase == "selecting" { 3 } else { 2 };
            create(&mut rig, &room, &room, json!({ "max_players": seats })).await;
            let here = || json!({ "room_id": room });
            let about = |user: &str| json!({ "room_id": room, "target_user_id": user });
            said(&mut rig, 2, "join_room", here()).await;
            for user in ["1", "2"] {
                let selected = said(&mut rig, 1, "select_player", about(user)).await;
                assert_eq!(selected, "player_selected");
            }
            if phase == "revealing" {
                let ready = json!({ "room_id": room, "seed_commitment": commitment });
                said(&mut rig, 1, "ready", ready).await;
                said(&mut rig, 2, "ready", here()).await;
                rig.expect("games.event.seeds_requested").await;
            }
            let outcome = match event {
                "leave_room" => said(&mut rig, 2, event, here()).await,
                _ => said(&mut rig, 1, event, about("2")).await,
            };
            match (phase, event) {
                ("revealing", "leave_room") => assert_eq!(outcome, "seed_voided"),
                ("revealing", _) => assert_eq!(outcome, "game_in_progress", "{room}"),
                _ => assert_eq!(outcome, then, "{room}"),
            }
            for user in [2, 1] {
                said(&mut rig, user, "leave_room", here()).await;
            }
            rooms.push(room);
        }
    }
    let refunds = refunds(&rig).await;
    for room in &rooms {
        for user in [1, 2] {
            let paid_back = refunds.get(&(room.clone(), user));
            assert_eq!(paid_back, Some(&vec![1_000]), "{room} {user}");
        }
    }
    assert_eq!(refunds.len(), rooms.len() * 2);
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.totals.players_cents, 10_000);
    assert_eq!(report.totals.escrow_cents, 0);
}

#[tokio::test]
async fn guessing_at_a_password_ends_after_five_also_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in 1..=3 {
        rig.grant(user).await;
    }
    create(&mut rig, "room-1", "Den", json!({ "password": "right" })).await;
    let with = |password: &str| json!({ "room_id": "room-1", "password": password });
    for name in ["join_room", "spectate", "join_room", "join_as_spectator"] {
        let refused = said(&mut rig, 2, name, with("wrong")).await;
        assert_eq!(refused, "wrong_password");
    }
    // Without one nothing is guessed.
    let refused = said(&mut rig, 2, "join_room", json!({ "room_id": "room-1" })).await;
    assert_eq!(refused, "wrong_password");
    let by_name = json!({ "room_name": "Den", "password": "wrong" });
    assert_eq!(
        said(&mut rig, 2, "spectate", by_name).await,
        "wrong_password"
    );
    for _ in 0..2 {
        let id = rig.send(2, "join_room", with("right")).await;
        let refused = rig.answer(id).await["payload"].clone();
        assert_eq!(refused["code"], "rate_limited");
        let words = refused["message"].as_str().unwrap();
        let wait = words.strip_prefix("Too many wrong passwords; try again in ");
        let wait = wait.and_then(|rest| rest.strip_suffix(" s")).unwrap();
        assert!((1..=60).contains(&wait.parse::<u32>().unwrap()), "{words}");
        rig.engine.stop();
        rig = Rig::start(dir.path());
    }
    assert_eq!(
        said(&mut rig, 3, "join_room", with("right")).await,
        "room_state"
    );
    said(&mut rig, 3, "leave_room", json!({ "room_id": "room-1" })).await;
    said(&mut rig, 1, "leave_room", json!({ "room_id": "room-1" })).await;
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
}

#[tokio::test]
async fn bans_mutes_and_spectators_outlast_a_restart_and_names_lead_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in 1..=4 {
        rig.grant(user).await;
    }
    create(&mut rig, "room-1", "Den", json!({})).await;
    let here = || json!({ "room_id": "room-1" });
    let by_name = || json!({ "room_name": "Den" });
    let about = |user: u64| json!({ "room_id": "room-1", "target_user_id": user.to_string() });
    assert_eq!(said(&mut rig, 2, "join_room", here()).await, "room_state");
    assert_eq!(said(&mut rig, 3, "spectate", by_name()).await, "room_state");
    let nowhere = json!({ "room_name": "Lair" });
    assert_eq!(
        said(&mut rig, 4, "spectate", nowhere).await,
        "room_not_found"
    );
    assert_eq!(said(&mut rig, 1, "mute_user", about(3)).await, "user_muted");
    assert_eq!(
        said(&mut rig, 1, "ban_player", about(2)).await,
        "player_banned"
    );
    let other = json!({ "room_id": "room-1", "target_user_id": "4" });
    assert_eq!(
        said(&mut rig, 3, "become_player", other).await,
        "invalid_format"
    );
    for round in 0..2 {
        for name in ["join_room", "spectate", "join_as_spectator", "rejoin_room"] {
            let refused = said(&mut rig, 2, name, here()).await;
            assert_eq!(refused, "banned", "{name}, round {round}");
        }
        for name in ["join_room", "spectate"] {
            let id = rig.send(2, name, by_name()).await;
            let refused = rig.answer(id).await;
            assert_eq!(
                refused["payload"]["code"], "banned",
                "{name}, round {round}"
            );
        }
        let id = rig.send(3, "rejoin_room", here()).await;
        let room = rig.answer(id).await["payload"]["room"].clone();
        assert_eq!(room["banned_users"], json!(["2"]));
        assert_eq!(room["muted_users"], json!(["3"]));
        assert_eq!(room["spectators"], json!(["3"]));
        let id = rig.send(3, "list_rooms", json!({})).await;
        let listed = rig.answer(id).await["payload"]["rooms"][0].clone();
        assert_eq!(listed["spectator_count"], 1);
        assert_eq!(listed["rejoin_role"], "spectator");
        if round == 0 {
            rig.engine.stop();
            rig = Rig::start(dir.path());
        }
    }
    create(&mut rig, "room-2", "Den", json!({})).await;
    let ambiguous = said(&mut rig, 4, "spectate", by_name()).await;
    assert_eq!(ambiguous, "ambiguous_room_name");
    rig.engine.stop();
    let report = audit(&options(dir.path()).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
}

#[tokio::test]
async fn nobody_is_in_more_than_sixteen_rooms() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    for n in 0..17 {
        let room = format!("room-{n}");
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        rig.send(100 + n, "create_room", create).await;
        rig.expect("games.event.room_state").await;
        let name = if n % 2 == 0 { "join_room" } else { "spectate" };
        let outcome = said(&mut rig, 2, name, json!({ "room_id": room })).await;
        assert_eq!(
            outcome,
            if n < 16 {
                "room_state"
            } else {
                "too_many_rooms"
            }
        );
    }
    rig.engine.stop();
}
