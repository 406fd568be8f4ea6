//! Settings that operators change without a restart: what there is, what a value has to be, and how all processes hear
//! of a change.

use crate::{Actions, By};
use blazing_sun_backbone::live::{Announced, LiveSet, MAINTENANCE_SETTING, maintenance_record};
use blazing_sun_backbone::log::{EventLog, LogError};
use blazing_sun_backend::accounts::Clock;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::{LiveSetting, LiveSettings, OperatorLog, Outcome};
use blazing_sun_domain::Millis;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;

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
        "it is set, and not all processes have heard of it: they will when a backend starts, or do the same again"
    )]
    Log(#[from] LogError),
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
        self.store(by, action, name, value.as_ref()).await?;
        self.tell([]).await
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
        self.store(by, "maintenance.start", MAINTENANCE_SETTING, Some(&value))
            .await?;
        self.tell([maintenance_record(&announced, false)]).await
    }

    /// Rooms are made again; players hear of it.
    pub async fn end_maintenance(&self, by: &By) -> Result<(), SettingError> {
        let announced = self.read().await?.maintenance();
        let announced = announced.ok_or(SettingError::NoMaintenance)?;
        self.store(by, "maintenance.end", MAINTENANCE_SETTING, None)
            .await?;
        self.tell([maintenance_record(&announced, true)]).await
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

    async fn tell<const N: usize>(
        &self,
        news: [blazing_sun_backbone::log::NewRecord; N],
    ) -> Result<(), SettingError> {
        // First: whoever hears the news can rely on it.
        let set = self.read().await?;
        let mut records = vec![set.record()];
        if let Some(take) = &self.taken_by {
            take(set);
        }
        records.extend(news);
        self.log.append_and_wait(records).await?;
        Ok(())
    }

    /// Says again all that is set, for processes that start.
    pub async fn say_again(&self) -> Result<(), SettingError> {
        self.tell([]).await
    }
}
