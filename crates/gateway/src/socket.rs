//! The half of a connection that everyone else may touch: what waits to be written to it, and how
//! to wake the task that writes.

use crate::fanout::{Follow, Outgoing, Overtaken};
use crate::limits::{Address, Meter};
use blazing_sun_backbone::trace::Parent;
use blazing_sun_domain::{RoomId, UserId};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use uuid::Uuid;

/// A connection. Times are milliseconds since the gateway's start; 0 is never.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The connection's id, on the wire `connection_id` and `socket_id`.
    pub(crate) id: Uuid,
    pub(crate) address: Arc<Address>,
    pub(crate) meter: Meter,
    waker: AtomicWaker,
    dirty: AtomicBool,
    /// The task must end at once.
    killed: AtomicBool,
    pub(crate) heard_at: AtomicU64,
    /// The `heard_at` after which the client was last asked whether it is there.
    pub(crate) asked_after: AtomicU64,
    /// When the sign-in, and later its token, runs out.
    pub(crate) authentic_until: AtomicU64,
    /// Since when nothing could be written.
    pub(crate) blocked_since: AtomicU64,
    pub(crate) closing_since: AtomicU64,
    pub(crate) state: Mutex<SocketState>,
}

#[derive(Debug, Default)]
pub(crate) struct SocketState {
    pub(crate) identity: Option<Arc<Identity>>,
    private: VecDeque<Private>,
    private_bytes: usize,
    pub(crate) follows: Vec<Follow>,
    /// The latest questions about the user's rooms; old ones are dropped.
    pub(crate) syncs: Vec<Sync>,
    pub(crate) close: Option<Closing>,
    /// Taken out of the tables: nothing more is routed here.
    pub(crate) left: bool,
    /// Traces of which something is in what waits.
    traces: Option<Box<Traces>>,
}

/// Traces, each with its correlation id. Few sockets ever have any, so that they cost the others a pointer.
#[derive(Debug, Default)]
pub(crate) struct Traces(pub(crate) Vec<(Parent, String)>);

/// Why the server closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Closing {
    pub(crate) const fn policy(reason: &'static str) -> Closing {
        Closing { code: 1008, reason }
    }

    pub(crate) const DRAINING: Closing = Closing {
        code: 1012,
        reason: "come back",
    };
    pub(crate) const BUSY: Closing = Closing {
        code: 1013,
        reason: "too many sign-ins",
    };
    pub(crate) const SLOW: Closing = Closing::policy("too slow");
}

/// Who has signed in.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: UserId,
    /// The envelope's `actor` as JSON.
    pub(crate) actor: Box<str>,
    pub(crate) meter: Arc<Meter>,
}

/// A question about the user's rooms that is under way.
#[derive(Debug)]
pub(crate) struct Sync {
    /// Its command_id.
    pub(crate) id: Uuid,
    /// The last `room_seq` that the client has, by room.
    pub(crate) rooms: Vec<(RoomId, u64)>,
    /// Rooms that went on from the ring: their `<game>.state` is not needed.
    pub(crate) replayed: Vec<RoomId>,
}

#[derive(Debug)]
enum Private {
    Ack(Uuid),
    Frame(Bytes),
}

const ACK_START: &[u8] = b"{\"type\":\"system.ack\",\"command_id\":\"";
const ACK_END: &[u8] = b"\"}";
/// The UUID's text has 36 bytes; the whole is shorter than 126, so its head has two.
const ACK_BYTES: usize = 2 + ACK_START.len() + 36 + ACK_END.len();
const SYNCS_MAX: usize = 4;
/// Of one write.
const TRACES_MAX: usize = 16;

impl Socket {
    pub(crate) fn new(id: Uuid, address: Arc<Address>, now_ms: u64, until_ms: u64) -> Socket {
        Socket {
            id,
            address,
            meter: Meter::default(),
            waker: AtomicWaker::new(),
            dirty: AtomicBool::new(true),
            killed: AtomicBool::new(false),
            heard_at: AtomicU64::new(now_ms),
            asked_after: AtomicU64::new(0),
            authentic_until: AtomicU64::new(until_ms),
            blocked_since: AtomicU64::new(0),
            closing_since: AtomicU64::new(0),
            state: Mutex::new(SocketState::default()),
        }
    }

