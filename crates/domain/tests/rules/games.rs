//! Bigger Dice by itself, with dice that are known.

use crate::actions::{player, raw};
use blazing_sun_domain::fairness::{Dice, Seed};
use blazing_sun_domain::game::{GameEvent, RunningGame, To};
use blazing_sun_domain::games::bigger_dice::BiggerDice;
use blazing_sun_domain::{Cents, Game, GameDefinition, Outcome, Seat, SeatedPlayer, Table, Viewer};
use serde_json::{Value, json};

struct Bench {
    players: Vec<SeatedPlayer>,
    dice: Dice,
    game: BiggerDice,
}

impl Bench {
    fn new(seats: u64, seed: u8) -> Bench {
        let players: Vec<_> = (1..=seats).map(player).collect();
        let room = "room-1".parse().unwrap();
        let mut dice = Dice::new(Seed([seed; 32]), &room, &[], 0);
        let game = BiggerDice::start(&mut Table::new(&players, Cents(1_600), &mut dice));
        Bench {
            players,
            dice,
            game,
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut BiggerDice, &mut Table<'_>)) -> Vec<(String, Value)> {
        let mut table = Table::new(&self.players, Cents(1_600), &mut self.dice);
        act(&mut self.game, &mut table);
        let told = |event: GameEvent| {
            assert_eq!(event.to, To::All);
            (
                event.name.into_owned(),
                serde_json::from_str(event.body.get()).unwrap(),
            )
        };
        table.into_events().into_iter().map(told).collect()
    }

    fn roll(&mut self) -> Vec<(String, Value)> {
        let seat = Game::to_act(&self.game)[0];
        self.act(|game, table| {
            RunningGame::apply(game, table, seat, "roll", &raw("{}")).unwrap();
        })
    }
}

/// Rounds, ties and points again, from the rolls alone.
fn referee(seats: u64, seed: u8) -> (Vec<String>, Vec<String>) {
    let mut bench = Bench::new(seats, seed);
    let mut scores = vec![0; seats as usize];
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    let (mut first, mut is_tiebreaker) = (0, false);
    let mut order: Vec<u64> = (0..seats).collect();
    let mut rolls: Vec<(u64, u64)> = Vec::new();
    while Game::outcome(&bench.game).is_none() {
        let seat = u64::from(Game::to_act(&bench.game)[0].0);
        expected.push(format!("{} rolls", order[rolls.len()]));
        found.push(format!("{seat} rolls"));
        let events = bench.roll();
        found.extend(
            events[1..]
                .iter()
                .map(|(name, body)| format!("{name} {body}")),
        );
        rolls.push((seat, events[0].1["roll"].as_u64().unwrap()));
        assert!((1..=6).contains(&rolls[rolls.len() - 1].1));
        if rolls.len() < order.len() {
            continue;
        }
        let highest = rolls.iter().map(|roll| roll.1).max().unwrap();
        let tied: Vec<u64> = rolls
            .iter()
            .filter(|roll| roll.1 == highest)
            .map(|r| r.0)
            .collect();
        let is_tie = tied.len() > 1;
        if !is_tie {
            scores[tied[0] as usize] += 1;
        }
        let ids =
            |seats: &[u64]| -> Vec<String> { seats.iter().map(|s| (s + 1).to_string()).collect() };
        let pairs: Vec<Value> = rolls
            .iter()
            .map(|(s, n)| json!([(s + 1).to_string(), n]))
            .collect();
        let all: Vec<Value> = (1..)
            .zip(&scores)
            .map(|(id, n)| json!([id.to_string(), n]))
            .collect();
        let mut result = json!({
            "rolls": pairs, "is_tie": is_tie, "is_tiebreaker": is_tiebreaker,
            "tiebreaker_players": if is_tie { ids(&tied) } else { vec![] }, "scores": all,
        });
        if !is_tie {
            result["winner_id"] = ids(&tied)[0].clone().into();
        }
        expected.push(format!("round_result {result}"));
        if is_tie {
            expected.push(format!(
                "tiebreaker_started {}",
                json!({"tied_players": ids(&tied), "tied_roll": highest})
            ));
            order = tied;
        } else if scores[tied[0] as usize] == 10 {
            let name = |seat: usize| bench.players[seat].username.to_string();
            let finals: Vec<Value> = (0..scores.len())
                .map(|s| json!([(s + 1).to_string(), name(s), scores[s]]))
                .collect();
            let winner = tied[0] as usize;
            expected.push(format!(
                "game_over {}",
                json!({
                    "winner_id": ids(&tied)[0], "winner_username": name(winner),
                    "final_scores": finals, "prize_cents": 1_600,
                })
            ));
            assert_eq!(
                Game::outcome(&bench.game),
                Some(Outcome::Winner(Seat(winner as u32)))
            );
            assert_eq!(Game::to_act(&bench.game), []);
        } else {
            first = (first + 1) % seats;
            order = (0..seats).map(|turn| (first + turn) % seats).collect();
        }
        is_tiebreaker = is_tie;
        rolls.clear();
    }
    (expected, found)
}

#[test]
fn every_game_follows_the_rules() {
    let mut tiebreakers = 0;
    for seats in 2..=10 {
        for seed in 0..20 {
            let (expected, found) = referee(seats, seed);
            assert_eq!(found, expected, "{seats} seats, seed {seed}");
            tiebreakers += found
                .iter()
                .filter(|line| line.starts_with("tiebreaker"))
                .count();
        }
    }
    assert!(tiebreakers > 100);
}

#[test]
fn a_roll_carries_its_proof_and_the_score_it_leads_to() {
    let mut bench = Bench::new(2, 1);
    let (mut winner, mut rolled) = (None, Vec::new());
    while winner.is_none() {
        let events = bench.roll();
        rolled.push(events[0].clone());
        winner = events
            .iter()
            .find_map(|(_, body)| body["winner_id"].as_str().map(str::to_owned));
    }
    let (name, first) = &rolled[0];
    assert_eq!(name, "rolled");
    let roll = first["roll"].clone();
    let whole = json!({"player_id": "1", "player_username": "ann", "roll": roll, "new_score": 0, "proof": {"nonce": 0}});
    assert_eq!(*first, whole);
    let last = &rolled[rolled.len() - 1].1;
    let won = winner.as_deref() == last["player_id"].as_str();
    assert_eq!(last["new_score"], i64::from(won));
}

#[test]
fn only_the_one_to_act_rolls() {
    let mut bench = Bench::new(3, 1);
    let events = bench.act(|game, table| {
        let refusal = RunningGame::apply(game, table, Seat(1), "roll", &raw("{}")).unwrap_err();
        assert_eq!(refusal.code.as_str(), "not_your_turn");
        Game::on_timeout(game, table, Seat(2));
    });
    assert!(events.is_empty());
    let state = Game::view(&bench.game, Viewer::Spectator, &bench.players);
    let whole = json!({
        "round_number": 1, "current_rolls": [], "pending_rollers": ["1", "2", "3"], "is_tiebreaker": false,
    });
    assert_eq!(state, whole);
}

#[test]
fn each_move_has_a_schema() {
    let moves = GameDefinition::of::<BiggerDice>().moves;
    assert_eq!(moves.keys().collect::<Vec<_>>(), ["roll"]);
    assert_eq!(moves["roll"]["type"], "object");
    let relay = GameDefinition::of::<blazing_sun_domain::games::relay::Relay>().moves;
    assert_eq!(relay["say"]["required"], json!(["data"]));
    let data = &relay["say"]["properties"]["data"];
    assert!(data.get("type").is_none(), "any JSON value: {data}");
}
