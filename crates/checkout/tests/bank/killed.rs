//! A bank that is killed at any instant knows afterwards all that it has said.

use crate::rig::{Answer, KEY, Receiver, SESSION, encoded, http, id, options, text, until};
use blazing_sun_checkout::bank::Bank;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Where the test runs a second time, as the bank that is killed: its folder and where its webhooks go.
const FOLDER: &str = "TEST_BANK_FOLDER";
const HOOKS: &str = "TEST_BANK_HOOKS";
const ADDRESS: &str = "the bank is at ";

const KILLS: u32 = 6;
const CLIENTS: usize = 4;

async fn be_the_bank(folder: &str) {
    let mut options = options(Path::new(folder));
    options.webhook_url = std::env::var(HOOKS).ok();
    let bank = Bank::start(options).await.expect("a bank");
    writeln!(std::io::stdout(), "\n{ADDRESS}{}", bank.url()).expect("somebody reads");
    std::future::pending().await
}

/// The bank as a process of its own, and its address.
async fn started(folder: &Path, hooks: &str) -> (Child, String) {
    let name = "killed::a_bank_killed_at_any_instant_knows_what_it_said";
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture"])
        .env(FOLDER, folder)
        .env(HOOKS, hooks)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    loop {
        let line = lines
            .next_line()
            .await
            .expect("text")
            .expect("the bank starts");
        if let Some(address) = line.strip_prefix(ADDRESS) {
            return (child, address.to_owned());
        }
    }
}

/// What a client was told, by the idempotency keys that it used.
type Told = BTreeMap<String, Option<String>>;

async fn posted(http: &reqwest::Client, url: &str, key: &str) -> Option<Answer> {
    let request = http
        .post(format!("{url}/v1/checkout/sessions"))
        .bearer_auth(KEY);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request
        .header("idempotency-key", key)
        .body(encoded(SESSION))
        .send()
        .await
        .ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.ok()?;
    Some(Answer {
        status,
        headers,
        text,
    })
}

async fn paid(http: &reqwest::Client, url: &str, session: &str) -> bool {
    let body = serde_json::json!({ "session": session, "way": "pay" });
    let sent = http
        .post(format!("{url}/_bank/pay"))
        .json(&body)
        .send()
        .await;
    sent.is_ok_and(|answer| answer.status() == 200)
}

/// Opens and pays sessions until the bank is gone.
async fn client(url: String, name: String) -> (Told, BTreeSet<String>) {
    let (http, mut told, mut paid_ones) = (http(), Told::new(), BTreeSet::new());
    for number in 0.. {
        let key = format!("{name}-{number}");
        let answer = posted(&http, &url, &key).await;
        let session = answer.map(|answer| id(&answer.good()));
        told.insert(key, session.clone());
        let Some(session) = session else { break };
        match paid(&http, &url, &session).await {
            true => paid_ones.insert(session),
            false => break,
        };
    }
    (told, paid_ones)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bank_killed_at_any_instant_knows_what_it_said() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return be_the_bank(&folder).await;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::new().await;
    let (mut told, mut paid_ones) = (Told::new(), BTreeSet::new());
    for kill in 0..KILLS {
        let (mut bank, url) = started(folder.path(), &receiver.url).await;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| tokio::spawn(client(url.clone(), format!("{kill}-{number}"))))
            .collect();
        // In the midst of whatever it does when so many webhooks have come.
        let enough = receiver.hooks().len() + 20 + 7 * kill as usize;
        until("some webhooks", async || receiver.hooks().len() >= enough).await;
        bank.kill().await.expect("killed");
        for client in clients {
            let (more_told, more_paid) = client.await.expect("no panic");
            told.extend(more_told);
            paid_ones.extend(more_paid);
        }
    }
    assert!(told.values().any(Option::is_none), "nobody was interrupted");

    let (_bank, url) = started(folder.path(), &receiver.url).await;
    let client = http();
    let mut sessions = BTreeSet::new();
    for (key, told) in &told {
        let answer = posted(&client, &url, key).await.expect("an answer");
        let session = id(&answer.good());
        if let Some(told) = told {
            assert_eq!(
                (&session, answer.header("idempotent-replayed")),
                (told, Some("true")),
                "{key}"
            );
        }
        assert!(sessions.insert(session), "{key} has another's session");
    }
    let listed = of_the_api(&client, &format!("{url}/v1/checkout/sessions?limit=100")).await;
    assert!(
        listed["has_more"] == true
            || listed["data"].as_array().expect("a list").len() == told.len()
    );
    for session in &paid_ones {
        let session = of_the_api(&client, &format!("{url}/v1/checkout/sessions/{session}")).await;
        assert_eq!(session["payment_status"], "paid");
    }
    until("the webhooks of all payments", async || {
        let (completed, events) = completed(&receiver);
        assert_eq!(
            events,
            completed.len(),
            "a session is completed by one event"
        );
        paid_ones.is_subset(&completed)
    })
    .await;
}

async fn of_the_api(client: &reqwest::Client, url: &str) -> Value {
    let sent = client.get(url).bearer_auth(KEY).send().await;
    Answer::of(sent.expect("an answer")).await.good()
}

/// The sessions that webhooks have told as completed, and by how many events.
fn completed(receiver: &Receiver) -> (BTreeSet<String>, usize) {
    let events = receiver.taken().into_iter().map(|hook| hook.event());
    let completed: BTreeMap<String, String> = events
        .filter(|event| event["type"] == "checkout.session.completed")
        .map(|event| (id(&event), text(&event["data"]["object"]["id"])))
        .collect();
    (completed.values().cloned().collect(), completed.len())
}
