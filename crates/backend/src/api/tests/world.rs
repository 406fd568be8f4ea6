//! A served API, its engine, and a client.

use super::document;
use crate::accounts::{Accounts, AccountsConfig, AccountsParts, Clock, PasswordCost, Passwords};
use crate::api::{ApiConfig, ApiParts, ApiState, router};
use crate::mail::MailRoom;
use crate::store::StoreError;
use crate::store::accounts::AccountStore;
use crate::store::sqlite::{SqliteAccess, SqliteAccounts, SqliteReads};
use async_trait::async_trait;
use blazing_sun_backbone::credentials::Keys;
use blazing_sun_backbone::envelope::EventEnvelope;
use blazing_sun_backbone::log::memory::MemoryLog;
use blazing_sun_backbone::log::{
    Appended, Bounds, EventLog, LogError, NewRecord, Record, Start, Subscription, Topic,
};
use blazing_sun_backbone::messages::DEMO_GRANT;
use blazing_sun_backbone::topics::{self, GAMES_COMMANDS, TopicSpec};
use blazing_sun_domain::{Account, Millis, UserId, games};
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const PARTITIONS: u32 = 3;
const DEADLINE: Duration = Duration::from_secs(20);

/// How a world is set up.
pub(super) struct Setup {
    pub(super) accounts: AccountsConfig,
    pub(super) api: ApiConfig,
    pub(super) log_is_up: bool,
    pub(super) engine_runs: bool,
    pub(super) mail: Option<MailRoom>,
}

impl Default for Setup {
    fn default() -> Setup {
        let api = ApiConfig {
            unlimited: true,
            ..ApiConfig::default()
        };
        Setup {
            accounts: AccountsConfig::default(),
            api,
            log_is_up: true,
            engine_runs: true,
            mail: None,
        }
    }
}

pub(super) struct World {
    pub(super) access: SqliteAccess,
    pub(super) store: Arc<dyn AccountStore>,
    pub(super) keys: Keys,
    pub(super) log: MemoryLog,
    pub(super) address: SocketAddr,
    now_ms: Arc<AtomicI64>,
    commits: watch::Sender<u64>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    folder: Option<TempDir>,
}

impl World {
    pub(super) async fn new() -> World {
        World::with(Setup::default()).await
    }

    pub(super) async fn limited() -> World {
        World::with(Setup {
            api: ApiConfig::default(),
            ..Setup::default()
        })
        .await
    }

