//! The audit on files that a real engine wrote: clean as they are, and every fault planted in a copy
//! is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the engine's own tests use the rest")]
#[path = "../engine/harness.rs"]
mod harness;

use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_backend::audit::{AuditReport, audit, audit_telling};
use harness::{Rig, options};
use rusqlite::Connection;
use serde_json::json;
use std::cell::RefCell;
use std::path::Path;
use tempfile::TempDir;

/// The command that has credited user 5.
const CREDIT: uuid::Uuid = uuid::Uuid::from_u128(5);

/// `done` was played to its end, `running` is in play, `free` never had money, all is saved.
async fn play() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    for user in 1..=5 {
        rig.grant(user).await;
    }
    let credit = json!({ "user_id": "5", "amount_cents": 70 });
    rig.send_as(0, "wallet.command.credit", credit, CREDIT, "")
        .await;
    rig.expect("wallet.event.balance_changed").await;
    begin_with_a_refund(&mut rig, "done", [1, 2]).await;
    rig.play_to_the_end("done").await;
    begin_with_a_refund(&mut rig, "running", [3, 4]).await;
    let free = json!({ "room_id": "free", "game_type": "bigger_dice", "room_name": "Free" });
    rig.send(1, "create_room", free).await;
    rig.expect("games.event.room_state").await;
    rig.engine.stop();
    dir
}

async fn begin_with_a_refund(rig: &mut Rig, room: &str, players: [u64; 2]) {
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    rig.send(players[0], "create_room", create).await;
    rig.send(players[1], "join_room", json!({ "room_id": room }))
        .await;
    let target = |user: u64| json!({ "room_id": room, "target_user_id": user.to_string() });
    rig.send(players[0], "select_player", target(players[1]))
        .await;
    rig.send(players[0], "deselect_player", target(players[1]))
        .await;
    for player in players {
        rig.send(players[0], "select_player", target(player)).await;
    }
    for player in players {
        rig.send(player, "ready", json!({ "room_id": room })).await;
    }
    rig.expect("games.event.game_started").await;
}

fn report_of(dir: &Path) -> AuditReport {
    audited(dir).0
}

/// What is found, and the percents that were told on the way.
fn audited(dir: &Path) -> (AuditReport, Vec<u8>) {
    let heard = RefCell::new(Vec::new());
    let tell = |percent| heard.borrow_mut().push(percent);
    let report = audit_telling(&options(dir).path, &tell).unwrap();
    let heard = heard.into_inner();
    assert!(heard.is_sorted_by(|a, b| a < b), "{heard:?}");
    (report, heard)
}

#[track_caller]
fn assert_clean(dir: &Path) {
    let (report, heard) = audited(dir);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(
        (heard.first(), heard.last()),
        (Some(&0), Some(&99)),
        "{heard:?}"
    );
}

/// The file as a kill at this instant would leave it.
fn copy_of(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for name in ["keys", "blazing-sun.db-wal", "blazing-sun.db"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.path().join(name)).unwrap();
        }
    }
    to
}

/// A copy in which `sql` was run, past all triggers.
fn with_fault(from: &Path, sql: &str) -> TempDir {
    let copy = copy_of(from);
    let connection = Connection::open(options(copy.path()).path).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER IF EXISTS ledger_transfer_is_never_changed;
             DROP TRIGGER IF EXISTS ledger_transfer_is_never_deleted;",
        )
        .unwrap();
    connection.execute_batch(sql).unwrap();
    copy
}

fn names_of(report: &AuditReport) -> Vec<&String> {
    report
        .checks
        .iter()
        .flat_map(|check| &check.named)
        .collect()
}

#[track_caller]
fn assert_named(from: &Path, fault: &str, sql: &str, wanted: &str) {
    let copy = with_fault(from, sql);
    let report = report_of(copy.path());
    assert!(!report.is_clean(), "{fault}: not found");
    let named = names_of(&report);
    assert!(
        named.iter().any(|name| name.contains(wanted)),
        "{fault}: `{wanted}` is not among {named:#?}"
    );
}

