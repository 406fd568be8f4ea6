//! The rules: what every game has to hold, who beats whom, and what becomes of who is late.

use blazing_sun_domain::fairness::{Dice, Seed};
use blazing_sun_domain::game::GameEvent;
use blazing_sun_domain::prelude::*;
use blazing_sun_domain::{Cents, UserId};
use rock_paper_scissors::{Hand, Move, RockPaperScissors, TIES_MAX};

blazing_sun_game_suite::game_suite!(RockPaperScissors);

#[test]
fn each_hand_beats_one_and_loses_to_one() {
    use Hand::{Paper, Rock, Scissors};
    for (hand, beaten) in [(Rock, Scissors), (Scissors, Paper), (Paper, Rock)] {
        assert!(hand.beats(beaten) && !beaten.beats(hand) && !hand.beats(hand));
    }
}

/// What is told of what `act` does.
fn told(act: impl FnOnce(&mut Table<'_>)) -> Vec<GameEvent> {
    let user = |id| UserId::new(id).expect("a user id");
    let players = [1, 2].map(|id| SeatedPlayer::person(user(id), format!("player-{id}")));
    let room = "room-1".parse().expect("a room id");
    let mut dice = Dice::new(Seed([0; 32]), &room, &[], 0);
    let mut table = Table::new(&players, Cents(1_600), &mut dice);
    act(&mut table);
    table.into_events()
}

fn started() -> RockPaperScissors {
    let mut game = None;
    told(|table| game = Some(RockPaperScissors::start(table)));
    game.expect("it has started")
}

#[test]
fn who_lets_the_other_wait_gives_the_match_up() {
    for (late, other) in [(Seat(0), Seat(1)), (Seat(1), Seat(0))] {
        let mut game = started();
        let hand = Hand::Rock;
        told(|table| {
            let chosen = game.apply(table, other, Move::Choose { hand });
            assert_eq!(chosen, Ok(()));
        });
        assert_eq!(game.to_act(), [late]);
        let events = told(|table| game.on_timeout(table, late));
        let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, ["turn_timeout"]);
        assert_eq!(game.outcome(), Some(Outcome::Winner(other)));
    }
}

#[test]
fn nobody_wins_where_neither_chooses() {
    let mut game = started();
    for tie in 1..=TIES_MAX {
        assert_eq!(game.outcome(), None, "before tie {tie}");
        assert_eq!(game.to_act(), [Seat(0), Seat(1)]);
        let events = told(|table| game.on_timeout(table, Seat(0)));
        let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, ["turn_timeout", "turn_timeout", "round_result"]);
        let result: Value = serde_json::from_str(events[2].body.get()).expect("JSON");
        assert_eq!(result["winner_id"], Value::Null);
        assert_eq!(result["hands"], json!([["1", null], ["2", null]]));
    }
    assert_eq!(game.outcome(), Some(Outcome::Draw));
    assert_eq!(game.scores(), [0, 0]);
}
