use super::world::World;
use serde_json::json;

#[tokio::test]
async fn games_say_what_they_cost_and_how_they_are_played() {
    let world = World::new().await;
    let answer = world.get("/api/v1/games").await.ok();
    let dice = &answer["games"][0];
    assert_eq!(dice["game_type"], "bigger_dice");
    assert_eq!(dice["name"], "Bigger Dice");
    assert_eq!(
        (&dice["min_players"], &dice["max_players"]),
        (&json!(2), &json!(10))
    );
    assert_eq!(
        (&dice["entry_fee_cents"], &dice["prize_percent"]),
        (&json!(1000), &json!(80))
    );
    assert_eq!(dice["currency"], "eur");
    assert_eq!(dice["moves"]["roll"]["type"], "object");
}

#[tokio::test]
async fn rooms_that_wait_come_first() {
    let world = World::new().await;
    assert_eq!(
        world.get("/api/v1/rooms").await.ok(),
        json!({ "rooms": [] })
    );
    let mut rows = String::new();
    for (id, name, game, status) in [
        ("r1", "Beta", "bigger_dice", "in_progress"),
        ("r2", "Zeta", "bigger_dice", "waiting"),
        ("r3", "Alpha", "relay", "waiting"),
        ("r4", "Gone", "bigger_dice", "finished"),
    ] {
        let summary = json!({
            "room_id": id, "room_name": name, "game_type": game, "status": status, "host_id": "7", "host_name": "Ada",
            "player_count": 1, "spectator_count": 0, "max_players": 2, "is_password_protected": false,
            "allow_spectators": true, "entry_fee_cents": 1_000, "prize_cents": 1_600,
        });
        rows += &format!(
            "INSERT INTO room_directory VALUES ('{id}', '{name}', '{game}', '{status}', '{summary}', 0);"
        );
    }
    world.sql(rows).await;
    let ids = |answer: serde_json::Value| -> Vec<String> {
        let rooms = answer["rooms"].as_array().unwrap().clone();
        rooms
            .iter()
            .map(|room| room["room_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        ids(world.get("/api/v1/rooms").await.ok()),
        ["r3", "r2", "r1"]
    );
    let dice = world.get("/api/v1/rooms?game_type=bigger_dice").await;
    assert_eq!(ids(dice.ok()), ["r2", "r1"]);
    for unknown in ["chess", "", "%00", "bigger_dice'--", "%ff"] {
        let answer = world
            .get(&format!("/api/v1/rooms?game_type={unknown}"))
            .await;
        assert_eq!(
            answer.problem(400, "unknown_game")["field"],
            "game_type",
            "{unknown}"
        );
    }
}
