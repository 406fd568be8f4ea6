//! Who is connected where: users' connections by gateway, and gateways by their heartbeats. A user is gone
//! when the last connection anywhere has been gone for a while; the rooms are told then.

use super::{Partition, Taken, Turn};
use crate::store::{Connection, PresenceChange, Store};
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{self, PresenceMessage};
use blazing_sun_domain::{Millis, RoomId, UserId};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// A connection, and whether it is there.
#[derive(Debug)]
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
}

impl LinkState {
    fn gone_at(self) -> Option<Millis> {
        match self {
            LinkState::There => None,
            LinkState::Gone(at) | LinkState::Unheard(at) => Some(at),
        }
    }
}

/// The gateways whose heartbeats come to this partition.
#[derive(Debug, Default)]
pub(super) struct Gateways {
    heard: FxHashMap<String, Heard>,
    /// When a gateway that is not heard again counts as gone.
    silent_at: BTreeSet<(Millis, String)>,
}

#[derive(Debug)]
struct Heard {
    boot_id: String,
    silent_at: Millis,
}

impl Gateways {
    /// Notes a heartbeat; whether it is the first of this start of the gateway.
    fn hear(&mut self, gateway_id: &str, boot_id: &str, silent_at: Millis) -> bool {
        let heard = Heard {
            boot_id: boot_id.to_owned(),
            silent_at,
        };
        let before = self.heard.insert(gateway_id.to_owned(), heard);
        let is_known = before
            .as_ref()
            .is_some_and(|before| before.boot_id == boot_id);
        if let Some(before) = before {
            let timer = (before.silent_at, gateway_id.to_owned());
            self.silent_at.remove(&timer);
        }
        self.silent_at.insert((silent_at, gateway_id.to_owned()));
        !is_known
    }

    /// A gateway that has been silent for too long: its id and start.
    fn take_silent(&mut self, horizon: Millis) -> Option<(String, String)> {
        let (at, _) = self.silent_at.first()?;
        if *at > horizon {
            return None;
        }
        let (_, gateway_id) = self.silent_at.pop_first()?;
        let heard = self.heard.remove(&gateway_id)?;
        Some((gateway_id, heard.boot_id))
    }

    pub(super) fn len(&self) -> usize {
        self.heard.len()
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        self.silent_at.first().map(|(at, _)| *at)
    }

