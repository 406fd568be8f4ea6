//! What a command means in its room.

use blazing_sun_backbone::messages::Command;
use blazing_sun_domain::room::Action;
use blazing_sun_domain::{Refusal, RefusalCode, RoomId, UserId};

/// A command that is for no room, or asks for another what one asks only for oneself.
pub(super) struct Misdirected(pub Option<RoomId>, pub Refusal);

/// The room and what `user` asks of it, of a command that a room decides alone.
pub(super) fn in_a_room(command: Command, user: UserId) -> Result<(RoomId, Action), Misdirected> {
    Ok(match command {
        Command::LeaveRoom { room_id } => (room_id, Action::Leave),
        Command::RejoinRoom { room_id } => (room_id, Action::Rejoin),
        Command::StopSpectating { room_id } => (room_id, Action::StopSpectating),
        Command::BecomeSpectator {
            room_id,
            target_user_id: target,
        } => (room_id, Action::BecomeSpectator { target }),
        Command::BecomePlayer {
            room_id,
            target_user_id,
        } => {
            if target_user_id.is_some_and(|target| target != user) {
                let own =
                    "`target_user_id`: who comes into the lobby agrees to pay, and so asks for it";
                let refusal = Refusal::because(RefusalCode::InvalidFormat, own);
                return Err(Misdirected(Some(room_id), refusal));
            }
            (room_id, Action::BecomePlayer)
        }
        Command::Moderate {
            room_id,
            measure,
            target_user_id: target,
        } => (room_id, Action::Moderate { measure, target }),
        Command::InvitePlayers {
            room_id,
            target_user_ids: users,
            rematch_of,
        } => (room_id, Action::Invite { users, rematch_of }),
        Command::SelectPlayer {
            room_id,
            target_user_id: target,
        } => (room_id, Action::Select { target }),
        Command::DeselectPlayer {
            room_id,
            target_user_id: target,
        } => (room_id, Action::Deselect { target }),
        Command::Ready {
            room_id,
            is_ready,
            seed_commitment,
        } => {
            let ready = Action::Ready {
                is_ready,
                seed_commitment,
            };
            (room_id, ready)
        }
        Command::RevealSeed {
            room_id,
            client_seed,
        } => (room_id, Action::RevealSeed { client_seed }),
        Command::StartGame { room_id } => (room_id, Action::Start),
        Command::EnableAutoPlay {
            room_id, enabled, ..
        } => (room_id, Action::AutoPlay { enabled }),
        Command::Move {
            room_id,
            game_type,
            name,
            fields,
        } => {
            let made = Action::Move {
                game_type,
                name,
                fields,
            };
            (room_id, made)
        }
        other => {
            let room = other.room_id().cloned();
            return Err(Misdirected(room, RefusalCode::UnknownCommand.into()));
        }
    })
}
