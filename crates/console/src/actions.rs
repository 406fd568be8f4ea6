//! Doing something in an operator's name: a row in the log before, and one that says what came of it.

use blazing_sun_backend::accounts::Clock;
use blazing_sun_backend::store::StoreError;
use blazing_sun_backend::store::operators::{NewEntry, OperatorLog, Outcome};
use blazing_sun_domain::UserId;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

/// The longest target that is kept.
const TARGET_CHARS_MAX: usize = 200;

/// Who does it, as the log names operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By(String);

impl By {
    /// A user of the console.
    pub fn user(id: UserId) -> By {
        By(id.to_string())
    }

    /// Somebody at the command line, by the name that they give and the user id that the operating system vouches for.
    pub fn command_line(name: &str, uid: u32) -> By {
        By(format!("cli:{} (uid {uid})", plain(name)))
    }

    /// As the log has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Does things, with their rows.
#[derive(Clone)]
pub struct Actions {
    log: Arc<dyn OperatorLog>,
    clock: Clock,
}

impl Actions {
    /// With rows in this log.
    pub fn new(log: Arc<dyn OperatorLog>, clock: Clock) -> Actions {
        Actions { log, clock }
    }

    /// Does it, once its row is there. `detail` is an object that holds no secret. Where what came of it can not be
    /// written, the row before still says that it was asked for.
    pub async fn run<T, E>(
        &self,
        by: &By,
        action: &str,
        target: Option<&str>,
        detail: Value,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E>
    where
        E: From<StoreError> + fmt::Display,
    {
        let asked = self.entry(by, action, target, detail, Outcome::Asked);
        let id = self.log.append(asked).await?;
        let outcome = effect.await;
        let mut detail = Map::from_iter([("asked".to_owned(), json!(id))]);
        let how = match &outcome {
            Ok(_) => Outcome::Done,
            Err(error) => {
                detail.insert("error".to_owned(), error.to_string().into());
                Outcome::Failed
            }
        };
        let told = self.entry(by, action, target, detail.into(), how);
        if let Err(error) = self.log.append(told).await {
            tracing::error!(%error, operator = by.as_str(), action, target, asked = id, "what came of an action is not in the log");
        }
        outcome
    }

    /// Where the rows are.
    pub fn rows(&self) -> &dyn OperatorLog {
        &*self.log
    }

    /// A row of now, to be added.
    pub fn entry(
        &self,
        by: &By,
        action: &str,
        target: Option<&str>,
        detail: Value,
        outcome: Outcome,
    ) -> NewEntry {
        NewEntry {
            at: (self.clock)(),
            operator: by.0.clone(),
            action: action.to_owned(),
            target: target.map(plain),
            detail,
            outcome,
        }
    }
}

/// Of one line, and no longer than what is kept.
fn plain(text: &str) -> String {
    let letters = text.chars().filter(|letter| !letter.is_control());
    letters.take(TARGET_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use blazing_sun_backend::store::operators::EntryFilter;
    use blazing_sun_backend::store::sqlite::{SqliteAccess, SqliteOperators};
    use blazing_sun_domain::Millis;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_action_has_its_row_before_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let access = SqliteAccess::standalone(&folder.path().join("store.db")).unwrap();
        let log = Arc::new(SqliteOperators::new(access));
        let actions = Actions::new(log.clone(), Arc::new(|| Millis(7)));
        let rows = async || {
            let rows = log.list(&EntryFilter::default(), None, 10).await.unwrap();
            let row = |row: blazing_sun_backend::store::operators::Entry| {
                let NewEntry {
                    target,
                    detail,
                    outcome,
                    ..
                } = row.entry;
                (target, detail, outcome)
            };
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        let by = By::command_line("ada\n", 1000);
        assert_eq!(by.as_str(), "cli:ada (uid 1000)");
        let forged = By::command_line(&"root (uid 0) ".repeat(40), 1000);
        assert!(forged.as_str().ends_with(" (uid 1000)"), "{forged:?}");
        let detail = json!({ "reason": "test" });
        let before = async { Ok::<_, StoreError>(rows().await.len()) };
        let target = Some("room\0-1");
        let done = actions.run(&by, "room.close", target, detail.clone(), before);
        assert_eq!(done.await.unwrap(), 1);
        let failing = async { Err::<(), _>(StoreError::Closed) };
        let failed = actions.run(&by, "room.close", None, json!({}), failing);
        failed.await.unwrap_err();
        let target = Some("room-1".to_owned());
        assert_eq!(
            rows().await,
            [
                (
                    None,
                    json!({ "asked": 3, "error": "the store is closed" }),
                    Outcome::Failed
                ),
                (None, json!({}), Outcome::Asked),
                (target.clone(), json!({ "asked": 1 }), Outcome::Done),
                (target, detail, Outcome::Asked),
            ]
        );
    }
}
