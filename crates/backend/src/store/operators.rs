//! What operators do and what they have set: the log of their actions, and the settings that are in force without a
//! restart.

#[cfg(test)]
pub mod conformance;

use super::StoreError;
use async_trait::async_trait;
use blazing_sun_backbone::live::LiveSet;
use blazing_sun_domain::Millis;
use serde_json::Value;

/// How far an action has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked for, and may have been done.
    Asked,
    /// It was done.
    Done,
    /// It was refused, or it failed.
    Failed,
}

impl Outcome {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Asked => "asked",
            Outcome::Done => "done",
            Outcome::Failed => "failed",
        }
    }

    /// From its stored form.
    pub fn parse(text: &str) -> Option<Outcome> {
        [Outcome::Asked, Outcome::Done, Outcome::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// A row to add.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// When.
    pub at: Millis,
    /// A user's id, or `cli:` and a name of the operating system.
    pub operator: String,
    /// What: `user.ban`, `room.close`, …
    pub action: String,
    /// What it is done to.
    pub target: Option<String>,
    /// An object with what else is to be known; never a secret.
    pub detail: Value,
    /// How far it has come.
    pub outcome: Outcome,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place: a later one has a higher.
    pub id: i64,
    /// What it says.
    pub entry: NewEntry,
}

/// Which rows: those that agree in all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Of this operator.
    pub operator: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of what was done to this.
    pub target: Option<String>,
}

/// The log of operators' actions.
///
/// Guarantees: rows are only added, which the database itself sees to; a row that was added survives a kill at any
/// instant.
#[async_trait]
pub trait OperatorLog: Send + Sync + 'static {
    /// Adds a row, and answers with its place.
    async fn append(&self, entry: NewEntry) -> Result<i64, StoreError>;

    /// The newest `limit` rows, newest first; of those before a place, if given.
    async fn list(
        &self,
        filter: &EntryFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError>;
}

/// A setting that an operator has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSetting {
    /// Its name.
    pub name: String,
    /// What it is now.
    pub value: Value,
    /// Since when.
    pub changed: Millis,
    /// By whom, as in the log of actions.
    pub changed_by: String,
}

/// What the rows that come with a change of a setting say was done.
pub const SETTING_ACTIONS: [&str; 4] = [
    "settings.set",
    "settings.unset",
    "maintenance.start",
    "maintenance.end",
];

/// All settings that were changed, as they stand after one of the changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangedSettings {
    /// The row that came with the last change; 0 where there was none.
    pub revision: i64,
    /// By name.
    pub settings: Vec<LiveSetting>,
}

impl ChangedSettings {
    /// As processes are told of it.
    pub fn live_set(self) -> LiveSet {
        let settings = self.settings.into_iter();
        LiveSet {
            revision: self.revision,
            settings: settings.map(|set| (set.name, set.value)).collect(),
        }
    }
}

/// Settings that are in force without a restart.
///
/// Guarantees: a change and its row in the log of actions come together or not at all, and survive a kill at any
/// instant. Changes have an order, which is that of their rows; a revision stands for one state of all settings.
#[async_trait]
pub trait LiveSettings: Send + Sync + 'static {
    /// All that were changed, as of one instant.
    async fn all(&self) -> Result<ChangedSettings, StoreError>;

    /// Changes one, or takes the change back; by whom and when is what the row says that is added with it. The row's
    /// action is one of [`SETTING_ACTIONS`].
    async fn set(
        &self,
        name: &str,
        value: Option<&Value>,
        entry: NewEntry,
    ) -> Result<(), StoreError>;
}