    /// Makes the task look for work; many calls before it does are one.
    pub(crate) fn wake(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// For the task alone: whether there was a call to [`Socket::wake`] since the last time.
    pub(crate) fn listen(&self, waker: &std::task::Waker) -> bool {
        self.waker.register(waker);
        self.dirty.swap(false, Ordering::AcqRel)
    }

    /// Ends the task without another word.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.dirty.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Asks the task to close; the first reason stands. The caller wakes.
    pub(crate) fn close(&self, closing: Closing) {
        self.state.lock().close.get_or_insert(closing);
        self.wake();
    }

    /// Adds a frame for this socket alone. The caller wakes.
    pub(crate) fn push(&self, frame: Bytes) {
        self.state.lock().push(frame);
    }
}

impl SocketState {
    pub(crate) fn user(&self) -> Option<UserId> {
        self.identity.as_ref().map(|identity| identity.user)
    }

    /// Adds a frame for this socket alone.
    pub(crate) fn push(&mut self, frame: Bytes) {
        self.private_bytes += frame.len();
        self.private.push_back(Private::Frame(frame));
    }

    /// Says that the command is durable.
    pub(crate) fn push_ack(&mut self, command_id: Uuid) {
        self.private_bytes += ACK_BYTES;
        self.private.push_back(Private::Ack(command_id));
    }

    /// Notes that something of this trace is about to wait here, with the correlation id.
    pub(crate) fn note_trace(&mut self, parent: Parent, correlation_id: &str) {
        let Traces(traces) = &mut **self.traces.get_or_insert_default();
        if traces.len() < TRACES_MAX {
            traces.push((parent, correlation_id.to_owned()));
        }
    }

    /// The traces of what is written now.
    pub(crate) fn take_traces(&mut self) -> Option<Box<Traces>> {
        self.traces.take()
    }

    /// Notes a question under way.
    pub(crate) fn push_sync(&mut self, sync: Sync) {
        if self.syncs.len() == SYNCS_MAX {
            self.syncs.remove(0);
        }
        self.syncs.reserve_exact(1);
        self.syncs.push(sync);
    }

    /// Follows another room. Most follow one, so no more than that is reserved.
    pub(crate) fn push_follow(&mut self, follow: Follow) {
        self.follows.reserve_exact(1);
        self.follows.push(follow);
    }

    /// Whether a question that names the room is unanswered.
    pub(crate) fn asks_for(&self, room: Option<&RoomId>) -> bool {
        let named = |sync: &Sync| sync.rooms.iter().any(|(named, _)| Some(named) == room);
        self.syncs.iter().any(named)
    }

    /// How much of the room the client has, as the last unanswered question that names it says.
    pub(crate) fn has_seen(&self, room: &RoomId) -> Option<u64> {
        let mut named = self.syncs.iter().flat_map(|sync| &sync.rooms);
        let last = named.rfind(|(named, _)| named == room);
        last.map(|(_, seen)| *seen)
    }

    /// No answer about the room will follow.
    pub(crate) fn forget_asked(&mut self, room: Option<&RoomId>) {
        for sync in &mut self.syncs {
            sync.rooms.retain(|(named, _)| Some(named) != room);
        }
    }

    /// The place of this room among the follows; one that the gateway has forgotten in between is still
    /// read to its end before it.
    pub(crate) fn follow_of(&mut self, room: &RoomId) -> Option<&mut Follow> {
        self.follows
            .iter_mut()
            .rfind(|follow| follow.room.id == *room)
    }

    /// Bytes that wait.
    pub(crate) fn behind(&self) -> u64 {
        self.follows
            .iter()
            .fold(self.private_bytes as u64, |sum, follow| {
                sum.saturating_add(follow.behind())
            })
    }

