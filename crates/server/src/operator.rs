//! What an operator asks of a deployment, however it is reached: over the socket in the data directory
//! of a running server, or on the directory itself while no server runs. See docs/tools.md.

mod client;
mod cluster;
mod protocol;
mod socket;

pub use client::Target;
pub use protocol::{Credentials, Failure, GatewayPosition, Request};
pub use socket::{Listener, is_served};

use blazing_sun_backbone::credentials::TokenVerifier;
use blazing_sun_backend::accounts::{Accounts, OperatorError, UserRef, Wanted};
use blazing_sun_backend::engine::Engine;
use blazing_sun_domain::UserId;
use blazing_sun_gateway::{Control, ReadPosition};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Does what operators ask for.
#[derive(Clone)]
pub struct Operator {
    accounts: Arc<Accounts>,
    edge: Edge,
    /// One at a time, so that what the store says last is what the edge is told last.
    bans: Arc<tokio::sync::Mutex<()>>,
}

/// What serves players, and has to hear of bans.
#[derive(Clone)]
pub enum Edge {
    /// Nothing here: no server runs, or others, which hear of bans over the topics.
    None,
    /// The server that this is part of.
    Here {
        /// Asked about every access token.
        verifier: TokenVerifier,
        /// Ends users' connections, and tells how far it has read.
        gateway: Control,
        /// Tells how much it holds.
        engine: Arc<Engine>,
    },
}

impl Operator {
    /// On the accounts of an engine that runs, with what serves players beside it, if anything does.
    pub fn new(accounts: Arc<Accounts>, edge: Edge) -> Operator {
        Operator {
            accounts,
            edge,
            bans: Arc::default(),
        }
    }

    /// Does it, and says what came of it.
    pub async fn answer(&self, request: Request) -> Result<Value, Failure> {
        let accounts = &self.accounts;
        match request {
            Request::ShowUser { user } => told(accounts.profile(&named(&user)?).await?),
            Request::CreateUser {
                id,
                username,
                credentials,
                roles,
            } => {
                let credentials = credentials.map(|given| (given.email, given.password));
                let wanted = Wanted {
                    id,
                    username,
                    credentials,
                    roles,
                };
                told(accounts.create(wanted).await?)
            }
            Request::ChangeRole { user, role, has_it } => {
                told(accounts.change_role(&named(&user)?, &role, has_it).await?)
            }
            Request::Ban { user, reason } => {
                let who = named(&user)?;
                let _one_at_a_time = self.bans.lock().await;
                let profile = accounts.set_banned(&who, true, reason.as_deref()).await?;
                self.shut_out(profile.user_id);
                told(profile)
            }
            Request::Unban { user } => {
                let who = named(&user)?;
                let _one_at_a_time = self.bans.lock().await;
                let profile = accounts.set_banned(&who, false, None).await?;
                if let Edge::Here { verifier, .. } = &self.edge {
                    verifier.allow(profile.user_id);
                }
                told(profile)
            }
            Request::Held => told(self.held().await?),
            Request::GatewayPositions => told(self.gateway_positions().await?),
            Request::Token { user, minutes } => {
                told(accounts.token(&named(&user)?, minutes).await?)
            }
            Request::Credit {
                user,
                amount_cents,
                reason,
                command_id,
            } => {
                let who = named(&user)?;
                let credited = accounts
                    .credit(&who, amount_cents, reason.as_deref(), command_id)
                    .await?;
                told(credited)
            }
        }
    }
}

impl Operator {
    async fn held(&self) -> Result<Value, Failure> {
        let nothing = || Failure::new("unavailable", "no server runs that could hold anything");
        let Edge::Here {
            gateway, engine, ..
        } = &self.edge
        else {
            return Err(nothing());
        };
        let backend = engine.held().await.ok_or_else(nothing)?;
        Ok(serde_json::json!({ "backend": backend, "gateway": gateway.held() }))
    }

    async fn gateway_positions(&self) -> Result<Vec<GatewayPosition>, Failure> {
        let Edge::Here { gateway, .. } = &self.edge else {
            return Ok(Vec::new());
        };
        let positions = gateway.positions().await;
        let positions = positions
            .ok_or_else(|| Failure::new("unavailable", "the gateway did not answer in time"))?;
        let of = |position: ReadPosition| GatewayPosition {
            topic: position.topic,
            partition: position.partition,
            next: position.next,
        };
        Ok(positions.into_iter().map(of).collect())
    }

    /// Refused first, closed then: who signs in between is refused by the gateway's second look.
    pub(crate) fn shut_out(&self, user: UserId) {
        if let Edge::Here {
            verifier, gateway, ..
        } = &self.edge
        {
            verifier.forbid(user);
            gateway.close_user(user);
        }
    }
}

fn named(user: &str) -> Result<UserRef, OperatorError> {
    user.parse()
}

fn told(answer: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|error| Failure::new("failed", error.to_string()))
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Failure {
        Failure::new(error.code(), format!("{:#}", anyhow::Error::from(error)))
    }
}
