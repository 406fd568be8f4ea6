//! From a record to a decision: who asks, whether it was answered before, which room it is for, and
//! the answer where there is no room to give it.

use super::actions::{Misdirected, in_a_room};
use super::rooms::{has_ended, system};
use super::{Asked, ListQuery, Partition, Taken, Turn, name};
use crate::inbox::{Answer, Answered, Inbox, Seen};
use crate::metrics::{Decided, METRICS};
use crate::names::{self, ROOM_NAME_CHARS_MAX};
use crate::outgoing::{Event, Family};
use crate::store::{ListingChange, Store, StoreError};
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::envelope::{AudienceKind, EventEnvelope};
use blazing_sun_backbone::is_planted;
use blazing_sun_backbone::line_pace::LinePace;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{self, Command, CreateRoom, JoinRoom, QuickMatch};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_backbone::topics;
use blazing_sun_domain::room::{Action, Order, PasswordCheck};
use blazing_sun_domain::{CommandId, Refusal, RefusalCode, RoomId, SeatedPlayer, UserId};
use std::borrow::Cow;
use uuid::Uuid;

/// Rooms that one user may be in: each sign-in asks all of them.
pub(super) const ROOMS_OF_USER_MAX: usize = 16;

/// Keys are ids; another program's may be as long as it likes.
/// Lines about refused commands a second.
static REFUSALS_TOLD: LinePace = LinePace::new(50);
const LETTER_KEY_BYTES_MAX: usize = 1_024;

/// What became of a command.
pub(super) enum Outcome {
    /// Everything has been said and kept.
    Answered,
    /// It was refused, and the refusal is to be kept.
    Refused(Option<RoomId>, Refusal),
    /// It was only asked: nothing is kept.
    NotKept,
    /// It was passed on to this room.
    Passed(RoomId),
}

impl Partition {
    /// A record of `games.commands` or `chat.commands`.
    pub(super) fn command<S: Store>(&mut self, turn: &mut Turn<'_, S>, record: &Record) -> Taken {
        turn.outgoing.begin_command(record);
        let (event_type, decided) = match EventEnvelope::parse(&record.payload) {
            Ok(envelope) => {
                let decided = self.decide_envelope(turn, record, &envelope);
                (envelope.event_type, decided)
            }
            Err(error) => {
                self.dead_record(turn, record, &error.to_string());
                (Cow::Borrowed(""), Ok(Decided::DeadLetter))
            }
        };
        turn.outgoing.end_command();
        METRICS.decided(&mut self.counters, &turn.rules.games, &event_type, decided?);
        Ok(())
    }

