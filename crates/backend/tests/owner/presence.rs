//! Who is connected, as several partitions and a store that refuses something see it.

use super::records;
use super::refused::{LETTERS, wait_for_seeds};
use super::rig::{PARTITIONS, Rig, key_in, stop, until, user_in};
use blazing_sun_backbone::log::HeadersBuilder;
use blazing_sun_backbone::messages::header;
use serde_json::{Value, json};

fn connection(user: u64, socket: &str) -> Value {
    json!({ "user_id": user.to_string(), "gateway_id": "gw", "boot_id": "boot", "connection_id": socket })
}

async fn say(rig: &Rig, what: &str, user: u64, socket: &str) {
    let key = user.to_string();
    let record = records::presence_record(what, &key, &connection(user, socket));
    rig.append(record).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whom_the_store_can_not_take_leave_of_costs_no_room_its_game() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    for user in 1..=2 {
        rig.grant(user).await;
    }
    rig.execute(
        "CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF OLD.connection_id = 'bad' THEN
                 RAISE EXCEPTION 'it stays' USING ERRCODE = '23514';
             END IF;
             RETURN OLD;
         END $$;
         CREATE TRIGGER stays BEFORE DELETE ON presence FOR EACH ROW EXECUTE FUNCTION stays()",
    )
    .await;
    let gone = user_in(0);
    say(&rig, "user_online", gone, "bad").await;
    let room = key_in(0, |n| format!("room-{n}"));
    wait_for_seeds(&mut rig, &room, [1, 2]).await;
    say(&rig, "user_offline", gone, "bad").await;
    let voided = rig.expect("games.event.seed_voided").await;
    assert_eq!(voided["payload"]["room_id"], json!(room), "{voided}");
    assert_eq!(rig.number(LETTERS).await, 0);
    rig.assert_dense(&room);
    rig.execute("DROP TRIGGER stays ON presence").await;
    until("the user is gone", async || {
        rig.number("SELECT count(*) FROM presence").await == 0
    })
    .await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_under_another_key_comes_to_the_partition_that_decides_it() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    for user in 1..=2 {
        rig.grant(user).await;
    }
    for home in 0..PARTITIONS {
        let user = user_in(home);
        let socket = format!("socket-{home}");
        let mut online = records::presence_record("user_online", "any", &connection(user, &socket));
        online.partition = Some((home + 1) % PARTITIONS);
        rig.append(online).await;
        until("the user's partition knows it", async || {
            let found = format!(
                "SELECT count(*) FROM presence WHERE user_id = {user} AND partition = {home}"
            );
            rig.number(&found).await == 1
        })
        .await;
    }
    let all = "SELECT count(*) FROM presence";
    assert_eq!(rig.number(all).await, i64::from(PARTITIONS));
    // Nobody hears the gateway, but where its heartbeats belong: each of the partitions is told.
    let gateway = key_in(0, |n| format!("gateway-{n}"));
    let mut beat = records::heartbeat((&gateway, "boot"));
    beat.partition = Some(1);
    rig.append(beat).await;
    until("all partitions are told of the gateway", async || {
        let told = "SELECT count(*) FROM outbox_position
                    WHERE topic = 'games.commands' AND partition = 0 AND target = 1";
        rig.number(told).await == 1
    })
    .await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_silences_a_partition_by_numbers_that_it_has_not_come_to() {
    let rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    let user = user_in(1);
    let online = |socket: &str, partition| {
        let mut record = records::presence_record("user_online", "any", &connection(user, socket));
        record.partition = Some(partition);
        record
    };
    let known = async |rig: &Rig, socket: &str| {
        let found = format!(
            "SELECT count(*) FROM presence WHERE connection_id = '{socket}' AND partition = 1"
        );
        rig.number(&found).await == 1
    };
    rig.append(online("first", 0)).await;
    until("the first is passed on", async || {
        known(&rig, "first").await
    })
    .await;
    for seq in ["9223372036854775807", "2"] {
        let mut forged = online("forged", 1);
        let mut headers = HeadersBuilder::default();
        headers
            .push(header::OUTBOX_FROM, "0")
            .push(header::OUTBOX_SEQ, seq);
        forged.headers = headers.build();
        rig.append(forged).await;
    }
    until("they are put aside", async || {
        rig.number(LETTERS).await == 2
    })
    .await;
    rig.append(online("second", 0)).await;
    until("the second is passed on", async || {
        known(&rig, "second").await
    })
    .await;
    assert!(!known(&rig, "forged").await);
    stop(backend).await;
}
