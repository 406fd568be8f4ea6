//! The test bank of a folder: its file, its keys, which are made at the first start, and its port, which it keeps: pages that
//! were opened stand in links. And `blazing-sun test-bank`, which runs one for a cluster on this machine.

use crate::cli::TestBankArgs;
use crate::data_dir::DataDir;
use crate::serve;
use anyhow::Context;
use blazing_sun_checkout::bank::{Bank, BankError, BankHandle, BankOptions};
use blazing_sun_checkout::secret::Secret;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Its state.
pub const DATABASE: &str = "test-bank.sqlite3";
/// The key for its API.
pub const SECRET_KEY: &str = "test-bank-secret-key";
/// What its webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "test-bank-webhook-secret";
/// The port that it keeps.
pub const PORT: &str = "test-bank-port";

/// A bank's folder.
pub struct BankFolder(PathBuf);

impl BankFolder {
    /// At this path.
    pub fn new(path: &Path) -> BankFolder {
        BankFolder(path.to_owned())
    }

    /// The file with the key for its API.
    pub fn secret_key_file(&self) -> PathBuf {
        self.0.join(SECRET_KEY)
    }

    /// The file with what its webhooks are signed with.
    pub fn webhook_secret_file(&self) -> PathBuf {
        self.0.join(WEBHOOK_SECRET)
    }

    /// The key for its API; made where there is none.
    pub fn secret_key(&self) -> anyhow::Result<Secret> {
        kept_or_made(&self.secret_key_file(), || random("sk_test_"))
    }

    /// What its webhooks are signed with; made where there is none.
    pub fn webhook_secret(&self) -> anyhow::Result<Secret> {
        kept_or_made(&self.webhook_secret_file(), || random("whsec_"))
    }

    /// Starts it. Port 0: the one that it had before, else a free one.
    pub async fn start(&self, listen: SocketAddr) -> anyhow::Result<BankHandle> {
        let mut options = BankOptions::new(self.0.join(DATABASE), self.secret_key()?);
        options.webhook_secrets = vec![self.webhook_secret()?];
        options.listen = listen;
        if listen.port() != 0 {
            return Ok(Bank::start(options).await?);
        }
        options.listen.set_port(self.port());
        let bank = match Bank::start(options.clone()).await {
            Err(BankError::Listen { address, .. }) if address.port() != 0 => {
                tracing::warn!(
                    bank.address = %address,
                    "the test bank's port is taken; on another one, pages that it opened before are not found"
                );
                options.listen = listen;
                Bank::start(options).await?
            }
            started => started?,
        };
        let port = self.0.join(PORT);
        std::fs::write(&port, format!("{}\n", bank.address().port()))
            .with_context(|| format!("cannot write {}", port.display()))?;
        Ok(bank)
    }

    fn port(&self) -> u16 {
        let kept = std::fs::read_to_string(self.0.join(PORT)).ok();
        kept.and_then(|port| port.trim().parse().ok()).unwrap_or(0)
    }
}

/// Runs one until it is asked to stop; `serving` is told the address.
pub async fn run(
    args: &TestBankArgs,
    serving: impl FnOnce(SocketAddr) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let held = DataDir::take(&args.dir)?;
    let bank = BankFolder::new(held.path()).start(args.listen).await?;
    match &args.webhooks {
        Some(url) => bank.send_webhooks_to(url)?,
        None => tracing::warn!("webhooks wait until the bank is started with --webhooks"),
    }
    serving(bank.address())?;
    let asked = serve::asked_to_stop().await;
    bank.shutdown().await;
    asked
}

fn random(prefix: &str) -> String {
    format!(
        "{prefix}{}{}",
        Uuid::new_v4().simple(),
        Uuid::new_v4().simple()
    )
}

fn kept_or_made(path: &Path, make: impl FnOnce() -> String) -> anyhow::Result<Secret> {
    let read = || -> io::Result<Secret> { Ok(Secret::new(std::fs::read_to_string(path)?.trim())) };
    let secret = match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = written(path, &make());
            made.with_context(|| format!("cannot make {}", path.display()))?;
            read()
        }
        read => read,
    };
    let secret = secret.with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(!secret.expose().is_empty(), "{} is empty", path.display());
    Ok(secret)
}

/// Whole or not at all, for its owner alone; one that is there already stays.
fn written(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(failed) if failed.error.kind() != io::ErrorKind::AlreadyExists => Err(failed.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn it_keeps_its_keys_and_its_port() {
        let folder = tempfile::tempdir().unwrap();
        let bank = BankFolder::new(folder.path());
        let key = bank.secret_key().unwrap();
        assert!(key.expose().starts_with("sk_test_"));
        assert!(
            bank.webhook_secret()
                .unwrap()
                .expose()
                .starts_with("whsec_")
        );
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&bank.secret_key_file()), 0o600);
        assert_eq!(mode(&bank.webhook_secret_file()), 0o600);
        let first = bank.start(ANY).await.unwrap();
        let address = first.address();
        first.shutdown().await;
        let again = BankFolder::new(folder.path());
        assert_eq!(again.secret_key().unwrap().expose(), key.expose());
        let second = again.start(ANY).await.unwrap();
        assert_eq!(second.address(), address);
        second.shutdown().await;
        // Where somebody else has it, it takes another.
        let _taken = std::net::TcpListener::bind(address).unwrap();
        let third = again.start(ANY).await.unwrap();
        assert_ne!(third.address(), address);
    }

    #[test]
    fn keys_of_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let bank = BankFolder::new(folder.path());
        std::fs::write(bank.secret_key_file(), "\n").unwrap();
        let error = bank.secret_key().unwrap_err().to_string();
        assert!(error.ends_with("test-bank-secret-key is empty"), "{error}");
    }
}
