//! Who is in a room and who has a seat. Shared between copies of a room until one of them changes it.

use crate::fairness::Commitment;
use crate::game::SeatedPlayer;
use crate::ids::{Millis, UserId};
use crate::money::Cents;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::events::RevealedSeed;

/// Someone in the room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Member {
    pub player: SeatedPlayer,
    pub joined_at: Millis,
    pub presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Presence {
    Here,
    /// Without a connection, and still in the room.
    Absent {
        /// When the room goes on without; none in play, where the seat stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        departs_at: Option<Millis>,
    },
    /// Left a running game: out of the room, with a seat to come back to.
    Left,
}

impl Member {
    pub fn user_id(&self) -> UserId {
        self.player.user_id
    }

    pub fn has_left(&self) -> bool {
        self.presence == Presence::Left
    }
}

/// A seat that has been paid for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TakenSeat {
    pub user_id: UserId,
    /// Which selection of this player in this room it is, from 1: part of the transfers' keys.
    pub nth: u32,
    pub paid: Cents,
    pub is_ready: bool,
    pub commitment: Option<Commitment>,
    pub revealed: Option<RevealedSeed>,
    /// The player asked the server to play.
    pub auto_play: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Roster {
    pub host: SeatedPlayer,
    /// In the order of coming.
    members: Vec<Member>,
    /// Where in `members` each user is.
    #[serde(skip)]
    index: BTreeMap<UserId, usize>,
    /// In the order of selection, which is the order of seats.
    pub seats: Vec<TakenSeat>,
    /// How often each user has been selected here, those who left included.
    selections: BTreeMap<UserId, u32>,
}

impl Roster {
    pub fn new(host: SeatedPlayer) -> Roster {
        Roster {
            host,
            members: Vec::new(),
            index: BTreeMap::new(),
            seats: Vec::new(),
            selections: BTreeMap::new(),
        }
    }

    /// Restores what is not saved.
    pub fn reindex(&mut self) {
        let ids = self.members.iter().map(Member::user_id);
        self.index = ids.enumerate().map(|(at, user)| (user, at)).collect();
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub fn position(&self, user: UserId) -> Option<usize> {
        self.index.get(&user).copied()
    }

    pub fn member(&self, user: UserId) -> Option<&Member> {
        self.members.get(self.position(user)?)
    }

    pub fn add(&mut self, player: SeatedPlayer, now: Millis) {
        self.index.insert(player.user_id, self.members.len());
        self.members.push(Member {
            player,
            joined_at: now,
            presence: Presence::Here,
        });
    }

    pub fn remove(&mut self, user: UserId) {
        if let Some(at) = self.position(user) {
            self.members.remove(at);
            self.reindex();
        }
    }

    pub fn set_presence(&mut self, user: UserId, presence: Presence) {
        if let Some(at) = self.position(user) {
            self.members[at].presence = presence;
        }
    }

    /// Who is to depart first, and when.
    pub fn next_departure(&self) -> Option<(Millis, &SeatedPlayer)> {
        let departing = self.members.iter().filter_map(|member| {
            let Presence::Absent { departs_at } = member.presence else {
                return None;
            };
            Some((departs_at?, &member.player))
        });
        departing.min_by_key(|(at, _)| *at)
    }

    /// Changes when the absent depart, from when they would.
    pub fn move_departures(&mut self, to: impl Fn(Millis) -> Option<Millis>) {
        for member in &mut self.members {
            if let Presence::Absent { departs_at } = &mut member.presence {
                *departs_at = departs_at.and_then(&to);
            }
        }
    }

    pub fn seat_index(&self, user: UserId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.user_id == user)
    }

    pub fn seat(&self, user: UserId) -> Option<&TakenSeat> {
        self.seats.iter().find(|seat| seat.user_id == user)
    }

    pub fn seat_mut(&mut self, user: UserId) -> Option<&mut TakenSeat> {
        self.seats.iter_mut().find(|seat| seat.user_id == user)
    }

    /// Seats `user` and says which selection of this user it is.
    pub fn take_seat(&mut self, user_id: UserId, paid: Cents) -> u32 {
        let selections = self.selections.entry(user_id).or_default();
        *selections += 1;
        let nth = *selections;
        self.seats.push(TakenSeat {
            user_id,
            nth,
            paid,
            is_ready: false,
            commitment: None,
            revealed: None,
            auto_play: false,
        });
        nth
    }

    pub fn free_seat(&mut self, user: UserId) -> Option<TakenSeat> {
        let at = self.seat_index(user)?;
        Some(self.seats.remove(at))
    }

    /// What the room's escrow holds.
    pub fn escrow(&self) -> Cents {
        self.seats.iter().map(|seat| seat.paid).sum()
    }

    /// The first member, if all are bots.
    pub fn first_of_bots_alone(&self) -> Option<SeatedPlayer> {
        let is_alone = self.members.iter().all(|member| member.player.is_bot);
        let first = self.members.first().filter(|_| is_alone)?;
        Some(first.player.clone())
    }

    /// How many bots are among the members.
    pub fn bot_count(&self) -> usize {
        let bots = self.members.iter().filter(|member| member.player.is_bot);
        bots.count()
    }

    /// The person who has been there longest; of those without a connection only if all are.
    pub fn next_host(&self) -> Option<SeatedPlayer> {
        let people = || self.members.iter().filter(|member| !member.player.is_bot);
        let first = |is_fit: fn(&&Member) -> bool| people().find(is_fit);
        let next = first(|member| member.presence == Presence::Here)
            .or_else(|| first(|member| !member.has_left()));
        next.map(|member| member.player.clone())
    }
}
