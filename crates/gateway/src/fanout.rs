//! A room's frames, encoded once for all its local sockets and for those that come back: a ring
//! bounded in bytes, and the cursor with which a socket reads it.

use blazing_sun_domain::{RoomId, UserId};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

/// A room with local members, now or a short while ago.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) ring: Mutex<Ring>,
}

/// What a member of a room may see beside what all may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// In the lobby or seated.
    Player,
    /// Looking on.
    Spectator,
}

/// Whom of a room's members a frame is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipients {
    All,
    Players,
    Spectators,
    User(UserId),
    Users(Box<[UserId]>),
}

impl Recipients {
    fn include(&self, user: UserId, role: Role) -> bool {
        match self {
            Recipients::All => true,
            Recipients::Players => role == Role::Player,
            Recipients::Spectators => role == Role::Spectator,
            Recipients::User(one) => *one == user,
            Recipients::Users(users) => users.contains(&user),
        }
    }
}

/// Where a frame stands in its room's order: an event for the whole room at its `room_seq`, a narrower one just
/// behind its `after_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

impl Place {
    const UNKNOWN: Place = Place(u64::MAX);
    // A foreign number must not overflow.
    const SEQ_MAX: u64 = 1 << 62;

    pub(crate) fn at(room_seq: u64) -> Place {
        Place(2 * room_seq.min(Place::SEQ_MAX))
    }

    pub(crate) fn behind(after_seq: u64) -> Place {
        Place(2 * after_seq.min(Place::SEQ_MAX) + 1)
    }
}

/// A frame that is about to enter the ring.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) place: Option<Place>,
    pub(crate) recipients: Recipients,
    /// The end of its bytes among those staged with it.
    pub(crate) end: usize,
}

#[derive(Debug)]
struct Entry {
    /// Shared by the frames that came together, so that a reader takes a run of them as one piece.
    bytes: Bytes,
    start: u32,
    end: u32,
    place: Place,
    recipients: Recipients,
    /// Bytes that ever entered the ring up to this frame's end.
    total: u64,
}

/// Frames in the order of their log, each with a dense index. The oldest go when there are too many bytes.
#[derive(Debug)]
pub(crate) struct Ring {
    entries: VecDeque<Entry>,
    /// The index of the oldest kept.
    first: u64,
    /// Bytes that ever entered.
    total: u64,
    kept: usize,
    /// Every frame whose place is above this is kept.
    floor: Place,
    newest: Place,
}

/// The reader is behind the oldest frame kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overtaken;

/// Below this, no more is reserved than is kept: most rooms that rest have few frames.
const FEW_ENTRIES: usize = 8;
/// An entry beside its bytes.
const ENTRY_BYTES: usize = size_of::<Entry>();

impl Ring {
    /// An empty ring that will get everything from now on. `after_seq` is the room's last `room_seq` so far.
    pub(crate) fn new(after_seq: Option<u64>) -> Ring {
        Ring {
            entries: VecDeque::new(),
            first: 0,
            total: 0,
            kept: 0,
            // Narrower frames behind the same number may have gone by before.
            floor: after_seq.map_or(Place::UNKNOWN, Place::behind),
            newest: Place(0),
        }
    }

    /// The index that the next frame will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Bytes kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Adds frames whose bytes stand one after another in `bytes`.
    pub(crate) fn extend(&mut self, bytes: &Bytes, staged: impl ExactSizeIterator<Item = Staged>) {
        let mut start = 0;
        if self.entries.len() < FEW_ENTRIES {
            self.entries.reserve_exact(staged.len());
        }
        for frame in staged {
            let length = frame.end - start;
            self.total += length as u64;
            self.kept += length + ENTRY_BYTES;
            if let Some(place) = frame.place {
                if self.floor == Place::UNKNOWN && place.0.is_multiple_of(2) {
                    self.floor = Place(place.0 - u64::from(place.0 > 0));
                }
                self.newest = self.newest.max(place);
            }
            self.entries.push_back(Entry {
                bytes: bytes.clone(),
                start: start as u32,
                end: frame.end as u32,
                place: self.newest,
                recipients: frame.recipients,
                total: self.total,
            });
            start = frame.end;
        }
    }

    /// Forgets that anything before this place is complete: frames were missed.
    pub(crate) fn incomplete_before(&mut self, room_seq: u64) {
        self.floor = Place(Place::at(room_seq).0.saturating_sub(1));
    }

    /// Drops the oldest frames until at most so many bytes are kept.
    pub(crate) fn trim(&mut self, bytes_max: usize) {
        while self.kept > bytes_max
            && let Some(oldest) = self.entries.pop_front()
        {
            self.first += 1;
            self.kept -= (oldest.end - oldest.start) as usize + ENTRY_BYTES;
            self.floor = self.floor.max(oldest.place);
        }
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// From where one reads who has seen all up to this `room_seq`; none if some of the rest is gone.
    pub(crate) fn index_behind(&self, room_seq: u64) -> Option<u64> {
        let seen = Place::at(room_seq);
        (self.floor <= seen)
            .then(|| self.first + self.entries.partition_point(|entry| entry.place <= seen) as u64)
    }

    fn entry(&self, index: u64) -> Result<Option<&Entry>, Overtaken> {
        let offset = index.checked_sub(self.first).ok_or(Overtaken)?;
        Ok(usize::try_from(offset)
            .ok()
            .and_then(|offset| self.entries.get(offset)))
    }

    /// Bytes from this index to the end.
    fn behind(&self, index: u64) -> u64 {
        match self.entry(index) {
            Ok(None) => 0,
            Ok(Some(entry)) => self.total - entry.total + u64::from(entry.end - entry.start),
            Err(Overtaken) => u64::MAX,
        }
    }
}

/// Where a reader puts what it takes.
pub(crate) trait Outgoing {
    /// Takes a piece: `bytes[start..end]`.
    fn push(&mut self, bytes: &Bytes, start: usize, end: usize);
    /// Whether it wants more.
    fn wants_more(&self) -> bool;
}

/// A socket's reading of one room.
#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) room: Arc<Room>,
    cursor: u64,
    /// None while the user is not in the room.
    role: Option<Role>,
    later: Option<Box<Later>>,
}

