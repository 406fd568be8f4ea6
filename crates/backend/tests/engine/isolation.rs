//! A game that fails harms no other room, wherever it fails; and its players lose no cent.

use crate::copy_as_killed;
use crate::harness::{Rig, options};
use blazing_sun_backend::audit::{AuditTotals, audit};
use blazing_sun_backend::engine::EngineOptions;
use blazing_sun_backend::replay::replay;
use blazing_sun_domain::prelude::*;
use std::path::Path;
use uuid::Uuid;

/// Passes between two until somebody resigns. `breaks` says where it fails from then on.
#[derive(Default, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
struct Fragile {
    passes: u32,
    breaks: String,
    winner: Option<Seat>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Saved {
    passes: u32,
    breaks: String,
    winner: Option<Seat>,
}

impl Clone for Fragile {
    fn clone(&self) -> Fragile {
        assert_ne!(self.breaks, "copy", "no copy for you");
        Fragile {
            passes: self.passes,
            breaks: self.breaks.clone(),
            winner: self.winner,
        }
    }
}

impl From<Fragile> for Saved {
    fn from(game: Fragile) -> Saved {
        assert_ne!(game.breaks, "save", "no state for you");
        let Fragile {
            passes,
            breaks,
            winner,
        } = game;
        Saved {
            passes,
            breaks,
            winner,
        }
    }
}

impl TryFrom<Saved> for Fragile {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Fragile, String> {
        assert_ne!(saved.breaks, "load", "no game for you");
        let Saved {
            passes,
            breaks,
            winner,
        } = saved;
        Ok(Fragile {
            passes,
            breaks,
            winner,
        })
    }
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Move {
    Pass {},
    Resign {},
    Break { at: String },
}

impl Game for Fragile {
    const NAME: &'static str = "fragile";
    type Move = Move;

    fn spec() -> Spec {
        Spec::timed(60_000)
    }

    fn start(table: &mut Table<'_>) -> Fragile {
        let is_unwelcome = |player: &SeatedPlayer| &*player.username == "P66";
        assert!(!table.players().iter().any(is_unwelcome), "not with you");
        Fragile::default()
    }

    fn to_act(&self) -> Vec<Seat> {
        vec![Seat(self.passes % 2)]
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        match chosen {
            Move::Pass {} => table.emit_by(seat, "passed", &json!({})),
            Move::Resign {} => self.winner = Some(Seat(1 - seat.0)),
            Move::Break { at } => self.breaks = at,
        }
        assert_ne!(self.breaks, "move", "no moves for you");
        self.passes += 1;
        Ok(())
    }

    fn on_timeout(&mut self, _: &mut Table<'_>, _: Seat) {
        assert_ne!(self.breaks, "time_out", "no time for you");
        self.passes += 1;
    }

    fn view(&self, _: Viewer, _: &[SeatedPlayer]) -> Value {
        assert_ne!(self.breaks, "view", "no view for you");
        json!({ "passes": self.passes })
    }

