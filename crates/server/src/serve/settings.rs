//! From the configuration to the settings of each part, whatever it runs on.

use crate::audit;
use crate::config::{self, Config, PaymentProvider};
use crate::house_bot;
use crate::live;
use crate::place::Place;
use axum::Router;
use blazing_sun_backbone::credentials::{Keys, TokenVerifier};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::topics::{self, TopicSpec};
use blazing_sun_backend::accounts::{
    Accounts, AccountsConfig, AccountsParts, PasswordCost, Passwords, system_clock,
};
use blazing_sun_backend::api::{self, ApiConfig, ApiParts, ApiState, Rates};
use blazing_sun_backend::chat::ChatRules;
use blazing_sun_backend::live::Live;
use blazing_sun_backend::mail::MailRoom;
use blazing_sun_backend::store::accounts::AccountStore;
use blazing_sun_backend::store::operators::{LiveSettings, OperatorLog};
use blazing_sun_backend::store::overview::Overview;
use blazing_sun_backend::store::postgres::{PgAccounts, PgOperators, PgOverview, PgPool, PgReads};
use blazing_sun_backend::store::reads::ReadSide;
use blazing_sun_backend::wallet::WalletRules;
use blazing_sun_checkout::secret::Secret;
use blazing_sun_checkout::stripe::StripeOptions;
use blazing_sun_checkout::{CheckoutOptions, Pace};
use blazing_sun_console::{
    Actions, Auditor, Bans, Closing, Console, ConsoleParts, Keeper, LagHistory, LastAudit,
    LastMoney, Settings,
};
use blazing_sun_domain::room::RoomLimits;
use blazing_sun_domain::wallet::DepositRules;
use blazing_sun_domain::{Cents, Games};
use blazing_sun_gateway::GatewayConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const DAY_MS: i64 = 86_400_000;
/// What every account of a demo deployment starts with.
pub const DEMO_GRANT: Cents = Cents(5_000);
/// A user whose last connection is gone so long is gone: see the wire's `Alive`.
pub const GONE_MS: i64 = 2_000;
/// The same after a gateway has started again.
pub const GONE_AFTER_RESTART_MS: i64 = 10_000;
/// A gateway says every two seconds that it lives.
pub const GATEWAY_SILENCE_MS: i64 = 6_000;

/// A checkout that found Kafka, its database or the provider away looks again this soon.
const CHECKOUT_RETRY_MAX: Duration = Duration::from_secs(30);

/// The topics of a server with these games.
pub fn topic_specs(config: &Config, games: &Games) -> Vec<TopicSpec> {
    let names: Vec<&str> = games.iter().map(|game| game.name).collect();
    let mut specs = topics::all(&names, config.log.partitions);
    for spec in &mut specs {
        spec.retention_ms = retention_ms(&config.log);
    }
    specs
}

/// How long records are kept.
pub fn retention_ms(log: &config::Log) -> i64 {
    i64::from(log.retention_days) * DAY_MS
}

/// The bounds of every room.
pub fn room_limits(rooms: &config::Rooms) -> RoomLimits {
    RoomLimits {
        max_spectators: rooms.spectators_max,
        abandoned_after_ms: i64::from(rooms.abandoned_after_s) * 1_000,
    }
}

