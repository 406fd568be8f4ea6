//! What is asked about players, and answered.

use blazing_sun_backend::accounts::{Credited, Profile};
use blazing_sun_backend::api::body::{Fields, Read};
use blazing_sun_backend::api::endpoint::example_user;
use blazing_sun_backend::api::{DepositLimits, Problem};
use blazing_sun_backend::store::overview::TransferRow;
use blazing_sun_domain::{Cents, UserId};
use serde::Serialize;

/// A command in an example.
pub(super) const COMMAND: &str = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
/// The status of who is banned.
pub(super) const BANNED: &str = "banned";

/// `GET players`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayersFound {
    /// At most 50, by name.
    pub players: Vec<PlayerLine>,
}

/// A player, in a list.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerLine {
    /// Who.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: String,
    /// Null for guests.
    pub email: Option<String>,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// What the player has.
    pub balance_cents: Cents,
    /// Whether the player may not sign in because an operator said so.
    pub is_banned: bool,
    /// `active`, `banned` or `closed`.
    pub status: String,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
}

impl PlayerLine {
    pub(super) fn of(profile: Profile) -> PlayerLine {
        PlayerLine {
            user_id: profile.user_id,
            username: profile.username,
            email: profile.email,
            roles: profile.roles,
            balance_cents: profile.balance_cents,
            is_banned: profile.status == BANNED,
            status: profile.status,
            created_at: profile.created_at,
        }
    }

    pub(super) fn example() -> PlayerLine {
        PlayerLine {
            user_id: example_user(),
            username: "Ada".to_owned(),
            email: Some("ada@example.com".to_owned()),
            roles: vec!["player".to_owned()],
            balance_cents: Cents(5_000),
            is_banned: false,
            status: "active".to_owned(),
            created_at: "2026-01-31T20:15:00.000Z".to_owned(),
        }
    }
}

/// `GET players/{user_id}`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerDetails {
    /// The account.
    pub profile: PlayerProfile,
    /// The player's money.
    pub balance: PlayerBalance,
    /// Sign-ins that can be renewed, and open sockets.
    pub sessions: Vec<PlayerSession>,
    /// The player's own limits on paying in.
    pub limits: DepositLimits,
    /// Rooms that the player is in.
    pub rooms: Vec<PlayerRoom>,
    /// The ban; null where there is none.
    pub ban: Option<Ban>,
}

/// An account.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerProfile {
    /// Who.
    pub user_id: UserId,
    /// The name shown to others.
    pub username: String,
    /// Null for guests.
    pub email: Option<String>,
    /// `player`, `guest`, `admin`, …
    pub roles: Vec<String>,
    /// `active`, `banned` or `closed`.
    pub status: String,
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// The last sign-in or renewal. RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub last_seen_at: String,
}

/// What a player has.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerBalance {
    /// Now.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
}

/// A sign-in that can be renewed, or an open socket.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerSession {
    /// `sign_in` or `socket`.
    #[schemars(extend("enum" = ["sign_in", "socket"]))]
    pub kind: &'static str,
    /// Of a socket: at which gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// Of a socket: the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Of a sign-in: since when. RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub begun_at: Option<String>,
    /// Of a sign-in: when it was last renewed. RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub renewed_at: Option<String>,
    /// Of a sign-in: when it ends. RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

/// A room that a player is in.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerRoom {
    /// The room.
    pub room_id: String,
    /// `player`, `lobby`, `spectator` or `left`.
    pub membership: String,
}

/// Why a player may not sign in.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Ban {
    /// As an operator has said it.
    pub reason: Option<String>,
}

/// `GET players/{user_id}/statement`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Statement {
    /// Newest first.
    pub entries: Vec<StatementEntry>,
    /// For `?cursor=`, to read on; null at the end.
    pub next_cursor: Option<String>,
}

/// A change of a player's balance.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct StatementEntry {
    /// RFC 3339, UTC.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `fee`, `prize`, `credit`, …
    pub kind: String,
    /// Above 0 what came in, below 0 what went out.
    pub amount_cents: Cents,
    /// The balance after it.
    pub balance_cents: Cents,
    /// The transfer's own key.
    pub key: String,
    /// The room, where one is concerned.
    pub room_id: Option<String>,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
}

