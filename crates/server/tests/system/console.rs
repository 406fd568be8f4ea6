//! What operators see and do over HTTP, on one folder.

use crate::console_api::{
    Console, a_game_is_seen_and_closed, a_player_is_seen_and_changed, the_books_are_audited,
};
use crate::users::{answer, refusal};
use blazing_sun_harness::{Client, TestServer, program, text, within};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};

pub async fn operator(server: &TestServer) -> (String, Console) {
    let data_dir = server.data_dir();
    let create = ["user", "create", "--username", "Ada", "--role", "admin"];
    let id = answer(&create, &data_dir).await["user_id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    let token = answer(&["user", "token", &id], &data_dir).await["access_token"].clone();
    let token = token.as_str().expect("a token");
    (id, Console::new(server.http(), server.url(""), token))
}

#[tokio::test]
async fn everything_is_for_operators_alone() {
    let server = TestServer::start().await;
    let (id, console) = operator(&server).await;
    for (operation, status, answer) in console.ask_all().await {
        assert!(![401, 403].contains(&status), "{operation}: {answer:#}");
        assert!(status < 500, "{operation}: {answer:#}");
    }
    let player = server.guest().await;
    let refused = console.as_other(&player.token);
    refused.is_refused_everything(403, "forbidden").await;
    let nobody = console.as_other("");
    nobody.is_refused_everything(401, "unauthenticated").await;
    let wrong = console.as_other("x.y.z");
    wrong.is_refused_everything(401, "unauthenticated").await;

    // The role by the token alone is none, nor by the store alone.
    let data_dir = server.data_dir();
    answer(&["user", "role", &id, "remove", "admin"], &data_dir).await;
    console.is_refused_everything(403, "forbidden").await;
    answer(
        &["user", "role", &player.user_id, "add", "admin"],
        &data_dir,
    )
    .await;
    refused.is_refused_everything(403, "forbidden").await;
    answer(&["user", "role", &id, "add", "admin"], &data_dir).await;
    assert_eq!(console.ok("me").await["user_id"], id.as_str());
    answer(&["user", "ban", &id], &data_dir).await;
    console.is_refused_everything(403, "account_closed").await;
}

#[tokio::test]
async fn what_the_command_line_does_is_in_the_log() {
    let server = TestServer::start().await;
    let (id, console) = operator(&server).await;
    let me = console.ok("me").await;
    let wanted = json!({ "user_id": id, "username": "Ada", "roles": ["admin"] });
    assert_eq!(me, wanted);

    let player = server.guest().await;
    let (data_dir, user) = (server.data_dir(), player.user_id.as_str());
    answer(&["user", "ban", user, "--reason", "cheating"], &data_dir).await;
    answer(&["user", "unban", user], &data_dir).await;
    let credit = ["user", "credit", user, "--amount-cents", "250"];
    answer(&credit, &data_dir).await;
    answer(&["user", "role", user, "add", "moderator"], &data_dir).await;

    let log = console.ok(&format!("log?target={user}")).await;
    let entries = log["entries"].as_array().expect("entries");
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            (word("action"), word("outcome"))
        })
        .collect();
    let wanted = ["user.ban", "user.unban", "user.credit", "user.role"];
    let wanted: Vec<_> = wanted
        .into_iter()
        .flat_map(|action| ["asked", "done"].map(|how| (action.to_owned(), how.to_owned())))
        .collect();
    assert_eq!(told, wanted);
    let ban = entries.last().expect("the first");
    assert_eq!(ban["detail"], json!({ "reason": "cheating" }));
    let by = ban["operator"].as_str().expect("an operator");
    assert!(by.starts_with("cli:"), "{by}");

    let page = console.ok("log?limit=1&action=user.ban").await;
    assert_eq!(page["entries"][0]["outcome"], "done");
    assert_eq!(page["entries"][0]["detail"]["asked"], ban["id"]);
    let cursor = page["next_cursor"].as_str().expect("more");
    let rest = console
        .ok(&format!("log?limit=1&action=user.ban&cursor={cursor}"))
        .await;
    assert_eq!(rest["entries"][0]["id"], ban["id"]);
    assert_eq!(rest["next_cursor"], json!(null));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
    ] {
        let (status, answer) = console.get(&format!("log?{query}")).await;
        assert_eq!((status, &answer["field"]), (400, &json!(field)), "{query}");
    }
    let (status, answer) = console.get("log?limit=x").await;
    assert_eq!((status, &answer["code"]), (400, &json!("invalid_format")));
}

#[tokio::test]
async fn games_players_and_money_are_seen_and_changed() {
    let mut server = TestServer::start().await;
    let (_, console) = operator(&server).await;
    let (host, other) = (server.guest().await, server.guest().await);
    let mut hosts = Client::sign_in(&server, &host).await;
    let mut others = Client::sign_in(&server, &other).await;
    let room = a_game_is_seen_and_closed(&console, &mut hosts, &mut others).await;
    for guest in [&host, &other] {
        assert_eq!(server.balance_cents(guest).await, 5_000);
    }
    let replayed = server.tool(&["replay", &room]).await;
    let said = String::from_utf8_lossy(&replayed.stdout);
    assert!(
        replayed.status.success() && said.ends_with("equal\n"),
        "{said}"
    );
    a_player_is_seen_and_changed(&console, &mut others).await;
    the_books_are_audited(&console).await;
    a_room_that_can_not_be_loaded_is_closed(&mut server, &mut hosts).await;
}