    fn outcome(&self) -> Option<Outcome> {
        self.winner.map(Outcome::Winner)
    }
}

pub(crate) fn with_fragile(dir: &Path) -> EngineOptions {
    let mut options = options(dir);
    options.games.add::<Fragile>();
    options
}

/// Two players at a table of the fragile game, of whom the second is not ready yet.
pub(crate) async fn seated(rig: &mut Rig, room: &str, players: [u64; 2]) {
    for player in players {
        rig.grant(player).await;
    }
    let create = json!({ "room_id": room, "game_type": "fragile", "room_name": room });
    rig.send(players[0], "create_room", create).await;
    let fields = json!({ "room_id": room });
    rig.send(players[1], "join_room", fields.clone()).await;
    for player in players {
        let select = json!({ "room_id": room, "target_user_id": player.to_string() });
        rig.send(players[0], "select_player", select).await;
    }
    rig.send(players[0], "ready", fields).await;
    rig.expect("games.event.player_ready_changed").await;
}

pub(crate) async fn begun(rig: &mut Rig, room: &str, players: [u64; 2]) {
    seated(rig, room, players).await;
    rig.send(players[1], "ready", json!({ "room_id": room }))
        .await;
    rig.expect("games.event.game_started").await;
}

pub(crate) async fn breaks(rig: &mut Rig, by: u64, at: &str) -> Uuid {
    let fields = json!({ "room_id": "weak", "at": at });
    rig.send(by, "fragile.break", fields).await
}

pub(crate) async fn resigns(rig: &mut Rig, by: u64, room: &str) {
    rig.send(by, "fragile.resign", json!({ "room_id": room }))
        .await;
    let over = rig.expect("games.event.seed_revealed").await;
    assert_eq!(over["payload"]["room_id"], room);
}

/// The event that is the answer to a command, wherever it came among others.
pub(crate) async fn answer(rig: &mut Rig, id: Uuid) -> Value {
    let is_answer = |event: &&Value| event["correlation_id"] == json!(id);
    match rig.seen.iter().find(is_answer).cloned() {
        Some(answer) => answer,
        None => rig.answer(id).await,
    }
}

pub(crate) async fn passes(rig: &mut Rig, by: u64, room: &str) {
    let id = rig
        .send(by, "fragile.pass", json!({ "room_id": room }))
        .await;
    let passed = answer(rig, id).await;
    assert_eq!(
        passed["event_type"], "games.event.fragile.passed",
        "{passed}"
    );
}

/// A pass in the weak room is refused.
pub(crate) async fn is_refused(rig: &mut Rig, by: u64, code: &str) {
    let fields = json!({ "room_id": "weak" });
    let id = rig.send(by, "fragile.pass", fields).await;
    let refused = answer(rig, id).await;
    assert_eq!(refused["payload"]["code"], code, "{refused}");
}

/// The books, after the engine has ended.
pub(crate) fn books(dir: &Path) -> AuditTotals {
    let report = audit(&options(dir).path).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    report.totals
}

#[tokio::test]
async fn a_panic_on_a_move_or_in_a_view_is_one_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_fragile(dir.path()));
    begun(&mut rig, "weak", [1, 2]).await;
    begun(&mut rig, "strong", [3, 4]).await;
    for (at, says) in [("move", "no moves for you"), ("view", "no view for you")] {
        let ids = rig
            .send_together(&[
                (3, "fragile.pass", json!({ "room_id": "strong" })),
                (1, "fragile.break", json!({ "room_id": "weak", "at": at })),
                (4, "fragile.pass", json!({ "room_id": "strong" })),
                (1, "fragile.pass", json!({ "room_id": "weak" })),
            ])
            .await;
        let refused = answer(&mut rig, ids[1]).await;
        assert_eq!(refused["payload"]["code"], "internal", "{at}: {refused}");
        assert_eq!(refused["audience"]["user_ids"], json!(["1"]));
        let letter = rig.dead_letter().await;
        assert!(letter["error"].as_str().unwrap().contains(says), "{letter}");
        assert_eq!(letter["key"], "weak");
        // The neighbours in the batch, and the room itself from its state before.
        for id in [ids[0], ids[2], ids[3]] {
            let passed = answer(&mut rig, id).await;
            assert_eq!(
                passed["event_type"], "games.event.fragile.passed",
                "{at}: {passed}"
            );
        }
        passes(&mut rig, 2, "weak").await;
    }
    resigns(&mut rig, 1, "weak").await;
    resigns(&mut rig, 3, "strong").await;
    rig.engine.stop();
    let totals = books(dir.path());
    assert_eq!((totals.rake_cents, totals.escrow_cents), (800, 0));
}

#[tokio::test]
async fn a_game_that_can_not_start_gives_the_fees_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_fragile(dir.path()));
    seated(&mut rig, "weak", [1, 66]).await;
    let id = rig.send(66, "ready", json!({ "room_id": "weak" })).await;
    assert_eq!(answer(&mut rig, id).await["payload"]["code"], "internal");
    let letter = rig.dead_letter().await;
    assert!(
        letter["error"].as_str().unwrap().contains("not with you"),
        "{letter}"
    );
    for player in [66, 1] {
        rig.send(player, "leave_room", json!({ "room_id": "weak" }))
            .await;
    }
    rig.expect("games.event.seed_revealed").await;
    rig.engine.stop();
    let totals = books(dir.path());
    assert_eq!((totals.players_cents, totals.escrow_cents), (10_000, 0));
}

