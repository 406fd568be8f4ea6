use super::world::World;
use serde_json::{Value, json};
use std::fmt::Write;

const MINE: &str = "/api/v1/me/messages";
const LOBBY: &str = "/api/v1/lobbies/main/messages";

async fn user(world: &World, name: &str) -> String {
    let email = format!("{name}@example.com");
    let registration = json!({ "email": email, "password": "correct horse", "username": name });
    let answer = world.post("/api/v1/auth/register", &registration).await;
    answer.access_token()
}

/// All pages, and how many there were.
async fn all(world: &World, token: &str, path: &str) -> (Vec<Value>, u32) {
    let (mut found, mut pages, mut next) = (Vec::new(), 0, path.to_owned());
    loop {
        let page = world.get_as(token, &next).await.ok();
        found.extend(page["messages"].as_array().unwrap().clone());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?cursor={cursor}"),
            None => return (found, pages),
        }
    }
}

#[tokio::test]
async fn ones_own_messages_come_in_pages_and_nobody_elses() {
    let world = World::new().await;
    let (ada, eve) = (user(&world, "Ada").await, user(&world, "Eve").await);
    let mut rows = String::new();
    for n in 0..120 {
        let (from, to) = if n % 2 == 0 { (1, 9) } else { (9, 1) };
        let read = if n < 60 { "1" } else { "NULL" };
        write!(
            rows,
            "INSERT INTO direct_message (message_id, sender_id, sender_username, recipient_id,
             recipient_username, content, sent_ms, read_ms)
             VALUES (randomblob(16), {from}, 'P{from}', {to}, 'P{to}', 'text {n} <b>', 1700000000000, {read});"
        )
        .unwrap();
    }
    world.sql(rows).await;
    let (found, pages) = all(&world, &ada, MINE).await;
    assert_eq!((found.len(), pages), (120, 3));
    assert_eq!(
        found[0],
        json!({
            "message_id": found[0]["message_id"], "sender_id": "9", "sender_username": "P9",
            "recipient_id": "1", "recipient_username": "P1", "content": "text 119 <b>",
            "timestamp": "2023-11-14T22:13:20.000Z", "is_read": false,
        })
    );
    assert_eq!(found[119]["content"], "text 0 <b>");
    assert_eq!(found[118]["is_read"], true);
    assert_eq!(
        found[119]["is_read"],
        json!(null),
        "hers: who wrote learns nothing"
    );
    let first = world.get_as(&ada, MINE).await.ok();
    assert_eq!(first["unread_count"], 30);
    let others = world.get_as(&eve, MINE).await.ok();
    assert_eq!(
        others,
        json!({ "messages": [], "unread_count": 0, "next_cursor": null })
    );
}

#[tokio::test]
async fn the_lobbys_messages_come_in_pages_to_who_has_signed_in() {
    let world = World::new().await;
    let ada = user(&world, "Ada").await;
    let row = |lobby: &str, n: u32| {
        format!(
            "INSERT INTO lobby_message (message_id, lobby_id, user_id, username, content, sent_ms)
             VALUES (randomblob(16), '{lobby}', 9, 'P9', 'text {n}', 1700000000000);"
        )
    };
    let mut rows: String = (0..60).map(|n| row("main", n)).collect();
    rows += &row("another", 99);
    world.sql(rows).await;
    let (found, pages) = all(&world, &ada, LOBBY).await;
    assert_eq!((found.len(), pages), (60, 2));
    assert_eq!(
        found[0],
        json!({
            "lobby_id": "main", "message_id": found[0]["message_id"], "user_id": "9",
            "username": "P9", "content": "text 59", "timestamp": "2023-11-14T22:13:20.000Z",
        })
    );
    let unknown = world.get_as(&ada, "/api/v1/lobbies/another/messages").await;
    unknown.problem(404, "lobby_not_found");
}

#[tokio::test]
async fn messages_ask_for_a_token_and_a_right_cursor() {
    let world = World::new().await;
    let ada = user(&world, "Ada").await;
    for path in [MINE, LOBBY] {
        world.get(path).await.problem(401, "unauthenticated");
        for bad in ["x", "%00", "AAAA", "-1", "%ff"] {
            let answer = world.get_as(&ada, &format!("{path}?cursor={bad}")).await;
            let problem = answer.problem(400, "invalid_format");
            assert_eq!(problem["field"], "cursor", "{path} {bad}");
        }
    }
}
