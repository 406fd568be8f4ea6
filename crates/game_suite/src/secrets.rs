//! Whether a viewer sees what the game keeps secret, in views, in events or in what the room tells of
//! points, turn and end: a game is compared with one that differs from it in the secret alone. The game names its secrets as places in its state, so that such games can be
//! made: by putting there what another course of the game had there, or by another choice of the
//! same move.

use crate::Checked;
use crate::moves::{Choices, allowed};
use crate::played::{a_move, panic_text, player, raw, seats};
use crate::script::{Script, Step, every_script};
use blazing_sun_domain::fairness::{Dice, Seed};
use blazing_sun_domain::game::{GameEvent, RunningGame, To};
use blazing_sun_domain::{Cents, GameDefinition, Seat, SeatedPlayer, Secret, Table, Viewer};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const PRIZE: Cents = Cents(1_600);
/// Other values that are put in the place of one secret.
const OTHERS_MAX: usize = 6;

pub(crate) fn check(game: &GameDefinition) -> Checked {
    let compared = Cell::new(0_u64);
    every_script(|script| check_one(game, script, &compared))?;
    match game.spec.hidden_information {
        true if compared.get() == 0 => Err(
            "spec() says that something is hidden, and secrets() never names anything that differs \
             from one game to another"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

fn check_one(game: &GameDefinition, script: &Script, compared: &Cell<u64>) -> Checked {
    // Another course of the same game, for what may stand in the secret places.
    let other = Script {
        dice: script.dice.wrapping_add(1),
        steps: script.steps.iter().rev().cloned().collect(),
        ..script.clone()
    };
    let mut pool = Pool::default();
    for script in [script, &other] {
        course(game, script, |position, _| {
            pool.add(position);
            Ok(())
        })?;
    }
    course(game, script, |position, input| {
        position.check_views(game, &pool, compared)?;
        match input {
            Some(input) => position.check_events(game, &pool, input, compared),
            None => Ok(()),
        }
    })
}

/// What stood in secret places, by place.
#[derive(Default)]
struct Pool(BTreeMap<String, Vec<Value>>);

impl Pool {
    fn add(&mut self, position: &Position) {
        let state = position.state();
        for secret in position.game.secrets() {
            let Some(value) = state.pointer(&secret.at) else {
                continue;
            };
            let known = self.0.entry(secret.at).or_default();
            if !known.contains(value) && known.len() < OTHERS_MAX {
                known.push(value.clone());
            }
        }
    }

    fn others<'a>(&'a self, at: &str, than: &'a Value) -> impl Iterator<Item = &'a Value> {
        let known = self.0.get(at).map_or(&[][..], Vec::as_slice);
        known.iter().filter(move |value| *value != than)
    }
}

/// A game at one point of its course.
struct Position {
    players: Vec<SeatedPlayer>,
    dice: Dice,
    game: Box<dyn RunningGame>,
}

#[derive(Debug, Clone)]
enum Doing {
    Move(Seat, String, Value),
    TimeOut(Seat),
}

/// Plays a script move by move; `look` sees each position, and what is done in it.
fn course(
    game: &GameDefinition,
    script: &Script,
    mut look: impl FnMut(&Position, Option<&Doing>) -> Checked,
) -> Checked {
    let mut position = Position::start(game, script)?;
    for step in &script.steps {
        if position.game.outcome().is_some() {
            break;
        }
        let doing = position.doing(game, step);
        look(&position, doing.as_ref())?;
        if let Some(doing) = &doing {
            position = position.after(doing)?.map_or(position, |(next, _)| next);
        }
    }
    look(&position, None)
}

impl Position {
    fn start(game: &GameDefinition, script: &Script) -> Result<Position, String> {
        let players: Vec<_> = (1..=seats(game, script)).map(player).collect();
        let room = "room-1".parse().map_err(|_| "no room id")?;
        let mut dice = Dice::new(Seed([script.dice; 32]), &room, &[], 0);
        let started = caught(|| game.start(&mut Table::new(&players, PRIZE, &mut dice)))?;
        Ok(Position {
            players,
            dice,
            game: started,
        })
    }

    fn doing(&self, game: &GameDefinition, step: &Step) -> Option<Doing> {
        let to_act = self.game.to_act();
        let mut choices = Choices::from(step.choice);
        let seat = *to_act.get(usize::from(step.who) % to_act.len().max(1))?;
        if step.what.is_multiple_of(8) {
            return Some(Doing::TimeOut(to_act[0]));
        }
        let (name, fields) = a_move(game, &mut choices, allowed);
        Some(Doing::Move(seat, name, fields))
    }

    /// What it leads to, and the events; none where it is refused.
    fn after(&self, doing: &Doing) -> Result<Option<(Position, Vec<GameEvent>)>, String> {
        let mut next = Position {
            players: self.players.clone(),
            dice: self.dice.clone(),
            game: self.game.copy(),
        };
        let mut table = Table::new(&self.players, PRIZE, &mut next.dice);
        let done = caught(|| match doing {
            Doing::Move(seat, name, fields) => next
                .game
                .apply(&mut table, *seat, name, &raw(fields))
                .is_ok(),
            Doing::TimeOut(seat) => {
                next.game.on_timeout(&mut table, *seat);
                true
            }
        })?;
        let events = table.into_events();
        Ok(done.then_some((next, events)))
    }

    fn viewers(&self) -> Vec<Viewer> {
        let seats = (0..self.players.len() as u32).map(|seat| Viewer::Seat(Seat(seat)));
        seats.chain([Viewer::Spectator]).collect()
    }

    fn state(&self) -> Value {
        let saved = self.game.save().ok();
        saved
            .and_then(|saved| serde_json::from_str(saved.get()).ok())
            .unwrap_or_default()
    }

    fn view(&self, viewer: Viewer) -> Result<Value, String> {
        caught(|| self.game.view(viewer, &self.players))
    }

    /// What the room shows of the game beside its events.
    fn seen_by(&self, viewer: Viewer) -> Result<Seen, String> {
        let mut seen = vec![("view()", self.view(viewer)?)];
        seen.extend(self.told_by_the_room(viewer)?);
        Ok(seen)
    }

    /// What the room makes known by its own events and refusals: points, whose turn it is and how
    /// the game ended to everybody, and to each seat whether it may move.
    fn told_by_the_room(&self, viewer: Viewer) -> Result<Seen, String> {
        let (scores, to_act, outcome) = caught(|| {
            let game = &self.game;
            (game.scores(), game.to_act(), game.outcome())
        })?;
        let may_act = matches!(viewer, Viewer::Seat(seat) if to_act.contains(&seat));
        let turn = json!({ "awaited": to_act.first(), "may_act": may_act });
        // Nobody is waited for when it is over.
        let turn = if outcome.is_some() { Value::Null } else { turn };
        Ok(vec![
            ("outcome()", json!(outcome)),
            ("scores()", json!(scores)),
            ("to_act()", turn),
        ])
    }

    /// The same game with another value in one place; none where no game can have it there.
    fn with(&self, game: &GameDefinition, at: &str, value: &Value) -> Option<Position> {
        let mut state = self.state();
        *state.pointer_mut(at)? = value.clone();
        let changed = game.load(&raw(&state)).ok()?;
        Some(Position {
            players: self.players.clone(),
            dice: self.dice.clone(),
            game: changed,
        })
    }

    fn check_views(&self, game: &GameDefinition, pool: &Pool, compared: &Cell<u64>) -> Checked {
        let state = self.state();
        if !game.spec.hidden_information {
            return self.check_that_nothing_is_hidden();
        }
        for secret in self.game.secrets() {
            let Some(is) = state.pointer(&secret.at) else {
                let at = &secret.at;
                return Err(format!(
                    "secrets() names `{at}`, and the state has no such place: {state}"
                ));
            };
            for other in pool.others(&secret.at, is) {
                let Some(changed) = self.with(game, &secret.at, other) else {
                    continue;
                };
                for viewer in self
                    .viewers()
                    .into_iter()
                    .filter(|viewer| !is_known(&secret, *viewer))
                {
                    let seen = self.seen_by(viewer)?;
                    // A state that can not come about by play may have no view at all.
                    let Ok(seen_then) = changed.seen_by(viewer) else {
                        continue;
                    };
                    compared.set(compared.get() + 1);
                    if let Some((name, seen, seen_then)) = differing(&seen, &seen_then) {
                        return Err(format!(
                            "{name} shows `{}`, which is secret to {viewer:?}: {is} gives {seen}, \
                             and {other} gives {seen_then}",
                            secret.at
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn check_that_nothing_is_hidden(&self) -> Checked {
        if !self.game.secrets().is_empty() {
            return Err(
                "secrets() names something, and spec() does not say hidden_information".into(),
            );
        }
        let to_all = self.view(Viewer::Spectator)?;
        for viewer in self.viewers() {
            let seen = self.view(viewer)?;
            if seen != to_all {
                return Err(format!(
                    "{viewer:?} sees {seen} and a spectator {to_all}, and spec() does not say \
                     hidden_information: everybody would be shown what a spectator sees"
                ));
            }
        }
        Ok(())
    }

    fn check_events(
        &self,
        game: &GameDefinition,
        pool: &Pool,
        doing: &Doing,
        compared: &Cell<u64>,
    ) -> Checked {
        let Some(first) = self.after(doing)? else {
            return Ok(());
        };
        let state = self.state();
        for secret in self.game.secrets() {
            let Some(is) = state.pointer(&secret.at) else {
                continue;
            };
            for other in pool.others(&secret.at, is) {
                let Some(changed) = self.with(game, &secret.at, other) else {
                    continue;
                };
                if let Ok(Some(second)) = changed.after(doing) {
                    compare_events(&first, &second, &self.viewers(), compared)?;
                }
            }
        }
        let Doing::Move(seat, name, _) = doing else {
            return Ok(());
        };
        let schema = &game.moves[name];
        for choice in 0..OTHERS_MAX as u64 {
            let fields = allowed(schema, &mut Choices::from(choice));
            if let Ok(Some(second)) = self.after(&Doing::Move(*seat, name.clone(), fields)) {
                compare_events(&first, &second, &self.viewers(), compared)?;
            }
        }
        Ok(())
    }
}

type After = (Position, Vec<GameEvent>);

/// What can be seen of a game, by the function that says it.
type Seen = Vec<(&'static str, Value)>;

/// The first that is not the same in both.
fn differing<'a>(first: &'a Seen, second: &'a Seen) -> Option<(&'a str, &'a Value, &'a Value)> {
    let mut pairs = first.iter().zip(second);
    let ((name, seen), (_, seen_then)) = pairs.find(|(first, second)| first != second)?;
    Some((name, seen, seen_then))
}

/// Where two games differ in nothing that a viewer may know, what reaches the viewer may not differ.
fn compare_events(
    first: &After,
    second: &After,
    viewers: &[Viewer],
    compared: &Cell<u64>,
) -> Checked {
    let states = [first.0.state(), second.0.state()];
    if states[0] == states[1] {
        return Ok(());
    }
    for viewer in viewers.iter().copied() {
        let masked = [
            masked(&first.0, &states[0], viewer),
            masked(&second.0, &states[1], viewer),
        ];
        if masked[0] != masked[1] {
            continue;
        }
        compared.set(compared.get() + 1);
        let [heard, heard_then] = [reaching(&first.1, viewer), reaching(&second.1, viewer)];
        if heard != heard_then {
            return Err(format!(
                "what reaches {viewer:?} tells a secret: it hears {heard:?} or {heard_then:?}, and \
                 may not know of what the difference comes"
            ));
        }
        let seen = first.0.told_by_the_room(viewer)?;
        let Ok(seen_then) = second.0.told_by_the_room(viewer) else {
            continue;
        };
        if let Some((name, seen, seen_then)) = differing(&seen, &seen_then) {
            return Err(format!(
                "{name} tells {viewer:?} a secret: it gives {seen} or {seen_then}, and {viewer:?} may \
                 not know of what the difference comes"
            ));
        }
    }
    Ok(())
}

/// The state without what the viewer may not know.
fn masked(position: &Position, state: &Value, viewer: Viewer) -> Value {
    let mut masked = state.clone();
    for secret in position.game.secrets() {
        if is_known(&secret, viewer) {
            continue;
        }
        if let Some(place) = masked.pointer_mut(&secret.at) {
            *place = json!({ "secret": true });
        }
    }
    masked
}

fn is_known(secret: &Secret, viewer: Viewer) -> bool {
    matches!(viewer, Viewer::Seat(seat) if secret.known_to.contains(&seat))
}

fn reaching(events: &[GameEvent], viewer: Viewer) -> Vec<String> {
    let reaches = |to: &To| match (to, viewer) {
        (To::All, _) | (To::Spectators, Viewer::Spectator) => true,
        (To::Seats(seats), Viewer::Seat(seat)) => seats.contains(&seat),
        _ => false,
    };
    let events = events.iter().filter(|event| reaches(&event.to));
    events
        .map(|event| format!("{} {}", event.name, event.body))
        .collect()
}

fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(what))
        .map_err(|panic| format!("it panics: {}", panic_text(&*panic)))
}
