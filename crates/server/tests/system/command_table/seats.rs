//! From selection to the first turn.

use super::scene::{Ended, Row, STRANGER, Scene, WATCHER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn about(scene: &Scene, room: &str, target: &str) -> Value {
    json!({ "room_id": room, "target_user_id": scene.id(target) })
}

/// A topic's records about payments: who, how much, which room.
async fn payments(scene: &Scene, topic: &str) -> Vec<Value> {
    let records = scene.records(topic).await;
    let payment = |record: &Value| {
        json!([
            record["user_id"],
            record["amount_cents"],
            record["description"]
        ])
    };
    records.iter().map(payment).collect()
}

fn number(id: &str) -> i64 {
    id.parse().expect("a number")
}

pub async fn select_player(row: Row) -> Ended {
    let mut scene = row
        .scene(&["host", "guest", "guest+", "third", "fan"])
        .await;
    let room = scene.opens(json!({}), &["guest", "third"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    let guest = about(&scene, &room, "guest");
    scene
        .refused("guest", "select_player", guest.clone(), "not_host")
        .await;
    scene
        .refused("fan", "select_player", guest.clone(), "not_in_room")
        .await;
    for name in ["fan", STRANGER] {
        let target = about(&scene, &room, name);
        scene
            .refused("host", "select_player", target, "player_not_in_lobby")
            .await;
    }
    let told = "
        player_selected room: fan guest guest+ host third
        seed_renewed room: fan guest guest+ host third
        wallet.balance_changed user: guest guest+";
    let id = scene
        .does("host", "select_player", guest.clone(), told)
        .await;
    let selected = scene.event("third", &id, "player_selected").await;
    assert_eq!(selected["player"]["user_id"], scene.id("guest"));
    let changed = scene.event("guest+", &id, "wallet.balance_changed").await;
    assert_eq!(
        json!([
            changed["balance_cents"],
            changed["change_cents"],
            changed["room_id"]
        ]),
        json!([4_000, -1_000, room])
    );
    assert_eq!(scene.balance("guest").await, 4_000);
    let paid = payments(&scene, "bigger_dice.participation_payed").await;
    let pays = "PAY BIGGER DICE GAME";
    assert_eq!(paid, [json!([number(&scene.id("guest")), 1_000, pays])]);
    scene
        .refused("host", "select_player", guest.clone(), "already_selected")
        .await;

    let host = about(&scene, &room, "host");
    let told = "
        player_selected room: fan guest guest+ host third
        seed_renewed room: fan guest guest+ host third
        removed_from_game user: third
        game_starting room: fan guest guest+ host
        room_updated broadcast
        wallet.balance_changed user: host";
    let id = scene.does("host", "select_player", host, told).await;
    let removed = scene.event("third", &id, "removed_from_game").await;
    assert_eq!(removed["user_id"], scene.id("third"));
    let starting = scene.event("fan", &id, "game_starting").await;
    let starting = &starting["players"];
    assert_eq!(
        json!([starting[0]["user_id"], starting[1]["user_id"]]),
        json!([scene.id("guest"), scene.id("host")])
    );
    for name in ["host", "guest"] {
        scene.given(name, "ready", json!({ "room_id": room })).await;
    }
    scene
        .refused("host", "select_player", guest, "game_in_progress")
        .await;
    scene.ends().await
}

pub async fn select_player_without_money(row: Row) -> Ended {
    let dear = ("GAMES__BIGGER_DICE__ENTRY_FEE_CENTS", "5001");
    let mut scene = row.scene_with(&["host", "host+"], &[dear]).await;
    let room = scene.opens(json!({}), &[]).await;
    let host = about(&scene, &room, "host");
    scene
        .refused("host", "select_player", host, "insufficient_balance")
        .await;
    assert_eq!(scene.balance("host").await, 5_000);
    scene.ends().await
}

pub async fn deselect_player(row: Row) -> Ended {
    let mut scene = row
        .scene(&["host", "guest", "guest+", "third", "fan"])
        .await;
    let seats = json!({ "max_players": 3 });
    let room = scene.opens(seats, &["guest", "third"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    scene.seats(&room, &["host", "guest"]).await;
    let guest = about(&scene, &room, "guest");
    scene
        .refused("guest", "deselect_player", guest.clone(), "not_host")
        .await;
    for name in ["third", "fan", STRANGER] {
        let target = about(&scene, &room, name);
        scene
            .refused("host", "deselect_player", target, "not_selected")
            .await;
    }
    let told = "
        player_deselected room: fan guest guest+ host third
        selected_players_updated room: fan guest guest+ host third
        seed_renewed room: fan guest guest+ host third
        wallet.balance_changed user: guest guest+";
    let id = scene
        .does("host", "deselect_player", guest.clone(), told)
        .await;
    let updated = scene.event("fan", &id, "selected_players_updated").await;
    assert_eq!(updated["selected_players"], json!([scene.id("host")]));
    assert_eq!(scene.balance("guest").await, 5_000);
    let refunds = payments(&scene, "bigger_dice.participation_refunded").await;
    let pays = "REFUND BIGGER DICE GAME";
    assert_eq!(refunds, [json!([number(&scene.id("guest")), 1_000, pays])]);
    scene.plays(&room, &["guest", "third"]).await;
    scene
        .refused("host", "deselect_player", guest, "game_in_progress")
        .await;
    scene.ends().await
}

pub async fn ready(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+", "fan"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    let says = |is_ready: bool| json!({ "room_id": room, "is_ready": is_ready });
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    for name in ["ready", "set_ready"] {
        scene
            .refused("guest", name, says(true), "not_selected")
            .await;
        scene.refused("fan", name, says(true), "not_in_room").await;
        scene
            .refused(STRANGER, name, says(true), "not_in_room")
            .await;
    }
    scene.seats(&room, &["host", "guest"]).await;
    let changed = "player_ready_changed room: fan guest guest+ host";
    for (name, fields, is_ready) in [
        ("ready", says(true), true),
        ("set_ready", says(false), false),
        ("set_ready", json!({ "room_id": room, "ready": true }), true),
        ("ready", json!({ "room_id": room, "ready": false }), false),
        ("ready", json!({ "room_id": room }), true),
    ] {
        let id = scene.does("guest", name, fields, changed).await;
        let event = scene.event("fan", &id, "player_ready_changed").await;
        assert_eq!(
            json!([event["user_id"], event["is_ready"]]),
            json!([scene.id("guest"), is_ready])
        );
    }
    let told = "
        player_ready_changed room: fan guest guest+ host
        game_started room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        bigger_dice.state room: fan guest guest+ host
        room_removed broadcast";
    let id = scene.does("host", "set_ready", says(true), told).await;
    let started = scene.event("fan", &id, "game_started").await;
    assert_eq!(started["first_turn"], scene.id("host"));
    let turn = scene.event("guest", &id, "turn_changed").await;
    assert_eq!(
        json!([turn["current_turn"], turn["turn_number"]]),
        json!([scene.id("host"), 1])
    );
    let removed = scene.event(WATCHER, &id, "room_removed").await;
    assert_eq!(removed["reason"], "game_started");
    for name in ["ready", "set_ready"] {
        scene
            .refused("guest", name, says(true), "game_in_progress")
            .await;
    }
    scene.ends().await
}

/// A seed in hex, and its commitment.
fn seed_of(name: &str) -> (String, String) {
    let seed = Sha256::digest(name);
    (hex::encode(seed), hex::encode(Sha256::digest(seed)))
}

pub async fn reveal_seed(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "guest+", "fan"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    scene.seats(&room, &["host", "guest"]).await;
    let (hosts, guests) = (seed_of("host"), seed_of("guest"));
    let reveal = |seed: &str| json!({ "room_id": room, "client_seed": seed });
    scene
        .refused("host", "reveal_seed", reveal(&hosts.0), "game_not_started")
        .await;
    let commit = |commitment: &str| json!({ "room_id": room, "seed_commitment": commitment });
    scene.given("host", "ready", commit(&hosts.1)).await;
    let told = "
        player_ready_changed room: fan guest guest+ host
        seeds_requested room: fan guest guest+ host";
    let id = scene.does("guest", "ready", commit(&guests.1), told).await;
    let requested = scene.event("fan", &id, "seeds_requested").await;
    assert_eq!(requested["commitments"], json!([hosts.1, guests.1]));

    let wrong = seed_of("wrong").0;
    scene
        .refused("guest", "reveal_seed", reveal(&wrong), "seed_mismatch")
        .await;
    scene
        .refused("fan", "reveal_seed", reveal(&wrong), "not_in_room")
        .await;
    scene
        .refused(STRANGER, "reveal_seed", reveal(&wrong), "not_in_room")
        .await;
    scene
        .does("guest", "reveal_seed", reveal(&guests.0), "")
        .await;
    let told = "
        game_started room: fan guest guest+ host
        turn_changed room: fan guest guest+ host
        bigger_dice.state room: fan guest guest+ host
        room_removed broadcast";
    let id = scene
        .does("host", "reveal_seed", reveal(&hosts.0), told)
        .await;
    let started = scene.event("fan", &id, "game_started").await;
    assert_eq!(started["seeds"], json!([hosts.0, guests.0]));
    scene
        .refused("host", "reveal_seed", reveal(&hosts.0), "game_in_progress")
        .await;
    scene.secret(&wrong, &[]);
    scene.ends().await
}

/// Who does not reveal loses the seat, and the seed that another has revealed stays unknown.
pub async fn reveal_seed_too_late(row: Row) -> Ended {
    let mut scene = row.scene(&["host", "guest", "fan"]).await;
    let room = scene.opens(json!({}), &["guest"]).await;
    scene
        .given("fan", "spectate", json!({ "room_id": room }))
        .await;
    scene.seats(&room, &["host", "guest"]).await;
    let (hosts, guests) = (seed_of("host"), seed_of("guest"));
    for (name, commitment) in [("host", &hosts.1), ("guest", &guests.1)] {
        let fields = json!({ "room_id": room, "seed_commitment": commitment });
        scene.given(name, "ready", fields).await;
    }
    let reveal = json!({ "room_id": room, "client_seed": hosts.0 });
    scene.does("host", "reveal_seed", reveal, "").await;
    let voided = scene.next("fan", "seed_voided").await;
    let deselected = scene.next("fan", "player_deselected").await;
    assert_eq!(
        json!([voided["user_id"], deselected["user_id"]]),
        json!([scene.id("guest"), scene.id("guest")])
    );
    let updated = scene.next("guest", "selected_players_updated").await;
    assert_eq!(updated["selected_players"], json!([scene.id("host")]));
    assert_eq!(scene.balance("guest").await, 5_000);
    assert_eq!(scene.balance("host").await, 4_000);
    scene.secret(&hosts.0, &[]);
    scene.secret(&guests.0, &[]);
    scene.ends().await
}

pub async fn start_game(row: Row) -> Ended {
    let mut scene = row
        .scene(&["host", "guest", "third", "third+", "fan"])
        .await;
    let seats = json!({ "max_players": 3 });
    let room = scene.opens(seats, &["guest", "third"]).await;
    let here = || json!({ "room_id": room });
    scene.given("fan", "spectate", here()).await;
    for (name, code) in [
        ("guest", "not_host"),
        ("fan", "not_in_room"),
        (STRANGER, "not_in_room"),
    ] {
        scene.refused(name, "start_game", here(), code).await;
    }
    scene.seats(&room, &["host"]).await;
    scene.given("host", "ready", here()).await;
    scene
        .refused("host", "start_game", here(), "not_enough_players")
        .await;
    scene.seats(&room, &["guest"]).await;
    scene.given("host", "ready", here()).await;
    scene
        .refused("host", "start_game", here(), "not_all_ready")
        .await;
    scene.given("guest", "ready", here()).await;
    let told = "
        removed_from_game user: third third+
        game_started room: fan guest host
        turn_changed room: fan guest host
        bigger_dice.state room: fan guest host
        room_removed broadcast";
    let id = scene.does("host", "start_game", here(), told).await;
    let removed = scene.event("third", &id, "removed_from_game").await;
    assert_eq!(removed["user_id"], scene.id("third"));
    let started = scene.event("fan", &id, "game_started").await;
    assert_eq!(started["players"].as_array().map(Vec::len), Some(2));
    let removed = scene.event(WATCHER, &id, "room_removed").await;
    assert_eq!(removed["reason"], "game_started");
    scene
        .refused("host", "start_game", here(), "game_in_progress")
        .await;
    scene.ends().await
}
