//! Settings that operators change while a server runs, and maintenance.

use crate::console_api::Console;
use crate::users::{answer, refusal};
use blazing_sun_harness::{Client, Guest, TestServer, text, whole_game};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const FEE: &str = "games.bigger_dice.entry_fee_cents";
const PRIZE: &str = "games.bigger_dice.prize_percent";

async fn admin(server: &TestServer) -> Console {
    let data_dir = server.data_dir();
    let create = ["user", "create", "--username", "Ada", "--role", "admin"];
    let id = text(&answer(&create, &data_dir).await["user_id"]);
    let token = answer(&["user", "token", &id], &data_dir).await;
    Console::new(server.http(), server.url(""), &text(&token["access_token"]))
}

async fn set(data_dir: &Path, name: &str, value: &str) {
    let told = answer(&["settings", "set", name, value], data_dir).await;
    let told = (told["value"].to_string(), told["from"].clone());
    assert_eq!((told.0.trim_matches('"'), told.1), (value, json!("live")));
}

/// What a seat in the game costs, as everybody is told.
async fn fee(server: &TestServer) -> Value {
    let games = server.http().get(server.url("/api/v1/games")).send().await;
    let games: Value = games.expect("an answer").json().await.expect("JSON");
    let games = games["games"].as_array().expect("games");
    let dice = games.iter().find(|game| game["game_type"] == "bigger_dice");
    dice.expect("dice")["entry_fee_cents"].clone()
}

