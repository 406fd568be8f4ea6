//! Which socket gets what: the tables of users, rooms and lobby watchers, and the one place that
//! decides for every record who may see it.

use crate::deliveries::Deliveries;
use crate::events::{
    self, CHAT_MESSAGE, Envelope, Known, NOT_IN_ROOM, ROOM_STATE, Route, Standing,
};
use crate::fanout::{Follow, Place, Recipients, Role};
use crate::frames;
use crate::gateway::Held;
use crate::limits::Meter;
use crate::lobby::{Lobby, LobbyChange};
use crate::rooms::RoomEntry;
use crate::socket::{Closing, Socket};
use blazing_sun_backbone::envelope::AudienceKind;
use blazing_sun_backbone::is_planted;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::topics;
use blazing_sun_backbone::trace::{Parent, Span};
use blazing_sun_domain::{RoomId, UserId};
use bytes::Bytes;
use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::sync::Arc;
use uuid::Uuid;

/// A narrower frame above this passes by the ring, so that one member's long answers do not push out what
/// the others still have to read.
const NARROW_BYTES_MAX: usize = 4 * 1024;

/// What watchers of the lobby get at once: well below what cuts off one who reads slowly.
const LOBBY_BYTES_MAX: usize = 64 * 1024;

/// Writes to more sockets than these are no spans of one event's.
const TRACED_SOCKETS_MAX: usize = 16;

/// Who is connected here, and what for.
#[derive(Debug)]
pub(crate) struct Tables {
    users: FxHashMap<UserId, User>,
    /// Meters of users who are gone and have not got back yet what they took.
    resting: FxHashMap<UserId, Arc<Meter>>,
    rooms: FxHashMap<RoomId, RoomEntry>,
    watchers: FxHashMap<Uuid, Watcher>,
    lobby: Lobby,
    /// Rooms with staged frames.
    touched: Vec<RoomId>,
    to_wake: Vec<Arc<Socket>>,
    /// Sockets that get something of a trace with what is routed.
    traced: Vec<Traced>,
    deliveries: Deliveries,
    body: Vec<u8>,
    ring_bytes_max: usize,
    now_ms: u64,
}

#[derive(Debug)]
struct User {
    sockets: Vec<Arc<Socket>>,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct Traced {
    socket: Arc<Socket>,
    parent: Parent,
    correlation_id: String,
}

#[derive(Debug)]
struct Watcher {
    socket: Arc<Socket>,
    game_type: Option<Box<str>>,
}

/// The envelope, read when somebody turns out to want the record.
struct Lazy<'a> {
    record: &'a Record,
    envelope: Option<Envelope<'a>>,
}

impl<'a> Lazy<'a> {
    fn get(&mut self) -> Option<&Envelope<'a>> {
        if self.envelope.is_none() {
            self.envelope = match Envelope::parse(&self.record.payload) {
                Ok(envelope) => Some(envelope),
                Err(error) => {
                    unreadable(self.record, &error);
                    None
                }
            };
        }
        self.envelope.as_ref()
    }
}

fn unreadable(record: &Record, error: &serde_json::Error) {
    let (partition, offset) = (record.partition, record.offset);
    let correlation_id = record.headers.text("correlation_id");
    tracing::warn!(topic = %record.topic, partition, offset, correlation_id, %error, "an unreadable event was left out");
}

impl Tables {
    pub(crate) fn new(ring_bytes_max: usize) -> Tables {
        Tables {
            users: FxHashMap::default(),
            resting: FxHashMap::default(),
            rooms: FxHashMap::default(),
            watchers: FxHashMap::default(),
            lobby: Lobby::default(),
            touched: Vec::new(),
            to_wake: Vec::new(),
            traced: Vec::new(),
            deliveries: Deliveries::default(),
            body: Vec::new(),
            ring_bytes_max,
            now_ms: 0,
        }
    }

