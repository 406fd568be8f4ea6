//! What an operator asks of a deployment, however it is reached: over the socket in the data directory
//! of a running server, or on the directory itself while no server runs. See docs/tools.md.

mod client;
mod cluster;
mod noted;
mod protocol;
mod socket;

pub use client::{Target, own};
pub use noted::{LogOf, noted};
pub use protocol::{Credentials, Failure, GatewayPosition, Noting, Request};
pub use socket::{Listener, is_served};

use crate::serve::Ground;
use blazing_sun_backbone::credentials::TokenVerifier;
use blazing_sun_backbone::log::{EventLog, LogError};
use blazing_sun_backend::accounts::{Accounts, OperatorError, UserRef, Wanted, check_reason};
use blazing_sun_backend::engine::Engine;
use blazing_sun_backend::store::StoreError;
use blazing_sun_console::dead_letters::{self, DecideError, Decision, decide};
use blazing_sun_console::{
    Actions, Bans, By, Closing, ClosingError, SettingError, SettingList, Settings, ask_gateways,
};
use blazing_sun_domain::{Millis, UserId};
use blazing_sun_gateway::{Control, ReadPosition};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Does what operators ask for.
#[derive(Clone)]
pub struct Operator {
    accounts: Arc<Accounts>,
    actions: Actions,
    closing: Closing,
    settings: Settings,
    log: Arc<dyn EventLog>,
    edge: Edge,
    bans: Arc<Bans>,
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
    pub fn new(
        accounts: Arc<Accounts>,
        ground: &Ground,
        settings: Settings,
        edge: Edge,
    ) -> Operator {
        Operator {
            bans: Arc::new(Bans::new(accounts.clone(), Arc::new(edge.clone()))),
            accounts,
            actions: ground.actions(),
            closing: ground.closing(),
            settings,
            log: ground.log.clone(),
            edge,
        }
    }

    /// Who may not sign in.
    pub fn bans(&self) -> Arc<Bans> {
        self.bans.clone()
    }

    /// Does it in somebody's name, and says what came of it. What changes something is in the operators' log, which keeps
    /// what it takes for ever: reasons are checked before.
    pub async fn answer(&self, by: &By, request: Request) -> Result<Value, Failure> {
        let accounts = &self.accounts;
        match request {
            Request::ShowUser { user } => told(accounts.profile(&named(&user)?).await?),
            Request::Held => told(self.held().await?),
            Request::GatewayPositions => told(self.gateway_positions().await?),
            Request::AskGateways { asked } => {
                let unavailable = |error: LogError| Failure::new("unavailable", error.to_string());
                told(
                    ask_gateways(&*self.log, &asked)
                        .await
                        .map_err(unavailable)?,
                )
            }
            Request::Note {
                noting,
                stage,
                detail,
            } => {
                let actions = &self.actions;
                let row = actions.entry(by, noting.action(), None, detail, stage.into());
                told(actions.rows().append(row).await?)
            }
            Request::Settings => self.all_settings().await,
            Request::ChangeSetting { name, value } => {
                self.settings.set(by, &name, value).await?;
                self.all_settings().await
            }
            Request::StartMaintenance {
                starts_at_ms,
                message,
            } => {
                let starts_at = starts_at_ms.map(Millis);
                let started = self.settings.start_maintenance(by, starts_at, &message);
                started.await?;
                self.all_settings().await
            }
            Request::EndMaintenance => {
                self.settings.end_maintenance(by).await?;
                self.all_settings().await
            }
            Request::CreateUser {
                id,
                username,
                credentials,
                roles,
            } => {
                let detail = json!({ "user_id": id, "username": username, "roles": roles });
                let wanted = Wanted {
                    id,
                    username,
                    credentials: credentials.map(|given| (given.email, given.password)),
                    roles,
                };
                let create = async { told(accounts.create(wanted).await?) };
                self.act(by, "user.create", None, detail, create).await
            }
            Request::ChangeRole { user, role, has_it } => {
                let detail = json!({ "role": role, "has_it": has_it });
                let who = self.one(&user).await?;
                let change = async { told(accounts.change_role(&who, &role, has_it).await?) };
                self.act(by, "user.role", Some(&who), detail, change).await
            }
            Request::Ban { user, reason } => {
                check_reason(reason.as_deref())?;
                let detail = json!({ "reason": reason });
                let who = self.one(&user).await?;
                let ban = async { told(self.bans.set(&who, true, reason.as_deref()).await?) };
                self.act(by, "user.ban", Some(&who), detail, ban).await
            }
            Request::Unban { user } => {
                let who = self.one(&user).await?;
                let unban = async { told(self.bans.set(&who, false, None).await?) };
                self.act(by, "user.unban", Some(&who), json!({}), unban)
                    .await
            }
            Request::CloseRoom { room_id, reason } => {
                check_reason(Some(&reason)).map_err(|_| ClosingError::InvalidReason)?;
                let detail = json!({ "reason": reason });
                let close = async { told(self.closing.close(&room_id, &reason).await?) };
                let done =
                    self.actions
                        .run(by, "room.close", Some(room_id.as_str()), detail, close);
                done.await
            }
            Request::RetryDeadLetter { id } => self.decide(by, id, Decision::Retry).await,
            Request::DiscardDeadLetter { id, reason } => {
                self.decide(by, id, Decision::Discard(reason)).await
            }
            Request::SignOut { user } => {
                let who = self.one(&user).await?;
                let sign_out = async { told(self.bans.sign_out(&who).await?) };
                self.act(by, "user.sign_out", Some(&who), json!({}), sign_out)
                    .await
            }
            Request::Token { user, minutes } => {
                let detail = json!({ "minutes": minutes });
                let who = self.one(&user).await?;
                let take = async { told(accounts.token(&who, minutes).await?) };
                self.act(by, "user.token", Some(&who), detail, take).await
            }
            Request::Credit {
                user,
                amount_cents,
                reason,
                command_id,
            } => {
                check_reason(reason.as_deref())?;
                let detail = json!({
                    "amount_cents": amount_cents,
                    "reason": reason,
                    "command_id": command_id,
                });
                let who = self.one(&user).await?;
                let credit = async {
                    let credited =
                        accounts.credit(&who, amount_cents, reason.as_deref(), command_id);
                    told(credited.await?)
                };
                self.act(by, "user.credit", Some(&who), detail, credit)
                    .await
            }
        }
    }

