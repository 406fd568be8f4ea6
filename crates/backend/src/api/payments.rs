//! Paying in: asked for as a gateway would ask, and read back.

mod told;

pub(super) use told::endpoints;

use super::ApiState;
use super::body::{Body, Fields, Read};
use super::client::Bearer;
use super::problem::Problem;
use crate::store::StoreError;
use crate::store::reads::ReadSide;
use crate::store::wallet::{TopUp, TopUpStatus, Wallet, counted_since};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use blazing_sun_backbone::credentials::Claims;
use blazing_sun_backbone::envelope::{Actor, Audience, EventEnvelope, PRODUCER_BACKEND};
use blazing_sun_backbone::log::{HeadersBuilder, NewRecord, Topic};
use blazing_sun_backbone::messages::{
    CANCEL_TOP_UP, TOP_UP, cancel_top_up, parse_command, top_up, top_up_request_id,
};
use blazing_sun_backbone::rest::problem::NOT_FOUND;
use blazing_sun_backbone::topics::GAMES_COMMANDS;
use blazing_sun_domain::wallet::Period;
use blazing_sun_domain::{Cents, CommandId, Millis, UserId};
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;
use uuid::Uuid;

const APPEND_WITHIN: Duration = Duration::from_secs(5);
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// No deployment takes more at once.
const AMOUNT_CENTS_MAX: i64 = 100_000_000;

/// `POST checkout/sessions` and `POST checkout/sessions/{request_id}/cancel`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PaymentRequested {
    /// For `GET checkout/sessions/{request_id}`, and in `wallet.event.top_up`.
    #[schemars(extend("format" = "uuid"))]
    pub request_id: String,
}

/// `GET checkout/terms`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PaymentTerms {
    /// Whether anything can be paid in here.
    pub is_open: bool,
    /// Whether what is paid is test money, which nobody is charged for.
    pub is_test_money: bool,
    /// The deployment's currency.
    pub currency: String,
    /// The least that is paid in at once.
    pub min_cents: Cents,
    /// The most.
    pub max_cents: Cents,
    /// The most that one player pays in within 24 hours; null: no limit.
    pub day_cents: Option<Cents>,
    /// The same within 7 days.
    pub week_cents: Option<Cents>,
    /// The same within 30 days.
    pub month_cents: Option<Cents>,
}

/// `GET checkout/sessions`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OpenPayments {
    /// Those that may still be paid, the newest first.
    pub payments: Vec<Payment>,
}

/// `GET checkout/sessions/{request_id}`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Payment {
    /// The request.
    #[schemars(extend("format" = "uuid"))]
    pub request_id: String,
    /// `requested`, `session_created`, `success`, `failed`, `expired`, `refunded`.
    #[schemars(extend("enum" = TopUpStatus::ALL.map(TopUpStatus::as_str)))]
    pub status: String,
    /// How much.
    pub amount_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// How much of it was paid back.
    pub refunded_cents: Cents,
    /// Where to pay, while it can be paid; `session_created` without it: the payer is done, and the money is on its way.
    #[schemars(extend("format" = "uri"))]
    pub session_url: Option<String>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// When it was asked for: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub requested_at: String,
    /// When it was paid, or came to nothing.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
}

/// `GET me/limits`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DepositLimits {
    /// One for each period, the shortest first.
    pub limits: Vec<DepositLimit>,
    /// Until when the user is excluded by their own wish: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub excluded_until: Option<String>,
}

/// How much a user wants to pay in at most.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DepositLimit {
    /// `day`, `week` or `month`: the last 24 hours, 7 days or 30 days.
    #[schemars(extend("enum" = Period::ALL.map(Period::as_str)))]
    pub period: String,
    /// Null: no limit.
    pub amount_cents: Option<Cents>,
    /// What was paid in, or may still be.
    pub used_cents: Cents,
    /// What will be in force.
    pub pending: Option<PendingDepositLimit>,
}

/// A limit that is not in force yet.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PendingDepositLimit {
    /// Null: no limit.
    pub amount_cents: Option<Cents>,
    /// When it will be: RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
}

