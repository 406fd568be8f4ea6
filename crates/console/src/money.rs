//! Where the money is, and whether the books agree.

use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::State;
use blazing_sun_backbone::rest::Answer;
use blazing_sun_backend::accounts::Clock;
use blazing_sun_backend::api::Problem;
use blazing_sun_backend::store::overview::{Overview, Totals};
use blazing_sun_backend::store::{StoreError, reads::ReadSide};
use blazing_sun_domain::{Cents, Millis};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

const DAY_MS: i64 = 86_400_000;

/// `GET money`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Money {
    /// By kind.
    pub accounts: Vec<MoneyAccount>,
    /// What all accounts come to: 0.
    pub difference_cents: i64,
    /// The deployment's currency.
    pub currency: String,
    /// Whether no money of this deployment is real.
    pub is_test_money: bool,
    /// What moved since midnight, UTC, by kind.
    pub moved_today: Vec<Moved>,
}

/// Accounts of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MoneyAccount {
    /// `players`, `escrow`, `disputed`, `withdrawals`, `rake`, `mint`, `clearing`, `test_clearing`, `receivable`.
    pub kind: String,
    /// What they have; below 0 where money comes from.
    pub sum_cents: i64,
    /// How many have something, where there are many.
    pub accounts: Option<u64>,
}

/// Transfers of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Moved {
    /// `fee`, `prize`, …
    pub kind: String,
    /// How much.
    pub amount_cents: i64,
    /// How many.
    pub transfers: u64,
}

/// Where the money is at this time.
pub async fn money(
    overview: &dyn Overview,
    reads: &dyn ReadSide,
    now: Millis,
) -> Result<Money, StoreError> {
    let midnight = Millis(now.0 - now.0.rem_euclid(DAY_MS));
    let Totals {
        balances,
        house,
        moved,
    } = overview.totals(midnight).await?;
    let kept = reads.money().await?;
    let demo = kept.strip_prefix("demo ");
    let mut accounts: Vec<MoneyAccount> = balances
        .into_iter()
        .filter_map(|(name, count, sum)| {
            Some(MoneyAccount {
                kind: plural(&name)?.to_owned(),
                sum_cents: sum.0,
                accounts: Some(count),
            })
        })
        .collect();
    accounts.extend(
        house
            .into_iter()
            .map(|(name, Cents(sum_cents))| MoneyAccount {
                kind: house_kind(&name).to_owned(),
                sum_cents,
                accounts: None,
            }),
    );
    let moved = moved.into_iter().map(|(kind, transfers, amount)| Moved {
        kind,
        amount_cents: amount.0,
        transfers,
    });
    Ok(Money {
        difference_cents: accounts.iter().map(|account| account.sum_cents).sum(),
        accounts,
        currency: demo.unwrap_or(&kept).to_owned(),
        is_test_money: demo.is_some(),
        moved_today: moved.collect(),
    })
}

/// Accounts whose balance is kept with each transfer; the house's own are summed up from the transfers.
fn plural(name: &str) -> Option<&str> {
    match name {
        "player" => Some("players"),
        "withdrawal" => Some("withdrawals"),
        "escrow" | "disputed" => Some(name),
        _ => None,
    }
}

fn house_kind(account: &str) -> &str {
    match account {
        "house/rake" => "rake",
        "demo/mint" => "mint",
        "stripe/clearing" => "clearing",
        "test/clearing" => "test_clearing",
        other => other,
    }
}

/// Hears how many percent of an audit are done.
pub type Percent = Arc<dyn Fn(u8) + Send + Sync>;

/// Where the money was when it was looked at last: that reads every transfer, and so takes no more than a small part of the
/// time, however many ask.
#[derive(Clone, Default)]
pub struct LastMoney(Arc<AsyncMutex<Option<(Money, Instant)>>>);

/// For how many times as long as it took to read it is told again.
const TOLD_AGAIN: u32 = 20;

impl LastMoney {
    async fn get<E>(&self, read: impl Future<Output = Result<Money, E>>) -> Result<Money, E> {
        let mut last = self.0.lock().await;
        let begun = Instant::now();
        match &*last {
            Some((money, until)) if begun < *until => return Ok(money.clone()),
            _ => {}
        }
        let money = read.await?;
        let until = Instant::now() + begun.elapsed() * TOLD_AGAIN;
        *last = Some((money.clone(), until));
        Ok(money)
    }
}

