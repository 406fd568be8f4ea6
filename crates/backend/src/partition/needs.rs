//! What deciding a record will read, as far as the record tells: an owner among several locks the accounts,
//! in one order, before it decides, and asks for everything in one round trip.

use super::Partition;
use super::wallet::read_finished;
use crate::store::postgres::Declared;
use crate::store::wallet::counted_since;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::Record;
use blazing_sun_backbone::messages::{
    self, ChatCommand, CheckoutStatus, Command, JoinRoom, QuickMatch, WalletCommand,
    top_up_request_id,
};
use blazing_sun_backbone::topics;
use blazing_sun_domain::{Cents, CommandId, Millis, RoomId, SeatedPlayer, Transfer, UserId};
use uuid::Uuid;

impl Partition {
    /// Adds what deciding this record may need.
    pub fn needs(&self, record: &Record, needed: &mut Declared) {
        if record.topic.as_str() == topics::CHECKOUT_FINISHED {
            return needs_of_payment(record, needed);
        }
        if !matches!(
            record.topic.as_str(),
            topics::GAMES_COMMANDS | topics::CHAT_COMMANDS
        ) {
            return;
        }
        let Ok(envelope) = EventEnvelope::parse(&record.payload) else {
            return;
        };
        let parsed = messages::parse_command(&envelope.event_type, envelope.payload);
        let Ok((command_id, command)) = parsed else {
            return;
        };
        let user = envelope.actor.user_id;
        match &command {
            Command::SendChat { .. } | Command::GetChatHistory { .. } => return,
            Command::Chat(
                ChatCommand::SendMessage { recipient_id, .. }
                | ChatCommand::Typing { recipient_id },
            ) => {
                needed.users.insert(*recipient_id);
            }
            Command::CreateRoom(create) => {
                needed.wallets.insert(user);
                needed.rooms_of.insert(user);
                needed.ended_rooms.extend(create.room_id.clone());
            }
            Command::JoinRoom(join) => {
                needed.wallets.insert(user);
                self.needs_to_enter(user, join, needed);
            }
            Command::Spectate(join) => self.needs_to_enter(user, join, needed),
            Command::BecomePlayer { .. } => {
                needed.wallets.insert(user);
                needed.accounts.insert(user);
            }
            Command::SelectPlayer { target_user_id, .. } => {
                needed.wallets.insert(*target_user_id);
                needed.accounts.insert(*target_user_id);
            }
            Command::Wallet(command) => {
                needed.wallets.insert(user);
                needed.counted.insert(user, counted_from(record.timestamp));
                match (command, command_id) {
                    (WalletCommand::TopUp { .. }, Some(id)) => {
                        needed.users.insert(user);
                        needed.top_ups.insert(top_up_request_id(user, id));
                    }
                    (WalletCommand::CancelTopUp { request_id }, _) => {
                        needed.top_ups.insert(*request_id);
                    }
                    _ => {}
                }
            }
            Command::QuickMatch(QuickMatch::Asked { cancel: false, .. }) => {
                needs_to_be_matched(user, needed);
            }
            Command::QuickMatch(QuickMatch::OpenRoom(open)) => {
                for player in &open.players {
                    needs_to_be_matched(player.user_id, needed);
                }
                needed.ended_rooms.insert(open.room_id.clone());
            }
            Command::SyncUser { .. } => {
                needed.rooms_of.insert(user);
            }
            Command::DemoGrant { user_id, .. } | Command::Credit { user_id, .. } => {
                needed.accounts.insert(*user_id);
                let player = SeatedPlayer::person(*user_id, "");
                let id = command_id.unwrap_or(CommandId(Uuid::nil()));
                let grant = Transfer::demo_grant(player.clone(), Cents::ZERO);
                let credit = Transfer::credit(player, id, Cents::ZERO);
                needed.transfers.extend([grant.key, credit.key]);
            }
            Command::CloseGuest { user_id } => {
                needed.accounts.insert(*user_id);
                needed.rooms_of.insert(*user_id);
                let id = command_id.unwrap_or(CommandId(Uuid::nil()));
                let player = SeatedPlayer::person(*user_id, "");
                let returned = Transfer::guest_closed(player, id, Cents::ZERO);
                needed.transfers.insert(returned.key);
            }
            Command::SyncRoom { room_id, .. } if !self.rooms.contains_key(room_id) => {
                needed.ended_rooms.insert(room_id.clone());
            }
            _ => {}
        }
        if let Some(room) = command.room_id() {
            self.accounts_of(room, needed);
        }
    }

    fn needs_to_enter(&self, user: UserId, join: &JoinRoom, needed: &mut Declared) {
        match (&join.room_id, &join.room_name) {
            (Some(room), _) => {
                needed.accounts.insert(user);
                needed.rooms_of.insert(user);
                if !self.rooms.contains_key(room) {
                    needed.ended_rooms.insert(room.clone());
                }
            }
            (None, Some(name)) => {
                needed.rooms_named.insert(name.clone());
            }
            (None, None) => {}
        }
    }

    /// Adds what firing what is due at `horizon`, of `most` rooms at most, may need.
    pub fn needs_to_fire(&self, horizon: Millis, most: usize, needed: &mut Declared) {
        let due = self.deadlines.iter().take(most);
        for (_, room) in due.take_while(|(due, _)| *due <= horizon) {
            self.accounts_of(room, needed);
        }
        let gone = self.gone.iter().take(most);
        let gone = gone.take_while(|(due, _)| *due <= horizon);
        needed.rooms_of.extend(gone.map(|(_, user)| *user));
    }

    /// Whoever has paid into the room may be paid out of it by anything that happens there.
    fn accounts_of(&self, room: &RoomId, needed: &mut Declared) {
        if let Some(slot) = self.rooms.get(room) {
            needed.accounts.extend(slot.room.selected_ids());
        }
    }
}

fn needs_to_be_matched(user: UserId, needed: &mut Declared) {
    needed.accounts.insert(user);
    needed.rooms_of.insert(user);
    needed.users.insert(user);
    needed.wallets.insert(user);
}

fn needs_of_payment(record: &Record, needed: &mut Declared) {
    let Ok(finished) = read_finished(&record.payload) else {
        return;
    };
    needed.accounts.insert(finished.user_id);
    needed.wallets.insert(finished.user_id);
    needed.top_ups.insert(finished.request_id);
    if finished.status == CheckoutStatus::Success
        && let Some(payment) = finished.payment_intent_id
    {
        needed.transfers.insert(format!("top_up/{payment}"));
    }
}

/// Batches are decided some time after their records were written: a day earlier is early enough.
fn counted_from(written: Millis) -> Millis {
    counted_since(written).plus(-86_400_000)
}
