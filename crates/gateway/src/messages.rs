//! What a session does with a client's messages.

use crate::commands::{self, Command, GatewayCode, Message, Refused, Seen};
use crate::events::push_string;
use crate::frames;
use crate::metrics::METRICS;
use crate::presence;
use crate::shared::{Addressee, Answer, Draft, Shared, now};
use crate::socket::{Closing, Identity, Socket, Sync};
use crate::wire::{Authenticated, HeartbeatAck, Welcome};
use blazing_sun_backbone::credentials::{Claims, TokenError};
use blazing_sun_backbone::line_pace::LinePace;
use blazing_sun_backbone::log::NewRecord;
use blazing_sun_backbone::messages::{SYNC_USER, sync_user, typed_payload};
use blazing_sun_backbone::trace::{self, Span, SpanKind};
use blazing_sun_domain::RoomId;
use blazing_sun_domain::room::events::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use uuid::Uuid;

/// Lines about refused messages a second.
static REFUSALS_TOLD: LinePace = LinePace::new(50);

/// Refused messages, less those that were not, after which a client is cut off.
const REFUSED_MAX: u32 = 200;

/// The first frame of every connection.
pub(crate) fn welcome(socket: &Socket) {
    let welcome = Welcome {
        connection_id: socket.id,
        timestamp: Timestamp(now()),
    };
    socket.push(frames::text(
        typed_payload("system.welcome", &welcome).as_bytes(),
    ));
}

/// Does what the message asks, or says why not.
pub(crate) fn handle(shared: &Arc<Shared>, socket: &Arc<Socket>, refused: &mut u32, text: &str) {
    METRICS.frames.inc();
    let heard = trace::now();
    let message = commands::parse(text, || shared.fresh_id());
    let cost = message.as_ref().map_or(1, Message::cost);
    if !has_rate(shared, socket, cost) {
        if is_refused_too_often(socket, refused) {
            return;
        }
        let command_id = match &message {
            Ok(Message::Command(command)) => Some(command.command_id),
            Ok(_) => None,
            Err(refused) => refused.command_id,
        };
        let limited = Refused::new(GatewayCode::RateLimited, "too many messages; send fewer");
        return refuse(socket, &limited.of(command_id));
    }
    *refused = refused.saturating_sub(1);
    let done = match message {
        Ok(Message::Heartbeat) => {
            let ack = HeartbeatAck {
                timestamp: Timestamp(now()),
            };
            socket.push(frames::text(
                typed_payload("system.heartbeat_ack", &ack).as_bytes(),
            ));
            Ok(())
        }
        Ok(Message::Authenticate { token, resume }) => authenticate(shared, socket, &token, resume),
        Ok(Message::Resume { rooms }) => resume_rooms(shared, socket, rooms),
        Ok(Message::Lobby { watch, game_type }) => identity_of(socket, None).map(|_| {
            let mut tables = shared.tables.lock();
            if !socket.state.lock().left {
                tables.watch(socket, watch, game_type.as_deref());
            }
        }),
        Ok(Message::Command(command)) => submit(shared, socket, &command, heard),
        Err(refused) => Err(refused),
    };
    if let Err(refused) = done {
        refuse(socket, &refused);
    }
}

/// Whether a ping or a pong is within the rate: each costs what a message does, and has no answer where it
/// is not.
pub(crate) fn admits_control(shared: &Shared, socket: &Socket, refused: &mut u32) -> bool {
    let admitted = has_rate(shared, socket, 1);
    if !admitted {
        is_refused_too_often(socket, refused);
    }
    admitted
}

/// Counts a refusal; one too many closes the socket.
fn is_refused_too_often(socket: &Socket, refused: &mut u32) -> bool {
    *refused += 1;
    let is_too_often = *refused > REFUSED_MAX;
    if is_too_often {
        socket.close(Closing::policy("too many messages"));
    }
    is_too_often
}

fn refuse(socket: &Socket, refused: &Refused) {
    METRICS.refused(refused.code);
    tell(socket, refused.code, refused.command_id);
    socket.push(frames::text(&refused.frame()));
}

/// Writes a line about a message that is on no topic.
fn tell(socket: &Socket, code: GatewayCode, command_id: Option<Uuid>) {
    let Some(left_out) = REFUSALS_TOLD.take() else {
        return;
    };
    let state = socket.state.lock();
    let user = state.identity.as_ref().map(|identity| identity.user);
    drop(state);
    tracing::info!(
        correlation_id = command_id.map(tracing::field::display),
        user.id = user.map(tracing::field::display),
        socket.id = %socket.id,
        code = code.as_str(),
        left_out,
        "a message is refused"
    );
}

/// What the log's failure to take a command is for its client.
pub(crate) fn unavailable(command_id: Option<Uuid>) -> Refused {
    Refused::new(
        GatewayCode::Unavailable,
        "the server cannot take this right now; try again",
    )
    .of(command_id)
}