    /// Takes what waits, as far as it is wanted.
    pub(crate) fn read(&mut self, out: &mut Pieces) -> Result<(), Overtaken> {
        self.read_private(out);
        let Some(user) = self.user() else {
            return Ok(());
        };
        let mut over = false;
        for follow in &mut self.follows {
            follow.read(user, out)?;
            over |= follow.is_over();
        }
        if over {
            self.follows.retain(|follow| !follow.is_over());
        }
        Ok(())
    }

    /// Takes what waits for this socket alone, as far as it is wanted.
    pub(crate) fn read_private(&mut self, out: &mut Pieces) {
        while out.wants_more()
            && let Some(private) = self.private.pop_front()
        {
            match private {
                Private::Ack(command_id) => {
                    self.private_bytes -= ACK_BYTES;
                    out.push_ack(command_id);
                }
                Private::Frame(frame) => {
                    self.private_bytes -= frame.len();
                    out.push(&frame, 0, frame.len());
                }
            }
        }
        if self.private.is_empty() && self.private.capacity() > 0 {
            self.private = VecDeque::new();
        }
    }
}

/// What one write takes: short pieces copied together, long ones by reference.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    copied: Vec<u8>,
    pieces: Vec<Piece>,
    bytes: usize,
}

#[derive(Debug)]
enum Piece {
    /// A range of `copied`.
    Copied {
        start: usize,
        end: usize,
    },
    Shared(Bytes),
}

const WRITE_BYTES_MAX: usize = 128 * 1024;
const WRITE_PIECES_MAX: usize = 64;
const COPY_BYTES_MAX: usize = 1024;

impl Outgoing for Pieces {
    fn push(&mut self, bytes: &Bytes, start: usize, end: usize) {
        self.bytes += end - start;
        if end - start <= COPY_BYTES_MAX {
            self.copy(|copied| copied.extend_from_slice(&bytes[start..end]));
        } else {
            self.pieces.push(Piece::Shared(bytes.slice(start..end)));
        }
    }

    fn wants_more(&self) -> bool {
        self.bytes < WRITE_BYTES_MAX && self.pieces.len() < WRITE_PIECES_MAX
    }
}

impl Pieces {
    pub(crate) fn clear(&mut self) {
        self.copied.clear();
        self.pieces.clear();
        self.bytes = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn copy(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.copied.len();
        write(&mut self.copied);
        let now = self.copied.len();
        match self.pieces.last_mut() {
            Some(Piece::Copied { end, .. }) if *end == start => *end = now,
            _ => self.pieces.push(Piece::Copied { start, end: now }),
        }
    }

    fn push_ack(&mut self, command_id: Uuid) {
        self.bytes += ACK_BYTES;
        self.copy(|copied| {
            copied.extend_from_slice(&[0x81, (ACK_BYTES - 2) as u8]);
            copied.extend_from_slice(ACK_START);
            let mut text = Uuid::encode_buffer();
            copied.extend_from_slice(command_id.hyphenated().encode_lower(&mut text).as_bytes());
            copied.extend_from_slice(ACK_END);
        });
    }

    /// The pieces in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| match piece {
            Piece::Copied { start, end } => &self.copied[*start..*end],
            Piece::Shared(bytes) => &bytes[..],
        })
    }

    /// Everything but the first `written` bytes, to be kept.
    pub(crate) fn rest(&self, mut written: usize) -> VecDeque<Bytes> {
        let mut rest = VecDeque::new();
        for piece in &self.pieces {
            let bytes = match piece {
                Piece::Copied { start, end } => &self.copied[*start..*end],
                Piece::Shared(bytes) => &bytes[..],
            };
            let skipped = written.min(bytes.len());
            written -= skipped;
            if skipped < bytes.len() {
                rest.push_back(match piece {
                    Piece::Copied { .. } => Bytes::copy_from_slice(&bytes[skipped..]),
                    Piece::Shared(bytes) => bytes.slice(skipped..),
                });
            }
        }
        rest
    }
}
