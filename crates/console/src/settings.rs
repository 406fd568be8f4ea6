//! Settings that operators change without a restart: what there is, what a value has to be, and how all processes hear
//! of a change.

use crate::{Actions, By};
use blazing_sun_backbone::live::{Announced, LiveSet, MAINTENANCE_SETTING, maintenance_record};
use blazing_sun_backbone::log::{EventLog, LogError, NewRecord};
use blazing_sun_backend::accounts::Clock;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::{LiveSetting, LiveSettings, OperatorLog, Outcome};
use blazing_sun_domain::Millis;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The longest message to players.
const MESSAGE_CHARS_MAX: usize = 500;
/// The longest text of a setting.
const TEXT_CHARS_MAX: usize = 1_000;

/// What a setting takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number of these.
    Whole {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A text that this takes.
    Text {
        /// Whether it does.
        is_one: fn(&str) -> bool,
        /// What it takes, in words.
        takes: &'static str,
    },
}

/// A setting that can be changed.
#[derive(Debug, Clone)]
pub struct KnownSetting {
    /// Its name, as in the configuration.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// In what it is counted; empty where it is not.
    pub unit: &'static str,
    /// As configured.
    pub default: Value,
}

impl KnownSetting {
    /// In words.
    fn takes(&self) -> String {
        match self.kind {
            Kind::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Kind::Text { takes, .. } => takes.to_owned(),
        }
    }

    fn check(&self, value: &Value) -> Result<(), SettingError> {
        let is_well = match self.kind {
            Kind::Whole { least, most } => value
                .as_i64()
                .is_some_and(|number| (least..=most).contains(&number)),
            Kind::Text { is_one, .. } => value
                .as_str()
                .is_some_and(|text| text.chars().count() <= TEXT_CHARS_MAX && is_one(text)),
        };
        match is_well {
            true => Ok(()),
            false => Err(SettingError::Value {
                name: self.name.clone(),
                takes: self.takes(),
                got: value.to_string().chars().take(80).collect(),
            }),
        }
    }
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// There is no such setting, or it takes a restart.
    #[error("there is no setting `{name}` that is changed without a restart; there are: {known}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It takes something else.
    #[error("`{name}` takes {takes}, got {got}")]
    Value {
        /// Which.
        name: String,
        /// What it takes.
        takes: String,
        /// In short.
        got: String,
    },
    /// The message says nothing, or too much.
    #[error("`message` takes 1 to 500 characters")]
    Message,
    /// No maintenance was announced.
    #[error("no maintenance was announced")]
    NoMaintenance,
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is stored, and processes hear of it later.
    #[error(
        "it is set, and not all processes have heard of it: they will within seconds of the topics being there again"
    )]
    Log(#[from] LogError),
    /// This process ends.
    #[error("the server ended before it was known whether it is set: look whether it is")]
    Interrupted,
}

/// A setting as it stands.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What is in force.
    pub value: Value,
    /// What would be, had no operator changed it.
    pub default: Value,
    /// `config` or `live`.
    #[schemars(extend("enum" = ["config", "live"]))]
    pub from: &'static str,
    /// What it takes, in words.
    pub kind: String,
    /// In what it is counted; empty where it is not.
    pub unit: &'static str,
    /// RFC 3339, UTC; null where no operator changed it.
    #[schemars(extend("format" = "date-time"))]
    pub changed_at: Option<String>,
    /// By whom, as in the operators' log.
    pub changed_by: Option<String>,
}

/// Maintenance, as it stands.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct MaintenanceState {
    /// From then on no room is made; RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub starts_at: String,
    /// What players are told.
    pub message: String,
    /// By whom it was announced.
    pub announced_by: String,
}

/// All that operators can change.
#[derive(Clone)]
pub struct Settings {
    known: Arc<Vec<KnownSetting>>,
    store: Arc<dyn LiveSettings>,
    log: Arc<dyn EventLog>,
    actions: Actions,
    clock: Clock,
    taken_by: Option<Arc<dyn Fn(LiveSet) + Send + Sync>>,
    /// The revision that was said here last.
    said: Arc<AtomicI64>,
}