/// Audits once, and tells what was found: `checks`, `totals` and whether it is `clean`.
pub type Auditor = Arc<
    dyn Fn(Percent) -> Pin<Box<dyn Future<Output = Result<Value, String>> + Send>> + Send + Sync,
>;

/// The last audit, of this process.
#[derive(Clone, Default)]
pub struct LastAudit(Arc<Mutex<Audit>>);

/// `GET money/audit`
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct Audit {
    /// How far it is.
    pub state: AuditState,
    /// How much of it is done, from 0 to 100; null where that is not known yet.
    pub progress_percent: Option<u8>,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// Whether nothing differs; null until it is done.
    pub is_clean: Option<bool>,
    /// What differs, in words.
    pub findings: Vec<String>,
    /// Every check: its name, how much it looked at, and how much of that differs.
    pub checked: Vec<AuditChecked>,
    /// Why it failed.
    pub error: Option<String>,
}

/// How far an audit is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditState {
    /// This process has made none yet.
    #[default]
    Never,
    /// It is being made.
    Running,
    /// It was made.
    Done,
    /// It could not be made.
    Failed,
}

/// One check of an audit.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AuditChecked {
    /// What is checked.
    pub name: String,
    /// How many things were looked at.
    pub looked_at: u64,
    /// How many of them are wrong.
    pub differences: u64,
}

impl LastAudit {
    /// Begins one, unless one is being made; with how far it is.
    fn begin(&self, clock: &Clock) -> (Audit, Option<Running>) {
        let mut last = self.0.lock();
        if last.state == AuditState::Running {
            return (last.clone(), None);
        }
        *last = Audit {
            state: AuditState::Running,
            started_at: Some(clock().to_string()),
            ..Audit::default()
        };
        let running = Running {
            last: self.clone(),
            clock: clock.clone(),
        };
        (last.clone(), Some(running))
    }
}

/// An audit that is being made; one that breaks off has failed, so that another can be begun.
struct Running {
    last: LastAudit,
    clock: Clock,
}

impl Running {
    fn end(self, found: Result<Value, String>) {
        self.last.0.lock().take(found, (self.clock)());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut last = self.last.0.lock();
        if last.state == AuditState::Running {
            last.take(Err("it broke off".to_owned()), (self.clock)());
        }
    }
}

impl Audit {
    fn take(&mut self, found: Result<Value, String>, now: Millis) {
        self.finished_at = Some(now.to_string());
        let report = match found {
            Ok(report) => report,
            Err(error) => {
                self.state = AuditState::Failed;
                self.error = Some(error);
                return;
            }
        };
        self.state = AuditState::Done;
        self.progress_percent = Some(100);
        self.is_clean = report["clean"].as_bool();
        for check in report["checks"].as_array().into_iter().flatten() {
            let name = check["name"].as_str().unwrap_or_default();
            self.checked.push(AuditChecked {
                name: name.to_owned(),
                looked_at: check["looked_at"].as_u64().unwrap_or_default(),
                differences: check["differences"].as_u64().unwrap_or_default(),
            });
            let named = check["named"].as_array().into_iter().flatten();
            let named = named.filter_map(Value::as_str);
            self.findings
                .extend(named.map(|what| format!("{name}: {what}")));
        }
    }
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let account = |kind: &str, sum_cents, accounts| MoneyAccount {
        kind: kind.to_owned(),
        sum_cents,
        accounts,
    };
    let money = Money {
        accounts: vec![
            account("players", 9_600, Some(2)),
            account("rake", 400, None),
            account("mint", -10_000, None),
        ],
        difference_cents: 0,
        currency: "eur".to_owned(),
        is_test_money: true,
        moved_today: vec![Moved {
            kind: "demo_grant".to_owned(),
            amount_cents: 10_000,
            transfers: 2,
        }],
    };
    let audit = Audit {
        state: AuditState::Done,
        progress_percent: Some(100),
        started_at: Some("2026-01-31T20:15:00.000Z".to_owned()),
        finished_at: Some("2026-01-31T20:15:02.000Z".to_owned()),
        is_clean: Some(true),
        findings: Vec::new(),
        checked: vec![AuditChecked {
            name: "every transfer moves what its kind moves".to_owned(),
            looked_at: 12,
            differences: 0,
        }],
        error: None,
    };
    vec![
        Endpoint::new(
            query::get("/api/v1/admin/money", "money")
                .says(
                    "Read where the money is",
                    "Players and escrow by their balances, the house's own accounts by their transfers.",
                )
                .answers(Answer::json(200, "Where it is.", &money)),
            read_money,
        ),
        Endpoint::new(
            query::get("/api/v1/admin/money/audit", "lastAudit")
                .says("Read the last audit", "Of the process that answers.")
                .answers(Answer::json(200, "The audit.", &audit)),
            last_audit,
        ),
        Endpoint::new(
            query::post("/api/v1/admin/money/audit", "startAudit")
                .says(
                    "Begin an audit",
                    "Every cent and every room, as `blazing-sun audit`. One at a time: while one is made, that one is \
                     told.",
                )
                .answers(Answer::json(202, "It is being made.", &audit)),
            start_audit,
        ),
    ]
}

