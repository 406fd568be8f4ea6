//! Guests who do not come any more.

use blazing_sun_harness::{Cluster, within};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn idle_guests_are_closed_once_and_their_money_goes_back() {
    let mut cluster = Cluster::start(0, 2).await;
    let mut idle = Vec::new();
    for backend in [0, 1, 0, 1] {
        idle.push(cluster.guest_at(backend).await);
    }
    let seen = cluster.guest().await;
    let connected = tokio_postgres::connect(cluster.database_url(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection");
    let connection = tokio::spawn(connection);
    // A month and a day ago, by the ledger and by the accounts.
    let aged = format!(
        "ALTER TABLE ledger_transfer DISABLE TRIGGER USER;
         UPDATE ledger_transfer SET at_ms = at_ms - 31 * 86400000::bigint WHERE user_id <> {seen};
         ALTER TABLE ledger_transfer ENABLE TRIGGER USER;
         UPDATE users SET last_seen_ms = last_seen_ms - 31 * 86400000::bigint WHERE id <> {seen};",
        seen = seen.user_id,
    );
    for backend in 0..2 {
        cluster.backend(backend).terminate().await;
    }
    client.batch_execute(&aged).await.expect("aged");
    for backend in 0..2 {
        cluster.restart_backend(backend).await;
    }
    cluster.until_ready().await;
    let back = async {
        let returned =
            "SELECT count(*), coalesce(sum(amount_cents), 0)::bigint FROM ledger_transfer
                        WHERE kind = 'guest_closed' AND to_account = 'demo/mint'";
        loop {
            let row = client.query_one(returned, &[]).await.expect("a row");
            if row.get::<_, i64>(0) >= 4 {
                break row.get::<_, i64>(1);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert_eq!(within("the money of four guests", back).await, 20_000);
    let left = "SELECT count(*) FROM users WHERE status = 'active'";
    let left = client.query_one(left, &[]).await.expect("a row");
    assert_eq!(left.get::<_, i64>(0), 1);
    assert_eq!(cluster.balance_cents_at(0, &seen).await, 5_000);
    for guest in &idle {
        let url = cluster.backend(1).url("/api/v1/me");
        let asked = cluster.http().get(url);
        let answer = asked
            .bearer_auth(&guest.token)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 403);
    }
    drop(client);
    connection.await.expect("no panic").expect("a clean end");
}
