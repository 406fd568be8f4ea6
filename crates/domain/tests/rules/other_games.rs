//! What a game of someone else's may do: hide things, let several move at once, end in a draw,
//! refuse late, fail.

use crate::actions::{game_move, named};
use crate::scene::{SECRET, Scene, check, text};
use blazing_sun_domain::game::To;
use blazing_sun_domain::room::{Input, Room, RoomStatus};
use blazing_sun_domain::{
    Game, Outcome, Refusal, RefusalCode, Seat, SeatedPlayer, Spec, Table, Viewer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// All choose a number in secret; the highest wins unless it is tied.
#[derive(Clone, Serialize, Deserialize)]
pub struct Duel {
    chosen: Vec<Option<u8>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Choose { number: u8 },
    Peek,
    Hesitate,
    Fail,
}

impl Game for Duel {
    const NAME: &'static str = "duel";
    type Move = Move;

    fn spec() -> Spec {
        Spec {
            max_seats: 4,
            turn_ms: Some(10_000),
            hidden_information: true,
            ..Spec::default()
        }
    }

    fn start(table: &mut Table<'_>) -> Duel {
        table.emit(To::Spectators, "watched", &json!({}));
        Duel {
            chosen: table.seats().map(|_| None).collect(),
        }
    }

    fn to_act(&self) -> Vec<Seat> {
        let seats = (0..).map(Seat).zip(&self.chosen);
        seats
            .filter(|(_, chosen)| chosen.is_none())
            .map(|(seat, _)| seat)
            .collect()
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, chosen: Move) -> Result<(), Refusal> {
        match chosen {
            Move::Choose { number } => self.chosen[seat.index()] = Some(number),
            Move::Peek => {
                let (die, nonce) = table.dice().roll();
                table.emit(
                    To::Seats(vec![seat]),
                    "peeked",
                    &json!({"die": die, "nonce": nonce}),
                );
                let others: Vec<Seat> = table.seats().filter(|other| *other != seat).collect();
                table.emit(To::Seats(others), "somebody_peeked", &json!({}));
            }
            Move::Hesitate => {
                self.chosen[seat.index()] = Some(9);
                table.dice().roll();
                return Err(RefusalCode::InvalidMove.into());
            }
            Move::Fail => {
                self.chosen.clear();
                table.emit(To::All, "failed", &"not an object");
            }
        }
        Ok(())
    }

    fn on_timeout(&mut self, _: &mut Table<'_>, seat: Seat) {
        self.chosen[seat.index()] = Some(0);
    }

    fn view(&self, viewer: Viewer, _: &[SeatedPlayer]) -> Value {
        let own = match viewer {
            Viewer::Seat(seat) => self.chosen[seat.index()],
            Viewer::Spectator => None,
        };
        json!({ "own": own })
    }

    fn outcome(&self) -> Option<Outcome> {
        let chosen: Vec<u8> = self.chosen.iter().copied().collect::<Option<_>>()?;
        let highest = chosen.iter().max()?;
        let first = chosen.iter().position(|number| number == highest)?;
        let alone = chosen.iter().filter(|number| *number == highest).count() == 1;
        Some(if alone {
            Outcome::Winner(Seat(first as u32))
        } else {
            Outcome::Draw
        })
    }
}

const TWO: &str =
    "ann create duel 2; bob join; ann select ann; ann select bob; ann ready; bob ready";

#[test]
fn each_viewer_gets_the_state_that_is_theirs() {
    let mut scene =
        Scene::after("ann create duel 2; bob join; ann select ann; ann select bob; ann ready");
    check(
        &mut scene,
        "bob ready => player_ready_changed#8 game_started#9 duel.watched[Spectators After(9)] turn_changed#10 duel.state>1 duel.state>2 duel.state[Spectators After(10)] ~room_removed
         bob chooses 7 => duel.state>1 duel.state>2 duel.state[Spectators After(10)]",
    );
    let states: Vec<(String, String)> = scene
        .events
        .iter()
        .rev()
        .filter(|event| event.name == "duel.state")
        .take(3)
        .map(|event| (format!("{:?}", event.audience), event.body.get().to_owned()))
        .collect();
    let state = |audience: &str, body: &str| (audience.to_owned(), body.to_owned());
    let expected = [
        state("Spectators", r#"{"own":null}"#),
        state("User(UserId(2))", r#"{"own":7}"#),
        state("User(UserId(1))", r#"{"own":null}"#),
    ];
    assert_eq!(states, expected);
    check(
        &mut scene,
        "sync bob => room_state>2(2:player) duel.state>2",
    );
    assert_eq!(scene.last("duel.state"), json!({"own": 7}));
    check(
        &mut scene,
        "bob leave => player_disconnected#11(2:none)
         ann peeks => duel.peeked>1 duel.somebody_peeked>2 turn_changed#12 duel.state>1 duel.state[Spectators After(12)]",
    );
}

#[test]
fn several_may_move_at_once_and_the_clock_is_the_firsts() {
    let mut scene = Scene::after(
        "ann create duel 3; bob join; cid join; ann select ann; ann select bob; ann select cid
         ann ready; bob ready; cid ready",
    );
    check(
        &mut scene,
        "cid chooses 1 => duel.state>1 duel.state>2 duel.state>3 duel.state[Spectators After(14)]
         cid chooses 2 => ! not_your_turn
         deadline => turn_changed#15 duel.state>1 duel.state>2 duel.state>3 duel.state[Spectators After(15)]
         bob chooses 5 => duel.state>1 duel.state>2 duel.state>3 duel.state[Spectators After(15)] seed_revealed#16(1:none)(2:none)(3:none) | prize/room-1/2=2400 rake/room-1=600",
    );
    assert_eq!(scene.room().winner(), Some(named("bob").user_id));
}

#[test]
fn a_draw_gives_back_what_each_paid() {
    let mut scene = Scene::after(TWO);
    check(
        &mut scene,
        "ann chooses 5 => turn_changed#11 duel.state>1 duel.state>2 duel.state[Spectators After(11)]
         bob chooses 5 => duel.state>1 duel.state>2 duel.state[Spectators After(11)] seed_revealed#12(1:none)(2:none) | refund/room-1/1/1=1000 refund/room-1/2/1=1000",
    );
    assert_eq!(scene.room().status(), RoomStatus::Finished);
    assert_eq!(scene.room().winner(), None);
    assert_eq!(scene.money.rake, 0);
}

#[test]
fn events_for_some_reach_only_them() {
    let mut scene = Scene::after(TWO);
    check(
        &mut scene,
        "bob peeks => duel.peeked>2 duel.somebody_peeked>1 duel.state>1 duel.state>2 duel.state[Spectators After(10)]",
    );
    assert_eq!(scene.last("duel.peeked")["nonce"], 0);
}

#[test]
fn a_game_that_refuses_late_has_done_nothing() {
    let mut scene = Scene::after(TWO);
    check(&mut scene, "bob hesitates => ! invalid_move");
    scene.run("bob peeks");
    assert_eq!(scene.last("duel.peeked")["nonce"], 0, "no draw was lost");
}

#[test]
fn a_room_goes_on_from_the_copy_kept_before_a_game_failed() {
    let mut scene = Scene::after(TWO);
    let before = scene.room().save().unwrap();
    let mut copy = scene.room().clone();
    let input = Input {
        now: scene.now,
        by: named("ann"),
        balances: Vec::new(),
        action: game_move("duel", "fail", "{}"),
    };
    let failed = catch_unwind(AssertUnwindSafe(|| {
        copy.decide(&input, &scene.games).is_ok()
    }));
    assert!(failed.is_err());
    assert_eq!(scene.room().save().unwrap(), before);
    scene.run("ann chooses 1; bob chooses 2");
    assert!(scene.room().is_over());
}

/// A game that is over with its first look.
#[derive(Clone, Serialize, Deserialize)]
pub struct CoinToss {
    winner: Seat,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoMove {}

impl Game for CoinToss {
    const NAME: &'static str = "coin_toss";
    type Move = NoMove;

    fn spec() -> Spec {
        Spec {
            push_state: false,
            ..Spec::default()
        }
    }

    fn start(table: &mut Table<'_>) -> CoinToss {
        let (side, nonce) = table.dice().below(2);
        table.emit(To::All, "tossed", &json!({ "side": side, "nonce": nonce }));
        CoinToss {
            winner: Seat(u32::from(side)),
        }
    }

    fn to_act(&self) -> Vec<Seat> {
        Vec::new()
    }

    fn apply(&mut self, _: &mut Table<'_>, _: Seat, chosen: NoMove) -> Result<(), Refusal> {
        match chosen {}
    }

    fn on_timeout(&mut self, _: &mut Table<'_>, _: Seat) {}

    fn view(&self, _: Viewer, _: &[SeatedPlayer]) -> Value {
        json!({})
    }

    fn outcome(&self) -> Option<Outcome> {
        Some(Outcome::Winner(self.winner))
    }
}

#[test]
fn a_game_may_be_over_at_once() {
    let mut scene =
        Scene::after("ann create coin_toss 2; bob join; ann select ann; ann select bob; ann ready");
    check(
        &mut scene,
        "bob ready => player_ready_changed#8 game_started#9 coin_toss.tossed#10 ~room_removed seed_revealed#11(1:none)(2:none) | prize/room-1/2=1600 rake/room-1=400",
    );
    assert!(scene.last("game_started").get("first_turn").is_none());
    let saved = scene.room().save().unwrap();
    let loaded = Room::load(&saved, &scene.games, SECRET).unwrap();
    assert!(loaded.is_over(), "{}", text(&saved));
}

/// An open table where everyone hears themselves.
#[derive(Clone, Serialize, Deserialize)]
pub struct Echo {
    calls: u32,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    Call,
}

impl Game for Echo {
    const NAME: &'static str = "echo";
    type Move = Call;

    fn spec() -> Spec {
        Spec {
            min_seats: 1,
            push_state: false,
            open_table: true,
            ..Spec::default()
        }
    }

    fn start(_: &mut Table<'_>) -> Echo {
        Echo { calls: 0 }
    }

    fn to_act(&self) -> Vec<Seat> {
        Vec::new()
    }

    fn apply(&mut self, table: &mut Table<'_>, seat: Seat, _: Call) -> Result<(), Refusal> {
        self.calls += 1;
        let name = &table.player(seat).username;
        table.emit(To::Seats(vec![seat]), "called", &json!({ "name": name }));
        Ok(())
    }

    fn on_timeout(&mut self, _: &mut Table<'_>, _: Seat) {}

    fn view(&self, _: Viewer, _: &[SeatedPlayer]) -> Value {
        json!({})
    }

    fn outcome(&self) -> Option<Outcome> {
        None
    }
}

#[test]
fn seats_of_an_open_table_follow_who_comes_and_goes() {
    let mut scene = Scene::after("ann create echo; bob join; cid join; ann leave; dan join");
    for reloaded in [false, true] {
        for (name, id) in [("bob", 2), ("cid", 3), ("dan", 4)] {
            let told = scene.line(&format!("{name} calls"));
            assert_eq!(told, format!("echo.called>{id}"), "reloaded: {reloaded}");
            assert_eq!(scene.last("echo.called"), json!({ "name": name }));
        }
        scene.reload();
    }
}
