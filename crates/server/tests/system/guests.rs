//! Guests who do not come any more.

use blazing_sun_harness::{Client, Guest, TestServer, within};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

async fn me(server: &TestServer, guest: &Guest) -> (StatusCode, Value) {
    let asked = server.http().get(server.url("/api/v1/me"));
    let answer = asked
        .bearer_auth(&guest.token)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_guest_who_does_not_come_for_long_is_closed_and_their_money_goes_back() {
    let mut server = TestServer::start().await;
    let (idle, seated, seen) = (
        server.guest().await,
        server.guest().await,
        server.guest().await,
    );
    let mut host = Client::sign_in(&server, &seated).await;
    host.create_room("A room").await;
    drop(host);
    server.terminate().await;
    // A month and a day ago, by the ledger and by the accounts.
    let database = open(&server);
    date_ledger(&database, -31, &seen);
    let aged = format!(
        "DELETE FROM user_online;
         UPDATE users SET last_seen_ms = last_seen_ms - 31 * 86400000 WHERE id <> {};",
        seen.user_id,
    );
    database.execute_batch(&aged).expect("aged");
    drop(database);

    server.restart().await;
    let closed = async {
        loop {
            let (status, answer) = me(&server, &idle).await;
            if status != StatusCode::OK {
                break (status, answer);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = within("the closing", closed).await;
    assert_eq!(closed.0, StatusCode::FORBIDDEN, "{closed:?}");
    assert_eq!(closed.1["code"], "account_closed");
    for guest in [&seated, &seen] {
        assert_eq!(server.balance_cents(guest).await, 5_000);
    }
    let returned = async {
        let read = || {
            let database = open(&server);
            let sum = "SELECT total(amount_cents) FROM ledger_transfer WHERE kind = 'guest_closed'";
            database.query_row(sum, [], |row| row.get::<_, f64>(0))
        };
        while read().expect("read") < 5_000.0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the money", returned).await;
    let mut late = Client::connect(&server, &idle).await;
    late.send(json!({ "type": "system.authenticate", "token": idle.token }))
        .await;
    assert_eq!(late.closed().await, Some(1008));
    server.terminate().await;
    // An audit holds the ledger's times to those of the log.
    date_ledger(&open(&server), 31, &seen);
    let report = server.audit().await;
    assert_eq!(report["clean"], true, "{report:#}");
    assert_eq!(report["totals"]["mint_cents"], -10_000);
}

fn open(server: &TestServer) -> rusqlite::Connection {
    rusqlite::Connection::open(server.data_dir().join("blazing-sun.db")).expect("opened")
}

/// Moves the grants of all but one by so many days.
fn date_ledger(database: &rusqlite::Connection, days: i64, but: &Guest) {
    let dated = format!(
        "DROP TRIGGER ledger_transfer_is_never_changed;
         UPDATE ledger_transfer SET at_ms = at_ms + {days} * 86400000
         WHERE kind = 'demo_grant' AND user_id <> {};
         CREATE TRIGGER ledger_transfer_is_never_changed BEFORE UPDATE ON ledger_transfer
         BEGIN SELECT RAISE(ABORT, 'ledger rows are only added'); END;",
        but.user_id
    );
    database.execute_batch(&dated).expect("dated");
}
