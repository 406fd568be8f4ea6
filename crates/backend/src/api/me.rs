//! What users may read of themselves.

use super::ApiState;
use super::auth::Account;
use super::client::Bearer;
use super::endpoint::{CURSOR_EXAMPLE, Endpoint, cursor, next_page};
use super::page::{self, Page};
use super::problem::Problem;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use blazing_sun_backbone::rest::problem::INVALID_FORMAT;
use blazing_sun_backbone::rest::{Access, Answer, Operation, Tag};
use blazing_sun_domain::Cents;
use serde::Serialize;

/// `GET me`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Me {
    /// The account.
    pub user: Account,
}

/// `GET me/balance`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Balance {
    /// What the user has.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
}

/// `GET me/transactions`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Transactions {
    /// Newest first.
    pub transactions: Vec<Transaction>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A change of the user's balance.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Transaction {
    /// Its own for ever; `?cursor=` with it reads on after it.
    pub id: String,
    /// `demo_grant`, `credit`, `fee`, `refund`, `prize`, `top_up`, `top_up_refund`, `receivable_paid`, `dispute_hold`,
    /// `dispute_release`, `dispute_reinstated`, `withdrawal_hold`, `withdrawal_release`, `guest_closed`.
    pub kind: String,
    /// Above 0 what came in, below 0 what went out.
    pub change_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// The room, where one is concerned.
    pub room_id: Option<String>,
    /// The room's game, as far as it is known.
    pub game_type: Option<String>,
    /// The room's name, as far as it is known.
    pub room_name: Option<String>,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
}

/// What users may read of themselves, but for messages and payments.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let me = Me {
        user: Account::example(),
    };
    let balance = Balance {
        balance_cents: Cents(5_000),
        currency: "eur".to_owned(),
    };
    let prize = Transaction {
        id: CURSOR_EXAMPLE.to_owned(),
        kind: "prize".to_owned(),
        change_cents: Cents(1_600),
        currency: "eur".to_owned(),
        room_id: Some("0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b".to_owned()),
        game_type: Some("bigger_dice".to_owned()),
        room_name: Some("Friday night".to_owned()),
        at: "2026-01-31T20:15:00.000Z".to_owned(),
    };
    let transactions = Transactions {
        transactions: vec![prize],
        next_cursor: Some(CURSOR_EXAMPLE.to_owned()),
    };
    let get = |path, id| Operation::get(path, id, Tag::Me).access(Access::Bearer);
    vec![
        Endpoint::new(
            get("/api/v1/me", "me")
                .says("Read the own account", "")
                .answers(Answer::json(200, "The account.", &me)),
            self::me,
        ),
        Endpoint::new(
            get("/api/v1/me/balance", "balance")
                .says("Read the own balance", "")
                .answers(Answer::json(200, "The balance.", &balance)),
            self::balance,
        ),
        Endpoint::new(
            get("/api/v1/me/transactions", "transactions")
                .says(
                    "List what came in and went out",
                    "Newest first, 50 to a page.",
                )
                .parameter(cursor())
                .answers(
                    Answer::json(200, "A page of it.", &transactions)
                        .link(next_page("transactions")),
                )
                .refuses(&[INVALID_FORMAT]),
            self::transactions,
        ),
    ]
}

async fn me(State(state): State<ApiState>, Bearer(claims): Bearer) -> Result<Json<Me>, Problem> {
    let (user, balance_cents) = state.0.accounts.user(claims.sub).await?;
    let user = Account::of(user, balance_cents, state.0.accounts.currency());
    Ok(Json(Me { user }))
}

async fn balance(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
) -> Result<Json<Balance>, Problem> {
    let balance_cents = state.0.reads.balance(claims.sub).await?;
    Ok(Json(Balance {
        balance_cents,
        currency: state.0.accounts.currency().to_owned(),
    }))
}

async fn transactions(
    State(state): State<ApiState>,
    Bearer(claims): Bearer,
    asked: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Transactions>, Problem> {
    let before = page::before(asked)?;
    let found = state
        .0
        .reads
        .movements(claims.sub, before, page::ROWS + 1)
        .await?;
    let (found, next_cursor) = page::cut(found, |movement| movement.position);
    let transactions = found.into_iter().map(|movement| Transaction {
        id: page::cursor(movement.position),
        kind: movement.kind,
        change_cents: movement.change,
        currency: state.0.accounts.currency().to_owned(),
        room_id: movement.room_id,
        game_type: movement.game_type,
        room_name: movement.room_name,
        at: movement.at.to_string(),
    });
    Ok(Json(Transactions {
        transactions: transactions.collect(),
        next_cursor,
    }))
}
