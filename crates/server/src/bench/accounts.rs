//! Who plays: guests signed in over the HTTP API, or tokens from a file.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::path::Path;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A game as `GET /api/v1/games` lists it.
#[derive(Debug, Deserialize)]
pub struct Offer {
    /// `bigger_dice`
    pub game_type: String,
    /// What a seat costs.
    #[serde(default)]
    pub entry_fee_cents: i64,
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: String,
}

/// The HTTP API.
pub struct Accounts {
    url: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Accounts {
    /// Of the server at this address.
    pub fn at(url: &str) -> anyhow::Result<Accounts> {
        let timeout = Duration::from_secs(10);
        Ok(Accounts {
            url: format!("{}/api/v1", url.trim_end_matches('/')),
            client: reqwest::Client::builder()
                .timeout(timeout)
                .no_proxy()
                .build()?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    /// What the server plays.
    pub fn games(&self) -> anyhow::Result<Vec<Offer>> {
        #[derive(Deserialize)]
        struct Listed {
            games: Vec<Offer>,
        }
        let url = format!("{}/games", self.url);
        let listed = self.runtime.block_on(async {
            self.client
                .get(&url)
                .send()
                .await?
                .error_for_status()?
                .json::<Listed>()
                .await
        });
        Ok(listed
            .with_context(|| format!("cannot list the server's games at {url}"))?
            .games)
    }

    fn guest(&self) -> anyhow::Result<String> {
        self.runtime.block_on(async {
            let answer = self
                .client
                .post(format!("{}/auth/guest", self.url))
                .send()
                .await?;
            if answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS {
                bail!("the server allows this address no more guests now");
            }
            let signed_in: SignedIn = answer
                .error_for_status()
                .context("cannot sign in a guest")?
                .json()
                .await?;
            Ok(signed_in.access_token)
        })
    }
}

/// Access tokens, each for a user of its own.
pub struct Tokens {
    source: Receiver<String>,
    ended: Arc<Mutex<Option<String>>>,
    exhausted: bool,
}

/// Tokens of as many users as are wanted, or fewer, and then why: those in the file, or guests, of whom a server that
/// has its limits is asked for no more than `guests_max`.
pub fn users(
    file: Option<&Path>,
    accounts: Accounts,
    wanted: usize,
    guests_max: usize,
) -> anyhow::Result<(Vec<String>, String)> {
    let wanted = if file.is_some() {
        wanted
    } else {
        wanted.min(guests_max)
    };
    let mut tokens = match file {
        Some(path) => Tokens::from_file(path)?,
        None => Tokens::of_guests(accounts, wanted),
    };
    let users = tokens.up_to(wanted)?;
    Ok((users, tokens.ended_because().unwrap_or_default()))
}

impl Tokens {
    /// Of guests who are signed in on a thread of their own, some ahead of their use.
    pub fn of_guests(accounts: Accounts, ahead: usize) -> Tokens {
        let (sender, source) = sync_channel(ahead.clamp(1, 1_000));
        let ended = Arc::new(Mutex::new(None));
        let why = ended.clone();
        std::thread::spawn(move || {
            loop {
                match accounts.guest() {
                    Ok(token) => {
                        if sender.send(token).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        if let Ok(mut why) = why.lock() {
                            *why = Some(format!("{error:#}"));
                        }
                        return;
                    }
                }
            }
        });
        Tokens {
            source,
            ended,
            exhausted: false,
        }
    }

    /// From a file, one a line.
    pub fn from_file(path: &Path) -> anyhow::Result<Tokens> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the tokens in {}", path.display()))?;
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() {
            bail!("there are no tokens in {}", path.display());
        }
        let (sender, source) = sync_channel(lines.len());
        for line in &lines {
            sender.send((*line).to_owned())?;
        }
        let ended = format!("all {} tokens of {} were used", lines.len(), path.display());
        Ok(Tokens {
            source,
            ended: Arc::new(Mutex::new(Some(ended))),
            exhausted: false,
        })
    }

    /// The next user's token, waiting for it; none: there are no more.
    pub fn next(&mut self) -> Option<String> {
        let token = self.source.recv_timeout(Duration::from_secs(15)).ok();
        self.exhausted |= token.is_none();
        token
    }

    /// So many users' tokens, or as many as there are, at least two.
    pub fn up_to(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let mut tokens = Vec::new();
        while tokens.len() < count
            && let Some(token) = self.next()
        {
            tokens.push(token);
        }
        if tokens.len() < count.min(2) {
            let why = self.ended_because().unwrap_or_default();
            bail!("at least {} users are needed: {why}", count.min(2));
        }
        Ok(tokens)
    }

    /// The next user's token if it is there already.
    pub fn ready(&mut self) -> Option<String> {
        let token = self.source.try_recv();
        self.exhausted |= token == Err(TryRecvError::Disconnected);
        token.ok()
    }

    /// Why there were no more when one was asked for.
    pub fn ended_because(&self) -> Option<String> {
        let why = self.ended.lock().ok().and_then(|why| why.clone());
        why.filter(|_| self.exhausted)
    }
}
