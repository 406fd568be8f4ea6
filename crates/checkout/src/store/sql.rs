//! The store on either database: its statements, and what stands in which column.

use super::database::{Database, Row, Transaction, Value, unexpected};
use super::{
    Backlog, Decide, DueFor, Find, Finished, JournalRow, NewCancellation, NewEvent, NewRequest,
    PaymentStore, Place, StoreError, Taken, Waiting, WaitingEvent,
};
use crate::payment::{Outgoing, Payment, PaymentState, ToldStage};
use async_trait::async_trait;
use blazing_sun_backbone::messages::CancelReason;
use blazing_sun_domain::wallet::{DisputeOutcome, DisputeStage};
use blazing_sun_domain::{Cents, Millis, UserId};
use std::time::Duration;
use uuid::Uuid;

pub(super) const PAYMENT: &str = "SELECT request_id, user_id, amount_cents, currency, success_url, cancel_url, status,
    session_id, session_url, expires_at_s, payment_intent_id, refunded_cents, error, held, cancelled, requested_ms,
    finished_ms, attempts, due_ms FROM payment";

const ADD_PAYMENT: &str = "INSERT INTO payment (request_id, user_id, amount_cents, currency, success_url,
    cancel_url, status, session_id, session_url, expires_at_s, payment_intent_id, refunded_cents, error, held,
    cancelled, requested_ms, finished_ms, attempts, due_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) ON CONFLICT DO NOTHING";

const SET_PAYMENT: &str = "UPDATE payment SET status = $2, session_id = $3, session_url = $4, expires_at_s = $5,
    payment_intent_id = $6, refunded_cents = $7, error = $8, held = $9, finished_ms = $10, attempts = $11, due_ms = $12,
    cancelled = $13 WHERE request_id = $1";

const ADD_CANCELLATION: &str =
    "INSERT INTO cancellation (request_id, user_id, reason, written_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING";

const CANCELLATION: &str = "SELECT reason FROM cancellation WHERE request_id = $1 AND user_id = $2";

const CANCEL: &str = "UPDATE payment SET cancelled = $2, due_ms = $3 WHERE request_id = $1";

const STAGES: &str =
    "SELECT dispute_id, stage, amount_cents, outcome FROM dispute_stage WHERE request_id = $1";

const ADD_STAGE: &str =
    "INSERT INTO dispute_stage (dispute_id, stage, request_id, amount_cents, outcome)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

const ADD_EVENT: &str =
    "INSERT INTO provider_event (event_id, kind, body, source, received_ms, attempts, due_ms)
    VALUES ($1, $2, $3, $4, $5, 0, $5) ON CONFLICT DO NOTHING";

const DUE_EVENTS: &str = "SELECT event_id, kind, body, attempts, received_ms FROM provider_event
    WHERE due_ms IS NOT NULL AND (due_ms <= $1 OR attempts = 0) ORDER BY due_ms, event_id LIMIT $2";

const POSTPONE_EVENT: &str =
    "UPDATE provider_event SET due_ms = $2, outcome = $3, attempts = attempts + 1
    WHERE event_id = $1 AND due_ms IS NOT NULL";

const FINISH_EVENT: &str =
    "UPDATE provider_event SET due_ms = NULL, finished_ms = $2, outcome = $3 WHERE event_id = $1";

const ADD_OUTGOING: &str =
    "INSERT INTO outgoing (topic, key, headers, payload, written_ms) VALUES ($1, $2, $3, $4, $5)";

const WAITING: &str = "SELECT seq, topic, key, headers, payload FROM outgoing
    WHERE published_ms IS NULL ORDER BY seq LIMIT $1";

const PUBLISHED: &str =
    "UPDATE outgoing SET published_ms = $2 WHERE seq = $1 AND published_ms IS NULL";

const FORGET_PUBLISHED: &str = "DELETE FROM outgoing WHERE seq IN
    (SELECT seq FROM outgoing WHERE published_ms < $1 ORDER BY published_ms LIMIT $2)";

const FORGET_EVENTS: &str = "DELETE FROM provider_event WHERE event_id IN
    (SELECT event_id FROM provider_event WHERE finished_ms < $1 ORDER BY finished_ms LIMIT $2)";

const ADD_JOURNAL: &str =
    "INSERT INTO journal (event_id, user_id, at_ms, topic, partition, log_offset, record)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";

const STATEMENT: &str =
    "SELECT event_id, user_id, at_ms, topic, partition, log_offset, record FROM journal
    WHERE user_id = $1 AND (at_ms < $2 OR (at_ms = $2 AND event_id < $3))
    ORDER BY at_ms DESC, event_id DESC LIMIT $4";