async fn a_room_that_can_not_be_loaded_is_closed(server: &mut TestServer, host: &mut Client) {
    let room = host.create_room("Lost").await;
    let guest = host.guest.clone();
    host.select(&room, &[&guest]).await;
    assert_eq!(server.balance_cents(&guest).await, 4_000);
    server.terminate().await;
    let database = rusqlite::Connection::open(server.data_dir().join("blazing-sun.db"));
    database
        .expect("the database")
        .execute_batch("UPDATE room_snapshot SET state = x'00'; DELETE FROM room_directory")
        .expect("a lost room");
    server.restart().await;
    let data_dir = server.data_dir();
    let shown = answer(&["room", "show", &room], &data_dir).await;
    assert_eq!(shown["room"]["is_quarantined"], true, "{shown:#}");
    let close = ["room", "close", &room, "--reason", "it is lost"];
    for is_new in [true, false] {
        assert_eq!(answer(&close, &data_dir).await["is_new"], is_new);
        assert_eq!(server.balance_cents(&guest).await, 5_000);
    }
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn tools_trace_list_show_and_close_beside_a_server_and_without() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let mut rooms = Vec::new();
    for name in ["One", "Two"] {
        rooms.push(client.create_room(name).await);
    }
    let select = json!({ "room_id": rooms[0], "target_user_id": guest.user_id });
    let paid = client.command("select_player", select).await.to_string();
    client.event("games.event.player_selected").await;
    let data_dir = server.data_dir();

    let traced = answer(&["trace", &paid], &data_dir).await;
    let what = |step: &Value| text(&step["what"]);
    let steps = traced["steps"].as_array().expect("steps");
    let (sent, stored): (Vec<&Value>, Vec<&Value>) =
        steps.iter().partition(|step| step["what"] == "socket");
    let kinds: Vec<String> = stored.iter().map(|step| what(step)).collect();
    assert_eq!(
        kinds[..4],
        ["frame", "record", "batch", "ledger"],
        "{traced:#}"
    );
    assert_eq!(sent[0]["data"]["sockets"], 1, "{traced:#}");
    let gateway = &traced["gateways"][0];
    assert_eq!(gateway["gateway_id"], "gateway-1");
    assert_eq!(gateway["user_sockets"], 1);
    assert_eq!(gateway["is_connected"], true);
    let said = server.tool(&["trace", &paid]).await;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("fee 1000 cents, player/"), "{said}");
    assert!(said.contains("\napplied: 1 transfer, "), "{said}");
    assert!(said.contains("; sent to 1 socket after "), "{said}");
    let nothing = server
        .tool(&["trace", "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b"])
        .await;
    assert_eq!(nothing.status.code(), Some(1));
    let (code, exit_code, _) = refusal(&["trace", "x"], &data_dir).await;
    assert_eq!((code.as_str(), exit_code), ("invalid_id", 2));

    let listed = answer(&["rooms", "--status", "waiting"], &data_dir).await;
    assert_eq!(
        listed["rooms"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );
    let shown = answer(&["room", "show", &rooms[0]], &data_dir).await;
    assert_eq!(shown["money"]["escrow_cents"], 1_000);
    let (code, exit_code, _) = refusal(&["room", "show", "none"], &data_dir).await;
    assert_eq!((code.as_str(), exit_code), ("room_not_found", 2));
    let close = ["room", "close", &rooms[0], "--reason", "abandoned"];
    assert_eq!(answer(&close, &data_dir).await["is_new"], true);
    assert_eq!(answer(&close, &data_dir).await["is_new"], false);
    assert_eq!(server.balance_cents(&guest).await, 5_000);

    server.terminate().await;
    let again = answer(&["trace", &paid], &data_dir).await;
    // Who could have sent it runs no more.
    let again_steps = again["steps"].as_array().expect("steps").iter();
    let again_stored = again_steps.filter(|step| step["what"] != "socket");
    let again_stored: Vec<&Value> = again_stored.collect();
    assert_eq!(again_stored, stored);
    let verdict = text(&traced["verdict"]);
    let (of_stored, _) = verdict.split_once("; sent to ").expect("what was sent");
    assert_eq!(again["verdict"], of_stored);
    let close = ["room", "close", &rooms[1], "--reason", "abandoned"];
    assert_eq!(answer(&close, &data_dir).await["is_new"], true);
    let listed = answer(&["rooms", "--status", "ended"], &data_dir).await;
    assert_eq!(
        listed["rooms"].as_array().map(Vec::len),
        Some(2),
        "{listed:#}"
    );
    assert_eq!(server.audit().await["clean"], true);
}

#[tokio::test]
async fn watched_books_tell_what_moved_and_end_where_they_differ() {
    let mut server = TestServer::start().await;
    let guest = server.guest().await;
    let data_dir = server.data_dir();
    let mut watch = program(&["audit", "--watch", "1"]);
    let mut watch = watch
        .arg("--data-dir")
        .arg(&data_dir)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(watch.stdout.take().expect("its output")).lines();
    let mut until = async |wanted: &str| {
        let found = async {
            while let Some(line) = lines.next_line().await.expect("a line") {
                if line.contains(wanted) {
                    return;
                }
            }
            panic!("it ended before `{wanted}`");
        };
        within(wanted, found).await;
    };
    until("all zero: no differences").await;
    let credit = ["user", "credit", &guest.user_id, "--amount-cents", "250"];
    answer(&credit, &data_dir).await;
    until("players 5250 (+250), mint -5250 (-250), sum 0, all zero").await;
    server.terminate().await;
    let database = rusqlite::Connection::open(data_dir.join("blazing-sun.db")).expect("opened");
    let steal = "UPDATE account_balance SET balance = balance - 1 WHERE account LIKE 'player/%'";
    assert_eq!(database.execute(steal, []).expect("changed"), 1);
    until("WRONG").await;
    let ended = within("the end", watch.wait()).await.expect("ended");
    assert_eq!(ended.code(), Some(1));
}