fn number(from: &Path, sql: &str) -> i64 {
    let connection = Connection::open(options(from).path).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn what_an_engine_wrote_is_clean_at_every_instant() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(dir.path());
    assert_clean(dir.path());
    rig.grant(1).await;
    rig.grant(2).await;
    begin_with_a_refund(&mut rig, "room", [1, 2]).await;
    assert_clean(dir.path());
    let killed = copy_of(dir.path());
    assert_clean(killed.path());

    let mut again = Rig::start(killed.path());
    assert_clean(killed.path());
    let sync = json!({ "room_id": "room", "user_id": "1" });
    again
        .send_as(0, "sync_room", sync, uuid::Uuid::now_v7(), "")
        .await;
    let state = again.expect("games.event.room_state").await;
    let turn = state["payload"]["room"]["current_turn"].as_str().unwrap();
    let roll = json!({ "room_id": "room" });
    again
        .send(turn.parse().unwrap(), "bigger_dice.roll", roll)
        .await;
    again.play_to_the_end("room").await;
    assert_clean(killed.path());
    again.engine.stop();
    assert_clean(killed.path());
    Rig::start(killed.path()).engine.stop();
    assert_clean(killed.path());

    rig.engine.stop();
    assert_clean(dir.path());
}

#[tokio::test]
async fn money_that_moved_otherwise_is_named() {
    let dir = play().await;
    let from = dir.path();
    assert_clean(from);
    let winner = number(
        from,
        "SELECT user_id FROM ledger_transfer WHERE kind = 'prize'",
    );
    let loser = 3 - winner;
    let move_prize = format!(
        "UPDATE account_balance SET balance = balance - 1600 WHERE account = 'player/{winner}';
         UPDATE account_balance SET balance = balance + 1600 WHERE account = 'player/{loser}';
         UPDATE ledger_transfer SET to_account = 'player/{loser}'"
    );
    for (fault, sql, wanted) in [
        (
            "the prize goes to another",
            format!("{move_prize} WHERE kind = 'prize'"),
            format!("to_account is player/{loser}, must be player/{winner}"),
        ),
        (
            "the prize goes to another by all columns",
            format!(
                "{move_prize}, user_id = {loser}, key = 'prize/done/{loser}' WHERE kind = 'prize'"
            ),
            format!("transfer prize/done/{loser} has no record"),
        ),
        (
            "a grant is gone",
            format!(
                "DELETE FROM ledger_transfer WHERE key = 'demo_grant/{winner}';
                 UPDATE account_balance SET balance = balance - 5000 WHERE account = 'player/{winner}';"
            ),
            format!("player {winner} moves money without demo_grant/{winner}"),
        ),
        (
            "a grant is gone with all that its player had",
            "DELETE FROM ledger_transfer WHERE key = 'demo_grant/5';
             DELETE FROM account_balance WHERE account = 'player/5';"
                .to_owned(),
            "user 5, demo_grant of 5000 to 5000: no such transfer in its batch".to_owned(),
        ),
        (
            "a grant is doubled",
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
             SELECT key || '/2', kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms
             FROM ledger_transfer WHERE key = 'demo_grant/1';
             UPDATE account_balance SET balance = balance + 5000 WHERE account = 'player/1';"
                .to_owned(),
            "transfer demo_grant/1/2 (demo_grant): its key is not of its kind's form".to_owned(),
        ),
        (
            "a grant of more",
            "UPDATE ledger_transfer SET amount_cents = 9000 WHERE key = 'demo_grant/1';
             UPDATE account_balance SET balance = balance + 4000 WHERE account = 'player/1';"
                .to_owned(),
            "by transfer demo_grant/1 it is user 1, demo_grant of 9000 to 9000".to_owned(),
        ),
        (
            "a credit goes to another",
            "UPDATE ledger_transfer SET user_id = 1, to_account = 'player/1' WHERE kind = 'credit';
             UPDATE account_balance SET balance = balance - 70 WHERE account = 'player/5';
             UPDATE account_balance SET balance = balance + 70 WHERE account = 'player/1';"
                .to_owned(),
            format!("by transfer credit/{CREDIT} it is user 1, credit of 70 to 5070"),
        ),
        (
            "a credit by no command",
            "UPDATE ledger_transfer SET key = 'credit/mine' WHERE kind = 'credit';".to_owned(),
            "transfer credit/mine (credit): its key names no command".to_owned(),
        ),
        (
            "an invented kind",
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
             SELECT 'bonus/1', 'bonus', 'house/rake', 'player/1', 100, 1, batch_no, at_ms
             FROM ledger_transfer ORDER BY id DESC LIMIT 1;
             UPDATE account_balance SET balance = balance + 100 WHERE account = 'player/1';"
                .to_owned(),
            "transfer bonus/1 (bonus): no such kind of transfer exists".to_owned(),
        ),
        (
            "money bought where all is demo money",
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
             SELECT 'top_up/1', 'top_up', 'stripe/clearing', 'player/1', 100, 1, batch_no, at_ms
             FROM ledger_transfer ORDER BY id DESC LIMIT 1;
             UPDATE account_balance SET balance = balance + 100 WHERE account = 'player/1';"
                .to_owned(),
            "transfer top_up/1: from_account is stripe/clearing, must be test/clearing".to_owned(),
        ),
        (
            "money bought by no request",
            "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
             SELECT 'top_up/pi_1', 'top_up', 'test/clearing', 'player/1', 100, 1, batch_no, at_ms
             FROM ledger_transfer ORDER BY id DESC LIMIT 1;
             UPDATE account_balance SET balance = balance + 100 WHERE account = 'player/1';"
                .to_owned(),
            "payment pi_1 has transfers, and no row".to_owned(),
        ),
        (
            "a fee paid by another",
            "UPDATE ledger_transfer SET from_account = 'player/4' WHERE key = 'fee/running/3/1';
             UPDATE account_balance SET balance = balance + 1000 WHERE account = 'player/3';
             UPDATE account_balance SET balance = balance - 1000 WHERE account = 'player/4';"
                .to_owned(),
            "transfer fee/running/3/1: from_account is player/4, must be player/3".to_owned(),
        ),
        (
            "a transfer of another room",
            "UPDATE ledger_transfer SET room_id = 'running' WHERE key = 'rake/done'".to_owned(),
            "transfer rake/done: room_id is running, must be done".to_owned(),
        ),
        (
            "a refund of less",
            "UPDATE ledger_transfer SET amount_cents = 900 WHERE key = 'refund/running/4/1';
             UPDATE account_balance SET balance = balance - 100 WHERE account = 'player/4';
             UPDATE account_balance SET balance = balance + 100 WHERE account = 'escrow/running';"
                .to_owned(),
            "transfer refund/running/4/1 is of 900, its fee of 1000".to_owned(),
        ),
        (
            "a refund without its fee",
            "UPDATE ledger_transfer SET key = 'refund/running/4/7' WHERE key = 'refund/running/4/1'"
                .to_owned(),
            "transfer refund/running/4/7 gives back no fee that is held".to_owned(),
        ),
        (
            "fee and refund gone together",
            "DELETE FROM ledger_transfer WHERE key IN ('fee/running/4/1', 'refund/running/4/1')"
                .to_owned(),
            "transfer fee/running/4/2 is the 1. fee of its player here".to_owned(),
        ),
        (
            "another split",
            format!(
                "UPDATE ledger_transfer SET amount_cents = 1900 WHERE kind = 'prize';
                 UPDATE ledger_transfer SET amount_cents = 100 WHERE kind = 'rake';
                 UPDATE account_balance SET balance = balance + 300 WHERE account = 'player/{winner}';"
            ),
            "of 2000, 80 % are 1600 and leave 400; the prize was 1900, the rake 100".to_owned(),
        ),
        (
            "the rake is gone",
            "DELETE FROM ledger_transfer WHERE kind = 'rake';
             UPDATE account_balance SET balance = 400 WHERE account = 'escrow/done';"
                .to_owned(),
            "room done has ended with 400 in escrow".to_owned(),
        ),
        (
            "a balance of its own",
            "UPDATE account_balance SET balance = balance + 1 WHERE account = 'player/1'".to_owned(),
            "they add up to 1".to_owned(),
        ),
        (
            "balances swapped, the sum kept",
            "UPDATE account_balance SET balance = balance + 1 WHERE account = 'player/3';
             UPDATE account_balance SET balance = balance - 1 WHERE account = 'player/4';"
                .to_owned(),
            "player/3 has 4001, its transfers come to 4000".to_owned(),
        ),
        (
            "a balance row is gone",
            "DELETE FROM account_balance WHERE account = 'player/3'".to_owned(),
            "player/3 has no balance, its transfers come to 4000".to_owned(),
        ),
        (
            "players who are no users",
            "INSERT INTO users (id, username, roles, created_ms, last_seen_ms) VALUES (1, 'P', '[]', 0, 0)"
                .to_owned(),
            "player 2 has money, but there is no such user".to_owned(),
        ),
        (
            "money of another kind",
            "UPDATE deployment SET value = 'real eur'".to_owned(),
            "player 1 has demo money, where money is real".to_owned(),
        ),
        (
            "money of no kind",
            "UPDATE deployment SET value = 'eur'".to_owned(),
            "the deployment's money is `eur`, which is neither demo nor real".to_owned(),
        ),
    ] {
        assert_named(from, fault, &sql, &wanted);
    }
}

