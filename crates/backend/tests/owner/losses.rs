//! Consumed topics that have lost records, decided or not.

use super::records;
use super::rig::{PARTITIONS, Rig, abandon, key_in, shared, stop, until, user_in};
use blazing_sun_backbone::messages::queue_key;
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_domain::SeatedPlayer;
use blazing_sun_domain::UserId;
use serde_json::{Value, json};
use uuid::Uuid;

const DECIDED: &str =
    "SELECT next_offset FROM partition_offset WHERE partition = 0 AND topic = 'games.commands'";

async fn create(rig: &Rig, name: &str, n: u64) -> Uuid {
    let room = key_in(0, |k| format!("{name}-{n}-{k}"));
    let fields = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
    rig.send(1, "create_room", fields).await
}

/// A backend has decided so many commands of partition 0 and ended; answers with how far it came.
async fn decided(rig: &mut Rig, rooms: u64) -> u64 {
    let first = rig.backend("first").await;
    rig.grant(1).await;
    for n in 0..rooms {
        let id = create(rig, "before", n).await;
        rig.answer(id).await;
    }
    stop(first).await;
    rig.number(DECIDED).await.unsigned_abs()
}

/// The commands' first answers, in any order.
async fn all_created(rig: &mut Rig, mut ids: Vec<Uuid>) {
    while !ids.is_empty() {
        let event = rig.next().await;
        let answered = |id: &Uuid| event["correlation_id"] == json!(id);
        if let Some(at) = ids.iter().position(answered) {
            assert_eq!(event["event_type"], "games.event.room_created", "{event}");
            ids.swap_remove(at);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_after_a_loss_are_decided_however_many_there_are() {
    let (kafka, postgres) = shared().await;
    for more in [false, true] {
        let mut rig = Rig::on(kafka, postgres).await;
        let upto = decided(&mut rig, 3).await;
        rig.lose(kafka, topics::GAMES_COMMANDS).await;
        let count = if more { upto + 2 } else { 1 };
        let mut ids = Vec::new();
        for n in 0..count {
            ids.push(create(&rig, "after", n).await);
        }
        let second = rig.backend("second").await;
        all_created(&mut rig, ids).await;
        stop(second).await;
        assert_eq!(rig.number(DECIDED).await.unsigned_abs(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_topic_is_read_on_from_after_a_loss_is_kept() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let upto = decided(&mut rig, 2).await;
    assert!(upto >= 2, "{upto}");
    rig.lose(kafka, topics::GAMES_COMMANDS).await;
    let second = rig.backend("second").await;
    until("the place is stored", async || {
        rig.number(DECIDED).await == 0
    })
    .await;
    stop(second).await;
    let third = rig.backend("third").await;
    let id = create(&rig, "after", 0).await;
    all_created(&mut rig, vec![id]).await;
    stop(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_undecided_is_passed_over_and_what_was_not_is_decided_once() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let upto = decided(&mut rig, 1).await;
    let lost = create(&rig, "lost", 0).await;
    let kept = [create(&rig, "kept", 0).await, create(&rig, "kept", 1).await];
    rig.delete_before(kafka, topics::GAMES_COMMANDS, 0, upto + 1)
        .await;
    let second = rig.backend("second").await;
    all_created(&mut rig, kept.to_vec()).await;
    let id = rig.send(1, "list_rooms", json!({})).await;
    rig.answer(id).await;
    let of_lost = |event: &&Value| event["correlation_id"] == json!(lost);
    assert_eq!(rig.seen.iter().filter(of_lost).count(), 0);
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_loses_records_under_a_running_owner_is_read_on() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    let id = create(&rig, "before", 0).await;
    rig.answer(id).await;
    let upto = rig.number(DECIDED).await.unsigned_abs();
    // Nothing is read on while a batch waits, and what is deleted then was read by nobody.
    let waits = rig.hold_owner(0).await;
    let count = 6_000;
    rig.fill(0, count).await;
    let kept = create(&rig, "kept", 0).await;
    rig.delete_before(kafka, topics::GAMES_COMMANDS, 0, upto + count)
        .await;
    drop(waits);
    all_created(&mut rig, vec![kept]).await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_go_on_publish_again_what_the_brokers_lost() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let first = rig.backend("first").await;
    rig.grant(1).await;
    let mut ids = Vec::new();
    for partition in 0..PARTITIONS {
        let room = key_in(partition, |n| format!("kept-{n}"));
        let fields = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": room });
        let id = rig.send(1, "create_room", fields).await;
        rig.answer(id).await;
        ids.push(id);
    }
    rig.lose(kafka, topics::GAMES_EVENTS).await;
    // The group's change: one partition has another owner, the other one keeps its own.
    let second = rig.backend("second").await;
    all_created(&mut rig, ids).await;
    stop(second).await;
    stop(first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_on_its_way_between_partitions_is_sent_again() {
    let (kafka, postgres) = shared().await;
    let mut rig = Rig::on(kafka, postgres).await;
    let first = rig.backend("first").await;
    let user = user_in(1);
    let waits = rig.hold_owner(1).await;
    let payload = json!({
        "user_id": user.to_string(), "gateway_id": "gw", "boot_id": "boot", "connection_id": "socket",
    });
    let mut online = records::presence_record("user_online", "any", &payload);
    online.partition = Some(0);
    rig.append(online).await;
    until("it is passed on, and acknowledged", async || {
        let published = "SELECT count(*) FROM partition_owner AS owner JOIN outbox_position AS sent USING (partition)
                         WHERE partition = 0 AND topic = 'gateway.presence' AND published_upto = batch_no";
        rig.number(published).await == 1
    })
    .await;
    abandon(first).await;
    rig.lose(kafka, topics::GATEWAY_PRESENCE).await;
    drop(waits);
    let second = rig.backend("second").await;
    until("it has come", async || {
        let known = format!("SELECT count(*) FROM presence WHERE user_id = {user}");
        rig.number(&known).await == 1
    })
    .await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_whose_room_was_never_heard_of_is_asked_for_again_and_opened_once() {
    const MATCHES: &str = "SELECT count(*) FROM quick_queue";
    const FEES: &str = "SELECT count(*) FROM ledger_transfer WHERE from_account LIKE 'player/%'";
    let mut rig = Rig::new().await;
    let backend = rig.backend("first").await;
    for user in 1..=2 {
        rig.grant(user).await;
    }
    stop(backend).await;
    let queue = partition_of(queue_key("bigger_dice").as_bytes(), PARTITIONS);
    let room = key_in((queue + 1) % PARTITIONS, |n| format!("matched-{n}"));
    let player = |id: u64| {
        let player = SeatedPlayer::person(UserId::new(id).unwrap(), format!("P{id}"));
        json!({ "player": player, "command_id": Uuid::now_v7() })
    };
    let state = json!({ "waiting": [], "matches": [{ "room_id": room, "players": [player(1), player(2)] }] });
    let insert = format!(
        "INSERT INTO quick_queue (game_type, state) VALUES ('bigger_dice', convert_to('{state}', 'UTF8'))"
    );
    // What asked for the room was lost, and then what answered that.
    let mut fees = Vec::new();
    for name in ["second", "third"] {
        rig.execute(&insert).await;
        let backend = rig.backend(name).await;
        until("the match is settled", async || {
            rig.number(MATCHES).await == 0
        })
        .await;
        stop(backend).await;
        fees.push(rig.number(FEES).await);
    }
    assert_eq!(fees, [2, 2]);
    rig.assert_money_is_whole().await;
}
