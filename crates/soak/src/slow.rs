//! Members who never read: they are cut off at their bound, and the others miss nothing.

use blazing_sun_harness::{Client, Launch, TestServer};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// More than the bound of a connection and what the kernel keeps for it.
const SAID_BYTES: usize = 4 * 1024 * 1024;
const FRAME_BYTES: usize = 14 * 1024;
/// A slow one is cut off so soon after the last that was said.
pub const CLOSED_WITHIN: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug)]
pub struct Slow {
    /// Members who read, and those who do not.
    pub members: (usize, usize),
    /// Frames that each of the others heard, in order and without a gap.
    pub heard: usize,
    /// From the last frame that was said to the last slow one that was gone.
    pub gone_in: Duration,
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} members read nothing: gone {:.2?} after the last frame, the others heard all {}",
            self.members.1,
            self.members.0 + self.members.1,
            self.gone_in,
            self.heard
        )
    }
}

/// One talks to so many who listen and so many who do not.
pub async fn slow(listening: usize, deaf: usize) -> anyhow::Result<Slow> {
    let server = TestServer::launch(Launch {
        arguments: vec!["--bench".to_owned()],
        // Nobody here says that it is alive: only who reads nothing may be cut off.
        ..crate::run::launch(&[("BLAZING_SUN_GATEWAY__SILENCE_MAX_S", "600".to_owned())])
    })
    .await;
    let table = json!({ "room_id": "the-table" });
    let mut members = Vec::new();
    for _ in 0..1 + listening + deaf {
        let guest = server.guest().await;
        let mut client = Client::sign_in(&server, &guest).await;
        client.command("join_room", table.clone()).await;
        client.event("games.event.room_state").await;
        members.push(client);
    }
    let deaf_ones = members.split_off(1 + listening);
    let mut listeners = members.split_off(1);
    let mut talker = members.remove(0);

    let heard = SAID_BYTES / FRAME_BYTES;
    let listen: Vec<_> = listeners
        .drain(..)
        .map(|mut client| {
            tokio::spawn(async move {
                for n in 0..heard {
                    let said = client.event("games.event.relay.said").await;
                    assert_eq!(said["data"]["n"], n, "a frame is missing or out of order");
                    client.seen.clear();
                }
                client
            })
        })
        .collect();
    let padding = "x".repeat(FRAME_BYTES);
    // Who is cut off leaves the open table, which tells all: one by one, perhaps while others still talk.
    let mut left = Vec::new();
    let is_gone = |frame: &Value| frame["type"] == "games.event.player_left";
    for n in 0..heard {
        let fields = json!({ "room_id": "the-table", "data": { "n": n, "padding": padding } });
        talker.command("relay.say", fields).await;
        talker.event("games.event.relay.said").await;
        left.extend(talker.seen.drain(..).filter(is_gone));
    }
    let said = std::time::Instant::now();
    let mut still_there = Vec::new();
    for listener in listen {
        still_there.push(listener.await?);
    }
    while left.len() < deaf {
        left.push(talker.until("a slow member to leave", is_gone).await);
    }
    let mut deaf_ids: Vec<&str> = deaf_ones
        .iter()
        .map(|client| client.guest.user_id.as_str())
        .collect();
    let mut left_ids: Vec<&str> = left
        .iter()
        .filter_map(|gone| gone["user_id"].as_str())
        .collect();
    deaf_ids.sort_unstable();
    left_ids.sort_unstable();
    anyhow::ensure!(
        left_ids == deaf_ids,
        "others than the slow ones left: {left:?}"
    );
    drop(still_there);
    Ok(Slow {
        members: (1 + listening, deaf),
        heard,
        gone_in: said.elapsed(),
    })
}
