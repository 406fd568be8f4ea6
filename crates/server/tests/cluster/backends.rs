//! What backends say of themselves before they can do anything.

use blazing_sun_harness::{Cluster, ClusterLaunch, within};
use std::time::Duration;

async fn get(cluster: &mut Cluster, path: &str) -> (u16, String) {
    let url = cluster.backend(0).url(path);
    let answer = cluster.http().get(url).send().await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("a body"))
}

/// Waits until the backend says that it is not ready for this reason.
async fn until_not_ready(cluster: &mut Cluster, reason: &str) {
    within(reason, async {
        loop {
            let (status, why) = get(cluster, "/readyz").await;
            assert_ne!(status, 200, "it is not to be ready");
            if status == 503 && why.contains(reason) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_without_its_servers_lives_says_what_it_waits_for_and_can_be_ended() {
    let mut cluster = Cluster::prepare(ClusterLaunch {
        kafka: Some(("127.0.0.1:1".to_owned(), "none.".to_owned())),
        database_url: Some("postgres://nobody:hidden@127.0.0.1:1/none".to_owned()),
        ..ClusterLaunch::default()
    })
    .await;
    cluster.add_backend().await;
    assert_eq!(get(&mut cluster, "/healthz").await, (200, "ok".to_owned()));
    let (status, why) = get(&mut cluster, "/api/v1/games").await;
    assert_eq!(status, 503, "{why}");
    until_not_ready(&mut cluster, "no broker at 127.0.0.1:1 answered").await;
    let (_, why) = get(&mut cluster, "/readyz").await;
    assert!(!why.contains("hidden"), "{why}");
    let ended = cluster.backend(0).terminate().await;
    assert!(ended.success(), "{}", cluster.backend(0).log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_is_ready_once_it_has_taken_over_what_the_group_gave_to_it() {
    let mut cluster = Cluster::start(0, 1).await;
    cluster.backend(0).terminate().await;
    let connected = tokio_postgres::connect(cluster.database_url(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection");
    let connection = tokio::spawn(connection);
    // As an owner that still decides a batch.
    let held = "BEGIN; SELECT * FROM partition_owner WHERE partition = 4 FOR UPDATE";
    client.batch_execute(held).await.expect("the fence's row");
    cluster.restart_backend(0).await;
    until_not_ready(&mut cluster, "not taken over yet: [4]").await;
    client.batch_execute("ROLLBACK").await.expect("given back");
    cluster.until_ready().await;
    drop(client);
    connection.await.expect("no panic").expect("a clean end");
}