#[tokio::test]
async fn a_panic_on_a_time_out_stops_no_other_rooms_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = with_fragile(dir.path());
    options.games.get_mut("fragile").unwrap().spec.turn_ms = Some(500);
    let mut rig = Rig::start_with(options);
    begun(&mut rig, "weak", [1, 2]).await;
    breaks(&mut rig, 1, "time_out").await;
    let letter = rig.dead_letter().await;
    assert!(
        letter["error"]
            .as_str()
            .unwrap()
            .contains("no time for you"),
        "{letter}"
    );
    begun(&mut rig, "strong", [3, 4]).await;
    for _ in 0..4 {
        let turn = rig.expect("games.event.turn_changed").await;
        assert_eq!(turn["payload"]["room_id"], "strong");
    }
    // Its players can still end it themselves, and are paid.
    resigns(&mut rig, 2, "weak").await;
    rig.engine.stop();
    let totals = books(dir.path());
    assert_eq!((totals.rake_cents, totals.escrow_cents), (400, 2_000));
}

#[tokio::test]
async fn a_game_that_panics_at_every_deadline_gives_the_fees_back() {
    let dir = tempfile::tempdir().unwrap();
    let with_haste = |dir: &Path| {
        let mut options = with_fragile(dir);
        options.games.get_mut("fragile").unwrap().spec.turn_ms = Some(300);
        options
    };
    let mut rig = Rig::start_with(with_haste(dir.path()));
    begun(&mut rig, "weak", [1, 2]).await;
    breaks(&mut rig, 1, "time_out").await;
    for user in [2, 1] {
        rig.dead_letter().await;
        passes(&mut rig, user, "weak").await;
    }
    rig.dead_letter().await;
    let cancelled = rig.expect("games.event.fragile.match_cancelled").await;
    let refunds = json!([["1", 1_000], ["2", 1_000]]);
    assert_eq!(cancelled["payload"]["refunds"], refunds);
    assert_eq!(cancelled["payload"]["reason"], "game_failed");
    rig.expect("games.event.seed_revealed").await;
    let killed = tempfile::tempdir().unwrap();
    copy_as_killed(dir.path(), killed.path());
    rig.engine.stop();
    let rig = Rig::start_with(with_haste(killed.path()));
    assert_eq!(rig.engine.held().await.unwrap().rooms, 0);
    rig.engine.stop();
    for dir in [dir.path(), killed.path()] {
        let totals = books(dir);
        assert_eq!((totals.players_cents, totals.escrow_cents), (10_000, 0));
        let EngineOptions {
            path,
            games,
            sealer,
            ..
        } = with_haste(dir);
        let weak = "weak".parse().unwrap();
        let replayed = replay(&path, &weak, &games, &sealer, &mut |_| Ok(())).unwrap();
        assert!(replayed.is_equal() && replayed.is_over, "{replayed:#?}");
    }
}

#[tokio::test]
async fn a_game_that_can_not_be_loaded_is_set_aside_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start_with(with_fragile(dir.path()));
    begun(&mut rig, "weak", [1, 2]).await;
    begun(&mut rig, "strong", [3, 4]).await;
    breaks(&mut rig, 1, "load").await;
    rig.expect("games.event.fragile.state").await;
    // Stopping saves it.
    rig.engine.stop();
    let mut rig = Rig::start_with(with_fragile(dir.path()));
    is_refused(&mut rig, 2, "unavailable").await;
    resigns(&mut rig, 3, "strong").await;
    rig.engine.stop();
    let totals = books(dir.path());
    assert_eq!((totals.rake_cents, totals.escrow_cents), (400, 2_000));
}

#[tokio::test]
async fn a_game_that_can_not_be_saved_gives_the_fees_back_and_harms_no_other() {
    for at in ["save", "copy"] {
        let dir = tempfile::tempdir().unwrap();
        let mut rig = Rig::start_with(with_fragile(dir.path()));
        begun(&mut rig, "weak", [1, 2]).await;
        begun(&mut rig, "strong", [3, 4]).await;
        breaks(&mut rig, 1, at).await;
        rig.expect("games.event.fragile.state").await;
        let killed = tempfile::tempdir().unwrap();
        copy_as_killed(dir.path(), killed.path());
        // Stopping saves it, and so does the start that follows a kill, at the latest when it stops.
        rig.engine.stop();
        Rig::start_with(with_fragile(killed.path())).engine.stop();
        for dir in [dir.path(), killed.path()] {
            let mut rig = Rig::start_with(with_fragile(dir));
            is_refused(&mut rig, 2, "room_not_found").await;
            resigns(&mut rig, 3, "strong").await;
            assert_eq!(rig.engine.held().await.unwrap().rooms, 0);
            rig.engine.stop();
            let totals = books(dir);
            assert_eq!((totals.rake_cents, totals.escrow_cents), (400, 0));
            assert_eq!(totals.players_cents, 19_600);
        }
    }
}
