//! A game in a room, played by a script, with the players' money and the journal beside it.

use crate::Checked;
use crate::moves::{Choices, allowed, garbage};
use crate::script::{Script, Step};
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::room::{
    Action, Effects, Input, PasswordCheck, Room, RoomEvent, RoomLimits,
};
use blazing_sun_domain::{
    Account, Cents, GameDefinition, Games, Millis, Refusal, SeatedPlayer, UserId,
};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

const START: Millis = Millis(1_705_746_600_000);
const GRANT: i64 = 100_000;
const FEE: i64 = 1_000;
const PERCENT: u8 = 77;
/// The most that sit down, where a game takes more: a lobby has no more places.
const SEATS_MAX: u32 = 1_000;
/// One in so many courses is played at a full table.
const FULL_TABLE_ONE_IN: u8 = 4;
/// What a game may take to end by itself.
const TIME_OUTS_MAX: usize = 5_000;

/// How many sit down.
pub(crate) fn seats(game: &GameDefinition, script: &Script) -> u32 {
    let (least, most) = (
        game.spec.min_seats,
        game.spec.max_seats.max(game.spec.min_seats),
    );
    let most = most.min(SEATS_MAX.max(least));
    if script.seats % FULL_TABLE_ONE_IN == FULL_TABLE_ONE_IN - 1 {
        return most;
    }
    least + u32::from(script.seats / FULL_TABLE_ONE_IN) % (most - least + 1)
}

pub(crate) fn player(id: u32) -> SeatedPlayer {
    let user = UserId::new(id.into()).unwrap_or(UserId::SYSTEM);
    SeatedPlayer::person(user, format!("player-{id}"))
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}

pub(crate) struct Played {
    games: Games,
    name: &'static str,
    secret: RoomSecret,
    seats: u32,
    room: Option<Room>,
    now: Millis,
    journal: Vec<Input>,
    events: Vec<String>,
    money: BTreeMap<String, i64>,
    /// As the room tells it.
    turn: Option<u32>,
}

impl Played {
    /// A room in which the game has begun, and then the script's steps.
    pub fn by(game: &GameDefinition, script: &Script) -> Result<Played, String> {
        let mut games = Games::default();
        games.insert(game.clone());
        let mut played = Played {
            games,
            name: game.name,
            secret: RoomSecret([script.dice; 32]),
            seats: seats(game, script),
            room: None,
            now: START,
            journal: Vec::new(),
            events: Vec::new(),
            money: BTreeMap::new(),
            turn: None,
        };
        played.open()?;
        for step in &script.steps {
            played.take(game, step)?;
        }
        Ok(played)
    }

    fn open(&mut self) -> Checked {
        let create = Action::Create {
            room_id: "room-1".parse().map_err(|_| "no room id")?,
            game_type: self.name.to_owned(),
            room_name: "any".to_owned(),
            max_players: Some(self.seats),
            allow_spectators: true,
            is_password_protected: false,
            entry_fee: Cents(FEE),
            prize_percent: PERCENT,
            invites_bot: false,
            seated: Vec::new(),
            limits: RoomLimits::default(),
        };
        self.must(1, create)?;
        let everyone = 1..=self.seats;
        for id in everyone.clone().skip(1) {
            let password = PasswordCheck::Absent;
            self.must(id, Action::Join { password })?;
        }
        for id in everyone.clone() {
            let target = player(id).user_id;
            self.must(1, Action::Select { target })?;
        }
        for id in everyone {
            let (is_ready, seed_commitment) = (true, None);
            self.must(
                id,
                Action::Ready {
                    is_ready,
                    seed_commitment,
                },
            )?;
        }
        match self
            .events
            .iter()
            .any(|event| event.contains("game_started"))
        {
            true => Ok(()),
            false => Err("the game does not start when all are ready".to_owned()),
        }
    }

    fn must(&mut self, by: u32, action: Action) -> Checked {
        let told = format!("{action:?}");
        let refused = self.give(by, action)?;
        refused.map_or(Ok(()), |refusal| {
            Err(format!("before play, {told} is refused: {refusal}"))
        })
    }

    fn take(&mut self, game: &GameDefinition, step: &Step) -> Checked {
        let mut choices = Choices::from(step.choice);
        // One more than there are: somebody who is not in the room.
        let anyone = 1 + u32::from(step.who) % (self.seats + 1);
        let apt = self
            .turn
            .filter(|_| !step.who.is_multiple_of(4))
            .unwrap_or(anyone);
        self.now = self.now.plus(step.choice as i64 & 0xfff);
        let user = player(anyone).user_id;
        match step.what {
            0..=19 => {
                let (name, fields) = a_move(game, &mut choices, allowed);
                self.moves(apt, name, fields)
            }
            20..=22 => {
                let (name, fields) = a_move(game, &mut choices, garbage);
                self.moves(apt, name, fields)
            }
            23 => self.moves(apt, "no_such_move".to_owned(), json!({})),
            24..=26 => self.time_out(),
            27 => self.give(0, Action::Disconnected { user }).map(drop),
            28 => self.give(anyone, Action::Rejoin).map(drop),
            29 => self.give(anyone, Action::Sync { user }).map(drop),
            30 => self.give(anyone, Action::Leave).map(drop),
            _ => {
                let by_ms = step.choice as i64 & 0xffff;
                self.give(0, Action::Shift { by_ms }).map(drop)
            }
        }
    }

