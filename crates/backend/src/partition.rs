//! A partition's owner in memory: its rooms, its users' answers and presence. It takes records and due
//! times one by one and says what must be written and sent; it does no I/O but the store's reads.

mod actions;
mod chat;
mod commands;
mod journal;
mod money;
mod needs;
mod presence;
mod quarantine;
mod quick_match;
mod restore;
mod rooms;
mod unloaded;
mod users;
mod wallet;

pub use journal::{JOURNAL_TOPIC, JournalRecord, JournaledInput, Opened, put_question};
pub(crate) use money::{Changed, push_balance, push_payment};
pub use restore::SecretOf;
pub(crate) use restore::{decided_on_copy, replayed};
pub use rooms::RoomSlot;
pub(crate) use rooms::panic_text;

use crate::chat::ChatRules;
use crate::inbox::Inbox;
use crate::live::Live;
use crate::metrics::ByOutcome;
use crate::outgoing::{Cause, Outgoing};
use crate::store::{Store, StoreError, Writes};
use crate::wallet::WalletRules;
use blazing_sun_backbone::credentials::{ClusterMac, Sealer};
use blazing_sun_backbone::log::{Record, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_domain::room::RoomLimits;
use blazing_sun_domain::{Cents, CommandId, Games, Millis, RoomId, UserId};
use chat::ChatTaken;
use quarantine::Quarantined;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What every partition of this server decides by.
pub struct Rules {
    /// The games, with what they cost.
    pub games: Games,
    /// What new rooms are bounded by.
    pub limits: RoomLimits,
    /// Partitions of every consumed topic.
    pub partitions: u32,
    /// Opens room passwords, seals room secrets.
    pub sealer: Sealer,
    /// Keeps room passwords.
    pub mac: ClusterMac,
    /// What a new account of a demo deployment gets.
    pub demo_grant: Cents,
    /// The one currency, lower case.
    pub currency: String,
    /// What money from outside is decided by.
    pub wallet: WalletRules,
    /// How long a user's last connection is gone before the rooms are told.
    pub gone_ms: i64,
    /// The same after a gateway's restart, which cuts all of its connections.
    pub gone_after_restart_ms: i64,
    /// A gateway that says nothing for so long is gone.
    pub gateway_silence_ms: i64,
    /// What may be written, and how often.
    pub chat: ChatRules,
    /// What operators change meanwhile.
    pub live: Live,
}

/// A question that is answered from the directory, after the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    /// The partition that answers.
    #[serde(rename = "p")]
    pub partition: u32,
    /// Who asks.
    #[serde(rename = "u")]
    pub user: UserId,
    /// The asking socket.
    #[serde(rename = "s")]
    pub socket_id: String,
    /// The command's id.
    #[serde(rename = "c")]
    pub correlation_id: String,
    /// One game, or all.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub game_type: Option<String>,
}

/// The answer to such a question; none where the directory could not be read.
pub type ListAnswer = (ListQuery, Option<String>);

/// What a partition works with during one batch.
pub struct Turn<'a, S: Store> {
    /// The batch's instant.
    pub now: Millis,
    /// The batch's number.
    pub batch_no: u64,
    /// For reads.
    pub store: &'a mut S,
    /// What the batch writes.
    pub writes: &'a mut Writes,
    /// What the batch sends.
    pub outgoing: &'a mut Outgoing,
    /// Balances as this batch leaves them.
    pub balances: &'a mut BTreeMap<UserId, Cents>,
    /// Questions to answer after the batch.
    pub queries: &'a mut Vec<ListQuery>,
    /// What is decided by.
    pub rules: &'a Rules,
    /// What operators have set, the same for all that is decided in the turn.
    pub live: Live,
    /// What is decided reaches nobody for long: no new money is taken in.
    pub is_congested: bool,
    /// A fresh secret for a new room; none where the system gives no randomness.
    pub fresh_secret: &'a mut dyn FnMut() -> Option<[u8; 32]>,
}

impl<S: Store> Turn<'_, S> {
    /// Whether nobody is let into this game now, because that costs something.
    fn refuses_fee(&self, game_type: &str) -> bool {
        let game = self.rules.games.get(game_type);
        let costs = game.map(|game| self.live.costs(game));
        self.is_congested && costs.is_some_and(|costs| costs.entry_fee > Cents::ZERO)
    }

    /// A player's balance as this batch leaves it so far.
    pub fn balance(&mut self, user: UserId) -> Result<Cents, StoreError> {
        if let Some(balance) = self.balances.get(&user) {
            return Ok(*balance);
        }
        let balance = self.store.balance(user)?;
        self.balances.insert(user, balance);
        Ok(balance)
    }
}

