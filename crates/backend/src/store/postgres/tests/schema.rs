use super::*;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn open(url: &str) -> Result<PgPool, StoreError> {
    Runtime::new()
        .unwrap()
        .block_on(PgPool::open(&options(url)))
}

#[test]
fn four_may_bring_the_schema_up_to_date_at_once() {
    let url = TestPostgres::shared().new_database();
    let all: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || open(&url).map(|_| ()))
        })
        .collect();
    for one in all {
        one.join().unwrap().unwrap();
    }
    open(&url).unwrap();
}

#[test]
fn a_database_of_others_or_of_a_newer_program_is_left_alone() {
    let database = Database::new();
    database
        .execute(
            "INSERT INTO refinery_schema_history
             SELECT 9001, 'later', applied_on, checksum FROM refinery_schema_history LIMIT 1",
        )
        .unwrap();
    let newer = open(&database.url).unwrap_err();
    assert!(
        matches!(newer, StoreError::Newer { found: 9001, .. }),
        "{newer:?}"
    );

    let url = TestPostgres::shared().new_database();
    blazing_sun_harness::postgres::execute(&url, "CREATE TABLE orders (id int)");
    let foreign = open(&url).unwrap_err();
    assert!(matches!(foreign, StoreError::NotOurs), "{foreign:?}");

    let name = url.rsplit('/').next().unwrap();
    TestPostgres::shared().execute(&format!(
        "CREATE DATABASE {name}_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
    ));
    let ascii = format!("{url}_ascii");
    let unsuitable = open(&ascii).unwrap_err().to_string();
    assert!(unsuitable.contains("SQL_ASCII"), "{unsuitable}");
}

#[test]
fn ledger_rows_are_never_changed() {
    let database = Database::new();
    let (mut store, mut by) = database.owner(3);
    commit(&mut store, &mut by, [grant(7, 1)]).unwrap();
    for sql in [
        "UPDATE ledger_transfer SET amount_cents = 2",
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer",
    ] {
        let error = database.execute(sql).unwrap_err();
        let text = std::error::Error::source(&error).unwrap().to_string();
        assert!(text.contains("only added"), "{text}");
    }
}

#[test]
fn a_deployment_keeps_what_was_first() {
    let database = Database::new();
    let keep = |value| {
        database
            .runtime
            .block_on(database.pool.keep("money", value))
            .unwrap()
    };
    assert_eq!(
        (keep("demo eur"), keep("demo usd")),
        ("demo eur".to_owned(), "demo eur".to_owned())
    );
}

#[test]
fn a_lock_has_one_holder_until_its_connection_is_gone() {
    let database = Database::new();
    let pool = &database.pool;
    let until_taken = async || loop {
        if let Some(lock) = pool.try_lock("t").await.unwrap() {
            break lock;
        }
    };
    let told = async {
        let mut first = until_taken().await;
        assert!(pool.try_lock("t").await.unwrap().is_none());
        assert!(pool.try_lock("u").await.unwrap().is_some());
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = 'blazing-sun t'";
        pool.rows(end, &[]).await.unwrap();
        first.lost().await;
        drop(until_taken().await);
        drop(until_taken().await);
    };
    let bounded = async { tokio::time::timeout(PATIENCE, told).await };
    database.runtime.block_on(bounded).expect("in time");
}

#[test]
fn sessions_are_durable_and_bounded() {
    let database = Database::new();
    let sql = "SELECT (current_setting('synchronous_commit') = 'on'
                       AND current_setting('idle_in_transaction_session_timeout') = '3s'
                       AND current_setting('lock_timeout') = '10s')::int::bigint";
    assert_eq!(database.number(sql), 1);
}
