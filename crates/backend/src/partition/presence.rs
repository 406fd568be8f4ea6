//! Who is connected where: users' connections by gateway, and gateways by their heartbeats. A user is gone
//! when the last connection anywhere has been gone for a while; the rooms are told then.

mod gateways;

pub(super) use gateways::Gateways;

use super::{Partition, Rules, Taken, Turn};
use crate::store::{Connection, PresenceChange, Store};
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{self, PresenceMessage};
use blazing_sun_backbone::partitioner::partition_of;
use blazing_sun_domain::{Millis, RoomId, UserId};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use uuid::Uuid;

/// How long connections of a silent gateway are remembered after they count as gone.
const LOST_KEPT_MS: i64 = 3_600_000;

/// A connection, and whether it is there.
#[derive(Debug, Clone)]
pub(super) struct Link {
    connection: Connection,
    state: LinkState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    There,
    /// Counts as gone from then on.
    Gone(Millis),
    /// Known from before the start: gone from then on, unless its gateway is heard before.
    Unheard(Millis),
    /// Its gateway is silent: gone from then on, and there again once the gateway is heard again.
    Silent(Millis),
}

impl LinkState {
    fn gone_at(self) -> Option<Millis> {
        match self {
            LinkState::There => None,
            LinkState::Gone(at) | LinkState::Unheard(at) | LinkState::Silent(at) => Some(at),
        }
    }
}

/// A connection of a silent gateway that nobody waits for any more: its user is there by another, or the
/// rooms have been told.
#[derive(Debug)]
pub(super) struct Lost {
    connection: Connection,
    kept_until: Millis,
}

/// What this batch says of users; none of it is said where the batch is not committed.
#[derive(Debug, Default)]
pub(super) struct Said {
    gone: Vec<(UserId, Vec<Link>)>,
    back: Vec<Lost>,
}

impl Partition {
    /// Takes back a connection that was known before the start.
    pub fn restore_connection(&mut self, connection: Connection, gone_at: Millis) {
        let user = connection.user;
        let link = Link {
            connection,
            state: LinkState::Unheard(gone_at),
        };
        self.connections.entry(user).or_default().push(link);
        self.await_return(user);
    }

    /// A record of `gateway.presence`.
    pub(super) fn presence<S: Store>(&mut self, turn: &mut Turn<'_, S>, record: &Record) -> Taken {
        let parsed = EventEnvelope::parse(&record.payload).map_err(|error| error.to_string());
        let message = parsed.and_then(|envelope| {
            messages::parse_presence(&envelope.event_type, envelope.payload)
                .map_err(|error| error.to_string())
        });
        if let Ok(message) = &message {
            let key = message.key();
            let owner = partition_of(key.as_bytes(), turn.rules.partitions);
            if owner != self.number {
                turn.outgoing.pass_on(record, owner, &key);
                return Ok(());
            }
        }
        match message {
            Ok(PresenceMessage::UserOnline {
                user_id,
                gateway_id,
                boot_id,
                connection_id,
            }) => {
                let connection = Connection {
                    user: user_id,
                    gateway_id,
                    boot_id,
                    connection_id,
                };
                self.user_online(turn, connection);
            }
            Ok(PresenceMessage::UserOffline {
                user_id,
                connection_id,
                ..
            }) => {
                let gone = LinkState::Gone(turn.now.plus(turn.rules.gone_ms));
                let is_meant = |connection: &Connection| connection.connection_id == connection_id;
                self.take_lost(user_id, is_meant);
                self.links_end(turn, user_id, gone, is_meant);
            }
            Ok(PresenceMessage::GatewayHeartbeat {
                gateway_id,
                boot_id,
            }) => {
                let silence_ms = turn.rules.gateway_silence_ms;
                if self
                    .gateways
                    .hear(&gateway_id, &boot_id, turn.now, silence_ms)
                {
                    self.tell_all_of_gateway(turn, &gateway_id, &boot_id, true);
                }
            }
            Err(error) => self.dead_record(turn, record, &error),
        }
        Ok(())
    }

