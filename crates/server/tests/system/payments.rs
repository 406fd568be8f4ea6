//! Paying in at the test bank that `serve` brings along: from the request to the balance at the player's sockets.

use blazing_sun_harness::stripe_mock::{KEY, StripeMock};
use blazing_sun_harness::{
    Client, Guest, Launch, PaymentPage, TestServer, text, whole_game, within,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

const AMOUNT: i64 = 2_000;
const MINUTE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

fn launch(environment: &[(&str, &str)]) -> Launch {
    // A webhook that nobody sent is made good soon.
    let pace = [
        ("PAYMENTS__LOOK_AFTER_S", "1"),
        ("PAYMENTS__LOOK_EVERY_S", "1"),
    ];
    let all = pace.iter().chain(environment);
    let all = all.map(|(name, value)| (format!("BLAZING_SUN_{name}"), (*value).to_owned()));
    Launch {
        environment: all.collect(),
        ..Launch::default()
    }
}

async fn start() -> (TestServer, Client, Client) {
    let server = TestServer::launch(launch(&[])).await;
    let guest = server.guest().await;
    let one = Client::sign_in(&server, &guest).await;
    let other = Client::sign_in(&server, &guest).await;
    (server, one, other)
}

/// Asks on the socket.
async fn asked(client: &mut Client) -> String {
    let command = json!({
        "type": "wallet.command.top_up", "command_id": Uuid::now_v7(), "amount_cents": AMOUNT,
    });
    client.send(command).await;
    let answer = client
        .until("an answer", |frame| {
            frame["type"] == "wallet.event.top_up" && frame["status"] == "requested"
        })
        .await;
    text(&answer["request_id"])
}

/// Waits until this is told of the request.
async fn told(client: &mut Client, request: &str, status: &str) -> Value {
    client
        .until(status, |frame| {
            frame["type"] == "wallet.event.top_up"
                && frame["request_id"] == request
                && frame["status"] == status
        })
        .await
}

async fn page(client: &mut Client, request: &str) -> PaymentPage {
    let told = told(client, request, "session_created").await;
    PaymentPage::of(&text(&told["session_url"]))
}

async fn credited(client: &mut Client) -> i64 {
    let told = client.event("wallet.event.balance_changed").await;
    told["balance_cents"].as_i64().expect("a balance")
}

async fn status(server: &TestServer, guest: &Guest, request: &str) -> Value {
    let path = format!("/api/v1/checkout/sessions/{request}");
    let answer = server.http().get(server.url(&path));
    let answer = answer.bearer_auth(&guest.token).send().await;
    answer.expect("an answer").json().await.expect("JSON")
}

fn bank_key(server: &TestServer) -> String {
    let key = server.data_dir().join("test-bank-secret-key");
    std::fs::read_to_string(key).expect("a key")
}

async fn assert_clean(server: &TestServer) {
    let report = server.audit().await;
    assert_eq!(report["clean"], true, "{report:#}");
}

#[tokio::test]
async fn what_is_paid_is_there_at_all_sockets_of_the_player() {
    let (server, mut one, mut other) = start().await;
    let request = asked(&mut one).await;
    let page = page(&mut one, &request).await;
    page.pay(server.http(), "pay").await;
    for client in [&mut one, &mut other] {
        assert_eq!(credited(client).await, 5_000 + AMOUNT);
    }
    told(&mut other, &request, "success").await;
    // Told again, nothing changes.
    let guest = one.guest.clone();
    assert_eq!(status(&server, &guest, &request).await["status"], "success");
    assert_eq!(server.balance_cents(&guest).await, 5_000 + AMOUNT);
    page.refund(server.http(), &bank_key(&server)).await;
    assert_eq!(credited(&mut one).await, 5_000);
    assert_clean(&server).await;
}

#[tokio::test]
async fn one_may_ask_by_http_too_and_again_under_the_same_key() {
    let (server, mut one, _other) = start().await;
    let key = Uuid::now_v7().to_string();
    let mut requests = Vec::new();
    for _ in 0..2 {
        let answer = server
            .http()
            .post(server.url("/api/v1/checkout/sessions"))
            .bearer_auth(&one.guest.token)
            .header("idempotency-key", &key)
            .json(&json!({ "amount_cents": AMOUNT, "success_url": server.url("/#paid") }))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 202);
        let answer: Value = answer.json().await.expect("JSON");
        requests.push(text(&answer["request_id"]));
    }
    assert_eq!(requests[0], requests[1]);
    let page = page(&mut one, &requests[0]).await;
    let paid = page.pay(server.http(), "pay").await;
    assert_eq!(paid["redirect"], server.url("/#paid"));
    assert_eq!(credited(&mut one).await, 5_000 + AMOUNT);
    assert_clean(&server).await;
}

