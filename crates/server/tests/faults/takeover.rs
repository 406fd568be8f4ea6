//! A partition with many rooms that changes its owner.

use crate::site::{PARTITIONS, Servers, Site};
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_GATEWAY};
use blazing_sun_backbone::log::{NewRecord, Topic};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_domain::UserId;
use blazing_sun_harness::Client;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROOMS: usize = 10_000;
const ROOMS_OF_USER: usize = 16;
/// Far from those of guests.
const FIRST_USER: u64 = 1_000_000;
const AT_ONCE: usize = 1_000;
const PARTITION: u32 = 2;
const WITHIN: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A room's id in the partition.
fn room_id() -> String {
    let mut ids = std::iter::repeat_with(|| Uuid::new_v4().to_string());
    let id = ids.find(|id| partition_of(id.as_bytes(), PARTITIONS) == PARTITION);
    id.expect("there is always another")
}

/// What a gateway appends for somebody who makes a room.
fn create(user: u64, room: &str) -> NewRecord {
    let id = Uuid::now_v7().to_string();
    let fields = json!({
        "command_id": id, "room_id": room, "game_type": "bigger_dice", "room_name": "one of many",
        "max_players": 2,
    });
    let payload = serde_json::value::to_raw_value(&fields).expect("JSON");
    let user = UserId::new(user).expect("an id");
    let envelope = EventEnvelope {
        event_id: Uuid::new_v4().to_string().into(),
        event_type: "games.command.create_room".into(),
        timestamp: "2026-01-20T10:30:01Z".into(),
        correlation_id: Some(id.as_str().into()),
        producer: PRODUCER_GATEWAY.into(),
        actor: Actor {
            user_id: user,
            username: format!("P{user}").into(),
            socket_id: String::new().into(),
            roles: Vec::new(),
        },
        audience: Audience::user(user),
        payload: &payload,
    };
    NewRecord {
        topic: Topic::new(topics::GAMES_COMMANDS),
        partition: None,
        key: room.to_owned().into(),
        headers: Default::default(),
        payload: envelope.to_bytes().into(),
    }
}

async fn make_rooms(site: &Site) {
    let rooms: Vec<NewRecord> = (0..ROOMS)
        .map(|number| create(FIRST_USER + (number / ROOMS_OF_USER) as u64, &room_id()))
        .collect();
    for some in rooms.chunks(AT_ONCE) {
        site.log
            .append_and_wait(some.to_vec())
            .await
            .expect("appended");
    }
    let until = Instant::now() + WITHIN;
    while !site.is_decided().await {
        assert!(Instant::now() < until, "{}", site.cluster.logs());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn owner(site: &Site) -> String {
    let query = format!("SELECT owner FROM partition_owner WHERE partition = {PARTITION}");
    site.rows(&query).await[0].get(0)
}

/// Answers to a player who asks for the room's state, over and over.
#[derive(Default)]
struct Answers {
    count: AtomicU64,
    /// The longest that one took, since that was last asked for.
    longest_ms: AtomicU64,
    ends: AtomicBool,
}

impl Answers {
    /// The longest wait up to now, that of who still waits included.
    async fn longest_ms(&self) -> u64 {
        // Two more: the first may have been on its way already.
        let goal = self.count.load(Ordering::Relaxed) + 2;
        let until = Instant::now() + WITHIN;
        while self.count.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < until, "no answers");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.longest_ms.swap(0, Ordering::Relaxed)
    }
}

async fn ask(mut client: Client, room: String, answers: Arc<Answers>) {
    while !answers.ends.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let id = client
            .command("rejoin_room", json!({ "room_id": room }))
            .await;
        let id = id.to_string();
        let is_state = |frame: &serde_json::Value| {
            frame["type"] == "games.event.room_state" && frame["correlation_id"] == id
        };
        client.until("the room's state", is_state).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).expect("not for ever");
        answers.longest_ms.fetch_max(took_ms, Ordering::Relaxed);
        answers.count.fetch_add(1, Ordering::Relaxed);
        client.seen.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn players_of_a_partition_with_ten_thousand_rooms_wait_for_its_next_owner() {
    let mut site = Site::open(&Servers::default()).await;
    site.cluster.backend(1).terminate().await;
    let guest = site.cluster.guest().await;
    let gateway = site.cluster.gateway(0).address();
    let mut client = Client::sign_in_at(gateway, &guest, &[]).await;
    let room = loop {
        let room = client.create_room("asked for").await;
        if partition_of(room.as_bytes(), PARTITIONS) == PARTITION {
            break room;
        }
        client
            .command("leave_room", json!({ "room_id": room }))
            .await;
    };
    let begun = Instant::now();
    make_rooms(&site).await;
    println!("{ROOMS} rooms made in {:.1?}", begun.elapsed());
    let answers = Arc::new(Answers::default());
    let asking = tokio::spawn(ask(client, room, Arc::clone(&answers)));

    let first = owner(&site).await;
    site.cluster.restart_backend(1).await;
    site.cluster.until_ready().await;
    let until = Instant::now() + WITHIN;
    while site
        .rows("SELECT DISTINCT owner FROM partition_owner")
        .await
        .len()
        < 2
    {
        assert!(Instant::now() < until, "{}", site.cluster.logs());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let waited_ms = answers.longest_ms().await;
    let second = owner(&site).await;
    let stays = if first == second {
        "kept"
    } else {
        "given away"
    };
    println!(
        "a backend came, the partition was {stays}: its players waited {waited_ms} ms at most"
    );

    let leaves = usize::from(first != second);
    site.cluster.backend(leaves).terminate().await;
    let until = Instant::now() + WITHIN;
    while owner(&site).await == second {
        assert!(Instant::now() < until, "{}", site.cluster.logs());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let waited_ms = answers.longest_ms().await;
    answers.ends.store(true, Ordering::Relaxed);
    asking.await.expect("answers");
    println!("its owner left: its players waited {waited_ms} ms at most");
    let rooms = site.rows("SELECT count(*) FROM room_directory").await;
    println!("{:?} rooms", rooms.first().map(|row| row.get::<_, i64>(0)));
    site.close(Vec::new()).await;
}