const SET_PLACE: &str = "INSERT INTO place (topic, partition, next_offset) VALUES ($1, $2, $3)
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
    WHERE place.next_offset < excluded.next_offset";

const REWIND: &str = "INSERT INTO place (topic, partition, next_offset) VALUES ($1, $2, $3)
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset";

const SET_MARK: &str = "INSERT INTO mark (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const BACKLOG: &str = "SELECT
    (SELECT count(*) FROM payment WHERE due_ms IS NOT NULL),
    (SELECT count(*) FROM payment WHERE due_ms IS NOT NULL AND held IS NOT NULL),
    (SELECT count(*) FROM provider_event WHERE due_ms IS NOT NULL),
    (SELECT count(*) FROM outgoing WHERE published_ms IS NULL)";

/// The store on a database.
pub(super) struct SqlStore<D>(pub(super) D);

#[async_trait]
impl<D: Database> PaymentStore for SqlStore<D> {
    async fn hold_lease(&self, holder: Uuid, period: Duration) -> Result<bool, StoreError> {
        self.0.hold_lease(holder, period).await
    }

    async fn release_lease(&self, holder: Uuid) -> Result<(), StoreError> {
        self.0.release_lease(holder).await
    }

    async fn places(&self) -> Result<Vec<Place>, StoreError> {
        let rows = self.rows("SELECT topic, partition, next_offset FROM place", vec![]);
        rows.await?.into_iter().map(read_place).collect()
    }

    async fn take(&self, taken: Taken, now: Millis) -> Result<(), StoreError> {
        self.0
            .transact(move |tx| Box::pin(take(tx, taken, now)))
            .await
    }

    async fn rewind(&self, places: Vec<Place>) -> Result<(), StoreError> {
        self.each(REWIND, place_columns(places)).await.map(drop)
    }

    async fn payment(&self, find: Find<'_>) -> Result<Option<Payment>, StoreError> {
        let (column, value) = match find {
            Find::Request(id) => ("request_id", id.to_string()),
            Find::PaymentIntent(id) => ("payment_intent_id", id.to_owned()),
        };
        let sql = format!("{PAYMENT} WHERE {column} = $1");
        let rows = self.rows(sql, vec![value.into()]).await?;
        rows.into_iter().next().map(read_payment).transpose()
    }

    async fn due_payments(
        &self,
        what: DueFor,
        now: Millis,
        limit: u32,
    ) -> Result<Vec<Payment>, StoreError> {
        let is_meant = match what {
            DueFor::Page => "session_id IS NULL",
            DueFor::Look => "session_id IS NOT NULL",
        };
        let sql = format!(
            "{PAYMENT} WHERE due_ms <= $1 AND {is_meant} ORDER BY due_ms, request_id LIMIT $2"
        );
        let rows = self.rows(sql, vec![now.0.into(), limit.into()]).await?;
        rows.into_iter().map(read_payment).collect()
    }

    async fn change(
        &self,
        request_id: Uuid,
        event: Option<Finished>,
        now: Millis,
        decide: Decide,
    ) -> Result<Option<Payment>, StoreError> {
        self.0
            .transact(move |tx| Box::pin(change(tx, request_id, event, now, decide)))
            .await
    }

    async fn add_events(&self, events: Vec<NewEvent>) -> Result<u64, StoreError> {
        let parameters = |event: NewEvent| {
            vec![
                event.event_id.into(),
                event.kind.into(),
                event.body.into(),
                event.source.as_str().into(),
                event.received_at.0.into(),
            ]
        };
        let parameters = events.into_iter().map(parameters).collect();
        self.each(ADD_EVENT, parameters).await
    }

    async fn due_events(&self, now: Millis, limit: u32) -> Result<Vec<WaitingEvent>, StoreError> {
        let rows = self
            .rows(DUE_EVENTS, vec![now.0.into(), limit.into()])
            .await?;
        let read = |mut row: Row| {
            Ok(WaitingEvent {
                event_id: row.text()?,
                kind: row.text()?,
                body: row.text()?,
                attempts: row.unsigned()?,
                received_at: Millis(row.int()?),
            })
        };
        rows.into_iter().map(read).collect()
    }

    async fn postpone_event(
        &self,
        event_id: &str,
        due_at: Millis,
        why: &str,
    ) -> Result<(), StoreError> {
        let parameters = vec![event_id.into(), due_at.0.into(), why.into()];
        self.each(POSTPONE_EVENT, vec![parameters]).await.map(drop)
    }