/// What is to happen when the cursor comes to an index.
#[derive(Debug, Default)]
struct Later {
    roles: VecDeque<(u64, Option<Role>)>,
    /// Frames for this socket alone, before the ring's own frame of that index.
    inserts: VecDeque<(u64, Bytes)>,
}

impl Follow {
    /// Reads from this index on.
    pub(crate) fn from(room: Arc<Room>, index: u64, role: Role) -> Follow {
        Follow {
            room,
            cursor: index,
            role: Some(role),
            later: None,
        }
    }

    /// From this index on, as this.
    pub(crate) fn change_role(&mut self, index: u64, role: Option<Role>) {
        self.later
            .get_or_insert_default()
            .roles
            .push_back((index, role));
    }

    /// The role once all is read.
    pub(crate) fn role_at_end(&self) -> Option<Role> {
        let last = self.later.as_ref().and_then(|later| later.roles.back());
        last.map_or(self.role, |(_, role)| *role)
    }

    /// Adds a frame for this socket alone, before the ring's frame of this index.
    pub(crate) fn insert(&mut self, index: u64, frame: Bytes) {
        self.later
            .get_or_insert_default()
            .inserts
            .push_back((index, frame));
    }

    /// Adds a frame for this socket alone behind all that it reads here, with `end` the ring's end; gives
    /// it back where there is nothing left to read.
    pub(crate) fn insert_last(&mut self, end: u64, frame: Bytes) -> Option<Bytes> {
        let last = self.later.as_ref().and_then(|later| later.roles.back());
        let index = match (last, self.role) {
            (Some((_, Some(_))), _) | (None, Some(_)) => end,
            // Once the user has left, nothing is read any more.
            (Some((left, None)), _) => *left,
            (None, None) => return Some(frame),
        };
        self.insert(index, frame);
        None
    }

    /// Reads from there, in this role; what was to happen before is void.
    pub(crate) fn restart(&mut self, index: u64, role: Role) {
        (self.cursor, self.role, self.later) = (index, Some(role), None);
    }

    /// Whether there is nothing more to read and the user has left.
    pub(crate) fn is_over(&self) -> bool {
        self.role.is_none() && self.later.is_none()
    }

    /// Bytes between the cursor and the end.
    pub(crate) fn behind(&self) -> u64 {
        let inserts = self.later.iter().flat_map(|later| &later.inserts);
        let inserted: u64 = inserts.map(|(_, frame)| frame.len() as u64).sum();
        let ring = if self.role.is_some() {
            self.room.ring.lock().behind(self.cursor)
        } else {
            0
        };
        ring.saturating_add(inserted)
    }

    /// Gives the frames that are this user's, up to the ring's end or until no more are wanted.
    pub(crate) fn read(&mut self, user: UserId, out: &mut impl Outgoing) -> Result<(), Overtaken> {
        let room = self.room.clone();
        let ring = room.ring.lock();
        let mut run: Option<Run<'_>> = None;
        while out.wants_more() {
            if self.later.is_some() {
                push_run(run.take(), out);
                self.catch_up(out);
                if !out.wants_more() {
                    break;
                }
            }
            let Some(role) = self.role else {
                // Not in the room now; it goes on where the user is in it again.
                let again = self.later.as_ref().and_then(|later| later.roles.front());
                match again {
                    Some((index, _)) => self.cursor = *index,
                    None => break,
                }
                continue;
            };
            let Some(entry) = ring.entry(self.cursor)? else {
                break;
            };
            self.cursor += 1;
            if !entry.recipients.include(user, role) {
                continue;
            }
            match &mut run {
                Some((bytes, _, end))
                    if *end == entry.start && bytes.as_ptr() == entry.bytes.as_ptr() =>
                {
                    *end = entry.end;
                }
                _ => {
                    push_run(run.take(), out);
                    run = Some((&entry.bytes, entry.start, entry.end));
                }
            }
        }
        push_run(run, out);
        Ok(())
    }

    /// What is due at the cursor.
    fn catch_up(&mut self, out: &mut impl Outgoing) {
        let Some(later) = &mut self.later else { return };
        while let Some((index, _)) = later.inserts.front()
            && *index <= self.cursor
            && out.wants_more()
        {
            if let Some((_, frame)) = later.inserts.pop_front() {
                out.push(&frame, 0, frame.len());
            }
        }
        // A frame that waits for this index comes before a change at it.
        if later
            .inserts
            .front()
            .is_some_and(|(index, _)| *index <= self.cursor)
        {
            return;
        }
        while let Some((index, role)) = later.roles.front().copied()
            && index <= self.cursor
        {
            self.role = role;
            later.roles.pop_front();
        }
        if later.roles.is_empty() && later.inserts.is_empty() {
            self.later = None;
        }
    }
}

/// Neighbours in one piece of memory.
type Run<'a> = (&'a Bytes, u32, u32);

fn push_run(run: Option<Run<'_>>, out: &mut impl Outgoing) {
    if let Some((bytes, start, end)) = run {
        out.push(bytes, start as usize, end as usize);
    }
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
