//! Which keys are in use: backends say so on `system.events`, and a gateway that has other keys is not ready. Beside it
//! they say what operators have set, whenever that is newer than what they said.

use blazing_sun_backbone::bans::keys_record;
use blazing_sun_backbone::credentials::{GatewayKeys, KeysInUse};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_console::Settings;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Said again so often: a gateway that starts looks back for a day.
const AGAIN_AFTER: Duration = Duration::from_secs(6 * 3_600);
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// A change that was stored is in force after so long, even if nobody tells of it.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Says it for as long as it is kept.
pub(super) struct Saying(JoinHandle<()>);

impl Saying {
    /// Of a backend's keys, and of what operators have set.
    pub(super) fn start(log: Arc<dyn EventLog>, keys: KeysInUse, settings: Settings) -> Saying {
        Saying(tokio::spawn(async move {
            loop {
                let said = log.append_and_wait(vec![keys_record(&keys)]).await;
                if let Err(error) = &said {
                    tracing::debug!(%error, "the keys in use were not said");
                }
                let set = settings.say_again().await;
                if let Err(error) = &set {
                    tracing::debug!(%error, "the live settings were not said");
                }
                let is_well = said.is_ok() && set.is_ok();
                let again = Instant::now() + if is_well { AGAIN_AFTER } else { TRY_AGAIN };
                while Instant::now() < again {
                    tokio::time::sleep(LOOK_AGAIN).await;
                    catch_up(&settings).await;
                }
            }
        }))
    }

    /// Of what operators have set alone: where all that use the keys are one process.
    pub(super) fn of_settings(settings: Settings) -> Saying {
        Saying(tokio::spawn(async move {
            loop {
                catch_up(&settings).await;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }))
    }
}

async fn catch_up(settings: &Settings) {
    if let Err(error) = settings.catch_up().await {
        tracing::debug!(%error, "whether live settings changed is not known, or was not said");
    }
}

impl Drop for Saying {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A gateway's keys, and what they lack. Clones are the same one.
#[derive(Clone)]
pub(super) struct OwnKeys(Arc<Inner>);

struct Inner {
    keys: GatewayKeys,
    file: PathBuf,
    wrong: RwLock<Option<String>>,
}

impl OwnKeys {
    pub(super) fn new(keys: GatewayKeys, file: PathBuf) -> OwnKeys {
        OwnKeys(Arc::new(Inner {
            keys,
            file,
            wrong: RwLock::default(),
        }))
    }

    /// Backends use these.
    pub(super) fn compare(&self, in_use: &KeysInUse) {
        let wrong = self.0.keys.check(in_use).err();
        let wrong = wrong.map(|why| {
            let file = self.0.file.display();
            format!(
                "the keys file `{file}` is not of this deployment: {why}; make one with `blazing-sun keys gateway` from the \
                 backends' file"
            )
        });
        let mut known = self.0.wrong.write().unwrap_or_else(PoisonError::into_inner);
        if *known != wrong {
            match &wrong {
                Some(error) => {
                    tracing::error!(error, "a gateway with other keys than the backends")
                }
                None => tracing::info!("the backends use keys that this gateway has"),
            }
            *known = wrong;
        }
    }

    /// Why nobody can be served with them.
    pub(super) fn wrong(&self) -> Option<String> {
        let known = self.0.wrong.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}
