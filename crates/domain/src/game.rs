//! What a game is: the trait that one file implements, and the registry that the room plays from.
//! Turns' deadlines, disconnects, money and settlement are the room's; a game knows only its rules.

use crate::fairness::Dice;
use crate::ids::UserId;
use crate::json::JsonObject;
use crate::money::Cents;
use crate::refusal::{Refusal, RefusalCode};
use serde::de::DeserializeOwned;
use serde::de::{self, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A place at the table, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seat(pub u32);

impl Seat {
    /// As an index into a list of seats.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Who sits at the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SeatedPlayer {
    /// The user.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: Arc<str>,
    /// Whether a program of the house plays, and no person.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_bot: bool,
}

impl SeatedPlayer {
    /// A person.
    pub fn person(user_id: UserId, username: impl Into<Arc<str>>) -> SeatedPlayer {
        SeatedPlayer {
            user_id,
            username: username.into(),
            is_bot: false,
        }
    }
}

/// For fields that are left out where they are false.
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

/// What a game asks of the room that plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Grows with every change after which an old state or journal plays differently.
    pub version: u32,
    /// Fewest seats.
    pub min_seats: u32,
    /// Most seats.
    pub max_seats: u32,
    /// Seats that quick match fills.
    pub quick_seats: u32,
    /// Time for a turn, in milliseconds; none: no deadline.
    pub turn_ms: Option<i64>,
    /// How long the room waits before it plays an auto-played seat, in milliseconds.
    pub auto_play_ms: i64,
    /// What happens when a seated player is gone.
    pub on_disconnect: OnDisconnect,
    /// Sends `<game>.state` after every input.
    pub push_state: bool,
    /// Whether viewers see different states; if not, one state event serves the whole room.
    pub hidden_information: bool,
    /// No host, seats, readiness or fee: whoever joins sits down and plays at once.
    pub open_table: bool,
    /// The name under which the room tells how the game ended (see [`Ended`]), however it came to
    /// that; none where the game tells it itself.
    pub end_event: Option<&'static str>,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            version: 1,
            min_seats: 2,
            max_seats: 2,
            quick_seats: 2,
            turn_ms: Some(30_000),
            auto_play_ms: 1_000,
            on_disconnect: OnDisconnect::AutoPlay,
            push_state: true,
            hidden_information: false,
            open_table: false,
            end_event: None,
        }
    }
}

impl Spec {
    /// For two, with so long for a turn.
    pub fn timed(turn_ms: i64) -> Spec {
        Spec {
            turn_ms: Some(turn_ms),
            ..Spec::default()
        }
    }

    /// With a pause of so long in all for each player who is gone; then the others win.
    pub fn pausing(self, max_ms: i64) -> Spec {
        Spec {
            on_disconnect: OnDisconnect::Pause { max_ms },
            ..self
        }
    }

    /// With an end that the room tells, under this name.
    pub fn ending(self, end_event: &'static str) -> Spec {
        Spec {
            end_event: Some(end_event),
            ..self
        }
    }
}

/// What happens when a seated player is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The server plays the seat, by `on_timeout`, to the end.
    AutoPlay,
    /// The game waits, up to so many milliseconds in all; then the other side wins.
    Pause {
        /// Milliseconds of pause that one player may use up in a game.
        max_ms: i64,
    },
}

/// Who looks at a game.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// A player.
    Seat(Seat),
    /// Someone who watches.
    Spectator,
}

/// A part of a game's state that not everyone may know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// Who may; nobody, where it is a covered deck.
    pub known_to: Vec<Seat>,
    /// Where it stands in the state as JSON, as a JSON pointer: `/chosen/0`.
    pub at: String,
}

impl Secret {
    /// Known to one seat alone.
    pub fn of(seat: Seat, at: impl Into<String>) -> Secret {
        Secret {
            known_to: vec![seat],
            at: at.into(),
        }
    }

    /// Known to nobody yet.
    pub fn of_nobody(at: impl Into<String>) -> Secret {
        Secret {
            known_to: Vec::new(),
            at: at.into(),
        }
    }
}

/// How a game ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// One seat takes the prize.
    Winner(Seat),
    /// Everybody gets back what they paid.
    Draw,
}

impl Outcome {
    /// The first seat with at least so many points wins.
    pub fn at_points(scores: &[i64], points: i64) -> Option<Outcome> {
        let seat = scores.iter().position(|score| *score >= points)?;
        Some(Outcome::Winner(Seat(seat as u32)))
    }
}

