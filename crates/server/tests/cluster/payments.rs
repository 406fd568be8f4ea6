//! Paying in on Kafka and PostgreSQL: checkouts that are killed, and that take turns.

use blazing_sun_harness::{Client, Cluster, ClusterLaunch, Guest, PaymentPage, text, within};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const AMOUNT: i64 = 2_000;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

async fn start() -> (Cluster, Guest, Client) {
    let mut cluster = Cluster::launch(ClusterLaunch {
        gateways: 1,
        has_payments: true,
        ..ClusterLaunch::default()
    })
    .await;
    let guest = cluster.guest().await;
    let address = cluster.gateway(0).address();
    let client = Client::sign_in_at(address, &guest, &[]).await;
    (cluster, guest, client)
}

async fn asked(client: &mut Client) -> String {
    let command = json!({
        "type": "wallet.command.top_up", "command_id": Uuid::now_v7(), "amount_cents": AMOUNT,
    });
    client.send(command).await;
    text(&told(client, "requested").await["request_id"])
}

async fn told(client: &mut Client, status: &str) -> Value {
    client
        .until(status, |frame| {
            frame["type"] == "wallet.event.top_up" && frame["status"] == status
        })
        .await
}

async fn page(client: &mut Client) -> PaymentPage {
    PaymentPage::of(&text(&told(client, "session_created").await["session_url"]))
}

async fn credited(client: &mut Client) -> i64 {
    let told = client.event("wallet.event.balance_changed").await;
    told["balance_cents"].as_i64().expect("a balance")
}

async fn groups(cluster: &Cluster) -> Vec<Value> {
    let told = cluster.tool(&["groups", "--json"]).await;
    let why = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{why}");
    let groups: Vec<Value> = serde_json::from_slice(&told.stdout).expect("JSON");
    let of_checkout = |row: &Value| row["group"] == "checkout-service";
    groups.into_iter().filter(of_checkout).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_is_killed_between_the_steps_loses_and_doubles_nothing() {
    let (mut cluster, guest, mut client) = start().await;
    cluster.checkout(0).kill().await;
    asked(&mut client).await;
    cluster.restart_checkout(0).await;
    let first = page(&mut client).await;
    cluster.checkout(0).kill().await;
    first.pay(cluster.http(), "pay").await;
    cluster.restart_checkout(0).await;
    assert_eq!(credited(&mut client).await, 5_000 + AMOUNT);
    asked(&mut client).await;
    let second = page(&mut client).await;
    second.pay(cluster.http(), "pay_later").await;
    cluster.checkout(0).kill().await;
    second
        .settle(cluster.http(), &cluster.bank_key(), "paid")
        .await;
    cluster.restart_checkout(0).await;
    assert_eq!(credited(&mut client).await, 5_000 + 2 * AMOUNT);
    for backend in 0..2 {
        let balance = cluster.balance_cents_at(backend, &guest).await;
        assert_eq!(balance, 5_000 + 2 * AMOUNT);
    }
    // Kafka's own tools see how far the group has read.
    let read = async {
        loop {
            let rows = groups(&cluster).await;
            let requests = rows
                .iter()
                .filter(|row| row["topic"] == "checkout.requests");
            let committed: u64 = requests.filter_map(|row| row["committed"].as_u64()).sum();
            if committed == 2 && rows.iter().all(|row| row["lag"].as_u64().unwrap_or(0) == 0) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    within("what the group has committed", read).await;
    let report = cluster.tool(&["audit", "--json"]).await;
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["clean"], true, "{report:#}");
    let checks = report["checks"].to_string();
    assert!(
        checks.contains("every payment of the checkout's"),
        "{checks}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_checkouts_another_goes_on_and_each_takes_webhooks() {
    let (mut cluster, _, mut client) = start().await;
    cluster.add_checkout().await;
    cluster.until_ready().await;
    let leads = async |cluster: &mut Cluster, at: usize| {
        let url = cluster.checkout(at).url("/metrics");
        let text = cluster.http().get(url).send().await.expect("an answer");
        let text = text.text().await.expect("text");
        text.contains("\nblazing_sun_checkout_leads 1\n")
    };
    assert!(!leads(&mut cluster, 1).await, "{}", cluster.logs());
    // The bank's webhooks go to the first alone, which is frozen: it keeps its socket and does nothing.
    cluster.checkout(0).stop_signal();
    asked(&mut client).await;
    let page = page(&mut client).await;
    assert!(leads(&mut cluster, 1).await);
    page.pay(cluster.http(), "pay").await;
    assert_eq!(credited(&mut client).await, 5_000 + AMOUNT);
    cluster.checkout(0).continue_signal();
    cluster.until_ready().await;
    let ended = cluster.checkout(1).terminate().await;
    assert!(ended.success());
    asked(&mut client).await;
    let told = told(&mut client, "session_created").await;
    assert!(told["session_url"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_waits_for_its_database_and_says_so() {
    let (mut cluster, _, _) = start().await;
    let url = "postgres://nobody:hidden@127.0.0.1:1/checkout".to_owned();
    let wrong = vec![("CHECKOUT_DATABASE_URL".to_owned(), url)];
    cluster.add_checkout_with(&wrong).await;
    let why = async {
        loop {
            let url = cluster.checkout(1).url("/readyz");
            let answer = cluster.http().get(url).send().await.expect("an answer");
            let (status, text) = (answer.status(), answer.text().await.expect("text"));
            if text.contains("does not start") {
                return (status, text);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let (status, why) = within("why it is not ready", why).await;
    assert_eq!(status, 503);
    assert!(!why.contains("hidden"), "{why}");
    let hook = cluster.checkout(1).url("/webhooks/stripe");
    let hook = cluster.http().post(hook).send().await.expect("an answer");
    assert_eq!(hook.status(), 503);
    assert!(!cluster.checkout(1).log().contains("hidden"));
}
