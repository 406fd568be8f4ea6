//! A gateway, on Kafka's event topics: no database, and of the keys what checks tokens and seals passwords.

use super::keys_in_use::OwnKeys;
use super::parts::{Owner, Parts};
use super::{probes, settings};
use crate::bans::Hearing;
use crate::brokers::{GatewayName, kafka_options};
use crate::config::Config;
use crate::late_log::LateLog;
use crate::live::Applier;
use anyhow::Context;
use blazing_sun_backbone::credentials::{GatewayKeys, KeysInUse, TokenVerifier};
use blazing_sun_backend::live::Live;
use blazing_sun_gateway::{Gateway, GatewayConfig};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a gateway on Kafka is made of.
pub(super) struct OnKafka {
    pub(super) gateway: Gateway,
    keys: OwnKeys,
    pub(super) log: LateLog,
    pub(super) hearing: Hearing,
    pub(super) applier: Applier,
}

impl OnKafka {
    /// Starts at once; who may come in waits until bans are known and the event topics can be read.
    pub(super) fn start(
        config: &Config,
        verifier: TokenVerifier,
        keys: GatewayKeys,
        live: Live,
        unlimited: bool,
    ) -> anyhow::Result<OnKafka> {
        let GatewayName { id, group } = GatewayName::of(config);
        tracing::info!(gateway.id = id, "a gateway");
        let options = kafka_options(&config.kafka, &id)?;
        let log = LateLog::connect(options.clone(), Some(group))?;
        let (known, are_known) = oneshot::channel();
        let settings = GatewayConfig {
            shares_log: true,
            ..settings::gateway(&config.gateway, id, unlimited)?
        };
        let gateway = Gateway::start_patiently(
            settings,
            Arc::new(log.clone()),
            verifier.clone(),
            keys.passwords(),
            async {
                // Where nobody hears of bans any more the process ends.
                let _ = are_known.await;
            },
        );
        // On a connection of its own: what it reads again is not what the gateway has read.
        let topics = Arc::new(LateLog::connect(options, None)?);
        let keys = OwnKeys::new(keys, config.keys.clone().unwrap_or_default());
        let (own, control) = (keys.clone(), gateway.control());
        let compare = move |in_use: &KeysInUse| own.compare(in_use);
        let applier = Applier::new(config, live, Some(control.clone()));
        let told = applier.clone();
        let hearing = Hearing::start(
            topics,
            verifier,
            Some(control),
            compare,
            move |set| told.apply(set),
            known,
        );
        Ok(OnKafka {
            gateway,
            keys,
            log,
            hearing,
            applier,
        })
    }
}

impl Parts {
    /// A gateway alone.
    pub fn gateway(config: &Config, unlimited: bool) -> anyhow::Result<Parts> {
        let path = config.keys.clone().unwrap_or_default();
        let keys = GatewayKeys::load(&path).context("cannot use the keys")?;
        let OnKafka {
            gateway,
            keys,
            log,
            hearing,
            ..
        } = OnKafka::start(config, keys.verifier(), keys, Live::default(), unlimited)?;
        let probes = probes::of_gateway(gateway.control(), keys);
        Ok(Parts {
            owner: Owner::None,
            gateway: Some(gateway),
            players: None,
            payments: None,
            probes: Some(probes),
            log: Some(log),
            hearing: Some(hearing),
            saying: None,
        })
    }
}