/// The game is over.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Ended {
    /// Who won; null in a draw.
    pub winner_id: Option<UserId>,
    /// Who won, by name.
    pub winner_username: Option<Arc<str>>,
    /// User, name and points, in seat order.
    pub final_scores: Vec<(UserId, Arc<str>, i64)>,
    /// What the winner gets, in minor units; 0 in a draw, where everybody gets the fee back.
    pub prize_cents: Cents,
}

/// Whom a game's event reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// Players and spectators.
    All,
    /// These seats alone.
    Seats(Vec<Seat>),
    /// Spectators alone.
    Spectators,
}

/// One event of a game: its name without the game's prefix, and its fields.
#[derive(Debug, Clone)]
pub struct GameEvent {
    /// Whom it reaches.
    pub to: To,
    /// `rolled`, `moved`, …
    pub name: Cow<'static, str>,
    /// Its fields.
    pub body: JsonObject,
}

impl GameEvent {
    /// To players and spectators. `fields` must serialise to a JSON object; anything else is the
    /// game's own mistake and panics, which the room answers with `internal`.
    pub fn to_all(name: impl Into<Cow<'static, str>>, fields: &impl Serialize) -> GameEvent {
        GameEvent::new(To::All, name, fields)
    }

    fn new(to: To, name: impl Into<Cow<'static, str>>, fields: &impl Serialize) -> GameEvent {
        GameEvent {
            to,
            name: name.into(),
            body: JsonObject::of(fields).expect("an event's fields are a JSON object"),
        }
    }
}

/// What a game sees of its room while it acts: who sits where, the prize and the dice; and where
/// its events go.
pub struct Table<'a> {
    players: &'a [SeatedPlayer],
    prize: Cents,
    dice: &'a mut Dice,
    events: Vec<GameEvent>,
}

impl<'a> Table<'a> {
    /// A table for one input.
    pub fn new(players: &'a [SeatedPlayer], prize: Cents, dice: &'a mut Dice) -> Table<'a> {
        Table {
            players,
            prize,
            dice,
            events: Vec::new(),
        }
    }

    /// The players in seat order.
    pub fn players(&self) -> &'a [SeatedPlayer] {
        self.players
    }

    /// Every seat, in order.
    pub fn seats(&self) -> impl Iterator<Item = Seat> + use<> {
        (0..self.players.len() as u32).map(Seat)
    }

    /// The player at `seat`; a seat outside the table is the game's own mistake and panics,
    /// which the room answers with `internal`.
    pub fn player(&self, seat: Seat) -> &'a SeatedPlayer {
        &self.players[seat.index()]
    }

    /// What the winner will get, in minor units.
    pub fn prize(&self) -> Cents {
        self.prize
    }

    /// The provable dice.
    pub fn dice(&mut self) -> &mut Dice {
        self.dice
    }

    /// Sends an event: `fields` must serialise to a JSON object. Anything else is the game's own
    /// mistake and panics, which the room answers with `internal`.
    pub fn emit(&mut self, to: To, name: impl Into<Cow<'static, str>>, fields: &impl Serialize) {
        self.events.push(GameEvent::new(to, name, fields));
    }

    /// Sends an event about what `seat` did to everyone: `player_id`, `player_username` and `fields`,
    /// which must serialise to a JSON object.
    pub fn emit_by(
        &mut self,
        seat: Seat,
        name: impl Into<Cow<'static, str>>,
        fields: &impl Serialize,
    ) {
        let player = self.player(seat);
        let by = By {
            player_id: player.user_id,
            player_username: &player.username,
            fields,
        };
        self.emit(To::All, name, &by);
    }

    /// Sends an event about who has won a part of the game to everyone: `winner_id`,
    /// `winner_username`, both null where nobody has, and `fields`, which must serialise to a JSON
    /// object.
    pub fn emit_won(
        &mut self,
        winner: Option<Seat>,
        name: impl Into<Cow<'static, str>>,
        fields: &impl Serialize,
    ) {
        let winner = winner.map(|seat| self.player(seat));
        let won = Won {
            winner_id: winner.map(|winner| winner.user_id),
            winner_username: winner.map(|winner| &*winner.username),
            fields,
        };
        self.emit(To::All, name, &won);
    }

    /// The events so far; the table is done.
    pub fn into_events(self) -> Vec<GameEvent> {
        self.events
    }
}

