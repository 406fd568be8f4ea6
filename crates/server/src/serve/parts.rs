//! Engine, gateway and HTTP API: started in the order in which they need each other, ended in the
//! other.

use crate::config::{self, Config, Rooms};
use crate::data_dir::DataDir;
use crate::house_bot;
use crate::operator::{Edge, Operator};
use anyhow::Context;
use axum::Router;
use blazing_sun_backbone::credentials::{Keys, TokenVerifier};
use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
use blazing_sun_backbone::log::{EventLog, Topic};
use blazing_sun_backbone::topics;
use blazing_sun_backend::accounts::{
    Accounts, AccountsConfig, AccountsParts, PasswordCost, Passwords, system_clock,
};
use blazing_sun_backend::api::{self, ApiConfig, ApiParts, ApiState, Rates};
use blazing_sun_backend::chat::ChatRules;
use blazing_sun_backend::engine::{Engine, EngineOptions};
use blazing_sun_backend::store::sqlite::{SqliteAccounts, SqliteReads};
use blazing_sun_domain::room::RoomLimits;
use blazing_sun_domain::{Cents, Games};
use blazing_sun_gateway::{Gateway, GatewayConfig};
use std::sync::Arc;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
const DEMO_GRANT: Cents = Cents(5_000);
const CURRENCY: &str = "eur";
/// A user whose last connection is gone so long is gone: see the wire's `Alive`.
const GONE_MS: i64 = 2_000;
const GONE_AFTER_RESTART_MS: i64 = 10_000;
/// A gateway says every two seconds that it lives.
const GATEWAY_SILENCE_MS: i64 = 6_000;

/// The running parts.
pub struct Parts {
    engine: Arc<Engine>,
    gateway: Gateway,
    api: Router,
    accounts: Arc<Accounts>,
    verifier: TokenVerifier,
}

impl Parts {
    /// Starts all.
    pub async fn start(
        config: &Config,
        data_dir: &DataDir,
        keys: &Keys,
        games: Games,
        bench: bool,
    ) -> anyhow::Result<Parts> {
        let names: Vec<&str> = games.iter().map(|game| game.name).collect();
        let mut specs = topics::all(&names, config.log.partitions);
        for spec in &mut specs {
            spec.retention_ms = i64::from(config.log.retention_days) * DAY_MS;
        }
        let engine = start_engine(
            data_dir,
            config.log.partitions,
            keys,
            games.clone(),
            &config.rooms,
            chat_rules(&config.chat),
        )
        .await?;
        engine
            .log()
            .ensure_topics(&specs)
            .await
            .context("cannot prepare the topics")?;
        let accounts = Arc::new(accounts(config, keys, &engine)?);
        // One for all, so that who is banned is refused everywhere.
        let verifier = keys.verifier();
        for user in accounts.forbidden().await? {
            verifier.forbid(user);
        }
        let gateway = Gateway::start(
            gateway_config(&config.gateway, bench)?,
            engine.log(),
            verifier.clone(),
            keys.sealer(),
        )
        .await?;
        let api = api(
            config,
            keys,
            games,
            &engine,
            accounts.clone(),
            verifier.clone(),
            bench,
        )?;
        Ok(Parts {
            engine,
            gateway,
            api,
            accounts,
            verifier,
        })
    }

    /// Engine and accounts alone, on data that is there, as it is: for tools while no server runs.
    pub async fn start_backend(
        config: &Config,
        data_dir: &DataDir,
        keys: &Keys,
        games: Games,
    ) -> anyhow::Result<(Arc<Engine>, Arc<Accounts>)> {
        let database = data_dir.database();
        let partitions = SqliteLog::open_read_only(&database)
            .with_context(|| format!("cannot read {}", database.display()))?
            .bounds(&Topic::new(topics::GAMES_COMMANDS))
            .await
            .map_or(config.log.partitions, |bounds| bounds.len() as u32);
        let (rooms, chat) = (&config.rooms, chat_rules(&config.chat));
        let engine = start_engine(data_dir, partitions, keys, games, rooms, chat).await?;
        let accounts = Arc::new(accounts(config, keys, &engine)?);
        Ok((engine, accounts))
    }

    /// Who may sign in.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// What operators' tools ask.
    pub fn operator(&self) -> Operator {
        let edge = Edge {
            verifier: self.verifier.clone(),
            gateway: self.gateway.control(),
            engine: self.engine.clone(),
        };
        Operator::new(self.accounts.clone(), Some(edge))
    }

    /// All their routes.
    pub fn router(&self) -> Router {
        self.gateway.router().merge(self.api.clone())
    }

    /// Waits until a part fails.
    pub async fn failed(&self) -> anyhow::Error {
        anyhow::anyhow!("the engine failed: {}", self.engine.failed().await)
    }

    /// Sends all sockets off; whether they were gone in time.
    pub async fn drain(&self, within: Duration) -> bool {
        self.gateway.drain(within).await
    }

