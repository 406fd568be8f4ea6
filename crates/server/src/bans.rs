//! Who may not sign in, as processes without each other's memory learn of it: backends read it from the store and
//! tell the gateways, all of it, now and then and whenever it changes.

use blazing_sun_backbone::credentials::TokenVerifier;
use blazing_sun_backbone::log::{EventLog, LogError};
use blazing_sun_backbone::messages::forbidden_users;
use blazing_sun_backend::accounts::{Accounts, OperatorError};
use blazing_sun_domain::UserId;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What another process has changed is known within so long.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A gateway that has just started knows all of them within so many looks.
const TELL_EVERY: u32 = 5;

/// Looks, for as long as it is kept.
pub struct Bans {
    task: JoinHandle<()>,
}

impl Bans {
    /// Takes what is there into the verifier, and goes on looking.
    pub async fn watch(
        accounts: Arc<Accounts>,
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
    ) -> Result<Bans, OperatorError> {
        let known = accounts.forbidden().await?.into_iter().collect();
        verifier.forbid_exactly(&known);
        let task = tokio::spawn(look(accounts, log, verifier, known));
        Ok(Bans { task })
    }
}

impl Drop for Bans {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(
    accounts: Arc<Accounts>,
    log: Arc<dyn EventLog>,
    verifier: TokenVerifier,
    mut known: HashSet<UserId>,
) {
    let mut untold = TELL_EVERY;
    loop {
        match accounts.forbidden().await {
            Ok(found) => {
                let found: HashSet<UserId> = found.into_iter().collect();
                if found != known {
                    verifier.forbid_exactly(&found);
                    known = found;
                    untold = TELL_EVERY;
                }
            }
            // Whoever asks for something learns it too, and it is told of there.
            Err(error) => tracing::debug!(%error, "bans could not be read"),
        }
        untold += 1;
        if untold > TELL_EVERY && tell(&*log, &known).await.is_ok() {
            untold = 0;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Tells all gateways who may not sign in; who is not among them may.
pub async fn tell(log: &dyn EventLog, forbidden: &HashSet<UserId>) -> Result<(), LogError> {
    log.append_and_wait(vec![forbidden_users(forbidden)])
        .await
        .map(|_| ())
}