/// What users may write.
pub fn chat_rules(config: &config::Chat) -> ChatRules {
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

/// What players may pay in.
pub fn wallet_rules(config: &Config) -> WalletRules {
    let deposits = &config.deposits;
    let limit = |cents: Option<i64>| cents.map(Cents);
    let origins = config.gateway.allowed_origins.iter();
    let origins = origins.chain(&config.server.public_url);
    WalletRules {
        is_real: config.money.is_real(),
        takes_payments: deposits.enabled.unwrap_or(false),
        deposits: DepositRules {
            least: Cents(deposits.min_cents),
            most: Cents(deposits.max_cents),
            day: limit(deposits.day_cents),
            week: limit(deposits.week_cents),
            month: limit(deposits.month_cents),
        },
        return_origins: origins.cloned().collect(),
        returns_to_loopback: config.server.listen.ip().is_loopback(),
    }
}

/// How the provider is reached, and with what it signs.
pub fn stripe(config: &Config) -> anyhow::Result<(StripeOptions, Vec<Secret>)> {
    let payments = &config.payments;
    let key = payments.secret_key()?;
    let key = Secret::new(key.as_ref().map_or("", |key| key.as_str()));
    let secrets = payments.webhook_secrets()?.into_iter().map(Secret::new);
    let mut stripe = StripeOptions::new(key);
    let elsewhere = match payments.provider {
        Some(PaymentProvider::TestBank) => &payments.test_bank_url,
        _ => &payments.api_url,
    };
    if let Some(url) = elsewhere {
        stripe.api_base = url.trim_end_matches('/').to_owned();
    }
    Ok((stripe, secrets.collect()))
}

/// Payments, of a process that listens at this address.
pub fn checkout(
    config: &Config,
    games: &Games,
    (stripe, webhook_secrets): (StripeOptions, Vec<Secret>),
    address: SocketAddr,
) -> CheckoutOptions {
    let payments = &config.payments;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let home = config.server.public_url.clone();
    let home = home.unwrap_or_else(|| format!("http://{address}"));
    CheckoutOptions {
        livemode: config.money.is_real(),
        currency: config.money.currency().to_owned(),
        product_name: payments.product_name.clone(),
        success_url: format!("{home}/"),
        games: games.iter().map(|game| game.name.to_owned()).collect(),
        pace: Pace {
            look_after: seconds(payments.look_after_s),
            look_every: seconds(payments.look_every_s),
            list_every: seconds(payments.list_every_s),
            page_open: seconds(payments.page_open_minutes * 60),
            retry_max: CHECKOUT_RETRY_MAX,
            ..Pace::default()
        },
        ..CheckoutOptions::new(stripe, webhook_secrets)
    }
}

/// What accounts and API stand on.
pub struct Ground {
    /// Users and refresh tokens.
    pub store: Arc<dyn AccountStore>,
    /// Ledger and directory.
    pub reads: Arc<dyn ReadSide>,
    /// The topics.
    pub log: Arc<dyn EventLog>,
    /// Changes with every batch that is committed in this process.
    pub commits: watch::Receiver<u64>,
    /// Rooms, sessions, totals and batches, for operators.
    pub overview: Arc<dyn Overview>,
    /// What operators did.
    pub operators: Arc<dyn OperatorLog>,
    /// What operators have set.
    pub live_settings: Arc<dyn LiveSettings>,
}

impl Ground {
    /// Where the database is PostgreSQL.
    pub fn on_postgres(
        pool: &PgPool,
        log: Arc<dyn EventLog>,
        commits: watch::Receiver<u64>,
    ) -> Ground {
        let operators = Arc::new(PgOperators::new(pool.clone()));
        Ground {
            store: Arc::new(PgAccounts::new(pool.clone())),
            reads: Arc::new(PgReads::new(pool.clone())),
            log,
            commits,
            overview: Arc::new(PgOverview::new(pool.clone())),
            operators: operators.clone(),
            live_settings: operators,
        }
    }

    /// What operators change, of a deployment that is configured so.
    pub fn settings(&self, config: &Config, games: &Games) -> Settings {
        Settings::new(
            live::known(config, games),
            self.live_settings.clone(),
            self.operators.clone(),
            self.log.clone(),
            system_clock(),
        )
    }

    /// Does things in an operator's name.
    pub fn actions(&self) -> Actions {
        Actions::new(self.operators.clone(), system_clock())
    }

    /// Ends rooms.
    pub fn closing(&self) -> Closing {
        Closing {
            log: self.log.clone(),
            reads: self.reads.clone(),
            overview: self.overview.clone(),
            clock: system_clock(),
        }
    }
}

/// Who may sign in.
pub fn accounts(
    config: &Config,
    keys: &Keys,
    ground: &Ground,
    mail: Option<MailRoom>,
) -> anyhow::Result<Accounts> {
    let settings = &config.accounts;
    Ok(Accounts::new(AccountsParts {
        store: ground.store.clone(),
        reads: ground.reads.clone(),
        log: ground.log.clone(),
        commits: ground.commits.clone(),
        signer: keys.signer(),
        passwords: Passwords::new(PasswordCost::default())?,
        clock: system_clock(),
        mail,
        config: AccountsConfig {
            currency: config.money.currency().to_owned(),
            demo_grants: !config.money.is_real(),
            allow_guests: settings.allow_guests.unwrap_or(true) && !config.money.is_real(),
            guests_idle_max: Duration::from_secs(86_400 * u64::from(settings.guests_idle_days)),
            access_token_life: Duration::from_secs(60 * u64::from(settings.access_token_minutes)),
            ..AccountsConfig::default()
        },
    }))
}

/// The HTTP API.
pub fn api(
    config: &Config,
    keys: &Keys,
    games: Games,
    ground: &Ground,
    accounts: Arc<Accounts>,
    verifier: TokenVerifier,
    live: Live,
    has_bot: bool,
    unlimited: bool,
) -> anyhow::Result<Router> {
    let settings = &config.accounts;
    let bot_games = games.iter().map(|game| game.name);
    let bot_games = bot_games.filter(|name| has_bot && house_bot::plays(name));
    let bot_games = bot_games.map(str::to_owned).collect();
    let proxies = config
        .gateway
        .trusted_proxies
        .iter()
        .map(|proxy| proxy.parse());
    let state = ApiState::new(ApiParts {
        accounts,
        reads: ground.reads.clone(),
        log: ground.log.clone(),
        games: Arc::new(games),
        sealer: keys.sealer(),
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
            wallet: wallet_rules(config),
            unlimited,
            live,
            ..ApiConfig::default()
        },
    });
    Ok(api::router(state))
}

/// What operators see and do over HTTP.
pub fn console(
    settings: Settings,
    games: Games,
    ground: &Ground,
    keeper: Keeper,
    accounts: Arc<Accounts>,
    verifier: TokenVerifier,
    bans: Arc<Bans>,
    place: Place,
) -> Router {
    let audited = games.clone();
    let auditor: Auditor =
        Arc::new(move |percent| Box::pin(audit::once(place.clone(), audited.clone(), percent)));
    blazing_sun_console::router(Console::new(ConsoleParts {
        bans,
        auditor,
        last_audit: LastAudit::default(),
        last_money: LastMoney::default(),
        accounts,
        reads: ground.reads.clone(),
        log: ground.log.clone(),
        overview: ground.overview.clone(),
        keeper,
        lags: LagHistory::default(),
        operators: ground.operators.clone(),
        settings,
        games: Arc::new(games),
        verifier,
        clock: system_clock(),
    }))
}

/// The WebSocket edge, under this name.
pub fn gateway(
    config: &config::Gateway,
    id: String,
    unlimited: bool,
) -> anyhow::Result<GatewayConfig> {
    let rate = |rate: config::Rate| blazing_sun_gateway::Rate {
        per_second: rate.per_second,
        burst: rate.burst,
    };
    let proxies = config.trusted_proxies.iter().map(|proxy| proxy.parse());
    Ok(GatewayConfig {
        gateway_id: id,
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