    /// Tells the time: milliseconds since the gateway's start.
    pub(crate) fn set_now(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// The meter that the user's sockets share.
    pub(crate) fn meter_of(&mut self, user: UserId) -> Arc<Meter> {
        match self.users.get(&user) {
            Some(user) => user.meter.clone(),
            None => self.resting.entry(user).or_default().clone(),
        }
    }

    /// The user's sockets count one more.
    pub(crate) fn sign_in(&mut self, user: UserId, socket: &Arc<Socket>) {
        let resting = &mut self.resting;
        let user = self.users.entry(user).or_insert_with(|| User {
            sockets: Vec::with_capacity(1),
            meter: resting.remove(&user).unwrap_or_default(),
        });
        user.sockets.push(socket.clone());
    }

    /// Nothing is routed to the socket any more. Gives whether it still was.
    pub(crate) fn leave(&mut self, socket: &Arc<Socket>) -> bool {
        let mut state = socket.state.lock();
        if std::mem::replace(&mut state.left, true) {
            return false;
        }
        for follow in &state.follows {
            if let Some(role) = follow.role_at_end()
                && let Some(entry) = self.rooms.get_mut(&follow.room.id)
            {
                entry.remove_follower(socket, role, self.now_ms);
            }
        }
        self.watchers.remove(&socket.id);
        if let Some(id) = state.user()
            && let Some(user) = self.users.get_mut(&id)
        {
            user.sockets.retain(|other| !Arc::ptr_eq(other, socket));
            if user.sockets.is_empty()
                && let Some(user) = self.users.remove(&id)
            {
                self.resting.insert(id, user.meter);
            }
        }
        true
    }

    /// The socket gets the lobby's changes, or those of one game's rooms; or no more.
    pub(crate) fn watch(&mut self, socket: &Arc<Socket>, watch: bool, game_type: Option<&str>) {
        if watch {
            let watcher = Watcher {
                socket: socket.clone(),
                game_type: game_type.map(Box::from),
            };
            self.watchers.insert(socket.id, watcher);
        } else {
            self.watchers.remove(&socket.id);
        }
    }

    /// Closes all of a user's sockets.
    pub(crate) fn close_user(&self, user: UserId, closing: Closing) {
        for socket in self.users.get(&user).iter().flat_map(|user| &user.sockets) {
            socket.close(closing);
        }
    }

    /// Forgets rooms that nobody came back to, and the oldest frames where there are too many.
    pub(crate) fn sweep(&mut self, grace_ms: u64, rings_bytes_max: usize) {
        let now_ms = self.now_ms;
        self.resting
            .retain(|_, meter| !meter.is_full(now_ms * 1_000));
        self.rooms.retain(|_, entry| {
            !entry.followers.is_empty() || now_ms.saturating_sub(entry.left_at) < grace_ms
        });
        let mut kept: usize = self.rooms.values().map(|entry| entry.kept).sum();
        if kept > rings_bytes_max {
            self.rooms.retain(|_, entry| {
                let gone = entry.followers.is_empty() && kept > rings_bytes_max;
                kept -= if gone { entry.kept } else { 0 };
                !gone
            });
        }
        if kept > rings_bytes_max {
            let share = rings_bytes_max / self.rooms.len().max(1);
            self.rooms.values_mut().for_each(|entry| entry.trim(share));
        }
    }

    /// Routes one record; nobody is woken before [`Tables::finish`].
    pub(crate) fn route(&mut self, record: &Record, known: Known<'_>) {
        let mut route = match Route::of(record, known) {
            Ok(route) => route,
            Err(error) => return unreadable(record, &error),
        };
        let mut lazy = Lazy {
            record,
            envelope: route.envelope.take(),
        };
        if route.kind == AudienceKind::Room
            && let Some(entry) = route
                .room
                .as_ref()
                .and_then(|room| self.rooms.get_mut(room))
            && entry.is_repeated(route.room_seq)
        {
            return;
        }
        if route.event_type == NOT_IN_ROOM && route.membership.is_empty() {
            let gone = route.users.iter().map(|user| (*user, Standing::None));
            route.membership = gone.collect();
        }
        let woken = self.to_wake.len();
        let others = if route.event_type == ROOM_STATE && route.room.is_some() {
            self.room_state(&route, &mut lazy)
        } else {
            self.enter(&route);
            match route.kind {
                AudienceKind::Broadcast => {
                    self.broadcast(&route, &mut lazy);
                    0
                }
                AudienceKind::User | AudienceKind::Users => {
                    self.deliver_to_users(&route, &mut lazy)
                }
                AudienceKind::Room | AudienceKind::Players | AudienceKind::Spectators => {
                    self.deliver_in_room(&route, &mut lazy)
                }
            }
        };
        if route.correlation_id.is_some() && route.kind != AudienceKind::Broadcast {
            let sockets = self.to_wake.len() - woken + others;
            self.deliveries.note(record, sockets, self.now_ms);
        }
        self.exit(&route);
    }

    /// What went to how many sockets.
    pub(crate) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// The user's connections.
    pub(crate) fn connections_of(&self, user: UserId) -> Vec<Uuid> {
        let user = self.users.get(&user);
        let sockets = user.iter().flat_map(|user| &user.sockets);
        sockets.map(|socket| socket.id).collect()
    }

    /// The same for a record that is part of a trace.
    pub(crate) fn route_traced(&mut self, record: &Record, known: Known<'_>, mut span: Span) {
        let woken = self.to_wake.len();
        self.route(record, known);
        let users = known.recipients();
        let mut sockets: Vec<Arc<Socket>> = self.to_wake[woken..].to_vec();
        if let Some(room) = known.room()
            && users.is_none()
            && self.touched.contains(&room)
            && let Some(entry) = self.rooms.get(&room)
        {
            sockets.extend(entry.followers.iter().cloned());
        }
        sockets.sort_unstable_by_key(|socket| socket.id);
        sockets.dedup_by_key(|socket| socket.id);
        span.set("sockets", sockets.len() as i64);
        sockets.truncate(TRACED_SOCKETS_MAX);
        let correlation_id = known.correlation_id().unwrap_or_default();
        self.traced.extend(sockets.into_iter().map(|socket| Traced {
            socket,
            parent: span.as_parent(),
            correlation_id: correlation_id.to_owned(),
        }));
    }

    /// Makes what was routed readable and wakes those that it is for.
    pub(crate) fn finish(&mut self) {
        for traced in self.traced.drain(..) {
            let mut state = traced.socket.state.lock();
            state.note_trace(traced.parent, &traced.correlation_id);
        }
        for id in self.touched.drain(..) {
            if let Some(entry) = self.rooms.get_mut(&id) {
                entry.flush(self.ring_bytes_max);
                // Nobody may come back to it and read on: those who were there hold its ring until they
                // have read it.
                if entry.is_forsaken() {
                    self.rooms.remove(&id);
                }
            }
        }
        for socket in self.to_wake.drain(..) {
            socket.wake();
        }
    }

    /// Memberships that begin or change with this record. A socket begins to follow only at a room_state: before
    /// it, frames would have a gap.
    fn enter(&mut self, route: &Route<'_>) {
        let Some(entry) = route
            .room
            .as_ref()
            .and_then(|room| self.rooms.get_mut(room))
        else {
            return;
        };
        for (user, role) in route
            .membership
            .iter()
            .filter_map(|(user, standing)| Some((user, standing.role()?)))
        {
            if entry.enter(*user, role, false) {
                change_role(entry, self.users.get(user), role);
            }
        }
    }

    /// Memberships that end with this record.
    fn exit(&mut self, route: &Route<'_>) {
        let Some(room) = &route.room else { return };
        let Some(entry) = self.rooms.get_mut(room) else {
            return;
        };
        for (user, _) in route
            .membership
            .iter()
            .filter(|(_, standing)| standing.role().is_none())
        {
            touch(&mut self.touched, room);
            entry.leave(*user);
            for socket in self.users.get(user).iter().flat_map(|user| &user.sockets) {
                if let Some(follow) = socket.state.lock().follow_of(room)
                    && let Some(role) = follow.role_at_end()
                {
                    follow.change_role(entry.next(), None);
                    entry.remove_follower(socket, role, self.now_ms);
                    self.to_wake.push(socket.clone());
                }
            }
        }
    }

    /// Gives how many sockets are about to be told it with something else.
    fn room_state(&mut self, route: &Route<'_>, lazy: &mut Lazy<'_>) -> usize {
        #[derive(Deserialize)]
        struct Room {
            room_seq: Option<u64>,
        }
        let mut others = 0;
        let Some(room) = &route.room else { return 0 };
        for id in &route.users {
            let user = self.users.get(id);
            if user.is_none() && !self.rooms.contains_key(room) {
                continue;
            }
            let stated = route.membership.iter().find(|(member, _)| member == id);
            let Some(role) = stated.map_or(Some(Role::Player), |(_, standing)| standing.role())
            else {
                continue;
            };
            let Some(envelope) = lazy.get() else {
                return others;
            };
            let stands_at = || {
                let after_seq = envelope.payload.number("after_seq");
                let of_room = || envelope.payload.read::<Room>("room")?.room_seq;
                after_seq.or_else(of_room)
            };
            let entry = self.rooms.entry(room.clone());
            let entry = entry.or_insert_with(|| RoomEntry::new(room.clone(), stands_at()));
            let asking = user.and_then(|user| asking_socket(user, route));
            if entry.enter(*id, role, asking.is_some()) {
                change_role(entry, user, role);
            }
            let Some(user) = user else { continue };
            self.body.clear();
            envelope.write_frame(None, &mut self.body);
            let frame = frames::text(&self.body);
            match asking {
                Some(socket) => {
                    answer_sync(entry, *id, role, socket, route, frame, self.ring_bytes_max);
                    self.to_wake.push(socket.clone());
                }
                None => {
                    for socket in &user.sockets {
                        // This gateway has not read as far as the one where the client has heard more: what
                        // the socket asks will be answered.
                        let seen = socket.state.lock().has_seen(room);
                        if seen.is_some_and(|seen| stands_at().is_some_and(|at| at < seen)) {
                            others += 1;
                            continue;
                        }
                        follow_with(entry, role, socket, frame.clone());
                        self.to_wake.push(socket.clone());
                    }
                }
            }
        }
        others
    }

    /// Gives how many sockets it is for.
    fn deliver_in_room(&mut self, route: &Route<'_>, lazy: &mut Lazy<'_>) -> usize {
        let Some(room) = &route.room else { return 0 };
        let Some(entry) = self.rooms.get_mut(room) else {
            return 0;
        };
        let Some(envelope) = lazy.get() else { return 0 };
        if route.room_seq.is_some() && is_planted!(DeliverySkipped) {
            return 0;
        }
        let (recipients, place) = match route.kind {
            AudienceKind::Spectators if is_leaked(route) => (Recipients::All, behind(envelope)),
            AudienceKind::Players => (Recipients::Players, behind(envelope)),
            AudienceKind::Spectators => (Recipients::Spectators, behind(envelope)),
            _ => (Recipients::All, route.room_seq.map(Place::at)),
        };
        self.body.clear();
        envelope.write_frame(route.room_seq, &mut self.body);
        let only = match recipients {
            Recipients::Players => Some(Role::Player),
            Recipients::Spectators => Some(Role::Spectator),
            _ => None,
        };
        entry.stage(place, recipients, &self.body);
        touch(&mut self.touched, room);
        match only {
            None => entry.followers.len(),
            Some(role) => entry.following_as(role),
        }
    }

    /// Gives how many sockets are about to be told it with something else.
    fn deliver_to_users(&mut self, route: &Route<'_>, lazy: &mut Lazy<'_>) -> usize {
        let mut entry = route
            .room
            .as_ref()
            .and_then(|room| self.rooms.get_mut(room));
        let refusal = events::is_refusal(&route.event_type);
        let may_keep = !refusal && entry.is_some();
        if !may_keep && !route.users.iter().any(|user| self.users.contains_key(user)) {
            return 0;
        }
        let Some(envelope) = lazy.get() else { return 0 };
        let place = behind(envelope);
        let keeps = may_keep && place.is_some();
        // Also of a room that nothing is known of here yet.
        let may_wait = !refusal && place.is_some();
        let asker = refusal
            .then(|| envelope.payload.read::<String>("socket_id"))
            .flatten();
        let asker = asker.filter(|id| !id.is_empty() && !is_planted!(RefusalShared));
        self.body.clear();
        envelope.write_frame(None, &mut self.body);

        if let Some(entry) = entry.as_deref_mut()
            && (is_planted!(PrivateLeaked) || is_leaked(route))
        {
            entry.stage(None, Recipients::All, &self.body);
            touch(&mut self.touched, &entry.room.id);
        }

        // An answer to one socket's question about its rooms is for that socket alone, and not kept.
        if let [id] = route.users[..]
            && let Some(socket) = self
                .users
                .get(&id)
                .and_then(|user| asking_socket(user, route))
        {
            let mut state = socket.state.lock();
            if route.event_type == NOT_IN_ROOM {
                state.forget_asked(route.room.as_ref());
            }
            let goes_on = route.event_type.ends_with(".state")
                && state.syncs.iter().any(|sync| {
                    route
                        .room
                        .as_ref()
                        .is_some_and(|room| sync.replayed.contains(room))
                        && answers(route, sync.id)
                });
            if goes_on {
                return 1;
            }
            let frame = frames::text(&self.body);
            let followed = route.room.as_ref().and_then(|room| state.follow_of(room));
            let left = match followed {
                Some(follow) => {
                    let end = end_of(follow, entry.as_deref());
                    follow.insert_last(end, frame)
                }
                None => Some(frame),
            };
            if let Some(frame) = left {
                state.push(frame);
            }
            self.to_wake.push(socket.clone());
            return 0;
        }

        let in_ring = keeps && self.body.len() <= NARROW_BYTES_MAX;
        let (mut frame, mut others) = (None, 0);
        for id in &route.users {
            let member = keeps && entry.as_deref().is_some_and(|entry| entry.has(*id));
            for socket in self.users.get(id).iter().flat_map(|user| &user.sockets) {
                if asker.as_ref().is_some_and(|asker| !is_id_of(asker, socket)) {
                    continue;
                }
                let mut state = socket.state.lock();
                // It answers a command; neither state nor ring would. The client goes on from no place any more.
                let is_out = route.event_type == NOT_IN_ROOM;
                if is_out {
                    state.forget_asked(route.room.as_ref());
                }
                let asks = may_wait && state.asks_for(route.room.as_ref());
                let waits = asks || (keeps && member && !is_out);
                let followed = route.room.as_ref().and_then(|room| state.follow_of(room));
                let follows = followed
                    .as_ref()
                    .is_some_and(|follow| follow.role_at_end().is_some());
                let mut frame = || {
                    frame
                        .get_or_insert_with(|| frames::text(&self.body))
                        .clone()
                };
                let left = match (followed, entry.as_deref()) {
                    (Some(_), Some(_)) if follows && in_ring => None,
                    // What the room's state, or the ring, is about to tell this socket.
                    _ if !follows && waits => {
                        others += 1;
                        continue;
                    }
                    (Some(follow), entry) if !refusal => {
                        let end = end_of(follow, entry);
                        follow.insert_last(end, frame())
                    }
                    _ => Some(frame()),
                };
                if let Some(frame) = left {
                    state.push(frame);
                }
                self.to_wake.push(socket.clone());
            }
            if keeps
                && !in_ring
                && let Some(entry) = entry.as_deref_mut()
            {
                entry.passed_by(*id);
            }
        }
        if in_ring && let Some(entry) = entry {
            let recipients = match &route.users[..] {
                [user] => Recipients::User(*user),
                users => Recipients::Users(users.into()),
            };
            entry.stage(place, recipients, &self.body);
            touch(&mut self.touched, &entry.room.id);
        }
        others
    }

    /// What is about rooms, and the lobby's chat, is for those who watch the lobby; the rest is for all.
    fn broadcast(&mut self, route: &Route<'_>, lazy: &mut Lazy<'_>) {
        if matches!(
            &*route.event_type,
            "system.event.user_connected" | "system.event.user_disconnected"
        ) {
            return;
        }
        let topic = lazy.record.topic.as_str();
        let (is_chat, is_for_all) = (topic == topics::CHAT_EVENTS, topic == topics::SYSTEM_EVENTS);
        if self.users.is_empty()
            || (self.watchers.is_empty() && (is_chat || (route.room.is_some() && !is_for_all)))
        {
            return;
        }
        let Some(envelope) = lazy.get() else { return };
        let of_payload = || envelope.payload.read("room_id");
        let room = route
            .room
            .clone()
            .or_else(of_payload)
            .filter(|_| !is_for_all);
        self.body.clear();
        envelope.write_frame(None, &mut self.body);
        let frame = frames::text(&self.body);
        match room {
            Some(room) if !is_chat => {
                let game_type = envelope.payload.read::<String>("game_type");
                let change = LobbyChange::of(&route.event_type);
                self.lobby.add(room, change, game_type.as_deref(), frame);
            }
            _ if is_chat => {
                for watcher in self.watchers.values() {
                    watcher.socket.push(frame.clone());
                    self.to_wake.push(watcher.socket.clone());
                }
            }
            _ => {
                for socket in self.users.values().flat_map(|user| &user.sockets) {
                    socket.push(frame.clone());
                    self.to_wake.push(socket.clone());
                }
            }
        }
    }

    /// Whether changes of the lobby wait to be sent.
    pub(crate) fn lobby_waits(&self) -> bool {
        !self.lobby.is_empty()
    }

    /// Sends what was gathered to those who watch.
    pub(crate) fn flush_lobby(&mut self) {
        let lobby = self.lobby.take(LOBBY_BYTES_MAX);
        // Watchers of the same game share one piece of memory.
        let mut gathered: FxHashMap<Option<&str>, Bytes> = FxHashMap::default();
        for watcher in self.watchers.values() {
            let wanted = watcher.game_type.as_deref();
            let piece = gathered
                .entry(wanted)
                .or_insert_with(|| lobby.of_game(wanted));
            if !piece.is_empty() {
                watcher.socket.push(piece.clone());
                self.to_wake.push(watcher.socket.clone());
            }
        }
        self.finish();
    }

    /// How much it holds.
    pub(crate) fn add_held(&self, held: &mut Held) {
        held.users = self.users.len();
        held.rooms = self.rooms.len();
        held.ring_bytes = self.rooms.values().map(|entry| entry.kept).sum();
        held.watchers = self.watchers.len();
        for socket in self.users.values().flat_map(|user| &user.sockets) {
            held.follows += socket.state.lock().follows.len();
        }
    }
}

/// The end of what a socket reads of a room. Into the ring of one that all have left nothing more comes.
fn end_of(follow: &Follow, entry: Option<&RoomEntry>) -> u64 {
    match entry {
        Some(entry) if Arc::ptr_eq(&follow.room, &entry.room) => entry.next(),
        _ => follow.room.ring.lock().end(),
    }
}

/// Whether a fault is planted that shows this message of a room's chat to all of the room.
fn is_leaked(route: &Route<'_>) -> bool {
    route.event_type == CHAT_MESSAGE && is_planted!(ChatLeaked)
}

fn touch(touched: &mut Vec<RoomId>, room: &RoomId) {
    if touched.last() != Some(room) {
        touched.push(room.clone());
    }
}

fn behind(envelope: &Envelope<'_>) -> Option<Place> {
    envelope.payload.number("after_seq").map(Place::behind)
}

fn is_id_of(text: &str, socket: &Socket) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| id == socket.id)
}

