//! Serving: what a role is made of, behind one listener, from its start to its end.

mod bench_guests;
mod checkout;
mod connections;
mod distributed;
mod embedded;
mod front;
mod gateway;
mod http_figures;
mod idle_guests;
mod keys_in_use;
mod metrics;
mod parts;
mod payments;
mod probes;
mod settings;

use crate::asked_wrongly::AskedWrongly;
use crate::cli::BenchTokens;
use crate::config::{Config, Mode, PaymentProvider, Role};
use crate::console_pages;
use crate::data_dir::{DataDir, DataDirError, STARTING};
use crate::docs_pages;
use crate::game_pages::{GamePages, module_address};
use crate::house_bot::HouseBot;
use crate::mail;
use crate::operator;
use crate::pages;
use anyhow::{Context, bail};
use axum::Router;
use blazing_sun_domain::games::relay::Relay;
use blazing_sun_domain::{Cents, GameDefinition, Games};
use connections::Bounds;
use front::Front;
use http::StatusCode;
use metrics::Scrape;
pub use parts::Parts;
pub use payments::CHECKOUT_DATABASE;
pub use settings::{Ground, accounts, topic_specs, wallet_rules};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Sockets have so long to be gone, and answers to be on the log.
const DRAIN: Duration = Duration::from_secs(5);
/// Requests that are being answered have so long.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// A tool, or a server that ends, has the data directory no longer than this.
const DATA_DIR_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

const NO_PAGES: &str = "This is a backend: pages and socket are served by `blazing-sun gateway`.\n";
const NO_PAGES_OF_CHECKOUT: &str =
    "This is a checkout: it takes the payment provider's webhooks, at POST /webhooks/stripe.\n";

/// What to serve.
pub struct Options {
    /// Everything that can be set.
    pub config: Config,
    /// As what.
    pub role: Role,
    /// On what.
    pub mode: Mode,
    /// The games.
    pub games: Games,
    /// Folders with pages of games, by the game's name.
    pub game_pages: Vec<(String, PathBuf)>,
    /// For measuring: see `serve --bench`.
    pub bench: bool,
    /// Tokens of guests to write for a load tool.
    pub bench_tokens: Option<BenchTokens>,
}

/// The game that exists for measuring.
pub fn relay() -> GameDefinition {
    GameDefinition::of::<Relay>()
}

/// Serves until the process is asked to stop, or something fails; `serving` is told the address.
pub async fn run(
    options: Options,
    serving: impl FnOnce(SocketAddr) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Options {
        mut config,
        role,
        mode,
        games,
        game_pages,
        bench,
        bench_tokens,
    } = options;
    let listen = config.server.listen;
    if bench && !listen.ip().is_loopback() {
        return Err(wrongly(format!(
            "--bench lifts all limits and so listens on loopback alone, not on {listen}"
        )));
    }
    if bench && !config.gateway.trusted_proxies.is_empty() {
        bail!(
            "--bench lifts all limits and so has no proxy before it: leave out `gateway.trusted_proxies`"
        );
    }
    // It would play with those who measure.
    config.bot.enabled &= !bench && !config.money.is_real();
    if bench {
        config.payments.provider = Some(PaymentProvider::None);
        config.deposits.enabled = Some(false);
    }
    let mut games = priced(games, &config, bench)?;
    let game_pages = with_their_pages(&mut games, &game_pages)?;
    raise_open_files();
    // Held until everything has been written.
    let data_dir = match mode {
        Mode::Embedded => {
            let taken = take(&config.server.data_dir).await?;
            taken.says(STARTING);
            Some(taken)
        }
        Mode::Distributed => None,
    };
    let (listener, address) = bind(listen).await?;
    let metrics = match config.telemetry.metrics_listen {
        Some(listen) => Some(bind(listen).await?),
        None => None,
    };
    let (front, (stop, stopped)) = (Front::default(), watch::channel(false));
    let bounds = Bounds::of(&config, bench)?;
    let mail = mail::room(&config, mode, address)?;
    let answering = connections::serve(listener, front.router(), bounds, stopped.clone());
    let serving = || {
        tracing::info!(server.address = %address, "serving");
        serving(address)
    };
    let site = |config, parts| Site {
        scrape: Scrape::of(&parts, role, mode),
        metrics,
        parts,
        pages: match role {
            Role::Backend => Pages::None(NO_PAGES),
            Role::Checkout => Pages::None(NO_PAGES_OF_CHECKOUT),
            Role::Serve | Role::Gateway => Pages::Of(game_pages),
        },
        operators: data_dir.as_ref().map(|data_dir| data_dir.path().to_owned()),
        bench_tokens,
        address,
        config,
    };
    let parts = match (&data_dir, role) {
        (Some(data_dir), _) => {
            let parts = Parts::embedded(&config, data_dir, games, mail, address, bench).await?;
            data_dir.says("serving");
            parts
        }
        (None, Role::Checkout) => Parts::checkout(&config, &games, address)?,
        (None, Role::Gateway) => Parts::gateway(&config, bench)?,
        (None, Role::Serve | Role::Backend) => {
            // Kafka and PostgreSQL may be away for long: whoever asks is told so.
            let http = tokio::spawn(answering);
            serving()?;
            let parts = tokio::select! {
                parts = Parts::distributed(&config, role, games, mail, bench, &front) => parts?,
                asked = asked_to_stop() => return asked,
            };
            let open = |routes| {
                front.open(routes);
                http
            };
            return site(config, parts).serve(open, || Ok(()), stop).await;
        }
    };
    let open = |routes| {
        front.open(routes);
        tokio::spawn(answering)
    };
    site(config, parts).serve(open, serving, stop).await
}

