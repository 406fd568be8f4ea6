//! All parts on one folder: the engine has topics and state in one file.

use super::keys_in_use::Saying;
use super::parts::{Owner, Parts, Players};
use super::payments::Payments;
use super::settings::{self, Ground};
use crate::bans::Hearing;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::live::Applier;
use crate::operator::{Edge, Operator};
use crate::place::Place;
use crate::topics::readers;
use anyhow::Context;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::accounts::Accounts;
use blazing_sun_backend::engine::{Engine, EngineOptions};
use blazing_sun_backend::live::Live;
use blazing_sun_backend::mail::MailRoom;
use blazing_sun_backend::store::sqlite::{
    SqliteAccounts, SqliteOperators, SqliteOverview, SqliteReads,
};
use blazing_sun_console::Keeper;
use blazing_sun_domain::Games;
use blazing_sun_gateway::Gateway;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where no other name is configured.
const GATEWAY_ID: &str = "gateway-1";

impl Parts {
    /// Starts all on a folder, with keys that are made where there are none.
    pub async fn embedded(
        config: &Config,
        data_dir: &DataDir,
        games: Games,
        mail: Option<MailRoom>,
        address: SocketAddr,
        bench: bool,
    ) -> anyhow::Result<Parts> {
        let keys_path = config.keys.clone().unwrap_or_else(|| data_dir.keys());
        // New ones would open nothing of what is there.
        let keys = match data_dir.database().is_file() {
            true => Keys::load(&keys_path).context(
                "a server that has data makes no new keys, which would open nothing of it: put its own back, or make \
                 some with `blazing-sun keys create` where these are lost",
            ),
            false => Keys::load_or_create(&keys_path, clock::now()).map_err(Into::into),
        };
        let keys =
            keys.with_context(|| format!("cannot use the keys file {}", keys_path.display()))?;
        let partitions = config.log.partitions;
        let live = Live::default();
        let started = start_engine(config, data_dir, partitions, &keys, games.clone(), &live);
        let engine = started.await?;
        engine
            .log()
            .ensure_topics(&settings::topic_specs(config, &games))
            .await
            .context("cannot prepare the topics")?;
        let ground = ground(&engine);
        let mut payments =
            Payments::embedded(config, data_dir.path(), &games, engine.log(), address)?;
        let accounts = Arc::new(settings::accounts(config, &keys, &ground, mail)?);
        // One for all, so that who is banned is refused everywhere.
        let verifier = keys.verifier();
        for user in accounts.forbidden().await? {
            verifier.forbid(user);
        }
        let id = config.gateway.id.clone();
        let id = id.unwrap_or_else(|| GATEWAY_ID.to_owned());
        let gateway = Gateway::start(
            settings::gateway(&config.gateway, id, bench)?,
            engine.log(),
            verifier.clone(),
            keys.sealer().passwords().clone(),
        )
        .await?;
        let live_settings = ground.settings(config, &games);
        let applier = Applier::new(config, live.clone(), Some(gateway.control()));
        // First to be told, then as it is: nothing is missed.
        let told = applier.clone();
        let hearing = Hearing::of_settings(engine.log(), move |set| told.apply(set)).await?;
        applier.apply(live_settings.read().await?);
        let live_settings = live_settings.taken_by(move |set| applier.apply(set));
        let games_of_console = games.clone();
        let api = settings::api(
            config,
            &keys,
            games,
            &ground,
            accounts.clone(),
            verifier.clone(),
            live,
            config.bot.enabled,
            bench,
        )?;
        let edge = Edge::Here {
            verifier: verifier.clone(),
            gateway: gateway.control(),
            engine: engine.clone(),
        };
        let operator = Operator::new(accounts.clone(), &ground, live_settings.clone(), edge);
        let place = Place::Folder(data_dir.path().to_owned());
        let readers = readers::Own {
            gateway: gateway.control(),
            folder: data_dir.path().to_owned(),
        };
        let console = settings::console(
            live_settings.clone(),
            games_of_console,
            &ground,
            Keeper::File {
                log: engine.log_file(),
                readers: Arc::new(readers),
                store: Some(engine.access()),
            },
            accounts.clone(),
            verifier,
            operator.bans(),
            place,
        );
        if let Some(payments) = &mut payments {
            payments.wait_for_first_try().await;
        }
        Ok(Parts {
            owner: Owner::Embedded(engine),
            gateway: Some(gateway),
            players: Some(Players {
                api,
                console,
                operator,
                accounts,
                signer: keys.signer(),
            }),
            payments,
            probes: None,
            log: None,
            hearing: Some(hearing),
            saying: Some(Saying::of_settings(live_settings)),
        })
    }

    /// Engine and accounts alone, on data that is there, as it is: for tools while no server runs.
    pub async fn start_backend(
        config: &Config,
        data_dir: &DataDir,
        keys: &Keys,
        games: Games,
    ) -> anyhow::Result<(Arc<Engine>, Arc<Accounts>, Ground)> {
        let database = data_dir.database();
        let partitions = SqliteLog::open_read_only(&database)
            .with_context(|| format!("cannot read {}", database.display()))?
            .bounds(&Topic::new(topics::GAMES_COMMANDS))
            .await
            .map_or(config.log.partitions, |bounds| bounds.len() as u32);
        let live = Live::default();
        let started = start_engine(config, data_dir, partitions, keys, games.clone(), &live);
        let engine = started.await?;
        let ground = ground(&engine);
        let accounts = Arc::new(settings::accounts(config, keys, &ground, None)?);
        Ok((engine, accounts, ground))
    }
}

fn ground(engine: &Engine) -> Ground {
    let operators = Arc::new(SqliteOperators::new(engine.access()));
    Ground {
        overview: Arc::new(SqliteOverview::new(engine.access())),
        operators: operators.clone(),
        live_settings: operators,
        store: Arc::new(SqliteAccounts::new(engine.access())),
        reads: Arc::new(SqliteReads::new(engine.access())),
        log: engine.log(),
        commits: engine.committed(),
    }
}

async fn start_engine(
    config: &Config,
    data_dir: &DataDir,
    partitions: u32,
    keys: &Keys,
    games: Games,
    live: &Live,
) -> anyhow::Result<Arc<Engine>> {
    let options = EngineOptions {
        path: data_dir.database(),
        partitions,
        games,
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: settings::DEMO_GRANT,
        currency: config.money.currency().to_owned(),
        wallet: settings::wallet_rules(config),
        log: SqliteLogOptions::default(),
        gone_ms: settings::GONE_MS,
        gone_after_restart_ms: settings::GONE_AFTER_RESTART_MS,
        gateway_silence_ms: settings::GATEWAY_SILENCE_MS,
        limits: settings::room_limits(&config.rooms),
        chat: settings::chat_rules(&config.chat),
        live: live.clone(),
    };
    let started = tokio::task::spawn_blocking(move || Engine::start(options)).await?;
    let database = data_dir.database();
    Ok(Arc::new(started.with_context(|| {
        format!("cannot start on {}", database.display())
    })?))
}