fn has_rate(shared: &Shared, socket: &Socket, cost: u32) -> bool {
    if shared.config.unlimited {
        return true;
    }
    let (live, now_us) = (&shared.live, shared.now_us());
    if !socket.meter.take_many(cost, live.connection(), now_us)
        || !socket.address.meter.take_many(cost, live.address(), now_us)
    {
        return false;
    }
    let state = socket.state.lock();
    state
        .identity
        .as_ref()
        .is_none_or(|identity| identity.meter.take_many(cost, live.user(), now_us))
}

fn identity_of(socket: &Socket, command_id: Option<Uuid>) -> Result<Arc<Identity>, Refused> {
    let identity = socket.state.lock().identity.clone();
    identity.ok_or_else(|| {
        Refused::new(
            GatewayCode::Unauthenticated,
            "send `system.authenticate` first",
        )
        .of(command_id)
    })
}

fn actor(claims: &Claims, socket: &Socket) -> Box<str> {
    let mut out = format!("{{\"user_id\":\"{}\",\"username\":", claims.sub).into_bytes();
    push_string(&mut out, &claims.username);
    out.extend_from_slice(format!(",\"socket_id\":\"{}\",\"roles\":[", socket.id).as_bytes());
    push_list(&mut out, &claims.roles);
    out.extend_from_slice(b"]}");
    String::from_utf8(out).unwrap_or_default().into()
}

fn push_list(out: &mut Vec<u8>, texts: &[String]) {
    for (at, text) in texts.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(out, text);
    }
}

fn authenticate(
    shared: &Arc<Shared>,
    socket: &Arc<Socket>,
    token: &str,
    resume: Vec<Seen>,
) -> Result<(), Refused> {
    let now = now();
    let claims = match shared.verifier.verify(token, now) {
        Ok(claims) => claims,
        Err(error) => {
            if identity_of(socket, None).is_err() {
                socket.close(Closing::policy("sign-in failed"));
            }
            let message = match error {
                TokenError::Expired => "the access token has expired",
                TokenError::Forbidden => "this account can not be used any more",
                _ => "the access token is not valid",
            };
            return Err(Refused::new(GatewayCode::AuthFailed, message));
        }
    };
    let left_ms = claims.exp.saturating_mul(1_000).saturating_sub(now.0);
    let until = shared
        .now_ms()
        .saturating_add(u64::try_from(left_ms).unwrap_or(0).max(1));
    let known = socket.state.lock().identity.clone();
    let is_asked = !resume.is_empty();
    let cost = commands::cost_of(&resume);
    let (meter, question) = match &known {
        Some(identity) if identity.user != claims.sub => {
            socket.close(Closing::policy("another user"));
            return Ok(());
        }
        Some(identity) => (
            identity.meter.clone(),
            is_asked.then(|| note(shared, socket, resume)),
        ),
        None => {
            let mut tables = shared.tables.lock();
            if socket.state.lock().left {
                return Ok(());
            }
            // Forbidden since its token was read: whoever forbids closes the sockets that are in the tables.
            if shared.verifier.forbids(claims.sub) {
                socket.close(Closing::policy("banned"));
                return Ok(());
            }
            // The rates could not count it for the user before.
            let (meter, rate) = (tables.meter_of(claims.sub), shared.live.user());
            if !shared.config.unlimited && !meter.take_many(cost, rate, shared.now_us()) {
                socket.close(Closing::BUSY);
                return Err(Refused::new(
                    GatewayCode::RateLimited,
                    "too many sign-ins; come back",
                ));
            }
            // Before the socket can hear of its rooms: from a state that comes first it does not go back.
            let question = note(shared, socket, resume);
            // Before the question is asked: its answers must find the socket.
            tables.sign_in(claims.sub, socket);
            (meter, Some(question))
        }
    };
    let identity = Arc::new(Identity {
        user: claims.sub,
        actor: actor(&claims, socket),
        meter,
    });
    socket.authentic_until.store(until, Ordering::Relaxed);
    let authenticated = Authenticated {
        user_id: claims.sub,
        username: &claims.username,
        roles: &claims.roles,
        timestamp: Timestamp(now),
    };
    let mut state = socket.state.lock();
    state.identity = Some(identity.clone());
    state.push(frames::text(
        typed_payload("system.authenticated", &authenticated).as_bytes(),
    ));
    if let Some(news) = shared.live.news().filter(|_| question.is_some()) {
        state.push(news);
    }
    drop(state);

    let Some(question) = question else {
        return Ok(());
    };
    if known.is_some() {
        return ask(shared, socket, &identity, question, []);
    }
    let online = presence::records(shared, &identity, socket, true);
    ask(shared, socket, &identity, question, online)
        .inspect_err(|_| socket.close(Closing::DRAINING))
}

