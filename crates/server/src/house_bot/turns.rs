//! The house's bot in a deployment of several processes: it plays from one of them at a time, which holds a lock of the
//! database's, and from another one once that is gone.

use super::HouseBot;
use crate::config;
use crate::late_log::Outage;
use blazing_sun_backend::accounts::Accounts;
use blazing_sun_backend::store::postgres::PgPool;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const LOCK: &str = "house bot";
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl HouseBot {
    /// Plays whenever no other process on the same database does.
    pub fn take_turns(
        config: config::Bot,
        listening: SocketAddr,
        accounts: Arc<Accounts>,
        pool: PgPool,
    ) -> HouseBot {
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut turns = Turns {
                config,
                listening,
                accounts,
                pool,
                failing: Outage::from(Instant::now()),
                stands_by: false,
            };
            loop {
                turns.look().await;
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        HouseBot { tasks }
    }
}

struct Turns {
    config: config::Bot,
    listening: SocketAddr,
    accounts: Arc<Accounts>,
    pool: PgPool,
    failing: Outage,
    stands_by: bool,
}

impl Turns {
    /// Plays until the lock is lost, if it is to be had.
    async fn look(&mut self) {
        let mut lock = match self.pool.try_lock(LOCK).await {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                if !std::mem::replace(&mut self.stands_by, true) {
                    tracing::info!(
                        "the house's bot plays from another process; this one stands by"
                    );
                }
                return;
            }
            Err(error) => return self.failed(error.into()),
        };
        match HouseBot::start(&self.config, self.listening, &self.accounts).await {
            Ok(bots) => {
                tracing::info!("the house's bot plays from this process");
                self.stands_by = false;
                self.failing = Outage::from(Instant::now());
                lock.lost().await;
                bots.stop().await;
                tracing::info!("the house's bot rests: its connection to the database is lost");
            }
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: anyhow::Error) {
        if self.failing.is_due(Instant::now()) {
            let error = format!("{error:#}");
            tracing::warn!(error, "the house's bot can not start yet; trying again");
        }
    }
}
