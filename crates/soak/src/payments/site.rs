//! What payments go through: a process that is everything, or a cluster; and how its processes are killed.

use super::{KEY, On, PaymentsPlan, SECRET};
use crate::Violation;
use crate::cluster::Stores;
use crate::crew::Doors;
use crate::run::{PROGRAM, environment, quiet_port};
use anyhow::Context;
use blazing_sun_backbone::log::EventLog;
use blazing_sun_backbone::log::sqlite::SqliteLog;
use blazing_sun_checkout::bank::BankHandle;
use blazing_sun_checkout::webhook;
use blazing_sun_harness::{Cluster, ClusterLaunch, Launch, TestServer, built};
use fastrand::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a process is left that does not come to its kill point.
const LIFE_MAX: Duration = Duration::from_secs(20);
/// The latest that a backend is killed after a checkout was started.
const BACKEND_DIES_WITHIN_MS: u64 = 3_000;
const PARTITIONS: u32 = 4;

/// How processes ended, and how often.
pub type Ends = BTreeMap<&'static str, u64>;

/// All that is between players and the bank.
pub enum Site {
    /// One process on a folder.
    Folder(Box<TestServer>, Launch),
    /// Several.
    Cluster(Box<Cluster>),
}

impl Site {
    /// Starts it, and has the bank send its webhooks there.
    pub async fn start(plan: &PaymentsPlan, bank: &BankHandle) -> anyhow::Result<Site> {
        let listen = quiet_port();
        bank.send_webhooks_to(&format!("http://{listen}{}", webhook::PATH))?;
        let fault = plan.fault.iter();
        let fault = fault.map(|fault| ("BLAZING_SUN_FAULT".to_owned(), fault.clone()));
        let mut all: Vec<(String, String)> = environment().into_iter().chain(fault).collect();
        // Hours are seconds here.
        let pace = [
            ("BLAZING_SUN_PAYMENTS__LOOK_AFTER_S", "2"),
            ("BLAZING_SUN_PAYMENTS__LOOK_EVERY_S", "1"),
            ("BLAZING_SUN_PAYMENTS__LIST_EVERY_S", "20"),
            ("STRIPE_SECRET_KEY", KEY),
            ("STRIPE_WEBHOOK_SECRET", SECRET),
        ];
        let url = ("STRIPE_API_URL", bank.url());
        let checkout = pace.into_iter().chain([url]);
        let checkout = checkout.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let program = Some(built(PROGRAM));
        if plan.on == On::Folder {
            all.extend(checkout);
            let launch = Launch {
                program,
                environment: all,
                listen: Some(listen),
                ..Launch::default()
            };
            let server = TestServer::launch(launch.clone()).await;
            return Ok(Site::Folder(Box::new(server), launch));
        }
        let more = [
            ("BLAZING_SUN_PAYMENTS__PROVIDER", "stripe"),
            // Who takes over waits for little else.
            ("BLAZING_SUN_KAFKA__SESSION_TIMEOUT_MS", "1000"),
        ];
        all.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let mut cluster = Cluster::launch(ClusterLaunch {
            partitions: PARTITIONS,
            program,
            environment: all,
            ..ClusterLaunch::default()
        })
        .await;
        cluster.start_checkout(listen, checkout.collect()).await;
        Ok(Site::Cluster(Box::new(cluster)))
    }

    /// Where players get in.
    pub fn doors(&mut self) -> Doors {
        match self {
            Site::Folder(server, _) => server.address().into(),
            Site::Cluster(cluster) => Doors {
                api: (0..2).map(|at| cluster.backend(at).address()).collect(),
                sockets: (0..2).map(|at| cluster.gateway(at).address()).collect(),
            },
        }
    }

    /// All that is on topics.
    pub fn log(&self) -> anyhow::Result<Arc<dyn EventLog>> {
        Ok(match self {
            Site::Folder(server, _) => {
                let file = server.data_dir().join("blazing-sun.db");
                Arc::new(SqliteLog::open_read_only(&file)?)
            }
            Site::Cluster(cluster) => Stores::open(cluster)?.log,
        })
    }