    /// Every partition has users of the gateway.
    fn tell_all_of_gateway<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        gateway_id: &str,
        boot_id: &str,
        lives: bool,
    ) {
        for partition in 0..turn.rules.partitions {
            let id = turn.outgoing.event_id();
            let payload = messages::gateway_seen(id, gateway_id, boot_id, lives);
            let what = (messages::GATEWAY_SEEN, id);
            self.tell_of_gateway(turn, partition, gateway_id, what, &payload);
        }
    }

    fn tell_of_gateway<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        partition: u32,
        gateway_id: &str,
        (name, id): (&'static str, Uuid),
        payload: &RawValue,
    ) {
        let text = id.to_string();
        let envelope = EventEnvelope {
            event_id: text.as_str().into(),
            event_type: name.into(),
            timestamp: turn.outgoing.now_text().to_owned().into(),
            correlation_id: Some(text.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::user(UserId::SYSTEM),
            payload,
        };
        self.send_command_to(turn, partition, gateway_id, &envelope);
    }

    /// Asks whether the gateways live whose connections were taken back: to those who hear them, they have
    /// been there all along.
    pub fn ask_for_gateways<S: Store>(&self, turn: &mut Turn<'_, S>) {
        let links = self.connections.values().flatten();
        let unheard = links.filter(|link| matches!(link.state, LinkState::Unheard(_)));
        let gateways: BTreeSet<(&str, &str)> = unheard
            .map(|Link { connection, .. }| (&*connection.gateway_id, &*connection.boot_id))
            .collect();
        for (gateway_id, boot_id) in gateways {
            let hears = partition_of(gateway_id.as_bytes(), turn.rules.partitions);
            let id = turn.outgoing.event_id();
            let payload = messages::gateway_asked(id, gateway_id, boot_id, self.number);
            let what = (messages::GATEWAY_ASKED, id);
            self.tell_of_gateway(turn, hears, gateway_id, what, &payload);
        }
    }

    /// Expects the heartbeats of the gateways among these that belong here: one that ended together with the
    /// owner before would be missed by nobody.
    pub fn expect_gateways(&mut self, rules: &Rules, gateways: &[(String, String)], now: Millis) {
        for (gateway_id, boot_id) in gateways {
            if partition_of(gateway_id.as_bytes(), rules.partitions) == self.number {
                let silence_ms = rules.gateway_silence_ms;
                self.gateways.expect(gateway_id, boot_id, now, silence_ms);
            }
        }
    }

    /// Another partition asks whether a gateway is heard. Of one that is not, it hears when it is.
    pub(super) fn gateway_asked<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        gateway_id: &str,
        boot_id: &str,
        answer_to: u32,
    ) {
        if answer_to < turn.rules.partitions && self.gateways.hears(gateway_id, boot_id) {
            let id = turn.outgoing.event_id();
            let payload = messages::gateway_seen(id, gateway_id, boot_id, true);
            let what = (messages::GATEWAY_SEEN, id);
            self.tell_of_gateway(turn, answer_to, gateway_id, what, &payload);
        }
    }

    /// Nobody could be heard for so long: gateways and users have all of their time again.
    pub fn shift_presence(&mut self, now: Millis, by_ms: i64, silence_ms: i64) {
        self.gateways.begin_again(now, silence_ms);
        for link in self.connections.values_mut().flatten() {
            match &mut link.state {
                LinkState::There => {}
                LinkState::Gone(at) | LinkState::Unheard(at) | LinkState::Silent(at) => {
                    *at = at.plus(by_ms);
                }
            }
        }
        for user in self.gone_at.keys().copied().collect::<Vec<_>>() {
            self.await_return(user);
        }
    }

    /// A start of a gateway is heard for the first time, or is not heard any more, or is heard again.
    pub(super) fn gateway_seen<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        gateway_id: &str,
        boot_id: &str,
        lives: bool,
    ) -> Taken {
        if !lives {
            tracing::warn!(gateway.id = gateway_id, "a gateway is not heard any more");
        }
        let is_same = |connection: &Connection| {
            connection.gateway_id == gateway_id && connection.boot_id == boot_id
        };
        // An earlier start that is silent is not heard again.
        let is_over = |connection: &Connection| {
            connection.gateway_id == gateway_id && connection.boot_id != boot_id
        };
        for user in self.users_of_gateway(gateway_id) {
            if !lives {
                let silent = LinkState::Silent(turn.now.plus(turn.rules.gone_ms));
                self.links_end(turn, user, silent, is_same);
                continue;
            }
            let links = self.connections.get_mut(&user).into_iter().flatten();
            for link in links.filter(|link| is_same(&link.connection)) {
                if matches!(link.state, LinkState::Unheard(_) | LinkState::Silent(_)) {
                    link.state = LinkState::There;
                }
            }
            self.take_lost(user, is_over);
            let found = self.take_lost(user, is_same);
            self.find_again(turn, user, found)?;
            self.await_return(user);
        }
        Ok(())
    }

    fn users_of_gateway(&self, gateway_id: &str) -> BTreeSet<UserId> {
        let is_of = |connection: &Connection| connection.gateway_id == gateway_id;
        let connected = self.connections.iter();
        let connected = connected
            .filter(|(_, links)| links.iter().any(|link| is_of(&link.connection)))
            .map(|(user, _)| *user);
        let lost = self.lost.iter();
        let lost = lost
            .filter(|(_, lost)| lost.iter().any(|lost| is_of(&lost.connection)))
            .map(|(user, _)| *user);
        connected.chain(lost).collect()
    }

    /// Connections that were lost are there after all. Rooms that were told that the user is gone are
    /// asked as at a sign-in, which takes the user back.
    fn find_again<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        found: Vec<Lost>,
    ) -> Taken {
        if found.is_empty() {
            return Ok(());
        }
        let was_told = !self.connections.contains_key(&user);
        let links = self.connections.entry(user).or_default();
        for lost in found {
            let connection = lost.connection.clone();
            links.push(Link {
                connection: connection.clone(),
                state: LinkState::There,
            });
            turn.writes.presence.push(PresenceChange::Put(connection));
            self.said.back.push(lost);
        }
        self.await_return(user);
        if was_told {
            for room in self.rooms_of(turn, user)? {
                self.sync_returned(turn, &room, user);
            }
        }
        Ok(())
    }

    /// Takes out what is meant of a user's lost connections.
    fn take_lost(&mut self, user: UserId, is_meant: impl Fn(&Connection) -> bool) -> Vec<Lost> {
        let Some(lost) = self.lost.get_mut(&user) else {
            return Vec::new();
        };
        let taken = lost.extract_if(.., |lost| is_meant(&lost.connection));
        let taken = taken.collect();
        if lost.is_empty() {
            self.lost.remove(&user);
        }
        taken
    }

    /// Nobody waits for a user's silent connections any more.
    fn lose_silent<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) {
        let links = self.connections.get_mut(&user).into_iter();
        let silent = links.flat_map(|links| {
            links.extract_if(.., |link| matches!(link.state, LinkState::Silent(_)))
        });
        for Link { connection, .. } in silent {
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id: connection.connection_id.clone(),
            });
            self.lost.entry(user).or_default().push(Lost {
                connection,
                kept_until: turn.now.plus(LOST_KEPT_MS),
            });
        }
    }

    /// Forgets connections of gateways that have been silent for very long.
    pub(super) fn forget_lost(&mut self, now: Millis) {
        self.lost.retain(|_, lost| {
            lost.retain(|lost| lost.kept_until > now);
            !lost.is_empty()
        });
    }

    /// When the rooms are told that the user is gone, or not at all.
    fn set_gone(&mut self, user: UserId, at: Option<Millis>) {
        let before = match at {
            Some(at) => self.gone_at.insert(user, at),
            None => self.gone_at.remove(&user),
        };
        if let Some(before) = before {
            self.gone.remove(&(before, user));
        }
        if let Some(at) = at {
            self.gone.insert((at, user));
        }
    }

    /// The rooms are told once the last connection counts as gone.
    fn await_return(&mut self, user: UserId) {
        let links = self.connections.get(&user).into_iter().flatten();
        let gone_at = links
            .map(|link| link.state.gone_at())
            .try_fold(None, |last, at| Some(last.max(Some(at?))));
        self.set_gone(user, gone_at.flatten());
    }

    fn user_online<S: Store>(&mut self, turn: &mut Turn<'_, S>, connection: Connection) {
        let user = connection.user;
        self.take_lost(user, |lost| lost.connection_id == connection.connection_id);
        let links = self.connections.entry(user).or_default();
        // What waits to be told as gone is gone. What another start of this gateway had ends with its silence: it may
        // be another gateway of the same id.
        let is_over = |link: &mut Link| {
            let old = &link.connection;
            matches!(link.state, LinkState::Gone(_))
                || old.connection_id == connection.connection_id
        };
        for old in links.extract_if(.., is_over) {
            let connection_id = old.connection.connection_id;
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id,
            });
        }
        // Most users have one, so no more than that is reserved.
        links.reserve_exact(1);
        links.push(Link {
            connection: connection.clone(),
            state: LinkState::There,
        });
        turn.writes.presence.push(PresenceChange::Put(connection));
        self.lose_silent(turn, user);
        self.await_return(user);
    }

    /// These of a user's connections are gone or silent. The last rows stay until the rooms are told, so
    /// that a restart tells them too.
    fn links_end<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        state: LinkState,
        is_meant: impl Fn(&Connection) -> bool,
    ) {
        let Some(links) = self.connections.get_mut(&user) else {
            return;
        };
        for link in links.iter_mut().filter(|link| is_meant(&link.connection)) {
            match (link.state, state) {
                (LinkState::Gone(_), _) | (LinkState::Silent(_), LinkState::Silent(_)) => {}
                _ => link.state = state,
            }
        }
        if links.iter().any(|link| link.state == LinkState::There) {
            let is_over = |link: &mut Link| matches!(link.state, LinkState::Gone(_));
            for old in links.extract_if(.., is_over) {
                let connection_id = old.connection.connection_id;
                turn.writes.presence.push(PresenceChange::Remove {
                    user,
                    connection_id,
                });
            }
            self.lose_silent(turn, user);
        }
        self.await_return(user);
    }

    /// Tells what is due at `horizon`: gateways that are silent, users who are gone, so many of these at most.
    pub(super) fn fire_presence<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        horizon: Millis,
        most: usize,
    ) -> Taken {
        let silence_ms = turn.rules.gateway_silence_ms;
        while let Some((gateway_id, boot_id)) =
            self.gateways.take_silent(horizon, turn.now, silence_ms)
        {
            self.tell_all_of_gateway(turn, &gateway_id, &boot_id, false);
        }
        for _ in 0..most {
            match self.gone.first().copied() {
                Some((due, user)) if due <= horizon => {
                    self.set_gone(user, None);
                    self.user_gone(turn, user)?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Tells later of the user who was to be told of first as gone.
    pub fn put_off_gone(&mut self, now: Millis, by_ms: i64) {
        let Some((_, user)) = self.gone.first().copied().filter(|(due, _)| *due <= now) else {
            return;
        };
        for link in self.connections.get_mut(&user).into_iter().flatten() {
            match &mut link.state {
                LinkState::There => {}
                LinkState::Gone(at) | LinkState::Unheard(at) | LinkState::Silent(at) => {
                    *at = now.plus(by_ms).max(*at);
                }
            }
        }
        self.await_return(user);
    }

    /// A user's last connection has been gone for long enough.
    fn user_gone<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) -> Taken {
        let links = self.connections.get(&user).cloned().unwrap_or_default();
        self.said.gone.push((user, links));
        self.lose_silent(turn, user);
        for old in self.connections.remove(&user).unwrap_or_default() {
            let connection_id = old.connection.connection_id;
            turn.writes.presence.push(PresenceChange::Remove {
                user,
                connection_id,
            });
        }
        for room in self.rooms_of(turn, user)? {
            self.tell_disconnected(turn, &room, user);
        }
        self.give_up_places_of(turn, user);
        Ok(())
    }

    /// Whether a user of this partition has a connection.
    pub(super) fn is_there(&self, user: UserId) -> bool {
        let mut links = self.connections.get(&user).into_iter().flatten();
        links.any(|link| link.state == LinkState::There)
    }

    /// Tells a room that a user is gone.
    pub(super) fn tell_disconnected<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        room: &RoomId,
        user: UserId,
    ) {
        let id = turn.outgoing.event_id();
        let payload = messages::player_disconnected(id, room, user);
        let about = (messages::PLAYER_DISCONNECTED, id, Actor::system());
        self.tell_of_room(turn, room.as_str(), room, about, &payload);
    }

    /// Asks where a member of a room belongs whether that one is there.
    pub(super) fn ask_for_member<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        room: &RoomId,
        user: UserId,
    ) {
        let id = turn.outgoing.event_id();
        let payload = messages::member_asked(id, room, user);
        let about = (messages::MEMBER_ASKED, id, Actor::system());
        self.tell_of_room(turn, &user.to_string(), room, about, &payload);
    }

    /// A room that could not be told for a while asks for a member: who has no connection is gone, and who has
    /// one may have come back. Of one who is not heard at the moment it is told later, as all rooms are.
    pub(super) fn member_asked<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        room: &RoomId,
        user: UserId,
    ) {
        if self.connections.contains_key(&user) {
            self.sync_returned(turn, room, user);
        } else {
            self.tell_disconnected(turn, room, user);
        }
    }

    /// Asks a room for its state in the name of a user who is there again.
    fn sync_returned<S: Store>(&self, turn: &mut Turn<'_, S>, room: &RoomId, user: UserId) {
        let id = turn.outgoing.event_id();
        let payload = messages::sync_room(&id.to_string(), room, user);
        let actor = Actor {
            user_id: user,
            ..Actor::system()
        };
        let about = (messages::SYNC_ROOM, id, actor);
        self.tell_of_room(turn, room.as_str(), room, about, &payload);
    }

    fn tell_of_room<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        key: &str,
        room: &RoomId,
        (name, id, actor): (&'static str, Uuid, Actor<'_>),
        payload: &RawValue,
    ) {
        let id = id.to_string();
        let envelope = EventEnvelope {
            event_id: id.as_str().into(),
            event_type: name.into(),
            timestamp: turn.outgoing.now_text().to_owned().into(),
            correlation_id: Some(id.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor,
            audience: Audience::room(room),
            payload,
        };
        self.send_command(turn, key, &envelope);
    }

    /// The row of a connection as it has to be now, whatever was written of it.
    pub fn connection_row(&self, user: UserId, connection_id: &str) -> PresenceChange {
        let mut links = self.connections.get(&user).into_iter().flatten();
        match links.find(|link| link.connection.connection_id == connection_id) {
            Some(link) => PresenceChange::Put(link.connection.clone()),
            None => PresenceChange::Remove {
                user,
                connection_id: connection_id.to_owned(),
            },
        }
    }

    /// What was said until now is committed.
    pub fn begin_batch(&mut self) {
        self.said.gone.clear();
        self.said.back.clear();
        self.gateways.begin_batch();
    }

    /// Takes over what is known of who is connected: reading all state again changes nothing of it. What
    /// the batch that failed said of it is to be said again.
    pub fn keep_presence_of(&mut self, before: Partition, now: Millis, silence_ms: i64) {
        self.connections = before.connections;
        self.gone = before.gone;
        self.gone_at = before.gone_at;
        self.lost = before.lost;
        self.gateways = before.gateways;
        self.gateways.take_back(now, silence_ms);
        for (user, links) in before.said.gone {
            self.take_lost(user, |lost| {
                let mut links = links.iter();
                links.any(|link| link.connection.connection_id == lost.connection_id)
            });
            self.connections.entry(user).or_default().extend(links);
            self.await_return(user);
        }
        for lost in before.said.back {
            let user = lost.connection.user;
            if let Some(links) = self.connections.get_mut(&user) {
                links.retain(|link| link.connection != lost.connection);
                if links.is_empty() {
                    self.connections.remove(&user);
                }
            }
            self.lost.entry(user).or_default().push(lost);
            self.await_return(user);
        }
    }
}