    async fn finish_event(
        &self,
        event: Finished,
        outgoing: Vec<Outgoing>,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.0
            .transact(move |tx| Box::pin(finish(tx, event, outgoing, now)))
            .await
    }

    async fn waiting(&self, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let rows = self.rows(WAITING, vec![limit.into()]).await?;
        let read = |mut row: Row| {
            Ok(Waiting {
                seq: row.int()?,
                record: Outgoing {
                    topic: row.text()?,
                    key: row.bytes()?,
                    headers: row.bytes()?,
                    payload: row.bytes()?,
                },
            })
        };
        rows.into_iter().map(read).collect()
    }

    async fn published(&self, seqs: Vec<i64>, now: Millis) -> Result<(), StoreError> {
        let parameters = seqs.into_iter().map(|seq| vec![seq.into(), now.0.into()]);
        self.each(PUBLISHED, parameters.collect()).await.map(drop)
    }

    async fn forget_published(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let parameters = vec![before.0.into(), limit.into()];
        self.each(FORGET_PUBLISHED, vec![parameters]).await
    }

    async fn forget_events(&self, before: Millis, limit: u32) -> Result<u64, StoreError> {
        let parameters = vec![before.0.into(), limit.into()];
        self.each(FORGET_EVENTS, vec![parameters]).await
    }

    async fn mark(&self, name: &str) -> Result<Option<i64>, StoreError> {
        let rows = self.rows("SELECT value FROM mark WHERE name = $1", vec![name.into()]);
        rows.await?.first_mut().map(Row::int).transpose()
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), StoreError> {
        let parameters = vec![name.into(), value.into()];
        self.each(SET_MARK, vec![parameters]).await.map(drop)
    }

    async fn statement(
        &self,
        user: UserId,
        before: Option<(Millis, String)>,
        limit: u32,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let (at, event_id) = before.unwrap_or((Millis(i64::MAX), String::new()));
        let parameters = vec![
            stored_user(user).into(),
            at.0.into(),
            event_id.into(),
            limit.into(),
        ];
        let rows = self.rows(STATEMENT, parameters).await?;
        rows.into_iter().map(read_journal).collect()
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let mut rows = self.rows(BACKLOG, vec![]).await?;
        let row = rows.first_mut().ok_or_else(|| unexpected("there"))?;
        Ok(Backlog {
            open_payments: row.unsigned()?,
            held_payments: row.unsigned()?,
            events: row.unsigned()?,
            outgoing: row.unsigned()?,
        })
    }
}

impl<D: Database> SqlStore<D> {
    async fn rows(
        &self,
        sql: impl Into<String>,
        parameters: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let sql = sql.into();
        let rows = self
            .0
            .transact(move |tx| Box::pin(async move { tx.rows(&sql, &parameters).await }));
        rows.await
    }

    async fn each(
        &self,
        sql: &'static str,
        parameters: Vec<Vec<Value>>,
    ) -> Result<u64, StoreError> {
        let count = self
            .0
            .transact(move |tx| Box::pin(async move { tx.each(sql, parameters).await }));
        count.await
    }
}

async fn take(tx: &mut dyn Transaction, taken: Taken, now: Millis) -> Result<(), StoreError> {
    for request in taken.requests {
        take_request(tx, request, now).await?;
    }
    for cancellation in taken.cancellations {
        take_cancellation(tx, cancellation, now).await?;
    }
    let journal = taken.journal.into_iter().map(|row| {
        vec![
            row.event_id.into(),
            stored_user(row.user_id).into(),
            row.at.0.into(),
            row.topic.into(),
            row.partition.into(),
            stored_offset(row.offset).into(),
            row.record.into(),
        ]
    });
    tx.each(ADD_JOURNAL, journal.collect()).await?;
    tell(tx, taken.outgoing, now).await?;
    tx.each(SET_PLACE, place_columns(taken.places)).await?;
    Ok(())
}

fn place_columns(places: Vec<Place>) -> Vec<Vec<Value>> {
    let columns = |place: Place| {
        let next = stored_offset(place.next_offset);
        vec![place.topic.into(), place.partition.into(), next.into()]
    };
    places.into_iter().map(columns).collect()
}

