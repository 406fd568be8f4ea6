//! Who may not sign in, whose sign-ins have ended, which keys backends use, and what operators have set, as every process of a deployment hears of it: from the topics.

use crate::late_log::Outage;
use blazing_sun_backbone::bans::{Bans, Told};
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::{KeysInUse, TokenVerifier};
use blazing_sun_backbone::live::LiveSet;
use blazing_sun_backbone::log::{EventLog, LogError};
use blazing_sun_backend::accounts::TOKEN_MINUTES_MAX;
use blazing_sun_gateway::Control;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than any access token lives, and clocks differ.
const BACK_MS: i64 = (TOKEN_MINUTES_MAX as i64 + 10) * 60_000;
/// Why sockets are closed, as they are told.
pub const BANNED: &str = "banned";
/// The same.
pub const SIGNED_OUT: &str = "signed out";
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// Hears, for as long as it is kept.
pub struct Hearing {
    task: JoinHandle<()>,
}

impl Hearing {
    /// Has the verifier refuse who is banned, and the gateway end their connections; `keys_told` hears of keys. `known` is
    /// told once all is known that was there before.
    pub fn start(
        log: Arc<dyn EventLog>,
        verifier: TokenVerifier,
        gateway: Option<Control>,
        keys_told: impl Fn(&KeysInUse) + Send + 'static,
        live_told: impl Fn(LiveSet) + Send + 'static,
        known: oneshot::Sender<()>,
    ) -> Hearing {
        // Refused first, closed then: who signs in between is refused by the gateway's second look.
        let told = move |told: Told| match told {
            Told::Ban(user, true) => {
                verifier.forbid(user);
                if let Some(gateway) = &gateway {
                    gateway.close_user(user, BANNED);
                }
            }
            Told::SignedOut(user) => {
                if let Some(gateway) = &gateway {
                    gateway.close_user(user, SIGNED_OUT);
                }
            }
            Told::Ban(user, false) => verifier.allow(user),
            Told::Keys(keys) => keys_told(&keys),
            Told::Live(set) => live_told(set),
        };
        Hearing {
            task: tokio::spawn(hear(log, told, known)),
        }
    }

    /// Hears of settings alone, from now on: where users and keys are of the same process.
    pub async fn of_settings(
        log: Arc<dyn EventLog>,
        live_told: impl Fn(LiveSet) + Send + 'static,
    ) -> Result<Hearing, LogError> {
        let from_now = Bans::from_now(log).await?;
        let told = move |told: Told| {
            if let Told::Live(set) = told {
                live_told(set);
            }
        };
        Ok(Hearing {
            task: tokio::spawn(from_now.follow(told)),
        })
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hear(log: Arc<dyn EventLog>, mut told: impl FnMut(Told), known: oneshot::Sender<()>) {
    let mut outage = Outage::from(Instant::now());
    let bans = loop {
        let since = clock::now().plus(-BACK_MS);
        match Bans::since(log.clone(), since, &mut told).await {
            Ok(bans) => break bans,
            Err(error) if outage.is_due(Instant::now()) => {
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