impl Settings {
    /// Those known, of this deployment.
    pub fn new(
        known: Vec<KnownSetting>,
        store: Arc<dyn LiveSettings>,
        entries: Arc<dyn OperatorLog>,
        log: Arc<dyn EventLog>,
        clock: Clock,
    ) -> Settings {
        Settings {
            known: Arc::new(known),
            store,
            actions: Actions::new(entries, clock.clone()),
            log,
            clock,
            taken_by: None,
            said: Arc::default(),
        }
    }

    /// The same, which this process takes before anybody is answered.
    pub fn taken_by(mut self, take: impl Fn(LiveSet) + Send + Sync + 'static) -> Settings {
        self.taken_by = Some(Arc::new(take));
        self
    }

    /// All that is set, as processes are told of it.
    pub async fn read(&self) -> Result<LiveSet, StoreError> {
        Ok(self.store.all().await?.live_set())
    }

    /// Every setting, and maintenance if it was announced.
    pub async fn list(&self) -> Result<(Vec<Setting>, Option<MaintenanceState>), StoreError> {
        let set = self.store.all().await?.settings;
        let of = |name: &str| set.iter().find(|set| set.name == name);
        let settings = self.known.iter().map(|known| {
            let live = of(&known.name);
            Setting {
                name: known.name.clone(),
                value: live.map_or(&known.default, |live| &live.value).clone(),
                default: known.default.clone(),
                from: if live.is_some() { "live" } else { "config" },
                kind: known.takes(),
                unit: known.unit,
                changed_at: live.map(|live| live.changed.to_string()),
                changed_by: live.map(|live| live.changed_by.clone()),
            }
        });
        let maintenance = of(MAINTENANCE_SETTING).and_then(|live| {
            let LiveSetting {
                value, changed_by, ..
            } = live;
            let announced: Announced = serde_json::from_value(value.clone()).ok()?;
            Some(MaintenanceState {
                starts_at: Millis(announced.starts_at_ms).to_string(),
                message: announced.message,
                announced_by: changed_by.clone(),
            })
        });
        Ok((settings.collect(), maintenance))
    }