    /// Kills and starts processes until all are to stay, and are there.
    pub async fn kill_until(
        mut self,
        hits: Option<(u64, u64)>,
        mut random: Rng,
        mut stays: watch::Receiver<bool>,
    ) -> anyhow::Result<(Site, Ends)> {
        let mut ends = Ends::new();
        let Some((least, most)) = hits else {
            stays.wait_for(|stays| *stays).await?;
            return Ok((self, ends));
        };
        loop {
            let point = *random.choice(&["K7", "K8"]).unwrap_or(&"K7");
            let at = format!("{point}:{}", random.u64(least..=most));
            self.restart(Some(at)).await;
            let how = tokio::select! {
                () = self.until_ended(&mut random, &mut ends) => point,
                () = tokio::time::sleep(LIFE_MAX) => "SIGKILL",
                _ = stays.wait_for(|stays| *stays) => break,
            };
            *ends.entry(how).or_default() += 1;
        }
        self.restart(None).await;
        Ok((self, ends))
    }

    /// Starts the process that has, or does, the checkout again, to end at this kill point.
    async fn restart(&mut self, kill: Option<String>) {
        let kill = kill.map(|at| ("BLAZING_SUN_FAILPOINT".to_owned(), at));
        match self {
            Site::Folder(server, launch) => {
                server.kill().await;
                let mut launch = launch.clone();
                launch.environment.extend(kill);
                server.restart_with(launch).await;
            }
            Site::Cluster(cluster) => {
                for at in 0..2 {
                    if !cluster.backend(at).is_running() {
                        cluster.restart_backend(at).await;
                    }
                }
                cluster.checkout(0).kill().await;
                let kill: Vec<_> = kill.into_iter().collect();
                cluster.restart_checkout_with(0, &kill).await;
            }
        }
    }

    /// Until that process has ended; of a cluster, a backend is killed meanwhile.
    async fn until_ended(&mut self, random: &mut Rng, ends: &mut Ends) {
        match self {
            Site::Folder(server, _) => drop(server.ended().await),
            Site::Cluster(cluster) => {
                let (at, delay) = (random.usize(..2), random.u64(..BACKEND_DIES_WITHIN_MS));
                tokio::time::sleep(Duration::from_millis(delay)).await;
                cluster.backend(at).kill().await;
                *ends.entry("SIGKILL of a backend").or_default() += 1;
                cluster.restart_backend(at).await;
                cluster.checkout(0).ended().await;
            }
        }
    }

    /// The product's own audit.
    pub async fn audit(&mut self) -> anyhow::Result<Vec<Violation>> {
        let output = match self {
            Site::Folder(server, _) => server.tool(&["audit", "--json"]).await,
            Site::Cluster(cluster) => {
                cluster.until_ready().await;
                cluster.tool(&["audit", "--json"]).await
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value =
            serde_json::from_slice(&output.stdout).with_context(|| format!("no audit: {said}"))?;
        let checks = report["checks"].as_array().into_iter().flatten();
        let wrong = checks.filter(|check| check["differences"] != 0);
        let mut found: Vec<_> = wrong
            .map(|check| Violation::of("audit", check.to_string()))
            .collect();
        if found.is_empty() && report["clean"] != true {
            found.push(Violation::of("audit", report.to_string()));
        }
        Ok(found)
    }

    /// Where all log, kept.
    pub fn keep_logs(&self) -> Option<PathBuf> {
        match self {
            Site::Folder(server, _) => {
                let kept = tempfile::Builder::new().prefix("server-log-").tempdir();
                let kept = kept.ok()?.keep();
                std::fs::write(kept.join("log"), server.log()).ok()?;
                Some(kept)
            }
            Site::Cluster(cluster) => cluster.keep_logs().ok(),
        }
    }
}
