//! Players over HTTP: finding one, all that is known of one, and what may be done to one.

mod answers;

pub use answers::{
    Ban, PlayerBalance, PlayerCredited, PlayerDetails, PlayerLine, PlayerProfile, PlayerRoom,
    PlayerSession, PlayerSignedOut, PlayersFound, Statement, StatementEntry,
};

use crate::refused::Refused;
use crate::{Admin, Console, Endpoint, query};
use answers::{BANNED, BanReason, COMMAND, CreditAsked, example, example_statement};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use blazing_sun_backbone::rest::problem::{CONFLICT, INVALID_FORMAT, NOT_FOUND};
use blazing_sun_backbone::rest::{Answer, Operation, Parameter, Place};
use blazing_sun_backend::accounts::{OperatorError, Profile, UserRef, check_reason};
use blazing_sun_backend::api::body::Body;
use blazing_sun_backend::api::endpoint::{CURSOR_EXAMPLE, example_user, next_page};
use blazing_sun_backend::api::{Problem, deposit_limits, page};
use blazing_sun_domain::{Account, Cents, CommandId, UserId};
use schemars::json_schema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Players that one search finds.
const FOUND_MAX: u32 = 50;

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
                    "Sockets close at once; an access token is good for 15 minutes at most after that.",
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
    let (rows, next_cursor) = query::cut(rows, limit, |(row, _)| row.position);
    let account = Account::Player(user).to_string();
    let entries = rows
        .into_iter()
        .map(|(row, balance)| StatementEntry::of(row, balance, &account));
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

/// Before a reason is in the log, which keeps what it takes for ever.
fn well_put(reason: Option<&str>) -> Result<(), Problem> {
    Ok(check_reason(reason).map_err(Refused::from)?)
}

async fn ban_player(
    admin: Admin,
    State(console): State<Console>,
    Path(id): Path<String>,
    Body(BanReason { reason }): Body<BanReason>,
) -> Result<Json<PlayerLine>, Problem> {
    well_put(reason.as_deref())?;
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
    let (amount, reason) = (asked.amount_cents, asked.reason.as_deref());
    well_put(reason)?;
    let user = one(&console, &id).await?.user_id;
    let who = UserRef::Id(user);
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
    let who = UserRef::Id(user);
    let sign_out = console.bans.sign_out(&who);
    act(&console, &admin, "user.sign_out", user, json!({}), sign_out).await?;
    Ok(Json(PlayerSignedOut { user_id: user }))
}
