//! The program as a process.

use super::{DEADLINE, Guest, within};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// A program of the build that this one belongs to: cargo puts tests into a folder beside them.
pub fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let folder = this.parent().expect("a program is in a folder");
    let beside_tests = folder.parent().expect("a build has a folder");
    let mut places = [folder, beside_tests].into_iter();
    let place = places.find(|place| place.join(name).exists());
    place
        .unwrap_or_else(|| panic!("{name} is not built beside {}", this.display()))
        .join(name)
}

/// `blazing-sun` with these arguments, and nothing of this machine's configuration.
pub fn program(arguments: &[&str]) -> Command {
    command(&built("blazing-sun"), arguments)
}

/// The same of another program.
pub fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if [
            "BLAZING_SUN_",
            "KAFKA_",
            "STRIPE_",
            "DATABASE_URL",
            "RUST_LOG",
            "OTEL_",
        ]
        .iter()
        .any(|prefix| name_text.starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Limits that keep tests from signing in many guests are lifted, and tests that are about people are not to be
/// joined by the house's bot.
pub(crate) const FOR_TESTS: [(&str, &str); 9] = [
    ("BLAZING_SUN_ACCOUNTS__GUESTS_PER_HOUR", "100000"),
    ("BLAZING_SUN_GATEWAY__LIMITS__ADDRESS__PER_SECOND", "100000"),
    ("BLAZING_SUN_GATEWAY__LIMITS__ADDRESS__BURST", "100000"),
    ("BLAZING_SUN_GATEWAY__LIMITS__USER__PER_SECOND", "10000"),
    ("BLAZING_SUN_GATEWAY__LIMITS__USER__BURST", "10000"),
    (
        "BLAZING_SUN_GATEWAY__LIMITS__CONNECTION__PER_SECOND",
        "10000",
    ),
    ("BLAZING_SUN_GATEWAY__LIMITS__CONNECTION__BURST", "10000"),
    // Most clients of tests only listen, for as long as anything may take.
    ("BLAZING_SUN_GATEWAY__SILENCE_MAX_S", "600"),
    ("BLAZING_SUN_BOT__ENABLED", "false"),
];

/// Waits until a program says where it listens.
pub(crate) async fn address_of(child: &mut Child, log: &Path) -> SocketAddr {
    address_if_any(child).await.unwrap_or_else(|| {
        let log = std::fs::read_to_string(log);
        panic!("the server did not start: {}", log.unwrap_or_default())
    })
}

/// The same; none if it ends before it listens.
pub(crate) async fn address_if_any(child: &mut Child) -> Option<SocketAddr> {
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let line = within("the server's address", lines.next_line()).await;
    let line = line.expect("readable output")?;
    let at = line
        .find("http://")
        .unwrap_or_else(|| panic!("no address in {line}"));
    let address = line[at + "http://".len()..].trim();
    Some(address.parse().expect("an address"))
}

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// The program, if it is not `blazing-sun`.
    pub program: Option<PathBuf>,
    /// More arguments for `serve`.
    pub arguments: Vec<String>,
    /// More of its environment.
    pub environment: Vec<(String, String)>,
    /// Where it listens first; a free port of the system's choice where none is given.
    pub listen: Option<SocketAddr>,
    /// Its folder of data, if it is not one of its own.
    pub data_dir: Option<PathBuf>,
}

/// A running server.
pub struct TestServer {
    folder: Arc<TempDir>,
    data_dir: PathBuf,
    child: Child,
    address: SocketAddr,
    launch: Launch,
    http: reqwest::Client,
}

impl TestServer {
    /// On a fresh folder, with the limits that keep tests from signing in many guests lifted.
    pub async fn start() -> TestServer {
        TestServer::start_with(&[]).await
    }

    /// The same with more arguments for `serve`.
    pub async fn start_with(arguments: &[&str]) -> TestServer {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        TestServer::launch(Launch {
            arguments: arguments.collect(),
            ..Launch::default()
        })
        .await
    }

    /// On a fresh folder, as is said.
    pub async fn launch(launch: Launch) -> TestServer {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let listen = launch.listen.map(|listen| listen.to_string());
        let listen = listen.as_deref().unwrap_or("127.0.0.1:0").to_owned();
        TestServer::on(folder, &listen, launch).await
    }

