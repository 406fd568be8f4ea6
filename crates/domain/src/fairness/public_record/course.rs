//! What all of a room's events come to: who took part, every roll, and the game's course by its rules.

use super::{Check, Started};
use crate::difference::first_difference;
use crate::fairness::{Dice, Discrepancy, ProvenRoll, Seed, Transcript};
use crate::game::{GameEvent, Games, SeatedPlayer, Table};
use crate::money::Cents;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The one game whose course its draws decide alone, so that the seeds give all of it.
const DECIDED_BY_DRAWS: &str = "bigger_dice";
/// Steps of such a game that are simulated at most: by then it has ended with a probability that
/// differs from 1 by less than 2⁻¹⁰⁰.
const STEPS_MAX: usize = 100_000;

impl Check<'_> {
    pub(super) fn end(&mut self, games: &Games) {
        self.say_what_was_committed();
        let Some(started) = self.started.take() else {
            let never = "no game has begun in this transcript: there are no rolls to check";
            self.findings.unchecked.push(never.to_owned());
            return;
        };
        self.say_who_took_part(&started);
        let Some(server_seed) = self.server_seed else {
            let later = "the server's seed is not revealed yet: the rolls can be checked once the room has ended";
            self.findings.unchecked.push(later.to_owned());
            return;
        };
        if started.game_type != DECIDED_BY_DRAWS {
            let game = started.game_type.escape_debug();
            let words =
                format!("how {game} uses its draws is not known here: its moves were not checked");
            self.findings.unchecked.push(words);
            return;
        }
        let seats = started.players.len();
        let definition = games.get(&started.game_type);
        let is_playable = definition.is_some_and(|game| {
            let playable = game.spec.min_seats..=game.spec.max_seats;
            u32::try_from(seats).is_ok_and(|seats| playable.contains(&seats))
        });
        if !is_playable {
            let words = format!(
                "this program can not play {DECIDED_BY_DRAWS} with {seats} seats: its rolls were not checked"
            );
            return self.findings.unchecked.push(words);
        }
        self.check_rolls(&started, server_seed);
        self.check_course(&started, server_seed, games);
    }

    fn say_what_was_committed(&mut self) {
        let checked = &mut self.findings.checked;
        if let Some(seed) = self.server_seed
            && self.current == Some(seed.commitment())
        {
            checked.push("the server's seed is the one that it had committed to before anyone else chose theirs".to_owned());
        }
        match self.revealed {
            0 => {}
            1 => checked
                .push("1 replaced server seed is the one that had been committed to".to_owned()),
            count => checked.push(format!(
                "{count} replaced server seeds are those that had been committed to"
            )),
        }
        match self.renewals_in_time {
            0 => {}
            count => checked.push(format!(
                "the server's seed was renewed after each of {count} changes of the seats, before anyone committed"
            )),
        }
    }

    fn say_who_took_part(&mut self, started: &Started) {
        let seats = || started.players.iter().zip(&started.seats);
        let name = |player: &SeatedPlayer| {
            let bot = if player.is_bot { " (a house bot)" } else { "" };
            format!("{}{bot}", player.username.escape_debug())
        };
        let with: Vec<_> = seats()
            .filter(|(_, seat)| seat.is_some())
            .map(|(player, _)| name(player))
            .collect();
        let without: Vec<_> = seats()
            .filter(|(_, seat)| seat.is_none())
            .map(|(player, _)| name(player))
            .collect();
        if !with.is_empty() {
            let names = with.join(", ");
            self.findings.checked.push(format!(
                "took part in the draw, with a seed that matches its commitment: {names}"
            ));
        }
        if !without.is_empty() {
            let names = without.join(", ");
            self.findings
                .checked
                .push(format!("took no part in the draw: {names}"));
        }
        let unsent: Vec<_> = seats()
            .filter(|(player, seat)| {
                seat.is_some() && !self.record.sent.contains_key(&player.user_id)
            })
            .map(|(player, _)| name(player))
            .collect();
        if !unsent.is_empty() {
            let names = unsent.join(", ");
            self.findings.unchecked.push(format!(
                "what they sent with ready is not in the transcript: only they know that their commitment is theirs: {names}"
            ));
        }
    }

    fn check_rolls(&mut self, started: &Started, server_seed: Seed) {
        let rolled = self.told.iter().filter(|(_, name, _)| *name == "rolled");
        let rolls = rolled.map(|(_, _, fields)| {
            Some(ProvenRoll {
                nonce: fields["proof"]["nonce"].as_u64()?,
                roll: u8::try_from(fields["roll"].as_u64()?).ok()?,
            })
        });
        let Some(rolls) = rolls.collect::<Option<Vec<_>>>() else {
            return self.wrong("a roll has no value or no nonce");
        };
        let count = rolls.len();
        if self.has_gap_in_play {
            return;
        }
        let transcript = Transcript {
            room_id: self.record.room_id.clone(),
            seed_commitment: server_seed.commitment(),
            server_seed,
            seats: started.seats.clone(),
            rolls,
        };
        match transcript.verify() {
            Ok(()) if count == 0 => {}
            Ok(()) => self.findings.checked.push(format!(
                "{count} rolls recomputed from the seeds, none left out"
            )),
            Err(Discrepancy::Roll {
                index,
                found,
                expected,
            }) => {
                let place = self.place_of_roll(index);
                self.wrong(format!(
                    "{place}: the roll is {found}, and the seeds give {expected}"
                ));
            }
            Err(other) => self.wrong(other.to_string()),
        }
    }

    fn place_of_roll(&self, index: usize) -> String {
        let mut rolled = self.told.iter().filter(|(_, name, _)| *name == "rolled");
        let seq = rolled.nth(index).map_or(0, |(seq, ..)| *seq);
        format!("{DECIDED_BY_DRAWS}.rolled (room_seq {seq})")
    }

    /// The whole game by its rules, from the seeds alone, against what was told of it.
    fn check_course(&mut self, started: &Started, server_seed: Seed, games: &Games) {
        let told = std::mem::take(&mut self.told);
        let claimed = told.iter().find(|(_, name, _)| *name == "game_over");
        let prize = claimed.map_or(0, |(_, _, fields)| {
            fields["prize_cents"].as_i64().unwrap_or(0)
        });
        let simulated = catch_unwind(AssertUnwindSafe(|| {
            self.simulate(started, server_seed, Cents(prize), games)
        }));
        let Ok(Some(course)) = simulated else {
            let words = format!("this program can not play {DECIDED_BY_DRAWS} with these seats");
            return self.findings.unchecked.push(words);
        };
        let mut course = course.iter();
        for (seq, name, fields) in &told {
            let place = format!("{DECIDED_BY_DRAWS}.{name} (room_seq {seq})");
            let expected = if self.has_gap_in_play {
                let same = |(of, body): &&(String, Value)| of == name && body == *fields;
                course.by_ref().find(same)
            } else {
                course.next()
            };
            let Some((right_name, right)) = expected else {
                return self.wrong(format!(
                    "{place}: by the seeds and the rules this never happens"
                ));
            };
            if right_name != name {
                return self.wrong(format!("{place}: by the rules {right_name} comes here"));
            }
            if let Some(difference) = first_difference(right, fields) {
                return self.wrong(format!("{place}: {difference}"));
            }
        }
        let Some((_, _, over)) = claimed else {
            if !told.is_empty() {
                let count = told.len();
                let words =
                    format!("{count} events of the game follow from the seeds and the rules");
                self.findings.checked.push(words);
            }
            // Where nothing is missing, the seed was revealed while the game still ran.
            match course.next().filter(|_| !self.has_gap_in_play) {
                Some((next, _)) => self.wrong(format!(
                    "the room ended before the game did: by the seeds and the rules {DECIDED_BY_DRAWS}.{next} was still to come"
                )),
                None => {
                    let words = "the game's end is not in the transcript";
                    self.findings.unchecked.push(words.to_owned());
                }
            }
            return;
        };
        let winner = over["winner_username"]
            .as_str()
            .unwrap_or_default()
            .escape_debug();
        self.findings.checked.push(format!(
            "rounds, points and the winner ({winner}) follow from the rolls by the rules"
        ));
        self.check_prize(started, prize);
    }

    fn simulate(
        &self,
        started: &Started,
        server_seed: Seed,
        prize: Cents,
        games: &Games,
    ) -> Option<Vec<(String, Value)>> {
        let definition = games.get(&started.game_type)?;
        let seeds: Vec<_> = started
            .seats
            .iter()
            .map(|seat| seat.map(|(_, seed)| seed))
            .collect();
        let mut dice = Dice::new(server_seed, &self.record.room_id, &seeds, 0);
        let mut table = Table::new(&started.players, prize, &mut dice);
        let mut game = definition.start(&mut table);
        for _ in 0..STEPS_MAX {
            if game.outcome().is_some() {
                break;
            }
            let seat = *game.to_act().first()?;
            game.on_timeout(&mut table, seat);
        }
        let events = table.into_events().into_iter();
        let read = |event: GameEvent| {
            Some((
                event.name.into_owned(),
                serde_json::from_str(event.body.get()).ok()?,
            ))
        };
        events.map(read).collect()
    }

    fn check_prize(&mut self, started: &Started, prize: i64) {
        let Some(created) = &self.record.created else {
            return;
        };
        let seats = created["player_count"].as_u64();
        if seats != Some(started.players.len() as u64) {
            return;
        }
        let announced = created["prize_cents"].as_i64();
        if announced == Some(prize) {
            self.findings
                .checked
                .push(format!("the prize of {prize} cents is the one announced"));
        } else {
            let announced = announced.map_or_else(|| "none".to_owned(), |cents| cents.to_string());
            self.wrong(format!(
                "the prize is {prize} cents, announced were {announced}"
            ));
        }
    }
}
