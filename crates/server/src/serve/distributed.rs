//! Partitions and the HTTP API on Kafka and PostgreSQL, alone or with a gateway beside them.

use super::front::Front;
use super::gateway::OnKafka;
use super::keys_in_use::Saying;
use super::parts::{Owner, Parts, Players};
use super::settings::{self, Ground};
use crate::bans::Hearing;
use crate::brokers::{kafka_options, postgres_options, unique_name};
use crate::config::{Config, Role};
use crate::late_log::is_due;
use crate::live::Applier;
use crate::operator::{Edge, Operator};
use crate::place::Place;
use anyhow::Context;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::LogError;
use blazing_sun_backend::live::Live;
use blazing_sun_backend::mail::MailRoom;
use blazing_sun_backend::owner::{Backend, OwnerError, OwnerOptions};
use blazing_sun_backend::store::StoreError;
use blazing_sun_console::Keeper;
use blazing_sun_domain::Games;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const TRY_AGAIN: Duration = Duration::from_millis(500);

impl Parts {
    /// Starts once brokers and database can be reached; `serve` has a gateway too.
    pub(super) async fn distributed(
        config: &Config,
        role: Role,
        games: Games,
        mail: Option<MailRoom>,
        bench: bool,
        front: &Front,
    ) -> anyhow::Result<Parts> {
        let path = config.keys.clone().unwrap_or_default();
        let keys = Keys::load(&path).context("cannot use the keys")?;
        let verifier = keys.verifier();
        let live = Live::default();
        let edge = match role {
            Role::Serve => {
                let own = keys.for_gateway();
                Some(OnKafka::start(
                    config,
                    verifier.clone(),
                    own,
                    live.clone(),
                    bench,
                )?)
            }
            Role::Backend | Role::Gateway | Role::Checkout => None,
        };
        let backend = start_backend(config, &keys, &games, front, &live, bench).await?;
        front.waits_for("what `system.events` says of bans is read");
        let ground = Ground::on_postgres(
            &backend.pool(),
            Arc::new(backend.log()),
            backend.committed(),
        );
        let accounts = Arc::new(settings::accounts(config, &keys, &ground, mail)?);
        let live_settings = ground.settings(config, &games);
        let applier = match &edge {
            Some(edge) => edge.applier.clone(),
            None => Applier::new(config, live.clone(), None),
        };
        let told = applier.clone();
        let (gateway, log, hearing) = match edge {
            Some(edge) => (Some(edge.gateway), Some(edge.log), edge.hearing),
            None => {
                let (known, are_known) = oneshot::channel();
                let log = ground.log.clone();
                let hearing = Hearing::start(
                    log,
                    verifier.clone(),
                    None,
                    |_| (),
                    move |set| told.apply(set),
                    known,
                );
                are_known.await?;
                (None, None, hearing)
            }
        };
        // What the topics have forgotten.
        applier.apply(live_settings.read().await?);
        let live_settings = live_settings.taken_by(move |set| applier.apply(set));
        for user in accounts.forbidden().await? {
            verifier.forbid(user);
        }
        let has_bot = config.bot.enabled && (gateway.is_some() || config.bot.gateway.is_some());
        let operator = Operator::new(accounts.clone(), &ground, live_settings.clone(), Edge::None);
        let keeper = Keeper::Cluster {
            log: Box::new(backend.log()),
            pool: Some(backend.pool()),
        };
        let console = settings::console(
            live_settings.clone(),
            games.clone(),
            &ground,
            keeper,
            accounts.clone(),
            verifier.clone(),
            operator.bans(),
            Place::Cluster(Box::new(config.clone())),
        );
        let api = settings::api(
            config,
            &keys,
            games,
            &ground,
            accounts.clone(),
            verifier,
            live,
            has_bot,
            bench,
        )?;
        Ok(Parts {
            owner: Owner::Distributed(backend),
            gateway,
            players: Some(Players {
                api,
                console,
                operator,
                accounts,
                signer: keys.signer(),
            }),
            payments: None,
            probes: None,
            log,
            hearing: Some(hearing),
            saying: Some(Saying::start(ground.log, keys.in_use(), live_settings)),
        })
    }
}

async fn start_backend(
    config: &Config,
    keys: &Keys,
    games: &Games,
    front: &Front,
    live: &Live,
    for_bench: bool,
) -> anyhow::Result<Backend> {
    front.waits_for("Kafka and PostgreSQL have not answered yet");
    let name = unique_name();
    let mut told = None;
    loop {
        let options = OwnerOptions {
            kafka: kafka_options(&config.kafka, &name)?,
            postgres: postgres_options(&config.database)?,
            name: name.clone(),
            partitions: config.log.partitions,
            games: games.clone(),
            sealer: keys.sealer(),
            mac: keys.cluster_mac(),
            demo_grant: settings::DEMO_GRANT,
            currency: config.money.currency().to_owned(),
            wallet: settings::wallet_rules(config),
            gone_ms: settings::GONE_MS,
            gone_after_restart_ms: settings::GONE_AFTER_RESTART_MS,
            gateway_silence_ms: settings::GATEWAY_SILENCE_MS,
            limits: settings::room_limits(&config.rooms),
            chat: settings::chat_rules(&config.chat),
            live: live.clone(),
            retention_ms: settings::retention_ms(&config.log),
            for_bench,
        };
        let error = match Backend::start(options).await {
            Ok(backend) => return Ok(backend),
            Err(error) if is_outage(&error) => anyhow::Error::from(error),
            Err(error) => return Err(error).context("cannot start on Kafka and PostgreSQL"),
        };
        let error = format!("{error:#}");
        front.waits_for(format!("Kafka or PostgreSQL can not be reached: {error}"));
        if is_due(&mut told) {
            tracing::warn!(
                error,
                "Kafka or PostgreSQL can not be reached; trying again"
            );
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

/// Whether it may be over in a moment.
fn is_outage(error: &OwnerError) -> bool {
    matches!(
        error,
        OwnerError::Store(StoreError::Unreachable(_) | StoreError::Conflict(_))
            | OwnerError::Log(LogError::Unavailable | LogError::Storage(_))
    )
}
