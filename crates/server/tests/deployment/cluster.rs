//! `make cluster`: one address, behind which a game is played, and which a killed process does not take away.

use crate::repository;
use blazing_sun_harness::{Client, DEADLINE, Guest, PaymentPage, text, within};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// Nine processes, each of which waits for others; the script gives each two minutes.
const START: Duration = Duration::from_secs(150);

struct Cluster {
    folder: TempDir,
    address: SocketAddr,
    running: Child,
}

impl Cluster {
    async fn start() -> Cluster {
        // PostgreSQL may run as another user, who has to reach its own folder in here.
        let folder = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let running = Cluster::run(&folder, address).await;
        Cluster {
            folder,
            address,
            running,
        }
    }

    /// Until it says where it plays.
    async fn run(folder: &TempDir, address: SocketAddr) -> Child {
        let mut running = tokio::process::Command::from(script(folder, "run"))
            .env("LISTEN", address.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(running.stdout.take().expect("its output")).lines();
        let plays = format!("cluster: plays on http://{address}");
        for _ in 0..4 {
            let line = tokio::time::timeout(START, lines.next_line()).await;
            let line = line.expect("a line of the cluster in time");
            if line.expect("text").expect("it has ended") == plays {
                // What it says later has nowhere else to go.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return running;
            }
        }
        panic!("it does not say where it plays");
    }

    async fn stop(&mut self) {
        let stopped = tokio::process::Command::from(script(&self.folder, "stop")).status();
        let stopped = within("the end of all", stopped).await.expect("it runs");
        assert!(stopped.success());
        let ended = within("the end of the run", self.running.wait()).await;
        assert!(ended.expect("an exit code").success());
    }

    fn log_of(&self, member: &str) -> String {
        let file = self.folder.path().join(member).join("output.log");
        std::fs::read_to_string(file).expect("a log")
    }

    fn runs(&self, member: &str) -> Option<i32> {
        let noted = std::fs::read_to_string(self.folder.path().join(member).join("pid")).ok()?;
        let pid: i32 = noted.split(' ').next()?.parse().ok()?;
        std::path::Path::new(&format!("/proc/{pid}/cwd"))
            .exists()
            .then_some(pid)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let wiped = script(&self.folder, "wipe").stdout(Stdio::null()).status();
        drop(wiped);
    }
}

fn script(folder: &TempDir, command: &str) -> Command {
    let mut script = Command::new(repository().join("dev/cluster.sh"));
    script
        .arg(command)
        .env("CLUSTER_DIR", folder.path())
        .env("BLAZING_SUN_BIN", blazing_sun_harness::built("blazing-sun"))
        .stdin(Stdio::null());
    script
}

/// Through the proxy to a backend, over a checkout to the test bank, and back.
async fn pays_in(http: &reqwest::Client, url: &str, guest: &Guest) {
    let get = async |path: &str| -> Value {
        let answer = http.get(format!("{url}{path}")).bearer_auth(&guest.token);
        let answer = answer.send().await.expect("an answer");
        answer.json().await.expect("JSON")
    };
    let asked = http
        .post(format!("{url}/api/v1/checkout/sessions"))
        .bearer_auth(&guest.token)
        .json(&json!({ "amount_cents": 2_000, "success_url": format!("{url}/") }));
    let asked: Value = asked
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let path = format!("/api/v1/checkout/sessions/{}", text(&asked["request_id"]));
    let page = async {
        loop {
            if let Some(page) = get(&path).await["session_url"].as_str() {
                return PaymentPage::of(page);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("a page to pay on", page)
        .await
        .pay(http, "pay")
        .await;
    let paid = async {
        while get("/api/v1/me/balance").await["balance_cents"] != 7_000 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("the money", paid).await;
}

#[tokio::test]
async fn a_cluster_plays_at_one_address_and_starts_again_what_ends() {
    let mut cluster = Cluster::start().await;
    let http = reqwest::Client::builder()
        .timeout(DEADLINE)
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("http://{}", cluster.address);
    let guest = async || -> Guest {
        let answer = http
            .post(format!("{url}/api/v1/auth/guest"))
            .send()
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        Guest::from_answer(&answer.json().await.expect("JSON"))
    };
    let page = http.get(&url).send().await.expect("an answer");
    assert!(
        page.status() != 404 && page.status() != 502,
        "{}",
        page.status()
    );
    let probe = http
        .get(format!("{url}/readyz"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(probe.status(), 404, "a probe is of one process");
    let first = guest().await;
    within("a socket", Client::socket(cluster.address))
        .await
        .expect("a socket through the proxy");

    pays_in(&http, &url, &first).await;

    let killed = cluster.runs("gateway-1").expect("it runs");
    let status = Command::new("kill")
        .args(["-KILL", &killed.to_string()])
        .status();
    assert!(status.expect("kill runs").success());
    // The other one takes them meanwhile.
    within("a socket", Client::socket(cluster.address))
        .await
        .expect("a socket at the other gateway");
    let until = Instant::now() + DEADLINE;
    while cluster.runs("gateway-1").is_none_or(|pid| pid == killed) {
        assert!(Instant::now() < until, "it was not started again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(guest().await.user_id, first.user_id);

    cluster.stop().await;
    // Its data and its keys are still there for the next start.
    cluster.running = Cluster::run(&cluster.folder, cluster.address).await;
    let mine = http
        .get(format!("{url}/api/v1/me"))
        .bearer_auth(&first.token);
    let mine = mine.send().await.expect("an answer");
    assert!(mine.status().is_success(), "{}", mine.status());
    for (member, starts) in [("backend-1", 2), ("gateway-1", 3), ("gateway-2", 2)] {
        let log = cluster.log_of(member);
        assert_eq!(
            log.matches("\"serving\"").count(),
            starts,
            "{member}: {log}"
        );
    }
    cluster.stop().await;
    for member in [
        "kafka",
        "postgres",
        "backend-1",
        "backend-2",
        "gateway-1",
        "gateway-2",
        "bank",
        "checkout-1",
        "nginx",
    ] {
        assert_eq!(cluster.runs(member), None, "{member}");
    }
}
