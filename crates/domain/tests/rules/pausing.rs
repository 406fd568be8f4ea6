//! Games that wait for who is gone: how long, what the turn's time does meanwhile, who wins, and
//! where the money goes.

use crate::actions::named;
use crate::scene::{SECRET, Scene, check, text};
use blazing_sun_domain::prelude::*;
use blazing_sun_domain::room::{Effects, Room, RoomStatus};
use serde_json::json;

/// Everybody passes in turn; after so many passes the first wins.
#[derive(Clone, Serialize, Deserialize)]
pub struct Patience {
    seats: u32,
    passes: u32,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Pass,
}

const PASSES: u32 = 4;

impl Game for Patience {
    const NAME: &'static str = "patience";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            max_seats: 3,
            ..Spec::timed(10_000).pausing(600_000).ending("match_ended")
        }
    }

    fn start(table: &mut Table<'_>) -> Patience {
        Patience {
            seats: table.players().len() as u32,
            passes: 0,
        }
    }

    fn to_act(&self) -> Vec<Seat> {
        vec![Seat(self.passes % self.seats)]
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, _: Move) -> Result<(), Refusal> {
        self.on_timeout(table, seat);
        Ok(())
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        self.passes += 1;
        table.emit_by(seat, "passed", &json!({}));
    }

    fn view(&self, _: Viewer, _: &[SeatedPlayer]) -> Value {
        json!({ "passes": self.passes })
    }

    fn outcome(&self) -> Option<Outcome> {
        (self.passes >= PASSES).then_some(Outcome::Winner(Seat(0)))
    }

    fn scores(&self) -> Vec<i64> {
        (0..self.seats).map(i64::from).collect()
    }
}

const TWO: &str =
    "ann create patience 2; bob join; ann select ann; ann select bob; ann ready; bob ready";
const THREE: &str = "ann create patience 3; bob join; cid join
    ann select ann; ann select bob; ann select cid; ann ready; bob ready; cid ready";

fn at(scene: &Scene, ms: i64) -> Value {
    json!(scene.now.plus(ms).to_string())
}

fn cents(scene: &Scene, name: &str) -> i64 {
    scene.money.of(named(name).user_id)
}

#[test]
fn the_turns_time_stands_still_and_goes_on() {
    let mut scene = Scene::after(TWO);
    scene.now = scene.now.plus(4_000);
    check(
        &mut scene,
        "gone bob => player_disconnected#12 patience.game_paused#13 turn_changed#14 patience.state#15
         ann move patience pass {} => ! not_your_turn
         bob move patience pass {} => ! not_your_turn
         ann auto on => ! wrong_game
         too early => nothing",
    );
    let gone = scene.now.plus(1).plus(-600_000);
    assert_eq!(
        scene.last("patience.game_paused"),
        json!({ "player_id": "2", "player_username": "bob", "timeout_at": gone.plus(600_000).to_string() })
    );
    assert_eq!(
        scene.last("player_disconnected")["timeout_at"],
        scene.last("patience.game_paused")["timeout_at"]
    );
    assert_eq!(scene.last("turn_changed")["deadline"], Value::Null);
    assert_eq!(
        scene.last("patience.state"),
        json!({ "passes": 0, "is_paused": true, "disconnected_player": "2", "move_deadline": null })
    );
    scene.reload();
    check(
        &mut scene,
        "sync bob => room_state>2(2:player) patience.state>2 player_rejoined#16 patience.game_resumed#17 turn_changed#18 patience.state#19",
    );
    let back = at(&scene, 6_000);
    assert_eq!(scene.last("turn_changed")["turn_number"], 1);
    assert_eq!(scene.last("turn_changed")["deadline"], back);
    assert_eq!(
        scene.last("patience.state"),
        json!({ "passes": 0, "is_paused": false, "disconnected_player": null, "move_deadline": back })
    );
    assert_eq!(
        json!(scene.room().next_deadline().unwrap().to_string()),
        back
    );
    check(
        &mut scene,
        "ann move patience pass {} => patience.passed#20 turn_changed#21 patience.state#22
         deadline => patience.passed#23 turn_changed#24 patience.state#25",
    );
}