#[tokio::test]
async fn only_what_is_paid_is_credited() {
    let (server, mut one, _other) = start().await;
    let key = bank_key(&server);
    let http = server.http();

    let declined = asked(&mut one).await;
    let declined_page = page(&mut one, &declined).await;
    declined_page.pay(http, "decline").await;
    let abandoned = asked(&mut one).await;
    let abandoned_page = page(&mut one, &abandoned).await;
    abandoned_page.pay(http, "abandon").await;
    abandoned_page.expire(http).await;
    told(&mut one, &abandoned, "expired").await;
    let unpaid = asked(&mut one).await;
    let unpaid_page = page(&mut one, &unpaid).await;
    unpaid_page.pay(http, "pay_later_fails").await;
    unpaid_page.settle(http, &key, "failed").await;
    told(&mut one, &unpaid, "failed").await;
    assert_eq!(server.balance_cents(&one.guest).await, 5_000);

    // The card was declined, and another one is not.
    declined_page.pay(http, "pay").await;
    assert_eq!(credited(&mut one).await, 5_000 + AMOUNT);
    let later = asked(&mut one).await;
    let later_page = page(&mut one, &later).await;
    later_page.pay(http, "pay_later").await;
    later_page.settle(http, &key, "paid").await;
    assert_eq!(credited(&mut one).await, 5_000 + 2 * AMOUNT);
    assert_clean(&server).await;
}

#[tokio::test]
async fn what_is_cancelled_is_told_as_expired_and_can_not_be_paid() {
    let (server, mut one, mut other) = start().await;
    let used = async |server: &TestServer, guest: &Guest| {
        let answer = server.http().get(server.url("/api/v1/me/limits"));
        let answer = answer.bearer_auth(&guest.token).send().await;
        let limits: Value = answer.expect("an answer").json().await.expect("JSON");
        limits["limits"][0]["used_cents"].clone()
    };
    let by_socket = asked(&mut one).await;
    page(&mut one, &by_socket).await;
    let by_http = asked(&mut one).await;
    page(&mut one, &by_http).await;
    let by_break = asked(&mut one).await;
    page(&mut one, &by_break).await;
    let guest = one.guest.clone();
    assert_eq!(used(&server, &guest).await, 3 * AMOUNT);

    one.send(json!({
        "type": "wallet.command.cancel_top_up", "command_id": Uuid::now_v7(), "request_id": by_socket,
    }))
    .await;
    told(&mut other, &by_socket, "expired").await;
    let path = format!("/api/v1/checkout/sessions/{by_http}/cancel");
    let answer = server.http().post(server.url(&path));
    let answer = answer.bearer_auth(&guest.token).send().await;
    assert_eq!(answer.expect("an answer").status(), 202);
    told(&mut other, &by_http, "expired").await;
    one.send(json!({
        "type": "wallet.command.exclude_self", "command_id": Uuid::now_v7(), "days": 1,
    }))
    .await;
    let told = told(&mut other, &by_break, "expired").await;
    let why = text(&told["error_message"]);
    assert!(why.contains("self-excluded"), "{why}");
    assert_eq!(used(&server, &guest).await, 0);
    assert_eq!(server.balance_cents(&guest).await, 5_000);
    assert_clean(&server).await;
}

