//! The server: backend, gateway, HTTP API and pages in one process, on one listener.

mod bench_guests;
mod connections;
mod parts;

use crate::cli::BenchTokens;
use crate::config::{self, Config};
use crate::data_dir::{DataDir, DataDirError};
use crate::game_pages::{GamePages, module_address};
use crate::house_bot::HouseBot;
use crate::operator;
use crate::pages;
use anyhow::{Context, bail};
use axum::Router;
use blazing_sun_backbone::clock;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_domain::games::relay::Relay;
use blazing_sun_domain::{Cents, GameDefinition, Games};
use connections::Bounds;
pub use parts::Parts;
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

/// What to serve.
pub struct Options {
    /// Everything that can be set.
    pub config: Config,
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
        games,
        game_pages,
        bench,
        bench_tokens,
    } = options;
    let listen = config.server.listen;
    if bench && !listen.ip().is_loopback() {
        bail!("--bench lifts all limits and so listens on loopback alone, not on {listen}");
    }
    // It would play with those who measure.
    config.bot.enabled &= !bench;
    let mut games = priced(games, &config, bench)?;
    let game_pages = with_their_pages(&mut games, &game_pages)?;
    raise_open_files();
    let data_dir = take(&config.server.data_dir).await?;
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
    let keys_path = config.keys.clone().unwrap_or_else(|| data_dir.keys());
    let keys = Keys::load_or_create(&keys_path, clock::now())
        .with_context(|| format!("cannot use the keys file {}", keys_path.display()))?;
    let bounds = Bounds::of(&config, bench)?;
    let parts = Parts::start(&config, &data_dir, &keys, games, bench).await?;
    let served = serve(
        parts,
        listener,
        bounds,
        address,
        bench_tokens,
        &keys,
        data_dir.path(),
        &config.bot,
        game_pages,
        serving,
    )
    .await;
    // Released only after everything has been written.
    drop(data_dir);
    served
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

async fn serve(
    parts: Parts,
    listener: TcpListener,
    bounds: Bounds,
    address: SocketAddr,
    bench_tokens: Option<BenchTokens>,
    keys: &Keys,
    data_dir: &Path,
    bot: &config::Bot,
    game_pages: GamePages,
    serving: impl FnOnce(SocketAddr) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let routes = with_pages(parts.router(), game_pages);
    let operators = serve_operators(data_dir, parts.operator(), stopped.clone());
    let mut http = tokio::spawn(connections::serve(listener, routes, bounds, stopped));
    if let Some(wanted) = &bench_tokens {
        bench_guests::write_tokens(wanted, address, keys).await?;
    }
    let house_bot = match bot.enabled {
        true => Some(HouseBot::start(bot, address, parts.accounts()).await?),
        false => None,
    };
    serving(address)?;
    tracing::info!(server.address = %address, "serving");
    let outcome = tokio::select! {
        asked = asked_to_stop() => asked,
        error = parts.failed() => Err(error),
        ended = &mut http => Err(anyhow::anyhow!("the listener ended: {ended:?}")),
    };
    tracing::info!("stopping");
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

fn with_pages(routes: Router, game_pages: GamePages) -> Router {
    let game_pages = Arc::new(game_pages);
    routes
        .fallback(move |request| pages::serve(request, game_pages))
        .layer(axum::middleware::from_fn(connections::in_time))
        .layer(axum::middleware::from_fn(pages::with_security_headers))
}

fn priced(mut games: Games, config: &Config, bench: bool) -> anyhow::Result<Games> {
    if bench {
        games.insert(relay());
    }
    if let Some(game) = games.iter().find(|game| !game.has_plain_name()) {
        bail!(
            "`{}` can not be a game's name: it is lower snake case, as `my_game`",
            game.name
        );
    }
    for (name, settings) in &config.games {
        let Some(game) = games.get_mut(name) else {
            let known: Vec<&str> = games.iter().map(|game| game.name).collect();
            bail!(
                "`games.{name}`: there is no such game here; there are: {}",
                known.join(", ")
            );
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
            bail!(
                "there is no game `{name}` here for the page in {}",
                folder.display()
            );
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
