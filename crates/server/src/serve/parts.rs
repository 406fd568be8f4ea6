//! The running parts of a process: started in the order in which they need each other, ended in the other.

use super::keys_in_use::Saying;
use super::payments::Payments;
use crate::bans::Hearing;
use crate::config;
use crate::late_log::LateLog;
use crate::operator::Operator;
use axum::Router;
use blazing_sun_backbone::credentials::TokenSigner;
use blazing_sun_backend::accounts::Accounts;
use blazing_sun_backend::engine::Engine;
use blazing_sun_backend::owner::{Backend, Readiness};
use blazing_sun_backend::store::postgres::PgPool;
use blazing_sun_gateway::{Control, Gateway};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The running parts.
pub struct Parts {
    pub(super) owner: Owner,
    pub(super) gateway: Option<Gateway>,
    pub(super) players: Option<Players>,
    /// The checkout, where it is in this process.
    pub(super) payments: Option<Payments>,
    /// Where no API has them.
    pub(super) probes: Option<Router>,
    /// Topics that others have too.
    pub(super) log: Option<LateLog>,
    /// Hears there who may not sign in.
    pub(super) hearing: Option<Hearing>,
    /// Says which keys it has.
    pub(super) saying: Option<Saying>,
}

/// Who decides commands here.
pub(super) enum Owner {
    /// Nobody: others do.
    None,
    /// All partitions, on one folder.
    Embedded(Arc<Engine>),
    /// This one and others, each some partitions.
    Distributed(Backend),
}

/// What knows users and their money.
pub(super) struct Players {
    pub(super) api: Router,
    /// For operators.
    pub(super) console: Router,
    pub(super) accounts: Arc<Accounts>,
    pub(super) operator: Operator,
    pub(super) signer: TokenSigner,
}

impl Parts {
    /// Who may sign in.
    pub fn accounts(&self) -> Option<&Arc<Accounts>> {
        self.players.as_ref().map(|players| &players.accounts)
    }

    /// Makes access tokens.
    pub fn signer(&self) -> Option<&TokenSigner> {
        self.players.as_ref().map(|players| &players.signer)
    }

    /// What operators' tools ask.
    pub fn operator(&self) -> Option<Operator> {
        self.players
            .as_ref()
            .map(|players| players.operator.clone())
    }

    /// The gateway beside an API, whose readiness counts too.
    pub fn control(&self) -> Option<Control> {
        let has_api = self.players.is_some();
        let gateway = self.gateway.as_ref().filter(|_| has_api);
        gateway.map(Gateway::control)
    }

    /// Of partitions that come from a group.
    pub fn readiness(&self) -> Option<Readiness> {
        match &self.owner {
            Owner::Distributed(backend) => Some(backend.readiness()),
            Owner::None | Owner::Embedded(_) => None,
        }
    }

    /// Where the house's bot of this process plays, if it has one; `address` is its own.
    pub fn bot_plays_at(&self, bot: &config::Bot, address: SocketAddr) -> Option<SocketAddr> {
        let own = self.gateway.is_some().then_some(address);
        own.or(bot.gateway).filter(|_| bot.enabled)
    }

    /// The database, where other processes have it too.
    pub fn shared_database(&self) -> Option<PgPool> {
        match &self.owner {
            Owner::Distributed(backend) => Some(backend.pool()),
            Owner::None | Owner::Embedded(_) => None,
        }
    }

    /// All their routes.
    pub fn router(&self) -> Router {
        let parts = [
            self.gateway.as_ref().map(Gateway::router),
            self.players.as_ref().map(|players| players.api.clone()),
            self.players.as_ref().map(|players| players.console.clone()),
            self.payments.as_ref().map(Payments::router),
            self.probes.clone(),
        ];
        parts
            .into_iter()
            .flatten()
            .fold(Router::new(), Router::merge)
    }

    /// Waits until a part fails.
    pub async fn failed(&self) -> anyhow::Error {
        match &self.owner {
            Owner::None => std::future::pending().await,
            Owner::Embedded(engine) => {
                anyhow::anyhow!("the engine failed: {}", engine.failed().await)
            }
            Owner::Distributed(backend) => {
                let error = anyhow::Error::from(backend.failed().await);
                error.context("this backend failed")
            }
        }
    }

    /// Sends all sockets off; whether they were gone in time.
    pub async fn drain(&self, within: Duration) -> bool {
        match &self.gateway {
            Some(gateway) => gateway.drain(within).await,
            None => true,
        }
    }

    /// Writes what is left and ends.
    pub async fn stop(self) {
        if let Some(payments) = self.payments {
            payments.stop().await;
        }
        drop(self.saying);
        drop(self.hearing);
        drop(self.gateway);
        drop(self.players);
        match self.owner {
            Owner::None => {}
            Owner::Embedded(engine) => {
                let stopped = tokio::task::spawn_blocking(move || engine.stop());
                if stopped.await.is_err() {
                    tracing::error!("the engine did not stop well");
                }
            }
            Owner::Distributed(backend) => {
                let stopped = tokio::task::spawn_blocking(move || backend.stop());
                if stopped.await.is_err() {
                    tracing::error!("the backend did not stop well");
                }
            }
        }
        if let Some(log) = self.log
            && !log.close().await
        {
            tracing::warn!("not everything that was on its way to Kafka was acknowledged");
        }
    }
}
