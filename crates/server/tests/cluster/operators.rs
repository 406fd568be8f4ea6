//! What operators do to users of a deployment on Kafka and PostgreSQL.

use blazing_sun_harness::{Client, Cluster, Guest};
use serde_json::Value;

pub async fn user(cluster: &Cluster, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = [&["user"], arguments, &["--json"]].concat();
    let output = cluster.tool(&arguments).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// One at each of two gateways.
async fn sockets_of(cluster: &mut Cluster, guest: &Guest) -> Vec<Client> {
    let mut sockets = Vec::new();
    for gateway in 0..2 {
        let address = cluster.gateway(gateway).address();
        sockets.push(Client::sign_in_at(address, guest, &[]).await);
    }
    sockets
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_credited_and_banned_at_every_process() {
    let mut cluster = Cluster::start(2, 2).await;
    let made = user(&cluster, &["create", "--username", "Ann"]).await;
    assert_eq!(made["balance_cents"], 5_000);
    let guest = cluster.guest_at(1).await;
    let credited = ["credit", &guest.user_id, "--amount-cents", "250"];
    let credited = user(&cluster, &credited).await;
    assert_eq!(credited["balance_cents"], 5_250);
    assert_eq!(cluster.balance_cents_at(0, &guest).await, 5_250);

    let mut sockets = sockets_of(&mut cluster, &guest).await;
    let signed_out = user(&cluster, &["sign-out", &guest.user_id]).await;
    assert_eq!(signed_out["status"], "active");
    for socket in &mut sockets {
        assert_eq!(socket.closed().await, Some(1008));
    }
    // Its access token is good until it expires.
    let sockets = sockets_of(&mut cluster, &guest).await;
    let banned = user(&cluster, &["ban", &guest.user_id]).await;
    assert_eq!(banned["status"], "banned");
    for mut socket in sockets {
        assert_eq!(socket.closed().await, Some(1008));
    }
    // One that starts afterwards learns of it too.
    cluster.add_gateway().await;
    cluster.until_ready().await;
    let address = cluster.gateway(2).address();
    let mut late = Client::connect_at(address, &guest).await;
    late.send(serde_json::json!({ "type": "system.authenticate", "token": guest.token }))
        .await;
    assert_eq!(late.closed().await, Some(1008));
    user(&cluster, &["unban", &guest.user_id]).await;
}