#[tokio::test]
async fn a_room_that_is_lost_is_named() {
    let dir = play().await;
    let from = dir.path();
    let wipe = "DELETE FROM room_snapshot WHERE room_id = 'ROOM';
         DELETE FROM room_journal WHERE room_id = 'ROOM';
         DELETE FROM room_directory WHERE room_id = 'ROOM';
         DELETE FROM room_member WHERE room_id = 'ROOM';";
    for (fault, sql, wanted) in [
        (
            "a room with escrow is wiped",
            wipe.replace("ROOM", "running"),
            "room running, with 2000 in escrow, is neither saved nor archived",
        ),
        (
            "a room without money is wiped",
            wipe.replace("ROOM", "free"),
            "room free, with 0 in escrow, is neither saved nor archived",
        ),
        (
            "an archive is lost",
            "DELETE FROM room_archive".to_owned(),
            "room done, with 0 in escrow, has ended and is not archived",
        ),
        (
            "an archive without its beginning",
            "UPDATE room_archive SET inputs = x'0a'".to_owned(),
            "room done: its archived inputs do not begin with its creation",
        ),
        (
            "a part of a journal is lost",
            "DELETE FROM room_journal WHERE room_id = 'running'".to_owned(),
            "room running has 0 of the 1 parts of its journal",
        ),
        (
            "a room with escrow is not listed",
            "DELETE FROM room_directory WHERE room_id = 'running'".to_owned(),
            "room running, with 2000 in escrow, is not in room_directory",
        ),
        (
            "a room that has ended is listed",
            "UPDATE room_directory SET room_id = 'done' WHERE room_id = 'free'".to_owned(),
            "room_directory tells of room done, which does not run",
        ),
        (
            "a saved room without its seats",
            "UPDATE room_snapshot SET state = CAST(replace(CAST(state AS TEXT), '\"paid\":1000', '\"paid\":0') AS BLOB)
             WHERE room_id = 'running'"
                .to_owned(),
            "holds 0; by its transfers 2000",
        ),
        (
            "a saved room ahead of the log",
            "UPDATE room_snapshot SET state = CAST(replace(CAST(state AS TEXT), '\"room_seq\":', '\"room_seq\":9') AS BLOB)
             WHERE room_id = 'running'"
                .to_owned(),
            "room running was saved with room_seq 9",
        ),
    ] {
        assert_named(from, fault, &sql, wanted);
    }
}

