//! Another program writes in transactions, whose marks take offsets and are never delivered.

use super::rig::{PARTITIONS, Rig, key_in, stop, until};
use blazing_sun_backbone::log::kafka::groups;
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics::{self, Party};
use blazing_sun_backend::export::compare_topics;
use blazing_sun_backend::store::postgres::PgPool;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn the_marks_of_transactions_stop_no_deadline_no_audit_and_are_no_lag() {
    let mut rig = Rig::new().await;
    rig.games.get_mut("bigger_dice").unwrap().spec.turn_ms = Some(4_000);
    let backend = rig.backend("alone").await;
    rig.grant(1).await;
    rig.grant(2).await;
    let room = key_in(0, |n| format!("t-{n}"));
    rig.begin_game(&room, [1, 2]).await;
    rig.expect("games.event.turn_changed").await;
    for topic in [
        topics::GAMES_COMMANDS,
        topics::CHAT_COMMANDS,
        topics::GAMES_EVENTS,
    ] {
        rig.take_back_a_transaction(topic, 0).await;
    }
    // The server rolls for who does not.
    rig.expect("games.event.bigger_dice.rolled").await;
    let decided = Topic::new(topics::GAMES_COMMANDS);
    let places: Vec<_> = (0..PARTITIONS).map(|p| (decided.clone(), p)).collect();
    until("the group has no lag", async || {
        let ends = rig.log.bounds(&decided).await.unwrap();
        let ends: Vec<_> = ends.iter().map(|bounds| Some(bounds.end)).collect();
        let (options, places) = (rig.options("").kafka, places.clone());
        let ask = move || groups::committed(&options, Party::Backend.group(), &places);
        let committed = tokio::task::spawn_blocking(ask).await.unwrap().unwrap();
        // Of what nobody has written nothing is committed.
        let mut both = committed.iter().zip(&ends);
        both.all(|(committed, end)| committed == end || *end == Some(0))
    })
    .await;
    stop(backend).await;
    // Publishing goes on where it ended, by the last record before the marks.
    let again = rig.backend("again").await;
    rig.expect("games.event.bigger_dice.rolled").await;
    stop(again).await;
    let pool = PgPool::new(&rig.postgres()).unwrap();
    let check = timeout(Duration::from_secs(60), compare_topics(&pool, &rig.log));
    let check = check.await.expect("it ends").unwrap();
    assert_eq!(check.differences, 0, "{:?}", check.named);
}
