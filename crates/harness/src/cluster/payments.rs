//! Checkouts of a cluster, and the test bank that they ask.

use super::{Cluster, Process};
use crate::command;
use crate::postgres::TestPostgres;
use crate::server::address_of;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Child;

/// What every process of a cluster with payments is told.
pub(super) const PROVIDER: (&str, &str) = ("BLAZING_SUN_PAYMENTS__PROVIDER", "test_bank");

/// The bank, and what a checkout has to know.
pub(super) struct Payments {
    /// None: it is of another process, with keys of its own.
    bank: Option<(Child, PathBuf)>,
    pub(super) environment: Vec<(String, String)>,
}

impl Cluster {
    /// Starts a test bank and a checkout, ready.
    pub async fn start_payments(&mut self) {
        let listen = free_address();
        let folder = self.folder.path().join("bank");
        let (log, webhooks) = (
            self.folder.path().join("bank.log"),
            format!("http://{listen}/webhooks/stripe"),
        );
        let mut bank = command(
            &self.program,
            &["test-bank", "--webhooks", &webhooks, "--dir"],
        )
        .arg(&folder)
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).expect("a log file"))
        .spawn()
        .expect("the program starts");
        let url = format!("http://{}", address_of(&mut bank, &log).await);
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let settings = [
            ("BLAZING_SUN_PAYMENTS__TEST_BANK_URL", url),
            (
                "BLAZING_SUN_PAYMENTS__SECRET_KEY_FILE",
                file("test-bank-secret-key"),
            ),
            (
                "BLAZING_SUN_PAYMENTS__WEBHOOK_SECRETS_FILE",
                file("test-bank-webhook-secret"),
            ),
            // A webhook that found nobody is made good soon.
            ("BLAZING_SUN_PAYMENTS__LOOK_AFTER_S", "1".to_owned()),
            ("BLAZING_SUN_PAYMENTS__LOOK_EVERY_S", "1".to_owned()),
        ];
        let settings = settings.into_iter();
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        let settings = settings.collect();
        self.add_payments(Some((bank, folder)), listen, settings)
            .await;
    }

    /// Starts a checkout that listens there, ready, for a bank of which the settings tell.
    pub async fn start_checkout(&mut self, listen: SocketAddr, settings: Vec<(String, String)>) {
        self.add_payments(None, listen, settings).await;
    }

    async fn add_payments(
        &mut self,
        bank: Option<(Child, PathBuf)>,
        listen: SocketAddr,
        mut environment: Vec<(String, String)>,
    ) {
        let database = tokio::task::spawn_blocking(|| TestPostgres::shared().new_database());
        let database = database.await.expect("PostgreSQL");
        environment.push(("CHECKOUT_DATABASE_URL".to_owned(), database));
        self.payments = Some(Payments { bank, environment });
        self.add_checkout_at(listen).await;
        self.until_ready().await;
    }

    /// Starts one more checkout; it may not be ready yet.
    pub async fn add_checkout(&mut self) {
        self.add_checkout_with(&[]).await;
    }

    /// The same with more of its environment.
    pub async fn add_checkout_with(&mut self, environment: &[(String, String)]) {
        let at = self.checkouts.len();
        let process = self.spawn("checkout", at, "127.0.0.1:0", environment).await;
        self.checkouts.push(process);
    }

    async fn add_checkout_at(&mut self, listen: SocketAddr) {
        let at = self.checkouts.len();
        let process = self.spawn("checkout", at, &listen.to_string(), &[]).await;
        self.checkouts.push(process);
    }

    /// Starts a checkout that has ended, on its port.
    pub async fn restart_checkout(&mut self, at: usize) {
        self.restart_checkout_with(at, &[]).await;
    }

    /// The same with more of its environment, this time, of which it may end before it listens.
    pub async fn restart_checkout_with(&mut self, at: usize, environment: &[(String, String)]) {
        let listen = self.checkouts[at].address().to_string();
        self.checkouts[at] = self.spawn("checkout", at, &listen, environment).await;
    }

    /// A checkout, in the order of their start.
    pub fn checkout(&mut self, at: usize) -> &mut Process {
        &mut self.checkouts[at]
    }

    /// The key for the bank's API.
    pub fn bank_key(&self) -> String {
        let payments = self.payments.as_ref().expect("payments");
        let (_, folder) = payments.bank.as_ref().expect("a bank of the cluster's");
        let key = folder.join("test-bank-secret-key");
        std::fs::read_to_string(key).expect("a key")
    }

    /// The checkouts' database.
    pub fn checkout_database_url(&self) -> &str {
        let payments = self.payments.as_ref().expect("payments");
        let mut found = payments.environment.iter();
        let found = found.find(|(name, _)| name == "CHECKOUT_DATABASE_URL");
        found.map(|(_, url)| url.as_str()).expect("a database")
    }
}

/// One that nobody has at this moment.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}