    fn decide_envelope<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        record: &Record,
        envelope: &EventEnvelope<'_>,
    ) -> Result<Decided, StoreError> {
        let user = envelope.actor.user_id;
        let parsed = messages::parse_command(&envelope.event_type, envelope.payload);
        let given = match &parsed {
            Ok((id, _)) => *id,
            Err(invalid) => invalid.command_id,
        };
        let command_id = given.unwrap_or_else(|| id_of_event(&envelope.event_id));
        let mut id_text = Uuid::encode_buffer();
        let id_text: &str = command_id.0.hyphenated().encode_lower(&mut id_text);
        let asked = Asked {
            command_id: Some(command_id),
            is_kept: true,
            correlation_id: envelope.correlation_id.as_deref().unwrap_or(id_text),
            user,
            socket_id: &envelope.actor.socket_id,
            chat: record.topic.as_str() == topics::CHAT_COMMANDS,
        };
        turn.outgoing
            .command_is(&envelope.event_type, asked.correlation_id);
        let command = match parsed {
            Ok((_, command)) => command,
            Err(invalid) => {
                self.send_refusal(turn, asked, None, &invalid.refusal);
                return Ok(Decided::Refused);
            }
        };
        if let Some(room) = command.room_id() {
            let owner = partition_of(room.as_str().as_bytes(), turn.rules.partitions);
            if owner != self.number {
                self.send_command(turn, room.as_str(), envelope);
                return Ok(Decided::PassedOn);
            }
        }
        if let Command::QuickMatch(quick) = &command
            && let Some(game_type) = quick.queue_of()
        {
            let key = messages::queue_key(game_type);
            if matches!(quick, QuickMatch::Asked { cancel: false, .. }) {
                let home = user.to_string();
                if ![home.as_bytes(), key.as_bytes()].contains(&&*record.key) {
                    // Only there is it noted whose place to give up.
                    self.send_command(turn, &home, envelope);
                    return Ok(Decided::PassedOn);
                }
                self.note_quick_match(turn.rules, user, game_type);
            }
            if partition_of(key.as_bytes(), turn.rules.partitions) != self.number {
                self.send_command(turn, &key, envelope);
                return Ok(Decided::PassedOn);
            }
        }
        if let Some(user) = home_of(&command, user) {
            // One partition answers for a user, whichever way a command came.
            let key = user.to_string();
            let owner = partition_of(key.as_bytes(), turn.rules.partitions);
            if owner != self.number {
                let topic = match command {
                    Command::Chat(_) => &self.topics.chat_commands,
                    _ => &self.topics.commands,
                };
                self.forward(turn, topic, owner, &key, envelope);
                return Ok(Decided::PassedOn);
            }
        }
        let empty = Inbox::default();
        let inbox = self.inboxes.get(&user).map_or(&empty, |slot| &slot.inbox);
        match inbox.look_up(command_id, record.timestamp) {
            Seen::New => {}
            _ if is_planted!(DedupeOff) => {}
            // What could not be done then is decided anew.
            Seen::Before(Answer::Refused(_, refusal))
                if refusal.code == RefusalCode::Unavailable => {}
            // A command that was passed on to its room may find that in its own partition.
            Seen::Before(Answer::Passed(room)) if command.room_id() == Some(room) => {}
            Seen::Before(answer) => {
                let answer = answer.clone();
                self.repeat_answer(turn, asked, envelope, &answer)?;
                return Ok(Decided::Repeated);
            }
            Seen::Expired => {
                self.send_refusal(
                    turn,
                    asked,
                    command.room_id(),
                    &RefusalCode::CommandExpired.into(),
                );
                return Ok(Decided::Refused);
            }
        }
        Ok(match self.decide_command(turn, asked, envelope, command)? {
            Outcome::Answered | Outcome::NotKept => Decided::Applied,
            Outcome::Passed(room) => {
                self.keep(turn, user, command_id, Answer::Passed(room));
                Decided::PassedOn
            }
            Outcome::Refused(room, refusal) => {
                self.send_refusal(turn, asked, room.as_ref(), &refusal);
                // What may be tried again is decided anew.
                if refusal.code != RefusalCode::Unavailable {
                    self.keep(turn, user, command_id, Answer::Refused(room, refusal));
                }
                Decided::Refused
            }
        })
    }

    pub(super) fn keep<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        command_id: CommandId,
        answer: Answer,
    ) {
        let kept = (user, Answered(command_id, answer));
        self.journal(turn, None, Some(&kept));
        self.keep_answer(turn.batch_no, turn.now, user, kept.1);
    }

    fn decide_command<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        envelope: &EventEnvelope<'_>,
        command: Command,
    ) -> Result<Outcome, StoreError> {
        let by = SeatedPlayer {
            user_id: asked.user,
            username: name(&envelope.actor.username),
            is_bot: envelope.actor.is_bot(),
        };
        if let Some(refusal) = self.excluded_player(turn, asked.user, &command)? {
            return Ok(Outcome::Refused(command.room_id().cloned(), refusal));
        }
        let command = match command {
            Command::CreateRoom(create) => return self.create_room(turn, asked, by, create),
            Command::Wallet(command) => return self.wallet_command(turn, asked, command),
            Command::QuickMatch(quick) => return self.quick_match(turn, asked, by, quick),
            Command::GatewaySeen {
                gateway_id,
                boot_id,
                lives,
            } => {
                self.gateway_seen(turn, &gateway_id, &boot_id, lives)?;
                return Ok(Outcome::NotKept);
            }
            Command::GatewayAsked {
                gateway_id,
                boot_id,
                answer_to,
            } => {
                self.gateway_asked(turn, &gateway_id, &boot_id, answer_to);
                return Ok(Outcome::NotKept);
            }
            Command::MemberAsked { room_id, user_id } => {
                self.member_asked(turn, &room_id, user_id);
                return Ok(Outcome::NotKept);
            }
            Command::JoinRoom(join) => {
                let enter = |password| Action::Join { password };
                return self.enter_room(turn, asked, envelope, by, join, enter);
            }
            Command::Spectate(join) => {
                let enter = |password| Action::Spectate { password };
                return self.enter_room(turn, asked, envelope, by, join, enter);
            }
            Command::ListRooms { game_type } => {
                turn.queries.push(ListQuery {
                    partition: self.number,
                    user: asked.user,
                    socket_id: asked.socket_id.to_owned(),
                    correlation_id: asked.correlation_id.to_owned(),
                    game_type,
                });
                return Ok(Outcome::NotKept);
            }
            Command::SyncUser { rooms } => {
                self.sync_user(turn, envelope, asked.user, rooms)?;
                return Ok(Outcome::NotKept);
            }
            Command::DemoGrant { user_id, username } => {
                let player = SeatedPlayer::person(user_id, username);
                self.demo_grant(turn, asked, player)?;
                return Ok(Outcome::NotKept);
            }
            Command::Credit { user_id, amount } => {
                self.credit(turn, asked, user_id, amount)?;
                return Ok(Outcome::NotKept);
            }
            Command::CloseGuest { user_id } => {
                self.close_guest(turn, asked, user_id)?;
                return Ok(Outcome::NotKept);
            }
            Command::CloseRoom { room_id } => {
                self.close_room(turn, asked, &room_id)?;
                return Ok(Outcome::NotKept);
            }
            Command::SyncRoom { room_id, user_id } => {
                self.tell_state(turn, asked, &room_id, user_id)?;
                return Ok(Outcome::NotKept);
            }
            Command::PlayerDisconnected { room_id, user_id } => {
                let action = Action::Disconnected { user: user_id };
                let asked = Asked {
                    is_kept: false,
                    ..asked
                };
                self.act(turn, Some(asked), &room_id, system(), action)?;
                return Ok(Outcome::NotKept);
            }
            Command::SendChat {
                room_id,
                channel,
                content,
            } => return self.send_chat(turn, asked, by, room_id, channel, &content),
            Command::GetChatHistory {
                room_id,
                channel,
                limit,
            } => return Ok(self.chat_history(turn, asked, room_id, channel, limit)),
            Command::Chat(command) => return self.chat_command(turn, asked, &by, command),
            Command::EnableAutoPlay {
                room_id, game_type, ..
            } if self.game_of(&room_id).is_some_and(|game| game != game_type) => {
                let refusal = RefusalCode::WrongGame.into();
                return Ok(Outcome::Refused(Some(room_id), refusal));
            }
            command => command,
        };
        let (room, action) = match in_a_room(command, asked.user) {
            Ok(asked) => asked,
            Err(Misdirected(room, refusal)) => return Ok(Outcome::Refused(room, refusal)),
        };
        let refused = self.act(turn, Some(asked), &room, by, action)?;
        Ok(refused.map_or(Outcome::Answered, |refusal| {
            Outcome::Refused(Some(room), refusal)
        }))
    }

    /// Tells a user how a room stands now, or that it is not the user's. Asking again is harmless,
    /// so that the answer is kept nowhere.
    pub(super) fn tell_state<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: &RoomId,
        user: UserId,
    ) -> Taken {
        let asked = Asked {
            is_kept: false,
            ..asked
        };
        let refused = self.act(turn, Some(asked), room_id, system(), Action::Sync { user })?;
        match refused {
            Some(_) => self.send_not_in_room(turn, asked, room_id),
            None => Ok(()),
        }
    }

    /// Whether the user is in as many rooms as one may be.
    fn is_in_enough_rooms<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        user: UserId,
    ) -> Result<bool, StoreError> {
        Ok(self.rooms_of(turn, user)?.len() >= ROOMS_OF_USER_MAX)
    }

    fn create_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        by: SeatedPlayer,
        create: CreateRoom,
    ) -> Result<Outcome, StoreError> {
        let refused = |refusal: Refusal| Ok(Outcome::Refused(None, refusal));
        let Some(room_id) = create.room_id else {
            return refused(Refusal::because(
                RefusalCode::InvalidFormat,
                "`room_id` is missing: the gateway adds it to create_room",
            ));
        };
        let Some(game) = turn
            .rules
            .games
            .get(&create.game_type)
            .filter(|game| !game.spec.open_table)
        else {
            return refused(RefusalCode::UnknownGame.into());
        };
        if let Err(invalid) = names::checked(&create.room_name, ROOM_NAME_CHARS_MAX) {
            let message = format!("`room_name`: {invalid}");
            return refused(Refusal::because(RefusalCode::InvalidName, message));
        }
        if self.is_in_enough_rooms(turn, asked.user)? {
            return refused(RefusalCode::TooManyRooms.into());
        }
        if let Some(refusal) = turn.exclusion(asked.user)? {
            return refused(refusal);
        }
        let costs = turn.live.costs(game);
        if let Some(changed) = costs.refusal_of(create.agreed_fee) {
            return refused(changed);
        }
        if let Some(closed) = turn.live.closed(turn.now) {
            return refused(closed);
        }
        if turn.refuses_fee(game.name) {
            return refused(congested());
        }
        let password = match self.password(turn, asked, create.password, create.password_sealed) {
            Ok(password) => password,
            Err(refusal) => return refused(refusal),
        };
        let action = Action::Create {
            room_id: room_id.clone(),
            game_type: create.game_type,
            room_name: create.room_name,
            max_players: create.max_players,
            allow_spectators: create.allow_spectators,
            is_password_protected: password.is_some(),
            entry_fee: costs.entry_fee,
            prize_percent: costs.prize_percent,
            invites_bot: create.invites_bot,
            seated: Vec::new(),
            limits: turn.rules.limits,
        };
        match self.open_room(turn, Some(asked), by, &room_id, action, password.as_deref())? {
            Some(refusal) => refused(refusal),
            None => Ok(Outcome::Answered),
        }
    }

    fn enter_room<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        envelope: &EventEnvelope<'_>,
        by: SeatedPlayer,
        join: JoinRoom,
        enter: impl FnOnce(PasswordCheck) -> Action,
    ) -> Result<Outcome, StoreError> {
        let Some(room_id) = join.room_id else {
            let room_name = join.room_name.unwrap_or_default();
            return self.enter_by_name(turn, envelope, &room_name);
        };
        if self
            .game_of(&room_id)
            .is_some_and(|game| turn.refuses_fee(game))
        {
            return Ok(Outcome::Refused(Some(room_id), congested()));
        }
        let rooms = self.rooms_of(turn, asked.user)?;
        if rooms.len() >= ROOMS_OF_USER_MAX && !rooms.contains(&room_id) {
            let refusal = RefusalCode::TooManyRooms.into();
            return Ok(Outcome::Refused(Some(room_id), refusal));
        }
        if !self.has_room(&room_id) {
            match turn
                .rules
                .games
                .iter()
                .find(|game| game.spec.open_table)
                .map(|game| game.name)
            {
                Some(game_type) if !has_ended(turn, &room_id)? => {
                    if let Some(closed) = turn.live.closed(turn.now) {
                        return Ok(Outcome::Refused(Some(room_id), closed));
                    }
                    let action = Action::Create {
                        room_id: room_id.clone(),
                        game_type: game_type.to_owned(),
                        room_name: room_id.to_string(),
                        max_players: None,
                        allow_spectators: false,
                        is_password_protected: false,
                        entry_fee: blazing_sun_domain::Cents::ZERO,
                        prize_percent: 0,
                        invites_bot: false,
                        seated: Vec::new(),
                        limits: turn.rules.limits,
                    };
                    self.open_room(turn, None, system(), &room_id, action, None)?;
                }
                _ => {
                    return Ok(Outcome::Refused(
                        Some(room_id),
                        RefusalCode::RoomNotFound.into(),
                    ));
                }
            }
        }
        let given = match self.password(turn, asked, join.password, join.password_sealed) {
            Ok(given) => given,
            Err(refusal) => return Ok(Outcome::Refused(Some(room_id), refusal)),
        };
        let password = match (self.password_mac(&room_id), given) {
            (_, None) => PasswordCheck::Absent,
            (None, Some(_)) => PasswordCheck::Match,
            (Some(mac), Some(given)) => {
                if turn.rules.mac.room_password_matches(&room_id, &given, mac) {
                    PasswordCheck::Match
                } else {
                    PasswordCheck::Mismatch
                }
            }
        };
        let refused = self.act(turn, Some(asked), &room_id, by.clone(), enter(password))?;
        let Some(refusal) = refused else {
            return Ok(Outcome::Answered);
        };
        if password == PasswordCheck::Mismatch && refusal.code == RefusalCode::WrongPassword {
            // An input of its own, for what is refused leaves no trace in a room.
            self.act(turn, None, &room_id, by, Action::WrongPassword)?;
        }
        Ok(Outcome::Refused(Some(room_id), refusal))
    }

    fn enter_by_name<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        envelope: &EventEnvelope<'_>,
        room_name: &str,
    ) -> Result<Outcome, StoreError> {
        let mut rooms = turn.store.rooms_named(room_name)?;
        for change in &turn.writes.listings {
            match change {
                ListingChange::Put(listing) => {
                    rooms.retain(|room| *room != listing.room_id);
                    if listing.room_name == room_name {
                        rooms.push(listing.room_id.clone());
                    }
                }
                ListingChange::Remove(gone) => rooms.retain(|room| room != gone),
            }
        }
        match rooms.as_slice() {
            [] => Ok(Outcome::Refused(None, RefusalCode::RoomNotFound.into())),
            [room] => {
                let room = room.clone();
                self.pass_on(turn, envelope, &room);
                Ok(Outcome::Passed(room))
            }
            _ => Ok(Outcome::Refused(
                None,
                RefusalCode::AmbiguousRoomName.into(),
            )),
        }
    }

    /// Sends a command on to the room that its `room_name` was found to be.
    pub(super) fn pass_on<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        envelope: &EventEnvelope<'_>,
        room: &RoomId,
    ) {
        let payload = messages::with_room_id(envelope.payload, room);
        let forwarded = EventEnvelope {
            payload: &payload,
            ..envelope.clone()
        };
        self.send_command(turn, room.as_str(), &forwarded);
    }

    /// The password that came with a command, opened if a gateway sealed it.
    fn password<S: Store>(
        &self,
        turn: &Turn<'_, S>,
        asked: Asked<'_>,
        plain: Option<String>,
        sealed: Option<String>,
    ) -> Result<Option<String>, Refusal> {
        let Some(sealed) = sealed else {
            return Ok(plain.filter(|plain| !plain.is_empty()));
        };
        let aad = asked
            .command_id
            .map(|id| id.0.into_bytes())
            .unwrap_or_default();
        let broken = || {
            Refusal::because(
                RefusalCode::InvalidFormat,
                "`password_sealed` was not sealed for this command",
            )
        };
        let opened = turn
            .rules
            .sealer
            .passwords()
            .open(&sealed, &aad)
            .map_err(|_| broken())?;
        let text = String::from_utf8(opened.to_vec()).map_err(|_| broken())?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    // ---- answers ----

    pub(super) fn answer<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        (family, name): (Family, &str),
        room: Option<&RoomId>,
        body: &str,
    ) {
        let event = Event {
            family,
            name,
            room_id: room,
            audience: AudienceKind::User,
            user_ids: &[asked.user],
            order: Order::Outside,
            body,
            membership: &[],
            cause: Some(asked.cause()),
        };
        turn.outgoing.event(self.number, event);
    }

    /// Tells the asking socket that it was refused.
    pub(super) fn send_refusal<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room: Option<&RoomId>,
        refusal: &Refusal,
    ) {
        METRICS.refused(refusal.code);
        let (correlation_id, code) = (asked.correlation_id, refusal.code.as_str());
        let room_id = room.map(RoomId::as_str);
        if asked.user == UserId::SYSTEM {
            tracing::warn!(correlation_id, room.id = room_id, code, refusal = %refusal, "an internal command was refused");
            return;
        }
        // Not its message, in which a client's own words may stand.
        if let Some(left_out) = REFUSALS_TOLD.take() {
            tracing::info!(correlation_id, room.id = room_id, user.id = %asked.user, code, left_out, "a command is refused");
        }
        let body = messages::error_body(refusal, asked.socket_id);
        let family = if asked.chat {
            Family::Chat
        } else {
            Family::Games
        };
        self.answer(turn, asked, (family, "error"), room, &body);
    }

    /// Tells that a repeated command was applied, and how far its room is since.
    pub(super) fn send_applied<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room: Option<&RoomId>,
        room_seq: u64,
    ) {
        let body = messages::command_applied_body(room_seq);
        let what = (Family::Games, "command_applied");
        self.answer(turn, asked, what, room, &body);
    }

    fn send_not_in_room<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        asked: Asked<'_>,
        room_id: &RoomId,
    ) -> Taken {
        let room_name = turn.store.ended_room(room_id)?.unwrap_or_default();
        let body = messages::gone_room_body(&room_name);
        let what = (Family::Games, "not_in_room");
        self.answer(turn, asked, what, Some(room_id), &body);
        Ok(())
    }

    /// The answer to `list_rooms`, once the directory was read.
    pub fn answer_list<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        query: &ListQuery,
        body: Option<&str>,
    ) {
        let asked = Asked {
            command_id: None,
            is_kept: false,
            correlation_id: &query.correlation_id,
            user: query.user,
            socket_id: &query.socket_id,
            chat: false,
        };
        let Some(body) = body else {
            let why = "The list of rooms can not be read right now";
            let refusal = Refusal::because(RefusalCode::Unavailable, why);
            return self.send_refusal(turn, asked, None, &refusal);
        };
        self.answer(turn, asked, (Family::Games, "room_list"), None, body);
    }

    /// Puts a record aside that is not what its topic carries.
    pub(crate) fn dead_record<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        record: &Record,
        error: &str,
    ) {
        if is_planted!(PoisonDropped) {
            return;
        }
        tracing::warn!(
            topic = record.topic.as_str(),
            partition = record.partition,
            offset = record.offset,
            correlation_id = record.headers.text("correlation_id"),
            error,
            "a record can not be read; it goes to the dead letters"
        );
        let letter = messages::DeadLetter {
            topic: record.topic.as_str().to_owned(),
            partition: record.partition,
            offset: Some(record.offset),
            key: letter_key(&record.key),
            error: error.to_owned(),
            failed_at: turn.now.to_string(),
            original: record.payload.to_vec(),
        };
        self.send_dead_letter(turn, &letter);
    }
}