#[tokio::test]
async fn a_restart_or_a_kill_between_the_steps_loses_and_doubles_nothing() {
    let (mut server, mut one, _other) = start().await;
    let guest = one.guest.clone();
    let key = bank_key(&server);
    let request = asked(&mut one).await;
    server.kill().await;
    server.restart().await;
    let seen = async {
        loop {
            let seen = status(&server, &guest, &request).await;
            if seen["session_url"].is_string() {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = within("a page", seen).await;
    // The page is where it was, whatever happens to the server.
    let page = PaymentPage::of(&text(&seen["session_url"]));
    server.terminate().await;
    server.restart().await;
    assert_eq!(bank_key(&server), key);
    page.pay(server.http(), "pay_later").await;
    page.settle(server.http(), &key, "paid").await;
    server.kill().await;
    server.restart().await;
    let balance = async {
        while server.balance_cents(&guest).await != 5_000 + AMOUNT {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the money", balance).await;
    server.terminate().await;
    server.restart().await;
    assert_eq!(server.balance_cents(&guest).await, 5_000 + AMOUNT);
    assert_clean(&server).await;
}

#[tokio::test]
async fn a_checkout_that_can_not_start_harms_no_game() {
    let mut server = TestServer::launch(launch(&[])).await;
    let guest = server.guest().await;
    server.terminate().await;
    let file = server.data_dir().join("checkout.sqlite3");
    let kept = std::fs::read(&file).expect("the checkout's file");
    std::fs::write(&file, "no database at all, by its first bytes").expect("written");
    server.restart().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let request = asked(&mut client).await;
    let ready = server.http().get(server.url("/readyz")).send().await;
    assert!(ready.expect("an answer").status().is_success());
    let hook = server
        .http()
        .post(server.url("/webhooks/stripe"))
        .send()
        .await;
    assert_eq!(hook.expect("an answer").status(), 503);
    let said = async {
        while !server.log().contains("the checkout does not start") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("what is wrong", said).await;
    // It is tried again by itself.
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(server.data_dir().join(format!("checkout.sqlite3{end}")));
    }
    std::fs::write(&file, kept).expect("written");
    page(&mut client, &request).await;
}

#[tokio::test]
async fn webhooks_of_strangers_are_refused() {
    let (server, one, _other) = start().await;
    for signature in ["", "t=1,v1=00", "t=99999999999,v1=zz"] {
        let hook = server.http().post(server.url("/webhooks/stripe"));
        let hook = hook.header("stripe-signature", signature).body("{}");
        let answer = hook.send().await.expect("an answer");
        assert_eq!(answer.status(), 400, "{signature}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
    let hook = server.http().get(server.url("/webhooks/stripe"));
    assert_eq!(hook.send().await.expect("an answer").status(), 405);
    assert_eq!(server.balance_cents(&one.guest).await, 5_000);
}

#[tokio::test]
async fn a_planted_difference_between_the_checkouts_books_and_the_ledger_is_named() {
    let (mut server, mut one, _other) = start().await;
    let request = asked(&mut one).await;
    page(&mut one, &request)
        .await
        .pay(server.http(), "pay")
        .await;
    assert_eq!(credited(&mut one).await, 5_000 + AMOUNT);
    whole_game(&server).await;
    let file = server.data_dir().join("checkout.sqlite3");
    let journal = || -> i64 {
        let books = rusqlite::Connection::open(&file).expect("the checkout's file");
        let count = "SELECT count(*) FROM journal";
        books
            .query_row(count, [], |row| row.get(0))
            .expect("a count")
    };
    let read = async {
        // Two fees and a prize.
        while journal() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the game's payment records", read).await;
    // Beside the running server, and without it.
    assert_clean(&server).await;
    server.terminate().await;
    assert_clean(&server).await;
    for (fault, repair, expected) in [
        (
            "UPDATE payment SET amount_cents = amount_cents + 1",
            "UPDATE payment SET amount_cents = amount_cents - 1",
            "is success, 2001 eur of user",
        ),
        (
            "UPDATE journal SET record = replace(record, '\"amount_cents\":1600', '\"amount_cents\":1601')",
            "UPDATE journal SET record = replace(record, '\"amount_cents\":1601', '\"amount_cents\":1600')",
            "the checkout's journal says 1601 cents of user",
        ),
        (
            "UPDATE journal SET event_id = 'x' || event_id WHERE topic LIKE '%win_prize'",
            "UPDATE journal SET event_id = substr(event_id, 2) WHERE topic LIKE '%win_prize'",
            "is not in the checkout's journal, which has read",
        ),
    ] {
        let books = rusqlite::Connection::open(&file).expect("the checkout's file");
        books.execute_batch(fault).expect("planted");
        drop(books);
        let report = server.audit().await;
        assert_eq!(report["clean"], false, "{fault}");
        assert!(
            report.to_string().contains(expected),
            "{expected}: {report:#}"
        );
        let books = rusqlite::Connection::open(&file).expect("the checkout's file");
        books.execute_batch(repair).expect("repaired");
    }
    assert_clean(&server).await;
}

#[tokio::test]
async fn a_payment_whose_webhook_was_lost_is_credited_within_the_minute() {
    // With all settings as they are by themselves.
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let request = asked(&mut client).await;
    let page = page(&mut client, &request).await;
    page.misbehave(server.http(), json!({ "drop": 1.0 })).await;
    page.pay(server.http(), "pay").await;
    let paid = Instant::now();
    while server.balance_cents(&guest).await != 5_000 + AMOUNT {
        assert!(paid.elapsed() < MINUTE, "{}", server.log());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let took = paid.elapsed().as_secs_f64();
    println!("a payment whose webhook was lost was credited after {took:.1} s");
    let seen = status(&server, &guest, &request).await;
    assert_eq!(seen["status"], "success");
    assert_clean(&server).await;
}

#[tokio::test]
async fn with_a_test_key_of_stripes_a_payer_gets_stripes_page() {
    let mock = tokio::task::spawn_blocking(StripeMock::shared).await;
    let mock = mock.expect("stripe-mock");
    let server = TestServer::launch(launch(&[
        ("PAYMENTS__SECRET_KEY", KEY),
        ("PAYMENTS__WEBHOOK_SECRETS", "whsec_of_the_test"),
        ("PAYMENTS__API_URL", mock.url()),
    ]))
    .await;
    let guest = server.guest().await;
    let mut client = Client::sign_in(&server, &guest).await;
    let request = asked(&mut client).await;
    let page = text(&told(&mut client, &request, "session_created").await["session_url"]);
    assert!(page.starts_with("https://checkout.stripe.com/"), "{page}");
    let seen = status(&server, &guest, &request).await;
    assert_eq!(seen["status"], "session_created");
    assert_eq!(seen["session_url"], page);
    // Nobody has a bank here, and nothing is paid.
    assert!(!server.data_dir().join("test-bank-secret-key").exists());
    assert_eq!(server.balance_cents(&guest).await, 5_000);
    assert_clean(&server).await;
}