async fn bind(listen: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!(
                "the address {listen} is in use; name another with --listen, port 0 takes a free one"
            )
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {listen}")),
    };
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            server.address = %address,
            "listening beyond loopback without TLS: put a proxy with TLS before it"
        );
    }
    Ok((listener, address))
}

/// Takes the data directory, after a tool that holds it for a moment; not beside another server.
async fn take(path: &Path) -> Result<DataDir, DataDirError> {
    let until = Instant::now() + DATA_DIR_WITHIN;
    let mut is_told = false;
    loop {
        match DataDir::take(path) {
            Err(error @ DataDirError::InUse { .. }) => {
                if Instant::now() >= until || operator::is_served(path).await {
                    return Err(error);
                }
            }
            taken => return taken,
        }
        if !is_told {
            tracing::info!("waiting for the process that holds the data directory");
            is_told = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Which pages a process has.
enum Pages {
    /// All, with those of these games.
    Of(GamePages),
    /// None; who asks for one is told why.
    None(&'static str),
}

/// Parts, and what is served with them.
struct Site {
    parts: Parts,
    scrape: Scrape,
    /// Where figures are, if that is another address.
    metrics: Option<(TcpListener, SocketAddr)>,
    pages: Pages,
    /// The folder of the socket for operators' tools.
    operators: Option<PathBuf>,
    bench_tokens: Option<BenchTokens>,
    address: SocketAddr,
    config: Config,
}

impl Site {
    /// Until it is asked to stop or something fails. `open` has routes answered; `serving` hears of it.
    async fn serve(
        self,
        open: impl FnOnce(Router) -> JoinHandle<()>,
        serving: impl FnOnce() -> anyhow::Result<()>,
        stop: watch::Sender<bool>,
    ) -> anyhow::Result<()> {
        let (parts, address) = (self.parts, self.address);
        let mut routes = with_pages(&parts, self.pages);
        let mut figures = None;
        match self.metrics {
            None => routes = routes.merge(self.scrape.route_for_this_machine()),
            Some((listener, address)) => {
                tracing::info!(metrics.address = %address, "figures for Prometheus");
                let bounds = Bounds::of(&self.config, false)?;
                let serving =
                    connections::serve(listener, self.scrape.route(), bounds, stop.subscribe());
                figures = Some(tokio::spawn(serving));
            }
        }
        let operators = match (&self.operators, parts.operator()) {
            (Some(data_dir), Some(operator)) => {
                serve_operators(data_dir, operator, stop.subscribe())
            }
            _ => None,
        };
        let mut http = open(routes);
        if let (Some(wanted), Some(signer)) = (&self.bench_tokens, parts.signer()) {
            bench_guests::write_tokens(wanted, address, signer).await?;
        }
        let bot = &self.config.bot;
        let house_bot = match (parts.accounts(), parts.bot_plays_at(bot, address)) {
            (Some(accounts), Some(gateway)) => Some(match parts.shared_database() {
                Some(pool) => HouseBot::take_turns(bot.clone(), gateway, accounts.clone(), pool),
                None => HouseBot::start(bot, gateway, accounts).await?,
            }),
            _ => None,
        };
        let idle_guests = match (parts.accounts(), parts.operator()) {
            (Some(accounts), Some(operator)) => {
                Some(tokio::spawn(idle_guests::close(accounts.clone(), operator)))
            }
            _ => None,
        };
        serving()?;
        let outcome = tokio::select! {
            asked = asked_to_stop() => asked,
            error = parts.failed() => Err(error),
            ended = &mut http => Err(anyhow::anyhow!("the listener ended: {ended:?}")),
        };
        tracing::info!("stopping");
        if let Some(idle_guests) = idle_guests {
            idle_guests.abort();
            // Its part in the accounts goes with it.
            let _ = idle_guests.await;
        }
        if let Some(house_bot) = house_bot {
            house_bot.stop().await;
        }
        if !parts.drain(DRAIN).await {
            tracing::warn!("not every socket was gone in time");
        }
        stop.send_replace(true);
        if !http.is_finished()
            && tokio::time::timeout(LAST_REQUESTS, &mut http)
                .await
                .is_err()
        {
            http.abort();
        }
        if let Some(figures) = figures {
            figures.abort();
        }
        if let Some(mut operators) = operators {
            // What they ask for is on the log perhaps: they are told what came of it.
            let answered = tokio::time::timeout(LAST_REQUESTS, &mut operators).await;
            if answered.is_err() {
                tracing::warn!("not every operator's request was answered in time");
                operators.abort();
                // Its part in the accounts goes with it, so that the engine is alone when it ends.
                let _ = operators.await;
            }
        }
        parts.stop().await;
        tracing::info!("stopped");
        outcome
    }
}

/// Answers operators' tools. Without the socket everything else works on.
fn serve_operators(
    data_dir: &Path,
    operator: operator::Operator,
    stopped: watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    match operator::Listener::bind(data_dir) {
        Ok(listener) => Some(tokio::spawn(listener.serve(operator, stopped))),
        Err(error) => {
            tracing::warn!(
                %error,
                "no operator socket in the data directory: tools that change something need the server stopped"
            );
            None
        }
    }
}

fn with_pages(parts: &Parts, pages: Pages) -> Router {
    let routes = docs_pages::add(parts.router());
    let routes = match pages {
        Pages::Of(games) => {
            let games = Arc::new(games);
            let routes = console_pages::add(routes);
            routes.fallback(move |request| pages::serve(request, games))
        }
        Pages::None(why) => routes.fallback(move || async move { (StatusCode::NOT_FOUND, why) }),
    };
    // Probes stand around all routes, and outside of them no pattern is known.
    let routes = routes
        .layer(axum::middleware::from_fn(connections::in_time))
        .layer(axum::middleware::from_fn(http_figures::count));
    let routes = match parts.readiness() {
        Some(backend) => probes::with_backend(routes, backend),
        None => routes,
    };
    let routes = match parts.control() {
        Some(gateway) => probes::with_gateway(routes, gateway),
        None => routes,
    };
    routes.layer(axum::middleware::from_fn(pages::with_security_headers))
}

fn wrongly(what: String) -> anyhow::Error {
    AskedWrongly(what).into()
}

fn priced(mut games: Games, config: &Config, bench: bool) -> anyhow::Result<Games> {
    if bench {
        games.insert(relay());
    }
    if let Some(game) = games.iter().find(|game| !game.has_plain_name()) {
        return Err(wrongly(format!(
            "`{}` can not be a game's name: it is lower snake case, as `my_game`",
            game.name
        )));
    }
    for (name, settings) in &config.games {
        let Some(game) = games.get_mut(name) else {
            let known: Vec<&str> = games.iter().map(|game| game.name).collect();
            return Err(wrongly(format!(
                "`games.{name}`: there is no such game here; there are: {}",
                known.join(", ")
            )));
        };
        if let Some(fee) = settings.entry_fee_cents {
            game.entry_fee = Cents(fee);
        }
        if let Some(percent) = settings.prize_percent {
            game.prize_percent = percent;
        }
    }
    Ok(games)
}

/// Reads the games' own pages, and notes with each game where its page is.
fn with_their_pages(games: &mut Games, folders: &[(String, PathBuf)]) -> anyhow::Result<GamePages> {
    let pages = GamePages::read(folders)?;
    for (name, folder) in folders {
        let Some(game) = games.get_mut(name) else {
            return Err(wrongly(format!(
                "there is no game `{name}` here for the page in {}",
                folder.display()
            )));
        };
        game.page = Some(module_address(name));
    }
    Ok(pages)
}

/// Waits for SIGTERM or SIGINT.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// As many open files as the system lets this process have: each socket is one.
pub fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(error = %error, "the limit of open files stays as it was");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_belongs_to_a_game_that_is_here() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.js"), "export default {}").unwrap();
        let mut games = blazing_sun_domain::games::built_in();
        let of = |game: &str| [(game.to_owned(), folder.path().to_owned())];
        let pages = with_their_pages(&mut games, &of("bigger_dice")).unwrap();
        assert!(pages.get("bigger_dice/index.js").is_some());
        let page = games.get("bigger_dice").unwrap().page.as_deref();
        assert_eq!(page, Some("/games/bigger_dice/index.js"));
        let unknown = with_their_pages(&mut games, &of("chess")).unwrap_err();
        assert!(
            unknown.to_string().contains("no game `chess` here"),
            "{unknown}"
        );
    }
}
