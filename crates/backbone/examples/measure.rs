//! What the embedded log and a token check cost: `cargo run --release -p blazing-sun-backbone --example measure`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool")]

use blazing_sun_backbone::credentials::{Claims, Keys};
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::topics::TopicSpec;
use blazing_sun_domain::{Millis, UserId};
use rusqlite::Connection;
use std::time::{Duration, Instant};

/// What this thread has run, which holds on a busy machine too.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn commits(size: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log.db");
    let mut connection = Connection::open(&path).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "FULL")
        .unwrap();
    let options = SqliteLogOptions::default();
    let (_log, mut appender) = SqliteLog::open(&connection, &path, options).unwrap();
    let spec = TopicSpec {
        name: "t".to_owned(),
        partitions: 4,
        retention_ms: -1,
    };
    appender.ensure_topics(&[spec], &connection).unwrap();
    let record = |partition| NewRecord {
        topic: Topic::new("t"),
        partition: Some(partition),
        key: "key".into(),
        headers: Default::default(),
        payload: "x".repeat(320).into(),
    };
    let (began, cpu_began, mut written) = (Instant::now(), cpu_ns(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        let mut batch = appender.begin(Millis(1));
        for n in 0..size {
            batch.push(record(n as u32 % 4)).unwrap();
        }
        let transaction = connection.transaction().unwrap();
        appender.write(&batch, &transaction).unwrap();
        transaction.commit().unwrap();
        appender.committed(batch);
        written += size;
    }
    let per_second = written as f64 / began.elapsed().as_secs_f64();
    let cpu_us = (cpu_ns() - cpu_began) / 1e3 / written as f64;
    println!("batches of {size}: {per_second:.0} records/s, {cpu_us:.2} µs of CPU a record");
}

fn token_checks() {
    let now = Millis(1_700_000_000_000);
    let keys = Keys::generate(now).unwrap();
    let user = UserId::new(7).unwrap();
    let claims = Claims::new(user, "Player", &["player"], now, 900);
    let (verifier, token) = (keys.verifier(), keys.signer().sign(&claims));
    let began = cpu_ns();
    for _ in 0..5_000 {
        verifier.verify(std::hint::black_box(&token), now).unwrap();
    }
    let cpu_us = (cpu_ns() - began) / 1e3 / 5_000.0;
    println!("a token check: {cpu_us:.1} µs of CPU");
}

fn main() {
    for size in [1, 16, 64, 256] {
        commits(size);
    }
    token_checks();
}