    fn moves(&mut self, by: u32, name: String, fields: Value) -> Checked {
        let game_type = self.name.to_owned();
        let fields = raw(&fields);
        self.give(
            by,
            Action::Move {
                game_type,
                name,
                fields,
            },
        )
        .map(drop)
    }

    fn time_out(&mut self) -> Checked {
        let Some(due) = self.room().and_then(Room::next_deadline) else {
            return Ok(());
        };
        self.now = self.now.max(due);
        self.give(0, Action::Deadline).map(drop)
    }

    fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    fn is_over(&self) -> bool {
        self.room().is_none_or(Room::is_over)
    }

    /// Gives the room an input, as the server does; a refusal is an answer, a panic is not.
    fn give(&mut self, by: u32, action: Action) -> Result<Option<Refusal>, String> {
        let by = player(by);
        let accounts = action.accounts(by.user_id).into_iter();
        let input = Input {
            now: self.now,
            by,
            balances: accounts.map(|user| (user, Cents(GRANT))).collect(),
            action,
        };
        match decided(&mut self.room, &input, &self.games, self.secret)? {
            Err(refusal) => Ok(Some(refusal)),
            Ok(effects) => {
                self.keep(input, &effects)?;
                Ok(None)
            }
        }
    }

    fn keep(&mut self, input: Input, effects: &Effects) -> Checked {
        for transfer in &effects.transfers {
            if transfer.amount <= Cents::ZERO {
                return Err(format!("a transfer of nothing: {transfer:?}"));
            }
            for (account, cents) in [
                (&transfer.from, -transfer.amount.0),
                (&transfer.to, transfer.amount.0),
            ] {
                let at_first = match account {
                    Account::Player(_) => GRANT,
                    _ => 0,
                };
                let balance = self.money.entry(account.to_string()).or_insert(at_first);
                *balance += cents;
                if *balance < 0 {
                    return Err(format!("{account} falls below 0 by {}", transfer.key));
                }
            }
        }
        for event in &effects.events {
            if event.name == "turn_changed" {
                let body: Value = serde_json::from_str(event.body.get()).unwrap_or_default();
                let user = body["current_turn"].as_str().and_then(|id| id.parse().ok());
                self.turn = user.or(self.turn);
            }
        }
        self.events.extend(effects.events.iter().map(told));
        self.journal.push(input);
        Ok(())
    }

    /// Everybody goes for good.
    pub fn all_go(&mut self) -> Checked {
        for id in 1..=self.seats {
            let user = player(id).user_id;
            self.give(0, Action::Disconnected { user })?;
        }
        Ok(())
    }

    /// Nothing but time passes, until the game is over.
    pub fn left_alone(&mut self) -> Checked {
        for _ in 0..TIME_OUTS_MAX {
            if self.is_over() {
                return Ok(());
            }
            if self.room().and_then(Room::next_deadline).is_none() {
                return Err("the game goes on, and no time-out would end it".to_owned());
            }
            self.time_out()?;
        }
        Err(format!(
            "the game does not end within {TIME_OUTS_MAX} time-outs"
        ))
    }

    pub fn is_paid_out(&self) -> Checked {
        let is_player = |account: &str| account.starts_with("player/");
        let held: i64 = self.money.values().sum();
        let at_first = self
            .money
            .keys()
            .filter(|account| is_player(account))
            .count() as i64
            * GRANT;
        let in_escrow: i64 = self
            .money
            .iter()
            .filter(|(account, _)| account.starts_with("escrow/"))
            .map(|(_, cents)| cents)
            .sum();
        match (held == at_first, in_escrow) {
            (true, 0) => Ok(()),
            (true, left) => Err(format!(
                "{left} cents are left in the escrow of an ended room"
            )),
            (false, _) => Err(format!("{at_first} cents became {held}")),
        }
    }

    /// Plays the journal again.
    pub fn replays(&self, reloading: bool) -> Checked {
        let mut room = None;
        let mut known = self.events.iter();
        for input in &self.journal {
            let input = serde_json::to_string(input).map_err(|error| error.to_string())?;
            let input: Input = serde_json::from_str(&input).map_err(|error| error.to_string())?;
            if reloading && let Some(before) = room {
                room = Some(self.reloaded(&before)?);
            }
            match decided(&mut room, &input, &self.games, self.secret)? {
                Ok(effects) => told_again(&mut known, &effects)?,
                Err(refusal) => {
                    return Err(format!(
                        "{:?} is refused the second time: {refusal}",
                        input.action
                    ));
                }
            }
        }
        if let Some(missing) = known.next() {
            return Err(format!("`{missing}` is not told the second time"));
        }
        let states = [self.room(), room.as_ref()].map(|room| room.map(saved));
        match &states {
            [Some(Ok(first)), Some(Ok(again))] if first == again => Ok(()),
            _ => Err("the same inputs lead to another state the second time".to_owned()),
        }
    }

