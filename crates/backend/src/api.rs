//! The HTTP API: signing in, asking to pay in, and reading one's own account, the games and the rooms. It writes
//! no money, and plays nothing: that goes by commands on the log.

mod auth;
pub mod body;
mod client;
pub mod endpoint;
mod history;
mod limits;
mod lists;
mod me;
mod messages;
pub mod page;
mod payments;
mod problem;
mod recovery;
mod service;

#[cfg(test)]
mod tests;

#[cfg(feature = "fuzzing")]
pub(crate) use body::fuzz_body;

pub use auth::{Account, Grant};
pub use client::{InvalidNetwork, Network, bearer};
pub use history::{
    GameResult, GameStatistics, GameTranscript, PlayedGame, PlayedGames, PlayedSeat, Statistics,
};
pub use limits::{ATTEMPTS, GUESTS, Rates};
pub use lists::{GameInfo, GameList};
pub use me::{Balance, Me, Transaction, Transactions};
pub use messages::{DirectMessageEntry, DirectMessages, LobbyMessageEntry, LobbyMessages};
pub use payments::{
    DepositLimit, DepositLimits, OpenPayments, Payment, PaymentRequested, PaymentTerms,
    PendingDepositLimit, deposit_limits,
};
pub use problem::Problem;

use crate::accounts::{Accounts, Clock};
use crate::live::Live;
use crate::store::reads::ReadSide;
use crate::wallet::WalletRules;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::any;
use blazing_sun_backbone::credentials::{JsonWebKeySet, Sealer, TokenVerifier};
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::rest::Operation;
use blazing_sun_domain::Games;
use endpoint::Endpoint;
use limits::Limits;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What an operator can set about the API, with its defaults.
#[derive(Debug, Clone, Default)]
pub struct ApiConfig {
    /// Values of `Origin`, beside the host's own, whose pages may sign in and out here, compared
    /// exactly (`https://play.example`). None.
    pub allowed_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count. None.
    pub trusted_proxies: Vec<Network>,
    /// Whether this server itself is reached by https alone, which makes its cookie `Secure`; behind
    /// a trusted proxy `X-Forwarded-Proto` says so for each request. `false`.
    pub is_https: bool,
    /// What one address and one email may ask for.
    pub rates: Rates,
    /// Games that the house's bot plays here. None.
    pub bot_games: Vec<String>,
    /// What may be paid in, as the engine has it.
    pub wallet: WalletRules,
    /// Lifts all rates: for `serve --bench` on loopback. `false`.
    pub unlimited: bool,
    /// What operators change meanwhile.
    pub live: Live,
}

/// What the API stands on.
pub struct ApiParts {
    /// Registers and signs in.
    pub accounts: Arc<Accounts>,
    /// Ledger and directory.
    pub reads: Arc<dyn ReadSide>,
    /// Asked whether it is up.
    pub log: Arc<dyn EventLog>,
    /// The games of this server.
    pub games: Arc<Games>,
    /// Opens the secrets of ended rooms.
    pub sealer: Sealer,
    /// Checks access tokens.
    pub verifier: TokenVerifier,
    /// The public keys.
    pub jwks: JsonWebKeySet,
    /// What time it is.
    pub clock: Clock,
    /// The operator's settings.
    pub config: ApiConfig,
}

const TRANSCRIPTS_AT_ONCE: usize = 2;

/// The API's state, shared by all requests.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    accounts: Arc<Accounts>,
    reads: Arc<dyn ReadSide>,
    log: Arc<dyn EventLog>,
    verifier: TokenVerifier,
    clock: Clock,
    config: ApiConfig,
    limits: Limits,
    games: Arc<Games>,
    games_answer: Mutex<Option<lists::GamesAnswer>>,
    sealer: Sealer,
    /// How many ended rooms may be decided again at once.
    transcripts: Arc<Semaphore>,
    jwks: String,
}

impl ApiState {
    /// The state of an API on these parts.
    pub fn new(parts: ApiParts) -> ApiState {
        let ApiParts {
            accounts,
            reads,
            log,
            games,
            sealer,
            verifier,
            jwks,
            clock,
            config,
        } = parts;
        ApiState(Arc::new(Shared {
            games_answer: Mutex::default(),
            games,
            sealer,
            transcripts: Arc::new(Semaphore::new(TRANSCRIPTS_AT_ONCE)),
            limits: Limits::new(&config),
            jwks: serde_json::to_string(&jwks).unwrap_or_default(),
            accounts,
            reads,
            log,
            verifier,
            clock,
            config,
        }))
    }
}

fn endpoints() -> Vec<Endpoint> {
    [
        auth::endpoints(),
        recovery::endpoints(),
        me::endpoints(),
        messages::endpoints(),
        payments::endpoints(),
        lists::endpoints(),
        history::endpoints(),
        service::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What clients are told of each of the router's routes.
pub fn operations() -> Vec<Operation> {
    endpoint::operations_of(endpoints())
}

/// Everything under `/api`, the key set and the probes. Serve it with `ConnectInfo<SocketAddr>`:
/// without, all clients count as one address.
pub fn router(state: ApiState) -> Router {
    let routes = endpoint::router_of(endpoints())
        .route("/api", any(service::not_found))
        .route("/api/", any(service::not_found))
        .route("/api/{*path}", any(service::not_found));
    finished(routes).with_state(state)
}

/// Routes beside these, of another crate's state, that answer as these do.
pub fn router_beside<S: Clone + Send + Sync + 'static>(
    endpoints: Vec<Endpoint<S>>,
    state: S,
) -> Router {
    finished(endpoint::router_of(endpoints)).with_state(state)
}

fn finished<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .method_not_allowed_fallback(service::method_not_allowed)
        .layer(map_response(with_security_headers))
}

async fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
