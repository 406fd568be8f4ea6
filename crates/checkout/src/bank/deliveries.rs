//! The queue of webhooks: what is due, and what became of each attempt.

use super::WebhookRetries;
use super::books::Books;
use super::error::Declined;
use blazing_sun_domain::Millis;
use rusqlite::params;
use serde::{Deserialize, Serialize};

/// What a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryKind {
    /// The one that each event has.
    Genuine,
    /// The same again.
    Duplicate,
    /// Of nobody's: it claims more, and is signed with a stranger's secret.
    Forged,
    /// A copy whose signature is too old.
    Stale,
}

impl DeliveryKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            DeliveryKind::Genuine => "genuine",
            DeliveryKind::Duplicate => "duplicate",
            DeliveryKind::Forged => "forged",
            DeliveryKind::Stale => "stale",
        }
    }

    fn parse(text: &str) -> DeliveryKind {
        match text {
            "duplicate" => DeliveryKind::Duplicate,
            "forged" => DeliveryKind::Forged,
            "stale" => DeliveryKind::Stale,
            _ => DeliveryKind::Genuine,
        }
    }

    /// Whether it is sent until it is taken. The others are tried once: no receiver may take them.
    fn is_repeated(self) -> bool {
        matches!(self, DeliveryKind::Genuine | DeliveryKind::Duplicate)
    }
}

/// How far a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Still to be sent, or sent again.
    Pending,
    /// Answered with a 2xx.
    Delivered,
    /// Never to be sent, for the bank misbehaves.
    Dropped,
    /// Forged or stale, and not taken, as it has to be.
    Refused,
    /// Not taken for too long.
    GivenUp,
}

impl DeliveryState {
    fn parse(text: &str) -> DeliveryState {
        match text {
            "delivered" => DeliveryState::Delivered,
            "dropped" => DeliveryState::Dropped,
            "refused" => DeliveryState::Refused,
            "given_up" => DeliveryState::GivenUp,
            _ => DeliveryState::Pending,
        }
    }
}

/// A webhook, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// In the order in which they were queued.
    pub number: i64,
    /// The event.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was sent.
    pub attempts: u32,
    /// What the last attempt was answered with.
    pub last_status: Option<u16>,
    /// Why the last attempt had no answer.
    pub last_error: Option<String>,
    /// When it is to be sent next, or was last to be. Unix time.
    pub due_at_ms: i64,
    /// When it was taken, refused or given up. Unix time.
    pub done_at_ms: Option<i64>,
}

/// A webhook that is due.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) number: i64,
    pub(super) event: i64,
    pub(super) kind: DeliveryKind,
    pub(super) body: String,
}

/// How an attempt went.
#[derive(Debug, Clone)]
pub(super) enum Attempt {
    Answered(u16),
    Failed(String),
}

/// Of those that are pending: whether nothing holds it back. It takes the time.
const MAY_GO: &str = "state = 'pending' AND due_at_ms <= ?1
    AND (held_until_ms IS NULL OR held_until_ms <= ?1
         OR EXISTS (SELECT 1 FROM delivery AS later WHERE later.seq > delivery.seq AND later.state = 'delivered'))";