fn answers(route: &Route<'_>, id: Uuid) -> bool {
    route
        .correlation_id
        .as_deref()
        .and_then(|text| Uuid::try_parse(text).ok())
        == Some(id)
}

/// The socket of this user whose question the record answers.
fn asking_socket<'a>(user: &'a User, route: &Route<'_>) -> Option<&'a Arc<Socket>> {
    let id = Uuid::try_parse(route.correlation_id.as_deref()?).ok()?;
    user.sockets
        .iter()
        .find(|socket| socket.state.lock().syncs.iter().any(|sync| sync.id == id))
}

/// Those of the user's sockets that follow the room see it in another role from the next frame on.
fn change_role(entry: &mut RoomEntry, user: Option<&User>, role: Role) {
    for socket in user.iter().flat_map(|user| &user.sockets) {
        if let Some(follow) = socket.state.lock().follow_of(&entry.room.id)
            && follow.role_at_end().is_some_and(|old| old != role)
        {
            follow.change_role(entry.next(), Some(role));
            entry.change_follower(role);
        }
    }
}

/// The socket gets the room's state and follows from there.
fn follow_with(entry: &mut RoomEntry, role: Role, socket: &Arc<Socket>, frame: Bytes) {
    let index = entry.next();
    let mut state = socket.state.lock();
    // What its client stopped at is behind this state: to go on from there would be to go back.
    state.forget_asked(Some(&entry.room.id));
    match state.follow_of(&entry.room.id) {
        Some(follow) if Arc::ptr_eq(&follow.room, &entry.room) => {
            if follow.role_at_end().is_none() {
                follow.change_role(index, Some(role));
            }
            follow.insert(index, frame);
        }
        _ => {
            let mut follow = Follow::from(entry.room.clone(), index, role);
            follow.insert(index, frame);
            state.push_follow(follow);
        }
    }
    drop(state);
    entry.add_follower(socket, role);
}

