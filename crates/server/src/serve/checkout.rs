//! A checkout, on Kafka's topics and a database of its own: no keys of players, and nothing of the ledger.

use super::parts::{Owner, Parts};
use super::payments::Payments;
use super::probes;
use crate::brokers::{kafka_options, unique_name};
use crate::config::Config;
use crate::late_log::LateLog;
use blazing_sun_backbone::topics::Party;
use blazing_sun_domain::Games;
use std::net::SocketAddr;

impl Parts {
    /// A checkout alone. It starts at once, and works once brokers and database can be reached.
    pub(super) fn checkout(
        config: &Config,
        games: &Games,
        address: SocketAddr,
    ) -> anyhow::Result<Parts> {
        let options = kafka_options(&config.kafka, &unique_name())?;
        let group = Party::Checkout.group().to_owned();
        let log = LateLog::connect(options, Some(group))?;
        let payments = Payments::distributed(config, games, log.clone(), address)?;
        let probes = probes::of_checkout(payments.watch());
        Ok(Parts {
            owner: Owner::None,
            gateway: None,
            players: None,
            payments: Some(payments),
            probes: Some(probes),
            log: Some(log),
            hearing: None,
            saying: None,
        })
    }
}