#[tokio::test]
async fn a_changed_journal_is_named() {
    let dir = play().await;
    let from = dir.path();
    let report = report_of(from);
    let journals = report
        .checks
        .iter()
        .find(|check| check.name.contains("SHA-256"));
    assert_eq!(journals.unwrap().looked_at, 3);
    for (fault, sql) in [
        (
            "a balance that decides nothing",
            "UPDATE room_archive SET inputs = CAST(replace(CAST(inputs AS TEXT), '5000', '6000') AS BLOB)",
        ),
        (
            "a blank between tokens",
            "UPDATE room_archive SET inputs = CAST(replace(CAST(inputs AS TEXT), '\"now\":', '\"now\": ') AS BLOB)",
        ),
        (
            "its end is cut off",
            "UPDATE room_archive SET inputs = substr(inputs, 1, length(inputs) - 1)",
        ),
        ("another name", "UPDATE room_archive SET room_name = 'Done'"),
        (
            "another end",
            "UPDATE room_archive SET ended_ms = ended_ms + 1",
        ),
        (
            "another version",
            "UPDATE room_archive SET game_version = 2",
        ),
        ("no digest", "UPDATE room_archive SET digest = NULL"),
        (
            "no digest and no input that could be read",
            "UPDATE room_archive SET digest = NULL, inputs = x''",
        ),
        (
            "no version of the rules",
            "UPDATE room_archive SET rules_version = NULL",
        ),
        (
            "another digest",
            "UPDATE room_archive SET digest = CAST(substr(digest, 1, 31) || x'00' AS BLOB)",
        ),
    ] {
        assert_named(from, fault, sql, "room done: its archived journal is not");
    }
    assert_named(
        from,
        "a part of a running room's journal",
        "UPDATE room_journal SET inputs = CAST(replace(CAST(inputs AS TEXT), '5000', '6000') AS BLOB)
         WHERE room_id = 'running'",
        "room running: its saved journal is not",
    );
    let none =
        "UPDATE room_archive SET digest = NULL; UPDATE room_snapshot SET journal_digest = NULL;";
    assert_named(
        from,
        "no digest of a running room",
        none,
        "room running: its saved journal is not",
    );
    let before =
        "UPDATE refinery_schema_history SET applied_on = '2100-01-01T00:00:00Z' WHERE version = 3;";
    let old = with_fault(from, &format!("{none}{before}"));
    assert_clean(old.path());
}

