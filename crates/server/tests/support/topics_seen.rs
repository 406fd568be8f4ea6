//! What operators see of topics, whatever the server stands on.

use crate::console_api::Console;
use blazing_sun_backbone::log::{EventLog, Headers, NewRecord, Topic};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn list<'v>(answer: &'v Value, name: &str) -> &'v Vec<Value> {
    answer[name]
        .as_array()
        .unwrap_or_else(|| panic!("no {name}: {answer:#}"))
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

/// All that a search gives, page by page.
async fn found(console: &Console, topic: &str, query: &str) -> Vec<Value> {
    let (mut all, mut from) = (Vec::new(), String::new());
    loop {
        let path = format!("topics/{topic}/messages?limit=20&{query}{from}");
        let page = console.ok(&path).await;
        all.extend(list(&page, "messages").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) if page["is_at_end"] == false => from = format!("&cursor={cursor}"),
            _ => return all,
        }
    }
}

async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// After a game in this room.
pub async fn topics_and_messages(console: &Console, room: &str) {
    let topics = console.ok("topics").await;
    let events = list(&topics, "topics").iter();
    let mut events = events.filter(|topic| topic["name"] == "games.events");
    let events = events.next().expect("games.events");
    let described = console.ok("topics/games.events").await;
    let partitions = list(&described, "by_partition");
    assert_eq!(partitions.len() as u64, number(&events["partitions"]));
    let kept = partitions
        .iter()
        .map(|it| number(&it["end"]) - number(&it["begin"]));
    assert!(kept.sum::<u64>() >= number(&events["records"]) && number(&events["records"]) > 20);
    let about = number(&described["estimated_bytes"]);
    let of_partitions: u64 = partitions
        .iter()
        .map(|it| number(&it["estimated_bytes"]))
        .sum();
    assert!(about > 20 * 200 && about.abs_diff(of_partitions) <= partitions.len() as u64);
    assert_eq!(described["settings"]["retention.ms"], "604800000");
    assert!(described["last_timestamp"].as_str() >= described["first_timestamp"].as_str());

    let back = found(console, "games.events", "start=newest").await;
    let on = found(console, "games.events", "start=oldest").await;
    let places = |all: &[Value]| -> BTreeSet<(u64, u64)> {
        let place = |it: &Value| (number(&it["partition"]), number(&it["offset"]));
        let places: BTreeSet<_> = all.iter().map(place).collect();
        assert_eq!(places.len(), all.len(), "each comes once");
        places
    };
    assert!(places(&on).is_superset(&places(&back)) && back.len() > 20);

    let of_room = found(console, "games.events", &format!("room={room}")).await;
    assert!(of_room.iter().all(|it| it["room_id"] == room) && of_room.len() < on.len() + 1);
    let rolled = "start=oldest&type=games.event.bigger_dice.rol*&text=ROLL";
    let rolls = found(console, "games.events", &format!("{rolled}&room={room}")).await;
    let first = rolls.first().expect("somebody rolled");
    assert_eq!(first["type"], "games.event.bigger_dice.rolled");
    let player = first["value"]["payload"]["player_id"]
        .as_str()
        .expect("a player");
    let own = found(console, "games.events", &format!("{rolled}&user={player}")).await;
    assert!(!own.is_empty() && own.len() < rolls.len());
    let id = first["correlation_id"].as_str().expect("a command's");
    let caused = found(console, "games.events", &format!("correlation_id={id}")).await;
    assert!(caused.iter().any(|it| it == first));

    let (partition, offset) = (&first["partition"], &first["offset"]);
    let place = format!("topics/games.events/messages/{partition}/{offset}");
    assert_eq!(&console.ok(&place).await, first);
    let begun = format!("start=offset:{offset}&partition={partition}&limit=1");
    let begun = console
        .ok(&format!("topics/games.events/messages?{begun}"))
        .await;
    assert_eq!(&list(&begun, "messages")[0], first);
    let at = first["timestamp"].as_str().expect("a time");
    let since = found(console, "games.events", &format!("start=time:{at}")).await;
    assert!(since.contains(first) && since.len() < on.len());

    for (path, status, field) in [
        ("topics/x", 404, None),
        ("topics/_journal", 404, None),
        ("topics/_journal/messages", 404, None),
        ("topics/games.events/messages/0/99999999", 404, None),
        ("topics/games.events/messages/0/x", 400, None),
        ("topics/games.events/messages?start=x", 400, Some("start")),
        (
            "topics/games.events/messages?start=offset:-1",
            400,
            Some("start"),
        ),
        (
            "topics/games.events/messages?start=time:x",
            400,
            Some("start"),
        ),
        ("topics/games.events/messages?limit=501", 400, Some("limit")),
        ("topics/games.events/messages?cursor=x", 400, Some("cursor")),
        (
            "topics/games.events/messages?wait_ms=25001",
            400,
            Some("wait_ms"),
        ),
        (
            "topics/games.events/messages?partition=99",
            400,
            Some("partition"),
        ),
        ("topics/games.events/messages?text=", 400, Some("text")),
        ("groups/x/lag", 404, None),
        ("groups/blazing_sun/lag?minutes=0", 400, Some("minutes")),
    ] {
        let (answered, answer) = console.get(path).await;
        let told = (answered, answer["field"].as_str());
        assert_eq!(told, (status, field), "{path}: {answer:#}");
    }
}

