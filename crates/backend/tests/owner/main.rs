//! Backends that own partitions of a real Kafka, with their state in a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/records.rs"]
mod records;

mod across;
mod faults;
mod lists;
mod losses;
mod payments;
mod presence;
mod refused;
mod rig;
mod texts;
mod transactions;
mod unpublished;

use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::kafka::{KafkaLog, KafkaOptions};
use blazing_sun_backbone::log::{EventLog, Headers, LogError, NewRecord, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::owner::{Backend, OwnerError, adopt_topics};
use blazing_sun_backend::store::postgres::PgOptions;
use blazing_sun_domain::Millis;
use blazing_sun_harness::postgres::TestPostgres;
use rig::{Rig, key_in, stop};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_played_by_commands_on_kafka() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    rig.grant(2).await;
    for room in [
        key_in(0, |n| format!("a-{n}")),
        key_in(1, |n| format!("a-{n}")),
    ] {
        rig.begin_game(&room, [1, 2]).await;
        rig.play_to_the_end(&room).await;
        rig.assert_dense(&room);
    }
    rig.assert_money_is_whole().await;
    assert_eq!(rig.repeats, 0);
    let held = backend.held().await.unwrap();
    assert_eq!((held.rooms, held.deadlines), (0, 0), "{held:?}");
    stop(backend).await;
    let unpublished = "SELECT count(*) FROM partition_owner WHERE published_upto < batch_no - 1";
    assert_eq!(rig.number(unpublished).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_of_another_deployment_is_refused_before_it_owns_anything() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("first").await;
    rig.grant(1).await;

    let mut other_keys = rig.options("other keys");
    other_keys.mac = Keys::generate(Millis(0)).unwrap().cluster_mac();
    let refused = Backend::start(other_keys).await.err().unwrap().to_string();
    assert!(refused.contains("with other keys"), "{refused}");

    let mut new_database = rig.options("a new database");
    new_database.postgres = PgOptions::parse(&TestPostgres::shared().new_database()).unwrap();
    let refused = Backend::start(new_database)
        .await
        .err()
        .unwrap()
        .to_string();
    let topic = rig.options("").kafka.topic_prefix + topics::GAMES_EVENTS;
    assert!(refused.contains(&topic), "{refused}");

    let mut other_topics = rig.options("other topics");
    other_topics.kafka.topic_prefix.push_str("other.");
    let prefix = other_topics.kafka.topic_prefix.clone();
    let refused = Backend::start(other_topics).await.err().unwrap();
    let told = refused.to_string();
    assert!(matches!(refused, OwnerError::OtherTopics { .. }), "{told}");
    assert!(told.contains(&format!("prefix `{prefix}`: set")), "{told}");
    // No topic was made under the wrong name.
    let connect = KafkaOptions {
        topic_prefix: prefix,
        ..rig.options("").kafka
    };
    let log = tokio::task::spawn_blocking(|| KafkaLog::connect(connect, None));
    let log = log.await.unwrap().unwrap();
    let made = log.bounds(&Topic::new(topics::GAMES_COMMANDS)).await;
    assert!(
        matches!(made, Err(LogError::UnknownPartition { .. })),
        "{made:?}"
    );

    let mut other_partitions = rig.options("other partitions");
    other_partitions.partitions += 1;
    let refused = Backend::start(other_partitions).await.err().unwrap();
    let told = refused.to_string();
    assert!(matches!(refused, OwnerError::Partitions { .. }), "{told}");
    assert!(
        told.contains("`log.partitions` is 3: set it to 2"),
        "{told}"
    );

    // None of these has cost the first one a partition.
    let epochs = "SELECT max(epoch) FROM partition_owner";
    assert_eq!(rig.number(epochs).await, 1);
    rig.grant(2).await;
    let second = rig.backend("second").await;
    stop(second).await;
    stop(backend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_on_another_cluster_are_gone_on_with_only_where_that_is_meant() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("first").await;
    rig.grant(1).await;
    let (kafka, postgres) = (rig.options("").kafka, rig.postgres());
    let same = adopt_topics(kafka.clone(), &postgres).await.unwrap();
    assert_eq!(same.before.as_ref(), Some(&same.now));
    // As after brokers were made anew under another id.
    let elsewhere = same.now.replacen('`', "`before-", 1);
    let sql = format!(
        "UPDATE deployment SET value = '{elsewhere}' WHERE name = 'topics' RETURNING 1::bigint"
    );
    rig.number(&sql).await;
    let early = adopt_topics(kafka.clone(), &postgres).await.unwrap_err();
    assert!(
        early.to_string().contains("stop all of them first"),
        "{early}"
    );
    stop(backend).await;
    let refused = Backend::start(rig.options("second")).await.err().unwrap();
    let told = refused.to_string();
    assert!(told.contains(&elsewhere), "{told}");
    assert!(told.contains("blazing-sun topics adopt"), "{told}");
    let adopted = adopt_topics(kafka, &postgres).await.unwrap();
    assert_eq!((adopted.before, adopted.now), (Some(elsewhere), same.now));
    let second = rig.backend("second").await;
    rig.grant(2).await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_other_programs_are_taken_or_put_aside() {
    let mut rig = Rig::new().await;
    let backend = rig.backend("alone").await;
    let room = key_in(0, |n| format!("foreign-{n}"));
    let record = |partition: u32, payload: String| NewRecord {
        topic: Topic::new(topics::GAMES_COMMANDS),
        partition: Some(partition),
        key: Default::default(),
        headers: Headers::default(),
        payload: payload.into(),
    };
    rig.append(record(1, "not json".to_owned())).await;
    let envelope = json!({
        "event_id": "7c8f2d1e-9f3b-4c1a-8b1a-0123456789ab",
        "event_type": "games.command.create_room",
        "timestamp": "2024-01-20T10:30:01Z",
        "producer": "elsewhere",
        "actor": { "user_id": 7, "username": "Foreign", "socket_id": "s", "roles": ["user"] },
        "audience": { "audience_type": "user", "user_ids": ["7"], "room_id": null, "game_id": null },
        "payload": { "room_id": room, "game_type": "bigger_dice", "room_name": "My Game" },
    });
    // In the wrong partition, in the right one, and again.
    for partition in [1, 0, 1, 0] {
        rig.append(record(partition, envelope.to_string())).await;
    }
    let created = rig.expect("games.event.room_created").await;
    assert_eq!(created["payload"]["host_id"], "7");
    let id = Uuid::now_v7();
    let late = records::command(7, "join_room", json!({ "room_id": room }), id, "s");
    rig.append(NewRecord {
        partition: Some(1),
        ..late
    })
    .await;
    let refused = rig.answer(id).await;
    assert_eq!(refused["payload"]["code"], "already_in_room");
    let created = rig.seen.iter();
    let created = created.filter(|event| event["event_type"] == "games.event.room_created");
    assert_eq!(created.count(), 1, "four deliveries, one room");
    stop(backend).await;
    let letters = "SELECT next_seq FROM outbox_position WHERE topic = 'events.dead_letter'";
    assert_eq!(rig.number(letters).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_ends_saves_most_before_its_last_batch() {
    const ROOMS: u64 = 320;
    // More a user may not be in.
    const EACH: u64 = 16;
    let mut rig = Rig::new().await;
    let backend = rig.backend("ends").await;
    for user in 1_000..1_000 + ROOMS / EACH {
        rig.grant(user).await;
    }
    let mut last = None;
    for number in 0..ROOMS {
        let room = key_in(0, |n| format!("one-of-many-{number}-{n}"));
        let create = json!({ "room_id": room, "game_type": "bigger_dice", "room_name": "one" });
        last = Some(rig.send(1_000 + number / EACH, "create_room", create).await);
    }
    let created = rig.answer(last.unwrap()).await;
    assert_ne!(created["event_type"], "games.event.error", "{created}");
    stop(backend).await;
    let rooms = "SELECT count(*) FROM room_snapshot";
    assert_eq!(rig.number(rooms).await, ROOMS as i64);
    let in_last =
        "SELECT count(*) FROM room_snapshot JOIN partition_owner USING (partition, batch_no)";
    let in_last = rig.number(in_last).await;
    assert!(in_last <= 128, "{in_last} rooms");
}