#[derive(Serialize)]
struct By<'a, F: Serialize> {
    player_id: UserId,
    player_username: &'a str,
    #[serde(flatten)]
    fields: &'a F,
}

#[derive(Serialize)]
struct Won<'a, F: Serialize> {
    winner_id: Option<UserId>,
    winner_username: Option<&'a str>,
    #[serde(flatten)]
    fields: &'a F,
}

/// Points as events and states have them: user and number, in seat order.
pub fn scores_of(players: &[SeatedPlayer], scores: &[i64]) -> Vec<(UserId, i64)> {
    let users = players.iter().map(|player| player.user_id);
    users.zip(scores.iter().copied()).collect()
}

/// A game, as one pure file: its state is the implementing type.
pub trait Game: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// The name in event types and topics: lower snake case.
    const NAME: &'static str;

    /// The moves: an enum whose variants, in snake case, are the last part of
    /// `games.command.<game>.<move>` and whose fields are the command's.
    type Move: DeserializeOwned + schemars::JsonSchema;

    /// Seats, times and manners.
    fn spec() -> Spec;

    /// A fresh game for the players at the table.
    fn start(table: &mut Table<'_>) -> Self;

    /// The seats that may move now, the first of them the one that is waited for.
    fn to_act(&self) -> Vec<Seat>;

    /// One move. The room has checked that the game runs and that `seat` may act.
    fn apply(
        &mut self,
        table: &mut Table<'_>,
        seat: Seat,
        chosen: Self::Move,
    ) -> Result<(), Refusal>;

    /// The turn's time is over, or the seat is auto-played: moves for `seat`.
    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat);

    /// What a viewer may see, as a JSON object.
    fn view(&self, viewer: Viewer, players: &[SeatedPlayer]) -> serde_json::Value;

    /// What of the state not everyone may know now. The room does not ask: it is what the game suite
    /// holds views and events against.
    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }

    /// Whether it is over, and for whom.
    fn outcome(&self) -> Option<Outcome>;

    /// Points in seat order, for the room's list of players.
    fn scores(&self) -> Vec<i64> {
        Vec::new()
    }
}

/// A running game whose type is known to the registry alone.
pub trait RunningGame: Send {
    /// One move by name and fields.
    fn apply(
        &mut self,
        table: &mut Table<'_>,
        seat: Seat,
        name: &str,
        fields: &RawValue,
    ) -> Result<(), Refusal>;
    /// See [`Game::on_timeout`].
    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat);
    /// See [`Game::secrets`].
    fn secrets(&self) -> Vec<Secret>;
    /// See [`Game::to_act`].
    fn to_act(&self) -> Vec<Seat>;
    /// See [`Game::view`].
    fn view(&self, viewer: Viewer, players: &[SeatedPlayer]) -> serde_json::Value;
    /// See [`Game::outcome`].
    fn outcome(&self) -> Option<Outcome>;
    /// See [`Game::scores`].
    fn scores(&self) -> Vec<i64>;
    /// The state as JSON, for a snapshot.
    fn save(&self) -> Result<Box<RawValue>, serde_json::Error>;
    /// A copy to act on.
    fn copy(&self) -> Box<dyn RunningGame>;
}

impl<G: Game> RunningGame for G {
    fn apply(
        &mut self,
        table: &mut Table<'_>,
        seat: Seat,
        name: &str,
        fields: &RawValue,
    ) -> Result<(), Refusal> {
        let chosen = parse_move::<G::Move>(name, fields)?;
        Game::apply(self, table, seat, chosen)
    }

    fn on_timeout(&mut self, table: &mut Table<'_>, seat: Seat) {
        Game::on_timeout(self, table, seat);
    }

    fn secrets(&self) -> Vec<Secret> {
        Game::secrets(self)
    }

    fn to_act(&self) -> Vec<Seat> {
        Game::to_act(self)
    }

    fn view(&self, viewer: Viewer, players: &[SeatedPlayer]) -> serde_json::Value {
        Game::view(self, viewer, players)
    }

    fn outcome(&self) -> Option<Outcome> {
        Game::outcome(self)
    }

    fn scores(&self) -> Vec<i64> {
        Game::scores(self)
    }

    fn save(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(self)
    }

    fn copy(&self) -> Box<dyn RunningGame> {
        Box::new(self.clone())
    }
}

/// How much of a reader's complaint, which may quote the command, goes back to the client.
const COMPLAINT_CHARACTERS_MAX: usize = 200;

