//! What the store refuses, or can not take all at once: it is put aside, and nothing else waits for it.

use super::records;
use super::rig::{Rig, key_in, stop, until};
use blazing_sun_backbone::log::{Headers, NewRecord, Topic};
use blazing_sun_backbone::topics;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

pub const LETTERS: &str = "SELECT coalesce(sum(next_seq), 0)::bigint FROM outbox_position WHERE topic = 'events.dead_letter'";

/// A room of two whose players have promised seeds, and reveal none: in five seconds their fees go back.
pub async fn wait_for_seeds(rig: &mut Rig, room: &str, players: [u64; 2]) {
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    rig.send(players[0], "create_room", create).await;
    rig.send(players[1], "join_room", json!({ "room_id": room }))
        .await;
    for player in players {
        let select = json!({ "room_id": room, "target_user_id": player.to_string() });
        rig.send(players[0], "select_player", select).await;
    }
    for player in players {
        let ready = json!({ "room_id": room, "seed_commitment": "ab".repeat(32) });
        rig.send(player, "ready", ready).await;
    }
    rig.expect("games.event.seeds_requested").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_the_store_can_not_take_holds_up_no_other_room() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    for user in 1..=4 {
        rig.grant(user).await;
    }
    let (bad, good) = (
        key_in(0, |n| format!("bad-{n}")),
        key_in(0, |n| format!("good-{n}")),
    );
    rig.execute(&format!(
        "INSERT INTO ledger_transfer (key, kind, from_account, to_account, amount_cents, partition, batch_no, at_ms)
         VALUES ('refund/{bad}/1/1', 'refund', 'a', 'b', 1, 0, 0, 0)"
    ))
    .await;
    wait_for_seeds(&mut rig, &bad, [1, 2]).await;
    wait_for_seeds(&mut rig, &good, [3, 4]).await;
    let voided = rig.expect("games.event.seed_voided").await;
    assert_eq!(voided["payload"]["room_id"], json!(good), "{voided}");
    // Nor does it hold up commands, whatever becomes of the room.
    until("the room is out of play", async || {
        rig.number("SELECT count(*) FROM room_quarantine").await == 1
    })
    .await;
    assert!(rig.number(LETTERS).await > 0);
    let leave = rig.send(1, "leave_room", json!({ "room_id": bad })).await;
    let refused = rig.answer(leave).await;
    assert_eq!(refused["payload"]["code"], "unavailable", "{refused}");
    rig.assert_dense(&good);
    // Once nothing stands in the way of its refunds any more, an operator may close it.
    rig.execute(
        "ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_is_never_changed;
         DELETE FROM ledger_transfer WHERE from_account = 'a';
         ALTER TABLE ledger_transfer ENABLE TRIGGER ledger_transfer_is_never_changed",
    )
    .await;
    for _ in 0..2 {
        let close = json!({ "room_id": bad, "reason": "nobody can play it" });
        let close = rig.send(0, "close_room", close).await;
        let next = rig.send(1, "leave_room", json!({ "room_id": bad })).await;
        let refused = rig.answer(next).await;
        assert_eq!(refused["payload"]["code"], "room_not_found", "{close}");
    }
    let kept =
        "SELECT count(*) FROM account_balance WHERE account LIKE 'player/%' AND balance = 5000";
    assert_eq!(rig.number(kept).await, 4);
    assert_eq!(rig.number("SELECT count(*) FROM room_quarantine").await, 0);
    rig.assert_money_is_whole().await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_the_store_too_long_is_made_smaller_and_one_command_alone_is_put_aside()
{
    let mut rig = Rig::new().await;
    let first = rig.backend("first").await;
    stop(first).await;
    let users: Vec<u64> = (1..).filter(|user| user_in_zero(*user)).take(9).collect();
    let slow = users[4];
    // As if each statement took its time with every row: more than two together take too long, and this one always.
    rig.execute(&format!(
        "CREATE FUNCTION takes_too_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF (SELECT count(*) FROM new_rows) > 2
                OR EXISTS (SELECT 1 FROM new_rows WHERE key = 'demo_grant/{slow}') THEN
                 RAISE EXCEPTION 'canceling statement due to statement timeout' USING ERRCODE = '57014';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER takes_too_long AFTER INSERT ON ledger_transfer
             REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION takes_too_long()"
    ))
    .await;
    for user in &users {
        let fields = json!({ "user_id": user.to_string(), "username": "P" });
        let command = "wallet.command.demo_grant";
        let mut record = records::command(0, command, fields, Uuid::now_v7(), "");
        record.key = user.to_string().into();
        rig.append(record).await;
    }
    let second = rig.backend("second").await;
    let mut granted = Vec::new();
    while granted.len() < users.len() - 1 {
        let event = rig.expect("wallet.event.balance_changed").await;
        granted.push(event["audience"]["user_ids"][0].clone());
    }
    let expected = users.iter().filter(|user| **user != slow);
    let expected: Vec<Value> = expected.map(|user| json!(user.to_string())).collect();
    assert_eq!(granted, expected, "in their order");
    assert_eq!(rig.number(LETTERS).await, 1);
    stop(second).await;
}

fn user_in_zero(user: u64) -> bool {
    use blazing_sun_backbone::partitioner::partition_of;
    partition_of(user.to_string().as_bytes(), super::rig::PARTITIONS) == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_the_store_can_not_take_is_tried_again_with_pauses() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    let refuse = "ALTER TABLE outbox_position ADD CONSTRAINT no_letters CHECK (topic <> 'events.dead_letter')";
    rig.execute(refuse).await;
    // Drawn by every attempt, also by one that fails.
    let attempts = "SELECT last_value FROM batch_commit_no";
    let before = rig.number(attempts).await;
    let begun = Instant::now();
    rig.append(NewRecord {
        topic: Topic::new(topics::GAMES_COMMANDS),
        partition: Some(0),
        key: Default::default(),
        headers: Headers::default(),
        payload: "not json".into(),
    })
    .await;
    let room = key_in(0, |n| format!("after-{n}"));
    let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    let id = rig.send(1, "create_room", create).await;
    assert!(rig.comes(Duration::from_secs(4)).await.is_none());
    let made = rig.number(attempts).await - before;
    let most = 12 + begun.elapsed().as_millis() as i64 / 400;
    assert!(made <= most, "{made} attempts, {most} at most");
    rig.execute("ALTER TABLE outbox_position DROP CONSTRAINT no_letters")
        .await;
    let created = rig.answer(id).await;
    assert_eq!(created["payload"]["room_id"], json!(room), "{created}");
    assert_eq!(rig.number(LETTERS).await, 1);
    stop(backend).await;
}