#[tokio::test]
async fn every_lost_batch_is_named() {
    let dir = play().await;
    let from = dir.path();
    let last = number(from, "SELECT max(batch_no) FROM log_batch");
    for batch_no in 1..last {
        assert_named(
            from,
            "one batch is lost",
            &format!("DELETE FROM log_batch WHERE batch_no = {batch_no}"),
            &format!("batch {batch_no} is missing"),
        );
    }
    let sixty = last * 6 / 10;
    for (fault, lost, wanted) in [
        (
            "the first 60 %",
            format!("<= {sixty}"),
            format!("batches 1 to {sixty} are missing"),
        ),
        (
            "the last batch",
            format!("> {}", last - 1),
            format!("batches {last} to {last} are missing at the log's end"),
        ),
        (
            "the last five",
            format!("> {}", last - 5),
            format!(
                "batches {} to {last} are missing at the log's end",
                last - 4
            ),
        ),
        (
            "all",
            "> 0".to_owned(),
            format!("batches 1 to {last} are missing at the log's end"),
        ),
    ] {
        let sql = format!("DELETE FROM log_batch WHERE batch_no {lost}");
        assert_named(from, fault, &sql, &wanted);
    }
    assert_named(
        from,
        "a batch of which a part changed",
        "UPDATE log_batch SET body = CAST(body || x'00' AS BLOB) WHERE batch_no = 3",
        "batch 3 can not be read",
    );
    assert_named(
        from,
        "a transfer of no batch",
        &format!(
            "UPDATE ledger_transfer SET batch_no = {} WHERE kind = 'rake'",
            last + 1
        ),
        "transfer rake/done is of batch",
    );
    assert_named(
        from,
        "a snapshot of no batch",
        &format!("UPDATE room_snapshot SET batch_no = {}", last + 1),
        "room_snapshot is as of batch",
    );
}

