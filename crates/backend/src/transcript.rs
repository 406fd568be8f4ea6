//! An ended room once more, as one of its players saw it: decided again from its journal by the domain's rules, and
//! of what comes of it the events that were this player's to see. Nothing is written, and no money is looked at.

use crate::partition::{panic_text, replayed};
use crate::store::RoomArchive;
use blazing_sun_backbone::credentials::Sealer;
use blazing_sun_domain::fairness::RoomSecret;
use blazing_sun_domain::room::{
    EventAudience, Input, Membership, Order, RULES_VERSION, Room, RoomEvent, RoomStatus,
};
use blazing_sun_domain::{Cents, Games, Millis, UserId};
use serde_json::{Map, Value};

/// An event as its frame was, but for its ids.
pub type Frame = Map<String, Value>;

/// What was said is between those who were there, and is not told again.
const CHAT: [&str; 2] = ["chat_message", "chat_history"];

/// Why a room can not be shown again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// The game, or the rules of rooms, are others by now.
    #[error("this room was played by rules that this server does not have any more")]
    OtherRules,
    /// Its secret is sealed under keys that are gone, or its journal does not lead to its end.
    #[error("the room can not be decided again: {0}")]
    Damaged(String),
}

/// The events of an ended room that `viewer` saw; none where the viewer had no seat in play. Of a room with a fee that
/// the viewer has not paid, no more than its beginning is decided.
pub fn transcript(
    archive: &RoomArchive,
    games: &Games,
    sealer: &Sealer,
    viewer: UserId,
    has_paid: bool,
) -> Result<Option<Vec<Frame>>, TranscriptError> {
    let game = games.get(&archive.game_type);
    let is_same = game.is_some_and(|game| game.spec.version == archive.game_version);
    if archive.rules_version != RULES_VERSION || !is_same {
        return Err(TranscriptError::OtherRules);
    }
    let damaged = |what: String| TranscriptError::Damaged(what);
    let sealed = sealer.open(&archive.sealed_secret, archive.room_id.as_str().as_bytes());
    let secret = sealed
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    let secret = RoomSecret(secret.ok_or_else(|| damaged("its secret does not open".to_owned()))?);

    let mut room = None;
    let mut seen = Seen::by(viewer);
    let mut was_seated = false;
    for input in serde_json::Deserializer::from_slice(&archive.last_inputs).into_iter::<Input>() {
        let input = input.map_err(|error| damaged(error.to_string()))?;
        let is_first = room.is_none();
        let effects = replayed(&mut room, &input, games, secret)
            .map_err(|panic| damaged(panic_text(&*panic)))?
            .map_err(|refusal| damaged(refusal.to_string()))?;
        for event in &effects.events {
            seen.event(event, archive, input.now)
                .map_err(|error| damaged(error.to_string()))?;
        }
        if is_first && !has_paid && room.as_ref().is_some_and(charges) {
            return Ok(None);
        }
        was_seated |= room.as_ref().is_some_and(|room| plays(room, viewer));
    }
    if !room.as_ref().is_some_and(Room::is_over) {
        return Err(damaged("its journal does not end".to_owned()));
    }
    Ok(was_seated.then_some(seen.frames))
}

fn charges(room: &Room) -> bool {
    let summary = room.summary();
    summary.is_some_and(|summary| summary.entry_fee_cents > Cents::ZERO)
}

fn plays(room: &Room, viewer: UserId) -> bool {
    room.status() == RoomStatus::InProgress && room.standing(viewer) == Membership::Player
}

/// What reaches one user, by the rules that gateways route by.
struct Seen {
    viewer: UserId,
    standing: Membership,
    frames: Vec<Frame>,
}

impl Seen {
    fn by(viewer: UserId) -> Seen {
        Seen {
            viewer,
            standing: Membership::None,
            frames: Vec::new(),
        }
    }

    fn event(
        &mut self,
        event: &RoomEvent,
        room: &RoomArchive,
        now: Millis,
    ) -> serde_json::Result<()> {
        let moved = event
            .membership
            .iter()
            .find(|(user, _)| *user == self.viewer);
        let moved = moved.map(|(_, standing)| *standing);
        // Entering counts before the event is delivered, leaving after it.
        if let Some(standing) = moved.filter(|standing| *standing != Membership::None) {
            self.standing = standing;
        }
        if self.is_for_viewer(&event.audience) && !CHAT.contains(&&*event.name) {
            self.frames.push(frame(event, room, now)?);
        }
        if moved == Some(Membership::None) {
            self.standing = Membership::None;
        }
        Ok(())
    }

    fn is_for_viewer(&self, audience: &EventAudience) -> bool {
        match audience {
            EventAudience::Room => self.standing != Membership::None,
            EventAudience::Players => {
                matches!(self.standing, Membership::Player | Membership::Lobby)
            }
            EventAudience::Spectators => self.standing == Membership::Spectator,
            EventAudience::User(user) => *user == self.viewer,
            EventAudience::Users(users) => users.contains(&self.viewer),
            // The list of rooms is all that it is about.
            EventAudience::Broadcast => false,
        }
    }
}

fn frame(event: &RoomEvent, room: &RoomArchive, now: Millis) -> serde_json::Result<Frame> {
    let mut frame = Frame::new();
    frame.insert("type".into(), format!("games.event.{}", event.name).into());
    frame.insert("timestamp".into(), now.to_string().into());
    frame.insert("room_id".into(), room.room_id.as_str().into());
    match event.order {
        Order::Room(seq) => frame.insert("room_seq".into(), seq.into()),
        Order::After(seq) => frame.insert("after_seq".into(), seq.into()),
        Order::Outside => None,
    };
    let body: Frame = serde_json::from_str(event.body.get())?;
    frame.extend(body.into_iter().filter(|(name, _)| name != "type"));
    Ok(frame)
}
