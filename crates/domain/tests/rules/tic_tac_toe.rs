//! Tic-tac-toe as its players see it: lines, draws, time-outs, the swap of marks, and who is paid.

use crate::scene::{Scene, check};
use blazing_sun_domain::room::RoomStatus;
use serde_json::{Value, json};

const TWO: &str =
    "ann create tic_tac_toe; bob join; ann select ann; ann select bob; ann ready; bob ready";

fn marks(scene: &mut Scene, name: &str, position: u32) -> String {
    scene.line(&format!(
        "{name} move tic_tac_toe move {{\"position\":{position}}}"
    ))
}

/// Plays cells in turn; `first` begins.
fn plays(scene: &mut Scene, first: &str, cells: &[u32]) {
    let other = if first == "ann" { "bob" } else { "ann" };
    for (name, cell) in [first, other].into_iter().cycle().zip(cells) {
        let told = marks(scene, name, *cell);
        assert!(!told.starts_with('!'), "{name} {cell}: {told}");
    }
}

const DRAWN: [u32; 9] = [0, 1, 2, 4, 3, 5, 7, 6, 8];
/// The one who begins takes the top row.
const WON: [u32; 5] = [0, 3, 1, 4, 2];

#[test]
fn a_move_says_who_marked_what() {
    let mut scene = Scene::after(TWO);
    check(
        &mut scene,
        r#"bob move tic_tac_toe move {"position":0} => ! not_your_turn
           ann move tic_tac_toe move {"position":9} => ! invalid_move
           ann move tic_tac_toe move {"position":16} => ! invalid_move
           ann move tic_tac_toe move {"position":255} => ! invalid_move
           ann move tic_tac_toe move {"position":256} => ! invalid_format
           ann move tic_tac_toe move {"position":-1} => ! invalid_format
           ann move tic_tac_toe move {"position":"4"} => ! invalid_format
           ann move tic_tac_toe move {} => ! invalid_format
           ann move tic_tac_toe roll {} => ! unknown_command
           ann move bigger_dice roll {} => ! wrong_game
           ann move tic_tac_toe move {"position":4} => tic_tac_toe.moved#12 turn_changed#13 tic_tac_toe.state#14
           bob move tic_tac_toe move {"position":4} => ! invalid_move"#,
    );
    let board = json!([null, null, null, null, "X", null, null, null, null]);
    assert_eq!(
        scene.last("tic_tac_toe.moved"),
        json!({ "player_id": "1", "player_username": "ann", "position": 4, "mark": "X", "board": board })
    );
    assert_eq!(
        scene.last("tic_tac_toe.state"),
        json!({
            "board": board, "player_x_id": "1", "player_o_id": "2", "current_turn": "2",
            "scores": [["1", 0], ["2", 0]], "game_number": 1, "is_paused": false,
            "disconnected_player": null, "move_deadline": scene.now.plus(60_000).to_string(),
        })
    );
}

#[test]
fn each_line_wins_for_who_has_it() {
    for line in [
        [0, 1, 2],
        [3, 4, 5],
        [6, 7, 8],
        [0, 3, 6],
        [1, 4, 7],
        [2, 5, 8],
        [0, 4, 8],
        [2, 4, 6],
    ] {
        // Two cells of the other that make no line, nor stand in this one.
        let others: Vec<u32> = (0..9).filter(|cell| !line.contains(cell)).take(2).collect();
        let mut scene = Scene::after(TWO);
        plays(
            &mut scene,
            "ann",
            &[line[0], others[0], line[1], others[1], line[2]],
        );
        assert_eq!(
            scene.last("tic_tac_toe.game_result"),
            json!({
                "winner_id": "1", "winner_username": "ann", "winning_line": line, "is_draw": false,
                "scores": [["1", 1], ["2", 0]], "game_number": 1, "next_first_player": "2",
            })
        );
    }
}

#[test]
fn x_begins_and_the_marks_swap_each_game() {
    let mut scene = Scene::after(TWO);
    plays(&mut scene, "ann", &WON);
    let state = scene.last("tic_tac_toe.state");
    assert_eq!(
        (&state["player_x_id"], &state["player_o_id"]),
        (&json!("2"), &json!("1"))
    );
    assert_eq!(
        (&state["current_turn"], &state["game_number"]),
        (&json!("2"), &json!(2))
    );
    assert_eq!(state["board"], json!(vec![Value::Null; 9]));
    plays(&mut scene, "bob", &WON[..2]);
    let board = scene.last("tic_tac_toe.state")["board"].clone();
    assert_eq!((&board[0], &board[3]), (&json!("X"), &json!("O")));
}