/// The socket goes on where its client stopped if the ring can tell all since; otherwise it gets the state.
fn answer_sync(
    entry: &mut RoomEntry,
    user: UserId,
    role: Role,
    socket: &Arc<Socket>,
    route: &Route<'_>,
    frame: Bytes,
    ring_bytes_max: usize,
) {
    let mut state = socket.state.lock();
    let Some(sync) = state.syncs.iter_mut().find(|sync| answers(route, sync.id)) else {
        return;
    };
    let named = sync
        .rooms
        .iter()
        .position(|(room, _)| *room == entry.room.id);
    let seen = named.map(|at| sync.rooms.swap_remove(at).1);
    let index = seen.and_then(|seen| entry.resume_index(user, seen, ring_bytes_max));
    if let Some(index) = index {
        sync.replayed.push(entry.room.id.clone());
        match state.follow_of(&entry.room.id) {
            Some(follow) if Arc::ptr_eq(&follow.room, &entry.room) => follow.restart(index, role),
            _ => state
                .follows
                .push(Follow::from(entry.room.clone(), index, role)),
        }
        drop(state);
        entry.add_follower(socket, role);
        return;
    }
    // One that follows and named nothing has missed nothing.
    if seen.is_none() {
        let replayed = entry.room.id.clone();
        if state
            .follow_of(&replayed)
            .is_some_and(|follow| follow.role_at_end().is_some())
        {
            if let Some(sync) = state.syncs.iter_mut().find(|sync| answers(route, sync.id)) {
                sync.replayed.push(replayed);
            }
            return;
        }
    }
    drop(state);
    follow_with(entry, role, socket, frame);
}

#[cfg(test)]
#[path = "routing_tests.rs"]
mod tests;