#[test]
fn a_player_has_so_long_in_all_and_then_the_other_wins() {
    for left_by in ["gone bob", "bob leave"] {
        let mut scene = Scene::after(TWO);
        scene.run("gone bob");
        scene.now = scene.now.plus(599_000);
        scene.run("sync bob; ann move patience pass {}");
        scene.run(left_by);
        assert_eq!(
            scene.last("patience.game_paused")["timeout_at"],
            at(&scene, 1_000)
        );
        scene.reload();
        let told = scene.line("deadline");
        let (events, transfers) = told.split_once(" | ").unwrap();
        assert!(events.starts_with("patience.match_ended#"), "{events}");
        assert!(events.contains(" seed_revealed#"), "{events}");
        assert_eq!(transfers, "prize/room-1/1=1600 rake/room-1=400");
        assert_eq!(
            scene.last("patience.match_ended"),
            json!({ "winner_id": "1", "winner_username": "ann", "prize_cents": 1_600,
                    "final_scores": [["1", "ann", 0], ["2", "bob", 1]] })
        );
        assert_eq!(scene.room().winner(), Some(named("ann").user_id));
        assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_600, 4_000));
    }
}

#[test]
fn a_match_that_everybody_has_gone_from_is_cancelled_and_costs_nobody() {
    let mut scene = Scene::after(TWO);
    scene.run("gone bob");
    scene.now = scene.now.plus(1_000);
    check(
        &mut scene,
        "gone ann => player_disconnected#16 patience.game_paused#17 turn_changed#18 patience.state#19
         deadline => patience.state#20
         bob move patience pass {} => ! not_your_turn
         deadline => patience.match_cancelled#21 seed_revealed#22(1:none)(2:none) | refund/room-1/1/1=1000 refund/room-1/2/1=1000",
    );
    assert_eq!(
        scene.last("patience.match_cancelled"),
        json!({ "reason": "all_players_gone", "refunds": [["1", 1_000], ["2", 1_000]] })
    );
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_000, 5_000));
}

#[test]
fn a_match_that_everybody_has_left_is_cancelled_at_once() {
    let mut scene = Scene::after(TWO);
    scene.run("gone bob; bob leave; ann leave");
    assert_eq!(scene.room().status(), RoomStatus::Abandoned);
    assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_000, 5_000));
    assert_eq!(scene.room().winner(), None);
}

#[test]
fn who_has_time_left_wins_on_coming_back_when_the_other_has_none() {
    for loser_is_back in [false, true] {
        let mut scene = Scene::after(TWO);
        scene.run("bob leave");
        scene.now = scene.now.plus(599_000);
        scene.run("gone ann; deadline");
        assert!(!scene.room().is_over(), "ann may still come back");
        if loser_is_back {
            scene.run("bob rejoin");
            assert!(!scene.room().is_over());
        }
        scene.reload();
        let told = scene.line("sync ann");
        assert!(told.contains(" patience.match_ended#"), "{told}");
        assert!(!told.contains("game_resumed"), "{told}");
        assert!(
            told.ends_with("| prize/room-1/1=1600 rake/room-1=400"),
            "{told}"
        );
        assert_eq!(scene.room().winner(), Some(named("ann").user_id));
        assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_600, 4_000));
    }
}

#[test]
fn of_two_nobody_wins_whose_time_is_used_up() {
    for ends_by in ["deadline", "bob leave; ann leave"] {
        let mut scene = Scene::after(TWO);
        scene.run("gone bob");
        scene.now = scene.now.plus(1_000);
        scene.run("gone ann; deadline; sync bob");
        scene.run(ends_by);
        assert_eq!(scene.room().status(), RoomStatus::Abandoned);
        assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_000, 5_000));
    }
}

/// Otherwise whoever is about to lose would wait for the other's connection to fail, and leave.
#[test]
fn nobody_saves_the_fee_by_going_after_the_other() {
    let mut scene = Scene::after(TWO);
    scene.run("gone ann");
    scene.now = scene.now.plus(1_000);
    scene.run("bob leave");
    assert!(!scene.room().is_over());
    scene.now = scene.now.plus(1_000);
    check(
        &mut scene,
        "sync ann => room_state>1(1:player) patience.state>1 player_rejoined#20 patience.state#21",
    );
    assert_eq!(scene.last("patience.state")["disconnected_player"], "2");
    scene.run("deadline");
    assert_eq!((cents(&scene, "ann"), cents(&scene, "bob")), (5_600, 4_000));
}

