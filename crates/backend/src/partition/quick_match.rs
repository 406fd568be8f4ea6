//! Quick match: a game's queue, first come, first served. Its owner matches players and has their room
//! opened by the room's own partition, which says what became of it.

mod matched;

use super::commands::{Outcome, ROOMS_OF_USER_MAX, congested};
use super::{Asked, Partition, Rules, Turn};
use crate::inbox::Answer;
use crate::live::{Costs, Live};
use crate::outgoing::Family;
use crate::store::{Store, StoreError};
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::messages::{self, MatchedRoom, QuickMatch, queue_key};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::{
    Cents, CommandId, Millis, Refusal, RefusalCode, RoomId, SeatedPlayer, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

/// The queues of the games that belong to this partition.
#[derive(Debug, Default)]
pub(super) struct Queues {
    by_game: BTreeMap<String, Queue>,
    /// Those that are not written as they are.
    changed: BTreeSet<String>,
    live: Live,
}

/// Who waits for a game, and who was matched and has no room yet.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Queue {
    waiting: VecDeque<Waiting>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    matches: Vec<Match>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    player: SeatedPlayer,
    /// The command that asked last.
    command_id: CommandId,
    /// What was in force then, and agreed to; none in queues that were saved without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    costs: Option<Costs>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Match {
    room_id: RoomId,
    players: Vec<Waiting>,
    /// Who would rather not any more; answered once it is known what became of the match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cancels: Vec<Cancel>,
    /// Who is gone since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gone: Vec<UserId>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cancel {
    user: UserId,
    command_id: CommandId,
    socket_id: String,
}

impl Match {
    fn to_open(&self, game_type: &str) -> MatchedRoom {
        let players = self.players.iter();
        let costs = self.players.first().and_then(|first| first.costs);
        MatchedRoom {
            entry_fee_cents: costs.map(|costs| costs.entry_fee),
            prize_percent: costs.map(|costs| costs.prize_percent),
            room_id: self.room_id.clone(),
            game_type: game_type.to_owned(),
            players: players.map(|waiting| waiting.player.clone()).collect(),
        }
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.matches.is_empty()
    }

    fn is_waiting(&self, user: UserId) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.player.user_id == user)
    }

    fn match_of(&mut self, user: UserId) -> Option<&mut Match> {
        let has = |found: &&mut Match| found.players.iter().any(|p| p.player.user_id == user);
        self.matches.iter_mut().find(has)
    }

    fn remove(&mut self, user: UserId) -> bool {
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.player.user_id != user);
        self.waiting.len() < before
    }
}

impl Queues {
    fn of(&mut self, game_type: &str) -> &mut Queue {
        self.changed.insert(game_type.to_owned());
        self.by_game.entry(game_type.to_owned()).or_default()
    }

    /// Is told by this of maintenance from now on.
    pub(super) fn follow(&mut self, live: &Live) {
        if !self.live.is(live) {
            self.live = live.clone();
        }
    }

    /// When those who wait lose their places: maintenance begins.
    pub(super) fn close_at(&self) -> Option<Millis> {
        let waits = self.by_game.values().any(|queue| !queue.waiting.is_empty());
        match waits {
            true => self.live.maintenance_at(),
            false => None,
        }
    }

    /// How many wait in all.
    pub(super) fn len(&self) -> usize {
        let queues = self.by_game.values();
        queues
            .map(|queue| queue.waiting.len() + queue.matches.len())
            .sum()
    }
}

/// One who asked, for an answer that comes later than the command.
fn asked_before<'a>(
    user: UserId,
    command_id: CommandId,
    id: &'a str,
    socket_id: &'a str,
) -> Asked<'a> {
    Asked {
        command_id: Some(command_id),
        is_kept: true,
        correlation_id: id,
        user,
        socket_id,
        chat: false,
    }
}