async fn read_money(_: Admin, State(console): State<Console>) -> Result<Json<Money>, Problem> {
    let now = (console.clock)();
    let read = money(&*console.overview, &*console.reads, now);
    Ok(Json(console.last_money.get(read).await?))
}

async fn last_audit(_: Admin, State(console): State<Console>) -> Json<Audit> {
    Json(console.last_audit.0.lock().clone())
}

async fn start_audit(
    admin: Admin,
    State(console): State<Console>,
) -> Result<(axum::http::StatusCode, Json<Audit>), Problem> {
    let (begun, running) = console.last_audit.begin(&console.clock);
    let Some(running) = running else {
        return Ok((axum::http::StatusCode::ACCEPTED, Json(begun)));
    };
    let (by, own) = (admin.by(), console.clone());
    tokio::spawn(async move {
        let actions = own.actions();
        let audit = async {
            let last = own.last_audit.clone();
            let percent: Percent =
                Arc::new(move |done| last.0.lock().progress_percent = Some(done));
            let found = (own.auditor)(percent).await;
            Ok::<_, StoreError>(found)
        };
        let found = actions
            .run(&by, "money.audit", None, json!({}), audit)
            .await;
        let found = found.unwrap_or_else(|error| Err(error.to_string()));
        running.end(found);
    });
    Ok((axum::http::StatusCode::ACCEPTED, Json(begun)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_audit_that_panics_has_failed_and_another_can_be_made() {
        let (last, clock): (LastAudit, Clock) = (LastAudit::default(), Arc::new(|| Millis(7)));
        let (begun, running) = last.begin(&clock);
        assert_eq!(begun.state, AuditState::Running);
        assert!(last.begin(&clock).1.is_none());
        let panics = tokio::spawn(async move {
            let _running = running;
            std::panic::resume_unwind(Box::new("the auditor panics"));
        });
        assert!(panics.await.unwrap_err().is_panic());
        let failed = last.0.lock().clone();
        assert_eq!(failed.state, AuditState::Failed);
        assert_eq!(failed.error.as_deref(), Some("it broke off"));
        assert_eq!(failed.finished_at, Some(Millis(7).to_string()));
        let (_, running) = last.begin(&clock);
        running.unwrap().end(Ok(json!({ "clean": true })));
        assert_eq!(last.0.lock().state, AuditState::Done);
        assert_eq!(last.0.lock().is_clean, Some(true));
    }

    #[tokio::test]
    async fn the_money_is_not_looked_at_again_before_its_time() {
        let of = |currency: &str| Money {
            accounts: Vec::new(),
            difference_cents: 0,
            currency: currency.to_owned(),
            is_test_money: false,
            moved_today: Vec::new(),
        };
        let last = LastMoney::default();
        let read = async |currency: &str| {
            let read = async { Ok::<_, StoreError>(of(currency)) };
            last.get(read).await.unwrap().currency
        };
        let now = Instant::now();
        *last.0.lock().await = Some((of("kept"), now + std::time::Duration::from_secs(3_600)));
        assert_eq!(read("new").await, "kept");
        *last.0.lock().await = Some((of("kept"), now));
        assert_eq!(read("new").await, "new");
        let failing = async { Err::<Money, _>(StoreError::Closed) };
        *last.0.lock().await = None;
        last.get(failing).await.unwrap_err();
        assert_eq!(read("newest").await, "newest");
    }
}