    fn reloaded(&self, room: &Room) -> Result<Room, String> {
        let state = saved(room)?;
        let loaded = Room::load(&state, &self.games, self.secret);
        let loaded = loaded.map_err(|error| format!("its own state does not load: {error:?}"))?;
        match saved(&loaded)? == state {
            true => Ok(loaded),
            false => Err("a state that was saved and loaded is saved differently".to_owned()),
        }
    }
}

fn saved(room: &Room) -> Result<Vec<u8>, String> {
    room.save()
        .map_err(|error| format!("its state can not be saved: {error}"))
}

/// The same events as those that are known to come next.
fn told_again<'a>(known: &mut impl Iterator<Item = &'a String>, effects: &Effects) -> Checked {
    for again in effects.events.iter().map(told) {
        match known.next() {
            Some(first) if *first == again => {}
            Some(first) => return Err(format!("`{first}` becomes `{again}` the second time")),
            None => return Err(format!("`{again}` is told only the second time")),
        }
    }
    Ok(())
}

fn told(event: &RoomEvent) -> String {
    let RoomEvent {
        name,
        audience,
        order,
        body,
        membership,
    } = event;
    format!("{name} {audience:?} {order:?} {membership:?} {body}")
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_default()
}

/// One of the game's moves, with fields from its schema.
pub(crate) fn a_move(
    game: &GameDefinition,
    choices: &mut Choices,
    fields: fn(&Value, &mut Choices) -> Value,
) -> (String, Value) {
    let moves: Vec<_> = game.moves.iter().collect();
    let Some((name, schema)) = choices.one_of(&moves).copied() else {
        return (String::new(), json!({}));
    };
    (name.clone(), fields(schema, choices))
}

/// Decides on a copy, as the server does; the outer error is a panic.
fn decided(
    room: &mut Option<Room>,
    input: &Input,
    games: &Games,
    secret: RoomSecret,
) -> Result<Result<Effects, Refusal>, String> {
    let result = catch_unwind(AssertUnwindSafe(|| match room.clone() {
        None => Room::create(input, games, secret),
        Some(mut copy) => copy.decide(input, games).map(|effects| (copy, effects)),
    }));
    let result =
        result.map_err(|panic| format!("`{}` panics: {}", told_of(input), panic_text(&*panic)))?;
    Ok(result.map(|(decided, effects)| {
        *room = Some(decided);
        effects
    }))
}

fn told_of(input: &Input) -> String {
    let action = serde_json::to_string(&input.action).unwrap_or_default();
    format!("{} {action}", input.by.username)
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::games::bigger_dice::BiggerDice;

    fn script(seats: u8) -> Script {
        Script {
            seats,
            dice: 1,
            steps: Vec::new(),
        }
    }

    #[test]
    fn every_number_of_seats_is_played_and_a_full_table_most_often() {
        let game = GameDefinition::of::<BiggerDice>();
        let mut counts = BTreeMap::<u32, u32>::new();
        for course in 0..=u8::MAX {
            *counts.entry(seats(&game, &script(course))).or_default() += 1;
        }
        assert!(counts.keys().copied().eq(2..=10), "{counts:?}");
        assert!(counts[&10] >= 64, "{counts:?}");
    }

    #[test]
    fn a_game_for_any_number_is_played_by_as_many_as_a_room_takes() {
        let mut game = GameDefinition::of::<BiggerDice>();
        game.spec.max_seats = u32::MAX;
        let full = script(FULL_TABLE_ONE_IN - 1);
        let played = Played::by(&game, &full).expect("all of them sit down");
        assert_eq!(played.seats, SEATS_MAX);
    }

    #[test]
    fn what_is_missing_or_more_at_the_very_end_is_noticed() {
        let game = GameDefinition::of::<BiggerDice>();
        let mut played = Played::by(&game, &script(0)).expect("a sound game");
        played.left_alone().expect("a sound game");
        assert_eq!(played.replays(false), Ok(()));
        let last = played.events.pop().expect("something was told");
        let more = played.replays(false).expect_err("one more is told again");
        assert_eq!(more, format!("`{last}` is told only the second time"));
        played.events.extend([last, "one more".to_owned()]);
        let fewer = played.replays(false).expect_err("one less is told again");
        assert_eq!(fewer, "`one more` is not told the second time");
    }

    #[test]
    fn money_that_comes_from_nowhere_is_noticed() {
        let game = GameDefinition::of::<BiggerDice>();
        let mut played = Played::by(&game, &script(0)).expect("a sound game");
        let in_escrow = played.is_paid_out().expect_err("the game runs");
        assert!(in_escrow.starts_with("2000 cents are left"), "{in_escrow}");
        played.left_alone().expect("a sound game");
        assert_eq!(played.is_paid_out(), Ok(()));
        played.money.insert("house/rake".to_owned(), 461);
        assert_eq!(
            played.is_paid_out(),
            Err("200000 cents became 200001".to_owned())
        );
    }
}