/// Reads a move from the last part of its event type and its payload. Fields that the move does
/// not have (`room_id`, `command_id`) are ignored; what is missing or ill-typed is named.
pub fn parse_move<M: DeserializeOwned>(name: &str, fields: &RawValue) -> Result<M, Refusal> {
    let is_known = Cell::new(false);
    M::deserialize(MoveDeserializer {
        name,
        fields,
        is_known: &is_known,
    })
    .map_err(|error| {
        let code = if is_known.get() {
            RefusalCode::InvalidFormat
        } else {
            RefusalCode::UnknownCommand
        };
        let complaint: String = error
            .to_string()
            .chars()
            .take(COMPLAINT_CHARACTERS_MAX)
            .collect();
        Refusal::because(code, complaint)
    })
}

/// An enum whose variant is the move's name and whose content is the command's payload, which stays
/// as it came: a field may be a `RawValue`.
struct MoveDeserializer<'a> {
    name: &'a str,
    fields: &'a RawValue,
    is_known: &'a Cell<bool>,
}

impl<'de> de::Deserializer<'de> for MoveDeserializer<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, serde_json::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for MoveDeserializer<'de> {
    type Error = serde_json::Error;
    type Variant = MoveFields<'de>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, MoveFields<'de>), serde_json::Error> {
        let name: de::value::StrDeserializer<'de, serde_json::Error> =
            self.name.into_deserializer();
        let variant = seed.deserialize(name)?;
        self.is_known.set(true);
        Ok((variant, MoveFields(self.fields)))
    }
}

struct MoveFields<'a>(&'a RawValue);

impl<'a> MoveFields<'a> {
    fn reader(&self) -> serde_json::Deserializer<serde_json::de::StrRead<'a>> {
        serde_json::Deserializer::from_str(self.0.get())
    }
}

