//! Reaching a deployment: the running server, else the data directory itself. What is asked and
//! answered is the same.

use super::cluster;
use super::protocol::{self, Failure, Request};
use super::{Edge, Operator, socket};
use crate::config::{Config, Mode};
use crate::data_dir::{DataDir, DataDirError, database_file, existing_database};
use crate::serve::Parts;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_console::By;
use blazing_sun_domain::Games;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::Instant;

/// A server that starts or ends has so long until its directory or its socket can be had.
const REACH_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// An answer comes within so long: hashing a password and a commit are far below it.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A deployment to ask.
pub struct Target {
    /// Names the data directory and the keys, or brokers and database.
    pub config: Config,
    /// What it is on.
    pub mode: Mode,
    /// The games, for the engine where no server runs.
    pub games: Games,
}

impl Target {
    /// Asks the server that runs; none where none does.
    pub async fn ask_running<T: DeserializeOwned>(
        data_dir: &Path,
        request: &Request,
    ) -> Result<Option<T>, Failure> {
        match socket::connect(data_dir).await {
            Ok(stream) => over(stream, request).await?.map(Some),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(cannot_reach(&error)),
        }
    }

    /// Asks, waits for the answer, and leaves everything else as it was. Where a server ends before it
    /// has answered, asks again what can be asked twice.
    pub async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        if self.mode == Mode::Distributed {
            return cluster::ask(&self.config, &self.games, request).await;
        }
        let directly = async |data_dir| self.directly(data_dir, request).await;
        Target::ask_or(&self.config.server.data_dir, request, directly).await
    }

    /// Asks the server that runs on a folder; where none does, `directly` answers, which has the folder then.
    pub async fn ask_or<T: DeserializeOwned>(
        path: &Path,
        request: &Request,
        directly: impl AsyncFnOnce(DataDir) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        database_file(path).map_err(|error| Failure::new("no_data", error.to_string()))?;
        let until = Instant::now() + REACH_WITHIN;
        loop {
            match socket::connect(path).await {
                Ok(stream) => match over(stream, request).await {
                    Ok(answer) => return answer,
                    Err(_) if request.is_repeatable() && Instant::now() < until => {}
                    Err(unanswered) => return Err(unanswered),
                },
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(cannot_reach(&error)),
            }
            match DataDir::take(path) {
                Ok(data_dir) => return directly(data_dir).await,
                Err(DataDirError::InUse { .. }) if Instant::now() < until => {}
                Err(error) => return Err(Failure::new("unavailable", chain(error))),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn directly<T: DeserializeOwned>(
        &self,
        data_dir: DataDir,
        request: &Request,
    ) -> Result<T, Failure> {
        // The engine would make its tables in a file that is not its own.
        existing_database(data_dir.path())
            .map_err(|error| Failure::new("no_data", chain(error)))?;
        let keys_path = self.config.keys.clone();
        let keys = Keys::load(&keys_path.unwrap_or_else(|| data_dir.keys()))
            .map_err(|error| Failure::new("no_keys", chain(error)))?;
        let started = Parts::start_backend(&self.config, &data_dir, &keys, self.games.clone());
        let (engine, accounts, ground) = started
            .await
            .map_err(|error| Failure::new("unavailable", format!("{error:#}")))?;
        let by = own();
        let settings = ground.settings(&self.config, &self.games);
        let answer = Operator::new(accounts, &ground, settings, Edge::None)
            .answer(&by, request.clone())
            .await;
        let stopped = tokio::task::spawn_blocking(move || engine.stop()).await;
        drop(data_dir);
        stopped.map_err(|error| Failure::new("failed", error.to_string()))?;
        protocol::read_answer(&protocol::line_of_answer(&answer))
    }
}

/// Asks a server; a failure without an answer is the outer one.
async fn over<T: DeserializeOwned>(
    mut stream: UnixStream,
    request: &Request,
) -> Result<Result<T, Failure>, Failure> {
    let line = protocol::line_of_request(request, Some(&own_name()))
        .map_err(|error| Failure::new("failed", error.to_string()))?;
    let asked = async {
        stream.write_all(line.as_bytes()).await?;
        let mut read = BufReader::new(stream);
        socket::next_line(&mut read).await
    };
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked)
        .await
        .map_err(|_| Failure::new("unavailable", "the server did not answer in time"))?
        .map_err(|error| cannot_reach(&error))?;
    match answer {
        Some(line) => Ok(line.and_then(|line| protocol::read_answer(&line))),
        None => Err(Failure::new(
            "unavailable",
            "the server ended before it answered",
        )),
    }
}

/// Who runs this program, also where another's rights were taken for it.
fn own_name() -> String {
    let named = ["SUDO_USER", "LOGNAME", "USER"].into_iter();
    let mut named = named.filter_map(|name| std::env::var(name).ok());
    let found = named.find(|name| !name.is_empty());
    found.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

/// Who runs this program, for the operators' log.
pub fn own() -> By {
    By::command_line(&own_name(), rustix::process::getuid().as_raw())
}

/// No server, or one that was killed and left its socket.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn cannot_reach(error: &io::Error) -> Failure {
    let message = format!("cannot reach the server at its operator socket: {error}");
    Failure::new("unavailable", message)
}

fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