async fn take_request(
    tx: &mut dyn Transaction,
    request: NewRequest,
    now: Millis,
) -> Result<(), StoreError> {
    let mut asked = request.payment;
    let of_it = [
        asked.request_id.to_string().into(),
        stored_user(asked.user_id).into(),
    ];
    if let Some(mut row) = tx.rows(CANCELLATION, &of_it).await?.into_iter().next() {
        asked.cancelled = Some(read_reason(&row.text()?)?);
    }
    if tx.each(ADD_PAYMENT, vec![all_columns(&asked)]).await? > 0 {
        return tell(tx, request.outgoing, now).await;
    }
    let Some(known) = locked_payment(tx, asked.request_id).await? else {
        return Ok(());
    };
    let is_same = (known.user_id, known.amount, &known.currency)
        == (asked.user_id, asked.amount, &asked.currency);
    match is_same {
        true => Ok(()),
        false => tell(tx, vec![request.if_other], now).await,
    }
}

/// Notes on the payment that it is not to be made. One whose request has not come yet is kept until it does.
async fn take_cancellation(
    tx: &mut dyn Transaction,
    told: NewCancellation,
    now: Millis,
) -> Result<(), StoreError> {
    let request_id = told.request_id.to_string();
    let reason = told.reason.as_str();
    match locked_payment(tx, told.request_id).await? {
        None => {
            let user = stored_user(told.user_id);
            let row = vec![request_id.into(), user.into(), reason.into(), now.0.into()];
            tx.each(ADD_CANCELLATION, vec![row]).await.map(drop)
        }
        Some(known) if known.user_id != told.user_id => tell(tx, vec![told.if_other], now).await,
        Some(known) if known.status.is_open() && known.cancelled.is_none() => {
            let row = vec![request_id.into(), reason.into(), now.0.into()];
            tx.each(CANCEL, vec![row]).await.map(drop)
        }
        Some(_) => Ok(()),
    }
}

async fn change(
    tx: &mut dyn Transaction,
    request_id: Uuid,
    event: Option<Finished>,
    now: Millis,
    decide: Decide,
) -> Result<Option<Payment>, StoreError> {
    let Some(payment) = locked_payment(tx, request_id).await? else {
        return Ok(None);
    };
    let rows = tx.rows(STAGES, &[request_id.to_string().into()]).await?;
    let told: Vec<ToldStage> = rows.into_iter().map(read_stage).collect::<Result<_, _>>()?;
    let change = decide(&payment, &told);
    let payment = change.payment;
    tx.each(SET_PAYMENT, vec![changing_columns(&payment)])
        .await?;
    let stages = change.stages.into_iter().map(|told| {
        vec![
            told.dispute_id.into(),
            told.stage.as_str().into(),
            request_id.to_string().into(),
            told.amount.0.into(),
            told.outcome.map(outcome_text).into(),
        ]
    });
    tx.each(ADD_STAGE, stages.collect()).await?;
    match event {
        Some(event) => finish(tx, event, change.outgoing, now).await?,
        None => tell(tx, change.outgoing, now).await?,
    }
    Ok(Some(payment))
}

async fn finish(
    tx: &mut dyn Transaction,
    event: Finished,
    outgoing: Vec<Outgoing>,
    now: Millis,
) -> Result<(), StoreError> {
    let parameters = vec![event.event_id.into(), now.0.into(), event.outcome.into()];
    tx.each(FINISH_EVENT, vec![parameters]).await?;
    tell(tx, outgoing, now).await
}

async fn tell(
    tx: &mut dyn Transaction,
    outgoing: Vec<Outgoing>,
    now: Millis,
) -> Result<(), StoreError> {
    let parameters = outgoing.into_iter().map(|record| {
        vec![
            record.topic.into(),
            record.key.into(),
            record.headers.into(),
            record.payload.into(),
            now.0.into(),
        ]
    });
    tx.each(ADD_OUTGOING, parameters.collect()).await.map(drop)
}

async fn locked_payment(
    tx: &mut dyn Transaction,
    request_id: Uuid,
) -> Result<Option<Payment>, StoreError> {
    let sql = format!("{PAYMENT} WHERE request_id = $1");
    let rows = tx.locked(&sql, &[request_id.to_string().into()]).await?;
    rows.into_iter().next().map(read_payment).transpose()
}

fn all_columns(payment: &Payment) -> Vec<Value> {
    vec![
        payment.request_id.to_string().into(),
        stored_user(payment.user_id).into(),
        payment.amount.0.into(),
        payment.currency.clone().into(),
        payment.success_url.clone().into(),
        payment.cancel_url.clone().into(),
        payment.status.as_str().into(),
        payment.session_id.clone().into(),
        payment.session_url.clone().into(),
        payment.expires_at_s.into(),
        payment.payment_intent_id.clone().into(),
        payment.refunded.0.into(),
        payment.error.clone().into(),
        payment.held.clone().into(),
        payment.cancelled.map(CancelReason::as_str).into(),
        payment.requested_at.0.into(),
        payment.finished_at.map(|at| at.0).into(),
        payment.attempts.into(),
        payment.due_at.map(|at| at.0).into(),
    ]
}