/// What must be saved once it has changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirty {
    /// A room.
    Room(RoomId),
    /// A user's answers.
    Inbox(UserId),
}

/// A user's answers, and since when they are not saved.
#[derive(Debug, Default)]
struct InboxSlot {
    inbox: Inbox,
    dirty_since: Option<u64>,
    last_kept: Millis,
}

/// A partition's owner.
pub struct Partition {
    number: u32,
    rooms: FxHashMap<RoomId, RoomSlot>,
    inboxes: FxHashMap<UserId, InboxSlot>,
    connections: FxHashMap<UserId, Vec<presence::Link>>,
    deadlines: BTreeSet<(Millis, RoomId)>,
    /// Users whose last connection is gone, and when the rooms are told.
    gone: BTreeSet<(Millis, UserId)>,
    gone_at: FxHashMap<UserId, Millis>,
    gateways: presence::Gateways,
    /// Connections of silent gateways that may be heard again.
    lost: FxHashMap<UserId, Vec<presence::Lost>>,
    said: presence::Said,
    queues: quick_match::Queues,
    /// Users who have asked for a quick match of these games since they were last gone.
    may_wait: FxHashMap<UserId, BTreeSet<String>>,
    /// What is not saved, by the batch that changed it first.
    dirty: BTreeSet<(u64, Dirty)>,
    /// Rooms that can not be loaded.
    quarantined: BTreeMap<RoomId, Quarantined>,
    /// Rooms that could not be loaded before and can be now, and when they were in play for the last time.
    returned: Vec<(RoomId, Millis)>,
    /// Rooms whose journal has grown so long that it is saved with this batch.
    long: Vec<RoomId>,
    /// What users have taken of chat outside of rooms.
    chat_taken: FxHashMap<UserId, ChatTaken>,
    topics: TopicNames,
    /// Counters of games' own commands.
    counters: Vec<(&'static str, ByOutcome)>,
}

/// The topics that a partition compares records with.
struct TopicNames {
    commands: Topic,
    chat_commands: Topic,
    journal: Topic,
}

/// Why a record could not be taken: a fault of the machine, never of the record.
pub type Taken = Result<(), StoreError>;

impl Partition {
    /// An empty partition.
    pub fn new(number: u32) -> Partition {
        Partition {
            number,
            rooms: FxHashMap::default(),
            inboxes: FxHashMap::default(),
            connections: FxHashMap::default(),
            deadlines: BTreeSet::new(),
            gone: BTreeSet::new(),
            gone_at: FxHashMap::default(),
            gateways: presence::Gateways::default(),
            lost: FxHashMap::default(),
            said: presence::Said::default(),
            queues: quick_match::Queues::default(),
            may_wait: FxHashMap::default(),
            dirty: BTreeSet::new(),
            quarantined: BTreeMap::new(),
            returned: Vec::new(),
            long: Vec::new(),
            chat_taken: FxHashMap::default(),
            topics: TopicNames {
                commands: Topic::new(topics::GAMES_COMMANDS),
                chat_commands: Topic::new(topics::CHAT_COMMANDS),
                journal: Topic::new(JOURNAL_TOPIC),
            },
            counters: Vec::new(),
        }
    }

    /// Which one it is.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether records of this topic are for partitions at all.
    pub fn consumes(topic: &str) -> bool {
        matches!(
            topic,
            topics::GAMES_COMMANDS
                | topics::CHAT_COMMANDS
                | topics::GATEWAY_PRESENCE
                | topics::SYSTEM_EVENTS
                | topics::CHECKOUT_FINISHED
        )
    }

    /// Takes one record of a consumed topic.
    pub fn take<S: Store>(&mut self, turn: &mut Turn<'_, S>, record: &Record) -> Taken {
        self.queues.follow(&turn.rules.live);
        match record.topic.as_str() {
            topics::GAMES_COMMANDS | topics::CHAT_COMMANDS => self.command(turn, record),
            topics::GATEWAY_PRESENCE => self.presence(turn, record),
            topics::CHECKOUT_FINISHED => self.checkout_finished(turn, record),
            _ => Ok(()),
        }
    }

    /// When something is due here next.
    pub fn next_due(&self) -> Option<Millis> {
        let room = self.deadlines.first().map(|(due, _)| *due);
        let gone = self.gone.first().map(|(due, _)| *due);
        let silent = self.gateways.next_due();
        let closes = self.queues.close_at();
        let all = room.into_iter().chain(gone).chain(silent).chain(closes);
        all.min()
    }