/// With a gateway that has connections.
pub async fn groups_and_members(console: &Console, gateway_id: Option<&str>) {
    // Heartbeats come every two seconds; who waits for one gets it.
    let path = "topics/gateway.presence/messages";
    let end = console.ok(&format!("{path}?start=end")).await;
    let cursor = end["next_cursor"].as_str().expect("it goes on").to_owned();
    let waited =
        format!("{path}?cursor={cursor}&wait_ms=25000&type=presence.event.gateway_heartbeat");
    until("a heartbeat comes", async || {
        let page = console.ok(&waited).await;
        !list(&page, "messages").is_empty()
    })
    .await;
    until("a lag was sampled", async || {
        let (status, answer) = console.get("groups/blazing_sun/lag?minutes=5").await;
        status == 200 && !list(&answer, "samples").is_empty()
    })
    .await;
    let groups = console.ok("groups").await;
    let named = |name: &str| {
        let mut groups = list(&groups, "groups").iter();
        groups.find(|group| {
            group["group"]
                .as_str()
                .is_some_and(|it| it.starts_with(name))
        })
    };
    for name in ["blazing_sun", "ws_gateway", "checkout-service"] {
        let group = named(name).unwrap_or_else(|| panic!("no {name}: {groups:#}"));
        let places = list(group, "partitions").iter();
        let lag: u64 = places.filter_map(|place| place["lag"].as_u64()).sum();
        assert_eq!(lag, number(&group["lag"]), "{group:#}");
    }
    until("gateway and owners are seen", async || {
        let members = console.ok("members").await;
        let gateway = list(&members, "gateways").iter().any(|gateway| {
            let is_it = gateway_id.is_none_or(|id| gateway["gateway_id"] == id);
            is_it && number(&gateway["sockets"]) >= 2 && !list(gateway, "positions").is_empty()
        });
        let owners = list(&members, "owners");
        let is_whole =
            |owner: &Value| number(&owner["epoch"]) > 0 && !list(owner, "positions").is_empty();
        gateway && !owners.is_empty() && owners.iter().all(is_whole)
    })
    .await;
}

/// Puts a letter among the others that is about a record with this payload. Nothing else writes there meanwhile.
pub async fn put_letter(log: &dyn EventLog, payload: &str) {
    let topic = |name| Topic::new(name);
    let bounds = log.bounds(&topic("chat.commands")).await.expect("bounds");
    let letter = json!({
        "topic": "chat.commands",
        "partition": 0,
        "offset": bounds[0].end + 1_000_000,
        "key": "poison",
        "error": "not an event envelope",
        "failed_at": "2026-01-31T20:15:00.000Z",
        "original": base64::Engine::encode(&base64::prelude::BASE64_STANDARD, payload),
    });
    let letter = NewRecord {
        topic: topic("events.dead_letter"),
        partition: Some(0),
        key: "poison".into(),
        headers: Headers::default(),
        payload: letter.to_string().into(),
    };
    log.append_and_wait(vec![letter])
        .await
        .expect("it is durable");
}

/// Two letters are there; `tool` runs `dead-letters` with `--json`.
pub async fn letters(console: &Console, tool: impl AsyncFn(&[&str]) -> (i32, Value)) {
    let letters = console.ok("dead-letters?state=waiting").await;
    let waiting = list(&letters, "dead_letters");
    assert_eq!(waiting.len(), 2, "{letters:#}");
    let id = |at: usize| waiting[at]["id"].as_str().expect("an id").to_owned();
    let (second, first) = (id(0), id(1));
    assert_eq!(waiting[1]["original"], json!({ "password": "***" }));

    let post = reqwest::Method::POST;
    let retry = format!("dead-letters/{first}/retry");
    let (status, retried) = console.ask(post.clone(), &retry, None).await;
    assert_eq!(
        (status, &retried["state"]),
        (200, &json!("retried")),
        "{retried:#}"
    );
    let (partition, offset) = (&retried["partition"], &retried["offset"]);
    let place = format!("topics/chat.commands/messages/{partition}/{offset}");
    assert_eq!(
        console.ok(&place).await["value"],
        json!({ "password": "***" })
    );
    let (status, again) = console.ask(post.clone(), &retry, None).await;
    assert_eq!((status, &again["code"]), (409, &json!("already_decided")));
    let (code, again) = tool(&["retry", &first]).await;
    assert_eq!(
        (code, &again["code"]),
        (1, &json!("already_decided")),
        "{again}"
    );

    let (code, discarded) = tool(&["discard", &second, "--reason", "poison"]).await;
    assert_eq!(
        (code, &discarded["state"]),
        (0, &json!("discarded")),
        "{discarded}"
    );
    let (status, answer) = console
        .ask(post, &format!("dead-letters/{second}/retry"), None)
        .await;
    assert_eq!(status, 409, "{answer:#}");
    for state in ["retried", "discarded"] {
        let by_http = console.ok(&format!("dead-letters?state={state}")).await;
        let (code, by_tool) = tool(&["list", "--state", state]).await;
        assert_eq!((code, &by_tool), (0, &by_http["dead_letters"]));
        assert_eq!(by_tool.as_array().map(Vec::len), Some(1));
    }
    let log = console.ok(&format!("log?target={second}")).await;
    let discarded = &list(&log, "entries")[1];
    assert_eq!(discarded["action"], "dead_letter.discard");
    assert_eq!(discarded["detail"]["reason"], "poison");
}