fn changing_columns(payment: &Payment) -> Vec<Value> {
    vec![
        payment.request_id.to_string().into(),
        payment.status.as_str().into(),
        payment.session_id.clone().into(),
        payment.session_url.clone().into(),
        payment.expires_at_s.into(),
        payment.payment_intent_id.clone().into(),
        payment.refunded.0.into(),
        payment.error.clone().into(),
        payment.held.clone().into(),
        payment.finished_at.map(|at| at.0).into(),
        payment.attempts.into(),
        payment.due_at.map(|at| at.0).into(),
        payment.cancelled.map(CancelReason::as_str).into(),
    ]
}

pub(super) fn read_payment(mut row: Row) -> Result<Payment, StoreError> {
    Ok(Payment {
        request_id: read_uuid(&row.text()?)?,
        user_id: read_user(&mut row)?,
        amount: Cents(row.int()?),
        currency: row.text()?,
        success_url: row.maybe_text()?,
        cancel_url: row.maybe_text()?,
        status: read_status(&row.text()?)?,
        session_id: row.maybe_text()?,
        session_url: row.maybe_text()?,
        expires_at_s: row.maybe_int()?,
        payment_intent_id: row.maybe_text()?,
        refunded: Cents(row.int()?),
        error: row.maybe_text()?,
        held: row.maybe_text()?,
        cancelled: row.maybe_text()?.as_deref().map(read_reason).transpose()?,
        requested_at: Millis(row.int()?),
        finished_at: row.maybe_int()?.map(Millis),
        attempts: row.unsigned()?,
        due_at: row.maybe_int()?.map(Millis),
    })
}

fn read_stage(mut row: Row) -> Result<ToldStage, StoreError> {
    let dispute_id = row.text()?;
    let stage = row.text()?;
    let stages = [
        DisputeStage::Created,
        DisputeStage::FundsWithdrawn,
        DisputeStage::FundsReinstated,
        DisputeStage::Closed,
    ];
    let stage = stages.into_iter().find(|known| known.as_str() == stage);
    let amount = Cents(row.int()?);
    let outcome = row.maybe_text()?;
    let outcomes = [DisputeOutcome::Won, DisputeOutcome::Lost];
    Ok(ToldStage {
        dispute_id,
        stage: stage.ok_or_else(|| unexpected("a dispute's stage"))?,
        amount,
        outcome: outcome.and_then(|text| {
            outcomes
                .into_iter()
                .find(|known| outcome_text(*known) == text)
        }),
    })
}

pub(super) fn read_journal(mut row: Row) -> Result<JournalRow, StoreError> {
    Ok(JournalRow {
        event_id: row.text()?,
        user_id: read_user(&mut row)?,
        at: Millis(row.int()?),
        topic: row.text()?,
        partition: row.unsigned()?,
        offset: row.unsigned()?,
        record: row.text()?,
    })
}

pub(super) fn read_place(mut row: Row) -> Result<Place, StoreError> {
    Ok(Place {
        topic: row.text()?,
        partition: row.unsigned()?,
        next_offset: row.unsigned()?,
    })
}

fn outcome_text(outcome: DisputeOutcome) -> &'static str {
    match outcome {
        DisputeOutcome::Won => "won",
        DisputeOutcome::Lost => "lost",
    }
}

fn read_status(text: &str) -> Result<PaymentState, StoreError> {
    let found = PaymentState::ALL
        .into_iter()
        .find(|state| state.as_str() == text);
    found.ok_or_else(|| unexpected("a payment's status"))
}

fn read_reason(text: &str) -> Result<CancelReason, StoreError> {
    let mut all = CancelReason::ALL.into_iter();
    let found = all.find(|reason| reason.as_str() == text);
    found.ok_or_else(|| unexpected("why a payment was cancelled"))
}

fn read_uuid(text: &str) -> Result<Uuid, StoreError> {
    Uuid::parse_str(text).map_err(|_| unexpected("a request's id"))
}

fn read_user(row: &mut Row) -> Result<UserId, StoreError> {
    UserId::new(row.unsigned()?).ok_or_else(|| unexpected("a user's id"))
}

fn stored_user(user: UserId) -> i64 {
    // Users' ids fit into JavaScript's integers.
    i64::try_from(user.get()).unwrap_or(i64::MAX)
}

fn stored_offset(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}