#[tokio::test]
async fn what_retention_removed_is_not_missed_and_the_rest_is() {
    let dir = play().await;
    let old = with_fault(
        dir.path(),
        "UPDATE log_batch SET at_ms = at_ms - 1000000000000 WHERE batch_no <= 12;
         UPDATE ledger_transfer SET at_ms = at_ms - 1000000000000 WHERE batch_no <= 12;",
    );
    assert_clean(old.path());
    let mut rig = Rig::start(old.path());
    for user in 11..=14 {
        rig.grant(user).await;
    }
    rig.engine.stop();
    let first = number(old.path(), "SELECT batch_no FROM log_earliest");
    assert_eq!(first, 13);
    assert_clean(old.path());
    assert_named(
        old.path(),
        "the first kept batch is lost",
        "DELETE FROM log_batch WHERE batch_no = 13",
        "batch 13 is missing",
    );
    assert_named(
        old.path(),
        "the log's beginning is forgotten",
        "DELETE FROM log_earliest",
        "batches 1 to 12 are missing",
    );
    assert_named(
        old.path(),
        "more is said to be removed than recovery can spare",
        "UPDATE partition_owner SET floor = 5",
        "recovery needs them from 5 on",
    );
}

#[tokio::test]
async fn a_log_over_its_first_index_is_clean_and_the_index_is_held_to_it() {
    let dir = play().await;
    let rig = Rig::start(dir.path());
    while number(dir.path(), "SELECT max(batch_no) FROM log_batch") < 260 {
        rig.append(blazing_sun_backbone::topics::CHECKOUT_REQUESTS, "1", "{}")
            .await;
    }
    rig.engine.stop();
    assert_clean(dir.path());
    let wanted = "the index before batch 256";
    for sql in [
        "DELETE FROM log_index",
        "UPDATE log_index SET next_offsets = x'0100aabbccdd'",
    ] {
        assert_named(dir.path(), "the index", sql, wanted);
    }
}

#[tokio::test]
async fn a_payment_record_without_its_transfer_is_named() {
    let dir = play().await;
    let rig = Rig::start(dir.path());
    let forged = json!({
        "event_type": "game.prize.won", "event_id": "24005cd8-4cef-8268-a852-67eca5aece4a",
        "user_id": 1, "amount_cents": 1600, "game_type": "bigger_dice", "room_id": "done",
    });
    rig.append("bigger_dice.win_prize", "1", forged.to_string())
        .await;
    rig.engine.stop();
    let report = report_of(dir.path());
    let named = names_of(&report);
    assert!(
        named
            .iter()
            .any(|name| name.contains("(game.prize.won of 1600 for user 1) has no transfer")),
        "{named:#?}"
    );
}

#[test]
fn a_file_of_something_else_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.db");
    std::fs::write(&path, "").unwrap();
    let said = |path: &Path| audit(path).unwrap_err().to_string();
    assert_eq!(said(&path), "this is no Blazing Sun database");
    std::fs::write(&path, "no database at all, ".repeat(100)).unwrap();
    assert_eq!(said(&path), "this is no Blazing Sun database");
    std::fs::remove_file(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("CREATE TABLE cats (name)")
        .unwrap();
    SqliteLog::standalone(&path, Default::default()).unwrap();
    assert_eq!(said(&path), "this is no Blazing Sun database");
}