#[test]
fn a_drawn_game_counts_nothing() {
    let mut scene = Scene::after(TWO);
    plays(&mut scene, "ann", &DRAWN);
    assert_eq!(
        scene.last("tic_tac_toe.game_result"),
        json!({
            "winner_id": null, "winner_username": null, "winning_line": null, "is_draw": true,
            "scores": [["1", 0], ["2", 0]], "game_number": 1, "next_first_player": "2",
        })
    );
    assert!(!scene.room().is_over());
}

#[test]
fn a_full_board_with_a_line_is_won() {
    let mut scene = Scene::after(TWO);
    plays(&mut scene, "ann", &[0, 1, 2, 4, 3, 5, 7, 8, 6]);
    let result = scene.last("tic_tac_toe.game_result");
    assert_eq!(
        (&result["is_draw"], &result["winning_line"]),
        (&json!(false), &json!([0, 3, 6]))
    );
}

#[test]
fn five_games_take_the_prize() {
    let mut scene = Scene::after(TWO);
    for game in 0..9 {
        assert!(!scene.room().is_over(), "game {game}");
        // Who begins wins: they take turns, and ann has her fifth first.
        plays(&mut scene, ["ann", "bob"][game % 2], &WON);
    }
    assert_eq!(
        scene.last("tic_tac_toe.match_ended"),
        json!({ "winner_id": "1", "winner_username": "ann", "prize_cents": 1_600,
                "final_scores": [["1", "ann", 5], ["2", "bob", 4]] })
    );
    assert_eq!(scene.room().status(), RoomStatus::Finished);
    assert_eq!((scene.money.rake, scene.money.escrow), (400, 0));
    let ended = scene
        .events
        .iter()
        .filter(|event| event.name == "tic_tac_toe.match_ended");
    assert_eq!(ended.count(), 1);
}

#[test]
fn ten_drawn_games_in_a_row_are_a_draw_and_all_is_refunded() {
    let mut scene = Scene::after(TWO);
    let (mut first, mut other) = ("ann", "bob");
    for _ in 0..9 {
        plays(&mut scene, first, &DRAWN);
        (first, other) = (other, first);
    }
    plays(&mut scene, first, &WON);
    for _ in 0..10 {
        (first, other) = (other, first);
        assert!(
            !scene.room().is_over(),
            "a game that was won begins the count anew"
        );
        plays(&mut scene, first, &DRAWN);
    }
    let ended = scene.last("tic_tac_toe.match_ended");
    assert_eq!(
        (&ended["winner_id"], &ended["prize_cents"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(scene.room().winner(), None);
    assert_eq!((scene.money.rake, scene.money.escrow), (0, 0));
    for name in ["ann", "bob"] {
        assert_eq!(scene.money.of(crate::actions::named(name).user_id), 5_000);
    }
}

#[test]
fn a_turn_that_is_not_taken_is_that_game_lost() {
    let mut scene = Scene::after(TWO);
    check(
        &mut scene,
        "too early => nothing
         deadline => tic_tac_toe.turn_timeout#12 tic_tac_toe.game_result#13 turn_changed#14 tic_tac_toe.state#15",
    );
    assert_eq!(
        scene.last("tic_tac_toe.turn_timeout"),
        json!({ "player_id": "1", "player_username": "ann" })
    );
    let result = scene.last("tic_tac_toe.game_result");
    assert_eq!(
        (&result["winner_id"], &result["winning_line"]),
        (&json!("2"), &Value::Null)
    );
    while !scene.room().is_over() {
        scene.run("deadline");
    }
    assert_eq!(scene.last("tic_tac_toe.match_ended")["winner_id"], "2");
}

#[test]
fn who_stays_away_for_ten_minutes_loses_the_match() {
    let mut scene = Scene::after(TWO);
    plays(&mut scene, "ann", &WON);
    scene.run("gone ann");
    assert_eq!(
        scene.last("tic_tac_toe.game_paused")["timeout_at"],
        scene.now.plus(600_000).to_string()
    );
    assert_eq!(marks(&mut scene, "bob", 0), "! not_your_turn");
    scene.run("deadline");
    assert_eq!(
        scene.last("tic_tac_toe.match_ended"),
        json!({ "winner_id": "2", "winner_username": "bob", "prize_cents": 1_600,
                "final_scores": [["1", "ann", 1], ["2", "bob", 0]] })
    );
}