    /// Whether a room waits for a deadline, so that the time of an outage matters.
    pub fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// Lets happen what is due at `horizon`: of `most` rooms at most, and all else once none is left.
    pub fn fire<S: Store>(
        &mut self,
        turn: &mut Turn<'_, S>,
        horizon: Millis,
        most: usize,
    ) -> Taken {
        self.queues.follow(&turn.rules.live);
        let mut fired = 0;
        while let Some((due, room)) = self.deadlines.first().cloned() {
            if due > horizon {
                break;
            }
            if fired == most {
                return Ok(());
            }
            fired += 1;
            self.room_deadline(turn, due, &room)?;
        }
        // Where the store has refused what fell due, no room is to be blamed for a user.
        match most < usize::MAX && fired > 0 {
            true => Ok(()),
            false => {
                self.close_queues(turn);
                self.fire_presence(turn, horizon, most)
            }
        }
    }

    /// The room whose deadline comes first of all that are due at `horizon`.
    pub fn first_due_room(&self, horizon: Millis) -> Option<&RoomId> {
        let (due, room) = self.deadlines.first()?;
        (*due <= horizon).then_some(room)
    }

    /// Saves what has been dirty since before `until`, at most `most` of it. The last thing that a
    /// batch decides: recovery takes a snapshot to hold all of its batch.
    pub fn save<S: Store>(&mut self, turn: &mut Turn<'_, S>, until: u64, most: usize) -> Taken {
        self.save_queues(turn);
        for room in std::mem::take(&mut self.long) {
            self.save_room(turn, &room)?;
        }
        // A backlog is worked off faster than it can grow.
        for _ in 0..most.max(self.dirty.len() / 32) {
            match self.dirty.first() {
                Some((since, _)) if *since < until => {}
                _ => break,
            }
            let Some((_, what)) = self.dirty.pop_first() else {
                break;
            };
            match what {
                Dirty::Room(room) => self.save_room(turn, &room)?,
                Dirty::Inbox(user) => self.save_inbox(turn, user),
            }
        }
        Ok(())
    }

    /// How many rooms and users' answers are not saved as they are.
    pub fn unsaved(&self) -> usize {
        self.dirty.len()
    }

    /// The first batch that recovery still needs for this partition.
    pub fn floor(&self) -> Option<u64> {
        let dirty = self.dirty.first().map(|(since, _)| *since);
        dirty
            .into_iter()
            .chain(self.quarantined.values().filter_map(|room| room.unsaved))
            .min()
    }
}

/// How much an engine holds in memory, over all partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Running rooms, and those that could not be loaded.
    pub rooms: usize,
    /// Rooms that wait for a deadline.
    pub deadlines: usize,
    /// Rooms and users' answers that are not saved as they are.
    pub unsaved: usize,
    /// Users with answers that may be asked for again.
    pub answered_users: usize,
    /// Users who are connected, or were a moment ago.
    pub connected_users: usize,
    /// Gateways that are heard.
    pub gateways: usize,
    /// People who wait for a quick match, and matches without a room.
    pub queued: usize,
    /// Users who have asked for a quick match since they were last gone.
    pub may_wait: usize,
}

impl Held {
    /// Adds what another holds.
    pub fn add(&mut self, other: Held) {
        self.rooms += other.rooms;
        self.deadlines += other.deadlines;
        self.unsaved += other.unsaved;
        self.answered_users += other.answered_users;
        self.connected_users += other.connected_users;
        self.gateways += other.gateways;
        self.queued += other.queued;
        self.may_wait += other.may_wait;
    }
}

impl Partition {
    /// Adds what this partition holds.
    pub fn add_held(&self, held: &mut Held) {
        held.rooms += self.rooms.len() + self.quarantined.len();
        held.deadlines += self.deadlines.len();
        held.unsaved += self.unsaved();
        held.answered_users += self.inboxes.len();
        held.connected_users += self.connections.len();
        held.gateways += self.gateways.len();
        held.queued += self.queues.len();
        held.may_wait += self.may_wait.len();
    }
}

/// A user as text in the domain's own type.
pub(crate) fn name(text: &str) -> Arc<str> {
    text.into()
}

/// What a command is about, while it is decided.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The command's id; none for what no client sent.
    pub command_id: Option<CommandId>,
    /// Whether the answer is kept for the command's return.
    pub is_kept: bool,
    /// The correlation id of all that follows.
    pub correlation_id: &'a str,
    /// Who asks.
    pub user: UserId,
    /// The asking socket.
    pub socket_id: &'a str,
    /// Whether refusals go to `chat.events`.
    pub chat: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn cause(&self) -> Cause<'a> {
        Cause {
            correlation_id: self.correlation_id,
            command_id: self.command_id,
            user: self.user,
        }
    }
}
