//! Asking a deployment on Kafka and PostgreSQL: no process of it needs to run, but what is money is decided by a
//! backend, and waited for.

use super::client::own;
use super::protocol::{self, Failure, Request};
use super::{Edge, Operator};
use crate::brokers::postgres_options;
use crate::config::Config;
use crate::place;
use crate::serve::{Ground, accounts};
use anyhow::Context;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backend::accounts::Accounts;
use blazing_sun_backend::store::postgres::PgPool;
use blazing_sun_domain::Games;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;

/// Asks, and waits for the answer.
pub(super) async fn ask<T: DeserializeOwned>(
    config: &Config,
    games: &Games,
    request: &Request,
) -> Result<T, Failure> {
    let reached = reach(config).await;
    let (accounts, ground) =
        reached.map_err(|error| Failure::new("unavailable", format!("{error:#}")))?;
    let settings = ground.settings(config, games);
    let operator = Operator::new(Arc::new(accounts), &ground, settings, Edge::None);
    let by = own();
    let answer = operator.answer(&by, request.clone()).await;
    protocol::read_answer(&protocol::line_of_answer(&answer))
}

async fn reach(config: &Config) -> anyhow::Result<(Accounts, Ground)> {
    let path = config.keys.clone().unwrap_or_default();
    let keys = Keys::load(&path).context("cannot use the keys")?;
    let pool = PgPool::new(&postgres_options(&config.database)?)?;
    // What backends commit is looked for now and then.
    let (_, commits) = watch::channel(0);
    let log = Arc::new(place::connect(config).await?);
    let ground = Ground::on_postgres(&pool, log, commits);
    Ok((accounts(config, &keys, &ground, None)?, ground))
}