    /// Changes one; none: it is as configured again.
    pub async fn set(&self, by: &By, name: &str, value: Option<Value>) -> Result<(), SettingError> {
        let known = self.known.iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| SettingError::Unknown {
            name: name.chars().take(80).collect(),
            known: self.names(),
        })?;
        if let Some(value) = &value {
            known.check(value)?;
        }
        let action = match value {
            Some(_) => "settings.set",
            None => "settings.unset",
        };
        self.change(by, action, name, value, None).await
    }

    fn names(&self) -> String {
        let names = self.known.iter().map(|known| known.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// From `starts_at` on, or from now, no room is made; players hear of it.
    pub async fn start_maintenance(
        &self,
        by: &By,
        starts_at: Option<Millis>,
        message: &str,
    ) -> Result<(), SettingError> {
        let message = message.trim();
        if message.is_empty() || message.chars().count() > MESSAGE_CHARS_MAX {
            return Err(SettingError::Message);
        }
        let starts_at = starts_at.unwrap_or_else(|| (self.clock)());
        let announced = Announced {
            starts_at_ms: starts_at.0,
            message: message.to_owned(),
        };
        let value = json!({ "starts_at_ms": starts_at.0, "message": message });
        let news = maintenance_record(&announced, false);
        let action = "maintenance.start";
        self.change(by, action, MAINTENANCE_SETTING, Some(value), Some(news))
            .await
    }

    /// Rooms are made again; players hear of it.
    pub async fn end_maintenance(&self, by: &By) -> Result<(), SettingError> {
        let announced = self.read().await?.maintenance();
        let announced = announced.ok_or(SettingError::NoMaintenance)?;
        let news = maintenance_record(&announced, true);
        self.change(by, "maintenance.end", MAINTENANCE_SETTING, None, Some(news))
            .await
    }

    /// Stores a change and tells of it, also where nobody waits for the answer any more.
    async fn change(
        &self,
        by: &By,
        action: &'static str,
        name: &str,
        value: Option<Value>,
        news: Option<NewRecord>,
    ) -> Result<(), SettingError> {
        let (settings, by, name) = (self.clone(), by.clone(), name.to_owned());
        let change = tokio::spawn(async move {
            settings.store(&by, action, &name, value.as_ref()).await?;
            settings.tell(news).await
        });
        change.await.unwrap_or(Err(SettingError::Interrupted))
    }

    async fn store(
        &self,
        by: &By,
        action: &str,
        name: &str,
        value: Option<&Value>,
    ) -> Result<(), StoreError> {
        let detail = json!({ "value": value });
        let entry = self
            .actions
            .entry(by, action, Some(name), detail, Outcome::Done);
        self.store.set(name, value, entry).await
    }

    async fn tell(&self, news: Option<NewRecord>) -> Result<(), SettingError> {
        // First: whoever hears the news can rely on it.
        let set = self.read().await?;
        let revision = set.revision;
        let mut records = vec![set.record()];
        if let Some(take) = &self.taken_by {
            take(set);
        }
        records.extend(news);
        self.log.append_and_wait(records).await?;
        self.said.fetch_max(revision, Ordering::Relaxed);
        Ok(())
    }

    /// Takes what is set, and says it, if it is newer than what was said here last: another process may have stored a
    /// change and ended before it told anybody.
    pub async fn catch_up(&self) -> Result<(), SettingError> {
        let revision = self.read().await?.revision;
        match revision > self.said.load(Ordering::Relaxed) {
            true => self.tell(None).await,
            false => Ok(()),
        }
    }

    /// Says again all that is set, for processes that start.
    pub async fn say_again(&self) -> Result<(), SettingError> {
        self.tell(None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backbone::log::sqlite::{SqliteLog, SqliteLogOptions};
    use blazing_sun_backbone::log::{Start, Topic};
    use blazing_sun_backbone::topics::{SYSTEM_EVENTS, TopicSpec};
    use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOperators};
    use blazing_sun_harness::within;
    use parking_lot::Mutex;
    use std::path::Path;
    use std::time::Duration;

    const NAME: &str = "games.bigger_dice.entry_fee_cents";

    async fn settings(folder: &Path) -> (Settings, Arc<Mutex<Vec<LiveSet>>>) {
        let access = SqliteAccess::standalone(&folder.join("store.db")).unwrap();
        let store = Arc::new(SqliteOperators::new(access));
        let log = folder.join("log.db");
        let log = SqliteLog::standalone(&log, SqliteLogOptions::default()).unwrap();
        let topic = TopicSpec {
            name: SYSTEM_EVENTS.to_owned(),
            partitions: 1,
            retention_ms: -1,
        };
        log.ensure_topics(&[topic]).await.unwrap();
        let known = KnownSetting {
            name: NAME.to_owned(),
            kind: Kind::Whole {
                least: 0,
                most: 1_000,
            },
            unit: "cents",
            default: json!(1_000),
        };
        let clock: Clock = Arc::new(|| Millis(7));
        let log = Arc::new(log);
        let settings = Settings::new(vec![known], store.clone(), store, log, clock);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let takes = taken.clone();
        let settings = settings.taken_by(move |set| takes.lock().push(set));
        (settings, taken)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_hear_of_a_change_whose_operator_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, taken) = settings(folder.path()).await;
        let from = vec![(Topic::new(SYSTEM_EVENTS), 0, Start::Offset(0))];
        let mut told = settings.log.subscribe(from).unwrap();
        let by = By::command_line("ada", 1000);
        let change = settings.set(&by, NAME, Some(json!(250)));
        // Dropped once it has begun.
        let answer = tokio::time::timeout(Duration::ZERO, change).await;
        assert!(answer.is_err(), "{answer:?}");
        let records = within("a record of the change", told.next()).await.unwrap();
        let payload = std::str::from_utf8(&records[0].payload).unwrap();
        assert!(payload.contains("250"), "{payload}");
        assert_eq!(taken.lock()[0].get(NAME), Some(250));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_nobody_told_is_taken_and_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let (settings, taken) = settings(folder.path()).await;
        settings.catch_up().await.unwrap();
        assert!(taken.lock().is_empty(), "nothing was ever set");
        let by = By::command_line("ada", 1000);
        let value = json!(250);
        let stored = settings.store(&by, "settings.set", NAME, Some(&value));
        stored.await.unwrap();
        for _ in 0..2 {
            settings.catch_up().await.unwrap();
            let taken = taken.lock();
            assert_eq!(taken.len(), 1);
            assert_eq!(taken[0].get(NAME), Some(250));
        }
    }
}
