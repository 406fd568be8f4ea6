//! Settings that operators change reach every process, gateways without a database included.

use blazing_sun_harness::{Client, Cluster, text};
use serde_json::{Value, json};

async fn tool(cluster: &Cluster, arguments: &[&str]) -> Value {
    let output = cluster.tool(&[arguments, &["--json"]].concat()).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn fee_at(cluster: &mut Cluster, backend: usize) -> Value {
    let url = cluster.backend(backend).url("/api/v1/games");
    let games = cluster.http().get(url).send().await.expect("an answer");
    let games: Value = games.json().await.expect("JSON");
    let games = games["games"].as_array().expect("games");
    let dice = games.iter().find(|game| game["game_type"] == "bigger_dice");
    dice.expect("dice")["entry_fee_cents"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_maintenance_reach_every_process() {
    let mut cluster = Cluster::start(2, 2).await;
    let guest = cluster.guest_at(0).await;
    let mut sockets = Vec::new();
    for gateway in 0..2 {
        let address = cluster.gateway(gateway).address();
        sockets.push(Client::sign_in_at(address, &guest, &[]).await);
    }
    let set = [
        "settings",
        "set",
        "games.bigger_dice.entry_fee_cents",
        "300",
    ];
    assert_eq!(tool(&cluster, &set).await["value"], 300);
    let until = tokio::time::Instant::now() + blazing_sun_harness::DEADLINE;
    for backend in 0..2 {
        while fee_at(&mut cluster, backend).await != 300 {
            assert!(
                tokio::time::Instant::now() < until,
                "backend {backend} has not heard"
            );
        }
    }
    let create = json!({ "game_type": "bigger_dice", "room_name": "Cheap" });
    sockets[0].command("create_room", create.clone()).await;
    let state = sockets[0].event("games.event.room_state").await;
    assert_eq!(state["room"]["entry_fee_cents"], 300, "{state}");

    let dice = json!({ "game_type": "bigger_dice" });
    let asked = sockets[1].command("quick_match", dice).await.to_string();
    sockets[1]
        .until("its place", |frame| frame["is_waiting"] == true)
        .await;
    tool(
        &cluster,
        &["maintenance", "start", "--message", "Back at nine."],
    )
    .await;
    for socket in &mut sockets {
        let heard = socket.event("system.event.maintenance").await;
        assert_eq!(heard["message"], "Back at nine.");
    }
    let is_it = |frame: &Value| frame["command_id"] == asked && frame["code"].is_string();
    let given_back = sockets[1].until("its place given back", is_it).await;
    assert_eq!(given_back["code"], "unavailable", "{given_back}");
    let id = sockets[0].command("create_room", create.clone()).await;
    assert_eq!(sockets[0].refusal(id).await, "unavailable");

    // Processes that start afterwards know it too.
    cluster.add_backend().await;
    cluster.add_gateway().await;
    cluster.until_ready().await;
    assert_eq!(fee_at(&mut cluster, 2).await, 300);
    let address = cluster.gateway(2).address();
    let mut late = Client::sign_in_at(address, &guest, &[]).await;
    let heard = late.event("system.event.maintenance").await;
    assert_eq!(text(&heard["message"]), "Back at nine.");

    tool(&cluster, &["maintenance", "end"]).await;
    for socket in sockets.iter_mut().chain([&mut late]) {
        socket
            .until("its end", |frame| frame["is_over"] == true)
            .await;
    }
    late.command("create_room", create).await;
    late.event("games.event.room_state").await;
}