    /// Writes what is left and ends.
    pub async fn stop(self) {
        drop(self.gateway);
        let engine = self.engine;
        if tokio::task::spawn_blocking(move || engine.stop())
            .await
            .is_err()
        {
            tracing::error!("the engine did not stop well");
        }
    }
}

async fn start_engine(
    data_dir: &DataDir,
    partitions: u32,
    keys: &Keys,
    games: Games,
    rooms: &Rooms,
    chat: ChatRules,
) -> anyhow::Result<Arc<Engine>> {
    let options = EngineOptions {
        path: data_dir.database(),
        partitions,
        games,
        sealer: keys.sealer(),
        mac: keys.cluster_mac(),
        demo_grant: DEMO_GRANT,
        currency: CURRENCY.to_owned(),
        log: SqliteLogOptions::default(),
        gone_ms: GONE_MS,
        gone_after_restart_ms: GONE_AFTER_RESTART_MS,
        gateway_silence_ms: GATEWAY_SILENCE_MS,
        limits: RoomLimits {
            max_spectators: rooms.spectators_max,
            abandoned_after_ms: i64::from(rooms.abandoned_after_s) * 1_000,
        },
        chat,
    };
    let started = tokio::task::spawn_blocking(move || Engine::start(options)).await?;
    let database = data_dir.database();
    Ok(Arc::new(started.with_context(|| {
        format!("cannot start on {}", database.display())
    })?))
}

fn chat_rules(config: &config::Chat) -> ChatRules {
    let rate = |rate: config::Rate| blazing_sun_backend::chat::Rate {
        per_second: rate.per_second,
        burst: rate.burst,
    };
    ChatRules {
        message_chars_max: config.message_chars_max,
        messages: rate(config.messages),
        typing: rate(config.typing),
        kept_ms: i64::from(config.kept_days) * DAY_MS,
    }
}

fn accounts(config: &Config, keys: &Keys, engine: &Engine) -> anyhow::Result<Accounts> {
    let settings = &config.accounts;
    Ok(Accounts::new(AccountsParts {
        store: Arc::new(SqliteAccounts::new(engine.access())),
        reads: Arc::new(SqliteReads::new(engine.access())),
        log: engine.log(),
        commits: engine.committed(),
        signer: keys.signer(),
        passwords: Passwords::new(PasswordCost::default())?,
        clock: system_clock(),
        config: AccountsConfig {
            currency: CURRENCY.to_owned(),
            allow_guests: settings.allow_guests,
            access_token_life: Duration::from_secs(60 * u64::from(settings.access_token_minutes)),
            ..AccountsConfig::default()
        },
    }))
}

fn api(
    config: &Config,
    keys: &Keys,
    games: Games,
    engine: &Engine,
    accounts: Arc<Accounts>,
    verifier: TokenVerifier,
    unlimited: bool,
) -> anyhow::Result<Router> {
    let settings = &config.accounts;
    let bot_games = games.iter().map(|game| game.name);
    let bot_games = bot_games.filter(|name| config.bot.enabled && house_bot::plays(name));
    let bot_games = bot_games.map(str::to_owned).collect();
    let proxies = config
        .gateway
        .trusted_proxies
        .iter()
        .map(|proxy| proxy.parse());
    let state = ApiState::new(ApiParts {
        accounts,
        reads: Arc::new(SqliteReads::new(engine.access())),
        log: engine.log(),
        games: Arc::new(games),
        verifier,
        jwks: keys.jwks(),
        clock: system_clock(),
        config: ApiConfig {
            allowed_origins: config.gateway.allowed_origins.clone(),
            trusted_proxies: proxies.collect::<Result<_, _>>()?,
            rates: Rates {
                guests_per_address_hour: settings.guests_per_hour,
                attempts_per_address_quarter_hour: settings.attempts_per_quarter_hour,
                ..Rates::default()
            },
            bot_games,
            unlimited,
            ..ApiConfig::default()
        },
    });
    Ok(api::router(state))
}

fn gateway_config(config: &config::Gateway, unlimited: bool) -> anyhow::Result<GatewayConfig> {
    let rate = |rate: config::Rate| blazing_sun_gateway::Rate {
        per_second: rate.per_second,
        burst: rate.burst,
    };
    let proxies = config.trusted_proxies.iter().map(|proxy| proxy.parse());
    Ok(GatewayConfig {
        gateway_id: config.id.clone(),
        allowed_origins: config.allowed_origins.clone(),
        trusted_proxies: proxies.collect::<Result<_, _>>()?,
        limits: blazing_sun_gateway::Limits {
            message_bytes_max: config.limits.message_bytes_max,
            behind_bytes_max: config.limits.behind_bytes_max,
            connection: rate(config.limits.connection),
            user: rate(config.limits.user),
            address: rate(config.limits.address),
            connections_per_address_max: config.limits.connections_per_address_max,
        },
        unlimited,
        authenticate_within: Duration::from_secs(config.authenticate_within_s.into()),
        silence_max: Duration::from_secs(config.silence_max_s.into()),
        ..GatewayConfig::default()
    })
}
