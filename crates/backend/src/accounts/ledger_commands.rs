//! Commands that move money outside of rooms: appended to the log like a gateway's, and waited for in
//! the ledger within bounds. Sent again, they change nothing.

use super::Clock;
use crate::store::StoreError;
use crate::store::reads::ReadSide;
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, LogError, NewRecord, Topic};
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use blazing_sun_domain::UserId;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// In a deployment of several backends another process may commit what this one waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A command of the system's for one user.
pub(super) struct LedgerCommand {
    pub id: Uuid,
    pub event_type: &'static str,
    pub user: UserId,
    pub payload: Box<RawValue>,
    /// The key of the transfer that it leads to.
    pub transfer_key: String,
}

/// What became of a command in the time that there was.
#[derive(Debug)]
pub(super) enum Submitted {
    /// The ledger had its transfer before.
    Before,
    /// The ledger has its transfer now.
    Applied,
    /// The log did not take it; it may be sent again.
    NotTaken(LogError),
    /// The log has it, the ledger does not yet.
    Pending,
}

/// Submits such commands.
#[derive(Clone)]
pub(super) struct LedgerCommands {
    pub log: Arc<dyn EventLog>,
    pub reads: Arc<dyn ReadSide>,
    pub commits: watch::Receiver<u64>,
    pub clock: Clock,
    pub wait_max: Duration,
}

impl LedgerCommands {
    /// Submits the command if the ledger does not have its transfer, and waits until it does.
    pub(super) async fn submit(&self, command: &LedgerCommand) -> Result<Submitted, StoreError> {
        let mut commits = self.commits.clone();
        if self.is_applied(command).await? {
            return Ok(Submitted::Before);
        }
        let deadline = Instant::now() + self.wait_max;
        let append = self.log.append_and_wait(vec![self.record(command)]);
        let appended = tokio::time::timeout_at(deadline, append).await;
        if let Err(error) = appended.unwrap_or(Err(LogError::Unavailable)) {
            return Ok(Submitted::NotTaken(error));
        }
        let mut is_owner_here = true;
        loop {
            commits.mark_unchanged();
            if self.is_applied(command).await? {
                return Ok(Submitted::Applied);
            }
            if Instant::now() >= deadline {
                return Ok(Submitted::Pending);
            }
            let look_again = deadline.min(Instant::now() + LOOK_AGAIN);
            tokio::select! {
                change = commits.changed(), if is_owner_here => is_owner_here = change.is_ok(),
                () = tokio::time::sleep_until(look_again) => {}
            }
        }
    }

    async fn is_applied(&self, command: &LedgerCommand) -> Result<bool, StoreError> {
        let transferred = self.reads.transferred(&command.transfer_key).await?;
        Ok(transferred.is_some())
    }

    fn record(&self, command: &LedgerCommand) -> NewRecord {
        let id_text = command.id.to_string();
        let envelope = EventEnvelope {
            event_id: id_text.as_str().into(),
            event_type: command.event_type.into(),
            timestamp: (self.clock)().to_string().into(),
            correlation_id: Some(id_text.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::user(command.user),
            payload: &command.payload,
        };
        let mut headers = HeadersBuilder::default();
        headers
            .push("event_id", &id_text)
            .push("event_type", command.event_type)
            .push("correlation_id", &id_text);
        NewRecord {
            topic: Topic::new(GAMES_COMMANDS),
            partition: None,
            key: command.user.to_string().into(),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        }
    }
}