/// What is to be paid in.
#[derive(Serialize, schemars::JsonSchema)]
struct NewPayment {
    /// How much; `GET checkout/terms` says what is taken, and a gateway tells what came of it.
    #[schemars(range(min = 1, max = AMOUNT_CENTS_MAX))]
    amount_cents: i64,
    /// Where the payer goes after paying: an address of the deployment's own.
    #[schemars(length(max = 2_048))]
    #[serde(skip_serializing_if = "Option::is_none")]
    success_url: Option<String>,
    /// Where the payer goes who does not pay.
    #[schemars(length(max = 2_048))]
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_url: Option<String>,
}

impl Read for NewPayment {
    fn read(fields: &Fields) -> Result<NewPayment, Problem> {
        let amount_cents = fields.whole_number("amount_cents")?;
        if !(1..=AMOUNT_CENTS_MAX).contains(&amount_cents) {
            let detail = format!("`amount_cents` must be from 1 to {AMOUNT_CENTS_MAX}.");
            return Err(Problem::invalid_format(detail).in_field("amount_cents"));
        }
        let url = |name| fields.optional_text(name).map(|url| url.map(str::to_owned));
        Ok(NewPayment {
            amount_cents,
            success_url: url("success_url")?,
            cancel_url: url("cancel_url")?,
        })
    }
}

async fn request(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    headers: HeaderMap,
    Body(asked): Body<NewPayment>,
) -> Result<(StatusCode, Json<PaymentRequested>), Problem> {
    let command_id = command_id(&headers)?;
    let payload = top_up(
        command_id,
        Cents(asked.amount_cents),
        asked.success_url.as_deref(),
        asked.cancel_url.as_deref(),
    );
    if let Err(invalid) = parse_command(TOP_UP, &payload) {
        return Err(Problem::invalid_format(invalid.refusal.message));
    }
    state.0.limits.payment(claims.sub)?;
    command(&state, &claims, command_id, TOP_UP, &payload).await?;
    Ok(accepted(top_up_request_id(
        claims.sub,
        CommandId(command_id),
    )))
}

/// Whether there is such a payment is not looked up: it may have been asked for a moment ago.
async fn cancel(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    request_id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<PaymentRequested>), Problem> {
    let request_id = id_in(request_id).ok_or_else(not_found)?;
    let command_id = command_id(&headers)?;
    state.0.limits.payment(claims.sub)?;
    let payload = cancel_top_up(command_id, request_id);
    command(&state, &claims, command_id, CANCEL_TOP_UP, &payload).await?;
    Ok(accepted(request_id))
}

fn accepted(request_id: Uuid) -> (StatusCode, Json<PaymentRequested>) {
    let request_id = request_id.to_string();
    (StatusCode::ACCEPTED, Json(PaymentRequested { request_id }))
}

/// Appends the command as a gateway would.
async fn command(
    state: &ApiState,
    claims: &Claims,
    command_id: Uuid,
    event_type: &str,
    payload: &RawValue,
) -> Result<(), Problem> {
    let record = record(state, claims, command_id, event_type, payload);
    let append = state.0.log.append_and_wait(vec![record]);
    let error = match tokio::time::timeout(APPEND_WITHIN, append).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the log did not answer in time".to_owned(),
    };
    tracing::warn!(
        correlation_id = %command_id,
        user.id = %claims.sub,
        event_type,
        error,
        "a command about a payment could not be appended"
    );
    Err(Problem::unavailable())
}

/// The command's id as the client chose it, so that asking again asks for the same payment.
fn command_id(headers: &HeaderMap) -> Result<Uuid, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(Uuid::now_v7());
    };
    let key = key.to_str().ok().and_then(|key| Uuid::try_parse(key).ok());
    key.ok_or_else(|| Problem::invalid_format("`Idempotency-Key` must be a UUID."))
}

