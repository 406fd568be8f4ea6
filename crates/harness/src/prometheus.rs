//! Debian's `prometheus` beside a test, and its `promtool`.

use super::{DEADLINE, text};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A running Prometheus.
pub struct Prometheus {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
    http: reqwest::Client,
}

impl Prometheus {
    /// Scrapes one address each second, under this job's name, and evaluates these rules.
    pub async fn start(job: &str, target: SocketAddr, rules: &Path) -> Prometheus {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let rules = rules.canonicalize().expect("the rules");
        let every = "{ scrape_interval: 1s, evaluation_interval: 1s }";
        let text = format!(
            "global: {every}\nrule_files: ['{}']\nscrape_configs:\n  - job_name: {job}\n    static_configs: \
             [{{ targets: ['{target}'] }}]\n",
            rules.display()
        );
        std::fs::write(&config, text).expect("its configuration");
        let address = free_address();
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let child = Command::new(program("PROMETHEUS_BIN", "prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        Prometheus {
            address,
            child: child.unwrap_or_else(|error| panic!("no Prometheus ({error}): {INSTALL}")),
            folder,
            http: reqwest::Client::builder()
                .timeout(DEADLINE)
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    /// The data of an answer of its API; what it refuses is the error.
    pub async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let url = reqwest::Url::parse_with_params(&url, query).expect("an address");
        let asked = self.http.get(url).send().await;
        let answer = asked.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer.to_string()),
        }
    }

    /// The series that an expression gives now.
    pub async fn series(&self, expression: &str) -> Result<Vec<Value>, String> {
        let data = self.ask("query", &[("query", expression)]).await?;
        match data["result"].as_array() {
            Some(series) => Ok(series.clone()),
            None => Err(format!("no series: {data}")),
        }
    }

    /// The sum of them.
    pub async fn sum(&self, expression: &str) -> f64 {
        let series = self.series(expression).await.expect("series");
        let values = series.iter().map(|one| text(&one["value"][1]));
        values
            .map(|value| value.parse::<f64>().expect("a number"))
            .sum()
    }

    /// Waits until an expression gives something.
    pub async fn until(&mut self, expression: &str) {
        let begun = std::time::Instant::now();
        loop {
            let found = self.series(expression).await;
            if found.as_ref().is_ok_and(|series| !series.is_empty()) {
                return;
            }
            let ended = self.child.try_wait().expect("its state");
            if ended.is_some() || begun.elapsed() > DEADLINE {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!(
                    "{expression}: {found:?} ({ended:?}): {}",
                    log.unwrap_or_default()
                );
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

const INSTALL: &str = "run dev/setup.sh, which says what to install";

fn program(variable: &str, name: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| name.to_owned())
}

/// It takes no port of the system's choice.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}

/// `promtool` with these arguments, on this input.
pub async fn promtool(arguments: &[&str], input: &str) -> Output {
    let child = Command::new(program("PROMTOOL_BIN", "promtool"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("no promtool ({error}): {INSTALL}"));
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).await.expect("written");
    drop(stdin);
    let output = child.wait_with_output();
    super::within("promtool", output).await.expect("an output")
}
