//! Ending a room: a command on the log, which the room's owner decides, and waiting until it has.

use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, NewRecord, Topic};
use blazing_sun_backbone::messages::{CLOSE_ROOM, close_room, header};
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use blazing_sun_backend::accounts::{Clock, check_reason};
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::overview::Overview;
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_domain::RoomId;
use blazing_sun_domain::room::{Action, Input};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long the room's owner has.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
/// After how long a room's owner that can not load it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(200);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoomClosed {
    /// The room.
    pub room_id: String,
    /// Whether it ended by this; otherwise it had ended before.
    pub is_new: bool,
    /// The command that ended it, for a trace.
    pub command_id: Option<String>,
}

/// Why a room was not closed.
#[derive(Debug, thiserror::Error)]
pub enum ClosingError {
    /// A text that is empty, too long or not of one line.
    #[error("a reason has 1 to 200 characters on one line")]
    InvalidReason,
    /// There is no such room.
    #[error("there is no room `{0}`")]
    NotFound(RoomId),
    /// It can not be loaded, and what is stored of it and of its money does not agree.
    #[error(
        "room `{0}` can not be loaded, and its owner has not closed it: its log says why; what was paid stays in escrow"
    )]
    Quarantined(RoomId),
    /// Its owner has not decided it yet.
    #[error("room `{0}` was not closed in time; the same again closes it at most once")]
    Pending(RoomId),
    /// The store failed, or the log did not take it.
    #[error("rooms can not be reached right now")]
    Store(#[from] StoreError),
}

impl ClosingError {
    /// A name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ClosingError::InvalidReason => "invalid_reason",
            ClosingError::NotFound(_) => "room_not_found",
            ClosingError::Quarantined(_) => "room_quarantined",
            ClosingError::Pending(_) | ClosingError::Store(_) => "unavailable",
        }
    }
}

/// Closes rooms.
#[derive(Clone)]
pub struct Closing {
    /// Where the command goes.
    pub log: Arc<dyn EventLog>,
    /// Tells when a room has ended.
    pub reads: Arc<dyn ReadSide>,
    /// Tells which rooms there are.
    pub overview: Arc<dyn Overview>,
    /// What time it is.
    pub clock: Clock,
}

impl Closing {
    /// Ends the room, and answers once it has ended: the seed is known, and where it ended by this, fees are back.
    pub async fn close(&self, room: &RoomId, reason: &str) -> Result<RoomClosed, ClosingError> {
        check_reason(Some(reason)).map_err(|_| ClosingError::InvalidReason)?;
        let closed = |is_new, command: Option<Uuid>| RoomClosed {
            room_id: room.to_string(),
            is_new,
            command_id: command.map(|id| id.to_string()),
        };
        if self.has_ended(room).await? {
            return Ok(closed(false, None));
        }
        if !self.is_known(room).await? {
            return Err(ClosingError::NotFound(room.clone()));
        }
        let (command, deadline) = (Uuid::now_v7(), Instant::now() + CLOSED_WITHIN);
        let mut wait = LOOK_AGAIN;
        self.ask(command, room, reason, deadline).await?;
        let mut ask_again = Instant::now() + ASK_AGAIN;
        while !self.has_ended(room).await? {
            let now = Instant::now();
            if now >= ask_again.min(deadline) {
                let is_withheld = self.overview.quarantined(room).await?.is_some();
                match (now >= deadline, is_withheld) {
                    (true, true) => return Err(ClosingError::Quarantined(room.clone())),
                    (true, false) => return Err(ClosingError::Pending(room.clone())),
                    // Its owner may not have stored yet what it is closed by.
                    (false, true) => self.ask(command, room, reason, deadline).await?,
                    (false, false) => {}
                }
                ask_again = now + ASK_AGAIN;
            }
            tokio::time::sleep(wait).await;
            wait = (2 * wait).min(LOOK_AGAIN_MAX);
        }
        Ok(match self.is_closed(room).await? {
            true => closed(true, Some(command)),
            false => closed(false, None),
        })
    }

    /// Whether there is such a room that has not ended.
    async fn is_known(&self, room: &RoomId) -> Result<bool, StoreError> {
        // A room that everybody has left is in no list, and still has its members.
        Ok(self.overview.room(room).await?.is_some()
            || !self.overview.members(room).await?.is_empty()
            || self.overview.quarantined(room).await?.is_some())
    }

    async fn ask(
        &self,
        command: Uuid,
        room: &RoomId,
        reason: &str,
        deadline: Instant,
    ) -> Result<(), ClosingError> {
        let record = self.record(command, room, reason);
        let appended = self.log.append_and_wait(vec![record]);
        match tokio::time::timeout_at(deadline, appended).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(StoreError::Log(error).into()),
            Err(_) => Err(ClosingError::Pending(room.clone())),
        }
    }

    /// Whether an operator ended it, rather than what was ahead of the close on the log: a game that was played to its end
    /// has paid its prize, and gives no fee back.
    async fn is_closed(&self, room: &RoomId) -> Result<bool, StoreError> {
        let archive = self.reads.ended_room(room).await?;
        Ok(archive.is_some_and(|archive| ends_with_close(&archive.last_inputs)))
    }

    async fn has_ended(&self, room: &RoomId) -> Result<bool, StoreError> {
        let row = self.overview.room(room).await?;
        if row.is_some_and(|row| row.status != ENDED) {
            return Ok(false);
        }
        Ok(self.reads.ended_room(room).await?.is_some())
    }

    fn record(&self, command: Uuid, room: &RoomId, reason: &str) -> NewRecord {
        let id = command.to_string();
        let payload = close_room(command, room, reason);
        let envelope = EventEnvelope {
            event_id: id.as_str().into(),
            event_type: CLOSE_ROOM.into(),
            timestamp: (self.clock)().to_string().into(),
            correlation_id: Some(id.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::room(room),
            payload: &payload,
        };
        let mut headers = HeadersBuilder::default();
        headers
            .push(header::EVENT_ID, &id)
            .push(header::EVENT_TYPE, CLOSE_ROOM)
            .push(header::CORRELATION_ID, &id);
        NewRecord {
            topic: Topic::new(GAMES_COMMANDS),
            partition: None,
            key: room.as_str().to_owned().into(),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        }
    }
}

/// Whether the last of these inputs, one a line, is an operator's close.
fn ends_with_close(inputs: &[u8]) -> bool {
    let mut lines = inputs.split(|byte| *byte == b'\n');
    let last = lines.rfind(|line| !line.is_empty());
    let last = last.and_then(|last| serde_json::from_slice::<Input>(last).ok());
    last.is_some_and(|input| matches!(input.action, Action::Close | Action::CloseUnloaded))
}

/// How [`Overview`] names what is over.
const ENDED: &str = "ended";

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_domain::{Millis, SeatedPlayer, UserId};

    #[test]
    fn a_room_is_closed_only_if_nothing_else_ended_it() {
        let journal = |actions: &[Action]| {
            let mut lines = Vec::new();
            for action in actions {
                let input = Input {
                    now: Millis(7),
                    by: SeatedPlayer::person(UserId::SYSTEM, "system"),
                    balances: Vec::new(),
                    action: action.clone(),
                };
                input.write_json(&mut lines);
                lines.push(b'\n');
            }
            lines
        };
        assert!(ends_with_close(&journal(&[
            Action::Deadline,
            Action::Close
        ])));
        assert!(!ends_with_close(&journal(&[Action::Deadline])));
        assert!(!ends_with_close(&journal(&[Action::CallOff])));
        assert!(!ends_with_close(b""));
        assert!(!ends_with_close(b"not JSON\n"));
    }
}
