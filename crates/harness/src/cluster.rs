//! Several gateways and backends as processes, on Kafka and PostgreSQL.

mod payments;

use super::kafka::TestKafka;
use super::postgres::TestPostgres;
use super::server::{FOR_TESTS, address_if_any, address_of};
use super::{DEADLINE, Guest, built, command, within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How a cluster is started.
#[derive(Debug, Clone)]
pub struct ClusterLaunch {
    /// How many gateways.
    pub gateways: usize,
    /// How many backends.
    pub backends: usize,
    /// Of every topic.
    pub partitions: u32,
    /// The program, if it is not `blazing-sun`.
    pub program: Option<PathBuf>,
    /// More of every process's environment.
    pub environment: Vec<(String, String)>,
    /// Brokers and their clients' prefix; none: those that tests share.
    pub kafka: Option<(String, String)>,
    /// An empty database; none: one on the server that tests share.
    pub database_url: Option<String>,
    /// For measuring: without limits, and with the game `relay`.
    pub is_bench: bool,
    /// With a test bank and a checkout.
    pub has_payments: bool,
}

impl Default for ClusterLaunch {
    fn default() -> ClusterLaunch {
        ClusterLaunch {
            gateways: 2,
            backends: 2,
            partitions: 6,
            program: None,
            environment: Vec::new(),
            kafka: None,
            database_url: None,
            is_bench: false,
            has_payments: false,
        }
    }
}

/// Running gateways and backends.
pub struct Cluster {
    folder: Arc<TempDir>,
    program: PathBuf,
    environment: Vec<(String, String)>,
    kafka: (String, String),
    database_url: String,
    is_bench: bool,
    gateways: Vec<Process>,
    backends: Vec<Process>,
    checkouts: Vec<Process>,
    payments: Option<payments::Payments>,
    http: reqwest::Client,
}

/// One of a cluster's processes.
pub struct Process {
    role: &'static str,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    /// Where in it this start begins.
    log_from: u64,
}

impl Cluster {
    /// So many of each, on topics and a database of their own, all of them ready.
    pub async fn start(gateways: usize, backends: usize) -> Cluster {
        Cluster::launch(ClusterLaunch {
            gateways,
            backends,
            ..ClusterLaunch::default()
        })
        .await
    }

    /// As is said, all of them ready.
    pub async fn launch(launch: ClusterLaunch) -> Cluster {
        let (gateways, backends) = (launch.gateways, launch.backends);
        let has_payments = launch.has_payments;
        let mut cluster = Cluster::prepare(launch).await;
        for _ in 0..backends {
            cluster.add_backend().await;
        }
        for _ in 0..gateways {
            cluster.add_gateway().await;
        }
        cluster.until_ready().await;
        if has_payments {
            cluster.start_payments().await;
        }
        cluster
    }

    /// Keys, topics' prefix and database, without a process.
    pub async fn prepare(launch: ClusterLaunch) -> Cluster {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let program = launch.program.unwrap_or_else(|| built("blazing-sun"));
        // They may have to be started, which blocks.
        let servers = tokio::task::spawn_blocking(move || {
            let kafka = launch.kafka.unwrap_or_else(|| {
                let kafka = TestKafka::shared();
                (kafka.bootstrap_servers().to_owned(), kafka.new_prefix())
            });
            let url = launch.database_url;
            let url = url.unwrap_or_else(|| TestPostgres::shared().new_database());
            (kafka, url)
        });
        let (kafka, database_url) = servers.await.expect("Kafka and PostgreSQL");
        let mut environment = launch.environment;
        let partitions = launch.partitions.to_string();
        environment.push(("BLAZING_SUN_LOG__PARTITIONS".to_owned(), partitions));
        if launch.has_payments {
            let (name, value) = payments::PROVIDER;
            environment.push((name.to_owned(), value.to_owned()));
        }
        let cluster = Cluster {
            folder,
            program,
            environment,
            kafka,
            database_url,
            is_bench: launch.is_bench,
            gateways: Vec::new(),
            backends: Vec::new(),
            checkouts: Vec::new(),
            payments: None,
            http: reqwest::Client::builder()
                .timeout(DEADLINE)
                .no_proxy()
                .build()
                .expect("a client"),
        };
        let (whole, own) = (cluster.keys(), cluster.gateway_keys());
        cluster.make_keys(&["keys", "create"], &whole).await;
        let whole = whole.to_str().expect("a path");
        cluster
            .make_keys(&["keys", "gateway", "--keys", whole], &own)
            .await;
        cluster
    }

    async fn make_keys(&self, arguments: &[&str], file: &Path) {
        let made = command(&self.program, arguments).arg(file).output();
        let made = within("keys", made).await.expect("an output");
        let error = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "no keys: {error}");
    }

    /// The keys of all.
    pub fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// What gateways have of them.
    pub fn gateway_keys(&self) -> PathBuf {
        self.folder.path().join("gateway-keys")
    }

    /// The database.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The brokers, and what stands before the names of topics and groups there.
    pub fn kafka(&self) -> (&str, &str) {
        (&self.kafka.0, &self.kafka.1)
    }

    /// A gateway, in the order of their start.
    pub fn gateway(&mut self, at: usize) -> &mut Process {
        &mut self.gateways[at]
    }

    /// A backend, in the order of their start.
    pub fn backend(&mut self, at: usize) -> &mut Process {
        &mut self.backends[at]
    }

    /// How many gateways and backends there are, running or not.
    pub fn counts(&self) -> (usize, usize) {
        (self.gateways.len(), self.backends.len())
    }

    /// Starts one more gateway; it may not be ready yet.
    pub async fn add_gateway(&mut self) {
        let at = self.gateways.len();
        let process = self.spawn("gateway", at, "127.0.0.1:0", &[]).await;
        self.gateways.push(process);
    }

    /// Starts one more backend; it may not be ready yet.
    pub async fn add_backend(&mut self) {
        let at = self.backends.len();
        let process = self.spawn("backend", at, "127.0.0.1:0", &[]).await;
        self.backends.push(process);
    }

    /// Starts one more backend with a gateway in it, beside the backends; it may not be ready yet.
    pub async fn add_server(&mut self) {
        let at = self.backends.len();
        let process = self.spawn("serve", at, "127.0.0.1:0", &[]).await;
        self.backends.push(process);
    }

    /// Starts a gateway that has ended, on its port.
    pub async fn restart_gateway(&mut self, at: usize) {
        self.restart_gateway_with(at, &[]).await;
    }

    /// The same with more of its environment, this time, of which it may end before it listens.
    pub async fn restart_gateway_with(&mut self, at: usize, environment: &[(String, String)]) {
        let listen = self.gateways[at].address.to_string();
        self.gateways[at] = self.spawn("gateway", at, &listen, environment).await;
    }

    /// Starts a backend that has ended, on its port.
    pub async fn restart_backend(&mut self, at: usize) {
        self.restart_backend_with(at, &[]).await;
    }

    /// The same with more of its environment, this time, of which it may end before it listens.
    pub async fn restart_backend_with(&mut self, at: usize, environment: &[(String, String)]) {
        let listen = self.backends[at].address.to_string();
        self.backends[at] = self.spawn("backend", at, &listen, environment).await;
    }

    async fn spawn(
        &self,
        role: &'static str,
        at: usize,
        listen: &str,
        environment: &[(String, String)],
    ) -> Process {
        let log = self.folder.path().join(format!("{role}-{at}.log"));
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        let log_from = file.metadata().expect("its length").len();
        let mut arguments = vec![role, "--listen", listen];
        arguments.extend(self.is_bench.then_some("--bench"));
        let mut child = self
            .configured(&arguments, role)
            .env("BLAZING_SUN_GATEWAY__ID", format!("g{at}"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("the program starts");
        let address = match environment {
            [] => address_of(&mut child, &log).await,
            // It may be what ends the process before it listens.
            _ => {
                let address = address_if_any(&mut child).await;
                address.unwrap_or_else(|| listen.parse().expect("an address"))
            }
        };
        Process {
            role,
            child,
            address,
            log,
            log_from,
        }
    }

    /// A command of the program with what the role is told: a gateway has no database and no key that signs.
    fn configured(&self, arguments: &[&str], role: &str) -> Command {
        let mut command = command(&self.program, arguments);
        command
            .envs(FOR_TESTS)
            .env("KAFKA_BOOTSTRAP_SERVERS", &self.kafka.0)
            .env("BLAZING_SUN_KAFKA__TOPIC_PREFIX", &self.kafka.1);
        match role {
            "gateway" => command.env("BLAZING_SUN_KEYS", self.gateway_keys()),
            // Neither players' keys nor the ledger.
            "checkout" => &mut command,
            _ => command
                .env("BLAZING_SUN_KEYS", self.keys())
                .env("DATABASE_URL", &self.database_url),
        };
        if matches!(role, "checkout" | "tool") {
            let payments = self
                .payments
                .iter()
                .flat_map(|payments| &payments.environment);
            command.envs(payments.map(|(name, value)| (name, value)));
        }
        command.envs(
            self.environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        command
    }

    /// One of the program's tools, configured as a backend is.
    pub async fn tool(&self, arguments: &[&str]) -> Output {
        self.tool_with(arguments, &[]).await
    }

    /// The same with more of its environment.
    pub async fn tool_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = self.configured(arguments, "tool");
        let output = command.envs(environment.iter().copied()).output();
        within(arguments[0], output).await.expect("an output")
    }

    /// Waits until all are ready that run.
    pub async fn until_ready(&mut self) {
        let all = self.backends.iter_mut().chain(&mut self.gateways);
        let all = all.chain(&mut self.checkouts);
        for process in all {
            if process.is_running() {
                process.until_ready(&self.http).await;
            }
        }
    }

    /// Signs in a new guest, at this backend.
    pub async fn guest_at(&self, backend: usize) -> Guest {
        let process = &self.backends[backend];
        let answer = self
            .http
            .post(process.url("/api/v1/auth/guest"))
            .send()
            .await
            .expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{status} {text}: {}", process.log());
        Guest::from_answer(&serde_json::from_str(&text).expect("JSON"))
    }

    /// Signs in a new guest.
    pub async fn guest(&self) -> Guest {
        self.guest_at(0).await
    }

    /// What a backend's API says of a guest's balance.
    pub async fn balance_cents_at(&self, backend: usize, guest: &Guest) -> i64 {
        let answer = self
            .http
            .get(self.backends[backend].url("/api/v1/me/balance"))
            .bearer_auth(&guest.token)
            .send();
        let answer: Value = answer.await.expect("an answer").json().await.expect("JSON");
        answer["balance_cents"]
            .as_i64()
            .unwrap_or_else(|| panic!("no balance: {answer}"))
    }

    /// A client for pages and APIs.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let all = self.backends.iter().chain(&self.gateways);
        all.chain(&self.checkouts)
    }

    /// Where all log; it stays when the cluster is gone.
    pub fn keep_logs(&self) -> std::io::Result<PathBuf> {
        let kept = tempfile::Builder::new().prefix("cluster-logs-").tempdir()?;
        for process in self.processes() {
            let name = process.log.file_name().expect("a name");
            std::fs::copy(&process.log, kept.path().join(name))?;
        }
        Ok(kept.keep())
    }

    /// What all have logged, for a failed test.
    pub fn logs(&self) -> String {
        let logs = self
            .processes()
            .map(|process| format!("{}:\n{}", process.log.display(), process.log()));
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl Process {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of one of its pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has logged so far, over all its starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it has logged since its last start.
    pub fn log_of_this_start(&self) -> String {
        self.log().split_off(self.log_from as usize)
    }

    /// Waits until `/readyz` says so.
    pub async fn until_ready(&self, http: &reqwest::Client) {
        let until = Instant::now() + DEADLINE;
        loop {
            let answer = http.get(self.url("/readyz")).send().await;
            let why = match answer {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            let (role, log) = (self.role, self.log());
            assert!(
                Instant::now() < until,
                "waited {DEADLINE:?} for a {role} to be ready: {why}\n{log}"
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends it at once, as a power failure would.
    pub async fn kill(&mut self) {
        within("the end of a process", self.child.kill())
            .await
            .expect("killed");
    }

    /// Freezes it (SIGSTOP).
    pub fn stop_signal(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn continue_signal(&self) {
        self.signal(Signal::CONT);
    }

    /// Whether it is frozen.
    pub fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.unwrap_or_default();
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        state.is_some_and(|state| state.trim_start().starts_with('T'))
    }

    /// Asks it to end, and does not wait.
    pub fn ask_to_end(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the end of a process", self.child.wait())
            .await
            .expect("an exit code")
    }

    /// Asks it to end, and waits.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.ended().await
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("a process id");
        let pid = Pid::from_raw(pid).expect("a process id");
        kill_process(pid, signal).expect("a signal");
    }
}
