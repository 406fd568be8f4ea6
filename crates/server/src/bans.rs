//! Who may not sign in, as every process of a deployment hears of it: from the topics.

use crate::late_log::is_due;
use blazing_sun_backbone::bans::Bans;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::TokenVerifier;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backend::accounts::TOKEN_MINUTES_MAX;
use blazing_sun_domain::UserId;
use blazing_sun_gateway::Control;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than any access token lives, and clocks differ.
const BACK_MS: i64 = (TOKEN_MINUTES_MAX as i64 + 10) * 60_000;
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Hears, for as long as it is kept.
pub struct Hearing {
    task: JoinHandle<()>,
}

impl Hearing {
    /// Has the verifier refuse who is banned, and the gateway end their connections. `known` is told once all bans
    /// are known that were there before.
    pub fn start(
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
        gateway: Option<Control>,
        known: oneshot::Sender<()>,
    ) -> Hearing {
        // Refused first, closed then: who signs in between is refused by the gateway's second look.
        let told = move |user: UserId, is_banned: bool| match (is_banned, &gateway) {
            (true, gateway) => {
                verifier.forbid(user);
                if let Some(gateway) = gateway {
                    gateway.close_user(user);
                }
            }
            (false, _) => verifier.allow(user),
        };
        Hearing {
            task: tokio::spawn(hear(log, told, known)),
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(
    log: Arc<dyn EventLog>,
    mut told: impl FnMut(UserId, bool),
    known: oneshot::Sender<()>,
) {
    let mut warned = None;
    let bans = loop {
        let since = clock::now().plus(-BACK_MS);
        match Bans::since(log.clone(), since, &mut told).await {
            Ok(bans) => break bans,
            Err(error) if is_due(&mut warned) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "the topics cannot be read yet; trying again");
            }
            Err(_) => {}
        }
        tokio::time::sleep(TRY_AGAIN).await;
    };
    // Whoever waits for it may have ended.
    let _ = known.send(());
    bans.follow(told).await;
}
