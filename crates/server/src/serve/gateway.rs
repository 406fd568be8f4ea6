//! A gateway alone, on Kafka's event topics: no database, and of the keys what checks tokens and seals passwords.

use super::parts::{Owner, Parts};
use super::{probes, settings};
use crate::brokers::{GatewayName, kafka_options};
use crate::config::Config;
use crate::late_log::LateLog;
use anyhow::Context;
use blazing_sun_backbone::credentials::GatewayKeys;
use blazing_sun_gateway::Gateway;
use std::sync::Arc;

impl Parts {
    /// Starts at once; who may come in waits until the event topics can be read.
    pub fn gateway(config: &Config, unlimited: bool) -> anyhow::Result<Parts> {
        let path = config.keys.clone().unwrap_or_default();
        let keys = GatewayKeys::load(&path).context("cannot use the keys")?;
        let GatewayName { id, group } = GatewayName::of(config);
        tracing::info!(gateway.id = id, "a gateway");
        let log = LateLog::connect(kafka_options(&config.kafka, &id)?, Some(group))?;
        let gateway = Gateway::start_patiently(
            settings::gateway(&config.gateway, id, unlimited)?,
            Arc::new(log.clone()),
            keys.verifier(),
            keys.passwords(),
        );
        let probes = probes::of_gateway(gateway.control());
        Ok(Parts {
            owner: Owner::None,
            gateway: Some(gateway),
            players: None,
            probes: Some(probes),
            log: Some(log),
        })
    }
}