impl StatementEntry {
    pub(super) fn of(row: TransferRow, balance: Cents, account: &str) -> StatementEntry {
        let is_in = row.to == account;
        StatementEntry {
            at: row.at.to_string(),
            kind: row.kind,
            amount_cents: if is_in {
                row.amount
            } else {
                Cents(-row.amount.0)
            },
            balance_cents: balance,
            key: row.key,
            room_id: row.room_id,
            correlation_id: row.correlation_id,
        }
    }
}

/// The body of `ban`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(in crate::players) struct BanReason {
    /// Kept with the account: 1 to 200 characters on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Read for BanReason {
    fn read(fields: &Fields) -> Result<BanReason, Problem> {
        let reason = fields.optional_text("reason")?.map(str::to_owned);
        Ok(BanReason { reason })
    }
}

/// The body of `credit`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(in crate::players) struct CreditAsked {
    /// From 1 to 100,000,000.
    pub(super) amount_cents: Cents,
    /// Kept in the command's record: 1 to 200 characters on one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// A UUIDv7 of the client's own: the same again changes nothing.
    #[schemars(extend("format" = "uuid"))]
    pub(super) command_id: String,
}

impl Read for CreditAsked {
    fn read(fields: &Fields) -> Result<CreditAsked, Problem> {
        Ok(CreditAsked {
            amount_cents: Cents(fields.whole_number("amount_cents")?),
            reason: fields.optional_text("reason")?.map(str::to_owned),
            command_id: fields.text("command_id")?.to_owned(),
        })
    }
}

/// `POST players/{user_id}/credit`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerCredited {
    /// To whom.
    pub user_id: UserId,
    /// How much.
    pub amount_cents: Cents,
    /// What the player has now.
    pub balance_cents: Cents,
    /// The deployment's currency.
    pub currency: String,
    /// By which command.
    pub command_id: String,
    /// Whether it happened now; otherwise the ledger had it before.
    pub is_new: bool,
}

impl PlayerCredited {
    pub(super) fn of(credited: Credited) -> PlayerCredited {
        PlayerCredited {
            user_id: credited.user_id,
            amount_cents: credited.amount_cents,
            balance_cents: credited.balance_cents,
            currency: credited.currency,
            command_id: credited.command_id.to_string(),
            is_new: credited.is_new,
        }
    }
}

/// `POST players/{user_id}/sign-out`
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PlayerSignedOut {
    /// Who.
    pub user_id: UserId,
}

pub(super) fn example() -> PlayerDetails {
    let at = || "2026-01-31T20:15:00.000Z".to_owned();
    PlayerDetails {
        profile: PlayerProfile {
            user_id: example_user(),
            username: "Ada".to_owned(),
            email: Some("ada@example.com".to_owned()),
            roles: vec!["player".to_owned()],
            status: "active".to_owned(),
            created_at: at(),
            last_seen_at: at(),
        },
        balance: PlayerBalance {
            balance_cents: Cents(5_000),
            currency: "eur".to_owned(),
        },
        sessions: vec![PlayerSession {
            kind: "sign_in",
            gateway_id: None,
            connection_id: None,
            begun_at: Some(at()),
            renewed_at: Some(at()),
            expires_at: Some(at()),
        }],
        limits: DepositLimits {
            limits: Vec::new(),
            excluded_until: None,
        },
        rooms: vec![PlayerRoom {
            room_id: COMMAND.to_owned(),
            membership: "player".to_owned(),
        }],
        ban: None,
    }
}

pub(super) fn example_statement() -> Statement {
    Statement {
        entries: vec![StatementEntry {
            at: "2026-01-31T20:15:00.000Z".to_owned(),
            kind: "prize".to_owned(),
            amount_cents: Cents(1_600),
            balance_cents: Cents(5_600),
            key: format!("prize/{COMMAND}/{}", example_user()),
            room_id: Some(COMMAND.to_owned()),
            correlation_id: Some(COMMAND.to_owned()),
        }],
        next_cursor: None,
    }
}
