//! What operators see and do over HTTP, on Kafka and PostgreSQL.

use crate::console_api::{
    Console, a_game_is_seen_and_closed, a_player_is_seen_and_changed, the_books_are_audited,
};
use crate::operators::user;
use blazing_sun_harness::{Client, Cluster};
use serde_json::Value;

pub async fn operator(cluster: &mut Cluster, backend: usize) -> Console {
    let create = ["create", "--username", "Ada", "--role", "admin"];
    let id = user(cluster, &create).await["user_id"].clone();
    let id = id.as_str().expect("an id");
    let token = user(cluster, &["token", id]).await["access_token"].clone();
    let url = cluster.backend(backend).url("");
    Console::new(cluster.http(), url, token.as_str().expect("a token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_answer_operators_alone() {
    let mut cluster = Cluster::start(0, 2).await;
    let console = operator(&mut cluster, 1).await;
    for (operation, status, answer) in console.ask_all().await {
        assert!(![401, 403].contains(&status), "{operation}: {answer:#}");
        assert!(status < 500, "{operation}: {answer:#}");
    }
    let player = cluster.guest_at(0).await;
    let refused = console.as_other(&player.token);
    refused.is_refused_everything(403, "forbidden").await;
    let nobody = console.as_other("");
    nobody.is_refused_everything(401, "unauthenticated").await;
    let log = console.ok("log?action=user.token").await;
    assert_eq!(log["entries"][0]["outcome"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn games_players_and_money_are_seen_and_changed_at_any_backend() {
    let mut cluster = Cluster::start(1, 2).await;
    let console = operator(&mut cluster, 1).await;
    let (host, other) = (cluster.guest_at(0).await, cluster.guest_at(1).await);
    let address = cluster.gateway(0).address();
    let mut hosts = Client::sign_in_at(address, &host, &[]).await;
    let mut others = Client::sign_in_at(address, &other, &[]).await;
    let room = a_game_is_seen_and_closed(&console, &mut hosts, &mut others).await;
    for guest in [&host, &other] {
        assert_eq!(cluster.balance_cents_at(0, guest).await, 5_000);
    }
    let replayed = cluster.tool(&["replay", &room]).await;
    let said = String::from_utf8_lossy(&replayed.stdout);
    assert!(
        replayed.status.success() && said.ends_with("equal\n"),
        "{said}"
    );
    let listed = cluster.tool(&["rooms", "--status", "ended"]).await;
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&room));
    let waiting = hosts.create_room("Later").await;
    let close = ["room", "close", &waiting, "--reason", "abandoned", "--json"];
    let closed = cluster.tool(&close).await;
    let closed: Value = serde_json::from_slice(&closed.stdout).expect("JSON");
    assert_eq!(closed["is_new"], true);
    hosts.event("games.event.seed_revealed").await;
    let ended = closed["command_id"].as_str().expect("a command");
    let traced = cluster.tool(&["trace", ended]).await;
    let said = String::from_utf8_lossy(&traced.stdout);
    assert!(traced.status.success(), "{said}");
    assert!(said.contains("games.event.seed_revealed"), "{said}");
    assert!(said.contains("; sent to 1 socket after "), "{said}");
    a_player_is_seen_and_changed(&console, &mut others).await;
    the_books_are_audited(&console).await;
}