impl<'de> VariantAccess<'de> for MoveFields<'de> {
    type Error = serde_json::Error;

    fn unit_variant(self) -> Result<(), serde_json::Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, serde_json::Error> {
        seed.deserialize(&mut self.reader())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, serde_json::Error> {
        Err(de::Error::custom("a move's fields have names"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, serde_json::Error> {
        de::Deserializer::deserialize_map(&mut self.reader(), visitor)
    }
}

/// A registered game: its spec, what it costs, and how to make and load it.
#[derive(Clone)]
pub struct GameDefinition {
    /// See [`Game::NAME`].
    pub name: &'static str,
    /// See [`Game::spec`].
    pub spec: Spec,
    /// What a seat costs in rooms made from now on.
    pub entry_fee: Cents,
    /// The winner's share of what the escrow holds, in percent; the rest is the rake.
    pub prize_percent: u8,
    /// The address of its own page's module, where it brings one.
    pub page: Option<String>,
    /// A JSON Schema of each move, by name.
    pub moves: Arc<BTreeMap<String, serde_json::Value>>,
    start: fn(&mut Table<'_>) -> Box<dyn RunningGame>,
    load: fn(&RawValue) -> Result<Box<dyn RunningGame>, serde_json::Error>,
}

impl fmt::Debug for GameDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GameDefinition")
            .field("name", &self.name)
            .field("spec", &self.spec)
            .finish()
    }
}

impl GameDefinition {
    /// The definition of `G` at 10.00 a seat and 80 % to the winner; an open table is free.
    pub fn of<G: Game>() -> GameDefinition {
        let spec = G::spec();
        GameDefinition {
            name: G::NAME,
            spec,
            entry_fee: if spec.open_table {
                Cents::ZERO
            } else {
                Cents(1_000)
            },
            prize_percent: 80,
            page: None,
            moves: Arc::new(move_schemas::<G::Move>()),
            start: |table| Box::new(G::start(table)),
            load: |state| {
                serde_json::from_str::<G>(state.get())
                    .map(|game| Box::new(game) as Box<dyn RunningGame>)
            },
        }
    }

    /// Whether the name can be a part of topics and event types: lower snake case.
    pub fn has_plain_name(&self) -> bool {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        self.name
            .starts_with(|first: char| first.is_ascii_lowercase())
            && self.name.bytes().all(is_plain)
    }

    /// A fresh game.
    pub fn start(&self, table: &mut Table<'_>) -> Box<dyn RunningGame> {
        (self.start)(table)
    }

    /// A game from its saved state.
    pub fn load(&self, state: &RawValue) -> Result<Box<dyn RunningGame>, serde_json::Error> {
        (self.load)(state)
    }
}

/// The variants of a move enum, each with the schema of its fields.
fn move_schemas<M: schemars::JsonSchema>() -> BTreeMap<String, serde_json::Value> {
    // Each schema goes out alone: it can not refer to definitions beside it.
    let settings = schemars::generate::SchemaSettings::default().with(|settings| {
        settings.inline_subschemas = true;
    });
    let schema = schemars::SchemaGenerator::new(settings)
        .into_root_schema_for::<M>()
        .to_value();
    let mut moves = BTreeMap::new();
    let several = schema["oneOf"].as_array();
    for variant in several.map_or(std::slice::from_ref(&schema), Vec::as_slice) {
        for (name, fields) in variant["properties"].as_object().into_iter().flatten() {
            let mut fields = fields.clone();
            // What a move is stands at its variant, not at its fields.
            if let (Some(fields), Some(what)) = (fields.as_object_mut(), variant.get("description"))
            {
                fields.entry("description").or_insert_with(|| what.clone());
            }
            moves.insert(name.clone(), fields);
        }
        let plain = variant["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(variant.get("const"));
        let empty = || serde_json::json!({ "type": "object" });
        moves.extend(plain.filter_map(|name| Some((name.as_str()?.to_owned(), empty()))));
    }
    moves
}

/// The games of this server, by name.
#[derive(Debug, Clone, Default)]
pub struct Games(BTreeMap<&'static str, GameDefinition>);

impl Games {
    /// Adds a game, or replaces the one of its name.
    pub fn add<G: Game>(&mut self) {
        self.insert(GameDefinition::of::<G>());
    }

    /// Adds a game by its definition.
    pub fn insert(&mut self, game: GameDefinition) {
        self.0.insert(game.name, game);
    }

    /// The game of this name.
    pub fn get(&self, name: &str) -> Option<&GameDefinition> {
        self.0.get(name)
    }

    /// The game of this name, to change its fee or percentage.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut GameDefinition> {
        self.0.get_mut(name)
    }

    /// All games, by name.
    pub fn iter(&self) -> impl Iterator<Item = &GameDefinition> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
    }

    #[derive(Debug, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "a pair is refused before anything reads it")]
    enum Move {
        Pass,
        Place {
            position: u8,
            colour: Option<Colour>,
        },
        Say(#[schemars(with = "serde_json::Value")] Box<RawValue>),
        Pair(u8, u8),
    }

    fn read(name: &str, fields: &str) -> Result<Move, RefusalCode> {
        let fields: Box<RawValue> = serde_json::from_str(fields).unwrap();
        parse_move(name, &fields).map_err(|refusal| refusal.code)
    }

    #[test]
    fn moves_read_from_name_and_fields() {
        assert!(matches!(read("pass", r#"{"room_id":"r"}"#), Ok(Move::Pass)));
        let placed = read("place", r#"{"room_id":"r","position":3,"colour":"red"}"#);
        let Ok(Move::Place {
            position: 3,
            colour: Some(Colour::Red),
        }) = placed
        else {
            panic!("{placed:?}");
        };
        let Ok(Move::Say(said)) = read("say", r#"{"a" :1.0}"#) else {
            panic!()
        };
        assert_eq!(said.get(), r#"{"a" :1.0}"#);
    }

    #[test]
    fn what_is_no_move_says_why() {
        let unknown = Err(RefusalCode::UnknownCommand);
        let malformed = Err(RefusalCode::InvalidFormat);
        let refused = |name: &str, fields: &str| read(name, fields).map(|_| ());
        assert_eq!(refused("jump", "{}"), unknown);
        assert_eq!(refused("Place", "{}"), unknown);
        assert_eq!(
            refused("place", r#"{"position":3,"colour":"blue"}"#),
            malformed
        );
        for fields in [
            "{}",
            "[3]",
            "3",
            "null",
            r#"{"position":-1}"#,
            r#"{"position":"3"}"#,
        ] {
            assert_eq!(refused("place", fields), malformed, "{fields}");
        }
        assert_eq!(refused("pair", "[1,2]"), malformed);
    }

    #[test]
    fn every_move_has_a_schema() {
        let schemas = move_schemas::<Move>();
        assert_eq!(
            schemas.keys().collect::<Vec<_>>(),
            ["pair", "pass", "place", "say"]
        );
        assert_eq!(move_schemas::<Colour>().keys().collect::<Vec<_>>(), ["red"]);
    }
}
