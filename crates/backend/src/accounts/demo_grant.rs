//! Demo money for a new account: submitted as a command, once by its id however often it is sent, and
//! waited for within bounds.

use super::Clock;
use crate::store::StoreError;
use crate::store::accounts::User;
use crate::store::reads::ReadSide;
use blazing_sun_backbone::derived_id::derived_id;
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{EventLog, HeadersBuilder, LogError, NewRecord, Topic};
use blazing_sun_backbone::messages::{DEMO_GRANT, demo_grant};
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use blazing_sun_domain::UserId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

/// In a deployment of several backends another process may commit what this one waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Gets new accounts their demo money.
pub(super) struct DemoGrants {
    log: Arc<dyn EventLog>,
    reads: Arc<dyn ReadSide>,
    commits: watch::Receiver<u64>,
    clock: Clock,
    wait_max: Duration,
}

impl DemoGrants {
    pub(super) fn new(
        log: Arc<dyn EventLog>,
        reads: Arc<dyn ReadSide>,
        commits: watch::Receiver<u64>,
        clock: Clock,
        wait_max: Duration,
    ) -> DemoGrants {
        DemoGrants {
            log,
            reads,
            commits,
            clock,
            wait_max,
        }
    }

    /// Submits the grant if the ledger does not have it, and waits until it does. A log that is slow
    /// or away is no reason to refuse a sign-in: the next one submits it again.
    pub(super) async fn ensure(&self, user: &User) -> Result<(), StoreError> {
        let key = format!("demo_grant/{}", user.id);
        let mut commits = self.commits.clone();
        if self.reads.is_transferred(&key).await? {
            return Ok(());
        }
        let deadline = Instant::now() + self.wait_max;
        let append = self.log.append_and_wait(vec![self.record(user)]);
        let appended = tokio::time::timeout_at(deadline, append).await;
        if let Err(error) = appended.unwrap_or(Err(LogError::Unavailable)) {
            tracing::warn!(user.id = %user.id, %error, "the demo grant waits for the next sign-in");
            return Ok(());
        }
        let mut is_owner_here = true;
        loop {
            commits.mark_unchanged();
            if self.reads.is_transferred(&key).await? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                tracing::warn!(user.id = %user.id, "the demo grant has not been applied yet");
                return Ok(());
            }
            let look_again = deadline.min(Instant::now() + LOOK_AGAIN);
            tokio::select! {
                change = commits.changed(), if is_owner_here => is_owner_here = change.is_ok(),
                () = tokio::time::sleep_until(look_again) => {}
            }
        }
    }

    fn record(&self, user: &User) -> NewRecord {
        let id = command_id(user.id);
        let id_text = id.to_string();
        let payload = demo_grant(id, user.id, &user.username);
        let envelope = EventEnvelope {
            event_id: id_text.as_str().into(),
            event_type: DEMO_GRANT.into(),
            timestamp: (self.clock)().to_string().into(),
            correlation_id: Some(id_text.as_str().into()),
            producer: PRODUCER_BACKEND.into(),
            actor: Actor::system(),
            audience: Audience::user(user.id),
            payload: &payload,
        };
        let mut headers = HeadersBuilder::default();
        headers
            .push("event_id", &id_text)
            .push("event_type", DEMO_GRANT)
            .push("correlation_id", &id_text);
        NewRecord {
            topic: Topic::new(GAMES_COMMANDS),
            partition: None,
            key: user.id.to_string().into(),
            headers: headers.build(),
            payload: envelope.to_bytes().into(),
        }
    }
}

/// UUIDv8 of SHA-256("demo_grant" ‖ user id in decimal): the same however often it is asked for.
fn command_id(user: UserId) -> Uuid {
    derived_id(["demo_grant", &user.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_id_is_pinned() {
        let id = |user| command_id(UserId::new(user).unwrap()).to_string();
        assert_eq!(id(1), id(1));
        assert_ne!(id(1), id(2));
        assert_eq!(command_id(UserId::new(1).unwrap()).get_version_num(), 8);
        assert_eq!(id(1), "9e4367cf-2a8e-8925-b942-f56498b1daf5");
    }
}
