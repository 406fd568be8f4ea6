//! What the router holds of each room with local members: who follows it, who is in it as what, and
//! the frames that are about to enter its ring.

use crate::events::Standing;
use crate::fanout::{Place, Recipients, Ring, Role, Room, Staged};
use crate::frames;
use crate::socket::Socket;
use blazing_sun_domain::{RoomId, UserId};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

/// Below this, no more is reserved than is there: most rooms have few members.
const FEW: usize = 4;

impl Standing {
    /// The role; none for one who is not in the room.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Standing::Player | Standing::Lobby => Some(Role::Player),
            Standing::Spectator => Some(Role::Spectator),
            Standing::None => None,
        }
    }
}

#[derive(Debug)]
struct Member {
    user: UserId,
    role: Role,
    /// The ring tells all that this user was to see only to one who begins at this index or later.
    exact_from: u64,
}

/// A room with local members, as the router alone sees it.
#[derive(Debug)]
pub(crate) struct RoomEntry {
    pub(crate) room: Arc<Room>,
    pub(crate) followers: Vec<Arc<Socket>>,
    /// How many of them follow as spectators.
    spectating: usize,
    /// When the last follower left, in milliseconds since the gateway's start.
    pub(crate) left_at: u64,
    /// Everyone whose membership was seen, here or elsewhere; by user.
    members: Vec<Member>,
    /// `exact_from` of those whose membership was not seen.
    strangers_exact_from: u64,
    staged: Vec<Staged>,
    staged_bytes: Vec<u8>,
    /// The index that the next frame will have.
    next: u64,
    last_seq: Option<u64>,
    /// A staged frame is for the whole room, or for all players or spectators.
    wakes_all: bool,
    pub(crate) kept: usize,
}

impl RoomEntry {
    /// Begins to keep a room's frames, behind this `room_seq`.
    pub(crate) fn new(id: RoomId, after_seq: Option<u64>) -> RoomEntry {
        RoomEntry {
            room: Arc::new(Room {
                id,
                ring: Mutex::new(Ring::new(after_seq)),
            }),
            followers: Vec::new(),
            spectating: 0,
            left_at: 0,
            members: Vec::new(),
            strangers_exact_from: 0,
            staged: Vec::new(),
            staged_bytes: Vec::new(),
            next: 0,
            last_seq: after_seq,
            wakes_all: false,
            kept: 0,
        }
    }

