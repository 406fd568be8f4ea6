//! What anyone can prove afterwards: `replay` and `verify` on rooms that people played over sockets.

use blazing_sun_domain::fairness::Seed;
use blazing_sun_harness::{Client, TestServer, tool, whole_game, within};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Output;

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[track_caller]
fn assert_said(output: &Output, code: i32, wanted: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in wanted {
        assert!(said.contains(words), "`{words}` is not in {said}");
    }
}

fn transcript(folder: &Path, lines: &[Value]) -> PathBuf {
    let path = folder.join("transcript.jsonl");
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, lines).expect("written");
    path
}

#[tokio::test]
async fn a_game_is_replayed_and_verified_beside_its_server_and_after_it() {
    let mut server = TestServer::start().await;
    let (host, other, room) = whole_game(&server).await;
    let data = server.data_dir();

    let replayed = tool(&["replay", &room], &data).await;
    let wanted = [
        "prize      1600 cents",
        "rake       400 cents",
        "SHA-256 right",
        "0 have expired",
        "\nequal\n",
    ];
    assert_said(&replayed, 0, &wanted);
    let replayed = tool(&["replay", &room, "--json"], &data).await;
    assert_said(&replayed, 0, &[]);
    let lines: Vec<Value> = String::from_utf8(replayed.stdout.clone())
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let summary = &lines.last().expect("a summary")["summary"];
    assert_eq!(summary["equal"], true);
    let winner = host
        .seen_of("games.event.bigger_dice.game_over")
        .map(|over| over["winner_id"].clone())
        .next();
    assert_eq!(Some(summary["winner_id"].clone()), winner);
    assert_eq!(summary["events"], lines.len() - 1);

    // By room, by what a client saw, by what `tail` and `replay` print.
    let verified = tool(&["verify", &room], &data).await;
    assert_said(
        &verified,
        0,
        &[
            "rolls recomputed from the seeds",
            "right: nothing contradicts itself",
        ],
    );
    let folder = tempfile::tempdir().expect("a folder");
    let events = server.records("games.events").await;
    let mut several = events.clone();
    several.push(
        json!({ "type": "games.event.error", "room_id": "another", "code": "room_not_found" }),
    );
    for lines in [&other.seen, &host.seen, &events, &several, &lines] {
        let path = transcript(folder.path(), lines);
        let verified = tool(&["verify", path.to_str().expect("a path"), "--json"], &data).await;
        assert_said(
            &verified,
            0,
            &["rolls recomputed from the seeds, none left out"],
        );
    }
    let mut forged = other.seen.clone();
    let roll = forged
        .iter_mut()
        .find(|frame| frame["type"] == "games.event.bigger_dice.rolled")
        .expect("a roll");
    roll["roll"] = json!(roll["roll"].as_u64().expect("a number") % 6 + 1);
    let path = transcript(folder.path(), &forged);
    let verified = tool(&["verify", path.to_str().expect("a path")], &data).await;
    assert_said(
        &verified,
        1,
        &[
            "bigger_dice.rolled (room_seq",
            "and the seeds give",
            "contradictions",
        ],
    );

    server.terminate().await;
    for command in ["replay", "verify"] {
        assert_said(&tool(&[command, &room], &data).await, 0, &[]);
    }
    let connection = rusqlite::Connection::open(data.join("blazing-sun.db")).expect("opened");
    let altered = "UPDATE room_archive SET inputs = CAST(replace(CAST(inputs AS TEXT), '5000', '5001') AS BLOB)";
    assert_eq!(connection.execute(altered, []).expect("altered"), 1);
    let replayed = tool(&["replay", &room], &data).await;
    assert_said(
        &replayed,
        1,
        &["is not the one that was written", "SHA-256 WRONG"],
    );
}