/// The command as a gateway writes it.
fn record(
    state: &ApiState,
    claims: &Claims,
    command_id: Uuid,
    event_type: &str,
    payload: &RawValue,
) -> NewRecord {
    let id_text = command_id.to_string();
    let envelope = EventEnvelope {
        event_id: id_text.as_str().into(),
        event_type: event_type.into(),
        timestamp: (state.0.clock)().to_string().into(),
        correlation_id: Some(id_text.as_str().into()),
        producer: PRODUCER_BACKEND.into(),
        actor: Actor {
            user_id: claims.sub,
            username: claims.username.as_str().into(),
            socket_id: "".into(),
            roles: claims
                .roles
                .iter()
                .map(|role| role.as_str().into())
                .collect(),
        },
        audience: Audience::user(claims.sub),
        payload,
    };
    let mut headers = HeadersBuilder::default();
    headers
        .push("event_id", &id_text)
        .push("event_type", event_type)
        .push("correlation_id", &id_text);
    NewRecord {
        topic: Topic::new(GAMES_COMMANDS),
        partition: None,
        key: claims.sub.to_string().into(),
        headers: headers.build(),
        payload: envelope.to_bytes().into(),
    }
}

async fn payment(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    request_id: Result<Path<String>, PathRejection>,
) -> Result<Json<Payment>, Problem> {
    let found = match id_in(request_id) {
        Some(id) => state.0.reads.top_up(id).await?,
        None => None,
    };
    match found.filter(|top_up| top_up.user == claims.sub) {
        Some(top_up) => Ok(Json(shown(&top_up))),
        None => Err(not_found()),
    }
}

fn id_in(path: Result<Path<String>, PathRejection>) -> Option<Uuid> {
    let Path(request_id) = path.ok()?;
    Uuid::try_parse(&request_id).ok()
}

fn not_found() -> Problem {
    let detail = "You have asked for no such payment.";
    Problem::new(NOT_FOUND, detail)
}

async fn terms(State(state): State<ApiState>) -> Json<PaymentTerms> {
    let rules = &state.0.config.wallet;
    let deposits = &rules.deposits;
    Json(PaymentTerms {
        is_open: rules.takes_payments,
        is_test_money: !rules.is_real,
        currency: state.0.accounts.currency().to_owned(),
        min_cents: deposits.least,
        max_cents: deposits.most,
        day_cents: deposits.day,
        week_cents: deposits.week,
        month_cents: deposits.month,
    })
}

async fn open(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
) -> Result<Json<OpenPayments>, Problem> {
    let now = (state.0.clock)();
    let (_, mut found) = state.0.reads.limits(claims.sub, now).await?;
    found.retain(|top_up| top_up.status.is_open());
    found.sort_by_key(|top_up| std::cmp::Reverse((top_up.requested, top_up.request_id)));
    Ok(Json(OpenPayments {
        payments: found.iter().map(shown).collect(),
    }))
}

fn shown(top_up: &TopUp) -> Payment {
    let told = top_up.told();
    Payment {
        request_id: told.request_id.to_string(),
        status: told.status,
        amount_cents: told.amount_cents,
        currency: told.currency,
        refunded_cents: told.refunded_cents,
        session_url: told.session_url,
        error_message: told.error_message,
        requested_at: top_up.requested.to_string(),
        finished_at: top_up.finished.map(|at| at.to_string()),
    }
}

async fn limits(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
) -> Result<Json<DepositLimits>, Problem> {
    let now = (state.0.clock)();
    let limits = deposit_limits(&*state.0.reads, claims.sub, now).await?;
    Ok(Json(limits))
}

/// A user's limits, and how much of them is used at this time.
pub async fn deposit_limits(
    reads: &dyn ReadSide,
    user: UserId,
    now: Millis,
) -> Result<DepositLimits, StoreError> {
    let (wallet, counted) = reads.limits(user, counted_since(now)).await?;
    let deposits: Vec<_> = counted.iter().filter_map(TopUp::deposit).collect();
    let told = wallet
        .unwrap_or_else(|| Wallet::of(user))
        .told(&deposits, now);
    let limits = told.limits.into_iter().map(|limit| DepositLimit {
        period: limit.period.as_str().to_owned(),
        amount_cents: limit.amount_cents,
        used_cents: limit.used_cents,
        pending: limit.pending.map(|pending| PendingDepositLimit {
            amount_cents: pending.amount_cents,
            from: pending.from.to_string(),
        }),
    });
    Ok(DepositLimits {
        limits: limits.collect(),
        excluded_until: told.excluded_until.map(|until| until.to_string()),
    })
}