    /// Nobody could be heard for a while: all have their whole time again.
    pub(super) fn restart_timers(&mut self, silent_at: Millis) {
        self.silent_at.clear();
        for (gateway_id, heard) in &mut self.heard {
            heard.silent_at = silent_at;
            self.silent_at.insert((silent_at, gateway_id.clone()));
        }
    }
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
                let gone_at = turn.now.plus(turn.rules.gone_ms);
                self.links_gone(turn, user_id, gone_at, |connection| {
                    connection.connection_id == connection_id
                });
            }
            Ok(PresenceMessage::GatewayHeartbeat {
                gateway_id,
                boot_id,
            }) => {
                let silent_at = turn.now.plus(turn.rules.gateway_silence_ms);
                if self.gateways.hear(&gateway_id, &boot_id, silent_at) {
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
            let text = id.to_string();
            let envelope = EventEnvelope {
                event_id: text.as_str().into(),
                event_type: messages::GATEWAY_SEEN.into(),
                timestamp: turn.outgoing.now_text().to_owned().into(),
                correlation_id: Some(text.as_str().into()),
                producer: PRODUCER_BACKEND.into(),
                actor: Actor::system(),
                audience: Audience::user(UserId::SYSTEM),
                payload: &payload,
            };
            self.send_command_to(turn, partition, gateway_id, &envelope);
        }
    }

    /// A start of a gateway is heard for the first time, or is not heard any more.
    pub(super) fn gateway_seen<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        gateway_id: &str,
        boot_id: &str,
        lives: bool,
    ) {
        if !lives {
            tracing::warn!(gateway.id = gateway_id, "a gateway is not heard any more");
        }
        let is_of = |link: &Link| link.connection.gateway_id == gateway_id;
        let users = self.connections.iter();
        let users: Vec<UserId> = users
            .filter(|(_, links)| links.iter().any(is_of))
            .map(|(user, _)| *user)
            .collect();
        for user in users {
            if !lives {
                let gone_at = turn.now.plus(turn.rules.gone_ms);
                self.links_gone(turn, user, gone_at, |connection| {
                    connection.gateway_id == gateway_id && connection.boot_id == boot_id
                });
                continue;
            }
            let links = self.connections.get_mut(&user).into_iter().flatten();
            for link in links.filter(|link| {
                is_of(link)
                    && link.connection.boot_id == boot_id
                    && matches!(link.state, LinkState::Unheard(_))
            }) {
                link.state = LinkState::There;
            }
            // What an earlier start of this gateway had was cut with it.
            let gone_at = turn.now.plus(turn.rules.gone_after_restart_ms);
            self.links_gone(turn, user, gone_at, |connection| {
                connection.gateway_id == gateway_id && connection.boot_id != boot_id
            });
        }
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
        let links = self.connections.entry(user).or_default();
        // What waits to be told as gone is gone, and so is what an earlier start of this gateway had.
        let is_over = |link: &mut Link| {
            let old = &link.connection;
            matches!(link.state, LinkState::Gone(_))
                || (old.gateway_id == connection.gateway_id && old.boot_id != connection.boot_id)
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
        self.await_return(user);
    }

    /// These of a user's connections are gone. The last rows stay until the rooms are told, so that a
    /// restart tells them too.
    fn links_gone<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        user: UserId,
        gone_at: Millis,
        is_meant: impl Fn(&Connection) -> bool,
    ) {
        let Some(links) = self.connections.get_mut(&user) else {
            return;
        };
        for link in links.iter_mut().filter(|link| is_meant(&link.connection)) {
            if !matches!(link.state, LinkState::Gone(_)) {
                link.state = LinkState::Gone(gone_at);
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
        }
        self.await_return(user);
    }

    /// Tells what is due at `horizon`: gateways that are silent, users who are gone.
    pub(super) fn fire_presence<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        horizon: Millis,
    ) -> Taken {
        while let Some((gateway_id, boot_id)) = self.gateways.take_silent(horizon) {
            self.tell_all_of_gateway(turn, &gateway_id, &boot_id, false);
        }
        while let Some((due, user)) = self.gone.first().copied() {
            if due > horizon {
                break;
            }
            self.set_gone(user, None);
            self.user_gone(turn, user)?;
        }
        Ok(())
    }

    /// A user's last connection has been gone for long enough.
    fn user_gone<S: Store>(&mut self, turn: &mut Turn<'_, S>, user: UserId) -> Taken {
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

    /// Tells a room that a user is gone.
    pub(super) fn tell_disconnected<S: Store>(
        &self,
        turn: &mut Turn<'_, S>,
        room: &RoomId,
        user: UserId,
    ) {
        let command_id = turn.outgoing.event_id();
        let payload = messages::player_disconnected(command_id, room, user);
        let id = command_id.to_string();
        let envelope = EventEnvelope {
            event_id: id.as_str().into(),
            event_type: messages::PLAYER_DISCONNECTED.into(),
            timestamp: turn.outgoing.now_text().to_owned().into(),
            correlation_id: Some(id.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::room(room),
            payload: &payload,
        };
        self.send_command(turn, room.as_str(), &envelope);
    }

    /// Takes over what is known of who is connected: reading all state again changes nothing of it.
    pub fn keep_presence_of(&mut self, before: Partition, gateways_silent_at: Millis) {
        self.connections = before.connections;
        self.gone = before.gone;
        self.gone_at = before.gone_at;
        self.gateways = before.gateways;
        self.gateways.restart_timers(gateways_silent_at);
    }
}