#[test]
fn an_outage_costs_no_time_of_the_pause() {
    let mut scene = Scene::after(TWO);
    scene.run("gone bob; shift 5000");
    let until = at(&scene, 605_000);
    assert_eq!(scene.last("patience.game_paused")["timeout_at"], until);
    assert_eq!(
        json!(scene.room().next_deadline().unwrap().to_string()),
        until
    );
    scene.now = scene.now.plus(6_000);
    scene.run("sync bob");
    assert_eq!(scene.last("turn_changed")["deadline"], at(&scene, 10_000));
    scene.run("gone bob");
    assert_eq!(
        scene.last("patience.game_paused")["timeout_at"],
        at(&scene, 599_000)
    );
}

#[test]
fn a_game_that_begins_without_somebody_waits_from_the_start() {
    let mut scene = Scene::after(
        "ann create patience 2; bob join; ann select ann; ann select bob; bob ready; gone bob",
    );
    check(
        &mut scene,
        "ann ready => player_ready_changed#9 game_started#10 turn_changed#11 patience.state#12 patience.game_paused#13 ~room_removed
         ann move patience pass {} => ! not_your_turn",
    );
    assert_eq!(scene.last("turn_changed")["deadline"], Value::Null);
    scene.run("sync bob");
    assert_eq!(scene.last("turn_changed")["deadline"], at(&scene, 10_000));
    scene.run("ann move patience pass {}");
}

#[test]
fn of_three_the_last_that_is_waited_for_wins() {
    let mut scene = Scene::after(THREE);
    scene.run("gone bob");
    let told = scene.line("deadline");
    assert!(told.contains("patience.game_resumed#"), "{told}");
    let turn_number = scene.last("turn_changed")["turn_number"].clone();
    scene.run("ann move patience pass {}");
    assert_ne!(scene.last("turn_changed")["turn_number"], turn_number);
    assert_eq!(scene.last("turn_changed")["current_turn"], "2");
    assert_eq!(
        scene.last("turn_changed")["deadline"],
        at(&scene, 1_000),
        "the server plays on"
    );
    scene.reload();
    scene.run("deadline; gone cid");
    scene.run("deadline");
    assert_eq!(scene.room().winner(), Some(named("ann").user_id));
    assert_eq!(cents(&scene, "ann"), 4_000 + 2_400);
    assert_eq!(scene.money.rake, 600);
}

#[test]
fn whose_time_is_used_up_is_not_waited_for_again() {
    let mut scene = Scene::after(THREE);
    scene.run("gone bob; deadline; sync bob; gone bob");
    assert_eq!(
        scene.last("patience.game_paused")["timeout_at"],
        at(&scene, 0)
    );
    scene.run("deadline");
    assert_eq!(scene.last("patience.state")["is_paused"], false);
    assert!(!scene.room().is_over());
}

#[test]
fn a_room_saved_before_there_were_pauses_has_all_of_them() {
    let scene = Scene::after(TWO);
    let mut saved: Value = serde_json::from_slice(&scene.room().save().unwrap()).unwrap();
    let play = saved["stage"]["playing"].as_object_mut().unwrap();
    assert!(play.remove("allowances").is_some());
    let saved = serde_json::to_vec(&saved).unwrap();
    let loaded = Room::load(&saved, &scene.games, SECRET).unwrap();
    assert_eq!(
        text(&loaded.save().unwrap()),
        text(&scene.room().save().unwrap())
    );
}

#[test]
fn a_pause_replays() {
    let mut scene = Scene::after(TWO);
    scene.run("gone bob; shift 500; sync bob; ann leave; gone bob; ann rejoin; sync bob");
    scene.run("ann move patience pass {}; deadline; gone ann; deadline");
    assert!(scene.room().is_over());
    let journal = serde_json::to_string(&scene.journal).unwrap();
    let journal: Vec<blazing_sun_domain::room::Input> = serde_json::from_str(&journal).unwrap();
    let (mut room, created) = Room::create(&journal[0], &scene.games, SECRET).unwrap();
    let mut events = created.events;
    for input in &journal[1..] {
        room = Room::load(&room.save().unwrap(), &scene.games, SECRET).unwrap();
        let Effects { events: more, .. } = room.decide(input, &scene.games).unwrap();
        events.extend(more);
    }
    let told = |events: &[blazing_sun_domain::room::RoomEvent]| -> Vec<String> {
        events
            .iter()
            .map(|event| format!("{} {:?} {}", event.name, event.order, event.body))
            .collect()
    };
    assert_eq!(told(&events), told(&scene.events));
    assert_eq!(
        text(&room.save().unwrap()),
        text(&scene.room().save().unwrap())
    );
}