impl Partition {
    /// What a queue, or the partition of a matched room, is asked.
    pub(super) fn quick_match<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: SeatedPlayer,
        quick: QuickMatch,
    ) -> Result<Outcome, StoreError> {
        match quick {
            QuickMatch::Asked {
                game_type,
                cancel,
                agreed_fee,
            } => {
                let game = turn.rules.games.get(&game_type);
                let Some(game) = game.filter(|game| !game.spec.open_table) else {
                    return refused(RefusalCode::UnknownGame);
                };
                if cancel {
                    return self.give_up_place(turn, asked, &game_type);
                }
                let costs = turn.live.costs(game);
                if let Some(changed) = costs.refusal_of(agreed_fee) {
                    // The user may hold a place at the costs in force, from another page than the one that is outdated.
                    let (user, of_costs) = (asked.user, Some(costs));
                    let is_outdated =
                        |it: &Waiting| it.player.user_id == user && it.costs != of_costs;
                    self.give_back_those(turn, &game_type, &changed, is_outdated);
                    return Ok(Outcome::Refused(None, changed));
                }
                return self.take_place(turn, asked, by, &game_type, costs);
            }
            QuickMatch::OpenRoom(open) => self.open_matched_room(turn, asked, open)?,
            QuickMatch::Settled(settled) => self.match_settled(turn, asked, settled)?,
            QuickMatch::Left { game_type, user_id } => self.left_queue(&game_type, user_id),
            QuickMatch::MatchedWhileGone {
                matched_room_id,
                user_id,
            } => {
                if !self.is_there(user_id) {
                    self.tell_disconnected(turn, &matched_room_id, user_id);
                }
            }
        }
        Ok(Outcome::NotKept)
    }

    /// Notes at a user's own partition that the user may wait, so that going away gives the place up.
    pub(super) fn note_quick_match(&mut self, rules: &Rules, user: UserId, game_type: &str) {
        let own = partition_of(user.to_string().as_bytes(), rules.partitions);
        if own == self.number && rules.games.get(game_type).is_some() {
            let noted = self.may_wait.entry(user).or_default();
            noted.insert(game_type.to_owned());
        }
    }

    /// Gives up the places of a user who is gone.
    pub(super) fn give_up_places_of<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) {
        for game_type in self.may_wait.remove(&user).unwrap_or_default() {
            let id = turn.outgoing.event_id();
            let payload = messages::quick_match_left(id, &game_type, user);
            self.tell_queue(
                turn,
                &game_type,
                messages::QUICK_MATCH_LEFT,
                id,
                None,
                &payload,
            );
        }
    }

    fn take_place<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: SeatedPlayer,
        game_type: &str,
        costs: Costs,
    ) -> Result<Outcome, StoreError> {
        let (user, Some(command_id)) = (asked.user, asked.command_id) else {
            return Ok(Outcome::NotKept);
        };
        if let Some(closed) = turn.live.closed(turn.now) {
            return Ok(Outcome::Refused(None, closed));
        }
        if turn.refuses_fee(game_type) {
            return Ok(Outcome::Refused(None, congested()));
        }
        let queue = self.queues.of(game_type);
        if let Some(waiting) = queue.waiting.iter_mut().find(|w| w.player.user_id == user) {
            waiting.command_id = command_id;
            waiting.costs = Some(costs);
        } else if queue.match_of(user).is_none() {
            if by.is_bot {
                let why = "Bots come to rooms that people open";
                return Ok(Outcome::Refused(
                    None,
                    Refusal::because(RefusalCode::NotHost, why),
                ));
            }
            if let Some(refusal) = self.may_not_be_matched(turn, user, costs.entry_fee)? {
                return Ok(Outcome::Refused(None, refusal));
            }
            self.queues.of(game_type).waiting.push_back(Waiting {
                player: by,
                command_id,
                costs: Some(costs),
            });
        }
        self.give_back_other_costs(turn, game_type, costs);
        self.answer_waiting(turn, asked, game_type);
        self.keep(turn, user, command_id, Answer::Queued(game_type.to_owned()));
        self.match_players(turn, asked.correlation_id, game_type);
        Ok(Outcome::Answered)
    }

    fn give_up_place<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        game_type: &str,
    ) -> Result<Outcome, StoreError> {
        let Some(command_id) = asked.command_id else {
            return Ok(Outcome::NotKept);
        };
        if let Some(found) = self.queues.of(game_type).match_of(asked.user) {
            found.cancels.push(Cancel {
                user: asked.user,
                command_id,
                socket_id: asked.socket_id.to_owned(),
            });
            return Ok(Outcome::NotKept);
        }
        self.queues.of(game_type).remove(asked.user);
        self.answer_waiting(turn, asked, game_type);
        self.keep(
            turn,
            asked.user,
            command_id,
            Answer::Queued(game_type.to_owned()),
        );
        Ok(Outcome::Answered)
    }

    /// Gives back the places of all who wait, once maintenance has begun. Who was matched gets the room.
    pub(super) fn close_queues<S: Store>(&mut self, turn: &mut Turn<'_, S>) {
        let Some(closed) = turn.live.closed(turn.now) else {
            return;
        };
        let games: Vec<String> = self.queues.by_game.keys().cloned().collect();
        for game_type in games {
            if self.queues.by_game[&game_type].waiting.is_empty() {
                continue;
            }
            self.give_back_those(turn, &game_type, &closed, |_| true);
        }
    }

    /// Gives back the places of those who agreed to other costs than these, which are in force: nobody new comes to
    /// play with them, and a changed fee has to be agreed to anew.
    fn give_back_other_costs<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        game_type: &str,
        costs: Costs,
    ) {
        let why = RefusalCode::FeeChanged.into();
        self.give_back_those(turn, game_type, &why, |it| it.costs != Some(costs));
    }

    /// Gives back these of the places of a game.
    fn give_back_those<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        game_type: &str,
        why: &Refusal,
        is_one: impl Fn(&Waiting) -> bool,
    ) {
        let queue = self.queues.of(game_type);
        let waiting = std::mem::take(&mut queue.waiting).into_iter();
        let (given_back, kept): (VecDeque<_>, VecDeque<_>) = waiting.partition(is_one);
        queue.waiting = kept;
        for waiting in given_back {
            self.give_back(turn, &waiting, why);
        }
    }

    /// Answers late that there is no place after all.
    fn give_back<S: Store>(&mut self, turn: &mut Turn<'_, S>, waiting: &Waiting, why: &Refusal) {
        let (user, command_id) = (waiting.player.user_id, waiting.command_id);
        let id = command_id.to_string();
        // The asking socket may be gone by now: all of the user's hear it.
        let asked = asked_before(user, command_id, &id, "");
        self.send_refusal(turn, asked, None, why);
        self.keep(turn, user, command_id, Answer::Refused(None, why.clone()));
    }

    /// The user is gone.
    fn left_queue(&mut self, game_type: &str, user: UserId) {
        let queue = self.queues.of(game_type);
        if !queue.remove(user)
            && let Some(found) = queue.match_of(user)
        {
            found.gone.push(user);
        }
    }

    /// Says how many wait, and whether the asker does.
    pub(super) fn answer_waiting<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        game_type: &str,
    ) {
        let queue = self.queues.of(game_type);
        let is_waiting = queue.is_waiting(asked.user) || queue.match_of(asked.user).is_some();
        let body = messages::quick_match_waiting_body(game_type, queue.waiting.len(), is_waiting);
        self.answer(
            turn,
            asked,
            (Family::Games, "quick_match_waiting"),
            None,
            &body,
        );
    }

    /// Why the user gets no seat in a matched room.
    fn may_not_be_matched<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        fee: Cents,
    ) -> Result<Option<Refusal>, StoreError> {
        if turn.store.is_shut_out(user)? {
            let why = "This account can not play any more";
            return Ok(Some(Refusal::because(RefusalCode::Banned, why)));
        }
        if self.rooms_of(turn, user)?.len() >= ROOMS_OF_USER_MAX {
            return Ok(Some(RefusalCode::TooManyRooms.into()));
        }
        if let Some(refusal) = turn.exclusion(user)? {
            return Ok(Some(refusal));
        }
        let is_short = turn.balance(user)? < fee;
        Ok(is_short.then(|| RefusalCode::InsufficientBalance.into()))
    }

    /// Has a room opened for each full table of those who wait.
    fn match_players<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        correlation_id: &str,
        game_type: &str,
    ) {
        let Some(game) = turn.rules.games.get(game_type) else {
            return;
        };
        let seats = game.spec.quick_seats.max(1) as usize;
        self.give_back_other_costs(turn, game_type, turn.live.costs(game));
        while self.queues.of(game_type).waiting.len() >= seats {
            let queue = self.queues.of(game_type);
            let players: Vec<Waiting> = queue.waiting.drain(..seats).collect();
            let found = Match {
                room_id: matched_room_id(game_type, &players),
                players,
                cancels: Vec::new(),
                gone: Vec::new(),
            };
            let open = found.to_open(game_type);
            queue.matches.push(found);
            self.have_opened(turn, Some(correlation_id), &open);
        }
    }

    fn tell_queue<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        game_type: &str,
        name: &'static str,
        id: Uuid,
        correlation_id: Option<&str>,
        payload: &RawValue,
    ) {
        let own_id = id.to_string();
        let correlation_id = correlation_id.unwrap_or(&own_id);
        let about = (name, id, correlation_id, Audience::user(UserId::SYSTEM));
        self.tell(turn, &queue_key(game_type), about, payload);
    }

    /// Sends an internal command to whoever owns the key.
    fn tell<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        key: &str,
        (name, id, correlation_id, audience): (&'static str, Uuid, &str, Audience<'_>),
        payload: &RawValue,
    ) {
        let envelope = EventEnvelope {
            event_id: id.to_string().into(),
            event_type: name.into(),
            timestamp: turn.outgoing.now_text().to_owned().into(),
            correlation_id: Some(correlation_id.into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience,
            payload,
        };
        self.send_command(turn, key, &envelope);
    }

    /// Writes the queues that changed.
    pub(super) fn save_queues<S: Store>(&mut self, turn: &mut Turn<'_, S>) {
        for game_type in std::mem::take(&mut self.queues.changed) {
            let kept = self.queues.by_game.get(&game_type);
            let state = kept.filter(|queue| !queue.is_empty()).map(|queue| {
                serde_json::to_vec(queue).expect("names, ids and texts are plain JSON values")
            });
            if state.is_none() && self.queues.by_game.remove(&game_type).is_none() {
                continue;
            }
            turn.writes.queues.push((game_type, state));
        }
    }

    /// Takes a saved queue back; gives those who wait in it.
    pub fn restore_queue(
        &mut self,
        game_type: &str,
        state: &[u8],
    ) -> Result<Vec<UserId>, StoreError> {
        let queue: Queue = serde_json::from_slice(state)
            .map_err(|error| StoreError::Corrupt(format!("the queue of {game_type}: {error}")))?;
        let matched = queue.matches.iter().flat_map(|found| &found.players);
        let users = queue.waiting.iter().chain(matched);
        let users = users.map(|waiting| waiting.player.user_id).collect();
        self.queues.by_game.insert(game_type.to_owned(), queue);
        Ok(users)
    }

    /// Notes that a user waits in a queue that was taken back.
    pub fn restore_place(&mut self, user: UserId, game_type: &str) {
        let noted = self.may_wait.entry(user).or_default();
        noted.insert(game_type.to_owned());
    }
}

/// The same for the same askings, however often they are matched.
fn matched_room_id(game_type: &str, players: &[Waiting]) -> RoomId {
    let ids = players
        .iter()
        .map(|waiting| waiting.command_id.0.into_bytes().to_vec());
    let parts = std::iter::once(queue_key(game_type).into_bytes()).chain(ids);
    let id = derived_id(parts).to_string();
    id.parse().expect("a UUID's text is a room id")
}

fn refused(code: RefusalCode) -> Result<Outcome, StoreError> {
    Ok(Outcome::Refused(None, code.into()))
}
