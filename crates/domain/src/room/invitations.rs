//! Whom a host has asked into the room: they are told of it and need no password. A rematch is that.

use super::events::{EventBody, RoomInvited};
use super::state::{Context, Out, Room, body_of};
use super::{EventAudience, Membership, Order, RoomEvent};
use crate::ids::{RoomId, UserId};
use crate::refusal::{Refusal, RefusalCode};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many one room may ask in.
const INVITED_MAX: usize = 100;

impl Room {
    /// `invite_players`: who is in the room or invited already hears nothing of it.
    pub(super) fn invite(
        &mut self,
        context: &Context<'_>,
        users: &[UserId],
        rematch_of: Option<&RoomId>,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        self.require_host(context.by.user_id)?;
        self.require_open_selection()?;
        let asked: BTreeSet<UserId> = users
            .iter()
            .copied()
            .filter(|user| self.standing(*user) == Membership::None)
            .collect();
        if self.invited.union(&asked).count() > INVITED_MAX {
            let most = format!("`target_user_ids`: a room asks at most {INVITED_MAX} users in");
            return Err(Refusal::because(RefusalCode::InvalidFormat, most));
        }
        let told: Vec<UserId> = asked.difference(&self.invited).copied().collect();
        Arc::make_mut(&mut self.invited).extend(&told);
        let config = &self.config;
        let invited = RoomInvited {
            room_name: config.room_name.clone(),
            game_type: config.game_type.clone(),
            host_id: context.by.user_id,
            host_username: context.by.username.clone(),
            max_players: config.max_players,
            entry_fee_cents: config.entry_fee,
            prize_cents: self.full_prize(),
            rematch_of: rematch_of.cloned(),
        };
        let are_new = !told.is_empty();
        let mut tell = |audience| {
            out.events.push(RoomEvent {
                name: Cow::Borrowed(RoomInvited::NAME),
                audience,
                order: Order::After(self.room_seq),
                body: body_of(&invited),
                membership: Vec::new(),
            });
        };
        tell(EventAudience::User(context.by.user_id));
        if are_new {
            tell(EventAudience::Users(told));
        }
        Ok(are_new)
    }

    pub(super) fn is_invited(&self, user: UserId) -> bool {
        self.invited.contains(&user)
    }
}