    async fn on(folder: Arc<TempDir>, listen: &str, launch: Launch) -> TestServer {
        let program = launch.program.clone();
        let program = program.unwrap_or_else(|| built("blazing-sun"));
        let data_dir = launch.data_dir.clone();
        let data_dir = data_dir.unwrap_or_else(|| folder.path().join("data"));
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.path().join("log"));
        let mut child = command(&program, &["serve", "--listen", listen, "--data-dir"])
            .arg(&data_dir)
            .args(&launch.arguments)
            .envs(FOR_TESTS)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log.expect("a log file"))
            .spawn()
            .expect("the program starts");
        let log = folder.path().join("log");
        let is_mortal = |(name, _): &(String, String)| name == "BLAZING_SUN_FAILPOINT";
        let address = match launch.environment.iter().any(is_mortal) {
            // It may be what ends the process before it listens.
            true => {
                let address = address_if_any(&mut child).await;
                address.unwrap_or_else(|| listen.parse().expect("an address"))
            }
            false => address_of(&mut child, &log).await,
        };
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .no_proxy()
            .build()
            .expect("a client");
        TestServer {
            folder,
            data_dir,
            child,
            address,
            launch,
            http,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder of data.
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Lets no file of the running server grow beyond so many bytes, or as far as it likes.
    pub fn limit_file_size(&self, bytes_max: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = i32::try_from(self.child.id().expect("it runs")).expect("a process id");
        let limit = Rlimit {
            current: bytes_max,
            maximum: None,
        };
        prlimit(Pid::from_raw(pid), Resource::Fsize, limit).expect("a limit");
    }

    /// Ends it at once, as a power failure would.
    pub async fn kill(&mut self) {
        within("the end of the server", self.child.kill())
            .await
            .expect("killed");
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the end of the server", self.child.wait())
            .await
            .expect("an exit code")
    }

    /// Asks it to end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.ask_to_end();
        self.ended().await
    }

    /// Asks it to end, and does not wait.
    pub fn ask_to_end(&self) {
        let pid = i32::try_from(self.child.id().expect("it runs")).expect("a process id");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
    }

    /// Starts it again on the same folder and port.
    pub async fn restart(&mut self) {
        self.restart_with(self.launch.clone()).await;
    }

    /// The same, started in another way.
    pub async fn restart_with(&mut self, launch: Launch) {
        let listen = self.address.to_string();
        let folder = Arc::clone(&self.folder);
        *self = TestServer::on(folder, &listen, launch).await;
    }

    /// The address of one of its pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A client for them.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Signs in a new guest.
    pub async fn guest(&self) -> Guest {
        let answer = self
            .http
            .post(self.url("/api/v1/auth/guest"))
            .send()
            .await
            .expect("an answer");
        assert!(
            answer.status().is_success(),
            "{}: {}",
            answer.status(),
            self.log()
        );
        Guest::from_answer(&answer.json().await.expect("JSON"))
    }

    /// What the API says of a guest's balance.
    pub async fn balance_cents(&self, guest: &Guest) -> i64 {
        let answer = self
            .http
            .get(self.url("/api/v1/me/balance"))
            .bearer_auth(&guest.token)
            .send();
        let answer: Value = answer.await.expect("an answer").json().await.expect("JSON");
        answer["balance_cents"]
            .as_i64()
            .unwrap_or_else(|| panic!("no balance: {answer}"))
    }

    /// How much it holds in memory, as the operator socket tells.
    pub async fn held(&self) -> Value {
        let path = self.data_dir.join("operator.sock");
        let stream = UnixStream::connect(path)
            .await
            .expect("the operator socket");
        let mut stream = BufReader::new(stream);
        let asked = stream.get_mut().write_all(b"{\"v\":1,\"op\":\"held\"}\n");
        asked.await.expect("sent");
        let mut line = String::new();
        within("an answer", stream.read_line(&mut line))
            .await
            .expect("a line");
        let mut answer: Value = serde_json::from_str(&line).expect("JSON");
        assert!(answer["ok"].is_object(), "{answer}");
        answer["ok"].take()
    }

    /// Waits until what it holds is as wanted; says what it was last.
    pub async fn until_it_holds(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = std::time::Instant::now() + DEADLINE;
        loop {
            let held = self.held().await;
            if wanted(&held) {
                return held;
            }
            assert!(
                std::time::Instant::now() < until,
                "waited {DEADLINE:?} for {what}: {held:#}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Its resident memory.
    pub fn resident_bytes(&self) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("kB of resident memory") * 1_024
    }

    /// Everything on a topic until now.
    pub async fn records(&self, topic: &str) -> Vec<Value> {
        let output = self
            .tool(&["tail", topic, "--from-beginning", "--until-end"])
            .await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let lines = String::from_utf8(output.stdout).expect("text");
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// One of its own program's tools, on its data.
    pub async fn tool(&self, arguments: &[&str]) -> Output {
        let program = self.launch.program.clone();
        let program = program.unwrap_or_else(|| built("blazing-sun"));
        on_data(command(&program, arguments), arguments[0], &self.data_dir).await
    }

    /// What the audit says.
    pub async fn audit(&self) -> Value {
        let output = self.tool(&["audit", "--json"]).await;
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(
            output.status.success(),
            report["clean"] == true,
            "{report:#}"
        );
        report
    }
}

/// One of the program's tools on a data directory.
pub async fn tool(arguments: &[&str], data_dir: &Path) -> Output {
    on_data(program(arguments), arguments[0], data_dir).await
}

async fn on_data(mut command: Command, what: &str, data_dir: &Path) -> Output {
    within(what, command.arg("--data-dir").arg(data_dir).output())
        .await
        .expect("an output")
}