#[tokio::test]
async fn what_can_not_be_proved_says_why() {
    let server = TestServer::start().await;
    let (_, _, room) = whole_game(&server).await;
    let data = server.data_dir();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("a path").to_owned()
    };
    let keys = path("keys", "{}");
    let missing = folder.path().join("nowhere");
    let missing = missing.to_str().expect("a path");
    for (arguments, wanted) in [
        (vec!["replay", "nowhere"], "there is no room `nowhere`"),
        (vec!["replay", "no room"], "`no room` is no room's id"),
        (
            vec!["replay", &room, "--keys", missing],
            "the room's secret opens with the deployment's keys",
        ),
        (vec!["replay", &room, "--keys", &keys], "keys file"),
        (
            vec!["verify", "nowhere"],
            "the topics have no events of a room `nowhere`",
        ),
        (
            vec!["verify", "no/file"],
            "`no/file` is neither a file nor a room's id",
        ),
        (
            vec!["verify", &path("text", "{}\nhello")],
            "line 1: it is neither a frame",
        ),
        (
            vec!["verify", &path("json", "hello")],
            "line 1: it is not JSON",
        ),
        (
            vec!["verify", &path("empty", "")],
            "there are no events of a room in it",
        ),
        (
            vec![
                "verify",
                &path(
                    "other",
                    r#"{"type":"games.event.player_left","room_id":"r"}"#,
                ),
            ],
            "there is nothing to check: the events tell of no seed",
        ),
    ] {
        assert_said(&tool(&arguments, &data).await, 2, &[wanted]);
    }
}

async fn commit(client: &mut Client, room: &str, seed: Seed) {
    let fields = json!({ "room_id": room, "is_ready": true, "seed_commitment": seed.commitment() });
    client.command("ready", fields).await;
}

async fn reveal(client: &mut Client, room: &str, seed: Seed) {
    let fields = json!({ "room_id": room, "client_seed": seed.to_hex() });
    client.command("reveal_seed", fields).await;
}

/// Who commits and never reveals loses the seat and nothing else, and sees no server seed that is
/// used later.
#[tokio::test]
async fn who_never_reveals_is_named_refunded_and_learns_nothing() {
    let server = TestServer::start().await;
    let (honest, silent) = (server.guest().await, server.guest().await);
    let mut host = Client::sign_in(&server, &honest).await;
    let mut late = Client::sign_in(&server, &silent).await;
    let room = host.create_room("Seeds").await;
    late.join_room(&room).await;
    host.select(&room, &[&honest, &silent]).await;
    commit(&mut host, &room, Seed([1; 32])).await;
    commit(&mut late, &room, Seed([2; 32])).await;
    let requested = host.event("games.event.seeds_requested").await;
    reveal(&mut host, &room, Seed([1; 32])).await;
    let voided = host.event("games.event.seed_voided").await;
    assert_eq!(voided["user_id"], silent.user_id.as_str());
    let deselected = host.event("games.event.player_deselected").await;
    assert_eq!(deselected["user_id"], silent.user_id.as_str());
    let renewed = host.event("games.event.seed_renewed").await;
    let previous: Seed = renewed["previous_server_seed"]
        .as_str()
        .and_then(|seed| seed.parse().ok())
        .expect("a seed");
    assert_eq!(
        requested["seed_commitment"],
        previous.commitment().to_string()
    );
    assert_ne!(renewed["seed_commitment"], requested["seed_commitment"]);
    assert_eq!(server.balance_cents(&silent).await, 5_000);
    assert_eq!(server.balance_cents(&honest).await, 4_000);

    host.select(&room, &[&silent]).await;
    let renewed = host.event("games.event.seed_renewed").await;
    commit(&mut host, &room, Seed([3; 32])).await;
    commit(&mut late, &room, Seed([4; 32])).await;
    let again = host.event("games.event.seeds_requested").await;
    assert_eq!(again["seed_commitment"], renewed["seed_commitment"]);
    reveal(&mut host, &room, Seed([3; 32])).await;
    late.until("the new request", |frame| {
        frame["seed_commitment"] == again["seed_commitment"]
            && frame["type"] == "games.event.seeds_requested"
    })
    .await;
    reveal(&mut late, &room, Seed([4; 32])).await;
    within("the game", async {
        tokio::join!(host.play(&room), late.play(&room))
    })
    .await;

    let data = server.data_dir();
    let verified = tool(&["verify", &room], &data).await;
    let wanted = [
        "took part in the draw, with a seed that matches its commitment",
        "is what that user sent with ready",
        "rolls recomputed from the seeds, none left out",
    ];
    assert_said(&verified, 0, &wanted);
    assert_said(&tool(&["replay", &room], &data).await, 0, &["refund"]);
}