    /// The user that is meant, by id: the log names nobody's email.
    async fn one(&self, user: &str) -> Result<UserRef, OperatorError> {
        let user = self.accounts.find(&named(user)?).await?;
        Ok(UserRef::Id(user.id))
    }

    async fn act(
        &self,
        by: &By,
        action: &str,
        target: Option<&UserRef>,
        detail: Value,
        effect: impl Future<Output = Result<Value, Failure>>,
    ) -> Result<Value, Failure> {
        let target = target.map(UserRef::to_string);
        let done = self
            .actions
            .run(by, action, target.as_deref(), detail, effect);
        done.await
    }

    async fn decide(&self, by: &By, id: String, decision: Decision) -> Result<Value, Failure> {
        let decided = decide(&*self.log, &self.actions, by, &id, decision).await;
        told(dead_letters::told(id, decided?))
    }
}

impl Operator {
    async fn all_settings(&self) -> Result<Value, Failure> {
        let (settings, maintenance) = self.settings.list().await?;
        told(SettingList {
            settings,
            maintenance,
        })
    }

    async fn held(&self) -> Result<Value, Failure> {
        let nothing = || Failure::new("unavailable", "no server runs that could hold anything");
        let Edge::Here {
            gateway, engine, ..
        } = &self.edge
        else {
            return Err(nothing());
        };
        let backend = engine.held().await.ok_or_else(nothing)?;
        Ok(json!({ "backend": backend, "gateway": gateway.held() }))
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
        self.bans.edge().shut_out(user);
    }
}

impl blazing_sun_console::Edge for Edge {
    fn shut_out(&self, user: UserId) {
        if let Edge::Here {
            verifier, gateway, ..
        } = self
        {
            verifier.forbid(user);
            gateway.close_user(user, crate::bans::BANNED);
        }
    }

    fn let_in(&self, user: UserId) {
        if let Edge::Here { verifier, .. } = self {
            verifier.allow(user);
        }
    }

    fn close(&self, user: UserId) {
        if let Edge::Here { gateway, .. } = self {
            gateway.close_user(user, crate::bans::SIGNED_OUT);
        }
    }
}

fn named(user: &str) -> Result<UserRef, OperatorError> {
    user.parse()
}

fn told(answer: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(answer).map_err(|error| Failure::new("failed", error.to_string()))
}

impl From<ClosingError> for Failure {
    fn from(error: ClosingError) -> Failure {
        Failure::new(error.code(), format!("{:#}", anyhow::Error::from(error)))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        OperatorError::from(error).into()
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Failure {
        let code = match error {
            SettingError::Unknown { .. } => "setting_not_found",
            SettingError::Value { .. } | SettingError::Message => "invalid_value",
            SettingError::NoMaintenance => "no_maintenance",
            SettingError::Store(error) => return error.into(),
            SettingError::Log(_) | SettingError::Interrupted => "unavailable",
        };
        Failure::new(code, format!("{:#}", anyhow::Error::from(error)))
    }
}

impl From<DecideError> for Failure {
    fn from(error: DecideError) -> Failure {
        Failure::new(error.code(), error.to_string())
    }
}

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Failure {
        Failure::new(error.code(), format!("{:#}", anyhow::Error::from(error)))
    }
}
