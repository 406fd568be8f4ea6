//! Whoever asks for the list of rooms hears something.

use super::rig::{Rig, stop, two, until, user_in};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_list_while_members_change_is_answered() {
    let mut rig = Rig::new().await;
    let first = rig.backend("first").await;
    let users = [user_in(0), user_in(1)];
    for user in users {
        rig.grant(user).await;
    }
    let of_commands =
        "SELECT sum(next_offset)::bigint FROM partition_offset WHERE topic = 'games.commands'";
    let before = rig.number(of_commands).await;
    let locked = rig.session().await;
    let lock = "BEGIN; LOCK TABLE room_directory IN ACCESS EXCLUSIVE MODE";
    locked.batch_execute(lock).await.unwrap();
    let mut asked = Vec::new();
    for user in users {
        asked.push(rig.send(user, "list_rooms", json!({})).await);
    }
    until("both are decided", async || {
        rig.number(of_commands).await == before + 2
    })
    .await;
    let second = rig.backend("second").await;
    until("each owns a partition", async || {
        first.owned().len() == 1 && second.owned().len() == 1
    })
    .await;
    locked.batch_execute("ROLLBACK").await.unwrap();
    while !asked.is_empty() {
        let event = rig.next().await;
        asked.retain(|id| event["correlation_id"] != json!(id));
    }
    stop(first).await;
    stop(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_list_that_can_not_be_read_hears_so() {
    let mut rig = Rig::new().await;
    let backends = two(&rig).await;
    let user = user_in(0);
    rig.grant(user).await;
    rig.execute("ALTER TABLE room_directory RENAME TO elsewhere")
        .await;
    let id = rig.send(user, "list_rooms", json!({})).await;
    let refused = rig.answer(id).await;
    assert_eq!(refused["event_type"], "games.event.error", "{refused}");
    assert_eq!(refused["payload"]["code"], "unavailable", "{refused}");
    for backend in backends {
        stop(backend).await;
    }
}