fn resume_rooms(
    shared: &Arc<Shared>,
    socket: &Arc<Socket>,
    rooms: Vec<Seen>,
) -> Result<(), Refused> {
    let identity = identity_of(socket, None)?;
    let question = note(shared, socket, rooms);
    ask(shared, socket, &identity, question, [])
}

/// A question about a user's rooms that is about to be asked.
struct Question {
    id: Uuid,
    named: Vec<RoomId>,
}

/// Notes at the socket what its client has seen of which rooms.
fn note(shared: &Shared, socket: &Socket, rooms: Vec<Seen>) -> Question {
    let id = shared.fresh_id();
    let named = rooms.iter().map(|seen| seen.room_id.clone()).collect();
    let rooms = rooms
        .into_iter()
        .map(|seen| (seen.room_id, seen.room_seq))
        .collect();
    socket.state.lock().push_sync(Sync {
        id,
        rooms,
        replayed: Vec::new(),
    });
    Question { id, named }
}

/// Asks the backend for the user's rooms, and for those that the client named.
fn ask<const N: usize>(
    shared: &Arc<Shared>,
    socket: &Arc<Socket>,
    identity: &Identity,
    Question { id, named }: Question,
    before: [NewRecord; N],
) -> Result<(), Refused> {
    let record = shared.record(
        &Draft {
            topic: &shared.games_commands,
            key: &identity.user.to_string(),
            event_type: SYNC_USER,
            correlation_id: Some(id),
            actor: &identity.actor,
            addressee: Addressee::User(identity.user),
            trace: None,
            payload_bytes: 128 + 80 * named.len(),
        },
        |out| {
            let payload = sync_user(id, identity.user, &named);
            out.extend_from_slice(payload.get().as_bytes());
        },
    );
    let asking = socket.clone();
    let records = before.into_iter().chain([record]).collect();
    let taken = shared.append(records, move |_, durable| {
        if !durable {
            asking.close(Closing::DRAINING);
        }
    });
    taken.map_err(|_| unavailable(None))
}

/// Appends a command; its answer follows when it is durable.
fn submit(
    shared: &Arc<Shared>,
    socket: &Arc<Socket>,
    command: &Command<'_>,
    heard: Option<SystemTime>,
) -> Result<(), Refused> {
    let command_id = command.command_id;
    let identity = identity_of(socket, Some(command_id))?;
    // Of the client's own fields none can name a trace.
    let mut frame = Span::root("gateway.frame", SpanKind::Server, heard);
    let room = command.room_of(identity.user);
    let sealed = match &command.password {
        Some(password) => {
            let sealed = shared
                .passwords
                .seal(password.as_bytes(), command_id.as_bytes());
            Some(sealed.map_err(|_| unavailable(Some(command_id)))?)
        }
        None => None,
    };
    let user_key = identity.user.to_string();
    let topic = match command.is_chat() {
        true => &shared.chat_commands,
        false => &shared.games_commands,
    };
    let append = frame.as_mut().map(|frame| {
        frame.set("correlation_id", command_id.to_string());
        frame.set("command.type", command.event_type.clone().into_owned());
        frame.set("user.id", identity.user.to_string());
        frame.set("socket.id", socket.id.to_string());
        if let Some(room) = &room {
            frame.set("room.id", room.to_string());
        }
        let since = SystemTime::now();
        let mut append = Span::child(
            frame.as_parent(),
            "gateway.append",
            SpanKind::Producer,
            since,
        );
        append.set("correlation_id", command_id.to_string());
        append.set("messaging.destination.name", topic.to_string());
        append
    });
    let draft = Draft {
        topic,
        key: room.as_ref().map_or(&user_key, |room| room.as_str()),
        event_type: &command.event_type,
        correlation_id: Some(command_id),
        actor: &identity.actor,
        addressee: match &room {
            Some(room) => Addressee::Room(room),
            None => Addressee::User(identity.user),
        },
        trace: append.as_ref().map(Span::as_parent),
        payload_bytes: command.payload_bytes() + sealed.as_ref().map_or(0, String::len),
    };
    let record = shared.record(&draft, |out| {
        command.write_payload(room.as_ref(), sealed.as_deref(), out)
    });
    let asking = socket.clone();
    METRICS.commands.inc();
    let taken = shared.append(vec![record], move |shared, durable| {
        if let Some(mut append) = append
            && !durable
        {
            append.fail("the event log did not keep it");
        }
        drop(frame);
        if !durable {
            tell(&asking, GatewayCode::Unavailable, Some(command_id));
        }
        shared.answer(Answer {
            socket: asking,
            command_id,
            durable,
        });
    });
    taken.map_err(|_| unavailable(Some(command_id)))
}