/// As much of a record's key as fits into a dead letter beside the record.
fn letter_key(key: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(key).ok()?;
    Some(text[..text.floor_char_boundary(LETTER_KEY_BYTES_MAX)].to_owned())
}

/// Nobody is to pay for what is not told in time.
pub(super) fn congested() -> Refusal {
    let why = "Events are delayed right now; games that cost something open again soon";
    Refusal::because(RefusalCode::Unavailable, why)
}

/// The user whose own partition decides the command, where that is neither a room's nor a queue's.
fn home_of(command: &Command, asker: UserId) -> Option<UserId> {
    match command {
        Command::Chat(_) | Command::Wallet(_) => Some(asker),
        Command::JoinRoom(join) | Command::Spectate(join) if join.room_id.is_none() => Some(asker),
        Command::DemoGrant { user_id, .. }
        | Command::Credit { user_id, .. }
        | Command::CloseGuest { user_id } => Some(*user_id),
        _ => None,
    }
}

/// The id of a foreign command that has none: its event's, or a hash of it.
fn id_of_event(event_id: &str) -> CommandId {
    CommandId(Uuid::try_parse(event_id).unwrap_or_else(|_| derived_id([event_id])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_names_no_more_of_a_key_than_fits() {
        assert_eq!(letter_key(b"room-1").as_deref(), Some("room-1"));
        assert_eq!(letter_key(b"").as_deref(), Some(""));
        assert_eq!(letter_key(&[0xff]), None);
        let long = "\u{20ac}".repeat(LETTER_KEY_BYTES_MAX);
        let cut = letter_key(long.as_bytes()).unwrap();
        assert_eq!(cut.len(), LETTER_KEY_BYTES_MAX / 3 * 3);
    }
}