impl Books<'_> {
    /// The next that are due, of those that are not under way.
    pub(super) fn due(&self, under_way: &[i64], count_max: usize) -> Result<Vec<Due>, Declined> {
        let query = format!(
            "SELECT delivery.seq, event, delivery.kind, coalesce(delivery.body, event.body)
             FROM delivery JOIN event ON event.seq = event
             WHERE {MAY_GO} ORDER BY due_at_ms, delivery.seq LIMIT ?2"
        );
        let mut statement = self.tx.prepare_cached(&query)?;
        let limit = under_way.len().saturating_add(count_max);
        let rows = statement.query_map(
            params![self.now.0, i64::try_from(limit).unwrap_or(i64::MAX)],
            |row| {
                Ok(Due {
                    number: row.get(0)?,
                    event: row.get(1)?,
                    kind: DeliveryKind::parse(&row.get::<_, String>(2)?),
                    body: row.get(3)?,
                })
            },
        )?;
        let mut due: Vec<Due> = rows.collect::<Result<_, _>>()?;
        due.retain(|one| !under_way.contains(&one.number));
        due.truncate(count_max);
        Ok(due)
    }

    /// When the next thing happens by itself: a webhook, the end of a session, a settlement.
    pub(super) fn next_instant(&self) -> Result<Option<Millis>, Declined> {
        let query = "SELECT min(at) FROM (
            SELECT min(max(due_at_ms, coalesce(held_until_ms, 0))) AS at FROM delivery WHERE state = 'pending'
                AND max(due_at_ms, coalesce(held_until_ms, 0)) > ?1
            UNION ALL SELECT min(expires_at_s) * 1000 FROM session WHERE expires_at_s IS NOT NULL
            UNION ALL SELECT min(settles_at_ms) FROM payment WHERE settles_at_ms IS NOT NULL)";
        let at: Option<i64> = self
            .tx
            .prepare_cached(query)?
            .query_row([self.now.0], |row| row.get(0))?;
        Ok(at.map(Millis))
    }

    /// Keeps how an attempt went.
    pub(super) fn note_attempt(
        &self,
        due: &Due,
        attempt: &Attempt,
        retries: &WebhookRetries,
    ) -> Result<(), Declined> {
        let query = "SELECT attempts, created_at_ms FROM delivery WHERE seq = ?1";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?));
        let (attempts, created_at_ms) = self
            .tx
            .prepare_cached(query)?
            .query_row([due.number], read)?;
        let attempts = attempts.saturating_add(1);
        let pause = i64::try_from(retries.pause_after(attempts).as_millis()).unwrap_or(i64::MAX);
        let again_at = self.now.plus(pause);
        let given_up_at = Millis(created_at_ms)
            .plus(i64::try_from(retries.give_up_after.as_millis()).unwrap_or(i64::MAX));
        let is_taken = matches!(attempt, Attempt::Answered(200..=299));
        let state = match (is_taken, due.kind.is_repeated()) {
            (true, _) => "delivered",
            (false, false) => "refused",
            (false, true) if again_at > given_up_at => "given_up",
            (false, true) => "pending",
        };
        let is_done = state != "pending";
        let (status, error) = match attempt {
            Attempt::Answered(status) => (Some(*status), None),
            Attempt::Failed(error) => (None, Some(error)),
        };
        let query = "UPDATE delivery SET state = ?2, attempts = ?3, last_status = ?4, last_error = ?5,
                     due_at_ms = CASE WHEN ?2 = 'pending' THEN ?6 ELSE due_at_ms END, done_at_ms = ?7 WHERE seq = ?1";
        let done_at_ms = is_done.then_some(self.now.0);
        let values = params![
            due.number, state, attempts, status, error, again_at.0, done_at_ms
        ];
        self.tx.prepare_cached(query)?.execute(values)?;
        Ok(())
    }

    /// The newest webhooks, in the order in which they were queued.
    pub(super) fn deliveries(&self, count_max: u32) -> Result<Vec<Delivery>, Declined> {
        let query = "SELECT * FROM (
            SELECT delivery.seq AS number, coalesce(delivery.body ->> 'id', event.id), event.kind, delivery.kind, state, attempts,
                   last_status, last_error, due_at_ms, done_at_ms
            FROM delivery JOIN event ON event.seq = event ORDER BY delivery.seq DESC LIMIT ?1) ORDER BY number";
        let mut statement = self.tx.prepare_cached(query)?;
        let rows = statement.query_map([count_max], |row| {
            Ok(Delivery {
                number: row.get(0)?,
                event_id: row.get(1)?,
                event_type: row.get(2)?,
                kind: DeliveryKind::parse(&row.get::<_, String>(3)?),
                state: DeliveryState::parse(&row.get::<_, String>(4)?),
                attempts: row.get(5)?,
                last_status: row.get(6)?,
                last_error: row.get(7)?,
                due_at_ms: row.get(8)?,
                done_at_ms: row.get(9)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