    pub(super) async fn with(setup: Setup) -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::in_folder(folder.path(), setup).await;
        world.folder = Some(folder);
        world
    }

    /// On the file of an earlier world, as after a restart, but for the log.
    pub(super) async fn in_folder(folder: &Path, setup: Setup) -> World {
        let access = SqliteAccess::standalone(&folder.join("store.db")).unwrap();
        let log = MemoryLog::default();
        log.ensure_topics(&topics::all(&[""; 0], PARTITIONS))
            .await
            .unwrap();
        let shown: Arc<dyn EventLog> = if setup.log_is_up {
            Arc::new(log.clone())
        } else {
            Arc::new(LogIsDown)
        };
        let now_ms = Arc::new(AtomicI64::new(1_700_000_000_000));
        let clock: Clock = {
            let now_ms = now_ms.clone();
            Arc::new(move || Millis(now_ms.load(Ordering::SeqCst)))
        };
        let keys = Keys::generate(clock()).unwrap();
        let reads = Arc::new(SqliteReads::new(access.clone()));
        let store = Arc::new(SqliteAccounts::new(access.clone()));
        let (commits, committed) = watch::channel(0);
        let cost = PasswordCost {
            memory_kib: 8,
            passes: 1,
        };
        let accounts = Accounts::new(AccountsParts {
            store: store.clone(),
            reads: reads.clone(),
            log: shown.clone(),
            commits: committed,
            signer: keys.signer(),
            passwords: Passwords::new(cost).unwrap(),
            clock: clock.clone(),
            mail: setup.mail,
            config: setup.accounts,
        });
        let state = ApiState::new(ApiParts {
            accounts: Arc::new(accounts),
            reads,
            log: shown,
            games: Arc::new(games::built_in()),
            sealer: keys.sealer(),
            verifier: keys.verifier(),
            jwks: keys.jwks(),
            clock,
            config: setup.api,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = router(state).into_make_service_with_connect_info::<SocketAddr>();
        let serve = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let tasks = Mutex::new(vec![serve]);
        let world = World {
            access,
            store,
            keys,
            log,
            address,
            now_ms,
            commits,
            tasks,
            folder: None,
        };
        if setup.engine_runs {
            world.start_engine();
        }
        world
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    pub(super) fn start_engine(&self) {
        let from = (0..PARTITIONS).map(|p| (Topic::new(GAMES_COMMANDS), p, Start::Offset(0)));
        let mut commands = self.log.subscribe(from.collect()).unwrap();
        let (access, commits) = (self.access.clone(), self.commits.clone());
        self.tasks.lock().push(tokio::spawn(async move {
            loop {
                for record in commands.next().await.unwrap() {
                    let user = granted_user(&record);
                    access
                        .write(move |connection| grant(connection, user))
                        .await
                        .unwrap();
                    commits.send_modify(|batch_no| *batch_no += 1);
                }
            }
        }));
    }

    /// Every command in the log, in the order of its partitions.
    pub(super) async fn commands(&self) -> Vec<Record> {
        let topic = Topic::new(GAMES_COMMANDS);
        let bounds = self.log.bounds(&topic).await.unwrap();
        let count: u64 = bounds.iter().map(|bounds| bounds.end).sum();
        let from = (0..PARTITIONS)
            .map(|p| (topic.clone(), p, Start::Offset(0)))
            .collect();
        let mut reader = self.log.subscribe(from).unwrap();
        let mut records = Vec::new();
        while records.len() < count as usize {
            records.extend(reader.next().await.unwrap());
        }
        records
    }

    pub(super) fn pass(&self, time: Duration) {
        self.now_ms
            .fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Millis {
        Millis(self.now_ms.load(Ordering::SeqCst))
    }

    pub(super) async fn sql(&self, statements: impl Into<String>) {
        let statements = statements.into();
        let run = move |connection: &Connection| Ok(connection.execute_batch(&statements)?);
        self.access.write(run).await.unwrap();
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    pub(super) async fn get_as(&self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.request("GET", path, &[("authorization", &bearer)], b"")
            .await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body).await
    }

    pub(super) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        self.request("POST", path, &headers, body.to_string().as_bytes())
            .await
    }

    /// `auth/refresh` or `auth/logout` with a cookie.
    pub(super) async fn post_cookie(&self, path: &str, token: &str) -> Answer {
        let cookie = format!("theme=dark; blazing_sun_refresh={token}; x=y");
        self.request("POST", path, &[("cookie", &cookie)], b"")
            .await
    }

    pub(super) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            text += &format!("Host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if method == "POST" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        let answer = self.send(&[text.as_bytes(), body].concat()).await;
        document::check(method, path, &answer);
        answer
    }

    /// Sends bytes as they are and reads the one answer.
    pub(super) async fn send(&self, bytes: &[u8]) -> Answer {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            Answer::parse(&answer)
        };
        tokio::time::timeout(DEADLINE, exchange)
            .await
            .expect("an answer in time")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().iter() {
            task.abort();
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) text: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Answer {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .expect("a status line");
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers = lines.map(pair).collect();
        Answer {
            status: status.parse().unwrap(),
            headers,
            text: body.to_owned(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The JSON of a success.
    #[track_caller]
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Checks that this is a problem document of this status and code.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }

    pub(super) fn access_token(&self) -> String {
        self.ok()["access_token"].as_str().unwrap().to_owned()
    }

    pub(super) fn cookie(&self) -> &str {
        self.header("set-cookie").expect("a cookie")
    }

    pub(super) fn refresh_token(&self) -> String {
        let pair = self.cookie().split(';').next().unwrap();
        pair.strip_prefix("blazing_sun_refresh=")
            .unwrap()
            .to_owned()
    }
}

fn granted_user(record: &Record) -> UserId {
    let envelope = EventEnvelope::parse(&record.payload).unwrap();
    assert_eq!(envelope.event_type, DEMO_GRANT);
    let payload: Value = serde_json::from_str(envelope.payload.get()).unwrap();
    payload["user_id"].as_str().unwrap().parse().unwrap()
}

/// As the engine does it: once for ever.
fn grant(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    let account = Account::Player(user).to_string();
    let added = connection.execute(
        "INSERT INTO ledger_transfer
             (key, kind, from_account, to_account, amount_cents, user_id, batch_no, at_ms)
         VALUES (?1, 'demo_grant', 'demo/mint', ?2, 5000, ?3, 1, 1700000000000)
         ON CONFLICT (key) DO NOTHING",
        params![format!("demo_grant/{user}"), account, user.get() as i64],
    )?;
    if added == 1 {
        connection.execute(
            "INSERT INTO account_balance (account, balance) VALUES (?1, 5000)
             ON CONFLICT (account) DO UPDATE SET balance = balance + 5000",
            [account],
        )?;
    }
    Ok(())
}

struct LogIsDown;

#[async_trait]
impl EventLog for LogIsDown {
    async fn ensure_topics(&self, _: &[TopicSpec]) -> Result<(), LogError> {
        Err(LogError::Unavailable)
    }

    fn append(&self, _: Vec<NewRecord>, _: Appended) -> Result<(), LogError> {
        Err(LogError::Unavailable)
    }

    fn subscribe(&self, _: Vec<(Topic, u32, Start)>) -> Result<Box<dyn Subscription>, LogError> {
        Err(LogError::Unavailable)
    }

    async fn bounds(&self, _: &Topic) -> Result<Vec<Bounds>, LogError> {
        Err(LogError::Unavailable)
    }
}