#[tokio::test]
async fn what_new_rooms_cost_changes_without_a_restart_and_stays_over_one() {
    let mut server = TestServer::start().await;
    let data_dir = server.data_dir();
    let (one, two) = (server.guest().await, server.guest().await);
    let mut host = Client::sign_in(&server, &one).await;
    let mut other = Client::sign_in(&server, &two).await;
    let before = host.create_room("Before").await;
    set(&data_dir, FEE, "200").await;
    set(&data_dir, PRIZE, "50").await;
    assert_eq!(fee(&server).await, 200);
    // A room keeps what it was made with.
    other.join_room(&before).await;
    host.select(&before, &[&one, &two]).await;
    assert_eq!(server.balance_cents(&one).await, 4_000);
    host.ready(&before).await;
    other.ready(&before).await;
    tokio::join!(host.play(&before), other.play(&before));

    server.kill().await;
    server.restart().await;
    assert_eq!(fee(&server).await, 200);
    let after = whole_game(&server).await.2;
    let shown = server.tool(&["replay", &after, "--json"]).await;
    assert!(
        shown.status.success(),
        "{}",
        String::from_utf8_lossy(&shown.stderr)
    );
    let replayed = String::from_utf8(shown.stdout).expect("text");
    assert!(replayed.contains("\"entry_fee_cents\":200"), "{replayed}");
    assert!(server.tool(&["replay", &before]).await.status.success());

    // The same while no server runs.
    server.terminate().await;
    let told = answer(&["settings", "unset", FEE], &data_dir).await;
    assert_eq!(
        (&told["value"], &told["from"]),
        (&json!(1_000), &json!("config"))
    );
    server.restart().await;
    assert_eq!(fee(&server).await, 1_000);
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn rates_and_log_lines_change_without_a_restart() {
    let server = TestServer::start().await;
    let (data_dir, console) = (server.data_dir(), admin(&server).await);
    set(&data_dir, "accounts.guests_per_hour", "1").await;
    server.guest().await;
    let refused = server
        .http()
        .post(server.url("/api/v1/auth/guest"))
        .send()
        .await;
    assert_eq!(refused.expect("an answer").status(), 429);
    answer(
        &["settings", "unset", "accounts.guests_per_hour"],
        &data_dir,
    )
    .await;
    let guest = server.guest().await;

    let mut client = Client::sign_in(&server, &guest).await;
    set(&data_dir, "gateway.limits.user.burst", "1").await;
    set(&data_dir, "gateway.limits.user.per_second", "1").await;
    for _ in 0..5 {
        client.command("list_rooms", json!({})).await;
    }
    let refused = client.until("a refusal", |frame| frame["code"] == "rate_limited");
    refused.await;

    assert!(!server.log().contains("\"level\":\"TRACE\""));
    set(&data_dir, "telemetry.filter", "trace").await;
    server.guest().await;
    blazing_sun_harness::within("lines of that level", async {
        while !server.log().contains("\"level\":\"TRACE\"") {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await;
    answer(&["settings", "unset", "telemetry.filter"], &data_dir).await;

    let wrong = json!({ "value": "cheap" });
    let (status, problem) = console
        .ask(
            reqwest::Method::POST,
            &format!("settings/{FEE}"),
            Some(&wrong),
        )
        .await;
    assert_eq!(
        (status, &problem["field"]),
        (400, &json!("value")),
        "{problem}"
    );
    assert!(
        text(&problem["detail"]).contains("takes a whole number from 0 to 100000000"),
        "{problem}"
    );
    for (arguments, code) in [
        (["settings", "set", FEE, "-1"], "invalid_value"),
        (
            ["settings", "set", "telemetry.filter", "a=b=c"],
            "invalid_value",
        ),
        (
            ["settings", "set", "log.partitions", "3"],
            "setting_not_found",
        ),
    ] {
        let (told, exit_code, message) = refusal(&arguments, &data_dir).await;
        assert_eq!((told.as_str(), exit_code), (code, 2), "{message}");
    }
    let log = console.ok("log?action=settings.set").await;
    let first = &log["entries"].as_array().expect("entries")[0];
    assert_eq!(
        (&first["target"], &first["outcome"]),
        (&json!("telemetry.filter"), &json!("done"))
    );
    assert_eq!(first["detail"]["value"], "trace");
    assert!(text(&first["operator"]).starts_with("cli:"), "{first}");
}

/// Why a command is refused.
async fn refused(client: &mut Client, name: &str, fields: Value) -> (String, String) {
    let id = client.command(name, fields).await.to_string();
    let frame = client
        .until("its refusal", |frame| {
            frame["command_id"] == id && frame["code"].is_string()
        })
        .await;
    (text(&frame["code"]), text(&frame["message"]))
}

#[tokio::test]
async fn maintenance_lets_rooms_end_and_begins_none() {
    let mut server = TestServer::start().await;
    let (data_dir, console) = (server.data_dir(), admin(&server).await);
    let guests: Vec<Guest> = vec![
        server.guest().await,
        server.guest().await,
        server.guest().await,
    ];
    let mut host = Client::sign_in(&server, &guests[0]).await;
    let mut other = Client::sign_in(&server, &guests[1]).await;
    let mut waiting = Client::sign_in(&server, &guests[2]).await;
    let room = host.create_room("Mine").await;
    other.join_room(&room).await;
    host.select(&room, &[&guests[0], &guests[1]]).await;
    let dice = || json!({ "game_type": "bigger_dice" });
    let asked = waiting.command("quick_match", dice()).await.to_string();
    waiting
        .until("its place", |frame| frame["is_waiting"] == true)
        .await;

    // Announced: everything goes on until then.
    let soon = json!({ "starts_at": "2999-01-01T00:00:00Z", "message": "A new version comes in." });
    let (status, told) = console
        .ask(reqwest::Method::POST, "maintenance", Some(&soon))
        .await;
    assert_eq!(
        (status, &told["maintenance"]["starts_at"]),
        (200, &json!("2999-01-01T00:00:00.000Z"))
    );
    let heard = other.event("system.event.maintenance").await;
    assert_eq!(heard["starts_at"], "2999-01-01T00:00:00.000Z");
    other.create_room("Still").await;

    answer(
        &["maintenance", "start", "--message", "Back at nine."],
        &data_dir,
    )
    .await;
    let given_back = waiting
        .until("its place given back", |frame| {
            frame["command_id"] == asked && frame["code"].is_string()
        })
        .await;
    assert_eq!(given_back["code"], "unavailable");
    assert!(
        text(&given_back["message"]).contains("Back at nine."),
        "{given_back}"
    );
    for (name, fields) in [
        ("quick_match", dice()),
        (
            "create_room",
            json!({ "game_type": "bigger_dice", "room_name": "Late" }),
        ),
    ] {
        let (code, message) = refused(&mut waiting, name, fields).await;
        assert_eq!(code, "unavailable");
        assert!(
            message.contains("Maintenance since") && message.contains("Back at nine."),
            "{message}"
        );
    }
    // Rooms go on to their end.
    host.ready(&room).await;
    other.ready(&room).await;
    tokio::join!(host.play(&room), other.play(&room));

    // It lasts over a restart, and whoever comes is told.
    server.kill().await;
    server.restart().await;
    let mut late = Client::sign_in(&server, &guests[2]).await;
    let heard = late.event("system.event.maintenance").await;
    assert_eq!(heard["message"], "Back at nine.");
    assert_eq!(
        refused(&mut late, "quick_match", dice()).await.0,
        "unavailable"
    );

    let (status, told) = console
        .ask(reqwest::Method::POST, "maintenance/end", None)
        .await;
    assert_eq!(
        (status, &told["maintenance"]),
        (200, &Value::Null),
        "{told}"
    );
    let over = late
        .until("its end", |frame| frame["is_over"] == true)
        .await;
    assert_eq!(over["type"], "system.event.maintenance");
    late.create_room("Again").await;
    let (status, _) = console
        .ask(reqwest::Method::POST, "maintenance/end", None)
        .await;
    assert_eq!(status, 404);
    assert_eq!(server.audit().await["clean"], true);
}
