//! Players over HTTP: finding one, all that is known of one, and what may be done to one.

use crate::refused::Refused;
use crate::{Admin, Console, Endpoint, query};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blazing_sun_backbone::rest::problem::{CONFLICT, INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place};
use blazing_sun_backend::accounts::{Credited, OperatorError, Profile, UserRef};
use blazing_sun_backend::api::body::{Body, Fields, Read};
use blazing_sun_backend::api::endpoint::{CURSOR_EXAMPLE, example_user, next_page};
use blazing_sun_backend::api::{DepositLimits, Problem, deposit_limits, page};
use blazing_sun_backend::store::overview::TransferRow;
use blazing_sun_domain::{Account, Cents, CommandId, UserId};
use schemars::json_schema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const COMMAND: &str = "0190a1b2-3c4d-7e5f-8a6b-7c8d9e0f1a2b";
/// Players that one search finds.
const FOUND_MAX: u32 = 50;

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
    fn of(profile: Profile) -> PlayerLine {
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

    fn example() -> PlayerLine {
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

const BANNED: &str = "banned";

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
    /// The transfer's own key.
    pub key: String,
    /// The room, where one is concerned.
    pub room_id: Option<String>,
    /// The command that it follows from.
    pub correlation_id: Option<String>,
}

impl StatementEntry {
    fn of(row: TransferRow, account: &str) -> StatementEntry {
        let is_in = row.to == account;
        StatementEntry {
            at: row.at.to_string(),
            kind: row.kind,
            amount_cents: if is_in {
                row.amount
            } else {
                Cents(-row.amount.0)
            },
            key: row.key,
            room_id: row.room_id,
            correlation_id: row.correlation_id,
        }
    }
}

/// The body of `ban`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct BanReason {
    /// Kept with the account: 1 to 200 characters on one line.
    reason: Option<String>,
}

impl Read for BanReason {
    fn read(fields: &Fields) -> Result<BanReason, Problem> {
        let reason = fields.optional_text("reason")?.map(str::to_owned);
        Ok(BanReason { reason })
    }
}

/// The body of `credit`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(crate) struct CreditAsked {
    /// From 1 to 100,000,000.
    amount_cents: Cents,
    /// Kept in the command's record: 1 to 200 characters on one line.
    reason: Option<String>,
    /// A UUIDv7 of the client's own: the same again changes nothing.
    #[schemars(extend("format" = "uuid"))]
    command_id: String,
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
    fn of(credited: Credited) -> PlayerCredited {
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

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let found = PlayersFound {
        players: vec![PlayerLine::example()],
    };
    let ban = [(
        "reason",
        BanReason {
            reason: Some("cheating".to_owned()),
        },
    )];
    let credit = CreditAsked {
        amount_cents: Cents(500),
        reason: Some("sorry".to_owned()),
        command_id: COMMAND.to_owned(),
    };
    let credited = PlayerCredited {
        user_id: example_user(),
        amount_cents: Cents(500),
        balance_cents: Cents(5_500),
        currency: "eur".to_owned(),
        command_id: COMMAND.to_owned(),
        is_new: true,
    };
    let of_one = |operation: Operation| {
        operation
            .parameter(user_id())
            .refuses(&[NOT_FOUND, INVALID_FORMAT])
    };
    let line = Answer::json(200, "The player.", &PlayerLine::example());
    let post = |path, id| of_one(query::post(path, id));
    let query_parameter = Parameter {
        is_required: true,
        ..query::optional(
            "query",
            "An id, an email, `@` and a whole name, or the beginning of a name.",
            json_schema!({ "type": "string", "minLength": 1 }),
            "Ada",
        )
    };
    vec![
        Endpoint::new(
            query::get("/api/v1/admin/players", "players")
                .says("Find players", "At most 50.")
                .parameter(query_parameter)
                .answers(Answer::json(200, "Who was found.", &found))
                .refuses(&[INVALID_FORMAT]),
            players,
        ),
        Endpoint::new(
            of_one(query::get("/api/v1/admin/players/{user_id}", "player"))
                .says("Read all that is known of a player", "")
                .answers(Answer::json(200, "The player.", &example())),
            player,
        ),
        Endpoint::new(
            query::in_pages(of_one(query::get(
                "/api/v1/admin/players/{user_id}/statement",
                "playerStatement",
            )))
            .says("List what came in and went out", "Newest first.")
            .parameter(query::any_cursor(CURSOR_EXAMPLE))
            .answers(
                Answer::json(200, "A page of it.", &example_statement())
                    .link(next_page("playerStatement")),
            ),
            statement,
        ),
        Endpoint::new(
            post("/api/v1/admin/players/{user_id}/ban", "banPlayer")
                .says(
                    "Ban a player",
                    "Sockets close at once, tokens are refused from then on.",
                )
                .body(false, ban)
                .answers(line.clone())
                .refuses(&[CONFLICT]),
            ban_player,
        ),
        Endpoint::new(
            post("/api/v1/admin/players/{user_id}/unban", "unbanPlayer")
                .says("Lift a ban", "")
                .answers(line)
                .refuses(&[CONFLICT]),
            unban_player,
        ),
        Endpoint::new(
            post("/api/v1/admin/players/{user_id}/credit", "creditPlayer")
                .says(
                    "Give demo money",
                    "By a command on the log; the same command id gives it once.",
                )
                .body(true, [("credit", credit)])
                .answers(Answer::json(200, "The ledger has it.", &credited))
                .refuses(&[CONFLICT]),
            credit_player,
        ),
        Endpoint::new(
            post("/api/v1/admin/players/{user_id}/sign-out", "signOutPlayer")
                .says(
                    "End all of a player's sign-ins",
                    "An access token is good for 15 minutes at most after that.",
                )
                .answers(Answer::json(
                    200,
                    "They have ended.",
                    &PlayerSignedOut {
                        user_id: example_user(),
                    },
                )),
            sign_out_player,
        ),
    ]
}