    /// The index that the next frame will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    fn find(&self, user: UserId) -> Result<usize, usize> {
        self.members
            .binary_search_by_key(&user, |member| member.user)
    }

    /// Whether the user is known to be in the room.
    pub(crate) fn has(&self, user: UserId) -> bool {
        self.find(user).is_ok()
    }

    /// Notes that the user is in the room as this, from the next frame on. `restated`: it is the answer to a question, and so
    /// was as true before. Gives whether this changes what the user may see.
    pub(crate) fn enter(&mut self, user: UserId, role: Role, restated: bool) -> bool {
        match self.find(user) {
            Ok(at) if self.members[at].role == role => false,
            Ok(at) => {
                self.members[at] = Member {
                    user,
                    role,
                    exact_from: self.next,
                };
                true
            }
            Err(at) => {
                let exact_from = if restated {
                    self.strangers_exact_from
                } else {
                    self.next
                };
                if self.members.len() < FEW {
                    self.members.reserve_exact(1);
                }
                self.members.insert(
                    at,
                    Member {
                        user,
                        role,
                        exact_from,
                    },
                );
                true
            }
        }
    }

    /// Notes that the user is no longer in the room.
    pub(crate) fn leave(&mut self, user: UserId) {
        if let Ok(at) = self.find(user) {
            self.members.remove(at);
        }
    }

    /// Whether nobody is known to be in it and nobody follows it.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.members.is_empty() && self.followers.is_empty()
    }

    /// Notes that a frame of this user's passed by outside the ring.
    pub(crate) fn passed_by(&mut self, user: UserId) {
        match self.find(user) {
            Ok(at) => self.members[at].exact_from = self.next + 1,
            Err(_) => self.strangers_exact_from = self.next + 1,
        }
    }

    /// Whether the room-wide event was there already; notes it if not.
    pub(crate) fn is_repeated(&mut self, room_seq: Option<u64>) -> bool {
        let Some(room_seq) = room_seq else {
            return false;
        };
        let last_seq = self.last_seq.replace(room_seq);
        match last_seq {
            Some(last) if room_seq <= last => {
                self.last_seq = last_seq;
                return true;
            }
            Some(last) if room_seq > last + 1 => {
                tracing::warn!(room.id = %self.room.id, last, room_seq, "room events are missing");
                self.room.ring.lock().incomplete_before(room_seq);
            }
            _ => {}
        }
        false
    }

    /// Takes a frame's JSON text into the ring.
    pub(crate) fn stage(&mut self, place: Option<Place>, recipients: Recipients, body: &[u8]) {
        self.wakes_all |= !matches!(recipients, Recipients::User(_) | Recipients::Users(_));
        frames::push_text(&mut self.staged_bytes, body);
        self.staged.push(Staged {
            place,
            recipients,
            end: self.staged_bytes.len(),
        });
        self.next += 1;
    }

    /// Moves what was taken into the ring, where sockets find it.
    pub(crate) fn flush(&mut self, ring_bytes_max: usize) {
        if self.staged.is_empty() {
            return;
        }
        let bytes = Bytes::copy_from_slice(&self.staged_bytes);
        let mut ring = self.room.ring.lock();
        ring.extend(&bytes, self.staged.drain(..));
        ring.trim(ring_bytes_max);
        self.kept = ring.kept();
        drop(ring);
        // A room at rest holds no buffers.
        self.staged_bytes = Vec::new();
        self.staged = Vec::new();
        if std::mem::take(&mut self.wakes_all) {
            for socket in &self.followers {
                socket.wake();
            }
        }
    }

    /// Keeps at most so many bytes of frames.
    pub(crate) fn trim(&mut self, ring_bytes_max: usize) {
        let mut ring = self.room.ring.lock();
        ring.trim(ring_bytes_max);
        self.kept = ring.kept();
    }

    /// From where the user goes on who has seen all up to this `room_seq`; none if the ring cannot tell it exactly.
    pub(crate) fn resume_index(
        &mut self,
        user: UserId,
        room_seq: u64,
        ring_bytes_max: usize,
    ) -> Option<u64> {
        self.flush(ring_bytes_max);
        let exact_from = self.members[self.find(user).ok()?].exact_from;
        let index = self.room.ring.lock().index_behind(room_seq)?;
        // A number that the room has not reached is from nowhere.
        let known = self.last_seq.is_some_and(|last| room_seq <= last);
        (known && index >= exact_from).then_some(index)
    }

    /// How many follow as this.
    pub(crate) fn following_as(&self, role: Role) -> usize {
        match role {
            Role::Spectator => self.spectating,
            Role::Player => self.followers.len().saturating_sub(self.spectating),
        }
    }

    /// A follower is in another role from now on.
    pub(crate) fn change_follower(&mut self, role: Role) {
        match role {
            Role::Spectator => self.spectating += 1,
            Role::Player => self.spectating = self.spectating.saturating_sub(1),
        }
    }

    /// The socket follows from now on, as this.
    pub(crate) fn add_follower(&mut self, socket: &Arc<Socket>, role: Role) {
        if !self
            .followers
            .iter()
            .any(|follower| Arc::ptr_eq(follower, socket))
        {
            if self.followers.len() < FEW {
                self.followers.reserve_exact(1);
            }
            self.followers.push(socket.clone());
            self.spectating += usize::from(role == Role::Spectator);
        }
    }

    /// The socket follows no more; it did as this.
    pub(crate) fn remove_follower(&mut self, socket: &Arc<Socket>, role: Role, now_ms: u64) {
        if let Some(at) = self
            .followers
            .iter()
            .position(|other| Arc::ptr_eq(other, socket))
        {
            self.followers.swap_remove(at);
            if role == Role::Spectator {
                self.spectating = self.spectating.saturating_sub(1);
            }
            if self.followers.is_empty() {
                self.left_at = now_ms;
                self.followers = Vec::new();
            }
        }
    }
}
