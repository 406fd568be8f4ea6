//! Questions that are open where a backend is killed.

use crate::site::{Servers, Site};
use blazing_sun_harness::Client;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_list_of_rooms_is_answered_by_the_next_owner() {
    let mut site = Site::open(&Servers::default()).await;
    let guest = site.cluster.guest().await;
    let gateway = site.cluster.gateway(0).address();
    let mut client = Client::sign_in_at(gateway, &guest, &[]).await;
    let room = client.create_room("to be listed").await;
    let connecting = tokio_postgres::connect(site.cluster.database_url(), tokio_postgres::NoTls);
    let (database, connection) = connecting.await.expect("a connection");
    let connection = tokio::spawn(connection);
    // Whoever reads the directory waits.
    let lock = "BEGIN; LOCK TABLE room_directory IN ACCESS EXCLUSIVE MODE";
    database.batch_execute(lock).await.expect("a lock");

    let before = site.commands().await;
    let id = client.command("list_rooms", json!({})).await.to_string();
    let until = Instant::now() + WITHIN;
    while site.commands().await == before || !site.is_decided().await {
        assert!(Instant::now() < until, "{}", site.cluster.logs());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    for at in 0..2 {
        site.cluster.backend(at).kill().await;
    }
    database.batch_execute("COMMIT").await.expect("no lock");
    site.cluster.restart_backend(0).await;
    let is_answer = |frame: &Value| {
        frame["type"] != "system.ack"
            && (frame["correlation_id"] == id || frame["command_id"] == id)
    };
    let answer = client.until("an answer", is_answer).await;
    // A slow machine may have told before the kill that the directory does not answer.
    if answer["code"] != "unavailable" {
        assert_eq!(answer["type"], "games.event.room_list", "{answer}");
        let listed = answer["rooms"].as_array().expect("rooms");
        let mut listed = listed.iter();
        assert!(listed.any(|it| it["room_id"] == room), "{answer}");
    }
    drop(database);
    connection.await.expect("no panic").expect("a clean end");
    site.close(Vec::new()).await;
}