fn example() -> PlayerDetails {
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

fn example_statement() -> Statement {
    Statement {
        entries: vec![StatementEntry {
            at: "2026-01-31T20:15:00.000Z".to_owned(),
            kind: "prize".to_owned(),
            amount_cents: Cents(1_600),
            key: format!("prize/{COMMAND}/{}", example_user()),
            room_id: Some(COMMAND.to_owned()),
            correlation_id: Some(COMMAND.to_owned()),
        }],
        next_cursor: None,
    }
}

fn user_id() -> Parameter {
    Parameter {
        place: Place::Path,
        name: "user_id",
        description: "The player.",
        is_required: true,
        schema: json_schema!({ "type": "string", "pattern": "^[0-9]{1,16}$" }),
        example: example_user().to_string().into(),
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    query: String,
}

async fn players(
    _: Admin,
    State(console): State<Console>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<PlayersFound>, Problem> {
    let asked = query::read(asked)?;
    let wanted = asked.query.trim();
    if wanted.is_empty() {
        let detail = "`query` must be an id, an email, `@` and a name, or the beginning of a name.";
        return Err(Problem::invalid_format(detail).in_field("query"));
    }
    let mut ids = Vec::new();
    if let Ok(who) = wanted.parse::<UserRef>() {
        match console.accounts.find(&who).await {
            Ok(user) => ids.push(user.id),
            Err(OperatorError::AmbiguousUser { ids: several, .. }) => ids.extend(several),
            Err(OperatorError::UserNotFound(_)) => {}
            Err(error) => return Err(Refused::from(error).into()),
        }
    }
    if ids.is_empty() {
        let beginning = wanted.strip_prefix('@').unwrap_or(wanted);
        ids = console
            .overview
            .users_beginning(beginning, FOUND_MAX)
            .await?;
    }
    let mut players = Vec::new();
    for id in ids {
        let profile = console.accounts.profile(&UserRef::Id(id)).await;
        players.push(PlayerLine::of(profile.map_err(Refused::from)?));
    }
    Ok(Json(PlayersFound { players }))
}

/// The player that a path names.
async fn one(console: &Console, id: &str) -> Result<Profile, Problem> {
    let not_found = || Problem::new(NOT_FOUND, "There is no such player.");
    let id: UserId = id.parse().map_err(|_| not_found())?;
    let profile = console.accounts.profile(&UserRef::Id(id)).await;
    Ok(profile.map_err(Refused::from)?)
}

async fn player(
    _: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<PlayerDetails>, Problem> {
    let profile = one(&console, &id).await?;
    let (user, now) = (profile.user_id, (console.clock)());
    let found = console.overview.sessions(user, now).await?;
    let sign_ins = found.families.into_iter().map(|family| PlayerSession {
        kind: "sign_in",
        gateway_id: None,
        connection_id: None,
        begun_at: Some(family.begun.to_string()),
        renewed_at: Some(family.renewed.to_string()),
        expires_at: Some(family.expires.to_string()),
    });
    let sockets = found
        .sockets
        .into_iter()
        .map(|(gateway, connection)| PlayerSession {
            kind: "socket",
            gateway_id: Some(gateway),
            connection_id: Some(connection),
            begun_at: None,
            renewed_at: None,
            expires_at: None,
        });
    let rooms = console.overview.rooms_of(user).await?;
    Ok(Json(PlayerDetails {
        sessions: sockets.chain(sign_ins).collect(),
        limits: deposit_limits(&*console.reads, user, now).await?,
        rooms: rooms
            .into_iter()
            .map(|(room_id, membership)| PlayerRoom {
                room_id,
                membership,
            })
            .collect(),
        ban: (profile.status == BANNED).then_some(Ban {
            reason: profile.ban_reason,
        }),
        balance: PlayerBalance {
            balance_cents: profile.balance_cents,
            currency: profile.currency,
        },
        profile: PlayerProfile {
            user_id: user,
            username: profile.username,
            email: profile.email,
            roles: profile.roles,
            status: profile.status,
            created_at: profile.created_at,
            last_seen_at: profile.last_seen_at,
        },
    }))
}

#[derive(Deserialize)]
struct PageAsked {
    cursor: Option<String>,
    limit: Option<u32>,
}

async fn statement(
    _: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
    asked: Result<Query<PageAsked>, QueryRejection>,
) -> Result<Json<Statement>, Problem> {
    let asked = query::read(asked)?;
    let limit = query::limit(asked.limit)?;
    let before = page::read_cursor(asked.cursor.as_deref())?;
    let user = one(&console, &id).await?.user_id;
    let rows = console
        .overview
        .transfers_of_player(user, before, limit + 1)
        .await?;
    let (rows, next_cursor) = query::cut(rows, limit, |row| row.position);
    let account = Account::Player(user).to_string();
    let entries = rows
        .into_iter()
        .map(|row| StatementEntry::of(row, &account));
    Ok(Json(Statement {
        entries: entries.collect(),
        next_cursor,
    }))
}

/// Does it to a player, with its rows in the log.
async fn act<T>(
    console: &Console,
    admin: &Admin,
    action: &str,
    user: UserId,
    detail: Value,
    effect: impl Future<Output = Result<T, OperatorError>>,
) -> Result<T, Problem> {
    let target = user.to_string();
    let effect = async { effect.await.map_err(Refused::from) };
    let done = console
        .actions()
        .run(&admin.by(), action, Some(&target), detail, effect)
        .await;
    Ok(done?)
}

async fn ban_player(
    admin: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
    Body(BanReason { reason }): Body<BanReason>,
) -> Result<Json<PlayerLine>, Problem> {
    let user = one(&console, &id).await?.user_id;
    let who = UserRef::Id(user);
    let ban = console.bans.set(&who, true, reason.as_deref());
    let detail = json!({ "reason": reason });
    let done = act(&console, &admin, "user.ban", user, detail, ban).await?;
    Ok(Json(PlayerLine::of(done)))
}

async fn unban_player(
    admin: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<PlayerLine>, Problem> {
    let user = one(&console, &id).await?.user_id;
    let who = UserRef::Id(user);
    let unban = console.bans.set(&who, false, None);
    let done = act(&console, &admin, "user.unban", user, json!({}), unban).await?;
    Ok(Json(PlayerLine::of(done)))
}

async fn credit_player(
    admin: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
    Body(asked): Body<CreditAsked>,
) -> Result<Json<PlayerCredited>, Problem> {
    let command: CommandId = asked.command_id.parse().map_err(|_| {
        Problem::invalid_format("`command_id` must be a UUID.").in_field("command_id")
    })?;
    let user = one(&console, &id).await?.user_id;
    let who = UserRef::Id(user);
    let (amount, reason) = (asked.amount_cents, asked.reason.as_deref());
    let detail = json!({ "amount_cents": amount, "reason": reason, "command_id": command });
    let credit = console.accounts.credit(&who, amount, reason, command);
    let done = act(&console, &admin, "user.credit", user, detail, credit).await?;
    Ok(Json(PlayerCredited::of(done)))
}

async fn sign_out_player(
    admin: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<Json<PlayerSignedOut>, Problem> {
    let user = one(&console, &id).await?.user_id;
    let sign_out = async {
        let ended = console.accounts.logout_everywhere(user).await;
        ended.map_err(OperatorError::Password)?;
        console.bans.edge().close(user);
        Ok(())
    };
    act(&console, &admin, "user.sign_out", user, json!({}), sign_out).await?;
    Ok(Json(PlayerSignedOut { user_id: user }))
}
